package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// queueOf is the queue that an effect goes to.
func queueOf(kind governance.EffectKind) string {
	switch kind {
	case governance.EffectNotify:
		return bus.Notifications
	case governance.EffectTask:
		return bus.Extensions
	default:
		return bus.Provisioning
	}
}

// message is an effect on its way.
func message(effect governance.Effect) (bus.Message, error) {
	body, err := json.Marshal(effect)
	if err != nil {
		return bus.Message{}, fmt.Errorf("encode effect %s: %w", effect.ID, err)
	}
	m := bus.Message{ID: effect.ID, Subject: string(effect.Kind), CorrelationID: effect.RequestID, NotBefore: effect.NotBefore, Body: body}
	if bus.UsesSessions(queueOf(effect.Kind)) {
		m.SessionID = effect.SubjectID
	}
	if effect.TraceParent != "" {
		m.Properties = map[string]string{platform.TraceParent: effect.TraceParent}
	}
	return m, nil
}

// flush sends committed effects and forgets them. What fails here is in the outbox, where FlushOutbox finds it: nothing is lost, so nothing is returned.
func (a *App) flush(ctx context.Context, subjectID string, effects []governance.Effect) {
	if len(effects) == 0 {
		return
	}
	ids, err := a.send(ctx, effects)
	if err != nil {
		a.log.WarnContext(ctx, "effects stay in the outbox for now", "subjectId", subjectID, "error", err)
	}
	if err := a.forget(ctx, subjectID, ids); err != nil {
		a.log.WarnContext(ctx, "sent effects stay in the outbox for now and will be sent twice", "subjectId", subjectID, "error", err)
	}
}

// send puts effects on their queues, in order, and answers with the outbox documents of those that are.
func (a *App) send(ctx context.Context, effects []governance.Effect) (sent []string, err error) {
	queues := map[string][]bus.Message{}
	ids := map[string][]string{}
	for _, effect := range effects {
		m, encodeErr := message(effect)
		if encodeErr != nil {
			err = errors.Join(err, encodeErr)
			continue
		}
		queue := queueOf(effect.Kind)
		queues[queue] = append(queues[queue], m)
		ids[queue] = append(ids[queue], documentID(kindOutbox, effect.ID))
	}
	for _, queue := range bus.Queues() {
		if len(queues[queue]) == 0 {
			continue
		}
		if sendErr := a.bus.Send(ctx, queue, queues[queue]...); sendErr != nil {
			err = errors.Join(err, fmt.Errorf("send to %s: %w", queue, sendErr))
			continue
		}
		sent = append(sent, ids[queue]...)
	}
	return sent, err
}

// forget deletes outbox documents of one subject, as many at a time as a commit holds. One that is gone already is no failure.
func (a *App) forget(ctx context.Context, subjectID string, ids []string) error {
	var failed error
	for some := range slices.Chunk(ids, store.MaxOperations) {
		failed = errors.Join(failed, a.forgetSome(ctx, subjectID, some))
	}
	return failed
}

