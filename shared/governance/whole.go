package governance

import "fmt"

// What follows says of each kind what a stored document never lacks. Whoever holds a document that was read may rely on it: one without it cannot be read, anywhere.

// lacks names the first of some parts that is not there.
func lacks(parts ...part) error {
	for _, one := range parts {
		if !one.there {
			return fmt.Errorf("it has no %s", one.name)
		}
	}
	return nil
}

// part is something that a document has.
type part struct {
	name  string
	there bool
}

// packageParts are those of the reference to a package and its catalog.
func packageParts(pack *AccessPackage) []part {
	return []part{{"accessPackage/id", pack != nil && pack.ID != ""}, {"accessPackage/catalog", pack != nil && pack.Catalog != nil}}
}

// Check implements Whole.
func (a Assignment) Check() error {
	return lacks(append(packageParts(a.AccessPackage), part{"id", a.ID != ""}, part{"state", a.State != ""}, part{"assignmentPolicy", a.AssignmentPolicy != nil}, part{"target", a.Target != nil})...)
}

// Check implements Whole: what is not decided or has not begun also needs what decides it and begins it.
func (r AssignmentRequest) Check() error {
	parts := append(packageParts(r.AccessPackage), part{"id", r.ID != ""}, part{"requestType", r.RequestType != ""}, part{"state", r.State != ""}, part{"requestor", r.Requestor != nil},
		part{"assignment/target", r.Assignment != nil && r.Assignment.Target != nil})
	if r.State.IsInFlight() && r.State != StateDelivering {
		parts = append(parts, part{"schedule", r.Schedule != nil}, part{"policy", r.Policy != nil},
			part{"stage of the policy for each of the approval's", r.Approval == nil || r.Policy != nil && len(r.Approval.Stages) <= len(r.Policy.Approval().Stages)})
	}
	if r.State == StatePendingApproval {
		parts = append(parts, part{"approval with a stage that waits", r.WaitingStage() != nil})
	}
	return lacks(parts...)
}

// Check implements Whole.
func (x AccessPackage) Check() error {
	parts := []part{{"id", x.ID != ""}, {"catalog", x.Catalog != nil}}
	for i, scope := range x.ResourceRoleScopes {
		parts = append(parts, part{fmt.Sprintf("resourceRoleScopes/%d with role, resource and scope", i), scope.Role != nil && scope.Role.Resource != nil && scope.Scope != nil})
	}
	return lacks(parts...)
}

// Check implements Whole.
func (p AssignmentPolicy) Check() error {
	return lacks(part{"id", p.ID != ""}, part{"accessPackage", p.AccessPackage != nil}, part{"catalog", p.Catalog != nil})
}

// Check implements Whole.
func (x Resource) Check() error {
	return lacks(part{"id", x.ID != ""}, part{"originId", x.OriginID != ""}, part{"catalog", x.Catalog != nil})
}

// Check implements Whole.
func (c Catalog) Check() error { return lacks(part{"id", c.ID != ""}) }

// Check implements Whole.
func (x ResourceRequest) Check() error {
	return lacks(part{"id", x.ID != ""}, part{"catalog", x.Catalog != nil}, part{"resource", x.Resource != nil})
}

// Check implements Whole.
func (t Task) Check() error {
	return lacks(part{"id", t.ID != ""}, part{"kind", t.Kind != ""}, part{"state", t.State != ""}, part{"target/id", t.Target.ID != ""})
}

// Check implements Whole.
func (e Effect) Check() error {
	return lacks(part{"id", e.ID != ""}, part{"container", e.Container != ""}, part{"partition", e.Partition != ""}, part{"documentId", e.About != ""}, part{"what", e.What != ""})
}
