package host

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/functions"
	"latchkey/shared/bus"
)

// golden reads one of the envelopes that handlers/hostwire decodes: what this host encodes is what the handler was tested with.
func golden(t *testing.T, name string) any {
	t.Helper()
	raw, err := os.ReadFile("../../../handlers/hostwire/testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return value(t, raw)
}

func value(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

var ten = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

func goldenMessage(body string) *Message {
	return &Message{
		Message: bus.Message{
			ID: "m-1", SessionID: "s-1", Subject: "assignment", CorrelationID: "c-1", ContentType: "application/json", Body: []byte(body),
			Properties: map[string]string{"attempt": "3", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		},
		SequenceNumber: 42, DeliveryCount: 1, EnqueuedTime: ten.Add(999 * time.Millisecond), ExpiresAt: ten.AddDate(0, 0, 14), LockToken: "5f0c9a52-6f1e-4f5b-8a43-0d3a5f1f2b11",
	}
}

func TestEnvelopesAreTheGoldenOnes(t *testing.T) {
	sys := system{method: "provisioning", now: ten.Add(time.Second), guid: "8f0b7c1e-2f63-4a43-9d3a-4f3f4f0e5a10"}
	binary := functions.Function{Binding: "message", DataType: "binary"}
	text := functions.Function{Binding: "message"}
	const hostile = `{"assignmentId":"a-1","MessageId":"forged","DeliveryCount":99}`
	for _, c := range []struct {
		golden string
		f      functions.Function
		body   string
	}{
		{"servicebus_binary", binary, hostile},
		{"servicebus_binary_not_utf8", binary, "\xff\xfe\x00\""},
		{"servicebus_text", text, `{"id":7,"name":"Zoë \"Z\""}`},
		{"servicebus_text_hostile", text, hostile},
	} {
		if diff := cmp.Diff(golden(t, c.golden), value(t, appendMessage(nil, c.f, goldenMessage(c.body), sys))); diff != "" {
			t.Errorf("%s: %s", c.golden, diff)
		}
	}
	sys.method = "outbox"
	timer := functions.Function{Binding: "timer"}
	for name, o := range map[string]occurrence{
		"timer":                {monitored: true, last: ten, next: ten.Add(time.Minute), updated: ten, pastDue: true},
		"timer_without_status": {},
	} {
		if diff := cmp.Diff(golden(t, name), value(t, appendTick(nil, timer, o, sys))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// FuzzAppendString: whatever a message holds, the envelope is JSON and the text comes out as it went in, but for what is not UTF-8.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", `"quoted" \back`, "Zoë\u2028\u0085", "\x00\x1f\n\r\t", "\xff\xfe", "😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want := string([]rune(s))
		var once, outer, inner string
		if err := json.Unmarshal(appendString(nil, s), &once); err != nil || once != want {
			t.Fatalf("%q once: %q, %v", s, once, err)
		}
		if err := json.Unmarshal(appendTwice(nil, s), &outer); err != nil {
			t.Fatalf("%q twice: %v", s, err)
		}
		if err := json.Unmarshal([]byte(outer), &inner); err != nil || inner != want {
			t.Fatalf("%q twice: %q, %v", s, inner, err)
		}
	})
}

func TestTextBodiesOverwriteMetadataWithAnyJSON(t *testing.T) {
	sys := system{method: "f", now: ten, guid: "g"}
	body := `{"MessageId":null,"subject":{"a":1},"list":[1],"flag":true}`
	got := value(t, appendMessage(nil, functions.Function{Binding: "m"}, goldenMessage(body), sys)).(map[string]any)["Metadata"].(map[string]any)
	if _, ok := got["MessageId"]; ok {
		t.Error("a null property leaves the metadata")
	}
	if _, ok := got["list"]; ok {
		t.Error("an array is copied")
	}
	if diff := cmp.Diff(map[string]any{"a": 1.0}, got["Subject"]); diff != "" {
		t.Error(diff)
	}
	if got["flag"] != `"true"` {
		t.Errorf("flag is %v", got["flag"])
	}
}

func BenchmarkEnvelope(b *testing.B) {
	m := goldenMessage(`{"assignmentId":"a-1"}`)
	f := functions.Function{Binding: "message", DataType: "binary"}
	sys := system{method: "provisioning", now: ten, guid: "8f0b7c1e-2f63-4a43-9d3a-4f3f4f0e5a10"}
	var buffer []byte
	b.ReportAllocs()
	for b.Loop() {
		buffer = appendMessage(buffer[:0], f, m, sys)
	}
}
