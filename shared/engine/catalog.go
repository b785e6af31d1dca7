package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// Catalog is a catalog with all that is in it.
type Catalog struct {
	State
	Catalog   governance.Catalog // without an id: it does not exist, or no more
	Packages  map[string]governance.AccessPackage
	Policies  map[string]governance.AssignmentPolicy
	Resources map[string]governance.Resource

	ofPackage map[string][]governance.AssignmentPolicy // in the order of their creation
}

// CatalogOf is the catalog that a partition holds.
func CatalogOf(s State) *Catalog {
	c := &Catalog{
		State: s, Packages: map[string]governance.AccessPackage{}, Policies: map[string]governance.AssignmentPolicy{}, Resources: map[string]governance.Resource{},
		ofPackage: map[string][]governance.AssignmentPolicy{},
	}
	for _, document := range s.Documents {
		switch one := document.(type) {
		case governance.Catalog:
			c.Catalog = one
		case governance.AccessPackage:
			c.Packages[one.ID] = one
		case governance.AssignmentPolicy:
			c.Policies[one.ID] = one
			c.ofPackage[one.AccessPackage.ID] = append(c.ofPackage[one.AccessPackage.ID], one)
		case governance.Resource:
			c.Resources[one.ID] = one
		}
	}
	for _, policies := range c.ofPackage {
		slices.SortFunc(policies, func(x, y governance.AssignmentPolicy) int {
			if order := x.CreatedDateTime.Instant().Compare(y.CreatedDateTime.Instant()); order != 0 {
				return order
			}
			return strings.Compare(x.ID, y.ID)
		})
	}
	return c
}

// PoliciesOf are the policies of a package, in the order of their creation. They are shared.
func (c *Catalog) PoliciesOf(packageID string) []governance.AssignmentPolicy {
	return c.ofPackage[packageID]
}

// PackagesSorted are the packages by name.
func (c *Catalog) PackagesSorted() []governance.AccessPackage {
	return slices.SortedFunc(maps.Values(c.Packages), func(x, y governance.AccessPackage) int {
		return strings.Compare(x.DisplayName+x.ID, y.DisplayName+y.ID)
	})
}

// ResourcesSorted are the resources by name.
func (c *Catalog) ResourcesSorted() []governance.Resource {
	return slices.SortedFunc(maps.Values(c.Resources), func(x, y governance.Resource) int { return strings.Compare(x.DisplayName+x.ID, y.DisplayName+y.ID) })
}

// Edit is a change of what is in a catalog, in somebody's name.
type Edit struct {
	Caller governance.Caller
	Now    time.Time
}

// put writes a document, or deletes it, and says in the audit trail what it was and becomes. before and after are nil where there is none.
func (e Edit) put(change *Change, before, after governance.Document, activity governance.Activity, target, detail string) {
	audit := governance.AuditEntry{
		Activity: activity, ActivityDateTime: governance.At(e.Now), Result: "success", InitiatedBy: e.Caller.Initiator(), TargetID: target,
		AuditPersonal: governance.AuditPersonal{Detail: detail, Before: encoded(before), After: encoded(after)},
	}
	if after != nil {
		change.write(after)
	} else {
		change.Delete = append(change.Delete, before)
	}
	change.Audit = append(change.Audit, audit)
}

// encoded is a document as the audit trail has it.
func encoded(document governance.Document) json.RawMessage {
	if document == nil {
		return nil
	}
	data, err := json.Marshal(document)
	if err != nil { // nothing that was read from JSON or is written as such
		return nil
	}
	return data
}

// Put makes a document, or replaces before if that is not nil.
func (e Edit) Put(before, after governance.Document, activity governance.Activity, target, detail string) Change {
	var change Change
	e.put(&change, before, after, activity, target, detail)
	return change
}

// missing is the error of a catalog that does not exist.
func (c *Catalog) missing() error { return governance.NotFound("There is no catalog %s.", c.Head.ID) }

