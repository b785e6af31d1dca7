package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// rules: LIF-01 LIF-12 REQ-18 NOT-06 RES-11
func TestAccessEnds(t *testing.T) {
	t.Parallel()
	l := delivered(t)
	ends := start.AddDate(0, 0, 180)
	if due := one[governance.Assignment](l.State, "assignment-1").Due(); !due.Equal(ends) {
		t.Fatalf("it is due at %v", due)
	}
	l.now = ends.Add(-time.Millisecond)
	if change := l.assignmentDue("assignment-1"); !change.IsEmpty() {
		t.Fatalf("it ends too early: %s", text(t, change))
	}
	l.now = ends
	change := l.assignmentDue("assignment-1")
	id := governance.NameID("expire:assignment-1")
	l.expect(id, governance.StateDelivering, "assignment-1", governance.AssignmentDelivered)
	request := one[governance.AssignmentRequest](l.State, id)
	if request.RequestType != governance.RequestSystemRemove || request.Requestor.ObjectID != mo || effects(change) != "provision" {
		t.Errorf("it ends by %s", text(t, change))
	}
	if !slices.Equal(activities(change), []governance.Activity{governance.ActivitySystemRemoves}) || change.Audit[0].InitiatedBy.Kind != governance.CallerSystem {
		t.Errorf("the audit says %s", text(t, change.Audit))
	}
	if again := l.assignmentDue("assignment-1"); !again.IsEmpty() {
		t.Errorf("it ends twice: %s", text(t, again))
	}
	ended := l.record("assignment-1", nil)
	l.expect(id, governance.StateDelivered, "assignment-1", governance.AssignmentExpired)
	if effects(ended) != "ended:0" || activities(ended)[1] != governance.ActivityRemoveAssignment || !one[governance.Assignment](l.State, "assignment-1").ExpiredDateTime.Equal(ends) {
		t.Errorf("in the end: %s", text(t, ended))
	}
	if due := one[governance.Assignment](l.State, "assignment-1").Due(); !due.IsZero() {
		t.Errorf("what has ended is due at %v", due)
	}
	l.now = l.now.AddDate(1, 0, 0)
	if change := l.assignmentDue("assignment-1"); !change.IsEmpty() {
		t.Errorf("time does something to what has ended: %s", text(t, change))
	}
}

// rules: LIF-01
func TestAccessWithoutEndIsNeverDue(t *testing.T) {
	t.Parallel()
	l := delivered(t, under(policy(t, "everybody", noApproval, expires(never()))))
	if due := one[governance.Assignment](l.State, "assignment-1").Due(); !due.IsZero() {
		t.Errorf("it is due at %v", due)
	}
	l.now = l.now.AddDate(50, 0, 0)
	if change := l.assignmentDue("assignment-1"); !change.IsEmpty() {
		t.Errorf("it ends: %s", text(t, change))
	}
}

// rules: LIF-01 REQ-06
func TestAccessEndsBeforeItWasDelivered(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, under(policy(t, "everybody", noApproval)), scheduled(time.Time{}, after(t, "PT2H"))))
	l.record("assignment-1", func(engine.Step) (string, bool) { return "503", true })
	l.now = start.Add(2 * time.Hour)
	change := l.assignmentDue("assignment-1")
	removal := governance.NameID("expire:assignment-1")
	l.expect("request-1", governance.StateDeliveryFailed, "assignment-1", governance.AssignmentDelivering)
	l.expect(removal, governance.StateDelivering, "assignment-1", governance.AssignmentDelivering)
	if first := change.Audit[0]; first.Activity != governance.ActivityFailed || first.Result != "failure" || !strings.HasPrefix(first.Detail, "the access ended before it was delivered; Member of ") {
		t.Errorf("the audit says %s", text(t, first))
	}
	if got := planOf(l, "assignment-1"); got != "[remove Member f3]" {
		t.Errorf("the plan is %s", got)
	}
	_, err := l.decide(nil, func(s engine.State) (engine.Change, error) {
		return engine.Reprocess(s, "request-1", caller(ann), l.now)
	})
	refused(t, err, governance.CodeConflict, "in the hands of another request")
	l.record("assignment-1", nil)
	l.expect(removal, governance.StateDelivered, "assignment-1", governance.AssignmentExpired)
}

