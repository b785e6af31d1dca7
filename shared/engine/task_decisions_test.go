package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

var (
	taskNow = start.Add(time.Hour)
	desk    = governance.Caller{Kind: governance.CallerExtension, AppID: "desk"}
	entra   = governance.Caller{Kind: governance.CallerExtension, AppID: "810dcf14-1858-4bf2-8134-4c369fa3235b"}
)

type taskEdit = func(*governance.Task)

// taskIn is a task that a source waits for, in a state.
func taskIn(state governance.TaskState, edits ...taskEdit) governance.Task {
	task := governance.Task{
		ID: "task-1", Action: "passes", RequestID: "request-1", Stage: governance.StageRequestGranted, Waits: true, Claim: "pass", State: state, Detail: "so far",
		Steps: []governance.TaskStep{{Name: "first", Note: "a", DateTime: governance.At(start)}}, DeadlineTime: governance.At(start.Add(2 * time.Hour)), AcceptedDateTime: governance.At(start),
	}
	for _, edit := range edits {
		edit(&task)
	}
	return task
}

func unawaited(c *governance.Task)       { c.Waits = false }
func claimless(c *governance.Task)       { c.Claim = "" }
func promised(c *governance.Task)        { c.FollowUpDateTime = governance.At(start.AddDate(0, 0, 1)) }
func stepped(name, note string) taskEdit { return steppedAt(name, note, taskNow) }

func steppedAt(name, note string, at time.Time) taskEdit {
	return func(c *governance.Task) {
		c.Steps = append(slices.Clone(c.Steps), governance.TaskStep{Name: name, Note: note, DateTime: governance.At(at)})
	}
}

// holding is a subject with a task that has its claim.
func holding(task governance.Task) engine.State {
	return stateOf(governance.Head{ID: "s", Claims: []governance.TaskClaim{{Key: "other", TaskID: "task-0"}, {Key: "pass", TaskID: "task-1"}}}, task)
}

// superseded is a subject with a task whose claim a newer one has.
func superseded(task governance.Task) engine.State {
	s := holding(task)
	s.Head.Claims[1].TaskID = "task-2"
	return s
}

type taskDecision = func(engine.State) (engine.Change, error)

func begins(s engine.State) (engine.Change, error) {
	return engine.BeginTask(s, "task-1", taskNow)
}

func records(step, note string) taskDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.RecordTaskStep(s, "task-1", step, note, taskNow)
	}
}

func promises(s engine.State) (engine.Change, error) {
	return engine.PromiseFollowUp(s, "task-1", start.AddDate(0, 0, 1))
}

func waits(detail string) taskDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.WaitTask(s, "task-1", detail, taskNow)
	}
}

func ends(failed bool, detail string, by governance.Caller) taskDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.EndTask(s, "task-1", engine.TaskResult{Failed: failed, Detail: detail}, by, taskNow)
	}
}

func timesOut(s engine.State) (engine.Change, error) {
	return engine.TimeOutTask(s, "task-1", taskNow)
}

// beginsTelling fails where what it says of before is not what it does.
func beginsTelling(s engine.State) (engine.Change, error) {
	change, before, err := engine.BeginTelling(s, "task-1", taskNow)
	if err == nil && before != change.IsEmpty() {
		err = errors.New("it says that it was recorded before, or not, and does the other")
	}
	return change, err
}

func tells(told bool, detail string) taskDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.TellTask(s, "task-1", told, detail, taskNow)
	}
}

func beginsFollowUp(s engine.State) (engine.Change, error) {
	return engine.BeginFollowUp(s, "task-1", taskNow)
}

func followsUp(failed bool, detail string) taskDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.FollowUpTask(s, "task-1", engine.TaskResult{Failed: failed, Detail: detail}, taskNow)
	}
}

