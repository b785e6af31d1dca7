package identity_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/shared/identity"
	"latchkey/shared/platform"
)

const (
	tenantID    = "6f1c0c2e-3c5b-4a5e-9d0e-0a4f2b7c1d11"
	otherTenant = "aaaaaaaa-3c5b-4a5e-9d0e-0a4f2b7c1d11"
	apiID       = "0b8f1a52-77aa-4c0e-8f52-5d5f7e1b2c33"
	clientID    = "11111111-2222-4333-8444-555555555555"
	personID    = "22222222-3333-4444-8555-666666666666"
	principalID = "33333333-4444-4555-8666-777777777777"
	authority   = "https://login.microsoftonline.com"
	issuer2     = authority + "/" + tenantID + "/v2.0"
	issuer1     = "https://sts.windows.net/" + tenantID + "/"
)

var start = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// Keys are made once: that takes long. Those of the tenant are the first and the second; the third is an attacker's.
var (
	keys    = sync.OnceValue(func() []*rsa.PrivateKey { return []*rsa.PrivateKey{newKey(2048), newKey(2048), newKey(2048)} })
	weakKey = sync.OnceValue(func() *rsa.PrivateKey { return newKey(1024) })
)

func newKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// authorityStub is the tenant's authority as far as keys go, without a socket: it counts what is asked of it.
type authorityStub struct {
	mu      sync.Mutex
	keys    []map[string]any
	config  map[string]any
	down    bool
	hang    bool
	gate    chan struct{} // set: every answer waits until it is closed
	raw     []byte        // set: what the key set's URL answers, whatever it is
	status  int           // set: of the key set's answer
	fetches int           // of the key set
	asked   []string
}

func newAuthority() *authorityStub {
	return &authorityStub{
		keys:   []map[string]any{publish("key-1", keys()[0])},
		config: map[string]any{"issuer": issuer2, "jwks_uri": authority + "/" + tenantID + "/discovery/v2.0/keys"},
	}
}

// publish is the published form of a key.
func publish(kid string, key *rsa.PrivateKey) map[string]any {
	return map[string]any{
		"kty": "RSA", "use": "sig", "kid": kid, "x5t": kid, "issuer": issuer2,
		"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
	}
}

func (a *authorityStub) RoundTrip(request *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.asked = append(a.asked, request.URL.String())
	isKeys := strings.HasSuffix(request.URL.Path, "/discovery/v2.0/keys")
	if isKeys {
		a.fetches++
	}
	down, hang, body := a.down, a.hang, any(a.config)
	if isKeys {
		body = map[string]any{"keys": a.keys}
	}
	data, err := json.Marshal(body)
	status := http.StatusOK
	if isKeys {
		status = cmp.Or(a.status, status)
		if a.raw != nil {
			data = a.raw
		}
	}
	gate := a.gate
	a.mu.Unlock()
	if gate != nil {
		<-gate
	}
	if hang {
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	if down {
		return nil, errors.New("connection refused")
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(data)), Request: request}, nil
}

func (a *authorityStub) set(change func(*authorityStub)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

func (a *authorityStub) fetched() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fetches
}

// urls are all that was asked so far.
func (a *authorityStub) urls() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked)
}

// scene is a Validator in a tenant.
type scene struct {
	t         testing.TB
	clock     *platform.ManualClock
	authority *authorityStub
	validator *identity.Validator
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{t: t, clock: platform.NewManualClock(start), authority: newAuthority()}
	validator, err := identity.New(context.Background(), identity.Options{
		TenantID:  tenantID,
		Audiences: []string{"api://" + apiID, apiID},
		Transport: s.authority,
		Clock:     s.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.validator = validator
	return s
}

// draft is a token in the making: a good one of a person, until a test spoils it.
type draft struct {
	header map[string]any
	claims map[string]any
	key    *rsa.PrivateKey
}

func person() draft {
	return draft{
		header: map[string]any{"typ": "JWT", "alg": "RS256", "kid": "key-1"},
		claims: map[string]any{
			"aud": apiID, "iss": issuer2, "iat": start.Unix(), "nbf": start.Unix(), "exp": start.Add(time.Hour).Unix(), "ver": "2.0",
			"tid": tenantID, "oid": personID, "sub": "pairwise-subject", "azp": clientID, "azpacr": "0", "name": "Adele Vance",
			"scp": "EntitlementManagement.ReadWrite.All EntitlementMgmt-SubjectAccess.ReadWrite", "wids": []string{"45D8D3C5-c802-45c6-b32a-1d70b5e1e86e"},
			"uti": "x", "rh": "0.A", "xms_st": map[string]any{"sub": "nested"},
		},
		key: keys()[0],
	}
}

func application() draft {
	d := person()
	for _, name := range []string{"scp", "wids", "name"} {
		delete(d.claims, name)
	}
	return d.claim("oid", principalID).claim("sub", principalID).claim("idtyp", "app").claim("roles", []string{"EntitlementManagement.ReadWrite.All"})
}

func (d draft) claim(name string, value any) draft {
	d.claims = maps.Clone(d.claims)
	d.claims[name] = value
	return d
}

func (d draft) without(name string) draft {
	d.claims = maps.Clone(d.claims)
	delete(d.claims, name)
	return d
}

func (d draft) head(name string, value any) draft {
	d.header = maps.Clone(d.header)
	d.header[name] = value
	return d
}

func (d draft) signedBy(key *rsa.PrivateKey) draft {
	d.key = key
	return d
}

// v1 is the same token in version 1.0.
func (d draft) v1() draft {
	return d.claim("ver", "1.0").claim("iss", issuer1).claim("aud", "api://"+apiID).claim("appid", clientID).without("azp")
}

func (d draft) token() string { return sign(marshal(d.header), marshal(d.claims), d.key) }

func marshal(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return data
}

// sign makes an RS256 token of any header and any claims.
func sign(header, claims []byte, key *rsa.PrivateKey) string {
	text := encode(header) + "." + encode(claims)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		panic(err)
	}
	return text + "." + encode(signature)
}

func encode(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
