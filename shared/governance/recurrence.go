package governance

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Recurrence is Graph's patternedRecurrence, of what recurs on days. What is stored is the text that the client wrote; ReadRecurrence makes one of it. What answers write for "not set" is that
// here, too: 0, an empty list, null.
type Recurrence struct {
	Pattern *RecurrencePattern `json:"pattern"`
	Range   *RecurrenceRange   `json:"range"`
}

// RecurrencePattern is Graph's recurrencePattern: on which days. Names of enumerations are in any letter case.
type RecurrencePattern struct {
	Type           string   `json:"type"`
	Interval       *Int     `json:"interval"`
	DayOfMonth     Int      `json:"dayOfMonth"`
	Month          Int      `json:"month"`
	DaysOfWeek     []string `json:"daysOfWeek"`
	FirstDayOfWeek string   `json:"firstDayOfWeek"`
	Index          string   `json:"index"`
}

// RecurrenceRange is Graph's recurrenceRange: from when, and how often. Its dates may have a time behind them, which counts for nothing.
type RecurrenceRange struct {
	Type                string `json:"type"`
	StartDate           string `json:"startDate"`
	EndDate             string `json:"endDate"`
	NumberOfOccurrences Int    `json:"numberOfOccurrences"`
	TimeZone            string `json:"recurrenceTimeZone"`
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

// ReadRecurrence reads a recurrence that is kept for reviews, nil if there is none: each member that is set lies in its set or its range, whether its type uses it or not, and what its type cannot
// do without is there. Errors: CodeInvalid naming the member below target.
func ReadRecurrence(target string, raw json.RawMessage) (*Recurrence, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if data, err := json.Marshal(raw); err != nil || len(data) > maxRecurrence {
		return nil, Invalid(target, "A recurrence has at most %d bytes.", maxRecurrence)
	}
	var r Recurrence
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, wrongShape(err, target, `an object such as {"pattern":{"type":"absoluteMonthly","interval":3},"range":{"type":"noEnd","startDate":"2030-01-31"}}`)
	}
	return &r, r.validate(target)
}

func (r *Recurrence) validate(target string) error {
	if p := r.Pattern; p != nil {
		at := target + "/pattern"
		switch {
		case !oneOf(p.Type, patternTypes):
			return Invalid(at+"/type", "type must be one of %s.", join(patternTypes))
		case p.Interval == nil || *p.Interval < 1:
			return Invalid(at+"/interval", "interval must be 1 or more: a review each so many days, weeks, months or years.")
		case p.DayOfMonth < 0 || p.DayOfMonth > 31:
			return Invalid(at+"/dayOfMonth", "dayOfMonth is 1 to 31, or 0 for none.")
		case p.Month < 0 || p.Month > 12:
			return Invalid(at+"/month", "month is 1 to 12, or 0 for none.")
		case p.FirstDayOfWeek != "" && !oneOf(p.FirstDayOfWeek, weekdays):
			return Invalid(at+"/firstDayOfWeek", "firstDayOfWeek must be one of %s.", join(weekdays))
		case p.Index != "" && !oneOf(p.Index, weekIndexes):
			return Invalid(at+"/index", "index must be one of %s.", join(weekIndexes))
		case slices.ContainsFunc(p.DaysOfWeek, func(day string) bool { return !oneOf(day, weekdays) }):
			return Invalid(at+"/daysOfWeek", "daysOfWeek is a list of %s.", join(weekdays))
		case strings.HasPrefix(strings.ToLower(p.Type), "relative") && len(p.DaysOfWeek) == 0:
			return Invalid(at+"/daysOfWeek", "A pattern of type %s needs daysOfWeek.", p.Type)
		case strings.HasSuffix(strings.ToLower(p.Type), "yearly") && p.Month == 0:
			return Invalid(at+"/month", "A pattern of type %s needs month, 1 to 12.", p.Type)
		}
	}
	if r.Range == nil {
		return nil
	}
	return r.validateRange(target + "/range")
}

func (r *Recurrence) validateRange(at string) error {
	begins, begun, ok := recurrenceDate(r.Range.StartDate)
	if !ok || begun && yearOutOfBounds(begins) != "" {
		return Invalid(at+"/startDate", "startDate must be a date such as 2030-01-31 in the years %d to %d.", firstYear, lastYear)
	}
	ends, ended, ok := recurrenceDate(r.Range.EndDate) // answers of Graph hold 9999-12-31
	endsByDate := strings.EqualFold(r.Range.Type, "endDate")
	switch {
	case !ok || ended && ends.Year() < firstYear:
		return Invalid(at+"/endDate", "endDate must be a date such as 2030-01-31 in the years %d to 9999.", firstYear)
	case !oneOf(r.Range.Type, rangeTypes):
		return Invalid(at+"/type", "type must be one of %s.", join(rangeTypes))
	case endsByDate && !ended:
		return Invalid(at+"/endDate", "A range of type endDate needs endDate, such as 2030-01-31.")
	case endsByDate && ends.Before(begins):
		return Invalid(at+"/endDate", "endDate is before startDate, so nothing would ever be reviewed.")
	case r.Range.NumberOfOccurrences < 0, strings.EqualFold(r.Range.Type, "numbered") && r.Range.NumberOfOccurrences == 0 && !ended:
		return Invalid(at+"/numberOfOccurrences", "numberOfOccurrences must be 1 or more for a range of type numbered, and is never negative.")
	case len(r.Range.TimeZone) > maxZone, r.Range.TimeZone != "" && !zoneForm.MatchString(r.Range.TimeZone):
		return Invalid(at+"/recurrenceTimeZone", "recurrenceTimeZone is UTC or an IANA name such as Europe/Oslo, of at most %d bytes.", maxZone)
	}
	return nil
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
