package api

import (
	"reflect"

	"latchkey/shared/governance"
)

var resourceScopeKind = &kind{
	set: "resourceScopes", beta: "accessPackageResourceScopes", of: reflect.TypeFor[governance.ResourceScope](),
	navigation: []string{"resource"}, fields: partFields,
}

var resourceScopes = &descriptor{
	kind: resourceScopeKind.expanding(map[string]*kind{"resource": resourceKind}),
	verbs: func(s *Server) []verb {
		return []verb{list("/catalogs/{id}/resourceScopes", flattened(s, func(r governance.Resource) []governance.ResourceScope {
			for i := range r.Scopes {
				r.Scopes[i].Resource = originOf(r)
			}
			return r.Scopes
		}))}
	},
}
