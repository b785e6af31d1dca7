package memory_test

import (
	"context"
	"testing"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/bus/bustest"
	"latchkey/shared/bus/memory"
	"latchkey/shared/platform"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func TestConformance(t *testing.T) {
	bustest.Run(t, func(*testing.T) bustest.Harness {
		clock := platform.NewManualClock(start)
		broker := memory.New(clock, memory.Queues()...)
		return bustest.Harness{
			Bus: broker, Receiver: receiver{broker}, Now: clock.Now,
			Advance: func(d time.Duration) { clock.Advance(d); broker.Tick() },
		}
	})
}

type receiver struct{ broker *memory.Broker }

func (r receiver) Receive(ctx context.Context, queue, session string, n int) ([]bus.Message, error) {
	q, err := r.broker.Queue(queue)
	if err != nil {
		return nil, err
	}
	next := q.ReceiveWait
	if session != "" {
		s, err := q.AcceptSession(session)
		if err != nil {
			return nil, err
		}
		defer s.Release()
		next = s.ReceiveWait
	}
	var got []bus.Message
	for len(got) < n {
		d, err := next(ctx)
		if err != nil {
			return got, err
		}
		if err := q.Complete(d.LockToken); err != nil {
			return got, err
		}
		got = append(got, d.Message)
	}
	return got, nil
}
