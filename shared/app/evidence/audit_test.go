package evidence_test

import (
	"strings"
	"testing"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/authz"
	"latchkey/shared/app/evidence"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// stand is the trail of three places: a subject, a catalog and a place of a third kind, with five entries each.
type stand struct {
	*ledgertest.Stand
	trail *evidence.Trail
}

var places = []governance.Place{
	ledger.SubjectPlace(ledgertest.ID("alice")), ledger.CatalogPlace(ledgertest.ID("catalog")), {Container: string(store.Reviews), Partition: ledgertest.ID("review")},
}

func newStand(t *testing.T) stand {
	s := stand{Stand: ledgertest.New(t)}
	s.trail = &evidence.Trail{Ledger: s.Ledger, Authz: authz.New(nil, nil), Store: s.Store, Log: s.Logger}
	for _, place := range places {
		s.Note(place, 5)
	}
	return s
}

// reader may read the audit, and no more.
var reader = governance.Caller{Kind: governance.CallerApplication, AppID: ledgertest.ID("reader"), Permissions: []string{governance.PermissionReadAll}}

// TestVerifyAudit: a chain that somebody has touched shows where, in whichever container; a personal part that was erased is no touch, one that was changed is. rules: AUD-01.
func TestVerifyAudit(t *testing.T) {
	for name, c := range map[string]struct {
		sequence int
		touch    func(*governance.AuditEntry) // nil: the entry is deleted
		brokenAt int64
	}{
		"untouched":                          {3, func(*governance.AuditEntry) {}, 0},
		"one entry says something else":      {3, func(e *governance.AuditEntry) { e.InitiatedBy.ObjectID = ledgertest.ID("eve") }, 3},
		"its personal part is erased":        {3, func(e *governance.AuditEntry) { e.AuditPersonal = governance.AuditPersonal{} }, 0},
		"its personal part is another":       {3, func(e *governance.AuditEntry) { e.Detail = "something else" }, 3},
		"its personal part is half erased":   {3, func(e *governance.AuditEntry) { e.Detail = "" }, 3},
		"its personal part is without salt":  {3, func(e *governance.AuditEntry) { e.Salt = "" }, 3},
		"the hash of its personal part, too": {3, func(e *governance.AuditEntry) { e.PersonalHash, e.AuditPersonal = "", governance.AuditPersonal{} }, 3},
		"one entry says something else and was sealed again": {3, func(e *governance.AuditEntry) {
			e.InitiatedBy.ObjectID = ledgertest.ID("eve")
			e.Seal(e.PartitionID, e.Sequence, e.PreviousHash, "salt")
		}, 4},
		"the first entry is gone": {1, nil, 1},
		"the last entry is gone":  {5, nil, 5},
	} {
		t.Run(name, func(t *testing.T) {
			for _, place := range places {
				s := newStand(t)
				stored, entries := s.Trail(place)
				document, entry := stored[c.sequence-1], entries[c.sequence-1]
				if c.touch == nil {
					_, err := s.Store.Commit(t.Context(), store.Container(place.Container), place.Partition, []store.Operation{{Verb: store.Delete, Document: document}})
					s.Must(err)
				} else {
					c.touch(&entry)
					s.Rewrite(store.Container(place.Container), document, entry)
				}
				report, err := s.trail.VerifyAudit(t.Context(), reader, governance.Place{Container: place.Container, Partition: strings.ToUpper(place.Partition)})
				s.Must(err)
				if report.Verified != (c.brokenAt == 0) || report.BrokenAt != c.brokenAt || report.PartitionID != place.Partition {
					t.Errorf("the report of %s is %+v, wanted a break at %d", place.Container, report, c.brokenAt)
				}
				if told := s.Lines("an audit chain is broken"); (len(told) == 0) != report.Verified {
					t.Errorf("somebody was told: %v", told)
				}
			}
		})
	}
	s := newStand(t)
	_, err := s.trail.VerifyAudit(t.Context(), reader, ledger.SubjectPlace(ledgertest.ID("bob")))
	s.Refused(err, governance.CodeNotFound)
	_, err = s.trail.VerifyAudit(t.Context(), governance.System(), places[0])
	s.Refused(err, governance.CodeForbidden)
	stored, entries := s.Trail(places[0])
	stored[1].SchemaVersion = ledger.SchemaVersion + 1
	s.Rewrite(store.Subjects, stored[1], entries[1])
	_, err = s.trail.VerifyAudit(t.Context(), reader, places[0])
	s.Refused(err, governance.CodeConflict, "later release")
}

// TestListAudit: the trail can be asked by whom and about what, in each container. rules: AUD-01.
func TestListAudit(t *testing.T) {
	s := newStand(t)
	for _, place := range places {
		_, err := s.Ledger.Update(t.Context(), place, ledger.Documents(), func(state engine.State) (engine.Change, error) {
			change, err := ledgertest.Entry("")(state)
			change.Audit[0].CorrelationID = ledgertest.ID("request")
			return change, err
		})
		s.Must(err)
		filter := store.Compare{Path: []string{"correlationId"}, Comparison: store.Equal, Value: ledgertest.ID("request")}
		page, err := s.trail.ListAudit(t.Context(), reader, place.Container, ledger.ListOptions{Filter: filter})
		s.Must(err)
		if len(page.Items) != 1 || page.Items[0].Value.Sequence != 6 || page.Items[0].Value.PartitionID != place.Partition {
			t.Errorf("of %s are listed %+v", place.Container, page.Items)
		}
	}
	_, err := s.trail.ListAudit(t.Context(), governance.System(), "subjects", ledger.ListOptions{})
	s.Refused(err, governance.CodeForbidden)
}
