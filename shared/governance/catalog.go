package governance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// CatalogState says whether what is in a catalog can be requested (CAT-02).
type CatalogState string

// The catalog states.
const (
	CatalogPublished   CatalogState = "published"
	CatalogUnpublished CatalogState = "unpublished"
)

// UnmarshalJSON reads it in any letter case.
func (s *CatalogState) UnmarshalJSON(data []byte) error {
	return decodeEnum(data, s, "state", CatalogPublished, CatalogUnpublished)
}

// CatalogType tells who made a catalog (CAT-04).
type CatalogType string

// The catalog types.
const (
	CatalogUserManaged    CatalogType = "userManaged"
	CatalogServiceDefault CatalogType = "serviceDefault"
	CatalogServiceManaged CatalogType = "serviceManaged"
)

// UnmarshalJSON reads it in any letter case.
func (t *CatalogType) UnmarshalJSON(data []byte) error {
	return decodeEnum(data, t, "catalogType", CatalogUserManaged, CatalogServiceDefault, CatalogServiceManaged)
}

// Catalog is Graph's accessPackageCatalog: a container of resources and access packages, and the boundary of delegation.
type Catalog struct {
	ID                  string       `json:"id,omitempty"`
	DisplayName         string       `json:"displayName,omitempty"`
	Description         string       `json:"description,omitempty"`
	CatalogType         CatalogType  `json:"catalogType,omitempty"`
	State               CatalogState `json:"state,omitempty"`
	IsExternallyVisible *bool        `json:"isExternallyVisible,omitempty"`
	CreatedDateTime     *DateTime    `json:"createdDateTime,omitempty"`
	ModifiedDateTime    *DateTime    `json:"modifiedDateTime,omitempty"`
}

// Limits of texts, those of the portal.
const (
	MaxDisplayName   = 256
	MaxDescription   = 1024
	MaxJustification = 2048
)

// Validate checks a catalog that is about to be stored, and makes its name what is stored; before is what it replaces (nil: it is made). Errors: CodeInvalid.
func (c *Catalog) Validate(before *Catalog) error {
	return cmp.Or(validateName(&c.DisplayName, c.Description), described(c.Description, before != nil && before.Description == c.Description))
}

func validateName(displayName *string, description string) error {
	if err := named("displayName", displayName, MaxDisplayName); err != nil {
		return err
	}
	if utf8.RuneCountInString(description) > MaxDescription {
		return Invalid("description", "description is longer than %d characters.", MaxDescription)
	}
	return nil
}

// described refuses a description that says nothing. One that is kept may: it was stored when none was needed.
func described(description string, kept bool) error {
	if kept || Says(description) {
		return nil
	}
	return Invalid("description", "description is missing; say in 1 to %d characters what this is for.", MaxDescription)
}

// Resource is Graph's accessPackageResource: something in a catalog that roles can be given in.
type Resource struct {
	ID              string    `json:"id,omitempty"`
	DisplayName     string    `json:"displayName,omitempty"`
	Description     string    `json:"description,omitempty"`
	OriginID        string    `json:"originId,omitempty"`
	OriginSystem    string    `json:"originSystem,omitempty"`
	CreatedDateTime *DateTime `json:"createdDateTime,omitempty"`
	Catalog         *Catalog  `json:"catalog,omitempty"` // only its id; where the resource is

	Roles  []ResourceRole  `json:"roles,omitempty"`
	Scopes []ResourceScope `json:"scopes,omitempty"`
}

