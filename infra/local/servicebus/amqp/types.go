// Package amqp is the part of the AMQP 1.0 wire that a broker needs: the type system, frames, performatives and the sections of a message. It has no
// connections and no state; infra/local/servicebus has those.
//
// What it reads comes from the network: every length is checked against what is there, and nesting is limited, so that no input makes it
// panic or allocate more than a small multiple of its size.
package amqp

import "errors"

// ErrMalformed is wrapped by every error about bytes that are not AMQP.
var ErrMalformed = errors.New("amqp: malformed")

// The limits of the decoder.
const (
	maxDepth      = 16 // of values within values
	maxZeroLength = 16 // elements of an array whose elements take no bytes; nobody sends such
)

// The Go types of AMQP values, where they are not those of the language: null is nil, boolean bool, ubyte to ulong uint8 to uint64, byte to long int8 to
// int64, float and double float32 and float64, char rune-like [Char], timestamp time.Time, binary []byte, string string, list []any.
type (
	// Symbol is a symbolic value.
	Symbol string
	// UUID is a uuid, in the order of RFC 4122.
	UUID [16]byte
	// Char is one UTF-32 character.
	Char uint32
	// Decimal is a decimal number of any width as its bytes; the broker carries it and does not compute with it.
	Decimal []byte
	// Map is a map in the order in which it came.
	Map []Entry
	// Array is an array: all of its elements have one type.
	Array []any
	// Described is a value with a descriptor.
	Described struct {
		Descriptor any // uint64 or Symbol
		Value      any
	}
)

// Entry is one pair of a Map.
type Entry struct{ Key, Value any }

// Get is the value of a key that is a string or a symbol, or nil.
func (m Map) Get(name string) any {
	for i := range m {
		switch key := m[i].Key.(type) {
		case string:
			if key == name {
				return m[i].Value
			}
		case Symbol:
			if string(key) == name {
				return m[i].Value
			}
		}
	}
	return nil
}

// The constructors of encoded values.
const (
	codeDescribed  = 0x00
	codeNull       = 0x40
	codeTrue       = 0x41
	codeFalse      = 0x42
	codeUint0      = 0x43
	codeUlong0     = 0x44
	codeList0      = 0x45
	codeUbyte      = 0x50
	codeByte       = 0x51
	codeSmallUint  = 0x52
	codeSmallUlong = 0x53
	codeSmallInt   = 0x54
	codeSmallLong  = 0x55
	codeBoolean    = 0x56
	codeUshort     = 0x60
	codeShort      = 0x61
	codeUint       = 0x70
	codeInt        = 0x71
	codeFloat      = 0x72
	codeChar       = 0x73
	codeDecimal32  = 0x74
	codeUlong      = 0x80
	codeLong       = 0x81
	codeDouble     = 0x82
	codeTimestamp  = 0x83
	codeDecimal64  = 0x84
	codeDecimal128 = 0x94
	codeUUID       = 0x98
	codeBinary8    = 0xa0
	codeString8    = 0xa1
	codeSymbol8    = 0xa3
	codeBinary32   = 0xb0
	codeString32   = 0xb1
	codeSymbol32   = 0xb3
	codeList8      = 0xc0
	codeMap8       = 0xc1
	codeList32     = 0xd0
	codeMap32      = 0xd1
	codeArray8     = 0xe0
	codeArray32    = 0xf0
)
