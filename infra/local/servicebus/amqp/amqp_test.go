package amqp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

var samples = []any{
	nil, true, false, uint8(200), int8(-3), uint16(1000), int16(-1000), uint32(0), uint32(7), uint32(1 << 30), int32(-5), uint64(0), uint64(9), uint64(1 << 60),
	int64(-1 << 60), float32(1.5), math.Pi, Char('世'), time.UnixMilli(1_800_000_000_123).UTC(), UUID{1, 2, 3}, []byte("binary"), []byte{}, "text", "Grüße",
	strings.Repeat("long ", 100), Symbol("symbol"), Decimal{1, 2, 3, 4},
	[]any{}, []any{uint32(1), "two", []any{nil}}, Map{{Key: Symbol("k"), Value: "v"}, {Key: "l", Value: []any{true}}},
	Array{int64(1), int64(2)}, Array{"a", strings.Repeat("b", 300)}, Array{Symbol("x")}, Array{UUID{9}}, Array{},
	Described{Descriptor: uint64(0x137000000C), Value: "s"}, Described{Descriptor: Symbol("com.microsoft:session-filter"), Value: nil},
}

func TestValuesSurviveTheWire(t *testing.T) {
	for _, value := range samples {
		encoded, err := AppendValue(nil, value)
		if err != nil {
			t.Errorf("encoding %#v: %v", value, err)
			continue
		}
		r := NewReader(encoded)
		if got := r.Value(); r.Err() != nil || r.Len() != 0 || !reflect.DeepEqual(got, value) {
			t.Errorf("%#v comes back as %#v (%v, %d bytes left)", value, got, r.Err(), r.Len())
		}
		r = NewReader(append(bytes.Clone(encoded), 0xff))
		if got := r.Skip(); !bytes.Equal(got, encoded) || r.Len() != 1 {
			t.Errorf("skipping %#v skips %x of %x (%v)", value, got, encoded, r.Err())
		}
	}
	for _, value := range []any{struct{}{}, Array{int64(1), "mixed"}, Array{[]any{}}, []any{make(chan int)}, Map{{Key: "k", Value: int(1)}, {Key: struct{}{}}}, Decimal{1}} {
		if encoded, err := AppendValue(nil, value); err == nil {
			t.Errorf("%#v is encoded as %x", value, encoded)
		}
	}
}

// TestForeignEncodings reads forms that other peers write and this package does not.
func TestForeignEncodings(t *testing.T) {
	for text, want := range map[string]any{
		"5601":             true,
		"5600":             false,
		"5205":             uint32(5),
		"5305":             uint64(5),
		"54ff":             int32(-1),
		"55fe":             int64(-2),
		"45":               []any{},
		"c003024142":       []any{true, false},
		"c10602a1016b5405": Map{{Key: "k", Value: int32(5)}},
		"e0040255fd02":     Array{int64(-3), int64(2)},
		"e00501a3026162":   Array{Symbol("ab")},
		"e007020053055254": nil,
	} {
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(data)
		got := r.Value()
		if want == nil && r.Err() == nil || want != nil && (r.Err() != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%s is %#v (%v), want %#v", text, got, r.Err(), want)
		}
	}
}

func TestMalformedValues(t *testing.T) {
	deep := bytes.Repeat([]byte{codeList8, 200, 1}, 100)
	described := bytes.Repeat([]byte{codeDescribed}, 1000)
	for name, data := range map[string][]byte{
		"nothing":                    {},
		"no such type":               {0x3f},
		"short uint":                 {codeUint, 1, 2},
		"short string":               {codeString8, 5, 'a'},
		"huge string":                {codeString32, 0xff, 0xff, 0xff, 0xff},
		"list of more than there is": {codeList32, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff},
		"odd map":                    {codeMap8, 2, 1, codeNull},
		"array of nothing, huge":     {codeArray32, 0, 0, 0, 5, 0x7f, 0xff, 0xff, 0xff, codeNull},
		"deep":                       deep,
		"described without end":      described,
	} {
		r := NewReader(data)
		if value := r.Value(); !errors.Is(r.Err(), ErrMalformed) {
			t.Errorf("%s is read as %#v, %v", name, value, r.Err())
		}
	}
}

