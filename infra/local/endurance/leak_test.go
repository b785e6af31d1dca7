package endurance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/infra/local/client"
	"latchkey/infra/local/stack"
)

// evidence is all that a run leaves behind, by where it was found.
type evidence struct {
	mu    sync.Mutex
	parts map[string]*bytes.Buffer
}

func (e *evidence) add(part string, data []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.parts[part] == nil {
		e.parts[part] = &bytes.Buffer{}
	}
	e.parts[part].Write(data)
	e.parts[part].WriteByte('\n')
}

// into is a writer to a part.
func (e *evidence) into(part string) io.Writer { return &partWriter{e, part} }

type partWriter struct {
	evidence *evidence
	part     string
}

func (w *partWriter) Write(p []byte) (int, error) {
	w.evidence.add(w.part, p)
	return len(p), nil
}

// body keeps what is read from a body.
func (e *evidence) body(part string, from io.ReadCloser) io.ReadCloser {
	data, err := io.ReadAll(from)
	_ = from.Close()
	if err != nil {
		data = append(data, err.Error()...)
	}
	e.add(part, data)
	return io.NopCloser(bytes.NewReader(data))
}

// forms are the ways in which a secret may lie about: as it is, and escaped or encoded, alone or within something that was encoded as a whole.
func forms(secret string) map[string]string {
	quote := func(text string) string {
		quoted, _ := json.Marshal(text)
		return string(quoted[1 : len(quoted)-1])
	}
	all := map[string]string{
		"raw": secret, "JSON": quote(secret), "JSON in JSON": quote(quote(secret)), "URL query": url.QueryEscape(secret), "URL path": url.PathEscape(secret), "HTML": html.EscapeString(secret), "HTML in JSON": quote(html.EscapeString(secret)),
		"hex": hex.EncodeToString([]byte(secret)),
	}
	for name, inner := range map[string]string{"": secret, " of JSON": quote(secret), " of HTML in JSON": quote(html.EscapeString(secret))} {
		for shift, touched := range []int{0, 2, 3} { // characters that what stands before has a part in
			for kind, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
				encoded := encoding.EncodeToString(append(make([]byte, shift), inner...))
				all[fmt.Sprintf("%s%s+%d", kind, name, shift)] = encoded[touched : len(encoded)-1]
			}
		}
	}
	return all
}

// found says where a secret lies about, and in which forms.
func (e *evidence) found(secret string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var places []string
	for name, form := range forms(secret) {
		for part, data := range e.parts {
			if bytes.Contains(data.Bytes(), []byte(form)) {
				places = append(places, part+" ("+name+")")
			}
		}
	}
	slices.Sort(places)
	return places
}

// What the search is to find it finds, wherever in an encoded text it stands.
func TestASecretIsFoundInEveryForm(t *testing.T) {
	const secret = "Ab3*x&9#Qz+7@kLmNpQr2345"
	within := map[string]func(string) string{
		"itself": func(s string) string { return "pass=" + s },
		"JSON":   func(s string) string { text, _ := json.Marshal(map[string]string{"a": s}); return string(text) },
		"a mail's JSON": func(s string) string {
			text, _ := json.Marshal("<code>" + html.EscapeString(s) + "</code>")
			return string(text)
		},
		"a query": func(s string) string { return url.Values{"a": {s}}.Encode() },
		"a path":  func(s string) string { return "/x/" + url.PathEscape(s) },
	}
	for name, make := range within {
		for pad := range 6 {
			text := strings.Repeat("~", pad) + make(secret)
			for _, text := range []string{text, base64.StdEncoding.EncodeToString([]byte(text)), base64.URLEncoding.EncodeToString([]byte(text))} {
				e := &evidence{parts: map[string]*bytes.Buffer{}}
				e.add("text", []byte(text))
				isQuery := strings.HasPrefix(name, "a ") && !strings.Contains(name, "mail") && !strings.Contains(text, "%") // an escaped text that is encoded once more
				if len(e.found(secret)) == 0 && !isQuery {
					t.Errorf("%s after %d characters is not found: %s", name, pad, text)
				}
			}
		}
	}
	e := &evidence{parts: map[string]*bytes.Buffer{}}
	e.add("text", []byte(strings.Repeat("nothing of that kind ", 10)))
	if places := e.found(secret); len(places) > 0 {
		t.Errorf("found where it is not: %q", places)
	}
}

