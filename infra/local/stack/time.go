package stack

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"latchkey/shared/governance"
)

// day is the longest step in which time passes: in each, timers run and queues are drained.
const day = 24 * time.Hour

// maxRounds bounds how often what is due may bring forth something else that is due at the same instant.
const maxRounds = 50

// Advance lets time pass: day by day, and stops where a document, a scheduled message or a timer that runs seldom comes due in between, with every timer run and every queue drained on the
// way. It returns when that is done.
func (s *Stack) Advance(ctx context.Context, by governance.Duration) (time.Time, error) {
	s.moving.Lock()
	defer s.moving.Unlock()
	if err := s.settle(ctx); err != nil {
		return time.Time{}, err
	}
	target := by.AddTo(s.Clock.Now())
	for now := s.Clock.Now(); now.Before(target); now = s.Clock.Now() {
		step := min(day, target.Sub(now))
		if due, ok := s.Cosmos.NextDue(now); ok {
			step = min(step, max(time.Minute, due.Sub(now))) // no timer is quicker
		}
		if due, ok := s.Bus.Core().NextDue(); ok && due.After(now) {
			step = min(step, due.Sub(now))
		}
		if due, ok := s.Host.NextDue(time.Hour); ok && due.After(now) {
			step = min(step, due.Sub(now))
		}
		now = s.Clock.Advance(step)
		s.Bus.Core().Tick()
		if err := s.Host.RunDue(ctx, now); err != nil {
			s.log.WarnContext(ctx, "a timer failed while time was moved", "error", err)
		}
		if err := s.settle(ctx); err != nil {
			return time.Time{}, err
		}
	}
	return s.Clock.Now(), nil
}

// Drain returns when nothing is queued, in flight or due now.
func (s *Stack) Drain(ctx context.Context) error {
	s.moving.Lock()
	defer s.moving.Unlock()
	return s.settle(ctx)
}

// settle drains the queues and runs the timers that look for what is due, until they find nothing.
func (s *Stack) settle(ctx context.Context) error {
	for range maxRounds {
		if err := s.Host.Drain(ctx); err != nil {
			return err
		}
		before := s.work()
		for _, name := range []string{"outbox", "expirations"} {
			if err := s.runByHand(ctx, name); err != nil {
				return err
			}
		}
		if err := s.Host.Drain(ctx); err != nil {
			return err
		}
		if s.work() == before {
			return nil
		}
	}
	return fmt.Errorf("there is still something due after %d rounds", maxRounds)
}

// work counts what Service Bus functions have done so far.
func (s *Stack) work() int64 {
	metrics := s.Host.Metrics()
	return metrics.Functions["provisioning"].Invocations + metrics.Functions["notifications"].Invocations +
		metrics.Functions["extensions"].Invocations
}

// runByHand starts a timer function as an administrator would; Drain waits for it.
func (s *Stack) runByHand(ctx context.Context, name string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoints.Host+"/admin/functions/"+name, bytes.NewReader([]byte("{}")))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusAccepted {
		return fmt.Errorf("run %s: the host answered %s", name, response.Status)
	}
	return nil
}

// Reset brings the sample tenant and the machine's time back, as they were at the start, and forgets everything else. Tokens of a time that was moved to are not valid yet.
func (s *Stack) Reset(ctx context.Context) error {
	s.moving.Lock()
	defer s.moving.Unlock()
	s.Faults.Clear()
	drained, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := s.Host.Drain(drained); err != nil {
		s.log.WarnContext(ctx, "what was in hand is broken off", "error", err)
	}
	s.Clock.Advance(-time.Until(s.Clock.Now()))
	if s.identity != nil {
		s.identity.forget()
	}
	s.Bus.Reset()
	s.Cosmos.Reset()
	s.Graph.Reset()
	s.Host.Reset()
	s.desk.clear()
	if err := s.Tenant.Populate(s.directory); err != nil {
		return fmt.Errorf("fill the directory: %w", err)
	}
	s.assignRoles()
	return nil
}
