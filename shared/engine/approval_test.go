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

// rules: APR-02 APR-07 APR-08 APR-10 APR-11 APR-12
func TestApproversAreResolved(t *testing.T) {
	t.Parallel()
	stage := func(primary, fallback, alternate, lastResort governance.SubjectSets) governance.ApprovalStageSettings {
		s := governance.ApprovalStageSettings{PrimaryApprovers: primary, FallbackPrimaryApprovers: fallback, EscalationApprovers: alternate, FallbackEscalationApprovers: lastResort}
		if alternate != nil {
			week := governance.Days(7)
			s.IsEscalationEnabled, s.DurationBeforeEscalation = true, &week
		}
		return s
	}
	type sets = governance.SubjectSets
	for name, test := range map[string]struct {
		who                             string
		stage                           governance.ApprovalStageSettings
		users, groups                   []string
		alternateUsers, alternateGroups []string
		refused                         bool
	}{
		"the manager":                           {who: mo, stage: stage(sets{manager(1)}, sets{group(helpDesk)}, nil, nil), users: []string{meg}},
		"the second manager":                    {who: mo, stage: stage(sets{manager(2)}, nil, nil, nil), users: []string{sam}},
		"a person, whatever the letters":        {who: mo, stage: stage(sets{user(strings.ToUpper(ann))}, nil, nil, nil), users: []string{ann}},
		"a group":                               {who: mo, stage: stage(sets{group(helpDesk)}, nil, nil, nil), groups: []string{helpDesk}},
		"all of them, each once":                {who: mo, stage: stage(sets{manager(1), user(meg), group(helpDesk), group(helpDesk), user(ann)}, nil, nil, nil), users: []string{meg, ann}, groups: []string{helpDesk}},
		"no manager, a fallback":                {who: nina, stage: stage(sets{manager(1)}, sets{group(helpDesk), user(ann)}, nil, nil), users: []string{ann}, groups: []string{helpDesk}},
		"no second manager, a fallback":         {who: meg, stage: stage(sets{manager(2)}, sets{user(ann)}, nil, nil), users: []string{ann}},
		"one of two resolved: no fallback":      {who: nina, stage: stage(sets{manager(1), user(ann)}, sets{group(helpDesk)}, nil, nil), users: []string{ann}},
		"no manager and no fallback":            {who: nina, stage: stage(sets{manager(1)}, nil, nil, nil), refused: true},
		"fallback that is nobody either":        {who: nina, stage: stage(sets{manager(1)}, sets{manager(2)}, nil, nil), refused: true},
		"the requestor is no approver":          {who: ann, stage: stage(sets{user(ann)}, sets{group(helpDesk)}, nil, nil), groups: []string{helpDesk}},
		"the requestor is no fallback":          {who: ann, stage: stage(sets{user(ann)}, sets{user(ann)}, nil, nil), refused: true},
		"who is their own manager":              {who: solo, stage: stage(sets{manager(1)}, sets{user(ann)}, nil, nil), users: []string{ann}},
		"alternates":                            {who: mo, stage: stage(sets{manager(1)}, nil, sets{manager(2), group(helpDesk)}, nil), users: []string{meg}, alternateUsers: []string{sam}, alternateGroups: []string{helpDesk}},
		"alternates that are nobody":            {who: meg, stage: stage(sets{manager(1)}, nil, sets{manager(2)}, sets{user(ann)}), users: []string{sam}, alternateUsers: []string{ann}},
		"alternates and their fallback, nobody": {who: meg, stage: stage(sets{manager(1)}, nil, sets{manager(2)}, nil), users: []string{sam}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, test.who)
			_, err := l.submit(submission(t, by(test.who), under(policy(t, "p", stages(test.stage)))))
			if test.refused {
				refused(t, err, governance.CodeInvalid, "Stage 1 of the approval has no approver")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := one[governance.AssignmentRequest](l.State, "request-1").Approval.Stages[0]
			for what, lists := range map[string][2][]string{
				"approvers": {got.ApproverUserIDs, test.users}, "groups": {got.ApproverGroupIDs, test.groups},
				"alternates": {got.AlternateUserIDs, test.alternateUsers}, "groups of alternates": {got.AlternateGroupIDs, test.alternateGroups},
			} {
				if !slices.Equal(lists[0], lists[1]) {
					t.Errorf("the %s are %v, want %v", what, lists[0], lists[1])
				}
			}
			escalates := len(test.alternateUsers)+len(test.alternateGroups) > 0
			if (got.EscalatesDateTime != nil) != escalates {
				t.Errorf("it escalates at %v, and has alternates: %t", got.EscalatesDateTime, escalates)
			}
		})
	}
	_, err := newLedger(t, nina).submit(submission(t, by(nina), under(policy(t, "p", stages(asks(user(ann)), asks(manager(1)))))))
	refused(t, err, governance.CodeInvalid, "Stage 2 of the approval has no approver")
}

