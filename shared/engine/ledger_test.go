package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// tester is what a ledger needs of testing.T and rapid.T.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// ledger keeps one subject as the store would: it commits what the engine decides, and after every commit checks what must hold for ever. Every decision that goes
// through it is proved to be pure: it is made twice, alike, and leaves its input as it was.
type ledger struct {
	t tester
	engine.State
	now     time.Time
	audit   []governance.AuditEntry
	effects []governance.Effect
	last    engine.Change // the one that was committed last
	commits int
}

func newLedger(t tester, id string) *ledger {
	return &ledger{
		t:     t,
		now:   start,
		State: stateOf(governance.Head{ID: governance.SubjectOf(people[id].User).ID}),
	}
}

// decide has command decide and commits what it answers. input is what else the command reads.
func (l *ledger) decide(input any, command func(engine.State) (engine.Change, error)) (engine.Change, error) {
	l.t.Helper()
	before := text(l.t, l.State) + text(l.t, input)
	change, err := command(l.State)
	answer := text(l.t, change) + fmt.Sprint(err)
	again, errAgain := command(l.State)
	if second := text(l.t, again) + fmt.Sprint(errAgain); second != answer {
		l.t.Fatalf("the same decision came out differently:\n%s\n%s", answer, second)
	}
	if after := text(l.t, change) + fmt.Sprint(err); after != answer {
		l.t.Fatalf("deciding again changed the first answer:\n%s\n%s", answer, after)
	}
	if after := text(l.t, l.State) + text(l.t, input); after != before {
		l.t.Fatalf("the decision changed its input:\n%s\n%s", before, after)
	}
	if err != nil {
		if !change.IsEmpty() {
			l.t.Fatalf("refused (%v), and yet something to write: %s", err, text(l.t, change))
		}
		return change, err
	}
	if !change.IsEmpty() {
		l.commit(change)
	}
	return change, nil
}

// must is decide for a command that is not refused.
func (l *ledger) must(input any, command func(engine.State) (engine.Change, error)) engine.Change {
	l.t.Helper()
	change, err := l.decide(input, command)
	if err != nil {
		l.t.Fatalf("refused: %v", err)
	}
	return change
}

// submit makes a request at the present time.
func (l *ledger) submit(cmd engine.Submission) (engine.Change, error) {
	l.t.Helper()
	return l.decide(cmd, func(s engine.State) (engine.Change, error) { return engine.Submit(s, asking(cmd), l.now) })
}

// decideStage decides a stage of request-1 in the name of somebody.
func (l *ledger) decideStage(stage int, by string, result governance.ReviewResult, edit ...func(*engine.Decision)) (engine.Change, error) {
	l.t.Helper()
	pack := cloudPC()
	d := engine.Decision{
		RequestID: "request-1", StageID: governance.NameID(fmt.Sprintf("stage:request-1:%d", stage)), Result: result, Justification: "known to me",
		Approver: caller(by), GroupIDs: people[by].GroupIDs, Package: &pack,
	}
	for _, edit := range edit {
		edit(&d)
	}
	return l.decide(d, func(s engine.State) (engine.Change, error) { return engine.Decide(s, d, l.now) })
}

// record writes down how the plan of an assignment went: fails says for each grant why it fails, if it does.
func (l *ledger) record(assignmentID string, fails func(engine.Step) (reason string, transient bool)) engine.Change {
	l.t.Helper()
	var outcomes []engine.Outcome
	for _, step := range engine.Plan(l.State, assignmentID) {
		outcome := engine.Outcome{Step: step}
		if fails != nil && step.Action != engine.ActionKeep {
			outcome.Reason, outcome.Transient = fails(step)
		}
		outcomes = append(outcomes, outcome)
	}
	return l.must(outcomes, func(s engine.State) (engine.Change, error) { return engine.Record(s, assignmentID, outcomes, l.now) })
}

