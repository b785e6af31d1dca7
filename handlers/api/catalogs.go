package api

import (
	"net/http"
	"reflect"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

var catalogKind = &kind{
	set: "catalogs", beta: "accessPackageCatalogs", of: reflect.TypeFor[expandedCatalog](), navigation: []string{"accessPackages", "resources"},
	fields: map[string]field{
		"id": identifier, "displayName": text, "description": text, "createdDateTime": instant, "modifiedDateTime": instant, "isExternallyVisible": boolean,
		"state":       named(governance.CatalogPublished, governance.CatalogUnpublished),
		"catalogType": named(governance.CatalogUserManaged, governance.CatalogServiceDefault, governance.CatalogServiceManaged),
	},
}

var catalogs = &descriptor{
	kind: catalogKind.expanding(map[string]*kind{
		"accessPackages": packageKind.expanding(map[string]*kind{"resourceRoleScopes": resourceRoleScopes.kind}), "resources": catalogResources.kind,
	}),
	editable: []string{"displayName", "description", "state", "isExternallyVisible"},
	verbs: func(s *Server) []verb {
		whole := func(c *call, id string) (app.Versioned[expandedCatalog], error) {
			found, err := s.app.Catalog(c.ctx(), c.caller, id)
			catalog := expandedCatalog{Catalog: found.Value, Packages: values(found.Packages), Resources: values(found.Resources)}
			return app.Versioned[expandedCatalog]{Value: catalog, ETag: found.ETag}, err
		}
		return []verb{
			list("/catalogs", func(c *call, o app.ListOptions) (app.Page[expandedCatalog], error) {
				found, err := s.app.ListCatalogs(c.ctx(), c.caller, o)
				if err != nil {
					return app.Page[expandedCatalog]{}, err
				}
				page := app.Page[expandedCatalog]{Continuation: found.Continuation}
				for _, item := range found.Items {
					catalog := app.Versioned[expandedCatalog]{Value: expandedCatalog{Catalog: item.Value}, ETag: item.ETag}
					if len(c.shape.expanded) > 0 { // what is in it is read only then
						catalog, err = whole(c, item.Value.ID)
					}
					switch {
					case err == nil:
						page.Items = append(page.Items, catalog)
					case governance.CodeOf(err) != governance.CodeNotFound: // deleted meanwhile
						return page, err
					}
				}
				return page, nil
			}),
			create("/catalogs", use(s.app.CreateCatalog)),
			read("/catalogs/{id}", whole),
			change(http.MethodPatch, "/catalogs/{id}", editing(s.app.UpdateCatalog)),
			remove("/catalogs/{id}", s.app.DeleteCatalog),
		}
	},
}

// expandedCatalog is a catalog with what $expand may ask for.
type expandedCatalog struct {
	governance.Catalog
	Packages  []governance.AccessPackage `json:"accessPackages"`
	Resources []governance.Resource      `json:"resources"`
}

// values are the values without their versions; never null.
func values[T any](items []app.Versioned[T]) []T {
	list := make([]T, 0, len(items))
	for _, item := range items {
		list = append(list, item.Value)
	}
	return list
}