// CreateCatalog makes a catalog (CAT-01, CAT-03). One that is there with its id was made by the same command before. Errors: CodeInvalid.
func CreateCatalog(s State, draft governance.Catalog, by Edit) (Change, error) {
	if CatalogOf(s).Catalog.ID != "" {
		return Change{}, nil
	}
	return by.Put(nil, draft, governance.ActivityCreateCatalog, draft.ID, draft.DisplayName), nil
}

// NewCatalog is a draft with what may be left out. Errors: CodeInvalid.
func NewCatalog(draft governance.Catalog, now time.Time) (governance.Catalog, error) {
	catalog := governance.Catalog{
		ID: draft.ID, DisplayName: draft.DisplayName, Description: draft.Description, State: draft.State, CatalogType: governance.CatalogUserManaged,
		IsExternallyVisible: draft.IsExternallyVisible, CreatedDateTime: governance.At(now), ModifiedDateTime: governance.At(now),
	}
	if catalog.State == "" {
		catalog.State = governance.CatalogPublished
	}
	if catalog.IsExternallyVisible == nil {
		visible := true
		catalog.IsExternallyVisible = &visible
	}
	return catalog, catalog.Validate(nil)
}

// GeneralName is the name that the catalog General has from the start.
const GeneralName = "General"

// GeneralID is its id, the same in every tenant.
var GeneralID = governance.NameID("catalog:" + GeneralName)

// General is the catalog that is there from the start (OBJ-18).
func General(now time.Time) governance.Catalog {
	visible := true
	return governance.Catalog{
		ID: GeneralID, DisplayName: GeneralName, Description: "Built-in catalog.", State: governance.CatalogPublished, CatalogType: governance.CatalogServiceDefault,
		IsExternallyVisible: &visible, CreatedDateTime: governance.At(now), ModifiedDateTime: governance.At(now),
	}
}

// UpdateCatalog changes a catalog as edit says. Errors: those of edit, CodeNotFound, CodeInvalid.
func UpdateCatalog(s State, edit func(*governance.Catalog) error, by Edit) (Change, error) {
	c := CatalogOf(s)
	if c.Catalog.ID == "" {
		return Change{}, c.missing()
	}
	catalog := c.Catalog
	if err := edit(&catalog); err != nil {
		return Change{}, err
	}
	catalog.ID, catalog.CatalogType, catalog.CreatedDateTime, catalog.ModifiedDateTime = c.Catalog.ID, c.Catalog.CatalogType, c.Catalog.CreatedDateTime, governance.At(by.Now)
	if err := catalog.Validate(&c.Catalog); err != nil {
		return Change{}, err
	}
	return by.Put(c.Catalog, catalog, governance.ActivityUpdateCatalog, catalog.ID, catalog.DisplayName), nil
}

// maxDeletions is how many documents one commit deletes at most: each is a write and an audit entry, next to the head.
const maxDeletions = 49

// DeleteCatalog deletes a catalog that has no access packages (OBJ-18), or as much of what is in it as one commit holds; the catalog itself is last. Its audit chain stays. Errors: CodeNotFound,
// CodeConflict.
func DeleteCatalog(s State, by Edit) (Change, error) {
	c := CatalogOf(s)
	if c.Catalog.ID == "" {
		return Change{}, c.missing()
	}
	if c.Catalog.CatalogType == governance.CatalogServiceDefault {
		return Change{}, governance.Conflict("The catalog %q is built in and cannot be deleted.", c.Catalog.DisplayName)
	}
	if len(c.Packages) > 0 {
		return Change{}, governance.Conflict("The catalog still has %d access packages; delete them first.", len(c.Packages))
	}
	if err := c.allRead(); err != nil {
		return Change{}, err
	}
	var change Change
	for _, resource := range c.ResourcesSorted() {
		if len(change.Delete) == maxDeletions {
			return change, nil
		}
		by.put(&change, resource, nil, governance.ActivityRemoveResource, resource.ID, resource.DisplayName)
	}
	if len(change.Delete) < maxDeletions {
		by.put(&change, c.Catalog, nil, governance.ActivityDeleteCatalog, c.Catalog.ID, c.Catalog.DisplayName)
	}
	return change, nil
}

