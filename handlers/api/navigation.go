package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// derived are the verbs that follow from a route, so that no descriptor has them: $count of a list, one of what a list inside another resource
// has, and what $expand could show of a resource, at paths of their own.
func (r *route) derived() []verb {
	var verbs []verb
	add := func(v verb, of *kind) {
		v.kind = of
		verbs = append(verbs, v)
	}
	if r.page != nil {
		add(counting(r.path+"/$count", r.page), r.kind)
		last := r.segments[len(r.segments)-1]
		if slices.ContainsFunc(r.segments, isKey) && !isKey(last) && slices.Contains(r.kind.members(), "id") {
			add(reading(r.path+"/{"+last+"}", inPages(r.page, r.kind, strings.Count(r.path, "{"))), r.kind)
		}
	}
	if r.one == nil {
		return verbs
	}
	for _, name := range sortedKeys(r.kind.expandable) {
		if strings.HasPrefix(name, "@") { // an annotation is at no path
			continue
		}
		path, inner := r.path+"/"+name, *r.kind.expandable[name]
		if !isCollection(name) {
			add(reading(path, func(c *call) (ledger.Versioned[any], error) {
				found, err := r.navigated(c, name)
				return ledger.Versioned[any]{Value: found}, err
			}), &inner)
			continue
		}
		inner.fields = nil // what is read of another resource is not asked for by what it is
		add(listing(path, func(c *call, o ledger.ListOptions) (ledger.Page[any], error) {
			found, err := r.navigated(c, name)
			var items []any
			if err == nil && json.Unmarshal(found, &items) != nil {
				err = fmt.Errorf("%s is no list", path)
			}
			if err != nil {
				return ledger.Page[any]{}, err
			}
			return few(items, o)
		}), &inner)
	}
	return verbs
}

func isKey(segment string) bool { return strings.HasPrefix(segment, "{") }

// navigated is what a navigation property of the route's resource holds, as it is read when that is expanded.
func (r *route) navigated(c *call, name string) (json.RawMessage, error) {
	asked := c.shape
	defer func() { c.shape = asked }()
	c.shape = &shape{kind: r.kind, expanded: map[string]*shape{name: asked}}
	found, err := r.one(c)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := copied(found.Value, &members); err != nil {
		return nil, err
	}
	switch held := members[name]; {
	case held != nil && string(held) != "null":
		return held, nil
	case isCollection(name):
		return json.RawMessage("[]"), nil
	}
	return nil, governance.NotFound("There is no %s here.", name)
}

// counting answers with how many a list has.
func counting(path string, page using[ledger.ListOptions, ledger.Page[any]]) verb {
	return verb{method: http.MethodGet, path: path, options: []string{"$filter"}, run: func(c *call) (response, error) {
		count, err := c.reads(page).counted(0, "")
		return response{status: http.StatusOK, encoded: strconv.AppendInt(nil, int64(count), 10), plain: true}, err
	}}
}

// inPages reads the one of a list whose id is the last of a path; where the list can be asked for it by its id, it is.
func inPages(page using[ledger.ListOptions, ledger.Page[any]], of *kind, at int) reader {
	return func(c *call) (found ledger.Versioned[any], err error) {
		id := c.ids[at]
		if of.fields["id"].kind == idField {
			c.filter = ledger.Compare{Path: []string{"id"}, Comparison: ledger.Equal, Value: governance.Fold(id)}
		}
		err = c.reads(page).each("", maxEmptyPages, func(items []ledger.Versioned[any]) (bool, error) {
			for _, item := range items {
				var is struct{ ID string }
				if err := copied(item.Value, &is); err != nil {
					return false, err
				}
				if strings.EqualFold(is.ID, id) {
					found = item
					return false, nil
				}
			}
			return true, nil
		})
		if err == nil && found.Value == nil {
			err = governance.NotFound("There is no %q among these %s.", shorten(id), of.set)
		}
		return found, err
	}
}
