package host

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/handlers/hostwire"
	"latchkey/infra/local/fault"
	"latchkey/shared/bus"
)

// mux answers the probe, and gives everything else to work.
func mux(work http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			ok(w)
			return
		}
		work(w, r)
	})
}

// TestAnswersOfTheHandler: what the host takes for success, and what it makes of everything else.
func TestAnswersOfTheHandler(t *testing.T) {
	answer := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			if contentType != "" {
				w.Header().Set("Content-Type", contentType)
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, c := range []struct {
		name   string
		work   http.HandlerFunc
		reason string // part of the log; empty: success
	}{
		{"result", answer(200, "application/json", "{}"), ""},
		{"result with charset", answer(200, "application/json; charset=utf-8", `{"Outputs":null,"Logs":["a line of the handler"],"ReturnValue":null}`), ""},
		{"created", answer(201, "text/json", ` {"logs":[]} `), ""},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				ok(w)
				return
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, ""},
		{"redirect away", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:1/", http.StatusFound)
		}, "redirects to 127.0.0.2"},
		{"empty 200", answer(200, "application/json", ""), "without a result"},
		{"null", answer(200, "application/json", "null"), "without a result"},
		{"204", answer(204, "", ""), "without a result"},
		{"text", answer(200, "text/plain", "{}"), "not application/json"},
		{"no content type", answer(200, "", "{}"), "not application/json"},
		{"no JSON", answer(200, "application/json", "done"), "malformed"},
		{"an array", answer(200, "application/json", "[]"), "malformed"},
		{"400", answer(400, "application/json", "{}"), "400 Bad Request"},
		{"500", answer(500, "application/json", "{}"), "500 Internal"},
		{"broken connection", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "did not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, false, mux(c.work), nil).start()
			s.send(plainQ, bus.Message{ID: "m-1", Body: []byte("x")})
			s.drain()
			m := s.Metrics().Functions["work"]
			if c.reason == "" {
				if s.dead(plainQ) != 0 || m.Invocations != 1 || m.Failures != 0 {
					t.Errorf("dead %d, %+v\n%s", s.dead(plainQ), m, s.log)
				}
				return
			}
			if s.dead(plainQ) != 1 || m.Invocations != maxDelivers || m.Failures != maxDelivers {
				t.Errorf("dead %d, %+v, want a poison message tried %d times", s.dead(plainQ), m, maxDelivers)
			}
			if !strings.Contains(s.log.String(), c.reason) {
				t.Errorf("the log does not say %q:\n%s", c.reason, s.log)
			}
		})
	}
}

// TestInvocationOnTheWire: path, headers and body are the host's, and the handler's side of the envelope reads them.
func TestInvocationOnTheWire(t *testing.T) {
	var got hostwire.ServiceBusMessage
	functions := hostwire.ServiceBus(func(_ context.Context, m hostwire.ServiceBusMessage) error {
		got = m
		return nil
	}, hostwire.Options{Logger: slog.New(slog.DiscardHandler)})
	var header http.Header
	var encoding []string
	s := newStand(t, true, mux(func(w http.ResponseWriter, r *http.Request) {
		header, encoding = r.Header.Clone(), r.TransferEncoding
		if r.Host != r.Context().Value(http.LocalAddrContextKey).(fmt.Stringer).String() {
			t.Errorf("Host is %s", r.Host)
		}
		hostwire.NewRoot(nil, map[string]http.Handler{"work": functions}).ServeHTTP(w, r)
	}), nil).start()
	body := `{"MessageId":"forged","DeliveryCount":99,"x":"` + "\xff" + `"}`
	s.send(sessionsQ, bus.Message{ID: "m-1", SessionID: "s-1", Subject: "kind", CorrelationID: "c-1", Properties: map[string]string{"k": `"v"`}, Body: []byte(body)})
	s.drain()
	if got.MessageID != "m-1" || got.DeliveryCount != 1 || got.SessionID != "s-1" || string(got.Body) != body || got.Subject != "kind" || got.CorrelationID != "c-1" ||
		got.ApplicationProperties["k"] != `"v"` || !got.EnqueuedTime.Equal(ten) || got.SequenceNumber == 0 || got.Forged != nil {
		t.Errorf("%+v", got)
	}
	if header.Get("X-Azure-Functions-InvocationId") == "" || header.Get("X-Azure-Functions-HostVersion") == "" || header.Get("Content-Type") != "application/json; charset=utf-8" || !strings.HasPrefix(header.Get("User-Agent"), "Azure-Functions-Host/") ||
		len(encoding) != 1 || encoding[0] != "chunked" {
		t.Errorf("%v %v", header, encoding)
	}
}

