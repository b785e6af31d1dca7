package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Answer is what a command answered, as a client got it.
type Answer struct {
	Status int             `json:"status"`
	ETag   string          `json:"etag,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// claim is the document that stands for a key that was used.
type claim struct {
	Fingerprint string  `json:"fingerprint"` // of the request that used it
	Answer      *Answer `json:"answer,omitempty"`
}

const (
	// MaxIdempotencyKey bounds an Idempotency-Key, in bytes.
	MaxIdempotencyKey = 255
	// idempotencyTTL is how long a key is remembered.
	idempotencyTTL  = 24 * time.Hour
	kindIdempotency = "idempotency"
)

// Once does a command at most once for a key: a repetition with the same request gets the same answer, one with another request CodeConflict. what is the whole request, such as method,
// path and body. do is given a context that names new things after the key, so that a repetition after a crash finds what was made instead of making it twice. A command that fails
// frees the key. Errors: CodeInvalid for a key that is too long, CodeConflict, and those of do.
func (l *Ledger) Once(ctx context.Context, caller governance.Caller, key string, what []byte, do func(context.Context) (Answer, error)) (Answer, error) {
	if len(key) > MaxIdempotencyKey {
		return Answer{}, governance.Invalid("Idempotency-Key", "Idempotency-Key has at most %d bytes.", MaxIdempotencyKey)
	}
	sum := sha256.Sum256(what)
	mine := claim{Fingerprint: hex.EncodeToString(sum[:])}
	place := SubjectPlace(governance.NameID("idempotency:" + caller.TenantID + ":" + caller.ObjectID + ":" + caller.AppID + ":" + key))
	etag, err := l.SetNote(ctx, place, kindIdempotency, mine, "", idempotencyTTL)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrUnavailable) {
		before, present, getErr := GetNote[claim](ctx, l, place, kindIdempotency)
		switch {
		case getErr != nil:
			return Answer{}, getErr
		case present == "":
			return Answer{}, Unavailable("The store", err) // it expired or was freed this instant, or was never written
		case before.Fingerprint != mine.Fingerprint:
			return Answer{}, &governance.Error{Code: governance.CodeConflict, Target: "Idempotency-Key", Message: "This Idempotency-Key was used for another request; use a new key for a new request."}
		case before.Answer != nil:
			return *before.Answer, nil
		}
		etag, err = present, nil // begun by a call that is still at it, or died
	}
	if err != nil {
		return Answer{}, fmt.Errorf("claim the idempotency key: %w", err)
	}
	// The fingerprint is part of the name: a key that was freed or forgotten, and is used again for another request, must not find what the first one made.
	answer, err := do(withCommand(ctx, place.Partition+":"+mine.Fingerprint))
	if err != nil {
		if freeErr := l.DropNote(ctx, place, kindIdempotency, etag); freeErr != nil && !errors.Is(freeErr, store.ErrConflict) {
			l.options.Logger.WarnContext(ctx, "an idempotency key stays claimed by a command that failed", "error", freeErr)
		}
		return Answer{}, err
	}
	if _, err := l.SetNote(ctx, place, kindIdempotency, claim{Fingerprint: mine.Fingerprint, Answer: &answer}, etag, idempotencyTTL); err != nil {
		if kept, _, getErr := GetNote[claim](ctx, l, place, kindIdempotency); getErr == nil && kept.Fingerprint == mine.Fingerprint && kept.Answer != nil {
			return *kept.Answer, nil // that of the same command, which was sent twice at once: both clients hear the same
		}
		l.options.Logger.WarnContext(ctx, "the answer to an idempotency key was not kept; a repetition finds what was made", "error", err)
	}
	return answer, nil
}
