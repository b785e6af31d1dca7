package ledger

import (
	"context"
	"errors"
	"time"

	"latchkey/shared/store"
)

// kindUntold is the note that somebody who has to decide could not be told, which health looks at: it vanishes a day after the last of them.
const (
	kindUntold = "untold"
	untoldTTL  = 24 * time.Hour
)

type untold struct {
	At time.Time `json:"at"`
}

// NoteUntold notes that somebody who has to decide could not be told. Errors: the store's.
func (l *Ledger) NoteUntold(ctx context.Context) error {
	_, etag, err := GetNote[untold](ctx, l, TenantPlace(), kindUntold)
	if err != nil {
		return err
	}
	if _, err = l.SetNote(ctx, TenantPlace(), kindUntold, untold{l.Now()}, etag, untoldTTL); errors.Is(err, store.ErrConflict) { // another notes it this instant
		return nil
	}
	return err
}

// SomebodyIsUntold says whether somebody who has to decide could not be told, within a day. Errors: the store's.
func (l *Ledger) SomebodyIsUntold(ctx context.Context) (bool, error) {
	_, etag, err := GetNote[untold](ctx, l, TenantPlace(), kindUntold)
	return etag != "", err
}
