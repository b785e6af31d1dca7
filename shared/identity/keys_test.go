package identity_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/identity"
)

func TestStartNeedsNoNetwork(t *testing.T) {
	s := newScene(t)
	if asked := len(s.authority.urls()); asked != 0 {
		t.Errorf("New made %d requests", asked)
	}
}

func TestConcurrentFirstUsesShareOneFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		gate := make(chan struct{})
		s.authority.set(func(a *authorityStub) { a.gate = gate })
		var all sync.WaitGroup
		for i := range 50 {
			token := person().claim("uti", fmt.Sprint(i)).token()
			all.Go(func() {
				if _, err := s.validator.Validate(t.Context(), token); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all of them wait for the authority
		close(gate)
		all.Wait()
		if got := s.authority.fetched(); got != 1 {
			t.Errorf("the key set was fetched %d times, want once", got)
		}
	})
}

func TestAnAuthorityThatHangsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.authority.set(func(a *authorityStub) { a.hang = true })
		began := time.Now()
		_, err := s.validator.Validate(t.Context(), person().token())
		if governance.CodeOf(err) != governance.CodeUnavailable {
			t.Errorf("got %v, want unavailable", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("gave up after %v, want 5s", took)
		}

		// Whoever leaves earlier does not take the fetch along.
		s.authority.set(func(a *authorityStub) { a.hang = false })
		s.clock.Advance(time.Minute)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = s.validator.Validate(gone, person().token())
		if err != nil && governance.CodeOf(err) != governance.CodeUnavailable {
			t.Errorf("got %v for a caller that is gone", err)
		}
		synctest.Wait()
		if _, err := s.validator.Validate(t.Context(), person().token()); err != nil {
			t.Error(err)
		}
		if got := s.authority.fetched(); got != 1 {
			t.Errorf("the key set was fetched %d times, want once", got)
		}
	})
}

// While the authority fails, it is asked again after pauses that double to half a minute, however many tokens arrive.
func TestFailedFetchesBackOff(t *testing.T) {
	s := newScene(t)
	s.authority.set(func(a *authorityStub) { a.down = true })
	asked := func() int {
		before := len(s.authority.urls())
		for range 3 {
			if _, err := s.validator.Validate(t.Context(), person().token()); governance.CodeOf(err) != governance.CodeUnavailable {
				t.Fatalf("got %v, want unavailable", err)
			}
		}
		return len(s.authority.urls()) - before
	}
	if got := asked(); got != 1 {
		t.Fatalf("%d requests at once, want 1", got)
	}
	for _, pause := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		s.clock.Advance(pause*time.Second - 1)
		if got := asked(); got != 0 {
			t.Fatalf("%d requests before a pause of %d s was over", got, pause)
		}
		s.clock.Advance(1)
		if got := asked(); got != 1 {
			t.Fatalf("%d requests after a pause of %d s, want 1", got, pause)
		}
	}
	s.authority.set(func(a *authorityStub) { a.down = false })
	now := s.clock.Advance(30 * time.Second)
	if _, err := s.validator.Validate(t.Context(), person().claim("exp", now.Add(time.Hour).Unix()).token()); err != nil {
		t.Errorf("after the authority is back: %v", err)
	}
}

// Anyone can invent key ids; that must not become a load on the authority, and must end when the ids become real.
func TestUnknownKeysAreFetchedSeldom(t *testing.T) {
	s := newScene(t)
	if _, err := s.validator.Validate(t.Context(), person().token()); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		_, err := s.validator.Validate(t.Context(), person().head("kid", fmt.Sprintf("key-%d", 100+i)).token())
		if governance.CodeOf(err) != governance.CodeUnauthorized {
			t.Fatalf("got %v, want unauthorized", err)
		}
	}
	if got := s.authority.fetched(); got != 3 {
		t.Errorf("the key set was fetched %d times, want once and a burst of 2", got)
	}
	s.authority.set(func(a *authorityStub) { a.keys = append(a.keys, publish("key-2", keys()[1])) })
	rotated := person().head("kid", "key-2").signedBy(keys()[1]).token()
	if _, err := s.validator.Validate(t.Context(), rotated); governance.CodeOf(err) != governance.CodeUnauthorized {
		t.Fatalf("got %v, want unauthorized while the limit holds", err)
	}
	s.clock.Advance(30 * time.Second)
	if _, err := s.validator.Validate(t.Context(), rotated); err != nil {
		t.Errorf("a new key, 30 s later: %v", err)
	}
}

