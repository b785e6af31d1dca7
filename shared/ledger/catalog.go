package ledger

import (
	"cmp"
	"context"
	"errors"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Catalogs reads catalogs with all that is in them, each once: it is for one request, of which a list may ask for the same catalog again
// and again, on each of its pages. Nothing is decided on what it reads.
type Catalogs struct {
	ledger *Ledger
	known  map[string]catalogAt
}

type catalogAt struct {
	catalog *engine.Catalog
	state   *State
	err     error
}

// Catalogs are those that a list has read by now.
func (l *Ledger) Catalogs(of ListOptions) *Catalogs {
	return cmp.Or(of.Catalogs, &Catalogs{l, map[string]catalogAt{}})
}

// At is a catalog by its id. Errors: CodeNotFound, also for one whose head cannot be read: that is told, and a list goes on without it.
func (c *Catalogs) At(ctx context.Context, id string) (*engine.Catalog, *State, error) {
	id = governance.Fold(id)
	found, ok := c.known[id]
	if !ok {
		found.catalog, found.state, found.err = c.ledger.Catalog(ctx, id)
		if errors.Is(found.err, ErrUnreadable) {
			c.ledger.unreadable(ctx, store.Document{Partition: id, ID: headID}, found.err)
			found.err = governance.Missing("catalog", id)
		}
		c.known[id] = found
	}
	return found.catalog, found.state, found.err
}

// Catalog is a catalog with all that is in it. Errors: CodeNotFound.
func (l *Ledger) Catalog(ctx context.Context, id string) (*engine.Catalog, *State, error) {
	if governance.IsGUID(id) {
		catalog, state, err := View(ctx, l, CatalogPlace(governance.Fold(id)), engine.CatalogOf)
		if err != nil || catalog.Catalog.ID != "" {
			return catalog, state, err
		}
	}
	return nil, nil, governance.Missing("catalog", id)
}

// CatalogWith is the catalog that holds a document, with the document. what names the resource to people. Errors: CodeNotFound.
func CatalogWith[T governance.Document](ctx context.Context, l *Ledger, id, what string) (*engine.Catalog, *State, T, error) {
	var document T
	missing := governance.Missing(what, id)
	place, err := Locate[T](ctx, l, id, what)
	if err != nil {
		return nil, nil, document, err
	}
	catalog, state, err := l.Catalog(ctx, place.Partition)
	if governance.CodeOf(err) == governance.CodeNotFound {
		return nil, nil, document, missing
	}
	if err != nil {
		return nil, nil, document, err
	}
	document, ok := engine.Find[T](catalog.State, governance.Fold(id))
	if !ok {
		return nil, nil, document, missing
	}
	return catalog, state, document, nil
}

// In narrows a filter to what lies in one of some catalogs; all: it is not narrowed.
func In(filter store.Filter, all bool, catalogs []string, path ...string) store.Filter {
	if all {
		return filter
	}
	return Both(store.In{Path: path, Values: catalogs}, filter)
}

// Both holds if both filters do; nil holds always.
func Both(x, y store.Filter) store.Filter {
	switch {
	case x == nil:
		return y
	case y == nil:
		return x
	}
	return store.And{x, y}
}
