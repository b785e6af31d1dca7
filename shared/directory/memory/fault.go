package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"latchkey/shared/directory"
)

// Context keeps the signatures of the port short.
type Context = context.Context

// Operation names a method of the port.
type Operation string

// The operations.
const (
	OperationUser               Operation = "User"
	OperationApplicationEnabled Operation = "ApplicationEnabled"
	OperationGroup              Operation = "Group"
	OperationManagers           Operation = "Managers"
	OperationMemberOf           Operation = "MemberOf"
	OperationGroupMembers       Operation = "GroupMembers"
	OperationHasMember          Operation = "HasMember"
	OperationHasOwner           Operation = "HasOwner"
	OperationAddMember          Operation = "AddMember"
	OperationRemoveMember       Operation = "RemoveMember"
	OperationAddOwner           Operation = "AddOwner"
	OperationRemoveOwner        Operation = "RemoveOwner"
	OperationSendMail           Operation = "SendMail"
)

// FaultKind is how one call goes wrong.
type FaultKind int

// The kinds of faults.
const (
	FaultNone         FaultKind = iota
	FaultThrottled              // nothing is done; a *directory.ThrottledError that asks for RetryAfter
	FaultUnavailable            // nothing is done, which the caller cannot know; directory.ErrUnavailable
	FaultLostResponse           // it is done, and the answer is lost; directory.ErrUnavailable
	FaultForbidden              // nothing is done; directory.ErrForbidden
	FaultUndone                 // nothing is done; directory.ErrUndone
)

// Fault is what befalls one call.
type Fault struct {
	Kind       FaultKind
	RetryAfter time.Duration
}

// FaultFunc decides about each call of the port before it is done. It is the caller's to make it deterministic.
type FaultFunc func(Operation) Fault

// SetFault sets the hook that decides which calls go wrong; nil removes it.
func (d *Directory) SetFault(hook FaultFunc) {
	d.fault.Store(&hook)
}

// SetLag sets for how long changes do not find what is made or restored from now on, although reads do: a large directory copies itself from one replica to the next. What adds to it is
// ErrNotFound meanwhile.
func (d *Directory) SetLag(lag time.Duration) { d.lag.Store(int64(lag)) }

// ErrTooNew is within the ErrNotFound of a change that SetLag makes fail because a group is too new, of which Graph has an answer of its own.
var ErrTooNew = errors.New("too new for changes")

func (d *Directory) bothSettled(group, principal *record) error {
	for _, r := range []*record{group, principal} {
		if !d.clock.Now().Before(r.settled) {
			continue
		}
		if r.object.Kind == KindGroup {
			return fmt.Errorf("%w: %w: group %q", directory.ErrNotFound, ErrTooNew, r.object.ID())
		}
		return notFound(r.object.Kind, r.object.ID())
	}
	return nil
}

// strike does one call of the port under its lock, or what its fault says instead. The hook is asked before the lock is taken: it may call the directory itself.
func strike[T any](ctx Context, d *Directory, operation Operation, lock sync.Locker, do func() (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, fmt.Errorf("%w: %w", directory.ErrUnavailable, err)
	}
	var fault Fault
	if hook := d.fault.Load(); hook != nil && *hook != nil {
		fault = (*hook)(operation)
	}
	switch fault.Kind {
	case FaultThrottled:
		return none, fmt.Errorf("%s: %w", operation, &directory.ThrottledError{After: fault.RetryAfter})
	case FaultUnavailable:
		return none, fmt.Errorf("%w: %s failed", directory.ErrUnavailable, operation)
	case FaultUndone:
		return none, fmt.Errorf("%w: %s failed", directory.ErrUndone, operation)
	case FaultForbidden:
		return none, fmt.Errorf("%w: %s", directory.ErrForbidden, operation)
	default:
	}
	lock.Lock()
	defer lock.Unlock()
	value, err := do()
	if fault.Kind == FaultLostResponse { // whatever came of it, nobody hears
		return none, fmt.Errorf("%w: the answer to %s was lost", directory.ErrUnavailable, operation)
	}
	return value, err
}

func strikeChange(ctx Context, d *Directory, operation Operation, do func() error) error {
	_, err := strike(ctx, d, operation, &d.mu, func() (struct{}, error) { return struct{}{}, do() })
	return err
}
