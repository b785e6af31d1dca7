package evidence

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"latchkey/shared/app/authz"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
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
var errNewer error = &governance.Error{Code: governance.CodeConflict, Message: "A later release wrote to this chain; verify it with that release."}

// VerifyAudit checks the audit chain of one place against its head: no entry changed, missing or put in. A personal part that was erased is none of these. A broken one raises the alert.
// Errors: CodeForbidden, CodeNotFound, CodeConflict for a chain that a later release has written to.
func (t *Trail) VerifyAudit(ctx context.Context, caller governance.Caller, place governance.Place) (ChainReport, error) {
	if err := t.Authz.Require(ctx, caller, authz.OpReadAudit); err != nil {
		return ChainReport{}, err
	}
	place.Partition = governance.Fold(place.Partition)
	head, err := t.head(ctx, place)
	if err != nil {
		return ChainReport{}, err
	}
	if head.ID == "" {
		return ChainReport{}, governance.NotFound("There is no audit chain %q.", governance.Clip(place.Partition))
	}
	report, err := t.verify(ctx, place, head)
	if err != nil {
		return ChainReport{}, err
	}
	t.tell(ctx, place, report)
	return report, nil
}

// VerifyFrom verifies the chain of a head that a run through all of them came upon, and one that seems broken once more from its present head on: a reading that lags behind is no evidence. A broken
// one raises the alert. It answers with the number of its entries. Errors: CodeConflict for a chain that a later release has written to.
func (t *Trail) VerifyFrom(ctx context.Context, container store.Container, head store.Document) (entries int64, whole bool, err error) {
	place := governance.Place{Container: string(container), Partition: head.Partition}
	report, err := t.verify(ctx, place, head)
	if err == nil && !report.Verified && head.Unreadable == nil {
		if head, err = t.head(ctx, place); err == nil && head.ID != "" { // else it has gone meanwhile: Latchkey deletes none
			report, err = t.verify(ctx, place, head)
		}
	}
	if err == nil {
		t.tell(ctx, place, report)
	}
	return report.Entries, report.Verified, err
}

// head is the head of a place as it is now; a zero one: there is none.
func (t *Trail) head(ctx context.Context, place governance.Place) (store.Document, error) {
	heads, err := t.Store.Get(ctx, store.Container(place.Container), place.Partition, governance.StoredID(governance.Head{}.DocumentKind(), ""))
	if err != nil {
		return store.Document{}, fmt.Errorf("read the head: %w", err)
	}
	return heads[0], nil
}

// verify holds the entries of a chain against a head that was read before them. Entries are written with their head and never changed, so what was written meanwhile is younger than that head and is
// left out; but then there must be a younger head, too.
func (t *Trail) verify(ctx context.Context, place governance.Place, document store.Document) (ChainReport, error) {
	report := ChainReport{PartitionID: place.Partition}
	if document.SchemaVersion > ledger.SchemaVersion {
		return report, errNewer
	}
	head, err := ledger.Decode[governance.Head](document)
	if err != nil { // nobody writes such a head but by hand
		report.BrokenAt = 1
		return report, nil
	}
	var links []governance.AuditLink
	youngest := head.AuditSequence
	query := store.Query{Partition: place.Partition, Kind: governance.AuditEntry{}.DocumentKind(), PageSize: store.MaxPageSize}
	err = t.Ledger.Each(ctx, store.Container(place.Container), query, func(documents []store.Document) error {
		for _, document := range documents {
			if document.SchemaVersion > ledger.SchemaVersion {
				return errNewer
			}
			entry, err := ledger.Decode[governance.AuditEntry](document)
			if err != nil {
				continue // its place in the chain is empty
			}
			youngest = max(youngest, entry.Sequence)
			if entry.Sequence <= head.AuditSequence {
				links = append(links, entry.Link())
			}
		}
		return nil
	})
	if err != nil {
		return report, err
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
	if report.BrokenAt == 0 && youngest > head.AuditSequence { // then the head that was written with them is there; without it, they were put in, or the head was set back
		if document, err = t.head(ctx, place); err != nil {
			return report, err
		}
		if present, err := ledger.Decode[governance.Head](document); err != nil || present.AuditSequence < youngest {
			report.BrokenAt = head.AuditSequence + 1
		}
	}
	report.Verified = report.BrokenAt == 0
	return report, nil
}

// tell writes the line that the alert reads, if a chain is broken.
func (t *Trail) tell(ctx context.Context, place governance.Place, report ChainReport) {
	if report.Verified {
		return
	}
	t.Log.ErrorContext(ctx, "an audit chain is broken", "alert", true, platform.LogMetric, platform.MetricAuditBroken, platform.LogValue, 1,
		"container", place.Container, "partitionId", report.PartitionID, "brokenAt", report.BrokenAt, "entries", report.Entries,
		"stops", "nothing; what the audit says of this one from there on is no evidence", "mend", "docs/operate/broken-audit-chain.md: "+
			"keep what is there, then find out who wrote past Latchkey, or whether it was a restore")
}