func TestFramesAreBounded(t *testing.T) {
	for name, data := range map[string][]byte{
		"too long":     {0, 1, 0, 1, 2, 0, 0, 0},
		"too short":    {0, 0, 0, 7, 2, 0, 0, 0},
		"head too big": {0, 0, 0, 8, 3, 0, 0, 0},
		"no head":      {0, 0, 0, 8, 1, 0, 0, 0},
	} {
		if frame, _, err := ReadFrame(bytes.NewReader(data), nil, 64<<10); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: read %+v, %v", name, frame, err)
		}
	}
	data := []byte{0, 0, 0, 14, 3, 0, 0, 9, 1, 2, 3, 4, 'h', 'i'} // with a longer head
	frame, _, err := ReadFrame(bytes.NewReader(data), nil, 64<<10)
	if err != nil || frame.Channel != 9 || string(frame.Body) != "hi" {
		t.Errorf("read %+v, %v", frame, err)
	}
}

func TestPerformatives(t *testing.T) {
	encode := func(b []byte, err error) Reader {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(b)
		r.Descriptor()
		return r
	}
	attach := Attach{
		Name: "link", Handle: 3, Receiver: true, SenderSettleMode: SenderSettled, ReceiverSettleMode: ReceiverSecond,
		Source: &Source{Address: "queue", Filter: Map{{Key: Symbol("f"), Value: Described{Descriptor: uint64(12), Value: "s"}}}},
		Target: &Target{Address: "here"}, MaxMessageSize: 262144, Properties: Map{{Key: Symbol("p"), Value: int64(5)}},
	}
	r := encode(attach.Append(nil))
	if got, err := ReadAttach(&r); err != nil || !reflect.DeepEqual(got, attach) {
		t.Errorf("attach comes back as %+v, %v", got, err)
	}
	flow := Flow{NextIncomingID: 5, KnowsIncoming: true, IncomingWindow: 7, NextOutgoingID: 0, OutgoingWindow: 8, Handle: 0, HasHandle: true, DeliveryCount: 1, LinkCredit: 100, HasCredit: true, Drain: true}
	r = encode(flow.Append(nil), nil)
	if got, err := ReadFlow(&r); err != nil || got != flow {
		t.Errorf("flow comes back as %+v, %v", got, err)
	}
	transfer := Transfer{Handle: 1, DeliveryID: 0, HasDeliveryID: true, Tag: []byte("tag"), Format: BatchFormat, More: true, Payload: []byte("payload")}
	r = encode(append(transfer.Append(nil), "payload"...), nil)
	if got, err := ReadTransfer(&r); err != nil || got.HasDeliveryID != true || string(got.Payload) != "payload" || got.Handle != 1 || !got.More || string(got.Tag) != "tag" {
		t.Errorf("transfer comes back as %+v, %v", got, err)
	}
	disposition := Disposition{Receiver: true, First: 4, Last: 9, Settled: true, State: State{Code: CodeRejected, Error: &Error{Condition: "c", Description: "d", Info: Map{{Key: Symbol("k"), Value: "v"}}}}}
	r = encode(disposition.Append(nil))
	if got, err := ReadDisposition(&r); err != nil || !reflect.DeepEqual(got, disposition) {
		t.Errorf("disposition comes back as %+v, %v", got, err)
	}
	detach := Detach{Handle: 2, Closed: true, Error: &Error{Condition: "c", Description: "d"}}
	r = encode(detach.Append(nil))
	if got, err := ReadDetach(&r); err != nil || !reflect.DeepEqual(got, detach) {
		t.Errorf("detach comes back as %+v, %v", got, err)
	}
	open := Open{ContainerID: "c", MaxFrameSize: 65536, ChannelMax: 99, IdleTimeout: time.Minute}
	r = encode(open.Append(nil), nil)
	if got, err := ReadOpen(&r); err != nil || got != open {
		t.Errorf("open comes back as %+v, %v", got, err)
	}
}

