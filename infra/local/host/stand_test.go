package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
	"latchkey/shared/platform"
)

const (
	workJSON    = `{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"message","dataType":"binary","connection":"C","queueName":"%Q%","isSessionsEnabled":SESSIONS}]}`
	minutely    = `{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"%Minutely%"}]}`
	daily       = `{"bindings":[{"type":"timerTrigger","direction":"in","name":"timer","schedule":"0 0 3 * * *"}]}`
	apiJSON     = `{"bindings":[{"type":"httpTrigger","direction":"in","name":"r","authLevel":"anonymous","route":"{version}/things/{*path}"},{"type":"http","direction":"out","name":"res"}]}`
	hostJSON    = `{"version":"2.0","functionTimeout":"00:05:00","customHandler":{"enableProxyingHttpRequest":true},"extensions":{"serviceBus":{"maxConcurrentSessions":8}}}`
	sessionsQ   = "sessions"
	plainQ      = "plain"
	maxDelivers = 3
)

// stand is a host with a broker, a clock that stands still, and a handler that the test programs.
type stand struct {
	*Host
	t       testing.TB
	broker  *memory.Broker
	clock   *platform.ManualClock
	faults  *fault.Injector
	log     *logBuffer
	public  *httptest.Server
	handler *httptest.Server
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func folders(sessions bool) fstest.MapFS {
	file := func(s string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(strings.Replace(s, "SESSIONS", fmt.Sprint(sessions), 1))}
	}
	return fstest.MapFS{
		"work/function.json": file(workJSON), "minutely/function.json": file(minutely), "daily/function.json": file(daily), "api/function.json": file(apiJSON),
	}
}

// newStand makes one; change may alter the options. A nil handler means that change names another.
func newStand(t testing.TB, sessions bool, handler http.Handler, change func(*Options)) *stand {
	t.Helper()
	s := &stand{t: t, clock: platform.NewManualClock(ten), faults: new(fault.Injector), log: new(logBuffer)}
	s.broker = memory.New(s.clock, memory.QueueOptions{Name: sessionsQ, RequiresSession: true, MaxDeliveryCount: maxDelivers}, memory.QueueOptions{Name: plainQ, MaxDeliveryCount: maxDelivers})
	queue := plainQ
	if sessions {
		queue = sessionsQ
	}
	o := Options{
		Functions: folders(sessions), HostJSON: []byte(hostJSON), Settings: map[string]string{"Q": queue, "Minutely": "0 * * * * *"},
		Source: FromBroker(s.broker), Clock: s.clock, Faults: s.faults, Logger: slog.New(slog.NewTextHandler(s.log, nil)), ManualTimers: true,
	}
	if handler != nil {
		s.handler = httptest.NewServer(handler)
		t.Cleanup(s.handler.Close)
		o.HandlerURL = s.handler.URL
	}
	if change != nil {
		change(&o)
	}
	h, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Host = h
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		h.Stop(ctx)
	})
	return s
}

func (s *stand) start() *stand {
	s.t.Helper()
	if err := s.Start(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.public = httptest.NewServer(s.Host)
	s.t.Cleanup(s.public.Close)
	return s
}

func (s *stand) send(queue string, messages ...bus.Message) {
	s.t.Helper()
	if err := s.broker.Send(s.t.Context(), queue, messages...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) drain() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Drain(ctx); err != nil {
		s.t.Fatalf("drain: %v\n%s", err, s.log)
	}
}

func (s *stand) dead(queue string) int {
	s.t.Helper()
	counts, err := s.broker.Counts(queue)
	if err != nil {
		s.t.Fatal(err)
	}
	return counts.DeadLettered
}

// call makes a request of the public port and returns status and body.
func (s *stand) call(method, path, contentType, body string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequest(method, s.public.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

func ok(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
}
