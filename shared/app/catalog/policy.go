package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// Policies are the use cases of assignment policies.
type Policies struct{ *Ports }

type versionedPolicy = ledger.Versioned[governance.AssignmentPolicy]

const policyName = "policy"

// CreatePolicy makes a policy for the access package that draft names (POL-01). Errors: CodeForbidden, CodeInvalid, CodeConflict.
func (p *Policies) CreatePolicy(ctx context.Context, caller governance.Caller, draft governance.AssignmentPolicy) (versionedPolicy, error) {
	if _, err := p.Authz.Somewhere(ctx, caller, authz.OpWritePolicies); err != nil {
		return versionedPolicy{}, err
	}
	if draft.AccessPackage == nil || !governance.IsGUID(draft.AccessPackage.ID) {
		return versionedPolicy{}, governance.Invalid("accessPackage/id", "A policy names its access package: \"accessPackage\":{\"id\":\"…\"}.")
	}
	place, err := locate[governance.AccessPackage](ctx, p.Ports, caller, draft.AccessPackage.ID, packageName, authz.OpWritePolicies)
	if err != nil {
		return versionedPolicy{}, invalid(err, "accessPackage/id")
	}
	if draft.Catalog != nil && draft.Catalog.ID != "" && governance.Fold(draft.Catalog.ID) != place.Partition {
		return versionedPolicy{}, governance.Invalid("catalog/id", "catalog/id is not that of the access package, which is in the catalog %s; leave it out.", place.Partition)
	}
	policy := draft
	policy.ID = p.Ledger.NewID(ctx)
	policy.AccessPackage, policy.Catalog = &governance.AccessPackage{ID: governance.Fold(draft.AccessPackage.ID)}, &governance.Catalog{ID: place.Partition}
	policy.CreatedDateTime, policy.ModifiedDateTime = governance.At(p.Ledger.Now()), governance.At(p.Ledger.Now())
	if err := policy.Validate(p.Ledger.Now(), time.Time{}, func() string { return p.Ledger.NewID(ctx) }); err != nil {
		return versionedPolicy{}, err
	}
	return p.update(ctx, place, policy, func(s engine.State) (engine.Change, error) {
		return engine.CreatePolicy(s, policy, by(p.Ledger, caller))
	})
}

// update commits a change of a policy, once the people that it names are found. Whom it names, a lost race does not change: the body says it, or somebody else's that was looked at.
func (p *Policies) update(ctx context.Context, place governance.Place, otherwise governance.AssignmentPolicy, command ledger.Decide) (versionedPolicy, error) {
	found := false
	done, err := p.Ledger.Update(ctx, place, ledger.Whole, command, ledger.Version{Look: func(ctx context.Context, next ledger.Committed) error {
		if found {
			return nil
		}
		found = true
		policy, _ := ledger.Made[governance.AssignmentPolicy](next, otherwise.ID)
		return p.peopleExist(ctx, policy)
	}})
	return made(done, otherwise, err)
}

// peopleExist refuses a policy that names a person or group that the directory does not know: it would be found out by the first who requests.
func (p *Policies) peopleExist(ctx context.Context, policy governance.AssignmentPolicy) error {
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
		for i, set := range place.sets {
			what, id := set.Names()
			var err error
			switch what {
			case governance.NamesUser:
				_, err = p.Directory.User(ctx, id)
			case governance.NamesGroup:
				err = p.groupTells(ctx, fmt.Sprintf("%s/%d/groupId", place.target, i), id)
			}
			if errors.Is(err, directory.ErrNotFound) {
				return governance.Invalid(fmt.Sprintf("%s/%d/%sId", place.target, i, what), "The directory has no %s %s.", what, id)
			}
			if governance.CodeOf(err) == governance.CodeInvalid {
				return err
			}
			if err != nil {
				return fmt.Errorf("look up the %s of a policy: %w", what, err)
			}
		}
	}
	return nil
}

