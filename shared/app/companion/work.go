package companion

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// maxPlans bounds how often the work is begun anew because what it was decided on changed under it.
const maxPlans = 5

// WorkTask takes the work for a task as far as it goes now: begins it, does it, tells the source, undoes what was for a time. It may be called any number of times.
// Errors: those after which the message comes back, now or later.
func (t Tasks) WorkTask(ctx context.Context, effect governance.Effect) error {
	var err error
	for range maxPlans { // what was decided on may change while it is worked on: a newer task takes over, or its time is over
		if err = t.workOnTask(ctx, effect); governance.CodeOf(err) != governance.CodeConflict {
			return err
		}
	}
	return ledger.Unavailable("The callout", err)
}

// workOnTask is workTask on what is so now. Errors: CodeConflict when that has changed meanwhile.
func (t Tasks) workOnTask(ctx context.Context, effect governance.Effect) error {
	w, err := openTask(ctx, t.Ports, effect.Place, effect.About)
	if governance.CodeOf(err) == governance.CodeNotFound { // it was committed with its effect
		return fmt.Errorf("%w: %w", ledger.ErrNoDocument, err)
	}
	if err != nil {
		return err
	}
	ended := false
	if w.task.State.IsOpen() {
		if ended, err = w.advance(ctx, effect.Attempt); err != nil {
			return err
		}
	}
	if w.task.Waits && (w.task.State == governance.TaskSucceeded || w.task.State == governance.TaskFailed) {
		if err := w.tell(ctx, ended); err != nil {
			return err
		}
	}
	return w.followUp(ctx)
}

// advance works on a task that is open. It says whether it ended it here and now.
func (w *work) advance(ctx context.Context, attempt int) (bool, error) {
	if w.unreadable != nil {
		return true, w.end(ctx, engine.TaskResult{Failed: true, Detail: "This release cannot read the settings of the action."}, w.unreadable)
	}
	if w.superseded && w.task.State == governance.TaskWorking { // who began it may have come too late, and have died before it was put right
		if err := w.putRight(ctx); isPassing(err) && attempt < len(engine.RetryDelays) {
			return false, err
		}
	}
	switch {
	case !w.Ledger.Now().Before(w.task.DeadlineTime.Instant()):
		return false, w.timeOut(ctx)
	case w.task.State == governance.TaskWaiting:
		return false, nil
	case w.superseded:
		return true, w.end(ctx, engine.TaskResult{Failed: true, Detail: "A newer request for the same has taken over."}, nil)
	}
	if err := w.update(ctx, func(s engine.State) (engine.Change, error) {
		return engine.BeginTask(s, w.task.ID, w.Ledger.Now())
	}); err != nil {
		return false, err
	}
	done, err := w.run(ctx)
	if err == nil && done.waits {
		return false, w.update(ctx, func(s engine.State) (engine.Change, error) {
			return engine.WaitTask(s, w.task.ID, done.detail, w.Ledger.Now())
		})
	}
	if err == nil {
		return true, w.end(ctx, engine.TaskResult{Detail: done.detail}, nil)
	}
	result := engine.TaskResult{Failed: true}
	final, gaveUp := errors.AsType[*giveUpError](err)
	switch {
	case gaveUp:
		result.Detail = final.detail
	case governance.CodeOf(err) == governance.CodeConflict: // somebody else has taken it further
		return false, cmp.Or(w.putRight(ctx), err)
	case errors.Is(err, directory.ErrForbidden):
		result.Detail = "Latchkey lacks a permission in Microsoft Graph."
	case isPassing(err) && attempt < len(engine.RetryDelays):
		return false, err
	case isPassing(err):
		result.Detail = "A service that this needs did not answer, for hours."
	default:
		result.Detail = "The work failed in a way that nobody foresaw; those who look after it have been told."
	}
	if left, ok := w.plan.(abandoner); ok {
		if err := left.abandon(ctx, w); err != nil {
			return false, err
		}
	}
	return true, w.end(ctx, result, err)
}

// isPassing says whether waiting may mend an error.
func isPassing(err error) bool {
	code := ledger.CodeOf(err)
	return code == governance.CodeThrottled || code == governance.CodeUnavailable
}

// end records how the work ended. A failure is told to those who look after it.
func (w *work) end(ctx context.Context, result engine.TaskResult, cause error) error {
	err := w.update(ctx, w.inTurn(func(s engine.State) (engine.Change, error) {
		return engine.EndTask(s, w.task.ID, result, governance.System(), w.Ledger.Now())
	}))
	if err == nil && result.Failed {
		w.alert(ctx, "a callout has failed", result.Detail, cause)
	}
	return err
}

