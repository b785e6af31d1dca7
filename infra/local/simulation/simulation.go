package simulation

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"latchkey/handlers"
	"latchkey/shared/app/companion"
	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/platform"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// fewSizes is how many seeds there are to one with documents at their limits.
const fewSizes = 25

// Options are one run.
type Options struct {
	Seed     uint64
	Without  map[Fault]bool  // faults that are left out
	Skip     map[int]bool    // operations that are left out, by number
	Trace    bool            // keep what happened
	Aim      Point           // where to crash for certain; zero: wherever the seed says
	Hazards  map[Hazard]bool // nil: all; FullSizes, with which a step takes a hundred times as long, in each seed that fewSizes divides
	Sabotage Sabotage
}

// Failure is a promise that was broken.
type Failure struct {
	Seed      uint64
	Rule      string // which promise, in a word
	Problem   string
	Partition string // of the subject or catalog concerned, if there is one
	Trace     []string
}

// Error is the problem with the seed that replays it.
func (f *Failure) Error() string { return fmt.Sprintf("seed %d: %s: %s", f.Seed, f.Rule, f.Problem) }

// Report says what a run did, so that a test can see that it did something.
type Report struct {
	Steps      int
	Operations map[string]int // by name: how many succeeded
	Refused    map[string]int // by name: how many were refused for a reason of the domain
	Faults     map[Fault]int
	States     map[string]int // of requests and callouts: how many ever were in it
	Passed     map[Point]int  // how often the work for callouts came by
	Crashed    map[Point]int  // how often it ended there
	Count      int            // of operations, those left out too
	Trace      []string
}

func newReport() Report {
	return Report{Operations: map[string]int{}, Refused: map[string]int{}, Faults: map[Fault]int{}, States: map[string]int{}, Passed: map[Point]int{}, Crashed: map[Point]int{}}
}

// startOfTime is when every run begins.
var startOfTime = time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)

// Bounds of a run.
const (
	maxTasks = 7       // invocations at once
	maxSteps = 200_000 // of the scheduler
)

// world is one run: the app, what it runs on, and who uses it.
type world struct {
	options   Options
	chance    chance
	intensity float64 // of the faults
	calm      bool    // no more faults
	tracing   bool
	clock     *platform.ManualClock
	store     *storememory.Store
	broker    *busmemory.Broker
	directory *directorymemory.Directory
	ports     handlers.Ports
	apps      [2]*process
	ledger    *book
	tenant    tenant

	tasks     []*task
	current   *task
	operation int // the next
	blocked   map[string]bool
	pumped    uint64
	timers    int
	aims      map[Point]int            // how often the run crashes there for certain
	favoured  int                      // the configured action that leads there; below zero: none
	outages   map[dependency]time.Time // until when each does not answer
	spawned   int
	failure   *Failure
	report    Report

	peopleChanged int // the step in which somebody last did; below zero: nobody has
	appointments  []appointment
	absent        map[string]*absent // by id of a person or group that was ever deleted
	calmSince     time.Time
	reconciled    time.Time
}

// Run plays one seed. The error is a *Failure.
func Run(options Options) (Report, error) {
	w := newWorld(options)
	defer w.end()
	w.play()
	w.report.Trace = w.ledger.trace
	if w.failure != nil {
		w.failure.Trace = w.ledger.trace
		return w.report, w.failure
	}
	return w.report, nil
}

