package ledger

import (
	"context"
	"errors"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

const kindFirst = "first"

// First says whether a name is named for the first time, to all instances, and keeps it for a time: one create of a document that vanishes. Errors: CodeUnavailable when that is not known; the name may then be kept.
func (l *Ledger) First(ctx context.Context, name string, keep time.Duration) (bool, error) {
	_, err := l.SetNote(ctx, SubjectPlace(governance.NameID("first:"+name)), kindFirst, struct{}{}, "", keep)
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, Unavailable("The store", err)
	}
	return true, nil
}
