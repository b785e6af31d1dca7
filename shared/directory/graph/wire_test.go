package graph_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/directory/graph"
	"latchkey/shared/governance"
)

// script is a transport that answers from a list and notes what it was asked. It needs no network, so that time can be synctest's.
type script struct {
	answers  []func(*http.Request) (*http.Response, error)
	requests []*http.Request
	bodies   []string
	times    []time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
	}
	s.requests, s.bodies, s.times = append(s.requests, r), append(s.bodies, body), append(s.times, time.Now())
	if len(s.answers) == 0 {
		return nil, errors.New("the script has no more answers")
	}
	next := s.answers[0]
	s.answers = s.answers[1:]
	return next(r)
}

func says(status int, body string, headers ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"application/json"}}
		for n := 0; n < len(headers); n += 2 {
			header.Set(headers[n], headers[n+1])
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
	}
}

// What is changed is changed when Graph says so: a page with the status 200 is somebody else's, value false is a refusal, and an assignment that is answered must be the one that was asked for.
func TestAChangeIsNotAStatusAlone(t *testing.T) {
	const user, app, group = "10000000-0000-4000-8000-0000000000a1", "50000000-0000-4000-8000-0000000000c1", "20000000-0000-4000-8000-0000000000b1"
	assign := func(ctx context.Context, d *graph.Directory) error {
		return d.AssignApp(ctx, app, group, governance.IntentUninstall)
	}
	revoke := func(ctx context.Context, d *graph.Directory) error { return d.RevokeSessions(ctx, user) }
	add := func(ctx context.Context, d *graph.Directory) error { return d.AddMember(ctx, group, user) }
	resume := func(ctx context.Context, d *graph.Directory) error {
		return d.Resume(ctx, "/identityGovernance/entitlementManagement/assignmentRequests/"+app+"/resume", []byte("{}"))
	}
	read := says(200, `{"id":"`+app+`","assignments":[]}`)
	for name, test := range map[string]struct {
		do      func(context.Context, *graph.Directory) error
		answers []func(*http.Request) (*http.Response, error)
		well    bool
	}{
		"signed out":                  {revoke, []func(*http.Request) (*http.Response, error){says(204, "")}, true},
		"signed out, in JSON":         {revoke, []func(*http.Request) (*http.Response, error){says(200, `{"value":true}`)}, true},
		"not signed out":              {revoke, []func(*http.Request) (*http.Response, error){says(200, `{"value":false}`), says(200, `{"value":false}`)}, false},
		"a page for a member":         {add, []func(*http.Request) (*http.Response, error){says(200, "<html>"), says(200, "<html>"), says(200, "<html>"), says(200, "<html>")}, false},
		"a page for a resume":         {resume, []func(*http.Request) (*http.Response, error){says(200, "<html>"), says(200, "<html>")}, false},
		"assigned":                    {assign, []func(*http.Request) (*http.Response, error){read, says(201, `{"id":"x","intent":"uninstall","target":{"groupId":"`+strings.ToUpper(group)+`"}}`)}, true},
		"assigned otherwise":          {assign, []func(*http.Request) (*http.Response, error){read, says(201, `{"id":"x","intent":"required","target":{"groupId":"`+group+`"}}`)}, false},
		"assigned to somebody else":   {assign, []func(*http.Request) (*http.Response, error){read, says(201, `{"id":"x","intent":"uninstall","target":{}}`)}, false},
		"nothing for an assignment":   {assign, []func(*http.Request) (*http.Response, error){read, says(204, "")}, false},
		"a page for an assignment":    {assign, []func(*http.Request) (*http.Response, error){read, says(200, "<html>")}, false},
		"a failure for an assignment": {assign, []func(*http.Request) (*http.Response, error){read, says(200, `{"error":{"code":"x"}}`)}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			d, _ := scripted(t, test.answers...)
			if err := test.do(t.Context(), d); (err == nil) != test.well || err != nil && !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

func breaks(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func graphError(code, message string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":%q,"innerError":{"request-id":"r"}}}`, code, message)
}

func scripted(t *testing.T, answers ...func(*http.Request) (*http.Response, error)) (*graph.Directory, *script) {
	t.Helper()
	transport := &script{answers: answers}
	dir, err := graph.New(&credential{token: "secret-token"}, graph.Options{Sender: sender, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return dir, transport
}

var (
	alice = person(1).ID
	sales = team(1).ID
	ok    = `{"id":"` + alice + `","userPrincipalName":"a@b.example","manager":null}`
)

func TestUserIsOneCallThatAsksForWhatItNeeds(t *testing.T) {
	dir, wire := scripted(t, says(200, `{"id":"`+alice+`","userPrincipalName":"a@b.example","displayName":"A","mail":null,"userType":"Guest","accountEnabled":true,"manager":{"@odata.type":"#microsoft.graph.user","id":"m"}}`))
	got, err := dir.User(t.Context(), alice)
	if err != nil {
		t.Fatal(err)
	}
	want := governance.User{ID: alice, UserPrincipalName: "a@b.example", DisplayName: "A", UserType: governance.UserTypeGuest, AccountEnabled: true, ManagerID: "m"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if len(wire.requests) != 1 {
		t.Fatalf("%d calls, want 1", len(wire.requests))
	}
	r := wire.requests[0]
	query := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Host != "graph.microsoft.com" || r.URL.Path != "/v1.0/users/"+alice ||
		query.Get("$expand") != "manager($select=id)" || !strings.Contains(query.Get("$select"), "accountEnabled") {
		t.Errorf("asked %s %s", r.Method, r.URL)
	}
	if r.Header.Get("Authorization") != "Bearer secret-token" {
		t.Error("no token")
	}
	for name := range r.Header {
		switch name {
		case "Authorization", "Accept":
		default:
			t.Errorf("sends %s: %v", name, r.Header[name])
		}
	}
}

// rules: PRV-01
func TestAddMemberSendsAReferenceAsIs(t *testing.T) {
	dir, wire := scripted(t, says(204, ""))
	if err := dir.AddMember(t.Context(), sales, alice); err != nil {
		t.Fatal(err)
	}
	r := wire.requests[0]
	if r.Method != http.MethodPost || r.URL.Path != "/v1.0/groups/"+sales+"/members/$ref" || r.URL.RawQuery != "" {
		t.Errorf("asked %s %s", r.Method, r.URL)
	}
	if want := `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + alice + `"}`; wire.bodies[0] != want || r.ContentLength != int64(len(want)) {
		t.Errorf("sent %s of length %d", wire.bodies[0], r.ContentLength)
	}
	if r.Header.Get("Content-Encoding") != "" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers are %v", r.Header)
	}
}

// rules: PRV-18
func TestMailIsNotKeptAndNotRepeated(t *testing.T) {
	mail := governance.Mail{To: []string{"a@b.example"}, Subject: "s", HTML: "<p>x</p>", Text: "x"}
	dir, wire := scripted(t, breaks(errors.New("reset")), says(202, ""))
	if err := dir.SendMail(t.Context(), mail); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if len(wire.requests) != 1 {
		t.Errorf("a mail that may have gone out was sent again: %d calls", len(wire.requests))
	}
	if !strings.Contains(wire.bodies[0], `"SaveToSentItems":false`) {
		t.Errorf("the mail rests in the sender's sent items: %s", wire.bodies[0])
	}
}

// A wait that Graph asks for is kept to the nanosecond, up to MaxWait and once; a longer one is the caller's.
func TestRetryAfter(t *testing.T) {
	tests := []struct {
		name    string
		answers []func(*http.Request) (*http.Response, error)
		calls   int
		waited  time.Duration
		after   time.Duration // in the error; 0 if there is none
	}{
		{"short", []func(*http.Request) (*http.Response, error){says(429, "", "Retry-After", "2"), says(200, ok)}, 2, 2 * time.Second, 0},
		{"short twice", []func(*http.Request) (*http.Response, error){says(429, "", "Retry-After", "1"), says(429, "", "Retry-After", "1")}, 2, time.Second, time.Second},
		{"long", []func(*http.Request) (*http.Response, error){says(429, "", "Retry-After", "3")}, 1, 0, 3 * time.Second},
		{"a date", []func(*http.Request) (*http.Response, error){says(429, "", "Date", "Mon, 02 Mar 2026 08:00:00 GMT", "Retry-After", "Mon, 02 Mar 2026 08:05:00 GMT")}, 1, 0, 5 * time.Minute},
		{"unbelievable", []func(*http.Request) (*http.Response, error){says(429, "", "Retry-After", "99999999")}, 1, 0, time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, wire := scripted(t, test.answers...)
				begin := time.Now()
				_, err := dir.User(t.Context(), alice)
				if got := directory.RetryAfter(err); got != test.after || (err == nil) != (test.after == 0) {
					t.Errorf("error %v asks for %v, want %v", err, got, test.after)
				}
				if took := time.Since(begin); took != test.waited || len(wire.requests) != test.calls {
					t.Errorf("%d calls in %v, want %d in %v", len(wire.requests), took, test.calls, test.waited)
				}
			})
		})
	}
}

// A throttled mail did not go out, so it may be tried again.
func TestThrottledMailIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, wire := scripted(t, says(429, "", "Retry-After", "1"), says(202, ""))
		if err := dir.SendMail(t.Context(), governance.Mail{To: []string{"a@b.example"}}); err != nil || len(wire.requests) != 2 {
			t.Errorf("%v after %d calls", err, len(wire.requests))
		}
		if wire.bodies[0] != wire.bodies[1] || wire.bodies[1] == "" {
			t.Errorf("the second try sent %q after %q", wire.bodies[1], wire.bodies[0])
		}
	})
}

func TestNoWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, wire := scripted(t, says(429, "", "Retry-After", "2"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := dir.User(ctx, alice); !errors.Is(err, directory.ErrThrottled) || time.Since(begin) != 0 || len(wire.requests) != 1 {
			t.Errorf("%v after %v and %d calls", err, time.Since(begin), len(wire.requests))
		}
	})
}

func TestWhatAnswersMean(t *testing.T) {
	const page = "<html>Bad gateway</html>"
	htmlPage := []string{"Content-Type", "text/html"}
	tests := []struct {
		name   string
		status int
		body   string
		header []string
		want   error // of User
		add    error // of AddMember
		remove error // of RemoveMember
	}{
		{"absent", 404, graphError("Request_ResourceNotFound", "Resource 'x' does not exist"), nil, directory.ErrNotFound, directory.ErrNotFound, nil},
		{"a page of something else", 404, page, htmlPage, directory.ErrUnavailable, directory.ErrUnavailable, directory.ErrUnavailable},
		{"a wrong base URL", 404, graphError("ResourceNotFound", "Resource not found for the segment 'groups'."), nil, directory.ErrUnavailable, directory.ErrUnavailable, directory.ErrUnavailable},
		{"there already", 400, graphError("Request_BadRequest", "One or more added object references already exist for the following modified properties: 'members'."), nil, directory.ErrRefused, nil, directory.ErrRefused},
		{"refused", 400, graphError("Request_BadRequest", "Cannot update a dynamic group"), nil, directory.ErrRefused, directory.ErrRefused, directory.ErrRefused},
		{"forbidden", 403, graphError("Authorization_RequestDenied", "Insufficient privileges"), nil, directory.ErrForbidden, directory.ErrForbidden, directory.ErrForbidden},
		{"no token", 401, graphError("InvalidAuthenticationToken", "expired"), nil, directory.ErrForbidden, directory.ErrForbidden, directory.ErrForbidden},
		{"busy", 503, graphError("serviceNotAvailable", "x"), nil, directory.ErrUnavailable, directory.ErrUnavailable, directory.ErrUnavailable},
		{"bad gateway", 502, page, htmlPage, directory.ErrUnavailable, directory.ErrUnavailable, directory.ErrUnavailable},
		{"a conflict", 409, graphError("Directory_ConcurrencyViolation", "x"), nil, directory.ErrUnavailable, directory.ErrUnavailable, directory.ErrUnavailable},
		{"a redirect", 302, "", []string{"Location", "https://evil.example/"}, directory.ErrUnavailable, directory.ErrUnavailable, directory.ErrUnavailable},
		{"hostile challenge", 401, "", []string{"WWW-Authenticate", "Bearer claims"}, directory.ErrForbidden, directory.ErrForbidden, directory.ErrForbidden},
		{"another hostile challenge", 401, "", []string{"WWW-Authenticate", `Bearer claimsx, claims="e"`}, directory.ErrUnavailable, directory.ErrUnavailable, directory.ErrUnavailable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := says(test.status, test.body, test.header...)
				dir, wire := scripted(t, slices.Repeat([]func(*http.Request) (*http.Response, error){answer}, 9)...) // whether absent ones may come back is asked, too
				_, err := dir.User(t.Context(), alice)
				check := func(what string, err, want error) {
					t.Helper()
					if want == nil && err != nil || want != nil && !errors.Is(err, want) {
						t.Errorf("%s: got %v, want %v", what, err, want)
					}
					if err != nil && strings.Contains(err.Error(), "secret-token") {
						t.Errorf("%s: the error holds the token", what)
					}
				}
				check("User", err, test.want)
				check("AddMember", dir.AddMember(t.Context(), sales, alice), test.add)
				check("RemoveMember", dir.RemoveMember(t.Context(), sales, alice), test.remove)
				for _, r := range wire.requests {
					if r.URL.Host != "graph.microsoft.com" {
						t.Errorf("a request went to %s", r.URL.Host)
					}
				}
			})
		})
	}
}

func TestBrokenAnswersAreUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, body := range map[string]string{
			"not JSON": "<html>", "half": `{"id":"x"`, "wrong types": `{"id":7}`, "a list": `[]`,
			"huge": `{"id":"` + strings.Repeat("x", 17<<20) + `"}`,
		} {
			dir, _ := scripted(t, says(200, body), says(200, body))
			if _, err := dir.User(t.Context(), alice); !errors.Is(err, directory.ErrUnavailable) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	})
}

// A link is input: a token does not follow it out of Graph, and a circle of links ends.
func TestPagesStayWithinGraph(t *testing.T) {
	for _, link := range []string{
		"https://evil.example/v1.0/users", "http://graph.microsoft.com/v1.0/users", "https://graph.microsoft.com.evil.example/v1.0/", "https://graph.microsoft.com/v1.0evil",
		"//evil.example/v1.0/", "https://graph.microsoft.com@evil.example/v1.0/",
	} {
		dir, wire := scripted(t, says(200, `{"value":[],"@odata.nextLink":"`+link+`"}`))
		if _, err := dir.MemberOf(t.Context(), alice); !errors.Is(err, directory.ErrUnavailable) || len(wire.requests) != 1 {
			t.Errorf("%s: %v after %d calls", link, err, len(wire.requests))
		}
	}
	circle := says(200, `{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/users/x/transitiveMemberOf?$skiptoken=y"}`)
	dir, wire := scripted(t)
	for range 1000 {
		wire.answers = append(wire.answers, circle)
	}
	if _, err := dir.MemberOf(t.Context(), alice); !errors.Is(err, directory.ErrUnavailable) || len(wire.requests) > 200 {
		t.Errorf("%v after %d calls", err, len(wire.requests))
	}
}

