package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"latchkey/shared/governance"
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
		{"Group.ReadWrite.All", []string{"Directory.ReadWrite.All"}, featureOwners, "granting and removing ownership of groups"},
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

// checkGrants says of each permission that is needed by what is configured whether the identity's own token names it. A token that does not tell, such as a developer's, says nothing: then there are no reports.
func (a *App) checkGrants(ctx context.Context) []Health {
	if a.actions == nil {
		return nil
	}
	granted, err := a.actions.Granted(ctx)
	if err != nil {
		return nil // why there is no token, the directory tells
	}
	needed := a.features.of(ctx, a)
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
		if a.features.isNews(report) {
			a.log.ErrorContext(ctx, "a permission is missing", "alert", true, "dependency", report.Dependency, "detail", report.Detail, "stops", report.Stops, "mend", report.Mend)
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
func (f *features) of(ctx context.Context, a *App) map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.known != nil && a.now().Sub(f.at) < featuresAge {
		return f.known
	}
	needed := map[string]bool{featureAlways: true}
	if sender, ok := a.directory.(interface{ HasSender() bool }); ok && sender.HasSender() {
		needed[featureMail] = true
	}
	owners, ownersErr := a.grantsOwners(ctx)
	needed[featureOwners] = owners
	actionsErr := a.needsOfActions(ctx, needed)
	if ownersErr == nil && actionsErr == nil {
		f.known, f.at = needed, a.now()
	}
	return needed
}

// maxFeaturePages bounds how much is looked through for a feature.
const maxFeaturePages = 20

// grantsOwners says whether a package grants ownership of a group.
func (a *App) grantsOwners(ctx context.Context) (bool, error) {
	query := store.Query{Kind: kindPackage, PageSize: 1, Filter: store.Any{
		Path: []string{"resourceRoleScopes"}, Filter: store.Match{Path: []string{"role", "originId"}, Matching: store.StartsWith, Text: governance.GrantOwner + "_"},
	}}
	for range maxFeaturePages {
		page, err := a.store.Query(ctx, store.Catalogs, query)
		if err != nil || len(page.Documents) > 0 || page.Continuation == "" {
			return len(page.Documents) > 0, err
		}
		query.Continuation = page.Continuation
	}
	return false, nil
}

// needsOfActions adds the permissions that the actions of custom extensions need which may be called.
func (a *App) needsOfActions(ctx context.Context, needed map[string]bool) error {
	query := store.Query{Partition: tenantPartition, Kind: kindAction, PageSize: store.MaxPageSize}
	for range maxFeaturePages {
		page, err := a.store.Query(ctx, store.Catalogs, query)
		if err != nil {
			return err
		}
		for _, document := range page.Documents {
			configured, err := decode[governance.CalloutAction](document)
			if err != nil || !configured.Enabled() {
				continue // one that cannot be read cannot be called
			}
			for _, alternatives := range actions[configured.Kind].permissions {
				needed[alternatives[0]] = true
			}
			if slices.Contains(configured.Stages, governance.StageLifecycleTask) {
				needed[featureWorkflows] = true
			}
		}
		if page.Continuation == "" {
			return nil
		}
		query.Continuation = page.Continuation
	}
	return nil
}
