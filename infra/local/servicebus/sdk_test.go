package servicebus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"latchkey/infra/local/fault"
	"latchkey/infra/local/servicebus"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
)

func code(err error) azservicebus.Code {
	var coded *azservicebus.Error
	if errors.As(err, &coded) {
		return coded.Code
	}
	return ""
}

func condition(err error) amqp.ErrCond {
	var e *amqp.Error
	if errors.As(err, &e) {
		return e.Condition
	}
	return ""
}

func TestPeekLock(t *testing.T) {
	h := openHouse(t)
	h.send(plain, message("a", ""), message("b", ""), message("c", ""), message("d", ""))
	r := h.receiver(plain, nil)
	list, err := r.ReceiveMessages(h.context(), 4, nil)
	if err != nil || len(list) != 4 {
		t.Fatalf("received %d messages, %v", len(list), err)
	}
	a := list[0]
	if string(a.Body) != "body of a" || *a.SequenceNumber != 1 || !a.EnqueuedTime.Equal(start) || !a.LockedUntil.Equal(start.Add(lockTime)) || a.State != azservicebus.MessageStateActive {
		t.Errorf("received %+v", a)
	}
	h.must(r.CompleteMessage(h.context(), a, nil))
	h.must(r.AbandonMessage(h.context(), list[1], nil))
	reason, description := "Unreadable", "no such type"
	h.must(r.DeadLetterMessage(h.context(), list[2], &azservicebus.DeadLetterOptions{Reason: &reason, ErrorDescription: &description}))
	h.must(r.DeferMessage(h.context(), list[3], nil))
	h.counts(plain, memory.Counts{Active: 1, Deferred: 1, DeadLettered: 1})
	b := h.receive(r, "b", 2)
	h.clock.Advance(lockTime / 2)
	h.must(r.RenewMessageLock(h.context(), b, nil))
	if want := start.Add(lockTime/2 + lockTime); !b.LockedUntil.Equal(want) {
		t.Errorf("the lock is renewed until %v, want %v", b.LockedUntil, want)
	}
	deferred, err := r.ReceiveDeferredMessages(h.context(), []int64{*list[3].SequenceNumber}, nil)
	if err != nil || len(deferred) != 1 || deferred[0].MessageID != "d" {
		t.Fatalf("received deferred messages %v, %v", deferred, err)
	}
	h.must(r.CompleteMessage(h.context(), deferred[0], nil)) // by $management
	h.clock.Advance(lockTime)
	if err := r.RenewMessageLock(h.context(), b, nil); code(err) != azservicebus.CodeLockLost {
		t.Errorf("renewing a lost lock: %v", err)
	}
	if err := r.CompleteMessage(h.context(), b, nil); code(err) != azservicebus.CodeLockLost {
		t.Errorf("completing with a lost lock: %v", err)
	}
	h.receive(r, "b", 3)
}

