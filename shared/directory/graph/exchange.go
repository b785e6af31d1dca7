package graph

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Bounds of what Graph may answer.
const (
	maxAnswer      = 16 << 20
	maxErrorAnswer = 64 << 10
	maxRetryAfter  = time.Hour // a longer wait than this is not believed
)

var errAnswerTooLarge = errors.New("graph: the answer is larger than 16 MiB")

// answer is what one HTTP exchange came to. The transport notes it,
// because Kiota's errors lose the status when the body is not the JSON that they expect, such as a proxy's page.
type answer struct {
	status     int
	code       string // of Graph's error
	message    string
	requestID  string
	retryAfter time.Duration
}

type answerKey struct{}

// exchange is the transport beneath the SDK: it notes the outcome, reads the error and bounds the answer.
type exchange struct {
	next http.RoundTripper
}

func newTransport() http.RoundTripper {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          128,
		MaxIdleConnsPerHost:   128, // there is one host
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// RoundTrip does one exchange.
func (e *exchange) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := e.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	seen, _ := request.Context().Value(answerKey{}).(*answer)
	if seen == nil {
		seen = &answer{}
	}
	*seen = answer{status: response.StatusCode, requestID: response.Header.Get("request-id")}
	if response.StatusCode < 300 {
		response.Body = &bounded{ReadCloser: response.Body, left: maxAnswer}
		return response, nil
	}
	seen.retryAfter = retryAfter(response.Header.Get("Retry-After"), response.Header.Get("Date"))
	seen.readError(response.Body)
	if challenge := response.Header.Get("WWW-Authenticate"); !strings.Contains(challenge, `claims="`) {
		response.Header.Del("WWW-Authenticate") // Kiota takes for granted that a challenge has claims in quotes
	}
	response.Body, response.ContentLength = http.NoBody, 0 // it is read
	return response, nil
}

func (a *answer) readError(body io.ReadCloser) {
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxErrorAnswer))
	if err != nil {
		return // the status says enough
	}
	var shape struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(text, &shape) == nil {
		a.code, a.message = shape.Error.Code, shape.Error.Message
	}
}

// retryAfter reads the header's two forms, seconds and a date; the date counts from the server's own clock.
func retryAfter(value, date string) time.Duration {
	if value == "" {
		return 0
	}
	after := time.Duration(0)
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		now, err := http.ParseTime(date)
		if err != nil {
			now = time.Now()
		}
		after = at.Sub(now)
	}
	return min(max(after, 0), maxRetryAfter)
}

// bounded is a body that fails when it is longer than it may be.
type bounded struct {
	io.ReadCloser
	left int64
}

// Read reads up to the bound.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errAnswerTooLarge
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
