package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// What has changed between a request and what comes of it is looked at again.

// put changes a person of the directory.
func (s *stand) put(id string, change func(*governance.User)) {
	s.Helper()
	person, err := s.directory.User(s.Context(), id)
	s.must(err)
	change(&person)
	s.directory.PutUser(person)
}

func (s *stand) block(id string, blocked bool) {
	s.Helper()
	s.put(id, func(u *governance.User) { u.AccountEnabled = !blocked })
}

// TestOnePersonIsOneSubject, whatever becomes of their type and address. rules: REQ-22 POL-02.
func TestOnePersonIsOneSubject(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	first := s.submit(admin(), assign(packageID, policyID, alice))
	s.drain()
	for _, change := range []func(*governance.User){
		func(u *governance.User) { u.UserType = governance.UserTypeGuest }, func(u *governance.User) { u.Mail = "other@example.com" }, func(u *governance.User) { u.UserType = "" },
	} {
		s.put(alice, change)
		_, err := s.app.SubmitRequest(t.Context(), admin(), assign(packageID, policyID, alice))
		if governance.CodeOf(err) != governance.CodeConflict && governance.CodeOf(err) != governance.CodeInvalid {
			t.Errorf("a second assignment: %v", err)
		}
	}
	s.put(bob, func(u *governance.User) { u.UserType = "" })
	s.submit(user(bob), request(packageID)) // an account from before there were guests is a member's
	s.put(alice, func(u *governance.User) { u.Mail = "shared@example.com"; u.UserType = governance.UserTypeGuest })
	s.put(dora, func(u *governance.User) { u.Mail = "shared@example.com" })
	everybody := openPolicy(packageID)
	everybody.DisplayName, everybody.AllowedTargetScope = "everybody", governance.ScopeAllDirectoryUsers
	s.submit(admin(), assign(packageID, s.policy(everybody), dora)) // another person, though the address is the same
	s.drain()
	s.isMember(g1, dora, true)
	s.submit(admin(), removal(governance.RequestAdminRemove, first.Assignment.ID))
	s.drain()
	s.isMember(g1, alice, false)
	s.isMember(g1, dora, true)
}

// TestNobodyWhoIsBlockedIsGivenAnything: the account is looked at before each grant, and tried again as any passing failure. rules: REQ-07.
func TestNobodyWhoIsBlockedIsGivenAnything(t *testing.T) {
	for name, away := range map[string]func(*stand, bool){
		"blocked": func(s *stand, away bool) { s.block(alice, away) },
		"deleted": func(s *stand, away bool) {
			if away {
				s.must(s.directory.Delete(directorymemory.KindUser, alice))
			} else if _, err := s.directory.Restore(alice); err != nil {
				s.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID, _ := s.openPackage("package", member(g1))
			passing := s.submit(user(alice), request(packageID))
			away(s, true)
			s.drain()
			s.is(passing.ID, governance.StateDelivering)
			away(s, false)
			s.pass(time.Minute)
			s.is(passing.ID, governance.StateDelivered)
			s.isMember(g1, alice, true)

			other := s.pack(s.catalog("other"), "other", member(g2))
			s.policy(openPolicy(other))
			later := request(other)
			later.Schedule = &governance.Schedule{StartDateTime: governance.At(s.Clock.Now().Add(time.Hour))}
			staying := s.submit(user(alice), later)
			away(s, true)
			s.pass(time.Hour)
			s.retries()
			s.is(staying.ID, governance.StateDeliveryFailed)
			s.isMember(g2, alice, false)
			if reason := s.assignment(staying.Assignment.ID).Deliveries[0].Reason; !strings.Contains(reason, "blocked") && !strings.Contains(reason, "not found") {
				t.Errorf("the reason is %q", reason)
			}
		})
	}
}

// TestAnEligibleApproverIsLookedFor at the submission: who is blocked or gone does not count, the fallback does, and nobody is refused. rules: APR-02 APR-07 APR-10.
func TestAnEligibleApproverIsLookedFor(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(people(carl))
	s.block(carl, true)
	made := s.submit(user(alice), request(packageID))
	if stage := made.Approval.Stages[0]; len(stage.ApproverUserIDs) != 0 || len(stage.ApproverGroupIDs) != 1 || stage.ApproverGroupIDs[0] != helpdesk {
		t.Errorf("asked are %v and %v", stage.ApproverUserIDs, stage.ApproverGroupIDs)
	}
	s.must(s.app.CancelRequest(t.Context(), user(alice), made.ID))
	s.block(hanna, true)
	s.must(s.directory.Delete(directorymemory.KindUser, henk))
	_, err := s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
	s.refused(err, governance.CodeInvalid, "no approver")
	s.block(carl, false)
	made = s.submit(user(alice), request(packageID))
	s.block(carl, true)
	s.pass(directory.RecentFor)
	s.refused(s.decide(made.ID, carl, governance.ResultApprove, "x"), governance.CodeForbidden, "blocked")
}

