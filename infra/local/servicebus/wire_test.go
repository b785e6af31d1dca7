package servicebus_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"testing"
	"time"

	"latchkey/infra/local/servicebus"
	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
)

// peer writes frames as it likes, unlike a client that keeps the rules.
type peer struct {
	*testing.T
	socket net.Conn
	reader *bufio.Reader
}

// dialPeer opens a connection and session 0.
func dialPeer(t *testing.T, address string) *peer {
	t.Helper()
	socket, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	if err := socket.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	p := &peer{T: t, socket: socket, reader: bufio.NewReader(socket)}
	p.write(amqp.HeaderAMQP[:])
	if _, err := io.ReadFull(p.reader, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	open := amqp.Open{ContainerID: "peer", MaxFrameSize: 64 << 10}
	p.frame(open.Append)
	p.expect(amqp.CodeOpen)
	begin := amqp.Begin{IncomingWindow: math.MaxUint32, OutgoingWindow: math.MaxUint32}
	p.frame(begin.Append)
	p.expect(amqp.CodeBegin)
	return p
}

func (p *peer) write(b []byte) {
	p.Helper()
	if _, err := p.socket.Write(b); err != nil {
		p.Fatal(err)
	}
}

func (p *peer) frame(body func([]byte) []byte) {
	p.Helper()
	p.write(amqp.EndFrame(body(amqp.BeginFrame(nil, amqp.FrameAMQP, 0)), 0))
}

func (p *peer) attach(a amqp.Attach) {
	p.Helper()
	p.frame(func(b []byte) []byte {
		b, err := a.Append(b)
		if err != nil {
			p.Fatal(err)
		}
		return b
	})
	p.expect(amqp.CodeAttach)
}

// next is the next performative and a reader of its fields; its code is 0 if the connection has ended.
func (p *peer) next() (uint64, *amqp.Reader) {
	p.Helper()
	for {
		frame, _, err := amqp.ReadFrame(p.reader, nil, 64<<10)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, nil
		}
		if err != nil {
			p.Fatal(err)
		}
		if len(frame.Body) > 0 {
			r := amqp.NewReader(frame.Body)
			return r.Descriptor(), &r
		}
	}
}

func (p *peer) expect(code uint64) *amqp.Reader {
	p.Helper()
	got, r := p.next()
	if got != code {
		p.Fatalf("got %#x, want %#x", got, code)
	}
	return r
}

func (p *peer) sender() {
	p.Helper()
	p.attach(amqp.Attach{Name: "s", Handle: 0, Source: &amqp.Source{}, Target: &amqp.Target{Address: plain}})
	p.expect(amqp.CodeFlow)
}

func (p *peer) disposition() amqp.Disposition {
	p.Helper()
	d, err := amqp.ReadDisposition(p.expect(amqp.CodeDisposition))
	if err != nil {
		p.Fatal(err)
	}
	return d
}

func (p *peer) transfer(t amqp.Transfer, payload []byte) {
	p.Helper()
	p.frame(func(b []byte) []byte { return append(t.Append(b), payload...) })
}

func TestOversizeDeliveriesAreRefused(t *testing.T) {
	h := openHouse(t)
	p := dialPeer(t, h.address)
	p.sender()
	part := bytes.Repeat([]byte("x"), 60_000)
	for n := range 6 {
		p.transfer(amqp.Transfer{DeliveryID: 0, HasDeliveryID: n == 0, Tag: []byte("t"), More: n < 5}, part)
	}
	if d := p.disposition(); d.State.Code != amqp.CodeRejected || d.State.Error.Condition != "amqp:link:message-size-exceeded" || !d.Settled {
		t.Errorf("an oversize delivery is answered with %+v", d)
	}
	p.transfer(amqp.Transfer{DeliveryID: 1, HasDeliveryID: true, Tag: []byte("t")}, []byte("no sections"))
	if d := p.disposition(); d.State.Code != amqp.CodeRejected || d.State.Error.Condition != "com.microsoft:argument-error" {
		t.Errorf("a delivery that is no message is answered with %+v", d)
	}
	p.transfer(amqp.Transfer{DeliveryID: 2, HasDeliveryID: true, Tag: []byte("t")}, amqp.AppendData(nil, []byte("fits")))
	if d := p.disposition(); d.First != 2 || d.State.Code != amqp.CodeAccepted {
		t.Errorf("a delivery that fits is answered with %+v", d)
	}
	h.counts(plain, memory.Counts{Active: 1})
}

