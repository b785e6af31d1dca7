package identity

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"latchkey/shared/governance"
)

// The values of the claim ver.
const (
	version1 = "1.0"
	version2 = "2.0"
)

// maxNameRunes bounds the display name that a token brings into logs and audit entries.
const maxNameRunes = 256

// claims are what an Entra access token says, as far as anybody here reads it.
type claims struct {
	jwt.RegisteredClaims        // issuer, subject and times; the library checks the times
	audience, version, tenant   string
	appID, azp                  string // the client application: appid in v1, azp in v2
	object, idType, scope, name string
	roles, directoryRoles       []string
}

// UnmarshalJSON takes the claims exactly: no duplicates, no other case, no other type.
func (c *claims) UnmarshalJSON(data []byte) error {
	known := map[string]any{
		"iss": &c.Issuer, "sub": &c.Subject, "exp": &seconds{&c.ExpiresAt}, "nbf": &seconds{&c.NotBefore}, "iat": &seconds{&c.IssuedAt},
		"aud": &c.audience, // RFC 7519 allows a list; Entra never writes one, and a token for two is a token that the other can replay
		"ver": &c.version, "tid": &c.tenant, "oid": &c.object, "appid": &c.appID, "azp": &c.azp, "idtyp": &c.idType, "scp": &c.scope, "name": &c.name,
		"roles": &c.roles, "wids": &c.directoryRoles,
	}
	return orRefuse("The access token's claims are not valid.", exactly(data, accessToken.name, known))
}

// seconds reads a time in whole seconds: Entra's have no fraction, and a number that is no int64 is no time.
type seconds struct{ into **jwt.NumericDate }

// UnmarshalJSON takes null for no time.
func (s *seconds) UnmarshalJSON(data []byte) error {
	const lastYear = 253402300799 // the end of 9999
	var count *int64
	if err := json.Unmarshal(data, &count); err != nil || count == nil {
		return err
	}
	if *count < 0 || *count > lastYear {
		return fmt.Errorf("%d is not a time", *count)
	}
	*s.into = jwt.NewNumericDate(time.Unix(*count, 0))
	return nil
}

// checkClaims says whether the token is one for this API, from this tenant, for now.
func (v *Validator) checkClaims(c *claims) error {
	if !slices.Contains(v.audiences, c.audience) {
		hint := ""
		if c.audience == "https://graph.microsoft.com" || c.audience == "00000003-0000-0000-c000-000000000000" {
			hint = " It is one for Microsoft Graph."
		}
		return refuse(nil, "The access token's audience (aud) is not this API.%s Ask for a token with the scope %s/.default.", hint, v.audiences[0])
	}
	issuer, ok := v.issuers[c.version]
	switch {
	case !ok:
		return refuse(nil, "The access token's version (ver) is neither 1.0 nor 2.0.")
	case c.Issuer != issuer:
		return refuse(nil, "The access token's issuer (iss) is not this tenant's.")
	case c.tenant != v.tenantID:
		return refuse(nil, "The access token is from another tenant (tid).")
	case c.IssuedAt == nil:
		return refuse(nil, "The access token has no time of issue (iat).")
	}
	if err := v.times.Validate(c); err != nil {
		switch {
		case c.ExpiresAt == nil:
			return refuse(err, "The access token has no expiry (exp).")
		case c.NotBefore == nil:
			return refuse(err, "The access token has no start (nbf).")
		case errors.Is(err, jwt.ErrTokenExpired):
			return refuse(err, "The access token has expired (exp). Ask for a new one.")
		case errors.Is(err, jwt.ErrTokenNotValidYet):
			return refuse(err, "The access token is not valid yet (nbf).")
		default:
			return refuse(err, "The access token was issued in the future (iat).")
		}
	}
	if c.ExpiresAt.Before(c.NotBefore.Time) || c.ExpiresAt.Before(c.IssuedAt.Time) {
		return refuse(nil, "The access token expires (exp) before it begins.")
	}
	return nil
}

// caller is who the token is about. Call it after the signature and the claims have been checked.
func (c *claims) caller(tenantID string) (governance.Caller, error) {
	appID := c.azp
	if c.version == version1 {
		appID = c.appID
	}
	switch {
	case !governance.IsGUID(c.object):
		return governance.Caller{}, refuse(nil, "The access token has no object id (oid).")
	case !governance.IsGUID(appID):
		return governance.Caller{}, refuse(nil, "The access token does not name its client application (azp or appid); it may be an ID token.")
	}
	caller := governance.Caller{
		TenantID:    tenantID,
		ObjectID:    strings.ToLower(c.object),
		AppID:       strings.ToLower(appID),
		DisplayName: shorten(c.name),
	}
	scopes := slices.DeleteFunc(strings.Split(c.scope, " "), func(one string) bool { return one == "" }) // by U+0020 alone: RFC 6749, section 3.3
	switch {
	case len(scopes) > 0 && (c.idType == "" || c.idType == "user"):
		caller.Kind = governance.CallerUser
		caller.Scopes = scopes
		caller.DirectoryRoles = lowered(c.directoryRoles)
	case len(scopes) == 0 && (c.idType == "app" || c.idType == "" && c.object == c.Subject):
		caller.Kind = governance.CallerApplication
		caller.Permissions = c.roles
	default:
		return governance.Caller{}, refuse(nil, "The access token is neither a person's (scp) nor an application's (idtyp).")
	}
	return caller, nil
}

func shorten(name string) string {
	if runes := []rune(name); len(runes) > maxNameRunes {
		return string(runes[:maxNameRunes])
	}
	return name
}

// lowered makes the ids comparable with the constants of governance.
func lowered(ids []string) []string {
	for i, id := range ids {
		ids[i] = strings.ToLower(id)
	}
	return ids
}
