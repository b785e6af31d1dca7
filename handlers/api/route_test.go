package api

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/governance"
	"latchkey/shared/identity"
	"latchkey/shared/ledger"
)

// everyRoute tries on each route what is said of all, those of the future too. There are no use cases behind them: what is refused never reaches one.
func everyRoute(t *testing.T, do func(t *testing.T, s *Server, r *route)) {
	s := New(Options{Use: UseCases{Ledger: ledger.New(ledger.Options{})}, Identity: identified{}, TokenFrom: func(http.Header) (string, error) { return "token", nil }, Logger: slog.New(slog.DiscardHandler)})
	if len(s.routes) < 40 || len(s.routes) != len(s.Routes()) {
		t.Fatalf("there are %d routes", len(s.routes))
	}
	for _, one := range s.routes {
		t.Run(one.method+" "+one.path, func(t *testing.T) {
			t.Parallel()
			do(t, s, one)
		})
	}
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

const someID = "11111111-1111-4111-8111-111111111111"

// at is an address of a route, with ids of this test.
func at(r *route) string {
	return strings.TrimSuffix(Prefix, "/") + placeholder.ReplaceAllString(r.path, someID)
}

// refused sends a request that must be answered with 400 and an error about target.
func refused(t *testing.T, s *Server, r *http.Request, target string, parts ...string) {
	t.Helper()
	answer := httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	var body errorBody
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		t.Fatalf("%s: %v: %s", r.URL, err, answer.Body)
	}
	if answer.Code != http.StatusBadRequest || body.Error.Target != target {
		t.Errorf("%s: %d %s, want 400 about %q", r.URL, answer.Code, answer.Body, target)
	}
	for _, part := range parts {
		if !strings.Contains(body.Error.Message, part) {
			t.Errorf("%s: %q does not say %q", r.URL, body.Error.Message, part)
		}
	}
}

func send(r *route, query, body string) *http.Request {
	request := httptest.NewRequest(r.method, at(r)+"?"+query, strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	return request
}

// No option is left out in silence: what a route does not honour is refused by name, and what changes something honours none.
//
// rules: OBJ-12
func TestOptionsOfEveryRoute(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, s *Server, r *route) {
		for _, name := range append([]string{"dryRun", "$dryRun", "$search", "apply", "api-version", "_", "$$filter", "$code", "x'\"<>", "$"}, listOptions...) {
			for _, spelled := range []string{name, strings.TrimPrefix(name, "$"), strings.ToUpper(name)} {
				if _, ok := known(r.options, "$"+strings.TrimPrefix(spelled, "$")); ok || spelled == "code" || spelled == "" {
					continue
				}
				refused(t, s, send(r, "code=x&CLIENTID=y&"+url.QueryEscape(spelled)+"=true", ""), spelled, listed(r.options))
			}
		}
		refused(t, s, send(r, "=x", ""), "query")
		refused(t, s, send(r, "%zz", ""), "query")
		if r.method != http.MethodGet && len(r.options) > 0 {
			t.Errorf("it honours %v, and a repetition under an Idempotency-Key must know of that", r.options)
		}
		for _, name := range r.options {
			plain := strings.ToUpper(strings.TrimPrefix(name, "$"))
			for _, both := range []string{name + "=id&" + name + "=id", name + "=id&" + plain + "=id", plain + "=id&$" + plain + "=id"} {
				refused(t, s, send(r, both, ""), name, "twice")
			}
		}
	})
}

// A path is found in any letter case, in both of OData's spellings of ids.
//
// rules: OBJ-04
func TestPathsOfEveryRoute(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, s *Server, r *route) {
		plain := strings.ReplaceAll(at(r), ".filterByCurrentUser/"+someID, "/microsoft.graph.filterByCurrentUser(on='target')")
		for _, path := range []string{plain, strings.ToUpper(plain), strings.ToLower(plain) + "/", strings.ReplaceAll(plain, "/"+someID, "('"+someID+"')"), strings.ReplaceAll(strings.ToUpper(plain), "/"+someID, "("+someID+")")} {
			refused(t, s, httptest.NewRequest(r.method, path+"?nope=1", http.NoBody), "nope")
		}
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, httptest.NewRequest(r.method, at(r)+"/and/more", http.NoBody))
		if answer.Code != http.StatusNotFound {
			t.Errorf("below it: %d", answer.Code)
		}
	})
}

