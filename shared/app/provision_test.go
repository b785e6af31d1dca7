package app_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/bus"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// errDown is what a directory that is away answers.
var errDown = directory.ErrUnavailable

// downDirectory has the directory answer nothing, or again.
func (s *stand) downDirectory(down bool) {
	s.directory.SetFault(func(directorymemory.Operation) directorymemory.Fault {
		if down {
			return directorymemory.Fault{Kind: directorymemory.FaultUnavailable}
		}
		return directorymemory.Fault{}
	})
}

// failing has one operation of the directory fail in a way.
func (s *stand) failing(operation directorymemory.Operation, kind directorymemory.FaultKind) {
	s.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
		if one == operation {
			return directorymemory.Fault{Kind: kind, RetryAfter: 7 * time.Minute}
		}
		return directorymemory.Fault{}
	})
}

// TestAllRolesOfAPackage are granted, and taken back. rules: RES-09 RES-11 PRV-01 PRV-02 PRV-03.
func TestAllRolesOfAPackage(t *testing.T) {
	s := newStand(t)
	s.must(s.directory.PutMember(g1, alice)) // she was in it before: it is taken back all the same
	packageID, _ := s.openPackage("package", member(g1), owner(g2))
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.isMember(g1, alice, true)
	if !s.directory.IsOwner(g2, alice) || s.directory.IsMember(g2, alice) {
		t.Error("she is no owner of the second group, or a member")
	}
	for _, delivery := range s.assignment(made.Assignment.ID).Deliveries {
		if delivery.State != governance.DeliveryDelivered {
			t.Errorf("%+v", delivery)
		}
	}
	s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	s.drain()
	s.isMember(g1, alice, false)
	if s.directory.IsOwner(g2, alice) {
		t.Error("she is still an owner")
	}
}

// TestGrantsAreCounted: what two packages grant is taken back with the second, in any order. rules: RES-10.
func TestGrantsAreCounted(t *testing.T) {
	for _, order := range [][2]int{{0, 1}, {1, 0}} {
		s := newStand(t)
		first, _ := s.openPackage("first", member(g1), member(g2))
		second, _ := s.openPackage("second", member(g1))
		ids := []string{s.submit(user(alice), request(first)).Assignment.ID, s.submit(user(alice), request(second)).Assignment.ID}
		s.drain()
		s.submit(user(alice), removal(governance.RequestUserRemove, ids[order[0]]))
		s.drain()
		s.isMember(g1, alice, true)
		s.isMember(g2, alice, order[0] == 1)
		s.submit(user(alice), removal(governance.RequestUserRemove, ids[order[1]]))
		s.drain()
		s.isMember(g1, alice, false)
		s.isMember(g2, alice, false)
	}
}

// TestBothGoAtOnce: two removals that are in flight together leave nothing behind. rules: RES-10.
func TestBothGoAtOnce(t *testing.T) {
	s := newStand(t)
	first, _ := s.openPackage("first", member(g1))
	second, _ := s.openPackage("second", member(g1))
	one, two := s.submit(user(alice), request(first)).Assignment.ID, s.submit(user(alice), request(second)).Assignment.ID
	s.drain()
	s.submit(user(alice), removal(governance.RequestUserRemove, one))
	s.submit(user(alice), removal(governance.RequestUserRemove, two))
	s.drain()
	s.isMember(g1, alice, false)
}

// TestRolesThatChangeMeanwhile: an assignment takes back what it granted, whatever its package grants by then, also while the change of the package is on its way. rules: RES-09 RES-12.
func TestRolesThatChangeMeanwhile(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	s.drain()
	pack, err := s.app.Package(t.Context(), admin(), packageID)
	s.must(err)
	s.must(s.app.RemoveRoleScope(t.Context(), admin(), packageID, pack.Value.ResourceRoleScopes[0].ID))
	s.isMember(g1, alice, true)
	s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	s.drain()
	s.isMember(g1, alice, false)
}

