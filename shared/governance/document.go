package governance

import (
	"slices"
	"time"
)

// Document is a resource as it is stored. What a partition holds of it, shared/ledger knows from this alone.
type Document interface {
	DocumentKind() string // such as assignment; it begins the id of the stored document
	DocumentID() string   // the resource's id; empty for the one of its kind in a partition
}

// Whole is a Document that may decode and still lack what everybody relies on.
type Whole interface {
	Document
	Check() error // names what is missing
}

// Heading is a Document that the head of its partition says something of.
type Heading interface {
	Document
	// Enter brings the head in line with it. It is given a head of its own to change, but what that refers to is shared.
	Enter(head *Head)
}

// Place is a partition of a container.
type Place struct {
	Container string `json:"container"`
	Partition string `json:"partition"`
}

// StoredID is the id of the stored document of a kind and a resource's id.
func StoredID(kind, id string) string {
	if id == "" {
		return kind
	}
	return kind + ":" + id
}

// Deadline is something that happens to a document by itself.
type Deadline struct {
	What string
	At   time.Time // zero: never
}

// Earliest is the first of deadlines; zero if there is none.
func Earliest(deadlines []Deadline) time.Time {
	var due time.Time
	for _, one := range deadlines {
		if !one.At.IsZero() && (due.IsZero() || one.At.Before(due)) {
			due = one.At
		}
	}
	return due
}

// IsDue says whether something of this name has come due.
func IsDue(deadlines []Deadline, what string, now time.Time) bool {
	return slices.ContainsFunc(deadlines, func(d Deadline) bool { return d.What == what && !d.At.IsZero() && !now.Before(d.At) })
}
