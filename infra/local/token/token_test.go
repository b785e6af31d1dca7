package token_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"latchkey/infra/local/tenant"
	"latchkey/infra/local/token"
	"latchkey/shared/governance"
	"latchkey/shared/identity"
	"latchkey/shared/platform"
)

const (
	admin     = "ida@contoso.example"
	requestor = "rui@contoso.example"
	guest     = "gwen@fabrikam.example"
	header    = "local-identity-header"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// stage is a token service on a real socket, and a validator that trusts it.
type stage struct {
	*token.Server
	url       string
	tenant    tenant.Tenant
	clock     *platform.ManualClock
	validator *identity.Validator
}

func newStage(t testing.TB, change ...func(*token.Options)) *stage {
	t.Helper()
	s := &stage{tenant: tenant.Sample(), clock: platform.NewManualClock(start)}
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.ServeHTTP(w, r) }))
	s.url = "http://" + web.Listener.Addr().String()
	options := token.Options{
		Tenant: s.tenant, BaseURL: s.url, Clock: s.clock, IdentityHeader: header,
		Aliases: map[string]string{"http://127.0.0.1:7071/api": s.tenant.Audience, "http://127.0.0.1:7072": token.Graph},
	}
	for _, f := range change {
		f(&options)
	}
	s.Server = token.New(options)
	web.Start()
	t.Cleanup(web.Close)
	var err error
	s.validator, err = identity.New(t.Context(), identity.Options{
		TenantID: s.tenant.ID, Audiences: []string{s.tenant.Audience, s.tenant.APIAppID()}, Authority: s.url, AllowInsecureLoopback: true, Clock: s.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// post sends a form to a token endpoint and returns the status and the body.
func (s *stage) post(t testing.TB, path string, form url.Values) (int, map[string]any) {
	t.Helper()
	response, err := http.PostForm(s.url+path, form)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, response)
}

func read(t testing.TB, response *http.Response) (int, map[string]any) {
	t.Helper()
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var body map[string]any
	if err := json.Unmarshal(data, &body); err != nil {
		t.Fatalf("%s: %v: %s", response.Status, err, data)
	}
	return response.StatusCode, body
}

func claimsOf(t testing.TB, text string) map[string]any {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(text, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func personForm(name, scope string) url.Values {
	return url.Values{"grant_type": {"password"}, "username": {name}, "password": {"any"}, "client_id": {"any"}, "scope": {scope}}
}

func clientForm(app tenant.Application, scope string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {app.AppID}, "client_secret": {app.ClientSecret}, "scope": {scope}}
}

func with(form url.Values, name, value string) url.Values {
	changed := url.Values{}
	for key, values := range form {
		changed[key] = values
	}
	if value == "" {
		changed.Del(name)
	} else {
		changed.Set(name, value)
	}
	return changed
}

// Every kind of token that is issued is one that Latchkey accepts, as the caller that it is for.
// rules: ROL-01 (directory roles in wids)
func TestIssuedTokensAreAccepted(t *testing.T) {
	sample := tenant.Sample()
	everything := []string{"AccessReview.ReadWrite.All", governance.PermissionReadAll, governance.PermissionReadWriteAll, governance.PermissionSubjectAccess}
	const ordinary = "b79fbf4d-3ef9-4689-8143-76b194e85509"
	person := func(name string) tenant.User {
		user, ok := sample.User(name)
		if !ok {
			t.Fatalf("nobody is called %s", name)
		}
		return user
	}
	gwen, _ := sample.User("gwen_fabrikam.example#EXT#@contoso.example")
	automation, powerless := sample.Applications[0], sample.Applications[1]
	v2, v1 := "/"+sample.ID+"/oauth2/v2.0/token", "/"+sample.ID+"/oauth2/token"
	scope := sample.Audience + "/.default"
	tests := []struct {
		name string
		path string
		form url.Values
		ver  string
		want governance.Caller // without AppID for people
	}{
		{"an administrator", v2, personForm(admin, scope), "2.0", governance.Caller{Kind: governance.CallerUser, ObjectID: person(admin).ID, DisplayName: "Ida Grant", Scopes: everything,
			DirectoryRoles: []string{governance.RoleIdentityGovernanceAdministrator, ordinary}}},
		{"a member", v2, personForm(requestor, scope), "2.0", governance.Caller{Kind: governance.CallerUser, ObjectID: person(requestor).ID, DisplayName: "Rui Report", Scopes: everything, DirectoryRoles: []string{ordinary}}},
		{"a member in another case, at the tenant's domain", "/" + sample.Domain + "/oauth2/v2.0/token", personForm("RUI@contoso.example", scope), "2.0",
			governance.Caller{Kind: governance.CallerUser, ObjectID: person(requestor).ID, DisplayName: "Rui Report", Scopes: everything, DirectoryRoles: []string{ordinary}}},
		{"a member who asks for one scope", v2, personForm(requestor, "openid "+sample.Audience+"/EntitlementMgmt-SubjectAccess.ReadWrite offline_access"), "2.0",
			governance.Caller{Kind: governance.CallerUser, ObjectID: person(requestor).ID, DisplayName: "Rui Report", Scopes: []string{governance.PermissionSubjectAccess}, DirectoryRoles: []string{ordinary}}},
		{"a guest, by the address at home", v2, personForm(guest, scope), "2.0", governance.Caller{Kind: governance.CallerUser, ObjectID: gwen.ID, DisplayName: "Gwen Guest",
			Scopes: []string{"AccessReview.ReadWrite.All", governance.PermissionSubjectAccess}, DirectoryRoles: []string{ordinary}}},
		{"the audience as a GUID", v2, personForm(requestor, sample.APIAppID()+"/.default"), "2.0",
			governance.Caller{Kind: governance.CallerUser, ObjectID: person(requestor).ID, DisplayName: "Rui Report", Scopes: everything, DirectoryRoles: []string{ordinary}}},
		{"the audience as the API's URL", v2, clientForm(automation, "http://127.0.0.1:7071/api/.default"), "2.0",
			governance.Caller{Kind: governance.CallerApplication, ObjectID: automation.ID, AppID: automation.AppID, Permissions: []string{governance.PermissionReadWriteAll}}},
		{"a client", v2, clientForm(automation, scope), "2.0", governance.Caller{Kind: governance.CallerApplication, ObjectID: automation.ID, AppID: automation.AppID, Permissions: []string{governance.PermissionReadWriteAll}}},
		{"a client without permission", v2, clientForm(powerless, scope), "2.0", governance.Caller{Kind: governance.CallerApplication, ObjectID: powerless.ID, AppID: powerless.AppID}},
		{"a client, v1", v1, with(with(clientForm(automation, ""), "scope", ""), "resource", sample.Audience), "1.0",
			governance.Caller{Kind: governance.CallerApplication, ObjectID: automation.ID, AppID: automation.AppID, Permissions: []string{governance.PermissionReadWriteAll}}},
		{"a person, v1", v1, with(with(personForm(admin, ""), "scope", ""), "resource", sample.APIAppID()), "1.0", governance.Caller{Kind: governance.CallerUser, ObjectID: person(admin).ID, DisplayName: "Ida Grant",
			Scopes: everything, DirectoryRoles: []string{governance.RoleIdentityGovernanceAdministrator, ordinary}}},
	}
	s := newStage(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, body := s.post(t, test.path, test.form)
			if status != http.StatusOK || body["token_type"] != "Bearer" {
				t.Fatalf("%d %v", status, body)
			}
			text, _ := body["access_token"].(string)
			if lifetime := body["expires_in"]; lifetime != 3600.0 && lifetime != "3600" {
				t.Errorf("expires_in is %v", lifetime)
			}
			claims := claimsOf(t, text)
			if claims["ver"] != test.ver || claims["exp"] != float64(start.Add(time.Hour).Unix()) {
				t.Errorf("claims: %v", claims)
			}
			got, err := s.validator.Validate(t.Context(), text)
			if err != nil {
				t.Fatal(err)
			}
			test.want.TenantID = sample.ID
			if test.want.AppID == "" {
				test.want.AppID = got.AppID // any client's
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	sample := tenant.Sample()
	automation := sample.Applications[0]
	path, v1 := "/"+sample.ID+"/oauth2/v2.0/token", "/"+sample.ID+"/oauth2/token"
	scope := sample.Audience + "/.default"
	person, client := personForm(requestor, scope), clientForm(automation, scope)
	tests := []struct {
		name   string
		path   string
		form   url.Values
		status int
		code   string
		number float64
	}{
		{"another tenant", "/11111111-2222-4333-8444-555555555555/oauth2/v2.0/token", client, 400, "invalid_request", 90002},
		{"no grant type", path, with(client, "grant_type", ""), 400, "invalid_request", 900144},
		{"another grant type", path, with(client, "grant_type", "authorization_code"), 400, "unsupported_grant_type", 70003},
		{"no client", path, with(client, "client_id", ""), 400, "invalid_request", 900144},
		{"an unknown client", path, with(client, "client_id", "11111111-2222-4333-8444-555555555555"), 400, "unauthorized_client", 700016},
		{"the managed identity with a secret", path, with(with(client, "client_id", sample.ManagedIdentity.AppID), "client_secret", "x"), 400, "unauthorized_client", 700016},
		{"no secret", path, with(client, "client_secret", ""), 401, "invalid_client", 7000216},
		{"a wrong secret", path, with(client, "client_secret", automation.ClientSecret+"x"), 401, "invalid_client", 7000215},
		{"another client's secret", path, with(client, "client_secret", sample.Applications[1].ClientSecret), 401, "invalid_client", 7000215},
		{"an assertion", path, with(client, "client_assertion", "x"), 401, "invalid_client", 700027},
		{"no scope", path, with(client, "scope", ""), 400, "invalid_request", 900144},
		{"a scope without resource", path, with(client, "scope", ".default"), 400, "invalid_scope", 70011},
		{"only OpenID scopes", path, with(person, "scope", "openid profile"), 400, "invalid_scope", 70011},
		{"a client that asks for one scope", path, with(client, "scope", sample.Audience+"/EntitlementManagement.Read.All"), 400, "invalid_scope", 1002012},
		{"two resources", path, with(person, "scope", scope+" "+token.Graph+"/.default"), 400, "invalid_request", 28000},
		{"default and a scope", path, with(person, "scope", scope+" "+sample.Audience+"/"+governance.PermissionReadAll), 400, "invalid_scope", 70011},
		{"an unknown scope", path, with(person, "scope", sample.Audience+"/Everything"), 400, "invalid_scope", 70011},
		{"a scope that is not for guests", path, with(personForm(guest, scope), "scope", sample.Audience+"/"+governance.PermissionReadWriteAll), 400, "invalid_scope", 70011},
		{"an unknown resource", path, with(client, "scope", "https://unknown.example/.default"), 400, "invalid_resource", 500011},
		{"v1 without a resource", v1, client, 400, "invalid_request", 900144},
		{"v1 with an unknown resource", v1, with(client, "resource", "https://unknown.example"), 400, "invalid_resource", 500011},
		{"nobody", path, with(person, "username", ""), 400, "invalid_request", 900144},
		{"no password", path, with(person, "password", ""), 400, "invalid_request", 900144},
		{"an unknown person", path, with(person, "username", "nobody@contoso.example"), 400, "invalid_grant", 50034},
		{"a blocked person", path, with(person, "username", "ben@contoso.example"), 400, "invalid_grant", 50057},
		{"the shared mailbox", path, with(person, "username", sample.Sender.UserPrincipalName), 400, "invalid_grant", 50057},
		{"a parameter twice", path, url.Values{"grant_type": {"password", "client_credentials"}}, 400, "invalid_request", 90100},
		{"too large", path, with(person, "password", strings.Repeat("x", 70<<10)), 400, "invalid_request", 90014},
	}
	s := newStage(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, body := s.post(t, test.path, test.form)
			if status != test.status || body["error"] != test.code {
				t.Fatalf("%d %v, want %d %s", status, body, test.status, test.code)
			}
			if codes, _ := body["error_codes"].([]any); len(codes) != 1 || codes[0] != test.number {
				t.Errorf("error_codes is %v, want %v", body["error_codes"], test.number)
			}
			description, _ := body["error_description"].(string)
			if !strings.HasPrefix(description, fmt.Sprintf("AADSTS%d: ", int(test.number))) {
				t.Errorf("error_description is %q", description)
			}
			for _, field := range []string{"timestamp", "trace_id", "correlation_id", "error_uri"} {
				if body[field] == nil {
					t.Errorf("%s is missing", field)
				}
			}
			for _, secret := range []string{test.form.Get("client_secret"), test.form.Get("password")} {
				if len(secret) > 5 && strings.Contains(description, secret) {
					t.Error("the error repeats a secret")
				}
			}
		})
	}
}

func TestClientSecretInTheAuthorizationHeader(t *testing.T) {
	s := newStage(t)
	app := s.tenant.Applications[0]
	ask := func(secret string) int {
		form := url.Values{"grant_type": {"client_credentials"}, "scope": {s.tenant.Audience + "/.default"}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/"+s.tenant.ID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.SetBasicAuth(app.AppID, secret)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		status, _ := read(t, response)
		return status
	}
	if got := ask(app.ClientSecret); got != http.StatusOK {
		t.Errorf("the right secret: %d", got)
	}
	if got := ask("wrong"); got != http.StatusUnauthorized {
		t.Errorf("a wrong secret: %d", got)
	}
}

// The credential of the shipped binary, unchanged, against the managed identity endpoint.
func TestManagedIdentityCredential(t *testing.T) {
	s := newStage(t, func(o *token.Options) { o.Clock = platform.SystemClock{} })
	t.Setenv("IDENTITY_ENDPOINT", s.url+"/msi/token")
	t.Setenv("IDENTITY_HEADER", header)
	ask := func(options *azidentity.ManagedIdentityCredentialOptions, scope string) (azcore.AccessToken, error) {
		credential, err := azidentity.NewManagedIdentityCredential(options)
		if err != nil {
			t.Fatal(err)
		}
		return credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
	}

	got, err := ask(nil, token.Graph+"/.default")
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(got.ExpiresOn); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("the token is valid for %v", left)
	}
	if claims := claimsOf(t, got.Token); claims["oid"] != s.tenant.ManagedIdentity.ID || claims["azp"] != s.tenant.ManagedIdentity.AppID {
		t.Errorf("claims: %v", claims)
	}
	permissions, err := s.Permissions(got.Token, token.Graph)
	if err != nil || !slices.Contains(permissions, "Mail.Send") {
		t.Errorf("permissions: %v, %v", permissions, err)
	}

	chosen := &azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(s.tenant.ManagedIdentity.AppID)}
	if _, err := ask(chosen, s.tenant.Audience+"/.default"); err != nil {
		t.Errorf("by client id, for the API: %v", err)
	}
	for _, resource := range []string{"https://servicebus.azure.net//.default", "https://cosmos.azure.com/.default", "http://127.0.0.1:7072/.default"} {
		if _, err := ask(chosen, resource); err != nil {
			t.Errorf("for %s: %v", resource, err)
		}
	}
	if _, err := ask(&azidentity.ManagedIdentityCredentialOptions{ID: azidentity.ClientID(s.tenant.Applications[0].AppID)}, token.Graph+"/.default"); err == nil {
		t.Error("another application is a managed identity")
	}
}

func TestManagedIdentityEndpoint(t *testing.T) {
	s := newStage(t, func(o *token.Options) { o.IdentityLifetime = 400 * 24 * time.Hour })
	const good = "resource=https://graph.microsoft.com&api-version=2019-08-01"
	tests := []struct {
		name, query, header string
		status              int
	}{
		{"good", good, header, 200},
		{"no header", good, "", 401},
		{"a wrong header", good, header + "x", 401},
		{"another version", "resource=https://graph.microsoft.com&api-version=2017-09-01", header, 400},
		{"no resource", "api-version=2019-08-01", header, 400},
		{"an unknown resource", "resource=https://unknown.example&api-version=2019-08-01", header, 400},
		{"an identity by resource id", good + "&mi_res_id=/subscriptions/x", header, 400},
		{"another principal", good + "&principal_id=11111111-2222-4333-8444-555555555555", header, 400},
	}
	ask := func(t *testing.T, s *stage, query, header string) (int, map[string]any) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/msi/token?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			request.Header.Set("X-IDENTITY-HEADER", header)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		return read(t, response)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			status, body := ask(t, s, test.query, test.header)
			if status != test.status {
				t.Fatalf("%d %v, want %d", status, body, test.status)
			}
			if status == http.StatusOK && body["expires_on"] != fmt.Sprint(start.Add(400*24*time.Hour).Unix()) {
				t.Errorf("expires_on is %v", body["expires_on"])
			}
		})
	}
	closed := newStage(t, func(o *token.Options) { o.IdentityHeader = "" })
	if status, _ := ask(t, closed, good, ""); status != http.StatusUnauthorized {
		t.Errorf("without a secret configured, the endpoint answers %d", status)
	}
}