func TestNeighboursAreSettledTogether(t *testing.T) {
	h := openHouse(t)
	p := dialPeer(t, h.address)
	p.sender()
	var all []byte
	for n := range uint32(100) {
		start := len(all)
		transfer := amqp.Transfer{DeliveryID: n, HasDeliveryID: true, Tag: []byte("t")}
		all = amqp.AppendData(transfer.Append(amqp.BeginFrame(all, amqp.FrameAMQP, 0)), []byte("body"))
		all = amqp.EndFrame(all, start)
	}
	p.write(all)
	settled, frames := uint32(0), 0
	for settled < 100 {
		d := p.disposition()
		if d.First != settled || d.State.Code != amqp.CodeAccepted {
			t.Fatalf("after %d deliveries: %+v", settled, d)
		}
		settled, frames = d.Last+1, frames+1
	}
	if frames > 50 {
		t.Errorf("100 deliveries at once are settled by %d frames", frames)
	}
}

func TestAbortedDeliveriesAreForgotten(t *testing.T) {
	h := openHouse(t)
	p := dialPeer(t, h.address)
	p.sender()
	p.transfer(amqp.Transfer{DeliveryID: 0, HasDeliveryID: true, Tag: []byte("t"), More: true}, []byte("half"))
	p.frame(func(b []byte) []byte { // what Transfer does not write
		b, list := amqp.BeginList(amqp.AppendDescriptor(b, amqp.CodeTransfer))
		b = amqp.AppendUint(b, 0)
		for range 8 {
			b = amqp.AppendNull(b)
		}
		return list.End(amqp.AppendBool(b, true), 10)
	})
	p.transfer(amqp.Transfer{DeliveryID: 1, HasDeliveryID: true, Tag: []byte("t")}, amqp.AppendData(nil, []byte("whole")))
	if d := p.disposition(); d.First != 1 || d.State.Code != amqp.CodeAccepted {
		t.Errorf("got %+v", d)
	}
	h.counts(plain, memory.Counts{Active: 1})
}

func TestCreditAndDrain(t *testing.T) {
	h := openHouse(t)
	for n := range 5 {
		h.must(h.server.Core().Send(t.Context(), plain, bus.Message{ID: fmt.Sprint(n)}))
	}
	p := dialPeer(t, h.address)
	p.attach(amqp.Attach{Name: "r", Handle: 0, Receiver: true, ReceiverSettleMode: amqp.ReceiverSecond, Source: &amqp.Source{Address: plain}, Target: &amqp.Target{}})
	flow := amqp.Flow{IncomingWindow: math.MaxUint32, HasHandle: true, LinkCredit: 2}
	p.frame(flow.Append)
	p.expect(amqp.CodeTransfer)
	p.expect(amqp.CodeTransfer)
	flow = amqp.Flow{NextIncomingID: 2, IncomingWindow: math.MaxUint32, HasHandle: true, DeliveryCount: 2, LinkCredit: math.MaxUint32, Drain: true}
	p.frame(flow.Append)
	for range 3 {
		p.expect(amqp.CodeTransfer)
	}
	drained, err := amqp.ReadFlow(p.expect(amqp.CodeFlow))
	if err != nil || !drained.Drain || drained.LinkCredit != 0 || drained.DeliveryCount != 1 { // 2 and all the credit, around the corner
		t.Errorf("drained with %+v, %v", drained, err)
	}
	h.counts(plain, memory.Counts{Locked: 5})
	// A range that is wider than what there is settles what there is.
	d := amqp.Disposition{Receiver: true, First: 1, Last: math.MaxUint32, State: amqp.State{Code: amqp.CodeAccepted}}
	p.frame(func(b []byte) []byte { b, _ = d.Append(b); return b })
	for range 4 {
		if d := p.disposition(); d.First == 0 || !d.Settled || d.State.Code != amqp.CodeAccepted || d.Receiver {
			t.Errorf("got %+v", d)
		}
	}
	h.counts(plain, memory.Counts{Locked: 1})
	d = amqp.Disposition{Receiver: true, First: 3, Last: 3, State: amqp.State{Code: amqp.CodeAccepted}}
	p.frame(func(b []byte) []byte { b, _ = d.Append(b); return b })
	if d := p.disposition(); d.State.Code != amqp.CodeRejected || d.State.Error.Condition != "com.microsoft:message-lock-lost" {
		t.Errorf("settling twice is answered with %+v", d)
	}
}

