// Package bus is the port through which Latchkey sends its effects: messages to queues, at least once, in order within a session.
// Receiving is the Functions host's; the port therefore only sends.
package bus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The queues, as infra/modules/servicebus.bicep makes them.
const (
	Provisioning  = "provisioning"  // with sessions: one session a subject
	Extensions    = "extensions"    // with sessions: one session a subject
	Notifications = "notifications" // without sessions
	Parked        = "parked"        // messages that no handler could read, kept for an operator; nothing consumes it
)

// Queues lists all of them.
func Queues() []string { return []string{Provisioning, Extensions, Notifications, Parked} }

// UsesSessions says whether the queue needs a SessionID on each message.
func UsesSessions(queue string) bool { return queue == Provisioning || queue == Extensions }

// Message is one effect on its way.
type Message struct {
	ID            string // required and stable: the queue drops a second one with the same ID within its duplicate detection window
	SessionID     string // messages of one session are handled one after the other, in the order in which they become visible
	Subject       string // the kind of the message, for people and filters
	CorrelationID string // the request or operation it belongs to
	ContentType   string // empty means application/json
	Properties    map[string]string
	NotBefore     time.Time // when it becomes visible; zero: at once
	Body          []byte
}

// Errors a bus returns, wrapped. Match them with errors.Is.
var (
	// ErrUnavailable: the bus did not answer; the messages may or may not have been sent. Sending again is safe: IDs are stable.
	ErrUnavailable = errors.New("bus: unavailable")
	// ErrThrottled: the bus asks for patience.
	ErrThrottled = errors.New("bus: throttled")
	// ErrNotFound: the queue does not exist.
	ErrNotFound = errors.New("bus: no such queue")
	// ErrTooLarge: the message exceeds what the queue takes (256 KB).
	ErrTooLarge = errors.New("bus: message too large")
	// ErrForbidden: the identity may not send to this queue.
	ErrForbidden = errors.New("bus: forbidden")
	// ErrInvalid: the call itself is wrong, such as a message without a session for a queue that needs one.
	ErrInvalid = errors.New("bus: invalid")
)

// MaxDeliveryCount is how often a queue delivers a message; when the last delivery fails, it goes to the dead letters.
const MaxDeliveryCount = 10

// MaxMessageBytes bounds body and properties of one message (Service Bus Standard).
const MaxMessageBytes = 256 << 10

// MaxIDLength bounds the ID and the SessionID of a message, in bytes.
const MaxIDLength = 128

// Size is what counts towards [MaxMessageBytes]: the body and everything that describes it.
func (m *Message) Size() int {
	size := len(m.Body) + len(m.ID) + len(m.SessionID) + len(m.Subject) + len(m.CorrelationID) + len(m.ContentType)
	for name, value := range m.Properties {
		size += len(name) + len(value)
	}
	return size
}

// Validate returns ErrInvalid or ErrTooLarge if no queue could take the message; session says that the queue at hand requires a SessionID.
// Every adapter asks it before it sends anything, so that all of them refuse the same messages.
func (m *Message) Validate(session bool) error {
	switch {
	case m.ID == "":
		return fmt.Errorf("%w: a message needs an ID", ErrInvalid)
	case len(m.ID) > MaxIDLength:
		return fmt.Errorf("%w: the ID of a message is longer than %d bytes", ErrInvalid, MaxIDLength)
	case session && m.SessionID == "":
		return fmt.Errorf("%w: message %q needs a SessionID for a queue with sessions", ErrInvalid, m.ID)
	case len(m.SessionID) > MaxIDLength:
		return fmt.Errorf("%w: the SessionID of message %q is longer than %d bytes", ErrInvalid, m.ID, MaxIDLength)
	}
	if size := m.Size(); size > MaxMessageBytes {
		return fmt.Errorf("%w: message %q has %d bytes, the limit is %d", ErrTooLarge, m.ID, size, MaxMessageBytes)
	}
	return nil
}

// JSON is the content type of a message that names none.
const JSON = "application/json"

// Bus is the port.
type Bus interface {
	// Send puts the messages on the queue, in order. Either all are accepted or an error is returned; after an error some may have been
	// accepted, and the caller sends all of them again with the same IDs. Errors: the sentinels above.
	Send(ctx context.Context, queue string, messages ...Message) error
}
