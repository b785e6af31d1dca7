package endurance

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/fault"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/bus"
	"latchkey/shared/governance"
)

// refused wants a status, and an error that can be read and names these parts.
func (s *stand) refused(method, path string, body any, want int, parts ...string) {
	s.t.Helper()
	status, answer := s.control(method, path, body)
	var failure struct{ Error struct{ Message string } }
	if err := json.Unmarshal(answer, &failure); status != want || err != nil || failure.Error.Message == "" {
		s.t.Errorf("%s %s %v: %d %s, want %d with a message", method, path, body, status, answer, want)
	}
	for _, part := range parts {
		if !strings.Contains(failure.Error.Message, part) {
			s.t.Errorf("%s %s %v: the message does not name %q: %s", method, path, body, part, failure.Error.Message)
		}
	}
}

// The control port says where everything is and who is there, property by property.
func TestControlPortTells(t *testing.T) {
	s := still(t)
	endpoints := ask[map[string]string](s, http.MethodGet, "/endpoints", nil)
	for name, begins := range map[string]string{
		"host": s.Endpoints.Host, "graph": s.Endpoints.Graph, "token": s.Endpoints.Token, "cosmos": s.Endpoints.Cosmos, "control": s.Endpoints.Control,
		"serviceBus": "amqp://127.0.0.1:", "serviceBusConnectionString": "Endpoint=sb://127.0.0.1:", "cosmosKey": s.Endpoints.CosmosKey, "tenantId": s.Tenant.ID, "audience": "api://",
	} {
		if begins == "" || !strings.HasPrefix(endpoints[name], begins) {
			t.Errorf("%s is %q", name, endpoints[name])
		}
	}
	if len(endpoints) != 10 {
		t.Errorf("%d endpoints: %v", len(endpoints), endpoints)
	}

	shown := ask[map[string]any](s, http.MethodGet, "/tenant", nil)
	for list, properties := range map[string][]string{
		"users":        {"id", "userPrincipalName", "displayName", "userType", "managerId", "roles"},
		"groups":       {"id", "displayName", "memberIds"},
		"applications": {"appId", "displayName", "clientSecret", "permissions"},
	} {
		values, _ := shown[list].([]any)
		if len(values) == 0 {
			t.Errorf("there are no %s", list)
		}
		for _, value := range values {
			object, _ := value.(map[string]any)
			for _, property := range properties {
				if _, there := object[property]; !there {
					t.Errorf("%s has no %s: %v", list, property, object)
				}
			}
		}
	}
	// Issue 2, 11: who must be in the sample.
	sample := ask[tenant.Tenant](s, http.MethodGet, "/tenant", nil)
	reports := map[string]int{}
	var governors, guests, alone int
	for _, user := range sample.Users {
		reports[user.ManagerID]++
		if slices.Contains(user.Roles, "Identity Governance Administrator") {
			governors++
		}
		if user.UserType == governance.UserTypeGuest {
			guests++
		} else if user.ManagerID == "" {
			alone++
		}
	}
	delete(reports, "")
	if governors == 0 || guests == 0 || alone == 0 || len(reports) == 0 || slices.Max(slices.Collect(maps.Values(reports))) < 2 {
		t.Errorf("%d governance administrators, %d guests, %d members without a manager, reports of managers %v", governors, guests, alone, reports)
	}
	for _, application := range sample.Applications {
		if application.ClientSecret == "" {
			t.Errorf("%s has no secret", application.DisplayName)
		}
	}

	before := s.Clock.Now()
	now := ask[struct{ Now time.Time }](s, http.MethodGet, "/clock", nil).Now
	if now.Before(before) || now.After(s.Clock.Now()) {
		t.Errorf("it is %v by GET /clock, between %v and %v", now, before, s.Clock.Now())
	}
}

