package stack_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
)

func zipped(t testing.TB, text string) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// Real clients' habits: compressed bodies, ids of requests, charsets.
//
// rules: OBJ-20
func TestWire(t *testing.T) {
	ida := administrator(t)
	body := `{"displayName":"` + unique("Zipped") + `","description":"d"}`
	ida.call("POST", "/catalogs", zipped(t, body), "Content-Encoding", "gzip").want(http.StatusCreated)
	ida.call("POST", "/catalogs", `{"displayName":"`+unique("Odd")+`","description":"d"}`, "Content-Type", "Application/JSON; charset=utf-8; IEEE754Compatible=false", "Accept", "*/*").want(http.StatusCreated)

	named := ida.call("GET", "/catalogs?$top=1", nil, "Client-Request-Id", "a6d8-my-id").want(http.StatusOK)
	if named.header.Get("Client-Request-Id") != "a6d8-my-id" {
		t.Errorf("client-request-id is %q", named.header.Get("Client-Request-Id"))
	}
	if kind := named.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") || named.header.Get("OData-Version") != "4.0" || named.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers: %v", named.header)
	}
	failed := ida.call("GET", "/catalogs/x", nil, "client-request-id", "mine")
	failed.refused(http.StatusNotFound)
	same(t, failed.object(), "error/innerError/client-request-id", "mine")
	if again := ida.call("GET", "/catalogs/x", nil).header.Get("Request-Id"); again == failed.header.Get("Request-Id") {
		t.Error("two requests have one id")
	}

	if head := ida.call("HEAD", "/catalogs?$top=1", nil).want(http.StatusOK); len(head.body) != 0 {
		t.Errorf("HEAD answered %s", head.body)
	}
}

// Every answer says what it is of, from the root on; what was made is where Location says; and what is preferred is done, and said to be.
//
// rules: OBJ-20
func TestAnswersSayWhatTheyAre(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	root := start(t).Endpoints.Host + "/api/v1.0"
	const em = "identityGovernance/entitlementManagement/"
	context := func(what answer, want string) {
		t.Helper()
		same(t, what.object(), "@odata.context", root+"/$metadata#"+want)
	}
	someone := hire(t, "")
	made := ida.call("POST", "/assignmentRequests", assign(o, someone.ID), "Idempotency-Key", unique("key")).want(http.StatusCreated)
	id := text(t, made.object(), "id")
	drain(t)
	role := text(t, ida.values("/accessPackages/" + o.pack + "/resourceRoleScopes")[0], "id")
	for path, want := range map[string]string{
		"/catalogs":                                                     em + "catalogs",
		"/CATALOGS('" + o.catalog + "')/":                               em + "catalogs/$entity",
		"/catalogs?$top=1&$count=true&$select=id":                       em + "catalogs",
		"/catalogs/" + o.catalog + "/accessPackages":                    em + "catalogs('" + o.catalog + "')/accessPackages",
		"/accessPackages/" + o.pack + "/resourceRoleScopes":             em + "accessPackages('" + o.pack + "')/resourceRoleScopes",
		"/accessPackages/" + o.pack + "/resourceRoleScopes/" + role:     em + "accessPackages('" + o.pack + "')/resourceRoleScopes/$entity",
		"/assignments/microsoft.graph.filterByCurrentUser(on='target')": em + "assignments/filterByCurrentUser(on='target')",
		"/operations/audit/catalogs":                                    "operations/audit/catalogs",
		"/operations/audit/catalogs/" + o.catalog + "/verify":           "operations/audit/catalogs('" + o.catalog + "')/verify",
	} {
		context(ida.call("GET", path, nil).want(http.StatusOK), want)
	}
	context(person(t, "rui").call("POST", "/accessPackages/"+o.pack+"/getApplicablePolicyRequirements", nil).want(http.StatusOK), em+"accessPackages('"+o.pack+"')/getApplicablePolicyRequirements")
	context(made, em+"assignmentRequests/$entity")
	if at := made.header.Get("Location"); at != root+"/"+em+"assignmentRequests/"+id || text(t, ida.get(at), "id") != id {
		t.Errorf("Location is %q", at)
	}
	if applied := made.header.Values("Preference-Applied"); len(applied) != 0 {
		t.Errorf("nobody preferred %v", applied)
	}

	key := unique("key")
	for range 2 { // a repetition says the same
		body := object{"displayName": key, "description": "d"}
		one := ida.call("POST", "/catalogs", body, "Idempotency-Key", key, "Prefer", `Return="Representation";x, respond-async`).want(http.StatusCreated)
		context(one, em+"catalogs/$entity")
		if one.header.Get("Location") != root+"/"+em+"catalogs/"+text(t, one.object(), "id") || one.header.Get("Preference-Applied") != "return=representation" {
			t.Errorf("headers: %v", one.header)
		}
	}
	group := newGroup(t)
	ida.post("/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": o.catalog}, "resource": object{"originId": group, "originSystem": "AadGroup"}})
	inside := ida.call("POST", "/accessPackages/"+o.pack+"/resourceRoleScopes/", object{
		"role": object{"originId": "Member_" + group, "originSystem": "AadGroup", "resource": object{"originId": group, "originSystem": "AadGroup"}}, "scope": object{"originId": group, "originSystem": "AadGroup"},
	}).want(http.StatusCreated)
	context(inside, em+"accessPackages('"+o.pack+"')/resourceRoleScopes/$entity")
	same(t, ida.get(inside.header.Get("Location")), "id", text(t, inside.object(), "id"))

	path := "/accessPackages/" + o.pack
	for prefer, want := range map[string]struct {
		status  int
		applied string
	}{
		"return=representation":                 {http.StatusOK, "return=representation"},
		"return=minimal, return=representation": {http.StatusNoContent, "return=minimal"},
		"respond-async":                         {http.StatusNoContent, ""},
	} {
		patched := ida.call("PATCH", path, object{"description": prefer}, "Prefer", prefer).want(want.status)
		if patched.header.Get("Preference-Applied") != want.applied {
			t.Errorf("%s: applied %q", prefer, patched.header.Get("Preference-Applied"))
		}
		if want.status == http.StatusOK {
			context(patched, em+"accessPackages/$entity")
		}
	}
	for wanted, applied := range map[string]string{"?$top=999 999999999": "999", "?$top=3 5": "3", " 99999": "100"} { // what is applied, whatever is wished
		query, most, _ := strings.Cut(wanted, " ")
		if said := ida.call("GET", "/catalogs"+query, nil, "Prefer", "odata.maxpagesize="+most).want(http.StatusOK).header.Get("Preference-Applied"); said != "odata.maxpagesize="+applied {
			t.Errorf("%q: applied is %q", wanted, said)
		}
	}
	small := ida.call("GET", "/catalogs", nil, "Prefer", "odata.maxpagesize=1").want(http.StatusOK)
	if small.header.Get("Preference-Applied") != "odata.maxpagesize=1" || len(at[list](t, small.object(), "value")) != 1 || small.object()["@odata.nextLink"] == nil {
		t.Errorf("a page of one: %v %s", small.header, small.body)
	}
}

