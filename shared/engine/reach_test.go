package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// updating is the request of the service that an alignment has made.
func updating(l *ledger) governance.AssignmentRequest {
	for _, request := range all[governance.AssignmentRequest](l.State) {
		if request.RequestType == governance.RequestSystemUpdate && request.State == governance.StateDelivering {
			return request
		}
	}
	return governance.AssignmentRequest{}
}

func deliveriesOf(l *ledger) string {
	var texts []string
	for _, delivery := range one[governance.Assignment](l.State, "assignment-1").Deliveries {
		said := string(delivery.State) + " " + delivery.Grant.ResourceID[len(delivery.Grant.ResourceID)-2:]
		if delivery.Leaving {
			said = "leaving " + said
		}
		texts = append(texts, said)
	}
	return strings.Join(texts, ", ")
}

// TestAlign: what a package grants by now is what an assignment of it comes to grant, in whatever state it is.
//
// rules: RES-09 RES-10 RES-12 REQ-07 REQ-18 AUD-01
func TestAlign(t *testing.T) {
	t.Parallel()
	gone := func(engine.Step) (string, bool) { return "refused", false }
	other := func(t *testing.T, l *ledger) { // another package of hers that grants the printers
		t.Helper()
		if _, err := l.submit(submission(t, numbered("2", pack("bundle", printers)), direct("everybody"))); err != nil {
			t.Fatal(err)
		}
	}
	first := func(t *testing.T) *ledger { // whose delivery is under way
		t.Helper()
		l := newLedger(t, mo)
		if _, err := l.submit(submission(t, under(policy(t, "everybody", noApproval)))); err != nil {
			t.Fatal(err)
		}
		return l
	}
	whole := func(t *testing.T) *ledger { t.Helper(); return delivered(t) }
	bundled := func(t *testing.T) *ledger {
		t.Helper()
		return delivered(t, numbered("1", pack("cloud-pc", cloud, printers)), under(policy(t, "everybody", noApproval)))
	}
	failed := func(t *testing.T) *ledger {
		t.Helper()
		l := first(t)
		l.record("assignment-1", gone)
		return l
	}
	for name, test := range map[string]struct {
		begin    func(*testing.T) *ledger
		before   func(*testing.T, *ledger)
		roles    []string // that the package has by now
		plan     string
		state    governance.AssignmentState // while that is being done
		with     governance.RequestType     // the request that does it; empty: nothing is to be done
		activity governance.Activity
		after    string // the deliveries when it is done
		ends     governance.AssignmentState
	}{
		"nothing":    {whole, nil, []string{cloud}, "[]", governance.AssignmentDelivered, "", "", "delivered f3", governance.AssignmentDelivered},
		"one more":   {whole, nil, []string{cloud, printers}, "[add Member f4]", governance.AssignmentDelivering, governance.RequestSystemUpdate, governance.ActivitySystemUpdates, "delivered f3, delivered f4", governance.AssignmentDelivered},
		"one less":   {bundled, nil, []string{cloud}, "[remove Member f4]", governance.AssignmentDelivered, governance.RequestSystemUpdate, governance.ActivitySystemUpdates, "delivered f3", governance.AssignmentDelivered},
		"another":    {whole, nil, []string{printers}, "[remove Member f3 add Member f4]", governance.AssignmentDelivering, governance.RequestSystemUpdate, governance.ActivitySystemUpdates, "delivered f4", governance.AssignmentDelivered},
		"none left":  {whole, nil, nil, "[remove Member f3]", governance.AssignmentDelivered, governance.RequestSystemUpdate, governance.ActivitySystemUpdates, "", governance.AssignmentDelivered},
		"first more": {first, nil, []string{cloud, printers}, "[add Member f3 add Member f4]", governance.AssignmentDelivering, governance.RequestUserAdd, governance.ActivityEscalate, "delivered f3, delivered f4", governance.AssignmentDelivered},
		"first less": {first, nil, nil, "[remove Member f3]", governance.AssignmentDelivering, governance.RequestUserAdd, governance.ActivityEscalate, "", governance.AssignmentDelivered},
		"another assignment grants it": {bundled, func(t *testing.T, l *ledger) {
			t.Helper()
			other(t, l)
			l.record("assignment-2", nil)
		}, []string{cloud}, "[keep Member f4]", governance.AssignmentDelivered, governance.RequestSystemUpdate, governance.ActivitySystemUpdates, "delivered f3", governance.AssignmentDelivered},
		"another assignment is to grant it": {bundled, other, []string{cloud}, "[await Member f4]", governance.AssignmentDelivered, governance.RequestSystemUpdate, governance.ActivitySystemUpdates, "delivered f3, leaving failed f4", governance.AssignmentDelivered},
		"its delivery has failed":           {failed, nil, []string{printers}, "[remove Member f3 add Member f4]", governance.AssignmentDelivering, governance.RequestSystemUpdate, governance.ActivitySystemUpdates, "delivered f4", governance.AssignmentDelivered},
		"another takes its place": {failed, func(t *testing.T, l *ledger) {
			t.Helper()
			cmd := submission(t, numbered("2", cloudPC()))
			if _, err := l.submit(cmd); err != nil {
				t.Fatal(err)
			}
		}, []string{printers}, "[remove Member f3]", governance.AssignmentDeliveryFailed, governance.RequestSystemUpdate, governance.ActivitySystemUpdates, "", governance.AssignmentDeliveryFailed},
		"it is taken away": {whole, func(t *testing.T, l *ledger) {
			t.Helper()
			if _, err := l.submit(removal(t, ann, governance.RequestAdminRemove)); err != nil {
				t.Fatal(err)
			}
		}, []string{printers}, "[remove Member f3]", governance.AssignmentDelivered, "", "", "removed f3", governance.AssignmentExpired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := test.begin(t)
			if test.before != nil {
				test.before(t, l)
			}
			now := pack("cloud-pc", test.roles...)
			change := l.align("assignment-1", &now)
			assignment := one[governance.Assignment](l.State, "assignment-1")
			if got := planOf(l, "assignment-1"); got != test.plan || assignment.State != test.state {
				t.Errorf("the plan is %s and the assignment %s", got, assignment.State)
			}
			if change.IsEmpty() != (test.with == "") {
				t.Fatalf("changed: %s", text(t, change))
			}
			if test.with != "" {
				request := one[governance.AssignmentRequest](l.State, assignment.RequestID)
				if request.RequestType != test.with || request.State != governance.StateDelivering || !slices.Equal(activities(change), []governance.Activity{test.activity}) || effects(change) != "provision" {
					t.Errorf("the request %s is %s, the audit says %v, the effects are %s", request.RequestType, request.State, activities(change), effects(change))
				}
			}
			if test.plan != "[]" {
				if recorded := l.record("assignment-1", nil); strings.Contains(effects(recorded), "delivered") && test.with == governance.RequestSystemUpdate {
					t.Errorf("somebody is told of what they have not asked for: %s", effects(recorded))
				}
			}
			if got := deliveriesOf(l); got != test.after || one[governance.Assignment](l.State, "assignment-1").State != test.ends {
				t.Errorf("in the end it is %s: %s", one[governance.Assignment](l.State, "assignment-1").State, got)
			}
			if again := l.align("assignment-1", &now); !again.IsEmpty() && name != "another takes its place" {
				t.Errorf("and once more: %s", text(t, again))
			}
		})
	}
}

