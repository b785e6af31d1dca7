package app

import (
	"context"
	"strings"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// CancelRequest takes a request back: one's own, or any for an administrator (RULES REQ-04). Errors: CodeForbidden, CodeNotFound, CodeConflict.
func (a *App) CancelRequest(ctx context.Context, caller governance.Caller, id string) error {
	if !Allowed(caller, OpCancelRequests) {
		if err := authorize(caller, OpCancelOwnRequest); err != nil {
			return err
		}
	}
	subjectID, err := a.locate(ctx, store.Subjects, kindRequest, id, "request")
	if err != nil {
		return err
	}
	id = lower(id)
	_, err = a.Update(ctx, subjectID, []string{documentID(kindRequest, id)}, func(s engine.Subject) (engine.Change, error) {
		request, ok := s.Requests[id]
		if !ok {
			return engine.Change{}, governance.NotFound("There is no request %s.", id)
		}
		if !Allowed(caller, OpCancelRequests) && !strings.EqualFold(request.Requestor.ObjectID, caller.ObjectID) {
			return engine.Change{}, hidden(request, caller, id)
		}
		return engine.Cancel(s, id, caller, a.now())
	})
	return err
}

// hidden refuses somebody who may not touch a request: who has nothing to do with it does not even learn that it exists.
func hidden(request governance.AssignmentRequest, caller governance.Caller, id string) error {
	if isParty(request, caller) {
		return governance.Forbidden("Only the requestor or an administrator may do this.")
	}
	return governance.NotFound("There is no request %s.", id)
}

// ReprocessRequest tries a failed delivery once more (RULES REQ-08). Errors: CodeForbidden, CodeNotFound, CodeConflict.
func (a *App) ReprocessRequest(ctx context.Context, caller governance.Caller, id string) error {
	if err := authorize(caller, OpReprocess); err != nil {
		return err
	}
	found, err := read[governance.AssignmentRequest](ctx, a, store.Subjects, kindRequest, id, "request")
	if err != nil {
		return err
	}
	subjectID, err := a.locate(ctx, store.Subjects, kindRequest, id, "request")
	if err != nil {
		return err
	}
	documents := []string{documentID(kindRequest, found.Value.ID), documentID(kindAssignment, found.Value.Assignment.ID)}
	_, err = a.Update(ctx, subjectID, documents, func(s engine.Subject) (engine.Change, error) {
		return engine.Reprocess(s, found.Value.ID, caller, a.now())
	})
	return err
}
