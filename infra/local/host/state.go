package host

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// saved is what outlives a host: up to when each timer has run.
type saved struct {
	Timers map[string]time.Time `json:"timers"`
}

// Snapshot writes the host's account of its timers. Messages are the broker's to keep.
func (h *Host) Snapshot(w io.Writer) error {
	s := saved{Timers: make(map[string]time.Time, len(h.timers))}
	for _, t := range h.timers {
		if t.UseMonitor {
			s.Timers[t.Name] = t.since()
		}
	}
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fmt.Errorf("host: snapshot: %w", err)
	}
	return nil
}

// maxSnapshot bounds what Restore reads.
const maxSnapshot = 1 << 20

// Restore reads it back. What came due in between is past due, and runs once.
func (h *Host) Restore(r io.Reader) error {
	var s saved
	if err := json.NewDecoder(io.LimitReader(r, maxSnapshot)).Decode(&s); err != nil {
		return fmt.Errorf("host: restore: %w", err)
	}
	for _, t := range h.timers {
		if last, ok := s.Timers[t.Name]; ok && t.UseMonitor {
			t.mu.Lock()
			t.last = last.UTC()
			t.mu.Unlock()
		}
	}
	return nil
}

// Reset forgets what timers have run: they count from now on.
func (h *Host) Reset() {
	now := h.options.Clock.Now()
	for _, t := range h.timers {
		t.mu.Lock()
		t.last = now
		t.mu.Unlock()
	}
}
