package graph_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/infra/local/graph"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

func user(n int) governance.User {
	return governance.User{
		ID: fmt.Sprintf("a0000000-0000-4000-8000-%012d", n), UserPrincipalName: fmt.Sprintf("user%d@contoso.example", n), DisplayName: fmt.Sprintf("User %02d", n),
		UserType: governance.UserTypeMember, AccountEnabled: true,
	}
}

func groupID(n int) string { return fmt.Sprintf("b0000000-0000-4000-8000-%012d", n) }

// answer is what a request got, with the body decoded.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (a answer) code() string {
	e, _ := a.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (a answer) message() string {
	e, _ := a.body["error"].(map[string]any)
	message, _ := e["message"].(string)
	return message
}

func (a answer) ids() []string {
	ids := []string{}
	list, _ := a.body["value"].([]any)
	for _, entry := range list {
		o, _ := entry.(map[string]any)
		id, _ := o["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

// ask sends one request without a network. headers are pairs.
func ask(t testing.TB, server http.Handler, method, target, body string, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:7072"+target, strings.NewReader(body))
	r.RemoteAddr = "127.0.0.1:50000"
	if body != "" && !slices.Contains(headers, "Content-Type") {
		r.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Add(headers[n], headers[n+1])
	}
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	a := answer{status: w.Code, header: w.Header(), text: w.Body.String()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			t.Fatalf("%s %s answers what is not JSON: %v\n%s", method, target, err, a.text)
		}
	}
	return a
}

func want(t testing.TB, a answer, status int) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d %s, want %d", a.status, a.text, status)
	}
	return a
}

func seeded(t testing.TB, options graph.Options, users int) *graph.Server {
	t.Helper()
	server := graph.New(options)
	for n := range users {
		server.Directory().PutUser(user(n))
	}
	server.Directory().PutGroup(governance.Group{ID: groupID(1), DisplayName: "Sales", SecurityEnabled: true})
	return server
}

func q(text string) string { return url.QueryEscape(text) }

func TestErrorsHaveGraphsShape(t *testing.T) {
	server := seeded(t, graph.Options{Clock: platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))}, 1)
	a := want(t, ask(t, server, "GET", "/v1.0/users/absent", "", "client-request-id", "mine"), 404)
	inner, _ := a.body["error"].(map[string]any)["innerError"].(map[string]any)
	if a.code() != "Request_ResourceNotFound" || inner["date"] != "2026-03-01T08:00:00" || inner["client-request-id"] != "mine" || inner["request-id"] == "" || inner["request-id"] != a.header.Get("request-id") {
		t.Errorf("got %s, headers %v", a.text, a.header)
	}
}

