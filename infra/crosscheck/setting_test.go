package crosscheck

import (
	"context"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/handlers"
	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/platform"
)

const (
	declarations   = "shared/platform/setting.go"
	sampleSettings = "local.settings.sample.json"
	appBicep       = "infra/modules/function-app.bicep"
	mainBicep      = "infra/main.bicep"
	parameters     = "infra/main.parameters.json"
)

// declared are the settings that are given in a place; 0: all of them.
func declared(r repo, place platform.Place) side {
	details := map[string]string{}
	for _, d := range platform.Declarations() {
		if place == 0 || d.Places&place != 0 {
			details[d.Name] = ""
		}
	}
	return ofCode(r, "shared/platform", declarations, details)
}

// bicepSettings are the names between "// app settings begin" and "// app settings end".
func bicepSettings(r repo) side {
	s := side{name: appBicep}
	text := r.read(appBicep)
	for _, block := range regexp.MustCompile(`(?s)// app settings begin\n(.*?)// app settings end\n`).FindAllStringSubmatchIndex(text, -1) {
		for _, at := range regexp.MustCompile(`(?m)^\s*'?([A-Za-z][A-Za-z0-9_]*)'?: `).FindAllStringSubmatchIndex(text[block[2]:block[3]], -1) {
			s.add(text[block[2]+at[2]:block[2]+at[3]], "", appBicep, text, block[2]+at[2])
		}
	}
	return s
}

func TestSettingsOnAzure(t *testing.T) {
	kind{"setting", func(r repo) []side { return []side{declared(r, platform.OnAzure), bicepSettings(r)} }}.check(t)
}

func TestSettingsOfTheSample(t *testing.T) {
	kind{"setting", func(r repo) []side {
		return []side{declared(r, platform.InSample), matches(r, sampleSettings, sampleSettings, `\n    "([A-Za-z_]+)": "`)}
	}}.check(t)
}

func TestSettingsOfTheDocs(t *testing.T) {
	kind{"setting", func(r repo) []side {
		return []side{declared(r, 0), matches(r, "docs/settings.md", "docs/settings.md", "\n\\| `([A-Za-z_]+)` \\|")}
	}}.check(t)
}

// Every %Setting% of a function is one that the host reads, and the other way round for schedules.
func TestSettingsOfFunctions(t *testing.T) {
	kind{"schedule", func(r repo) []side {
		details := map[string]string{}
		for _, d := range platform.Declarations() {
			if d.Type == "NCRONTAB" {
				details[d.Name] = ""
			}
		}
		used := side{name: "functions"}
		for _, file := range r.glob("functions/*/function.json") {
			text := r.read(file)
			for _, at := range regexp.MustCompile(`"%([A-Za-z]+)%"`).FindAllStringSubmatchIndex(text, -1) {
				used.add(text[at[2]:at[3]], "", file, text, at[2])
			}
		}
		return []side{ofCode(r, "shared/platform", declarations, details), used}
	}}.check(t)
}

// A default is the same in the code, the sample and the Bicep files.
func TestDefaultsOfSchedules(t *testing.T) {
	kind{"default", func(r repo) []side {
		code := side{name: "shared/platform", code: true}
		text := r.read(declarations)
		for _, d := range platform.Declarations() {
			if d.Type == "NCRONTAB" && r.dropped != "shared/platform/"+d.Name {
				code.add(d.Name, d.Default, declarations, text, strings.Index(text, `"`+d.Name+`"`))
			}
		}
		bicep := matches(r, mainBicep, mainBicep, `param ([a-z]+Schedule) string = '([^']+)'`)
		for i := range bicep.items {
			bicep.items[i].name = strings.ToUpper(bicep.items[i].name[:1]) + bicep.items[i].name[1:]
		}
		bicep.code = true // its names are not written as they are compared; TestParameters spoils them
		sides := []side{code, matches(r, sampleSettings, sampleSettings, `"([A-Za-z]+Schedule)": "([^"]+)"`)}
		if !strings.HasPrefix(r.dropped, mainBicep+"/") {
			return append(sides, bicep)
		}
		return append(sides, side{name: mainBicep, code: true})
	}}.check(t)
}

// What the azd environment may hold reaches the Bicep files, and the docs name it.
func TestVariablesOfAzd(t *testing.T) {
	kind{"variable", func(r repo) []side {
		return []side{
			matches(r, parameters, parameters, `\$\{(LATCHKEY_[A-Z_]+)`),
			onePlace(r, matches(r, "docs/deploy.md", "docs/deploy.md", `(LATCHKEY_[A-Z_]+)`)),
		}
	}}.check(t)
	text := repo{t: t}.read(parameters)
	for _, d := range platform.Declarations() {
		if d.Azd != "" && !strings.Contains(text, "${"+d.Azd) {
			t.Errorf("%s: the setting %s is said to come from %s, which %s does not have", declarations, d.Name, d.Azd, parameters)
		}
	}
}

// onePlace keeps one item of each name.
func onePlace(r repo, s side) side {
	var kept []item
	for _, i := range s.items {
		if r.dropped != s.name+"/"+i.name && !slices.ContainsFunc(kept, func(k item) bool { return k.name == i.name }) {
			kept = append(kept, i)
		}
	}
	s.items, s.code = kept, true // a name may stand there several times: to spoil one is not to take it away
	return s
}

