package graph

import (
	"context"
	"net/http"
	"slices"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// maxHolders bounds how many groups are asked for their roles; a tenant has 500 that may hold any. Who is in more of them has a role that cannot be told.
const maxHolders = 50

// DirectoryRoles asks in turn which groups a person is in or may join, and which roles the person and those groups hold or may activate. Graph has one call for all that is held, but not in v1.0, and
// none that follows eligibility through groups. Memberships name built-in roles for the whole tenant only; custom ones and those of an administrative unit are among the assignments.
func (d *Directory) DirectoryRoles(ctx context.Context, userID string) ([]directory.Role, error) {
	if !governance.IsGUID(userID) {
		return nil, noSuch("user", userID)
	}
	roles, groups, err := d.memberships(ctx, userID)
	if err != nil {
		return nil, err
	}
	joinable, err := d.eligibleGroups(ctx, userID)
	if err != nil {
		return nil, err
	}
	if len(groups)+len(joinable) > maxHolders {
		return append(roles, directory.Role{TemplateID: directory.UnknownRole}), nil
	}
	for n, holder := range slices.Concat([]string{userID}, groups, joinable) {
		mayJoin := n > len(groups)
		held, err := d.rolesIn(ctx, operationRoleAssignments, assignedRolesPath, holder, mayJoin)
		if err != nil {
			return nil, err
		}
		eligible, err := d.rolesIn(ctx, operationEligibleRoles, eligibleRolesPath, holder, true)
		if err != nil && !isUnlicensed(err) {
			return nil, err
		}
		roles = slices.Concat(roles, held, eligible)
	}
	return roles, nil
}

// memberships are the built-in roles that a person holds, and the groups that may hold roles.
func (d *Directory) memberships(ctx context.Context, userID string) (roles []directory.Role, groups []string, err error) {
	type object struct {
		directoryObject
		RoleTemplateID string `json:"roleTemplateId"`
		Assignable     bool   `json:"isAssignableToRole"`
	}
	err = list(ctx, d, operationDirectoryRoles, membershipsPath+"?$select=id,roleTemplateId,isAssignableToRole&$top=999", userID, func(one object) {
		switch {
		case one.Type == "#microsoft.graph.directoryRole":
			roles = append(roles, roleOf(one.RoleTemplateID, false))
		case one.Type == "#microsoft.graph.group" && one.Assignable:
			groups = append(groups, one.ID)
		}
	})
	return roles, groups, err
}

// eligibleGroups are the groups that a person may join, or own and thereby join, by activating it.
func (d *Directory) eligibleGroups(ctx context.Context, userID string) ([]string, error) {
	var groups []string
	err := list(ctx, d, operationEligibleGroups, eligibleGroupsPath+ofPrincipal, userID, func(one struct {
		GroupID string `json:"groupId"`
	},
	) {
		groups = append(groups, one.GroupID)
	})
	if isUnlicensed(err) {
		return nil, nil
	}
	return groups, err
}

// rolesIn are the roles that a list has for a principal.
func (d *Directory) rolesIn(ctx context.Context, operation Operation, path, principalID string, eligible bool) ([]directory.Role, error) {
	var roles []directory.Role
	err := list(ctx, d, operation, path+ofPrincipal, principalID, func(one struct {
		RoleDefinitionID string `json:"roleDefinitionId"`
	},
	) {
		roles = append(roles, roleOf(one.RoleDefinitionID, eligible))
	})
	return roles, err
}

func roleOf(templateID string, eligible bool) directory.Role {
	if templateID == "" {
		templateID = directory.UnknownRole // the identity may not see into it
	}
	return directory.Role{TemplateID: strings.ToLower(templateID), Eligible: eligible}
}

// isUnlicensed says whether a tenant has no Privileged Identity Management: nobody can activate anything there, so nobody is eligible.
func isUnlicensed(err error) bool {
	a, ok := answered(err)
	return ok && a.status == http.StatusBadRequest && strings.EqualFold(a.code, "AadPremiumLicenseRequired")
}

// ofPrincipal keeps of a list what is for one principal.
const ofPrincipal = "?$filter=principalId%20eq%20'{id}'"

// list reads a whole list without the SDK's builders.
func list[T any](ctx context.Context, d *Directory, operation Operation, path, id string, take func(T)) error {
	request, err := d.request(abstractions.GET, path, map[string]string{"id": id}, nil)
	if err != nil {
		return err
	}
	return pages(ctx, d, operation, request, func(found []T) bool {
		for _, one := range found {
			take(one)
		}
		return true
	})
}
