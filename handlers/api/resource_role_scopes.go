package api

import (
	"net/http"
	"reflect"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

var resourceRoleScopes = &descriptor{
	kind: (&kind{
		set: "resourceRoleScopes", beta: "accessPackageResourceRoleScopes", of: reflect.TypeFor[governance.ResourceRoleScope](),
		navigation: []string{"role", "scope"},
	}).expanding(map[string]*kind{"role": resourceRoles.kind, "scope": resourceScopes.kind}),
	body: strict.RoleScope,
	verbs: func(s *Server) []verb {
		const all, one = "/accessPackages/{id}/resourceRoleScopes", "/accessPackages/{id}/resourceRoleScopes/{roleScope}"
		id := func(scope governance.ResourceRoleScope) string { return scope.ID }
		return append(parts(all, one, "The access package has no resource role scope", id, func(c *call) ([]governance.ResourceRoleScope, error) {
			found, err := s.packageOf(c, c.ids[0])
			return found.Value.ResourceRoleScopes, err
		}),
			create(all, func(c *call, draft governance.ResourceRoleScope) (ledger.Versioned[governance.ResourceRoleScope], error) {
				made, err := s.use.Packages.AddRoleScope(c.ctx(), c.caller, c.ids[0], draft)
				return ledger.Versioned[governance.ResourceRoleScope]{Value: made}, err
			}).within(ofPackage),
			verb{method: http.MethodDelete, path: one, partOf: ofPackage, run: func(c *call) (response, error) {
				return response{status: http.StatusNoContent}, s.use.Packages.RemoveRoleScope(c.ctx(), c.caller, c.ids[0], c.ids[1])
			}})
	},
}