// What cannot be understood is a 4xx that says why, and does nothing.
func TestControlPortRefuses(t *testing.T) {
	s := still(t)
	from := s.Clock.Now()
	for _, body := range []string{
		``, `null`, `[]`, `{`, `"P1D"`, `{}`, `{"advance":null}`, `{"advance":""}`, `{"advance":"1 day"}`, `{"advance":"-P1D"}`, `{"advance":"P"}`, `{"advance":"PT"}`, `{"advance":"P1DT"}`, `{"advance":"P0D"}`,
		`{"advance":86400}`, `{"advance":"P1D","and":1}`, `{"advance":"P1D"} {"advance":"P1D"}`, `{"advance":"P1D"}]`, `{"advance":"P20Y"}`, `{"advance":"PT9999999999H"}`,
		`{"advance":"P1D","why":"` + strings.Repeat("x", 70_000) + `"}`,
	} {
		s.refused(http.MethodPost, "/clock", body, http.StatusBadRequest)
	}
	if passed := s.Clock.Now().Sub(from); passed > time.Minute {
		t.Errorf("%v have passed", passed)
	}
	for body, part := range map[string]string{
		``:                                      "",
		`{`:                                     "",
		`{}`:                                    "target",
		`{"target":"cosmos"}`:                   "kind",
		`{"target":"sql","kind":"error"}`:       "sql",
		`{"target":"Cosmos","kind":"error"}`:    "Cosmos",
		`{"target":"cosmos","kind":"explode"}`:  "explode",
		`{"target":"cosmos","kind":"kill"}`:     "handler",
		`{"target":"graph","kind":"kill"}`:      "handler",
		`{"target":"serviceBus","kind":"kill"}`: "handler",
		`{"target":"cosmos","kind":"error","rate":-0.1}`:    "rate",
		`{"target":"cosmos","kind":"error","rate":1.1}`:     "rate",
		`{"target":"cosmos","kind":"error","count":-1}`:     "count",
		`{"target":"cosmos","kind":"error","count":1.5}`:    "",
		`{"target":"cosmos","kind":"error","rate":"often"}`: "",
		`{"target":"cosmos","kind":"error","until":"now"}`:  "until",
		`[{"target":"cosmos","kind":"error"}]`:              "",
		`{"target":"cosmos","kind":"error"} x`:              "",
	} {
		s.refused(http.MethodPost, "/faults", body, http.StatusBadRequest, part)
	}
	if standing := s.Faults.List(); len(standing) != 0 {
		t.Errorf("faults stand: %v", standing)
	}
	for path, method := range map[string]string{
		"/endpoints": http.MethodPost, "/tenant": http.MethodPut, "/clock": http.MethodPatch, "/drain": http.MethodGet, "/mail": http.MethodPost, "/faults": http.MethodPut, "/reset": http.MethodGet,
	} {
		if status, _ := s.control(method, path, nil); status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d", method, path, status)
		}
	}
	if status, _ := s.control(http.MethodGet, "/nothing", nil); status != http.StatusNotFound {
		t.Errorf("GET /nothing: %d", status)
	}
	for _, path := range []string{"/clock", "/drain", "/faults", "/reset"} { // as a web page would
		if status, _ := s.control(http.MethodPost, path, `{"advance":"P1D","target":"cosmos","kind":"error"}`, "Origin", "https://example.com"); status != http.StatusForbidden {
			t.Errorf("POST %s from a web page: %d", path, status)
		}
	}
}