// What has no body gets none, and an action gets nothing that it does not know.
func TestBodiesOfEveryRoute(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, s *Server, r *route) {
		type try struct{ body, target string }
		var tries []try
		var fine []string
		switch {
		case r.method == http.MethodGet || r.method == http.MethodDelete:
			tries, fine = []try{{"{}", "body"}, {"x", "body"}, {" null", "body"}}, []string{"", " \r\n\t "}
		case r.body == acting:
			tries = []try{{"{", "body"}, {"[]", "body"}, {`"x"`, "body"}, {"7", "body"}, {"{} {}", "body"}, {`{"nope":1}`, "nope"}, {`{"@odata.context":"x","NOPE":null}`, "NOPE"}, {`{"@odata.type":"#x"}`, "@odata.type"}, {`{"dryRun":true}`, "dryRun"}, {`{"@latchkey.nope":1}`, "@latchkey.nope"}, {`{"a@odata.bind":"x"}`, "a@odata.bind"}}
			fine = []string{"", "  ", "{}", " { } ", "null", `{"@odata.context":"#x"}`}
		case r.body != carrying: // which has a text of its own, for the use case to refuse
			tries = []try{{"", "body"}, {"null", "body"}, {"[]", "body"}, {"{", "body"}, {`{"a":"` + "\xff" + `"}`, "body"}}
		}
		for _, one := range tries {
			if !r.open {
				refused(t, s, send(r, "", one.body), one.target)
			}
		}
		for _, body := range fine {
			c, reached := &call{server: s, r: send(r, "", body), w: httptest.NewRecorder(), route: r}, false
			if _, err := c.run(func(*call) (response, error) { reached = true; return response{}, nil }); err != nil || !reached {
				t.Errorf("%q: %v", body, err)
			}
		}
	})
}

// No route writes without looking at the Idempotency-Key.
func TestIdempotencyKeyOfEveryRoute(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, s *Server, r *route) {
		if r.method == http.MethodGet {
			return
		}
		request := send(r, "", "{}")
		request.Header["Idempotency-Key"] = []string{"one", "two"}
		refused(t, s, request, "Idempotency-Key")
		for _, condition := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
			if condition != "If-Match" || !r.version && r.partOf == nil {
				request = send(r, "", "")
				request.Header.Set(condition, "*")
				refused(t, s, request, condition, "nothing was done")
			}
		}
		for _, malformed := range []string{"", " ", `"`, `W/"`, "W/", "W/*", "x", `"a" "b"`, `"a", "b"`, `"a",`, `w/"a"`, `"a"b`, `*, "a"`, "**", "\"a\tb\"", `'a'`, `""x""`} {
			request = send(r, "", "")
			request.Header["If-Match"] = []string{malformed}
			refused(t, s, request, "If-Match")
		}
		request = send(r, "", "")
		request.Header["If-Match"] = []string{`"a"`, `"a"`}
		refused(t, s, request, "If-Match")
		if r.unkept {
			request = send(r, "", "")
			request.Header.Set("Idempotency-Key", "one")
			refused(t, s, request, "Idempotency-Key")
		}
	})
}

// Every route asks for a caller before it looks at anything else, but health.
func TestEveryRouteAsksForACaller(t *testing.T) {
	t.Parallel()
	var open []string
	nobody := New(Options{Identity: identified{}, TokenFrom: identity.FromHeader, Logger: slog.New(slog.DiscardHandler)})
	everyRoute(t, func(t *testing.T, _ *Server, r *route) {
		for _, authorization := range []string{"", "Basic x", "Bearer", "Bearer "} {
			request := send(r, "nope=1", "{")
			request.Header.Set("Authorization", authorization)
			answer := httptest.NewRecorder()
			nobody.ServeHTTP(answer, request)
			if (answer.Code != http.StatusUnauthorized) != (r.of == health) {
				t.Errorf("%q: %d %s", authorization, answer.Code, answer.Body)
			}
		}
	})
	for _, one := range New(Options{}).routes {
		if one.open {
			open = append(open, one.path)
		}
	}
	if !slices.Equal(open, []string{"/operations/health"}) {
		t.Errorf("open to everybody: %q", open)
	}
}