func (a *App) forgetSome(ctx context.Context, subjectID string, ids []string) error {
	operations := make([]store.Operation, len(ids))
	for i, id := range ids {
		operations[i] = store.Operation{Verb: store.Delete, Document: store.Document{ID: id}}
	}
	_, err := a.store.Commit(ctx, store.Subjects, subjectID, operations)
	if errors.Is(err, store.ErrConflict) && len(ids) > 1 { // somebody else forgot one of them; the rest goes one by one
		err = nil
		for _, operation := range operations {
			if _, one := a.store.Commit(ctx, store.Subjects, subjectID, []store.Operation{operation}); one != nil && !errors.Is(one, store.ErrConflict) {
				err = errors.Join(err, one)
			}
		}
	}
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

// Sweep says what a timer's run did.
type Sweep struct {
	Found int           // how many documents were due
	Sent  int           // how many messages went out for them
	Lag   time.Duration // how late the oldest of them was
}

// late takes note of documents that should have been seen to at their dueAt.
func (s *Sweep) late(now time.Time, documents []store.Document) {
	for _, document := range documents {
		s.Lag = max(s.Lag, now.Sub(document.DueAt))
	}
}

// FlushOutbox sends the effects that a crash, or a bus that was away, left in the outbox: those older than a minute. Errors: the store's, or the bus's, after what
// could be sent was.
func (a *App) FlushOutbox(ctx context.Context, caller governance.Caller) (Sweep, error) {
	if err := authorize(caller, OpRunLifecycle); err != nil {
		return Sweep{}, err
	}
	var sweep Sweep
	var failed error
	now := a.now()
	err := a.each(ctx, store.Query{Kind: kindOutbox, DueBefore: now, PageSize: sweepPage}, func(documents []store.Document) error {
		sweep.Found += len(documents)
		sweep.late(now.Add(outboxDelay), documents) // from the commit on
		bySubject := map[string][]governance.Effect{}
		var order []string
		for _, document := range documents {
			effect, err := decode[governance.Effect](document)
			if err != nil {
				a.log.ErrorContext(ctx, "an effect in the outbox cannot be read", "alert", true, "subjectId", document.Partition, "document", document.ID, "error", err)
				continue
			}
			if bySubject[document.Partition] == nil {
				order = append(order, document.Partition)
			}
			bySubject[document.Partition] = append(bySubject[document.Partition], effect)
		}
		for _, subjectID := range order {
			sent, err := a.send(ctx, bySubject[subjectID])
			sweep.Sent += len(sent)
			failed = errors.Join(failed, err, a.forget(ctx, subjectID, sent))
		}
		return nil
	})
	if sweep.Found > 0 {
		a.log.LogAttrs(ctx, slog.LevelInfo, "outbox swept", slog.Int("found", sweep.Found), slog.Int("sent", sweep.Sent))
	}
	return sweep, errors.Join(err, failed)
}

// sweepPage is how many due documents are read at a time.
const sweepPage = 200

// each pages through a query of the subjects.
func (a *App) each(ctx context.Context, query store.Query, do func([]store.Document) error) error {
	for {
		page, err := a.store.Query(ctx, store.Subjects, query)
		if err != nil {
			return fmt.Errorf("query what is due: %w", err)
		}
		if len(page.Documents) > 0 {
			if err := do(page.Documents); err != nil {
				return err
			}
		}
		if page.Continuation == "" {
			return nil
		}
		query.Continuation = page.Continuation
	}
}

// ExpireDue finds the requests, assignments and callouts whose time has come and sends one message for each (DESIGN section 2, 7): what happens to them is decided where their
// subject's other messages are handled.
func (a *App) ExpireDue(ctx context.Context, caller governance.Caller) (Sweep, error) {
	if err := authorize(caller, OpRunLifecycle); err != nil {
		return Sweep{}, err
	}
	now := a.now()
	var sweep Sweep
	for _, kind := range []string{kindAssignment, kindRequest, kindCallout} {
		err := a.each(ctx, store.Query{Kind: kind, DueBefore: now, PageSize: sweepPage}, func(documents []store.Document) error {
			sweep.Found += len(documents)
			sweep.late(now, documents)
			messages := make([]bus.Message, 0, len(documents))
			queue := bus.Provisioning
			if kind == kindCallout {
				queue = bus.Extensions
			}
			for _, document := range documents {
				m, err := message(dueEffect(document))
				if err != nil {
					return err
				}
				messages = append(messages, m)
			}
			if err := a.bus.Send(ctx, queue, messages...); err != nil {
				return fmt.Errorf("send what is due: %w", err)
			}
			sweep.Sent += len(messages)
			return nil
		})
		if err != nil {
			return sweep, err
		}
	}
	if sweep.Found > 0 {
		a.log.LogAttrs(ctx, slog.LevelInfo, "due requests, assignments and callouts sent on", slog.Int("found", sweep.Found))
	}
	return sweep, nil
}

// dueEffect is the effect of looking at a due document. Its id holds the instant and the version, so that the queue drops the repetition of a timer that runs again meanwhile.
func dueEffect(document store.Document) governance.Effect {
	effect := governance.Effect{
		ID:        "due-" + governance.NameID(document.Partition+document.ID+document.DueAt.UTC().Format(time.RFC3339Nano)+document.ETag),
		Kind:      governance.EffectDue,
		SubjectID: document.Partition,
	}
	id := document.ID[len(document.Kind)+1:]
	switch document.Kind {
	case kindAssignment:
		effect.AssignmentID = id
	case kindCallout:
		effect.Kind, effect.TaskID = governance.EffectTask, id
	default:
		effect.RequestID = id
	}
	return effect
}