// TestPassingFailures are tried again after 1 m, 5 m, 15 m, 1 h and 4 h; then the delivery has failed, with the reason of each role, loudly. rules: REQ-07 NOT-06.
func TestPassingFailures(t *testing.T) {
	for _, kind := range []directorymemory.FaultKind{directorymemory.FaultUnavailable, directorymemory.FaultThrottled} {
		s := newStand(t)
		packageID, _ := s.openPackage("package", member(g1), member(g2))
		s.failing(directorymemory.OperationAddMember, kind)
		made := s.submit(user(alice), request(packageID))
		s.drain()
		for attempt, delay := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour} {
			s.is(made.ID, governance.StateDelivering)
			if tried := s.assignment(made.Assignment.ID).Attempt; tried != attempt+1 {
				t.Fatalf("after the wait of %v it has been tried again %d times", delay, tried-1)
			}
			s.Clock.Advance(delay - time.Second)
			if delivered, err := s.deliver(bus.Provisioning); delivered || err != nil {
				t.Fatalf("it was tried again before %v had passed: %v", delay, err)
			}
			s.Clock.Advance(time.Second)
			s.drain()
		}
		failed := s.is(made.ID, governance.StateDeliveryFailed)
		if failed.CompletedDateTime == nil {
			t.Error("the request has no end")
		}
		for _, delivery := range s.assignment(made.Assignment.ID).Deliveries {
			if delivery.State != governance.DeliveryFailed || delivery.Reason == "" {
				t.Errorf("%+v", delivery)
			}
		}
		if !strings.Contains(s.Log(), `"alert":true`) || !strings.Contains(s.Log(), made.ID) {
			t.Error("nobody was told")
		}
		if mails := s.mails("alice"); len(mails) != 1 || !strings.Contains(mails[0], "could not be set up") {
			t.Errorf("alice got %q", mails)
		}

		s.directory.SetFault(nil)
		s.refused(s.app.ReprocessRequest(t.Context(), user(alice), made.ID), governance.CodeForbidden)
		s.must(s.app.ReprocessRequest(t.Context(), robot(), made.ID))
		s.drain()
		s.is(made.ID, governance.StateDelivered)
		s.isMember(g1, alice, true)
		s.refused(s.app.ReprocessRequest(t.Context(), admin(), made.ID), governance.CodeConflict)
	}
}

// TestAFailureThatPasses: a delivery that succeeds at last is as good as one that did at once. rules: REQ-07.
func TestAFailureThatPasses(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.failing(directorymemory.OperationAddMember, directorymemory.FaultLostResponse) // it is done, and nobody hears of it
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.is(made.ID, governance.StateDelivering)
	s.directory.SetFault(nil)
	s.pass(time.Minute)
	s.is(made.ID, governance.StateDelivered)
	if attempt := s.assignment(made.Assignment.ID).Attempt; attempt != 0 {
		t.Errorf("it still counts %d tries", attempt)
	}
}

// TestFailuresThatStay are not tried for ever; what could be granted is. rules: REQ-07 REQ-08.
func TestFailuresThatStay(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1), member(g2))
	made := s.submit(user(alice), request(packageID))
	s.must(s.directory.Delete(directorymemory.KindGroup, g2))
	s.must(s.directory.Purge(g2))
	s.drain()
	s.is(made.ID, governance.StateDelivering) // a directory may not know yet what it will know in a moment
	s.retries()
	s.is(made.ID, governance.StatePartiallyDelivered)
	s.isMember(g1, alice, true)
	if counts := s.queued(bus.Provisioning); counts.Scheduled != 0 {
		t.Errorf("%+v on the queue", counts)
	}
	back := s.submit(admin(), removal(governance.RequestAdminRemove, made.Assignment.ID))
	s.drain()
	s.is(back.ID, governance.StateDelivered) // the membership of a group that is gone is gone too
	s.isMember(g1, alice, false)
}

