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
	body := `{"displayName":"` + unique("Zipped") + `"}`
	ida.call("POST", "/catalogs", zipped(t, body), "Content-Encoding", "gzip").want(http.StatusCreated)
	ida.call("POST", "/catalogs", `{"displayName":"`+unique("Odd")+`"}`, "Content-Type", "Application/JSON; charset=utf-8; IEEE754Compatible=false", "Accept", "*/*").want(http.StatusCreated)

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

func TestNoWay(t *testing.T) {
	ida := administrator(t)
	catalog := newCatalog(t)
	for _, path := range []string{"/nothing", "/catalogs/" + catalog + "/nothing", "/catalogs/x", "/catalogs/" + catalog + "/accessPackages/extra/long", "/catalogs/%00", "/accessPackages('x')", "/settings",
		"/catalogs//" + catalog, "/catalogs/$count", "/catalogs.filterByCurrentUser/target/x"} {
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
	// Outside of the API there is nothing, and nothing of a function can be reached.
	for _, path := range []string{"/api/v2.0/identityGovernance/entitlementManagement/catalogs", "/api/beta/operations/health"} {
		ida.call("GET", path, nil).refused(http.StatusNotFound)
	}
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
		for _, one := range [][2]string{{"GET", "/catalogs"}, {"POST", "/assignmentRequests"}, {"GET", "/operations/audit/subjects"}} {
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
