package memory

import (
	"fmt"
	"slices"

	"latchkey/shared/bus"
)

func (q *Queue) noSessions() error {
	return fmt.Errorf("%w: %s has no sessions", bus.ErrInvalid, q.name)
}

// MaxPeek bounds the messages of one Peek.
const MaxPeek = 1000

// Peek shows messages in any state from a sequence number on, in its order, without locking them; session, unless it is nil, names the only session to look into.
func (q *Queue) Peek(from int64, limit int, session *string) []Delivery {
	q.lock()
	defer q.mu.Unlock()
	var found []*item
	for number, i := range q.items {
		if number >= from && (session == nil || i.SessionID == *session) {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, func(a, b *item) int { return int(a.sequence - b.sequence) })
	found = found[:min(len(found), max(limit, 0), MaxPeek)]
	deliveries := make([]Delivery, len(found))
	for n, i := range found {
		deliveries[n] = q.delivery(i)
		deliveries[n].DeliveryCount = i.failures
		deliveries[n].LockToken = LockToken{}
	}
	return deliveries
}

// Sessions lists the sessions that have messages or state, in alphabetical order.
func (q *Queue) Sessions() []string {
	q.lock()
	defer q.mu.Unlock()
	var list []string
	for id, s := range q.sessions {
		if s.messages > 0 || s.state != nil {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}
