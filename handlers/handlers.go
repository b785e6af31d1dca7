// Package handlers is the composition root: it makes the adapters, the use cases and the routes of one process from its settings. It is the only place that names a
// production adapter, and both main.go and infra/local call it.
package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/handlers/api"
	"latchkey/handlers/hostwire"
	"latchkey/handlers/triggers"
	"latchkey/shared/app/companion"
	"latchkey/shared/app/operate"
	"latchkey/shared/bus/servicebus"
	"latchkey/shared/directory/graph"
	"latchkey/shared/identity"
	"latchkey/shared/platform"
	"latchkey/shared/store/cosmos"
)

// Options are what a process may add to its settings. The zero value is production's.
type Options struct {
	Clock  platform.Clock // nil: the machine's
	Logger *slog.Logger   // nil: slog's default
	// OnStore hears of every request to Cosmos DB, with its charge in request units.
	OnStore func(operation string, requestCharge float32, err error)
	// OnDirectory hears of every request to Microsoft Graph.
	OnDirectory func(operation string, status int, err error, took time.Duration)
	// Credential takes the place of the managed identity: a process that is more than one app cannot find them all in its environment.
	Credential azcore.TokenCredential
}

// Handler is everything that the Functions host talks to.
type Handler struct {
	http.Handler
	Routes    []string // method and path of every API route, below api.Prefix
	Functions []string // names of the functions that the host invokes

	Use UseCases

	log       *slog.Logger
	telemetry *platform.Telemetry
	bus       *servicebus.Bus
	client    *azservicebus.Client
	cancel    context.CancelFunc
}

// New makes a Handler. It does no I/O: what it connects to is reached when it is first needed, so that a start is quick and a dependency that is away stops only what
// needs it. Errors name the setting that is wrong.
func New(ctx context.Context, settings platform.Settings, options Options) (*Handler, error) {
	logger := options.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger = platform.Logger(logger.Handler())
	telemetry, err := platform.NewTelemetry(ctx, settings, func(err error) { logger.WarnContext(ctx, "telemetry is not sent", "error", err) })
	if err != nil {
		return nil, err
	}
	options.OnStore = onStore(telemetry, options.OnStore)
	credential, err := newCredential(settings, options)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	documents, err := newStore(settings, credential, options)
	if err != nil {
		return nil, platform.Unusable(err, oneOf(settings.CosmosConnection, "CosmosConnection", "CosmosConnection__accountEndpoint"))
	}
	client, err := newBusClient(settings, credential)
	if err != nil {
		return nil, platform.Unusable(err, oneOf(settings.ServiceBusConnection, "ServiceBusConnection", "ServiceBusConnection__fullyQualifiedNamespace"))
	}
	tenant, err := graph.New(credential, graph.Options{BaseURL: settings.GraphEndpoint, Sender: settings.MailSender, Observe: onDirectory(telemetry, logger, options.OnDirectory)})
	if err != nil {
		return nil, platform.Unusable(err, "GraphEndpoint")
	}
	ctx, cancel := context.WithCancel(ctx)
	validator, err := identity.New(ctx, identity.Options{
		TenantID: settings.TenantID, Audiences: settings.Audiences, Authority: settings.TokenAuthority, AllowInsecureLoopback: true, Clock: options.Clock,
	})
	if err != nil {
		cancel()
		return nil, platform.Unusable(err, "TenantId", "Audience", "TokenAuthority")
	}
	queues := servicebus.New(client, servicebus.Options{})
	use := Wire(Ports{Store: documents, Bus: queues, Directory: tenant, Clock: options.Clock, Logger: logger, PortalURL: settings.PortalURL,
		PublicURL: settings.PublicURL, AuditChains: settings.AuditChains, RequestsPerHour: settings.RequestsPerHour,
		Dependencies: []operate.Dependency{{Name: "tokens", Stops: "signing in, so every call of the API", Ask: validator.Check}}, Outbound: platform.NewOutbound(settings.CalloutPrivateHosts),
		Secrets: settings.CalloutSecrets, PassRights: companion.PassRights{Privileged: settings.PassAllowPrivileged, Roles: settings.PassAllowedRoles}})
	server := api.New(api.Options{Use: use.UseCases, Identity: validator, TokenFrom: identity.FromHeader, Logger: logger, PublicURL: settings.PublicURL, Clock: options.Clock})
	callouts, err := newCallouts(ctx, settings, options, use.UseCases, logger)
	if err != nil {
		cancel()
		return nil, platform.Unusable(err, "CalloutCallers", "CalloutAudience")
	}
	functions := triggers.Functions(use.Worker, use.Sweeper, logger)
	h := &Handler{Handler: observed(hostwire.NewRoot(withCallouts(server, callouts), functions), telemetry), Routes: server.Routes(), Use: use,
		log: logger, telemetry: telemetry, bus: queues, client: client, cancel: cancel}
	for name := range functions {
		h.Functions = append(h.Functions, name)
	}
	return h, nil
}

// Check asks after every dependency and logs a line for each that fails: which, what it stops, and the command that mends it. It is for the time just after a start,
// when an operator looks; nothing waits for it.
func (h *Handler) Check(ctx context.Context) {
	if operate.HealthStatus(h.Use.Health.CheckHealth(ctx)) == "ok" {
		h.log.InfoContext(ctx, "every dependency answers")
	}
}

// Close lets go of connections. What was sent stays sent.
func (h *Handler) Close(ctx context.Context) error {
	h.cancel()
	return errors.Join(h.telemetry.Close(ctx), h.bus.Close(ctx), h.client.Close(ctx))
}

// oneOf is the setting that was used: with a key, if that is given, else with the identity.
func oneOf(value, withKey, withIdentity string) string {
	if value != "" {
		return withKey
	}
	return withIdentity
}

// newCredential is the managed identity where there is one, and a developer's own sign-in elsewhere.
func newCredential(settings platform.Settings, options Options) (azcore.TokenCredential, error) {
	if options.Credential != nil {
		return options.Credential, nil
	}
	through := azcore.ClientOptions{Transport: platform.HTTPClient(nil, 0)}
	if settings.IdentityEndpoint == "" {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: through})
	}
	of := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: through}
	if settings.ManagedIdentityClientID != "" {
		of.ID = azidentity.ClientID(settings.ManagedIdentityClientID)
	}
	return azidentity.NewManagedIdentityCredential(of)
}

func newStore(settings platform.Settings, credential azcore.TokenCredential, options Options) (*cosmos.Store, error) {
	var client *azcosmos.Client
	var err error
	clientOptions := cosmos.ClientOptions()
	if settings.CosmosConnection != "" {
		client, err = azcosmos.NewClientFromConnectionString(settings.CosmosConnection, clientOptions)
	} else {
		client, err = azcosmos.NewClient(settings.CosmosEndpoint, credential, clientOptions)
	}
	if err != nil {
		return nil, err
	}
	return cosmos.New(client, settings.CosmosDatabase, cosmos.Options{Observe: options.OnStore})
}

func newBusClient(settings platform.Settings, credential azcore.TokenCredential) (*azservicebus.Client, error) {
	options := &azservicebus.ClientOptions{RetryOptions: servicebus.RetryOptions()}
	if settings.ServiceBusConnection != "" {
		return azservicebus.NewClientFromConnectionString(settings.ServiceBusConnection, options)
	}
	return azservicebus.NewClient(settings.ServiceBusNamespace, credential, options)
}
