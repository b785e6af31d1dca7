package governance

// PassPolicy is the tenant's policy of Temporary Access Passes, as far as issuing one depends on it (PRV-20).
type PassPolicy struct {
	Enabled        bool `json:"enabled"`
	MinimumMinutes int  `json:"minimumLifetimeInMinutes"`
	MaximumMinutes int  `json:"maximumLifetimeInMinutes"`
	OnlyOnce       bool `json:"isUsableOnce"` // passes that may be used many times are not allowed
}

// AccessPass is a Temporary Access Pass of a person, without its value.
type AccessPass struct {
	ID              string    `json:"id"`
	StartDateTime   *DateTime `json:"startDateTime,omitempty"`
	LifetimeMinutes int       `json:"lifetimeInMinutes"`
	UsableOnce      bool      `json:"isUsableOnce"`
}

// MobileApp is an Intune app with what it is assigned to.
type MobileApp struct {
	ID          string          `json:"id"`
	DisplayName string          `json:"displayName"`
	Assignments []AppAssignment `json:"assignments"`
}

// AppIntent is what Intune is to do with an app.
type AppIntent string

// The intents that Latchkey assigns; Graph has more (PRV-21).
const (
	IntentRequired  AppIntent = "required"
	IntentUninstall AppIntent = "uninstall"
)

// AppAssignment assigns an Intune app to a group. GroupID is empty for assignments to everybody or to all devices.
type AppAssignment struct {
	Intent  AppIntent `json:"intent"`
	GroupID string    `json:"groupId,omitempty"`
	Exclude bool      `json:"exclude,omitempty"` // the group is left out instead
}
