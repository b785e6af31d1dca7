package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// received is what a collector got, in its own words.
type received struct {
	mu      sync.Mutex
	spans   []*traces.ResourceSpans
	metrics []*metrics.ResourceMetrics
}

// collect is telemetry that goes to a collector, which answers with these codes one after the other and then with 200.
func collect(t *testing.T, codes ...int) (*Telemetry, *received, *[]error) {
	t.Helper()
	got, failed := &received{}, &[]error{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got.mu.Lock()
		defer got.mu.Unlock()
		if len(codes) > 0 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(codes[0])
			codes = codes[1:]
			return
		}
		var spans traces.TracesData
		var values metrics.MetricsData
		switch r.URL.Path {
		case "/base/v1/traces":
			err = proto.Unmarshal(body, &spans)
		case "/base/v1/metrics":
			err = proto.Unmarshal(body, &values)
		default:
			t.Errorf("it posts to %s", r.URL.Path)
		}
		if err != nil {
			t.Error(err)
		}
		got.spans, got.metrics = append(got.spans, spans.ResourceSpans...), append(got.metrics, values.ResourceMetrics...)
	}))
	t.Cleanup(server.Close)
	telemetry, err := NewTelemetry(t.Context(), Settings{OTLPEndpoint: server.URL + "/base/"}, func(err error) { *failed = append(*failed, err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = telemetry.Close(context.Background()) })
	return telemetry, got, failed
}

func TestWhatACollectorReceives(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	telemetry, got, _ := collect(t)
	ctx := WithInvocation(t.Context(), "invocation", telemetry)
	parent := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx, server := Start(ContinueTrace(ctx, parent), Server, "GET", "a", "1", "empty", "", "odd")
	server.Name("GET /x")
	inner, span := Start(ctx, Producer, "send")
	carried := CarryTrace(inner)
	span.Set("b", "2")
	span.End(errors.New("about ida@contoso.example"))
	server.End(nil)
	Measure(ctx, MetricDeliveryFailed, 2, "state", "deliveryFailed", "person", "ida")
	Measure(ctx, MetricOutboxLag, 1.5)
	Measure(ctx, MetricQueueLag, 0.02, "function", "provisioning")
	Measure(ctx, MetricQueueLag, 7, "function", "provisioning")
	Measure(ctx, "no metric", 1)
	if err := telemetry.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	resource := map[string]string{}
	for _, pair := range got.spans[0].Resource.Attributes {
		resource[pair.Key] = pair.Value.GetStringValue()
	}
	if resource["service.name"] != "latchkey" || resource["deployment.environment"] != "test" {
		t.Errorf("the resource is %v", resource)
	}
	spans := got.spans[0].ScopeSpans[0].Spans
	if len(spans) != 2 || got.spans[0].ScopeSpans[0].Scope.Name != "latchkey" {
		t.Fatalf("there are %v", spans)
	}
	send, get := spans[0], spans[1]
	if send.Name != "send" || send.Kind != traces.Span_SPAN_KIND_PRODUCER || send.Status.GetCode() != traces.Status_STATUS_CODE_ERROR || send.Status.GetMessage() != "" || string(send.ParentSpanId) != string(get.SpanId) {
		t.Errorf("the inner span is %v", send)
	}
	if get.Name != "GET /x" || get.Kind != traces.Span_SPAN_KIND_SERVER || get.Status.GetCode() != traces.Status_STATUS_CODE_UNSET || len(get.Attributes) != 1 || get.Attributes[0].Key != "a" ||
		get.StartTimeUnixNano == 0 || get.EndTimeUnixNano < get.StartTimeUnixNano {
		t.Errorf("the outer span is %v", get)
	}
	if !strings.HasPrefix(carried, parent[:36]) || !strings.HasSuffix(carried, "-01") || strings.Contains(carried, "b7ad6b7169203331") {
		t.Errorf("the trace goes on as %q", carried)
	}
	byName := map[string]*metrics.Metric{}
	for _, m := range got.metrics[0].ScopeMetrics[0].Metrics {
		byName[m.Name] = m
	}
	sum := byName[MetricDeliveryFailed].GetSum()
	if !sum.GetIsMonotonic() || sum.GetAggregationTemporality() != metrics.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE || sum.GetDataPoints()[0].GetAsDouble() != 2 || len(sum.GetDataPoints()[0].Attributes) != 1 {
		t.Errorf("the counter is %v", byName[MetricDeliveryFailed])
	}
	if byName[MetricOutboxLag].GetGauge().GetDataPoints()[0].GetAsDouble() != 1.5 {
		t.Errorf("the gauge is %v", byName[MetricOutboxLag])
	}
	spread := byName[MetricQueueLag].GetHistogram().GetDataPoints()[0]
	if spread.Count != 2 || spread.GetSum() != 7.02 || spread.GetMin() != 0.02 || spread.GetMax() != 7 || len(spread.BucketCounts) != len(spread.ExplicitBounds)+1 || len(spread.ExplicitBounds) != len(durations) {
		t.Errorf("the histogram is %v", spread)
	}
	if len(byName) != 3 {
		t.Errorf("there are %d metrics", len(byName))
	}
}

