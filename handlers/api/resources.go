package api

import (
	"net/http"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

func routeResources(s *Server) {
	s.handle("GET /resourceRequests", listed(resourceRequestKind, func(c *call) lister[governance.ResourceRequest] {
		return func(o app.ListOptions, _ options) (app.Page[governance.ResourceRequest], error) {
			return s.app.ListResourceRequests(c.ctx(), c.caller, o)
		}
	}))
	s.handle("POST /resourceRequests", func(c *call) (response, error) {
		draft, err := decode[governance.ResourceRequest](c, strict.ResourceRequest)
		if err != nil {
			return response{}, err
		}
		draft.ID = c.madeID()
		made, err := s.app.RequestResource(c.ctx(), c.caller, draft)
		return response{status: http.StatusCreated, value: made, shape: plain(resourceRequestKind)}, err
	})
	s.handle("GET /resourceRequests/{id}", func(c *call) (response, error) {
		o, err := c.parseOptions(resourceRequestKind, readOptions...)
		if err != nil {
			return response{}, err
		}
		found, err := s.app.ResourceRequest(c.ctx(), c.caller, c.id("id"))
		return response{status: http.StatusOK, value: found.Value, etag: found.ETag, shape: o.shape}, err
	})
	resources := func(c *call) lister[governance.Resource] {
		return func(o app.ListOptions, _ options) (app.Page[governance.Resource], error) {
			return s.app.ListResources(c.ctx(), c.caller, c.id("id"), o)
		}
	}
	s.handle("GET /catalogs/{id}/resources", listed(resourceKind, resources))
	s.handle("GET /catalogs/{id}/resourceRoles", listed(resourceRoleKind, flattened(resources, func(r governance.Resource) []governance.ResourceRole {
		for i := range r.Roles {
			r.Roles[i].Resource = &governance.Resource{ID: r.ID, DisplayName: r.DisplayName, OriginID: r.OriginID, OriginSystem: r.OriginSystem}
		}
		return r.Roles
	})))
	s.handle("GET /catalogs/{id}/resourceScopes", listed(resourceScopeKind, flattened(resources, func(r governance.Resource) []governance.ResourceScope {
		for i := range r.Scopes {
			r.Scopes[i].Resource = &governance.Resource{ID: r.ID, DisplayName: r.DisplayName, OriginID: r.OriginID, OriginSystem: r.OriginSystem}
		}
		return r.Scopes
	})))
}

// flattened lists what is inside the resources of a catalog. A page ends with a whole resource, so it may hold a little more than was asked for.
func flattened[T any](resources func(*call) lister[governance.Resource], inside func(governance.Resource) []T) func(*call) lister[T] {
	return func(c *call) lister[T] {
		list := resources(c)
		return func(o app.ListOptions, options options) (app.Page[T], error) {
			found, err := list(o, options)
			page := app.Page[T]{Continuation: found.Continuation}
			for _, resource := range found.Items {
				for _, one := range inside(resource.Value) {
					page.Items = append(page.Items, app.Versioned[T]{Value: one})
				}
			}
			return page, err
		}
	}
}
