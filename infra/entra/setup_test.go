// Package entra_test runs setup.sh against an Azure CLI that is not one: this test binary under the name az, which keeps a small tenant in a file, answers
// the queries that the script asks and writes down each call that changes something. A query that it does not know fails the test, so the script cannot
// grow past it unseen. What the real Azure CLI and a real tenant answer is not shown here.
package entra_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	identity  = "11111111-1111-1111-1111-111111111111"
	graphID   = "22222222-2222-2222-2222-222222222222"
	tenantID  = "33333333-3333-3333-3333-333333333333"
	stateFile = "FAKE_AZ_STATE"
)

func TestMain(m *testing.M) {
	if state := os.Getenv(stateFile); state != "" {
		os.Exit(runAz(state, os.Args[1:]))
	}
	os.Exit(m.Run())
}

// tenant is what the fake az keeps.
type tenant struct {
	Apps        []*application
	Principals  []string          // app ids that have a service principal
	Assignments map[string]string // app role id -> resource id, of the identity
	Grants      []map[string]string
	Changes     []string // each call that changed something
	Unreadable  string   // what queries begin with that fail when they ask for JSON
}

type application struct {
	AppID        string
	DisplayName  string
	URIs         []string
	TokenVersion int
	AppRoles     []map[string]any
	Scopes       []map[string]any
	Redirects    []string
	Federated    []map[string]any
}

func load(t *testing.T, state string) *tenant {
	t.Helper()
	held := &tenant{}
	data, err := os.ReadFile(state)
	if err == nil {
		err = json.Unmarshal(data, held)
	}
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func (x *tenant) save(state string) error {
	data, err := json.MarshalIndent(x, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(state, data, 0o600)
}

// runAz is the fake az.
func runAz(state string, args []string) int {
	held := &tenant{}
	data, err := os.ReadFile(state)
	if err == nil {
		err = json.Unmarshal(data, held)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake az:", err)
		return 3
	}
	before := len(held.Changes)
	out, err := held.az(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake az:", err)
		return 1
	}
	if len(held.Changes) > before {
		if err := held.save(state); err != nil {
			fmt.Fprintln(os.Stderr, "fake az:", err)
			return 3
		}
	}
	if out != "" {
		fmt.Println(out)
	}
	return 0
}

// az answers one call.
func (x *tenant) az(args []string) (string, error) {
	var words []string
	flags := map[string]string{}
	for i := 0; i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			words = append(words, args[i])
			continue
		}
		if i+1 == len(args) {
			return "", fmt.Errorf("%s has no value", args[i])
		}
		flags[args[i]] = args[i+1]
		i++
	}
	query := flags["--query"]
	switch command := strings.Join(words, " "); command {
	case "account show":
		return tenantID, nil
	case "cloud show":
		if query == "endpoints.activeDirectory" {
			return "https://login.example", nil
		}
		return "https://graph.example/", nil
	case "ad app list":
		var ids []string
		for _, app := range x.Apps {
			if flags["--filter"] == "displayName eq '"+app.DisplayName+"'" {
				ids = append(ids, app.AppID)
			}
		}
		return strings.Join(ids, "\n"), nil
	case "ad app create":
		app := &application{AppID: fmt.Sprintf("44444444-4444-4444-4444-%012d", len(x.Apps)), DisplayName: flags["--display-name"]}
		x.Apps = append(x.Apps, app)
		x.changed("create app " + app.DisplayName)
		return app.AppID, nil
	case "ad app show", "ad app federated-credential list", "ad app federated-credential create":
		app := x.app(flags["--id"])
		if app == nil {
			return "", fmt.Errorf("there is no app %q", flags["--id"])
		}
		return x.onApp(app, command, query, flags)
	case "ad sp list":
		if id := between(flags["--filter"], "appId eq '", "'"); slices.Contains(x.Principals, id) {
			return "sp-" + id, nil
		}
		return "", nil
	case "ad sp create":
		x.Principals = append(x.Principals, flags["--id"])
		x.changed("create service principal")
		return "", nil
	case "ad sp show":
		if flags["--id"] == "00000003-0000-0000-c000-000000000000" && query == "id" {
			return graphID, nil
		}
		if flags["--id"] == identity && query == "appId" {
			return "55555555-5555-5555-5555-555555555555", nil
		}
	case "rest":
		return x.rest(flags["--method"], strings.TrimPrefix(flags["--uri"], "https://graph.example/v1.0/"), query, flags["--body"])
	}
	return "", fmt.Errorf("unknown call: %q", args)
}

