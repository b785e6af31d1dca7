// Package tenant is the tenant that Azure in miniature serves: people, groups and applications, as data. There is a sample, and a seed file takes its place.
// Its JSON is that of GET /tenant on the control port.
//
// It serves infra/local and tests: the token service knows from it who may sign in, and the directory is filled from it. It is no directory itself:
// what changes later, changes there.
package tenant

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"slices"
	"strings"

	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// Tenant is everything that a tenant has at the start.
type Tenant struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	Domain      string `json:"domain"`
	Audience    string `json:"audience"` // of Latchkey's API: api:// and the GUID of its application

	Users        []User        `json:"users"`
	Groups       []Group       `json:"groups"`
	Applications []Application `json:"applications"` // the clients that have a secret

	// ManagedIdentity is the application that Latchkey itself is to Azure. It has no secret, so it is no client like the others.
	ManagedIdentity Application `json:"managedIdentity"`
	// Sender is the shared mailbox that mail is sent from. It is in the directory, and nobody signs in to it.
	Sender User `json:"sender"`
	// EnterpriseApplications are what access can be given to by app role.
	EnterpriseApplications []memory.ServicePrincipal `json:"enterpriseApplications"`
}

// User is a person of the tenant. In a seed file accountEnabled is true and userType is Member unless it says otherwise.
type User struct {
	ID                string              `json:"id"`
	UserPrincipalName string              `json:"userPrincipalName"`
	DisplayName       string              `json:"displayName"`
	Mail              string              `json:"mail,omitempty"`
	UserType          governance.UserType `json:"userType"`
	AccountEnabled    bool                `json:"accountEnabled"`
	PreferredLanguage string              `json:"preferredLanguage,omitempty"`
	Department        string              `json:"department,omitempty"`
	CompanyName       string              `json:"companyName,omitempty"`
	ManagerID         string              `json:"managerId"`               // null in JSON for nobody
	Roles             []string            `json:"roles"`                   // directory roles by their display names; see RoleTemplateID
	EligibleRoles     []string            `json:"eligibleRoles,omitempty"` // those that the person may activate in Privileged Identity Management
	Attributes        map[string]any      `json:"attributes,omitempty"`
}

// Group is a group of the tenant. In a seed file securityEnabled is true unless it says otherwise.
type Group struct {
	ID              string   `json:"id"`
	DisplayName     string   `json:"displayName"`
	Description     string   `json:"description,omitempty"`
	Mail            string   `json:"mail,omitempty"`
	SecurityEnabled bool     `json:"securityEnabled"`
	GroupTypes      []string `json:"groupTypes"`
	MembershipRule  string   `json:"membershipRule,omitempty"`
	OnPremisesSync  bool     `json:"onPremisesSyncEnabled"`
	Visibility      string   `json:"visibility,omitempty"`
	MemberIDs       []string `json:"memberIds"` // users, groups and service principals
	OwnerIDs        []string `json:"ownerIds"`
}

// Application is one that gets tokens of its own, with its service principal.
type Application struct {
	ID               string   `json:"id"` // of the service principal: the oid of its tokens
	AppID            string   `json:"appId"`
	DisplayName      string   `json:"displayName"`
	ClientSecret     string   `json:"clientSecret,omitempty"`
	Permissions      []string `json:"permissions"`                // on Latchkey's API
	GraphPermissions []string `json:"graphPermissions,omitempty"` // on Microsoft Graph
}

//go:embed sample.json
var sample []byte

// Sample is the sample tenant. Each call makes a new one.
func Sample() Tenant {
	tenant, err := Parse(bytes.NewReader(sample))
	if err != nil {
		panic("tenant: the embedded sample: " + err.Error()) // a test reads it: this cannot be the data's fault at run time
	}
	return tenant
}

// User finds a person by user principal name, in any case. The sender is found too.
func (t *Tenant) User(userPrincipalName string) (User, bool) {
	for _, user := range t.Users {
		if strings.EqualFold(user.UserPrincipalName, userPrincipalName) {
			return user, true
		}
	}
	if t.Sender.ID != "" && strings.EqualFold(t.Sender.UserPrincipalName, userPrincipalName) {
		return t.Sender, true
	}
	return User{}, false
}

// Application finds a client by its application id, in any case. The managed identity is none.
func (t *Tenant) Application(appID string) (Application, bool) {
	i := slices.IndexFunc(t.Applications, func(a Application) bool { return strings.EqualFold(a.AppID, appID) })
	if i < 0 {
		return Application{}, false
	}
	return t.Applications[i], true
}

// APIAppID is the GUID in Audience: what v2 tokens for the API have as theirs.
func (t *Tenant) APIAppID() string { return strings.TrimPrefix(t.Audience, audienceScheme) }

// RoleTemplateIDs are the template ids of a person's directory roles.
func (u User) RoleTemplateIDs() []string { return templateIDs(u.Roles) }

// EligibleRoleTemplateIDs are the template ids of the directory roles that a person is eligible for.
func (u User) EligibleRoleTemplateIDs() []string { return templateIDs(u.EligibleRoles) }

func templateIDs(roles []string) []string {
	ids := make([]string, 0, len(roles))
	for _, role := range roles {
		if id, ok := roleTemplates[role]; ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// Governance is the person as the domain knows them.
func (u User) Governance() governance.User {
	return governance.User{
		ID: u.ID, UserPrincipalName: u.UserPrincipalName, DisplayName: u.DisplayName, Mail: u.Mail, UserType: u.UserType, AccountEnabled: u.AccountEnabled,
		PreferredLanguage: u.PreferredLanguage, Department: u.Department, CompanyName: u.CompanyName, ManagerID: u.ManagerID,
	}
}

// Governance is the group as the domain knows it.
func (g Group) Governance() governance.Group {
	return governance.Group{
		ID: g.ID, DisplayName: g.DisplayName, Description: g.Description, Mail: g.Mail, SecurityEnabled: g.SecurityEnabled,
		GroupTypes: g.GroupTypes, MembershipRule: g.MembershipRule, OnPremisesSync: g.OnPremisesSync, Visibility: g.Visibility,
	}
}

// MarshalJSON writes null for no manager, so that every client reads it as none.
func (u User) MarshalJSON() ([]byte, error) {
	type plain User
	shown := struct {
		plain
		ManagerID *string `json:"managerId"`
	}{plain: plain(u)}
	if u.ManagerID != "" {
		shown.ManagerID = &u.ManagerID
	}
	return json.Marshal(shown)
}

// UnmarshalJSON sets what a seed file need not say.
func (u *User) UnmarshalJSON(data []byte) error {
	type plain User
	return strictly(data, (*plain)(u), func() { u.AccountEnabled, u.UserType = true, governance.UserTypeMember })
}

// UnmarshalJSON sets what a seed file need not say.
func (g *Group) UnmarshalJSON(data []byte) error {
	type plain Group
	return strictly(data, (*plain)(g), func() { g.SecurityEnabled = true })
}

func strictly(data []byte, into any, preset func()) error {
	preset()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
