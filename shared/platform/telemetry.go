package platform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TraceParent is the name of the header, and of the property of a message, that carries the trace on (W3C Trace Context).
const TraceParent = "traceparent"

// Telemetry is OpenTelemetry: traces and metrics, sent by OTLP. A nil Telemetry is off; everything that is done with it then does nothing.
type Telemetry struct {
	spans    *sdktrace.TracerProvider
	values   *sdkmetric.MeterProvider
	tracer   trace.Tracer
	counters map[string]metric.Float64Counter
	gauges   map[string]metric.Float64Gauge
	spreads  map[string]metric.Float64Histogram
	splits   map[string][]string // the attributes of each
}

// durations are the bounds of a histogram of seconds: a lag may be of days.
var durations = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400, 86400, 604800}

// charges are those of request units.
var charges = []float64{1, 2.5, 5, 7.5, 10, 15, 25, 50, 100, 250, 500, 1000}

// NewTelemetry makes what the settings ask for: nil without OTEL_EXPORTER_OTLP_ENDPOINT. It sends nothing yet. failed hears of what could not be sent.
//
// OpenTelemetry's other variables count too, the SDK reads them itself: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_BSP_*, OTEL_METRIC_EXPORT_INTERVAL.
func NewTelemetry(ctx context.Context, settings Settings, failed func(error)) (*Telemetry, error) {
	if settings.OTLPEndpoint == "" {
		return nil, nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(failed)) // else it writes to stderr, and the host makes errors of that
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attribute.String("service.name", "latchkey")), resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("describe this process to OpenTelemetry: %w", err)
	}
	sender := newOTLP(settings.OTLPEndpoint, settings.OTLPHeaders)
	spans := sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(sender))
	views := func(unit string, bounds []float64) sdkmetric.View {
		return sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram, Unit: unit}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds}})
	}
	values := sdkmetric.NewMeterProvider(sdkmetric.WithResource(about), sdkmetric.WithReader(sdkmetric.NewPeriodicReader(sender)), sdkmetric.WithView(views("s", durations), views("{RU}", charges)))

	t := &Telemetry{spans: spans, values: values, tracer: spans.Tracer("latchkey"), counters: map[string]metric.Float64Counter{},
		gauges: map[string]metric.Float64Gauge{}, spreads: map[string]metric.Float64Histogram{},
		splits: map[string][]string{}}
	meter := values.Meter("latchkey")
	for _, m := range Metrics() {
		t.splits[m.Name] = m.Attributes
		switch m.Kind {
		case Counter:
			t.counters[m.Name], err = meter.Float64Counter(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description))
		case Gauge:
			t.gauges[m.Name], err = meter.Float64Gauge(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description))
		case Histogram:
			t.spreads[m.Name], err = meter.Float64Histogram(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Description))
		}
		if err != nil {
			return nil, fmt.Errorf("metric %s: %w", m.Name, err)
		}
	}
	return t, nil
}

// Flush sends what is waiting. The host kills its handler without a word, so what matters is not left for the end.
func (t *Telemetry) Flush(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return errors.Join(t.spans.ForceFlush(ctx), t.values.ForceFlush(ctx))
}

// Close sends what is waiting and stops.
func (t *Telemetry) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return errors.Join(t.spans.Shutdown(ctx), t.values.Shutdown(ctx))
}

// Measure adds a value of one of Metrics. attributes are names and values in turn; those that the metric does not declare are left out.
func (t *Telemetry) Measure(ctx context.Context, name string, value float64, attributes ...string) {
	if t == nil {
		return
	}
	undeclared := func(one attribute.KeyValue) bool { return !slices.Contains(t.splits[name], string(one.Key)) }
	set := attribute.NewSet(slices.DeleteFunc(pairs(attributes), undeclared)...)
	with := metric.WithAttributeSet(set)
	if counter, ok := t.counters[name]; ok {
		counter.Add(ctx, value, with)
	} else if gauge, ok := t.gauges[name]; ok {
		gauge.Record(ctx, value, with)
	} else if spread, ok := t.spreads[name]; ok {
		spread.Record(ctx, value, with)
	}
}

// pairs makes attributes of names and values in turn.
func pairs(list []string) []attribute.KeyValue {
	made := make([]attribute.KeyValue, 0, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		if list[i+1] != "" {
			made = append(made, attribute.String(list[i], list[i+1]))
		}
	}
	return made
}

// SpanKind says on which side of a call a span is.
type SpanKind = trace.SpanKind

// The kinds.
const (
	Internal = trace.SpanKindInternal
	Server   = trace.SpanKindServer
	Client   = trace.SpanKindClient
	Producer = trace.SpanKindProducer
	Consumer = trace.SpanKindConsumer
)

// Span is one step of a trace. A nil Span is none.
type Span struct{ span trace.Span }

// Start begins a span below the one in ctx, if telemetry is on for ctx. attributes are names and values in turn.
func Start(ctx context.Context, kind SpanKind, name string, attributes ...string) (context.Context, *Span) {
	t := telemetryOf(ctx)
	if t == nil {
		return ctx, nil
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(pairs(attributes)...))
	return ctx, &Span{span}
}

// Name gives a span the name that was not known when it began.
func (s *Span) Name(name string) {
	if s != nil {
		s.span.SetName(name)
	}
}

// Set adds attributes: names and values in turn.
func (s *Span) Set(attributes ...string) {
	if s != nil {
		s.span.SetAttributes(pairs(attributes)...)
	}
}

// End ends a span, as a failure if err is one. The error's words stay out of it: they may name people.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}

// Measure adds a value of one of Metrics, if telemetry is on for ctx.
func Measure(ctx context.Context, name string, value float64, attributes ...string) {
	telemetryOf(ctx).Measure(ctx, name, value, attributes...)
}

// Seconds is a duration as metrics have it.
func Seconds(d time.Duration) float64 { return max(d, 0).Seconds() }

// Traced says whether telemetry is on for ctx: whether it pays to find out what it would be told.
func Traced(ctx context.Context) bool { return telemetryOf(ctx) != nil }

var propagator propagation.TraceContext

// CarryTrace is the trace that ctx belongs to, as TraceParent carries it; empty outside of one.
func CarryTrace(ctx context.Context) string {
	if telemetryOf(ctx) == nil {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagator.Inject(ctx, carrier)
	return carrier[TraceParent]
}

// ContinueTrace makes spans of ctx children of a span elsewhere. What is no trace is ignored.
func ContinueTrace(ctx context.Context, traceParent string) context.Context {
	if traceParent == "" || telemetryOf(ctx) == nil {
		return ctx
	}
	return propagator.Extract(ctx, propagation.MapCarrier{TraceParent: traceParent})
}
