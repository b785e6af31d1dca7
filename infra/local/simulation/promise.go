package simulation

import (
	"errors"
	"slices"
	"strings"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// What must hold whatever the world around the app does. Each promise is read here from the documents, the directory and the clock, never from the app's own code.

// fact is something outside a subject's partition that decisions about subjects rest on, as it is and as it was.
type fact struct {
	present string
	past    []struct {
		text  string
		until int // step
	}
}

// learn notes what a fact has become; empty: it is no more.
func (l *book) learn(id, text string) {
	f := l.facts[id]
	if f == nil {
		f = &fact{}
		l.facts[id] = f
	}
	if f.present != text {
		f.past = append(f.past, struct {
			text  string
			until int
		}{f.present, l.world.report.Steps})
		f.present = text
	}
}

// stands says whether a decision that is being committed may rest on a fact: it is so now, or it was when the invocation last looked, after the directory had answered and after the last commit that failed.
// What changes between that look and the commit, no order of calls can see.
func (l *book) stands(id string, holds func(text string) bool) bool {
	f, t := l.facts[id], l.world.current
	if f == nil {
		return holds("")
	}
	if holds(f.present) {
		return true
	}
	return t.sighted > t.answered && slices.ContainsFunc(f.past, func(was struct {
		text  string
		until int
	}) bool {
		return was.until > t.sighted && holds(was.text)
	})
}

// notOvertaken: nothing that a request rests on has changed since it was looked at: its policy, its catalog.
func (c *commit) notOvertaken(s *subject, next governance.AssignmentRequest) {
	w := c.ledger.world
	if !w.on(Overtaking) {
		return
	}
	kept := text(next.Policy)
	if !c.ledger.stands("policy:"+next.Policy.ID, func(text string) bool { return text == kept }) {
		c.broken("overtaken", "%s requested %s under the policy %s, which was changed or deleted before the commit", s.person.name, w.nameOf(next.AccessPackage.ID), w.nameOf(next.Policy.ID))
	}
	if at := slices.IndexFunc(w.tenant.packages, func(p place) bool { return p.id == next.AccessPackage.ID }); at >= 0 && next.RequestType == governance.RequestUserAdd &&
		!c.ledger.stands("catalog:"+w.tenant.packages[at].catalog, func(text string) bool { return text == string(governance.CatalogPublished) }) {
		c.broken("overtaken", "%s requested %s, whose catalog was withdrawn before the commit", s.person.name, w.nameOf(next.AccessPackage.ID))
	}
}

// grantsNotOvertaken: an assignment begins with the roles of its package as they are.
func (c *commit) grantsNotOvertaken(s *subject, next governance.Assignment) {
	w := c.ledger.world
	if !w.on(Overtaking) {
		return
	}
	var roles []string
	for _, delivery := range next.Deliveries {
		roles = append(roles, delivery.Grant.Role+"_"+delivery.Grant.ResourceID)
	}
	if kept := "roles " + strings.Join(roles, " "); !c.ledger.stands("package:"+next.AccessPackage.ID, func(text string) bool { return text == kept }) {
		c.broken("overtaken", "%s is given the roles that %s had before the commit", s.person.name, w.nameOf(next.AccessPackage.ID))
	}
}

func rolesOf(pack governance.AccessPackage) string {
	var roles []string
	for _, scope := range pack.ResourceRoleScopes {
		roles = append(roles, scope.Role.OriginID)
	}
	return "roles " + strings.Join(roles, " ")
}

// personOf finds whom a commit is about, and holds a partition to one person, and a person to one partition of what they have and ask for.
func (c *commit) personOf() *person {
	l := c.ledger
	w := l.world
	var ids []string
	for _, request := range c.requests {
		ids = append(ids, request.Assignment.Target.ObjectID)
	}
	for _, assignment := range c.assignments {
		ids = append(ids, assignment.Target.ObjectID)
	}
	entitled := len(ids) > 0
	for _, callout := range c.callouts {
		ids = append(ids, callout.Target.ObjectID)
	}
	if len(ids) == 0 {
		return nil
	}
	p := w.tenant.byID[ids[0]]
	if p == nil {
		return nil
	}
	if p.subject == "" || entitled && l.entitled[p.ID] == "" {
		p.subject = c.partition
	}
	w.tenant.names[c.partition] = p.name
	if !entitled {
		return p
	}
	if l.entitled[p.ID] == "" {
		l.entitled[p.ID] = c.partition
	}
	if l.entitled[p.ID] != c.partition {
		c.broken("oneSubject", "%s has two subjects: %s and %s", p.name, l.entitled[p.ID], c.partition)
	}
	if s := l.subjects[c.partition]; s != nil && slices.ContainsFunc(ids, func(id string) bool { return id != s.person.ID }) {
		c.broken("onePerson", "%s and %s are one subject", s.person.name, p.name)
	}
	return p
}

// subjectsOf are the partitions of a person, in the order of their names.
func (l *book) subjectsOf(p *person) []*subject {
	var list []*subject
	for _, id := range l.partitions {
		if s := l.subjects[id]; s.person == p {
			list = append(list, s)
		}
	}
	return list
}

// checkPerson: no package is held twice by one person, in whatever partitions.
func (c *commit) checkPerson(s *subject) {
	held := map[string]string{}
	for _, one := range c.ledger.subjectsOf(s.person) {
		for _, holding := range one.head.Holdings {
			if holding.Removing {
				continue // beside what takes its place
			}
			if before := held[holding.PackageID]; before != "" && before != holding.AssignmentID {
				c.broken("twice", "%s has %s by two live assignments", s.person.name, c.ledger.world.nameOf(holding.PackageID))
			}
			held[holding.PackageID] = holding.AssignmentID
		}
	}
}

// mayBeGranted: nobody is given anything while they are blocked, as far as it could be known: the invocation has looked at the person, and they were let in.
func (l *book) mayBeGranted(p *person, grant governance.Grant) {
	l.lastGranted[p.ID+grant.Key()] = l.world.report.Steps
	if p.AccountEnabled || !l.world.on(Blocking) {
		return
	}
	looked, ok := l.world.current.seen[p.ID]
	for _, as := range p.versions(looked) {
		if ok && as.until != 0 && as.AccountEnabled {
			return // was let in when looked at, and blocked only then
		}
	}
	l.world.fail("blocked", p.subject, "%s became %s of %s while their account was blocked", p.name, grant.Role, l.world.groupName(grant.ResourceID))
}

// givenUp: a person or group that the directory does not know yet is waited for.
func (c *commit) givenUp(before, next governance.Assignment, delivery governance.Delivery) {
	w := c.ledger.world
	if w.on(Blocking) && !next.Removing && before.Attempt < attempts && strings.Contains(delivery.Reason, directory.ErrNotFound.Error()) {
		c.broken("lag", "the assignment %s was given up after %d tries, although the directory may know %s of %s in a moment: %s", next.ID, before.Attempt+1, delivery.Grant.Role, w.nameOf(delivery.Grant.ResourceID), delivery.Reason)
	}
}

// overAt is when the time is over that a request asked for, or its policy allows; zero: it is not bounded by a date.
func overAt(request governance.AssignmentRequest) time.Time {
	var over time.Time
	note := func(e *governance.Expiration) {
		if e == nil || e.Type != governance.ExpirationAfterDateTime {
			return
		}
		if at := e.EndDateTime.Instant(); over.IsZero() || at.Before(over) {
			over = at
		}
	}
	if request.RequestType.IsRemoval() || request.Schedule == nil || request.Policy == nil {
		return over
	}
	note(request.Schedule.Expiration)
	note(request.Policy.Expiration)
	return over
}

// isOver says whether the time that a request asked for has passed.
func (w *world) isOver(request governance.AssignmentRequest) bool {
	over := overAt(request)
	return !over.IsZero() && !over.After(w.clock.Now())
}

// closed: a request that time has closed tells its requestor.
func (c *commit) closed(before, next governance.AssignmentRequest) {
	w := c.ledger.world
	waited := before.State == governance.StatePendingApproval || before.State == governance.StateScheduled
	if !w.on(Overdue) || !waited || next.State.IsInFlight() || next.State == governance.StateCanceled || !w.isOver(next) || next.RequestType != governance.RequestUserAdd || next.Policy.NotificationSettings.IsAssignmentNotificationDisabled {
		return
	}
	if !slices.ContainsFunc(c.effects, func(e governance.Effect) bool { return e.What == governance.WorkNotify && e.RequestID == next.ID }) {
		c.broken("told", "the request %s of %s was closed, and nobody tells them", next.ID, w.nameOf(next.Requestor.ObjectID))
	}
}

// lasting: whatever is not final has a time at which something happens to it by itself.
func (c *commit) lasting(next governance.AssignmentRequest) {
	if !next.State.IsInFlight() {
		return
	}
	due := c.ledger.documents[key{c.container, c.partition, "request:" + next.ID}].due
	if next.State == governance.StateDelivering {
		due = c.ledger.documents[key{c.container, c.partition, "assignment:" + next.Assignment.ID}].due
	}
	if due.IsZero() {
		c.broken("deadline", "the request %s is %s, and nothing will ever happen to it by itself", next.ID, next.State)
	}
}

// patience is how long a stage waits for nobody before an administrator must have been told: it is looked at once a day.
const patience = 50 * time.Hour

// timedOut: a stage that nobody could decide was not left waiting in silence. It is looked at in calm times only, when the timers run as they do where everything runs.
func (c *commit) timedOut(s *subject, request governance.AssignmentRequest, stage governance.ApprovalStage) {
	w := c.ledger.world
	o := c.ledger.opened[stage.ID]
	if !w.calm || !w.on(Approvers) || o == nil || o.orphaned.IsZero() || w.decidable(stage, s.person) {
		return
	}
	if since := later(o.orphaned, w.calmSince); w.clock.Now().Sub(since) > patience && !c.ledger.told[request.ID].After(o.orphaned) {
		c.broken("waitsForNobody", "the request %s of %s waited since %s for a decision that nobody could make, and no administrator was told", request.ID, s.person.name, o.orphaned.Format(time.RFC3339))
	}
}

// mayAsk: nobody is told that they have what they do not have, or cannot have what is for them. began is when the call did.
func (w *world) mayAsk(o op, asked issued, began int, err error) {
	code := governance.CodeOf(err)
	var refused *governance.Error
	known := errors.As(err, &refused)
	denied := code == governance.CodeForbidden || known && refused.Target == "assignment/accessPackageId" // what one may not request is not there
	if known && refused.Target == "Idempotency-Key" ||                                                    // another request has used it since
		code != governance.CodeConflict && !denied || asked.removes != "" || w.ledger.isClosing(w.current.deadline.Add(-callDeadline)) || w.ledger.catalogsChanged >= began || asked.target.changed() >= began {
		return
	}
	p := asked.target
	live, failed, flying := 0, 0, 0
	var standing []string // the assignments that failed
	for _, s := range w.ledger.subjectsOf(p) {
		if s.changed >= began {
			return
		}
		for _, holding := range s.head.Holdings {
			switch {
			case holding.PackageID != asked.pack:
			case stands(s.assignments[holding.AssignmentID]):
				failed, standing = failed+1, append(standing, holding.AssignmentID)
			default:
				live++
			}
		}
		for _, flight := range s.head.InFlight {
			if flight.PackageID == asked.pack && !slices.Contains(standing, flight.AssignmentID) {
				flying++
			}
		}
	}
	switch {
	case code == governance.CodeConflict && o.own && w.on(Identity) && live+failed+flying == 0:
		w.fail("conflict", p.subject, "%s asked for %s and was told that it is there or on its way, but it is not: %v", p.name, w.nameOf(asked.pack), err)
	case code == governance.CodeConflict && o.own && w.on(Overdue) && failed > 0 && live+flying == 0:
		w.fail("takeover", p.subject, "%s asked anew for %s, whose delivery has failed, and was refused: %v", p.name, w.nameOf(asked.pack), err)
	case denied && w.on(Identity) && asked.kind == governance.RequestUserAdd && p.UserType == "" && p.active() && w.forAllMembers(asked.pack):
		w.fail("member", p.subject, "%s, whose account has no user type, may request %s as a member does, and was refused: %v", p.name, w.nameOf(asked.pack), err)
	}
}

// forAllMembers says whether a package can be requested by all members, under whichever of its policies.
func (w *world) forAllMembers(pack string) bool {
	at := slices.IndexFunc(w.tenant.packages, func(p place) bool { return p.id == pack })
	if at < 0 || w.ledger.facts["catalog:"+w.tenant.packages[at].catalog].present != string(governance.CatalogPublished) {
		return false
	}
	policies := w.policiesOf(w.tenant.packages[at].name)
	return !slices.ContainsFunc(policies, func(one place) bool {
		policy, there := w.ledger.policy[one.id]
		return !there || policy.AllowedTargetScope != governance.ScopeAllMemberUsers || !policy.Requestor().EnableTargetsToSelfAddAccess
	})
}

// byHand says whether an effect is about what somebody wrote by hand.
func (l *book) byHand(effect governance.Effect) bool {
	return l.foreign[key{store.Subjects, effect.Partition, governance.StoredID(effect.Kind, effect.About)}] || l.foreign[key{store.Subjects, effect.Partition, "request:" + effect.RequestID}]
}

// verifyByHand: what was changed by hand, and disagrees with the head, was told.
func (w *world) verifyByHand(when string) {
	for _, id := range w.ledger.tampered {
		partition := w.ledger.where[id]
		assignment := w.ledger.subjects[partition].assignments[id]
		if end := endOf(assignment); assignment.State != governance.AssignmentExpired && !end.IsZero() && !end.After(w.clock.Now()) && w.ledger.told[id].IsZero() {
			w.fail("disagrees", partition, "%s: the end was taken out of the assignment %s of %s, it ended at %s, and nobody was told", when, id, w.nameOf(assignment.AccessPackage.ID), end)
		}
	}
}
