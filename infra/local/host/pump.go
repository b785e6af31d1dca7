package host

import (
	"context"
	"errors"
	"sync"
	"time"
)

// pump takes messages from a function's queue and gives them to the handler, as many at once as host.json says. Messages of a session
// never overlap: whoever holds the session handles them one after the other.
func (h *Host) pump(f *function) {
	one, many := h.receiveOne, h.config.maxConcurrentCalls
	if f.Sessions {
		one, many = h.receiveSession, h.config.maxConcurrentSessions
	}
	for range many {
		h.loops.Go(func() {
			for h.accepting.Err() == nil {
				// A message is taken only when there is a handler to take it: one that crashes all the time must not use up delivery counts.
				if _, err := h.worker.endpoint(h.accepting); err != nil {
					return
				}
				if err := one(f); err != nil && h.accepting.Err() == nil && !errors.Is(err, ErrLockLost) {
					h.options.Logger.Error("the queue cannot be read", "function", f.Name, "queue", f.Queue, "error", err)
					if pause(h.accepting, sourceBackoff) != nil {
						return
					}
				}
			}
		})
	}
}

const (
	sourceBackoff  = time.Second
	settlePatience = 10 * time.Second
)

func (h *Host) receiveOne(f *function) error {
	d, err := h.options.Source.Receive(h.accepting, f.Queue)
	if err != nil {
		return err
	}
	return h.deliver(f, d)
}

func (h *Host) receiveSession(f *function) error {
	session, err := h.options.Source.AcceptSession(h.accepting, f.Queue)
	if err != nil {
		return err
	}
	for h.accepting.Err() == nil {
		d, ok, err := session.Receive(h.accepting)
		if err == nil && ok {
			err = h.deliver(f, d)
		}
		if err != nil {
			return errors.Join(err, release(session))
		}
		if !ok {
			break
		}
	}
	return release(session)
}

func release(session Session) error {
	ctx, cancel := context.WithTimeout(context.Background(), settlePatience)
	defer cancel()
	return session.Release(ctx)
}

var envelopes = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the largest buffer that is kept for the next envelope.
const maxPooled = 64 << 10

// deliver has the handler work on a message, and settles it by the outcome. The error is that of settling.
func (h *Host) deliver(f *function, d Delivery) error {
	stop := h.keepLocked(f, d)
	m := d.Message()
	buffer := envelopes.Get().(*[]byte)
	body := appendMessage((*buffer)[:0], f.Function, m, system{method: f.Name, now: h.options.Clock.Now(), guid: newID()})
	failure := h.invoke(h.running, f, body)
	if failure == nil && cap(body) <= maxPooled { // after a failure the transport may still be reading it
		*buffer = body
		envelopes.Put(buffer)
	}
	stop()

	ctx, cancel := context.WithTimeout(context.Background(), settlePatience)
	defer cancel()
	if failure == nil {
		return d.Complete(ctx)
	}
	h.options.Logger.Error("the invocation failed", "function", f.Name, "messageId", m.ID, "deliveryCount", m.DeliveryCount, "error", failure)
	return d.Abandon(ctx)
}

// keepLocked renews the lock of a message when half of it has gone by, for as long as host.json says. The returned function ends that.
func (h *Host) keepLocked(f *function, d Delivery) (stop func()) {
	began := h.options.Clock.Now()
	half := func(until time.Time) time.Duration { return max(until.Sub(h.options.Clock.Now())/2, minRenewal) }
	ctx, cancel := context.WithCancel(h.running)
	var mu sync.Mutex
	var timer *time.Timer
	var renew func()
	renew = func() {
		if ctx.Err() != nil || h.options.Clock.Now().Sub(began) > h.config.maxLockRenewal {
			return
		}
		until, err := d.Renew(ctx)
		if err != nil {
			if ctx.Err() == nil {
				h.options.Logger.Warn("the lock is not renewed", "function", f.Name, "messageId", d.Message().ID, "error", err)
			}
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if ctx.Err() == nil {
			timer = time.AfterFunc(half(until), renew)
		}
	}
	mu.Lock()
	timer = time.AfterFunc(half(d.Message().LockedUntil), renew)
	mu.Unlock()
	return func() {
		mu.Lock()
		defer mu.Unlock()
		cancel()
		timer.Stop()
	}
}

// minRenewal keeps a lock that has lapsed by the clock from being renewed in a tight loop.
const minRenewal = 100 * time.Millisecond
