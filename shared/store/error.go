package store

import (
	"errors"
	"fmt"
	"time"
)

// The errors a store returns, always wrapped with what it was doing. Match them with errors.Is.
var (
	// ErrConflict: a precondition of a commit did not hold. Read again and decide again.
	ErrConflict = errors.New("store: conflict")
	// ErrTooLarge: a document or a batch exceeds the limits of the store. Repeating it is useless.
	ErrTooLarge = errors.New("store: too large")
	// ErrThrottled: the store asks for patience; nothing was written. See RetryAfter.
	ErrThrottled = errors.New("store: throttled")
	// ErrUnavailable: the store did not answer or failed; a commit may or may not have happened.
	ErrUnavailable = errors.New("store: unavailable")
	// ErrMissing and ErrForbidden are ErrUnavailable too, and say what an operator can mend: the container or its database does not exist; the identity may not use it.
	ErrMissing   = errors.New("store: no such container")
	ErrForbidden = errors.New("store: forbidden")
	// ErrInvalid: the call itself is wrong: a programmer's error, or a continuation that a client made up.
	ErrInvalid = errors.New("store: invalid")
)

// ThrottledError is the ErrThrottled that knows how long to wait.
type ThrottledError struct {
	After time.Duration
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("store: throttled, retry after %v", e.After)
}

// Is makes errors.Is(err, ErrThrottled) hold.
func (e *ThrottledError) Is(target error) bool { return target == ErrThrottled }

// RetryAfter is the wait that a throttled store asked for, or zero if it asked for none.
func RetryAfter(err error) time.Duration {
	if throttled, ok := errors.AsType[*ThrottledError](err); ok {
		return throttled.After
	}
	return 0
}
