package ledger_test

import (
	"testing"

	"latchkey/handlers"
	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/operate"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// TestWhatIsDueHasAHandler: a kind of documents that is due, and whose row in Wire was forgotten, would only fill the dead letters; and so would a work without a queue.
func TestWhatIsDueHasAHandler(t *testing.T) {
	s := ledgertest.New(t)
	use := handlers.Wire(handlers.Ports{Store: s.Store, Bus: s.Broker, Directory: directorymemory.New(directorymemory.Options{Clock: s.Clock})})
	works := ledger.Works()
	delete(works, probe{}.DocumentKind()) // these tests' own
	if len(works) < 3 {
		t.Errorf("due are only %v", works)
	}
	for kind, what := range works {
		if use.Worker.Handlers[operate.Key{What: what, Kind: kind}] == nil {
			t.Errorf("%s documents are due as %q, and nobody handles that: give it a row in handlers.Wire", kind, what)
		}
	}
	for key := range use.Worker.Handlers {
		if _, err := ledger.Message(governance.Effect{ID: "effect", Place: alice, What: key.What}); err != nil {
			t.Errorf("the effects %v have no queue: %v", key, err)
		}
	}
}
