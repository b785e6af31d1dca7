package strict

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// leaf reads a value that is no object and no list, in one way for all members: numbers and booleans may also be text, as Microsoft's own
// examples have them (QUE-06). Values with a form of their own are read by the types of governance.
func leaf(m *Member, n *node) (any, error) {
	switch m.Kind {
	case Bool:
		return boolean(n)
	case Int:
		value, err := integer(n)
		if err == nil && m.Most > 0 && (value < 1 || value > int64(m.Most)) {
			err = n.invalid("must be 1 to %d", m.Most)
		}
		return value, err
	default:
	}
	if err := n.must(isText); err != nil {
		return nil, err
	}
	switch m.Kind {
	case GUID:
		if !governance.IsGUID(n.text) {
			return nil, n.invalid("must be a GUID, not %q", shown(n.text))
		}
		return strings.ToLower(n.text), nil
	case DateTime:
		text, _ := json.Marshal(n.text)
		if err := new(governance.DateTime).UnmarshalJSON(text); err != nil {
			return nil, n.wrap(err)
		}
	case Duration:
		duration, err := governance.ParseDuration(n.text)
		if err != nil && timedelta.MatchString(n.text) {
			return nil, n.invalid("is %q, as Python prints a timedelta; set the duration as text in ISO 8601, such as \"P30D\"", shown(n.text))
		}
		if err != nil {
			return nil, n.wrap(err)
		}
		return duration.String(), nil
	case Enum:
		return enum(m, n)
	default:
	}
	return n.text, m.waiting(n)
}

// formed refuses what the service decides, and what is not judged, where it could not be what the service says: nobody meant it. Its name says what it is.
func (m *Member) formed(n *node) error {
	switch name := m.Name; {
	case n.kind == isNull, strings.HasSuffix(name, "InDays"), strings.HasSuffix(name, "InMinutes"): // which were read as something else before
		return nil
	case strings.HasPrefix(name, "is"), slices.Contains([]string{"assignedToMe", "executeImmediately", "leaving"}, name):
		_, err := boolean(n)
		return err
	}
	if err := n.must(isText); err != nil {
		return err
	}
	if len(m.Values) > 0 && !equalFold(n.text, "unknownFutureValue") { // which clients write for what they do not know
		_, err := enum(m, n)
		return err
	}
	if _, err := time.Parse(time.RFC3339, n.text); err != nil && (strings.HasSuffix(m.Name, "DateTime") || m.Name == "completedDate" || m.Name == "addedOn") {
		return n.invalid("cannot be %q: it is a date and time that the service decides, such as 2030-01-31T00:00:00Z; leave it out", shown(n.text))
	}
	return nil
}

// timedelta is a duration as Python prints it.
var timedelta = regexp.MustCompile(`^(-?\d+ days?, )?\d+:\d\d:\d\d(\.\d+)?$`)

func boolean(n *node) (any, error) {
	if n.kind != isObject && n.kind != isList {
		switch strings.ToLower(n.text) {
		case "true", "1":
			return true, nil
		case "false", "0":
			return false, nil
		}
	}
	if n.kind == isText || n.kind == isNumber {
		return nil, n.invalid("cannot be %q; it must be a boolean, true or false", shown(n.text))
	}
	return nil, n.must(isBool)
}

func integer(n *node) (int64, error) {
	if n.kind != isText {
		if err := n.must(isNumber); err != nil {
			return 0, err
		}
	}
	value, err := strconv.ParseInt(n.text, 10, 32)
	if err != nil || strconv.FormatInt(value, 10) != n.text { // +1, 01
		return 0, n.invalid("cannot be %q; it must be a whole number", shown(n.text))
	}
	return value, nil
}

// enum reads one of the values of a member, and says of one that this release does not have what it waits for.
func enum(m *Member, n *node) (any, error) {
	for _, value := range m.Values {
		if strings.EqualFold(value, n.text) {
			return value, nil
		}
	}
	if err := m.waiting(n); err != nil {
		return nil, err
	}
	return nil, n.invalid("cannot be %q; use one of %s", shown(n.text), strings.Join(m.Values, ", "))
}

// waiting is the error for a value that Graph has and this release does not.
func (m *Member) waiting(n *node) error {
	for value, waits := range m.Waiting {
		if strings.EqualFold(value, n.text) {
			return n.notYet(value, waits)
		}
	}
	return nil
}

// wrap puts the path of a value before what its own parser says of it.
func (n *node) wrap(err error) error {
	var coded *governance.Error
	if !errors.As(err, &coded) {
		return n.invalid("cannot be read")
	}
	return &governance.Error{Code: coded.Code, Target: n.path(), Message: n.path() + ": " + coded.Message, Err: coded.Err}
}
