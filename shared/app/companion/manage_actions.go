package companion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"latchkey/shared/app/authz"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// ActionKinds lists what actions can do. Errors: CodeForbidden.
func (a Actions) ActionKinds(caller governance.Caller) ([]ActionKind, error) {
	if err := authz.Require(caller, authz.OpReadActions); err != nil {
		return nil, err
	}
	var kinds []ActionKind
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		kinds = append(kinds, actions[name].ActionKind)
	}
	return kinds, nil
}

// ListActions lists the configured actions. Errors: CodeForbidden.
func (a Actions) ListActions(ctx context.Context, caller governance.Caller, options ledger.ListOptions) (ledger.Page[governance.CalloutAction], error) {
	if err := authz.Require(caller, authz.OpReadActions); err != nil {
		return ledger.Page[governance.CalloutAction]{}, err
	}
	return ledger.List[governance.CalloutAction](ctx, a.Ledger, options)
}

// CalloutAction reads a configured action. Errors: CodeForbidden, CodeNotFound.
func (a Actions) CalloutAction(ctx context.Context, caller governance.Caller, name string) (ledger.Versioned[governance.CalloutAction], error) {
	if err := authz.Require(caller, authz.OpReadActions); err != nil {
		return ledger.Versioned[governance.CalloutAction]{}, err
	}
	return a.action(ctx, name)
}

// action is a configured action. Errors: CodeNotFound.
func (ports *Ports) action(ctx context.Context, name string) (ledger.Versioned[governance.CalloutAction], error) {
	if probe := (&governance.CalloutAction{Name: name}); probe.Validate() != nil {
		return ledger.Versioned[governance.CalloutAction]{}, governance.NotFound("There is no action %q.", governance.Clip(name))
	}
	return ledger.GetAt[governance.CalloutAction](ctx, ports.Ledger, ledger.TenantPlace(), name, "action")
}

// ConfiguredAction is an action with what its pre-flight check found.
type ConfiguredAction struct {
	governance.CalloutAction
	Findings []governance.Finding `json:"findings"`
}

// PutAction makes an action or replaces it, if it is still the version that ifMatch names (empty for a new one, AnyETag for whichever there is), and checks whether it could do its work. What the check finds is
// told, and stops nothing: a group may be made later. Errors: CodeForbidden, CodeInvalid, CodePrecondition, CodeConflict for a new one whose name is taken.
func (a Actions) PutAction(ctx context.Context, caller governance.Caller, name string, draft governance.CalloutAction, ifMatch string) (ledger.Versioned[ConfiguredAction], error) {
	var none ledger.Versioned[ConfiguredAction]
	if err := authz.Require(caller, authz.OpWriteActions); err != nil {
		return none, err
	}
	if draft.Name != "" && draft.Name != name {
		return none, governance.Invalid("name", "name is %q in the body and %q in the path.", governance.Clip(draft.Name), governance.Clip(name))
	}
	draft.Name = name
	if err := draft.Validate(); err != nil {
		return none, err
	}
	p, err := planOf(draft.Kind, draft.Settings)
	if err != nil {
		return none, err
	}
	if draft.Settings, err = json.Marshal(p); err != nil {
		return none, fmt.Errorf("encode the settings: %w", err)
	}
	by := engine.Edit{Caller: caller, Now: a.Ledger.Now()}
	draft.ModifiedDateTime = governance.At(by.Now)
	done, err := a.Ledger.Update(ctx, ledger.TenantPlace(), stored[governance.CalloutAction](name), func(s engine.State) (engine.Change, error) {
		known, exists := engine.Find[governance.CalloutAction](s, name)
		switch {
		case exists && ifMatch == "":
			return engine.Change{}, governance.Conflict("There is an action %q; name its version in If-Match to change it.", name)
		case exists:
			return by.Put(known, draft, governance.ActivityWriteAction, name, name), ledger.Matches(ifMatch, s.ETag(known))
		case ifMatch != "":
			return engine.Change{}, governance.NotFound("There is no action %q.", name)
		}
		return by.Put(nil, draft, governance.ActivityWriteAction, name, name), nil
	})
	if err != nil {
		return none, err
	}
	made, _ := ledger.Made[governance.CalloutAction](done, name)
	return ledger.Versioned[ConfiguredAction]{Value: ConfiguredAction{made, a.preflight(ctx, draft.Kind, p)}, ETag: done.ETag(made)}, nil
}

