package rule

import (
	"strconv"
	"strings"
	"time"
)

// moment is what a date is compared with.
type moment struct {
	null bool
	now  bool      // system.now, and so many seconds after it
	step int64     // seconds; of system.now
	text string    // of the step, such as -plus P1D; of a date, as it was written
	date time.Time // if it is neither
}

// at is the moment that is meant at a time. What is past all years that are told apart is the last of them, or the first.
func (m *moment) at(now time.Time) time.Time {
	switch {
	case !m.now:
		return m.date
	case m.step == 0:
		return now
	}
	moved := time.Unix(now.Unix()+m.step, int64(now.Nanosecond())).UTC()
	switch {
	case moved.Before(firstMoment):
		return firstMoment
	case moved.After(lastMoment):
		return lastMoment
	}
	return moved
}

var (
	firstMoment = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	lastMoment  = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
)

func (m *moment) String() string {
	switch {
	case m.null:
		return null
	case !m.now:
		return m.text
	case m.text == "":
		return "system.now"
	}
	return "(system.now " + m.text + ")"
}

// ParseDate reads a date and time in ISO 8601: the fraction and the seconds may be left out, without an offset it is UTC, and a date alone is 00:00. What is too early or too late for UTC
// is none.
func ParseDate(text string) (time.Time, bool) {
	text = strings.ToUpper(text)
	clock, layout := text, "2006-01-02"
	if len(text) > len(layout) {
		layout += "T15:04:05"
		if clock = text[len("2006-01-02"):]; len(clock) < len("T15:04") || strings.Trim(clock[1:3]+clock[4:6], "0123456789") != "" { // time.Parse takes T8:00
			return time.Time{}, false
		}
		if len(clock) == len("T15:04") || clock[len("T15:04")] != ':' {
			layout = strings.TrimSuffix(layout, ":05")
		}
		if strings.Contains(text, ",") { // time.Parse takes it for a point
			return time.Time{}, false
		}
		if zone := clock[max(0, len(clock)-len("+00:00")):]; strings.HasSuffix(text, "Z") {
			layout += "Z07:00"
		} else if zone[0] == '+' || zone[0] == '-' {
			layout += "-07:00"
			if zone[1:] > "14:00" || zone[4:] > "59" {
				return time.Time{}, false
			}
		}
	}
	is, err := time.Parse(layout, text)
	is = is.UTC()
	return is, err == nil && !is.Before(firstMoment) && !is.After(lastMoment)
}

// parseDuration reads a duration of a fixed length in seconds: PnW, or PnDTnHnMnS with a part at least. What is longer than all years there are is that and more.
func parseDuration(text string) (seconds int64, ok bool) {
	const longest = 10_000 * 366 * 86_400
	rest, ok := strings.CutPrefix(strings.ToUpper(text), "P")
	if !ok {
		return 0, false
	}
	units := []struct {
		name    string
		seconds int64
	}{{"W", 7 * 86_400}, {"D", 86_400}, {"T", 0}, {"H", 3600}, {"M", 60}, {"S", 1}}
	parts, clock := 0, false
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == len(rest) {
			return 0, false
		}
		i := 0
		for i < len(units) && units[i].name[0] != rest[digits] {
			i++
		}
		switch {
		case i == len(units), (units[i].name == "T") != (digits == 0):
			return 0, false // a unit that is none, or stands before another; a number without a unit, or a unit without one
		case digits == 0:
			clock, parts = true, 0
		case units[i].seconds < 86_400 && !clock, units[i].seconds > 86_400 && len(rest) > digits+1:
			return 0, false // minutes without a T, weeks with more
		default:
			n, err := strconv.ParseInt(rest[:digits], 10, 64)
			if err != nil || n > longest/units[i].seconds {
				n = longest / units[i].seconds
			}
			seconds = min(seconds+n*units[i].seconds, longest)
			parts++
		}
		units, rest = units[i+1:], rest[digits+1:]
	}
	return seconds, parts > 0
}
