package graph

import (
	"net/http"
	"slices"
	"strings"

	"latchkey/shared/directory/memory"
)

// roleAssignment gives a directory role to a user, a group or an application.
type roleAssignment struct {
	ID               string `json:"id"`
	PrincipalID      string `json:"principalId"`
	RoleDefinitionID string `json:"roleDefinitionId"`
	Scope            string `json:"directoryScopeId"`
}

// roleNames are the built-in roles that a test or a sample may hold; another id is a role without a name.
var roleNames = map[string]string{
	"62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
	"45d8d3c5-c802-45c6-b32a-1d70b5e1e86e": "Identity Governance Administrator",
	"e8611ab8-c189-46e8-94e1-60213ab1f814": "Privileged Role Administrator",
	"7be44c8a-adaf-4e2a-84d6-ab2649e08a13": "Privileged Authentication Administrator",
	"c4e39bd9-1100-46d3-8c65-fb160da0071f": "Authentication Administrator",
	"fe930be7-5e62-47db-91af-98c3a49a38b1": "User Administrator",
	"729827e3-9c14-49f7-bb1b-9608f156bbb8": "Helpdesk Administrator",
	"f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
	"5d6b6bb7-de71-4623-b4af-96380a352509": "Security Reader",
	"88d8e3e3-8f55-4a1e-953a-9b9898b8876b": "Directory Readers",
	"3a2c62db-5318-420d-8d74-23affee5d9d5": "Intune Administrator",
}

// kindDirectoryRole is a role in a list of directory objects. The directory keeps none: the object is made for the answer, with the template's id as AppID.
const kindDirectoryRole memory.Kind = "directoryRole"

var directoryRoleProperties = []property{
	{"id", true, func(o *memory.Object) any { return o.ID() }, nil},
	{"displayName", true, func(o *memory.Object) any { return optional(o.DisplayName()) }, nil},
	{"roleTemplateId", true, func(o *memory.Object) any { return o.ServicePrincipal.AppID }, nil},
}

// AssignRole gives a principal a directory role for the whole tenant, when a tenant is seeded. A second time is the same.
func (s *Server) AssignRole(principalID, roleDefinitionID string) {
	s.makeAssignable(principalID)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.assignRole(roleAssignment{ID: s.ids(), PrincipalID: principalID, RoleDefinitionID: strings.ToLower(roleDefinitionID), Scope: "/"})
}

func (s *Server) assignRole(added roleAssignment) bool {
	for _, a := range s.state.Roles {
		if strings.EqualFold(a.PrincipalID, added.PrincipalID) && a.RoleDefinitionID == added.RoleDefinitionID && a.Scope == added.Scope {
			return false
		}
	}
	s.state.Roles = append(s.state.Roles, added)
	return true
}

// rolesHeld are the roles of a principal and of the groups that it is in.
func (s *Server) rolesHeld(principalID string, groups []*memory.Object) []*memory.Object {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var held []*memory.Object
	for _, a := range s.state.Roles {
		if !strings.EqualFold(a.PrincipalID, principalID) && !slices.ContainsFunc(groups, func(g *memory.Object) bool { return strings.EqualFold(g.ID(), a.PrincipalID) }) {
			continue
		}
		if slices.ContainsFunc(held, func(o *memory.Object) bool { return o.ID() == a.RoleDefinitionID }) {
			continue
		}
		held = append(held, &memory.Object{Kind: kindDirectoryRole, ServicePrincipal: memory.ServicePrincipal{ID: a.RoleDefinitionID, AppID: a.RoleDefinitionID, DisplayName: roleNames[a.RoleDefinitionID]}})
	}
	return held
}

func (c *call) listRoleAssignments() (reply, error) {
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	return c.listRoles("roleManagement/directory/roleAssignments", c.server.state.Roles)
}

// equals reads a filter that compares properties for equality, all of which must be so: the value of each.
func (c *call) equals(names ...string) (map[string]string, error) {
	values := map[string]string{}
	filter := c.query.Get("$filter")
	if filter == "" {
		return values, nil
	}
	for clause := range strings.SplitSeq(filter, " and ") {
		name, value, ok := strings.Cut(strings.TrimSpace(clause), " eq ")
		if !ok || !slices.Contains(names, name) {
			return nil, bad("Invalid filter clause: '" + clause + "' is not supported.")
		}
		values[name] = strings.Trim(value, "'")
	}
	return values, nil
}

