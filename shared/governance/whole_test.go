package governance_test

import (
	"strings"
	"testing"

	"latchkey/shared/governance"
)

// TestWhatADocumentNeverLacks: a stored document without something that everybody relies on names it, and one with it all is whole.
func TestWhatADocumentNeverLacks(t *testing.T) {
	catalog := &governance.Catalog{ID: "catalog"}
	pack := &governance.AccessPackage{ID: "package", Catalog: catalog}
	target, policy := &governance.Subject{}, &governance.AssignmentPolicy{RequestApprovalSettings: &governance.ApprovalSettings{Stages: []governance.ApprovalStageSettings{{}}}}
	resource := &governance.Resource{ID: "resource"}
	assignment := governance.Assignment{ID: "a", State: governance.AssignmentDelivered, AccessPackage: pack, AssignmentPolicy: policy, Target: target}
	waits := &governance.Approval{Stages: []governance.ApprovalStage{{Status: governance.StageInProgress}}}
	request := governance.AssignmentRequest{
		ID: "r", RequestType: governance.RequestUserAdd, State: governance.StatePendingApproval, AccessPackage: pack, Assignment: &assignment, Requestor: target, Policy: policy, Schedule: &governance.Schedule{},
		Approval: waits,
	}
	effect := governance.Effect{ID: "e", Place: governance.Place{Container: "subjects", Partition: "p"}, About: "a", What: governance.WorkDue}
	ofAssignment := func(change func(*governance.Assignment)) governance.Whole { x := assignment; change(&x); return x }
	ofRequest := func(change func(*governance.AssignmentRequest)) governance.Whole { x := request; change(&x); return x }
	ofEffect := func(change func(*governance.Effect)) governance.Whole { x := effect; change(&x); return x }
	scopes := func(scope governance.ResourceRoleScope) governance.Whole {
		return governance.AccessPackage{ID: "p", Catalog: catalog, ResourceRoleScopes: []governance.ResourceRoleScope{scope}}
	}
	role, scope := &governance.ResourceRole{Resource: resource}, &governance.ResourceScope{}
	for _, c := range []struct {
		of   governance.Whole
		want string
	}{
		{assignment, ""},
		{ofAssignment(func(a *governance.Assignment) { a.ID = "" }), "id"},
		{ofAssignment(func(a *governance.Assignment) { a.State = "" }), "state"},
		{ofAssignment(func(a *governance.Assignment) { a.AccessPackage = nil }), "accessPackage/id"},
		{ofAssignment(func(a *governance.Assignment) { a.AccessPackage = &governance.AccessPackage{ID: "p"} }), "accessPackage/catalog"},
		{ofAssignment(func(a *governance.Assignment) { a.AssignmentPolicy = nil }), "assignmentPolicy"},
		{ofAssignment(func(a *governance.Assignment) { a.Target = nil }), "target"},
		{request, ""},
		{ofRequest(func(r *governance.AssignmentRequest) { r.RequestType = "" }), "requestType"},
		{ofRequest(func(r *governance.AssignmentRequest) { r.AccessPackage = nil }), "accessPackage/id"},
		{ofRequest(func(r *governance.AssignmentRequest) { r.Requestor = nil }), "requestor"},
		{ofRequest(func(r *governance.AssignmentRequest) { r.Assignment = nil }), "assignment/target"},
		{ofRequest(func(r *governance.AssignmentRequest) { r.Assignment = &governance.Assignment{} }), "assignment/target"},
		{ofRequest(func(r *governance.AssignmentRequest) { r.Policy = nil }), "policy"},
		{ofRequest(func(r *governance.AssignmentRequest) { r.Schedule = nil }), "schedule"},
		{ofRequest(func(r *governance.AssignmentRequest) {
			r.State, r.Schedule, r.Approval = governance.StateScheduled, nil, nil
		}), "schedule"},
		{ofRequest(func(r *governance.AssignmentRequest) { r.Approval = nil }), "approval with a stage that waits"},
		{ofRequest(func(r *governance.AssignmentRequest) {
			r.Approval = &governance.Approval{Stages: append(waits.Stages, governance.ApprovalStage{})}
		}), "stage of the policy for each of the approval's"},
		{ofRequest(func(r *governance.AssignmentRequest) {
			r.State, r.Policy, r.Schedule, r.Approval = governance.StateDelivered, nil, nil, nil
		}), ""},
		{scopes(governance.ResourceRoleScope{Role: role, Scope: scope}), ""},
		{scopes(governance.ResourceRoleScope{Role: role}), "resourceRoleScopes/0"},
		{scopes(governance.ResourceRoleScope{Scope: scope}), "resourceRoleScopes/0"},
		{scopes(governance.ResourceRoleScope{Role: &governance.ResourceRole{}, Scope: scope}), "resourceRoleScopes/0"},
		{governance.AccessPackage{ID: "p"}, "catalog"},
		{governance.AssignmentPolicy{ID: "p", AccessPackage: pack, Catalog: catalog}, ""},
		{governance.AssignmentPolicy{ID: "p", Catalog: catalog}, "accessPackage"},
		{governance.AssignmentPolicy{ID: "p", AccessPackage: pack}, "catalog"},
		{governance.Resource{ID: "x", OriginID: "y", Catalog: catalog}, ""},
		{governance.Resource{ID: "x", Catalog: catalog}, "originId"},
		{governance.Resource{ID: "x", OriginID: "y"}, "catalog"},
		{governance.Catalog{}, "id"},
		{governance.ResourceRequest{ID: "x", Catalog: catalog, Resource: resource}, ""},
		{governance.ResourceRequest{ID: "x", Catalog: catalog}, "resource"},
		{governance.ResourceRequest{ID: "x", Resource: resource}, "catalog"},
		{governance.Task{ID: "t", Kind: "mail", State: governance.TaskWorking, Target: governance.Subject{ID: "s"}}, ""},
		{governance.Task{ID: "t", Kind: "mail", State: governance.TaskWorking}, "target/id"},
		{effect, ""},
		{ofEffect(func(e *governance.Effect) { e.Partition = "" }), "partition"},
		{ofEffect(func(e *governance.Effect) { e.About = "" }), "documentId"},
		{ofEffect(func(e *governance.Effect) { e.What = "" }), "what"},
	} {
		err := c.of.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), "it has no "+c.want) {
			t.Errorf("%T: %v, want %q", c.of, err, c.want)
		}
	}
}
