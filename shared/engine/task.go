package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// TaskEvent is what happens to a companion task.
type TaskEvent string

// The events of a task's life.
const (
	TaskBegins   TaskEvent = "begins"   // its work is begun, or taken up again
	TaskWaits    TaskEvent = "waits"    // it is somebody else's turn
	TaskSucceeds TaskEvent = "succeeds" //
	TaskFails    TaskEvent = "fails"    // for good
	TaskTimesOut TaskEvent = "timesOut" // before the work ended
	TaskIsTold   TaskEvent = "isTold"   // the source has the answer
	TaskLapses   TaskEvent = "lapses"   // the source cannot be told any more
)

// taskTransitions is the life of a task: the only place that says which state follows which. What is not in it does not happen, so a wait is answered or timed out, never both.
var taskTransitions = map[governance.TaskState]map[TaskEvent]governance.TaskState{
	governance.TaskAccepted: {
		TaskBegins:   governance.TaskWorking,
		TaskFails:    governance.TaskFailed,
		TaskTimesOut: governance.TaskTimedOut,
	},
	governance.TaskWorking: {
		TaskBegins:   governance.TaskWorking,
		TaskWaits:    governance.TaskWaiting,
		TaskSucceeds: governance.TaskSucceeded,
		TaskFails:    governance.TaskFailed,
		TaskTimesOut: governance.TaskTimedOut,
	},
	governance.TaskWaiting: {
		TaskSucceeds: governance.TaskSucceeded,
		TaskFails:    governance.TaskFailed,
		TaskTimesOut: governance.TaskTimedOut,
	},
	governance.TaskSucceeded: {
		TaskIsTold: governance.TaskResumed,
		TaskLapses: governance.TaskNotResumed,
	},
	governance.TaskFailed: {
		TaskIsTold: governance.TaskResumed,
		TaskLapses: governance.TaskNotResumed,
	},
	governance.TaskTimedOut:   {},
	governance.TaskResumed:    {},
	governance.TaskNotResumed: {},
}

// NextTask is the state that event leads to from state. Errors: CodeConflict if it leads nowhere.
func NextTask(state governance.TaskState, event TaskEvent) (governance.TaskState, error) {
	next, ok := taskTransitions[state][event]
	if !ok {
		return "", governance.Conflict("A callout that is %s cannot be changed this way (%s).", state, event)
	}
	return next, nil
}

const (
	// lastCall is how long before the end of a wait an answer is still sent: a later one might cross the source's own decision.
	lastCall = 10 * time.Second
	// patience is how long work is tried that nobody waits for.
	patience = 24 * time.Hour
	// longestTask is how long a lifecycle workflow waits at most, and longestRequest how long entitlement management does.
	longestTask, longestRequest = 3 * time.Hour, 14 * 24 * time.Hour
)

// TaskID is the id of a task: the same for a repetition of it.
func TaskID(action string, call governance.TaskCall) string {
	return governance.NameID("callout:" + strings.Join([]string{action, string(call.Source), string(call.Stage), call.RequestID, call.StageInstanceID}, ":"))
}

// Deadline is when the source of a task stops waiting, or when work that nobody waits for is given up.
func Deadline(call governance.TaskCall, now time.Time) time.Time {
	if !call.Waits {
		return now.Add(patience)
	}
	from := now
	if !call.SentAt.IsZero() && call.SentAt.Before(now) {
		from = call.SentAt
	}
	longest := longestRequest
	if call.Source == governance.SourceLifecycle {
		longest = longestTask
	}
	end := from.Add(longest)
	if !call.Timeout.IsZero() {
		if asked := call.Timeout.AddTo(from); asked.Before(end) {
			end = asked
		}
	}
	return end
}

// over are the states of a request in which nothing waits for an extension any more.
var over = map[governance.TaskStage][]string{
	governance.StageRequestCreated:  {"denied", "canceled", "expired", "delivered", "deliveryFailed", "fulfilled"}, // not delivering: what nobody has to approve is that at once
	governance.StageRequestApproved: {"denied", "canceled", "expired", "delivered", "fulfilled"},
	governance.StageRequestGranted:  {"denied", "canceled"},
}

// AcceptTask takes a task of an application on. A repetition is an empty change. Errors: CodeConflict for a stage that is over.
func AcceptTask(s State, by governance.Caller, task governance.Task, requestState string, now time.Time) (Change, error) {
	if _, known := Find[governance.Task](s, task.ID); known {
		return Change{}, nil
	}
	if slices.ContainsFunc(over[task.Stage], func(state string) bool { return strings.EqualFold(state, requestState) }) {
		return Change{}, governance.Conflict("The stage %s is over: the request is %s.", task.Stage, strings.ToLower(requestState))
	}
	if !task.DeadlineTime.After(now) {
		return Change{}, governance.Conflict("The stage %s is over: its time has passed.", task.Stage)
	}
	order := governance.TaskStages()
	for _, mark := range s.Head.Marks {
		if mark.RequestID == task.RequestID && slices.Index(order, mark.Stage) > slices.Index(order, task.Stage) {
			return Change{}, governance.Conflict("The stage %s is over: the request has come to %s.", task.Stage, mark.Stage)
		}
	}
	task.State, task.AcceptedDateTime = governance.TaskAccepted, governance.At(now)
	change := changedTask(task, by, true, fmt.Sprintf("accepted: %s for the stage %s", task.Action, task.Stage), now)
	change.effect(taskEffect(task))
	return change, nil
}