// TestRolesThatComeAndGo quickly come to what the package has in the end, whatever was done meanwhile.
//
// rules: RES-12
func TestRolesThatComeAndGo(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(l *ledger){
		"before anything is done": func(*ledger) {},
		"after it is done":        func(l *ledger) { l.record("assignment-1", nil) },
		"while it fails": func(l *ledger) {
			l.record("assignment-1", func(engine.Step) (string, bool) { return "throttled", true })
		},
	} {
		l := delivered(t)
		with, without := pack("cloud-pc", cloud, printers), cloudPC()
		l.align("assignment-1", &with)
		between(l)
		l.align("assignment-1", &without)
		if got := planOf(l, "assignment-1"); got != "[remove Member f4]" { // a call may have granted it, and nobody has heard
			t.Errorf("%s: added and removed, the plan is %s", name, got)
		}
		between(l)
		l.align("assignment-1", &with)
		if got := planOf(l, "assignment-1"); got != "[add Member f4]" {
			t.Errorf("%s: and added again, the plan is %s", name, got)
		}
		l.record("assignment-1", nil)
		if got := deliveriesOf(l); got != "delivered f3, delivered f4" {
			t.Errorf("%s: in the end it is %s", name, got)
		}
	}
}

// TestWhatCannotBeTakenIsTriedEachDay, and keeps nobody's assignment from being what it is.
//
// rules: RES-12 REQ-07
func TestWhatCannotBeTakenIsTriedEachDay(t *testing.T) {
	t.Parallel()
	l := delivered(t, numbered("1", pack("cloud-pc", cloud, printers)), under(policy(t, "everybody", noApproval)))
	now := cloudPC()
	l.align("assignment-1", &now)
	id := updating(l).ID
	for day := range 3 {
		l.record("assignment-1", func(engine.Step) (string, bool) { return "forbidden", false })
		l.expect(id, governance.StatePartiallyDelivered, "assignment-1", governance.AssignmentDelivered)
		if due := one[governance.Assignment](l.State, "assignment-1").Due(); !due.Equal(l.now.Add(24 * time.Hour)) {
			t.Fatalf("day %d: it is looked at again at %v", day, due)
		}
		l.now = l.now.Add(24 * time.Hour)
		l.assignmentDue("assignment-1")
		l.expect(id, governance.StateDelivering, "assignment-1", governance.AssignmentDelivered)
	}
	l.must(nil, func(s engine.State) (engine.Change, error) { // it is deleted, and may come back
		return engine.Record(s, "assignment-1", []engine.Outcome{{Step: engine.Plan(s, "assignment-1")[0], Reason: "deleted", Absent: true}}, l.now)
	})
	l.expect(id, governance.StateDelivering, "assignment-1", governance.AssignmentDelivered)
	l.record("assignment-1", nil)
	l.expect(id, governance.StateDelivered, "assignment-1", governance.AssignmentDelivered)
	if got := deliveriesOf(l); got != "delivered f3" {
		t.Errorf("in the end it is %s", got)
	}
}

