package platform

import (
	"encoding/binary"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// wire is a protobuf message that is being written. The numbers of fields in this file are those of opentelemetry-proto 1.x, which do not change.
type wire []byte

// The wire types of protobuf.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
)

func (w *wire) tag(field, kind int) { *w = binary.AppendUvarint(*w, uint64(field<<3|kind)) }

func (w *wire) bytes(field int, value []byte) {
	w.tag(field, wireBytes)
	*w = binary.AppendUvarint(*w, uint64(len(value)))
	*w = append(*w, value...)
}

func (w *wire) text(field int, value string) {
	if value != "" {
		w.bytes(field, []byte(value))
	}
}

func (w *wire) number(field int, value uint64) {
	if value != 0 {
		w.tag(field, wireVarint)
		*w = binary.AppendUvarint(*w, value)
	}
}

func (w *wire) fixed(field int, value uint64) {
	w.tag(field, wireFixed64)
	*w = binary.LittleEndian.AppendUint64(*w, value)
}

func (w *wire) double(field int, value float64) { w.fixed(field, math.Float64bits(value)) }

// message writes a message within this one.
func (w *wire) message(field int, write func(*wire)) {
	var inner wire
	write(&inner)
	w.bytes(field, inner)
}

func (w *wire) attributes(field int, list []attribute.KeyValue) {
	for _, pair := range list {
		w.message(field, func(w *wire) {
			w.text(1, string(pair.Key))
			w.message(2, func(w *wire) { w.bytes(1, []byte(pair.Value.Emit())) })
		})
	}
}

func (w *wire) instant(field int, at time.Time) {
	if !at.IsZero() {
		w.fixed(field, uint64(max(at.UnixNano(), 0)))
	}
}

func (w *wire) resource(field int, of *resource.Resource) {
	w.message(field, func(w *wire) { w.attributes(1, of.Attributes()) })
}

func (w *wire) scope(field int, of instrumentation.Scope) {
	w.message(field, func(w *wire) {
		w.text(1, of.Name)
		w.text(2, of.Version)
	})
}

// encodeSpans writes spans as an ExportTraceServiceRequest. They are of one process, and so of one resource.
func encodeSpans(spans []sdktrace.ReadOnlySpan) []byte {
	scopes := map[instrumentation.Scope][]sdktrace.ReadOnlySpan{}
	for _, span := range spans {
		scopes[span.InstrumentationScope()] = append(scopes[span.InstrumentationScope()], span)
	}
	var w wire
	w.message(1, func(w *wire) {
		w.resource(1, spans[0].Resource())
		for scope, list := range scopes {
			w.message(2, func(w *wire) {
				w.scope(1, scope)
				for _, span := range list {
					w.message(2, func(w *wire) { w.span(span) })
				}
			})
		}
	})
	return w
}

func (w *wire) span(span sdktrace.ReadOnlySpan) {
	trace, id := span.SpanContext().TraceID(), span.SpanContext().SpanID()
	w.bytes(1, trace[:])
	w.bytes(2, id[:])
	w.text(3, span.SpanContext().TraceState().String())
	if parent := span.Parent().SpanID(); parent.IsValid() {
		w.bytes(4, parent[:])
	}
	w.text(5, span.Name())
	w.number(6, uint64(span.SpanKind())) // the numbers are the same
	w.instant(7, span.StartTime())
	w.instant(8, span.EndTime())
	w.attributes(9, span.Attributes())
	if status := span.Status(); status.Code != codes.Unset {
		w.message(15, func(w *wire) {
			w.text(2, status.Description)
			w.number(3, map[codes.Code]uint64{codes.Ok: 1, codes.Error: 2}[status.Code])
		})
	}
}

// cumulative is the temporality of everything that Temporality chooses.
const cumulative = 2

// encodeMetrics writes metrics as an ExportMetricsServiceRequest. Those of Telemetry are all of float64.
func encodeMetrics(of *metricdata.ResourceMetrics) []byte {
	var w wire
	w.message(1, func(w *wire) {
		w.resource(1, of.Resource)
		for _, scope := range of.ScopeMetrics {
			w.message(2, func(w *wire) {
				w.scope(1, scope.Scope)
				for _, metric := range scope.Metrics {
					w.message(2, func(w *wire) { w.metric(metric) })
				}
			})
		}
	})
	return w
}

func (w *wire) metric(of metricdata.Metrics) {
	w.text(1, of.Name)
	w.text(2, of.Description)
	w.text(3, of.Unit)
	switch data := of.Data.(type) {
	case metricdata.Gauge[float64]:
		w.message(5, func(w *wire) { w.points(data.DataPoints) })
	case metricdata.Sum[float64]:
		w.message(7, func(w *wire) {
			w.points(data.DataPoints)
			w.number(2, cumulative)
			if data.IsMonotonic {
				w.number(3, 1)
			}
		})
	case metricdata.Histogram[float64]:
		w.message(9, func(w *wire) {
			for _, point := range data.DataPoints {
				w.message(1, func(w *wire) { w.spread(point) })
			}
			w.number(2, cumulative)
		})
	}
}

func (w *wire) points(list []metricdata.DataPoint[float64]) {
	for _, point := range list {
		w.message(1, func(w *wire) {
			w.instant(2, point.StartTime)
			w.instant(3, point.Time)
			w.double(4, point.Value)
			w.attributes(7, point.Attributes.ToSlice())
		})
	}
}

func (w *wire) spread(point metricdata.HistogramDataPoint[float64]) {
	w.instant(2, point.StartTime)
	w.instant(3, point.Time)
	w.fixed(4, point.Count)
	w.double(5, point.Sum)
	var counts, bounds wire // packed: numbers one after the other
	for _, count := range point.BucketCounts {
		counts = binary.LittleEndian.AppendUint64(counts, count)
	}
	for _, bound := range point.Bounds {
		bounds = binary.LittleEndian.AppendUint64(bounds, math.Float64bits(bound))
	}
	w.bytes(6, counts)
	w.bytes(7, bounds)
	w.attributes(9, point.Attributes.ToSlice())
	if least, ok := point.Min.Value(); ok {
		w.double(11, least)
	}
	if most, ok := point.Max.Value(); ok {
		w.double(12, most)
	}
}
