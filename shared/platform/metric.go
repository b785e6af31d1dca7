package platform

// MetricKind says how the values of a metric add up.
type MetricKind string

// The kinds.
const (
	Counter   MetricKind = "counter"   // values are added up
	Gauge     MetricKind = "gauge"     // the last value counts
	Histogram MetricKind = "histogram" // how values are spread
)

// The names of the metrics.
const (
	MetricRequestStep      = "latchkey.request.step"
	MetricQueueLag         = "latchkey.queue.lag"
	MetricTimerLag         = "latchkey.timer.lag"
	MetricOutboxLag        = "latchkey.outbox.lag"
	MetricDeliveryFailed   = "latchkey.delivery.failed"
	MetricAuditBroken      = "latchkey.audit.broken"
	MetricDisagreement     = "latchkey.document.disagrees"
	MetricFunctionDuration = "latchkey.function.duration"
	MetricStoreCharge      = "latchkey.store.charge"
	MetricGraphDuration    = "latchkey.graph.duration"
	MetricGraphThrottled   = "latchkey.graph.throttled"
)

// Metric is one thing that is measured.
type Metric struct {
	Name        string
	Kind        MetricKind
	Unit        string
	Attributes  []string // by which it can be split; never a person, an id or an address
	Alert       string   // its key in infra/modules/metrics.json; empty: no alert reads it
	Description string
}

// Metrics lists all of them. Those with an alert are also written as log lines with the members "metric" and "value", because the alerts read Application Insights,
// which has no exporter for Go: see the package's Logger and docs/observe.md.
func Metrics() []Metric {
	return []Metric{
		{MetricRequestStep, Histogram, "s", []string{"state", "type"}, "", "A request has reached a state, so many seconds after it was submitted: each step of its life."},
		{MetricQueueLag, Histogram, "s", []string{"function"}, "", "How long a message was on its queue before its function got it."},
		{MetricTimerLag, Gauge, "s", []string{"function"}, "timerLag", "How late the oldest thing was that a timer found due, or the timer itself."},
		{MetricOutboxLag, Gauge, "s", nil, "outboxLag", "Age of the oldest effect that is committed and not yet on its queue."},
		{MetricDeliveryFailed, Counter, "{delivery}", []string{"state"}, "deliveryFailed", "Deliveries that have failed for good."},
		{MetricAuditBroken, Counter, "{chain}", nil, "auditBroken", "Audit chains that were found broken."},
		{MetricDisagreement, Counter, "{document}", nil, "disagreement", "Documents that were found to say otherwise than the head of their partition."},
		{MetricFunctionDuration, Histogram, "s", []string{"function", "outcome"}, "", "How long an invocation or a request took: ok, refused (4xx) or failed."},
		{MetricStoreCharge, Histogram, "{RU}", []string{"operation", "outcome"}, "", "Request units that Cosmos DB charged for an operation."},
		{MetricGraphDuration, Histogram, "s", []string{"operation", "outcome"}, "", "How long a call of Microsoft Graph took."},
		{MetricGraphThrottled, Counter, "{call}", []string{"operation"}, "graphThrottled", "Calls that Microsoft Graph turned away."},
	}
}
