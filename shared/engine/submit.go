package engine

import (
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Submission is a request that somebody wants to make.
type Submission struct {
	RequestID     string // new
	AssignmentID  string // for an add: the id that the assignment will have; for a removal: the assignment to end
	Type          governance.RequestType
	Justification string
	Answers       []governance.Answer
	Schedule      *governance.Schedule
	Caller        governance.Caller
	Requestor     governance.Subject
	Target        governance.Person
	Catalog       governance.Catalog
	Package       governance.AccessPackage
	Policies      []governance.AssignmentPolicy // all of the package that can be read
	Doubtful      bool                          // there are others
	MostPerHour   int                           // of requests that somebody makes for themselves for one package; 0: any number
	CatalogHead   governance.Head               // which says what of these is about to be deleted
	PolicyID      string                        // empty: the one that applies
	Asked         []Approvers                   // who is asked in each stage of its approval, if there is one
}

// errDoubtful: what is asked depends on a policy that is there and cannot be read.
var errDoubtful = governance.Conflict("A policy of this access package cannot be read, so nobody can tell which one applies; an operator must mend it first (docs/operate/bad-documents.md).")

// Submit decides about a new request. Errors: CodeForbidden when no policy allows it, CodeConflict when the subject has or is getting or losing the package
// already, CodeInvalid naming what is missing or wrong, CodeThrottled when it is asked for too often.
func Submit(s State, cmd Submission, now time.Time) (Change, error) {
	if err := governance.ValidateText("justification", cmd.Justification, governance.MaxJustification); err != nil {
		return Change{}, err
	}
	switch cmd.Type {
	case governance.RequestUserAdd, governance.RequestAdminAdd:
		return submitAdd(s, cmd, now)
	case governance.RequestUserRemove, governance.RequestAdminRemove:
		return submitRemoval(s, cmd, now)
	case governance.RequestSystemRemove, governance.RequestSystemUpdate:
	}
	return Change{}, governance.Invalid("requestType", "requestType %q cannot be submitted; use userAdd, userRemove, adminAdd or adminRemove.", cmd.Type)
}

func submitAdd(s State, cmd Submission, now time.Time) (Change, error) {
	closed, err := available(s, cmd.Package.ID, now)
	if err != nil {
		return Change{}, err
	}
	if err := room(s.Head, len(cmd.Package.ResourceRoleScopes)); err != nil {
		return Change{}, err
	}
	if s.Head.Additions() >= governance.MaxInFlight {
		return Change{}, governance.Conflict("This subject has reached the limit of %d open requests; one of them must end before another can be made.", governance.MaxInFlight)
	}
	if !cmd.Target.User.AccountEnabled {
		return Change{}, governance.Forbidden("The account is blocked from signing in, so it cannot be given access.")
	}
	if cmd.Doubtful && cmd.Type == governance.RequestUserAdd {
		return Change{}, errDoubtful
	}
	policy, err := PolicyOf(cmd)
	if err != nil {
		return Change{}, err
	}
	if err := Open(cmd.CatalogHead, cmd.Package, policy, now); err != nil {
		return Change{}, err
	}
	if cmd.Type == governance.RequestUserAdd && policy.Approval().IsRequestorJustificationRequired && !governance.Says(cmd.Justification) {
		return Change{}, governance.Invalid("justification", "The policy %q needs a justification.", policy.DisplayName)
	}
	// An administrator may answer for the person (QUE-09), and clients assign directly without.
	if err := policy.Questions.Check(cmd.Answers, cmd.Type == governance.RequestUserAdd); err != nil {
		return Change{}, err
	}
	schedule, err := requestedSchedule(policy, cmd, now)
	if err != nil {
		return Change{}, err
	}

	var change Change
	if cmd.Type == governance.RequestUserAdd && cmd.MostPerHour > 0 {
		if err := s.Head.Room(cmd.Package.ID, cmd.MostPerHour, now); err != nil {
			return Change{}, err
		}
		change.Head = append(change.Head, governance.Submitted{PackageID: cmd.Package.ID, At: governance.At(now)})
	}

	target, requestor := governance.SubjectOf(cmd.Target.User).Bounded(), cmd.Requestor.Bounded() // as the directory knows them now
	request := governance.AssignmentRequest{
		ID:              cmd.RequestID,
		RequestType:     cmd.Type,
		State:           governance.StateSubmitted,
		Status:          governance.StatusAccepted,
		Justification:   cmd.Justification,
		CreatedDateTime: governance.At(now),
		Schedule:        schedule,
		Answers:         policy.Questions.Kept(cmd.Answers),
		AccessPackage:   &governance.AccessPackage{ID: cmd.Package.ID, DisplayName: cmd.Package.DisplayName, Description: cmd.Package.Description, Catalog: cmd.Package.Catalog},
		Assignment: &governance.Assignment{
			ID:               cmd.AssignmentID,
			Target:           &target,
			AssignmentPolicy: &governance.AssignmentPolicy{ID: policy.ID, DisplayName: policy.DisplayName, NotificationSettings: policy.NotificationSettings},
		},
		Requestor: &requestor,
		Policy:    &policy,
	}
	activity := governance.ActivityUserRequests
	if cmd.Type == governance.RequestAdminAdd {
		activity = governance.ActivityAdminAssigns
	}
	asked := entry(activity, cmd.Caller, now, &request, request.ID)
	asked.Justification = cmd.Justification
	change.Audit = append(change.Audit, asked)

	if cmd.Type == governance.RequestUserAdd && policy.Approval().IsApprovalRequiredForAdd {
		if request.Approval, err = newApproval(request.ID, policy.Approval(), cmd.Asked); err != nil {
			return Change{}, err
		}
	} else if cmd.Type == governance.RequestUserAdd {
		change.Audit = append(change.Audit, entry(governance.ActivityAutoApprove, governance.System(), now, &request, request.ID))
	}
	if err := change.proceed(&request, Facts{State: s, Package: &cmd.Package, Caller: cmd.Caller}, now); err != nil {
		return Change{}, err
	}
	change.Audit[0].After = state(&request)
	change.write(request)
	closed.add(change)
	return closed, nil
}

// maxFailing is how many assignments of one package, at most, wait to be taken away from a subject when another is asked for.
const maxFailing = 10

// available refuses a package that the subject has, or that a request in flight is about. What stands in the way no longer, because its time is over, is closed by the change.
func available(s State, packageID string, now time.Time) (Change, error) {
	change := Change{}
	lives, _ := s.Head.Holds(packageID)
	failing := map[string]bool{} // the removals that go on beside a new one
	for _, holding := range s.Head.Holdings {
		if holding.PackageID == packageID && holding.Removing && holding.HasFailed() {
			failing[holding.AssignmentID] = true
		}
	}
	if len(failing) >= maxFailing {
		return Change{}, governance.Conflict("%d assignments of this access package are to be taken away and cannot be; an administrator must mend that first (docs/operate/stuck-request.md).", len(failing))
	}
	for _, flight := range s.Head.InFlight {
		if flight.PackageID != packageID || failing[flight.AssignmentID] || flight.Type == governance.RequestSystemUpdate { // whether what is updated is in the way, its assignment says
			continue
		}
		if request, ok := Find[governance.AssignmentRequest](s, flight.RequestID); ok && request.State != governance.StateDelivering && ending(request).isDue(now) {
			ended, err := happen(request, ending(request), Facts{}, now)
			if err != nil {
				return Change{}, err
			}
			change.add(ended)
			continue
		}
		return Change{}, governance.Conflict("There is already a request for this access package in flight: %s (%s, %s). Wait for it, or cancel it.", flight.RequestID, flight.Type, flight.State)
	}
	if lives != nil && !lives.HasFailed() {
		return Change{}, governance.Conflict("The subject already has this access package: assignment %s is %s.", lives.AssignmentID, lives.State)
	}
	return change, nil
}

// PolicyOf finds the policy of an add (POL-05 to POL-08).
func PolicyOf(cmd Submission) (governance.AssignmentPolicy, error) {
	named := slices.IndexFunc(cmd.Policies, func(policy governance.AssignmentPolicy) bool { return strings.EqualFold(policy.ID, cmd.PolicyID) })
	if cmd.PolicyID != "" && named < 0 && cmd.Doubtful {
		return governance.AssignmentPolicy{}, errDoubtful
	}
	if cmd.Type == governance.RequestAdminAdd {
		if cmd.PolicyID == "" {
			return governance.AssignmentPolicy{}, governance.Invalid("assignment/assignmentPolicyId", "A direct assignment names its policy in assignment/assignmentPolicyId.")
		}
		if named < 0 {
			return governance.AssignmentPolicy{}, governance.Invalid("assignment/assignmentPolicyId", "The access package has no policy %s.", governance.Clip(cmd.PolicyID))
		}
		policy := cmd.Policies[named]
		if policy.AllowedTargetScope != governance.ScopeNotSpecified && !InScope(policy, cmd.Target) {
			return governance.AssignmentPolicy{}, governance.Invalid("assignment/assignmentPolicyId", "The policy %q is not for this person; choose another, or one with allowedTargetScope notSpecified.", policy.DisplayName)
		}
		return policy, nil
	}
	if err := Opens(cmd.Catalog, cmd.Target); err != nil {
		return governance.AssignmentPolicy{}, err
	}
	applicable := Applicable(cmd.Policies, cmd.Target)
	if len(applicable) == 0 {
		return governance.AssignmentPolicy{}, governance.Forbidden("No policy of this access package lets you request it.")
	}
	if cmd.PolicyID != "" {
		for _, policy := range applicable {
			if strings.EqualFold(policy.ID, cmd.PolicyID) {
				return policy, nil
			}
		}
		// Whether there is one for others, who asks does not learn.
		return governance.AssignmentPolicy{}, governance.Invalid("assignment/assignmentPolicyId", "The access package has no policy %s that lets you request it.", governance.Clip(cmd.PolicyID))
	}
	if len(applicable) > 1 {
		ids := make([]string, len(applicable))
		for i, policy := range applicable {
			ids[i] = policy.ID
		}
		return governance.AssignmentPolicy{}, governance.Invalid("assignment/assignmentPolicyId", "Several policies apply; choose one of %s.", strings.Join(ids, ", "))
	}
	return applicable[0], nil
}

// requestedSchedule checks what a request says about time against its policy (LIF-01 to LIF-04, LIF-11) and answers with what is to be kept: what was asked for,
// else what the policy says.
func requestedSchedule(policy governance.AssignmentPolicy, cmd Submission, now time.Time) (*governance.Schedule, error) {
	asked := cmd.Schedule
	schedule := &governance.Schedule{Expiration: policy.Expiration}
	if asked == nil {
		return schedule, deliverable(schedule, now)
	}
	if len(asked.Recurrence) > 0 && string(asked.Recurrence) != "null" {
		return nil, governance.Invalid("schedule/recurrence", "A request has no recurrence.")
	}
	expiration := asked.Expiration
	if expiration != nil {
		completed := *expiration // Validate completes it, and the command is to stay as it is
		expiration = &completed
	}
	if err := expiration.Validate("schedule/expiration"); err != nil {
		return nil, err
	}
	if !asked.StartDateTime.InBounds() {
		return nil, governance.Invalid("schedule/startDateTime", "startDateTime is in no year that a date may have.")
	}
	starts := asked.StartDateTime.Instant()
	schedule.StartDateTime = asked.StartDateTime // as it was sent, in the past too: the access then begins at once
	ends := expiration != nil && expiration.Type != governance.ExpirationNotSpecified
	if cmd.Type == governance.RequestUserAdd && (ends || starts.After(now)) && !policy.Requestor().AllowCustomAssignmentSchedule {
		return nil, governance.Invalid("schedule", "The policy %q does not allow a schedule of one's own; leave schedule out.", policy.DisplayName)
	}
	if starts.After(now) {
		if starts.After(now.AddDate(0, 0, governance.MaxDurationDays)) {
			return nil, governance.Invalid("schedule/startDateTime", "startDateTime is more than %d days away.", governance.MaxDurationDays)
		}
	} else {
		starts = now
	}
	if ends {
		latest := policy.Expiration.End(starts)
		end := expiration.End(starts)
		switch {
		case cmd.Type == governance.RequestAdminAdd && end.IsZero() && !latest.IsZero():
			return schedule, deliverable(schedule, now) // a direct assignment without an end lives as long as its policy says (LIF-11)
		case !end.IsZero() && !end.After(starts):
			return nil, governance.Invalid("schedule/expiration/endDateTime", "The access would end before it starts.")
		case !latest.IsZero() && (end.IsZero() || end.After(latest)):
			return nil, governance.Invalid("schedule/expiration", "The policy %q allows access until %s at most.", policy.DisplayName, governance.FormatInstant(latest))
		}
		schedule.Expiration = expiration
	}
	return schedule, deliverable(schedule, now)
}

// deliverable refuses a schedule that is over before it starts, such as that of a policy whose end date has passed (LIF-10).
func deliverable(schedule *governance.Schedule, now time.Time) error {
	starts := now
	if instant := schedule.StartDateTime.Instant(); instant.After(now) {
		starts = instant
	}
	if end := schedule.Expiration.End(starts); !end.IsZero() && !end.After(starts) {
		return governance.Invalid("schedule", "Access under this policy ended at %s.", governance.FormatInstant(end))
	}
	return nil
}

func submitRemoval(s State, cmd Submission, now time.Time) (Change, error) {
	assignment, ok := Find[governance.Assignment](s, cmd.AssignmentID)
	if !ok {
		return Change{}, governance.NotFound("There is no assignment %s.", cmd.AssignmentID)
	}
	if cmd.Type == governance.RequestUserRemove {
		if !strings.EqualFold(assignment.Target.ObjectID, cmd.Caller.ObjectID) {
			return Change{}, governance.Forbidden("Only the one who has the access may give it back; administrators use adminRemove.")
		}
		policy := slices.IndexFunc(cmd.Policies, func(policy governance.AssignmentPolicy) bool { return policy.ID == assignment.AssignmentPolicy.ID })
		if policy < 0 && cmd.Doubtful {
			return Change{}, errDoubtful
		}
		if policy < 0 || !cmd.Policies[policy].Requestor().EnableTargetsToSelfRemoveAccess {
			return Change{}, governance.Forbidden("The policy of this assignment does not let people give the access back themselves; ask an administrator.")
		}
	}
	if assignment.State == governance.AssignmentExpired {
		return Change{}, governance.Conflict("The assignment has already ended.")
	}
	request, delivering := inHand(s, assignment)
	if delivering && assignment.Removing {
		return Change{}, governance.Conflict("There is already a request for this access package in flight: %s (%s, %s).", request.ID, request.RequestType, request.State)
	}
	activity := governance.ActivityUserRemoves
	if cmd.Type == governance.RequestAdminRemove {
		activity = governance.ActivityAdminRemoves
	}
	change := Change{}
	if delivering { // whatever state a delivery is in, what it may have granted can be taken away
		if err := change.giveUp(request, assignment, "it was taken away before it was delivered", now); err != nil {
			return Change{}, err
		}
	}
	change.remove(assignment, removal{requestID: cmd.RequestID, kind: cmd.Type, activity: activity, caller: cmd.Caller, requestor: cmd.Requestor.Bounded(), justification: cmd.Justification}, now)
	return change, nil
}

// Cancel takes a request back (REQ-04). Errors: CodeNotFound, CodeConflict for one that is past that.
func Cancel(s State, requestID string, caller governance.Caller, now time.Time) (Change, error) {
	request, ok := Find[governance.AssignmentRequest](s, requestID)
	if !ok {
		return Change{}, governance.NotFound("There is no request %s.", requestID)
	}
	request = clone(request)
	before := state(&request)
	if err := move(&request, EventCancel, governance.StatusCanceled, now); err != nil {
		return Change{}, governance.Conflict("A request that is %s can no longer be canceled.", request.State)
	}
	closeStages(&request)
	audit := entry(governance.ActivityCancel, caller, now, &request, request.ID)
	audit.Before, audit.After = before, state(&request)
	change := Change{Write: []governance.Document{request}, Audit: []governance.AuditEntry{audit}}
	if !strings.EqualFold(caller.ObjectID, request.Requestor.ObjectID) {
		change.notify(&request, governance.NotifyCanceled, 0)
	}
	return change, nil
}
