// Package ledgertest is the stand that the tests of areas are built on: a ledger on the memory adapters, and a clock that stands still.
package ledgertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// Noon is when the clock begins.
var Noon = time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)

// ID is the id of what a test calls by this name.
func ID(name string) string { return governance.NameID("test:" + name) }

// Stand is a ledger with what is below it.
type Stand struct {
	*testing.T
	Clock  *platform.ManualClock
	Store  *storememory.Store
	Broker *busmemory.Broker
	Ledger *ledger.Ledger
	Logger *slog.Logger

	mu    sync.Mutex
	log   bytes.Buffer
	slept []time.Duration
	ids   int
}

// New makes one.
func New(t *testing.T) *Stand {
	s := &Stand{T: t, Clock: platform.NewManualClock(Noon)}
	s.Store = storememory.New(s.Clock)
	s.Broker = busmemory.New(s.Clock, busmemory.Queues()...)
	s.Logger = slog.New(slog.NewJSONHandler(s, nil))
	s.Ledger = s.On(s.Store)
	return s
}

// On is another ledger, on a view of the store.
func (s *Stand) On(view store.Store) *ledger.Ledger { return ledger.New(s.Options(view)) }

// Options are what a ledger on the stand is made of.
func (s *Stand) Options(view store.Store) ledger.Options {
	return ledger.Options{
		Store: view, Bus: s.Broker, Clock: s.Clock, Logger: s.Logger,
		NewID: func() string {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ids++
			return fmt.Sprintf("00000000-0000-4000-8000-%012d", s.ids)
		},
		Salt: func() string { return "salt" },
		Sleep: func(ctx context.Context, d time.Duration) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.slept = append(s.slept, d)
			return ctx.Err()
		},
		Jitter: func(most time.Duration) time.Duration { return most },
	}
}

// Write implements io.Writer: the stand is its own log.
func (s *Stand) Write(data []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.Write(data)
}

// Log is all that was logged.
func (s *Stand) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Lines are the lines of the log with a message.
func (s *Stand) Lines(message string) []map[string]any {
	s.Helper()
	var found []map[string]any
	for line := range strings.Lines(s.Log()) {
		var members map[string]any
		s.Must(json.Unmarshal([]byte(line), &members))
		if members["msg"] == message {
			found = append(found, members)
		}
	}
	return found
}

// Slept are the waits between tries since it was last asked.
func (s *Stand) Slept() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	slept := s.slept
	s.slept = nil
	return slept
}

// Must ends the test at an error.
func (s *Stand) Must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// Refused wants an error of a code, with these words in it.
func (s *Stand) Refused(err error, code governance.Code, words ...string) {
	s.Helper()
	if err == nil || ledger.CodeOf(err) != code {
		s.Errorf("wanted %s, got %v", code, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			s.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

// Faults has the store go wrong as listed, for the calls of one operation, one after the other; NoFault lets one through.
func (s *Stand) Faults(operation string, faults ...storememory.Fault) {
	var mu sync.Mutex
	s.Store.SetFault(func(one string) storememory.Fault {
		mu.Lock()
		defer mu.Unlock()
		if one != operation || len(faults) == 0 {
			return storememory.NoFault
		}
		next := faults[0]
		faults = faults[1:]
		return next
	})
}

// DownStore has the store answer nothing, or again.
func (s *Stand) DownStore(down bool) {
	s.Store.SetFault(nil)
	if down {
		s.Store.SetFault(func(string) storememory.Fault { return storememory.Unavailable })
	}
}

// DownBus has the bus accept nothing, or again.
func (s *Stand) DownBus(down bool) {
	s.Broker.SetFaults(nil)
	if down {
		s.Broker.SetFaults(&busmemory.Faults{Send: func(string, int) busmemory.SendFault { return busmemory.SendLost }})
	}
}

// Put writes documents to a place, as a command does.
func (s *Stand) Put(place governance.Place, documents ...governance.Document) {
	s.Helper()
	var ids []string
	for _, one := range documents {
		ids = append(ids, governance.StoredID(one.DocumentKind(), one.DocumentID()))
	}
	_, err := s.Ledger.Update(s.Context(), place, ledger.Documents(ids...), func(engine.State) (engine.Change, error) { return engine.Change{Write: documents}, nil })
	s.Must(err)
}

// Note adds entries to the audit trail of a place, one in a commit.
func (s *Stand) Note(place governance.Place, entries int) {
	s.Helper()
	for range entries {
		_, err := s.Ledger.Update(s.Context(), place, ledger.Documents(), Entry("noted"))
		s.Must(err)
	}
}

// Entry is a command that adds an entry to the audit trail.
func Entry(detail string) ledger.Decide {
	return func(engine.State) (engine.Change, error) {
		return engine.Change{Audit: []governance.AuditEntry{{
			Activity: governance.ActivityCancel, ActivityDateTime: governance.At(Noon), Result: "success", TargetID: ID("target"), AuditPersonal: governance.AuditPersonal{Detail: detail},
		}}}, nil
	}
}

// Documents are those of a kind, in all places of a container.
func (s *Stand) Documents(container store.Container, kind string) []store.Document {
	s.Helper()
	page, err := s.Store.Query(context.Background(), container, store.Query{Kind: kind, PageSize: store.MaxPageSize})
	s.Must(err)
	return page.Documents
}

// Rewrite puts a document back with another body, past the ledger.
func (s *Stand) Rewrite(container store.Container, document store.Document, body any) {
	s.Helper()
	if raw, ok := body.(string); ok {
		body = json.RawMessage(raw)
	}
	data, err := json.Marshal(body)
	s.Must(err)
	document.Body, document.ETag = data, ""
	if _, err = s.Store.Commit(context.Background(), container, document.Partition, []store.Operation{{Verb: store.Create, Document: document}}); errors.Is(err, store.ErrConflict) {
		_, err = s.Store.Commit(context.Background(), container, document.Partition, []store.Operation{{Verb: store.Replace, Document: document}})
	}
	s.Must(err)
}

// Links are the links of audit entries.
func Links(entries []governance.AuditEntry) (links []governance.AuditLink) {
	for _, entry := range entries {
		links = append(links, entry.Link())
	}
	return links
}

// Trail is the audit trail of a place, in order, as it is stored and as it reads.
func (s *Stand) Trail(place governance.Place) (stored []store.Document, entries []governance.AuditEntry) {
	s.Helper()
	page, err := s.Store.Query(context.Background(), store.Container(place.Container), store.Query{Partition: place.Partition, Kind: governance.AuditEntry{}.DocumentKind(), PageSize: store.MaxPageSize})
	s.Must(err)
	stored, entries = make([]store.Document, len(page.Documents)), make([]governance.AuditEntry, len(page.Documents))
	for _, document := range page.Documents {
		entry, err := ledger.Decode[governance.AuditEntry](document)
		s.Must(err)
		stored[entry.Sequence-1], entries[entry.Sequence-1] = document, entry
	}
	return stored, entries
}

// Counts are those of a queue.
func (s *Stand) Counts(queue string) busmemory.Counts {
	s.Helper()
	counts, err := s.Broker.Counts(queue)
	s.Must(err)
	return counts
}

// Effects are those that wait in a queue, visible or not.
func (s *Stand) Effects(queue string) []governance.Effect {
	s.Helper()
	from, err := s.Broker.Queue(queue)
	s.Must(err)
	var effects []governance.Effect
	for _, one := range from.Peek(0, store.MaxPageSize, nil) {
		var effect governance.Effect
		s.Must(json.Unmarshal(one.Message.Body, &effect))
		effects = append(effects, effect)
	}
	return effects
}