// The client library that scripts use, over https as it insists on.
func TestClientSecretCredential(t *testing.T) {
	sample := tenant.Sample()
	var server *token.Server
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { server.ServeHTTP(w, r) }))
	defer web.Close()
	server = token.New(token.Options{Tenant: sample, BaseURL: web.URL})
	ask := func(secret string) (azcore.AccessToken, error) {
		credential, err := azidentity.NewClientSecretCredential(sample.ID, sample.Applications[0].AppID, secret, &azidentity.ClientSecretCredentialOptions{
			ClientOptions: policy.ClientOptions{
				Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: web.URL},
				Transport: web.Client(),
			},
			DisableInstanceDiscovery: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		return credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{sample.Audience + "/.default"}})
	}
	got, err := ask(sample.Applications[0].ClientSecret)
	if err != nil {
		t.Fatal(err)
	}
	permissions, err := server.Permissions(got.Token, sample.Audience)
	if diff := cmp.Diff([]string{governance.PermissionReadWriteAll}, permissions); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := ask("wrong"); err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("a wrong secret: %v", err)
	}
}

// Tokens live by the clock that can be advanced.
func TestTokensFollowTheClock(t *testing.T) {
	s := newStage(t)
	first, err := s.UserToken(admin, s.tenant.Audience)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.validator.Validate(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(30 * time.Second)
	if again, err := s.UserToken(admin, s.tenant.Audience); err != nil || again != first {
		t.Errorf("the same request half a minute later got another token (%v)", err)
	}
	s.clock.Set(start.Add(-61 * time.Second))
	if _, err := s.Permissions(first, s.tenant.Audience); !errors.Is(err, token.ErrToken) {
		t.Errorf("a token before its time: %v", err)
	}
	s.clock.Set(start.Add(180 * 24 * time.Hour))
	if _, err := s.validator.Validate(t.Context(), first); governance.CodeOf(err) != governance.CodeUnauthorized {
		t.Errorf("an old token after 180 days: %v", err)
	}
	if _, err := s.Permissions(first, s.tenant.Audience); !errors.Is(err, token.ErrToken) {
		t.Errorf("an old token after 180 days: %v", err)
	}
	later, err := s.UserToken(admin, s.tenant.Audience)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.validator.Validate(t.Context(), later); err != nil {
		t.Errorf("a new token after 180 days: %v", err)
	}
}

func TestRotation(t *testing.T) {
	s := newStage(t)
	issue := func() string {
		text, err := s.UserToken(admin, s.tenant.Audience)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	accepted := func(text string) bool {
		_, err := s.validator.Validate(t.Context(), text)
		_, own := s.Permissions(text, s.tenant.Audience)
		if (err == nil) != (own == nil) {
			t.Errorf("the validator says %v, the service itself %v", err, own)
		}
		return err == nil
	}
	old := issue()
	if !accepted(old) {
		t.Fatal("the first token is refused")
	}
	if err := s.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh := issue()
	if fresh == old || !accepted(fresh) || !accepted(old) {
		t.Error("after the rotation, both the new and the old token must be accepted")
	}
	s.Retire()
	if err := s.Rotate(); err != nil { // a key that the validator does not know makes it ask again, and so learn what is gone
		t.Fatal(err)
	}
	if !accepted(issue()) {
		t.Error("a token of the third key is refused")
	}
	if accepted(old) {
		t.Error("a token of a retired key is accepted")
	}
}

// However often a test rotates, the newest keys are what is published.
func TestPublishedKeysAreBounded(t *testing.T) {
	s := newStage(t)
	for range 6 {
		if err := s.Rotate(); err != nil {
			t.Fatal(err)
		}
	}
	response, err := http.Get(s.url + "/" + s.tenant.ID + "/discovery/v2.0/keys")
	if err != nil {
		t.Fatal(err)
	}
	_, set := read(t, response)
	if published, _ := set["keys"].([]any); len(published) != 4 {
		t.Errorf("%d keys are published, want 4", len(published))
	}
	text, err := s.UserToken(admin, s.tenant.Audience)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.validator.Validate(t.Context(), text); err != nil {
		t.Error(err)
	}
}

func TestPermissions(t *testing.T) {
	s := newStage(t)
	must := func(text string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	identityForGraph := must(s.ApplicationToken(s.tenant.ManagedIdentity.AppID, token.Graph))
	personForAPI := must(s.UserToken(requestor, s.tenant.Audience, governance.PermissionSubjectAccess))
	attacker, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	forge := func(method jwt.SigningMethod, key any) string {
		made := jwt.NewWithClaims(method, jwt.MapClaims(claimsOf(t, identityForGraph)))
		original, _, err := jwt.NewParser().ParseUnverified(identityForGraph, jwt.MapClaims{})
		if err != nil {
			t.Fatal(err)
		}
		made.Header["kid"] = original.Header["kid"]
		return must(made.SignedString(key))
	}
	tests := []struct {
		name, token, resource string
		want                  []string // nil: refused
	}{
		{"an application", identityForGraph, token.Graph, s.tenant.ManagedIdentity.GraphPermissions},
		{"an application, the resource by its id", identityForGraph, "00000003-0000-0000-c000-000000000000", s.tenant.ManagedIdentity.GraphPermissions},
		{"an application, the resource by its URL", identityForGraph, "http://127.0.0.1:7072/", s.tenant.ManagedIdentity.GraphPermissions},
		{"a person", personForAPI, s.tenant.Audience, []string{governance.PermissionSubjectAccess}},
		{"for another resource", identityForGraph, s.tenant.Audience, nil},
		{"an unknown resource", identityForGraph, "https://unknown.example", nil},
		{"nothing", "", token.Graph, nil},
		{"no token", "a.b.c", token.Graph, nil},
		{"tampered", identityForGraph[:len(identityForGraph)-8] + "AAAAAAAA", token.Graph, nil},
		{"another key", forge(jwt.SigningMethodRS256, attacker), token.Graph, nil},
		{"no signature", forge(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), token.Graph, nil},
		{"huge", strings.Repeat("x", 20<<10), token.Graph, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // verified, then remembered
				got, err := s.Permissions(test.token, test.resource)
				if test.want == nil {
					if !errors.Is(err, token.ErrToken) {
						t.Errorf("got %v, %v; want it refused", got, err)
					}
					continue
				}
				if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
					t.Error(err, diff)
				}
			}
		})
	}
}

