package governance

// CallerKind tells people from applications.
type CallerKind string

// The kinds of callers.
const (
	CallerUser        CallerKind = "user"        // a delegated token: scopes, and the person's directory roles
	CallerApplication CallerKind = "application" // an app-only token: application permissions
	CallerSystem      CallerKind = "system"      // Latchkey's own timers and queues; never from a token
	CallerExtension   CallerKind = "extension"   // what calls custom extensions: Entra, or a Logic App in between; it may do nothing else
)

// Caller is who asks, as a validated token says. Every use case takes one and decides by it.
type Caller struct {
	Kind           CallerKind `json:"kind"`
	TenantID       string     `json:"tenantId"`
	ObjectID       string     `json:"objectId"` // oid: the person, or the application's service principal
	AppID          string     `json:"appId"`    // appid or azp: the client application
	DisplayName    string     `json:"displayName,omitempty"`
	Scopes         []string   `json:"scopes,omitempty"`         // scp: delegated permissions
	Permissions    []string   `json:"permissions,omitempty"`    // roles: application permissions
	DirectoryRoles []string   `json:"directoryRoles,omitempty"` // wids: role template ids of the person
}

// System is the caller of timers and queues.
func System() Caller { return Caller{Kind: CallerSystem, DisplayName: "Latchkey"} }

// Template ids of the directory roles that govern everything (ROL-01).
const (
	RoleGlobalAdministrator             = "62e90394-69f5-4237-9190-012177145e10"
	RoleIdentityGovernanceAdministrator = "45d8d3c5-c802-45c6-b32a-1d70b5e1e86e"
)

// Names of the permissions, Graph's own.
const (
	PermissionReadAll       = "EntitlementManagement.Read.All"
	PermissionReadWriteAll  = "EntitlementManagement.ReadWrite.All"
	PermissionSubjectAccess = "EntitlementMgmt-SubjectAccess.ReadWrite"
)
