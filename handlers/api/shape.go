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

// resource is one as its members, each in JSON.
type resource = map[string]json.RawMessage

// cut is a resource as this shape shows it.
func (s *shape) cut(value any, etag string) (resource, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.kind.set, err)
	}
	shown, err := s.members(data)
	if err == nil && etag != "" {
		shown["@odata.etag"], err = json.Marshal(quoted(etag))
	}
	return shown, err
}

// apply cuts what is expanded, in JSON: a resource, or each of a list of them.
func (s *shape) apply(data json.RawMessage) (json.RawMessage, error) {
	switch {
	case len(data) > 0 && data[0] == '{':
		shown, err := s.members(data)
		if err != nil {
			return nil, err
		}
		return json.Marshal(shown)
	case len(data) > 0 && data[0] == '[':
		var list []json.RawMessage
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, err
		}
		for i, one := range list {
			var err error
			if list[i], err = s.apply(one); err != nil {
				return nil, err
			}
		}
		return json.Marshal(list)
	}
	return data, nil
}

// members are those of a resource in JSON that this shape shows.
func (s *shape) members(data []byte) (resource, error) {
	var of resource
	if err := json.Unmarshal(data, &of); err != nil {
		return nil, err
	}
	for _, name := range s.kind.internal {
		delete(of, name)
	}
	for _, name := range s.kind.navigation {
		if !s.has(name) {
			delete(of, name)
			continue
		}
		if value := of[name]; isCollection(name) && (len(value) == 0 || string(value) == "null") { // clients iterate over what they expanded
			of[name] = json.RawMessage("[]")
		} else if len(value) > 0 {
			var err error
			if of[name], err = s.expanded[name].apply(value); err != nil {
				return nil, err
			}
		}
	}
	for _, only := range [][]string{s.kind.shown, s.selected} {
		for name := range of {
			if len(only) > 0 && !slices.Contains(only, name) && s.expanded[name] == nil && !strings.HasPrefix(name, "@odata.") {
				delete(of, name)
			}
		}
	}
	return of, nil
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
			err = inner.nest(nested)
		}
		if err != nil {
			return err
		}
		s.expanded[name] = inner
	}
	return nil
}

// nest reads the options in the parentheses of $expand.
func (s *shape) nest(text string) error {
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
	return o.read(given, readOptions)
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
