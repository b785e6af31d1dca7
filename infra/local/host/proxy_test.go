package host

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/infra/local/fault"
)

// TestProxyPassesRequestsOnAsTheHostDoes: method, query, headers and body as they came, the path decoded and encoded again, the address of the handler as Host and that which the
// client called in X-Forwarded-Host, as the host's own test IncludesXForwardedHeaders and YARP's RequestUtilities have it.
func TestProxyPassesRequestsOnAsTheHostDoes(t *testing.T) {
	var got *http.Request
	var body string
	s := newStand(t, true, mux(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusSeeOther)
		_, _ = io.WriteString(w, "answer")
	}), nil).start()
	const target = "/api/v1.0/things(a='x%2Fy')/b%20c/?$filter=a%20eq%20'b;c'&x=1&x=2&broken=%zz;&empty"
	path := strings.Replace(target, "things(", "things/(", 1)
	want := strings.Replace(path, "%2F", "%252F", 1)
	request, err := http.NewRequest(http.MethodPatch, s.public.URL+path, struct{ io.Reader }{strings.NewReader("a body in chunks")})
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "governance.example"
	request.Header.Set("X-Forwarded-Host", "forged.example")
	request.Header.Set("X-Forwarded-For", "192.0.2.7")
	request.Header.Set("X-Azure-Functions-InvocationId", "forged")
	request.Header.Set("Authorization", "Bearer x")
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got.RequestURI != want || got.Method != http.MethodPatch || body != "a body in chunks" || "http://"+got.Host != s.handler.URL {
		t.Errorf("%s %s %s %q", got.Method, got.Host, got.RequestURI, body)
	}
	if id := got.Header.Values("X-Azure-Functions-InvocationId"); len(id) != 1 || id[0] == "forged" || got.Header.Get("X-Ms-Invocation-Id") != id[0] ||
		got.Header.Get("X-Azure-Functions-HostVersion") == "" || got.Header.Get("X-Forwarded-Host") != "governance.example" ||
		got.Header.Get("X-Forwarded-For") != "127.0.0.1" || got.Header.Get("X-Forwarded-Proto") != "http" || got.Header.Get("Authorization") != "Bearer x" {
		t.Errorf("%v", got.Header)
	}
	answer, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusSeeOther || string(answer) != "answer" || len(response.Header.Values("Set-Cookie")) != 2 || response.Header.Get("Location") != "/elsewhere" {
		t.Errorf("%d %q %v", response.StatusCode, answer, response.Header)
	}
}

// What comes out of the encoding is one path, whatever the client wrote: nothing is decoded a second time.
func TestPathsAreEncodedOnce(t *testing.T) {
	for raw, want := range map[string]string{
		"/api/a%20b":              "/api/a%20b",
		"/api/%41":                "/api/A",
		"/api/a%2fb%2Fc":          "/api/a%252fb%252Fc",
		"/api/%252e%252e/outbox":  "/api/%252e%252e/outbox",
		"/api/x(on='%C3%BC')":     "/api/x(on='%C3%BC')",
		"/api/%FF":                "/api/%25FF",
		"/api/%3Fa%23b%7Bc%7D":    "/api/%3Fa%23b%7Bc%7D",
		"/api/$count;a=b,c*+~_-.": "/api/$count;a=b,c*+~_-.",
	} {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := yarpPath(kestrelPath(u)); got != want {
			t.Errorf("%s becomes %s, want %s", raw, got, want)
		}
	}
}

// A request without a body is sent again when the handler died over it, and one with a body is not.
func TestRequestsWithoutBodyAreRepeated(t *testing.T) {
	var calls atomic.Int32
	s := newStand(t, true, mux(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
		ok(w)
	}), nil).start()
	if status, _ := s.call("DELETE", "/api/v1.0/things/1", "", ""); status != 200 || calls.Load() != 2 {
		t.Errorf("without a body: %d after %d calls", status, calls.Load())
	}
	calls.Store(0)
	if status, _ := s.call("POST", "/api/v1.0/things/1", "", "{}"); status != 502 || calls.Load() != 1 {
		t.Errorf("with a body: %d after %d calls", status, calls.Load())
	}
}

func TestNothingElseReachesTheHandler(t *testing.T) {
	var calls atomic.Int32
	s := newStand(t, true, mux(func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); ok(w) }), nil).start()
	for _, path := range []string{"/work", "/minutely", "/api/work", "/api", "/api/", "/api/v1.0/other", "/other", "/api/v1.0/things/../../../work", "/api/v1.0/things/%2e%2e/%2e%2e/%2e%2e/work"} {
		conn, err := net.Dial("tcp", s.public.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
		response.Body.Close()
		conn.Close()
	}
	if status, _ := s.call("GET", "/", "", ""); status != 200 {
		t.Errorf("GET /: %d", status)
	}
	if calls.Load() != 0 {
		t.Errorf("the handler was called %d times", calls.Load())
	}
	if status, _ := s.call("POST", "/api/v1.0/things/1", "", ""); status != 200 || calls.Load() != 1 {
		t.Errorf("a thing: %d", status)
	}
}

func TestProxyStreams(t *testing.T) {
	next := make(chan struct{})
	s := newStand(t, true, mux(func(w http.ResponseWriter, _ *http.Request) {
		for range 3 {
			_, _ = io.WriteString(w, "piece\n")
			_ = http.NewResponseController(w).Flush()
			<-next
		}
	}), nil).start()
	response, err := http.Get(s.public.URL + "/api/v1.0/things")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	reader := bufio.NewReader(response.Body)
	for range 3 { // each piece arrives before the next is written
		if line, err := reader.ReadString('\n'); err != nil || line != "piece\n" {
			t.Fatalf("%q, %v", line, err)
		}
		next <- struct{}{}
	}
}

func TestClientThatLeavesIsNoticed(t *testing.T) {
	began, left := make(chan struct{}), make(chan struct{})
	s := newStand(t, true, mux(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		close(left)
	}), nil).start()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.public.URL+"/api/v1.0/things", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultTransport.RoundTrip(request); err == nil {
		response.Body.Close()
		t.Error("answered")
	}
	<-left
}

func TestFaultsOfThePublicPort(t *testing.T) {
	var calls atomic.Int32
	s := newStand(t, true, mux(func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); ok(w) }), nil).start()
	for _, c := range []struct {
		kind   fault.Kind
		status int // 0: no answer
		calls  int32
	}{{fault.Error, 503, 0}, {fault.Throttle, 429, 0}, {fault.LostResponse, 0, 1}, {fault.Delay, 200, 1}} {
		calls.Store(0)
		s.faults.Add(fault.Fault{Target: fault.Handler, Kind: c.kind, Count: 1})
		if status, body := s.call("POST", "/api/v1.0/things", "", ""); status != c.status || calls.Load() != c.calls {
			t.Errorf("%s: %d %s, %d calls", c.kind, status, body, calls.Load())
		}
	}
}

func TestRequestTooLarge(t *testing.T) {
	s := newStand(t, true, mux(func(w http.ResponseWriter, _ *http.Request) { t.Error("reached"); ok(w) }), nil).start()
	conn, err := net.Dial("tcp", s.public.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "POST /api/v1.0/things HTTP/1.1\r\nHost: h\r\nContent-Length: 104857601\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%d", response.StatusCode)
	}
}
