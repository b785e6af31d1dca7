// Package lifecycle holds what happens by itself: what the timers run.
package lifecycle

import (
	"context"
	"log/slog"

	"latchkey/shared/app/authz"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// Chains verifies audit chains; handlers.New wires it.
type Chains interface {
	// VerifyFrom verifies the chain of a head, tells of a broken one, and answers with the number of its entries. Errors: CodeConflict for one that only a later release can verify.
	VerifyFrom(ctx context.Context, container store.Container, head store.Document) (entries int64, whole bool, err error)
}

// Sweeper is what the timers run, over every container.
type Sweeper struct {
	Ledger      *ledger.Ledger
	Authz       *authz.Authorizer
	Store       store.Reader
	Chains      Chains
	Log         *slog.Logger
	AuditChains int // that a run of Reconcile verifies at most; 0: none
}

// ExpireDue sends one message for each document whose time has come. Errors: CodeForbidden, and those of the store and the bus, after what could be sent was.
func (s *Sweeper) ExpireDue(ctx context.Context, caller governance.Caller) (ledger.Sweep, error) {
	if err := s.Authz.Require(ctx, caller, authz.OpRunLifecycle); err != nil {
		return ledger.Sweep{}, err
	}
	return s.Ledger.SendDue(ctx)
}

// FlushOutbox sends the effects that a crash, or a bus that was away, left in an outbox. Errors: as of ExpireDue.
func (s *Sweeper) FlushOutbox(ctx context.Context, caller governance.Caller) (ledger.Sweep, error) {
	if err := s.Authz.Require(ctx, caller, authz.OpRunLifecycle); err != nil {
		return ledger.Sweep{}, err
	}
	return s.Ledger.FlushOutbox(ctx)
}
