package host

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"

	"latchkey/handlers/hostwire"
	"latchkey/shared/bus"
	"latchkey/shared/platform"
)

// BenchmarkDelivery is a message from the broker to the handler and back: envelope, POST, decoding, answer, completion.
func BenchmarkDelivery(b *testing.B) {
	handled := make(chan struct{}, 1024)
	work := hostwire.ServiceBus(func(context.Context, hostwire.ServiceBusMessage) error { handled <- struct{}{}; return nil }, hostwire.Options{Logger: slog.New(slog.DiscardHandler)})
	s := newStand(b, true, hostwire.NewRoot(http.NotFoundHandler(), map[string]http.Handler{"work": work}), func(o *Options) { o.Clock = platform.SystemClock{} }).start()
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		s.send(sessionsQ, bus.Message{ID: fmt.Sprint(n), SessionID: fmt.Sprint(n), Body: []byte(`{"assignmentId":"a-1"}`)})
		if n >= 16 { // sixteen at once
			<-handled
		}
	}
	s.drain()
}

// BenchmarkProxy compares a request through the public port with the same request straight to the handler.
func BenchmarkProxy(b *testing.B) {
	handler := mux(func(w http.ResponseWriter, _ *http.Request) { ok(w) })
	s := newStand(b, true, handler, nil).start()
	for name, address := range map[string]string{"direct": s.handler.URL, "proxied": s.public.URL} {
		b.Run(name, func(b *testing.B) {
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					response, err := client.Get(address + "/api/v1.0/things/1")
					if err != nil {
						b.Error(err)
						return
					}
					response.Body.Close()
				}
			})
		})
	}
}
