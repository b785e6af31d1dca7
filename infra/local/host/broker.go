package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/shared/bus/memory"
)

// FromBroker takes messages from a broker in this process, without a wire between.
func FromBroker(broker *memory.Broker) Source { return brokerSource{broker} }

type brokerSource struct{ broker *memory.Broker }

func (s brokerSource) Receive(ctx context.Context, queue string) (Delivery, error) {
	q, err := s.broker.Queue(queue)
	if err != nil {
		return nil, err
	}
	d, err := q.ReceiveWait(ctx)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // both came at once; who has stopped must not cost the message a delivery
		return nil, errors.Join(ctx.Err(), lost(q.Release(d.LockToken)))
	}
	return newBrokerDelivery(q, nil, d), nil
}

func (s brokerSource) AcceptSession(ctx context.Context, queue string) (Session, error) {
	q, err := s.broker.Queue(queue)
	if err != nil {
		return nil, err
	}
	session, err := q.AcceptNextWait(ctx)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, errors.Join(ctx.Err(), lost(session.Release()))
	}
	return brokerSession{session}, nil
}

func (s brokerSource) WaitIdle(ctx context.Context, queues ...string) error {
	if len(queues) == 0 {
		return nil
	}
	return s.broker.WaitIdle(ctx, queues...)
}

type brokerSession struct{ session *memory.Session }

func (s brokerSession) Receive(context.Context) (Delivery, bool, error) {
	d, ok, err := s.session.Receive()
	if err != nil || !ok {
		return nil, false, lost(err)
	}
	return newBrokerDelivery(s.session.Queue(), s.session, d), true, nil
}

func (s brokerSession) Release(context.Context) error { return lost(s.session.Release()) }

type brokerDelivery struct {
	queue   *memory.Queue
	session *memory.Session // nil: a queue without
	token   memory.LockToken
	message Message
}

// timeToLive is what Service Bus gives a message whose sender and queue say nothing.
const timeToLive = 14 * 24 * time.Hour

func newBrokerDelivery(q *memory.Queue, session *memory.Session, d memory.Delivery) *brokerDelivery {
	return &brokerDelivery{queue: q, session: session, token: d.LockToken, message: Message{
		Message: d.Message, SequenceNumber: d.SequenceNumber, DeliveryCount: d.DeliveryCount, EnqueuedTime: d.EnqueuedTime,
		ExpiresAt: d.EnqueuedTime.Add(timeToLive), LockToken: d.LockToken.String(), LockedUntil: d.LockedUntil,
	}}
}

func (d *brokerDelivery) Message() *Message              { return &d.message }
func (d *brokerDelivery) Complete(context.Context) error { return lost(d.queue.Complete(d.token)) }
func (d *brokerDelivery) Abandon(context.Context) error  { return lost(d.queue.Abandon(d.token)) }

func (d *brokerDelivery) Renew(context.Context) (time.Time, error) {
	if d.session != nil {
		until, err := d.session.Renew()
		return until, lost(err)
	}
	until, err := d.queue.Renew(d.token)
	return until, lost(err)
}

func lost(err error) error {
	if errors.Is(err, memory.ErrLockLost) || errors.Is(err, memory.ErrSessionLockLost) {
		return fmt.Errorf("%w: %w", ErrLockLost, err)
	}
	return err
}
