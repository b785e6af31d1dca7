package identity_test

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/identity"
	"latchkey/shared/platform"
)

const (
	entitlementApp = "810dcf14-1858-4bf2-8134-4c369fa3235b"
	management     = "https://management.azure.com"
)

// proofs is what all instances remember; failing while it is away.
type proofs struct {
	away  bool
	asked int
	used  map[string]time.Duration
}

func (p *proofs) First(_ context.Context, proof string, keep time.Duration) (bool, error) {
	if p.asked++; p.away {
		return false, &governance.Error{Code: governance.CodeUnavailable, Message: "away"}
	}
	if _, known := p.used[proof]; known {
		return false, nil
	}
	p.used[proof] = keep
	return true, nil
}

func newCallouts(t *testing.T) (*identity.Callouts, *platform.ManualClock) {
	t.Helper()
	return instance(t, &proofs{used: map[string]time.Duration{}})
}

// instance is one of the app's instances.
func instance(t *testing.T, used *proofs) (*identity.Callouts, *platform.ManualClock) {
	t.Helper()
	clock := platform.NewManualClock(start)
	callouts, err := identity.NewCallouts(context.Background(), identity.Options{
		TenantID: tenantID, Audiences: []string{management}, Transport: newAuthority(), Clock: clock,
	}, []string{entitlementApp}, used)
	if err != nil {
		t.Fatal(err)
	}
	return callouts, clock
}

// entitlement is a token as entitlement management has it: version 1, for Azure Resource Manager (EXT-19).
func entitlement() draft {
	return application().v1().claim("aud", management).claim("appid", entitlementApp).without("roles")
}

// proof is a signed request around a token.
type proof struct {
	token        draft
	key, binding *rsa.PrivateKey
	claims       map[string]any
	header       map[string]any
	edit         func(claims string) string
}

func jwk(key *rsa.PrivateKey) (modulus, exponent, thumbprint string) {
	modulus = encode(key.N.Bytes())
	exponent = encode(big.NewInt(int64(key.E)).Bytes())
	sum := sha256.Sum256([]byte(`{"e":"` + exponent + `","kty":"RSA","n":"` + modulus + `"}`))
	return modulus, exponent, base64.RawURLEncoding.EncodeToString(sum[:])
}

func (p proof) sign() string {
	modulus, exponent, _ := jwk(p.key)
	_, _, bound := jwk(p.binding)
	claims := map[string]any{
		"at": p.token.claim("cnf", map[string]any{"kid": bound}).token(), "ts": start.Unix(), "m": "POST", "u": "latchkey.example", "p": "/api/callouts/act", "nonce": "n",
		"cnf": map[string]any{"jwk": map[string]any{"kty": "RSA", "n": modulus, "e": exponent}},
	}
	for name, value := range p.claims {
		claims[name] = value
	}
	header := map[string]any{"alg": "RS256", "typ": "pop", "kid": "x"}
	for name, value := range p.header {
		header[name] = value
	}
	payload := string(marshal(claims))
	if p.edit != nil {
		payload = p.edit(payload)
	}
	return sign(marshal(header), []byte(payload), p.key)
}

