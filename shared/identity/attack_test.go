package identity_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/identity"
)

// rules: EXT-21 (issuer and audience of both token versions, appid and azp)
func TestAttacks(t *testing.T) {
	const unauthorized, unavailable = governance.CodeUnauthorized, governance.CodeUnavailable
	of := func(d draft) func(*scene) http.Header {
		return func(*scene) http.Header { return bearer(d.token()) }
	}
	raw := func(token string) func(*scene) http.Header {
		return func(*scene) http.Header { return bearer(token) }
	}
	accept := func(s *scene, token string) {
		s.t.Helper()
		for range 3 { // fetches the keys, verifies and remembers, is remembered
			if _, err := s.validator.Validate(context.Background(), token); err != nil {
				s.t.Fatalf("the token before the attack: %v", err)
			}
		}
	}
	hmacToken := func(secret []byte) string {
		text := encode(marshal(person().head("alg", "HS256").header)) + "." + encode(marshal(person().claims))
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + encode(mac.Sum(nil))
	}
	public, err := x509.MarshalPKIXPublicKey(keys()[0].Public())
	if err != nil {
		t.Fatal(err)
	}
	curveKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecToken := func() string {
		text := encode(marshal(person().head("alg", "ES256").header)) + "." + encode(marshal(person().claims))
		digest := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, curveKey, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		return text + "." + encode(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	unsigned := func(alg string) string {
		return encode(marshal(person().head("alg", alg).header)) + "." + encode(marshal(person().claims)) + "."
	}
	good := person().token()
	parts := strings.Split(good, ".")
	attackerJWK := publish("key-1", keys()[2])
	rawClaims := func(edit func(string) string) func(*scene) http.Header {
		return raw(sign(marshal(person().header), []byte(edit(string(marshal(person().claims)))), keys()[0]))
	}
	rawHeader := func(header string) func(*scene) http.Header {
		return raw(sign([]byte(header), marshal(person().claims), keys()[0]))
	}

	const noFetch = 0
	const any = -1
	tests := []struct {
		name    string
		header  func(*scene) http.Header
		code    governance.Code // empty: it is accepted
		message string          // what the client is told
		fetches int             // of the key set, that all of it may cause
	}{
		// What is no attack, so that the refusals below are for the reason they name.
		{"a person's token, v2", of(person()), "", "", 1},
		{"a person's token, v1", of(person().v1()), "", "", 1},
		{"an application's token, v2", of(application()), "", "", 1},
		{"an application's token, v1", of(application().v1()), "", "", 1},
		{"lower-case bearer", func(*scene) http.Header { return http.Header{"Authorization": {"bearer " + good}} }, "", "", 1},
		{"a claim nobody reads, nested", of(person().claim("x", map[string]int{"oid": 1})), "", "", 1},
		{"expired within the leeway", of(person().claim("exp", start.Add(-59*time.Second).Unix()).claim("nbf", start.Add(-time.Hour).Unix()).claim("iat", start.Add(-time.Hour).Unix())), "", "", 1},
		{"begins within the leeway", of(person().claim("nbf", start.Add(60*time.Second).Unix()).claim("iat", start.Add(60*time.Second).Unix())), "", "", 1},

		// The Authorization header.
		{"no header", func(*scene) http.Header { return http.Header{} }, unauthorized, "header is missing", noFetch},
		{"two headers", func(*scene) http.Header { return http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}} }, unauthorized, "more than one", noFetch},
		{"two headers in two cases", func(*scene) http.Header {
			return http.Header{"Authorization": {"Bearer " + good}, "authorization": {"Bearer " + good}}
		}, unauthorized, "more than one", noFetch},
		{"two headers joined by a proxy", raw(good + ", Bearer " + good), unauthorized, "exactly one", noFetch},
		{"another scheme", func(*scene) http.Header { return http.Header{"Authorization": {"Basic " + good}} }, unauthorized, "Bearer scheme", noFetch},
		{"no scheme", func(*scene) http.Header { return http.Header{"Authorization": {good}} }, unauthorized, "Bearer scheme", noFetch},
		{"an empty token", raw(""), unauthorized, "exactly one", noFetch},
		{"a token with white space", raw(" " + good), unauthorized, "exactly one", noFetch},
		{"a bare header that names a user", func(*scene) http.Header {
			return http.Header{"X-Ms-Client-Principal-Id": {personID}, "X-Ms-Client-Principal": {"e30="}}
		}, unauthorized, "header is missing", noFetch},

		// The form of the token.
		{"oversized", of(person().claim("padding", strings.Repeat("x", identity.MaxTokenBytes))), unauthorized, "longer than 16384 bytes", noFetch},
		{"two parts", raw(parts[0] + "." + parts[1]), unauthorized, "not a well-formed", noFetch},
		{"four parts", raw(good + "." + parts[2]), unauthorized, "not a well-formed", noFetch},
		{"five parts (encrypted)", raw(strings.Repeat(parts[0]+".", 4) + parts[2]), unauthorized, "not a well-formed", noFetch},
		{"not base64", raw("a.b.c"), unauthorized, "not a well-formed", noFetch},
		{"claims that are no object", raw(sign(marshal(person().header), []byte(`["x"]`), keys()[0])), unauthorized, "claims are not valid", noFetch},
		{"claims that are not JSON", raw(sign(marshal(person().header), []byte(`{"iss":`), keys()[0])), unauthorized, "not a well-formed", noFetch},
		{"a header with a tail", rawHeader(`{"typ":"JWT","alg":"RS256","kid":"key-1"}{"alg":"none"}`), unauthorized, "header is not valid", noFetch},
		{"a header with two algorithms", rawHeader(`{"typ":"JWT","alg":"none","alg":"RS256","kid":"key-1"}`), unauthorized, "header is not valid", noFetch},
		{"a header in another case", rawHeader(`{"typ":"JWT","ALG":"RS256","kid":"key-1"}`), unauthorized, "not signed with RS256", noFetch},

		// The algorithm.
		{"alg none", raw(unsigned("none")), unauthorized, "not signed with RS256", noFetch},
		{"alg None", raw(unsigned("None")), unauthorized, "not signed with RS256", noFetch},
		{"alg RS256 without a signature", raw(unsigned("RS256")), unauthorized, "signature is not valid", 1},
		{"HS256 with the public key as DER", raw(hmacToken(public)), unauthorized, "not signed with RS256", noFetch},
		{"HS256 with the public key as PEM", raw(hmacToken(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))), unauthorized, "not signed with RS256", noFetch},
		{"HS256 with the modulus", raw(hmacToken(keys()[0].N.Bytes())), unauthorized, "not signed with RS256", noFetch},
		{"ES256", raw(ecToken()), unauthorized, "not signed with RS256", noFetch},
		{"PS256", of(person().head("alg", "PS256")), unauthorized, "not signed with RS256", noFetch},
		{"RS512", of(person().head("alg", "RS512")), unauthorized, "not signed with RS256", noFetch},
		{"alg missing", rawHeader(`{"typ":"JWT","kid":"key-1"}`), unauthorized, "not signed with RS256", noFetch},
		{"alg a number", of(person().head("alg", 256)), unauthorized, "header is not valid", noFetch},

		// The rest of the token's header.
		{"typ wrong", of(person().head("typ", "logout+jwt")), unauthorized, "type (typ)", noFetch},
		{"typ missing", rawHeader(`{"alg":"RS256","kid":"key-1"}`), unauthorized, "type (typ)", noFetch},
		{"crit", of(person().head("crit", []string{"exp"})), unauthorized, "extension (crit)", noFetch},
		{"b64 false", of(person().head("b64", false)), unauthorized, "extension (b64)", noFetch},
		{"jwk", of(person().head("jwk", attackerJWK).signedBy(keys()[2])), unauthorized, "its own key (jwk)", noFetch},
		{"jku", of(person().head("jku", "https://attacker.example/keys").signedBy(keys()[2])), unauthorized, "its own key (jku)", noFetch},
		{"x5u", of(person().head("x5u", "https://attacker.example/cert").signedBy(keys()[2])), unauthorized, "its own key (x5u)", noFetch},
		{"x5c", of(person().head("x5c", []string{"MII"}).signedBy(keys()[2])), unauthorized, "its own key (x5c)", noFetch},
		{"nonce", of(person().head("nonce", "abc")), unauthorized, "Microsoft's own APIs", noFetch},

		// The key.
		{"kid unknown", of(person().head("kid", "key-9")), unauthorized, "does not publish (kid)", 1},
		{"kid missing", rawHeader(`{"typ":"JWT","alg":"RS256"}`), unauthorized, "which key signed it", noFetch},
		{"kid a list", of(person().head("kid", []string{"key-1"})), unauthorized, "header is not valid", noFetch},
		{"kid a path", of(person().head("kid", "../../../etc/passwd")), unauthorized, "key id (kid)", noFetch},
		{"kid a URL", of(person().head("kid", "https://attacker.example/keys")), unauthorized, "key id (kid)", noFetch},
		{"kid of 10 KB", of(person().head("kid", strings.Repeat("k", 10<<10))), unauthorized, "key id (kid)", noFetch},
		{"kid SQL", of(person().head("kid", "x' UNION SELECT 'secret' --")), unauthorized, "key id (kid)", noFetch},
		{"kid with a null byte", of(person().head("kid", "key-1\x00")), unauthorized, "header is not valid", noFetch},
		{"tampered claims", raw(parts[0] + "." + encode(marshal(person().claim("oid", principalID).claims)) + "." + parts[2]), unauthorized, "signature is not valid", 1},
		{"tampered signature", raw(parts[0] + "." + parts[1] + "." + encode(make([]byte, 256))), unauthorized, "signature is not valid", 1},
		{"an attacker's key under a known kid", of(person().signedBy(keys()[2])), unauthorized, "signature is not valid", 1},
		{"a key of 1024 bits", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) { a.keys = append(a.keys, publish("weak", weakKey())) })
			return bearer(person().head("kid", "weak").signedBy(weakKey()).token())
		}, unauthorized, "it has 1024 bits", 1},
		{"a key for encryption", func(s *scene) http.Header {
			key := publish("enc", keys()[1])
			key["use"] = "enc"
			s.authority.set(func(a *authorityStub) { a.keys = append(a.keys, key) })
			return bearer(person().head("kid", "enc").signedBy(keys()[1]).token())
		}, unauthorized, "not published for signatures", 1},
		{"a key for another algorithm", func(s *scene) http.Header {
			key := publish("ps", keys()[1])
			key["alg"] = "PS256"
			s.authority.set(func(a *authorityStub) { a.keys = append(a.keys, key) })
			return bearer(person().head("kid", "ps").signedBy(keys()[1]).token())
		}, unauthorized, "not one for RS256", 1},
		{"a shared secret among the keys", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) {
				a.keys = append(a.keys, map[string]interface{}{"kty": "oct", "kid": "oct", "k": encode([]byte("secret"))})
			})
			return bearer(person().head("kid", "oct").token())
		}, unauthorized, "not one for RS256", 1},
		{"a published key that points elsewhere", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) { a.keys[0]["x5u"] = "https://attacker.example/cert" })
			return bearer(good)
		}, "", "", 1},

		// Keys that come and go.
		{"rotation: the new key", func(s *scene) http.Header {
			accept(s, good)
			s.authority.set(func(a *authorityStub) { a.keys = append(a.keys, publish("key-2", keys()[1])) })
			return bearer(person().head("kid", "key-2").signedBy(keys()[1]).token())
		}, "", "", 2},
		{"rotation: the old key while it is published", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) { a.keys = append(a.keys, publish("key-2", keys()[1])) })
			accept(s, person().head("kid", "key-2").signedBy(keys()[1]).token())
			return bearer(good)
		}, "", "", 1},
		{"rotation: a token of a removed key, though remembered", func(s *scene) http.Header {
			accept(s, good)
			s.authority.set(func(a *authorityStub) { a.keys = []map[string]interface{}{publish("key-2", keys()[1])} })
			accept(s, person().head("kid", "key-2").signedBy(keys()[1]).token())
			return bearer(good)
		}, unauthorized, "does not publish (kid)", 3},
		{"rotation: another key under the same kid, though remembered", func(s *scene) http.Header {
			accept(s, good)
			s.authority.set(func(a *authorityStub) { a.keys = []map[string]interface{}{publish("key-1", keys()[1])} })
			if _, err := s.validator.Validate(context.Background(), person().head("kid", "key-9").token()); err == nil {
				s.t.Fatal("an unknown key was accepted")
			}
			return bearer(good)
		}, unauthorized, "signature is not valid", 2},
		{"keys down from the start", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) { a.down = true })
			return bearer(good)
		}, unavailable, "cannot be fetched", noFetch},
		{"keys down: a known key goes on, remembered", func(s *scene) http.Header {
			accept(s, good)
			s.authority.set(func(a *authorityStub) { a.down = true })
			return bearer(good)
		}, "", "", 1},
		{"keys down: a known key goes on, a new token after two days", func(s *scene) http.Header {
			accept(s, good)
			s.authority.set(func(a *authorityStub) { a.down = true })
			now := s.clock.Advance(48 * time.Hour)
			return bearer(person().claim("iat", now.Unix()).claim("nbf", now.Unix()).claim("exp", now.Add(time.Hour).Unix()).token())
		}, "", "", any},
		{"keys down: an unknown key", func(s *scene) http.Header {
			accept(s, good)
			s.authority.set(func(a *authorityStub) { a.down = true })
			return bearer(person().head("kid", "key-2").signedBy(keys()[1]).token())
		}, unavailable, "cannot be fetched", any},
		{"keys down does not excuse a token that is not for us", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) { a.down = true })
			return bearer(person().claim("aud", "https://graph.microsoft.com").token())
		}, unauthorized, "audience", noFetch},
		{"a configuration of another issuer", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) { a.config["issuer"] = authority + "/" + otherTenant + "/v2.0" })
			return bearer(good)
		}, unavailable, "cannot be fetched", noFetch},
		{"a configuration that points to another host", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) { a.config["jwks_uri"] = "https://attacker.example/discovery/v2.0/keys" })
			return bearer(good)
		}, unavailable, "cannot be fetched", noFetch},
		{"a configuration that points to plain http", func(s *scene) http.Header {
			s.authority.set(func(a *authorityStub) {
				a.config["jwks_uri"] = "http://login.microsoftonline.com/discovery/v2.0/keys"
			})
			return bearer(good)
		}, unavailable, "cannot be fetched", noFetch},

		// Who it is from and for.
		{"foreign issuer", of(person().claim("iss", "https://attacker.example/"+tenantID+"/v2.0")), unauthorized, "issuer (iss)", noFetch},
		{"issuer of a foreign tenant", of(person().claim("iss", authority+"/"+otherTenant+"/v2.0").claim("tid", otherTenant)), unauthorized, "issuer (iss)", noFetch},
		{"issuer with a tail", of(person().claim("iss", issuer2+"/")), unauthorized, "issuer (iss)", noFetch},
		{"issuer missing", of(person().without("iss")), unauthorized, "issuer (iss)", noFetch},
		{"v1 issuer in a v2 token", of(person().claim("iss", issuer1)), unauthorized, "issuer (iss)", noFetch},
		{"v2 issuer in a v1 token", of(person().v1().claim("iss", issuer2)), unauthorized, "issuer (iss)", noFetch},
		{"foreign tenant", of(person().claim("tid", otherTenant)), unauthorized, "another tenant (tid)", noFetch},
		{"tenant missing", of(person().without("tid")), unauthorized, "another tenant (tid)", noFetch},
		{"version missing", of(person().without("ver")), unauthorized, "version (ver)", noFetch},
		{"version 3", of(person().claim("ver", "3.0")), unauthorized, "version (ver)", noFetch},
		{"wrong audience", of(person().claim("aud", clientID)), unauthorized, "audience (aud)", noFetch},
		{"audience that begins like ours", of(person().claim("aud", apiID+".attacker.example")), unauthorized, "audience (aud)", noFetch},
		{"audience missing", of(person().without("aud")), unauthorized, "audience (aud)", noFetch},
		{"audience null", of(person().claim("aud", nil)), unauthorized, "audience (aud)", noFetch},
		{"a token for Microsoft Graph", of(person().claim("aud", "00000003-0000-0000-c000-000000000000")), unauthorized, "Microsoft Graph", noFetch},
		{"audience a list", of(person().claim("aud", []string{apiID})), unauthorized, "claim aud has the wrong type", noFetch},
		{"audience a nested object", of(person().claim("aud", map[string]string{"x": apiID})), unauthorized, "claim aud has the wrong type", noFetch},

		// When.
		{"expired", of(person().claim("exp", start.Add(-60*time.Second).Unix())), unauthorized, "expired (exp)", noFetch},
		{"expired while it is remembered", func(s *scene) http.Header {
			accept(s, good)
			s.clock.Advance(time.Hour + identity.Leeway)
			return bearer(good)
		}, unauthorized, "expired (exp)", any},
		{"not yet valid", of(person().claim("nbf", start.Add(61*time.Second).Unix())), unauthorized, "not valid yet (nbf)", noFetch},
		{"no expiry", of(person().without("exp")), unauthorized, "no expiry (exp)", noFetch},
		{"no start", of(person().without("nbf")), unauthorized, "no start (nbf)", noFetch},
		{"no time of issue", of(person().without("iat")), unauthorized, "time of issue (iat)", noFetch},
		{"issued in the future", of(person().claim("iat", start.Add(61*time.Second).Unix())), unauthorized, "in the future (iat)", noFetch},
		{"expires before it begins", of(person().claim("nbf", start.Add(30*time.Second).Unix()).claim("exp", start.Unix())), unauthorized, "before it begins", noFetch},
		{"expiry a string", of(person().claim("exp", "9999999999")), unauthorized, "claim exp has the wrong type", noFetch},
		{"expiry null", of(person().claim("exp", nil)), unauthorized, "no expiry (exp)", noFetch},
		{"expiry beyond every calendar", of(person().claim("exp", json.Number("9223372036854775807"))), unauthorized, "claim exp has the wrong type", noFetch},
		{"expiry infinite", of(person().claim("exp", json.Number("1e400"))), unauthorized, "claim exp has the wrong type", noFetch},
		{"expiry negative", of(person().claim("exp", -1)), unauthorized, "claim exp has the wrong type", noFetch},

		// Who it is.
		{"no object id", of(person().without("oid")), unauthorized, "object id (oid)", 1},
		{"object id that is no id", of(person().claim("oid", "../"+personID)), unauthorized, "object id (oid)", 1},
		{"no client application", of(person().without("azp")), unauthorized, "client application", 1},
		{"v1 client application in a v2 token", of(person().without("azp").claim("appid", clientID)), unauthorized, "client application", 1},
		{"an ID token", of(person().without("scp").without("azp").claim("roles", []string{"EntitlementManagement.ReadWrite.All"})), unauthorized, "ID token", 1},
		{"a person's token without scp, with app roles", of(person().without("scp").claim("roles", []string{"EntitlementManagement.ReadWrite.All"})), unauthorized, "neither a person's", 1},
		{"a person's token that says so, without scp", of(application().claim("idtyp", "user")), unauthorized, "neither a person's", 1},
		{"an application's token with scp", of(application().claim("scp", "EntitlementManagement.ReadWrite.All")), unauthorized, "neither a person's", 1},
		{"an unknown idtyp", of(application().claim("idtyp", "device")), unauthorized, "neither a person's", 1},
		{"roles that are no list", of(application().claim("roles", "EntitlementManagement.ReadWrite.All")), unauthorized, "claim roles has the wrong type", noFetch},
		{"roles that hold objects", of(application().claim("roles", []interface{}{map[string]string{"x": "y"}})), unauthorized, "claim roles has the wrong type", noFetch},
		{"wids that are no list", of(person().claim("wids", governance.RoleGlobalAdministrator)), unauthorized, "claim wids has the wrong type", noFetch},
		{"scp a list", of(person().claim("scp", []string{"EntitlementManagement.ReadWrite.All"})), unauthorized, "claim scp has the wrong type", noFetch},
		{"a claim that is no UTF-8", rawClaims(func(s string) string { return strings.Replace(s, "Adele", "Ad\xffle", 1) }), unauthorized, "claims are not valid", noFetch},
		{"a claim nobody reads that is no UTF-8", rawClaims(func(s string) string { return `{"x":"` + "\xc0\xaf" + `",` + s[1:] }), unauthorized, "claims are not valid", noFetch},
		{"a claim with half of a surrogate pair", rawClaims(func(s string) string { return strings.Replace(s, "Adele", `Ad\ud800le`, 1) }), unauthorized, "claims are not valid", noFetch},
		{"a claim with a NUL", rawClaims(func(s string) string { return strings.Replace(s, "Adele", `Ad\u0000le`, 1) }), unauthorized, "claims are not valid", noFetch},
		{"a claim's name that is no UTF-8", rawClaims(func(s string) string { return `{"oid` + "\xff" + `":"",` + s[1:] }), unauthorized, "claims are not valid", noFetch},
		{"a header that is no UTF-8", rawHeader(`{"typ":"JWT","alg":"RS256","kid":"key-1","x":"` + "\xff" + `"}`), unauthorized, "header is not valid", noFetch},
		{"a claim twice", rawClaims(func(s string) string { return `{"oid":"` + principalID + `",` + s[1:] }), unauthorized, "claims are not valid", noFetch},
		{"a claim twice, escaped", rawClaims(func(s string) string { return `{"\u006fid":"` + principalID + `",` + s[1:] }), unauthorized, "claims are not valid", noFetch},
		{"too many claims", rawClaims(func(s string) string {
			var b strings.Builder
			for i := range 200 {
				fmt.Fprintf(&b, `"x%d":0,`, i)
			}
			return "{" + b.String() + s[1:]
		}), unauthorized, "claims are not valid", noFetch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			header := test.header(s)
			token, err := identity.FromHeader(header)
			if err == nil {
				_, err = s.validator.Validate(context.Background(), token)
			}
			if test.fetches != any && s.authority.fetched() != test.fetches {
				t.Errorf("the key set was fetched %d times, want %d", s.authority.fetched(), test.fetches)
			}
			for _, asked := range s.authority.urls() {
				if !strings.HasPrefix(asked, authority+"/"+tenantID+"/") {
					t.Errorf("asked %s", asked)
				}
			}
			if test.code == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			var coded *governance.Error
			if !errors.As(err, &coded) {
				t.Fatalf("got %v, want a %s", err, test.code)
			}
			if coded.Code != test.code || !strings.Contains(coded.Message, test.message) {
				t.Errorf("got %s %q, want %s with %q", coded.Code, coded.Message, test.code, test.message)
			}
			for _, part := range strings.FieldsFunc(token, func(c rune) bool { return c == '.' || c == ' ' || c == ',' }) {
				if len(part) > 8 && strings.Contains(err.Error(), part) {
					t.Error("the error repeats a part of the token")
				}
			}
		})
	}
}
