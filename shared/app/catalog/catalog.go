// Package catalog is the use cases of those who set up what can be had: catalogs, resources, access packages and policies.
package catalog

import (
	"context"
	"fmt"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// Ports are what the area reaches.
type Ports struct {
	Ledger    *ledger.Ledger
	Authz     *authz.Authorizer
	Directory directory.Directory
}

// Catalogs are the use cases of catalogs.
type Catalogs struct{ *Ports }

type versioned = ledger.Versioned[governance.Catalog]

// CreateCatalog makes a catalog (CAT-01, CAT-03). Errors: CodeForbidden, CodeInvalid, CodeConflict for a name that is taken.
func (c *Catalogs) CreateCatalog(ctx context.Context, caller governance.Caller, draft governance.Catalog) (versioned, error) {
	if err := c.Authz.Require(ctx, caller, authz.OpWriteCatalogs); err != nil {
		return versioned{}, err
	}
	if governance.NameKey(draft.DisplayName) == governance.NameKey(engine.GeneralName) { // it is taken, though nobody may have looked yet
		if err := c.general(ctx); err != nil {
			return versioned{}, err
		}
	}
	draft.ID = c.Ledger.NewID(ctx)
	catalog, err := engine.NewCatalog(draft, c.Ledger.Now())
	if err != nil {
		return versioned{}, err
	}
	return c.update(ctx, ledger.CatalogPlace(catalog.ID), catalog, func(s engine.State) (engine.Change, error) {
		return engine.CreateCatalog(s, catalog, by(c.Ledger, caller))
	})
}

// general makes the catalog General, which every tenant has (OBJ-18, CAT-04), when catalogs are first looked at. A tenant that has given the name to another catalog has that one.
func (c *Catalogs) general(ctx context.Context) error {
	general := engine.General(c.Ledger.Now())
	_, _, err := c.Ledger.Catalog(ctx, general.ID)
	if governance.CodeOf(err) != governance.CodeNotFound {
		return err
	}
	taken, err := ledger.Any[governance.Catalog](ctx, c.Ledger, store.Compare{Path: []string{"displayName"}, Comparison: store.Equal, Value: general.DisplayName, FoldCase: true})
	if err != nil || taken {
		return err
	}
	_, err = c.Ledger.Update(ctx, ledger.CatalogPlace(general.ID), ledger.Whole, func(s engine.State) (engine.Change, error) {
		return engine.CreateCatalog(s, general, by(c.Ledger, governance.System()))
	})
	return err
}

// update commits a change of a catalog; a name that it did not have is held from the look whether it is free to the commit.
func (c *Catalogs) update(ctx context.Context, place governance.Place, otherwise governance.Catalog, command ledger.Decide) (versioned, error) {
	release := func() {}
	defer func() { release() }()
	done, err := c.Ledger.Update(ctx, place, ledger.Whole, command, ledger.Version{Look: func(ctx context.Context, next ledger.Committed) error {
		before, _ := engine.Find[governance.Catalog](next.Before, "")
		catalog, _ := ledger.Made[governance.Catalog](next, "")
		if catalog.DisplayName == before.DisplayName {
			return nil
		}
		held, err := c.name(ctx, catalog)
		if err == nil {
			release()
			release = held
		}
		return err
	}})
	return made(done, otherwise, err)
}

// by is who edits, and when.
func by(l *ledger.Ledger, caller governance.Caller) engine.Edit {
	return engine.Edit{Caller: caller, Now: l.Now()}
}

// made is a resource as it is after a command; otherwise, if that was a repetition and somebody has deleted the resource since.
func made[T governance.Document](done ledger.Committed, otherwise T, err error) (ledger.Versioned[T], error) {
	if err != nil {
		return ledger.Versioned[T]{}, err
	}
	resource, ok := ledger.Made[T](done, otherwise.DocumentID())
	if !ok {
		resource = otherwise
	}
	return ledger.Versioned[T]{Value: resource, ETag: done.ETag(resource)}, nil
}

// locate is where something lies: in a catalog in which the caller has a right. Who has it elsewhere does not learn what is there. It may lie there no more. Errors: CodeForbidden, CodeNotFound.
func locate[T governance.Document](ctx context.Context, p *Ports, caller governance.Caller, id, what string, operation authz.Operation) (governance.Place, error) {
	rights, err := p.Authz.Somewhere(ctx, caller, operation)
	if err != nil {
		return governance.Place{}, err
	}
	place, err := ledger.Locate[T](ctx, p.Ledger, id, what)
	if err == nil && !rights.In(place.Partition, operation) {
		err = governance.Missing(what, id)
	}
	return place, err
}

const catalogName = "catalog" // as people call it

// nameTTL is how long a name is held for a process that died meanwhile: longer than any request takes.
const nameTTL = 2 * time.Minute

// name holds a catalog's name between the look whether it is free and the commit, so that nobody else is given the same (CAT-01): catalogs are in places of their own, so no commit sees two of
// them. Errors: CodeConflict.
func (c *Catalogs) name(ctx context.Context, catalog governance.Catalog) (release func(), err error) {
	id := "nameClaim:" + governance.NameID("catalog:"+governance.NameKey(catalog.DisplayName))
	taken := &governance.Error{Code: governance.CodeConflict, Target: "displayName", Message: fmt.Sprintf("Another catalog is being given the name %q; choose another displayName.", catalog.DisplayName)}
	if release, err = c.Ledger.Hold(ctx, ledger.TenantPlace(), id, catalog.ID, nameTTL, taken); err != nil {
		return nil, err
	}
	same := store.Compare{Path: []string{"displayName"}, Comparison: store.Equal, Value: catalog.DisplayName, FoldCase: true}
	other := store.Not{Filter: store.Compare{Path: []string{"id"}, Comparison: store.Equal, Value: catalog.ID}}
	found, err := ledger.Any[governance.Catalog](ctx, c.Ledger, store.And{same, other})
	if found {
		err = &governance.Error{Code: governance.CodeConflict, Target: "displayName", Message: fmt.Sprintf("There is already a catalog named %q; choose another displayName.", catalog.DisplayName)}
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

// Content is a catalog with what is in it.
type Content struct {
	versioned
	Packages  []governance.AccessPackage
	Resources []governance.Resource
}

// Catalog reads a catalog. Errors: CodeForbidden, CodeNotFound.
func (c *Catalogs) Catalog(ctx context.Context, caller governance.Caller, id string) (Content, error) {
	place, err := locate[governance.Catalog](ctx, c.Ports, caller, id, catalogName, authz.OpReadCatalogs)
	if err == nil && place.Partition == engine.GeneralID {
		err = c.general(ctx)
	}
	if err != nil {
		return Content{}, err
	}
	return contentOf(c.Ledger.Catalog(ctx, id))
}

func contentOf(catalog *engine.Catalog, state *ledger.State, err error) (Content, error) {
	if err != nil {
		return Content{}, err
	}
	return Content{versioned{Value: catalog.Catalog, ETag: state.ETag(catalog.Catalog)}, catalog.PackagesSorted(), catalog.ResourcesSorted()}, nil
}

// ListCatalogs lists catalogs; with full, each with what is in it. Errors: CodeForbidden.
func (c *Catalogs) ListCatalogs(ctx context.Context, caller governance.Caller, options ledger.ListOptions, full bool) (ledger.Page[Content], error) {
	options, err := c.trimmed(ctx, caller, authz.OpReadCatalogs, options, "id")
	if err == nil && options.Continuation == "" {
		err = c.general(ctx)
	}
	if err != nil {
		return ledger.Page[Content]{}, err
	}
	found, err := ledger.List[governance.Catalog](ctx, c.Ledger, options)
	page, catalogs := ledger.Page[Content]{Continuation: found.Continuation}, c.Ledger.Catalogs(options)
	for _, item := range found.Items {
		content := Content{versioned: item}
		if full {
			whole, err := contentOf(catalogs.At(ctx, item.Value.ID))
			if governance.CodeOf(err) == governance.CodeNotFound {
				continue // deleted meanwhile
			}
			if err != nil {
				return ledger.Page[Content]{}, err
			}
			content = whole
		}
		page.Items = append(page.Items, ledger.Versioned[Content]{Value: content, ETag: content.ETag})
	}
	return page, err
}

// trimmed narrows a list to the catalogs that the caller may do an operation in: their ids are at path. Errors: CodeForbidden.
func (p *Ports) trimmed(ctx context.Context, caller governance.Caller, operation authz.Operation, options ledger.ListOptions, path ...string) (ledger.ListOptions, error) {
	rights, err := p.Authz.Somewhere(ctx, caller, operation)
	all, ids := rights.Catalogs(operation)
	options.Filter = ledger.In(options.Filter, all, ids, path...)
	return options, err
}

// UpdateCatalog changes a catalog: edit is given the present one and may run more than once. Errors: CodeForbidden, CodeNotFound, CodeInvalid, CodeConflict, CodePrecondition.
func (c *Catalogs) UpdateCatalog(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*governance.Catalog) error) (versioned, error) {
	place, err := locate[governance.Catalog](ctx, c.Ports, caller, id, catalogName, authz.OpWriteCatalogs)
	if err != nil {
		return versioned{}, err
	}
	is := governance.Catalog{ID: place.Partition}
	return c.update(ctx, place, is, matching(is, ifMatch, func(s engine.State) (engine.Change, error) {
		return engine.UpdateCatalog(s, edit, by(c.Ledger, caller))
	}))
}

// matching is a command about a document that must still be of the version that the caller saw.
func matching(document governance.Document, ifMatch string, command ledger.Decide) ledger.Decide {
	return func(s engine.State) (engine.Change, error) {
		if etag := s.ETag(document); etag != "" { // else it is not there, as command says
			if err := ledger.Matches(ifMatch, etag); err != nil {
				return engine.Change{}, err
			}
		}
		return command(s)
	}
}

// DeleteCatalog deletes a catalog that has no access packages (OBJ-18). Its audit chain stays. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodePrecondition.
func (c *Catalogs) DeleteCatalog(ctx context.Context, caller governance.Caller, id, ifMatch string) error {
	place, err := locate[governance.Catalog](ctx, c.Ports, caller, id, catalogName, authz.OpWriteCatalogs)
	if err != nil {
		return err
	}
	return deletion{
		ledger: c.Ledger, place: place, document: governance.Catalog{ID: place.Partition}, ifMatch: ifMatch,
		command: func(s engine.State) (engine.Change, error) { return engine.DeleteCatalog(s, by(c.Ledger, caller)) },
	}.run(ctx)
}
