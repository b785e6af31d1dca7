package graph

import (
	"context"
	"errors"
	"fmt"
	"strings"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
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

// AddMember makes the principal a member of the group (PRV-01).
func (d *Directory) AddMember(ctx context.Context, groupID, principalID string) error {
	return d.add(ctx, OperationAddMember, "members", groupID, principalID)
}

// RemoveMember ends the membership (PRV-02).
func (d *Directory) RemoveMember(ctx context.Context, groupID, principalID string) error {
	return d.remove(ctx, OperationRemoveMember, "members", groupID, principalID, d.HasMember)
}

// AddOwner makes the principal an owner of the group (PRV-03).
func (d *Directory) AddOwner(ctx context.Context, groupID, principalID string) error {
	return d.add(ctx, OperationAddOwner, "owners", groupID, principalID)
}

// RemoveOwner ends the ownership (PRV-03).
func (d *Directory) RemoveOwner(ctx context.Context, groupID, principalID string) error {
	return d.remove(ctx, OperationRemoveOwner, "owners", groupID, principalID, d.HasOwner)
}

// add posts the reference that joins a principal to an edge of a group: its members or its owners.
func (d *Directory) add(ctx context.Context, operation Operation, edge, groupID, principalID string) error {
	if !governance.IsGUID(groupID) || !governance.IsGUID(principalID) {
		return noSuch("group or principal", groupID+" or "+principalID)
	}
	reference := map[string]string{"@odata.id": d.base + "/directoryObjects/" + principalID}
	return alreadyThere(d.raw(ctx, operation, ifIdempotent, abstractions.POST, "/groups/{id}/"+edge+"/$ref", map[string]string{"id": groupID}, reference, nil))
}

// remove deletes that reference. When it is not there, Graph answers 404; so it does when an end of it lies among the deleted items, and a
// restored one has it again. So both ends are looked at, and if both are there, whether the one has the other: an end may have been
// restored meanwhile. Errors: directory.ErrUnavailable while they come and go.
func (d *Directory) remove(ctx context.Context, operation Operation, edge, groupID, principalID string, has func(ctx context.Context, groupID, userID string) (bool, error)) error {
	if !governance.IsGUID(groupID) || !governance.IsGUID(principalID) {
		return nil // there is no such reference
	}
	for again := false; ; again = true {
		err := d.raw(ctx, operation, ifIdempotent, abstractions.DELETE, "/groups/{id}/"+edge+"/{other}/$ref", map[string]string{"id": groupID, "other": principalID}, nil, nil)
		if a, ok := answered(err); !ok || !a.isAbsence() {
			return err
		}
		principal := func() error { _, err := d.User(ctx, principalID); return err }
		of := func() error { _, err := d.Group(ctx, groupID); return err }
		user, group := principal(), of()
		if user == nil && group == nil {
			switch listed, err := has(ctx, groupID, principalID); {
			case err == nil && !listed || err != nil && !errors.Is(err, directory.ErrNotFound):
				return err
			case again:
				return fmt.Errorf("%w: %q and %q come and go", directory.ErrUnavailable, groupID, principalID)
			}
			continue
		}
		if err := d.staysAway(ctx, OperationDeletedUser, principalID, user, principal); err != nil {
			return err
		}
		return d.staysAway(ctx, OperationDeletedGroup, groupID, group, of)
	}
}

const deletedItemPath = "/directory/deletedItems/{id}"

// staysAway looks among the deleted items for what could not be read, as was says. One that lies there may be restored: directory.ErrDeleted. So may one that the identity may not look for, which is
// directory.ErrForbidden, too. One that is not there may have been restored since: it is read again.
func (d *Directory) staysAway(ctx context.Context, operation Operation, id string, was error, read func() error) error {
	if !errors.Is(was, directory.ErrNotFound) {
		return was
	}
	err := d.raw(ctx, operation, ifIdempotent, abstractions.GET, deletedItemPath+"?$select=id", map[string]string{"id": id}, nil, nil)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		switch was = read(); {
		case was == nil:
			return fmt.Errorf("%w: %q comes and goes", directory.ErrUnavailable, id)
		case errors.Is(was, directory.ErrNotFound):
			return nil
		}
		return was
	case err == nil:
		return fmt.Errorf("%w: %q", directory.ErrDeleted, id)
	case errors.Is(err, directory.ErrForbidden):
		return fmt.Errorf("%w: %q: %w", directory.ErrDeleted, id, err)
	}
	return err
}
