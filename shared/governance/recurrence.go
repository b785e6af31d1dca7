package governance

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Recurrence is Graph's patternedRecurrence: on which dates something happens again. What answers write for "not set" is that here, too: 0, an empty list, null.
type Recurrence struct {
	Pattern *RecurrencePattern `json:"pattern"` // nil: it happens once
	Range   *RecurrenceRange   `json:"range"`
}

// RecurrencePattern is Graph's recurrencePattern: what dates there are.
type RecurrencePattern struct {
	Type           string   `json:"type"`
	Interval       *Int     `json:"interval"` // days, weeks, months or years
	DayOfMonth     *Int     `json:"dayOfMonth"`
	Month          Int      `json:"month"`
	DaysOfWeek     []string `json:"daysOfWeek"`
	FirstDayOfWeek string   `json:"firstDayOfWeek"` // empty: sunday
	Index          string   `json:"index"`          // empty: first
}

// RecurrenceRange is Graph's recurrenceRange: from which date on, and until when.
type RecurrenceRange struct {
	Type                string `json:"type"`
	StartDate           string `json:"startDate"`
	EndDate             string `json:"endDate"`
	NumberOfOccurrences Int    `json:"numberOfOccurrences"`
	TimeZone            string `json:"recurrenceTimeZone"` // that of both dates: UTC or an IANA name; empty: UTC
}

var (
	patternTypes = []string{"daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly", "relativeYearly"}
	rangeTypes   = []string{"noEnd", "endDate", "numbered"}
	weekdays     = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
	weekIndexes  = []string{"first", "second", "third", "fourth", "last"}
)

// zoneForm is that of an IANA name: those of Windows have blanks.
var zoneForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

const (
	maxRecurrence = 2048 // bytes, as it is stored
	maxZone       = 64   // bytes
)

// validateRecurrence checks a recurrence that is kept for reviews, as the client wrote it: each member that is set lies in its set or its range, whether its type uses it or not, and what its
// type cannot do without is there. Errors: CodeInvalid naming the member below target.
func validateRecurrence(target string, raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if data, err := json.Marshal(raw); err != nil || len(data) > maxRecurrence {
		return Invalid(target, "A recurrence has at most %d bytes.", maxRecurrence)
	}
	var r Recurrence
	if err := json.Unmarshal(raw, &r); err != nil {
		return wrongShape(err, target, `an object such as {"pattern":{"type":"absoluteMonthly","interval":3},"range":{"type":"noEnd","startDate":"2030-01-31"}}`)
	}
	return r.check(target, firstYear, lastYear)
}

// lastDate is the year that dates end with.
const lastDate = 9999

// Validate checks that a recurrence says all that its dates depend on, but for whether there is such a time zone: pure code knows none. Errors: CodeInvalid naming the member below target.
func (r *Recurrence) Validate(target string) error {
	switch {
	case r == nil:
		return Invalid(target, `%s is missing; send for example {"pattern":{"type":"absoluteMonthly","interval":3,"dayOfMonth":1},"range":{"type":"noEnd","startDate":"2030-01-31"}}.`, target)
	case r.Range == nil:
		return Invalid(target+"/range", `range is missing; send for example {"type":"noEnd","startDate":"2030-01-31"}.`)
	}
	if err := r.check(target, 1, lastDate); err != nil {
		return err
	}
	if r.Range.StartDate == "" {
		return Invalid(target+"/range/startDate", "startDate is missing; it is a date such as 2030-01-31.")
	}
	if p := r.Pattern; p != nil && p.is("absoluteMonthly", "absoluteYearly") && p.DayOfMonth == nil {
		return Invalid(target+"/pattern/dayOfMonth", "A pattern of type %s needs dayOfMonth, 1 to 31, or 0 for the day of startDate.", p.Type)
	}
	return nil
}

// is says whether the pattern is of one of some types.
func (p *RecurrencePattern) is(types ...string) bool { return oneOf(p.Type, types) }

