package graph

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/directory/memory"
)

// reply is what a route answers.
type reply struct {
	status     int
	body       []byte // JSON, unless text
	text       bool
	retryAfter time.Duration
	problem    *problem // the body is made of it when the request's id is known
	location   string
}

// problem is an error in Graph's shape.
type problem struct {
	status        int
	code, message string
	retryAfter    time.Duration
}

func (p *problem) Error() string { return p.code + ": " + p.message }

func refusal(p *problem) reply {
	return reply{status: p.status, problem: p, retryAfter: p.retryAfter}
}

func bad(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "Request_BadRequest", message: message}
}

// unsupported is Graph's answer to a query that it does not answer, or not so.
func unsupported(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "Request_UnsupportedQuery", message: message}
}

func absent(id string) *problem {
	return &problem{
		status: http.StatusNotFound, code: "Request_ResourceNotFound",
		message: "Resource '" + id + "' does not exist or one of its queried reference-property objects are not present.",
	}
}

func unauthenticated(message string) *problem {
	return &problem{status: http.StatusUnauthorized, code: "InvalidAuthenticationToken", message: message}
}

func denied() *problem {
	return &problem{status: http.StatusForbidden, code: "Authorization_RequestDenied", message: "Insufficient privileges to complete the operation."}
}

// problemOf puts an error of the directory into Graph's words.
func problemOf(err error, id string) *problem {
	var p *problem
	var throttled *directory.ThrottledError
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, memory.ErrTooNew):
		return bad("The source resource object or one of the objects being referenced do not exist.")
	case errors.Is(err, directory.ErrNotFound):
		return absent(id)
	case errors.Is(err, memory.ErrExists):
		return bad("Another object with the same value for property userPrincipalName already exists.")
	case errors.As(err, &throttled):
		return &problem{status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Too many requests.", retryAfter: throttled.After}
	case errors.Is(err, directory.ErrForbidden):
		return denied()
	case errors.Is(err, directory.ErrRefused):
		return bad(err.Error())
	default:
		return &problem{status: http.StatusServiceUnavailable, code: "serviceNotAvailable", message: "The service is temporarily unavailable."}
	}
}

// append appends the body of an error.
func (p *problem) append(b []byte, requestID, clientRequestID string, now time.Time) []byte {
	b = append(b, `{"error":{"code":`...)
	b = appendString(b, p.code)
	b = append(b, `,"message":`...)
	b = appendString(b, p.message)
	b = append(b, `,"innerError":{"date":"`...)
	b = now.AppendFormat(b, "2006-01-02T15:04:05")
	b = append(b, `","request-id":`...)
	b = appendString(b, requestID)
	b = append(b, `,"client-request-id":`...)
	b = appendString(b, clientRequestID)
	return append(b, "}}}"...)
}

// Header names in their canonical form: setting them by key saves the work of Set on every answer.
const (
	headerRequestID       = "Request-Id"
	headerClientRequestID = "Client-Request-Id"
	maxRequestIDLength    = 128
)

var (
	jsonType = []string{"application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"}
	textType = []string{"text/plain"}
	version4 = []string{"4.0"}
	noStore  = []string{"no-store"}
)

// write sends a reply.
func (s *Server) write(w http.ResponseWriter, r *http.Request, answer reply) {
	id := s.ids()
	clientID := r.Header.Get(headerClientRequestID)
	if clientID == "" || len(clientID) > maxRequestIDLength {
		clientID = id
	}
	header := w.Header()
	header[headerRequestID] = []string{id}
	header[headerClientRequestID] = []string{clientID}
	header["Cache-Control"] = noStore
	if answer.retryAfter > 0 {
		header["Retry-After"] = []string{strconv.Itoa(int((answer.retryAfter + time.Second - 1) / time.Second))}
	}
	if answer.location != "" {
		header["Location"] = []string{answer.location}
	}
	if answer.status == http.StatusUnauthorized {
		header["Www-Authenticate"] = []string{`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`}
	}
	body := answer.body
	if answer.problem != nil {
		body = answer.problem.append(nil, id, clientID, s.clock.Now())
	}
	if len(body) > 0 {
		if answer.text {
			header["Content-Type"] = textType
		} else {
			header["Content-Type"] = jsonType
			header["Odata-Version"] = version4
		}
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(answer.status)
	if len(body) > 0 {
		_, _ = w.Write(body) // a client that has gone is no error of ours
	}
}

func noContent() (reply, error) { return reply{status: http.StatusNoContent}, nil }
