package api

import (
	"reflect"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

var resourceKind = &kind{
	set: "resources", beta: "accessPackageResources", of: reflect.TypeFor[governance.Resource](), navigation: []string{"roles", "scopes"},
	internal: []string{"catalog"},
	fields: map[string]field{
		"id": identifier, "displayName": text, "description": text, "originId": identifier, "originSystem": text, "createdDateTime": instant,
	},
}

// catalogResources are what packages give roles of.
var catalogResources = &descriptor{
	kind:  resourceKind.expanding(map[string]*kind{"roles": resourceRoleKind, "scopes": resourceScopeKind}),
	verbs: func(s *Server) []verb { return []verb{list("/catalogs/{id}/resources", s.resourcesOf)} },
}

func (s *Server) resourcesOf(c *call, o ledger.ListOptions) (ledger.Page[governance.Resource], error) {
	return s.use.Resources.ListResources(c.ctx(), c.caller, c.ids[0], o)
}

// flattened lists what is in the resources of a catalog. A page ends with a whole resource, so it may hold a little more than was asked
// for.
func flattened[T any](s *Server, in func(governance.Resource) []T) using[ledger.ListOptions, ledger.Page[T]] {
	return func(c *call, o ledger.ListOptions) (ledger.Page[T], error) {
		found, err := s.resourcesOf(c, o)
		page := ledger.Page[T]{Continuation: found.Continuation}
		for _, resource := range found.Items {
			for _, one := range in(resource.Value) {
				page.Items = append(page.Items, ledger.Versioned[T]{Value: one})
			}
		}
		return page, err
	}
}

// originOf is a resource as its roles and scopes name it.
func originOf(r governance.Resource) *governance.Resource {
	return &governance.Resource{ID: r.ID, DisplayName: r.DisplayName, OriginID: r.OriginID, OriginSystem: r.OriginSystem}
}
