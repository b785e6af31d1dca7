package stack_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/google/uuid"

	"latchkey/shared/bus"
)

// A message that cannot be read is put aside with its reason and an alert, once, and never comes back; what is behind it in its session goes on.
//
// rules: none of Microsoft's: issue 2, bad input
func TestPoisonMessages(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := azservicebus.NewClientFromConnectionString(s.Endpoints.ServiceBusConnectionString, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close(ctx) }()
	o := newOffer(t, nil)
	someone := hire(t, "")
	drain(t)
	before := documents(t)
	session := uuid.NewString()
	junk := map[string][]byte{
		"no JSON": []byte("junk"), "nothing": {}, "binary": {0, 1, 2, 0xff, 0xfe}, "a list": []byte("[1,2]"), "another type": []byte(`{"id":5}`), "no members": []byte(`{}`),
		"no partition": []byte(`{"id":"x","container":"subjects","kind":"assignment","documentId":"y","what":"provision"}`), "forged": []byte(`{"id":"x","container":"subjects","partition":"` + session + `","kind":"assignment","documentId":"y","what":"provision","attempt":-1}`),
		"no such work": []byte(`{"id":"x","container":"subjects","partition":"` + session + `","kind":"assignment","documentId":"y","what":"explode"}`), "null": []byte("null"),
		"large": []byte(strings.Repeat("x", 200<<10)), "metadata": []byte(`{"Data":{"message":"x"},"Metadata":{"DeliveryCount":"1"}}`),
	}
	sent := 0
	for _, queue := range []string{bus.Provisioning, bus.Notifications} {
		sender, err := client.NewSender(queue, nil)
		if err != nil {
			t.Fatal(err)
		}
		send := func(id *string, body []byte) {
			t.Helper()
			message := &azservicebus.Message{MessageID: id, Body: body}
			if queue == bus.Provisioning {
				message.SessionID = &session
			}
			if err := sender.SendMessage(ctx, message, nil); err != nil {
				t.Fatal(err)
			}
			sent++
		}
		for _, body := range junk {
			id := uuid.NewString()
			send(&id, body)
		}
		// Without an id, or with the longest that there can be: each is kept.
		send(nil, []byte("first without id"))
		send(nil, []byte("second without id"))
		long := strings.Repeat("i", 128)
		send(&long, []byte("long id on "+queue))
		_ = sender.Close(ctx)
	}
	drain(t)
	unchanged(t, before)
	if alerts := shared.log.alerts("a message is parked"); len(alerts) != sent {
		t.Errorf("%d alerts for %d messages", len(alerts), sent)
	}
	for _, queue := range []string{bus.Provisioning, bus.Notifications} {
		counts, err := s.Bus.Core().Counts(queue)
		if err != nil || counts.Active+counts.Scheduled+counts.Locked+counts.DeadLettered+counts.Deferred != 0 {
			t.Errorf("left on %s: %+v %v", queue, counts, err)
		}
	}
	// An operator reads them.
	receiver, err := client.NewReceiverForQueue(bus.Parked, nil)
	if err != nil {
		t.Fatal(err)
	}
	var bodies []string
	for len(bodies) < sent {
		messages, err := receiver.ReceiveMessages(ctx, sent, nil)
		if err != nil {
			t.Fatalf("%d of %d messages are parked: %v", len(bodies), sent, err)
		}
		for _, message := range messages {
			if reason, _ := message.ApplicationProperties["reason"].(string); reason == "" {
				t.Errorf("no reason with %q: %v", message.Body, message.ApplicationProperties)
			}
			bodies = append(bodies, string(message.Body))
			if err := receiver.CompleteMessage(ctx, message, nil); err != nil {
				t.Error(err)
			}
		}
	}
	_ = receiver.Close(ctx)
	for name, body := range junk {
		if count := len(slices.DeleteFunc(slices.Clone(bodies), func(one string) bool { return one != string(body) })); count != 2 {
			t.Errorf("%s is parked %d times", name, count)
		}
	}
	for _, body := range []string{"first without id", "second without id", "long id on provisioning", "long id on notifications"} {
		if !slices.Contains(bodies, body) {
			t.Errorf("%q is lost", body)
		}
	}
	// The queues go on.
	administrator(t).post("/assignmentRequests", assign(o, someone.ID))
	drain(t)
	if have := members(t, o.group); len(have) != 1 {
		t.Errorf("members: %v", have)
	}
}

