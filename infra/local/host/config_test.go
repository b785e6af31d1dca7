package host

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"latchkey/functions"
	"latchkey/handlers/hostwire"
)

func shipped(t testing.TB) []byte {
	t.Helper()
	raw, err := os.ReadFile("../../../host.json")
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestReadsTheShippedHostJSON(t *testing.T) {
	c, err := readConfig(shipped(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.routePrefix != "api" || c.executable != "handler" || c.functionTimeout != 5*time.Minute || c.maxLockRenewal < c.functionTimeout {
		t.Errorf("%+v", c)
	}
}

func TestSettingsOverrideHostJSON(t *testing.T) {
	c, err := readConfig(shipped(t), map[string]string{
		"AzureFunctionsJobHost__functionTimeout":                                   "00:00:02.5",
		"AzureFunctionsJobHost__Extensions__ServiceBus__maxConcurrentSessions":     "3",
		"AzureFunctionsJobHost__customHandler__description__defaultExecutablePath": "7",
		"AzureFunctionsJobHost__customHandler__initializationTimeout":              "1.00:00:01",
		"Unrelated": "x",
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.functionTimeout != 2500*time.Millisecond || c.maxConcurrentSessions != 3 || c.executable != "7" || c.initializationTimeout != 24*time.Hour+time.Second {
		t.Errorf("%+v", c)
	}
}

func TestRefusesHostJSON(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"another version":  {"AzureFunctionsJobHost__version": "3.0"},
		"no proxying":      {"AzureFunctionsJobHost__customHandler__enableProxyingHttpRequest": "false"},
		"no prefix":        {"AzureFunctionsJobHost__extensions__http__routePrefix": ""},
		"own settlement":   {"AzureFunctionsJobHost__extensions__serviceBus__autoCompleteMessages": "false"},
		"a wrong time-out": {"AzureFunctionsJobHost__functionTimeout": "5m"},
		"a wrong type":     {"AzureFunctionsJobHost__extensions__serviceBus__maxConcurrentCalls": "many"},
	} {
		if c, err := readConfig(shipped(t), settings); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if _, err := readConfig([]byte("{"), nil); err == nil {
		t.Error("half a file is taken")
	}
}

// TestHandlerIsQuickerThanTheHost: a function's own deadline ends before the host kills the handler, and both mean the same prefix.
func TestHandlerIsQuickerThanTheHost(t *testing.T) {
	c, err := readConfig(shipped(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.functionTimeout-hostwire.DefaultDeadline < 10*time.Second || hostwire.RoutePrefix != "/"+c.routePrefix+"/" {
		t.Errorf("%+v", c)
	}
}

// TestEveryPathHasOneFunction: whatever is below the route prefix has one, so that the order in which the host finds them does not matter.
func TestEveryPathHasOneFunction(t *testing.T) {
	list, err := functions.All()
	if err != nil {
		t.Fatal(err)
	}
	routes := map[string]route{}
	for _, f := range list {
		if f.Kind == functions.HTTP {
			r, err := parseRoute(f.Route, f.Methods)
			if err != nil {
				t.Fatal(err)
			}
			routes[f.Name] = r
		}
	}
	const em = "/api/v1.0/identityGovernance/entitlementManagement/"
	for path, want := range map[string]string{
		em + "assignmentRequests":                                      "http",
		em + "assignments/filterByCurrentUser(on='target')":            "http",
		em + "accessPackages(uniqueName='a%2Fb')/assignmentPolicies":   "http",
		"/API/beta/identitygovernance/ENTITLEMENTMANAGEMENT/catalogs/": "http",
		"/api/v1.0/operations/health":                                  "http",
		"/api/callouts/new-hire-pass":                                  "http",
		"/api/provisioning":                                            "http",
		"/api//operations":                                             "http",
		"/api/":                                                        "http",
		"/API":                                                         "http",
		"/apix/v1.0/operations/health":                                 "",
		"/provisioning":                                                "",
		"/":                                                            "",
		"//api/v1.0/operations":                                        "",
		"/api/../provisioning":                                         "",
		em + "../../../../provisioning":                                "",
		em + "catalogs/%2e%2e/%2E%2E":                                  "",
		em + "catalogs/.":                                              "",
		em + strings.Repeat("a/", 200):                                 "",
	} {
		request := httptest.NewRequest("GET", path, nil)
		var got []string
		if segments, ok := pathBelow(request, "api"); ok {
			for name, r := range routes {
				if r.matches("GET", segments) {
					got = append(got, name)
				}
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is taken by %q, want %q", path, got, want)
		}
	}
	if segments, ok := pathBelow(httptest.NewRequest("TRACE", "/api/v1.0/operations", nil), "api"); !ok || routes["http"].matches("TRACE", segments) {
		t.Error("a method that no function names is taken")
	}
}

func TestRefusesRoutesItDoesNotServe(t *testing.T) {
	for _, template := range []string{"/a", "{*all}/a", "{id?}", "{id:int}", "a{id}", "{id=1}", "a//b", "{*x:regex(a)}", "{x:regex(()}", "{x:regex(^(?!a)(?!b).*$)}"} {
		if r, err := parseRoute(template, nil); err == nil {
			t.Errorf("%q is taken as %+v", template, r)
		}
	}
}

func TestLinesOfTheConsole(t *testing.T) {
	var got []string
	w := &lineWriter{emit: func(line string) { got = append(got, line) }}
	for _, chunk := range []string{"one\ntw", "o\r\n", "\nthree", strings.Repeat("x", maxLogLine), "\nlast"} {
		if n, err := w.Write([]byte(chunk)); n != len(chunk) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	w.flush()
	want := []string{"one", "two", "", "three" + strings.Repeat("x", maxLogLine-5), "xxxxx", "last"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %d lines: %.80q", len(got), got)
	}
}
