package platform

import (
	"cmp"
	"encoding/json"
	"errors"
	"strings"
)

// Secrets are secrets by name. They are never printed.
type Secrets struct{ byName map[string]string }

// Get is a secret; empty: there is none of this name.
func (s Secrets) Get(name string) string { return s.byName[name] }

// String hides them.
func (s Secrets) String() string { return "[secret]" }

// GoString hides them.
func (s Secrets) GoString() string { return "[secret]" }

// minSecret is the least length of a secret: a shorter one can be guessed.
const minSecret = 16

// reference begins a reference to Key Vault. The platform puts the secret in its place before the process starts, and leaves the reference there when it cannot.
const reference = "@Microsoft.KeyVault("

func secrets(text string) (Secrets, error) {
	if strings.HasPrefix(text, reference) {
		return Secrets{}, errors.New("must be what its reference to Key Vault leads to, and the reference did not resolve: give the app's " +
			"identity the role Key Vault Secrets User on the secret, see that the secret is there and the vault within reach, and restart the app")
	}
	var byName map[string]string
	if json.Unmarshal([]byte(text), &byName) != nil || len(byName) == 0 {
		return Secrets{}, errors.New(`must be JSON of the form {"name":"value"}`)
	}
	for _, value := range byName {
		if len(value) < minSecret {
			return Secrets{}, errors.New("must hold secrets of at least 16 characters each")
		}
	}
	return Secrets{byName}, nil
}

// guids reads a list of application ids.
func guids(text string) ([]string, error) {
	list, err := items(strings.ToLower(text))
	for _, id := range list {
		err = cmp.Or(err, isGUID(id))
	}
	return list, err
}
