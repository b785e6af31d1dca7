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
		{"2030-01-31T00:00:00.1Z", "2030-01-31T00:00:00.1Z"},
		{"2030-01-31T14:00:00.123456789+14:00", "2030-01-31T00:00:00.123456789Z"},
		{"2030-01-30T10:00:00-14:00", "2030-01-31T00:00:00Z"},
		{"2030-01-31T00:00:00-00:00", "2030-01-31T00:00:00Z"},
		{"2028-02-29T23:59:59Z", "2028-02-29T23:59:59Z"},
		{"1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"},
		{"2999-12-31T23:59:59.9999999Z", "2999-12-31T23:59:59.9999999Z"},
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
	for text, words := range map[string]string{
		`""`:                                                       "no date and time with an offset; write for example",
		`"2030-01-31"`:                                             "no date and time with an offset",
		`"2030-01-31 00:00:00Z"`:                                   "no date and time with an offset",
		`"31.01.2030"`:                                             "no date and time with an offset",
		`"2030-1-31T00:00:00Z"`:                                    "two digits for each part",
		`"2030-01-31T8:00:00Z"`:                                    "two digits for each part",
		`"2030-01-31t00:00:00Z"`:                                   "T and Z",
		`"2030-01-31T00:00Z"`:                                      "no date and time with an offset",
		`" 2030-01-31T00:00:00Z"`:                                  "no date and time with an offset",
		`"12030-01-31T00:00:00Z"`:                                  "no date and time with an offset",
		`"-030-01-31T00:00:00Z"`:                                   "no date and time with an offset",
		`"٢٠٣٠-01-31T00:00:00Z"`:                                   "no date and time with an offset",
		`"2030-01-31T00:00:00"`:                                    "has no offset",
		`"2030-01-31T00:00:00.5"`:                                  "has no offset",
		`"2030-01-31T00:00:00z"`:                                   "does not end in an offset; write Z",
		`"2030-01-31T00:00:00,5Z"`:                                 "does not end in an offset",
		`"2030-01-31T00:00:00 Z"`:                                  "does not end in an offset",
		`"2030-01-31T00:00:00Z "`:                                  "does not end in an offset",
		`"2030-01-31T00:00:00Z+01"`:                                "does not end in an offset",
		`"2030-01-31T00:00:00+01"`:                                 "does not end in an offset",
		`"2030-01-31T00:00:00+0100"`:                               "does not end in an offset",
		`"2030-01-31T00:00:00+1:00"`:                               "does not end in an offset",
		`"2030-01-31T00:00:00--1:00"`:                              "does not end in an offset",
		`"2030-01-31T00:00:00+01:60"`:                              "does not end in an offset",
		`"2030-01-31T00:00:00 01:00"`:                              "does not end in an offset",
		`"2030-01-31T00:00:00+14:01"`:                              "more than 14 hours",
		`"2030-01-31T00:00:00-24:00"`:                              "more than 14 hours",
		`"2030-01-31T00:00:00+99:00"`:                              "more than 14 hours",
		`"2030-01-31T00:00:00.Z"`:                                  "has 0 digits",
		`"2030-01-31T00:00:00.0000000001Z"`:                        "has 10 digits",
		`"2030-01-31T00:00:00.` + strings.Repeat("0", 1000) + `Z"`: "has 1000 digits",
		`"2016-12-31T23:59:60Z"`:                                   "leap second",
		`"2016-12-31T23:59:61Z"`:                                   "no time of a day",
		`"2030-02-30T00:00:00Z"`:                                   "no day of the calendar",
		`"2029-02-29T00:00:00Z"`:                                   "no day of the calendar",
		`"2030-13-01T00:00:00Z"`:                                   "no day of the calendar",
		`"2030-00-10T00:00:00Z"`:                                   "no day of the calendar",
		`"2030-01-31T24:00:00Z"`:                                   "no time of a day",
		`"9999-12-31T23:59:59Z"`:                                   `"type":"noExpiration"`,
		`"3000-01-01T00:00:00Z"`:                                   "after the year 2999",
		`"3000-01-01T00:00:00+14:00"`:                              "after the year 2999",
		`"2999-12-31T23:59:59-00:01"`:                              "after the year 2999",
		`"0001-01-01T00:00:00Z"`:                                   `leave the date out, or write null, where none is meant, and "type":"noExpiration"`,
		`"0000-01-01T00:00:00Z"`:                                   "before the year 1970",
		`"1969-12-31T23:59:59Z"`:                                   "before the year 1970",
		`"1970-01-01T00:00:00+00:01"`:                              "before the year 1970",
		`"1969-12-31T23:59:00-14:00"`:                              "before the year 1970",
		`1896048000`:                                               "must be a string such as",
		`{}`:                                                       "must be a string",
		`["2030-01-31T00:00:00Z"]`:                                 "must be a string",
		`true`:                                                     "must be a string",
	} {
		var d governance.DateTime
		refuses(t, json.Unmarshal([]byte(text), &d), "dateTime", words)
		if !d.IsZero() {
			t.Errorf("%s is refused, and yet read as %v", text, d)
		}
	}
	var d governance.DateTime
	if err := json.Unmarshal([]byte(`null`), &d); err != nil || !d.IsZero() {
		t.Errorf("null is %v, %v", d, err)
	}
}

