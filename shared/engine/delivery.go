package engine

import (
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// RetryDelays are the waits before a delivery that failed for a passing reason is tried again. After the last it has failed.
var RetryDelays = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour}

const (
	// attention is how long after the time of a delivery's next message a timer takes the delivery up itself, should that message be lost.
	attention = 15 * time.Minute
	// insistence is how often a removal that has failed is tried again: access that must go is never given up.
	insistence = 24 * time.Hour
)

// deliveryGate is the delivery itself (LIF-02).
var deliveryGate = gate{
	passed: func(request governance.AssignmentRequest, _ time.Time) bool {
		return request.State == governance.StateDelivering
	},
	wait: (*Change).deliver,
}

// deliver starts the delivery of a request that nothing holds up any more.
func (c *Change) deliver(request *governance.AssignmentRequest, facts Facts, now time.Time) error {
	pack := facts.Package
	if pack == nil {
		return governance.Conflict("The access package no longer exists, so the request cannot be granted.")
	}
	fixed := request.Schedule.Expiration
	ends := fixed.End(now)
	if latest := request.Policy.Expiration.End(now); !latest.IsZero() && (ends.IsZero() || ends.After(latest)) {
		ends, fixed = latest, request.Policy.Expiration // a duration that was asked for counts from now, and may have come to reach past the policy's date (LIF-10)
	}
	if !ends.IsZero() && !ends.After(now) {
		return governance.Conflict("The access would have ended at %s, so the request cannot be granted any more.", governance.FormatInstant(ends))
	}
	var freed Change
	deliveries, err := deliveriesOf(*pack)
	if err == nil {
		err = freed.makeRoom(facts.State, pack.ID, now)
	}
	if err == nil {
		err = room(facts.Head, len(deliveries))
	}
	if err == nil {
		err = move(request, EventBegin, governance.StatusDelivering, now)
	}
	if err != nil {
		return err
	}
	expiration := &governance.Expiration{Type: governance.ExpirationNone}
	if !ends.IsZero() {
		expiration = &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(ends)}
		if fixed.Type == governance.ExpirationAfterDateTime {
			expiration.EndDateTime = fixed.EndDateTime // as the client wrote it
		}
	}
	assignment := governance.Assignment{
		ID:               request.Assignment.ID,
		State:            governance.AssignmentDelivering,
		Schedule:         &governance.Schedule{StartDateTime: governance.At(now), Expiration: expiration},
		AccessPackage:    request.AccessPackage,
		AssignmentPolicy: request.Assignment.AssignmentPolicy,
		Target:           request.Assignment.Target,
		RequestID:        request.ID,
		NextAttempt:      governance.At(now.Add(attention)),
		Deliveries:       deliveries,
	}
	c.write(assignment)
	c.Audit = append(c.Audit, entry(governance.ActivityReady, facts.Caller, now, request, assignment.ID))
	c.provision(request.ID, assignment, time.Time{})
	c.add(freed)
	return nil
}

// deliveriesOf are the resource roles of a package, to be granted. Errors: CodeConflict for one that this release cannot grant.
func deliveriesOf(pack governance.AccessPackage) ([]governance.Delivery, error) {
	var deliveries []governance.Delivery
	for _, scope := range pack.ResourceRoleScopes {
		grant, ok := GrantOf(scope)
		if !ok {
			return nil, governance.Conflict("The access package has the resource role %q, which this release cannot grant.", scope.ID)
		}
		deliveries = append(deliveries, governance.Delivery{Grant: grant, State: governance.DeliveryPending})
	}
	return deliveries, nil
}

// spoiled: what a decision needs is there and cannot be read.
func spoiled(assignmentID string) error {
	return &governance.Error{Code: governance.CodeUnavailable, Message: "The assignment " + assignmentID + " of this access package cannot be read; an operator must mend it first (docs/operate/bad-documents.md)."}
}

