package simulation

import (
	"slices"
	"strings"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// follows says which states may follow which in a document: the simulation's own copy of REQ-06. The empty state is that of a request that was not there.
var follows = map[governance.RequestState][]governance.RequestState{
	"":                                 {governance.StatePendingApproval, governance.StateScheduled, governance.StateDelivering},
	governance.StatePendingApproval:    {governance.StatePendingApproval, governance.StateScheduled, governance.StateDelivering, governance.StateDenied, governance.StateCanceled},
	governance.StateScheduled:          {governance.StateDelivering, governance.StateCanceled, governance.StateDeliveryFailed},
	governance.StateDelivering:         {governance.StateDelivering, governance.StateDelivered, governance.StatePartiallyDelivered, governance.StateDeliveryFailed},
	governance.StatePartiallyDelivered: {governance.StateDelivering},
	governance.StateDeliveryFailed:     {governance.StateDelivering},
}

// requestChanged checks what happened to a request.
func (c *commit) requestChanged(s *subject, before, next governance.AssignmentRequest) {
	w := c.ledger.world
	timed := next.State == governance.StateDenied && before.State == governance.StateScheduled && w.isOver(next) // closed by time
	if !slices.Contains(follows[before.State], next.State) && !timed {
		c.broken("transition", "the request %s went from %q to %s", next.ID, before.State, next.State)
	}
	if !c.audited(next.ID) {
		c.broken("audit", "the request %s went from %q to %s without an audit entry", next.ID, before.State, next.State)
	}
	if (next.CompletedDateTime == nil) != next.State.IsInFlight() {
		c.broken("transition", "the request %s is %s with completedDateTime %v", next.ID, next.State, next.CompletedDateTime)
	}
	if next.State == governance.StateDelivering && before.State != governance.StateDelivering && !c.provisions(next.ID) {
		c.broken("effect", "the request %s is being delivered, but nothing will deliver it", next.ID)
	}
	c.lasting(next)
	c.closed(before, next)
	if before.ID == "" {
		c.requestMade(s, next)
	}
	if next.RequestType.IsAddition() {
		c.stagesChanged(s, before, next)
		begun := next.State == governance.StateDelivering || next.State == governance.StateScheduled
		waited := before.State == "" || before.State == governance.StatePendingApproval
		if begun && waited {
			c.mayBegin(s, next)
		}
	}
}

func (c *commit) provisions(requestID string) bool {
	return slices.ContainsFunc(c.effects, func(e governance.Effect) bool {
		return e.What == governance.WorkProvision && e.RequestID == requestID
	})
}

// requestMade: somebody who may asked for it, and for just this.
func (c *commit) requestMade(s *subject, next governance.AssignmentRequest) {
	w := c.ledger.world
	made := c.ledger.issued[next.ID]
	if next.RequestType == governance.RequestSystemRemove {
		assignment := s.assignments[next.Assignment.ID]
		if end := endOf(assignment); (end.IsZero() || end.After(next.CreatedDateTime.Instant())) && !stands(assignment) && !c.ledger.isDeleted(assignment) {
			c.broken("early", "the assignment %s of %s is taken away by itself although it ends %v", assignment.ID, w.nameOf(assignment.AccessPackage.ID), end)
		}
		return
	}
	if next.RequestType == governance.RequestSystemUpdate {
		if !slices.ContainsFunc(c.assignments, func(a governance.Assignment) bool {
			return a.ID == next.Assignment.ID && a.RequestID == next.ID && !a.Removing
		}) {
			c.broken("request", "the service changes by the request %s what nobody has", next.ID)
		}
		return
	}
	if made == nil || made.kind != next.RequestType {
		c.broken("request", "nobody asked for the request %s (%s)", next.ID, next.RequestType)
		return
	}
	administrative := made.caller.ObjectID == w.tenant.admin.ID || made.caller.ObjectID == w.tenant.robot.ObjectID
	switch next.RequestType {
	case governance.RequestUserAdd:
		if next.AccessPackage.ID != made.pack || made.target != s.person || made.caller.ObjectID != s.person.ID {
			c.broken("request", "the request %s is not what %s asked for", next.ID, w.nameOf(made.caller.ObjectID))
		}
		lately := 0
		for _, other := range s.requests { // this one too
			if other.RequestType == governance.RequestUserAdd && other.AccessPackage.ID == made.pack && next.CreatedDateTime.Instant().Sub(other.CreatedDateTime.Instant()) < time.Hour {
				lately++
			}
		}
		if lately > requestsPerHour {
			c.broken("often", "%d requests of %s for %s were accepted within an hour", lately, s.person.name, w.nameOf(made.pack))
		}
		if !next.Policy.Requestor().EnableTargetsToSelfAddAccess || !w.inScope(*next.Policy, s.person, w.current.began) {
			c.broken("policy", "%s requested %s under the policy %s, which is not for them", s.person.name, w.nameOf(made.pack), w.nameOf(next.Policy.ID))
		}
		own := next.Schedule.StartDateTime.Instant().After(next.CreatedDateTime.Instant()) || text(next.Schedule.Expiration) != text(next.Policy.Expiration)
		if own && !next.Policy.Requestor().AllowCustomAssignmentSchedule {
			c.broken("schedule", "%s requested %s for a time of their own, which the policy %s does not allow", s.person.name, w.nameOf(made.pack), w.nameOf(next.Policy.ID))
		}
	case governance.RequestAdminAdd:
		if next.AccessPackage.ID != made.pack || made.target != s.person || !administrative {
			c.broken("request", "the request %s is not what %s asked for or may", next.ID, w.nameOf(made.caller.ObjectID))
		}
	case governance.RequestAdminRemove:
		if !administrative || next.Assignment.ID != made.removes {
			c.broken("request", "the removal %s is not what %s asked for or may", next.ID, w.nameOf(made.caller.ObjectID))
		}
	case governance.RequestUserRemove:
		if made.caller.ObjectID != s.person.ID || next.Assignment.ID != made.removes {
			c.broken("request", "the removal %s is not what %s asked for or may", next.ID, w.nameOf(made.caller.ObjectID))
		}
		allowed := false // by the policy as it is, or as it was a moment ago
		for _, policy := range c.ledger.policies[next.Assignment.AssignmentPolicy.ID] {
			allowed = allowed || policy.Requestor().EnableTargetsToSelfRemoveAccess
		}
		if !allowed {
			c.broken("policy", "%s gave back %s, which its policy never allowed", s.person.name, w.nameOf(next.AccessPackage.ID))
		}
	case governance.RequestSystemRemove, governance.RequestSystemUpdate: // never submitted
	}
	if next.RequestType.IsRemoval() {
		return
	}
	if _, was := c.ledger.policies[next.Policy.ID][text(next.Policy)]; !was {
		c.broken("policy", "the policy that the request %s keeps never was like that", next.ID)
	}
	c.notOvertaken(s, next)
}

// stagesChanged: a stage is decided once, by somebody who may, who did say so, in time, and after the stages before it (APR-03 to APR-07, APR-10, APR-11).
func (c *commit) stagesChanged(s *subject, before, next governance.AssignmentRequest) {
	if next.Approval == nil {
		return
	}
	w := c.ledger.world
	for i, stage := range next.Approval.Stages {
		var old governance.ApprovalStage
		if before.Approval != nil {
			old = before.Approval.Stages[i]
		}
		settings := next.Policy.Approval().Stages[i]
		if stage.Escalated && !old.Escalated && w.clock.Now().Before(stage.EscalatesDateTime.Instant()) {
			c.broken("approval", "stage %d of the request %s was forwarded too early", i+1, next.ID)
		}
		if stage.Status == governance.StageExpired && old.Status == governance.StageInProgress && next.State == governance.StateDenied && w.clock.Now().Before(stage.EndsDateTime.Instant()) && !w.isOver(next) {
			c.broken("approval", "stage %d of the request %s was denied for want of a decision before its time was up", i+1, next.ID)
		}
		if stage.Status == governance.StageInProgress && old.Status != governance.StageInProgress {
			c.opens(s, next, i)
		} else if o := c.ledger.opened[stage.ID]; o != nil && !slices.Equal(stage.ApproverUserIDs, old.ApproverUserIDs) { // asked anew, because nobody was left: the managers of that day
			o.knows(w, s.person, w.current.began)
		}
		if stage.Status == governance.StageExpired && old.Status == governance.StageInProgress && next.State == governance.StateDenied {
			c.timedOut(s, next, stage)
		}
		if stage.Status == governance.StageInProgress && i > 0 && next.Approval.Stages[i-1].ReviewResult != governance.ResultApprove {
			c.broken("approval", "stage %d of the request %s began before the one before it was approved", i+1, next.ID)
		}
		if old.Status == governance.StageCompleted {
			if text(old) != text(stage) {
				c.broken("decision", "stage %d of the request %s was decided twice: first %s by %s, then %s by %s", i+1, next.ID, old.ReviewResult, w.nameOf(old.ReviewedBy.ID), stage.ReviewResult, w.nameOf(stage.ReviewedBy.ID))
			}
			continue
		}
		if stage.Status != governance.StageCompleted {
			continue
		}
		by := w.tenant.byID[stage.ReviewedBy.ID]
		switch {
		case by == nil || !w.mayDecide(c.ledger.opened[stage.ID], settings, by, s.person, stage.Escalated):
			c.broken("approval", "stage %d of the request %s of %s was decided by %s, who may not", i+1, next.ID, s.person.name, w.nameOf(stage.ReviewedBy.ID))
		case !c.ledger.decisions[decision{stage.ID, by.ID, stage.ReviewResult}]:
			c.broken("approval", "stage %d of the request %s was decided by %s, who did not say so", i+1, next.ID, by.name)
		case old.Status != governance.StageInProgress:
			c.broken("approval", "stage %d of the request %s was decided when it was %q", i+1, next.ID, old.Status)
		case !stage.ReviewedDateTime.Instant().Before(stage.EndsDateTime.Instant()):
			c.broken("approval", "stage %d of the request %s was decided when its time was up", i+1, next.ID)
		case stage.ReviewResult == governance.ResultDeny && next.State != governance.StateDenied:
			c.broken("approval", "stage %d of the request %s was denied, the request is %s", i+1, next.ID, next.State)
		}
	}
}

// mayBegin: nothing begins before everybody who has to approve did (REQ-06), and none before its start.
func (c *commit) mayBegin(s *subject, next governance.AssignmentRequest) {
	approval := next.Policy.Approval()
	if next.RequestType == governance.RequestUserAdd && approval.IsApprovalRequiredForAdd {
		if next.Approval == nil || len(next.Approval.Stages) != len(approval.Stages) {
			c.broken("approval", "the request %s of %s begins without its approval", next.ID, s.person.name)
			return
		}
		for i, stage := range next.Approval.Stages {
			if stage.Status != governance.StageCompleted || stage.ReviewResult != governance.ResultApprove {
				c.broken("approval", "the request %s of %s begins although stage %d is %s %s", next.ID, s.person.name, i+1, stage.Status, stage.ReviewResult)
			}
		}
	}
}

// attempts is how often a delivery that fails for a passing reason is tried again.
const attempts = 5

func endOf(assignment governance.Assignment) time.Time {
	if assignment.Schedule == nil || assignment.Schedule.Expiration == nil {
		return time.Time{}
	}
	return assignment.Schedule.Expiration.EndDateTime.Instant()
}

// takenOver says whether an assignment whose delivery had failed ended because another of the same package that is being taken away takes along all that it may have granted.
func (c *commit) takenOver(before, next governance.Assignment) bool {
	return stands(before) && !before.Removing &&
		slices.ContainsFunc(c.assignments, func(other governance.Assignment) bool {
			return other.ID != next.ID && other.AccessPackage.ID == next.AccessPackage.ID && other.Removing && other.State != governance.AssignmentExpired &&
				!slices.ContainsFunc(grantsOf(next), func(grant string) bool { return !slices.Contains(grantsOf(other), grant) })
		})
}

// stands says whether an assignment is left over from a delivery or a removal that has failed, so that it is in no new request's way.
func stands(assignment governance.Assignment) bool {
	if assignment.Removing {
		return slices.ContainsFunc(assignment.Deliveries, func(d governance.Delivery) bool { return d.State == governance.DeliveryFailed })
	}
	return assignment.State == governance.AssignmentDeliveryFailed || assignment.State == governance.AssignmentPartiallyDelivered
}

// aligned says whether an assignment grants something else than it did because its package does (RES-12), and holds what is gone from it to being gone.
func (c *commit) aligned(s *subject, before, next governance.Assignment) bool {
	offered := func(grant governance.Grant, is bool) bool {
		return c.ledger.stands("package:"+next.AccessPackage.ID, func(text string) bool {
			return slices.Contains(strings.Fields(text), grant.Role+"_"+grant.ResourceID) == is
		})
	}
	of := func(a governance.Assignment, grant governance.Grant) (governance.Delivery, bool) {
		at := slices.IndexFunc(a.Deliveries, func(d governance.Delivery) bool { return d.Grant == grant })
		if at < 0 {
			return governance.Delivery{}, false
		}
		return a.Deliveries[at], true
	}
	for _, delivery := range next.Deliveries {
		old, had := of(before, delivery.Grant)
		if had && old.Leaving == delivery.Leaving {
			continue
		}
		if next.Removing || !offered(delivery.Grant, !delivery.Leaving) {
			return false
		}
	}
	for _, old := range before.Deliveries {
		if _, has := of(next, old.Grant); has {
			continue
		}
		if !old.Leaving || next.Removing {
			return false
		}
		c.ledger.left[s.person.ID+old.Grant.Key()] = c.ledger.world.report.Steps
		c.notKept(s, next, old.Grant)
	}
	return true
}

// nothingKept: what an ended assignment granted is gone.
func (c *commit) nothingKept(s *subject, before, next governance.Assignment) {
	for i, ended := range next.Deliveries {
		if i < len(before.Deliveries) && before.Deliveries[i].State == governance.DeliveryRemoved {
			continue // by an earlier commit, and somebody may be given it anew by now
		}
		c.notKept(s, next, ended.Grant)
	}
}

// notKept: what an assignment granted, and does no more, is gone, unless another has delivered it or is still to take it away (RES-10).
func (c *commit) notKept(s *subject, next governance.Assignment, grant governance.Grant) {
	w := c.ledger.world
	has := w.directory.IsMember
	if grant.Role == governance.GrantOwner {
		has = w.directory.IsOwner
	}
	paid := false
	for id := range s.assignments {
		other := s.assignments[id]
		paid = paid || id != next.ID && other.State != governance.AssignmentExpired && slices.ContainsFunc(other.Deliveries, func(d governance.Delivery) bool {
			return d.Grant == grant && (d.State == governance.DeliveryDelivered || (other.Removing || d.Leaving) && d.State != governance.DeliveryRemoved)
		})
	}
	late := c.ledger.lastGranted[s.person.ID+grant.Key()] >= w.current.began // by a call that has lost its lock, and will find out
	if !paid && !late && has(grant.ResourceID, s.person.ID) {
		c.broken("kept", "the assignment %s does not grant it any more, and %s is still %s of %s, which no other assignment has delivered", next.ID, s.person.name, grant.Role, w.nameOf(grant.ResourceID))
	}
}

// assignmentChanged checks what happened to an assignment.
func (c *commit) assignmentChanged(s *subject, before governance.Assignment, known bool, next governance.Assignment) {
	w := c.ledger.world
	if !known {
		c.assignmentMade(s, next)
		return
	}
	if before.State == governance.AssignmentExpired {
		c.broken("transition", "the assignment %s has ended and was changed", next.ID)
	}
	if before.Removing && !next.Removing {
		c.broken("transition", "the removal of the assignment %s was called off", next.ID)
	}
	if next.State == governance.AssignmentExpired && !before.Removing && !c.takenOver(before, next) {
		c.broken("transition", "the assignment %s ended without having been taken away", next.ID)
	}
	if next.State == governance.AssignmentExpired && !c.takenOver(before, next) {
		c.nothingKept(s, before, next)
	}
	takesAlong := next.Removing && len(grantsOf(next)) > len(grantsOf(before)) && slices.Equal(grantsOf(before), grantsOf(next)[:len(grantsOf(before))])
	if !c.aligned(s, before, next) && !takesAlong || endOf(before) != endOf(next) && !slices.Contains(c.ledger.tampered, next.ID) {
		c.broken("transition", "the assignment %s of %s grants something else than it did, or for longer", next.ID, w.nameOf(next.AccessPackage.ID))
	}
	if before.State != next.State && !c.audited(before.RequestID) && !c.audited(next.RequestID) && !slices.ContainsFunc(c.entries, func(e governance.AuditEntry) bool { return e.TargetID == next.ID }) {
		c.broken("audit", "the assignment %s went from %s to %s without an audit entry", next.ID, before.State, next.State)
	}
	failed := next.State == governance.AssignmentPartiallyDelivered || next.State == governance.AssignmentDeliveryFailed
	for _, delivery := range next.Deliveries {
		if failed && before.State != next.State && delivery.State == governance.DeliveryFailed {
			c.givenUp(before, next, delivery)
		}
		passing := strings.Contains(delivery.Reason, directory.ErrUnavailable.Error()) || strings.Contains(delivery.Reason, "retry after")
		if failed && before.State != next.State && delivery.State == governance.DeliveryFailed && passing && before.Attempt < attempts {
			c.broken("retry", "the assignment %s was given up after %d tries, although %s of %s failed for a passing reason: %s", next.ID, before.Attempt+1, delivery.Grant.Role, w.nameOf(delivery.Grant.ResourceID), delivery.Reason)
		}
	}
	if next.State == governance.AssignmentDelivered && !next.Removing || next.State == governance.AssignmentExpired {
		for _, delivery := range next.Deliveries {
			if delivery.Leaving && !next.Removing {
				continue
			}
			if gone := next.Removing; !gone && delivery.State != governance.DeliveryDelivered || gone && delivery.State != governance.DeliveryRemoved {
				c.broken("delivery", "the assignment %s is %s, but %s of %s is %s", next.ID, next.State, delivery.Grant.Role, w.nameOf(delivery.Grant.ResourceID), delivery.State)
			}
		}
	}
}

// assignmentMade: it begins when it may, ends when its request and its policy say, and grants what its package did at some time.
func (c *commit) assignmentMade(s *subject, next governance.Assignment) {
	w := c.ledger.world
	at := slices.IndexFunc(c.requests, func(r governance.AssignmentRequest) bool { return r.ID == next.RequestID })
	if at < 0 || c.requests[at].State != governance.StateDelivering || c.requests[at].RequestType.IsRemoval() {
		c.broken("grant", "the assignment %s of %s began without a request that is being delivered", next.ID, s.person.name)
		return
	}
	c.grantsNotOvertaken(s, next)
	request := c.requests[at]
	start := next.Schedule.StartDateTime.Instant()
	if start.Before(request.Schedule.StartDateTime.Instant()) || start.After(w.clock.Now()) {
		c.broken("schedule", "the assignment %s begins at %s, it was asked for at %s", next.ID, start, request.Schedule.StartDateTime)
	}
	end, asked, most := endOf(next), request.Schedule.Expiration.End(start), request.Policy.Expiration.End(start)
	if !most.IsZero() && (end.IsZero() || end.After(most)) {
		c.broken("schedule", "the assignment %s ends at %s, its policy says %s at most", next.ID, orNever(end), orNever(most))
	}
	if !asked.IsZero() && (end.IsZero() || end.After(asked)) {
		c.broken("schedule", "the assignment %s ends at %s, it was asked for until %s", next.ID, orNever(end), orNever(asked))
	}
	if !end.IsZero() && end != asked && end != most {
		c.broken("schedule", "the assignment %s ends at %s, which neither its request (%s) nor its policy (%s) says", next.ID, orNever(end), orNever(asked), orNever(most))
	}
	for _, delivery := range next.Deliveries {
		if !strings.EqualFold(delivery.Grant.OriginSystem, governance.OriginGroup) || !slices.Contains(w.tenant.managed, delivery.Grant.ResourceID) || delivery.State != governance.DeliveryPending {
			c.broken("grant", "the assignment %s begins with %+v", next.ID, delivery)
		}
	}
}

func orNever(t time.Time) string {
	if t.IsZero() {
		return "no time"
	}
	return t.Format(time.RFC3339)
}
