package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

func isNotFound(err error) bool { return errors.Is(err, directory.ErrNotFound) }

// RequestResource adds a resource to a catalog or removes it, at once (RULES OBJ-09, OBJ-19, RES-07). Errors: CodeForbidden, CodeInvalid, CodeConflict.
func (a *App) RequestResource(ctx context.Context, caller governance.Caller, draft governance.ResourceRequest) (governance.ResourceRequest, error) {
	if err := authorize(caller, OpWriteCatalogs); err != nil {
		return governance.ResourceRequest{}, err
	}
	switch {
	case draft.Catalog == nil || !governance.IsGUID(draft.Catalog.ID):
		return governance.ResourceRequest{}, governance.Invalid("catalog/id", "A resource request names its catalog: \"catalog\":{\"id\":\"…\"}.")
	case draft.Resource == nil || draft.Resource.OriginID == "" && draft.Resource.ID == "":
		return governance.ResourceRequest{}, governance.Invalid("resource/originId", "A resource request names its resource: \"resource\":{\"originId\":\"…\",\"originSystem\":\"AadGroup\"}.")
	}
	request := governance.ResourceRequest{
		ID: draft.ID, RequestType: draft.RequestType, State: governance.StateDelivered, CreatedDateTime: governance.At(a.now()),
		Catalog: &governance.Catalog{ID: lower(draft.Catalog.ID)}, Resource: draft.Resource,
	}
	if request.ID == "" {
		request.ID = a.newID()
	}
	var err error
	switch draft.RequestType {
	case governance.ResourceAdminAdd:
		err = a.addResource(ctx, caller, &request)
	case governance.ResourceAdminRemove:
		err = a.removeResource(ctx, caller, &request)
	case governance.ResourceAdminUpdate:
		err = governance.Invalid("requestType", "requestType adminUpdate is not supported; use adminAdd or adminRemove.")
	default:
		err = governance.Invalid("requestType", "requestType is missing; use adminAdd or adminRemove.")
	}
	if governance.CodeOf(err) == governance.CodeNotFound && err != nil {
		err = governance.Invalid("catalog/id", "There is no catalog %s.", request.Catalog.ID)
	}
	return request, err
}

func (a *App) addResource(ctx context.Context, caller governance.Caller, request *governance.ResourceRequest) error {
	if !strings.EqualFold(request.Resource.OriginSystem, governance.OriginGroup) {
		return governance.Invalid("resource/originSystem", "originSystem %q is not supported by this release; use %s.", shorten(request.Resource.OriginSystem), governance.OriginGroup)
	}
	if !governance.IsGUID(request.Resource.OriginID) {
		return governance.Invalid("resource/originId", "originId must be the id of a group, a GUID.")
	}
	group, err := a.directory.Group(ctx, lower(request.Resource.OriginID))
	switch {
	case isNotFound(err):
		return governance.Invalid("resource/originId", "The directory has no group %s.", request.Resource.OriginID)
	case err != nil:
		return fmt.Errorf("look up the group: %w", err)
	case group.OnPremisesSync:
		return governance.Invalid("resource/originId", "The group %q is synchronised from on-premises, so its members cannot be changed here; use a cloud group.", group.DisplayName)
	case slices.Contains(group.GroupTypes, "DynamicMembership"):
		return governance.Invalid("resource/originId", "The group %q has dynamic membership, so its members cannot be changed; use a group with assigned members.", group.DisplayName)
	}
	id := governance.NameID("resource:" + request.Catalog.ID + ":" + lower(group.ID))
	resource := governance.Resource{
		ID: id, DisplayName: group.DisplayName, Description: group.Description, OriginID: lower(group.ID), OriginSystem: governance.OriginGroup,
		CreatedDateTime: governance.At(a.now()), Catalog: request.Catalog,
		Scopes: []governance.ResourceScope{{
			ID: governance.NameID("scope:" + id), DisplayName: "Root", Description: "Root Scope", OriginID: lower(group.ID), OriginSystem: governance.OriginGroup, IsRootScope: true,
		}},
	}
	for _, role := range []string{governance.GrantMember, governance.GrantOwner} {
		resource.Roles = append(resource.Roles, governance.ResourceRole{
			ID: governance.NameID("role:" + id + ":" + role), DisplayName: role, OriginID: role + "_" + resource.OriginID, OriginSystem: governance.OriginGroup,
		})
	}
	if at := resource.Contradicts(request.Resource); at != "" {
		return governance.Invalid("resource/"+at, "resource/%s is not that of the group %q.", at, group.DisplayName)
	}
	_, err = a.updateCatalog(ctx, request.Catalog.ID, false, func(s *catalogState) (catalogChange, error) {
		if present, ok := s.resources[id]; ok {
			if made, err := a.madeBefore(ctx, request); err != nil || made {
				return catalogChange{}, err
			}
			return catalogChange{}, governance.Conflict("The catalog already has the resource %q (%s).", present.DisplayName, id)
		}
		request.Resource = &resource
		change := edited(a.edit(kindResource, id, resource, governance.ActivityAddResource, caller, group.DisplayName))
		change.request = request
		return change, nil
	})
	return err
}

