package strict

// Resource is accessPackageResource, ResourceRole and ResourceScope its roles and scopes: what a client describes by id, by originId or by both. That they are of one resource is looked at where
// the catalog is known.
var (
	Resource      = &Type{Name: "accessPackageResource", Derived: []*Type{plainResource, {Name: "customDataProvidedResource", Waits: waitsResources}}, Untyped: func(*node) *Type { return plainResource }}
	plainResource = &Type{Name: "accessPackageResource"}
	ResourceRole  = &Type{Name: "accessPackageResourceRole"}
	ResourceScope = &Type{Name: "accessPackageResourceScope"}
	// RoleScope is accessPackageResourceRoleScope (RULES OBJ-10).
	RoleScope = &Type{Name: "accessPackageResourceRoleScope"}
	// ResourceRequest is accessPackageResourceRequest (RULES OBJ-09).
	ResourceRequest = &Type{Name: "accessPackageResourceRequest", Adapt: adaptResourceRequest}
)

func init() {
	described := append([]Member{
		{Name: "id", Kind: Text},
		{Name: "originId", Kind: Text},
		{Name: "originSystem", Kind: Text},
	}, noise("displayName", "description", "createdDateTime", "modifiedDateTime")...)
	with := func(more ...Member) []Member { return append(append([]Member{}, described...), more...) }
	resource := Member{Name: "resource", Beta: []string{"accessPackageResource"}, Kind: Object, Of: Resource}

	plainResource.Members = with(append([]Member{
		{Name: "attributes", Waits: waitsAttributes},
		{Name: "environment", Beta: []string{"accessPackageResourceEnvironment"}, Waits: waitsResources},
		{Name: "uploadSessions", Waits: waitsResources},
		{Name: "roles", Beta: []string{"accessPackageResourceRoles"}, Kind: Noise, Of: ResourceRole}, // a request to add refuses them
		{Name: "scopes", Beta: []string{"accessPackageResourceScopes"}, Kind: Noise, Of: ResourceScope},
		{Name: "catalog", Kind: Noise, Of: Catalog},
	}, noise("resourceType", "url", "addedBy", "addedOn", "isPendingOnboarding")...)...)
	ResourceRole.Members = with(resource, Member{Name: "type", Waits: waitsResources})
	ResourceScope.Members = with(append([]Member{resource, {Name: "isRootScope", Kind: Bool}}, noise("url", "roleOriginId")...)...)
	ResourceScope.Adapt = func(_ *reading, n *node) error {
		if root := n.find("isRootScope"); root != nil && root.kind != isNull && nothing(nil, root) {
			return root.invalid("cannot be false: a group has one scope, its root")
		}
		return nil
	}
	RoleScope.Members = append([]Member{
		{Name: "id", Kind: Text},
		{Name: "role", Beta: []string{"accessPackageResourceRole"}, Kind: Object, Of: ResourceRole},
		{Name: "scope", Beta: []string{"accessPackageResourceScope"}, Kind: Object, Of: ResourceScope},
	}, noise("createdDateTime", "modifiedDateTime", "createdBy", "modifiedBy")...)
	ResourceRequest.Members = append([]Member{
		{Name: "requestType", Kind: Enum, Values: []string{"adminAdd", "adminRemove"}, Waiting: map[string]string{"adminUpdate": waitsAttributes, "userAdd": waitsResources, "userRemove": waitsResources}},
		{Name: "catalog", Beta: []string{"accessPackageCatalog"}, Kind: Ref, Of: Catalog, Sets: catalogSets},
		{Name: "catalogId", Kind: Noise}, // told to catalog before
		resource,
		{Name: "isValidationOnly", Waits: waitsWho},
		{Name: "executeImmediately", Kind: Noise}, // it always is; see adaptResourceRequest
		{Name: "requestor", Never: "is the caller; leave it out"},
		{Name: "justification", Never: "is not kept of a resource request; leave it out"},
		{Name: "expirationDateTime", Never: "is not read; a resource is in its catalog until it is removed"},
	}, noise("id", "state", "requestState", "requestStatus", "createdDateTime", "history")...)
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
	if n.lower("requestType") != "adminadd" {
		return nil
	}
	resource := n.find("resource")
	if resource == nil {
		resource = n.find("accessPackageResource")
	}
	for _, name := range []string{"roles", "scopes", "accessPackageResourceRoles", "accessPackageResourceScopes"} {
		if given := resource.find(name); given != nil && !nothing(nil, given) {
			return given.invalid("cannot be chosen here: the resource brings its own; leave it out")
		}
	}
	return nil
}
