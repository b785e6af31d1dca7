package api

import (
	"net/http"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

func routeCatalogs(s *Server) {
	s.handle("GET /catalogs", listed(catalogKind, listCatalogs))
	s.handle("POST /catalogs", createCatalog)
	s.handle("GET /catalogs/{id}", readCatalog)
	s.handle("PATCH /catalogs/{id}", updateCatalog)
	s.handle("DELETE /catalogs/{id}", func(c *call) (response, error) {
		return c.deleted(func(ifMatch string) error { return s.app.DeleteCatalog(c.ctx(), c.caller, c.id("id"), ifMatch) })
	})
	s.handle("GET /catalogs/{id}/accessPackages", listed(packageKind, func(c *call) lister[governance.AccessPackage] {
		return func(o app.ListOptions, options options) (app.Page[governance.AccessPackage], error) {
			o.Filter = inside("catalog", c.id("id"), o.Filter)
			return s.app.ListPackages(c.ctx(), c.caller, o, needsCatalog(options.shape))
		}
	}))
}

func createCatalog(c *call) (response, error) {
	draft, err := decode[governance.Catalog](c, strict.Catalog)
	if err != nil {
		return response{}, err
	}
	draft.ID = c.madeID()
	made, err := c.server.app.CreateCatalog(c.ctx(), c.caller, draft)
	return response{status: http.StatusCreated, value: made.Value, etag: made.ETag, shape: plain(catalogKind)}, err
}

func readCatalog(c *call) (response, error) {
	o, err := c.parseOptions(catalogKind, readOptions...)
	if err != nil {
		return response{}, err
	}
	found, err := c.server.app.Catalog(c.ctx(), c.caller, c.id("id"))
	if err != nil {
		return response{}, err
	}
	return response{status: http.StatusOK, value: wholeCatalog(found), etag: found.ETag, shape: o.shape}, nil
}

// expandedCatalog is a catalog with what $expand may ask for.
type expandedCatalog struct {
	governance.Catalog
	Packages  []governance.AccessPackage `json:"accessPackages"`
	Resources []governance.Resource      `json:"resources"`
}

func wholeCatalog(content app.CatalogContent) expandedCatalog {
	return expandedCatalog{Catalog: content.Value, Packages: values(content.Packages), Resources: values(content.Resources)}
}

// listCatalogs lists catalogs; what is in them is read only when $expand asks for it.
func listCatalogs(c *call) lister[expandedCatalog] {
	return func(o app.ListOptions, options options) (app.Page[expandedCatalog], error) {
		found, err := c.server.app.ListCatalogs(c.ctx(), c.caller, o)
		if err != nil {
			return app.Page[expandedCatalog]{}, err
		}
		page := app.Page[expandedCatalog]{Continuation: found.Continuation}
		for _, item := range found.Items {
			catalog := app.Versioned[expandedCatalog]{Value: expandedCatalog{Catalog: item.Value}, ETag: item.ETag}
			if len(options.shape.expanded) > 0 {
				content, err := c.server.app.Catalog(c.ctx(), c.caller, item.Value.ID)
				switch {
				case err == nil:
					catalog = app.Versioned[expandedCatalog]{Value: wholeCatalog(content), ETag: content.ETag}
				case governance.CodeOf(err) == governance.CodeNotFound:
					continue // deleted meanwhile
				default:
					return app.Page[expandedCatalog]{}, err
				}
			}
			page.Items = append(page.Items, catalog)
		}
		return page, nil
	}
}

// values are the values without their versions; never null.
func values[T any](items []app.Versioned[T]) []T {
	list := make([]T, 0, len(items))
	for _, item := range items {
		list = append(list, item.Value)
	}
	return list
}

// changed is the answer to PATCH and PUT: 204 with the new ETag, as Graph answers, or 200 with the resource when the client asks for it.
func (c *call) changed(value any, etag string, k *kind, err error) (response, error) {
	if c.r.Header.Get("Prefer") == "return=representation" {
		return response{status: http.StatusOK, value: value, etag: etag, shape: plain(k)}, err
	}
	return response{status: http.StatusNoContent, etag: etag}, err
}

// deleted is the answer to DELETE.
func (c *call) deleted(remove func(ifMatch string) error) (response, error) {
	ifMatch, err := c.ifMatch()
	if err != nil {
		return response{}, err
	}
	return response{status: http.StatusNoContent}, remove(ifMatch)
}

// edit reads the body and version of a PATCH or PUT of a resource of type t.
func (c *call) edit(t *strict.Type) (body *strict.Body, ifMatch string, err error) {
	if ifMatch, err = c.ifMatch(); err != nil {
		return nil, "", err
	}
	data, err := c.given()
	if err != nil {
		return nil, "", err
	}
	body, err = t.Change(data)
	return body, ifMatch, err
}

func updateCatalog(c *call) (response, error) {
	body, ifMatch, err := c.edit(strict.Catalog)
	if err != nil {
		return response{}, err
	}
	var content app.CatalogContent
	if body.Names("accessPackages") || body.Names("resources") { // what is in it, sent back
		if content, err = c.server.app.Catalog(c.ctx(), c.caller, c.id("id")); err != nil {
			return response{}, err
		}
	}
	made, err := c.server.app.UpdateCatalog(c.ctx(), c.caller, c.id("id"), ifMatch, func(catalog *governance.Catalog) error {
		whole := wholeCatalog(content)
		whole.Catalog = *catalog
		err := apply(&whole, body.Merge)
		*catalog = whole.Catalog
		return err
	})
	return c.changed(made.Value, made.ETag, catalogKind, err)
}
