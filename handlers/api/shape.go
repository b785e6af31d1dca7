package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/governance"
)

// shape is what $select and $expand make of a kind.
type shape struct {
	kind     *kind
	selected []string // empty: everything
	expanded map[string]*shape
}

// plain is a kind without options.
func plain(k *kind) *shape { return &shape{kind: k} }

// has says whether one of the navigation properties is asked for.
func (s *shape) has(properties ...string) bool {
	return slices.ContainsFunc(properties, func(property string) bool { return s.expanded[property] != nil })
}

// asObject is a resource as its members.
func asObject(value any) (map[string]any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	return object, json.Unmarshal(data, &object)
}

// cut is a resource as this shape shows it.
func (s *shape) cut(value any) (map[string]any, error) {
	resource, err := asObject(value)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.kind.set, err)
	}
	s.apply(resource)
	return resource, nil
}

func (s *shape) apply(resource map[string]any) {
	for _, name := range s.kind.internal {
		delete(resource, name)
	}
	for _, name := range s.kind.navigation {
		inner := s.expanded[name]
		if inner == nil {
			delete(resource, name)
			continue
		}
		switch value := resource[name].(type) {
		case map[string]any:
			inner.apply(value)
		case []any:
			for _, one := range value {
				if object, ok := one.(map[string]any); ok {
					inner.apply(object)
				}
			}
		case nil:
			if isCollection(name) { // clients iterate over what they expanded
				resource[name] = []any{}
			}
		}
	}
	for _, only := range [][]string{s.kind.shown, s.selected} {
		for name := range resource {
			if len(only) > 0 && !slices.Contains(only, name) && s.expanded[name] == nil && !strings.HasPrefix(name, "@odata.") {
				delete(resource, name)
			}
		}
	}
}

func isCollection(name string) bool {
	return strings.HasSuffix(name, "s") || strings.HasSuffix(name, "ies")
}

// maxExpandDepth bounds nested $expand.
const maxExpandDepth = 4

// parseExpand reads $expand, such as "role,scope" or "resourceRoleScopes($expand=role,scope)". Errors: CodeInvalid naming the property.
func parseExpand(text string, s *shape, depth int) error {
	if depth > maxExpandDepth {
		return governance.Invalid("$expand", "$expand is nested deeper than %d levels.", maxExpandDepth)
	}
	parts, err := splitTop(text, ',')
	if err != nil {
		return err
	}
	for _, part := range parts {
		meant, options, nested := strings.Cut(strings.TrimSpace(part), "(")
		meant = strings.TrimSpace(meant)
		name, ok := known(sortedKeys(s.kind.expandable), meant)
		switch {
		case !ok:
			return governance.Invalid("$expand", "%q cannot be expanded here; there are %s.", shorten(meant), listed(sortedKeys(s.kind.expandable)))
		case s.has(name):
			return governance.Invalid("$expand", "%s is given twice in $expand.", name)
		case nested && !strings.HasSuffix(options, ")"):
			return governance.Invalid("$expand", "A parenthesis of $expand is not closed.")
		}
		inner := plain(s.kind.expandable[name])
		if nested {
			if err := inner.nest(strings.TrimSuffix(options, ")"), depth+1); err != nil {
				return err
			}
		}
		if s.expanded == nil {
			s.expanded = map[string]*shape{}
		}
		s.expanded[name] = inner
	}
	return nil
}

// nest reads the options in the parentheses of $expand.
func (s *shape) nest(text string, depth int) error {
	settings, err := splitTop(text, ';')
	if err != nil {
		return err
	}
	given := map[string]string{}
	for _, setting := range settings {
		key, value, _ := strings.Cut(strings.TrimSpace(setting), "=")
		name, ok := known(readOptions, "$"+strings.TrimPrefix(key, "$"))
		if !ok {
			return governance.Invalid("$expand", "%q is not supported inside $expand; there are %s.", shorten(key), listed(readOptions))
		}
		if _, twice := given[name]; twice {
			return governance.Invalid("$expand", "%s is given twice inside $expand.", name)
		}
		given[name] = value
	}
	if value, ok := given["$expand"]; ok {
		err = parseExpand(value, s, depth)
	}
	if value, ok := given["$select"]; ok && err == nil {
		err = s.choose(value)
	}
	return err
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
