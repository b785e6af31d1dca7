package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// CalloutEvent is what happens to a callout.
type CalloutEvent string

// The events of a callout's life.
const (
	CalloutBegins   CalloutEvent = "begins"   // its work is begun, or taken up again
	CalloutWaits    CalloutEvent = "waits"    // it is somebody else's turn
	CalloutSucceeds CalloutEvent = "succeeds" //
	CalloutFails    CalloutEvent = "fails"    // for good
	CalloutTimesOut CalloutEvent = "timesOut" // before the work ended
	CalloutIsTold   CalloutEvent = "isTold"   // the source has the answer
	CalloutLapses   CalloutEvent = "lapses"   // the source cannot be told any more
)

// CalloutEvents lists all of them.
func CalloutEvents() []CalloutEvent {
	return []CalloutEvent{CalloutBegins, CalloutWaits, CalloutSucceeds, CalloutFails, CalloutTimesOut, CalloutIsTold, CalloutLapses}
}

// calloutTransitions is the life of a callout: the only place that says which state follows which. What is not in it does not happen, so a wait is answered or timed out, never both.
var calloutTransitions = map[governance.CalloutState]map[CalloutEvent]governance.CalloutState{
	governance.CalloutAccepted: {
		CalloutBegins:   governance.CalloutWorking,
		CalloutFails:    governance.CalloutFailed,
		CalloutTimesOut: governance.CalloutTimedOut,
	},
	governance.CalloutWorking: {
		CalloutBegins:   governance.CalloutWorking,
		CalloutWaits:    governance.CalloutWaiting,
		CalloutSucceeds: governance.CalloutSucceeded,
		CalloutFails:    governance.CalloutFailed,
		CalloutTimesOut: governance.CalloutTimedOut,
	},
	governance.CalloutWaiting: {
		CalloutSucceeds: governance.CalloutSucceeded,
		CalloutFails:    governance.CalloutFailed,
		CalloutTimesOut: governance.CalloutTimedOut,
	},
	governance.CalloutSucceeded: {
		CalloutIsTold: governance.CalloutResumed,
		CalloutLapses: governance.CalloutNotResumed,
	},
	governance.CalloutFailed: {
		CalloutIsTold: governance.CalloutResumed,
		CalloutLapses: governance.CalloutNotResumed,
	},
	governance.CalloutTimedOut:   {},
	governance.CalloutResumed:    {},
	governance.CalloutNotResumed: {},
}

// NextCallout is the state that event leads to from state. Errors: CodeConflict if it leads nowhere.
func NextCallout(state governance.CalloutState, event CalloutEvent) (governance.CalloutState, error) {
	next, ok := calloutTransitions[state][event]
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
	// longestTask is how long a lifecycle workflow waits for a task at most, and entitlement management for a callout.
	longestTask, longestRequest = 3 * time.Hour, 14 * 24 * time.Hour
)

// CalloutID is the id of a callout: the same for a repetition of it.
func CalloutID(action string, call governance.CalloutCall) string {
	return governance.NameID("callout:" + strings.Join([]string{action, string(call.Source), string(call.Stage), call.RequestID, call.StageInstanceID}, ":"))
}

// Deadline is when the source of a callout stops waiting, or when work that nobody waits for is given up.
func Deadline(call governance.CalloutCall, now time.Time) time.Time {
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
var over = map[governance.CalloutStage][]string{
	governance.StageRequestCreated:  {"denied", "canceled", "expired", "delivered", "deliveryFailed", "fulfilled"}, // not delivering: what nobody has to approve is that at once
	governance.StageRequestApproved: {"denied", "canceled", "expired", "delivered", "fulfilled"},
	governance.StageRequestGranted:  {"denied", "canceled"},
}

// AcceptCallout takes a callout of an application on. A repetition is an empty change. Errors: CodeConflict for a stage that is over.
func AcceptCallout(s State, by governance.Caller, callout governance.Callout, requestState string, now time.Time) (Change, error) {
	if _, known := Find[governance.Callout](s, callout.ID); known {
		return Change{}, nil
	}
	if slices.ContainsFunc(over[callout.Stage], func(state string) bool { return strings.EqualFold(state, requestState) }) {
		return Change{}, governance.Conflict("The stage %s is over: the request is %s.", callout.Stage, strings.ToLower(requestState))
	}
	if !callout.DeadlineTime.After(now) {
		return Change{}, governance.Conflict("The stage %s is over: its time has passed.", callout.Stage)
	}
	order := governance.CalloutStages()
	for _, mark := range s.Head.Marks {
		if mark.RequestID == callout.RequestID && slices.Index(order, mark.Stage) > slices.Index(order, callout.Stage) {
			return Change{}, governance.Conflict("The stage %s is over: the request has come to %s.", callout.Stage, mark.Stage)
		}
	}
	callout.State, callout.AcceptedDateTime = governance.CalloutAccepted, governance.At(now)
	audit := calloutEntry(callout, now, fmt.Sprintf("accepted: %s for the stage %s", callout.Action, callout.Stage))
	audit.InitiatedBy = by.Initiator()
	return Change{Write: []governance.Document{callout}, Audit: []governance.AuditEntry{audit}, Effects: []governance.Effect{calloutEffect(callout)}}, nil
}

// BeginCallout marks the work as begun. An empty change means that it was before. Errors: CodeConflict if it is over or was never accepted.
func BeginCallout(s State, id string, now time.Time) (Change, error) {
	callout, err := openCallout(s, id)
	if err != nil || callout.State == governance.CalloutWorking {
		return Change{}, err
	}
	if err := moveCallout(&callout, CalloutBegins); err != nil {
		return Change{}, err
	}
	callout.BeganDateTime = governance.At(now)
	return Change{Write: []governance.Document{callout}}, nil
}

// IsSuperseded says whether a newer callout has taken over what this one works on.
func IsSuperseded(s State, callout governance.Callout) bool {
	return callout.Claim != "" && NewestCallout(s, callout) != callout.ID
}

// NewestCallout is the id of the callout that was accepted last among those with the claim of this one; empty: there is none, or it was too long ago to be known.
func NewestCallout(s State, callout governance.Callout) string {
	for _, one := range s.Head.Claims {
		if one.Key == callout.Claim {
			return one.CalloutID
		}
	}
	return ""
}

// RecordCalloutStep notes that a step is done. Errors: CodeConflict if the callout is not being worked on, or a newer one has taken over.
func RecordCalloutStep(s State, id, step, note string, now time.Time) (Change, error) {
	callout, err := openCallout(s, id)
	if err != nil {
		return Change{}, err
	}
	if callout.State != governance.CalloutWorking && callout.State != governance.CalloutWaiting || IsSuperseded(s, callout) {
		return Change{}, governance.Conflict("The callout is not being worked on.")
	}
	callout.Steps = slices.DeleteFunc(slices.Clone(callout.Steps), func(one governance.CalloutStep) bool { return one.Name == step })
	if len(callout.Steps) >= governance.MaxCalloutSteps {
		return Change{}, governance.Conflict("The callout has too many steps.")
	}
	callout.Steps = append(callout.Steps, governance.CalloutStep{Name: step, Note: clipDetail(note), DateTime: governance.At(now)})
	return Change{Write: []governance.Document{callout}}, nil
}

// PromiseFollowUp notes when what is about to be done for a time is to be undone. It comes before the doing: whatever becomes of the callout afterwards, somebody looks.
// Errors: as those of RecordCalloutStep.
func PromiseFollowUp(s State, id string, when time.Time) (Change, error) {
	callout, err := openCallout(s, id)
	if err != nil {
		return Change{}, err
	}
	if callout.State != governance.CalloutWorking || IsSuperseded(s, callout) {
		return Change{}, governance.Conflict("The callout is not being worked on.")
	}
	callout.FollowUpDateTime = governance.At(when)
	return Change{Write: []governance.Document{callout}}, nil
}

// WaitCallout leaves the callout to somebody else.
func WaitCallout(s State, id, detail string, now time.Time) (Change, error) {
	callout, err := openCallout(s, id)
	if err != nil {
		return Change{}, err
	}
	if err := moveCallout(&callout, CalloutWaits); err != nil {
		return Change{}, err
	}
	callout.Detail = clipDetail(detail)
	return Change{Write: []governance.Document{callout}, Audit: []governance.AuditEntry{calloutEntry(callout, now, detail)}}, nil
}

// CalloutResult is how the work for a callout ended, or its undoing.
type CalloutResult struct {
	Failed bool
	Detail string
}

// stepTelling is recorded before the source may be told for the first time.
const stepTelling = "telling"

// EndCallout records how the work ended. byWho is who ended it: Latchkey's own worker tells the source right away; when it is somebody else, an effect sees to the rest.
func EndCallout(s State, id string, result CalloutResult, byWho governance.Caller, now time.Time) (Change, error) {
	callout, err := openCallout(s, id)
	if err != nil {
		return Change{}, err
	}
	event := CalloutSucceeds
	if result.Failed {
		event = CalloutFails
	}
	if err := moveCallout(&callout, event); err != nil {
		return Change{}, err
	}
	callout.Succeeded, callout.Detail, callout.EndedDateTime = !result.Failed, clipDetail(result.Detail), governance.At(now)
	if callout.Waits && byWho.Kind == governance.CallerSystem {
		callout.Steps = append(slices.Clone(callout.Steps), governance.CalloutStep{Name: stepTelling, DateTime: governance.At(now)})
	}
	audit := calloutEntry(callout, now, callout.Detail)
	audit.InitiatedBy = byWho.Initiator()
	if result.Failed {
		audit.Result = "failure"
	}
	change := Change{Write: []governance.Document{callout}, Audit: []governance.AuditEntry{audit}}
	if callout.Waits && byWho.Kind != governance.CallerSystem {
		change.Effects = append(change.Effects, calloutEffect(callout))
	}
	return change, nil
}

// TimeOutCallout gives the work up because its time is over.
func TimeOutCallout(s State, id string, now time.Time) (Change, error) {
	callout, err := openCallout(s, id)
	if err != nil {
		return Change{}, err
	}
	if err := moveCallout(&callout, CalloutTimesOut); err != nil {
		return Change{}, err
	}
	callout.EndedDateTime = governance.At(now)
	callout.Detail = "The work did not end in time and was given up."
	if callout.Waits {
		callout.Detail = "The work did not end before the request stopped waiting; no answer was sent."
	}
	audit := calloutEntry(callout, now, callout.Detail)
	audit.Result = "failure"
	return Change{Write: []governance.Document{callout}, Audit: []governance.AuditEntry{audit}}, nil
}

// BeginTelling records that the source is about to be told. before says that it was recorded before: somebody may have told it already. Errors: CodeConflict if there is nothing to tell any more.
func BeginTelling(s State, id string, now time.Time) (change Change, before bool, err error) {
	callout, ok := Find[governance.Callout](s, id)
	if !ok {
		return Change{}, false, governance.NotFound("There is no callout %s.", id)
	}
	if _, err := NextCallout(callout.State, CalloutIsTold); err != nil {
		return Change{}, false, err
	}
	if _, before := callout.Done(stepTelling); before {
		return Change{}, true, nil
	}
	callout.Steps = append(slices.Clone(callout.Steps), governance.CalloutStep{Name: stepTelling, DateTime: governance.At(now)})
	return Change{Write: []governance.Document{callout}}, false, nil
}

// TellCallout records whether the source was told how the work ended, and if not, why.
func TellCallout(s State, id string, told bool, detail string, now time.Time) (Change, error) {
	callout, ok := Find[governance.Callout](s, id)
	if !ok {
		return Change{}, governance.NotFound("There is no callout %s.", id)
	}
	event := CalloutIsTold
	if !told {
		event = CalloutLapses
	}
	if err := moveCallout(&callout, event); err != nil {
		return Change{}, err
	}
	audit := calloutEntry(callout, now, detail)
	if !told {
		callout.Detail = clipDetail(strings.TrimSpace(callout.Detail + " " + detail))
		audit.Result = "failure"
	}
	return Change{Write: []governance.Document{callout}, Audit: []governance.AuditEntry{audit}}, nil
}

// The steps of a callout whose follow-up has begun, and is done.
const (
	StepUndoing  = "undoing"
	StepFollowUp = "followUp"
)

// BeginFollowUp records that what was done for a time is about to be undone, so that nobody does it again. An empty change means that it is recorded. Errors: CodeConflict if it is undone already.
func BeginFollowUp(s State, id string, now time.Time) (Change, error) {
	callout, _ := Find[governance.Callout](s, id)
	if callout.FollowUpDateTime == nil {
		return Change{}, governance.Conflict("The callout is followed up already.")
	}
	if _, begun := callout.Done(StepUndoing); begun {
		return Change{}, nil
	}
	callout.Steps = append(slices.Clone(callout.Steps), governance.CalloutStep{Name: StepUndoing, DateTime: governance.At(now)})
	return Change{Write: []governance.Document{callout}}, nil
}

// FollowUpCallout records that what was done for a time is undone, or for good cannot be. Errors: CodeConflict if it was recorded before.
func FollowUpCallout(s State, id string, result CalloutResult, now time.Time) (Change, error) {
	callout, _ := Find[governance.Callout](s, id)
	if callout.FollowUpDateTime == nil {
		return Change{}, governance.Conflict("The callout is followed up already.")
	}
	callout.FollowUpDateTime = nil
	callout.Steps = append(slices.Clone(callout.Steps), governance.CalloutStep{Name: StepFollowUp, Note: clipDetail(result.Detail), DateTime: governance.At(now)})
	audit := calloutEntry(callout, now, result.Detail)
	if result.Failed {
		audit.Result = "failure"
	}
	return Change{Write: []governance.Document{callout}, Audit: []governance.AuditEntry{audit}}, nil
}

// MayTell says whether there is still time to tell the source of a callout how its work ended.
func MayTell(callout governance.Callout, now time.Time) bool {
	return now.Add(lastCall).Before(callout.DeadlineTime.Instant())
}

func openCallout(s State, id string) (governance.Callout, error) {
	callout, ok := Find[governance.Callout](s, id)
	switch {
	case !ok:
		return callout, governance.NotFound("There is no callout %s.", id)
	case !callout.State.IsOpen():
		return callout, governance.Conflict("The callout is %s already.", callout.State)
	}
	return callout, nil
}

func moveCallout(callout *governance.Callout, event CalloutEvent) error {
	next, err := NextCallout(callout.State, event)
	if err != nil {
		return err
	}
	callout.State = next
	return nil
}

func calloutEffect(callout governance.Callout) governance.Effect {
	effect := governance.EffectOf(callout, governance.WorkTask)
	effect.RequestID = callout.RequestID
	return effect
}

func calloutEntry(callout governance.Callout, now time.Time, detail string) governance.AuditEntry {
	return governance.AuditEntry{
		Activity: governance.ActivityCallout, ActivityDateTime: governance.At(now), Result: "success", InitiatedBy: governance.System().Initiator(),
		TargetID: callout.ID, CorrelationID: callout.RequestID, AuditPersonal: governance.AuditPersonal{Detail: clipDetail(detail)},
	}
}

func clipDetail(text string) string {
	text = governance.OneLine(text)
	if len(text) > governance.MaxCalloutDetail {
		text = strings.ToValidUTF8(text[:governance.MaxCalloutDetail], "") + "…"
	}
	return text
}
