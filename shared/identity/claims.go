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
	issuer, audience, version string
	tenant, object, subject   string
	appID, azp                string // the client application: appid in v1, azp in v2
	idType, scope, name       string
	roles, directoryRoles     []string
	expires, notBefore        *jwt.NumericDate
	issued                    *jwt.NumericDate
}

// UnmarshalJSON takes the claims exactly: no duplicates, no other case, no other type.
func (c *claims) UnmarshalJSON(data []byte) error {
	err := eachMember(data, func(name string, value *json.Decoder) error {
		var err error
		switch name {
		case "iss":
			err = value.Decode(&c.issuer)
		case "aud":
			err = value.Decode(&c.audience) // RFC 7519 allows a list; Entra never writes one, and a token for two is a token that the other can replay
		case "ver":
			err = value.Decode(&c.version)
		case "tid":
			err = value.Decode(&c.tenant)
		case "oid":
			err = value.Decode(&c.object)
		case "sub":
			err = value.Decode(&c.subject)
		case "appid":
			err = value.Decode(&c.appID)
		case "azp":
			err = value.Decode(&c.azp)
		case "idtyp":
			err = value.Decode(&c.idType)
		case "scp":
			err = value.Decode(&c.scope)
		case "name":
			err = value.Decode(&c.name)
		case "roles":
			err = value.Decode(&c.roles)
		case "wids":
			err = value.Decode(&c.directoryRoles)
		case "exp":
			c.expires, err = decodeTime(value)
		case "nbf":
			c.notBefore, err = decodeTime(value)
		case "iat":
			c.issued, err = decodeTime(value)
		default:
			return skip(value)
		}
		if err != nil {
			return refuse(err, "The access token's claim %s has the wrong type.", name)
		}
		return nil
	})
	if err != nil && !isCoded(err) {
		return refuse(err, "The access token's claims are not valid.")
	}
	return err
}

// decodeTime reads a time in whole seconds: Entra's have no fraction, and a number that is no int64 is no time.
func decodeTime(value *json.Decoder) (*jwt.NumericDate, error) {
	var seconds *int64
	if err := value.Decode(&seconds); err != nil || seconds == nil {
		return nil, err
	}
	const lastYear = 253402300799 // the end of 9999
	if *seconds < 0 || *seconds > lastYear {
		return nil, fmt.Errorf("%d is not a time", *seconds)
	}
	return jwt.NewNumericDate(time.Unix(*seconds, 0)), nil
}

// The methods of jwt.Claims: what the library checks times with.

func (c *claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.expires, nil }
func (c *claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.notBefore, nil }
func (c *claims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.issued, nil }
func (c *claims) GetAudience() (jwt.ClaimStrings, error)       { return jwt.ClaimStrings{c.audience}, nil }
func (c *claims) GetIssuer() (string, error)                   { return c.issuer, nil }
func (c *claims) GetSubject() (string, error)                  { return c.subject, nil }

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
	case c.issuer != issuer:
		return refuse(nil, "The access token's issuer (iss) is not this tenant's.")
	case c.tenant != v.tenantID:
		return refuse(nil, "The access token is from another tenant (tid).")
	case c.issued == nil:
		return refuse(nil, "The access token has no time of issue (iat).")
	}
	if err := v.times.Validate(c); err != nil {
		switch {
		case c.expires == nil:
			return refuse(err, "The access token has no expiry (exp).")
		case c.notBefore == nil:
			return refuse(err, "The access token has no start (nbf).")
		case errors.Is(err, jwt.ErrTokenExpired):
			return refuse(err, "The access token has expired (exp). Ask for a new one.")
		case errors.Is(err, jwt.ErrTokenNotValidYet):
			return refuse(err, "The access token is not valid yet (nbf).")
		default:
			return refuse(err, "The access token was issued in the future (iat).")
		}
	}
	if c.expires.Before(c.notBefore.Time) || c.expires.Before(c.issued.Time) {
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
	case !isGUID(c.object):
		return governance.Caller{}, refuse(nil, "The access token has no object id (oid).")
	case !isGUID(appID):
		return governance.Caller{}, refuse(nil, "The access token does not name its client application (azp or appid); it may be an ID token.")
	}
	caller := governance.Caller{
		TenantID:    tenantID,
		ObjectID:    strings.ToLower(c.object),
		AppID:       strings.ToLower(appID),
		DisplayName: shorten(c.name),
	}
	scopes := strings.Fields(c.scope)
	switch {
	case len(scopes) > 0 && (c.idType == "" || c.idType == "user"):
		caller.Kind = governance.CallerUser
		caller.Scopes = scopes
		caller.DirectoryRoles = lowered(c.directoryRoles)
	case len(scopes) == 0 && (c.idType == "app" || c.idType == "" && c.object == c.subject):
		caller.Kind = governance.CallerApplication
		caller.Permissions = c.roles
	default:
		return governance.Caller{}, refuse(nil, "The access token is neither a person's (scp) nor an application's (idtyp).")
	}
	return caller, nil
}

func isCoded(err error) bool {
	var coded *governance.Error
	return errors.As(err, &coded)
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
