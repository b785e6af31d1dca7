// Package catalog is the use cases of those who set up what can be had: catalogs, resources, access packages and policies.
package catalog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// Catalogs are the use cases of catalogs.
type Catalogs struct {
	Ledger *ledger.Ledger
	Authz  *authz.Authorizer
}

type versioned = ledger.Versioned[governance.Catalog]

// CreateCatalog makes a catalog (RULES CAT-01, CAT-03). Errors: CodeForbidden, CodeInvalid, CodeConflict for a name that is taken.
func (c *Catalogs) CreateCatalog(ctx context.Context, caller governance.Caller, draft governance.Catalog) (versioned, error) {
	if err := require(ctx, c.Authz, caller, "", authz.OpWriteCatalogs); err != nil {
		return versioned{}, err
	}
	draft.ID = c.Ledger.NewID(ctx)
	catalog, err := engine.NewCatalog(draft, c.Ledger.Now())
	if err != nil {
		return versioned{}, err
	}
	release, err := c.name(ctx, catalog)
	if err != nil {
		return versioned{}, err
	}
	defer release()
	done, err := c.Ledger.Update(ctx, ledger.CatalogPlace(catalog.ID), ledger.Whole, func(s engine.State) (engine.Change, error) {
		return engine.CreateCatalog(s, catalog, by(c.Ledger, caller))
	})
	return made[governance.Catalog](done, "", err)
}

// by is who edits, and when.
func by(l *ledger.Ledger, caller governance.Caller) engine.Edit {
	return engine.Edit{Caller: caller, Now: l.Now()}
}

// made is a resource as it is after a command.
func made[T governance.Document](done ledger.Committed, id string, err error) (ledger.Versioned[T], error) {
	if err != nil {
		return ledger.Versioned[T]{}, err
	}
	resource, _ := ledger.Made[T](done, id)
	return ledger.Versioned[T]{Value: resource, ETag: done.ETag(resource)}, nil
}

func require(ctx context.Context, a *authz.Authorizer, caller governance.Caller, catalogID string, operation authz.Operation) error {
	rights, err := a.For(ctx, caller)
	if err != nil {
		return err
	}
	if catalogID == "" {
		return rights.RequireSomewhere(operation)
	}
	return rights.Require(catalogID, operation)
}

// nameTTL is how long a name is held for a process that died meanwhile: longer than any request takes.
const nameTTL = 2 * time.Minute

// name holds a catalog's name between the look whether it is free and the commit, so that nobody else is given the same (RULES CAT-01): catalogs are in places of their own, so no commit sees two of
// them. Errors: CodeConflict.
func (c *Catalogs) name(ctx context.Context, catalog governance.Catalog) (release func(), err error) {
	id := "nameClaim:" + governance.NameID("catalog:"+strings.ToLower(catalog.DisplayName))
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
	if err := require(ctx, c.Authz, caller, governance.Fold(id), authz.OpReadCatalogs); err != nil {
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
	options, err := trimmed(ctx, c.Authz, caller, authz.OpReadCatalogs, options, "id")
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
func trimmed(ctx context.Context, a *authz.Authorizer, caller governance.Caller, operation authz.Operation, options ledger.ListOptions, path ...string) (ledger.ListOptions, error) {
	rights, err := a.For(ctx, caller)
	if err != nil {
		return options, err
	}
	if err := rights.RequireSomewhere(operation); err != nil {
		return options, err
	}
	all, ids := rights.Catalogs(operation)
	options.Filter = ledger.In(options.Filter, all, ids, path...)
	return options, nil
}

// UpdateCatalog changes a catalog: edit is given the present one and may run more than once. Errors: CodeForbidden, CodeNotFound, CodeInvalid, CodeConflict, CodePrecondition.
func (c *Catalogs) UpdateCatalog(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*governance.Catalog) error) (versioned, error) {
	if err := require(ctx, c.Authz, caller, governance.Fold(id), authz.OpWriteCatalogs); err != nil {
		return versioned{}, err
	}
	var done ledger.Committed
	err := c.Ledger.Afresh(ctx, func() error {
		present, state, err := c.Ledger.Catalog(ctx, id)
		if err != nil {
			return err
		}
		command := func(s engine.State) (engine.Change, error) {
			if err := ledger.Matches(ifMatch, s.ETag(present.Catalog)); err != nil {
				return engine.Change{}, err
			}
			return engine.UpdateCatalog(s, edit, by(c.Ledger, caller))
		}
		change, err := command(state.State)
		if err != nil {
			return err
		}
		if edited := engine.Written[governance.Catalog](change)[0]; edited.DisplayName != present.Catalog.DisplayName {
			release, err := c.name(ctx, edited)
			if err != nil {
				return err
			}
			defer release()
		}
		done, err = c.Ledger.Update(ctx, state.Place, state.Having(ledger.Whole), command, state.Version())
		return err
	})
	return made[governance.Catalog](done, "", err)
}

// DeleteCatalog deletes a catalog that has no access packages (RULES OBJ-18). Its audit chain stays. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodePrecondition.
func (c *Catalogs) DeleteCatalog(ctx context.Context, caller governance.Caller, id, ifMatch string) error {
	if err := require(ctx, c.Authz, caller, governance.Fold(id), authz.OpWriteCatalogs); err != nil {
		return err
	}
	if _, _, err := c.Ledger.Catalog(ctx, id); err != nil {
		return err
	}
	return inRounds[governance.Catalog](ctx, c.Ledger, ledger.CatalogPlace(governance.Fold(id)), "", ifMatch, func(s engine.State) (engine.Change, error) {
		return engine.DeleteCatalog(s, by(c.Ledger, caller))
	})
}

// inRounds deletes what may be more than one commit can hold, as often as something is left. What breaks off goes on when it is repeated, since that which all the rest belongs to is deleted last.
func inRounds[T governance.Document](ctx context.Context, l *ledger.Ledger, place governance.Place, id, ifMatch string, command ledger.Decide) error {
	for {
		done, err := l.Update(ctx, place, ledger.Whole, func(s engine.State) (engine.Change, error) {
			if present, ok := engine.Find[T](s, id); ok {
				if err := ledger.Matches(ifMatch, s.ETag(present)); err != nil {
					return engine.Change{}, err
				}
			}
			return command(s)
		})
		if err != nil {
			return err
		}
		_, left := engine.Find[T](done.Before, id)
		for _, document := range done.Delete {
			if _, is := document.(T); is && document.DocumentID() == id {
				left = false
			}
		}
		if !left {
			return nil
		}
	}
}
