package strict

// Catalog is accessPackageCatalog (CAT-01 to CAT-04).
var Catalog = &Type{Name: "accessPackageCatalog"}

// catalogSets are where a catalog is found.
var catalogSets = []string{"catalogs", "accessPackageCatalogs"}

func init() {
	Catalog.Members = append([]Member{
		{Name: "id", Kind: Key},
		{Name: "displayName", Kind: Text},
		{Name: "description", Kind: Text, NeverNull: true},
		{Name: "state", Beta: []string{"catalogStatus"}, Kind: Enum, Values: []string{"published", "unpublished"},
			Is: "accessPackageCatalogState", Default: "published", NeverNull: true},
		{Name: "isExternallyVisible", Kind: Bool, NeverNull: true},
		{Name: "uniqueName", Waits: waitsKeys},
		{Name: "accessPackages", Kind: Owned, Of: Package},
		{Name: "resources", Beta: []string{"accessPackageResources"}, Kind: Owned, Of: Resource},
		{Name: "resourceRoles", Beta: []string{"accessPackageResourceRoles"}, Kind: Owned, Of: ResourceRole},
		{Name: "resourceScopes", Beta: []string{"accessPackageResourceScopes"}, Kind: Owned, Of: ResourceScope},
		{Name: "customWorkflowExtensions", Beta: []string{"accessPackageCustomWorkflowExtensions", "customAccessPackageWorkflowExtensions"},
			Waits: waitsExtensions},
		{Name: "catalogType", Kind: Noise, Is: "accessPackageCatalogType", Values: []string{"userManaged", "serviceDefault", "serviceManaged"}}, // clients send any of them
	}, noise("createdDateTime", "modifiedDateTime", "createdBy", "modifiedBy")...)
}
