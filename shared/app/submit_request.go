package app

import (
	"context"
	"strings"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

type versionedRequest = Versioned[governance.AssignmentRequest]

// SubmitRequest makes a request for access or for its end (RULES REQ-10 to REQ-12, REQ-22). An id in draft is that of a repeated command: a request that it made before is the answer.
// Errors: CodeForbidden, CodeInvalid, CodeNotFound, CodeConflict.
func (a *App) SubmitRequest(ctx context.Context, caller governance.Caller, draft governance.AssignmentRequest) (governance.AssignmentRequest, error) {
	operation := OpSubmitForSelf
	switch draft.RequestType {
	case governance.RequestAdminAdd, governance.RequestAdminRemove:
		operation = OpSubmitForAnyone
	case governance.RequestUserAdd, governance.RequestUserRemove:
	case governance.RequestSystemRemove:
		return governance.AssignmentRequest{}, governance.Invalid("requestType", "requestType systemRemove is made by the service alone; use userAdd, userRemove, adminAdd or adminRemove.")
	default:
		return governance.AssignmentRequest{}, governance.Invalid("requestType", "requestType is missing; use userAdd, userRemove, adminAdd or adminRemove.")
	}
	if err := authorize(caller, operation); err != nil {
		return governance.AssignmentRequest{}, err
	}
	if draft.Assignment == nil {
		return governance.AssignmentRequest{}, governance.Invalid("assignment", "assignment is missing: it names the access package (accessPackageId) to add, or the assignment (id) to remove.")
	}
	var before []string // where to look for what a repeated command made
	if draft.ID != "" {
		before = []string{documentID(kindRequest, draft.ID)}
	} else {
		draft.ID = a.newID()
	}
	if draft.RequestType.IsRemoval() {
		return a.submitRemoval(ctx, caller, draft, before)
	}
	return a.submitAdd(ctx, caller, draft, before)
}

func (a *App) submitAdd(ctx context.Context, caller governance.Caller, draft governance.AssignmentRequest, documents []string) (governance.AssignmentRequest, error) {
	packageID, policyID, targetID, err := wantedOf(caller, draft)
	if err != nil {
		return governance.AssignmentRequest{}, err
	}
	state, pack, err := a.packageState(ctx, packageID)
	if err != nil {
		if governance.CodeOf(err) == governance.CodeNotFound {
			if len(documents) > 0 { // a repeated command: what it made before may have outlived the package
				if made, before := read[governance.AssignmentRequest](ctx, a, store.Subjects, kindRequest, draft.ID, "request"); governance.CodeOf(before) != governance.CodeNotFound {
					return made.Value, before
				}
			}
			err = governance.Invalid("assignment/accessPackageId", "There is no access package %q.", shorten(packageID))
		}
		return governance.AssignmentRequest{}, err
	}
	policies := state.policiesOf(pack.ID)
	target, err := a.person(ctx, targetID, "assignment/targetId", engine.NeedsOf(policies))
	if err != nil {
		return governance.AssignmentRequest{}, err
	}
	subject := governance.SubjectOf(target.User)
	requestor := subjectOf(caller)
	if requestor.ObjectID == lower(subject.ObjectID) {
		requestor = subject
	}
	if err := namesAnother(draft, subject, requestor); err != nil {
		return governance.AssignmentRequest{}, err
	}
	submission := engine.Submission{
		RequestID: draft.ID, AssignmentID: governance.NameID("assignment:" + draft.ID), Type: draft.RequestType, Justification: draft.Justification, Answers: draft.Answers,
		Schedule: draft.Schedule, Caller: caller, Requestor: requestor, Target: target, Catalog: state.catalog, Package: pack, Policies: policies, PolicyID: policyID,
	}
	return a.submit(ctx, subject.ID, submission, documents)
}

// namesAnother refuses a request that says of its target or requestor what is true of somebody else: it would be theirs by its words and another's by what is done.
func namesAnother(draft governance.AssignmentRequest, target, requestor governance.Subject) error {
	if at := target.Contradicts(draft.Assignment.Target); at != "" {
		return governance.Invalid("assignment/target/"+at, "assignment/target/%s is not that of the person whom the request is about.", at)
	}
	if at := requestor.Contradicts(draft.Requestor); at != "" {
		return governance.Invalid("requestor/"+at, "requestor/%s is not that of the caller, who is the requestor; leave requestor out.", at)
	}
	return nil
}

// wantedOf reads which package, policy and person a request to add is about, in either of the forms that clients use (RULES REQ-10).
func wantedOf(caller governance.Caller, draft governance.AssignmentRequest) (packageID, policyID, targetID string, err error) {
	assignment := draft.Assignment
	packageID, policyID, targetID = assignment.AccessPackageID, assignment.AssignmentPolicyID, assignment.TargetID
	if packageID == "" && assignment.AccessPackage != nil {
		packageID = assignment.AccessPackage.ID
	}
	if packageID == "" && draft.AccessPackage != nil {
		packageID = draft.AccessPackage.ID
	}
	if policyID == "" && assignment.AssignmentPolicy != nil {
		policyID = assignment.AssignmentPolicy.ID
	}
	if targetID == "" && assignment.Target != nil {
		targetID = assignment.Target.ObjectID
	}
	if packageID == "" {
		return "", "", "", governance.Invalid("assignment/accessPackageId", "assignment/accessPackageId is missing: which access package is requested?")
	}
	if draft.RequestType == governance.RequestUserAdd {
		if targetID != "" && lower(targetID) != lower(caller.ObjectID) {
			return "", "", "", governance.Invalid("assignment/targetId", "A userAdd is for the caller; leave targetId out, or use adminAdd.")
		}
		targetID = caller.ObjectID
	}
	if targetID == "" {
		return "", "", "", governance.Invalid("assignment/targetId", "assignment/targetId is missing: who is to get the access?")
	}
	if !governance.IsGUID(targetID) {
		return "", "", "", governance.Invalid("assignment/targetId", "targetId must be the object id of a user, a GUID.")
	}
	return lower(packageID), lower(policyID), lower(targetID), nil
}

// submit commits a submission, or finds that it was committed before.
func (a *App) submit(ctx context.Context, subjectID string, submission engine.Submission, documents []string) (governance.AssignmentRequest, error) {
	var made governance.AssignmentRequest
	change, err := a.Update(ctx, subjectID, documents, func(s engine.Subject) (engine.Change, error) {
		if before, ok := s.Requests[submission.RequestID]; ok {
			made = before
			return engine.Change{}, nil
		}
		return engine.Submit(s, submission, a.now())
	})
	if err != nil {
		return governance.AssignmentRequest{}, err
	}
	for _, request := range change.Requests {
		if request.ID == submission.RequestID {
			made = request
		}
	}
	return made, nil
}

func (a *App) submitRemoval(ctx context.Context, caller governance.Caller, draft governance.AssignmentRequest, documents []string) (governance.AssignmentRequest, error) {
	if draft.Assignment.ID == "" {
		return governance.AssignmentRequest{}, governance.Invalid("assignment/id", "assignment/id is missing: which assignment is to be removed?")
	}
	id := lower(draft.Assignment.ID)
	missing := governance.Invalid("assignment/id", "There is no assignment %q.", shorten(id))
	subjectID, err := a.locate(ctx, store.Subjects, kindAssignment, id, "assignment")
	if err != nil {
		if governance.CodeOf(err) == governance.CodeNotFound {
			err = missing
		}
		return governance.AssignmentRequest{}, err
	}
	document := documentID(kindAssignment, id)
	present, err := a.loadSubject(ctx, subjectID, document)
	if err != nil {
		return governance.AssignmentRequest{}, err
	}
	submission := engine.Submission{RequestID: draft.ID, AssignmentID: id, Type: draft.RequestType, Justification: draft.Justification, Caller: caller, Requestor: subjectOf(caller)}
	if assignment, ok := present.Assignments[id]; ok {
		if draft.RequestType == governance.RequestUserRemove && !strings.EqualFold(assignment.Target.ObjectID, caller.ObjectID) {
			return governance.AssignmentRequest{}, missing // another's: who asks does not learn that it exists
		}
		if lower(assignment.Target.ObjectID) == lower(caller.ObjectID) {
			submission.Requestor = *assignment.Target
		}
		if err := namesAnother(draft, *assignment.Target, submission.Requestor); err != nil {
			return governance.AssignmentRequest{}, err
		}
		if at := assignment.Contradicts(draft.Assignment); at != "" {
			return governance.AssignmentRequest{}, governance.Invalid("assignment/"+at, "assignment/%s is not that of the assignment %s; leave it out.", at, id)
		}
		state, pack, err := a.packageState(ctx, assignment.AccessPackage.ID)
		if err == nil {
			submission.Policies = state.policiesOf(pack.ID)
		} else if governance.CodeOf(err) != governance.CodeNotFound {
			return governance.AssignmentRequest{}, err
		}
	}
	return a.submit(ctx, subjectID, submission, append(documents, document))
}