func TestWhatIsNotServedIsNamed(t *testing.T) {
	server := seeded(t, graph.Options{}, 3)
	u := "/v1.0/users/" + user(1).ID
	for _, test := range []struct {
		method, target, body string
		status               int
		names                string
	}{
		{"GET", "/v1.0/nonsense", "", 400, "nonsense"},
		{"GET", "/", "", 400, ""},
		{"GET", "/v1.0/../v1.0/users", "", 400, ""},
		{"GET", "/v2.0/users", "", 400, "users"},
		{"PUT", "/v1.0/users", "", 405, "method"},
		{"GET", "/v1.0/users?$search=x", "", 400, "$search"},
		{"GET", "/v1.0/users?$top=1000", "", 400, "1000"},
		{"GET", "/v1.0/users?$top=0", "", 400, "0"},
		{"GET", "/v1.0/users?$top=2&$top=3", "", 400, "$top"},
		{"GET", "/v1.0/users?$skiptoken=!", "", 400, "token"},
		{"GET", "/v1.0/users?$select=shoeSize", "", 400, "shoeSize"},
		{"GET", "/v1.0/users?$filter=shoeSize%20eq%201", "", 400, "shoeSize"},
		{"GET", "/v1.0/users?$filter=displayName%20like%20'x'", "", 400, "like"},
		{"GET", "/v1.0/users?$filter=displayName%20eq%20'x", "", 400, "syntax"},
		{"GET", "/v1.0/users?$filter=" + q(strings.Repeat("not ", 100)+"accountEnabled eq true"), "", 400, "complex"},
		{"GET", "/v1.0/users?$filter=" + q(strings.Repeat("(", 1000)), "", 400, "complex"},
		{"GET", "/v1.0/users?$orderby=shoeSize", "", 400, "shoeSize"},
		{"GET", "/v1.0/users?$expand=manager($levels=max)", "", 400, "$levels"},
		{"GET", u + "?$expand=manager($levels=2)", "", 400, "ConsistencyLevel"},
		{"GET", u + "?$expand=manager($levels=0)", "", 400, "$levels"},
		{"GET", u + "?$expand=manager($levels=1001)", "", 400, "$levels"},
		{"GET", u + "?$expand=directReports($levels=2)", "", 400, "$levels"},
		{"GET", "/v1.0/users?$expand=manager(", "", 400, "parenthesis"},
		{"GET", u + "/memberOf/nonsense", "", 400, "nonsense"},
		{"PATCH", u, `{"shoeSize":1}`, 400, "shoeSize"},
		{"PATCH", u, `{"id":"x"}`, 400, "id"},
		{"PATCH", u, `{"createdDateTime":"2026-01-01T00:00:00Z"}`, 400, "createdDateTime"},
		{"PATCH", u, `{"accountEnabled":"yes"}`, 400, "accountEnabled"},
		{"PATCH", u, `{"userType":"Robot"}`, 400, "userType"},
		{"PATCH", u, `{"userPrincipalName":"user2@contoso.example"}`, 400, "userPrincipalName"},
		{"PATCH", u, `{`, 400, "JSON"},
		{"PATCH", u, `[]`, 400, "type"},
		{"PATCH", u, ``, 400, "no body"},
		{"PATCH", u, `{"displayName":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, 400, "nested"},
		{"POST", "/v1.0/users", `{"displayName":"x"}`, 400, "accountEnabled"},
		{"POST", "/v1.0/groups/" + groupID(1) + "/members/$ref", `{"@odata.id":"nobody"}`, 400, "@odata.id"},
		{"POST", "/v1.0/groups/" + groupID(1) + "/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/devices/x"}`, 400, "@odata.id"},
		{"POST", "/v1.0/groups/" + groupID(1) + "/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/absent"}`, 404, "absent"},
	} {
		before, _ := server.Directory().Object(user(1).ID)
		a := ask(t, server, test.method, test.target, test.body)
		if a.status != test.status || !strings.Contains(a.message(), test.names) {
			t.Errorf("%s %s %s: got %d %s, want %d that names %q", test.method, test.target, test.body, a.status, a.text, test.status, test.names)
		}
		if after, _ := server.Directory().Object(user(1).ID); after != before {
			t.Errorf("%s %s %s changed the user", test.method, test.target, test.body)
		}
	}
}

// eventual is what advanced queries need.
var eventual = []string{"ConsistencyLevel", "eventual"}

func TestPagingEndsAndHoldsItsOptions(t *testing.T) {
	server := seeded(t, graph.Options{}, 250)
	for target, count := range map[string]int{
		"/v1.0/users?$select=id,displayName":                                        250, // Graph's own page of 100
		"/beta/users?$top=7&%24select=id":                                           250,
		"/v1.0/users?$top=25&$count=true&$filter=" + q("endswith(displayName,'0')"): 25,
		"/v1.0/users?$top=9&$orderby=" + q("displayName desc") + "&$select=id":      250,
		"/v1.0/users?$top=10&$filter=" + q("displayName in ('User 01','user 02')"):  2,
	} {
		var ids []string
		for next := target; next != ""; {
			a := want(t, ask(t, server, "GET", next, "", eventual...), 200)
			if len(a.ids()) == 0 {
				t.Errorf("%s has an empty page", next)
			}
			ids = append(ids, a.ids()...)
			link, _ := a.body["@odata.nextLink"].(string)
			next = strings.TrimPrefix(link, "http://127.0.0.1:7072")
			if next != "" && !strings.Contains(next, strings.SplitN(target, "?", 2)[0]+"?") {
				t.Errorf("the link of %s is %s", target, link)
			}
		}
		different := slices.Compact(slices.Sorted(slices.Values(ids)))
		if len(ids) != count || len(different) != count {
			t.Errorf("%s: %d entries, %d different, want %d", target, len(ids), len(different), count)
		}
	}
}

func TestFilters(t *testing.T) {
	server := seeded(t, graph.Options{}, 4)
	dir := server.Directory()
	guest := user(5)
	guest.UserType, guest.AccountEnabled, guest.Department, guest.DisplayName = governance.UserTypeGuest, false, "R&D's", "Guest"
	dir.PutUser(guest)
	dir.PutGroup(governance.Group{ID: groupID(2), DisplayName: "Dynamic", GroupTypes: []string{"Unified", "DynamicMembership"}})
	for filter, want := range map[string]int{
		"userType eq 'guest'":    1,
		"userType ne 'Guest'":    4,
		"department eq 'R&D''s'": 1,
		"department eq null":     4,
		"department ne null":     1,
		"accountEnabled eq false or displayName eq 'user 01'":                             2,
		"accountEnabled eq true and startsWith(displayName,'USER')":                       4,
		"not(accountEnabled eq true)":                                                     1,
		"(displayName eq 'User 01' or displayName eq 'User 02') and userType eq 'Member'": 2,
		"userPrincipalName eq 'USER1@contoso.example'":                                    1,
		"id in ('" + user(1).ID + "', '" + user(2).ID + "')":                              2,
		"jobTitle eq 'Baker'":                                                             0,
	} {
		a := ask(t, server, "GET", "/v1.0/users?$count=true&$filter="+q(filter), "", eventual...)
		if a.status != 200 || len(a.ids()) != want || a.body["@odata.count"] != float64(want) {
			t.Errorf("%s: got %s, want %d", filter, a.text, want)
		}
	}
	if a := ask(t, server, "GET", "/v1.0/groups?$filter="+q("groupTypes/any(c:c eq 'Unified')"), ""); !slices.Equal(a.ids(), []string{groupID(2)}) {
		t.Errorf("got %s", a.text)
	}
	if a := ask(t, server, "GET", "/v1.0/users/$count?$filter="+q("userType eq 'Guest'"), "", eventual...); a.text != "1" {
		t.Errorf("got %s", a.text)
	}
}

func TestKeysInParentheses(t *testing.T) {
	server := seeded(t, graph.Options{}, 2)
	server.Directory().PutServicePrincipal(memory.ServicePrincipal{ID: "sp", AppID: "app"})
	for target, id := range map[string]string{
		"/v1.0/users('" + user(1).ID + "')":              user(1).ID,
		"/v1.0/users('user1@contoso.example')":           user(1).ID,
		"/v1.0/servicePrincipals(appId='app')":           "sp",
		"/v1.0/directoryObjects/" + groupID(1):           groupID(1),
		"/v1.0/users/USER1%40contoso.example?$select=id": user(1).ID,
	} {
		if a := ask(t, server, "GET", target, ""); a.status != 200 || a.body["id"] != id {
			t.Errorf("%s: got %d %s", target, a.status, a.text)
		}
	}
}

func TestPackedBodies(t *testing.T) {
	server := seeded(t, graph.Options{}, 1)
	pack := func(body string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	u := "/v1.0/users/" + user(0).ID
	want(t, ask(t, server, "PATCH", u, pack(`{"department":"Packed"}`), "Content-Encoding", "gzip"), 204)
	if o, _ := server.Directory().Object(user(0).ID); o.User.Department != "Packed" {
		t.Error("the packed body was not read")
	}
	bomb := pack(`{"department":"` + strings.Repeat("x", 5<<20) + `"}`)
	if len(bomb) > 1<<20 {
		t.Fatal("the bomb is no bomb")
	}
	want(t, ask(t, server, "PATCH", u, bomb, "Content-Encoding", "gzip"), 413)
	want(t, ask(t, server, "PATCH", u, `{"department":"`+strings.Repeat("x", 5<<20)+`"}`), 413)
	want(t, ask(t, server, "PATCH", u, "{}", "Content-Encoding", "gzip"), 400)
	want(t, ask(t, server, "PATCH", u, "{}", "Content-Encoding", "br"), 415)
	want(t, ask(t, server, "PATCH", u, "{}", "Content-Type", "text/plain"), 415)
}

func TestTokens(t *testing.T) {
	options := graph.Options{ValidateToken: func(token string) ([]string, error) {
		switch token {
		case "reader":
			return []string{"User.Read.All"}, nil
		case "nothing":
			return nil, nil
		}
		return nil, errors.New("the token " + token + " is not valid")
	}}
	server := seeded(t, options, 2)
	u := "/v1.0/users/" + user(1).ID
	for _, test := range []struct {
		name, method, target, body string
		headers                    []string
		status                     int
	}{
		{"absent, on this machine", "GET", u, "", nil, 200},
		{"valid and permitted", "GET", u, "", []string{"Authorization", "Bearer reader"}, 200},
		{"valid, scheme in another case", "GET", u, "", []string{"Authorization", "bearer reader"}, 200},
		{"valid, not permitted", "PATCH", u, `{"department":"x"}`, []string{"Authorization", "Bearer reader"}, 403},
		{"valid, nothing permitted", "GET", u, "", []string{"Authorization", "Bearer nothing"}, 403},
		{"invalid", "GET", u, "", []string{"Authorization", "Bearer stolen"}, 401},
		{"empty", "GET", u, "", []string{"Authorization", "Bearer "}, 401},
		{"another scheme", "GET", u, "", []string{"Authorization", "Basic cmVhZGVy"}, 401},
		{"two of them", "GET", u, "", []string{"Authorization", "Bearer reader", "Authorization", "Bearer reader"}, 401},
		{"absent, through a proxy", "GET", u, "", []string{"X-Forwarded-For", "10.0.0.1"}, 401},
		{"in a batch, not permitted", "POST", "/v1.0/$batch", `{"requests":[{"id":"1","method":"PATCH","url":"` + strings.TrimPrefix(u, "/v1.0") + `","body":{"department":"x"},"headers":{"Content-Type":"application/json"}}]}`, []string{"Authorization", "Bearer reader"}, 200},
	} {
		a := ask(t, server, test.method, test.target, test.body, test.headers...)
		if a.status != test.status || strings.Contains(a.text, "stolen") {
			t.Errorf("%s: got %d %s, want %d", test.name, a.status, a.text, test.status)
		}
		if test.name == "in a batch, not permitted" && !strings.Contains(a.text, `"status":403`) {
			t.Errorf("the batch went past the permission: %s", a.text)
		}
		if o, _ := server.Directory().Object(user(1).ID); o.User.Department != "" {
			t.Errorf("%s: the user was changed", test.name)
		}
	}

	far := httptest.NewRequest("GET", "http://127.0.0.1:7072"+u, nil)
	far.RemoteAddr = "192.0.2.1:1000"
	rebound := httptest.NewRequest("GET", "http://evil.example:7072"+u, nil)
	rebound.RemoteAddr = "127.0.0.1:1000"
	for name, r := range map[string]*http.Request{"another machine": far, "a foreign name for this machine": rebound} {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code != 401 {
			t.Errorf("%s: got %d without a token", name, w.Code)
		}
	}
	options.RequireToken = true
	want(t, ask(t, seeded(t, options, 2), "GET", u, ""), 401)
}

func TestFaults(t *testing.T) {
	faults := &fault.Injector{}
	server := seeded(t, graph.Options{Faults: faults, RetryAfter: 1500 * time.Millisecond}, 1)
	web := httptest.NewServer(server)
	defer web.Close()
	patch := func(department string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, web.URL+"/v1.0/users/"+user(0).ID, strings.NewReader(`{"department":"`+department+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			response.Body.Close()
		}
		return response, err
	}
	department := func() string { o, _ := server.Directory().Object(user(0).ID); return o.User.Department }

	faults.Add(fault.Fault{Target: fault.Graph, Kind: fault.Throttle, Count: 1})
	if r, err := patch("throttled"); err != nil || r.StatusCode != 429 || r.Header.Get("Retry-After") != "2" || department() != "" {
		t.Errorf("throttle: %v, %v, %q", r, err, department())
	}
	faults.Add(fault.Fault{Target: fault.Graph, Kind: fault.Error, Count: 1})
	if r, err := patch("failed"); err != nil || r.StatusCode != 503 || department() != "" {
		t.Errorf("error: %v, %v, %q", r, err, department())
	}
	faults.Add(fault.Fault{Target: fault.Graph, Kind: fault.LostResponse, Count: 1})
	if r, err := patch("lost"); err == nil || department() != "lost" {
		t.Errorf("lost: %v, %v, %q", r, err, department())
	}
	if r, err := patch("healed"); err != nil || r.StatusCode != 204 || department() != "healed" {
		t.Errorf("healed: %v, %v, %q", r, err, department())
	}
	stats := server.Stats()
	if stats.Requests != 4 || stats.Faults != 3 || stats.Errors != 0 || stats.Calls["PATCH /users/{id}"] != 2 {
		t.Errorf("stats are %+v", stats)
	}
}

