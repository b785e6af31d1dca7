// Package token stands in for Microsoft Entra's token service and for the managed identity endpoint of App Service: it signs in the people and the
// applications of the local tenant and issues real RS256 access tokens, so that the code that validates them is the code that runs on Azure.
//
// It serves development and tests on loopback, and must never be reachable from anywhere else: any password opens every account.
// It has no consent, no refresh tokens, no ID tokens and no interactive sign-in.
//
// Scopes do not tell people apart, for consent is a client's and not a person's: every member's token for the API carries all delegated scopes,
// an administrator's EntitlementManagement.ReadWrite.All as well as a catalog owner's or a plain requestor's. A scope grants nothing by itself; what
// the person may do decides. Guests get what a guest can use. A client that asks for scopes by name gets those only.
package token

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// Lifetime is how long a token is valid: Entra's are an hour, too.
const Lifetime = time.Hour

// identityLifetime is that of a managed identity's, as on App Service.
const identityLifetime = 24 * time.Hour

// reuseFor is how long the same request gets the same token again, so that a load test is not one of RSA signatures.
const reuseFor = time.Minute

// maxRemembered bounds the issued and the verified tokens that are remembered.
const maxRemembered = 8192

// Options of New. Tenant and BaseURL are required.
type Options struct {
	Tenant  tenant.Tenant
	BaseURL string         // where clients find this server, such as http://127.0.0.1:7073; the issuer of v2 tokens begins with it
	Clock   platform.Clock // nil is the machine's clock

	// FindUser finds a person by what they sign in with, as the directory has them now; nil means that the people are those of Tenant.
	// It lets an invited guest sign in, and keeps a blocked one out.
	FindUser func(signInName string) (governance.User, bool)
	// IdentityHeader is the secret of the managed identity endpoint, which App Service gives to its app as IDENTITY_HEADER. Empty closes the endpoint.
	IdentityHeader string
	// IdentityLifetime is how long the managed identity's tokens are valid; 0 means App Service's 24 hours. azidentity keeps such a token until it expires by
	// the machine's clock: where Clock can be advanced by months, the token must live as long.
	IdentityLifetime time.Duration
	// Aliases are more names of resources: what a client asks for -> a resource that is known, such as http://127.0.0.1:7071/api -> Tenant.Audience.
	Aliases map[string]string
	// Version1 makes v1 tokens at the v2 endpoint, too, as for an API whose registration does not accept version 2.
	Version1 bool
}

// Server is the token service. It is an http.Handler.
type Server struct {
	options   Options
	clock     platform.Clock
	base      string
	users     map[string]tenant.User // by sign-in name, in lower case
	byID      map[string]tenant.User
	resources map[string]resource
	mux       *http.ServeMux
	keys      keyring

	mu       sync.RWMutex
	issued   map[grant]issued
	verified map[[32]byte]verified
}

// New makes a server. Its first key is made in the background.
func New(options Options) *Server {
	s := &Server{
		options: options,
		clock:   options.Clock,
		base:    strings.TrimRight(options.BaseURL, "/"),
		users:   map[string]tenant.User{},
		byID:    map[string]tenant.User{},
	}
	if s.clock == nil {
		s.clock = platform.SystemClock{}
	}
	for _, user := range append([]tenant.User{options.Tenant.Sender}, options.Tenant.Users...) {
		s.users[strings.ToLower(user.UserPrincipalName)] = user
		s.byID[strings.ToLower(user.ID)] = user
	}
	for _, user := range options.Tenant.Users { // guests sign in with the address they have at home
		if _, taken := s.users[strings.ToLower(user.Mail)]; user.Mail != "" && !taken {
			s.users[strings.ToLower(user.Mail)] = user
		}
	}
	s.resources = resourcesOf(options)
	s.Reset()
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.forTenant(s.configuration(2)))
	s.mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", s.forTenant(s.configuration(1)))
	s.mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.forTenant(s.publishedKeys))
	s.mux.HandleFunc("GET /{tenant}/discovery/keys", s.forTenant(s.publishedKeys))
	s.mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.forTenant(s.token(2)))
	s.mux.HandleFunc("POST /{tenant}/oauth2/token", s.forTenant(s.token(1)))
	s.mux.HandleFunc("GET /msi/token", s.managedIdentity)
	go func() { _, _ = s.keys.current() }() // takes some 100 ms; whoever needs it first waits for it and sees the error, if there is one
	return s
}

