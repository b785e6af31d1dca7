package app_test

import (
	"testing"

	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// TestATokenOutlivesItsAccount: whoever is blocked or deleted changes nothing with a token in hand, a person or an application; while the directory cannot be asked, nobody does: 503 and nothing is done.
// Reading goes on. rules: APR-03 APR-07 REQ-11 ROL-01.
func TestATokenOutlivesItsAccount(t *testing.T) {
	away := func(operation directorymemory.Operation, kind directorymemory.FaultKind) func(*stand) {
		return func(s *stand) {
			s.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
				if one == operation {
					return directorymemory.Fault{Kind: kind}
				}
				return directorymemory.Fault{}
			})
		}
	}
	for name, c := range map[string]struct {
		befalls func(*stand)
		code    governance.Code
		words   string
	}{
		"blocked": {func(s *stand) {
			for _, who := range []string{alice, mia, ada} {
				s.block(who, true)
			}
			s.directory.PutServicePrincipal(directorymemory.ServicePrincipal{ID: robot().ObjectID, AppID: robot().AppID, Blocked: true})
		}, governance.CodeForbidden, "blocked or deleted"},
		"deleted": {func(s *stand) {
			for _, who := range []string{alice, mia, ada} {
				s.must(s.directory.Delete(directorymemory.KindUser, who))
			}
			s.must(s.directory.Delete(directorymemory.KindServicePrincipal, robot().ObjectID))
		}, governance.CodeForbidden, "blocked or deleted"},
		"away": {func(s *stand) {
			s.directory.SetFault(func(directorymemory.Operation) directorymemory.Fault {
				return directorymemory.Fault{Kind: directorymemory.FaultUnavailable}
			})
		}, governance.CodeUnavailable, ""},
		"without the permission to look at people":       {away(directorymemory.OperationUser, directorymemory.FaultForbidden), governance.CodeUnavailable, ""},
		"without the permission to look at applications": {away(directorymemory.OperationApplicationEnabled, directorymemory.FaultForbidden), governance.CodeUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID, policyID := s.approvedPackage(manager())
			made := s.submit(user(alice), request(packageID))
			open, openPolicyID := s.openPackage("open", member(g2))
			given := s.submit(admin(), assign(open, openPolicyID, alice))
			s.retries()
			catalog := s.catalog("another")
			c.befalls(s)
			s.pass(directory.RecentFor)
			submit := func(caller governance.Caller, draft governance.AssignmentRequest) error {
				_, err := s.app.SubmitRequest(t.Context(), caller, draft)
				return err
			}
			for what, do := range map[string]func() error{
				"decide":       func() error { return s.decide(made.ID, mia, governance.ResultApprove, "x") },
				"deny":         func() error { return s.decide(made.ID, mia, governance.ResultDeny, "x") },
				"cancel":       func() error { return s.app.CancelRequest(t.Context(), user(alice), made.ID) },
				"cancel any":   func() error { return s.app.CancelRequest(t.Context(), admin(), made.ID) },
				"userAdd":      func() error { return submit(user(alice), request(open)) },
				"userRemove":   func() error { return submit(user(alice), removal(governance.RequestUserRemove, given.Assignment.ID)) },
				"adminAdd":     func() error { return submit(admin(), assign(packageID, policyID, bob)) },
				"adminRemove":  func() error { return submit(admin(), removal(governance.RequestAdminRemove, given.Assignment.ID)) },
				"reprocess":    func() error { return s.app.ReprocessRequest(t.Context(), admin(), given.ID) },
				"catalog":      func() error { return s.app.DeleteCatalog(t.Context(), admin(), catalog, "") },
				"policy":       func() error { return s.app.DeletePolicy(t.Context(), admin(), policyID, "") },
				"an app":       func() error { return submit(robot(), assign(packageID, policyID, bob)) },
				"app, removal": func() error { return submit(robot(), removal(governance.RequestAdminRemove, given.Assignment.ID)) },
				"app, catalog": func() error { return s.app.DeleteCatalog(t.Context(), robot(), catalog, "") },
			} {
				ofApp := what == "an app" || what == "app, removal" || what == "app, catalog"
				if name == "without the permission to look at people" && ofApp || name == "without the permission to look at applications" && !ofApp {
					continue // that is another's
				}
				err := do()
				if ledger.CodeOf(err) != c.code {
					t.Errorf("%s: got %v, want %s", what, err, c.code)
				} else if c.words != "" {
					s.refused(err, c.code, c.words)
				}
			}
			if name == "blocked" { // reading needs no look
				_, err := s.app.Request(t.Context(), user(alice), made.ID)
				s.must(err)
			}
			if name == "away" {
				s.is(made.ID, governance.StatePendingApproval)
				s.directory.SetFault(nil)
				s.must(s.decide(made.ID, mia, governance.ResultApprove, "x"))
			}
		})
	}
}

// TestOneLookACall: who asks for themselves is looked up once, and who decides soon after not at all; what is granted is looked at again. rules: APR-05 REQ-11.
func TestOneLookACall(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.approvedPackage(manager())
	s.pass(directory.RecentFor)
	looks := func(want int, do func()) {
		t.Helper()
		got := 0
		s.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
			if one == directorymemory.OperationUser {
				got++
			}
			return directorymemory.Fault{}
		})
		do()
		s.directory.SetFault(nil)
		if got != want {
			t.Errorf("people are looked up %d times, not %d", got, want)
		}
	}
	var made governance.AssignmentRequest
	looks(2, func() { made = s.submit(user(alice), request(packageID)) }) // alice, and her manager
	looks(0, func() { s.must(s.decide(made.ID, mia, governance.ResultApprove, "x")) })
	looks(1, s.retries) // before the grant
}
