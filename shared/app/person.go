package app

import (
	"context"
	"fmt"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// person reads what decisions need to know of a user. Errors: CodeInvalid naming target if the directory does not know them.
func (a *App) person(ctx context.Context, userID, target string, needs engine.Needs) (engine.Person, error) {
	user, err := a.directory.User(ctx, userID)
	if isNotFound(err) {
		return engine.Person{}, governance.Invalid(target, "The directory has no user %q.", shorten(userID))
	}
	if err != nil {
		return engine.Person{}, fmt.Errorf("look up the user: %w", err)
	}
	person := engine.Person{User: user}
	if needs.Groups {
		if person.GroupIDs, err = a.directory.MemberOf(ctx, user.ID); err != nil && !isNotFound(err) {
			return engine.Person{}, fmt.Errorf("look up the groups of the user: %w", err)
		}
	}
	if needs.SecondManager && user.ManagerID != "" {
		manager, err := a.directory.User(ctx, user.ManagerID)
		if err != nil && !isNotFound(err) {
			return engine.Person{}, fmt.Errorf("look up the manager of the user: %w", err)
		}
		person.SecondManagerID = manager.ManagerID
	}
	return person, nil
}

// subjectOf is the subject that a caller is, as far as the token says; the directory is asked where the partition matters.
func subjectOf(caller governance.Caller) governance.Subject {
	kind := governance.SubjectUser
	if caller.Kind != governance.CallerUser {
		kind = governance.SubjectServicePrincipal
	}
	return governance.Subject{ID: governance.NameID("oid:" + lower(caller.ObjectID)), ObjectID: lower(caller.ObjectID), DisplayName: caller.DisplayName, SubjectType: kind}
}
