// Package storetest says what a store.Store is, as tests: each adapter runs the same suite, in three tiers. It serves adapters' tests and nothing else.
//
// The suite shares a store with whatever else is in it: it only looks at partitions, ids and kinds that it made up, so it can run against an account that is
// in use.
package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// Open makes a store that lives by the clock, which a test may move; with RealTime the clock is the machine's. It is called once for each test.
type Open func(t *testing.T, clock platform.Clock) store.Store

// Option tells the suite what a store cannot do.
type Option func(*suite)

// RealTime says that the store lives by its own clock, so nothing can be proved about the expiry of documents without waiting for it.
func RealTime() Option { return func(s *suite) { s.realTime = true } }

type suite struct {
	open     Open
	realTime bool
}

// Run runs the whole suite.
func Run(t *testing.T, open Open, options ...Option) {
	t.Helper()
	s := &suite{open: open}
	for _, option := range options {
		option(s)
	}
	t.Run("crud", s.crud)
	t.Run("query", s.query)
	t.Run("transactional", s.transactional)
	t.Run("concurrent", s.concurrent)
}

// start is the instant at which movable clocks stand.
var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// fixture is one test's store and its own corner of it.
type fixture struct {
	*testing.T
	store     store.Store
	clock     *platform.ManualClock // nil with RealTime
	container store.Container
	partition string
	kind      string
}

func (s *suite) fixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, container: store.Subjects, partition: platform.RandomIDs(), kind: "storetest-" + platform.RandomIDs()}
	if s.realTime {
		f.store = s.open(t, platform.SystemClock{})
		return f
	}
	f.clock = platform.NewManualClock(start)
	f.store = s.open(t, f.clock)
	return f
}

func (f *fixture) document(id, body string) store.Document {
	return store.Document{ID: id, Kind: f.kind, SchemaVersion: 1, Body: json.RawMessage(body)}
}

func (f *fixture) create(id, body string) store.Operation {
	return store.Operation{Verb: store.Create, Document: f.document(id, body)}
}

func (f *fixture) commit(operations ...store.Operation) []string {
	f.Helper()
	return f.commitTo(f.partition, operations...)
}

func (f *fixture) commitTo(partition string, operations ...store.Operation) []string {
	f.Helper()
	etags, err := f.store.Commit(f.Context(), f.container, partition, operations)
	if err != nil {
		f.Fatalf("commit: %v", err)
	}
	if len(etags) != len(operations) {
		f.Fatalf("commit of %d operations answered %d ETags", len(operations), len(etags))
	}
	for i, operation := range operations {
		if (etags[i] == "") != (operation.Verb == store.Delete) {
			f.Fatalf("operation %d: ETag %q", i, etags[i])
		}
	}
	return etags
}

func (f *fixture) commitFails(want error, operations ...store.Operation) {
	f.Helper()
	etags, err := f.store.Commit(f.Context(), f.container, f.partition, operations)
	if !errors.Is(err, want) {
		f.Fatalf("commit: error %v, want %v", err, want)
	}
	if etags != nil {
		f.Fatalf("a failed commit answered ETags %q", etags)
	}
}

func (f *fixture) get(ids ...string) []store.Document {
	f.Helper()
	return f.getFrom(f.partition, ids...)
}

func (f *fixture) getFrom(partition string, ids ...string) []store.Document {
	f.Helper()
	documents, err := f.store.Get(f.Context(), f.container, partition, ids...)
	if err != nil {
		f.Fatalf("get %q: %v", ids, err)
	}
	if len(documents) != len(ids) {
		f.Fatalf("get of %d ids answered %d documents", len(ids), len(documents))
	}
	return documents
}

func (f *fixture) absent(ids ...string) {
	f.Helper()
	for i, d := range f.get(ids...) {
		if d.ID != "" || d.Body != nil || d.ETag != "" {
			f.Fatalf("document %q exists: %+v", ids[i], d)
		}
	}
}

func (f *fixture) has(id, body string) store.Document {
	f.Helper()
	d := f.get(id)[0]
	if d.ID != id {
		f.Fatalf("document %q does not exist", id)
	}
	sameJSON(f.T, d.Body, body)
	return d
}

// all reads every page of a query. No document may come twice.
func (f *fixture) all(query store.Query) []store.Document {
	f.Helper()
	var documents []store.Document
	seen := map[string]bool{}
	for pages := 0; ; pages++ {
		if pages > 10_000 {
			f.Fatal("the query never ends")
		}
		page, err := f.store.Query(f.Context(), f.container, query)
		if err != nil {
			f.Fatalf("query: %v", err)
		}
		if limit := cmp.Or(query.PageSize, store.DefaultPageSize); len(page.Documents) > limit {
			f.Fatalf("a page of %d documents, at most %d were asked for", len(page.Documents), limit)
		}
		for _, d := range page.Documents {
			key := d.Partition + "/" + d.ID
			if seen[key] {
				f.Fatalf("document %s came twice", key)
			}
			seen[key] = true
			documents = append(documents, d)
		}
		if page.Continuation == "" {
			return documents
		}
		query.Continuation = page.Continuation
	}
}

// ids are those of all documents that a query answers, sorted.
func (f *fixture) ids(query store.Query) []string {
	f.Helper()
	ids := []string{}
	for _, d := range f.all(query) {
		ids = append(ids, d.ID)
	}
	slices.Sort(ids)
	return ids
}

func (f *fixture) answers(query store.Query, want ...string) {
	f.Helper()
	slices.Sort(want)
	if got := f.ids(query); !slices.Equal(got, want) && len(got)+len(want) > 0 {
		f.Fatalf("the query answers %q, want %q", got, want)
	}
}

func sameJSON(t *testing.T, got json.RawMessage, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal(got, &a); err != nil {
		t.Fatalf("body %s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if x, y := fmt.Sprintf("%#v", a), fmt.Sprintf("%#v", b); x != y {
		t.Fatalf("body %s, want %s", got, want)
	}
}

func canceled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