// shipped runs the handler as it is shipped, with all that it is asked, answers and writes kept; the one answer that shows a pass goes to shown. end stops it and waits for its last words.
func shipped(t *testing.T, e *evidence, shown chan<- []byte) (serve func(context.Context, map[string]string) (string, error), end func()) {
	binary := handlerBinary(t)
	var process *exec.Cmd
	serve = func(ctx context.Context, settings map[string]string) (string, error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		inner := listener.Addr().String()
		_ = listener.Close()
		settings = maps.Clone(settings)
		_, settings["FUNCTIONS_CUSTOMHANDLER_PORT"], _ = net.SplitHostPort(inner)
		process = exec.Command(binary)
		for name, value := range settings {
			process.Env = append(process.Env, name+"="+value)
		}
		process.Stdout, process.Stderr = e.into("stdout"), e.into("stderr")
		if err := process.Start(); err != nil {
			return "", err
		}
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for began := time.Now(); ; <-ticker.C {
			if connection, err := net.Dial("tcp", inner); err == nil {
				_ = connection.Close()
				break
			}
			if time.Since(began) > 30*time.Second {
				return "", fmt.Errorf("the handler does not listen at %s", inner)
			}
		}
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: inner})
		proxy.ModifyResponse = func(answer *http.Response) error {
			part := "answers over HTTP"
			if !strings.HasPrefix(answer.Request.URL.Path, "/api/") {
				part = "answers to invocations"
			}
			if strings.HasSuffix(answer.Request.URL.Path, "/showPass") && answer.StatusCode == http.StatusOK {
				data, err := io.ReadAll(answer.Body)
				answer.Body = io.NopCloser(bytes.NewReader(data))
				shown <- data
				return err
			}
			e.add(part, fmt.Appendln(nil, answer.Request.Method, answer.Request.URL, answer.Status, answer.Header))
			answer.Body = e.body(part, answer.Body)
			return nil
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/api/") {
				r.Body = e.body("invocations", r.Body)
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(server.Close)
		return server.URL, nil
	}
	ended := false
	end = func() {
		if process == nil || process.Process == nil || ended {
			return
		}
		ended = true
		if err := process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		_ = process.Wait() // always with 1, so that the host starts it again
	}
	t.Cleanup(end)
	return serve, end
}