// TestWhatIsDeletedIsStillToBeTakenAway: a person, or a group, who is restored has every membership again, so it is looked for day after day until it is back or purged. rules: REQ-07 RES-10.
func TestWhatIsDeletedIsStillToBeTakenAway(t *testing.T) {
	for name, gone := range map[string]struct {
		kind directorymemory.Kind
		id   string
	}{"person": {directorymemory.KindUser, alice}, "group": {directorymemory.KindGroup, g1}} {
		for _, purged := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, purged %t", name, purged), func(t *testing.T) {
				s := newStand(t)
				packageID, _ := s.openPackage("package", member(g1))
				made := s.submit(user(alice), request(packageID))
				s.drain()
				s.must(s.directory.Delete(gone.kind, gone.id))
				back := s.submit(admin(), removal(governance.RequestAdminRemove, made.Assignment.ID))
				s.drain()
				for range 3 {
					s.is(back.ID, governance.StateDelivering)
					s.pass(24 * time.Hour)
				}
				if mails := s.mails("alice"); len(mails) != 1 {
					t.Errorf("alice, who can do nothing about it, is told: %q", mails)
				}
				if purged {
					s.must(s.directory.Purge(gone.id))
				} else {
					_, err := s.directory.Restore(gone.id)
					s.must(err)
					s.isMember(g1, alice, true)
				}
				s.pass(24 * time.Hour)
				s.is(back.ID, governance.StateDelivered)
				s.isMember(g1, alice, false)
			})
		}
	}
}

// TestARemovalIsInsistedOn: access that must go is never given up, day after day. rules: REQ-07 RES-10.
func TestARemovalIsInsistedOn(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.failing(directorymemory.OperationRemoveMember, directorymemory.FaultForbidden)
	back := s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	s.drain()
	s.is(back.ID, governance.StateDeliveryFailed)
	for range 3 {
		s.pass(24 * time.Hour)
		s.is(back.ID, governance.StateDeliveryFailed)
		s.isMember(g1, alice, true)
	}
	s.directory.SetFault(nil)
	s.pass(24 * time.Hour)
	s.is(back.ID, governance.StateDelivered)
	s.isMember(g1, alice, false)
	if ended := s.assignment(made.Assignment.ID); ended.State != governance.AssignmentExpired {
		t.Errorf("the assignment is %s", ended.State)
	}
}

// TestAccessEnds when its time is up, and says so. rules: LIF-01 LIF-02 LIF-12 REQ-18 NOT-06 AUD-01.
func TestAccessEnds(t *testing.T) {
	for name, c := range map[string]struct {
		expiration *governance.Expiration
		lasts      time.Duration
	}{
		"hours":  {after(governance.Duration{Time: 8 * time.Hour}), 8 * time.Hour},
		"days":   {after(governance.Days(180)), 180 * 24 * time.Hour},
		"a date": {&governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(ledgertest.Noon.Add(100 * time.Hour))}, 100 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			packageID := s.pack(s.catalog("catalog"), "package", member(g1))
			policy := openPolicy(packageID)
			policy.Expiration = c.expiration
			s.policy(policy)
			made := s.submit(user(alice), request(packageID))
			s.drain()
			s.pass(c.lasts - time.Minute)
			s.isMember(g1, alice, true)
			s.pass(time.Minute)
			s.isMember(g1, alice, false)
			ended := s.assignment(made.Assignment.ID)
			if ended.State != governance.AssignmentExpired {
				t.Errorf("the assignment is %s", ended.State)
			}
			if told := s.activities(alice); !slices.Contains(told, governance.ActivitySystemRemoves) || told[len(told)-1] != governance.ActivityRemoveAssignment {
				t.Errorf("the audit trail tells %v", told)
			}
			requests, err := s.app.ListRequests(t.Context(), admin(), listAll)
			s.must(err)
			if len(requests.Items) != 2 || !slices.ContainsFunc(requests.Items, func(r versioned) bool { return r.Value.RequestType == governance.RequestSystemRemove }) {
				t.Errorf("%d requests", len(requests.Items))
			}
			if mails := s.mails("alice"); len(mails) != 2 || !strings.Contains(mails[1], "has ended") {
				t.Errorf("alice got %q", mails)
			}
			if sweep, err := s.app.ExpireDue(t.Context(), system()); err != nil || sweep.Found != 0 {
				t.Errorf("still due: %+v %v", sweep, err)
			}
		})
	}
}

