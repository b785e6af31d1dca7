package graph

import "net/http"

// Operation names a call to Graph, in Permissions and in Options.Observe.
type Operation string

// The operations.
const (
	OperationUser         Operation = "User"
	OperationApplication  Operation = "Application"
	OperationGroup        Operation = "Group"
	OperationManagers     Operation = "Managers"
	OperationMemberOf     Operation = "MemberOf"
	OperationGroupMembers Operation = "GroupMembers"
	OperationHasMember    Operation = "HasMember"
	OperationHasOwner     Operation = "HasOwner"
	OperationAddMember    Operation = "AddMember"
	OperationRemoveMember Operation = "RemoveMember"
	OperationAddOwner     Operation = "AddOwner"
	OperationRemoveOwner  Operation = "RemoveOwner"
	OperationDeletedUser  Operation = "DeletedUser"
	OperationDeletedGroup Operation = "DeletedGroup"
	OperationSendMail     Operation = "SendMail"
	OperationHealthUsers  Operation = "HealthUsers"
	OperationHealthGroups Operation = "HealthGroups"
)

// The application permissions that the adapter needs, least privilege.
const (
	permissionUserRead    = "User.Read.All"
	permissionMemberRead  = "GroupMember.Read.All"
	permissionMemberWrite = "GroupMember.ReadWrite.All"
	permissionGroupWrite  = "Group.ReadWrite.All"
	permissionGroupRead   = "Group.Read.All" // of deleted groups only; without it every deleted one is taken for one that may be restored
	permissionMailSend    = "Mail.Send"
	permissionAppRead     = "Application.Read.All"
)

// Permission is one line of Permissions.
type Permission struct {
	Operation  Operation
	Permission string // the application permission; an operation with two lines needs both
	Method     string
	Path       string // a template below the base URL
}

// Permissions lists every call that the adapter makes with the permission that it needs (PRV-01 to PRV-03, PRV-14, PRV-16, PRV-18).
// What is granted to the managed identity is checked against it.
func Permissions() []Permission {
	return []Permission{
		{OperationUser, permissionUserRead, http.MethodGet, "/users/{id}"},
		{OperationApplication, permissionAppRead, http.MethodGet, applicationPath},
		{OperationGroup, permissionMemberRead, http.MethodGet, "/groups/{id}"},
		{OperationManagers, permissionUserRead, http.MethodGet, "/users/{id}"},
		{OperationMemberOf, permissionUserRead, http.MethodGet, "/users/{id}/transitiveMemberOf"},
		{OperationMemberOf, permissionMemberRead, http.MethodGet, "/users/{id}/transitiveMemberOf"},
		{OperationGroupMembers, permissionMemberRead, http.MethodGet, "/groups/{id}/transitiveMembers/graph.user"},
		{OperationGroupMembers, permissionUserRead, http.MethodGet, "/groups/{id}/transitiveMembers/graph.user"},
		{OperationHasMember, permissionUserRead, http.MethodGet, "/users/{id}/memberOf"},
		{OperationHasMember, permissionMemberRead, http.MethodGet, "/users/{id}/memberOf"},
		{OperationHasOwner, permissionMemberRead, http.MethodGet, "/groups/{id}/owners"},
		{OperationAddMember, permissionMemberWrite, http.MethodPost, "/groups/{id}/members/$ref"},
		{OperationRemoveMember, permissionMemberWrite, http.MethodDelete, "/groups/{id}/members/{id}/$ref"},
		{OperationAddOwner, permissionGroupWrite, http.MethodPost, "/groups/{id}/owners/$ref"},
		{OperationRemoveOwner, permissionGroupWrite, http.MethodDelete, "/groups/{id}/owners/{id}/$ref"},
		{OperationDeletedUser, permissionUserRead, http.MethodGet, deletedItemPath},
		{OperationDeletedGroup, permissionGroupRead, http.MethodGet, deletedItemPath},
		{OperationSendMail, permissionMailSend, http.MethodPost, "/users/{id}/sendMail"},
		{OperationHealthUsers, permissionUserRead, http.MethodGet, "/users"},
		{OperationHealthGroups, permissionMemberRead, http.MethodGet, "/groups"},
	}
}

// PermissionsOf is the permissions that an operation needs.
func PermissionsOf(operation Operation) []string {
	var list []string
	for _, line := range append(Permissions(), ActionPermissions()...) {
		if line.Operation == operation {
			list = append(list, line.Permission)
		}
	}
	return list
}
