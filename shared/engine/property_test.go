package engine_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// walk is one subject, the directory that its steps are carried out in, and a random choice of what happens next.
type walk struct {
	*ledger
	requests  int
	directory map[governance.Grant]bool
}

// The packages of a walk overlap in what they grant, so that references must be counted.
var walkPackages = []governance.AccessPackage{pack("one", cloud), pack("two", cloud, printers), pack("three", printers, staff)}

func walkPolicies(t tester) []governance.AssignmentPolicy {
	return []governance.AssignmentPolicy{
		policy(t, "approved", scope(governance.ScopeSpecificDirectoryUsers, user(mo)), stages(asks(manager(1))), escalating(sam)),
		policy(t, "twice", scope(governance.ScopeSpecificDirectoryUsers, user(mo)), stages(asks(manager(1)), asks(group(helpDesk)))),
		policy(t, "free", scope(governance.ScopeSpecificDirectoryUsers, user(mo)), noApproval),
	}
}

// TestWhateverHappensToASubject runs random commands over one subject. The ledger checks after each that what must always hold holds; the walk, that the directory
// has what live assignments grant, and nothing that none does.
//
// rules: REQ-06 REQ-22 RES-09 RES-10 RES-12 APR-03 APR-05 APR-07 LIF-01
func TestWhateverHappensToASubject(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := &walk{ledger: newLedger(rt, mo), directory: map[governance.Grant]bool{}}
		policies := walkPolicies(rt)
		rt.Repeat(map[string]func(*rapid.T){
			"submit":    func(rt *rapid.T) { w.submitSomething(rt, policies) },
			"remove":    func(rt *rapid.T) { w.removeSomething(rt, policies) },
			"decide":    w.decideSomething,
			"cancel":    w.cancelSomething,
			"reprocess": w.reprocessSomething,
			"deliver":   w.deliverSomething,
			"align":     w.alignSomething,
			"wait": func(rt *rapid.T) {
				w.pass(rapid.SampledFrom([]time.Duration{time.Minute, 20 * time.Minute, 5 * time.Hour, 25 * time.Hour, 8 * 24 * time.Hour, 100 * 24 * time.Hour}).Draw(rt, "wait"))
			},
			"": func(*rapid.T) { w.checkDirectory() },
		})
		for range 60 { // whatever was left hanging comes to its end by itself
			w.pass(7 * 24 * time.Hour)
			for _, id := range w.working() {
				w.carryOut(id, func(engine.Step) (bool, engine.Outcome) { return true, engine.Outcome{} })
			}
		}
		w.checkDirectory()
		if len(w.Head.Holdings)+len(w.Head.InFlight)+len(w.directory) > 0 {
			rt.Errorf("after 420 days there is still %s, %s, %v", text(rt, w.Head.Holdings), text(rt, w.Head.InFlight), w.directory)
		}
	})
}

// allowed checks that a refusal is one of the domain's, with words for who is refused.
func (w *walk) allowed(err error) {
	switch governance.CodeOf(err) {
	case governance.CodeConflict, governance.CodeForbidden, governance.CodeInvalid, governance.CodeNotFound:
	default:
		if err != nil {
			w.t.Errorf("refused by %v", err)
		}
	}
}

func (w *walk) submitSomething(rt *rapid.T, policies []governance.AssignmentPolicy) {
	w.requests++
	cmd := submission(w.t, under(policies...), named(rapid.SampledFrom(policies).Draw(rt, "policy").ID))
	if rapid.Bool().Draw(rt, "direct") {
		direct(cmd.PolicyID)(&cmd)
	}
	numbered(fmt.Sprint(w.requests), rapid.SampledFrom(walkPackages).Draw(rt, "package"))(&cmd)
	starts, hours := rapid.IntRange(-1, 30).Draw(rt, "starts in days"), rapid.SampledFrom([]int{0, 0, 3, 30 * 24}).Draw(rt, "lasts hours")
	cmd.Schedule = &governance.Schedule{StartDateTime: governance.At(w.now.AddDate(0, 0, starts))}
	if hours > 0 {
		cmd.Schedule.Expiration = after(w.t, fmt.Sprintf("PT%dH", hours))
	}
	_, err := w.submit(cmd)
	w.allowed(err)
}