func newWorld(options Options) *world {
	if options.Hazards == nil {
		options.Hazards = map[Hazard]bool{}
		for _, hazard := range Hazards() {
			options.Hazards[hazard] = hazard != FullSizes || options.Seed%fewSizes == 0
		}
	}
	w := &world{
		options: options, chance: chance(scramble(options.Seed + 1)), tracing: options.Trace, clock: platform.NewManualClock(startOfTime), blocked: map[string]bool{}, outages: map[dependency]time.Time{}, aims: map[Point]int{},
		report: newReport(), peopleChanged: -1, absent: map[string]*absent{},
	}
	w.intensity = []float64{0, 0.4, 1, 1, 2}[uint64(w.chance.about(named("intensity")))%5]
	w.takeAim()
	w.store = storememory.New(w.clock)
	w.broker = busmemory.New(w.clock, busmemory.Queues()...)
	w.directory = directorymemory.New(directorymemory.Options{Clock: w.clock})
	w.broker.SetFaults(&busmemory.Faults{
		Duplicate: func(queue string, m *bus.Message) bool { return w.happens(BusDuplicate, queue+m.ID, 0) },
		Delay: func(queue string, m *bus.Message) time.Duration {
			if !w.happens(BusDelay, queue+m.ID, 0) {
				return 0
			}
			return time.Duration(w.chance.about(named(m.ID), named("delay")).share() * float64(30*time.Minute))
		},
		Reorder: func(queue string, choices int) int {
			if !w.happens(BusReorder, queue, w.pumped) {
				return 0
			}
			return int(uint64(w.chance.about(named("reorder"), w.pumped)) % uint64(choices))
		},
	})
	w.ledger = newBook(w)
	var inner struct {
		store     store.Store
		bus       bus.Bus
		directory directory.Directory
		actions   directory.Actions
		outbound  companion.Outbound
	}
	inner.store, inner.bus, inner.directory = storeLedger{w.store, w.ledger}, busLedger{w.broker, w.ledger}, directoryLedger{w.directory, w.ledger}
	inner.actions, inner.outbound = actionLedger{directoryLedger{w.directory, w.ledger}}, receiver{w.ledger}
	if sabotage := options.Sabotage.Store; sabotage != nil {
		inner.store = sabotage(inner.store)
	}
	if sabotage := options.Sabotage.Bus; sabotage != nil {
		inner.bus = sabotage(inner.bus)
	}
	if sabotage := options.Sabotage.Directory; sabotage != nil {
		inner.directory = sabotage(inner.directory)
	}
	if sabotage := options.Sabotage.Actions; sabotage != nil {
		inner.actions = sabotage(inner.actions)
	}
	if sabotage := options.Sabotage.Outbound; sabotage != nil {
		inner.outbound = sabotage(inner.outbound)
	}
	w.ports = handlers.Ports{
		Store: storePort{w, inner.store}, Bus: busPort{w, inner.bus}, Directory: directoryPort{w, inner.directory}, Actions: actionPort{w, inner.actions}, Outbound: outboundPort{w, inner.outbound},
		Secrets: secrets(), PublicURL: "https://latchkey.example", PortalURL: "https://portal.example",
		Clock: clockPort{w}, NewID: w.newID, Sleep: w.sleep, Jitter: w.jitter, Logger: slog.New(logPort{w}), AuditChains: 100, RequestsPerHour: requestsPerHour,
	}
	if options.Sabotage.NoLimit {
		w.ports.RequestsPerHour = 0
	}
	w.apps = [2]*process{start(w.ports), start(w.ports)}
	return w
}

// play is the run: a tenant, its days with all that goes wrong, and then calm in which everything must come right.
func (w *world) play() {
	w.calm = true
	w.makeTenant()
	w.makeActions()
	w.calm = false
	w.report.Count = w.countOperations()
	w.schedule(true)
	w.calmSince = w.clock.Now()
	w.settle(49 * time.Hour)
	w.verify("when the faults had ceased", false)
	w.settle(400 * 24 * time.Hour)
	w.verify("when all time was up", true)
	w.endEverything()
	w.settle(49 * time.Hour)
	w.verify("when everything was taken back", true)
	w.verifyNothingLeft()
	w.verifyChains("at the end") // the ledger has followed them until here
}

// fail notes the first broken promise; the scheduler stops at it.
func (w *world) fail(rule, partition, format string, args ...any) {
	if w.failure != nil {
		return
	}
	w.failure = &Failure{Seed: w.options.Seed, Rule: rule, Problem: fmt.Sprintf(format, args...), Partition: partition}
	w.note(w.current, partition, "BROKEN %s: %s", rule, w.failure.Problem)
}

