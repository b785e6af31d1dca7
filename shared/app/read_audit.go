package app

import (
	"context"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// ListAudit lists the audit entries of subjects or of catalogs. Errors: CodeForbidden.
func (a *App) ListAudit(ctx context.Context, caller governance.Caller, ofCatalogs bool, options ListOptions) (Page[governance.AuditEntry], error) {
	if err := authorize(caller, OpReadAudit); err != nil {
		return Page[governance.AuditEntry]{}, err
	}
	return list[governance.AuditEntry](ctx, a, auditContainer(ofCatalogs), kindAudit, options)
}

func auditContainer(ofCatalogs bool) store.Container {
	if ofCatalogs {
		return store.Catalogs
	}
	return store.Subjects
}
