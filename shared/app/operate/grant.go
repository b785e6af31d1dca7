package operate

import (
	"context"
	"slices"
	"sync"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// Grant is an application permission in Microsoft Graph that Latchkey's identity needs, always or for a feature. infra/entra/permissions.json says the same, with ids, to the scripts.
type Grant struct {
	Permission string
	Larger     []string // permissions that hold it in them
	Feature    string   // what it is needed for, as infra/entra/setup.sh --with names it; always: for everything
	Stops      string   // what does not happen without it
}

// The features that need permissions of their own.
const (
	featureAlways    = "always"
	featureOwners    = "owners"
	featureMail      = "mail"
	featureWorkflows = "workflows"
)

// Grants lists all of them.
func Grants() []Grant {
	return []Grant{
		{"User.Read.All", []string{"User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}, featureAlways, "looking people up, so every request"},
		{"GroupMember.ReadWrite.All", []string{"Group.ReadWrite.All", "Directory.ReadWrite.All"}, featureAlways, "granting and removing membership of groups"},
		{"Application.Read.All", []string{"Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"}, featureAlways, "changes by applications, and callouts"},
		{"Group.ReadWrite.All", []string{"Directory.ReadWrite.All"}, featureOwners, "granting and removing ownership of groups"},
		{directory.PermissionHidden, nil, "hidden", "naming groups with hidden membership in policies"},
		{"Mail.Send", nil, featureMail, "notifications and every other mail"},
		{"Policy.Read.AuthenticationMethod", []string{"Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"}, "passes", "issuing Temporary Access Passes"},
		{"UserAuthMethod-TAP.ReadWrite.All", []string{"UserAuthenticationMethod.ReadWrite.All"}, "passes", "issuing and withdrawing Temporary Access Passes"},
		{"RoleManagement.Read.Directory", []string{"RoleManagement.Read.All", "RoleManagement.ReadWrite.Directory"}, "passes", "issuing Temporary Access Passes"},
		{"PrivilegedEligibilitySchedule.Read.AzureADGroup", []string{"PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup"}, "passes", "issuing Temporary Access Passes"},
		{"User.RevokeSessions.All", []string{"User.ReadWrite.All", "Directory.ReadWrite.All"}, "sessions", "signing people out"},
		{"DeviceManagementApps.ReadWrite.All", nil, "apps", "installing and uninstalling Intune apps"},
		{"LifecycleWorkflows.ReadWrite.All", nil, featureWorkflows, "answering tasks of lifecycle workflows, which then time out"},
	}
}

// heldBy says whether what is granted holds the permission.
func (g Grant) heldBy(granted []string) bool {
	return slices.Contains(granted, g.Permission) || slices.ContainsFunc(g.Larger, func(p string) bool { return slices.Contains(granted, p) })
}

// cure is the command that grants it.
func (g Grant) cure() string {
	with := ""
	switch g.Feature {
	case featureAlways:
	case featureMail:
		with = ` --mail-sender "$(azd env get-value LATCHKEY_MAIL_SENDER)"`
	default:
		with = " --with " + g.Feature
	}
	return `infra/entra/setup.sh --identity "$(azd env get-value AZURE_IDENTITY_PRINCIPAL_ID)"` + with + ", then restart the app"
}

// checkGrants says of each permission that is needed by what is configured whether the identity's own token names it. A token that does not
// tell, such as a developer's, says nothing: then there are no reports.
func (c *Checker) checkGrants(ctx context.Context) []Health {
	if c.Actions == nil {
		return nil
	}
	granted, err := c.Actions.Granted(ctx)
	if err != nil {
		return nil // why there is no token, the directory tells
	}
	needed := c.features.of(ctx, c)
	var reports []Health
	for _, grant := range Grants() {
		if !needed[grant.Feature] && !needed[grant.Permission] {
			continue
		}
		report := Health{Dependency: "permission/" + grant.Permission, Status: statusOK}
		if !grant.heldBy(granted) {
			report.Status, report.Detail, report.Stops, report.Mend = statusLimited, "not granted", grant.Stops, grant.cure()
			if grant.Feature == featureAlways {
				report.Status = statusFailing
			}
		}
		reports = append(reports, report)
		if c.features.isNews(report) {
			c.Log.ErrorContext(ctx, "a permission is missing", "alert", true, "dependency", report.Dependency, "detail", report.Detail, "stops", report.Stops, "mend", report.Mend)
		}
	}
	return reports
}

// featuresAge is how long it is known which features are configured: health is open to everybody, and must not cost a query each time.
const featuresAge = 5 * time.Minute

// features remembers which features are configured, and which missing permissions were told.
type features struct {
	mu      sync.Mutex
	at      time.Time
	known   map[string]bool // features, and permissions of actions
	missing map[string]bool
}

// isNews says whether a permission is missing that was not when it was last looked at.
func (f *features) isNews(report Health) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.missing == nil {
		f.missing = map[string]bool{}
	}
	was := f.missing[report.Dependency]
	f.missing[report.Dependency] = report.Status != statusOK
	return !was && report.Status != statusOK
}

// of are the features that are configured. What the store does not answer is taken for not configured, until it does: the store's own failure is told elsewhere.
func (f *features) of(ctx context.Context, c *Checker) map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known != nil && c.Ledger.Now().Sub(f.at) < featuresAge {
		return f.known
	}
	needed := map[string]bool{featureAlways: true}
	if sender, ok := c.Directory.(interface{ HasSender() bool }); ok && sender.HasSender() {
		needed[featureMail] = true
	}
	owners, ownersErr := ledger.Any[governance.AccessPackage](ctx, c.Ledger, store.Any{
		Path: []string{"resourceRoleScopes"}, Filter: store.Match{Path: []string{"role", "originId"}, Matching: store.StartsWith, Text: governance.GrantOwner + "_"},
	})
	needed[featureOwners] = owners
	actionsErr := c.needsOfActions(ctx, needed)
	if ownersErr == nil && actionsErr == nil {
		f.known, f.at = needed, c.Ledger.Now()
	}
	return needed
}

// ActionNeeds says what the actions of custom extensions need; handlers.New wires it.
type ActionNeeds interface {
	// Permissions are those of Microsoft Graph that a kind of actions needs: of each line one will do, the least privileged first.
	Permissions(kind string) [][]string
}

// needsOfActions adds the permissions that the actions of custom extensions need which may be called.
func (c *Checker) needsOfActions(ctx context.Context, needed map[string]bool) error {
	options := ledger.ListOptions{Partition: ledger.TenantPlace().Partition, PageSize: store.MaxPageSize}
	for {
		page, err := ledger.List[governance.CalloutAction](ctx, c.Ledger, options)
		if err != nil {
			return err
		}
		for _, one := range page.Items {
			if !one.Value.Enabled() {
				continue
			}
			for _, alternatives := range c.Needs.Permissions(one.Value.Kind) {
				needed[alternatives[0]] = true
			}
			if slices.Contains(one.Value.Stages, governance.StageLifecycleTask) {
				needed[featureWorkflows] = true
			}
		}
		if options.Continuation = page.Continuation; page.Continuation == "" {
			return nil
		}
	}
}
