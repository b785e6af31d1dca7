package access

import (
	"context"
	"strings"

	"latchkey/shared/app/authz"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// Assignments are the use cases of reading who has what.
type Assignments struct {
	Ledger *ledger.Ledger
	Authz  *authz.Authorizer
}

type versionedAssignment = ledger.Versioned[governance.Assignment]

// Assignment reads an assignment: anybody's for who may, else one's own. Errors: CodeForbidden, CodeNotFound.
func (a *Assignments) Assignment(ctx context.Context, caller governance.Caller, id string) (versionedAssignment, error) {
	rights, err := a.Authz.Either(ctx, caller, authz.OpReadAssignments, authz.OpReadOwn)
	if err != nil {
		return versionedAssignment{}, err
	}
	found, err := ledger.Get[governance.Assignment](ctx, a.Ledger, id, assignmentName)
	if err == nil && !rights.In(found.Value.AccessPackage.Catalog.ID, authz.OpReadAssignments) && !strings.EqualFold(found.Value.Target.ObjectID, caller.ObjectID) {
		return versionedAssignment{}, governance.Missing(assignmentName, id)
	}
	return found, err
}

// ListAssignments lists everybody's assignments. Errors: CodeForbidden.
func (a *Assignments) ListAssignments(ctx context.Context, caller governance.Caller, options ledger.ListOptions) (ledger.Page[governance.Assignment], error) {
	options, err := trimmed(ctx, a.Authz, caller, authz.OpReadAssignments, options)
	if err != nil {
		return ledger.Page[governance.Assignment]{}, err
	}
	return ledger.List[governance.Assignment](ctx, a.Ledger, options)
}

// AssignmentsByCurrentUser lists the assignments whose target the caller is. Errors: CodeForbidden, CodeInvalid.
func (a *Assignments) AssignmentsByCurrentUser(ctx context.Context, caller governance.Caller, by By, options ledger.ListOptions) (ledger.Page[governance.Assignment], error) {
	if err := a.Authz.Require(ctx, caller, authz.OpReadOwn); err != nil {
		return ledger.Page[governance.Assignment]{}, err
	}
	if by != ByTarget {
		return ledger.Page[governance.Assignment]{}, governance.Invalid("on", "on='%s' is not supported here; use 'target'.", governance.Clip(string(by)))
	}
	options.Filter = ledger.Both(is(caller, "target", "objectId"), options.Filter)
	return ledger.List[governance.Assignment](ctx, a.Ledger, options)
}

// Resolve puts access packages and policies as they are now in the place of assignments' references to them, for callers who may read
// policies; options are those of the list that they are of. What has been deleted stays a reference. Errors: those of the store.
func (a *Assignments) Resolve(ctx context.Context, caller governance.Caller, assignments []versionedAssignment, options ledger.ListOptions) error {
	rights, err := a.Authz.For(ctx, caller)
	if err != nil {
		return err
	}
	catalogs := a.Ledger.Catalogs(options)
	for i := range assignments {
		assignment := &assignments[i].Value
		if assignment.AccessPackage == nil || assignment.AccessPackage.Catalog == nil || !rights.In(assignment.AccessPackage.Catalog.ID, authz.OpReadPolicies) {
			continue
		}
		catalog, _, err := catalogs.At(ctx, assignment.AccessPackage.Catalog.ID)
		if governance.CodeOf(err) == governance.CodeNotFound {
			continue
		}
		if err != nil {
			return err
		}
		resolve(catalog, assignment)
	}
	return nil
}

func resolve(catalog *engine.Catalog, assignment *governance.Assignment) {
	if pack, ok := catalog.Packages[assignment.AccessPackage.ID]; ok {
		pack = catalog.WholePackage(pack)
		assignment.AccessPackage = &pack
		if policy, ok := catalog.Policies[assignment.AssignmentPolicy.ID]; ok {
			policy = catalog.WholePolicy(policy)
			assignment.AssignmentPolicy = &policy
		}
	}
}
