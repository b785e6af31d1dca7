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
	calloutNow = start.Add(time.Hour)
	desk       = governance.Caller{Kind: governance.CallerExtension, AppID: "desk"}
	entra      = governance.Caller{Kind: governance.CallerExtension, AppID: "810dcf14-1858-4bf2-8134-4c369fa3235b"}
)

type calloutEdit = func(*governance.Callout)

// calloutIn is a callout that a source waits for, in a state.
func calloutIn(state governance.CalloutState, edits ...calloutEdit) governance.Callout {
	callout := governance.Callout{
		ID: "callout-1", Action: "passes", RequestID: "request-1", Stage: governance.StageRequestGranted, Waits: true, Claim: "pass", State: state, Detail: "so far",
		Steps: []governance.CalloutStep{{Name: "first", Note: "a", DateTime: governance.At(start)}}, DeadlineTime: governance.At(start.Add(2 * time.Hour)), AcceptedDateTime: governance.At(start),
	}
	for _, edit := range edits {
		edit(&callout)
	}
	return callout
}

func unawaited(c *governance.Callout)       { c.Waits = false }
func claimless(c *governance.Callout)       { c.Claim = "" }
func promised(c *governance.Callout)        { c.FollowUpDateTime = governance.At(start.AddDate(0, 0, 1)) }
func stepped(name, note string) calloutEdit { return steppedAt(name, note, calloutNow) }

func steppedAt(name, note string, at time.Time) calloutEdit {
	return func(c *governance.Callout) {
		c.Steps = append(slices.Clone(c.Steps), governance.CalloutStep{Name: name, Note: note, DateTime: governance.At(at)})
	}
}

// holding is a subject with a callout that has its claim.
func holding(callout governance.Callout) engine.State {
	return stateOf(governance.Head{ID: "s", Claims: []governance.CalloutClaim{{Key: "other", CalloutID: "callout-0"}, {Key: "pass", CalloutID: "callout-1"}}}, callout)
}

// superseded is a subject with a callout whose claim a newer one has.
func superseded(callout governance.Callout) engine.State {
	s := holding(callout)
	s.Head.Claims[1].CalloutID = "callout-2"
	return s
}

type calloutDecision = func(engine.State) (engine.Change, error)

func begins(s engine.State) (engine.Change, error) {
	return engine.BeginCallout(s, "callout-1", calloutNow)
}

func records(step, note string) calloutDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.RecordCalloutStep(s, "callout-1", step, note, calloutNow)
	}
}

func promises(s engine.State) (engine.Change, error) {
	return engine.PromiseFollowUp(s, "callout-1", start.AddDate(0, 0, 1))
}

func waits(detail string) calloutDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.WaitCallout(s, "callout-1", detail, calloutNow)
	}
}

func ends(failed bool, detail string, by governance.Caller) calloutDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.EndCallout(s, "callout-1", engine.CalloutResult{Failed: failed, Detail: detail}, by, calloutNow)
	}
}

func timesOut(s engine.State) (engine.Change, error) {
	return engine.TimeOutCallout(s, "callout-1", calloutNow)
}

// beginsTelling fails where what it says of before is not what it does.
func beginsTelling(s engine.State) (engine.Change, error) {
	change, before, err := engine.BeginTelling(s, "callout-1", calloutNow)
	if err == nil && before != change.IsEmpty() {
		err = errors.New("it says that it was recorded before, or not, and does the other")
	}
	return change, err
}

func tells(told bool, detail string) calloutDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.TellCallout(s, "callout-1", told, detail, calloutNow)
	}
}

func beginsFollowUp(s engine.State) (engine.Change, error) {
	return engine.BeginFollowUp(s, "callout-1", calloutNow)
}

func followsUp(failed bool, detail string) calloutDecision {
	return func(s engine.State) (engine.Change, error) {
		return engine.FollowUpCallout(s, "callout-1", engine.CalloutResult{Failed: failed, Detail: detail}, calloutNow)
	}
}

