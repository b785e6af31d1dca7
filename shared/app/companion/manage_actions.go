package companion

import (
	"cmp"
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
func (a Actions) ActionKinds(ctx context.Context, caller governance.Caller) ([]ActionKind, error) {
	if err := a.Authz.Require(ctx, caller, authz.OpReadActions); err != nil {
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
	if err := a.Authz.Require(ctx, caller, authz.OpReadActions); err != nil {
		return ledger.Page[governance.CalloutAction]{}, err
	}
	return ledger.List[governance.CalloutAction](ctx, a.Ledger, options)
}

// CalloutAction reads a configured action. Errors: CodeForbidden, CodeNotFound.
func (a Actions) CalloutAction(ctx context.Context, caller governance.Caller, name string) (ledger.Versioned[governance.CalloutAction], error) {
	if err := a.Authz.Require(ctx, caller, authz.OpReadActions); err != nil {
		return ledger.Versioned[governance.CalloutAction]{}, err
	}
	found, _, err := actionNamed(ctx, a.Ledger, name)
	return found, err
}

// actionNamed is a configured action, and the version of the tenant that it was read in. Errors: CodeNotFound.
func actionNamed(ctx context.Context, l *ledger.Ledger, name string) (found ledger.Versioned[governance.CalloutAction], tenant ledger.Version, err error) {
	missing := governance.NotFound("There is no action %q.", governance.Clip(name))
	if probe := (&governance.CalloutAction{Name: name}); probe.Validate() != nil {
		return found, tenant, missing
	}
	state, err := l.Load(ctx, ledger.TenantPlace(), stored[governance.CalloutAction](name))
	if err != nil {
		return found, tenant, fmt.Errorf("read the action: %w", err)
	}
	action, ok := engine.Find[governance.CalloutAction](state.State, name)
	if !ok {
		return found, tenant, missing
	}
	return ledger.Versioned[governance.CalloutAction]{Value: action, ETag: state.ETag(action)}, state.Version(), nil
}

// ConfiguredAction is an action with what its pre-flight check found.
type ConfiguredAction struct {
	governance.CalloutAction
	Findings []governance.Finding `json:"findings"`
}

// PutAction makes an action or replaces it, if it is still the version that ifMatch names (empty for a new one, AnyETag for whichever there
// is), and checks whether it could do its work: edit is given the present one, of a new one the name, and makes all of the next of it. What
// the check finds is told, and stops nothing: a group may be made later. Errors: CodeForbidden, CodeInvalid, CodeNotFound,
// CodePrecondition, CodeConflict for a new one whose name is taken.
func (a Actions) PutAction(ctx context.Context, caller governance.Caller, name, ifMatch string, edit func(*governance.CalloutAction) error) (ledger.Versioned[ConfiguredAction], error) {
	var none ledger.Versioned[ConfiguredAction]
	if err := a.Authz.Require(ctx, caller, authz.OpWriteActions); err != nil {
		return none, err
	}
	if err := (&governance.CalloutAction{Name: name}).Validate(); err != nil {
		return none, err
	}
	by := engine.Edit{Caller: caller, Now: a.Ledger.Now()}
	done, err := a.Ledger.Update(ctx, ledger.TenantPlace(), stored[governance.CalloutAction](name), func(s engine.State) (engine.Change, error) {
		known, exists := engine.Find[governance.CalloutAction](s, name)
		var before governance.Document
		switch {
		case exists && ifMatch == "":
			return engine.Change{}, governance.Conflict("There is an action %q; name its version in If-Match to change it.", name)
		case exists:
			before = known
		case ifMatch != "":
			return engine.Change{}, governance.NotFound("There is no action %q.", name)
		}
		next := known
		next.Name = name
		err := cmp.Or(ledger.Matches(ifMatch, s.ETag(known)), edit(&next))
		next.Name, next.ModifiedDateTime = name, governance.At(by.Now)
		err = cmp.Or(err, next.Validate())
		p, wrong := planOf(next.Kind, next.Settings)
		if asked, ok := p.(wholesome); ok && wrong == nil {
			wrong = governance.Within("settings", asked.whole())
		}
		for _, n := range needsOf(p) {
			if elsewhere := n.binding(a.Secrets); elsewhere != "" {
				wrong = cmp.Or(wrong, governance.Within("settings", governance.Invalid(n.setting, "%s", elsewhere)))
			}
		}
		next.Settings, _ = json.Marshal(p) // which was read from JSON
		return by.Put(before, next, governance.ActivityWriteAction, name, name), cmp.Or(err, wrong)
	})
	if err != nil {
		return none, err
	}
	made, _ := ledger.Made[governance.CalloutAction](done, name)
	checked, err := a.preflight(ctx, made)
	return ledger.Versioned[ConfiguredAction]{Value: checked, ETag: done.ETag(made)}, err
}

// DeleteAction deletes an action. Tasks that were accepted before go on. Errors: CodeForbidden, CodeNotFound, CodePrecondition.
func (a Actions) DeleteAction(ctx context.Context, caller governance.Caller, name, ifMatch string) error {
	if err := a.Authz.Require(ctx, caller, authz.OpWriteActions); err != nil {
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
	return a.preflight(ctx, found.Value)
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

// preflight checks the permissions of an action's kind and what its plan looks for. A check that fails is a finding itself.
func (a Actions) preflight(ctx context.Context, action governance.CalloutAction) (ConfiguredAction, error) {
	p, err := planOf(action.Kind, action.Settings)
	if err != nil {
		return ConfiguredAction{}, err
	}
	c := &checkup{Ports: a.Ports, findings: []governance.Finding{}}
	needs := a.Permissions(action.Kind)
	if len(needs) > 0 {
		if c.granted, err = a.Actions.Granted(ctx); err != nil {
			c.blind = true
			c.warn("", "The permissions could not be checked: "+classOf(err)+".")
		}
	}
	for _, any := range needs {
		c.permission(any...)
	}
	for _, n := range needsOf(p) {
		c.need(n)
	}
	p.preflight(ctx, c)
	return ConfiguredAction{action, c.findings}, nil
}