// Every decision in every state leads where it must, or is refused as a conflict; of a task that there is not, it says so.
// rules: EXT-05 EXT-14
func TestWhatMayHappenToATaskInEveryState(t *testing.T) {
	t.Parallel()
	const (
		accepted, working, waiting  = governance.TaskAccepted, governance.TaskWorking, governance.TaskWaiting
		succeeded, failed, timedOut = governance.TaskSucceeded, governance.TaskFailed, governance.TaskTimedOut
		resumed, notResumed         = governance.TaskResumed, governance.TaskNotResumed
	)
	type leads map[governance.TaskState]governance.TaskState
	for name, test := range map[string]struct {
		decide taskDecision
		leads  leads
	}{
		"begin":         {begins, leads{accepted: working, working: working}},
		"step":          {records("x", ""), leads{working: working, waiting: waiting}},
		"promise":       {promises, leads{working: working}},
		"wait":          {waits(""), leads{working: waiting}},
		"succeed":       {ends(false, "", desk), leads{working: succeeded, waiting: succeeded}},
		"fail":          {ends(true, "", desk), leads{accepted: failed, working: failed, waiting: failed}},
		"time out":      {timesOut, leads{accepted: timedOut, working: timedOut, waiting: timedOut}},
		"begin telling": {beginsTelling, leads{succeeded: succeeded, failed: failed}},
		"tell":          {tells(true, ""), leads{succeeded: resumed, failed: resumed}},
		"do not tell":   {tells(false, ""), leads{succeeded: notResumed, failed: notResumed}},
	} {
		for _, state := range taskStates {
			change, err := test.decide(holding(taskIn(state)))
			switch want, ok := test.leads[state]; {
			case !ok:
				if governance.CodeOf(err) != governance.CodeConflict || !change.IsEmpty() {
					t.Errorf("%s when it is %s: %v, %s", name, state, err, text(t, change))
				}
			case err != nil:
				t.Errorf("%s when it is %s: %v", name, state, err)
			case len(engine.Written[governance.Task](change)) == 0 && want != state, len(engine.Written[governance.Task](change)) > 0 && engine.Written[governance.Task](change)[0].State != want:
				t.Errorf("%s when it is %s: %s, want %s", name, state, text(t, change), want)
			}
		}
		if _, err := test.decide(engine.State{}); governance.CodeOf(err) != governance.CodeNotFound {
			t.Errorf("%s without a callout: %v", name, err)
		}
	}
	_, err := begins(holding(taskIn(succeeded)))
	refused(t, err, governance.CodeConflict, "succeeded already")
}

