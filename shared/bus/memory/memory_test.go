package memory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
	"latchkey/shared/platform"
)

const lock = memory.DefaultLockDuration

// bench is a broker with a clock, a queue without sessions and one with.
type bench struct {
	*testing.T
	clock    *platform.ManualClock
	broker   *memory.Broker
	plain    *memory.Queue
	sessions *memory.Queue
}

func open(t *testing.T) *bench {
	clock := platform.NewManualClock(start)
	broker := memory.New(clock, memory.Queues()...)
	b := &bench{T: t, clock: clock, broker: broker}
	b.plain, b.sessions = b.queue(bus.Notifications), b.queue(bus.Provisioning)
	return b
}

func (b *bench) queue(name string) *memory.Queue {
	q, err := b.broker.Queue(name)
	if err != nil {
		b.Fatal(err)
	}
	return q
}

func (b *bench) send(q *memory.Queue, session string, ids ...string) {
	b.Helper()
	for _, id := range ids {
		if err := b.broker.Send(b.Context(), q.Name(), bus.Message{ID: id, SessionID: session, Body: []byte(id)}); err != nil {
			b.Fatal(err)
		}
	}
}

func (b *bench) receive(from interface {
	Receive() (memory.Delivery, bool, error)
}, id string, count int) memory.Delivery {
	b.Helper()
	d, ok, err := from.Receive()
	if err != nil || !ok {
		b.Fatalf("received nothing (error %v), want %s", err, id)
	}
	if d.Message.ID != id || d.DeliveryCount != count {
		b.Fatalf("received %s for the %d. time, want %s for the %d.", d.Message.ID, d.DeliveryCount, id, count)
	}
	return d
}

func (b *bench) nothing(from interface {
	Receive() (memory.Delivery, bool, error)
}) {
	b.Helper()
	if d, ok, err := from.Receive(); ok || err != nil {
		b.Fatalf("received %q (error %v), want nothing", d.Message.ID, err)
	}
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) fails(err, want error) {
	b.Helper()
	if !errors.Is(err, want) {
		b.Fatalf("got error %v, want %v", err, want)
	}
}

func (b *bench) counts(q *memory.Queue, want memory.Counts) {
	b.Helper()
	if got := q.Counts(); got != want {
		b.Fatalf("%s counts %+v, want %+v", q.Name(), got, want)
	}
}

func (b *bench) accept(id string) *memory.Session {
	b.Helper()
	s, err := b.sessions.AcceptSession(id)
	b.must(err)
	return s
}

func (b *bench) next(id string) *memory.Session {
	b.Helper()
	s, ok, err := b.sessions.AcceptNext()
	if err != nil || !ok || s.ID() != id {
		b.Fatalf("accepted %v (%v, %v), want session %s", s, ok, err, id)
	}
	return s
}

func (b *bench) noSession() {
	b.Helper()
	if s, ok, err := b.sessions.AcceptNext(); ok || err != nil {
		b.Fatalf("accepted session %s (error %v), want none", s.ID(), err)
	}
}

func TestPeekLock(t *testing.T) {
	b := open(t)
	b.send(b.plain, "", "a", "b", "c")
	first := b.receive(b.plain, "a", 1)
	second := b.receive(b.plain, "b", 1)
	if first.SequenceNumber >= second.SequenceNumber || !first.EnqueuedTime.Equal(start) || !first.LockedUntil.Equal(start.Add(lock)) {
		t.Fatalf("deliveries %+v and %+v", first, second)
	}
	b.counts(b.plain, memory.Counts{Active: 1, Locked: 2})
	b.must(b.plain.Complete(second.LockToken))
	b.fails(b.plain.Complete(second.LockToken), memory.ErrLockLost)
	b.must(b.plain.Abandon(first.LockToken))
	b.fails(b.plain.Abandon(first.LockToken), memory.ErrLockLost)
	first = b.receive(b.plain, "a", 2) // back in its place
	b.must(b.plain.Release(first.LockToken))
	b.receive(b.plain, "a", 2)
	b.receive(b.plain, "c", 1)
	b.nothing(b.plain)
}

