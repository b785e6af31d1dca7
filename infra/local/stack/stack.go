// Package stack puts Azure in miniature together: the stand-ins for Cosmos DB, Service Bus, Microsoft Graph, Entra's token service and the Functions host on loopback, the handler in
// front of them, and the control port that tools and tests use. It is what `go run ./infra/local` starts.
//
// It serves one machine and one tenant. It is no place for real data: every password opens every account.
package stack

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"latchkey/handlers"
	"latchkey/infra/local/cosmos"
	"latchkey/infra/local/fault"
	"latchkey/infra/local/graph"
	"latchkey/infra/local/host"
	"latchkey/infra/local/servicebus"
	"latchkey/infra/local/tenant"
	"latchkey/infra/local/token"
	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// Ports are where the parts listen on 127.0.0.1; 0 is any free port.
type Ports struct {
	Host, Graph, Token, Cosmos, ServiceBus, Control int
}

// DefaultPorts are the ports of Azure in miniature, of which README and local.settings.sample.json speak.
func DefaultPorts() Ports {
	return Ports{Host: 7071, Graph: 7072, Token: 7073, Cosmos: 8081, ServiceBus: 5672, Control: 7070}
}

// Options configure a Stack. The zero value listens on free ports, with the sample tenant, in memory.
type Options struct {
	Ports       Ports
	Tenant      *tenant.Tenant // nil: the sample
	HandlerPath string         // the handler as a child process; empty: in this process
	// Serve runs the handler elsewhere, by the app settings, and says where it listens, such as http://127.0.0.1:8080; nil: the stack runs it.
	Serve      func(ctx context.Context, settings map[string]string) (address string, err error)
	DataDir    string       // where state is kept across restarts; empty: nowhere
	HostJSON   []byte       // host.json; needed
	Logger     *slog.Logger // of the stack and its parts; nil: silence
	HandlerLog io.Writer    // where the in-process handler logs; nil: nowhere
	LogLevel   string       // from which level on the handler logs; empty: info
	// IdentityHeader is what the endpoint of the managed identity asks for; empty: something random. A handler of another host, such as Core Tools', must know it.
	IdentityHeader string
	// ManualTimers leaves timers to the control port's clock; else they also run by themselves.
	ManualTimers bool
	// Desk lets actions of custom extensions call the control port, with the secrets that docs/companion names.
	Desk bool
	// CalloutSecrets are further secrets that actions may name; CalloutHosts further private hosts that they may call, each host:port.
	CalloutSecrets map[string]any // in the form of the setting
	CalloutHosts   []string
	// OnDirectory hears of every Graph request of the in-process handler.
	OnDirectory func(operation string, status int, err error, took time.Duration)
}

// Endpoints is where everything is: what GET /endpoints answers.
type Endpoints struct {
	Host                       string `json:"host"`
	Graph                      string `json:"graph"`
	Token                      string `json:"token"`
	Cosmos                     string `json:"cosmos"`
	ServiceBus                 string `json:"serviceBus"`
	Control                    string `json:"control"`
	ServiceBusConnectionString string `json:"serviceBusConnectionString"`
	CosmosKey                  string `json:"cosmosKey"`
	TenantID                   string `json:"tenantId"`
	Audience                   string `json:"audience"`
}

// Stack is a running Azure in miniature.
type Stack struct {
	Endpoints Endpoints
	Clock     *platform.OffsetClock
	Faults    *fault.Injector
	Tenant    tenant.Tenant
	Cosmos    *cosmos.Server
	Bus       *servicebus.Server
	Graph     *graph.Server
	Tokens    *token.Server
	Host      *host.Host
	Handler   *handlers.Handler // nil when it is a child

	options   Options
	started   bool
	log       *slog.Logger
	desk      desk
	directory *memory.Directory
	identity  *identity    // of the handler in this process; nil when there is none
	moving    sync.Mutex   // held while time is moved, everything is drained or forgotten
	saving    sync.Mutex   // held while a state is kept
	writing   sync.RWMutex // held by writes to the database, and against them while a state is kept
	closers   []func(context.Context) error
	running   sync.WaitGroup
	closed    sync.Once
}

// identityLifetime is how long tokens of the managed identity are valid: azidentity keeps them by the machine's clock, and ours may be moved by years.
const identityLifetime = 20 * 365 * 24 * time.Hour

