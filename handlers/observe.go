package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"latchkey/handlers/hostwire"
	"latchkey/shared/bus"
	"latchkey/shared/bus/servicebus"
	"latchkey/shared/directory"
	"latchkey/shared/directory/graph"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
	"latchkey/shared/store/cosmos"
)

// observed gives everything that the host calls its scope: the id of the invocation for logs and, with telemetry on, spans and durations. Without telemetry the ports are
// those of the adapters, and nothing is between them and the use cases.
func observed(next http.Handler, telemetry *platform.Telemetry) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" { // the host asks for it all the time
			next.ServeHTTP(w, r)
			return
		}
		ctx := platform.WithInvocation(r.Context(), hostwire.RequestInvocation(r), telemetry)
		function, below := strings.CutPrefix(r.URL.Path, "/")
		if below && !strings.Contains(function, "/") {
			platform.NameOperation(ctx, function)
		}
		if telemetry == nil {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		began := time.Now()
		answer := &status{ResponseWriter: w, code: http.StatusOK}
		if strings.Contains(function, "/") {
			serve(ctx, next, answer, r)
		} else {
			next.ServeHTTP(answer, r.WithContext(ctx)) // its span begins where its trace is known: in handlers/triggers
		}
		operation := platform.OperationOf(ctx)
		if operation == "" {
			operation = "none" // a path that is no route
		}
		platform.Measure(ctx, platform.MetricFunctionDuration, platform.Seconds(time.Since(began)), "function", operation, "outcome", outcomeOf(answer.code))
	})
}

// serve answers a request from outside in a span of its own, below the client's if it names one.
func serve(ctx context.Context, next http.Handler, answer *status, r *http.Request) {
	ctx = platform.ContinueTrace(ctx, r.Header.Get(platform.TraceParent))
	ctx, span := platform.Start(ctx, platform.Server, r.Method, "http.request.method", r.Method)
	defer func() {
		if operation := platform.OperationOf(ctx); operation != "" {
			span.Name(operation)
			_, route, _ := strings.Cut(operation, " ")
			span.Set("http.route", route)
		}
		span.Set("http.response.status_code", strconv.Itoa(answer.code))
		var err error
		if answer.code >= http.StatusInternalServerError {
			err = errors.New(http.StatusText(answer.code))
		}
		span.End(err)
	}()
	next.ServeHTTP(answer, r.WithContext(ctx))
}

// status remembers how a request was answered.
type status struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (s *status) WriteHeader(code int) {
	s.code = code
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap is for http.ResponseController.
func (s *status) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func outcomeOf(code int) string {
	switch {
	case code >= http.StatusInternalServerError:
		return "failed"
	case code >= http.StatusBadRequest:
		return "refused"
	}
	return "ok"
}

// tracedStore is the store with a span around each call.
type tracedStore struct{ *cosmos.Store }

// Get implements store.Store.
func (s tracedStore) Get(ctx context.Context, container store.Container, partition string, ids ...string) (_ []store.Document, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "store get "+string(container))
	defer func() { span.End(err) }()
	return s.Store.Get(ctx, container, partition, ids...)
}

// Commit implements store.Store.
func (s tracedStore) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) (_ []string, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "store commit "+string(container), "operations", strconv.Itoa(len(operations)))
	defer func() { span.End(err) }()
	return s.Store.Commit(ctx, container, partition, operations)
}

// Query implements store.Store.
func (s tracedStore) Query(ctx context.Context, container store.Container, query store.Query) (_ store.Page, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "store query "+string(container), "kind", query.Kind)
	defer func() { span.End(err) }()
	return s.Store.Query(ctx, container, query)
}

// tracedBus is the bus with a span around each call.
type tracedBus struct{ *servicebus.Bus }

// Send implements bus.Bus.
func (b tracedBus) Send(ctx context.Context, queue string, messages ...bus.Message) (err error) {
	ctx, span := platform.Start(ctx, platform.Producer, "send "+queue, "messages", strconv.Itoa(len(messages)))
	defer func() { span.End(err) }()
	return b.Bus.Send(ctx, queue, messages...)
}

// tracedDirectory is the directory with a span around each call of its port.
type tracedDirectory struct{ *graph.Directory }

var _ directory.Directory = tracedDirectory{}

