// Package servicebus is the production adapter of the bus port: Azure Service Bus, spoken to with azservicebus. It only sends.
//
// The SDK keeps one AMQP connection and recovers it; this package keeps one sender a queue, so that a send is one transfer and one answer.
package servicebus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/shared/bus"
	"latchkey/shared/platform"
)

// DefaultTimeout bounds one Send with all its retries.
const DefaultTimeout = 30 * time.Second

// closeTimeout bounds the farewell to a sender that is of no use any more.
const closeTimeout = 5 * time.Second

// RetryOptions are what a client should be made with. The SDK's own wait up to half a minute before they give up; here a request of a user waits, and what
// could not be sent stays in the outbox anyway.
func RetryOptions() azservicebus.RetryOptions {
	return azservicebus.RetryOptions{MaxRetries: 3, RetryDelay: 100 * time.Millisecond, MaxRetryDelay: 2 * time.Second}
}

// Options of a Bus. The zero value has the defaults.
type Options struct {
	Timeout time.Duration // zero: DefaultTimeout
}

// Bus sends to the queues of one Service Bus namespace. It is safe for concurrent use.
type Bus struct {
	client  *azservicebus.Client
	timeout time.Duration

	mu     sync.Mutex
	lanes  map[string]*lane // one a queue
	closed bool
}

// lane is the way to one queue.
type lane struct {
	opening chan struct{} // holds one value while nobody opens the sender
	sender  *azservicebus.Sender
}

var _ bus.Bus = (*Bus)(nil)

// New makes a Bus over a client, which stays the caller's to close.
func New(client *azservicebus.Client, options Options) *Bus {
	if options.Timeout <= 0 {
		options.Timeout = DefaultTimeout
	}
	return &Bus{client: client, timeout: options.Timeout, lanes: make(map[string]*lane)}
}

// Send implements [bus.Bus]. One message goes by itself, several in batches; a batch holds messages of one session, because partitioned queues
// refuse any other. A batch is accepted as a whole, several are not.
func (b *Bus) Send(ctx context.Context, queue string, messages ...bus.Message) (err error) {
	ctx, span := platform.Start(ctx, platform.Producer, "send "+queue, "messages", strconv.Itoa(len(messages)))
	defer func() { span.End(err) }()
	for i := range messages {
		if err := messages[i].Validate(bus.UsesSessions(queue)); err != nil {
			return fmt.Errorf("sending to %s: %w", queue, err)
		}
	}
	if err := ctx.Err(); err != nil { // the SDK would spoil its link over it
		return fmt.Errorf("sending to %s: %w", queue, translate(ctx, err))
	}
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	for first := true; ; first = false {
		sender, err := b.sender(ctx, queue)
		if err != nil {
			return fmt.Errorf("opening %s: %w", queue, translate(ctx, err))
		}
		err = send(ctx, sender, messages)
		if err == nil {
			return nil
		}
		if broken(err) {
			b.retire(queue, sender)
			if first && ctx.Err() == nil {
				continue // the error may be about the past; a new link tells what is true now
			}
		}
		return fmt.Errorf("sending to %s: %w", queue, translate(ctx, err))
	}
}

func send(ctx context.Context, sender *azservicebus.Sender, messages []bus.Message) error {
	for len(messages) > 0 {
		run := 1
		for run < len(messages) && messages[run].SessionID == messages[0].SessionID {
			run++
		}
		if run == 1 {
			if err := sender.SendMessage(ctx, encode(&messages[0]), nil); err != nil {
				return err
			}
		} else if err := sendBatches(ctx, sender, messages[:run]); err != nil {
			return err
		}
		messages = messages[run:]
	}
	return nil
}

