package identity

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/MicahParks/jwkset"
)

const (
	maxDocumentBytes = 1 << 20 // Entra's key set has about 20 KB
	maxKeys          = 100
	minKeyBits       = 2048
	maxKeyBits       = 8192 // what a verification may cost
)

// publisher fetches what the authority publishes: its OpenID configuration, and the keys that this points to.
type publisher struct {
	client        *http.Client
	configuration string // the URL of the OpenID configuration
	issuer        string // what that must say
	authority     *url.URL
	jwksURL       string // set: the configuration is not read
	allowLoopback bool
}

// fetch reads the published keys. A key that cannot be used is left out, so that it does not take the others with it.
func (p *publisher) fetch(ctx context.Context) (*keySet, error) {
	location := p.jwksURL
	if location == "" {
		var err error
		if location, err = p.discover(ctx); err != nil {
			return nil, err
		}
	}
	var published jwkset.JWKSMarshal
	if err := p.get(ctx, location, &published); err != nil {
		return nil, err
	}
	if len(published.Keys) > maxKeys {
		return nil, fmt.Errorf("identity: %s publishes %d keys", location, len(published.Keys))
	}
	set := &keySet{keys: make(map[string]jwkset.JWK, len(published.Keys)), refused: map[string]string{}}
	for _, marshalled := range published.Keys {
		if marshalled.KID == "" {
			continue // no token can name it
		}
		if key, why := usable(marshalled); why != "" {
			set.refused[marshalled.KID] = why
		} else {
			set.keys[marshalled.KID] = key
		}
	}
	if len(set.keys) == 0 {
		return nil, fmt.Errorf("identity: %s publishes no key that can be used", location)
	}
	return set, nil
}

// usable makes a key of its published form, or says why it is not accepted.
func usable(published jwkset.JWKMarshal) (jwkset.JWK, string) {
	switch {
	case published.KTY != jwkset.KtyRSA || published.ALG != "" && published.ALG != jwkset.AlgRS256:
		return jwkset.JWK{}, "it is not one for " + algorithm
	case published.USE != "" && published.USE != jwkset.UseSig:
		return jwkset.JWK{}, "it is not published for signatures"
	}
	key, err := jwkset.NewJWKFromMarshal(published, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return jwkset.JWK{}, "it is malformed"
	}
	public, ok := key.Key().(*rsa.PublicKey)
	if !ok {
		return jwkset.JWK{}, "it is not a public key"
	}
	if bits := public.N.BitLen(); bits < minKeyBits || bits > maxKeyBits {
		return jwkset.JWK{}, fmt.Sprintf("it has %d bits", bits)
	}
	return key, ""
}

// discover asks the OpenID configuration where the keys are. It must be the configured issuer's, and the keys must be on the same host.
func (p *publisher) discover(ctx context.Context) (string, error) {
	var document struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := p.get(ctx, p.configuration, &document); err != nil {
		return "", err
	}
	if document.Issuer != p.issuer {
		return "", fmt.Errorf("identity: the OpenID configuration is of %q instead of %q", document.Issuer, p.issuer)
	}
	keys, err := endpoint(document.JWKSURI, p.allowLoopback)
	if err != nil {
		return "", fmt.Errorf("identity: jwks_uri %w", err)
	}
	if keys.Scheme != p.authority.Scheme || keys.Host != p.authority.Host {
		return "", fmt.Errorf("identity: jwks_uri is on %s instead of %s", keys.Host, p.authority.Host)
	}
	return document.JWKSURI, nil
}

func (p *publisher) get(ctx context.Context, location string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, location, nil)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	response, err := p.client.Do(request)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("identity: GET %s: %s", location, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocumentBytes+1))
	if err == nil && len(body) > maxDocumentBytes {
		err = fmt.Errorf("more than %d bytes", maxDocumentBytes)
	}
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		return fmt.Errorf("identity: GET %s: %w", location, err)
	}
	return nil
}

// endpoint is a URL from which keys may be fetched: https, or http on this machine where that is allowed.
func endpoint(text string, allowLoopback bool) (*url.URL, error) {
	parsed, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case parsed.Host == "" || parsed.User != nil || parsed.Fragment != "":
		return nil, errors.New("must be a URL with a host, and without credentials or fragment")
	case parsed.Scheme == "https" || parsed.Scheme == "http" && allowLoopback && isLoopback(parsed.Hostname()):
		return parsed, nil
	}
	return nil, errors.New("must be an https URL")
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
