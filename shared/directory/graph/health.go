package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"latchkey/shared/directory"
)

// Health asks Graph for one user's id and one group's. It tells apart what an operator can mend (directory.ErrForbidden, with the permission's name in the text) from
// what passes (directory.ErrUnavailable, directory.ErrThrottled). What changes is not tried; whether it may be is read in the token.
func (d *Directory) Health(ctx context.Context) error {
	one := int32(1)
	usersRequest, err := d.users.ToGetRequestInformation(ctx, &users.UsersRequestBuilderGetRequestConfiguration{
		QueryParameters: &users.UsersRequestBuilderGetQueryParameters{Select: idProperty, Top: &one},
	})
	if err != nil {
		return fmt.Errorf("graph: health: %w", err)
	}
	groupsRequest, err := d.groups.ToGetRequestInformation(ctx, &groups.GroupsRequestBuilderGetRequestConfiguration{
		QueryParameters: &groups.GroupsRequestBuilderGetQueryParameters{Select: idProperty, Top: &one},
	})
	if err != nil {
		return fmt.Errorf("graph: health: %w", err)
	}
	var found page[directoryObject]
	return errors.Join(
		d.call(ctx, OperationHealthUsers, ifNotDone, usersRequest, &found),
		d.call(ctx, OperationHealthGroups, ifNotDone, groupsRequest, &found),
		d.checkGrants(ctx),
	)
}

// larger says which permissions hold one of Permissions in them.
var larger = map[string][]string{
	permissionUserRead:    {"User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"},
	permissionMemberRead:  {permissionMemberWrite, "Group.Read.All", permissionGroupWrite, "Directory.Read.All", "Directory.ReadWrite.All"},
	permissionMemberWrite: {permissionGroupWrite, "Directory.ReadWrite.All"},
}

// optional are the operations that not every tenant grants: owners of groups are a choice, and mail may be granted in Exchange alone, where a token does not show it.
var optional = []Operation{OperationAddOwner, OperationRemoveOwner, OperationSendMail}

// checkGrants reads in the identity's token which permissions it has. A token is Graph's affair: one that cannot be read says nothing.
func (d *Directory) checkGrants(ctx context.Context) error {
	token, err := d.tokens.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: d.tokens.scopes, EnableCAE: true})
	if err != nil {
		return fmt.Errorf("%w: %w", directory.ErrUnavailable, &tokenError{err})
	}
	granted, delegated, ok := rolesOf(token.Token)
	if !ok || delegated { // what a developer's own sign-in may do is not told in roles
		return nil
	}
	var missing []string
	for _, line := range Permissions() {
		has := slices.Contains(granted, line.Permission) || slices.ContainsFunc(larger[line.Permission], func(p string) bool { return slices.Contains(granted, p) })
		if !has && !slices.Contains(optional, line.Operation) && !slices.Contains(missing, line.Permission) {
			missing = append(missing, line.Permission)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%w: the identity is not granted %s", directory.ErrForbidden, strings.Join(missing, " and "))
	}
	return nil
}

// rolesOf are the application permissions that a token names, and whether it is a person's instead.
func rolesOf(token string) (roles []string, delegated, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, false, false
	}
	var claims struct {
		Roles []string `json:"roles"`
		Scope string   `json:"scp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return nil, false, false
	}
	return claims.Roles, claims.Scope != "", true
}
