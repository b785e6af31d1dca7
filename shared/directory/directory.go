// Package directory is the port to the tenant's directory, Microsoft Graph in production: who people are, whom they report to, which groups they are in,
// and the changes that grant and take away access. Every change is idempotent: asking for what is already so is a success.
package directory

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"time"

	"latchkey/shared/governance"
)

// Errors a directory returns, wrapped. Match them with errors.Is.
var (
	// ErrNotFound: the user or group does not exist.
	ErrNotFound = errors.New("directory: not found")
	// ErrDeleted is the ErrNotFound of a user or a group that may come back with all that it had: it lies among the directory's deleted items,
	// or whether it does cannot be told. What was to be taken away from it is still to be taken away.
	ErrDeleted = fmt.Errorf("%w, but may be restored", ErrNotFound)
	// ErrForbidden: the identity lacks a permission; retrying is useless until an operator grants it.
	ErrForbidden = errors.New("directory: forbidden")
	// ErrRefused: the directory understood and said no (a dynamic group, a synchronised group, a bad address); retrying is useless.
	ErrRefused = errors.New("directory: refused")
	// ErrRecipient is the ErrRefused of a mail of which one recipient, or more, has an address that takes none. It went to nobody.
	ErrRecipient = fmt.Errorf("%w: a recipient's address takes no mail", ErrRefused)
	// ErrThrottled: the directory asks for patience. See RetryAfter.
	ErrThrottled = errors.New("directory: throttled")
	// ErrUnavailable: the directory did not answer or failed; a change may or may not have happened. Repeating it is safe.
	ErrUnavailable = errors.New("directory: unavailable")
	// ErrUndone is the ErrUnavailable of a change that has certainly not happened.
	ErrUndone = fmt.Errorf("%w, and nothing was done", ErrUnavailable)
)

// ThrottledError is the ErrThrottled that knows how long to wait.
type ThrottledError struct {
	After time.Duration
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("directory: throttled, retry after %v", e.After)
}

// Is makes errors.Is(err, ErrThrottled) hold.
func (e *ThrottledError) Is(target error) bool { return target == ErrThrottled }

// RetryAfter is the wait that a throttled directory asked for, or zero if it asked for none.
func RetryAfter(err error) time.Duration {
	if throttled, ok := errors.AsType[*ThrottledError](err); ok {
		return throttled.After
	}
	return 0
}

// MaxGroupMembers bounds how many GroupMembers looks through.
const MaxGroupMembers = 10_000

// PermissionHidden is the application permission of Graph by which hidden memberships are seen.
const PermissionHidden = "Member.Read.Hidden"

// MaxRecipients is Exchange Online's limit of recipients of one message.
const MaxRecipients = 500

// IsMailAddress says whether a text is a mail address, and nothing else.
func IsMailAddress(text string) bool {
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}

// MaxManagerLevels bounds the chain that Managers follows: no policy asks above it (PRV-14).
const MaxManagerLevels = 4

// Directory is the port.
type Directory interface {
	// User reads a person, with the id of the direct manager (empty if there is none). Errors: ErrNotFound.
	User(ctx context.Context, id string) (governance.User, error)
	// ApplicationEnabled says whether an application may sign in, by the id of its service principal. Errors: ErrNotFound.
	ApplicationEnabled(ctx context.Context, id string) (bool, error)
	// Group reads a group. Errors: ErrNotFound.
	Group(ctx context.Context, id string) (governance.Group, error)
	// Managers returns the ids of a person's managers, nearest first, up to levels, which is at most MaxManagerLevels. It is shorter where the
	// chain ends, and where it comes back to somebody who is in it or to the person. Errors: ErrNotFound.
	Managers(ctx context.Context, userID string, levels int) ([]string, error)
	// SeesHidden says whether the identity may see hidden memberships. Without that, groups of governance.VisibilityHidden have no members, and are none that anybody is in. Errors: ErrUnavailable, also where it
	// cannot be told.
	SeesHidden(ctx context.Context) (bool, error)
	// MemberOf returns the ids of all groups that the user is in, nested membership included, in no order. Errors: ErrNotFound.
	MemberOf(ctx context.Context, userID string) ([]string, error)
	// GroupMembers takes the users in a group, nested membership included, without their managers and in no order, until take has enough of them: at most MaxGroupMembers. Errors: ErrNotFound.
	GroupMembers(ctx context.Context, groupID string, take func(governance.User) bool) error
	// HiddenIn is the id of a group whose members the identity does not see: the group itself, or one that is in it, at any depth; empty if there is none. Errors: ErrNotFound, and those of SeesHidden.
	HiddenIn(ctx context.Context, groupID string) (string, error)

	// HasMember and HasOwner say whether a user is a direct member or an owner of a group. Errors: ErrNotFound if the user or the group does not exist.
	HasMember(ctx context.Context, groupID, userID string) (bool, error)
	HasOwner(ctx context.Context, groupID, userID string) (bool, error)

	// AddMember makes the user, service principal or group a member of the group. A Microsoft 365 group takes users only, and is no member
	// itself: ErrRefused. Someone who is a member already is a success. Errors: ErrNotFound if the group or the principal does not exist,
	// which for a while is also the answer about a new or a restored one; ErrRefused.
	AddMember(ctx context.Context, groupID, principalID string) error
	// RemoveMember ends the membership. Someone who is no member, a group or a principal that never comes back, are successes. Errors: ErrDeleted if the group or the principal may come back, and the
	// membership with it; ErrRefused.
	RemoveMember(ctx context.Context, groupID, principalID string) error
	// AddOwner and RemoveOwner do the same for the owners of a group. A group cannot own one, and 100 at most may: ErrRefused. The last person who owns a group cannot be removed: ErrRefused.
	AddOwner(ctx context.Context, groupID, principalID string) error
	RemoveOwner(ctx context.Context, groupID, principalID string) error

	// SendMail sends one mail from the configured sender to at most MaxRecipients. It is not idempotent: the caller records that it begins, and what it sent. Errors: ErrRecipient, ErrRefused, ErrUndone.
	SendMail(ctx context.Context, mail governance.Mail) error
}