// rules: PRV-01 PRV-02
func TestMembersAnswerAsGraphDoes(t *testing.T) {
	server := seeded(t, graph.Options{}, 2)
	for _, edge := range []string{"members", "owners"} {
		path := "/v1.0/groups/" + groupID(1) + "/" + edge
		want(t, ask(t, server, "POST", path+"/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/`+user(1).ID+`"}`), 204)
		again := want(t, ask(t, server, "POST", path+"/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/`+user(1).ID+`"}`), 400)
		if again.message() != "One or more added object references already exist for the following modified properties: '"+edge+"'." {
			t.Errorf("got %s", again.text)
		}
		if a := want(t, ask(t, server, "GET", path, ""), 200); !slices.Equal(a.ids(), []string{user(1).ID}) || !strings.Contains(a.text, "#microsoft.graph.user") {
			t.Errorf("%s are %s", edge, a.text)
		}
		want(t, ask(t, server, "DELETE", path+"/"+user(0).ID+"/$ref", ""), 404)
	}
	want(t, ask(t, server, "DELETE", "/v1.0/groups/"+groupID(1)+"/members/"+user(1).ID+"/$ref", ""), 204)
	want(t, ask(t, server, "DELETE", "/v1.0/groups/"+groupID(1)+"/members/"+user(1).ID+"/$ref", ""), 404)
	want(t, ask(t, server, "DELETE", "/v1.0/groups/"+groupID(1)+"/owners/"+user(1).ID+"/$ref", ""), 400) // the last one
}

