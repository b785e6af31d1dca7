package governance

import (
	"encoding/json"
	"slices"
	"time"
)

// TaskSource says who called out.
type TaskSource string

// The sources.
const (
	SourceEntitlement TaskSource = "entitlementManagement"
	SourceLifecycle   TaskSource = "lifecycleWorkflows"
)

// TaskStage is when in its process the source called out. The values are Graph's (EXT-01), and one for a task of a lifecycle workflow.
type TaskStage string

// The stages.
const (
	StageRequestCreated     TaskStage = "assignmentRequestCreated"
	StageRequestApproved    TaskStage = "assignmentRequestApproved"
	StageRequestGranted     TaskStage = "assignmentRequestGranted"
	StageRequestRemoved     TaskStage = "assignmentRequestRemoved"
	StageFourteenDaysBefore TaskStage = "assignmentFourteenDaysBeforeExpiration"
	StageOneDayBefore       TaskStage = "assignmentOneDayBeforeExpiration"
	StageLifecycleTask      TaskStage = "lifecycleTask"

	// StageConnectionTest is the call that is made when an extension is created (EXT-10). Nothing is done for it.
	StageConnectionTest TaskStage = "CustomExtensionConnectionTest"
)

// TaskStages lists the stages that work is done for, those of a request in their order.
func TaskStages() []TaskStage {
	return []TaskStage{StageRequestCreated, StageRequestApproved, StageRequestGranted, StageRequestRemoved, StageFourteenDaysBefore, StageOneDayBefore, StageLifecycleTask}
}

// MayWait says whether the source can wait for an answer at a stage (EXT-03, EXT-14).
func (s TaskStage) MayWait() bool {
	return slices.Contains([]TaskStage{StageRequestCreated, StageRequestApproved, StageRequestGranted, StageRequestRemoved, StageLifecycleTask}, s)
}

// IsRemoval says whether access ends at a stage.
func (s TaskStage) IsRemoval() bool { return s == StageRequestRemoved }

// TaskState says where the work for a task stands; shared/engine has the table of what follows what.
type TaskState string

// The states.
const (
	TaskAccepted   TaskState = "accepted"         // committed, not begun
	TaskWorking    TaskState = "working"          // begun, or tried again
	TaskWaiting    TaskState = "waitingForTicket" // somebody else's turn: the answer to a ticket, or the person who is to see a pass
	TaskSucceeded  TaskState = "succeeded"        // done; if the source waits, it is not told yet
	TaskFailed     TaskState = "failed"           // failed for good; likewise
	TaskTimedOut   TaskState = "timedOut"         // the source has stopped waiting before the work ended
	TaskResumed    TaskState = "resumed"          // the source was told
	TaskNotResumed TaskState = "notResumed"       // the source could not be told, or would have been told too late
)

// IsOpen says whether there is work left to do.
func (s TaskState) IsOpen() bool {
	return s == TaskAccepted || s == TaskWorking || s == TaskWaiting
}

