package triggers_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
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
func deliver(t *testing.T, b broken, queue, body string, deliveryCount int) (status int, log string) {
	t.Helper()
	var written bytes.Buffer
	logger := platform.Logger(slog.NewJSONHandler(&written, nil))
	use := handlers.Wire(handlers.Ports{Store: b, Bus: busmemory.New(platform.SystemClock{}, busmemory.Queues()...), Logger: logger})
	envelope := fmt.Sprintf(`{"Data":{"message":"%s"},"Metadata":{"DeliveryCount":"%d","MessageId":"\"the message\"","SessionId":"\"somebody\"","CorrelationId":"\"request\""}}`, base64.StdEncoding.EncodeToString([]byte(body)), deliveryCount)
	request := httptest.NewRequestWithContext(platform.WithInvocation(t.Context(), "invocation", nil), http.MethodPost, "/"+queue, strings.NewReader(envelope))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	triggers.Functions(use.Worker, use.Sweeper, logger)[queue].ServeHTTP(answer, request)
	return answer.Code, written.String()
}

// A failure is told as a dead letter the last time that its message is delivered and not before, also when the handler panics; the message is given back all the same.
func TestTheLastDeliveryIsTold(t *testing.T) {
	const line = `"msg":"a message goes to the dead letters"`
	const effect = `{"id":"effect","container":"subjects","partition":"somebody","kind":"assignment","documentId":"assignment","what":"provision","requestId":"request"}`
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
				status, log := deliver(t, c.store, queue, effect, c.delivery)
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

// TestWhatIsForged is parked at its first delivery, on every queue: what no honest effect says is not handled, tried again or put off.
//
// rules: none of Microsoft's: SECURITY.md
func TestWhatIsForged(t *testing.T) {
	const id = "7e5a1c3b-0000-4000-8000-000000000001"
	long := strings.Repeat("a", 3000)
	for name, forged := range map[string]map[string]any{
		"no members": nil, "no id": {"id": ""}, "an id with a slash": {"id": "a/b"}, "a long id": {"id": long}, "no partition": {"partition": ""}, "a partition with a line": {"partition": "a\nb"},
		"a long partition": {"partition": long}, "no document": {"documentId": ""}, "a document's id with a slash": {"documentId": "a/b"}, "a long document's id": {"documentId": long},
		"no container": {"container": ""}, "another container": {"container": "audit"}, "a kind with a slash": {"kind": "assignment/x"}, "no work": {"what": ""}, "another work": {"what": "dance"},
		"a request's id with a mark": {"requestId": "a?b"}, "a long request's id": {"requestId": long}, "a long notification": {"notification": long}, "a trace with a line": {"traceParent": "a\nb"},
		"somebody told with a blank": {"told": "a b"}, "an attempt before the first": {"attempt": -1}, "the least attempt": {"attempt": math.MinInt64}, "the most attempts": {"attempt": math.MaxInt64},
		"an attempt without end": {"attempt": json.Number(strings.Repeat("1", 90_000))}, "half an attempt": {"attempt": 0.5}, "an attempt in words": {"attempt": "one"}, "a stage before the first": {"stage": -1},
		"the last stage there is": {"stage": math.MaxInt64}, "a turn before the first": {"turn": -1}, "the most turns": {"turn": math.MaxInt64}, "begun before": {"begun": -1}, "begun too often": {"begun": 10_001},
		"a time that is none": {"notBefore": long},
	} {
		for queue, of := range map[string]map[string]any{
			"provisioning": {"what": "provision", "kind": "assignment"}, "notifications": {"what": "notify", "kind": "request"}, "extensions": {"what": "task", "kind": "task"},
		} {
			t.Run(name+" on "+queue, func(t *testing.T) {
				said := map[string]any{"id": id, "container": "subjects", "partition": id, "documentId": id}
				maps.Copy(said, of)
				maps.Copy(said, forged)
				if forged == nil {
					said = nil
				}
				body, err := json.Marshal(said)
				if err != nil {
					t.Fatal(err)
				}
				status, log := deliver(t, broken{}, queue, string(body), 1)
				if status != http.StatusOK || strings.Count(log, `"msg":"a message is parked"`) != 1 || len(log) > 4000 {
					t.Errorf("answered %d: %.4000s", status, log)
				}
			})
		}
	}
}
