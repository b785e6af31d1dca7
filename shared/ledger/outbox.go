package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// QueueOf is the queue that an effect goes to.
func QueueOf(effect governance.Effect) string { return queues[effect.What] }

// Message is an effect on its way. Errors: those of bus.Message.Validate, and bus.ErrNotFound for an effect that no queue is for.
func Message(effect governance.Effect) (bus.Message, error) {
	body, err := json.Marshal(effect)
	if err != nil {
		return bus.Message{}, fmt.Errorf("encode effect %s: %w", effect.ID, err)
	}
	m := bus.Message{ID: effect.ID, Subject: string(effect.What), CorrelationID: effect.RequestID, NotBefore: effect.NotBefore, Body: body}
	if effect.Turn > 0 {
		m.ID = fmt.Sprintf("%s-again-%d", effect.ID, effect.Turn) // one that was dropped, or is dead, must not make the queue drop this one
	}
	if bus.UsesSessions(QueueOf(effect)) {
		m.SessionID = effect.Partition
	}
	if effect.TraceParent != "" {
		m.Properties = map[string]string{platform.TraceParent: effect.TraceParent}
	}
	if QueueOf(effect) == "" {
		return bus.Message{}, fmt.Errorf("%w: for effect %s, %q", bus.ErrNotFound, effect.ID, effect.What)
	}
	return m, m.Validate(bus.UsesSessions(QueueOf(effect)))
}

