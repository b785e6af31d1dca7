// Azure in miniature: everything that Latchkey needs, on this machine's loopback, with nothing to install. See the package stack for what it is made of.
//
//	go run ./infra/local          starts it and prints where things are
//	go run ./infra/local demo     plays a story and prints each step
//	go run ./infra/local bench    drives whole lifecycles, or callouts, and prints what they take
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"latchkey/infra/local/bench"
	"latchkey/infra/local/client"
	"latchkey/infra/local/demo"
	"latchkey/infra/local/stack"
	"latchkey/infra/local/tenant"
)

type commands struct {
	Start startCommand `cmd:"" default:"withargs" help:"Start Azure in miniature and keep it running (the default)."`
	Demo  demoCommand  `cmd:"" help:"Play a story on a stack of its own and print each step; exits 0 only if the directory is right at the end."`
	Bench benchCommand `cmd:"" help:"Drive whole lifecycles, or callouts of custom extensions, through all the wires and print what they take."`
}

// gcPercent trades memory, of which a developer's machine has plenty, for time: a whole cloud shares two cores here.
const gcPercent = 400

func main() {
	debug.SetGCPercent(gcPercent)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var cli commands
	parsed := kong.Parse(&cli, kong.Name("local"), kong.Description("Azure in miniature for Latchkey: Functions host, Cosmos DB, Service Bus, Microsoft Graph and Entra tokens on loopback."),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := parsed.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}

type startCommand struct {
	HostPort       int    `default:"7071" help:"Port of the Functions host; 0 is any free one, as for all ports."`
	GraphPort      int    `default:"7072" help:"Port of Microsoft Graph."`
	TokenPort      int    `default:"7073" help:"Port of the token service."`
	CosmosPort     int    `default:"8081" help:"Port of Cosmos DB."`
	ServicebusPort int    `default:"5672" help:"Port of Service Bus."`
	ControlPort    int    `default:"7070" help:"Port of the control API."`
	Data           string `placeholder:"DIR" help:"Keep state across restarts in this folder."`
	Seed           string `placeholder:"FILE" help:"Start with this tenant instead of the sample; GET /tenant shows the form."`
	Handler        string `placeholder:"PATH" help:"Run this binary as the handler, as a child process, instead of the one in this process."`
	IdentityHeader string `placeholder:"TEXT" help:"What the endpoint of the managed identity asks for, as IDENTITY_HEADER of a handler elsewhere; otherwise it is random."`
	Endpoints      string `placeholder:"FILE" help:"Write all addresses there as JSON when everything is ready."`
	Verbose        bool   `help:"Print all that the handler and the parts log, and not warnings and errors alone (to standard error)."`
}

func (c *startCommand) Run(ctx context.Context) error {
	if c.Endpoints != "" { // those of an earlier run: who waits for the file must not find them
		if err := os.Remove(c.Endpoints); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	options, err := baseOptions(c.Verbose)
	if err != nil {
		return err
	}
	if !c.Verbose { // what goes wrong, and nothing else, so that the banner stays in sight
		options.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
		options.HandlerLog, options.LogLevel = os.Stderr, "warn"
	}
	options.Ports = stack.Ports{Host: c.HostPort, Graph: c.GraphPort, Token: c.TokenPort, Cosmos: c.CosmosPort, ServiceBus: c.ServicebusPort, Control: c.ControlPort}
	options.DataDir, options.IdentityHeader = c.Data, c.IdentityHeader
	if c.Handler != "" {
		if options.HandlerPath, err = filepath.Abs(c.Handler); err != nil {
			return err
		}
	}
	if c.Seed != "" {
		seeded, err := tenant.Load(c.Seed)
		if err != nil {
			return err
		}
		options.Tenant = &seeded
	}
	s, err := stack.Start(ctx, options)
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	if c.Endpoints != "" {
		if err := writeEndpoints(c.Endpoints, s.Endpoints); err != nil {
			return err
		}
	}
	if err := announce(os.Stdout, s); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case <-s.Host.Done():
		return fmt.Errorf("the host has given the handler up: %w", s.Host.Err())
	}
}

// writeEndpoints writes the file whole: who waits for it never reads a half.
func writeEndpoints(path string, endpoints stack.Endpoints) error {
	data, err := json.MarshalIndent(endpoints, "", "  ")
	if err != nil {
		return err
	}
	temporary := path + ".tmp"
	if err := os.WriteFile(temporary, append(data, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

func announce(out io.Writer, s *stack.Stack) error {
	e := s.Endpoints
	var text strings.Builder
	text.WriteString("Latchkey is running on this machine.\n\n")
	for _, row := range [][2]string{
		{"API", e.Host + "/api/v1.0/identityGovernance/entitlementManagement"}, {"Microsoft Graph", e.Graph + "/v1.0"}, {"Tokens", e.Token + "/" + e.TenantID + "/oauth2/v2.0/token"},
		{"Cosmos DB", e.Cosmos}, {"Service Bus", e.ServiceBus}, {"Control", e.Control},
	} {
		fmt.Fprintf(&text, "  %-16s %s\n", row[0], row[1])
	}
	text.WriteString("\nSign in as anybody in the tenant; every password does:\n")
	for _, user := range s.Tenant.Users {
		text.WriteString(strings.TrimRight(fmt.Sprintf("  %-46s %-14s %s", user.UserPrincipalName, user.DisplayName, strings.Join(user.Roles, ", ")), " ") + "\n")
	}
	fmt.Fprintf(&text, `
  TOKEN=$(curl -s -d grant_type=password -d username=%s -d password=any -d client_id=any \
    -d scope=%s/.default %s/%s/oauth2/v2.0/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -H "Authorization: Bearer $TOKEN" %s%s/catalogs

The control port shows and moves what no cloud lets you:
  GET  /tenant /mail /clock /stats /faults /desk /endpoints
  POST /clock {"advance":"P1D"}   time passes, with all that is due in it, at its time
  POST /entra/callout             plays Entra, whose custom extension calls Latchkey (docs/companion)
  POST /faults {"target":"graph","kind":"error","count":3}   the next three calls fail; without a count all do, with "rate":0.1 every tenth
                                  targets: cosmos serviceBus graph handler; kinds: throttle error lostResponse delay, and kill of the handler
  DELETE /faults                  nothing fails any more
  POST /drain                     waits until nothing is left to do
  POST /reset                     begins anew, with the time of this machine: sign in again after time was moved

Stop it with Ctrl-C.
`, s.Tenant.Users[0].UserPrincipalName, e.Audience, e.Token, e.TenantID, e.Host, client.EntitlementManagement)
	_, err := io.WriteString(out, text.String())
	return err
}

type demoCommand struct {
	Story   string `default:"cloudpc" enum:"cloudpc,tap,uninstall" help:"The story: cloudpc (access is requested, approved, given and taken away after 180 days), tap (Entra calls out, and a new hire's manager gets a Temporary Access Pass), uninstall (Entra calls out, and an Intune app goes when access ends)."`
	Verbose bool   `help:"Also print what the parts log."`
}

func (c *demoCommand) Run(ctx context.Context) error {
	s, err := ownStack(ctx, c.Verbose, "")
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	if err := demo.Play(ctx, s, c.Story, os.Stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.Stdout, "The story ended as it should.")
	return err
}

type benchCommand struct {
	Clients  int           `default:"16" help:"Lifecycles: how many clients at a time."`
	Duration time.Duration `default:"10s" help:"For how long."`
	Profile  string        `placeholder:"FILE" help:"Lifecycles: write a CPU profile of the run there, for go tool pprof."`
	JSON     bool          `name:"json" help:"Lifecycles: print the report as JSON."`
	Callouts int           `placeholder:"RATE" help:"Instead of lifecycles: send this many callouts of custom extensions a second to the handler as it is bundled, in a process of its own, and watch its memory. Exits 0 only if none is lost, work begins in time and memory stays flat; judging memory takes 30s or more."`
	Verbose  bool          `help:"Also print what the parts log."`
}

func (c *benchCommand) Run(ctx context.Context) error {
	if c.Clients < 1 || c.Clients > 1000 || c.Duration < time.Second || c.Duration > time.Hour {
		return errors.New("--clients is from 1 to 1000, --duration from 1s to 1h")
	}
	if c.Callouts < 0 || c.Callouts > 1000 {
		return errors.New("--callouts is from 1 to 1000 a second")
	}
	if c.Callouts > 0 {
		return c.callouts(ctx)
	}
	s, err := ownStack(ctx, c.Verbose, "")
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	if c.Profile != "" {
		file, err := os.Create(c.Profile)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	report, err := bench.Run(ctx, s, bench.Options{Clients: c.Clients, Duration: c.Duration})
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	return report.Print(os.Stdout)
}

// callouts has the handler in a process of its own, so that its memory is told from that of the whole cloud.
func (c *benchCommand) callouts(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "latchkey-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	handler, err := bench.BuildHandler(ctx, folder)
	if err != nil {
		return err
	}
	s, err := ownStack(ctx, c.Verbose, handler)
	if err != nil {
		return err
	}
	defer s.Close(context.WithoutCancel(ctx))
	if _, err := fmt.Fprintf(os.Stdout, "%d callouts a second for %v, to the handler as it is bundled, in a process of its own.\n\n", c.Callouts, c.Duration); err != nil {
		return err
	}
	report, err := bench.RunCallouts(ctx, s, bench.CalloutOptions{Rate: c.Callouts, Duration: c.Duration})
	if err != nil {
		return err
	}
	return report.Print(os.Stdout)
}

// ownStack is a stack on free ports whose time is ours alone. handler is a binary to run as a child; empty: it is in this process.
func ownStack(ctx context.Context, verbose bool, handler string) (*stack.Stack, error) {
	options, err := baseOptions(verbose)
	if err != nil {
		return nil, err
	}
	options.ManualTimers, options.HandlerPath = handler == "", handler // a child lives by the machine's clock, and so do its timers
	return stack.Start(ctx, options)
}

func baseOptions(verbose bool) (stack.Options, error) {
	hostJSON, err := stack.ReadHostJSON()
	if err != nil {
		return stack.Options{}, err
	}
	options := stack.Options{HostJSON: hostJSON, Desk: true}
	if verbose {
		options.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
		options.HandlerLog = os.Stderr
	}
	return options, nil
}
