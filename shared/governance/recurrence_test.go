package governance_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
)

// datesOf are the first dates of a recurrence, at most so many; it must be one.
func datesOf(t *testing.T, text string, most int) []string {
	t.Helper()
	r := decode[governance.Recurrence](t, text)
	if err := r.Validate("recurrence"); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	dates := []string{}
	for date := range r.Dates() {
		if len(dates) == most {
			break
		}
		dates = append(dates, date.Format(time.DateOnly))
	}
	return dates
}

// rules: REV-02
func TestRecurrenceDates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ pattern, rest, dates string }{
		// Weeks begin on Sunday, or where they are said to.
		{`"weekly","interval":2,"daysOfWeek":["monday","thursday"],"firstDayOfWeek":"sunday"`, `"noEnd","startDate":"2026-12-03"`, "2026-12-03 2026-12-14 2026-12-17 2026-12-28 2026-12-31"},
		{`"weekly","interval":2,"daysOfWeek":["Thursday","MONDAY"],"firstDayOfWeek":null`, `"noEnd","startDate":"2026-12-03"`, "2026-12-03 2026-12-14 2026-12-17 2026-12-28 2026-12-31"},
		{`"weekly","interval":2,"daysOfWeek":["monday","thursday"],"firstDayOfWeek":"tuesday"`, `"noEnd","startDate":"2026-12-03"`, "2026-12-03 2026-12-07 2026-12-17 2026-12-21 2026-12-31"},
		{`"weekly","interval":1`, `"noEnd","startDate":"2026-12-03"`, "2026-12-03 2026-12-10 2026-12-17 2026-12-24 2026-12-31"},
		{`"weekly","interval":1,"daysOfWeek":["sunday"]`, `"noEnd","startDate":"0001-01-01"`, "0001-01-07 0001-01-14 0001-01-21 0001-01-28 0001-02-04"},
		{`"Daily","interval":10`, `"noEnd","startDate":"2026-02-25"`, "2026-02-25 2026-03-07 2026-03-17 2026-03-27 2026-04-06"},
		// Short months and leap days: from the day itself, each time.
		{`"absoluteMonthly","interval":4,"dayOfMonth":31`, `"noEnd","startDate":"2026-10-31"`, "2026-10-31 2027-02-28 2027-06-30 2027-10-31 2028-02-29"},
		{`"absoluteMonthly","interval":1,"dayOfMonth":30`, `"noEnd","startDate":"2027-01-31"`, "2027-02-28 2027-03-30 2027-04-30 2027-05-30 2027-06-30"},
		{`"absoluteMonthly","interval":1,"dayOfMonth":0`, `"noEnd","startDate":"2027-01-31"`, "2027-01-31 2027-02-28 2027-03-31 2027-04-30 2027-05-31"},
		{`"absoluteMonthly","interval":3,"dayOfMonth":5`, `"noEnd","startDate":"2027-01-06"`, "2027-04-05 2027-07-05 2027-10-05 2028-01-05 2028-04-05"},
		{`"absoluteYearly","interval":1,"dayOfMonth":29,"month":2`, `"noEnd","startDate":"2027-03-01"`, "2028-02-29 2029-02-28 2030-02-28 2031-02-28 2032-02-29"},
		{`"absoluteYearly","interval":1,"dayOfMonth":29,"month":2`, `"noEnd","startDate":"2027-02-28"`, "2027-02-28 2028-02-29 2029-02-28 2030-02-28 2031-02-28"},
		{`"absoluteYearly","interval":1,"dayOfMonth":29,"month":2`, `"noEnd","startDate":"2099-01-01"`, "2099-02-28 2100-02-28 2101-02-28 2102-02-28 2103-02-28"},
		{`"absoluteYearly","interval":2,"month":5,"dayOfMonth":3`, `"noEnd","startDate":"2026-06-01"`, "2028-05-03 2030-05-03 2032-05-03 2034-05-03 2036-05-03"},
		// Weekdays of a month: one of them all.
		{`"relativeMonthly","interval":2,"daysOfWeek":["tuesday","wednesday"],"index":"third"`, `"noEnd","startDate":"2027-01-13"`, "2027-03-09 2027-05-11 2027-07-13 2027-09-08 2027-11-09"},
		{`"relativeMonthly","interval":1,"daysOfWeek":["monday"],"index":"fourth"`, `"noEnd","startDate":"2027-03-01"`, "2027-03-22 2027-04-26 2027-05-24 2027-06-28 2027-07-26"},
		{`"relativeMonthly","interval":1,"daysOfWeek":["monday"],"index":"LAST"`, `"noEnd","startDate":"2027-03-01"`, "2027-03-29 2027-04-26 2027-05-31 2027-06-28 2027-07-26"},
		{`"relativeMonthly","interval":1,"daysOfWeek":["sunday","monday","tuesday","wednesday","thursday","friday","saturday"]`, `"noEnd","startDate":"2027-03-02"`, "2027-04-01 2027-05-01 2027-06-01 2027-07-01 2027-08-01"},
		{`"relativeYearly","interval":3,"daysOfWeek":["friday"],"index":"last","month":11`, `"noEnd","startDate":"2026-12-01"`, "2029-11-30 2032-11-26 2035-11-30 2038-11-26 2041-11-29"},
		// Ends.
		{`"daily","interval":1`, `"endDate","startDate":"2026-12-30","endDate":"2027-01-01"`, "2026-12-30 2026-12-31 2027-01-01"},
		{`"daily","interval":2`, `"endDate","startDate":"2026-12-30","endDate":"2026-12-30","numberOfOccurrences":9`, "2026-12-30"},
		{`"weekly","interval":1,"daysOfWeek":["monday"]`, `"endDate","startDate":"2026-12-01","endDate":"2026-12-06"`, ""},
		{`"weekly","interval":1,"daysOfWeek":["monday","tuesday"]`, `"numbered","startDate":"2026-12-01","numberOfOccurrences":3`, "2026-12-01 2026-12-07 2026-12-08"},
		{`"absoluteMonthly","interval":1,"dayOfMonth":1`, `"numbered","startDate":"2026-12-02","numberOfOccurrences":2`, "2027-01-01 2027-02-01"},
		{`"daily","interval":1`, `"numbered","startDate":"2026-12-30","numberOfOccurrences":3,"endDate":"2026-12-30"`, "2026-12-30 2026-12-31 2027-01-01"},
		{`"daily","interval":1`, `"numbered","startDate":"2026-12-30","numberOfOccurrences":0,"endDate":"2026-12-31"`, "2026-12-30 2026-12-31"},
		{`"daily","interval":1`, `"noEnd","startDate":"9999-12-30","endDate":"0001-01-01"`, "9999-12-30 9999-12-31"},
		{`"absoluteYearly","interval":2147483647,"month":12,"dayOfMonth":31`, `"noEnd","startDate":"2026-12-31"`, "2026-12-31"},
		{`"daily","interval":2147483647`, `"noEnd","startDate":"2026-12-31"`, "2026-12-31"},
		{`"absoluteMonthly","interval":2147483647,"dayOfMonth":1`, `"noEnd","startDate":"2026-12-31"`, ""},
		// Dates are dates: a time behind one is dropped, as it is written, and no zone moves them, whatever its clocks do.
		{`"daily","interval":1`, `"numbered","startDate":"2027-03-27T23:30:00.0000000-05:00","numberOfOccurrences":3,"recurrenceTimeZone":"Europe/Oslo"`, "2027-03-27 2027-03-28 2027-03-29"},
		{`"weekly","interval":1`, `"numbered","startDate":"2027-10-24","numberOfOccurrences":3,"recurrenceTimeZone":"America/New_York"`, "2027-10-24 2027-10-31 2027-11-07"},
	} {
		text := `{"pattern":{"type":` + test.pattern + `},"range":{"type":` + test.rest + `}}`
		if got := strings.Join(datesOf(t, text, 5), " "); got != test.dates {
			t.Errorf("%s: %s, want %s", text, got, test.dates)
		}
	}
	if got := datesOf(t, `{"range":{"type":"noEnd","startDate":"2027-01-31"}}`, 5); !slices.Equal(got, []string{"2027-01-31"}) {
		t.Errorf("without a pattern: %v", got)
	}
}

