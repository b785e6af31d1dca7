package memory

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"latchkey/shared/bus"
)

// LockToken names one delivery of a message.
type LockToken [16]byte

// String is the token as a UUID is written.
func (t LockToken) String() string {
	text := hex.EncodeToString(t[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

func newToken(lock uint64, sequence int64) (t LockToken) {
	binary.BigEndian.PutUint64(t[:8], lock)
	binary.BigEndian.PutUint64(t[8:], uint64(sequence))
	return t
}

func (t LockToken) sequence() int64 { return int64(binary.BigEndian.Uint64(t[8:])) }

// Delivery is a message in the hands of a receiver, or as [Queue.Peek] shows it. Its message is shared with the broker and must not be changed.
type Delivery struct {
	Message               bus.Message
	SequenceNumber        int64
	DeliveryCount         int       // 1 the first time; peeked: how many times it was delivered in vain
	EnqueuedTime          time.Time // when it became visible, or was accepted if it is still scheduled
	LockToken             LockToken // zero if it was peeked
	LockedUntil           time.Time
	State                 State
	DeadLetterReason      string
	DeadLetterDescription string
	DeadLetterSource      string // the queue it was in before it was dead
	EnqueuedSequence      int64  // its sequence number there
	Wire                  []byte // what the envelope had
}

func (q *Queue) delivery(i *item) Delivery {
	d := Delivery{
		Message: i.Message, SequenceNumber: i.sequence, DeliveryCount: i.failures, EnqueuedTime: i.enqueued, LockToken: i.token, State: i.state,
		DeadLetterReason: i.reason, DeadLetterDescription: i.description, EnqueuedSequence: i.original, Wire: i.Wire,
	}
	if i.state == Locked {
		d.DeliveryCount++
		d.LockedUntil = i.lockedUntil
		if i.session != nil {
			d.LockedUntil = i.session.lockedUntil
		}
	}
	if q.source != nil {
		d.DeadLetterSource = q.source.name
	}
	return d
}

// Receive locks the next visible message, if there is one. Errors: bus.ErrInvalid if the queue has sessions.
func (q *Queue) Receive() (Delivery, bool, error) { return q.ReceiveOrWait(nil) }

// ReceiveOrWait is [Queue.Receive]; if there is no message, the waiter stands in line for one.
func (q *Queue) ReceiveOrWait(w *Waiter) (Delivery, bool, error) {
	if q.options.RequiresSession {
		return Delivery{}, false, fmt.Errorf("%w: %s is read by session", bus.ErrInvalid, q.name)
	}
	faults := q.broker.faults.Load()
	now := q.lock()
	defer q.mu.Unlock()
	if q.ready.Len() == 0 {
		q.waiters.join(w)
		return Delivery{}, false, nil
	}
	w.leave()
	i := q.ready.remove(faults.reorder(q.name, q.ready.Len()))
	q.counts.Active--
	q.lockItem(i, now)
	return q.delivery(i), true, nil
}

// lockItem locks a message without a session.
func (q *Queue) lockItem(i *item, now time.Time) {
	q.counts.Locked++
	i.state = Locked
	i.token = newToken(q.broker.locks.Add(1), i.sequence)
	i.lockedUntil = now.Add(q.options.LockDuration)
	q.locked.push(i)
	q.broker.due(i.lockedUntil)
}

// holds is the message that the token locks.
func (q *Queue) holds(token LockToken) (*item, error) {
	i := q.items[token.sequence()]
	if i == nil || i.state != Locked || i.token != token {
		return nil, ErrLockLost
	}
	return i, nil
}

// unlock takes a locked message out of where locked ones are; the caller puts it elsewhere.
func (q *Queue) unlock(i *item) {
	q.counts.Locked--
	i.token = LockToken{}
	if i.session == nil {
		q.locked.remove(i.index)
	} else {
		i.session.unlock(i)
	}
}

// fail counts a failed delivery of an unlocked message: it becomes visible again, or dead.
func (q *Queue) fail(i *item) {
	i.failures++
	if i.failures >= q.options.MaxDeliveryCount && q.deadLetters != nil {
		q.bury(i, "MaxDeliveryCountExceeded", fmt.Sprintf("Message could not be consumed after %d delivery attempts.", i.failures))
		return
	}
	q.makeReady(i)
}

// drop removes an unlocked message from the queue.
func (q *Queue) drop(i *item) {
	delete(q.items, i.sequence)
	if i.session != nil {
		i.session.messages--
		i.session.forgetIfEmpty()
	}
	if q.counts.Active+q.counts.Locked == 0 {
		q.broker.ranEmpty()
	}
}

// bury moves an unlocked message to the dead letters.
func (q *Queue) bury(i *item, reason, description string) {
	q.drop(i)
	i.session = nil
	i.original, i.sequence = i.sequence, 0
	i.reason, i.description = reason, description
	i.failures = 0
	q.deadLetters.number(i)
	q.deadLetters.arrive(i)
}

// settle does one thing with a locked message.
func (q *Queue) settle(token LockToken, then func(*item)) error {
	faults := q.broker.faults.Load()
	q.lock()
	defer q.mu.Unlock()
	i, err := q.holds(token)
	if err != nil {
		return err
	}
	if faults.loseSettlement(q.name, i.sequence) {
		if i.session != nil {
			i.session.expire()
		} else {
			q.unlock(i)
			q.fail(i)
		}
		return fmt.Errorf("%w: a fault of the simulation", ErrLockLost)
	}
	q.unlock(i)
	then(i)
	return nil
}

// Complete removes the message: it was handled. Errors: ErrLockLost.
func (q *Queue) Complete(token LockToken) error { return q.settle(token, q.drop) }

// Abandon gives the message back after a failed delivery. After too many it is dead. Errors: ErrLockLost.
func (q *Queue) Abandon(token LockToken) error { return q.settle(token, q.fail) }

// Release gives the message back as if it had not been delivered. Errors: ErrLockLost.
func (q *Queue) Release(token LockToken) error { return q.settle(token, q.makeReady) }

// DeadLetter moves the message to the dead letters. Errors: ErrLockLost; bus.ErrInvalid if it is dead already.
func (q *Queue) DeadLetter(token LockToken, reason, description string) error {
	if q.deadLetters == nil {
		return fmt.Errorf("%w: the message is a dead letter already", bus.ErrInvalid)
	}
	return q.settle(token, func(i *item) { q.bury(i, reason, description) })
}

// Defer puts the message aside: only [Queue.ReceiveDeferred] delivers it. Errors: ErrLockLost.
func (q *Queue) Defer(token LockToken) error {
	return q.settle(token, func(i *item) {
		i.state = Deferred
		q.counts.Deferred++
		if q.counts.Active+q.counts.Locked == 0 {
			q.broker.ranEmpty()
		}
	})
}

// ReceiveDeferred locks a deferred message. In a queue with sessions the session must be held. Errors: ErrNoMessage, ErrSessionLockLost.
func (q *Queue) ReceiveDeferred(number int64) (Delivery, error) {
	now := q.lock()
	defer q.mu.Unlock()
	i := q.items[number]
	if i == nil || i.state != Deferred {
		return Delivery{}, fmt.Errorf("%w: %d is not deferred", ErrNoMessage, number)
	}
	if i.session != nil && i.session.holder == 0 {
		return Delivery{}, ErrSessionLockLost
	}
	q.counts.Deferred--
	if i.session != nil {
		i.session.lock(i)
	} else {
		q.lockItem(i, now)
	}
	return q.delivery(i), nil
}

// Renew prolongs the lock of a message. Errors: ErrLockLost.
func (q *Queue) Renew(token LockToken) (time.Time, error) {
	now := q.lock()
	defer q.mu.Unlock()
	i, err := q.holds(token)
	if err != nil {
		return time.Time{}, err
	}
	if i.session != nil {
		return i.session.lockedUntil, nil // the lock of a session is that of its messages
	}
	i.lockedUntil = now.Add(q.options.LockDuration)
	q.locked.fix(i.index)
	return i.lockedUntil, nil
}
