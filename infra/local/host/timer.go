package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/shared/ncrontab"
)

// timer is a function with its schedule. Its occurrences never overlap.
type timer struct {
	*function
	schedule ncrontab.Schedule

	running sync.Mutex // held while the function runs
	mu      sync.Mutex
	last    time.Time // the last occurrence that was run, or the moment from which on they count
}

func (h *Host) newTimer(f *function) (*timer, error) {
	expression, err := h.resolve(f.Schedule)
	if err != nil {
		return nil, err
	}
	schedule, err := ncrontab.Parse(expression)
	if err != nil {
		return nil, err
	}
	if !schedule.Ever() {
		return nil, fmt.Errorf("the schedule %q never comes due", expression)
	}
	return &timer{function: f, schedule: schedule, last: h.options.Clock.Now()}, nil
}

func (t *timer) since() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// claim takes the latest occurrence up to an instant, unless it was run; with it all earlier ones are done.
func (t *timer) claim(until time.Time) (occurrence, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, ok := t.schedule.Prev(until)
	if !ok || !at.After(t.last) {
		return occurrence{}, false
	}
	o := occurrence{monitored: t.UseMonitor, last: t.last, next: at, updated: t.last}
	t.last = at
	return o, true
}

// late is how long after its time a tick counts as past due.
const late = time.Second

// run runs the latest occurrence up to an instant, if it is due. It waits for one that still runs.
func (h *Host) run(ctx context.Context, t *timer, until time.Time) error {
	t.running.Lock()
	defer t.running.Unlock()
	o, due := t.claim(until)
	if !due {
		return nil
	}
	o.pastDue = h.options.Clock.Now().Sub(o.next) > late
	return h.tick(ctx, t, o)
}

func (h *Host) tick(ctx context.Context, t *timer, o occurrence) error {
	h.active.begin()
	defer h.active.end()
	body := appendTick(nil, t.Function, o, system{method: t.Name, now: h.options.Clock.Now(), guid: newID()})
	if err := h.invoke(ctx, t.function, body); err != nil {
		h.options.Logger.Error("the invocation failed", "function", t.Name, "occurrence", o.next, "error", err)
		return fmt.Errorf("%s: %w", t.Name, err)
	}
	return nil
}

// RunDue runs the timers that have come due up to an instant, one after the other in the order of their occurrences: each at most once, for its latest occurrence, however many there were
// since the last. That is what the real host does after an absence, and what lets 180 days pass in seconds. The error joins those of the functions that failed;
// they run again when they are due again.
func (h *Host) RunDue(ctx context.Context, until time.Time) error {
	type due struct {
		*timer
		at time.Time
	}
	var list []due
	for _, t := range h.timers {
		if at, ok := t.schedule.Prev(until); ok && at.After(t.since()) {
			list = append(list, due{t, at})
		}
	}
	slices.SortFunc(list, func(a, b due) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	var failures []error
	for _, d := range list {
		if err := ctx.Err(); err != nil {
			return errors.Join(append(failures, err)...)
		}
		failures = append(failures, h.run(ctx, d.timer, until))
	}
	return errors.Join(failures...)
}

// NextDue is when a timer comes due next, of those that run no more often than this; false if there is none.
func (h *Host) NextDue(every time.Duration) (time.Time, bool) {
	var next time.Time
	for _, t := range h.timers {
		at, ok := t.schedule.Next(t.since())
		if again, more := t.schedule.Next(at); more && again.Sub(at) < every {
			continue
		}
		if ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, !next.IsZero()
}

// clockPeriod is how often a timer looks whether the clock was moved.
const clockPeriod = time.Second

func (h *Host) startTimers() {
	for _, t := range h.timers {
		if t.RunOnStartup {
			h.loops.Go(func() {
				t.running.Lock()
				defer t.running.Unlock()
				_ = h.tick(h.running, t, h.byHand(t)) // logged; it runs again when it is due
			})
		}
		if h.options.ManualTimers {
			continue
		}
		h.loops.Go(func() {
			for h.accepting.Err() == nil {
				now := h.options.Clock.Now()
				wait := clockPeriod
				if next, ok := t.schedule.Next(t.since()); ok {
					wait = min(wait, next.Sub(now))
				}
				if wait > 0 {
					if pause(h.accepting, wait) != nil {
						return
					}
					continue
				}
				_ = h.run(h.running, t, now) // logged; it runs again when it is due
			}
		})
	}
}

// byHand is an occurrence outside of the schedule.
func (h *Host) byHand(t *timer) occurrence {
	last := t.since()
	next, _ := t.schedule.Next(h.options.Clock.Now())
	return occurrence{monitored: t.UseMonitor, last: last, next: next, updated: last}
}
