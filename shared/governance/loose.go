package governance

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Int is a whole number that may also be written as text, as bodies may have it where they come in.
type Int int

// UnmarshalJSON reads 1 and "1".
func (n *Int) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	text := strings.Trim(string(data), `"`)
	value, err := strconv.ParseInt(text, 10, 32)
	if err != nil || strconv.FormatInt(value, 10) != text { // +1, 01
		return Invalid("number", "%q is no whole number.", Clip(string(data)))
	}
	*n = Int(value)
	return nil
}

// collection is a slice that is written as [] when it is empty, never as null: clients iterate over it without looking.
type collection[T any] []T

// MarshalJSON writes [] for an empty collection.
func (c collection[T]) MarshalJSON() ([]byte, error) {
	if len(c) == 0 {
		return []byte("[]"), nil
	}
	return json.Marshal([]T(c))
}
