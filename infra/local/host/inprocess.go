package host

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// inProcess is a handler that somebody else serves, in this process or beside it. It cannot be killed; what stands for that is to break off everything it has in hand.
type inProcess struct {
	base      *url.URL
	timeout   time.Duration
	restarted func(crash bool)
	mu        sync.Mutex
	current   *endpoint
	stopped   chan struct{}
	once      sync.Once
}

func newInProcess(address string, timeout time.Duration) (*inProcess, error) {
	base, err := url.Parse(address)
	if err != nil || base.Scheme != "http" || base.Host == "" || base.Path != "" && base.Path != "/" {
		return nil, fmt.Errorf("host: %q is no address of a handler, such as http://127.0.0.1:8080", address)
	}
	base.Path = ""
	return &inProcess{base: base, timeout: timeout, current: newEndpoint(base), stopped: make(chan struct{})}, nil
}

func (w *inProcess) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	at, err := w.endpoint(ctx)
	if err != nil {
		return err
	}
	if err := at.probe(ctx); err != nil {
		return fmt.Errorf("host: no handler at %s: %w", w.base, err)
	}
	return nil
}

func (w *inProcess) endpoint(context.Context) (*endpoint, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.stopped:
		return nil, ErrStopped
	default:
		return w.current, nil
	}
}

func (w *inProcess) kill(at *endpoint, crash bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == at {
		w.current = newEndpoint(w.base)
		w.restarted(crash)
		at.die()
	}
}

func (w *inProcess) stop() {
	w.once.Do(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		close(w.stopped)
		w.current.die()
	})
}

func (w *inProcess) pid() int                { return 0 }
func (w *inProcess) failed() <-chan struct{} { return nil }
func (w *inProcess) err() error              { return nil }