func (w *walk) removeSomething(rt *rapid.T, policies []governance.AssignmentPolicy) {
	ids := idsOf[governance.Assignment](w.State)
	if len(ids) == 0 {
		rt.Skip("nothing to remove")
	}
	w.requests++
	cmd := removal(w.t, rapid.SampledFrom([]string{mo, ann}).Draw(rt, "who"), rapid.SampledFrom([]governance.RequestType{governance.RequestUserRemove, governance.RequestAdminRemove}).Draw(rt, "type"))
	cmd.RequestID, cmd.AssignmentID, cmd.Policies = fmt.Sprint("request-", w.requests), rapid.SampledFrom(ids).Draw(rt, "assignment"), policies
	_, err := w.submit(cmd)
	w.allowed(err)
}

func (w *walk) someRequest(rt *rapid.T) governance.AssignmentRequest {
	ids := idsOf[governance.AssignmentRequest](w.State)
	if len(ids) == 0 {
		rt.Skip("no request")
	}
	return one[governance.AssignmentRequest](w.State, rapid.SampledFrom(ids).Draw(rt, "request"))
}

func (w *walk) decideSomething(rt *rapid.T) {
	request := w.someRequest(rt)
	if request.Approval == nil {
		rt.Skip("no approval")
	}
	by := rapid.SampledFrom([]string{meg, meg, sam, hugo, mo, ann}).Draw(rt, "by")
	pack := w.packageOf(request)
	d := engine.Decision{
		RequestID: request.ID, StageID: rapid.SampledFrom(request.Approval.Stages).Draw(rt, "stage").ID, Justification: "so be it",
		Result:   rapid.SampledFrom([]governance.ReviewResult{governance.ResultApprove, governance.ResultApprove, governance.ResultDeny}).Draw(rt, "result"),
		Approver: caller(by), GroupIDs: people[by].GroupIDs, Package: pack,
	}
	_, err := w.decide(d, func(s engine.State) (engine.Change, error) { return engine.Decide(s, d, w.now) })
	w.allowed(err)
	if by == mo && err == nil {
		w.t.Errorf("Mo decided his own request %s", request.ID)
	}
}

func (w *walk) packageOf(request governance.AssignmentRequest) *governance.AccessPackage {
	for i := range walkPackages {
		if walkPackages[i].ID == request.AccessPackage.ID {
			return &walkPackages[i]
		}
	}
	return nil
}

func (w *walk) cancelSomething(rt *rapid.T) {
	id := w.someRequest(rt).ID
	_, err := w.decide(nil, func(s engine.State) (engine.Change, error) { return engine.Cancel(s, id, caller(mo), w.now) })
	w.allowed(err)
}

func (w *walk) reprocessSomething(rt *rapid.T) {
	id := w.someRequest(rt).ID
	_, err := w.decide(nil, func(s engine.State) (engine.Change, error) { return engine.Reprocess(s, id, caller(ann), w.now) })
	w.allowed(err)
}

