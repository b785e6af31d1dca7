package hostwire

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func golden(t testing.TB, name string) []byte {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func decoded(t testing.TB, name string) Invocation {
	t.Helper()
	in, err := Decode(golden(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestServiceBusMessage(t *testing.T) {
	whole := func(body string, change func(*ServiceBusMessage)) ServiceBusMessage {
		m := ServiceBusMessage{
			Body: []byte(body), MessageID: "m-1", SessionID: "s-1", CorrelationID: "c-1", Subject: "assignment", ContentType: "application/json",
			DeliveryCount: 1, SequenceNumber: 42, EnqueuedTime: at("2026-11-20T10:00:00Z"), ExpiresAt: at("2026-12-04T10:00:00Z"),
			ApplicationProperties: map[string]string{"attempt": "3", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		}
		if change != nil {
			change(&m)
		}
		return m
	}
	const hostile = `{"assignmentId":"a-1","MessageId":"forged","DeliveryCount":99}`
	for _, c := range []struct {
		golden string
		as     DataType
		want   ServiceBusMessage
	}{
		{"servicebus_binary", Binary, whole(hostile, nil)},
		{"servicebus_binary_not_utf8", Binary, whole("\xff\xfe\x00\"", nil)},
		{"servicebus_text", Text, whole(`{"id":7,"name":"Zoë \"Z\""}`, nil)},
		{"servicebus_text", Binary, whole(`{"id":7,"name":"Zoë \"Z\""}`, nil)}, // a binding that is not binary after all
		{"servicebus_text_hostile", Text, whole(hostile, func(m *ServiceBusMessage) {
			m.MessageID, m.DeliveryCount, m.Forged = "", 0, []string{"DeliveryCount", "MessageId"}
		})},
		{"servicebus_text_hostile", Binary, whole(hostile, func(m *ServiceBusMessage) {
			m.MessageID, m.DeliveryCount, m.Forged = "", 0, []string{"DeliveryCount", "MessageId"}
		})},
		{"servicebus_docs_sample", Binary, ServiceBusMessage{
			Body: []byte("{\n      \"id\": 7\n    }"), MessageID: "m-1", SessionID: "s-1", Subject: "assignment",
			DeliveryCount: 1, SequenceNumber: 42, EnqueuedTime: at("2026-11-20T10:00:00Z"),
		}},
	} {
		t.Run(c.golden, func(t *testing.T) {
			got, err := decoded(t, c.golden).ServiceBusMessage(c.as)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTick(t *testing.T) {
	minute := &ScheduleStatus{Last: at("2026-11-20T10:00:00Z"), Next: at("2026-11-20T10:01:00Z"), LastUpdated: at("2026-11-20T10:00:00Z")}
	for name, want := range map[string]Tick{
		"timer": {ScheduleStatus: minute, IsPastDue: true},
		"timer_local_offset": {ScheduleStatus: &ScheduleStatus{
			Last: at("2026-11-20T10:00:00.0012345Z"), Next: at("2026-11-20T10:01:00Z"), LastUpdated: time.Time{},
		}},
		"timer_without_status": {},
	} {
		got, err := decoded(t, name).Tick()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestMalformedInvocations(t *testing.T) {
	for name, body := range map[string]string{
		"not JSON":              `{"Data":`,
		"an array":              `[]`,
		"no data":               `{"Metadata":{}}`,
		"no binding":            `{"Data":{},"Metadata":{}}`,
		"two bindings":          `{"Data":{"a":"YQ==","b":"YQ=="},"Metadata":{}}`,
		"not base64":            `{"Data":{"a":"hello, world"},"Metadata":{}}`,
		"trailing":              `{"Data":{"a":"YQ=="}} x`,
		"deeper than any reads": `{"Data":{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}}`,
	} {
		in, err := Decode([]byte(body))
		if err == nil {
			_, err = in.ServiceBusMessage(Binary)
		}
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
	in, err := Decode([]byte(`{"Data":{"t":"YQ=="},"Metadata":{}}`))
	if err == nil {
		_, err = in.Tick()
	}
	if !errors.Is(err, ErrMalformed) {
		t.Errorf("a timer that is no object: %v, want ErrMalformed", err)
	}
}

func TestScalarsEncodedOnceOrTwice(t *testing.T) {
	for raw, want := range map[string]string{
		`"abc"`: "abc", `"\"abc\""`: "abc", `4`: "4", `"4"`: "4", `"\"4\""`: "4", `true`: "true", `"say \"hi\""`: `say "hi"`,
		`"\"say \\\"hi\\\"\""`: `say "hi"`, `"\"Zo\u00eb\""`: "Zoë", `""`: "", `"\"\""`: "", `"\"\\\\\""`: `\`,
	} {
		if got := text([]byte(raw)); got != want {
			t.Errorf("text(%s) = %q; want %q", raw, got, want)
		}
	}
	for _, raw := range []string{``, `null`, `"null"`, `{}`, `[]`, `"`} {
		if got := text([]byte(raw)); got != "" {
			t.Errorf("text(%s) = %q, want none", raw, got)
		}
	}
	for raw, want := range map[string]int64{`4`: 4, `"4"`: 4, `"\"4\""`: 4, `"-9223372036854775808"`: -1 << 63, `4.5`: 0, `"four"`: 0, `"9223372036854775808"`: 0, `true`: 0} {
		if got := integer([]byte(raw)); got != want {
			t.Errorf("integer(%s) = %d, want %d", raw, got, want)
		}
	}
	for raw, want := range map[string]bool{`true`: true, `"true"`: true, `"True"`: true, `"\"true\""`: true, `"\"false\""`: false, `false`: false, `1`: false} {
		if got := boolean([]byte(raw)); got != want {
			t.Errorf("boolean(%s) = %v, want %v", raw, got, want)
		}
	}
	ten := at("2026-11-20T10:00:00Z")
	for _, raw := range []string{
		`"2026-11-20T10:00:00"`, `"2026-11-20T10:00:00Z"`, `"2026-11-20T11:00:00+01:00"`, `"\"2026-11-20T10:00:00\""`, `"2026-11-20T10:00:00.0000000Z"`,
	} {
		if got := instant([]byte(raw)); !got.Equal(ten) || got.Location() != time.UTC {
			t.Errorf("instant(%s) = %v, want %v in UTC", raw, got, ten)
		}
	}
	if got := instant([]byte(`"yesterday"`)); !got.IsZero() {
		t.Errorf("instant(yesterday) = %v, want none", got)
	}
}

// FuzzDecode feeds arbitrary envelopes to everything that reads them: nothing may panic, and nothing but ErrMalformed may come out.
func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no golden files", err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"Data":{"a":"\"\\\""},"Metadata":{"MessageId":"\"","DeliveryCount":"\""}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		in, err := Decode(body)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("Decode: %v", err)
			}
			return
		}
		for _, as := range []DataType{Binary, Text} {
			if _, err := in.ServiceBusMessage(as); err != nil && !errors.Is(err, ErrMalformed) {
				t.Fatalf("ServiceBusMessage: %v", err)
			}
		}
		if _, err := in.Tick(); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("Tick: %v", err)
		}
	})
}

func BenchmarkDecodeServiceBus(b *testing.B) {
	body := golden(b, "servicebus_binary")
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		in, err := Decode(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := in.ServiceBusMessage(Binary); err != nil {
			b.Fatal(err)
		}
	}
}
