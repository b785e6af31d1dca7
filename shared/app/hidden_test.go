package app_test

import (
	"testing"

	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// TestAGroupThatHidesItsMembers is refused wherever a policy names one, by the member that does, as long as the permission to see them is missing: nobody would be in it. With the permission its members decide. rules: APR-03 POL-02.
func TestAGroupThatHidesItsMembers(t *testing.T) {
	places := map[string]func(*governance.AssignmentPolicy){
		"specificAllowedTargets/0/groupId": func(p *governance.AssignmentPolicy) {
			p.AllowedTargetScope, p.SpecificAllowed = governance.ScopeSpecificDirectoryUsers, members(helpdesk)
		},
		"requestApprovalSettings/stages/0/primaryApprovers/1/groupId": func(p *governance.AssignmentPolicy) {
			p.RequestApprovalSettings.Stages[0].PrimaryApprovers = append(people(carl), members(helpdesk)...)
		},
		"requestApprovalSettings/stages/1/fallbackPrimaryApprovers/0/groupId": func(p *governance.AssignmentPolicy) {
			p.RequestApprovalSettings.Stages[1].FallbackPrimaryApprovers = members(helpdesk)
		},
		"requestApprovalSettings/stages/0/escalationApprovers/0/groupId": func(p *governance.AssignmentPolicy) {
			escalated(p, members(helpdesk), people(henk))
		},
		"requestApprovalSettings/stages/0/fallbackEscalationApprovers/0/groupId": func(p *governance.AssignmentPolicy) {
			escalated(p, people(henk), members(helpdesk))
		},
	}
	for place, name := range places {
		s := newStand(t)
		_, err := s.directory.Update(helpdesk, func(o *directorymemory.Object) error {
			o.Group.Visibility = governance.VisibilityHidden
			return nil
		})
		s.must(err)
		packageID := s.pack(s.catalog("catalog"), "package", member(g1))
		policy := approvedPolicy(packageID, manager(), people(carl))
		for i := range policy.RequestApprovalSettings.Stages {
			policy.RequestApprovalSettings.Stages[i].FallbackPrimaryApprovers = people(max)
		}
		plain := s.policy(policy)
		name(&policy)
		_, err = s.app.CreatePolicy(t.Context(), admin(), policy)
		s.refused(err, governance.CodeInvalid, place, "hidden", directory.PermissionHidden)
		_, err = s.app.UpdatePolicy(t.Context(), admin(), plain, "", func(p *governance.AssignmentPolicy) error {
			name(p)
			return nil
		})
		s.refused(err, governance.CodeInvalid, place)
		s.failing(directorymemory.OperationGranted, directorymemory.FaultUnavailable)
		if _, err = s.app.CreatePolicy(t.Context(), admin(), policy); ledger.CodeOf(err) != governance.CodeUnavailable {
			t.Errorf("%s: while it cannot be told: %v", place, err)
		}
		s.directory.SetFault(nil)
		s.directory.PutGranted(directory.PermissionHidden)
		s.policy(policy)
	}
	s := newStand(t)
	s.directory.PutGranted(directory.PermissionHidden)
	packageID, _ := s.approvedPackage(members(helpdesk))
	made := s.submit(user(alice), request(packageID))
	s.must(s.decide(made.ID, hanna, governance.ResultApprove, "x"))
}

// escalated has the first stage go on to alternates, and their fallback.
func escalated(p *governance.AssignmentPolicy, to, fallback governance.SubjectSets) {
	stage := &p.RequestApprovalSettings.Stages[0]
	stage.IsEscalationEnabled, stage.DurationBeforeEscalation = true, days(2)
	stage.EscalationApprovers, stage.FallbackEscalationApprovers = to, fallback
}
