package governance

// UserType tells members from guests; the values are Graph's.
type UserType string

// The user types of Microsoft Graph's user resource. Accounts older than the property have none: null there, empty here.
const (
	UserTypeMember UserType = "Member"
	UserTypeGuest  UserType = "Guest"
)

// User is a person as the directory knows them: the properties of Graph's user that decisions need, no more.
type User struct {
	ID                string   `json:"id"`
	UserPrincipalName string   `json:"userPrincipalName"`
	DisplayName       string   `json:"displayName"`
	Mail              string   `json:"mail,omitempty"`
	UserType          UserType `json:"userType"`
	AccountEnabled    bool     `json:"accountEnabled"`
	PreferredLanguage string   `json:"preferredLanguage,omitempty"`
	Department        string   `json:"department,omitempty"`
	CompanyName       string   `json:"companyName,omitempty"`
	ManagerID         string   `json:"managerId,omitempty"` // the direct manager; Graph's navigation property manager
}

// Group is a group as the directory knows it.
type Group struct {
	ID              string   `json:"id"`
	DisplayName     string   `json:"displayName"`
	Description     string   `json:"description,omitempty"`
	Mail            string   `json:"mail,omitempty"`
	SecurityEnabled bool     `json:"securityEnabled"`
	GroupTypes      []string `json:"groupTypes"`               // "Unified", "DynamicMembership"
	MembershipRule  string   `json:"membershipRule,omitempty"` // set for dynamic groups
	OnPremisesSync  bool     `json:"onPremisesSyncEnabled"`
	Visibility      string   `json:"visibility,omitempty"` // who may see its members
}

// VisibilityHidden is the Visibility of a group whose members are seen by who may see hidden ones alone: to others it is empty.
const VisibilityHidden = "HiddenMembership"

// Mail is one message to people. Both bodies are complete; a mail client shows one of them.
type Mail struct {
	To      []string `json:"to"` // addresses
	Subject string   `json:"subject"`
	HTML    string   `json:"html"`
	Text    string   `json:"text"`
}