func TestMemberOfLeavesOutWhatIsNoGroup(t *testing.T) {
	dir, _ := scripted(t, says(200, `{"value":[{"@odata.type":"#microsoft.graph.directoryRole","id":"role"},{"@odata.type":"#microsoft.graph.group","id":"g"},{"@odata.type":"#microsoft.graph.administrativeUnit","id":"au"}]}`))
	if got, err := dir.MemberOf(t.Context(), alice); err != nil || len(got) != 1 || got[0] != "g" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestAddressesThatATokenMustNotGoTo(t *testing.T) {
	for _, base := range []string{
		"http://graph.microsoft.com/v1.0", "http://10.0.0.1/v1.0", "http://localhost.evil.example/v1.0", "http://127.0.0.1.evil.example/", "http://user:pw@127.0.0.1/v1.0",
		"ftp://127.0.0.1/", "graph.microsoft.com", "https://", "https://graph.microsoft.com/v1.0?x=y", "http://[::ffff:10.0.0.1]/",
	} {
		if _, err := graph.New(&credential{}, graph.Options{BaseURL: base}); err == nil {
			t.Errorf("%s was taken", base)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("the error holds a password: %v", err)
		}
	}
	for _, base := range []string{"", "https://graph.microsoft.us/v1.0/", "http://127.0.0.1:7072/v1.0", "http://localhost/v1.0", "http://[::1]:80/v1.0"} {
		if _, err := graph.New(&credential{}, graph.Options{BaseURL: base}); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
	if _, err := graph.New(nil, graph.Options{}); err == nil {
		t.Error("no credential was taken")
	}
}

func TestTheTokenIsForTheCloudOfTheBaseURL(t *testing.T) {
	for base, want := range map[string]string{
		"":                                "https://graph.microsoft.com/.default",
		"https://graph.microsoft.us/v1.0": "https://graph.microsoft.us/.default",
		"http://127.0.0.1:7072/v1.0":      "https://graph.microsoft.com/.default",
	} {
		tokens := &credential{token: "t"}
		dir, err := graph.New(tokens, graph.Options{BaseURL: base, Transport: &script{answers: []func(*http.Request) (*http.Response, error){says(200, ok)}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dir.User(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		if got := tokens.asked[0].Scopes; len(got) != 1 || got[0] != want {
			t.Errorf("%s: scope %v, want %s", base, got, want)
		}
	}
}

func TestNoTokenIsUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wire := &script{}
		dir, err := graph.New(&credential{err: errors.New("IMDS is down")}, graph.Options{Transport: wire})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dir.User(t.Context(), alice); !errors.Is(err, directory.ErrUnavailable) || !strings.Contains(err.Error(), "IMDS is down") {
			t.Errorf("got %v", err)
		}
		if len(wire.requests) != 0 {
			t.Error("a request went out without a token")
		}
	})
}

// Continuous access evaluation: Graph may refuse a token that is still valid and say which claims a new one needs.
func TestClaimsChallengeGetsANewToken(t *testing.T) {
	tokens := &credential{token: "t"}
	wire := &script{answers: []func(*http.Request) (*http.Response, error){
		says(401, "", "WWW-Authenticate", `Bearer realm="", error="insufficient_claims", claims="eyJ4IjoxfQ=="`), says(200, ok),
	}}
	dir, err := graph.New(tokens, graph.Options{Transport: wire})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.User(t.Context(), alice); err != nil {
		t.Fatal(err)
	}
	if len(tokens.asked) != 2 || tokens.asked[1].Claims != `{"x":1}` || !tokens.asked[0].EnableCAE {
		t.Errorf("asked for %+v", tokens.asked)
	}
	if got := wire.requests[1].Header.Values("Authorization"); len(got) != 1 {
		t.Errorf("the second request carries %d tokens", len(got))
	}
}

func TestObserveSeesEveryExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen bytes.Buffer
		dir, err := graph.New(&credential{token: "t"}, graph.Options{
			Transport: &script{answers: []func(*http.Request) (*http.Response, error){says(503, ""), says(200, ok), breaks(io.ErrUnexpectedEOF), says(204, "")}},
			Observe: func(operation graph.Operation, status int, err error, _ time.Duration) {
				fmt.Fprintf(&seen, "%s %d %t;", operation, status, err != nil)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dir.User(t.Context(), alice); err != nil {
			t.Error(err)
		}
		if err := dir.RemoveMember(t.Context(), sales, alice); err != nil {
			t.Error(err)
		}
		if want := "User 503 true;User 200 false;RemoveMember 0 true;RemoveMember 204 false;"; seen.String() != want {
			t.Errorf("saw %s, want %s", seen.String(), want)
		}
	})
}

func TestMailWithoutAMailbox(t *testing.T) {
	mail := governance.Mail{To: []string{"a@b.example"}}
	for _, code := range []string{"ErrorInvalidUser", "MailboxNotEnabledForRESTAPI", "Request_ResourceNotFound"} {
		dir, _ := scripted(t, says(404, graphError(code, "x")))
		if err := dir.SendMail(t.Context(), mail); !errors.Is(err, directory.ErrRefused) {
			t.Errorf("%s: got %v", code, err)
		}
	}
	dir, err := graph.New(&credential{}, graph.Options{Transport: &script{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.SendMail(t.Context(), mail); !errors.Is(err, directory.ErrRefused) {
		t.Errorf("without a sender: got %v", err)
	}
}

func TestHealthTellsAMissingPermissionApart(t *testing.T) {
	empty := `{"value":[]}`
	for name, test := range map[string]struct {
		answers []func(*http.Request) (*http.Response, error)
		want    error
		text    string
	}{
		"well":         {[]func(*http.Request) (*http.Response, error){says(200, empty), says(200, empty)}, nil, ""},
		"no users":     {[]func(*http.Request) (*http.Response, error){says(403, graphError("Authorization_RequestDenied", "x")), says(200, empty)}, directory.ErrForbidden, "User.Read.All"},
		"no groups":    {[]func(*http.Request) (*http.Response, error){says(200, empty), says(403, graphError("Authorization_RequestDenied", "x"))}, directory.ErrForbidden, "GroupMember.Read.All"},
		"graph is out": {[]func(*http.Request) (*http.Response, error){says(503, ""), says(503, "")}, directory.ErrUnavailable, ""},
	} {
		dir, _ := scripted(t, test.answers...)
		err := dir.Health(t.Context())
		if (err == nil) != (test.want == nil) || test.want != nil && (!errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// What the identity may do is told by its token, before it is needed.
func TestGrantedReadsThePermissionsOfTheToken(t *testing.T) {
	token := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for name, test := range map[string]struct {
		token   string
		granted []string
		fails   bool
	}{
		"two":                    {token(`{"roles":["User.Read.All","GroupMember.ReadWrite.All"]}`), []string{"User.Read.All", "GroupMember.ReadWrite.All"}, false},
		"none":                   {token(`{}`), nil, false},
		"a developer's":          {token(`{"scp":"Directory.AccessAsUser.All"}`), nil, true},
		"not to be read":         {"opaque", nil, true},
		"not to be read, either": {"a.!.c", nil, true},
		"no claims":              {token(`[]`), nil, true},
	} {
		dir, err := graph.New(&credential{token: test.token}, graph.Options{Transport: &script{}})
		if err != nil {
			t.Fatal(err)
		}
		granted, err := dir.Granted(t.Context())
		if !slices.Equal(granted, test.granted) || (err != nil) != test.fails || err != nil && !errors.Is(err, directory.ErrUnavailable) {
			t.Errorf("%s: got %q, %v", name, granted, err)
		}
	}
}
