package governance_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
)

// rules: LIF-01 LIM-05
func TestParseDurationReadsISO8601(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want governance.Duration
		out  string // how it is answered
	}{
		{"P30D", governance.Days(30), "P30D"},
		{"P4W2D", governance.Days(30), "P30D"},    // what msgraph-sdk-go makes of P30D
		{"P52W1D", governance.Days(365), "P365D"}, // of P365D
		{"P2W", governance.Days(14), "P14D"},      // of P14D
		{"P1W", governance.Days(7), "P7D"},
		{"PT720H", governance.Duration{Time: 720 * time.Hour}, "PT720H"}, // hours stay hours: thirty days may have 719 or 721 of them
		{"P1Y", governance.Duration{Years: 1}, "P1Y"},
		{"P1Y2M3D", governance.Duration{Years: 1, Months: 2, Days: 3}, "P1Y2M3D"},
		{"P1Y2M3W4DT5H6M7S", governance.Duration{Years: 1, Months: 2, Days: 25, Time: 5*time.Hour + 6*time.Minute + 7*time.Second}, "P1Y2M25DT5H6M7S"},
		{"PT8H", governance.Duration{Time: 8 * time.Hour}, "PT8H"},
		{"PT90M", governance.Duration{Time: 90 * time.Minute}, "PT1H30M"},
		{"PT1.5S", governance.Duration{Time: 1500 * time.Millisecond}, "PT1.5S"},
		{"PT1H0.25S", governance.Duration{Time: time.Hour + 250*time.Millisecond}, "PT1H0.25S"},
		{"PT1.9012271S", governance.Duration{Time: 1_901_227_100}, "PT1.9012271S"}, // a float made 1.9012270999999998 of it, which cannot be read
		{"PT10S", governance.Duration{Time: 10 * time.Second}, "PT10S"},
		{"P1DT12H", governance.Duration{Days: 1, Time: 12 * time.Hour}, "P1DT12H"},
		{"P0D", governance.Duration{}, "PT0S"},
		{"PT0S", governance.Duration{}, "PT0S"},
		{"P3660D", governance.Days(3660), "P3660D"},
		{"PT87840H", governance.Duration{Time: 87840 * time.Hour}, "PT87840H"}, // 3,660 days
	} {
		got, err := governance.ParseDuration(test.text)
		if err != nil || got != test.want {
			t.Errorf("ParseDuration(%q) = %+v, %v; want %+v", test.text, got, err, test.want)
		}
		if got.String() != test.out {
			t.Errorf("ParseDuration(%q) is written as %q, want %q", test.text, got, test.out)
		}
	}
}

// rules: LIM-05
func TestParseDurationRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "P", "PT", "P1", "1D", "30D", "P30", "P30d", "p30D", "-P30D", "P-30D", "P+30D", "P1.5D", "P1.5H", "PT1.5H", "PT.5S", "PT1.S", "PTS", "P1S", "PT1D", "P1H",
		"P1DT", "P1D1W", "P1M1Y", "PT1M1H", "PT1S1S", "PT1HT1M", "P 1D", "P1D ", " P1D", "P1D\n", "P12345678D", "P٣D", "P1D" + strings.Repeat("0", 60), "30.00:00:00",
		"P3661D", "P11Y", "P123M", "PT87864H", "P3650DT264H", "P99999D",
		// Seven digits of hours do not fit an int64 of nanoseconds: they once came back as something short, or negative.
		"PT2562048H", "PT3000000H", "PT5124096H", "PT9999999H", "PT9999999H9999999M9999999S",
		"PT87840H5270400M9000000000.5S", "PT8999999999.9S", "PT316224000.1S",
		// Over before it is known: shorter than what an instant is kept to.
		"PT0.0000001S", "PT0.0009S", "PT0.000999999S", "P0DT0H0.0001S",
	} {
		got, err := governance.ParseDuration(text)
		if governance.CodeOf(err) != governance.CodeInvalid {
			t.Errorf("ParseDuration(%q) = %+v, %v; want it refused", text, got, err)
		}
	}
}

func TestDurationRefusesOtherJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`30`, `true`, `{}`, `[]`, `"a month"`} {
		var d governance.Duration
		if err := json.Unmarshal([]byte(text), &d); governance.CodeOf(err) != governance.CodeInvalid {
			t.Errorf("a duration reads %s: %v", text, err)
		}
	}
	kept := governance.Days(3)
	if err := json.Unmarshal([]byte(`null`), &kept); err != nil || kept != governance.Days(3) {
		t.Errorf("null made %v, %v of three days", kept, err)
	}
}

