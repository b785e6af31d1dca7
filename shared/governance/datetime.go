package governance

import (
	"encoding/json"
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

// At is the DateTime of an instant, cut to the millisecond that is stored.
func At(t time.Time) *DateTime { return &DateTime{Time: t.UTC().Truncate(time.Millisecond)} }

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
func (d DateTime) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON reads RFC 3339. A date without an offset is refused: nobody could say which instant is meant.
func (d *DateTime) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return Invalid("dateTime", "A date and time must be a string such as 2030-01-31T00:00:00Z.")
	}
	parsed, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || len(text) > 40 {
		return Invalid("dateTime", "%q is no date and time with an offset; write for example 2030-01-31T00:00:00Z.", Clip(text))
	}
	d.Time, d.text = parsed.UTC(), text
	return nil
}
