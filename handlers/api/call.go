package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"latchkey/shared/app"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// call is one request on its way.
type call struct {
	server          *Server
	w               http.ResponseWriter
	r               *http.Request
	original        *url.URL
	caller          governance.Caller
	requestID       string
	clientRequestID string
	payload         []byte            // the body, once read
	hasPayload      bool              //
	newID           platform.IDSource // names what an idempotent POST makes; nil: the app does
}

func (c *call) ctx() context.Context { return c.r.Context() }

func (c *call) id(name string) string { return c.r.PathValue(name) }

// app is the use cases for this call: those of a command under its idempotency key, if it has one.
func (c *call) app() *app.App {
	if c.newID == nil {
		return c.server.app
	}
	return c.server.app.Under(c.newID)
}

// madeID is the id for what this POST makes; empty: the app's choice.
func (c *call) madeID() string {
	if c.newID == nil {
		return ""
	}
	return c.newID()
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

// once runs a POST under its Idempotency-Key, if it has one.
func (c *call) once(e endpoint) (response, error) {
	keys := c.r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return e(c)
	}
	if len(keys) > 1 || strings.TrimSpace(keys[0]) == "" {
		return response{}, governance.Invalid("Idempotency-Key", "There must be one Idempotency-Key, and it must not be empty.")
	}
	body, err := c.body()
	if err != nil {
		return response{}, err
	}
	what := append([]byte(c.r.Method+" "+c.r.URL.Path+"?"+c.r.URL.RawQuery+"\n"), body...)
	answer, err := c.server.app.Once(c.ctx(), c.caller, keys[0], what, func(ids platform.IDSource) (app.Answer, error) {
		c.newID = ids
		made, err := e(c)
		if err != nil {
			return app.Answer{}, err
		}
		encoded, err := made.encode(c)
		return app.Answer{Status: made.status, ETag: made.etag, Body: encoded}, err
	})
	if err != nil {
		return response{}, err
	}
	return response{status: answer.Status, etag: answer.ETag, encoded: answer.Body}, nil
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
}

func (a response) encode(c *call) (json.RawMessage, error) {
	switch {
	case a.encoded != nil:
		return a.encoded, nil
	case a.value == nil:
		return nil, nil
	case a.shape == nil:
		return json.Marshal(a.value)
	}
	resource, err := a.shape.cut(a.value)
	if err != nil {
		return nil, err
	}
	if a.etag != "" {
		resource["@odata.etag"] = quoted(a.etag)
	}
	if c.r.Method == http.MethodGet {
		resource["@odata.context"] = c.context(a.shape) + "/$entity"
	}
	return json.Marshal(resource)
}

// write sends an answer.
func (c *call) write(a response) {
	body, err := a.encode(c)
	if err != nil {
		c.fail(err)
		return
	}
	header := c.w.Header()
	c.identify(header)
	if a.etag != "" {
		header.Set("ETag", quoted(a.etag))
	}
	if len(body) == 0 {
		c.w.WriteHeader(a.status)
		return
	}
	header.Set("Content-Type", contentType)
	header.Set("OData-Version", "4.0")
	c.w.WriteHeader(a.status)
	_, _ = c.w.Write(body) // a client that has hung up learns nothing anyway
}

const contentType = "application/json;odata.metadata=minimal;charset=utf-8"

// identify names the request to the client, and keeps the answer out of caches.
func (c *call) identify(header http.Header) {
	header.Set("Request-Id", c.requestID)
	if c.clientRequestID != "" {
		header.Set("Client-Request-Id", c.clientRequestID)
	}
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
}

// quoted is a store's ETag as HTTP writes a weak one.
func quoted(etag string) string { return `W/"` + strings.Trim(etag, `"`) + `"` }

// ifMatch is the version that the client wants to change; empty: any. Errors: CodeInvalid.
func (c *call) ifMatch() (string, error) {
	values := c.r.Header.Values("If-Match")
	if len(values) == 0 {
		return "", nil
	}
	value := strings.TrimSpace(values[0])
	if len(values) > 1 || value == "" || strings.Contains(value, ",") {
		return "", governance.Invalid("If-Match", "If-Match must hold one ETag, or *.")
	}
	return strings.Trim(strings.TrimPrefix(value, "W/"), `"`), nil
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

// addressed is the host that the client called. The Functions host puts its own address for the handler into Host, and the client's into X-Forwarded-Host, over whatever
// the client said there.
func addressed(r *http.Request) string {
	if forwarded := r.Header.Get("X-Forwarded-Host"); forwarded != "" && !strings.ContainsAny(forwarded, "/ ,\\") {
		return forwarded
	}
	return r.Host
}

func (c *call) context(s *shape) string {
	return c.base() + strings.TrimSuffix(Prefix, "/") + "/$metadata#" + s.kind.set
}
