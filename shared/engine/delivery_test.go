package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

func grantOf(group string) governance.Grant {
	return governance.Grant{OriginSystem: governance.OriginGroup, ResourceID: group, Role: governance.GrantMember}
}

// rules: RES-01 RES-02 RES-03 RES-04 RES-05 RES-06
func TestGrantOf(t *testing.T) {
	t.Parallel()
	root := &governance.ResourceScope{IsRootScope: true}
	scope := func(origin string) *governance.ResourceScope {
		return &governance.ResourceScope{IsRootScope: true, OriginID: origin}
	}
	role := func(system, origin string) *governance.ResourceRole {
		return &governance.ResourceRole{OriginSystem: system, OriginID: origin}
	}
	for name, test := range map[string]struct {
		scope governance.ResourceRoleScope
		want  governance.Grant
		ok    bool
	}{
		"member":          {governance.ResourceRoleScope{Role: role("AadGroup", "Member_"+cloud), Scope: root}, grantOf(cloud), true},
		"owner":           {governance.ResourceRoleScope{Role: role("AadGroup", "Owner_ABC"), Scope: root}, governance.Grant{OriginSystem: "AadGroup", ResourceID: "abc", Role: "Owner"}, true},
		"eligible member": {governance.ResourceRoleScope{Role: role("AadGroup", "EligibleMember_"+cloud), Scope: root}, governance.Grant{}, false},
		"no group":        {governance.ResourceRoleScope{Role: role("AadGroup", "Member"), Scope: root}, governance.Grant{}, false},
		"app role":        {governance.ResourceRoleScope{Role: role("AadApplication", cloud), Scope: scope("App_1")}, governance.Grant{OriginSystem: "AadApplication", ResourceID: "App_1", Role: cloud}, true},
		"site":            {governance.ResourceRoleScope{Role: role("SharePointOnline", "4"), Scope: scope("https://x/sites/A_b")}, governance.Grant{OriginSystem: "SharePointOnline", ResourceID: "https://x/sites/A_b", Role: "4"}, true},
		"directory role":  {governance.ResourceRoleScope{Role: role("DirectoryRole", "Eligible"), Scope: scope(cloud)}, governance.Grant{OriginSystem: "DirectoryRole", ResourceID: cloud, Role: "Eligible"}, true},
		"of no resource":  {governance.ResourceRoleScope{Role: role("AadApplication", cloud), Scope: root}, governance.Grant{}, false},
		"of no origin":    {governance.ResourceRoleScope{Role: role("", "Member_"+cloud), Scope: root}, governance.Grant{}, false},
		"no scope":        {governance.ResourceRoleScope{Role: role("AadGroup", "Member_"+cloud)}, governance.Grant{}, false},
		"no role":         {governance.ResourceRoleScope{Scope: root}, governance.Grant{}, false},
	} {
		if got, ok := engine.GrantOf(test.scope); ok != test.ok || ok && got != test.want {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
}

func planOf(l *ledger, assignment string) string {
	var steps []string
	for _, step := range engine.Plan(l.State, assignment) {
		steps = append(steps, string(step.Action)+" "+step.Grant.Role+" "+step.Grant.ResourceID[len(step.Grant.ResourceID)-2:])
	}
	return fmt.Sprint(steps)
}

// rules: RES-09 RES-10 RES-11
func TestGrantsAreCountedByReference(t *testing.T) {
	t.Parallel()
	// Cloud PC grants one group; the bundle grants the same, and the printers'.
	l := delivered(t)
	_, err := l.submit(submission(t, numbered("2", pack("bundle", cloud, printers)), direct("everybody")))
	if err != nil {
		t.Fatal(err)
	}
	if got := planOf(l, "assignment-2"); got != "[add Member f3 add Member f4]" {
		t.Errorf("the plan of the bundle is %s", got)
	}
	removing := func(id, assignment string) {
		t.Helper()
		if _, err := l.submit(edited(removal(t, ann, governance.RequestAdminRemove), func(c *engine.Submission) { c.RequestID, c.AssignmentID = id, assignment })); err != nil {
			t.Fatal(err)
		}
	}
	l.record("assignment-2", nil)
	removing("removal-1", "assignment-1")
	if got := planOf(l, "assignment-1"); got != "[keep Member f3]" {
		t.Errorf("taking Cloud PC away, the plan is %s", got)
	}
	kept := l.record("assignment-1", nil)
	if kept.Audit[0].Activity != governance.ActivityRemoveRole || kept.Audit[0].Detail != "keep Member" {
		t.Errorf("the audit says %s", text(t, kept.Audit[0]))
	}
	if got := planOf(l, "assignment-2"); got != "[]" {
		t.Errorf("what is delivered has the plan %s", got)
	}
	removing("removal-2", "assignment-2")
	if got := planOf(l, "assignment-2"); got != "[remove Member f3 remove Member f4]" {
		t.Errorf("the last that grants it: the plan is %s", got)
	}
	l.record("assignment-2", nil)
	if got := planOf(l, "assignment-2"); got != "[]" || len(l.Head.Holdings) != 0 {
		t.Errorf("what is gone has the plan %s, and the head holds %s", got, text(t, l.Head.Holdings))
	}
}

// rules: RES-10
func TestTwoThatGoTogetherKeepNothing(t *testing.T) {
	t.Parallel()
	l := delivered(t)
	_, _ = l.submit(submission(t, numbered("2", pack("bundle", cloud, printers)), direct("everybody")))
	l.record("assignment-2", nil)
	for i, id := range []string{"assignment-1", "assignment-2"} {
		_, err := l.submit(edited(removal(t, ann, governance.RequestAdminRemove), func(c *engine.Submission) { c.RequestID, c.AssignmentID = fmt.Sprint("removal-", i), id }))
		if err != nil {
			t.Fatal(err)
		}
	}
	if one, two := planOf(l, "assignment-1"), planOf(l, "assignment-2"); one != "[remove Member f3]" || two != "[remove Member f3 remove Member f4]" {
		t.Errorf("the plans are %s and %s", one, two)
	}
}

func TestAPlanIsForWhatIsInHand(t *testing.T) {
	t.Parallel()
	l := delivered(t)
	if engine.Plan(l.State, "other") != nil {
		t.Error("there is a plan for an assignment that is none")
	}
	owner := pack("owners", cloud)
	owner.ResourceRoleScopes[0].Role.OriginID = "Owner_" + cloud
	_, _ = l.submit(submission(t, numbered("2", owner), direct("everybody")))
	l.record("assignment-2", nil)
	_, _ = l.submit(removal(t, ann, governance.RequestAdminRemove))
	if got := planOf(l, "assignment-1"); got != "[remove Member f3]" {
		t.Errorf("an owner of the group keeps the membership: %s", got)
	}
}

// rules: REQ-06 REQ-07 AUD-01
func TestADeliveryIsRecorded(t *testing.T) {
	t.Parallel()
	bundle := pack("bundle", cloud, printers)
	begun := func(t *testing.T, edits ...submissionEdit) *ledger {
		t.Helper()
		l := newLedger(t, mo)
		if _, err := l.submit(submission(t, append([]submissionEdit{numbered("1", bundle), under(policy(t, "everybody", noApproval))}, edits...)...)); err != nil {
			t.Fatal(err)
		}
		return l
	}
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		l := begun(t)
		change := l.record("assignment-1", nil)
		l.expect("request-1", governance.StateDelivered, "assignment-1", governance.AssignmentDelivered)
		if effects(change) != "delivered:0" || !slices.Equal(activities(change), []governance.Activity{governance.ActivityFulfillRole, governance.ActivityFulfillRole, governance.ActivityFulfill}) {
			t.Errorf("the change is %s", text(t, change))
		}
		if change.Audit[0].TargetID != cloud || change.Audit[0].Detail != "add Member" || string(change.Audit[2].After) != `{"state":"delivered"}` {
			t.Errorf("the audit is %s", text(t, change.Audit))
		}
		if a := one[governance.Assignment](l.State, "assignment-1"); a.NextAttempt != nil || a.RequestID != "request-1" || one[governance.AssignmentRequest](l.State, "request-1").Status != governance.StatusFulfilled {
			t.Errorf("it is left as %s", text(t, a))
		}
		if again := l.record("assignment-1", nil); !again.IsEmpty() {
			t.Errorf("recorded again: %s", text(t, again))
		}
	})
	t.Run("nothing to grant", func(t *testing.T) {
		t.Parallel()
		l := begun(t, numbered("1", pack("empty")))
		l.record("assignment-1", nil)
		l.expect("request-1", governance.StateDelivered, "assignment-1", governance.AssignmentDelivered)
	})
	t.Run("direct: nobody is told", func(t *testing.T) {
		t.Parallel()
		l := begun(t, direct("everybody"))
		if change := l.record("assignment-1", nil); effects(change) != "" {
			t.Errorf("the effects are %q", effects(change))
		}
	})
	t.Run("in part", func(t *testing.T) {
		t.Parallel()
		l := begun(t)
		change := l.record("assignment-1", func(s engine.Step) (string, bool) {
			if s.Grant == grantOf(printers) {
				return "the group is gone", false
			}
			return "", false
		})
		l.expect("request-1", governance.StatePartiallyDelivered, "assignment-1", governance.AssignmentPartiallyDelivered)
		last := change.Audit[len(change.Audit)-1]
		if effects(change) != "deliveryFailed:0" || last.Activity != governance.ActivityPartiallyFulfill || last.Result != "failure" || last.Detail != "Member of "+printers+": the group is gone" {
			t.Errorf("the change is %s", text(t, change))
		}
		if got := planOf(l, "assignment-1"); got != "[add Member f4]" {
			t.Errorf("what is left is %s", got)
		}
	})
	t.Run("not at all", func(t *testing.T) {
		t.Parallel()
		l := begun(t)
		change := l.record("assignment-1", func(engine.Step) (string, bool) { return "no such group", false })
		l.expect("request-1", governance.StateDeliveryFailed, "assignment-1", governance.AssignmentDeliveryFailed)
		if effects(change) != "deliveryFailed:0" || !slices.Equal(activities(change), []governance.Activity{governance.ActivityFailed}) || one[governance.AssignmentRequest](l.State, "request-1").Status != governance.StatusFailed {
			t.Errorf("the change is %s", text(t, change))
		}
	})
}

