package servicebus

import (
	"cmp"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/shared/bus"
)

// encode is the message as the SDK has it. What is empty is left out.
func encode(m *bus.Message) *azservicebus.Message {
	contentType := cmp.Or(m.ContentType, bus.JSON)
	encoded := &azservicebus.Message{
		MessageID: &m.ID, SessionID: optional(&m.SessionID), Subject: optional(&m.Subject), CorrelationID: optional(&m.CorrelationID),
		ContentType: &contentType, Body: m.Body,
	}
	if len(m.Properties) > 0 {
		encoded.ApplicationProperties = make(map[string]any, len(m.Properties))
		for name, value := range m.Properties {
			encoded.ApplicationProperties[name] = value
		}
	}
	if !m.NotBefore.IsZero() {
		at := m.NotBefore.UTC()
		encoded.ScheduledEnqueueTime = &at
	}
	if encoded.Body == nil {
		encoded.Body = []byte{} // without a body there would be no data section
	}
	return encoded
}

func optional(text *string) *string {
	if *text == "" {
		return nil
	}
	return text
}
