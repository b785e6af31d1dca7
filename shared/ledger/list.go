package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// ListOptions are what every list takes.
type ListOptions struct {
	Filter       store.Filter // in Graph's property names; nil: all
	PageSize     int          // 0: the default
	Continuation string       // from the page before
	Partition    string       // only this one; empty: all
	Catalogs     *Catalogs    // that the pages before have read; nil: there were none
}

// Versioned is a resource with the ETag of its present version.
type Versioned[T any] struct {
	Value T
	ETag  string
}

// Page is a part of a list. It may be empty and still have a Continuation; an empty Continuation ends the list.
type Page[T any] struct {
	Items        []Versioned[T]
	Continuation string
}

// List is a page of the documents of a type.
func List[T governance.Document](ctx context.Context, l *Ledger, options ListOptions) (Page[T], error) {
	return ListIn[T](ctx, l, kindOf[T]().container, options)
}

// ListIn is List for a kind that lies in more than one container. Errors: CodeInvalid for a continuation that no list gave.
func ListIn[T governance.Document](ctx context.Context, l *Ledger, container store.Container, options ListOptions) (Page[T], error) {
	found, err := l.options.Store.Query(ctx, container, store.Query{
		Partition: options.Partition, Kind: kindOf[T]().name, Filter: options.Filter, PageSize: options.PageSize, Continuation: options.Continuation,
	})
	if errors.Is(err, store.ErrInvalid) {
		return Page[T]{}, &governance.Error{Code: governance.CodeInvalid, Target: "$skiptoken", Message: "The $skiptoken is not one that this list gave; begin again without it.", Err: err}
	}
	if err != nil {
		return Page[T]{}, fmt.Errorf("list: %w", err)
	}
	page := Page[T]{Continuation: found.Continuation}
	for _, document := range found.Documents {
		value, err := Decode[T](document)
		if err != nil { // one that cannot be read hides no other
			l.unreadable(ctx, document, err)
			continue
		}
		page.Items = append(page.Items, Versioned[T]{Value: value, ETag: document.ETag})
		l.placed(value, document.Partition)
	}
	return page, nil
}

// Any says whether a document of a type fits.
func Any[T governance.Document](ctx context.Context, l *Ledger, filter store.Filter) (bool, error) {
	of := kindOf[T]()
	err := l.Each(ctx, of.container, store.Query{Kind: of.name, Filter: filter, PageSize: 1}, func([]store.Document) error { return errEnough })
	if errors.Is(err, errEnough) {
		return true, nil
	}
	return false, err
}

// Get is a document by its resource's id, wherever it lies. Errors: CodeNotFound in the words of what.
func Get[T governance.Document](ctx context.Context, l *Ledger, id, what string) (Versioned[T], error) {
	place, err := Locate[T](ctx, l, id, what)
	if err != nil {
		return Versioned[T]{}, err
	}
	return GetAt[T](ctx, l, place, governance.Fold(id), what)
}

// GetAt is Get for a document whose place is known.
func GetAt[T governance.Document](ctx context.Context, l *Ledger, place governance.Place, id, what string) (Versioned[T], error) {
	found, err := l.options.Store.Get(ctx, store.Container(place.Container), place.Partition, governance.StoredID(kindOf[T]().name, id))
	if err != nil {
		return Versioned[T]{}, fmt.Errorf("read the %s: %w", what, err)
	}
	if found[0].ID == "" {
		return Versioned[T]{}, governance.Missing(what, id)
	}
	value, err := Decode[T](found[0])
	return Versioned[T]{Value: value, ETag: found[0].ETag}, err
}

// Repeated is what the command made before, if it is a repetition: a zero one, if it is not, or made nothing. What is to come of it goes on its way, should it not have yet.
func Repeated[T governance.Document](ctx context.Context, l *Ledger, id, what string) (T, error) {
	var none T
	if !repeats(ctx) {
		return none, nil
	}
	place, err := Locate[T](ctx, l, id, what)
	var found Versioned[T]
	if err == nil {
		found, err = GetAt[T](ctx, l, place, governance.Fold(id), what)
	}
	switch {
	case governance.CodeOf(err) == governance.CodeNotFound:
		return none, nil
	case err != nil:
		return none, err
	}
	l.flushLeft(ctx, place)
	return found.Value, nil
}

// MadeOrRepeated is what a command has made: by this call or, where that only found the command done, by the one before. It is a zero one if nothing is left of it.
func MadeOrRepeated[T governance.Document](ctx context.Context, l *Ledger, done Committed, id, what string) (T, error) {
	if made, ok := Made[T](done, id); ok {
		return made, nil
	}
	return Repeated[T](ctx, l, id, what)
}

// AnyETag is an If-Match that any version fits.
const AnyETag = "*"

// Matches holds an If-Match against the present version. Errors: CodePrecondition.
func Matches(ifMatch, etag string) error {
	if ifMatch == "" || ifMatch == AnyETag || unquoted(ifMatch) == unquoted(etag) {
		return nil
	}
	return &governance.Error{Code: governance.CodePrecondition, Target: "If-Match", Message: "The resource has changed since that version; read it again and repeat the change."}
}

func unquoted(etag string) string { return strings.Trim(etag, `"`) }