// rules: REQ-07
func TestPassingFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	want := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour}
	throttled := func(engine.Step) (string, bool) { return "429", true }
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, under(policy(t, "everybody", noApproval)), numbered("1", pack("bundle", cloud, printers))))
	for i, delay := range want {
		change := l.record("assignment-1", func(s engine.Step) (string, bool) {
			if i == 0 && s.Grant == grantOf(printers) {
				return "", false // done at the first try, and not again
			}
			return throttled(s)
		})
		l.expect("request-1", governance.StateDelivering, "assignment-1", governance.AssignmentDelivering)
		if len(change.Effects) != 1 || change.Effects[0].What != governance.WorkProvision || !change.Effects[0].NotBefore.Equal(l.now.Add(delay)) {
			t.Fatalf("after try %d the effects are %s", i+1, text(t, change.Effects))
		}
		last := change.Audit[len(change.Audit)-1]
		if last.Result != "failure" || last.Detail != "Member of "+cloud+": 429; to be tried again" {
			t.Errorf("the audit says %s", text(t, last))
		}
		if got := planOf(l, "assignment-1"); got != "[add Member f3]" {
			t.Errorf("what is left is %s", got)
		}
		if due := one[governance.Assignment](l.State, "assignment-1").Due(); !due.After(l.now.Add(delay)) || due.After(l.now.Add(delay+time.Hour)) {
			t.Errorf("should the message be lost, it is looked at %v", due)
		}
		l.now = l.now.Add(delay)
	}
	change := l.record("assignment-1", throttled)
	l.expect("request-1", governance.StatePartiallyDelivered, "assignment-1", governance.AssignmentPartiallyDelivered)
	if effects(change) != "deliveryFailed:0" || one[governance.Assignment](l.State, "assignment-1").NextAttempt != nil {
		t.Errorf("after the last try: %s", text(t, change))
	}
	if !slices.Equal(engine.RetryDelays, want) {
		t.Errorf("the waits are %v", engine.RetryDelays)
	}

	// Tried once more by hand, it begins to count anew.
	l.must(nil, func(s engine.State) (engine.Change, error) {
		return engine.Reprocess(s, "request-1", caller(ann), l.now)
	})
	change = l.record("assignment-1", throttled)
	if !change.Effects[0].NotBefore.Equal(l.now.Add(time.Minute)) {
		t.Errorf("after reprocessing it waits until %v", change.Effects[0].NotBefore)
	}
	l.record("assignment-1", nil)
	l.expect("request-1", governance.StateDelivered, "assignment-1", governance.AssignmentDelivered)
}

