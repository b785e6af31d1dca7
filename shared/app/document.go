package app

import (
	"encoding/json"
	"fmt"
	"time"

	"latchkey/shared/store"
)

// schemaVersion is the version of every document that this release writes; it reads this one and the one before.
const schemaVersion = 1

// Kinds of documents.
const (
	kindHead            = "head"
	kindRequest         = "request"
	kindAssignment      = "assignment"
	kindCallout         = "callout"
	kindAction          = "action"
	kindAudit           = "audit"
	kindOutbox          = "outbox"
	kindIdempotency     = "idempotency"
	kindNameClaim       = "nameClaim"
	kindCatalog         = "catalog"
	kindPackage         = "package"
	kindPolicy          = "policy"
	kindResource        = "resource"
	kindResourceRequest = "resourceRequest"
	kindScrub           = "scrub"
)

// documentID is the id of a document about the resource with this id.
func documentID(kind, id string) string { return kind + ":" + id }

// auditID is the id of an audit document: padded, so that ids sort as sequences do.
func auditID(sequence int64) string { return fmt.Sprintf("%s:%012d", kindAudit, sequence) }

// encode makes a document of a resource.
func encode(id, kind string, due time.Time, body any) (store.Document, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return store.Document{}, fmt.Errorf("encode %s: %w", id, err)
	}
	return store.Document{ID: id, Kind: kind, SchemaVersion: schemaVersion, DueAt: due, Body: data}, nil
}

// decode reads the resource of a document. A document of a later release than the next is refused rather than misread.
func decode[T any](document store.Document) (T, error) {
	var body T
	if document.SchemaVersion > schemaVersion+1 {
		return body, fmt.Errorf("document %s has schema version %d, this release reads up to %d", document.ID, document.SchemaVersion, schemaVersion+1)
	}
	if err := json.Unmarshal(document.Body, &body); err != nil {
		return body, fmt.Errorf("decode %s: %w", document.ID, err)
	}
	return body, nil
}
