package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// groups provisions the roles of groups: Member and Owner (RES-02).
type groups struct{ directory Directory }

// Describe reads a group, in its one scope, the root (RES-06). Groups whose members others decide about cannot be granted (RES-07).
func (g groups) Describe(ctx context.Context, originID string) (governance.Resource, error) {
	const field = "resource/originId"
	if !governance.IsGUID(originID) {
		return governance.Resource{}, governance.Invalid(field, "originId must be the id of a group, a GUID.")
	}
	id := strings.ToLower(originID)
	group, err := g.directory.Group(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return governance.Resource{}, &governance.Error{Code: governance.CodeInvalid, Graph: governance.GraphNotInOrigin, Target: field,
			Message: fmt.Sprintf("The directory has no group %s; one that was just made may take a moment to be found.", originID)}
	case err != nil:
		return governance.Resource{}, fmt.Errorf("look up the group: %w", err)
	case group.OnPremisesSync:
		return governance.Resource{}, governance.Invalid(field, "The group %q is synchronised from on-premises, so its members cannot be changed here; use a cloud group.", group.DisplayName)
	case slices.Contains(group.GroupTypes, "DynamicMembership"):
		return governance.Resource{}, governance.Invalid(field, "The group %q has dynamic membership, so its members cannot be changed; use a group with assigned members.", group.DisplayName)
	}
	return governance.Resource{
		DisplayName: group.DisplayName, Description: group.Description, OriginID: id, OriginSystem: governance.OriginGroup,
		Roles: []governance.ResourceRole{
			{DisplayName: governance.GrantMember, OriginID: governance.GrantMember + "_" + id, OriginSystem: governance.OriginGroup},
			{DisplayName: governance.GrantOwner, OriginID: governance.GrantOwner + "_" + id, OriginSystem: governance.OriginGroup},
		},
		Scopes: []governance.ResourceScope{{DisplayName: "Root", Description: "Root Scope", OriginID: id, OriginSystem: governance.OriginGroup, IsRootScope: true}},
	}, nil
}

// Grant makes the principal a member or an owner, for good and without a handle.
func (g groups) Grant(ctx context.Context, step governance.Step, principalID string) (string, time.Time, error) {
	add, err := ofRole(step.Grant, g.directory.AddMember, g.directory.AddOwner)
	if err == nil {
		err = add(ctx, step.Grant.ResourceID, principalID)
	}
	return "", time.Time{}, err
}

// Revoke ends the membership or the ownership.
func (g groups) Revoke(ctx context.Context, step governance.Step, principalID string) error {
	remove, err := ofRole(step.Grant, g.directory.RemoveMember, g.directory.RemoveOwner)
	if err != nil {
		return err
	}
	return remove(ctx, step.Grant.ResourceID, principalID)
}

// Held looks at direct membership or ownership: nobody is granted what comes by another group.
func (g groups) Held(ctx context.Context, grant governance.Grant, principalID string) (bool, error) {
	has, err := ofRole(grant, g.directory.HasMember, g.directory.HasOwner)
	if err != nil {
		return false, err
	}
	return has(ctx, grant.ResourceID, principalID)
}

// ofRole is the verb for the role of a grant. Errors: ErrRefused for one that groups do not have.
func ofRole[F any](grant governance.Grant, member, owner F) (of F, err error) {
	switch grant.Role {
	case governance.GrantMember:
		return member, nil
	case governance.GrantOwner:
		return owner, nil
	}
	return of, fmt.Errorf("%w: a group has no role %q", ErrRefused, governance.Clip(grant.Role))
}
