package companion

import (
	"context"
	"fmt"

	"latchkey/shared/app/authz"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// ListCallouts lists callouts with what became of them. Errors: CodeForbidden.
func (t Tasks) ListCallouts(ctx context.Context, caller governance.Caller, options ledger.ListOptions) (ledger.Page[governance.Callout], error) {
	if err := authz.Require(caller, authz.OpReadActions); err != nil {
		return ledger.Page[governance.Callout]{}, err
	}
	return ledger.List[governance.Callout](ctx, t.Ledger, options)
}

// Callout reads a callout. Errors: CodeForbidden, CodeNotFound.
func (t Tasks) Callout(ctx context.Context, caller governance.Caller, id string) (ledger.Versioned[governance.Callout], error) {
	if err := authz.Require(caller, authz.OpReadActions); err != nil {
		return ledger.Versioned[governance.Callout]{}, err
	}
	return ledger.Get[governance.Callout](ctx, t.Ledger, id, "callout")
}

// openCallout is a callout to work on, with the state that it was found in. Errors: CodeNotFound.
func (ports *Ports) openCallout(ctx context.Context, place governance.Place, id string) (*work, engine.State, error) {
	state, err := ports.Ledger.Load(ctx, place, stored[governance.Callout](id))
	if err != nil {
		return nil, engine.State{}, fmt.Errorf("read the callout: %w", err)
	}
	callout, ok := engine.Find[governance.Callout](state.State, id)
	if !ok {
		return nil, engine.State{}, governance.NotFound("There is no callout %s.", id)
	}
	return &work{Ports: ports, place: place, callout: callout}, state.State, nil
}

// stored reads one document of a place, and its head.
func stored[T governance.Document](id string) ledger.Read {
	var of T
	return ledger.Documents(governance.StoredID(of.DocumentKind(), id))
}