// The directory as it is now decides who may sign in, if there is one.
func TestFindUser(t *testing.T) {
	people := map[string]governance.User{
		"new@partner.example": {ID: "10000000-0000-4000-8000-0000000000ee", DisplayName: "New Guest", UserType: governance.UserTypeGuest, AccountEnabled: true},
		admin:                 {ID: "10000000-0000-4000-8000-000000000001", DisplayName: "Ida Renamed", UserType: governance.UserTypeMember, AccountEnabled: true},
		requestor:             {ID: "10000000-0000-4000-8000-000000000003", AccountEnabled: false},
	}
	s := newStage(t, func(o *token.Options) {
		o.FindUser = func(name string) (governance.User, bool) { user, ok := people[name]; return user, ok }
	})
	if text, err := s.UserToken("new@partner.example", s.tenant.Audience); err != nil {
		t.Errorf("an invited guest: %v", err)
	} else if caller, err := s.validator.Validate(t.Context(), text); err != nil || caller.ObjectID != people["new@partner.example"].ID {
		t.Errorf("%+v, %v", caller, err)
	}
	text, err := s.UserToken(admin, s.tenant.Audience)
	if err != nil {
		t.Fatal(err)
	}
	if caller, err := s.validator.Validate(t.Context(), text); err != nil || caller.DisplayName != "Ida Renamed" ||
		!slices.Contains(caller.DirectoryRoles, governance.RoleIdentityGovernanceAdministrator) {
		t.Errorf("%+v, %v", caller, err)
	}
	if _, err := s.UserToken(requestor, s.tenant.Audience); err == nil {
		t.Error("a person who was blocked since gets a token")
	}
	if status, body := s.post(t, "/"+s.tenant.ID+"/oauth2/v2.0/token", personForm("marta@contoso.example", s.tenant.Audience+"/.default")); status != 400 {
		t.Errorf("a person who was deleted since: %d %v", status, body)
	}
}

