package platform

import (
	"net/http"
	"time"
)

// HTTPClient is the client that everything here speaks HTTP with: it follows no redirect. One would carry a token, a key, a change or what was asked to where nobody configured it to go; the
// caller gets the redirect itself, and it is a failure like another. A transport that is nil is one of its own, as the standard library's is; a timeout that is zero leaves the end to the context.
func HTTPClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	if transport == nil {
		transport = NewTransport()
	}
	return &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// NewTransport is a transport as the standard library's, with connections of its own.
func NewTransport() *http.Transport {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // somebody has put another in its place
		return &http.Transport{}
	}
	return transport.Clone()
}
