package triggers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"latchkey/handlers/hostwire"
	"latchkey/shared/app"
	"latchkey/shared/bus"
	"latchkey/shared/governance"
)

// handleEffect carries out the effect that a message holds. A message that cannot be read, or that asks for what does not exist, is parked with its reason and never
// retried: it would fail the same way for ever.
func handleEffect(a *app.App, parking bus.Bus, logger *slog.Logger) func(context.Context, hostwire.ServiceBusMessage) error {
	return func(ctx context.Context, message hostwire.ServiceBusMessage) error {
		var effect governance.Effect
		if err := json.Unmarshal(message.Body, &effect); err != nil {
			return park(ctx, parking, logger, message, fmt.Errorf("the message is no effect: %w", err))
		}
		if effect.ID == "" || effect.SubjectID == "" || effect.Kind == "" {
			return park(ctx, parking, logger, message, errors.New("the message names no id, kind or subject"))
		}
		err := a.HandleEffect(ctx, governance.System(), effect)
		if governance.CodeOf(err) == governance.CodeInvalid {
			return park(ctx, parking, logger, message, err)
		}
		return err
	}
}

// park puts a message aside for an operator.
func park(ctx context.Context, parking bus.Bus, logger *slog.Logger, message hostwire.ServiceBusMessage, reason error) error {
	logger.ErrorContext(ctx, "a message is parked", "alert", true, "messageId", message.MessageID, "subject", message.Subject, "bytes", len(message.Body), "reason", reason.Error())
	err := parking.Send(ctx, bus.Parked, bus.Message{
		ID:            "parked-" + message.MessageID,
		Subject:       message.Subject,
		CorrelationID: message.CorrelationID,
		ContentType:   message.ContentType,
		Properties:    map[string]string{"reason": reason.Error(), "sessionId": message.SessionID},
		Body:          message.Body,
	})
	if err != nil {
		return fmt.Errorf("park the message: %w", err)
	}
	return nil
}
