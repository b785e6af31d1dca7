package memory

import (
	"bytes"
	"cmp"
	"time"
)

// session is what the broker knows of one session.
type session struct {
	id          string
	queue       *Queue
	ready       heap[*item] // visible, by sequence number
	locked      []*item     // in the hands of the holder
	messages    int         // visible, locked and deferred
	state       []byte
	holder      uint64 // 0: nobody
	lockedUntil time.Time
	ticket      uint64  // its place among the free ones
	index       int     // in the heap of free or of held sessions, or -1
	waiters     waiters // the holder, waiting for a message
}

func byTicket(a, b *session) bool { return a.ticket < b.ticket }

func bySessionLock(a, b *session) bool {
	return cmp.Or(a.lockedUntil.Compare(b.lockedUntil), cmp.Compare(a.holder, b.holder)) < 0
}

func placeSession(s *session, index int) { s.index = index }

func (q *Queue) session(id string) *session {
	s := q.sessions[id]
	if s == nil {
		s = &session{id: id, queue: q, index: -1, ready: heap[*item]{less: bySequence, place: placeItem}}
		q.sessions[id] = s
	}
	return s
}

// offer puts a session without a holder into the line of the free ones, unless it is in it.
func (q *Queue) offer(s *session) {
	if s.index >= 0 {
		return
	}
	q.sessionOrder++
	s.ticket = q.sessionOrder
	q.free.push(s)
	q.waiters.wakeOne()
}

func (s *session) forgetIfEmpty() {
	if s.messages == 0 && s.holder == 0 && s.state == nil {
		if s.index >= 0 {
			s.queue.free.remove(s.index)
		}
		delete(s.queue.sessions, s.id)
	}
}

func (s *session) lock(i *item) {
	s.queue.counts.Locked++
	i.state = Locked
	i.token = newToken(s.queue.broker.locks.Add(1), i.sequence)
	i.index = len(s.locked)
	s.locked = append(s.locked, i)
}

func (s *session) unlock(i *item) {
	last := len(s.locked) - 1
	s.locked[i.index] = s.locked[last]
	s.locked[i.index].index = i.index
	s.locked[last] = nil
	s.locked = s.locked[:last]
	i.index = -1
}

// expire ends the lock of a session that its holder has let lapse: what it had in hand has failed.
func (s *session) expire() { s.end((*Queue).fail) }

// end takes the session from its holder; back is what happens to each message that was in hand.
func (s *session) end(back func(*Queue, *item)) {
	q := s.queue
	q.held.remove(s.index)
	s.holder = 0
	s.waiters.wakeAll()
	for len(s.locked) > 0 {
		i := s.locked[len(s.locked)-1]
		q.unlock(i)
		back(q, i)
	}
	if s.ready.Len() > 0 {
		q.offer(s)
	}
	s.forgetIfEmpty()
}

// Session is a session in the hands of a receiver.
type Session struct {
	queue   *Queue
	session *session
	holder  uint64
}

func (q *Queue) hold(s *session, now time.Time) *Session {
	if s.index >= 0 {
		q.free.remove(s.index)
	}
	s.holder = q.broker.locks.Add(1)
	s.lockedUntil = now.Add(q.options.LockDuration)
	q.held.push(s)
	q.broker.due(s.lockedUntil)
	return &Session{queue: q, session: s, holder: s.holder}
}

// AcceptNext takes hold of the session that has been waiting longest, if there is one that has visible messages and no holder.
// Errors: bus.ErrInvalid if the queue has no sessions.
func (q *Queue) AcceptNext() (*Session, bool, error) { return q.AcceptNextOrWait(nil) }

// AcceptNextOrWait is [Queue.AcceptNext]; if there is no session, the waiter stands in line for one.
func (q *Queue) AcceptNextOrWait(w *Waiter) (*Session, bool, error) {
	if !q.options.RequiresSession {
		return nil, false, q.noSessions()
	}
	faults := q.broker.faults.Load()
	now := q.lock()
	defer q.mu.Unlock()
	if q.free.Len() == 0 {
		q.waiters.join(w)
		return nil, false, nil
	}
	w.leave()
	s := q.free.items[faults.reorder(q.name, q.free.Len())]
	return q.hold(s, now), true, nil
}

// AcceptSession takes hold of a session by its id, whether or not it has messages. Errors: ErrSessionLocked; bus.ErrInvalid if the queue has no sessions.
func (q *Queue) AcceptSession(id string) (*Session, error) {
	if !q.options.RequiresSession {
		return nil, q.noSessions()
	}
	now := q.lock()
	defer q.mu.Unlock()
	s := q.session(id)
	if s.holder != 0 {
		return nil, ErrSessionLocked
	}
	return q.hold(s, now), nil
}

// ID names the session.
func (s *Session) ID() string { return s.session.id }

// Queue is where the session is; messages are settled there.
func (s *Session) Queue() *Queue { return s.queue }

// enter locks the queue and checks that the session is still held.
func (s *Session) enter() (time.Time, error) {
	now := s.queue.lock()
	if s.session.holder != s.holder {
		s.queue.mu.Unlock()
		return now, ErrSessionLockLost
	}
	return now, nil
}

// LockedUntil is when the lock expires unless it is renewed; zero if it is lost.
func (s *Session) LockedUntil() time.Time {
	if _, err := s.enter(); err != nil {
		return time.Time{}
	}
	defer s.queue.mu.Unlock()
	return s.session.lockedUntil
}

// Receive hands out the next message of the session, if there is one. It may be called again before the last one is settled. Errors: ErrSessionLockLost.
func (s *Session) Receive() (Delivery, bool, error) { return s.ReceiveOrWait(nil) }

// ReceiveOrWait is [Session.Receive]; if there is no message, the waiter stands in line for one.
func (s *Session) ReceiveOrWait(w *Waiter) (Delivery, bool, error) {
	if _, err := s.enter(); err != nil {
		return Delivery{}, false, err
	}
	defer s.queue.mu.Unlock()
	if s.session.ready.Len() == 0 {
		s.session.waiters.join(w)
		return Delivery{}, false, nil
	}
	w.leave()
	i := s.session.ready.remove(0)
	s.queue.counts.Active--
	s.session.lock(i)
	return s.queue.delivery(i), true, nil
}

// Renew prolongs the lock of the session and of the messages in hand. Errors: ErrSessionLockLost.
func (s *Session) Renew() (time.Time, error) {
	now, err := s.enter()
	if err != nil {
		return time.Time{}, err
	}
	defer s.queue.mu.Unlock()
	s.session.lockedUntil = now.Add(s.queue.options.LockDuration)
	s.queue.held.fix(s.session.index)
	return s.session.lockedUntil, nil
}

// Release lets go of the session. Messages in hand become visible again; it does not count as a failed delivery. Errors: ErrSessionLockLost.
func (s *Session) Release() error {
	if _, err := s.enter(); err != nil {
		return err
	}
	defer s.queue.mu.Unlock()
	s.session.end((*Queue).makeReady)
	return nil
}

// State is what the last holder left with the session; nil if nothing. Errors: ErrSessionLockLost.
func (s *Session) State() ([]byte, error) {
	if _, err := s.enter(); err != nil {
		return nil, err
	}
	defer s.queue.mu.Unlock()
	return bytes.Clone(s.session.state), nil
}

// SetState leaves something with the session for the next holder; nil removes it. Errors: ErrSessionLockLost.
func (s *Session) SetState(state []byte) error {
	if _, err := s.enter(); err != nil {
		return err
	}
	defer s.queue.mu.Unlock()
	s.session.state = bytes.Clone(state)
	return nil
}