// check looks at each member alone. The years from the first to the last are those that dates may lie in.
func (r *Recurrence) check(target string, first, last int) error {
	if p := r.Pattern; p != nil {
		at := target + "/pattern"
		switch {
		case !oneOf(p.Type, patternTypes):
			return Invalid(at+"/type", "type must be one of %s.", join(patternTypes))
		case p.Interval == nil || *p.Interval < 1:
			return Invalid(at+"/interval", "interval must be 1 or more: a review each so many days, weeks, months or years.")
		case p.DayOfMonth != nil && (*p.DayOfMonth < 0 || *p.DayOfMonth > 31):
			return Invalid(at+"/dayOfMonth", "dayOfMonth is 1 to 31, or 0 for none.")
		case p.Month < 0 || p.Month > 12:
			return Invalid(at+"/month", "month is 1 to 12, or 0 for none.")
		case p.FirstDayOfWeek != "" && !oneOf(p.FirstDayOfWeek, weekdays):
			return Invalid(at+"/firstDayOfWeek", "firstDayOfWeek must be one of %s.", join(weekdays))
		case p.Index != "" && !oneOf(p.Index, weekIndexes):
			return Invalid(at+"/index", "index must be one of %s.", join(weekIndexes))
		case slices.ContainsFunc(p.DaysOfWeek, func(day string) bool { return !oneOf(day, weekdays) }):
			return Invalid(at+"/daysOfWeek", "daysOfWeek is a list of %s.", join(weekdays))
		case p.is("absoluteYearly", "relativeYearly") && p.Month == 0:
			return Invalid(at+"/month", "A pattern of type %s needs month, 1 to 12.", p.Type)
		case p.is("absoluteYearly") && p.DayOfMonth != nil && int(*p.DayOfMonth) > longest(p.Month):
			return Invalid(at+"/dayOfMonth", "There is no day %d in month %d; it has %d.", *p.DayOfMonth, p.Month, longest(p.Month))
		case twice(p.DaysOfWeek):
			return Invalid(at+"/daysOfWeek", "daysOfWeek names a day twice.")
		case p.is("relativeMonthly", "relativeYearly") && len(p.DaysOfWeek) == 0:
			return Invalid(at+"/daysOfWeek", "A pattern of type %s needs daysOfWeek, one or more of %s.", p.Type, join(weekdays))
		}
	}
	if r.Range == nil {
		return nil
	}
	return r.Range.check(target+"/range", first, last)
}

// longest is how many days a month has, in the years in which it has most.
func longest(month Int) int {
	return time.Date(2000, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// twice says whether a word is in a list twice, in whatever letter case.
func twice(words []string) bool {
	for i, word := range words {
		if oneOf(word, words[:i]) {
			return true
		}
	}
	return false
}

func (r *RecurrenceRange) check(at string, first, last int) error {
	begins, begun, ok := recurrenceDate(r.StartDate)
	if !ok || begun && (begins.Year() < first || begins.Year() > last) {
		return Invalid(at+"/startDate", "startDate must be a date such as 2030-01-31 in the years %d to %d.", first, last)
	}
	ends, ended, ok := recurrenceDate(r.EndDate) // answers of Graph hold 9999-12-31
	switch {
	case !ok || ended && ends.Year() < first:
		return Invalid(at+"/endDate", "endDate must be a date such as 2030-01-31 in the years %d to %d.", first, lastDate)
	case !oneOf(r.Type, rangeTypes):
		return Invalid(at+"/type", "type must be one of %s.", join(rangeTypes))
	case r.is("endDate") && !ended:
		return Invalid(at+"/endDate", "A range of type endDate needs endDate, such as 2030-01-31.")
	case r.NumberOfOccurrences < 0, r.is("numbered") && r.NumberOfOccurrences == 0 && !ended:
		return Invalid(at+"/numberOfOccurrences", "numberOfOccurrences must be 1 or more for a range of type numbered, and is never negative.")
	case r.endsByDate() && ends.Before(begins):
		return Invalid(at+"/endDate", "endDate is before startDate, so nothing would ever be reviewed.")
	case len(r.TimeZone) > maxZone, r.TimeZone != "" && !zoneForm.MatchString(r.TimeZone):
		return Invalid(at+"/recurrenceTimeZone", "recurrenceTimeZone is UTC or an IANA name such as Europe/Oslo, of at most %d bytes.", maxZone)
	}
	return nil
}

func (r *RecurrenceRange) is(kind string) bool { return strings.EqualFold(r.Type, kind) }

// endsByDate says whether endDate counts: also where a number was to be given, and was not.
func (r *RecurrenceRange) endsByDate() bool {
	return r.is("endDate") || r.is("numbered") && r.NumberOfOccurrences == 0
}

// recurrenceDate reads a date of a recurrence, if there is one; the time that some clients write behind it is dropped.
func recurrenceDate(text string) (date time.Time, given, ok bool) {
	if text == "" {
		return time.Time{}, false, true
	}
	rest, ok := cutForm(text, dateForm)
	if ok && rest != "" {
		if _, wrong := parseInstant(text); wrong != "" {
			_, wrong = parseInstant(text + "Z")
			ok = wrong == ""
		}
	}
	date, err := time.Parse(time.DateOnly, text[:len(text)-len(rest)])
	return date, true, ok && err == nil
}

func oneOf(text string, values []string) bool {
	return slices.ContainsFunc(values, func(value string) bool { return strings.EqualFold(text, value) })
}
