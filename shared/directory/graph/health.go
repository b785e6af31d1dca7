package graph

import (
	"context"
	"errors"
	"fmt"

	"github.com/microsoftgraph/msgraph-sdk-go/groups"
	"github.com/microsoftgraph/msgraph-sdk-go/users"
)

// Health asks Graph for one user's id and one group's. It tells apart what an operator can mend (directory.ErrForbidden, with the permission's name in the text) from
// what passes (directory.ErrUnavailable, directory.ErrThrottled). What changes or sends is not tried.
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
