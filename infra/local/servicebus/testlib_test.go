package servicebus_test

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/infra/local/servicebus"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
	"latchkey/shared/platform"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// house is a broker on the network with a clock that is moved by hand, and a client of the Go SDK.
type house struct {
	*testing.T
	clock   *platform.ManualClock
	server  *servicebus.Server
	address string
	client  *azservicebus.Client
}

func openHouse(t *testing.T, configure ...func(*servicebus.Options)) *house {
	t.Helper()
	h := &house{T: t, clock: platform.NewManualClock(start)}
	options := servicebus.Options{Clock: h.clock}
	for _, f := range configure {
		f(&options)
	}
	h.server = servicebus.New(options)
	h.address = serve(t, h.server)
	h.client = h.connect()
	return h
}

func serve(t *testing.T, server *servicebus.Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func (h *house) connectionString() string {
	return fmt.Sprintf("Endpoint=sb://%s;SharedAccessKeyName=local;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true", h.address)
}

func (h *house) connect() *azservicebus.Client {
	h.Helper()
	client, err := azservicebus.NewClientFromConnectionString(h.connectionString(), &azservicebus.ClientOptions{
		RetryOptions: azservicebus.RetryOptions{MaxRetries: -1},
	})
	h.must(err)
	h.Cleanup(func() { _ = client.Close(context.Background()) })
	return client
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) context() context.Context {
	ctx, cancel := context.WithTimeout(h.Context(), 20*time.Second)
	h.Cleanup(cancel)
	return ctx
}

func (h *house) pass(d time.Duration) {
	h.clock.Advance(d)
	h.server.Core().Tick()
}

func (h *house) send(queue string, messages ...*azservicebus.Message) {
	h.Helper()
	sender, err := h.client.NewSender(queue, nil)
	h.must(err)
	defer sender.Close(h.context())
	for _, m := range messages {
		h.must(sender.SendMessage(h.context(), m, nil))
	}
}

func message(id, session string) *azservicebus.Message {
	m := &azservicebus.Message{MessageID: &id, Body: []byte("body of " + id)}
	if session != "" {
		m.SessionID = &session
	}
	return m
}

type receiver interface {
	ReceiveMessages(context.Context, int, *azservicebus.ReceiveMessagesOptions) ([]*azservicebus.ReceivedMessage, error)
	CompleteMessage(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error
	Close(context.Context) error
}

func (h *house) receiver(queue string, options *azservicebus.ReceiverOptions) *azservicebus.Receiver {
	h.Helper()
	r, err := h.client.NewReceiverForQueue(queue, options)
	h.must(err)
	h.Cleanup(func() { _ = r.Close(context.Background()) })
	return r
}

// receive takes the next message, which must be this one, delivered for the count-th time.
func (h *house) receive(from receiver, id string, count uint32) *azservicebus.ReceivedMessage {
	h.Helper()
	list, err := from.ReceiveMessages(h.context(), 1, nil)
	if err != nil || len(list) != 1 {
		h.Fatalf("received %d messages, %v", len(list), err)
	}
	if list[0].MessageID != id || list[0].DeliveryCount != count {
		h.Fatalf("received %s for the %d. time, want %s for the %d.", list[0].MessageID, list[0].DeliveryCount, id, count)
	}
	return list[0]
}

func (h *house) counts(queue string, want memory.Counts) {
	h.Helper()
	got, err := h.server.Core().Counts(queue)
	if err != nil || got != want {
		h.Fatalf("%s has %+v (%v), want %+v", queue, got, err, want)
	}
}

const (
	plain    = bus.Notifications
	sessions = bus.Provisioning
	lockTime = memory.DefaultLockDuration
)