// The handler as it is shipped issues passes in every way that there is, and is refused some. What it exports, writes, answers, keeps and sends holds none of them, in no form.
// rules: BEY-26 BEY-27
func TestAPassIsNowhereInARun(t *testing.T) {
	e := &evidence{parts: map[string]*bytes.Buffer{}}
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		e.body("exported"+strings.ReplaceAll(r.URL.Path, "/", " "), r.Body)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	var mu sync.Mutex
	var cards []string
	const address = "an-address-that-nobody-may-read"
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		card, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if cards = append(cards, string(card)); len(cards) > 1 { // a service that complains with what it was sent
			w.Header().Set("Location", "/?card="+url.QueryEscape(string(card)))
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write(card)
		}
	}))
	defer hook.Close()
	shown := make(chan []byte, 10)
	serve, end := shipped(t, e, shown)
	s := launch(t, stack.Options{ManualTimers: true, Serve: serve, CalloutSecrets: map[string]any{"teams": map[string]any{"use": "address", "value": hook.URL + "/" + address}}, CalloutHosts: []string{hook.Listener.Addr().String()}})
	longPasses(t, s)

	ida, marta := s.operations("ida"), s.operations("marta")
	for name, settings := range map[string]any{
		"by-mail": map[string]any{"deliverTo": "manager"}, "by-teams": map[string]any{"deliverTo": "teams", "teamsSecret": "teams"}, "by-show": map[string]any{"deliverTo": "show"},
	} {
		s.do(ida, http.MethodPut, "/calloutActions/"+name, map[string]any{"kind": "temporaryAccessPass", "settings": settings}, nil)
	}
	said := map[string]string{}
	for _, one := range []struct{ action, target, want string }{
		{"by-mail", "rui", "was sent to Marta Lead alone"}, {"by-teams", "rui", "was sent by Teams"}, {"by-teams", "renate", "taken away again"}, {"by-mail", "ida", "holds a directory role"}, {"by-show", "renate", ""},
	} {
		sent, err := s.CallOut(t.Context(), stack.Callout{Action: one.action, Target: one.target, Requestor: "marta", Package: "P", Wait: "PT1H"})
		if err != nil || sent.Status != http.StatusAccepted || !strings.Contains(string(sent.Resume), one.want) {
			t.Fatalf("%s for %s: %+v, %s, %v", one.action, one.target, sent, sent.Resume, err)
		}
		var accepted struct{ ID string }
		if err := json.Unmarshal(sent.Answer, &accepted); err != nil {
			t.Fatal(err)
		}
		said[one.action] = accepted.ID
		s.do(ida, http.MethodGet, "/callouts/"+accepted.ID, nil, nil)
	}
	var once struct{ TemporaryAccessPass string }
	s.do(marta, http.MethodPost, "/callouts/"+said["by-show"]+"/showPass", nil, &once)
	if err := marta.Do(t.Context(), http.MethodPost, "/callouts/"+said["by-show"]+"/showPass", nil, nil); err == nil {
		t.Error("a pass is shown twice")
	}
	s.do(ida, http.MethodGet, "/callouts", nil, nil)
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}

	passes := []string{once.TemporaryAccessPass}
	if len(shown) != 1 {
		t.Errorf("%d answers show a pass", len(shown))
	}
	for _, mail := range s.Graph.Mail("marta@contoso.example") {
		if _, rest, ok := strings.Cut(mail.HTML, "<code>"); ok {
			value, _, _ := strings.Cut(rest, "</code>")
			passes = append(passes, html.UnescapeString(value))
		}
	}
	mu.Lock()
	for _, card := range cards {
		passes = append(passes, ofCard(t, card))
	}
	mu.Unlock()
	if slices.Sort(passes); len(passes) != 4 || len(slices.Compact(slices.Clone(passes))) != 4 || len(passes[0]) != 24 {
		t.Fatalf("there were %d passes", len(passes))
	}

	for part, snapshot := range map[string]func(io.Writer) error{"documents": s.Cosmos.Snapshot, "messages": s.Bus.Snapshot} {
		if err := snapshot(e.into(part)); err != nil {
			t.Fatal(err)
		}
	}
	for _, resume := range s.Graph.Resumes() {
		e.add("resumes", resume.Body)
	}
	s.Close(context.Background())
	end()
	e.add("log of the stack", []byte(strings.Join(s.log.holding(""), "\n")))

	// What is searched is really there: nothing is found in what was not written.
	for part, want := range map[string]string{
		"exported v1 traces": "graph IssuePass", "exported v1 metrics": "latchkey.", "stdout": "a callout has failed", "stderr": "stopped", "answers over HTTP": "A Temporary Access Pass for Rui Report was issued",
		"invocations": `"Metadata":`, "answers to invocations": "/extensions 200 OK", "documents": "task:", "messages": "extensions", "resumes": "customExtensionStageInstanceDetail",
	} {
		if data := e.parts[part]; data == nil || !bytes.Contains(data.Bytes(), []byte(want)) {
			t.Errorf("%s: there is no %q", part, want)
		}
	}
	for n, secret := range append(passes, address) {
		if places := e.found(secret); len(places) > 0 {
			t.Errorf("the secret %d lies about in %q", n, places)
		}
	}
}

// longPasses makes the tenant's passes long, so that nothing else looks like a part of one.
func longPasses(t *testing.T, s *stand) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, s.Endpoints.Graph+"/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass", strings.NewReader(`{"defaultLength":24}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if _ = response.Body.Close(); response.StatusCode >= 300 {
		t.Fatalf("the policy: %s", response.Status)
	}
}

// ofCard is the pass on a card for Teams.
func ofCard(t *testing.T, card string) string {
	t.Helper()
	var message struct {
		Attachments []struct {
			Content struct{ Body []struct{ Text string } }
		}
	}
	if err := json.Unmarshal([]byte(card), &message); err != nil || len(message.Attachments) != 1 || len(message.Attachments[0].Content.Body) == 0 {
		t.Fatalf("the card is %s, %v", card, err)
	}
	return message.Attachments[0].Content.Body[0].Text
}

// operations is a client of somebody for what administrators and the people concerned do beside Graph's API.
func (s *stand) operations(name string) *client.Client {
	who := s.as(name)
	who.Base = s.Endpoints.Host + "/api/v1.0/operations"
	return who
}
