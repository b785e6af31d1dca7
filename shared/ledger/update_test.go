package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// noted is a command that leaves an audit entry, and counts how often it ran.
func noted(runs *int) ledger.Decide {
	return func(engine.State) (engine.Change, error) {
		*runs++
		return engine.Change{Audit: []governance.AuditEntry{{Activity: governance.ActivityCancel, ActivityDateTime: governance.At(ledgertest.Noon), Result: "success", TargetID: fmt.Sprint(*runs)}}}, nil
	}
}

// trail is the audit trail of a place.
func (s stand) trail(place governance.Place) []governance.AuditEntry {
	s.Helper()
	_, entries := s.Trail(place)
	return entries
}

// TestUpdateCommitsOnce: whatever the store does, a command is committed exactly once, or its caller is told that it may not be.
func TestUpdateCommitsOnce(t *testing.T) {
	const (
		conflict, throttle, unavailable, lost, fine = storememory.Conflict, storememory.Throttle, storememory.Unavailable, storememory.LostResponse, storememory.NoFault
	)
	for _, c := range []struct {
		name    string
		commits []storememory.Fault
		runs    int
	}{
		{"nothing goes wrong", nil, 1},
		{"a rival was faster", []storememory.Fault{conflict}, 2},
		{"rivals were faster", []storememory.Fault{conflict, conflict, conflict}, 4},
		{"the store is busy", []storememory.Fault{throttle, throttle}, 3},
		{"the store is away, nothing was written", []storememory.Fault{unavailable}, 2},
		{"the answer was lost", []storememory.Fault{lost}, 1}, // the second try finds what the first one wrote
		{"all of it", []storememory.Fault{conflict, unavailable, throttle, lost}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			s.Faults(storememory.OpCommit, c.commits...)
			runs := 0
			change, err := s.Ledger.Update(t.Context(), alice, ledger.Documents(), noted(&runs))
			s.Must(err)
			if entries := s.trail(alice); len(entries) != 1 || runs != c.runs {
				t.Errorf("%d entries after %d runs, wanted 1 after %d", len(entries), runs, c.runs)
			}
			if len(change.Audit) != 1 || change.Audit[0].Sequence != 1 || change.Audit[0].Hash != s.trail(alice)[0].Hash {
				t.Errorf("the answer is not what was committed: %+v", change.Audit)
			}
			if slept := s.Slept(); len(slept) != len(c.commits) {
				t.Errorf("it waited %v for %d faults", slept, len(c.commits))
			}
		})
	}
}

// TestUpdateWaitsLonger: the waits double up to a bound, and a store that says how long is heeded.
func TestUpdateWaitsLonger(t *testing.T) {
	s := newStand(t)
	s.Faults(storememory.OpCommit, slices.Repeat([]storememory.Fault{storememory.Conflict}, 11)...)
	runs := 0
	_, err := s.Ledger.Update(t.Context(), alice, ledger.Documents(), noted(&runs))
	s.Must(err)
	slept := s.Slept()
	for i := 1; i < len(slept); i++ {
		if wanted := min(2*slept[i-1], 400*time.Millisecond); slept[i] != wanted {
			t.Errorf("wait %d is %v after %v", i, slept[i], slept[i-1])
		}
	}
	s.Faults(storememory.OpCommit, storememory.Throttle)
	_, err = s.Ledger.Update(t.Context(), alice, ledger.Documents(), noted(&runs))
	s.Must(err)
	if slept := s.Slept(); len(slept) != 1 || slept[0] != storememory.ThrottleTime {
		t.Errorf("it waited %v, the store asked for %v", slept, storememory.ThrottleTime)
	}
}

// TestUpdateGivesUp: after so many tries the caller is told to come again, and nothing was written.
func TestUpdateGivesUp(t *testing.T) {
	for _, fault := range []storememory.Fault{storememory.Conflict, storememory.Throttle, storememory.Unavailable} {
		s := newStand(t)
		s.Faults(storememory.OpCommit, slices.Repeat([]storememory.Fault{fault}, 100)...)
		runs := 0
		_, err := s.Ledger.Update(t.Context(), alice, ledger.Documents(), noted(&runs))
		s.Refused(err, governance.CodeUnavailable)
		if entries := s.trail(alice); len(entries) != 0 || runs != 12 {
			t.Errorf("%d entries after %d runs", len(entries), runs)
		}
	}
}

// TestUpdateStopsWithItsCaller: who no longer waits for an answer does not keep it trying.
func TestUpdateStopsWithItsCaller(t *testing.T) {
	s := newStand(t)
	ctx, cancel := context.WithCancel(t.Context())
	runs := 0
	_, err := s.Ledger.Update(ctx, alice, ledger.Documents(), func(state engine.State) (engine.Change, error) {
		cancel()
		return noted(&runs)(state)
	})
	if !errors.Is(err, context.Canceled) || len(s.trail(alice)) != 0 {
		t.Errorf("got %v and %d entries", err, len(s.trail(alice)))
	}
}

