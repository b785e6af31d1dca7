package simulation

import (
	"context"
	"slices"
	"strings"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// verify holds everything against everything when nothing is left to do: queues are drained and timers ran.
func (w *world) verify(when string, allTimeIsUp bool) {
	if w.failure != nil {
		return
	}
	w.verifyStore(when)
	w.verifyQueues(when)
	w.verifyRequests(when)
	w.verifyDirectory(when)
	w.verifyRoles(when)
	w.verifyCallouts(when, allTimeIsUp)
	w.verifyByHand(when)
}

// verifyStore: what is in the store is what was committed, and nothing waits in an outbox.
func (w *world) verifyStore(when string) {
	found := 0
	for _, container := range store.Containers() {
		query := store.Query{PageSize: store.MaxPageSize}
		for {
			page, err := w.store.Query(context.Background(), container, query)
			if err != nil {
				w.fail("setup", "", "%v", err)
				return
			}
			for _, document := range page.Documents {
				if isNote(document.Kind) || w.ledger.foreign[key{container, document.Partition, document.ID}] {
					continue
				}
				found++
				if known := w.ledger.documents[key{container, document.Partition, document.ID}]; known.body != string(document.Body) {
					w.fail("store", document.Partition, "%s: %s is not what was committed", when, document.ID)
				}
				if document.Kind == "outbox" {
					w.fail("outbox", document.Partition, "%s: %s is still in the outbox", when, document.ID)
				}
			}
			if page.Continuation == "" {
				break
			}
			query.Continuation = page.Continuation
		}
	}
	committed := 0
	for at := range w.ledger.documents {
		if !w.ledger.foreign[at] {
			committed++
		}
	}
	if found != committed {
		w.fail("store", "", "%s: the store has %d documents, %d were committed", when, found, committed)
	}
}

// verifyQueues: nothing is left in a queue; a dead letter is one that faults killed; every effect that was committed was carried out.
func (w *world) verifyQueues(when string) {
	dead := map[string]bool{}
	for _, name := range bus.Queues() {
		queue, err := w.broker.Queue(name)
		if err != nil {
			w.fail("setup", "", "%v", err)
			return
		}
		if counts := queue.Counts(); counts.Active+counts.Locked+counts.Scheduled+counts.Deferred > 0 {
			w.fail("queue", "", "%s: %s still has messages: %+v", when, name, counts)
		}
		for _, letter := range queue.DeadLetters().Peek(0, 1000, nil) {
			dead[original(letter.Message.ID)] = true
			if hits := w.ledger.hits[letter.EnqueuedSequence]; hits < queue.Options().MaxDeliveryCount-1 {
				w.fail("deadLetter", letter.Message.SessionID, "%s: the message %s is dead although faults struck only %d of its deliveries", when, letter.Message.ID, hits)
			}
		}
	}
	for _, id := range w.ledger.sequence {
		if effect := w.ledger.effects[id]; !effect.handled && !dead[id] {
			w.fail("effect", effect.Partition, "%s: the effect %s (%s %s of the request %s) was committed and never carried out", when, id, effect.What, effect.Notification, effect.RequestID)
		}
	}
}

// verifyRequests: whoever waits has something to wait for, and what has ended has ended.
func (w *world) verifyRequests(when string) {
	now := w.clock.Now()
	for _, id := range w.ledger.order {
		partition := w.ledger.where[id]
		s := w.ledger.subjects[partition]
		request := s.requests[id]
		if w.on(Overdue) && (request.State == governance.StatePendingApproval || request.State == governance.StateScheduled) && w.isOver(request) {
			w.fail("overstays", partition, "%s: the request %s of %s for %s is %s, although the time that it is about was over at %s", when, id, s.person.name, w.nameOf(request.AccessPackage.ID), request.State, overAt(request).Format(time.RFC3339))
		}
		lingers := w.lingers(s.person, s.assignments[request.Assignment.ID])
		switch request.State {
		case governance.StatePendingApproval:
			at, open := openStage(request)
			if !open || !request.Approval.Stages[at].EndsDateTime.Instant().After(now) {
				w.fail("stuck", partition, "%s: the request %s waits for an approval whose time is up", when, id)
			}
		case governance.StateScheduled:
			if !request.Schedule.StartDateTime.Instant().After(now) {
				w.fail("stuck", partition, "%s: the request %s is scheduled for %s and has not begun", when, id, request.Schedule.StartDateTime)
			}
		case governance.StateSubmitted, governance.StateDelivering:
			if lingers && (request.RequestType.IsRemoval() || slices.ContainsFunc(s.assignments[request.Assignment.ID].Deliveries, func(d governance.Delivery) bool { return d.Leaving })) {
				continue
			}
			w.fail("stuck", partition, "%s: the request %s (%s) is still %s", when, id, request.RequestType, request.State)
		case governance.StateDelivered:
			if assignment, ok := s.assignments[request.Assignment.ID]; !ok || request.RequestType.IsRemoval() && assignment.State != governance.AssignmentExpired {
				w.fail("stuck", partition, "%s: the request %s (%s) is delivered, its assignment is %q", when, id, request.RequestType, assignment.State)
			}
		case governance.StatePartiallyDelivered, governance.StateDeliveryFailed, governance.StateDenied, governance.StateCanceled:
		}
	}
	for _, id := range w.ledger.held {
		partition := w.ledger.where[id]
		s := w.ledger.subjects[partition]
		assignment := s.assignments[id]
		if assignment.State == governance.AssignmentExpired {
			continue
		}
		lingers := w.lingers(s.person, assignment)
		if end := endOf(assignment); !end.IsZero() && !end.After(now) && !lingers && !slices.Contains(w.ledger.tampered, id) {
			w.fail("late", partition, "%s: the assignment %s of %s ended at %s and is %s", when, id, w.nameOf(assignment.AccessPackage.ID), end, assignment.State)
		}
		if assignment.Removing && !lingers {
			w.fail("stuck", partition, "%s: the assignment %s is still being taken away", when, id)
		}
		if request, ok := s.requests[assignment.RequestID]; !lingers && (!ok || string(request.State) != string(assignment.State)) {
			w.fail("stuck", partition, "%s: the assignment %s is %s, its request %q", when, id, assignment.State, request.State)
		}
		for _, delivery := range assignment.Deliveries {
			if lingers {
				break
			}
			if delivery.State == governance.DeliveryFailed && delivery.Reason == "" || delivery.State == governance.DeliveryPending {
				w.fail("stuck", partition, "%s: the assignment %s is %s with %+v", when, id, assignment.State, delivery)
			}
		}
	}
}

// lingers says whether an assignment cannot be taken away yet, because the person or a group is deleted and may be restored.
func (w *world) lingers(p *person, assignment governance.Assignment) bool {
	return w.recently(p.ID) || slices.ContainsFunc(assignment.Deliveries, func(d governance.Delivery) bool { return w.recently(d.Grant.ResourceID) })
}

// verifyDirectory: people have what their live assignments delivered, and nothing that no live assignment grants (RES-10).
func (w *world) verifyDirectory(when string) {
	for _, p := range w.tenant.people {
		delivered, wanted := map[governance.Grant]bool{}, map[governance.Grant]bool{}
		for _, s := range w.ledger.subjectsOf(p) {
			for _, assignment := range s.assignments {
				if assignment.State == governance.AssignmentExpired {
					continue
				}
				for _, delivery := range assignment.Deliveries {
					wanted[delivery.Grant] = wanted[delivery.Grant] || !delivery.Leaving
					if delivery.State == governance.DeliveryDelivered {
						delivered[delivery.Grant] = true
					}
				}
			}
		}
		for _, group := range w.tenant.managed {
			for role, has := range map[string]bool{governance.GrantMember: w.directory.IsMember(group, p.ID), governance.GrantOwner: w.directory.IsOwner(group, p.ID) && p.name != "root"} {
				grant := governance.Grant{OriginSystem: governance.OriginGroup, ResourceID: group, Role: role}
				if w.recently(p.ID) || w.recently(group) {
					continue // what is to be taken away is, a day after they are back
				}
				if has && !wanted[grant] {
					w.fail("leak", p.subject, "%s: %s is %s of %s without any assignment that grants it", when, p.name, role, w.nameOf(group))
				}
				if !has && delivered[grant] && w.absent[p.ID] == nil && w.absent[group] == nil {
					w.fail("lost", p.subject, "%s: %s is no %s of %s, although an assignment has delivered it", when, p.name, role, w.nameOf(group))
				}
			}
		}
	}
}

// verifyRoles: whoever has a package has just what it grants, also what it came to grant later, and nothing that it does not any more (RES-12). What is to be replaced is left until it is.
func (w *world) verifyRoles(when string) {
	for _, id := range w.ledger.held {
		partition := w.ledger.where[id]
		s := w.ledger.subjects[partition]
		assignment := s.assignments[id]
		pack, there := w.ledger.packages[assignment.AccessPackage.ID]
		replaced := slices.ContainsFunc(s.head.InFlight, func(f governance.InFlight) bool { return f.Type.IsAddition() && f.PackageID == pack.ID })
		if !there || replaced || assignment.Removing || assignment.State == governance.AssignmentExpired || w.ledger.foreign[key{store.Subjects, partition, "assignment:" + id}] {
			continue
		}
		var roles []string
		for _, delivery := range assignment.Deliveries {
			if !delivery.Leaving {
				roles = append(roles, delivery.Grant.Role+"_"+delivery.Grant.ResourceID)
			}
		}
		wanted := strings.Fields(rolesOf(pack))[1:]
		slices.Sort(roles)
		slices.Sort(wanted)
		if !slices.Equal(roles, wanted) {
			w.fail("roles", partition, "%s: the assignment %s of %s is %s and grants %v, the package %v", when, id, w.nameOf(pack.ID), assignment.State, roles, wanted)
		}
	}
}

// verifyChains asks the app itself whether its audit chains are whole.
func (w *world) verifyChains(when string) {
	var partitions []string
	for at := range w.ledger.chains {
		partitions = append(partitions, at)
	}
	slices.Sort(partitions)
	w.do("verifyAudit", func(ctx context.Context, a *process) error {
		for _, at := range partitions {
			container, partition, _ := strings.Cut(at, "/")
			report, err := a.VerifyAudit(ctx, w.tenant.admin.caller, governance.Place{Container: container, Partition: partition})
			if err != nil {
				return err
			}
			if end := w.ledger.chains[at]; !report.Verified || report.Entries != end.sequence {
				w.fail("audit", partition, "%s: the chain is broken at %d of %d", when, report.BrokenAt, end.sequence)
			}
		}
		return nil
	})
}

// endEverything has an administrator take back every assignment that is left.
func (w *world) endEverything() {
	for _, id := range w.ledger.held {
		if w.failure != nil {
			return
		}
		if w.ledger.subjects[w.ledger.where[id]].assignments[id].State == governance.AssignmentExpired {
			continue
		}
		w.do("takeBack", func(ctx context.Context, a *process) error {
			admin, key := w.tenant.admin.caller, "takeBack"+id
			w.ledger.issued[firstID(admin, key, "")] = &issued{caller: admin, kind: governance.RequestAdminRemove, removes: id}
			_, err := a.Once(ctx, admin, key, nil, func(ctx context.Context) (ledger.Answer, error) {
				_, err := a.SubmitRequest(ctx, admin, governance.AssignmentRequest{RequestType: governance.RequestAdminRemove, Assignment: &governance.Assignment{ID: id}})
				return ledger.Answer{}, err
			})
			return err
		})
	}
}

// verifyNothingLeft: nobody has anything any more.
func (w *world) verifyNothingLeft() {
	for _, id := range w.ledger.held {
		if assignment := w.ledger.subjects[w.ledger.where[id]].assignments[id]; w.failure == nil && assignment.State != governance.AssignmentExpired {
			w.fail("stuck", w.ledger.where[id], "everything was taken back, but the assignment %s is %s", id, assignment.State)
		}
	}
	for _, group := range w.tenant.managed {
		if left := w.directory.MemberIDs(group); len(left) > 0 {
			w.fail("leak", "", "everything was taken back, but %s still has %d members", w.nameOf(group), len(left))
		}
	}
}