func TestAnEndedWaitForASessionLeavesNothing(t *testing.T) {
	h := openHouse(t)
	p := dialPeer(t, h.address)
	attach := amqp.Attach{Name: "r", Handle: 0, Receiver: true, Source: &amqp.Source{Address: sessions, Filter: amqp.Map{{Key: amqp.Symbol("com.microsoft:session-filter")}}}}
	p.frame(func(b []byte) []byte { b, _ = attach.Append(b); return b })
	detach := amqp.Detach{Handle: 0, Closed: true}
	p.frame(func(b []byte) []byte { b, _ = detach.Append(b); return b })
	p.expect(amqp.CodeDetach)
	h.send(sessions, message("a", "s"))
	r, err := h.client.AcceptNextSessionForQueue(h.context(), sessions, nil)
	h.must(err)
	h.receive(r, "a", 1)
}

func TestRuleBreakersAreShownTheDoor(t *testing.T) {
	h := openHouse(t)
	for name, body := range map[string][]byte{
		"no performative":      {0xff},
		"unknown performative": {0, 0x53, 0x99, 0x45},
		"a second open":        {0, 0x53, amqp.CodeOpen, 0x45},
		"a second begin":       {0, 0x53, amqp.CodeBegin, 0x45},
		"a handle too large":   {0, 0x53, amqp.CodeAttach, 0xc0, 9, 2, 0xa1, 1, 'n', 0x70, 0, 1, 0, 0},
		"a broken list":        {0, 0x53, amqp.CodeFlow, 0xc0, 9, 9},
	} {
		t.Run(name, func(t *testing.T) {
			p := dialPeer(t, h.address)
			p.frame(func(b []byte) []byte { return append(b, body...) })
			p.expect(amqp.CodeClose)
			if code, _ := p.next(); code != 0 {
				t.Errorf("after the close came %#x", code)
			}
		})
	}
	p := dialPeer(t, h.address) // frames for links that are gone, or never were, do no harm
	for _, body := range [][]byte{
		{0, 0x53, amqp.CodeDetach, 0xc0, 2, 1, 0x43}, {0, 0x53, amqp.CodeTransfer, 0xc0, 2, 1, 0x43},
		{0, 0x53, amqp.CodeFlow, 0xc0, 6, 5, 0x43, 0x43, 0x43, 0x43, 0x43}, {0, 0x53, amqp.CodeDisposition, 0xc0, 3, 2, 0x41, 0x43},
	} {
		p.frame(func(b []byte) []byte { return append(b, body...) })
	}
	p.sender()
}

func TestSnapshotOfWhatCameByWire(t *testing.T) {
	h := openHouse(t)
	m := message("a", "s")
	m.ApplicationProperties = map[string]any{"n": int64(7)}
	h.send(sessions, m)
	var saved bytes.Buffer
	h.must(h.server.Snapshot(&saved))
	h.server.Reset()
	h.counts(sessions, memory.Counts{})
	other := openHouse(t, func(o *servicebus.Options) { o.Clock = h.clock })
	h.must(other.server.Restore(&saved))
	r, err := other.client.AcceptNextSessionForQueue(h.context(), sessions, nil)
	h.must(err)
	if got := other.receive(r, "a", 1); got.ApplicationProperties["n"] != int64(7) || string(got.Body) != "body of a" {
		t.Errorf("restored %+v", got)
	}
}