// TestManagersAreThoseOfTheDay on which a stage begins. rules: APR-05 APR-08.
func TestManagersAreThoseOfTheDay(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(people(carl), manager())
	made := s.submit(user(alice), request(packageID))
	s.put(alice, func(u *governance.User) { u.ManagerID = max })
	s.must(s.decide(made.ID, carl, governance.ResultApprove, "x"))
	s.refused(s.decide(made.ID, mia, governance.ResultApprove, "x"), governance.CodeNotFound)
	s.must(s.decide(made.ID, max, governance.ResultApprove, "x"))
	s.drain()
	s.is(made.ID, governance.StateDelivered)
}

// TestAStageThatNobodyCanDecideIsFoundOut, once a day: then the fallback is asked, and at last an administrator is told. rules: APR-10.
func TestAStageThatNobodyCanDecideIsFoundOut(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(people(carl))
	made := s.submit(user(alice), request(packageID))
	s.pass(24 * time.Hour)
	if asked := s.present(made.ID).Approval.Stages[0].ApproverUserIDs; len(asked) != 1 || asked[0] != carl {
		t.Errorf("somebody could decide, and yet %v is asked", asked)
	}
	s.must(s.directory.Delete(directorymemory.KindUser, carl))
	s.pass(24 * time.Hour)
	if asked := s.present(made.ID).Approval.Stages[0].ApproverGroupIDs; len(asked) != 1 || asked[0] != helpdesk {
		t.Errorf("asked is %v", asked)
	}
	if mails := s.mails("hanna"); len(mails) != 1 {
		t.Errorf("hanna of the fallback got %q", mails)
	}
	s.block(hanna, true)
	s.block(henk, true)
	if s.pass(24 * time.Hour); !strings.Contains(s.Log(), "nobody can decide a request") {
		t.Error("no administrator is told")
	}
	s.block(henk, false) // who comes back can
	s.must(s.decide(made.ID, henk, governance.ResultApprove, "x"))
}

// TestARequestEndsWithItsTime: it is closed, its requestor told, and a new one is free to come, at once. rules: REQ-05 LIF-10.
func TestARequestEndsWithItsTime(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(people(carl))
	draft := request(packageID)
	draft.Schedule = &governance.Schedule{Expiration: &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(ledgertest.Noon.Add(48 * time.Hour))}}
	timed, at := s.submit(user(alice), draft), s.submit(user(bob), draft)
	s.Clock.Advance(48 * time.Hour)
	s.submit(user(bob), request(packageID)) // no timer has run yet
	if closed := s.is(at.ID, governance.StateDenied); closed.Status != governance.StatusExpired {
		t.Errorf("it is %s", closed.Status)
	}
	s.pass(0)
	if closed := s.is(timed.ID, governance.StateDenied); closed.Status != governance.StatusExpired || closed.Approval.Stages[0].Status != governance.StageExpired {
		t.Errorf("it is %s, its stage %s", closed.Status, closed.Approval.Stages[0].Status)
	}
	if mails := s.mails("alice"); len(mails) != 1 || !strings.Contains(mails[0], "expired") {
		t.Errorf("alice got %q", mails)
	}
	s.submit(user(alice), request(packageID))
}

