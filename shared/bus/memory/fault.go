package memory

import (
	"time"

	"latchkey/shared/bus"
)

// SendFault is how one Send misbehaves.
type SendFault int

// The faults of a Send.
const (
	SendWorks      SendFault = iota
	SendThrottled            // bus.ErrThrottled; nothing is accepted
	SendLost                 // bus.ErrUnavailable; nothing is accepted
	SendTorn                 // bus.ErrUnavailable; the first half is accepted
	SendUnanswered           // bus.ErrUnavailable; all is accepted
)

// Faults are the hooks through which the simulation makes the broker misbehave, as Service Bus may. Each is asked once at its place; a nil hook means never.
// They are called while the queue is locked, except Send, and must not call the broker.
type Faults struct {
	// Send says how a Send of so many messages fares.
	Send func(queue string, messages int) SendFault
	// Duplicate says that the message is delivered twice in spite of duplicate detection.
	Duplicate func(queue string, m *bus.Message) bool
	// Delay is by how much the message becomes visible too late. Later ones overtake it, also in its session.
	Delay func(queue string, m *bus.Message) time.Duration
	// Reorder picks which of so many visible messages, or free sessions, is handed out next. 0 is the one whose turn it is.
	Reorder func(queue string, choices int) int
	// LoseSettlement says that the receiver crashed before its settlement arrived: it is not done, and the lock is lost at once. With sessions
	// the lock of the session is lost with it.
	LoseSettlement func(queue string, sequence int64) bool
}

// SetFaults installs hooks; nil removes them.
func (b *Broker) SetFaults(faults *Faults) { b.faults.Store(faults) }

func (f *Faults) send(queue string, messages int) (accepted int, err error) {
	if f == nil || f.Send == nil {
		return messages, nil
	}
	switch f.Send(queue, messages) {
	case SendThrottled:
		return 0, bus.ErrThrottled
	case SendLost:
		return 0, bus.ErrUnavailable
	case SendTorn:
		return messages / 2, bus.ErrUnavailable
	case SendUnanswered:
		return messages, bus.ErrUnavailable
	default:
		return messages, nil
	}
}

func (f *Faults) duplicate(queue string, m *bus.Message) bool {
	return f != nil && f.Duplicate != nil && f.Duplicate(queue, m)
}

func (f *Faults) delay(queue string, m *bus.Message) time.Duration {
	if f == nil || f.Delay == nil {
		return 0
	}
	return f.Delay(queue, m)
}

func (f *Faults) reorder(queue string, choices int) int {
	if f == nil || f.Reorder == nil || choices < 2 {
		return 0
	}
	return min(max(f.Reorder(queue, choices), 0), choices-1)
}

func (f *Faults) loseSettlement(queue string, sequence int64) bool {
	return f != nil && f.LoseSettlement != nil && f.LoseSettlement(queue, sequence)
}
