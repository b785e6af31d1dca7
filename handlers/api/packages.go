package api

import (
	"net/http"
	"strings"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

func routePackages(s *Server) {
	s.handle("GET /accessPackages", listed(packageKind, func(c *call) lister[governance.AccessPackage] {
		return func(o app.ListOptions, options options) (app.Page[governance.AccessPackage], error) {
			return s.app.ListPackages(c.ctx(), c.caller, o, needsCatalog(options.shape))
		}
	}))
	s.handle("GET /accessPackages.filterByCurrentUser/{on}", listed(offeredKind, func(c *call) lister[governance.AccessPackage] {
		return func(o app.ListOptions, _ options) (app.Page[governance.AccessPackage], error) {
			return s.app.PackagesByCurrentUser(c.ctx(), c.caller, app.By(c.id("on")), o)
		}
	}))
	s.handle("POST /accessPackages", createPackage)
	s.handle("GET /accessPackages/{id}", readPackage)
	s.handle("PATCH /accessPackages/{id}", updatePackage)
	s.handle("DELETE /accessPackages/{id}", func(c *call) (response, error) {
		return c.deleted(func(ifMatch string) error { return s.app.DeletePackage(c.ctx(), c.caller, c.id("id"), ifMatch) })
	})
	s.handle("GET /accessPackages/{id}/resourceRoleScopes", listRoleScopes)
	s.handle("POST /accessPackages/{id}/resourceRoleScopes", addRoleScope)
	s.handle("GET /accessPackages/{id}/resourceRoleScopes/{roleScope}", readRoleScope)
	s.handle("DELETE /accessPackages/{id}/resourceRoleScopes/{roleScope}", func(c *call) (response, error) {
		return response{status: http.StatusNoContent}, s.app.RemoveRoleScope(c.ctx(), c.caller, c.id("id"), c.id("roleScope"))
	})
	s.handle("GET /accessPackages/{id}/assignmentPolicies", listed(policyKind, func(c *call) lister[governance.AssignmentPolicy] {
		return func(o app.ListOptions, options options) (app.Page[governance.AssignmentPolicy], error) {
			o.Filter = inside("accessPackage", c.id("id"), o.Filter)
			return s.app.ListPolicies(c.ctx(), c.caller, o, len(options.shape.expanded) > 0)
		}
	}))
	s.handle("POST /accessPackages/{id}/getApplicablePolicyRequirements", func(c *call) (response, error) {
		if err := c.parameters(strict.Requirements); err != nil {
			return response{}, err
		}
		requirements, err := s.app.ApplicableRequirements(c.ctx(), c.caller, c.id("id"))
		return response{status: http.StatusOK, value: map[string]any{"value": requirements}}, err
	})
}

// needsCatalog says whether packages must be filled in from their catalogs.
func needsCatalog(s *shape) bool { return s.has("catalog") || s.has("assignmentPolicies") }

// inside narrows a filter to what belongs to something.
func inside(property, id string, filter app.Filter) app.Filter {
	belongs := app.Compare{Path: []string{property, "id"}, Comparison: app.Equal, Value: strings.ToLower(id)}
	if filter == nil {
		return belongs
	}
	return app.And{belongs, filter}
}

func createPackage(c *call) (response, error) {
	draft, err := decode[governance.AccessPackage](c, strict.Package)
	if err != nil {
		return response{}, err
	}
	draft.ID = c.madeID()
	made, err := c.server.app.CreatePackage(c.ctx(), c.caller, draft)
	return response{status: http.StatusCreated, value: made.Value, etag: made.ETag, shape: plain(packageKind)}, err
}

func readPackage(c *call) (response, error) {
	o, err := c.parseOptions(packageKind, readOptions...)
	if err != nil {
		return response{}, err
	}
	found, err := c.server.app.Package(c.ctx(), c.caller, c.id("id"))
	return response{status: http.StatusOK, value: found.Value, etag: found.ETag, shape: o.shape}, err
}

func updatePackage(c *call) (response, error) {
	body, ifMatch, err := c.edit(strict.Package)
	if err != nil {
		return response{}, err
	}
	var policies []governance.AssignmentPolicy
	if body.Names("assignmentPolicies") { // its policies, sent back
		whole, err := c.server.app.Package(c.ctx(), c.caller, c.id("id"))
		if err != nil {
			return response{}, err
		}
		policies = whole.Value.AssignmentPolicies
	}
	made, err := c.server.app.UpdatePackage(c.ctx(), c.caller, c.id("id"), ifMatch, func(pack *governance.AccessPackage) error {
		pack.AssignmentPolicies = policies
		return apply(pack, body.Merge)
	})
	return c.changed(made.Value, made.ETag, packageKind, err)
}

func listRoleScopes(c *call) (response, error) {
	o, err := c.parseOptions(roleScopeKind, readOptions...)
	if err != nil {
		return response{}, err
	}
	found, err := c.server.app.Package(c.ctx(), c.caller, c.id("id"))
	if err != nil {
		return response{}, err
	}
	return collected(c, o.shape, found.Value.ResourceRoleScopes)
}

// collected is the answer to a list that is small and whole.
func collected[T any](c *call, s *shape, items []T) (response, error) {
	answer := collection{Context: c.context(s), Value: []map[string]any{}}
	for _, item := range items {
		resource, err := s.cut(item)
		if err != nil {
			return response{}, err
		}
		answer.Value = append(answer.Value, resource)
	}
	return response{status: http.StatusOK, value: answer}, nil
}

func addRoleScope(c *call) (response, error) {
	draft, err := decode[governance.ResourceRoleScope](c, strict.RoleScope)
	if err != nil {
		return response{}, err
	}
	made, err := c.server.app.AddRoleScope(c.ctx(), c.caller, c.id("id"), draft)
	return response{status: http.StatusCreated, value: made, shape: plain(roleScopeKind)}, err
}

func readRoleScope(c *call) (response, error) {
	o, err := c.parseOptions(roleScopeKind, readOptions...)
	if err != nil {
		return response{}, err
	}
	found, err := c.server.app.Package(c.ctx(), c.caller, c.id("id"))
	if err != nil {
		return response{}, err
	}
	scope, ok := found.Value.RoleScope(strings.ToLower(c.id("roleScope")))
	if !ok {
		return response{}, governance.NotFound("The access package has no resource role scope %q.", shorten(c.id("roleScope")))
	}
	return response{status: http.StatusOK, value: scope, shape: o.shape}, nil
}
