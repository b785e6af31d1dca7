package simulation

import (
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"time"
)

// How long an invocation may take, in the time of the simulation: what the handler grants itself, below the functionTimeout of host.json and below the lock of a message.
const (
	callDeadline     = 100 * time.Second
	deliveryDeadline = 4 * time.Minute
)

// crash is what a port panics with to end an invocation where it stands; the task's own frame recovers it.
type crash struct{}

// task is one invocation. It runs only while the scheduler is inside resume.
type task struct {
	world    *world
	name     string
	luck     luck
	priority uint64 // who has the highest goes next
	wakeAt   time.Time
	deadline time.Time
	next     func() (struct{}, bool)
	stop     func()
	yield    func(struct{}) bool
	ended    bool
	crashed  bool
	struck   bool           // a fault was injected into it
	timeless bool           // its deadline is waived, and no more faults strike it; see world.loseLock
	lock     func()         // gives up the lock under which it runs; nil if it has none to lose
	sent     []string       // ids of messages that a queue has accepted from it
	wrote    bool           // it has changed documents that a head guards
	wroteAt  time.Time      // when it first did
	began    int            // the step of the scheduler in which it did
	effect   *effect        // that it carries out, if it does
	callout  string         // the id of the callout that it works on, if it does
	target   *person        // whom it asks for
	pack     string         // that it asks for
	work     string         // what that is, as crash points are counted by
	looked   time.Time      // when it last looked at the clock
	seen     map[string]int // by id of a person: the step in which it last looked at them
	sighted  int            // the step in which it last looked at catalogs
	answered int            // the step in which the directory last answered, or a commit last failed
	after    func(*task)    // runs in the scheduler when it has ended, crashed or not
}

// spawn starts an invocation; it first runs when the scheduler picks it.
func (w *world) spawn(name string, deadline time.Duration, do func(context.Context, *task)) *task {
	t := &task{world: w, name: name, began: w.report.Steps, sighted: -1, answered: -1, seen: map[string]int{}, luck: luck{chance: w.chance.about(named(name))}}
	t.wakeAt = w.clock.Now()
	t.deadline = t.wakeAt.Add(deadline)
	t.priority = uint64(t.luck.next())
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			switch cause := recover().(type) {
			case nil:
			case crash:
				t.crashed = true
			default:
				w.fail("panic", "", "%s panicked: %v\n%s", t.name, cause, debug.Stack())
			}
		}()
		do(invocation{Context: context.Background(), task: t}, t)
	})
	w.tasks = append(w.tasks, t)
	return t
}

// resume hands it the baton until it gives it back.
func (t *task) resume() {
	w := t.world
	w.current = t
	_, going := t.next()
	w.current = nil
	if !going {
		t.ended = true
		w.remove(t)
		if t.crashed {
			w.note(t, "", "crashed")
		}
		if t.after != nil {
			t.after(t)
		}
	}
}

// crash ends it where it stands. What the app deferred still runs, as panics go, but reaches no port any more.
func (t *task) crash() {
	t.crashed = true
	panic(crash{})
}

// point is where the scheduler may let others go first, and where the invocation may end for ever: before a call, which has a name if it changes something.
func (t *task) point(call string) {
	if t.crashed {
		panic(crash{})
	}
	t.pause(t.world.clock.Now())
	t.mayCrash(Before, call)
	if t.lock != nil && t.world.strikes(t, LockLost) {
		t.world.loseLock(t)
	}
}

// pause gives the baton back until an instant.
func (t *task) pause(until time.Time) {
	t.wakeAt = until
	t.priority = uint64(t.luck.next())
	if !t.yield(struct{}{}) {
		t.crash() // the run is over
	}
}

// invocation is the context of a task: it ends when the clock of the simulation passes the deadline.
type invocation struct {
	context.Context
	task *task
}

// Err is the deadline's error once it has passed.
func (i invocation) Err() error {
	if !i.task.timeless && !i.task.world.clock.Now().Before(i.task.deadline) {
		return fmt.Errorf("%s: %w", i.task.name, context.DeadlineExceeded)
	}
	return nil
}

// Deadline is when it passes.
func (i invocation) Deadline() (time.Time, bool) { return i.task.deadline, !i.task.timeless }

// sleep is handlers.Ports.Sleep.
func (w *world) sleep(ctx context.Context, d time.Duration) error {
	t := w.current
	t.pause(w.clock.Now().Add(d))
	return ctx.Err()
}

// jitter is handlers.Ports.Jitter.
func (w *world) jitter(most time.Duration) time.Duration {
	return time.Duration(w.current.luck.next().share() * float64(most))
}

// newID is handlers.Ports.NewID.
func (w *world) newID() string {
	x, y := uint64(w.current.luck.next()), uint64(w.current.luck.next())
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", x>>32, x>>16&0xffff, x&0xfff, y>>48&0xfff, y&0xffffffffffff)
}
