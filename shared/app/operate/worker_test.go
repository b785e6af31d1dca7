package operate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/operate"
	"latchkey/shared/bus"
	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// effect is an effect of a work for a request.
func effect(what governance.Work) governance.Effect {
	return governance.Effect{ID: "effect", Place: ledger.SubjectPlace(ledgertest.ID("alice")), Kind: "request", About: ledgertest.ID("request"), What: what, RequestID: ledgertest.ID("request")}
}

// work has the worker handle effects with what handle does, and answers with how it went.
func (s *stand) work(effect governance.Effect, handle func() error) error {
	s.worker.Handlers = map[operate.Key]func(context.Context, governance.Effect) error{
		{What: effect.What, Kind: effect.Kind}: func(context.Context, governance.Effect) error { return handle() },
	}
	return s.worker.HandleEffect(s.Context(), governance.System(), effect)
}

// TestWhatNobodyHandles is for the queue's handler to park, and nobody but Latchkey itself has effects carried out.
func TestWhatNobodyHandles(t *testing.T) {
	s := newStand(t)
	one := effect(governance.WorkDue)
	handled := 0
	handle := func() error {
		handled++
		return nil
	}
	s.Must(s.work(one, handle))
	s.Refused(s.worker.HandleEffect(t.Context(), admin(), one), governance.CodeForbidden)
	for _, other := range []governance.Effect{{What: "dance", Kind: one.Kind}, {What: one.What, Kind: "floor"}} {
		s.Refused(s.worker.HandleEffect(t.Context(), governance.System(), other), governance.CodeInvalid, string(other.What), other.Kind)
	}
	if handled != 1 {
		t.Errorf("handled %d times", handled)
	}
}

// TestWhatWaitingMends is put off with a scheduled message instead of being redelivered at once, under an id of its own; other failures are the queue's.
func TestWhatWaitingMends(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		wait  time.Duration // 0: it is given back
	}{
		"the store is away":      {fmt.Errorf("read: %w", store.ErrUnavailable), time.Minute},
		"no permission yet":      {directory.ErrForbidden, time.Minute},
		"the directory is busy":  {&directory.ThrottledError{After: 7 * time.Minute}, 7 * time.Minute},
		"no document":            {fmt.Errorf("read: %w", ledger.ErrNoDocument), time.Minute},
		"no document, in words":  {ledger.Unavailable("The document", ledger.ErrNoDocument), time.Minute},
		"a defect":               {errors.New("a defect"), 0},
		"it is not wanted":       {governance.Conflict("no"), 0},
		"what it says is absurd": {governance.Invalid("kind", "no"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			err := s.work(effect(governance.WorkDue), func() error { return c.cause })
			waiting := s.Effects(bus.Provisioning)
			if c.wait == 0 {
				if !errors.Is(err, c.cause) || len(waiting) != 0 {
					t.Errorf("handled with %v, %v wait", err, waiting)
				}
				return
			}
			s.Must(err)
			if len(waiting) != 1 || waiting[0].ID != "effect-again-1" || waiting[0].NotBefore.Sub(ledgertest.Noon) != c.wait || s.Counts(bus.Provisioning).Scheduled != 1 {
				t.Errorf("%+v wait", waiting)
			}
			if told := s.Lines("an effect is put off"); len(told) != 1 {
				t.Errorf("told: %v", told)
			}
		})
	}
}

// TestTheLastDelay: after it a delivery is insisted on, and what has no document is parked.
func TestTheLastDelay(t *testing.T) {
	for name, c := range map[string]struct {
		what  governance.Work
		cause error
		code  governance.Code // of the answer; empty: none
		again bool
	}{
		"a delivery":                    {governance.WorkProvision, store.ErrUnavailable, "", true},
		"a delivery without a document": {governance.WorkProvision, ledger.ErrNoDocument, governance.CodeInvalid, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			one := effect(c.what)
			for attempt, delay := range engine.RetryDelays {
				s.Must(s.work(one, func() error { return c.cause }))
				waiting := s.Effects(ledger.QueueOf(one))
				one = waiting[len(waiting)-1]
				if len(waiting) != attempt+1 || one.Attempt != attempt+1 || one.NotBefore.Sub(s.Clock.Now()) != delay {
					t.Fatalf("after attempt %d %+v waits", attempt, one)
				}
				s.Clock.Set(one.NotBefore)
			}
			err := s.work(one, func() error { return c.cause })
			if c.code == "" {
				s.Must(err)
			} else {
				s.Refused(err, c.code)
			}
			if waiting := s.Effects(ledger.QueueOf(one)); (len(waiting) > len(engine.RetryDelays)) != c.again {
				t.Errorf("%d were sent", len(waiting))
			}
		})
	}
}

// TestAKeptEffect that fails is left to the timer, which finds it in its place: no message is sent for it, and none comes back.
func TestAKeptEffect(t *testing.T) {
	s := newStand(t)
	s.Must(s.work(effect(governance.WorkNotify), func() error { return store.ErrUnavailable }))
	if waiting := s.Effects(bus.Notifications); len(waiting) != 0 || len(s.Lines("an effect is left to the timer")) != 1 {
		t.Errorf("%+v wait", waiting)
	}
}

// TestTheBusIsAwayToo: an effect that can be neither carried out nor put off is given back to its queue.
func TestTheBusIsAwayToo(t *testing.T) {
	s := newStand(t)
	s.DownBus(true)
	err := s.work(effect(governance.WorkDue), func() error { return store.ErrUnavailable })
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("handled with %v", err)
	}
}

// TestAMessageThatCannotBeRead is put aside with its reason, loudly, and only by the queues' own handler.
func TestAMessageThatCannotBeRead(t *testing.T) {
	s := newStand(t)
	message := operate.Received{Queue: bus.Provisioning, ID: "broken", SessionID: "session", Subject: "provision", Body: []byte("{")}
	s.Refused(s.worker.ParkMessage(t.Context(), admin(), message, errors.New("no JSON")), governance.CodeForbidden)
	s.Must(s.worker.ParkMessage(t.Context(), governance.System(), message, errors.New("no JSON")))
	queue, err := s.Broker.Queue(bus.Parked)
	s.Must(err)
	parked := queue.Peek(0, 10, nil)
	if len(parked) != 1 || string(parked[0].Message.Body) != "{" || parked[0].Message.Properties["reason"] != "no JSON" || parked[0].Message.Properties["messageId"] != "broken" {
		t.Errorf("parked %+v", parked)
	}
	if told := s.Lines("a message is parked"); len(told) != 1 || told[0]["alert"] != true {
		t.Errorf("told: %v", told)
	}
	s.DownBus(true)
	if err := s.worker.ParkMessage(t.Context(), governance.System(), message, errors.New("no JSON")); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("while the bus is away: %v", err)
	}
}
