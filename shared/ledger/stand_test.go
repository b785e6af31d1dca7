package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// probe is a kind of documents that only these tests know: a type and a row, in a container that nothing else uses.
type probe struct {
	ID   string    `json:"id"`
	Text string    `json:"text,omitempty"`
	At   time.Time `json:"at,omitzero"`
}

func (probe) DocumentKind() string { return "probe" }
func (p probe) DocumentID() string { return p.ID }
func (p probe) Due() time.Time     { return p.At }

func init() { ledger.Register(store.Reviews, governance.WorkDue, probe.Due) }

var (
	alice  = ledger.SubjectPlace(ledgertest.ID("alice"))
	review = governance.Place{Container: string(store.Reviews), Partition: ledgertest.ID("review")}
	other  = ledger.CatalogPlace(ledgertest.ID("catalog"))
)

type stand struct{ *ledgertest.Stand }

func newStand(t *testing.T) stand { return stand{ledgertest.New(t)} }

// write is a command that writes a probe and has something done for it.
func write(one probe) ledger.Decide {
	return func(engine.State) (engine.Change, error) {
		return engine.Change{Write: []governance.Document{one}, Effects: []governance.Effect{governance.EffectOf(one, governance.WorkProvision)}}, nil
	}
}

func (s stand) update(ctx context.Context, one probe) (ledger.Committed, error) {
	return s.Ledger.Update(ctx, review, ledger.Documents("probe:"+one.ID), write(one))
}

// stored is a probe as it is in the store.
func (s stand) stored(id string) ledger.Versioned[probe] {
	s.Helper()
	found, err := ledger.GetAt[probe](s.Context(), s.Ledger, review, id, "probe")
	s.Must(err)
	return found
}

func (s stand) probes() int { return len(s.Documents(store.Reviews, "probe")) }

// TestANewKind is a type and a row: it is committed, found, listed, due, and its effects name it.
func TestANewKind(t *testing.T) {
	s := newStand(t)
	id := ledgertest.ID("probe")
	done, err := s.update(t.Context(), probe{ID: id, Text: "one", At: ledgertest.Noon})
	s.Must(err)
	if found := s.stored(id); found.Value.Text != "one" || found.ETag != done.ETag(found.Value) {
		t.Errorf("stored is %+v", found)
	}
	if found, err := ledger.Get[probe](t.Context(), s.Ledger, id, "probe"); err != nil || found.Value.Text != "one" {
		t.Errorf("it is found as %+v: %v", found, err)
	}
	if _, err := ledger.Get[probe](t.Context(), s.On(s.Store), id, "probe"); err != nil { // one that did not write it
		t.Errorf("another ledger does not find it: %v", err)
	}
	if page, err := ledger.List[probe](t.Context(), s.Ledger, ledger.ListOptions{}); err != nil || len(page.Items) != 1 {
		t.Errorf("listed are %+v: %v", page, err)
	}
	for text, wanted := range map[string]bool{"one": true, "two": false} {
		if found, err := ledger.Any[probe](t.Context(), s.Ledger, store.Compare{Path: []string{"text"}, Comparison: store.Equal, Value: text}); err != nil || found != wanted {
			t.Errorf("any %s: %t %v", text, found, err)
		}
	}
	sent := s.Effects("provisioning")
	if len(sent) != 1 || sent[0].Place != review || sent[0].Kind != "probe" || sent[0].About != id || sent[0].What != governance.WorkProvision {
		t.Fatalf("sent are %+v", sent)
	}
	if found, err := ledger.About[probe](t.Context(), s.Ledger, sent[0]); err != nil || found.Text != "one" {
		t.Errorf("the effect is about %+v: %v", found, err)
	}
	_, err = s.Ledger.Update(t.Context(), review, ledger.Documents("probe:"+id), func(state engine.State) (engine.Change, error) {
		one, _ := engine.Find[probe](state, id)
		return engine.Change{Delete: []governance.Document{one}}, nil
	})
	s.Must(err)
	_, err = ledger.About[probe](t.Context(), s.Ledger, sent[0])
	s.Refused(err, governance.CodeUnavailable, id)
	if !errors.Is(err, ledger.ErrNoDocument) {
		t.Errorf("without its document: %v", err)
	}
}

// TestADocumentOfALaterRelease is read if it is of the next release, and refused rather than misread if it is of one after that.
func TestADocumentOfALaterRelease(t *testing.T) {
	for version, readable := range map[int]bool{1: true, 2: true, 3: false} {
		s := newStand(t)
		id := ledgertest.ID("probe")
		s.Put(review, probe{ID: id})
		document := s.Documents(store.Reviews, "probe")[0]
		document.SchemaVersion = version
		s.Rewrite(store.Reviews, document, document.Body)
		if _, err := ledger.GetAt[probe](t.Context(), s.Ledger, review, id, "probe"); (err == nil) != readable {
			t.Errorf("version %d: %v", version, err)
		}
	}
}
