package engine_test

import (
	"strings"
	"testing"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// The life of a request as it is meant to be, written down apart from the engine's own table: a row a state, a column an event, a dash where it is refused.
const life = `
	state              approvalNeeded  stageApproved   begin      postpone  deny   timeOut cancel   delivered partiallyDelivered deliveryFailed reprocess
	submitted          pendingApproval -               delivering scheduled -      denied  canceled -         -                  deliveryFailed -
	pendingApproval    -               pendingApproval delivering scheduled denied denied  canceled -         -                  -              -
	scheduled          -               -               delivering scheduled -      denied  canceled -         -                  deliveryFailed -
	delivering         -               -               -          -         -      -       -        delivered partiallyDelivered deliveryFailed -
	delivered          -               -               -          -         -      -       -        -         -                  -              -
	partiallyDelivered -               -               -          -         -      -       -        -         -                  -              delivering
	deliveryFailed     -               -               -          -         -      -       -        -         -                  -              delivering
	denied             -               -               -          -         -      -       -        -         -                  -              -
	canceled           -               -               -          -         -      -       -        -         -                  -              -`

// rules: REQ-02 REQ-04 REQ-05 REQ-06 REQ-08 LIF-05 APR-04 APR-05 APR-06
func TestTheLifeOfARequest(t *testing.T) {
	t.Parallel()
	rows := strings.Split(strings.TrimSpace(life), "\n")
	events := strings.Fields(rows[0])[1:]
	known := []engine.Event{engine.EventApprovalNeeded, engine.EventStageApproved, engine.EventBegin, engine.EventPostpone, engine.EventDeny, engine.EventTimeOut, engine.EventCancel, engine.EventDelivered,
		engine.EventPartly, engine.EventFailed, engine.EventReprocess}
	if len(events) != len(known) {
		t.Fatalf("the engine has %d events, this table %d", len(known), len(events))
	}
	cells := 0
	for _, row := range rows[1:] {
		fields := strings.Fields(row)
		if len(fields) != len(events)+1 {
			t.Fatalf("a row has %d cells: %s", len(fields), row)
		}
		for i, want := range fields[1:] {
			state, event := governance.RequestState(fields[0]), engine.Event(events[i])
			cells++
			got, err := engine.Next(state, event)
			if want == "-" {
				if got != "" || governance.CodeOf(err) != governance.CodeConflict {
					t.Errorf("%s of a request that is %s leads to %q, %v; want it refused", event, state, got, err)
				}
				continue
			}
			if err != nil || got != governance.RequestState(want) {
				t.Errorf("%s of a request that is %s leads to %q, %v; want %s", event, state, got, err, want)
			}
		}
	}
	if want := len(governance.RequestStates()) * len(known); cells != want {
		t.Errorf("the table has %d cells, states and events make %d", cells, want)
	}
	for i, event := range known {
		if events[i] != string(event) {
			t.Errorf("column %d is %s, the engine's event is %s", i, events[i], event)
		}
	}
	if _, err := engine.Next("unknownFutureValue", engine.EventBegin); governance.CodeOf(err) != governance.CodeConflict {
		t.Errorf("an unknown state: %v", err)
	}
	if _, err := engine.Next(governance.StateSubmitted, "unknown"); governance.CodeOf(err) != governance.CodeConflict {
		t.Errorf("an unknown event: %v", err)
	}
}
