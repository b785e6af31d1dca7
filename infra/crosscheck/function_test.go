package crosscheck

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"latchkey/functions"
	"latchkey/handlers"
	"latchkey/handlers/api"
	"latchkey/infra/local/host"
	"latchkey/shared/platform"
)

// handler is the production handler, over dependencies that are not there: making it asks nobody.
func handler(t *testing.T) *handlers.Handler {
	t.Helper()
	given := map[string]string{
		"TenantId": "7e5a1c3b-0000-4000-8000-000000000001", "Audience": "api://latchkey", "TokenAuthority": "http://127.0.0.1:1", "GraphEndpoint": "http://127.0.0.1:1/v1.0",
		"CosmosConnection": "AccountEndpoint=http://127.0.0.1:1/;AccountKey=a2V5;", "IDENTITY_ENDPOINT": "http://127.0.0.1:1/msi/token",
		"ServiceBusConnection": "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=x;SharedAccessKey=x;UseDevelopmentEmulator=true;",
	}
	settings, err := platform.Load(func(name string) string { return given[name] })
	if err != nil {
		t.Fatal(err)
	}
	h, err := handlers.New(t.Context(), settings, handlers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	return h
}

// folders makes a side of the function folders of some kinds; kind is the pattern of the trigger's type.
func folders(r repo, kind string) side {
	s := side{name: "functions", code: true}
	for _, file := range r.glob("functions/*/function.json") {
		name := strings.Split(file, "/")[1]
		text := r.read(file)
		at := regexp.MustCompile(`"type": "(` + kind + `)"`).FindStringSubmatchIndex(text)
		if at != nil && r.dropped != "functions/"+name {
			s.add(name, text[at[2]:at[3]], file, text, at[2])
		}
	}
	return s
}

func TestFunctionsHaveHandlers(t *testing.T) {
	const source = "handlers/triggers/triggers.go"
	names := handler(t).Functions
	kind{"function", func(r repo) []side {
		details := map[string]string{}
		triggers := folders(r, "serviceBusTrigger|timerTrigger")
		for i := range triggers.items {
			triggers.items[i].detail = "" // what sets it off, the handler does not say
		}
		for _, name := range names {
			details[name] = ""
		}
		return []side{ofCode(r, "handlers/triggers", source, details), triggers}
	}}.check(t)
}

// reach says which of the HTTP functions, each alone under the local host, answer a request.
func reach(t *testing.T, all []functions.Function) func(method, path string) []string {
	t.Helper()
	answering := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(answering.Close)
	hosts := map[string]*host.Host{}
	for _, f := range all {
		if f.Kind != functions.HTTP {
			continue
		}
		alone, err := host.New(host.Options{
			Functions: fstest.MapFS{f.Name + "/function.json": {Data: f.Raw}}, HostJSON: []byte(repo{t: t}.read("host.json")), HandlerURL: answering.URL, ManualTimers: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := alone.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { alone.Stop(context.Background()) })
		hosts[f.Name] = alone
	}
	return func(method, path string) []string {
		var reached []string
		for name, alone := range hosts {
			before := alone.Metrics().Functions[name].Invocations
			alone.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, http.NoBody))
			if alone.Metrics().Functions[name].Invocations > before {
				reached = append(reached, name)
			}
		}
		slices.Sort(reached)
		return reached
	}
}

var (
	placeholder = regexp.MustCompile(`\{[^}]*\}`)
	boundCall   = regexp.MustCompile(`\.(filterByCurrentUser)/x`)
)

// wire is a route as a client spells it.
func wire(route string) (method, path string) {
	method, path, _ = strings.Cut(route, " ")
	path = placeholder.ReplaceAllString(path, "x")
	if strings.HasPrefix(path, api.CalloutPrefix) {
		return method, path
	}
	return method, strings.TrimSuffix(api.Prefix, "/") + boundCall.ReplaceAllString(path, "/$1(on='target')")
}

// sourceOf is where a route is registered, as well as it can be told from its text.
func sourceOf(r repo, route string) string {
	method, path, _ := strings.Cut(route, " ")
	path = strings.TrimPrefix(path, "/identityGovernance/entitlementManagement")
	for _, text := range []string{`"` + method + " " + path + `"`, `"` + path + `"`, path[:strings.LastIndex(path, "/")+1]} {
		for _, file := range r.glob("handlers/api/*.go") {
			if content := r.read(file); !strings.HasSuffix(file, "_test.go") && len(text) > 1 && strings.Contains(content, text) {
				return fmt.Sprintf("%s:%d", file, 1+strings.Count(content[:strings.Index(content, text)], "\n"))
			}
		}
	}
	return "handlers/api/server.go:1"
}

