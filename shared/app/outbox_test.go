package app_test

import (
	"fmt"
	"testing"
	"time"

	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

func (s *stand) outbox() int {
	s.Helper()
	return len(s.documents(store.Subjects, "outbox"))
}

func (s *stand) queued(queue string) busmemory.Counts {
	s.Helper()
	counts, err := s.broker.Counts(queue)
	s.must(err)
	return counts
}

// TestEffectsGoOutAtOnce: after the commit the effects are on the bus and the outbox is empty; nothing waits for a timer.
func TestEffectsGoOutAtOnce(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.submit(user(alice), request(packageID))
	if s.outbox() != 0 || s.queued(bus.Provisioning).Active != 1 {
		t.Errorf("%d in the outbox, %+v on the queue", s.outbox(), s.queued(bus.Provisioning))
	}
	s.drain()
	s.isMember(g1, alice, true)
}

// TestACrashBetweenCommitAndBus: what a crash, or a bus that is away, leaves in the outbox is sent by the timer, not before a minute has passed.
func TestACrashBetweenCommitAndBus(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.broker.SetFaults(&busmemory.Faults{Send: func(string, int) busmemory.SendFault { return busmemory.SendLost }})
	made := s.submit(user(alice), request(packageID)) // it is accepted all the same
	if s.outbox() != 1 || s.queued(bus.Provisioning).Active != 0 {
		t.Fatalf("%d in the outbox, %+v on the queue", s.outbox(), s.queued(bus.Provisioning))
	}
	s.clock.Advance(59 * time.Second)
	if sweep, err := s.app.FlushOutbox(t.Context(), system()); err != nil || sweep.Found != 0 {
		t.Errorf("swept %+v before its time: %v", sweep, err)
	}
	s.clock.Advance(2 * time.Second)
	if sweep, err := s.app.FlushOutbox(t.Context(), system()); err == nil || sweep.Found != 1 || sweep.Sent != 0 {
		t.Errorf("swept %+v while the bus was away: %v", sweep, err)
	}
	s.broker.SetFaults(nil)
	if sweep, err := s.app.FlushOutbox(t.Context(), system()); err != nil || sweep.Found != 1 || sweep.Sent != 1 {
		t.Errorf("swept %+v: %v", sweep, err)
	}
	if s.outbox() != 0 {
		t.Errorf("%d in the outbox", s.outbox())
	}
	s.drain()
	s.is(made.ID, governance.StateDelivered)
}

// TestSentButNotForgotten: an effect whose document could not be deleted is sent again under the same id, which the queue drops, or handles to no effect.
func TestSentButNotForgotten(t *testing.T) {
	for _, later := range []time.Duration{2 * time.Minute, time.Hour} { // within and after the window of duplicate detection
		s := newStand(t)
		packageID, _ := s.openPackage("package", member(g1))
		s.faults(storememory.OpCommit, storememory.NoFault, storememory.Unavailable)
		made := s.submit(user(alice), request(packageID))
		if s.outbox() != 1 || s.queued(bus.Provisioning).Active != 1 {
			t.Fatalf("%d in the outbox, %+v on the queue", s.outbox(), s.queued(bus.Provisioning))
		}
		s.drain()
		activities := len(s.activities(alice))
		s.pass(later)
		if s.outbox() != 0 || len(s.activities(alice)) != activities {
			t.Errorf("%d in the outbox; told %v", s.outbox(), s.activities(alice))
		}
		s.is(made.ID, governance.StateDelivered)
	}
}

// TestATornSend: of a send that fails half way all is sent again; what arrived twice is dropped.
func TestATornSend(t *testing.T) {
	for _, fault := range []busmemory.SendFault{busmemory.SendThrottled, busmemory.SendTorn, busmemory.SendUnanswered} {
		s := newStand(t)
		packageID, _ := s.openPackage("package", member(g1))
		s.broker.SetFaults(&busmemory.Faults{Send: func(string, int) busmemory.SendFault { return fault }})
		made := s.submit(user(alice), request(packageID))
		s.broker.SetFaults(nil)
		if s.outbox() != 1 {
			t.Fatalf("%d in the outbox", s.outbox())
		}
		s.pass(2 * time.Minute)
		s.is(made.ID, governance.StateDelivered)
		if counts := s.queued(bus.Provisioning); counts.Active+counts.Scheduled+counts.DeadLettered+s.outbox() != 0 {
			t.Errorf("%+v on the queue, %d in the outbox", counts, s.outbox())
		}
	}
}

// TestALongOutbox: more effects of one subject than fit into one commit are all sent and forgotten.
func TestALongOutbox(t *testing.T) {
	s := newStand(t)
	s.broker.SetFaults(&busmemory.Faults{Send: func(string, int) busmemory.SendFault { return busmemory.SendLost }})
	const effects = 150
	for i := range 3 {
		_, err := s.app.Update(t.Context(), subjectID(alice), nil, func(engine.Subject) (engine.Change, error) {
			change := engine.Change{Audit: []governance.AuditEntry{{Activity: governance.ActivityReprocess, ActivityDateTime: governance.At(noon)}}}
			for n := range effects / 3 {
				change.Effects = append(change.Effects, governance.Effect{Kind: governance.EffectProvision, RequestID: id(fmt.Sprint(i, n)), AssignmentID: id("none")})
			}
			return change, nil
		})
		s.must(err)
	}
	s.broker.SetFaults(nil)
	s.clock.Advance(2 * time.Minute)
	sweep, err := s.app.FlushOutbox(t.Context(), system())
	s.must(err)
	if sweep.Sent != effects || s.outbox() != 0 {
		t.Errorf("swept %+v, %d left", sweep, s.outbox())
	}
}
