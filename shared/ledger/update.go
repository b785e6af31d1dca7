package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// Bounds of the retries of one commit.
const (
	maxTries  = 12
	firstWait = 4 * time.Millisecond
	longWait  = 400 * time.Millisecond
	// outboxDelay is how long an effect may take from its commit to the bus before the timer takes it for forgotten.
	outboxDelay = time.Minute
)

// passing are the errors of the store that another try may not meet.
var passing = []error{store.ErrConflict, store.ErrThrottled, store.ErrUnavailable}

// errMoved says that a place that a decision rests on has another version by now.
var errMoved = errors.New("what the decision rests on has changed")

// Decide is a command: pure, and run as often as it takes.
type Decide func(engine.State) (engine.Change, error)

// Committed is what came of a command. The change is as it was committed; it is empty if there was nothing to do.
type Committed struct {
	engine.Change
	Before engine.State      // what it was decided on
	etags  map[string]string // by stored id
}

// Made is a document as it is after the command: as it was written or, by a repeated command, as it was found.
func Made[T governance.Document](c Committed, id string) (T, bool) {
	for _, one := range engine.Written[T](c.Change) {
		if one.DocumentID() == id {
			return one, true
		}
	}
	return engine.Find[T](c.Before, id)
}

// ETag is the version of a document after the command.
func (c Committed) ETag(document governance.Document) string {
	return c.etags[governance.StoredID(document.DocumentKind(), document.DocumentID())]
}

// Update is the one verb for change: it reads a place, has command decide, and commits documents, audit entries and outbox together, if
// nobody was faster; else it starts again. What of other places the decision rests on is looked at again before each commit; where it has
// moved, the whole command starts over: see Afresh. After the commit the outbox is flushed.
//
// Errors: those of command as they are; CodeTooLarge; CodeUnavailable when the store does not let it through.
func (l *Ledger) Update(ctx context.Context, place governance.Place, read Read, command Decide, rests ...Version) (Committed, error) {
	platform.NameSubject(ctx, place.Partition)
	commandID, again := l.commitID(ctx)
	replayed := again && commandOf(ctx).replayed
	var done Committed
	left := false // what was committed before, by another call
	committed, err := l.retry(ctx, passing, func() (bool, error) {
		state, err := read(ctx, l, place)
		if err != nil {
			return false, err
		}
		if again && (replayed || state.Head.Remembers(commandID)) { // the answer to our commit was lost, the commit was not; or a command with an idempotency key is repeated
			if done.etags == nil {
				done = Committed{Before: state.State}
			}
			done.etags, left = state.ETags, done.IsEmpty()
			return true, nil
		}
		repeats := again
		again = true
		decided, err := command(state.State)
		err = unexpected(ctx, state.State, err)
		if err != nil && repeats { // it may be refused for what it has done itself: what was read may be newer than the head that was read before it
			if stands, failed := l.Stands(ctx, state.Version()); failed != nil || !stands {
				return false, cmp.Or(failed, store.ErrConflict)
			}
		}
		if err != nil || decided.IsEmpty() {
			done = Committed{Change: decided, Before: state.State, etags: state.ETags}
			return false, err
		}
		sealed, operations, err := l.seal(ctx, state, decided, commandID)
		if err != nil {
			return false, err
		}
		next := Committed{Change: sealed, Before: state.State, etags: map[string]string{}}
		if err := l.stand(ctx, next, rests); err != nil {
			return false, err
		}
		if c := commandOf(ctx); c != nil && c.begin != nil {
			if err := c.begin(ctx); err != nil {
				return false, err
			}
		}
		done = next
		etags, err := l.options.Store.Commit(ctx, store.Container(place.Container), place.Partition, operations)
		for i := range etags {
			done.etags[operations[i].Document.ID] = etags[i]
		}
		if errors.Is(err, store.ErrConflict) {
			done = Committed{} // should the same command be found now, it was committed as somebody else decided it
		}
		return err == nil, err
	})
	if err != nil {
		return Committed{}, err
	}
	if committed {
		for _, document := range done.Write {
			l.placed(document, place.Partition)
		}
		l.flush(ctx, place, done.Effects)
	}
	if left {
		l.flushLeft(ctx, place)
	}
	return done, nil
}

// Preview has command decide on what is so now, and commits nothing.
func (l *Ledger) Preview(ctx context.Context, place governance.Place, read Read, command Decide) (engine.Change, error) {
	state, err := read(ctx, l, place)
	if err != nil {
		return engine.Change{}, err
	}
	return command(state.State)
}

