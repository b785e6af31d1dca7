package servicebus

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/infra/local/servicebus/amqp"
)

// maxClaims bounds the claims of one connection.
const maxClaims = 1024

// sharedAccess is the prefix of a token that was signed with a shared access key.
const sharedAccess = "SharedAccessSignature "

// mayUse says whether the connection has a claim for an address. $cbs is for everybody: it is where claims come from.
func (c *connection) mayUse(n node) *amqp.Error {
	if n.claims || len(c.server.options.Keys) == 0 {
		return nil
	}
	for _, claim := range c.claims {
		if claim == "" || n.path == claim {
			return nil
		}
	}
	return &amqp.Error{Condition: condUnauthorized, Description: "Unauthorized access. 'Send' or 'Listen' claims are required to perform this operation."}
}

// putToken takes a claim if its token is good, and says whether it is.
func (c *connection) putToken(audience, token string) bool {
	path, ok := pathOf(audience)
	if !ok {
		return false
	}
	if keys := c.server.options.Keys; len(keys) > 0 {
		scope, ok := verify(token, keys, time.Now()) // the machine's time, as the peer's: the broker's may have been moved
		if !ok || scope != "" && scope != path && !strings.HasPrefix(path, scope+"/") {
			return false
		}
	}
	path = strings.TrimSuffix(path, "/$management")
	path = strings.TrimSuffix(path, "/$deadletterqueue")
	if !slices.Contains(c.claims, path) {
		if len(c.claims) >= maxClaims {
			return false
		}
		c.claims = append(c.claims, path)
	}
	return true
}

// pathOf is the path of an audience such as amqp://host/queue, in lower case.
func pathOf(audience string) (string, bool) {
	u, err := url.Parse(audience)
	if err != nil {
		return "", false
	}
	return strings.ToLower(strings.Trim(u.Path, "/")), true
}

// verify checks a shared access signature: the path that it is for, and whether it is good.
func verify(token string, keys map[string]string, now time.Time) (string, bool) {
	query, ok := strings.CutPrefix(token, sharedAccess)
	if !ok {
		return "", false
	}
	var resource, signature, expiry, name string
	for _, part := range strings.Split(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "sr":
			resource = value // as it was signed: still escaped
		case "sig":
			signature = value
		case "se":
			expiry = value
		case "skn":
			name = value
		}
	}
	key, known := keys[name]
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(resource + "\n" + expiry))
	given, err := url.QueryUnescape(signature)
	if err != nil || !known || !hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(given)) {
		return "", false
	}
	seconds, err := strconv.ParseInt(expiry, 10, 64)
	if err != nil || now.Unix() >= seconds {
		return "", false
	}
	plain, err := url.QueryUnescape(resource)
	if err != nil {
		return "", false
	}
	return pathOf(plain)
}
