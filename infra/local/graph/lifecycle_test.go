package graph_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/graph"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// rules: PRV-19 PRV-20
func TestTemporaryAccessPass(t *testing.T) {
	clock := platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	server := seeded(t, graph.Options{Clock: clock}, 3)
	methods := "/v1.0/users/" + user(1).ID + "/authentication/temporaryAccessPassMethods"
	policy := "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass"

	first := want(t, ask(t, server, "POST", methods, `{"lifetimeInMinutes":120,"isUsableOnce":true}`), 201)
	value, _ := first.body["temporaryAccessPass"].(string)
	id, _ := first.body["id"].(string)
	if len(value) != 8 || first.body["isUsable"] != true || first.body["lifetimeInMinutes"] != 120.0 {
		t.Fatalf("got %s", first.text)
	}
	for _, target := range []string{methods, methods + "/" + id} {
		if a := want(t, ask(t, server, "GET", target, ""), 200); strings.Contains(a.text, value) || !strings.Contains(a.text, `"temporaryAccessPass":null`) {
			t.Errorf("%s shows the pass again: %s", target, a.text)
		}
	}
	var saved bytes.Buffer
	if err := server.Snapshot(&saved); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(saved.String(), value) {
		t.Error("the pass rests in the snapshot")
	}
	if a := want(t, ask(t, server, "POST", methods, `{}`), 400); !strings.Contains(a.message(), "already exists") {
		t.Errorf("got %s", a.text)
	}
	want(t, ask(t, server, "DELETE", methods+"/"+user(2).ID, ""), 404)
	want(t, ask(t, server, "DELETE", methods+"/"+id, ""), 204)
	want(t, ask(t, server, "DELETE", methods+"/"+id, ""), 404)

	later := want(t, ask(t, server, "POST", methods, `{"startDateTime":"2026-03-01T09:00:00Z"}`), 201)
	if later.body["temporaryAccessPass"] == value || later.body["methodUsabilityReason"] != "NotYetValid" || later.body["lifetimeInMinutes"] != 60.0 {
		t.Errorf("got %s", later.text)
	}
	clock.Advance(2 * time.Hour)
	if a := ask(t, server, "GET", methods, ""); !strings.Contains(a.text, "Expired") {
		t.Errorf("got %s", a.text)
	}
	want(t, ask(t, server, "POST", methods, `{}`), 201) // one that is over is replaced

	want(t, ask(t, server, "PATCH", policy, `{"minimumLifetimeInMinutes":30,"maximumLifetimeInMinutes":90,"defaultLength":12}`), 204)
	if a := want(t, ask(t, server, "GET", policy, ""), 200); a.body["maximumLifetimeInMinutes"] != 90.0 || a.body["defaultLifetimeInMinutes"] != 60.0 {
		t.Errorf("got %s", a.text)
	}
	other := "/v1.0/users/" + user(2).ID + "/authentication/temporaryAccessPassMethods"
	want(t, ask(t, server, "POST", other, `{"lifetimeInMinutes":91}`), 400)
	want(t, ask(t, server, "POST", other, `{"lifetimeInMinutes":29}`), 400)
	if a := want(t, ask(t, server, "POST", other, `{"lifetimeInMinutes":90}`), 201); len(a.body["temporaryAccessPass"].(string)) != 12 {
		t.Errorf("got %s", a.text)
	}
	for _, wrong := range []string{`{"minimumLifetimeInMinutes":9}`, `{"maximumLifetimeInMinutes":59}`, `{"state":"perhaps"}`, `{"defaultLength":7}`} {
		want(t, ask(t, server, "PATCH", policy, wrong), 400)
	}
	want(t, ask(t, server, "PATCH", policy, `{"isUsableOnce":true}`), 204)
	none := "/v1.0/users/" + user(0).ID + "/authentication/temporaryAccessPassMethods"
	want(t, ask(t, server, "POST", none, `{"isUsableOnce":false}`), 400)
	want(t, ask(t, server, "PATCH", policy, `{"state":"disabled"}`), 204)
	want(t, ask(t, server, "POST", none, `{}`), 400)
	want(t, ask(t, server, "GET", strings.Replace(policy, "temporaryAccessPass", "fido2", 1), ""), 404)
	want(t, ask(t, server, "POST", "/v1.0/users/absent/authentication/temporaryAccessPassMethods", `{}`), 404)
}