func (x *tenant) changed(what string) { x.Changes = append(x.Changes, what) }

func (x *tenant) app(id string) *application {
	for _, app := range x.Apps {
		if app.AppID == id {
			return app
		}
	}
	return nil
}

func (x *tenant) onApp(app *application, command, query string, flags map[string]string) (string, error) {
	switch command {
	case "ad app federated-credential list":
		for _, credential := range app.Federated {
			if query == fmt.Sprintf("[?subject=='%s'].name", credential["subject"]) {
				return credential["name"].(string), nil
			}
		}
		return "", nil
	case "ad app federated-credential create":
		var credential map[string]any
		if err := json.Unmarshal([]byte(flags["--parameters"]), &credential); err != nil {
			return "", err
		}
		app.Federated = append(app.Federated, credential)
		x.changed("create federated credential")
		return "", nil
	}
	switch {
	case x.Unreadable != "" && strings.HasPrefix(query, x.Unreadable) && flags["-o"] == "json":
		return "", fmt.Errorf("%s cannot be read now", query)
	case query == "id":
		return "object-" + app.AppID, nil
	case query == "identifierUris" && flags["-o"] == "tsv":
		return strings.Join(app.URIs, "\n"), nil
	case query == "identifierUris":
		return marshal(app.URIs)
	case query == "api.requestedAccessTokenVersion":
		return fmt.Sprint(app.TokenVersion), nil
	case query == "web.redirectUris" && flags["-o"] == "tsv":
		return strings.Join(app.Redirects, "\n"), nil
	case query == "web.redirectUris":
		return marshal(app.Redirects)
	case query == "appRoles[].value":
		return strings.Join(values(app.AppRoles), "\n"), nil
	case query == "api.oauth2PermissionScopes[].value":
		return strings.Join(values(app.Scopes), "\n"), nil
	case strings.HasPrefix(query, "appRoles[?"):
		return marshal(except(app.AppRoles, query))
	case strings.HasPrefix(query, "api.oauth2PermissionScopes[?"):
		return marshal(except(app.Scopes, query))
	}
	return "", fmt.Errorf("unknown query of an app: %s", query)
}

func marshal(v any) (string, error) {
	data, err := json.MarshalIndent(v, "", "  ")
	if string(data) == "null" {
		data = []byte("[]")
	}
	return string(data), err
}

func values(entries []map[string]any) []string {
	var all []string
	for _, entry := range entries {
		all = append(all, entry["value"].(string))
	}
	return all
}

// except is the JMESPath filter x[?value!='a' && value!='b'].
func except(entries []map[string]any, query string) []map[string]any {
	var named []string
	for _, match := range regexp.MustCompile(`value!='([^']+)'`).FindAllStringSubmatch(query, -1) {
		named = append(named, match[1])
	}
	return slices.DeleteFunc(slices.Clone(entries), func(entry map[string]any) bool { return slices.Contains(named, entry["value"].(string)) })
}

