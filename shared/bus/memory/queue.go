package memory

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"time"

	"latchkey/shared/bus"
)

// The defaults of a queue, those of Service Bus as infra sets them up.
const (
	DefaultDuplicateDetection = 10 * time.Minute
	DefaultMaxDeliveryCount   = bus.MaxDeliveryCount
	DefaultLockDuration       = 5 * time.Minute
)

// QueueOptions describe a queue. Their zero value but for the name is a queue without sessions and with the defaults.
type QueueOptions struct {
	Name               string
	RequiresSession    bool
	DuplicateDetection time.Duration // how long an ID is remembered; zero: the default, negative: not at all
	MaxDeliveryCount   int           // after so many failed deliveries a message is dead; zero: the default
	LockDuration       time.Duration // of a message and of a session; zero: the default
	MaxMessageBytes    int           // zero, or more than bus.MaxMessageBytes: bus.MaxMessageBytes
}

// The errors of receivers, besides those of the port.
var (
	// ErrLockLost: the lock of the message has expired, or it was settled already.
	ErrLockLost = errors.New("memory: the lock of the message is lost")
	// ErrSessionLockLost: the lock of the session has expired or was released.
	ErrSessionLockLost = errors.New("memory: the lock of the session is lost")
	// ErrSessionLocked: somebody else holds the session.
	ErrSessionLocked = errors.New("memory: the session is locked by another receiver")
	// ErrNoMessage: there is no message with that sequence number in the state that the call is about.
	ErrNoMessage = errors.New("memory: no such message")
)

// State is where a message is in its life.
type State string

// The states.
const (
	Active    State = "active"
	Scheduled State = "scheduled"
	Locked    State = "locked"
	Deferred  State = "deferred"
)

// Counts are the numbers of messages of a queue by state; those in the dead-letter queue are in no other number.
type Counts struct {
	Active       int `json:"active"`
	Scheduled    int `json:"scheduled"`
	Locked       int `json:"locked"`
	Deferred     int `json:"deferred"`
	DeadLettered int `json:"deadLettered"`
}

// Envelope is a message as a wire adapter hands it in: with the bytes it came in, which the broker keeps and does not read.
type Envelope struct {
	bus.Message
	Wire []byte
}

// Queue is a queue, or the dead letters of one.
type Queue struct {
	broker      *Broker
	name        string
	options     QueueOptions
	deadLetters *Queue // nil if this is itself a dead-letter queue
	source      *Queue // of a dead-letter queue, the queue it belongs to

	mu        *sync.Mutex // guards all below, and the same of the dead letters
	sequence  int64
	items     map[int64]*item // all, by sequence number
	counts    Counts
	ready     heap[*item] // visible, without sessions; by sequence number
	scheduled heap[*item] // by the time they become visible
	locked    heap[*item] // without sessions; by the time their locks expire
	waiters   waiters     // for a message of ready, or for a session of free
	history   history

	sessions     map[string]*session // those that have messages, state or a holder
	free         heap[*session]      // have visible messages and no holder; by ticket
	held         heap[*session]      // have a holder; by the time their locks expire
	sessionOrder uint64              // the last ticket
}

// item is a message in a queue.
type item struct {
	Envelope
	sequence    int64
	original    int64 // the sequence number it had before it was dead
	enqueued    time.Time
	visible     time.Time // when it is scheduled
	lockedUntil time.Time // when it is locked, without sessions
	failures    int       // deliveries that were not completed
	state       State
	token       LockToken
	session     *session // nil without sessions
	index       int      // in the heap or list that holds it
	reason      string   // why it is dead
	description string
}

func bySequence(a, b *item) bool { return a.sequence < b.sequence }

func byVisible(a, b *item) bool {
	return cmp.Or(a.visible.Compare(b.visible), cmp.Compare(a.sequence, b.sequence)) < 0
}

