package operate

import (
	"context"

	"latchkey/shared/bus"
)

// TellDeadLetter writes one line about a message whose handling has failed, if that was its last delivery: its queue now puts it among the dead letters, where it stays until an operator
// has looked at it. Earlier failures are told by whoever runs the function.
func (w *Worker) TellDeadLetter(ctx context.Context, message Received, failure error) {
	if message.DeliveryCount < bus.MaxDeliveryCount {
		return
	}
	w.Log.ErrorContext(ctx, "a message goes to the dead letters", "alert", true, "queue", message.Queue, "messageId", message.ID, "sessionId", message.SessionID, "subject", message.Subject,
		"correlationId", message.CorrelationID, "deliveries", message.DeliveryCount, "error", failure, "stops", stops[message.Queue],
		"mend", "find the cause, then go run ./infra/deadletters resends it: docs/operate/dead-letters.md")
}