// TestUpdatePassesOnARefusal: what the engine refuses is not tried again, and leaves nothing.
func TestUpdatePassesOnARefusal(t *testing.T) {
	s := newStand(t)
	runs := 0
	_, err := s.Ledger.Update(t.Context(), alice, ledger.Documents(), func(engine.State) (engine.Change, error) {
		runs++
		return engine.Change{}, governance.Conflict("no")
	})
	s.Refused(err, governance.CodeConflict, "no")
	if change, err := s.Ledger.Update(t.Context(), alice, ledger.Documents(), func(engine.State) (engine.Change, error) { return engine.Change{}, nil }); err != nil || !change.IsEmpty() {
		t.Errorf("nothing to change: %v %v", change, err)
	}
	if runs != 1 || s.Store.Len(store.Subjects) != 0 {
		t.Errorf("%d runs, %d documents", runs, s.Store.Len(store.Subjects))
	}
}

// TestRivals: many commands on one subject at once are all committed, one after the other, in one unbroken chain.
func TestRivals(t *testing.T) {
	s := newStand(t)
	const rivals = 12
	var wait sync.WaitGroup
	errs := make([]error, rivals)
	for i := range rivals {
		wait.Go(func() {
			for try := 0; try < 20; try++ { // each is as patient as a person would be
				runs := 0
				if _, errs[i] = s.Ledger.Update(context.Background(), alice, ledger.Documents(), noted(&runs)); ledger.CodeOf(errs[i]) != governance.CodeUnavailable {
					return
				}
			}
		})
	}
	wait.Wait()
	s.Must(errors.Join(errs...))
	entries := s.trail(alice)
	if len(entries) != rivals || governance.VerifyChain(ledgertest.Links(entries)) != 0 {
		t.Errorf("%d entries, broken at %d", len(entries), governance.VerifyChain(ledgertest.Links(entries)))
	}
}

// TestWhatIsTooLarge: a change that no store takes is refused as such, and not tried again.
func TestWhatIsTooLarge(t *testing.T) {
	s := newStand(t)
	runs := 0
	_, err := s.Ledger.Update(t.Context(), alice, ledger.Documents(), func(state engine.State) (engine.Change, error) {
		change, err := noted(&runs)(state)
		change.Audit[0].Detail = strings.Repeat("x", store.MaxBatchBytes)
		return change, err
	})
	s.Refused(err, governance.CodeTooLarge)
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

// TestCatalogChangesCommitOnce: the same holds for catalogs, which are read whole, also for the change that deletes one.
func TestCatalogChangesCommitOnce(t *testing.T) {
	s := newStand(t)
	by := engine.Edit{Caller: governance.System(), Now: ledgertest.Noon}
	update := func(decide ledger.Decide) ledger.Committed {
		t.Helper()
		done, err := s.Ledger.Update(t.Context(), other, ledger.Whole, decide)
		s.Must(err)
		return done
	}
	s.Faults(storememory.OpCommit, storememory.LostResponse)
	draft := governance.Catalog{ID: other.Partition, DisplayName: "one"}
	created := update(func(state engine.State) (engine.Change, error) { return engine.CreateCatalog(state, draft, by) })
	s.Faults(storememory.OpCommit, storememory.Conflict, storememory.LostResponse)
	updated := update(func(state engine.State) (engine.Change, error) {
		return engine.UpdateCatalog(state, func(c *governance.Catalog) error {
			c.Description += "x"
			return nil
		}, by)
	})
	made, _ := ledger.Made[governance.Catalog](updated, "")
	if made.Description != "x" || updated.ETag(made) == created.ETag(made) {
		t.Errorf("changed to %q", made.Description)
	}
	found, err := ledger.GetAt[governance.Catalog](t.Context(), s.Ledger, other, "", "catalog")
	s.Must(err)
	if found.Value.Description != "x" || found.ETag != updated.ETag(made) {
		t.Errorf("it is %q with %s, the answer was %s", found.Value.Description, found.ETag, updated.ETag(made))
	}
	remove := func(state engine.State) (engine.Change, error) { return engine.DeleteCatalog(state, by) }
	s.Faults(storememory.OpCommit, storememory.LostResponse)
	update(remove)
	_, err = s.Ledger.Update(t.Context(), other, ledger.Whole, remove)
	s.Refused(err, governance.CodeNotFound)
	if _, entries := s.Trail(other); len(entries) != 3 || governance.VerifyChain(ledgertest.Links(entries)) != 0 {
		t.Errorf("the chain is %+v", entries)
	}
}
