package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// Delivery carries out what was decided: it grants and takes away, and does what time does to requests and assignments. Each of its methods handles an effect; any number of times the same one.
type Delivery struct {
	Ledger    *ledger.Ledger
	Directory directory.Directory
	Log       *slog.Logger
}

// errStale says that what was done in the directory is not what the present state wants.
var errStale = errors.New("the plan has changed")

// maxPlans bounds how often a plan is made anew because the subject changed under it.
const maxPlans = 5

// Provision brings the directory to what an assignment wants, and records it. Should its lock have been lost without its knowing, so that another call has
// carried out the same effect and the subject has moved on, it undoes what it did too late. Errors: those after which the effect is put off or comes back.
func (d *Delivery) Provision(ctx context.Context, effect governance.Effect) error {
	read := ledger.Documents(assignmentDocument(effect.About), requestDocument(effect.RequestID))
	var done []engine.Step // what this call has changed, or may have
	for range maxPlans {
		state, err := d.Ledger.Load(ctx, effect.Place, read)
		if err != nil {
			return err
		}
		assignment, ok := engine.Find[governance.Assignment](state.State, effect.About)
		request, known := engine.Find[governance.AssignmentRequest](state.State, effect.RequestID)
		if !ok || !known {
			return ledger.ErrNoDocument
		}
		undone, err := d.undo(ctx, state, assignment.Target.ObjectID, done)
		if err != nil {
			return err
		}
		if undone { // what was wanted then may be different by now: read again
			continue
		}
		if assignment.RequestID != effect.RequestID || request.State != governance.StateDelivering {
			return nil // done, or taken over by another request with an effect of its own
		}
		if !assignment.Removing {
			aligned, _, err := d.align(ctx, effect.Place, assignment)
			if err != nil {
				return err
			}
			if aligned { // the package has changed since the plan was made, and the plan with it
				continue
			}
		}
		steps := engine.Plan(state.State, effect.About)
		outcomes := make([]engine.Outcome, 0, len(steps))
		stale := false
		for _, step := range steps {
			if step.Action == engine.ActionAdd {
				refused, err := d.barred(ctx, assignment.Target.ObjectID)
				if err == nil && refused.Reason == "" {
					refused, err = d.withdrawn(ctx, assignment, step.Grant)
				}
				if stale = errors.Is(err, errStale); stale {
					break
				}
				if err != nil {
					return err
				}
				if refused.Step = step; refused.Reason != "" {
					outcomes = append(outcomes, refused)
					continue
				}
			}
			if step.Action == engine.ActionAdd || step.Action == engine.ActionRemove {
				done = append(slices.DeleteFunc(done, func(d engine.Step) bool { return d.Grant == step.Grant }), step)
			}
			outcome, err := d.carryOut(ctx, assignment.Target.ObjectID, step, assignment.Attempt == len(engine.RetryDelays))
			if err != nil {
				return err
			}
			if step.Action == engine.ActionAdd {
				done[len(done)-1].Handle = outcome.Handle
			}
			outcomes = append(outcomes, outcome)
		}
		if stale {
			continue
		}
		recorded, err := update(ctx, d.Ledger, effect.Place, state.Having(read), func(s engine.State) (engine.Change, error) {
			if !slices.Equal(engine.Plan(s, effect.About), steps) {
				return engine.Change{}, errStale
			}
			return engine.Record(s, effect.About, outcomes, d.Ledger.Now())
		})
		if errors.Is(err, errStale) {
			continue
		}
		if governance.CodeOf(err) == governance.CodeTooLarge || errors.Is(err, store.ErrInvalid) {
			return d.withdraw(ctx, effect, read, err)
		}
		if err == nil {
			d.report(ctx, effect, recorded.Change)
		}
		return err
	}
	return ledger.Unavailable("The subject", errStale)
}

// withdrawn looks at the package of an assignment again before something of it is granted, and answers as barred does. Errors: errStale, if its resource roles have changed.
func (d *Delivery) withdrawn(ctx context.Context, assignment governance.Assignment, grant governance.Grant) (engine.Outcome, error) {
	pack, _, err := present(ctx, d.Ledger, assignment.AccessPackage)
	switch {
	case err != nil:
	case pack == nil:
		return engine.Outcome{Reason: "the access package does not exist any more"}, nil
	case !engine.Offers(*pack, grant):
		err = errStale
	}
	return engine.Outcome{}, err
}