// listRoles answers those of a list that the filter asks for. The caller holds the lock.
func (c *call) listRoles(segment string, all []roleAssignment) (reply, error) {
	asked, err := c.equals("principalId", "roleDefinitionId")
	if err != nil {
		return reply{}, err
	}
	expand := c.query.Get("$expand")
	if expand != "" && expand != "roleDefinition" {
		return reply{}, bad("The $expand '" + expand + "' is not supported.")
	}
	var list []roleAssignment
	for _, a := range all {
		principal, ofOne := asked["principalId"]
		definition, ofRole := asked["roleDefinitionId"]
		if (!ofOne || strings.EqualFold(a.PrincipalID, principal)) && (!ofRole || strings.EqualFold(a.RoleDefinitionID, definition)) {
			list = append(list, a)
		}
	}
	return c.page(segment, len(list), -1, 0, func(b []byte, n int) []byte {
		return appendRoleAssignment(b, list[n], expand != "")
	}), nil
}

func appendRoleAssignment(b []byte, a roleAssignment, withDefinition bool) []byte {
	b = append(b, '{')
	b = appendProperty(b, "id", a.ID)
	b = appendProperty(b, "principalId", a.PrincipalID)
	b = appendProperty(b, "roleDefinitionId", a.RoleDefinitionID)
	b = appendProperty(b, "directoryScopeId", a.Scope)
	if withDefinition {
		b = append(appendName(b, "roleDefinition"), '{')
		b = append(appendDefinition(b, a.RoleDefinitionID), '}')
	}
	return append(b, '}')
}

func appendDefinition(b []byte, id string) []byte {
	b = appendProperty(b, "id", id)
	b = appendProperty(b, "displayName", optional(roleNames[id]))
	b = appendProperty(b, "templateId", id)
	return appendProperty(b, "isBuiltIn", roleNames[id] != "")
}

func (c *call) createRoleAssignment() (reply, error) {
	var body roleAssignment
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	if body.RoleDefinitionID == "" || body.Scope == "" {
		return reply{}, bad("A role assignment has a principalId, a roleDefinitionId and a directoryScopeId.")
	}
	if _, ok := c.server.directory.Object(body.PrincipalID); !ok {
		return reply{}, absent(body.PrincipalID)
	}
	body.ID, body.RoleDefinitionID = c.server.ids(), strings.ToLower(body.RoleDefinitionID)
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if !c.server.assignRole(body) {
		return reply{}, bad("A conflicting object with one or more of the specified property values is present in the directory.")
	}
	return reply{status: http.StatusCreated, body: appendRoleAssignment(nil, body, false)}, nil
}

func (c *call) deleteRoleAssignment() (reply, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	n := slices.IndexFunc(c.server.state.Roles, func(a roleAssignment) bool { return strings.EqualFold(a.ID, c.id()) })
	if n < 0 {
		return reply{}, absent(c.id())
	}
	c.server.state.Roles = slices.Delete(c.server.state.Roles, n, n+1)
	return noContent()
}

func (c *call) getRoleDefinition() (reply, error) {
	id := strings.ToLower(c.id())
	if roleNames[id] == "" {
		return reply{}, absent(c.id())
	}
	return reply{status: http.StatusOK, body: append(appendDefinition([]byte{'{'}, id), '}')}, nil
}

// appAssignment gives a principal a role of an application.
type appAssignment struct {
	ID          string `json:"id"`
	PrincipalID string `json:"principalId"`
	ResourceID  string `json:"resourceId"`
	AppRoleID   string `json:"appRoleId"`
}

// defaultAppRole is the role of an application that has none of its own.
const defaultAppRole = "00000000-0000-0000-0000-000000000000"

