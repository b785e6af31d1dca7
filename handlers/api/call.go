package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
)

// call is one request on its way.
type call struct {
	server          *Server
	w               http.ResponseWriter
	r               *http.Request
	requestID       string
	clientRequestID string
	route           *route   // nil: none of the API's, but what custom extensions call
	operation       string   // what logs and telemetry call it; empty: a path that is none
	path            string   // below Prefix, with its keys as segments
	ids             []string // those in the path, in order
	caller          governance.Caller
	scheme          string // of authentication; empty: Bearer
	options
	applied    []string // the preferences of the client that the answer honours
	payload    []byte   // the body, once read
	hasPayload bool
	leave      func() // gives back the room that the body takes
}

func (c *call) ctx() context.Context { return c.r.Context() }

// named says what the call is, once that is known.
func (c *call) named(operation string) {
	c.operation = operation
	platform.NameOperation(c.ctx(), operation)
}

// authenticate makes the caller of the bearer token. Errors: CodeUnauthorized, CodeUnavailable.
func (c *call) authenticate() error {
	token, err := c.server.tokenFrom(c.r.Header)
	if err != nil {
		return err
	}
	c.caller, err = c.server.identity.Validate(c.ctx(), token)
	return err
}

// do answers a request whose route is known. Every route comes through here, and all that writes through once.
func (c *call) do() (response, error) {
	c.named(c.route.method + " " + c.route.path)
	if !c.route.open {
		if err := c.authenticate(); err != nil {
			return response{}, err
		}
	}
	if err := c.parseOptions(c.route.kind, c.route.options); err != nil {
		return response{}, err
	}
	if c.route.method == http.MethodGet {
		return c.run(c.route.run)
	}
	return c.once()
}

// run has an endpoint answer, when nothing is in the body that it would not look at.
func (c *call) run(e endpoint) (response, error) {
	var err error
	switch {
	case c.route.body == acting:
		_, err = c.given()
	case c.route.body == 0 && c.r.ContentLength != 0:
		_, err = c.body()
	}
	if err != nil {
		return response{}, err
	}
	return e(c)
}

// once runs what writes: at most once under its Idempotency-Key, and if it has none, so that it may be sent again by who did not hear the answer.
func (c *call) once() (response, error) {
	for _, condition := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
		if len(c.r.Header.Values(condition)) > 0 && !(condition == "If-Match" && (c.route.version || c.route.partOf != nil)) {
			return response{}, governance.Invalid(condition, "%s is not looked at here, so nothing was done; send the request without it if it is to be done in any case.", condition)
		}
	}
	ifMatch, err := c.ifMatch()
	if err != nil {
		return response{}, err
	}
	if ifMatch != "" && c.route.partOf != nil {
		c.r = c.r.WithContext(ledger.Expecting(c.ctx(), c.route.partOf(c), ifMatch))
	}
	keys := c.r.Header.Values("Idempotency-Key")
	switch {
	case c.route.unkept && len(keys) > 0:
		return response{}, governance.Invalid("Idempotency-Key",
			"What this answers is shown once; it cannot be asked for with an Idempotency-Key.")
	case len(keys) > 1 || len(keys) == 1 && strings.TrimSpace(keys[0]) == "":
		return response{}, governance.Invalid("Idempotency-Key", "There must be one Idempotency-Key, and it must not be empty.")
	case c.route.unkept || c.route.reads:
		return c.run(c.route.run)
	}
	again, err := c.again()
	if err != nil {
		return response{}, err
	}
	body, err := c.body()
	if err != nil {
		return response{}, err
	}
	what := append([]byte(c.route.method+" "+strings.ToLower(c.path)+"?"+c.query.Encode()+"\n"), sameContent(body)...)
	do := func(ctx context.Context) (ledger.Answer, error) {
		c.r = c.r.WithContext(ctx)
		made, err := c.run(c.route.run)
		if err != nil {
			return ledger.Answer{}, err
		}
		encoded, err := made.encode(c)
		return ledger.Answer{Status: made.status, ETag: made.etag, Body: encoded}, err
	}
	var answer ledger.Answer
	switch {
	case len(keys) == 1:
		answer, err = c.server.use.Ledger.Once(c.ctx(), c.caller, keys[0], what, do)
	case c.route.version && c.r.Method != http.MethodDelete: // to set the same again is to set it
		answer, err = do(c.ctx())
	default:
		command := ledger.Repeatable{What: append(what, "\n"+c.r.Header.Get("If-Match")...), Again: again, Do: do}
		if c.route.body != 0 { // what is refused at the door costs the store nothing
			if _, err := c.given(); err != nil {
				return response{}, err
			}
		}
		if c.route.body == creating {
			command.Found = c.found
		}
		answer, err = c.server.use.Ledger.Again(c.ctx(), c.caller, command)
	}
	if err != nil {
		return response{}, err
	}
	return response{status: answer.Status, etag: answer.ETag, encoded: answer.Body}, nil
}

