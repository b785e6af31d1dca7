package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// Bounds of the retries of one commit.
const (
	maxTries  = 12
	firstWait = 4 * time.Millisecond
	longWait  = 400 * time.Millisecond
	// outboxDelay is how long an effect may take from its commit to the bus before the timer takes it for forgotten.
	outboxDelay = time.Minute
)

// subjectState is a subject as it was read: what the engine decides on, and the versions that a commit must still find.
type subjectState struct {
	engine.Subject
	etags map[string]string // by document id
}

// loadSubject reads the head of a subject and those of the documents that exist.
func (a *App) loadSubject(ctx context.Context, subjectID string, documents ...string) (subjectState, error) {
	state := subjectState{
		Subject: engine.Subject{
			Head:        governance.Head{ID: subjectID},
			Requests:    map[string]governance.AssignmentRequest{},
			Assignments: map[string]governance.Assignment{},
			Callouts:    map[string]governance.Task{},
		},
		etags: map[string]string{},
	}
	ids := append([]string{kindHead}, documents...)
	found, err := a.store.Get(ctx, store.Subjects, subjectID, ids...)
	if err != nil {
		return state, fmt.Errorf("load subject: %w", err)
	}
	for _, document := range found {
		switch document.Kind {
		case "":
			continue
		case kindHead:
			state.Head, err = decode[governance.Head](document)
		case kindRequest:
			var request governance.AssignmentRequest
			request, err = decode[governance.AssignmentRequest](document)
			state.Requests[request.ID] = request
		case kindAssignment:
			var assignment governance.Assignment
			assignment, err = decode[governance.Assignment](document)
			state.Assignments[assignment.ID] = assignment
		case kindCallout:
			var callout governance.Task
			callout, err = decode[governance.Task](document)
			state.Callouts[callout.ID] = callout
		}
		if err != nil {
			return state, err
		}
		state.etags[document.ID] = document.ETag
	}
	return state, nil
}

// Update is the one verb for change of a subject: it reads the head and the named documents, has command decide, and commits the documents, the audit entries and
// the outbox together, if nobody was faster; else it starts again. command is pure and may run more than once. After the commit the outbox is flushed.
//
// Errors: those of command as they are; CodeUnavailable when the store does not let it through.
func (a *App) Update(ctx context.Context, subjectID string, documents []string, command func(engine.Subject) (engine.Change, error)) (engine.Change, error) {
	return a.updateFrom(ctx, nil, subjectID, documents, command)
}

// updateFrom is Update with a first reading in hand.
func (a *App) updateFrom(ctx context.Context, first *subjectState, subjectID string, documents []string, command func(engine.Subject) (engine.Change, error)) (engine.Change, error) {
	platform.NameSubject(ctx, subjectID)
	commandID := a.newID()
	var change engine.Change
	var before map[string]governance.AssignmentRequest
	committed, err := a.retry(ctx, func(bool) (bool, error) {
		state := first
		first = nil
		if state == nil {
			loaded, err := a.loadSubject(ctx, subjectID, documents...)
			if err != nil {
				return false, err
			}
			state = &loaded
		}
		if slices.Contains(state.Head.RecentCommands, commandID) {
			return true, nil // the answer to our commit was lost, the commit was not; or a command with an idempotency key is repeated
		}
		decided, err := command(state.Subject)
		if err != nil || decided.IsEmpty() {
			change = decided
			return false, err
		}
		head, sealed := engine.Seal(state.Head, decided, commandID)
		if trace := platform.CarryTrace(ctx); trace != "" {
			for i := range sealed.Effects {
				sealed.Effects[i].TraceParent = trace
			}
		}
		operations, err := subjectOperations(*state, head, sealed, a.now())
		if err != nil {
			return false, err
		}
		change, before = sealed, state.Requests
		_, err = a.store.Commit(ctx, store.Subjects, subjectID, operations)
		return err == nil, err
	})
	if err != nil {
		return engine.Change{}, err
	}
	if committed {
		a.measureSteps(ctx, before, change.Requests)
		for _, request := range change.Requests {
			a.places.put(documentID(kindRequest, request.ID), subjectID)
		}
		for _, assignment := range change.Assignments {
			a.places.put(documentID(kindAssignment, assignment.ID), subjectID)
		}
		// Not those of callouts: hardly one is ever asked for by its id, and a hundred come a second.
		a.flush(ctx, subjectID, change.Effects)
	}
	return change, nil
}

