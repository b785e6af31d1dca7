package engine

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// deadline is something that happens to a request by itself.
type deadline struct {
	at   time.Time // zero: never
	asks bool      // for whom to ask instead of those who are gone: Facts.Asked
	// do brings it about; the first audit entry is what tells of it. nil: the request proceeds, for which Facts.Package is needed.
	do act
}

func (d deadline) isDue(now time.Time) bool { return !d.at.IsZero() && !now.Before(d.at) }

// ending is the end of the time that a request asks for.
func ending(request governance.AssignmentRequest) deadline {
	return deadline{at: request.LastInstant(), do: (*Change).over}
}

// deadlines are what happens by itself to a request, wherever it waits: of several that are due, the first does.
func deadlines(request governance.AssignmentRequest) []deadline {
	if !request.State.IsInFlight() || request.State == governance.StateDelivering {
		return nil
	}
	all := []deadline{ending(request)}
	for _, gate := range gates {
		if gate.deadlines != nil {
			all = append(all, gate.deadlines(request)...)
		}
	}
	return all
}

// RequestDue is when something must happen to a request next; zero: never.
func RequestDue(request governance.AssignmentRequest) time.Time {
	var all []governance.Deadline
	for _, one := range deadlines(request) {
		all = append(all, governance.Deadline{At: one.at})
	}
	return governance.Earliest(all)
}

// next is what time does to a request now; nothing: a deadline that is not due.
func next(request governance.AssignmentRequest, now time.Time) deadline {
	for _, one := range deadlines(request) {
		if one.isDue(now) {
			return one
		}
	}
	return deadline{}
}

// NeedsWhenDue says which of the Facts must be looked up for what time does to a request now.
func NeedsWhenDue(request governance.AssignmentRequest, now time.Time) (pack, asked bool) {
	due := next(request, now)
	return due.isDue(now) && due.do == nil, due.asks
}

// RequestIsDue does what time does to a request, such as the denial of a stage for want of a decision. An empty change means that nothing is due.
func RequestIsDue(s State, requestID string, facts Facts, now time.Time) (Change, error) {
	request, _ := Find[governance.AssignmentRequest](s, requestID)
	facts.State, facts.Caller = s, governance.System()
	return happen(request, next(request, now), facts, now)
}

// happen has a deadline come about, if it is due.
func happen(request governance.AssignmentRequest, due deadline, facts Facts, now time.Time) (Change, error) {
	if !due.isDue(now) {
		return Change{}, nil
	}
	request = clone(request)
	before, change, do := state(&request), Change{}, due.do
	if do == nil {
		do = (*Change).goOn
	}
	if err := do(&change, &request, facts, now); err != nil {
		return Change{}, err
	}
	change.Audit[0].Before, change.Audit[0].After = before, state(&request)
	change.write(request)
	return change, nil
}

// over closes a request for a time that has passed.
func (c *Change) over(request *governance.AssignmentRequest, _ Facts, now time.Time) error {
	audit := entry(governance.ActivityTimedOut, governance.System(), now, request, request.ID)
	audit.Detail = "the time that was asked for ended at " + governance.FormatInstant(request.LastInstant())
	c.Audit = append(c.Audit, audit)
	index := nextStage(*request)
	waited := index >= 0 && request.Approval.Stages[index].Status == governance.StageInProgress
	closeStages(request)
	if waited {
		c.notify(request, governance.NotifyStageTimedOut, index)
	}
	c.notify(request, governance.NotifyRequestEnded, 0)
	return move(request, EventTimeOut, governance.StatusExpired, now)
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

// goOn has a request that has waited long enough proceed. What was approved may not be possible any more: the package is gone or the window has passed.
func (c *Change) goOn(request *governance.AssignmentRequest, facts Facts, now time.Time) error {
	change, refused := Proceed(request, facts, now)
	if refused == nil {
		c.add(change)
		return nil
	}
	if governance.CodeOf(refused) == governance.CodeUnavailable {
		return refused
	}
	failed := entry(governance.ActivityFailed, governance.System(), now, request, request.ID)
	failed.Result, failed.Detail = "failure", message(refused)
	c.Audit = append(c.Audit, failed)
	c.notify(request, governance.NotifyDeliveryFailed, 0)
	return move(request, EventFailed, governance.StatusFailed, now)
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
			if !slices.ContainsFunc(assignment.Deliveries, isDelivered) {
				change.notify(&request, governance.NotifyRequestEnded, 0)
			}
		}
		change.expire(assignment, now)
		return change, nil
	}
	switch {
	case !governance.IsDue(due, governance.DeadlineAttempt, now) || request.State == governance.StateDelivered:
		return Change{}, nil
	case !hasRequest: // somebody has deleted it by hand, or spoiled it: what must go goes on going, and what is given for a request that is no more goes, too
		id := cmp.Or(assignment.RequestID, assignment.ID)
		if _, there := s.Unread[governance.StoredID(request.DocumentKind(), id)]; there && !assignment.Removing {
			return Change{}, spoiled(assignment.ID)
		}
		change.expireAs(governance.NameID("again:"+id), assignment, now)
		return change, nil
	}
	request = clone(request)
	if request.State == governance.StateDeliveryFailed || request.State == governance.StatePartiallyDelivered {
		if err := move(&request, EventReprocess, governance.StatusDelivering, now); err != nil {
			return Change{}, err
		}
	}
	change.retry(s.Head, &request, assignment, now)
	audit := entry(governance.ActivityReprocess, governance.System(), now, &request, assignment.ID)
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
	c.expireAs(governance.NameID("expire:"+assignment.ID), assignment, now)
}

func (c *Change) expireAs(id string, assignment governance.Assignment, now time.Time) {
	c.remove(assignment, removal{
		requestID: id,
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
