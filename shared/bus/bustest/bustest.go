// Package bustest is the conformance suite of the bus port: what every adapter must do, whoever carries its messages. It proves what a sender may
// rely on; how messages are received is the Functions host's affair and is asked of the harness only so far as to see what arrived.
package bustest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/shared/bus"
)

// Receiver reads a queue as its consumer does.
type Receiver interface {
	// Receive takes n messages off the queue, completes them and returns them in the order in which they came. It waits until there are so many or the
	// context ends. In a queue with sessions it takes those of this session only.
	Receive(ctx context.Context, queue, session string, n int) ([]bus.Message, error)
}

// Harness is the bus under test, with its queues empty.
type Harness struct {
	Bus      bus.Bus
	Receiver Receiver
	// Queue is the name under which the bus knows a queue of the house; nil: the same.
	Queue func(name string) string
	// Now is the clock of the broker; nil: the machine's.
	Now func() time.Time
	// Advance moves the clock of the broker. Nil if that cannot be done: the suite then waits.
	Advance func(time.Duration)
}

// patience bounds one receive: a message that does not come in this time is lost.
const patience = 30 * time.Second

// Run runs the suite; open makes a harness for each test.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *suite)
	}{
		{"KeepsAllOfAMessage", keepsAll},
		{"KeepsOrderInASession", keepsOrderInSession},
		{"KeepsOrderWithoutSessions", keepsOrderWithoutSessions},
		{"KeepsOrderOfMixedSessions", keepsOrderOfMixedSessions},
		{"SendsNothing", sendsNothing},
		{"RequiresAnID", requiresID},
		{"RequiresASession", requiresSession},
		{"RefusesLongIDs", refusesLongIDs},
		{"DropsDuplicates", dropsDuplicates},
		{"DropsDuplicatesWithinABatch", dropsDuplicatesInBatch},
		{"MayBeSentAgain", mayBeSentAgain},
		{"SchedulesMessages", schedules},
		{"SchedulesWithinABatch", schedulesInBatch},
		{"TakesThePastAsNow", takesThePast},
		{"TakesLargeMessages", takesLarge},
		{"RefusesTooLarge", refusesTooLarge},
		{"SplitsLargeBatches", splitsBatches},
		{"KnowsItsQueues", knowsQueues},
		{"RespectsItsContext", respectsContext},
		{"LeavesMessagesToTheirSender", leavesMessages},
		{"SendsConcurrently", sendsConcurrently},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := open(t)
			if h.Queue == nil {
				h.Queue = func(name string) string { return name }
			}
			if h.Now == nil {
				h.Now = time.Now
			}
			test.run(t, &suite{T: t, Harness: h, run: fmt.Sprintf("%d", time.Now().UnixNano())})
		})
	}
}

type suite struct {
	*testing.T
	Harness
	run string // makes ids unique, so that a real queue's memory of duplicates does not disturb
}

func (s *suite) id(n int) string { return fmt.Sprintf("%s-%d", s.run, n) }

// message is the n-th message of this test, in its session.
func (s *suite) message(n int) bus.Message {
	return bus.Message{ID: s.id(n), SessionID: s.run, Body: fmt.Appendf(nil, `{"n":%d}`, n)}
}

func (s *suite) messages(from, to int) []bus.Message {
	var list []bus.Message
	for n := from; n <= to; n++ {
		list = append(list, s.message(n))
	}
	return list
}

func (s *suite) send(queue string, messages ...bus.Message) {
	s.Helper()
	if err := s.Bus.Send(s.Context(), s.Queue(queue), messages...); err != nil {
		s.Fatalf("sending to %s: %v", queue, err)
	}
}

func (s *suite) refuses(want error, queue string, messages ...bus.Message) {
	s.Helper()
	if err := s.Bus.Send(s.Context(), s.Queue(queue), messages...); !errors.Is(err, want) {
		s.Fatalf("sending to %s: got error %v, want %v", queue, err, want)
	}
}

