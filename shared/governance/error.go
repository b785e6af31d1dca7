package governance

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code says what kind of error an Error is. The API maps each to one status, in one place.
type Code string

// The codes.
const (
	CodeInvalid      Code = "invalidRequest"      // 400: the request is wrong; Target names the field
	CodeUnauthorized Code = "unauthenticated"     // 401: no valid token
	CodeForbidden    Code = "accessDenied"        // 403: a valid token, not allowed
	CodeNotFound     Code = "itemNotFound"        // 404
	CodeConflict     Code = "conflict"            // 409: the state of things forbids it now
	CodePrecondition Code = "preconditionFailed"  // 412: If-Match names another version
	CodeTooLarge     Code = "requestTooLarge"     // 413
	CodeUnsupported  Code = "unsupportedMedia"    // 415
	CodeThrottled    Code = "tooManyRequests"     // 429
	CodeUnavailable  Code = "serviceNotAvailable" // 503: a dependency failed; the caller may retry
	CodeInternal     Code = "internalServerError" // 500: never more than that to the outside
)

// Error is an error of the domain: a code for machines, a message for people that says what is wrong and what to do, and the field it is about.
// Message and Target go to the outside as they are, so neither ever holds a secret or another person's data.
type Error struct {
	Code    Code
	Message string
	Target  string // the property or parameter, as a client wrote it, such as "assignment/accessPackageId"
	Graph   Code   // Microsoft Graph's own code, where scripts look for it; empty: there is none
	Err     error  // the cause, for logs only
	// RetryAfter is how long to wait before trying again; zero: nothing says.
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Message
	if e.Target != "" {
		text += " (" + e.Target + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf is the code of the first Error in the chain of err, or CodeInternal.
func CodeOf(err error) Code {
	var coded *Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	return CodeInternal
}

// Invalid is a CodeInvalid error about the field target.
func Invalid(target, format string, args ...any) error {
	return &Error{Code: CodeInvalid, Target: target, Message: fmt.Sprintf(format, args...)}
}

// Within is an error about something inside a member of what is meant: its target and what it says begin there.
func Within(at string, err error) error {
	var inside *Error
	if errors.As(err, &inside) {
		whole := *inside
		whole.Target = strings.TrimSuffix(at+"/"+inside.Target, "/") // of the whole of it there is no member
		return &whole
	}
	return err
}

// NotFound is a CodeNotFound error.
func NotFound(format string, args ...any) error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf(format, args...)}
}

// Microsoft Graph's codes that scripts look for.
const (
	GraphAlreadyOnboarded Code = "ResourceAlreadyOnboarded"             // the catalog has the resource
	GraphNotInOrigin      Code = "ResourceNotFoundInOriginSystem"       // the directory does not have it, or not yet
	GraphHasEntitlements  Code = "InvalidDeleteResourceHasEntitlements" // a package has a role of it
	GraphInvalidModel     Code = "InvalidModel"                         // a policy's body that is none
)

// graphMissing are Microsoft Graph's codes of what is not there, by what people call it.
var graphMissing = map[string]Code{"access package": "AccessPackageNotFound", "policy": "PolicyNotFound"}

// Missing is the error of what is not there, or not for who asks to know of: it is the same. what names the resource to people.
func Missing(what, id string) error {
	return &Error{Code: CodeNotFound, Graph: graphMissing[what], Message: fmt.Sprintf("There is no %s %s.", what, Clip(Fold(id)))}
}

// Conflict is a CodeConflict error.
func Conflict(format string, args ...any) error {
	return &Error{Code: CodeConflict, Message: fmt.Sprintf(format, args...)}
}

// Forbidden is a CodeForbidden error.
func Forbidden(format string, args ...any) error {
	return &Error{Code: CodeForbidden, Message: fmt.Sprintf(format, args...)}
}
