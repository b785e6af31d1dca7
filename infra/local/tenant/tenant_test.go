package tenant_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/infra/local/tenant"
	"latchkey/shared/directory/directorytest"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// What scenarios and tools rely on being in the sample.
func TestSampleHasWhatTheStoriesNeed(t *testing.T) {
	sample := tenant.Sample()
	reports := map[string][]tenant.User{}
	for _, user := range sample.Users {
		if user.ManagerID != "" && user.AccountEnabled {
			reports[user.ManagerID] = append(reports[user.ManagerID], user)
		}
	}
	someUser := func(match func(tenant.User) bool) bool { return slices.ContainsFunc(sample.Users, match) }
	someGroup := func(match func(tenant.Group) bool) bool { return slices.ContainsFunc(sample.Groups, match) }
	someApp := func(match func(tenant.Application) bool) bool { return slices.ContainsFunc(sample.Applications, match) }
	tests := []struct {
		what string
		ok   bool
	}{
		{"an Identity Governance Administrator", someUser(func(u tenant.User) bool {
			return slices.Contains(u.RoleTemplateIDs(), governance.RoleIdentityGovernanceAdministrator)
		})},
		{"a manager with two reports, who has a manager", someUser(func(u tenant.User) bool { return len(reports[u.ID]) == 2 && u.ManagerID != "" })},
		{"a member without a manager, who manages nobody", someUser(func(u tenant.User) bool {
			return u.UserType == governance.UserTypeMember && u.ManagerID == "" && len(reports[u.ID]) == 0 && u.AccountEnabled && len(u.Roles) == 0
		})},
		{"a guest", someUser(func(u tenant.User) bool { return u.UserType == governance.UserTypeGuest && u.AccountEnabled })},
		{"a blocked user", someUser(func(u tenant.User) bool { return !u.AccountEnabled })},
		{"a help desk of two", someGroup(func(g tenant.Group) bool { return g.DisplayName == "Help desk" && len(g.MemberIDs) == 2 })},
		{"a licensed group without members", someGroup(func(g tenant.Group) bool {
			return strings.Contains(g.DisplayName, "Windows 365") && len(g.MemberIDs) == 0
		})},
		{"a ring with an owner", someGroup(func(g tenant.Group) bool { return strings.Contains(g.DisplayName, "ring") && len(g.OwnerIDs) == 1 })},
		{"a dynamic group", someGroup(func(g tenant.Group) bool { return g.MembershipRule != "" })},
		{"two clients and the two of Entra", len(sample.Applications) == 4},
		{"a client that may do everything", someApp(func(a tenant.Application) bool {
			return slices.Contains(a.Permissions, governance.PermissionReadWriteAll)
		})},
		{"a client that may do nothing", someApp(func(a tenant.Application) bool { return len(a.Permissions) == 0 })},
		{"Latchkey's identity, without a secret", sample.ManagedIdentity.AppID != "" && sample.ManagedIdentity.ClientSecret == ""},
	}
	for _, test := range tests {
		if !test.ok {
			t.Errorf("the sample has not: %s", test.what)
		}
	}
}

// GET /tenant promises these names to every client, and no null where a list is.
func TestJSON(t *testing.T) {
	data, err := json.Marshal(tenant.Sample())
	if err != nil {
		t.Fatal(err)
	}
	var shown struct {
		Users, Groups, Applications []map[string]any
	}
	if err := json.Unmarshal(data, &shown); err != nil {
		t.Fatal(err)
	}
	for what, list := range map[string]struct {
		objects []map[string]any
		names   []string
		lists   []string
	}{
		"users":        {shown.Users, []string{"id", "userPrincipalName", "displayName", "userType", "managerId"}, []string{"roles"}},
		"groups":       {shown.Groups, []string{"id", "displayName"}, []string{"memberIds"}},
		"applications": {shown.Applications, []string{"appId", "displayName", "clientSecret"}, []string{"permissions"}},
	} {
		if len(list.objects) == 0 {
			t.Errorf("%s is empty", what)
		}
		for i, object := range list.objects {
			for _, name := range list.names {
				if value, ok := object[name]; !ok || value == "" || value == nil && name != "managerId" {
					t.Errorf("%s[%d].%s is %v", what, i, name, value)
				}
			}
			for _, name := range list.lists {
				if _, ok := object[name].([]any); !ok {
					t.Errorf("%s[%d].%s is %v, want a list", what, i, name, object[name])
				}
			}
		}
	}
	again, err := tenant.Parse(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tenant.Sample(), again); diff != "" {
		t.Errorf("what is written does not read back (-want +got):\n%s", diff)
	}
}

