package app

import (
	"context"
	"fmt"

	"latchkey/shared/governance"
)

type versionedPolicy = Versioned[governance.AssignmentPolicy]

var policies = catalogEntry[governance.AssignmentPolicy]{
	kind: kindPolicy, what: "policy", whole: wholePolicy,
	id: func(policy governance.AssignmentPolicy) string { return policy.ID },
	of: func(s *catalogState) map[string]governance.AssignmentPolicy { return s.policies },
}

// CreatePolicy makes a policy for the access package that draft names (RULES POL-01). Errors: CodeForbidden, CodeInvalid.
func (a *App) CreatePolicy(ctx context.Context, caller governance.Caller, draft governance.AssignmentPolicy) (versionedPolicy, error) {
	if err := authorize(caller, OpWritePolicies); err != nil {
		return versionedPolicy{}, err
	}
	if draft.AccessPackage == nil || !governance.IsGUID(draft.AccessPackage.ID) {
		return versionedPolicy{}, governance.Invalid("accessPackage/id", "A policy names its access package: \"accessPackage\":{\"id\":\"…\"}.")
	}
	state, pack, err := a.packageState(ctx, draft.AccessPackage.ID)
	if err != nil {
		if governance.CodeOf(err) == governance.CodeNotFound {
			err = governance.Invalid("accessPackage/id", "There is no access package %s.", draft.AccessPackage.ID)
		}
		return versionedPolicy{}, err
	}
	if draft.Catalog != nil && draft.Catalog.ID != "" && lower(draft.Catalog.ID) != state.catalog.ID {
		return versionedPolicy{}, governance.Invalid("catalog/id", "catalog/id is not that of the access package, which is in the catalog %s; leave it out.", state.catalog.ID)
	}
	policy := draft
	if policy.ID == "" {
		policy.ID = a.newID()
	}
	policy.AccessPackage, policy.Catalog = &governance.AccessPackage{ID: pack.ID}, &governance.Catalog{ID: state.catalog.ID}
	policy.CreatedDateTime, policy.ModifiedDateTime = governance.At(a.now()), governance.At(a.now())
	if err := policy.Validate(a.now(), a.newID); err != nil {
		return versionedPolicy{}, err
	}
	if err := a.peopleExist(ctx, policy); err != nil {
		return versionedPolicy{}, err
	}
	document := documentID(kindPolicy, policy.ID)
	etags, err := a.updateCatalog(ctx, state.catalog.ID, false, func(s *catalogState) (catalogChange, error) {
		if made, ok := s.policies[policy.ID]; ok {
			policy = made
			return catalogChange{}, nil
		}
		if _, ok := s.packages[pack.ID]; !ok {
			return catalogChange{}, governance.Invalid("accessPackage/id", "There is no access package %s.", pack.ID)
		}
		if len(s.policiesOf(pack.ID)) >= governance.MaxPolicies {
			return catalogChange{}, governance.Conflict("An access package has at most %d policies.", governance.MaxPolicies)
		}
		return edited(a.edit(kindPolicy, policy.ID, policy, governance.ActivityCreatePolicy, caller, policy.DisplayName)), nil
	})
	if err != nil {
		return versionedPolicy{}, err
	}
	a.places.put(document, state.catalog.ID)
	return versionedPolicy{Value: policy, ETag: etags[document]}, nil
}

// peopleExist refuses a policy that names a person or group that the directory does not know: it would be found out by the first who requests.
func (a *App) peopleExist(ctx context.Context, policy governance.AssignmentPolicy) error {
	type place struct {
		target string
		sets   governance.SubjectSets
	}
	named := []place{{"specificAllowedTargets", policy.SpecificAllowed}} // in an order: of several that are unknown, the first is named
	for i, stage := range policy.Approval().Stages {
		at := fmt.Sprintf("requestApprovalSettings/stages/%d/", i)
		named = append(named, place{at + "primaryApprovers", stage.PrimaryApprovers}, place{at + "fallbackPrimaryApprovers", stage.FallbackPrimaryApprovers},
			place{at + "escalationApprovers", stage.EscalationApprovers}, place{at + "fallbackEscalationApprovers", stage.FallbackEscalationApprovers})
	}
	for _, place := range named {
		for _, set := range place.sets {
			var err error
			var what, id string
			switch set := set.(type) {
			case governance.SingleUser:
				what, id = "user", set.UserID
				_, err = a.directory.User(ctx, id)
			case governance.GroupMembers:
				what, id = "group", set.GroupID
				_, err = a.directory.Group(ctx, id)
			case governance.RequestorManager:
			}
			if isNotFound(err) {
				return governance.Invalid(place.target, "The directory has no %s %s.", what, id)
			}
			if err != nil {
				return fmt.Errorf("look up the %s of a policy: %w", what, err)
			}
		}
	}
	return nil
}

