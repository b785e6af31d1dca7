package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// claim is the document that stands for a key that was used, or for a command without one.
type claim struct {
	Fingerprint string  `json:"fingerprint,omitempty"` // of the request that used it
	Rights      string  `json:"rights,omitempty"`      // of the token that it was used with
	Name        string  `json:"name,omitempty"`        // of a command without a key
	Answer      *Answer `json:"answer,omitempty"`
}

const (
	// MaxIdempotencyKey bounds an Idempotency-Key, in bytes.
	MaxIdempotencyKey = 255
	// idempotencyTTL is how long a key is remembered.
	idempotencyTTL = 24 * time.Hour
	// retryTTL is how long a command without a key is remembered, for who sends it again.
	retryTTL        = 10 * time.Minute
	kindIdempotency = "idempotency"
)

// Once does a command at most once for a key: a repetition with the same request gets the same answer, one with another request CodeConflict. what is the whole request, such as method,
// path and body. do is given a context that names new things after the key, so that a repetition after a crash finds what was made instead of making it twice. A command that fails
// frees the key. Before an answer is given again, do decides again whether the caller may have it, and changes nothing. Errors: CodeInvalid for a key that is too long, CodeConflict, and those of do.
func (l *Ledger) Once(ctx context.Context, caller governance.Caller, key string, what []byte, do func(context.Context) (Answer, error)) (Answer, error) {
	if len(key) > MaxIdempotencyKey {
		return Answer{}, governance.Invalid("Idempotency-Key", "Idempotency-Key has at most %d bytes.", MaxIdempotencyKey)
	}
	mine := claim{Fingerprint: hashed(what), Rights: rightsOf(caller)}
	place := claimPlace("idempotency", caller, key)
	// The fingerprint is part of the name: a key that was freed or forgotten, and is used again for another request, must not find what the first one made.
	name := place.Partition + ":" + mine.Fingerprint
	etag, err := l.SetNote(ctx, place, kindIdempotency, mine, "", idempotencyTTL)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrUnavailable) {
		before, present, getErr := GetNote[claim](ctx, l, place, kindIdempotency)
		switch {
		case getErr != nil:
			return Answer{}, getErr
		case present == "":
			return Answer{}, Unavailable("The store", err) // it expired or was freed this instant, or was never written
		case before.Fingerprint != mine.Fingerprint:
			return Answer{}, keyConflict("This Idempotency-Key was used for another request; use a new key for a new request.")
		case before.Answer != nil:
			return *before.Answer, mayHear(ctx, name, before, mine, do)
		}
		etag, err = present, nil // begun by a call that is still at it, or died
	}
	if err != nil {
		return Answer{}, fmt.Errorf("claim the idempotency key: %w", err)
	}
	answer, err := do(withCommand(ctx, command{name: name}))
	if err != nil {
		if freeErr := l.DropNote(ctx, place, kindIdempotency, etag); freeErr != nil && !errors.Is(freeErr, store.ErrConflict) {
			l.options.Logger.WarnContext(ctx, "an idempotency key stays claimed by a command that failed", "error", freeErr)
		}
		return Answer{}, err
	}
	mine.Answer = &answer
	if _, err := l.SetNote(ctx, place, kindIdempotency, mine, etag, idempotencyTTL); err != nil {
		if kept, _, getErr := GetNote[claim](ctx, l, place, kindIdempotency); getErr == nil && kept.Fingerprint == mine.Fingerprint && kept.Answer != nil {
			return *kept.Answer, nil // that of the same command, which was sent twice at once: both clients hear the same
		}
		l.options.Logger.WarnContext(ctx, "the answer to an idempotency key was not kept; a repetition finds what was made", "error", err)
	}
	return answer, nil
}

// mayHear has a command decide once more whether its caller may give it, as its answer is about to be given again: what the state of things would refuse by now, it did not refuse then.
func mayHear(ctx context.Context, name string, before, mine claim, do func(context.Context) (Answer, error)) error {
	_, err := do(withCommand(ctx, command{name: name, replayed: true}))
	switch governance.CodeOf(err) {
	case governance.CodeConflict, governance.CodeInvalid, governance.CodePrecondition, governance.CodeTooLarge:
		err = nil
	}
	if err == nil && before.Rights != mine.Rights {
		err = keyConflict("This Idempotency-Key was used with a token of other permissions; use it with the same, or a new key.")
	}
	return err
}

