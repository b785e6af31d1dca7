package hostwire

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// HTTPOutput is the name of the http output of every function over HTTP: the host takes an answer in the envelope from there.
const HTTPOutput = "response"

// maxHTTPEnvelope is ample for a body of a megabyte, twice quoted, and its headers, which come twice.
const maxHTTPEnvelope = 8 << 20

// unproxied serves the API to hosts that do not know enableProxyingHttpRequest, those of before the summer of 2025 and the container images made from them: they post a
// request in the envelope to the function's path, and take the answer from an output. A body without a length does not come through there; all else does.
type unproxied struct{ api http.Handler }

// ServeHTTP implements http.Handler. What is no request in an envelope is answered as an unknown function's path.
func (u unproxied) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := unwrap(w, r)
	if err != nil {
		WriteFailure(w, http.StatusNotFound, "notFound", "No function has this path.")
		return
	}
	a := &answer{header: http.Header{}}
	u.api.ServeHTTP(a, request)
	body, _ := json.Marshal(map[string]any{"Outputs": map[string]any{HTTPOutput: a.output()}}) // text always marshals
	writeJSON(w, http.StatusOK, body)
}

var errNoRequest = errors.New("hostwire: no request in an envelope")

// unwrap makes the request that the client sent of that which the host posts. Its path must be one from outside; its headers say of its origin what a proxying host would.
func unwrap(w http.ResponseWriter, r *http.Request) (*http.Request, error) {
	if r.Method != http.MethodPost || !isJSON(r) {
		return nil, errNoRequest
	}
	envelope, err := readBody(w, r, maxHTTPEnvelope)
	if err != nil {
		return nil, err
	}
	in, err := Decode(envelope)
	if err != nil {
		return nil, err
	}
	raw, err := in.only()
	if err != nil {
		return nil, err
	}
	var sent struct {
		URL     string `json:"Url"`
		Method  string
		Headers map[string][]string
		Body    string
	}
	if err := json.Unmarshal(raw, &sent); err != nil {
		return nil, err
	}
	at, err := url.Parse(sent.URL)
	if err != nil || !strings.HasPrefix(at.Path, RoutePrefix) {
		return nil, errNoRequest
	}
	request, err := http.NewRequestWithContext(r.Context(), sent.Method, sent.URL, strings.NewReader(sent.Body))
	if err != nil {
		return nil, err
	}
	request.RequestURI = at.RequestURI()
	for name, values := range sent.Headers {
		for _, value := range values {
			request.Header.Add(name, value)
		}
	}
	for _, name := range [...]string{"Host", "Content-Length", "Connection"} {
		request.Header.Del(name)
	}
	request.Header.Set("X-Forwarded-Host", at.Host)
	request.Header.Set("X-Forwarded-Proto", at.Scheme)
	request.Header.Set("X-Azure-Functions-Invocationid", RequestInvocation(r))
	return request, nil
}

// answer keeps what the API writes.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

// output is the value of the http output. The body is always there and always text: without it the host would not look at the status.
func (a *answer) output() map[string]any {
	a.WriteHeader(http.StatusOK)
	headers := make(map[string]string, len(a.header))
	for name, values := range a.header {
		if name != "Content-Length" {
			headers[name] = strings.Join(values, ", ")
		}
	}
	return map[string]any{"statusCode": strconv.Itoa(a.status), "headers": headers, "body": a.body.String()}
}
