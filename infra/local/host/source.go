package host

import (
	"context"
	"errors"
	"time"

	"latchkey/shared/bus"
)

// Source is where Service Bus triggers get their messages from. [FromBroker] is the broker in this process; others may be a namespace elsewhere.
type Source interface {
	// Receive waits for a message of a queue without sessions and locks it.
	Receive(ctx context.Context, queue string) (Delivery, error)
	// AcceptSession waits for a session that has a message and no holder, and locks it.
	AcceptSession(ctx context.Context, queue string) (Session, error)
	// WaitIdle returns when nothing in these queues is visible or locked.
	WaitIdle(ctx context.Context, queues ...string) error
}

// Session is a locked session.
type Session interface {
	// Receive locks the next message of the session; false if there is none now.
	Receive(ctx context.Context) (Delivery, bool, error)
	// Release lets go of the session.
	Release(ctx context.Context) error
}

// Delivery is a locked message. After ErrLockLost the message is somebody else's.
type Delivery interface {
	Message() *Message
	Complete(ctx context.Context) error
	Abandon(ctx context.Context) error
	// Renew prolongs the lock, of the message or of its session, and returns when it ends.
	Renew(ctx context.Context) (time.Time, error)
}

// ErrLockLost: the lock had lapsed; the message is or will be delivered again.
var ErrLockLost = errors.New("host: the lock is lost")

// Message is what a trigger tells of a message.
type Message struct {
	bus.Message
	SequenceNumber int64
	DeliveryCount  int
	EnqueuedTime   time.Time
	ExpiresAt      time.Time
	LockToken      string
	LockedUntil    time.Time
}
