package directorytest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// ActionsTenant is an empty tenant under test, with the hands that prepare it and look behind it.
type ActionsTenant struct {
	Actions directory.Actions

	PutUser       func(governance.User)
	PutGroup      func(governance.Group)
	PutPassPolicy func(governance.PassPolicy)
	PutRole       func(principalID, roleTemplateID string)
	PutMember     func(groupID, principalID string) error
	// PutEligibleRole and PutEligibleMember are what Privileged Identity Management keeps: a role, or membership of a group, that can be activated.
	PutEligibleRole   func(principalID, roleTemplateID string)
	PutEligibleMember func(groupID, userID string)
	PutApp            func(id, displayName string)
	Resumes           func() []string // the bodies that came
	Heal              func()
	Fail              func(fault Fault, calls int)
}

// RunActions proves that what open returns keeps the contract of directory.Actions.
func RunActions(t *testing.T, open func(t *testing.T) ActionsTenant) {
	for name, run := range map[string]func(*testing.T, ActionsTenant){
		"Passes": testPasses, "PassPolicy": testPassPolicy, "LostPass": testLostPass, "DirectoryRoles": testDirectoryRoles, "Sessions": testSessions, "Apps": testApps, "Resume": testResume,
	} {
		t.Run(name, func(t *testing.T) { run(t, open(t)) })
	}
}

var enabled = governance.PassPolicy{Enabled: true, MinimumMinutes: 60, MaximumMinutes: 480}

// rules: PRV-19
func testPasses(t *testing.T, tenant ActionsTenant) {
	tenant.PutPassPolicy(enabled)
	tenant.PutUser(person(1))
	ctx, actions := t.Context(), tenant.Actions
	pass, value, err := actions.IssuePass(ctx, userID(1), directory.PassOrder{Minutes: 90, UsableOnce: true})
	must(t, err)
	if value.IsZero() || pass.ID == "" || pass.LifetimeMinutes != 90 || !pass.UsableOnce || pass.StartDateTime == nil {
		t.Errorf("issued was %+v", pass)
	}
	listed, err := actions.Passes(ctx, userID(1))
	must(t, err)
	if len(listed) != 1 || listed[0].ID != pass.ID || listed[0].LifetimeMinutes != 90 {
		t.Errorf("listed are %+v", listed)
	}
	wantError(t, "a second pass", errOf(actions.IssuePass(ctx, userID(1), directory.PassOrder{Minutes: 90})), directory.ErrRefused)
	for range 2 {
		must(t, actions.DeletePass(ctx, userID(1), pass.ID))
	}
	for ago, want := range map[time.Duration]error{-time.Hour: nil, time.Hour: directory.ErrRefused} {
		late, _, err := actions.IssuePass(ctx, userID(1), directory.PassOrder{Minutes: 90, Start: governance.At(pass.StartDateTime.Add(-ago))})
		wantError(t, fmt.Sprintf("a start %v ago", ago), err, want)
		must(t, actions.DeletePass(ctx, userID(1), late.ID))
	}
	if listed, err = actions.Passes(ctx, userID(1)); err != nil || len(listed) != 0 {
		t.Errorf("after its end: %+v, %v", listed, err)
	}
	must(t, actions.DeletePass(ctx, userID(9), pass.ID))
	wantError(t, "passes of nobody", errOf(actions.Passes(ctx, userID(9))), directory.ErrNotFound)
	wantError(t, "a pass for nobody", errOf(actions.IssuePass(ctx, userID(9), directory.PassOrder{Minutes: 90})), directory.ErrNotFound)
}

// rules: PRV-20
func testPassPolicy(t *testing.T, tenant ActionsTenant) {
	tenant.PutUser(person(1))
	once := enabled
	once.OnlyOnce = true
	for _, policy := range []governance.PassPolicy{enabled, once, {MinimumMinutes: 60, MaximumMinutes: 480}} {
		tenant.PutPassPolicy(policy)
		got, err := tenant.Actions.PassPolicy(t.Context())
		if err != nil || got != policy {
			t.Errorf("the policy is %+v, want %+v, %v", got, policy, err)
		}
		wantError(t, "a pass against the policy", errOf(tenant.Actions.IssuePass(t.Context(), userID(1), directory.PassOrder{Minutes: 481, UsableOnce: true})), directory.ErrRefused)
		if policy.OnlyOnce || !policy.Enabled {
			wantError(t, "a pass for many times against the policy", errOf(tenant.Actions.IssuePass(t.Context(), userID(1), directory.PassOrder{Minutes: 60})), directory.ErrRefused)
		}
	}
}

// A pass whose answer was lost is there, once, and is found: IssuePass is not repeated by itself.
func testLostPass(t *testing.T, tenant ActionsTenant) {
	tenant.PutPassPolicy(enabled)
	tenant.PutUser(person(1))
	tenant.Fail(LostResponse, 1)
	wantError(t, "a lost answer", errOf(tenant.Actions.IssuePass(t.Context(), userID(1), directory.PassOrder{Minutes: 60})), directory.ErrUnavailable)
	tenant.Heal()
	if listed, err := tenant.Actions.Passes(t.Context(), userID(1)); err != nil || len(listed) != 1 {
		t.Errorf("there are %d passes, %v", len(listed), err)
	}
}