// rules: REQ-07
func TestAMixOfFailuresIsTriedAgain(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, under(policy(t, "everybody", noApproval)), numbered("1", pack("bundle", cloud, printers))))
	l.record("assignment-1", func(s engine.Step) (string, bool) { return "failed", s.Grant == grantOf(cloud) })
	l.expect("request-1", governance.StateDelivering, "assignment-1", governance.AssignmentDelivering)
}

// rules: REQ-07 RES-10
func TestARemovalIsNeverGivenUp(t *testing.T) {
	t.Parallel()
	l := delivered(t)
	if _, err := l.submit(removal(t, mo, governance.RequestUserRemove)); err != nil {
		t.Fatal(err)
	}
	l.record("assignment-1", func(engine.Step) (string, bool) { return "forbidden", false })
	l.expect("removal-1", governance.StateDeliveryFailed, "assignment-1", governance.AssignmentDeliveryFailed)
	for day := range 3 {
		if due := one[governance.Assignment](l.State, "assignment-1").Due(); !due.Equal(l.now.Add(24 * time.Hour)) {
			t.Fatalf("on day %d it is tried again at %v", day, due)
		}
		l.now = l.now.Add(24 * time.Hour)
		change := l.assignmentDue("assignment-1")
		l.expect("removal-1", governance.StateDelivering, "assignment-1", governance.AssignmentDeliveryFailed)
		if effects(change) != "provision" || planOf(l, "assignment-1") != "[remove Member f3]" {
			t.Fatalf("on day %d: %s, plan %s", day, text(t, change), planOf(l, "assignment-1"))
		}
		if day < 2 {
			l.record("assignment-1", func(engine.Step) (string, bool) { return "forbidden", false })
		}
	}
	l.record("assignment-1", nil)
	l.expect("removal-1", governance.StateDelivered, "assignment-1", governance.AssignmentExpired)
}

