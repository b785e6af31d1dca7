package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"latchkey/shared/governance"
	"latchkey/shared/identity"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// invalid fails the test unless err names what is wrong, as a 400 does.
func invalid(t *testing.T, err error) {
	t.Helper()
	var coded *governance.Error
	if !errors.As(err, &coded) || coded.Code != governance.CodeInvalid || coded.Target == "" || coded.Message == "" {
		t.Errorf("the error is %v", err)
	}
}

// terms counts the conditions of a filter and measures how deep they are.
func terms(filter ledger.Filter) (count, depth int) {
	nest := func(inner ...ledger.Filter) {
		for _, one := range inner {
			c, d := terms(one)
			count, depth = count+c, max(depth, d+1)
		}
	}
	switch f := filter.(type) {
	case ledger.And:
		nest(f...)
	case ledger.Or:
		nest(f...)
	case ledger.Not:
		nest(f.Filter)
	default:
		return 1, 1
	}
	return count, depth
}

// Whatever somebody writes into $filter, it is refused by name, or a bounded filter on properties that may be compared.
//
// rules: OBJ-03 OBJ-12
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"displayName eq 'x'", "contains(tolower(displayName),'it''s')", "not (state eq 'Delivered' or id in ('a','b'))", "isHidden ne true and createdDateTime ge 2026-11-20T00:00:00+02:00",
		"assignment/target/objectId eq 11111111-1111-4111-8111-111111111111", "((((id eq 'x'))))", "startswith(displayName,'", "id eq null", "é eq 'é'", "\x00", "id\teq\t'x'", "in in ('in')",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		for _, of := range resources {
			filter, err := parseFilter(source, of.kind)
			if err != nil {
				invalid(t, err)
				continue
			}
			if count, depth := terms(filter); count > maxFilterTerms || depth > 4*maxFilterDepth {
				t.Errorf("%q has %d conditions, %d deep", source, count, depth)
			}
			if err := store.CheckQuery(store.Subjects, store.Query{Filter: filter}); err != nil {
				t.Errorf("%q is no filter of the store: %v", source, err)
			}
		}
	})
}

func FuzzOptions(f *testing.F) {
	for _, seed := range []string{
		"$expand=resourceRoleScopes($expand=role,scope),assignmentPolicies,catalog", "$expand=resourceRoleScopes%28$expand%3Drole%28%24expand%3Dresource%29%29", "$select=id,displayName&$orderby=displayName desc,id&$top=5&$skip=1",
		"$expand=catalog($select=id;$expand=x)", "$expand=((((", "$count=TRUE&$skiptoken=x", "$top=99999999999999999999", "%zz", "$expand=catalog()",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c := &call{r: &http.Request{URL: &url.URL{RawQuery: raw}}}
		for _, of := range []*descriptor{accessPackages, catalogs, assignments, assignmentRequests} {
			if err := c.parseOptions(of.kind, listOptions); err != nil {
				invalid(t, err)
				continue
			}
			o := c.options
			if o.top < 1 || o.top > maxTop || o.skip < 0 || o.skip > maxCollected || len(o.shape.selected) > maxSelected+1 || len(o.orderBy) > maxOrderings {
				t.Errorf("%q: %+v", raw, o)
			}
			if _, err := o.shape.cut(governance.AccessPackage{ID: "x", DisplayName: "y"}, ""); err != nil {
				t.Errorf("%q: %v", raw, err)
			}
		}
	})
}