// TestAnUpdateIsInNobodysWay: an assignment that changes with its package ends as any other, and what fails makes room for what takes its place.
//
// rules: RES-12 LIF-01 REQ-22
func TestAnUpdateIsInNobodysWay(t *testing.T) {
	t.Parallel()
	with := pack("cloud-pc", cloud, printers)
	begun := func(t *testing.T) (*ledger, string) {
		t.Helper()
		l := delivered(t)
		l.align("assignment-1", &with)
		return l, updating(l).ID
	}
	l, id := begun(t)
	if _, err := l.submit(removal(t, ann, governance.RequestAdminRemove)); err != nil {
		t.Fatal(err)
	}
	if got := planOf(l, "assignment-1"); got != "[remove Member f3 remove Member f4]" {
		t.Errorf("taken away while it is updated, the plan is %s", got)
	}
	l.record("assignment-1", nil)
	l.expect(id, governance.StateDeliveryFailed, "assignment-1", governance.AssignmentExpired)

	l, id = begun(t)
	l.now = one[governance.Assignment](l.State, "assignment-1").End().Instant()
	l.assignmentDue("assignment-1")
	l.record("assignment-1", nil)
	l.expect(id, governance.StateDeliveryFailed, "assignment-1", governance.AssignmentExpired)

	l, id = begun(t)
	l.record("assignment-1", func(engine.Step) (string, bool) { return "refused", false })
	l.expect(id, governance.StatePartiallyDelivered, "assignment-1", governance.AssignmentPartiallyDelivered)
	if _, err := l.submit(submission(t, numbered("2", with), direct("everybody"))); err != nil {
		t.Errorf("what has failed is in the way: %v", err)
	}
	if first := one[governance.Assignment](l.State, "assignment-1"); !first.Removing {
		t.Errorf("the assignment that failed is %s", first.State)
	}
}