func TestManagersAndReports(t *testing.T) {
	server := seeded(t, graph.Options{}, 3)
	u := "/v1.0/users/" + user(1).ID
	want(t, ask(t, server, "GET", u+"/manager", ""), 404)
	want(t, ask(t, server, "DELETE", u+"/manager/$ref", ""), 404)
	want(t, ask(t, server, "PUT", u+"/manager/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/absent"}`), 404)
	want(t, ask(t, server, "PUT", u+"/manager/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/`+user(2).ID+`"}`), 204)
	if a := want(t, ask(t, server, "GET", u+"/manager?$select=id", ""), 200); a.body["id"] != user(2).ID {
		t.Errorf("got %s", a.text)
	}
	if a := want(t, ask(t, server, "GET", "/v1.0/users/"+user(2).ID+"/directReports", ""), 200); !slices.Equal(a.ids(), []string{user(1).ID}) {
		t.Errorf("got %s", a.text)
	}
	want(t, ask(t, server, "PUT", "/v1.0/users/"+user(2).ID+"/manager/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/`+user(0).ID+`"}`), 204)
	chain := want(t, ask(t, server, "GET", u+"?$select=id&$expand=manager($levels=max;$select=id)", "", "ConsistencyLevel", "eventual"), 200)
	first, _ := chain.body["manager"].(map[string]any)
	second, _ := first["manager"].(map[string]any)
	if first["id"] != user(2).ID || second["id"] != user(0).ID || second["manager"] != nil {
		t.Errorf("the chain is %s", chain.text)
	}
	want(t, ask(t, server, "DELETE", u+"/manager/$ref", ""), 204)
	want(t, ask(t, server, "GET", u+"/manager", ""), 404)
}

// A deleted person, or group, lies among the deleted items as a directory object, and each kind has its permissions.
func TestDeletedItems(t *testing.T) {
	granted := []string{}
	server := seeded(t, graph.Options{Clock: platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)), ValidateToken: func(string) ([]string, error) { return granted, nil }}, 3)
	u, g, items := user(1).ID, groupID(1), "/v1.0/directory/deletedItems/"
	for _, err := range []error{server.Directory().PutMember(g, u), server.Directory().PutOwner(g, u)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want(t, ask(t, server, "GET", items+u, ""), 404)
	want(t, ask(t, server, "DELETE", "/v1.0/users/"+u, ""), 204)
	want(t, ask(t, server, "DELETE", "/v1.0/groups/"+g, ""), 204)
	for _, path := range []string{"/users/" + u, "/directoryObjects/" + u, "/groups/" + g, "/groups/" + g + "/members", "/users/" + u + "/memberOf", "/users/" + u + "/manager"} {
		want(t, ask(t, server, "GET", "/v1.0"+path, ""), 404)
	}
	want(t, ask(t, server, "POST", "/v1.0/groups/"+g+"/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/`+user(2).ID+`"}`), 404)
	want(t, ask(t, server, "DELETE", "/v1.0/groups/"+g+"/members/"+u+"/$ref", ""), 404)
	if a := want(t, ask(t, server, "GET", items+u, ""), 200); a.body["@odata.type"] != "#microsoft.graph.user" || a.body["id"] != u || a.body["deletedDateTime"] != "2026-03-01T08:00:00Z" || a.body["userPrincipalName"] != user(1).UserPrincipalName {
		t.Errorf("got %s", a.text)
	}
	for _, cast := range []string{"microsoft.graph.", "graph."} {
		for kind, id := range map[string]string{"user": u, "group": g} {
			if a := want(t, ask(t, server, "GET", items+cast+kind+"?$select=id", ""), 200); !slices.Equal(a.ids(), []string{id}) {
				t.Errorf("got %s", a.text)
			}
		}
	}
	for _, test := range []struct {
		permission, method, target string
		status                     int
	}{
		{"User.Read.All", "GET", u, 200}, {"User.Read.All", "GET", g, 403}, {"User.Read.All", "GET", user(0).ID, 404}, {"User.Read.All", "GET", "microsoft.graph.group", 403},
		{"GroupMember.ReadWrite.All", "GET", g, 403}, {"Group.Read.All", "GET", g, 200}, {"Group.Read.All", "GET", u, 403}, {"Group.Read.All", "GET", "microsoft.graph.user", 403},
		{"Group.ReadWrite.All", "POST", u + "/restore", 403}, {"User.DeleteRestore.All", "POST", g + "/restore", 403}, {"User.DeleteRestore.All", "DELETE", g, 403}, {"User.Read.All", "DELETE", u, 403},
		{"Group.ReadWrite.All", "POST", g + "/restore", 200}, {"User.DeleteRestore.All", "POST", u + "/restore", 200}, {"User.DeleteRestore.All", "POST", u + "/restore", 404},
	} {
		granted = []string{test.permission}
		if a := ask(t, server, test.method, items+test.target, "", "Authorization", "Bearer x"); a.status != test.status {
			t.Errorf("%s %s with %s: got %d %s, want %d", test.method, test.target, test.permission, a.status, a.text, test.status)
		}
	}
	if !server.Directory().IsMember(g, u) || !server.Directory().IsOwner(g, u) {
		t.Error("the restored person is no member or no owner of the restored group")
	}
	want(t, ask(t, server, "DELETE", "/v1.0/users/"+u, ""), 204)
	want(t, ask(t, server, "PATCH", "/v1.0/users/"+user(2).ID, `{"userPrincipalName":"`+user(1).UserPrincipalName+`"}`), 204)
	want(t, ask(t, server, "POST", items+u+"/restore", ""), 400) // somebody has the name
	want(t, ask(t, server, "DELETE", items+u, ""), 204)
	want(t, ask(t, server, "DELETE", items+u, ""), 404)
}

