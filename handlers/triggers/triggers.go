// Package triggers holds what runs on Service Bus messages and timers: each file decodes what set it off and makes one call into app.
package triggers

import (
	"log/slog"
	"net/http"

	"latchkey/handlers/hostwire"
	"latchkey/shared/app"
	"latchkey/shared/platform"
)

// Functions are the handlers of the functions that are no HTTP functions, by the names of their folders.
func Functions(a *app.App, logger *slog.Logger) map[string]http.Handler {
	options := hostwire.Options{Logger: logger, DataType: hostwire.Binary}
	all := map[string]http.Handler{
		"expirations":    hostwire.Timer(timer(a, logger, "expirations", "", a.ExpireDue), options),
		"outbox":         hostwire.Timer(timer(a, logger, "outbox", platform.MetricOutboxLag, a.FlushOutbox), options),
		"reconciliation": hostwire.Timer(timer(a, logger, "reconciliation", "", a.Reconcile), options),
	}
	for _, queue := range []string{"provisioning", "notifications", "extensions"} { // each has a function of its name
		all[queue] = hostwire.ServiceBus(handleEffect(a, queue), options)
	}
	return all
}
