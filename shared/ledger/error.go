package ledger

import (
	"context"
	"errors"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Unavailable is the error of a dependency that failed, as the outside sees it.
func Unavailable(what string, err error) error {
	return &governance.Error{Code: governance.CodeUnavailable, Message: what + " is not available at the moment; try again.", Err: err}
}

// CodeOf is the code of an error of any use case: that of the domain, or that of the dependency that failed.
func CodeOf(err error) governance.Code {
	if code := governance.CodeOf(err); code != governance.CodeInternal {
		return code
	}
	switch {
	case errors.Is(err, store.ErrThrottled), errors.Is(err, directory.ErrThrottled), errors.Is(err, bus.ErrThrottled):
		return governance.CodeThrottled
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, directory.ErrUnavailable), errors.Is(err, bus.ErrUnavailable), errors.Is(err, directory.ErrForbidden),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return governance.CodeUnavailable
	}
	return governance.CodeInternal
}

// RetryAfter is how long a caller should wait after an error, or zero if nothing says.
func RetryAfter(err error) time.Duration {
	var coded *governance.Error
	if errors.As(err, &coded) && coded.RetryAfter > 0 {
		return coded.RetryAfter
	}
	return max(store.RetryAfter(err), directory.RetryAfter(err))
}