// found says whether what an earlier attempt of the call made is still what the call asks for. Errors: CodeNotFound if it is gone or over.
func (c *call) found(ctx context.Context, answer ledger.Answer) (bool, error) {
	var made struct{ ID string }
	if err := json.Unmarshal(answer.Body, &made); err != nil {
		return false, err
	}
	segments := append(strings.Split(c.path, "/"), made.ID)
	for _, one := range c.server.routes {
		ids, ok := one.match(segments)
		if !ok || one.one == nil {
			continue
		}
		reads := *c
		reads.r, reads.ids, reads.route = c.r.WithContext(ctx), ids, one
		is, err := one.one(&reads)
		if err != nil || one.stands == nil {
			return err == nil, err
		}
		return one.stands(&reads, is.Value)
	}
	return false, governance.Missing(c.route.of.set, made.ID)
}

// preference is what the client wishes of something by Prefer, as RFC 7240 has it: a list, over several lines, of names in any letter case,
// each with a value and with parameters, of which there are none here. The first of a name counts. Empty: nothing.
func (c *call) preference(name string) string {
	for _, one := range splitUnquoted(strings.Join(c.r.Header.Values("Prefer"), ","), ',') {
		wish, value, _ := strings.Cut(splitUnquoted(one, ';')[0], "=")
		if strings.EqualFold(strings.TrimSpace(wish), name) {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// splitUnquoted splits a header at separators that are in no quoted string.
func splitUnquoted(text string, separator byte) []string {
	var parts []string
	begin, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			parts, begin = append(parts, text[begin:i]), i+1
		}
	}
	return append(parts, text[begin:])
}

// again says whether the client has sent the same before and did not hear the answer, as Graph's do after 429, 503 and 504. Errors: CodeInvalid.
func (c *call) again() (bool, error) {
	value := c.r.Header.Get("Retry-Attempt")
	if value == "" {
		return false, nil
	}
	attempt, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return false, governance.Invalid("Retry-Attempt", "Retry-Attempt says how often the request was sent before, such as 1.")
	}
	return attempt > 0, nil
}

// sameContent is a body without what makes no difference in JSON: blanks, and the order of members.
func sameContent(body []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return body
	}
	same, err := json.Marshal(value)
	if err != nil {
		return body
	}
	return same
}

// maxClientRequestID bounds the id of a client that is repeated to it.
const maxClientRequestID = 64

func clientRequestID(header http.Header) string {
	id := header.Get("Client-Request-Id")
	if len(id) > maxClientRequestID || strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c > '~' }) {
		return ""
	}
	return id
}

// response is what an endpoint answers.
type response struct {
	status  int
	value   any             // nil: no body
	etag    string          // of the resource, as the store has it
	shape   *shape          // how value is cut to what was asked for; nil: not at all
	encoded json.RawMessage // instead of value: a body that was encoded before
	plain   bool            // the body is text
}

func (a response) encode(c *call) (json.RawMessage, error) {
	switch {
	case a.encoded != nil:
		return a.encoded, nil
	case a.value == nil:
		return nil, nil
	case a.shape == nil:
		data, err := json.Marshal(a.value)
		if inside, more := bytes.CutPrefix(data, []byte(`{"`)); more && c.route != nil && !c.route.open { // what anybody is told names no address
			context, _ := json.Marshal(c.context()) // a text
			data = slices.Concat([]byte(`{"@odata.context":`), context, []byte(`,"`), inside)
		}
		return data, err
	}
	resource, err := a.shape.cut(a.value, a.etag)
	if err != nil {
		return nil, err
	}
	resource["@odata.context"] = c.context() + "/$entity"
	return json.Marshal(resource)
}

