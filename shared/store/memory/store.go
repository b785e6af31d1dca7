// Package memory keeps documents in the process, with the exact semantics of the port. Simulation and tests run on it, and the local Cosmos emulator serves
// its Container on the wire. It serves nobody in production: what it holds ends with the process.
//
// Its invariant: whatever Commit or Container.Update does is seen whole or not at all.
package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"latchkey/shared/platform"
	"latchkey/shared/store"
)

var _ store.Store = (*Store)(nil)

// Fault is what a test makes happen to one call.
type Fault int

// The faults. Conflict touches commits only: nothing is written. Throttle and Unavailable do nothing; LostResponse does the work and then says that it is
// not known.
const (
	NoFault Fault = iota
	Conflict
	Throttle
	Unavailable
	LostResponse
)

// The operations that a fault hook is asked about.
const (
	OpGet    = "get"
	OpCommit = "commit"
	OpQuery  = "query"
)

// ThrottleTime is the wait that a Throttle asks for.
const ThrottleTime = time.Second

// The secondary indexes of the store's containers.
const (
	byKind = FirstKey + iota
	byDue
	indexes = iota
)

// Store is the adapter.
type Store struct {
	containers map[store.Container]*Container[store.Document]
	fault      atomic.Pointer[func(operation string) Fault]
}

// New makes an empty one. A nil clock is the machine's.
func New(clock platform.Clock) *Store {
	s := &Store{containers: map[store.Container]*Container[store.Document]{}}
	for _, name := range store.Containers() {
		s.containers[name] = NewContainer[store.Document](clock, indexes, false)
	}
	return s
}

// SetFault sets what decides, before each operation, how it goes wrong; nil: never. The hook may be called from several goroutines.
func (s *Store) SetFault(hook func(operation string) Fault) {
	s.fault.Store(&hook)
}

// Len is how many documents a container holds.
func (s *Store) Len(container store.Container) int {
	c := s.containers[container]
	if c == nil {
		return 0
	}
	return c.Len()
}

// begin is what comes before the work of an operation: the end of its context, what is wrong with the call, and the fault that a test makes happen instead. One that happens after a commit
// is returned alone.
func (s *Store) begin(ctx context.Context, operation string, wrong error) (Fault, error) {
	if err := cmp.Or(ctx.Err(), wrong); err != nil {
		return NoFault, err
	}
	hook := s.fault.Load()
	if hook == nil || *hook == nil {
		return NoFault, nil
	}
	fault := (*hook)(operation)
	switch {
	case fault == Throttle:
		return fault, &store.ThrottledError{After: ThrottleTime}
	case fault == Unavailable:
		return fault, fmt.Errorf("%w: injected", store.ErrUnavailable)
	case fault == Conflict && operation == OpCommit:
		return fault, fmt.Errorf("%w: injected", store.ErrConflict)
	case fault == LostResponse && operation != OpCommit:
		return fault, errLost
	}
	return fault, nil
}

var errLost = fmt.Errorf("%w: injected: the response was lost", store.ErrUnavailable)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, container store.Container, partition string, ids ...string) ([]store.Document, error) {
	documents, err := s.get(ctx, container, partition, ids)
	if err != nil {
		return nil, fmt.Errorf("get from %s: %w", container, err)
	}
	return documents, nil
}

func (s *Store) get(ctx context.Context, container store.Container, partition string, ids []string) ([]store.Document, error) {
	if _, err := s.begin(ctx, OpGet, store.CheckGet(container, partition, ids)); err != nil {
		return nil, err
	}
	documents := make([]store.Document, len(ids))
	for i, item := range s.containers[container].Get(partition, ids...) {
		if item != nil {
			documents[i] = document(item)
		}
	}
	return documents, nil
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	etags, err := s.commit(ctx, container, partition, operations)
	if err != nil {
		return nil, fmt.Errorf("commit to %s: %w", container, err)
	}
	return etags, nil
}

