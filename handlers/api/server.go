package api

import (
	"context"
	"log/slog"
	"net/http"
	"path"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// resources is everything that the API serves: a new one is a file with its descriptor, and a word here.
var resources = []*descriptor{
	catalogs, accessPackages, resourceRoleScopes, assignmentPolicies, catalogResources, resourceRoles, resourceScopes, resourceRequests,
	assignmentRequests, assignments, approvals, stages,
	health, audit, rules, recurrences, calloutActionKinds, calloutActions, callouts,
}

// Validator makes a caller of a bearer token.
type Validator interface {
	Validate(ctx context.Context, token string) (governance.Caller, error)
}

// Options are what a Server is made of. All are needed but PublicURL and Clock.
type Options struct {
	Use       UseCases
	Identity  Validator
	TokenFrom func(http.Header) (string, error) // takes the bearer token out of a request's headers
	Logger    *slog.Logger
	PublicURL string // what links to the next page begin with; empty: what the request says it was sent to
	Clock     platform.Clock
}

// Server is the API as an http.Handler. It serves paths that begin with Prefix.
type Server struct {
	use       UseCases
	identity  Validator
	tokenFrom func(http.Header) (string, error)
	log       *slog.Logger
	publicURL string
	clock     platform.Clock
	routes    []*route
	health    *healthCache
	refusals  refusals
	lists     *semaphore.Weighted // those that are being read
}

// Prefix is where the API is, below the address of the Functions app.
const Prefix = "/api/v1.0/"

// root is where entitlement management is below Prefix.
const root = "/identityGovernance/entitlementManagement"

// deadline bounds one request; the platform's front end gives up after 230 seconds.
const deadline = 60 * time.Second

// New makes a Server.
func New(o Options) *Server {
	s := &Server{use: o.Use, identity: o.Identity, tokenFrom: o.TokenFrom, log: o.Logger, publicURL: strings.TrimRight(o.PublicURL, "/"),
		clock: o.Clock, health: &healthCache{}, lists: semaphore.NewWeighted(maxLists)}
	if s.clock == nil {
		s.clock = platform.SystemClock{}
	}
	s.refusals.log, s.refusals.clock = s.log, s.clock
	s.register(resources)
	return s
}

// Routes lists the method and path of every route, below Prefix.
func (s *Server) Routes() []string {
	var all []string
	for _, one := range s.routes {
		all = append(all, one.method+" "+one.path)
	}
	return all
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.answer(w, r, deadline, s.serve) }

// answer gives every request what it needs: a deadline, an id, and an answer whatever happens.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, within time.Duration, serve endpoint) {
	ctx, cancel := context.WithTimeout(r.Context(), within)
	defer cancel()
	ends, _ := ctx.Deadline()
	_ = http.NewResponseController(w).SetReadDeadline(ends) // a body that comes slowly ends with it; what cannot be read so, such as a test's, has no connection to hold
	c := &call{server: s, w: w, r: r.WithContext(ctx), requestID: platform.RandomIDs(), clientRequestID: clientRequestID(r.Header), leave: func() {}}
	defer func() {
		if value := recover(); value != nil {
			s.log.ErrorContext(ctx, "a request panicked", "alert", true, "requestId", c.requestID, "panic", value, "stack", string(debug.Stack()))
			c.fail(&governance.Error{Code: governance.CodeInternal, Message: "The service failed; the request id leads to the log."})
		}
	}()
	defer func() { c.leave() }()
	answer, err := serve(c)
	if err == nil {
		err = c.write(answer)
	}
	if err != nil {
		c.fail(err)
	}
}

const maxPath = 1024

var (
	functionCall = regexp.MustCompile(`(?i)/(?:microsoft\.graph\.)?(filterByCurrentUser)\(on='([a-z,]*)'\)`)
	withoutOn    = regexp.MustCompile(`(?i)/(?:microsoft\.graph\.)?filterByCurrentUser(?:\(|$)`)
	keyInParens  = regexp.MustCompile(`/([A-Za-z]+)\('?([0-9A-Fa-f-]{36})'?\)`)
)

// canonical writes OData's spellings of a path as plain segments: catalogs('id') as catalogs/id, and
// assignments/filterByCurrentUser(on='target') as assignments.filterByCurrentUser/target, which no id can be mistaken for.
func canonical(path string) string {
	path = strings.TrimRight(path, "/")
	if strings.Contains(path, "(") {
		path = functionCall.ReplaceAllString(path, ".$1/$2")
		path = keyInParens.ReplaceAllString(path, "/$1/$2")
	}
	return path
}

// serve finds the route of a request and answers it. What has another method there is told which ones there are, once it is known who asks.
func (s *Server) serve(c *call) (response, error) {
	at := c.r.URL.Path
	if len(at) > maxPath || len(at) < len(Prefix) || !strings.EqualFold(at[:len(Prefix)], Prefix) {
		return response{}, absent(at)
	}
	c.path = canonical(at[len(Prefix)-1:])
	method := c.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if withoutOn.MatchString(c.path) {
		if err := c.authenticate(); err != nil {
			return response{}, err
		}
		return response{}, governance.Invalid("on", "filterByCurrentUser is called with one parameter, on, such as filterByCurrentUser(on='target').")
	}
	var methods []string
	instead, open := "", false
	segments := strings.Split(c.path, "/")
	for _, one := range s.routes {
		ids, ok := one.match(segments)
		if !ok || path.Clean(c.path) != c.path { // an id is neither empty nor dots
			continue
		}
		if one.method == method {
			c.ids, c.route = ids, one
			return c.do()
		}
		methods, instead, open = append(methods, one.method), one.of.instead, open || one.open
	}
	if len(methods) == 0 {
		return response{}, absent(at)
	}
	if !open {
		if err := c.authenticate(); err != nil {
			return response{}, err
		}
	}
	allowed := strings.Join(methods, ", ")
	c.w.Header().Set("Allow", allowed)
	if method != http.MethodDelete {
		instead = ""
	}
	return response{}, &governance.Error{Code: codeMethod, Message: c.r.Method + " is not supported here; use " + allowed + "." + instead}
}
