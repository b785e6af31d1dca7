// Command handler is a custom handler for the tests of the local host. What it does, it is told by the first word of a message:
//
//	crash  ends the process amid the invocation, unless the file CRASHED exists; then it succeeds
//	hang   does not answer, unless the file CRASHED exists
//	other  succeeds
//
// Every message is appended to the file LOG before anything else.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"latchkey/handlers/hostwire"
)

func main() {
	fmt.Println("hello from standard output")
	fmt.Fprintln(os.Stderr, "an error line")
	fmt.Fprintln(os.Stderr, "a Warning line")
	if os.Getenv("EXIT") != "" {
		fmt.Fprintln(os.Stderr, "cannot go on")
		os.Exit(3)
	}
	if d, err := time.ParseDuration(os.Getenv("SLOW_START")); err == nil {
		<-time.After(d)
	}
	logger := slog.New(slog.DiscardHandler)
	root := hostwire.NewRoot(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d %s %s", os.Getpid(), r.URL.RequestURI(), body)
	}), map[string]http.Handler{
		"work": hostwire.ServiceBus(func(_ context.Context, m hostwire.ServiceBusMessage) error {
			first := once()
			note(fmt.Sprintf("%s %d %s", m.MessageID, m.DeliveryCount, m.Body))
			switch word, _, _ := strings.Cut(string(m.Body), " "); {
			case word == "crash" && first:
				os.Exit(2)
			case word == "hang" && first:
				select {}
			}
			return nil
		}, hostwire.Options{Logger: logger}),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("FUNCTIONS_CUSTOMHANDLER_PORT"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, http.Serve(listener, root))
	os.Exit(1)
}

// once is true for the first call in all lives of the handler.
func once() bool {
	f, err := os.OpenFile(os.Getenv("CRASHED"), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

func note(line string) {
	f, err := os.OpenFile(os.Getenv("LOG"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintln(f, line)
}
