package strict

// Package is accessPackage.
var Package = &Type{Name: "accessPackage"}

// packageSets are where an access package is found.
var packageSets = []string{"accessPackages"}

func init() {
	Package.Adapt = func(_ *reading, n *node) error {
		return n.refer("catalogId", "catalog", "accessPackageCatalog")
	}
	Package.Members = append([]Member{
		{Name: "id", Kind: Key},
		{Name: "displayName", Kind: Text},
		{Name: "description", Kind: Text, NeverNull: true},
		{Name: "isHidden", Kind: Bool},
		{Name: "catalog", Beta: []string{"accessPackageCatalog"}, Kind: Ref, Of: Catalog, Sets: catalogSets},
		{Name: "catalogId", Kind: Noise}, // told to catalog before
		{Name: "uniqueName", Waits: waitsKeys},
		{Name: "isRoleScopesVisible", Kind: Bool, Decided: true, Waits: waitsVisibility},
		{Name: "resourceRoleScopes", Beta: []string{"accessPackageResourceRoleScopes"}, Kind: Owned, Of: RoleScope},
		{Name: "assignmentPolicies", Beta: []string{"accessPackageAssignmentPolicies"}, Kind: Owned, Of: Policy},
		{Name: "incompatibleAccessPackages", Waits: waitsSeparation},
		{Name: "incompatibleGroups", Waits: waitsSeparation},
		{Name: "accessPackagesIncompatibleWith", Waits: waitsSeparation},
	}, noise("createdDateTime", "modifiedDateTime", "createdBy", "modifiedBy")...)
}

// refer takes an id that is written beside an object for the id of the object: catalogId for catalog/id. Errors: CodeInvalid where the two
// are not one.
func (n *node) refer(short, name string, beta ...string) error {
	id := n.find(short)
	if id == nil || id.kind == isNull {
		return nil
	}
	if err := id.must(isText); err != nil {
		return err
	}
	object := n.find(name)
	for _, other := range beta {
		switch one := n.find(other); {
		case one != nil && object != nil:
			return twice(one, object)
		case one != nil:
			object = one
		}
	}
	if object == nil || object.kind == isNull {
		if object != nil {
			n.take(object.as)
		}
		return n.put(name, id.made(isObject, "", id.made(isText, id.text).named("id")))
	}
	if object.kind != isObject {
		return nil // refused where it is read
	}
	return object.identify("id", id)
}

// identify gives an object an id that is written elsewhere. Errors: CodeInvalid if it has another.
func (n *node) identify(member string, id *node) error {
	there := n.find(member)
	if there == nil || there.kind == isNull {
		n.take(member)
		return n.put(member, id.made(isText, id.text))
	}
	if there.kind != isText || !equalFold(there.text, id.text) {
		return id.invalid("names another than %s", there.path())
	}
	return nil
}
