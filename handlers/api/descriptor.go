package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// kind is what a resource looks like from outside, wherever it occurs: which of its members are only shown when $expand asks, which never
// are, and what $filter and $orderby may name.
type kind struct {
	set        string           // the name of its entity set
	beta       string           // the same in Graph's beta; empty: as in v1.0
	of         reflect.Type     // what it is encoded from
	navigation []string         // navigation properties, which are shown only when they are expanded
	expandable map[string]*kind // those of them that can be expanded; set by expanding
	shown      []string         // all that is known of it here; nil: everything
	internal   []string         // members that are stored with it but are no part of it
	fields     map[string]field // what $filter may compare
}

// expanding is the kind where these of its navigation properties can be expanded, and no others: what is inside something else is there as
// far as it is stored with it or filled in, and no farther, and an $expand that would answer with nothing is refused.
func (k *kind) expanding(expandable map[string]*kind) *kind {
	expanded := *k
	expanded.expandable = expandable
	return &expanded
}

// showing is the kind where only these of its members are known.
func (k *kind) showing(names ...string) *kind {
	part := *k
	part.shown = names
	return &part
}

// members are what it shows without $expand, sorted.
func (k *kind) members() []string {
	if k.shown != nil {
		return k.shown
	}
	var names []string
	for _, one := range reflect.VisibleFields(k.of) {
		name, _, _ := strings.Cut(one.Tag.Get("json"), ",")
		if name != "" && !slices.Contains(k.internal, name) && !slices.Contains(k.navigation, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// known finds the one of some names that is meant by one in any letter case.
func known(names []string, meant string) (string, bool) {
	for _, name := range names {
		if strings.EqualFold(name, meant) {
			return name, true
		}
	}
	return "", false
}

// descriptor is all that the API knows of one resource: what it looks like, and what can be done with it. Everything else is done from it,
// once for all resources.
type descriptor struct {
	*kind
	body  *strict.Type // what a body may say of it
	verbs func(*Server) []verb

	instead string          // what to do where it cannot be deleted, a sentence
	unfit   governance.Code // Graph's code of a body that is none; empty: that of any request
}

// verb is one thing that can be done, at one path. The functions below make those there are.
type verb struct {
	method  string
	path    string                          // below root, but for what begins with /operations
	kind    *kind                           // what it answers with; nil: the descriptor's
	options []string                        // the system query options that it honours
	body    purpose                         // what the body is for; 0: that of the method
	takes   *strict.Type                    // what the body of an action may have; nil: nothing
	open    bool                            // anybody may, without a token
	version bool                            // it honours If-Match: the version of what its path names
	partOf  func(*call) governance.Document // it honours If-Match: the version of what holds what its path names; only its id counts
	unkept  bool                            // what it answers is kept nowhere, so it cannot be repeated under an Idempotency-Key
	reads   bool                            // it changes nothing, though it is a POST: there is nothing to repeat
	upsert  bool                            // a PUT without If-Match makes a new one
	run     endpoint

	one    reader                                      // of one resource: how it is read
	stands func(c *call, value any) (bool, error)      // of one that may be over while it is there: as ledger.Repeatable's Found; nil: it stands while it is there
	page   using[ledger.ListOptions, ledger.Page[any]] // of a list: how a page of it is
}

// endpoint answers a request: with a response or an error.
type endpoint func(*call) (response, error)

// using is a use case as the verbs below call it: with an id, a draft, or options of a list.
type using[A, R any] func(*call, A) (R, error)

// use is a use case that needs no more of the call than who calls.
func use[A, R any](do func(context.Context, governance.Caller, A) (R, error)) using[A, R] {
	return func(c *call, a A) (R, error) { return do(c.ctx(), c.caller, a) }
}

// unversioned is use for a use case whose answer has no ETag.
func unversioned[A, T any](do func(context.Context, governance.Caller, A) (T, error)) using[A, ledger.Versioned[T]] {
	return func(c *call, a A) (ledger.Versioned[T], error) {
		made, err := do(c.ctx(), c.caller, a)
		return ledger.Versioned[T]{Value: made}, err
	}
}

// reader reads the resource that the ids of a call name, with what its shape asks for.
type reader func(*call) (ledger.Versioned[any], error)

// anything is a resource of whatever type, so that the rest is the same code for all.
func anything[T any](found ledger.Versioned[T]) ledger.Versioned[any] {
	return ledger.Versioned[any]{Value: found.Value, ETag: found.ETag}
}

// read answers with one resource.
func read[T any](path string, get using[string, ledger.Versioned[T]]) verb {
	return reading(path, func(c *call) (ledger.Versioned[any], error) {
		found, err := get(c, c.ids[0])
		return anything(found), err
	})
}

func reading(path string, one reader) verb {
	return verb{method: http.MethodGet, path: path, options: readOptions, one: one, run: func(c *call) (response, error) {
		found, err := one(c)
		return response{status: http.StatusOK, value: found.Value, etag: found.ETag, shape: c.shape}, err
	}}
}

// create makes a resource of the body.
func create[T any](path string, do using[T, ledger.Versioned[T]]) verb {
	return verb{method: http.MethodPost, path: path, body: creating, run: func(c *call) (response, error) {
		draft, err := draftOf[T](c)
		if err != nil {
			return response{}, err
		}
		made, err := do(c, draft)
		return response{status: http.StatusCreated, value: made.Value, etag: made.ETag, shape: c.shape}, err
	}}
}

// change is PATCH, which merges the body into the resource, or PUT, which puts it in its place. The answer to PATCH is 204 with the new
// ETag, as Graph's, or 200 with the resource when the client asks for that.
func change[T, R any](method, path string, do using[edit[T], ledger.Versioned[R]]) verb {
	return verb{method: method, path: path, version: true, run: func(c *call) (response, error) {
		change, err := edits[T](c)
		if err != nil {
			return response{}, err
		}
		made, err := do(c, change)
		switch {
		case c.route.body == merging && !strings.EqualFold(c.preference("return"), "representation"):
			return response{status: http.StatusNoContent, etag: made.ETag}, err
		case c.route.upsert && change.ifMatch == "":
			return response{status: http.StatusCreated, value: made.Value, etag: made.ETag, shape: c.shape}, err
		}
		return response{status: http.StatusOK, value: made.Value, etag: made.ETag, shape: c.shape}, err
	}}
}

// editing is a use case as change calls it.
func editing[T, R any](do func(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*T) error) (ledger.Versioned[R], error)) using[edit[T], ledger.Versioned[R]] {
	return func(c *call, e edit[T]) (ledger.Versioned[R], error) {
		return do(c.ctx(), c.caller, c.ids[0], e.ifMatch, e.apply)
	}
}

// remove deletes a resource.
func remove(path string, do func(ctx context.Context, caller governance.Caller, id, ifMatch string) error) verb {
	return verb{method: http.MethodDelete, path: path, version: true, run: func(c *call) (response, error) {
		ifMatch, err := c.ifMatch()
		if err != nil {
			return response{}, err
		}
		return response{status: http.StatusNoContent}, do(c.ctx(), c.caller, c.ids[0], ifMatch)
	}}
}

// answering does what its path says, and answers with something that is no resource, or nothing.
func answering(method, path string, status int, do func(*call) (any, error)) verb {
	return verb{method: method, path: path, run: func(c *call) (response, error) {
		value, err := do(c)
		return response{status: status, value: value}, err
	}}
}

// parts are the list of what is few and inside another resource, and one of them.
func parts[T any](all, one, what string, id func(T) string, get func(*call) ([]T, error)) []verb {
	return []verb{
		list(all, func(c *call, o ledger.ListOptions) (ledger.Page[T], error) {
			items, err := get(c)
			if err != nil {
				return ledger.Page[T]{}, err
			}
			return few(items, o)
		}),
		reading(one, func(c *call) (ledger.Versioned[any], error) {
			items, err := get(c)
			i := slices.IndexFunc(items, func(item T) bool { return strings.EqualFold(id(item), c.ids[1]) })
			if err != nil || i < 0 {
				return ledger.Versioned[any]{}, cmp.Or(err, governance.NotFound("%s %q.", what, shorten(c.ids[1])))
			}
			return ledger.Versioned[any]{Value: items[i]}, nil
		}),
	}
}

// within says whose version a change of a part goes by.
func (v verb) within(partOf func(*call) governance.Document) verb {
	v.partOf = partOf
	return v
}

// ofPackage and ofRequest are the resources of which others are parts: those of the first id in the path.
func ofPackage(c *call) governance.Document {
	return governance.AccessPackage{ID: governance.Fold(c.ids[0])}
}
func ofRequest(c *call) governance.Document {
	return governance.AssignmentRequest{ID: governance.Fold(c.ids[0])}
}

// route is a verb of a resource, as requests find it.
type route struct {
	verb
	of       *descriptor
	at       int      // among the verbs of the resource
	segments []string // of its path, those of ids in braces
}

// register makes the routes of some resources, and of what follows from them.
func (s *Server) register(resources []*descriptor) {
	for _, of := range resources {
		for at, v := range of.verbs(s) {
			if !strings.HasPrefix(v.path, "/operations/") {
				v.path = root + v.path
			}
			v.kind, v.body = cmp.Or(v.kind, of.kind), cmp.Or(v.body, purposes[v.method])
			s.add(v, of, at)
		}
	}
	for i := 0; i < len(s.routes); i++ { // what is added is looked at, too
		for _, v := range s.routes[i].derived() {
			s.add(v, s.routes[i].of, s.routes[i].at)
		}
	}
}

// add makes a route of a verb, unless there is one.
func (s *Server) add(v verb, of *descriptor, at int) {
	added := &route{verb: v, of: of, at: at, segments: strings.Split(v.path, "/")}
	same := func(other *route) bool {
		return other.method == added.method && slices.EqualFunc(other.segments, added.segments, func(x, y string) bool {
			return x == y || strings.HasPrefix(x, "{") && strings.HasPrefix(y, "{")
		})
	}
	if !slices.ContainsFunc(s.routes, same) {
		s.routes = append(s.routes, added)
	}
}

// match says whether a path is the route's, in any letter case, and which ids it has.
func (r *route) match(segments []string) (ids []string, ok bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	for i, want := range r.segments {
		if strings.HasPrefix(want, "{") {
			if strings.HasPrefix(segments[i], "$") || strings.Contains(segments[i], "(") { // $count and functions are no ids
				return nil, false
			}
			ids = append(ids, segments[i])
		} else if !strings.EqualFold(want, segments[i]) {
			return nil, false
		}
	}
	return ids, true
}

// sortedKeys are the keys of a map, in order.
func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
