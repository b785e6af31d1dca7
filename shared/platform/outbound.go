package platform

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrNotAllowed: the address is one that requests must not go to. Waiting does not mend it.
var ErrNotAllowed = errors.New("outbound: the address is not allowed")

// OutboundCall is one HTTP request to an address that people configured.
type OutboundCall struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte
}

// OutboundReply is the answer. Its body is cut at MaxReply.
type OutboundReply struct {
	Status int
	Body   []byte
	After  time.Duration // how long the other side asks to wait; zero: it does not say
}

// Bounds of one outbound request.
const (
	MaxReply        = 64 << 10
	outboundTimeout = 20 * time.Second
	longestWait     = time.Hour
)

// Outbound sends HTTP requests to addresses that people configure, and to public ones only: private, loopback, link-local and other special addresses are refused when the connection is made, by the
// address that the name was resolved to, so that neither a name nor a change of it leads inside. It follows no redirect, uses no proxy, and bounds time and size.
type Outbound struct {
	private []string    // host:port that may be private, in lower case
	public  *net.Dialer // to all others
	client  *http.Client
}

// NewOutbound makes one. Those in private, each host:port in lower case, may resolve to private addresses, and be spoken to over plain http.
func NewOutbound(private []string) *Outbound {
	o := &Outbound{private: private}
	o.public = &net.Dialer{Timeout: 5 * time.Second, Control: func(network, address string, _ syscall.RawConn) error { return checkDial(network, address) }}
	inside := &net.Dialer{Timeout: 5 * time.Second}
	o.client = HTTPClient(&http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if slices.Contains(o.private, strings.ToLower(address)) {
				return inside.DialContext(ctx, network, address)
			}
			return o.public.DialContext(ctx, network, address)
		},
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: outboundTimeout, MaxResponseHeaderBytes: 32 << 10,
		MaxIdleConns: 50, MaxIdleConnsPerHost: 10, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
	}, outboundTimeout)
	return o
}

// HostOf is where an address leads: its host and port in lower case, the port of its scheme if it names none.
func HostOf(at *url.URL) string {
	return strings.ToLower(net.JoinHostPort(at.Hostname(), cmp.Or(at.Port(), map[string]string{"https": "443", "http": "80"}[at.Scheme])))
}

// Allowed says whether requests may go to an address, as far as its spelling tells. Errors: ErrNotAllowed.
func (o *Outbound) Allowed(address string) error {
	at, err := url.Parse(address)
	switch {
	case err != nil || at.Host == "" || at.Opaque != "":
		return fmt.Errorf("%w: it is no URL", ErrNotAllowed)
	case at.User != nil || at.Fragment != "":
		return fmt.Errorf("%w: it holds credentials or a fragment", ErrNotAllowed)
	case slices.Contains(o.private, HostOf(at)) && (at.Scheme == "https" || at.Scheme == "http"):
		return nil
	case at.Scheme != "https":
		return fmt.Errorf("%w: it is not https", ErrNotAllowed)
	}
	host := strings.TrimSuffix(strings.ToLower(at.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return checkAddress(ip)
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case !strings.Contains(host, "."), slices.Contains([]string{"localhost", "local", "internal", "lan", "home", "arpa"}, last):
		return fmt.Errorf("%w: %q is no public name", ErrNotAllowed, host)
	case strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"): // 127.1, 0x7f.1 and the like: an address in a form that resolvers read differently
		return fmt.Errorf("%w: %q is no name", ErrNotAllowed, host)
	}
	return nil
}

// checkDial refuses a connection to an address that is not public. It runs after the name was resolved, for every address that is tried.
func checkDial(network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: %s", ErrNotAllowed, network)
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotAllowed, err)
	}
	return checkAddress(at.Addr())
}

// unicast is all of IPv6 that is given out to be reached. What lies outside is local, or holds an IPv4 address in one of its forms (::ffff:0:0/96, ::ffff:0:0:0/96, 64:ff9b::/16).
var unicast = netip.MustParsePrefix("2000::/3")

// special are the ranges that are not public within IPv4 and within unicast, beside those that netip knows by name (IANA's special-purpose registries). Teredo is in 2001::/23, 6to4 is 2002::/16.
var special = func() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "168.63.129.16/32",
		"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}()

func checkAddress(ip netip.Addr) error {
	ip = ip.WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Is6() && (!unicast.Contains(ip) || isISATAP(ip)) ||
		slices.ContainsFunc(special, func(prefix netip.Prefix) bool { return prefix.Contains(ip) }) {
		return fmt.Errorf("%w: %s is not public", ErrNotAllowed, ip)
	}
	return nil
}

// isISATAP says whether an interface is named by the IPv4 address that it is reached through (RFC 5214): 0:5efe or 200:5efe before it.
func isISATAP(ip netip.Addr) bool {
	bytes := ip.As16()
	return bytes[8]&^2 == 0 && bytes[9] == 0 && bytes[10] == 0x5e && bytes[11] == 0xfe
}

// Send sends one request. Errors: ErrNotAllowed, and those of the network, whose text holds no more of the address than its host.
func (o *Outbound) Send(ctx context.Context, call OutboundCall) (OutboundReply, error) {
	if err := o.Allowed(call.URL); err != nil {
		return OutboundReply{}, err
	}
	request, err := http.NewRequestWithContext(ctx, call.Method, call.URL, bytes.NewReader(call.Body))
	if err != nil {
		return OutboundReply{}, fmt.Errorf("%w: the request cannot be made", ErrNotAllowed)
	}
	maps.Copy(request.Header, call.Header)
	request.Header.Set("User-Agent", "Latchkey")
	response, err := o.client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok { // its text has the whole address, which may hold a secret
			err = wrapped.Err
		}
		return OutboundReply{}, fmt.Errorf("outbound: %s: %w", request.URL.Hostname(), err)
	}
	defer func() { _ = response.Body.Close() }()
	reply := OutboundReply{Status: response.StatusCode}
	if seconds, err := time.ParseDuration(response.Header.Get("Retry-After") + "s"); err == nil && seconds > 0 {
		reply.After = min(seconds, longestWait)
	}
	if reply.Body, err = io.ReadAll(io.LimitReader(response.Body, MaxReply)); err != nil {
		return reply, fmt.Errorf("outbound: %s: %w", request.URL.Hostname(), err)
	}
	return reply, nil
}

// NoOutbound sends nothing.
type NoOutbound struct{}

// Allowed allows nothing.
func (NoOutbound) Allowed(string) error {
	return fmt.Errorf("%w: nothing is sent from here", ErrNotAllowed)
}

// Send sends nothing.
func (n NoOutbound) Send(_ context.Context, call OutboundCall) (OutboundReply, error) {
	return OutboundReply{}, n.Allowed(call.URL)
}
