package engine_test

import (
	"fmt"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

var taskStates = []governance.TaskState{
	governance.TaskAccepted, governance.TaskWorking, governance.TaskWaiting, governance.TaskSucceeded, governance.TaskFailed,
	governance.TaskTimedOut, governance.TaskResumed, governance.TaskNotResumed,
}

var taskEvents = []engine.TaskEvent{
	engine.TaskBegins, engine.TaskWaits, engine.TaskSucceeds, engine.TaskFails, engine.TaskTimesOut, engine.TaskIsTold, engine.TaskLapses,
}

// Whatever happens in whatever order, a wait that has timed out is never answered, and one that was answered never times out.
func TestATaskIsAnsweredOrTimesOut(t *testing.T) {
	t.Parallel()
	type path struct {
		state                governance.TaskState
		answered, timedOut   bool
		told, lapsed, depths int
	}
	open := []path{{state: governance.TaskAccepted}}
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
		for _, event := range taskEvents {
			next, err := engine.NextTask(at.state, event)
			if err != nil {
				continue
			}
			to := at
			to.state, to.depths = next, at.depths+1
			switch event {
			case engine.TaskIsTold:
				to.answered, to.told = true, to.told+1
			case engine.TaskTimesOut:
				to.timedOut = true
			case engine.TaskLapses:
				to.lapsed++
			}
			open = append(open, to)
		}
	}
	if ends == 0 {
		t.Error("no path was long enough")
	}
	for _, state := range taskStates {
		for _, event := range taskEvents {
			if _, err := engine.NextTask(state, event); err != nil && governance.CodeOf(err) != governance.CodeConflict {
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
		call governance.TaskCall
		want time.Duration
	}{
		"as long as it says":              {governance.TaskCall{Task: governance.Task{Source: governance.SourceEntitlement, Waits: true}, Timeout: governance.Duration{Time: 2 * time.Hour}}, 2 * time.Hour},
		"14 days when it does not say":    {governance.TaskCall{Task: governance.Task{Source: governance.SourceEntitlement, Waits: true}}, 14 * 24 * time.Hour},
		"14 days at most":                 {governance.TaskCall{Task: governance.Task{Source: governance.SourceEntitlement, Waits: true}, Timeout: governance.Days(90)}, 14 * 24 * time.Hour},
		"a task, from when it was sent":   {governance.TaskCall{Task: governance.Task{Source: governance.SourceLifecycle, Waits: true}, SentAt: now.Add(-time.Hour)}, 2 * time.Hour},
		"a task, as long as it says":      {governance.TaskCall{Task: governance.Task{Source: governance.SourceLifecycle, Waits: true}, Timeout: governance.Duration{Time: 1 * time.Hour}}, time.Hour},
		"a task, 3 hours at most":         {governance.TaskCall{Task: governance.Task{Source: governance.SourceLifecycle, Waits: true}, Timeout: governance.Duration{Time: 4 * time.Hour}}, 3 * time.Hour},
		"its time, from when it was sent": {governance.TaskCall{Task: governance.Task{Source: governance.SourceEntitlement, Waits: true}, Timeout: governance.Duration{Time: 2 * time.Hour}, SentAt: now.Add(-time.Hour)}, time.Hour},
		"sent by a clock that is ahead":   {governance.TaskCall{Task: governance.Task{Source: governance.SourceLifecycle, Waits: true}, SentAt: now.Add(time.Hour)}, 3 * time.Hour},
		"over before it came":             {governance.TaskCall{Task: governance.Task{Source: governance.SourceLifecycle, Waits: true}, SentAt: now.Add(-4 * time.Hour)}, -time.Hour},
		"nobody waits":                    {governance.TaskCall{Task: governance.Task{Source: governance.SourceEntitlement}}, 24 * time.Hour},
		"nobody waits, whatever it says":  {governance.TaskCall{Task: governance.Task{Source: governance.SourceLifecycle}, Timeout: governance.Duration{Time: 2 * time.Hour}, SentAt: now.Add(-time.Hour)}, 24 * time.Hour},
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
	for n := range 3 * governance.MaxTaskClaims {
		task := governance.Task{ID: fmt.Sprint(n), RequestID: fmt.Sprint(n), Stage: governance.StageRequestGranted, Claim: fmt.Sprint("c", n), DeadlineTime: governance.At(now.Add(time.Hour))}
		entra := governance.Caller{Kind: governance.CallerExtension, AppID: "810dcf14-1858-4bf2-8134-4c369fa3235b"}
		change, err := engine.AcceptTask(engine.State{Head: head}, entra, task, "", now)
		if err != nil {
			t.Fatal(err)
		}
		if by := change.Audit[0].InitiatedBy; by != entra.Initiator() {
			t.Fatalf("the audit trail does not say which application called: %+v", by)
		}
		head, _ = engine.Seal(head, change, fmt.Sprint(n), "salt")
	}
	if oldest := fmt.Sprint(3*governance.MaxTaskClaims - governance.MaxTaskMarks); head.Marks[0].RequestID != oldest || head.Claims[0].TaskID != fmt.Sprint(2*governance.MaxTaskClaims) {
		t.Errorf("the oldest are %v and %v", head.Claims[0], head.Marks[0])
	}
	if len(head.Claims) != governance.MaxTaskClaims || len(head.Marks) != governance.MaxTaskMarks || head.Claims[len(head.Claims)-1].TaskID != fmt.Sprint(3*governance.MaxTaskClaims-1) {
		t.Errorf("%d claims, %d marks", len(head.Claims), len(head.Marks))
	}
}