// working are the assignments that are being delivered or taken away.
func (w *walk) working() []string {
	var ids []string
	for _, id := range idsOf[governance.Assignment](w.State) {
		if request, ok := engine.Find[governance.AssignmentRequest](w.State, one[governance.Assignment](w.State, id).RequestID); ok && request.State == governance.StateDelivering {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *walk) deliverSomething(rt *rapid.T) {
	ids := w.working()
	if len(ids) == 0 {
		rt.Skip("nothing to deliver")
	}
	w.carryOut(rapid.SampledFrom(ids).Draw(rt, "assignment"), func(engine.Step) (bool, engine.Outcome) {
		switch rapid.SampledFrom([]string{"done", "done", "done", "throttled", "refused", "answer lost"}).Draw(rt, "outcome") {
		case "throttled":
			return false, engine.Outcome{Reason: "throttled", Transient: true}
		case "refused":
			return false, engine.Outcome{Reason: "refused"}
		case "answer lost":
			return true, engine.Outcome{Reason: "connection lost", Transient: true}
		}
		return true, engine.Outcome{}
	})
}

// alignSomething has the resource roles of a package change, and reach somebody who has it.
func (w *walk) alignSomething(rt *rapid.T) {
	ids := idsOf[governance.Assignment](w.State)
	if len(ids) == 0 {
		rt.Skip("nobody has anything")
	}
	id := rapid.SampledFrom(ids).Draw(rt, "assignment")
	var groups []string
	for _, group := range []string{cloud, printers, staff} {
		if rapid.Bool().Draw(rt, "has "+group) {
			groups = append(groups, group)
		}
	}
	now := pack(one[governance.Assignment](w.State, id).AccessPackage.ID, groups...)
	w.align(id, &now)
	if again, err := engine.Align(w.State, id, &now, w.now); err != nil || !again.IsEmpty() {
		w.t.Errorf("aligned twice, %s is changed again: %s, %v", id, text(w.t, again), err)
	}
}

// carryOut does the plan of an assignment in the directory and records it. call says whether a step was done there, and what its caller learnt.
func (w *walk) carryOut(id string, call func(engine.Step) (bool, engine.Outcome)) {
	var outcomes []engine.Outcome
	for _, step := range engine.Plan(w.State, id) {
		outcome := engine.Outcome{}
		if step.Action != engine.ActionKeep {
			var done bool
			done, outcome = call(step)
			if done && step.Action == engine.ActionAdd {
				w.directory[step.Grant] = true
			}
			if done && step.Action == engine.ActionRemove {
				delete(w.directory, step.Grant)
			}
		}
		outcome.Step = step
		outcomes = append(outcomes, outcome)
	}
	w.must(outcomes, func(s engine.State) (engine.Change, error) { return engine.Record(s, id, outcomes, w.now) })
}

// pass lets time pass, and the timers run once at its end.
func (w *walk) pass(d time.Duration) {
	w.now = w.now.Add(d)
	isDue := func(due time.Time) bool { return !due.IsZero() && !due.After(w.now) }
	for _, id := range idsOf[governance.AssignmentRequest](w.State) {
		if !isDue(engine.RequestDue(one[governance.AssignmentRequest](w.State, id))) {
			continue
		}
		pack := w.packageOf(one[governance.AssignmentRequest](w.State, id))
		w.must(nil, func(s engine.State) (engine.Change, error) {
			return engine.RequestIsDue(s, id, engine.Facts{Package: pack}, w.now)
		})
	}
	for _, id := range idsOf[governance.Assignment](w.State) {
		if isDue(one[governance.Assignment](w.State, id).Due()) {
			w.assignmentDue(id)
		}
		if due := one[governance.Assignment](w.State, id).Due(); isDue(due) {
			w.t.Errorf("the timer ran, and %s is still due at %v", id, due)
		}
	}
}

// checkDirectory holds the directory against the assignments: whatever one of them has delivered is there, and what none of them wants is not.
func (w *walk) checkDirectory() {
	wanted := map[governance.Grant]bool{}
	for _, id := range idsOf[governance.Assignment](w.State) {
		a := one[governance.Assignment](w.State, id)
		if a.State == governance.AssignmentExpired {
			continue
		}
		for _, delivery := range a.Deliveries {
			wanted[delivery.Grant] = true
			if !a.Removing && !delivery.Leaving && delivery.State == governance.DeliveryDelivered && !w.directory[delivery.Grant] {
				w.t.Errorf("%s has delivered %v, and the directory does not have it", id, delivery.Grant)
			}
		}
	}
	for grant := range w.directory {
		if !wanted[grant] {
			w.t.Errorf("the directory has %v, which no assignment grants", grant)
		}
	}
}