// What has no dates, or more than one way to have them, is refused by name.
func TestRecurrencesWithoutDates(t *testing.T) {
	t.Parallel()
	const from = `"range":{"type":"noEnd","startDate":"2030-01-31"}`
	for text, target := range map[string]string{
		`{}`: "range", `{"pattern":{"type":"daily","interval":1}}`: "range", `{"pattern":{"type":"daily","interval":1},"range":null}`: "range",
		`{"pattern":{"type":"daily","interval":1},"range":{"type":"noEnd"}}`:                                                    "range/startDate",
		`{"pattern":{"type":"daily","interval":1},"range":{"type":"noEnd","startDate":"0000-01-01"}}`:                           "range/startDate",
		`{"pattern":{"type":"daily","interval":1},"range":{"type":"noEnd","startDate":"10000-01-01"}}`:                          "range/startDate",
		`{"pattern":{"type":"daily","interval":1},"range":{"startDate":"2030-01-31"}}`:                                          "range/type",
		`{"pattern":{"type":"daily","interval":1},"range":{"type":"endDate","startDate":"2030-01-31"}}`:                         "range/endDate",
		`{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","startDate":"2030-01-31"}}`:                        "range/numberOfOccurrences",
		`{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","startDate":"2030-01-31","endDate":"2030-01-30"}}`: "range/endDate",
		`{"pattern":{"type":"daily"},` + from + `}`:                                                                             "pattern/interval",
		`{"pattern":{"type":"daily","interval":0},` + from + `}`:                                                                "pattern/interval",
		`{"pattern":{"interval":1},` + from + `}`:                                                                               "pattern/type",
		`{"pattern":{"type":"absoluteMonthly","interval":1},` + from + `}`:                                                      "pattern/dayOfMonth",
		`{"pattern":{"type":"absoluteMonthly","interval":1,"dayOfMonth":null},` + from + `}`:                                    "pattern/dayOfMonth",
		`{"pattern":{"type":"absoluteYearly","interval":1,"month":2},` + from + `}`:                                             "pattern/dayOfMonth",
		`{"pattern":{"type":"absoluteYearly","interval":1,"dayOfMonth":2},` + from + `}`:                                        "pattern/month",
		`{"pattern":{"type":"relativeYearly","interval":1,"daysOfWeek":["monday"],"month":0},` + from + `}`:                     "pattern/month",
		`{"pattern":{"type":"relativeMonthly","interval":1},` + from + `}`:                                                      "pattern/daysOfWeek",
		`{"pattern":{"type":"relativeYearly","interval":1,"month":1,"daysOfWeek":[]},` + from + `}`:                             "pattern/daysOfWeek",
		`{"pattern":{"type":"daily","interval":1,"index":"fifth"},` + from + `}`:                                                "pattern/index",
		`{"pattern":{"type":"absoluteYearly","interval":1,"dayOfMonth":30,"month":2},` + from + `}`:                             "pattern/dayOfMonth",
		`{"pattern":{"type":"absoluteYearly","interval":1,"dayOfMonth":31,"month":11},` + from + `}`:                            "pattern/dayOfMonth",
		`{"pattern":{"type":"weekly","interval":1,"daysOfWeek":["monday","Monday"]},` + from + `}`:                              "pattern/daysOfWeek",
		`{"pattern":{"type":"daily","interval":1,"dayOfMonth":32},` + from + `}`:                                                "pattern/dayOfMonth",
	} {
		r := decode[governance.Recurrence](t, text)
		refuses(t, r.Validate("recurrence"), "recurrence/"+target, target[strings.Index(target, "/")+1:])
	}
	refuses(t, (*governance.Recurrence)(nil).Validate("recurrence"), "recurrence", "missing")
}

