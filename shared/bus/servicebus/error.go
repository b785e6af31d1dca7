package servicebus

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/Azure/go-amqp"

	"latchkey/shared/bus"
)

var errClosed = errors.New("the bus is closed")

// translate wraps an error of the SDK in the sentinel of the port that it means. What it does not know is bus.ErrUnavailable: sending again is safe.
// The SDK does not always say that the context has ended; translate does.
func translate(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	for _, sentinel := range []error{bus.ErrUnavailable, bus.ErrThrottled, bus.ErrNotFound, bus.ErrTooLarge, bus.ErrForbidden, bus.ErrInvalid} {
		if errors.Is(err, sentinel) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", meaning(err), err)
}

// The conditions of Service Bus that AMQP does not have.
const (
	serverBusy  amqp.ErrCond = "com.microsoft:server-busy"
	badArgument amqp.ErrCond = "com.microsoft:argument-error"
	outOfRange  amqp.ErrCond = "com.microsoft:argument-out-of-range"
)

func meaning(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return bus.ErrUnavailable
	}
	if errors.Is(err, azservicebus.ErrMessageTooLarge) {
		return bus.ErrTooLarge
	}
	if condition, ok := errors.AsType[*amqp.Error](err); ok {
		switch condition.Condition {
		case amqp.ErrCondNotFound:
			return bus.ErrNotFound
		case amqp.ErrCondUnauthorizedAccess:
			return bus.ErrForbidden
		case serverBusy, amqp.ErrCondResourceLimitExceeded: // the latter: the queue is full
			return bus.ErrThrottled
		case amqp.ErrCondMessageSizeExceeded:
			return bus.ErrTooLarge
		case amqp.ErrCondNotAllowed, badArgument, outOfRange:
			return bus.ErrInvalid
		}
	}
	if coded, ok := errors.AsType[*azservicebus.Error](err); ok {
		switch coded.Code {
		case azservicebus.CodeNotFound:
			return bus.ErrNotFound
		case azservicebus.CodeUnauthorizedAccess:
			return bus.ErrForbidden
		default: // all others may pass
		}
	}
	return bus.ErrUnavailable
}

// broken says that the link of a sender has ended for good: the SDK makes a new one after some errors, and after others returns the same for ever.
func broken(err error) bool {
	_, link := errors.AsType[*amqp.LinkError](err)
	coded, ok := errors.AsType[*azservicebus.Error](err)
	return link || ok && (coded.Code == azservicebus.CodeClosed || coded.Code == azservicebus.CodeUnauthorizedAccess)
}
