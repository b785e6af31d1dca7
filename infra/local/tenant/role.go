package tenant

import "latchkey/shared/governance"

// roleTemplates are the directory roles that a seed file may name, with the template ids that Microsoft publishes for them: what a token's wids hold.
var roleTemplates = map[string]string{
	"Application Administrator":         "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
	"Global Administrator":              governance.RoleGlobalAdministrator,
	"Global Reader":                     "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
	"Groups Administrator":              "fdd7a751-b60b-444a-984c-02652fe8fa1c",
	"Guest Inviter":                     "95e79109-95c0-4d8e-aee3-d01accf2d47b",
	"Helpdesk Administrator":            "729827e3-9c14-49f7-bb1b-9608f156bbb8",
	"Identity Governance Administrator": governance.RoleIdentityGovernanceAdministrator,
	"Intune Administrator":              "3a2c62db-5318-420d-8d74-23affee5d9d5",
	"Privileged Role Administrator":     "e8611ab8-c189-46e8-94e1-60213ab1f814",
	"Security Reader":                   "5d6b6bb7-de71-4623-b4af-96380a352509",
	"SharePoint Administrator":          "f28a1f50-f6e7-4571-818b-6a12f2af6b6c",
	"User Administrator":                "fe930be7-5e62-47db-91af-98c3a49a38b1",
}

// RoleTemplateID is the template id of a directory role by its display name.
func RoleTemplateID(displayName string) (string, bool) {
	id, ok := roleTemplates[displayName]
	return id, ok
}
