package governance

import (
	"encoding/json"
	"slices"
	"time"
)

// CalloutSource says who called out.
type CalloutSource string

// The sources.
const (
	SourceEntitlement CalloutSource = "entitlementManagement"
	SourceLifecycle   CalloutSource = "lifecycleWorkflows"
)

// CalloutStage is when in its process the source called out. The values are Graph's (RULES EXT-01), and one for a task of a lifecycle workflow.
type CalloutStage string

// The stages.
const (
	StageRequestCreated     CalloutStage = "assignmentRequestCreated"
	StageRequestApproved    CalloutStage = "assignmentRequestApproved"
	StageRequestGranted     CalloutStage = "assignmentRequestGranted"
	StageRequestRemoved     CalloutStage = "assignmentRequestRemoved"
	StageFourteenDaysBefore CalloutStage = "assignmentFourteenDaysBeforeExpiration"
	StageOneDayBefore       CalloutStage = "assignmentOneDayBeforeExpiration"
	StageLifecycleTask      CalloutStage = "lifecycleTask"

	// StageConnectionTest is the call that is made when an extension is created (RULES EXT-10). Nothing is done for it.
	StageConnectionTest CalloutStage = "CustomExtensionConnectionTest"
)

// CalloutStages lists the stages that work is done for, those of a request in their order.
func CalloutStages() []CalloutStage {
	return []CalloutStage{StageRequestCreated, StageRequestApproved, StageRequestGranted, StageRequestRemoved, StageFourteenDaysBefore, StageOneDayBefore, StageLifecycleTask}
}

// MayWait says whether the source can wait for an answer at a stage (RULES EXT-03, EXT-14).
func (s CalloutStage) MayWait() bool {
	return slices.Contains([]CalloutStage{StageRequestCreated, StageRequestApproved, StageRequestGranted, StageRequestRemoved, StageLifecycleTask}, s)
}

// IsRemoval says whether access ends at a stage.
func (s CalloutStage) IsRemoval() bool { return s == StageRequestRemoved }

// CalloutState says where the work for a callout stands; shared/engine has the table of what follows what.
type CalloutState string

// The states.
const (
	CalloutAccepted   CalloutState = "accepted"         // committed, not begun
	CalloutWorking    CalloutState = "working"          // begun, or tried again
	CalloutWaiting    CalloutState = "waitingForTicket" // somebody else's turn: the answer to a ticket, or the person who is to see a pass
	CalloutSucceeded  CalloutState = "succeeded"        // done; if the source waits, it is not told yet
	CalloutFailed     CalloutState = "failed"           // failed for good; likewise
	CalloutTimedOut   CalloutState = "timedOut"         // the source has stopped waiting before the work ended
	CalloutResumed    CalloutState = "resumed"          // the source was told
	CalloutNotResumed CalloutState = "notResumed"       // the source could not be told, or would have been told too late
)

// IsOpen says whether there is work left to do.
func (s CalloutState) IsOpen() bool {
	return s == CalloutAccepted || s == CalloutWorking || s == CalloutWaiting
}

