package triggers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"latchkey/handlers/hostwire"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

// handleEffect carries out the effect that a message holds. A message that cannot be read, or that asks for what does not exist, is parked with its reason and never
// retried: it would fail the same way for ever.
func handleEffect(a *app.App) func(context.Context, hostwire.ServiceBusMessage) error {
	return func(ctx context.Context, message hostwire.ServiceBusMessage) error {
		var effect governance.Effect
		if err := json.Unmarshal(message.Body, &effect); err != nil {
			return park(ctx, a, message, fmt.Errorf("the message is no effect: %w", err))
		}
		if effect.ID == "" || effect.SubjectID == "" || effect.Kind == "" {
			return park(ctx, a, message, errors.New("the message names no id, kind or subject"))
		}
		err := a.HandleEffect(ctx, governance.System(), effect)
		if governance.CodeOf(err) == governance.CodeInvalid {
			return park(ctx, a, message, err)
		}
		return err
	}
}

// park puts a message aside for an operator.
func park(ctx context.Context, a *app.App, message hostwire.ServiceBusMessage, reason error) error {
	return a.ParkMessage(ctx, governance.System(), app.Unreadable{
		ID: message.MessageID, SessionID: message.SessionID, Subject: message.Subject, CorrelationID: message.CorrelationID, ContentType: message.ContentType, Body: message.Body,
	}, reason)
}
