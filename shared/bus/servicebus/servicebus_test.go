package servicebus_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/infra/local/fault"
	local "latchkey/infra/local/servicebus"
	"latchkey/shared/bus"
	"latchkey/shared/bus/bustest"
	"latchkey/shared/bus/memory"
	"latchkey/shared/bus/servicebus"
	"latchkey/shared/platform"
)

var start = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// serve runs the local broker until the test ends and returns its address.
func serve(t testing.TB, options local.Options) (*local.Server, string) {
	t.Helper()
	server := local.New(options)
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
	return server, listener.Addr().String()
}

func connect(t testing.TB, address, key string) *azservicebus.Client {
	t.Helper()
	client, err := azservicebus.NewClientFromConnectionString(
		fmt.Sprintf("Endpoint=sb://%s;SharedAccessKeyName=local;SharedAccessKey=%s;UseDevelopmentEmulator=true", address, key),
		&azservicebus.ClientOptions{RetryOptions: servicebus.RetryOptions()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	return client
}

func open(t testing.TB, client *azservicebus.Client) *servicebus.Bus {
	b := servicebus.New(client, servicebus.Options{})
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Log(err)
		}
	})
	return b
}

// TestConformance proves the port through the real SDK and a real wire.
func TestConformance(t *testing.T) {
	bustest.Run(t, func(t *testing.T) bustest.Harness {
		clock := platform.NewManualClock(start)
		server, address := serve(t, local.Options{Clock: clock, Keys: map[string]string{"local": "c2VjcmV0"}})
		client := connect(t, address, "c2VjcmV0")
		return bustest.Harness{
			Bus: open(t, client), Receiver: receiver{client}, Now: clock.Now,
			Advance: func(d time.Duration) { clock.Advance(d); server.Core().Tick() },
		}
	})
}

// TestConformanceOfANamespace is the same with a namespace of Azure, when one is named: its queues are those of the house, with this prefix, and empty.
func TestConformanceOfANamespace(t *testing.T) {
	connection, prefix := os.Getenv("LATCHKEY_TEST_SERVICEBUS"), os.Getenv("LATCHKEY_TEST_SERVICEBUS_PREFIX")
	if connection == "" {
		t.Skip("LATCHKEY_TEST_SERVICEBUS names no connection string")
	}
	client, err := azservicebus.NewClientFromConnectionString(connection, &azservicebus.ClientOptions{RetryOptions: servicebus.RetryOptions()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(context.Background()) })
	bustest.Run(t, func(t *testing.T) bustest.Harness {
		return bustest.Harness{Bus: open(t, client), Receiver: receiver{client}, Queue: func(name string) string { return prefix + name }}
	})
}

type receiver struct{ client *azservicebus.Client }

type messages interface {
	ReceiveMessages(context.Context, int, *azservicebus.ReceiveMessagesOptions) ([]*azservicebus.ReceivedMessage, error)
	CompleteMessage(context.Context, *azservicebus.ReceivedMessage, *azservicebus.CompleteMessageOptions) error
	Close(context.Context) error
}

func (r receiver) Receive(ctx context.Context, queue, session string, n int) ([]bus.Message, error) {
	var from messages
	var err error
	if session != "" {
		from, err = r.client.AcceptSessionForQueue(ctx, queue, session, nil)
	} else {
		from, err = r.client.NewReceiverForQueue(queue, nil)
	}
	if err != nil {
		return nil, err
	}
	defer from.Close(context.Background())
	var got []bus.Message
	for len(got) < n {
		list, err := from.ReceiveMessages(ctx, 1, nil) // of more, the SDK gives back what comes too late, and the order is lost
		if err != nil {
			return got, err
		}
		for _, m := range list {
			got = append(got, decode(m))
			if err := from.CompleteMessage(ctx, m, nil); err != nil {
				return got, err
			}
		}
	}
	return got, nil
}

func decode(m *azservicebus.ReceivedMessage) bus.Message {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	decoded := bus.Message{
		ID: m.MessageID, SessionID: text(m.SessionID), Subject: text(m.Subject), CorrelationID: text(m.CorrelationID), ContentType: text(m.ContentType), Body: m.Body,
	}
	for name, value := range m.ApplicationProperties {
		if decoded.Properties == nil {
			decoded.Properties = map[string]string{}
		}
		decoded.Properties[name] = fmt.Sprint(value)
	}
	return decoded
}

