package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The smallest repository that makes a sound bundle.
var sound = map[string]string{
	"go.mod":  "module tiny\n\ngo 1.26\n",
	"main.go": "package main\n\nfunc main() { println(\"here\") }\n",
	"host.json": `{
  "version": "2.0",
  "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
  "functionTimeout": "00:05:00",
  "customHandler": {"description": {"defaultExecutablePath": "handler"}, "enableProxyingHttpRequest": true},
  "extensions": {
    "http": {"routePrefix": "api"},
    "serviceBus": {"maxAutoLockRenewalDuration": "00:05:00", "autoCompleteMessages": true}
  }
}
`,
	"functions/functions.go": "package functions\n",
	"functions/requests/function.json": `{
  "bindings": [
    {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "methods": ["get", "post"], "route": "v1.0/requests/{*path}"},
    {"type": "http", "direction": "out", "name": "res"}
  ]
}
`,
	"functions/provisioning/function.json": `{
  "bindings": [
    {"type": "serviceBusTrigger", "direction": "in", "name": "message", "queueName": "provisioning", "connection": "ServiceBusConnection",
      "isSessionsEnabled": true, "dataType": "binary"}
  ]
}
`,
	"functions/expirations/function.json": `{
  "bindings": [
    {"type": "timerTrigger", "direction": "in", "name": "timer", "schedule": "%ExpirationsSchedule%"}
  ]
}
`,
	"local.settings.sample.json": `{
  "IsEncrypted": false,
  "Values": {
    "ServiceBusConnection": "Endpoint=sb://localhost;UseDevelopmentEmulator=true;",
    "ExpirationsSchedule": "0 */5 * * * *"
  }
}
`,
	"infra/modules/function-app.bicep": `param expirationsSchedule string = '0 */5 * * * *'
var settings = {
  // app settings begin
  ServiceBusConnection__fullyQualifiedNamespace: 'x'
  ServiceBusConnection__credential: 'managedidentity'
  ServiceBusConnection__clientId: 'x'
  ExpirationsSchedule: expirationsSchedule
  // app settings end
}
`,
}

// repository writes the sound repository with changes: file to text, or to "" to leave it out.
func repository(t *testing.T, changes map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for file, text := range sound {
		if _, changed := changes[file]; !changed {
			writeFile(t, root, file, text)
		}
	}
	for file, text := range changes {
		if text != "" {
			writeFile(t, root, file, text)
		}
	}
	return root
}