// What two packages grant stays for the sake of the other only when that one has delivered it; one that has yet to try may fail.
//
// rules: RES-10
func TestARemovalWaitsForWhoIsYetToPay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reason, then string
	}{
		"the other delivers":       {"", "[keep Member f3]"},
		"the other fails for good": {"blocked", "[remove Member f3]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := delivered(t)
			other := pack("other", cloud)
			if _, err := l.submit(submission(t, under(policy(t, "everybody", noApproval)), numbered("2", other))); err != nil {
				t.Fatal(err)
			}
			_, _ = l.submit(removal(t, mo, governance.RequestUserRemove))
			if got := planOf(l, "assignment-1"); got != "[await Member f3]" {
				t.Fatalf("the plan is %s", got)
			}
			change := l.record("assignment-1", nil)
			l.expect("removal-1", governance.StateDelivering, "assignment-1", governance.AssignmentDelivered)
			if len(change.Effects) != 1 || !change.Effects[0].NotBefore.Equal(l.now.Add(time.Minute)) {
				t.Fatalf("the effects are %s", text(t, change.Effects))
			}
			l.record("assignment-2", func(engine.Step) (string, bool) { return test.reason, false })
			if got := planOf(l, "assignment-1"); got != test.then {
				t.Errorf("the plan is %s", got)
			}
			l.record("assignment-1", nil)
			l.expect("removal-1", governance.StateDelivered, "assignment-1", governance.AssignmentExpired)
		})
	}
}