// A role counts however it comes: held or eligible, by oneself, by a group, or by a group that one may yet join.
func testDirectoryRoles(t *testing.T, tenant ActionsTenant) {
	for n := 1; n <= 7; n++ {
		tenant.PutUser(person(n))
	}
	for n := 1; n <= 4; n++ {
		tenant.PutGroup(team(n))
	}
	const reader, helpdesk = "f2ef992c-3afb-46b9-b7cf-a126ee74c451", "729827e3-9c14-49f7-bb1b-9608f156bbb8"
	tenant.PutRole(userID(2), governance.RoleGlobalAdministrator)
	tenant.PutRole(groupID(1), reader)
	tenant.PutEligibleRole(groupID(2), helpdesk)
	tenant.PutRole(groupID(3), governance.RoleGlobalAdministrator)
	tenant.PutEligibleRole(userID(3), governance.RoleGlobalAdministrator)
	must(t, tenant.PutMember(groupID(1), userID(2)))
	must(t, tenant.PutMember(groupID(2), userID(4)))
	tenant.PutEligibleMember(groupID(3), userID(5))
	tenant.PutEligibleMember(groupID(2), userID(6))
	must(t, tenant.PutMember(groupID(4), userID(7)))
	held := func(id string) directory.Role { return directory.Role{TemplateID: id} }
	eligible := func(id string) directory.Role {
		return directory.Role{TemplateID: id, Eligible: true}
	}
	for n, want := range map[int][]directory.Role{
		1: nil,
		2: {held(governance.RoleGlobalAdministrator), held(reader)},
		3: {eligible(governance.RoleGlobalAdministrator)},
		4: {eligible(helpdesk)},
		5: {eligible(governance.RoleGlobalAdministrator)},
		6: {eligible(helpdesk)},
		7: nil,
	} {
		got, err := tenant.Actions.DirectoryRoles(t.Context(), userID(n))
		must(t, err)
		slices.SortFunc(got, func(a, b directory.Role) int { return strings.Compare(a.TemplateID, b.TemplateID) })
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("the roles of person %d are %v, want %v", n, got, want)
		}
	}
	wantError(t, "roles of nobody", errOf(tenant.Actions.DirectoryRoles(t.Context(), userID(9))), directory.ErrNotFound)
}

// rules: PRV-13
func testSessions(t *testing.T, tenant ActionsTenant) {
	tenant.PutUser(person(1))
	for range 2 {
		must(t, tenant.Actions.RevokeSessions(t.Context(), userID(1)))
	}
	wantError(t, "sessions of nobody", tenant.Actions.RevokeSessions(t.Context(), userID(9)), directory.ErrNotFound)
}

// rules: PRV-21
func testApps(t *testing.T, tenant ActionsTenant) {
	tenant.PutGroup(team(1))
	tenant.PutGroup(team(2))
	tenant.PutApp(appID(1), "Editor")
	ctx := t.Context()
	must(t, tenant.Actions.AssignApp(ctx, appID(1), groupID(1), governance.IntentRequired))
	for range 2 {
		must(t, tenant.Actions.AssignApp(ctx, appID(1), groupID(2), governance.IntentUninstall))
	}
	app, err := tenant.Actions.App(ctx, appID(1))
	must(t, err)
	want := []governance.AppAssignment{{Intent: governance.IntentRequired, GroupID: groupID(1)}, {Intent: governance.IntentUninstall, GroupID: groupID(2)}}
	if app.DisplayName != "Editor" || !slices.Equal(app.Assignments, want) {
		t.Errorf("the app is %+v", app)
	}
	wantError(t, "another intent for the same group", tenant.Actions.AssignApp(ctx, appID(1), groupID(1), governance.IntentUninstall), directory.ErrRefused)
	wantError(t, "a group that does not exist", tenant.Actions.AssignApp(ctx, appID(1), groupID(9), governance.IntentUninstall), directory.ErrRefused)
	wantError(t, "an app that does not exist", errOf(tenant.Actions.App(ctx, appID(9))), directory.ErrNotFound)
}

// rules: EXT-14
func testResume(t *testing.T, tenant ActionsTenant) {
	body := `{"source":"Latchkey","type":"microsoft.graph.accessPackageCustomExtensionStage.assignmentRequestCreated","data":{"@odata.type":"#microsoft.graph.accessPackageAssignmentRequestCallbackData",` +
		`"stage":"assignmentRequestCreated","customExtensionStageInstanceId":"x","customExtensionStageInstanceDetail":"done"}}`
	must(t, tenant.Actions.Resume(t.Context(), "/identityGovernance/entitlementManagement/assignmentRequests/"+userID(1)+"/resume", []byte(body)))
	if got := tenant.Resumes(); len(got) != 1 || got[0] != body {
		t.Errorf("resumed was %v", got)
	}
}
