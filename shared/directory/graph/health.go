package graph

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// Health asks Graph for one user's id and one group's. It tells apart what an operator can mend (directory.ErrForbidden, with the permission's name in the text) from
// what passes (directory.ErrUnavailable, directory.ErrThrottled). What changes is not tried: whether it may be, Granted tells.
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
	)
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