// What each decision writes, wholly: the task, the audit entry, the effect, and nothing of what it was given.
// rules: EXT-13 EXT-14 EXT-17 EXT-25
func TestWhatTaskDecisionsWrite(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", governance.MaxTaskDetail) // two bytes each
	clipped := "x" + strings.Repeat("ä", governance.MaxTaskDetail/2-1) + "…"
	full := func(c *governance.Task) {
		for n := len(c.Steps); n < governance.MaxTaskSteps; n++ {
			steppedAt(fmt.Sprint(n), "", start)(c)
		}
	}
	is := func(state governance.TaskState, detail string, edits ...taskEdit) []taskEdit {
		return append([]taskEdit{func(c *governance.Task) { c.State, c.Detail = state, detail }}, edits...)
	}
	ended := func(c *governance.Task) { c.EndedDateTime = governance.At(taskNow) }
	well := func(c *governance.Task) { c.Succeeded = true }
	for name, test := range map[string]struct {
		before governance.Task
		decide taskDecision
		after  []taskEdit // nil: nothing is written
		by     governance.Caller
		audit  string // result: detail; empty: no entry
		effect bool
	}{
		"it begins":              {before: taskIn(governance.TaskAccepted), decide: begins, after: is(governance.TaskWorking, "so far", func(c *governance.Task) { c.BeganDateTime = governance.At(taskNow) })},
		"it has begun":           {before: taskIn(governance.TaskWorking), decide: begins},
		"a step":                 {before: taskIn(governance.TaskWorking), decide: records("second", " b \n c"), after: []taskEdit{stepped("second", "b c")}},
		"a step while it waits":  {before: taskIn(governance.TaskWaiting), decide: records("second", ""), after: []taskEdit{stepped("second", "")}},
		"a step without a claim": {before: taskIn(governance.TaskWorking, claimless), decide: records("second", ""), after: []taskEdit{stepped("second", "")}},
		"a step again":           {before: taskIn(governance.TaskWorking, stepped("second", "")), decide: records("first", "b"), after: []taskEdit{func(c *governance.Task) { c.Steps = c.Steps[1:] }, stepped("first", "b")}},
		"a step again, of as many as there may be": {before: taskIn(governance.TaskWorking, full), decide: records("first", "b"), after: []taskEdit{func(c *governance.Task) { c.Steps = c.Steps[1:] }, stepped("first", "b")}},
		"a step with a long note":                  {before: taskIn(governance.TaskWorking), decide: records("second", "x"+long), after: []taskEdit{stepped("second", clipped)}},
		"a promise":                                {before: taskIn(governance.TaskWorking), decide: promises, after: []taskEdit{promised}},
		"it waits":                                 {before: taskIn(governance.TaskWorking), decide: waits("a  ticket"), after: is(governance.TaskWaiting, "a ticket"), by: governance.System(), audit: "success: a ticket"},
		"Latchkey has done it":                     {before: taskIn(governance.TaskWorking), decide: ends(false, "it  is done", governance.System()), after: is(governance.TaskSucceeded, "it is done", ended, well, stepped("telling", "")), by: governance.System(), audit: "success: it is done"},
		"Latchkey has failed":                      {before: taskIn(governance.TaskWorking), decide: ends(true, "no", governance.System()), after: is(governance.TaskFailed, "no", ended, stepped("telling", "")), by: governance.System(), audit: "failure: no"},
		"the desk has done it":                     {before: taskIn(governance.TaskWaiting), decide: ends(false, "it is done", desk), after: is(governance.TaskSucceeded, "it is done", ended, well), by: desk, audit: "success: it is done", effect: true},
		"the desk refuses":                         {before: taskIn(governance.TaskWaiting), decide: ends(true, "no", desk), after: is(governance.TaskFailed, "no", ended), by: desk, audit: "failure: no", effect: true},
		"nobody waits, Latchkey":                   {before: taskIn(governance.TaskWorking, unawaited), decide: ends(false, "it is done", governance.System()), after: is(governance.TaskSucceeded, "it is done", ended, well), by: governance.System(), audit: "success: it is done"},
		"nobody waits, the desk":                   {before: taskIn(governance.TaskWaiting, unawaited), decide: ends(false, "it is done", desk), after: is(governance.TaskSucceeded, "it is done", ended, well), by: desk, audit: "success: it is done"},
		"a long end":                               {before: taskIn(governance.TaskWorking, unawaited), decide: ends(false, "x"+long, governance.System()), after: is(governance.TaskSucceeded, clipped, ended, well), by: governance.System(), audit: "success: " + clipped},
		"the source stops waiting":                 {before: taskIn(governance.TaskWaiting), decide: timesOut, after: is(governance.TaskTimedOut, "The work did not end before the request stopped waiting; no answer was sent.", ended), by: governance.System(), audit: "failure: The work did not end before the request stopped waiting; no answer was sent."},
		"it is given up":                           {before: taskIn(governance.TaskWorking, unawaited), decide: timesOut, after: is(governance.TaskTimedOut, "The work did not end in time and was given up.", ended), by: governance.System(), audit: "failure: The work did not end in time and was given up."},
		"it is about to be told":                   {before: taskIn(governance.TaskFailed), decide: beginsTelling, after: []taskEdit{stepped("telling", "")}},
		"it was about to be told":                  {before: taskIn(governance.TaskSucceeded, steppedAt("telling", "", start)), decide: beginsTelling},
		"told":                                     {before: taskIn(governance.TaskSucceeded), decide: tells(true, "it was told"), after: is(governance.TaskResumed, "so far"), by: governance.System(), audit: "success: it was told"},
		"a failure, told":                          {before: taskIn(governance.TaskFailed), decide: tells(true, "it was told"), after: is(governance.TaskResumed, "so far"), by: governance.System(), audit: "success: it was told"},
		"not told":                                 {before: taskIn(governance.TaskSucceeded), decide: tells(false, "too late"), after: is(governance.TaskNotResumed, "so far too late"), by: governance.System(), audit: "failure: too late"},
		"it is about to be undone":                 {before: taskIn(governance.TaskResumed, promised), decide: beginsFollowUp, after: []taskEdit{stepped(engine.StepUndoing, "")}},
		"it was about to be undone":                {before: taskIn(governance.TaskResumed, promised, steppedAt(engine.StepUndoing, "", start)), decide: beginsFollowUp},
		"undone":                                   {before: taskIn(governance.TaskResumed, promised), decide: followsUp(false, "it  is undone"), after: []taskEdit{func(c *governance.Task) { c.FollowUpDateTime = nil }, stepped(engine.StepFollowUp, "it is undone")}, by: governance.System(), audit: "success: it is undone"},
		"undone, after a failure":                  {before: taskIn(governance.TaskFailed, promised), decide: followsUp(false, "it  is undone"), after: []taskEdit{func(c *governance.Task) { c.FollowUpDateTime = nil }, stepped(engine.StepFollowUp, "it is undone")}, by: governance.System(), audit: "success: it is undone"},
		"it cannot be undone":                      {before: taskIn(governance.TaskResumed, promised), decide: followsUp(true, "it  stays"), after: []taskEdit{func(c *governance.Task) { c.FollowUpDateTime = nil }, stepped(engine.StepFollowUp, "it stays")}, by: governance.System(), audit: "failure: it stays"},
	} {
		s := holding(test.before)
		given := text(t, s)
		change, err := test.decide(s)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var want engine.Change
		if test.after != nil {
			after := test.before
			for _, edit := range test.after {
				edit(&after)
			}
			want.Write = []governance.Document{after}
		}
		if result, detail, ok := strings.Cut(test.audit, ": "); ok {
			want.Audit = []governance.AuditEntry{taskAudit(test.by, result, detail)}
		}
		if test.effect {
			want.Effects = []governance.Effect{{Kind: "task", About: "task-1", What: governance.WorkTask, RequestID: "request-1"}}
		}
		if got, want := text(t, change), text(t, want); got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
		if text(t, s) != given {
			t.Errorf("%s: what was given has changed", name)
		}
	}
	_, err := records("one more", "")(holding(taskIn(governance.TaskWorking, full)))
	refused(t, err, governance.CodeConflict, "too many steps")
}

