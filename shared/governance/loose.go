package governance

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Bool is a boolean that clients may also send as a string: Microsoft's own examples of questions do (RULES QUE-06).
type Bool bool

// UnmarshalJSON reads true, "true", "True", 1 and "1", and their opposites.
func (b *Bool) UnmarshalJSON(data []byte) error {
	switch strings.ToLower(strings.Trim(string(data), `"`)) {
	case "null":
	case "true", "1":
		*b = true
	case "false", "0":
		*b = false
	default:
		return Invalid("boolean", "%q is neither true nor false.", Clip(string(data)))
	}
	return nil
}

// Int is a whole number that clients may also send as a string (RULES QUE-06).
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