func TestParseDefaults(t *testing.T) {
	got, err := tenant.Parse(strings.NewReader(`{
		"users": [{"id": "10000000-0000-4000-8000-0000000000aa", "userPrincipalName": "a@b.example", "displayName": "A", "managerId": null}],
		"groups": [{"id": "20000000-0000-4000-8000-0000000000aa", "displayName": "G"}],
		"applications": [{"appId": "40000000-0000-4000-8000-0000000000aa", "displayName": "C", "clientSecret": "s"}]
	}`))
	if err != nil {
		t.Fatal(err)
	}
	sample := tenant.Sample()
	if got.ID != sample.ID || got.Audience != sample.Audience || got.ManagedIdentity.AppID != sample.ManagedIdentity.AppID || got.Sender.ID != sample.Sender.ID {
		t.Errorf("what the machinery needs is not the sample's: %+v", got)
	}
	user, group, app := got.Users[0], got.Groups[0], got.Applications[0]
	if !user.AccountEnabled || user.UserType != governance.UserTypeMember || user.Roles == nil || user.ManagerID != "" {
		t.Errorf("user: %+v", user)
	}
	if !group.SecurityEnabled || group.MemberIDs == nil || group.OwnerIDs == nil || group.GroupTypes == nil {
		t.Errorf("group: %+v", group)
	}
	if app.ID == "" || app.Permissions == nil {
		t.Errorf("application: %+v", app)
	}
}

