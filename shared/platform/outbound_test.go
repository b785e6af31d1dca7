package platform

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// Every spelling of an address within is refused: by its spelling, or when the connection is made.
func TestAddressesWithinAreRefused(t *testing.T) {
	t.Parallel()
	out := NewOutbound(nil)
	for _, address := range []string{
		"https://127.0.0.1/", "https://127.1/", "https://0x7f.0.0.1/", "https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/", "https://0.0.0.0/", "https://0/", "https://localhost/", "https://LOCALHOST./",
		"https://a.localhost/", "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[64:ff9b::a9fe:a9fe]/",
		"https://[64:ff9b:1::1]/", "https://[2002:7f00:1::]/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fc00::1]/", "https://[fd12:3456::1]/", "https://[ff02::1]/", "https://[fec0::1]/", "https://[2001:db8::1]/",
		"https://10.0.0.1/", "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/", "https://169.254.169.254/metadata", "https://168.63.129.16/", "https://100.64.0.1/", "https://100.127.255.255/",
		"https://224.0.0.1/", "https://255.255.255.255/", "https://240.0.0.1/", "https://198.18.0.1/", "https://192.0.2.1/", "https://metadata.google.internal/", "https://server/", "https://db.local/", "https://x.home.arpa/",
		"http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "https://user@example.com/", "https://user:pass@127.0.0.1/", "https:///x", "https://", "//example.com", "example.com", "https://example.com/#f",
	} {
		if err := out.Allowed(address); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s is allowed: %v", address, err)
		}
		if _, err := out.Send(t.Context(), OutboundCall{Method: "POST", URL: address}); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s is called: %v", address, err)
		}
	}
	for _, address := range []string{"https://example.com/", "https://hooks.example.com:8443/a?b=c", "https://93.184.216.34/", "https://[2606:2800:220:1::1]/"} {
		if err := out.Allowed(address); err != nil {
			t.Errorf("%s is not allowed: %v", address, err)
		}
	}
}

// A name is judged by what it resolves to at the moment of the connection, so that rebinding it leads nowhere.
func TestConnectionsAreJudgedByTheirAddress(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:443", "10.1.2.3:443", "169.254.169.254:80", "[::1]:443", "[::ffff:10.0.0.1]:443", "[fe80::1%eth0]:443", "[64:ff9b::a00:1]:443", "0.0.0.0:443", "100.100.100.200:80", "[fd00:ec2::254]:80"} {
		network := "tcp4"
		if strings.HasPrefix(address, "[") {
			network = "tcp6"
		}
		if err := checkDial(network, address); !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s is dialed: %v", address, err)
		}
	}
	if err := checkDial("unix", "/var/run/docker.sock"); !errors.Is(err, ErrNotAllowed) {
		t.Error("a socket is dialed")
	}
	if err := checkDial("tcp4", "93.184.216.34:443"); err != nil {
		t.Error(err)
	}
	// A public name that resolves to this machine: Allowed cannot know, the dialer does.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	transport, ok := NewOutbound(nil).client.Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	if _, err := transport.DialContext(t.Context(), "tcp", listener.Addr().String()); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("what a name resolves to within is dialed: %v", err)
	}
}

// Redirects are not followed, answers are bounded, and an error holds no more of the address than its host.
func TestWhatIsSentAndRead(t *testing.T) {
	t.Parallel()
	var inner atomic.Int32
	within := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/inner", http.StatusTemporaryRedirect)
		case "/inner":
			inner.Add(1)
		case "/long":
			_, _ = io.WriteString(w, strings.Repeat("x", 2*MaxReply))
		case "/wait":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case "/break":
			panic(http.ErrAbortHandler)
		}
	}))
	defer within.Close()
	at, err := url.Parse(within.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := netip.ParseAddr(at.Hostname()); err != nil {
		t.Fatal(err)
	}
	if _, err := NewOutbound(nil).Send(t.Context(), OutboundCall{Method: "POST", URL: within.URL}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("this machine is called: %v", err)
	}
	out := NewOutbound([]string{at.Hostname()})
	for path, want := range map[string]int{"/redirect": 307, "/long": 200, "/wait": 429} {
		reply, err := out.Send(t.Context(), OutboundCall{Method: "POST", URL: within.URL + path, Body: []byte("{}")})
		if err != nil || reply.Status != want || len(reply.Body) > MaxReply || path == "/wait" && reply.After.Seconds() != 7 {
			t.Errorf("%s: %d, %d bytes, %v", path, reply.Status, len(reply.Body), err)
		}
	}
	if inner.Load() != 0 {
		t.Error("a redirect was followed")
	}
	if _, err := out.Send(t.Context(), OutboundCall{Method: "POST", URL: within.URL + "/break?sig=hidden"}); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("the error is %v", err)
	}
}