// TestSessionsNeverOverlapAndKeepTheirOrder, while different sessions run side by side.
func TestSessionsNeverOverlapAndKeepTheirOrder(t *testing.T) {
	const sessions, each = 6, 20
	var mu sync.Mutex
	running := map[string]int{}
	order := map[string][]string{}
	together := make(chan struct{}, sessions)
	var side atomic.Int32
	s := newStand(t, true, mux(func(w http.ResponseWriter, r *http.Request) {
		m := message(t, r)
		mu.Lock()
		running[m.SessionID]++
		if running[m.SessionID] > 1 {
			t.Errorf("two messages of session %s at once", m.SessionID)
		}
		order[m.SessionID] = append(order[m.SessionID], string(m.Body))
		mu.Unlock()
		if string(m.Body) == "0" { // all sessions must be in hand at once before any goes on
			if side.Add(1) == sessions {
				close(together)
			}
			select {
			case <-together:
			case <-time.After(10 * time.Second):
				t.Error("the sessions do not run side by side")
			}
		}
		mu.Lock()
		running[m.SessionID]--
		mu.Unlock()
		ok(w)
	}), nil).start()
	for n := range each {
		for session := range sessions {
			s.send(sessionsQ, bus.Message{ID: fmt.Sprint(session, "-", n), SessionID: fmt.Sprint("s-", session), Body: fmt.Append(nil, n)})
		}
	}
	s.drain()
	mu.Lock()
	defer mu.Unlock()
	for session, bodies := range order {
		for n, body := range bodies {
			if body != fmt.Sprint(n) {
				t.Fatalf("%s: %v", session, bodies)
			}
		}
		if len(bodies) != each {
			t.Errorf("%s: %d messages", session, len(bodies))
		}
	}
	if len(order) != sessions {
		t.Errorf("%d sessions", len(order))
	}
}

func message(t testing.TB, r *http.Request) hostwire.ServiceBusMessage {
	t.Helper()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	in, err := hostwire.Decode(raw)
	if err != nil {
		t.Error(err)
	}
	m, err := in.ServiceBusMessage(hostwire.Binary)
	if err != nil {
		t.Error(err)
	}
	return m
}

// TestFailureIsRedeliveredAtOnceAndFirst: a session does not go on behind a message that failed.
func TestFailureIsRedeliveredAtOnceAndFirst(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	s := newStand(t, true, mux(func(w http.ResponseWriter, r *http.Request) {
		m := message(t, r)
		mu.Lock()
		seen = append(seen, fmt.Sprint(m.MessageID, "/", m.DeliveryCount))
		mu.Unlock()
		if m.MessageID == "a" && m.DeliveryCount < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		ok(w)
	}), nil).start()
	s.send(sessionsQ, bus.Message{ID: "a", SessionID: "s"}, bus.Message{ID: "b", SessionID: "s"})
	s.drain()
	if got := strings.Join(seen, " "); got != "a/1 a/2 a/3 b/1" {
		t.Errorf("%s", got)
	}
}

// TestTimeoutBreaksOffEverythingTheHandlerHasInHand, as killing the process does on Azure.
func TestTimeoutBreaksOffEverythingTheHandlerHasInHand(t *testing.T) {
	var first atomic.Int32
	var cancelled atomic.Int32
	s := newStand(t, false, mux(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // the server watches the connection only when the body is read
		if first.Add(1) <= 2 {
			<-r.Context().Done()
			cancelled.Add(1)
			return
		}
		ok(w)
	}), func(o *Options) {
		o.Settings["AzureFunctionsJobHost__functionTimeout"] = "00:00:00.2"
	}).start()
	s.send(plainQ, bus.Message{ID: "a"}, bus.Message{ID: "b"})
	s.drain()
	m := s.Metrics()
	if s.dead(plainQ) != 0 || m.Functions["work"].Timeouts == 0 || m.Restarts == 0 || m.Crashes != 0 || m.Functions["work"].Failures != 2 {
		t.Errorf("dead %d, %+v\n%s", s.dead(plainQ), m, s.log)
	}
	s.handler.Close() // waits for the handlers that were broken off
	if cancelled.Load() != 2 {
		t.Errorf("%d handlers learnt of it", cancelled.Load())
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		kind  fault.Kind
		calls int64 // that the handler sees for one message that is struck once
	}{
		{fault.Error, 1}, {fault.Throttle, 1}, {fault.LostResponse, 2}, {fault.Delay, 1},
	} {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			s := newStand(t, true, mux(func(w http.ResponseWriter, _ *http.Request) { calls.Add(1); ok(w) }), nil).start()
			s.faults.Add(fault.Fault{Target: fault.Handler, Kind: c.kind, Count: 1})
			s.send(sessionsQ, bus.Message{ID: "a", SessionID: "s"})
			s.drain()
			if calls.Load() != c.calls || s.dead(sessionsQ) != 0 || len(s.faults.List()) != 0 {
				t.Errorf("%d calls, %d dead", calls.Load(), s.dead(sessionsQ))
			}
		})
	}
	t.Run("kill", func(t *testing.T) {
		t.Parallel()
		var killed <-chan struct{}
		s := newStand(t, true, mux(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-killed // it may strike before the request has come this far
			ok(w)
		}), nil).start()
		at, err := s.worker.endpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		killed = at.gone.Done()
		s.faults.Add(fault.Fault{Target: fault.Handler, Kind: fault.Kill, Count: 1})
		s.send(sessionsQ, bus.Message{ID: "a", SessionID: "s"})
		s.drain()
		<-killed
		if m := s.Metrics(); m.Crashes != 1 || s.dead(sessionsQ) != 0 {
			t.Errorf("%+v, %d dead", m, s.dead(sessionsQ))
		}
	})
}

