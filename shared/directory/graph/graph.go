// Package graph is the directory in production: Microsoft Graph v1.0, through msgraph-sdk-go's request builders.
//
// It serves the port and no more of Graph than the port needs; the table Permissions says what that is. It imports the request-builder packages that it uses and
// never the SDK's root package, which would double the binary, nor its models: one that is written links them all, 0.7 MB. It knows no tenant: the credential does.
//
// Waiting is the caller's to schedule. A read, and a change that is safe to repeat, is tried a second time when Graph asks for at most MaxWait or fails without
// a word; everything else is reported at once.
package graph

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	core "github.com/microsoftgraph/msgraph-sdk-go-core"
	"github.com/microsoftgraph/msgraph-sdk-go/groups"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// DefaultBaseURL is Graph of the global cloud.
const DefaultBaseURL = "https://graph.microsoft.com/v1.0"

// Options of New. The zero value is usable, except that it cannot send mail.
type Options struct {
	BaseURL   string            // with the version, such as DefaultBaseURL; plain http for loopback hosts only
	Sender    string            // the mailbox that mail is sent from: object id or user principal name
	Scope     string            // of the tokens; empty is the origin of BaseURL with /.default, or the global Graph's for a loopback host
	Transport http.RoundTripper // nil is a transport of its own with Graph's needs

	// Observe, if set, is told of every HTTP exchange: the operation of Permissions, the status (0 if there was no answer), the error that came of it, and how long
	// it took. The error holds ids and Graph's own words, never a token or a mail's content.
	Observe func(operation Operation, status int, err error, took time.Duration)
}

// Directory is Microsoft Graph behind the port. Use New. It is safe for concurrent use.
type Directory struct {
	base    string // without a slash at the end
	origin  string // scheme and host of base: the only place that a token goes to
	sender  string
	adapter *core.GraphRequestAdapterBase
	groups  *groups.GroupsRequestBuilder
	tokens  *bearer
	observe func(Operation, int, error, time.Duration)
}

var _ directory.Directory = (*Directory)(nil)

// New makes the adapter. It does no I/O.
func New(credential azcore.TokenCredential, options Options) (*Directory, error) {
	if credential == nil {
		return nil, errors.New("graph: a credential is needed")
	}
	base := cmp.Or(strings.TrimRight(options.BaseURL, "/"), DefaultBaseURL)
	at, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("graph: base URL: %w", err)
	}
	switch {
	case at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "":
		return nil, errors.New("graph: the base URL is not of the form https://host/v1.0")
	case at.Scheme == "https":
	case at.Scheme == "http" && platform.IsLoopback(at.Hostname()):
	default:
		return nil, fmt.Errorf("graph: %s is not https: a token would cross the network in the clear", at.Redacted())
	}
	scope := options.Scope
	if scope == "" {
		scope = "https://graph.microsoft.com/.default"
		if !platform.IsLoopback(at.Hostname()) {
			scope = "https://" + at.Host + "/.default"
		}
	}
	transport := options.Transport
	if transport == nil {
		transport = newTransport()
	}
	client := platform.HTTPClient(&exchange{next: transport}, 0)
	d := &Directory{base: base, origin: at.Scheme + "://" + at.Host, sender: options.Sender, observe: options.Observe}
	d.tokens = &bearer{credential: credential, scopes: []string{scope}, origin: d.origin}
	d.adapter, err = core.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		d.tokens, core.GraphClientOptions{}, jsonserialization.NewJsonParseNodeFactory(), jsonserialization.NewJsonSerializationWriterFactory(), client)
	if err != nil {
		return nil, fmt.Errorf("graph: %w", err)
	}
	d.adapter.SetBaseUrl(base)
	d.groups = groups.NewGroupsRequestBuilderInternal(map[string]string{}, d.adapter)
	return d, nil
}

// isUserID says whether id can name a user: an object id, which is a GUID, or a user principal name. Anything else in a path could name another resource of Graph.
func isUserID(id string) bool {
	return governance.IsGUID(id) || len(id) <= 256 && strings.Contains(id, "@") && !strings.ContainsAny(id, "/\\?%\x00 ")
}

func noSuch(what, id string) error {
	return fmt.Errorf("%w: %s %q", directory.ErrNotFound, what, id)
}
