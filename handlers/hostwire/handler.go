package hostwire

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// Defaults of Options.
const (
	// DefaultDeadline stays below the functionTimeout of host.json (five minutes): past that the host would kill the handler and every other invocation with it.
	DefaultDeadline = 4*time.Minute + 30*time.Second
	// DefaultMaxBody is ample for a message of 256 KB, which is at most six times as long in the envelope.
	DefaultMaxBody = 2 << 20
)

// Options bound an invocation. The zero value has usable defaults.
type Options struct {
	Logger   *slog.Logger  // nil: slog.Default()
	Deadline time.Duration // the function's context ends then; 0: DefaultDeadline
	MaxBody  int64         // bytes of an envelope; 0: DefaultMaxBody
	DataType DataType      // of a Service Bus trigger's binding
}

// ServiceBus runs handle for each message of a Service Bus trigger. An error gives the message back: the host redelivers it at once, with a higher delivery
// count, until the queue dead-letters it. A message that will never succeed must therefore be put aside by handle, which then returns nil.
//
// handle runs on the request's goroutine and must heed its context: answering for a function that still runs would let the next message of its session overtake it.
func ServiceBus(handle func(context.Context, ServiceBusMessage) error, options Options) http.Handler {
	return adapt(options, func(ctx context.Context, in Invocation) ([]slog.Attr, error) {
		message, err := in.ServiceBusMessage(options.DataType)
		if err != nil {
			return nil, err
		}
		attrs := []slog.Attr{slog.String("messageId", message.MessageID), slog.Int("deliveryCount", message.DeliveryCount)}
		return attrs, handle(ctx, message)
	})
}

// Timer runs handle for each tick of a timer. After an error nothing happens until the next tick.
func Timer(handle func(context.Context, Tick) error, options Options) http.Handler {
	return adapt(options, func(ctx context.Context, in Invocation) ([]slog.Attr, error) {
		tick, err := in.Tick()
		if err != nil {
			return nil, err
		}
		return []slog.Attr{slog.Bool("isPastDue", tick.IsPastDue)}, handle(ctx, tick)
	})
}

// adapt makes an http.Handler of a function over invocations: only the host's POST with JSON to one path segment, bounded in size and time, panics contained.
func adapt(options Options, function func(context.Context, Invocation) ([]slog.Attr, error)) http.Handler {
	options.Deadline, options.MaxBody = cmp.Or(options.Deadline, DefaultDeadline), cmp.Or(options.MaxBody, DefaultMaxBody)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		logger := options.Logger
		if logger == nil {
			logger = slog.Default()
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name == "" || strings.Contains(name, "/") {
			WriteFailure(w, http.StatusNotFound, "notFound", "No function has this path.")
			return
		}
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			WriteFailure(w, http.StatusMethodNotAllowed, "methodNotAllowed", "The host invokes functions with POST.")
			return
		}
		if !isJSON(r) {
			WriteFailure(w, http.StatusUnsupportedMediaType, "unsupportedMediaType", "An invocation is application/json.")
			return
		}
		body, err := readBody(w, r, options.MaxBody)
		if err != nil {
			status, code := http.StatusBadRequest, "unreadableInvocation"
			if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
				status, code = http.StatusRequestEntityTooLarge, "invocationTooLarge"
			}
			logger.LogAttrs(r.Context(), slog.LevelError, "invocation refused", slog.String("function", name), slog.Any("error", err))
			WriteFailure(w, status, code, fmt.Sprintf("The invocation cannot be read; it may hold %d bytes.", options.MaxBody))
			return
		}
		in, err := Decode(body)
		id, began := RequestInvocation(r), time.Now()
		var attrs []slog.Attr
		if err == nil {
			ctx, cancel := context.WithTimeout(r.Context(), options.Deadline)
			attrs, err = contain(ctx, in, function)
			cancel()
		}
		if err == nil && !logger.Enabled(r.Context(), slog.LevelDebug) {
			writeJSON(w, http.StatusOK, emptyResult)
			return
		}
		attrs = append(attrs, slog.String("function", name), slog.String("invocationId", id), slog.Duration("took", time.Since(began)))
		if err == nil {
			logger.LogAttrs(r.Context(), slog.LevelDebug, "invocation succeeded", attrs...)
			writeJSON(w, http.StatusOK, emptyResult)
			return
		}
		status, code := http.StatusInternalServerError, "invocationFailed"
		if errors.Is(err, ErrMalformed) {
			status, code = http.StatusBadRequest, "malformedInvocation"
		}
		if crash, ok := errors.AsType[*panicError](err); ok {
			attrs = append(attrs, slog.String("stack", crash.stack))
		}
		logger.LogAttrs(r.Context(), slog.LevelError, "invocation failed", append(attrs, slog.Any("error", err))...)
		WriteFailure(w, status, code, "The invocation failed; the handler's log tells why.")
	})
}

func isJSON(r *http.Request) bool {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && media == "application/json"
}

// maxStack bounds what a panic adds to the log.
const maxStack = 8 << 10

type panicError struct {
	value any
	stack string
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func contain(ctx context.Context, in Invocation, function func(context.Context, Invocation) ([]slog.Attr, error)) (attrs []slog.Attr, err error) {
	defer func() {
		if value := recover(); value != nil {
			stack := debug.Stack()
			err = &panicError{value: value, stack: string(stack[:min(len(stack), maxStack)])}
		}
	}()
	return function(ctx, in)
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	limited := http.MaxBytesReader(w, r.Body, limit)
	if r.ContentLength < 0 {
		return io.ReadAll(limited)
	}
	body := make([]byte, r.ContentLength)
	_, err := io.ReadFull(limited, body)
	return body, err
}

// maxInvocationID bounds the id that is repeated in logs; the host's are GUIDs.
const maxInvocationID = 64

// RequestInvocation is the host's id of the invocation that a request is, as it came: also of those that it proxies.
func RequestInvocation(r *http.Request) string {
	id := r.Header.Get("X-Azure-Functions-InvocationId")
	return id[:min(len(id), maxInvocationID)]
}