// A group that may hold directory roles is out of reach for who may only write groups.
func TestRoleAssignableGroupsAreGuarded(t *testing.T) {
	granted := []string{"Group.ReadWrite.All"}
	server := seeded(t, graph.Options{ValidateToken: func(string) ([]string, error) { return granted, nil }}, 2)
	g := "/v1.0/groups/" + groupID(1)
	reference := `{"@odata.id":"https://graph.microsoft.com/v1.0/users/` + user(1).ID + `"}`
	want(t, ask(t, server, "POST", g+"/members/$ref", reference, "Authorization", "Bearer x"), 204)
	server.AssignRole(groupID(1), governance.RoleGlobalAdministrator)
	for _, test := range []struct{ method, path, body string }{{"POST", "/owners/$ref", reference}, {"DELETE", "/members/" + user(1).ID + "/$ref", ""}} {
		granted = []string{"Group.ReadWrite.All"}
		want(t, ask(t, server, test.method, g+test.path, test.body, "Authorization", "Bearer x"), 403)
		granted = append(granted, "RoleManagement.ReadWrite.Directory")
		want(t, ask(t, server, test.method, g+test.path, test.body, "Authorization", "Bearer x"), 204)
	}
}

// An account older than userType has none, and whoever reads it is told so.
func TestAccountWithoutType(t *testing.T) {
	server := seeded(t, graph.Options{}, 2)
	u := "/v1.0/users/" + user(1).ID
	want(t, ask(t, server, "PATCH", u, `{"userType":null,"mail":"new@contoso.example","displayName":"New","accountEnabled":false}`), 204)
	a := want(t, ask(t, server, "GET", u+"?$select=userType,mail,displayName,accountEnabled", ""), 200)
	if kind, asked := a.body["userType"]; !asked || kind != nil || a.body["mail"] != "new@contoso.example" || a.body["displayName"] != "New" || a.body["accountEnabled"] != false {
		t.Errorf("got %s", a.text)
	}
	if a := want(t, ask(t, server, "GET", "/v1.0/users?$filter="+q("userType eq null"), ""), 200); !slices.Equal(a.ids(), []string{user(1).ID}) {
		t.Errorf("got %s", a.text)
	}
}