// Contradicts names the member of what a client says of this resource that is another's; empty if it is this one. An id may repeat the originId, as Microsoft's own client writes it. Its roles and
// scopes are all that it has, or are left out.
func (r *Resource) Contradicts(given *Resource) string {
	if given == nil {
		return ""
	}
	if at := contradicts(origin{given.ID, given.OriginID, given.OriginSystem, ""}, origin{r.ID, r.OriginID, r.OriginSystem, ""}); at != "" {
		return at
	}
	if given.Catalog != nil && r.Catalog != nil && !strings.EqualFold(given.Catalog.ID, r.Catalog.ID) {
		return "catalog/id"
	}
	return cmp.Or(
		another("roles", given.Roles, r.Roles, func(said, is ResourceRole) bool {
			return cmp.Or(contradicts(said.origin(), is.origin()), r.Contradicts(said.Resource)) == ""
		}),
		another("scopes", given.Scopes, r.Scopes, func(said, is ResourceScope) bool {
			return cmp.Or(contradicts(said.origin(), is.origin()), r.Contradicts(said.Resource)) == ""
		}),
	)
}

// another names the first of what is said that is none of what there is, or the list if it is not all that there is; empty: it is, or nothing is said.
func another[T any](name string, said, are []T, agree func(said, is T) bool) string {
	for i, one := range said {
		if !slices.ContainsFunc(are, func(is T) bool { return agree(one, is) }) {
			return fmt.Sprintf("%s/%d", name, i)
		}
	}
	if len(said) > 0 && len(said) != len(are) {
		return name
	}
	return ""
}

// below is the path of a member of something; empty if there is none.
func below(path, member string) string {
	if member == "" {
		return ""
	}
	return path + "/" + member
}

// origin is how a resource, a role and a scope are known, here and in the directory.
type origin struct{ id, originID, system, name string }

func (r ResourceRole) origin() origin { return origin{r.ID, r.OriginID, r.OriginSystem, r.DisplayName} }
func (s ResourceScope) origin() origin {
	return origin{s.ID, s.OriginID, s.OriginSystem, s.DisplayName}
}

func contradicts(given, is origin) string {
	switch {
	case given.id != "" && !strings.EqualFold(given.id, is.id) && !strings.EqualFold(given.id, is.originID):
		return "id"
	case given.originID != "" && !strings.EqualFold(given.originID, is.originID):
		return "originId"
	case given.system != "" && !strings.EqualFold(given.system, is.system):
		return "originSystem"
	case given.name != "" && !strings.EqualFold(given.name, is.name):
		return "displayName"
	}
	return ""
}

// OriginGroup is the originSystem of groups, the one kind of resource of this release (RES-01).
const OriginGroup = "AadGroup"

// ResourceRole is Graph's accessPackageResourceRole. For a group its originId is Member_{id} or Owner_{id} (RES-02).
type ResourceRole struct {
	ID           string    `json:"id,omitempty"`
	DisplayName  string    `json:"displayName,omitempty"`
	Description  string    `json:"description,omitempty"`
	OriginID     string    `json:"originId,omitempty"`
	OriginSystem string    `json:"originSystem,omitempty"`
	Resource     *Resource `json:"resource,omitempty"`
}

// ResourceScope is Graph's accessPackageResourceScope. A group has one, the root (RES-06).
type ResourceScope struct {
	ID           string    `json:"id,omitempty"`
	DisplayName  string    `json:"displayName,omitempty"`
	Description  string    `json:"description,omitempty"`
	OriginID     string    `json:"originId,omitempty"`
	OriginSystem string    `json:"originSystem,omitempty"`
	IsRootScope  bool      `json:"isRootScope"`
	Resource     *Resource `json:"resource,omitempty"`
}

// ResourceRoleScope is Graph's accessPackageResourceRoleScope: one role in one scope of a resource, as a package grants it. Its id is {role}_{scope}
// (OBJ-10).
type ResourceRoleScope struct {
	ID              string         `json:"id,omitempty"`
	CreatedDateTime *DateTime      `json:"createdDateTime,omitempty"`
	Role            *ResourceRole  `json:"role,omitempty"`
	Scope           *ResourceScope `json:"scope,omitempty"`
}

