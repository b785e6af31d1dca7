// Package review answers for access that somebody looks at again: when that is.
package review

import (
	"context"
	"strings"
	"time"
	_ "time/tzdata" // the machine that this runs on may know no time zones

	"latchkey/shared/app/authz"
	"latchkey/shared/governance"
)

// maxDates is how many dates of a recurrence are told at once.
const maxDates = 10_000

// Recurrences tells the dates of recurrences.
type Recurrences struct{ Authz *authz.Authorizer }

// ExpandRecurrence answers with the first dates of a recurrence (REV-02), as 2027-01-31: so many, or all if there are fewer. Errors: CodeForbidden; CodeInvalid naming what is missing or wrong.
func (r *Recurrences) ExpandRecurrence(ctx context.Context, caller governance.Caller, recurrence *governance.Recurrence, count int) ([]string, error) {
	if err := r.Authz.Require(ctx, caller, authz.OpTryRecurrences); err != nil {
		return nil, err
	}
	if err := recurrence.Validate("recurrence"); err != nil {
		return nil, err
	}
	if zone := recurrence.Range.TimeZone; !isZone(zone) {
		return nil, governance.Invalid("recurrence/range/recurrenceTimeZone", "recurrenceTimeZone is UTC or an IANA name such as Europe/Oslo, not %q.", governance.Clip(zone))
	}
	if count < 1 || count > maxDates {
		return nil, governance.Invalid("count", "count must be 1 to %d: how many dates to answer with.", maxDates)
	}
	dates := []string{}
	for date := range recurrence.Dates() {
		if dates = append(dates, date.Format(time.DateOnly)); len(dates) == count {
			break
		}
	}
	return dates, nil
}

// isZone says whether a name is one of IANA's, UTC in any letter case, or empty, which means that. What lies beside the zones on some machines is none.
func isZone(name string) bool {
	if name == "" || strings.EqualFold(name, "UTC") {
		return true
	}
	first, _, _ := strings.Cut(name, "/")
	switch strings.ToLower(first) {
	case "local", "localtime", "posixrules", "posix", "right":
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}