// insideOf is a query with options inside $expand of a chain of properties.
func insideOf(chain []string, options ...string) string {
	if len(chain) == 0 {
		return strings.Join(options, "&")
	}
	query := strings.Join(options, ";")
	for _, name := range slices.Backward(chain) {
		query = "$expand=" + name + "(" + query + ")"
	}
	return query
}

// What is selected must be there, in whatever letter case, at any depth.
//
// rules: OBJ-11
func TestSelectOfEveryRoute(t *testing.T) {
	t.Parallel()
	everyRoute(t, func(t *testing.T, _ *Server, r *route) {
		if !slices.Contains(r.options, "$select") {
			return
		}
		try := func(query string) error {
			return (&call{r: &http.Request{URL: &url.URL{RawQuery: query}}}).parseOptions(r.kind, readOptions)
		}
		var look func(k *kind, chain []string)
		look = func(k *kind, chain []string) {
			members, where := k.members(), ""
			for _, name := range chain {
				where += "$expand/" + name + "/"
			}
			wrong := map[string]string{"nope": strings.Join(members, ", "), "*,nope": "nope", members[0] + "/x": members[0] + "/x", "": "\"\""}
			for _, name := range append(slices.Clone(k.internal), k.navigation...) {
				wrong[name] = name
			}
			for name := range k.expandable {
				if !slices.Contains(members, name) { // else it is shown unasked
					wrong[name] = "$expand=" + name
				}
				if err := try(insideOf(chain, "EXPAND="+strings.ToUpper(name), "Select="+strings.ToUpper(name))); err != nil {
					t.Errorf("%s, expanded: %v", name, err)
				}
				look(k.expandable[name], append(slices.Clone(chain), name))
			}
			for selected, part := range wrong {
				var coded *governance.Error
				if err := try(insideOf(chain, "$select="+selected)); !errors.As(err, &coded) || coded.Target != where+"$select" || !strings.Contains(coded.Message, part) {
					t.Errorf("%s: %v does not say %q", insideOf(chain, "$select="+selected), err, part)
				}
			}
			for _, name := range append(slices.Clone(members), "*") {
				if err := try(insideOf(chain, "select="+strings.ToUpper(name)+", "+name)); err != nil {
					t.Errorf("%s of %s: %v", name, k.set, err)
				}
			}
			for _, twice := range []string{"$select=id;select=id", "$top=1", "filter=id", "code=x", ""} {
				if err := try(insideOf(chain, twice)); len(chain) > 0 && governance.CodeOf(err) != governance.CodeInvalid {
					t.Errorf("%s: %v", insideOf(chain, twice), err)
				}
			}
		}
		look(r.kind, nil)
	})
}

// A descriptor speaks of what there is: a word that is misspelt in it would hide nothing and find nothing.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	sets := map[string]bool{}
	for _, of := range resources {
		if of.of == nil {
			continue // it is no resource that is shown
		}
		if sets[of.set] || sets[of.beta] {
			t.Errorf("%s is described twice", of.set)
		}
		sets[of.set], sets[of.beta] = true, of.beta != ""
		everything := (&kind{of: of.kind.of}).members()
		names := slices.Concat(of.navigation, of.internal, of.shown, sortedKeys(of.expandable))
		for name, f := range of.fields {
			if f.path == nil {
				name, _, _ = strings.Cut(name, "/")
				names = append(names, name)
			}
		}
		for _, name := range names {
			if name != "findings" && !slices.Contains(everything, name) {
				t.Errorf("%s has no %s", of.set, name)
			}
		}
	}
}
