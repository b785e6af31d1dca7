package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// segment is one part of a route between slashes.
type segment struct {
	literal    string // in lower case: the host compares without case
	parameter  bool
	catchAll   bool
	optional   bool
	constraint string                 // empty: takes any text
	fits       func(text string) bool // what a regex constraint takes; nil if there is none, or one that is not understood
	words      []string               // texts that stand in the constraint: what it is likely to take or to refuse
}

var (
	parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	exclusion     = regexp.MustCompile(`^\^\(\?!([^()]*)\)\.\*\$$`)
	word          = regexp.MustCompile(`[A-Za-z0-9_-]+`)
)

// constrain understands regex(…), which the host matches without case. Go has no lookahead; of those, "anything but these beginnings" is understood.
func (s *segment) constrain() error {
	pattern, isRegex := strings.CutPrefix(s.constraint, "regex(")
	pattern, closed := strings.CutSuffix(pattern, ")")
	if !isRegex || !closed {
		return nil
	}
	s.words = word.FindAllString(strings.ToLower(pattern), -1)
	negated := false
	if match := exclusion.FindStringSubmatch(pattern); match != nil {
		pattern, negated = "^(?:"+match[1]+")", true
	} else if strings.Contains(pattern, "(?") {
		return nil
	}
	compiled, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return fmt.Errorf("has a constraint that is no regular expression: %s", s.constraint)
	}
	s.fits = func(text string) bool { return compiled.MatchString(text) != negated }
	return nil
}

// parseRoute reads a route template of ASP.NET: literals, {parameter}, {parameter?}, {parameter:constraint} and {*catchAll}.
func parseRoute(route string) ([]segment, error) {
	if route == "" {
		return nil, fmt.Errorf("is empty")
	}
	if strings.HasPrefix(route, "/") || strings.HasPrefix(route, "~") {
		return nil, fmt.Errorf("begins with %q, which the host refuses", route[:1])
	}
	var segments []segment
	names := map[string]bool{}
	for part := range strings.SplitSeq(route, "/") {
		s := segment{}
		switch {
		case part == "":
			return nil, fmt.Errorf("has an empty segment")
		case strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}"):
			s.parameter = true
			name := part[1 : len(part)-1]
			if trimmed := strings.TrimLeft(name, "*"); trimmed != name {
				s.catchAll, name = true, trimmed
			}
			name, s.constraint, _ = strings.Cut(name, ":")
			if trimmed, found := strings.CutSuffix(name, "?"); found {
				s.optional, name = true, trimmed
			}
			if trimmed, found := strings.CutSuffix(s.constraint, "?"); found {
				s.optional, s.constraint = true, trimmed
			}
			if !parameterName.MatchString(name) {
				return nil, fmt.Errorf("has a parameter without a proper name: %s", part)
			}
			if names[strings.ToLower(name)] {
				return nil, fmt.Errorf("names the parameter %q twice", name)
			}
			names[strings.ToLower(name)] = true
			if err := s.constrain(); err != nil {
				return nil, err
			}
		case strings.ContainsAny(part, "?#"):
			return nil, fmt.Errorf("holds a query or a fragment")
		case strings.ContainsAny(part, "{}"):
			return nil, fmt.Errorf("mixes text and parameters in %q, which not every host resolves alike", part)
		default:
			s.literal = strings.ToLower(part)
		}
		if len(segments) > 0 && segments[len(segments)-1].catchAll {
			return nil, fmt.Errorf("goes on after a catch-all")
		}
		segments = append(segments, s)
	}
	return segments, nil
}

// meets says whether some text fits both segments. Two constraints meet if one of the words in them, or one that begins with it, fits both: of what cannot
// be told from their words, nothing is said.
func (s segment) meets(other segment) bool {
	switch {
	case !s.parameter && !other.parameter:
		return s.literal == other.literal
	case !s.parameter:
		return other.fits == nil || other.fits(s.literal)
	case !other.parameter:
		return other.meets(s)
	case s.fits == nil || other.fits == nil:
		return true
	default:
		both := func(text string) bool { return s.fits(text) && other.fits(text) }
		return slices.ContainsFunc(slices.Concat(s.words, other.words), func(w string) bool { return both(w) || both(w+"0") })
	}
}

// clash says whether some path fits both routes. None may: the host (WebJobsRouter) tries its functions by name and knows no precedence, so that a catch-all takes
// what a literal after it is for.
func clash(a, b []segment) bool {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i].catchAll || b[i].catchAll:
			return true
		case !a[i].meets(b[i]):
			return false
		}
	}
	rest := slices.Concat(a[min(len(a), len(b)):], b[min(len(a), len(b)):]) // of the longer one
	return len(rest) == 0 || rest[0].optional || rest[0].catchAll
}