func TestDeadLetterQueue(t *testing.T) {
	h := openHouse(t)
	m := message("a", "")
	m.ApplicationProperties = map[string]any{"n": int64(7), "s": "text", "b": true}
	h.send(plain, m, message("b", ""))
	r := h.receiver(plain, nil)
	reason, description := "Unreadable", "no such type"
	h.must(r.DeadLetterMessage(h.context(), h.receive(r, "a", 1), &azservicebus.DeadLetterOptions{Reason: &reason, ErrorDescription: &description}))
	for n := range uint32(memory.DefaultMaxDeliveryCount) {
		h.must(r.AbandonMessage(h.context(), h.receive(r, "b", n+1), nil))
	}
	dead := h.receiver(plain, &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
	a := h.receive(dead, "a", 1)
	if *a.DeadLetterReason != reason || *a.DeadLetterErrorDescription != description || *a.DeadLetterSource != plain || *a.EnqueuedSequenceNumber != 1 {
		t.Errorf("received %+v", a)
	}
	if a.ApplicationProperties["n"] != int64(7) || a.ApplicationProperties["s"] != "text" || a.ApplicationProperties["b"] != true || string(a.Body) != "body of a" {
		t.Errorf("the dead letter has properties %v", a.ApplicationProperties)
	}
	h.must(dead.CompleteMessage(h.context(), a, nil))
	if b := h.receive(dead, "b", 1); *b.DeadLetterReason != "MaxDeliveryCountExceeded" {
		t.Errorf("it is dead because of %s", *b.DeadLetterReason)
	}
	sender, err := h.client.NewSender(plain+"/$DeadLetterQueue", nil)
	h.must(err)
	if err := sender.SendMessage(h.context(), message("c", ""), nil); condition(err) != amqp.ErrCondNotAllowed {
		t.Errorf("sending to the dead letters: %v", err)
	}
}

func TestReceiveAndDelete(t *testing.T) {
	h := openHouse(t)
	h.send(plain, message("a", ""), message("b", ""))
	r := h.receiver(plain, &azservicebus.ReceiverOptions{ReceiveMode: azservicebus.ReceiveModeReceiveAndDelete})
	h.receive(r, "a", 1)
	h.counts(plain, memory.Counts{Active: 1})
	h.receive(r, "b", 1)
	h.counts(plain, memory.Counts{})
}

func TestLocksExpireOnTheWire(t *testing.T) {
	h := openHouse(t)
	h.send(plain, message("a", ""))
	r := h.receiver(plain, nil)
	h.receive(r, "a", 1)
	waiting := make(chan *azservicebus.ReceivedMessage, 1)
	go func() {
		list, err := r.ReceiveMessages(h.context(), 1, nil)
		if err == nil {
			waiting <- list[0]
		}
	}()
	h.pass(lockTime)
	if m := <-waiting; m.MessageID != "a" || m.DeliveryCount != 2 {
		t.Errorf("received %s for the %d. time", m.MessageID, m.DeliveryCount)
	}
}

func TestSessions(t *testing.T) {
	h := openHouse(t)
	h.send(sessions, message("a1", "s1"), message("b1", "s2"), message("a2", "s1"))
	first, err := h.client.AcceptNextSessionForQueue(h.context(), sessions, nil)
	h.must(err)
	if first.SessionID() != "s1" || !first.LockedUntil().Equal(start.Add(lockTime)) {
		t.Errorf("accepted %s until %v", first.SessionID(), first.LockedUntil())
	}
	if _, err := h.client.AcceptSessionForQueue(h.context(), sessions, "s1", nil); condition(err) != "com.microsoft:session-cannot-be-locked" {
		t.Errorf("accepting a session that is held: %v", err)
	}
	second, err := h.client.AcceptNextSessionForQueue(h.context(), sessions, nil)
	h.must(err)
	if b := h.receive(second, "b1", 1); *b.SessionID != "s2" {
		t.Errorf("session s2 delivers a message of %s", *b.SessionID)
	}
	h.must(first.CompleteMessage(h.context(), h.receive(first, "a1", 1), nil))
	h.must(first.AbandonMessage(h.context(), h.receive(first, "a2", 1), nil))
	h.must(first.SetSessionState(h.context(), []byte("half way"), nil))
	h.clock.Advance(lockTime / 2)
	h.must(first.RenewSessionLock(h.context(), nil))
	if want := start.Add(lockTime/2 + lockTime); !first.LockedUntil().Equal(want) {
		t.Errorf("the session is locked until %v, want %v", first.LockedUntil(), want)
	}
	h.must(first.Close(h.context()))
	again, err := h.client.AcceptSessionForQueue(h.context(), sessions, "s1", nil) // at once
	h.must(err)
	if state, err := again.GetSessionState(h.context(), nil); string(state) != "half way" || err != nil {
		t.Errorf("the state is %q, %v", state, err)
	}
	h.must(again.SetSessionState(h.context(), nil, nil))
	if state, err := again.GetSessionState(h.context(), nil); state != nil || err != nil {
		t.Errorf("the state is %q, %v", state, err)
	}
	h.must(again.DeadLetterMessage(h.context(), h.receive(again, "a2", 2), nil))
	h.counts(sessions, memory.Counts{Locked: 1, DeadLettered: 1})
}

// TestSessionLocksAreLost asks a plain AMQP client, because the SDK takes hold of a lost session again without a word.
func TestSessionLocksAreLost(t *testing.T) {
	h := openHouse(t)
	h.send(sessions, message("a", "s"))
	receiver := func() *amqp.Receiver {
		connection, err := amqp.Dial(h.context(), "amqp://"+h.address, nil)
		h.must(err)
		t.Cleanup(func() { _ = connection.Close() })
		session, err := connection.NewSession(h.context(), nil)
		h.must(err)
		r, err := session.NewReceiver(h.context(), sessions, &amqp.ReceiverOptions{
			SettlementMode: amqp.ReceiverSettleModeSecond.Ptr(), Credit: 10, Filters: []amqp.LinkFilter{amqp.NewLinkFilter("com.microsoft:session-filter", 0x137000000C, nil)},
		})
		h.must(err)
		return r
	}
	first := receiver()
	m, err := first.Receive(h.context(), nil)
	h.must(err)
	h.pass(lockTime)
	if _, err := first.Receive(h.context(), nil); condition(err) != "com.microsoft:session-lock-lost" {
		t.Errorf("receiving from a lost session: %v", err)
	}
	if err := first.AcceptMessage(h.context(), m); err == nil {
		t.Error("a message of a lost session was completed")
	}
	m, err = receiver().Receive(h.context(), nil)
	h.must(err)
	if m.Header.DeliveryCount != 1 {
		t.Errorf("the message has failed %d times, want once", m.Header.DeliveryCount)
	}
}

func TestAcceptNextSessionWaits(t *testing.T) {
	h := openHouse(t)
	accepted := make(chan string, 1)
	go func() {
		r, err := h.client.AcceptNextSessionForQueue(h.context(), sessions, nil)
		if err != nil {
			accepted <- err.Error()
			return
		}
		accepted <- r.SessionID()
	}()
	other := h.connect()
	sender, err := other.NewSender(sessions, nil)
	h.must(err)
	h.must(sender.SendMessage(h.context(), message("a", "s"), nil))
	if got := <-accepted; got != "s" {
		t.Errorf("accepted %s", got)
	}
}

func TestAcceptNextSessionTimesOut(t *testing.T) {
	h := openHouse(t, func(o *servicebus.Options) { o.AcceptTimeout = 50 * time.Millisecond })
	if _, err := h.client.AcceptNextSessionForQueue(h.context(), sessions, nil); code(err) != azservicebus.CodeTimeout {
		t.Errorf("accepting where there is no session: %v", err)
	}
	h.send(sessions, message("a", "s")) // and the one who has waited in vain does not have it
	r, err := h.client.AcceptNextSessionForQueue(h.context(), sessions, nil)
	h.must(err)
	h.receive(r, "a", 1)
}

func TestReceiversFitTheirQueue(t *testing.T) {
	h := openHouse(t)
	if _, err := h.receiver(sessions, nil).ReceiveMessages(h.context(), 1, nil); condition(err) != amqp.ErrCondNotAllowed {
		t.Errorf("reading a queue with sessions without one: %v", err)
	}
	if _, err := h.client.AcceptSessionForQueue(h.context(), plain, "s", nil); condition(err) != amqp.ErrCondNotAllowed {
		t.Errorf("accepting a session of a queue without: %v", err)
	}
	if _, err := h.receiver("nowhere", nil).ReceiveMessages(h.context(), 1, nil); condition(err) != amqp.ErrCondNotFound {
		t.Errorf("reading a queue that is not there: %v", err)
	}
	h.send(strings.ToUpper(plain), message("a", ""))
	h.receive(h.receiver(plain, nil), "a", 1)
}

func TestSchedules(t *testing.T) {
	h := openHouse(t)
	sender, err := h.client.NewSender(sessions, nil)
	h.must(err)
	at := start.Add(time.Hour)
	numbers, err := sender.ScheduleMessages(h.context(), []*azservicebus.Message{message("a", "s"), message("b", "s")}, at, nil)
	if err != nil || len(numbers) != 2 {
		t.Fatalf("scheduled %v, %v", numbers, err)
	}
	h.must(sender.CancelScheduledMessages(h.context(), numbers[:1], nil))
	if err := sender.CancelScheduledMessages(h.context(), numbers[:1], nil); code(err) != azservicebus.CodeNotFound {
		t.Errorf("canceling twice: %v", err)
	}
	c := message("c", "s")
	c.ScheduledEnqueueTime = &at
	h.must(sender.SendMessage(h.context(), c, nil))
	h.counts(sessions, memory.Counts{Scheduled: 2})
	h.pass(time.Hour)
	r, err := h.client.AcceptNextSessionForQueue(h.context(), sessions, nil)
	h.must(err)
	if b := h.receive(r, "b", 1); !b.EnqueuedTime.Equal(at) || !b.ScheduledEnqueueTime.Equal(at) {
		t.Errorf("received %+v", b)
	}
	h.receive(r, "c", 1)
}

func TestMessagesBecomeVisibleByTheMachinesClock(t *testing.T) {
	h := openHouse(t, func(o *servicebus.Options) { o.Clock = nil })
	m := message("a", "")
	soon := time.Now().Add(100 * time.Millisecond)
	m.ScheduledEnqueueTime = &soon
	h.send(plain, m)
	h.receive(h.receiver(plain, nil), "a", 1) // nobody calls Tick
}

func TestPeek(t *testing.T) {
	h := openHouse(t)
	at := start.Add(time.Hour)
	scheduled := message("c", "")
	scheduled.ScheduledEnqueueTime = &at
	h.send(plain, message("a", ""), message("b", ""), scheduled)
	r := h.receiver(plain, nil)
	h.receive(r, "a", 1)
	var ids []string
	for {
		list, err := r.PeekMessages(h.context(), 2, nil)
		h.must(err)
		if len(list) == 0 {
			break
		}
		for _, m := range list {
			ids = append(ids, fmt.Sprint(m.MessageID, m.State))
		}
	}
	if want := []string{"a0", "b0", "c2"}; !slices.Equal(ids, want) {
		t.Errorf("peeked %v, want %v", ids, want)
	}
}

func TestListSessions(t *testing.T) {
	h := openHouse(t)
	h.send(sessions, message("a", "s1"), message("b", "s2"))
	pager := h.client.NewListSessionsForQueuePager(sessions, nil)
	page, err := pager.NextPage(h.context())
	if err != nil || !slices.Equal(page.Sessions, []string{"s1", "s2"}) {
		t.Errorf("listed %v, %v", page.Sessions, err)
	}
}

func TestDuplicateDetection(t *testing.T) {
	h := openHouse(t)
	h.send(plain, message("a", ""), message("a", ""), message("", ""), message("", ""))
	h.counts(plain, memory.Counts{Active: 3}) // messages without an id are never duplicates
	h.pass(memory.DefaultDuplicateDetection)
	h.send(plain, message("a", ""))
	h.counts(plain, memory.Counts{Active: 4})
}

func TestBatchesAndLargeMessages(t *testing.T) {
	h := openHouse(t)
	sender, err := h.client.NewSender(plain, nil)
	h.must(err)
	batch, err := sender.NewMessageBatch(h.context(), nil)
	h.must(err)
	count := 0
	for {
		m := message(fmt.Sprint(count), "")
		m.Body = bytes.Repeat([]byte{byte(count)}, 10_000)
		err := batch.AddMessage(m, nil)
		if errors.Is(err, azservicebus.ErrMessageTooLarge) {
			break
		}
		h.must(err)
		count++
	}
	h.must(sender.SendMessageBatch(h.context(), batch, nil))
	h.counts(plain, memory.Counts{Active: count})
	large := message("large", "")
	large.Body = bytes.Repeat([]byte("0123456789"), 25_000)
	h.must(sender.SendMessage(h.context(), large, nil))
	r := h.receiver(plain, nil)
	for n := range count {
		m := h.receive(r, fmt.Sprint(n), 1)
		if len(m.Body) != 10_000 || m.Body[0] != byte(n) {
			t.Errorf("message %d has a body of %d bytes of %d", n, len(m.Body), m.Body[0])
		}
	}
	if m := h.receive(r, "large", 1); !bytes.Equal(m.Body, large.Body) {
		t.Errorf("the large message has %d bytes", len(m.Body))
	}
	large.Body = make([]byte, bus.MaxMessageBytes)
	if err := sender.SendMessage(h.context(), large, nil); !errors.Is(err, azservicebus.ErrMessageTooLarge) {
		t.Errorf("sending too much: %v", err)
	}
}

func TestInProcessMessagesReachTheWire(t *testing.T) {
	h := openHouse(t)
	h.must(h.server.Core().Send(t.Context(), sessions, bus.Message{
		ID: "a", SessionID: "s", Subject: "sub", CorrelationID: "cor", Properties: map[string]string{"k": "v"}, Body: []byte("{}"),
	}))
	r, err := h.client.AcceptNextSessionForQueue(h.context(), sessions, nil)
	h.must(err)
	m := h.receive(r, "a", 1)
	if *m.SessionID != "s" || *m.Subject != "sub" || *m.CorrelationID != "cor" || *m.ContentType != bus.JSON || m.ApplicationProperties["k"] != "v" || string(m.Body) != "{}" {
		t.Errorf("received %+v", m)
	}
	h.must(r.CompleteMessage(h.context(), m, nil))
}

func TestCompetingReceiversShareTheWork(t *testing.T) {
	h := openHouse(t)
	const messages, receivers = 200, 5
	got := make(chan string, messages)
	ctx, cancel := context.WithCancel(h.context())
	defer cancel()
	for range receivers {
		r := h.receiver(plain, nil)
		go func() {
			for {
				list, err := r.ReceiveMessages(ctx, 10, nil)
				if err != nil {
					return
				}
				for _, m := range list {
					if r.CompleteMessage(ctx, m, nil) == nil {
						got <- m.MessageID
					}
				}
			}
		}()
	}
	for n := range messages {
		h.must(h.server.Core().Send(ctx, plain, bus.Message{ID: fmt.Sprint(n)}))
	}
	seen := map[string]bool{}
	for range messages {
		id := <-got
		if seen[id] {
			t.Errorf("%s was handled twice", id)
		}
		seen[id] = true
	}
	h.must(h.server.Core().WaitIdle(ctx))
}

func TestFaults(t *testing.T) {
	for kind, want := range map[fault.Kind]amqp.ErrCond{fault.Throttle: "com.microsoft:server-busy", fault.Error: "", fault.LostResponse: ""} {
		t.Run(string(kind), func(t *testing.T) {
			faults := &fault.Injector{}
			h := openHouse(t, func(o *servicebus.Options) { o.Faults = faults })
			sender, err := h.client.NewSender(plain, nil)
			h.must(err)
			h.must(sender.SendMessage(h.context(), message("a", ""), nil))
			faults.Add(fault.Fault{Target: fault.ServiceBus, Kind: kind})
			err = sender.SendMessage(h.context(), message("b", ""), nil)
			if err == nil || condition(err) != want {
				t.Errorf("sending: %v, want %q", err, want)
			}
			accepted := memory.Counts{Active: 1}
			if kind == fault.LostResponse {
				accepted.Active = 2
				t.Logf("the SDK may have tried twice: %v", err)
			}
			h.counts(plain, accepted)
		})
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	h := openHouse(t, func(o *servicebus.Options) { o.MaxConnections = 1 })
	h.send(plain, message("a", ""))
	sender, err := h.connect().NewSender(plain, nil)
	h.must(err)
	if err := sender.SendMessage(h.context(), message("b", ""), nil); err == nil {
		t.Error("one connection too many was let in")
	}
}

func TestCredentials(t *testing.T) {
	h := openHouse(t, func(o *servicebus.Options) { o.Keys = map[string]string{"local": "c2VjcmV0"} })
	h.send(plain, message("a", "")) // by claim
	dial := func(options *amqp.ConnOptions) (*amqp.Session, error) {
		socket, err := net.Dial("tcp", h.address)
		h.must(err)
		connection, err := amqp.NewConn(h.context(), socket, options)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = connection.Close() })
		return connection.NewSession(h.context(), nil)
	}
	if _, err := dial(&amqp.ConnOptions{SASLType: amqp.SASLTypePlain("local", "wrong")}); err == nil {
		t.Error("a wrong key was let in")
	}
	session, err := dial(&amqp.ConnOptions{SASLType: amqp.SASLTypePlain("local", "c2VjcmV0")})
	h.must(err)
	sender, err := session.NewSender(h.context(), plain, nil)
	h.must(err)
	h.must(sender.Send(h.context(), &amqp.Message{Value: "plain AMQP"}, nil))
	for name, options := range map[string]*amqp.ConnOptions{"anonymous": {SASLType: amqp.SASLTypeAnonymous()}, "without SASL": nil} {
		session, err := dial(options)
		h.must(err)
		if _, err := session.NewSender(h.context(), plain, nil); condition(err) != amqp.ErrCondUnauthorizedAccess {
			t.Errorf("attaching %s: %v", name, err)
		}
	}
}

