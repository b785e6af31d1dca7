package engine

import (
	"strings"
	"time"

	"latchkey/shared/governance"
)

// RequestIsDue does what time does to a request: a stage escalates or is denied for want of a decision, a scheduled request starts, the time that was asked for is over. An empty change means that
// nothing is due.
func RequestIsDue(s State, requestID string, facts Facts, now time.Time) (Change, error) {
	request, _ := Find[governance.AssignmentRequest](s, requestID)
	request = clone(request)
	before, due := state(&request), request.Deadlines()
	var change Change
	var err error
	switch {
	case governance.IsDue(due, governance.DeadlineEnd, now):
		err = change.over(&request, now)
		return change, err
	case governance.IsDue(due, governance.DeadlineStart, now):
		facts.State, facts.Caller = s, governance.System()
		change, err = start(&request, facts, now)
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
		change.updated(&request, stage.DisplayName+": forwarded to the alternate approvers", now)
		change.notify(&request, governance.NotifyAlternates, index)
	case governance.IsDue(due, governance.DeadlineLook, now):
		index := nextStage(request)
		stage := &request.Approval.Stages[index]
		stage.LookDateTime = governance.At(now.Add(lookAgain))
		switch {
		case facts.Asked == nil:
			change.updated(&request, stage.DisplayName+": somebody can decide it, as before", now)
		case facts.Asked.IsNobody() && len(facts.Asked.AlternateUsers)+len(facts.Asked.AlternateGroups) == 0:
			change.updated(&request, stage.DisplayName+": nobody can decide it any more; an administrator is told", now)
		default:
			stage.ApproverUserIDs, stage.ApproverGroupIDs = facts.Asked.Users, facts.Asked.Groups
			if stage.Escalated {
				stage.AlternateUserIDs, stage.AlternateGroupIDs = facts.Asked.AlternateUsers, facts.Asked.AlternateGroups
			}
			change.updated(&request, stage.DisplayName+": forwarded to others, because none of those who were asked can decide any more", now)
			change.notify(&request, governance.NotifyApprovers, index)
			if stage.Escalated {
				change.notify(&request, governance.NotifyAlternates, index)
			}
		}
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

// updated tells of a request that goes on in another way.
func (c *Change) updated(request *governance.AssignmentRequest, detail string, now time.Time) {
	audit := entry(governance.ActivityEscalate, governance.System(), now, request, request.ID)
	audit.Detail = detail
	c.Audit = append(c.Audit, audit)
}

// over closes a request for a time that has passed.
func (c *Change) over(request *governance.AssignmentRequest, now time.Time) error {
	audit := entry(governance.ActivityTimedOut, governance.System(), now, request, request.ID)
	audit.Before, audit.Detail = state(request), "the time that was asked for ended at "+governance.FormatInstant(request.LastInstant())
	if err := move(request, EventTimeOut, governance.StatusExpired, now); err != nil {
		return err
	}
	closeStages(request)
	audit.After = state(request)
	c.Audit = append(c.Audit, audit)
	c.notify(request, governance.NotifyRequestEnded, 0)
	c.write(*request)
	return nil
}

// closeStages ends the stages that nobody will decide any more.
func closeStages(request *governance.AssignmentRequest) {
	if request.Approval == nil {
		return
	}
	for i := range request.Approval.Stages {
		if stage := &request.Approval.Stages[i]; stage.Status == governance.StageInProgress || stage.Status == governance.StageInitializing {
			stage.Status = governance.StageExpired
		}
	}
}

// start begins what was scheduled. What was approved may not be possible any more: the package is gone or the window has passed.
func start(request *governance.AssignmentRequest, facts Facts, now time.Time) (Change, error) {
	change, refused := Proceed(request, facts, now)
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
			if err := change.giveUp(request, assignment, "the access ended before it was delivered", now); err != nil {
				return Change{}, err
			}
		}
		change.expire(assignment, now)
		return change, nil
	}
	if !governance.IsDue(due, governance.DeadlineAttempt, now) || !hasRequest || request.State == governance.StateDelivered {
		return Change{}, nil
	}
	request = clone(request)
	audit := entry(governance.ActivityReprocess, governance.System(), now, &request, assignment.ID)
	if request.State == governance.StateDeliveryFailed || request.State == governance.StatePartiallyDelivered {
		if other := rival(s.Head, assignment); other != "" && !assignment.Removing { // it is looked at again should that come to nothing
			audit.Detail = "put off by the timer, because the request " + other + " is to take its place"
			change.Audit = append(change.Audit, audit)
			assignment.NextAttempt = governance.At(now.Add(insistence))
			change.write(assignment)
			return change, nil
		}
		if err := move(&request, EventReprocess, governance.StatusDelivering, now); err != nil {
			return Change{}, err
		}
	}
	change.retry(&request, assignment, now)
	audit.Detail = "taken up again by the timer"
	change.Audit = append(change.Audit, audit)
	return change, nil
}

// giveUp ends a delivery that is under way, for a reason.
func (c *Change) giveUp(request governance.AssignmentRequest, assignment governance.Assignment, why string, now time.Time) error {
	request = clone(request)
	if err := move(&request, EventFailed, governance.StatusFailed, now); err != nil {
		return err
	}
	failed := entry(governance.ActivityFailed, governance.System(), now, &request, assignment.ID)
	failed.Result, failed.Detail = "failure", strings.Trim(why+"; "+reasons(assignment), "; ")
	c.Audit = append(c.Audit, failed)
	c.write(request)
	return nil
}

// expire has the service itself take an assignment away.
func (c *Change) expire(assignment governance.Assignment, now time.Time) {
	c.remove(assignment, removal{
		requestID: governance.NameID("expire:" + assignment.ID),
		kind:      governance.RequestSystemRemove,
		activity:  governance.ActivitySystemRemoves,
		caller:    governance.System(),
		requestor: *assignment.Target,
	}, now)
}

// Withdraw ends a delivery whose outcome cannot be recorded, for a reason: the request has failed, and what it may have granted is taken back. What made it too large to be written is left out. An empty change
// means that it is not being delivered any more.
func Withdraw(s State, assignmentID, why string, now time.Time) (Change, error) {
	assignment, ok := Find[governance.Assignment](s, assignmentID)
	request, inHand := Find[governance.AssignmentRequest](s, assignment.RequestID)
	if !ok || !inHand || assignment.Removing || request.State != governance.StateDelivering {
		return Change{}, nil
	}
	request.Answers = nil
	change := Change{}
	if err := change.giveUp(request, assignment, why, now); err != nil {
		return Change{}, err
	}
	change.notify(&request, governance.NotifyDeliveryFailed, 0)
	change.expire(assignment, now)
	return change, nil
}

// message is the text of an error of the domain that may be shown.
func message(err error) string {
	if _, text, found := strings.Cut(err.Error(), ": "); found {
		return text
	}
	return err.Error()
}