// rules: APR-14 APR-06
func TestAnApprovalBegins(t *testing.T) {
	t.Parallel()
	first := asks(manager(1))
	two := governance.Days(2)
	first.DurationBeforeAutomaticDenial = &two
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, under(policy(t, "p", stages(first, asks(user(ann)))))))
	approval := one[governance.AssignmentRequest](l.State, "request-1").Approval
	if approval.ID != "request-1" || len(approval.Stages) != 2 {
		t.Fatalf("the approval is %s", text(t, approval))
	}
	for i, stage := range approval.Stages {
		status := []governance.StageStatus{governance.StageInProgress, governance.StageInitializing}[i]
		if stage.Status != status || stage.ReviewResult != governance.ResultNotReviewed || stage.ReviewedBy.ID != governance.NobodyID || !governance.IsGUID(stage.ID) || stage.DisplayName != fmt.Sprintf("Stage %d", i+1) {
			t.Errorf("stage %d begins as %s", i, text(t, stage))
		}
	}
	if ends := approval.Stages[0].EndsDateTime.Instant(); !ends.Equal(start.AddDate(0, 0, 2)) {
		t.Errorf("the first stage ends at %v", ends)
	}
	if approval.Stages[1].EndsDateTime != nil {
		t.Errorf("the clock of the second stage runs before it begins: %v", approval.Stages[1].EndsDateTime)
	}
	l.now = l.now.AddDate(0, 0, 1)
	if _, err := l.decideStage(0, meg, governance.ResultApprove); err != nil {
		t.Fatal(err)
	}
	if ends := one[governance.AssignmentRequest](l.State, "request-1").Approval.Stages[1].EndsDateTime.Instant(); !ends.Equal(start.AddDate(0, 0, 1+14)) {
		t.Errorf("the second stage, without a duration of its own, ends at %v", ends)
	}
}