func TestDynamicGroupRefuses(t *testing.T) {
	server := seeded(t, graph.Options{}, 2)
	server.Directory().PutGroup(governance.Group{ID: groupID(2), GroupTypes: []string{"DynamicMembership"}})
	a := ask(t, server, "POST", "/v1.0/groups/"+groupID(2)+"/members/$ref", `{"@odata.id":"https://graph.microsoft.com/v1.0/users/`+user(1).ID+`"}`)
	if a.status != 400 || a.code() != "Request_BadRequest" {
		t.Errorf("got %d %s", a.status, a.text)
	}
	want(t, ask(t, server, "PATCH", "/v1.0/groups/"+groupID(1), `{"members@odata.bind":["https://graph.microsoft.com/v1.0/users/`+user(0).ID+`","https://graph.microsoft.com/v1.0/directoryObjects('`+user(1).ID+`')"]}`), 204)
	if got := server.Directory().MemberIDs(groupID(1)); len(got) != 2 {
		t.Errorf("members are %v", got)
	}
	a = ask(t, server, "GET", "/v1.0/groups/"+groupID(1)+"?$expand=members($select=id)&$select=id", "")
	if members, _ := a.body["members"].([]any); len(members) != 2 {
		t.Errorf("got %s", a.text)
	}
	want(t, ask(t, server, "PATCH", "/v1.0/groups/"+groupID(1), `{"members@odata.bind":["https://graph.microsoft.com/v1.0/users/`+user(0).ID+`"]}`), 400)
}

