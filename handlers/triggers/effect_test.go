package triggers_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"latchkey/handlers"
	"latchkey/handlers/triggers"
	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// broken is a store that panics, or fails for good.
type broken struct {
	store.Store
	panics bool
}

var errBroken = errors.New("the store is spoilt")

// Get implements store.Store.
func (b broken) Get(context.Context, store.Container, string, ...string) ([]store.Document, error) {
	if b.panics {
		panic("the store panics")
	}
	return nil, errBroken
}

// deliver invokes a queue's function as the host does, and answers with the status and the log.
func deliver(t *testing.T, b broken, queue string, deliveryCount int) (status int, log string) {
	t.Helper()
	var written bytes.Buffer
	logger := platform.Logger(slog.NewJSONHandler(&written, nil))
	use := handlers.Wire(handlers.Ports{Store: b, Bus: busmemory.New(platform.SystemClock{}, busmemory.Queues()...), Logger: logger})
	body := base64.StdEncoding.EncodeToString([]byte(`{"id":"effect","container":"subjects","partition":"somebody","kind":"assignment","documentId":"assignment","what":"provision","requestId":"request"}`))
	envelope := fmt.Sprintf(`{"Data":{"message":"%s"},"Metadata":{"DeliveryCount":"%d","MessageId":"\"the message\"","SessionId":"\"somebody\"","CorrelationId":"\"request\""}}`, body, deliveryCount)
	request := httptest.NewRequestWithContext(platform.WithInvocation(t.Context(), "invocation", nil), http.MethodPost, "/"+queue, strings.NewReader(envelope))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	triggers.Functions(use.Worker, use.Sweeper, logger)[queue].ServeHTTP(answer, request)
	return answer.Code, written.String()
}

// A failure is told as a dead letter the last time that its message is delivered and not before, also when the handler panics; the message is given back all the same.
func TestTheLastDeliveryIsTold(t *testing.T) {
	const line = `"msg":"a message goes to the dead letters"`
	for _, c := range []struct {
		name     string
		store    broken
		delivery int
		told     int
		error    string
	}{
		{"the first", broken{}, 1, 0, ""},
		{"the last but one", broken{}, 9, 0, ""},
		{"the last", broken{}, 10, 1, errBroken.Error()},
		{"one more, after a resend by hand", broken{}, 11, 1, errBroken.Error()},
		{"a panic", broken{panics: true}, 9, 0, ""},
		{"the last panic", broken{panics: true}, 10, 1, "the handler panicked"},
	} {
		for _, queue := range []string{"provisioning", "notifications", "extensions"} {
			t.Run(c.name+" of "+queue, func(t *testing.T) {
				status, log := deliver(t, c.store, queue, c.delivery)
				if status != http.StatusInternalServerError || !strings.Contains(log, `"msg":"invocation failed"`) {
					t.Errorf("answered %d: %s", status, log)
				}
				if strings.Count(log, line) != c.told {
					t.Fatalf("told %d times, want %d: %s", strings.Count(log, line), c.told, log)
				}
				if c.told == 0 {
					return
				}
				for _, part := range []string{`"queue":"` + queue + `"`, `"messageId":"the message"`, `"sessionId":"somebody"`, `"subjectId":"somebody"`, `"correlationId":"request"`, `"alert":true`, c.error, "docs/operate/dead-letters.md"} {
					if !strings.Contains(log[strings.Index(log, line):], part) {
						t.Errorf("the line does not say %s: %s", part, log)
					}
				}
			})
		}
	}
}