// allRead refuses what is decided by there being nothing of a kind, while there is what cannot be read.
func (c *Catalog) allRead() error {
	for _, id := range slices.Sorted(maps.Keys(c.Unread)) {
		return governance.Conflict("Of what the catalog holds, %s cannot be read; an operator must mend it first (docs/operate/bad-documents.md).", id)
	}
	return nil
}

// PoliciesRead says whether all policies that may be a package's could be read.
func (c *Catalog) PoliciesRead(packageID string) bool {
	for id, of := range c.Unread {
		if strings.HasPrefix(id, governance.StoredID(governance.AssignmentPolicy{}.DocumentKind(), "")) && (of == "" || strings.EqualFold(of, packageID)) {
			return false
		}
	}
	return true
}

// nameIsFree refuses a name that another package of the catalog has.
func nameIsFree(s State, pack governance.AccessPackage) error {
	key := governance.NameKey(pack.DisplayName)
	for _, document := range s.Documents {
		other, ok := document.(governance.AccessPackage)
		if ok && other.ID != pack.ID && governance.NameKey(other.DisplayName) == key {
			return &governance.Error{Code: governance.CodeConflict, Target: "displayName",
				Message: fmt.Sprintf("The catalog already has an access package named %q; choose another displayName.", pack.DisplayName)}
		}
	}
	return nil
}

// CreatePackage makes an access package. One that is there with its id was made by the same command before. Errors: CodeInvalid, also for a catalog that does not exist, CodeConflict.
func CreatePackage(s State, draft governance.AccessPackage, by Edit) (Change, error) {
	c := CatalogOf(s)
	if c.Catalog.ID == "" {
		return Change{}, governance.Invalid("catalog/id", "There is no catalog %s.", s.Head.ID)
	}
	if _, made := c.Packages[draft.ID]; made {
		return Change{}, nil
	}
	if err := mayBegin(s.Head, c.Catalog, "catalog", by.Now); err != nil {
		return Change{}, err
	}
	pack := governance.AccessPackage{
		ID: draft.ID, DisplayName: draft.DisplayName, Description: draft.Description, IsHidden: draft.IsHidden,
		Catalog: &governance.Catalog{ID: c.Catalog.ID}, CreatedDateTime: governance.At(by.Now), ModifiedDateTime: governance.At(by.Now),
	}
	if err := pack.Validate(nil); err != nil {
		return Change{}, err
	}
	if err := nameIsFree(s, pack); err != nil {
		return Change{}, err
	}
	return by.Put(nil, pack, governance.ActivityCreatePackage, pack.ID, pack.DisplayName), nil
}

// Package is a package of the catalog. Errors: CodeNotFound.
func (c *Catalog) Package(id string) (governance.AccessPackage, error) { return packageOf(c.State, id) }

// packageOf is Package without all that else is in the catalog: an edit of one package costs as much in a large catalog as in a small one.
func packageOf(s State, id string) (governance.AccessPackage, error) {
	pack, ok := Find[governance.AccessPackage](s, id)
	if !ok {
		return pack, governance.Missing("access package", id)
	}
	return pack, nil
}

// policyOf is a policy of the catalog. Errors: CodeNotFound.
func policyOf(s State, id string) (governance.AssignmentPolicy, error) {
	policy, ok := Find[governance.AssignmentPolicy](s, id)
	if !ok {
		return policy, governance.Missing("policy", id)
	}
	return policy, nil
}

