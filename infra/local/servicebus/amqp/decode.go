package amqp

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"
)

// Reader reads encoded values one after the other. The first error sticks: everything after it is zero.
type Reader struct {
	data []byte
	err  error
}

// NewReader reads data, which must not change as long as values that were read from it are in use: binary values point into it.
func NewReader(data []byte) Reader { return Reader{data: data} }

// Err is the first error.
func (r *Reader) Err() error { return r.err }

// Len is the number of bytes not yet read.
func (r *Reader) Len() int { return len(r.data) }

func (r *Reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	r.data = nil
}

// take is the next n bytes.
func (r *Reader) take(n int) []byte {
	if n < 0 || n > len(r.data) {
		r.fail("%d bytes wanted, %d are left", n, len(r.data))
		return nil
	}
	taken := r.data[:n:n]
	r.data = r.data[n:]
	return taken
}

func (r *Reader) byte() byte {
	if len(r.data) == 0 {
		r.fail("it ends too early")
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return b
}

func (r *Reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *Reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *Reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// length reads a length of one or four bytes.
func (r *Reader) length(wide bool) int {
	if !wide {
		return int(r.byte())
	}
	n := r.uint32()
	if n > math.MaxInt32 {
		r.fail("a length of %d", n)
		return 0
	}
	return int(n)
}

// compound reads the head of a list, map or array: a reader of its content and the number of its elements.
func (r *Reader) compound(wide bool) (Reader, int) {
	content := Reader{data: r.take(r.length(wide))}
	count := content.length(wide)
	if r.err == nil && content.err != nil {
		r.fail("a compound value without a count")
	}
	return content, count
}

// Value reads any value.
func (r *Reader) Value() any { return r.value(0) }

func (r *Reader) value(depth int) any {
	code := r.byte()
	if r.err != nil {
		return nil
	}
	if code == codeDescribed {
		if depth >= maxDepth {
			r.fail("values are nested too deeply")
			return nil
		}
		descriptor := r.value(depth + 1)
		return Described{Descriptor: descriptor, Value: r.value(depth + 1)}
	}
	return r.of(code, depth)
}

// of reads the value that follows its constructor.
func (r *Reader) of(code byte, depth int) any {
	switch code {
	case codeNull:
		return nil
	case codeTrue:
		return true
	case codeFalse:
		return false
	case codeBoolean:
		return r.byte() != 0
	case codeUint0:
		return uint32(0)
	case codeUlong0:
		return uint64(0)
	case codeUbyte:
		return r.byte()
	case codeByte:
		return int8(r.byte())
	case codeSmallUint:
		return uint32(r.byte())
	case codeSmallUlong:
		return uint64(r.byte())
	case codeSmallInt:
		return int32(int8(r.byte()))
	case codeSmallLong:
		return int64(int8(r.byte()))
	case codeUshort:
		return r.uint16()
	case codeShort:
		return int16(r.uint16())
	case codeUint:
		return r.uint32()
	case codeInt:
		return int32(r.uint32())
	case codeFloat:
		return math.Float32frombits(r.uint32())
	case codeChar:
		return Char(r.uint32())
	case codeUlong:
		return r.uint64()
	case codeLong:
		return int64(r.uint64())
	case codeDouble:
		return math.Float64frombits(r.uint64())
	case codeTimestamp:
		return time.UnixMilli(int64(r.uint64())).UTC()
	case codeDecimal32:
		return Decimal(r.take(4))
	case codeDecimal64:
		return Decimal(r.take(8))
	case codeDecimal128:
		return Decimal(r.take(16))
	case codeUUID:
		var id UUID
		copy(id[:], r.take(16))
		return id
	case codeBinary8, codeBinary32:
		return r.take(r.length(code == codeBinary32))
	case codeString8, codeString32:
		return string(r.take(r.length(code == codeString32)))
	case codeSymbol8, codeSymbol32:
		return Symbol(r.take(r.length(code == codeSymbol32)))
	case codeList0:
		return []any{}
	}
	if depth >= maxDepth {
		r.fail("values are nested too deeply")
		return nil
	}
	switch code {
	case codeList8, codeList32:
		return r.list(code == codeList32, depth)
	case codeMap8, codeMap32:
		return r.mapping(code == codeMap32, depth)
	case codeArray8, codeArray32:
		return r.array(code == codeArray32, depth)
	default:
		r.fail("no type has the code %#02x", code)
		return nil
	}
}

func (r *Reader) list(wide bool, depth int) any {
	content, count := r.compound(wide)
	if count > content.Len() {
		r.fail("a list of %d in %d bytes", count, content.Len())
		return nil
	}
	list := make([]any, count)
	for i := range list {
		list[i] = content.value(depth + 1)
	}
	r.finish(&content)
	return list
}

func (r *Reader) mapping(wide bool, depth int) any {
	content, count := r.compound(wide)
	if count > content.Len() || count%2 != 0 {
		r.fail("a map of %d keys and values in %d bytes", count, content.Len())
		return nil
	}
	entries := make(Map, count/2)
	for i := range entries {
		entries[i].Key = content.value(depth + 1)
		entries[i].Value = content.value(depth + 1)
	}
	r.finish(&content)
	return entries
}

func (r *Reader) array(wide bool, depth int) any {
	content, count := r.compound(wide)
	code := content.byte()
	var descriptor any
	if code == codeDescribed {
		descriptor = content.value(depth + 1)
		code = content.byte()
	}
	if zeroLength(code) {
		if count > maxZeroLength {
			r.fail("an array of %d", count)
			return nil
		}
	} else if count > content.Len() {
		r.fail("an array of %d in %d bytes", count, content.Len())
		return nil
	}
	array := make(Array, count)
	for i := range array {
		array[i] = content.of(code, depth+1)
		if descriptor != nil {
			array[i] = Described{Descriptor: descriptor, Value: array[i]}
		}
	}
	r.finish(&content)
	return array
}

func zeroLength(code byte) bool { return code >= 0x40 && code < 0x50 }

// finish takes over the error of the content of a compound value.
func (r *Reader) finish(content *Reader) {
	if content.err != nil && r.err == nil {
		r.err, r.data = content.err, nil
	}
}

// Skip passes over one value and returns its bytes.
func (r *Reader) Skip() []byte {
	start := r.data
	for depth := 0; ; depth++ {
		if depth > maxDepth {
			r.fail("descriptors are nested too deeply")
			return nil
		}
		code := r.byte()
		if code != codeDescribed {
			r.pass(code)
			break
		}
		r.skipDescriptor()
	}
	if r.err != nil {
		return nil
	}
	return start[: len(start)-len(r.data) : len(start)-len(r.data)]
}

// skipDescriptor passes over a descriptor, which is no described value itself.
func (r *Reader) skipDescriptor() {
	code := r.byte()
	if code == codeDescribed {
		r.fail("a descriptor that is described")
		return
	}
	r.pass(code)
}

// pass passes over the value that follows its constructor: the high half of the constructor tells its width.
func (r *Reader) pass(code byte) {
	switch code >> 4 {
	case 0x4:
	case 0x5:
		r.take(1)
	case 0x6:
		r.take(2)
	case 0x7:
		r.take(4)
	case 0x8:
		r.take(8)
	case 0x9:
		r.take(16)
	case 0xa, 0xc, 0xe:
		r.take(r.length(false))
	case 0xb, 0xd, 0xf:
		r.take(r.length(true))
	default:
		r.fail("no type has the code %#02x", code)
	}
}

// Descriptor reads the head of a described value: the number of its descriptor. Symbols as descriptors are not understood.
func (r *Reader) Descriptor() uint64 {
	if r.byte() != codeDescribed {
		r.fail("a described value is missing")
		return 0
	}
	switch code := r.byte(); code {
	case codeSmallUlong:
		return uint64(r.byte())
	case codeUlong:
		return r.uint64()
	case codeUlong0:
		return 0
	default:
		r.fail("a descriptor of type %#02x", code)
		return 0
	}
}

// Fields reads the fields of a composite value in their order. Those that are null or left out have the default.
type Fields struct {
	Reader
	left int
}

// Fields reads the list that makes up a composite value, after its descriptor.
func (r *Reader) Fields() Fields {
	switch code := r.byte(); code {
	case codeList0:
		return Fields{}
	case codeList8, codeList32:
		content, count := r.compound(code == codeList32)
		return Fields{Reader: content, left: count}
	default:
		r.fail("a list is missing: %#02x", code)
		return Fields{}
	}
}

// present says whether there is a next field, and passes over a null.
func (f *Fields) present() bool {
	if f.left == 0 || f.err != nil {
		return false
	}
	f.left--
	if len(f.data) > 0 && f.data[0] == codeNull {
		f.data = f.data[1:]
		return false
	}
	return true
}

// Skip passes over a field.
func (f *Fields) Skip() {
	if f.present() {
		f.Reader.Skip()
	}
}

// Raw is the bytes of a field, or nil.
func (f *Fields) Raw() []byte {
	if f.present() {
		return f.Reader.Skip()
	}
	return nil
}

// Value is a field of any type.
func (f *Fields) Value() any {
	if f.present() {
		return f.Reader.Value()
	}
	return nil
}

// Map is a map field.
func (f *Fields) Map() Map {
	value := f.Value()
	m, ok := value.(Map)
	if !ok && value != nil {
		f.fail("a map is missing")
	}
	return m
}

// Text is a string or symbol field.
func (f *Fields) Text() string {
	if !f.present() {
		return ""
	}
	switch code := f.byte(); code {
	case codeString8, codeSymbol8:
		return string(f.take(f.length(false)))
	case codeString32, codeSymbol32:
		return string(f.take(f.length(true)))
	default:
		f.fail("a text is missing: %#02x", code)
		return ""
	}
}

// Binary is a binary field.
func (f *Fields) Binary() []byte {
	if !f.present() {
		return nil
	}
	switch code := f.byte(); code {
	case codeBinary8, codeBinary32:
		return f.take(f.length(code == codeBinary32))
	default:
		f.fail("a binary is missing: %#02x", code)
		return nil
	}
}

// Bool is a boolean field, false if it is absent.
func (f *Fields) Bool() bool {
	if !f.present() {
		return false
	}
	switch code := f.byte(); code {
	case codeTrue:
		return true
	case codeFalse:
		return false
	case codeBoolean:
		return f.byte() != 0
	default:
		f.fail("a boolean is missing: %#02x", code)
		return false
	}
}

// Uint is an unsigned field of any width.
func (f *Fields) Uint(absent uint64) uint64 {
	if !f.present() {
		return absent
	}
	switch code := f.byte(); code {
	case codeUint0, codeUlong0:
		return 0
	case codeUbyte, codeSmallUint, codeSmallUlong:
		return uint64(f.byte())
	case codeUshort:
		return uint64(f.uint16())
	case codeUint:
		return uint64(f.uint32())
	case codeUlong:
		return f.uint64()
	default:
		f.fail("a number is missing: %#02x", code)
		return 0
	}
}

// Uint32 is a uint field.
func (f *Fields) Uint32(absent uint32) uint32 {
	n := f.Uint(uint64(absent))
	if n > math.MaxUint32 {
		f.fail("%d is no uint", n)
		return 0
	}
	return uint32(n)
}

// OptionalUint32 is a uint field, and whether it is there.
func (f *Fields) OptionalUint32() (uint32, bool) {
	const none = math.MaxUint64
	n := f.Uint(none)
	if n == none {
		return 0, false
	}
	if n > math.MaxUint32 {
		f.fail("%d is no uint", n)
		return 0, false
	}
	return uint32(n), true
}
