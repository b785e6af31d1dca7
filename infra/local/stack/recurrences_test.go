package stack_test

import (
	"net/http"
	"slices"
	"testing"
)

// rules: REV-02
func TestRecurrences(t *testing.T) {
	ida := administrator(t)
	before := documents(t)
	const path = "/operations/recurrences/expand"
	monthly := func(pattern object, rest object) object {
		for name, value := range map[string]any{"type": "absoluteMonthly", "interval": 1} {
			if _, given := pattern[name]; !given {
				pattern[name] = value
			}
		}
		return object{"recurrence": object{"pattern": pattern, "range": rest}, "count": 3}
	}
	from := func() object { return object{"type": "noEnd", "startDate": "2027-01-31"} }
	for _, body := range []object{
		monthly(object{"dayOfMonth": 31}, from()), monthly(object{"dayOfMonth": 0, "month": 0, "daysOfWeek": list{}, "firstDayOfWeek": "sunday", "index": "first"},
			object{"type": "NoEnd", "startDate": "2027-01-31T00:00:00.0000000+00:00", "endDate": nil, "numberOfOccurrences": 0, "recurrenceTimeZone": nil}),
	} {
		dates := at[list](t, ida.call("POST", path, body).want(http.StatusOK).object(), "dates")
		if !slices.Equal(dates, list{"2027-01-31", "2027-02-28", "2027-03-31"}) {
			t.Errorf("%v: %v", body, dates)
		}
	}
	ended := monthly(object{"type": "weekly", "daysOfWeek": list{"monday"}}, object{"type": "endDate", "startDate": "2026-12-01", "endDate": "2026-12-02"})
	if dates := at[list](t, ida.call("POST", path, ended).want(http.StatusOK).object(), "dates"); len(dates) != 0 {
		t.Errorf("no Monday is among %v", dates)
	}
	unbounded := monthly(object{"dayOfMonth": 31}, from())
	unbounded["count"] = 10_001
	for target, body := range map[string]object{
		"recurrence": {"count": 3}, "count": unbounded, "recurrence/range": {"recurrence": object{"pattern": object{"type": "daily", "interval": 1}}, "count": 1},
		"recurrence/pattern/dayOfMonth": monthly(object{"dayOfMonth": nil}, from()), "recurrence/pattern/type": monthly(object{"type": "hourly"}, from()),
		"recurrence/pattern/interval": monthly(object{"dayOfMonth": 1, "interval": 1.5}, from()), "recurrence/pattern/index": monthly(object{"dayOfMonth": 1, "index": "fifth"}, from()),
		"recurrence/pattern/daysOfWeek/0": monthly(object{"dayOfMonth": 1, "daysOfWeek": list{"mon"}}, from()), "recurrence/range/recurrenceTimeZone": monthly(object{"dayOfMonth": 1}, object{"type": "noEnd", "startDate": "2027-01-31", "recurrenceTimeZone": "Mars/Olympus"}),
		"recurrence/pattern/horse": monthly(object{"horse": 1}, from()),
	} {
		ida.call("POST", path, body).refused(http.StatusBadRequest, target)
	}
	unchanged(t, before)
}
