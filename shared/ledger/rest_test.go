package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// resting is a command about the review that rests on the other place; during happens within each of its runs, before it commits.
func (s stand) resting(ctx context.Context, starts *int, during func(run int)) (ledger.Committed, error) {
	var done ledger.Committed
	runs := 0
	err := s.Ledger.Afresh(ctx, func() error {
		*starts++
		id := s.Ledger.NewID(ctx)
		rest, err := s.Ledger.Load(ctx, other, ledger.Documents())
		if err != nil {
			return err
		}
		done, err = s.Ledger.Update(ctx, review, ledger.Documents("probe:"+id), func(state engine.State) (engine.Change, error) {
			runs++
			during(runs)
			return write(probe{ID: id})(state)
		}, rest.Version())
		return err
	})
	return done, err
}

// TestWhatADecisionRestsOn is looked at again before each commit: where it has moved, the command starts over, and nothing of the first start is left.
func TestWhatADecisionRestsOn(t *testing.T) {
	for name, c := range map[string]struct {
		there  bool // what it rests on, at the beginning
		faults []storememory.Fault
		moves  int // in which run
		starts int
	}{
		"nothing moves":                    {there: true, starts: 1},
		"it moves":                         {there: true, moves: 1, starts: 2},
		"it comes into being":              {moves: 1, starts: 2},
		"it moves before the next try":     {there: true, faults: []storememory.Fault{storememory.Conflict}, moves: 2, starts: 2},
		"it moves after a lost answer":     {there: true, faults: []storememory.Fault{storememory.LostResponse}, moves: 2, starts: 1},
		"it stays, but a try is throttled": {there: true, faults: []storememory.Fault{storememory.Throttle}, starts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			if c.there {
				s.Note(other, 1)
			}
			s.Faults(storememory.OpCommit, c.faults...)
			starts := 0
			done, err := s.resting(t.Context(), &starts, func(run int) {
				if run == c.moves {
					s.Note(other, 1)
				}
			})
			s.Must(err)
			if written := engine.Written[probe](done.Change); starts != c.starts || s.probes() != 1 || len(written) != 1 || s.stored(written[0].ID).Value != written[0] {
				t.Errorf("%d starts, wrote %+v, %d are stored", starts, written, s.probes())
			}
		})
	}
}

// TestWhatMovesEachTime: after so many starts the caller is told to come again, and nothing was written.
func TestWhatMovesEachTime(t *testing.T) {
	s := newStand(t)
	starts := 0
	_, err := s.resting(t.Context(), &starts, func(int) { s.Note(other, 1) })
	s.Refused(err, governance.CodeUnavailable)
	if starts != 12 || s.probes() != 0 {
		t.Errorf("%d starts, %d are stored", starts, s.probes())
	}
	starts = 0
	err = s.Ledger.Afresh(t.Context(), func() error {
		starts++
		return governance.Conflict("no")
	})
	s.Refused(err, governance.CodeConflict)
	if starts != 1 {
		t.Errorf("a refusal is started over: %d times", starts)
	}
}

// TestPreview decides on what is so, and commits nothing.
func TestPreview(t *testing.T) {
	s := newStand(t)
	id := ledgertest.ID("probe")
	s.Put(review, probe{ID: id, Text: "before"})
	documents := s.Store.Len(store.Reviews)
	change, err := s.Ledger.Preview(t.Context(), review, ledger.Documents("probe:"+id), func(state engine.State) (engine.Change, error) {
		one, ok := engine.Find[probe](state, id)
		if !ok || one.Text != "before" {
			t.Errorf("it decides on %+v", state)
		}
		one.Text = "after"
		return write(one)(state)
	})
	s.Must(err)
	if written := engine.Written[probe](change); len(written) != 1 || written[0].Text != "after" || len(change.Effects) != 1 {
		t.Errorf("the preview is %+v", change)
	}
	if s.stored(id).Value.Text != "before" || s.Store.Len(store.Reviews) != documents || len(s.Effects("provisioning")) != 0 {
		t.Errorf("it did something: %+v", s.stored(id))
	}
	_, err = s.Ledger.Preview(t.Context(), review, ledger.Documents(), func(engine.State) (engine.Change, error) { return engine.Change{}, governance.Conflict("no") })
	s.Refused(err, governance.CodeConflict, "no")
}

// numbered is the context of a command under a key, anew for each repetition of it.
func numbered(ctx context.Context) context.Context { return ledger.WithCommand(ctx, "command") }

