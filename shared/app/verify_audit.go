package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// ChainReport says whether the audit chain of a partition is whole.
type ChainReport struct {
	PartitionID string `json:"partitionId"`
	Entries     int64  `json:"entries"`
	Verified    bool   `json:"verified"`
	BrokenAt    int64  `json:"brokenAt,omitempty"` // the sequence of the first entry that does not fit
}

// errNewer: a later release wrote to the chain what this one does not know, and so cannot verify.
var errNewer = errors.New("a later release wrote to this chain; only that one can verify it")

// VerifyAudit checks the audit chain of one subject or catalog against its head: no entry changed, missing or put in. A broken one raises the alert. Errors: CodeForbidden, CodeNotFound,
// CodeConflict for a chain that a later release has written to.
func (a *App) VerifyAudit(ctx context.Context, caller governance.Caller, ofCatalogs bool, partition string) (ChainReport, error) {
	if err := authorize(caller, OpReadAudit); err != nil {
		return ChainReport{}, err
	}
	container := auditContainer(ofCatalogs)
	report, found, err := a.verifyNow(ctx, container, lower(partition))
	switch {
	case errors.Is(err, errNewer):
		return ChainReport{}, &governance.Error{Code: governance.CodeConflict, Message: "A later release wrote to this chain; verify it with that release.", Err: err}
	case err != nil:
		return ChainReport{}, err
	case !found:
		return ChainReport{}, governance.NotFound("There is no audit chain %q.", shorten(partition))
	}
	if !report.Verified {
		a.tellBroken(ctx, container, report)
	}
	return report, nil
}

// verifyNow verifies a chain against its head as it is now; found says whether there is one.
func (a *App) verifyNow(ctx context.Context, container store.Container, partition string) (report ChainReport, found bool, err error) {
	heads, err := a.store.Get(ctx, container, partition, kindHead)
	if err != nil {
		return ChainReport{}, false, fmt.Errorf("read the head: %w", err)
	}
	if heads[0].ID == "" {
		return ChainReport{}, false, nil
	}
	report, err = a.verifyChain(ctx, container, heads[0])
	return report, true, err
}

// verifyChain holds the entries of a chain against a head that was read before them. Entries are written with their head and never changed, so what was written meanwhile is
// younger than that head and is left out; but then there must be a younger head, too.
func (a *App) verifyChain(ctx context.Context, container store.Container, document store.Document) (ChainReport, error) {
	report := ChainReport{PartitionID: document.Partition}
	if document.SchemaVersion > schemaVersion {
		return report, errNewer
	}
	head, err := decode[governance.Head](document)
	if err != nil { // nobody writes such a head but by hand
		report.BrokenAt = 1
		return report, nil
	}
	var links []governance.AuditLink
	var youngest int64
	query := store.Query{Partition: document.Partition, Kind: kindAudit, PageSize: store.MaxPageSize}
	for {
		page, err := a.store.Query(ctx, container, query)
		if err != nil {
			return report, fmt.Errorf("read the chain: %w", err)
		}
		for _, document := range page.Documents {
			if document.SchemaVersion > schemaVersion {
				return report, errNewer
			}
			entry, err := decode[governance.AuditEntry](document)
			if err != nil || document.ID != auditID(entry.Sequence) {
				continue // its place in the chain is empty
			}
			youngest = max(youngest, entry.Sequence)
			if entry.Sequence <= head.AuditSequence {
				links = append(links, entry.Link())
			}
		}
		if page.Continuation == "" {
			break
		}
		query.Continuation = page.Continuation
	}
	slices.SortFunc(links, func(x, y governance.AuditLink) int { return cmp.Compare(x.Sequence, y.Sequence) })
	report.Entries, report.BrokenAt = int64(len(links)), governance.VerifyChain(links)
	last := ""
	if len(links) > 0 {
		last = links[len(links)-1].Hash
	}
	if report.BrokenAt == 0 && (report.Entries != head.AuditSequence || last != head.AuditHash) {
		report.BrokenAt = report.Entries + 1
	}
	if report.BrokenAt == 0 && youngest > head.AuditSequence {
		if err := a.coversYoungest(ctx, container, document.Partition, head.AuditSequence, youngest, &report); err != nil {
			return report, err
		}
	}
	report.Verified = report.BrokenAt == 0
	return report, nil
}

// coversYoungest looks for the head that was written with entries beyond the one at hand; without it, they were put in, or the head was set back.
func (a *App) coversYoungest(ctx context.Context, container store.Container, partition string, sequence, youngest int64, report *ChainReport) error {
	heads, err := a.store.Get(ctx, container, partition, kindHead)
	if err != nil {
		return fmt.Errorf("read the head again: %w", err)
	}
	head, err := decode[governance.Head](heads[0])
	if heads[0].ID == "" || err != nil || head.AuditSequence < youngest {
		report.BrokenAt = sequence + 1
	}
	return nil
}

// tellBroken writes the line that the alert reads.
func (a *App) tellBroken(ctx context.Context, container store.Container, report ChainReport) {
	a.log.ErrorContext(ctx, "an audit chain is broken", "alert", true, platform.LogMetric, platform.MetricAuditBroken, platform.LogValue, 1,
		"container", string(container), "partitionId", report.PartitionID, "brokenAt", report.BrokenAt, "entries", report.Entries,
		"stops", "nothing; what the audit says of this one from there on is no evidence", "mend", "docs/operate/broken-audit-chain.md: keep what is there, then find out who wrote past Latchkey, or whether it was a restore")
}
