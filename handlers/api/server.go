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

	"latchkey/shared/app"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// Validator makes a caller of a bearer token.
type Validator interface {
	Validate(ctx context.Context, token string) (governance.Caller, error)
}

// Options are what a Server is made of. All are needed but PublicURL and Clock.
type Options struct {
	App       *app.App
	Identity  Validator
	TokenFrom func(http.Header) (string, error) // takes the bearer token out of a request's headers
	Logger    *slog.Logger
	PublicURL string // what links to the next page begin with; empty: what the request says it was sent to
	Clock     platform.Clock
}

// Server is the API as an http.Handler. It serves paths that begin with Prefix.
type Server struct {
	app       *app.App
	identity  Validator
	tokenFrom func(http.Header) (string, error)
	log       *slog.Logger
	publicURL string
	clock     platform.Clock
	mux       *http.ServeMux
	patterns  []string
	health    healthCache
}

// Prefix is where the API is, below the address of the Functions app.
const Prefix = "/api/v1.0/"

// root is where entitlement management is below Prefix.
const root = "/identityGovernance/entitlementManagement"

// deadline bounds one request; the platform's front end gives up after 230 seconds.
const deadline = 60 * time.Second

// New makes a Server.
func New(o Options) *Server {
	s := &Server{app: o.App, identity: o.Identity, tokenFrom: o.TokenFrom, log: o.Logger, publicURL: strings.TrimRight(o.PublicURL, "/"), clock: o.Clock, mux: http.NewServeMux()}
	if s.clock == nil {
		s.clock = platform.SystemClock{}
	}
	for _, register := range []func(*Server){routeCatalogs, routePackages, routePolicies, routeResources, routeRequests, routeAssignments, routeApprovals, routeOperations, routeActions} {
		register(s)
	}
	return s
}

// endpoint answers one route: with a response or an error.
type endpoint func(*call) (response, error)

// handle registers a route of entitlement management; every one of them needs a caller.
func (s *Server) handle(pattern string, e endpoint) {
	method, path, _ := strings.Cut(pattern, " ")
	s.route(method, root+path, e)
}

// route registers a route below Prefix that needs a caller.
func (s *Server) route(method, path string, e endpoint) {
	s.open(method, path, func(c *call) (response, error) {
		if err := c.authenticate(); err != nil {
			return response{}, err
		}
		if method == http.MethodPost {
			return c.once(e)
		}
		return e(c)
	})
}

// open registers a route below Prefix that anybody may call.
func (s *Server) open(method, path string, e endpoint) {
	operation := method + " " + path
	s.patterns = append(s.patterns, operation)
	s.mux.HandleFunc(operation, func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Context().Value(callKey{}).(*call)
		c.r = r
		platform.NameOperation(r.Context(), operation)
		answer, err := e(c)
		if err != nil {
			c.fail(err)
			return
		}
		c.write(answer)
	})
}

// Routes lists the method and path of every route, below Prefix.
func (s *Server) Routes() []string { return append([]string{}, s.patterns...) }

type callKey struct{}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	c := &call{server: s, w: w, requestID: platform.RandomIDs(), clientRequestID: clientRequestID(r.Header), original: r.URL}
	defer func() {
		if value := recover(); value != nil {
			s.log.ErrorContext(ctx, "a request panicked", "alert", true, "requestId", c.requestID, "panic", value, "stack", string(debug.Stack()))
			c.fail(&governance.Error{Code: governance.CodeInternal, Message: "The service failed; the request id leads to the log."})
		}
	}()
	below, ok := strings.CutPrefix(r.URL.Path, strings.TrimSuffix(Prefix, "/"))
	if !ok || len(below) > maxPath {
		c.r = r
		c.fail(governance.NotFound("There is nothing at this path; the API begins with %s.", Prefix))
		return
	}
	inner := r.Clone(context.WithValue(ctx, callKey{}, c))
	inner.URL.Path, inner.URL.RawPath = canonical(below), ""
	c.r = inner
	if !plainPath(inner.URL.Path) { // the mux would redirect it to another path, without the prefix
		c.fail(governance.NotFound("There is no resource at this path."))
		return
	}
	if _, pattern := s.mux.Handler(inner); pattern == "" {
		c.fail(s.noRoute(c, inner))
		return
	}
	s.mux.ServeHTTP(w, inner)
}

const maxPath = 1024

var (
	functionCall = regexp.MustCompile(`/(?:microsoft\.graph\.)?(filterByCurrentUser)\(on='([A-Za-z]*)'\)`)
	keyInParens  = regexp.MustCompile(`/([A-Za-z]+)\('?([0-9A-Fa-f-]{36})'?\)`)
)

// canonical writes OData's spellings of a path as plain segments: catalogs('id') as catalogs/id, and assignments/filterByCurrentUser(on='target') as
// assignments.filterByCurrentUser/target, which no id can be mistaken for.
func canonical(path string) string {
	path = strings.TrimRight(path, "/")
	if strings.Contains(path, "(") {
		path = functionCall.ReplaceAllString(path, ".$1/$2")
		path = keyInParens.ReplaceAllString(path, "/$1/$2")
	}
	return path
}

// plainPath says whether a path has neither empty segments nor dots for segments.
func plainPath(p string) bool { return path.Clean(p) == p }

// noRoute tells a wrong method from a wrong path, and says which methods there are.
func (s *Server) noRoute(c *call, r *http.Request) error {
	var methods []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := s.mux.Handler(other); pattern != "" {
			methods = append(methods, method)
		}
	}
	if len(methods) == 0 {
		return governance.NotFound("There is no resource at this path.")
	}
	allowed := strings.Join(methods, ", ")
	c.w.Header().Set("Allow", allowed)
	return &governance.Error{Code: codeMethod, Message: r.Method + " is not supported here; use " + allowed + "."}
}