func (w *work) timeOut(ctx context.Context) error {
	if left, ok := w.plan.(abandoner); ok && !w.superseded {
		if err := left.abandon(ctx, w); err != nil {
			return err
		}
	}
	err := w.update(ctx, w.inTurn(func(s engine.State) (engine.Change, error) {
		return engine.TimeOutTask(s, w.task.ID, w.Ledger.Now())
	}))
	if err == nil {
		w.alert(ctx, "a callout has timed out", w.task.Detail, nil)
	}
	return err
}

// alert tells those who look after it. What names a person in detail, the cause says without.
func (w *work) alert(ctx context.Context, what, detail string, cause error) {
	if final, ok := errors.AsType[*giveUpError](cause); ok {
		detail = final.impersonal
	}
	arguments := []any{"alert", true, "calloutId", w.task.ID, "action", w.task.Action, "stage", w.task.Stage, "requestId", w.task.RequestID, "subjectId", w.place.Partition, "detail", detail}
	if cause != nil {
		arguments = append(arguments, "error", cause)
	}
	w.Log.ErrorContext(ctx, what, arguments...)
}

// followUp undoes what was done for a time, when that time is over and no newer task does the same for a time of its own.
func (w *work) followUp(ctx context.Context) error {
	due := w.task.FollowUpDateTime.Instant()
	if due.IsZero() || w.Ledger.Now().Before(due) || w.task.State.IsOpen() {
		return nil
	}
	if w.unreadable != nil {
		return w.unreadable
	}
	newest, err := w.newest(ctx)
	if err != nil {
		return err
	}
	result := engine.TaskResult{Detail: "A newer request sees to it; nothing was left to undo."}
	if undo, ok := w.plan.(follower); ok && (newest.task.ID == w.task.ID || newest.task.FollowUpDateTime == nil) {
		if err := w.update(ctx, func(s engine.State) (engine.Change, error) {
			return engine.BeginFollowUp(s, w.task.ID, w.Ledger.Now())
		}); err != nil {
			return err
		}
		if result.Detail, err = undo.followUp(ctx, w); err != nil {
			final, ok := errors.AsType[*giveUpError](err)
			if !ok {
				return err
			}
			result = engine.TaskResult{Failed: true, Detail: final.detail}
			w.alert(ctx, "what a callout did for a time could not be undone", result.Detail, err)
		}
	}
	last := "" // by now
	err = w.update(ctx, func(s engine.State) (engine.Change, error) {
		last = engine.NewestTask(s, w.task)
		return engine.FollowUpTask(s, w.task.ID, result, w.Ledger.Now())
	})
	if last != "" && last != w.task.ID {
		return cmp.Or(w.putRight(ctx), err)
	}
	return err
}

// newest is the work for the task that was accepted last about the same, which may be this one.
func (w *work) newest(ctx context.Context) (*work, error) {
	state, err := w.Ledger.Load(ctx, w.place, ledger.Documents())
	if err != nil {
		return nil, err
	}
	return openTask(ctx, w.Ports, w.place, cmp.Or(engine.NewestTask(state.State, w.task), w.task.ID))
}

// putRight does again what the newest task about the same has done, or is doing, until that does not change under it. It is for who may
// have changed the directory too late: a lock was lost without its knowing, others have carried out the same task or a newer one meanwhile,
// and nobody else will look at it again.
func (w *work) putRight(ctx context.Context) error {
	if w.task.Claim == "" {
		return nil
	}
	var err error
	done, steps := "", 0
	for range maxPlans {
		var newest *work
		if newest, err = w.newest(ctx); err != nil {
			break
		}
		if newest.task.ID == done && len(newest.task.Steps) == steps {
			return nil
		}
		done, steps = newest.task.ID, len(newest.task.Steps)
		if err = newest.repeat(ctx); err != nil {
			break
		}
	}
	if err != nil {
		w.Log.ErrorContext(ctx, "what a callout did too late could not be put right", "alert", true, "calloutId", w.task.ID, "subjectId", w.place.Partition, "error", err)
	}
	return err
}

// repeat does again what is recorded as done, or may be done just now.
func (w *work) repeat(ctx context.Context) error {
	if w.unreadable != nil {
		return w.unreadable
	}
	w.again = true
	_, err := w.run(ctx)
	if _, ok := errors.AsType[*giveUpError](err); ok { // what it was about is gone, or was never possible
		return nil
	}
	return err
}
