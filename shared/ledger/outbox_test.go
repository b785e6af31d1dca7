package ledger_test

import (
	"slices"
	"testing"
	"time"

	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/ledger/ledgertest"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// outbox counts what is in the outboxes of all containers.
func (s stand) outbox() int {
	s.Helper()
	count := 0
	for _, container := range store.Containers() {
		count += len(s.Documents(container, "outbox"))
	}
	return count
}

// add has one thing done for a probe, whatever goes wrong after its commit.
func (s stand) add() {
	s.Helper()
	_, err := s.update(s.Context(), probe{ID: ledgertest.ID("probe")})
	s.Must(err)
}

// sweep sweeps the outboxes after so long, and wants so many found and sent.
func (s stand) sweep(after time.Duration, found, sent int) error {
	s.Helper()
	s.Clock.Advance(after)
	sweep, err := s.Ledger.FlushOutbox(s.Context())
	if sweep.Found != found || sweep.Sent != sent {
		s.Errorf("swept %+v, wanted %d found and %d sent", sweep, found, sent)
	}
	return err
}

// TestEffectsGoOutAtOnce: after the commit the effects are on the bus and the outbox is empty; nothing waits for a timer.
func TestEffectsGoOutAtOnce(t *testing.T) {
	s := newStand(t)
	s.add()
	if s.outbox() != 0 || s.Counts(bus.Provisioning).Active != 1 {
		t.Errorf("%d in the outbox, %+v on the queue", s.outbox(), s.Counts(bus.Provisioning))
	}
}

// TestACrashBetweenCommitAndBus: what a crash, or a bus that is away, leaves in the outbox is sent by the timer, not before a minute has passed.
func TestACrashBetweenCommitAndBus(t *testing.T) {
	s := newStand(t)
	s.DownBus(true)
	s.add() // it is accepted all the same
	if s.outbox() != 1 || s.Counts(bus.Provisioning).Active != 0 {
		t.Fatalf("%d in the outbox, %+v on the queue", s.outbox(), s.Counts(bus.Provisioning))
	}
	s.Must(s.sweep(59*time.Second, 0, 0))
	if err := s.sweep(2*time.Second, 1, 0); err == nil {
		t.Error("the bus is away, and nobody says so")
	}
	s.DownBus(false)
	s.Must(s.sweep(0, 1, 1))
	if s.outbox() != 0 || s.Counts(bus.Provisioning).Active != 1 {
		t.Errorf("%d in the outbox, %+v on the queue", s.outbox(), s.Counts(bus.Provisioning))
	}
}

// TestSentButNotForgotten: an effect whose document could not be deleted is sent again under the same id, which the queue drops while it remembers it.
func TestSentButNotForgotten(t *testing.T) {
	for later, messages := range map[time.Duration]int{2 * time.Minute: 1, time.Hour: 2} { // within and after the window of duplicate detection
		s := newStand(t)
		s.Faults(storememory.OpCommit, storememory.NoFault, storememory.Unavailable)
		s.add()
		if s.outbox() != 1 || s.Counts(bus.Provisioning).Active != 1 {
			t.Fatalf("%d in the outbox, %+v on the queue", s.outbox(), s.Counts(bus.Provisioning))
		}
		s.Must(s.sweep(later, 1, 1))
		sent := s.Effects(bus.Provisioning)
		if s.outbox() != 0 || len(sent) != messages || sent[0].ID != sent[len(sent)-1].ID {
			t.Errorf("%d in the outbox, sent are %+v", s.outbox(), sent)
		}
	}
}

// TestATornSend: of a send that fails half way all is sent again; what arrived twice is dropped.
func TestATornSend(t *testing.T) {
	for _, fault := range []busmemory.SendFault{busmemory.SendThrottled, busmemory.SendTorn, busmemory.SendUnanswered} {
		s := newStand(t)
		s.Broker.SetFaults(&busmemory.Faults{Send: func(string, int) busmemory.SendFault { return fault }})
		s.add()
		s.DownBus(false)
		if s.outbox() != 1 {
			t.Fatalf("%d in the outbox", s.outbox())
		}
		s.Must(s.sweep(2*time.Minute, 1, 1))
		if counts := s.Counts(bus.Provisioning); counts.Active != 1 || counts.Scheduled+counts.DeadLettered+s.outbox() != 0 {
			t.Errorf("%+v on the queue, %d in the outbox", counts, s.outbox())
		}
	}
}

// TestALongOutbox: more effects of one place than fit into one commit are all sent and forgotten, those of other containers too.
func TestALongOutbox(t *testing.T) {
	s := newStand(t)
	s.DownBus(true)
	const effects = 150
	places := []governance.Place{alice, other, review}
	for _, place := range places {
		for range 3 {
			_, err := s.Ledger.Update(t.Context(), place, ledger.Documents(), func(state engine.State) (engine.Change, error) {
				change, err := ledgertest.Entry("")(state)
				for range effects / 3 {
					change.Effects = append(change.Effects, governance.EffectOf(probe{ID: ledgertest.ID("none")}, governance.WorkProvision))
				}
				return change, err
			})
			s.Must(err)
		}
	}
	s.DownBus(false)
	s.Must(s.sweep(2*time.Minute, 3*effects, 3*effects))
	sent := map[governance.Place]int{}
	for _, effect := range s.Effects(bus.Provisioning) {
		sent[effect.Place]++
	}
	for _, place := range places {
		if sent[place] != effects {
			t.Errorf("%d of %v went out", sent[place], place)
		}
	}
	if s.outbox() != 0 {
		t.Errorf("%d left", s.outbox())
	}
}

// TestAnOutboxThatCannotBeRead holds nothing else up, and is told.
func TestAnOutboxThatCannotBeRead(t *testing.T) {
	s := newStand(t)
	s.DownBus(true)
	s.add()
	s.Rewrite(store.Reviews, s.Documents(store.Reviews, "outbox")[0], `{"stage":"spoilt"}`)
	s.add()
	s.DownBus(false)
	s.Must(s.sweep(2*time.Minute, 2, 1))
	if told := s.Lines("a document cannot be read"); len(told) != 1 || told[0]["alert"] != true {
		t.Errorf("told: %v", told)
	}
}

// access is an assignment that is taken up again at a time.
func access(id string, at *governance.DateTime) governance.Assignment {
	return governance.Assignment{
		ID: ledgertest.ID(id), State: governance.AssignmentDelivering, AccessPackage: &governance.AccessPackage{ID: ledgertest.ID("package"), Catalog: &governance.Catalog{ID: ledgertest.ID("catalog")}},
		AssignmentPolicy: &governance.AssignmentPolicy{}, Target: &governance.Subject{ID: alice.Partition}, NextAttempt: at,
	}
}

// due puts one document of each kind that anything happens to by itself, due at noon, and one that is not.
func (s stand) due() (ids []string) {
	s.Helper()
	at := governance.At(ledgertest.Noon)
	assignment, request := access("assignment", at), governance.AssignmentRequest{ID: ledgertest.ID("request"), RequestType: governance.RequestUserAdd, State: governance.StateScheduled}
	request.AccessPackage, request.Assignment, request.Requestor = assignment.AccessPackage, &assignment, assignment.Target
	request.Policy, request.Schedule = assignment.AssignmentPolicy, &governance.Schedule{StartDateTime: at}
	task := governance.Task{ID: ledgertest.ID("task"), Kind: "mail", State: governance.TaskWorking, Settings: []byte(`{}`), Target: *assignment.Target, DeadlineTime: at}
	s.Put(alice, assignment, request, task)
	s.Put(review, probe{ID: ledgertest.ID("probe"), At: ledgertest.Noon}, probe{ID: ledgertest.ID("later"), At: ledgertest.Noon.Add(time.Hour)}, probe{ID: ledgertest.ID("never")})
	return []string{"assignment", "request", "task", "probe"}
}

// TestWhatIsDue of every kind, in every container, is sent on once for each time that it comes due.
func TestWhatIsDue(t *testing.T) {
	s := newStand(t)
	kinds := s.due()
	s.Clock.Advance(time.Minute)
	for range 2 { // the second run finds them again, and the queue drops its messages
		sweep, err := s.Ledger.SendDue(t.Context())
		s.Must(err)
		if sweep.Found != len(kinds) || sweep.Sent != len(kinds) || sweep.Lag < time.Minute {
			t.Errorf("swept %+v", sweep)
		}
	}
	work := map[string]governance.Effect{}
	for _, queue := range bus.Queues() {
		for _, effect := range s.Effects(queue) {
			if work[effect.Kind].ID != "" || ledger.QueueOf(effect) != queue {
				t.Errorf("on %s is %+v, beside %+v", queue, effect, work[effect.Kind])
			}
			work[effect.Kind] = effect
		}
	}
	for _, kind := range kinds {
		place, what := alice, governance.WorkDue
		switch kind {
		case "probe":
			place = review
		case "task":
			what = governance.WorkTask
		}
		if effect := work[kind]; effect.About != ledgertest.ID(kind) || effect.Place != place || effect.What != what {
			t.Errorf("for the %s is sent %+v", kind, effect)
		}
	}
	if len(work) != len(kinds) {
		t.Errorf("sent are %+v", work)
	}
	s.Put(review, probe{ID: ledgertest.ID("probe"), At: ledgertest.Noon, Text: "changed"}) // another version is another message
	_, err := s.Ledger.SendDue(t.Context())
	s.Must(err)
	if sent := s.Counts(bus.Provisioning).Active; sent != len(kinds) {
		t.Errorf("%d are sent", sent)
	}
}

// TestAQueueThatIsAway holds up what is due for no other.
func TestAQueueThatIsAway(t *testing.T) {
	s := newStand(t)
	kinds := s.due()
	s.Broker.SetFaults(&busmemory.Faults{Send: func(queue string, _ int) busmemory.SendFault {
		if queue == bus.Extensions {
			return busmemory.SendLost
		}
		return busmemory.SendWorks
	}})
	sweep, err := s.Ledger.SendDue(t.Context())
	s.Refused(err, governance.CodeUnavailable)
	if sweep.Found != len(kinds) || sweep.Sent != len(kinds)-1 {
		t.Errorf("swept %+v", sweep)
	}
	sent := s.Effects(bus.Provisioning)
	if !slices.ContainsFunc(sent, func(e governance.Effect) bool { return e.Kind == "probe" }) {
		t.Errorf("sent are %+v", sent)
	}
}
