package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/functions"
	"latchkey/infra/local/fault"
	"latchkey/shared/platform"
)

// Options of a host. HandlerURL or HandlerPath must be set, and Source if there is a function with a Service Bus trigger.
type Options struct {
	Functions   fs.FS             // the function folders; nil: those of this repository
	HostJSON    []byte            // host.json
	Settings    map[string]string // app settings: %Setting% in functions, overrides of host.json, the environment of a child
	HandlerURL  string            // a handler that is served already, such as http://127.0.0.1:8080
	HandlerPath string            // or an executable to run as a child
	ScriptRoot  string            // of a child; empty: the folder of HandlerPath
	Source      Source

	UnlimitedRestarts bool // a child is started again however often it crashes, once one was ready
	ManualTimers      bool // timers run in RunDue alone, not by themselves

	Clock  platform.Clock  // nil: the machine's
	Faults *fault.Injector // nil: none
	Logger *slog.Logger    // nil: nothing is logged
}

// Host is a Functions host. It is an http.Handler: its public port.
type Host struct {
	options   Options
	config    config
	functions []*function
	routes    []*function // those over HTTP, in the order in which they are tried
	timers    []*timer
	worker    worker
	proxy     *proxy
	client    *http.Client // posts invocations
	active    activity
	restarts  atomic.Int64
	crashes   atomic.Int64
	began     time.Time

	accepting context.Context // triggers take new work until it ends
	refuse    context.CancelFunc
	running   context.Context // what is in hand goes on until it ends
	abort     context.CancelFunc
	loops     sync.WaitGroup
	startOnce sync.Once
	startErr  error
	stopOnce  sync.Once
}

// function is one that is loaded, with its counters.
type function struct {
	functions.Function
	route route

	invocations, failures, timeouts atomic.Int64
}

func (f *function) count(err error) {
	f.invocations.Add(1)
	if err != nil {
		f.failures.Add(1)
	}
	if errors.Is(err, ErrTimeout) {
		f.timeouts.Add(1)
	}
}

// New makes a host; Start brings it to life. It refuses what the real host would load and this one would run otherwise.
func New(o Options) (*Host, error) {
	if o.Clock == nil {
		o.Clock = platform.SystemClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Functions == nil {
		o.Functions = functions.FS()
	}
	c, err := readConfig(o.HostJSON, o.Settings)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	list, err := functions.Read(o.Functions)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	h := &Host{options: o, config: c, began: time.Now()}
	for _, f := range list {
		if f.Disabled || strings.EqualFold(o.Settings["AzureWebJobs."+f.Name+".Disabled"], "true") {
			o.Logger.Info("the function is disabled", "function", f.Name)
			continue
		}
		if err := h.load(f); err != nil {
			return nil, fmt.Errorf("host: function %s: %w", f.Name, err)
		}
	}
	switch {
	case (o.HandlerURL == "") == (o.HandlerPath == ""):
		return nil, errors.New("host: either HandlerURL or HandlerPath")
	case o.HandlerURL != "":
		var served *inProcess
		if served, err = newInProcess(o.HandlerURL, c.initializationTimeout); err == nil {
			served.restarted = h.countRestart
			h.worker = served
		}
	default:
		var child *process
		if child, err = newProcess(o, c); err == nil {
			child.restarted = h.countRestart
			h.worker = child
		}
	}
	if err != nil {
		return nil, err
	}
	h.proxy = newProxy(h)
	h.client = &http.Client{Transport: retrying{h}, CheckRedirect: stayAtHandler}
	h.accepting, h.refuse = context.WithCancel(context.Background())
	h.running, h.abort = context.WithCancel(context.Background())
	return h, nil
}

func (h *Host) countRestart(crash bool) {
	h.restarts.Add(1)
	if crash {
		h.crashes.Add(1)
	}
}

func (h *Host) load(f functions.Function) error {
	loaded := &function{Function: f}
	var err error
	switch f.Kind {
	case functions.HTTP:
		if f.AuthLevel != "anonymous" {
			return fmt.Errorf("authLevel %q; the local host has no keys", f.AuthLevel)
		}
		if loaded.route, err = parseRoute(cmp.Or(f.Route, f.Name), f.Methods); err != nil {
			return err
		}
		h.routes = append(h.routes, loaded)
	case functions.ServiceBus:
		switch {
		case f.Many:
			return errors.New("the local host has no batches")
		case f.DataType != "" && f.DataType != "string" && f.DataType != "binary":
			return fmt.Errorf("dataType %q", f.DataType)
		case h.options.Source == nil:
			return errors.New("a Service Bus trigger needs Options.Source")
		}
		if loaded.Queue, err = h.resolve(f.Queue); err != nil {
			return err
		}
	case functions.Timer:
		t, err := h.newTimer(loaded)
		if err != nil {
			return err
		}
		h.timers = append(h.timers, t)
	}
	h.functions = append(h.functions, loaded)
	return nil
}

// resolve replaces %Setting% by the setting.
func (h *Host) resolve(value string) (string, error) {
	name, ok := functions.Setting(value)
	if !ok {
		return value, nil
	}
	if setting := h.options.Settings[name]; setting != "" {
		return setting, nil
	}
	return "", fmt.Errorf("the app setting %s is not set", name)
}

// Start brings the handler up and then the triggers. It returns when the handler is ready.
func (h *Host) Start(ctx context.Context) error {
	h.startOnce.Do(func() { h.startErr = h.start(ctx) })
	return h.startErr
}

func (h *Host) start(ctx context.Context) error {
	if err := h.worker.start(ctx); err != nil {
		return fmt.Errorf("host: %w", err)
	}
	h.loops.Go(func() {
		select {
		case <-h.worker.failed():
			if err := h.worker.err(); err != nil {
				h.options.Logger.Error("the host shuts down", "error", err)
			}
			h.refuse()
		case <-h.accepting.Done():
		}
	})
	for _, f := range h.functions {
		if f.Kind == functions.ServiceBus {
			h.pump(f)
		}
	}
	h.startTimers()
	return nil
}

// Done is closed when the handler has been given up; Err says why.
func (h *Host) Done() <-chan struct{} { return h.worker.failed() }

// Err is why the host has shut itself down; nil while it has not.
func (h *Host) Err() error { return h.worker.err() }

// Stop takes no new work, lets what is in hand finish until the context ends, breaks off the rest and kills the handler.
func (h *Host) Stop(ctx context.Context) {
	h.stopOnce.Do(func() {
		h.refuse()
		finished := make(chan struct{})
		go func() {
			h.loops.Wait()
			close(finished)
		}()
		select {
		case <-finished:
		case <-ctx.Done():
		}
		_ = h.active.wait(ctx) // what was started by hand; the end of the context is the limit, not a failure
		h.abort()
		<-finished
		h.worker.stop()
	})
}

// Drain returns when nothing is in hand and no queue of a trigger holds a message that could be delivered now. It does not run timers. Errors: that of the
// context, ErrStopped.
func (h *Host) Drain(ctx context.Context) error {
	if h.accepting.Err() != nil {
		return cmp.Or(h.Err(), ErrStopped)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(h.accepting, func() { cancel(ErrStopped) })()
	var queues []string
	for _, f := range h.functions {
		if f.Kind == functions.ServiceBus {
			queues = append(queues, f.Queue)
		}
	}
	for {
		if err := h.active.wait(ctx); err != nil {
			return context.Cause(ctx)
		}
		before := h.active.starts()
		if len(queues) > 0 {
			if err := h.options.Source.WaitIdle(ctx, queues...); err != nil {
				return cmp.Or(context.Cause(ctx), err)
			}
		}
		if h.active.idleSince(before) {
			return nil
		}
	}
}

// Kill ends the handler's life as a crash does, with everything it has in hand. The child, or what stands for it, comes back by itself.
func (h *Host) Kill() {
	if at, err := h.worker.endpoint(done); err == nil {
		h.worker.kill(at, true)
	}
}

// HandlerPID is the process of a handler that is a child; 0 if it is not, or none runs now.
func (h *Host) HandlerPID() int { return h.worker.pid() }

// FunctionMetrics counts what has become of a function's invocations.
type FunctionMetrics struct {
	Invocations int64 `json:"invocations"`
	Failures    int64 `json:"failures"`
	Timeouts    int64 `json:"timeouts"`
}

// Metrics counts since the host was made.
type Metrics struct {
	Functions map[string]FunctionMetrics `json:"functions"`
	Restarts  int64                      `json:"restarts"` // lives of the handler after the first
	Crashes   int64                      `json:"crashes"`
	InFlight  int64                      `json:"inFlight"`
}

// Metrics reads the counters.
func (h *Host) Metrics() Metrics {
	m := Metrics{Functions: make(map[string]FunctionMetrics, len(h.functions)), Restarts: h.restarts.Load(), Crashes: h.crashes.Load(), InFlight: h.active.now()}
	for _, f := range h.functions {
		m.Functions[f.Name] = FunctionMetrics{Invocations: f.invocations.Load(), Failures: f.failures.Load(), Timeouts: f.timeouts.Load()}
	}
	return m
}
