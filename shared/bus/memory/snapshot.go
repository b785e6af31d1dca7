package memory

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"latchkey/shared/bus"
)

// The form of a snapshot. Locks are not in it: what was in hand is visible again after a restore.
type (
	savedBroker struct {
		Queues map[string]savedQueue `json:"queues"`
	}
	savedQueue struct {
		Sequence    int64             `json:"sequence"`
		Messages    []savedMessage    `json:"messages,omitempty"`
		States      map[string][]byte `json:"sessionStates,omitempty"`
		Seen        []savedID         `json:"seen,omitempty"`
		DeadLetters *savedQueue       `json:"deadLetters,omitempty"`
	}
	savedMessage struct {
		Message     bus.Message `json:"message"`
		Wire        []byte      `json:"wire,omitempty"`
		Sequence    int64       `json:"sequence"`
		Original    int64       `json:"original,omitempty"`
		Enqueued    time.Time   `json:"enqueued"`
		Visible     time.Time   `json:"visible,omitzero"`
		Failures    int         `json:"failures,omitempty"`
		State       State       `json:"state"`
		Reason      string      `json:"reason,omitempty"`
		Description string      `json:"description,omitempty"`
	}
	savedID struct {
		ID       string    `json:"id"`
		At       time.Time `json:"at"`
		Sequence int64     `json:"sequence"`
	}
)

// Snapshot writes all queues as JSON.
func (b *Broker) Snapshot(w io.Writer) error {
	saved := savedBroker{Queues: make(map[string]savedQueue, len(b.queues))}
	for name, q := range b.queues {
		q.lock()
		saved.Queues[name] = q.save()
		q.mu.Unlock()
	}
	if err := json.NewEncoder(w).Encode(saved); err != nil {
		return fmt.Errorf("writing the snapshot of the bus: %w", err)
	}
	return nil
}

func (q *Queue) save() savedQueue {
	saved := savedQueue{Sequence: q.sequence, States: make(map[string][]byte)}
	for _, i := range q.items {
		message := savedMessage{
			Message: i.Message, Wire: i.Wire, Sequence: i.sequence, Original: i.original, Enqueued: i.enqueued, Failures: i.failures,
			State: i.state, Reason: i.reason, Description: i.description,
		}
		if i.state == Locked {
			message.State = Active
		} else if i.state == Scheduled {
			message.Visible = i.visible
		}
		saved.Messages = append(saved.Messages, message)
	}
	slices.SortFunc(saved.Messages, func(a, b savedMessage) int { return int(a.Sequence - b.Sequence) })
	for id, s := range q.sessions {
		if s.state != nil {
			saved.States[id] = s.state
		}
	}
	for _, id := range q.history.order[q.history.head:] {
		entry := q.history.seen[id]
		saved.Seen = append(saved.Seen, savedID{ID: id, At: entry.at, Sequence: entry.sequence})
	}
	if q.deadLetters != nil {
		dead := q.deadLetters.save()
		saved.DeadLetters = &dead
	}
	return saved
}

// Restore replaces all messages by those of a snapshot. Queues that it does not know are empty; those of it that are not configured are left out.
func (b *Broker) Restore(r io.Reader) error {
	var saved savedBroker
	if err := json.NewDecoder(r).Decode(&saved); err != nil {
		return fmt.Errorf("reading the snapshot of the bus: %w", err)
	}
	for _, name := range b.names {
		q := b.queues[name]
		q.mu.Lock()
		q.reset()
		q.load(saved.Queues[name])
		q.advance(b.clock.Now())
		q.mu.Unlock()
	}
	b.signalEarlier()
	return nil
}

func (q *Queue) load(saved savedQueue) {
	q.sequence = max(q.sequence, saved.Sequence)
	for id, state := range saved.States {
		if q.options.RequiresSession {
			q.session(id).state = state
		}
	}
	for _, message := range saved.Messages {
		i := &item{
			Envelope: Envelope{Message: message.Message, Wire: message.Wire}, sequence: message.Sequence, original: message.Original,
			enqueued: message.Enqueued, visible: message.Visible, failures: message.Failures, state: message.State,
			reason: message.Reason, description: message.Description,
		}
		q.items[i.sequence] = i
		switch i.state {
		case Scheduled:
			q.counts.Scheduled++
			q.scheduled.push(i)
		case Deferred:
			q.counts.Deferred++
			if q.options.RequiresSession {
				i.session = q.session(i.SessionID)
				i.session.messages++
			}
		default:
			q.arrive(i)
		}
	}
	for _, id := range saved.Seen {
		q.history.add(id.ID, id.Sequence, id.At)
	}
	if q.deadLetters != nil && saved.DeadLetters != nil {
		q.deadLetters.load(*saved.DeadLetters)
	}
}
