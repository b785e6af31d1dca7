package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"latchkey/handlers/api"
	"latchkey/shared/identity"
	"latchkey/shared/platform"
)

// newCallouts makes what custom extensions call. Without callers it takes answers to tickets only.
func newCallouts(ctx context.Context, settings platform.Settings, options Options, use api.UseCases, logger *slog.Logger) (http.Handler, error) {
	made := api.CalloutOptions{Use: use, Logger: logger, PublicURL: settings.PublicURL, Clock: options.Clock}
	if len(settings.CalloutCallers) > 0 {
		audiences := settings.CalloutAudiences
		if len(audiences) == 0 {
			audiences = settings.Audiences
		}
		callers, err := identity.NewCallouts(ctx, identity.Options{
			TenantID: settings.TenantID, Audiences: audiences, Authority: settings.TokenAuthority, AllowInsecureLoopback: true, Clock: options.Clock,
		}, settings.CalloutCallers, use.Ledger)
		if err != nil {
			return nil, err
		}
		made.Identity = callers
	}
	return api.NewCallouts(made), nil
}

// withCallouts leads what is for custom extensions to them, and everything else to the API.
func withCallouts(server, callouts http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, api.CalloutPrefix) {
			callouts.ServeHTTP(w, r)
			return
		}
		server.ServeHTTP(w, r)
	})
}