func TestVersion1ByOption(t *testing.T) {
	s := newStage(t, func(o *token.Options) { o.Version1 = true })
	_, body := s.post(t, "/"+s.tenant.ID+"/oauth2/v2.0/token", personForm(admin, s.tenant.Audience+"/.default"))
	text, _ := body["access_token"].(string)
	claims := claimsOf(t, text)
	if claims["ver"] != "1.0" || claims["iss"] != "https://sts.windows.net/"+s.tenant.ID+"/" || claims["aud"] != s.tenant.Audience || claims["appid"] == nil {
		t.Errorf("claims: %v", claims)
	}
	if _, err := s.validator.Validate(t.Context(), text); err != nil {
		t.Error(err)
	}
}

func TestConfiguration(t *testing.T) {
	s := newStage(t)
	for path, issuer := range map[string]string{
		"/v2.0/.well-known/openid-configuration": s.url + "/" + s.tenant.ID + "/v2.0",
		"/.well-known/openid-configuration":      "https://sts.windows.net/" + s.tenant.ID + "/",
	} {
		response, err := http.Get(s.url + "/" + s.tenant.ID + path)
		if err != nil {
			t.Fatal(err)
		}
		_, document := read(t, response)
		if document["issuer"] != issuer {
			t.Errorf("%s: %v", path, document)
		}
		location, _ := document["jwks_uri"].(string)
		response, err = http.Get(location)
		if err != nil {
			t.Fatal(err)
		}
		_, set := read(t, response)
		keys, _ := set["keys"].([]any)
		if len(keys) != 1 {
			t.Fatalf("%s: %v", location, set)
		}
		key, _ := keys[0].(map[string]any)
		if key["kty"] != "RSA" || key["use"] != "sig" || key["kid"] == "" || key["d"] != nil {
			t.Errorf("key: %v", key)
		}
	}
	response, err := http.Get(s.url + "/common/v2.0/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := read(t, response); status != http.StatusBadRequest {
		t.Errorf("another tenant: %d", status)
	}
}

