package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
)

// Limits of a request's body.
const (
	maxBody    = 1 << 20 // bytes, as sent and as unpacked
	maxNesting = 32
	maxRefused = 32 << 20 // bytes that are read of a body that is too large: a proxy that cannot send it to its end tells its client of a bad gateway instead of the answer
)

// body reads the request's body, unpacked and checked for size and depth; the second reading answers the same. Errors: CodeTooLarge, CodeUnsupported, CodeInvalid.
func (c *call) body() ([]byte, error) {
	if c.hasPayload {
		return c.payload, nil
	}
	tooLarge := &governance.Error{Code: governance.CodeTooLarge, Message: "The body is larger than 1 MB."}
	whole := c.r.Body
	refuse := func() ([]byte, error) {
		_, _ = io.CopyN(io.Discard, whole, maxRefused)
		return nil, tooLarge
	}
	if c.r.ContentLength > maxBody {
		return refuse()
	}
	var reader io.Reader = http.MaxBytesReader(c.w, whole, maxBody)
	switch encoding := strings.ToLower(strings.TrimSpace(c.r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(reader)
		if err != nil {
			return nil, governance.Invalid("Content-Encoding", "The body is not gzip, though Content-Encoding says so.")
		}
		defer func() { _ = unpacked.Close() }()
		reader = unpacked
	default:
		return nil, &governance.Error{Code: governance.CodeUnsupported, Target: "Content-Encoding", Message: "Content-Encoding may be gzip or identity."}
	}
	data, err := io.ReadAll(io.LimitReader(reader, maxBody+1))
	if limit := (*http.MaxBytesError)(nil); errors.As(err, &limit) || len(data) > maxBody {
		return refuse()
	}
	if err != nil {
		return nil, governance.Invalid("body", "The body could not be read to its end.")
	}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff"))) // a byte order mark, which some clients write
	if len(data) > 0 {
		if media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err != nil || media != "application/json" {
			return nil, &governance.Error{Code: governance.CodeUnsupported, Target: "Content-Type", Message: "The body must be application/json."}
		}
	}
	if !utf8.Valid(data) { // encoding/json would put other characters in its place
		return nil, governance.Invalid("body", "The body is not valid UTF-8.")
	}
	if err := checkText(data); err != nil {
		return nil, err
	}
	c.payload, c.hasPayload = data, true
	return data, nil
}

// checkText refuses JSON that is nested too deeply, before anything recursive looks at it, and strings with a NUL, which no name or text has and other services cut off, or with half of a surrogate
// pair, in whose place encoding/json would put another character.
func checkText(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			if c == '\\' {
				if bytes.HasPrefix(data[i:], []byte(`\u0000`)) {
					return governance.Invalid("body", "The body has a NUL character (\\u0000) in a string, at byte %d.", i)
				}
				switch unit := escaped(data[i:]); {
				case unit >= 0xdc00 && unit < 0xe000, unit >= 0xd800 && unit < 0xdc00 && escaped(data[i+6:])&^0x3ff != 0xdc00:
					return governance.Invalid("body", "The body has half of a surrogate pair (\\u%04x) in a string, at byte %d.", unit, i)
				case unit >= 0xd800 && unit < 0xdc00:
					i += 6 // the other half
				}
				i++
			} else if c == '"' {
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > maxNesting {
				return governance.Invalid("body", "The body is nested deeper than %d levels.", maxNesting)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// escaped is the UTF-16 unit of an escape such as \u00e4 at the beginning of data; 0 if there is none.
func escaped(data []byte) uint64 {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return 0
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	if err != nil {
		return 0
	}
	return unit
}

// given is the body, which must be there. Errors: those of body, CodeInvalid.
func (c *call) given() ([]byte, error) {
	data, err := c.body()
	if err == nil && len(data) == 0 {
		err = governance.Invalid("body", "The request has no body; send a JSON object.")
	}
	return data, err
}

// decode reads the body that makes a resource of type t. Errors: CodeInvalid naming the member and what it must be, and those of body.
func decode[T any](c *call, t *strict.Type) (T, error) {
	var value T
	data, err := c.given()
	if err != nil {
		return value, err
	}
	body, err := t.New(data)
	if err != nil {
		return value, err
	}
	if data, err = body.JSON(); err != nil {
		return value, err
	}
	return value, into(data, &value)
}

// parameters reads the body of an action, which may be missing. Errors: CodeInvalid, and those of body.
func (c *call) parameters(t *strict.Type) error {
	data, err := c.body()
	if err != nil || len(data) == 0 || string(data) == "null" {
		return err
	}
	_, err = t.New(data)
	return err
}

// into reads JSON and says what is wrong with it in words.
func into(data []byte, value any) error {
	err := json.Unmarshal(data, value)
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	var coded *governance.Error
	switch {
	case errors.As(err, &coded):
		return err
	case errors.As(err, &syntax):
		return governance.Invalid("body", "The body is no valid JSON at byte %d: %v.", syntax.Offset, syntax)
	case errors.As(err, &wrong):
		field := strings.ReplaceAll(wrong.Field, ".", "/")
		return governance.Invalid(field, "%s cannot be a %s; it must be a %s.", field, wrong.Value, jsonType(wrong.Type.Kind().String()))
	}
	return governance.Invalid("body", "The body cannot be read: %v.", err)
}

// jsonType is the JSON word for a kind of Go's.
func jsonType(kind string) string {
	switch {
	case kind == "bool":
		return "boolean"
	case kind == "slice":
		return "list"
	case kind == "struct" || kind == "map" || kind == "ptr":
		return "object"
	case strings.HasPrefix(kind, "int") || strings.HasPrefix(kind, "float"):
		return "number"
	}
	return kind
}

// apply makes the new resource of the present one: by Merge or Replace of a body.
func apply[T any](present *T, how func(stored []byte) ([]byte, error)) error {
	stored, err := json.Marshal(present)
	if err != nil {
		return err
	}
	data, err := how(stored)
	if err != nil {
		return err
	}
	var next T
	if err := into(data, &next); err != nil {
		return err
	}
	*present = next
	return nil
}
