package catalog

import (
	"context"
	"maps"
	"slices"
	"strings"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// Resources are the use cases of what is in catalogs to be given.
type Resources struct{ *Ports }

const requestName = "resource request" // as people call it

// RequestResource adds a resource to a catalog or removes it, at once (OBJ-09, OBJ-19, RES-07). Errors: CodeForbidden, CodeInvalid, CodeConflict.
func (r *Resources) RequestResource(ctx context.Context, caller governance.Caller, draft governance.ResourceRequest) (governance.ResourceRequest, error) {
	none := governance.ResourceRequest{}
	rights, err := r.Authz.Somewhere(ctx, caller, authz.OpWriteCatalogs)
	if err != nil {
		return none, err
	}
	switch {
	case draft.Catalog == nil || !governance.IsGUID(draft.Catalog.ID):
		return none, governance.Invalid("catalog/id", "A resource request names its catalog: \"catalog\":{\"id\":\"…\"}.")
	case draft.Resource == nil || draft.Resource.OriginID == "" && draft.Resource.ID == "":
		return none, governance.Invalid("resource/originId", "A resource request names its resource: \"resource\":{\"originId\":\"…\",\"originSystem\":\"AadGroup\"}.")
	}
	place, err := locate[governance.Catalog](ctx, r.Ports, caller, draft.Catalog.ID, catalogName, authz.OpWriteCatalogs)
	if err != nil {
		return none, invalid(err, "catalog/id")
	}
	request := governance.ResourceRequest{
		ID: r.Ledger.NewID(ctx), RequestType: draft.RequestType, State: governance.StateDelivered, CreatedDateTime: governance.At(r.Ledger.Now()),
		Catalog: &governance.Catalog{ID: place.Partition}, Resource: draft.Resource,
	}
	if before, err := ledger.Repeated[governance.ResourceRequest](ctx, r.Ledger, request.ID, requestName); err != nil || before.ID != "" {
		return before, err
	}
	command := engine.RemoveResource
	switch draft.RequestType {
	case governance.ResourceAdminAdd:
		resource, err := r.describe(ctx, request)
		if err != nil {
			return none, err
		}
		is := resource
		if given := request.Resource.ID; given != "" && governance.Fold(given) != resource.ID { // it may have been read in another catalog
			elsewhere, err := ledger.Get[governance.Resource](ctx, r.Ledger, given, "resource")
			if err == nil && elsewhere.Value.OriginID == resource.OriginID && rights.In(elsewhere.Value.Catalog.ID, authz.OpReadCatalogs) {
				is = elsewhere.Value
				is.Catalog = request.Catalog
			}
		}
		if at := is.Contradicts(request.Resource); at != "" {
			return none, governance.Invalid("resource/"+at, "resource/%s is not that of the resource %q.", at, resource.DisplayName)
		}
		request.Resource, command = &resource, engine.AddResource
	case governance.ResourceAdminRemove:
	default:
		return none, governance.Invalid("requestType", "requestType is missing or not for this release; use adminAdd or adminRemove.")
	}
	done, err := r.Ledger.Update(ctx, place, ledger.Whole, func(s engine.State) (engine.Change, error) {
		return command(s, request, by(r.Ledger, caller))
	})
	if err != nil {
		return none, err
	}
	return ledger.MadeOrRepeated[governance.ResourceRequest](ctx, r.Ledger, done, request.ID, requestName)
}

// describe is the resource of a request to add, as the catalog is to have it. Errors: CodeInvalid.
func (r *Resources) describe(ctx context.Context, request governance.ResourceRequest) (governance.Resource, error) {
	provisioner, ok := directory.ProvisionerOf(r.Directory, request.Resource.OriginSystem)
	if !ok {
		return governance.Resource{}, governance.Invalid("resource/originSystem", "originSystem %q is not supported by this release; use %s.",
			governance.Clip(request.Resource.OriginSystem), strings.Join(slices.Sorted(maps.Keys(directory.Provisioners)), " or "))
	}
	resource, err := provisioner.Describe(ctx, request.Resource.OriginID)
	if err != nil {
		return governance.Resource{}, err
	}
	resource.ID = governance.NameID("resource:" + request.Catalog.ID + ":" + resource.OriginID)
	resource.CreatedDateTime, resource.Catalog = governance.At(r.Ledger.Now()), request.Catalog
	for i := range resource.Roles {
		resource.Roles[i].ID = governance.NameID("role:" + resource.ID + ":" + resource.Roles[i].OriginID)
	}
	for i := range resource.Scopes {
		resource.Scopes[i].ID = governance.NameID("scope:" + resource.ID + ":" + resource.Scopes[i].OriginID)
	}
	return resource, nil
}

// ListResources lists the resources of a catalog, with their roles and scopes. Errors: CodeForbidden, CodeNotFound.
func (r *Resources) ListResources(ctx context.Context, caller governance.Caller, catalogID string, options ledger.ListOptions) (ledger.Page[governance.Resource], error) {
	place, err := locate[governance.Catalog](ctx, r.Ports, caller, catalogID, catalogName, authz.OpReadCatalogs)
	if err == nil {
		_, _, err = r.Ledger.Catalog(ctx, catalogID)
	}
	if err != nil {
		return ledger.Page[governance.Resource]{}, err
	}
	options.Partition = place.Partition
	return ledger.List[governance.Resource](ctx, r.Ledger, options)
}

// ListResourceRequests lists the requests that brought resources into catalogs and out of them. Errors: CodeForbidden.
func (r *Resources) ListResourceRequests(ctx context.Context, caller governance.Caller, options ledger.ListOptions) (ledger.Page[governance.ResourceRequest], error) {
	options, err := r.trimmed(ctx, caller, authz.OpReadCatalogs, options, "catalog", "id")
	if err != nil {
		return ledger.Page[governance.ResourceRequest]{}, err
	}
	return ledger.List[governance.ResourceRequest](ctx, r.Ledger, options)
}

// ResourceRequest reads one of them. Errors: CodeForbidden, CodeNotFound.
func (r *Resources) ResourceRequest(ctx context.Context, caller governance.Caller, id string) (ledger.Versioned[governance.ResourceRequest], error) {
	place, err := locate[governance.ResourceRequest](ctx, r.Ports, caller, id, requestName, authz.OpReadCatalogs)
	if err != nil {
		return ledger.Versioned[governance.ResourceRequest]{}, err
	}
	return ledger.GetAt[governance.ResourceRequest](ctx, r.Ledger, place, governance.Fold(id), requestName)
}
