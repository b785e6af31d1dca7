package functions_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"latchkey/functions"
	"latchkey/shared/bus"
)

func all(t *testing.T) []functions.Function {
	t.Helper()
	list, err := functions.All()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestFolders pins the functions that are deployed: adding or losing one is a decision.
func TestFolders(t *testing.T) {
	got := make(map[string]functions.Kind)
	for _, f := range all(t) {
		got[f.Name] = f.Kind
	}
	want := map[string]functions.Kind{
		"http":       functions.HTTP,
		"extensions": functions.ServiceBus, "provisioning": functions.ServiceBus, "notifications": functions.ServiceBus,
		"expirations": functions.Timer, "outbox": functions.Timer, "reconciliation": functions.Timer,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEmbedsEveryFolder compares what is embedded with what lies on the disk.
func TestEmbedsEveryFolder(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var onDisk, embedded []string
	for _, e := range entries {
		if e.IsDir() {
			onDisk = append(onDisk, e.Name())
		}
	}
	for _, f := range all(t) {
		embedded = append(embedded, f.Name)
		raw, err := os.ReadFile(filepath.Join(f.Name, "function.json"))
		if err != nil || !bytes.Equal(raw, f.Raw) {
			t.Errorf("%s: what is embedded is not what is on the disk (%v)", f.Name, err)
		}
	}
	if diff := cmp.Diff(onDisk, embedded); diff != "" {
		t.Error(diff)
	}
}

func TestServiceBusFunctionsMatchTheBus(t *testing.T) {
	for _, f := range all(t) {
		if f.Kind != functions.ServiceBus {
			continue
		}
		if !slices.Contains(bus.Queues(), f.Queue) || f.Queue == bus.Parked {
			t.Errorf("%s: nothing sends to queue %q", f.Name, f.Queue)
		}
		if f.Sessions != bus.UsesSessions(f.Queue) {
			t.Errorf("%s: isSessionsEnabled is %v", f.Name, f.Sessions)
		}
		if f.DataType != "binary" {
			t.Errorf("%s: dataType %q lets a body forge metadata", f.Name, f.DataType)
		}
		if f.Many || f.Connection != "ServiceBusConnection" {
			t.Errorf("%s: %+v", f.Name, f)
		}
	}
}

func TestTimersTakeTheirSchedulesFromSettings(t *testing.T) {
	var sample struct{ Values map[string]string }
	readJSON(t, "../local.settings.sample.json", &sample)
	for _, f := range all(t) {
		if f.Kind != functions.Timer {
			continue
		}
		setting, ok := functions.Setting(f.Schedule)
		if !ok {
			t.Errorf("%s: schedule %q is no app setting", f.Name, f.Schedule)
		}
		if len(strings.Fields(sample.Values[setting])) != 6 {
			t.Errorf("%s: the sample settings give %s as %q", f.Name, setting, sample.Values[setting])
		}
		if f.RunOnStartup || !f.UseMonitor {
			t.Errorf("%s: %+v", f.Name, f)
		}
	}
	for _, s := range []string{"", "%", "%%", "%a%b%", "a%b%", "plain"} {
		if got, ok := functions.Setting(s); ok {
			t.Errorf("Setting(%q) = %q", s, got)
		}
	}
}

func TestHTTPFunctionsAreAnonymousAndTakeAllMethods(t *testing.T) {
	every := []string{"get", "head", "post", "put", "patch", "delete", "options"} // the handler answers 405 itself, in Graph's words
	for _, f := range all(t) {
		if f.Kind == functions.HTTP && (f.AuthLevel != "anonymous" || !slices.Equal(f.Methods, every) || f.Route == "" || strings.HasPrefix(f.Route, "/")) {
			t.Errorf("%+v", f)
		}
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// TestTimeoutsAreConsistent checks what no schema says.
func TestTimeoutsAreConsistent(t *testing.T) {
	var host struct {
		FunctionTimeout string
		CustomHandler   struct {
			Description               struct{ DefaultExecutablePath string }
			EnableProxyingHTTPRequest bool `json:"enableProxyingHttpRequest"`
		}
		Extensions struct {
			HTTP       struct{ RoutePrefix string }
			ServiceBus struct {
				MaxAutoLockRenewalDuration string
				AutoCompleteMessages       bool
			}
		}
	}
	readJSON(t, "../host.json", &host)
	if host.FunctionTimeout == "" || host.Extensions.ServiceBus.MaxAutoLockRenewalDuration < host.FunctionTimeout { // hh:mm:ss sorts as text
		t.Errorf("a lock may lapse (%s) while its function still runs (%s)", host.Extensions.ServiceBus.MaxAutoLockRenewalDuration, host.FunctionTimeout)
	}
	if !host.Extensions.ServiceBus.AutoCompleteMessages || host.Extensions.HTTP.RoutePrefix != "api" ||
		!host.CustomHandler.EnableProxyingHTTPRequest || host.CustomHandler.Description.DefaultExecutablePath != "handler" {
		t.Errorf("%+v", host)
	}
}

func TestReadRefusesWhatTheHostWouldNotLoad(t *testing.T) {
	const timer = `{"bindings":[{"type":"timerTrigger","direction":"in","name":"t","schedule":"0 * * * * *"}]}`
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	good := fstest.MapFS{
		"tick/function.json":    file(timer),
		"docs/readme.md":        file("no function"),
		"deep/er/function.json": file(timer), // only direct folders count
		"host.json":             file("{}"),
	}
	list, err := functions.Read(good)
	if err != nil || len(list) != 1 || list[0].Name != "tick" || !list[0].UseMonitor {
		t.Errorf("%+v, %v", list, err)
	}
	for name, fsys := range map[string]fs.FS{
		"the name of the host":  fstest.MapFS{"Host/function.json": file(timer)},
		"a name with a dot":     fstest.MapFS{"a.b/function.json": file(timer)},
		"no JSON":               fstest.MapFS{"a/function.json": file("{")},
		"no trigger":            fstest.MapFS{"a/function.json": file(`{"bindings":[]}`)},
		"two triggers":          fstest.MapFS{"a/function.json": file(strings.Replace(timer, "}]", `},{"type":"httpTrigger","direction":"in","name":"r"}]`, 1))},
		"no schedule":           fstest.MapFS{"a/function.json": file(`{"bindings":[{"type":"timerTrigger","direction":"in","name":"t"}]}`)},
		"no queue":              fstest.MapFS{"a/function.json": file(`{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"m","connection":"c"}]}`)},
		"no response":           fstest.MapFS{"a/function.json": file(`{"bindings":[{"type":"httpTrigger","direction":"in","name":"r"}]}`)},
		"a trigger that is out": fstest.MapFS{"a/function.json": file(strings.Replace(timer, `"in"`, `"out"`, 1))},
		"another binding":       fstest.MapFS{"a/function.json": file(`{"bindings":[{"type":"blobTrigger","direction":"in","name":"b"}]}`)},
		"a nameless binding":    fstest.MapFS{"a/function.json": file(strings.Replace(timer, `"t"`, `""`, 1))},
		"a file too large":      fstest.MapFS{"a/function.json": file(timer + strings.Repeat(" ", 1<<20))},
	} {
		mixed := fstest.MapFS{"tick/function.json": file(timer)}
		for path, f := range fsys.(fstest.MapFS) {
			mixed[path] = f
		}
		list, err := functions.Read(mixed)
		if err == nil || len(list) != 1 {
			t.Errorf("%s: %d functions, error %v; want the good one and an error", name, len(list), err)
		}
	}
}
