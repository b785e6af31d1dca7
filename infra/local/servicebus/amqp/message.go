package amqp

import (
	"time"
)

// The descriptors of the sections of a message.
const (
	codeHeader                = 0x70
	codeDeliveryAnnotations   = 0x71
	codeMessageAnnotations    = 0x72
	codeProperties            = 0x73
	codeApplicationProperties = 0x74
	codeData                  = 0x75
	codeSequence              = 0x76
	codeValue                 = 0x77
	codeFooter                = 0x78
)

// BatchFormat is the message format of a transfer whose data sections are messages by themselves.
const BatchFormat = 0x80013700

// Message is a message taken apart. Its raw parts point into what it was read from.
type Message struct {
	TimeToLive  time.Duration // of the header; zero: for ever
	Annotations Map           // of the message

	Properties            Properties
	RawProperties         []byte // the section; nil: none
	ApplicationProperties Map
	RawApplication        []byte // the section; nil: none

	Data    [][]byte // the data sections
	Value   any      // of the value section
	RawBody []byte   // all sections of the body, and the footer
}

// Properties are the standard properties that the broker acts on or passes on.
type Properties struct {
	MessageID     any // string, uint64, UUID or []byte
	To            string
	Subject       string
	ReplyTo       string
	CorrelationID any
	ContentType   string
	GroupID       string
	HasGroupID    bool
}

// ReadMessage takes a message apart.
func ReadMessage(data []byte) (Message, error) {
	r := NewReader(data)
	var m Message
	for r.Len() > 0 && r.err == nil {
		at := r.data
		code := r.Descriptor()
		switch code {
		case codeHeader:
			f := r.Fields()
			f.Skip()
			f.Skip()
			m.TimeToLive = time.Duration(f.Uint32(0)) * time.Millisecond
			r.finish(&f.Reader)
		case codeDeliveryAnnotations:
			r.Skip()
		case codeMessageAnnotations:
			m.Annotations = r.annotations()
		case codeProperties:
			m.Properties = r.properties()
			m.RawProperties = span(at, &r)
		case codeApplicationProperties:
			m.ApplicationProperties = r.annotations()
			m.RawApplication = span(at, &r)
		case codeData, codeSequence, codeValue, codeFooter:
			if m.RawBody == nil {
				m.RawBody = at
			}
			m.body(code, &r)
		default:
			r.fail("no section has the descriptor %#x", code)
		}
	}
	return m, r.err
}

// span is what was read of at.
func span(at []byte, r *Reader) []byte {
	n := len(at) - r.Len()
	return at[:n:n]
}

func (m *Message) body(code uint64, r *Reader) {
	switch code {
	case codeData:
		switch c := r.byte(); c {
		case codeBinary8, codeBinary32:
			m.Data = append(m.Data, r.take(r.length(c == codeBinary32)))
		default:
			r.fail("a data section of type %#02x", c)
		}
	case codeValue:
		m.Value = r.Value()
	default:
		r.Skip()
	}
}

func (r *Reader) annotations() Map {
	value := r.Value()
	m, ok := value.(Map)
	if !ok && value != nil {
		r.fail("a section that is no map")
	}
	return m
}

func (r *Reader) properties() Properties {
	f := r.Fields()
	var p Properties
	p.MessageID = f.Value()
	f.Skip() // user-id
	p.To = f.Text()
	p.Subject = f.Text()
	p.ReplyTo = f.Text()
	p.CorrelationID = f.Value()
	p.ContentType = f.Text()
	f.Skip() // content-encoding
	f.Skip() // absolute-expiry-time
	f.Skip() // creation-time
	p.HasGroupID = f.left > 0 && len(f.data) > 0 && f.data[0] != codeNull
	p.GroupID = f.Text()
	r.finish(&f.Reader)
	return p
}

// AppendHeader adds the header of a delivery that has failed so many times before.
func AppendHeader(b []byte, timeToLive time.Duration, deliveryCount uint32) []byte {
	b, list := BeginList(AppendDescriptor(b, codeHeader))
	b = AppendBool(b, true)
	b = append(b, codeNull)
	if timeToLive > 0 {
		b = AppendUint(b, uint32(timeToLive/time.Millisecond))
	} else {
		b = append(b, codeNull)
	}
	b = append(b, codeNull)
	return list.End(AppendUint(b, deliveryCount), 5)
}

// BeginAnnotations starts the message annotations, a map.
func BeginAnnotations(b []byte) ([]byte, Compound) {
	return BeginMap(AppendDescriptor(b, codeMessageAnnotations))
}

// BeginDeliveryAnnotations starts the delivery annotations, a map.
func BeginDeliveryAnnotations(b []byte) ([]byte, Compound) {
	return BeginMap(AppendDescriptor(b, codeDeliveryAnnotations))
}

// BeginApplicationProperties starts the application properties, a map.
func BeginApplicationProperties(b []byte) ([]byte, Compound) {
	return BeginMap(AppendDescriptor(b, codeApplicationProperties))
}

// AppendProperties adds the properties. It fails if an id has no form on the wire.
func (p *Properties) AppendProperties(b []byte) ([]byte, error) {
	b, list := BeginList(AppendDescriptor(b, codeProperties))
	b, err := AppendValue(b, p.MessageID)
	if err != nil {
		return nil, err
	}
	b = append(b, codeNull)
	b = appendOptional(b, p.To, AppendString)
	b = appendOptional(b, p.Subject, AppendString)
	b = appendOptional(b, p.ReplyTo, AppendString)
	if b, err = AppendValue(b, p.CorrelationID); err != nil {
		return nil, err
	}
	b = appendOptional(b, p.ContentType, AppendSymbol)
	b = append(b, codeNull, codeNull, codeNull)
	if !p.HasGroupID {
		return list.End(b, 10), nil
	}
	return list.End(AppendString(b, p.GroupID), 11), nil
}

func appendOptional(b []byte, text string, add func([]byte, string) []byte) []byte {
	if text == "" {
		return append(b, codeNull)
	}
	return add(b, text)
}

// AppendData adds a data section.
func AppendData(b, data []byte) []byte {
	return AppendBinary(AppendDescriptor(b, codeData), data)
}

// BeginValue starts a value section; the value follows.
func BeginValue(b []byte) []byte { return AppendDescriptor(b, codeValue) }
