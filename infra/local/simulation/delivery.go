package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// deliver hands the next message of a queue to an invocation of its own, as the Functions host does.
func (w *world) deliver(name string) {
	queue, err := w.broker.Queue(name)
	if err != nil {
		w.fail("setup", "", "%v", err)
		return
	}
	w.pumped++
	var delivery busmemory.Delivery
	var session *busmemory.Session
	var ok bool
	if bus.UsesSessions(name) {
		if session, ok, err = queue.AcceptNext(); ok {
			delivery, ok, err = session.Receive()
		}
	} else {
		delivery, ok, err = queue.Receive()
	}
	if err != nil {
		w.fail("setup", "", "receive from %s: %v", name, err)
		return
	}
	if !ok {
		w.blocked[name] = true // until something is sent, or time passes, or a session is given back
		return
	}
	var effect governance.Effect
	if err := json.Unmarshal(delivery.Message.Body, &effect); err != nil {
		w.fail("effect", "", "the message %s cannot be read: %v", delivery.Message.ID, err)
		return
	}
	if w.happens(BusDead, name+delivery.Message.ID, uint64(delivery.SequenceNumber)) {
		w.note(nil, delivery.Message.SessionID, "%s goes to the dead letters", delivery.Message.ID)
		w.ledger.killed(delivery)
		w.ledger.struck(effect.About)
		_ = queue.DeadLetter(delivery.LockToken, "Simulated", "a fault of the simulation")
		if session != nil {
			_ = session.Release()
		}
		return
	}
	instance := w.apps[delivery.DeliveryCount%2]
	w.spawned++
	t := w.spawn(fmt.Sprintf("%s/%d:%s#%d", name, w.spawned, delivery.Message.ID, delivery.DeliveryCount), deliveryDeadline, func(ctx context.Context, t *task) {
		w.note(t, effect.Partition, "delivered: %s %s%s %s%s", effect.What, effect.Notification, tail(effect.RequestID), effect.Kind, tail(effect.About))
		if c := w.ledger.callouts[effect.About]; c != nil {
			t.callout, t.work = c.ID, c.work()
			c.struck = c.struck || delivery.DeliveryCount > 1
		}
		t.effect = w.ledger.effects[effect.ID]
		err := instance.HandleEffect(ctx, governance.System(), effect)
		w.ledger.handled(t, delivery, effect, err)
		if err != nil {
			w.leaks("an error", err.Error())
		}
		if err == nil && !w.strikes(t, Crash) {
			w.note(t, effect.Partition, "handled")
			_ = queue.Complete(delivery.LockToken) // its lock may be lost: then it comes again
		} else if err != nil {
			w.note(t, effect.Partition, "failed: %v", err)
			_ = queue.Abandon(delivery.LockToken)
		} else {
			w.note(t, effect.Partition, "handled, and crashed before it could say so")
			return
		}
		if session != nil {
			_ = session.Release()
		}
	})
	if session != nil {
		t.lock = func() { _ = session.Release() }
	}
	t.after = func(t *task) {
		if t.effect != nil {
			t.effect.struck = t.effect.struck || t.struck || t.crashed || invocation{task: t}.Err() != nil // or it came to its end too late
		}
		if t.crashed {
			w.ledger.hit(delivery)
		}
		clear(w.blocked)
	}
}

func tail(id string) string {
	if id == "" {
		return ""
	}
	return " " + id
}

// loseLock takes the lock of its session from an invocation that goes on: the message is delivered to another at once. What the first one then does late has to be
// undone by itself, so nothing more befalls it: no order of calls could make up for one that changes the directory late and dies.
func (w *world) loseLock(t *task) {
	w.note(t, "", "has lost the lock of its session and does not know")
	t.timeless = true
	t.lock()
	t.lock = nil
	clear(w.blocked)
	if t.luck.odds(0.7) { // it stalls long enough for much to happen
		t.pause(w.clock.Now().Add(time.Duration(t.luck.next().share() * float64(one(&t.luck, []time.Duration{time.Minute, time.Hour, 3 * 24 * time.Hour})))))
	}
}

// nextDue is when something happens next by itself: a message becomes visible or a lock ends (messages), or a document is due (documents).
func (w *world) nextDue() (messages, documents time.Time) {
	if at, ok := w.broker.NextDue(); ok {
		messages = at
	}
	if len(w.appointments) > 0 && (messages.IsZero() || w.appointments[0].at.Before(messages)) {
		messages = w.appointments[0].at
	}
	return messages, w.ledger.nextDue()
}

// settle lets time pass without faults: timers run and queues are drained, until nothing is due before the horizon.
func (w *world) settle(horizon time.Duration) {
	w.calm = true
	until := w.clock.Now().Add(horizon)
	w.operation = w.report.Count // those that were not begun are not
	overdue := 0
	for w.failure == nil {
		w.runTimers()
		clear(w.blocked)
		w.schedule(true)
		now := w.clock.Now()
		messages, documents := w.nextDue()
		next := messages
		if !documents.IsZero() && documents.Before(until) && (next.IsZero() || documents.Before(next)) {
			next = documents
		}
		switch {
		case next.IsZero():
			if now.Before(until) {
				w.advanceTo(until)
				continue
			}
			return
		case next.After(now):
			overdue = 0
			w.advanceTo(next)
		default: // what the timers sent was dropped as a duplicate: the next time will do
			if overdue++; overdue > 30 && w.options.Sabotage.NoExpiry {
				return
			}
			if overdue > 30 {
				w.fail("overdue", "", "something stays due although all timers ran: %s", w.ledger.overdue(now))
				return
			}
			w.advanceTo(now.Add(11 * time.Minute))
		}
	}
}

// runTimers starts a run of each timer.
func (w *world) runTimers() {
	if !w.options.Sabotage.NoExpiry {
		w.startTimer("expire")
	}
	w.startTimer("flush")
	if w.on(Tampering) && w.clock.Now().Sub(w.reconciled) >= 24*time.Hour {
		w.reconciled = w.clock.Now()
		w.startTimer("reconcile")
	}
}

func (w *world) startTimer(name string) {
	w.timers++
	instance := w.apps[w.timers%2]
	t := w.spawn(fmt.Sprintf("%s.%d", name, w.timers), deliveryDeadline, func(ctx context.Context, t *task) {
		var sweep ledger.Sweep
		var err error
		switch name {
		case "expire":
			sweep, err = instance.Sweeper.ExpireDue(ctx, governance.System())
		case "flush":
			sweep, err = instance.Sweeper.FlushOutbox(ctx, governance.System())
		default:
			sweep, err = instance.Reconcile(ctx, governance.System())
		}
		w.note(t, "", "found %d, sent %d%s", sweep.Found, sweep.Sent, outcome(err))
		if err != nil && !t.struck && !passing(err) {
			w.fail("timer", "", "%s failed: %v", name, err)
		}
		if err == nil {
			w.report.Operations[name]++
		}
	})
	t.after = func(*task) { clear(w.blocked) }
}

// passing says that an error is one of the faults of this world, or what the app makes of it.
func passing(err error) bool {
	code := ledger.CodeOf(err)
	return code == governance.CodeUnavailable || code == governance.CodeThrottled
}
