package app

import (
	"context"
	"fmt"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// ListCallouts lists callouts with what became of them. Errors: CodeForbidden.
func (a *App) ListCallouts(ctx context.Context, caller governance.Caller, options ListOptions) (Page[governance.Callout], error) {
	if err := authorize(caller, OpReadActions); err != nil {
		return Page[governance.Callout]{}, err
	}
	return list[governance.Callout](ctx, a, store.Subjects, kindCallout, options)
}

// Callout reads a callout. Errors: CodeForbidden, CodeNotFound.
func (a *App) Callout(ctx context.Context, caller governance.Caller, id string) (Versioned[governance.Callout], error) {
	if err := authorize(caller, OpReadActions); err != nil {
		return Versioned[governance.Callout]{}, err
	}
	return read[governance.Callout](ctx, a, store.Subjects, kindCallout, id, "callout")
}

// findCallout is a callout to work on, wherever it is. Errors: CodeNotFound.
func (a *App) findCallout(ctx context.Context, id string) (*work, error) {
	subjectID, err := a.locate(ctx, store.Subjects, kindCallout, id, "callout")
	if err != nil {
		return nil, err
	}
	return a.openCallout(ctx, subjectID, lower(id))
}

// openCallout is a callout of a subject. Errors: CodeNotFound.
func (a *App) openCallout(ctx context.Context, subjectID, id string) (*work, error) {
	state, err := a.loadSubject(ctx, subjectID, documentID(kindCallout, id))
	if err != nil {
		return nil, fmt.Errorf("read the callout: %w", err)
	}
	callout, ok := state.Callouts[id]
	if !ok {
		return nil, governance.NotFound("There is no callout %s.", id)
	}
	return &work{app: a, subjectID: subjectID, callout: callout}, nil
}