func TestParameters(t *testing.T) {
	r := repo{t: t}
	given := matches(r, parameters, parameters, `\n    "([A-Za-z]+)": \{`)
	taken := matches(r, mainBicep, mainBicep, `(?m)^param ([A-Za-z]+) [a-z]+`)
	for _, difference := range oneSided("parameter", given, taken) {
		t.Error(difference)
	}
	needed := matches(r, mainBicep, mainBicep, `(?m)^param ([A-Za-z]+) [a-z]+$`)
	for _, difference := range oneSided("parameter", needed, given) {
		t.Error(difference)
	}
	if len(given.items) == 0 || len(needed.items) == 0 {
		t.Error("there are no parameters: this test looks at nothing")
	}
	for _, name := range []string{"app", "nextApp"} { // both apps are given the same settings
		block := regexp.MustCompile(`(?s)module ` + name + ` 'modules/function-app\.bicep'.*?\n}\n`).FindString(r.read(mainBicep))
		for _, parameter := range matches(r, appBicep, appBicep, `(?m)^param ([A-Za-z]+) `).items {
			if !strings.Contains(block, "\n    "+parameter.name+": ") {
				t.Errorf("%s: the parameter %s is not given to %s in %s", parameter.at(), parameter.name, name, mainBicep)
			}
		}
	}
}

// The sample is complete: the handler starts with it, in the tenant that infra/local plays.
func TestSampleStartsTheHandler(t *testing.T) {
	var sample struct{ Values map[string]string }
	if err := json.Unmarshal([]byte(repo{t: t}.read(sampleSettings)), &sample); err != nil {
		t.Fatalf("%s: %v", sampleSettings, err)
	}
	settings, err := platform.Load(func(name string) string { return sample.Values[name] })
	if err != nil {
		t.Fatalf("%s: %v", sampleSettings, err)
	}
	local := tenant.Sample()
	if settings.TenantID != local.ID || !slices.Contains(settings.Audiences, local.Audience) || settings.MailSender != local.Sender.UserPrincipalName {
		t.Errorf("%s: the tenant %s, audience %q and sender %s are not those of infra/local/tenant/sample.json", sampleSettings, settings.TenantID, settings.Audiences, settings.MailSender)
	}
}

// The environment is read through platform.Load alone, so that every setting is declared.
func TestNothingReadsTheEnvironmentBesideTheSettings(t *testing.T) {
	root := filepath.Join("..", "..")
	looked := 0
	for _, folder := range []string{".", "handlers", "shared"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || folder == "." && entry.IsDir() && name != root {
				return errorOrSkip(err)
			}
			if entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
				return nil
			}
			looked++
			files := token.NewFileSet()
			parsed, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(parsed, func(node ast.Node) bool {
				call, isCall := node.(*ast.CallExpr)
				if !isCall {
					return true
				}
				if selector, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains([]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, selector.Sel.Name) {
					t.Errorf("%s: reads the environment; declare a setting in %s instead", files.Position(call.Pos()), declarations)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if looked < 50 {
		t.Errorf("only %d files were looked at", looked)
	}
}

func errorOrSkip(err error) error {
	if err != nil {
		return err
	}
	return filepath.SkipDir
}

// With the sample, and infra/local where it says that the parts are, everything answers: also the identity, by its endpoint and header.
func TestSampleReachesEverything(t *testing.T) {
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		t.Fatal(err)
	}
	var sample struct{ Values map[string]string }
	if err := json.Unmarshal([]byte(repo{t: t}.read(sampleSettings)), &sample); err != nil {
		t.Fatal(err)
	}
	s, err := stack.Start(t.Context(), stack.Options{HostJSON: hostJSON, ManualTimers: true, IdentityHeader: sample.Values["IDENTITY_HEADER"]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(context.Background()) })
	address := func(url string) string { return url[strings.LastIndex(url, "/")+1:] }
	ports := strings.NewReplacer(
		"127.0.0.1:7072", address(s.Endpoints.Graph), "127.0.0.1:7073", address(s.Endpoints.Token), "127.0.0.1:8081", address(s.Endpoints.Cosmos), "127.0.0.1:5672", address(s.Endpoints.ServiceBus))
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER"} { // the Azure SDK reads them
		t.Setenv(name, ports.Replace(sample.Values[name]))
	}
	settings, err := platform.Load(func(name string) string { return ports.Replace(sample.Values[name]) })
	if err != nil {
		t.Fatal(err)
	}
	h, err := handlers.New(t.Context(), settings, handlers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	for _, one := range h.Use.Health.CheckHealth(t.Context()) {
		if one.Status != "ok" {
			t.Errorf("%s: %s is %s", sampleSettings, one.Dependency, one.Detail)
		}
	}
	token, err := client.SignIn(t.Context(), s.Endpoints.Token, s.Endpoints.TenantID, s.Endpoints.Audience, s.Tenant.Users[0].UserPrincipalName)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, client.EntitlementManagement+"/catalogs", http.NoBody)
	request.Header.Set("Authorization", "Bearer "+token)
	answer := httptest.NewRecorder()
	if h.ServeHTTP(answer, request); answer.Code != http.StatusOK {
		t.Errorf("%s: a signed-in administrator is answered %d: %s", sampleSettings, answer.Code, answer.Body)
	}
}