// groupTells refuses a group whose members cannot be seen: it would have nobody in it, whoever is. Errors: CodeInvalid, and those of the directory.
func (p *Policies) groupTells(ctx context.Context, target, id string) error {
	group, err := p.Directory.Group(ctx, id)
	if err != nil {
		return err
	}
	hidden, err := p.Directory.HiddenIn(ctx, id)
	if err != nil || hidden == "" {
		return err
	}
	if !strings.EqualFold(hidden, id) {
		return governance.Invalid(target, "%s: the membership of the group %s, which is in the group %q, is hidden, so nobody of it would be found; grant the permission %s (infra/entra/setup.sh --with hidden), or name another group.",
			target, hidden, group.DisplayName, directory.PermissionHidden)
	}
	return governance.Invalid(target, "%s: the membership of the group %q is hidden, so nobody would be found in it; grant the permission %s (infra/entra/setup.sh --with hidden), or name another group.",
		target, group.DisplayName, directory.PermissionHidden)
}

// Policy reads a policy with its package and catalog. Errors: CodeForbidden, CodeNotFound.
func (p *Policies) Policy(ctx context.Context, caller governance.Caller, id string) (versionedPolicy, error) {
	if _, err := locate[governance.AssignmentPolicy](ctx, p.Ports, caller, id, policyName, authz.OpReadPolicies); err != nil {
		return versionedPolicy{}, err
	}
	catalog, state, policy, err := ledger.CatalogWith[governance.AssignmentPolicy](ctx, p.Ledger, id, policyName)
	if err != nil {
		return versionedPolicy{}, err
	}
	return versionedPolicy{Value: catalog.WholePolicy(policy), ETag: state.ETag(policy)}, nil
}

// ListPolicies lists policies, each with its package and catalog when full. Errors: CodeForbidden.
func (p *Policies) ListPolicies(ctx context.Context, caller governance.Caller, options ledger.ListOptions, full bool) (ledger.Page[governance.AssignmentPolicy], error) {
	return filled(ctx, p.Ports, caller, authz.OpReadPolicies, options, full, func(policy governance.AssignmentPolicy) string { return policy.Catalog.ID }, (*engine.Catalog).WholePolicy)
}

// UpdatePolicy changes a policy: edit is given the present one, and makes all of the new one of it. Requests and assignments that exist go on under the policy as it was
// (POL-10). Errors: CodeForbidden, CodeNotFound, CodeInvalid, CodePrecondition.
func (p *Policies) UpdatePolicy(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*governance.AssignmentPolicy) error) (versionedPolicy, error) {
	place, err := locate[governance.AssignmentPolicy](ctx, p.Ports, caller, id, policyName, authz.OpWritePolicies)
	if err != nil {
		return versionedPolicy{}, err
	}
	policy := governance.AssignmentPolicy{ID: governance.Fold(id)}
	return p.update(ctx, place, policy, matching(policy, ifMatch, func(s engine.State) (engine.Change, error) {
		return engine.UpdatePolicy(s, policy.ID, edit, func() string { return p.Ledger.NewID(ctx) }, by(p.Ledger, caller))
	}))
}

// DeletePolicy deletes a policy that no assignment or open request is under. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodePrecondition.
func (p *Policies) DeletePolicy(ctx context.Context, caller governance.Caller, id, ifMatch string) error {
	place, err := locate[governance.AssignmentPolicy](ctx, p.Ports, caller, id, policyName, authz.OpWritePolicies)
	if err != nil {
		return err
	}
	policy := governance.AssignmentPolicy{ID: governance.Fold(id)}
	return deletion{
		ledger: p.Ledger, place: place, document: policy, ifMatch: ifMatch,
		command: func(s engine.State) (engine.Change, error) {
			return engine.DeletePolicy(s, policy.ID, by(p.Ledger, caller))
		},
		unused: unused(p.Ledger, policy.ID, policyName, []string{"assignmentPolicy", "id"}, []string{"policy", "id"}),
	}.run(ctx)
}
