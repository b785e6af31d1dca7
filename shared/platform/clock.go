package platform

import (
	"sync"
	"sync/atomic"
	"time"
)

// Clock tells the time. Production has the machine's; infra/local and the simulation have one that can be advanced.
type Clock interface {
	// Now is the present instant in UTC.
	Now() time.Time
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now is the machine's time in UTC.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// ManualClock stands still until it is moved. Its zero value stands at the zero time.
type ManualClock struct {
	mu  sync.RWMutex
	now time.Time
}

// NewManualClock stands at now.
func NewManualClock(now time.Time) *ManualClock { return &ManualClock{now: now.UTC()} }

// Now is the instant it stands at.
func (c *ManualClock) Now() time.Time {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.now
}

// Advance moves it forward by d and returns the new instant.
func (c *ManualClock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set moves it to an instant.
func (c *ManualClock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now.UTC()
}

// OffsetClock runs with the machine's clock, shifted by an amount that can be moved forward: time passes, and time can be advanced.
type OffsetClock struct{ offset atomic.Int64 }

// Now is the machine's time plus the offset, in UTC.
func (c *OffsetClock) Now() time.Time {
	return time.Now().UTC().Add(time.Duration(c.offset.Load()))
}

// Advance moves it forward by d and returns the new instant.
func (c *OffsetClock) Advance(d time.Duration) time.Time {
	c.offset.Add(int64(d))
	return c.Now()
}