// TestLongWorkKeepsItsLock: the clock passes the lock's end while the handler works, and yet nobody else gets the message.
func TestLongWorkKeepsItsLock(t *testing.T) {
	working, renewed := make(chan struct{}), make(chan struct{})
	var calls atomic.Int32
	source := &watched{renewed: renewed}
	s := newStand(t, true, mux(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		close(working)
		<-renewed
		ok(w)
	}), func(o *Options) {
		source.Source = o.Source
		o.Source = source
	}).start()
	s.send(sessionsQ, bus.Message{ID: "a", SessionID: "s"})
	<-working
	s.drain()
	if calls.Load() != 1 {
		t.Errorf("%d calls", calls.Load())
	}
}

// watched hands out locks that seem to end soon, and tells when one was renewed.
type watched struct {
	Source
	renewed chan struct{}
}

func (w *watched) AcceptSession(ctx context.Context, queue string) (Session, error) {
	s, err := w.Source.AcceptSession(ctx, queue)
	return watchedSession{s, w}, err
}

type watchedSession struct {
	Session
	w *watched
}

func (s watchedSession) Receive(ctx context.Context) (Delivery, bool, error) {
	d, ok, err := s.Session.Receive(ctx)
	if ok {
		d.Message().LockedUntil = time.Time{}
		d = watchedDelivery{d, s.w}
	}
	return d, ok, err
}

type watchedDelivery struct {
	Delivery
	w *watched
}

func (d watchedDelivery) Renew(ctx context.Context) (time.Time, error) {
	until, err := d.Delivery.Renew(ctx)
	close(d.w.renewed)
	return until, err
}

func TestStopLetsWorkFinishThenBreaksItOff(t *testing.T) {
	working, release := make(chan struct{}, 2), make(chan struct{})
	s := newStand(t, false, mux(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		working <- struct{}{}
		select {
		case <-release:
			ok(w)
		case <-r.Context().Done():
		}
	}), nil).start()
	s.send(plainQ, bus.Message{ID: "a"})
	<-working
	stopped := make(chan struct{})
	go func() {
		s.Stop(context.Background())
		close(stopped)
	}()
	<-s.accepting.Done()
	close(release)
	<-stopped
	if counts, err := s.broker.Counts(plainQ); err != nil || counts.Active+counts.Locked != 0 {
		t.Errorf("%+v, %v: the message was not completed", counts, err)
	}
	if err := s.Drain(t.Context()); err == nil {
		t.Error("a stopped host drains")
	}

	s = newStand(t, false, mux(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		working <- struct{}{}
		<-r.Context().Done()
	}), nil).start()
	s.send(plainQ, bus.Message{ID: "a"})
	<-working
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	s.Stop(ended)
	if counts, err := s.broker.Counts(plainQ); err != nil || counts.Active != 1 {
		t.Errorf("%+v, %v: the message was not given back", counts, err)
	}
}

func TestRunByHand(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]string{}
	s := newStand(t, false, mux(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		mu.Lock()
		seen[r.URL.Path] = string(raw)
		mu.Unlock()
		ok(w)
	}), nil).start()
	for _, c := range []struct {
		path, contentType, body string
		status                  int
	}{
		{"/admin/functions/daily", "application/json", `{}`, 202},
		{"/admin/functions/WORK", "application/json", `{"input":"by hand"}`, 202},
		{"/admin/functions/api", "application/json", `{}`, 400},
		{"/admin/functions/nobody", "application/json", `{}`, 404},
		{"/admin/functions/daily", "text/plain", `{}`, 415},
		{"/admin/functions/daily", "application/json", `[`, 400},
		{"/admin/functions/daily", "application/json", `{"input":"` + strings.Repeat("x", maxAdminBody) + `"}`, 413},
		{"/admin/elsewhere", "application/json", `{}`, 404},
	} {
		if status, body := s.call("POST", c.path, c.contentType, c.body); status != c.status {
			t.Errorf("%s: %d %s, want %d", c.path, status, body, c.status)
		}
	}
	s.drain()
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 2 || !strings.Contains(seen["/daily"], `"IsPastDue":false`) || !strings.Contains(seen["/work"], `"message":"YnkgaGFuZA=="`) {
		t.Errorf("%v", seen)
	}
	status, body := s.call("GET", "/admin/host/status", "", "")
	var state struct {
		State   string
		Metrics Metrics
	}
	if err := json.Unmarshal([]byte(body), &state); err != nil || status != 200 || state.State != "Running" || state.Metrics.Functions["daily"].Invocations != 1 {
		t.Errorf("%d %s %v", status, body, err)
	}
}