// rules: APR-03 APR-04 APR-05 APR-07 APR-11 APR-13 APR-14
func TestDecide(t *testing.T) {
	t.Parallel()
	strict := func(p *governance.AssignmentPolicy) {
		p.RequestApprovalSettings.Stages[0].IsApproverJustificationRequired = true
	}
	byGroup := policy(t, "group", stages(asks(group(helpDesk))))
	saying := func(words string) func(*engine.Decision) {
		return func(d *engine.Decision) { d.Justification = words }
	}
	for name, test := range map[string]struct {
		policy governance.AssignmentPolicy
		who    string // requests
		by     string // decides
		result governance.ReviewResult
		edits  []func(*engine.Decision)
		late   time.Duration
		state  governance.RequestState
		code   governance.Code
		words  string
	}{
		"the manager approves":               {policy(t, "p"), mo, meg, governance.ResultApprove, nil, 0, governance.StateDelivering, "", ""},
		"the manager denies":                 {policy(t, "p"), mo, meg, governance.ResultDeny, nil, 0, governance.StateDenied, "", ""},
		"one of a group approves":            {byGroup, mo, hedda, governance.ResultApprove, nil, 0, governance.StateDelivering, "", ""},
		"one who is not of the group":        {byGroup, mo, meg, governance.ResultApprove, nil, 0, "", governance.CodeForbidden, "no approver of this stage"},
		"the fallback approves":              {policy(t, "p"), nina, hugo, governance.ResultApprove, nil, 0, governance.StateDelivering, "", ""},
		"the fallback, not needed":           {policy(t, "p"), mo, hugo, governance.ResultApprove, nil, 0, "", governance.CodeForbidden, "no approver of this stage"},
		"the manager's manager":              {policy(t, "p"), mo, sam, governance.ResultApprove, nil, 0, "", governance.CodeForbidden, "no approver of this stage"},
		"the administrator":                  {policy(t, "p"), mo, ann, governance.ResultApprove, nil, 0, "", governance.CodeForbidden, "no approver of this stage"},
		"the requestor":                      {policy(t, "p"), mo, mo, governance.ResultApprove, nil, 0, "", governance.CodeForbidden, "a request of their own"},
		"the requestor, of the group":        {byGroup, hugo, hugo, governance.ResultApprove, nil, 0, "", governance.CodeForbidden, "a request of their own"},
		"a colleague of the group":           {byGroup, hugo, hedda, governance.ResultApprove, nil, 0, governance.StateDelivering, "", ""},
		"nobody":                             {policy(t, "p"), mo, meg, governance.ResultApprove, []func(*engine.Decision){func(d *engine.Decision) { d.Approver.ObjectID = "" }}, 0, "", governance.CodeForbidden, "no approver"},
		"an alternate before the escalation": {policy(t, "p", escalating(sam)), mo, sam, governance.ResultApprove, nil, 0, "", governance.CodeForbidden, "no approver"},
		"no decision":                        {policy(t, "p"), mo, meg, governance.ResultNotReviewed, nil, 0, "", governance.CodeInvalid, "Approve or Deny"},
		"an empty decision":                  {policy(t, "p"), mo, meg, "", nil, 0, "", governance.CodeInvalid, "Approve or Deny"},
		"no justification":                   {policy(t, "p", strict), mo, meg, governance.ResultApprove, []func(*engine.Decision){saying(" ")}, 0, "", governance.CodeInvalid, "needs a justification"},
		"a justification nobody sees":        {policy(t, "p", strict), mo, meg, governance.ResultApprove, []func(*engine.Decision){saying("\u2003\n")}, 0, "", governance.CodeInvalid, "needs a justification"},
		"a justification turned around":      {policy(t, "p", strict), mo, meg, governance.ResultApprove, []func(*engine.Decision){saying("fine \u202egnp")}, 0, "", governance.CodeInvalid, "U+202E"},
		"no justification of a denial":       {policy(t, "p", strict), mo, meg, governance.ResultDeny, []func(*engine.Decision){saying("")}, 0, "", governance.CodeInvalid, "needs a justification"},
		"no justification, none wanted":      {policy(t, "p", stages(asks(manager(1)))), mo, meg, governance.ResultApprove, []func(*engine.Decision){saying("")}, 0, governance.StateDelivering, "", ""},
		"the longest justification":          {policy(t, "p"), mo, meg, governance.ResultApprove, []func(*engine.Decision){saying(strings.Repeat("ü", governance.MaxJustification))}, 0, governance.StateDelivering, "", ""},
		"a justification too long":           {policy(t, "p"), mo, meg, governance.ResultApprove, []func(*engine.Decision){saying(strings.Repeat("x", governance.MaxJustification+1))}, 0, "", governance.CodeInvalid, "longer than"},
		"in the last moment":                 {policy(t, "p"), mo, meg, governance.ResultApprove, nil, 14*24*time.Hour - time.Millisecond, governance.StateDelivering, "", ""},
		"too late, before the timer":         {policy(t, "p"), mo, meg, governance.ResultApprove, nil, 14 * 24 * time.Hour, "", governance.CodeConflict, "ended at 2026-12-04T10:00:00.000Z"},
		"a stage that is none":               {policy(t, "p"), mo, meg, governance.ResultApprove, []func(*engine.Decision){func(d *engine.Decision) { d.StageID = "other" }}, 0, "", governance.CodeNotFound, "no stage other"},
		"a request that is none":             {policy(t, "p"), mo, meg, governance.ResultApprove, []func(*engine.Decision){func(d *engine.Decision) { d.RequestID = "other" }}, 0, "", governance.CodeNotFound, "no approval other"},
		"the package is gone":                {policy(t, "p"), mo, meg, governance.ResultApprove, []func(*engine.Decision){func(d *engine.Decision) { d.Package = nil }}, 0, "", governance.CodeConflict, "no longer exists"},
		"the package is gone, denied":        {policy(t, "p"), mo, meg, governance.ResultDeny, []func(*engine.Decision){func(d *engine.Decision) { d.Package = nil }}, 0, governance.StateDenied, "", ""},
		"the id of the stage in capitals":    {policy(t, "p"), mo, strings.ToUpper(meg), governance.ResultApprove, []func(*engine.Decision){func(d *engine.Decision) { d.StageID = strings.ToUpper(d.StageID) }}, 0, governance.StateDelivering, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, test.who)
			if _, err := l.submit(submission(t, by(test.who), under(test.policy))); err != nil {
				t.Fatal(err)
			}
			l.now = l.now.Add(test.late)
			change, err := l.decideStage(0, test.by, test.result, test.edits...)
			if test.code != "" {
				refused(t, err, test.code, test.words)
				l.expect("request-1", governance.StatePendingApproval, "assignment-1", "")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			request := one[governance.AssignmentRequest](l.State, "request-1")
			stage := request.Approval.Stages[0]
			if request.State != test.state || stage.Status != governance.StageCompleted || stage.ReviewResult != test.result || stage.ReviewedBy.ID != strings.ToLower(test.by) || !stage.ReviewedDateTime.Equal(l.now) {
				t.Errorf("the request is %s, its stage %s", request.State, text(t, stage))
			}
			first, want := change.Audit[0], map[governance.ReviewResult]governance.Activity{governance.ResultApprove: governance.ActivityApprove, governance.ResultDeny: governance.ActivityDeny}[test.result]
			if first.Activity != want || first.InitiatedBy.ObjectID != test.by || first.Justification != stage.Justification || string(first.Before) != `{"state":"pendingApproval"}` || string(first.After) != `{"state":"`+string(test.state)+`"}` {
				t.Errorf("the audit says %s", text(t, first))
			}
			told := map[governance.ReviewResult]string{governance.ResultApprove: "provision", governance.ResultDeny: "denied:0"}[test.result]
			if others := len(stage.ApproverUserIDs)+2*len(stage.ApproverGroupIDs) > 1; others && test.result == governance.ResultApprove { // who decided knows (NOT-03)
				told += " approved:0"
			}
			if got := effects(change); got != told {
				t.Errorf("the effects are %q, want %q", got, told)
			}
		})
	}
}

// escalating has the alternates join after seven days.
func escalating(alternates ...string) policyEdit {
	return func(p *governance.AssignmentPolicy) {
		week := governance.Days(7)
		stage := &p.RequestApprovalSettings.Stages[0]
		stage.IsEscalationEnabled, stage.DurationBeforeEscalation = true, &week
		for _, id := range alternates {
			stage.EscalationApprovers = append(stage.EscalationApprovers, user(id))
		}
	}
}

// rules: APR-03
func TestTheLoserOfARaceLearnsWhoWon(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, under(policy(t, "p", stages(asks(group(helpDesk)))))))
	if _, err := l.decideStage(0, hugo, governance.ResultDeny); err != nil {
		t.Fatal(err)
	}
	_, err := l.decideStage(0, hedda, governance.ResultApprove)
	refused(t, err, governance.CodeConflict, "already decided: Deny by Hugo at 2026-11-20T10:00:00.000Z")
	_, err = l.decideStage(0, hugo, governance.ResultApprove)
	refused(t, err, governance.CodeConflict, "already decided: Deny by Hugo")
	_, err = l.decideStage(0, ann, governance.ResultApprove)
	refused(t, err, governance.CodeForbidden, "no approver") // who has no part in it does not learn it either
	l.expect("request-1", governance.StateDenied, "assignment-1", "")

	nameless := newLedger(t, mo)
	_, _ = nameless.submit(submission(t, under(policy(t, "p", stages(asks(group(helpDesk)))))))
	_, _ = nameless.decideStage(0, hugo, governance.ResultApprove, func(d *engine.Decision) { d.Approver.DisplayName = "" })
	_, err = nameless.decideStage(0, hedda, governance.ResultDeny)
	refused(t, err, governance.CodeConflict, "Approve by "+hugo)
}

// rules: APR-04 APR-05 APR-09
func TestStagesRunInSequence(t *testing.T) {
	t.Parallel()
	three := policy(t, "p", stages(asks(manager(1)), asks(group(helpDesk)), asks(user(ann))))
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, under(three)))
	_, err := l.decideStage(1, hugo, governance.ResultApprove)
	refused(t, err, governance.CodeConflict, "has not begun")
	_, err = l.decideStage(2, ann, governance.ResultDeny)
	refused(t, err, governance.CodeConflict, "has not begun")

	change, err := l.decideStage(0, meg, governance.ResultApprove)
	if err != nil || effects(change) != "approvalNeeded:1" || change.Audit[0].Activity != governance.ActivityStageCompleted || change.Audit[0].Detail != "Stage 1: Approve" {
		t.Fatalf("after the first stage: %v, %s", err, text(t, change))
	}
	l.expect("request-1", governance.StatePendingApproval, "assignment-1", "")
	_, err = l.decideStage(0, meg, governance.ResultDeny)
	refused(t, err, governance.CodeConflict, "already decided: Approve by Meg")
	_, err = l.decideStage(1, meg, governance.ResultApprove)
	refused(t, err, governance.CodeForbidden, "no approver of this stage")

	if _, err = l.decideStage(1, hugo, governance.ResultApprove); err != nil {
		t.Fatal(err)
	}
	l.expect("request-1", governance.StatePendingApproval, "assignment-1", "")
	if _, err = l.decideStage(2, ann, governance.ResultApprove); err != nil {
		t.Fatal(err)
	}
	l.expect("request-1", governance.StateDelivering, "assignment-1", governance.AssignmentDelivering)

	denied := newLedger(t, mo)
	_, _ = denied.submit(submission(t, under(three)))
	_, _ = denied.decideStage(0, meg, governance.ResultApprove)
	if _, err := denied.decideStage(1, hedda, governance.ResultDeny); err != nil {
		t.Fatal(err)
	}
	denied.expect("request-1", governance.StateDenied, "assignment-1", "")
	_, err = denied.decideStage(2, ann, governance.ResultApprove)
	refused(t, err, governance.CodeConflict, "the request is denied")
}

// rules: APR-11 REQ-03 NOT-01 NOT-02
func TestASilentStageEscalates(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	_, _ = l.submit(submission(t, under(policy(t, "p", escalating(sam)))))
	half := start.AddDate(0, 0, 3).Add(12 * time.Hour)
	for _, due := range []time.Time{start.AddDate(0, 0, 1), start.AddDate(0, 0, 2), start.AddDate(0, 0, 3), half, start.AddDate(0, 0, 4), start.AddDate(0, 0, 5), start.AddDate(0, 0, 6)} {
		if l.now = engine.RequestDue(one[governance.AssignmentRequest](l.State, "request-1")); !l.now.Equal(due) {
			t.Fatalf("it is due at %v", l.now)
		}
		told, says := "", "Stage 1: somebody can decide it, as before" // each day it is looked whether anybody can decide
		if due.Equal(half) {
			told, says = "approvalReminder:0", "Stage 1: the approvers are reminded"
		}
		if change := l.requestDue(nil); effects(change) != told || change.Audit[0].Detail != says {
			t.Fatalf("at %v: %s", due, text(t, change))
		}
	}
	if due := engine.RequestDue(one[governance.AssignmentRequest](l.State, "request-1")); !due.Equal(start.AddDate(0, 0, 7)) {
		t.Fatalf("it is due at %v", due)
	}
	l.now = start.AddDate(0, 0, 7).Add(-time.Millisecond)
	if change := l.requestDue(nil); !change.IsEmpty() {
		t.Fatalf("too early: %s", text(t, change))
	}
	l.now = start.AddDate(0, 0, 7)
	change := l.requestDue(nil)
	if request := one[governance.AssignmentRequest](l.State, "request-1"); effects(change) != "approvalEscalated:0" || request.Status != governance.StatusPendingApprovalEscalated || request.State != governance.StatePendingApproval {
		t.Fatalf("at seven days: %s", text(t, change))
	}
	if !slices.Equal(activities(change), []governance.Activity{governance.ActivityEscalate}) {
		t.Errorf("the audit says %q", activities(change))
	}
	if again := l.requestDue(nil); effects(again) != "" {
		t.Errorf("it escalates twice: %s", text(t, again))
	}
	if due := one[governance.AssignmentRequest](l.State, "request-1").WaitingStage().EndsDateTime; !due.Instant().Equal(start.AddDate(0, 0, 14)) {
		t.Errorf("then it is denied at %v", due)
	}
	for _, who := range []string{sam, meg} { // the alternate, and still the manager
		branch := newLedger(t, mo)
		branch.now, branch.State, branch.audit = l.now, stateOf(l.Head, one[governance.AssignmentRequest](l.State, "request-1")), l.audit
		if _, err := branch.decideStage(0, who, governance.ResultApprove); err != nil {
			t.Errorf("%s: %v", people[who].User.DisplayName, err)
		}
	}
}

