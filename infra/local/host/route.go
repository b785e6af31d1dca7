package host

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// route is an ASP.NET route template in the subset that Latchkey uses: literals, {name}, {name:regex(...)} and a closing {*name}. Literals and constraints
// compare without regard to case.
type route struct {
	segments []segment
	catchAll bool
	methods  []string // upper case; empty: all
}

type segment struct {
	literal    string         // compared when it is not empty
	constraint *regexp.Regexp // nil: none
	negated    bool
}

var parameter = regexp.MustCompile(`^\{(\*{0,2})([A-Za-z_][A-Za-z0-9_]*)(?::regex\((.*)\))?\}$`)

// exclusion is the one use of lookahead that Go's regular expressions can stand in for: nothing that begins with one of these.
var exclusion = regexp.MustCompile(`^\^\(\?!([^()]*)\)\.\*\$$`)

func parseRoute(template string, methods []string) (route, error) {
	var r route
	if strings.HasPrefix(template, "/") {
		return r, fmt.Errorf("route %q begins with a slash", template)
	}
	for _, m := range methods {
		r.methods = append(r.methods, strings.ToUpper(m))
	}
	for part := range strings.SplitSeq(template, "/") {
		if r.catchAll {
			return r, fmt.Errorf("route %q goes on after its catch-all", template)
		}
		if !strings.ContainsAny(part, "{}") && part != "" {
			r.segments = append(r.segments, segment{literal: part})
			continue
		}
		m := parameter.FindStringSubmatch(part)
		if m == nil || m[1] != "" && m[3] != "" {
			return r, fmt.Errorf("route %q: %q is not served by the local host", template, part)
		}
		if m[1] != "" {
			r.catchAll = true
			continue
		}
		var s segment
		if pattern := m[3]; pattern != "" {
			if x := exclusion.FindStringSubmatch(pattern); x != nil {
				pattern, s.negated = "^(?:"+x[1]+")", true
			}
			re, err := regexp.Compile("(?is)" + pattern)
			if err != nil {
				return r, fmt.Errorf("route %q: %w", template, err)
			}
			s.constraint = re
		}
		r.segments = append(r.segments, s)
	}
	return r, nil
}

// matches says whether the route takes a method and the segments of a path below the prefix.
func (r route) matches(method string, path []string) bool {
	if len(r.methods) > 0 && !slices.Contains(r.methods, method) {
		return false
	}
	if len(path) < len(r.segments) || len(path) > len(r.segments) && !r.catchAll {
		return false
	}
	for i, s := range r.segments {
		switch {
		case path[i] == "":
			return false
		case s.literal != "":
			if !strings.EqualFold(s.literal, path[i]) {
				return false
			}
		case s.constraint != nil && s.constraint.MatchString(path[i]) == s.negated:
			return false
		}
	}
	return true
}

// maxSegments bounds what is split; the API's longest path has about ten.
const maxSegments = 64

// pathBelow splits the path of a request below the prefix into decoded segments. It has none if the path is not below it, or holds a segment . or .., which a server
// in between might resolve to another path than was routed.
func pathBelow(r *http.Request, prefix string) ([]string, bool) {
	path := r.URL.EscapedPath()
	if len(path) == len(prefix)+1 {
		path += "/"
	}
	if len(path) < len(prefix)+2 || path[0] != '/' || path[len(prefix)+1] != '/' || !strings.EqualFold(path[1:len(prefix)+1], prefix) {
		return nil, false
	}
	path = strings.TrimSuffix(path[len(prefix)+2:], "/")
	if strings.Count(path, "/") >= maxSegments {
		return nil, false
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.Contains(s, "%") {
			decoded, err := url.PathUnescape(s)
			if err != nil {
				return nil, false
			}
			segments[i] = decoded
		}
		if segments[i] == "." || segments[i] == ".." {
			return nil, false
		}
	}
	return segments, true
}
