package servicebus

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
)

// The annotations of Service Bus.
const (
	sequenceNumberAnnotation   = "x-opt-sequence-number"
	enqueuedSequenceAnnotation = "x-opt-enqueue-sequence-number"
	enqueuedTimeAnnotation     = "x-opt-enqueued-time"
	lockedUntilAnnotation      = "x-opt-locked-until"
	scheduledTimeAnnotation    = "x-opt-scheduled-enqueue-time"
	stateAnnotation            = "x-opt-message-state"
	deadLetterSourceAnnotation = "x-opt-deadletter-source"
	lockTokenAnnotation        = "x-opt-lock-token"
)

// envelope is what the core sees of a message, with the message itself in tow. The bytes are kept.
func envelope(m *amqp.Message, wire []byte) memory.Envelope {
	e := memory.Envelope{Wire: wire, Message: bus.Message{
		ID: text(m.Properties.MessageID), SessionID: m.Properties.GroupID, Subject: m.Properties.Subject,
		CorrelationID: text(m.Properties.CorrelationID), ContentType: m.Properties.ContentType,
	}}
	if e.ID == "" {
		e.ID = uuid.NewString() // who names no id wants no duplicate detection
	}
	if at, ok := m.Annotations.Get(scheduledTimeAnnotation).(time.Time); ok {
		e.NotBefore = at
	}
	if len(m.ApplicationProperties) > 0 {
		e.Properties = make(map[string]string, len(m.ApplicationProperties))
		for _, entry := range m.ApplicationProperties {
			e.Properties[text(entry.Key)] = text(entry.Value)
		}
	}
	switch value := m.Value.(type) {
	case string:
		e.Body = []byte(value)
	case []byte:
		e.Body = value
	}
	for i, data := range m.Data {
		if i == 0 {
			e.Body = data
		} else {
			e.Body = append(e.Body[:len(e.Body):len(e.Body)], data...)
		}
	}
	return e
}

// text is a value as a string.
func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case amqp.Symbol:
		return string(v)
	case []byte:
		return hex.EncodeToString(v)
	case amqp.UUID:
		return uuid.UUID(v).String()
	case uint64:
		return strconv.FormatUint(v, 10)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	default:
		return fmt.Sprint(v)
	}
}

// tag is a lock token as a delivery tag: Service Bus writes it as .NET does a GUID.
func tag(t memory.LockToken) []byte {
	return []byte{t[3], t[2], t[1], t[0], t[5], t[4], t[7], t[6], t[8], t[9], t[10], t[11], t[12], t[13], t[14], t[15]}
}

// appendDelivery adds the message as a receiver gets it: with the header and the annotations of the broker, and the rest as it was sent.
func appendDelivery(b []byte, d *memory.Delivery, withToken bool) ([]byte, error) {
	var sent amqp.Message
	if d.Wire != nil {
		var err error
		if sent, err = amqp.ReadMessage(d.Wire); err != nil {
			return nil, err
		}
	}
	failures := d.DeliveryCount
	if d.State == memory.Locked && failures > 0 {
		failures--
	}
	b = amqp.AppendHeader(b, sent.TimeToLive, uint32(failures))
	if withToken {
		var annotations amqp.Compound
		b, annotations = amqp.BeginDeliveryAnnotations(b)
		b = amqp.AppendSymbol(b, lockTokenAnnotation)
		var err error
		if b, err = amqp.AppendValue(b, amqp.UUID(d.LockToken)); err != nil {
			return nil, err
		}
		b = annotations.End(b, 2)
	}
	b, err := appendAnnotations(b, d, sent.Annotations)
	if err != nil {
		return nil, err
	}
	if sent.RawProperties != nil {
		b = append(b, sent.RawProperties...)
	} else if d.Wire == nil {
		properties := amqp.Properties{
			MessageID: d.Message.ID, Subject: d.Message.Subject, ContentType: d.Message.ContentType,
			GroupID: d.Message.SessionID, HasGroupID: d.Message.SessionID != "",
		}
		if d.Message.CorrelationID != "" {
			properties.CorrelationID = d.Message.CorrelationID
		}
		if b, err = properties.AppendProperties(b); err != nil {
			return nil, err
		}
	}
	if b, err = appendApplicationProperties(b, d, &sent); err != nil {
		return nil, err
	}
	if d.Wire != nil {
		return append(b, sent.RawBody...), nil
	}
	return amqp.AppendData(b, d.Message.Body), nil
}

func appendAnnotations(b []byte, d *memory.Delivery, sent amqp.Map) ([]byte, error) {
	b, annotations := amqp.BeginAnnotations(b)
	count := 0
	add := func(name string, value any) (err error) {
		b = amqp.AppendSymbol(b, name)
		b, err = amqp.AppendValue(b, value)
		count++
		return err
	}
	own := amqp.Map{
		{Key: sequenceNumberAnnotation, Value: d.SequenceNumber},
		{Key: enqueuedTimeAnnotation, Value: d.EnqueuedTime},
		{Key: stateAnnotation, Value: stateCode(d.State)},
	}
	if !d.LockedUntil.IsZero() {
		own = append(own, amqp.Entry{Key: lockedUntilAnnotation, Value: d.LockedUntil})
	}
	if d.DeadLetterSource != "" {
		own = append(own, amqp.Entry{Key: deadLetterSourceAnnotation, Value: d.DeadLetterSource},
			amqp.Entry{Key: enqueuedSequenceAnnotation, Value: d.EnqueuedSequence})
	}
	if !d.Message.NotBefore.IsZero() {
		own = append(own, amqp.Entry{Key: scheduledTimeAnnotation, Value: d.Message.NotBefore})
	}
	for _, entry := range own {
		if err := add(entry.Key.(string), entry.Value); err != nil {
			return nil, err
		}
	}
	for _, entry := range sent { // the sender's own, such as a partition key
		if name := text(entry.Key); own.Get(name) == nil {
			if err := add(name, entry.Value); err != nil {
				return nil, err
			}
		}
	}
	return annotations.End(b, 2*count), nil
}

func stateCode(s memory.State) int32 {
	switch s {
	case memory.Deferred:
		return 1
	case memory.Scheduled:
		return 2
	default:
		return 0
	}
}

// appendApplicationProperties adds them as they were sent, and why the message is dead if it is.
func appendApplicationProperties(b []byte, d *memory.Delivery, sent *amqp.Message) ([]byte, error) {
	var dead amqp.Map
	if d.DeadLetterReason != "" {
		dead = append(dead, amqp.Entry{Key: "DeadLetterReason", Value: d.DeadLetterReason})
	}
	if d.DeadLetterDescription != "" {
		dead = append(dead, amqp.Entry{Key: "DeadLetterErrorDescription", Value: d.DeadLetterDescription})
	}
	if len(dead) == 0 && d.Wire != nil {
		return append(b, sent.RawApplication...), nil
	}
	properties := sent.ApplicationProperties
	if d.Wire == nil {
		for name, value := range d.Message.Properties {
			properties = append(properties, amqp.Entry{Key: name, Value: value})
		}
	}
	count := 0
	b, all := amqp.BeginApplicationProperties(b)
	add := func(name string, value any) (err error) {
		b = amqp.AppendString(b, name)
		b, err = amqp.AppendValue(b, value)
		count++
		return err
	}
	for _, entry := range properties {
		if name := text(entry.Key); dead.Get(name) == nil {
			if err := add(name, entry.Value); err != nil {
				return nil, err
			}
		}
	}
	for _, entry := range dead {
		if err := add(entry.Key.(string), entry.Value); err != nil {
			return nil, err
		}
	}
	return all.End(b, 2*count), nil
}
