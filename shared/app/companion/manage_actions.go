package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// tenantPartition holds what is set for the whole tenant (DESIGN section 3).
const tenantPartition = "tenant"

// ActionKind describes a kind of action to those who configure one.
type ActionKind struct {
	Kind        string          `json:"kind"`
	DisplayName string          `json:"displayName"`
	Description string          `json:"description"`
	Permissions [][]string      `json:"permissions"` // of Microsoft Graph; of each line one will do
	Schema      json.RawMessage `json:"settingsSchema"`
}

// ActionKinds lists what actions can do. Errors: CodeForbidden.
func (a *App) ActionKinds(caller governance.Caller) ([]ActionKind, error) {
	if err := authorize(caller, OpReadActions); err != nil {
		return nil, err
	}
	var kinds []ActionKind
	for _, name := range actionKinds() {
		one := actions[name]
		kinds = append(kinds, ActionKind{one.kind, one.displayName, one.description, one.permissions, json.RawMessage(one.schema)})
	}
	return kinds, nil
}

// ListActions lists the configured actions. Errors: CodeForbidden.
func (a *App) ListActions(ctx context.Context, caller governance.Caller, options ListOptions) (Page[governance.CalloutAction], error) {
	if err := authorize(caller, OpReadActions); err != nil {
		return Page[governance.CalloutAction]{}, err
	}
	return list[governance.CalloutAction](ctx, a, store.Catalogs, kindAction, options)
}

// CalloutAction reads a configured action. Errors: CodeForbidden, CodeNotFound.
func (a *App) CalloutAction(ctx context.Context, caller governance.Caller, name string) (Versioned[governance.CalloutAction], error) {
	if err := authorize(caller, OpReadActions); err != nil {
		return Versioned[governance.CalloutAction]{}, err
	}
	return a.readAction(ctx, name)
}

func (a *App) readAction(ctx context.Context, name string) (Versioned[governance.CalloutAction], error) {
	missing := governance.NotFound("There is no action %q.", shorten(name))
	if probe := (&governance.CalloutAction{Name: name}); probe.Validate() != nil {
		return Versioned[governance.CalloutAction]{}, missing
	}
	found, err := a.store.Get(ctx, store.Catalogs, tenantPartition, documentID(kindAction, name))
	if err != nil {
		return Versioned[governance.CalloutAction]{}, fmt.Errorf("read the action: %w", err)
	}
	if found[0].ID == "" {
		return Versioned[governance.CalloutAction]{}, missing
	}
	value, err := decode[governance.CalloutAction](found[0])
	return Versioned[governance.CalloutAction]{Value: value, ETag: found[0].ETag}, err
}

// calloutAction is an action that is called.
func (a *App) calloutAction(ctx context.Context, name string) (governance.CalloutAction, error) {
	found, err := a.readAction(ctx, name)
	return found.Value, err
}

// ConfiguredAction is an action with what its pre-flight check found.
type ConfiguredAction struct {
	governance.CalloutAction
	Findings []governance.Finding `json:"findings"`
}

// PutAction makes an action or replaces it, if it is still the version that ifMatch names (empty for a new one, AnyETag for whichever there is), and checks whether it could do its work. What the check finds is
// told, and stops nothing: a group may be made later. Errors: CodeForbidden, CodeInvalid, CodePrecondition, CodeConflict for a new one whose name is taken.
func (a *App) PutAction(ctx context.Context, caller governance.Caller, name string, draft governance.CalloutAction, ifMatch string) (Versioned[ConfiguredAction], error) {
	var none Versioned[ConfiguredAction]
	if err := authorize(caller, OpWriteActions); err != nil {
		return none, err
	}
	if draft.Name != "" && draft.Name != name {
		return none, governance.Invalid("name", "name is %q in the body and %q in the path.", shorten(draft.Name), shorten(name))
	}
	draft.Name = name
	if err := draft.Validate(); err != nil {
		return none, err
	}
	p, err := planOf(draft.Kind, draft.Settings)
	if err != nil {
		return none, err
	}
	normal, err := json.Marshal(p)
	if err != nil {
		return none, fmt.Errorf("encode the settings: %w", err)
	}
	draft.Settings = normal
	draft.ModifiedDateTime = governance.At(a.now())
	etag, err := a.updateActions(ctx, caller, name, func(known *governance.CalloutAction, etag string) (*governance.CalloutAction, error) {
		if known == nil && ifMatch != "" || known != nil && ifMatch == "" {
			if known != nil {
				return nil, governance.Conflict("There is an action %q; name its version in If-Match to change it.", name)
			}
			return nil, governance.NotFound("There is no action %q.", name)
		}
		if known != nil {
			if err := matches(ifMatch, etag); err != nil {
				return nil, err
			}
		}
		return &draft, nil
	})
	if err != nil {
		return none, err
	}
	return Versioned[ConfiguredAction]{Value: ConfiguredAction{draft, a.preflight(ctx, draft.Kind, p)}, ETag: etag}, nil
}

