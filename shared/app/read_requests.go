package app

import (
	"context"
	"strings"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// By says whose things a "filterByCurrentUser" wants (RULES OBJ-16).
type By string

// The values that this release answers.
const (
	ByTarget           By = "target"
	ByCreatedBy        By = "createdBy"
	ByApprover         By = "approver"
	ByAllowedRequestor By = "allowedRequestor"
)

// Request reads a request: anybody's for who may, else one that the caller made, is the target of, or is to decide. Errors: CodeForbidden, CodeNotFound.
func (a *App) Request(ctx context.Context, caller governance.Caller, id string) (versionedRequest, error) {
	everything := Allowed(caller, OpReadRequests)
	if !everything {
		if err := authorize(caller, OpReadOwnRequests); err != nil {
			return versionedRequest{}, err
		}
	}
	found, err := read[governance.AssignmentRequest](ctx, a, store.Subjects, kindRequest, id, "request")
	if err != nil || everything || isParty(found.Value, caller) {
		return found, err
	}
	if found.Value.Approval != nil {
		groups, err := a.groupsOf(ctx, caller)
		if err != nil {
			return versionedRequest{}, err
		}
		if _, assigned := seenBy(found.Value, caller, groups); assigned {
			return found, nil
		}
	}
	return versionedRequest{}, governance.NotFound("There is no request %s.", id)
}

// ListRequests lists everybody's requests. Errors: CodeForbidden.
func (a *App) ListRequests(ctx context.Context, caller governance.Caller, options ListOptions) (Page[governance.AssignmentRequest], error) {
	if err := authorize(caller, OpReadRequests); err != nil {
		return Page[governance.AssignmentRequest]{}, err
	}
	return list[governance.AssignmentRequest](ctx, a, store.Subjects, kindRequest, options)
}

// RequestsByCurrentUser lists the requests that the caller made, is the target of, or is an approver of; never one's own among the latter (RULES APR-07). Errors: CodeForbidden, CodeInvalid.
func (a *App) RequestsByCurrentUser(ctx context.Context, caller governance.Caller, by By, options ListOptions) (Page[governance.AssignmentRequest], error) {
	if err := authorize(caller, OpReadOwnRequests); err != nil {
		return Page[governance.AssignmentRequest]{}, err
	}
	mine, err := a.requestsBy(ctx, caller, by)
	if err != nil {
		return Page[governance.AssignmentRequest]{}, err
	}
	options.Filter = both(mine, options.Filter)
	return list[governance.AssignmentRequest](ctx, a, store.Subjects, kindRequest, options)
}

func (a *App) requestsBy(ctx context.Context, caller governance.Caller, by By) (Filter, error) {
	switch by {
	case ByTarget:
		return is(caller, "assignment", "target", "objectId"), nil
	case ByCreatedBy:
		return is(caller, "requestor", "objectId"), nil
	case ByApprover:
		groups, err := a.groupsOf(ctx, caller)
		if err != nil {
			return nil, err
		}
		return And{
			Any{Path: []string{"approval", "stages"}, Filter: approverFilter(lower(caller.ObjectID), groups)},
			Not{Filter: is(caller, "requestor", "objectId")},
			Not{Filter: is(caller, "assignment", "target", "objectId")},
		}, nil
	case ByAllowedRequestor:
	}
	return nil, governance.Invalid("on", "on='%s' is not supported here; use 'target', 'createdBy' or 'approver'.", shorten(string(by)))
}

// approverFilter is engine.IsApprover as a condition on a stage.
func approverFilter(userID string, groups []string) Filter {
	mine := func(users, groupIDs string) Or {
		either := Or{Any{Path: []string{users}, Filter: Compare{Comparison: Equal, Value: userID}}}
		if len(groups) > 0 {
			either = append(either, Any{Path: []string{groupIDs}, Filter: In{Values: groups}})
		}
		return either
	}
	return Or{
		mine("approverUserIds", "approverGroupIds"),
		And{Compare{Path: []string{"escalated"}, Comparison: Equal, Value: true}, mine("alternateUserIds", "alternateGroupIds")},
	}
}

// is holds if the id at path is the caller's.
func is(caller governance.Caller, path ...string) Filter {
	return Compare{Path: path, Comparison: Equal, Value: lower(caller.ObjectID)}
}

func both(x, y Filter) Filter {
	if y == nil {
		return x
	}
	return And{x, y}
}

// ApprovalsByCurrentUser lists the approvals of the requests that RequestsByCurrentUser would. Errors: CodeForbidden, CodeInvalid.
func (a *App) ApprovalsByCurrentUser(ctx context.Context, caller governance.Caller, by By, options ListOptions) (Page[governance.Approval], error) {
	if err := authorize(caller, OpReadOwnRequests); err != nil {
		return Page[governance.Approval]{}, err
	}
	mine, err := a.requestsBy(ctx, caller, by)
	if err != nil {
		return Page[governance.Approval]{}, err
	}
	var groups []string
	if by == ByApprover {
		if groups, err = a.groupsOf(ctx, caller); err != nil {
			return Page[governance.Approval]{}, err
		}
	}
	hasApproval := Not{Filter: Compare{Path: []string{"approval", "id"}, Comparison: Equal, Value: nil}}
	options.Filter = both(And{mine, hasApproval}, options.Filter)
	requests, err := list[governance.AssignmentRequest](ctx, a, store.Subjects, kindRequest, options)
	if err != nil {
		return Page[governance.Approval]{}, err
	}
	page := Page[governance.Approval]{Continuation: requests.Continuation}
	for _, request := range requests.Items {
		approval, _ := seenBy(request.Value, caller, groups)
		page.Items = append(page.Items, Versioned[governance.Approval]{Value: approval, ETag: request.ETag})
	}
	return page, nil
}

// Assignment reads an assignment: anybody's for who may, else one's own. Errors: CodeForbidden, CodeNotFound.
func (a *App) Assignment(ctx context.Context, caller governance.Caller, id string) (Versioned[governance.Assignment], error) {
	everything := Allowed(caller, OpReadAssignments)
	if !everything {
		if err := authorize(caller, OpReadOwn); err != nil {
			return Versioned[governance.Assignment]{}, err
		}
	}
	found, err := read[governance.Assignment](ctx, a, store.Subjects, kindAssignment, id, "assignment")
	if err == nil && !everything && !strings.EqualFold(found.Value.Target.ObjectID, caller.ObjectID) {
		return Versioned[governance.Assignment]{}, governance.NotFound("There is no assignment %s.", id)
	}
	return found, err
}

// ListAssignments lists everybody's assignments. Errors: CodeForbidden.
func (a *App) ListAssignments(ctx context.Context, caller governance.Caller, options ListOptions) (Page[governance.Assignment], error) {
	if err := authorize(caller, OpReadAssignments); err != nil {
		return Page[governance.Assignment]{}, err
	}
	return list[governance.Assignment](ctx, a, store.Subjects, kindAssignment, options)
}

// AssignmentsByCurrentUser lists the assignments whose target the caller is. Errors: CodeForbidden, CodeInvalid.
func (a *App) AssignmentsByCurrentUser(ctx context.Context, caller governance.Caller, by By, options ListOptions) (Page[governance.Assignment], error) {
	if err := authorize(caller, OpReadOwn); err != nil {
		return Page[governance.Assignment]{}, err
	}
	if by != ByTarget {
		return Page[governance.Assignment]{}, governance.Invalid("on", "on='%s' is not supported here; use 'target'.", shorten(string(by)))
	}
	options.Filter = both(is(caller, "target", "objectId"), options.Filter)
	return list[governance.Assignment](ctx, a, store.Subjects, kindAssignment, options)
}

// PackagesByCurrentUser lists the packages that the caller may request (RULES CAT-02, POL-14, POL-15). Errors: CodeForbidden, CodeInvalid.
func (a *App) PackagesByCurrentUser(ctx context.Context, caller governance.Caller, by By, options ListOptions) (Page[governance.AccessPackage], error) {
	if err := authorize(caller, OpBrowsePackages); err != nil {
		return Page[governance.AccessPackage]{}, err
	}
	if by != ByAllowedRequestor {
		return Page[governance.AccessPackage]{}, governance.Invalid("on", "on='%s' is not supported here; use 'allowedRequestor'.", shorten(string(by)))
	}
	person, err := a.person(ctx, lower(caller.ObjectID), "caller", engine.Needs{Groups: true})
	if err != nil {
		return Page[governance.AccessPackage]{}, err
	}
	page, err := list[governance.AccessPackage](ctx, a, store.Catalogs, kindPackage, options)
	if err != nil {
		return Page[governance.AccessPackage]{}, err
	}
	visible := Page[governance.AccessPackage]{Continuation: page.Continuation}
	for _, item := range page.Items {
		state, pack, err := a.packageState(ctx, item.Value.ID)
		if governance.CodeOf(err) == governance.CodeNotFound && err != nil {
			continue
		}
		if err != nil {
			return Page[governance.AccessPackage]{}, err
		}
		if engine.Visible(state.catalog, pack, state.policiesOf(pack.ID), person) {
			pack.Catalog = &governance.Catalog{ID: state.catalog.ID, DisplayName: state.catalog.DisplayName, Description: state.catalog.Description}
			visible.Items = append(visible.Items, versionedPackage{Value: pack, ETag: item.ETag})
		}
	}
	return visible, nil
}

// Requirements is Graph's accessPackageAssignmentRequestRequirements: what a request under one policy must bring (RULES POL-08).
type Requirements struct {
	PolicyID                         string               `json:"policyId"`
	PolicyDisplayName                string               `json:"policyDisplayName"`
	PolicyDescription                string               `json:"policyDescription"`
	IsApprovalRequiredForAdd         bool                 `json:"isApprovalRequiredForAdd"`
	IsApprovalRequiredForUpdate      bool                 `json:"isApprovalRequiredForUpdate"`
	IsRequestorJustificationRequired bool                 `json:"isRequestorJustificationRequired"`
	AllowCustomAssignmentSchedule    bool                 `json:"allowCustomAssignmentSchedule"`
	Questions                        governance.Questions `json:"questions"`
	Schedule                         *governance.Schedule `json:"schedule"`
}

// ApplicableRequirements says what the caller must bring to request a package, one entry for each policy that applies. Errors: CodeForbidden, CodeNotFound.
func (a *App) ApplicableRequirements(ctx context.Context, caller governance.Caller, packageID string) ([]Requirements, error) {
	if err := authorize(caller, OpBrowsePackages); err != nil {
		return nil, err
	}
	state, pack, err := a.packageState(ctx, packageID)
	if err != nil {
		return nil, err
	}
	policies := state.policiesOf(pack.ID)
	person, err := a.person(ctx, lower(caller.ObjectID), "caller", engine.NeedsOf(policies))
	if err != nil {
		return nil, err
	}
	requirements := []Requirements{}
	if state.catalog.State != governance.CatalogPublished {
		return requirements, nil
	}
	for _, policy := range engine.Applicable(policies, person) {
		approval := policy.Approval()
		requirements = append(requirements, Requirements{
			PolicyID: policy.ID, PolicyDisplayName: policy.DisplayName, PolicyDescription: policy.Description,
			IsApprovalRequiredForAdd: approval.IsApprovalRequiredForAdd, IsApprovalRequiredForUpdate: approval.IsApprovalRequiredForUpdate,
			IsRequestorJustificationRequired: approval.IsRequestorJustificationRequired, AllowCustomAssignmentSchedule: policy.Requestor().AllowCustomAssignmentSchedule,
			Questions: policy.Questions, Schedule: &governance.Schedule{Expiration: policy.Expiration},
		})
	}
	return requirements, nil
}

// Resolve puts the access package and the policy as they are now in the place of an assignment's references to them, for callers who may read policies. What has been deleted stays a
// reference. Errors: those of the store.
func (a *App) Resolve(ctx context.Context, caller governance.Caller, assignment *governance.Assignment) error {
	if !Allowed(caller, OpReadPolicies) || assignment == nil || assignment.AccessPackage == nil {
		return nil
	}
	state, pack, err := a.packageState(ctx, assignment.AccessPackage.ID)
	if err != nil {
		if governance.CodeOf(err) == governance.CodeNotFound {
			return nil
		}
		return err
	}
	present := wholePackage(state, pack)
	assignment.AccessPackage = &present
	if assignment.AssignmentPolicy != nil {
		if policy, ok := state.policies[assignment.AssignmentPolicy.ID]; ok {
			policy = wholePolicy(state, policy)
			assignment.AssignmentPolicy = &policy
		}
	}
	return nil
}