// A message that fails every time for another reason goes to the dead letters after its deliveries: it is not retried for ever, and nothing behind it waits for it. One line tells an
// operator all that is needed to find it.
func TestDeadLetters(t *testing.T) {
	s := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client, err := azservicebus.NewClientFromConnectionString(s.Endpoints.ServiceBusConnectionString, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close(ctx) }()
	session := uuid.NewString()
	plant(t, "subjects", keyOf(session), object{"id": "assignment:" + session, "subjectId": session, "kind": "assignment", "schemaVersion": 99}) // of a later release
	before := documents(t)
	for _, queue := range []string{bus.Provisioning} { // what a message to the others says is first held against what is stored
		sender, err := client.NewSender(queue, nil)
		if err != nil {
			t.Fatal(err)
		}
		id := uuid.NewString()
		kind, about := "provision", "assignment"
		correlation := uuid.NewString()
		message := &azservicebus.Message{MessageID: &id, CorrelationID: &correlation, Subject: &kind, Body: []byte(`{"id":"x","container":"subjects","partition":"` + session + `","kind":"` + about + `","documentId":"` + session + `","what":"` + kind + `","requestId":"` + session + `"}`)}
		if queue == bus.Provisioning {
			message.SessionID = &session
		}
		invocations := s.Host.Metrics().Functions[queue].Invocations
		if err := sender.SendMessage(ctx, message, nil); err != nil {
			t.Fatal(err)
		}
		drain(t)
		if tries := s.Host.Metrics().Functions[queue].Invocations - invocations; tries != 10 {
			t.Errorf("%s: %d deliveries, want 10", queue, tries)
		}
		told := shared.log.alerts(id)
		if len(told) != 1 {
			t.Fatalf("%s: %d alerts: %q", queue, len(told), told)
		}
		var line object
		if err := json.Unmarshal([]byte(told[0]), &line); err != nil {
			t.Fatal(err)
		}
		wanted := object{"msg": "a message goes to the dead letters", "level": "ERROR", "queue": queue, "messageId": id, "correlationId": correlation, "subject": kind, "subjectId": session,
			"deliveries": 10}
		for member, want := range wanted {
			same(t, line, member, want)
		}
		if sessionID := text(t, line, "sessionId"); queue == bus.Provisioning && sessionID != session || text(t, line, "error") == "" || text(t, line, "stops") == "" || text(t, line, "invocationId") == "" ||
			!strings.Contains(text(t, line, "mend"), "docs/operate/dead-letters.md") {
			t.Errorf("%s: the line is %s", queue, told[0])
		}
		if !hasDeadLetters(t, queue) {
			t.Errorf("%s: health does not tell of the dead letter", queue)
		}
		receiver, err := client.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
		if err != nil {
			t.Fatal(err)
		}
		dead, err := receiver.ReceiveMessages(ctx, 1, nil)
		if err != nil || len(dead) != 1 || dead[0].MessageID != id || dead[0].DeadLetterReason == nil || *dead[0].DeadLetterReason != "MaxDeliveryCountExceeded" {
			t.Fatalf("%s: dead letters %+v, %v", queue, dead, err)
		}
		if err := receiver.CompleteMessage(ctx, dead[0], nil); err != nil {
			t.Error(err)
		}
		_, _ = receiver.Close(ctx), sender.Close(ctx)
		if hasDeadLetters(t, queue) {
			t.Errorf("%s: health tells of dead letters, and there are none", queue)
		}
	}
	unchanged(t, before)
}

// hasDeadLetters is what health tells an administrator.
func hasDeadLetters(t *testing.T, queue string) bool {
	t.Helper()
	for _, one := range at[list](t, administrator(t).get("/operations/health"), "dependencies") {
		if text(t, one, "dependency") == "queue/"+queue {
			return at[bool](t, one, "deadLetters")
		}
	}
	t.Fatalf("health does not tell of the queue %s", queue)
	return false
}