// Every decision in every state leads where it must, or is refused as a conflict; of a callout that there is not, it says so.
// rules: EXT-05 EXT-14
func TestWhatMayHappenToACalloutInEveryState(t *testing.T) {
	t.Parallel()
	const (
		accepted, working, waiting  = governance.CalloutAccepted, governance.CalloutWorking, governance.CalloutWaiting
		succeeded, failed, timedOut = governance.CalloutSucceeded, governance.CalloutFailed, governance.CalloutTimedOut
		resumed, notResumed         = governance.CalloutResumed, governance.CalloutNotResumed
	)
	type leads map[governance.CalloutState]governance.CalloutState
	for name, test := range map[string]struct {
		decide calloutDecision
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
		for _, state := range calloutStates {
			change, err := test.decide(holding(calloutIn(state)))
			switch want, ok := test.leads[state]; {
			case !ok:
				if governance.CodeOf(err) != governance.CodeConflict || !change.IsEmpty() {
					t.Errorf("%s when it is %s: %v, %s", name, state, err, text(t, change))
				}
			case err != nil:
				t.Errorf("%s when it is %s: %v", name, state, err)
			case len(engine.Written[governance.Callout](change)) == 0 && want != state, len(engine.Written[governance.Callout](change)) > 0 && engine.Written[governance.Callout](change)[0].State != want:
				t.Errorf("%s when it is %s: %s, want %s", name, state, text(t, change), want)
			}
		}
		if _, err := test.decide(engine.State{}); governance.CodeOf(err) != governance.CodeNotFound {
			t.Errorf("%s without a callout: %v", name, err)
		}
	}
	_, err := begins(holding(calloutIn(succeeded)))
	refused(t, err, governance.CodeConflict, "succeeded already")
}

// What each decision writes, wholly: the callout, the audit entry, the effect, and nothing of what it was given.
// rules: EXT-13 EXT-14 EXT-17 EXT-25
func TestWhatCalloutDecisionsWrite(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", governance.MaxCalloutDetail) // two bytes each
	clipped := "x" + strings.Repeat("ä", governance.MaxCalloutDetail/2-1) + "…"
	full := func(c *governance.Callout) {
		for n := len(c.Steps); n < governance.MaxCalloutSteps; n++ {
			steppedAt(fmt.Sprint(n), "", start)(c)
		}
	}
	is := func(state governance.CalloutState, detail string, edits ...calloutEdit) []calloutEdit {
		return append([]calloutEdit{func(c *governance.Callout) { c.State, c.Detail = state, detail }}, edits...)
	}
	ended := func(c *governance.Callout) { c.EndedDateTime = governance.At(calloutNow) }
	well := func(c *governance.Callout) { c.Succeeded = true }
	for name, test := range map[string]struct {
		before governance.Callout
		decide calloutDecision
		after  []calloutEdit // nil: nothing is written
		by     governance.Caller
		audit  string // result: detail; empty: no entry
		effect bool
	}{
		"it begins":              {before: calloutIn(governance.CalloutAccepted), decide: begins, after: is(governance.CalloutWorking, "so far", func(c *governance.Callout) { c.BeganDateTime = governance.At(calloutNow) })},
		"it has begun":           {before: calloutIn(governance.CalloutWorking), decide: begins},
		"a step":                 {before: calloutIn(governance.CalloutWorking), decide: records("second", " b \n c"), after: []calloutEdit{stepped("second", "b c")}},
		"a step while it waits":  {before: calloutIn(governance.CalloutWaiting), decide: records("second", ""), after: []calloutEdit{stepped("second", "")}},
		"a step without a claim": {before: calloutIn(governance.CalloutWorking, claimless), decide: records("second", ""), after: []calloutEdit{stepped("second", "")}},
		"a step again":           {before: calloutIn(governance.CalloutWorking, stepped("second", "")), decide: records("first", "b"), after: []calloutEdit{func(c *governance.Callout) { c.Steps = c.Steps[1:] }, stepped("first", "b")}},
		"a step again, of as many as there may be": {before: calloutIn(governance.CalloutWorking, full), decide: records("first", "b"), after: []calloutEdit{func(c *governance.Callout) { c.Steps = c.Steps[1:] }, stepped("first", "b")}},
		"a step with a long note":                  {before: calloutIn(governance.CalloutWorking), decide: records("second", "x"+long), after: []calloutEdit{stepped("second", clipped)}},
		"a promise":                                {before: calloutIn(governance.CalloutWorking), decide: promises, after: []calloutEdit{promised}},
		"it waits":                                 {before: calloutIn(governance.CalloutWorking), decide: waits("a  ticket"), after: is(governance.CalloutWaiting, "a ticket"), by: governance.System(), audit: "success: a ticket"},
		"Latchkey has done it":                     {before: calloutIn(governance.CalloutWorking), decide: ends(false, "it  is done", governance.System()), after: is(governance.CalloutSucceeded, "it is done", ended, well, stepped("telling", "")), by: governance.System(), audit: "success: it is done"},
		"Latchkey has failed":                      {before: calloutIn(governance.CalloutWorking), decide: ends(true, "no", governance.System()), after: is(governance.CalloutFailed, "no", ended, stepped("telling", "")), by: governance.System(), audit: "failure: no"},
		"the desk has done it":                     {before: calloutIn(governance.CalloutWaiting), decide: ends(false, "it is done", desk), after: is(governance.CalloutSucceeded, "it is done", ended, well), by: desk, audit: "success: it is done", effect: true},
		"the desk refuses":                         {before: calloutIn(governance.CalloutWaiting), decide: ends(true, "no", desk), after: is(governance.CalloutFailed, "no", ended), by: desk, audit: "failure: no", effect: true},
		"nobody waits, Latchkey":                   {before: calloutIn(governance.CalloutWorking, unawaited), decide: ends(false, "it is done", governance.System()), after: is(governance.CalloutSucceeded, "it is done", ended, well), by: governance.System(), audit: "success: it is done"},
		"nobody waits, the desk":                   {before: calloutIn(governance.CalloutWaiting, unawaited), decide: ends(false, "it is done", desk), after: is(governance.CalloutSucceeded, "it is done", ended, well), by: desk, audit: "success: it is done"},
		"a long end":                               {before: calloutIn(governance.CalloutWorking, unawaited), decide: ends(false, "x"+long, governance.System()), after: is(governance.CalloutSucceeded, clipped, ended, well), by: governance.System(), audit: "success: " + clipped},
		"the source stops waiting":                 {before: calloutIn(governance.CalloutWaiting), decide: timesOut, after: is(governance.CalloutTimedOut, "The work did not end before the request stopped waiting; no answer was sent.", ended), by: governance.System(), audit: "failure: The work did not end before the request stopped waiting; no answer was sent."},
		"it is given up":                           {before: calloutIn(governance.CalloutWorking, unawaited), decide: timesOut, after: is(governance.CalloutTimedOut, "The work did not end in time and was given up.", ended), by: governance.System(), audit: "failure: The work did not end in time and was given up."},
		"it is about to be told":                   {before: calloutIn(governance.CalloutFailed), decide: beginsTelling, after: []calloutEdit{stepped("telling", "")}},
		"it was about to be told":                  {before: calloutIn(governance.CalloutSucceeded, steppedAt("telling", "", start)), decide: beginsTelling},
		"told":                                     {before: calloutIn(governance.CalloutSucceeded), decide: tells(true, "it was told"), after: is(governance.CalloutResumed, "so far"), by: governance.System(), audit: "success: it was told"},
		"a failure, told":                          {before: calloutIn(governance.CalloutFailed), decide: tells(true, "it was told"), after: is(governance.CalloutResumed, "so far"), by: governance.System(), audit: "success: it was told"},
		"not told":                                 {before: calloutIn(governance.CalloutSucceeded), decide: tells(false, "too late"), after: is(governance.CalloutNotResumed, "so far too late"), by: governance.System(), audit: "failure: too late"},
		"it is about to be undone":                 {before: calloutIn(governance.CalloutResumed, promised), decide: beginsFollowUp, after: []calloutEdit{stepped(engine.StepUndoing, "")}},
		"it was about to be undone":                {before: calloutIn(governance.CalloutResumed, promised, steppedAt(engine.StepUndoing, "", start)), decide: beginsFollowUp},
		"undone":                                   {before: calloutIn(governance.CalloutResumed, promised), decide: followsUp(false, "it  is undone"), after: []calloutEdit{func(c *governance.Callout) { c.FollowUpDateTime = nil }, stepped(engine.StepFollowUp, "it is undone")}, by: governance.System(), audit: "success: it is undone"},
		"undone, after a failure":                  {before: calloutIn(governance.CalloutFailed, promised), decide: followsUp(false, "it  is undone"), after: []calloutEdit{func(c *governance.Callout) { c.FollowUpDateTime = nil }, stepped(engine.StepFollowUp, "it is undone")}, by: governance.System(), audit: "success: it is undone"},
		"it cannot be undone":                      {before: calloutIn(governance.CalloutResumed, promised), decide: followsUp(true, "it  stays"), after: []calloutEdit{func(c *governance.Callout) { c.FollowUpDateTime = nil }, stepped(engine.StepFollowUp, "it stays")}, by: governance.System(), audit: "failure: it stays"},
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
			want.Audit = []governance.AuditEntry{calloutAudit(test.by, result, detail)}
		}
		if test.effect {
			want.Effects = []governance.Effect{{Kind: "task", About: "callout-1", What: governance.WorkTask, RequestID: "request-1"}}
		}
		if got, want := text(t, change), text(t, want); got != want {
			t.Errorf("%s:\n%s, want\n%s", name, got, want)
		}
		if text(t, s) != given {
			t.Errorf("%s: what was given has changed", name)
		}
	}
	_, err := records("one more", "")(holding(calloutIn(governance.CalloutWorking, full)))
	refused(t, err, governance.CodeConflict, "too many steps")
}

