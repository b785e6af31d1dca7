package governance

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode"
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

// Says says whether a text says anything: whether it has a letter, digit, mark or sign that can be seen.
func Says(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool {
		return unicode.In(c, unicode.L, unicode.N, unicode.P, unicode.S) && !unicode.In(c, unicode.Other_Default_Ignorable_Code_Point, blank)
	})
}

// blank are the characters that are signs to Unicode, and of which nothing can be seen.
var blank = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0xfffc, Hi: 0xfffc, Stride: 1}}, R32: []unicode.Range32{{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}}}

// Fold is an id as it is stored: in lower case.
func Fold(id string) string { return strings.ToLower(strings.TrimSpace(id)) }

// OneLine is text with its blanks and line ends as single blanks: what a person typed adds no line to a mail's header.
func OneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
