package operate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/bus"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// Key says which effects a handler is for.
type Key struct {
	What governance.Work
	Kind string // of the document
}

// Worker carries out the effects that come back from the queues, and sees to the messages that it cannot.
type Worker struct {
	Ledger *ledger.Ledger
	Authz  *authz.Authorizer
	Bus    bus.Bus
	Log    *slog.Logger
	// Handlers may be called any number of times with the same effect. Where the document of one is not there, they answer with ledger.ErrNoDocument.
	Handlers map[Key]func(context.Context, governance.Effect) error
}

// HandleEffect carries out one effect. It may be called any number of times with the same one. A failure that waiting may mend is put off with a scheduled message, because the host redelivers a
// failed one at once. Errors: CodeInvalid for what is to be parked, since nobody handles it or what it is about never came; and those that redelivery is for.
func (w *Worker) HandleEffect(ctx context.Context, caller governance.Caller, effect governance.Effect) error {
	if err := w.Authz.Require(ctx, caller, authz.OpRunLifecycle); err != nil {
		return err
	}
	handle, ok := w.Handlers[Key{effect.What, effect.Kind}]
	if !ok {
		return governance.Invalid("what", "There is no effect %q of a document of the kind %q.", governance.Clip(string(effect.What)), governance.Clip(effect.Kind))
	}
	err := handle(ctx, effect)
	var unfinished ledger.UnfinishedError
	if errors.As(err, &unfinished) {
		return w.goOn(ctx, effect, unfinished.Parts)
	}
	switch ledger.CodeOf(err) {
	case governance.CodeThrottled, governance.CodeUnavailable:
		return w.putOff(ctx, effect, err)
	}
	return err
}

// putOff sends an effect again for later. After the last delay one whose document is not there is given up: loudly, since somebody must look at it. A kept one the timer sends again.
func (w *Worker) putOff(ctx context.Context, effect governance.Effect, cause error) error {
	switch {
	case effect.IsKept():
		w.Log.WarnContext(ctx, "an effect is left to the timer", "effectId", effect.ID, "what", effect.What, "requestId", effect.RequestID, "error", cause)
		return nil
	case effect.Attempt >= len(engine.RetryDelays) && errors.Is(cause, ledger.ErrNoDocument):
		return &governance.Error{Code: governance.CodeInvalid, Target: "documentId", Message: "What the effect is about is not there, and has not come.", Err: cause}
	}
	later := effect
	delay := engine.RetryDelays[min(effect.Attempt, len(engine.RetryDelays)-1)]
	later.Attempt++
	later.NotBefore = w.Ledger.Now().Add(max(delay, ledger.RetryAfter(cause)))
	original, _, _ := strings.Cut(effect.ID, "-again-")
	later.ID = fmt.Sprintf("%s-again-%d", original, later.Attempt)
	if err := w.send(ctx, later); err != nil {
		return errors.Join(cause, fmt.Errorf("put off: %w", err))
	}
	w.Log.WarnContext(ctx, "an effect is put off", "effectId", effect.ID, "what", effect.What, "kind", effect.Kind, "requestId",
		effect.RequestID, "until", later.NotBefore, "attempt", later.Attempt, "error", cause)
	return nil
}

// goOn sends the rest of an effect on its way, as a message that the queue knows again should this one be handled twice.
func (w *Worker) goOn(ctx context.Context, effect governance.Effect, parts int) error {
	original, _, _ := strings.Cut(effect.ID, "-again-")
	original, _, _ = strings.Cut(original, "-part-")
	rest := effect
	rest.ID, rest.Attempt, rest.NotBefore = fmt.Sprintf("%s-part-%d", original, parts), 0, time.Time{}
	return w.send(ctx, rest)
}

func (w *Worker) send(ctx context.Context, effect governance.Effect) error {
	m, err := ledger.Message(effect)
	if err != nil {
		return err
	}
	return w.Bus.Send(ctx, ledger.QueueOf(effect), m)
}
