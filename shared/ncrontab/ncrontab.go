// Package ncrontab reads the schedules of timer triggers, six fields "second minute hour day month day-of-week", and computes their occurrences in UTC.
// The settings are held against it, and infra/local runs its timers by it, so that both say the same of an expression.
//
// It follows NCrontab, which the Functions host uses: fields are separated by the blank U+0020 alone, of which there may be several; both day fields must match, where Unix cron takes either; a/n runs from a to the end of the
// field; days of the week are 0 (Sunday) to 6. It is stricter in what nobody means: a range must go upwards (NCrontab swaps FRI-MON to
// Monday to Friday), a step must be at least one, a name has at least three letters. It does not know five fields, time spans or time zones.
package ncrontab

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Schedule is a parsed expression. Its zero value has no occurrence.
type Schedule struct {
	second, minute, hour, day, month, weekday uint64 // bit n is set when value n matches
}

type field struct {
	name     string
	min, max int
	names    []string
}

var fields = [6]field{
	{name: "second", max: 59},
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: []string{
		"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
	}},
	{name: "day of week", max: 6, names: []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}},
}

// maxLength bounds an expression; the longest sensible one, every value of every field listed, is shorter.
const maxLength = 1024

// Parse reads an expression.
func Parse(expression string) (Schedule, error) {
	if len(expression) > maxLength {
		return Schedule{}, fmt.Errorf("ncrontab: longer than %d characters", maxLength)
	}
	parts := strings.FieldsFunc(expression, func(c rune) bool { return c == ' ' })
	if len(parts) != len(fields) {
		return Schedule{}, fmt.Errorf("ncrontab: %q has %d fields, want 6: second minute hour day month day-of-week", expression, len(parts))
	}
	var sets [6]uint64
	for i, part := range parts {
		set, err := fields[i].parse(part)
		if err != nil {
			return Schedule{}, fmt.Errorf("ncrontab: %q: %s: %w", expression, fields[i].name, err)
		}
		sets[i] = set
	}
	return Schedule{sets[0], sets[1], sets[2], sets[3], sets[4], sets[5]}, nil
}

func (f field) parse(list string) (uint64, error) {
	var set uint64
	for item := range strings.SplitSeq(list, ",") {
		span, stepText, stepped := strings.Cut(item, "/")
		step := 1
		if stepped {
			n, err := number(stepText)
			if err != nil || n < 1 {
				return 0, fmt.Errorf("%q is no step", stepText)
			}
			step = n
		}
		low, high := f.min, f.max
		if span != "*" {
			first, last, ranged := strings.Cut(span, "-")
			var err error
			if low, err = f.value(first); err != nil {
				return 0, err
			}
			switch {
			case ranged:
				if high, err = f.value(last); err != nil {
					return 0, err
				}
			case !stepped:
				high = low
			}
			if low > high {
				return 0, fmt.Errorf("%q goes downwards", span)
			}
		}
		for n := low; n <= high; n += step {
			set |= 1 << n
		}
	}
	return set, nil
}

func (f field) value(s string) (int, error) {
	if len(s) >= 3 {
		for i, name := range f.names {
			if len(s) <= len(name) && strings.EqualFold(s, name[:len(s)]) {
				return f.min + i, nil
			}
		}
	}
	n, err := number(s)
	if err != nil || n < f.min || n > f.max {
		return 0, fmt.Errorf("%q is not between %d and %d", s, f.min, f.max)
	}
	return n, nil
}

// number reads digits only: strconv alone would take signs.
func number(s string) (int, error) {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, strconv.ErrSyntax
		}
	}
	return strconv.Atoi(s)
}

// horizon bounds the search: leap days that fall on one weekday are at most 40 years apart (around 1900, 2100).
const horizon = 41

// Next is the first occurrence after t, in UTC; ok is false if there is none, as for 30 February.
func (s Schedule) Next(t time.Time) (next time.Time, ok bool) {
	t = t.UTC().Truncate(time.Second).Add(time.Second)
	if at, found := s.inDay(t, s.clockFrom(t.Clock())); found {
		return at, true
	}
	year, month, day := t.Date()
	for limit := year + horizon; ; {
		day++
		if !exists(year, month, day) {
			if year, month, ok = s.nextMonth(year, month, limit); !ok {
				return time.Time{}, false
			}
			day = 1
		}
		midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		if at, found := s.inDay(midnight, s.clockFrom(0, 0, 0)); found {
			return at, true
		}
	}
}

