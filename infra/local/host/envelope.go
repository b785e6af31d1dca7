package host

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"latchkey/functions"
)

// The envelope of an invocation, as the host encodes it: strings and numbers twice, objects and bytes once, dates to the second.

// system is the member sys of every invocation's metadata.
type system struct {
	method string
	now    time.Time
	guid   string
}

func (s system) append(b []byte) []byte {
	b = append(b, `"sys":{"MethodName":`...)
	b = appendString(b, s.method)
	b = append(b, `,"UtcNow":`...)
	b = appendString(b, s.now.UTC().Format("2006-01-02T15:04:05.9999999Z"))
	b = append(b, `,"RandGuid":`...)
	b = appendString(b, s.guid)
	return append(b, '}')
}

// appendMessage encodes the invocation of a Service Bus trigger.
func appendMessage(b []byte, f functions.Function, m *Message, sys system) []byte {
	b = append(b, `{"Data":{`...)
	b = appendString(b, f.Binding)
	b = append(b, ':')
	var body map[string]json.RawMessage // what the host copies over the metadata
	if f.DataType == "binary" {
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, m.Body)
		b = append(b, '"')
	} else {
		b = appendTwice(b, string(m.Body))
		body = topLevel(m.Body)
	}
	b = append(b, `},"Metadata":{`...)

	member := func(name string, encode func([]byte) []byte) {
		for forged, value := range body {
			if strings.EqualFold(forged, name) {
				delete(body, forged)
				if encode = property(value); encode == nil {
					return
				}
			}
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = encode(b)
		b = append(b, ',')
	}
	text := func(name, value string) {
		if value != "" {
			member(name, func(b []byte) []byte { return appendTwice(b, value) })
		}
	}
	number := func(name string, value int64) {
		member(name, func(b []byte) []byte { return append(strconv.AppendInt(append(b, '"'), value, 10), '"') })
	}
	date := func(name string, value time.Time) {
		if value.IsZero() {
			return
		}
		member(name+"Utc", func(b []byte) []byte { return value.UTC().AppendFormat(b, `"2006-01-02T15:04:05"`) })
		member(name, func(b []byte) []byte { return value.UTC().AppendFormat(b, `"2006-01-02T15:04:05+00:00"`) })
	}
	properties := func(b []byte) []byte { return appendProperties(b, m.Properties) }
	nothing := func(b []byte) []byte { return append(b, '{', '}') }

	number("DeliveryCount", int64(m.DeliveryCount))
	text("LockToken", m.LockToken)
	date("ExpiresAt", m.ExpiresAt)
	date("EnqueuedTime", m.EnqueuedTime)
	text("MessageId", m.ID)
	text("ContentType", m.ContentType)
	number("SequenceNumber", m.SequenceNumber)
	text("Subject", m.Subject)
	text("Label", m.Subject)
	text("CorrelationId", m.CorrelationID)
	member("ApplicationProperties", properties)
	member("UserProperties", properties)
	text("SessionId", m.SessionID)
	member("MessageActions", nothing)
	member("Client", nothing)
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if encode := property(body[name]); encode != nil {
			b = appendString(b, name)
			b = append(b, ':')
			b = append(encode(b), ',')
		}
	}
	b = sys.append(b)
	return append(b, "}}"...)
}

// topLevel returns the members of a JSON body that are no arrays.
func topLevel(body []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	maps.DeleteFunc(members, func(_ string, value json.RawMessage) bool { return len(value) == 0 || value[0] == '[' })
	return members
}

// property encodes a member of a body as metadata: scalars as text, objects as they are; nil for null.
func property(value json.RawMessage) func([]byte) []byte {
	switch value[0] {
	case 'n':
		return nil
	case '{':
		return func(b []byte) []byte { return append(b, value...) }
	case '"':
		var s string
		if json.Unmarshal(value, &s) != nil {
			return nil
		}
		return func(b []byte) []byte { return appendTwice(b, s) }
	default:
		return func(b []byte) []byte { return appendTwice(b, string(value)) }
	}
}

func appendProperties(b []byte, properties map[string]string) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(properties)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, name)
		b = append(b, ':')
		b = appendString(b, properties[name])
	}
	return append(b, '}')
}

// occurrence is a tick of a timer.
type occurrence struct {
	monitored  bool // the host keeps account
	last, next time.Time
	updated    time.Time
	pastDue    bool
}

// appendTick encodes the invocation of a timer.
func appendTick(b []byte, f functions.Function, o occurrence, sys system) []byte {
	const layout = `"2006-01-02T15:04:05+00:00"`
	b = append(b, `{"Data":{`...)
	b = appendString(b, f.Binding)
	b = append(b, `:{"Schedule":{"AdjustForDST":true},"ScheduleStatus":`...)
	if o.monitored {
		b = o.last.UTC().AppendFormat(append(b, `{"Last":`...), layout)
		b = o.next.UTC().AppendFormat(append(b, `,"Next":`...), layout)
		b = o.updated.UTC().AppendFormat(append(b, `,"LastUpdated":`...), layout)
		b = append(b, '}')
	} else {
		b = append(b, `null`...)
	}
	b = append(b, `,"IsPastDue":`...)
	b = strconv.AppendBool(b, o.pastDue)
	b = append(b, `}},"Metadata":{`...)
	b = sys.append(b)
	return append(b, "}}"...)
}

// appendTwice encodes a string, and the result again.
func appendTwice(b []byte, s string) []byte {
	if plain(s) {
		b = append(b, `"\"`...)
		b = append(b, s...)
		return append(b, `\""`...)
	}
	return appendString(b, string(appendString(nil, s)))
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendString encodes a string as .NET's serializer does: nothing is escaped that need not be. What is not UTF-8 becomes U+FFFD, as it does on the way into a .NET string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	if plain(s) {
		b = append(b, s...)
		return append(b, '"')
	}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < 0x20 || r == 0x85 || r == 0x2028 || r == 0x2029:
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