// UpdatePackage changes name, description and visibility of a package as edit says. Errors: those of edit, CodeNotFound, CodeInvalid, CodeConflict.
func UpdatePackage(s State, id string, edit func(*governance.AccessPackage) error, by Edit) (Change, error) {
	present, err := packageOf(s, id)
	if err != nil {
		return Change{}, err
	}
	edited, pack := present, present
	if err := edit(&edited); err != nil {
		return Change{}, err
	}
	pack.DisplayName, pack.Description, pack.IsHidden = edited.DisplayName, edited.Description, edited.IsHidden
	pack.ModifiedDateTime = governance.At(by.Now)
	if err := pack.Validate(&present); err != nil {
		return Change{}, err
	}
	if pack.DisplayName != present.DisplayName {
		if err := nameIsFree(s, pack); err != nil {
			return Change{}, err
		}
	}
	return by.Put(present, pack, governance.ActivityUpdatePackage, pack.ID, pack.DisplayName), nil
}

// DeletePackage deletes a package with its policies, or as many of them as one commit holds; the package itself is last. Errors: CodeNotFound.
func DeletePackage(s State, id string, by Edit) (Change, error) {
	c := CatalogOf(s)
	pack, err := c.Package(id)
	if err != nil {
		return Change{}, err
	}
	var change Change
	for _, policy := range c.PoliciesOf(id) {
		if len(change.Delete) == maxDeletions {
			return change, nil
		}
		by.put(&change, policy, nil, governance.ActivityDeletePolicy, policy.ID, policy.DisplayName)
	}
	if len(change.Delete) < maxDeletions {
		by.put(&change, pack, nil, governance.ActivityDeletePackage, pack.ID, pack.DisplayName)
	}
	return change, nil
}

// AddRoleScope adds a role of a resource of the catalog to a package (CAT-06, RES-02, RES-06, OBJ-10), and gives it to all who have the package (RES-12). An empty change means that it has the role already; added is the role as the package has
// it. Errors: CodeNotFound, CodeInvalid, CodeConflict.
func AddRoleScope(s State, packageID string, draft governance.ResourceRoleScope, by Edit) (change Change, added governance.ResourceRoleScope, err error) {
	c := CatalogOf(s)
	present, err := c.Package(packageID)
	if err != nil {
		return Change{}, added, err
	}
	resource, role, err := c.findRole(draft)
	if err != nil {
		return Change{}, added, err
	}
	scope := resource.Scopes[0]
	origin := governance.Resource{ID: resource.ID, DisplayName: resource.DisplayName, OriginID: resource.OriginID, OriginSystem: resource.OriginSystem}
	role.Resource, scope.Resource = &resource, &origin // all of it, to hold against it what was sent
	added = governance.ResourceRoleScope{ID: role.ID + "_" + scope.ID, CreatedDateTime: governance.At(by.Now), Role: &role, Scope: &scope}
	if at := added.Contradicts(&draft); at != "" {
		return Change{}, added, governance.Invalid(at, "%s is another's: the body names the role %q of the resource %q, and then something else.", at, role.OriginID, resource.DisplayName)
	}
	role.Resource = &origin
	if known, ok := present.RoleScope(added.ID); ok {
		return Change{}, known, nil
	}
	if len(present.ResourceRoleScopes) >= governance.MaxRoleScopes {
		return Change{}, added, governance.Conflict("An access package has at most %d resource roles.", governance.MaxRoleScopes)
	}
	pack := present
	pack.ResourceRoleScopes = append(slices.Clone(present.ResourceRoleScopes), added)
	pack.ModifiedDateTime = governance.At(by.Now)
	change = by.Put(present, pack, governance.ActivityAddResourceRole, pack.ID, role.DisplayName+" of "+resource.DisplayName)
	change.reach(pack.ID, by.Now)
	return change, added, nil
}

