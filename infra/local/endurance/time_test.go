package endurance

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
	"latchkey/shared/directory/graph"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// ask for access, which is granted without approval.
func (s *stand) get(who governance.User, offer offer) request {
	s.t.Helper()
	self := s.as(who.UserPrincipalName)
	var made client.Made
	s.do(self, http.MethodPost, "/assignmentRequests", map[string]any{"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": offer.pack}, "justification": "endurance"}, &made)
	ask[map[string]bool](s, http.MethodPost, "/drain", nil)
	return s.request(self, made.ID)
}

func (s *stand) assignment(id string) governance.Assignment {
	s.t.Helper()
	var found governance.Assignment
	s.do(s.as("ida"), http.MethodGet, "/assignments/"+id, nil, &found)
	return found
}

func (s *stand) member(who governance.User, offer offer) bool {
	return s.Graph.Directory().IsMember(offer.group, who.ID)
}

// Half a year passes in seconds, and with every timer of it: access that ends after 180 days is there the day before, and not the day after.
//
// rules: LIF-01 LIF-02
func TestHalfAYearPassesInOneCall(t *testing.T) {
	s := still(t)
	offer := s.offer(1, atOnce("P180D"))[0]
	who := s.hire("halfyear", "")
	if made := s.get(who, offer); made.State != string(governance.StateDelivered) || !s.member(who, offer) {
		t.Fatalf("the request is %s", made.State)
	}
	from, ran := s.Clock.Now(), s.Host.Metrics().Functions["expirations"].Invocations
	began := time.Now()
	now := s.pass("P179D")
	if passed := now.Sub(from); passed < 179*24*time.Hour || passed > 179*24*time.Hour+time.Minute {
		t.Errorf("%v have passed", passed)
	}
	if !s.member(who, offer) {
		t.Error("access is gone a day early")
	}
	s.pass("P1D")
	t.Logf("180 days passed in %v", time.Since(began).Round(time.Millisecond))
	if s.member(who, offer) {
		t.Error("access is still there")
	}
	if runs := s.Host.Metrics().Functions["expirations"].Invocations - ran; runs < 180 {
		t.Errorf("the timer ran %d times in 180 days", runs)
	}
}

// Story 9: a USB exception for eight hours; nothing is left the minute after.
func TestOneDay(t *testing.T) {
	s := still(t)
	offer := s.offer(1, atOnce("PT8H"))[0]
	who := s.hire("usb", "")
	made := s.get(who, offer)
	s.pass("PT7H59M")
	if !s.member(who, offer) {
		t.Error("access is gone early")
	}
	s.pass("PT2M")
	if s.member(who, offer) {
		t.Error("access is still there the minute after")
	}
	if state := s.assignment(made.Assignment.ID).State; state != governance.AssignmentExpired {
		t.Errorf("the assignment is %s", state)
	}
	if left := len(s.documents("outbox")); left != 0 {
		t.Errorf("%d effects are left in the outbox", left)
	}
	// It ends at its time however much passes in one call.
	from := s.Clock.Now()
	again := s.get(who, offer)
	s.pass("P2D")
	if late := s.assignment(again.Assignment.ID).ExpiredDateTime.Sub(from.Add(8 * time.Hour)); late < 0 || late > 2*time.Minute {
		t.Errorf("access ended %v after its time", late)
	}
}

// tries are the instants at which the handler tried to add somebody to a group.
type tries struct {
	mu sync.Mutex
	at []time.Time
}

// delays are the waits between the tries, to the minute; the repetitions of the client within one try count as one.
func (r *tries) delays() (waits []time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := 1; n < len(r.at); n++ {
		if wait := r.at[n].Sub(r.at[n-1]).Round(time.Minute); wait > 0 {
			waits = append(waits, wait)
		}
	}
	return waits
}

func (r *tries) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.at)
}

// withTries is a stack of this process that tells when it changes a group, or looks whether it may.
func withTries(t *testing.T) (*stand, *tries) {
	t.Helper()
	recorded := &tries{}
	var s *stand
	s = launch(t, stack.Options{ManualTimers: true, OnDirectory: func(operation string, _ int, _ error, _ time.Duration) {
		if operation == string(graph.OperationAddMember) || operation == string(graph.OperationUser) { // before a grant, the person is looked at
			recorded.mu.Lock()
			defer recorded.mu.Unlock()
			recorded.at = append(recorded.at, s.Clock.Now())
		}
	}})
	return s, recorded
}

// stuck is a request that is approved and cannot be delivered, since the directory is away.
func (s *stand) stuck(name string) (who governance.User, offered offer, requestID string) {
	s.t.Helper()
	offered = s.offer(1, byManager("P30D"))[0]
	boss := s.hire("boss-"+name, "")
	who = s.hire(name, boss.ID)
	waiting := s.get(who, offered)
	if status, answer := s.control(http.MethodPost, "/faults", map[string]any{"target": "graph", "kind": "error"}); status != http.StatusCreated {
		s.t.Fatalf("POST /faults: %d %s", status, answer)
	}
	path := "/accessPackageAssignmentApprovals/" + waiting.ID + "/stages/" + governance.NameID("stage:"+waiting.ID+":0")
	s.do(s.as(boss.UserPrincipalName), http.MethodPatch, path, map[string]any{"reviewResult": "Approve", "justification": "endurance"}, nil)
	ask[map[string]bool](s, http.MethodPost, "/drain", nil)
	return who, offered, waiting.ID
}

