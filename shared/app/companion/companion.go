// Package companion is what Latchkey does for Microsoft's own entitlement management and lifecycle workflows: a custom extension of theirs calls out, what it hands in becomes a companion task, and an
// action that an administrator has configured carries it out and tells the source.
package companion

import (
	"context"
	"log/slog"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
)

// Ports are what the area reaches. All are needed.
type Ports struct {
	Ledger     *ledger.Ledger
	Authz      *authz.Authorizer
	Directory  directory.Directory
	Actions    directory.Actions // what actions have done in the directory
	Outbound   Outbound          // sends what webhooks and tickets send
	Secrets    platform.Secrets  // that settings name, such as a webhook's key
	PassRights PassRights
	PublicURL  string // where the API is found from outside; tickets are told it for their answers
	Log        *slog.Logger
}

// PassRights says for whom a pass is issued though they hold a directory role or may activate one. Who configures an action may not say so: they would have what those hold.
type PassRights struct {
	Privileged bool     // whatever the role
	Roles      []string // template ids of roles that do not matter
}

// Outbound sends HTTP requests to addresses that people configure; platform.Outbound is the real one.
type Outbound interface {
	Send(ctx context.Context, call platform.OutboundCall) (platform.OutboundReply, error)
	Allowed(address string) error
}

// Tasks takes companion tasks on, works on them and tells of them.
type Tasks struct{ *Ports }

// Actions configures what tasks do.
type Actions struct{ *Ports }