func byLock(a, b *item) bool {
	return cmp.Or(a.lockedUntil.Compare(b.lockedUntil), cmp.Compare(a.sequence, b.sequence)) < 0
}

func placeItem(i *item, index int) { i.index = index }

func newQueue(b *Broker, options QueueOptions) *Queue {
	options.DuplicateDetection = cmp.Or(options.DuplicateDetection, DefaultDuplicateDetection)
	options.MaxDeliveryCount = cmp.Or(options.MaxDeliveryCount, DefaultMaxDeliveryCount)
	options.LockDuration = cmp.Or(options.LockDuration, DefaultLockDuration)
	options.MaxMessageBytes = cmp.Or(min(options.MaxMessageBytes, bus.MaxMessageBytes), bus.MaxMessageBytes)
	q := &Queue{broker: b, name: options.Name, options: options, mu: new(sync.Mutex)}
	q.deadLetters = &Queue{broker: b, name: options.Name, options: options, mu: q.mu, source: q}
	q.deadLetters.options.RequiresSession = false
	q.deadLetters.options.DuplicateDetection = -1
	q.reset()
	return q
}

// reset empties the queue. Locks of before it are lost, because sequence numbers go on.
func (q *Queue) reset() {
	q.items = make(map[int64]*item)
	q.counts = Counts{}
	q.ready = heap[*item]{less: bySequence, place: placeItem}
	q.scheduled = heap[*item]{less: byVisible, place: placeItem}
	q.locked = heap[*item]{less: byLock, place: placeItem}
	q.history = history{window: q.options.DuplicateDetection, seen: make(map[string]seen)}
	for _, s := range q.sessions {
		s.holder = 0
		s.waiters.wakeAll()
	}
	q.sessions = make(map[string]*session)
	q.free = heap[*session]{less: byTicket, place: placeSession}
	q.held = heap[*session]{less: bySessionLock, place: placeSession}
	if q.deadLetters != nil {
		q.deadLetters.reset()
	}
}

// Name is the name of the queue; dead letters have that of their queue.
func (q *Queue) Name() string { return q.name }

// Options are those of the queue, with the defaults filled in.
func (q *Queue) Options() QueueOptions { return q.options }

// DeadLetters is the dead-letter queue. It has no sessions and no dead letters of its own: there it is nil.
func (q *Queue) DeadLetters() *Queue { return q.deadLetters }

// Counts are the numbers of messages now.
func (q *Queue) Counts() Counts {
	q.lock()
	defer q.mu.Unlock()
	counts := q.counts
	if q.deadLetters != nil {
		counts.DeadLettered = len(q.deadLetters.items)
	}
	return counts
}

// Enqueue accepts all messages, or none if there is an error, and returns their sequence numbers. A duplicate is accepted and dropped; its
// number is that of the first. Errors: bus.ErrInvalid, bus.ErrTooLarge. What it is given belongs to the broker from then on.
func (q *Queue) Enqueue(envelopes ...Envelope) ([]int64, error) {
	if q.deadLetters == nil {
		return nil, fmt.Errorf("%w: nothing is sent to a dead-letter queue", bus.ErrInvalid)
	}
	for i := range envelopes {
		if err := q.check(&envelopes[i]); err != nil {
			return nil, fmt.Errorf("sending to %s: %w", q.name, err)
		}
	}
	faults := q.broker.faults.Load()
	now := q.lock()
	defer q.mu.Unlock()
	numbers := make([]int64, len(envelopes))
	for i := range envelopes {
		envelope := &envelopes[i]
		envelope.ContentType = cmp.Or(envelope.ContentType, bus.JSON)
		if number, duplicate := q.history.find(envelope.ID, now); duplicate {
			numbers[i] = number
			continue
		}
		numbers[i] = q.accept(*envelope, now, faults.delay(q.name, &envelope.Message))
		q.history.add(envelope.ID, numbers[i], now)
		if faults.duplicate(q.name, &envelope.Message) {
			q.accept(*envelope, now, 0)
		}
	}
	return numbers, nil
}

