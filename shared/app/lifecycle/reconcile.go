package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

const (
	// scrubPage is how many heads are read, and then their chains verified, between two notes of how far a run has come.
	scrubPage = 50
	// scrubTime is how long a run goes on: short of what ends an invocation.
	scrubTime = 4 * time.Minute
	// scrubID is the note that says how far the verification of all chains has come.
	scrubID = "scrub"
)

// scrub is one round through all chains, as far as it has come.
type scrub struct {
	Container    store.Container     `json:"container"`              // that is gone through, in the order of store.Containers; empty: the round is over
	Continuation string              `json:"continuation,omitempty"` // of its heads; empty: from the first
	Began        governance.DateTime `json:"beganDateTime"`
	Chains       int64               `json:"chains"` // verified in this round
	Broken       int64               `json:"broken"`
	Newer        int64               `json:"newer"`       // that only a later release can verify
	Disagreeing  int64               `json:"disagreeing"` // documents that say otherwise than their heads
}

// Reconcile holds what is stored against what must be true of it: it verifies the next of the audit chains, at most as many as the settings say, holds the documents beside each against its head,
// and goes on tomorrow where it ended. After the last chain the next run begins with the first. A chain of many entries counts once for each thousand, and documents do, so that what a run costs does
// not grow with the data.
//
// A broken chain and a document that disagrees are told and stop nothing. Errors: CodeForbidden, and the store's; what was verified by then is not verified again.
func (s *Sweeper) Reconcile(ctx context.Context, caller governance.Caller) (ledger.Sweep, error) {
	var sweep ledger.Sweep
	if err := s.Authz.Require(ctx, caller, authz.OpRunLifecycle); err != nil || s.AuditChains <= 0 {
		return sweep, err
	}
	round, etag, err := ledger.GetNote[scrub](ctx, s.Ledger, ledger.TenantPlace(), scrubID)
	if err != nil && etag == "" {
		return sweep, fmt.Errorf("read how far the verification has come: %w", err)
	}
	began := s.Ledger.Now()
	fresh := func() scrub { return scrub{Container: store.Containers()[0], Began: *governance.At(s.Ledger.Now())} }
	if err != nil || !slices.Contains(store.Containers(), round.Container) {
		round = fresh() // the note guards nothing: to begin anew costs one round
	}
	for left := s.AuditChains; left > 0 && s.Ledger.Now().Sub(began) < scrubTime; {
		before := round.Chains + round.Newer
		used, err := s.verifyPage(ctx, &round, min(left, scrubPage))
		if err != nil {
			return sweep, err
		}
		left -= used
		sweep.Found += int(round.Chains + round.Newer - before)
		done := round.Container == ""
		if done {
			level := slog.LevelInfo
			if round.Newer > 0 { // after an upgrade the present release verifies them; at any other time somebody made them look so
				level = slog.LevelWarn
			}
			s.Log.LogAttrs(ctx, level, "every audit chain was verified", slog.Int64("chains", round.Chains), slog.Int64("broken", round.Broken), slog.Int64("newer", round.Newer),
				slog.Int64("disagreeing", round.Disagreeing), slog.Time("since", round.Began.Instant()))
			round = fresh()
		}
		etag, err = s.Ledger.SetNote(ctx, ledger.TenantPlace(), scrubID, round, etag, 0)
		if errors.Is(err, store.ErrConflict) {
			return sweep, nil // another instance is at it
		}
		if err != nil || done {
			return sweep, err
		}
	}
	return sweep, nil
}

// verifyPage verifies the chains of the next page of heads and moves the round behind them. It answers with what that counts for, which is 1 at least: an empty page costs something, too.
func (s *Sweeper) verifyPage(ctx context.Context, round *scrub, size int) (used int, err error) {
	query := store.Query{Kind: governance.Head{}.DocumentKind(), PageSize: size, Continuation: round.Continuation}
	page, err := s.Store.Query(ctx, round.Container, query)
	if errors.Is(err, store.ErrInvalid) && round.Continuation != "" { // of a release or an account that asked in other words
		query.Continuation = ""
		page, err = s.Store.Query(ctx, round.Container, query)
	}
	if err != nil {
		return 0, fmt.Errorf("read the heads of %s: %w", round.Container, err)
	}
	next := *round
	for _, head := range page.Documents {
		entries, whole, err := s.Chains.VerifyFrom(ctx, round.Container, head)
		switch {
		case governance.CodeOf(err) == governance.CodeConflict:
			next.Newer++
		case err != nil:
			return 0, err
		case whole:
			next.Chains++
		default:
			next.Chains++
			next.Broken++
		}
		disagree, read := 0, 0
		if head.Unreadable == nil {
			disagree, read, err = s.compare(ctx, governance.Place{Container: string(round.Container), Partition: head.Partition})
		}
		if err != nil {
			return 0, err
		}
		next.Disagreeing += int64(disagree)
		used += 1 + (int(entries)+read)/store.MaxPageSize
	}
	next.Continuation = page.Continuation
	if next.Continuation == "" {
		all := append(store.Containers(), "")
		next.Container = all[slices.Index(all, round.Container)+1]
	}
	*round = next
	return max(used, 1), nil
}