func TestNoWay(t *testing.T) {
	ida := administrator(t)
	catalog := newCatalog(t)
	for _, path := range []string{"/nothing", "/catalogs/" + catalog + "/nothing", "/catalogs/x", "/catalogs/" + catalog + "/accessPackages/extra/long", "/catalogs/%00", "/accessPackages('x')",
		"/catalogs//" + catalog, "/catalogs.filterByCurrentUser/target/x"} {
		ida.call("GET", path, nil).refused(http.StatusNotFound)
	}
	for _, one := range []struct{ method, path, allow string }{
		{"DELETE", "/catalogs", "GET, POST"},
		{"PUT", "/catalogs/" + catalog, "GET, PATCH, DELETE"},
		{"POST", "/catalogs/" + catalog, "GET, PATCH, DELETE"},
		{"OPTIONS", "/catalogs", "GET, POST"},
		{"GET", "/assignmentRequests/" + catalog + "/cancel", "POST"},
		{"DELETE", "/assignmentRequests/" + catalog, "GET"},
		{"PATCH", "/assignments/" + catalog, "GET"},
	} {
		answer := ida.call(one.method, one.path, nil)
		answer.refused(http.StatusMethodNotAllowed, one.method)
		if answer.header.Get("Allow") != one.allow {
			t.Errorf("%s %s: Allow is %q, want %q", one.method, one.path, answer.header.Get("Allow"), one.allow)
		}
	}
	// Nothing of a function can be reached.
	for _, path := range []string{"/provisioning", "/api/provisioning", "/api/../provisioning", "/api/v1.0/../../provisioning", "/api/v1.0/operations/%2e%2e/%2e%2e/%2e%2e/provisioning", "/api/v1.0/operations/..%2f..%2f..%2fprovisioning"} {
		for _, method := range []string{"GET", "POST"} {
			if answer := ida.call(method, start(t).Endpoints.Host+path, object{}); answer.status != http.StatusNotFound && answer.status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s answered %d: %s", method, path, answer.status, answer.body)
			}
		}
	}
}

// rules: ROL-01
func TestUnauthenticated(t *testing.T) {
	s, ida := start(t), administrator(t)
	token, err := ida.token()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := s.Tokens.UserToken("ida@contoso.example", "https://graph.microsoft.com")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"none": "", "not bearer": "Basic " + token, "empty": "Bearer ", "garbage": "Bearer garbage", "tampered": "Bearer " + token[:len(token)-4] + "AAAA", "two": "Bearer " + token + ", Bearer " + token,
		"for Graph": "Bearer " + foreign, "unsigned": "Bearer eyJhbGciOiJub25lIn0.e30.", "oversize": "Bearer " + strings.Repeat("a", 20000),
	} {
		for _, one := range [][2]string{{"GET", "/catalogs"}, {"POST", "/assignmentRequests"}, {"GET", "/operations/audit/subjects"}, {"DELETE", "/catalogs"}, {"PUT", "/assignments"}, {"GET", "/assignments/filterByCurrentUser"}} {
			request, err := nobody(t).request(one[0], one[1], nil)
			if err != nil {
				t.Fatal(err)
			}
			if value != "" {
				request.Header.Set("Authorization", value)
			}
			answer := answer{t: t, what: name + ": " + one[0] + " " + one[1]}.send(request)
			if answer.err != nil {
				t.Fatal(answer.err)
			}
			answer.refused(http.StatusUnauthorized)
			want := `Bearer error="invalid_token"`
			if name == "none" || name == "not bearer" {
				want = "Bearer"
			}
			if got := answer.header.Get("WWW-Authenticate"); got != want {
				t.Errorf("%s: WWW-Authenticate is %q, want %q", answer.what, got, want)
			}
		}
	}
	request, err := ida.request("GET", "/catalogs", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Add("Authorization", "Bearer "+token)
	answer{t: t, what: "two headers"}.send(request).refused(http.StatusUnauthorized, "more than one Authorization header")
}