func TestLocksExpire(t *testing.T) {
	b := open(t)
	b.send(b.plain, "", "a", "b")
	a := b.receive(b.plain, "a", 1)
	b.clock.Advance(lock / 2)
	second := b.receive(b.plain, "b", 1)
	until, err := b.plain.Renew(a.LockToken)
	b.must(err)
	if want := start.Add(lock/2 + lock); !until.Equal(want) {
		t.Fatalf("renewed until %v, want %v", until, want)
	}
	b.clock.Advance(lock - 1)
	b.nothing(b.plain)
	b.must(b.plain.Complete(a.LockToken))
	b.clock.Advance(1)
	b.fails(b.plain.Complete(second.LockToken), memory.ErrLockLost)
	if _, err := b.plain.Renew(second.LockToken); !errors.Is(err, memory.ErrLockLost) {
		t.Fatalf("renewed a lost lock: %v", err)
	}
	b.receive(b.plain, "b", 2)
}

func TestTooManyDeliveriesAreDead(t *testing.T) {
	for name, fail := range map[string]func(*bench, memory.Delivery){
		"abandoned": func(b *bench, d memory.Delivery) { b.must(b.plain.Abandon(d.LockToken)) },
		"expired":   func(b *bench, _ memory.Delivery) { b.clock.Advance(lock) },
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			b.send(b.plain, "", "a")
			for n := range memory.DefaultMaxDeliveryCount {
				fail(b, b.receive(b.plain, "a", n+1))
			}
			b.nothing(b.plain)
			b.counts(b.plain, memory.Counts{DeadLettered: 1})
			dead := b.receive(b.plain.DeadLetters(), "a", 1)
			if dead.DeadLetterReason != "MaxDeliveryCountExceeded" || dead.DeadLetterSource != b.plain.Name() || dead.DeadLetterDescription == "" {
				t.Fatalf("dead letter %+v", dead)
			}
			b.must(b.plain.DeadLetters().Complete(dead.LockToken))
			b.counts(b.plain, memory.Counts{})
		})
	}
}

func TestDeadLetters(t *testing.T) {
	b := open(t)
	b.send(b.sessions, "s", "a", "b")
	s := b.accept("s")
	d := b.receive(s, "a", 1)
	b.must(b.sessions.DeadLetter(d.LockToken, "Unreadable", "no such type"))
	b.fails(b.sessions.Complete(d.LockToken), memory.ErrLockLost)
	b.receive(s, "b", 1)
	graveyard := b.sessions.DeadLetters()
	dead := b.receive(graveyard, "a", 1) // without its session
	if dead.DeadLetterReason != "Unreadable" || dead.DeadLetterDescription != "no such type" || dead.EnqueuedSequence != d.SequenceNumber {
		t.Fatalf("dead letter %+v", dead)
	}
	b.fails(graveyard.DeadLetter(dead.LockToken, "", ""), bus.ErrInvalid)
	for n := range 2 * memory.DefaultMaxDeliveryCount {
		b.must(graveyard.Abandon(dead.LockToken))
		dead = b.receive(graveyard, "a", n+2) // for ever
	}
	if _, err := graveyard.Enqueue(memory.Envelope{Message: bus.Message{ID: "x"}}); !errors.Is(err, bus.ErrInvalid) {
		t.Fatalf("sent to a dead-letter queue: %v", err)
	}
}

func TestScheduled(t *testing.T) {
	b := open(t)
	at := start.Add(time.Hour)
	b.must(b.broker.Send(t.Context(), b.plain.Name(),
		bus.Message{ID: "late", NotBefore: at.Add(time.Minute)}, bus.Message{ID: "early", NotBefore: at}, bus.Message{ID: "now"}))
	b.counts(b.plain, memory.Counts{Active: 1, Scheduled: 2})
	now := b.receive(b.plain, "now", 1)
	b.nothing(b.plain)
	b.must(b.plain.Complete(now.LockToken))
	b.clock.Set(at)
	early := b.receive(b.plain, "early", 1)
	if early.SequenceNumber <= now.SequenceNumber || !early.EnqueuedTime.Equal(at) {
		t.Fatalf("became visible as %+v", early)
	}
	b.clock.Advance(24 * time.Hour)
	b.receive(b.plain, "early", 2)
	if late := b.receive(b.plain, "late", 1); !late.EnqueuedTime.Equal(at.Add(time.Minute)) {
		t.Fatalf("enqueued at %v, want %v, whenever somebody looked", late.EnqueuedTime, at.Add(time.Minute))
	}
}

