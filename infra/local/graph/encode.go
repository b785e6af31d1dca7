package graph

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// The answers are appended to a buffer rather than marshalled from maps: the emulator runs on the same two cores as what it tests.

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for n := 0; n < len(s); n++ {
		c := s[n]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		case c < utf8.RuneSelf:
			b = append(b, c)
		default:
			r, size := utf8.DecodeRuneInString(s[n:])
			b = utf8.AppendRune(b, r) // what is not UTF-8 becomes U+FFFD
			n += size - 1
		}
	}
	return append(b, '"')
}

// timeFormat is Graph's.
const timeFormat = "2006-01-02T15:04:05Z"

// appendValue appends any value that a property can have.
func appendValue(b []byte, value any) []byte {
	switch v := value.(type) {
	case nil:
		return append(b, "null"...)
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case time.Time:
		b = append(b, '"')
		b = v.UTC().AppendFormat(b, timeFormat)
		return append(b, '"')
	case []string:
		b = append(b, '[')
		for n, s := range v {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendString(b, s)
		}
		return append(b, ']')
	default:
		text, err := json.Marshal(v)
		if err != nil { // only what came in as JSON is kept as any
			return append(b, "null"...)
		}
		return append(b, text...)
	}
}

// appendName appends a property's name, with a comma before it unless it is the first.
func appendName(b []byte, name string) []byte {
	if len(b) > 0 && b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...) // names are the program's own, or checked
	return append(b, '"', ':')
}

func appendProperty(b []byte, name string, value any) []byte {
	return appendValue(appendName(b, name), value)
}