// BeginTask marks the work as begun. An empty change means that it was before. Errors: CodeConflict if it is over or was never accepted.
func BeginTask(s State, id string, now time.Time) (Change, error) {
	task, err := openTask(s, id)
	if err != nil || task.State == governance.TaskWorking {
		return Change{}, err
	}
	if task.State, err = NextTask(task.State, TaskBegins); err != nil {
		return Change{}, err
	}
	task.BeganDateTime = governance.At(now)
	return Change{Write: []governance.Document{task}}, nil
}

// IsSuperseded says whether a newer task has taken over what this one works on.
func IsSuperseded(s State, task governance.Task) bool {
	return task.Claim != "" && NewestTask(s, task) != task.ID
}

// NewestTask is the id of the task that was accepted last among those with the claim of this one; empty: there is none, or it was too long ago to be known.
func NewestTask(s State, task governance.Task) string {
	for _, one := range s.Head.Claims {
		if one.Key == task.Claim {
			return one.TaskID
		}
	}
	return ""
}

// RecordTaskStep notes that a step is done. Errors: CodeConflict if the task is not being worked on, or a newer one has taken over.
func RecordTaskStep(s State, id, step, note string, now time.Time) (Change, error) {
	task, err := openTask(s, id)
	if err != nil {
		return Change{}, err
	}
	if task.State != governance.TaskWorking && task.State != governance.TaskWaiting || IsSuperseded(s, task) {
		return Change{}, governance.Conflict("The callout is not being worked on.")
	}
	task.Steps = slices.DeleteFunc(slices.Clone(task.Steps), func(one governance.TaskStep) bool { return one.Name == step })
	if len(task.Steps) >= governance.MaxTaskSteps {
		return Change{}, governance.Conflict("The callout has too many steps.")
	}
	task.Steps = append(task.Steps, governance.TaskStep{Name: step, Note: clipDetail(note), DateTime: governance.At(now)})
	return Change{Write: []governance.Document{task}}, nil
}

// PromiseFollowUp notes when what is about to be done for a time is to be undone. It comes before the doing: whatever becomes of the task afterwards, somebody looks.
// Errors: as those of RecordTaskStep.
func PromiseFollowUp(s State, id string, when time.Time) (Change, error) {
	task, err := openTask(s, id)
	if err != nil {
		return Change{}, err
	}
	if task.State != governance.TaskWorking || IsSuperseded(s, task) {
		return Change{}, governance.Conflict("The callout is not being worked on.")
	}
	task.FollowUpDateTime = governance.At(when)
	return Change{Write: []governance.Document{task}}, nil
}

// WaitTask leaves the task to somebody else.
func WaitTask(s State, id, detail string, now time.Time) (Change, error) {
	task, err := movedTask(s, id, TaskWaits)
	if err != nil {
		return Change{}, err
	}
	task.Detail = clipDetail(detail)
	return changedTask(task, governance.System(), true, detail, now), nil
}

// TaskResult is how the work for a task ended, or its undoing.
type TaskResult struct {
	Failed bool
	Detail string
}

// stepTelling is recorded before the source may be told for the first time.
const stepTelling = "telling"

// EndTask records how the work ended. byWho is who ended it: Latchkey's own worker tells the source right away; when it is somebody else, an effect sees to the rest.
func EndTask(s State, id string, result TaskResult, byWho governance.Caller, now time.Time) (Change, error) {
	event := TaskSucceeds
	if result.Failed {
		event = TaskFails
	}
	task, err := movedTask(s, id, event)
	if err != nil {
		return Change{}, err
	}
	task.Succeeded, task.Detail, task.EndedDateTime = !result.Failed, clipDetail(result.Detail), governance.At(now)
	if task.Waits && byWho.Kind == governance.CallerSystem {
		task.Steps = append(slices.Clone(task.Steps), governance.TaskStep{Name: stepTelling, DateTime: governance.At(now)})
	}
	change := changedTask(task, byWho, task.Succeeded, task.Detail, now)
	if task.Waits && byWho.Kind != governance.CallerSystem {
		change.effect(taskEffect(task))
	}
	return change, nil
}

// TimeOutTask gives the work up because its time is over.
func TimeOutTask(s State, id string, now time.Time) (Change, error) {
	task, err := movedTask(s, id, TaskTimesOut)
	if err != nil {
		return Change{}, err
	}
	task.EndedDateTime = governance.At(now)
	task.Detail = "The work did not end in time and was given up."
	if task.Waits {
		task.Detail = "The work did not end before the request stopped waiting; no answer was sent."
	}
	return changedTask(task, governance.System(), false, task.Detail, now), nil
}