func TestCancelScheduled(t *testing.T) {
	b := open(t)
	numbers, err := b.plain.Enqueue(
		memory.Envelope{Message: bus.Message{ID: "a", NotBefore: start.Add(time.Hour)}},
		memory.Envelope{Message: bus.Message{ID: "b", NotBefore: start.Add(time.Hour)}},
		memory.Envelope{Message: bus.Message{ID: "c"}})
	b.must(err)
	b.fails(b.plain.CancelScheduled(numbers[0], numbers[2]), memory.ErrNoMessage)
	b.counts(b.plain, memory.Counts{Active: 1, Scheduled: 2})
	b.must(b.plain.CancelScheduled(numbers[0]))
	b.fails(b.plain.CancelScheduled(numbers[0]), memory.ErrNoMessage)
	b.clock.Advance(time.Hour)
	b.receive(b.plain, "c", 1)
	b.receive(b.plain, "b", 1)
	b.nothing(b.plain)
}

func TestDuplicateDetectionForgets(t *testing.T) {
	b := open(t)
	b.send(b.plain, "", "a")
	b.must(b.plain.Complete(b.receive(b.plain, "a", 1).LockToken))
	b.clock.Advance(memory.DefaultDuplicateDetection - 1)
	b.send(b.plain, "", "a") // does not prolong the memory
	b.nothing(b.plain)
	b.clock.Advance(1)
	b.send(b.plain, "", "a")
	b.receive(b.plain, "a", 1)
}

func TestSessionsHaveOneHolder(t *testing.T) {
	b := open(t)
	b.noSession()
	b.send(b.sessions, "s1", "a1", "a2")
	b.send(b.sessions, "s2", "b1")
	b.fails(receiveError(b.sessions), bus.ErrInvalid)
	first := b.next("s1")
	_, err := b.sessions.AcceptSession("s1")
	b.fails(err, memory.ErrSessionLocked)
	second := b.next("s2")
	b.noSession()
	a1 := b.receive(first, "a1", 1)
	if !a1.LockedUntil.Equal(first.LockedUntil()) {
		t.Fatalf("message locked until %v, session until %v", a1.LockedUntil, first.LockedUntil())
	}
	b.send(b.sessions, "s2", "b2") // a held session is not offered again
	b.noSession()
	b.receive(second, "b1", 1)
	b.receive(second, "b2", 1)
	b.must(b.sessions.Complete(a1.LockToken))
	b.must(first.Release())
	b.fails(first.Release(), memory.ErrSessionLockLost)
	_, _, err = first.Receive()
	b.fails(err, memory.ErrSessionLockLost)
	third := b.next("s1")
	b.receive(third, "a2", 1)
}

func receiveError(from interface {
	Receive() (memory.Delivery, bool, error)
}) error {
	_, _, err := from.Receive()
	return err
}

func TestSessionsAreOfferedFairly(t *testing.T) {
	b := open(t)
	b.send(b.sessions, "s1", "a")
	b.send(b.sessions, "s2", "b")
	b.send(b.sessions, "s3", "c")
	s := b.next("s1")
	b.must(b.sessions.Abandon(b.receive(s, "a", 1).LockToken))
	b.must(s.Release()) // to the end of the line
	b.next("s2")
	b.next("s3")
	b.receive(b.next("s1"), "a", 2)
}

func TestASessionKeepsItsOrder(t *testing.T) {
	b := open(t)
	b.send(b.sessions, "s", "a", "b", "c")
	s := b.next("s")
	a, second := b.receive(s, "a", 1), b.receive(s, "b", 1)
	b.must(b.sessions.Abandon(a.LockToken))
	b.receive(s, "a", 2)
	b.must(b.sessions.Release(second.LockToken))
	b.must(s.Release())
	s = b.next("s")
	b.receive(s, "a", 2) // letting go of a session is no failed delivery
	b.receive(s, "b", 1)
	b.clock.Advance(lock)
	b.receive(b.next("s"), "a", 3) // letting its lock lapse is one
}