// TestANewRequestTakesOverWhatFailed, without an administrator, and nothing that the other may have granted stays. rules: REQ-22 RES-10.
func TestANewRequestTakesOverWhatFailed(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1), member(g2))
	synchronised := governance.Group{ID: g2, DisplayName: "g2", SecurityEnabled: true, GroupTypes: []string{"DynamicMembership"}}
	s.directory.PutGroup(synchronised)
	first := s.submit(user(alice), request(packageID))
	s.drain()
	s.is(first.ID, governance.StatePartiallyDelivered)
	scopes, err := s.app.Package(t.Context(), admin(), packageID)
	s.must(err)
	for _, scope := range scopes.Value.ResourceRoleScopes {
		s.must(s.app.RemoveRoleScope(t.Context(), admin(), packageID, scope.ID))
	}
	synchronised.GroupTypes = nil
	s.directory.PutGroup(synchronised)
	_, err = s.app.AddRoleScope(t.Context(), admin(), packageID, governance.ResourceRoleScope{Role: &governance.ResourceRole{OriginID: member(g2)}})
	s.must(err)
	second := s.submit(admin(), assign(packageID, policyID, alice))
	s.drain()
	s.is(second.ID, governance.StateDelivered)
	s.isMember(g1, alice, false) // no package gives it any more
	s.isMember(g2, alice, true)
	if old := s.assignment(first.Assignment.ID); old.State != governance.AssignmentExpired {
		t.Errorf("the one that failed is %s", old.State)
	}
	s.refused(s.app.ReprocessRequest(t.Context(), admin(), first.ID), governance.CodeConflict)
	s.submit(admin(), removal(governance.RequestAdminRemove, second.Assignment.ID))
	s.drain()
	s.isMember(g2, alice, false)
}

// TestWhatCouldNotBeGrantedKeepsNothing that another package gave. rules: RES-10.
func TestWhatCouldNotBeGrantedKeepsNothing(t *testing.T) {
	s := newStand(t)
	one, policyID := s.openPackage("one", member(g1))
	held := s.submit(admin(), assign(one, policyID, alice))
	s.drain()
	two, _ := s.openPackage("two", member(g1))
	failing := s.submit(user(alice), request(two))
	s.block(alice, true)
	s.drain()
	s.submit(admin(), removal(governance.RequestAdminRemove, held.Assignment.ID)) // while the other is tried again
	s.drain()
	s.retries()
	s.is(failing.ID, governance.StateDeliveryFailed)
	s.isMember(g1, alice, false)
}

// TestARemovalIsPossibleWhileItIsDelivered, as in every state in which something may be held. rules: REQ-07 RES-09.
func TestARemovalIsPossibleWhileItIsDelivered(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.failing(directorymemory.OperationAddMember, directorymemory.FaultLostResponse)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.is(made.ID, governance.StateDelivering)
	back := s.submit(admin(), removal(governance.RequestAdminRemove, made.Assignment.ID))
	s.directory.SetFault(nil)
	s.drain()
	s.retries()
	s.is(made.ID, governance.StateDeliveryFailed)
	s.is(back.ID, governance.StateDelivered)
	s.isMember(g1, alice, false)
}

// refusing is a store that takes no record of a delivery that is done.
type refusing struct{ store.Store }

func (s refusing) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	for _, operation := range operations {
		if strings.Contains(string(operation.Document.Body), `"state":"delivered","status":"Fulfilled"`) {
			return nil, fmt.Errorf("%w: dueAt", store.ErrInvalid)
		}
	}
	return s.Store.Commit(ctx, container, partition, operations)
}

// TestAnOutcomeThatCannotBeRecorded ends as a failure, and what was granted is taken back. rules: REQ-07.
func TestAnOutcomeThatCannotBeRecorded(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.options.Store = refusing{s.Store}
	s.app = wired(s.options)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.is(made.ID, governance.StateDeliveryFailed)
	s.isMember(g1, alice, false)
	if !strings.Contains(s.Log(), "cannot be recorded") {
		t.Error("no administrator is told")
	}
}

// What a package has no more when its delivery is tried again, or for the first time, is not granted: a role that was taken out, or the package itself. rules: OBJ-17 RES-11.
func TestWhatThePackageHasNoMoreIsNotGranted(t *testing.T) {
	for name, test := range map[string]struct {
		lose func(s *stand, packageID string)
		ends governance.RequestState
	}{
		"the role": {func(s *stand, packageID string) {
			found, err := s.app.Package(s.Context(), admin(), packageID)
			s.must(err)
			s.must(s.app.RemoveRoleScope(s.Context(), admin(), packageID, found.Value.ResourceRoleScopes[0].ID))
		}, governance.StateDelivered}, // as a package without roles is
		"the package": {func(s *stand, _ string) {
			for _, document := range s.Documents(store.Catalogs, "package") {
				_, err := s.Store.Commit(s.Context(), store.Catalogs, document.Partition, []store.Operation{{Verb: store.Delete, Document: document}})
				s.must(err)
			}
			s.app = wired(s.options) // which has not read it
		}, governance.StateDeliveryFailed},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID, _ := s.openPackage("package", member(g1))
			s.failing(directorymemory.OperationAddMember, directorymemory.FaultUnavailable)
			made := s.submit(user(alice), request(packageID))
			s.drain()
			s.directory.SetFault(nil)
			test.lose(s, packageID)
			s.retries()
			s.is(made.ID, test.ends)
			s.isMember(g1, alice, false)
		})
	}
}