// TestAlignHasBounds: an assignment has no more deliveries than a package has roles, those that leave with them, and a subject no more grants than its head has room for.
//
// rules: RES-12 LIM-05
func TestAlignHasBounds(t *testing.T) {
	t.Parallel()
	var groups []string
	for i := range 2 * governance.MaxRoleScopes {
		groups = append(groups, governance.NameID(fmt.Sprint("group", i)))
	}
	l := delivered(t, numbered("1", pack("cloud-pc", groups[:governance.MaxRoleScopes]...)), under(policy(t, "everybody", noApproval)))
	swapped := pack("cloud-pc", groups[governance.MaxRoleScopes:]...)
	l.align("assignment-1", &swapped)
	l.record("assignment-1", nil)
	if n := len(one[governance.Assignment](l.State, "assignment-1").Deliveries); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}
	l.align("assignment-1", &swapped)
	l.record("assignment-1", nil)
	if !engine.IsInLine(one[governance.Assignment](l.State, "assignment-1"), &swapped) {
		t.Errorf("it is %s", deliveriesOf(l))
	}

	l = delivered(t)
	for i := range governance.MaxGrants - 2 {
		if i%governance.MaxRoleScopes == 0 {
			l.Head.Holdings = append(l.Head.Holdings, governance.Holding{AssignmentID: fmt.Sprint("other-", i), PackageID: fmt.Sprint("pack-", i), State: governance.AssignmentDelivered})
		}
		last := &l.Head.Holdings[len(l.Head.Holdings)-1]
		last.Grants = append(last.Grants, fmt.Sprint("key-", i))
	}
	more := pack("cloud-pc", cloud, groups[0], groups[1])
	change, err := engine.Align(l.State, "assignment-1", &more, l.now)
	if err != nil {
		t.Fatal(err)
	}
	if written := engine.Written[governance.Assignment](change); len(written) != 1 || len(written[0].Deliveries) != 2 {
		t.Errorf("with room for one more, it is %s", text(t, written))
	}
}

// TestAReachEnds when all have been reached, is looked at each day until they are, and leaves a later change of the package alone.
//
// rules: RES-12
func TestAReachEnds(t *testing.T) {
	t.Parallel()
	run := governance.Reach{ID: "cloud-pc", LookDateTime: governance.At(start)}
	s := stateOf(governance.Head{ID: "catalog"}, run)
	s.ETags = map[string]string{"reach:cloud-pc": "1"}
	if change := engine.Reached(s, "cloud-pc", "1", 0, start); len(change.Delete) != 1 || len(change.Audit) != 1 || change.Audit[0].Result != "success" {
		t.Errorf("all are reached: %s", text(t, change))
	}
	change := engine.Reached(s, "cloud-pc", "1", 3, start)
	if written := engine.Written[governance.Reach](change); len(written) != 1 || !written[0].Due().Equal(start.Add(24*time.Hour)) || change.Audit[0].Result != "failure" || !strings.Contains(change.Audit[0].Detail, "3 of") {
		t.Errorf("some are not: %s", text(t, change))
	}
	if change := engine.Reached(s, "cloud-pc", "0", 0, start); !change.IsEmpty() {
		t.Errorf("another change of its roles is to reach them: %s", text(t, change))
	}
	if change := engine.Reached(s, "other", "1", 0, start); !change.IsEmpty() {
		t.Errorf("there is none: %s", text(t, change))
	}
}
