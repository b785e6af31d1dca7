package platform

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// scope is what a call of the host is, for logs and telemetry.
type scope struct {
	invocation string
	telemetry  *Telemetry
	operation  atomic.Pointer[string]
	subject    atomic.Pointer[string]
}

type scopeKey struct{}

func scopeOf(ctx context.Context) *scope {
	found, _ := ctx.Value(scopeKey{}).(*scope)
	return found
}

func telemetryOf(ctx context.Context) *Telemetry {
	if s := scopeOf(ctx); s != nil {
		return s.telemetry
	}
	return nil
}

// WithInvocation begins what the host calls an invocation: log lines written with ctx carry its id, and telemetry, unless it is nil, is on for it.
func WithInvocation(ctx context.Context, id string, telemetry *Telemetry) context.Context {
	return context.WithValue(ctx, scopeKey{}, &scope{invocation: id, telemetry: telemetry})
}

// NameOperation says which operation an invocation turned out to be: a function, or the method and pattern of a route.
func NameOperation(ctx context.Context, name string) {
	if s := scopeOf(ctx); s != nil {
		s.operation.Store(&name)
	}
}

// OperationOf is what NameOperation said; empty if it said nothing.
func OperationOf(ctx context.Context) string {
	if s := scopeOf(ctx); s != nil {
		return text(&s.operation)
	}
	return ""
}

// NameSubject says whose access an invocation is about, by the subject's id.
func NameSubject(ctx context.Context, id string) {
	if s := scopeOf(ctx); s != nil {
		s.subject.Store(&id)
	}
}

func text(p *atomic.Pointer[string]) string {
	if found := p.Load(); found != nil {
		return *found
	}
	return ""
}

// The members of a log line that tell where it comes from.
const (
	logInvocation = "invocationId"
	logOperation  = "operation"
	logSubject    = "subjectId"
	logTrace      = "traceId"
	logSpan       = "spanId"
)

// ids are those that ctx has for a log line: names and values in turn.
func ids(ctx context.Context) []string {
	var list []string
	if s := scopeOf(ctx); s != nil {
		list = append(list, logInvocation, s.invocation, logOperation, text(&s.operation), logSubject, text(&s.subject))
		if span := trace.SpanContextFromContext(ctx); span.IsValid() {
			list = append(list, logTrace, span.TraceID().String(), logSpan, span.SpanID().String())
		}
	}
	return list
}
