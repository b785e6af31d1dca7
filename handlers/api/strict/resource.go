package strict

// Resource is accessPackageResource, ResourceRole and ResourceScope its roles and scopes: what a client describes by id, by originId or by
// both. That they are of one resource is looked at where the catalog is known.
var (
	Resource = &Type{Name: "accessPackageResource",
		Derived: []*Type{plainResource, {Name: "customDataProvidedResource", Waits: waitsResources}},
		Untyped: func(*node) *Type { return plainResource }}
	plainResource = &Type{Name: "accessPackageResource"}
	ResourceRole  = &Type{Name: "accessPackageResourceRole"}
	ResourceScope = &Type{Name: "accessPackageResourceScope"}
	// RoleScope is accessPackageResourceRoleScope (OBJ-10).
	RoleScope = &Type{Name: "accessPackageResourceRoleScope"}
	// ResourceRequest is accessPackageResourceRequest (OBJ-09).
	ResourceRequest = &Type{Name: "accessPackageResourceRequest", Adapt: adaptResourceRequest}
)

func init() {
	described := append([]Member{
		{Name: "id", Kind: Text},
		{Name: "originId", Kind: Text},
		{Name: "originSystem", Kind: Text, Waiting: waiting(waitsResources, "AadApplication", "SharePointOnline", "DirectoryRole", "CustomDataProvidedResource")},
	}, noise("description", "createdDateTime", "modifiedDateTime")...)
	with := func(more ...Member) []Member { return append(append([]Member{}, described...), more...) }
	resource := Member{Name: "resource", Beta: []string{"accessPackageResource"}, Kind: Object, Of: Resource}

	plainResource.Members = with(append([]Member{
		{Name: "attributes", Waits: waitsAttributes},
		{Name: "environment", Beta: []string{"accessPackageResourceEnvironment"}, Waits: waitsResources},
		{Name: "uploadSessions", Waits: waitsResources},
		{Name: "roles", Beta: []string{"accessPackageResourceRoles"}, Kind: List, Of: ResourceRole}, // the resource brings them: they must be its own
		{Name: "scopes", Beta: []string{"accessPackageResourceScopes"}, Kind: List, Of: ResourceScope},
		{Name: "catalog", Beta: []string{"accessPackageCatalog"}, Kind: Ref, Of: Catalog, Sets: catalogSets},
	}, noise("displayName", "resourceType", "url", "addedBy", "addedOn", "isPendingOnboarding")...)...)
	name := Member{Name: "displayName", Kind: Text}
	ResourceRole.Members = with(name, resource, Member{Name: "type", Waits: waitsResources})
	ResourceScope.Members = with(name, resource, Member{Name: "isRootScope", Kind: Bool}, Member{Name: "roleOriginId", Kind: Text},
		Member{Name: "url", Kind: Noise})
	ResourceScope.Adapt = func(_ *reading, n *node) error {
		if root := n.find("isRootScope"); root != nil && root.kind != isNull && nothing(nil, root) {
			return root.invalid("cannot be false: a role is given in the root scope of its resource")
		}
		return nil
	}
	RoleScope.Members = append([]Member{
		{Name: "id", Kind: Text},
		{Name: "role", Beta: []string{"accessPackageResourceRole"}, Kind: Object, Of: ResourceRole},
		{Name: "scope", Beta: []string{"accessPackageResourceScope"}, Kind: Object, Of: ResourceScope},
	}, noise("createdDateTime", "modifiedDateTime", "createdBy", "modifiedBy")...)
	RoleScope.Adapt = func(_ *reading, n *node) error {
		role := n.find("role", "accessPackageResourceRole")
		if role == nil || role.kind != isObject {
			return nil // refused where it is read, or where it is missing
		}
		of := n.find("scope", "accessPackageResourceScope").take("roleOriginId")
		if of == nil || nothing(nil, of) {
			return nil
		}
		return role.identify("originId", of)
	}
	ResourceRequest.Members = append([]Member{
		{
			Name: "requestType", Kind: Enum, Is: "accessPackageRequestType", Values: []string{"adminAdd", "adminRemove"},
			Waiting: map[string]string{"adminUpdate": waitsAttributes, "userAdd": waitsResources, "userRemove": waitsResources},
		},
		{Name: "catalog", Beta: []string{"accessPackageCatalog"}, Kind: Ref, Of: Catalog, Sets: catalogSets},
		{Name: "catalogId", Kind: Noise}, // told to catalog before
		resource,
		{Name: "isValidationOnly", Kind: Bool, Decided: true, Waits: waitsWho},
		{Name: "executeImmediately", Kind: Noise}, // it always is; see adaptResourceRequest
		{Name: "requestor", Never: "is the caller; leave it out"},
		{Name: "justification", Never: "is not kept of a resource request; leave it out"},
		{Name: "expirationDateTime", Never: "is not read; a resource is in its catalog until it is removed"},
		{Name: "state", Kind: Noise, Is: "accessPackageRequestState", Values: requestStates},
		{Name: "history", Waits: waitsHistory},
	}, noise("id", "requestState", "requestStatus", "createdDateTime")...)
}

func adaptResourceRequest(_ *reading, n *node) error {
	if err := n.refer("catalogId", "catalog", "accessPackageCatalog"); err != nil {
		return err
	}
	if now := n.find("executeImmediately"); now != nil && now.kind != isNull {
		if value, err := boolean(now); err != nil {
			return err
		} else if value == false {
			return now.invalid("cannot be false: a resource request is carried out at once")
		}
	}
	return nil
}
