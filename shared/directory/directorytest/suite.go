// Package directorytest is the contract of the directory port as tests. Every adapter runs it: memory on its own, graph through infra/local/graph on the wire.
// It proves what a caller sees. What only an adapter knows, such as how long it waits before it asks again, is its own tests'.
package directorytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// Fault is what the suite asks to go wrong.
type Fault int

// The faults.
const (
	Throttled    Fault = iota // nothing is done, the caller is asked to wait Tenant.RetryAfter
	Unavailable               // nothing is done, an error of the service
	LostResponse              // it is done, and the answer is lost
)

// Tenant is an empty directory under test, and the hands that prepare it and look behind it.
type Tenant struct {
	Directory directory.Directory

	PutUser             func(governance.User)
	PutGroup            func(governance.Group)
	PutServicePrincipal func(id, displayName string)
	BlockApplication    func(id string)                         // nobody signs in with it any more
	PutMember           func(groupID, principalID string) error // past every refusal
	PutOwner            func(groupID, principalID string) error
	Members             func(groupID string) []string // direct
	IsOwner             func(groupID, principalID string) bool
	Sent                func() []governance.Mail
	// Delete moves a user or a group to the deleted items, Restore brings it back, Purge deletes it from there for good.
	Delete, Restore, Purge func(id string) error
	// SeeHidden gives the identity the permission to see hidden memberships.
	SeeHidden func()
	// Lag makes changes find what is made or restored from now on so much later than reads do.
	Lag func(time.Duration)
	// Pass lets time pass in the directory.
	Pass func(time.Duration)

	// Fail makes the next calls go wrong; with 0 calls, all until Heal.
	Fail func(fault Fault, calls int)
	Heal func()
	// RetryAfter is what a Throttled call asks for. It is longer than any adapter waits by itself.
	RetryAfter time.Duration
}

// maxRepeats is how often the suite repeats a call that the port says is safe to repeat.
const maxRepeats = 5