// barred looks at a person again before anything is given to them, and answers with the outcome of a grant if it may not be; without a reason, if it may. A person who is blocked
// or not to be found may be so for a while only.
func (d *Delivery) barred(ctx context.Context, objectID string) (engine.Outcome, error) {
	user, err := d.Directory.User(ctx, objectID)
	if err == nil && !user.AccountEnabled {
		return engine.Outcome{Reason: "the account is blocked from signing in", Transient: true}, nil
	}
	return outcomeOf(ctx, engine.Step{Action: engine.ActionAdd}, err)
}

// withdraw ends a delivery whose outcome the store will never take, and tells an operator.
func (d *Delivery) withdraw(ctx context.Context, effect governance.Effect, read ledger.Read, why error) error {
	done, err := update(ctx, d.Ledger, effect.Place, read, func(s engine.State) (engine.Change, error) {
		return engine.Withdraw(s, effect.About, "the outcome could not be recorded", d.Ledger.Now())
	})
	if err != nil {
		return errors.Join(why, err)
	}
	d.Log.ErrorContext(ctx, "the outcome of a delivery cannot be recorded; it has failed, and what it granted is taken back", "alert", true, "requestId", effect.RequestID, "assignmentId", effect.About,
		"subjectId", effect.Partition, "error", why)
	d.report(ctx, effect, done.Change)
	return nil
}

// undo gives back what this call removed although an assignment of the subject grants it by now, and takes back what it added although none does any more. It says whether there was
// anything to undo, and notes it in done.
func (d *Delivery) undo(ctx context.Context, state *ledger.State, objectID string, done []engine.Step) (bool, error) {
	undone := false
	var failed error
	for i := range done { // all that can be put right is
		key := done[i].Grant.Key()
		wanted, pending := false, false // by who has it, and by who is to be given it, and will see to that
		for _, holding := range state.Head.Holdings {
			is := slices.Contains(holding.Pending, key)
			wanted, pending = wanted || holding.Pays(key) && !is, pending || holding.Pays(key) && is
		}
		opposite := engine.Step{Grant: done[i].Grant, Action: engine.ActionRemove, Handle: done[i].Handle}
		if wanted {
			opposite.Action = engine.ActionAdd
		}
		if opposite.Action == done[i].Action || !wanted && pending {
			continue
		}
		var outcome engine.Outcome
		var err error
		if opposite.Action == engine.ActionAdd {
			outcome, err = d.barred(ctx, objectID) // nothing is given to who may have nothing now; a delivery that is under way tries again by itself
		}
		if err == nil && outcome.Reason == "" {
			outcome, err = d.carryOut(ctx, objectID, opposite, false)
		}
		if err == nil && outcome.Reason != "" {
			err = ledger.Unavailable("The directory", errors.New(outcome.Reason))
		}
		if err != nil { // a repetition does not know of it any more
			d.Log.ErrorContext(ctx, "a resource role that changed too late could not be put right", "alert", true, "subjectId", state.Head.ID, "role", opposite.Grant.Role,
				"groupId", opposite.Grant.ResourceID, "wanted", wanted, "error", err)
			failed = errors.Join(failed, err)
			continue
		}
		done[i], undone = opposite, true
	}
	return undone, failed
}

// carryOut does one step at the origin; when it is not tried again, a grant whose answer was lost is looked for. An error means that this call is over, not that the step failed.
func (d *Delivery) carryOut(ctx context.Context, objectID string, step engine.Step, last bool) (engine.Outcome, error) {
	outcome := engine.Outcome{Step: step}
	provisioner, ok := directory.ProvisionerOf(d.Directory, step.Grant.OriginSystem)
	if !ok {
		outcome.Reason = "this release cannot provision " + step.Grant.OriginSystem
		return outcome, nil
	}
	var err error
	switch step.Action {
	case engine.ActionKeep:
	case engine.ActionAdd:
		outcome.Handle, outcome.End, err = provisioner.Grant(ctx, step, objectID)
		switch {
		case len(outcome.Handle) > governance.MaxHandle: // it could not be taken back with what is kept
			err = fmt.Errorf("%w: it gave a handle of %d bytes, and at most %d are kept", directory.ErrRefused, len(outcome.Handle), governance.MaxHandle)
			step.Handle, outcome.Handle = outcome.Handle, ""
			err = errors.Join(err, provisioner.Revoke(ctx, step, objectID))
		case last && errors.Is(err, directory.ErrUnavailable):
			if held, lookErr := provisioner.Held(ctx, step.Grant, objectID); lookErr == nil && held {
				err = nil
			}
		}
	case engine.ActionRemove:
		err = provisioner.Revoke(ctx, step, objectID)
	}
	failed, err := outcomeOf(ctx, step, err)
	outcome.Reason, outcome.Transient, outcome.Absent = failed.Reason, failed.Transient, failed.Absent
	return outcome, err
}

