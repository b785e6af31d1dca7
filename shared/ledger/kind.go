package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// all are the kinds of documents that are decided about: a new one is a type and a row.
var all = []kind{
	row[governance.Head]("", false),
	row[governance.AuditEntry]("", false),
	row[governance.Effect]("", false),
	due(store.Subjects, governance.WorkDue, governance.Assignment.Due),
	due(store.Subjects, governance.WorkDue, engine.RequestDue),
	due(store.Subjects, governance.WorkTask, governance.Task.Due),
	row[governance.Catalog](store.Catalogs, true),
	row[governance.AccessPackage](store.Catalogs, true),
	row[governance.AssignmentPolicy](store.Catalogs, true),
	row[governance.Resource](store.Catalogs, true),
	row[governance.ResourceRequest](store.Catalogs, false),
	due(store.Catalogs, governance.WorkReach, governance.Reach.Due).whole(),
	row[governance.CalloutAction](store.Catalogs, false),
}

// kinds are the same by their names.
var kinds = func() map[string]kind {
	named := map[string]kind{}
	for _, one := range all {
		named[one.name] = one
	}
	return named
}()

// kind is what the ledger knows of a kind of documents.
type kind struct {
	name      string
	container store.Container
	decode    func(store.Document) (governance.Document, error)
	work      governance.Work                     // what is done for one that is due; empty: none ever is
	content   bool                                // it is read with its place, where that is read as a whole
	dueAt     func(governance.Document) time.Time // when something must happen to one next; zero: never
}

// row is a kind of which nothing happens by itself.
func row[T governance.Document](container store.Container, content bool) kind {
	var of T
	never := func(governance.Document) time.Time { return time.Time{} }
	return kind{of.DocumentKind(), container, func(d store.Document) (governance.Document, error) { return Decode[T](d) }, "", content, never}
}

// due is a kind for which something is done when it is due: one without the other would be stored, and never looked for.
func due[T governance.Document](container store.Container, work governance.Work, at func(T) time.Time) kind {
	of := row[T](container, false)
	of.work, of.dueAt = work, func(d governance.Document) time.Time {
		one, _ := d.(T) // it is of the kind
		return at(one)
	}
	return of
}

// whole is the kind, read with its place.
func (k kind) whole() kind {
	k.content = true
	return k
}

// kindOf is the kind of a type.
func kindOf[T governance.Document]() kind {
	var of T
	return kinds[of.DocumentKind()]
}

// queues say where the effects of each work go.
var queues = map[governance.Work]string{
	governance.WorkProvision: bus.Provisioning, governance.WorkDue: bus.Provisioning, governance.WorkReach: bus.Provisioning, governance.WorkNotify: bus.Notifications, governance.WorkTask: bus.Extensions,
}

// SchemaVersion is the version of every document that this release writes; it reads this one and the one before.
const SchemaVersion = 1

// encode makes a stored document of a body.
func encode(id, kind string, due time.Time, body any) (store.Document, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return store.Document{}, fmt.Errorf("encode %s: %w", id, err)
	}
	return store.Document{ID: id, Kind: kind, SchemaVersion: SchemaVersion, DueAt: due, Body: data}, nil
}

// ErrUnreadable: a stored document is not what it should be. Nobody but a later release, or who writes past us, makes one.
var ErrUnreadable = errors.New("cannot be read")

// Decode reads the body of a stored document. A document of a later release than the next is refused rather than misread, and so is one that lacks what everybody relies on. Errors: ErrUnreadable,
// naming the document.
func Decode[T any](document store.Document) (T, error) {
	var body T
	err := decode(document, &body)
	return body, err
}

// decode is Decode for every type.
func decode(document store.Document, body any) error {
	err := document.Unreadable
	if err == nil && document.SchemaVersion > SchemaVersion+1 {
		err = fmt.Errorf("it has schema version %d, this release reads up to %d", document.SchemaVersion, SchemaVersion+1)
	}
	if err == nil {
		err = json.Unmarshal(document.Body, body)
	}
	if one, ok := body.(governance.Document); ok && err == nil {
		if document.Kind != one.DocumentKind() || document.ID != governance.StoredID(one.DocumentKind(), one.DocumentID()) {
			err = fmt.Errorf("it is stored under another name than its own, or as of the kind %q", document.Kind)
		} else if whole, ok := body.(governance.Whole); ok {
			err = whole.Check()
		}
	}
	if err != nil {
		return fmt.Errorf("document %s of %s %w: %w", document.ID, document.Partition, ErrUnreadable, err)
	}
	return nil
}
