// Package access is the use cases of those who want access, approve it or have it: requests, approvals, assignments, and their delivery.
package access

import (
	"context"
	"strings"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// Requests are the use cases of requests.
type Requests struct {
	Ledger    *ledger.Ledger
	Authz     *authz.Authorizer
	Directory *directory.Recent
	// MostPerHour is how many requests for one package somebody may make for themselves within an hour; 0: any number.
	MostPerHour int
}

// What people call these resources.
const (
	requestName    = "request"
	approvalName   = "approval"
	assignmentName = "assignment"
	packageName    = "access package"
)

type versionedRequest = ledger.Versioned[governance.AssignmentRequest]

// SubmitRequest makes a request for access or for its end (REQ-10 to REQ-12, REQ-22). Errors: CodeForbidden, CodeInvalid, CodeNotFound, CodeConflict.
func (r *Requests) SubmitRequest(ctx context.Context, caller governance.Caller, draft governance.AssignmentRequest) (governance.AssignmentRequest, error) {
	none := governance.AssignmentRequest{}
	operation := authz.OpSubmitForSelf
	switch draft.RequestType {
	case governance.RequestAdminAdd, governance.RequestAdminRemove:
		operation = authz.OpSubmitForAnyone
	case governance.RequestUserAdd, governance.RequestUserRemove:
	case governance.RequestSystemRemove, governance.RequestSystemUpdate:
		return none, governance.Invalid("requestType", "requestType %s is made by the service alone; use userAdd, userRemove, adminAdd or adminRemove.", draft.RequestType)
	default:
		return none, governance.Invalid("requestType", "requestType is missing; use userAdd, userRemove, adminAdd or adminRemove.")
	}
	begin := r.Directory.Moment()
	rights, err := r.Authz.Somewhere(ctx, caller, operation)
	if err != nil {
		return none, err
	}
	if draft.Assignment == nil {
		return none, governance.Invalid("assignment", "assignment is missing: it names the access package (accessPackageId) to add, or the assignment (id) to remove.")
	}
	draft.ID = r.Ledger.NewID(ctx)
	prepare := r.prepareAdd
	if draft.RequestType.IsRemoval() {
		prepare = r.prepareRemoval
	}
	made, err := ledger.Repeated[governance.AssignmentRequest](ctx, r.Ledger, draft.ID, requestName)
	if err != nil {
		return none, err
	}
	if made.ID != "" {
		if !maySubmit(rights, made.RequestType, made.AccessPackage.Catalog.ID) {
			return none, governance.NotFound("There is no request %s.", made.ID)
		}
		return made, r.notClosing(ctx, made)
	}
	err = r.Ledger.Afresh(ctx, func() error {
		prepared, err := prepare(ctx, caller, draft, begin, rights)
		begin = r.Directory.Moment() // another try looks again
		if err != nil {
			return err
		}
		done, err := update(ctx, r.Ledger, ledger.SubjectPlace(prepared.subjectID), prepared.reads(), func(s engine.State) (engine.Change, error) {
			return engine.Submit(s, prepared.Submission, r.Ledger.Now())
		}, prepared.rests...)
		if err == nil {
			made, err = ledger.MadeOrRepeated[governance.AssignmentRequest](ctx, r.Ledger, done, draft.ID, requestName)
		}
		return err
	})
	if err != nil {
		return made, err
	}
	return made, r.notClosing(ctx, made)
}

// notClosing looks at the catalog of a request once more, now that it is committed (OBJ-17): who deletes what it asks for closed it first, and looks for requests then. Either this look finds it closed, and takes
// the request back, or that one finds the request. Errors: CodeConflict.
func (r *Requests) notClosing(ctx context.Context, made governance.AssignmentRequest) error {
	if made.ID == "" || made.RequestType.IsRemoval() {
		return nil
	}
	catalog, _, err := r.Ledger.Catalog(ctx, made.AccessPackage.Catalog.ID)
	if err != nil && governance.CodeOf(err) != governance.CodeNotFound {
		return err
	}
	refused := engine.Overtaken(catalog, made, r.Ledger.Now())
	if refused == nil {
		return nil
	}
	place, err := ledger.Locate[governance.AssignmentRequest](ctx, r.Ledger, made.ID, requestName)
	if err != nil {
		return err
	}
	done, err := update(ledger.Beside(ctx), r.Ledger, place, ledger.Documents(requestDocument(made.ID), assignmentDocument(made.Assignment.ID)), func(s engine.State) (engine.Change, error) {
		return engine.TakeBack(s, made.ID, r.Ledger.Now())
	})
	if err != nil || done.IsEmpty() { // it is over, as something that was accepted
		return err
	}
	return refused
}

// prepared is a submission with what was read for it.
type prepared struct {
	engine.Submission
	subjectID string
	rests     []ledger.Version
}

// reads is what the submission is decided on.
func (p prepared) reads() ledger.Read {
	if !p.Type.IsRemoval() {
		return ledger.Following(func(s engine.State) []string { return involved(s.Head, p.Package.ID) })
	}
	return inHand(p.AssignmentID)
}

// inHand reads an assignment and the request that is carried out on it.
func inHand(assignmentID string) ledger.Read {
	return ledger.Following(func(s engine.State) []string {
		if assignment, _ := engine.Find[governance.Assignment](s, assignmentID); assignment.RequestID != "" {
			return []string{requestDocument(assignment.RequestID)}
		}
		return nil
	}, assignmentDocument(assignmentID))
}

// involved are the documents of what a subject has of a package and asks for of it: what a new request may take over or find closed.
func involved(head governance.Head, packageID string) []string {
	var ids []string
	for _, holding := range head.Holdings {
		if holding.PackageID == packageID {
			ids = append(ids, assignmentDocument(holding.AssignmentID))
		}
	}
	for _, flight := range head.InFlight {
		if flight.PackageID == packageID {
			ids = append(ids, requestDocument(flight.RequestID))
		}
	}
	return ids
}

// withHeld reads a request and what else its subject has of the same package, or asks for.
func withHeld(requestID string) ledger.Read {
	return ledger.Following(func(s engine.State) []string {
		request, ok := engine.Find[governance.AssignmentRequest](s, requestID)
		if !ok {
			return nil
		}
		return involved(s.Head, request.AccessPackage.ID)
	}, requestDocument(requestID))
}

func requestDocument(id string) string {
	return governance.StoredID(governance.AssignmentRequest{}.DocumentKind(), id)
}

func assignmentDocument(id string) string {
	return governance.StoredID(governance.Assignment{}.DocumentKind(), id)
}

// maySubmit says whether a caller may make a request about what is in a catalog, as far as the table of rights goes: for themselves, whoever may at all.
func maySubmit(rights authz.Rights, of governance.RequestType, catalogID string) bool {
	return of.IsSelf() || rights.In(catalogID, authz.OpSubmitForAnyone)
}

// prepareAdd reads what a request to add is decided on. What lies in a catalog in which the caller may not do it is not there for them, and neither is what they may not know of.
func (r *Requests) prepareAdd(ctx context.Context, caller governance.Caller, draft governance.AssignmentRequest, begin directory.Moment, rights authz.Rights) (prepared, error) {
	packageID, policyID, targetID, err := wantedOf(caller, draft)
	if err != nil {
		return prepared{}, err
	}
	catalog, state, pack, err := ledger.CatalogWith[governance.AccessPackage](ctx, r.Ledger, packageID, packageName)
	missing := governance.Invalid("assignment/accessPackageId", "There is no access package %q.", governance.Clip(packageID))
	if governance.CodeOf(err) == governance.CodeNotFound || err == nil && !maySubmit(rights, draft.RequestType, catalog.Catalog.ID) {
		err = missing
	}
	if err != nil {
		return prepared{}, err
	}
	policies := catalog.PoliciesOf(pack.ID)
	since := func(ctx context.Context, id string) (governance.User, error) {
		return r.Directory.UserSince(ctx, id, begin)
	} // who asks for themselves was just looked up
	target, err := personBy(ctx, r.Directory, since, targetID, "assignment/targetId", engine.NeedsOf(policies))
	if err != nil {
		return prepared{}, err
	}
	doubtful := !catalog.PoliciesRead(pack.ID) // one of them may let the caller request it
	if draft.RequestType.IsSelf() && !doubtful && !mayKnow(rights, catalog, pack, target) {
		return prepared{}, missing
	}
	subject := governance.SubjectOf(target.User)
	requestor := subjectOf(caller)
	if requestor.ObjectID == governance.Fold(subject.ObjectID) {
		requestor = subject
	}
	if err := namesAnother(draft, pack.ID, subject, requestor); err != nil {
		return prepared{}, err
	}
	submission := engine.Submission{
		RequestID: draft.ID, AssignmentID: governance.NameID("assignment:" + draft.ID), Type: draft.RequestType, Justification: draft.Justification, Answers: draft.Answers,
		Schedule: draft.Schedule, Caller: caller, Requestor: requestor, Target: target, Catalog: catalog.Catalog, Package: pack, Policies: policies, CatalogHead: state.Head, MostPerHour: r.MostPerHour, Doubtful: doubtful, PolicyID: policyID,
	}
	if submission.Asked, err = r.asked(ctx, submission); err != nil {
		return prepared{}, err
	}
	return prepared{submission, subject.ID, []ledger.Version{state.Version()}}, nil
}

// namesAnother refuses a request that says of its target or requestor what is true of somebody else: it would be theirs by its words and another's by what is done.
func namesAnother(draft governance.AssignmentRequest, packageID string, target, requestor governance.Subject) error {
	if pack := draft.AccessPackage; pack != nil && !strings.EqualFold(pack.ID, packageID) {
		return governance.Invalid("accessPackage/id", "accessPackage/id is not that of the package which assignment names.")
	}
	if at := target.Contradicts(draft.Assignment.Target); at != "" {
		return governance.Invalid("assignment/target/"+at, "assignment/target/%s is not that of the person whom the request is about.", at)
	}
	if at := requestor.Contradicts(draft.Requestor); at != "" {
		return governance.Invalid("requestor/"+at, "requestor/%s is not that of the caller, who is the requestor; leave requestor out.", at)
	}
	return nil
}

// asked is who is asked in each stage of the approval that a request comes under, none if it comes under none.
func (r *Requests) asked(ctx context.Context, submission engine.Submission) ([]engine.Approvers, error) {
	policy, refused := engine.PolicyOf(submission)
	if refused != nil || submission.Type != governance.RequestUserAdd || !policy.Approval().IsApprovalRequiredForAdd {
		return nil, nil // what is refused, Submit refuses
	}
	var asked []engine.Approvers
	for _, stage := range policy.Approval().Stages {
		one, err := engine.Ask(stage, submission.Target, canDecide(ctx, r.Directory, submission.Target.User.ID))
		if err != nil {
			return nil, err
		}
		asked = append(asked, one)
	}
	return asked, nil
}

// wantedOf reads which package, policy and person a request to add is about, in either of the forms that clients use (REQ-10).
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
		if targetID != "" && governance.Fold(targetID) != governance.Fold(caller.ObjectID) {
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
	return governance.Fold(packageID), governance.Fold(policyID), governance.Fold(targetID), nil
}

func (r *Requests) prepareRemoval(ctx context.Context, caller governance.Caller, draft governance.AssignmentRequest, _ directory.Moment, rights authz.Rights) (prepared, error) {
	if draft.Assignment.ID == "" {
		return prepared{}, governance.Invalid("assignment/id", "assignment/id is missing: which assignment is to be removed?")
	}
	id := governance.Fold(draft.Assignment.ID)
	missing := governance.Invalid("assignment/id", "There is no assignment %q.", governance.Clip(id))
	place, err := ledger.Locate[governance.Assignment](ctx, r.Ledger, id, assignmentName)
	if governance.CodeOf(err) == governance.CodeNotFound {
		err = missing
	}
	if err != nil {
		return prepared{}, err
	}
	found, err := ledger.GetAt[governance.Assignment](ctx, r.Ledger, place, id, assignmentName)
	assignment := found.Value
	if governance.CodeOf(err) == governance.CodeNotFound || err == nil && (!maySubmit(rights, draft.RequestType, assignment.AccessPackage.Catalog.ID) ||
		draft.RequestType.IsSelf() && !strings.EqualFold(assignment.Target.ObjectID, caller.ObjectID)) {
		err = missing // of another's, who asks does not learn that it exists
	}
	if err != nil {
		return prepared{}, err
	}
	catalogID := assignment.AccessPackage.Catalog.ID
	p := prepared{subjectID: place.Partition, Submission: engine.Submission{
		RequestID: draft.ID, AssignmentID: id, Type: draft.RequestType, Justification: draft.Justification, Caller: caller, Requestor: subjectOf(caller),
	}}
	if strings.EqualFold(assignment.Target.ObjectID, caller.ObjectID) {
		p.Requestor = *assignment.Target
	}
	if err := namesAnother(draft, assignment.AccessPackage.ID, *assignment.Target, p.Requestor); err != nil {
		return prepared{}, err
	}
	if at := assignment.Contradicts(draft.Assignment); at != "" {
		return prepared{}, governance.Invalid("assignment/"+at, "assignment/%s is not that of the assignment %s; leave it out.", at, id)
	}
	if !draft.RequestType.IsSelf() {
		return p, nil
	}
	catalog, state, err := r.Ledger.Catalog(ctx, catalogID)
	if governance.CodeOf(err) == governance.CodeNotFound {
		return p, nil
	}
	if err != nil {
		return prepared{}, err
	}
	p.Policies, p.Doubtful, p.rests = catalog.PoliciesOf(assignment.AccessPackage.ID), !catalog.PoliciesRead(assignment.AccessPackage.ID), []ledger.Version{state.Version()}
	return p, nil
}

// update is the ledger's, and tells of the requests that have reached another state.
func update(ctx context.Context, l *ledger.Ledger, place governance.Place, read ledger.Read, command ledger.Decide, rests ...ledger.Version) (ledger.Committed, error) {
	done, err := l.Update(ctx, place, read, command, rests...)
	if err != nil || !platform.Traced(ctx) {
		return done, err
	}
	for _, request := range engine.Written[governance.AssignmentRequest](done.Change) {
		if before, _ := engine.Find[governance.AssignmentRequest](done.Before, request.ID); before.State != request.State {
			took := l.Now().Sub(request.CreatedDateTime.Instant())
			platform.Measure(ctx, platform.MetricRequestStep, platform.Seconds(took), "state", string(request.State), "type", string(request.RequestType))
		}
	}
	return done, nil
}

// CancelRequest takes a request back: one's own, or any for an administrator (REQ-04). Errors: CodeForbidden, CodeNotFound, CodeConflict.
func (r *Requests) CancelRequest(ctx context.Context, caller governance.Caller, id string) error {
	rights, err := r.Authz.Either(ctx, caller, authz.OpCancelRequests, authz.OpCancelOwnRequest)
	if err != nil {
		return err
	}
	place, err := ledger.Locate[governance.AssignmentRequest](ctx, r.Ledger, id, requestName)
	if err != nil {
		return err
	}
	id = governance.Fold(id)
	_, err = update(ctx, r.Ledger, place, ledger.Documents(requestDocument(id)), func(s engine.State) (engine.Change, error) {
		request, ok := engine.Find[governance.AssignmentRequest](s, id)
		if !ok {
			return engine.Change{}, governance.Missing(requestName, id)
		}
		if !rights.In(request.AccessPackage.Catalog.ID, authz.OpCancelRequests) && !strings.EqualFold(request.Requestor.ObjectID, caller.ObjectID) {
			return engine.Change{}, hidden(request, caller, id)
		}
		return engine.Cancel(s, id, caller, r.Ledger.Now())
	})
	return err
}

// hidden refuses somebody who may not touch a request: who has nothing to do with it does not even learn that it exists.
func hidden(request governance.AssignmentRequest, caller governance.Caller, id string) error {
	if isParty(request, caller) {
		return governance.Forbidden("Only the requestor or an administrator may do this.")
	}
	return governance.Missing(requestName, id)
}

// isParty says whether the caller made the request or is its target.
func isParty(request governance.AssignmentRequest, caller governance.Caller) bool {
	return caller.ObjectID != "" && (strings.EqualFold(request.Requestor.ObjectID, caller.ObjectID) || strings.EqualFold(request.Assignment.Target.ObjectID, caller.ObjectID))
}

// ReprocessRequest tries a failed delivery once more (REQ-08). Errors: CodeForbidden, CodeNotFound, CodeConflict.
func (r *Requests) ReprocessRequest(ctx context.Context, caller governance.Caller, id string) error {
	rights, err := r.Authz.Somewhere(ctx, caller, authz.OpReprocess)
	if err != nil {
		return err
	}
	place, err := ledger.Locate[governance.AssignmentRequest](ctx, r.Ledger, id, requestName)
	if err != nil {
		return err
	}
	found, err := ledger.GetAt[governance.AssignmentRequest](ctx, r.Ledger, place, governance.Fold(id), requestName)
	if err == nil && !rights.In(found.Value.AccessPackage.Catalog.ID, authz.OpReprocess) {
		err = governance.Missing(requestName, id)
	}
	if err != nil {
		return err
	}
	read := ledger.Documents(requestDocument(found.Value.ID), assignmentDocument(found.Value.Assignment.ID))
	_, err = update(ctx, r.Ledger, place, read, func(s engine.State) (engine.Change, error) {
		return engine.Reprocess(s, found.Value.ID, caller, r.Ledger.Now())
	})
	return err
}

// Request reads a request: anybody's for who may, else one that the caller made, is the target of, or is to decide. Errors: CodeForbidden, CodeNotFound.
func (r *Requests) Request(ctx context.Context, caller governance.Caller, id string) (versionedRequest, error) {
	rights, err := r.Authz.Either(ctx, caller, authz.OpReadRequests, authz.OpReadOwnRequests)
	if err != nil {
		return versionedRequest{}, err
	}
	found, err := ledger.Get[governance.AssignmentRequest](ctx, r.Ledger, id, requestName)
	if err != nil || rights.In(found.Value.AccessPackage.Catalog.ID, authz.OpReadRequests) || isParty(found.Value, caller) {
		return found, err
	}
	if found.Value.Approval != nil && rights.Everywhere(authz.OpReadOwnRequests) {
		groups, err := groupsOf(ctx, r.Directory, caller)
		if err != nil {
			return versionedRequest{}, err
		}
		if _, assigned := seenBy(found.Value, caller, groups); assigned {
			return found, nil
		}
	}
	return versionedRequest{}, governance.Missing(requestName, id)
}

// ListRequests lists everybody's requests. Errors: CodeForbidden.
func (r *Requests) ListRequests(ctx context.Context, caller governance.Caller, options ledger.ListOptions) (ledger.Page[governance.AssignmentRequest], error) {
	options, err := trimmed(ctx, r.Authz, caller, authz.OpReadRequests, options)
	if err != nil {
		return ledger.Page[governance.AssignmentRequest]{}, err
	}
	return ledger.List[governance.AssignmentRequest](ctx, r.Ledger, options)
}

// Resolve puts what assignments are now beside the references of requests to them, which whoever has been shown a request may see: state, schedule, and when it ended. One that is not made yet
// stays a reference. Errors: those of the store.
func (r *Requests) Resolve(ctx context.Context, requests []versionedRequest) error {
	var ids []string
	options := ledger.ListOptions{PageSize: ledger.MaxPageSize}
	for i, request := range requests {
		about := request.Value.Assignment // a request has one, of somebody
		ids = append(ids, about.ID)
		switch place := about.Target.ID; { // those of one person lie in one place
		case i == 0:
			options.Partition = place
		case options.Partition != place:
			options.Partition = ""
		}
	}
	if len(ids) == 0 {
		return nil
	}
	options.Filter = store.In{Path: []string{"id"}, Values: ids}
	for {
		page, err := ledger.List[governance.Assignment](ctx, r.Ledger, options)
		if err != nil {
			return err
		}
		for i := range requests {
			for _, found := range page.Items {
				if is, about := found.Value, requests[i].Value.Assignment; is.ID == about.ID {
					now := *about
					now.State, now.Schedule, now.ExpiredDateTime = is.State, is.Schedule, is.ExpiredDateTime
					requests[i].Value.Assignment = &now
				}
			}
		}
		if options.Continuation = page.Continuation; options.Continuation == "" {
			return nil
		}
	}
}

// trimmed narrows a list to the catalogs that the caller may do an operation in. Errors: CodeForbidden.
func trimmed(ctx context.Context, a *authz.Authorizer, caller governance.Caller, operation authz.Operation, options ledger.ListOptions) (ledger.ListOptions, error) {
	rights, err := a.Somewhere(ctx, caller, operation)
	all, ids := rights.Catalogs(operation)
	options.Filter = ledger.In(options.Filter, all, ids, "accessPackage", "catalog", "id")
	return options, err
}

// By says whose things a "filterByCurrentUser" wants (OBJ-16).
type By string

// The values that this release answers.
const (
	ByTarget           By = "target"
	ByCreatedBy        By = "createdBy"
	ByApprover         By = "approver"
	ByAllowedRequestor By = "allowedRequestor"
)

// RequestsByCurrentUser lists the requests that the caller made, is the target of, or is an approver of; never one's own among the latter (APR-07). Errors: CodeForbidden, CodeInvalid.
func (r *Requests) RequestsByCurrentUser(ctx context.Context, caller governance.Caller, by By, options ledger.ListOptions) (ledger.Page[governance.AssignmentRequest], error) {
	mine, _, err := requestsBy(ctx, r.Authz, r.Directory, caller, by)
	if err != nil {
		return ledger.Page[governance.AssignmentRequest]{}, err
	}
	options.Filter = ledger.Both(mine, options.Filter)
	return ledger.List[governance.AssignmentRequest](ctx, r.Ledger, options)
}

// requestsBy is the condition on requests, with the caller's groups if it takes them.
func requestsBy(ctx context.Context, a *authz.Authorizer, d directory.Directory, caller governance.Caller, by By) (filter store.Filter, groups []string, err error) {
	if err := a.Require(ctx, caller, authz.OpReadOwnRequests); err != nil {
		return nil, nil, err
	}
	requestor, target := is(caller, "requestor", "objectId"), is(caller, "assignment", "target", "objectId")
	switch by {
	case ByTarget:
		return target, nil, nil
	case ByCreatedBy:
		return requestor, nil, nil
	case ByApprover:
		if groups, err = groupsOf(ctx, d, caller); err != nil {
			return nil, nil, err
		}
		assigned := store.Any{Path: []string{"approval", "stages"}, Filter: approverFilter(governance.Fold(caller.ObjectID), groups)}
		return store.And{assigned, store.Not{Filter: requestor}, store.Not{Filter: target}}, groups, nil
	case ByAllowedRequestor:
	}
	return nil, nil, governance.Invalid("on", "on='%s' is not supported here; use 'target', 'createdBy' or 'approver'.", governance.Clip(string(by)))
}

// approverFilter is engine.IsApprover as a condition on a stage.
func approverFilter(userID string, groups []string) store.Filter {
	mine := func(users, groupIDs string) store.Or {
		either := store.Or{store.Any{Path: []string{users}, Filter: store.Compare{Comparison: store.Equal, Value: userID}}}
		if len(groups) > 0 {
			either = append(either, store.Any{Path: []string{groupIDs}, Filter: store.In{Values: groups}})
		}
		return either
	}
	return store.Or{
		mine("approverUserIds", "approverGroupIds"),
		store.And{store.Compare{Path: []string{"escalated"}, Comparison: store.Equal, Value: true}, mine("alternateUserIds", "alternateGroupIds")},
	}
}

// is holds if the id at path is the caller's.
func is(caller governance.Caller, path ...string) store.Filter {
	return store.Compare{Path: path, Comparison: store.Equal, Value: governance.Fold(caller.ObjectID)}
}