// Policy reads a policy with its package and catalog. Errors: CodeForbidden, CodeNotFound.
func (a *App) Policy(ctx context.Context, caller governance.Caller, id string) (versionedPolicy, error) {
	if err := authorize(caller, OpReadPolicies); err != nil {
		return versionedPolicy{}, err
	}
	return policies.read(ctx, a, id)
}

func wholePolicy(state *catalogState, policy governance.AssignmentPolicy) governance.AssignmentPolicy {
	catalog, pack := state.catalog, state.packages[policy.AccessPackage.ID]
	pack.Catalog, pack.ResourceRoleScopes = nil, nil
	policy.Catalog, policy.AccessPackage = &catalog, &pack
	return policy
}

// ListPolicies lists policies, each with its package and catalog when full. Errors: CodeForbidden.
func (a *App) ListPolicies(ctx context.Context, caller governance.Caller, options ListOptions, full bool) (Page[governance.AssignmentPolicy], error) {
	if err := authorize(caller, OpReadPolicies); err != nil {
		return Page[governance.AssignmentPolicy]{}, err
	}
	return policies.list(ctx, a, options, full)
}

// UpdatePolicy changes a policy: edit is given the present one, and makes all of the new one of it. Requests and assignments that exist go on under the policy as it was
// (RULES POL-10). Errors: CodeForbidden, CodeNotFound, CodeInvalid, CodePrecondition.
func (a *App) UpdatePolicy(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*governance.AssignmentPolicy) error) (versionedPolicy, error) {
	if err := authorize(caller, OpWritePolicies); err != nil {
		return versionedPolicy{}, err
	}
	var policy governance.AssignmentPolicy
	etag, err := policies.change(ctx, a, id, ifMatch, func(_ *catalogState, present governance.AssignmentPolicy) (catalogChange, error) {
		policy = present
		if err := edit(&policy); err != nil {
			return catalogChange{}, err
		}
		policy.ID, policy.AccessPackage, policy.Catalog, policy.CreatedDateTime = present.ID, present.AccessPackage, present.Catalog, present.CreatedDateTime
		policy.ModifiedDateTime = governance.At(a.now())
		if err := policy.Validate(a.now(), a.newID); err != nil {
			return catalogChange{}, err
		}
		if err := a.peopleExist(ctx, policy); err != nil {
			return catalogChange{}, err
		}
		return edited(a.edit(kindPolicy, policy.ID, policy, governance.ActivityUpdatePolicy, caller, policy.DisplayName)), nil
	})
	return versionedPolicy{Value: policy, ETag: etag}, err
}

// DeletePolicy deletes a policy that no assignment or open request is under. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodePrecondition.
func (a *App) DeletePolicy(ctx context.Context, caller governance.Caller, id, ifMatch string) error {
	if err := authorize(caller, OpWritePolicies); err != nil {
		return err
	}
	if _, _, err := policies.find(ctx, a, id); err != nil {
		return err
	}
	if err := a.unused(ctx, []string{"assignmentPolicy", "id"}, lower(id), "policy"); err != nil {
		return err
	}
	_, err := policies.change(ctx, a, id, ifMatch, func(_ *catalogState, policy governance.AssignmentPolicy) (catalogChange, error) {
		return edited(a.edit(kindPolicy, policy.ID, nil, governance.ActivityDeletePolicy, caller, policy.DisplayName)), nil
	})
	return err
}
