package companion

import (
	"context"
	"fmt"

	"latchkey/shared/app/authz"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// ListTasks lists tasks with what became of them. Errors: CodeForbidden.
func (t Tasks) ListTasks(ctx context.Context, caller governance.Caller, options ledger.ListOptions) (ledger.Page[governance.Task], error) {
	if err := t.Authz.Require(ctx, caller, authz.OpReadActions); err != nil {
		return ledger.Page[governance.Task]{}, err
	}
	return ledger.List[governance.Task](ctx, t.Ledger, options)
}

// Task reads a task. Errors: CodeForbidden, CodeNotFound.
func (t Tasks) Task(ctx context.Context, caller governance.Caller, id string) (ledger.Versioned[governance.Task], error) {
	if err := t.Authz.Require(ctx, caller, authz.OpReadActions); err != nil {
		return ledger.Versioned[governance.Task]{}, err
	}
	return ledger.Get[governance.Task](ctx, t.Ledger, id, "callout")
}

// openTask is a task to work on. Errors: CodeNotFound.
func openTask(ctx context.Context, ports *Ports, place governance.Place, id string) (*work, error) {
	state, err := ports.Ledger.Load(ctx, place, stored[governance.Task](id))
	if err != nil {
		return nil, fmt.Errorf("read the callout: %w", err)
	}
	task, ok := engine.Find[governance.Task](state.State, id)
	if !ok {
		return nil, governance.NotFound("There is no callout %s.", id)
	}
	w := &work{Ports: ports, place: place, task: task, superseded: engine.IsSuperseded(state.State, task)}
	w.plan, w.unreadable = planOf(task.Kind, task.Settings)
	return w, nil
}

// stored reads one document of a place, and its head.
func stored[T governance.Document](id string) ledger.Read {
	var of T
	return ledger.Documents(governance.StoredID(of.DocumentKind(), id))
}
