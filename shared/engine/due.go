package engine

import (
	"strings"
	"time"

	"latchkey/shared/governance"
)

// RequestIsDue does what time does to a request: a stage escalates or is denied for want of a decision, a scheduled request starts. pack is the package as it is now, nil if it is gone.
// An empty change means that nothing is due.
func RequestIsDue(s Subject, requestID string, pack *governance.AccessPackage, now time.Time) (Change, error) {
	request, ok := s.Requests[requestID]
	if !ok {
		return Change{}, nil
	}
	due := RequestDue(request)
	if due.IsZero() || now.Before(due) {
		return Change{}, nil
	}
	request = clone(request)
	before := state(&request)
	change := Change{}
	if request.State == governance.StateScheduled {
		if err := change.begin(s.Head, &request, pack, governance.System(), now); err != nil {
			// What was approved cannot be granted any more: the package is gone or the window has passed.
			if err := move(&request, EventFailed, governance.StatusFailed, now); err != nil {
				return Change{}, err
			}
			failed := entry(governance.ActivityFailed, governance.System(), now, &request, request.ID)
			failed.Result = "failure"
			failed.Detail = message(err)
			change.Audit = append(change.Audit, failed)
			change.notify(&request, governance.NotifyDeliveryFailed, 0)
		}
	} else if err := change.stageIsDue(&request, now); err != nil {
		return Change{}, err
	}
	change.Audit[0].Before, change.Audit[0].After = before, state(&request)
	change.Requests = append(change.Requests, request)
	return change, nil
}

// stageIsDue denies the stage that waits if its time is over (RULES APR-06), and else brings in its alternates (RULES APR-11).
func (c *Change) stageIsDue(request *governance.AssignmentRequest, now time.Time) error {
	stage := currentStage(request)
	index := 0
	for i := range request.Approval.Stages {
		if request.Approval.Stages[i].ID == stage.ID {
			index = i
		}
	}
	if now.Before(stage.EndsDateTime.Instant()) {
		stage.Escalated = true
		request.Status = governance.StatusPendingApprovalEscalated
		audit := entry(governance.ActivityEscalate, governance.System(), now, request, request.ID)
		audit.Detail = stage.DisplayName + ": forwarded to the alternate approvers"
		c.Audit = append(c.Audit, audit)
		c.notify(request, governance.NotifyAlternates, index)
		return nil
	}
	stage.Status = governance.StageExpired
	if err := move(request, EventTimeOut, governance.StatusExpired, now); err != nil {
		return err
	}
	c.Audit = append(c.Audit, entry(governance.ActivityTimedOut, governance.System(), now, request, request.ID))
	c.notify(request, governance.NotifyApprovalTimedOut, index)
	return nil
}

// AssignmentIsDue does what time does to an assignment: it ends, or its delivery is taken up again. An empty change means that nothing is due.
func AssignmentIsDue(s Subject, assignmentID string, now time.Time) (Change, error) {
	assignment, ok := s.Assignments[assignmentID]
	if !ok {
		return Change{}, nil
	}
	due := AssignmentDue(assignment)
	if due.IsZero() || now.Before(due) {
		return Change{}, nil
	}
	change := Change{}
	request, hasRequest := s.Requests[assignment.RequestID]
	ends := end(assignment).Instant()
	if !assignment.Removing && !ends.IsZero() && !now.Before(ends) {
		if hasRequest && request.State == governance.StateDelivering { // it never got as far as being granted whole
			request = clone(request)
			if err := move(&request, EventFailed, governance.StatusFailed, now); err != nil {
				return Change{}, err
			}
			failed := entry(governance.ActivityFailed, governance.System(), now, &request, assignment.ID)
			failed.Result = "failure"
			failed.Detail = strings.Trim("the access ended before it was delivered; "+reasons(assignment), "; ")
			change.Audit = append(change.Audit, failed)
			change.Requests = append(change.Requests, request)
		}
		change.remove(assignment, removal{
			requestID: governance.NameID("expire:" + assignment.ID),
			kind:      governance.RequestSystemRemove,
			activity:  governance.ActivitySystemRemoves,
			caller:    governance.System(),
			requestor: *assignment.Target,
		}, now)
		return change, nil
	}
	if !hasRequest || request.State == governance.StateDelivered {
		return Change{}, nil
	}
	request = clone(request)
	if request.State == governance.StateDeliveryFailed || request.State == governance.StatePartiallyDelivered {
		if err := move(&request, EventReprocess, governance.StatusDelivering, now); err != nil {
			return Change{}, err
		}
	}
	change.retry(&request, assignment, now)
	audit := entry(governance.ActivityReprocess, governance.System(), now, &request, assignment.ID)
	audit.Detail = "taken up again by the timer"
	change.Audit = append(change.Audit, audit)
	return change, nil
}

// message is the text of an error of the domain that may be shown.
func message(err error) string {
	if _, text, found := strings.Cut(err.Error(), ": "); found {
		return text
	}
	return err.Error()
}
