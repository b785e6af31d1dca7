package identity

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"latchkey/shared/governance"
)

const algorithm = "RS256"

// maxKidBytes is far above Entra's key ids, which have 27 characters.
const maxKidBytes = 128

// ErrNoToken is the cause of refusing who sends no token at all: nothing is wrong with one then.
var ErrNoToken = errors.New("identity: there is no access token")

// FromHeader takes the bearer token out of an HTTP header. Errors: CodeUnauthorized if there is no Authorization header, more than one, or
// one that is not a single bearer token. How long it may be, Validate says.
func FromHeader(header http.Header) (string, error) {
	var values []string
	for name, of := range header { // by hand: a header that the Functions host wrote into JSON need not be in canonical case
		if strings.EqualFold(name, "Authorization") {
			values = append(values, of...)
		}
	}
	switch {
	case len(values) == 0:
		return "", refuse(ErrNoToken, "The Authorization header is missing. Send an access token as: Authorization: Bearer <token>.")
	case len(values) > 1:
		return "", refuse(nil, "There is more than one Authorization header.")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") { // schemes have no case: RFC 9110, section 11.1
		return "", refuse(ErrNoToken, "The Authorization header is not of the Bearer scheme.")
	}
	if token == "" || strings.IndexFunc(token, func(c rune) bool { return c != '.' && !isBase64URL(c) }) >= 0 {
		return "", refuse(nil, "The Authorization header does not hold exactly one access token.") // two that a proxy joined have a comma
	}
	return token, nil
}

// What is signed: an access token, or a request around one. Each says what messages call it.
type signed struct{ typ, name string }

var (
	accessToken = signed{"JWT", "access token"}
	possession  = signed{"pop", "proof of possession"}
)

// checkHeader refuses everything signed whose header is not one that Entra, or a client of it, writes for an API of one's own, before
// anything else looks at it.
func (s signed) checkHeader(token string) error {
	encoded, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return refuse(err, "The %s is not a well-formed JSON Web Token.", s.name)
	}
	var alg, typ, kid string
	err = eachMember(data, func(name string, value *json.Decoder) error {
		switch name {
		case "alg":
			return value.Decode(&alg)
		case "typ":
			return value.Decode(&typ)
		case "kid":
			return value.Decode(&kid)
		case "jwk", "jku", "x5u", "x5c":
			return refuse(nil, "The %s's header brings its own key (%s). Keys come from the tenant only, or are those that a token is bound to.", s.name, name)
		case "crit", "b64", "zip", "enc":
			return refuse(nil, "The %s's header asks for an extension (%s) that is not supported.", s.name, name)
		case "nonce":
			return refuse(nil, "The access token is one for Microsoft's own APIs (its header has a nonce). Ask for a token for this API.")
		default:
			return skip(value)
		}
	})
	if err := orRefuse("The "+s.name+"'s header is not valid.", err); err != nil {
		return err
	}
	switch {
	case alg != algorithm:
		return refuse(nil, "The %s is not signed with %s.", s.name, algorithm)
	case !strings.EqualFold(typ, s.typ):
		return refuse(nil, "The %s's type (typ) is not %s.", s.name, s.typ)
	case s == possession: // its key is among its claims
	case kid == "":
		return refuse(nil, "The access token does not say which key signed it (kid).")
	case len(kid) > maxKidBytes || strings.IndexFunc(kid, func(c rune) bool { return !isBase64URL(c) }) >= 0:
		return refuse(nil, "The access token's key id (kid) is not one that Microsoft Entra makes.")
	}
	return nil
}

func isBase64URL(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

var errObject = errors.New("not a JSON object in UTF-8 without duplicates")

// maxMembers bounds the members of a header or a claims object; Entra writes about thirty.
const maxMembers = 200

// eachMember visits the members of a JSON object with their exact names. Unlike encoding/json it refuses a name that comes twice, and what
// is no text, and takes no other case for the same name: two parsers must not read two meanings into one token.
func eachMember(data []byte, visit func(name string, value *json.Decoder) error) error {
	if !json.Valid(data) || governance.BrokenText(data) != nil {
		return errObject
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	if first, _ := decoder.Token(); first != json.Delim('{') { // no token of what is valid is an error
		return errObject
	}
	seen := make(map[string]struct{}, 32)
	for decoder.More() {
		token, _ := decoder.Token()
		name, _ := token.(string)
		if _, twice := seen[name]; twice || len(seen) == maxMembers {
			return errObject
		}
		seen[name] = struct{}{}
		if err := visit(name, decoder); err != nil {
			return err
		}
	}
	return nil
}

// exactly reads members of a JSON object into what known has for their names, and no others. Errors: an explanation naming the member of what that has
// the wrong type.
func exactly(data []byte, what string, known map[string]any) error {
	return eachMember(data, func(name string, value *json.Decoder) error {
		into, ok := known[name]
		if !ok {
			return skip(value)
		}
		if err := value.Decode(into); err != nil {
			return orRefuse("The "+what+"'s claim "+name+" has the wrong type.", err)
		}
		return nil
	})
}

func skip(value *json.Decoder) error {
	var ignored json.RawMessage
	return value.Decode(&ignored)
}