func (x *tenant) rest(method, path, query, body string) (string, error) {
	object, rest, _ := strings.Cut(path, "/")
	switch {
	case method == "PATCH" && object == "applications":
		app := x.app(strings.TrimPrefix(rest, "object-"))
		if app == nil {
			return "", fmt.Errorf("no application at %s", path)
		}
		var patch struct {
			URIs     []string         `json:"identifierUris"`
			AppRoles []map[string]any `json:"appRoles"`
			API      struct {
				Version int              `json:"requestedAccessTokenVersion"`
				Scopes  []map[string]any `json:"oauth2PermissionScopes"`
			} `json:"api"`
			Web struct {
				Redirects []string `json:"redirectUris"`
			} `json:"web"`
		}
		if err := json.Unmarshal([]byte(body), &patch); err != nil {
			return "", fmt.Errorf("%w in %s", err, body)
		}
		switch {
		case patch.URIs != nil:
			app.URIs = patch.URIs
			x.changed("set identifier URI")
		case patch.AppRoles != nil:
			app.AppRoles = patch.AppRoles
			x.changed("set app roles")
		case patch.API.Version != 0:
			app.TokenVersion = patch.API.Version
			x.changed("set token version")
		case patch.API.Scopes != nil:
			app.Scopes = patch.API.Scopes
			x.changed("set scopes")
		case patch.Web.Redirects != nil:
			app.Redirects = patch.Web.Redirects
			x.changed("set redirect URIs")
		}
		return "", nil
	case path == "servicePrincipals/"+identity+"/appRoleAssignments" && method == "GET" && query == "value[].appRoleId":
		var ids []string
		for id := range x.Assignments {
			ids = append(ids, id)
		}
		return strings.Join(ids, "\n"), nil
	case path == "servicePrincipals/"+identity+"/appRoleAssignments" && method == "POST":
		var assignment struct{ PrincipalID, ResourceID, AppRoleID string }
		if err := json.Unmarshal([]byte(body), &assignment); err != nil {
			return "", err
		}
		if assignment.PrincipalID != identity {
			return "", fmt.Errorf("a grant to %s", assignment.PrincipalID)
		}
		x.Assignments[assignment.AppRoleID] = assignment.ResourceID
		x.changed("grant " + assignment.AppRoleID)
		return "", nil
	case method == "GET" && strings.HasSuffix(path, "/oauth2PermissionGrants"):
		for _, grant := range x.Grants {
			if path == "servicePrincipals/"+grant["clientId"]+"/oauth2PermissionGrants" {
				return grant["scope"], nil
			}
		}
		return "", nil
	case method == "POST" && path == "oauth2PermissionGrants":
		var grant map[string]string
		if err := json.Unmarshal([]byte(body), &grant); err != nil {
			return "", err
		}
		x.Grants = append(x.Grants, grant)
		x.changed("consent to " + grant["scope"])
		return "", nil
	}
	return "", fmt.Errorf("unknown request: %s %s %s", method, path, query)
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

// script runs setup.sh with the fake az on a tenant; it returns what it printed and its error.
func script(t *testing.T, state string, args ...string) (string, error) {
	t.Helper()
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("setup.sh"); err != nil { // also tells go test that a result of before is none of a changed script
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "az")); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "bash", append([]string{"setup.sh"}, args...)...)
	// Under the race detector a process sleeps a second before it ends; az is started hundreds of times.
	command.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), stateFile + "=" + state, "GORACE=atexit_sleep_ms=0"}
	out, err := command.CombinedOutput()
	return string(out), err
}