// Named is a thing by its id and name.
type Named struct {
	ID          string `json:"id,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
}

// CalloutStep is a step of an action that is done, so that it is not done again.
type CalloutStep struct {
	Name     string    `json:"name"`
	Note     string    `json:"note,omitempty"`
	DateTime *DateTime `json:"dateTime"`
}

// Callout is one call of a source and the work for it. It lies in the partition of the person whom it is about. It holds ids and outcomes, never a secret.
type Callout struct {
	ID              string          `json:"id"`
	Action          string          `json:"action"` // the name of the action, as in the path
	Kind            string          `json:"kind"`   // what the action does
	Settings        json.RawMessage `json:"settings"`
	OnFailure       OnFailure       `json:"onFailure"`
	Source          CalloutSource   `json:"source"`
	Stage           CalloutStage    `json:"stage"`
	RequestID       string          `json:"requestId"`
	StageInstanceID string          `json:"customExtensionStageInstanceId,omitempty"`
	ResumePath      string          `json:"resumePath,omitempty"` // below the version of Graph; made from ids, never taken as it came
	AccessPackage   Named           `json:"accessPackage,omitzero"`
	Catalog         Named           `json:"catalog,omitzero"`
	Target          Subject         `json:"target"`
	Requestor       Subject         `json:"requestor,omitzero"`
	Waits           bool            `json:"waits"`
	DeadlineTime    *DateTime       `json:"deadlineDateTime,omitempty"` // when the source stops waiting, or when the work is given up

	State     CalloutState  `json:"state"`
	Succeeded bool          `json:"succeeded"` // how the work ended, whatever became of telling the source
	Detail    string        `json:"detail,omitempty"`
	Steps     []CalloutStep `json:"steps,omitempty"`
	Claim     string        `json:"claim,omitempty"` // what no two callouts may work on at a time; the newest has it

	AcceptedDateTime *DateTime `json:"acceptedDateTime"`
	BeganDateTime    *DateTime `json:"beganDateTime,omitempty"`
	EndedDateTime    *DateTime `json:"endedDateTime,omitempty"`
	FollowUpDateTime *DateTime `json:"followUpDateTime,omitempty"` // when what was done for a time is undone
}

// Done says whether a step is done, and its note.
func (c *Callout) Done(step string) (string, bool) {
	for _, one := range c.Steps {
		if one.Name == step {
			return one.Note, true
		}
	}
	return "", false
}

// CalloutClaim is a callout's hold on something that callouts of the same person must do one after the other, the newest last.
type CalloutClaim struct {
	Key       string `json:"key"`
	CalloutID string `json:"calloutId"`
}

// CalloutMark remembers how far a source's request has come, so that a callout of a stage that is over is known.
type CalloutMark struct {
	RequestID string       `json:"requestId"`
	Stage     CalloutStage `json:"stage"`
}

// Limits of the callouts of one subject.
const (
	MaxCalloutClaims = 100
	MaxCalloutMarks  = 50
	MaxCalloutSteps  = 20
	MaxCalloutDetail = 500
)

// DocumentKind implements Document.
func (Callout) DocumentKind() string { return "task" }

// DocumentID implements Document.
func (c Callout) DocumentID() string { return c.ID }

// Due implements Dated. Nothing is undone before the work has ended.
func (c Callout) Due() time.Time { return earliest(c.Deadlines()) }

// What happens to a companion task by itself.
const (
	DeadlineGivenUp  = "givenUp"  // the source waits no more, or the work is given up
	DeadlineFollowUp = "followUp" // what was done for a time is undone
)

// Deadlines are what happens to a companion task by itself, and when.
func (c Callout) Deadlines() []Deadline {
	ends := Deadline{DeadlineGivenUp, c.DeadlineTime.Instant()}
	if c.State.IsOpen() {
		return []Deadline{ends}
	}
	deadlines := []Deadline{{DeadlineFollowUp, c.FollowUpDateTime.Instant()}}
	if c.Waits && (c.State == CalloutSucceeded || c.State == CalloutFailed) { // the source is not told yet
		deadlines = append(deadlines, ends)
	}
	return deadlines
}

// Enter implements Heading: the newest that is accepted has the claim, and keeps it when it has ended, so that who comes late knows what is to be so.
func (c Callout) Enter(head *Head) {
	if c.State != CalloutAccepted {
		return
	}
	marks := slices.DeleteFunc(slices.Clone(head.Marks), func(m CalloutMark) bool { return m.RequestID == c.RequestID })
	marks = append(marks, CalloutMark{RequestID: c.RequestID, Stage: c.Stage})
	head.Marks = marks[max(0, len(marks)-MaxCalloutMarks):]
	if c.Claim != "" {
		claims := slices.DeleteFunc(slices.Clone(head.Claims), func(one CalloutClaim) bool { return one.Key == c.Claim })
		claims = append(claims, CalloutClaim{Key: c.Claim, CalloutID: c.ID})
		head.Claims = claims[max(0, len(claims)-MaxCalloutClaims):]
	}
}
