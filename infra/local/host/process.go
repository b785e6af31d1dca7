package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/shared/platform"
)

// The host's patience with a handler that crashes.
const (
	maxCrashes   = 3
	crashMemory  = 30 * time.Minute // a crash longer ago than this, before the newest, is forgotten
	exitRestart  = 200              // an exit that asks for a restart
	killPatience = time.Second
)

// process runs the handler as a child: one at a time, started again when it ends, killed without notice.
type process struct {
	path      string
	directory string
	arguments []string
	env       []string
	timeout   time.Duration
	unlimited bool
	clock     platform.Clock
	logger    *slog.Logger
	restarted func(crash bool)

	mu      sync.Mutex
	current *endpoint     // nil while none is ready
	child   *os.Process   // nil while none runs
	life    *endpoint     // of child, ready or not
	pardon  bool          // the end of child is intended and no crash
	changed chan struct{} // closed and replaced when current changes
	failure error
	done    chan struct{} // closed when no child will ever run again
	started bool
	ready   bool // a child was, once
	stopped bool
}

func newProcess(o Options, c config) (*process, error) {
	path, err := filepath.Abs(o.HandlerPath)
	if err == nil {
		_, err = exec.LookPath(path) // is there, and may be run
	}
	if err != nil {
		return nil, fmt.Errorf("host: handler: %w", err)
	}
	root := o.ScriptRoot
	if root == "" {
		root = filepath.Dir(path)
	}
	w := &process{
		path: path, directory: filepath.Join(root, c.workingDirectory), timeout: c.initializationTimeout, unlimited: o.UnlimitedRestarts,
		clock: o.Clock, logger: o.Logger, changed: make(chan struct{}), done: make(chan struct{}),
	}
	w.env = append(os.Environ(), "FUNCTIONS_APP_ROOT_PATH="+root)
	for name, value := range o.Settings {
		w.env = append(w.env, name+"="+value)
	}
	slices.Sort(w.env[len(w.env)-len(o.Settings):])
	for _, argument := range c.arguments {
		w.arguments = append(w.arguments, expand(argument, o.Settings))
	}
	return w, nil
}

// expand replaces %NAME% by the setting or the variable of that name; what is not set becomes empty.
func expand(s string, settings map[string]string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "%")
		name, after, closed := strings.Cut(rest, "%")
		if !found || !closed {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(before)
		if value, ok := settings[name]; ok {
			b.WriteString(value)
		} else {
			b.WriteString(os.Getenv(name))
		}
		s = after
	}
}

func (w *process) start(ctx context.Context) error {
	w.mu.Lock()
	w.started = true
	w.mu.Unlock()
	go w.supervise()
	if _, err := w.endpoint(ctx); err != nil {
		w.stop()
		return err
	}
	return nil
}

// supervise runs one child after the other. It keeps its thread, so that the child's parent lives as long as the host does: Linux kills the child when the thread that
// started it ends.
func (w *process) supervise() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(w.done)
	var crashes []time.Time
	for {
		crash, err := w.run()
		w.mu.Lock()
		stopped, ready := w.stopped, w.ready
		w.mu.Unlock()
		if stopped {
			return
		}
		w.restarted(crash)
		if !crash {
			w.logger.Info("the handler is restarted")
			continue
		}
		now := w.clock.Now()
		if n := len(crashes); n > 0 && now.Sub(crashes[n-1]) > crashMemory {
			crashes = crashes[:0]
		}
		crashes = append(crashes, now)
		w.logger.Error("the handler crashed", "error", err, "crashes", len(crashes))
		if len(crashes) >= maxCrashes {
			if !w.unlimited || !ready { // one that never came up will not
				w.mu.Lock()
				w.failure = fmt.Errorf("%w: the handler crashed %d times, each within %v of the last: %w", ErrStopped, maxCrashes, crashMemory, err)
				w.mu.Unlock()
				return
			}
			crashes = crashes[:0]
		}
	}
}

// run runs one child from start to end. crash is false when its end was asked for.
func (w *process) run() (crash bool, err error) {
	port, err := freePort()
	if err != nil {
		return true, err
	}
	life := newEndpoint(&url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", port)})
	defer life.die()
	id := newID()
	command := exec.Command(w.path, w.arguments...)
	command.Dir = w.directory
	command.Env = append(slices.Clone(w.env),
		"FUNCTIONS_CUSTOMHANDLER_PORT="+port, "FUNCTIONS_CUSTOMHANDLER_WORKER_ID="+id, "FUNCTIONS_HTTPWORKER_PORT="+port, "FUNCTIONS_HTTPWORKER_ID="+id)
	command.WaitDelay = killPatience
	dieWithParent(command)
	var last lastLines
	stdout := &lineWriter{emit: func(line string) { w.relay(slog.LevelInfo, line) }}
	stderr := &lineWriter{emit: func(line string) {
		last.add(line)
		w.relay(errorLevel(line), line)
	}}
	command.Stdout, command.Stderr = stdout, stderr
	if err := command.Start(); err != nil {
		return true, fmt.Errorf("host: the handler does not start: %w", err)
	}
	w.mu.Lock()
	if w.stopped {
		_ = command.Process.Kill()
	}
	w.child, w.life, w.pardon = command.Process, life, false
	w.mu.Unlock()

	var probing sync.WaitGroup
	probing.Go(func() { w.probe(life) })
	err = command.Wait()
	stdout.flush()
	stderr.flush()
	life.die()
	probing.Wait()

	w.mu.Lock()
	defer w.mu.Unlock()
	w.child = nil
	w.current = nil
	code := command.ProcessState.ExitCode()
	crash = !w.pardon && (code != 0 && code != exitRestart || !w.ready)
	if text := last.text(); text != "" {
		err = errors.Join(err, fmt.Errorf("its last words: %s", text))
	}
	return crash, err
}

func (w *process) probe(life *endpoint) {
	ctx, cancel := context.WithTimeout(life.gone, w.timeout)
	defer cancel()
	if err := life.probe(ctx); err != nil {
		if life.gone.Err() == nil {
			w.logger.Error("the handler does not answer GET /", "after", w.timeout)
			w.kill(life, true)
		}
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if life.gone.Err() == nil && w.life == life && w.child != nil {
		w.current, w.ready = life, true
		close(w.changed)
		w.changed = make(chan struct{})
	}
}

func (w *process) endpoint(ctx context.Context) (*endpoint, error) {
	for {
		w.mu.Lock()
		current, changed := w.current, w.changed
		w.mu.Unlock()
		if current != nil && current.gone.Err() == nil {
			return current, nil
		}
		select {
		case <-w.done:
			if err := w.err(); err != nil {
				return nil, err
			}
			return nil, ErrStopped
		default:
		}
		select {
		case <-changed:
		case <-w.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *process) kill(at *endpoint, crash bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.life != at || w.child == nil {
		return
	}
	w.pardon = !crash
	_ = w.child.Kill() // it may be dead already
	at.die()
}

func (w *process) stop() {
	w.mu.Lock()
	w.stopped = true
	if w.child != nil {
		_ = w.child.Kill()
	}
	started := w.started
	w.mu.Unlock()
	if started {
		<-w.done
	}
}

func (w *process) pid() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.child == nil {
		return 0
	}
	return w.child.Pid
}

func (w *process) failed() <-chan struct{} { return w.done }

func (w *process) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failure
}

// freePort finds a port that nobody listens on. Somebody may take it before the handler does; then the handler fails to listen and is started again.
func freePort() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("host: no free port: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return "", err
	}
	return port, listener.Close()
}