// User implements directory.Directory.
func (d tracedDirectory) User(ctx context.Context, id string) (_ governance.User, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph User")
	defer func() { span.End(err) }()
	return d.Directory.User(ctx, id)
}

// Group implements directory.Directory.
func (d tracedDirectory) Group(ctx context.Context, id string) (_ governance.Group, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph Group")
	defer func() { span.End(err) }()
	return d.Directory.Group(ctx, id)
}

// MemberOf implements directory.Directory.
func (d tracedDirectory) MemberOf(ctx context.Context, userID string) (_ []string, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph MemberOf")
	defer func() { span.End(err) }()
	return d.Directory.MemberOf(ctx, userID)
}

// GroupMembers implements directory.Directory.
func (d tracedDirectory) GroupMembers(ctx context.Context, groupID string) (_ []governance.User, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph GroupMembers")
	defer func() { span.End(err) }()
	return d.Directory.GroupMembers(ctx, groupID)
}

// AddMember implements directory.Directory.
func (d tracedDirectory) AddMember(ctx context.Context, groupID, principalID string) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph AddMember")
	defer func() { span.End(err) }()
	return d.Directory.AddMember(ctx, groupID, principalID)
}

// RemoveMember implements directory.Directory.
func (d tracedDirectory) RemoveMember(ctx context.Context, groupID, principalID string) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph RemoveMember")
	defer func() { span.End(err) }()
	return d.Directory.RemoveMember(ctx, groupID, principalID)
}

// AddOwner implements directory.Directory.
func (d tracedDirectory) AddOwner(ctx context.Context, groupID, principalID string) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph AddOwner")
	defer func() { span.End(err) }()
	return d.Directory.AddOwner(ctx, groupID, principalID)
}

// RemoveOwner implements directory.Directory.
func (d tracedDirectory) RemoveOwner(ctx context.Context, groupID, principalID string) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph RemoveOwner")
	defer func() { span.End(err) }()
	return d.Directory.RemoveOwner(ctx, groupID, principalID)
}

// SendMail implements directory.Directory.
func (d tracedDirectory) SendMail(ctx context.Context, mail governance.Mail) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph SendMail")
	defer func() { span.End(err) }()
	return d.Directory.SendMail(ctx, mail)
}

// ports are the adapters as the use cases get them.
func ports(telemetry *platform.Telemetry, documents *cosmos.Store, queues *servicebus.Bus, tenant *graph.Directory) (store.Store, bus.Bus, directory.Directory) {
	if telemetry == nil {
		return documents, queues, tenant
	}
	return tracedStore{documents}, tracedBus{queues}, tracedDirectory{tenant}
}

// onStore tells of request units.
func onStore(telemetry *platform.Telemetry, also func(string, float32, error)) func(string, float32, error) {
	if telemetry == nil {
		return also
	}
	return func(operation string, charge float32, err error) {
		outcome := "ok"
		if err != nil {
			outcome = "failed"
		}
		telemetry.Measure(context.Background(), platform.MetricStoreCharge, float64(charge), "operation", operation, "outcome", outcome)
		if also != nil {
			also(operation, charge, err)
		}
	}
}

// onDirectory tells of each exchange with Graph, and of those that it turned away also without telemetry: an alert counts them.
func onDirectory(telemetry *platform.Telemetry, log *slog.Logger, also func(string, int, error, time.Duration)) func(graph.Operation, int, error, time.Duration) {
	return func(operation graph.Operation, code int, err error, took time.Duration) {
		if telemetry != nil {
			outcome := outcomeOf(code)
			if code == 0 {
				outcome = "failed"
			}
			telemetry.Measure(context.Background(), platform.MetricGraphDuration, platform.Seconds(took), "operation", string(operation), "outcome", outcome)
		}
		if errors.Is(err, directory.ErrThrottled) {
			telemetry.Measure(context.Background(), platform.MetricGraphThrottled, 1, "operation", string(operation))
			log.Warn("Microsoft Graph turned a call away", platform.LogMetric, platform.MetricGraphThrottled, platform.LogValue, 1, "operation", string(operation),
				"after", directory.RetryAfter(err))
		}
		if also != nil {
			also(string(operation), code, err, took)
		}
	}
}