// findRole finds the resource and role of the catalog that a client describes by id or by originId. Errors: CodeInvalid.
func (c *Catalog) findRole(draft governance.ResourceRoleScope) (governance.Resource, governance.ResourceRole, error) {
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
	for _, resource := range c.ResourcesSorted() {
		for _, role := range resource.Roles {
			if draft.Role.ID != "" && (strings.EqualFold(role.ID, draft.Role.ID) || draft.Role.OriginID == "" && strings.EqualFold(role.OriginID, draft.Role.ID)) {
				return resource, role, nil
			}
			named := resource.OriginSystem == governance.OriginGroup || slices.ContainsFunc(wanted, func(id string) bool { // a group's roles name it
				return id != "" && (strings.EqualFold(id, resource.ID) || strings.EqualFold(id, resource.OriginID))
			})
			if named && strings.EqualFold(role.OriginID, draft.Role.OriginID) {
				return resource, role, nil
			}
		}
	}
	return governance.Resource{}, governance.ResourceRole{}, governance.Invalid("role/originId",
		"The catalog of this access package has no resource with the role %q; add the resource with a resourceRequest first, and use the originId of one of its roles.", governance.Clip(draft.Role.OriginID))
}

// RemoveRoleScope removes a role from a package, and from all who have it by the package alone (RES-12). Errors: CodeNotFound.
func RemoveRoleScope(s State, packageID, roleScopeID string, by Edit) (Change, error) {
	present, err := packageOf(s, packageID)
	if err != nil {
		return Change{}, err
	}
	scope, ok := present.RoleScope(roleScopeID)
	if !ok {
		return Change{}, governance.NotFound("The access package has no resource role scope %q.", governance.Clip(roleScopeID))
	}
	pack := present
	pack.ResourceRoleScopes = slices.DeleteFunc(slices.Clone(present.ResourceRoleScopes), func(one governance.ResourceRoleScope) bool { return one.ID == scope.ID })
	pack.ModifiedDateTime = governance.At(by.Now)
	change := by.Put(present, pack, governance.ActivityRemoveResourceRole, pack.ID, scope.Role.OriginID)
	change.reach(pack.ID, by.Now)
	return change, nil
}

// CreatePolicy makes a policy for a package (POL-01); the draft is valid. One that is there with its id was made by the same command before. Errors: CodeInvalid for a package that does not
// exist, CodeConflict.
func CreatePolicy(s State, draft governance.AssignmentPolicy, by Edit) (Change, error) {
	c := CatalogOf(s)
	if _, made := c.Policies[draft.ID]; made {
		return Change{}, nil
	}
	pack, ok := c.Packages[draft.AccessPackage.ID]
	if !ok {
		return Change{}, governance.Invalid("accessPackage/id", "There is no access package %s.", draft.AccessPackage.ID)
	}
	if err := mayBegin(s.Head, pack, "access package", by.Now); err != nil {
		return Change{}, err
	}
	if len(c.PoliciesOf(draft.AccessPackage.ID)) >= governance.MaxPolicies {
		return Change{}, governance.Conflict("An access package has at most %d policies.", governance.MaxPolicies)
	}
	return by.Put(nil, draft, governance.ActivityCreatePolicy, draft.ID, draft.DisplayName), nil
}

// UpdatePolicy changes a policy as edit says; newID names new questions. Errors: those of edit, CodeNotFound, CodeInvalid.
func UpdatePolicy(s State, id string, edit func(*governance.AssignmentPolicy) error, newID func() string, by Edit) (Change, error) {
	present, err := policyOf(s, id)
	if err != nil {
		return Change{}, err
	}
	policy, before := present, present.Expiration.End(by.Now)
	if err := edit(&policy); err != nil {
		return Change{}, err
	}
	policy.ID, policy.AccessPackage, policy.Catalog, policy.CreatedDateTime = present.ID, present.AccessPackage, present.Catalog, present.CreatedDateTime
	policy.ModifiedDateTime = governance.At(by.Now)
	if err := policy.Validate(by.Now, before, newID); err != nil {
		return Change{}, err
	}
	return by.Put(present, policy, governance.ActivityUpdatePolicy, policy.ID, policy.DisplayName), nil
}

