package engine_test

import (
	"fmt"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

var calloutStates = []governance.CalloutState{
	governance.CalloutAccepted, governance.CalloutWorking, governance.CalloutWaiting, governance.CalloutSucceeded, governance.CalloutFailed,
	governance.CalloutTimedOut, governance.CalloutResumed, governance.CalloutNotResumed,
}

// Whatever happens in whatever order, a wait that has timed out is never answered, and one that was answered never times out.
func TestACalloutIsAnsweredOrTimesOut(t *testing.T) {
	t.Parallel()
	type path struct {
		state                governance.CalloutState
		answered, timedOut   bool
		told, lapsed, depths int
	}
	open := []path{{state: governance.CalloutAccepted}}
	ends := 0
	for len(open) > 0 {
		at := open[0]
		open = open[1:]
		if at.answered && at.timedOut || at.told > 1 || at.told+at.lapsed > 1 {
			t.Fatalf("%+v", at)
		}
		if at.depths == 6 {
			ends++
			continue
		}
		for _, event := range engine.CalloutEvents() {
			next, err := engine.NextCallout(at.state, event)
			if err != nil {
				continue
			}
			to := at
			to.state, to.depths = next, at.depths+1
			switch event {
			case engine.CalloutIsTold:
				to.answered, to.told = true, to.told+1
			case engine.CalloutTimesOut:
				to.timedOut = true
			case engine.CalloutLapses:
				to.lapsed++
			}
			open = append(open, to)
		}
	}
	if ends == 0 {
		t.Error("no path was long enough")
	}
	for _, state := range calloutStates {
		for _, event := range engine.CalloutEvents() {
			if _, err := engine.NextCallout(state, event); err != nil && governance.CodeOf(err) != governance.CodeConflict {
				t.Errorf("%s, %s: %v", state, event, err)
			}
		}
	}
}

// rules: EXT-03 EXT-04
func TestDeadlines(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		call governance.CalloutCall
		want time.Duration
	}{
		"as long as it says":              {governance.CalloutCall{Source: governance.SourceEntitlement, Waits: true, Timeout: governance.Hours(2)}, 2 * time.Hour},
		"14 days when it does not say":    {governance.CalloutCall{Source: governance.SourceEntitlement, Waits: true}, 14 * 24 * time.Hour},
		"14 days at most":                 {governance.CalloutCall{Source: governance.SourceEntitlement, Waits: true, Timeout: governance.Days(90)}, 14 * 24 * time.Hour},
		"a task, from when it was sent":   {governance.CalloutCall{Source: governance.SourceLifecycle, Waits: true, SentAt: now.Add(-time.Hour)}, 2 * time.Hour},
		"a task, as long as it says":      {governance.CalloutCall{Source: governance.SourceLifecycle, Waits: true, Timeout: governance.Hours(1)}, time.Hour},
		"a task, 3 hours at most":         {governance.CalloutCall{Source: governance.SourceLifecycle, Waits: true, Timeout: governance.Hours(4)}, 3 * time.Hour},
		"its time, from when it was sent": {governance.CalloutCall{Source: governance.SourceEntitlement, Waits: true, Timeout: governance.Hours(2), SentAt: now.Add(-time.Hour)}, time.Hour},
		"sent by a clock that is ahead":   {governance.CalloutCall{Source: governance.SourceLifecycle, Waits: true, SentAt: now.Add(time.Hour)}, 3 * time.Hour},
		"over before it came":             {governance.CalloutCall{Source: governance.SourceLifecycle, Waits: true, SentAt: now.Add(-4 * time.Hour)}, -time.Hour},
		"nobody waits":                    {governance.CalloutCall{Source: governance.SourceEntitlement}, 24 * time.Hour},
		"nobody waits, whatever it says":  {governance.CalloutCall{Source: governance.SourceLifecycle, Timeout: governance.Hours(2), SentAt: now.Add(-time.Hour)}, 24 * time.Hour},
	} {
		if got := engine.Deadline(test.call, now).Sub(now); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// Claims and marks stay within their bounds, the newest last.
func TestClaimsAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	head := governance.Head{ID: "s"}
	for n := range 3 * governance.MaxCalloutClaims {
		callout := governance.Callout{ID: fmt.Sprint(n), RequestID: fmt.Sprint(n), Stage: governance.StageRequestGranted, Claim: fmt.Sprint("c", n), DeadlineTime: governance.At(now.Add(time.Hour))}
		entra := governance.Caller{Kind: governance.CallerExtension, AppID: "810dcf14-1858-4bf2-8134-4c369fa3235b"}
		change, err := engine.AcceptCallout(engine.State{Head: head}, entra, callout, "", now)
		if err != nil {
			t.Fatal(err)
		}
		if by := change.Audit[0].InitiatedBy; by != entra.Initiator() {
			t.Fatalf("the audit trail does not say which application called: %+v", by)
		}
		head, _ = engine.Seal(head, change, fmt.Sprint(n), "salt")
	}
	if oldest := fmt.Sprint(3*governance.MaxCalloutClaims - governance.MaxCalloutMarks); head.Marks[0].RequestID != oldest || head.Claims[0].CalloutID != fmt.Sprint(2*governance.MaxCalloutClaims) {
		t.Errorf("the oldest are %v and %v", head.Claims[0], head.Marks[0])
	}
	if len(head.Claims) != governance.MaxCalloutClaims || len(head.Marks) != governance.MaxCalloutMarks || head.Claims[len(head.Claims)-1].CalloutID != fmt.Sprint(3*governance.MaxCalloutClaims-1) {
		t.Errorf("%d claims, %d marks", len(head.Claims), len(head.Marks))
	}
}
