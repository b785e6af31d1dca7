package engine

import (
	"time"

	"latchkey/shared/governance"
)

// Facts are what gates look at beside the request.
type Facts struct {
	State                             // of the subject, with the assignment that it has of the package
	Package *governance.AccessPackage // as it is now; nil if it is gone
	Caller  governance.Caller         // in whose name the request goes on
	Asked   *Approvers                // who is asked in the stage that begins, or instead of those who are gone; nil: as it is
}

// act is something that happens to a request, in a change.
type act = func(*Change, *governance.AssignmentRequest, Facts, time.Time) error

// gate is something that a request waits for.
type gate struct {
	// passed says whether nothing is left to wait for here.
	passed func(request governance.AssignmentRequest, now time.Time) bool
	// wait has the request wait, with what others are asked for.
	wait act
	// deadlines are what happens by itself to a request that waits here, and none for one that waits elsewhere; nil: nothing ever does.
	deadlines func(request governance.AssignmentRequest) []deadline
}

// gates are what a request to add waits for, in their order: a new condition is a new gate.
var gates = []gate{approvalGate, startGate, deliveryGate}

// Proceed takes a request to the first gate that it has not passed (REQ-06), and answers with what that brings about beside the
// request itself. Errors: CodeConflict for a request that nothing can be granted for any more.
func Proceed(request *governance.AssignmentRequest, facts Facts, now time.Time) (Change, error) {
	var change Change
	for _, gate := range gates {
		if !gate.passed(*request, now) {
			return change, gate.wait(&change, request, facts, now)
		}
	}
	return change, nil
}

// proceed is Proceed with what it brings about added.
func (c *Change) proceed(request *governance.AssignmentRequest, facts Facts, now time.Time) error {
	more, err := Proceed(request, facts, now)
	c.add(more)
	return err
}

// startGate is the start that was asked for (LIF-05).
var startGate = gate{
	passed: func(request governance.AssignmentRequest, now time.Time) bool {
		return request.Schedule == nil || !request.Schedule.StartDateTime.Instant().After(now)
	},
	wait: func(change *Change, request *governance.AssignmentRequest, facts Facts, now time.Time) error {
		change.Audit = append(change.Audit, entry(governance.ActivitySchedule, facts.Caller, now, request, request.ID))
		return move(request, EventPostpone, governance.StatusPendingNotBefore, now)
	},
	deadlines: func(request governance.AssignmentRequest) []deadline {
		if request.State != governance.StateScheduled || request.Status != governance.StatusPendingNotBefore {
			return nil
		}
		return []deadline{{at: request.Schedule.StartDateTime.Instant()}}
	},
}
