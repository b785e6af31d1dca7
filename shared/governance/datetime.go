package governance

import (
	"fmt"
	"strings"
	"time"
)

// instantLayout is how Latchkey writes its own instants: fixed width, so that they sort as text.
const instantLayout = "2006-01-02T15:04:05.000Z"

// FormatInstant writes an instant as Latchkey stores it: UTC, milliseconds, fixed width.
func FormatInstant(t time.Time) string { return t.UTC().Format(instantLayout) }

// DateTime is an instant that remembers how a client wrote it, because clients compare what they sent with what they get back (a date answered with
// other decimals is a perpetual difference to Terraform).
type DateTime struct {
	time.Time
	text string
}

// The first and the last year of a date: what lies outside is a way of saying "never", which has words of its own, or a mistake.
const firstYear, lastYear = 1970, 2999

// latest is the last instant that is written and can be read again.
var latest = time.Date(lastYear, 12, 31, 23, 59, 59, int(999*time.Millisecond), time.UTC)

// At is the DateTime of an instant, cut to the millisecond that is stored; one that lies beyond the last year is the end of that.
func At(t time.Time) *DateTime {
	if t.After(latest) {
		t = latest
	}
	return &DateTime{Time: t.UTC().Truncate(time.Millisecond)}
}

// Instant is the instant of a DateTime that may be absent; absent is the zero time.
func (d *DateTime) Instant() time.Time {
	if d == nil {
		return time.Time{}
	}
	return d.Time
}

// String is the text that the client sent, or the stored form.
func (d DateTime) String() string {
	if d.text != "" {
		return d.text
	}
	return FormatInstant(d.Time)
}

// MarshalJSON writes the text that the client sent, or the stored form.
func (d DateTime) MarshalJSON() ([]byte, error) { return []byte(`"` + d.String() + `"`), nil } // what is read as one is plain

// UnmarshalJSON reads RFC 3339, strictly: what is kept as it was written must be read by every client that it is answered to. A date without an offset is refused: nobody could say
// which instant is meant.
func (d *DateTime) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	text, err := unquote(data)
	if err != nil {
		return Invalid("dateTime", "A date and time must be a string such as 2030-01-31T00:00:00Z.")
	}
	parsed, wrong := parseInstant(text)
	if wrong == "" {
		wrong = yearOutOfBounds(parsed)
	}
	if wrong != "" {
		return Invalid("dateTime", "%q %s.", Clip(text), wrong)
	}
	d.Time, d.text = parsed.UTC(), text
	return nil
}

// InBounds says whether a date can be read again once it is written.
func (d *DateTime) InBounds() bool { return d == nil || yearOutOfBounds(d.Time) == "" }

// yearOutOfBounds says what to write instead of a date whose year is no year to live in, as it is written or in UTC; empty: it is one.
func yearOutOfBounds(t time.Time) string {
	switch written, utc := t.Year(), t.UTC().Year(); {
	case max(written, utc) > lastYear:
		return fmt.Sprintf("is after the year %d; an access that never ends is an expiration with \"type\":\"noExpiration\" and no endDateTime", lastYear)
	case min(written, utc) < firstYear:
		return fmt.Sprintf("is before the year %d; leave the date out, or write null, where none is meant, and \"type\":\"noExpiration\" for an access that never ends", firstYear)
	}
	return ""
}

const (
	dateForm    = "0000-00-00"
	instantForm = dateForm + "T00:00:00"
	offsetForm  = "+00:00"
	// maxFraction is how many digits a second may have behind the point: what time.Time keeps.
	maxFraction = 9
	// maxOffset is the largest offset from UTC that a place has.
	maxOffset = "14:00"
)

// parseInstant reads an RFC 3339 date and time, or says what is wrong with it, as the rest of a sentence that begins with the text. time.Parse is laxer: it takes T8:00:00Z, a comma before
// the fraction and +24:00.
func parseInstant(text string) (instant time.Time, wrong string) {
	rest, ok := cutForm(text, instantForm)
	if !ok {
		return time.Time{}, "is no date and time with an offset; write for example 2030-01-31T00:00:00Z, with two digits for each part, T and Z"
	}
	if fraction, found := strings.CutPrefix(rest, "."); found {
		rest = strings.TrimLeft(fraction, "0123456789")
		if digits := len(fraction) - len(rest); digits < 1 || digits > maxFraction {
			return time.Time{}, fmt.Sprintf("has %d digits after the point of its seconds; write 1 to %d, or none as in 2030-01-31T00:00:00Z", digits, maxFraction)
		}
	}
	if rest == "" {
		return time.Time{}, "has no offset, so nobody can tell which instant is meant; add Z for UTC, or an offset as in 2030-01-31T00:00:00+01:00"
	}
	if _, ok := cutForm(strings.Replace(rest, "-", "+", 1), offsetForm); rest != "Z" && (!ok || len(rest) != len(offsetForm) || rest[4:] > "59") {
		return time.Time{}, "does not end in an offset; write Z for UTC, or hours and minutes as in 2030-01-31T00:00:00+01:00"
	}
	if rest[1:] > maxOffset {
		return time.Time{}, "is more than 14 hours from UTC, as no place is; write for example 2030-01-31T00:00:00Z"
	}
	if text[len(instantForm)-2:len(instantForm)] == "60" {
		return time.Time{}, "is a leap second, which the clocks here do not have; write the second before it, such as 2016-12-31T23:59:59Z"
	}
	instant, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, "is no day of the calendar or no time of a day; write for example 2030-01-31T00:00:00Z"
	}
	return instant, ""
}

// cutForm is what follows a beginning that has the form: a digit for each 0, and every other character as it is.
func cutForm(text, form string) (rest string, ok bool) {
	if len(text) < len(form) {
		return "", false
	}
	for i := range len(form) {
		if digit := text[i] >= '0' && text[i] <= '9'; form[i] == '0' && !digit || form[i] != '0' && text[i] != form[i] {
			return "", false
		}
	}
	return text[len(form):], true
}