// Start starts everything and returns when the handler answers.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{options: o, log: o.Logger, Clock: &platform.OffsetClock{}, Faults: &fault.Injector{}, Tenant: tenant.Sample()}
	if o.Tenant != nil {
		s.Tenant = *o.Tenant
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.start(ctx); err != nil {
		s.Close(context.WithoutCancel(ctx))
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) error {
	listeners := map[string]net.Listener{}
	ports := s.options.Ports
	for name, port := range map[string]int{"host": ports.Host, "graph": ports.Graph, "token": ports.Token, "cosmos": ports.Cosmos, "servicebus": ports.ServiceBus, "control": ports.Control} {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("the %s port: %w (choose another with --%s-port, 0 is any)", name, err, name)
		}
		listeners[name] = listener
		s.closers = append(s.closers, func(context.Context) error {
			if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
				return err
			}
			return nil
		})
	}
	at := func(name string) string { return "http://" + listeners[name].Addr().String() }
	s.Endpoints = Endpoints{
		Host: at("host"), Graph: at("graph"), Token: at("token"), Cosmos: at("cosmos"), Control: at("control"),
		ServiceBus: "amqp://" + listeners["servicebus"].Addr().String(), CosmosKey: cosmos.DefaultKey, TenantID: s.Tenant.ID, Audience: s.Tenant.Audience,
		ServiceBusConnectionString: "Endpoint=sb://" + listeners["servicebus"].Addr().String() + ";SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=local;UseDevelopmentEmulator=true;",
	}
	identityHeader := cmp.Or(s.options.IdentityHeader, rand.Text())
	s.makeParts(identityHeader)
	if err := s.Tenant.Populate(s.directory); err != nil {
		return fmt.Errorf("fill the directory: %w", err)
	}
	s.assignRoles()
	if err := s.restore(); err != nil {
		return err
	}
	s.serveHTTP("graph", listeners["graph"], s.Graph)
	s.serveHTTP("token", listeners["token"], s.Tokens)
	s.serveHTTP("cosmos", listeners["cosmos"], s.holdable(s.Cosmos))
	busContext, stopBus := context.WithCancel(context.WithoutCancel(ctx))
	s.closers = append(s.closers, func(context.Context) error { stopBus(); return nil })
	s.running.Go(func() {
		if err := s.Bus.Serve(busContext, listeners["servicebus"]); err != nil && busContext.Err() == nil {
			s.log.Error("service bus stopped", "error", err)
		}
	})
	if err := s.startHost(ctx, identityHeader); err != nil {
		return err
	}
	s.serveHTTP("host", listeners["host"], s.Host)
	s.serveHTTP("control", listeners["control"], s.control())
	s.started = true
	s.keep()
	return nil
}

func (s *Stack) makeParts(identityHeader string) {
	s.directory = memory.New(memory.Options{Clock: s.Clock})
	s.Tokens = token.New(token.Options{
		Tenant: s.Tenant, BaseURL: s.Endpoints.Token, Clock: s.Clock, IdentityHeader: identityHeader, IdentityLifetime: identityLifetime, FindUser: s.findUser,
		Aliases: map[string]string{s.Endpoints.Host + "/api": s.Tenant.Audience, s.Endpoints.Host: s.Tenant.Audience},
	})
	s.Cosmos = cosmos.New(cosmos.Options{Clock: s.Clock, Faults: s.Faults})
	s.Bus = servicebus.New(servicebus.Options{Clock: s.Clock, Faults: s.Faults, Logger: s.log})
	s.Graph = graph.New(graph.Options{
		Clock: s.Clock, Faults: s.Faults, Directory: s.directory, Domain: s.Tenant.Domain,
		ValidateToken: func(text string) ([]string, error) { return s.Tokens.Permissions(text, token.Graph) },
	})
}

// findUser finds a person by what they sign in with, as the directory has them now.
func (s *Stack) findUser(signInName string) (governance.User, bool) {
	user, err := s.directory.User(context.Background(), signInName)
	if err != nil {
		object, ok := s.directory.UserByMail(signInName)
		if !ok {
			return governance.User{}, false
		}
		if user, err = s.directory.User(context.Background(), object.ID()); err != nil {
			return governance.User{}, false
		}
	}
	return user, true
}

