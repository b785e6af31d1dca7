package hostwire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// The host encodes most values of Data and Metadata twice: the string abc arrives as "\"abc\"" and the number 4 as "4". Its documentation shows them
// encoded once. The functions below read both; what is no value of their type is the zero value.

// unquote decodes a JSON string. Strings without escapes, and strings whose only escapes are the two quotes of a second encoding, take no detour.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	inner := raw[1 : len(raw)-1]
	if len(inner) >= 4 && inner[0] == '\\' && inner[1] == '"' && inner[len(inner)-2] == '\\' && inner[len(inner)-1] == '"' {
		if core := inner[2 : len(inner)-2]; plain(core) {
			return `"` + string(core) + `"`, true
		}
	}
	if plain(inner) {
		return string(inner), true
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// plain says that the inside of a JSON string stands for itself.
func plain(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c >= 0x80 || c == '\\' || c == '"' {
			return false
		}
	}
	return true
}

// text reads a scalar as text, encoded once or twice.
func text(raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		once, ok := unquote(raw)
		if !ok || once == "null" {
			return ""
		}
		if twice, ok := unquote([]byte(once)); ok {
			return twice
		}
		return once
	case 'n', '{', '[':
		return ""
	default:
		return string(raw)
	}
}

// integer reads a whole number.
func integer(raw json.RawMessage) int64 {
	s := text(raw)
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// boolean reads true in any case: .NET writes True.
func boolean(raw json.RawMessage) bool {
	s := text(raw)
	return strings.EqualFold(s, "true")
}

// instant reads a date. The host drops the zone of what it holds as UTC: a date without one is UTC.
func instant(raw json.RawMessage) time.Time {
	s := text(raw)
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// object reads a JSON object, or a string that holds one.
func object(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	raw = nested(raw, '{')
	if raw == nil {
		return nil, false
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return nil, false
	}
	return m, true
}

// nested returns the JSON value that begins with open: raw itself, or what a string holds, once or twice encoded. Otherwise nil.
func nested(raw json.RawMessage, open byte) json.RawMessage {
	for range 3 {
		raw = bytes.TrimSpace(raw)
		if len(raw) == 0 {
			return nil
		}
		if raw[0] == open {
			return raw
		}
		s, ok := unquote(raw)
		if !ok {
			return nil
		}
		raw = json.RawMessage(s)
	}
	return nil
}

// properties reads application properties: scalars as text, anything deeper as its JSON.
func properties(raw json.RawMessage) map[string]string {
	members, ok := object(raw)
	if !ok || len(members) == 0 {
		return nil
	}
	m := make(map[string]string, len(members))
	for name, value := range members {
		if s, ok := property(value); ok {
			m[name] = s
		}
	}
	return m
}

// property reads one of them. The object that holds it is encoded once, so its strings are too and must not be unquoted again.
func property(raw json.RawMessage) (string, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] == 'n' {
		return "", false
	}
	if raw[0] == '"' {
		return unquote(raw)
	}
	return string(raw), true
}