// rules: REQ-07
func TestALostMessageIsMadeUpFor(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, direct("everybody")))
	due := one[governance.Assignment](l.State, "assignment-1").Due()
	if !due.After(start) || due.After(start.Add(time.Hour)) {
		t.Fatalf("a timer looks after it at %v", due)
	}
	l.now = due.Add(-time.Millisecond)
	if change := l.assignmentDue("assignment-1"); !change.IsEmpty() {
		t.Fatalf("too early: %s", text(t, change))
	}
	l.now = due
	change := l.assignmentDue("assignment-1")
	if effects(change) != "provision" || change.Audit[0].Detail != "taken up again by the timer" {
		t.Errorf("the change is %s", text(t, change))
	}
	if next := one[governance.Assignment](l.State, "assignment-1").Due(); !next.After(l.now) {
		t.Errorf("it stays due: %v", next)
	}
	l.expect("request-1", governance.StateDelivering, "assignment-1", governance.AssignmentDelivering)
	l.record("assignment-1", nil)
	if due := one[governance.Assignment](l.State, "assignment-1").Due(); !due.Equal(start.AddDate(0, 0, 180)) {
		t.Errorf("what is delivered is due at %v", due)
	}
}

func TestTimeDoesNothingToWhatIsNotThere(t *testing.T) {
	t.Parallel()
	far := start.AddDate(10, 0, 0)
	if change, err := engine.RequestIsDue(engine.State{}, "other", engine.Facts{}, far); err != nil || !change.IsEmpty() {
		t.Errorf("%v, %s", err, text(t, change))
	}
	if change, err := engine.AssignmentIsDue(engine.State{}, "other", far); err != nil || !change.IsEmpty() {
		t.Errorf("%v, %s", err, text(t, change))
	}
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, direct("everybody")))
	// What is in hand for a request that somebody has deleted by hand is taken away; a removal also if its request was spoiled. The head is right again when it is over.
	for _, id := range []string{"request-1", "removal-1"} {
		for _, spoiled := range []bool{false, true} {
			unloaded := stateOf(l.Head, one[governance.Assignment](l.State, "assignment-1"))
			if spoiled {
				unloaded.Unread = map[string]string{"request:" + id: ""}
			}
			change, err := engine.AssignmentIsDue(unloaded, "assignment-1", start.Add(time.Hour))
			if spoiled && id == "request-1" {
				refused(t, err, governance.CodeUnavailable, "cannot be read")
				continue
			}
			written := engine.Written[governance.AssignmentRequest](change)
			if err != nil || effects(change) != "provision" || len(written) != 1 || written[0].ID != governance.NameID("again:"+id) || !engine.Written[governance.Assignment](change)[0].Removing {
				t.Fatalf("without %s: %v, %s", id, err, text(t, change))
			}
			head, _ := engine.Seal(unloaded.Head, change, "command", "salt")
			over := engine.Written[governance.Assignment](change)[0]
			over.State = governance.AssignmentExpired
			if over.Enter(&head); len(head.InFlight) != 0 {
				t.Errorf("without %s: in flight are %s", id, text(t, head.InFlight))
			}
		}
		_, _ = l.submit(removal(t, ann, governance.RequestAdminRemove))
	}
}

// rules: APR-06 APR-11 LIF-05
func TestWhenRequestsAreDue(t *testing.T) {
	t.Parallel()
	ends, escalates, begins := start.AddDate(0, 0, 14), start.AddDate(0, 0, 7), start.AddDate(0, 0, 3)
	stage := governance.ApprovalStage{Status: governance.StageInProgress, EndsDateTime: governance.At(ends), EscalatesDateTime: governance.At(escalates)}
	escalated, late, done := stage, stage, stage
	escalated.Escalated = true
	late.EscalatesDateTime = governance.At(ends.AddDate(0, 0, 1))
	done.Status = governance.StageCompleted
	waits := func(stages ...governance.ApprovalStage) *governance.Approval {
		return &governance.Approval{Stages: stages}
	}
	for name, test := range map[string]struct {
		request governance.AssignmentRequest
		want    time.Time
	}{
		"before the escalation":        {governance.AssignmentRequest{State: governance.StatePendingApproval, Approval: waits(stage)}, escalates},
		"after the escalation":         {governance.AssignmentRequest{State: governance.StatePendingApproval, Approval: waits(escalated)}, ends},
		"escalation after the denial":  {governance.AssignmentRequest{State: governance.StatePendingApproval, Approval: waits(late)}, ends},
		"the second stage":             {governance.AssignmentRequest{State: governance.StatePendingApproval, Approval: waits(done, escalated)}, ends},
		"no stage that waits":          {governance.AssignmentRequest{State: governance.StatePendingApproval, Approval: waits(done)}, time.Time{}},
		"no approval":                  {governance.AssignmentRequest{State: governance.StatePendingApproval}, time.Time{}},
		"scheduled":                    {governance.AssignmentRequest{State: governance.StateScheduled, Status: governance.StatusPendingNotBefore, Schedule: &governance.Schedule{StartDateTime: governance.At(begins)}}, begins},
		"canceled, with an open stage": {governance.AssignmentRequest{State: governance.StateCanceled, Approval: waits(stage)}, time.Time{}},
		"delivering":                   {governance.AssignmentRequest{State: governance.StateDelivering}, time.Time{}},
		"delivered":                    {governance.AssignmentRequest{State: governance.StateDelivered}, time.Time{}},
	} {
		if got := engine.RequestDue(test.request); !got.Equal(test.want) {
			t.Errorf("%s: due at %v, want %v", name, got, test.want)
		}
	}
}

