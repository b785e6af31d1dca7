package handlers_test

import (
	"context"
	"encoding/hex"
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

// Whatever happens, log lines hold ids and no people: also when a pass is refused to somebody, which those who asked are told by name.
func TestLogsHoldNoPersonalData(t *testing.T) {
	for name, says := range map[string]string{"cloudpc": "the timer expirations has run", "tap": "holds a directory role", "uninstall": "the timer expirations has run"} {
		t.Run(name, func(t *testing.T) {
			log := story(t, name)
			log.mu.Lock()
			text := log.text.String()
			log.mu.Unlock()
			if !strings.Contains(text, says) {
				t.Errorf("the log does not say %q", says)
			}
			for line := range strings.Lines(text) {
				if who := named(line); who != "" || strings.Contains(line, "Bearer ") || strings.Contains(line, "eyJ") {
					t.Errorf("the log names %s: %s", who, line)
				}
			}
		})
	}
}