func TestSponsorsAndSessions(t *testing.T) {
	clock := platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	server := seeded(t, graph.Options{Clock: clock}, 3)
	sponsors := "/v1.0/users/" + user(1).ID + "/sponsors"
	reference := `{"@odata.id":"https://graph.microsoft.com/v1.0/users/` + user(2).ID + `"}`
	want(t, ask(t, server, "POST", sponsors+"/$ref", reference), 204)
	want(t, ask(t, server, "POST", sponsors+"/$ref", reference), 400)
	if a := want(t, ask(t, server, "GET", sponsors, ""), 200); !slices.Equal(a.ids(), []string{user(2).ID}) {
		t.Errorf("sponsors are %s", a.text)
	}
	want(t, ask(t, server, "DELETE", sponsors+"/"+user(2).ID+"/$ref", ""), 204)
	want(t, ask(t, server, "DELETE", sponsors+"/"+user(2).ID+"/$ref", ""), 404)
	want(t, ask(t, server, "POST", "/v1.0/users/"+user(1).ID+"/revokeSignInSessions", ""), 200)
	if a := ask(t, server, "GET", "/v1.0/users/"+user(1).ID+"?$select=signInSessionsValidFromDateTime", ""); a.body["signInSessionsValidFromDateTime"] != "2026-03-01T08:00:00Z" {
		t.Errorf("got %s", a.text)
	}
}

func TestBatch(t *testing.T) {
	server := seeded(t, graph.Options{}, 2)
	u := "/users/" + user(1).ID
	a := want(t, ask(t, server, "POST", "/v1.0/$batch", `{"requests":[
		{"id":"a","method":"GET","url":"`+u+`?$select=id"},
		{"id":"b","method":"PATCH","url":"`+u+`","body":{"department":"Batch"},"headers":{"Content-Type":"application/json"},"dependsOn":["a"]},
		{"id":"c","method":"GET","url":"/users/absent"},
		{"id":"d","method":"DELETE","url":"`+u+`","dependsOn":["c"]},
		{"id":"e","method":"POST","url":"/$batch","body":{"requests":[]}},
		{"id":"f","method":"GET","url":"https://evil.example/v1.0/users"}]}`), 200)
	var got []string
	for _, entry := range a.body["responses"].([]any) {
		one := entry.(map[string]any)
		got = append(got, fmt.Sprintf("%v %v", one["id"], one["status"]))
	}
	if want := []string{"a 200", "b 204", "c 404", "d 424", "e 400", "f 400"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v\n%s", got, want, a.text)
	}
	if o, ok := server.Directory().Object(user(1).ID); !ok || o.User.Department != "Batch" {
		t.Error("the batch did not do its work, or more than that")
	}
	many := strings.TrimSuffix(strings.Repeat(`{"id":"x","method":"GET","url":"/users"},`, 21), ",")
	want(t, ask(t, server, "POST", "/v1.0/$batch", `{"requests":[`+many+`]}`), 400)
	want(t, ask(t, server, "POST", "/v1.0/$batch", `{"requests":[{"id":"x","method":"GET","url":"/users"},{"id":"x","method":"GET","url":"/users"}]}`), 400)
}

