package identity

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"latchkey/shared/governance"
)

// Callouts says who calls custom extensions: the applications that are configured, with tokens for the audiences that are configured, and
// nobody else (EXT-18 to EXT-21). It is a validator of its own, so that a token for it opens nothing else, and no other token opens
// it.
//
// A token comes as Bearer, or as PoP: signed anew for each request with the key that it is bound to, over method, host and path; such a signature is good once.
type Callouts struct {
	tokens  *Validator
	callers []string
	used    Proofs

	mu   sync.Mutex
	seen map[[32]byte]time.Time // signatures, until when they would be good
}

// Proofs remembers for all instances which proofs of possession were used.
type Proofs interface {
	// First says whether a proof is named for the first time, and keeps it for a time. Errors: CodeUnavailable when that is not known.
	First(ctx context.Context, proof string, keep time.Duration) (bool, error)
}

// NewCallouts makes one. callers are application ids; used is asked for a proof that is good in all else, so that nobody but who has a key of the tenant costs anything.
func NewCallouts(ctx context.Context, options Options, callers []string, used Proofs) (*Callouts, error) {
	tokens, err := New(ctx, options)
	if err != nil {
		return nil, err
	}
	if len(callers) == 0 {
		return nil, errors.New("identity: there are no callers")
	}
	v := &Callouts{tokens: tokens, used: used, seen: map[[32]byte]time.Time{}}
	for _, caller := range callers {
		if !governance.IsGUID(caller) {
			return nil, errors.New("identity: a caller must be an application's GUID")
		}
		v.callers = append(v.callers, strings.ToLower(caller))
	}
	return v, nil
}

// Request is what a proof of possession is about.
type Request struct {
	Method, Host, Path string
}

// Validate makes the Caller of a request's Authorization header. Errors: CodeUnauthorized, CodeForbidden for an application that is not configured, which is named all the same, CodeUnavailable.
func (v *Callouts) Validate(ctx context.Context, header http.Header, request Request) (governance.Caller, error) {
	proof, isProof := proofOf(header)
	if isProof {
		return v.validateProof(ctx, proof, request)
	}
	token, err := FromHeader(header)
	if err != nil {
		return governance.Caller{}, err
	}
	caller, bound, err := v.validateToken(ctx, token)
	if err != nil {
		return caller, err
	}
	if bound.Confirmation != nil {
		return governance.Caller{}, refuse(nil, "The access token is bound to a key; send it with a proof of possession.")
	}
	return caller, bound.covers(request)
}

// boundClaims are the claims of proof of possession, of a token or of what is signed around it.
type boundClaims struct {
	jwt.RegisteredClaims // for the library, which takes tokens apart
	Method, Host, Path   *string
	Confirmation         *confirmation
	Token                string
	Time                 int64
}

// UnmarshalJSON takes the claims exactly, as those of any token.
func (b *boundClaims) UnmarshalJSON(data []byte) error {
	return orRefuse("The proof of possession's claims are not valid.", exactly(data, possession.name, map[string]any{
		"m": &b.Method, "u": &b.Host, "p": &b.Path, "cnf": &b.Confirmation, "at": &b.Token, "ts": &b.Time,
	}))
}

// confirmation is the claim cnf: the key that a token is bound to, by its thumbprint, or the key itself.
type confirmation struct {
	KeyID string
	Key   *boundKey
}

// UnmarshalJSON takes it exactly.
func (c *confirmation) UnmarshalJSON(data []byte) error {
	return exactly(data, possession.name, map[string]any{"kid": &c.KeyID, "jwk": &c.Key})
}

type boundKey struct{ Type, Modulus, Exponent string }

// UnmarshalJSON takes it exactly.
func (k *boundKey) UnmarshalJSON(data []byte) error {
	return exactly(data, possession.name, map[string]any{"kty": &k.Type, "n": &k.Modulus, "e": &k.Exponent})
}

// covers holds the claims that are there against the request.
func (b *boundClaims) covers(request Request) error {
	switch {
	case b.Method != nil && !strings.EqualFold(*b.Method, request.Method):
		return refuse(nil, "The proof of possession is for another method (m).")
	case b.Host != nil && !strings.EqualFold(*b.Host, request.Host):
		return refuse(nil, "The proof of possession is for another host (u).")
	case b.Path != nil && strings.TrimRight(*b.Path, "/") != strings.TrimRight(request.Path, "/"):
		return refuse(nil, "The proof of possession is for another path (p).")
	}
	return nil
}