// align brings an assignment in line with a package.
func (l *ledger) align(assignmentID string, pack *governance.AccessPackage) engine.Change {
	l.t.Helper()
	return l.must(pack, func(s engine.State) (engine.Change, error) { return engine.Align(s, assignmentID, pack, l.now) })
}

// requestDue does what time does to request-1.
func (l *ledger) requestDue(pack *governance.AccessPackage) engine.Change {
	l.t.Helper()
	return l.must(pack, func(s engine.State) (engine.Change, error) {
		return engine.RequestIsDue(s, "request-1", engine.Facts{Package: pack}, l.now)
	})
}

// assignmentDue does what time does to an assignment.
func (l *ledger) assignmentDue(id string) engine.Change {
	l.t.Helper()
	return l.must(nil, func(s engine.State) (engine.Change, error) { return engine.AssignmentIsDue(s, id, l.now) })
}

// commit writes a change down as the store would, and checks what must always hold.
func (l *ledger) commit(change engine.Change) {
	l.t.Helper()
	before := text(l.t, l.Head) + text(l.t, change)
	l.commits++
	command := fmt.Sprintf("command-%d", l.commits)
	head, sealed := engine.Seal(l.Head, change, command, "salt")
	if after := text(l.t, l.Head) + text(l.t, change); after != before {
		l.t.Fatalf("Seal changed its input:\n%s\n%s", before, after)
	}
	l.Head, l.last = head, sealed
	keep(l.State, sealed.Write...)
	l.audit = append(l.audit, sealed.Audit...)
	l.effects = append(l.effects, sealed.Effects...)
	if !head.Remembers(command) || len(head.RecentCommands) > governance.MaxRecentCommands {
		l.t.Errorf("after %s the head remembers %v", command, head.RecentCommands)
	}
	l.check()
}

// check holds the subject against what must be true after every commit.
func (l *ledger) check() {
	l.t.Helper()
	var holdings []governance.Holding
	perPackage := map[string]int{}
	for _, a := range all[governance.Assignment](l.State) {
		if a.State == governance.AssignmentExpired {
			continue
		}
		if !a.Removing { // what failed may be taken away beside what takes its place
			perPackage[a.AccessPackage.ID]++
		}
		holding := governance.Holding{AssignmentID: a.ID, PackageID: a.AccessPackage.ID, PolicyID: a.AssignmentPolicy.ID, State: a.State, Removing: a.Removing}
		if a.Schedule != nil && a.Schedule.Expiration != nil {
			holding.EndDateTime = a.Schedule.Expiration.EndDateTime
		}
		for _, delivery := range a.Deliveries {
			holding.Grants = append(holding.Grants, delivery.Grant.Key())
			switch {
			case delivery.State == governance.DeliveryFailed, delivery.Leaving && !a.Removing:
				holding.Failed = append(holding.Failed, delivery.Grant.Key())
			case delivery.State == governance.DeliveryPending:
				holding.Pending = append(holding.Pending, delivery.Grant.Key())
			}
		}
		holdings = append(holdings, holding)
	}
	var flights []governance.InFlight
	flying := map[string]int{}
	for _, r := range all[governance.AssignmentRequest](l.State) {
		if r.State.IsInFlight() == (r.CompletedDateTime != nil) {
			l.t.Errorf("%s is %s and completed at %v", r.ID, r.State, r.CompletedDateTime)
		}
		if !r.State.IsInFlight() {
			continue
		}
		if r.RequestType.IsAddition() { // what failed may be taken away while it is asked for anew
			flying[r.AccessPackage.ID]++
		}
		flights = append(flights, governance.InFlight{RequestID: r.ID, PackageID: r.AccessPackage.ID, AssignmentID: r.Assignment.ID, Type: r.RequestType, State: r.State})
		due := engine.RequestDue(r)
		if r.State == governance.StateDelivering {
			due = one[governance.Assignment](l.State, r.Assignment.ID).Due()
		}
		if due.IsZero() {
			l.t.Errorf("%s is %s, and no timer will ever look at it", r.ID, r.State)
		}
	}
	for id, n := range perPackage {
		if n > 1 {
			l.t.Errorf("%d live assignments of the package %s", n, id)
		}
	}
	for id, n := range flying {
		if n > 1 {
			l.t.Errorf("%d requests to add in flight for the package %s", n, id)
		}
	}
	if got, want := sorted(l.t, l.Head.Holdings), sorted(l.t, holdings); got != want {
		l.t.Errorf("the head holds\n%s\nthe assignments are\n%s", got, want)
	}
	if got, want := sorted(l.t, l.Head.InFlight), sorted(l.t, flights); got != want {
		l.t.Errorf("the head has in flight\n%s\nthe requests are\n%s", got, want)
	}
	if at := governance.VerifyChain(ledgertest.Links(l.audit)); at != 0 || l.Head.AuditSequence != int64(len(l.audit)) || len(l.audit) > 0 && l.Head.AuditHash != l.audit[len(l.audit)-1].Hash {
		l.t.Errorf("the audit chain of %d entries breaks at %d; the head knows of %d", len(l.audit), at, l.Head.AuditSequence)
	}
	if len(l.last.Audit) == 0 {
		l.t.Errorf("a change without an audit entry: %s", text(l.t, l.last))
	}
	seen := map[string]bool{}
	for _, effect := range l.effects {
		if seen[effect.ID] {
			l.t.Errorf("two effects have the id %s", effect.ID)
		}
		seen[effect.ID] = true
	}
	for _, a := range all[governance.Assignment](l.State) {
		l.checkApproval(a)
	}
}

