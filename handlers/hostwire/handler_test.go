package hostwire

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func invoke(t testing.TB, h http.Handler, method, path, contentType string, body io.Reader) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("X-Azure-Functions-InvocationId", "i-1")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// wellFormed checks what the host needs of every answer: JSON that is not empty.
func wellFormed(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	var object map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &object); err != nil || object == nil {
		t.Errorf("body %q is no JSON object", w.Body)
	}
}

const hostJSON = "application/json; charset=utf-8"

func quiet() *slog.Logger { return slog.New(slog.NewJSONHandler(io.Discard, nil)) }

func TestServiceBusAnswers(t *testing.T) {
	var log bytes.Buffer
	options := Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	for _, c := range []struct {
		name   string
		handle func(context.Context, ServiceBusMessage) error
		status int
		logs   string
	}{
		{"success", func(context.Context, ServiceBusMessage) error { return nil }, 200, ""},
		{"failure", func(context.Context, ServiceBusMessage) error { return errors.New("no luck") }, 500, "no luck"},
		{"panic", func(context.Context, ServiceBusMessage) error { panic("boom") }, 500, "boom"},
		{"nil map", func(context.Context, ServiceBusMessage) error { var m map[string]int; m["a"] = 1; return nil }, 500, "nil map"},
	} {
		log.Reset()
		w := invoke(t, ServiceBus(c.handle, options), http.MethodPost, "/provisioning", hostJSON, bytes.NewReader(golden(t, "servicebus_binary")))
		wellFormed(t, w)
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.status)
		}
		if c.logs != "" {
			for _, want := range []string{c.logs, `"function":"provisioning"`, `"invocationId":"i-1"`} {
				if !strings.Contains(log.String(), want) {
					t.Errorf("%s: log %s lacks %s", c.name, log.String(), want)
				}
			}
			if strings.Contains(w.Body.String(), c.logs) {
				t.Errorf("%s: the answer tells %q", c.name, w.Body)
			}
		} else if log.Len() > 0 {
			t.Errorf("%s: logged %s", c.name, log.String())
		}
	}
}

func TestFunctionSeesTheMessageAndItsInvocation(t *testing.T) {
	var got ServiceBusMessage
	var log bytes.Buffer
	h := ServiceBus(func(_ context.Context, m ServiceBusMessage) error { got = m; return nil }, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	invoke(t, h, http.MethodPost, "/provisioning", hostJSON, bytes.NewReader(golden(t, "servicebus_binary")))
	if got.MessageID != "m-1" || got.SessionID != "s-1" || !strings.Contains(log.String(), "invocationId=i-1 ") {
		t.Errorf("got %+v in %s", got, &log)
	}
	var tick Tick
	ht := Timer(func(_ context.Context, got Tick) error { tick = got; return nil }, Options{Logger: quiet()})
	invoke(t, ht, http.MethodPost, "/outbox", hostJSON, bytes.NewReader(golden(t, "timer")))
	if !tick.IsPastDue || tick.ScheduleStatus == nil {
		t.Errorf("tick %+v", tick)
	}
}

func TestRefusesWhatIsNoInvocation(t *testing.T) {
	called := false
	h := ServiceBus(func(context.Context, ServiceBusMessage) error { called = true; return nil }, Options{Logger: quiet(), MaxBody: 4096})
	good := string(golden(t, "servicebus_binary"))
	for _, c := range []struct {
		name, method, path, contentType, body string
		status                                int
	}{
		{"GET", http.MethodGet, "/provisioning", hostJSON, good, 405},
		{"PUT", http.MethodPut, "/provisioning", hostJSON, good, 405},
		{"deeper path", http.MethodPost, "/api/provisioning", hostJSON, good, 404},
		{"trailing slash", http.MethodPost, "/provisioning/", hostJSON, good, 404},
		{"root", http.MethodPost, "/", hostJSON, good, 404},
		{"form", http.MethodPost, "/provisioning", "application/x-www-form-urlencoded", good, 415},
		{"no content type", http.MethodPost, "/provisioning", "", good, 415},
		{"malformed", http.MethodPost, "/provisioning", hostJSON, `{"Data":`, 400},
		{"wrong binding", http.MethodPost, "/provisioning", hostJSON, `{"Data":{"a":"no base64!"}}`, 400},
		{"too large", http.MethodPost, "/provisioning", hostJSON, good + strings.Repeat(" ", 4096), 413},
	} {
		w := invoke(t, h, c.method, c.path, c.contentType, strings.NewReader(c.body))
		wellFormed(t, w)
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.status)
		}
	}
	chunked := invoke(t, h, http.MethodPost, "/provisioning", hostJSON, io.MultiReader(strings.NewReader(good), strings.NewReader(strings.Repeat(" ", 4096))))
	if chunked.Code != 413 {
		t.Errorf("too large without a length: %d", chunked.Code)
	}
	if called {
		t.Error("the function ran")
	}
	if w := invoke(t, h, http.MethodPost, "/provisioning", hostJSON, io.MultiReader(strings.NewReader(good))); w.Code != 200 || !called {
		t.Errorf("without a length: %d", w.Code)
	}
}

func TestDeadlineEndsTheFunctionBeforeTheHostWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		h := Timer(func(ctx context.Context, _ Tick) error { <-ctx.Done(); return ctx.Err() }, Options{Logger: quiet()})
		w := invoke(t, h, http.MethodPost, "/outbox", hostJSON, bytes.NewReader(golden(t, "timer")))
		if w.Code != 500 || time.Since(began) != DefaultDeadline {
			t.Errorf("%d after %v", w.Code, time.Since(began))
		}
	})
	if DefaultDeadline >= 5*time.Minute {
		t.Error("the default deadline is not below functionTimeout")
	}
}

func TestRoot(t *testing.T) {
	answer := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
	}
	root := NewRoot(answer("api"), map[string]http.Handler{"outbox": answer("function")})
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 200, "{}"},
		{"HEAD", "/", 200, "{}"},
		{"POST", "/", 404, ""},
		{"POST", "/outbox", 200, "function"},
		{"POST", "/Outbox", 404, ""},
		{"POST", "//outbox", 404, ""},
		{"POST", "/outbox/", 404, ""},
		{"POST", "/api/outbox", 200, "api"},
		{"GET", "/api/v1.0/../../outbox", 200, "api"},
		{"GET", "/api/%2e%2e/outbox", 200, "api"},
		{"POST", "/api", 200, "api"},
		{"POST", "/apis", 404, ""},
		{"GET", "/favicon.ico", 404, ""},
	} {
		w := invoke(t, root, c.method, c.path, "", nil)
		if w.Code != c.status || c.body != "" && w.Body.String() != c.body {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, w.Code, w.Body, c.status, c.body)
		}
	}
}

func BenchmarkServiceBus(b *testing.B) {
	h := ServiceBus(func(context.Context, ServiceBusMessage) error { return nil }, Options{Logger: quiet()})
	body := golden(b, "servicebus_binary")
	b.ReportAllocs()
	for b.Loop() {
		if w := invoke(b, h, http.MethodPost, "/provisioning", hostJSON, bytes.NewReader(body)); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
