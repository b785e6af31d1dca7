package governance

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is an ISO 8601 duration. Calendar parts are kept apart from hours, because a day is not always 24 of them and a month has no fixed length.
// Weeks are read and written back as days: Microsoft's Go SDK sends P30D as P4W2D, and reads a returned P4W2D as 28 days.
type Duration struct {
	Years, Months, Days int
	Time                time.Duration
}

// MaxDurationDays bounds every duration of a policy or schedule (LIM-05).
const MaxDurationDays = 3660

// Days is a duration of n days.
func Days(n int) Duration { return Duration{Days: n} }

// ParseDuration reads an ISO 8601 duration such as P30D, P4W2D, P1Y or PT8H. Negative and fractional parts are refused, except that seconds may have a fraction.
func ParseDuration(text string) (Duration, error) {
	refuse := func() (Duration, error) {
		return Duration{}, Invalid("duration", "%q is no ISO 8601 duration; write for example P30D or PT8H.", Clip(text))
	}
	rest, found := strings.CutPrefix(text, "P")
	if !found || len(text) > 40 {
		return refuse()
	}
	date, clock, hasClock := strings.Cut(rest, "T")
	var d Duration
	parts := 0
	units := "YMWD"
	for date != "" {
		n, unit, tail, ok := durationPart(date)
		place := strings.IndexByte(units, unit)
		if !ok || place < 0 {
			return refuse()
		}
		switch unit {
		case 'Y':
			d.Years = n
		case 'M':
			d.Months = n
		case 'W':
			d.Days += 7 * n
		case 'D':
			d.Days += n
		}
		units, date = units[place+1:], tail
		parts++
	}
	units = "HMS"
	for clock != "" {
		if seconds, ok := fractionalSeconds(clock); ok && strings.Contains(units, "S") {
			d.Time += seconds
			parts++
			break
		}
		n, unit, tail, ok := durationPart(clock)
		place := strings.IndexByte(units, unit)
		if !ok || place < 0 {
			return refuse()
		}
		if n > int(MaxDurationDays*24*time.Hour/clockUnits[unit]) { // more would overflow, and come back as something short or negative
			return Duration{}, Invalid("duration", "%q is longer than %d days.", Clip(text), MaxDurationDays)
		}
		d.Time += time.Duration(n) * clockUnits[unit]
		units, clock = units[place+1:], tail
		parts++
	}
	if parts == 0 || hasClock && strings.HasSuffix(rest, "T") {
		return refuse()
	}
	if d == (Duration{Time: d.Time % time.Millisecond}) && d.Time > 0 {
		return Duration{}, Invalid("duration", "%q is shorter than a millisecond, the least that is told apart, so it would be over at once; write for example PT8H.", Clip(text))
	}
	if d.approximateDays() > MaxDurationDays {
		return Duration{}, Invalid("duration", "%q is longer than %d days.", Clip(text), MaxDurationDays)
	}
	return d, nil
}

var clockUnits = map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second}

// fractionalSeconds reads "1.5S", the only part that may have a fraction.
func fractionalSeconds(text string) (time.Duration, bool) {
	number, found := strings.CutSuffix(text, "S")
	whole, fraction, hasFraction := strings.Cut(number, ".")
	if !found || !hasFraction || strings.Trim(whole+fraction, "0123456789") != "" || whole == "" || fraction == "" || len(number) > 12 {
		return 0, false
	}
	seconds, err := time.ParseDuration(number + "s")
	return seconds, err == nil && seconds <= MaxDurationDays*24*time.Hour // more could overflow the sum
}

// durationPart splits "30D…" into 30, 'D' and the rest.
func durationPart(text string) (n int, unit byte, rest string, ok bool) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	if i == 0 || i > 7 || i == len(text) {
		return 0, 0, "", false
	}
	n, err := strconv.Atoi(text[:i])
	return n, text[i], text[i+1:], err == nil
}

func (d Duration) approximateDays() int {
	return 365*d.Years + 30*d.Months + d.Days + int(d.Time/(24*time.Hour))
}

// IsZero says that it is no time at all.
func (d Duration) IsZero() bool { return d == Duration{} }

// AddTo is the instant d after t: calendar parts first, in t's own calendar, then hours. Years and months lead to the same day of the wanted month or, where it has no such day, to its last: a month
// after 31 January is still in February.
func (d Duration) AddTo(t time.Time) time.Time {
	year, month, day := t.Date()
	last := time.Date(year+d.Years, month+time.Month(d.Months)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	return t.AddDate(d.Years, d.Months, min(day, last)-day+d.Days).Add(d.Time)
}

// String writes it in ISO 8601, with days rather than weeks.
func (d Duration) String() string {
	if d.IsZero() {
		return "PT0S" // as Graph writes it
	}
	var text strings.Builder
	text.WriteByte('P')
	for _, part := range []struct {
		n    int
		unit byte
	}{{d.Years, 'Y'}, {d.Months, 'M'}, {d.Days, 'D'}} {
		if part.n != 0 {
			fmt.Fprintf(&text, "%d%c", part.n, part.unit)
		}
	}
	if d.Time == 0 {
		return text.String()
	}
	text.WriteByte('T')
	hours, rest := d.Time/time.Hour, d.Time%time.Hour
	if hours != 0 {
		fmt.Fprintf(&text, "%dH", hours)
	}
	if minutes := rest / time.Minute; minutes != 0 {
		fmt.Fprintf(&text, "%dM", minutes)
	}
	if seconds := rest % time.Minute; seconds != 0 {
		number := fmt.Sprintf("%d.%09d", seconds/time.Second, seconds%time.Second) // exact, where a float would not be
		text.WriteString(strings.TrimRight(strings.TrimRight(number, "0"), ".") + "S")
	}
	return text.String()
}

// MarshalJSON writes the ISO 8601 form.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads the ISO 8601 form.
func (d *Duration) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	text, err := unquote(data)
	if err != nil {
		return Invalid("duration", "A duration must be a string in ISO 8601, such as P30D.")
	}
	parsed, err := ParseDuration(text)
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
