package graph

import (
	"context"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"
)

// HasMember looks through the user's groups, of which there are fewer than a group has members, and without a type cast, as MemberOf does.
func (d *Directory) HasMember(ctx context.Context, groupID, userID string) (bool, error) {
	found, err := d.lists(ctx, OperationHasMember, "/users/{id}/memberOf", userID, groupID)
	if err == nil && !found {
		_, err = d.Group(ctx, groupID)
	}
	return found, err
}

// HasOwner looks through the group's owners, who are a hundred at most.
func (d *Directory) HasOwner(ctx context.Context, groupID, userID string) (bool, error) {
	found, err := d.lists(ctx, OperationHasOwner, "/groups/{id}/owners", groupID, userID)
	if err == nil && !found {
		_, err = d.User(ctx, userID)
	}
	return found, err
}

// lists says whether an object is in the list of another.
func (d *Directory) lists(ctx context.Context, operation Operation, path, of, id string) (found bool, err error) {
	err = list(ctx, d, operation, path+"?$select=id&$top=999", of, func(one directoryObject) { found = found || strings.EqualFold(one.ID, id) })
	return found, err
}

// AddMember makes the principal a member of the group (RULES PRV-01).
func (d *Directory) AddMember(ctx context.Context, groupID, principalID string) error {
	return d.add(ctx, OperationAddMember, "members", groupID, principalID)
}

// RemoveMember ends the membership (RULES PRV-02).
func (d *Directory) RemoveMember(ctx context.Context, groupID, principalID string) error {
	return d.remove(ctx, OperationRemoveMember, "members", groupID, principalID)
}

// AddOwner makes the principal an owner of the group (RULES PRV-03).
func (d *Directory) AddOwner(ctx context.Context, groupID, principalID string) error {
	return d.add(ctx, OperationAddOwner, "owners", groupID, principalID)
}

// RemoveOwner ends the ownership (RULES PRV-03).
func (d *Directory) RemoveOwner(ctx context.Context, groupID, principalID string) error {
	return d.remove(ctx, OperationRemoveOwner, "owners", groupID, principalID)
}

// add posts the reference that joins a principal to an edge of a group: its members or its owners.
func (d *Directory) add(ctx context.Context, operation Operation, edge, groupID, principalID string) error {
	if !isObjectID(groupID) || !isObjectID(principalID) {
		return noSuch("group or principal", groupID+" or "+principalID)
	}
	reference := map[string]string{"@odata.id": d.base + "/directoryObjects/" + principalID}
	return alreadyThere(d.raw(ctx, operation, ifIdempotent, abstractions.POST, "/groups/{id}/"+edge+"/$ref", map[string]string{"id": groupID}, reference, nil))
}

// remove deletes that reference.
func (d *Directory) remove(ctx context.Context, operation Operation, edge, groupID, principalID string) error {
	if !isObjectID(groupID) || !isObjectID(principalID) {
		return nil // there is no such reference
	}
	return gone(d.raw(ctx, operation, ifIdempotent, abstractions.DELETE, "/groups/{id}/"+edge+"/{other}/$ref", map[string]string{"id": groupID, "other": principalID}, nil, nil))
}
