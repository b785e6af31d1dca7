package platform

import (
	"context"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
)

// The members of a log line that is a value of one of Metrics as well. Alerts read them; with telemetry on, the value also goes the way of all metrics.
const (
	LogMetric = "metric"
	LogValue  = "value"
)

// Logger writes log lines as everything here should: with the ids of the invocation, the operation, the subject and the trace that a context belongs to, and without
// anybody's address. Lines that are the value of a metric are measured too.
func Logger(to slog.Handler) *slog.Logger { return slog.New(&logHandler{next: to}) }

type logHandler struct {
	next slog.Handler
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	kept := make([]slog.Attr, len(attrs))
	for i, attr := range attrs {
		kept[i] = impersonal(attr)
	}
	return &logHandler{h.next.WithAttrs(kept)}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler { return &logHandler{h.next.WithGroup(name)} }

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	line := slog.NewRecord(record.Time, record.Level, withoutAddresses(record.Message), record.PC)
	present := map[string]bool{}
	metric, value := "", 0.0
	var attributes []string
	record.Attrs(func(attr slog.Attr) bool {
		attr = impersonal(attr)
		present[attr.Key] = true
		switch attr.Key {
		case LogMetric:
			metric = attr.Value.String()
		case LogValue:
			value, _ = strconv.ParseFloat(attr.Value.String(), 64)
		default:
			attributes = append(attributes, attr.Key, attr.Value.String())
		}
		line.AddAttrs(attr)
		return true
	})
	where := ids(ctx)
	for i := 0; i < len(where); i += 2 {
		if where[i+1] != "" && !present[where[i]] {
			line.AddAttrs(slog.String(where[i], where[i+1]))
		}
	}
	if metric != "" {
		Measure(ctx, metric, value, attributes...)
	}
	return h.next.Handle(ctx, line)
}

// address is what looks like somebody's: of mail, or the principal name of a user.
var address = regexp.MustCompile(`[^\s"'<>(),;:=/\\]+@[^\s"'<>(),;:=/\\]+`)

func withoutAddresses(text string) string {
	if !strings.Contains(text, "@") {
		return text
	}
	return address.ReplaceAllString(text, "…@…")
}

// impersonal is an attribute without addresses.
func impersonal(attr slog.Attr) slog.Attr {
	attr.Value = attr.Value.Resolve()
	switch attr.Value.Kind() {
	case slog.KindString:
		attr.Value = slog.StringValue(withoutAddresses(attr.Value.String()))
	case slog.KindGroup:
		group := attr.Value.Group()
		kept := make([]slog.Attr, len(group))
		for i, one := range group {
			kept[i] = impersonal(one)
		}
		attr.Value = slog.GroupValue(kept...)
	case slog.KindAny:
		switch value := attr.Value.Any().(type) {
		case error:
			attr.Value = slog.StringValue(withoutAddresses(value.Error()))
		case []string:
			attr.Value = slog.StringValue(withoutAddresses(strings.Join(value, ", ")))
		}
	default: // numbers, times and the like hold no address
	}
	return attr
}
