package companion

import (
	"context"
	"slices"
	"strings"

	"latchkey/shared/app/authz"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// The application ids of the services that call out themselves (EXT-20); each speaks for itself only.
const (
	appOfEntitlement = "810dcf14-1858-4bf2-8134-4c369fa3235b"
	appOfLifecycle   = "ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7"
)

// Accepted is what a source is answered.
type Accepted struct {
	ID    string               `json:"id,omitempty"`
	State governance.TaskState `json:"state"`
	Test  bool                 `json:"test,omitempty"` // it was a connection test: nothing is done
}

// AcceptTask takes on what a custom extension sends for an action: checked, committed and on its way to the queue when it returns, not begun. A repetition is one piece of work.
// Errors: CodeForbidden, CodeNotFound for an unknown action, CodeInvalid naming what is wrong, CodeConflict for a stage that is over.
func (t Tasks) AcceptTask(ctx context.Context, caller governance.Caller, name string, payload []byte) (accepted Accepted, err error) {
	if err := t.Authz.Require(ctx, caller, authz.OpCallOut); err != nil {
		return Accepted{}, err
	}
	err = t.Ledger.Afresh(ctx, func() error {
		accepted, err = t.accept(ctx, caller, name, payload)
		return err
	})
	return accepted, err
}

// accept is AcceptTask by what the action is now: it rests on the tenant's head, which every change of an action moves.
func (t Tasks) accept(ctx context.Context, caller governance.Caller, name string, payload []byte) (Accepted, error) {
	found, tenant, err := actionNamed(ctx, t.Ledger, name)
	if err != nil {
		return Accepted{}, err
	}
	configured := found.Value
	if len(configured.Callers) > 0 && !has(configured.Callers, caller.AppID) {
		return Accepted{}, governance.Forbidden("The application %s may not call the action %s.", caller.AppID, configured.Name)
	}
	if !configured.Enabled() {
		return Accepted{}, governance.Forbidden("The action %s is switched off.", configured.Name)
	}
	call, err := governance.ParseTask(payload)
	if err != nil {
		return Accepted{}, err
	}
	if err := agrees(call, caller); err != nil {
		return Accepted{}, err
	}
	if call.Stage == governance.StageConnectionTest {
		return Accepted{State: governance.TaskAccepted, Test: true}, nil
	}
	if !takes(configured, call.Stage) {
		return Accepted{}, governance.Invalid("Stage", "The action %s is not for the stage %s.", configured.Name, call.Stage)
	}
	p, err := planOf(configured.Kind, configured.Settings)
	if err != nil {
		return Accepted{}, err
	}
	task := call.Task
	task.ID, task.DeadlineTime = engine.TaskID(configured.Name, call), governance.At(engine.Deadline(call, t.Ledger.Now()))
	task.Action, task.Kind, task.Settings, task.OnFailure = configured.Name, configured.Kind, configured.Settings, configured.OnFailure
	if task.Target.ObjectID != "" {
		task.Target.ID = governance.SubjectID(task.Target.ObjectID)
	} else {
		task.Target.ID = governance.NameID("subject:" + task.Target.ID)
	}
	if claims, ok := p.(claimer); ok {
		task.Claim = claims.claim()
	}
	done, err := t.Ledger.Update(ctx, ledger.SubjectPlace(task.Target.ID), stored[governance.Task](task.ID), func(s engine.State) (engine.Change, error) {
		return engine.AcceptTask(s, caller, task, call.RequestState, t.Ledger.Now())
	}, tenant)
	if err != nil {
		return Accepted{}, err
	}
	made, _ := ledger.Made[governance.Task](done, task.ID)
	return Accepted{ID: made.ID, State: made.State}, nil
}

// takes says whether an action is for a stage.
func takes(configured governance.CalloutAction, stage governance.TaskStage) bool {
	return len(configured.Stages) == 0 || slices.Contains(configured.Stages, stage)
}

// agrees holds a payload against the token it came with. Errors: CodeForbidden.
func agrees(call governance.TaskCall, caller governance.Caller) error {
	switch {
	case call.TenantID != "" && !strings.EqualFold(call.TenantID, caller.TenantID):
		return governance.Forbidden("The payload names another tenant than its token.")
	case call.Stage == governance.StageConnectionTest: // nothing is done for it
		return nil
	case caller.AppID == appOfEntitlement && call.Source != governance.SourceEntitlement,
		caller.AppID == appOfLifecycle && call.Source != governance.SourceLifecycle:
		return governance.Forbidden("The payload is not one of the application that its token names.")
	}
	return nil
}
