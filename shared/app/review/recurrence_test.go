package review_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/app/authz"
	"latchkey/shared/app/review"
	"latchkey/shared/governance"
)

// rules: REV-02
func TestExpandRecurrence(t *testing.T) {
	t.Parallel()
	reader := governance.Caller{Kind: governance.CallerApplication, AppID: "22222222-2222-4222-8222-222222222222", Permissions: []string{governance.PermissionReadAll}}
	recurrences := &review.Recurrences{Authz: authz.New(nil, nil)}
	daily := func(zone string) *governance.Recurrence {
		var r governance.Recurrence
		if err := json.Unmarshal([]byte(`{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","startDate":"2027-03-27","numberOfOccurrences":3,"recurrenceTimeZone":`+zone+`}}`), &r); err != nil {
			t.Fatal(err)
		}
		return &r
	}
	for _, zone := range []string{`null`, `""`, `"UTC"`, `"utc"`, `"Europe/Oslo"`, `"America/Argentina/Buenos_Aires"`, `"Etc/GMT+5"`} {
		for count, want := range map[int]string{2: "2027-03-27 2027-03-28", 3: "2027-03-27 2027-03-28 2027-03-29", 10_000: "2027-03-27 2027-03-28 2027-03-29"} {
			dates, err := recurrences.ExpandRecurrence(t.Context(), reader, daily(zone), count)
			if err != nil || !slices.Equal(dates, strings.Fields(want)) {
				t.Errorf("%s, %d: %v, %v", zone, count, dates, err)
			}
		}
	}
	for name, test := range map[string]struct {
		caller     governance.Caller
		recurrence *governance.Recurrence
		count      int
		code       governance.Code
		target     string
	}{
		"nobody":           {governance.Caller{}, nil, 0, governance.CodeForbidden, ""},
		"no recurrence":    {reader, nil, 1, governance.CodeInvalid, "recurrence"},
		"no range":         {reader, &governance.Recurrence{}, 1, governance.CodeInvalid, "recurrence/range"},
		"no count":         {reader, daily(`null`), 0, governance.CodeInvalid, "count"},
		"too many":         {reader, daily(`null`), 10_001, governance.CodeInvalid, "count"},
		"Windows' zone":    {reader, daily(`"Pacific Standard Time"`), 1, governance.CodeInvalid, "recurrence/range/recurrenceTimeZone"},
		"the machine's":    {reader, daily(`"Local"`), 1, governance.CodeInvalid, "recurrence/range/recurrenceTimeZone"},
		"no zone":          {reader, daily(`"Europe/Atlantis"`), 1, governance.CodeInvalid, "recurrence/range/recurrenceTimeZone"},
		"a path":           {reader, daily(`"../../etc/passwd"`), 1, governance.CodeInvalid, "recurrence/range/recurrenceTimeZone"},
		"beside the zones": {reader, daily(`"posix/Europe/Oslo"`), 1, governance.CodeInvalid, "recurrence/range/recurrenceTimeZone"},
	} {
		dates, err := recurrences.ExpandRecurrence(t.Context(), test.caller, test.recurrence, test.count)
		var wrong *governance.Error
		if !errors.As(err, &wrong) || wrong.Code != test.code || wrong.Target != test.target || dates != nil {
			t.Errorf("%s: %v, %v", name, dates, err)
		}
	}
}