func keyConflict(message string) error {
	return &governance.Error{Code: governance.CodeConflict, Target: "Idempotency-Key", Message: message}
}

// Repeatable is a command without a key that its client may send again when it did not hear the answer.
type Repeatable struct {
	What  []byte // as in Once
	Again bool   // the client says that it has sent it before
	Do    func(context.Context) (Answer, error)
	// Found looks at what an earlier attempt made: whether its answer still holds. Otherwise it is made anew, and the earlier answer given only if that is refused; where it is gone, the error is CodeNotFound. nil: nothing is
	// made that could be made twice, so the command is done anew first, and only what is refused for what it has done itself is answered as before.
	Found func(context.Context, Answer) (bool, error)
}

// Again does a command that has no key. It is remembered for ten minutes, from before its first commit on, so that what is refused costs nothing; what its client sends again is done under a context in which it finds what was
// made, if that still stands. What does not come again voids what was remembered of the same content before. Errors: those of Do; the store's, when it cannot be remembered: then nothing is done.
func (l *Ledger) Again(ctx context.Context, caller governance.Caller, r Repeatable) (Answer, error) {
	place := claimPlace("retry", caller, hashed(r.What)+rightsOf(caller))
	before, etag, err := GetNote[claim](ctx, l, place, kindIdempotency)
	if err != nil {
		return Answer{}, err
	}
	name, earlier := l.options.NewID(), etag != ""
	remembered := false
	remember := func(ctx context.Context) error {
		if remembered {
			return nil
		}
		_, err := l.SetNote(ctx, place, kindIdempotency, claim{Name: name}, etag, retryTTL)
		if errors.Is(err, store.ErrConflict) { // another call was faster, or the answer to this one was lost
			_, present, getErr := GetNote[claim](ctx, l, place, kindIdempotency)
			etag, err = present, errors.Join(err, getErr)
		}
		remembered = err == nil
		return err
	}
	anew := func() (Answer, error) {
		return r.Do(withCommand(ctx, command{name: name, first: true, begin: remember}))
	}
	asBefore := func() (Answer, error) { return r.Do(withCommand(ctx, command{name: before.Name})) }
	switch {
	case !earlier, !r.Again && r.Found == nil:
		return anew()
	case !r.Again: // whatever becomes of it, what was made before is no answer to it
		if _, err := l.retry(ctx, passing, func() (bool, error) { return true, remember(ctx) }); err != nil {
			return Answer{}, err
		}
		return anew()
	case r.Found == nil:
		answer, err := anew()
		if refused(err) {
			if was, lost := asBefore(); lost == nil {
				return was, nil
			}
		}
		return answer, err
	}
	was, lost := asBefore()
	stands := false
	if lost == nil {
		stands, lost = r.Found(ctx, was)
	}
	if stands || lost != nil && !refused(lost) {
		return was, lost
	}
	answer, err := anew()
	if refused(err) && lost == nil {
		return was, nil
	}
	return answer, err
}

// refused says whether a command was refused for the state of things, which it may have brought about itself.
func refused(err error) bool {
	switch governance.CodeOf(err) {
	case governance.CodeConflict, governance.CodeInvalid, governance.CodeNotFound, governance.CodePrecondition:
		return true
	}
	return false
}

// claimPlace is where a claim lies: no caller sees another's.
func claimPlace(kind string, caller governance.Caller, key string) governance.Place {
	return SubjectPlace(governance.NameID(kind + ":" + caller.TenantID + ":" + caller.ObjectID + ":" + caller.AppID + ":" + key))
}

// rightsOf tells tokens apart by what they permit. The roles of a person are looked at when a command is decided.
func rightsOf(caller governance.Caller) string {
	text, _ := json.Marshal([]any{caller.Kind, slices.Sorted(slices.Values(caller.Scopes)), slices.Sorted(slices.Values(caller.Permissions))}) // strings alone
	return hashed(text)
}

func hashed(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
