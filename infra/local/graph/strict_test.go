package graph_test

import (
	"errors"
	"strings"
	"testing"

	"latchkey/infra/local/graph"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// TestAdvancedQueries: what Graph answers from an index that is late, it answers only who says that they put up with it; a count that was asked for otherwise is left out.
func TestAdvancedQueries(t *testing.T) {
	server := seeded(t, graph.Options{}, 4)
	if err := server.Directory().PutMember(groupID(1), user(1).ID); err != nil {
		t.Fatal(err)
	}
	transitive := "/v1.0/groups/" + groupID(1) + "/transitiveMembers/microsoft.graph.user"
	for _, target := range []string{
		"/v1.0/users?$filter=" + q("userType ne 'Guest'"), "/v1.0/users?$filter=" + q("not(accountEnabled eq true)"), "/v1.0/users?$filter=" + q("id eq 'x' or endswith(mail,'x')"),
		"/v1.0/users?$orderby=displayName&$filter=" + q("userType eq 'Member'"), "/v1.0/groups?$filter=" + q("mail ne null"), "/v1.0/users/$count",
		transitive, "/v1.0/users/" + user(1).ID + "/transitiveMemberOf/microsoft.graph.group",
	} {
		and := "&"
		if !strings.Contains(target, "?") {
			and = "?"
		}
		for _, without := range []answer{ask(t, server, "GET", target, ""), ask(t, server, "GET", target+and+"$count=true", "")} {
			if without.status != 400 {
				t.Errorf("%s without the header: %d %s", target, without.status, without.text)
			}
		}
		if !strings.Contains(target, "/$count") {
			if a := ask(t, server, "GET", target, "", eventual...); a.status != 400 {
				t.Errorf("%s without a count: %d %s", target, a.status, a.text)
			}
		}
		want(t, ask(t, server, "GET", target+and+"$count=true", "", eventual...), 200)
	}
	for _, target := range []string{"/v1.0/users?$count=true", "/v1.0/users?$count=true&$filter=" + q("startswith(displayName,'U')")} {
		if a := want(t, ask(t, server, "GET", target, ""), 200); a.body["@odata.count"] != nil {
			t.Errorf("%s counts %v", target, a.body["@odata.count"])
		}
	}
}

// TestWhatMayNotBeReadIsLimited: of an object whose kind the caller may not read, a list shows that it is there and no more.
func TestWhatMayNotBeReadIsLimited(t *testing.T) {
	permissions := map[string][]string{"groups": {"GroupMember.Read.All"}, "users": {"User.Read.All"}, "both": {"GroupMember.Read.All", "User.Read.All"}}
	server := seeded(t, graph.Options{ValidateToken: func(token string) ([]string, error) {
		held, ok := permissions[token]
		if !ok {
			return nil, errors.New("no such token")
		}
		return held, nil
	}}, 2)
	if err := server.Directory().PutMember(groupID(1), user(1).ID); err != nil {
		t.Fatal(err)
	}
	server.AssignRole(user(1).ID, governance.RoleGlobalAdministrator)
	for _, c := range []struct {
		as, target string
		shown      bool
	}{
		{"groups", "/v1.0/groups/" + groupID(1) + "/members", false},
		{"both", "/v1.0/groups/" + groupID(1) + "/members", true},
		{"groups", "/v1.0/groups/" + groupID(1) + "/transitiveMembers?$select=id,displayName", false},
		{"both", "/v1.0/groups/" + groupID(1) + "/transitiveMembers?$select=id,displayName", true},
		{"users", "/v1.0/users/" + user(1).ID + "/memberOf?$select=id,displayName", false},
		{"both", "/v1.0/users/" + user(1).ID + "/memberOf?$select=id,displayName", true},
	} {
		a := want(t, ask(t, server, "GET", c.target, "", "Authorization", "Bearer "+c.as), 200)
		entry, _ := a.body["value"].([]any)[0].(map[string]any)
		name, has := entry["displayName"]
		if entry["id"] == nil || entry["@odata.type"] == nil || !has || (name != nil) != c.shown {
			t.Errorf("%s with %v: %s", c.target, permissions[c.as], a.text)
		}
		if strings.Contains(a.text, "directoryRole") && strings.Contains(a.text, "Global Administrator") {
			t.Errorf("a role is told: %s", a.text)
		}
	}
}

// TestHiddenMembership: without the permission nothing tells who is in such a group, from whichever side it is asked.
func TestHiddenMembership(t *testing.T) {
	permissions := map[string][]string{"blind": {"Directory.ReadWrite.All"}, "seeing": {"Directory.ReadWrite.All", "Member.Read.Hidden"}}
	server := seeded(t, graph.Options{ValidateToken: func(token string) ([]string, error) { return permissions[token], nil }}, 2)
	blind, seeing := []string{"Authorization", "Bearer blind"}, []string{"Authorization", "Bearer seeing"}
	g, u := "/v1.0/groups/"+groupID(1), "/v1.0/users/"+user(1).ID
	want(t, ask(t, server, "PATCH", g, `{"visibility":"HiddenMembership"}`, blind...), 204)
	reference := `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + user(1).ID + `"}`
	want(t, ask(t, server, "POST", g+"/members/$ref", reference, blind...), 204)
	want(t, ask(t, server, "POST", g+"/members/$ref", reference, blind...), 400) // that it is one already, an addition tells
	if a := want(t, ask(t, server, "GET", g, "", blind...), 200); a.body["visibility"] != "HiddenMembership" {
		t.Errorf("the group is %s", a.text)
	}
	for _, c := range []struct{ method, target, body string }{
		{"GET", g + "/members", ""},
		{"GET", g + "/members/microsoft.graph.user", ""},
		{"GET", g + "/transitiveMembers", ""},
		{"GET", g + "?$expand=members", ""},
		{"GET", u + "/memberOf", ""},
		{"GET", u + "/transitiveMemberOf", ""},
		{"GET", u + "?$expand=memberOf", ""},
		{"POST", u + "/checkMemberGroups", `{"groupIds":["` + groupID(1) + `"]}`},
		{"POST", u + "/getMemberGroups", `{"securityEnabledOnly":false}`},
	} {
		about := user(1).ID
		if strings.HasPrefix(c.target, u) {
			about = groupID(1)
		}
		for told, as := range map[bool][]string{false: blind, true: seeing} {
			a := want(t, ask(t, server, c.method, c.target, c.body, as...), 200)
			if strings.Contains(a.text, about) != told {
				t.Errorf("%s %s as %v: %s", c.method, c.target, as, a.text)
			}
		}
	}
}

// TestWhatNoGroupIs: an id that is none is malformed, not absent; a group that may hold directory roles takes no groups.
func TestWhatNoGroupIs(t *testing.T) {
	server := seeded(t, graph.Options{}, 2)
	for _, path := range []string{"", "/members", "/transitiveMembers", "/owners"} {
		if a := ask(t, server, "GET", "/v1.0/groups/helpdesk"+path, ""); a.status != 400 || !strings.Contains(a.text, "Invalid object identifier") {
			t.Errorf("%s: %d %s", path, a.status, a.text)
		}
	}
	server.Directory().PutGroup(governance.Group{ID: groupID(2), DisplayName: "Inner", SecurityEnabled: true})
	server.AssignRole(groupID(1), governance.RoleGlobalAdministrator)
	reference := `{"@odata.id":"https://graph.microsoft.com/v1.0/directoryObjects/` + groupID(2) + `"}`
	if a := ask(t, server, "POST", "/v1.0/groups/"+groupID(1)+"/members/$ref", reference); a.status != 400 || server.Directory().IsMember(groupID(1), groupID(2)) {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// TestApplicationsAreBlockedAndDeleted by who may write them, and come back.
func TestApplicationsAreBlockedAndDeleted(t *testing.T) {
	server := seeded(t, graph.Options{ValidateToken: func(token string) ([]string, error) { return []string{token}, nil }}, 1)
	const id = "c0000000-0000-4000-8000-000000000001"
	server.Directory().PutServicePrincipal(memory.ServicePrincipal{ID: id, AppID: "app", DisplayName: "Robot"})
	reader, writer := []string{"Authorization", "Bearer Application.Read.All"}, []string{"Authorization", "Bearer Application.ReadWrite.All"}
	path := "/v1.0/servicePrincipals/" + id
	for _, c := range []struct {
		method, path, body string
		as                 []string
		status             int
		enabled            any
	}{
		{"PATCH", path, `{"accountEnabled":false}`, reader, 403, true},
		{"PATCH", path, `{"accountEnabled":"no"}`, writer, 400, true},
		{"PATCH", path, `{"accountEnabled":false}`, writer, 204, false},
		{"PATCH", path, `{"accountEnabled":true}`, writer, 204, true},
		{"DELETE", path, "", reader, 403, true},
		{"DELETE", path, "", writer, 204, nil},
		{"POST", "/v1.0/directory/deletedItems/" + id + "/restore", "", writer, 200, true},
	} {
		want(t, ask(t, server, c.method, c.path, c.body, c.as...), c.status)
		if a := ask(t, server, "GET", path+"?$select=accountEnabled", "", reader...); a.body["accountEnabled"] != c.enabled {
			t.Errorf("after %s %s: %s", c.method, c.body, a.text)
		}
	}
}