// outcomeOf is how a step went, by the error of its origin. A directory may not know yet whom it has just been told of, so a grant is tried again; and it may bring back what it has deleted, so that a removal
// waits for it.
func outcomeOf(ctx context.Context, step engine.Step, err error) (engine.Outcome, error) {
	known := errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrForbidden) || errors.Is(err, directory.ErrRefused) || errors.Is(err, directory.ErrThrottled) || errors.Is(err, directory.ErrUnavailable)
	switch {
	case err == nil:
		return engine.Outcome{}, nil
	case ctx.Err() != nil || !known:
		return engine.Outcome{}, fmt.Errorf("%s %s of %s: %w", step.Action, step.Grant.Role, step.Grant.ResourceID, err)
	}
	return engine.Outcome{
		Reason: err.Error(), Absent: step.Action == engine.ActionRemove && errors.Is(err, directory.ErrDeleted) && !errors.Is(err, directory.ErrForbidden), // what nobody may look for, an administrator must hear of
		Transient: errors.Is(err, directory.ErrThrottled) || errors.Is(err, directory.ErrUnavailable) || step.Action == engine.ActionAdd && errors.Is(err, directory.ErrNotFound),
	}, nil
}

// report tells an operator of a delivery that has failed for good.
func (d *Delivery) report(ctx context.Context, effect governance.Effect, change engine.Change) {
	for _, request := range engine.Written[governance.AssignmentRequest](change) {
		if request.State == governance.StateDeliveryFailed || request.State == governance.StatePartiallyDelivered {
			detail := ""
			for _, entry := range change.Audit {
				if entry.Detail != "" && entry.Result == "failure" {
					detail = entry.Detail
				}
			}
			d.Log.ErrorContext(ctx, "a delivery has failed", "alert", true, platform.LogMetric, platform.MetricDeliveryFailed, platform.LogValue, 1, "requestId", request.ID, "assignmentId", effect.About, "subjectId", effect.Partition,
				"state", request.State, "removal", request.RequestType.IsRemoval(), "reason", detail)
		}
	}
}

// AssignmentIsDue does what time does to an assignment. Errors: as those of Provision.
func (d *Delivery) AssignmentIsDue(ctx context.Context, effect governance.Effect) error {
	_, err := update(ctx, d.Ledger, effect.Place, inHand(effect.About), func(s engine.State) (engine.Change, error) {
		if _, ok := engine.Find[governance.Assignment](s, effect.About); !ok {
			return engine.Change{}, ledger.ErrNoDocument
		}
		return engine.AssignmentIsDue(s, effect.About, d.Ledger.Now())
	})
	return err
}

// RequestIsDue does what time does to a request. Errors: as those of Provision.
func (d *Delivery) RequestIsDue(ctx context.Context, effect governance.Effect) error {
	read := withHeld(effect.About)
	return d.Ledger.Afresh(ctx, func() error {
		state, err := d.Ledger.Load(ctx, effect.Place, read)
		if err != nil {
			return err
		}
		request, ok := engine.Find[governance.AssignmentRequest](state.State, effect.About)
		if !ok {
			return ledger.ErrNoDocument
		}
		var facts engine.Facts
		var rests []ledger.Version
		now := d.Ledger.Now()
		pack, asked := engine.NeedsWhenDue(request, now)
		if pack {
			facts.Package, rests, err = present(ctx, d.Ledger, request.AccessPackage)
		} else if asked {
			facts.Asked, err = d.standIns(ctx, request)
		}
		if err != nil {
			return err
		}
		_, err = update(ctx, d.Ledger, effect.Place, state.Having(read), func(s engine.State) (engine.Change, error) {
			if present, _ := engine.Find[governance.AssignmentRequest](s, effect.About); !engine.RequestDue(present).Equal(engine.RequestDue(request)) {
				return engine.Change{}, ledger.Unavailable("The subject", errStale) // what was looked up is about another stage
			}
			return engine.RequestIsDue(s, effect.About, facts, now)
		}, rests...)
		return err
	})
}
