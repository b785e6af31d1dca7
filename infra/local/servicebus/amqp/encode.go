package amqp

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// The append functions add one encoded value to a buffer.

// AppendNull adds null.
func AppendNull(b []byte) []byte { return append(b, codeNull) }

// AppendBool adds a boolean.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, codeTrue)
	}
	return append(b, codeFalse)
}

// AppendUint adds a uint.
func AppendUint(b []byte, v uint32) []byte {
	switch {
	case v == 0:
		return append(b, codeUint0)
	case v < 256:
		return append(b, codeSmallUint, byte(v))
	default:
		return binary.BigEndian.AppendUint32(append(b, codeUint), v)
	}
}

// AppendUlong adds a ulong.
func AppendUlong(b []byte, v uint64) []byte {
	switch {
	case v == 0:
		return append(b, codeUlong0)
	case v < 256:
		return append(b, codeSmallUlong, byte(v))
	default:
		return binary.BigEndian.AppendUint64(append(b, codeUlong), v)
	}
}

// AppendTimestamp adds a timestamp; it keeps milliseconds.
func AppendTimestamp(b []byte, at time.Time) []byte {
	return binary.BigEndian.AppendUint64(append(b, codeTimestamp), uint64(at.UnixMilli()))
}

// AppendString adds a string.
func AppendString(b []byte, v string) []byte {
	return append(appendLength(b, codeString8, codeString32, len(v)), v...)
}

// AppendSymbol adds a symbol.
func AppendSymbol(b []byte, v string) []byte {
	return append(appendLength(b, codeSymbol8, codeSymbol32, len(v)), v...)
}

// AppendBinary adds a binary.
func AppendBinary(b []byte, v []byte) []byte {
	return append(appendLength(b, codeBinary8, codeBinary32, len(v)), v...)
}

func appendLength(b []byte, narrow, wide byte, n int) []byte {
	if n < 256 {
		return append(b, narrow, byte(n))
	}
	return binary.BigEndian.AppendUint32(append(b, wide), uint32(n))
}

// AppendDescriptor adds the head of a described value; the value follows.
func AppendDescriptor(b []byte, code uint64) []byte {
	return AppendUlong(append(b, codeDescribed), code)
}

// Compound is a list, map or array in the making.
type Compound struct{ start int }

// BeginList starts a list; the elements are appended, then End.
func BeginList(b []byte) ([]byte, Compound) { return begin(b, codeList32) }

// BeginMap starts a map; keys and values are appended in turn, then End.
func BeginMap(b []byte) ([]byte, Compound) { return begin(b, codeMap32) }

func begin(b []byte, code byte) ([]byte, Compound) {
	b = append(b, code)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0), Compound{start: len(b)}
}

// End fills in the size and the number of elements; those of a map are its keys and its values.
func (c Compound) End(b []byte, elements int) []byte {
	binary.BigEndian.PutUint32(b[c.start:], uint32(len(b)-c.start-4))
	binary.BigEndian.PutUint32(b[c.start+4:], uint32(elements))
	return b
}

// AppendValue adds a value of any of the types that [Reader.Value] returns, and int as long. It fails for any other, and for an Array whose elements are
// not of one type.
func AppendValue(b []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return AppendNull(b), nil
	case bool:
		return AppendBool(b, v), nil
	case uint32:
		return AppendUint(b, v), nil
	case uint64:
		return AppendUlong(b, v), nil
	case string:
		return AppendString(b, v), nil
	case Symbol:
		return AppendSymbol(b, string(v)), nil
	case []byte:
		return AppendBinary(b, v), nil
	case Described:
		b, err := AppendValue(append(b, codeDescribed), v.Descriptor)
		if err != nil {
			return nil, err
		}
		return AppendValue(b, v.Value)
	case []any:
		b, list := BeginList(b)
		for _, element := range v {
			var err error
			if b, err = AppendValue(b, element); err != nil {
				return nil, err
			}
		}
		return list.End(b, len(v)), nil
	case Map:
		b, m := BeginMap(b)
		for _, entry := range v {
			var err error
			if b, err = AppendValue(b, entry.Key); err != nil {
				return nil, err
			}
			if b, err = AppendValue(b, entry.Value); err != nil {
				return nil, err
			}
		}
		return m.End(b, 2*len(v)), nil
	case Array:
		return appendArray(b, v)
	}
	code, ok := fixedCode(value)
	if !ok {
		return nil, fmt.Errorf("amqp: no value of type %T on the wire", value)
	}
	return appendFixed(append(b, code), value), nil
}

// fixedCode is the constructor of the types of one width.
func fixedCode(value any) (byte, bool) {
	switch v := value.(type) {
	case bool:
		return codeBoolean, true
	case uint8:
		return codeUbyte, true
	case int8:
		return codeByte, true
	case uint16:
		return codeUshort, true
	case int16:
		return codeShort, true
	case uint32:
		return codeUint, true
	case int32:
		return codeInt, true
	case float32:
		return codeFloat, true
	case Char:
		return codeChar, true
	case uint64:
		return codeUlong, true
	case int64, int:
		return codeLong, true
	case float64:
		return codeDouble, true
	case time.Time:
		return codeTimestamp, true
	case UUID:
		return codeUUID, true
	case Decimal:
		switch len(v) {
		case 4:
			return codeDecimal32, true
		case 8:
			return codeDecimal64, true
		case 16:
			return codeDecimal128, true
		}
	}
	return 0, false
}

func appendFixed(b []byte, value any) []byte {
	switch v := value.(type) {
	case bool:
		if v {
			return append(b, 1)
		}
		return append(b, 0)
	case uint8:
		return append(b, v)
	case int8:
		return append(b, byte(v))
	case uint16:
		return binary.BigEndian.AppendUint16(b, v)
	case int16:
		return binary.BigEndian.AppendUint16(b, uint16(v))
	case uint32:
		return binary.BigEndian.AppendUint32(b, v)
	case int32:
		return binary.BigEndian.AppendUint32(b, uint32(v))
	case float32:
		return binary.BigEndian.AppendUint32(b, math.Float32bits(v))
	case Char:
		return binary.BigEndian.AppendUint32(b, uint32(v))
	case uint64:
		return binary.BigEndian.AppendUint64(b, v)
	case int64:
		return binary.BigEndian.AppendUint64(b, uint64(v))
	case int:
		return binary.BigEndian.AppendUint64(b, uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(b, math.Float64bits(v))
	case time.Time:
		return binary.BigEndian.AppendUint64(b, uint64(v.UnixMilli()))
	case UUID:
		return append(b, v[:]...)
	case Decimal:
		return append(b, v...)
	}
	return b
}

// appendArray adds an array of values of one width, of strings, of symbols or of binaries.
func appendArray(b []byte, array Array) ([]byte, error) {
	b, compound := begin(b, codeArray32)
	var code byte
	for i, element := range array {
		elementCode, ok := arrayCode(element)
		if !ok || i > 0 && elementCode != code {
			return nil, fmt.Errorf("amqp: no array of %T on the wire", element)
		}
		if i == 0 {
			code = elementCode
			b = append(b, code)
		}
		switch v := element.(type) {
		case string:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
		case Symbol:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
		case []byte:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
		default:
			b = appendFixed(b, element)
		}
	}
	if len(array) == 0 {
		b = append(b, codeNull)
	}
	return compound.End(b, len(array)), nil
}

func arrayCode(element any) (byte, bool) {
	switch element.(type) {
	case string:
		return codeString32, true
	case Symbol:
		return codeSymbol32, true
	case []byte:
		return codeBinary32, true
	default:
		return fixedCode(element)
	}
}