// A removal waits as long as a delivery is tried again, and no longer: whoever is to grant the same may never come to it.
//
// rules: RES-10
func TestARemovalWaitsNoLongerThanADeliveryTries(t *testing.T) {
	t.Parallel()
	l := delivered(t)
	_, _ = l.submit(submission(t, under(policy(t, "everybody", noApproval)), numbered("2", pack("other", cloud))))
	l.record("assignment-2", func(engine.Step) (string, bool) { return "429", true })
	_, _ = l.submit(removal(t, mo, governance.RequestUserRemove))
	for range engine.RetryDelays {
		if got := planOf(l, "assignment-1"); got != "[await Member f3]" {
			t.Fatalf("the plan is %s", got)
		}
		l.record("assignment-1", nil)
	}
	if got := planOf(l, "assignment-1"); got != "[remove Member f3]" {
		t.Errorf("in the end the plan is %s", got)
	}
}

// A removal that cannot go on, because it is refused or because the person or the group is deleted, does not stand in the way of a new request. It goes on beside it, and keeps what the new one delivers.
//
// rules: REQ-22 RES-10 BEY-13
func TestARemovalThatFailsIsInNobodysWay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		absent, delivers bool
		then             string
	}{
		"refused":                      {false, true, "[keep Member f3]"},
		"waiting for what is deleted":  {true, true, "[keep Member f3]"},
		"refused, and the new one too": {false, false, "[remove Member f3]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := delivered(t)
			_, _ = l.submit(removal(t, mo, governance.RequestUserRemove))
			again := submission(t, under(policy(t, "everybody", noApproval)), numbered("2", cloudPC()))
			_, err := l.submit(again)
			refused(t, err, governance.CodeConflict, "already a request")
			outcomes := []engine.Outcome{{Step: engine.Plan(l.State, "assignment-1")[0], Reason: "no", Absent: test.absent}}
			l.must(outcomes, func(s engine.State) (engine.Change, error) { return engine.Record(s, "assignment-1", outcomes, l.now) })
			if _, err := l.submit(again); err != nil {
				t.Fatal(err)
			}
			if got := planOf(l, "assignment-2"); got != "[add Member f3]" {
				t.Errorf("the plan is %s", got)
			}
			l.record("assignment-2", func(engine.Step) (string, bool) { return map[bool]string{false: "no"}[test.delivers], false })
			l.now = l.now.Add(24 * time.Hour)
			if !test.absent {
				l.assignmentDue("assignment-1")
			}
			if got := planOf(l, "assignment-1"); got != test.then {
				t.Errorf("a day later the removal's plan is %s", got)
			}
			if change := l.record("assignment-1", nil); test.delivers == (effects(change) == "ended:0") {
				t.Errorf("the effects are %s", effects(change))
			}
			l.expect("removal-1", governance.StateDelivered, "assignment-1", governance.AssignmentExpired)
		})
	}
}

