package graph

import (
	"context"
	"fmt"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
)

// AddMember makes the principal a member of the group (RULES PRV-01).
func (d *Directory) AddMember(ctx context.Context, groupID, principalID string) error {
	reference, err := d.reference(ctx, OperationAddMember, groupID, principalID)
	if err != nil {
		return err
	}
	request, err := d.groups.ByGroupId(groupID).Members().Ref().ToPostRequestInformation(ctx, reference, nil)
	if err != nil {
		return fmt.Errorf("graph: add a member: %w", err)
	}
	return alreadyThere(d.call(ctx, OperationAddMember, ifIdempotent, request, nil))
}

// RemoveMember ends the membership (RULES PRV-02).
func (d *Directory) RemoveMember(ctx context.Context, groupID, principalID string) error {
	if err := ended(ctx, OperationRemoveMember); err != nil {
		return err
	}
	if !isObjectID(groupID) || !isObjectID(principalID) {
		return nil // there is no such membership
	}
	request, err := d.groups.ByGroupId(groupID).Members().ByDirectoryObjectId(principalID).Ref().ToDeleteRequestInformation(ctx, nil)
	if err != nil {
		return fmt.Errorf("graph: remove a member: %w", err)
	}
	return gone(d.call(ctx, OperationRemoveMember, ifIdempotent, request, nil))
}

// AddOwner makes the principal an owner of the group (RULES PRV-03).
func (d *Directory) AddOwner(ctx context.Context, groupID, principalID string) error {
	reference, err := d.reference(ctx, OperationAddOwner, groupID, principalID)
	if err != nil {
		return err
	}
	request, err := d.groups.ByGroupId(groupID).Owners().Ref().ToPostRequestInformation(ctx, reference, nil)
	if err != nil {
		return fmt.Errorf("graph: add an owner: %w", err)
	}
	return alreadyThere(d.call(ctx, OperationAddOwner, ifIdempotent, request, nil))
}

// RemoveOwner ends the ownership (RULES PRV-03).
func (d *Directory) RemoveOwner(ctx context.Context, groupID, principalID string) error {
	if err := ended(ctx, OperationRemoveOwner); err != nil {
		return err
	}
	if !isObjectID(groupID) || !isObjectID(principalID) {
		return nil // there is no such ownership
	}
	request, err := d.groups.ByGroupId(groupID).Owners().ByDirectoryObjectId(principalID).Ref().ToDeleteRequestInformation(ctx, nil)
	if err != nil {
		return fmt.Errorf("graph: remove an owner: %w", err)
	}
	return gone(d.call(ctx, OperationRemoveOwner, ifIdempotent, request, nil))
}

// reference is the body that names the principal.
func (d *Directory) reference(ctx context.Context, operation Operation, groupID, principalID string) (models.ReferenceCreateable, error) {
	if err := ended(ctx, operation); err != nil {
		return nil, err
	}
	if !isObjectID(groupID) {
		return nil, noSuch("group", groupID)
	}
	if !isObjectID(principalID) {
		return nil, noSuch("principal", principalID)
	}
	address := d.base + "/directoryObjects/" + principalID
	reference := models.NewReferenceCreate()
	reference.SetOdataId(&address)
	return reference, nil
}
