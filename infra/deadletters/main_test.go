package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/infra/local/servicebus"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
)

// queues starts Service Bus in miniature with dead letters on provisioning and notifications.
func queues(t *testing.T) (*servicebus.Server, string) {
	t.Helper()
	server := servicebus.New(servicebus.Options{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() { _ = server.Serve(ctx, listener) }()
	for _, name := range []string{"one", "two", "three"} {
		kill(t, server, bus.Provisioning, name)
	}
	kill(t, server, bus.Notifications, "mail")
	return server, "Endpoint=sb://" + listener.Addr().String() + ";SharedAccessKeyName=x;SharedAccessKey=x;UseDevelopmentEmulator=true;"
}

// kill sends a message and fails each delivery of it.
func kill(t *testing.T, server *servicebus.Server, name, id string) {
	t.Helper()
	message := bus.Message{ID: id, Subject: "provision", CorrelationID: "request of " + id, Properties: map[string]string{"traceparent": "trace of " + id}, Body: []byte(`{"of":"` + id + `"}`)}
	if bus.UsesSessions(name) {
		message.SessionID = "person"
	}
	if err := server.Core().Send(t.Context(), name, message); err != nil {
		t.Fatal(err)
	}
	for range bus.MaxDeliveryCount {
		delivery, release := take(t, server, name)
		queue := queueOf(t, server, name)
		if err := queue.Abandon(delivery.LockToken); err != nil {
			t.Fatal(err)
		}
		release()
	}
}

func queueOf(t *testing.T, server *servicebus.Server, name string) *memory.Queue {
	t.Helper()
	queue, err := server.Core().Queue(name)
	if err != nil {
		t.Fatal(err)
	}
	return queue
}

// take receives the next message of a queue.
func take(t *testing.T, server *servicebus.Server, name string) (memory.Delivery, func()) {
	t.Helper()
	queue := queueOf(t, server, name)
	if !bus.UsesSessions(name) {
		delivery, ok, err := queue.Receive()
		if err != nil || !ok {
			t.Fatalf("%s has nothing: %v", name, err)
		}
		return delivery, func() {}
	}
	session, ok, err := queue.AcceptNext()
	if err != nil || !ok {
		t.Fatalf("%s has nothing: %v", name, err)
	}
	delivery, ok, err := session.Receive()
	if err != nil || !ok {
		t.Fatalf("%s has nothing: %v", name, err)
	}
	return delivery, func() { _ = session.Release() }
}

func counts(t *testing.T, server *servicebus.Server, name string) string {
	t.Helper()
	found, err := server.Core().Counts(name)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d active, %d dead", found.Active, found.DeadLettered)
}

// command runs the tool.
func command(t *testing.T, o options) string {
	t.Helper()
	if o.Queue == nil {
		o.Queue = []string{bus.Provisioning, bus.Extensions, bus.Notifications}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	if err := run(ctx, o, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestLookTakesNothing(t *testing.T) {
	server, connection := queues(t)
	for range 2 {
		out := command(t, options{Connection: connection, Max: 100})
		for _, part := range []string{"id one", "id two", "subject person", "request request of three", "MaxDeliveryCountExceeded", "provisioning: 3 dead letters\n", "extensions: 0 dead letters\n", "notifications: 1 dead letters\n"} {
			if !strings.Contains(out, part) {
				t.Errorf("it does not say %q:\n%s", part, out)
			}
		}
		if strings.Contains(out, "{") {
			t.Errorf("it shows what a message holds:\n%s", out)
		}
	}
	if out := command(t, options{Connection: connection, Queue: []string{bus.Provisioning}, Max: 2}); !strings.Contains(out, "2 dead letters, perhaps more") {
		t.Error(out)
	}
	if have := counts(t, server, bus.Provisioning); have != "0 active, 3 dead" {
		t.Error(have)
	}
}

// What is sent again is delivered, at once and whole: within ten minutes the queue would drop a message with the id that it had.
func TestResend(t *testing.T) {
	server, connection := queues(t)
	out := command(t, options{Connection: connection, Queue: []string{bus.Provisioning}, Resend: true, ID: []string{"two"}, Max: 100})
	if have := counts(t, server, bus.Provisioning); have != "1 active, 2 dead" || !strings.Contains(out, "1 sent again, 2 left") {
		t.Fatalf("%s: %s", have, out)
	}
	delivery, release := take(t, server, bus.Provisioning)
	m := delivery.Message
	if string(m.Body) != `{"of":"two"}` || m.SessionID != "person" || m.CorrelationID != "request of two" || m.Subject != "provision" || m.Properties["traceparent"] != "trace of two" || len(m.Properties) != 1 || m.ID == "two" {
		t.Errorf("sent again is %+v", m)
	}
	if err := queueOf(t, server, bus.Provisioning).Complete(delivery.LockToken); err != nil {
		t.Fatal(err)
	}
	release()
	command(t, options{Connection: connection, Resend: true, Max: 100})
	for name, want := range map[string]string{bus.Provisioning: "2 active, 0 dead", bus.Notifications: "1 active, 0 dead"} {
		if have := counts(t, server, name); have != want {
			t.Errorf("%s: %s, want %s", name, have, want)
		}
	}
}

// The copy of a dead letter has the same id each time, so that one that was sent and not taken away is not delivered twice; and another one if it dies again.
func TestAgain(t *testing.T) {
	first, second := int64(1), int64(2)
	dead := &azservicebus.ReceivedMessage{MessageID: "one", SequenceNumber: &first}
	same := again(bus.Provisioning, dead)
	if *again(bus.Provisioning, dead).MessageID != *same.MessageID || len(*same.MessageID) > bus.MaxIDLength {
		t.Errorf("the id is %s", *same.MessageID)
	}
	dead.SequenceNumber = &second
	if *again(bus.Provisioning, dead).MessageID == *same.MessageID {
		t.Error("another dead letter has the same id")
	}
	for _, wrong := range []options{{Connection: "c", Max: 1001}, {Max: 1}} {
		if wrong.Validate() == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
	if err := (options{Namespace: "n", Max: 1}).Validate(); err != nil {
		t.Error(err)
	}
}
