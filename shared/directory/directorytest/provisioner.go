package directorytest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// rules: RES-01 RES-02 RES-06 RES-07 PRV-01 PRV-02 PRV-03
func testGroupProvisioner(t *testing.T, tenant Tenant) {
	ctx := t.Context()
	for _, system := range []string{"", "AadApplication", "group"} {
		if _, ok := directory.ProvisionerOf(tenant.Directory, system); ok {
			t.Errorf("there is a provisioner for %q", system)
		}
	}
	provisioner, ok := directory.ProvisionerOf(tenant.Directory, "aadgroup")
	if !ok {
		t.Fatal("there is no provisioner for groups")
	}
	described, dynamic, synced := team(1), team(2), team(3)
	described.Description = "All of it"
	dynamic.GroupTypes, dynamic.MembershipRule = []string{"DynamicMembership"}, "user.accountEnabled -eq true"
	synced.OnPremisesSync = true
	for _, group := range []governance.Group{described, dynamic, synced} {
		tenant.PutGroup(group)
	}
	for n := 1; n <= 3; n++ {
		tenant.PutUser(person(n))
	}
	must(t, tenant.PutOwner(groupID(1), userID(3)))

	got, err := provisioner.Describe(ctx, groupID(1))
	must(t, err)
	origin := governance.OriginGroup
	if diff := cmp.Diff(governance.Resource{
		DisplayName: "Team 1", Description: "All of it", OriginID: groupID(1), OriginSystem: origin,
		Roles:  []governance.ResourceRole{{DisplayName: "Member", OriginID: "Member_" + groupID(1), OriginSystem: origin}, {DisplayName: "Owner", OriginID: "Owner_" + groupID(1), OriginSystem: origin}},
		Scopes: []governance.ResourceScope{{DisplayName: "Root", Description: "Root Scope", OriginID: groupID(1), OriginSystem: origin, IsRootScope: true}},
	}, got); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
	for _, id := range []string{groupID(2), groupID(3), groupID(9), userID(1), "", "../users", "all"} {
		_, err := provisioner.Describe(ctx, id)
		if refused, ok := errors.AsType[*governance.Error](err); !ok || refused.Code != governance.CodeInvalid || refused.Target != "resource/originId" {
			t.Errorf("%q is described with %v", id, err)
		}
	}

	for _, role := range []string{governance.GrantMember, governance.GrantOwner} {
		grant := governance.Grant{OriginSystem: origin, ResourceID: groupID(1), Role: role}
		for _, add := range []bool{false, true, true, false, false} { // a second time it finds its work done
			if add {
				handle, end, err := provisioner.Grant(ctx, governance.Step{Grant: grant}, userID(1))
				must(t, err)
				if handle != "" || !end.IsZero() {
					t.Errorf("%s has the handle %q and ends at %v", role, handle, end)
				}
			} else {
				must(t, provisioner.Revoke(ctx, governance.Step{Grant: grant}, userID(1)))
			}
			for n, want := range map[int]bool{1: add, 2: false} {
				if held, err := provisioner.Held(ctx, grant, userID(n)); err != nil || held != want {
					t.Errorf("%s is held by %d: %t, %v; want %t", role, n, held, err, want)
				}
			}
		}
		wantError(t, "Grant to nobody", errOf(provisioner.Grant(ctx, governance.Step{Grant: grant}, userID(9))), directory.ErrNotFound)
		wantError(t, "Held by nobody", errOf(provisioner.Held(ctx, grant, userID(9))), directory.ErrNotFound)
	}
	for _, role := range []string{"", "member", "Members", "Guest"} { // none that groups have
		unknown := governance.Step{Grant: governance.Grant{OriginSystem: origin, ResourceID: groupID(1), Role: role}}
		wantError(t, "Grant of a role "+role, errOf(provisioner.Grant(ctx, unknown, userID(1))), directory.ErrRefused)
		wantError(t, "Revoke of a role "+role, provisioner.Revoke(ctx, unknown, userID(1)), directory.ErrRefused)
		wantError(t, "Held in a role "+role, errOf(provisioner.Held(ctx, unknown.Grant, userID(1))), directory.ErrRefused)
	}
	wantError(t, "Revoke from the last owner", provisioner.Revoke(ctx, governance.Step{Grant: governance.Grant{OriginSystem: origin,
		ResourceID: groupID(1), Role: governance.GrantOwner}}, userID(3)), directory.ErrRefused)
}