// Every fault that may be set is set, listed and gone again, and strikes as often as it says.
func TestFaultsOverTheControlPort(t *testing.T) {
	s := still(t)
	for _, target := range []fault.Target{fault.Cosmos, fault.ServiceBus, fault.Graph, fault.Handler} {
		for _, kind := range []fault.Kind{fault.Throttle, fault.Error, fault.LostResponse, fault.Delay} {
			if status, answer := s.control(http.MethodPost, "/faults", map[string]any{"target": target, "kind": kind, "rate": 0.5, "count": 3}); status != http.StatusCreated {
				t.Errorf("%s %s: %d %s", target, kind, status, answer)
			}
		}
	}
	if status, _ := s.control(http.MethodPost, "/faults", map[string]any{"target": "handler", "kind": "kill"}); status != http.StatusCreated {
		t.Error("the handler cannot be killed")
	}
	standing := ask[[]fault.Fault](s, http.MethodGet, "/faults", nil)
	if len(standing) != 17 || standing[0] != (fault.Fault{Target: fault.Cosmos, Kind: fault.Throttle, Rate: 0.5, Count: 3}) {
		t.Errorf("%d faults stand: %v", len(standing), standing)
	}
	if status, _ := s.control(http.MethodDelete, "/faults", nil); status != http.StatusNoContent {
		t.Errorf("DELETE /faults: %d", status)
	}
	if standing := ask[[]fault.Fault](s, http.MethodGet, "/faults", nil); standing == nil || len(standing) != 0 {
		t.Errorf("after DELETE these stand: %v", standing)
	}

	admin := s.as("ida")
	list := func() error { return admin.Do(context.Background(), http.MethodGet, "/catalogs", nil, nil) }
	s.control(http.MethodPost, "/faults", map[string]any{"target": "handler", "kind": "error", "count": 2})
	for n, want := range []int{http.StatusServiceUnavailable, http.StatusServiceUnavailable, 0} {
		err := list()
		if want == 0 && err != nil || want != 0 && !is(err, want) {
			t.Errorf("call %d: %v", n+1, err)
		}
	}
	s.control(http.MethodPost, "/faults", map[string]any{"target": "cosmos", "kind": "error"})
	if err := list(); !is(err, http.StatusServiceUnavailable) {
		t.Errorf("without a database: %v", err)
	}
	s.control(http.MethodDelete, "/faults", nil)
	if err := list(); err != nil {
		t.Errorf("with the database back: %v", err)
	}
	// What is sent while the bus is away is in the outbox, and goes out when it is back.
	s.control(http.MethodPost, "/faults", map[string]any{"target": "serviceBus", "kind": "error"})
	offer := s.offer(1, atOnce("P1D"))[0]
	who := s.hire("cutoff", "")
	s.do(s.as(who.UserPrincipalName), http.MethodPost, "/assignmentRequests", map[string]any{"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": offer.pack}, "justification": "endurance"}, nil)
	if left := s.documents("outbox"); len(left) == 0 || s.member(who, offer) {
		t.Error("the bus is away, and nothing waits for it")
	}
	s.control(http.MethodDelete, "/faults", nil)
	s.pass("PT2M")
	if left := s.documents("outbox"); len(left) != 0 || !s.member(who, offer) {
		t.Errorf("%d effects are left in the outbox", len(left))
	}
}

func TestMailOverTheControlPort(t *testing.T) {
	s := still(t)
	offer := s.offer(1, atOnce("P1D"))[0]
	who, other := s.hire("reader", ""), s.hire("other", "")
	s.get(who, offer)
	s.get(other, offer)
	type letter struct{ To, Subject, HTML, Text, SentDateTime string }
	letters := ask[[]letter](s, http.MethodGet, "/mail?to="+strings.ToUpper(who.Mail), nil)
	if len(letters) != 1 {
		t.Fatalf("%d letters: %v", len(letters), letters)
	}
	one := letters[0]
	sent, err := time.Parse(time.RFC3339, one.SentDateTime)
	if one.To != who.Mail || one.Subject == "" || !strings.Contains(one.HTML, "<") || one.Text == "" || strings.Contains(one.Text, "<p") || err != nil || time.Since(sent) > time.Minute {
		t.Errorf("the letter is %+v", one)
	}
	if everything := ask[[]letter](s, http.MethodGet, "/mail", nil); len(everything) != 2 {
		t.Errorf("%d letters in all", len(everything))
	}
	if nothing := ask[[]letter](s, http.MethodGet, "/mail?to=nobody@example.com", nil); nothing == nil || len(nothing) != 0 {
		t.Errorf("somebody else's letters: %v", nothing)
	}
}

