// Package store is the port through which Latchkey keeps its documents: small enough to have exact semantics, and cut so that
// Cosmos DB gives them natively. It knows nothing of what the documents mean.
//
// One invariant carries everything above it: a [Store.Commit] is all or nothing, within one partition, and a write that names an
// ETag happens only if the document still has it. The conformance suite in storetest proves it for every adapter.
package store

import (
	"context"
	"encoding/json"
	"time"
)

// Container names one of the three containers (ARCHITECTURE.md, "Places and heads").
type Container string

// The containers, each with its partition key.
const (
	Subjects Container = "subjects" // partition: subjectId
	Catalogs Container = "catalogs" // partition: catalogId; tenant-wide documents under "tenant"
	Reviews  Container = "reviews"  // partition: definitionId
)

// Containers lists all of them.
func Containers() []Container { return []Container{Subjects, Catalogs, Reviews} }

// PartitionKey is the name of the JSON property that holds the partition of a document in this container.
func (c Container) PartitionKey() string {
	switch c {
	case Catalogs:
		return "catalogId"
	case Reviews:
		return "definitionId"
	default:
		return "subjectId"
	}
}

// Limits of one commit, those of a Cosmos DB transactional batch.
const (
	MaxOperations = 100
	MaxBatchBytes = 2 << 20
	// MaxPageSize bounds the documents of one page of a query.
	MaxPageSize = 1000
	// MaxPageBytes is how many bytes of documents end a page: the one that reaches it is the last. Cosmos DB ends its own there, too.
	MaxPageBytes = 4 << 20
	// DefaultPageSize is that of a query that names none.
	DefaultPageSize = 100
)

// Document is one stored item: an envelope that the store understands, and a body that only its owner does.
//
// On the wire an adapter lays it out as
//
//	{"id":…, "<partition key>":…, "kind":…, "schemaVersion":…, "dueAt":"2026-11-20T10:00:00.000Z", "ttl":seconds, "body":{…}}
//
// with dueAt and ttl absent when they are zero. Filters address properties of the body.
type Document struct {
	Partition     string
	ID            string // unique within its partition, at most 255 bytes; never contains / \ ? #
	Kind          string
	SchemaVersion int
	DueAt         time.Time     // when something must happen to it; zero: never. Kept to the millisecond, rounded up.
	TTL           time.Duration // how long after its last write it vanishes; zero: never. Whole seconds, rounded up.
	ETag          string        // set by the store; ignored in writes
	Body          json.RawMessage
	// Unreadable says why what is stored is not a document of ours, where somebody wrote past us; what could be read is in the other members. nil: it is one. Ignored in writes.
	Unreadable error
}

// Verb is what an operation does.
type Verb int

// The verbs. Create fails with ErrConflict if the id exists. Replace and Delete fail with ErrConflict if the document has another ETag than
// IfMatch, or does not exist; with an empty IfMatch they need only that it exists.
const (
	Create Verb = iota + 1
	Replace
	Delete
)

// Operation is one write of a commit.
type Operation struct {
	Verb     Verb
	Document Document // for Delete only its ID counts
	IfMatch  string
}

// Query selects documents of a container. All set fields must hold.
type Query struct {
	Partition    string    // empty: all partitions
	ID           string    // exact document id; empty: any
	Kind         string    // empty: any
	DueBefore    time.Time // only documents whose DueAt is set and not after this instant; zero: any
	Filter       Filter    // over the body; nil: any
	PageSize     int       // at most MaxPageSize; 0 means DefaultPageSize
	Continuation string    // from the page before
}

// Page is a part of a query's answer. A page may be empty and still have a continuation: only an empty Continuation ends the answer.
// No order is promised, except that paging neither repeats nor leaves out a document that stays as it is meanwhile.
type Page struct {
	Documents    []Document
	Continuation string
}

// Reader is as much of a store as anybody but the ledger has.
//
// All methods return the sentinels of this package, wrapped, and nothing else that a caller should match, besides the context's errors.
type Reader interface {
	// Get reads documents of one partition as one snapshot, in the order of ids; a document that does not exist is a zero Document
	// (its ID is empty), and one that is not ours is Unreadable. It takes 1 to MaxOperations ids. Errors: ErrThrottled, ErrUnavailable, ErrInvalid.
	Get(ctx context.Context, container Container, partition string, ids ...string) ([]Document, error)

	// Query returns one page; a document that is not ours is Unreadable, and no reason to withhold the others. Errors: ErrInvalid for a bad
	// continuation, filter or page size; ErrThrottled; ErrUnavailable.
	Query(ctx context.Context, container Container, query Query) (Page, error)
}

// Store is the port.
type Store interface {
	Reader

	// Commit applies all operations to one partition, or none, and returns the new ETag of each (empty for deletes). Errors: ErrConflict if
	// any precondition failed; ErrTooLarge over MaxBatchBytes or the size of one document; ErrInvalid for no or more than MaxOperations
	// operations, a bad id, a partition that disagrees; ErrThrottled: nothing was written; ErrUnavailable: it may or may not have been written,
	// so the caller reads before it writes again.
	Commit(ctx context.Context, container Container, partition string, operations []Operation) ([]string, error)
}
