package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// HandleEffect carries out one effect that came back from a queue. It may be called any number of times with the same one. A failure that waiting may mend is put off
// with a scheduled message, because the host redelivers a failed one at once (DESIGN section 2, 6). Errors: those that redelivery is for.
func (a *App) HandleEffect(ctx context.Context, caller governance.Caller, effect governance.Effect) error {
	if err := authorize(caller, OpRunLifecycle); err != nil {
		return err
	}
	var err error
	switch effect.Kind {
	case governance.EffectProvision:
		err = a.provision(ctx, effect)
	case governance.EffectDue:
		err = a.handleDue(ctx, effect)
	case governance.EffectNotify:
		err = a.notify(ctx, effect)
	case governance.EffectCallout:
		err = a.workCallout(ctx, effect)
	default:
		return governance.Invalid("kind", "There is no effect of kind %q.", shorten(string(effect.Kind)))
	}
	if err == nil {
		return nil
	}
	switch CodeOf(err) {
	case governance.CodeThrottled, governance.CodeUnavailable:
		return a.putOff(ctx, effect, err)
	}
	return err
}

// putOff sends an effect again for later. After the last delay it is given up: loudly, since somebody must look at it.
func (a *App) putOff(ctx context.Context, effect governance.Effect, cause error) error {
	if effect.Attempt >= len(engine.RetryDelays) && effect.Kind == governance.EffectNotify {
		a.log.ErrorContext(ctx, "a notification could not be sent", "alert", true, "effectId", effect.ID, "requestId", effect.RequestID, "notification", effect.Notification, "error", cause)
		return nil
	}
	later := effect
	delay := engine.RetryDelays[min(effect.Attempt, len(engine.RetryDelays)-1)]
	later.Attempt++
	later.NotBefore = a.now().Add(max(delay, RetryAfter(cause)))
	later.ID = fmt.Sprintf("%s-again-%d", originalID(effect.ID), later.Attempt)
	m, err := message(later)
	if err != nil {
		return err
	}
	if err := a.bus.Send(ctx, queueOf(later.Kind), m); err != nil {
		return errors.Join(cause, fmt.Errorf("put off: %w", err))
	}
	a.log.WarnContext(ctx, "an effect is put off", "effectId", effect.ID, "kind", effect.Kind, "requestId", effect.RequestID, "until", later.NotBefore, "attempt", later.Attempt, "error", cause)
	return nil
}

// errStale says that what was done in the directory is not what the present state wants.
var errStale = errors.New("the plan has changed")

// maxPlans bounds how often a plan is made anew because the subject changed under it.
const maxPlans = 5

// provision brings the directory to what an assignment wants, and records it (DESIGN section 4, 3). Should its lock have been lost without its knowing, so that another call has
// carried out the same effect and the subject has moved on, it undoes what it did too late.
func (a *App) provision(ctx context.Context, effect governance.Effect) error {
	documents := []string{documentID(kindAssignment, effect.AssignmentID), documentID(kindRequest, effect.RequestID)}
	var done []engine.Step // what this call has changed, or may have
	for range maxPlans {
		state, err := a.loadSubject(ctx, effect.SubjectID, documents...)
		if err != nil {
			return err
		}
		assignment, ok := state.Assignments[effect.AssignmentID]
		if ok {
			undone, err := a.undo(ctx, state, assignment.Target.ObjectID, done)
			if err != nil {
				return err
			}
			if undone { // what was wanted then may be different by now: read again
				continue
			}
		}
		if !ok || assignment.RequestID != effect.RequestID || state.Requests[effect.RequestID].State != governance.StateDelivering {
			return nil // done, or taken over by another request with an effect of its own
		}
		steps := engine.Plan(state.Subject, effect.AssignmentID)
		outcomes := make([]engine.Outcome, 0, len(steps))
		for _, step := range steps {
			if step.Action != engine.ActionKeep {
				done = append(slices.DeleteFunc(done, func(d engine.Step) bool { return d.Grant == step.Grant }), step)
			}
			outcome, err := a.carryOut(ctx, assignment.Target.ObjectID, step)
			if err != nil {
				return err
			}
			outcomes = append(outcomes, outcome)
		}
		change, err := a.updateFrom(ctx, &state, effect.SubjectID, documents, func(s engine.Subject) (engine.Change, error) {
			if !slices.Equal(engine.Plan(s, effect.AssignmentID), steps) {
				return engine.Change{}, errStale
			}
			return engine.Record(s, effect.AssignmentID, outcomes, a.now())
		})
		if errors.Is(err, errStale) {
			continue
		}
		if err == nil {
			a.report(ctx, effect, change)
		}
		return err
	}
	return unavailable("The subject", errStale)
}