func TestMailBecomesText(t *testing.T) {
	server := seeded(t, graph.Options{}, 1)
	for source, text := range map[string]string{
		`<html><head><title>T</title><style>p{}</style></head><body><h1>Hello</h1><p>One  &amp;\n two<br>three</p><ul><li>a</li><li>b</li></ul><p>See <a href="https://x.example/?a=1&amp;b=2">here</a>.</p></body></html>`: "Hello\n\nOne & two\nthree\n\na\nb\n\nSee here <https://x.example/?a=1&b=2>.",
		`plain`:                       "plain",
		``:                            "",
		`<p>`:                         "",
		`<b>x</b> y<i>z</i>`:          "x yz",
		`<script>alert(1)</script>ok`: "ok",
	} {
		server.Reset()
		server.Directory().PutUser(user(0))
		body, err := json.Marshal(map[string]any{"message": map[string]any{
			"subject": "s", "body": map[string]any{"contentType": "html", "content": strings.ReplaceAll(source, `\n`, "\n")},
			"toRecipients": []any{map[string]any{"emailAddress": map[string]any{"address": "a@b.example"}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		want(t, ask(t, server, "POST", "/v1.0/users/"+user(0).ID+"/sendMail", string(body)), 202)
		if got := server.Mail("A@b.example"); len(got) != 1 || got[0].Text != text {
			t.Errorf("%s became %q, want %q", source, got, text)
		}
	}
	if a := ask(t, server, "POST", "/v1.0/users/absent/sendMail", `{"message":{}}`); a.status != 404 || a.code() != "ErrorInvalidUser" {
		t.Errorf("got %d %s", a.status, a.text)
	}
}

func TestSnapshot(t *testing.T) {
	server := seeded(t, graph.Options{}, 3)
	server.PutSponsor(user(1).ID, user(2).ID)
	var saved bytes.Buffer
	if err := server.Snapshot(&saved); err != nil {
		t.Fatal(err)
	}
	server.Reset()
	if a := ask(t, server, "GET", "/v1.0/users", ""); len(a.ids()) != 0 || server.Stats().Requests != 1 {
		t.Errorf("after a reset: %s, %+v", a.text, server.Stats())
	}
	if err := server.Restore(&saved); err != nil {
		t.Fatal(err)
	}
	if a := ask(t, server, "GET", "/v1.0/users/"+user(1).ID+"/sponsors", ""); !slices.Equal(a.ids(), []string{user(2).ID}) {
		t.Errorf("got %s", a.text)
	}
}

func FuzzFilter(f *testing.F) {
	server := seeded(f, graph.Options{}, 3)
	for _, seed := range []string{"displayName eq 'x'", "not (a or b)", "startswith(displayName,'", "groupTypes/any(c:c eq 'x')", "id in ('a',", "((((", "accountEnabled eq true and", "x/any(:", "'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		for _, target := range []string{"/v1.0/users", "/v1.0/groups", "/v1.0/groups/" + groupID(1) + "/members"} {
			if a := ask(t, server, "GET", target+"?$filter="+q(filter), ""); a.status != 200 && a.status != 400 {
				t.Errorf("%q: %d %s", filter, a.status, a.text)
			}
		}
	})
}

func FuzzRequest(f *testing.F) {
	server := seeded(f, graph.Options{}, 3)
	for _, seed := range [][3]string{{"PATCH", "users/" + user(1).ID, `{"displayName":"x"}`}, {"POST", "$batch", `{"requests":[{"id":"1","method":"GET","url":"/users"}]}`}, {"GET", "users('a')/memberOf/graph.group", ""}, {"POST", "users/" + user(1).ID + "/sendMail", `{"message":{"body":{"contentType":"html","content":"<a href"}}}`}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, body string) {
		target, err := url.Parse("http://127.0.0.1/v1.0/" + path)
		if err != nil || strings.ContainsAny(method, " \t\r\n") || method == "" {
			return
		}
		r := (&http.Request{Method: method, URL: target, Host: "127.0.0.1", RemoteAddr: "127.0.0.1:1", Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}).WithContext(t.Context())
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		if w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s answers what is not JSON: %s", method, path, w.Body)
		}
	})
}
