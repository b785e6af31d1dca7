// Package graph is Microsoft Graph in miniature: the calls that Latchkey and its tests make, on Graph's wire, over a directory in memory.
//
// It serves /v1.0, and the same under /beta: users, groups, members, owners, managers, sponsors, deleted items with restore, service principals with app role assignments, sendMail, $batch, delta,
// Temporary Access Passes with their policy, invitations, Intune apps with assignments, directory roles held, and the resume calls of custom extensions. It keeps
// Graph's error shape, paging, default properties and odd answers, such as 400 for a member who is one already; it answers advanced queries to who asks for them as such, shows of what the caller may not
// read that it is there, and hides hidden memberships.
//
// It does not serve what no client here needs: $search, schema extensions, subscriptions, licences, photos. An option, or a property of a user or a group, that it does not know is a 400
// that names it, never silently ignored. Consistency is immediate, while Graph's is eventual; memory.Directory.SetLag makes it late for
// changes of what is new. It is for loopback: see Options.RequireToken.
package graph

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/shared/directory/memory"
	"latchkey/shared/platform"
)

// Options of New. The zero value is usable.
type Options struct {
	Clock     platform.Clock    // nil is the machine's clock
	Faults    *fault.Injector   // nil has none
	IDs       platform.IDSource // ids of what is created; nil is platform.RandomIDs
	Directory *memory.Directory // nil is a new and empty one, by Clock
	Domain    string            // of invited guests' user principal names; empty is contoso.onmicrosoft.com

	// ValidateToken checks a bearer token and returns its application permissions. nil accepts every token with every permission.
	ValidateToken func(token string) (permissions []string, err error)
	// RequireToken refuses requests without a token. By default such a request is served with every permission when it comes from this machine over plain http:
	// independent clients such as @microsoft/microsoft-graph-client send their token to https addresses only, and a stand-in on loopback has none.
	RequireToken bool
	// Unlicensed is a tenant without Privileged Identity Management.
	Unlicensed bool
	// RetryAfter is what a throttled request is asked to wait; 0 is fault.RetryAfter.
	RetryAfter time.Duration
}

// Server is the emulator, an http.Handler. Use New. It is safe for concurrent use.
type Server struct {
	clock      platform.Clock
	faults     *fault.Injector
	ids        platform.IDSource
	directory  *memory.Directory
	domain     string
	validate   func(string) ([]string, error)
	mustHave   bool
	unlicensed bool
	retryAfter time.Duration
	mux        *http.ServeMux
	routes     []*route
	counters   counters

	mu    sync.RWMutex // guards state
	state state
}

// New makes an emulator.
func New(options Options) *Server {
	s := &Server{
		clock: options.Clock, faults: options.Faults, ids: options.IDs, directory: options.Directory, domain: cmp.Or(options.Domain, "contoso.onmicrosoft.com"),
		validate: options.ValidateToken, mustHave: options.RequireToken, unlicensed: options.Unlicensed, retryAfter: options.RetryAfter,
		state: newState(),
	}
	if s.clock == nil {
		s.clock = platform.SystemClock{}
	}
	if s.ids == nil {
		s.ids = platform.RandomIDs
	}
	if s.directory == nil {
		s.directory = memory.New(memory.Options{Clock: s.clock})
	}
	if s.retryAfter <= 0 {
		s.retryAfter = fault.RetryAfter
	}
	s.route()
	return s
}

// Directory is the tenant behind the emulator, to seed and to look at.
func (s *Server) Directory() *memory.Directory { return s.directory }

// Mail returns what was sent to an address, oldest first; all of it when the address is empty.
func (s *Server) Mail(to string) []memory.Sent { return s.directory.SentTo(to) }

// Reset forgets the tenant and everything that was done to it, and the counters.
func (s *Server) Reset() {
	s.mu.Lock()
	s.state = newState()
	s.mu.Unlock()
	s.directory.Reset()
	s.counters.reset()
	for _, r := range s.routes {
		r.calls.Store(0)
		r.refusals.Store(0)
	}
}

// image is a snapshot.
type image struct {
	Directory json.RawMessage `json:"directory"`
	State     state           `json:"state"`
}

// Snapshot writes everything as JSON.
func (s *Server) Snapshot(w io.Writer) error {
	var directory strings.Builder
	if err := s.directory.Snapshot(&directory); err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := json.NewEncoder(w).Encode(image{Directory: json.RawMessage(directory.String()), State: s.state}); err != nil {
		return fmt.Errorf("graph: write the snapshot: %w", err)
	}
	return nil
}

