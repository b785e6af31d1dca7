package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

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
	data = bytes.TrimSpace(data)
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

// checkText refuses JSON that is nested too deeply, before anything recursive looks at it, and strings with a NUL, which no name or text has and other services cut off.
func checkText(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			if c == '\\' {
				if bytes.HasPrefix(data[i:], []byte(`\u0000`)) {
					return governance.Invalid("body", "The body has a NUL character (\\u0000) in a string, at byte %d.", i)
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

// decode reads the body as a resource. Errors: CodeInvalid naming the property and what it must be, and those of body.
func decode[T any](c *call) (T, error) {
	var value T
	data, err := c.body()
	if err != nil {
		return value, err
	}
	if len(data) == 0 {
		return value, governance.Invalid("body", "The request has no body; send a JSON object.")
	}
	if data[0] != '{' {
		return value, governance.Invalid("body", "The body must be a JSON object.")
	}
	return value, into(data, &value)
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

// merge is a PATCH: those of the editable properties that the body has replace those of the present resource, null sets them back, and all else is left as it is
// (BEYOND BEY-01). What the body has besides is read-only noise that clients send along, and ignored.
func merge[T any](present *T, body map[string]json.RawMessage, editable ...string) error {
	data, err := json.Marshal(present)
	if err != nil {
		return err
	}
	whole := map[string]json.RawMessage{}
	if err := json.Unmarshal(data, &whole); err != nil {
		return err
	}
	for _, name := range editable {
		switch value, ok := body[name]; {
		case !ok:
		case string(value) == "null":
			delete(whole, name)
		default:
			whole[name] = value
		}
	}
	if data, err = json.Marshal(whole); err != nil {
		return err
	}
	var merged T
	if err := into(data, &merged); err != nil {
		return err
	}
	*present = merged
	return nil
}
