package app

import (
	"context"
	"fmt"

	"latchkey/shared/bus"
	"latchkey/shared/governance"
)

// Unreadable is a message that no handler can make anything of.
type Unreadable struct {
	ID            string
	SessionID     string
	Subject       string
	CorrelationID string
	ContentType   string
	Body          []byte
}

// ParkMessage puts a message aside with its reason, for an operator to look at: it would fail the same way for ever. Errors: those of the bus, after which the message
// must be given back.
func (a *App) ParkMessage(ctx context.Context, caller governance.Caller, message Unreadable, reason error) error {
	if err := authorize(caller, OpRunLifecycle); err != nil {
		return err
	}
	a.log.ErrorContext(ctx, "a message is parked", "alert", true, "messageId", message.ID, "subject", message.Subject, "bytes", len(message.Body), "reason", reason.Error())
	err := a.bus.Send(ctx, bus.Parked, bus.Message{
		ID:            "parked-" + governance.NameID(message.ID+message.SessionID),
		Subject:       message.Subject,
		CorrelationID: message.CorrelationID,
		ContentType:   message.ContentType,
		Properties:    map[string]string{"reason": reason.Error(), "messageId": message.ID, "sessionId": message.SessionID},
		Body:          message.Body,
	})
	if err != nil {
		return fmt.Errorf("park the message: %w", err)
	}
	return nil
}
