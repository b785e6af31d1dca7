package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"latchkey/shared/governance"
)

type stamp = time.Time

// Subject is what is known of a subject: its head, and those of its requests and assignments that were loaded.
type Subject struct {
	Head        governance.Head
	Requests    map[string]governance.AssignmentRequest
	Assignments map[string]governance.Assignment
	Callouts    map[string]governance.Callout
}

// Change is what a command decides: documents to write, audit entries, effects. It is committed whole or not at all.
type Change struct {
	Requests    []governance.AssignmentRequest
	Assignments []governance.Assignment
	Callouts    []governance.Callout
	Audit       []governance.AuditEntry // not sealed yet
	Effects     []governance.Effect     // without ids yet
}

// IsEmpty says whether there is nothing to write.
func (c Change) IsEmpty() bool {
	return len(c.Requests)+len(c.Assignments)+len(c.Callouts)+len(c.Audit)+len(c.Effects) == 0
}

// Seal makes a change ready to be committed: the head after it, the audit entries in their chain, the effects with stable ids. commandID tells this commit from others.
func Seal(head governance.Head, change Change, commandID string) (governance.Head, Change) {
	for _, assignment := range change.Assignments {
		head = hold(head, assignment)
	}
	for _, request := range change.Requests {
		head = fly(head, request)
	}
	for _, callout := range change.Callouts {
		head = claim(head, callout)
	}
	audit := slices.Clone(change.Audit)
	head.Chain(audit, commandID)
	effects := slices.Clone(change.Effects)
	for i := range effects {
		effects[i].ID = fmt.Sprintf("%s-%d-%d", head.ID, head.AuditSequence, i)
	}
	change.Audit, change.Effects = audit, effects
	return head, change
}

// hold brings the head's holdings in line with an assignment.
func hold(head governance.Head, assignment governance.Assignment) governance.Head {
	holdings := slices.DeleteFunc(slices.Clone(head.Holdings), func(h governance.Holding) bool { return h.AssignmentID == assignment.ID })
	if assignment.State != governance.AssignmentExpired {
		holding := governance.Holding{
			AssignmentID: assignment.ID,
			PackageID:    assignment.AccessPackage.ID,
			PolicyID:     assignment.AssignmentPolicy.ID,
			State:        assignment.State,
			Removing:     assignment.Removing,
			EndDateTime:  end(assignment),
		}
		for _, delivery := range assignment.Deliveries {
			holding.Grants = append(holding.Grants, delivery.Grant.Key())
		}
		holdings = append(holdings, holding)
	}
	head.Holdings = holdings
	return head
}

// fly brings the head's requests in flight in line with a request.
func fly(head governance.Head, request governance.AssignmentRequest) governance.Head {
	flights := slices.DeleteFunc(slices.Clone(head.InFlight), func(f governance.InFlight) bool { return f.RequestID == request.ID })
	if request.State.IsInFlight() {
		flights = append(flights, governance.InFlight{
			RequestID:    request.ID,
			PackageID:    request.AccessPackage.ID,
			AssignmentID: request.Assignment.ID,
			Type:         request.RequestType,
			State:        request.State,
		})
	}
	head.InFlight = flights
	return head
}

// RequestDue is when something must happen to a request by itself; the zero time means never.
func RequestDue(request governance.AssignmentRequest) time.Time {
	switch request.State {
	case governance.StatePendingApproval:
		stage := currentStage(&request)
		if stage == nil {
			return time.Time{}
		}
		due := stage.EndsDateTime.Instant()
		if escalates := stage.EscalatesDateTime.Instant(); !escalates.IsZero() && !stage.Escalated && escalates.Before(due) {
			due = escalates
		}
		return due
	case governance.StateScheduled:
		return request.Schedule.StartDateTime.Instant()
	case governance.StateSubmitted, governance.StateDelivering, governance.StateDelivered, governance.StatePartiallyDelivered,
		governance.StateDeliveryFailed, governance.StateDenied, governance.StateCanceled:
	}
	return time.Time{}
}

// AssignmentDue is when something must happen to an assignment by itself; the zero time means never.
func AssignmentDue(assignment governance.Assignment) time.Time {
	if assignment.State == governance.AssignmentExpired {
		return time.Time{}
	}
	due := assignment.NextAttempt.Instant()
	if ends := end(assignment).Instant(); !assignment.Removing && !ends.IsZero() && (due.IsZero() || ends.Before(due)) {
		due = ends
	}
	return due
}

// end is the end of an assignment, nil if it has none.
func end(assignment governance.Assignment) *governance.DateTime {
	if assignment.Schedule == nil || assignment.Schedule.Expiration == nil {
		return nil
	}
	return assignment.Schedule.Expiration.EndDateTime
}

// entry begins an audit entry.
func entry(activity governance.Activity, caller governance.Caller, now time.Time, request *governance.AssignmentRequest, target string) governance.AuditEntry {
	return governance.AuditEntry{
		Activity:         activity,
		ActivityDateTime: governance.At(now),
		Result:           "success",
		InitiatedBy:      caller.Initiator(),
		TargetID:         target,
		CorrelationID:    request.ID,
	}
}

// state is the before or after of an audit entry about a request.
func state(request *governance.AssignmentRequest) json.RawMessage {
	return json.RawMessage(`{"state":"` + string(request.State) + `"}`)
}
