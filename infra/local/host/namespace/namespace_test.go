package namespace

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/handlers/hostwire"
	"latchkey/infra/local/host"
	"latchkey/infra/local/servicebus"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
)

// TestHostReadsANamespace runs the host on the real SDK and the local broker's wire: sessions in order, failure and redelivery, dead letters, both kinds of queue.
func TestHostReadsANamespace(t *testing.T) {
	server := servicebus.New(servicebus.Options{Queues: []memory.QueueOptions{
		{Name: "sessions", RequiresSession: true, MaxDeliveryCount: 3}, {Name: "plain", MaxDeliveryCount: 3},
	}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stopServing := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(serving, listener)
	}()
	defer func() { stopServing(); <-served }()
	client, err := azservicebus.NewClientFromConnectionString(
		"Endpoint=sb://"+listener.Addr().String()+";SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close(context.Background())

	var mu sync.Mutex
	var seen []string
	work := hostwire.ServiceBus(func(_ context.Context, m hostwire.ServiceBusMessage) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf("%s:%s/%d", m.SessionID, m.MessageID, m.DeliveryCount))
		if m.ApplicationProperties["k"] != "v" || m.EnqueuedTime.IsZero() || m.SequenceNumber == 0 || m.Subject != "kind" {
			t.Errorf("%+v", m)
		}
		if strings.HasPrefix(m.MessageID, "poison") || m.MessageID == "twice" && m.DeliveryCount < 2 {
			return io.ErrUnexpectedEOF
		}
		return nil
	}, hostwire.Options{Logger: slog.New(slog.DiscardHandler)})
	handler := httptest.NewServer(hostwire.NewRoot(http.NotFoundHandler(), map[string]http.Handler{"a": work, "b": work}))
	defer handler.Close()
	trigger := func(queue string, sessions bool) *fstest.MapFile {
		return &fstest.MapFile{Data: fmt.Appendf(nil, `{"bindings":[{"type":"serviceBusTrigger","direction":"in","name":"m","dataType":"binary","connection":"C","queueName":%q,"isSessionsEnabled":%v}]}`, queue, sessions)}
	}
	source := New(client, Options{SessionIdle: 50 * time.Millisecond, Quiet: 300 * time.Millisecond})
	h, err := host.New(host.Options{
		Functions:  fstest.MapFS{"a/function.json": trigger("sessions", true), "b/function.json": trigger("plain", false)},
		HostJSON:   []byte(`{"version":"2.0","customHandler":{"enableProxyingHttpRequest":true},"extensions":{"serviceBus":{"maxConcurrentCalls":2,"maxConcurrentSessions":2}}}`),
		HandlerURL: handler.URL, Source: source,
	})
	if err != nil {
		t.Fatal(err)
	}
	message := func(id, session string) bus.Message {
		return bus.Message{ID: id, SessionID: session, Subject: "kind", Properties: map[string]string{"k": "v"}, Body: []byte("{}")}
	}
	core := server.Core()
	for queue, messages := range map[string][]bus.Message{
		"sessions": {message("twice", "s"), message("then", "s"), message("poison", "t"), message("after", "t")},
		"plain":    {message("twice", ""), message("poison-too", "")},
	} {
		if err := core.Send(t.Context(), queue, messages...); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := core.WaitIdle(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	h.Stop(ctx)
	order := map[string][]string{}
	for _, line := range seen {
		session, rest, _ := strings.Cut(line, ":")
		order[session] = append(order[session], rest)
	}
	if got := strings.Join(order["s"], " "); got != "twice/1 twice/2 then/1" {
		t.Errorf("session s: %s", got)
	}
	if got := strings.Join(order["t"], " "); got != "poison/1 poison/2 poison/3 after/1" {
		t.Errorf("session t: %s", got)
	}
	if len(order[""]) != 5 {
		t.Errorf("without session: %v", order[""])
	}
	for _, queue := range []string{"sessions", "plain"} {
		if counts, err := core.Counts(queue); err != nil || counts.DeadLettered != 1 || counts.Active+counts.Locked != 0 {
			t.Errorf("%s: %+v, %v", queue, counts, err)
		}
	}
}