func (s *suite) receive(queue string, n int) []bus.Message {
	s.Helper()
	return s.receiveSession(queue, s.run, n)
}

func (s *suite) receiveSession(queue, session string, n int) []bus.Message {
	s.Helper()
	if !bus.UsesSessions(queue) {
		session = ""
	}
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	got, err := s.Receiver.Receive(ctx, s.Queue(queue), session, n)
	if err != nil {
		s.Fatalf("receiving %d messages from %s: got %d and %v", n, queue, len(got), err)
	}
	return got
}

// expect receives exactly these, in order, as the next messages of the queue.
func (s *suite) expect(queue string, want ...bus.Message) {
	s.Helper()
	got := s.receive(queue, len(want))
	for n := range want {
		if got[n].ID != want[n].ID || !bytes.Equal(got[n].Body, want[n].Body) {
			s.Fatalf("message %d of %s is %s with %d bytes, want %s with %d bytes", n, queue, got[n].ID, len(got[n].Body), want[n].ID, len(want[n].Body))
		}
	}
}

func keepsAll(t *testing.T, s *suite) {
	for n, queue := range []string{bus.Provisioning, bus.Notifications} {
		want := s.message(n)
		want.Subject = "assignment.granted"
		want.CorrelationID = "request-1"
		want.ContentType = "application/vnd.latchkey+json"
		want.Properties = map[string]string{"attempt": "2", "traceparent": "00-ab-cd-01", "name": "Grüße, 世界", "empty": ""}
		want.Body = []byte{0, 1, 0xff, '"'}
		plain := s.message(n + 10)
		s.send(queue, want, plain)
		got := s.receive(queue, 2)
		if got[0].ID != want.ID || got[0].Subject != want.Subject || got[0].CorrelationID != want.CorrelationID || got[0].ContentType != want.ContentType ||
			!maps.Equal(got[0].Properties, want.Properties) || !bytes.Equal(got[0].Body, want.Body) {
			t.Errorf("%s delivers %+v, want %+v", queue, got[0], want)
		}
		if bus.UsesSessions(queue) && got[0].SessionID != want.SessionID {
			t.Errorf("%s delivers session %q, want %q", queue, got[0].SessionID, want.SessionID)
		}
		if got[1].ContentType != bus.JSON || got[1].Subject != "" || got[1].CorrelationID != "" || len(got[1].Properties) != 0 {
			t.Errorf("%s delivers a plain message as %+v", queue, got[1])
		}
	}
}

func keepsOrderInSession(_ *testing.T, s *suite) {
	list := s.messages(1, 12)
	s.send(bus.Provisioning, list[:5]...)
	s.send(bus.Provisioning, list[5])
	s.send(bus.Provisioning, list[6:]...)
	s.expect(bus.Provisioning, list...)
}

func keepsOrderWithoutSessions(_ *testing.T, s *suite) {
	list := s.messages(1, 12)
	s.send(bus.Notifications, list[0])
	s.send(bus.Notifications, list[1:]...)
	s.expect(bus.Notifications, list...)
}

func keepsOrderOfMixedSessions(t *testing.T, s *suite) {
	var list []bus.Message
	for n := range 9 {
		m := s.message(n)
		m.SessionID = fmt.Sprintf("%s-%d", s.run, n%2)
		if n >= 6 {
			m.SessionID = s.run + "-0"
		}
		list = append(list, m)
	}
	s.send(bus.Extensions, list...)
	for session, want := range map[string][]int{"-0": {0, 2, 4, 6, 7, 8}, "-1": {1, 3, 5}} {
		got := s.receiveSession(bus.Extensions, s.run+session, len(want))
		for n := range want {
			if got[n].ID != s.id(want[n]) {
				t.Errorf("message %d of session %s is %s, want %s", n, session, got[n].ID, s.id(want[n]))
			}
		}
	}
}

func sendsNothing(_ *testing.T, s *suite) {
	s.send(bus.Notifications)
	s.send(bus.Notifications, s.message(1))
	s.expect(bus.Notifications, s.message(1))
}