// Random recurrences have the dates that a second reading finds, which looks at each day whether the pattern is about it.
func TestRandomRecurrences(t *testing.T) {
	t.Parallel()
	for seed := range 300 {
		r := rand.New(rand.NewPCG(uint64(seed), 13))
		days := slices.DeleteFunc([]string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}, func(string) bool { return r.IntN(3) > 0 })
		kind := []string{"daily", "weekly", "absoluteMonthly", "relativeMonthly", "absoluteYearly", "relativeYearly"}[r.IntN(6)]
		if len(days) == 0 && strings.HasPrefix(kind, "relative") {
			days = []string{"friday"}
		}
		names, _ := json.Marshal(days)
		begins := time.Date(2024+r.IntN(6), 1, 1+r.IntN(366), 0, 0, 0, 0, time.UTC)
		interval, day, month, first, index := 1+r.IntN(4), r.IntN(32), 1+r.IntN(12), r.IntN(7), r.IntN(5)
		if kind == "absoluteYearly" { // a day that the month never has is refused
			day = min(day, time.Date(2024, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day())
		}
		text := fmt.Sprintf(`{"pattern":{"type":%q,"interval":%d,"dayOfMonth":%d,"month":%d,"daysOfWeek":%s,"firstDayOfWeek":%q,"index":%q},"range":{"type":"endDate","startDate":%q,"endDate":%q}}`,
			kind, interval, day, month, names, strings.ToLower(time.Weekday(first).String()), []string{"first", "second", "third", "fourth", "last"}[index],
			begins.Format(time.DateOnly), begins.AddDate(9, 0, 0).Format(time.DateOnly))
		named := func(date time.Time) bool {
			return slices.Contains(days, strings.ToLower(date.Weekday().String())) || len(days) == 0 && date.Weekday() == begins.Weekday()
		}
		if day == 0 {
			day = begins.Day()
		}
		week := func(date time.Time) int { return int(date.Unix()/86_400+4+7-int64(first)) / 7 } // 1970-01-01 was a Thursday
		inMonth := func(date time.Time) bool {
			length := time.Date(date.Year(), date.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
			if strings.HasPrefix(kind, "absolute") {
				return date.Day() == day || day > length && date.Day() == length
			}
			before, after := 0, 0
			for other := 1; other <= length; other++ {
				if named(date.AddDate(0, 0, other-date.Day())) && other < date.Day() {
					before++
				} else if named(date.AddDate(0, 0, other-date.Day())) && other > date.Day() {
					after++
				}
			}
			return named(date) && (index < 4 && before == index || index == 4 && after == 0)
		}
		want := []string{}
		for date := begins; !date.After(begins.AddDate(9, 0, 0)); date = date.AddDate(0, 0, 1) {
			months := 12*(date.Year()-begins.Year()) + int(date.Month()) - int(begins.Month())
			is := false
			switch kind {
			case "daily":
				is = int(date.Sub(begins)/(24*time.Hour))%interval == 0
			case "weekly":
				is = (week(date)-week(begins))%interval == 0 && named(date)
			case "absoluteMonthly", "relativeMonthly":
				is = months%interval == 0 && inMonth(date)
			default:
				is = (date.Year()-begins.Year())%interval == 0 && int(date.Month()) == month && inMonth(date)
			}
			if is {
				want = append(want, date.Format(time.DateOnly))
			}
		}
		if got := datesOf(t, text, 10_000); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %s\n%v, want\n%v", seed, text, got, want)
		}
	}
}