// write sends an answer. Errors: those of encoding it; nothing is sent then.
func (c *call) write(a response) error {
	body, err := a.encode(c)
	if err != nil {
		return err
	}
	header := c.w.Header()
	if a.etag != "" {
		header.Set("ETag", quoted(a.etag))
	}
	if a.status == http.StatusCreated {
		header.Set("Location", c.location(body))
	}
	if a.plain {
		header.Set("Content-Type", "text/plain")
	}
	if c.route != nil && c.route.body > acting { // the two that an answer to what changes something can be
		returns := "return=minimal"
		if len(body) > 0 {
			returns = "return=representation"
		}
		if strings.EqualFold("return="+c.preference("return"), returns) {
			c.applied = append(c.applied, returns)
		}
	}
	if len(c.applied) > 0 {
		header.Set("Preference-Applied", strings.Join(c.applied, ", "))
	}
	c.send(a.status, body)
	return nil
}

// location is where what was made is from now on: at the path that it was made at, or below that by its id.
func (c *call) location(body []byte) string {
	at := c.base() + strings.TrimRight(c.r.URL.EscapedPath(), "/")
	var made struct {
		ID string `json:"id"`
	}
	if c.route.method == http.MethodPost && json.Unmarshal(body, &made) == nil {
		at += "/" + url.PathEscape(made.ID)
	}
	return at
}

const contentType = "application/json;odata.metadata=minimal;charset=utf-8"

// send names the request to the client, and keeps the answer out of caches.
func (c *call) send(status int, body []byte) {
	header := c.w.Header()
	header.Set("Request-Id", c.requestID)
	if c.clientRequestID != "" {
		header.Set("Client-Request-Id", c.clientRequestID)
	}
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if len(body) > 0 {
		header.Set("Content-Type", cmp.Or(header.Get("Content-Type"), contentType))
		header.Set("OData-Version", "4.0")
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a client that has hung up learns nothing anyway
}

// quoted is a store's ETag as HTTP writes a weak one.
func quoted(etag string) string { return `W/"` + strings.Trim(etag, `"`) + `"` }

// etagForm is that of one ETag: RFC 9110, section 8.8.3.
var etagForm = regexp.MustCompile(`^(W/)?"[!#-~\x80-\xff]*"$`)

// ifMatch is the version that the client wants to change, in its quotes; AnyETag: whichever there is; empty: nothing is said of it. Errors:
// CodeInvalid.
func (c *call) ifMatch() (string, error) {
	values := c.r.Header.Values("If-Match")
	if len(values) == 0 {
		return "", nil
	}
	value := strings.Trim(values[0], " \t")
	if len(values) > 1 || value != ledger.AnyETag && !etagForm.MatchString(value) {
		return "", governance.Invalid("If-Match", `If-Match must hold one ETag in its quotes, such as W/"1", or *.`)
	}
	return strings.TrimPrefix(value, "W/"), nil
}

// base is what absolute links begin with, without a slash at its end.
func (c *call) base() string {
	if c.server.publicURL != "" {
		return c.server.publicURL
	}
	scheme := "http"
	if c.r.TLS != nil || strings.EqualFold(c.r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + addressed(c.r)
}

// addressed is the host that the client called. The Functions host puts its own address for the handler into Host, and the client's into
// X-Forwarded-Host, over whatever the client said there.
func addressed(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" && !strings.ContainsAny(forwarded, "/ ,\\") {
		return forwarded
	}
	return r.Host
}

// context is what the answer is of: the path of the route from the root on, with ids as keys, without that of the resource itself.
func (c *call) context() string {
	var path []string
	ids := c.ids
	for i, segment := range c.route.segments[1:] {
		if !strings.HasPrefix(segment, "{") {
			path = append(path, strings.Replace(segment, ".", "/", 1))
			continue
		}
		key := "('" + strings.ReplaceAll(ids[0], "'", "''") + "')"
		if strings.Contains(c.route.segments[i], ".") { // what a function is called with
			key = "(on='" + ids[0] + "')"
		} else if i+2 == len(c.route.segments) {
			key = ""
		}
		path[len(path)-1] += key
		ids = ids[1:]
	}
	return c.base() + strings.TrimSuffix(Prefix, "/") + "/$metadata#" + strings.Join(path, "/")
}
