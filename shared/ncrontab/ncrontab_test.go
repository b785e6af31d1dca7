package ncrontab

import (
	"strings"
	"testing"
	"time"
)

func at(t testing.TB, s string) time.Time {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func parsed(t testing.TB, expression string) Schedule {
	t.Helper()
	s, err := Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNextAndPrev(t *testing.T) {
	// Friday, 20 November 2026.
	for _, c := range []struct{ expression, after, next, prev string }{
		{"* * * * * *", "2026-11-20 10:00:00", "2026-11-20 10:00:01", "2026-11-20 10:00:00"},
		{"0 * * * * *", "2026-11-20 10:00:00", "2026-11-20 10:01:00", "2026-11-20 10:00:00"},
		{"0 * * * * *", "2026-11-20 10:00:30", "2026-11-20 10:01:00", "2026-11-20 10:00:00"},
		{"0 */5 * * * *", "2026-11-20 10:57:00", "2026-11-20 11:00:00", "2026-11-20 10:55:00"},
		{"30 5/20 * * * *", "2026-11-20 10:45:30", "2026-11-20 11:05:30", "2026-11-20 10:45:30"},
		{"0 0 3 * * *", "2026-12-31 03:00:00", "2027-01-01 03:00:00", "2026-12-31 03:00:00"},
		{"0 30 9 * * MON-FRI", "2026-11-20 09:30:00", "2026-11-23 09:30:00", "2026-11-20 09:30:00"},
		{"0 30 9 * * 1-5", "2026-11-22 12:00:00", "2026-11-23 09:30:00", "2026-11-20 09:30:00"},
		{"0 0 0 1 jan,July *", "2026-11-20 10:00:00", "2027-01-01 00:00:00", "2026-07-01 00:00:00"},
		{"0 0 12 13 * FRI", "2026-11-20 10:00:00", "2027-08-13 12:00:00", "2026-11-13 12:00:00"}, // both day fields
		{"0 0 0 31 * *", "2026-11-20 10:00:00", "2026-12-31 00:00:00", "2026-10-31 00:00:00"},
		{"0 0 0 29 2 *", "2026-11-20 10:00:00", "2028-02-29 00:00:00", "2024-02-29 00:00:00"},
		{"0 0 0 29 2 SUN", "2026-11-20 10:00:00", "2032-02-29 00:00:00", "2004-02-29 00:00:00"},
		{"0 0 0 29 FEB MON", "2072-03-01 00:00:00", "2112-02-29 00:00:00", "2072-02-29 00:00:00"}, // over 2100, which is no leap year
		{"59 59 23 31 12 *", "2026-11-20 10:00:00", "2026-12-31 23:59:59", "2025-12-31 23:59:59"},
		{"0,15-17,50/5 0 0 * * *", "2026-11-20 00:00:17", "2026-11-20 00:00:50", "2026-11-20 00:00:17"},
		{"0 0-10/5 8 * * *", "2026-11-20 08:05:00", "2026-11-20 08:10:00", "2026-11-20 08:05:00"},
		{"0 0 8,20 * * *", "2026-11-20 08:00:00", "2026-11-20 20:00:00", "2026-11-20 08:00:00"},
	} {
		s := parsed(t, c.expression)
		next, ok := s.Next(at(t, c.after))
		if !ok || !next.Equal(at(t, c.next)) {
			t.Errorf("%s: next after %s is %v, want %s", c.expression, c.after, next, c.next)
		}
		prev, ok := s.Prev(at(t, c.after))
		if !ok || !prev.Equal(at(t, c.prev)) {
			t.Errorf("%s: last up to %s is %v, want %s", c.expression, c.after, prev, c.prev)
		}
	}
}

func TestFractionsAndZones(t *testing.T) {
	s := parsed(t, "0 0 10 * * *")
	ten := at(t, "2026-11-20 10:00:00")
	if next, _ := s.Next(ten.Add(-time.Nanosecond)); !next.Equal(ten) {
		t.Errorf("just before: %v", next)
	}
	if next, _ := s.Next(ten.Add(time.Nanosecond)); !next.Equal(ten.AddDate(0, 0, 1)) {
		t.Errorf("just after: %v", next)
	}
	if prev, _ := s.Prev(ten.Add(-time.Nanosecond)); !prev.Equal(ten.AddDate(0, 0, -1)) {
		t.Errorf("just before: %v", prev)
	}
	east := time.FixedZone("east", 2*3600)
	if next, _ := s.Next(time.Date(2026, 11, 20, 11, 0, 0, 0, east)); !next.Equal(ten) || next.Location() != time.UTC {
		t.Errorf("from another zone: %v", next)
	}
}

func TestNever(t *testing.T) {
	if s := parsed(t, "  0  */5 * *   * *  "); !s.Ever() {
		t.Error("blanks in a row separate nothing")
	}
	for _, expression := range []string{"0 0 0 30 2 *", "0 0 0 31 APR,JUN,SEP,NOV *"} {
		s := parsed(t, expression)
		if s.Ever() {
			t.Errorf("%s: it comes", expression)
		}
		if next, ok := s.Next(at(t, "2026-11-20 10:00:00")); ok {
			t.Errorf("%s: next %v", expression, next)
		}
		if prev, ok := s.Prev(at(t, "2026-11-20 10:00:00")); ok {
			t.Errorf("%s: prev %v", expression, prev)
		}
	}
	if next, ok := (Schedule{}).Next(time.Time{}); ok {
		t.Errorf("the zero schedule: %v", next)
	}
}

func TestRefuses(t *testing.T) {
	for _, expression := range []string{
		"", "* * * * *", "* * * * * * *", "60 * * * * *", "* 60 * * * *", "* * 24 * * *", "* * * 0 * *", "* * * 32 * *", "* * * * 0 *", "* * * * 13 *",
		"* * * * * 7", "-1 * * * * *", "+1 * * * * *", "*/0 * * * * *", "*/-1 * * * * *", "*/ * * * * *", "1- * * * * *", "-5 * * * * *", "5-1 * * * * *",
		"* * * * * FRI-MON", "1,,2 * * * * *", ", * * * * *", "* * * * J *", "* * * * JANUARYS *", "MON * * * * *", "* * * * * MO", "1.5 * * * * *",
		"99999999999999999999 * * * * *", "*-5 * * * * *", "** * * * * *", "1/2/3 * * * * *", "%Schedule%", "01:00:00",
		"0\t*/5 * * * *", "0 */5 * * * *\n", "\t0 */5 * * * *", "0\u00a0*/5 * * * *", "0\u2003*/5 * * * *", "0 */5 * * *\r*", "0 */5 * * * *\v",
		strings.Repeat("1,", 1000) + "1 * * * * *",
	} {
		if s, err := Parse(expression); err == nil {
			t.Errorf("%q is taken as %+v", expression, s)
		}
	}
}

// slow is the definition: an instant is an occurrence when all six fields match.
func (s Schedule) slow(t time.Time) bool {
	return s.second>>t.Second()&1 == 1 && s.minute>>t.Minute()&1 == 1 && s.hour>>t.Hour()&1 == 1 && s.day>>t.Day()&1 == 1 && s.month>>t.Month()&1 == 1 && s.weekday>>t.Weekday()&1 == 1
}

// FuzzSchedule holds Next and Prev against the definition: what they name is an occurrence, nothing lies between, and they undo each other.
func FuzzSchedule(f *testing.F) {
	for _, expression := range []string{"* * * * * *", "0 */5 * * * *", "0 30 9 * * MON-FRI", "0 0 0 29 2 SUN", "7,19-23/2 1/3 4-9 13 jan-mar,12 5", "0 0 0 30 2 *"} {
		f.Add(expression, int64(1795168800))
	}
	f.Fuzz(func(t *testing.T, expression string, unix int64) {
		s, err := Parse(expression)
		if err != nil {
			return
		}
		from := time.Unix(unix%(1<<33), 0).UTC() // years 1697 to 2242
		next, ok := s.Next(from)
		if !ok {
			return
		}
		if !s.slow(next) || !next.After(from) {
			t.Fatalf("%q: next after %v is %v", expression, from, next)
		}
		for i, between := 0, from.Add(time.Second); i < 2000 && between.Before(next); i, between = i+1, between.Add(time.Second) {
			if s.slow(between) {
				t.Fatalf("%q: next after %v is %v, but %v comes first", expression, from, next, between)
			}
		}
		if prev, ok := s.Prev(next); !ok || !prev.Equal(next) {
			t.Fatalf("%q: %v is an occurrence, but the last up to it is %v", expression, next, prev)
		}
		if prev, ok := s.Prev(next.Add(-time.Second)); ok && (!s.slow(prev) || prev.After(from)) {
			t.Fatalf("%q: between %v and its next %v lies %v", expression, from, next, prev)
		}
	})
}

func BenchmarkNext(b *testing.B) {
	s := parsed(b, "0 30 9 * * MON-FRI")
	from := at(b, "2026-11-20 09:30:00")
	b.ReportAllocs()
	for b.Loop() {
		s.Next(from)
	}
}