func TestParseNamesTheFieldThatIsWrong(t *testing.T) {
	const (
		id1, id2 = `"10000000-0000-4000-8000-0000000000a1"`, `"10000000-0000-4000-8000-0000000000a2"`
		user1    = `{"id":` + id1 + `,"userPrincipalName":"a@b.example","displayName":"A"`
	)
	users := func(text string) string { return `{"users":[` + text + `]}` }
	groups := func(text string) string { return `{"users":[` + user1 + `}],"groups":[` + text + `]}` }
	tests := []struct{ name, text, want string }{
		{"no JSON", `nope`, "invalid character"},
		{"a list", `[]`, "Tenant"},
		{"a tail", `{} {}`, "after the end"},
		{"an unknown field", `{"user":[]}`, `"user"`},
		{"an unknown field of a user", users(user1 + `,"managerID2":""}`), `"managerID2"`},
		{"a wrong type", users(user1 + `,"roles":"x"}`), "roles"},
		{"tenant id", `{"id":"common"}`, "id:"},
		{"audience", `{"audience":"https://x"}`, "audience:"},
		{"user without id", users(`{"userPrincipalName":"a@b.example","displayName":"A"}`), "users[0].id"},
		{"an id twice", users(user1 + `},` + user1 + `}`), "users[1].id"},
		{"a name twice", users(user1 + `},{"id":` + id2 + `,"userPrincipalName":"A@B.example","displayName":"A"}`), "users[1].userPrincipalName"},
		{"no name", users(`{"id":` + id1 + `,"userPrincipalName":"@","displayName":"A"}`), "users[0].userPrincipalName"},
		{"no display name", users(`{"id":` + id1 + `,"userPrincipalName":"a@b.example"}`), "users[0].displayName"},
		{"user type", users(user1 + `,"userType":"Alien"}`), "users[0].userType"},
		{"eligible role", users(user1 + `,"eligibleRoles":["King"]}`), "users[0].eligibleRoles[0]"},
		{"role", users(user1 + `,"roles":["King"]}`), "users[0].roles[0]"},
		{"own manager", users(user1 + `,"managerId":` + id1 + `}`), "users[0].managerId"},
		{"no such manager", users(user1 + `,"managerId":` + id2 + `}`), "users[0].managerId"},
		{"group id", groups(`{"id":"x","displayName":"G"}`), "groups[0].id"},
		{"a group with a user's id", groups(`{"id":` + id1 + `,"displayName":"G"}`), "groups[0].id"},
		{"group name", groups(`{"id":` + id2 + `}`), "groups[0].displayName"},
		{"no such member", groups(`{"id":` + id2 + `,"displayName":"G","memberIds":[` + id1 + `,"zz"]}`), "groups[0].memberIds[1]"},
		{"member of itself", groups(`{"id":` + id2 + `,"displayName":"G","memberIds":[` + id2 + `]}`), "groups[0].memberIds[0]"},
		{"a group as owner", groups(`{"id":` + id2 + `,"displayName":"G","ownerIds":[` + id2 + `]}`), "groups[0].ownerIds[0]"},
		{"app id", `{"applications":[{"appId":"x","displayName":"C","clientSecret":"s"}]}`, "applications[0].appId"},
		{"no secret", `{"applications":[{"appId":` + id1 + `,"displayName":"C"}]}`, "applications[0].clientSecret"},
		{"app role", `{"enterpriseApplications":[{"id":` + id1 + `,"appId":` + id2 + `,"displayName":"C","appRoles":[{"id":"x"}]}]}`, "enterpriseApplications[0].appRoles[0].id"},
		{"a managed identity with a secret", `{"managedIdentity":{"appId":` + id2 + `,"displayName":"L","clientSecret":"s"}}`, "managedIdentity.clientSecret"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := tenant.Parse(strings.NewReader(test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that names %s", err, test.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seed.json")
	data, err := json.Marshal(tenant.Sample())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := tenant.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tenant.Sample(), got); diff != "" {
		t.Error(diff)
	}
	if _, err := tenant.Load(path + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is no file", err)
	}
	if err := os.WriteFile(path, []byte(`{"id":"x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tenant.Load(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want an error that names the file", err)
	}
}

func TestPopulate(t *testing.T) {
	sample := tenant.Sample()
	d := memory.New(memory.Options{})
	if err := sample.Populate(d); err != nil {
		t.Fatal(err)
	}
	for _, want := range sample.Users {
		got, err := d.User(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Governance(), got); diff != "" {
			t.Error(diff)
		}
		object, _ := d.Object(want.ID)
		if len(want.Attributes) > 0 && !cmp.Equal(want.Attributes, object.Attributes) {
			t.Errorf("%s has the attributes %v, want %v", want.DisplayName, object.Attributes, want.Attributes)
		}
	}
	for _, want := range sample.Groups {
		got, err := d.Group(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Governance(), got); diff != "" {
			t.Error(diff)
		}
		for _, id := range want.MemberIDs {
			if !d.IsMember(want.ID, id) {
				t.Errorf("%s is no member of %s", id, want.DisplayName)
			}
		}
		for _, id := range want.OwnerIDs {
			if !d.IsOwner(want.ID, id) {
				t.Errorf("%s is no owner of %s", id, want.DisplayName)
			}
		}
	}
	for _, app := range append(sample.Applications, sample.ManagedIdentity) {
		if _, ok := d.ServicePrincipalByApp(app.AppID); !ok {
			t.Errorf("%s has no service principal", app.DisplayName)
		}
	}
	if crm, ok := d.ServicePrincipalByApp(sample.EnterpriseApplications[0].AppID); !ok || len(crm.ServicePrincipal.AppRoles) != 2 {
		t.Errorf("the enterprise application: %+v", crm)
	}
	nested, err := directorytest.Members(t.Context(), d, "20000000-0000-4000-8000-000000000007")
	if err != nil || len(nested) != 3 {
		t.Errorf("a group with a group in it has %d people (%v), want 3", len(nested), err)
	}
	if _, err := d.User(t.Context(), sample.Sender.ID); err != nil {
		t.Errorf("the sender: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	data, err := json.Marshal(tenant.Sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"users":[null],"groups":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := tenant.Parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		if err := parsed.Populate(memory.New(memory.Options{})); err != nil {
			t.Errorf("what was read cannot be put into a directory: %v", err)
		}
	})
}