// calloutAudit is the entry about callout-1.
func calloutAudit(by governance.Caller, result, detail string) governance.AuditEntry {
	return governance.AuditEntry{
		Activity: governance.ActivityCallout, ActivityDateTime: governance.At(calloutNow), Result: result, InitiatedBy: by.Initiator(), TargetID: "callout-1", CorrelationID: "request-1",
		AuditPersonal: governance.AuditPersonal{Detail: detail},
	}
}

// A callout is the same when it is repeated, and another one when anything of it is another.
func TestCalloutIDs(t *testing.T) {
	t.Parallel()
	call := governance.CalloutCall{Source: governance.SourceEntitlement, Stage: governance.StageRequestGranted, RequestID: "r", StageInstanceID: "i"}
	again := call
	again.Timeout, again.RequestState, again.SentAt = governance.Hours(1), "delivered", start
	if engine.CalloutID("a", call) != engine.CalloutID("a", again) {
		t.Error("a repetition is another callout")
	}
	seen := map[string]bool{engine.CalloutID("a", call): true, engine.CalloutID("b", call): true}
	for _, edit := range []func(*governance.CalloutCall){
		func(c *governance.CalloutCall) { c.Source = governance.SourceLifecycle },
		func(c *governance.CalloutCall) { c.Stage = governance.StageRequestRemoved },
		func(c *governance.CalloutCall) { c.RequestID = "s" },
		func(c *governance.CalloutCall) { c.StageInstanceID = "j" },
	} {
		other := call
		edit(&other)
		seen[engine.CalloutID("a", other)] = true
	}
	if len(seen) != 6 {
		t.Errorf("6 callouts have %d ids", len(seen))
	}
}

func TestACalloutIsAccepted(t *testing.T) {
	t.Parallel()
	draft := calloutIn("")
	draft.AcceptedDateTime = nil
	accepted := draft
	accepted.State, accepted.AcceptedDateTime = governance.CalloutAccepted, governance.At(calloutNow)
	want := engine.Change{
		Write:   []governance.Document{accepted},
		Audit:   []governance.AuditEntry{calloutAudit(entra, "success", "accepted: passes for the stage assignmentRequestGranted")},
		Effects: []governance.Effect{{Kind: "task", About: "callout-1", What: governance.WorkTask, RequestID: "request-1"}},
	}
	change, err := engine.AcceptCallout(engine.State{}, entra, draft, "", calloutNow)
	if err != nil || text(t, change) != text(t, want) {
		t.Errorf("%v, %s, want %s", err, text(t, change), text(t, want))
	}
	for _, state := range calloutStates { // a repetition is nothing, also of what is long over
		late := start.AddDate(1, 0, 0)
		if change, err := engine.AcceptCallout(holding(calloutIn(state)), entra, draft, "denied", late); err != nil || !change.IsEmpty() {
			t.Errorf("a repetition when it is %s: %v, %s", state, err, text(t, change))
		}
	}
}

