package cosmos

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"latchkey/shared/store"
)

// encode lays a document out as the port says.
func encode(container store.Container, partition string, document *store.Document) []byte {
	d := document.Normalized()
	text := make([]byte, 0, len(d.Body)+len(d.ID)+len(d.Kind)+len(partition)+160)
	text = appendString(append(text, `{"id":`...), d.ID)
	text = append(text, `,"`...)
	text = append(text, container.PartitionKey()...)
	text = appendString(append(text, `":`...), partition)
	text = appendString(append(text, `,"kind":`...), d.Kind)
	text = strconv.AppendInt(append(text, `,"schemaVersion":`...), int64(d.SchemaVersion), 10)
	if !d.DueAt.IsZero() {
		text = append(text, `,"dueAt":"`...)
		text = append(text, store.FormatInstant(d.DueAt)...)
		text = append(text, '"')
	}
	if d.TTL > 0 {
		text = strconv.AppendInt(append(text, `,"ttl":`...), int64(d.TTL/time.Second), 10)
	}
	text = append(append(text, `,"body":`...), d.Body...)
	return append(text, '}')
}

func appendString(dst []byte, s string) []byte {
	if !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '"' || c == '\\' }) { // as ids are
		return append(append(append(dst, '"'), s...), '"')
	}
	text, _ := json.Marshal(s) // a string always marshals
	return append(dst, text...)
}

// layout is a document on the wire, as read.
type layout struct {
	ID            string          `json:"id"`
	SubjectID     string          `json:"subjectId"`
	CatalogID     string          `json:"catalogId"`
	DefinitionID  string          `json:"definitionId"`
	Kind          string          `json:"kind"`
	SchemaVersion int             `json:"schemaVersion"`
	DueAt         string          `json:"dueAt"`
	TTL           int64           `json:"ttl"`
	ETag          string          `json:"_etag"`
	Body          json.RawMessage `json:"body"`
}

// decode reads what encode wrote, and the ETag that the store added. Of what somebody else wrote it reads what it can.
func decode(container store.Container, text []byte) store.Document {
	var l layout
	err := json.Unmarshal(text, &l) // goes on behind a member of the wrong type
	d := store.Document{
		ID: l.ID, Kind: l.Kind, SchemaVersion: l.SchemaVersion, TTL: time.Duration(l.TTL) * time.Second, ETag: l.ETag, Body: l.Body,
	}
	switch container {
	case store.Catalogs:
		d.Partition = l.CatalogID
	case store.Reviews:
		d.Partition = l.DefinitionID
	default:
		d.Partition = l.SubjectID
	}
	if err == nil && l.DueAt != "" {
		d.DueAt, err = store.ParseInstant(l.DueAt)
	}
	if err == nil { // what cannot be named can be neither read again nor deleted
		err = store.CheckGet(container, d.Partition, []string{d.ID})
	}
	if err != nil {
		d.Unreadable = fmt.Errorf("not a document of ours: %w", err)
	}
	return d
}