func TestSessionLocksExpire(t *testing.T) {
	b := open(t)
	b.send(b.sessions, "s", "a")
	s := b.next("s")
	a := b.receive(s, "a", 1)
	b.clock.Advance(lock - 1)
	until, err := s.Renew()
	b.must(err)
	if want := start.Add(2*lock - 1); !until.Equal(want) {
		t.Fatalf("renewed until %v, want %v", until, want)
	}
	if renewed, err := b.sessions.Renew(a.LockToken); err != nil || !renewed.Equal(until) {
		t.Fatalf("the message is locked until %v (%v), its session until %v", renewed, err, until)
	}
	b.clock.Advance(lock - 1)
	b.noSession()
	b.clock.Advance(1)
	_, err = s.Renew()
	b.fails(err, memory.ErrSessionLockLost)
	b.fails(b.sessions.Complete(a.LockToken), memory.ErrLockLost)
	b.receive(b.next("s"), "a", 2)
}

func TestPoisonInASessionDies(t *testing.T) {
	b := open(t)
	b.send(b.sessions, "s", "poison", "b")
	for n := range memory.DefaultMaxDeliveryCount {
		s := b.next("s")
		b.must(b.sessions.Abandon(b.receive(s, "poison", n+1).LockToken))
		b.must(s.Release())
	}
	b.receive(b.next("s"), "b", 1)
	b.receive(b.sessions.DeadLetters(), "poison", 1)
}

func TestSessionState(t *testing.T) {
	b := open(t)
	s := b.accept("s")
	state, err := s.State()
	if state != nil || err != nil {
		t.Fatalf("a new session has state %q, %v", state, err)
	}
	b.must(s.SetState([]byte("half way")))
	b.must(s.Release())
	_, err = s.State()
	b.fails(err, memory.ErrSessionLockLost)
	b.fails(s.SetState(nil), memory.ErrSessionLockLost)
	s = b.accept("s")
	if state, err := s.State(); string(state) != "half way" || err != nil {
		t.Fatalf("state is %q, %v", state, err)
	}
	if got := b.sessions.Sessions(); !slices.Equal(got, []string{"s"}) {
		t.Fatalf("sessions are %v", got)
	}
	b.must(s.SetState(nil))
	b.must(s.Release())
	if got := b.sessions.Sessions(); len(got) != 0 {
		t.Fatalf("sessions are %v, want none", got)
	}
	_, err = b.plain.AcceptSession("s")
	b.fails(err, bus.ErrInvalid)
	_, _, err = b.plain.AcceptNext()
	b.fails(err, bus.ErrInvalid)
}

func TestDeferred(t *testing.T) {
	b := open(t)
	b.send(b.plain, "", "a")
	a := b.receive(b.plain, "a", 1)
	b.must(b.plain.Defer(a.LockToken))
	b.nothing(b.plain)
	b.counts(b.plain, memory.Counts{Deferred: 1})
	d, err := b.plain.ReceiveDeferred(a.SequenceNumber)
	if err != nil || d.Message.ID != "a" {
		t.Fatalf("received %q, %v", d.Message.ID, err)
	}
	_, err = b.plain.ReceiveDeferred(a.SequenceNumber)
	b.fails(err, memory.ErrNoMessage)
	b.must(b.plain.Complete(d.LockToken))
	b.counts(b.plain, memory.Counts{})
	b.send(b.sessions, "s", "b")
	s := b.next("s")
	second := b.receive(s, "b", 1)
	b.must(b.sessions.Defer(second.LockToken))
	b.must(s.Release())
	_, err = b.sessions.ReceiveDeferred(second.SequenceNumber)
	b.fails(err, memory.ErrSessionLockLost)
	b.accept("s")
	d, err = b.sessions.ReceiveDeferred(second.SequenceNumber)
	b.must(err)
	b.must(b.sessions.Complete(d.LockToken))
}

func TestPeek(t *testing.T) {
	b := open(t)
	b.must(b.broker.Send(t.Context(), b.sessions.Name(), bus.Message{ID: "later", SessionID: "s1", NotBefore: start.Add(time.Hour)}))
	b.send(b.sessions, "s1", "a", "b")
	b.send(b.sessions, "s2", "c")
	b.receive(b.next("s1"), "a", 1)
	show := func(from int64, limit int, session *string) (list []string) {
		for _, d := range b.sessions.Peek(from, limit, session) {
			list = append(list, d.Message.ID+" "+string(d.State))
		}
		return list
	}
	all := []string{"later scheduled", "a locked", "b active", "c active"}
	if got := show(0, 100, nil); !slices.Equal(got, all) {
		t.Errorf("peeked %v, want %v", got, all)
	}
	if got := show(2, 2, nil); !slices.Equal(got, all[1:3]) {
		t.Errorf("peeked %v, want %v", got, all[1:3])
	}
	s2 := "s2"
	if got := show(0, 100, &s2); !slices.Equal(got, all[3:]) {
		t.Errorf("peeked %v, want %v", got, all[3:])
	}
}

