package app

import (
	"context"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// catalogEntry is a kind of resource that lies in catalogs and has a path of its own.
type catalogEntry[T any] struct {
	kind, what string
	id         func(T) string
	of         func(*catalogState) map[string]T
	whole      func(*catalogState, T) T // with what $expand may ask for
}

// find finds an entry with its catalog. Errors: CodeNotFound.
func (e catalogEntry[T]) find(ctx context.Context, a *App, id string) (*catalogState, T, error) {
	var none T
	catalogID, err := a.locate(ctx, store.Catalogs, e.kind, id, e.what)
	if err != nil {
		return nil, none, err
	}
	state, err := a.loadCatalog(ctx, catalogID)
	if err == nil {
		if entry, ok := e.of(state)[lower(id)]; ok {
			return state, entry, nil
		}
	} else if governance.CodeOf(err) != governance.CodeNotFound {
		return nil, none, err
	}
	return nil, none, e.missing(id)
}

func (e catalogEntry[T]) missing(id string) error {
	return governance.NotFound("There is no %s %s.", e.what, id)
}

// read answers with an entry and what $expand may ask for. Errors: CodeNotFound.
func (e catalogEntry[T]) read(ctx context.Context, a *App, id string) (Versioned[T], error) {
	state, entry, err := e.find(ctx, a, id)
	if err != nil {
		return Versioned[T]{}, err
	}
	return Versioned[T]{Value: e.whole(state, entry), ETag: state.etags[documentID(e.kind, lower(id))]}, nil
}

// list lists the entries of all catalogs; with full, each with what $expand may ask for.
func (e catalogEntry[T]) list(ctx context.Context, a *App, options ListOptions, full bool) (Page[T], error) {
	page, err := list[T](ctx, a, store.Catalogs, e.kind, options)
	if err != nil || !full {
		return page, err
	}
	for i := range page.Items {
		state, entry, err := e.find(ctx, a, e.id(page.Items[i].Value))
		switch {
		case err == nil:
			page.Items[i].Value = e.whole(state, entry)
		case governance.CodeOf(err) != governance.CodeNotFound: // that one was deleted meanwhile
			return Page[T]{}, err
		}
	}
	return page, nil
}

// change is a change of an entry in its catalog: command is given the entry as it is. The answer is the entry's new version. Errors: those of command, CodeNotFound, CodePrecondition.
func (e catalogEntry[T]) change(ctx context.Context, a *App, id, ifMatch string, command func(*catalogState, T) (catalogChange, error)) (string, error) {
	state, _, err := e.find(ctx, a, id)
	if err != nil {
		return "", err
	}
	document := documentID(e.kind, lower(id))
	etags, err := a.updateCatalog(ctx, state.head.ID, false, func(s *catalogState) (catalogChange, error) {
		present, ok := e.of(s)[lower(id)]
		if !ok {
			return catalogChange{}, e.missing(id)
		}
		if err := matches(ifMatch, s.etags[document]); err != nil {
			return catalogChange{}, err
		}
		return command(s, present)
	})
	return etags[document], err
}
