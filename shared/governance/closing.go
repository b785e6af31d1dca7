package governance

import (
	"slices"
	"time"
)

// HeadEntry is something that a head says of no document that is written with it.
type HeadEntry interface{ Enter(head *Head) }

// Closing is a deletion that has begun: nothing new may come to use the document until it is gone, or the deletion is called off. It ends by itself, so that nothing stays closed because of who died.
type Closing struct {
	Document string    `json:"document"` // its stored id
	By       string    `json:"by"`       // which deletion; there may be several at once
	Until    *DateTime `json:"until"`
}

// MaxClosings bounds the deletions that are under way in one place.
const MaxClosings = 32

// Enter implements HeadEntry.
func (c Closing) Enter(head *Head) {
	Reopening{By: c.By}.Enter(head)
	head.Closing = append(head.Closing, c)
}

// Reopening calls a deletion off.
type Reopening struct{ By string }

// Enter implements HeadEntry.
func (r Reopening) Enter(head *Head) {
	head.Closing = slices.DeleteFunc(slices.Clone(head.Closing), func(c Closing) bool { return c.By == r.By })
}

// Deleted forgets the deletions of a document that is no more.
func (h *Head) Deleted(document Document) {
	id := StoredID(document.DocumentKind(), document.DocumentID())
	h.Closing = slices.DeleteFunc(slices.Clone(h.Closing), func(c Closing) bool { return c.Document == id })
}

// IsClosing says whether a document is about to be deleted.
func (h *Head) IsClosing(document Document, now time.Time) bool {
	id := StoredID(document.DocumentKind(), document.DocumentID())
	return slices.ContainsFunc(h.Closing, func(c Closing) bool { return c.Document == id && now.Before(c.Until.Instant()) })
}