// Restore replaces everything by a snapshot.
func (s *Server) Restore(r io.Reader) error {
	saved := image{State: newState()}
	if err := json.NewDecoder(r).Decode(&saved); err != nil {
		return fmt.Errorf("graph: read the snapshot: %w", err)
	}
	if err := s.directory.Load(strings.NewReader(string(saved.Directory))); err != nil {
		return fmt.Errorf("graph: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = saved.State
	return nil
}

// Stats counts what the emulator was asked. A request that a fault struck counts in Requests and Faults, and in Calls only if it was done.
type Stats struct {
	Requests uint64            `json:"requests"`
	Errors   uint64            `json:"errors"` // answers of 400 and above, without faults
	Faults   uint64            `json:"faults"`
	Calls    map[string]uint64 `json:"calls"`    // by route, such as "POST /groups/{id}/members/$ref"; what was never called is left out
	Refusals map[string]uint64 `json:"refusals"` // those of Calls that were answered with 400 and above
}

type counters struct {
	requests, errors, faults atomic.Uint64
}

func (c *counters) reset() {
	c.requests.Store(0)
	c.errors.Store(0)
	c.faults.Store(0)
}

// Stats returns the counters since the start or Reset.
func (s *Server) Stats() Stats {
	stats := Stats{Requests: s.counters.requests.Load(), Errors: s.counters.errors.Load(), Faults: s.counters.faults.Load(), Calls: map[string]uint64{}, Refusals: map[string]uint64{}}
	for _, r := range s.routes {
		if calls := r.calls.Load(); calls > 0 {
			stats.Calls[r.method+" "+r.path] += calls
		}
		if refusals := r.refusals.Load(); refusals > 0 {
			stats.Refusals[r.method+" "+r.path] += refusals
		}
	}
	return stats
}

// ServeHTTP answers one request, or misbehaves as the standing faults say.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.counters.requests.Add(1)
	kind := s.faults.Strike(fault.Graph)
	if kind != "" {
		s.counters.faults.Add(1)
	}
	switch kind {
	case fault.Throttle:
		s.write(w, r, refusal(&problem{status: http.StatusTooManyRequests, code: "TooManyRequests", message: "Too many requests.", retryAfter: s.retryAfter}))
		return
	case fault.Kill: // the handler's alone
	case fault.Error:
		s.write(w, r, refusal(&problem{status: http.StatusServiceUnavailable, code: "serviceNotAvailable", message: "The service is temporarily unavailable."}))
		return
	case fault.LostResponse:
		s.serve(r)
		panic(http.ErrAbortHandler) // net/http's way to break the connection
	case fault.Delay:
		timer := time.NewTimer(fault.DelayTime)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	answer := s.serve(r)
	if answer.status >= http.StatusBadRequest {
		s.counters.errors.Add(1)
	}
	s.write(w, r, answer)
}

// serve finds the route and calls it.
func (s *Server) serve(r *http.Request) reply {
	if strings.Contains(r.URL.Path, "('") || strings.Contains(r.URL.Path, "(appId=") {
		r = withKeySegments(r)
	}
	out := &capture{}
	s.mux.ServeHTTP(out, r)
	if out.reply.status == 0 { // the mux would redirect to a cleaner path
		return refusal(s.unknown(r))
	}
	return out.reply
}

// unknown tells a path that is not served from a method that it does not take.
func (s *Server) unknown(r *http.Request) *problem {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		if handler, _ := s.mux.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); handler != nil {
			if _, known := handler.(*route); known {
				return &problem{status: http.StatusMethodNotAllowed, code: "Request_BadRequest", message: "Specified HTTP method is not allowed for the request target."}
			}
		}
	}
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	return &problem{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf("Resource not found for the segment '%s'.", segments[len(segments)-1])}
}

// capture carries a route's reply past the mux. What the mux itself writes, a redirect, is dropped.
type capture struct {
	reply reply
}

// Header is there for the mux only.
func (*capture) Header() http.Header { return http.Header{} }

// Write is there for the mux only.
func (*capture) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader is there for the mux only.
func (*capture) WriteHeader(int) {}

// authorize says which permissions a request has; nil means every one.
func (s *Server) authorize(r *http.Request) (permissions []string, all bool, err *problem) {
	header := r.Header["Authorization"]
	if len(header) > 1 {
		return nil, false, unauthenticated("More than one Authorization header.")
	}
	if len(header) == 0 || header[0] == "" {
		if s.mustHave || !fromThisMachine(r) {
			return nil, false, unauthenticated("Access token is empty.")
		}
		return nil, true, nil
	}
	scheme, token, _ := strings.Cut(header[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, false, unauthenticated("Access token is empty.")
	}
	if s.validate == nil {
		return nil, true, nil
	}
	permissions, invalid := s.validate(token)
	if invalid != nil {
		return nil, false, unauthenticated("Access token validation failure.") // why is the token service's business: the cause could quote the token
	}
	return permissions, false, nil
}

// fromThisMachine says whether both ends of a request are on loopback, and that no proxy stands between.
func fromThisMachine(r *http.Request) bool {
	return r.TLS == nil && r.Header.Get("X-Forwarded-For") == "" && isLoopback(r.RemoteAddr) && isLoopback(r.Host)
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}
