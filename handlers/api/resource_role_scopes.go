package api

import (
	"net/http"
	"reflect"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

var resourceRoleScopes = &descriptor{
	kind: (&kind{
		set: "resourceRoleScopes", beta: "accessPackageResourceRoleScopes", of: reflect.TypeFor[governance.ResourceRoleScope](), navigation: []string{"role", "scope"},
	}).expanding(map[string]*kind{"role": resourceRoles.kind, "scope": resourceScopes.kind}),
	verbs: func(s *Server) []verb {
		const all, one = "/accessPackages/{id}/resourceRoleScopes", "/accessPackages/{id}/resourceRoleScopes/{roleScope}"
		id := func(scope governance.ResourceRoleScope) string { return scope.ID }
		return append(parts(all, one, "The access package has no resource role scope", id, func(c *call) ([]governance.ResourceRoleScope, error) {
			found, err := s.app.Package(c.ctx(), c.caller, c.ids[0])
			return found.Value.ResourceRoleScopes, err
		}),
			create(all, func(c *call, draft governance.ResourceRoleScope) (app.Versioned[governance.ResourceRoleScope], error) {
				made, err := s.app.AddRoleScope(c.ctx(), c.caller, c.ids[0], draft)
				return app.Versioned[governance.ResourceRoleScope]{Value: made}, err
			}),
			verb{method: http.MethodDelete, path: one, run: func(c *call) (response, error) {
				return response{status: http.StatusNoContent}, s.app.RemoveRoleScope(c.ctx(), c.caller, c.ids[0], c.ids[1])
			}})
	},
}
