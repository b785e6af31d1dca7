package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

type versionedPackage = Versioned[governance.AccessPackage]

var packages = catalogEntry[governance.AccessPackage]{
	kind: kindPackage, what: "access package", whole: wholePackage,
	id: func(pack governance.AccessPackage) string { return pack.ID },
	of: func(s *catalogState) map[string]governance.AccessPackage { return s.packages },
}

// CreatePackage makes an access package in the catalog that draft names. Errors: CodeForbidden, CodeInvalid.
func (a *App) CreatePackage(ctx context.Context, caller governance.Caller, draft governance.AccessPackage) (versionedPackage, error) {
	if err := authorize(caller, OpWritePackages); err != nil {
		return versionedPackage{}, err
	}
	if draft.Catalog == nil || !governance.IsGUID(draft.Catalog.ID) {
		return versionedPackage{}, governance.Invalid("catalog/id", "An access package names its catalog: \"catalog\":{\"id\":\"…\"}.")
	}
	catalogID := lower(draft.Catalog.ID)
	pack := governance.AccessPackage{
		ID: draft.ID, DisplayName: draft.DisplayName, Description: draft.Description, IsHidden: draft.IsHidden,
		Catalog: &governance.Catalog{ID: catalogID}, CreatedDateTime: governance.At(a.now()), ModifiedDateTime: governance.At(a.now()),
	}
	if pack.ID == "" {
		pack.ID = a.newID()
	}
	if err := pack.Validate(); err != nil {
		return versionedPackage{}, err
	}
	document := documentID(kindPackage, pack.ID)
	etags, err := a.updateCatalog(ctx, catalogID, false, func(s *catalogState) (catalogChange, error) {
		if made, ok := s.packages[pack.ID]; ok {
			pack = made
			return catalogChange{}, nil
		}
		if err := packageNameIsFree(s, pack); err != nil {
			return catalogChange{}, err
		}
		return edited(a.edit(kindPackage, pack.ID, pack, governance.ActivityCreatePackage, caller, pack.DisplayName)), nil
	})
	if governance.CodeOf(err) == governance.CodeNotFound {
		err = governance.Invalid("catalog/id", "There is no catalog %s.", catalogID)
	}
	if err != nil {
		return versionedPackage{}, err
	}
	a.places.put(document, catalogID)
	return versionedPackage{Value: pack, ETag: etags[document]}, nil
}

// packageNameIsFree refuses a name that another package of the catalog has.
func packageNameIsFree(s *catalogState, pack governance.AccessPackage) error {
	for _, other := range s.packages {
		if other.ID != pack.ID && strings.EqualFold(other.DisplayName, pack.DisplayName) {
			return &governance.Error{Code: governance.CodeConflict, Target: "displayName", Message: fmt.Sprintf("The catalog already has an access package named %q; choose another displayName.", pack.DisplayName)}
		}
	}
	return nil
}

// packageState finds a package with its catalog. Errors: CodeNotFound.
func (a *App) packageState(ctx context.Context, id string) (*catalogState, governance.AccessPackage, error) {
	return packages.find(ctx, a, id)
}

// Package reads an access package with its catalog, policies and resource role scopes. Errors: CodeForbidden, CodeNotFound.
func (a *App) Package(ctx context.Context, caller governance.Caller, id string) (versionedPackage, error) {
	if err := authorize(caller, OpReadPackages); err != nil {
		return versionedPackage{}, err
	}
	return packages.read(ctx, a, id)
}

func wholePackage(state *catalogState, pack governance.AccessPackage) governance.AccessPackage {
	catalog := state.catalog
	pack.Catalog = &catalog
	pack.AssignmentPolicies = state.policiesOf(pack.ID)
	return pack
}

// ListPackages lists access packages; with full, each with its catalog and policies. Errors: CodeForbidden.
func (a *App) ListPackages(ctx context.Context, caller governance.Caller, options ListOptions, full bool) (Page[governance.AccessPackage], error) {
	if err := authorize(caller, OpReadPackages); err != nil {
		return Page[governance.AccessPackage]{}, err
	}
	return packages.list(ctx, a, options, full)
}

