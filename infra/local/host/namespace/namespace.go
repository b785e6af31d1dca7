// Package namespace lets the local host take its messages from a Service Bus namespace over AMQP: Microsoft's emulator, Azure, or the local broker's own wire.
//
// It cannot see what a namespace holds, so WaitIdle is a guess: nothing in hand, and nothing has come for a while.
package namespace

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/infra/local/host"
	"latchkey/shared/bus"
)

// Options of a Source. The zero value has usable defaults.
type Options struct {
	// SessionIdle is how long a session is held that has no more messages; 0: one second.
	SessionIdle time.Duration
	// Quiet is how long nothing must have come for the queues to count as idle; 0: two seconds.
	Quiet time.Duration
}

// Source receives from a namespace. It is safe for concurrent use.
type Source struct {
	client  *azservicebus.Client
	options Options

	mu        sync.Mutex
	receivers map[string]*receiver // of queues without sessions
	inHand    int
	last      time.Time // when something came or was settled
}

var _ host.Source = (*Source)(nil)

// receiver is shared by all who wait for one queue; the SDK lets one of them receive at a time.
type receiver struct {
	turn chan struct{} // holds a value while nobody receives
	sdk  *azservicebus.Receiver
}

// New makes a Source of a client, which stays the caller's to close.
func New(client *azservicebus.Client, options Options) *Source {
	if options.SessionIdle <= 0 {
		options.SessionIdle = time.Second
	}
	if options.Quiet <= 0 {
		options.Quiet = 2 * time.Second
	}
	return &Source{client: client, options: options, receivers: map[string]*receiver{}, last: time.Now()}
}

func (s *Source) receiver(queue string) (*receiver, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.receivers[queue]; r != nil {
		return r, nil
	}
	sdk, err := s.client.NewReceiverForQueue(queue, nil)
	if err != nil {
		return nil, fmt.Errorf("namespace: queue %s: %w", queue, err)
	}
	r := &receiver{turn: make(chan struct{}, 1), sdk: sdk}
	r.turn <- struct{}{}
	s.receivers[queue] = r
	return r, nil
}