// rules: PRV-11
func TestInvitations(t *testing.T) {
	server := seeded(t, graph.Options{Domain: "contoso.example"}, 2)
	body := `{"invitedUserEmailAddress":"zoe@fabrikam.example","inviteRedirectUrl":"https://myapps.example","invitedUserDisplayName":"Zoë","sendInvitationMessage":true,"invitedUserSponsors":[{"id":"` + user(1).ID + `"}]}`
	a := want(t, ask(t, server, "POST", "/v1.0/invitations", body), 201)
	invited, _ := a.body["invitedUser"].(map[string]any)
	id, _ := invited["id"].(string)
	o, ok := server.Directory().Object(id)
	if !ok || o.User.UserType != governance.UserTypeGuest || o.User.UserPrincipalName != "zoe_fabrikam.example#EXT#@contoso.example" || o.User.Mail != "zoe@fabrikam.example" {
		t.Errorf("the guest is %+v", o)
	}
	if len(server.Mail("zoe@fabrikam.example")) != 1 {
		t.Error("no invitation was sent")
	}
	if a := ask(t, server, "GET", "/v1.0/users/"+id+"/sponsors", ""); !slices.Equal(a.ids(), []string{user(1).ID}) {
		t.Errorf("sponsors are %s", a.text)
	}
	again := want(t, ask(t, server, "POST", "/v1.0/invitations", body), 201)
	if twice, _ := again.body["invitedUser"].(map[string]any); twice["id"] != id {
		t.Errorf("a second guest: %s", again.text)
	}
	member := user(1)
	member.Mail = "member@contoso.example"
	server.Directory().PutUser(member)
	for _, wrong := range []string{
		strings.Replace(body, "zoe@fabrikam.example", "member@contoso.example", 1), strings.Replace(body, "zoe@fabrikam.example", "nobody", 1),
		strings.Replace(body, "https://myapps.example", "", 1),
	} {
		want(t, ask(t, server, "POST", "/v1.0/invitations", wrong), 400)
	}
	want(t, ask(t, server, "POST", "/v1.0/users/"+id+"/authentication/temporaryAccessPassMethods", `{}`), 400)
}

