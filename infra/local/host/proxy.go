package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"time"

	"latchkey/infra/local/fault"
)

// proxy passes requests on to the handler as YARP does for the real host: the method, the query and the client's headers as they are, the path decoded by Kestrel and encoded
// again, the handler's own address as Host, the client's in X-Forwarded-*; bodies streamed in both directions.
type proxy struct {
	host    *Host
	reverse *httputil.ReverseProxy
}

// maxRequestBody is what the host takes from outside.
const maxRequestBody = 100 << 20

func newProxy(h *Host) *proxy {
	p := &proxy{host: h}
	p.reverse = &httputil.ReverseProxy{
		Transport:  retrying{h},
		BufferPool: &buffers{},
		Rewrite: func(r *httputil.ProxyRequest) {
			// The proxy of the standard library drops these by itself; the host does not.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			if values, ok := r.In.Header["Forwarded"]; ok {
				r.Out.Header["Forwarded"] = values
			}
			r.SetXForwarded() // what the client said of them is gone
			id := newID()
			r.Out.URL.Scheme = "http"
			r.Out.URL.Path = kestrelPath(r.In.URL)
			r.Out.URL.RawPath = yarpPath(r.Out.URL.Path)
			r.Out.Host = "" // that of the handler of the moment
			r.Out.Header["X-Azure-Functions-Hostversion"] = []string{version}
			r.Out.Header["X-Azure-Functions-Invocationid"] = []string{id}
			r.Out.Header["X-Ms-Invocation-Id"] = []string{id}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil {
				h.options.Logger.Error("the request was not answered", "method", r.Method, "error", err)
			}
			status := http.StatusBadGateway
			if errors.Is(err, ErrStopped) || errors.Is(err, context.DeadlineExceeded) {
				status = http.StatusServiceUnavailable
			}
			if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
				status = http.StatusRequestEntityTooLarge
			}
			w.WriteHeader(status)
		},
		ErrorLog: slog.NewLogLogger(h.options.Logger.Handler(), slog.LevelWarn),
	}
	return p
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request, f *function) {
	h := p.host
	f.invocations.Add(1)
	h.active.begin()
	defer h.active.end()
	if r.ContentLength > maxRequestBody {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBody)
	}
	switch strike := h.options.Faults.Strike(fault.Handler); strike {
	case fault.Throttle:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case fault.Error:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case fault.Delay:
		if pause(r.Context(), fault.DelayTime) != nil {
			return
		}
	case fault.Kill:
		if at, err := h.ready(r.Context()); err == nil {
			time.AfterFunc(rand.N(maxKillDelay), func() { h.worker.kill(at, true) })
		}
	case fault.LostResponse:
		p.reverse.ServeHTTP(nowhere{http.Header{}}, r)
		panic(http.ErrAbortHandler) // net/http's way to break the connection
	}
	p.reverse.ServeHTTP(w, r)
}

// nowhere takes a response that nobody will see.
type nowhere struct{ header http.Header }

func (n nowhere) Header() http.Header         { return n.header }
func (n nowhere) WriteHeader(int)             {}
func (n nowhere) Write(p []byte) (int, error) { return len(p), nil }

// retrying sends a request to the handler of the moment, and again if that could not be reached: then it has seen nothing of the request. One without a body is sent
// again also when the handler died over it: the host's RetryProxyHandler does not tell the two apart, and only a body that has been read keeps it from trying.
type retrying struct{ host *Host }

const (
	maxDials     = 10
	minDialPause = 50 * time.Millisecond
	maxDialPause = 250 * time.Millisecond
)

// RoundTrip implements http.RoundTripper.
func (t retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	body := r.Body
	bodiless := body == nil || body == http.NoBody
	if !bodiless {
		defer body.Close()
		r.Body = io.NopCloser(body) // a failed dial would close it
	}
	wait := minDialPause
	for dial := 1; ; dial++ {
		at, err := t.host.ready(r.Context())
		if err != nil {
			return nil, err
		}
		r.URL.Host = at.base.Host
		response, err := t.send(at, r)
		if err == nil {
			return response, nil
		}
		refused := (*net.OpError)(nil)
		if again := bodiless || errors.As(err, &refused) && refused.Op == "dial"; !again || dial == maxDials || r.Context().Err() != nil {
			return nil, err
		}
		if err := pause(r.Context(), wait); err != nil {
			return nil, err
		}
		wait = min(2*wait, maxDialPause)
	}
}

// stayAtHandler lets invocations follow redirects, as the real host does, but not away from the handler.
func stayAtHandler(r *http.Request, via []*http.Request) error {
	if r.URL.Host != via[0].URL.Host || len(via) >= 10 {
		return fmt.Errorf("host: the handler redirects to %s", r.URL.Host)
	}
	return nil
}

// send breaks the request off when the handler's life ends, also when what ends is only the host's idea of it.
func (t retrying) send(at *endpoint, r *http.Request) (*http.Response, error) {
	if used, ok := r.Context().Value(lifeKey{}).(*lifeUsed); ok {
		used.Store(at)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	stop := context.AfterFunc(at.gone, func() { cancel(errHandlerGone) })
	response, err := at.transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		stop()
		cancel(nil)
		return nil, err
	}
	response.Body = &attended{ReadCloser: response.Body, end: func() { stop(); cancel(nil) }}
	return response, nil
}

// attended is a body at whose end something is to be done.
type attended struct {
	io.ReadCloser
	end  func()
	once sync.Once
}

// Close implements io.Closer.
func (a *attended) Close() error {
	err := a.ReadCloser.Close()
	a.once.Do(a.end)
	return err
}

// Write lets an upgraded connection be written to.
func (a *attended) Write(p []byte) (int, error) {
	if w, ok := a.ReadCloser.(io.Writer); ok {
		return w.Write(p)
	}
	return 0, errors.ErrUnsupported
}

// buffers lends the proxy what it copies with.
type buffers struct{ pool sync.Pool }

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, 32<<10)
}

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put(&buffer) }

// ServeHTTP implements http.Handler: the public port. Only what lies under the route prefix and matches a function's route reaches the handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, ok := pathBelow(r, h.config.routePrefix); ok {
		for _, f := range h.routes {
			if f.route.matches(r.Method, path) {
				h.proxy.serve(w, r, f)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
		return
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/admin/"):
		h.admin(w, r)
	case r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "The functions host is running.\n")
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}