// taskAudit is the entry about task-1.
func taskAudit(by governance.Caller, result, detail string) governance.AuditEntry {
	return governance.AuditEntry{
		Activity: governance.ActivityTask, ActivityDateTime: governance.At(taskNow), Result: result, InitiatedBy: by.Initiator(), TargetID: "task-1", CorrelationID: "request-1",
		AuditPersonal: governance.AuditPersonal{Detail: detail},
	}
}

// A task is the same when it is repeated, and another one when anything of it is another.
func TestTaskIDs(t *testing.T) {
	t.Parallel()
	call := governance.TaskCall{Task: governance.Task{Source: governance.SourceEntitlement, Stage: governance.StageRequestGranted, RequestID: "r", StageInstanceID: "i"}}
	again := call
	again.Timeout, again.RequestState, again.SentAt = governance.Duration{Time: 1 * time.Hour}, "delivered", start
	if engine.TaskID("a", call) != engine.TaskID("a", again) {
		t.Error("a repetition is another callout")
	}
	seen := map[string]bool{engine.TaskID("a", call): true, engine.TaskID("b", call): true}
	for _, edit := range []func(*governance.TaskCall){
		func(c *governance.TaskCall) { c.Source = governance.SourceLifecycle },
		func(c *governance.TaskCall) { c.Stage = governance.StageRequestRemoved },
		func(c *governance.TaskCall) { c.RequestID = "s" },
		func(c *governance.TaskCall) { c.StageInstanceID = "j" },
	} {
		other := call
		edit(&other)
		seen[engine.TaskID("a", other)] = true
	}
	if len(seen) != 6 {
		t.Errorf("6 callouts have %d ids", len(seen))
	}
}

func TestATaskIsAccepted(t *testing.T) {
	t.Parallel()
	draft := taskIn("")
	draft.AcceptedDateTime = nil
	accepted := draft
	accepted.State, accepted.AcceptedDateTime = governance.TaskAccepted, governance.At(taskNow)
	want := engine.Change{
		Write:   []governance.Document{accepted},
		Audit:   []governance.AuditEntry{taskAudit(entra, "success", "accepted: passes for the stage assignmentRequestGranted")},
		Effects: []governance.Effect{{Kind: "task", About: "task-1", What: governance.WorkTask, RequestID: "request-1"}},
	}
	change, err := engine.AcceptTask(engine.State{}, entra, draft, "", taskNow)
	if err != nil || text(t, change) != text(t, want) {
		t.Errorf("%v, %s, want %s", err, text(t, change), text(t, want))
	}
	for _, state := range taskStates { // a repetition is nothing, also of what is long over
		late := start.AddDate(1, 0, 0)
		if change, err := engine.AcceptTask(holding(taskIn(state)), entra, draft, "denied", late); err != nil || !change.IsEmpty() {
			t.Errorf("a repetition when it is %s: %v, %s", state, err, text(t, change))
		}
	}
}

