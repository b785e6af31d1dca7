package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"latchkey/shared/app/operate"
)

var health = &descriptor{
	kind: &kind{set: "health"},
	verbs: func(s *Server) []verb {
		return []verb{{method: http.MethodGet, path: "/operations/health", open: true, run: s.readHealth}}
	},
}

// healthCache keeps the last report for a moment: health is open to everybody and must not become a way to wear out a dependency.
type healthCache struct {
	mu      sync.Mutex
	at      time.Time
	reports []operate.Health
}

const healthAge = 5 * time.Second

// readHealth answers 200 when everything does, 503 otherwise, and says which dependency does not: its kind, no address and no id. Who may
// read the audit, and says so with a token, is also told which queues have dead letters.
func (s *Server) readHealth(c *call) (response, error) {
	reports := s.health.now(c.ctx(), s.use.Health, s.clock.Now())
	if c.r.Header.Get("Authorization") != "" && c.authenticate() == nil { // anybody else gets what everybody gets
		if more, err := s.use.Health.CheckDeadLetters(c.ctx(), c.caller, reports); err == nil {
			reports = more
		}
	}
	status := http.StatusOK
	if operate.Healthy(reports) != nil {
		status = http.StatusServiceUnavailable
	}
	return response{status: status, value: map[string]any{"status": operate.HealthStatus(reports), "dependencies": reports}}, nil
}

// now is the last report, or a new one if that is old. Who asks may hang up: others are told the same report, so it is made whole.
func (h *healthCache) now(ctx context.Context, checker *operate.Checker, now time.Time) []operate.Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Sub(h.at).Abs() > healthAge {
		h.reports, h.at = checker.CheckHealth(context.WithoutCancel(ctx)), now
	}
	return h.reports
}
