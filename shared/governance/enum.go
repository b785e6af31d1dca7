package governance

import (
	"bytes"
	"encoding/json"
	"strings"
)

// decodeEnum reads a JSON string as one of values, in any letter case (OBJ-03), and answers with the canonical spelling. null leaves the target as it is.
func decodeEnum[T ~string](data []byte, target *T, property string, values ...T) error {
	if string(data) == "null" {
		return nil
	}
	text, err := unquote(data)
	if err != nil {
		return Invalid(property, "%s must be a string, one of %s.", property, join(values))
	}
	for _, value := range values {
		if strings.EqualFold(text, string(value)) {
			*target = value
			return nil
		}
	}
	return Invalid(property, "%s cannot be %q; use one of %s.", property, Clip(text), join(values))
}

// unquote reads a JSON string. Nearly all are plain, and those are read as they stand.
func unquote(data []byte) (text string, err error) {
	if n := len(data); n > 1 && data[0] == '"' && data[n-1] == '"' && bytes.IndexFunc(data[1:n-1], func(c rune) bool { return c < ' ' || c > '~' || c == '\\' || c == '"' }) < 0 {
		return string(data[1 : n-1]), nil
	}
	err = json.Unmarshal(data, &text)
	return text, err
}

func join[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return strings.Join(texts, ", ")
}

// Clip shortens a client's text before it is put into a message.
func Clip(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// Fold is an id as it is stored: in lower case.
func Fold(id string) string { return strings.ToLower(strings.TrimSpace(id)) }