// BeginTelling records that the source is about to be told. before says that it was recorded before: somebody may have told it already. Errors: CodeConflict if there is nothing to tell any more.
func BeginTelling(s State, id string, now time.Time) (change Change, before bool, err error) {
	task, ok := Find[governance.Task](s, id)
	if !ok {
		return Change{}, false, governance.NotFound("There is no callout %s.", id)
	}
	if _, err := NextTask(task.State, TaskIsTold); err != nil {
		return Change{}, false, err
	}
	if _, before := task.Done(stepTelling); before {
		return Change{}, true, nil
	}
	task.Steps = append(slices.Clone(task.Steps), governance.TaskStep{Name: stepTelling, DateTime: governance.At(now)})
	return Change{Write: []governance.Document{task}}, false, nil
}

// TellTask records whether the source was told how the work ended, and if not, why.
func TellTask(s State, id string, told bool, detail string, now time.Time) (Change, error) {
	task, ok := Find[governance.Task](s, id)
	if !ok {
		return Change{}, governance.NotFound("There is no callout %s.", id)
	}
	event := TaskIsTold
	if !told {
		event = TaskLapses
	}
	var err error
	if task.State, err = NextTask(task.State, event); err != nil {
		return Change{}, err
	}
	if !told {
		task.Detail = clipDetail(strings.TrimSpace(task.Detail + " " + detail))
	}
	return changedTask(task, governance.System(), told, detail, now), nil
}

// The steps of a task whose follow-up has begun, and is done.
const (
	StepUndoing  = "undoing"
	StepFollowUp = "followUp"
)

// BeginFollowUp records that what was done for a time is about to be undone, so that nobody does it again. An empty change means that it is recorded. Errors: CodeConflict if it is undone already.
func BeginFollowUp(s State, id string, now time.Time) (Change, error) {
	task, _ := Find[governance.Task](s, id)
	if task.FollowUpDateTime == nil {
		return Change{}, governance.Conflict("The callout is followed up already.")
	}
	if _, begun := task.Done(StepUndoing); begun {
		return Change{}, nil
	}
	task.Steps = append(slices.Clone(task.Steps), governance.TaskStep{Name: StepUndoing, DateTime: governance.At(now)})
	return Change{Write: []governance.Document{task}}, nil
}

// FollowUpTask records that what was done for a time is undone, or for good cannot be. Errors: CodeConflict if it was recorded before.
func FollowUpTask(s State, id string, result TaskResult, now time.Time) (Change, error) {
	task, _ := Find[governance.Task](s, id)
	if task.FollowUpDateTime == nil {
		return Change{}, governance.Conflict("The callout is followed up already.")
	}
	task.FollowUpDateTime = nil
	task.Steps = append(slices.Clone(task.Steps), governance.TaskStep{Name: StepFollowUp, Note: clipDetail(result.Detail), DateTime: governance.At(now)})
	return changedTask(task, governance.System(), !result.Failed, result.Detail, now), nil
}

// MayTell says whether there is still time to tell the source of a task how its work ended.
func MayTell(task governance.Task, now time.Time) bool {
	return now.Add(lastCall).Before(task.DeadlineTime.Instant())
}

func openTask(s State, id string) (governance.Task, error) {
	task, ok := Find[governance.Task](s, id)
	switch {
	case !ok:
		return task, governance.NotFound("There is no callout %s.", id)
	case !task.State.IsOpen():
		return task, governance.Conflict("The callout is %s already.", task.State)
	}
	return task, nil
}

// movedTask is an open task after an event.
func movedTask(s State, id string, event TaskEvent) (governance.Task, error) {
	task, err := openTask(s, id)
	if err == nil {
		task.State, err = NextTask(task.State, event)
	}
	return task, err
}

func taskEffect(task governance.Task) governance.Effect {
	effect := governance.EffectOf(task, governance.WorkTask)
	effect.RequestID = task.RequestID
	return effect
}

// changedTask is the change of a task that the audit trail tells of.
func changedTask(task governance.Task, by governance.Caller, well bool, detail string, now time.Time) Change {
	result := "success"
	if !well {
		result = "failure"
	}
	return Change{Write: []governance.Document{task}, Audit: []governance.AuditEntry{{
		Activity: governance.ActivityTask, ActivityDateTime: governance.At(now), Result: result, InitiatedBy: by.Initiator(),
		TargetID: task.ID, CorrelationID: task.RequestID, AuditPersonal: governance.AuditPersonal{Detail: clipDetail(detail)},
	}}}
}

func clipDetail(text string) string {
	text = governance.OneLine(text)
	if len(text) > governance.MaxTaskDetail {
		text = strings.ToValidUTF8(text[:governance.MaxTaskDetail], "") + "…"
	}
	return text
}