// makeRoom has the assignment of a package whose delivery has failed taken away, if there is one, for a new one that takes its place. What both grant, the removal keeps once the new one has delivered it. Errors:
// CodeConflict for an assignment that lives.
func (c *Change) makeRoom(s State, packageID string, now time.Time) error {
	lives, leaves := s.Head.Holds(packageID)
	if lives == nil {
		return nil
	}
	failed, ok := Find[governance.Assignment](s, lives.AssignmentID)
	if !lives.HasFailed() {
		return governance.Conflict("The subject already has this access package: assignment %s is %s.", lives.AssignmentID, lives.State)
	}
	if !ok {
		return spoiled(lives.AssignmentID)
	}
	if request, ok := inHand(s, failed); ok { // what has left the package is being taken away
		if err := c.giveUp(request, failed, "another assignment takes its place", now); err != nil {
			return err
		}
	}
	if leaves == nil {
		c.expire(failed, now)
		return nil
	}
	older, ok := Find[governance.Assignment](s, leaves.AssignmentID) // it is being taken away as it is, and takes the other's along
	if !ok {
		return spoiled(leaves.AssignmentID)
	}
	older.Deliveries, failed.Deliveries = slices.Clone(older.Deliveries), slices.Clone(failed.Deliveries)
	for i, delivery := range failed.Deliveries {
		at := slices.IndexFunc(older.Deliveries, func(d governance.Delivery) bool { return d.Grant == delivery.Grant })
		switch {
		case delivery.State == governance.DeliveryRemoved:
		case at < 0:
			delivery.State = governance.DeliveryPending
			older.Deliveries = append(older.Deliveries, delivery)
		case older.Deliveries[at].State == governance.DeliveryRemoved:
			older.Deliveries[at] = delivery
			older.Deliveries[at].State = governance.DeliveryPending
		case older.Deliveries[at].Handle == "":
			older.Deliveries[at].Handle = delivery.Handle
		}
		failed.Deliveries[i].State = governance.DeliveryRemoved
	}
	if len(older.Deliveries) > governance.MaxRoleScopes {
		return governance.Conflict("What is left of assignments whose delivery has failed has more than %d resource roles; it must be removed first.", governance.MaxRoleScopes)
	}
	failed.State, failed.ExpiredDateTime = governance.AssignmentExpired, governance.At(now)
	failed.Removing, failed.RequestID, failed.NextAttempt = true, "", nil
	audit := entry(governance.ActivityRemoveAssignment, governance.System(), now, &governance.AssignmentRequest{ID: older.RequestID}, failed.ID)
	audit.Detail = "its delivery had failed; what it may have granted is taken away with the assignment " + older.ID
	c.Audit = append(c.Audit, audit)
	c.write(older, failed)
	return nil
}

// provision has what an assignment wants carried out for a request.
func (c *Change) provision(requestID string, assignment governance.Assignment, notBefore time.Time) {
	effect := governance.EffectOf(assignment, governance.WorkProvision)
	effect.RequestID, effect.NotBefore = requestID, notBefore
	c.effect(effect)
}

// room refuses a package with so many resource roles to a subject that holds so much that its head could not be written with more.
func room(head governance.Head, more int) error {
	if len(head.Holdings) >= governance.MaxHoldings {
		return governance.Conflict("This subject has reached the limit of %d assignments; one of them must end before another can begin.", governance.MaxHoldings)
	}
	if held := head.Grants(); held+more > governance.MaxGrants {
		return governance.Conflict("This subject has %d resource roles, and with the %d of this access package would have more than %d; an assignment must end before another can begin.", held, more, governance.MaxGrants)
	}
	return nil
}

// GrantOf is what a resource role scope grants; false for one that Latchkey cannot grant.
func GrantOf(scope governance.ResourceRoleScope) (governance.Grant, bool) {
	if scope.Role == nil || scope.Scope == nil || scope.Role.OriginSystem == "" {
		return governance.Grant{}, false
	}
	grant := governance.Grant{OriginSystem: scope.Role.OriginSystem, ResourceID: scope.Scope.OriginID, Role: scope.Role.OriginID}
	if grant.OriginSystem != governance.OriginGroup { // what an origin calls its own is its to say
		return grant, grant.ResourceID != "" && grant.Role != ""
	}
	role, group, _ := strings.Cut(grant.Role, "_")
	grant.Role, grant.ResourceID = role, strings.ToLower(group)
	return grant, group != "" && (role == governance.GrantMember || role == governance.GrantOwner)
}

type removal struct {
	requestID     string
	kind          governance.RequestType
	activity      governance.Activity
	caller        governance.Caller
	requestor     governance.Subject
	justification string
}

