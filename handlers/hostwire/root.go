package hostwire

import (
	"maps"
	"net/http"
	"strings"
)

// RoutePrefix is the path under which everything from outside arrives; host.json says the same (extensions.http.routePrefix).
const RoutePrefix = "/api/"

// Root is all that the host sees of a handler: GET / for its readiness probe, /<FunctionName> for invocations, and what it proxies under RoutePrefix. A host that does not proxy
// posts requests in the envelope to the paths of the functions over HTTP, which are all that functions does not name.
// Everything else is 404. Paths are taken literally, without the cleaning and redirecting of http.ServeMux: the host follows redirects, and a path from outside must not
// become a function's by being cleaned.
type Root struct {
	api       http.Handler
	functions map[string]http.Handler
}

// NewRoot serves api under RoutePrefix, and functions by their names, exactly as their folders are spelt.
func NewRoot(api http.Handler, functions map[string]http.Handler) *Root {
	return &Root{api: api, functions: maps.Clone(functions)}
}

// ServeHTTP implements http.Handler.
func (root *Root) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path+"/", RoutePrefix):
		root.api.ServeHTTP(w, r)
	case path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		writeJSON(w, http.StatusOK, emptyResult)
	default:
		name := strings.TrimPrefix(path, "/")
		function, ok := root.functions[name]
		if !ok && name != "" && !strings.Contains(name, "/") {
			function, ok = unproxied{root.api}, true
		}
		if !ok {
			WriteFailure(w, http.StatusNotFound, "notFound", "No function has this path.")
			return
		}
		function.ServeHTTP(w, r)
	}
}
