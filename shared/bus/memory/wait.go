package memory

import (
	"context"
	"slices"
)

// Waiter is one who waits for a message or a session. It belongs to one goroutine.
//
// The calls that take one ([Queue.ReceiveOrWait] and its kin) put it in the line if there is nothing to receive; C then has a value when a new try is worth
// while. Who does not try again calls Leave, so that the next in the line is told instead.
type Waiter struct {
	C      <-chan struct{}
	signal chan struct{}
	line   *waiters // where it stands in line, nil if it does not
}

// NewWaiter is a waiter that does not stand in line yet.
func NewWaiter() *Waiter {
	signal := make(chan struct{}, 1)
	return &Waiter{C: signal, signal: signal}
}

// waiters is a line of those who wait for the same; the mutex of the queue guards it.
type waiters struct{ line []*Waiter }

// join puts a waiter in the line, if there is one.
func (w *waiters) join(waiter *Waiter) {
	if waiter == nil || waiter.line == w {
		return
	}
	waiter.leave()
	select {
	case <-waiter.signal:
	default:
	}
	waiter.line = w
	w.line = append(w.line, waiter)
}

// leave takes a waiter, if there is one, out of the line that it stands in.
func (w *Waiter) leave() {
	if w == nil || w.line == nil {
		return
	}
	w.line.line = slices.DeleteFunc(w.line.line, func(one *Waiter) bool { return one == w })
	w.line = nil
}

func (w *waiters) wakeOne() {
	if len(w.line) == 0 {
		return
	}
	first := w.line[0]
	first.leave()
	select {
	case first.signal <- struct{}{}:
	default:
	}
}

func (w *waiters) wakeAll() {
	for len(w.line) > 0 {
		w.wakeOne()
	}
}

// Leave takes the waiter out of the line. If there is something to receive in this queue, the next in the line is told.
func (q *Queue) Leave(w *Waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w.leave()
	if q.ready.Len() > 0 || q.free.Len() > 0 {
		q.waiters.wakeOne()
	}
}

// Leave takes the waiter out of the line.
func (s *Session) Leave(w *Waiter) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	w.leave()
	if s.session.ready.Len() > 0 {
		s.session.waiters.wakeOne()
	}
}

// ReceiveWait is [Queue.Receive] that waits for a message until the context ends. Errors: those of Receive, and that of the context.
func (q *Queue) ReceiveWait(ctx context.Context) (Delivery, error) {
	return wait(ctx, q, q.ReceiveOrWait)
}

// AcceptNextWait is [Queue.AcceptNext] that waits for a session until the context ends. Errors: those of AcceptNext, and that of the context.
func (q *Queue) AcceptNextWait(ctx context.Context) (*Session, error) {
	return wait(ctx, q, q.AcceptNextOrWait)
}

// ReceiveWait is [Session.Receive] that waits for a message until the context ends. Errors: those of Receive, and that of the context.
func (s *Session) ReceiveWait(ctx context.Context) (Delivery, error) {
	return wait(ctx, s, s.ReceiveOrWait)
}

func wait[T any](ctx context.Context, from interface{ Leave(*Waiter) }, try func(*Waiter) (T, bool, error)) (T, error) {
	waiter := NewWaiter()
	for {
		value, ok, err := try(waiter)
		if ok || err != nil {
			return value, err
		}
		select {
		case <-waiter.C:
		case <-ctx.Done():
			from.Leave(waiter)
			return value, ctx.Err()
		}
	}
}