// rules: PRV-21
func TestAppAssignments(t *testing.T) {
	server := seeded(t, graph.Options{}, 1)
	server.Directory().PutGroup(governance.Group{ID: groupID(2)})
	server.PutApp("app", "Editor")
	app := "/v1.0/deviceAppManagement/mobileApps/app"
	assignment := func(intent string, group int) string {
		return fmt.Sprintf(`{"@odata.type":"#microsoft.graph.mobileAppAssignment","intent":%q,"target":{"@odata.type":"#microsoft.graph.groupAssignmentTarget","groupId":%q},"settings":{"@odata.type":"#microsoft.graph.win32LobAppAssignmentSettings","notifications":"hideAll"}}`, intent, groupID(group))
	}
	added := want(t, ask(t, server, "POST", app+"/assignments", assignment("required", 1)), 201)
	want(t, ask(t, server, "POST", app+"/assignments", assignment("uninstall", 1)), 400)
	want(t, ask(t, server, "POST", app+"/assignments", assignment("perhaps", 2)), 400)
	want(t, ask(t, server, "POST", app+"/assignments", assignment("required", 9)), 400)
	want(t, ask(t, server, "POST", app+"/assignments", assignment("uninstall", 2)), 201)
	list := want(t, ask(t, server, "GET", app+"/assignments", ""), 200)
	if len(list.ids()) != 2 || !strings.Contains(list.text, "hideAll") {
		t.Errorf("got %s", list.text)
	}
	id, _ := added.body["id"].(string)
	want(t, ask(t, server, "DELETE", app+"/assignments/"+id, ""), 204)
	want(t, ask(t, server, "DELETE", app+"/assignments/"+id, ""), 404)
	want(t, ask(t, server, "POST", app+"/assign", `{"mobileAppAssignments":[`+assignment("available", 1)+`]}`), 204) // and the uninstall is gone
	if a := ask(t, server, "GET", app+"?$expand=assignments", ""); !strings.Contains(a.text, "available") || strings.Contains(a.text, "uninstall") {
		t.Errorf("got %s", a.text)
	}
	want(t, ask(t, server, "POST", app+"/assign", `{}`), 400)
	want(t, ask(t, server, "POST", app+"/assign", `{"mobileAppAssignments":[`+assignment("available", 1)+","+assignment("uninstall", 1)+`]}`), 400)
	want(t, ask(t, server, "GET", "/v1.0/deviceAppManagement/mobileApps/absent", ""), 404)
	if a := ask(t, server, "GET", "/v1.0/deviceAppManagement/mobileApps?$filter="+q("displayName eq 'editor'"), ""); !slices.Equal(a.ids(), []string{"app"}) {
		t.Errorf("got %s", a.text)
	}
}

// rules: PRV-17
func TestDeltaTellsEveryChangeOnce(t *testing.T) {
	server := seeded(t, graph.Options{}, 25)
	follow := func(link string) (ids, removed []string, delta string) {
		for pages := 0; link != ""; pages++ {
			a := want(t, ask(t, server, "GET", strings.TrimPrefix(link, "http://127.0.0.1:7072"), ""), 200)
			for _, entry := range a.body["value"].([]any) {
				one := entry.(map[string]any)
				if one["@removed"] != nil {
					removed = append(removed, one["id"].(string))
				} else {
					ids = append(ids, one["id"].(string))
				}
			}
			link, _ = a.body["@odata.nextLink"].(string)
			delta, _ = a.body["@odata.deltaLink"].(string)
			if (link == "") == (delta == "") || pages > 10 {
				t.Fatalf("got %s", a.text)
			}
		}
		return ids, removed, delta
	}
	if err := server.Directory().Delete(memory.KindUser, user(24).ID); err != nil {
		t.Fatal(err)
	}
	ids, removed, delta := follow("/v1.0/users/delta?$select=displayName&$top=10")
	if len(ids) != 24 || len(removed) != 0 {
		t.Errorf("the first round has %d and %d", len(ids), len(removed))
	}
	ids, removed, delta = follow(delta)
	if len(ids)+len(removed) != 0 {
		t.Errorf("nothing changed, got %v %v", ids, removed)
	}
	want(t, ask(t, server, "PATCH", "/v1.0/users/"+user(3).ID, `{"department":"X"}`), 204)
	want(t, ask(t, server, "DELETE", "/v1.0/users/"+user(4).ID, ""), 204)
	if err := server.Directory().SetManager(user(5).ID, user(6).ID); err != nil {
		t.Fatal(err)
	}
	ids, removed, delta = follow(delta)
	if !slices.Equal(ids, []string{user(3).ID, user(5).ID}) || !slices.Equal(removed, []string{user(4).ID}) {
		t.Errorf("got %v and %v", ids, removed)
	}
	if ids, removed, _ = follow(delta); len(ids)+len(removed) != 0 {
		t.Errorf("told twice: %v %v", ids, removed)
	}
	want(t, ask(t, server, "GET", "/v1.0/users/delta?$deltatoken=!", ""), 410)
	if ids, _, _ := follow("/v1.0/users/delta()?$deltatoken=latest"); len(ids) != 0 {
		t.Errorf("latest tells %v", ids)
	}
}