// POST /reset brings the sample tenant back as it was at the start, whatever was done, stands or is waiting; and what comes after knows nothing of what was before.
func TestReset(t *testing.T) {
	s := still(t)
	before := ask[tenant.Tenant](s, http.MethodGet, "/tenant", nil)
	for round := range 2 {
		offer := s.offer(1, byManager("P30D"))[0]
		rui := s.as("rui")
		var asked client.Made
		s.do(rui, http.MethodPost, "/assignmentRequests", map[string]any{"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": offer.pack}, "justification": "endurance"}, &asked)
		group := before.Groups[0]
		user := governance.User{ID: before.Users[0].ID}
		if s.Graph.Directory().IsMember(group.ID, user.ID) {
			s.Graph.Directory().Reset()
		} else if err := s.Graph.Directory().PutMember(group.ID, user.ID); err != nil {
			t.Fatal(err)
		}
		s.pass("P400D")
		s.control(http.MethodPost, "/faults", map[string]any{"target": "graph", "kind": "error"})
		if err := s.Bus.Core().Send(context.Background(), bus.Provisioning, bus.Message{ID: "later", SessionID: "s", Body: []byte("{}"), NotBefore: s.Clock.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if !ask[map[string]bool](s, http.MethodPost, "/reset", nil)["reset"] {
			t.Fatal("it was not reset")
		}
		if ahead := time.Until(s.Clock.Now()); ahead > time.Minute {
			t.Errorf("time stays %v ahead", ahead)
		}
		after := ask[tenant.Tenant](s, http.MethodGet, "/tenant", nil)
		if was, is := encode(t, before), encode(t, after); was != is {
			t.Errorf("round %d: the tenant was\n%s\nand is\n%s", round, was, is)
		}
		if standing := s.Faults.List(); len(standing) != 0 {
			t.Errorf("faults stand: %v", standing)
		}
		if letters := ask[[]any](s, http.MethodGet, "/mail", nil); len(letters) != 0 {
			t.Errorf("%d letters are left", len(letters))
		}
		for _, queue := range bus.Queues() {
			if counts, err := s.Bus.Core().Counts(queue); err != nil || counts.Active+counts.Scheduled+counts.Locked+counts.Deferred+counts.DeadLettered != 0 {
				t.Errorf("queue %s has %+v, %v", queue, counts, err)
			}
		}
		for _, kind := range []string{"head", "request", "assignment", "audit", "outbox", "idempotency"} {
			if left := s.documents(kind); len(left) != 0 {
				t.Errorf("%d documents of kind %s are left", len(left), kind)
			}
		}
		admin := s.as("ida")
		if catalogs := all[client.Made](s, admin, "/catalogs"); len(catalogs) != 1 { // General
			t.Errorf("%d catalogs are left", len(catalogs))
		}
		if err := admin.Do(context.Background(), http.MethodGet, "/accessPackages/"+offer.pack, nil, nil); !is(err, http.StatusNotFound) {
			t.Errorf("the package is there: %v", err)
		}
		if err := rui.Do(context.Background(), http.MethodGet, "/assignmentRequests/"+asked.ID, nil, nil); !is(err, http.StatusNotFound) {
			t.Errorf("the request is there: %v", err)
		}
		if err := rui.Do(context.Background(), http.MethodPost, "/assignmentRequests", map[string]any{"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": offer.pack}, "justification": "endurance"}, nil); !is(err, http.StatusBadRequest, http.StatusNotFound) {
			t.Errorf("a package that was forgotten can be requested: %v", err)
		}
		// And it works as it did.
		again := s.offer(1, atOnce("P1D"))[0]
		who := s.hire("afterwards", "")
		if made := s.get(who, again); made.State != string(governance.StateDelivered) || !s.member(who, again) {
			t.Errorf("after a reset a request is %s", made.State)
		}
		ask[map[string]bool](s, http.MethodPost, "/reset", nil)
	}
}

func encode(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// With the handler as a child everything works but time: it lives by the machine's clock.
func TestControlPortOfAChild(t *testing.T) {
	s := launch(t, stack.Options{HandlerPath: handlerBinary(t)})
	s.refused(http.MethodPost, "/clock", `{"advance":"P1D"}`, http.StatusConflict, "--handler")
	s.refused(http.MethodPost, "/clock", `nonsense`, http.StatusConflict, "--handler")
	if now := ask[struct{ Now time.Time }](s, http.MethodGet, "/clock", nil).Now; time.Since(now).Abs() > time.Minute {
		t.Errorf("it is %v", now)
	}
	offer := s.offer(1, atOnce("P1D"))[0]
	who := s.hire("child", "")
	if made := s.get(who, offer); made.State != string(governance.StateDelivered) || !s.member(who, offer) {
		t.Errorf("the request is %s", made.State)
	}
	lives := s.Host.Metrics().Crashes
	s.control(http.MethodPost, "/faults", map[string]any{"target": "handler", "kind": "kill", "count": 1})
	_ = s.as("ida").Do(context.Background(), http.MethodGet, "/catalogs", nil, nil) // it may be answered before the blow
	wait(t, 10*time.Second, "the handler was not killed", func() bool { return s.Host.Metrics().Crashes > lives })
	ask[map[string]bool](s, http.MethodPost, "/reset", nil)
	if catalogs := all[client.Made](s, s.as("ida"), "/catalogs"); len(catalogs) != 1 { // General
		t.Errorf("%d catalogs are left after a reset", len(catalogs))
	}
	if left := s.documents("head"); len(left) != 0 {
		t.Errorf("%d heads are left after a reset", len(left))
	}
}
