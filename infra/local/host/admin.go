package host

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"latchkey/functions"
	"latchkey/shared/bus"
)

// maxAdminBody bounds what an administrator sends.
const maxAdminBody = 1 << 20

// admin serves the few calls under /admin that the local stack needs. The real host asks for its master key; here loopback must do, and POST asks for
// application/json, which no foreign web page can send without being asked first.
func (h *Host) admin(w http.ResponseWriter, r *http.Request) {
	name, isFunction := strings.CutPrefix(r.URL.Path, "/admin/functions/")
	switch {
	case r.URL.Path == "/admin/host/status" && r.Method == http.MethodGet:
		h.status(w)
	case isFunction && r.Method == http.MethodPost:
		h.runByHand(w, r, name)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (h *Host) status(w http.ResponseWriter) {
	state := "Running"
	if _, err := h.worker.endpoint(done); err != nil {
		state = "Initialized"
		if errors.Is(err, ErrStopped) {
			state = "Error"
		}
	}
	var failures []string
	if err := h.Err(); err != nil {
		failures = append(failures, err.Error())
	}
	answer(w, http.StatusOK, struct {
		ID            string   `json:"id"`
		State         string   `json:"state"`
		Version       string   `json:"version"`
		ProcessUptime int64    `json:"processUptime"` // milliseconds
		Errors        []string `json:"errors,omitempty"`
		Metrics       Metrics  `json:"metrics"`
	}{"latchkey-local", state, version, time.Since(h.began).Milliseconds(), failures, h.Metrics()})
}

// runByHand starts a function and does not wait for it: a timer at once, a Service Bus function with the input as its message.
func (h *Host) runByHand(w http.ResponseWriter, r *http.Request, name string) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		w.WriteHeader(http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	var request struct {
		Input string `json:"input"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &request); err != nil {
			answer(w, http.StatusBadRequest, map[string]string{"message": `The body must be {"input":"..."}.`})
			return
		}
	}
	if h.accepting.Err() != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	for _, t := range h.timers {
		if strings.EqualFold(t.Name, name) {
			h.active.begin()
			go func() {
				defer h.active.end()
				t.running.Lock()
				defer t.running.Unlock()
				_ = h.tick(h.running, t, h.byHand(t)) // logged
			}()
			w.WriteHeader(http.StatusAccepted)
			return
		}
	}
	for _, f := range h.functions {
		if !strings.EqualFold(f.Name, name) {
			continue
		}
		if f.Kind != functions.ServiceBus {
			answer(w, http.StatusBadRequest, map[string]string{"message": "A function over HTTP is run by its route."})
			return
		}
		h.active.begin()
		go func() {
			defer h.active.end()
			m := &Message{Message: bus.Message{ID: newID(), Body: []byte(request.Input)}, DeliveryCount: 1, EnqueuedTime: h.options.Clock.Now()}
			envelope := appendMessage(nil, f.Function, m, system{method: f.Name, now: h.options.Clock.Now(), guid: newID()})
			if err := h.invoke(h.running, f, envelope); err != nil {
				h.options.Logger.ErrorContext(h.running, "the invocation failed", "function", f.Name, "error", err)
			}
		}()
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.WriteHeader(http.StatusNotFound)
}

func answer(w http.ResponseWriter, status int, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
