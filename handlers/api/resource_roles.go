package api

import (
	"reflect"

	"latchkey/shared/governance"
)

var resourceRoleKind = &kind{
	set: "resourceRoles", beta: "accessPackageResourceRoles", of: reflect.TypeFor[governance.ResourceRole](),
	navigation: []string{"resource"}, fields: partFields,
}

// partFields are compared with the resource that a role or scope is of: they are not stored by themselves.
var partFields = map[string]field{
	"originSystem": text, "resource/id": {path: []string{"id"}, kind: idField},
	"resource/originId": {path: []string{"originId"}, kind: idField},
}

var resourceRoles = &descriptor{
	kind: resourceRoleKind.expanding(map[string]*kind{"resource": resourceKind}),
	verbs: func(s *Server) []verb {
		return []verb{list("/catalogs/{id}/resourceRoles", flattened(s, func(r governance.Resource) []governance.ResourceRole {
			for i := range r.Roles {
				r.Roles[i].Resource = originOf(r)
			}
			return r.Roles
		}))}
	},
}
