package api

import (
	"net/http"
	"reflect"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app/catalog"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

var catalogKind = &kind{
	set: "catalogs", beta: "accessPackageCatalogs", of: reflect.TypeFor[expandedCatalog](),
	navigation: []string{"accessPackages", "resources"},
	fields: map[string]field{
		"id": identifier, "displayName": text, "description": text, "createdDateTime": instant, "modifiedDateTime": instant,
		"isExternallyVisible": boolean,
		"state":               named(governance.CatalogPublished, governance.CatalogUnpublished),
		"catalogType":         named(governance.CatalogUserManaged, governance.CatalogServiceDefault, governance.CatalogServiceManaged),
	},
}

var catalogs = &descriptor{
	kind: catalogKind.expanding(map[string]*kind{
		"accessPackages": packageKind.expanding(map[string]*kind{"resourceRoleScopes": resourceRoleScopes.kind}),
		"resources":      catalogResources.kind,
	}),
	body: strict.Catalog,
	verbs: func(s *Server) []verb {
		whole := func(found catalog.Content) ledger.Versioned[expandedCatalog] {
			return ledger.Versioned[expandedCatalog]{Value: expandedCatalog{found.Value, found.Packages, found.Resources}, ETag: found.ETag}
		}
		return []verb{
			list("/catalogs", func(c *call, o ledger.ListOptions) (ledger.Page[expandedCatalog], error) {
				found, err := s.use.Catalogs.ListCatalogs(c.ctx(), c.caller, o, len(c.shape.expanded) > 0) // what is in them is read only then
				page := ledger.Page[expandedCatalog]{Continuation: found.Continuation}
				for _, item := range found.Items {
					page.Items = append(page.Items, whole(item.Value))
				}
				return page, err
			}),
			create("/catalogs", use(s.use.Catalogs.CreateCatalog)),
			read("/catalogs/{id}", func(c *call, id string) (ledger.Versioned[expandedCatalog], error) {
				found, err := s.use.Catalogs.Catalog(c.ctx(), c.caller, id)
				return whole(found), err
			}),
			change(http.MethodPatch, "/catalogs/{id}", editing(s.use.Catalogs.UpdateCatalog)),
			remove("/catalogs/{id}", s.use.Catalogs.DeleteCatalog),
		}
	},
}

// expandedCatalog is a catalog with what $expand may ask for.
type expandedCatalog struct {
	governance.Catalog
	Packages  []governance.AccessPackage `json:"accessPackages"`
	Resources []governance.Resource      `json:"resources"`
}
