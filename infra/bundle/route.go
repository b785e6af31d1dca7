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
	constraint string   // empty: takes any text
	choices    []string // what the constraint enumerates, when it does; in lower case
}

var (
	parameterName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	enumeration   = regexp.MustCompile(`^regex\(\^\(([A-Za-z0-9_|.-]+)\)\$\)$`)
)

// parseRoute reads a route template of ASP.NET: literals, {parameter}, {parameter?}, {parameter:constraint} and {*catchAll}.
func parseRoute(route string) ([]segment, error) {
	if route == "" {
		return nil, fmt.Errorf("is empty")
	}
	if strings.HasPrefix(route, "/") || strings.HasPrefix(route, "~") {
		return nil, fmt.Errorf("begins with %q, which the host refuses", route[:1])
	}
	if strings.ContainsAny(route, "?#") && !strings.Contains(route, "?}") {
		return nil, fmt.Errorf("holds a query or a fragment")
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
			if match := enumeration.FindStringSubmatch(s.constraint); match != nil {
				s.choices = strings.Split(strings.ToLower(match[1]), "|")
			}
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

// rank orders segments as ASP.NET does: the lower one is tried first.
func (s segment) rank() int {
	switch {
	case !s.parameter:
		return 0
	case s.catchAll && s.constraint != "":
		return 3
	case s.catchAll:
		return 4
	case s.constraint != "":
		return 1
	default:
		return 2
	}
}

// meets says whether some text fits both segments. When it cannot tell, it says yes.
func (s segment) meets(other segment) bool {
	switch {
	case !s.parameter && !other.parameter:
		return s.literal == other.literal
	case !s.parameter:
		return other.choices == nil || slices.Contains(other.choices, s.literal)
	case !other.parameter:
		return other.meets(s)
	case s.choices != nil && other.choices != nil:
		return slices.ContainsFunc(s.choices, func(choice string) bool { return slices.Contains(other.choices, choice) })
	default:
		return true
	}
}

// within says whether every text that fits s fits other too. When it cannot tell, it says no.
func (s segment) within(other segment) bool {
	switch {
	case other.parameter && other.constraint == "":
		return true
	case !s.parameter && !other.parameter:
		return s.literal == other.literal
	case !s.parameter:
		return slices.Contains(other.choices, s.literal)
	case s.choices != nil && other.choices != nil:
		return !slices.ContainsFunc(s.choices, func(choice string) bool { return !slices.Contains(other.choices, choice) })
	default:
		return other.parameter && s.constraint == other.constraint
	}
}

// clash says what is wrong between two routes that share a method: the same paths, or some paths of one taken by the other although neither is the
// special case of the other. A special case, such as a literal beside a catch-all, is fine: the host tries it first. Empty: nothing.
func clash(a, b []segment) string {
	meet, aInB, bInA, order := true, true, true, 0
	i := 0
	for ; i < len(a) && i < len(b); i++ {
		if !a[i].meets(b[i]) {
			meet = false
			break
		}
		aInB, bInA = aInB && a[i].within(b[i]), bInA && b[i].within(a[i])
		if order == 0 {
			order = a[i].rank() - b[i].rank()
		}
		if a[i].catchAll || b[i].catchAll {
			i++
			break
		}
	}
	if !meet {
		return ""
	}
	// What is left of the longer route decides whether a path of one length fits both.
	restA, restB := a[min(i, len(a)):], b[min(i, len(b)):]
	ended := i > 0 && (a[i-1].catchAll || b[i-1].catchAll)
	switch {
	case ended:
		aInB, bInA = aInB && b[i-1].catchAll, bInA && a[i-1].catchAll
	case len(restA) > 0:
		if !skippable(restA) {
			return ""
		}
		aInB = false
	case len(restB) > 0:
		if !skippable(restB) {
			return ""
		}
		bInA = false
	}
	switch {
	case aInB && bInA:
		return "takes the same paths as"
	case aInB && order < 0, bInA && order > 0:
		return ""
	case aInB || bInA:
		if order == 0 && len(a) != len(b) {
			return "" // the shorter one beside an optional or a catch-all: the host tries the one without parameters first
		}
		return "is shadowed by, or shadows,"
	default:
		return "shares some paths with"
	}
}

// skippable says whether a path may end before these segments.
func skippable(rest []segment) bool {
	return rest[0].optional || rest[0].catchAll
}
