package api

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"golang.org/x/sync/semaphore"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
)

// Limits of a request's body.
const (
	maxBody    = 1 << 20 // bytes, as sent and as unpacked
	maxNesting = 32
	jsonBlanks = " \t\r\n" // RFC 8259, section 2
	maxBodies  = 8 << 20   // bytes of those that are in hand at once: while it is decoded and carried out, a body takes about seven times its size
	maxRefused = 32 << 20  // bytes that are read of a body that is too large: a proxy that cannot send it to its end tells its client of a bad gateway instead of the answer
)

// bodies are those that are in hand in this process, whatever they are for.
var bodies = semaphore.NewWeighted(maxBodies)

// body reads the request's body, unpacked and checked for size and depth; the second reading answers the same. It waits until there is room for it, until the call is over. Errors: CodeTooLarge,
// CodeUnsupported, CodeInvalid, CodeUnavailable.
func (c *call) body() ([]byte, error) {
	if c.hasPayload {
		return c.payload, nil
	}
	refuse := func() ([]byte, error) {
		_, _ = io.CopyN(io.Discard, c.r.Body, maxRefused)
		return nil, &governance.Error{Code: governance.CodeTooLarge, Message: "The body is larger than 1 MB."}
	}
	var reader io.Reader = http.MaxBytesReader(c.w, c.r.Body, maxBody)
	switch encoding := strings.ToLower(strings.TrimSpace(c.r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(reader)
		if err != nil {
			return nil, governance.Invalid("Content-Encoding", "The body is not gzip, though Content-Encoding says so.")
		}
		reader = unpacked
	default:
		return nil, &governance.Error{Code: governance.CodeUnsupported, Target: "Content-Encoding",
			Message: "Content-Encoding may be gzip or identity."}
	}
	var read bytes.Buffer
	read.Grow(bytes.MinRead + int(min(max(c.r.ContentLength, 0), maxBody)))
	_, err := read.ReadFrom(io.LimitReader(reader, maxBody+1))
	data := read.Bytes()
	if limit := (*http.MaxBytesError)(nil); errors.As(err, &limit) || len(data) > maxBody {
		return refuse()
	}
	if err != nil {
		return nil, governance.Invalid("body", "The body could not be read to its end.")
	}
	if err := bodies.Acquire(c.ctx(), int64(len(data))); err != nil { // only now: who sends slowly keeps nobody out
		return nil, &governance.Error{Code: governance.CodeUnavailable, Message: "Too many large bodies are being read at once; try again later.", Err: err}
	}
	c.leave = func() { bodies.Release(int64(len(data))) }
	data = bytes.Trim(bytes.TrimPrefix(data, []byte("\ufeff")), jsonBlanks) // a byte order mark, which some clients write
	if len(data) > 0 {
		if c.route != nil && c.route.body == 0 {
			return nil, governance.Invalid("body", "A %s has no body here; leave it out.", c.r.Method)
		}
		if !isJSON(c.r.Header.Values("Content-Type")) {
			return nil, &governance.Error{Code: governance.CodeUnsupported, Target: "Content-Type",
				Message: "The body must be application/json, in UTF-8: one Content-Type, whose charset is utf-8 if it names one."}
		}
	}
	if wrong := governance.BrokenText(data); wrong != nil {
		return nil, governance.Invalid("body", "The body %v.", wrong)
	}
	if err := checkDepth(data); err != nil {
		return nil, err
	}
	c.payload, c.hasPayload = data, true
	return data, nil
}

// isJSON says whether a body is said to be JSON in the one encoding that JSON has.
func isJSON(contentTypes []string) bool {
	if len(contentTypes) != 1 {
		return false
	}
	media, parameters, err := mime.ParseMediaType(contentTypes[0])
	charset, given := parameters["charset"]
	return err == nil && media == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// checkDepth refuses JSON that is nested too deeply, before anything recursive looks at it.
func checkDepth(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			if c == '\\' {
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
	acting    purpose = iota + 1 // parameters of an action, which may be left out
	creating                     // a new resource
	merging                      // some members of a resource
	replacing                    // a resource
	carrying                     // another's text, for the use case to read
)

// purposes are what the bodies of methods are for, where a verb does not say it.
var purposes = map[string]purpose{http.MethodPost: acting, http.MethodPatch: merging, http.MethodPut: replacing}

// given reads the body by the table of its type; nil if an action has none. Errors: those of body, CodeInvalid naming the member and what
// it must be.
func (c *call) given() (*strict.Body, error) {
	data, err := c.body()
	acts := c.route.body == acting
	switch {
	case err != nil || acts && (len(data) == 0 || string(data) == "null"):
		return nil, err
	case len(data) == 0:
		return nil, governance.Invalid("body", "The request has no body; send a JSON object.")
	case acts:
		return cmp.Or(c.route.takes, strict.Nothing).New(data)
	case c.route.body == creating:
		return c.route.of.body.New(data)
	}
	return c.route.of.body.Change(data)
}

// parameters reads the body of an action, if it has one. Errors: those of given, CodeInvalid naming a member that is of another type.
func (c *call) parameters(into any) error {
	body, err := c.given()
	if err != nil || body == nil {
		return err
	}
	data, err := body.JSON()
	if err != nil {
		return err
	}
	return decode(data, into)
}

// edit is what a body makes of a resource.
type edit[T any] struct {
	ifMatch string         // the version that is meant; empty: any
	apply   func(*T) error // may be called more than once
}

// edits reads the body of a POST, PATCH or PUT as a resource. It is the one place where a resource is read from outside. Errors: those of
// given.
func edits[T any](c *call) (e edit[T], err error) {
	if e.ifMatch, err = c.ifMatch(); err != nil {
		return e, err
	}
	body, err := c.given()
	if err == nil {
		err = body.Refers(c.whole)
	}
	if err != nil {
		return e, err
	}
	how := body.Replace
	switch {
	case c.route.body == creating:
		how = func([]byte) ([]byte, error) { return body.JSON() }
	case c.route.body == merging:
		how = body.Merge
	}
	e.apply = func(present *T) error {
		stored, err := json.Marshal(present)
		if err != nil {
			return err
		}
		data, err := how(stored)
		if err != nil {
			return err
		}
		var next T
		err = decode(data, &next)
		*present = next
		return err
	}
	return e, nil
}

// whole reads a resource with all that clients may have fetched with it: the one at the route's path if there is no id.
func (c *call) whole(of *strict.Type, id string) (any, error) {
	if id == "" {
		id = c.ids[0]
	}
	switch use := c.server.use; of {
	case strict.Catalog:
		found, err := use.Catalogs.Catalog(c.ctx(), c.caller, id)
		return expandedCatalog{found.Value, found.Packages, found.Resources}, err
	case strict.Package:
		found, err := c.server.packageOf(c, id)
		return found.Value, err
	case strict.Policy:
		found, err := use.Policies.Policy(c.ctx(), c.caller, id)
		return found.Value, err
	default:
		found, err := use.Assignments.Assignment(c.ctx(), c.caller, id)
		return found.Value, err
	}
}

// draftOf reads the body of what makes something. Its id is not the client's to choose: the use case does.
func draftOf[T any](c *call) (draft T, err error) {
	e, err := edits[T](c)
	if err == nil {
		err = e.apply(&draft)
	}
	return draft, err
}

// listed are names for a message.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// decode reads JSON, if there is any, and says what is wrong with it in words.
func decode(data []byte, value any) error {
	if len(data) == 0 {
		return nil
	}
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
		return governance.Invalid(field, "%s cannot be read; it must be %s.", field,
			cmp.Or(jsonTypes[wrong.Type.Kind()], "a "+wrong.Type.Kind().String()))
	}
	return governance.Invalid("body", "The body cannot be read: %v.", err)
}

// jsonTypes are the JSON words for kinds of Go's, where they differ.
var jsonTypes = map[reflect.Kind]string{
	reflect.Bool: "a boolean", reflect.Slice: "a list", reflect.Struct: "an object", reflect.Map: "an object", reflect.Pointer: "an object",
	reflect.Int: "a number", reflect.Int32: "a number", reflect.Int64: "a number", reflect.Float64: "a number",
}