// Before each grant it is looked again, not before the first: what changes while one role is granted keeps the next from being, and what the package has lost by then is taken back. rules: RES-11 RES-12.
func TestEachGrantIsLookedAtAgain(t *testing.T) {
	for name, change := range map[string]func(s *stand, packageID string){
		"blocked": func(s *stand, _ string) { s.block(alice, true) },
		"the role is gone": func(s *stand, packageID string) {
			found, err := s.app.Package(s.Context(), admin(), packageID)
			s.must(err)
			for _, scope := range found.Value.ResourceRoleScopes {
				s.must(s.app.RemoveRoleScope(s.Context(), admin(), packageID, scope.ID))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID, _ := s.openPackage("package", member(g1), member(g2))
			once := false
			s.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
				if operation == directorymemory.OperationAddMember && !once {
					once = true
					s.directory.SetFault(nil)
					change(s, packageID)
				}
				return directorymemory.Fault{}
			})
			s.submit(user(alice), request(packageID))
			s.drain()
			first, second := s.directory.IsMember(g1, alice), s.directory.IsMember(g2, alice)
			if !once || second || first != (name == "blocked") {
				t.Errorf("member of the first %t, of the second %t", first, second)
			}
		})
	}
}

// A request that somebody spoiled by hand keeps nobody's access: it ends in its time, and can be taken away. A package or a policy that cannot be read is not one that is gone. rules: OBJ-18.
func TestWhatCannotBeReadStopsNoRemoval(t *testing.T) {
	spoil := func(s *stand, container store.Container, kind, id string) {
		for _, document := range s.Documents(container, kind) {
			if strings.HasSuffix(document.ID, id) {
				s.Rewrite(container, document, map[string]any{"id": id, "displayName": 7, "answers": "none"})
			}
		}
		s.app = wired(s.options)
	}
	for name, end := range map[string]func(s *stand, assignmentID string){
		"in its time": func(s *stand, _ string) { s.pass(200 * 24 * time.Hour) },
		"by an administrator": func(s *stand, assignmentID string) {
			s.submit(admin(), removal(governance.RequestAdminRemove, assignmentID))
			s.drain()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID, policyID := s.openPackage("package", member(g1))
			draft := assign(packageID, policyID, alice)
			draft.Schedule = &governance.Schedule{Expiration: after(governance.Days(180))}
			made := s.submit(admin(), draft)
			s.drain()
			s.isMember(g1, alice, true)
			spoil(s, store.Subjects, "request", made.ID)
			end(s, made.Assignment.ID)
			s.isMember(g1, alice, false)
		})
	}
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	held := s.submit(user(alice), request(packageID))
	s.drain()
	spoil(s, store.Catalogs, "policy", policyID)
	for _, draft := range []governance.AssignmentRequest{removal(governance.RequestUserRemove, held.Assignment.ID), request(packageID)} {
		_, err := s.app.SubmitRequest(t.Context(), user(alice), draft)
		s.refused(err, governance.CodeConflict)
	}
	_, err := s.app.SubmitRequest(t.Context(), admin(), assign(packageID, policyID, bob))
	s.refused(err, governance.CodeConflict)

	s = newStand(t)
	packageID, _ = s.openPackage("package", member(g1))
	s.failing(directorymemory.OperationAddMember, directorymemory.FaultUnavailable)
	waiting := s.submit(user(alice), request(packageID))
	s.drain()
	s.directory.SetFault(nil)
	spoil(s, store.Catalogs, "package", packageID)
	s.pass(2 * time.Minute)
	s.is(waiting.ID, governance.StateDelivering)
}

// A grant whose every answer was lost is looked for before it counts as failed: nobody has what their request says they do not have. rules: REQ-07.
func TestWhatWasGrantedUnheardIsFound(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.failing(directorymemory.OperationAddMember, directorymemory.FaultLostResponse)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.is(made.ID, governance.StateDelivering)
	s.retries()
	s.is(made.ID, governance.StateDelivered)
	s.isMember(g1, alice, true)
}
