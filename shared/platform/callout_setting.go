package platform

import (
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

func secrets(text string) (Secrets, error) {
	var byName map[string]string
	if json.Unmarshal([]byte(text), &byName) != nil || len(byName) == 0 {
		return Secrets{}, errors.New(`must be JSON of the form {"name":"value"}; a Key Vault reference that could not be read looks different, too`)
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
	list, err := items(text)
	for i := range list {
		list[i] = strings.ToLower(list[i])
		if err == nil {
			err = isGUID(list[i])
		}
	}
	return list, err
}
