package host

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// What becomes of a path on its way through the real host: Kestrel decodes it, all but %2F, and YARP encodes what it is given, the percent sign of that %2F too. A handler
// that decodes once sees a%20b as the client meant it, and a%2Fb as the text "a%2Fb".

// kestrelPath is the path as Kestrel tells it.
func kestrelPath(u *url.URL) string {
	escaped := u.EscapedPath()
	var b strings.Builder
	for {
		at := strings.Index(strings.ToUpper(escaped), "%2F")
		if at < 0 {
			break
		}
		b.WriteString(decodedPath(escaped[:at]))
		b.WriteString(escaped[at : at+3])
		escaped = escaped[at+3:]
	}
	b.WriteString(decodedPath(escaped))
	return b.String()
}

func decodedPath(escaped string) string {
	decoded, err := url.PathUnescape(escaped)
	if err != nil || !utf8.ValidString(decoded) {
		return escaped // Kestrel leaves what is no UTF-8 as it is
	}
	return decoded
}

// yarpPath encodes a path as YARP does: everything but what RFC 3986 lets stand in a path, so that what comes out holds no escape of the client's.
func yarpPath(path string) string {
	const (
		plain = "!$&'()*+,-./:;=@_~"
		hex   = "0123456789ABCDEF"
	)
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		if c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || strings.IndexByte(plain, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
