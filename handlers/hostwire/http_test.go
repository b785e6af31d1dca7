package hostwire

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A host that does not proxy posts a request in the envelope (GetRequestAsJObject of the host's HttpRequestExtensions) and reads the answer from the output.
func TestRequestsInTheEnvelope(t *testing.T) {
	var got *http.Request
	var body string
	root := NewRoot(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got, body = r, string(raw)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "8")
		w.Header().Add("Allow", "GET")
		w.Header().Add("Allow", "PATCH")
		w.WriteHeader(http.StatusConflict)
		_, _ = io.WriteString(w, `{"no":1}`)
	}), nil)
	w := invoke(t, root, http.MethodPost, "/things", hostJSON, bytes.NewReader(golden(t, "http")))
	wellFormed(t, w)
	const want = `{"Outputs":{"response":{"body":"{\"no\":1}","headers":{"Allow":"GET, PATCH","Content-Type":"application/json"},"statusCode":"409"}}}`
	if w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("%d %s, want %s", w.Code, w.Body, want)
	}
	if got.Method != http.MethodPatch || got.RequestURI != "/api/v1.0/things/a%20b?$filter=x%20eq%20'1'&y=1&y=2" || got.URL.Path != "/api/v1.0/things/a b" || len(got.URL.Query()["y"]) != 2 ||
		body != `{"a":"Zoë"}` || got.ContentLength != 12 || got.Host != "front.example" {
		t.Errorf("%s %s %s %q (%d)", got.Method, got.Host, got.RequestURI, body, got.ContentLength)
	}
	for name, value := range map[string]string{"X-Forwarded-Host": "front.example", "X-Forwarded-Proto": "https", "Authorization": "Bearer t", "X-Azure-Functions-Invocationid": "i-1", "Content-Length": ""} {
		if got.Header.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, got.Header.Get(name), value)
		}
	}
}

func TestEmptyAnswersKeepTheirStatus(t *testing.T) {
	root := NewRoot(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), nil)
	w := invoke(t, root, http.MethodPost, "/things", hostJSON, bytes.NewReader(golden(t, "http")))
	if want := `{"Outputs":{"response":{"body":"","headers":{},"statusCode":"204"}}}`; w.Body.String() != want {
		t.Errorf("%s, want %s", w.Body, want)
	}
}

// Only what came from outside comes to the API, and nothing of it to a function.
func TestWhatIsNoRequestInTheEnvelope(t *testing.T) {
	called := false
	touch := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })
	root := NewRoot(touch, map[string]http.Handler{"outbox": touch})
	good := string(golden(t, "http"))
	for name, body := range map[string]string{
		"a trigger's path": strings.Replace(good, "/api/v1.0/things/a%20b", "/outbox", 1),
		"no path":          strings.Replace(good, "https://front.example/api/v1.0/things/a%20b", "", 1),
		"no method":        strings.Replace(good, `"PATCH"`, `"PA TCH"`, 1),
		"no address":       strings.Replace(good, "https://front.example", "https://front example", 1),
		"a message":        string(golden(t, "servicebus_binary")),
		"a tick":           string(golden(t, "timer")),
		"nothing":          "",
		"too large":        good + strings.Repeat(" ", maxHTTPEnvelope),
	} {
		if w := invoke(t, root, http.MethodPost, "/things", hostJSON, strings.NewReader(body)); w.Code != http.StatusNotFound || called {
			t.Errorf("%s: %d, called: %t", name, w.Code, called)
		}
	}
	if w := invoke(t, root, http.MethodPut, "/things", hostJSON, strings.NewReader(good)); w.Code != http.StatusNotFound || called {
		t.Errorf("PUT: %d, called: %t", w.Code, called)
	}
	if w := invoke(t, root, http.MethodPost, "/things/x", hostJSON, strings.NewReader(good)); w.Code != http.StatusNotFound || called {
		t.Errorf("a deeper path: %d, called: %t", w.Code, called)
	}
}
