package governance

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// Dates are the dates of a recurrence that Validate has passed, in order, each as its midnight in UTC: a date is the same in every time zone. They may be none, and without an end they go on
// to the end of the year 9999.
//
// Each period, which is so many days, weeks, months or years after that of startDate, has candidates; those before startDate are dropped, and count for nothing. A month that is too short for
// a day has its last day instead, so that nothing that is due each month is ever left out.
func (r *Recurrence) Dates() iter.Seq[time.Time] {
	begins, _, _ := recurrenceDate(r.Range.StartDate)
	ends, _, _ := recurrenceDate(r.Range.EndDate)
	if !r.Range.endsByDate() {
		ends = time.Date(lastDate, time.December, 31, 0, 0, 0, 0, time.UTC)
	}
	left := -1 // as many as there are
	if r.Range.is("numbered") && r.Range.NumberOfOccurrences > 0 {
		left = int(r.Range.NumberOfOccurrences)
	}
	return func(yield func(time.Time) bool) {
		left := left
		for period := 0; ; period++ {
			for _, date := range r.candidates(begins, period) {
				switch {
				case date.Before(begins):
					continue
				case date.After(ends) || left == 0 || !yield(date):
					return
				}
				left--
			}
			if r.Pattern == nil {
				return
			}
		}
	}
}

// candidates are the dates of a period, in order; there is always one, and those of a later period are later.
func (r *Recurrence) candidates(begins time.Time, period int) []time.Time {
	p := r.Pattern
	if p == nil {
		return []time.Time{begins}
	}
	steps := period * int(*p.Interval)
	switch {
	case p.is("daily"):
		return []time.Time{begins.AddDate(0, 0, steps)}
	case p.is("weekly"):
		first := begins.AddDate(0, 0, 7*steps-(int(begins.Weekday())-weekday(p.FirstDayOfWeek)+7)%7)
		return on(p.weekdays(begins), first, 7)
	case p.is("absoluteMonthly", "relativeMonthly"):
		return p.inMonth(begins, time.Date(begins.Year(), begins.Month()+time.Month(steps), 1, 0, 0, 0, 0, time.UTC))
	}
	return p.inMonth(begins, time.Date(begins.Year()+steps, time.Month(p.Month), 1, 0, 0, 0, 0, time.UTC))
}

// inMonth is the one date of the month that begins at first.
func (p *RecurrencePattern) inMonth(begins, first time.Time) []time.Time {
	length := first.AddDate(0, 1, -1).Day()
	if p.is("absoluteMonthly", "absoluteYearly") {
		day := int(*p.DayOfMonth)
		if day == 0 {
			day = begins.Day()
		}
		return []time.Time{first.AddDate(0, 0, min(day, length)-1)}
	}
	all := on(p.weekdays(begins), first, length)
	at := max(0, slices.IndexFunc(weekIndexes, func(index string) bool { return strings.EqualFold(index, p.Index) }))
	if weekIndexes[at] == "last" {
		at = len(all) - 1
	}
	return all[at : at+1]
}

// weekdays says which days of the week are meant, by their number; of a weekly pattern that names none, that of startDate.
func (p *RecurrencePattern) weekdays(begins time.Time) (meant [7]bool) {
	for _, day := range p.DaysOfWeek {
		meant[weekday(day)] = true
	}
	if len(p.DaysOfWeek) == 0 {
		meant[begins.Weekday()] = true
	}
	return meant
}

// weekday is the number of a day of the week; without one, sunday's.
func weekday(name string) int {
	return max(0, slices.IndexFunc(weekdays, func(day string) bool { return strings.EqualFold(day, name) }))
}

// on are those of so many days from the first on that are on some days of the week.
func on(days [7]bool, first time.Time, length int) []time.Time {
	var all []time.Time
	for i := range length {
		if date := first.AddDate(0, 0, i); days[date.Weekday()] {
			all = append(all, date)
		}
	}
	return all
}
