package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// CreateCatalog makes a catalog (RULES CAT-01, CAT-03). An id in draft is that of a repeated command: a catalog that it made before is the answer. Errors: CodeForbidden, CodeInvalid,
// CodeConflict for a name that is taken.
func (a *App) CreateCatalog(ctx context.Context, caller governance.Caller, draft governance.Catalog) (Versioned[governance.Catalog], error) {
	if err := authorize(caller, OpWriteCatalogs); err != nil {
		return Versioned[governance.Catalog]{}, err
	}
	id := draft.ID
	if id == "" {
		id = a.newID()
	}
	catalog := governance.Catalog{
		ID: id, DisplayName: draft.DisplayName, Description: draft.Description, State: draft.State, CatalogType: governance.CatalogUserManaged,
		IsExternallyVisible: draft.IsExternallyVisible, CreatedDateTime: governance.At(a.now()), ModifiedDateTime: governance.At(a.now()),
	}
	if catalog.State == "" {
		catalog.State = governance.CatalogPublished
	}
	if catalog.IsExternallyVisible == nil {
		visible := true
		catalog.IsExternallyVisible = &visible
	}
	if err := catalog.Validate(); err != nil {
		return Versioned[governance.Catalog]{}, err
	}
	release, err := a.claimName(ctx, catalog)
	if err != nil {
		return Versioned[governance.Catalog]{}, err
	}
	defer release()
	if err := a.nameIsFree(ctx, catalog); err != nil {
		return Versioned[governance.Catalog]{}, err
	}
	etags, err := a.updateCatalog(ctx, id, true, func(s *catalogState) (catalogChange, error) {
		if s.catalog.ID != "" {
			catalog = s.catalog
			return catalogChange{}, nil
		}
		return edited(a.edit(kindCatalog, id, catalog, governance.ActivityCreateCatalog, caller, catalog.DisplayName)), nil
	})
	return Versioned[governance.Catalog]{Value: catalog, ETag: etags[kindCatalog]}, err
}

// nameClaim is the document that holds a name while a catalog is given it.
type nameClaim struct {
	CatalogID string `json:"catalogId"`
}

// nameClaimTTL is how long a name is held for a process that died meanwhile: longer than any request takes.
const nameClaimTTL = 2 * time.Minute

// claimName keeps others from giving the same name to another catalog between the look whether it is free and the commit: catalogs are in partitions of their own, so no commit
// sees two of them. Errors: CodeConflict.
func (a *App) claimName(ctx context.Context, catalog governance.Catalog) (release func(), err error) {
	id := documentID(kindNameClaim, governance.NameID("catalog:"+strings.ToLower(catalog.DisplayName)))
	document, err := encode(id, kindNameClaim, time.Time{}, nameClaim{CatalogID: catalog.ID})
	if err != nil {
		return nil, err
	}
	document.TTL = nameClaimTTL
	_, err = a.retry(ctx, func(bool) (bool, error) {
		_, err := a.store.Commit(ctx, store.Catalogs, tenantPartition, []store.Operation{{Verb: store.Create, Document: document}})
		if !errors.Is(err, store.ErrConflict) {
			return err == nil, err
		}
		found, getErr := a.store.Get(ctx, store.Catalogs, tenantPartition, id)
		if getErr != nil || found[0].ID == "" {
			return false, errors.Join(err, getErr) // let go of meanwhile
		}
		holder, decodeErr := decode[nameClaim](found[0])
		if decodeErr == nil && holder.CatalogID != catalog.ID {
			decodeErr = &governance.Error{Code: governance.CodeConflict, Target: "displayName", Message: fmt.Sprintf("Another catalog is being given the name %q; choose another displayName.", catalog.DisplayName)}
		}
		return decodeErr == nil, decodeErr
	})
	if err != nil {
		return nil, err
	}
	return func() {
		free := []store.Operation{{Verb: store.Delete, Document: store.Document{ID: id}}}
		if _, err := a.store.Commit(context.WithoutCancel(ctx), store.Catalogs, tenantPartition, free); err != nil && !errors.Is(err, store.ErrConflict) {
			a.log.WarnContext(ctx, "the name of a catalog stays held for a moment", "error", err)
		}
	}, nil
}

// nameIsFree refuses a name that another catalog has, in any letter case (RULES CAT-01).
func (a *App) nameIsFree(ctx context.Context, catalog governance.Catalog) error {
	query := store.Query{Kind: kindCatalog, Filter: Compare{Path: []string{"displayName"}, Comparison: Equal, Value: catalog.DisplayName, FoldCase: true}}
	for {
		page, err := a.store.Query(ctx, store.Catalogs, query)
		if err != nil {
			return fmt.Errorf("look for the name: %w", err)
		}
		for _, document := range page.Documents {
			if document.Partition != catalog.ID {
				return &governance.Error{Code: governance.CodeConflict, Target: "displayName", Message: fmt.Sprintf("There is already a catalog named %q; choose another displayName.", catalog.DisplayName)}
			}
		}
		if page.Continuation == "" {
			return nil
		}
		query.Continuation = page.Continuation
	}
}