// sendBatches sends messages of one session in as few transfers as they fit in.
func sendBatches(ctx context.Context, sender *azservicebus.Sender, messages []bus.Message) error {
	for len(messages) > 0 {
		batch, err := sender.NewMessageBatch(ctx, nil)
		if err != nil {
			return err
		}
		fit := 0
		for fit < len(messages) {
			err := batch.AddMessage(encode(&messages[fit]), nil)
			if errors.Is(err, azservicebus.ErrMessageTooLarge) {
				break
			}
			if err != nil {
				return fmt.Errorf("%w: message %q: %w", bus.ErrInvalid, messages[fit].ID, err)
			}
			fit++
		}
		switch fit {
		case 0, 1: // a batch of one is larger than its message
			fit = 1
			err = sender.SendMessage(ctx, encode(&messages[0]), nil)
		default:
			err = sender.SendMessageBatch(ctx, batch, nil)
		}
		if err != nil {
			return err
		}
		messages = messages[fit:]
	}
	return nil
}

// sender is the open sender of a queue. Of those who ask at the same time one opens it and the others wait: the SDK would open a link for each.
func (b *Bus) sender(ctx context.Context, queue string) (*azservicebus.Sender, error) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil, errClosed
	}
	l := b.lanes[queue]
	if l == nil {
		l = &lane{opening: make(chan struct{}, 1)}
		l.opening <- struct{}{}
		b.lanes[queue] = l
	}
	sender := l.sender
	b.mu.Unlock()
	if sender != nil {
		return sender, nil
	}

	select {
	case <-l.opening:
		defer func() { l.opening <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	b.mu.Lock()
	sender = l.sender
	b.mu.Unlock()
	if sender != nil {
		return sender, nil
	}
	sender, err := open(ctx, b.client, queue)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		go dismiss(sender) //nolint:gosec // its farewell outlives the call that found it useless, and is bounded
		return nil, errClosed
	}
	l.sender = sender
	return sender, nil
}

// open makes a sender and its link.
func open(ctx context.Context, client *azservicebus.Client, queue string) (*azservicebus.Sender, error) {
	sender, err := client.NewSender(queue, nil)
	if err != nil {
		return nil, err
	}
	if _, err := sender.NewMessageBatch(ctx, nil); err != nil { // the first use makes the link
		go dismiss(sender) //nolint:gosec // its farewell outlives the call that came too late, and is bounded
		return nil, err
	}
	return sender, nil
}

// retire forgets a sender whose link the SDK will not make anew, so that the next Send opens one.
func (b *Bus) retire(queue string, sender *azservicebus.Sender) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lanes[queue]; l != nil && l.sender == sender {
		l.sender = nil
		go dismiss(sender)
	}
}

func dismiss(sender *azservicebus.Sender) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = sender.Close(ctx) // there is nobody to tell, and the connection cleans up after it
}

// Check opens a link to the queue and closes it: it says whether a Send could succeed, without sending. Errors: bus.ErrNotFound, bus.ErrForbidden,
// bus.ErrUnavailable, bus.ErrThrottled.
func (b *Bus) Check(ctx context.Context, queue string) error {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	sender, err := open(ctx, b.client, queue)
	if err != nil {
		return fmt.Errorf("checking %s: %w", queue, translate(ctx, err))
	}
	_ = sender.Close(ctx) // that it was open is all that was asked
	return nil
}

// HasDeadLetters says whether a queue has dead letters, or, of the queue of parked messages, whether it has any. It takes none. Errors: as Check.
func (b *Bus) HasDeadLetters(ctx context.Context, queue string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	options := &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter}
	if queue == bus.Parked {
		options = nil
	}
	receiver, err := b.client.NewReceiverForQueue(queue, options)
	if err != nil {
		return false, fmt.Errorf("looking at the dead letters of %s: %w", queue, translate(ctx, err))
	}
	messages, err := receiver.PeekMessages(ctx, 1, nil)
	if err != nil {
		err = fmt.Errorf("looking at the dead letters of %s: %w", queue, translate(ctx, err))
	}
	_ = receiver.Close(ctx) // nothing is locked
	return len(messages) > 0, err
}

// Close closes all senders; the client stays open. A Send after it fails with bus.ErrUnavailable.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	var senders []*azservicebus.Sender
	for _, l := range b.lanes {
		if l.sender != nil {
			senders = append(senders, l.sender)
			l.sender = nil
		}
	}
	b.mu.Unlock()
	var errs []error
	for _, sender := range senders {
		errs = append(errs, sender.Close(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the senders: %w", err)
	}
	return nil
}