// remove starts taking an assignment away.
func (c *Change) remove(assignment governance.Assignment, why removal, now time.Time) {
	never := !assignment.Removing && assignment.State != governance.AssignmentDelivered && !slices.ContainsFunc(assignment.Deliveries, isDelivered)
	assignment.RequestID, assignment.Removing, assignment.Attempt = why.requestID, true, 0
	assignment.NextAttempt = governance.At(now.Add(attention))
	policy := *assignment.AssignmentPolicy
	if never { // nobody is told of the end of what never was
		policy.NotificationSettings = &governance.NotificationSettings{IsAssignmentNotificationDisabled: true}
	}
	request := governance.AssignmentRequest{
		ID:              why.requestID,
		RequestType:     why.kind,
		State:           governance.StateDelivering,
		Status:          governance.StatusDelivering,
		Justification:   why.justification,
		CreatedDateTime: governance.At(now),
		AccessPackage:   assignment.AccessPackage,
		Assignment:      &governance.Assignment{ID: assignment.ID, Target: assignment.Target, AssignmentPolicy: &policy},
		Requestor:       &why.requestor,
	}
	audit := entry(why.activity, why.caller, now, &request, assignment.ID)
	audit.Justification = why.justification
	audit.After = state(&request)
	c.Audit = append(c.Audit, audit)
	c.write(assignment)
	c.write(request)
	c.provision(request.ID, assignment, time.Time{})
}

// Step is governance's: the provisioners at the origins are told the same.
type Step = governance.Step

// Action is what a Step does.
type Action = governance.StepAction

// The actions. Keep does nothing: another assignment of the subject grants the same (RES-10). Await does nothing yet: another is to grant it, and may fail to.
const (
	ActionAdd    Action = "add"
	ActionRemove Action = "remove"
	ActionKeep   Action = "keep"
	ActionAwait  Action = "await"
)

// Plan is what is left to do for an assignment: grant what is not delivered, and take back what no other live assignment of the subject grants (RES-09,
// RES-10, RES-11), all of it or what its package does not have any more (RES-12). What may have been granted by a call whose answer was lost is taken back too.
func Plan(s State, assignmentID string) []Step {
	assignment, ok := Find[governance.Assignment](s, assignmentID)
	if !ok || assignment.State == governance.AssignmentExpired || assignment.RequestID == "" {
		return nil
	}
	var steps []Step
	replaced := isReplaced(s.Head, assignment)
	for _, delivery := range assignment.Deliveries {
		switch leaves := assignment.Removing || delivery.Leaving; {
		case !leaves && !isDelivered(delivery) && !replaced:
			steps = append(steps, Step{Grant: delivery.Grant, Action: ActionAdd})
		case leaves && delivery.State != governance.DeliveryRemoved:
			action := parting(s.Head, assignmentID, delivery.Grant.Key())
			if action == ActionAwait && assignment.Attempt >= len(RetryDelays) { // whoever is to grant it has had the time
				action = ActionRemove
			}
			steps = append(steps, Step{Grant: delivery.Grant, Action: action, Handle: delivery.Handle})
		}
	}
	return steps
}

func isDelivered(d governance.Delivery) bool { return d.State == governance.DeliveryDelivered }

// parting is what becomes of a grant, named by its Key, that an assignment has no more.
func parting(head governance.Head, assignmentID, key string) Action {
	action := ActionRemove
	for _, other := range head.Holdings {
		switch {
		case other.AssignmentID == assignmentID || !other.Pays(key):
		case !slices.Contains(other.Pending, key):
			return ActionKeep
		default:
			action = ActionAwait
		}
	}
	return action
}

// Outcome is how a step went. An empty Reason is a success.
type Outcome struct {
	Step                // its Handle is what a grant brought
	End       time.Time // when the origin takes a grant back by itself; zero: never
	Reason    string    // why it failed, for an operator
	Transient bool      // whether trying again may help
	Absent    bool      // of a removal: whom or what it is about is deleted, and may be restored with the role
}

