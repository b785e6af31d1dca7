// Package evidence answers for what has happened: the audit trail, and whether it is whole.
package evidence

import (
	"context"
	"log/slog"

	"latchkey/shared/app/authz"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// Trail is the audit trail of every container.
type Trail struct {
	Ledger *ledger.Ledger
	Authz  *authz.Authorizer
	Store  store.Reader
	Log    *slog.Logger
}

// ListAudit lists the audit entries of a container. Errors: CodeForbidden.
func (t *Trail) ListAudit(ctx context.Context, caller governance.Caller, container string, options ledger.ListOptions) (ledger.Page[governance.AuditEntry], error) {
	if err := t.Authz.Require(ctx, caller, authz.OpReadAudit); err != nil {
		return ledger.Page[governance.AuditEntry]{}, err
	}
	return ledger.ListIn[governance.AuditEntry](ctx, t.Ledger, store.Container(container), options)
}
