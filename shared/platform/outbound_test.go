package platform

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
		// IPv4 in every form that IPv6 has for it: mapped, translated, by NAT64 near and far, compatible, Teredo, ISATAP.
		"https://[::ffff:10.0.0.1]/", "https://[::ffff:8.8.8.8]/", "https://[::ffff:0:10.0.0.1]/", "https://[64:ff9b:2::1]/", "https://[64:ff9b:2:a00:1::]/", "https://[64:ff9b:ffff::1]/", "https://[::a00:1]/",
		"https://[2001:0:53aa:64c::1]/", "https://[2606:2800:220:1:0:5efe:a00:1]/", "https://[2606:2800:220:1:200:5efe:a00:1]/", "https://[5f00::1]/", "https://[100::1]/", "https://[4000::1]/", "https://[3fff::1]/",
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
	for _, address := range []string{"127.0.0.1:443", "10.1.2.3:443", "169.254.169.254:80", "[::1]:443", "[::ffff:10.0.0.1]:443", "[fe80::1%eth0]:443", "[64:ff9b::a00:1]:443", "0.0.0.0:443", "100.100.100.200:80", "[fd00:ec2::254]:80",
		"[64:ff9b:2::a00:1]:443", "[::ffff:0:a00:1]:443", "[2606:2800:220:1:0:5efe:a00:1]:443"} {
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
	var within *httptest.Server
	within = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/301", "/302", "/303", "/307", "/308":
			status, _ := strconv.Atoi(r.URL.Path[1:])
			http.Redirect(w, r, within.URL+"/inner", status)
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
	if _, err := NewOutbound(nil).Send(t.Context(), OutboundCall{Method: "POST", URL: within.URL}); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("this machine is called: %v", err)
	}
	out := NewOutbound([]string{at.Host})
	for path, want := range map[string]int{"/301": 301, "/302": 302, "/303": 303, "/307": 307, "/308": 308, "/long": 200, "/wait": 429} {
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

// A private host is let in with the port that is named, and nothing else of it is.
func TestAPrivateHostIsAllowedWithItsPort(t *testing.T) {
	t.Parallel()
	var reached [2]atomic.Int32
	var at [2]*url.URL
	for i := range reached {
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached[i].Add(1) }))
		defer server.Close()
		at[i], _ = url.Parse(server.URL) // which the server wrote
	}
	out := NewOutbound([]string{at[0].Host, "desk.contoso.local:443", "[fd00::1]:80"})
	for i, want := range []bool{true, false} {
		_, err := out.Send(t.Context(), OutboundCall{Method: "POST", URL: at[i].String()})
		if reached := reached[i].Load() == 1; reached != want || want && err != nil || !want && !errors.Is(err, ErrNotAllowed) {
			t.Errorf("%s was reached: %t, %v", at[i], reached, err)
		}
	}
	for address, want := range map[string]bool{
		"https://desk.contoso.local/": true, "https://DESK.contoso.local:443/": true, "https://desk.contoso.local:8443/": false, "http://desk.contoso.local/": false,
		"http://[fd00::1]/": true, "https://[fd00::1]/": false, "http://[fd00::2]/": false,
	} {
		if err := out.Allowed(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// names is a name server on loopback whose answers to one name change with each look.
type names struct {
	mu      sync.Mutex
	answers [][]string     // of one look after the other; the last one stays
	looks   map[uint16]int // by the family that is asked for: both are at each look
}

// resolver asks it instead of the machine's own.
func (n *names) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		query := make([]byte, 1500)
		for {
			size, from, err := socket.ReadFrom(query)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(n.answer(query[:size]), from)
		}
	}()
	return &net.Resolver{PreferGo: true, StrictErrors: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// answer is that of DNS: the question again, and the addresses of the asked family (RFC 1035, section 4).
func (n *names) answer(query []byte) []byte {
	end := 12
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	asked, question := binary.BigEndian.Uint16(query[end+1:]), query[12:end+5]
	n.mu.Lock()
	defer n.mu.Unlock()
	addresses := n.answers[min(n.looks[asked], len(n.answers)-1)]
	n.looks[asked]++
	var records []byte
	count := uint16(0)
	for _, text := range addresses {
		ip := netip.MustParseAddr(text)
		if ip.Is4() != (asked == 1) {
			continue
		}
		count++
		records = append(records, 0xc0, 12) // the name of the question
		records = binary.BigEndian.AppendUint16(records, asked)
		records = append(records, 0, 1, 0, 0, 0, 0)
		records = binary.BigEndian.AppendUint16(records, uint16(ip.BitLen()/8))
		records = append(records, ip.AsSlice()...)
	}
	reply := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1}, byte(count>>8), byte(count), 0, 0, 0, 0)
	return append(append(reply, question...), records...)
}