// changePackage is a change to one package in its catalog.
func (a *App) changePackage(ctx context.Context, caller governance.Caller, id, ifMatch string, command func(*catalogState, *governance.AccessPackage) (governance.Activity, string, error)) (versionedPackage, error) {
	if err := authorize(caller, OpWritePackages); err != nil {
		return versionedPackage{}, err
	}
	var pack governance.AccessPackage
	etag, err := packages.change(ctx, a, id, ifMatch, func(s *catalogState, present governance.AccessPackage) (catalogChange, error) {
		present.ResourceRoleScopes = slices.Clone(present.ResourceRoleScopes)
		pack = present
		activity, detail, err := command(s, &pack)
		if err != nil || activity == "" {
			return catalogChange{}, err
		}
		pack.ModifiedDateTime = governance.At(a.now())
		return edited(a.edit(kindPackage, pack.ID, pack, activity, caller, detail)), nil
	})
	return versionedPackage{Value: pack, ETag: etag}, err
}

// UpdatePackage changes name, description and visibility of a package. Errors: CodeForbidden, CodeNotFound, CodeInvalid, CodeConflict, CodePrecondition.
func (a *App) UpdatePackage(ctx context.Context, caller governance.Caller, id, ifMatch string, edit func(*governance.AccessPackage) error) (versionedPackage, error) {
	return a.changePackage(ctx, caller, id, ifMatch, func(s *catalogState, pack *governance.AccessPackage) (governance.Activity, string, error) {
		edited := *pack
		if err := edit(&edited); err != nil {
			return "", "", err
		}
		pack.DisplayName, pack.Description, pack.IsHidden = edited.DisplayName, edited.Description, edited.IsHidden
		if err := pack.Validate(); err != nil {
			return "", "", err
		}
		return governance.ActivityUpdatePackage, pack.DisplayName, packageNameIsFree(s, *pack)
	})
}

// DeletePackage deletes a package that nobody has or waits for (RULES OBJ-17), with its policies. Errors: CodeForbidden, CodeNotFound, CodeConflict, CodePrecondition.
func (a *App) DeletePackage(ctx context.Context, caller governance.Caller, id, ifMatch string) error {
	if err := authorize(caller, OpWritePackages); err != nil {
		return err
	}
	_, pack, err := a.packageState(ctx, id)
	if err != nil {
		return err
	}
	if err := a.unused(ctx, []string{"accessPackage", "id"}, pack.ID, "access package"); err != nil {
		return err
	}
	return inRounds(func(edits func([]catalogEdit) catalogChange) error {
		_, err := packages.change(ctx, a, id, ifMatch, func(s *catalogState, pack governance.AccessPackage) (catalogChange, error) {
			var all []catalogEdit
			for _, policy := range s.policiesOf(pack.ID) {
				all = append(all, a.edit(kindPolicy, policy.ID, nil, governance.ActivityDeletePolicy, caller, policy.DisplayName))
			}
			return edits(append(all, a.edit(kindPackage, pack.ID, nil, governance.ActivityDeletePackage, caller, pack.DisplayName))), nil
		})
		return err
	})
}

// unused refuses to delete what live assignments or open requests refer to at path.
func (a *App) unused(ctx context.Context, path []string, id, what string) error {
	refers := Compare{Path: path, Comparison: Equal, Value: id}
	live := And{refers, Not{Filter: Compare{Path: []string{"state"}, Comparison: Equal, Value: string(governance.AssignmentExpired)}}}
	if found, err := a.any(ctx, kindAssignment, live); err != nil || found {
		if found {
			err = governance.Conflict("The %s cannot be deleted while it has assignments; remove them first.", what)
		}
		return err
	}
	if path[0] == "assignmentPolicy" {
		refers.Path = []string{"policy", "id"}
	}
	open := And{refers, In{Path: []string{"state"}, Values: []string{string(governance.StateSubmitted), string(governance.StatePendingApproval), string(governance.StateScheduled), string(governance.StateDelivering)}}}
	if found, err := a.any(ctx, kindRequest, open); err != nil || found {
		if found {
			err = governance.Conflict("The %s cannot be deleted while requests for it are open; cancel or decide them first.", what)
		}
		return err
	}
	return nil
}

// any says whether a document of this kind fits.
func (a *App) any(ctx context.Context, kind string, filter Filter) (bool, error) {
	query := store.Query{Kind: kind, Filter: filter, PageSize: 1}
	for {
		page, err := a.store.Query(ctx, store.Subjects, query)
		if err != nil {
			return false, fmt.Errorf("look for what uses it: %w", err)
		}
		if len(page.Documents) > 0 {
			return true, nil
		}
		if page.Continuation == "" {
			return false, nil
		}
		query.Continuation = page.Continuation
	}
}

