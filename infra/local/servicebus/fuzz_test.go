package servicebus

import (
	"bytes"
	"net"
	"testing"
	"time"

	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus"
	"latchkey/shared/platform"
)

// FuzzConnection feeds bytes to a connection that is open, has a session, a link each way and a message to deliver: it must end when they do.
func FuzzConnection(f *testing.F) {
	frame := func(b []byte, body func([]byte) []byte) []byte {
		start := len(b)
		return amqp.EndFrame(body(amqp.BeginFrame(b, amqp.FrameAMQP, 0)), start)
	}
	plain := func(a amqp.Attach) func([]byte) []byte {
		return func(b []byte) []byte {
			b, err := a.Append(b)
			if err != nil {
				f.Fatal(err)
			}
			return b
		}
	}
	opening := append([]byte(nil), amqp.HeaderAMQP[:]...)
	open, begin := amqp.Open{ContainerID: "f", MaxFrameSize: 512}, amqp.Begin{IncomingWindow: 100}
	opening = frame(opening, open.Append)
	opening = frame(opening, begin.Append)
	opening = frame(opening, plain(amqp.Attach{Name: "s", Handle: 0, Target: &amqp.Target{Address: bus.Notifications}}))
	opening = frame(opening, plain(amqp.Attach{Name: "r", Handle: 1, Receiver: true, Source: &amqp.Source{Address: bus.Notifications}}))
	opening = frame(opening, plain(amqp.Attach{Name: "m", Handle: 2, Target: &amqp.Target{Address: bus.Notifications + "/$management"}}))
	opening = frame(opening, plain(amqp.Attach{Name: "a", Handle: 3, Receiver: true, Source: &amqp.Source{Address: bus.Notifications + "/$management"}}))
	for _, body := range []func([]byte) []byte{
		(&amqp.Flow{IncomingWindow: 100, Handle: 1, HasHandle: true, LinkCredit: 10, Drain: true}).Append,
		func(b []byte) []byte {
			t := amqp.Transfer{DeliveryID: 0, HasDeliveryID: true, Tag: []byte("t")}
			return amqp.AppendData(t.Append(b), []byte("body"))
		},
		func(b []byte) []byte {
			t := amqp.Transfer{Handle: 2, DeliveryID: 0, HasDeliveryID: true, Tag: []byte("t")}
			b, m := amqp.BeginApplicationProperties(t.Append(b))
			b = m.End(amqp.AppendString(amqp.AppendString(b, "operation"), "com.microsoft:peek-message"), 2)
			b, err := amqp.AppendValue(amqp.BeginValue(b), amqp.Map{{Key: "message-count", Value: int32(5)}})
			if err != nil {
				f.Fatal(err)
			}
			return b
		},
		func(b []byte) []byte {
			d := amqp.Disposition{Receiver: true, Last: 1 << 31, State: amqp.State{Code: amqp.CodeRejected}}
			b, err := d.Append(b)
			if err != nil {
				f.Fatal(err)
			}
			return b
		},
	} {
		f.Add(frame(nil, body))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		server := New(Options{Clock: platform.NewManualClock(time.Unix(0, 0))})
		if err := server.Core().Send(t.Context(), bus.Notifications, bus.Message{ID: "a"}); err != nil {
			t.Fatal(err)
		}
		input := append(append([]byte(nil), opening...), data...)
		_ = newConnection(server, &script{input: bytes.NewReader(input)}).serve(t.Context()) // any error will do
	})
}

// script is a peer that says what it was given, and then hangs up; it does not listen.
type script struct{ input *bytes.Reader }

func (s *script) Read(b []byte) (int, error)     { return s.input.Read(b) }
func (*script) Write(b []byte) (int, error)      { return len(b), nil }
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }
