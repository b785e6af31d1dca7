package app_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// TestTheManagerApproves: the story of one request, with what the audit trail tells of it. rules: APR-03 APR-08 APR-14 REQ-06 AUD-01 NOT-02 NOT-06.
func TestTheManagerApproves(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(manager())
	made := s.submit(user(alice), request(packageID))
	if made.State != governance.StatePendingApproval || made.Approval.ID != made.ID {
		t.Fatalf("it begins as %s with the approval %s", made.State, made.Approval.ID)
	}
	s.drain()
	s.isMember(g1, alice, false)
	approval, err := s.app.Approval(t.Context(), user(mia), made.ID)
	s.must(err)
	if stage := approval.Stages[0]; !stage.AssignedToMe || stage.Status != governance.StageInProgress || stage.ReviewedBy.ID != governance.NobodyID {
		t.Errorf("mia sees the stage %+v", stage)
	}
	s.must(s.decide(made.ID, mia, governance.ResultApprove, "she needs it"))
	s.drain()
	done := s.is(made.ID, governance.StateDelivered)
	s.isMember(g1, alice, true)
	if stage := done.Approval.Stages[0]; stage.ReviewResult != governance.ResultApprove || stage.ReviewedBy.ID != mia || stage.Justification != "she needs it" {
		t.Errorf("the stage is %+v", stage)
	}
	wanted := []governance.Activity{governance.ActivityUserRequests, governance.ActivityApprove, governance.ActivityReady, governance.ActivityFulfillRole, governance.ActivityFulfill}
	if told := s.activities(alice); !slices.Equal(told, wanted) {
		t.Errorf("the audit trail tells %v", told)
	}
	if mails := s.mails("mia"); len(mails) != 1 || !strings.Contains(mails[0], "Action required") || !strings.Contains(mails[0], "Alice") {
		t.Errorf("mia got %q", mails)
	}
	if mails := s.mails("alice"); !slices.Equal(mails, []string{"You now have access to package"}) {
		t.Errorf("alice got %q", mails)
	}
}

// TestWhoMayDecide: approvers of the stage may, by themselves or by a group, as of the decision; nobody else, and never who it is for. rules: APR-03 APR-07 APR-08 APR-10 APR-12.
func TestWhoMayDecide(t *testing.T) {
	for _, c := range []struct {
		name      string
		approvers governance.SubjectSets
		requestor string
		may       []string
		mayNot    []string
	}{
		{"the manager", manager(), alice, []string{mia}, []string{alice, bob, max, hanna, ada}},
		{"the fallback, for want of a manager", manager(), carl, []string{hanna, henk}, []string{carl, mia, max}},
		{"the manager's manager", governance.SubjectSets{governance.RequestorManager{ManagerLevel: 2}}, alice, []string{max}, []string{mia, hanna}},
		{"users", people(bob, carl), alice, []string{bob, carl}, []string{mia, hanna}},
		{"a group", members(helpdesk), alice, []string{hanna, henk}, []string{mia, alice}},
		{"a group that the requestor is in", members(helpdesk), hanna, []string{henk}, []string{hanna, max}},
		{"a list that the requestor is on", people(bob, carl), bob, []string{carl}, []string{bob, hanna}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, approver := range append(slices.Clone(c.may), c.mayNot...) {
				s := newStand(t)
				packageID, _ := s.approvedPackage(c.approvers)
				made := s.submit(user(c.requestor), request(packageID))
				err := s.decide(made.ID, approver, governance.ResultApprove, "")
				if slices.Contains(c.may, approver) {
					s.must(err)
					continue
				}
				code := governance.CodeNotFound // a stranger does not learn that there is anything to decide
				if approver == c.requestor {
					code = governance.CodeForbidden
				}
				s.refused(err, code)
				s.is(made.ID, governance.StatePendingApproval)
			}
		})
	}
}

// TestGroupsAreAsTheyAre: who joins the approvers' group after the request may decide it, who has left it may not. rules: APR-12.
func TestGroupsAreAsTheyAre(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(members(helpdesk))
	made := s.submit(user(alice), request(packageID))
	s.must(s.directory.PutMember(helpdesk, eve))
	s.must(s.directory.RemoveMember(t.Context(), helpdesk, hanna))
	s.refused(s.decide(made.ID, hanna, governance.ResultApprove, ""), governance.CodeNotFound)
	s.must(s.decide(made.ID, eve, governance.ResultApprove, ""))
}

// TestADenialEnds the request, in any stage. rules: APR-04 NOT-04.
func TestADenialEnds(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(manager(), people(carl))
	made := s.submit(user(alice), request(packageID))
	s.must(s.decide(made.ID, mia, governance.ResultApprove, ""))
	s.must(s.decide(made.ID, carl, governance.ResultDeny, "not this year"))
	s.drain()
	denied := s.is(made.ID, governance.StateDenied)
	if denied.CompletedDateTime == nil {
		t.Error("it has no end")
	}
	s.isMember(g1, alice, false)
	for _, stage := range denied.Approval.Stages {
		s.refused(s.app.DecideApproval(t.Context(), user(carl), made.ID, stage.ID, governance.ApprovalStage{ReviewResult: governance.ResultApprove}), map[string]governance.Code{
			denied.Approval.Stages[0].ID: governance.CodeForbidden, denied.Approval.Stages[1].ID: governance.CodeConflict}[stage.ID])
	}
	mail := s.directory.SentTo("alice@example.com")
	if len(mail) != 1 || !strings.Contains(mail[0].Text, "not this year") {
		t.Errorf("alice got %+v", mail)
	}
	s.submit(user(alice), request(packageID)) // she may ask again (REQ-20)
}

// TestTwoDecideAtOnce: one decision, and the other learns whose it was. rules: APR-03.
func TestTwoDecideAtOnce(t *testing.T) {
	for round := range 20 {
		s := newStand(t)
		packageID, _ := s.approvedPackage(people(bob, carl))
		made := s.submit(user(alice), request(packageID))
		stage := made.Approval.Stages[0].ID
		results := map[string]governance.ReviewResult{bob: governance.ResultApprove, carl: governance.ResultDeny}
		var mu sync.Mutex
		var wait sync.WaitGroup
		errs := map[string]error{}
		for who, result := range results {
			wait.Go(func() {
				err := s.app.DecideApproval(t.Context(), user(who), made.ID, stage, governance.ApprovalStage{ReviewResult: result})
				mu.Lock()
				defer mu.Unlock()
				errs[who] = err
			})
		}
		wait.Wait()
		winner, loser := bob, carl
		if errs[bob] != nil {
			winner, loser = carl, bob
		}
		s.must(errs[winner])
		s.refused(errs[loser], governance.CodeConflict, "already decided", string(results[winner]))
		if decided := s.present(made.ID).Approval.Stages[0]; decided.ReviewedBy.ID != winner || decided.ReviewResult != results[winner] {
			t.Fatalf("round %d: decided %s by %s", round, decided.ReviewResult, decided.ReviewedBy.ID)
		}
	}
}

// TestALostAnswerToADecision: who decided is told so, although the store's answer was lost. rules: APR-03.
func TestALostAnswerToADecision(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(manager())
	made := s.submit(user(alice), request(packageID))
	s.Faults(storememory.OpCommit, storememory.LostResponse)
	s.must(s.decide(made.ID, mia, governance.ResultApprove, ""))
	s.drain()
	s.is(made.ID, governance.StateDelivered)
}

// TestDecisionsThatAreNone: what is incomplete, unknown or out of turn changes nothing. rules: APR-02 APR-05 APR-13 APR-14.
func TestDecisionsThatAreNone(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	policy := approvedPolicy(packageID, people(carl), people(carl))
	policy.RequestApprovalSettings.Stages[0].IsApproverJustificationRequired = true
	s.policy(policy)
	made := s.submit(user(alice), request(packageID))
	documents := s.Store.Len(store.Subjects)
	first, second := made.Approval.Stages[0].ID, made.Approval.Stages[1].ID
	decide := func(approval, stage string, result governance.ReviewResult, why string) error {
		return s.app.DecideApproval(t.Context(), user(carl), approval, stage, governance.ApprovalStage{ReviewResult: result, Justification: why})
	}
	s.refused(decide(made.ID, first, governance.ResultApprove, "  "), governance.CodeInvalid, "justification")
	s.refused(decide(made.ID, first, governance.ResultApprove, strings.Repeat("x", governance.MaxJustification+1)), governance.CodeInvalid, "justification")
	s.refused(decide(made.ID, first, governance.ResultNotReviewed, "x"), governance.CodeInvalid, "reviewResult")
	s.refused(decide(made.ID, second, governance.ResultApprove, "x"), governance.CodeConflict, "not begun")
	s.refused(decide(made.ID, id("none"), governance.ResultApprove, "x"), governance.CodeNotFound)
	s.refused(decide(id("none"), first, governance.ResultApprove, "x"), governance.CodeNotFound)
	s.refused(decide("no guid", first, governance.ResultApprove, "x"), governance.CodeNotFound)
	s.is(made.ID, governance.StatePendingApproval)
	if s.Store.Len(store.Subjects) != documents {
		t.Errorf("%d documents, were %d", s.Store.Len(store.Subjects), documents)
	}
	s.must(decide(strings.ToUpper(made.ID), strings.ToUpper(first), governance.ResultApprove, "fine"))
}

// TestSilence: without a decision the stage is forwarded, and at last denied. rules: APR-06 APR-11 NOT-01 NOT-04 REQ-05.
func TestSilence(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	policy := approvedPolicy(packageID, manager())
	policy.RequestApprovalSettings.Stages[0].IsEscalationEnabled = true
	policy.RequestApprovalSettings.Stages[0].DurationBeforeEscalation = days(3)
	policy.RequestApprovalSettings.Stages[0].EscalationApprovers = people(carl)
	s.policy(policy)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.refused(s.decide(made.ID, carl, governance.ResultApprove, ""), governance.CodeNotFound)
	s.pass(2 * 24 * time.Hour)
	if present := s.is(made.ID, governance.StatePendingApproval); present.Approval.Stages[0].Escalated {
		t.Error("it was forwarded too early")
	}
	s.pass(25 * time.Hour)
	if present := s.is(made.ID, governance.StatePendingApproval); !present.Approval.Stages[0].Escalated || present.Status != governance.StatusPendingApprovalEscalated {
		t.Error("it was not forwarded")
	}
	if mails := s.mails("carl"); len(mails) != 1 || !strings.Contains(mails[0], "Action required") {
		t.Errorf("carl got %q", mails)
	}
	approval, err := s.app.Approval(t.Context(), user(carl), made.ID)
	s.must(err)
	if !approval.Stages[0].AssignedToMe {
		t.Error("the alternate is not asked")
	}
	s.pass(11 * 24 * time.Hour)
	if expired := s.is(made.ID, governance.StateDenied); expired.Status != governance.StatusExpired || expired.Approval.Stages[0].Status != governance.StageExpired {
		t.Errorf("it ended as %s, its stage as %s", expired.Status, expired.Approval.Stages[0].Status)
	}
	if mails := s.mails("alice"); len(mails) != 1 || !strings.Contains(mails[0], "has expired") {
		t.Errorf("alice got %q", mails)
	}
}

// TestTheTimeIsUpBeforeTheTimerRan: a decision after the end counts for nothing, even if nobody has noticed the end yet. rules: APR-06.
func TestTheTimeIsUpBeforeTheTimerRan(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(manager())
	made := s.submit(user(alice), request(packageID))
	s.Clock.Advance(14 * 24 * time.Hour)
	s.refused(s.decide(made.ID, mia, governance.ResultApprove, ""), governance.CodeConflict, "ended")
}

// TestNobodyCouldDecide: a request that nobody could decide is refused at once, not left to rot. rules: APR-10.
func TestNobodyCouldDecide(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	policy := approvedPolicy(packageID, manager())
	policy.RequestApprovalSettings.Stages[0].FallbackPrimaryApprovers = nil
	s.policy(policy)
	_, err := s.app.SubmitRequest(t.Context(), user(carl), request(packageID))
	s.refused(err, governance.CodeInvalid, "no approver")
	if s.requests() != 0 {
		t.Errorf("%d requests", s.requests())
	}
}

// TestWhoSeesAnApproval: those who decide it, who made it, and administrators; others do not learn that it is there. rules: APR-07 APR-14 PRV-28.
func TestWhoSeesAnApproval(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(manager(), members(helpdesk))
	made := s.submit(user(alice), request(packageID))
	for who, caller := range map[string]governance.Caller{"its requestor": user(alice), "its approver": user(mia), "a later approver": user(hanna), "an administrator": admin()} {
		approval, err := s.app.Approval(t.Context(), caller, made.ID)
		if err != nil {
			t.Errorf("%s: %v", who, err)
			continue
		}
		if mine := approval.Stages[0].AssignedToMe; mine != (caller.ObjectID == mia) {
			t.Errorf("%s: the first stage is theirs: %t", who, mine)
		}
		if mine := approval.Stages[1].AssignedToMe; mine != (caller.ObjectID == hanna) {
			t.Errorf("%s: the second stage is theirs: %t", who, mine)
		}
		_, err = s.app.Request(t.Context(), caller, made.ID)
		s.must(err)
	}
	_, err := s.app.Approval(t.Context(), user(eve), made.ID)
	s.refused(err, governance.CodeNotFound)
	_, err = s.app.Request(t.Context(), user(eve), made.ID)
	s.refused(err, governance.CodeNotFound)
	_, err = s.app.Approval(t.Context(), robot(), made.ID)
	s.refused(err, governance.CodeForbidden)
}

// TestCancel: the requestor or an administrator may take a request back while it waits; others may not, and strangers do not learn of it. rules: REQ-04.
func TestCancel(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(manager())
	made := s.submit(user(alice), request(packageID))
	s.refused(s.app.CancelRequest(t.Context(), user(eve), made.ID), governance.CodeNotFound)
	s.refused(s.app.CancelRequest(t.Context(), robot(), made.ID), governance.CodeForbidden)
	s.must(s.app.CancelRequest(t.Context(), user(alice), made.ID))
	canceled := s.is(made.ID, governance.StateCanceled)
	s.refused(s.app.CancelRequest(t.Context(), user(alice), made.ID), governance.CodeConflict)
	s.refused(s.app.DecideApproval(t.Context(), user(mia), made.ID, canceled.Approval.Stages[0].ID, governance.ApprovalStage{ReviewResult: governance.ResultApprove}), governance.CodeConflict)

	second := s.submit(user(alice), request(packageID))
	s.must(s.app.CancelRequest(t.Context(), admin(), second.ID))
	third := s.submit(user(alice), request(packageID))
	s.must(s.decide(third.ID, mia, governance.ResultApprove, ""))
	s.refused(s.app.CancelRequest(t.Context(), admin(), third.ID), governance.CodeConflict, "delivering")
	s.drain()
	s.isMember(g1, alice, true)
	s.refused(s.app.CancelRequest(t.Context(), user(alice), id("none")), governance.CodeNotFound)
}

// TestTheDirectoryIsAway: a decision that cannot be checked is not taken, and can be taken later.
func TestTheDirectoryIsAway(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(members(helpdesk))
	made := s.submit(user(alice), request(packageID))
	s.downDirectory(true)
	err := s.decide(made.ID, hanna, governance.ResultApprove, "")
	if !errors.Is(err, errDown) && ledger.CodeOf(err) != governance.CodeUnavailable {
		t.Errorf("it was answered with %v", err)
	}
	s.is(made.ID, governance.StatePendingApproval)
	s.downDirectory(false)
	s.must(s.decide(made.ID, hanna, governance.ResultApprove, ""))
}

// TestAnApproverWithoutAMailbox may decide, but cannot be told: an administrator sees that on the stage, in health and in an alert, and the fallback is told instead; also when only Exchange knows that the address takes nothing.
// rules: APR-02 APR-10
func TestAnApproverWithoutAMailbox(t *testing.T) {
	for name, mute := range map[string]func(*stand){
		"no address":        func(s *stand) { s.address(mia, "") },
		"no mail address":   func(s *stand) { s.address(mia, "mia at example") },
		"a refused address": func(s *stand) { s.directory.PutRefused("mia@example.com") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			mute(s)
			packageID := s.pack(s.catalog("catalog"), "package", member(g1))
			s.policy(approvedPolicy(packageID, manager()))
			made := s.submit(user(alice), request(packageID))
			s.drain()
			s.pass(2 * time.Minute)
			s.pass(2 * time.Minute)
			if len(s.mails("hanna")) != 1 || len(s.mails("henk")) != 1 || len(s.mails("mia")) != 0 {
				t.Errorf("hanna got %q, henk %q, mia %q", s.mails("hanna"), s.mails("henk"), s.mails("mia"))
			}
			for who, sees := range map[string][]string{ada: {mia}, hanna: nil, alice: nil} {
				caller := user(who)
				if who == ada {
					caller = admin()
				}
				approval, err := s.app.Approval(t.Context(), caller, made.ID)
				s.must(err)
				if !slices.Equal(approval.Stages[0].Unreached, sees) {
					t.Errorf("%s sees %v", who, approval.Stages[0].Unreached)
				}
			}
			told := s.Lines("somebody cannot be told: there is no address, or none that takes mail") // before the fallback is asked, it is nobody
			if told = append(told, s.Lines("nobody can be told: there is no address, or none that takes mail")...); len(told) != 1 || told[0]["alert"] != true || !strings.Contains(s.Log(), mia) || strings.Contains(s.Log(), "mia at example") {
				t.Errorf("told: %v", told)
			}
			if untold, err := s.app.ledger.SomebodyIsUntold(t.Context()); err != nil || !untold {
				t.Errorf("health does not know: %v", err)
			}
			s.must(s.decide(made.ID, mia, governance.ResultApprove, "")) // who cannot be told may decide all the same
		})
	}
}

// address gives somebody another address.
func (s *stand) address(objectID, address string) {
	s.Helper()
	_, err := s.directory.Update(objectID, func(object *directorymemory.Object) error {
		object.User.Mail = address
		return nil
	})
	s.must(err)
}

// TestAskingInALoop: however often something is asked for and taken back, its approver has one mail in ten minutes, and one if it waits in the end.
func TestAskingInALoop(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	s.policy(approvedPolicy(packageID, manager()))
	for range 30 {
		made := s.submit(user(alice), request(packageID))
		s.drain()
		s.must(s.app.CancelRequest(t.Context(), user(alice), made.ID))
		s.drain()
		s.pass(time.Minute)
	}
	if mails := s.mails("mia"); len(mails) == 0 || len(mails) > 3 {
		t.Errorf("mia got %d mails in half an hour", len(mails))
	}
	before := len(s.mails("mia"))
	s.submit(user(alice), request(packageID))
	s.drain()
	for range 12 {
		s.pass(time.Minute)
	}
	if now := len(s.mails("mia")); now != before+1 {
		t.Errorf("mia got %d mails for what waits", now-before)
	}
	s.submit(user(bob), request(packageID)) // of somebody else she hears at once
	s.drain()
	if now := len(s.mails("mia")); now != before+2 {
		t.Errorf("mia got %d mails for what bob asked for", now-before-1)
	}
	if s.mails("alice") != nil {
		t.Errorf("alice got %q for what she did herself", s.mails("alice"))
	}
}

// TestAMailWithoutAnOutcome: who may have got neither of two mails counts as untold, so that an operator sees it and the fallback is told; nobody gets three. rules: APR-02 APR-10.
func TestAMailWithoutAnOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		kind  directorymemory.FaultKind
		mails int
	}{"nobody knows": {directorymemory.FaultUnavailable, 0}, "its answer is lost": {directorymemory.FaultLostResponse, 2}} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			failures := 2
			s.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
				if one != directorymemory.OperationSendMail || failures == 0 {
					return directorymemory.Fault{}
				}
				failures--
				return directorymemory.Fault{Kind: c.kind}
			})
			packageID := s.pack(s.catalog("catalog"), "package", member(g1))
			s.policy(approvedPolicy(packageID, manager()))
			made := s.submit(user(alice), request(packageID))
			s.drain()
			for range 8 {
				s.pass(10 * time.Minute)
			}
			if len(s.mails("hanna")) != 1 || len(s.mails("henk")) != 1 || len(s.mails("mia")) != c.mails {
				t.Errorf("hanna got %q, henk %q, mia %q", s.mails("hanna"), s.mails("henk"), s.mails("mia"))
			}
			if stage := s.is(made.ID, governance.StatePendingApproval).Approval.Stages[0]; !slices.Equal(stage.Unreached, []string{mia}) {
				t.Errorf("unreached are %v", stage.Unreached)
			}
			if told := s.Lines("nobody can be told: there is no address, or none that takes mail"); len(told) != 1 || told[0]["alert"] != true {
				t.Errorf("told: %v", told)
			}
			if untold, err := s.app.ledger.SomebodyIsUntold(t.Context()); err != nil || !untold {
				t.Errorf("health does not know: %v", err)
			}
		})
	}
}

// TestAnAlternateWithoutAMailbox: when whom a stage is forwarded to cannot be told, the fallback of the escalation is, and the approvers who know are not told again. rules: APR-10 APR-11.
func TestAnAlternateWithoutAMailbox(t *testing.T) {
	for name, mute := range map[string]func(*stand){
		"no address":        func(s *stand) { s.address(carl, "") },
		"a refused address": func(s *stand) { s.directory.PutRefused("carl@example.com") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID := s.pack(s.catalog("catalog"), "package", member(g1))
			policy := approvedPolicy(packageID, manager())
			stage := &policy.RequestApprovalSettings.Stages[0]
			stage.IsEscalationEnabled, stage.DurationBeforeEscalation = true, days(3)
			stage.EscalationApprovers, stage.FallbackEscalationApprovers = people(carl), members(helpdesk)
			s.policy(policy)
			made := s.submit(user(alice), request(packageID))
			s.drain()
			mute(s) // after it was asked who can be told
			s.pass(71 * time.Hour)
			before := len(s.mails("mia"))
			s.pass(2 * time.Hour)
			for range 3 {
				s.pass(2 * time.Minute)
			}
			if len(s.mails("hanna")) != 1 || len(s.mails("henk")) != 1 || len(s.mails("carl")) != 0 || len(s.mails("mia")) != before {
				t.Errorf("hanna got %q, henk %q, carl %q, mia %q", s.mails("hanna"), s.mails("henk"), s.mails("carl"), s.mails("mia")[before:])
			}
			if stage := s.is(made.ID, governance.StatePendingApproval).Approval.Stages[0]; !slices.Equal(stage.Unreached, []string{carl}) {
				t.Errorf("unreached are %v", stage.Unreached)
			}
			s.must(s.decide(made.ID, hanna, governance.ResultApprove, ""))
		})
	}
}

// TestAskingUnderAnotherPolicy: who was not told of late is told at once, whatever others were.
func TestAskingUnderAnotherPolicy(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	first := s.policy(approvedPolicy(packageID, manager()))
	other := approvedPolicy(packageID, people(carl))
	other.DisplayName = "another"
	second := s.policy(other)
	for _, policy := range []string{first, second, first, second} {
		ask := request(packageID)
		ask.Assignment.AssignmentPolicyID = policy
		made := s.submit(user(alice), ask)
		s.drain()
		if mails := s.mails("carl"); policy == second && len(mails) != 1 {
			t.Errorf("carl got %q", mails)
		}
		s.must(s.app.CancelRequest(t.Context(), user(alice), made.ID))
		s.drain()
		s.pass(time.Minute)
	}
	if len(s.mails("mia")) != 1 || len(s.mails("carl")) != 1 {
		t.Errorf("mia got %q, carl %q", s.mails("mia"), s.mails("carl"))
	}
}

// TestALargeGroupOfApprovers: whoever is blocked or without an address in it, somebody further on can decide, and as many as are told are; that others are left out is an alert, and shows on the stage. rules: APR-02 APR-03.
func TestALargeGroupOfApprovers(t *testing.T) {
	for name, c := range map[string]struct {
		members, useless int
		blocked          bool
		told, leftOut    int
	}{
		"more than are told":             {members: 620, told: 500, leftOut: 120},
		"the first are blocked":          {members: 620, useless: 510, blocked: true, told: 110},
		"the first have no address":      {members: 620, useless: 510, told: 110},
		"as many as are told":            {members: 500, told: 500},
		"more are left with the blocked": {members: 1130, useless: 510, blocked: true, told: 500, leftOut: 120},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			crowd := id("crowd")
			s.directory.PutGroup(governance.Group{ID: crowd, DisplayName: "crowd", SecurityEnabled: true})
			for i := range c.members {
				one := governance.User{ID: id(fmt.Sprintf("member%d", i)), Mail: fmt.Sprintf("member%d@example.com", i), AccountEnabled: true}
				switch {
				case i < c.useless && c.blocked:
					one.AccountEnabled = false
				case i < c.useless:
					one.Mail = ""
				}
				s.directory.PutUser(one)
				s.must(s.directory.PutMember(crowd, one.ID))
			}
			packageID := s.pack(s.catalog("catalog"), "package", member(g1))
			s.policy(approvedPolicy(packageID, members(crowd)))
			made := s.submit(user(alice), request(packageID))
			s.drain()
			s.pass(2 * time.Minute)
			told := map[string]bool{}
			for _, sent := range s.directory.Sent() {
				for _, to := range sent.To {
					told[to] = true
				}
			}
			if len(told) != c.told || told["hanna@example.com"] {
				t.Errorf("%d were told, want %d", len(told), c.told)
			}
			stage := s.is(made.ID, governance.StatePendingApproval).Approval.Stages[0]
			lines := s.Lines("a group has more members than are told")
			if slices.Contains(stage.Unreached, crowd) != (c.leftOut > 0) || (len(lines) == 1) != (c.leftOut > 0) {
				t.Errorf("unreached are %d, %v", len(stage.Unreached), lines)
			}
			for _, line := range lines {
				if line["alert"] != true || line["groupId"] != crowd || line["leftOut"] != float64(c.leftOut) {
					t.Errorf("told: %v", line)
				}
			}
		})
	}
}

// TestApproversWhoAreHidden after the policy was made: the group is among those who cannot be told, and if nobody else is, the fallback is told. rules: APR-02 APR-03.
func TestApproversWhoAreHidden(t *testing.T) {
	for name, c := range map[string]struct{ hides, fallback bool }{"the group itself": {true, true}, "a group in it": {false, false}, "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			crowd, inner := id("crowd"), id("inner")
			for _, group := range []string{crowd, inner} {
				s.directory.PutGroup(governance.Group{ID: group, DisplayName: "team", SecurityEnabled: true})
			}
			s.must(s.directory.PutMember(crowd, mia))
			s.must(s.directory.PutMember(crowd, inner))
			s.must(s.directory.PutMember(inner, carl))
			packageID := s.pack(s.catalog("catalog"), "package", member(g1))
			policy := approvedPolicy(packageID, members(crowd))
			s.policy(policy)
			made := s.submit(user(alice), request(packageID))
			which := map[bool]string{true: crowd, false: inner}[c.hides]
			if name != "nothing" {
				_, err := s.directory.Update(which, func(o *directorymemory.Object) error {
					o.Group.Visibility = governance.VisibilityHidden
					return nil
				})
				s.must(err)
				_, err = s.app.CreatePolicy(t.Context(), admin(), policy)
				s.refused(err, governance.CodeInvalid, "primaryApprovers/0/groupId", "hidden", directory.PermissionHidden)
			}
			s.drain()
			s.pass(2 * time.Minute)
			s.pass(2 * time.Minute)
			stage := s.is(made.ID, governance.StatePendingApproval).Approval.Stages[0]
			if slices.Contains(stage.Unreached, crowd) != (name != "nothing") || (len(s.mails("hanna")) == 1) != c.fallback || (len(s.mails("mia")) == 1) == c.hides {
				t.Errorf("unreached are %v, hanna got %q, mia %q", stage.Unreached, s.mails("hanna"), s.mails("mia"))
			}
			what := map[bool]string{true: "nobody can be told: ", false: "somebody cannot be told: "}[c.hides] + "there is no address, or none that takes mail"
			if told := s.Lines(what); (len(told) == 1) != (name != "nothing") {
				t.Errorf("told: %v", told)
			}
		})
	}
}
