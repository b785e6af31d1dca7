package catalog

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// deletion deletes a document with all that belongs to it. It is closed first, and only then looked for what uses it (OBJ-17): what lies in other places, no commit of this one sees.
type deletion struct {
	ledger   *ledger.Ledger
	place    governance.Place
	document governance.Document
	ifMatch  string
	command  ledger.Decide                   // deletes as much as one commit holds, the document itself last
	unused   func(ctx context.Context) error // refuses it for what uses the document elsewhere; nil: nothing can
}

const (
	maxClosings = 3    // how often a deletion that was too slow is begun
	maxCommits  = 1000 // of one deletion
)

// run begins the deletion, looks, and ends it or calls it off. One that breaks off leaves the document closed for two minutes, or less if it is repeated.
func (d deletion) run(ctx context.Context) error {
	if d.unused == nil {
		d.unused = func(context.Context) error { return nil }
	}
	if err := d.unused(ctx); err != nil { // as most are refused, so that nobody is in their way
		return err
	}
	err := engine.ErrReopened
	for range maxClosings {
		name := d.ledger.NewID(ctx)
		var done ledger.Committed
		done, err = d.ledger.Update(ctx, d.place, ledger.Whole, matching(d.document, d.ifMatch, func(s engine.State) (engine.Change, error) {
			return engine.Close(s, d.document, name, d.ledger.Now(), d.command)
		}))
		if err != nil || done.Before.ETag(d.document) == "" { // by a repeated command, which has deleted it
			return err
		}
		if err = d.unused(ctx); err == nil {
			err = d.remove(ctx, name)
		}
		if err == nil {
			return nil
		}
		d.reopen(ctx, name)
		if !errors.Is(err, engine.ErrReopened) {
			return err
		}
	}
	return err
}

// remove deletes what may be more than one commit can hold: as often as something is left. What breaks off goes on when it is repeated, since the document itself is deleted last.
func (d deletion) remove(ctx context.Context, name string) error {
	for range maxCommits {
		done, err := d.ledger.Update(ctx, d.place, ledger.Whole, matching(d.document, d.ifMatch, func(s engine.State) (engine.Change, error) {
			change, err := d.command(s)
			if err == nil {
				err = engine.Closed(s, name, d.ledger.Now())
			}
			return change, err
		}))
		gone := slices.ContainsFunc(done.Delete, func(one governance.Document) bool {
			return one.DocumentKind() == d.document.DocumentKind() && one.DocumentID() == d.document.DocumentID()
		})
		if err != nil || gone || done.Before.ETag(d.document) == "" {
			return err
		}
	}
	return engine.ErrReopened
}

// reopen calls the deletion off, as well as it can: else it ends by itself.
func (d deletion) reopen(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ledger.Beside(ctx), 10*time.Second)
	defer cancel()
	_, _ = d.ledger.Update(ctx, d.place, ledger.Whole, func(s engine.State) (engine.Change, error) { return engine.Reopen(s, name), nil })
}

// unused refuses to delete what open requests or live assignments refer to at these paths. Requests are looked for first: one that is carried out meanwhile has its assignment by then.
func unused(l *ledger.Ledger, id, what string, ofAssignments, ofRequests []string) func(context.Context) error {
	var open []string
	for _, state := range governance.RequestStates() {
		if state.IsInFlight() {
			open = append(open, string(state))
		}
	}
	return func(ctx context.Context) error {
		requested, err := ledger.Any[governance.AssignmentRequest](ctx, l, store.And{store.Compare{Path: ofRequests, Comparison: store.Equal, Value: id}, store.In{Path: []string{"state"}, Values: open}})
		if err != nil {
			return err
		}
		expired := store.Compare{Path: []string{"state"}, Comparison: store.Equal, Value: string(governance.AssignmentExpired)}
		held, err := ledger.Any[governance.Assignment](ctx, l, store.And{store.Compare{Path: ofAssignments, Comparison: store.Equal, Value: id}, store.Not{Filter: expired}})
		switch {
		case err == nil && held:
			err = governance.Conflict("The %s cannot be deleted while it has assignments; remove them first.", what)
		case err == nil && requested:
			err = governance.Conflict("The %s cannot be deleted while requests for it are open; cancel or decide them first.", what)
		}
		return err
	}
}