func (q *Queue) check(envelope *Envelope) error {
	if err := envelope.Validate(q.options.RequiresSession); err != nil {
		return err
	}
	if size := max(envelope.Size(), len(envelope.Wire)); size > q.options.MaxMessageBytes {
		return fmt.Errorf("%w: message %q has %d bytes, the limit is %d", bus.ErrTooLarge, envelope.ID, size, q.options.MaxMessageBytes)
	}
	return nil
}

func (q *Queue) accept(envelope Envelope, now time.Time, delay time.Duration) int64 {
	i := &item{Envelope: envelope, enqueued: now, visible: envelope.NotBefore}
	q.number(i)
	if delay > 0 {
		if i.visible.Before(now) {
			i.visible = now
		}
		i.visible = i.visible.Add(delay)
	}
	if i.visible.After(now) {
		i.state = Scheduled
		q.counts.Scheduled++
		q.scheduled.push(i)
		q.broker.due(i.visible)
	} else {
		q.arrive(i)
	}
	return i.sequence
}

func (q *Queue) number(i *item) {
	delete(q.items, i.sequence)
	q.sequence++
	i.sequence = q.sequence
	q.items[i.sequence] = i
}

// arrive makes a message visible that was not in the queue proper before.
func (q *Queue) arrive(i *item) {
	if q.options.RequiresSession {
		i.session = q.session(i.SessionID)
		i.session.messages++
	}
	q.makeReady(i)
}

// makeReady makes a message visible and wakes one who waits for it.
func (q *Queue) makeReady(i *item) {
	i.state = Active
	i.token = LockToken{}
	q.counts.Active++
	if i.session == nil {
		q.ready.push(i)
		q.waiters.wakeOne()
		return
	}
	s := i.session
	s.ready.push(i)
	if s.holder != 0 {
		s.waiters.wakeOne()
	} else {
		q.offer(s)
	}
}

// lock takes the mutex and does what has become due; it returns the present.
func (q *Queue) lock() time.Time {
	q.mu.Lock()
	now := q.broker.clock.Now()
	q.advance(now)
	return now
}

func (q *Queue) advance(now time.Time) {
	for q.scheduled.Len() > 0 && !q.scheduled.top().visible.After(now) {
		i := q.scheduled.remove(0)
		q.counts.Scheduled--
		i.enqueued = i.visible
		q.number(i) // as Service Bus does: it is appended to the queue as if it were sent now
		q.arrive(i)
	}
	for q.locked.Len() > 0 && !q.locked.top().lockedUntil.After(now) {
		i := q.locked.top()
		q.unlock(i)
		q.fail(i)
	}
	for q.held.Len() > 0 && !q.held.top().lockedUntil.After(now) {
		q.held.top().expire()
	}
}

// dues tells when something becomes due next: a scheduled message, the lock of one, that of a session.
func (q *Queue) dues(tell func(time.Time)) {
	if q.scheduled.Len() > 0 {
		tell(q.scheduled.top().visible)
	}
	if q.locked.Len() > 0 {
		tell(q.locked.top().lockedUntil)
	}
	if q.held.Len() > 0 {
		tell(q.held.top().lockedUntil)
	}
}

// CancelScheduled removes scheduled messages. If one of them is not there any more, or is visible already, none is removed. Errors: ErrNoMessage.
func (q *Queue) CancelScheduled(numbers ...int64) error {
	q.lock()
	defer q.mu.Unlock()
	for _, number := range numbers {
		if i := q.items[number]; i == nil || i.state != Scheduled {
			return fmt.Errorf("%w: %d is not scheduled", ErrNoMessage, number)
		}
	}
	for _, number := range numbers {
		if i := q.items[number]; i != nil { // a number may be named twice
			q.scheduled.remove(i.index)
			q.counts.Scheduled--
			delete(q.items, number)
		}
	}
	return nil
}
