package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
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
	idempotencyTTL = 24 * time.Hour
)

// Once does a command at most once for a key: a repetition with the same request gets the same answer, one with another request CodeConflict. what is the whole request, such as method,
// path and body. do is given an id source that names new things after the key, so that a repetition after a crash finds what was made instead of making it twice. A command that fails
// frees the key. Errors: CodeInvalid for a key that is too long, CodeConflict, and those of do.
func (a *App) Once(ctx context.Context, caller governance.Caller, key string, what []byte, do func(platform.IDSource) (Answer, error)) (Answer, error) {
	if len(key) > MaxIdempotencyKey {
		return Answer{}, governance.Invalid("Idempotency-Key", "Idempotency-Key has at most %d bytes.", MaxIdempotencyKey)
	}
	sum := sha256.Sum256(what)
	fingerprint := hex.EncodeToString(sum[:])
	partition := governance.NameID("idempotency:" + caller.TenantID + ":" + caller.ObjectID + ":" + caller.AppID + ":" + key)
	write := func(verb store.Verb, body claim, ifMatch string) (string, error) {
		document, err := encode(kindIdempotency, kindIdempotency, time.Time{}, body)
		if err != nil {
			return "", err
		}
		document.TTL = idempotencyTTL
		etags, err := a.store.Commit(ctx, store.Subjects, partition, []store.Operation{{Verb: verb, Document: document, IfMatch: ifMatch}})
		if err != nil {
			return "", err
		}
		return etags[0], nil
	}
	etag, err := write(store.Create, claim{Fingerprint: fingerprint}, "")
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrUnavailable) {
		found, getErr := a.store.Get(ctx, store.Subjects, partition, kindIdempotency)
		if getErr != nil {
			return Answer{}, fmt.Errorf("read the idempotency key: %w", getErr)
		}
		if found[0].ID == "" {
			return Answer{}, unavailable("The store", err) // it expired or was freed this instant, or was never written
		}
		before, decodeErr := decode[claim](found[0])
		if decodeErr != nil {
			return Answer{}, decodeErr
		}
		if before.Fingerprint != fingerprint {
			return Answer{}, &governance.Error{Code: governance.CodeConflict, Target: "Idempotency-Key", Message: "This Idempotency-Key was used for another request; use a new key for a new request."}
		}
		if before.Answer != nil {
			return *before.Answer, nil
		}
		etag, err = found[0].ETag, nil // begun by a call that is still at it, or died
	}
	if err != nil {
		return Answer{}, fmt.Errorf("claim the idempotency key: %w", err)
	}
	count := 0
	answer, err := do(func() string {
		count++
		// The fingerprint is part of the name: a key that was freed or forgotten, and is used again for another request, must not find what the first one made.
		return governance.NameID(fmt.Sprintf("%s:%s:%d", partition, fingerprint, count))
	})
	if err != nil {
		free := []store.Operation{{Verb: store.Delete, Document: store.Document{ID: kindIdempotency}, IfMatch: etag}}
		if _, freeErr := a.store.Commit(ctx, store.Subjects, partition, free); freeErr != nil && !errors.Is(freeErr, store.ErrConflict) {
			a.log.WarnContext(ctx, "an idempotency key stays claimed by a command that failed", "error", freeErr)
		}
		return Answer{}, err
	}
	if _, err := write(store.Replace, claim{Fingerprint: fingerprint, Answer: &answer}, etag); err != nil {
		if kept, ok := a.keptAnswer(ctx, partition, fingerprint); ok {
			return kept, nil // that of the same command, which was sent twice at once: both clients hear the same
		}
		a.log.WarnContext(ctx, "the answer to an idempotency key was not kept; a repetition finds what was made", "error", err)
	}
	return answer, nil
}

// keptAnswer is the answer that is kept for a key, if there is one.
func (a *App) keptAnswer(ctx context.Context, partition, fingerprint string) (Answer, bool) {
	found, err := a.store.Get(ctx, store.Subjects, partition, kindIdempotency)
	if err != nil || found[0].ID == "" {
		return Answer{}, false
	}
	kept, err := decode[claim](found[0])
	if err != nil || kept.Fingerprint != fingerprint || kept.Answer == nil {
		return Answer{}, false
	}
	return *kept.Answer, true
}