func (c *call) appendAppAssignment(b []byte, a appAssignment) []byte {
	b = append(b, '{')
	b = appendProperty(b, "id", a.ID)
	b = appendProperty(b, "appRoleId", a.AppRoleID)
	b = appendProperty(b, "principalId", a.PrincipalID)
	if o, ok := c.server.directory.Object(a.PrincipalID); ok {
		b = appendProperty(b, "principalDisplayName", o.DisplayName())
		b = appendProperty(b, "principalType", strings.ToUpper(string(o.Kind)[:1])+string(o.Kind)[1:])
	}
	b = appendProperty(b, "resourceId", a.ResourceID)
	if o, ok := c.server.directory.Object(a.ResourceID); ok {
		b = appendProperty(b, "resourceDisplayName", o.DisplayName())
	}
	return append(b, '}')
}

func (c *call) listAppRoleAssignedTo() (reply, error) {
	o, err := c.servicePrincipal()
	if err != nil {
		return reply{}, err
	}
	c.server.mu.RLock()
	list := slices.Clone(c.server.state.AppRoles[stateKey(o.ID())])
	c.server.mu.RUnlock()
	return c.page("appRoleAssignments", len(list), -1, 0, func(b []byte, n int) []byte { return c.appendAppAssignment(b, list[n]) }), nil
}

// listAppRolesOf answers what a user or a group was given, of any application.
func (c *call) listAppRolesOf() (reply, error) {
	o, ok := c.server.directory.Object(c.id())
	if !ok {
		return reply{}, absent(c.id())
	}
	var list []appAssignment
	c.server.mu.RLock()
	for _, assignments := range c.server.state.AppRoles {
		for _, a := range assignments {
			if strings.EqualFold(a.PrincipalID, o.ID()) {
				list = append(list, a)
			}
		}
	}
	c.server.mu.RUnlock()
	slices.SortFunc(list, func(a, b appAssignment) int { return strings.Compare(a.ID, b.ID) })
	return c.page("appRoleAssignments", len(list), -1, 0, func(b []byte, n int) []byte { return c.appendAppAssignment(b, list[n]) }), nil
}

// addAppRoleAssignedTo gives a role (PRV-04).
func (c *call) addAppRoleAssignedTo() (reply, error) {
	var body appAssignment
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	o, err := c.servicePrincipal()
	if err != nil {
		return reply{}, err
	}
	principal, ok := c.server.directory.Object(body.PrincipalID)
	roles := o.ServicePrincipal.AppRoles
	offered := slices.ContainsFunc(roles, func(r memory.AppRole) bool { return strings.EqualFold(r.ID, body.AppRoleID) && r.IsEnabled })
	switch {
	case !ok:
		return reply{}, absent(body.PrincipalID)
	case !strings.EqualFold(body.ResourceID, o.ID()):
		return reply{}, bad("The resourceId is not the service principal of the address.")
	case !offered && (len(roles) > 0 || body.AppRoleID != defaultAppRole):
		return reply{}, bad("Permission being assigned was not found on application '" + o.ServicePrincipal.AppID + "'.")
	}
	added := appAssignment{ID: c.server.ids(), PrincipalID: principal.ID(), ResourceID: o.ID(), AppRoleID: strings.ToLower(body.AppRoleID)}
	c.server.mu.Lock()
	list := c.server.state.AppRoles[stateKey(o.ID())]
	twice := slices.ContainsFunc(list, func(a appAssignment) bool {
		return a.PrincipalID == added.PrincipalID && a.AppRoleID == added.AppRoleID
	})
	if !twice {
		c.server.state.AppRoles[stateKey(o.ID())] = append(list, added)
	}
	c.server.mu.Unlock()
	if twice {
		return reply{}, bad("Permission being assigned already exists on the object")
	}
	return reply{status: http.StatusCreated, body: c.appendAppAssignment(nil, added)}, nil
}

// removeAppRoleAssignedTo takes a role back (PRV-05).
func (c *call) removeAppRoleAssignedTo() (reply, error) {
	o, err := c.servicePrincipal()
	if err != nil {
		return reply{}, err
	}
	other := c.request.PathValue("other")
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	list := c.server.state.AppRoles[stateKey(o.ID())]
	n := slices.IndexFunc(list, func(a appAssignment) bool { return strings.EqualFold(a.ID, other) })
	if n < 0 {
		return reply{}, absent(other)
	}
	c.server.state.AppRoles[stateKey(o.ID())] = slices.Delete(list, n, n+1)
	return noContent()
}