// Keys are renewed even if every token is remembered and every key known, so that a removed key ends.
func TestKeysAreRenewed(t *testing.T) {
	tests := []struct {
		name   string
		passes time.Duration
		first  governance.Code // of the first validation afterwards
	}{
		{"an hour: beside the requests", time.Hour, ""},
		{"a day: before the request", 24 * time.Hour, governance.CodeUnauthorized},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newScene(t)
				token := person().claim("exp", start.Add(48*time.Hour).Unix()).token()
				if _, err := s.validator.Validate(t.Context(), token); err != nil {
					t.Fatal(err)
				}
				s.clock.Advance(test.passes - 1)
				s.authority.set(func(a *authorityStub) { a.keys = []map[string]any{publish("key-2", keys()[1])} })
				if test.passes == time.Hour {
					if _, err := s.validator.Validate(t.Context(), token); err != nil || s.authority.fetched() != 1 {
						t.Fatalf("before the hour: %v, %d fetches", err, s.authority.fetched())
					}
				}
				s.clock.Advance(1)
				_, err := s.validator.Validate(t.Context(), token)
				if test.first == "" && err != nil || test.first != "" && governance.CodeOf(err) != test.first {
					t.Errorf("the first afterwards: got %v, want %q", err, test.first)
				}
				synctest.Wait()
				if _, err := s.validator.Validate(t.Context(), token); governance.CodeOf(err) != governance.CodeUnauthorized {
					t.Errorf("the next: got %v, want unauthorized", err)
				}
			})
		})
	}
}

// Whatever the authority answers that is no key set is an outage, not an empty set of keys.
func TestAnswersThatAreNoKeySet(t *testing.T) {
	many := make([]map[string]any, 101)
	for i := range many {
		many[i] = publish(fmt.Sprintf("key-%d", i+1), keys()[0])
	}
	tests := []struct {
		name   string
		status int
		raw    []byte
	}{
		{"an error", http.StatusInternalServerError, nil},
		{"no content", http.StatusNoContent, nil},
		{"a page", 0, []byte("<html>Sign in to the network</html>")},
		{"no keys", 0, []byte(`{"keys":[]}`)},
		{"another object", 0, []byte(`{"error":"x"}`)},
		{"keys without ids", 0, []byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`)},
		{"only keys that are not accepted", 0, marshal(map[string]any{"keys": []any{publish("key-1", weakKey())}})},
		{"more keys than anybody has", 0, marshal(map[string]any{"keys": many})},
		{"more than a megabyte", 0, append(marshal(map[string]any{"keys": many[:1]}), bytes.Repeat([]byte(" "), 1<<20)...)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(t)
			s.authority.set(func(a *authorityStub) { a.status, a.raw = test.status, test.raw })
			if _, err := s.validator.Validate(t.Context(), person().token()); governance.CodeOf(err) != governance.CodeUnavailable {
				t.Fatalf("got %v, want unavailable", err)
			}
			s.authority.set(func(a *authorityStub) { a.status, a.raw = 0, nil })
			s.clock.Advance(time.Second)
			if _, err := s.validator.Validate(t.Context(), person().token()); err != nil {
				t.Fatalf("when it answers well again: %v", err)
			}
			s.authority.set(func(a *authorityStub) { a.status, a.raw = test.status, test.raw })
			if _, err := s.validator.Validate(t.Context(), person().head("kid", "key-9").token()); governance.CodeOf(err) != governance.CodeUnavailable {
				t.Errorf("an unknown key: got %v, want unavailable", err)
			}
			if _, err := s.validator.Validate(t.Context(), person().claim("uti", "another").token()); err != nil {
				t.Errorf("a known key: %v", err)
			}
		})
	}
}

// Entra publishes its keys with their certificates.
func TestKeysWithCertificates(t *testing.T) {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: start, NotAfter: start.Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, keys()[1].Public(), keys()[1])
	if err != nil {
		t.Fatal(err)
	}
	thumbprint := sha1.Sum(certificate)
	certified := publish("certified", keys()[1])
	certified["x5c"] = []string{base64.StdEncoding.EncodeToString(certificate)}
	certified["x5t"] = base64.RawURLEncoding.EncodeToString(thumbprint[:])
	other := publish("mismatched", keys()[0]) // the certificate is of another key
	other["x5c"], other["x5t"] = certified["x5c"], certified["x5t"]

	s := newScene(t)
	s.authority.set(func(a *authorityStub) { a.keys = append(a.keys, certified, other) })
	if _, err := s.validator.Validate(t.Context(), person().head("kid", "certified").signedBy(keys()[1]).token()); err != nil {
		t.Error(err)
	}
	if _, err := s.validator.Validate(t.Context(), person().head("kid", "mismatched").token()); governance.CodeOf(err) != governance.CodeUnauthorized {
		t.Errorf("a key that does not fit its certificate: got %v", err)
	}
	if _, err := s.validator.Validate(t.Context(), person().token()); err != nil {
		t.Errorf("a good key beside it: %v", err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var asked []string
	validator, err := identity.New(t.Context(), identity.Options{
		TenantID: tenantID, Audiences: []string{apiID},
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.String())
			return &http.Response{StatusCode: http.StatusFound, Status: "302 Found", Header: http.Header{"Location": {"https://attacker.example/"}}, Body: http.NoBody, Request: r}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token := person().claim("iat", now.Unix()).claim("nbf", now.Unix()).claim("exp", now.Add(time.Hour).Unix()).token()
	if _, err := validator.Validate(t.Context(), token); governance.CodeOf(err) != governance.CodeUnavailable {
		t.Errorf("got %v, want unavailable", err)
	}
	if len(asked) != 1 {
		t.Errorf("asked %v", asked)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