// TestAccessWithoutEnd stays. rules: LIF-01.
func TestAccessWithoutEnd(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.submit(user(alice), request(packageID))
	s.drain()
	s.pass(3000 * 24 * time.Hour)
	s.isMember(g1, alice, true)
}

// TestTheTimerRunsTwice: two runs at once, or one that is repeated, end an access once. rules: REQ-18.
func TestTheTimerRunsTwice(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	policy := openPolicy(packageID)
	policy.Expiration = after(governance.Duration{Time: 8 * time.Hour})
	s.policy(policy)
	s.submit(user(alice), request(packageID))
	s.drain()
	s.Clock.Advance(9 * time.Hour)
	for range 3 {
		sweep, err := s.app.ExpireDue(t.Context(), system())
		s.must(err)
		if sweep.Found != 1 || sweep.Sent != 1 {
			t.Errorf("swept %+v", sweep)
		}
	}
	if counts := s.queued(bus.Provisioning); counts.Active != 1 {
		t.Errorf("%+v on the queue", counts)
	}
	s.drain()
	s.Clock.Advance(time.Hour)
	s.drain()
	if requests := s.requests(); requests != 2 {
		t.Errorf("%d requests", requests)
	}
}

// TestTheEndComesBeforeTheDelivery: what was never granted whole fails, and what was granted of it is taken back. rules: LIF-01 REQ-06.
func TestTheEndComesBeforeTheDelivery(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	policy := openPolicy(packageID)
	policy.Expiration = after(governance.Duration{Time: 1 * time.Hour})
	s.policy(policy)
	s.failing(directorymemory.OperationAddMember, directorymemory.FaultLostResponse)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.isMember(g1, alice, true) // though nobody heard
	s.pass(2 * time.Hour)
	s.is(made.ID, governance.StateDeliveryFailed)
	s.isMember(g1, alice, false)
}

// TestAMessageThatIsLost for good is made up for by the timer, after a quarter of an hour.
func TestAMessageThatIsLost(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	s.Broker.Reset()
	s.pass(14 * time.Minute)
	s.is(made.ID, governance.StateDelivering)
	s.pass(2 * time.Minute)
	s.is(made.ID, governance.StateDelivered)
	s.isMember(g1, alice, true)
}

// TestAMessageThatComesTwice does nothing the second time, nor does one of a request that is over.
func TestAMessageThatComesTwice(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	s.drain()
	activities := len(s.activities(alice))
	effect := provision("again", alice, made.ID, made.Assignment.ID)
	s.must(s.app.HandleEffect(t.Context(), system(), effect))
	s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	s.drain()
	s.must(s.app.HandleEffect(t.Context(), system(), effect))
	s.isMember(g1, alice, false)
	if now := len(s.activities(alice)); now != activities+3 { // asked back, role removed, assignment removed
		t.Errorf("the audit trail tells %v", s.activities(alice))
	}
	place := ledger.SubjectPlace(subjectID(bob))
	for _, about := range []governance.Effect{
		provision("a", bob, id("none"), id("none")),
		{ID: "b", Place: place, Kind: "request", About: id("none"), What: governance.WorkDue},
		{ID: "c", Place: place, Kind: "assignment", About: id("none"), What: governance.WorkDue},
	} { // what is not there is a fault: it is put off, told, and given up in the end
		s.must(s.app.HandleEffect(t.Context(), system(), about))
		if told := s.Log(); !strings.Contains(told, `"an effect is put off","effectId":"`+about.ID+`"`) {
			t.Errorf("%s is taken for done: %s", about.ID, told)
		}
		about.Attempt = len(engine.RetryDelays)
		s.refused(s.app.HandleEffect(t.Context(), system(), about), governance.CodeInvalid, "is not there")
	}
	s.refused(s.app.HandleEffect(t.Context(), system(), governance.Effect{ID: "e", Kind: "request", What: "dance"}), governance.CodeInvalid, "dance")
}

