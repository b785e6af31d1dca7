package token

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// ErrToken: a token is not one of this service, has expired, or is for another resource.
var ErrToken = errors.New("token: not valid")

// maxTokenBytes bounds what is looked at.
const maxTokenBytes = 16 << 10

type verified struct {
	permissions []string
	keyID       string
	audience    string
	from, until time.Time
}

// Permissions are what a token grants on a resource, which is by any of its names: the application permissions of an application, the delegated
// scopes of a person. It verifies signature, audience and times; the emulators of Graph and of Azure's own services ask it. Errors: ErrToken.
func (s *Server) Permissions(token, resourceID string) ([]string, error) {
	of, ok := s.resources[resourceName(resourceID)]
	if !ok {
		return nil, fmt.Errorf("%w: no resource is called %q", ErrToken, resourceID)
	}
	if len(token) > maxTokenBytes {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrToken, maxTokenBytes)
	}
	digest := sha256.Sum256([]byte(token))
	s.mu.RLock()
	found, ok := s.verified[digest]
	s.mu.RUnlock()
	if ok {
		_, ok = s.keys.find(found.keyID) // it may have been retired since
	}
	if !ok {
		var err error
		if found, err = s.verify(token); err != nil {
			return nil, err
		}
		s.mu.Lock()
		if len(s.verified) >= maxRemembered {
			s.verified = map[[32]byte]verified{}
		}
		s.verified[digest] = found
		s.mu.Unlock()
	}
	const leeway = time.Minute
	now := s.clock.Now()
	switch {
	case found.audience != of.appID && found.audience != of.uri:
		return nil, fmt.Errorf("%w: the audience is another", ErrToken)
	case !now.Before(found.until.Add(leeway)):
		return nil, fmt.Errorf("%w: expired", ErrToken)
	case now.Before(found.from.Add(-leeway)):
		return nil, fmt.Errorf("%w: not valid yet", ErrToken)
	}
	return slices.Clone(found.permissions), nil
}

// verify checks the signature and reads what the checks need that depend on the time and on who asks.
func (s *Server) verify(token string) (verified, error) {
	var claims struct {
		jwt.RegisteredClaims
		TenantID string   `json:"tid"`
		Scopes   string   `json:"scp"`
		Roles    []string `json:"roles"`
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation())
	var keyID string
	_, err := parser.ParseWithClaims(token, &claims, func(parsed *jwt.Token) (any, error) {
		keyID, _ = parsed.Header["kid"].(string)
		key, ok := s.keys.find(keyID)
		if !ok {
			return nil, errors.New("the key is unknown")
		}
		return key, nil
	})
	switch {
	case err != nil:
		return verified{}, fmt.Errorf("%w: %w", ErrToken, err)
	case len(claims.Audience) != 1 || claims.ExpiresAt == nil || claims.NotBefore == nil || !strings.EqualFold(claims.TenantID, s.options.Tenant.ID):
		return verified{}, fmt.Errorf("%w: a claim is missing", ErrToken)
	}
	return verified{
		permissions: append(claims.Roles, strings.Fields(claims.Scopes)...),
		keyID:       keyID,
		audience:    claims.Audience[0],
		from:        claims.NotBefore.Time,
		until:       claims.ExpiresAt.Time,
	}, nil
}
