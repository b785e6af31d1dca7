package access

import (
	"context"
	"errors"
	"fmt"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// person reads what decisions need to know of a user. Errors: CodeInvalid naming target if the directory does not know them.
func person(ctx context.Context, d directory.Directory, userID, target string, needs governance.Needs) (governance.Person, error) {
	return personBy(ctx, d, d.User, userID, target, needs)
}

// personBy is person, with the user read in a way of its own.
func personBy(ctx context.Context, d directory.Directory, read func(context.Context, string) (governance.User, error), userID, target string, needs governance.Needs) (governance.Person, error) {
	user, err := read(ctx, userID)
	if isNotFound(err) {
		return governance.Person{}, governance.Invalid(target, "The directory has no user %q.", governance.Clip(userID))
	}
	if err != nil {
		return governance.Person{}, fmt.Errorf("look up the user: %w", err)
	}
	person := governance.Person{User: user}
	if needs.Groups {
		if person.GroupIDs, err = d.MemberOf(ctx, user.ID); err != nil && !isNotFound(err) {
			return governance.Person{}, fmt.Errorf("look up the groups of the user: %w", err)
		}
	}
	switch {
	case needs.Managers == 1 && user.ManagerID != "": // it came with the user
		person.ManagerIDs = []string{user.ManagerID}
	case needs.Managers > 1:
		if person.ManagerIDs, err = d.Managers(ctx, user.ID, needs.Managers); err != nil && !isNotFound(err) {
			return governance.Person{}, fmt.Errorf("look up the managers of the user: %w", err)
		}
	}
	return person, nil
}

func isNotFound(err error) bool { return errors.Is(err, directory.ErrNotFound) }

// subjectOf is the subject that a caller is, as far as the token says; the directory is asked where the partition matters.
func subjectOf(caller governance.Caller) governance.Subject {
	kind := governance.SubjectUser
	if caller.Kind != governance.CallerUser {
		kind = governance.SubjectServicePrincipal
	}
	id := governance.Fold(caller.ObjectID)
	return governance.Subject{ID: governance.SubjectID(id), ObjectID: id, DisplayName: caller.DisplayName, SubjectType: kind}
}

// groupsOf are the ids of the groups that the caller is in.
func groupsOf(ctx context.Context, d directory.Directory, caller governance.Caller) ([]string, error) {
	groups, err := d.MemberOf(ctx, governance.Fold(caller.ObjectID))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up the groups of the approver: %w", err)
	}
	return groups, nil
}
