// Package bus is the port through which Latchkey sends its effects: messages to queues, at least once, in order within a session.
// Receiving is the Functions host's; the port therefore only sends.
package bus

import (
	"context"
	"errors"
	"time"
)

// The queues of DESIGN section 5.
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
	ID            string // stable: the queue drops a second one with the same ID within its duplicate detection window
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

// MaxMessageBytes bounds body and properties of one message (Service Bus Standard).
const MaxMessageBytes = 256 << 10

// Bus is the port.
type Bus interface {
	// Send puts the messages on the queue, in order. Either all are accepted or an error is returned; after an error some may have been
	// accepted, and the caller sends all of them again with the same IDs. Errors: the sentinels above.
	Send(ctx context.Context, queue string, messages ...Message) error
}
