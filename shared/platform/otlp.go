package platform

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// otlp sends spans and metrics by OTLP over HTTP, as protobuf. The project's own exporters link gRPC, and the protobuf runtime alone calls methods by name, so that the linker
// keeps every exported method of every linked type: with the Graph models that made the binary 38 MB instead of 14 (measured). What is sent is small, so it is written by hand.
type otlp struct {
	endpoint string
	headers  map[string]string
	client   *http.Client
}

var (
	_ sdktrace.SpanExporter = (*otlp)(nil)
	_ sdkmetric.Exporter    = (*otlp)(nil)
)

const (
	otlpTimeout  = 10 * time.Second // the standard's default
	otlpWait     = 5 * time.Second  // the longest wait that a collector may ask for before the one further try
	maxOTLPReply = 64 << 10
)

func newOTLP(endpoint string, headers map[string]string) *otlp {
	return &otlp{endpoint: strings.TrimRight(endpoint, "/"), headers: headers, client: HTTPClient(nil, otlpTimeout)}
}

// ExportSpans implements sdktrace.SpanExporter.
func (o *otlp) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	return o.send(ctx, "traces", encodeSpans(spans))
}

// Temporality implements sdkmetric.Exporter.
func (*otlp) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

// Aggregation implements sdkmetric.Exporter.
func (*otlp) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

// Export implements sdkmetric.Exporter.
func (o *otlp) Export(ctx context.Context, of *metricdata.ResourceMetrics) error {
	if len(of.ScopeMetrics) == 0 {
		return nil
	}
	return o.send(ctx, "metrics", encodeMetrics(of))
}

// ForceFlush implements sdkmetric.Exporter: nothing waits here.
func (*otlp) ForceFlush(context.Context) error { return nil }

// Shutdown implements both.
func (o *otlp) Shutdown(context.Context) error {
	o.client.CloseIdleConnections()
	return nil
}

// send posts one message, and once more if the collector asks for patience.
func (o *otlp) send(ctx context.Context, signal string, body []byte) error {
	for try := 1; ; try++ {
		wait, err := o.post(ctx, signal, body)
		if err == nil || wait < 0 || try == 2 {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// post does one exchange. A failure that may pass names the wait before another try, any other a negative one.
func (o *otlp) post(ctx context.Context, signal string, body []byte) (time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.endpoint+"/v1/"+signal, bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("send %s: %w", signal, err)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	for name, value := range o.headers {
		request.Header.Set(name, value)
	}
	response, err := o.client.Do(request)
	if err != nil {
		return -1, fmt.Errorf("send %s: %w", signal, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxOTLPReply)) // so that the connection can be used again
	_ = response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return 0, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil || seconds < 0 {
			seconds = 1
		}
		return min(time.Duration(seconds)*time.Second, otlpWait), fmt.Errorf("send %s: the collector answered %d", signal, response.StatusCode)
	}
	return -1, fmt.Errorf("send %s: the collector answered %d", signal, response.StatusCode)
}
