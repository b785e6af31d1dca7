package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app/companion"
	"latchkey/shared/governance"
	"latchkey/shared/identity"
	"latchkey/shared/platform"
)

// CalloutPrefix is where custom extensions call, below the address of the Functions app.
const CalloutPrefix = "/api/callouts/"

// What logs and telemetry call a callout, and the answer to a ticket.
const (
	calloutOperation = "POST " + CalloutPrefix + "{action}"
	ticketOperation  = "POST " + CalloutPrefix + "tickets/{id}"
)

// calloutDeadline bounds the acceptance of one callout: whoever calls waits two seconds at most (EXT-09).
const calloutDeadline = 10 * time.Second

// CalloutValidator makes a caller of the Authorization header of a request.
type CalloutValidator interface {
	Validate(ctx context.Context, header http.Header, request identity.Request) (governance.Caller, error)
}

// CalloutOptions are what Callouts is made of.
type CalloutOptions struct {
	Use       UseCases
	Identity  CalloutValidator // nil: no application may call out, only tickets are answered
	Logger    *slog.Logger
	PublicURL string // whose host a proof of possession must name; empty: that which the client called
	Clock     platform.Clock
}

// Callouts is what custom extensions and service desks call, as an http.Handler. It serves paths that begin with CalloutPrefix.
type Callouts struct {
	server   *Server // for what every answer needs
	identity CalloutValidator
	host     string
}

// NewCallouts makes a Callouts.
func NewCallouts(o CalloutOptions) *Callouts {
	s := &Callouts{server: &Server{use: o.Use, log: o.Logger, clock: o.Clock}, identity: o.Identity}
	if s.server.clock == nil {
		s.server.clock = platform.SystemClock{}
	}
	s.server.refusals.log, s.server.refusals.clock = s.server.log, s.server.clock
	if at, err := url.Parse(o.PublicURL); err == nil {
		s.host = at.Host
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Callouts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.server.answer(w, r, calloutDeadline, s.serve)
}

func (s *Callouts) serve(c *call) (response, error) {
	c.named(calloutOperation)
	path := strings.TrimPrefix(c.r.URL.Path, CalloutPrefix)
	name, rest, below := strings.Cut(path, "/")
	isTicket := name == "tickets"
	switch {
	case len(path) > maxPath || name == "" || below != isTicket || strings.Contains(rest, "/") || isTicket && rest == "":
		return response{}, governance.NotFound("There is nothing at this path; custom extensions call %s{action}.", CalloutPrefix)
	case c.r.Method != http.MethodPost:
		return response{}, &governance.Error{Code: codeMethod, Message: c.r.Method + " is not supported here; POST is."}
	}
	if err := c.parseOptions(&kind{}, nil); err != nil {
		return response{}, err
	}
	if isTicket {
		c.named(ticketOperation)
		return s.ticket(c, rest)
	}
	if s.identity == nil {
		return response{}, governance.Forbidden("No application may call custom extensions here; the setting CalloutCallers names those that may.")
	}
	host := s.host
	if host == "" {
		host = addressed(c.r)
	}
	var err error
	c.caller, err = s.identity.Validate(c.ctx(), c.r.Header, identity.Request{Method: c.r.Method, Host: host, Path: c.r.URL.Path})
	if err != nil {
		return response{}, err
	}
	payload, err := c.body()
	if err != nil {
		return response{}, err
	}
	if len(payload) == 0 {
		return response{}, governance.Invalid("body", "The request has no body; it is not one of a custom extension.")
	}
	accepted, err := s.server.use.Tasks.AcceptTask(c.ctx(), c.caller, name, payload)
	return response{status: http.StatusAccepted, value: accepted}, err
}

// ticket takes the answer to a ticket. Whoever has the ticket's key may give it: a service desk has no token of the tenant.
func (s *Callouts) ticket(c *call, id string) (response, error) {
	c.scheme = "Latchkey-Ticket-Key"
	keys := c.r.Header.Values(c.scheme)
	if len(keys) != 1 {
		return response{}, &governance.Error{Code: governance.CodeUnauthorized,
			Message: "The header Latchkey-Ticket-Key is missing: it holds the key that the ticket was opened with."}
	}
	if err := s.server.use.Tasks.CheckTicketKey(id, keys[0]); err != nil { // before anything of a stranger's is read, here or in the store
		return response{}, err
	}
	body, err := c.body()
	if err != nil {
		return response{}, err
	}
	if len(body) == 0 {
		return response{}, governance.Invalid("body", `The body must be {"status":"completed" or "failed","detail":"…"}.`)
	}
	read, err := strict.TicketAnswer.New(body)
	if err != nil {
		return response{}, err
	}
	var answer companion.TicketAnswer
	if err := read.Into(&answer); err != nil {
		return response{}, err
	}
	ended, err := s.server.use.Tasks.AnswerTicket(c.ctx(), id, keys[0], answer)
	return response{status: http.StatusOK, value: map[string]any{"state": ended.State}}, err
}
