package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/governance"
	"latchkey/shared/identity"
	"latchkey/shared/ledger"
)

// codeMethod is the code of a method that a path does not have.
const codeMethod governance.Code = "methodNotAllowed"

// codeNotServed is the code of what Microsoft Graph has and this release does not.
const codeNotServed governance.Code = "notImplemented"

// statuses is the one table from codes to HTTP statuses.
var statuses = map[governance.Code]int{
	governance.CodeInvalid:      http.StatusBadRequest,
	governance.CodeUnauthorized: http.StatusUnauthorized,
	governance.CodeForbidden:    http.StatusForbidden,
	governance.CodeNotFound:     http.StatusNotFound,
	codeMethod:                  http.StatusMethodNotAllowed,
	governance.CodeConflict:     http.StatusConflict,
	governance.CodePrecondition: http.StatusPreconditionFailed,
	governance.CodeTooLarge:     http.StatusRequestEntityTooLarge,
	governance.CodeUnsupported:  http.StatusUnsupportedMediaType,
	governance.CodeThrottled:    http.StatusTooManyRequests,
	governance.CodeUnavailable:  http.StatusServiceUnavailable,
	governance.CodeInternal:     http.StatusInternalServerError,
	codeNotServed:               http.StatusNotImplemented,
}

// messages are for errors of what this depends on, which are not the domain's own.
var messages = map[governance.Code]string{
	governance.CodeThrottled:   "A service that this depends on asks for patience; try again later.",
	governance.CodeUnavailable: "A service that this depends on does not answer; try again later.",
}

// errorBody is Graph's error.
type errorBody struct {
	Error struct {
		Code       string     `json:"code"`
		Message    string     `json:"message"`
		Target     string     `json:"target,omitempty"`
		InnerError innerError `json:"innerError"`
	} `json:"error"`
}

type innerError struct {
	Date            string `json:"date"`
	RequestID       string `json:"request-id"`
	ClientRequestID string `json:"client-request-id"`
}

// challenge is what a client may do about a 401 or a 403: RFC 6750, section 3; empty: no token mends it. Who sent no token is not told that something is wrong with it.
func (c *call) challenge(err error, status int) string {
	scheme := cmp.Or(c.scheme, "Bearer")
	switch {
	case scheme != "Bearer", errors.Is(err, identity.ErrNoToken):
		return scheme
	case errors.Is(err, authz.ErrRole):
		return scheme + ` error="insufficient_scope"`
	case status == http.StatusForbidden:
		return ""
	}
	return scheme + ` error="invalid_token"`
}

// unfit is Graph's code of a body that is none of what it should be, where Graph has one.
func (c *call) unfit(code governance.Code) governance.Code {
	if code != governance.CodeInvalid || !c.hasPayload || c.route == nil || c.route.body <= acting {
		return ""
	}
	return c.route.of.unfit
}

// fail answers with an error in Graph's shape. What is not an error of the domain becomes an internal one, whose cause goes to the log
// alone.
func (c *call) fail(err error) {
	code := ledger.CodeOf(err)
	status, known := statuses[code]
	if !known {
		status, code = http.StatusInternalServerError, governance.CodeInternal
	}
	if errors.Is(err, context.Canceled) && c.r.Context().Err() != nil {
		status = 499 // the client has hung up; nobody reads this
	}
	var body errorBody
	body.Error.Code = string(code)
	body.Error.Message = cmp.Or(messages[code], "The service failed; the request id leads to the log.")
	if coded := (*governance.Error)(nil); code != governance.CodeInternal && errors.As(err, &coded) {
		body.Error.Message, body.Error.Target = coded.Message, coded.Target
		body.Error.Code = string(cmp.Or(coded.Graph, c.unfit(code), code))
		if code == governance.CodeInvalid && !strings.Contains(coded.Message, coded.Target) { // what is checked deep inside speaks of the member alone
			body.Error.Message = coded.Target + ": " + coded.Message
		}
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		c.server.refusals.tell(c.r.Context(), c.caller, c.operation, c.requestID, status, body.Error.Message)
	}
	if status >= http.StatusInternalServerError && code != codeNotServed {
		c.server.log.ErrorContext(c.r.Context(), "a request failed", "requestId", c.requestID, "method", c.r.Method, "path", c.r.URL.Path,
			"status", status, "error", err)
	}
	body.Error.InnerError = innerError{
		Date: c.server.clock.Now().UTC().Format("2006-01-02T15:04:05Z"), RequestID: c.requestID,
		ClientRequestID: cmp.Or(c.clientRequestID, c.requestID),
	}
	header := c.w.Header()
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if challenge := c.challenge(err, status); challenge != "" {
			header.Set("WWW-Authenticate", challenge)
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		wait := max(ledger.RetryAfter(err), time.Second)
		header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	}
	encoded, _ := json.Marshal(body) // strings only
	c.send(status, encoded)
}