// rules: EXT-18 EXT-19 EXT-20 EXT-21
func TestCalloutsTakeConfiguredCallersOnly(t *testing.T) {
	request := identity.Request{Method: http.MethodPost, Host: "latchkey.example", Path: "/api/callouts/act"}
	mine, other := keys()[1], keys()[2]
	good := func() proof { return proof{token: entitlement(), key: mine, binding: mine} }
	bearerOf := func(d draft) http.Header { return bearer(d.token()) }
	popOf := func(p proof) http.Header { return http.Header{"Authorization": {"PoP " + p.sign()}} }
	with := func(name string, value any) proof {
		p := good()
		p.claims = map[string]any{name: value}
		return p
	}
	headed := func(name string, value any) proof {
		p := good()
		p.header = map[string]any{name: value}
		return p
	}
	raw := func(edit func(claims string) string) proof {
		p := good()
		p.edit = edit
		return p
	}
	for name, test := range map[string]struct {
		header http.Header
		code   governance.Code
	}{
		"version 1":                 {bearerOf(entitlement()), ""},
		"version 2":                 {bearerOf(application().claim("aud", management).claim("azp", entitlementApp)), ""},
		"claims of this request":    {bearerOf(entitlement().claim("m", "POST").claim("u", "latchkey.example").claim("p", "/api/callouts/act")), ""},
		"a proof":                   {popOf(good()), ""},
		"another application":       {bearerOf(entitlement().claim("appid", clientID)), governance.CodeForbidden},
		"a person":                  {bearerOf(person().claim("aud", management).claim("azp", entitlementApp)), governance.CodeForbidden},
		"another audience":          {bearerOf(application().claim("azp", entitlementApp)), governance.CodeUnauthorized},
		"another tenant":            {bearerOf(entitlement().claim("tid", personID)), governance.CodeUnauthorized},
		"another issuer":            {bearerOf(entitlement().claim("iss", "https://sts.windows.net/"+personID+"/")), governance.CodeUnauthorized},
		"another key":               {bearerOf(entitlement().signedBy(other)), governance.CodeUnauthorized},
		"expired":                   {bearerOf(entitlement().claim("exp", start.Add(-time.Hour).Unix())), governance.CodeUnauthorized},
		"another method":            {bearerOf(entitlement().claim("m", "GET")), governance.CodeUnauthorized},
		"another host":              {bearerOf(entitlement().claim("u", "management.azure.com")), governance.CodeUnauthorized},
		"another path":              {bearerOf(entitlement().claim("p", "/api/callouts/other")), governance.CodeUnauthorized},
		"a bound token by itself":   {bearerOf(entitlement().claim("cnf", map[string]any{"kid": "x"})), governance.CodeUnauthorized},
		"a proof by another key":    {popOf(proof{token: entitlement(), key: other, binding: mine}), governance.CodeUnauthorized},
		"a proof of another app":    {popOf(proof{token: entitlement().claim("appid", clientID), key: mine, binding: mine}), governance.CodeForbidden},
		"a proof of long ago":       {popOf(with("ts", start.Add(-time.Hour).Unix())), governance.CodeUnauthorized},
		"a proof of the future":     {popOf(with("ts", start.Add(time.Hour).Unix())), governance.CodeUnauthorized},
		"a proof of another path":   {popOf(with("p", "/api/callouts/other")), governance.CodeUnauthorized},
		"a proof of another host":   {popOf(with("u", "evil.example")), governance.CodeUnauthorized},
		"a proof of another method": {popOf(with("m", "PUT")), governance.CodeUnauthorized},
		"a proof without a path":    {popOf(with("p", nil)), governance.CodeUnauthorized},
		"a proof without a token":   {popOf(with("at", "")), governance.CodeUnauthorized},
		"a proof unsigned":          {popOf(proof{token: entitlement(), key: mine, binding: mine, header: map[string]any{"alg": "none"}}), governance.CodeUnauthorized},
		"a token as a proof":        {http.Header{"Authorization": {"PoP " + entitlement().token()}}, governance.CodeUnauthorized},
		"a proof with crit":         {popOf(headed("crit", []string{"exp"})), governance.CodeUnauthorized},
		"a proof with b64":          {popOf(headed("b64", false)), governance.CodeUnauthorized},
		"a proof with zip":          {popOf(headed("zip", "DEF")), governance.CodeUnauthorized},
		"a proof with enc":          {popOf(headed("enc", "A128GCM")), governance.CodeUnauthorized},
		"a proof with jku":          {popOf(headed("jku", "https://evil.example/keys")), governance.CodeUnauthorized},
		"a proof with x5u":          {popOf(headed("x5u", "https://evil.example/cert")), governance.CodeUnauthorized},
		"a proof with jwk":          {popOf(headed("jwk", map[string]any{"kty": "RSA"})), governance.CodeUnauthorized},
		"a proof with x5c":          {popOf(headed("x5c", []string{"x"})), governance.CodeUnauthorized},
		"a proof in another type":   {popOf(headed("typ", "JWT")), governance.CodeUnauthorized},
		"a proof without a kid":     {popOf(headed("kid", "")), ""},
		"a proof, claims twice":     {popOf(raw(func(claims string) string { return `{"p":"/api/callouts/other",` + claims[1:] })), governance.CodeUnauthorized},
		"a proof, claims in capitals": {
			popOf(raw(func(claims string) string { return strings.Replace(claims, `"p":`, `"P":`, 1) })), governance.CodeUnauthorized,
		},
		"a proof that is no UTF-8": {popOf(raw(func(claims string) string { return `{"x":"` + "\xff" + `",` + claims[1:] })), governance.CodeUnauthorized},
		"nothing":                  {http.Header{}, governance.CodeUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			callouts, _ := newCallouts(t)
			caller, err := callouts.Validate(t.Context(), test.header, request)
			if test.code == "" {
				if err != nil || caller.Kind != governance.CallerExtension || caller.AppID != entitlementApp || caller.TenantID != tenantID || len(caller.Permissions) > 0 {
					t.Errorf("%+v, %v", caller, err)
				}
				return
			}
			if governance.CodeOf(err) != test.code {
				t.Errorf("%v, want %s", err, test.code)
			}
		})
	}
}