func TestMessages(t *testing.T) {
	properties := Properties{MessageID: "id", Subject: "subject", ReplyTo: "reply", CorrelationID: uint64(7), ContentType: "application/json", GroupID: "", HasGroupID: true}
	b := AppendHeader(nil, time.Second, 3)
	b, annotations := BeginAnnotations(b)
	b = AppendTimestamp(AppendSymbol(b, "x-opt-scheduled-enqueue-time"), time.UnixMilli(5))
	b = annotations.End(b, 2)
	b, err := properties.AppendProperties(b)
	if err != nil {
		t.Fatal(err)
	}
	b, all := BeginApplicationProperties(b)
	b = all.End(AppendString(AppendString(b, "k"), "v"), 2)
	body := len(b)
	b = AppendData(AppendData(b, []byte("one")), []byte("two"))
	m, err := ReadMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	if m.TimeToLive != time.Second || m.Annotations.Get("x-opt-scheduled-enqueue-time") != time.UnixMilli(5).UTC() || m.Properties != properties ||
		m.ApplicationProperties.Get("k") != "v" || len(m.Data) != 2 || string(m.Data[1]) != "two" || !bytes.Equal(m.RawBody, b[body:]) {
		t.Errorf("read %+v", m)
	}
	if _, err := ReadMessage(append(b, 0, codeSmallUlong, 0x42, codeNull)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a section that is none: %v", err)
	}
}

// FuzzDecode feeds everything that reads from the network. What decodes and can be encoded again must mean the same.
func FuzzDecode(f *testing.F) {
	for _, value := range samples {
		if encoded, err := AppendValue(nil, value); err == nil {
			f.Add(encoded)
		}
	}
	attach := Attach{Name: "l", Source: &Source{Address: "q"}, Target: &Target{}}
	if b, err := attach.Append(nil); err == nil {
		f.Add(b)
	}
	f.Add(AppendData(AppendHeader(nil, 0, 1), []byte("body")))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := NewReader(data)
		value := r.Value()
		if r.Err() == nil {
			if encoded, err := AppendValue(nil, value); err == nil {
				again := NewReader(encoded)
				second := again.Value()
				twice, err := AppendValue(nil, second)
				if again.Err() != nil || err != nil || !bytes.Equal(encoded, twice) {
					t.Errorf("%#v comes back as %#v (%v, %v)", value, second, again.Err(), err)
				}
			}
		}
		r = NewReader(data)
		if skipped := r.Skip(); r.Err() == nil && len(skipped)+r.Len() != len(data) {
			t.Errorf("skipped %d and left %d of %d bytes", len(skipped), r.Len(), len(data))
		}
		_, _ = ReadMessage(data)
		_, _, _ = ReadFrame(bytes.NewReader(data), nil, 1<<16)
		for _, read := range []func(*Reader) error{
			func(r *Reader) error { _, err := ReadOpen(r); return err },
			func(r *Reader) error { _, err := ReadBegin(r); return err },
			func(r *Reader) error { _, err := ReadAttach(r); return err },
			func(r *Reader) error { _, err := ReadFlow(r); return err },
			func(r *Reader) error { _, err := ReadTransfer(r); return err },
			func(r *Reader) error { _, err := ReadDisposition(r); return err },
			func(r *Reader) error { _, err := ReadDetach(r); return err },
			func(r *Reader) error { _, err := ReadInit(r); return err },
		} {
			r := NewReader(data)
			r.Descriptor()
			_ = read(&r)
		}
	})
}

// TestDecodingAllocatesInProportion proves that no short input makes the decoder allocate much.
func TestDecodingAllocatesInProportion(t *testing.T) {
	for name, data := range map[string][]byte{
		"lists of empty lists": nest(codeList32, bytes.Repeat([]byte{codeList0}, 60_000), 60_000),
		"arrays of nulls":      nest(codeList32, bytes.Repeat([]byte{codeArray8, 2, maxZeroLength, codeNull}, 15_000), 15_000),
		"wide and deep":        wideAndDeep(),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := NewReader(data)
		r.Value()
		runtime.ReadMemStats(&after)
		if got, limit := after.TotalAlloc-before.TotalAlloc, uint64(400*len(data)); got > limit {
			t.Errorf("%s: %d bytes make it allocate %d, the limit is %d", name, len(data), got, limit)
		}
	}
}

func nest(code byte, content []byte, count int) []byte {
	b, c := begin(nil, code)
	return c.End(append(b, content...), count)
}

// wideAndDeep has lists that all claim to have as many elements as they have bytes.
func wideAndDeep() []byte {
	b := bytes.Repeat([]byte{codeNull}, 60_000)
	for range maxDepth {
		b = nest(codeList32, b, len(b))
	}
	return b
}
