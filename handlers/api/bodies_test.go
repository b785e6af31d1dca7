package api

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A body for which there is no room is refused at the deadline with 503 and Retry-After, and what is over has given its room back. No rule of Microsoft's: issue 11.
func TestBodiesWaitForRoom(t *testing.T) { //nolint:paralleltest // it takes all room of the process
	s := New(Options{Logger: slog.New(slog.DiscardHandler)})
	send := func(within time.Duration) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodPost, Prefix, io.NopCloser(strings.NewReader(`{"a":1}`)))
		request.Header.Set("Content-Type", "application/json")
		s.answer(answer, request, within, func(c *call) (response, error) {
			_, err := c.body()
			return response{status: http.StatusNoContent}, err
		})
		return answer
	}
	if err := bodies.Acquire(t.Context(), maxBodies); err != nil {
		t.Fatal(err)
	}
	if answer := send(20 * time.Millisecond); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d, Retry-After %q: %s", answer.Code, answer.Header().Get("Retry-After"), answer.Body)
	}
	bodies.Release(maxBodies)
	if answer := send(time.Minute); answer.Code != http.StatusNoContent {
		t.Errorf("answered %d: %s", answer.Code, answer.Body)
	}
	if !bodies.TryAcquire(maxBodies) {
		t.Fatal("what is over has not given its room back")
	}
	bodies.Release(maxBodies)
}
