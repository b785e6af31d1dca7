package platform

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// SecretUse is the one thing that a secret is for.
type SecretUse string

// The uses.
const (
	SecretAuthorization SecretUse = "authorization" // the whole Authorization header for a service
	SecretAnswerKey     SecretUse = "answerKey"     // the keys are made with it that answers prove themselves with
	SecretSignature     SecretUse = "signature"     // what is sent is signed with it
	SecretAddress       SecretUse = "address"       // it is the address that is called, itself
)

// secretUses lists them.
var secretUses = []SecretUse{SecretAuthorization, SecretAnswerKey, SecretSignature, SecretAddress}

// The errors of a secret that is named. Whoever names secrets need not be who may know them, so one serves nothing but what it is bound to.
var (
	ErrNoSecret    = errors.New("no such secret")
	ErrOtherSecret = errors.New("the secret is not for this")
)

// Secrets are secrets by name, each bound to a use and to hosts where it is set. They are never printed.
type Secrets struct{ byName map[string]boundSecret }

// boundSecret is a secret with what it is for.
type boundSecret struct {
	Use       SecretUse `json:"use"`
	Hosts     []string  `json:"hosts"`     // that it may go to, or whose calls it serves; host or host:port, 443 if there is none. Of an address none: it has its own
	Value     string    `json:"value"`     //
	AlsoValid string    `json:"alsoValid"` // while it is rotated: the other value, that answers are taken with, or calls are signed with, too
}

// For is the secret of a name, for a use in calls of an address; a SecretAddress is not for another address, so that is empty. Errors: ErrNoSecret, and ErrOtherSecret in words that hold nothing of the
// secret.
func (s Secrets) For(name string, use SecretUse, address string) (string, error) {
	secret, ok := s.byName[name]
	switch {
	case !ok:
		return "", fmt.Errorf("%w: %s is not set", ErrNoSecret, name)
	case secret.Use != use:
		return "", fmt.Errorf("%w: %s is for %s, not for %s", ErrOtherSecret, name, secret.Use, use)
	case use == SecretAddress:
		return secret.Value, nil
	}
	at, err := url.Parse(address)
	if err != nil || !slices.Contains(secret.Hosts, HostOf(at)) {
		return "", fmt.Errorf("%w: %s does not belong to the host of this address", ErrOtherSecret, name)
	}
	return secret.Value, nil
}

// Also is the other value of a secret while it is rotated; empty: it has none. Ask For first, which says whether it is for this.
func (s Secrets) Also(name string) string { return s.byName[name].AlsoValid }

// Which is the name of the secret for a use that has a value like that, of the two that it may have; empty: there is none. It looks at all of them, whichever it is.
func (s Secrets) Which(use SecretUse, like func(value string) bool) (name string) {
	for _, one := range slices.Sorted(maps.Keys(s.byName)) {
		for _, value := range []string{s.byName[one].Value, s.byName[one].AlsoValid} {
			if s.byName[one].Use == use && value != "" && like(value) {
				name = one
			}
		}
	}
	return name
}

// String hides them.
func (s Secrets) String() string { return "[secret]" }

// GoString hides them.
func (s Secrets) GoString() string { return "[secret]" }

const (
	// minSecret is the least length of a secret: a shorter one can be guessed.
	minSecret = 16
	// reference begins a reference to Key Vault. The platform puts the secret in its place before the process starts, and leaves the reference there when it cannot.
	reference = "@Microsoft.KeyVault("
	// bound is the form of a secret.
	bound = `{"name":{"use":"authorization","hosts":["desk.contoso.com"],"value":"…"}}`
)

var secretName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{0,59}$`)

// IsSecretName says whether a text can be the name of a secret.
func IsSecretName(text string) bool { return secretName.MatchString(text) }

// ReadSecrets reads the JSON of secrets. Errors: what is wrong, with the name of a secret and nothing of its value.
func ReadSecrets(text string) (Secrets, error) {
	if strings.HasPrefix(text, reference) {
		return Secrets{}, errors.New("must be what its reference to Key Vault leads to, and the reference did not resolve: give the app's " +
			"identity the role Key Vault Secrets User on the secret, see that the secret is there and the vault within reach, and restart the app")
	}
	var given map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &given) != nil || len(given) == 0 {
		return Secrets{}, errors.New("must be JSON of the form " + bound)
	}
	secrets := Secrets{map[string]boundSecret{}}
	values := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if body := bytes.TrimSpace(given[name]); len(body) == 0 || body[0] != '{' { // the form of before, in which anything might have been swapped: nothing of it is repeated
			return Secrets{}, errors.New("must say of each secret what it is for and which hosts it belongs to: " + bound + "; a name with nothing but a value is not taken any more")
		}
		if !IsSecretName(name) {
			return Secrets{}, errors.New("must name secrets with letters, digits and _, a letter first, 60 at most")
		}
		decoder := json.NewDecoder(bytes.NewReader(given[name]))
		decoder.DisallowUnknownFields()
		var secret boundSecret
		if decoder.Decode(&secret) != nil {
			return Secrets{}, fmt.Errorf("must be of the form %s; %s has another", bound, name)
		}
		if err := secret.check(); err != nil {
			return Secrets{}, fmt.Errorf("must be of the form %s; %s %w", bound, name, err)
		}
		for _, value := range []string{secret.Value, secret.AlsoValid} {
			if value != "" && values[value] {
				return Secrets{}, fmt.Errorf("must give each secret a value of its own: %s has that of another, or twice the same", name)
			}
			values[value] = true
		}
		secrets.byName[name] = secret
	}
	return secrets, nil
}

// check says what is wrong with a secret, and puts its hosts into the form that they are compared in.
func (b *boundSecret) check() error {
	address, isURL := url.Parse(b.Value)
	switch {
	case !slices.Contains(secretUses, b.Use):
		return fmt.Errorf("needs a use: one of %s, %s, %s and %s", SecretAuthorization, SecretAnswerKey, SecretSignature, SecretAddress)
	case len(b.Value) < minSecret || b.AlsoValid != "" && len(b.AlsoValid) < minSecret:
		return fmt.Errorf("needs a value of at least %d characters", minSecret)
	case strings.ContainsFunc(b.Value+b.AlsoValid, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return errors.New("has a value with a line break or another control character")
	case b.AlsoValid != "" && b.Use != SecretAnswerKey && b.Use != SecretSignature:
		return fmt.Errorf("has alsoValid, which is for %s and %s alone: what is sent is sent with one value", SecretAnswerKey, SecretSignature)
	case b.Use == SecretAddress && (isURL != nil || address.Host == "" || len(b.Hosts) > 0):
		return errors.New("is an address, so its value must be one, and it has no hosts beside its own")
	case b.Use != SecretAddress && len(b.Hosts) == 0:
		return errors.New("needs hosts: those that it belongs to")
	}
	for i, host := range b.Hosts {
		at, err := hostPort(host, "443")
		if err != nil {
			return errors.New("needs hosts such as desk.contoso.com or desk.contoso.local:8443, without scheme or path")
		}
		b.Hosts[i] = at
	}
	return nil
}

// guids reads a list of GUIDs.
func guids(text string) ([]string, error) {
	list, err := items(strings.ToLower(text))
	for _, id := range list {
		err = cmp.Or(err, isGUID(id))
	}
	return list, err
}
