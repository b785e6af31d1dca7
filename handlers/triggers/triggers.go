// Package triggers holds what runs on Service Bus messages and timers: each file decodes what set it off and makes one call into app.
package triggers

import (
	"log/slog"
	"net/http"

	"latchkey/handlers/hostwire"
	"latchkey/shared/app/lifecycle"
	"latchkey/shared/app/operate"
	"latchkey/shared/platform"
)

// Functions are the handlers of the functions that are no HTTP functions, by the names of their folders.
func Functions(worker *operate.Worker, sweeper *lifecycle.Sweeper, logger *slog.Logger) map[string]http.Handler {
	options := hostwire.Options{Logger: logger, DataType: hostwire.Binary}
	now := worker.Ledger.Now
	all := map[string]http.Handler{
		"expirations":    hostwire.Timer(timer(now, logger, "expirations", "", sweeper.ExpireDue), options),
		"outbox":         hostwire.Timer(timer(now, logger, "outbox", platform.MetricOutboxLag, sweeper.FlushOutbox), options),
		"reconciliation": hostwire.Timer(timer(now, logger, "reconciliation", "", sweeper.Reconcile), options),
	}
	for _, queue := range []string{"provisioning", "notifications", "extensions"} { // each has a function of its name
		all[queue] = hostwire.ServiceBus(handleEffect(worker, queue), options)
	}
	return all
}
