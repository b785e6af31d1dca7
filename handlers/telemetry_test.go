package handlers_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"latchkey/infra/local/demo"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
	"latchkey/shared/platform"
)

// collector is an OpenTelemetry collector that keeps what it gets.
type collector struct {
	*httptest.Server
	mu      sync.Mutex
	spans   []*traces.Span
	metrics map[string]*metrics.Metric // the last of each name
	failed  []string
}

func newCollector(t *testing.T) *collector {
	c := &collector{metrics: map[string]*metrics.Metric{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		if r.Header.Get("Content-Type") != "application/x-protobuf" || r.Header.Get("Api-Key") != "k y" {
			c.failed = append(c.failed, "headers: "+r.Header.Get("Content-Type")+" "+r.Header.Get("Api-Key"))
		}
		switch r.URL.Path {
		case "/v1/traces":
			var data traces.TracesData
			if err := proto.Unmarshal(body, &data); err != nil {
				c.failed = append(c.failed, err.Error())
			}
			for _, resource := range data.ResourceSpans {
				for _, scope := range resource.ScopeSpans {
					c.spans = append(c.spans, scope.Spans...)
				}
			}
		case "/v1/metrics":
			var data metrics.MetricsData
			if err := proto.Unmarshal(body, &data); err != nil {
				c.failed = append(c.failed, err.Error())
			}
			for _, resource := range data.ResourceMetrics {
				for _, scope := range resource.ScopeMetrics {
					for _, m := range scope.Metrics {
						c.metrics[m.Name] = m
					}
				}
			}
		default:
			c.failed = append(c.failed, r.URL.Path)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// story plays a story of the demo on a stack of its own and ends it, so that everything that was to be sent is.
func story(t *testing.T, name string) *journal {
	t.Helper()
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	s, err := stack.Start(t.Context(), stack.Options{HostJSON: hostJSON, ManualTimers: true, HandlerLog: log})
	if err != nil {
		t.Fatal(err)
	}
	failure := demo.Play(t.Context(), s, name, io.Discard)
	s.Close(context.Background())
	if failure != nil {
		t.Fatal(failure)
	}
	return log
}

// One trace leads from a request over HTTP through the outbox and the queue to the call of Microsoft Graph, and every metric of a request's life is there.
func TestOneTraceFromTheRequestToGraph(t *testing.T) {
	c := newCollector(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=k%20y")
	t.Setenv("OTEL_SERVICE_NAME", "latchkey-test")
	log := story(t, "cloudpc")
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.failed) > 0 {
		t.Fatalf("the collector could not read %q", c.failed)
	}
	byID := map[string]*traces.Span{}
	for _, span := range c.spans {
		byID[string(span.SpanId)] = span
	}
	// way is the names from a span up to the root of its trace.
	way := func(span *traces.Span) []string {
		names := []string{span.Name}
		for parent := byID[string(span.ParentSpanId)]; parent != nil; parent = byID[string(parent.ParentSpanId)] {
			if !slices.Equal(parent.TraceId, span.TraceId) {
				t.Fatalf("%s has a parent in another trace", span.Name)
			}
			names = append(names, parent.Name)
		}
		slices.Reverse(names)
		return names
	}
	const set = "/identityGovernance/entitlementManagement/"
	approve := "PATCH " + set + "accessPackageAssignmentApprovals/{approval}/stages/{stage}"
	var ways []string
	for _, span := range c.spans {
		ways = append(ways, regexp.MustCompile(`\{[A-Za-z]+\}`).ReplaceAllString(strings.Join(way(span), " > "), "{}"))
	}
	approve = regexp.MustCompile(`\{[A-Za-z]+\}`).ReplaceAllString(approve, "{}")
	for _, want := range []string{
		approve + " > store commit subjects", approve + " > send provisioning", approve + " > process provisioning > graph AddMember", approve + " > process provisioning > store commit subjects",
		"POST " + set + "assignmentRequests > process notifications > graph SendMail",
		"sweep expirations > store query subjects", "sweep expirations > send provisioning",
	} {
		if !slices.Contains(ways, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if t.Failed() {
		slices.Sort(ways)
		t.Log("there is\n" + strings.Join(slices.Compact(ways), "\n"))
	}
	for _, metric := range platform.Metrics() {
		m := c.metrics[metric.Name]
		rare := []string{platform.MetricDeliveryFailed, platform.MetricAuditBroken, platform.MetricDisagreement, platform.MetricGraphThrottled} // nothing of this kind has happened
		if (m == nil) != slices.Contains(rare, metric.Name) {
			t.Errorf("the metric %s is there: %t", metric.Name, m != nil)
		}
		if m != nil && m.Unit != metric.Unit {
			t.Errorf("the metric %s is in %s, want %s", metric.Name, m.Unit, metric.Unit)
		}
	}
	states := map[string]uint64{}
	for _, point := range c.metrics[platform.MetricRequestStep].GetHistogram().GetDataPoints() {
		for _, attribute := range point.Attributes {
			if attribute.Key == "state" {
				states[attribute.Value.GetStringValue()] += point.Count
			}
		}
	}
	for _, state := range []string{"pendingApproval", "delivering", "delivered"} {
		if states[state] == 0 {
			t.Errorf("no request has reached %s: %v", state, states)
		}
	}
	// Nobody is named in a trace.
	for _, span := range c.spans {
		for _, attribute := range span.Attributes {
			if text := attribute.Value.GetStringValue(); strings.Contains(text, "@") || named(text) != "" {
				t.Errorf("the span %s tells %s=%s", span.Name, attribute.Key, text)
			}
		}
		if len(span.TraceId) != 16 || span.EndTimeUnixNano < span.StartTimeUnixNano {
			t.Errorf("the span %s: trace %s, from %d to %d", span.Name, hex.EncodeToString(span.TraceId), span.StartTimeUnixNano, span.EndTimeUnixNano)
		}
	}
	if lines := log.lines(t, "the timer expirations has run"); len(lines) == 0 || lines[0]["traceId"] == nil || lines[0]["invocationId"] == nil || lines[0]["operation"] != "expirations" || lines[0]["metric"] != platform.MetricTimerLag {
		t.Errorf("the log says %v", lines)
	}
}

// named is somebody of the sample tenant whom a text names; empty: nobody.
func named(text string) string {
	sample := tenant.Sample()
	for _, user := range append(sample.Users, sample.Sender) {
		for _, word := range []string{user.UserPrincipalName, user.Mail, user.DisplayName} {
			if word != "" && user.ID != sample.Sender.ID && strings.Contains(strings.ToLower(text), strings.ToLower(word)) {
				return word
			}
		}
	}
	return ""
}

// What a service desk types, and what it calls the ticket.
const (
	deskSays   = "Rui Report is ill; call him at +351 912 000 111, or his mother, Dona Amélia."
	deskNumber = "INC for Rui Report"
)

// ticketStory has a desk open a ticket that it names after a person, be told by somebody with another key, and answer that it was not completed, in words about people. Somebody calls without a token, somebody may not, and an
// application is none of those that may call out.
func ticketStory(t *testing.T) *journal {
	t.Helper()
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		t.Fatal(err)
	}
	opened := make(chan map[string]string, 1)
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var ticket map[string]string
		_ = json.NewDecoder(r.Body).Decode(&ticket)
		opened <- ticket
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"number": deskNumber})
	}))
	defer desk.Close()
	log, here := &journal{}, desk.Listener.Addr().String()
	s, err := stack.Start(t.Context(), stack.Options{HostJSON: hostJSON, ManualTimers: true, HandlerLog: log, CalloutHosts: []string{here}, CalloutSecrets: map[string]any{
		"answers": map[string]any{"use": "answerKey", "hosts": []string{here}, "value": "the value of the answers"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(context.Background())
	call := func(method, path, token, key string, body any) int {
		data, _ := json.Marshal(body)
		request, err := http.NewRequestWithContext(t.Context(), method, s.Endpoints.Host+path, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		if key != "" {
			request.Header.Set("Latchkey-Ticket-Key", key)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	issued := func(text string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const action = "/api/v1.0/operations/calloutActions/ask-the-desk"
	settings := map[string]any{"kind": "ticket", "settings": map[string]any{
		"url": desk.URL, "answerSecret": "answers", "numberPath": "number", "body": map[string]any{"who": "{{target.displayName}}", "id": "{{ticket.id}}", "key": "{{ticket.key}}"},
	}}
	if code := call(http.MethodPut, action, issued(s.Tokens.UserToken("ida@contoso.example", s.Tenant.Audience)), "", settings); code != http.StatusCreated && code != http.StatusOK {
		t.Fatalf("the action: %d", code)
	}
	if sent, err := s.CallOut(t.Context(), stack.Callout{Action: "ask-the-desk", Stage: "assignmentRequestApproved", Target: "rui", Package: "Laptop", Wait: "P1D"}); err != nil || sent.Status != http.StatusAccepted {
		t.Fatalf("%+v, %v", sent, err)
	}
	ticket := <-opened
	path, says := "/api/callouts/tickets/"+ticket["id"], map[string]any{"status": "failed", "detail": deskSays}
	for _, refused := range []struct {
		method, path, token, key string
		want                     int
	}{
		{http.MethodPost, path, "", strings.Repeat("A", 43), http.StatusUnauthorized},
		{http.MethodGet, "/api/v1.0/operations/callouts", "", "", http.StatusUnauthorized},
		{http.MethodPut, action, issued(s.Tokens.UserToken("rui@contoso.example", s.Tenant.Audience)), "", http.StatusForbidden},
		{http.MethodPost, "/api/callouts/ask-the-desk", issued(s.Tokens.ApplicationToken("40000000-0000-4000-8000-000000000001", "https://management.azure.com")), "", http.StatusForbidden},
	} {
		body := says
		if refused.method == http.MethodPut {
			body = settings
		}
		if code := call(refused.method, refused.path, refused.token, refused.key, body); code != refused.want && refused.method != http.MethodGet {
			t.Fatalf("%s %s: %d", refused.method, refused.path, code)
		}
	}
	if code := call(http.MethodPost, path, "", ticket["key"], says); code != http.StatusOK {
		t.Fatalf("the answer: %d", code)
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	return log
}

// A refusal leaves a line that says who was refused what, and why: a wrong key of a ticket, a call without a token, a person who may not, an application that is none of those that call out.
func TestARefusalLeavesALine(t *testing.T) {
	log := ticketStory(t)
	lines := log.lines(t, "a call was refused")
	for _, want := range []map[string]any{
		{"status": 401.0, "operation": "POST /api/callouts/tickets/{id}", "objectId": "", "applicationId": ""},
		{"status": 401.0, "operation": "GET /operations/callouts", "objectId": "", "applicationId": ""},
		{"status": 403.0, "operation": "PUT /operations/calloutActions/{name}", "objectId": tenant.Sample().Users[2].ID},
		{"status": 403.0, "operation": "POST /api/callouts/{action}", "applicationId": "40000000-0000-4000-8000-000000000001"},
	} {
		if !slices.ContainsFunc(lines, func(line map[string]any) bool {
			for name, value := range want {
				if line[name] != value {
					return false
				}
			}
			reason, _ := line["reason"].(string)
			return reason != ""
		}) {
			t.Errorf("no line has %v: %v", want, lines)
		}
	}
}

// Whatever happens, log lines hold ids and no people: also when a pass is refused to somebody, which those who asked are told by name, and when a service desk writes of people.
func TestLogsHoldNoPersonalData(t *testing.T) {
	for name, says := range map[string]string{"cloudpc": "the timer expirations has run", "tap": "holds a directory role", "uninstall": "the timer expirations has run", "ticket": "a ticket was not completed"} {
		t.Run(name, func(t *testing.T) {
			play := map[string]func(*testing.T) *journal{"ticket": ticketStory}[name]
			if play == nil {
				play = func(t *testing.T) *journal { return story(t, name) }
			}
			log := play(t)
			log.mu.Lock()
			text := log.text.String()
			log.mu.Unlock()
			if !strings.Contains(text, says) {
				t.Errorf("the log does not say %q", says)
			}
			for line := range strings.Lines(text) {
				for _, typed := range []string{"912 000", "Amélia", "Am\\u00e9lia", "INC", "ill;"} {
					if strings.Contains(line, typed) {
						t.Errorf("the log has what was typed, %s: %s", typed, line)
					}
				}
				if who := named(line); who != "" || strings.Contains(strings.ReplaceAll(line, "Bearer <token>", ""), "Bearer ") || strings.Contains(line, "eyJ") {
					t.Errorf("the log names %s: %s", who, line)
				}
			}
		})
	}
}
