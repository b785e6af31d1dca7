package catalog

import (
	"context"

	"latchkey/shared/app/authz"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// Packages are the use cases of access packages.
type Packages struct{ *Ports }

type versionedPackage = ledger.Versioned[governance.AccessPackage]

const packageName = "access package" // as people call it

// CreatePackage makes an access package in the catalog that draft names. Errors: CodeForbidden, CodeInvalid, CodeConflict.
func (p *Packages) CreatePackage(ctx context.Context, caller governance.Caller, draft governance.AccessPackage) (versionedPackage, error) {
	if _, err := p.Authz.Somewhere(ctx, caller, authz.OpWritePackages); err != nil {
		return versionedPackage{}, err
	}
	if draft.Catalog == nil || !governance.IsGUID(draft.Catalog.ID) {
		return versionedPackage{}, governance.Invalid("catalog/id", "An access package names its catalog: \"catalog\":{\"id\":\"…\"}.")
	}
	place, err := locate[governance.Catalog](ctx, p.Ports, caller, draft.Catalog.ID, catalogName, authz.OpWritePackages)
	if err != nil {
		return versionedPackage{}, invalid(err, "catalog/id")
	}
	draft.ID = p.Ledger.NewID(ctx)
	done, err := p.Ledger.Update(ctx, place, ledger.Whole, func(s engine.State) (engine.Change, error) {
		return engine.CreatePackage(s, draft, by(p.Ledger, caller))
	})
	return made(done, draft, err)
}

// invalid is the error of what a body names at a path: what is not there, or not for the caller to see, is a mistake of the body.
func invalid(err error, path string) error {
	if governance.CodeOf(err) == governance.CodeNotFound {
		return governance.Invalid(path, "%s", err)
	}
	return err
}

// Package reads an access package with its catalog, policies and resource role scopes. Errors: CodeForbidden, CodeNotFound.
func (p *Packages) Package(ctx context.Context, caller governance.Caller, id string) (versionedPackage, error) {
	if _, err := locate[governance.AccessPackage](ctx, p.Ports, caller, id, packageName, authz.OpReadPackages); err != nil {
		return versionedPackage{}, err
	}
	catalog, state, pack, err := ledger.CatalogWith[governance.AccessPackage](ctx, p.Ledger, id, packageName)
	if err != nil {
		return versionedPackage{}, err
	}
	return versionedPackage{Value: catalog.WholePackage(pack), ETag: state.ETag(pack)}, nil
}

// ListPackages lists access packages; with full, each with its catalog and policies. Errors: CodeForbidden.
func (p *Packages) ListPackages(ctx context.Context, caller governance.Caller, options ledger.ListOptions, full bool) (ledger.Page[governance.AccessPackage], error) {
	return filled(ctx, p.Ports, caller, authz.OpReadPackages, options, full, func(pack governance.AccessPackage) string { return pack.Catalog.ID }, (*engine.Catalog).WholePackage)
}

// filled is a list of what lies in catalogs; with full, each item is filled in from its catalog, unless it was deleted meanwhile.
func filled[T governance.Document](
	ctx context.Context, p *Ports, caller governance.Caller, operation authz.Operation, options ledger.ListOptions, full bool, catalogID func(T) string, fill func(*engine.Catalog, T) T,
) (ledger.Page[T], error) {
	options, err := p.trimmed(ctx, caller, operation, options, "catalog", "id")
	if err != nil {
		return ledger.Page[T]{}, err
	}
	page, err := ledger.List[T](ctx, p.Ledger, options)
	if err != nil || !full {
		return page, err
	}
	catalogs := p.Ledger.Catalogs(options)
	for i := range page.Items {
		catalog, _, err := catalogs.At(ctx, catalogID(page.Items[i].Value))
		switch {
		case err == nil:
			if present, ok := engine.Find[T](catalog.State, page.Items[i].Value.DocumentID()); ok {
				page.Items[i].Value = fill(catalog, present)
			}
		case governance.CodeOf(err) != governance.CodeNotFound:
			return ledger.Page[T]{}, err
		}
	}
	return page, nil
}

// UpdatePackage changes name, description and visibility of a package. Errors: CodeForbidden, CodeNotFound, CodeInvalid, CodeConflict, CodePrecondition.
func (p *Packages) UpdatePackage(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*governance.AccessPackage) error) (versionedPackage, error) {
	place, err := locate[governance.AccessPackage](ctx, p.Ports, caller, id, packageName, authz.OpWritePackages)
	if err != nil {
		return versionedPackage{}, err
	}
	pack := governance.AccessPackage{ID: governance.Fold(id)}
	done, err := p.Ledger.Update(ctx, place, ledger.Whole, matching(pack, ifMatch, func(s engine.State) (engine.Change, error) {
		return engine.UpdatePackage(s, pack.ID, edit, by(p.Ledger, caller))
	}))
	return made(done, pack, err)
}

// DeletePackage deletes a package that nobody has or waits for (OBJ-17), with its policies. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodePrecondition.
func (p *Packages) DeletePackage(ctx context.Context, caller governance.Caller, id, ifMatch string) error {
	place, err := locate[governance.AccessPackage](ctx, p.Ports, caller, id, packageName, authz.OpWritePackages)
	if err != nil {
		return err
	}
	pack := governance.AccessPackage{ID: governance.Fold(id)}
	return deletion{
		ledger: p.Ledger, place: place, document: pack, ifMatch: ifMatch,
		command: func(s engine.State) (engine.Change, error) {
			return engine.DeletePackage(s, pack.ID, by(p.Ledger, caller))
		},
		unused: unused(p.Ledger, pack.ID, packageName, []string{"accessPackage", "id"}, []string{"accessPackage", "id"}),
	}.run(ctx)
}

// AddRoleScope adds a role of a resource of the catalog to a package (CAT-06, RES-02, RES-06, OBJ-10); all who have the package are given it then (RES-12). A role that it has already is the answer. Errors: CodeForbidden, CodeNotFound,
// CodeInvalid, CodeConflict.
func (p *Packages) AddRoleScope(ctx context.Context, caller governance.Caller, packageID string, draft governance.ResourceRoleScope) (added governance.ResourceRoleScope, err error) {
	place, err := locate[governance.AccessPackage](ctx, p.Ports, caller, packageID, packageName, authz.OpWritePackages)
	if err != nil {
		return added, err
	}
	done, err := p.Ledger.Update(ctx, place, ledger.Whole, func(s engine.State) (change engine.Change, err error) {
		change, added, err = engine.AddRoleScope(s, governance.Fold(packageID), draft, by(p.Ledger, caller))
		return change, err
	})
	if err == nil && added.ID == "" { // a repeated command, maybe of a package that is no more
		_, added, _ = engine.AddRoleScope(done.Before, governance.Fold(packageID), draft, by(p.Ledger, caller))
	}
	return added, err
}

// RemoveRoleScope removes a role from a package; from all who have it by the package alone it is taken then (RES-12). Errors: CodeForbidden, CodeNotFound.
func (p *Packages) RemoveRoleScope(ctx context.Context, caller governance.Caller, packageID, roleScopeID string) error {
	place, err := locate[governance.AccessPackage](ctx, p.Ports, caller, packageID, packageName, authz.OpWritePackages)
	if err != nil {
		return err
	}
	_, err = p.Ledger.Update(ctx, place, ledger.Whole, func(s engine.State) (engine.Change, error) {
		return engine.RemoveRoleScope(s, governance.Fold(packageID), governance.Fold(roleScopeID), by(p.Ledger, caller))
	})
	return err
}