// madeBefore says whether this very request was carried out before, and fills it in.
func (a *App) madeBefore(ctx context.Context, request *governance.ResourceRequest) (bool, error) {
	found, err := a.store.Get(ctx, store.Catalogs, request.Catalog.ID, documentID(kindResourceRequest, request.ID))
	if err != nil || found[0].ID == "" {
		return false, err
	}
	*request, err = decode[governance.ResourceRequest](found[0])
	return err == nil, err
}

func (a *App) removeResource(ctx context.Context, caller governance.Caller, request *governance.ResourceRequest) error {
	_, err := a.updateCatalog(ctx, request.Catalog.ID, false, func(s *catalogState) (catalogChange, error) {
		for _, resource := range s.resourcesSorted() {
			if !strings.EqualFold(resource.ID, request.Resource.ID) && !strings.EqualFold(resource.OriginID, request.Resource.OriginID) && !strings.EqualFold(resource.OriginID, request.Resource.ID) {
				continue
			}
			if at := resource.Contradicts(request.Resource); at != "" {
				return catalogChange{}, governance.Invalid("resource/"+at, "resource/%s is not that of the resource %q, which the body names too.", at, resource.DisplayName)
			}
			for _, pack := range s.packagesSorted() {
				for _, scope := range pack.ResourceRoleScopes {
					if scope.Role != nil && scope.Role.Resource != nil && scope.Role.Resource.ID == resource.ID {
						return catalogChange{}, governance.Conflict("The resource is used by the access package %q; remove its role there first.", pack.DisplayName)
					}
				}
			}
			request.Resource = &resource
			change := edited(a.edit(kindResource, resource.ID, nil, governance.ActivityRemoveResource, caller, resource.DisplayName))
			change.request = request
			return change, nil
		}
		if made, err := a.madeBefore(ctx, request); err != nil || made {
			return catalogChange{}, err
		}
		return catalogChange{}, governance.Invalid("resource", "The catalog has no such resource.")
	})
	return err
}

// ListResources lists the resources of a catalog, with their roles and scopes. Errors: CodeForbidden, CodeNotFound.
func (a *App) ListResources(ctx context.Context, caller governance.Caller, catalogID string, options ListOptions) (Page[governance.Resource], error) {
	if err := authorize(caller, OpReadCatalogs); err != nil {
		return Page[governance.Resource]{}, err
	}
	state, err := a.loadCatalog(ctx, catalogID)
	if err != nil {
		return Page[governance.Resource]{}, err
	}
	options.partition = state.catalog.ID
	return list[governance.Resource](ctx, a, store.Catalogs, kindResource, options)
}

// ListResourceRequests lists the requests that brought resources into catalogs and out of them. Errors: CodeForbidden.
func (a *App) ListResourceRequests(ctx context.Context, caller governance.Caller, options ListOptions) (Page[governance.ResourceRequest], error) {
	if err := authorize(caller, OpReadCatalogs); err != nil {
		return Page[governance.ResourceRequest]{}, err
	}
	return list[governance.ResourceRequest](ctx, a, store.Catalogs, kindResourceRequest, options)
}

// ResourceRequest reads one of them. Errors: CodeForbidden, CodeNotFound.
func (a *App) ResourceRequest(ctx context.Context, caller governance.Caller, id string) (Versioned[governance.ResourceRequest], error) {
	if err := authorize(caller, OpReadCatalogs); err != nil {
		return Versioned[governance.ResourceRequest]{}, err
	}
	return read[governance.ResourceRequest](ctx, a, store.Catalogs, kindResourceRequest, id, "resource request")
}

// read finds one document by its resource's id. Errors: CodeNotFound.
func read[T any](ctx context.Context, a *App, container store.Container, kind, id, what string) (Versioned[T], error) {
	partition, err := a.locate(ctx, container, kind, id, what)
	if err != nil {
		return Versioned[T]{}, err
	}
	found, err := a.store.Get(ctx, container, partition, documentID(kind, lower(id)))
	if err != nil {
		return Versioned[T]{}, fmt.Errorf("read %s: %w", what, err)
	}
	if found[0].ID == "" {
		return Versioned[T]{}, governance.NotFound("There is no %s %s.", what, id)
	}
	value, err := decode[T](found[0])
	return Versioned[T]{Value: value, ETag: found[0].ETag}, err
}