// A delivery that fails for a passing reason is tried again after 1 m, 5 m, 15 m, 1 h and 4 h, whatever the step in which time passes; then it has failed, and somebody is told.
//
// rules: REQ-07
func TestRetriesHappenInOrderWhileTimePasses(t *testing.T) {
	s, recorded := withTries(t)
	who, offered, id := s.stuck("unlucky")
	if state := s.request(s.as("ida"), id).State; state != string(governance.StateDelivering) {
		t.Fatalf("the request is %s", state)
	}
	s.pass("PT5H")
	// Another hour passes before the last.
	if state := s.request(s.as("ida"), id).State; state != string(governance.StateDelivering) {
		t.Errorf("before the last try the request is %s", state)
	}
	s.pass("PT1H")
	if waits := recorded.delays(); !slices.Equal(waits[:min(len(waits), len(engine.RetryDelays))], engine.RetryDelays) { // then the mail about it is tried, too
		t.Errorf("the waits were %v, not %v", waits, engine.RetryDelays)
	}
	if state := s.request(s.as("ida"), id).State; state != string(governance.StateDeliveryFailed) {
		t.Errorf("after the last try the request is %s", state)
	}
	if s.member(who, offered) {
		t.Error("there is access after all")
	}
	if alerts := s.log.holding("a delivery has failed"); len(alerts) != 1 {
		t.Errorf("%d alerts: %v", len(alerts), alerts)
	}
}

// rules: REQ-07
func TestRetriesStopWhenTheDirectoryIsBack(t *testing.T) {
	s, recorded := withTries(t)
	who, offered, id := s.stuck("patient")
	s.pass("PT2M")
	if status, _ := s.control(http.MethodDelete, "/faults", nil); status != http.StatusNoContent {
		t.Errorf("DELETE /faults: %d", status)
	}
	s.pass("PT1H")
	if state := s.request(s.as("ida"), id).State; state != string(governance.StateDelivered) || !s.member(who, offered) {
		t.Errorf("the request is %s", state)
	}
	if waits := recorded.delays(); !slices.Equal(waits, engine.RetryDelays[:2]) {
		t.Errorf("the waits were %v, not %v", waits, engine.RetryDelays[:2])
	}
	tried := recorded.count()
	s.pass("P2D")
	if recorded.count() != tried {
		t.Error("it was tried again after it was done")
	}
	told := 0
	for _, letter := range ask[[]struct{ Subject string }](s, http.MethodGet, "/mail?to="+who.Mail, nil) {
		if letter.Subject != "" {
			told++
		}
	}
	if told == 0 {
		t.Error("nobody told them")
	}
}

// Whoever moves time, drains and works at once gets it all done.
func TestClockAndDrainAtOnce(t *testing.T) {
	s := still(t)
	offers := s.offer(4, atOnce("P3D"))
	who := s.hire("busy", "")
	from, began := s.Clock.Now(), time.Now()
	const days = 8
	var calls sync.WaitGroup
	at := func(call func() (int, []byte)) {
		calls.Go(func() {
			if status, answer := call(); status != http.StatusOK {
				t.Errorf("%d %s", status, answer)
			}
		})
	}
	for range days {
		at(func() (int, []byte) { return s.control(http.MethodPost, "/clock", map[string]any{"advance": "P1D"}) })
		at(func() (int, []byte) { return s.control(http.MethodPost, "/drain", nil) })
	}
	for _, offer := range offers {
		calls.Go(func() {
			for range 10 * days { // a token that a day has passed over is worth nothing
				err := s.as(who.UserPrincipalName).Do(context.Background(), http.MethodPost, "/assignmentRequests", map[string]any{
					"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": offer.pack}, "justification": "endurance",
				}, nil)
				if !is(err, http.StatusUnauthorized) {
					if err != nil {
						t.Errorf("request: %v", err)
					}
					return
				}
			}
			t.Error("no token lived long enough")
		})
	}
	calls.Wait()
	t.Logf("all answered after %v", time.Since(began).Round(time.Millisecond))
	if passed := s.Clock.Now().Sub(from); passed < days*24*time.Hour || passed > days*24*time.Hour+time.Minute {
		t.Errorf("%v have passed in %d days", passed, days)
	}
	s.pass("P4D")
	for _, one := range all[governance.Assignment](s, s.as("ida"), "/assignments") {
		if one.State != governance.AssignmentExpired {
			t.Errorf("assignment %s is %s", one.ID, one.State)
		}
	}
	delivered := 0
	for _, one := range all[request](s, s.as("ida"), "/assignmentRequests") {
		if one.State != string(governance.StateDelivered) {
			t.Errorf("request %s (%s) is %s", one.ID, one.RequestType, one.State)
		}
		delivered++
	}
	if delivered != 2*len(offers) { // each with its end
		t.Errorf("%d requests", delivered)
	}
	for _, offer := range offers {
		if s.member(who, offer) {
			t.Error("access is left")
		}
	}
}
