package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
)

// Directory roles that Entra writes into every token without one: of people and of applications.
const (
	widUser        = "b79fbf4d-3ef9-4689-8143-76b194e85509"
	widApplication = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
)

// grant is everything that a token depends on but the time.
type grant struct {
	version  int
	audience string
	clientID string // the client application
	objectID string // the person, or the service principal
	person   bool
	name     string // display name
	signIn   string // user principal name
	scopes   string // of a person, separated by spaces
	roles    string // application permissions, separated by spaces
	wids     string // role template ids, separated by spaces
	lifetime time.Duration
}

type issued struct {
	token     string
	keyID     string
	at, until time.Time
}

// personGrant is a token for a person. Scopes may name some; then only those are granted. It fails if one of them does not exist.
func (s *Server) personGrant(person governance.User, clientID string, of resource, version int, audience string, only []string) (grant, error) {
	scopes := delegatedScopes(of, person)
	for _, name := range only {
		if !slices.Contains(scopes, name) {
			return grant{}, fmt.Errorf("token: the scope %q does not exist or is not for this person", name)
		}
	}
	if len(only) > 0 {
		scopes = only
	}
	wids := append(s.byID[strings.ToLower(person.ID)].RoleTemplateIDs(), widUser)
	return grant{
		version: version, audience: audience, clientID: clientGUID(clientID), objectID: strings.ToLower(person.ID), person: true,
		name: person.DisplayName, signIn: person.UserPrincipalName, scopes: strings.Join(scopes, " "), wids: strings.Join(wids, " "),
		lifetime: Lifetime,
	}, nil
}

func applicationGrant(application tenant.Application, of resource, version int, audience string) grant {
	return grant{
		version: version, audience: audience, clientID: strings.ToLower(application.AppID), objectID: strings.ToLower(application.ID),
		name: application.DisplayName, roles: strings.Join(applicationRoles(of, application), " "), wids: widApplication,
		lifetime: Lifetime,
	}
}

// audience is the aud of a token: v2 tokens have the application's GUID, v1 tokens what was asked for.
func audience(of resource, version int, asked string) string {
	switch {
	case version == 2:
		return of.appID
	case resourceName(asked) == resourceName(of.appID):
		return of.appID
	default:
		return of.uri
	}
}

// clientGUID makes a client id of whatever a local client calls itself: in a token it is a GUID always.
func clientGUID(name string) string {
	if id, err := uuid.Parse(name); err == nil && len(name) == 36 {
		return id.String()
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("client "+name)).String()
}

// issue signs a token for a grant, or gives out the one that was signed a moment ago.
func (s *Server) issue(g grant) (issued, error) {
	key, err := s.keys.current()
	if err != nil {
		return issued{}, err
	}
	now := s.clock.Now()
	s.mu.RLock()
	recent, ok := s.issued[g]
	s.mu.RUnlock()
	if ok && recent.keyID == key.id && !now.Before(recent.at) && now.Sub(recent.at) < reuseFor {
		return recent, nil
	}
	at := now.Truncate(time.Second)
	fresh := issued{keyID: key.id, at: at, until: at.Add(g.lifetime)}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodRS256, s.claims(g, fresh.at, fresh.until))
	unsigned.Header["kid"] = key.id
	if g.version == 1 {
		unsigned.Header["x5t"] = key.id
	}
	if fresh.token, err = unsigned.SignedString(key.private); err != nil {
		return issued{}, fmt.Errorf("token: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.issued) >= maxRemembered {
		s.issued = map[grant]issued{}
	}
	s.issued[g] = fresh
	return fresh, nil
}

// claims are those of an Entra access token, in the form of the version.
func (s *Server) claims(g grant, from, until time.Time) jwt.MapClaims {
	claims := jwt.MapClaims{
		"aud": g.audience, "iss": s.issuer(g.version), "iat": from.Unix(), "nbf": from.Unix(), "exp": until.Unix(), "ver": fmt.Sprintf("%d.0", g.version),
		"tid": s.options.Tenant.ID, "oid": g.objectID, "sub": g.objectID, "uti": random(16), "rh": "0." + random(24), "wids": strings.Fields(g.wids),
	}
	authentication := "1" // the client proved who it is with a secret
	if g.person {
		authentication = "0" // a public client
		pairwise := sha256.Sum256([]byte(g.objectID + " at " + g.clientID))
		claims["sub"] = base64.RawURLEncoding.EncodeToString(pairwise[:])
		claims["idtyp"] = "user"
		claims["scp"] = g.scopes
		claims["name"] = g.name
	} else {
		claims["idtyp"] = "app"
		if g.roles != "" {
			claims["roles"] = strings.Fields(g.roles)
		}
	}
	if g.version == 1 {
		claims["appid"], claims["appidacr"] = g.clientID, authentication
		if g.person {
			claims["upn"], claims["unique_name"], claims["amr"] = g.signIn, g.signIn, []string{"pwd"}
		} else {
			claims["app_displayname"], claims["idp"] = g.name, s.issuer(1)
		}
	} else {
		claims["azp"], claims["azpacr"] = g.clientID, authentication
		if g.person {
			claims["preferred_username"] = g.signIn
		}
	}
	return claims
}

func random(bytes int) string {
	data := make([]byte, bytes)
	_, _ = rand.Read(data) // never fails
	return base64.RawURLEncoding.EncodeToString(data)
}

// UserToken is a token for a person, without HTTP: for tests and for infra/local itself. The resource is by any of its names.
func (s *Server) UserToken(signInName, resourceID string, scopes ...string) (string, error) {
	of, ok := s.resources[resourceName(resourceID)]
	if !ok {
		return "", fmt.Errorf("token: no resource is called %q", resourceID)
	}
	person, ok := s.findUser(signInName)
	if !ok {
		return "", fmt.Errorf("token: nobody is called %q", signInName)
	}
	if !person.AccountEnabled {
		return "", fmt.Errorf("token: %s is blocked", signInName)
	}
	version := s.version(2)
	g, err := s.personGrant(person, "test", of, version, audience(of, version, resourceID), scopes)
	if err != nil {
		return "", err
	}
	made, err := s.issue(g)
	return made.token, err
}

// ApplicationToken is a token for a client of the tenant or for its managed identity, without HTTP.
func (s *Server) ApplicationToken(appID, resourceID string) (string, error) {
	of, ok := s.resources[resourceName(resourceID)]
	if !ok {
		return "", fmt.Errorf("token: no resource is called %q", resourceID)
	}
	application, ok := s.options.Tenant.Application(appID)
	if identity := s.options.Tenant.ManagedIdentity; !ok && strings.EqualFold(identity.AppID, appID) {
		application, ok = identity, true
	}
	if !ok {
		return "", fmt.Errorf("token: no application has the id %q", appID)
	}
	version := s.version(2)
	made, err := s.issue(applicationGrant(application, of, version, audience(of, version, resourceID)))
	return made.token, err
}

// version is the version of the tokens of an endpoint.
func (s *Server) version(endpoint int) int {
	if s.options.Version1 {
		return 1
	}
	return endpoint
}

// findUser finds a person by what they sign in with.
func (s *Server) findUser(signInName string) (governance.User, bool) {
	if s.options.FindUser != nil {
		return s.options.FindUser(signInName)
	}
	user, ok := s.users[strings.ToLower(signInName)]
	return user.Governance(), ok && user.ID != ""
}
