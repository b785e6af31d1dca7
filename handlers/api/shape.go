package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"latchkey/shared/governance"
)

// shape is what $select and $expand make of a kind.
type shape struct {
	kind     *kind
	selected []string // empty: everything
	expanded map[string]*shape
	depth    int // how many $expand it is inside
}

// plain is a kind without options.
func plain(k *kind) *shape { return &shape{kind: k} }

// has says whether one of the navigation properties is asked for.
func (s *shape) has(properties ...string) bool {
	return slices.ContainsFunc(properties, func(property string) bool { return s.expanded[property] != nil })
}

// cut is a resource as this shape shows it: its members, most of them in JSON.
func (s *shape) cut(value any, etag string) (map[string]any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.kind.set, err)
	}
	resource, ok := s.apply(data).(map[string]any)
	if ok && etag != "" {
		resource["@odata.etag"] = quoted(etag)
	}
	return resource, nil
}

// apply cuts a resource in JSON, or each of a list of them.
func (s *shape) apply(data json.RawMessage) any {
	var list []json.RawMessage
	if data[0] == '[' && json.Unmarshal(data, &list) == nil {
		resources := make([]any, len(list))
		for i, one := range list {
			resources[i] = s.apply(one)
		}
		return resources
	}
	var members map[string]json.RawMessage
	if data[0] != '{' || json.Unmarshal(data, &members) != nil {
		return data
	}
	resource := make(map[string]any, len(members))
	for name, value := range members {
		if !slices.Contains(s.kind.internal, name) && !slices.Contains(s.kind.navigation, name) {
			resource[name] = value
		}
	}
	for name, inner := range s.expanded {
		if value := members[name]; isCollection(name) && (value == nil || string(value) == "null") { // clients iterate over what they expanded
			resource[name] = []any{}
		} else if value != nil {
			resource[name] = inner.apply(value)
		}
	}
	for _, only := range [][]string{s.kind.shown, s.selected} {
		for name := range resource {
			if len(only) > 0 && !slices.Contains(only, name) && s.expanded[name] == nil && !strings.HasPrefix(name, "@odata.") {
				delete(resource, name)
			}
		}
	}
	return resource
}

func isCollection(name string) bool {
	return strings.HasSuffix(name, "s") || strings.HasSuffix(name, "ies")
}

// maxExpandDepth bounds nested $expand.
const maxExpandDepth = 4

// expand reads $expand, such as "role,scope" or "resourceRoleScopes($expand=role,scope)". Errors: CodeInvalid naming the property.
func (s *shape) expand(text string) error {
	parts, err := splitTop(text, ',')
	if err != nil {
		return err
	}
	s.expanded = map[string]*shape{}
	for _, part := range parts {
		meant, nested, _ := strings.Cut(strings.TrimSpace(part), "(")
		meant = strings.TrimSpace(meant)
		name, ok := known(sortedKeys(s.kind.expandable), meant)
		inner := &shape{kind: s.kind.expandable[name], depth: s.depth + 1}
		switch {
		case !ok:
			return governance.Invalid("$expand", "%q cannot be expanded here; there are %s.", shorten(meant), listed(sortedKeys(s.kind.expandable)))
		case s.has(name):
			return governance.Invalid("$expand", "%s is given twice in $expand.", name)
		case inner.depth > maxExpandDepth:
			return governance.Invalid("$expand", "$expand is nested deeper than %d levels.", maxExpandDepth)
		case nested != "":
			err = inner.nest(name, nested)
		}
		if err != nil {
			return err
		}
		s.expanded[name] = inner
	}
	return nil
}

// nest reads the options in the parentheses after a name in $expand.
func (s *shape) nest(name, text string) error {
	inside, closed := strings.CutSuffix(text, ")")
	settings, err := splitTop(inside, ';')
	if err != nil || !closed {
		return governance.Invalid("$expand", "The parentheses of $expand do not match.")
	}
	given := url.Values{}
	for _, setting := range settings {
		name, value, _ := strings.Cut(strings.TrimSpace(setting), "=")
		given.Add(name, value)
	}
	o := options{shape: s, query: url.Values{}}
	return governance.Within("$expand/"+name, o.read(given, readOptions))
}

// splitTop splits at separators that are in no parenthesis.
func splitTop(text string, separator byte) ([]string, error) {
	var parts []string
	depth, begin := 0, 0
	for i := range len(text) {
		switch text[i] {
		case '(':
			depth++
		case ')':
			depth--
		case separator:
			if depth == 0 {
				parts = append(parts, text[begin:i])
				begin = i + 1
			}
		}
		if depth < 0 || depth > 2*maxExpandDepth {
			return nil, governance.Invalid("$expand", "The parentheses of $expand do not match.")
		}
	}
	if depth != 0 {
		return nil, governance.Invalid("$expand", "A parenthesis of $expand is not closed.")
	}
	return append(parts, text[begin:]), nil
}

// maxSelected bounds $select.
const maxSelected = 50

// choose reads $select. Errors: CodeInvalid naming what is not there, and what is.
func (s *shape) choose(text string) error {
	names, everything, members := []string{"id"}, false, s.kind.members()
	for _, meant := range strings.Split(text, ",") {
		meant = strings.TrimSpace(meant)
		name, ok := known(members, meant)
		property, expandable := known(sortedKeys(s.kind.expandable), meant)
		switch {
		case ok:
			names = append(names, name)
		case meant == "*":
			everything = true
		case expandable && !s.has(property):
			return governance.Invalid("$select", "%s is shown by $expand=%s, not by $select.", property, property)
		case !expandable:
			return governance.Invalid("$select", "There is no property %q here; there are %s.", shorten(meant), listed(members))
		}
	}
	if len(names) > maxSelected {
		return governance.Invalid("$select", "$select takes at most %d names.", maxSelected)
	}
	if !everything {
		s.selected = names
	}
	return nil
}

func shorten(text string) string {
	const most = 60
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