// settings are those of the handler and the host: what app settings are on Azure.
func (s *Stack) settings(identityHeader string) map[string]string {
	return s.calloutSettings(map[string]string{
		"TenantId":                 s.Tenant.ID,
		"Audience":                 s.Tenant.Audience + "," + s.Tenant.APIAppID(),
		"TokenAuthority":           s.Endpoints.Token,
		"GraphEndpoint":            s.Endpoints.Graph + "/v1.0",
		"MailSender":               s.Tenant.Sender.ID,
		"CosmosConnection":         "AccountEndpoint=" + s.Endpoints.Cosmos + ";AccountKey=" + s.Endpoints.CosmosKey + ";",
		"CosmosDatabase":           cosmos.DefaultDatabase,
		"ServiceBusConnection":     s.Endpoints.ServiceBusConnectionString,
		"PublicUrl":                s.Endpoints.Host,
		"LogLevel":                 cmp.Or(s.options.LogLevel, "info"),
		"ExpirationsSchedule":      "0 */5 * * * *",
		"OutboxSchedule":           "0 * * * * *",
		"ReconciliationSchedule":   "0 20 2 * * *",
		"IDENTITY_ENDPOINT":        s.Endpoints.Token + "/msi/token",
		"IDENTITY_HEADER":          identityHeader,
		"FUNCTIONS_WORKER_RUNTIME": "custom",
		// Whoever starts the stack may want to see the traces of its handler.
		"OTEL_EXPORTER_OTLP_ENDPOINT": os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"),
		"OTEL_EXPORTER_OTLP_HEADERS":  os.Getenv("OTEL_EXPORTER_OTLP_HEADERS"),
	})
}

func (s *Stack) startHost(ctx context.Context, identityHeader string) error {
	settings := s.settings(identityHeader)
	options := host.Options{
		HostJSON: s.options.HostJSON, Settings: settings, Source: host.FromBroker(s.Bus.Core()), Clock: s.Clock, Faults: s.Faults, Logger: s.log,
		ManualTimers: s.options.ManualTimers, UnlimitedRestarts: true, HandlerPath: s.options.HandlerPath,
	}
	if s.options.HandlerPath == "" {
		serve := s.serveHandler
		if s.options.Serve != nil {
			serve = s.options.Serve
		}
		address, err := serve(ctx, settings)
		if err != nil {
			return err
		}
		options.HandlerURL = address
	}
	var err error
	if s.Host, err = host.New(options); err != nil {
		return err
	}
	s.closers = append(s.closers, func(ctx context.Context) error { s.Host.Stop(ctx); return nil })
	if err := s.restorePart("host", s.Host.Restore); err != nil {
		return err
	}
	return s.Host.Start(context.WithoutCancel(ctx))
}

// serveHandler runs the handler in this process, on a port of its own as on Azure.
func (s *Stack) serveHandler(ctx context.Context, settings map[string]string) (string, error) {
	loaded, err := platform.Load(func(name string) string { return settings[name] })
	if err != nil {
		return "", err
	}
	logger := slog.New(slog.DiscardHandler) // what nobody reads is not written either
	if logs := s.options.HandlerLog; logs != nil {
		logger = slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: loaded.LogLevel}))
	}
	s.identity = newIdentity(s.Clock, settings)
	s.Handler, err = handlers.New(context.WithoutCancel(ctx), loaded, handlers.Options{
		Clock: s.Clock, Credential: s.identity, Logger: logger, OnDirectory: s.options.OnDirectory,
	})
	if err != nil {
		return "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("the handler's port: %w", err)
	}
	s.closers = append(s.closers, s.Handler.Close)
	s.serveHTTP("handler", listener, s.Handler)
	return "http://" + listener.Addr().String(), nil
}

func (s *Stack) serveHTTP(name string, listener net.Listener, handler http.Handler) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
	s.closers = append(s.closers, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, grace)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return server.Close()
		}
		return nil
	})
	s.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error(name+" stopped", "error", err)
		}
	})
}

const (
	// farewell bounds the end of the stack.
	farewell = 5 * time.Second
	// grace is how long each server waits for its clients. The host has let what was in hand finish by then; what is left are connections that were opened and never used.
	grace = 200 * time.Millisecond
)

// Close lets what is in hand finish, keeps the state, if there is a place for it, and stops everything in the reverse order of its start. A second call does
// nothing.
func (s *Stack) Close(ctx context.Context) { s.closed.Do(func() { s.close(ctx) }) }

func (s *Stack) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if s.started { // a state that could not be taken up whole is left as it is
		s.Host.Stop(ctx)
		if err := s.save(); err != nil {
			s.log.Error("the state was not kept", "error", err)
		}
	}
	for i := len(s.closers) - 1; i >= 0; i-- {
		if err := s.closers[i](ctx); err != nil {
			s.log.Debug("a part did not end well", "error", err)
		}
	}
	s.running.Wait()
}
