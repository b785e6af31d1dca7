package graph_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"latchkey/infra/local/fault"
	emulator "latchkey/infra/local/graph"
	"latchkey/shared/directory"
	"latchkey/shared/directory/directorytest"
	"latchkey/shared/directory/graph"
	"latchkey/shared/governance"
)

func TestActionsConformance(t *testing.T) {
	directorytest.RunActions(t, func(t *testing.T) directorytest.ActionsTenant {
		faults := &fault.Injector{}
		dir, server := start(t, emulator.Options{Faults: faults}, nil)
		tenant := server.Directory()
		return directorytest.ActionsTenant{
			Actions: dir, PutUser: tenant.PutUser, PutGroup: tenant.PutGroup, PutMember: tenant.PutMember, PutRole: server.AssignRole, PutEligibleRole: server.MakeEligible, PutEligibleMember: server.MakeEligibleMember, PutApp: server.PutApp,
			PutPassPolicy: func(policy governance.PassPolicy) {
				body := map[string]any{"state": "disabled", "minimumLifetimeInMinutes": policy.MinimumMinutes, "maximumLifetimeInMinutes": policy.MaximumMinutes, "isUsableOnce": policy.OnlyOnce}
				if policy.Enabled {
					body["state"] = "enabled"
				}
				data, _ := json.Marshal(body)
				request := httptest.NewRequest(http.MethodPatch, "http://127.0.0.1/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass", bytes.NewReader(data))
				request.RemoteAddr = "127.0.0.1:1"
				request.Header.Set("Content-Type", "application/json")
				answer := httptest.NewRecorder()
				if server.ServeHTTP(answer, request); answer.Code >= 300 {
					t.Fatalf("the policy: %d %s", answer.Code, answer.Body)
				}
			},
			Resumes: func() []string {
				var bodies []string
				for _, one := range server.Resumes() {
					bodies = append(bodies, string(one.Body))
				}
				return bodies
			},
			Heal: faults.Clear,
			Fail: func(_ directorytest.Fault, calls int) {
				faults.Add(fault.Fault{Target: fault.Graph, Kind: fault.LostResponse, Count: calls})
			},
		}
	})
}

// Every call of an action is a route that the emulator serves and that its permission opens.
func TestActionPermissionsAreRoutesOfTheEmulator(t *testing.T) {
	routes := map[string][]string{}
	for _, route := range emulator.New(emulator.Options{}).Routes() {
		routes[route.Method+" "+route.Path] = route.Permissions
	}
	replace := strings.NewReplacer("authenticationMethodConfigurations/temporaryAccessPass", "authenticationMethodConfigurations/{id}", "/tasks/{other}/taskProcessingResults/{third}/", "/tasks/{part}/taskProcessingResults/{other}/")
	for _, line := range graph.ActionPermissions() {
		permissions, ok := routes[line.Method+" "+replace.Replace(line.Path)]
		if !ok {
			t.Errorf("%s: %s %s is not served", line.Operation, line.Method, line.Path)
		}
		if !slices.Contains(permissions, line.Permission) && line.Permission != "RoleManagement.Read.Directory" { // to see into the roles in a list; the emulator asks for the list's
			t.Errorf("%s: %s does not open %s %s", line.Operation, line.Permission, line.Method, line.Path)
		}
	}
}

