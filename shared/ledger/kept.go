package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Kept is an effect that stays in the outbox, with how far it has come, until it is over. Its messages only say that there is something to look at: that one is lost, is forged or comes two hundred times
// changes nothing. While it is kept, the timer sends another whenever it is due.
type Kept struct {
	governance.Effect
	etag string
}

// Bounds of the messages for one kept effect. Each wait is twice as long as the one before, so that what waits in a long queue is not sent again each minute.
const (
	maxTurns    = 200
	maxDoubling = 8 // of outboxDelay: about four hours
)

// Kept reads the effect that a message is for, as it is kept; false: it is over, or never was. Errors: CodeInvalid where there can be none; the store's.
func (l *Ledger) Kept(ctx context.Context, message governance.Effect) (Kept, bool, error) {
	effect, etag, err := GetNote[governance.Effect](ctx, l, message.Place, keptID(message))
	if errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrMissing) {
		return Kept{}, false, &governance.Error{Code: governance.CodeInvalid, Target: "partition", Message: "The message names a place where no effects are.", Err: err}
	}
	effect.Place = message.Place
	return Kept{effect, etag}, etag != "", err
}

func keptID(effect governance.Effect) string {
	return governance.StoredID(effect.DocumentKind(), effect.ID)
}

// Keep notes how far a kept effect has come; it is looked at again at its NotBefore, if it is not over by then. Errors: store.ErrConflict: another is at it; CodeUnavailable.
func (l *Ledger) Keep(ctx context.Context, kept *Kept) error {
	return l.keep(ctx, kept, kept.NotBefore)
}

func (l *Ledger) keep(ctx context.Context, kept *Kept, due time.Time) error {
	next := *kept
	next.Turn++
	document, err := encode(keptID(next.Effect), next.DocumentKind(), due, next.Effect)
	if err != nil {
		return err
	}
	_, err = l.retry(ctx, []error{store.ErrThrottled}, func() (bool, error) {
		etags, err := l.options.Store.Commit(ctx, store.Container(next.Container), next.Partition, []store.Operation{{Verb: store.Replace, Document: document, IfMatch: next.etag}})
		if err == nil {
			next.etag = etags[0]
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("note how far an effect has come: %w", err)
	}
	*kept = next
	return nil
}

// Over forgets a kept effect. Errors: CodeUnavailable.
func (l *Ledger) Over(ctx context.Context, kept Kept) error {
	_, err := l.retry(ctx, []error{store.ErrThrottled, store.ErrUnavailable}, func() (bool, error) {
		err := l.drop(ctx, kept.Place, keptID(kept.Effect))
		return err == nil, err
	})
	if errors.Is(err, store.ErrConflict) { // it is gone already
		return nil
	}
	return err
}

// sentAgain notes that the timer has sent a kept effect.
func (l *Ledger) sentAgain(ctx context.Context, kept Kept) error {
	if kept.Turn >= maxTurns {
		l.options.Logger.ErrorContext(ctx, "an effect is given up", "alert", true, "effectId", kept.ID, "requestId", kept.RequestID, "what", kept.What, "notification", kept.Notification,
			"stops", "this effect, and nothing else", "mend", "docs/operate/dead-letters.md#mail")
		return l.Over(ctx, kept)
	}
	err := l.keep(ctx, &kept, l.Now().Add(outboxDelay<<min(kept.Turn+1, maxDoubling)))
	if errors.Is(err, store.ErrConflict) { // whoever carries it out was faster
		return nil
	}
	return err
}