// Ever says whether there is any occurrence.
func (s Schedule) Ever() bool {
	_, ever := s.Next(time.Unix(0, 0))
	return ever
}

// Prev is the last occurrence at or before t, in UTC; ok is false if there is none.
func (s Schedule) Prev(t time.Time) (prev time.Time, ok bool) {
	t = t.UTC().Truncate(time.Second)
	if at, found := s.inDay(t, s.clockUpTo(t.Clock())); found {
		return at, true
	}
	year, month, day := t.Date()
	for limit := year - horizon; ; {
		day--
		if day == 0 {
			if year, month, ok = s.prevMonth(year, month, limit); !ok {
				return time.Time{}, false
			}
			day = daysIn(year, month)
		}
		midnight := time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
		if at, found := s.inDay(midnight, s.clockUpTo(23, 59, 59)); found {
			return at, true
		}
	}
}

// clock is a time of day that matches, or none.
type clock struct {
	hour, minute, second int
	ok                   bool
}

// inDay is the time of day c on the day of t, if that day matches.
func (s Schedule) inDay(t time.Time, c clock) (time.Time, bool) {
	year, month, day := t.Date()
	if !c.ok || s.month>>month&1 == 0 || s.day>>day&1 == 0 || s.weekday>>t.Weekday()&1 == 0 {
		return time.Time{}, false
	}
	return time.Date(year, month, day, c.hour, c.minute, c.second, 0, time.UTC), true
}

// clockFrom is the first time of day that matches, from the given one on.
func (s Schedule) clockFrom(hour, minute, second int) clock {
	firstSecond, firstMinute := atLeast(s.second, 0), atLeast(s.minute, 0)
	if s.hour>>hour&1 != 0 {
		if s.minute>>minute&1 != 0 {
			if at := atLeast(s.second, second); at >= 0 {
				return clock{hour, minute, at, true}
			}
		}
		if at := atLeast(s.minute, minute+1); at >= 0 && firstSecond >= 0 {
			return clock{hour, at, firstSecond, true}
		}
	}
	at := atLeast(s.hour, hour+1)
	return clock{at, firstMinute, firstSecond, at >= 0 && firstMinute >= 0 && firstSecond >= 0}
}

// clockUpTo is the last time of day that matches, up to the given one.
func (s Schedule) clockUpTo(hour, minute, second int) clock {
	lastSecond, lastMinute := atMost(s.second, 59), atMost(s.minute, 59)
	if s.hour>>hour&1 != 0 {
		if s.minute>>minute&1 != 0 {
			if at := atMost(s.second, second); at >= 0 {
				return clock{hour, minute, at, true}
			}
		}
		if at := atMost(s.minute, minute-1); at >= 0 && lastSecond >= 0 {
			return clock{hour, at, lastSecond, true}
		}
	}
	at := atMost(s.hour, hour-1)
	return clock{at, lastMinute, lastSecond, at >= 0 && lastMinute >= 0 && lastSecond >= 0}
}

// atLeast is the smallest value of the set from low on, or -1.
func atLeast(set uint64, low int) int {
	if set = set >> low << low; set == 0 {
		return -1
	}
	return bits.TrailingZeros64(set)
}

// atMost is the largest value of the set up to high, or -1.
func atMost(set uint64, high int) int {
	if high < 0 {
		return -1
	}
	return bits.Len64(set&(1<<(high+1)-1)) - 1
}

func (s Schedule) nextMonth(year int, month time.Month, limit int) (int, time.Month, bool) {
	for {
		if month++; month > time.December {
			year, month = year+1, time.January
		}
		if year > limit {
			return 0, 0, false
		}
		if s.month>>month&1 != 0 {
			return year, month, true
		}
	}
}

func (s Schedule) prevMonth(year int, month time.Month, limit int) (int, time.Month, bool) {
	for {
		if month--; month < time.January {
			year, month = year-1, time.December
		}
		if year < limit {
			return 0, 0, false
		}
		if s.month>>month&1 != 0 {
			return year, month, true
		}
	}
}

func exists(year int, month time.Month, day int) bool { return day <= 28 || day <= daysIn(year, month) }

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