func requiresID(_ *testing.T, s *suite) {
	nameless := s.message(1)
	nameless.ID = ""
	s.refuses(bus.ErrInvalid, bus.Notifications, nameless)
	s.refuses(bus.ErrInvalid, bus.Notifications, s.message(2), nameless)
}

func requiresSession(_ *testing.T, s *suite) {
	loose := s.message(1)
	loose.SessionID = ""
	s.refuses(bus.ErrInvalid, bus.Provisioning, loose)
	s.refuses(bus.ErrInvalid, bus.Provisioning, s.message(2), loose)
	s.send(bus.Notifications, loose)
	s.expect(bus.Notifications, loose)
}

func refusesLongIDs(_ *testing.T, s *suite) {
	long := s.message(1)
	long.ID = strings.Repeat("i", bus.MaxIDLength+1)
	s.refuses(bus.ErrInvalid, bus.Notifications, long)
	long = s.message(2)
	long.SessionID = strings.Repeat("s", bus.MaxIDLength+1)
	s.refuses(bus.ErrInvalid, bus.Provisioning, long)
	longest := s.message(3)
	longest.ID += strings.Repeat("i", bus.MaxIDLength-len(longest.ID))
	s.send(bus.Notifications, longest)
	s.expect(bus.Notifications, longest)
}

func dropsDuplicates(_ *testing.T, s *suite) {
	for _, queue := range []string{bus.Provisioning, bus.Notifications} {
		first, again, last := s.message(1), s.message(1), s.message(2)
		again.Body = []byte(`"again"`)
		s.send(queue, first)
		s.send(queue, again)
		s.expect(queue, first)
		s.send(queue, again) // also when the first one was handled
		s.send(queue, last)
		s.expect(queue, last)
	}
}

func dropsDuplicatesInBatch(_ *testing.T, s *suite) {
	s.send(bus.Provisioning, s.message(1), s.message(2), s.message(1), s.message(3))
	s.expect(bus.Provisioning, s.message(1), s.message(2), s.message(3))
}

func mayBeSentAgain(_ *testing.T, s *suite) {
	list := s.messages(1, 6)
	s.send(bus.Extensions, list[:3]...)
	s.send(bus.Extensions, list...)
	s.send(bus.Extensions, list...)
	s.send(bus.Extensions, s.message(7))
	s.expect(bus.Extensions, append(list, s.message(7))...)
}

// delay is how far ahead the suite schedules.
func (s *suite) delay() time.Duration {
	if s.Advance == nil {
		return 3 * time.Second
	}
	return 15 * time.Minute
}

func (s *suite) pass(d time.Duration) {
	if s.Advance != nil {
		s.Advance(d)
	}
}

func schedules(t *testing.T, s *suite) {
	for n, queue := range []string{bus.Provisioning, bus.Notifications} {
		later, now := s.message(10*n+1), s.message(10*n+2)
		later.NotBefore = s.Now().Add(s.delay())
		s.send(queue, later)
		s.send(queue, now)
		s.expect(queue, now)
		s.pass(s.delay())
		s.expect(queue, later)
		if s.Now().Before(later.NotBefore.Add(-time.Second)) { // clocks of two machines may differ
			t.Errorf("%s delivered a message at %v that must not come before %v", queue, s.Now(), later.NotBefore)
		}
	}
}

func schedulesInBatch(_ *testing.T, s *suite) {
	list := s.messages(1, 4)
	start := s.Now()
	list[0].NotBefore = start.Add(s.delay() + time.Second)
	list[2].NotBefore = start.Add(s.delay())
	s.send(bus.Provisioning, list...)
	s.expect(bus.Provisioning, list[1], list[3])
	s.pass(s.delay() + time.Second)
	s.expect(bus.Provisioning, list[2], list[0])
}

