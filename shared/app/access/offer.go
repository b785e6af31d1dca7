package access

import (
	"context"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// Offers are the use cases of finding out what one may request, and what that takes.
type Offers struct {
	Ledger    *ledger.Ledger
	Authz     *authz.Authorizer
	Directory directory.Directory
}

// PackagesByCurrentUser lists the packages that the caller may request (CAT-02, POL-14, POL-15). Errors: CodeForbidden, CodeInvalid.
func (o *Offers) PackagesByCurrentUser(ctx context.Context, caller governance.Caller, by By, options ledger.ListOptions) (ledger.Page[governance.AccessPackage], error) {
	none := ledger.Page[governance.AccessPackage]{}
	if err := o.Authz.Require(ctx, caller, authz.OpBrowsePackages); err != nil {
		return none, err
	}
	if by != ByAllowedRequestor {
		return none, governance.Invalid("on", "on='%s' is not supported here; use 'allowedRequestor'.", governance.Clip(string(by)))
	}
	person, err := person(ctx, o.Directory, governance.Fold(caller.ObjectID), "caller", governance.Needs{Groups: true})
	if err != nil {
		return none, err
	}
	page, err := ledger.List[governance.AccessPackage](ctx, o.Ledger, options)
	if err != nil {
		return none, err
	}
	visible := ledger.Page[governance.AccessPackage]{Continuation: page.Continuation}
	catalogs := o.Ledger.Catalogs(options)
	for _, item := range page.Items {
		catalog, _, err := catalogs.At(ctx, item.Value.Catalog.ID)
		if governance.CodeOf(err) == governance.CodeNotFound {
			continue
		}
		if err != nil {
			return none, err
		}
		if pack, ok := catalog.Packages[item.Value.ID]; ok && engine.Visible(catalog.Catalog, pack, catalog.PoliciesOf(pack.ID), person) {
			visible.Items = append(visible.Items, ledger.Versioned[governance.AccessPackage]{Value: offered(catalog, pack), ETag: item.ETag})
		}
	}
	return visible, nil
}

// OfferedPackage reads a package that the caller may request, also a hidden one, with the roles of resources that are in it and without its policies. Errors: CodeForbidden, CodeNotFound.
func (o *Offers) OfferedPackage(ctx context.Context, caller governance.Caller, id string) (ledger.Versioned[governance.AccessPackage], error) {
	none := ledger.Versioned[governance.AccessPackage]{}
	if err := o.Authz.Require(ctx, caller, authz.OpBrowsePackages); err != nil {
		return none, err
	}
	catalog, state, pack, err := ledger.CatalogWith[governance.AccessPackage](ctx, o.Ledger, id, packageName)
	if err != nil {
		return none, err
	}
	policies := catalog.PoliciesOf(pack.ID)
	person, err := person(ctx, o.Directory, governance.Fold(caller.ObjectID), "caller", engine.NeedsOf(policies))
	if err != nil {
		return none, err
	}
	if !engine.Requestable(catalog.Catalog, policies, person) {
		return none, governance.Missing(packageName, id)
	}
	return ledger.Versioned[governance.AccessPackage]{Value: offered(catalog, pack), ETag: state.ETag(pack)}, nil
}

// offered is a package as those see it who may request it: of its catalog they see the name.
func offered(catalog *engine.Catalog, pack governance.AccessPackage) governance.AccessPackage {
	pack.Catalog = &governance.Catalog{ID: catalog.Catalog.ID, DisplayName: catalog.Catalog.DisplayName, Description: catalog.Catalog.Description}
	return pack
}

// Requirements is Graph's accessPackageAssignmentRequestRequirements: what a request under one policy must bring (POL-08).
type Requirements struct {
	PolicyID                         string               `json:"policyId"`
	PolicyDisplayName                string               `json:"policyDisplayName"`
	PolicyDescription                string               `json:"policyDescription"`
	IsApprovalRequiredForAdd         bool                 `json:"isApprovalRequiredForAdd"`
	IsApprovalRequiredForUpdate      bool                 `json:"isApprovalRequiredForUpdate"`
	IsRequestorJustificationRequired bool                 `json:"isRequestorJustificationRequired"`
	AllowCustomAssignmentSchedule    bool                 `json:"allowCustomAssignmentSchedule"`
	Questions                        governance.Questions `json:"questions"`
	Schedule                         *governance.Schedule `json:"schedule"`
}

// mayKnow says whether a caller may know of a package: who may read all that is in its catalog, and whom it lets request it. To anybody else it is not there.
func mayKnow(rights authz.Rights, catalog *engine.Catalog, pack governance.AccessPackage, person governance.Person) bool {
	return rights.In(catalog.Catalog.ID, authz.OpReadPackages) || engine.Requestable(catalog.Catalog, catalog.PoliciesOf(pack.ID), person)
}

// ApplicableRequirements says what the caller must bring to request a package, one entry for each policy that applies: none to who may only read it. Errors: CodeForbidden, CodeNotFound also for what
// the caller may not know of.
func (o *Offers) ApplicableRequirements(ctx context.Context, caller governance.Caller, packageID string) ([]Requirements, error) {
	rights, err := o.Authz.Somewhere(ctx, caller, authz.OpBrowsePackages)
	if err != nil {
		return nil, err
	}
	catalog, _, pack, err := ledger.CatalogWith[governance.AccessPackage](ctx, o.Ledger, packageID, packageName)
	if err != nil {
		return nil, err
	}
	policies := catalog.PoliciesOf(pack.ID)
	person, err := person(ctx, o.Directory, governance.Fold(caller.ObjectID), "caller", engine.NeedsOf(policies))
	if err != nil {
		return nil, err
	}
	if !mayKnow(rights, catalog, pack, person) {
		return nil, governance.Missing(packageName, packageID)
	}
	requirements := []Requirements{}
	if engine.Opens(catalog.Catalog, person) != nil {
		return requirements, nil
	}
	for _, policy := range engine.Applicable(policies, person) {
		approval := policy.Approval()
		requirements = append(requirements, Requirements{
			PolicyID: policy.ID, PolicyDisplayName: policy.DisplayName, PolicyDescription: policy.Description,
			IsApprovalRequiredForAdd: approval.IsApprovalRequiredForAdd, IsApprovalRequiredForUpdate: approval.IsApprovalRequiredForUpdate,
			IsRequestorJustificationRequired: approval.IsRequestorJustificationRequired, AllowCustomAssignmentSchedule: policy.Requestor().AllowCustomAssignmentSchedule,
			Questions: policy.Questions, Schedule: &governance.Schedule{Expiration: policy.Expiration},
		})
	}
	return requirements, nil
}