// measureSteps tells of the requests that have reached another state.
func (a *App) measureSteps(ctx context.Context, before map[string]governance.AssignmentRequest, after []governance.AssignmentRequest) {
	if !platform.Traced(ctx) {
		return
	}
	for _, request := range after {
		if before[request.ID].State != request.State {
			took := a.now().Sub(request.CreatedDateTime.Instant())
			platform.Measure(ctx, platform.MetricRequestStep, platform.Seconds(took), "state", string(request.State), "type", string(request.RequestType))
		}
	}
}

// retry runs attempt until it is through: again after a lost race, a throttled or a lost answer, with waits that grow and are jittered. again says that an attempt
// before may have been committed after all.
func (a *App) retry(ctx context.Context, attempt func(again bool) (bool, error)) (bool, error) {
	wait := firstWait
	var last error
	for try := range maxTries {
		committed, err := attempt(try > 0)
		if err == nil {
			return committed, nil
		}
		pause := a.jitter(wait)
		switch {
		case errors.Is(err, store.ErrThrottled):
			pause = max(pause, min(store.RetryAfter(err), 5*time.Second))
		case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrUnavailable):
		case errors.Is(err, store.ErrTooLarge):
			return false, &governance.Error{Code: governance.CodeTooLarge, Message: "The change is too large to be stored.", Err: err}
		default:
			return false, err
		}
		last = err
		if err := a.sleep(ctx, pause); err != nil {
			return false, unavailable("The store", errors.Join(last, err))
		}
		wait = min(2*wait, longWait)
	}
	return false, unavailable("The store", last)
}

// subjectOperations lays a change out as the writes of one batch.
func subjectOperations(state subjectState, head governance.Head, change engine.Change, now time.Time) ([]store.Operation, error) {
	batch := batch{etags: state.etags}
	batch.put(kindHead, kindHead, time.Time{}, head)
	for _, request := range change.Requests {
		batch.put(documentID(kindRequest, request.ID), kindRequest, engine.RequestDue(request), request)
	}
	for _, assignment := range change.Assignments {
		batch.put(documentID(kindAssignment, assignment.ID), kindAssignment, engine.AssignmentDue(assignment), assignment)
	}
	for _, callout := range change.Callouts {
		batch.put(documentID(kindCallout, callout.ID), kindCallout, engine.TaskDue(callout), callout)
	}
	batch.audit(change.Audit)
	for i := range change.Effects {
		effect := &change.Effects[i]
		effect.SubjectID = head.ID
		batch.put(documentID(kindOutbox, effect.ID), kindOutbox, now.Add(outboxDelay), *effect)
	}
	return batch.operations, batch.err
}

// batch collects the writes of a commit: a document that was read is replaced if it is still the same, any other is created.
type batch struct {
	etags      map[string]string
	operations []store.Operation
	err        error
}

// put writes a document, and answers with its body.
func (b *batch) put(id, kind string, due time.Time, body any) json.RawMessage {
	document, err := encode(id, kind, due, body)
	if err != nil {
		b.err = errors.Join(b.err, err)
		return nil
	}
	operation := store.Operation{Verb: store.Create, Document: document}
	if etag := b.etags[id]; etag != "" {
		operation.Verb, operation.IfMatch = store.Replace, etag
	}
	b.operations = append(b.operations, operation)
	return document.Body
}

func (b *batch) delete(id string) {
	b.operations = append(b.operations, store.Operation{Verb: store.Delete, Document: store.Document{ID: id}, IfMatch: b.etags[id]})
}

func (b *batch) audit(entries []governance.AuditEntry) {
	for _, entry := range entries {
		b.put(auditID(entry.Sequence), kindAudit, time.Time{}, entry)
	}
}

// lower is an id as it is stored.
func lower(id string) string { return strings.ToLower(strings.TrimSpace(id)) }