// DeleteAction deletes an action. Callouts that were accepted before go on. Errors: CodeForbidden, CodeNotFound, CodePrecondition.
func (a *App) DeleteAction(ctx context.Context, caller governance.Caller, name, ifMatch string) error {
	if err := authorize(caller, OpWriteActions); err != nil {
		return err
	}
	_, err := a.updateActions(ctx, caller, name, func(known *governance.CalloutAction, etag string) (*governance.CalloutAction, error) {
		if known == nil {
			return nil, governance.NotFound("There is no action %q.", shorten(name))
		}
		return nil, matches(ifMatch, etag)
	})
	return err
}

// CheckAction says what an action lacks to do its work. Errors: CodeForbidden, CodeNotFound.
func (a *App) CheckAction(ctx context.Context, caller governance.Caller, name string) (ConfiguredAction, error) {
	if err := authorize(caller, OpReadActions); err != nil {
		return ConfiguredAction{}, err
	}
	found, err := a.readAction(ctx, name)
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
func (a *App) RehearseAction(ctx context.Context, caller governance.Caller, name string, payload []byte) ([]string, error) {
	if err := authorize(caller, OpReadActions); err != nil {
		return nil, err
	}
	configured, err := a.calloutAction(ctx, name)
	if err != nil {
		return nil, err
	}
	call, err := governance.ParseCallout(payload)
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
	w := &work{app: a, callout: governance.Callout{
		ID: governance.NobodyID, Action: configured.Name, Kind: configured.Kind, Source: call.Source, Stage: call.Stage, RequestID: call.RequestID,
		AccessPackage: call.Package, Catalog: call.Catalog, Target: call.Target, Requestor: call.Requestor, Waits: call.Waits,
	}}
	var lines []string
	if err = w.present(p); err == nil {
		lines, err = p.rehearse(ctx, w)
	}
	var final *giveUpError
	if errors.As(err, &final) {
		return append(lines, "It would fail: "+final.detail), nil
	}
	return lines, err
}

// preflight checks the permissions of a kind and what its plan looks for. A check that fails is a finding itself.
func (a *App) preflight(ctx context.Context, kind string, p plan) []governance.Finding {
	findings := []governance.Finding{}
	if needs := actions[kind].permissions; len(needs) > 0 {
		granted, err := a.actions.Granted(ctx)
		if err != nil {
			findings = append(findings, governance.Finding{Severity: "warning", Message: "The permissions could not be checked: " + classOf(err) + "."})
		}
		for _, any := range needs {
			if err == nil && !slices.ContainsFunc(any, func(one string) bool { return slices.Contains(granted, one) }) {
				message := "Latchkey's identity lacks the application permission " + any[0] + " in Microsoft Graph"
				if len(any) > 1 {
					message += " (" + strings.Join(any[1:], " or ") + " would do, too)"
				}
				findings = append(findings, governance.Finding{Severity: "error", Target: "permissions", Message: message + "."})
			}
		}
	}
	return append(findings, p.preflight(ctx, a)...)
}

// updateActions is the one verb for change of the actions: guarded by the head of the tenant's partition, audited in its chain. decide gets the action as it is, nil if there is none, and answers with
// what it is to be, nil to delete it.
func (a *App) updateActions(ctx context.Context, caller governance.Caller, name string, decide func(known *governance.CalloutAction, etag string) (*governance.CalloutAction, error)) (string, error) {
	commandID := a.newID()
	id := documentID(kindAction, name)
	etag := ""
	_, err := a.retry(ctx, func(again bool) (bool, error) {
		found, err := a.store.Get(ctx, store.Catalogs, tenantPartition, kindHead, id)
		if err != nil {
			return false, err
		}
		head := governance.Head{ID: tenantPartition}
		etags, bodies := map[string]string{}, map[string]json.RawMessage{}
		if found[0].ID != "" {
			if head, err = decode[governance.Head](found[0]); err != nil {
				return false, err
			}
			etags[kindHead] = found[0].ETag
		}
		var known *governance.CalloutAction
		if found[1].ID != "" {
			value, err := decode[governance.CalloutAction](found[1])
			if err != nil {
				return false, err
			}
			known, etags[id], bodies[id] = &value, found[1].ETag, found[1].Body
		}
		if again && slices.Contains(head.RecentCommands, commandID) {
			etag = etags[id]
			return true, nil
		}
		next, err := decide(known, etags[id])
		if err != nil {
			return false, err
		}
		edit := a.edit(kindAction, name, nil, governance.ActivityDeleteAction, caller, name)
		if next != nil {
			edit = a.edit(kindAction, name, *next, governance.ActivityWriteAction, caller, name)
		}
		operations, err := edited(edit).operations(head, etags, bodies, commandID)
		if err != nil {
			return false, err
		}
		written, err := a.store.Commit(ctx, store.Catalogs, tenantPartition, operations)
		if err != nil {
			return false, err
		}
		etag = written[0] // of the action: the edit comes first
		return true, nil
	})
	return etag, err
}

// Outbound sends HTTP requests to addresses that people configure; platform.Outbound is the real one.
type Outbound interface {
	Send(ctx context.Context, call platform.OutboundCall) (platform.OutboundReply, error)
	Allowed(address string) error
}