// Nothing secret is written down, and what is written is read back.
func TestSnapshot(t *testing.T) {
	s := newStage(t)
	if _, err := s.UserToken(admin, s.tenant.Audience); err != nil {
		t.Fatal(err)
	}
	var kept bytes.Buffer
	if err := s.Snapshot(&kept); err != nil {
		t.Fatal(err)
	}
	if kept.Len() > 100 {
		t.Errorf("the snapshot holds more than its version: %s", kept.String())
	}
	if err := s.Restore(&kept); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "{}", `{"schemaVersion":2}`} {
		if err := s.Restore(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was restored", bad)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	s := newStage(t)
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			user := s.tenant.Users[i%5]
			text, err := s.UserToken(user.UserPrincipalName, s.tenant.Audience)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := s.Permissions(text, s.tenant.Audience); err != nil {
				t.Error(err)
			}
			if caller, err := s.validator.Validate(t.Context(), text); err != nil || caller.ObjectID != user.ID {
				t.Error(caller, err)
			}
			if i == 16 {
				if err := s.Rotate(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkIssue(b *testing.B) {
	sample := tenant.Sample()
	b.Run("signed", func(b *testing.B) {
		clock := platform.NewManualClock(start)
		s := token.New(token.Options{Tenant: sample, BaseURL: "http://127.0.0.1:7073", Clock: clock})
		for b.Loop() {
			clock.Advance(time.Minute)
			if _, err := s.UserToken(admin, sample.Audience); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		s := token.New(token.Options{Tenant: sample, BaseURL: "http://127.0.0.1:7073"})
		for b.Loop() {
			if _, err := s.UserToken(admin, sample.Audience); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkPermissions(b *testing.B) {
	sample := tenant.Sample()
	s := token.New(token.Options{Tenant: sample, BaseURL: "http://127.0.0.1:7073"})
	text, err := s.ApplicationToken(sample.ManagedIdentity.AppID, token.Graph)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("remembered", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Permissions(text, token.Graph); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verified", func(b *testing.B) {
		for b.Loop() {
			s.Reset()
			if _, err := s.Permissions(text, token.Graph); err != nil {
				b.Fatal(err)
			}
		}
	})
}
