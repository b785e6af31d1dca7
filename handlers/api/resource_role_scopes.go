package api

import (
	"net/http"
	"reflect"
	"strings"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

var resourceRoleScopes = &descriptor{
	kind: (&kind{
		set: "resourceRoleScopes", beta: "accessPackageResourceRoleScopes", of: reflect.TypeFor[governance.ResourceRoleScope](), navigation: []string{"role", "scope"},
	}).expanding(map[string]*kind{"role": resourceRoles.kind, "scope": resourceScopes.kind}),
	verbs: func(s *Server) []verb {
		const all, one = "/accessPackages/{id}/resourceRoleScopes", "/accessPackages/{id}/resourceRoleScopes/{roleScope}"
		return []verb{
			list(all, func(c *call, o app.ListOptions) (app.Page[governance.ResourceRoleScope], error) {
				found, err := s.app.Package(c.ctx(), c.caller, c.ids[0])
				if err != nil {
					return app.Page[governance.ResourceRoleScope]{}, err
				}
				return few(found.Value.ResourceRoleScopes, o)
			}),
			create(all, func(c *call, draft governance.ResourceRoleScope) (app.Versioned[governance.ResourceRoleScope], error) {
				made, err := s.app.AddRoleScope(c.ctx(), c.caller, c.ids[0], draft)
				return app.Versioned[governance.ResourceRoleScope]{Value: made}, err
			}),
			read(one, func(c *call, id string) (app.Versioned[governance.ResourceRoleScope], error) {
				found, err := s.app.Package(c.ctx(), c.caller, id)
				scope, ok := found.Value.RoleScope(strings.ToLower(c.ids[1]))
				if err == nil && !ok {
					err = governance.NotFound("The access package has no resource role scope %q.", shorten(c.ids[1]))
				}
				return app.Versioned[governance.ResourceRoleScope]{Value: scope}, err
			}),
			{method: http.MethodDelete, path: one, run: func(c *call) (response, error) {
				return response{status: http.StatusNoContent}, s.app.RemoveRoleScope(c.ctx(), c.caller, c.ids[0], c.ids[1])
			}},
		}
	},
}
