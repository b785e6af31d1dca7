package hostwire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DataType says how the function's binding delivers bodies; it is the dataType of function.json.
type DataType uint8

// The data types. Binary is what Latchkey's functions use: exact bytes, and metadata that no body can forge.
const (
	Binary DataType = iota
	Text
)

// ServiceBusMessage is a message as a Service Bus trigger hands it on. Fields that the host left out are zero.
type ServiceBusMessage struct {
	Body                  []byte
	MessageID             string
	SessionID             string
	CorrelationID         string
	Subject               string
	ContentType           string
	To                    string
	ReplyTo               string
	ReplyToSessionID      string
	PartitionKey          string
	DeadLetterSource      string
	DeliveryCount         int // 1 on the first delivery
	SequenceNumber        int64
	EnqueuedTime          time.Time
	ExpiresAt             time.Time
	ApplicationProperties map[string]string

	// Forged names the metadata that the message's own body overwrote, which can only happen when the binding's dataType is not binary. Those fields are
	// left zero here: whoever sent the message chose their values.
	Forged []string
}

// ServiceBusMessage reads the one message of a trigger with cardinality one. Errors: ErrMalformed.
func (in Invocation) ServiceBusMessage(as DataType) (ServiceBusMessage, error) {
	raw, err := in.only()
	if err != nil {
		return ServiceBusMessage{}, err
	}
	body, scanned, err := decodeBody(raw, as, true)
	if err != nil {
		return ServiceBusMessage{}, err
	}
	forged := forgedKeys(body, scanned)
	message := ServiceBusMessage{Body: body}
	message.fill(func(name string) json.RawMessage {
		value := in.Metadata[name]
		if value != nil && forged[strings.ToLower(name)] {
			message.Forged = append(message.Forged, name)
			return nil
		}
		return value
	})
	slices.Sort(message.Forged)
	return message, nil
}

// ServiceBusBatch reads the messages of a trigger with cardinality many. Errors: ErrMalformed, also when the metadata does not tell of as many messages as
// there are bodies: a message with another's identity would be worse than none.
func (in Invocation) ServiceBusBatch(as DataType) ([]ServiceBusMessage, error) {
	raw, err := in.only()
	if err != nil {
		return nil, err
	}
	bodies, ok := array(raw)
	if !ok {
		return nil, fmt.Errorf("%w: a batch must be an array", ErrMalformed)
	}
	columns := make(map[string][]json.RawMessage)
	for name, value := range in.Metadata {
		field, isArray := strings.CutSuffix(name, "Array")
		if !isArray {
			continue
		}
		column, ok := array(value)
		if !ok || len(column) != len(bodies) {
			return nil, fmt.Errorf("%w: %s does not match %d messages", ErrMalformed, name, len(bodies))
		}
		columns[field] = column
	}
	messages := make([]ServiceBusMessage, len(bodies))
	for i, raw := range bodies {
		body, _, err := decodeBody(raw, as, false)
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", i, err)
		}
		messages[i].Body = body
		messages[i].fill(func(name string) json.RawMessage {
			if column := columns[name]; column != nil {
				return column[i]
			}
			return nil
		})
	}
	return messages, nil
}

func (m *ServiceBusMessage) fill(get func(name string) json.RawMessage) {
	first := func(names ...string) json.RawMessage {
		for _, name := range names {
			if value := get(name); value != nil {
				return value
			}
		}
		return nil
	}
	m.MessageID, _ = text(get("MessageId"))
	m.SessionID, _ = text(get("SessionId"))
	m.CorrelationID, _ = text(get("CorrelationId"))
	m.Subject, _ = text(first("Subject", "Label"))
	m.ContentType, _ = text(get("ContentType"))
	m.To, _ = text(get("To"))
	m.ReplyTo, _ = text(get("ReplyTo"))
	m.ReplyToSessionID, _ = text(get("ReplyToSessionId"))
	m.PartitionKey, _ = text(get("PartitionKey"))
	m.DeadLetterSource, _ = text(get("DeadLetterSource"))
	count, _ := integer(get("DeliveryCount"))
	m.DeliveryCount = int(count)
	m.SequenceNumber, _ = integer(get("SequenceNumber"))
	m.EnqueuedTime, _ = instant(first("EnqueuedTimeUtc", "EnqueuedTime"))
	m.ExpiresAt, _ = instant(first("ExpiresAtUtc", "ExpiresAt"))
	m.ApplicationProperties = properties(first("ApplicationProperties", "UserProperties"))
}

// decodeBody returns the bytes of a body and whether the host scanned it for properties, which it does with everything but binary. The single trigger's
// strings are encoded twice, the elements of a batch once.
func decodeBody(raw json.RawMessage, as DataType, twice bool) (body []byte, scanned bool, err error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] == 'n' {
		return nil, false, nil
	}
	if raw[0] != '"' {
		return raw, true, nil
	}
	once, ok := unquote(raw)
	if !ok {
		return nil, false, fmt.Errorf("%w: the body is no string", ErrMalformed)
	}
	if twice {
		if inner, ok := unquote([]byte(once)); ok { // base64 holds no quotes
			return []byte(inner), true, nil
		}
	}
	if as == Text {
		return []byte(once), true, nil
	}
	body, err = base64.StdEncoding.DecodeString(once)
	if err != nil {
		return nil, false, fmt.Errorf("%w: the body is not base64; is dataType binary in function.json?", ErrMalformed)
	}
	return body, false, nil
}

// forgedKeys returns, in lower case, the names of metadata that a scanned body overwrites: the host copies every top-level property of a JSON body that is
// no array over the metadata of the same name.
func forgedKeys(body []byte, scanned bool) map[string]bool {
	if !scanned {
		return nil
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	forged := make(map[string]bool, len(members))
	for name, value := range members {
		if !bytes.HasPrefix(value, []byte{'['}) {
			forged[strings.ToLower(name)] = true
		}
	}
	return forged
}
