package graph

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"latchkey/shared/directory"
)

// classify says in the port's words what an exchange came to. By itself it knows no operation's exceptions, such as a member who is one already; those are alreadyThere's
// and gone's.
func classify(operation Operation, seen *answer, err error) error {
	switch {
	case err != nil: // no answer, or one that breaks off or cannot be read: what happened is not known
		return fmt.Errorf("%w: %s: %w", directory.ErrUnavailable, operation, err)
	case seen.status < 300:
		return nil
	case seen.status < 400:
		return failure(directory.ErrUnavailable, operation, seen, "Graph redirects, which it does not do for this call")
	case seen.status == http.StatusTooManyRequests:
		return fmt.Errorf("%s: %w", operation, &directory.ThrottledError{After: seen.retryAfter})
	case seen.status == http.StatusUnauthorized:
		return failure(directory.ErrForbidden, operation, seen, "the token is not accepted")
	case seen.status == http.StatusForbidden:
		return failure(directory.ErrForbidden, operation, seen, "it needs "+strings.Join(PermissionsOf(operation), " and "))
	case seen.isAbsence():
		return failure(directory.ErrNotFound, operation, seen, "")
	case seen.status == http.StatusNotFound, // from something that is not Graph: it proves nothing about a user or a group
		seen.status == http.StatusRequestTimeout, seen.status == http.StatusConflict, seen.status == http.StatusLocked, seen.status == http.StatusTooEarly,
		seen.status >= 500:
		return failure(directory.ErrUnavailable, operation, seen, "")
	default:
		return failure(directory.ErrRefused, operation, seen, "")
	}
}

// isAbsence says whether an error is Graph's own word that an object does not exist; of a group that is too new for a change it is a 400.
// That the path does not exist, because the base URL is wrong, is not that.
func (a *answer) isAbsence() bool {
	if a.status == http.StatusBadRequest && strings.Contains(a.message, "objects being referenced do not exist") {
		return true
	}
	return a.status == http.StatusNotFound && strings.Contains(strings.ToLower(a.code), "notfound") && !strings.Contains(a.message, "for the segment")
}

// isAlreadyThere says whether an error is Graph's answer to adding what is there already. It has no code of its own.
func (a *answer) isAlreadyThere() bool {
	return a.status == http.StatusBadRequest && strings.Contains(strings.ToLower(a.message), "already exist")
}

// answerError keeps Graph's answer for the operation's exceptions, and for logs.
type answerError struct {
	kind      error
	operation Operation
	answer    answer
	hint      string
}

func failure(kind error, operation Operation, seen *answer, hint string) error {
	return &answerError{kind: kind, operation: operation, answer: *seen, hint: hint}
}

// maxMessage bounds what of Graph's words an error repeats.
const maxMessage = 300

func (e *answerError) Error() string {
	text := fmt.Sprintf("%v: %s: Graph answered %d %s", e.kind, e.operation, e.answer.status, e.answer.code)
	if message := e.answer.message; message != "" {
		text += ": " + strings.ToValidUTF8(message[:min(len(message), maxMessage)], "")
	}
	if e.hint != "" {
		text += " (" + e.hint + ")"
	}
	if e.answer.requestID != "" {
		text += " [request " + e.answer.requestID + "]"
	}
	return text
}

func (e *answerError) Unwrap() error { return e.kind }

// answered is Graph's answer in an error, if there was one.
func answered(err error) (answer, bool) {
	if from, ok := errors.AsType[*answerError](err); ok {
		return from.answer, true
	}
	return answer{}, false
}

// alreadyThere turns the error of an addition that finds its work done into success.
func alreadyThere(err error) error {
	if a, ok := answered(err); ok && a.isAlreadyThere() {
		return nil
	}
	return err
}

// gone turns the error of a removal that finds its work done into success.
func gone(err error) error {
	if a, ok := answered(err); ok && a.isAbsence() {
		return nil
	}
	return err
}