// ServeHTTP serves the endpoints of Entra under /{tenantId}/ and the managed identity endpoint /msi/token.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Issuer is the issuer of v2 tokens.
func (s *Server) Issuer() string { return s.base + "/" + s.options.Tenant.ID + "/v2.0" }

// Reset forgets the tokens that were issued and verified. The keys stay, and with them tokens stay valid.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.issued = map[grant]issued{}
	s.verified = map[[32]byte]verified{}
}

// snapshot is what is kept across restarts: nothing. Keys are secrets and secrets are not at rest; clients ask for new tokens.
type snapshot struct {
	SchemaVersion int `json:"schemaVersion"`
}

// Snapshot writes the state that outlives the process, of which there is none.
func (s *Server) Snapshot(w io.Writer) error {
	return json.NewEncoder(w).Encode(snapshot{SchemaVersion: 1})
}

// Restore reads what Snapshot wrote.
func (s *Server) Restore(r io.Reader) error {
	var read snapshot
	if err := json.NewDecoder(io.LimitReader(r, 1<<20)).Decode(&read); err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if read.SchemaVersion != 1 {
		return fmt.Errorf("token: schemaVersion %d is not known", read.SchemaVersion)
	}
	return nil
}

// forTenant answers 400 for every tenant but the one there is, as Entra does.
func (s *Server) forTenant(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("tenant")
		if !strings.EqualFold(name, s.options.Tenant.ID) && !strings.EqualFold(name, s.options.Tenant.Domain) {
			s.refuse(w, failure{http.StatusBadRequest, "invalid_request", 90002, "Tenant not found. Check that the tenant identifier in the URL is that of GET /tenant."})
			return
		}
		next(w, r)
	}
}

func (s *Server) configuration(version int) http.HandlerFunc {
	root := s.base + "/" + s.options.Tenant.ID
	document := map[string]any{
		"issuer":                                s.issuer(version),
		"authorization_endpoint":                root + "/oauth2/v2.0/authorize",
		"token_endpoint":                        root + "/oauth2/v2.0/token",
		"jwks_uri":                              root + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"response_types_supported":              []string{"token"},
		"response_modes_supported":              []string{"query"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"tenant_region_scope":                   nil,
	}
	if version == 1 {
		document["token_endpoint"] = root + "/oauth2/token"
		document["jwks_uri"] = root + "/discovery/keys"
	}
	return func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, document) }
}

func (s *Server) issuer(version int) string {
	if version == 1 {
		return "https://sts.windows.net/" + s.options.Tenant.ID + "/"
	}
	return s.Issuer()
}

func (s *Server) publishedKeys(w http.ResponseWriter, _ *http.Request) {
	keys, err := s.keys.published()
	if err != nil {
		s.refuse(w, failure{http.StatusInternalServerError, "server_error", 90033, "The signing key could not be made."})
		return
	}
	answer(w, http.StatusOK, map[string]any{"keys": keys})
}

// Rotate makes a new key and signs with it from now on. The old ones stay published until Retire.
func (s *Server) Rotate() error { return s.keys.rotate() }

// Retire stops publishing, and accepting, every key but the one that signs.
func (s *Server) Retire() { s.keys.retire() }

// answer writes JSON that nobody may cache.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.Header().Set("Pragma", "no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody is left to tell
}

// sameSecret compares in constant time; an empty secret is none and equals nothing.
func sameSecret(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}
