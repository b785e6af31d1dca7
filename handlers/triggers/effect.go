package triggers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"latchkey/handlers/hostwire"
	"latchkey/shared/app"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// handleEffect carries out the effect that a message holds. A message that cannot be read, or that asks for what does not exist, is parked with its reason and never
// retried: it would fail the same way for ever.
func handleEffect(a *app.App) func(context.Context, hostwire.ServiceBusMessage) error {
	return func(ctx context.Context, message hostwire.ServiceBusMessage) (err error) {
		ctx, span := begin(ctx, a, message)
		defer func() { span.End(err) }()
		var effect governance.Effect
		if err := json.Unmarshal(message.Body, &effect); err != nil {
			return park(ctx, a, message, fmt.Errorf("the message is no effect: %w", err))
		}
		if effect.ID == "" || effect.SubjectID == "" || effect.Kind == "" {
			return park(ctx, a, message, errors.New("the message names no id, kind or subject"))
		}
		platform.NameSubject(ctx, effect.SubjectID)
		span.Set("effect", string(effect.Kind))
		err = a.HandleEffect(ctx, governance.System(), effect)
		if governance.CodeOf(err) == governance.CodeInvalid {
			return park(ctx, a, message, err)
		}
		return err
	}
}

// begin goes on with the trace that a message carries, and tells how long it was on its way.
func begin(ctx context.Context, a *app.App, message hostwire.ServiceBusMessage) (context.Context, *platform.Span) {
	if !platform.Traced(ctx) {
		return ctx, nil
	}
	function := platform.OperationOf(ctx)
	if !message.EnqueuedTime.IsZero() {
		platform.Measure(ctx, platform.MetricQueueLag, platform.Seconds(a.Now().Sub(message.EnqueuedTime)), "function", function)
	}
	ctx = platform.ContinueTrace(ctx, message.ApplicationProperties[platform.TraceParent])
	return platform.Start(ctx, platform.Consumer, "process "+function, "deliveryCount", strconv.Itoa(message.DeliveryCount))
}

// park puts a message aside for an operator.
func park(ctx context.Context, a *app.App, message hostwire.ServiceBusMessage, reason error) error {
	return a.ParkMessage(ctx, governance.System(), app.Unreadable{
		ID: message.MessageID, SessionID: message.SessionID, Subject: message.Subject, CorrelationID: message.CorrelationID, ContentType: message.ContentType, Body: message.Body,
	}, reason)
}