// WholePackage is a package with its catalog and policies.
func (c *Catalog) WholePackage(pack governance.AccessPackage) governance.AccessPackage {
	catalog := c.Catalog
	pack.Catalog, pack.AssignmentPolicies = &catalog, c.PoliciesOf(pack.ID)
	return pack
}

// WholePolicy is a policy with its package and catalog.
func (c *Catalog) WholePolicy(policy governance.AssignmentPolicy) governance.AssignmentPolicy {
	catalog, pack := c.Catalog, c.Packages[policy.AccessPackage.ID]
	pack.Catalog, pack.ResourceRoleScopes = nil, nil
	policy.Catalog, policy.AccessPackage = &catalog, &pack
	return policy
}

// DeletePolicy deletes a policy. Errors: CodeNotFound.
func DeletePolicy(s State, id string, by Edit) (Change, error) {
	policy, err := policyOf(s, id)
	if err != nil {
		return Change{}, err
	}
	return by.Put(policy, nil, governance.ActivityDeletePolicy, policy.ID, policy.DisplayName), nil
}

// AddResource brings a resource into a catalog (OBJ-09). Errors: CodeInvalid for a catalog that does not exist, and for a resource that is there already.
func AddResource(s State, request governance.ResourceRequest, by Edit) (Change, error) {
	c := CatalogOf(s)
	if c.Catalog.ID == "" {
		return Change{}, governance.Invalid("catalog/id", "There is no catalog %s.", s.Head.ID)
	}
	if present, ok := c.Resources[request.Resource.ID]; ok {
		return Change{}, &governance.Error{Code: governance.CodeInvalid, Graph: governance.GraphAlreadyOnboarded, Target: "resource/originId",
			Message: fmt.Sprintf("The catalog already has the resource %q (%s).", present.DisplayName, present.ID)}
	}
	if err := mayBegin(s.Head, c.Catalog, "catalog", by.Now); err != nil {
		return Change{}, err
	}
	change := by.Put(nil, *request.Resource, governance.ActivityAddResource, request.Resource.ID, request.Resource.DisplayName)
	change.write(request)
	return change, nil
}

// RemoveResource takes a resource that no package uses out of a catalog (OBJ-19). Errors: CodeInvalid.
func RemoveResource(s State, request governance.ResourceRequest, by Edit) (Change, error) {
	c := CatalogOf(s)
	if c.Catalog.ID == "" {
		return Change{}, governance.Invalid("catalog/id", "There is no catalog %s.", s.Head.ID)
	}
	for _, resource := range c.ResourcesSorted() {
		if !containsFold([]string{resource.ID, resource.OriginID}, request.Resource.ID) && !strings.EqualFold(resource.OriginID, request.Resource.OriginID) {
			continue
		}
		if at := resource.Contradicts(request.Resource); at != "" {
			return Change{}, governance.Invalid("resource/"+at, "resource/%s is not that of the resource %q, which the body names too.", at, resource.DisplayName)
		}
		if err := c.allRead(); err != nil {
			return Change{}, err
		}
		for _, pack := range c.PackagesSorted() {
			for _, scope := range pack.ResourceRoleScopes {
				if scope.Role != nil && scope.Role.Resource != nil && scope.Role.Resource.ID == resource.ID {
					return Change{}, &governance.Error{Code: governance.CodeInvalid, Graph: governance.GraphHasEntitlements, Target: "resource",
						Message: fmt.Sprintf("The resource is used by the access package %q; remove its role there first.", pack.DisplayName)}
				}
			}
		}
		request.Resource = &resource
		change := by.Put(resource, nil, governance.ActivityRemoveResource, resource.ID, resource.DisplayName)
		change.write(request)
		return change, nil
	}
	return Change{}, governance.Invalid("resource", "The catalog has no such resource.")
}
