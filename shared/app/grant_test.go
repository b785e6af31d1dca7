package app_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/app"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// mailing is a directory that has a mailbox to send from.
type mailing struct{ *directorymemory.Directory }

// HasSender says so.
func (mailing) HasSender() bool { return true }

// grants are the reports on permissions, by the permission.
func grants(t *testing.T, a *app.App) map[string]app.Health {
	t.Helper()
	found := map[string]app.Health{}
	for _, one := range a.CheckHealth(t.Context()) {
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
		"a member's role": {func(s *stand) { s.openPackage("package", member(g1)) }, nil, ""},
		"an owner's role": {func(s *stand) { s.openPackage("package", member(g1), owner(g2)) }, []string{"Group.ReadWrite.All"}, "--with owners"},
		"a mailbox": {func(s *stand) {
			s.restart(func(o *app.Options) { o.Directory, o.Actions = mailing{s.directory}, s.directory })
		}, []string{"Mail.Send"},
			`--mail-sender "$(azd env get-value LATCHKEY_MAIL_SENDER)"`},
		"passes": {func(s *stand) { s.action("temporaryAccessPass", `{}`, nil, nil) }, []string{"PrivilegedEligibilitySchedule.Read.AzureADGroup", "Policy.Read.AuthenticationMethod",
			"RoleManagement.Read.Directory", "UserAuthMethod-TAP.ReadWrite.All"}, "--with passes"},
		"an action that is on":  {func(s *stand) { s.action("revokeSessions", `{}`, &yes, nil) }, []string{"User.RevokeSessions.All"}, "--with sessions"},
		"an action that is off": {func(s *stand) { s.action("revokeSessions", `{}`, &no, nil) }, nil, ""},
		"a lifecycle workflow": {func(s *stand) {
			s.action("groupMembership", `{"groupId":"`+g1+`","direction":"add"}`, nil, []governance.TaskStage{governance.StageLifecycleTask})
		}, []string{"LifecycleWorkflows.ReadWrite.All"}, "--with workflows"},
		"an app": {func(s *stand) {
			s.action("intuneApp", `{"mobileAppId":"`+id("app")+`","installGroupId":"`+g1+`","uninstallGroupId":"`+g2+`"}`, nil, nil)
		}, []string{"DeviceManagementApps.ReadWrite.All"}, "--with apps"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			c.configure(s)
			found := grants(t, s.app)
			if len(found) != 2+len(c.needed) || found["User.Read.All"].Status != "ok" || found["GroupMember.ReadWrite.All"].Status != "ok" {
				t.Errorf("looked at %v", found)
			}
			for _, permission := range c.needed {
				one := found[permission]
				if one.Status != "limited" || one.Detail != "not granted" || one.Stops == "" || !strings.HasPrefix(one.Mend, "infra/entra/setup.sh ") || !strings.Contains(one.Mend, c.with) {
					t.Errorf("%s: %+v", permission, one)
				}
			}
			reports := s.app.CheckHealth(t.Context())
			if want := map[bool]string{true: "ok", false: "limited"}[len(c.needed) == 0]; app.HealthStatus(reports) != want || app.Healthy(reports) != nil {
				t.Errorf("the whole is %s: %v", app.HealthStatus(reports), app.Healthy(reports))
			}
			if told := s.lines("a permission is missing"); len(told) != len(c.needed) { // twice asked, once told
				t.Errorf("told: %v", told)
			}
			for _, line := range s.lines("a permission is missing") {
				if permission, _ := strings.CutPrefix(line["dependency"].(string), "permission/"); !slices.Contains(c.needed, permission) || line["stops"] == "" || line["mend"] == "" || line["level"] != "ERROR" {
					t.Errorf("the line is %v", line)
				}
			}
		})
	}
}

// action configures an action.
func (s *stand) action(kind, settings string, enabled *bool, stages []governance.TaskStage) {
	s.Helper()
	_, err := s.app.PutAction(s.Context(), admin(), "act", governance.CalloutAction{Kind: kind, Settings: json.RawMessage(settings), IsEnabled: enabled, Stages: stages}, "")
	s.must(err)
}

// TestAPermissionThatIsAlwaysNeeded fails the whole, a larger one will do, one that is granted later is told no more, and taken away again it is.
func TestAPermissionThatIsAlwaysNeeded(t *testing.T) {
	s := newStand(t)
	s.directory.PutGranted("User.Read.All", "GroupMember.Read.All")
	if one := grants(t, s.app)["GroupMember.ReadWrite.All"]; one.Status != "failing" || strings.Contains(one.Mend, "--with") || !strings.Contains(one.Stops, "membership") {
		t.Errorf("%+v", one)
	}
	if err := app.Healthy(s.app.CheckHealth(t.Context())); app.CodeOf(err) != governance.CodeUnavailable {
		t.Errorf("healthy: %v", err)
	}
	s.directory.PutGranted("Directory.ReadWrite.All")
	if reports := s.app.CheckHealth(t.Context()); app.HealthStatus(reports) != "ok" {
		t.Errorf("with a larger permission: %v", reports)
	}
	s.directory.PutGranted()
	s.app.CheckHealth(t.Context())
	if told := len(s.lines("a permission is missing")); told != 3 { // one, none, two
		t.Errorf("told %d times", told)
	}
	s.downDirectory(true)
	if found := grants(t, s.app); len(found) != 0 {
		t.Errorf("without a token: %v", found)
	}
}

// TestWhatIsConfiguredIsLookedForSeldom, since everybody may ask after health; a store that is away leaves it open.
func TestWhatIsConfiguredIsLookedForSeldom(t *testing.T) {
	s := newStand(t)
	s.downStore(true)
	grants(t, s.app)
	s.downStore(false)
	s.openPackage("package", owner(g1))
	if _, ok := grants(t, s.app)["Group.ReadWrite.All"]; !ok {
		t.Error("it is not looked for again after the store was away")
	}
	s.action("revokeSessions", `{}`, nil, nil)
	if _, ok := grants(t, s.app)["User.RevokeSessions.All"]; ok {
		t.Error("it is looked for each time")
	}
	s.clock.Advance(5 * time.Minute)
	if _, ok := grants(t, s.app)["User.RevokeSessions.All"]; !ok {
		t.Error("it is not looked for again after five minutes")
	}
}
