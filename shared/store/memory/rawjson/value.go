// Package rawjson reads values out of JSON text without decoding the text: a filter that looks at two properties of a document costs a scan over its
// bytes and no allocation, and a million documents need no decoded copy. It serves the memory store and the Cosmos emulator that is built on it.
//
// It does not check the text: what is given to it has passed json.Valid. On anything else its answers are wrong but it neither panics nor loops.
package rawjson

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Value is the text of one JSON value. Its nil value is the undefined one: what a property that does not exist has.
type Value []byte

// Kind is the type of a value, in the order in which Cosmos DB sorts values of different types.
type Kind int

// The kinds.
const (
	Undefined Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// Constants that need no text of their own.
var (
	True  = Value("true")
	False = Value("false")
)

// Of is the value in a text that may have white space around it.
func Of(text []byte) Value { return Value(bytes.TrimSpace(text)) }

// OfBool is True or False.
func OfBool(b bool) Value {
	if b {
		return True
	}
	return False
}

// OfString is the JSON text of a string.
func OfString(s string) Value { return AppendString(nil, s) }

// OfNumber is the JSON text of a number.
func OfNumber(n float64) Value { return Value(strconv.AppendFloat(nil, n, 'g', -1, 64)) }

// AppendString appends the JSON text of s to dst.
func AppendString(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			text, _ := json.Marshal(s) // a string always marshals
			return append(dst, text...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

// Kind is the type of the value.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return Undefined
	}
	switch v[0] {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	default:
		return Number
	}
}

// Get is the value of a property of an object, or the undefined value.
func (v Value) Get(name string) Value {
	for key, value := range v.Members {
		if keyIs(key, name) {
			return value
		}
	}
	return nil
}

// At follows a path of property names.
func (v Value) At(path []string) Value {
	for _, name := range path {
		if v = v.Get(name); v == nil {
			return nil
		}
	}
	return v
}

// Members calls yield for each property of an object until it answers false. The key is the text between the quotes; see Unquote.
func (v Value) Members(yield func(key []byte, value Value) bool) {
	if v.Kind() != Object {
		return
	}
	i := space(v, 1)
	for i < len(v) && v[i] == '"' {
		end := skipString(v, i)
		if end <= i+1 {
			return
		}
		key := v[i+1 : end-1]
		i = space(v, end)
		if i >= len(v) || v[i] != ':' {
			return
		}
		i = space(v, i+1)
		end = skip(v, i)
		if end <= i || !yield(key, v[i:end:end]) {
			return
		}
		i = space(v, end)
		if i >= len(v) || v[i] != ',' {
			return
		}
		i = space(v, i+1)
	}
}

// Elements calls yield for each element of an array until it answers false.
func (v Value) Elements(yield func(Value) bool) {
	if v.Kind() != Array {
		return
	}
	i := space(v, 1)
	for i < len(v) && v[i] != ']' {
		end := skip(v, i)
		if end <= i || !yield(v[i:end:end]) {
			return
		}
		i = space(v, end)
		if i >= len(v) || v[i] != ',' {
			return
		}
		i = space(v, i+1)
	}
}

// Text is the string that a String value is.
func (v Value) Text() string {
	if v.Kind() != String || len(v) < 2 {
		return ""
	}
	return Unquote(v[1 : len(v)-1])
}

// Number is the number that a Number value is.
func (v Value) Number() float64 {
	n, _ := strconv.ParseFloat(string(v), 64) // 0 if it is none
	return n
}

// Bool says whether the value is true.
func (v Value) Bool() bool { return len(v) > 0 && v[0] == 't' }

// Is says whether the value is this string, without decoding it where it can.
func (v Value) Is(s string) bool {
	return v.Kind() == String && len(v) >= 2 && keyIs(v[1:len(v)-1], s)
}

// Unquote decodes the text between the quotes of a JSON string.
func Unquote(inner []byte) string {
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	quoted := make([]byte, 0, len(inner)+2)
	quoted = append(append(append(quoted, '"'), inner...), '"')
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return string(inner)
	}
	return s
}

// Fold is s with the difference between upper and lower case removed, rune by rune.
func Fold(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || ('A' <= c && c <= 'Z') {
			return strings.Map(func(r rune) rune { return unicode.ToLower(unicode.ToUpper(r)) }, s)
		}
	}
	return s
}

// Equal says whether two values are the same: numbers by value, objects without regard to the order of their properties.
func Equal(a, b Value) bool {
	kind := a.Kind()
	if kind != b.Kind() {
		return false
	}
	switch kind {
	case Undefined, Null:
		return true
	case Bool:
		return a.Bool() == b.Bool()
	case Number:
		return a.Number() == b.Number()
	case String:
		return bytes.Equal(a, b) || (bytes.IndexByte(a, '\\') >= 0 || bytes.IndexByte(b, '\\') >= 0) && a.Text() == b.Text()
	case Array:
		return equalArrays(a, b)
	default:
		return equalObjects(a, b)
	}
}

// Compare orders two values of the same kind: -1, 0 or 1. Arrays and objects are ordered by their text.
func Compare(a, b Value) int {
	switch a.Kind() {
	case Bool:
		switch {
		case a.Bool() == b.Bool():
			return 0
		case b.Bool():
			return -1
		default:
			return 1
		}
	case Number:
		return cmp.Compare(a.Number(), b.Number())
	case String:
		if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 && len(a) > 1 && len(b) > 1 {
			return bytes.Compare(a[1:len(a)-1], b[1:len(b)-1])
		}
		return strings.Compare(a.Text(), b.Text())
	case Undefined, Null:
		return 0
	default:
		return bytes.Compare(a, b)
	}
}

func equalArrays(a, b Value) bool {
	return slices.EqualFunc(slices.Collect(a.Elements), slices.Collect(b.Elements), Equal)
}

func equalObjects(a, b Value) bool {
	count := 0
	for key, value := range a.Members {
		if !Equal(value, b.Get(Unquote(key))) {
			return false
		}
		count++
	}
	for range b.Members {
		count--
	}
	return count == 0
}

func keyIs(key []byte, name string) bool {
	return string(key) == name || bytes.IndexByte(key, '\\') >= 0 && Unquote(key) == name
}

func space(v []byte, i int) int {
	for i < len(v) && (v[i] == ' ' || v[i] == '\n' || v[i] == '\r' || v[i] == '\t') {
		i++
	}
	return i
}

// skip is the index after the value that starts at i.
func skip(v []byte, i int) int {
	if i >= len(v) {
		return i
	}
	switch v[i] {
	case '"':
		return skipString(v, i)
	case '{', '[':
		depth := 0
		for i < len(v) {
			switch v[i] {
			case '"':
				i = skipString(v, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return i
	default:
		for i < len(v) {
			switch v[i] {
			case ',', '}', ']', ':', ' ', '\n', '\r', '\t':
				return i
			}
			i++
		}
		return i
	}
}

// skipString is the index after the string that starts at i.
func skipString(v []byte, i int) int {
	for i++; i < len(v); {
		n := bytes.IndexByte(v[i:], '"')
		if n < 0 {
			return len(v)
		}
		end := i + n
		slashes := 0
		for j := end - 1; j >= i && v[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
		// An escaped quote. What stands before it was looked at already; the backslashes that count for the next quote come after it.
		i = end + 1
	}
	return len(v)
}