// validateToken checks an access token and that its application may call out.
func (v *Callouts) validateToken(ctx context.Context, token string) (governance.Caller, boundClaims, error) {
	caller, err := v.tokens.Validate(ctx, token)
	if err != nil {
		return caller, boundClaims{}, err
	}
	if caller.Kind != governance.CallerApplication || !slices.Contains(v.callers, caller.AppID) {
		return caller, boundClaims{}, governance.Forbidden("The application %s may not call custom extensions; the setting CalloutCallers names those that may.", caller.AppID)
	}
	var bound boundClaims
	if _, _, err := v.tokens.parser.ParseUnverified(token, &bound); err != nil {
		return governance.Caller{}, boundClaims{}, refuse(err, "The access token's claims are not valid.")
	}
	caller.Kind, caller.Permissions = governance.CallerExtension, nil
	return caller, bound, nil
}

// proofOf takes a signed request out of the Authorization header, if its scheme is PoP.
func proofOf(header http.Header) (string, bool) {
	values := header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, proof, _ := strings.Cut(values[0], " ")
	return proof, strings.EqualFold(scheme, "PoP")
}

const (
	// proofWindow is how old, or how far ahead, a signed request may be.
	proofWindow = 5 * time.Minute
	maxProofs   = 100_000
)

func (v *Callouts) validateProof(ctx context.Context, proof string, request Request) (governance.Caller, error) {
	if len(proof) > 2*MaxTokenBytes {
		return governance.Caller{}, refuse(nil, "The proof of possession is not well formed.")
	}
	if err := possession.checkHeader(proof); err != nil {
		return governance.Caller{}, err
	}
	var outer boundClaims
	parsed, parts, err := v.tokens.parser.ParseUnverified(proof, &outer)
	if err != nil {
		return governance.Caller{}, refuse(nil, "The proof of possession is not well formed.")
	}
	if outer.Method == nil || outer.Host == nil || outer.Path == nil || outer.Token == "" || outer.Confirmation == nil || outer.Confirmation.Key == nil {
		return governance.Caller{}, refuse(nil, "The proof of possession lacks a claim: it needs at, ts, m, u, p and cnf.")
	}
	caller, inner, err := v.validateToken(ctx, outer.Token)
	if err != nil {
		return caller, err
	}
	key, thumbprint, err := keyOf(outer.Confirmation.Key.Type, outer.Confirmation.Key.Modulus, outer.Confirmation.Key.Exponent)
	if err != nil || inner.Confirmation == nil || subtle.ConstantTimeCompare([]byte(inner.Confirmation.KeyID), []byte(thumbprint)) != 1 {
		return governance.Caller{}, refuse(err, "The access token is not bound to the key of the proof.")
	}
	signed := parts[0] + "." + parts[1]
	if err := parsed.Method.Verify(signed, parsed.Signature, key); err != nil {
		return governance.Caller{}, refuse(err, "The proof of possession's signature is not valid.")
	}
	now := v.tokens.clock.Now()
	if at := time.Unix(outer.Time, 0); at.Before(now.Add(-proofWindow)) || at.After(now.Add(proofWindow)) {
		return governance.Caller{}, refuse(nil, "The proof of possession is not of now (ts).")
	}
	if err := outer.covers(request); err != nil {
		return governance.Caller{}, err
	}
	if err := inner.covers(request); err != nil {
		return governance.Caller{}, err
	}
	digest := sha256.Sum256([]byte(signed))
	first := v.first(digest, now)
	if first { // here; there are other instances
		if first, err = v.used.First(ctx, hex.EncodeToString(digest[:]), 2*proofWindow); err != nil {
			v.forget(digest)
			return governance.Caller{}, err
		}
	}
	if !first {
		return governance.Caller{}, refuse(nil, "The proof of possession was used before.")
	}
	return caller, nil
}

// forget lets a proof be used again: whether it was the first time is not known.
func (v *Callouts) forget(digest [32]byte) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.seen, digest)
}

// first says whether a signed request is seen by this instance for the first time.
func (v *Callouts) first(digest [32]byte, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if until, known := v.seen[digest]; known && now.Before(until) {
		return false
	}
	if len(v.seen) >= maxProofs {
		for one, until := range v.seen {
			if !now.Before(until) {
				delete(v.seen, one)
			}
		}
		if len(v.seen) >= maxProofs { // more than that within minutes is no use but a flood
			return false
		}
	}
	v.seen[digest] = now.Add(2 * proofWindow)
	return true
}

// keyOf makes a public key of its published form, with the thumbprint that a token is bound to it by (RFC 7638).
func keyOf(kind, modulus, exponent string) (*rsa.PublicKey, string, error) {
	key, why := usable(jwkset.JWKMarshal{KTY: jwkset.KTY(kind), N: modulus, E: exponent})
	if why != "" {
		return nil, "", errors.New("identity: the key of the proof is not one that is accepted: " + why)
	}
	public, _ := key.Key().(*rsa.PublicKey) // usable has seen to it
	if public.E < 3 {
		return nil, "", errors.New("identity: the key of the proof is not one that is accepted")
	}
	sum := sha256.Sum256([]byte(`{"e":"` + exponent + `","kty":"RSA","n":"` + modulus + `"}`))
	return public, base64.RawURLEncoding.EncodeToString(sum[:]), nil
}