// Catalog reads a catalog. Errors: CodeForbidden, CodeNotFound.
func (a *App) Catalog(ctx context.Context, caller governance.Caller, id string) (CatalogContent, error) {
	if err := authorize(caller, OpReadCatalogs); err != nil {
		return CatalogContent{}, err
	}
	state, err := a.loadCatalog(ctx, id)
	if err != nil {
		return CatalogContent{}, err
	}
	return contentOf(state), nil
}

// CatalogContent is a catalog with what is in it.
type CatalogContent struct {
	Versioned[governance.Catalog]
	Packages  []Versioned[governance.AccessPackage]
	Resources []Versioned[governance.Resource]
}

func contentOf(state *catalogState) CatalogContent {
	content := CatalogContent{Versioned: Versioned[governance.Catalog]{Value: state.catalog, ETag: state.etags[kindCatalog]}}
	for _, one := range state.packagesSorted() {
		content.Packages = append(content.Packages, Versioned[governance.AccessPackage]{Value: one, ETag: state.etags[documentID(kindPackage, one.ID)]})
	}
	for _, one := range state.resourcesSorted() {
		content.Resources = append(content.Resources, Versioned[governance.Resource]{Value: one, ETag: state.etags[documentID(kindResource, one.ID)]})
	}
	return content
}

// ListCatalogs lists catalogs. Errors: CodeForbidden.
func (a *App) ListCatalogs(ctx context.Context, caller governance.Caller, options ListOptions) (Page[governance.Catalog], error) {
	if err := authorize(caller, OpReadCatalogs); err != nil {
		return Page[governance.Catalog]{}, err
	}
	return list[governance.Catalog](ctx, a, store.Catalogs, kindCatalog, options)
}

// UpdateCatalog changes a catalog: edit is given the present one and may run more than once. Errors: CodeForbidden, CodeNotFound, CodeInvalid, CodeConflict, CodePrecondition.
func (a *App) UpdateCatalog(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*governance.Catalog) error) (Versioned[governance.Catalog], error) {
	if err := authorize(caller, OpWriteCatalogs); err != nil {
		return Versioned[governance.Catalog]{}, err
	}
	id = lower(id)
	var catalog governance.Catalog
	release := func() {}
	defer func() { release() }()
	etags, err := a.updateCatalog(ctx, id, false, func(s *catalogState) (catalogChange, error) {
		if err := matches(ifMatch, s.etags[kindCatalog]); err != nil {
			return catalogChange{}, err
		}
		catalog = s.catalog
		if err := edit(&catalog); err != nil {
			return catalogChange{}, err
		}
		catalog.ID, catalog.CatalogType, catalog.CreatedDateTime, catalog.ModifiedDateTime = s.catalog.ID, s.catalog.CatalogType, s.catalog.CreatedDateTime, governance.At(a.now())
		if err := catalog.Validate(); err != nil {
			return catalogChange{}, err
		}
		if catalog.DisplayName != s.catalog.DisplayName {
			free, err := a.claimName(ctx, catalog)
			if err != nil {
				return catalogChange{}, err
			}
			release = free
			if err := a.nameIsFree(ctx, catalog); err != nil {
				return catalogChange{}, err
			}
		}
		return edited(a.edit(kindCatalog, id, catalog, governance.ActivityUpdateCatalog, caller, catalog.DisplayName)), nil
	})
	return Versioned[governance.Catalog]{Value: catalog, ETag: etags[kindCatalog]}, err
}

// DeleteCatalog deletes a catalog that has no access packages (RULES OBJ-18). Its audit chain stays. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodePrecondition.
func (a *App) DeleteCatalog(ctx context.Context, caller governance.Caller, id, ifMatch string) error {
	if err := authorize(caller, OpWriteCatalogs); err != nil {
		return err
	}
	id = lower(id)
	return inRounds(func(edits func([]catalogEdit) catalogChange) error {
		_, err := a.updateCatalog(ctx, id, false, func(s *catalogState) (catalogChange, error) {
			if err := matches(ifMatch, s.etags[kindCatalog]); err != nil {
				return catalogChange{}, err
			}
			if len(s.packages) > 0 {
				return catalogChange{}, governance.Conflict("The catalog still has %d access packages; delete them first.", len(s.packages))
			}
			var all []catalogEdit
			for _, resource := range s.resourcesSorted() {
				all = append(all, a.edit(kindResource, resource.ID, nil, governance.ActivityRemoveResource, caller, resource.DisplayName))
			}
			return edits(append(all, a.edit(kindCatalog, id, nil, governance.ActivityDeleteCatalog, caller, s.catalog.DisplayName))), nil
		})
		return err
	})
}

// list is the page of a kind of documents of a container.
func list[T any](ctx context.Context, a *App, container store.Container, kind string, options ListOptions) (Page[T], error) {
	found, err := a.store.Query(ctx, container, store.Query{Partition: options.partition, Kind: kind, Filter: options.Filter, PageSize: options.PageSize, Continuation: options.Continuation})
	if err != nil {
		return Page[T]{}, listError(err)
	}
	page := Page[T]{Continuation: found.Continuation}
	for _, document := range found.Documents {
		value, err := decode[T](document)
		if err != nil {
			return Page[T]{}, err
		}
		page.Items = append(page.Items, Versioned[T]{Value: value, ETag: document.ETag})
		a.places.put(document.ID, document.Partition)
	}
	return page, nil
}
