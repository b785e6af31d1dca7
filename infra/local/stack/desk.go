package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"latchkey/shared/platform"
)

// localSecrets are what actions may name as secrets on a stack that somebody plays with, and others: docs/companion uses these names.
func localSecrets(here string, others map[string]any) map[string]any {
	secret := func(use platform.SecretUse, value string) any {
		return map[string]any{"use": use, "hosts": []string{here}, "value": value}
	}
	local := map[string]any{
		"desk": secret(platform.SecretAuthorization, "Basic bG9jYWw6bG9jYWw="), "answers": secret(platform.SecretAnswerKey, strings.Repeat("for answers on this machine ", 2)),
		"hook": secret(platform.SecretSignature, strings.Repeat("for webhooks on this machine ", 2)),
	}
	maps.Copy(local, others)
	return local
}

// desk stands for whatever ServiceNow, Jira or receiver of webhooks an action calls: it keeps what is posted to it, gives it a number, and finds it again.
type desk struct {
	mu     sync.Mutex
	count  int
	posted []Posted
}

// Posted is what came to the desk.
type Posted struct {
	Number  string            `json:"number"`
	Headers map[string]string `json:"headers"` // Latchkey's own, in their canonical form
	Body    json.RawMessage   `json:"body"`
}

// maxPosted is how many are kept, the latest.
const maxPosted = 1000

func (d *desk) clear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.posted = nil
}

// post is POST /desk: it answers as ServiceNow and Jira do at once.
func (d *desk) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControlBody))
	if err != nil || !json.Valid(body) {
		refuse(w, http.StatusBadRequest, errors.New("the desk takes JSON"))
		return
	}
	headers := map[string]string{}
	for name := range r.Header {
		if strings.HasPrefix(name, "Latchkey-") {
			headers[name] = r.Header.Get(name)
		}
	}
	d.mu.Lock()
	d.count++
	number := fmt.Sprintf("INC%07d", d.count)
	d.posted = append(d.posted, Posted{Number: number, Headers: headers, Body: body})
	if over := len(d.posted) - maxPosted; over > 0 {
		d.posted = slices.Delete(d.posted, 0, over)
	}
	d.mu.Unlock()
	answer(w, http.StatusCreated, map[string]any{"key": number, "result": map[string]any{"number": number}})
}

// get is GET /desk, and GET /desk?text= of those whose body holds a text.
func (d *desk) get(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("text")
	found := []Posted{}
	d.mu.Lock()
	for _, one := range d.posted {
		if strings.Contains(string(one.Body), text) {
			found = append(found, one)
		}
	}
	d.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"result": found})
}