// FuzzRecurrence: what is valid has dates in order, from startDate on and no later than 9999, and nothing takes it down.
func FuzzRecurrence(f *testing.F) {
	f.Add([]byte(`{"pattern":{"type":"weekly","interval":2,"daysOfWeek":["monday"],"firstDayOfWeek":"tuesday"},"range":{"type":"numbered","startDate":"2026-12-03","numberOfOccurrences":5}}`))
	f.Add([]byte(`{"pattern":{"type":"relativeYearly","interval":2147483647,"daysOfWeek":["monday"],"index":"last","month":2},"range":{"type":"endDate","startDate":"0001-01-01","endDate":"9999-12-31"}}`))
	f.Add([]byte(`{"pattern":{"type":"absoluteMonthly","interval":"1","dayOfMonth":0},"range":{"type":"noEnd","startDate":"9999-01-31T00:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r governance.Recurrence
		if json.Unmarshal(data, &r) != nil || r.Validate("recurrence") != nil {
			return
		}
		last, count := "", 0
		for date := range r.Dates() {
			text := date.Format(time.DateOnly)
			if text <= last || text < r.Range.StartDate[:len(text)] || len(text) != len(time.DateOnly) {
				t.Fatalf("%s: %s after %s", data, text, last)
			}
			if last, count = text, count+1; count == 100 {
				break
			}
		}
	})
}