func TestQueueLimit(t *testing.T) {
	broker := memory.New(platform.NewManualClock(start), memory.QueueOptions{Name: "small", MaxMessageBytes: 100})
	err := broker.Send(t.Context(), "small", bus.Message{ID: "a"}, bus.Message{ID: "b", Body: make([]byte, 101)})
	if counts, _ := broker.Counts("small"); !errors.Is(err, bus.ErrTooLarge) || counts != (memory.Counts{}) {
		t.Errorf("got %v and %+v, want %v and nothing accepted", err, counts, bus.ErrTooLarge)
	}
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		if !b.broker.Idle() {
			t.Fatal("an empty broker is not idle")
		}
		b.must(b.broker.Send(t.Context(), b.plain.Name(), bus.Message{ID: "later", NotBefore: start.Add(time.Hour)}))
		b.send(b.plain, "", "a")
		b.send(b.sessions, "s", "b")
		idle := make(chan error, 1)
		go func() { idle <- b.broker.WaitIdle(t.Context()) }()
		d := b.receive(b.plain, "a", 1)
		b.must(b.plain.Complete(d.LockToken))
		if b.broker.Idle() || !b.broker.Idle(b.plain.Name()) {
			t.Fatal("what is idle is not what has nothing to do")
		}
		d = b.receive(b.next("s"), "b", 1)
		synctest.Wait()
		select {
		case <-idle:
			t.Fatal("waited for idle, and a message was in flight")
		default:
		}
		b.must(b.sessions.DeadLetter(d.LockToken, "", ""))
		b.must(<-idle)
		b.clock.Advance(time.Hour)
		if b.broker.Idle() {
			t.Fatal("idle with a message that is due")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.fails(b.broker.WaitIdle(ctx), context.Canceled)
	})
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		got := make(chan string, 10)
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				for {
					d, err := b.plain.ReceiveWait(ctx)
					if err != nil {
						return
					}
					got <- d.Message.ID
				}
			})
		}
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var list []string
			for len(got) > 0 {
				list = append(list, <-got)
			}
			slices.Sort(list)
			if !slices.Equal(list, want) {
				t.Fatalf("received %v, want %v", list, want)
			}
		}
		expect()
		b.send(b.plain, "", "a", "b")
		expect("a", "b")
		b.must(b.broker.Send(ctx, b.plain.Name(), bus.Message{ID: "c", NotBefore: start.Add(lock / 2)}))
		b.clock.Advance(lock / 2)
		expect()
		b.broker.Tick()
		expect("c")
		b.clock.Advance(lock / 2)
		b.broker.Tick()
		expect("a", "b")
		cancel()
		group.Wait()
		b.clock.Advance(lock)
		b.nothingLost()
	})
}

// nothingLost checks that who has left the line did not take a wake-up along.
func (b *bench) nothingLost() {
	b.Helper()
	got := make(chan string, 3)
	for range 3 {
		go func() {
			d, err := b.plain.ReceiveWait(b.Context())
			if err == nil {
				got <- d.Message.ID
			}
		}()
	}
	for range 3 {
		<-got
	}
}

func TestALeavingWaiterPassesTheWordOn(t *testing.T) {
	b := open(t)
	first, second := memory.NewWaiter(), memory.NewWaiter()
	for _, w := range []*memory.Waiter{first, second} {
		if _, ok, err := b.plain.ReceiveOrWait(w); ok || err != nil {
			t.Fatalf("received something: %v", err)
		}
	}
	b.send(b.plain, "", "a")
	select {
	case <-second.C:
		t.Fatal("the second in line was told first")
	case <-first.C:
	}
	b.plain.Leave(first)
	<-second.C
	b.receive(b.plain, "a", 1)
}

func TestWaitingForSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := open(t)
		got := make(chan string, 10)
		go func() {
			for {
				s, err := b.sessions.AcceptNextWait(t.Context())
				if err != nil {
					return
				}
				for {
					d, err := s.ReceiveWait(t.Context())
					if err != nil {
						got <- s.ID() + " " + err.Error()
						break
					}
					got <- s.ID() + " " + d.Message.ID
				}
			}
		}()
		synctest.Wait()
		b.send(b.sessions, "s1", "a")
		if id := <-got; id != "s1 a" {
			t.Fatalf("received %s", id)
		}
		b.send(b.sessions, "s1", "b")
		b.send(b.sessions, "s2", "c")
		if id := <-got; id != "s1 b" {
			t.Fatalf("received %s", id)
		}
		b.clock.Advance(lock)
		b.broker.Tick()
		for _, want := range []string{"s1 " + memory.ErrSessionLockLost.Error(), "s2 c"} {
			if id := <-got; id != want {
				t.Fatalf("received %s, want %s", id, want)
			}
		}
	})
}

func TestNextDue(t *testing.T) {
	b := open(t)
	due := func(want time.Duration) {
		t.Helper()
		next, ok := b.broker.NextDue()
		if (want == 0) == ok || ok && !next.Equal(start.Add(want)) {
			t.Fatalf("next due at %v (%v), want %v", next, ok, start.Add(want))
		}
	}
	earlier := func(want bool) {
		t.Helper()
		select {
		case <-b.broker.Earlier():
			if !want {
				t.Fatal("told that something is due earlier")
			}
		default:
			if want {
				t.Fatal("not told that something is due earlier")
			}
		}
	}
	due(0)
	b.must(b.broker.Send(t.Context(), b.plain.Name(), bus.Message{ID: "a", NotBefore: start.Add(time.Hour)}))
	earlier(true)
	due(time.Hour)
	b.must(b.broker.Send(t.Context(), b.plain.Name(), bus.Message{ID: "b", NotBefore: start.Add(2 * time.Hour)}))
	earlier(false)
	b.send(b.sessions, "s", "c")
	b.next("s")
	earlier(true)
	due(lock)
	b.clock.Advance(lock)
	b.broker.Tick()
	earlier(true)
	due(time.Hour)
}

func TestFaults(t *testing.T) {
	b := open(t)
	send := func(ids ...string) error {
		var list []bus.Message
		for _, id := range ids {
			list = append(list, bus.Message{ID: id})
		}
		return b.broker.Send(t.Context(), b.plain.Name(), list...)
	}
	for _, test := range []struct {
		fault    memory.SendFault
		want     error
		accepted int
	}{
		{memory.SendWorks, nil, 2},
		{memory.SendThrottled, bus.ErrThrottled, 0},
		{memory.SendLost, bus.ErrUnavailable, 0},
		{memory.SendTorn, bus.ErrUnavailable, 1},
		{memory.SendUnanswered, bus.ErrUnavailable, 2},
	} {
		b.broker.Reset()
		b.broker.SetFaults(&memory.Faults{Send: func(string, int) memory.SendFault { return test.fault }})
		b.fails(send("a", "b"), test.want)
		b.counts(b.plain, memory.Counts{Active: test.accepted})
		b.broker.SetFaults(nil)
		b.must(send("a", "b")) // sending again repairs it
		b.receive(b.plain, "a", 1)
		b.receive(b.plain, "b", 1)
		b.nothing(b.plain)
	}
	b.broker.Reset()
	b.broker.SetFaults(&memory.Faults{
		Duplicate: func(_ string, m *bus.Message) bool { return m.ID == "a" },
		Delay: func(_ string, m *bus.Message) time.Duration {
			if m.ID == "b" {
				return time.Minute
			}
			return 0
		},
		Reorder: func(_ string, choices int) int { return choices - 1 },
	})
	b.must(send("a", "b", "c"))
	for _, id := range []string{"c", "a", "a"} {
		b.receive(b.plain, id, 1)
	}
	b.nothing(b.plain)
	b.clock.Advance(time.Minute)
	b.receive(b.plain, "b", 1)
}

func TestLostSettlements(t *testing.T) {
	b := open(t)
	b.send(b.plain, "", "a")
	b.send(b.sessions, "s", "b", "c")
	lose := true
	b.broker.SetFaults(&memory.Faults{LoseSettlement: func(string, int64) bool { return lose }})
	b.fails(b.plain.Complete(b.receive(b.plain, "a", 1).LockToken), memory.ErrLockLost)
	s := b.next("s")
	first := b.receive(s, "b", 1)
	b.receive(s, "c", 1)
	b.fails(b.sessions.Complete(first.LockToken), memory.ErrLockLost)
	b.fails(receiveError(s), memory.ErrSessionLockLost)
	lose = false
	b.must(b.plain.Complete(b.receive(b.plain, "a", 2).LockToken))
	s = b.next("s")
	b.must(b.sessions.Complete(b.receive(s, "b", 2).LockToken))
	b.must(b.sessions.Complete(b.receive(s, "c", 2).LockToken))
}

