package app

import (
	"context"
	"fmt"
	"slices"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
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

// ChainReport says whether the audit chain of a partition is whole.
type ChainReport struct {
	PartitionID string `json:"partitionId"`
	Entries     int64  `json:"entries"`
	Verified    bool   `json:"verified"`
	BrokenAt    int64  `json:"brokenAt,omitempty"` // the sequence of the first entry that does not fit
}

// VerifyAudit checks the audit chain of one subject or catalog against its head: no entry changed, missing or put in. Errors: CodeForbidden, CodeNotFound.
func (a *App) VerifyAudit(ctx context.Context, caller governance.Caller, ofCatalogs bool, partition string) (ChainReport, error) {
	if err := authorize(caller, OpReadAudit); err != nil {
		return ChainReport{}, err
	}
	container := auditContainer(ofCatalogs)
	found, err := a.store.Get(ctx, container, lower(partition), kindHead)
	if err != nil {
		return ChainReport{}, fmt.Errorf("read the head: %w", err)
	}
	if found[0].ID == "" {
		return ChainReport{}, governance.NotFound("There is no audit chain %q.", shorten(partition))
	}
	head, err := decode[governance.Head](found[0])
	if err != nil {
		return ChainReport{}, err
	}
	var entries []governance.AuditEntry
	query := store.Query{Partition: lower(partition), Kind: kindAudit, PageSize: store.MaxPageSize}
	for {
		page, err := a.store.Query(ctx, container, query)
		if err != nil {
			return ChainReport{}, fmt.Errorf("read the chain: %w", err)
		}
		for _, document := range page.Documents {
			entry, err := decode[governance.AuditEntry](document)
			if err != nil {
				return ChainReport{}, err
			}
			if entry.Sequence <= head.AuditSequence { // younger ones were written while this was read
				entries = append(entries, entry)
			}
		}
		if page.Continuation == "" {
			break
		}
		query.Continuation = page.Continuation
	}
	slices.SortFunc(entries, func(x, y governance.AuditEntry) int { return int(x.Sequence - y.Sequence) })
	report := ChainReport{PartitionID: head.ID, Entries: int64(len(entries)), BrokenAt: governance.VerifyChain(entries)}
	if report.BrokenAt == 0 && (report.Entries != head.AuditSequence || len(entries) > 0 && entries[len(entries)-1].Hash != head.AuditHash) {
		report.BrokenAt = report.Entries + 1
	}
	report.Verified = report.BrokenAt == 0
	if !report.Verified {
		a.log.ErrorContext(ctx, "an audit chain is broken", "alert", true, platform.LogMetric, platform.MetricAuditBroken, platform.LogValue, 1, "partitionId", head.ID, "brokenAt", report.BrokenAt)
	}
	return report, nil
}
