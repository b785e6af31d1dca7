package stack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"latchkey/infra/local/fault"
	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
)

// maxControlBody bounds what the control port reads.
const maxControlBody = 64 << 10

// control is the control port.
func (s *Stack) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /endpoints", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Endpoints) })
	mux.HandleFunc("GET /tenant", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.present()) })
	mux.HandleFunc("GET /clock", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"now": s.Clock.Now()})
	})
	mux.HandleFunc("POST /clock", s.postClock)
	mux.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Drain(r.Context()); err != nil {
			refuse(w, http.StatusServiceUnavailable, err)
			return
		}
		answer(w, http.StatusOK, map[string]any{"drained": true})
	})
	mux.HandleFunc("GET /mail", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, s.mail(r.URL.Query().Get("to")))
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Faults.List()) })
	mux.HandleFunc("POST /faults", s.postFaults)
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.Faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"cosmos": s.Cosmos.Stats(), "graph": s.Graph.Stats(), "host": s.Host.Metrics()})
	})
	mux.HandleFunc("POST /entra/callout", s.postCallout)
	mux.HandleFunc("POST /desk", s.desk.post)
	mux.HandleFunc("GET /desk", s.desk.get)
	mux.HandleFunc("POST /reset", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Reset(r.Context()); err != nil {
			refuse(w, http.StatusInternalServerError, err)
			return
		}
		answer(w, http.StatusOK, map[string]any{"reset": true})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A web page of another origin can post here without asking; what changes anything must therefore not come from one.
		if r.Method != http.MethodGet && r.Header.Get("Origin") != "" {
			refuse(w, http.StatusForbidden, errors.New("the control port does not serve web pages"))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// present is the tenant with its groups as they are now.
func (s *Stack) present() tenant.Tenant {
	now := s.Tenant
	now.Groups = append([]tenant.Group{}, now.Groups...)
	for i := range now.Groups {
		now.Groups[i].MemberIDs = s.directory.MemberIDs(now.Groups[i].ID)
		if now.Groups[i].MemberIDs == nil {
			now.Groups[i].MemberIDs = []string{}
		}
	}
	return now
}

func (s *Stack) postClock(w http.ResponseWriter, r *http.Request) {
	if s.options.HandlerPath != "" {
		refuse(w, http.StatusConflict, errors.New("the handler is a child process and lives by the machine's clock; start without --handler to move time"))
		return
	}
	var body struct {
		Advance governance.Duration `json:"advance"`
	}
	if err := read(w, r, &body); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if body.Advance.IsZero() {
		refuse(w, http.StatusBadRequest, errors.New(`advance is missing: {"advance":"P1D"}`))
		return
	}
	now, err := s.Advance(r.Context(), body.Advance)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"now": now})
}

func (s *Stack) postFaults(w http.ResponseWriter, r *http.Request) {
	var order fault.Fault
	if err := read(w, r, &order); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	switch order.Target {
	case fault.Cosmos, fault.ServiceBus, fault.Graph, fault.Handler:
	default:
		refuse(w, http.StatusBadRequest, fmt.Errorf("target %q is none of cosmos, serviceBus, graph, handler", order.Target))
		return
	}
	switch order.Kind {
	case fault.Throttle, fault.Error, fault.LostResponse, fault.Kill, fault.Delay:
	default:
		refuse(w, http.StatusBadRequest, fmt.Errorf("kind %q is none of throttle, error, lostResponse, kill, delay", order.Kind))
		return
	}
	if order.Kind == fault.Kill && order.Target != fault.Handler {
		refuse(w, http.StatusBadRequest, errors.New("only the handler can be killed"))
		return
	}
	if order.Rate < 0 || order.Rate > 1 || order.Count < 0 {
		refuse(w, http.StatusBadRequest, errors.New("rate is from 0 to 1, count is 0 or more"))
		return
	}
	s.Faults.Add(order)
	answer(w, http.StatusCreated, s.Faults.List())
}

// letter is one mail to one person as GET /mail shows it.
type letter struct {
	To           string `json:"to"`
	Subject      string `json:"subject"`
	HTML         string `json:"html"`
	Text         string `json:"text"`
	SentDateTime string `json:"sentDateTime"`
}

func (s *Stack) mail(to string) []letter {
	letters := []letter{}
	for _, sent := range s.Graph.Mail(to) {
		for _, recipient := range sent.To {
			if to == "" || strings.EqualFold(to, recipient) {
				letters = append(letters, letter{To: recipient, Subject: sent.Subject, HTML: sent.HTML, Text: sent.Text, SentDateTime: governance.FormatInstant(sent.SentDateTime)})
			}
		}
	}
	return letters
}

func read(w http.ResponseWriter, r *http.Request, value any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControlBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return fmt.Errorf("the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("the body cannot be read: there is more than one value in it")
	}
	return nil
}

func answer(w http.ResponseWriter, status int, value any) {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false) // people read it
	if err := encoder.Encode(value); err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data.Bytes()) // a client that has hung up learns nothing anyway
}

func refuse(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]any{"error": map[string]any{"message": err.Error()}})
}
