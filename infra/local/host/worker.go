package host

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"
)

// ErrStopped: the host has stopped, by Stop or because the handler crashed too often.
var ErrStopped = errors.New("host: stopped")

// worker is the handler as the host sees it: something at an address that may die and come back at another.
type worker interface {
	// start brings the handler up; it returns when the first one is ready.
	start(ctx context.Context) error
	// endpoint waits until the handler is ready. Errors: ErrStopped, that of the context.
	endpoint(ctx context.Context) (*endpoint, error)
	// kill ends the life of the handler at this endpoint, and with it all that it has in hand; another takes its place. crash says that it counts as one.
	kill(at *endpoint, crash bool)
	// stop ends the handler for good.
	stop()
	// pid is the process of the handler, 0 if it is not a child or none runs.
	pid() int
	// failed is closed when the handler has been given up; err says why.
	failed() <-chan struct{}
	err() error
}

// endpoint is one life of the handler.
type endpoint struct {
	base      *url.URL
	transport *http.Transport
	gone      context.Context
	leave     context.CancelCauseFunc
}

// maxIdle keeps a connection for everything that may run at once.
const maxIdle = 1024

var errHandlerGone = errors.New("host: the handler died")

func newEndpoint(base *url.URL) *endpoint {
	transport := &http.Transport{
		MaxIdleConns: maxIdle, MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: 90 * time.Second, DisableCompression: true, Proxy: nil,
	}
	e := &endpoint{base: base, transport: transport}
	e.gone, e.leave = context.WithCancelCause(context.Background())
	return e
}

func (e *endpoint) die() {
	e.leave(errHandlerGone)
	e.transport.CloseIdleConnections()
}

// probePeriod is how often the host knocks at a handler that starts.
const probePeriod = 25 * time.Millisecond

// probe waits for any answer to GET /. Any answer will do: only a refused connection means that the handler is not there yet.
func (e *endpoint) probe(ctx context.Context) error {
	ticker := time.NewTicker(probePeriod)
	defer ticker.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base.String()+"/", nil)
		if err != nil {
			return err
		}
		response, err := e.transport.RoundTrip(request)
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection can be used again
			return response.Body.Close()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