// rules: APR-06 REQ-05 NOT-03 NOT-04 NOT-05
func TestASilentStageIsDenied(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]governance.AssignmentPolicy{"without alternates": policy(t, "p"), "with silent alternates": policy(t, "p", escalating(sam))} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(t, mo)
			_, _ = l.submit(submission(t, under(p)))
			l.now = start.AddDate(0, 0, 14) // the timer was late: it is denied, and not forwarded first
			change := l.requestDue(nil)
			request := one[governance.AssignmentRequest](l.State, "request-1")
			if request.State != governance.StateDenied || request.Status != governance.StatusExpired || request.Approval.Stages[0].Status != governance.StageExpired || !request.CompletedDateTime.Equal(l.now) {
				t.Errorf("it is %s, %s, its stage %s", request.State, request.Status, request.Approval.Stages[0].Status)
			}
			if effects(change) != "stageTimedOut:0 approvalTimedOut:0" || !slices.Equal(activities(change), []governance.Activity{governance.ActivityTimedOut}) || change.Audit[0].InitiatedBy.Kind != governance.CallerSystem {
				t.Errorf("the change is %s", text(t, change))
			}
			_, err := l.decideStage(0, meg, governance.ResultApprove)
			refused(t, err, governance.CodeConflict, "the request is denied")
			if again := l.requestDue(nil); !again.IsEmpty() {
				t.Errorf("it is denied twice: %s", text(t, again))
			}
		})
	}
	second := newLedger(t, mo)
	_, _ = second.submit(submission(t, under(policy(t, "p", stages(asks(manager(1)), asks(user(ann)))))))
	_, _ = second.decideStage(0, meg, governance.ResultApprove)
	second.now = start.AddDate(0, 0, 14)
	change := second.requestDue(nil)
	if effects(change) != "stageTimedOut:1 approvalTimedOut:1" {
		t.Errorf("the second stage is over: %s", text(t, change))
	}
	second.expect("request-1", governance.StateDenied, "assignment-1", "")
}

// rules: POL-12 NOT-07
func TestMutedPoliciesTellApproversOnly(t *testing.T) {
	t.Parallel()
	l := newLedger(t, mo)
	change, _ := l.submit(submission(t, under(policy(t, "everybody", muted))))
	if effects(change) != "approvalNeeded:0" {
		t.Errorf("the approvers are told %q", effects(change))
	}
	_, _ = l.decideStage(0, meg, governance.ResultApprove)
	if change := l.record("assignment-1", nil); effects(change) != "" {
		t.Errorf("when it is delivered: %q", effects(change))
	}
	l.now = start.AddDate(0, 0, 180)
	l.assignmentDue("assignment-1")
	if change := l.record("assignment-1", nil); effects(change) != "" {
		t.Errorf("when it has ended: %q", effects(change))
	}
	denied := newLedger(t, mo)
	_, _ = denied.submit(submission(t, under(policy(t, "everybody", muted))))
	if change, _ := denied.decideStage(0, meg, governance.ResultDeny); effects(change) != "" {
		t.Errorf("when it is denied: %q", effects(change))
	}
}

// rules: APR-03 APR-11
func TestIsApprover(t *testing.T) {
	t.Parallel()
	stage := governance.ApprovalStage{ApproverUserIDs: []string{meg}, ApproverGroupIDs: []string{helpDesk}, AlternateUserIDs: []string{sam}, AlternateGroupIDs: []string{staff}}
	escalated := stage
	escalated.Escalated = true
	for name, test := range map[string]struct {
		who                string
		groups             []string
		before, afterwards bool
		needsGroups        bool
	}{
		"approver":            {strings.ToUpper(meg), nil, true, true, false},
		"one of a group":      {hugo, []string{staff + "x", strings.ToUpper(helpDesk)}, true, true, true},
		"alternate":           {sam, nil, false, true, true},
		"one of an alternate": {mo, []string{staff}, false, true, true},
		"somebody":            {ann, []string{"other"}, false, false, true},
		"nobody":              {"", nil, false, false, true},
	} {
		if engine.IsApprover(stage, test.who, test.groups) != test.before || engine.IsApprover(escalated, test.who, test.groups) != test.afterwards {
			t.Errorf("%s: before the escalation %t, after it %t", name, engine.IsApprover(stage, test.who, test.groups), engine.IsApprover(escalated, test.who, test.groups))
		}
		if engine.NeedsGroups(stage, test.who) != test.needsGroups {
			t.Errorf("%s: the groups must be known: %t", name, !test.needsGroups)
		}
	}
	if engine.NeedsGroups(governance.ApprovalStage{ApproverUserIDs: []string{meg}}, ann) {
		t.Error("where no group approves, groups must be known")
	}
}