// Afresh does what rests on several places, from its first reading on, and again while one of them moves under it: with the same names, if it has a key, so that a repetition finds what was made at
// whichever start. Errors: those of do; CodeUnavailable if they move each time.
func (l *Ledger) Afresh(ctx context.Context, do func() error) error {
	c := commandOf(ctx)
	if c == nil {
		c = &command{}
	}
	begun := *c
	_, err := l.retry(ctx, []error{errMoved}, func() (bool, error) {
		*c = begun
		return true, do()
	})
	return err
}

// stand looks whether what a decision rests on is still as it saw it.
func (l *Ledger) stand(ctx context.Context, next Committed, rests []Version) error {
	for _, one := range rests {
		if one.Look != nil {
			if err := one.Look(ctx, next); err != nil {
				return err
			}
			continue
		}
		heads, err := l.options.Store.Get(ctx, store.Container(one.place.Container), one.place.Partition, headID)
		if err != nil {
			return fmt.Errorf("look at %s again: %w", one.place.Partition, err)
		}
		if heads[0].ETag != one.etag {
			return fmt.Errorf("%w: %s", errMoved, one.place.Partition)
		}
	}
	return nil
}

// Stands says whether a place still has the version that it was read in: then what was read of it in several steps is what was there at one time.
func (l *Ledger) Stands(ctx context.Context, version Version) (bool, error) {
	err := l.stand(ctx, Committed{}, []Version{version})
	if errors.Is(err, errMoved) {
		return false, nil
	}
	return err == nil, err
}

// seal lays a change out as the writes of one batch: a document that was read is replaced if it is still the same, any other is created.
func (l *Ledger) seal(ctx context.Context, state *State, decided engine.Change, commandID string) (engine.Change, []store.Operation, error) {
	head, sealed := engine.Seal(state.Head, decided, commandID, l.options.Salt())
	trace := platform.CarryTrace(ctx)
	var operations []store.Operation
	var failed error
	put := func(document governance.Document, due time.Time) {
		id := governance.StoredID(document.DocumentKind(), document.DocumentID())
		stored, err := encode(id, document.DocumentKind(), due, document)
		failed = errors.Join(failed, err)
		operation := store.Operation{Verb: store.Create, Document: stored}
		if etag := state.ETags[id]; etag != "" {
			operation.Verb, operation.IfMatch = store.Replace, etag
		}
		operations = append(operations, operation)
	}
	for _, document := range slices.Concat(sealed.Write, sealed.Delete) {
		if kinds[document.DocumentKind()].content {
			head.Change(governance.StoredID(document.DocumentKind(), document.DocumentID()))
		}
	}
	put(head, time.Time{})
	for _, document := range sealed.Write {
		put(document, kinds[document.DocumentKind()].dueAt(document))
	}
	for _, document := range sealed.Delete {
		id := governance.StoredID(document.DocumentKind(), document.DocumentID())
		operations = append(operations, store.Operation{Verb: store.Delete, Document: store.Document{ID: id}, IfMatch: state.ETags[id]})
	}
	for _, entry := range sealed.Audit {
		put(entry, time.Time{})
	}
	if container := store.Container(state.Place.Container); len(sealed.Effects) > 0 && !slices.Contains(working(), container) {
		failed = errors.Join(failed, fmt.Errorf("nobody looks for effects in %s: give one of its kinds of documents a work", container))
	}
	for i := range sealed.Effects {
		effect := &sealed.Effects[i]
		effect.Place, effect.TraceParent = state.Place, trace
		due := l.Now()
		if effect.IsKept() && effect.NotBefore.After(due) {
			due = effect.NotBefore
		}
		put(*effect, due.Add(outboxDelay))
	}
	return sealed, operations, failed
}

// retry runs attempt until it is through: again after errors that pass, with waits that grow and are jittered.
func (l *Ledger) retry(ctx context.Context, passing []error, attempt func() (bool, error)) (bool, error) {
	wait := firstWait
	var last error
	for range maxTries {
		committed, err := attempt()
		if err == nil {
			return committed, nil
		}
		pause := l.options.Jitter(wait)
		switch {
		case errors.Is(err, store.ErrTooLarge):
			return false, &governance.Error{Code: governance.CodeTooLarge, Message: "The change is too large to be stored.", Err: err}
		case !slices.ContainsFunc(passing, func(one error) bool { return errors.Is(err, one) }):
			return false, err
		case errors.Is(err, store.ErrThrottled):
			pause = max(pause, min(store.RetryAfter(err), 5*time.Second))
		}
		last = err
		if err := l.options.Sleep(ctx, pause); err != nil {
			return false, Unavailable("The store", errors.Join(last, err))
		}
		wait = min(2*wait, longWait)
	}
	return false, Unavailable("The store", last)
}
