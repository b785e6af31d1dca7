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
	value, err := strconv.ParseInt(strings.Trim(string(data), `"`), 10, 32)
	if err != nil {
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
