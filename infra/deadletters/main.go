// Looks at the dead letters of Latchkey's queues, and sends them again once their cause is cured.
//
//	go run ./infra/deadletters --namespace "$(azd env get-value AZURE_SERVICE_BUS_NAME).servicebus.windows.net"            looks, changes nothing
//	go run ./infra/deadletters --namespace … --queue provisioning --resend                                               all of a queue; --id ID: only these
//
// It signs in as azd and az do, and needs the roles Azure Service Bus Data Receiver and, to resend, Data Sender.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"
	"github.com/alecthomas/kong"

	"latchkey/shared/bus"
	"latchkey/shared/platform"
)

type options struct {
	Namespace  string   `xor:"where" placeholder:"HOST" help:"The namespace, such as sb-x.servicebus.windows.net; needed, unless --connection is given."`
	Connection string   `xor:"where" placeholder:"TEXT" help:"Instead of it: the connection string of an emulator or of infra/local."`
	Queue      []string `enum:"provisioning,extensions,notifications" default:"provisioning,extensions,notifications" help:"Only this queue; may be given several times."`
	Resend     bool     `help:"Send them again and take them from the dead letters."`
	ID         []string `name:"id" placeholder:"ID" help:"Only messages with this id; may be given several times."`
	Max        int      `default:"100" help:"The most messages of each queue, 1 to 1000."`
}

// Validate implements kong's check of what was given.
func (o options) Validate() error {
	if o.Namespace == "" && o.Connection == "" {
		return errors.New("--namespace or --connection is missing")
	}
	if o.Max < 1 || o.Max > 1000 {
		return fmt.Errorf("--max must be 1 to 1000; it is %d", o.Max)
	}
	return nil
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("deadletters"), kong.Description("The dead letters of Latchkey's queues: see docs/operate/dead-letters.md."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "deadletters:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	client, err := connect(o)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close(context.WithoutCancel(ctx)) }()
	for _, queue := range o.Queue {
		if o.Resend {
			err = resend(ctx, client, queue, o, out)
		} else {
			err = look(ctx, client, queue, o, out)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", queue, err)
		}
	}
	return nil
}

func connect(o options) (*azservicebus.Client, error) {
	if o.Connection != "" {
		return azservicebus.NewClientFromConnectionString(o.Connection, nil)
	}
	credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: azcore.ClientOptions{Transport: platform.HTTPClient(nil, 0)}})
	if err != nil {
		return nil, fmt.Errorf("sign in with az login: %w", err)
	}
	return azservicebus.NewClient(o.Namespace, credential, nil)
}

// wanted says whether a message is among those asked for.
func (o options) wanted(m *azservicebus.ReceivedMessage) bool {
	for _, id := range o.ID {
		if id == m.MessageID {
			return true
		}
	}
	return len(o.ID) == 0
}

func open(client *azservicebus.Client, queue string) (*azservicebus.Receiver, error) {
	return client.NewReceiverForQueue(queue, &azservicebus.ReceiverOptions{SubQueue: azservicebus.SubQueueDeadLetter})
}

// look prints the dead letters and takes none.
func look(ctx context.Context, client *azservicebus.Client, queue string, o options, out io.Writer) error {
	receiver, err := open(client, queue)
	if err != nil {
		return err
	}
	defer func() { _ = receiver.Close(context.WithoutCancel(ctx)) }()
	all, err := peek(ctx, receiver, o.Max)
	if err != nil {
		return err
	}
	for _, m := range all {
		if o.wanted(m) {
			describe(out, queue, m)
		}
	}
	_, err = fmt.Fprintf(out, "%s: %d dead letters%s\n", queue, len(all), more(len(all), o.Max))
	return err
}

// peek reads at most so many of a receiver's messages and takes none.
func peek(ctx context.Context, receiver *azservicebus.Receiver, most int) ([]*azservicebus.ReceivedMessage, error) {
	var all []*azservicebus.ReceivedMessage
	for len(all) < most {
		some, err := receiver.PeekMessages(ctx, most-len(all), nil) // each goes on behind the one before
		if err != nil {
			return nil, err
		}
		if len(some) == 0 {
			break
		}
		all = append(all, some...)
	}
	return all, nil
}

func more(found, most int) string {
	if found == most {
		return ", perhaps more: --max"
	}
	return ""
}

// describe prints what a message is, and not what it holds.
func describe(out io.Writer, queue string, m *azservicebus.ReceivedMessage) {
	enqueued := "?"
	if m.EnqueuedTime != nil {
		enqueued = m.EnqueuedTime.UTC().Format("2006-01-02T15:04:05Z")
	}
	fmt.Fprintf(out, "%s  id %s  kind %s  subject %s  request %s  since %s  %s: %s\n", queue, m.MessageID, text(m.Subject), text(m.SessionID), text(m.CorrelationID), enqueued,
		text(m.DeadLetterReason), text(m.DeadLetterErrorDescription))
}

func text(s *string) string {
	if s == nil || *s == "" {
		return "-"
	}
	return *s
}

// sessionOf is the session that a copy of a message must name.
func sessionOf(queue string, m *azservicebus.ReceivedMessage) *string {
	if !bus.UsesSessions(queue) {
		return nil
	}
	return m.SessionID
}