func (s *Store) commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	fault, err := s.begin(ctx, OpCommit, store.CheckCommit(container, partition, operations))
	if err != nil {
		return nil, err
	}
	items := make([]Item[store.Document], len(operations))
	for i := range operations {
		if operations[i].Verb != store.Delete {
			items[i] = item(partition, operations[i].Document)
		}
	}
	etags := make([]string, len(operations))
	err = s.containers[container].Update(partition, func(tx *Tx[store.Document]) error {
		for i := range operations {
			etag, err := apply(tx, &operations[i], items[i])
			if err != nil {
				return fmt.Errorf("operation %d on %q: %w", i, operations[i].Document.ID, err)
			}
			etags[i] = etag
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if fault == LostResponse {
		return nil, errLost
	}
	return etags, nil
}

func apply(tx *Tx[store.Document], operation *store.Operation, item Item[store.Document]) (etag string, err error) {
	existing := tx.Get(operation.Document.ID)
	switch {
	case operation.Verb == store.Create && existing != nil:
		return "", fmt.Errorf("%w: it exists", store.ErrConflict)
	case operation.Verb != store.Create && existing == nil:
		return "", fmt.Errorf("%w: it does not exist", store.ErrConflict)
	case operation.IfMatch != "" && existing.ETag != operation.IfMatch:
		return "", fmt.Errorf("%w: it has another ETag", store.ErrConflict)
	case operation.Verb == store.Delete:
		tx.Delete(operation.Document.ID)
		return "", nil
	default:
		return tx.Put(item).ETag, nil
	}
}

// item is the stored form of a document: its own copy of the body, and the index keys.
func item(partition string, d store.Document) Item[store.Document] {
	d = d.Normalized()
	d.Partition, d.ETag = partition, ""
	d.Body = bytes.Clone(d.Body)
	keys := make([]string, indexes)
	keys[byKind-FirstKey] = d.Kind
	if !d.DueAt.IsZero() {
		keys[byDue-FirstKey] = store.FormatInstant(d.DueAt)
	}
	return Item[store.Document]{ID: d.ID, Keys: keys, TTL: d.TTL, Value: d}
}

// document is what a caller gets: free to change its body without changing the stored one.
func document(item *Item[store.Document]) store.Document {
	d := item.Value
	d.ETag = item.ETag
	d.Body = bytes.Clone(d.Body)
	return d
}

// Query implements store.Store.
func (s *Store) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	page, err := s.query(ctx, container, query)
	if err != nil {
		return store.Page{}, fmt.Errorf("query %s: %w", container, err)
	}
	return page, nil
}

func (s *Store) query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	place, foreign := store.ParseContinuation(container, query)
	after, broken := cursor(place)
	if _, err := s.begin(ctx, OpQuery, cmp.Or(store.CheckQuery(container, query), foreign, broken)); err != nil {
		return store.Page{}, err
	}
	scan := plan(query)
	scan.After = after
	due := ""
	if !query.DueBefore.IsZero() {
		due = store.FormatInstant(query.DueBefore)
	}
	taken := 0
	items, next, more := s.containers[container].Scan(scan, func(item *Item[store.Document]) Verdict {
		if !selected(query, due, item) {
			return Skip
		}
		if taken += len(item.Value.Body); taken >= store.MaxPageBytes {
			return TakeLast
		}
		return Take
	})
	page := store.Page{Documents: make([]store.Document, len(items))}
	for i, item := range items {
		page.Documents[i] = document(item)
	}
	if more {
		page.Continuation = store.FormatContinuation(container, query, placeOf(next))
	}
	return page, nil
}

// plan picks the index that leaves the least to look at.
func plan(query store.Query) Scan {
	scan := Scan{Index: ByPartition, Limit: cmp.Or(query.PageSize, store.DefaultPageSize)}
	switch {
	case query.ID != "":
		scan.Index, scan.From, scan.To = ByID, query.ID, query.ID
	case query.Partition != "":
		scan.From, scan.To = query.Partition, query.Partition
	case !query.DueBefore.IsZero():
		scan.Index, scan.To = byDue, store.FormatInstant(query.DueBefore)
	case query.Kind != "":
		scan.Index, scan.From, scan.To = byKind, query.Kind, query.Kind
	}
	return scan
}

func selected(query store.Query, due string, item *Item[store.Document]) bool {
	if query.Partition != "" && item.Partition != query.Partition || query.ID != "" && item.ID != query.ID ||
		query.Kind != "" && item.Value.Kind != query.Kind {
		return false
	}
	if due != "" {
		if at := item.Keys[byDue-FirstKey]; at == "" || at > due {
			return false
		}
	}
	return query.Filter == nil || Matches(query.Filter, item.Value.Body)
}

// placeOf writes a cursor for a continuation token, cursor reads it.
func placeOf(of Cursor) string { return strconv.FormatUint(of.Sequence, 10) + " " + of.Key }

func cursor(place string) (Cursor, error) {
	if place == "" {
		return Cursor{}, nil
	}
	number, key, _ := strings.Cut(place, " ")
	sequence, err := strconv.ParseUint(number, 10, 64)
	if err != nil || sequence == 0 {
		return Cursor{}, fmt.Errorf("%w: continuation", store.ErrInvalid)
	}
	return Cursor{key, sequence}, nil
}
