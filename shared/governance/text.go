package governance

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// BrokenText says what in JSON is no text, although encoding/json would read it and put another character in its place: bytes that are no
// UTF-8, a NUL, which other services cut a name off at, and half of a surrogate pair; nil if all is.
func BrokenText(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("is not valid UTF-8")
	}
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' { // which is in strings alone
			continue
		}
		switch unit, ok := escaped(data[i:]); {
		case ok && unit == 0:
			return fmt.Errorf(`has a NUL character (\u0000) in a string, at byte %d`, i)
		case isLow(unit):
			return fmt.Errorf(`has half of a surrogate pair (\u%04x) in a string, at byte %d`, unit, i)
		case unit >= 0xd800 && unit < 0xdc00:
			if low, _ := escaped(data[i+6:]); !isLow(low) {
				return fmt.Errorf(`has half of a surrogate pair (\u%04x) in a string, at byte %d`, unit, i)
			}
			i += 6 // the other half
		}
		i++ // what is escaped may be a backslash
	}
	return nil
}

func isLow(unit uint64) bool { return unit >= 0xdc00 && unit < 0xe000 }

// escaped is the UTF-16 unit of an escape such as \u00e4 at the beginning of data.
func escaped(data []byte) (unit uint64, ok bool) {
	if len(data) < 6 || !bytes.HasPrefix(data, []byte(`\u`)) {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(data[2:6]), 16, 16)
	return unit, err == nil
}