// AddRoleScope adds a role of a resource of the catalog to a package (RULES CAT-06, RES-02, RES-06, OBJ-10). A role that it has already is the answer. Errors: CodeForbidden, CodeNotFound,
// CodeInvalid.
func (a *App) AddRoleScope(ctx context.Context, caller governance.Caller, packageID string, draft governance.ResourceRoleScope) (governance.ResourceRoleScope, error) {
	var added governance.ResourceRoleScope
	_, err := a.changePackage(ctx, caller, packageID, "", func(s *catalogState, pack *governance.AccessPackage) (governance.Activity, string, error) {
		resource, role, err := findRole(s, draft)
		if err != nil {
			return "", "", err
		}
		scope := resource.Scopes[0]
		origin := governance.Resource{ID: resource.ID, DisplayName: resource.DisplayName, OriginID: resource.OriginID, OriginSystem: resource.OriginSystem}
		role.Resource, scope.Resource = &origin, &origin
		added = governance.ResourceRoleScope{ID: role.ID + "_" + scope.ID, CreatedDateTime: governance.At(a.now()), Role: &role, Scope: &scope}
		if at := added.Contradicts(&draft); at != "" {
			return "", "", governance.Invalid(at, "%s is another's: the body names the role %q of the resource %q, and then something else.", at, role.OriginID, resource.DisplayName)
		}
		if present, ok := pack.RoleScope(added.ID); ok {
			added = present
			return "", "", nil
		}
		if len(pack.ResourceRoleScopes) >= governance.MaxRoleScopes {
			return "", "", governance.Conflict("An access package has at most %d resource roles.", governance.MaxRoleScopes)
		}
		pack.ResourceRoleScopes = append(pack.ResourceRoleScopes, added)
		return governance.ActivityAddResourceRole, role.DisplayName + " of " + resource.DisplayName, nil
	})
	return added, err
}

// findRole finds the resource and role of the catalog that a client describes by id or by originId.
func findRole(s *catalogState, draft governance.ResourceRoleScope) (governance.Resource, governance.ResourceRole, error) {
	if draft.Role == nil || draft.Role.OriginID == "" && draft.Role.ID == "" {
		return governance.Resource{}, governance.ResourceRole{}, governance.Invalid("role/originId", "role needs originId, such as Member_{group id}, or id.")
	}
	wanted := []string{}
	if resource := draft.Role.Resource; resource != nil {
		wanted = append(wanted, resource.ID, resource.OriginID)
	}
	if draft.Scope != nil {
		wanted = append(wanted, draft.Scope.OriginID)
	}
	if _, group, ok := strings.Cut(draft.Role.OriginID, "_"); ok {
		wanted = append(wanted, group)
	}
	for _, resource := range s.resourcesSorted() {
		for _, role := range resource.Roles {
			if draft.Role.ID != "" && (strings.EqualFold(role.ID, draft.Role.ID) || draft.Role.OriginID == "" && strings.EqualFold(role.OriginID, draft.Role.ID)) {
				return resource, role, nil
			}
			named := slices.ContainsFunc(wanted, func(id string) bool {
				return id != "" && (strings.EqualFold(id, resource.ID) || strings.EqualFold(id, resource.OriginID))
			})
			if named && strings.EqualFold(role.OriginID, draft.Role.OriginID) {
				return resource, role, nil
			}
		}
	}
	return governance.Resource{}, governance.ResourceRole{}, governance.Invalid("role/originId",
		"The catalog of this access package has no resource with the role %q; add the resource with a resourceRequest first, and use the originId of one of its roles.", shorten(draft.Role.OriginID))
}

// RemoveRoleScope removes a role from a package. Whoever was granted it by an assignment keeps it until that assignment ends. Errors: CodeForbidden, CodeNotFound.
func (a *App) RemoveRoleScope(ctx context.Context, caller governance.Caller, packageID, roleScopeID string) error {
	_, err := a.changePackage(ctx, caller, packageID, "", func(_ *catalogState, pack *governance.AccessPackage) (governance.Activity, string, error) {
		scope, ok := pack.RoleScope(lower(roleScopeID))
		if !ok {
			return "", "", governance.NotFound("The access package has no resource role scope %q.", shorten(roleScopeID))
		}
		pack.ResourceRoleScopes = slices.DeleteFunc(pack.ResourceRoleScopes, func(one governance.ResourceRoleScope) bool { return one.ID == scope.ID })
		return governance.ActivityRemoveResourceRole, scope.Role.OriginID, nil
	})
	return err
}