// checkApproval says whether an assignment came about as its policy wants it.
func (l *ledger) checkApproval(a governance.Assignment) {
	l.t.Helper()
	for _, r := range all[governance.AssignmentRequest](l.State) {
		if r.Assignment.ID != a.ID || r.RequestType != governance.RequestUserAdd || !r.Policy.Approval().IsApprovalRequiredForAdd {
			continue
		}
		for _, stage := range r.Approval.Stages {
			if stage.Status != governance.StageCompleted || stage.ReviewResult != governance.ResultApprove || strings.EqualFold(stage.ReviewedBy.ID, r.Requestor.ObjectID) {
				l.t.Errorf("the assignment %s exists, and the stage %q of its approval is %s, %s by %s", a.ID, stage.DisplayName, stage.Status, stage.ReviewResult, stage.ReviewedBy.ID)
			}
		}
	}
}

// expect checks the states of a request and of an assignment; empty: it is not there.
func (l *ledger) expect(requestID string, request governance.RequestState, assignmentID string, assignment governance.AssignmentState) {
	l.t.Helper()
	if got := one[governance.AssignmentRequest](l.State, requestID).State; got != request {
		l.t.Errorf("the request %s is %q, want %q", requestID, got, request)
	}
	if got := one[governance.Assignment](l.State, assignmentID).State; got != assignment {
		l.t.Errorf("the assignment %s is %q, want %q", assignmentID, got, assignment)
	}
}

// activities are those of a change, in order.
func activities(change engine.Change) []governance.Activity {
	var list []governance.Activity
	for _, entry := range change.Audit {
		list = append(list, entry.Activity)
	}
	return list
}

// effects are those of a change in short: provision, or the name of a notification.
func effects(change engine.Change) string {
	var list []string
	for _, effect := range change.Effects {
		if effect.What == governance.WorkNotify {
			list = append(list, fmt.Sprintf("%s:%d", effect.Notification, effect.Stage))
		} else {
			list = append(list, string(effect.What))
		}
	}
	return strings.Join(list, " ")
}

func text(t tester, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(data)
}

func sorted[T any](t tester, values []T) string {
	t.Helper()
	var texts []string
	for _, value := range values {
		texts = append(texts, text(t, value))
	}
	slices.Sort(texts)
	return strings.Join(texts, "\n")
}
