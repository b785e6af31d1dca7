package operate

import (
	"context"
	"fmt"

	"latchkey/shared/app/authz"
	"latchkey/shared/bus"
	"latchkey/shared/governance"
)

// Received is a message as its queue delivered it.
type Received struct {
	Queue         string
	DeliveryCount int // 1 the first time
	ID            string
	SessionID     string
	Subject       string
	CorrelationID string
	ContentType   string
	Body          []byte
}

// maxReason bounds the reason of a parked message, in bytes.
const maxReason = 1000

// ParkMessage puts a message aside with its reason, for an operator to look at: it would fail the same way for ever. Errors: those of the bus, after which the message
// must be given back.
func (w *Worker) ParkMessage(ctx context.Context, caller governance.Caller, message Received, reason error) error {
	if err := w.Authz.Require(ctx, caller, authz.OpRunLifecycle); err != nil {
		return err
	}
	why := governance.Shorten(reason.Error(), maxReason) // it may repeat what the message says
	w.Log.ErrorContext(ctx, "a message is parked", "alert", true, "queue", message.Queue, "messageId", message.ID, "subject", message.Subject, "bytes", len(message.Body), "reason", why,
		"stops", stops[message.Queue], "mend", "docs/operate/dead-letters.md#parked")
	err := w.Bus.Send(ctx, bus.Parked, bus.Message{
		ID:            "parked-" + governance.NameID(message.ID+message.SessionID),
		Subject:       message.Subject,
		CorrelationID: message.CorrelationID,
		ContentType:   message.ContentType,
		Properties:    map[string]string{"reason": why, "queue": message.Queue, "messageId": message.ID, "sessionId": message.SessionID},
		Body:          message.Body,
	})
	if err != nil {
		return fmt.Errorf("park the message: %w", err)
	}
	return nil
}