// note keeps a line of the trace.
func (w *world) note(t *task, partition, format string, args ...any) {
	if !w.tracing {
		return
	}
	who := "-"
	if t != nil {
		who = t.name
	}
	where := ""
	if partition != "" {
		where = " [" + w.partitionName(partition) + "]"
	}
	w.ledger.trace = append(w.ledger.trace, fmt.Sprintf("%s %s%s %s", w.clock.Now().Format("2006-01-02T15:04:05"), who, where, w.legible(fmt.Sprintf(format, args...))))
}

func (w *world) remove(t *task) {
	if i := slices.Index(w.tasks, t); i >= 0 {
		w.tasks = slices.Delete(w.tasks, i, i+1)
	}
}

// end unwinds what is still suspended, so that a run leaves no goroutine behind.
func (w *world) end() {
	w.calm = true
	for _, t := range w.tasks {
		w.current = t
		t.stop()
	}
	w.tasks = nil
}

// pick is who goes next: the candidate with the highest priority. It is nil when all there are sleep or there are none.
func (w *world) pick(operations bool) func() {
	now := w.clock.Now()
	var chosen func()
	best := uint64(0)
	for _, t := range w.tasks {
		if !t.wakeAt.After(now) && (chosen == nil || t.priority > best) {
			best, chosen = t.priority, t.resume
		}
	}
	offer := func(priority uint64, run func()) {
		if chosen == nil || priority > best {
			best, chosen = priority, run
		}
	}
	if operations && len(w.tasks) < maxTasks {
		if w.operation < w.report.Count {
			offer(uint64(w.chance.about(named("operation"), uint64(w.operation)))/2, w.startOperation) // half, so that what has begun gets somewhere
		}
	}
	for _, queue := range [...]string{bus.Provisioning, bus.Notifications, bus.Extensions} {
		if !w.blocked[queue] && len(w.tasks) < maxTasks+3 {
			offer(uint64(w.chance.about(named(queue), w.pumped)), func() { w.deliver(queue) })
		}
	}
	return chosen
}

// schedule runs until there is nothing left to do but wait for a time to come: with operations, until all of them are done.
func (w *world) schedule(operations bool) {
	for w.failure == nil {
		if w.report.Steps++; w.report.Steps > maxSteps {
			w.fail("endless", "", "the run does not end; still at it: %s", strings.Join(w.names(), ", "))
			return
		}
		if next := w.pick(operations); next != nil {
			next()
			continue
		}
		wake := time.Time{}
		for _, t := range w.tasks {
			if wake.IsZero() || t.wakeAt.Before(wake) {
				wake = t.wakeAt
			}
		}
		if wake.IsZero() {
			return
		}
		w.advanceTo(wake)
	}
}

func (w *world) names() []string {
	var names []string
	for _, t := range w.tasks {
		names = append(names, t.name)
	}
	return names
}

// advanceTo moves the clock; what becomes visible may be delivered.
func (w *world) advanceTo(instant time.Time) {
	for len(w.appointments) > 0 && !w.appointments[0].at.After(instant) {
		next := w.appointments[0]
		w.appointments = w.appointments[1:]
		if next.at.After(w.clock.Now()) {
			w.clock.Set(next.at)
		}
		next.do()
	}
	if instant.After(w.clock.Now()) {
		w.clock.Set(instant)
		clear(w.blocked)
	}
}

// do runs one task to its end, with nothing beside it.
func (w *world) do(name string, body func(context.Context, *process) error) {
	if w.failure != nil {
		return
	}
	w.spawned++
	t := w.spawn(fmt.Sprintf("%s.%d", name, w.spawned), 24*time.Hour, func(ctx context.Context, _ *task) {
		if err := body(ctx, w.apps[0]); err != nil {
			w.fail("setup", "", "%s: %v", name, err)
		}
	})
	for w.failure == nil && !t.ended {
		if t.wakeAt.After(w.clock.Now()) {
			w.advanceTo(t.wakeAt)
		}
		t.resume()
	}
}
