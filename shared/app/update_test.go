package app_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/shared/app"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// noted is a command that leaves an audit entry, and counts how often it ran.
func noted(runs *int) func(engine.Subject) (engine.Change, error) {
	return func(engine.Subject) (engine.Change, error) {
		*runs++
		return engine.Change{Audit: []governance.AuditEntry{{Activity: governance.ActivityCancel, ActivityDateTime: governance.At(noon), Result: "success", TargetID: fmt.Sprint(*runs)}}}, nil
	}
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
			s.faults(storememory.OpCommit, c.commits...)
			runs := 0
			change, err := s.app.Update(t.Context(), subjectID(alice), nil, noted(&runs))
			s.must(err)
			if entries := s.audit(alice); len(entries) != 1 || runs != c.runs {
				t.Errorf("%d entries after %d runs, wanted 1 after %d", len(entries), runs, c.runs)
			}
			if len(change.Audit) != 1 || change.Audit[0].Sequence != 1 || change.Audit[0].Hash != s.audit(alice)[0].Hash {
				t.Errorf("the answer is not what was committed: %+v", change.Audit)
			}
			if len(s.slept) != len(c.commits) {
				t.Errorf("it waited %v for %d faults", s.slept, len(c.commits))
			}
		})
	}
}

// TestUpdateWaitsLonger: the waits double up to a bound, and a store that says how long is heeded.
func TestUpdateWaitsLonger(t *testing.T) {
	s := newStand(t)
	s.faults(storememory.OpCommit, slices.Repeat([]storememory.Fault{storememory.Conflict}, 11)...)
	runs := 0
	_, err := s.app.Update(t.Context(), subjectID(alice), nil, noted(&runs))
	s.must(err)
	for i := 1; i < len(s.slept); i++ {
		if wanted := min(2*s.slept[i-1], 400*time.Millisecond); s.slept[i] != wanted {
			t.Errorf("wait %d is %v after %v", i, s.slept[i], s.slept[i-1])
		}
	}
	s.slept = nil
	s.faults(storememory.OpCommit, storememory.Throttle)
	_, err = s.app.Update(t.Context(), subjectID(alice), nil, noted(&runs))
	s.must(err)
	if len(s.slept) != 1 || s.slept[0] != storememory.ThrottleTime {
		t.Errorf("it waited %v, the store asked for %v", s.slept, storememory.ThrottleTime)
	}
}

// TestUpdateGivesUp: after so many tries the caller is told to come again, and nothing was written.
func TestUpdateGivesUp(t *testing.T) {
	for _, fault := range []storememory.Fault{storememory.Conflict, storememory.Throttle, storememory.Unavailable} {
		s := newStand(t)
		s.faults(storememory.OpCommit, slices.Repeat([]storememory.Fault{fault}, 100)...)
		runs := 0
		_, err := s.app.Update(t.Context(), subjectID(alice), nil, noted(&runs))
		s.refused(err, governance.CodeUnavailable)
		if entries := s.audit(alice); len(entries) != 0 || runs != 12 {
			t.Errorf("%d entries after %d runs", len(entries), runs)
		}
	}
}

// TestUpdateStopsWithItsCaller: who no longer waits for an answer does not keep it trying.
func TestUpdateStopsWithItsCaller(t *testing.T) {
	s := newStand(t)
	ctx, cancel := context.WithCancel(t.Context())
	runs := 0
	_, err := s.app.Update(ctx, subjectID(alice), nil, func(subject engine.Subject) (engine.Change, error) {
		cancel()
		return noted(&runs)(subject)
	})
	if !errors.Is(err, context.Canceled) || len(s.audit(alice)) != 0 {
		t.Errorf("got %v and %d entries", err, len(s.audit(alice)))
	}
}

// TestUpdatePassesOnARefusal: what the engine refuses is not tried again, and leaves nothing.
func TestUpdatePassesOnARefusal(t *testing.T) {
	s := newStand(t)
	runs := 0
	_, err := s.app.Update(t.Context(), subjectID(alice), nil, func(engine.Subject) (engine.Change, error) {
		runs++
		return engine.Change{}, governance.Conflict("no")
	})
	s.refused(err, governance.CodeConflict, "no")
	if change, err := s.app.Update(t.Context(), subjectID(alice), nil, func(engine.Subject) (engine.Change, error) { return engine.Change{}, nil }); err != nil || !change.IsEmpty() {
		t.Errorf("nothing to change: %v %v", change, err)
	}
	if runs != 1 || s.store.Len(store.Subjects) != 0 {
		t.Errorf("%d runs, %d documents", runs, s.store.Len(store.Subjects))
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
				if _, errs[i] = s.app.Update(context.Background(), subjectID(alice), nil, noted(&runs)); app.CodeOf(errs[i]) != governance.CodeUnavailable {
					return
				}
			}
		})
	}
	wait.Wait()
	s.must(errors.Join(errs...))
	entries := s.audit(alice)
	if len(entries) != rivals || governance.VerifyChain(governance.AuditLinks(entries)) != 0 {
		t.Errorf("%d entries, broken at %d", len(entries), governance.VerifyChain(governance.AuditLinks(entries)))
	}
}

// TestWhatIsTooLarge: a change that no store takes is refused as such, and not tried again.
func TestWhatIsTooLarge(t *testing.T) {
	s := newStand(t)
	runs := 0
	_, err := s.app.Update(t.Context(), subjectID(alice), nil, func(subject engine.Subject) (engine.Change, error) {
		change, err := noted(&runs)(subject)
		change.Audit[0].Detail = strings.Repeat("x", store.MaxBatchBytes)
		return change, err
	})
	s.refused(err, governance.CodeTooLarge)
	if runs != 1 {
		t.Errorf("%d runs", runs)
	}
}

// TestCatalogChangesCommitOnce: the same holds for catalogs, also for the change that deletes one.
func TestCatalogChangesCommitOnce(t *testing.T) {
	s := newStand(t)
	s.faults(storememory.OpCommit, storememory.LostResponse)
	catalog, err := s.app.CreateCatalog(t.Context(), admin(), governance.Catalog{DisplayName: "one"})
	s.must(err)
	s.faults(storememory.OpCommit, storememory.Conflict, storememory.LostResponse)
	updated, err := s.app.UpdateCatalog(t.Context(), admin(), catalog.Value.ID, "", func(c *governance.Catalog) error {
		c.Description += "x"
		return nil
	})
	s.must(err)
	if updated.Value.Description != "x" || updated.ETag == catalog.ETag {
		t.Errorf("changed to %q", updated.Value.Description)
	}
	found, err := s.app.Catalog(t.Context(), admin(), catalog.Value.ID)
	s.must(err)
	if found.Value.Description != "x" || found.ETag != updated.ETag {
		t.Errorf("it is %q with %s, the answer was %s", found.Value.Description, found.ETag, updated.ETag)
	}
	s.faults(storememory.OpCommit, storememory.LostResponse)
	s.must(s.app.DeleteCatalog(t.Context(), admin(), catalog.Value.ID, ""))
	s.refused(s.app.DeleteCatalog(t.Context(), admin(), catalog.Value.ID, ""), governance.CodeNotFound)
	report, err := s.app.VerifyAudit(t.Context(), admin(), true, catalog.Value.ID)
	s.must(err)
	if !report.Verified || report.Entries != 3 {
		t.Errorf("the chain has %d entries, verified %t", report.Entries, report.Verified)
	}
}