// A path that is not one of a wait goes nowhere.
func TestResumeGoesNowhereElse(t *testing.T) {
	dir, wire := scripted(t)
	for _, path := range []string{"", "/users/" + alice + "/resume", "/identityGovernance/../users/" + alice + "/resume", "/identityGovernance/x", "https://elsewhere.example/identityGovernance/x/resume", "/identityGovernance/x?a=/resume", "/identityGovernance/{baseurl}/resume", "/identityGovernance/%2e%2e/resume"} {
		if err := dir.Resume(t.Context(), path, []byte("{}")); !errors.Is(err, directory.ErrRefused) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if len(wire.requests) > 0 {
		t.Error("something was sent")
	}
}

// A role without a template is one that cannot be told, and a pass without a value is none.
func TestOddAnswersOfActions(t *testing.T) {
	none := says(200, `{"value":[]}`)
	dir, _ := scripted(t, says(200, `{"value":[{"@odata.type":"#microsoft.graph.directoryRole","id":"x","roleTemplateId":null},{"@odata.type":"#microsoft.graph.group","id":"y"}]}`), none, none, none, says(201, `{"id":"z","temporaryAccessPass":null}`))
	if roles, err := dir.DirectoryRoles(t.Context(), alice); err != nil || !slices.Equal(roles, []directory.Role{{TemplateID: directory.UnknownRole}}) {
		t.Errorf("%v, %v", roles, err)
	}
	if _, _, err := dir.IssuePass(t.Context(), alice, directory.PassOrder{Minutes: 60}); !errors.Is(err, directory.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// A tenant without Privileged Identity Management has nobody who is eligible; any other refusal is one, and so is a permission that is missing.
func TestEligibilityWithoutALicence(t *testing.T) {
	dir, server := start(t, emulator.Options{Unlicensed: true}, nil)
	server.Directory().PutUser(governance.User{ID: alice, DisplayName: "Alice"})
	server.AssignRole(alice, governance.RoleGlobalAdministrator)
	server.MakeEligible(alice, "f2ef992c-3afb-46b9-b7cf-a126ee74c451")
	if roles, err := dir.DirectoryRoles(t.Context(), alice); err != nil || len(roles) == 0 || slices.ContainsFunc(roles, func(r directory.Role) bool {
		return r.Eligible || r.TemplateID != governance.RoleGlobalAdministrator
	}) {
		t.Errorf("%v, %v", roles, err)
	}
	none := says(200, `{"value":[]}`)
	for name, test := range map[string]struct {
		answers []func(*http.Request) (*http.Response, error)
		want    error
	}{
		"another refusal of groups":       {[]func(*http.Request) (*http.Response, error){none, says(400, `{"error":{"code":"BadRequest","message":"no"}}`)}, directory.ErrRefused},
		"no permission for groups":        {[]func(*http.Request) (*http.Response, error){none, says(403, `{"error":{"code":"UnknownError","message":"{\"errorCode\":\"PermissionScopeNotGranted\"}"}}`)}, directory.ErrForbidden},
		"another refusal of roles":        {[]func(*http.Request) (*http.Response, error){none, none, none, says(400, `{"error":{"code":"BadRequest","message":"no"}}`)}, directory.ErrRefused},
		"a licence that is not the point": {[]func(*http.Request) (*http.Response, error){none, none, says(400, `{"error":{"code":"AadPremiumLicenseRequired","message":"no"}}`)}, directory.ErrRefused},
	} {
		dir, _ := scripted(t, test.answers...)
		if roles, err := dir.DirectoryRoles(t.Context(), alice); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v", name, roles, err)
		}
	}
}

// Every page of every list counts, and who is in more groups with roles than are asked for has a role that cannot be told.
func TestRolesOnManyPages(t *testing.T) {
	dir, wire := scripted(t)
	first := says(200, `{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/roleManagement/directory/roleEligibilityScheduleInstances?$skiptoken=x%27"}`)
	none := says(200, `{"value":[]}`)
	wire.answers = append(wire.answers, none, none, none, first, says(200, `{"value":[{"roleDefinitionId":"F2EF992C-3AFB-46B9-B7CF-A126EE74C451"}]}`))
	if roles, err := dir.DirectoryRoles(t.Context(), alice); err != nil || !slices.Equal(roles, []directory.Role{{TemplateID: "f2ef992c-3afb-46b9-b7cf-a126ee74c451", Eligible: true}}) {
		t.Errorf("%v, %v", roles, err)
	}
	many := make([]string, 51)
	for n := range many {
		many[n] = fmt.Sprintf(`{"@odata.type":"#microsoft.graph.group","id":"20000000-0000-4000-8000-%012d","isAssignableToRole":true}`, n)
	}
	wire.answers = append(wire.answers, says(200, `{"value":[`+strings.Join(many, ",")+`]}`), none)
	if roles, err := dir.DirectoryRoles(t.Context(), alice); err != nil || !slices.Equal(roles, []directory.Role{{TemplateID: directory.UnknownRole}}) {
		t.Errorf("%v, %v", roles, err)
	}
}
