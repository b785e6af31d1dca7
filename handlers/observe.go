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
	"latchkey/shared/directory"
	"latchkey/shared/directory/graph"
	"latchkey/shared/platform"
)

// observed gives everything that the host calls its scope: the id of the invocation for logs and, with telemetry on, a span and a
// duration. What goes out has its spans where each adapter makes its exchanges.
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
		if outcomeOf(answer.code) == "failed" {
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
	case code >= http.StatusInternalServerError && code != http.StatusNotImplemented: // what is not in this release has not failed
		return "failed"
	case code >= http.StatusBadRequest:
		return "refused"
	}
	return "ok"
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