func TestDirectoryRoles(t *testing.T) {
	server := seeded(t, graph.Options{}, 3)
	const userAdministrator = "fe930be7-5e62-47db-91af-98c3a49a38b1"
	server.AssignRole(user(1).ID, governance.RoleGlobalAdministrator)
	server.AssignRole(user(1).ID, governance.RoleGlobalAdministrator)
	server.AssignRole(groupID(1), userAdministrator)
	if err := server.Directory().PutMember(groupID(1), user(1).ID); err != nil {
		t.Fatal(err)
	}
	u := "/v1.0/users/" + user(1).ID
	a := want(t, ask(t, server, "GET", u+"/transitiveMemberOf/microsoft.graph.directoryRole?$count=true", "", eventual...), 200)
	if !slices.Equal(a.ids(), []string{governance.RoleGlobalAdministrator, userAdministrator}) || !strings.Contains(a.text, "Global Administrator") || !strings.Contains(a.text, "roleTemplateId") {
		t.Errorf("got %s", a.text)
	}
	if a := ask(t, server, "GET", u+"/transitiveMemberOf/graph.group?$count=true", "", eventual...); !slices.Equal(a.ids(), []string{groupID(1)}) {
		t.Errorf("got %s", a.text)
	}
	if a := ask(t, server, "GET", u+"/transitiveMemberOf?$select=id", ""); len(a.ids()) != 3 || !strings.Contains(a.text, "#microsoft.graph.directoryRole") {
		t.Errorf("got %s", a.text)
	}
	assignments := "/v1.0/roleManagement/directory/roleAssignments"
	a = want(t, ask(t, server, "GET", assignments+"?$expand=roleDefinition&$filter="+q("principalId eq '"+user(1).ID+"'"), ""), 200)
	if len(a.ids()) != 1 || !strings.Contains(a.text, "Global Administrator") {
		t.Errorf("got %s", a.text)
	}
	want(t, ask(t, server, "DELETE", assignments+"/"+a.ids()[0], ""), 204)
	want(t, ask(t, server, "POST", assignments, `{"principalId":"`+user(2).ID+`","roleDefinitionId":"`+userAdministrator+`","directoryScopeId":"/"}`), 201)
	want(t, ask(t, server, "POST", assignments, `{"principalId":"`+user(2).ID+`","roleDefinitionId":"`+userAdministrator+`","directoryScopeId":"/"}`), 400)
	want(t, ask(t, server, "GET", assignments+"?$filter="+q("scope eq 'x'"), ""), 400)
	if a := ask(t, server, "GET", u+"/transitiveMemberOf/graph.directoryRole?$count=true", "", eventual...); !slices.Equal(a.ids(), []string{userAdministrator}) {
		t.Errorf("got %s", a.text)
	}
}

// rules: PRV-04 PRV-05
func TestAppRoles(t *testing.T) {
	server := seeded(t, graph.Options{}, 2)
	server.Directory().PutServicePrincipal(memory.ServicePrincipal{ID: "sp", AppID: "app", DisplayName: "Editor", AppRoles: []memory.AppRole{{ID: "r1", Value: "Write", IsEnabled: true}, {ID: "r2"}}})
	to := "/v1.0/servicePrincipals/sp/appRoleAssignedTo"
	body := func(principal, resource, role string) string {
		return fmt.Sprintf(`{"principalId":%q,"resourceId":%q,"appRoleId":%q}`, principal, resource, role)
	}
	a := want(t, ask(t, server, "POST", to, body(user(1).ID, "sp", "r1")), 201)
	want(t, ask(t, server, "POST", to, body(user(1).ID, "sp", "r1")), 400)
	want(t, ask(t, server, "POST", to, body(user(1).ID, "sp", "r2")), 400)
	want(t, ask(t, server, "POST", to, body(user(1).ID, "sp", "r3")), 400)
	want(t, ask(t, server, "POST", to, body(user(1).ID, "other", "r1")), 400)
	want(t, ask(t, server, "POST", to, body("absent", "sp", "r1")), 404)
	for _, target := range []string{to, "/v1.0/servicePrincipals(appId='app')/appRoleAssignedTo", "/v1.0/users/" + user(1).ID + "/appRoleAssignments"} {
		if list := want(t, ask(t, server, "GET", target, ""), 200); len(list.ids()) != 1 || !strings.Contains(list.text, "Editor") {
			t.Errorf("%s: %s", target, list.text)
		}
	}
	id, _ := a.body["id"].(string)
	want(t, ask(t, server, "DELETE", to+"/"+id, ""), 204)
	want(t, ask(t, server, "DELETE", to+"/"+id, ""), 404)
}

// rules: EXT-14 EXT-16
func TestResumesAreRecorded(t *testing.T) {
	clock := platform.NewManualClock(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC))
	server := graph.New(graph.Options{Clock: clock})
	path := "/identityGovernance/entitlementManagement/assignmentRequests/r/resume"
	body := `{"source":"Latchkey","type":"microsoft.graph.accessPackageCustomExtensionStage.assignmentRequestCreated","data":{"@odata.type":"microsoft.graph.accessPackageAssignmentRequestCallbackData","stage":"assignmentRequestCreated","customExtensionStageInstanceId":"i","customExtensionStageInstanceDetail":"done"}}`
	want(t, ask(t, server, "POST", "/beta"+path, body), 204)
	for _, wrong := range []string{`{}`, `{"data":7}`, strings.Replace(body, `"stage":"assignmentRequestCreated"`, `"stage":"assignmentOneDayBeforeExpiration"`, 1), strings.Replace(body, `"i"`, `""`, 1), strings.Replace(body, "CallbackData", "Data", 1)} {
		want(t, ask(t, server, "POST", "/v1.0"+path, wrong), 400)
	}
	task := "/identityGovernance/lifecycleWorkflows/workflows/w/tasks/t/taskProcessingResults/p/resume"
	want(t, ask(t, server, "POST", "/v1.0"+task, `{"source":"Latchkey","type":"lifecycleEvent","data":{"operationStatus":"Completed"}}`), 204)
	want(t, ask(t, server, "POST", "/v1.0"+task, `{"data":{"operationStatus":"Perhaps"}}`), 400)
	resumes := server.Resumes()
	if len(resumes) != 2 || resumes[0].Path != path || resumes[1].Path != task || resumes[0].DateTime != clock.Now() || !json.Valid(resumes[0].Body) || !strings.Contains(string(resumes[0].Body), `"done"`) {
		t.Errorf("got %+v", resumes)
	}
	var saved bytes.Buffer
	if err := server.Snapshot(&saved); err != nil {
		t.Fatal(err)
	}
	server.Reset()
	if len(server.Resumes()) != 0 {
		t.Error("a reset keeps the resumes")
	}
	if err := server.Restore(&saved); err != nil || len(server.Resumes()) != 2 {
		t.Errorf("%v, %d resumes", err, len(server.Resumes()))
	}
}

func TestDeletingAUserTakesWhatTheyHold(t *testing.T) {
	server := seeded(t, graph.Options{}, 2)
	u := "/v1.0/users/" + user(1).ID
	server.AssignRole(user(1).ID, governance.RoleGlobalAdministrator)
	want(t, ask(t, server, "POST", u+"/authentication/temporaryAccessPassMethods", `{}`), 201)
	want(t, ask(t, server, "DELETE", u, ""), 204)
	server.Directory().PutUser(user(1))
	if a := ask(t, server, "GET", u+"/authentication/temporaryAccessPassMethods", ""); len(a.ids()) != 0 {
		t.Errorf("got %s", a.text)
	}
	if a := ask(t, server, "GET", "/v1.0/roleManagement/directory/roleAssignments", ""); len(a.ids()) != 0 {
		t.Errorf("got %s", a.text)
	}
}
