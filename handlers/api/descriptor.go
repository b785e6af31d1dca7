package api

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

// kind is what a resource looks like from outside, wherever it occurs: which of its members are only shown when $expand asks, which never are, and what $filter and $orderby may name.
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

// expanding is the kind where these of its navigation properties can be expanded, and no others: what is inside something else is there as far as it is stored with it or filled in, and no
// farther, and an $expand that would answer with nothing is refused.
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
	i := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, meant) })
	if i < 0 {
		return "", false
	}
	return names[i], true
}

// descriptor is all that the API knows of one resource: what it looks like, and what can be done with it. Everything else is done from it, once for all resources.
type descriptor struct {
	*kind
	editable []string // members that PATCH changes; what a body has besides is left as it is
	members  []string // what a body may have; nil: anything, and what is unknown is ignored
	verbs    func(*Server) []verb
}

// verb is one thing that can be done, at one path. The functions below make those there are.
type verb struct {
	method  string
	path    string   // below root, but for what begins with /operations
	kind    *kind    // what it answers with; nil: the descriptor's
	options []string // the system query options that it honours
	body    purpose
	takes   []string // what the body of an action may have
	open    bool     // anybody may, without a token
	unkept  bool     // what it answers is kept nowhere, so it cannot be repeated under an Idempotency-Key
	upsert  bool     // a PUT without If-Match makes a new one
	run     endpoint
}

// endpoint answers a request: with a response or an error.
type endpoint func(*call) (response, error)

// as is the verb where it answers with another kind than its resource's own.
func (v verb) as(k *kind) verb {
	v.kind = k
	return v
}

// use is a use case as the verbs below call it.
func use[A, R any](do func(context.Context, governance.Caller, A) (R, error)) func(*call, A) (R, error) {
	return func(c *call, a A) (R, error) { return do(c.ctx(), c.caller, a) }
}

// unversioned is use for a use case whose answer has no ETag.
func unversioned[A, T any](do func(context.Context, governance.Caller, A) (T, error)) func(*call, A) (app.Versioned[T], error) {
	return func(c *call, a A) (app.Versioned[T], error) {
		made, err := do(c.ctx(), c.caller, a)
		return app.Versioned[T]{Value: made}, err
	}
}

// read answers with one resource.
func read[T any](path string, get func(c *call, id string) (app.Versioned[T], error)) verb {
	return verb{method: http.MethodGet, path: path, options: readOptions, run: func(c *call) (response, error) {
		found, err := get(c, c.ids[0])
		return response{status: http.StatusOK, value: found.Value, etag: found.ETag, shape: c.shape}, err
	}}
}

// create makes a resource of the body.
func create[T any](path string, do func(c *call, draft T) (app.Versioned[T], error)) verb {
	return verb{method: http.MethodPost, path: path, body: creating, run: func(c *call) (response, error) {
		draft, err := draftOf[T](c)
		if err != nil {
			return response{}, err
		}
		made, err := do(c, draft)
		return response{status: http.StatusCreated, value: made.Value, etag: made.ETag, shape: c.shape}, err
	}}
}

// change is PATCH, which merges the body into the resource, or PUT, which puts it in its place. The answer to PATCH is 204 with the new ETag, as Graph's, or 200 with the resource when the
// client asks for that.
func change[T, R any](method, path string, do func(c *call, ifMatch string, edit func(*T) error) (app.Versioned[R], error)) verb {
	purpose := merging
	if method == http.MethodPut {
		purpose = replacing
	}
	return verb{method: method, path: path, body: purpose, run: func(c *call) (response, error) {
		ifMatch, err := c.ifMatch()
		if err != nil {
			return response{}, err
		}
		edit, err := edits[T](c)
		if err != nil {
			return response{}, err
		}
		made, err := do(c, ifMatch, edit)
		switch {
		case purpose == merging && !c.prefers("return=representation"):
			return response{status: http.StatusNoContent, etag: made.ETag}, err
		case c.route.upsert && ifMatch == "":
			return response{status: http.StatusCreated, value: made.Value, etag: made.ETag, shape: c.shape}, err
		}
		return response{status: http.StatusOK, value: made.Value, etag: made.ETag, shape: c.shape}, err
	}}
}

// editing is a use case as change calls it.
func editing[T any](do func(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*T) error) (app.Versioned[T], error)) func(*call, string, func(*T) error) (app.Versioned[T], error) {
	return func(c *call, ifMatch string, edit func(*T) error) (app.Versioned[T], error) {
		return do(c.ctx(), c.caller, c.ids[0], ifMatch, edit)
	}
}

// remove deletes a resource.
func remove(path string, do func(ctx context.Context, caller governance.Caller, id, ifMatch string) error) verb {
	return verb{method: http.MethodDelete, path: path, run: func(c *call) (response, error) {
		ifMatch, err := c.ifMatch()
		if err != nil {
			return response{}, err
		}
		return response{status: http.StatusNoContent}, do(c.ctx(), c.caller, c.ids[0], ifMatch)
	}}
}

// action does what it is called, and answers with something that is no resource, or nothing.
func action(path string, status int, do func(c *call) (any, error), takes ...string) verb {
	return verb{method: http.MethodPost, path: path, body: acting, takes: takes, run: answering(status, do)}
}

// function answers with something that is no resource.
func function(path string, do func(c *call) (any, error)) verb {
	return verb{method: http.MethodGet, path: path, run: answering(http.StatusOK, do)}
}

func answering(status int, do func(*call) (any, error)) endpoint {
	return func(c *call) (response, error) {
		value, err := do(c)
		return response{status: status, value: value}, err
	}
}

// route is a verb of a resource, as requests find it.
type route struct {
	verb
	of       *descriptor
	at       int      // among the verbs of the resource
	segments []string // of its path, those of ids in braces
}

// routes are all verbs of some resources.
func (s *Server) register(resources []*descriptor) {
	for _, of := range resources {
		for at, v := range of.verbs(s) {
			if !strings.HasPrefix(v.path, "/operations/") {
				v.path = root + v.path
			}
			if v.kind == nil {
				v.kind = of.kind
			}
			s.routes = append(s.routes, &route{verb: v, of: of, at: at, segments: strings.Split(v.path, "/")})
		}
	}
}

// match says whether a path is the route's, in any letter case, and which ids it has.
func (r *route) match(segments []string) (ids []string, ok bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	for i, want := range r.segments {
		if strings.HasPrefix(want, "{") {
			ids = append(ids, segments[i])
		} else if !strings.EqualFold(want, segments[i]) {
			return nil, false
		}
	}
	return ids, true
}

// sortedKeys are the keys of a map, in order.
func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }
