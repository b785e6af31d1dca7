package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// A note is a document that nobody decides about and no audit tells of: how far a run has come, who holds a name for a moment. Its id begins with its kind.

// GetNote reads a note with its ETag; empty: there is none. Errors: the store's.
func GetNote[T any](ctx context.Context, l *Ledger, place governance.Place, id string) (T, string, error) {
	var none T
	found, err := l.options.Store.Get(ctx, store.Container(place.Container), place.Partition, id)
	if err != nil {
		return none, "", fmt.Errorf("read %s: %w", id, err)
	}
	if found[0].ID == "" {
		return none, "", nil
	}
	value, err := Decode[T](found[0])
	return value, found[0].ETag, err
}

// SetNote writes a note, if it still has the ETag, or does not exist yet where that is empty; it vanishes after ttl, if that is not zero. Errors: store.ErrConflict and the store's others.
func (l *Ledger) SetNote(ctx context.Context, place governance.Place, id string, value any, etag string, ttl time.Duration) (string, error) {
	document, err := encode(id, kindOfNote(id), time.Time{}, value)
	if err != nil {
		return "", err
	}
	document.TTL = ttl
	operation := store.Operation{Verb: store.Create, Document: document, IfMatch: etag}
	if etag != "" {
		operation.Verb = store.Replace
	}
	etags, err := l.options.Store.Commit(ctx, store.Container(place.Container), place.Partition, []store.Operation{operation})
	if err != nil {
		return "", fmt.Errorf("write %s: %w", id, err)
	}
	return etags[0], nil
}

// DropNote deletes a note, if it still has the ETag, or whichever there is where that is empty.
func (l *Ledger) DropNote(ctx context.Context, place governance.Place, id, etag string) error {
	_, err := l.options.Store.Commit(ctx, store.Container(place.Container), place.Partition, []store.Operation{{Verb: store.Delete, Document: store.Document{ID: id}, IfMatch: etag}})
	return err
}

func kindOfNote(id string) string {
	for i := range len(id) {
		if id[i] == ':' {
			return id[:i]
		}
	}
	return id
}

// Hold keeps something for one holder while it makes sure that it is the only one: what several places must agree on, no commit sees. It is let go of by release, or after ttl if the process dies.
// Errors: taken, if another holds it.
func (l *Ledger) Hold(ctx context.Context, place governance.Place, id, holder string, ttl time.Duration, taken error) (release func(), err error) {
	_, err = l.retry(ctx, passing, func() (bool, error) {
		_, err := l.SetNote(ctx, place, id, hold{holder}, "", ttl)
		if !errors.Is(err, store.ErrConflict) {
			return err == nil, err
		}
		present, etag, getErr := GetNote[hold](ctx, l, place, id)
		switch {
		case getErr != nil || etag == "":
			return false, errors.Join(err, getErr) // let go of meanwhile
		case present.Holder != holder:
			return false, taken
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return func() {
		if err := l.DropNote(context.WithoutCancel(ctx), place, id, ""); err != nil && !errors.Is(err, store.ErrConflict) {
			l.options.Logger.WarnContext(ctx, "something stays held for a moment", "what", kindOfNote(id), "error", err)
		}
	}, nil
}

type hold struct {
	Holder string `json:"holder"`
}
