package host

import (
	"context"
	"sync"
)

// activity counts what the host has in hand, and lets one wait until it is nothing.
type activity struct {
	mu      sync.Mutex
	current int64
	started int64
	idle    chan struct{} // not nil while somebody waits; closed when nothing is in hand
}

// begin counts one more; the returned function must be called once, at its end.
func (a *activity) begin() {
	a.mu.Lock()
	a.current++
	a.started++
	a.mu.Unlock()
}

func (a *activity) end() {
	a.mu.Lock()
	a.current--
	if a.current == 0 && a.idle != nil {
		close(a.idle)
		a.idle = nil
	}
	a.mu.Unlock()
}

func (a *activity) wait(ctx context.Context) error {
	a.mu.Lock()
	if a.current == 0 {
		a.mu.Unlock()
		return ctx.Err()
	}
	if a.idle == nil {
		a.idle = make(chan struct{})
	}
	idle := a.idle
	a.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *activity) now() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current
}

func (a *activity) starts() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.started
}

// idleSince says whether nothing is in hand and nothing was begun since starts was asked.
func (a *activity) idleSince(starts int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.current == 0 && a.started == starts
}