// A delivery that has failed makes room for a new request: what it may have granted is taken away quietly, until it is gone, whatever becomes of the new one. A third finds one removal to go on with.
//
// rules: RES-10 REQ-22 BEY-13
func TestWhatFailedMakesRoom(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	everybody := under(policy(t, "everybody", noApproval))
	refusing := func(engine.Step) (string, bool) { return "forbidden", false }
	_, _ = l.submit(submission(t, everybody, numbered("1", pack("bundle", cloud, printers))))
	l.record("assignment-1", refusing)
	if _, err := l.submit(submission(t, everybody, numbered("2", pack("bundle", cloud)))); err != nil {
		t.Fatal(err)
	}
	room := governance.NameID("expire:assignment-1")
	l.expect(room, governance.StateDelivering, "assignment-1", governance.AssignmentDeliveryFailed)
	if one, two := planOf(l, "assignment-1"), planOf(l, "assignment-2"); one != "[await Member f3 remove Member f4]" || two != "[add Member f3]" {
		t.Fatalf("the plans are %s and %s", one, two)
	}
	l.record("assignment-2", refusing)
	l.record("assignment-1", refusing)
	if _, err := l.submit(submission(t, everybody, numbered("3", pack("bundle", cloud, "99999999-0000-4000-8000-0000000000f5")))); err != nil {
		t.Fatal(err)
	}
	l.expect("request-2", governance.StateDeliveryFailed, "assignment-2", governance.AssignmentExpired)
	if change := l.record("assignment-3", nil); effects(change) != "delivered:0" {
		t.Errorf("the effects are %s", effects(change))
	}
	l.now = l.now.Add(24 * time.Hour)
	l.assignmentDue("assignment-1")
	if got := planOf(l, "assignment-1"); got != "[keep Member f3 remove Member f4]" {
		t.Errorf("a day later the removal's plan is %s", got)
	}
	if change := l.record("assignment-1", nil); effects(change) != "" {
		t.Errorf("told of the end of what never was: %s", effects(change))
	}
	l.expect(room, governance.StateDelivered, "assignment-1", governance.AssignmentExpired)
	l.expect("request-3", governance.StateDelivered, "assignment-3", governance.AssignmentDelivered)
}

// Removals that cannot go on do not pile up without end, and whichever of them was tried last, none is in the way. Who was told nothing of the end when it failed is told when it comes.
//
// rules: REQ-22 BEY-13 NOT-07
func TestRemovalsThatFailHaveALimit(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	everybody := under(policy(t, "everybody", noApproval))
	forbidden := func(engine.Step) (string, bool) { return "forbidden", false }
	for n := range 10 {
		id := fmt.Sprint(n)
		if _, err := l.submit(submission(t, everybody, numbered(id, cloudPC()))); err != nil {
			t.Fatalf("after %d: %v", n, err)
		}
		l.record("assignment-"+id, nil)
		_, _ = l.submit(edited(removal(t, ann, governance.RequestAdminRemove), func(c *engine.Submission) { c.RequestID, c.AssignmentID = "removal-"+id, "assignment-"+id }))
		l.record("assignment-"+id, forbidden)
		if n == 1 { // the first is tried again, and so written last
			l.now = l.now.Add(24 * time.Hour)
			l.assignmentDue("assignment-0")
		}
	}
	_, err := l.submit(submission(t, everybody, numbered("10", cloudPC())))
	refused(t, err, governance.CodeConflict, "10 assignments")
	l.record("assignment-0", nil)
	if _, err := l.submit(submission(t, everybody, numbered("10", cloudPC()))); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
	_, _ = l.submit(edited(removal(t, ann, governance.RequestAdminRemove), func(c *engine.Submission) { c.RequestID, c.AssignmentID = "once more", "assignment-3" }))
	l.record("assignment-10", forbidden)
	if change := l.record("assignment-3", nil); effects(change) != "ended:0" {
		t.Errorf("the effects are %q", effects(change))
	}
}

// What a call may have granted, whose answer was lost, is taken back as well.
//
// rules: RES-10
func TestWhatFailedIsTakenBackToo(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, direct("everybody")))
	l.record("assignment-1", func(engine.Step) (string, bool) { return "connection lost", false })
	if _, err := l.submit(removal(t, ann, governance.RequestAdminRemove)); err != nil {
		t.Fatal(err)
	}
	if got := planOf(l, "assignment-1"); got != "[remove Member f3]" {
		t.Errorf("the plan is %s", got)
	}
	if change := l.record("assignment-1", nil); effects(change) != "" {
		t.Errorf("told of the end of what never was: %s", effects(change))
	}
}

