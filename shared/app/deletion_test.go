package app_test

import (
	"testing"
	"time"

	"latchkey/shared/governance"
	storememory "latchkey/shared/store/memory"
)

// TestADeletionThatDies leaves what it deletes closed for two minutes: nobody asks for it meanwhile, and it is open again by itself, or gone when the deletion is repeated. rules: OBJ-17.
func TestADeletionThatDies(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.approvedPackage(manager())
	die := func() {
		t.Helper()
		commits := 0
		s.Store.SetFault(func(operation string) storememory.Fault {
			if operation == storememory.OpCommit && commits == 0 {
				commits++
				return storememory.NoFault
			}
			if commits > 0 {
				return storememory.Unavailable
			}
			return storememory.NoFault
		})
		s.refused(s.app.DeletePackage(t.Context(), admin(), packageID, ""), governance.CodeUnavailable)
		s.Store.SetFault(nil)
	}
	die()
	_, err := s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
	s.refused(err, governance.CodeConflict, "is being deleted")
	_, err = s.app.CreatePolicy(t.Context(), admin(), governance.AssignmentPolicy{DisplayName: "another", AccessPackage: &governance.AccessPackage{ID: packageID}, AllowedTargetScope: governance.ScopeAllMemberUsers})
	s.refused(err, governance.CodeConflict, "is being deleted")
	s.Clock.Advance(2 * time.Minute)
	made := s.submit(user(alice), request(packageID))
	s.must(s.app.CancelRequest(t.Context(), user(alice), made.ID))
	die()
	s.must(s.app.DeletePackage(t.Context(), admin(), packageID, "")) // at once, and by another than who died
	_, err = s.app.Policy(t.Context(), admin(), policyID)
	s.refused(err, governance.CodeNotFound)
}

// TestADeletionThatIsRefused leaves nothing closed, though somebody asked between its two looks. rules: OBJ-17.
func TestADeletionThatIsRefused(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.approvedPackage(manager())
	asked := false
	var made governance.AssignmentRequest
	s.Store.SetFault(func(operation string) storememory.Fault {
		if operation == storememory.OpCommit && !asked { // before it is closed, and after the first look
			asked = true
			made = s.submit(user(alice), request(packageID))
		}
		return storememory.NoFault
	})
	s.refused(s.app.DeletePolicy(t.Context(), admin(), policyID, ""), governance.CodeConflict, "open")
	s.Store.SetFault(nil)
	if !asked || made.State != governance.StatePendingApproval {
		t.Fatalf("the request is %+v", made)
	}
	s.submit(user(bob), request(packageID))
}