// A stage that is over is refused: as the request stands, by its time, or because a later stage was seen.
// rules: EXT-05 EXT-14
func TestAStageThatIsOver(t *testing.T) {
	t.Parallel()
	requestStates := []string{"", "submitted", "pendingApproval", "delivering", "partiallyDelivered", "scheduled", "denied", "canceled", "expired", "delivered", "deliveryFailed", "fulfilled"}
	for stage, over := range map[governance.CalloutStage]string{
		governance.StageRequestCreated:     "denied canceled expired delivered deliveryFailed fulfilled",
		governance.StageRequestApproved:    "denied canceled expired delivered fulfilled",
		governance.StageRequestGranted:     "denied canceled",
		governance.StageRequestRemoved:     "",
		governance.StageFourteenDaysBefore: "",
		governance.StageOneDayBefore:       "",
		governance.StageLifecycleTask:      "",
	} {
		callout := calloutIn("", func(c *governance.Callout) { c.Stage = stage })
		for _, state := range requestStates {
			for _, spelt := range []string{state, strings.ToUpper(state)} {
				_, err := engine.AcceptCallout(engine.State{}, entra, callout, spelt, calloutNow)
				if slices.Contains(strings.Fields(over), state) {
					refused(t, err, governance.CodeConflict, "the request is "+strings.ToLower(state))
				} else if err != nil {
					t.Errorf("%s of a request that is %q: %v", stage, spelt, err)
				}
			}
		}
	}

	deadline := calloutIn("").DeadlineTime.Instant()
	if _, err := engine.AcceptCallout(engine.State{}, entra, calloutIn(""), "", deadline.Add(-time.Millisecond)); err != nil {
		t.Errorf("just in time: %v", err)
	}
	_, err := engine.AcceptCallout(engine.State{}, entra, calloutIn(""), "", deadline)
	refused(t, err, governance.CodeConflict, "its time has passed")

	stages := governance.CalloutStages()
	for at, seen := range stages {
		for before, stage := range stages {
			s := engine.State{Head: governance.Head{Marks: []governance.CalloutMark{{RequestID: "request-2", Stage: governance.StageLifecycleTask}, {RequestID: "request-1", Stage: seen}}}}
			_, err := engine.AcceptCallout(s, entra, calloutIn("", func(c *governance.Callout) { c.Stage = stage }), "", calloutNow)
			if before < at {
				refused(t, err, governance.CodeConflict, "has come to "+string(seen))
			} else if err != nil {
				t.Errorf("%s when %s was seen: %v", stage, seen, err)
			}
		}
	}
}

// The newest callout with a claim has it; the older ones note nothing more.
func TestTheNewestHasTheClaim(t *testing.T) {
	t.Parallel()
	mine := calloutIn(governance.CalloutWorking)
	for name, test := range map[string]struct {
		s          engine.State
		callout    governance.Callout
		newest     string
		superseded bool
	}{
		"its own":                       {holding(mine), mine, "callout-1", false},
		"a newer one's":                 {superseded(mine), mine, "callout-2", true},
		"too long ago to be known":      {engine.State{}, mine, "", true},
		"no claim, and others have one": {superseded(mine), calloutIn(governance.CalloutWorking, claimless), "", false},
	} {
		if newest, is := engine.NewestCallout(test.s, test.callout), engine.IsSuperseded(test.s, test.callout); newest != test.newest || is != test.superseded {
			t.Errorf("%s: %q has it, superseded: %v", name, newest, is)
		}
	}
	for name, decide := range map[string]calloutDecision{"step": records("second", ""), "promise": promises} {
		_, err := decide(superseded(mine))
		if change, _ := decide(superseded(mine)); governance.CodeOf(err) != governance.CodeConflict || !change.IsEmpty() {
			t.Errorf("%s of the older one: %v, %s", name, err, text(t, change))
		}
	}
}

