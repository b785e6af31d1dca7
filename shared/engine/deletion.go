package engine

import (
	"cmp"
	"slices"
	"time"

	"latchkey/shared/governance"
)

// How long a deletion keeps what it deletes closed, and within how long it must be done with it: the clocks of two instances may differ by the rest.
const (
	closedFor   = 2 * time.Minute
	deletedIn   = time.Minute
	stillClosed = closedFor - deletedIn
)

// ErrReopened says that what is deleted was open meanwhile, so that somebody may have begun to use it: close it again and look again.
var ErrReopened error = &governance.Error{Code: governance.CodeUnavailable, Message: "The deletion took too long; repeat it."}

// Close begins the deletion of a document that others may come to use while it is looked whether they do (OBJ-17): from its commit on nobody does. It is refused as remove would be, which is the deletion
// itself. by names the deletion.
func Close(s State, document governance.Document, by string, now time.Time, remove func(State) (Change, error)) (Change, error) {
	if _, err := remove(s); err != nil {
		return Change{}, err
	}
	closing := governance.Closing{Document: governance.StoredID(document.DocumentKind(), document.DocumentID()), By: by, Until: governance.At(now.Add(closedFor))}
	change := Change{Head: []governance.HeadEntry{closing}}
	for _, other := range s.Head.Closing {
		if !now.Before(other.Until.Instant()) {
			change.Head = append(change.Head, governance.Reopening{By: other.By})
		}
	}
	if len(s.Head.Closing)-len(change.Head)+1 >= governance.MaxClosings {
		return Change{}, governance.Conflict("%d deletions are under way in this catalog; wait for one of them to end.", governance.MaxClosings)
	}
	return change, nil
}

// Closed says whether a deletion still keeps a document closed, long enough to be done with it. Errors: ErrReopened.
func Closed(s State, by string, now time.Time) error {
	at := slices.IndexFunc(s.Head.Closing, func(c governance.Closing) bool { return c.By == by })
	if at < 0 || now.Add(stillClosed).After(s.Head.Closing[at].Until.Instant()) {
		return ErrReopened
	}
	return nil
}

// Reopen calls a deletion off. An empty change means that nothing is closed for it any more.
func Reopen(s State, by string) Change {
	if !slices.ContainsFunc(s.Head.Closing, func(c governance.Closing) bool { return c.By == by }) {
		return Change{}
	}
	return Change{Head: []governance.HeadEntry{governance.Reopening{By: by}}}
}

// mayBegin refuses to begin to use a document that is about to be deleted.
func mayBegin(head governance.Head, document governance.Document, what string, now time.Time) error {
	if head.IsClosing(document, now) {
		return governance.Conflict("This %s is being deleted; if it is still there in two minutes, try again.", what)
	}
	return nil
}

// Open refuses a package or policy that is about to be deleted, as the head of their catalog says.
func Open(catalog governance.Head, pack governance.AccessPackage, policy governance.AssignmentPolicy, now time.Time) error {
	return cmp.Or(mayBegin(catalog, pack, "access package", now), mayBegin(catalog, policy, "policy", now))
}

// Overtaken refuses a request to add that is committed, for what was being deleted at that very moment or is not there any more; catalog is nil if that is gone.
func Overtaken(catalog *Catalog, request governance.AssignmentRequest, now time.Time) error {
	young := now.Sub(request.CreatedDateTime.Instant()) < 2*closedFor // what is being deleted now, may have been then; else whoever deletes it has found the request
	if request.RequestType.IsRemoval() || !young && !request.State.IsInFlight() {
		return nil
	}
	gone := governance.Conflict("The access package or the policy was deleted meanwhile.")
	if catalog == nil {
		return gone
	}
	pack, there := catalog.Packages[request.AccessPackage.ID]
	policy, stands := catalog.Policies[request.Policy.ID]
	switch {
	case !there || !stands && catalog.PoliciesRead(pack.ID):
		return gone
	case !young:
		return nil
	}
	return Open(catalog.Head, pack, policy, now)
}

// TakeBack closes a request that was committed at the very moment at which what it asks for began to be deleted (OBJ-17), and takes away what came of it: whoever made it is told that it was not. An empty change
// means that nothing has come of it, or nothing is left.
func TakeBack(s State, requestID string, now time.Time) (Change, error) {
	request, ok := Find[governance.AssignmentRequest](s, requestID)
	if !ok {
		return Change{}, nil
	}
	if request.State.IsInFlight() && request.State != governance.StateDelivering {
		return Cancel(s, requestID, governance.System(), now)
	}
	assignment, lives := Find[governance.Assignment](s, request.Assignment.ID)
	if !lives || assignment.State == governance.AssignmentExpired || assignment.Removing || assignment.RequestID != requestID {
		return Change{}, nil
	}
	change := Change{}
	if request.State == governance.StateDelivering {
		if err := change.giveUp(request, assignment, "the access package or the policy is being deleted", now); err != nil {
			return Change{}, err
		}
	}
	change.expire(assignment, now)
	return change, nil
}