// TestAnEffectIsPutOff: while the store is away, an effect waits in the queue for its time instead of being redelivered at once.
func TestAnEffectIsPutOff(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.drain()
	made := s.submit(user(alice), request(packageID))
	s.downStore(true)
	for _, delay := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute} {
		s.drain()
		counts := s.queued(bus.Provisioning)
		if counts.Scheduled != 1 || counts.Active != 0 || counts.DeadLettered != 0 {
			t.Fatalf("%+v on the queue", counts)
		}
		next, _ := s.Broker.NextDue()
		if wait := next.Sub(s.Clock.Now()); wait != delay {
			t.Errorf("it waits %v, wanted %v", wait, delay)
		}
		s.Clock.Set(next)
	}
	s.downStore(false)
	s.drain()
	s.is(made.ID, governance.StateDelivered)
}

// TestAMailIsPutOffAndGivenUp: a mail that cannot be sent is tried again like a delivery, and given up loudly; the access does not wait for it.
func TestAMailIsPutOffAndGivenUp(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.failing(directorymemory.OperationSendMail, directorymemory.FaultThrottled)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.is(made.ID, governance.StateDelivered)
	kept := s.Documents(store.Subjects, "outbox")
	if len(kept) != 1 || kept[0].DueAt.Sub(s.Clock.Now()) != 7*time.Minute { // the directory asked for more than the minute
		t.Errorf("%+v waits", kept)
	}
	for range 6 {
		s.pass(5 * time.Hour)
	}
	if kept := s.Documents(store.Subjects, "outbox"); len(kept) != 0 {
		t.Errorf("%+v waits for ever", kept)
	}
	if counts := s.queued(bus.Notifications); counts.Scheduled+counts.Active+counts.DeadLettered != 0 {
		t.Errorf("%+v on the queue", counts)
	}
	if !strings.Contains(s.Log(), `"alert":true`) {
		t.Error("nobody was told")
	}
}

// TestTheBusIsAwayToo: an effect that can be neither carried out nor put off is given back to its queue.
func TestTheBusIsAwayToo(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	s.downStore(true)
	s.downBus(true)
	if delivered, err := s.deliver(bus.Provisioning); !delivered || !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("handled with %v", err)
	}
	s.downStore(false)
	s.downBus(false)
	s.drain()
	s.is(made.ID, governance.StateDelivered)
}

// late has one call of the directory happen only when the test lets it: an invocation that stalls, and whose lock is lost.
type late struct {
	directory.Directory
	before func()
}

func (d *late) AddMember(ctx directorymemory.Context, groupID, principalID string) error {
	if before := d.before; before != nil {
		d.before = nil
		before()
	}
	return d.Directory.AddMember(ctx, groupID, principalID)
}

func (d *late) RemoveMember(ctx directorymemory.Context, groupID, principalID string) error {
	if before := d.before; before != nil {
		d.before = nil
		before()
	}
	return d.Directory.RemoveMember(ctx, groupID, principalID)
}

// TestAGrantThatComesTooLate is undone by who made it: meanwhile the access was granted, and taken away. The simulation found it. rules: RES-10.
func TestAGrantThatComesTooLate(t *testing.T) {
	s, slow, stall := newSlowStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	effect := provision("late", alice, made.ID, made.Assignment.ID)
	stall.before = func() {
		s.drain()
		s.isMember(g1, alice, true)
		s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
		s.drain()
		s.isMember(g1, alice, false)
	}
	s.must(slow.HandleEffect(t.Context(), system(), effect))
	s.isMember(g1, alice, false)
}