// Receive implements host.Source.
func (s *Source) Receive(ctx context.Context, queue string) (host.Delivery, error) {
	r, err := s.receiver(queue)
	if err != nil {
		return nil, err
	}
	select {
	case <-r.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { r.turn <- struct{}{} }()
	for {
		messages, err := r.sdk.ReceiveMessages(ctx, 1, nil)
		if err != nil {
			return nil, fmt.Errorf("namespace: queue %s: %w", queue, err)
		}
		if len(messages) > 0 {
			m := messages[0]
			return s.delivery(m, r.sdk, func(ctx context.Context) (time.Time, error) {
				err := r.sdk.RenewMessageLock(ctx, m, nil)
				return deref(m.LockedUntil), lost(err)
			}), nil
		}
	}
}

// AcceptSession implements host.Source.
func (s *Source) AcceptSession(ctx context.Context, queue string) (host.Session, error) {
	for {
		sdk, err := s.client.AcceptNextSessionForQueue(ctx, queue, nil)
		if err == nil {
			return &session{source: s, sdk: sdk}, nil
		}
		if failure := (*azservicebus.Error)(nil); ctx.Err() != nil || !errors.As(err, &failure) || failure.Code != azservicebus.CodeTimeout {
			return nil, fmt.Errorf("namespace: next session of %s: %w", queue, err)
		}
	}
}

// WaitIdle implements host.Source. It looks at all queues together.
func (s *Source) WaitIdle(ctx context.Context, _ ...string) error {
	for {
		s.mu.Lock()
		wait := s.options.Quiet - time.Since(s.last)
		if s.inHand > 0 {
			wait = s.options.Quiet
		}
		s.mu.Unlock()
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

type session struct {
	source *Source
	sdk    *azservicebus.SessionReceiver
}

// Receive implements host.Session. It waits a little, as the real host does before it lets go of a session.
func (s *session) Receive(ctx context.Context) (host.Delivery, bool, error) {
	idle, cancel := context.WithTimeout(ctx, s.source.options.SessionIdle)
	defer cancel()
	messages, err := s.sdk.ReceiveMessages(idle, 1, nil)
	switch {
	case err != nil && ctx.Err() == nil && idle.Err() != nil:
		return nil, false, nil
	case err != nil:
		return nil, false, lost(err)
	case len(messages) == 0:
		return nil, false, nil
	}
	d := s.source.delivery(messages[0], s.sdk, func(ctx context.Context) (time.Time, error) {
		err := s.sdk.RenewSessionLock(ctx, nil)
		return s.sdk.LockedUntil(), lost(err)
	})
	d.message.LockedUntil = s.sdk.LockedUntil()
	return d, true, nil
}

// Release implements host.Session.
func (s *session) Release(ctx context.Context) error { return lost(s.sdk.Close(ctx)) }

// settler is what receivers of both kinds have in common.
type settler interface {
	CompleteMessage(ctx context.Context, m *azservicebus.ReceivedMessage, o *azservicebus.CompleteMessageOptions) error
	AbandonMessage(ctx context.Context, m *azservicebus.ReceivedMessage, o *azservicebus.AbandonMessageOptions) error
}

type delivery struct {
	source  *Source
	raw     *azservicebus.ReceivedMessage
	settler settler
	renew   func(context.Context) (time.Time, error)
	message host.Message
}

func (s *Source) delivery(m *azservicebus.ReceivedMessage, by settler, renew func(context.Context) (time.Time, error)) *delivery {
	s.mu.Lock()
	s.inHand++
	s.last = time.Now()
	s.mu.Unlock()
	d := &delivery{source: s, raw: m, settler: by, renew: renew, message: host.Message{
		Message: bus.Message{
			ID: m.MessageID, SessionID: deref(m.SessionID), Subject: deref(m.Subject), CorrelationID: deref(m.CorrelationID), ContentType: deref(m.ContentType), Body: m.Body,
		},
		SequenceNumber: deref(m.SequenceNumber), DeliveryCount: int(m.DeliveryCount), EnqueuedTime: deref(m.EnqueuedTime), ExpiresAt: deref(m.ExpiresAt),
		LockToken: fmt.Sprintf("%x", m.LockToken), LockedUntil: deref(m.LockedUntil),
	}}
	if len(m.ApplicationProperties) > 0 {
		d.message.Properties = make(map[string]string, len(m.ApplicationProperties))
		for name, value := range m.ApplicationProperties {
			d.message.Properties[name] = fmt.Sprint(value)
		}
	}
	return d
}

// Message implements host.Delivery.
func (d *delivery) Message() *host.Message { return &d.message }

// Complete implements host.Delivery.
func (d *delivery) Complete(ctx context.Context) error {
	defer d.settled()
	return lost(d.settler.CompleteMessage(ctx, d.raw, nil))
}

// Abandon implements host.Delivery.
func (d *delivery) Abandon(ctx context.Context) error {
	defer d.settled()
	return lost(d.settler.AbandonMessage(ctx, d.raw, nil))
}

// Renew implements host.Delivery.
func (d *delivery) Renew(ctx context.Context) (time.Time, error) { return d.renew(ctx) }

func (d *delivery) settled() {
	d.source.mu.Lock()
	defer d.source.mu.Unlock()
	d.source.inHand--
	d.source.last = time.Now()
}

func lost(err error) error {
	if failure := (*azservicebus.Error)(nil); errors.As(err, &failure) && failure.Code == azservicebus.CodeLockLost {
		return fmt.Errorf("%w: %w", host.ErrLockLost, err)
	}
	return err
}

func deref[T any](p *T) (value T) {
	if p != nil {
		value = *p
	}
	return value
}