// A stage that is over is refused: as the request stands, by its time, or because a later stage was seen.
// rules: EXT-05 EXT-14
func TestAStageThatIsOver(t *testing.T) {
	t.Parallel()
	requestStates := []string{"", "submitted", "pendingApproval", "delivering", "partiallyDelivered", "scheduled", "denied", "canceled", "expired", "delivered", "deliveryFailed", "fulfilled"}
	for stage, over := range map[governance.TaskStage]string{
		governance.StageRequestCreated:     "denied canceled expired delivered deliveryFailed fulfilled",
		governance.StageRequestApproved:    "denied canceled expired delivered fulfilled",
		governance.StageRequestGranted:     "denied canceled",
		governance.StageRequestRemoved:     "",
		governance.StageFourteenDaysBefore: "",
		governance.StageOneDayBefore:       "",
		governance.StageLifecycleTask:      "",
	} {
		task := taskIn("", func(c *governance.Task) { c.Stage = stage })
		for _, state := range requestStates {
			for _, spelt := range []string{state, strings.ToUpper(state)} {
				_, err := engine.AcceptTask(engine.State{}, entra, task, spelt, taskNow)
				if slices.Contains(strings.Fields(over), state) {
					refused(t, err, governance.CodeConflict, "the request is "+strings.ToLower(state))
				} else if err != nil {
					t.Errorf("%s of a request that is %q: %v", stage, spelt, err)
				}
			}
		}
	}

	deadline := taskIn("").DeadlineTime.Instant()
	if _, err := engine.AcceptTask(engine.State{}, entra, taskIn(""), "", deadline.Add(-time.Millisecond)); err != nil {
		t.Errorf("just in time: %v", err)
	}
	_, err := engine.AcceptTask(engine.State{}, entra, taskIn(""), "", deadline)
	refused(t, err, governance.CodeConflict, "its time has passed")

	stages := governance.TaskStages()
	for at, seen := range stages {
		for before, stage := range stages {
			s := engine.State{Head: governance.Head{Marks: []governance.TaskMark{{RequestID: "request-2", Stage: governance.StageLifecycleTask}, {RequestID: "request-1", Stage: seen}}}}
			_, err := engine.AcceptTask(s, entra, taskIn("", func(c *governance.Task) { c.Stage = stage }), "", taskNow)
			if before < at {
				refused(t, err, governance.CodeConflict, "has come to "+string(seen))
			} else if err != nil {
				t.Errorf("%s when %s was seen: %v", stage, seen, err)
			}
		}
	}
}

// The newest task with a claim has it; the older ones note nothing more.
func TestTheNewestHasTheClaim(t *testing.T) {
	t.Parallel()
	mine := taskIn(governance.TaskWorking)
	for name, test := range map[string]struct {
		s          engine.State
		task       governance.Task
		newest     string
		superseded bool
	}{
		"its own":                       {holding(mine), mine, "task-1", false},
		"a newer one's":                 {superseded(mine), mine, "task-2", true},
		"too long ago to be known":      {engine.State{}, mine, "", true},
		"no claim, and others have one": {superseded(mine), taskIn(governance.TaskWorking, claimless), "", false},
	} {
		if newest, is := engine.NewestTask(test.s, test.task), engine.IsSuperseded(test.s, test.task); newest != test.newest || is != test.superseded {
			t.Errorf("%s: %q has it, superseded: %v", name, newest, is)
		}
	}
	for name, decide := range map[string]taskDecision{"step": records("second", ""), "promise": promises} {
		_, err := decide(superseded(mine))
		if change, _ := decide(superseded(mine)); governance.CodeOf(err) != governance.CodeConflict || !change.IsEmpty() {
			t.Errorf("%s of the older one: %v, %s", name, err, text(t, change))
		}
	}
}

// What is undone, or was never to be, is not undone.
func TestAFollowUpComesOnce(t *testing.T) {
	t.Parallel()
	for name, decide := range map[string]taskDecision{"begin": beginsFollowUp, "end": followsUp(false, "")} {
		for what, s := range map[string]engine.State{"no callout": {}, "nothing promised": holding(taskIn(governance.TaskResumed))} {
			change, err := decide(s)
			if governance.CodeOf(err) != governance.CodeConflict || !change.IsEmpty() {
				t.Errorf("%s, %s: %v, %s", name, what, err, text(t, change))
			}
		}
	}
}

// The last answer is sent ten seconds before the source stops waiting.
// rules: EXT-05
func TestTheLastCall(t *testing.T) {
	t.Parallel()
	task := taskIn(governance.TaskSucceeded)
	last := task.DeadlineTime.Instant().Add(-10 * time.Second)
	if !engine.MayTell(task, last.Add(-time.Millisecond)) || engine.MayTell(task, last) || engine.MayTell(task, last.Add(time.Hour)) {
		t.Error("the last call is another time")
	}
	if engine.MayTell(governance.Task{}, start) {
		t.Error("without a deadline there is time")
	}
}

// rules: EXT-05
func TestWhenTasksAreDue(t *testing.T) {
	t.Parallel()
	deadline, later, sooner := start.Add(2*time.Hour), start.AddDate(0, 0, 1), start.Add(time.Hour)
	soon := func(c *governance.Task) { c.FollowUpDateTime = governance.At(sooner) }
	for _, state := range taskStates {
		open, ended := state.IsOpen(), state == governance.TaskSucceeded || state == governance.TaskFailed
		for name, test := range map[string]struct {
			edits               []taskEdit
			open, untold, other time.Time
		}{
			"the source waits":                  {nil, deadline, deadline, time.Time{}},
			"nobody waits":                      {[]taskEdit{unawaited}, deadline, time.Time{}, time.Time{}},
			"to be undone later":                {[]taskEdit{promised}, deadline, deadline, later},
			"to be undone sooner":               {[]taskEdit{soon}, deadline, sooner, sooner},
			"to be undone later, nobody waits":  {[]taskEdit{unawaited, promised}, deadline, later, later},
			"to be undone sooner, nobody waits": {[]taskEdit{unawaited, soon}, deadline, sooner, sooner},
		} {
			want := test.other
			switch {
			case open:
				want = test.open
			case ended:
				want = test.untold
			}
			if got := taskIn(state, test.edits...).Due(); !got.Equal(want) {
				t.Errorf("%s, %s: due at %v, want %v", state, name, got, want)
			}
		}
	}
}

// What is accepted has its claim and its mark, last; whoever had them before has them no more. What happens to it afterwards changes neither.
func TestWhatAnAcceptedTaskMarks(t *testing.T) {
	t.Parallel()
	head := governance.Head{
		ID:     "s",
		Claims: []governance.TaskClaim{{Key: "pass", TaskID: "task-0"}, {Key: "other", TaskID: "task-9"}},
		Marks:  []governance.TaskMark{{RequestID: "request-1", Stage: governance.StageRequestCreated}, {RequestID: "request-2", Stage: governance.StageRequestGranted}},
	}
	given := text(t, head)
	marks := []governance.TaskMark{{RequestID: "request-2", Stage: governance.StageRequestGranted}, {RequestID: "request-1", Stage: governance.StageRequestGranted}}
	for name, test := range map[string]struct {
		task   governance.Task
		claims []governance.TaskClaim
		marks  []governance.TaskMark
	}{
		"with a claim":    {taskIn(governance.TaskAccepted), []governance.TaskClaim{{Key: "other", TaskID: "task-9"}, {Key: "pass", TaskID: "task-1"}}, marks},
		"without a claim": {taskIn(governance.TaskAccepted, claimless), head.Claims, marks},
	} {
		got, _ := engine.Seal(head, engine.Change{Write: []governance.Document{test.task}}, "command", "salt")
		if !slices.Equal(got.Claims, test.claims) || !slices.Equal(got.Marks, test.marks) {
			t.Errorf("%s: %v, %v", name, got.Claims, got.Marks)
		}
	}
	for _, state := range taskStates[1:] {
		got, _ := engine.Seal(head, engine.Change{Write: []governance.Document{taskIn(state)}}, "command", "salt")
		if !slices.Equal(got.Claims, head.Claims) || !slices.Equal(got.Marks, head.Marks) {
			t.Errorf("%s: %v, %v", state, got.Claims, got.Marks)
		}
	}
	if text(t, head) != given {
		t.Error("the head that was given has changed")
	}
}
