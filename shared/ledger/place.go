package ledger

import (
	"context"
	"errors"
	"fmt"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// SubjectPlace is where what decides about a subject lies.
func SubjectPlace(id string) governance.Place {
	return governance.Place{Container: string(store.Subjects), Partition: id}
}

// CatalogPlace is where a catalog lies with all that is in it.
func CatalogPlace(id string) governance.Place {
	return governance.Place{Container: string(store.Catalogs), Partition: id}
}

// TenantPlace is where what is set for the whole tenant lies.
func TenantPlace() governance.Place { return CatalogPlace("tenant") }

// placed remembers where a document lies.
func (l *Ledger) placed(document governance.Document, partition string) {
	if of := kinds[document.DocumentKind()]; of.container != "" && of.work != governance.WorkTask { // hardly a task is ever asked for by its id, and a hundred come a second
		l.places.put(governance.StoredID(of.name, document.DocumentID()), partition)
	}
}

// Locate finds the place of a document by its resource's id. what names the resource to people. Errors: CodeNotFound.
func Locate[T governance.Document](ctx context.Context, l *Ledger, id, what string) (governance.Place, error) {
	of := kindOf[T]()
	if !governance.IsGUID(id) {
		return governance.Place{}, governance.Missing(what, id)
	}
	if of.name == (governance.Catalog{}).DocumentKind() { // it is where its id says, or nowhere
		return CatalogPlace(governance.Fold(id)), nil
	}
	stored := governance.StoredID(of.name, governance.Fold(id))
	partition, known := l.places.get(stored)
	if !known {
		var unreadable error
		first := func(of kind, query store.Query) error {
			query.PageSize = 1
			return l.Each(ctx, kindOf[T]().container, query, func(found []store.Document) error {
				if _, err := of.decode(found[0]); err != nil { // there may be another, where it belongs
					unreadable = err
					return nil
				}
				partition, known = found[0].Partition, true
				return errEnough
			})
		}
		err := first(of, store.Query{ID: stored})
		if err == nil && repeats(ctx) { // a repetition may be about what it deleted itself: the audit tells where that was
			entry := kindOf[governance.AuditEntry]()
			err = first(entry, store.Query{Kind: entry.name, Filter: store.Compare{Path: []string{"targetId"}, Comparison: store.Equal, Value: governance.Fold(id)}})
		}
		if err == nil {
			err = unreadable
		}
		if err != nil && !errors.Is(err, errEnough) {
			return governance.Place{}, fmt.Errorf("locate %s: %w", stored, err)
		}
		if !known {
			return governance.Place{}, governance.Missing(what, id)
		}
		l.places.put(stored, partition)
	}
	return governance.Place{Container: string(of.container), Partition: partition}, nil
}

// errEnough ends a query early.
var errEnough = errors.New("enough")