// idForm is that of every id that a message names: those that are made here are GUIDs, with words and numbers beside them.
var idForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,100}$`)

// maxCount bounds every number of an effect: no honest one comes near it.
const maxCount = 10_000

// ReadMessage is the effect of a message, from whoever may send to the queues: every member is within its bounds and of its form, so that nobody behind it meets another. Errors: CodeInvalid naming
// the member.
func ReadMessage(body []byte) (governance.Effect, error) {
	var effect governance.Effect
	if err := json.Unmarshal(body, &effect); err != nil {
		return effect, &governance.Error{Code: governance.CodeInvalid, Message: "The message is no effect.", Err: err}
	}
	for _, one := range []struct {
		name, value string
		may         bool // be empty
	}{
		{"id", effect.ID, false}, {"partition", effect.Partition, false}, {"documentId", effect.About, false}, {"kind", effect.Kind, false}, {"what", string(effect.What), false},
		{"requestId", effect.RequestID, true}, {"notification", string(effect.Notification), true}, {"told", effect.Told, true}, {"traceParent", effect.TraceParent, true},
	} {
		if (one.value != "" || !one.may) && !idForm.MatchString(one.value) {
			return effect, governance.Invalid(one.name, "The message has no %s of 1 to 100 letters, digits and hyphens, but %q.", one.name, governance.Clip(one.value))
		}
	}
	if !slices.Contains(store.Containers(), store.Container(effect.Container)) {
		return effect, governance.Invalid("container", "There is no container %q.", governance.Clip(effect.Container))
	}
	for _, one := range []struct {
		name  string
		value int
	}{{"stage", effect.Stage}, {"attempt", effect.Attempt}, {"turn", effect.Turn}, {"begun", effect.Begun}} {
		if one.value < 0 || one.value > maxCount {
			return effect, governance.Invalid(one.name, "The message has a %s of %d; it is 0 to %d.", one.name, one.value, maxCount)
		}
	}
	return effect, nil
}

// ErrNoDocument: what an effect is about is not there, although both were committed together. That is a fault and no work done: the effect is put off, told of, and parked in the end.
var ErrNoDocument error = &governance.Error{Code: governance.CodeUnavailable, Message: "What the effect is about is not there."}

// UnfinishedError is what a handler answers with that has done a part of an effect, and left note of how far it has come: a message of its own goes on with it.
type UnfinishedError struct {
	Parts int // that are done; it tells this message from the others
}

func (u UnfinishedError) Error() string {
	return fmt.Sprintf("%d parts are done, and more are to do", u.Parts)
}

// About reads the document that an effect is about. Errors: ErrNoDocument.
func About[T governance.Document](ctx context.Context, l *Ledger, effect governance.Effect) (T, error) {
	found, err := GetAt[T](ctx, l, effect.Place, effect.About, effect.Kind)
	if governance.CodeOf(err) == governance.CodeNotFound {
		return found.Value, fmt.Errorf("%s %s: %w", effect.Kind, effect.About, ErrNoDocument)
	}
	return found.Value, err
}

// flush sends committed effects and forgets those that are not kept. What fails here is in the outbox, where FlushOutbox finds it: nothing is lost, so nothing is returned.
func (l *Ledger) flush(ctx context.Context, place governance.Place, effects []governance.Effect) {
	if len(effects) == 0 {
		return
	}
	ids, err := l.send(ctx, place, effects)
	if err != nil {
		l.options.Logger.WarnContext(ctx, "effects stay in the outbox for now", "partition", place.Partition, "error", err)
	}
	if err := l.forget(ctx, place, slices.DeleteFunc(ids, isKept(effects))); err != nil {
		l.options.Logger.WarnContext(ctx, "sent effects stay in the outbox for now and will be sent twice", "partition", place.Partition, "error", err)
	}
}

// flushLeft sends what lies in the outbox of a place: what another call has committed, and may have died before it sent.
func (l *Ledger) flushLeft(ctx context.Context, place governance.Place) {
	var effects []governance.Effect
	query := store.Query{Partition: place.Partition, Kind: governance.Effect{}.DocumentKind(), PageSize: sweepPage}
	err := l.Each(ctx, store.Container(place.Container), query, func(found []store.Document) error {
		for _, document := range found {
			if effect, err := Decode[governance.Effect](document); err == nil { // else the timer tells of it
				effects = append(effects, effect)
			}
		}
		return nil
	})
	if err != nil {
		l.options.Logger.WarnContext(ctx, "effects stay in the outbox for now", "partition", place.Partition, "error", err)
	}
	l.flush(ctx, place, effects)
}

// isKept says of the stored ids of effects which are kept.
func isKept(effects []governance.Effect) func(id string) bool {
	return func(id string) bool {
		return slices.ContainsFunc(effects, func(e governance.Effect) bool {
			return e.IsKept() && governance.StoredID(e.DocumentKind(), e.ID) == id
		})
	}
}

// send puts effects of a place on their queues, in order, and answers with the stored ids of those that are. One that the bus would refuse, and the others with it, is told and left where it is.
func (l *Ledger) send(ctx context.Context, place governance.Place, effects []governance.Effect) (sent []string, err error) {
	messages := map[string][]bus.Message{}
	ids := map[string][]string{}
	for _, effect := range effects {
		id := governance.StoredID(effect.DocumentKind(), effect.ID)
		m, refused := Message(effect)
		if refused != nil {
			l.unreadable(ctx, store.Document{Partition: place.Partition, ID: id}, refused)
			continue
		}
		queue := QueueOf(effect)
		messages[queue] = append(messages[queue], m)
		ids[queue] = append(ids[queue], id)
	}
	for _, queue := range bus.Queues() {
		if len(messages[queue]) == 0 {
			continue
		}
		if sendErr := l.options.Bus.Send(ctx, queue, messages[queue]...); sendErr != nil {
			err = errors.Join(err, fmt.Errorf("send to %s: %w", queue, sendErr))
			continue
		}
		sent = append(sent, ids[queue]...)
	}
	return sent, err
}

// forget deletes outbox documents of one place, as many at a time as a commit holds. One that is gone already is no failure.
func (l *Ledger) forget(ctx context.Context, place governance.Place, ids []string) error {
	var failed error
	for some := range slices.Chunk(ids, store.MaxOperations) {
		err := l.drop(ctx, place, some...)
		if errors.Is(err, store.ErrConflict) && len(some) > 1 { // somebody else forgot one of them; the rest goes one by one
			err = nil
			for _, id := range some {
				if one := l.drop(ctx, place, id); !errors.Is(one, store.ErrConflict) {
					err = errors.Join(err, one)
				}
			}
		}
		if !errors.Is(err, store.ErrConflict) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

func (l *Ledger) drop(ctx context.Context, place governance.Place, ids ...string) error {
	operations := make([]store.Operation, len(ids))
	for i, id := range ids {
		operations[i] = store.Operation{Verb: store.Delete, Document: store.Document{ID: id}}
	}
	_, err := l.options.Store.Commit(ctx, store.Container(place.Container), place.Partition, operations)
	return err
}

// Sweep says what a timer's run did.
type Sweep struct {
	Found int           // how many documents were due
	Sent  int           // how many messages went out for them
	Lag   time.Duration // how late the oldest of them was
}

// late takes note of a document that should have been seen to at its dueAt. One that cannot be read never is: it does not count, or nobody could tell whether the others are late.
func (s *Sweep) late(now time.Time, document store.Document) {
	s.Lag = max(s.Lag, now.Sub(document.DueAt))
}

// sweepPage is how many due documents are read at a time.
const sweepPage = 200

// working are the containers with kinds of documents that something is done for: where there are effects.
func working() []store.Container {
	var containers []store.Container
	for _, of := range all {
		if of.work != "" && !slices.Contains(containers, of.container) {
			containers = append(containers, of.container)
		}
	}
	return containers
}

// FlushOutbox sends the effects that a crash, or a bus that was away, left in the outbox of any place: those older than a minute, and kept ones whose time has come. Errors: the store's, or the bus's, after what could be sent was.
func (l *Ledger) FlushOutbox(ctx context.Context) (Sweep, error) {
	var sweep Sweep
	var failed error
	now := l.Now()
	for _, container := range working() {
		err := l.Each(ctx, container, store.Query{Kind: governance.Effect{}.DocumentKind(), DueBefore: now, PageSize: sweepPage}, func(documents []store.Document) error {
			sweep.Found += len(documents)
			byPartition, etags := map[string][]governance.Effect{}, map[string]string{}
			var order []string
			for _, document := range documents {
				effect, err := Decode[governance.Effect](document)
				if err != nil {
					l.unreadable(ctx, document, err)
					continue
				}
				sweep.late(now.Add(outboxDelay), document) // from the commit on
				if byPartition[document.Partition] == nil {
					order = append(order, document.Partition)
				}
				byPartition[document.Partition] = append(byPartition[document.Partition], effect)
				etags[document.Partition+document.ID] = document.ETag
			}
			for _, partition := range order {
				place := governance.Place{Container: string(container), Partition: partition}
				effects := byPartition[partition]
				sent, err := l.send(ctx, place, effects)
				sweep.Sent += len(sent)
				failed = errors.Join(failed, err)
				for _, effect := range effects {
					if id := governance.StoredID(effect.DocumentKind(), effect.ID); effect.IsKept() && slices.Contains(sent, id) {
						failed = errors.Join(failed, l.sentAgain(ctx, Kept{effect, etags[partition+id]}))
					}
				}
				failed = errors.Join(failed, l.forget(ctx, place, slices.DeleteFunc(sent, isKept(effects))))
			}
			return nil
		})
		failed = errors.Join(failed, err)
	}
	if sweep.Found > 0 {
		l.options.Logger.LogAttrs(ctx, slog.LevelInfo, "outbox swept", slog.Int("found", sweep.Found), slog.Int("sent", sweep.Sent))
	}
	return sweep, failed
}

// unreadable tells of a document that is passed over.
func (l *Ledger) unreadable(ctx context.Context, document store.Document, err error) {
	l.options.Logger.ErrorContext(ctx, "a document cannot be read", "alert", true, "partition", document.Partition, "document", document.ID, "error", err,
		"stops", "what is to happen to it, and to nothing else", "mend", "docs/operate/bad-documents.md#a-document-cannot-be-read")
}

// SendDue finds the documents of every kind whose time has come and sends one message for each: what happens to them is decided where their place's other messages are
// handled.
func (l *Ledger) SendDue(ctx context.Context) (Sweep, error) {
	now := l.Now()
	var sweep Sweep
	var failed error
	for _, of := range all {
		if of.work == "" {
			continue
		}
		failed = errors.Join(failed, l.Each(ctx, of.container, store.Query{Kind: of.name, DueBefore: now, PageSize: sweepPage}, func(documents []store.Document) error {
			sweep.Found += len(documents)
			messages := make([]bus.Message, 0, len(documents))
			for _, document := range documents {
				_, err := of.decode(document) // what nobody could handle would only end among the dead letters
				var m bus.Message
				if err == nil {
					m, err = Message(of.due(document))
				}
				if err != nil {
					l.unreadable(ctx, document, err)
					continue
				}
				sweep.late(now, document)
				messages = append(messages, m)
			}
			if len(messages) == 0 {
				return nil
			}
			if err := l.options.Bus.Send(ctx, queues[of.work], messages...); err != nil {
				return fmt.Errorf("send what is due: %w", err)
			}
			sweep.Sent += len(messages)
			return nil
		}))
	}
	if sweep.Found > 0 {
		l.options.Logger.LogAttrs(ctx, slog.LevelInfo, "due documents sent on", slog.Int("found", sweep.Found))
	}
	return sweep, failed
}

// due is the effect of looking at a due document. Its id holds the instant and the version, so that the queue drops the repetition of a timer that runs again meanwhile.
func (k kind) due(document store.Document) governance.Effect {
	return governance.Effect{
		ID:    "due-" + governance.NameID(document.Partition+document.ID+document.DueAt.UTC().Format(time.RFC3339Nano)+document.ETag),
		Place: governance.Place{Container: string(k.container), Partition: document.Partition},
		Kind:  k.name, About: document.ID[min(len(k.name)+1, len(document.ID)):], What: k.work,
	}
}