func takesThePast(_ *testing.T, s *suite) {
	past := s.message(1)
	past.NotBefore = s.Now().Add(-time.Hour)
	s.send(bus.Notifications, past)
	s.expect(bus.Notifications, past)
}

func takesLarge(_ *testing.T, s *suite) {
	large := s.message(1)
	large.Body = bytes.Repeat([]byte("0123456789abcdef"), 250<<10/16)
	s.send(bus.Notifications, large)
	s.send(bus.Provisioning, large)
	s.expect(bus.Notifications, large)
	s.expect(bus.Provisioning, large)
}

func refusesTooLarge(_ *testing.T, s *suite) {
	large := s.message(1)
	large.Body = make([]byte, bus.MaxMessageBytes+1)
	s.refuses(bus.ErrTooLarge, bus.Notifications, large)
	s.refuses(bus.ErrTooLarge, bus.Provisioning, s.message(2), large)
	wordy := s.message(3)
	wordy.Properties = map[string]string{"p": strings.Repeat("v", bus.MaxMessageBytes)}
	s.refuses(bus.ErrTooLarge, bus.Notifications, wordy)
	s.send(bus.Notifications, s.message(4))
	s.expect(bus.Notifications, s.message(4))
}

func splitsBatches(_ *testing.T, s *suite) {
	list := s.messages(1, 60)
	for n := range list {
		list[n].Body = bytes.Repeat([]byte{byte('a' + n%26)}, 20<<10)
	}
	list[30].Body = bytes.Repeat([]byte("x"), 200<<10)
	s.send(bus.Provisioning, list...)
	s.expect(bus.Provisioning, list...)
}

func knowsQueues(_ *testing.T, s *suite) {
	s.refuses(bus.ErrNotFound, "no-such-queue", s.message(1))
	s.refuses(bus.ErrNotFound, "no-such-queue", s.messages(1, 3)...)
	s.send(bus.Notifications, s.message(2))
	s.expect(bus.Notifications, s.message(2))
}

func respectsContext(t *testing.T, s *suite) {
	s.send(bus.Notifications, s.message(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Bus.Send(ctx, s.Queue(bus.Notifications), s.message(2))
	if !errors.Is(err, bus.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("sending with an ended context: got %v, want %v and %v", err, bus.ErrUnavailable, context.Canceled)
	}
	s.send(bus.Notifications, s.message(2), s.message(3))
	s.expect(bus.Notifications, s.message(1), s.message(2), s.message(3))
}

func leavesMessages(_ *testing.T, s *suite) {
	m := s.message(1)
	m.Properties = map[string]string{"k": "v"}
	s.send(bus.Notifications, m)
	want := bus.Message{ID: m.ID, Body: bytes.Clone(m.Body)}
	m.Body[0] = 'x'
	m.Properties["k"] = "w"
	got := s.receive(bus.Notifications, 1)[0]
	if !bytes.Equal(got.Body, want.Body) || got.Properties["k"] != "v" {
		s.Errorf("the sender changed a message that was sent: body %s, properties %v", got.Body, got.Properties)
	}
}

func sendsConcurrently(t *testing.T, s *suite) {
	const senders, each = 12, 15
	var group sync.WaitGroup
	failed := make(chan error, senders)
	for n := range senders {
		group.Go(func() {
			for k := range each {
				queue := bus.Provisioning
				if n%2 == 1 {
					queue = bus.Extensions
				}
				m := s.message(1000*n + k)
				m.SessionID = fmt.Sprintf("%s-%d", s.run, n)
				if err := s.Bus.Send(t.Context(), s.Queue(queue), m); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	for n := range senders {
		queue := bus.Provisioning
		if n%2 == 1 {
			queue = bus.Extensions
		}
		got := s.receiveSession(queue, fmt.Sprintf("%s-%d", s.run, n), each)
		for k := range each {
			if got[k].ID != s.id(1000*n+k) {
				t.Fatalf("message %d of sender %d is %s, want %s", k, n, got[k].ID, s.id(1000*n+k))
			}
		}
	}
}
