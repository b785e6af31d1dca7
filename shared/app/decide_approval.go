package app

import (
	"context"
	"fmt"
	"strings"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// DecideApproval lets the caller decide a stage of an approval (RULES APR-03, APR-07, APR-13, APR-14). What decided
// repeats of the stage (its status, by whom it was reviewed) must be as it is. Two who decide at once make one decision: the other gets CodeConflict and what was
// decided. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodeInvalid.
func (a *App) DecideApproval(ctx context.Context, caller governance.Caller, approvalID, stageID string, decided governance.ApprovalStage) error {
	if err := authorize(caller, OpDecideApprovals); err != nil {
		return err
	}
	if decided.ID != "" && lower(decided.ID) != lower(stageID) {
		return governance.Invalid("id", "id is %q in the body and %q in the path.", shorten(decided.ID), shorten(stageID))
	}
	subjectID, err := a.locate(ctx, store.Subjects, kindRequest, approvalID, "approval")
	if err != nil {
		return err
	}
	id := lower(approvalID)
	document := documentID(kindRequest, id)
	first, err := a.loadSubject(ctx, subjectID, document)
	if err != nil {
		return err
	}
	decision := engine.Decision{RequestID: id, StageID: lower(stageID), Result: decided.ReviewResult, Justification: decided.Justification, Approver: caller, Seen: decided}
	if request, ok := first.Requests[id]; ok && request.Approval != nil {
		if decision.GroupIDs, err = a.approverGroups(ctx, request, decision.StageID, caller); err != nil {
			return err
		}
		if decided.ReviewResult == governance.ResultApprove {
			if decision.Package, err = a.presentPackage(ctx, request.AccessPackage.ID); err != nil {
				return err
			}
		}
	}
	_, err = a.updateFrom(ctx, &first, subjectID, []string{document}, func(s engine.Subject) (engine.Change, error) {
		return engine.Decide(s, decision, a.now())
	})
	return err
}

// approverGroups are the caller's groups, if it takes them to know whether the caller may decide the stage.
func (a *App) approverGroups(ctx context.Context, request governance.AssignmentRequest, stageID string, caller governance.Caller) ([]string, error) {
	for _, stage := range request.Approval.Stages {
		if !strings.EqualFold(stage.ID, stageID) || !engine.NeedsGroups(stage, caller.ObjectID) {
			continue
		}
		return a.groupsOf(ctx, caller)
	}
	return nil, nil
}

// groupsOf are the ids of the groups that the caller is in.
func (a *App) groupsOf(ctx context.Context, caller governance.Caller) ([]string, error) {
	groups, err := a.directory.MemberOf(ctx, lower(caller.ObjectID))
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look up the groups of the approver: %w", err)
	}
	return groups, nil
}

// presentPackage is a package as it is now, nil if it is gone.
func (a *App) presentPackage(ctx context.Context, id string) (*governance.AccessPackage, error) {
	_, pack, err := a.packageState(ctx, id)
	if err != nil {
		if governance.CodeOf(err) == governance.CodeNotFound {
			return nil, nil
		}
		return nil, err
	}
	return &pack, nil
}

// Approval reads an approval, with assignedToMe of its stages as it is for the caller. Who may neither decide it, nor made the request, nor administers, does not see it.
// Errors: CodeForbidden, CodeNotFound.
func (a *App) Approval(ctx context.Context, caller governance.Caller, id string) (governance.Approval, error) {
	if !Allowed(caller, OpReadApprovals) {
		if err := authorize(caller, OpDecideApprovals); err != nil {
			return governance.Approval{}, err
		}
	}
	found, err := read[governance.AssignmentRequest](ctx, a, store.Subjects, kindRequest, id, "approval")
	if err != nil {
		return governance.Approval{}, err
	}
	request := found.Value
	if request.Approval == nil {
		return governance.Approval{}, governance.NotFound("The request %s has no approval.", id)
	}
	var groups []string
	for _, stage := range request.Approval.Stages {
		if engine.NeedsGroups(stage, caller.ObjectID) {
			if groups, err = a.groupsOf(ctx, caller); err != nil {
				return governance.Approval{}, err
			}
			break
		}
	}
	approval, assigned := seenBy(request, caller, groups)
	if !assigned && !isParty(request, caller) && !Allowed(caller, OpReadApprovals) {
		return governance.Approval{}, governance.NotFound("There is no approval %s.", id)
	}
	return approval, nil
}

// seenBy is the approval of a request with assignedToMe filled in, and whether any stage is the caller's to decide.
func seenBy(request governance.AssignmentRequest, caller governance.Caller, groups []string) (governance.Approval, bool) {
	approval := *request.Approval
	approval.Stages = append([]governance.ApprovalStage{}, approval.Stages...)
	assigned := false
	for i := range approval.Stages {
		stage := &approval.Stages[i]
		stage.AssignedToMe = !isParty(request, caller) && caller.ObjectID != "" && engine.IsApprover(*stage, caller.ObjectID, groups)
		assigned = assigned || stage.AssignedToMe
	}
	return approval, assigned
}

// isParty says whether the caller made the request or is its target.
func isParty(request governance.AssignmentRequest, caller governance.Caller) bool {
	return caller.ObjectID != "" && (strings.EqualFold(request.Requestor.ObjectID, caller.ObjectID) || strings.EqualFold(request.Assignment.Target.ObjectID, caller.ObjectID))
}
