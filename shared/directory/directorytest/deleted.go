package directorytest

import (
	"testing"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// kept is how long a directory keeps what was deleted.
const kept = 30 * 24 * time.Hour

// testDeleted takes a person and a group away in every order, and brings them back.
// rules: PRV-02 PRV-03
func testDeleted(t *testing.T, tenant Tenant) {
	ctx, dir := t.Context(), tenant.Directory
	below, other := person(2), person(4)
	below.ManagerID = userID(1)
	middle := person(1)
	middle.ManagerID = userID(3)
	for _, user := range []governance.User{person(3), middle, below, other} {
		tenant.PutUser(user)
	}
	tenant.PutGroup(team(1))
	tenant.PutGroup(team(2)) // which they were never in
	must(t, tenant.PutMember(groupID(1), userID(1)))
	must(t, tenant.PutMember(groupID(1), userID(4)))
	must(t, tenant.PutOwner(groupID(1), userID(1)))
	must(t, tenant.PutOwner(groupID(1), userID(4)))
	removals := map[string]func(groupID, principalID string) error{
		"RemoveMember": func(groupID, principalID string) error { return dir.RemoveMember(ctx, groupID, principalID) },
		"RemoveOwner":  func(groupID, principalID string) error { return dir.RemoveOwner(ctx, groupID, principalID) },
		"Revoke": func(groupID, principalID string) error {
			groups, _ := directory.ProvisionerOf(dir, governance.OriginGroup)
			return groups.Revoke(ctx, governance.Step{Grant: governance.Grant{OriginSystem: governance.OriginGroup, ResourceID: groupID, Role: governance.GrantMember}}, principalID)
		},
	}
	for _, order := range [][]string{{userID(1)}, {groupID(1)}, {userID(1), groupID(1)}, {groupID(1), userID(1)}} {
		for _, last := range []bool{false, true} { // which of them is restored first
			for _, id := range order {
				must(t, tenant.Delete(id))
			}
			absent(t, dir, order)
			for name, remove := range removals {
				wantError(t, name+" of what may come back", remove(groupID(1), userID(1)), directory.ErrDeleted)
			}
			if order[0] == userID(1) {
				wantError(t, "RemoveMember from another group", dir.RemoveMember(ctx, groupID(2), userID(1)), directory.ErrDeleted)
				wantError(t, "AddMember", dir.AddMember(ctx, groupID(2), userID(1)), directory.ErrNotFound)
			}
			for n := range order {
				if last {
					n = len(order) - 1 - n
				}
				must(t, tenant.Restore(order[n]))
			}
			for _, has := range []func(string) (bool, error){
				func(id string) (bool, error) { return dir.HasMember(ctx, groupID(1), id) }, func(id string) (bool, error) { return dir.HasOwner(ctx, groupID(1), id) },
			} {
				for _, id := range []string{userID(1), userID(4)} {
					if held, err := has(id); err != nil || !held {
						t.Errorf("after %v were restored, %s is back: %t, %v", order, id, held, err)
					}
				}
			}
			if chain, err := dir.Managers(ctx, userID(2), 2); err != nil || len(chain) != 2 {
				t.Errorf("after %v were restored, the managers are %v, %v", order, chain, err)
			}
		}
	}
	for range 2 {
		must(t, dir.RemoveMember(ctx, groupID(1), userID(1)))
	}
}

// absent says that nothing of what is deleted is to be seen.
func absent(t *testing.T, dir directory.Directory, ids []string) {
	t.Helper()
	for _, id := range ids {
		_, user := dir.User(t.Context(), id)
		wantError(t, "User", user, directory.ErrNotFound)
		_, group := dir.Group(t.Context(), id)
		wantError(t, "Group", group, directory.ErrNotFound)
		if id == userID(1) {
			if report, err := dir.User(t.Context(), userID(2)); err != nil || report.ManagerID != "" {
				t.Errorf("the manager is %q, %v", report.ManagerID, err)
			}
			if members, err := Members(t.Context(), dir, groupID(1)); err == nil && len(members) != 1 {
				t.Errorf("a deleted person is among %v", members)
			}
		} else if groups, err := dir.MemberOf(t.Context(), userID(4)); err != nil || len(groups) != 0 {
			t.Errorf("a deleted group is among %v, %v", groups, err)
		}
	}
}

// testPurged: what never comes back has nothing to be taken away, whether somebody purged it or its time was over.
// rules: PRV-02 PRV-03
func testPurged(t *testing.T, tenant Tenant) {
	ctx, dir := t.Context(), tenant.Directory
	for n := 1; n <= 2; n++ {
		tenant.PutUser(person(n))
		tenant.PutGroup(team(n))
		must(t, tenant.PutMember(groupID(n), userID(n)))
		must(t, tenant.PutOwner(groupID(n), userID(n)))
	}
	gone := func(group, user int) {
		t.Helper()
		must(t, dir.RemoveMember(ctx, groupID(group), userID(user)))
		must(t, dir.RemoveOwner(ctx, groupID(group), userID(user)))
	}
	must(t, tenant.Delete(userID(1)))
	must(t, tenant.Purge(userID(1)))
	gone(1, 1)
	must(t, tenant.Delete(groupID(1)))
	wantError(t, "RemoveMember from a deleted group", dir.RemoveMember(ctx, groupID(1), userID(2)), directory.ErrDeleted)
	must(t, tenant.Purge(groupID(1)))
	gone(1, 2)
	must(t, tenant.Delete(userID(2)))
	tenant.Pass(kept - time.Second)
	wantError(t, "RemoveMember of a deleted person", dir.RemoveMember(ctx, groupID(2), userID(2)), directory.ErrDeleted)
	tenant.Pass(time.Second)
	gone(2, 2)
	for _, id := range []string{userID(1), groupID(1), userID(2), userID(9)} {
		if tenant.Restore(id) == nil || tenant.Purge(id) == nil {
			t.Errorf("%s was among the deleted items", id)
		}
	}
}

// testLag: changes find what is new, or restored, later than reads do.
func testLag(t *testing.T, tenant Tenant) {
	ctx, dir := t.Context(), tenant.Directory
	tenant.PutUser(person(1))
	tenant.PutGroup(team(1))
	tenant.PutGroup(team(3))
	tenant.Lag(time.Minute)
	tenant.PutUser(person(2))
	tenant.PutGroup(team(2))
	must(t, dir.AddMember(ctx, groupID(1), userID(1)))
	early := func(group, user int) {
		t.Helper()
		wantError(t, "AddMember", dir.AddMember(ctx, groupID(group), userID(user)), directory.ErrNotFound)
		wantError(t, "AddOwner", dir.AddOwner(ctx, groupID(group), userID(user)), directory.ErrNotFound)
		must(t, errOf(dir.User(ctx, userID(user))))
		must(t, errOf(dir.Group(ctx, groupID(group))))
	}
	early(1, 2)
	early(2, 1)
	tenant.Pass(time.Minute)
	must(t, dir.AddMember(ctx, groupID(1), userID(2)))
	must(t, dir.AddOwner(ctx, groupID(2), userID(1)))
	must(t, tenant.Delete(userID(1)))
	must(t, tenant.Restore(userID(1)))
	early(3, 1)
	must(t, dir.RemoveMember(ctx, groupID(1), userID(1)))
	tenant.Pass(time.Minute)
	must(t, dir.AddMember(ctx, groupID(3), userID(1)))
}