func writeFile(t *testing.T, root, file, text string) {
	t.Helper()
	name := filepath.Join(root, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// with is the sound text of a file with old replaced by new; it fails if old is not there.
func with(t *testing.T, file, old, replacement string) map[string]string {
	t.Helper()
	if !strings.Contains(sound[file], old) {
		t.Fatalf("%s does not hold %q", file, old)
	}
	return map[string]string{file: strings.Replace(sound[file], old, replacement, 1)}
}

func TestBundleIsCompleteAndReproducible(t *testing.T) {
	var hashes []string
	for range 2 {
		root, out := repository(t, nil), t.TempDir()
		functions, findings := checkSources(root)
		if len(findings) > 0 {
			t.Fatal(findings.err())
		}
		made, err := assemble(t.Context(), options{Arch: "amd64", Root: root, Out: out, Package: "."}, functions)
		if err != nil {
			t.Fatal(err)
		}
		if findings := checkBundle(made, "amd64"); len(findings) > 0 {
			t.Fatal(findings.err())
		}
		hashes = append(hashes, made.SHA256)
		assertEntries(t, made.Zip)
		if findings := checkBundle(made, "arm64"); len(findings) != 1 || !strings.Contains(findings[0].String(), "is built for EM_X86_64, not for EM_AARCH64.") {
			t.Errorf("for another processor: %v", findings)
		}
	}
	if hashes[0] != hashes[1] {
		t.Errorf("two builds in two folders give %s and %s", hashes[0], hashes[1])
	}
}

func assertEntries(t *testing.T, name string) {
	t.Helper()
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	want := []struct {
		name string
		mode fs.FileMode
	}{
		{"expirations/function.json", 0o644}, {"handler", 0o755}, {"host.json", 0o644}, {"provisioning/function.json", 0o644}, {"requests/function.json", 0o644},
	}
	if len(archive.File) != len(want) {
		t.Fatalf("%d entries, want %d", len(archive.File), len(want))
	}
	for i, entry := range archive.File {
		if entry.Name != want[i].name || entry.Mode() != want[i].mode || entry.CreatorVersion>>8 != 3 {
			t.Errorf("entry %d is %s %v made by %d; want %s %v made by 3", i, entry.Name, entry.Mode(), entry.CreatorVersion>>8, want[i].name, want[i].mode)
		}
	}
}

func TestRunReports(t *testing.T) {
	root := repository(t, nil)
	var out bytes.Buffer
	if err := run(t.Context(), options{Arch: "amd64", Root: root, Out: t.TempDir(), Package: "."}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"folder ", "(3 functions)", "linux/amd64, static", "sha256 ", "took "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

func TestRunSaysWhyTheHandlerDoesNotBuild(t *testing.T) {
	root := repository(t, map[string]string{"main.go": "package main\n\nfunc main() { undefined() }\n"})
	err := run(t.Context(), options{Arch: "amd64", Root: root, Out: t.TempDir(), Package: "."}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "the handler does not build") || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("got %v", err)
	}
}

func TestBrokenSourcesGiveTheirSentence(t *testing.T) {
	const (
		host     = "host.json"
		requests = "functions/requests/function.json"
		queue    = "functions/provisioning/function.json"
		timer    = "functions/expirations/function.json"
		sample   = "local.settings.sample.json"
		bicep    = "infra/modules/function-app.bicep"
	)
	httpFunction := func(route, methods string) string {
		return `{"bindings": [
  {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous", "methods": [` + methods + `], "route": "` + route + `"},
  {"type": "http", "direction": "out", "name": "res"}]}`
	}
	cases := []struct {
		name    string
		changes map[string]string
		want    string
	}{
		{"no host.json", map[string]string{host: ""}, "host.json: is missing."},
		{"host.json is no JSON", with(t, host, `"2.0",`, `"2.0"`), "host.json:3: is not JSON that the host can read"},
		{"host.json is a list", map[string]string{host: "[]"}, "host.json:1: must be a JSON object."},
		{"a key twice", with(t, host, `"version": "2.0",`, `"version": "2.0", "version": "2.0",`), `host.json:2: is not JSON that the host can read: "version" is there twice.`},
		{"two values", map[string]string{host: sound[host] + "{}"}, "something follows the end"},
		{"nested too deep", map[string]string{host: strings.Repeat("[", 50) + strings.Repeat("]", 50)}, "nested deeper than 32"},
		{"an unknown key", with(t, host, `"version"`, `"functionTimeOut": "", "version"`), `host.json:2: "functionTimeOut" is no setting of the host.`},
		{"version", with(t, host, `"2.0"`, `"3.0"`), `host.json:2: version must be "2.0".`},
		{"extension bundle", with(t, host, `[4.*, 5.0.0)`, `[3.*, 4.0.0)`), "host.json:3: extensionBundle must be"},
		{"timeout", with(t, host, `"functionTimeout": "00:05:00"`, `"functionTimeout": "-1"`), `host.json:4: functionTimeout must be a positive hh:mm:ss; it is "-1".`},
		{"executable", with(t, host, `"handler"`, `"bin/handler"`), `host.json:5: customHandler.description.defaultExecutablePath must be "handler"`},
		{"no proxying", with(t, host, `true}`, `false}`), "host.json:5: customHandler.enableProxyingHttpRequest must be true"},
		{"forwarding", with(t, host, `"enableProxyingHttpRequest": true`, `"enableProxyingHttpRequest": true, "enableForwardingHttpRequest": true`), "enableForwardingHttpRequest loses chunked bodies"},
		{"routes in host.json", with(t, host, `"enableProxyingHttpRequest": true`, `"enableProxyingHttpRequest": true, "http": {"routes": []}`), "customHandler.http does not go together"},
		{"no prefix", with(t, host, `"routePrefix": "api"`, `"routePrefix": ""`), "host.json:7: extensions.http.routePrefix must not be empty"},
		{"lock renewal", with(t, host, `"maxAutoLockRenewalDuration": "00:05:00"`, `"maxAutoLockRenewalDuration": "00:01:00"`), "maxAutoLockRenewalDuration (1m0s) is shorter than functionTimeout (5m0s)"},
		{"no settling", with(t, host, `"autoCompleteMessages": true`, `"autoCompleteMessages": false`), "host.json:8: extensions.serviceBus.autoCompleteMessages must be true"},
		{"sessions side by side", with(t, host, `"autoCompleteMessages": true`, `"autoCompleteMessages": true, "maxConcurrentCallsPerSession": 2`), "host.json:8: extensions.serviceBus.maxConcurrentCallsPerSession must stay"},

		{"a folder without function.json", map[string]string{"functions/empty/readme.md": "x"}, "functions/empty/readme.md: is no part of a function"},
		{"test data beside the functions", map[string]string{"functions/testdata/x.json": "x"}, ""},
		{"an empty function", map[string]string{requests: "{}"}, "functions/requests/function.json:1: bindings must be a list"},
		{"a bad name", map[string]string{"functions/9lives/function.json": sound[timer]}, "functions/9lives: is no name of a function"},
		{"the name host", map[string]string{"functions/host/function.json": sound[timer]}, "functions/host: is no name of a function"},
		{"names that differ in case", map[string]string{"functions/Requests/function.json": sound[timer]}, "functions/requests: differs from Requests in case only."},
		{"no trigger", with(t, timer, `"timerTrigger"`, `"timer"`), `the type "timer" of a binding is none that Latchkey uses`},
		{"two bindings of one name", with(t, requests, `"name": "res"`, `"name": "Req"`), `functions/requests/function.json:4: two bindings are named "Req".`},
		{"no binding name", with(t, requests, `"name": "res"`, `"name": ""`), "a binding has no name."},
		{"direction", with(t, timer, `"in"`, `"out"`), `the direction of timerTrigger must be "in"; it is "out".`},
		{"disabled", with(t, timer, `"bindings"`, `"disabled": true, "bindings"`), "disables the function"},
		{"a script", with(t, timer, `"bindings"`, `"scriptFile": "x", "bindings"`), "scriptFile has no meaning"},
		{"http without output", with(t, requests, `{"type": "http", "direction": "out", "name": "res"}`, `{"type": "timerTrigger", "direction": "in", "name": "t", "schedule": "0 0 0 * * *"}`), "a function has one trigger; this one has 2."},
		{"an output without http", with(t, timer, `%"}`, `%"}, {"type": "http", "direction": "out", "name": "res"}`), "an http output needs an httpTrigger."},

		{"a function key", with(t, requests, `"anonymous"`, `"function"`), `functions/requests/function.json:3: authLevel must be "anonymous"`},
		{"an empty list of methods", with(t, requests, `"get", "post"`, ``), "methods is there and names none"},
		{"an unknown method", with(t, requests, `"post"`, `"fetch"`), "fetch is no HTTP method."},
		{"no route", with(t, requests, `v1.0/requests/{*path}`, ``), `the route "" is empty.`},
		{"a route from the root", with(t, requests, `v1.0/requests/{*path}`, `/v1.0`), `the route "/v1.0" begins with "/", which the host refuses.`},
		{"a broken parameter", with(t, requests, `{*path}`, `{path`), `mixes text and parameters in "{path"`},
		{"a segment after a catch-all", with(t, requests, `{*path}`, `{*path}/x`), "goes on after a catch-all"},
		{"the prefix twice", with(t, requests, `v1.0/requests/{*path}`, `api/v1.0`), `repeats the prefix "api"`},
		{"a route of the host's", with(t, requests, `v1.0/requests/{*path}`, `Administration/x`), `the route "Administration/x" begins with "admin", which the host keeps for itself.`},
		{"the same route", map[string]string{"functions/twin/function.json": httpFunction("V1.0/Requests/{*rest}", `"get"`)}, `functions/twin/function.json:2: the route "V1.0/Requests/{*rest}" shares paths with "v1.0/requests/{*path}" of requests`},
		{"crossing routes", map[string]string{"functions/twin/function.json": httpFunction("{version}/requests/one", `"get"`)}, "shares paths with"},
		{"the same route by all methods", map[string]string{"functions/twin/function.json": strings.Replace(httpFunction("v1.0/requests/{*path}", ``), `"methods": [], `, ``, 1)}, "shares paths with"},
		{"the same route by other methods", map[string]string{"functions/twin/function.json": httpFunction("v1.0/requests/{*path}", `"delete"`)}, ""},
		{"a special case of a catch-all", map[string]string{"functions/twin/function.json": httpFunction("v1.0/requests/{id}/cancel", `"post"`)}, "shares paths with"},
		{"an outside path to a timer", map[string]string{"functions/API/function.json": sound[timer]}, `functions/API/function.json: the function has the name of the route prefix "api"`},

		{"no queue", with(t, queue, `"queueName": "provisioning"`, `"queueName": ""`), "queueName must name a queue."},
		{"an unknown queue", with(t, queue, `"queueName": "provisioning"`, `"queueName": "provisions"`), `functions/provisioning/function.json:3: the queue "provisions" is none of shared/bus`},
		{"sessions left out", with(t, queue, `"isSessionsEnabled": true, `, ``), `isSessionsEnabled must be true for the queue "provisioning".`},
		{"sessions too many", with(t, queue, `"queueName": "provisioning"`, `"queueName": "notifications"`), `isSessionsEnabled must be false for the queue "notifications".`},
		{"text messages", with(t, queue, `"dataType": "binary"`, `"dataType": "string"`), `functions/provisioning/function.json:4: dataType must be "binary"`},
		{"batches", with(t, queue, `"dataType": "binary"`, `"dataType": "binary", "cardinality": "many"`), `cardinality must be "one"`},
		{"a connection with percent signs", with(t, queue, `"ServiceBusConnection"`, `"%ServiceBusConnection%"`), "connection must be the name of a connection setting"},
		{"an unknown connection", with(t, queue, `"ServiceBusConnection"`, `"Bus"`), "the connection Bus is not in local.settings.sample.json."},
		{"a connection that Bicep lacks", with(t, bicep, `ServiceBusConnection__clientId`, `Other`), "the setting ServiceBusConnection__clientId is not among the app settings of the Bicep files"},
		{"a connection string in Bicep", with(t, bicep, `ServiceBusConnection__clientId`, "ServiceBusConnection: 'x'\n  ServiceBusConnection__clientId"), "infra/modules/function-app.bicep:6: ServiceBusConnection would be a connection string in a setting."},

		{"a schedule of five fields", with(t, timer, `%ExpirationsSchedule%`, `*/5 * * * *`), `functions/expirations/function.json:3: the schedule "*/5 * * * *" has 5 fields, want 6: second minute hour day month day-of-week.`},
		{"a schedule out of range", with(t, timer, `%ExpirationsSchedule%`, `0 0 24 * * *`), `functions/expirations/function.json:3: the schedule "0 0 24 * * *": hour: "24" is not between 0 and 23.`},
		{"a schedule that never comes", with(t, timer, `%ExpirationsSchedule%`, `0 0 0 30 2 *`), `functions/expirations/function.json:3: the schedule "0 0 0 30 2 *" never comes.`},
		{"a setting that is not in the sample", with(t, sample, `"ExpirationsSchedule"`, `"Expirations"`), "the setting ExpirationsSchedule is not in local.settings.sample.json."},
		{"a setting that is not in Bicep", with(t, bicep, `ExpirationsSchedule:`, `Expirations:`), "the setting ExpirationsSchedule is not among the app settings"},
		{"a bad schedule in the sample", with(t, sample, `0 */5 * * * *`, `often`), `local.settings.sample.json:5: ExpirationsSchedule: "often" has 1 fields`},
		{"a bad schedule in Bicep", with(t, bicep, `'0 */5 * * * *'`, `'0 0 0 0 * *'`), `infra/modules/function-app.bicep:1: ExpirationsSchedule: "0 0 0 0 * *": day: "0" is not between 1 and 31.`},
		{"a timer at every start", with(t, timer, `"name": "timer"`, `"name": "timer", "runOnStartup": true`), "runOnStartup would run the timer"},
		{"a timer that forgets", with(t, timer, `"name": "timer"`, `"name": "timer", "useMonitor": false`), "useMonitor must stay on"},

		{"no sample", map[string]string{sample: ""}, "local.settings.sample.json: is missing."},
		{"a sample without values", map[string]string{sample: "{}"}, "local.settings.sample.json:1: has no object Values."},
		{"a number in the sample", with(t, sample, `"ExpirationsSchedule"`, `"Port": 7, "ExpirationsSchedule"`), "local.settings.sample.json:5: Port must be a string"},
		{"no Bicep", map[string]string{bicep: ""}, "infra: no Bicep file holds the app's settings"},
		{"nothing wrong", nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, found := checkSources(repository(t, c.changes))
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("unexpected: %v", found.err())
			case c.want != "" && len(found) == 0:
				t.Errorf("nothing was found; want %q", c.want)
			case c.want != "" && !strings.Contains(found.err().Error(), c.want):
				t.Errorf("got\n%v\nwant %q", found.err(), c.want)
			}
		})
	}
}

func TestBrokenBundlesGiveTheirSentence(t *testing.T) {
	// A zip as another tool might make it.
	type entry struct {
		name     string
		mode     fs.FileMode
		creator  uint16
		modified time.Time
	}
	good := []entry{{"handler", 0o755, 3, bundled}, {"host.json", 0o644, 3, bundled}, {"requests/function.json", 0o644, 3, bundled}}
	cases := []struct {
		name    string
		entries []entry
		want    string
	}{
		{"nothing wrong", good, ""},
		{"a dot-slash", []entry{{"./handler", 0o755, 3, bundled}, good[1], good[2]}, `the entry "./handler" begins with "./"`},
		{"backslashes", []entry{good[0], good[1], {`requests\function.json`, 0o644, 3, bundled}}, `is no plain relative path.`},
		{"no execute bit", []entry{{"handler", 0o644, 3, bundled}, good[1], good[2]}, `the entry "handler" has mode 644; it must be 755.`},
		{"made by DOS", []entry{{"handler", 0o755, 0, bundled}, good[1], good[2]}, `the entry "handler" is not marked as created by Unix`},
		{"something missing", good[:2], `the entry "requests/function.json" is missing.`},
		{"something too much", append([]entry{{".env", 0o644, 3, bundled}}, good...), `the entry ".env" does not belong into the bundle.`},
		{"twice", []entry{good[0], good[1], good[1], good[2]}, `the entry "host.json" is there twice.`},
		{"a time of its own", []entry{{"handler", 0o755, 3, bundled.Add(time.Hour)}, good[1], good[2]}, `the entry "handler" bears a time of its own`},
		{"unsorted", []entry{good[1], good[0], good[2]}, "the entries are not sorted"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var buffer bytes.Buffer
			archive := zip.NewWriter(&buffer)
			for _, e := range c.entries {
				header := &zip.FileHeader{Name: e.name, Modified: e.modified}
				header.SetMode(e.mode)
				header.CreatorVersion = e.creator<<8 | 20
				if _, err := archive.CreateHeader(header); err != nil {
					t.Fatal(err)
				}
			}
			if err := archive.Close(); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(t.TempDir(), "bundle.zip")
			if err := os.WriteFile(name, buffer.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
			var found findings
			checkZip(&found, name, []string{"host.json", "handler", "requests/function.json"})
			switch {
			case c.want == "" && len(found) > 0:
				t.Errorf("unexpected: %v", found.err())
			case c.want != "" && (len(found) == 0 || !strings.Contains(found.err().Error(), c.want)):
				t.Errorf("got %v, want %q", found.err(), c.want)
			}
		})
	}
}

// The folder is what is started, the zip what is published: both are looked at.
func TestBrokenFoldersAndFatZipsGiveTheirSentence(t *testing.T) {
	root, out := repository(t, nil), t.TempDir()
	functions, _ := checkSources(root)
	made, err := assemble(t.Context(), options{Arch: "amd64", Root: root, Out: out, Package: "."}, functions)
	if err != nil {
		t.Fatal(err)
	}
	made.ZipBytes = maxZipBytes + 1
	if err := errors.Join(os.Chmod(filepath.Join(made.Folder, "handler"), 0o644), os.Remove(filepath.Join(made.Folder, "requests", "function.json"))); err != nil {
		t.Fatal(err)
	}
	found := checkBundle(made, "amd64")
	for _, want := range []string{"handler has mode 644 in the folder; it must be 755.", "requests/function.json is missing from the folder.", "weighs 15.0 MB; at most 15 are allowed."} {
		if len(found) != 3 || !strings.Contains(found.err().Error(), want) {
			t.Errorf("want %q in %v", want, found)
		}
	}
}

func TestBinaryMustBeStripped(t *testing.T) {
	tool, err := exec.LookPath("go") // whoever can build the handler has a binary with symbols
	if err != nil {
		t.Fatal(err)
	}
	var found findings
	checkBinary(&found, tool, runtime.GOARCH)
	if found == nil || !strings.Contains(found.err().Error(), "still holds symbols or debug information") {
		t.Errorf("%s: %v", tool, found)
	}
}

func TestBinaryMustBeStatic(t *testing.T) {
	// The shell of the machine that runs the tests is linked dynamically; a script is no binary at all.
	var found findings
	checkBinary(&found, "/bin/sh", "amd64")
	if found == nil || !strings.Contains(found.err().Error(), "asks for a dynamic linker") {
		t.Errorf("/bin/sh: %v", found.err())
	}
	script := filepath.Join(t.TempDir(), "handler")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	found = nil
	checkBinary(&found, script, "amd64")
	if len(found) != 1 || !strings.Contains(found[0].Sentence, "is no Linux binary") {
		t.Errorf("a script: %v", found)
	}
}

func TestRoutes(t *testing.T) {
	cases := []struct {
		a, b string
		want bool
	}{
		{"a", "b", false},
		{"a/{id}", "A/{key}", true},
		{"a/{id}", "a/new", true},
		{"a/{*rest}", "a/{id}", true},
		{"a/{*rest}", "a", true},
		{"a/{*rest}", "a/b/{*rest}", true},
		{"a/{id?}", "a/{key}", true},
		{"a/{id:regex(^(one|two)$)}", "a/{id:regex(^(two)$)}", true},
		{"{set:regex(^(?!one|two).*$)}/{*rest}", "{set:regex(^one.*$|^two.*$)}/{*rest}", false},
		{"{set:regex(^(?!one).*$)}/{*rest}", "{set:regex(^one.*$|^two.*$)}/{*rest}", true},
		{"{set:regex(^(?!one).*$)}/{*rest}", "ONE/{*rest}", false},
		{"{set:int}", "{set}", true},
		{"{set:int}", "{set:guid}", true},
		{"a/{x}/c", "a/b/{y}", true},
		{"{kind:regex(^(one|two)$)}/{*rest}", "{kind:regex(^(three)$)}/{*rest}", false},
		{"{kind:regex(^(one|two)$)}/{*rest}", "{kind:regex(^(two|three)$)}/{*rest}", true},
		{"{kind:regex(^(one|two)$)}/{*rest}", "two/{*rest}", true},
		{"a/b", "a/b/c", false},
	}
	for _, c := range cases {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			a, errA := parseRoute(pair[0])
			b, errB := parseRoute(pair[1])
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			if got := clash(a, b); got != c.want {
				t.Errorf("%s and %s: %t, want %t", pair[0], pair[1], got, c.want)
			}
		}
	}
}

func TestBadRoutes(t *testing.T) {
	for route, want := range map[string]string{
		"":               "is empty",
		"~/a":            `begins with "~"`,
		"a//b":           "has an empty segment",
		"a?b=c":          "holds a query or a fragment",
		"{id}/{ID}":      `names the parameter "ID" twice`,
		"{}":             "a parameter without a proper name",
		"{*a}/b":         "goes on after a catch-all",
		"a-{b}":          "mixes text and parameters",
		"{a:regex(^[$)}": "is no regular expression",
	} {
		if _, err := parseRoute(route); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", route, err, want)
		}
	}
}

func FuzzParseRoute(f *testing.F) {
	f.Add("v1.0/a/{id:int?}/{*rest}")
	f.Add("{a}/{a}")
	f.Fuzz(func(t *testing.T, route string) {
		segments, err := parseRoute(route)
		if err == nil && !clash(segments, segments) {
			t.Errorf("%q does not meet itself", route)
		}
	})
}