// TestAGrantThatComesTooLateForWhoIsToHaveIt is left to the delivery that is under way, which may have granted the same and not heard of it. rules: RES-10.
func TestAGrantThatComesTooLateForWhoIsToHaveIt(t *testing.T) {
	s, slow, stall := newSlowStand(t)
	first, _ := s.openPackage("first", member(g1))
	second, _ := s.openPackage("second", member(g1))
	made := s.submit(user(alice), request(first))
	effect := provision("late", alice, made.ID, made.Assignment.ID)
	stall.before = func() {
		s.drain()
		s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
		s.drain()
		s.failing(directorymemory.OperationAddMember, directorymemory.FaultLostResponse)
		s.submit(user(alice), request(second))
		s.drain()
		s.directory.SetFault(nil)
	}
	s.must(slow.HandleEffect(t.Context(), system(), effect))
	s.isMember(g1, alice, true)
}

// TestARemovalThatComesTooLate is undone as well: meanwhile another package has granted the same. rules: RES-10.
func TestARemovalThatComesTooLate(t *testing.T) {
	s, slow, stall := newSlowStand(t)
	first, _ := s.openPackage("first", member(g1))
	second, _ := s.openPackage("second", member(g1))
	made := s.submit(user(alice), request(first))
	s.drain()
	back := s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	effect := provision("late", alice, back.ID, made.Assignment.ID)
	stall.before = func() {
		s.drain()
		s.submit(user(alice), request(second))
		s.drain()
		s.isMember(g1, alice, true)
	}
	s.must(slow.HandleEffect(t.Context(), system(), effect))
	s.isMember(g1, alice, true)
}

// TestARemovalThatComesTooLateForWhoIsToHaveIt: one who waits for their delivery is given the role by that, or not at all; that one who has it already could not get it back is told. rules: RES-10.
func TestARemovalThatComesTooLateForWhoIsToHaveIt(t *testing.T) {
	for name, has := range map[string]bool{"it waits": false, "it is there, and the rest waits": true} {
		t.Run(name, func(t *testing.T) {
			s, slow, stall := newSlowStand(t)
			first, _ := s.openPackage("first", member(g1))
			second, _ := s.openPackage("second", member(g1), member(g2))
			made := s.submit(user(alice), request(first))
			s.drain()
			back := s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
			effect := provision("late", alice, back.ID, made.Assignment.ID)
			stall.before = func() {
				s.drain()
				granted := 0
				s.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
					if operation != directorymemory.OperationAddMember {
						return directorymemory.Fault{}
					}
					if granted++; has && granted == 1 {
						return directorymemory.Fault{}
					}
					return directorymemory.Fault{Kind: directorymemory.FaultUnavailable}
				})
				s.submit(user(alice), request(second))
				s.drain()
				s.directory.SetFault(nil)
				s.isMember(g1, alice, has)
				s.block(alice, true)
			}
			s.must(slow.HandleEffect(t.Context(), system(), effect))
			if told := strings.Contains(s.Log(), "could not be put right"); told != has {
				t.Errorf("an operator is told: %t", told)
			}
			s.isMember(g1, alice, false)
			s.block(alice, false)
			s.retries()
			s.isMember(g2, alice, true)
			if !has {
				s.isMember(g1, alice, true)
			}
		})
	}
}

// provision is the effect of delivering an assignment.
func provision(effectID, objectID, requestID, assignmentID string) governance.Effect {
	return governance.Effect{ID: effectID, Place: ledger.SubjectPlace(subjectID(objectID)), Kind: "assignment", About: assignmentID, What: governance.WorkProvision, RequestID: requestID}
}