// What Latchkey computes, it stores and reads again, wherever the sum of a date and a duration leads.
func TestDateTimeOfTheClockCanBeReadAgain(t *testing.T) {
	t.Parallel()
	last := instant(t, "2999-12-31T23:59:59.999999999Z")
	for _, at := range []time.Time{last, last.Add(1), governance.Days(governance.MaxDurationDays).AddTo(last), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
		var again governance.DateTime
		if err := json.Unmarshal([]byte(encode(t, governance.At(at))), &again); err != nil || again.String() != "2999-12-31T23:59:59.999Z" {
			t.Errorf("%v is stored as %v and read as %v, %v", at, governance.At(at), again, err)
		}
	}
}

// longest are the durations that lead farthest, each in its own unit.
var longest = []string{"P10Y10D", "P122M", "P522W6D", "P3660D", "PT87840H59M59S", "P10Y10DT23H59M59.999999999S", "P121M30DT23H"}

func FuzzDateTime(f *testing.F) {
	for _, seed := range []string{`"2030-01-31T00:00:00Z"`, `"2030-01-31T00:00:00.1234567+05:45"`, `null`, `"0000-01-01T00:00:00Z"`, `"2030-01-31T00:00:00,5Z"`, `"2999-12-31T23:59:59.999999999Z"`,
		`"1970-01-01T00:00:00Z"`, `"2999-12-31T09:59:59-14:00"`, `"1970-01-01T14:00:00+14:00"`, `"2016-12-31T23:59:60Z"`, `"2030-01-31T8:00:00Z"`, `"2030-01-31T00:00:00+24:00"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d governance.DateTime
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			return
		}
		if d.IsZero() {
			return // null
		}
		out, err := json.Marshal(&d)
		if err != nil {
			t.Fatal(err)
		}
		var again governance.DateTime
		if err := json.Unmarshal(out, &again); err != nil || !again.Equal(d.Time) || again.String() != d.String() {
			t.Fatalf("%s is %v, written as %s, which is %v, %v", text, d, out, again, err)
		}
		if others, err := time.Parse(time.RFC3339Nano, d.String()); err != nil || !others.Equal(d.Time) || len(d.String()) > 35 {
			t.Fatalf("%s is answered as %s, which others read as %v, %v", text, d, others, err)
		}
		stored := governance.FormatInstant(d.Time)
		for _, other := range []string{"1970-01-01T00:00:00.000Z", "2026-11-20T10:00:00.000Z", "2999-12-31T23:59:59.999Z"} {
			if cut := d.Truncate(time.Millisecond); len(stored) != len(other) || cut.Before(instant(t, other)) != (stored < other) {
				t.Fatalf("%s is stored as %s, which does not sort before or after %s as it should", text, stored, other)
			}
		}
		for _, text := range longest {
			duration, err := governance.ParseDuration(text)
			if err != nil {
				t.Fatal(err)
			}
			if end := duration.AddTo(d.Time); !end.After(d.Time) || end.UTC().Year() < 1 || end.UTC().Year() > 9998 {
				t.Fatalf("%s and %s is %v, which a store does not take", d, text, end)
			}
		}
	})
}