func TestCheckTellsWhatIsWrong(t *testing.T) {
	_, address := serve(t, local.Options{Keys: map[string]string{"local": "c2VjcmV0"}})
	b := open(t, connect(t, address, "c2VjcmV0"))
	for range 2 {
		if err := b.Check(t.Context(), bus.Provisioning); err != nil {
			t.Error(err)
		}
	}
	if err := b.Check(t.Context(), "no-such-queue"); !errors.Is(err, bus.ErrNotFound) {
		t.Errorf("checking a queue that is not there: %v", err)
	}
	stranger := open(t, connect(t, address, "d3Jvbmc="))
	if err := stranger.Check(t.Context(), bus.Provisioning); !errors.Is(err, bus.ErrForbidden) {
		t.Errorf("checking with the wrong key: %v", err)
	}
	if err := stranger.Send(t.Context(), bus.Notifications, bus.Message{ID: "a"}); !errors.Is(err, bus.ErrForbidden) {
		t.Errorf("sending with the wrong key: %v", err)
	}
	nobody := open(t, connect(t, "127.0.0.1:1", "c2VjcmV0"))
	if err := nobody.Check(t.Context(), bus.Provisioning); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("checking where nobody listens: %v", err)
	}
}

func TestSendsAgainAfterFaults(t *testing.T) {
	for _, test := range []struct {
		kind  fault.Kind
		count int
		want  error
	}{
		{fault.Throttle, 2, nil},
		{fault.Error, 2, nil},
		{fault.LostResponse, 2, nil},
		{fault.Delay, 1, nil},
		{fault.Throttle, 0, bus.ErrThrottled},
		{fault.Error, 0, bus.ErrUnavailable},
		{fault.LostResponse, 0, bus.ErrUnavailable},
	} {
		t.Run(fmt.Sprintf("%s %d", test.kind, test.count), func(t *testing.T) {
			faults := &fault.Injector{}
			server, address := serve(t, local.Options{Faults: faults})
			b := open(t, connect(t, address, "c2VjcmV0"))
			if err := b.Send(t.Context(), bus.Notifications, bus.Message{ID: "first"}); err != nil {
				t.Fatal(err)
			}
			faults.Add(fault.Fault{Target: fault.ServiceBus, Kind: test.kind, Count: test.count})
			err := b.Send(t.Context(), bus.Notifications, bus.Message{ID: "a"}, bus.Message{ID: "b"})
			if !errors.Is(err, test.want) {
				t.Fatalf("got error %v, want %v", err, test.want)
			}
			faults.Clear()
			if err := b.Send(t.Context(), bus.Notifications, bus.Message{ID: "a"}, bus.Message{ID: "b"}, bus.Message{ID: "c"}); err != nil {
				t.Fatal(err)
			}
			if counts, err := server.Core().Counts(bus.Notifications); err != nil || counts != (memory.Counts{Active: 4}) {
				t.Errorf("the queue has %+v, %v", counts, err)
			}
		})
	}
}

func TestReopensAfterTheBrokerWasGone(t *testing.T) {
	server, address := serve(t, local.Options{})
	b := open(t, connect(t, address, "c2VjcmV0"))
	for n := range 3 {
		if err := b.Send(t.Context(), bus.Notifications, bus.Message{ID: fmt.Sprint(n)}); err != nil {
			t.Fatal(err)
		}
		server.Reset() // drops the connections
	}
}

// TestMakesANewLinkAfterAFatalError: the SDK would return the same error for ever.
func TestMakesANewLinkAfterAFatalError(t *testing.T) {
	server, address := serve(t, local.Options{})
	b := open(t, connect(t, address, "c2VjcmV0"))
	for n, condition := range []string{"amqp:not-found", "amqp:unauthorized-access", "com.microsoft:entity-disabled", "amqp:link:detach-forced"} {
		if err := b.Send(t.Context(), bus.Notifications, bus.Message{ID: fmt.Sprint(n)}); err != nil {
			t.Fatal(err)
		}
		server.EndLinks(bus.Notifications, condition)
		for k := range 2 {
			if err := b.Send(t.Context(), bus.Notifications, bus.Message{ID: fmt.Sprint(n, k)}); err != nil {
				t.Errorf("sending after %s: %v", condition, err)
			}
		}
	}
}

func TestClose(t *testing.T) {
	_, address := serve(t, local.Options{})
	b := servicebus.New(connect(t, address, "c2VjcmV0"), servicebus.Options{})
	if err := b.Send(t.Context(), bus.Notifications, bus.Message{ID: "a"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Send(t.Context(), bus.Notifications, bus.Message{ID: "b"}); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("sending after Close: %v", err)
	}
}
