package graph

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
)

// call is one request on its route.
type call struct {
	server  *Server
	request *http.Request
	root    string // scheme, host and version, as the client wrote them
	query   url.Values
	held    []string // the application permissions of the caller
	all     bool     // every one
}

// may says whether the caller has any of the permissions.
func (c *call) may(permissions []string) bool {
	return c.all || slices.ContainsFunc(c.held, func(p string) bool { return slices.Contains(permissions, p) })
}

func (c *call) id() string { return c.request.PathValue("id") }

// route is one line of the table: a method and a path below the version, who may call it, and what it does.
type route struct {
	server      *Server
	method      string
	path        string
	permissions []string // any of them will do; none means that a valid token is enough
	do          func(*call) (reply, error)
	calls       atomic.Uint64
	refusals    atomic.Uint64
}

// ServeHTTP is called by the mux, with a capture.
func (t *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, ok := w.(*capture)
	if !ok {
		return
	}
	c := &call{server: t.server, request: r}
	var refused *problem
	c.held, c.all, refused = t.server.authorize(r)
	if refused == nil && len(t.permissions) > 0 && !c.may(t.permissions) {
		refused = denied()
	}
	if refused != nil {
		out.reply = refusal(refused)
		return
	}
	t.calls.Add(1)
	var err error
	c.query, err = url.ParseQuery(strings.ReplaceAll(r.URL.RawQuery, ";", "%3B")) // OData separates options of $expand so
	if err != nil {
		out.reply = refusal(bad("The query string is malformed."))
		return
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	version, _, _ := strings.Cut(r.URL.Path[1:], "/")
	c.root = scheme + r.Host + "/" + version
	answer, err := t.do(c)
	if err != nil {
		answer = refusal(problemOf(err, c.id()))
		t.refusals.Add(1)
	}
	out.reply = answer
}

// The application permissions that open a route: the least privileged first, as Graph's reference lists them.
var (
	canReadUsers    = []string{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	canWriteUsers   = []string{"User.ReadWrite.All", "Directory.ReadWrite.All"}
	canBlockUsers   = []string{"User.EnableDisableAccount.All", "User.ReadWrite.All", "Directory.ReadWrite.All"}
	canDeleteUsers  = []string{"User.DeleteRestore.All", "User.ReadWrite.All"}
	canRevoke       = []string{"User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"}
	canInvite       = []string{"User.Invite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"}
	canReadGroups   = []string{"GroupMember.Read.All", "Group.Read.All", "GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	canWriteGroups  = []string{"Group.ReadWrite.All", "Directory.ReadWrite.All"}
	canCreateGroups = []string{"Group.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
	canWriteMembers = []string{"GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
	canReadObjects  = []string{"Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All", "User.ReadWrite.All", "GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All"}
	canReadApps     = []string{"Application.Read.All", "Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}
	canWriteApps    = []string{"Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", "Directory.ReadWrite.All"}
	canAssignApps   = []string{"AppRoleAssignment.ReadWrite.All"}
	canReadHidden   = []string{"Member.Read.Hidden"}
	canSendMail     = []string{"Mail.Send"}

	canReadDeletedGroups = []string{"Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}

	canReadPasses  = []string{"UserAuthMethod-TAP.Read.All", "UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"}
	canWritePasses = []string{"UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"}
	canReadPolicy  = []string{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"}
	canWritePolicy = []string{"Policy.ReadWrite.AuthenticationMethod"}
	canReadIntune  = []string{"DeviceManagementApps.Read.All", "DeviceManagementApps.ReadWrite.All"}
	canWriteIntune = []string{"DeviceManagementApps.ReadWrite.All"}
	canReadRoles   = []string{"RoleManagement.Read.Directory", "RoleManagement.Read.All", "RoleManagement.ReadWrite.Directory", "Directory.Read.All", "Directory.ReadWrite.All"}
	canReadElig    = []string{"RoleEligibilitySchedule.Read.Directory", "RoleEligibilitySchedule.ReadWrite.Directory", "RoleManagement.Read.All", "RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"}
	canReadJoins   = []string{"PrivilegedEligibilitySchedule.Read.AzureADGroup", "PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup"}
	canWriteRoles  = []string{"RoleManagement.ReadWrite.Directory"}
	canResumeTasks = []string{"LifecycleWorkflows.ReadWrite.All", "LifecycleWorkflows-Workflow.ReadWrite.All"}
)

// route fills the table.
func (s *Server) route() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if out, ok := w.(*capture); ok {
			out.reply = refusal(s.unknown(r))
		}
	})
	const get, post, patch, put, remove = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete

	s.on(post, "/$batch", nil, (*call).batch)

	s.on(get, "/users", canReadUsers, (*call).listUsers)
	s.on(post, "/users", canWriteUsers, (*call).createUser)
	s.on(get, "/users/$count", canReadUsers, (*call).countUsers)
	s.on(get, "/users/{id}", canReadUsers, (*call).getUser)
	s.on(patch, "/users/{id}", canBlockUsers, (*call).patchUser)
	s.on(remove, "/users/{id}", canDeleteUsers, (*call).deleteUser)
	s.on(get, "/users/{id}/manager", canReadUsers, (*call).getManager)
	s.on(put, "/users/{id}/manager/$ref", canWriteUsers, (*call).putManager)
	s.on(remove, "/users/{id}/manager/$ref", canWriteUsers, (*call).deleteManager)
	s.on(get, "/users/{id}/directReports", canReadUsers, (*call).directReports)
	s.on(get, "/users/{id}/sponsors", canReadUsers, (*call).listSponsors)
	s.on(post, "/users/{id}/sponsors/$ref", canWriteUsers, (*call).addSponsor)
	s.on(remove, "/users/{id}/sponsors/{other}/$ref", canWriteUsers, (*call).removeSponsor)
	s.on(post, "/users/{id}/revokeSignInSessions", canRevoke, (*call).revokeSessions)
	s.on(post, "/users/{id}/sendMail", canSendMail, (*call).sendMail)

	for _, kind := range []string{"/users", "/groups", "/directoryObjects", "/servicePrincipals"} {
		s.on(get, kind+"/{id}/memberOf", canReadObjects, (*call).memberOf)
		s.on(get, kind+"/{id}/memberOf/{cast}", canReadObjects, (*call).memberOf)
		s.on(get, kind+"/{id}/transitiveMemberOf", canReadObjects, (*call).transitiveMemberOf)
		s.on(get, kind+"/{id}/transitiveMemberOf/{cast}", canReadObjects, (*call).transitiveMemberOf)
		s.on(post, kind+"/{id}/checkMemberGroups", canReadObjects, (*call).checkMemberGroups)
		s.on(post, kind+"/{id}/getMemberGroups", canReadObjects, (*call).getMemberGroups)
	}
	s.on(get, "/users/{id}/ownedObjects", canReadObjects, (*call).ownedObjects)
	s.on(get, "/users/{id}/ownedObjects/{cast}", canReadObjects, (*call).ownedObjects)

	s.on(get, "/groups", canReadGroups, (*call).listGroups)
	s.on(post, "/groups", canCreateGroups, (*call).createGroup)
	s.on(get, "/groups/$count", canReadGroups, (*call).countGroups)
	s.on(get, "/groups/{id}", canReadGroups, (*call).getGroup)
	s.on(patch, "/groups/{id}", canWriteMembers, (*call).patchGroup)
	s.on(remove, "/groups/{id}", canWriteGroups, (*call).deleteGroup)
	for _, edge := range []struct {
		path    string
		read    []string
		write   []string
		list    func(*call) (reply, error)
		add     func(*call) (reply, error)
		removal func(*call) (reply, error)
	}{
		{"/groups/{id}/members", canReadGroups, canWriteMembers, (*call).listMembers, (*call).addMember, (*call).removeMember},
		{"/groups/{id}/owners", canReadGroups, canWriteGroups, (*call).listOwners, (*call).addOwner, (*call).removeOwner},
	} {
		s.on(get, edge.path, edge.read, edge.list)
		s.on(get, edge.path+"/{cast}", edge.read, edge.list)
		s.on(post, edge.path+"/$ref", edge.write, edge.add)
		s.on(remove, edge.path+"/{other}/$ref", edge.write, edge.removal)
	}
	s.on(get, "/groups/{id}/transitiveMembers", canReadGroups, (*call).transitiveMembers)
	s.on(get, "/groups/{id}/transitiveMembers/{cast}", canReadGroups, (*call).transitiveMembers)

	s.on(get, "/directoryObjects/{id}", canReadObjects, (*call).getObject)
	s.on(post, "/directoryObjects/getByIds", canReadObjects, (*call).getByIDs)

	for _, prefix := range []string{"microsoft.graph.", "graph."} {
		s.on(get, "/directory/deletedItems/"+prefix+"user", canReadUsers, (*call).listDeletedUsers)
		s.on(get, "/directory/deletedItems/"+prefix+"group", canReadDeletedGroups, (*call).listDeletedGroups)
	}
	s.on(get, "/directory/deletedItems/{id}", slices.Concat(canReadUsers, canReadDeletedGroups, canReadApps), (*call).getDeletedItem)
	s.on(post, "/directory/deletedItems/{id}/restore", slices.Concat(canDeleteUsers, canWriteGroups, canWriteApps), (*call).restoreDeletedItem)
	s.on(remove, "/directory/deletedItems/{id}", slices.Concat(canDeleteUsers, canWriteGroups, canWriteApps), (*call).purgeDeletedItem)

	s.on(get, "/servicePrincipals", canReadApps, (*call).listServicePrincipals)
	s.on(get, "/servicePrincipals/{id}", canReadApps, (*call).getServicePrincipal)
	s.on(patch, "/servicePrincipals/{id}", canWriteApps, (*call).patchServicePrincipal)
	s.on(remove, "/servicePrincipals/{id}", canWriteApps, (*call).deleteServicePrincipal)
	s.on(get, "/servicePrincipals/{id}/appRoleAssignedTo", canReadApps, (*call).listAppRoleAssignedTo)
	s.on(post, "/servicePrincipals/{id}/appRoleAssignedTo", canAssignApps, (*call).addAppRoleAssignedTo)
	s.on(remove, "/servicePrincipals/{id}/appRoleAssignedTo/{other}", canAssignApps, (*call).removeAppRoleAssignedTo)
	s.on(get, "/users/{id}/appRoleAssignments", canReadObjects, (*call).listAppRolesOf)
	s.on(get, "/groups/{id}/appRoleAssignments", canReadObjects, (*call).listAppRolesOf)

	for _, function := range []string{"delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()"} {
		s.on(get, "/users/"+function, canReadUsers, (*call).usersDelta)
	}
	s.on(post, "/invitations", canInvite, (*call).invite)

	s.on(get, "/users/{id}/authentication/temporaryAccessPassMethods", canReadPasses, (*call).listPasses)
	s.on(post, "/users/{id}/authentication/temporaryAccessPassMethods", canWritePasses, (*call).createPass)
	s.on(get, "/users/{id}/authentication/temporaryAccessPassMethods/{other}", canReadPasses, (*call).getPass)
	s.on(remove, "/users/{id}/authentication/temporaryAccessPassMethods/{other}", canWritePasses, (*call).deletePass)
	s.on(get, "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/{id}", canReadPolicy, (*call).getPassPolicy)
	s.on(patch, "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/{id}", canWritePolicy, (*call).patchPassPolicy)

	s.on(get, "/deviceAppManagement/mobileApps", canReadIntune, (*call).listApps)
	s.on(post, "/deviceAppManagement/mobileApps", canWriteIntune, (*call).createApp)
	s.on(get, "/deviceAppManagement/mobileApps/{id}", canReadIntune, (*call).getApp)
	s.on(get, "/deviceAppManagement/mobileApps/{id}/assignments", canReadIntune, (*call).listAppAssignments)
	s.on(post, "/deviceAppManagement/mobileApps/{id}/assignments", canWriteIntune, (*call).addAppAssignment)
	s.on(remove, "/deviceAppManagement/mobileApps/{id}/assignments/{other}", canWriteIntune, (*call).deleteAppAssignment)
	s.on(post, "/deviceAppManagement/mobileApps/{id}/assign", canWriteIntune, (*call).assignApp)

	s.on(get, "/roleManagement/directory/roleAssignments", canReadRoles, (*call).listRoleAssignments)
	s.on(post, "/roleManagement/directory/roleAssignments", canWriteRoles, (*call).createRoleAssignment)
	s.on(remove, "/roleManagement/directory/roleAssignments/{id}", canWriteRoles, (*call).deleteRoleAssignment)
	s.on(get, "/roleManagement/directory/roleEligibilityScheduleInstances", canReadElig, (*call).listEligibleRoles)
	s.on(get, "/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances", canReadJoins, (*call).listEligibleMembers)
	s.on(get, "/roleManagement/directory/roleDefinitions/{id}", canReadRoles, (*call).getRoleDefinition)

	// A role on the catalog is enough to resume (EXT-22), and it is not in a token: a valid one will do.
	s.on(post, "/identityGovernance/entitlementManagement/assignmentRequests/{id}/resume", nil, (*call).resumeRequest)
	s.on(post, "/identityGovernance/entitlementManagement/accessPackageAssignmentRequests/{id}/resume", nil, (*call).resumeRequest)
	const workflow = "/identityGovernance/lifecycleWorkflows/workflows/{id}"
	for _, way := range []string{"/tasks/{part}", "/taskReports/{part}", "/userProcessingResults/{part}", "/runs/{run}/taskProcessingResults/{part}", "/runs/{run}/userProcessingResults/{part}"} {
		s.on(post, workflow+way+"/taskProcessingResults/{other}/resume", canResumeTasks, (*call).resumeTask)
	}
}

// on adds a route, below both versions.
func (s *Server) on(method, path string, permissions []string, do func(*call) (reply, error)) {
	t := &route{server: s, method: method, path: path, permissions: permissions, do: do}
	s.routes = append(s.routes, t)
	s.mux.Handle(method+" /v1.0"+path, t)
	s.mux.Handle(method+" /beta"+path, t)
}

// Route is one line of what the emulator serves.
type Route struct {
	Method, Path string
	Permissions  []string // any of them opens it
}

// Routes lists what the emulator serves, and which permissions open it: what a client needs can be checked against it.
func (s *Server) Routes() []Route {
	list := make([]Route, len(s.routes))
	for n, t := range s.routes {
		list[n] = Route{Method: t.method, Path: t.path, Permissions: slices.Clone(t.permissions)}
	}
	return list
}

// withKeySegments rewrites OData's keys in parentheses, users('id'), as segments: users/id.
func withKeySegments(r *http.Request) *http.Request {
	path := r.URL.EscapedPath()
	var b strings.Builder
	for {
		open := strings.Index(path, "('")
		app := false
		if open < 0 {
			if open = strings.Index(path, "(appId='"); open < 0 {
				break
			}
			app = true
		}
		shut := strings.Index(path[open:], "')")
		if shut < 0 {
			break
		}
		b.WriteString(path[:open])
		b.WriteByte('/')
		if app {
			b.WriteString(path[open+1 : open+shut+1])
		} else {
			b.WriteString(path[open+2 : open+shut])
		}
		path = path[open+shut+2:]
	}
	b.WriteString(path)
	rewritten := *r.URL
	var err error
	if rewritten.Path, err = url.PathUnescape(b.String()); err != nil {
		return r
	}
	rewritten.RawPath = b.String()
	copied := *r
	copied.URL = &rewritten
	return &copied
}
