package companion

import (
	"context"
	"encoding/json"
	"errors"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// tell ends the wait of the source with what came of the work (EXT-13 to EXT-17). An answer that would come too late is not sent. first says that nobody can have told it: else somebody may
// have, and then a source that waits no more has the answer.
func (w *work) tell(ctx context.Context, first bool) error {
	perhapsTold := false
	if !first {
		if err := w.update(ctx, func(s engine.State) (change engine.Change, err error) {
			change, perhapsTold, err = engine.BeginTelling(s, w.task.ID, w.Ledger.Now())
			return change, err
		}); err != nil {
			return err
		}
	}
	if !engine.MayTell(w.task, w.Ledger.Now()) {
		if perhapsTold {
			return w.told(ctx, false, "The answer would come too late now; whether one that was sent before a failure has arrived is not known.", nil)
		}
		return w.told(ctx, false, "The answer would have come too late and was not sent.", nil)
	}
	body, err := resumeBody(w.task)
	if err != nil {
		return err
	}
	err = w.Actions.Resume(ctx, w.task.ResumePath, body)
	switch {
	case err == nil:
		return w.told(ctx, true, "The source was told.", nil)
	case errors.Is(err, directory.ErrRefused) && perhapsTold:
		return w.told(ctx, true, "The source waits no more: an answer that was sent before has reached it.", err)
	case errors.Is(err, directory.ErrRefused):
		return w.told(ctx, false, "The source does not wait for an answer any more.", err)
	case errors.Is(err, directory.ErrNotFound):
		return w.told(ctx, false, "The source does not know the request any more.", err)
	case errors.Is(err, directory.ErrForbidden):
		return w.told(ctx, false, "Latchkey may not answer the source: it needs the role access package assignment manager on the catalog, or LifecycleWorkflows.ReadWrite.All.", err)
	}
	return err
}

func (w *work) told(ctx context.Context, told bool, detail string, cause error) error {
	err := w.update(ctx, func(s engine.State) (engine.Change, error) {
		return engine.TellTask(s, w.task.ID, told, detail, w.Ledger.Now())
	})
	if err == nil && !told {
		w.alert(ctx, "a callout could not be answered", detail, cause)
	}
	return err
}

// resumeSource is what Latchkey calls itself to a source.
const resumeSource = "Latchkey"

// resumeBody is the answer to a source.
func resumeBody(task governance.Task) ([]byte, error) {
	if task.Source == governance.SourceLifecycle {
		status := "Completed"
		if !task.Succeeded {
			status = "Failed"
		}
		return json.Marshal(map[string]any{
			"source": resumeSource,
			"type":   "lifecycleEvent",
			"data":   map[string]any{"@odata.type": "#microsoft.graph.identityGovernance.customTaskExtensionCallbackData", "operationStatus": status},
		})
	}
	data := map[string]any{
		"@odata.type":                        "#microsoft.graph.accessPackageAssignmentRequestCallbackData",
		"stage":                              task.Stage,
		"customExtensionStageInstanceId":     task.StageInstanceID,
		"customExtensionStageInstanceDetail": task.Detail,
	}
	if !task.Succeeded && task.OnFailure == governance.FailureDenies && (task.Stage == governance.StageRequestCreated || task.Stage == governance.StageRequestApproved) {
		data["state"] = "Denied"
	}
	return json.Marshal(map[string]any{"source": resumeSource, "type": "microsoft.graph.accessPackageCustomExtensionStage." + string(task.Stage), "data": data})
}