// A signed request is good once.
func TestAProofIsGoodOnce(t *testing.T) {
	callouts, clock := newCallouts(t)
	request := identity.Request{Method: http.MethodPost, Host: "latchkey.example", Path: "/api/callouts/act"}
	header := http.Header{"Authorization": {"PoP " + proof{token: entitlement(), key: keys()[1], binding: keys()[1]}.sign()}}
	if _, err := callouts.Validate(t.Context(), header, request); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := callouts.Validate(t.Context(), header, request); governance.CodeOf(err) != governance.CodeUnauthorized {
			t.Errorf("a replay: %v", err)
		}
		clock.Advance(4 * time.Minute)
	}
}

// A signed request is good once over all instances, costs the record of them only when it is good in all else, and is refused when that record cannot be asked.
func TestAProofIsGoodOnceOverInstances(t *testing.T) {
	used := &proofs{used: map[string]time.Duration{}}
	one, _ := instance(t, used)
	other, _ := instance(t, used)
	request := identity.Request{Method: http.MethodPost, Host: "latchkey.example", Path: "/api/callouts/act"}
	header := func(nonce string, key *rsa.PrivateKey) http.Header {
		return http.Header{"Authorization": {"PoP " + proof{token: entitlement(), key: key, binding: keys()[1], claims: map[string]any{"nonce": nonce}}.sign()}}
	}
	if _, err := one.Validate(t.Context(), header("a", keys()[2]), request); governance.CodeOf(err) != governance.CodeUnauthorized || used.asked != 0 {
		t.Errorf("a forged proof: %v, asked %d times", err, used.asked)
	}
	if _, err := one.Validate(t.Context(), bearer(entitlement().token()), request); err != nil || used.asked != 0 {
		t.Errorf("no proof: %v, asked %d times", err, used.asked)
	}
	good := header("b", keys()[1])
	if _, err := one.Validate(t.Context(), good, request); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Validate(t.Context(), good, request); governance.CodeOf(err) != governance.CodeUnauthorized {
		t.Errorf("a replay elsewhere: %v", err)
	}
	used.away = true
	next := header("c", keys()[1])
	if _, err := one.Validate(t.Context(), next, request); governance.CodeOf(err) != governance.CodeUnavailable {
		t.Errorf("nobody knows: %v", err)
	}
	used.away = false
	if _, err := one.Validate(t.Context(), next, request); err != nil {
		t.Errorf("the same again: %v", err)
	}
	for _, keep := range used.used {
		if keep < 10*time.Minute {
			t.Errorf("it is kept for %v, and would be good for longer", keep)
		}
	}
}
