package access

import (
	"context"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// Approvals are the use cases of those who decide.
type Approvals struct {
	Ledger    *ledger.Ledger
	Authz     *authz.Authorizer
	Directory directory.Directory
}

// DecideApproval lets the caller decide a stage of an approval (APR-03, APR-07, APR-13, APR-14). What decided repeats of the stage (its status, by whom it was reviewed) must be as it is. Two who decide at once make one decision: the other gets CodeConflict and what was
// decided. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodeInvalid.
func (a *Approvals) DecideApproval(ctx context.Context, caller governance.Caller, approvalID, stageID string, decided governance.ApprovalStage) error {
	rights, err := a.Authz.Somewhere(ctx, caller, authz.OpDecideApprovals)
	if err != nil {
		return err
	}
	if decided.ID != "" && governance.Fold(decided.ID) != governance.Fold(stageID) {
		return governance.Invalid("id", "id is %q in the body and %q in the path.", governance.Clip(decided.ID), governance.Clip(stageID))
	}
	place, err := ledger.Locate[governance.AssignmentRequest](ctx, a.Ledger, approvalID, approvalName)
	if err != nil {
		return err
	}
	id := governance.Fold(approvalID)
	read := withHeld(id)
	return a.Ledger.Afresh(ctx, func() error {
		first, err := a.Ledger.Load(ctx, place, read)
		if err != nil {
			return err
		}
		decision := engine.Decision{RequestID: id, StageID: governance.Fold(stageID), Result: decided.ReviewResult, Justification: decided.Justification, Approver: caller, Seen: decided}
		var rests []ledger.Version
		request, _ := engine.Find[governance.AssignmentRequest](first.State, id)
		if _, decision.GroupIDs, err = a.seen(ctx, request, caller, rights, id); err != nil {
			return err
		}
		if decided.ReviewResult == governance.ResultApprove {
			if decision.Package, rests, err = present(ctx, a.Ledger, request.AccessPackage); err != nil {
				return err
			}
			if err := a.askNext(ctx, request, &decision); err != nil {
				return err
			}
		}
		_, err = update(ctx, a.Ledger, place, first.Having(read), func(s engine.State) (engine.Change, error) {
			return engine.Decide(s, decision, a.Ledger.Now())
		}, rests...)
		return err
	})
}

// seen is the approval of a request as the caller sees it, with the caller's groups if it took them. Who neither decides any of it, nor is a
// party, nor administers, does not learn that it is there. Errors: CodeNotFound, those of the directory.
func (a *Approvals) seen(ctx context.Context, request governance.AssignmentRequest, caller governance.Caller, rights authz.Rights, id string) (approval governance.Approval, groups []string, err error) {
	if request.Approval == nil {
		return governance.Approval{}, nil, governance.Missing(approvalName, id)
	}
	for _, stage := range request.Approval.Stages {
		if engine.NeedsGroups(stage, caller.ObjectID) {
			if groups, err = groupsOf(ctx, a.Directory, caller); err != nil {
				return governance.Approval{}, nil, err
			}
			break
		}
	}
	approval, assigned := seenBy(request, caller, groups)
	if !assigned && !isParty(request, caller) && !rights.In(request.AccessPackage.Catalog.ID, authz.OpReadApprovals) {
		return governance.Approval{}, nil, governance.Missing(approvalName, id)
	}
	return approval, groups, nil
}

// present is a package as it is now, nil if it is gone, and what that rests on; of is the reference of a request or an assignment.
func present(ctx context.Context, l *ledger.Ledger, of *governance.AccessPackage) (*governance.AccessPackage, []ledger.Version, error) {
	catalog, state, err := l.Catalog(ctx, of.Catalog.ID)
	if governance.CodeOf(err) == governance.CodeNotFound {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	rests := []ledger.Version{state.Version()}
	if pack, ok := catalog.Packages[of.ID]; ok {
		return &pack, rests, nil
	}
	if _, there := catalog.Unread[governance.StoredID(governance.AccessPackage{}.DocumentKind(), of.ID)]; there {
		return nil, nil, ledger.Unavailable("The access package", ledger.ErrUnreadable)
	}
	return nil, rests, nil
}

// Approval reads an approval, with assignedToMe of its stages as it is for the caller. Who may neither decide it, nor made the request, nor administers, does not see it.
// Errors: CodeForbidden, CodeNotFound.
func (a *Approvals) Approval(ctx context.Context, caller governance.Caller, id string) (governance.Approval, error) {
	rights, err := a.Authz.Either(ctx, caller, authz.OpReadApprovals, authz.OpReadOwnRequests)
	if err != nil {
		return governance.Approval{}, err
	}
	found, err := ledger.Get[governance.AssignmentRequest](ctx, a.Ledger, id, approvalName)
	if err != nil {
		return governance.Approval{}, err
	}
	approval, _, err := a.seen(ctx, found.Value, caller, rights, id)
	if err == nil && rights.In(found.Value.AccessPackage.Catalog.ID, authz.OpReadApprovals) {
		for i, stage := range found.Value.Approval.Stages {
			approval.Stages[i].Unreached = stage.Unreached
		}
	}
	return approval, err
}

// seenBy is the approval of a request with assignedToMe filled in, and whether any stage is the caller's to decide.
func seenBy(request governance.AssignmentRequest, caller governance.Caller, groups []string) (governance.Approval, bool) {
	approval := *request.Approval
	approval.Stages = append([]governance.ApprovalStage{}, approval.Stages...)
	assigned := false
	for i := range approval.Stages {
		stage := &approval.Stages[i]
		stage.Unreached = nil // it is for those who administer
		stage.AssignedToMe = !isParty(request, caller) && caller.ObjectID != "" && engine.IsApprover(*stage, caller.ObjectID, groups)
		assigned = assigned || stage.AssignedToMe
	}
	return approval, assigned
}

// ApprovalsByCurrentUser lists the approvals of the requests that RequestsByCurrentUser would. Errors: CodeForbidden, CodeInvalid.
func (a *Approvals) ApprovalsByCurrentUser(ctx context.Context, caller governance.Caller, by By, options ledger.ListOptions) (ledger.Page[governance.Approval], error) {
	mine, groups, err := requestsBy(ctx, a.Authz, a.Directory, caller, by)
	if err != nil {
		return ledger.Page[governance.Approval]{}, err
	}
	hasApproval := store.Not{Filter: store.Compare{Path: []string{"approval", "id"}, Comparison: store.Equal, Value: nil}}
	options.Filter = ledger.Both(store.And{mine, hasApproval}, options.Filter)
	requests, err := ledger.List[governance.AssignmentRequest](ctx, a.Ledger, options)
	page := ledger.Page[governance.Approval]{Continuation: requests.Continuation}
	for _, request := range requests.Items {
		approval, _ := seenBy(request.Value, caller, groups)
		page.Items = append(page.Items, ledger.Versioned[governance.Approval]{Value: approval, ETag: request.ETag})
	}
	return page, err
}