// What is undone, or was never to be, is not undone.
func TestAFollowUpComesOnce(t *testing.T) {
	t.Parallel()
	for name, decide := range map[string]calloutDecision{"begin": beginsFollowUp, "end": followsUp(false, "")} {
		for what, s := range map[string]engine.State{"no callout": {}, "nothing promised": holding(calloutIn(governance.CalloutResumed))} {
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
	callout := calloutIn(governance.CalloutSucceeded)
	last := callout.DeadlineTime.Instant().Add(-10 * time.Second)
	if !engine.MayTell(callout, last.Add(-time.Millisecond)) || engine.MayTell(callout, last) || engine.MayTell(callout, last.Add(time.Hour)) {
		t.Error("the last call is another time")
	}
	if engine.MayTell(governance.Callout{}, start) {
		t.Error("without a deadline there is time")
	}
}

// rules: EXT-05
func TestWhenCalloutsAreDue(t *testing.T) {
	t.Parallel()
	deadline, later, sooner := start.Add(2*time.Hour), start.AddDate(0, 0, 1), start.Add(time.Hour)
	soon := func(c *governance.Callout) { c.FollowUpDateTime = governance.At(sooner) }
	for _, state := range calloutStates {
		open, ended := state.IsOpen(), state == governance.CalloutSucceeded || state == governance.CalloutFailed
		for name, test := range map[string]struct {
			edits               []calloutEdit
			open, untold, other time.Time
		}{
			"the source waits":                  {nil, deadline, deadline, time.Time{}},
			"nobody waits":                      {[]calloutEdit{unawaited}, deadline, time.Time{}, time.Time{}},
			"to be undone later":                {[]calloutEdit{promised}, deadline, deadline, later},
			"to be undone sooner":               {[]calloutEdit{soon}, deadline, sooner, sooner},
			"to be undone later, nobody waits":  {[]calloutEdit{unawaited, promised}, deadline, later, later},
			"to be undone sooner, nobody waits": {[]calloutEdit{unawaited, soon}, deadline, sooner, sooner},
		} {
			want := test.other
			switch {
			case open:
				want = test.open
			case ended:
				want = test.untold
			}
			if got := calloutIn(state, test.edits...).Due(); !got.Equal(want) {
				t.Errorf("%s, %s: due at %v, want %v", state, name, got, want)
			}
		}
	}
}

// What is accepted has its claim and its mark, last; whoever had them before has them no more. What happens to it afterwards changes neither.
func TestWhatAnAcceptedCalloutMarks(t *testing.T) {
	t.Parallel()
	head := governance.Head{
		ID:     "s",
		Claims: []governance.CalloutClaim{{Key: "pass", CalloutID: "callout-0"}, {Key: "other", CalloutID: "callout-9"}},
		Marks:  []governance.CalloutMark{{RequestID: "request-1", Stage: governance.StageRequestCreated}, {RequestID: "request-2", Stage: governance.StageRequestGranted}},
	}
	given := text(t, head)
	marks := []governance.CalloutMark{{RequestID: "request-2", Stage: governance.StageRequestGranted}, {RequestID: "request-1", Stage: governance.StageRequestGranted}}
	for name, test := range map[string]struct {
		callout governance.Callout
		claims  []governance.CalloutClaim
		marks   []governance.CalloutMark
	}{
		"with a claim":    {calloutIn(governance.CalloutAccepted), []governance.CalloutClaim{{Key: "other", CalloutID: "callout-9"}, {Key: "pass", CalloutID: "callout-1"}}, marks},
		"without a claim": {calloutIn(governance.CalloutAccepted, claimless), head.Claims, marks},
	} {
		got, _ := engine.Seal(head, engine.Change{Write: []governance.Document{test.callout}}, "command", "salt")
		if !slices.Equal(got.Claims, test.claims) || !slices.Equal(got.Marks, test.marks) {
			t.Errorf("%s: %v, %v", name, got.Claims, got.Marks)
		}
	}
	for _, state := range calloutStates[1:] {
		got, _ := engine.Seal(head, engine.Change{Write: []governance.Document{calloutIn(state)}}, "command", "salt")
		if !slices.Equal(got.Claims, head.Claims) || !slices.Equal(got.Marks, head.Marks) {
			t.Errorf("%s: %v, %v", state, got.Claims, got.Marks)
		}
	}
	if text(t, head) != given {
		t.Error("the head that was given has changed")
	}
}
