package memory

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/platform"
)

// Broker holds queues. It is safe for concurrent use.
type Broker struct {
	clock  platform.Clock
	queues map[string]*Queue // fixed at New
	names  []string          // sorted
	faults atomic.Pointer[Faults]
	locks  atomic.Uint64 // makes lock tokens and session holders unique for the life of the broker

	announced atomic.Int64  // the instant NextDue last named, in Unix nanoseconds
	earlier   chan struct{} // something became due earlier than announced

	idleWaiters atomic.Int32
	idleMu      sync.Mutex
	idle        chan struct{} // closed and replaced when a queue has run empty
}

var _ bus.Bus = (*Broker)(nil)

// New makes a broker with these queues. Its clock must not be nil.
func New(clock platform.Clock, queues ...QueueOptions) *Broker {
	b := &Broker{clock: clock, queues: make(map[string]*Queue, len(queues)), earlier: make(chan struct{}, 1), idle: make(chan struct{})}
	b.announced.Store(math.MaxInt64)
	for _, options := range queues {
		q := newQueue(b, options)
		b.queues[q.name] = q
		b.names = append(b.names, q.name)
	}
	slices.Sort(b.names)
	return b
}

// Queues are the options of the queues of the house, see [bus.Queues].
func Queues() []QueueOptions {
	var list []QueueOptions
	for _, name := range bus.Queues() {
		list = append(list, QueueOptions{Name: name, RequiresSession: bus.UsesSessions(name)})
	}
	return list
}

// Names lists the queues in alphabetical order.
func (b *Broker) Names() []string { return slices.Clone(b.names) }

// Queue is the queue of that name. Errors: bus.ErrNotFound.
func (b *Broker) Queue(name string) (*Queue, error) {
	q, ok := b.queues[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", bus.ErrNotFound, name)
	}
	return q, nil
}

// Send implements [bus.Bus]. It accepts all messages or none, except where a fault says otherwise.
func (b *Broker) Send(ctx context.Context, queue string, messages ...bus.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("sending to %s: %w: %w", queue, bus.ErrUnavailable, err)
	}
	q, err := b.Queue(queue)
	if err != nil {
		return err
	}
	envelopes := make([]Envelope, len(messages))
	for i := range messages {
		envelopes[i] = Envelope{Message: own(messages[i])}
	}
	accepted, fault := b.faults.Load().send(queue, len(messages))
	if _, err := q.Enqueue(envelopes[:accepted]...); err != nil {
		return err
	}
	if fault != nil {
		return fmt.Errorf("sending to %s: %w", queue, fault)
	}
	return nil
}

// own copies what the sender may change after Send returned.
func own(m bus.Message) bus.Message {
	m.Body, m.Properties = bytes.Clone(m.Body), maps.Clone(m.Properties)
	return m
}

// Tick does what has become due, and wakes who waits for it. It is called when the clock has been moved, or when [Broker.NextDue] has come.
func (b *Broker) Tick() {
	now := b.clock.Now()
	for _, name := range b.names {
		q := b.queues[name]
		q.mu.Lock()
		q.advance(now)
		q.deadLetters.advance(now)
		q.mu.Unlock()
	}
	b.signalEarlier()
}

// NextDue is when a scheduled message becomes visible or a lock expires next, if there is such an instant.
func (b *Broker) NextDue() (time.Time, bool) {
	b.announced.Store(math.MaxInt64)
	var next time.Time
	earliest := func(due time.Time) {
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	for _, name := range b.names {
		q := b.queues[name]
		q.mu.Lock()
		q.dues(earliest)
		q.deadLetters.dues(earliest)
		q.mu.Unlock()
	}
	if next.IsZero() {
		return next, false
	}
	b.announced.Store(next.UnixNano())
	return next, true
}

// Earlier receives a value when the answer of [Broker.NextDue] may have become earlier, or when the clock was moved.
func (b *Broker) Earlier() <-chan struct{} { return b.earlier }

func (b *Broker) due(at time.Time) {
	if at.UnixNano() < b.announced.Load() {
		b.signalEarlier()
	}
}

func (b *Broker) signalEarlier() {
	select {
	case b.earlier <- struct{}{}:
	default:
	}
}

// Counts are the numbers of messages of a queue. Errors: bus.ErrNotFound.
func (b *Broker) Counts(queue string) (Counts, error) {
	q, err := b.Queue(queue)
	if err != nil {
		return Counts{}, err
	}
	return q.Counts(), nil
}

// Idle says whether nothing in these queues is visible or in flight now. Messages that are scheduled, deferred or dead do not count.
// Without names it asks all queues.
func (b *Broker) Idle(queues ...string) bool {
	if len(queues) == 0 {
		queues = b.names
	}
	for _, name := range queues {
		if q := b.queues[name]; q != nil {
			if counts := q.Counts(); counts.Active+counts.Locked > 0 {
				return false
			}
		}
	}
	return true
}

// WaitIdle returns when [Broker.Idle] holds, or with the error of the context. It does not move the clock.
func (b *Broker) WaitIdle(ctx context.Context, queues ...string) error {
	b.idleWaiters.Add(1)
	defer b.idleWaiters.Add(-1)
	for {
		b.idleMu.Lock()
		changed := b.idle
		b.idleMu.Unlock()
		if b.Idle(queues...) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *Broker) ranEmpty() {
	if b.idleWaiters.Load() == 0 {
		return
	}
	b.idleMu.Lock()
	close(b.idle)
	b.idle = make(chan struct{})
	b.idleMu.Unlock()
}

// Reset forgets all messages, sessions and locks. Whoever holds a lock has lost it.
func (b *Broker) Reset() {
	for _, name := range b.names {
		q := b.queues[name]
		q.mu.Lock()
		q.reset()
		q.mu.Unlock()
	}
	b.ranEmpty()
}