// Contradicts names the member of what a client says of this role scope that is another's; empty if it is this one.
func (s *ResourceRoleScope) Contradicts(given *ResourceRoleScope) string {
	if given.ID != "" && !strings.EqualFold(given.ID, s.ID) {
		return "id"
	}
	at := ""
	if role := given.Role; role != nil {
		at = cmp.Or(below("role", contradicts(role.origin(), s.Role.origin())), below("role/resource", s.Role.Resource.Contradicts(role.Resource)))
	}
	if scope := given.Scope; scope != nil {
		at = cmp.Or(at, below("scope", contradicts(scope.origin(), s.Scope.origin())), below("scope/resource", s.Role.Resource.Contradicts(scope.Resource)))
	}
	return at
}

// ResourceRequestType is what a resource request does.
type ResourceRequestType string

// The types of resource requests (OBJ-09).
const (
	ResourceAdminAdd    ResourceRequestType = "adminAdd"
	ResourceAdminUpdate ResourceRequestType = "adminUpdate"
	ResourceAdminRemove ResourceRequestType = "adminRemove"
)

// UnmarshalJSON reads it in any letter case.
func (t *ResourceRequestType) UnmarshalJSON(data []byte) error {
	return decodeEnum(data, t, "requestType", ResourceAdminAdd, ResourceAdminUpdate, ResourceAdminRemove)
}

// ResourceRequest is Graph's accessPackageResourceRequest: how a resource comes into a catalog and leaves it.
type ResourceRequest struct {
	ID              string              `json:"id,omitempty"`
	RequestType     ResourceRequestType `json:"requestType,omitempty"`
	State           RequestState        `json:"state,omitempty"`
	CreatedDateTime *DateTime           `json:"createdDateTime,omitempty"`
	Catalog         *Catalog            `json:"catalog,omitempty"`
	Resource        *Resource           `json:"resource,omitempty"`
}

// AccessPackage is Graph's accessPackage: a bundle of resource roles that is requested, granted and taken away as one.
type AccessPackage struct {
	ID               string    `json:"id,omitempty"`
	DisplayName      string    `json:"displayName,omitempty"`
	Description      string    `json:"description,omitempty"`
	IsHidden         bool      `json:"isHidden"`
	CreatedDateTime  *DateTime `json:"createdDateTime,omitempty"`
	ModifiedDateTime *DateTime `json:"modifiedDateTime,omitempty"`

	Catalog            *Catalog            `json:"catalog,omitempty"` // stored as its id
	ResourceRoleScopes []ResourceRoleScope `json:"resourceRoleScopes,omitempty"`
	AssignmentPolicies []AssignmentPolicy  `json:"assignmentPolicies,omitempty"` // never stored: filled by $expand
}

// Limits of a package. Both are ours; Microsoft's are lower (BEY-36).
const (
	MaxRoleScopes = 50
	MaxPolicies   = 50
)

// Validate checks a package that is about to be stored, and makes its name what is stored; before is what it replaces (nil: it is made). Errors: CodeInvalid.
func (p *AccessPackage) Validate(before *AccessPackage) error {
	return cmp.Or(validateName(&p.DisplayName, p.Description), described(p.Description, before != nil && before.Description == p.Description))
}

// RoleScope finds a role scope of the package by id.
func (p *AccessPackage) RoleScope(id string) (ResourceRoleScope, bool) {
	for _, scope := range p.ResourceRoleScopes {
		if scope.ID == id {
			return scope, true
		}
	}
	return ResourceRoleScope{}, false
}

// DocumentKind implements Document.
func (Catalog) DocumentKind() string { return "catalog" }

// DocumentID implements Document.
func (Catalog) DocumentID() string { return "" }

// DocumentKind implements Document.
func (AccessPackage) DocumentKind() string { return "package" }

// DocumentID implements Document.
func (p AccessPackage) DocumentID() string { return p.ID }

// DocumentKind implements Document.
func (Resource) DocumentKind() string { return "resource" }

// DocumentID implements Document.
func (r Resource) DocumentID() string { return r.ID }

// DocumentKind implements Document.
func (ResourceRequest) DocumentKind() string { return "resourceRequest" }

// DocumentID implements Document.
func (x ResourceRequest) DocumentID() string { return x.ID }
