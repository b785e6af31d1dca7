package engine

import (
	"strings"
	"time"

	"latchkey/shared/governance"
)

// RequestIsDue does what time does to a request: a stage escalates or is denied for want of a decision, a scheduled request starts. pack is the package as it is now, nil if it is gone.
// An empty change means that nothing is due.
func RequestIsDue(s State, requestID string, pack *governance.AccessPackage, now time.Time) (Change, error) {
	request, _ := Find[governance.AssignmentRequest](s, requestID)
	request = clone(request)
	before, due := state(&request), request.Deadlines()
	var change Change
	var err error
	switch {
	case governance.IsDue(due, governance.DeadlineStart, now):
		change, err = start(s.Head, &request, pack, now)
	case governance.IsDue(due, governance.DeadlineDenial, now): // for want of a decision (RULES APR-06)
		index := nextStage(request)
		request.Approval.Stages[index].Status = governance.StageExpired
		change.Audit = append(change.Audit, entry(governance.ActivityTimedOut, governance.System(), now, &request, request.ID))
		change.notify(&request, governance.NotifyApprovalTimedOut, index)
		err = move(&request, EventTimeOut, governance.StatusExpired, now)
	case governance.IsDue(due, governance.DeadlineEscalation, now): // the alternates come in (RULES APR-11)
		index := nextStage(request)
		stage := &request.Approval.Stages[index]
		stage.Escalated, request.Status = true, governance.StatusPendingApprovalEscalated
		audit := entry(governance.ActivityEscalate, governance.System(), now, &request, request.ID)
		audit.Detail = stage.DisplayName + ": forwarded to the alternate approvers"
		change.Audit = append(change.Audit, audit)
		change.notify(&request, governance.NotifyAlternates, index)
	default:
		return Change{}, nil
	}
	if err != nil {
		return Change{}, err
	}
	change.Audit[0].Before, change.Audit[0].After = before, state(&request)
	change.write(request)
	return change, nil
}

// start begins what was scheduled. What was approved may not be possible any more: the package is gone or the window has passed.
func start(head governance.Head, request *governance.AssignmentRequest, pack *governance.AccessPackage, now time.Time) (Change, error) {
	change, refused := Proceed(request, Facts{Head: head, Package: pack, Caller: governance.System()}, now)
	if refused == nil {
		return change, nil
	}
	if err := move(request, EventFailed, governance.StatusFailed, now); err != nil {
		return Change{}, err
	}
	failed := entry(governance.ActivityFailed, governance.System(), now, request, request.ID)
	failed.Result, failed.Detail = "failure", message(refused)
	change = Change{Audit: []governance.AuditEntry{failed}}
	change.notify(request, governance.NotifyDeliveryFailed, 0)
	return change, nil
}

// AssignmentIsDue does what time does to an assignment: it ends, or its delivery is taken up again. An empty change means that nothing is due.
func AssignmentIsDue(s State, assignmentID string, now time.Time) (Change, error) {
	assignment, ok := Find[governance.Assignment](s, assignmentID)
	if !ok {
		return Change{}, nil
	}
	change := Change{}
	request, hasRequest := Find[governance.AssignmentRequest](s, assignment.RequestID)
	due := assignment.Deadlines()
	if governance.IsDue(due, governance.DeadlineEnd, now) {
		if hasRequest && request.State == governance.StateDelivering { // it never got as far as being granted whole
			request = clone(request)
			if err := move(&request, EventFailed, governance.StatusFailed, now); err != nil {
				return Change{}, err
			}
			failed := entry(governance.ActivityFailed, governance.System(), now, &request, assignment.ID)
			failed.Result = "failure"
			failed.Detail = strings.Trim("the access ended before it was delivered; "+reasons(assignment), "; ")
			change.Audit = append(change.Audit, failed)
			change.write(request)
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
	if !governance.IsDue(due, governance.DeadlineAttempt, now) || !hasRequest || request.State == governance.StateDelivered {
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