// misrouted names the routes that do not reach exactly one function, and the functions that no route reaches.
func misrouted(t *testing.T, routes []string, all []functions.Function) []string {
	t.Helper()
	reached := map[string]bool{}
	through := reach(t, all)
	var found []string
	for _, route := range routes {
		names := through(wire(route))
		if len(names) != 1 {
			found = append(found, fmt.Sprintf("%s: the route %s reaches %d functions %q, want one", sourceOf(repo{t: t}, route), route, len(names), names))
		}
		for _, name := range names {
			reached[name] = true
		}
	}
	for _, f := range all {
		if f.Kind == functions.HTTP && !reached[f.Name] {
			found = append(found, fmt.Sprintf("functions/%s/function.json:1: no route of handlers/api reaches the function", f.Name))
		}
	}
	return found
}

func TestRoutesReachOneFunction(t *testing.T) {
	all, err := functions.All()
	if err != nil {
		t.Fatal(err)
	}
	routes := append(slices.Clone(handler(t).Routes), "POST "+api.CalloutPrefix+"{action}")
	for _, finding := range misrouted(t, routes, all) {
		t.Error(finding)
	}
	// Without any one of the functions its routes lead nowhere; beside a copy of it they lead to two.
	for i, f := range all {
		if f.Kind != functions.HTTP {
			continue
		}
		fewer := slices.Delete(slices.Clone(all), i, i+1)
		if found := misrouted(t, routes, fewer); len(found) == 0 || !strings.Contains(found[0], "reaches 0 functions") {
			t.Errorf("without the function %s: %q", f.Name, found)
		}
		twin := f
		twin.Name += "-twin"
		if found := misrouted(t, routes, append(slices.Clone(all), twin)); len(found) == 0 || !strings.Contains(found[0], f.Name+"-twin") {
			t.Errorf("beside a twin of the function %s: %q", f.Name, found)
		}
	}
	if found := misrouted(t, routes[:0:0], all); len(found) == 0 || !strings.Contains(found[0], "/function.json:1: no route") {
		t.Errorf("without routes: %q", found)
	}
}

// The paths on which the host posts to triggers are out of reach from outside: all that comes from there is below the route prefix, and stays there.
func TestTriggersAreOutOfReach(t *testing.T) {
	all, err := functions.All()
	if err != nil {
		t.Fatal(err)
	}
	through := reach(t, all)
	for _, f := range all {
		for _, path := range []string{"/" + f.Name, "/api/" + f.Name, "/api/../" + f.Name, "/api/%2e%2e/" + f.Name, "//" + f.Name} {
			if reached := through(http.MethodPost, path); f.Kind != functions.HTTP && len(reached) != 0 && path != "/api/"+f.Name {
				t.Errorf("functions/%s/function.json:1: POST %s reaches %q", f.Name, path, reached)
			}
		}
	}
}

// A host that does not proxy posts requests to the paths of the functions over HTTP and takes the answers from the output that function.json names.
func TestFunctionsOverHTTPAnswerInTheEnvelopeToo(t *testing.T) {
	h := handler(t)
	list, err := functions.All()
	if err != nil {
		t.Fatal(err)
	}
	const envelope = `{"Data":{"request":{"Url":"http://localhost:7071/api/v1.0/identityGovernance/entitlementManagement/catalogs","Method":"GET","Query":{},"Headers":{},"Params":{}}},"Metadata":{}}`
	for _, f := range list {
		if f.Kind != functions.HTTP {
			continue
		}
		r := httptest.NewRequest(http.MethodPost, "/"+f.Name, strings.NewReader(envelope))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var answer struct {
			Outputs map[string]struct{ StatusCode, Body string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		if output := answer.Outputs[f.Output]; w.Code != http.StatusOK || output.StatusCode != "401" || !strings.Contains(output.Body, `"error"`) {
			t.Errorf("%s answers %d %s; want 401 in the output %q", f.Name, w.Code, w.Body, f.Output)
		}
	}
}
