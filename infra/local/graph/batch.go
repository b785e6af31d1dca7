package graph

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxBatch is Graph's bound of requests in one batch.
const maxBatch = 20

type batchRequest struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

// batch does the requests one after the other, in their order; what depends on a failed one is 424. Each needs its own permission.
func (c *call) batch() (reply, error) {
	var body struct {
		Requests []batchRequest `json:"requests"`
	}
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	if len(body.Requests) == 0 || len(body.Requests) > maxBatch {
		return reply{}, bad(fmt.Sprintf("A batch has 1 to %d requests.", maxBatch))
	}
	status := map[string]int{}
	b := []byte(`{"responses":[`)
	for n, one := range body.Requests {
		if _, twice := status[one.ID]; twice || one.ID == "" {
			return reply{}, bad("Every request of a batch needs an id of its own.")
		}
		answer, err := c.batched(one, status)
		if err != nil {
			return reply{}, err
		}
		status[one.ID] = answer.status
		if n > 0 {
			b = append(b, ',')
		}
		b = appendBatchAnswer(b, one.ID, c, answer)
	}
	return reply{status: http.StatusOK, body: append(b, "]}"...)}, nil
}

func (c *call) batched(one batchRequest, status map[string]int) (reply, error) {
	for _, id := range one.DependsOn {
		before, ok := status[id]
		if !ok {
			return reply{}, bad("A request depends on '" + id + "', which is not before it.")
		}
		if before >= http.StatusBadRequest {
			return refusal(&problem{status: http.StatusFailedDependency, code: "FailedDependency", message: "A request that this one depends on has failed."}), nil
		}
	}
	root, err := url.Parse(c.root)
	if err != nil {
		return reply{}, bad("The request's address is malformed.")
	}
	at, err := url.Parse(root.Path + "/" + strings.TrimPrefix(one.URL, "/"))
	if err != nil || at.Host != "" || strings.Contains(at.Path, "$batch") {
		return refusal(bad("The url '" + one.URL + "' is not relative to the version.")), nil
	}
	request := &http.Request{
		Method: strings.ToUpper(one.Method), URL: at, Host: c.request.Host, RemoteAddr: c.request.RemoteAddr, TLS: c.request.TLS,
		Header: http.Header{}, Body: http.NoBody,
	}
	request = request.WithContext(c.request.Context())
	for name, value := range one.Headers {
		request.Header.Set(name, value)
	}
	request.Header.Del("Authorization") // the batch's own counts for all of it
	if token, ok := c.request.Header["Authorization"]; ok {
		request.Header["Authorization"] = token
	}
	if len(one.Body) > 0 && string(one.Body) != "null" {
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(one.Body)), int64(len(one.Body))
	}
	return c.server.serve(request), nil
}

func appendBatchAnswer(b []byte, id string, c *call, answer reply) []byte {
	b = append(b, '{')
	b = appendProperty(b, "id", id)
	b = appendProperty(b, "status", answer.status)
	headers := map[string]string{}
	if answer.retryAfter > 0 {
		headers["Retry-After"] = fmt.Sprint(int(answer.retryAfter.Seconds()))
	}
	if answer.location != "" {
		headers["Location"] = answer.location
	}
	body := answer.body
	if answer.problem != nil {
		requestID := c.server.ids()
		body = answer.problem.append(nil, requestID, requestID, c.server.clock.Now())
	}
	if len(body) > 0 && !answer.text {
		headers["Content-Type"] = "application/json"
	}
	b = appendProperty(b, "headers", headers)
	switch {
	case len(body) == 0:
	case answer.text:
		b = appendProperty(b, "body", string(body))
	default:
		b = append(appendName(b, "body"), body...)
	}
	return append(b, '}')
}