// A name is nothing but what it leads to when the connection is made: of several addresses those within are never dialed, and what a name led to a moment ago counts for nothing.
func TestNamesThatLeadWithin(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	within := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer within.Close()
	_, port, err := net.SplitHostPort(within.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	errStopped := errors.New("stopped before it goes out")
	const public, publicV6 = "93.184.216.34", "2606:2800:220:1::1"
	for what, test := range map[string]struct {
		answers [][]string
		dialed  []string // that would have gone out, of all sends
		refused []bool   // each send
	}{
		"this machine":                {[][]string{{"127.0.0.1"}}, nil, []bool{true}},
		"this machine, in both forms": {[][]string{{"127.0.0.1", "::1"}}, nil, []bool{true}},
		"an IPv4 address in IPv6":     {[][]string{{"::ffff:127.0.0.1"}}, nil, []bool{true}},
		"translated, 6to4, local":     {[][]string{{"64:ff9b::7f00:1", "2002:7f00:1::1", "fc00::1", "fe80::1"}}, nil, []bool{true}},
		"metadata":                    {[][]string{{"169.254.169.254", "168.63.129.16"}}, nil, []bool{true}},
		"a carrier's and a company's": {[][]string{{"100.64.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1"}}, nil, []bool{true}},
		"nothing":                     {[][]string{{"0.0.0.0", "::"}}, nil, []bool{true}},
		"within and without":          {[][]string{{"127.0.0.1", public}}, []string{public}, []bool{false}},
		"without and within":          {[][]string{{public, publicV6, "127.0.0.1", "::1"}}, []string{publicV6, public}, []bool{false}},
		"without, then within":        {[][]string{{public}, {"127.0.0.1"}, {"::1"}}, []string{public}, []bool{false, true, true}},
	} {
		out, server := NewOutbound(nil), &names{answers: test.answers, looks: map[uint16]int{}}
		var mu sync.Mutex
		var dialed []string
		check := out.public.Control
		out.public.Resolver = server.resolver(t)
		out.public.Control = func(network, address string, c syscall.RawConn) error {
			if err := check(network, address, c); err != nil {
				return err
			}
			host, _, _ := net.SplitHostPort(address)
			mu.Lock()
			defer mu.Unlock()
			dialed = append(dialed, host)
			return errStopped // a test goes no further
		}
		for n, refused := range test.refused {
			_, err := out.Send(t.Context(), OutboundCall{Method: "POST", URL: "https://name.example:" + port + "/", Body: []byte("{}")})
			if err == nil || refused && !errors.Is(err, ErrNotAllowed) {
				t.Errorf("%s, time %d: %v", what, n+1, err)
			}
		}
		mu.Lock()
		slices.Sort(dialed)
		slices.Sort(test.dialed)
		if !slices.Equal(dialed, test.dialed) {
			t.Errorf("%s: dialed were %v, want %v", what, dialed, test.dialed)
		}
		mu.Unlock()
	}
	if reached.Load() != 0 {
		t.Error("this machine was reached")
	}
}
