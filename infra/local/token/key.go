package token

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // a name, not a protection: Entra's key ids are SHA-1 thumbprints
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"sync"
)

// maxKeys bounds the published keys: a test may rotate as often as it likes.
const maxKeys = 4

// keyring holds the key that signs, which is the last, and the older ones that still verify. Its zero value makes the first key when it is needed.
type keyring struct {
	mu   sync.Mutex
	keys []*signingKey
}

type signingKey struct {
	id      string
	private *rsa.PrivateKey
}

func newSigningKey() (*signingKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("token: key: %w", err)
	}
	thumbprint := sha1.Sum(x509.MarshalPKCS1PublicKey(&private.PublicKey)) //nolint:gosec // see the import
	return &signingKey{id: base64.RawURLEncoding.EncodeToString(thumbprint[:]), private: private}, nil
}

// current is the key that signs. Whoever comes while the first is being made waits for it.
func (k *keyring) current() (*signingKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		first, err := newSigningKey()
		if err != nil {
			return nil, err
		}
		k.keys = append(k.keys, first)
	}
	return k.keys[len(k.keys)-1], nil
}

// find is the public key of an id.
func (k *keyring) find(id string) (*rsa.PublicKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, key := range k.keys {
		if key.id == id {
			return &key.private.PublicKey, true
		}
	}
	return nil, false
}

func (k *keyring) rotate() error {
	if _, err := k.current(); err != nil { // the old one must have been there
		return err
	}
	next, err := newSigningKey()
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys = append(k.keys, next)
	if len(k.keys) > maxKeys {
		k.keys = k.keys[len(k.keys)-maxKeys:]
	}
	return nil
}

func (k *keyring) retire() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) > 1 {
		k.keys = k.keys[len(k.keys)-1:]
	}
}

// publishedKey is a key as Entra publishes it.
type publishedKey struct {
	Type string `json:"kty"`
	Use  string `json:"use"`
	ID   string `json:"kid"`
	X5T  string `json:"x5t"`
	N    string `json:"n"`
	E    string `json:"e"`
}

func (k *keyring) published() ([]publishedKey, error) {
	if _, err := k.current(); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]publishedKey, 0, len(k.keys))
	for _, key := range k.keys {
		list = append(list, publishedKey{
			Type: "RSA", Use: "sig", ID: key.id, X5T: key.id,
			N: base64.RawURLEncoding.EncodeToString(key.private.N.Bytes()),
			E: base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.private.E)).Bytes()),
		})
	}
	return list, nil
}
