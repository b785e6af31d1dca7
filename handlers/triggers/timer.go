package triggers

import (
	"context"

	"latchkey/handlers/hostwire"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

// expireDue sends on what is due.
func expireDue(a *app.App) func(context.Context, hostwire.Tick) error {
	return func(ctx context.Context, _ hostwire.Tick) error {
		_, err := a.ExpireDue(ctx, governance.System())
		return err
	}
}

// flushOutbox sends what a crash left behind.
func flushOutbox(a *app.App) func(context.Context, hostwire.Tick) error {
	return func(ctx context.Context, _ hostwire.Tick) error {
		_, err := a.FlushOutbox(ctx, governance.System())
		return err
	}
}