// What passes the check can be decoded without deep recursion, and holds no NUL.
func FuzzBodyChecks(f *testing.F) {
	for _, seed := range []string{`{"a":[{"b":"\"}{"}]}`, `"\\u0000"`, `"\u0000"`, `[[[[`, `]]]]`, `{"a":"\\\u0000"}`, strings.Repeat("[", 40), `"` + strings.Repeat("[", 40) + `"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var value any
		if checkDepth(data) != nil || governance.BrokenText(data) != nil || json.Unmarshal(data, &value) != nil {
			return
		}
		if depth := depthOf(value); depth > maxNesting {
			t.Errorf("%q is %d deep", data, depth)
		}
		if hasNUL(value) {
			t.Errorf("%q has a NUL", data)
		}
	})
}

func depthOf(value any) int {
	deepest := 0
	switch value := value.(type) {
	case map[string]any:
		for _, one := range value {
			deepest = max(deepest, depthOf(one))
		}
	case []any:
		for _, one := range value {
			deepest = max(deepest, depthOf(one))
		}
	default:
		return 0
	}
	return deepest + 1
}

func hasNUL(value any) bool {
	switch value := value.(type) {
	case string:
		return strings.ContainsRune(value, 0)
	case map[string]any:
		for name, one := range value {
			if strings.ContainsRune(name, 0) || hasNUL(one) {
				return true
			}
		}
	case []any:
		for _, one := range value {
			if hasNUL(one) {
				return true
			}
		}
	}
	return false
}

// rules: OBJ-04
func TestCanonicalPaths(t *testing.T) {
	t.Parallel()
	const id = "11111111-1111-4111-8111-111111111111"
	for path, want := range map[string]string{
		"/a/catalogs/" + id: "/a/catalogs/" + id, "/a/catalogs('" + id + "')": "/a/catalogs/" + id, "/a/catalogs(" + id + ")/resources": "/a/catalogs/" + id + "/resources",
		"/a/accessPackages('" + id + "')/resourceRoleScopes":              "/a/accessPackages/" + id + "/resourceRoleScopes",
		"/a/assignments/filterByCurrentUser(on='target')":                 "/a/assignments.filterByCurrentUser/target",
		"/a/assignments/microsoft.graph.filterByCurrentUser(on='target')": "/a/assignments.filterByCurrentUser/target",
		"/a/assignments/filterByCurrentUser(on='a/b')":                    "/a/assignments/filterByCurrentUser(on='a/b')",
		"/a/catalogs('x')": "/a/catalogs('x')",
		"/a/catalogs///":   "/a/catalogs",
	} {
		if got := canonical(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// Links and contexts lead to the public address: that which is set, else that which the request says it was sent to.
func TestBase(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		public string
		header map[string]string
		want   string
	}{
		"set":                 {"https://access.contoso.example", map[string]string{"X-Forwarded-Host": "evil.example"}, "https://access.contoso.example"},
		"the request's":       {"", nil, "http://local.example"},
		"forwarded":           {"", map[string]string{"X-Forwarded-Host": "front.example", "X-Forwarded-Proto": "https"}, "https://front.example"},
		"forwarded, a path":   {"", map[string]string{"X-Forwarded-Host": "front.example/evil"}, "http://local.example"},
		"forwarded, two":      {"", map[string]string{"X-Forwarded-Host": "a.example, b.example"}, "http://local.example"},
		"forwarded, no proto": {"", map[string]string{"X-Forwarded-Proto": "javascript"}, "http://local.example"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://local.example/api/v1.0/x", nil)
		for name, value := range one.header {
			r.Header.Set(name, value)
		}
		c := &call{server: &Server{publicURL: one.public}, r: r}
		if got := c.base(); got != one.want {
			t.Errorf("%s: %s, want %s", name, got, one.want)
		}
	}
}

type listener struct{ heard identity.Request }

func (l *listener) Validate(_ context.Context, _ http.Header, request identity.Request) (governance.Caller, error) {
	l.heard = request
	return governance.Caller{}, governance.Forbidden("Nobody may.")
}

// The Functions host calls the handler by the handler's own address; a proof of possession names that which the client called.
//
// rules: EXT-19
func TestProofsAreHeldAgainstTheHostThatTheClientCalled(t *testing.T) {
	t.Parallel()
	for _, one := range []struct{ public, forwarded, want string }{
		{"https://access.contoso.example", "front.example", "access.contoso.example"},
		{"", "front.example", "front.example"},
		{"", "", "127.0.0.1:40001"},
	} {
		l := &listener{}
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:40001/api/callouts/act", nil)
		if one.forwarded != "" {
			r.Header.Set("X-Forwarded-Host", one.forwarded)
		}
		NewCallouts(CalloutOptions{Identity: l, Logger: slog.New(slog.DiscardHandler), PublicURL: one.public}).ServeHTTP(httptest.NewRecorder(), r)
		if want := (identity.Request{Method: http.MethodPost, Host: one.want, Path: "/api/callouts/act"}); l.heard != want {
			t.Errorf("%+v: %+v, want %+v", one, l.heard, want)
		}
	}
}

// What custom extensions call honours no query options either.
func TestOptionsOfCallouts(t *testing.T) {
	t.Parallel()
	for query, refused := range map[string]bool{"dryRun=true": true, "$select=id": true, "code=x&clientId=default": false} {
		l, answer := &listener{}, httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:40001/api/callouts/act?"+query, http.NoBody)
		NewCallouts(CalloutOptions{Identity: l, Logger: slog.New(slog.DiscardHandler)}).ServeHTTP(answer, r)
		if (answer.Code == http.StatusBadRequest) != refused || refused == (l.heard != identity.Request{}) {
			t.Errorf("%s: %d %s", query, answer.Code, answer.Body)
		}
	}
}

// Of a body that is too large the client gets the answer, even one that sends it to its end before it looks: a proxy does.
func TestTooLargeIsAnswered(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{w: w, r: r}
		if _, err := c.body(); governance.CodeOf(err) != governance.CodeTooLarge {
			t.Errorf("the error is %v", err)
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}))
	defer server.Close()
	for _, framing := range []string{"Content-Length: 25165824\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1800000\r\n"} {
		connection, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		sent := "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + framing + strings.Repeat(" ", 24<<20)
		if strings.Contains(framing, "chunked") {
			sent += "\r\n0\r\n\r\n"
		}
		if _, err := io.WriteString(connection, sent); err != nil {
			t.Errorf("%q: the body cannot be sent: %v", framing, err)
		} else if answer, err := http.ReadResponse(bufio.NewReader(connection), nil); err != nil || answer.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%q: %+v, %v", framing, answer, err)
		} else {
			_ = answer.Body.Close()
		}
		_ = connection.Close()
	}
}

func TestActionsCanBeFiltered(t *testing.T) {
	t.Parallel()
	filter, err := parseFilter("kind eq 'webhook' and name eq 'x'", calloutActions.kind)
	if err != nil || store.CheckQuery(store.Catalogs, store.Query{Filter: filter}) != nil {
		t.Errorf("actions cannot be filtered: %v", err)
	}
}

// A client's wishes may come in one header line or in several, among others that are not ours (RFC 7240).
func TestPrefer(t *testing.T) {
	t.Parallel()
	for want, headers := range map[string][][]string{
		"representation": {
			{"return=representation"}, {"RETURN = representation"}, {"odata.maxpagesize=5, return=representation"}, {"include-unknown-enum-members", "return=representation"},
			{`return="representation"; foo="a, return=minimal"`}, {`x="a,\",b";y=",", return=representation;z`}, {"return=representation, return=minimal"}, {"return=representation", "return=minimal"},
		},
		"minimal": {{"return=minimal"}, {"return=minimal, return=representation"}, {",, ;,return=minimal;"}},
		"":        {nil, {""}, {"return"}, {"returns=representation"}, {`x="return=representation"`}, {"x;return=representation"}, {`x="`, "return=representation"}},
	} {
		for _, header := range headers {
			c := &call{r: &http.Request{Header: http.Header{"Prefer": header}}}
			if got := c.preference("return"); got != want {
				t.Errorf("%q: %q, want %q", header, got, want)
			}
		}
	}
}