func TestSnapshot(t *testing.T) {
	b := open(t)
	b.must(b.broker.Send(t.Context(), b.sessions.Name(),
		bus.Message{ID: "later", SessionID: "s", NotBefore: start.Add(time.Hour), Properties: map[string]string{"k": "v"}}))
	b.send(b.sessions, "s", "a", "b", "c", "d")
	s := b.next("s")
	b.must(s.SetState([]byte("state")))
	a := b.receive(s, "a", 1)
	b.must(b.sessions.Abandon(a.LockToken))
	b.must(b.sessions.DeadLetter(b.receive(s, "a", 2).LockToken, "why", "because"))
	second := b.receive(s, "b", 1)
	b.must(b.sessions.Defer(second.LockToken))
	b.must(b.sessions.Abandon(b.receive(s, "c", 1).LockToken))
	b.receive(s, "c", 2) // in hand

	var saved bytes.Buffer
	b.must(b.broker.Snapshot(&saved))
	b.broker.Reset()
	b.counts(b.sessions, memory.Counts{})
	b.fails(s.Release(), memory.ErrSessionLockLost)
	b.must(b.broker.Restore(bytes.NewReader(saved.Bytes())))

	b.counts(b.sessions, memory.Counts{Active: 2, Scheduled: 1, Deferred: 1, DeadLettered: 1})
	s = b.next("s")
	if state, err := s.State(); string(state) != "state" || err != nil {
		t.Fatalf("state is %q, %v", state, err)
	}
	b.receive(s, "c", 2)
	b.send(b.sessions, "s", "d") // still a duplicate
	b.receive(s, "d", 1)
	b.nothing(s)
	if _, err := b.sessions.ReceiveDeferred(second.SequenceNumber); err != nil {
		t.Fatal(err)
	}
	if dead := b.receive(b.sessions.DeadLetters(), "a", 1); dead.DeadLetterReason != "why" || dead.DeadLetterDescription != "because" {
		t.Fatalf("dead letter %+v", dead)
	}
	b.clock.Advance(time.Hour)
	s = b.next("s")
	for range 3 {
		d, _, err := s.Receive()
		b.must(err)
		if d.Message.ID == "later" && d.Message.Properties["k"] != "v" {
			t.Fatalf("restored %+v", d.Message)
		}
	}
	if err := b.broker.Restore(bytes.NewReader([]byte("{"))); err == nil {
		t.Fatal("restored from half a snapshot")
	}
}

func BenchmarkSendReceiveComplete(b *testing.B) {
	broker := memory.New(platform.SystemClock{}, memory.QueueOptions{Name: "q", DuplicateDetection: time.Second})
	q, err := broker.Queue("q")
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 1000)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if err := broker.Send(b.Context(), "q", bus.Message{ID: fmt.Sprint(n), Body: body, Properties: map[string]string{"k": "v"}}); err != nil {
			b.Fatal(err)
		}
		d, _, err := q.Receive()
		if err != nil {
			b.Fatal(err)
		}
		if err := q.Complete(d.LockToken); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAcceptNextSession takes the next of many sessions, one message, and lets go of it.
func BenchmarkAcceptNextSession(b *testing.B) {
	for _, waiting := range []int{100, 10_000} {
		b.Run(fmt.Sprint(waiting), func(b *testing.B) {
			broker := memory.New(platform.SystemClock{}, memory.QueueOptions{Name: "q", RequiresSession: true, DuplicateDetection: -1})
			q, err := broker.Queue("q")
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			send := func() {
				n++
				if err := broker.Send(b.Context(), "q", bus.Message{ID: "m", SessionID: fmt.Sprint(n)}); err != nil {
					b.Fatal(err)
				}
			}
			for range waiting {
				send()
			}
			b.ReportAllocs()
			for b.Loop() {
				send()
				s, _, err := q.AcceptNext()
				if err != nil {
					b.Fatal(err)
				}
				d, _, err := s.Receive()
				if err != nil {
					b.Fatal(err)
				}
				if err := errors.Join(q.Complete(d.LockToken), s.Release()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