// undo gives back what this call removed although an assignment of the subject grants it by now, and takes back what it added although none does any more. It says whether there was
// anything to undo, and notes it in done.
func (a *App) undo(ctx context.Context, state subjectState, objectID string, done []engine.Step) (bool, error) {
	undone := false
	for i := range done {
		key := done[i].Grant.Key()
		wanted := slices.ContainsFunc(state.Head.Holdings, func(h governance.Holding) bool { return !h.Removing && slices.Contains(h.Grants, key) })
		opposite := engine.Step{Grant: done[i].Grant, Action: engine.ActionRemove}
		if wanted {
			opposite.Action = engine.ActionAdd
		}
		if opposite.Action == done[i].Action {
			continue
		}
		outcome, err := a.carryOut(ctx, objectID, opposite)
		if err == nil && outcome.Reason != "" {
			err = unavailable("The directory", errors.New(outcome.Reason))
		}
		if err != nil { // a repetition does not know of it any more
			a.log.ErrorContext(ctx, "a resource role that changed too late could not be put right", "alert", true, "subjectId", state.Head.ID, "role", opposite.Grant.Role,
				"groupId", opposite.Grant.ResourceID, "wanted", wanted, "error", err)
			return undone, err
		}
		done[i], undone = opposite, true
	}
	return undone, nil
}

// carryOut does one step in the directory. An error means that this call is over, not that the step failed.
func (a *App) carryOut(ctx context.Context, objectID string, step engine.Step) (engine.Outcome, error) {
	var err error
	switch {
	case step.Action == engine.ActionKeep:
	case step.Action == engine.ActionAdd && step.Grant.Role == governance.GrantOwner:
		err = a.directory.AddOwner(ctx, step.Grant.ResourceID, objectID)
	case step.Action == engine.ActionAdd:
		err = a.directory.AddMember(ctx, step.Grant.ResourceID, objectID)
	case step.Grant.Role == governance.GrantOwner:
		err = a.directory.RemoveOwner(ctx, step.Grant.ResourceID, objectID)
	default:
		err = a.directory.RemoveMember(ctx, step.Grant.ResourceID, objectID)
	}
	outcome := engine.Outcome{Step: step}
	switch {
	case err == nil:
		return outcome, nil
	case ctx.Err() != nil:
		return outcome, fmt.Errorf("%s %s of %s: %w", step.Action, step.Grant.Role, step.Grant.ResourceID, err)
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, directory.ErrForbidden), errors.Is(err, directory.ErrRefused):
		outcome.Reason = err.Error()
	case errors.Is(err, directory.ErrThrottled), errors.Is(err, directory.ErrUnavailable):
		outcome.Reason, outcome.Transient = err.Error(), true
	default:
		return outcome, fmt.Errorf("%s %s of %s: %w", step.Action, step.Grant.Role, step.Grant.ResourceID, err)
	}
	return outcome, nil
}

// report tells an operator of a delivery that has failed for good.
func (a *App) report(ctx context.Context, effect governance.Effect, change engine.Change) {
	for _, request := range change.Requests {
		if request.State == governance.StateDeliveryFailed || request.State == governance.StatePartiallyDelivered {
			detail := ""
			for _, entry := range change.Audit {
				if entry.Detail != "" && entry.Result == "failure" {
					detail = entry.Detail
				}
			}
			a.log.ErrorContext(ctx, "a delivery has failed", "alert", true, platform.LogMetric, platform.MetricDeliveryFailed, platform.LogValue, 1, "requestId", request.ID, "assignmentId", effect.AssignmentID, "subjectId", effect.SubjectID,
				"state", request.State, "removal", request.RequestType.IsRemoval(), "reason", detail)
		}
	}
}

// handleDue does what time does to one request or assignment.
func (a *App) handleDue(ctx context.Context, effect governance.Effect) error {
	if effect.RequestID != "" && effect.AssignmentID == "" {
		return a.requestIsDue(ctx, effect)
	}
	assignmentDocument := documentID(kindAssignment, effect.AssignmentID)
	state, err := a.loadSubject(ctx, effect.SubjectID, assignmentDocument)
	if err != nil {
		return err
	}
	documents := []string{assignmentDocument}
	if id := state.Assignments[effect.AssignmentID].RequestID; id != "" {
		documents = append(documents, documentID(kindRequest, id))
	}
	_, err = a.Update(ctx, effect.SubjectID, documents, func(s engine.Subject) (engine.Change, error) {
		if request := s.Assignments[effect.AssignmentID].RequestID; request != "" {
			if _, loaded := s.Requests[request]; !loaded {
				return engine.Change{}, unavailable("The subject", errStale) // another request took over meanwhile
			}
		}
		return engine.AssignmentIsDue(s, effect.AssignmentID, a.now())
	})
	return err
}

func (a *App) requestIsDue(ctx context.Context, effect governance.Effect) error {
	document := documentID(kindRequest, effect.RequestID)
	state, err := a.loadSubject(ctx, effect.SubjectID, document)
	if err != nil {
		return err
	}
	var pack *governance.AccessPackage
	if request, ok := state.Requests[effect.RequestID]; ok && request.State == governance.StateScheduled {
		if pack, err = a.presentPackage(ctx, request.AccessPackage.ID); err != nil {
			return err
		}
	}
	_, err = a.updateFrom(ctx, &state, effect.SubjectID, []string{document}, func(s engine.Subject) (engine.Change, error) {
		return engine.RequestIsDue(s, effect.RequestID, pack, a.now())
	})
	return err
}

// originalID is the id of an effect before it was put off.
func originalID(id string) string {
	original, _, _ := strings.Cut(id, "-again-")
	return original
}