func TestWhenAssignmentsAreDue(t *testing.T) {
	t.Parallel()
	soon, later := start.Add(time.Hour), start.AddDate(0, 0, 30)
	for name, test := range map[string]struct {
		assignment governance.Assignment
		want       time.Time
	}{
		"nothing":                  {governance.Assignment{State: governance.AssignmentDelivered}, time.Time{}},
		"its end":                  {governance.Assignment{State: governance.AssignmentDelivered, Schedule: &governance.Schedule{Expiration: on(later)}}, later},
		"its delivery first":       {governance.Assignment{State: governance.AssignmentDelivering, NextAttempt: governance.At(soon), Schedule: &governance.Schedule{Expiration: on(later)}}, soon},
		"its end first":            {governance.Assignment{State: governance.AssignmentDelivering, NextAttempt: governance.At(later), Schedule: &governance.Schedule{Expiration: on(soon)}}, soon},
		"its removal, not its end": {governance.Assignment{State: governance.AssignmentDelivered, Removing: true, NextAttempt: governance.At(later), Schedule: &governance.Schedule{Expiration: on(soon)}}, later},
		"over":                     {governance.Assignment{State: governance.AssignmentExpired, NextAttempt: governance.At(soon), Schedule: &governance.Schedule{Expiration: on(later)}}, time.Time{}},
	} {
		if got := test.assignment.Due(); !got.Equal(test.want) {
			t.Errorf("%s: due at %v, want %v", name, got, test.want)
		}
	}
}

func TestSealIsStableAndNamesEffects(t *testing.T) {
	t.Parallel()
	cmd := submission(t, direct("everybody"))
	change, err := engine.Submit(engine.State{Head: governance.Head{ID: "s"}}, cmd, start)
	if err != nil {
		t.Fatal(err)
	}
	head, sealed := engine.Seal(governance.Head{ID: "s", AuditSequence: 7, AuditHash: "h"}, change, "c", "salt")
	again, _ := engine.Seal(governance.Head{ID: "s", AuditSequence: 7, AuditHash: "h"}, change, "c", "salt")
	if text(t, head) != text(t, again) {
		t.Errorf("sealed differently: %s and %s", text(t, head), text(t, again))
	}
	if head.AuditSequence != 9 || sealed.Audit[0].Sequence != 8 || sealed.Audit[0].PreviousHash != "h" || sealed.Audit[1].PreviousHash != sealed.Audit[0].Hash || head.AuditHash != sealed.Audit[1].Hash {
		t.Errorf("the chain goes on as %s", text(t, sealed.Audit))
	}
	if len(sealed.Effects) != 1 || sealed.Effects[0].ID != "c-9-0" {
		t.Errorf("the effects are %s", text(t, sealed.Effects))
	}
	if (engine.Change{}).IsEmpty() != true || sealed.IsEmpty() {
		t.Error("what is empty is not, or the other way round")
	}
	for range governance.MaxRecentCommands + 10 {
		head, _ = engine.Seal(head, engine.Change{}, "c", "salt")
	}
	if len(head.RecentCommands) != governance.MaxRecentCommands {
		t.Errorf("the head remembers %d commands", len(head.RecentCommands))
	}
}
