package triggers

import (
	"context"
	"errors"
	"strconv"

	"latchkey/handlers/hostwire"
	"latchkey/shared/app/operate"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
)

// errPanicked is how the handling of a message ended that did not return.
var errPanicked = errors.New("the handler panicked; the line about the invocation has the stack")

// handleEffect carries out the effect that a message of a queue holds. A message that cannot be read, or that asks for what does not exist, is parked with its reason and never
// retried: it would fail the same way for ever. One that fails for another reason each time it is delivered ends among the dead letters, and the last time that is told.
func handleEffect(worker *operate.Worker, queue string) func(context.Context, hostwire.ServiceBusMessage) error {
	return func(ctx context.Context, message hostwire.ServiceBusMessage) (err error) {
		received := operate.Received{
			Queue: queue, DeliveryCount: message.DeliveryCount, ID: message.MessageID, SessionID: message.SessionID, Subject: message.Subject,
			CorrelationID: message.CorrelationID, ContentType: message.ContentType, Body: message.Body,
		}
		ctx, span := begin(ctx, worker, message)
		err = errPanicked // until it returns
		defer func() {
			if err != nil {
				worker.TellDeadLetter(ctx, received, err)
			}
			span.End(err)
		}()
		effect, failure := ledger.ReadMessage(message.Body)
		if failure == nil {
			platform.NameSubject(ctx, effect.Partition)
			span.Set("effect", string(effect.What))
			failure = worker.HandleEffect(ctx, governance.System(), effect)
		}
		if governance.CodeOf(failure) == governance.CodeInvalid {
			return worker.ParkMessage(ctx, governance.System(), received, failure)
		}
		return failure
	}
}

// begin goes on with the trace that a message carries, and tells how long it was on its way.
func begin(ctx context.Context, worker *operate.Worker, message hostwire.ServiceBusMessage) (context.Context, *platform.Span) {
	if !platform.Traced(ctx) {
		return ctx, nil
	}
	function := platform.OperationOf(ctx)
	if !message.EnqueuedTime.IsZero() {
		platform.Measure(ctx, platform.MetricQueueLag, platform.Seconds(worker.Ledger.Now().Sub(message.EnqueuedTime)), "function", function)
	}
	ctx = platform.ContinueTrace(ctx, message.ApplicationProperties[platform.TraceParent])
	return platform.Start(ctx, platform.Consumer, "process "+function, "deliveryCount", strconv.Itoa(message.DeliveryCount))
}