func TestRecordIgnoresWhatIsNotInHand(t *testing.T) {
	t.Parallel()
	outcome := []engine.Outcome{{Step: engine.Step{Grant: grantOf(cloud), Action: engine.ActionAdd}}}
	l := delivered(t)
	for _, id := range []string{"assignment-1", "other"} {
		change := l.must(outcome, func(s engine.State) (engine.Change, error) { return engine.Record(s, id, outcome, l.now) })
		if !change.IsEmpty() {
			t.Errorf("%s: %s", id, text(t, change))
		}
	}
	stray := newLedger(t, mo)
	_, _ = stray.submit(submission(t, direct("everybody")))
	unloaded := stateOf(stray.Head, one[governance.Assignment](stray.State, "assignment-1"))
	if change, err := engine.Record(unloaded, "assignment-1", outcome, stray.now); err != nil || !change.IsEmpty() {
		t.Errorf("without its request: %v, %s", err, text(t, change))
	}
	wrong := []engine.Outcome{{Step: engine.Step{Grant: grantOf(printers), Action: engine.ActionAdd}}}
	stray.must(wrong, func(s engine.State) (engine.Change, error) {
		return engine.Record(s, "assignment-1", wrong, stray.now)
	})
	if a := one[governance.Assignment](stray.State, "assignment-1"); a.Deliveries[0].State == governance.DeliveryDelivered {
		t.Error("the outcome of another grant made this one delivered")
	}
}

// rules: REQ-08 BEY-13
func TestReprocess(t *testing.T) {
	t.Parallel()
	failed := func(t *testing.T) *ledger {
		t.Helper()
		l := newLedger(t, mo)
		_, _ = l.submit(submission(t, direct("everybody")))
		l.record("assignment-1", func(engine.Step) (string, bool) { return "no such group", false })
		return l
	}
	try := func(l *ledger, id string) (engine.Change, error) {
		return l.decide(nil, func(s engine.State) (engine.Change, error) { return engine.Reprocess(s, id, caller(ann), l.now) })
	}
	l := failed(t)
	l.now = l.now.AddDate(0, 2, 0) // there is no window for it
	change, err := try(l, "request-1")
	if err != nil {
		t.Fatal(err)
	}
	l.expect("request-1", governance.StateDelivering, "assignment-1", governance.AssignmentDelivering)
	if effects(change) != "provision" || change.Audit[0].InitiatedBy.ObjectID != ann || string(change.Audit[0].Before) != `{"state":"deliveryFailed"}` || one[governance.AssignmentRequest](l.State, "request-1").CompletedDateTime != nil {
		t.Errorf("the change is %s", text(t, change))
	}
	_, err = try(l, "request-1")
	refused(t, err, governance.CodeConflict, "this one is delivering")
	l.record("assignment-1", nil)
	_, err = try(l, "request-1")
	refused(t, err, governance.CodeConflict, "this one is delivered")
	_, err = try(l, "other")
	refused(t, err, governance.CodeNotFound, "no request other")

	taken := failed(t)
	_, _ = taken.submit(removal(t, ann, governance.RequestAdminRemove))
	_, err = try(taken, "request-1")
	refused(t, err, governance.CodeConflict, "in the hands of another request")
	taken.record("assignment-1", nil)
	_, err = try(taken, "request-1")
	refused(t, err, governance.CodeConflict, "has ended")

	denied := newLedger(t, mo)
	_, _ = denied.submit(submission(t))
	_, _ = denied.decideStage(0, meg, governance.ResultDeny)
	_, err = try(denied, "request-1")
	refused(t, err, governance.CodeConflict, "nothing to reprocess")

	again := delivered(t)
	_, _ = again.submit(removal(t, mo, governance.RequestUserRemove))
	again.record("assignment-1", func(engine.Step) (string, bool) { return "forbidden", false })
	if _, err := try(again, "removal-1"); err != nil {
		t.Errorf("a removal that failed: %v", err)
	}
	if !one[governance.Assignment](again.State, "assignment-1").Removing {
		t.Error("reprocessing a removal made it an addition")
	}
}