// DeleteAction deletes an action. Tasks that were accepted before go on. Errors: CodeForbidden, CodeNotFound, CodePrecondition.
func (a Actions) DeleteAction(ctx context.Context, caller governance.Caller, name, ifMatch string) error {
	if err := authz.Require(caller, authz.OpWriteActions); err != nil {
		return err
	}
	by := engine.Edit{Caller: caller, Now: a.Ledger.Now()}
	_, err := a.Ledger.Update(ctx, ledger.TenantPlace(), stored[governance.CalloutAction](name), func(s engine.State) (engine.Change, error) {
		known, exists := engine.Find[governance.CalloutAction](s, name)
		if !exists {
			return engine.Change{}, governance.NotFound("There is no action %q.", governance.Clip(name))
		}
		return by.Put(known, nil, governance.ActivityDeleteAction, name, name), ledger.Matches(ifMatch, s.ETag(known))
	})
	return err
}

// CheckAction says what an action lacks to do its work. Errors: CodeForbidden, CodeNotFound.
func (a Actions) CheckAction(ctx context.Context, caller governance.Caller, name string) (ConfiguredAction, error) {
	found, err := a.CalloutAction(ctx, caller, name)
	if err != nil {
		return ConfiguredAction{}, err
	}
	p, err := planOf(found.Value.Kind, found.Value.Settings)
	if err != nil {
		return ConfiguredAction{}, err
	}
	return ConfiguredAction{found.Value, a.preflight(ctx, found.Value.Kind, p)}, nil
}

// RehearseAction says in words what an action would do for a payload, and changes nothing. Errors: CodeForbidden, CodeNotFound, CodeInvalid.
func (a Actions) RehearseAction(ctx context.Context, caller governance.Caller, name string, payload []byte) ([]string, error) {
	found, err := a.CalloutAction(ctx, caller, name)
	if err != nil {
		return nil, err
	}
	configured := found.Value
	call, err := governance.ParseTask(payload)
	if err != nil {
		return nil, err
	}
	if call.Stage == governance.StageConnectionTest {
		return []string{"Nothing: it is a connection test."}, nil
	}
	if !takes(configured, call.Stage) {
		return []string{fmt.Sprintf("It would be refused: the action %s is not for the stage %s.", configured.Name, call.Stage)}, nil
	}
	p, err := planOf(configured.Kind, configured.Settings)
	if err != nil {
		return nil, err
	}
	w := &work{Ports: a.Ports, plan: p, task: call.Task}
	w.task.ID, w.task.Action, w.task.Kind = governance.NobodyID, configured.Name, configured.Kind
	var lines []string
	if err = w.present(); err == nil {
		lines, err = p.rehearse(ctx, w)
	}
	if final, ok := errors.AsType[*giveUpError](err); ok {
		return append(lines, "It would fail: "+final.detail), nil
	}
	return lines, err
}

// preflight checks the permissions of a kind and what its plan looks for. A check that fails is a finding itself.
func (a Actions) preflight(ctx context.Context, kind string, p plan) []governance.Finding {
	c := &checkup{Ports: a.Ports, findings: []governance.Finding{}}
	needs := a.Permissions(kind)
	if len(needs) > 0 {
		var err error
		if c.granted, err = a.Actions.Granted(ctx); err != nil {
			c.blind = true
			c.warn("", "The permissions could not be checked: "+classOf(err)+".")
		}
	}
	for _, any := range needs {
		c.permission(any...)
	}
	p.preflight(ctx, c)
	return c.findings
}