// Record writes down how the steps of an assignment went, and settles its request when nothing is left to try (REQ-06, REQ-07). It answers with an empty change
// when the assignment is not being delivered any more.
func Record(s State, assignmentID string, outcomes []Outcome, now time.Time) (Change, error) {
	assignment, ok := Find[governance.Assignment](s, assignmentID)
	if !ok || assignment.RequestID == "" {
		return Change{}, nil
	}
	request, ok := Find[governance.AssignmentRequest](s, assignment.RequestID)
	if !ok || request.State != governance.StateDelivering {
		return Change{}, nil
	}
	request = clone(request)
	assignment.Deliveries = slices.Clone(assignment.Deliveries)
	change := Change{}
	transient, absent, failed := false, false, false
	last := assignment.Attempt >= len(RetryDelays)
	for i := range assignment.Deliveries {
		delivery := &assignment.Deliveries[i]
		at := slices.IndexFunc(outcomes, func(o Outcome) bool { return o.Grant == delivery.Grant })
		leaves := assignment.Removing || delivery.Leaving
		if at < 0 || leaves == (outcomes[at].Action == ActionAdd) {
			continue
		}
		outcome := outcomes[at]
		if outcome.Action == ActionAwait {
			outcome.Reason, outcome.Transient = "another assignment is still to be given the same", true
		}
		if outcome.Reason != "" {
			delivery.Reason = governance.Shorten(outcome.Reason, governance.MaxReason)
			if leaves || last || !outcome.Transient { // a grant that is to be tried again is still to come
				delivery.State = governance.DeliveryFailed
			}
			transient, absent, failed = transient || outcome.Transient, absent || outcome.Absent, failed || !outcome.Transient && !outcome.Absent
			continue
		}
		activity := governance.ActivityFulfillRole
		delivery.State, delivery.Reason = governance.DeliveryDelivered, ""
		if outcome.Action == ActionAdd {
			delivery.Handle, delivery.EndDateTime = outcome.Handle, nil
			if !outcome.End.IsZero() {
				delivery.EndDateTime = governance.At(outcome.End)
			}
		}
		if leaves {
			activity, delivery.State = governance.ActivityRemoveRole, governance.DeliveryRemoved
		}
		audit := entry(activity, governance.System(), now, &request, delivery.Grant.ResourceID)
		audit.Detail = string(outcome.Action) + " " + delivery.Grant.Role
		change.Audit = append(change.Audit, audit)
	}
	if !assignment.Removing {
		assignment.Deliveries = slices.DeleteFunc(assignment.Deliveries, func(d governance.Delivery) bool { return d.Leaving && d.State == governance.DeliveryRemoved })
	}
	delay := time.Duration(0)
	switch {
	case transient && !last:
		delay = RetryDelays[assignment.Attempt]
		assignment.Attempt++
	case absent && !failed && !transient: // what is away is looked for every day until it is back or gone for good; nobody needs to do anything
		delay = insistence
		if isWhole(assignment) {
			assignment.State = governance.AssignmentDelivered
		}
	}
	if delay > 0 {
		assignment.NextAttempt = governance.At(now.Add(delay + attention))
		change.provision(request.ID, assignment, now.Add(delay))
		change.Audit = append(change.Audit, retryEntry(&request, assignment, now))
		change.write(assignment)
		return change, nil
	}
	if err := change.settle(s.Head, &request, &assignment, now); err != nil {
		return Change{}, err
	}
	change.write(assignment)
	change.write(request)
	return change, nil
}

func retryEntry(request *governance.AssignmentRequest, assignment governance.Assignment, now time.Time) governance.AuditEntry {
	audit := entry(governance.ActivityFailed, governance.System(), now, request, assignment.ID)
	audit.Result = "failure"
	audit.Detail = reasons(assignment) + "; to be tried again"
	return audit
}