// rules: LIF-01
func TestDurationAddsCalendarPartsByTheCalendar(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ start, duration, want string }{
		{"2026-11-20T10:00:00Z", "P180D", "2027-05-19T10:00:00Z"},
		{"2028-01-31T00:00:00Z", "P1Y", "2029-01-31T00:00:00Z"},
		{"2028-02-29T00:00:00Z", "P1Y", "2029-02-28T00:00:00Z"}, // and not in March, where time.AddDate leads
		{"2028-02-29T00:00:00Z", "P4Y", "2032-02-29T00:00:00Z"},
		{"2027-01-31T09:15:00Z", "P1M", "2027-02-28T09:15:00Z"},
		{"2028-01-31T09:15:00Z", "P1M", "2028-02-29T09:15:00Z"},
		{"2027-08-31T00:00:00Z", "P1Y6M", "2029-02-28T00:00:00Z"},
		{"2027-10-31T00:00:00Z", "P13M", "2028-11-30T00:00:00Z"},
		{"2027-01-31T00:00:00Z", "P1M1D", "2027-03-01T00:00:00Z"}, // days count from the last of the month
		{"2027-01-31T02:30:00+02:00", "P1M", "2027-02-28T02:30:00+02:00"},
		{"2026-12-31T23:30:00Z", "P1MT1H", "2027-02-01T00:30:00Z"},
		{"2026-11-20T10:00:00Z", "PT8H", "2026-11-20T18:00:00Z"},
		{"2026-11-20T10:00:00Z", "P0D", "2026-11-20T10:00:00Z"},
	} {
		d, err := governance.ParseDuration(test.duration)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.AddTo(instant(t, test.start)); !got.Equal(instant(t, test.want)) {
			t.Errorf("%s after %s is %v, want %s", test.duration, test.start, got, test.want)
		}
	}
}

// FuzzAddMonths: months and years lead to the wanted month, there to the asked day or the month's last, at the same time of day, and who comes first stays first. What is known of the calendar is counted
// here by single days.
//
// rules: LIF-01
func FuzzAddMonths(f *testing.F) {
	f.Add(int64(1801353600), uint8(1), uint8(0), int32(86400)) // 31 January 2027
	f.Add(int64(1835395199), uint8(12), uint8(3), int32(0))    // the last second of 28 February 2028
	f.Add(int64(1835481599), uint8(0), uint8(1), int32(-1))
	f.Fuzz(func(t *testing.T, second int64, months, years uint8, other int32) {
		const century = 100 * 365 * 24 * 60 * 60
		start := time.Unix(second%century, 0).UTC()
		d := governance.Duration{Months: int(months % 120), Years: int(years % 11)}
		end := d.AddTo(start)
		wanted := 12*(start.Year()+d.Years) + int(start.Month()) - 1 + d.Months
		if got := 12*end.Year() + int(end.Month()) - 1; got != wanted {
			t.Fatalf("%s after %v is %v, in another month", d, start, end)
		}
		isLast := end.Add(24*time.Hour).Month() != end.Month()
		if end.Day() != start.Day() && (!isLast || end.Day() > start.Day()) {
			t.Fatalf("%s after %v is %v, neither the asked day nor the last of the month", d, start, end)
		}
		if end.Sub(end.Truncate(24*time.Hour)) != start.Sub(start.Truncate(24*time.Hour)) {
			t.Fatalf("%s after %v is %v, at another time of day", d, start, end)
		}
		later := start.AddDate(0, 0, int(uint32(other)%3660))
		if d.AddTo(later).Before(end) {
			t.Fatalf("%s after %v is %v, and after %v already %v", d, start, end, later, d.AddTo(later))
		}
		longer := governance.Duration{Months: d.Months + 1, Years: d.Years}
		if !longer.AddTo(start).After(end) {
			t.Fatalf("%s after %v is %v, and %s is not later: %v", d, start, end, longer, longer.AddTo(start))
		}
	})
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"P30D", "P4W2D", "P1Y2M3W4DT5H6M7.8S", "PT9999999H", "PT0.000000001S", "PT59.999999999S", "PT87840H5270400M9000000000.5S", "P", "PT", "P1DT", "-P1D", "P1,5D", "PT1.0S"} {
		f.Add(seed)
	}
	start := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := governance.ParseDuration(text)
		if err != nil {
			if governance.CodeOf(err) != governance.CodeInvalid {
				t.Fatalf("%q is refused with %v", text, err)
			}
			return
		}
		again, err := governance.ParseDuration(d.String())
		if err != nil || again != d {
			t.Fatalf("%q is %+v, written as %q, which is %+v, %v", text, d, d.String(), again, err)
		}
		if end := d.AddTo(start); end.Before(start) || end.After(start.AddDate(0, 0, governance.MaxDurationDays+100)) {
			t.Fatalf("%q leads from %v to %v", text, start, end)
		}
	})
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