func mustRun(t *testing.T, state string, args ...string) string {
	t.Helper()
	out, err := script(t, state, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

func newTenant(t *testing.T, held *tenant) string {
	t.Helper()
	if held.Assignments == nil {
		held.Assignments = map[string]string{}
	}
	state := filepath.Join(t.TempDir(), "tenant.json")
	if err := held.save(state); err != nil {
		t.Fatal(err)
	}
	return state
}

func changes(t *testing.T, state string) []string { return load(t, state).Changes }

var everything = []string{"--identity", identity, "--with", "owners", "--with", "hidden", "--with", "passes", "--with", "sessions", "--with", "apps", "--with", "workflows", "--mail-sender", "latchkey@contoso.com", "--pages", "https://func-x.azurewebsites.net"}

func TestSecondRunChangesNothing(t *testing.T) {
	state := newTenant(t, &tenant{})
	first := mustRun(t, state, everything...)
	done := changes(t, state)
	want := 9 // the app, its principal and its sign-in
	for _, row := range readTable(t) {
		if row.Kind == "application" {
			want++
		}
	}
	if len(done) != want {
		t.Errorf("the first run made %d changes: %q\n%s", len(done), done, first)
	}
	if got := strings.Count(first, "changed  "); got != len(done) {
		t.Errorf("the first run says %d changes and made %d:\n%s", got, len(done), first)
	}
	second := mustRun(t, state, everything...)
	if again := changes(t, state); len(again) != len(done) {
		t.Errorf("the second run made changes: %q", again[len(done):])
	}
	if strings.Contains(second, "changed  ") || strings.Contains(second, "would ") {
		t.Errorf("the second run says that it changed something:\n%s", second)
	}
	for _, want := range []string{"azd env set LATCHKEY_AUDIENCE 44444444-4444-4444-4444-000000000000", "found    scopes EntitlementManagement.Read.All EntitlementManagement.ReadWrite.All EntitlementMgmt-SubjectAccess.ReadWrite", "New-ApplicationAccessPolicy -AppId 55555555-5555-5555-5555-555555555555"} {
		if !strings.Contains(second, want) {
			t.Errorf("the second run does not say %q:\n%s", want, second)
		}
	}
}

func TestResultIsWhatTheTableSays(t *testing.T) {
	state := newTenant(t, &tenant{})
	mustRun(t, state, everything...)
	held := load(t, state)
	app := held.Apps[0]
	var roles, scopes, granted []string
	for _, row := range readTable(t) {
		switch row.Kind {
		case "appRole":
			roles = append(roles, row.Permission)
		case "scope":
			scopes = append(scopes, row.Permission)
		case "application":
			granted = append(granted, row.ID)
			if held.Assignments[row.ID] != graphID {
				t.Errorf("%s is not granted on Microsoft Graph", row.Permission)
			}
		}
	}
	if !slices.Equal(values(app.AppRoles), roles) || !slices.Equal(values(app.Scopes), scopes) || len(held.Assignments) != len(granted) {
		t.Errorf("app roles %q, scopes %q, granted %v", values(app.AppRoles), values(app.Scopes), held.Assignments)
	}
	if app.TokenVersion != 2 || !slices.Equal(app.URIs, []string{"api://" + app.AppID}) {
		t.Errorf("token version %d, URIs %q", app.TokenVersion, app.URIs)
	}
	if credential := app.Federated[0]; credential["subject"] != identity || credential["issuer"] != "https://login.example/"+tenantID+"/v2.0" {
		t.Errorf("federated credential %v", credential)
	}
}

func TestWhatIfChangesNothing(t *testing.T) {
	for name, held := range map[string]*tenant{
		"an empty tenant": {},
		"a half made one": {Apps: []*application{{AppID: "44444444-4444-4444-4444-000000000000", DisplayName: "Latchkey"}}},
	} {
		t.Run(name, func(t *testing.T) {
			state := newTenant(t, held)
			out := mustRun(t, state, append([]string{"--what-if"}, everything...)...)
			if done := changes(t, state); len(done) > 0 {
				t.Errorf("it changed %q", done)
			}
			if strings.Contains(out, "changed  ") || !strings.Contains(out, "would    Graph permission User.Read.All of the identity") {
				t.Errorf("it says:\n%s", out)
			}
		})
	}
}

func TestLeastPrivilegeByDefault(t *testing.T) {
	const foreign = "99999999-9999-9999-9999-999999999999"
	state := newTenant(t, &tenant{Assignments: map[string]string{foreign: graphID}})
	out := mustRun(t, state, "--identity", identity)
	held := load(t, state)
	for _, row := range readTable(t) {
		if row.Kind != "application" {
			continue
		}
		if _, granted := held.Assignments[row.ID]; granted != (row.When == "always") {
			t.Errorf("%s, needed %s: granted %t", row.Permission, row.When, granted)
		}
	}
	for _, want := range []string{"left     Graph permission Group.ReadWrite.All is not granted; --with owners grants it", "left     the identity holds the app role " + foreign, "left     sign-in for pages"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if _, kept := held.Assignments[foreign]; !kept {
		t.Error("it took away what it did not grant")
	}
}

func TestForeignRolesAndScopesStay(t *testing.T) {
	state := newTenant(t, &tenant{Apps: []*application{{
		AppID: "44444444-4444-4444-4444-000000000000", DisplayName: "Latchkey",
		AppRoles:  []map[string]any{{"value": "Own.Role", "id": "x"}},
		Scopes:    []map[string]any{{"value": "Own.Scope", "id": "y"}},
		Redirects: []string{"https://own.example/callback"}, URIs: []string{"https://own.example/api"},
	}}})
	for _, collection := range []string{"identifierUris", "appRoles[?", "api.oauth2PermissionScopes[?", "web.redirectUris"} { // what cannot be read is not taken away
		held := load(t, state)
		held.Unreadable = collection
		if err := held.save(state); err != nil {
			t.Fatal(err)
		}
		if out, err := script(t, state, "--identity", identity, "--pages", "https://func-x.azurewebsites.net"); err == nil {
			t.Errorf("%s cannot be read, and the script goes on:\n%s", collection, out)
		}
	}
	held := load(t, state)
	held.Unreadable = ""
	if err := held.save(state); err != nil {
		t.Fatal(err)
	}
	mustRun(t, state, "--identity", identity, "--pages", "https://func-x.azurewebsites.net")
	app := load(t, state).Apps[0]
	if !slices.Contains(values(app.AppRoles), "Own.Role") || !slices.Contains(values(app.Scopes), "Own.Scope") || !slices.Contains(app.Redirects, "https://own.example/callback") {
		t.Errorf("app roles %q, scopes %q, redirects %q", values(app.AppRoles), values(app.Scopes), app.Redirects)
	}
	if len(app.AppRoles) != 3 || len(app.Scopes) != 4 || len(app.Redirects) != 2 || !slices.Equal(app.URIs, []string{"https://own.example/api", "api://" + app.AppID}) {
		t.Errorf("app roles %q, scopes %q, redirects %q, URIs %q", values(app.AppRoles), values(app.Scopes), app.Redirects, app.URIs)
	}
}

func TestWithoutIdentityTheAppIsMade(t *testing.T) {
	state := newTenant(t, &tenant{})
	out := mustRun(t, state)
	if held := load(t, state); len(held.Apps) != 1 || len(held.Assignments) != 0 {
		t.Errorf("%+v", held)
	}
	if !strings.Contains(out, "no --identity is given; run this again after azd provision") {
		t.Errorf("it says:\n%s", out)
	}
}

func TestBadInputStops(t *testing.T) {
	twins := &tenant{Apps: []*application{{AppID: "a", DisplayName: "Latchkey"}, {AppID: "b", DisplayName: "Latchkey"}}}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--identity", "me"}, "--identity must be the object id of the managed identity; 'me' is none."},
		{[]string{"--with", "everything"}, "there is no feature 'everything'"},
		{[]string{"--pages", "http://x"}, "--pages must be an address"},
		{[]string{"--name", "x' or '1' eq '1"}, "--name takes letters"},
		{[]string{"--name"}, "--name needs a value."},
		{[]string{"--force"}, "there is no option '--force'."},
		{nil, "there are several app registrations named 'Latchkey'"},
	} {
		state := newTenant(t, twins)
		out, err := script(t, state, c.args...)
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%q: %v, want %q:\n%s", c.args, err, c.want, out)
		}
		if done := changes(t, state); len(done) > 0 {
			t.Errorf("%q changed %q", c.args, done)
		}
	}
}

// row is one line of permissions.json.
type row struct{ API, Permission, Kind, ID, When, Why, UsedBy string }

func readTable(t *testing.T) []row {
	t.Helper()
	data, err := os.ReadFile("permissions.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// The scripts read the table line by line, so each row must be one line with its columns in order.
func TestTableIsWellFormed(t *testing.T) {
	data, err := os.ReadFile("permissions.json")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^  \{"api": "[^"]+", "permission": "[^"]+", "kind": "(application|appRole|scope|azureRole|roleByHand|dataAction)", "id": "([0-9a-f-]{36}|Latchkey documents)", "when": "(always|owners|hidden|mail|passes|sessions|apps|workflows|secrets)", "why": "[^"]+\.",( "stops": "[^"]+",)? "usedBy": "[^"]+"\},?$`)
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	for i, text := range lines[1 : len(lines)-1] {
		if !line.MatchString(text) {
			t.Errorf("permissions.json:%d: is not one row with its columns in order", i+2)
		}
	}
	rows := readTable(t)
	if len(rows) != len(lines)-2 {
		t.Errorf("%d rows on %d lines", len(rows), len(lines)-2)
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.Kind+r.ID] && r.Kind != "dataAction" {
			t.Errorf("the id %s is there twice", r.ID)
		}
		seen[r.Kind+r.ID] = true
		if _, err := os.Stat(filepath.Join("../..", r.UsedBy)); err != nil {
			t.Errorf("%s is used by %s, which does not exist", r.Permission, r.UsedBy)
		}
	}
}
