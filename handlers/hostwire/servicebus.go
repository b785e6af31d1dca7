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
	body, scanned, err := decodeBody(raw, as)
	if err != nil {
		return ServiceBusMessage{}, err
	}
	overwritten := forgedKeys(body, scanned)
	var forged []string
	get := func(names ...string) json.RawMessage { // the first that is there and nobody forged
		for _, name := range names {
			switch value := in.Metadata[name]; {
			case value == nil:
			case overwritten[strings.ToLower(name)]:
				forged = append(forged, name)
			default:
				return value
			}
		}
		return nil
	}
	word := func(names ...string) string {
		found := text(get(names...))
		return found
	}
	message := ServiceBusMessage{
		Body: body, MessageID: word("MessageId"), SessionID: word("SessionId"), CorrelationID: word("CorrelationId"), Subject: word("Subject", "Label"), ContentType: word("ContentType"),
		To: word("To"), ReplyTo: word("ReplyTo"), ReplyToSessionID: word("ReplyToSessionId"), PartitionKey: word("PartitionKey"), DeadLetterSource: word("DeadLetterSource"),
		DeliveryCount: int(integer(get("DeliveryCount"))), SequenceNumber: integer(get("SequenceNumber")),
		EnqueuedTime: instant(get("EnqueuedTimeUtc", "EnqueuedTime")), ExpiresAt: instant(get("ExpiresAtUtc", "ExpiresAt")),
		ApplicationProperties: properties(get("ApplicationProperties", "UserProperties")),
	}
	slices.Sort(forged)
	message.Forged = forged
	return message, nil
}

// decodeBody returns the bytes of a body and whether the host scanned it for properties, which it does with everything but binary. Strings are encoded twice.
func decodeBody(raw json.RawMessage, as DataType) (body []byte, scanned bool, err error) {
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
	if inner, ok := unquote([]byte(once)); ok { // base64 holds no quotes
		return []byte(inner), true, nil
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