// settle ends the delivery of a request: with success, in part, or in failure.
func (c *Change) settle(head governance.Head, request *governance.AssignmentRequest, assignment *governance.Assignment, now time.Time) error {
	done := 0
	for _, delivery := range assignment.Deliveries {
		if isDelivered(delivery) && !assignment.Removing && !delivery.Leaving || delivery.State == governance.DeliveryRemoved && assignment.Removing {
			done++
		}
	}
	event, status, activity, result := EventDelivered, governance.StatusFulfilled, governance.ActivityFulfill, "success"
	assigned := governance.AssignmentDelivered
	notification := governance.NotifyDelivered
	switch {
	case done == len(assignment.Deliveries) && (assignment.Removing || !isReplaced(head, *assignment)): // what is to be replaced has failed, and stays so: it is in nobody's way
	case done > 0:
		event, status, activity, result = EventPartly, governance.StatusPartiallyFulfilled, governance.ActivityPartiallyFulfill, "failure"
		assigned, notification = governance.AssignmentPartiallyDelivered, governance.NotifyDeliveryFailed
	default:
		event, status, activity, result = EventFailed, governance.StatusFailed, governance.ActivityFailed, "failure"
		assigned, notification = governance.AssignmentDeliveryFailed, governance.NotifyDeliveryFailed
	}
	before := state(request)
	if err := move(request, event, status, now); err != nil {
		return err
	}
	assignment.Attempt, assignment.NextAttempt = 0, nil
	switch {
	case assignment.Removing && event == EventDelivered:
		assigned, activity, notification = governance.AssignmentExpired, governance.ActivityRemoveAssignment, governance.NotifyEnded
		assignment.ExpiredDateTime = governance.At(now)
		assignment.RequestID = ""
	case assignment.Removing:
		assigned, assignment.NextAttempt = governance.AssignmentDeliveryFailed, governance.At(now.Add(insistence))
	case slices.ContainsFunc(assignment.Deliveries, isLeaving):
		assignment.NextAttempt = governance.At(now.Add(insistence))
		if isWhole(*assignment) { // who has all that there is to have has it, although there is something left to take away
			assigned = governance.AssignmentDelivered
		}
	}
	assignment.State = assigned
	audit := entry(activity, governance.System(), now, request, assignment.ID)
	audit.Result, audit.Detail = result, reasons(*assignment)
	audit.Before, audit.After = before, state(request)
	c.Audit = append(c.Audit, audit)
	lives, _ := head.Holds(assignment.AccessPackage.ID)
	if !assignment.Removing || event == EventDelivered && (lives == nil || lives.HasFailed()) { // a removal that fails is an administrator's to mend, and no news for who gave the access back
		c.notify(request, notification, 0)
	}
	return nil
}

// reasons says why resource roles of an assignment failed, for an operator.
func reasons(assignment governance.Assignment) string {
	var texts []string
	for _, delivery := range assignment.Deliveries {
		if delivery.Reason != "" {
			texts = append(texts, delivery.Grant.Role+" of "+delivery.Grant.ResourceID+": "+delivery.Reason)
		}
	}
	return strings.Join(texts, "; ")
}

// Reprocess tries the delivery of a request once more (REQ-08; without a window, BEY-13). Errors: CodeNotFound, CodeConflict for a request that has not failed or whose
// assignment has moved on.
func Reprocess(s State, requestID string, caller governance.Caller, now time.Time) (Change, error) {
	request, ok := Find[governance.AssignmentRequest](s, requestID)
	if !ok {
		return Change{}, governance.NotFound("There is no request %s.", requestID)
	}
	request = clone(request)
	before := state(&request)
	assignment, ok := Find[governance.Assignment](s, request.Assignment.ID)
	if !ok || assignment.RequestID != request.ID || assignment.State == governance.AssignmentExpired {
		return Change{}, governance.Conflict("The assignment of this request has ended or is in the hands of another request, so there is nothing to reprocess.")
	}
	if err := move(&request, EventReprocess, governance.StatusDelivering, now); err != nil {
		return Change{}, governance.Conflict("Only a request that is deliveryFailed or partiallyDelivered can be reprocessed; this one is %s.", request.State)
	}
	for _, flight := range s.Head.InFlight {
		if flight.AssignmentID == assignment.ID || flight.PackageID == assignment.AccessPackage.ID && flight.Type.IsAddition() {
			return Change{}, governance.Conflict("The request %s is working on this assignment, or is to take its place.", flight.RequestID)
		}
	}
	change := Change{}
	change.retry(s.Head, &request, assignment, now)
	audit := entry(governance.ActivityReprocess, caller, now, &request, assignment.ID)
	audit.Before, audit.After = before, state(&request)
	change.Audit = append(change.Audit, audit)
	return change, nil
}

// retry sends the delivery of an assignment on its way again.
func (c *Change) retry(head governance.Head, request *governance.AssignmentRequest, assignment governance.Assignment, now time.Time) {
	assignment.Attempt = 0
	assignment.NextAttempt = governance.At(now.Add(attention))
	if !assignment.Removing && !isWhole(assignment) && !isReplaced(head, assignment) {
		assignment.State, assignment.Deliveries = governance.AssignmentDelivering, slices.Clone(assignment.Deliveries)
		for i := range assignment.Deliveries {
			if delivery := &assignment.Deliveries[i]; !isDelivered(*delivery) && !delivery.Leaving {
				delivery.State = governance.DeliveryPending
			}
		}
	}
	c.write(assignment)
	c.write(*request)
	c.provision(request.ID, assignment, time.Time{})
}
