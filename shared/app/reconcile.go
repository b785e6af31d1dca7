package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

const (
	// scrubPage is how many heads are read, and then their chains verified, between two notes of how far a run has come.
	scrubPage = 50
	// scrubTime is how long a run goes on: short of what ends an invocation.
	scrubTime = 4 * time.Minute
)

// scrubID is the document that says how far the verification of all chains has come.
const scrubID = kindScrub

// scrubbed are the containers that have chains, in the order in which they are gone through.
var scrubbed = []store.Container{store.Catalogs, store.Subjects}

// scrub is one round through all chains, as far as it has come.
type scrub struct {
	Container    store.Container     `json:"container"`              // that is gone through
	Continuation string              `json:"continuation,omitempty"` // of its heads; empty: from the first
	Began        governance.DateTime `json:"beganDateTime"`
	Chains       int64               `json:"chains"` // verified in this round
	Broken       int64               `json:"broken"`
	Newer        int64               `json:"newer"` // that only a later release can verify
}

// Reconcile holds what is stored against what must be true of it: it verifies the next of the audit chains, at most as many as the settings say, and goes on tomorrow where it ended. After the
// last chain the next run begins with the first. A chain of many entries counts once for each thousand, so that what a run costs does not grow with the data.
//
// A broken chain is told and stops nothing. Errors: the store's; what was verified by then is not verified again.
func (a *App) Reconcile(ctx context.Context, caller governance.Caller) (Sweep, error) {
	if err := authorize(caller, OpRunLifecycle); err != nil {
		return Sweep{}, err
	}
	var sweep Sweep
	if a.auditChains <= 0 {
		return sweep, nil
	}
	state, etag, err := a.loadScrub(ctx)
	if err != nil {
		return sweep, err
	}
	began := a.now()
	for left := a.auditChains; left > 0 && a.now().Sub(began) < scrubTime; {
		before := state.Chains + state.Newer
		used, err := a.scrubPage(ctx, &state, min(left, scrubPage))
		if err != nil {
			return sweep, err
		}
		left -= used
		sweep.Found += int(state.Chains + state.Newer - before)
		done := state.Container == ""
		if done {
			level := slog.LevelInfo
			if state.Newer > 0 { // after an upgrade the present release verifies them; at any other time somebody made them look so
				level = slog.LevelWarn
			}
			a.log.LogAttrs(ctx, level, "every audit chain was verified", slog.Int64("chains", state.Chains), slog.Int64("broken", state.Broken), slog.Int64("newer", state.Newer),
				slog.Time("since", state.Began.Instant()))
			state = scrub{Container: scrubbed[0], Began: *governance.At(a.now())}
		}
		if etag, err = a.saveScrub(ctx, state, etag); errors.Is(err, store.ErrConflict) {
			return sweep, nil // another instance is at it
		}
		if err != nil || done {
			return sweep, err
		}
	}
	return sweep, nil
}

// scrubPage verifies the chains of the next page of heads and moves state behind them; behind the last chain of all, its Container is empty. It answers with what that counts for, which
// is 1 at least: an empty page costs something, too.
func (a *App) scrubPage(ctx context.Context, state *scrub, size int) (used int, err error) {
	page, err := a.store.Query(ctx, state.Container, store.Query{Kind: kindHead, PageSize: size, Continuation: state.Continuation})
	if errors.Is(err, store.ErrInvalid) && state.Continuation != "" { // of a release or an account that asked in other words
		state.Continuation = ""
		page, err = a.store.Query(ctx, state.Container, store.Query{Kind: kindHead, PageSize: size})
	}
	if err != nil {
		return 0, fmt.Errorf("read the heads of %s: %w", state.Container, err)
	}
	next := *state
	for _, head := range page.Documents {
		report, err := a.verifyTwice(ctx, state.Container, head)
		switch {
		case errors.Is(err, errNewer):
			next.Newer++
		case err != nil:
			return 0, err
		default:
			next.Chains++
			if !report.Verified {
				next.Broken++
				a.tellBroken(ctx, state.Container, report)
			}
		}
		used += 1 + int(report.Entries/store.MaxPageSize)
	}
	next.Continuation = page.Continuation
	if next.Continuation == "" {
		next.Container = following(state.Container)
	}
	*state = next
	return max(used, 1), nil
}

// verifyTwice verifies a chain, and one that seems broken once more from its head on: a reading that lags behind is no evidence.
func (a *App) verifyTwice(ctx context.Context, container store.Container, head store.Document) (ChainReport, error) {
	report, err := a.verifyChain(ctx, container, head)
	if err != nil || report.Verified {
		return report, err
	}
	again, found, err := a.verifyNow(ctx, container, head.Partition)
	if err != nil || found {
		return again, err
	}
	return report, nil // the head has gone meanwhile: Latchkey deletes none
}

// following is the container after this one; empty after the last.
func following(container store.Container) store.Container {
	for i, one := range scrubbed[:len(scrubbed)-1] {
		if one == container {
			return scrubbed[i+1]
		}
	}
	return ""
}

func (a *App) loadScrub(ctx context.Context) (scrub, string, error) {
	fresh := scrub{Container: scrubbed[0], Began: *governance.At(a.now())}
	found, err := a.store.Get(ctx, store.Catalogs, tenantPartition, scrubID)
	if err != nil {
		return fresh, "", fmt.Errorf("read how far the verification has come: %w", err)
	}
	if found[0].ID == "" {
		return fresh, "", nil
	}
	state, err := decode[scrub](found[0])
	if err != nil || state.Container != scrubbed[0] && following(scrubbed[0]) != state.Container {
		state = fresh // it guards nothing: to begin anew costs one round
	}
	return state, found[0].ETag, nil
}

func (a *App) saveScrub(ctx context.Context, state scrub, etag string) (string, error) {
	writes := batch{etags: map[string]string{scrubID: etag}}
	writes.put(scrubID, kindScrub, time.Time{}, state)
	if writes.err != nil {
		return "", writes.err
	}
	etags, err := a.store.Commit(ctx, store.Catalogs, tenantPartition, writes.operations)
	if err != nil {
		return "", fmt.Errorf("note how far the verification has come: %w", err)
	}
	return etags[0], nil
}
