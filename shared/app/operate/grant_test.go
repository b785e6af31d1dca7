package operate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/operate"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// mailing is a directory that has a mailbox to send from.
type mailing struct{ *directorymemory.Directory }

// HasSender says so.
func (mailing) HasSender() bool { return true }

// grants are the reports on permissions, by the permission.
func grants(t *testing.T, c *operate.Checker) map[string]operate.Health {
	t.Helper()
	found := map[string]operate.Health{}
	for _, one := range c.CheckHealth(t.Context()) {
		if permission, ok := strings.CutPrefix(one.Dependency, "permission/"); ok {
			found[permission] = one
		}
	}
	return found
}

// TestPermissionsThatAreNeeded: what is configured says which permissions are looked at, and a missing one says what it stops and which command grants it.
func TestPermissionsThatAreNeeded(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		configure func(*stand)
		needed    []string // besides the two that are always
		with      string   // of the script that grants it
	}{
		"nothing":         {func(*stand) {}, nil, ""},
		"a member's role": {func(s *stand) { s.pack(governance.GrantMember) }, nil, ""},
		"an owner's role": {func(s *stand) { s.pack(governance.GrantMember, governance.GrantOwner) }, []string{"Group.ReadWrite.All"}, "--with owners"},
		"a mailbox": {func(s *stand) { s.checker.Directory = mailing{s.directory} }, []string{"Mail.Send"},
			`--mail-sender "$(azd env get-value LATCHKEY_MAIL_SENDER)"`},
		"passes": {func(s *stand) { s.action("temporaryAccessPass", nil) }, []string{"PrivilegedEligibilitySchedule.Read.AzureADGroup", "Policy.Read.AuthenticationMethod",
			"RoleManagement.Read.Directory", "UserAuthMethod-TAP.ReadWrite.All"}, "--with passes"},
		"an action that is on":  {func(s *stand) { s.action("revokeSessions", &yes) }, []string{"User.RevokeSessions.All"}, "--with sessions"},
		"an action that is off": {func(s *stand) { s.action("revokeSessions", &no) }, nil, ""},
		"a lifecycle workflow":  {func(s *stand) { s.action("groupMembership", nil, governance.StageLifecycleTask) }, []string{"LifecycleWorkflows.ReadWrite.All"}, "--with workflows"},
		"an app":                {func(s *stand) { s.action("intuneApp", nil) }, []string{"DeviceManagementApps.ReadWrite.All"}, "--with apps"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			c.configure(s)
			found := grants(t, s.checker)
			if len(found) != 3+len(c.needed) || found["User.Read.All"].Status != "ok" || found["GroupMember.ReadWrite.All"].Status != "ok" {
				t.Errorf("looked at %v", found)
			}
			for _, permission := range c.needed {
				one := found[permission]
				if one.Status != "limited" || one.Detail != "not granted" || one.Stops == "" || !strings.HasPrefix(one.Mend, "infra/entra/setup.sh ") || !strings.Contains(one.Mend, c.with) {
					t.Errorf("%s: %+v", permission, one)
				}
			}
			reports := s.checker.CheckHealth(t.Context())
			if want := map[bool]string{true: "ok", false: "limited"}[len(c.needed) == 0]; operate.HealthStatus(reports) != want || operate.Healthy(reports) != nil {
				t.Errorf("the whole is %s: %v", operate.HealthStatus(reports), operate.Healthy(reports))
			}
			if told := s.Lines("a permission is missing"); len(told) != len(c.needed) { // twice asked, once told
				t.Errorf("told: %v", told)
			}
			for _, line := range s.Lines("a permission is missing") {
				if permission, _ := strings.CutPrefix(line["dependency"].(string), "permission/"); !slices.Contains(c.needed, permission) || line["stops"] == "" || line["mend"] == "" || line["level"] != "ERROR" {
					t.Errorf("the line is %v", line)
				}
			}
		})
	}
}

// pack writes a package that grants these roles.
func (s *stand) pack(roles ...string) {
	s.Helper()
	pack := governance.AccessPackage{ID: ledgertest.ID("package")}
	for _, role := range roles {
		pack.ResourceRoleScopes = append(pack.ResourceRoleScopes, governance.ResourceRoleScope{Role: &governance.ResourceRole{OriginID: role + "_" + ledgertest.ID("group")}})
	}
	s.Put(ledger.CatalogPlace(ledgertest.ID("catalog")), pack)
}

// action configures an action.
func (s *stand) action(kind string, enabled *bool, stages ...governance.TaskStage) {
	s.Helper()
	s.Put(ledger.TenantPlace(), governance.CalloutAction{Name: "act", Kind: kind, Settings: []byte(`{}`), IsEnabled: enabled, Stages: stages})
}

// TestAPermissionThatIsAlwaysNeeded fails the whole, a larger one will do, one that is granted later is told no more, and taken away again it is.
func TestAPermissionThatIsAlwaysNeeded(t *testing.T) {
	s := newStand(t)
	s.directory.PutGranted("User.Read.All", "GroupMember.Read.All")
	if one := grants(t, s.checker)["GroupMember.ReadWrite.All"]; one.Status != "failing" || strings.Contains(one.Mend, "--with") || !strings.Contains(one.Stops, "membership") {
		t.Errorf("%+v", one)
	}
	if err := operate.Healthy(s.checker.CheckHealth(t.Context())); ledger.CodeOf(err) != governance.CodeUnavailable {
		t.Errorf("healthy: %v", err)
	}
	s.directory.PutGranted("Directory.ReadWrite.All")
	if reports := s.checker.CheckHealth(t.Context()); operate.HealthStatus(reports) != "ok" {
		t.Errorf("with a larger permission: %v", reports)
	}
	s.directory.PutGranted()
	s.checker.CheckHealth(t.Context())
	if told := len(s.Lines("a permission is missing")); told != 5 { // two, none, three
		t.Errorf("told %d times", told)
	}
	s.downDirectory(true)
	if found := grants(t, s.checker); len(found) != 0 {
		t.Errorf("without a token: %v", found)
	}
}

// TestWhatIsConfiguredIsLookedForSeldom, since everybody may ask after health; a store that is away leaves it open.
func TestWhatIsConfiguredIsLookedForSeldom(t *testing.T) {
	s := newStand(t)
	s.DownStore(true)
	grants(t, s.checker)
	s.DownStore(false)
	s.pack(governance.GrantOwner)
	if _, ok := grants(t, s.checker)["Group.ReadWrite.All"]; !ok {
		t.Error("it is not looked for again after the store was away")
	}
	s.action("revokeSessions", nil)
	if _, ok := grants(t, s.checker)["User.RevokeSessions.All"]; ok {
		t.Error("it is looked for each time")
	}
	s.Clock.Advance(5 * time.Minute)
	if _, ok := grants(t, s.checker)["User.RevokeSessions.All"]; !ok {
		t.Error("it is not looked for again after five minutes")
	}
}