func TestSignsOfLife(t *testing.T) {
	h := openHouse(t, func(o *servicebus.Options) { o.IdleTimeout = 100 * time.Millisecond })
	socket, err := net.Dial("tcp", h.address)
	h.must(err)
	connection, err := amqp.NewConn(h.context(), socket, &amqp.ConnOptions{IdleTimeout: 200 * time.Millisecond})
	h.must(err)
	defer connection.Close()
	session, err := connection.NewSession(h.context(), nil)
	h.must(err)
	receiver, err := session.NewReceiver(h.context(), plain, nil)
	h.must(err)
	ctx, cancel := context.WithTimeout(h.context(), 700*time.Millisecond) // several times what either side waits
	defer cancel()
	if _, err := receiver.Receive(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the connection did not last: %v", err)
	}
	h.must(h.server.Core().Send(t.Context(), plain, bus.Message{ID: "a"}))
	m, err := receiver.Receive(h.context(), nil)
	h.must(err)
	h.must(receiver.AcceptMessage(h.context(), m))

	silent, err := net.Dial("tcp", h.address)
	h.must(err)
	defer silent.Close()
	_, err = silent.Write([]byte("AMQP\x00\x01\x00\x00\x00\x00\x00\x13\x02\x00\x00\x00\x00\x53\x10\xc0\x06\x01\xa1\x03abc"))
	h.must(err)
	h.must(silent.SetReadDeadline(time.Now().Add(10 * time.Second)))
	buffer := make([]byte, 1024)
	for {
		if _, err := silent.Read(buffer); err != nil {
			if errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "timeout") {
				t.Errorf("a silent peer was kept: %v", err)
			}
			break
		}
	}
}
