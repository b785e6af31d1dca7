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
		if c.route != nil && c.route.body == nothing {
			return nil, governance.Invalid("body", "A %s has no body here; leave it out.", c.r.Method)
		}
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

// purpose is what the body of a request is for.
type purpose int

const (
	nothing   purpose = iota // it has none
	acting                   // parameters of an action
	creating                 // a new resource
	merging                  // some members of a resource
	replacing                // a resource
	carrying                 // another's text, for the use case to read
)

// checkBody looks at a body that is not read as a resource. Errors: those of body, CodeInvalid naming a member that is not known.
func (c *call) checkBody() error {
	switch {
	case c.route.body == acting:
		return c.parameters(&struct{}{})
	case c.route.body == nothing && c.r.ContentLength != 0:
		_, err := c.body()
		return err
	}
	return nil
}

// parameters reads the body of an action; it may be left out. Errors: those of body, CodeInvalid naming a member that is not known.
func (c *call) parameters(into any) error {
	data, err := c.body()
	if err != nil || len(data) == 0 || string(data) == "null" {
		return err
	}
	members, err := c.object()
	if err != nil {
		return err
	}
	if err := onlyMembers(members, c.route.takes); err != nil {
		return err
	}
	return decode(data, into)
}

// object reads the body as a JSON object. Errors: those of body, CodeInvalid.
func (c *call) object() (map[string]json.RawMessage, error) {
	data, err := c.body()
	if err != nil {
		return nil, err
	}
	if len(data) == 0 {
		return nil, governance.Invalid("body", "The request has no body; send a JSON object.")
	}
	if data[0] != '{' {
		return nil, governance.Invalid("body", "The body must be a JSON object.")
	}
	var members map[string]json.RawMessage
	return members, decode(data, &members)
}

// edits reads the body of a POST, PATCH or PUT as a resource: what it answers makes the change, as often as it is asked. It is the one place where a resource is read from outside.
// Errors: those of body, CodeInvalid naming the property and what it must be.
func edits[T any](c *call) (func(*T) error, error) {
	body, err := c.object()
	if err != nil {
		return nil, err
	}
	if c.route.of.members != nil {
		if err := onlyMembers(body, c.route.of.members); err != nil {
			return nil, err
		}
	}
	if c.route.body == merging {
		return func(present *T) error { return merge(present, body, c.route.of.editable) }, nil
	}
	var whole T
	if err := decode(c.payload, &whole); err != nil {
		return nil, err
	}
	return func(present *T) error {
		*present = whole
		return nil
	}, nil
}

// draftOf reads the body of a POST. An id is not the client's to choose.
func draftOf[T any](c *call) (draft T, err error) {
	edit, err := edits[T](c)
	if err == nil {
		err = edit(&draft)
	}
	if err == nil {
		err = decode([]byte(`{"id":"`+madeID(c.ctx())+`"}`), &draft)
	}
	return draft, err
}

// onlyMembers refuses a body with a member beside those known; annotations are nobody's. Errors: CodeInvalid naming it.
func onlyMembers(body map[string]json.RawMessage, names []string) error {
	for _, name := range sortedKeys(body) {
		if _, ok := known(names, name); !ok && !strings.Contains(name, "@") {
			return governance.Invalid(name, "There is no property %q here; there are %s.", shorten(name), listed(names))
		}
	}
	return nil
}

// listed are names for a message.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// decode reads JSON and says what is wrong with it in words.
func decode(data []byte, value any) error {
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
func merge[T any](present *T, body map[string]json.RawMessage, editable []string) error {
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
	if err := decode(data, &merged); err != nil {
		return err
	}
	*present = merged
	return nil
}
