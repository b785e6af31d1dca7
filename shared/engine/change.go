package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"latchkey/shared/governance"
)

type stamp = time.Time

// State is what is known of a partition: its head, and those of its documents that were read, by their stored ids.
type State struct {
	Head      governance.Head
	Documents map[string]governance.Document
	ETags     map[string]string // the versions of what was read, the head's too
	Unread    map[string]string // those that are there and cannot be read, by their stored ids, with the package that they say they are of
}

// ETag is the version of a document; empty: it was not there.
func (s State) ETag(document governance.Document) string {
	return s.ETags[governance.StoredID(document.DocumentKind(), document.DocumentID())]
}

// Find is the document of a type with a resource's id.
func Find[T governance.Document](s State, id string) (T, bool) {
	var of T
	document, ok := s.Documents[governance.StoredID(of.DocumentKind(), id)].(T)
	return document, ok
}

// Change is what a command decides: documents to write and to delete, audit entries, effects. It is committed whole or not at all.
type Change struct {
	Write   []governance.Document
	Delete  []governance.Document
	Audit   []governance.AuditEntry // not sealed yet
	Effects []governance.Effect     // without ids and places yet
	Head    []governance.HeadEntry  // what the head is to say besides
}

// Written are the documents of a type that a change writes.
func Written[T governance.Document](c Change) []T {
	var written []T
	for _, document := range c.Write {
		if one, ok := document.(T); ok {
			written = append(written, one)
		}
	}
	return written
}

func (c *Change) write(documents ...governance.Document) { c.Write = append(c.Write, documents...) }

// effect adds something that is to be done for a document.
func (c *Change) effect(effect governance.Effect) { c.Effects = append(c.Effects, effect) }

// add adds what another change decides.
func (c *Change) add(more Change) {
	c.Write, c.Delete = append(c.Write, more.Write...), append(c.Delete, more.Delete...)
	c.Audit, c.Effects, c.Head = append(c.Audit, more.Audit...), append(c.Effects, more.Effects...), append(c.Head, more.Head...)
}

// IsEmpty says whether there is nothing to write.
func (c Change) IsEmpty() bool {
	return len(c.Write)+len(c.Delete)+len(c.Audit)+len(c.Effects)+len(c.Head) == 0
}

// Seal makes a change ready to be committed: the head after it, the audit entries in their chain, the effects with stable ids. commandID tells this commit from others; salt is what nobody can guess.
func Seal(head governance.Head, change Change, commandID, salt string) (governance.Head, Change) {
	for _, document := range change.Write {
		if heading, ok := document.(governance.Heading); ok {
			heading.Enter(&head)
		}
	}
	for _, document := range change.Delete {
		head.Deleted(document)
	}
	for _, entry := range change.Head {
		entry.Enter(&head)
	}
	audit := slices.Clone(change.Audit)
	head.Chain(audit, commandID, salt)
	effects := slices.Clone(change.Effects)
	for i := range effects {
		effects[i].ID = fmt.Sprintf("%s-%d-%d", commandID, head.AuditSequence, i) // a command may be told of in no audit entry
	}
	change.Audit, change.Effects = audit, effects
	return head, change
}

// entry begins an audit entry.
func entry(activity governance.Activity, caller governance.Caller, now time.Time, request *governance.AssignmentRequest, target string) governance.AuditEntry {
	return governance.AuditEntry{
		Activity:         activity,
		ActivityDateTime: governance.At(now),
		Result:           "success",
		InitiatedBy:      caller.Initiator(),
		TargetID:         target,
		CorrelationID:    request.ID,
	}
}

// state is the before or after of an audit entry about a request.
func state(request *governance.AssignmentRequest) json.RawMessage {
	return json.RawMessage(`{"state":"` + string(request.State) + `"}`)
}