// TestMade is what a command made, however its answer came: also when that was lost, and when the command is a repetition that finds it.
func TestMade(t *testing.T) {
	s := newStand(t)
	id := ledgertest.ID("probe")
	made := func(done ledger.Committed, text string) {
		t.Helper()
		if one, ok := ledger.Made[probe](done, id); !ok || one.Text != text || s.stored(id).Value.Text != text || done.ETag(one) != s.stored(id).ETag {
			t.Errorf("made is %+v with %s, stored %+v", one, done.ETag(one), s.stored(id))
		}
	}
	done, err := s.update(t.Context(), probe{ID: id, Text: "at once"})
	s.Must(err)
	made(done, "at once")
	s.Faults(storememory.OpCommit, storememory.LostResponse)
	done, err = s.update(t.Context(), probe{ID: id, Text: "unheard"})
	s.Must(err)
	made(done, "unheard")
	done, err = s.update(numbered(t.Context()), probe{ID: id, Text: "with a key"})
	s.Must(err)
	made(done, "with a key")
	done, err = s.update(numbered(t.Context()), probe{ID: id, Text: "not once more"})
	s.Must(err)
	made(done, "with a key")
	if !done.IsEmpty() {
		t.Errorf("a repetition has done %+v", done.Change)
	}
}

// TestTheSameCommandTwiceAtOnce: who comes second answers with what the first made, not with what it would have made itself.
func TestTheSameCommandTwiceAtOnce(t *testing.T) {
	s := newStand(t)
	id := ledgertest.ID("probe")
	once := false
	done, err := s.Ledger.Update(numbered(t.Context()), review, ledger.Documents("probe:"+id), func(state engine.State) (engine.Change, error) {
		if !once {
			once = true
			_, err := s.update(numbered(t.Context()), probe{ID: id, Text: "the first"})
			s.Must(err)
		}
		return write(probe{ID: id, Text: "the second"})(state)
	})
	s.Must(err)
	if one, ok := ledger.Made[probe](done, id); !ok || one.Text != "the first" || done.ETag(one) != s.stored(id).ETag {
		t.Errorf("it answers with %+v, stored is %+v", one, s.stored(id))
	}
}

// TestNoCommandIsRefusedForWhatItMadeItself: a place is read in several steps, and the same command, sent twice at once, may commit between them.
func TestNoCommandIsRefusedForWhatItMadeItself(t *testing.T) {
	s := newStand(t)
	id := ledgertest.ID("probe")
	runs := 0
	done, err := s.Ledger.Update(numbered(t.Context()), review, ledger.Documents("probe:"+id), func(engine.State) (engine.Change, error) {
		runs++
		_, err := s.update(numbered(t.Context()), probe{ID: id, Text: "the first"})
		s.Must(err)
		return engine.Change{}, governance.Conflict("There is one already.")
	})
	s.Must(err)
	if one, ok := ledger.Made[probe](done, id); !ok || one.Text != "the first" || runs != 1 {
		t.Errorf("after %d runs it answers with %+v", runs, one)
	}
	_, err = s.Ledger.Update(ledger.WithCommand(t.Context(), "another"), review, ledger.Documents(), func(engine.State) (engine.Change, error) {
		return engine.Change{}, governance.Conflict("There is one already.")
	})
	s.Refused(err, governance.CodeConflict)
}

// TestARepetitionOfWhatStartedOver finds what was made, whichever start made it.
func TestARepetitionOfWhatStartedOver(t *testing.T) {
	s := newStand(t)
	starts := 0
	first, err := s.resting(numbered(t.Context()), &starts, func(run int) {
		if run == 1 {
			s.Note(other, 1)
		}
	})
	s.Must(err)
	again, err := s.resting(numbered(t.Context()), &starts, func(int) {})
	s.Must(err)
	id := engine.Written[probe](first.Change)[0].ID
	if one, ok := ledger.Made[probe](again, id); !ok || one.ID != id || starts != 3 || s.probes() != 1 {
		t.Errorf("after %d starts %d are stored; the repetition made %+v", starts, s.probes(), again.Change)
	}
}

// TestHeld: what one holds, another does not get, until it is let go of or its time is up; the holder itself gets it again.
func TestHeld(t *testing.T) {
	s := newStand(t)
	taken := errors.New("taken")
	hold := func(holder string) (func(), error) {
		return s.Ledger.Hold(t.Context(), other, "name:one", holder, 60_000_000_000, taken)
	}
	release, err := hold("mine")
	s.Must(err)
	if _, err := hold("yours"); !errors.Is(err, taken) {
		t.Errorf("another got it: %v", err)
	}
	if _, err := hold("mine"); err != nil {
		t.Errorf("its holder did not get it again: %v", err)
	}
	release()
	if _, err := hold("yours"); err != nil {
		t.Errorf("it was let go of: %v", err)
	}
	if waits := s.Slept(); len(waits) != 0 {
		t.Errorf("it waited %v", slices.Clone(waits))
	}
}