// Run proves that what open returns keeps the contract. Each test opens a tenant of its own.
func Run(t *testing.T, open func(t *testing.T) Tenant) {
	tests := []struct {
		name string
		run  func(*testing.T, Tenant)
	}{
		{"User", testUser},
		{"UserWithoutManager", testUserWithoutManager},
		{"Application", testApplication},
		{"Managers", testManagers},
		{"Group", testGroup},
		{"Absent", testAbsent},
		{"OddIDs", testOddIDs},
		{"NestedMembership", testNestedMembership},
		{"Cycle", testCycle},
		{"ManyGroups", testManyGroups},
		{"ManyMembers", testManyMembers},
		{"HiddenMembership", testHiddenMembership},
		{"AddMember", testAddMember},
		{"RemoveMember", testRemoveMember},
		{"RefusingGroups", testRefusingGroups},
		{"RefusedPrincipals", testRefusedPrincipals},
		{"Owners", testOwners},
		{"DirectEdges", testDirectEdges},
		{"GroupProvisioner", testGroupProvisioner},
		{"Deleted", testDeleted},
		{"Purged", testPurged},
		{"Lag", testLag},
		{"SendMail", testSendMail},
		{"Throttled", testThrottled},
		{"Unavailable", testUnavailable},
		{"LostResponse", testLostResponse},
		{"Canceled", testCanceled},
		{"Concurrent", testConcurrent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// id makes the GUIDs of the suite: real adapters refuse anything else as an object id.
func id(kind byte, n int) string { return fmt.Sprintf("%02x000000-0000-4000-8000-%012d", kind, n) }

func userID(n int) string  { return id(0xa1, n) }
func groupID(n int) string { return id(0xb1, n) }
func appID(n int) string   { return id(0xc1, n) }

func person(n int) governance.User {
	return governance.User{
		ID: userID(n), UserPrincipalName: fmt.Sprintf("person%d@contoso.example", n), DisplayName: fmt.Sprintf("Person %d", n),
		Mail: fmt.Sprintf("person.%d@contoso.example", n), UserType: governance.UserTypeMember, AccountEnabled: true,
	}
}

func team(n int) governance.Group {
	return governance.Group{ID: groupID(n), DisplayName: fmt.Sprintf("Team %d", n), SecurityEnabled: true, GroupTypes: []string{}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// errOf is the error of a call, which returns it last.
func errOf(results ...any) error {
	err, _ := results[len(results)-1].(error)
	return err
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// Members are all whom GroupMembers takes of a group.
func Members(ctx context.Context, dir directory.Directory, groupID string) ([]governance.User, error) {
	var all []governance.User
	err := dir.GroupMembers(ctx, groupID, func(user governance.User) bool {
		all = append(all, user)
		return true
	})
	return all, err
}

// testHiddenMembership: a group with hidden membership looks empty to who lacks the permission, from either side and through others, and takes members all the same.
func testHiddenMembership(t *testing.T, tenant Tenant) {
	hidden := team(1)
	hidden.Visibility = governance.VisibilityHidden
	tenant.PutGroup(hidden)
	tenant.PutGroup(team(2))
	tenant.PutGroup(team(3))
	tenant.PutUser(person(1))
	tenant.PutUser(person(2))
	must(t, tenant.PutMember(groupID(1), userID(1)))
	must(t, tenant.PutMember(groupID(2), groupID(1)))
	must(t, tenant.PutMember(groupID(2), userID(2)))
	ctx, dir := t.Context(), tenant.Directory
	must(t, dir.AddMember(ctx, groupID(1), userID(1)))
	for _, sees := range []bool{false, true} {
		if got, err := dir.SeesHidden(ctx); err != nil || got != sees {
			t.Errorf("it sees hidden memberships: %t, %v, want %t", got, err, sees)
		}
		group, err := dir.Group(ctx, groupID(1))
		if err != nil || group.Visibility != governance.VisibilityHidden {
			t.Errorf("the group is %+v, %v", group, err)
		}
		members, err := Members(ctx, dir, groupID(1))
		must(t, err)
		nested, err := Members(ctx, dir, groupID(2))
		must(t, err)
		groups, err := dir.MemberOf(ctx, userID(1))
		must(t, err)
		for id, hides := range map[string]string{groupID(1): groupID(1), groupID(2): groupID(1), groupID(3): ""} {
			if got, err := dir.HiddenIn(ctx, id); err != nil || got != map[bool]string{false: hides}[sees] {
				t.Errorf("seeing hidden ones %t: in %s hides %q, %v", sees, id, got, err)
			}
		}
		is, err := dir.HasMember(ctx, groupID(1), userID(1))
		must(t, err)
		if want := map[bool]int{true: 1}[sees]; len(members) != want || len(nested) != 1+want || slices.Contains(groups, groupID(1)) != sees || is != sees {
			t.Errorf("seeing hidden ones %t: members %d, nested %d, groups %v, is a member: %t", sees, len(members), len(nested), groups, is)
		}
		tenant.SeeHidden()
	}
	must(t, dir.RemoveMember(ctx, groupID(1), userID(1)))
	if members := tenant.Members(groupID(1)); len(members) != 0 {
		t.Errorf("left are %v", members)
	}
}

// testApplication: one that is there and not blocked may sign in; people and groups are none.
func testApplication(t *testing.T, tenant Tenant) {
	tenant.PutServicePrincipal(appID(1), "Robot")
	tenant.PutUser(person(1))
	if enabled, err := tenant.Directory.ApplicationEnabled(t.Context(), strings.ToUpper(appID(1))); err != nil || !enabled {
		t.Errorf("got %t, %v", enabled, err)
	}
	tenant.BlockApplication(appID(1))
	if enabled, err := tenant.Directory.ApplicationEnabled(t.Context(), appID(1)); err != nil || enabled {
		t.Errorf("of a blocked one: got %t, %v", enabled, err)
	}
	must(t, tenant.Delete(appID(1)))
	for _, id := range []string{appID(1), appID(2), userID(1), "robot"} {
		wantError(t, id, errOf(tenant.Directory.ApplicationEnabled(t.Context(), id)), directory.ErrNotFound)
	}
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

// rules: PRV-14
func testUser(t *testing.T, tenant Tenant) {
	full := governance.User{
		ID: userID(1), UserPrincipalName: "zoë.o'neil_fabrikam.example#EXT#@contoso.example", DisplayName: `Zoë "Z" O'Neil <zoe> \ 王`, Mail: "zoe@fabrikam.example",
		UserType: governance.UserTypeGuest, AccountEnabled: true, PreferredLanguage: "nl-BE", Department: "R&D", CompanyName: "Fabrikam",
		ManagerID: userID(2),
	}
	disabled := person(2)
	disabled.AccountEnabled = false
	disabled.UserType = "" // an account older than the property
	tenant.PutUser(disabled)
	tenant.PutUser(full)
	for _, want := range []governance.User{full, disabled} {
		got, err := tenant.Directory.User(t.Context(), want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("user (-want +got):\n%s", diff)
		}
	}
}

// rules: PRV-14
func testUserWithoutManager(t *testing.T, tenant Tenant) {
	tenant.PutUser(person(1))
	got, err := tenant.Directory.User(t.Context(), userID(1))
	must(t, err)
	if got.ManagerID != "" {
		t.Errorf("manager is %q, want none", got.ManagerID)
	}
}

// rules: PRV-14
func testManagers(t *testing.T, tenant Tenant) {
	manages := func(n int, manager string) {
		user := person(n)
		user.ManagerID = manager
		tenant.PutUser(user)
	}
	for n := 6; n > 1; n-- {
		manages(n-1, userID(n))
	}
	manages(6, "")
	manages(7, userID(8))
	manages(8, userID(9))
	manages(9, userID(7)) // a circle
	manages(10, userID(10))
	for _, test := range []struct {
		of, levels int
		want       []int
	}{{1, 1, []int{2}}, {1, 2, []int{2, 3}}, {1, 4, []int{2, 3, 4, 5}}, {1, 100, []int{2, 3, 4, 5}}, {1, 0, nil}, {1, -1, nil}, {5, 4, []int{6}}, {6, 4, nil}, {7, 4, []int{8, 9}}, {10, 4, nil}} {
		got, err := tenant.Directory.Managers(t.Context(), userID(test.of), test.levels)
		must(t, err)
		var want []string
		for _, n := range test.want {
			want = append(want, userID(n))
		}
		if !slices.Equal(got, want) {
			t.Errorf("the managers of %d up to level %d are %v, want %v", test.of, test.levels, got, test.want)
		}
	}
}

func testGroup(t *testing.T, tenant Tenant) {
	dynamic := governance.Group{
		ID: groupID(1), DisplayName: "Sales", Description: "All of sales", Mail: "sales@contoso.example", SecurityEnabled: true,
		GroupTypes: []string{"Unified", "DynamicMembership"}, MembershipRule: `user.department -eq "Sales"`,
	}
	synced := team(2)
	synced.OnPremisesSync = true
	for _, want := range []governance.Group{dynamic, synced} {
		tenant.PutGroup(want)
		got, err := tenant.Directory.Group(t.Context(), want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("group (-want +got):\n%s", diff)
		}
	}
}

func testAbsent(t *testing.T, tenant Tenant) {
	ctx, dir := t.Context(), tenant.Directory
	tenant.PutUser(person(1))
	tenant.PutGroup(team(1))
	for what, err := range map[string]error{
		"User":                  errOf(dir.User(ctx, userID(9))),
		"User of a group's id":  errOf(dir.User(ctx, groupID(1))),
		"Group":                 errOf(dir.Group(ctx, groupID(9))),
		"Group of a user's id":  errOf(dir.Group(ctx, userID(1))),
		"Managers":              errOf(dir.Managers(ctx, userID(9), 1)),
		"MemberOf":              errOf(dir.MemberOf(ctx, userID(9))),
		"HasMember":             errOf(dir.HasMember(ctx, groupID(1), userID(9))),
		"HasMember of no group": errOf(dir.HasMember(ctx, groupID(9), userID(1))),
		"HasOwner":              errOf(dir.HasOwner(ctx, groupID(1), userID(9))),
		"HasOwner of no group":  errOf(dir.HasOwner(ctx, groupID(9), userID(1))),
		"HiddenIn":              errOf(dir.HiddenIn(ctx, groupID(9))),
		"GroupMembers":          errOf(Members(ctx, dir, groupID(9))),
		"AddMember to no group": dir.AddMember(ctx, groupID(9), userID(1)),
		"AddMember of nobody":   dir.AddMember(ctx, groupID(1), userID(9)),
		"AddOwner to no group":  dir.AddOwner(ctx, groupID(9), userID(1)),
		"AddOwner of nobody":    dir.AddOwner(ctx, groupID(1), userID(9)),
	} {
		wantError(t, what, err, directory.ErrNotFound)
	}
	must(t, dir.RemoveMember(ctx, groupID(9), userID(1)))
	must(t, dir.RemoveMember(ctx, groupID(1), userID(9)))
	must(t, dir.RemoveOwner(ctx, groupID(9), userID(1)))
	must(t, dir.RemoveOwner(ctx, groupID(1), userID(9)))
}

// An id comes from a policy that somebody wrote. Whatever it holds, it names an object that does not exist, and no other resource of the service.
func testOddIDs(t *testing.T, tenant Tenant) {
	ctx, dir := t.Context(), tenant.Directory
	tenant.PutUser(person(1))
	tenant.PutGroup(team(1))
	must(t, tenant.PutMember(groupID(1), userID(1)))
	for _, odd := range []string{"", ".", "..", "../groups/" + groupID(1), "a/b", "a?b=c", "a#b", "%2e%2e", "a b", "$count", "\x00", "é", userID(1) + "/manager", userID(1) + "?x=", "delta"} {
		for what, err := range map[string]error{
			"User":              errOf(dir.User(ctx, odd)),
			"Group":             errOf(dir.Group(ctx, odd)),
			"Managers":          errOf(dir.Managers(ctx, odd, 1)),
			"HasMember(_, odd)": errOf(dir.HasMember(ctx, groupID(1), odd)),
			"HasOwner(odd, _)":  errOf(dir.HasOwner(ctx, odd, userID(1))),
			"MemberOf":          errOf(dir.MemberOf(ctx, odd)),
			"HiddenIn":          errOf(dir.HiddenIn(ctx, odd)),
			"GroupMembers":      errOf(Members(ctx, dir, odd)),
			"AddMember(odd, _)": dir.AddMember(ctx, odd, userID(1)),
			"AddMember(_, odd)": dir.AddMember(ctx, groupID(1), odd),
		} {
			wantError(t, fmt.Sprintf("%s, odd: %q", what, odd), err, directory.ErrNotFound)
		}
		if err := errors.Join(dir.RemoveMember(ctx, groupID(1), odd), dir.RemoveMember(ctx, odd, userID(1))); err != nil {
			t.Errorf("RemoveMember, odd: %q: %v", odd, err)
		}
	}
	if got, want := tenant.Members(groupID(1)), []string{userID(1)}; !slices.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
}

// rules: PRV-16
func testNestedMembership(t *testing.T, tenant Tenant) {
	for n := 1; n <= 4; n++ {
		tenant.PutUser(person(n))
		tenant.PutGroup(team(n))
	}
	tenant.PutServicePrincipal(appID(1), "Robot")
	// 1 holds 2 and 3, both hold 4: a diamond.
	for _, edge := range [][2]string{
		{groupID(1), groupID(2)}, {groupID(1), groupID(3)}, {groupID(2), groupID(4)}, {groupID(3), groupID(4)},
		{groupID(1), userID(1)}, {groupID(4), userID(1)}, {groupID(4), userID(2)}, {groupID(2), userID(3)}, {groupID(4), appID(1)},
	} {
		must(t, tenant.PutMember(edge[0], edge[1]))
	}
	for user, want := range map[string][]string{
		userID(2): {groupID(1), groupID(2), groupID(3), groupID(4)},
		userID(3): {groupID(1), groupID(2)},
		userID(4): nil,
	} {
		got, err := tenant.Directory.MemberOf(t.Context(), user)
		must(t, err)
		if !slices.Equal(sorted(got), want) {
			t.Errorf("groups of %s are %v, want %v", user, sorted(got), want)
		}
	}
	members, err := Members(t.Context(), tenant.Directory, groupID(1))
	must(t, err)
	if diff := cmp.Diff([]governance.User{person(1), person(2), person(3)}, byID(members)); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	old := person(2)
	old.UserType = ""
	tenant.PutUser(old)
	members, err = Members(t.Context(), tenant.Directory, groupID(3))
	must(t, err)
	if diff := cmp.Diff([]governance.User{person(1), old}, byID(members)); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
}

func byID(users []governance.User) []governance.User {
	users = slices.Clone(users)
	slices.SortFunc(users, func(a, b governance.User) int { return strings.Compare(a.ID, b.ID) })
	return users
}

func testCycle(t *testing.T, tenant Tenant) {
	tenant.PutUser(person(1))
	for n := 1; n <= 3; n++ {
		tenant.PutGroup(team(n))
	}
	for _, edge := range [][2]string{{groupID(1), groupID(2)}, {groupID(2), groupID(3)}, {groupID(3), groupID(1)}, {groupID(3), userID(1)}} {
		must(t, tenant.PutMember(edge[0], edge[1]))
	}
	groups, err := tenant.Directory.MemberOf(t.Context(), userID(1))
	must(t, err)
	if want := []string{groupID(1), groupID(2), groupID(3)}; !slices.Equal(sorted(groups), want) {
		t.Errorf("groups are %v, want %v", sorted(groups), want)
	}
	members, err := Members(t.Context(), tenant.Directory, groupID(1))
	must(t, err)
	if len(members) != 1 || members[0].ID != userID(1) {
		t.Errorf("members are %v, want one", members)
	}
}

// More groups than any page of Graph holds (999).
func testManyGroups(t *testing.T, tenant Tenant) {
	const groups = 2100
	tenant.PutUser(person(1))
	want := make([]string, groups)
	for n := range groups {
		tenant.PutGroup(team(n))
		must(t, tenant.PutMember(groupID(n), userID(1)))
		want[n] = groupID(n)
	}
	got, err := tenant.Directory.MemberOf(t.Context(), userID(1))
	must(t, err)
	if !slices.Equal(sorted(got), want) {
		t.Errorf("got %d groups, want %d different ones", len(got), groups)
	}
}

func testManyMembers(t *testing.T, tenant Tenant) {
	tenant.PutGroup(team(1))
	tenant.PutGroup(team(2))
	must(t, tenant.PutMember(groupID(1), groupID(2)))
	const many = 1250
	for n := range many {
		tenant.PutUser(person(n))
		must(t, tenant.PutMember(groupID(1+n%2), userID(n)))
	}
	members, err := Members(t.Context(), tenant.Directory, groupID(1))
	must(t, err)
	different := map[string]bool{}
	for _, member := range members {
		different[member.ID] = true
	}
	if len(members) != many || len(different) != many {
		t.Errorf("got %d members, %d different, want %d", len(members), len(different), many)
	}
	taken := 0
	must(t, tenant.Directory.GroupMembers(t.Context(), groupID(1), func(governance.User) bool { taken++; return taken < 510 }))
	if taken != 510 {
		t.Errorf("took %d members, want 510", taken)
	}
	members, err = Members(t.Context(), tenant.Directory, groupID(2))
	must(t, err)
	if want := many / 2; len(members) != want {
		t.Errorf("got %d members, want %d", len(members), want)
	}
}

// rules: PRV-01
func testAddMember(t *testing.T, tenant Tenant) {
	tenant.PutUser(person(1))
	tenant.PutServicePrincipal(appID(1), "Robot")
	tenant.PutGroup(team(1))
	tenant.PutGroup(team(2))
	for _, principal := range []string{userID(1), appID(1), groupID(2)} {
		for range 2 { // the second finds it done
			must(t, tenant.Directory.AddMember(t.Context(), groupID(1), principal))
		}
	}
	if got, want := sorted(tenant.Members(groupID(1))), sorted([]string{userID(1), appID(1), groupID(2)}); !slices.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
	groups, err := tenant.Directory.MemberOf(t.Context(), userID(1))
	must(t, err)
	if !slices.Equal(groups, []string{groupID(1)}) {
		t.Errorf("groups are %v, want the first", groups)
	}
}

// rules: PRV-02
func testRemoveMember(t *testing.T, tenant Tenant) {
	tenant.PutUser(person(1))
	tenant.PutUser(person(2))
	tenant.PutGroup(team(1))
	must(t, tenant.PutMember(groupID(1), userID(1)))
	must(t, tenant.PutMember(groupID(1), userID(2)))
	for range 2 { // the second finds it done
		must(t, tenant.Directory.RemoveMember(t.Context(), groupID(1), userID(1)))
	}
	if got, want := tenant.Members(groupID(1)), []string{userID(2)}; !slices.Equal(got, want) {
		t.Errorf("members are %v, want %v", got, want)
	}
	groups, err := tenant.Directory.MemberOf(t.Context(), userID(1))
	must(t, err)
	if len(groups) != 0 {
		t.Errorf("groups are %v, want none", groups)
	}
	if _, err := tenant.Directory.User(t.Context(), userID(1)); err != nil {
		t.Errorf("the user went with the membership: %v", err)
	}
}

func testRefusingGroups(t *testing.T, tenant Tenant) {
	dynamic, synced := team(1), team(2)
	dynamic.GroupTypes, dynamic.MembershipRule = []string{"DynamicMembership"}, "user.accountEnabled -eq true"
	synced.OnPremisesSync = true
	tenant.PutUser(person(1))
	tenant.PutUser(person(2))
	for _, group := range []governance.Group{dynamic, synced} {
		tenant.PutGroup(group)
		must(t, tenant.PutMember(group.ID, userID(1)))
		wantError(t, "AddMember", tenant.Directory.AddMember(t.Context(), group.ID, userID(2)), directory.ErrRefused)
		wantError(t, "RemoveMember", tenant.Directory.RemoveMember(t.Context(), group.ID, userID(1)), directory.ErrRefused)
		if got, want := tenant.Members(group.ID), []string{userID(1)}; !slices.Equal(got, want) {
			t.Errorf("members are %v, want %v", got, want)
		}
		must(t, tenant.Directory.RemoveMember(t.Context(), group.ID, userID(2))) // is none: nothing to refuse
	}
}

// Which principals a group takes depends on the group.
func testRefusedPrincipals(t *testing.T, tenant Tenant) {
	ctx, dir := t.Context(), tenant.Directory
	unified := team(1)
	unified.GroupTypes = []string{"Unified"}
	tenant.PutGroup(unified)
	tenant.PutGroup(team(2))
	tenant.PutGroup(team(3))
	tenant.PutServicePrincipal(appID(1), "Robot")
	for n := range 101 {
		tenant.PutUser(person(n))
		if n > 0 {
			must(t, tenant.PutOwner(groupID(3), userID(n)))
		}
	}
	must(t, dir.AddMember(ctx, groupID(1), userID(1)))
	must(t, dir.AddOwner(ctx, groupID(1), appID(1)))
	for what, err := range map[string]error{
		"a group in a Microsoft 365 group": dir.AddMember(ctx, groupID(1), groupID(2)), "a service principal in a Microsoft 365 group": dir.AddMember(ctx, groupID(1), appID(1)),
		"a Microsoft 365 group in a group": dir.AddMember(ctx, groupID(2), groupID(1)), "a group as an owner": dir.AddOwner(ctx, groupID(2),
			groupID(3)), "an owner too many": dir.AddOwner(ctx, groupID(3), userID(0)),
	} {
		wantError(t, what, err, directory.ErrRefused)
	}
	must(t, dir.AddOwner(ctx, groupID(3), userID(1))) // is one already
}

// rules: PRV-03
func testOwners(t *testing.T, tenant Tenant) {
	ctx, dir := t.Context(), tenant.Directory
	tenant.PutUser(person(1))
	tenant.PutUser(person(2))
	tenant.PutGroup(team(1))
	for range 2 {
		must(t, dir.AddOwner(ctx, groupID(1), userID(1)))
		must(t, dir.AddOwner(ctx, groupID(1), userID(2)))
	}
	if !tenant.IsOwner(groupID(1), userID(1)) || !tenant.IsOwner(groupID(1), userID(2)) {
		t.Error("the owners were not added")
	}
	if got := tenant.Members(groupID(1)); len(got) != 0 {
		t.Errorf("owners became members: %v", got)
	}
	for range 2 {
		must(t, dir.RemoveOwner(ctx, groupID(1), userID(1)))
	}
	if tenant.IsOwner(groupID(1), userID(1)) {
		t.Error("the owner was not removed")
	}
	wantError(t, "RemoveOwner of the last", dir.RemoveOwner(ctx, groupID(1), userID(2)), directory.ErrRefused)
	if !tenant.IsOwner(groupID(1), userID(2)) {
		t.Error("the last owner was removed")
	}
}

// Membership by another group is not direct, and a member is no owner.
func testDirectEdges(t *testing.T, tenant Tenant) {
	ctx, dir := t.Context(), tenant.Directory
	for n := 1; n <= 3; n++ {
		tenant.PutUser(person(n))
		tenant.PutGroup(team(n))
	}
	must(t, tenant.PutMember(groupID(1), groupID(2)))
	must(t, tenant.PutMember(groupID(2), userID(1)))
	must(t, tenant.PutOwner(groupID(1), userID(2)))
	for _, test := range []struct {
		group         string
		user          int
		member, owner bool
	}{{groupID(1), 1, false, false}, {groupID(2), 1, true, false}, {groupID(1), 2, false, true}, {groupID(1), 3, false, false}} {
		member, err := dir.HasMember(ctx, test.group, userID(test.user))
		must(t, err)
		owner, err := dir.HasOwner(ctx, test.group, userID(test.user))
		must(t, err)
		if member != test.member || owner != test.owner {
			t.Errorf("of group %q person %d is member %t and owner %t, want %t and %t", test.group, test.user, member, owner, test.member, test.owner)
		}
	}
}

// rules: PRV-18
func testSendMail(t *testing.T, tenant Tenant) {
	mail := governance.Mail{
		To: []string{"alex@contoso.example", "bo@fabrikam.example"}, Subject: "Access to “Cloud PC” & more",
		HTML: "<html><body><p>You have <b>access</b>.</p><p>Until 1 May &amp; not longer</p></body></html>", Text: "You have access.\n\nUntil 1 May & not longer",
	}
	must(t, tenant.Directory.SendMail(t.Context(), mail))
	sent := tenant.Sent()
	if len(sent) != 1 {
		t.Fatalf("%d mails were sent, want 1", len(sent))
	}
	if diff := cmp.Diff(mail, sent[0]); diff != "" {
		t.Errorf("mail (-want +got):\n%s", diff)
	}
	for _, to := range [][]string{nil, {""}, {"nobody"}, {"alex@contoso.example", "a b@"}, {"x@y.example\r\nBcc: z@y.example"}} {
		bad := mail
		bad.To = to
		wantError(t, fmt.Sprintf("SendMail to %q", to), tenant.Directory.SendMail(t.Context(), bad), directory.ErrRefused)
	}
	if got := len(tenant.Sent()); got != 1 {
		t.Errorf("%d mails were sent, want 1: a refused one went out", got)
	}
}

// calls is every method of the port once, on a tenant that calls prepares.
func calls(t *testing.T, tenant Tenant) map[string]func(context.Context) error {
	t.Helper()
	dir := tenant.Directory
	for n := 1; n <= 4; n++ {
		tenant.PutUser(person(n))
	}
	tenant.PutGroup(team(1))
	must(t, tenant.PutMember(groupID(1), userID(2)))
	must(t, tenant.PutOwner(groupID(1), userID(3)))
	must(t, tenant.PutOwner(groupID(1), userID(4)))
	return map[string]func(context.Context) error{
		"User":         func(ctx context.Context) error { return errOf(dir.User(ctx, userID(1))) },
		"Group":        func(ctx context.Context) error { return errOf(dir.Group(ctx, groupID(1))) },
		"Managers":     func(ctx context.Context) error { return errOf(dir.Managers(ctx, userID(1), 1)) },
		"MemberOf":     func(ctx context.Context) error { return errOf(dir.MemberOf(ctx, userID(1))) },
		"HasMember":    func(ctx context.Context) error { return errOf(dir.HasMember(ctx, groupID(1), userID(1))) },
		"HasOwner":     func(ctx context.Context) error { return errOf(dir.HasOwner(ctx, groupID(1), userID(1))) },
		"GroupMembers": func(ctx context.Context) error { return errOf(Members(ctx, dir, groupID(1))) },
		"AddMember":    func(ctx context.Context) error { return dir.AddMember(ctx, groupID(1), userID(1)) },
		"RemoveMember": func(ctx context.Context) error { return dir.RemoveMember(ctx, groupID(1), userID(2)) },
		"AddOwner":     func(ctx context.Context) error { return dir.AddOwner(ctx, groupID(1), userID(1)) },
		"RemoveOwner":  func(ctx context.Context) error { return dir.RemoveOwner(ctx, groupID(1), userID(3)) },
		"SendMail": func(ctx context.Context) error {
			return dir.SendMail(ctx, governance.Mail{To: []string{"alex@contoso.example"}, Subject: "Hello", HTML: "<p>Hello</p>", Text: "Hello"})
		},
	}
}

// untouched says what, if anything, the calls have changed.
func untouched(tenant Tenant) string {
	switch {
	case !slices.Equal(tenant.Members(groupID(1)), []string{userID(2)}):
		return fmt.Sprintf("the members became %v", tenant.Members(groupID(1)))
	case tenant.IsOwner(groupID(1), userID(1)) || !tenant.IsOwner(groupID(1), userID(3)):
		return "the owners changed"
	case len(tenant.Sent()) != 0:
		return "a mail was sent"
	}
	return ""
}

// done says what, if anything, the calls have left undone.
func done(tenant Tenant) string {
	switch {
	case !slices.Equal(tenant.Members(groupID(1)), []string{userID(1)}):
		return fmt.Sprintf("the members are %v", tenant.Members(groupID(1)))
	case !tenant.IsOwner(groupID(1), userID(1)) || tenant.IsOwner(groupID(1), userID(3)):
		return "the owners did not change"
	case len(tenant.Sent()) == 0:
		return "no mail was sent"
	}
	return ""
}

func testThrottled(t *testing.T, tenant Tenant) {
	all := calls(t, tenant)
	tenant.Fail(Throttled, 0)
	for name, call := range all {
		err := call(t.Context())
		wantError(t, name, err, directory.ErrThrottled)
		if got := directory.RetryAfter(err); got != tenant.RetryAfter {
			t.Errorf("%s: retry after %v, want %v", name, got, tenant.RetryAfter)
		}
	}
	if changed := untouched(tenant); changed != "" {
		t.Error(changed)
	}
	tenant.Heal()
	for name, call := range all {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s after the throttling: %v", name, err)
		}
	}
	if undone := done(tenant); undone != "" {
		t.Error(undone)
	}
}

func testUnavailable(t *testing.T, tenant Tenant) {
	all := calls(t, tenant)
	tenant.Fail(Unavailable, 0)
	for name, call := range all {
		wantError(t, name, call(t.Context()), directory.ErrUnavailable)
	}
	if changed := untouched(tenant); changed != "" {
		t.Error(changed)
	}
	tenant.Heal()
	repeat(t, tenant, all, Unavailable)
}

func testLostResponse(t *testing.T, tenant Tenant) {
	all := calls(t, tenant)
	tenant.Fail(LostResponse, 0)
	for name, call := range all {
		wantError(t, name, call(t.Context()), directory.ErrUnavailable)
	}
	tenant.Heal()
	if undone := done(tenant); undone != "" {
		t.Errorf("the answer was lost and the change too: %s", undone)
	}
	if got := len(tenant.Sent()); got != 1 {
		t.Errorf("%d mails were sent by one call, want 1: an adapter must not repeat it", got)
	}
	repeat(t, tenant, all, LostResponse)
}

// repeat does every call until it succeeds, with the first try of each going wrong, as a caller with a schedule of retries does.
func repeat(t *testing.T, tenant Tenant, all map[string]func(context.Context) error, fault Fault) {
	t.Helper()
	for name, call := range all {
		tenant.Fail(fault, 1)
		var err error
		for range maxRepeats {
			if err = call(t.Context()); err == nil {
				break
			}
			wantError(t, name, err, directory.ErrUnavailable)
		}
		if err != nil {
			t.Errorf("%s did not succeed in %d tries: %v", name, maxRepeats, err)
		}
		tenant.Heal()
	}
	if undone := done(tenant); undone != "" {
		t.Error(undone)
	}
}

func testCanceled(t *testing.T, tenant Tenant) {
	all := calls(t, tenant)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range all {
		err := call(ctx)
		wantError(t, name, err, context.Canceled)
		wantError(t, name, err, directory.ErrUnavailable)
	}
	if changed := untouched(tenant); changed != "" {
		t.Error(changed)
	}
}

func testConcurrent(t *testing.T, tenant Tenant) {
	const workers, rounds = 8, 10
	tenant.PutGroup(team(1))
	for n := range workers {
		tenant.PutUser(person(n))
	}
	var wait sync.WaitGroup
	for n := range workers {
		wait.Go(func() {
			for range rounds {
				for _, err := range []error{
					tenant.Directory.AddMember(t.Context(), groupID(1), userID(n)),
					tenant.Directory.AddMember(t.Context(), groupID(1), userID(0)), // all fight over one
					tenant.Directory.RemoveMember(t.Context(), groupID(1), userID(0)),
				} {
					if err != nil && !errors.Is(err, directory.ErrUnavailable) { // a removal that others undo may give up for now
						t.Error(err)
					}
				}
				if n == 0 {
					continue
				}
				groups, err := tenant.Directory.MemberOf(t.Context(), userID(n))
				if err != nil || !slices.Equal(groups, []string{groupID(1)}) {
					t.Errorf("groups of %d are %v, %v", n, groups, err)
				}
			}
		})
	}
	wait.Wait()
	members := tenant.Members(groupID(1))
	for n := 1; n < workers; n++ {
		if !slices.Contains(members, userID(n)) {
			t.Errorf("member %d is missing", n)
		}
	}
}
