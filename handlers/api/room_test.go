package api

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// enters begins to enter in the background, and answers once it waits. What it waits for is told by the channel: nil, or the error.
func enters(t *testing.T, r *room, ctx context.Context, size int) (told chan error, leave *func()) {
	t.Helper()
	waiting := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.queue)
	}
	before := waiting()
	told, leave = make(chan error, 1), new(func())
	go func() {
		var err error
		*leave, err = r.enter(ctx, size)
		told <- err
	}()
	for range 10_000 {
		if waiting() > before {
			return told, leave
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%d got into a room with %d left", size, r.left)
	return nil, nil
}

// A room lets in what it has room for, in the order in which it comes; who gives up stands in nobody's way.
func TestRoom(t *testing.T) {
	t.Parallel()
	r := &room{left: 10}
	enter := func(size int) func() {
		leave, err := r.enter(t.Context(), size)
		if err != nil {
			t.Fatal(err)
		}
		return leave
	}
	seven, three := enter(7), enter(3)
	impatient, cancel := context.WithCancel(t.Context())
	large, _ := enters(t, r, impatient, 8)
	small, leaveSmall := enters(t, r, t.Context(), 2)
	three()
	three() // once
	select {
	case <-small:
		t.Fatal("a later one was let in before an earlier one")
	default:
	}
	cancel()
	if err := <-large; err == nil {
		t.Fatal("it was let in without room")
	}
	if err := <-small; err != nil {
		t.Fatal(err)
	}
	(*leaveSmall)()
	seven()
	if r.left != 10 || len(r.queue) != 0 {
		t.Errorf("%d are left of 10, and %d wait", r.left, len(r.queue))
	}

	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*100*time.Microsecond)
			defer cancel()
			if leave, err := r.enter(ctx, 1+i%10); err == nil {
				time.Sleep(time.Duration(i%3) * 50 * time.Microsecond)
				leave()
			}
		})
	}
	all.Wait()
	if r.left != 10 || len(r.queue) != 0 {
		t.Errorf("after a crowd %d are left of 10, and %d wait", r.left, len(r.queue))
	}
}

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
	leave, err := bodies.enter(t.Context(), maxBodies)
	if err != nil {
		t.Fatal(err)
	}
	if answer := send(20 * time.Millisecond); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d, Retry-After %q: %s", answer.Code, answer.Header().Get("Retry-After"), answer.Body)
	}
	leave()
	if answer := send(time.Minute); answer.Code != http.StatusNoContent {
		t.Errorf("answered %d: %s", answer.Code, answer.Body)
	}
	if bodies.left != maxBodies {
		t.Errorf("%d are left of %d", bodies.left, maxBodies)
	}
}
