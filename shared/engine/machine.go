package engine

import "latchkey/shared/governance"

// Event is what happens to a request.
type Event string

// The events of a request's life.
const (
	EventApprovalNeeded Event = "approvalNeeded"     // its policy wants an approval
	EventStageApproved  Event = "stageApproved"      // a stage that is not the last
	EventBegin          Event = "begin"              // nothing is left to wait for
	EventPostpone       Event = "postpone"           // everything is decided, the start is in the future
	EventDeny           Event = "deny"               // an approver said no
	EventTimeOut        Event = "timeOut"            // no approver said anything in time, or the time that was asked for is over
	EventCancel         Event = "cancel"             // the requestor or an administrator took it back
	EventDelivered      Event = "delivered"          // every resource role is as it should be
	EventPartly         Event = "partiallyDelivered" // some are, and trying again is over
	EventFailed         Event = "deliveryFailed"     // none is, and trying again is over
	EventReprocess      Event = "reprocess"          // try once more
)

// transitions is the life of a request (REQ-06): the only place that says which state follows which. What is not in it does not happen.
var transitions = map[governance.RequestState]map[Event]governance.RequestState{
	governance.StateSubmitted: {
		EventApprovalNeeded: governance.StatePendingApproval,
		EventBegin:          governance.StateDelivering,
		EventPostpone:       governance.StateScheduled,
		EventTimeOut:        governance.StateDenied,
		EventCancel:         governance.StateCanceled,
		EventFailed:         governance.StateDeliveryFailed,
	},
	governance.StatePendingApproval: {
		EventStageApproved: governance.StatePendingApproval,
		EventBegin:         governance.StateDelivering,
		EventPostpone:      governance.StateScheduled,
		EventDeny:          governance.StateDenied,
		EventTimeOut:       governance.StateDenied,
		EventCancel:        governance.StateCanceled,
	},
	governance.StateScheduled: {
		EventBegin:    governance.StateDelivering,
		EventPostpone: governance.StateScheduled,
		EventTimeOut:  governance.StateDenied,
		EventCancel:   governance.StateCanceled,
		EventFailed:   governance.StateDeliveryFailed,
	},
	governance.StateDelivering: {
		EventDelivered: governance.StateDelivered,
		EventPartly:    governance.StatePartiallyDelivered,
		EventFailed:    governance.StateDeliveryFailed,
	},
	governance.StatePartiallyDelivered: {EventReprocess: governance.StateDelivering},
	governance.StateDeliveryFailed:     {EventReprocess: governance.StateDelivering},
	governance.StateDelivered:          {},
	governance.StateDenied:             {},
	governance.StateCanceled:           {},
}

// Next is the state that event leads to from state. Errors: CodeConflict if it leads nowhere.
func Next(state governance.RequestState, event Event) (governance.RequestState, error) {
	next, ok := transitions[state][event]
	if !ok {
		return "", governance.Conflict("A request that is %s cannot be changed this way (%s).", state, event)
	}
	return next, nil
}

// move brings a request to the state that event leads to, and stamps its completion if that ends its flight.
func move(request *governance.AssignmentRequest, event Event, status string, now stamp) error {
	next, err := Next(request.State, event)
	if err != nil {
		return err
	}
	request.State, request.Status = next, status
	request.CompletedDateTime = nil
	if !next.IsInFlight() {
		request.CompletedDateTime = governance.At(now)
	}
	return nil
}
