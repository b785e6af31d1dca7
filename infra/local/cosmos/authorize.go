package cosmos

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
)

// maxAuthorizationBytes bounds the header: a token with many claims has a few kilobytes.
const maxAuthorizationBytes = 32 << 10

func unauthorized() error {
	return failure{
		http.StatusUnauthorized, 0, "Unauthorized",
		"The input authorization token can't serve the request. Please check that the expected payload is built as per the protocol, and check the key being used.",
	}
}

// authorize checks who calls: the holder of the account key, who has signed this very request, or the bearer of an access token.
func (c *call) authorize() error {
	text := c.r.Header.Get("Authorization")
	if text == "" || len(text) > maxAuthorizationBytes {
		return unauthorized()
	}
	if strings.Contains(text, "%") {
		decoded, err := url.QueryUnescape(text)
		if err != nil {
			return unauthorized()
		}
		text = decoded
	}
	var kind, version, signature string
	for text != "" {
		var part string
		part, text, _ = strings.Cut(text, "&")
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "type":
			kind = value
		case "ver":
			version = value
		case "sig":
			signature = value
		}
	}
	if version != "1.0" {
		return unauthorized()
	}
	switch kind {
	case "master":
		given, err := base64.StdEncoding.DecodeString(signature)
		if err != nil || !hmac.Equal(given, c.signature()) {
			return unauthorized()
		}
		return nil
	case "aad":
		if c.options.ValidateToken == nil || c.options.ValidateToken(signature) != nil {
			return unauthorized()
		}
		return nil
	}
	return unauthorized()
}

// signature is what the key makes of this request.
func (c *call) signature() []byte {
	kind, link := "", ""
	if n := len(c.segments); n%2 == 1 {
		kind, link = c.segments[n-1], strings.Join(c.segments[:n-1], "/")
	} else if n > 0 {
		kind, link = c.segments[n-2], strings.Join(c.segments, "/")
	}
	date := c.r.Header.Get("X-Ms-Date")
	if date == "" {
		date = c.r.Header.Get("Date")
	}
	text := strings.ToLower(c.r.Method) + "\n" + strings.ToLower(kind) + "\n" + link + "\n" + strings.ToLower(date) + "\n\n"
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
