package governance_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
)

func TestDateTimeIsAnsweredAsItWasSent(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, instant string }{
		{"2030-01-31T00:00:00Z", "2030-01-31T00:00:00Z"},
		{"2030-01-31T00:00:00.0000000Z", "2030-01-31T00:00:00Z"},
		{"2030-01-31T00:00:00.1234567Z", "2030-01-31T00:00:00.1234567Z"},
		{"2030-01-31T01:00:00+01:00", "2030-01-31T00:00:00Z"},
		{"2030-01-30T19:00:00-05:00", "2030-01-31T00:00:00Z"},
	} {
		var d governance.DateTime
		if err := json.Unmarshal([]byte(`"`+test.text+`"`), &d); err != nil {
			t.Errorf("%s: %v", test.text, err)
			continue
		}
		if !d.Equal(instant(t, test.instant)) || d.Location() != time.UTC {
			t.Errorf("%s is %v, want %s in UTC", test.text, d.Time, test.instant)
		}
		if out, err := json.Marshal(d); err != nil || string(out) != `"`+test.text+`"` {
			t.Errorf("%s is answered as %s, %v", test.text, out, err)
		}
	}
}

func TestDateTimeOfTheClockHasOneForm(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("CET", 3600)
	out, err := json.Marshal(governance.At(time.Date(2030, 1, 31, 1, 2, 3, 456_789_000, berlin)))
	if want := `"2030-01-31T00:02:03.456Z"`; err != nil || string(out) != want {
		t.Errorf("an instant is written as %s, %v; want %s", out, err, want)
	}
	earlier, later := governance.FormatInstant(time.Unix(0, 0)), governance.FormatInstant(time.Unix(0, int64(time.Millisecond)))
	if len(earlier) != len(later) || earlier >= later {
		t.Errorf("%s and %s do not sort as text", earlier, later)
	}
	if absent := (*governance.DateTime)(nil); !absent.Instant().IsZero() {
		t.Errorf("an absent date is %v", absent.Instant())
	}
}

func TestDateTimeRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`""`, `"2030-01-31"`, `"2030-01-31T00:00:00"`, `"2030-01-31 00:00:00Z"`, `"31.01.2030"`, `"2030-02-30T00:00:00Z"`, `"2030-01-31T24:00:00Z"`,
		`1896048000`, `{}`, `["2030-01-31T00:00:00Z"]`, `true`, `"2030-01-31T00:00:00.` + strings.Repeat("0", 40) + `Z"`} {
		var d governance.DateTime
		if err := json.Unmarshal([]byte(text), &d); governance.CodeOf(err) != governance.CodeInvalid {
			t.Errorf("a date reads %s as %v: %v", text, d, err)
		}
	}
	var d governance.DateTime
	if err := json.Unmarshal([]byte(`null`), &d); err != nil || !d.IsZero() {
		t.Errorf("null is %v, %v", d, err)
	}
}

func FuzzDateTime(f *testing.F) {
	for _, seed := range []string{`"2030-01-31T00:00:00Z"`, `"2030-01-31T00:00:00.1234567+05:45"`, `null`, `"0000-01-01T00:00:00Z"`, `"2030-01-31T00:00:00,5Z"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d governance.DateTime
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			return
		}
		out, err := json.Marshal(&d)
		if err != nil {
			t.Fatal(err)
		}
		var again governance.DateTime
		if err := json.Unmarshal(out, &again); err != nil || !again.Equal(d.Time) {
			t.Fatalf("%s is %v, written as %s, which is %v, %v", text, d, out, again, err)
		}
	})
}