// Named is a thing by its id and name.
type Named struct {
	ID          string `json:"id,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
}

// TaskStep is a step of an action that is done, so that it is not done again.
type TaskStep struct {
	Name     string    `json:"name"`
	Note     string    `json:"note,omitempty"`
	DateTime *DateTime `json:"dateTime"`
}

// Task is a companion task: one call of a source, which hands work in, and that work. It lies in the partition of the person whom it is about. It holds ids and outcomes, never a secret.
type Task struct {
	ID              string          `json:"id"`
	Action          string          `json:"action"` // the name of the action, as in the path
	Kind            string          `json:"kind"`   // what the action does
	Settings        json.RawMessage `json:"settings"`
	OnFailure       OnFailure       `json:"onFailure"`
	Source          TaskSource      `json:"source"`
	Stage           TaskStage       `json:"stage"`
	RequestID       string          `json:"requestId"`
	StageInstanceID string          `json:"customExtensionStageInstanceId,omitempty"`
	ResumePath      string          `json:"resumePath,omitempty"` // below the version of Graph; made from ids, never taken as it came
	AccessPackage   Named           `json:"accessPackage,omitzero"`
	Catalog         Named           `json:"catalog,omitzero"`
	Target          Subject         `json:"target"`
	Requestor       Subject         `json:"requestor,omitzero"`
	Waits           bool            `json:"waits"`
	DeadlineTime    *DateTime       `json:"deadlineDateTime,omitempty"` // when the source stops waiting, or when the work is given up

	State     TaskState  `json:"state"`
	Succeeded bool       `json:"succeeded"` // how the work ended, whatever became of telling the source
	Detail    string     `json:"detail,omitempty"`
	Steps     []TaskStep `json:"steps,omitempty"`
	Claim     string     `json:"claim,omitempty"` // what no two tasks may work on at a time; the newest has it

	AcceptedDateTime *DateTime `json:"acceptedDateTime"`
	BeganDateTime    *DateTime `json:"beganDateTime,omitempty"`
	EndedDateTime    *DateTime `json:"endedDateTime,omitempty"`
	FollowUpDateTime *DateTime `json:"followUpDateTime,omitempty"` // when what was done for a time is undone
}

// Done says whether a step is done, and its note.
func (t *Task) Done(step string) (string, bool) {
	for _, one := range t.Steps {
		if one.Name == step {
			return one.Note, true
		}
	}
	return "", false
}

// TaskClaim is a task's hold on something that tasks of the same person must do one after the other, the newest last.
type TaskClaim struct {
	Key    string `json:"key"`
	TaskID string `json:"taskId"`
}

// TaskMark remembers how far a source's request has come, so that a task of a stage that is over is known.
type TaskMark struct {
	RequestID string    `json:"requestId"`
	Stage     TaskStage `json:"stage"`
}

// Limits of the tasks of one subject.
const (
	MaxTaskClaims = 100
	MaxTaskMarks  = 50
	MaxTaskSteps  = 20
	MaxTaskDetail = 500
)

// DocumentKind implements Document.
func (Task) DocumentKind() string { return "task" }

// DocumentID implements Document.
func (t Task) DocumentID() string { return t.ID }

// Due is when something must happen to it next; zero: never. Nothing is undone before the work has ended.
func (t Task) Due() time.Time { return Earliest(t.Deadlines()) }

// What happens to a companion task by itself.
const (
	DeadlineGivenUp  = "givenUp"  // the source waits no more, or the work is given up
	DeadlineFollowUp = "followUp" // what was done for a time is undone
)

// Deadlines are what happens to a companion task by itself, and when.
func (t Task) Deadlines() []Deadline {
	ends := Deadline{DeadlineGivenUp, t.DeadlineTime.Instant()}
	if t.State.IsOpen() {
		return []Deadline{ends}
	}
	deadlines := []Deadline{{DeadlineFollowUp, t.FollowUpDateTime.Instant()}}
	if t.Waits && (t.State == TaskSucceeded || t.State == TaskFailed) { // the source is not told yet
		deadlines = append(deadlines, ends)
	}
	return deadlines
}

// Enter implements Heading: the newest that is accepted has the claim, and keeps it when it has ended, so that who comes late knows what is to be so.
func (t Task) Enter(head *Head) {
	if t.State != TaskAccepted {
		return
	}
	marks := slices.DeleteFunc(slices.Clone(head.Marks), func(m TaskMark) bool { return m.RequestID == t.RequestID })
	marks = append(marks, TaskMark{RequestID: t.RequestID, Stage: t.Stage})
	head.Marks = marks[max(0, len(marks)-MaxTaskMarks):]
	if t.Claim != "" {
		claims := slices.DeleteFunc(slices.Clone(head.Claims), func(one TaskClaim) bool { return one.Key == t.Claim })
		claims = append(claims, TaskClaim{Key: t.Claim, TaskID: t.ID})
		head.Claims = claims[max(0, len(claims)-MaxTaskClaims):]
	}
}
