// Latchkey is the custom handler of an Azure Functions app: settings, handlers, a listener on the port that the host names, and nothing else.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"latchkey/handlers"
	"latchkey/shared/platform"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey:", err) // the host logs it as an error
		os.Exit(1)                                // never 0: an old host would not start it again
	}
}

// settling is how long the first requests have the process to themselves before its dependencies are asked after.
const settling = 2 * time.Second

// farewell is how long a stop waits for requests that are being answered.
const farewell = 10 * time.Second

func run(ctx context.Context, getenv func(string) string) error {
	settings, err := platform.Load(getenv)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: settings.LogLevel}))
	slog.SetDefault(logger) // what libraries write to the standard log goes there too: the host takes every line on stderr for an error
	handler, err := handlers.New(ctx, settings, handlers.Options{Logger: logger})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(settings.Port)))
	if err != nil {
		return platform.Unusable(err, "FUNCTIONS_CUSTOMHANDLER_PORT")
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		defer cancel()
		_ = server.Shutdown(ctx) // what does not end in time is redelivered
		_ = handler.Close(ctx)   // the process ends either way
	}()
	check := time.AfterFunc(settling, func() { handler.Check(ctx) })
	defer check.Stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-ended // Serve returns when a stop begins, not when it is done
	return errors.New("stopped")
}