func TestACollectorThatFails(t *testing.T) {
	for name, test := range map[string]struct {
		codes []int
		sent  bool
	}{
		"for a moment": {[]int{http.StatusServiceUnavailable}, true}, "and goes on": {[]int{http.StatusTooManyRequests, http.StatusTooManyRequests}, false}, "for good": {[]int{http.StatusBadRequest}, false},
	} {
		t.Run(name, func(t *testing.T) {
			telemetry, got, failed := collect(t, test.codes...)
			_, span := Start(WithInvocation(t.Context(), "i", telemetry), Internal, "x")
			span.End(nil)
			err := errors.Join(telemetry.Flush(t.Context()), errors.Join(*failed...))
			got.mu.Lock()
			defer got.mu.Unlock()
			if (len(got.spans) == 1) != test.sent || (err == nil) != test.sent {
				t.Errorf("%d arrived: %v", len(got.spans), err)
			}
		})
	}
}

// A collector that redirects gets nothing sent elsewhere, least of all the key.
func TestTelemetryFollowsNoRedirect(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		collector := httptest.NewServer(http.RedirectHandler(other.URL, status))
		err := newOTLP(collector.URL, map[string]string{"api-key": "k"}).send(t.Context(), "traces", []byte("x"))
		collector.Close()
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) || elsewhere.Load() != 0 {
			t.Errorf("%d: %v, %d messages went elsewhere", status, err, elsewhere.Load())
		}
	}
}

// Telemetry that is off allocates nothing and starts nothing: the paths below are those that a request takes.
func TestOffCostsNothing(t *testing.T) {
	telemetry, err := NewTelemetry(t.Context(), Settings{}, nil)
	if telemetry != nil || err != nil {
		t.Fatalf("%v, %v", telemetry, err)
	}
	ctx := WithInvocation(t.Context(), "invocation", telemetry)
	if allocated := testing.AllocsPerRun(100, func() { offPath(ctx) }); allocated != 0 {
		t.Errorf("it allocates %v times", allocated)
	}
	if err := errors.Join(telemetry.Flush(ctx), telemetry.Close(ctx)); err != nil {
		t.Error(err)
	}
}

func offPath(ctx context.Context) {
	ctx = ContinueTrace(ctx, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ctx, span := Start(ctx, Server, "x")
	if Traced(ctx) || CarryTrace(ctx) != "" {
		panic("it is on")
	}
	span.Name("y")
	span.End(nil)
}

func BenchmarkOff(b *testing.B) {
	ctx := WithInvocation(b.Context(), "invocation", nil)
	b.ReportAllocs()
	for b.Loop() {
		offPath(ctx)
	}
}

func TestLogLines(t *testing.T) {
	telemetry, got, _ := collect(t)
	var out bytes.Buffer
	log := Logger(slog.NewJSONHandler(&out, nil)).With("of", "ida@contoso.example")
	ctx := WithInvocation(t.Context(), "4f", telemetry)
	NameOperation(ctx, "GET /x")
	NameSubject(ctx, "7a")
	ctx, span := Start(ctx, Server, "x")
	log.WarnContext(ctx, "Bob (bob@contoso.example) asks", "error", errors.New("no user gwen_fabrikam.example#EXT#@contoso.example: x"), "to", []string{"a@b.c", "d"},
		slog.Group("who", "mail", "<eve@contoso.example>"), LogMetric, MetricOutboxLag, LogValue, 3, "took", time.Second)
	log.InfoContext(ctx, "named by itself", "subjectId", "other")
	log.InfoContext(context.Background(), "elsewhere")
	span.End(nil)
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, members)
	}
	if strings.Contains(out.String(), "contoso") || strings.Contains(out.String(), "a@b") || !strings.Contains(out.String(), "no user …@…: x") {
		t.Errorf("the log names people: %s", &out)
	}
	if first := lines[0]; first["invocationId"] != "4f" || first["operation"] != "GET /x" || first["subjectId"] != "7a" || len(first["traceId"].(string)) != 32 || len(first["spanId"].(string)) != 16 || first["value"] != 3.0 {
		t.Errorf("the line is %v", first)
	}
	if lines[1]["subjectId"] != "other" || strings.Count(strings.Split(out.String(), "\n")[1], "subjectId") != 1 {
		t.Errorf("the line is %v", lines[1])
	}
	if lines[2]["invocationId"] != nil {
		t.Errorf("the line is %v", lines[2])
	}
	if err := telemetry.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	if value := got.metrics[0].ScopeMetrics[0].Metrics[0]; value.Name != MetricOutboxLag || value.GetGauge().GetDataPoints()[0].GetAsDouble() != 3 {
		t.Errorf("the line is measured as %v", value)
	}
}
