package lifecycle_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/authz"
	"latchkey/shared/app/evidence"
	"latchkey/shared/app/lifecycle"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// entries is how many entries the chain of each person has.
const entries = 5

// stand is what the timers run, wired to the evidence that verifies chains.
type stand struct {
	*ledgertest.Stand
	sweeper *lifecycle.Sweeper
}

// scrubStand is a stand on which each run of the timer verifies so many chains. Beside those of the people there is the chain of one catalog.
func scrubStand(t *testing.T, chains int, people ...string) *stand {
	t.Helper()
	s := &stand{Stand: ledgertest.New(t)}
	for _, one := range people {
		s.Note(person(one), entries)
	}
	s.Note(ledger.CatalogPlace(ledgertest.ID("catalog")), 3)
	s.restart(s.Store, chains)
	return s
}

func person(name string) governance.Place { return ledger.SubjectPlace(ledgertest.ID(name)) }

// restart makes what the timers run anew, on a view of the store.
func (s *stand) restart(view store.Store, chains int) {
	l := s.On(view)
	s.sweeper = &lifecycle.Sweeper{Ledger: l, Authz: authz.New(nil, nil), Store: view, Chains: &evidence.Trail{Ledger: l, Authz: authz.New(nil, nil), Store: view, Log: s.Logger}, Log: s.Logger, AuditChains: chains}
}

// reconcile runs the timer and answers with how many chains it looked at.
func (s *stand) reconcile() int {
	s.Helper()
	sweep, err := s.sweeper.Reconcile(s.Context(), governance.System())
	s.Must(err)
	return sweep.Found
}

// broken are the partitions that the log calls broken, in order.
func (s *stand) broken() []string {
	s.Helper()
	var found []string
	for _, line := range s.Lines("an audit chain is broken") {
		found = append(found, fmt.Sprintf("%s@%v", line["partitionId"], line["brokenAt"]))
	}
	slices.Sort(found)
	return found
}

// at is how broken tells of somebody's chain.
func at(name string, sequence int) string { return fmt.Sprintf("%s@%d", ledgertest.ID(name), sequence) }

// tamper changes an entry of a chain past Latchkey; change gets the document and its entry, and answers with the body.
func (s *stand) tamper(place governance.Place, sequence int, change func(*store.Document, governance.AuditEntry) any) {
	s.Helper()
	stored, trail := s.Trail(place)
	document := stored[sequence-1]
	body := change(&document, trail[sequence-1])
	s.Rewrite(store.Container(place.Container), document, body)
}

func (s *stand) spoil(place governance.Place, sequence int) {
	s.Helper()
	s.tamper(place, sequence, func(_ *store.Document, entry governance.AuditEntry) any {
		entry.Result = "nothing happened"
		return entry
	})
}

// TestBrokenChainsAreFoundWithoutAnybodyAsking: each broken chain is told once a round, with what to do, and stops neither the others nor the timer. rules: AUD-01.
func TestBrokenChainsAreFoundWithoutAnybodyAsking(t *testing.T) {
	s := scrubStand(t, 100, "alice", "bob", "carl", "mia", "max")
	s.spoil(person("alice"), 2)
	s.tamper(person("bob"), 3, func(*store.Document, governance.AuditEntry) any {
		return `{"sequence":"three"}`
	})
	s.tamper(person("carl"), 5, func(document *store.Document, entry governance.AuditEntry) any { // one that was put in
		entry.Seal(entry.PartitionID, 6, entry.Hash, "salt")
		document.ID = "audit:000000000006"
		return entry
	})
	review := governance.Place{Container: string(store.Reviews), Partition: ledgertest.ID("review")}
	s.Note(review, 2)
	s.spoil(review, 1)
	if found := s.reconcile(); found != 7 {
		t.Errorf("%d chains were verified, there are 7", found)
	}
	want := []string{at("alice", 2), at("bob", 3), at("carl", 6), at("review", 1)}
	slices.Sort(want)
	if !slices.Equal(s.broken(), want) {
		t.Errorf("broken are %q, want %q", s.broken(), want)
	}
	for _, line := range s.Lines("an audit chain is broken") {
		if line["level"] != "ERROR" || line["alert"] != true || line["metric"] != "latchkey.audit.broken" || line["value"] != 1.0 || !slices.Contains([]any{"subjects", "reviews"}, line["container"]) ||
			!strings.Contains(line["mend"].(string), "docs/operate/broken-audit-chain.md") {
			t.Errorf("the line is %v", line)
		}
	}
	if rounds := s.Lines("every audit chain was verified"); len(rounds) != 1 || rounds[0]["chains"] != 7.0 || rounds[0]["broken"] != 4.0 {
		t.Errorf("the round is told as %v", rounds)
	}
	s.reconcile()
	if len(s.broken()) != 8 {
		t.Errorf("the next round tells %q", s.broken())
	}
}

// TestAHeadThatWasChanged is a broken chain, too: set back, or made unreadable. rules: AUD-01.
func TestAHeadThatWasChanged(t *testing.T) {
	s := scrubStand(t, 100, "alice", "bob", "carl")
	for _, document := range s.Documents(store.Subjects, "head") {
		switch document.Partition {
		case person("alice").Partition: // what came after the third entry is to be forgotten
			_, trail := s.Trail(person("alice"))
			s.Rewrite(store.Subjects, document, governance.Head{ID: document.Partition, AuditSequence: 3, AuditHash: trail[2].Hash})
		case person("bob").Partition:
			s.Rewrite(store.Subjects, document, `{"auditSequence":"many"}`)
		}
	}
	s.reconcile()
	want := []string{at("alice", 4), at("bob", 1)}
	slices.Sort(want)
	if !slices.Equal(s.broken(), want) {
		t.Errorf("broken are %q, want %q", s.broken(), want)
	}
}

// TestARunVerifiesNoMoreThanItMay and the next ones go on, until all chains were looked at; then it begins anew. Off, it reads nothing.
func TestARunVerifiesNoMoreThanItMay(t *testing.T) {
	s := scrubStand(t, 2, "alice", "bob", "carl", "mia") // and a catalog
	for _, name := range []string{"alice", "bob", "carl", "mia"} {
		s.spoil(person(name), 1)
	}
	var runs []int
	for len(s.Lines("every audit chain was verified")) == 0 && len(runs) < 10 {
		runs = append(runs, s.reconcile())
	}
	if !slices.Equal(runs, []int{2, 2, 1}) || len(slices.Compact(s.broken())) != 4 {
		t.Errorf("runs of %v chains found %q", runs, s.broken())
	}
	s.reconcile()
	s.reconcile()
	if len(s.broken()) <= 4 {
		t.Error("after the last chain it does not begin with the first")
	}

	off := scrubStand(t, 0, "alice")
	off.DownStore(true)
	if off.reconcile() != 0 {
		t.Error("it verifies though it is off")
	}
	for _, run := range []func(context.Context, governance.Caller) (ledger.Sweep, error){s.sweeper.Reconcile, s.sweeper.ExpireDue, s.sweeper.FlushOutbox} {
		_, err := run(t.Context(), governance.Caller{Kind: governance.CallerUser, ObjectID: ledgertest.ID("ada"), DirectoryRoles: []string{governance.RoleGlobalAdministrator}, Scopes: []string{governance.PermissionReadWriteAll}})
		s.Refused(err, governance.CodeForbidden)
	}
}

// TestAnInterruptedRunGoesOnWhereItWas: what was noted is not verified again, and nothing is left out.
func TestAnInterruptedRunGoesOnWhereItWas(t *testing.T) {
	s := scrubStand(t, 1, "alice", "bob", "carl")
	for _, name := range []string{"alice", "bob", "carl"} {
		s.spoil(person(name), 1)
	}
	s.reconcile()
	first := s.broken()
	s.restart(s.Store, 100)
	asked := 0
	s.Store.SetFault(func(operation string) storememory.Fault {
		if asked++; operation == storememory.OpQuery && asked > 2 { // the heads are read, the chains are not
			return storememory.Unavailable
		}
		return storememory.NoFault
	})
	if _, err := s.sweeper.Reconcile(t.Context(), governance.System()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a store that is away: %v", err)
	}
	s.Store.SetFault(nil)
	s.restart(s.Store, 100)
	if found := s.reconcile(); found != 3 || len(first) != 1 || len(s.broken()) != 3 || len(slices.Compact(s.broken())) != 3 {
		t.Errorf("first %q; then %d chains, together %q", first, found, s.broken())
	}
}

// TestANoteThatNobodyCanUse: a continuation of another release, or a note that somebody spoiled, costs a round and nothing else.
func TestANoteThatNobodyCanUse(t *testing.T) {
	for _, note := range []string{`{"container":"subjects","continuation":"of another release"}`, `{"container":"elsewhere"}`, `{"chains":"many"}`} {
		s := scrubStand(t, 100, "alice", "bob")
		s.spoil(person("bob"), 1)
		s.Rewrite(store.Catalogs, store.Document{Partition: "tenant", ID: "scrub", Kind: "scrub", SchemaVersion: 1}, note)
		s.reconcile()
		if want := []string{at("bob", 1)}; !slices.Equal(s.broken(), want) || len(s.Lines("every audit chain was verified")) != 1 {
			t.Errorf("with the note %s: broken are %q", note, s.broken())
		}
	}
}

// meanwhile is a store on which something happens each time before the entries of a chain are read.
type meanwhile struct {
	store.Store
	happens func(partition string)
}

// Query implements store.Store.
func (m meanwhile) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	if query.Kind == "audit" {
		m.happens(query.Partition)
	}
	return m.Store.Query(ctx, container, query)
}

// TestAChainThatIsBeingWritten is not broken: what comes between the reading of its head and of its entries is left for the next time.
func TestAChainThatIsBeingWritten(t *testing.T) {
	s := scrubStand(t, 100, "alice", "bob")
	alice := person("alice")
	s.restart(meanwhile{s.Store, func(partition string) {
		if partition == alice.Partition {
			s.Note(alice, 1)
		}
	}}, 100)
	length := func() int {
		_, trail := s.Trail(alice)
		return len(trail)
	}
	before := length()
	s.reconcile()
	if len(s.broken()) != 0 || length() == before {
		t.Errorf("broken are %q; %d entries before, %d after", s.broken(), before, length())
	}
	s.reconcile()
	if len(s.broken()) != 0 {
		t.Errorf("broken are %q", s.broken())
	}
}

// lagging is a store whose first reading of each chain lacks the youngest entry, as a replica's may that lags behind.
type lagging struct {
	store.Store
	seen map[string]bool
}

// Query implements store.Store.
func (l lagging) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	page, err := l.Store.Query(ctx, container, query)
	if query.Kind == "audit" && !l.seen[query.Partition] {
		l.seen[query.Partition] = true
		page.Documents = page.Documents[:len(page.Documents)-1]
	}
	return page, err
}

// TestAReadingThatLagsBehind is no evidence: a chain that seems broken is read once more.
func TestAReadingThatLagsBehind(t *testing.T) {
	s := scrubStand(t, 100, "alice", "bob")
	s.spoil(person("bob"), 1)
	s.restart(lagging{s.Store, map[string]bool{}}, 100)
	s.reconcile()
	if want := []string{at("bob", 1)}; !slices.Equal(s.broken(), want) {
		t.Errorf("broken are %q, want %q", s.broken(), want)
	}
}

// TestAnotherInstanceIsAtIt: of two runs at a time one goes on, and the other ends without a word.
func TestAnotherInstanceIsAtIt(t *testing.T) {
	s := scrubStand(t, 100, "alice", "bob")
	other := s.sweeper
	once := false
	s.restart(meanwhile{s.Store, func(string) {
		if !once {
			once = true
			if sweep, err := other.Reconcile(t.Context(), governance.System()); err != nil || sweep.Found != 3 {
				t.Errorf("the other verified %d: %v", sweep.Found, err)
			}
		}
	}}, 100)
	s.reconcile()
	if rounds := s.Lines("every audit chain was verified"); len(rounds) != 1 || len(s.Documents(store.Catalogs, "scrub")) != 1 {
		t.Errorf("rounds are told as %v", rounds)
	}
}

// TestChainsOfALaterRelease: what this release does not know, it does not call broken; but somebody is told that there is such a thing.
func TestChainsOfALaterRelease(t *testing.T) {
	s := scrubStand(t, 100, "alice", "bob")
	s.tamper(person("alice"), 2, func(document *store.Document, entry governance.AuditEntry) any {
		entry.Detail = "a member that this release does not know"
		document.SchemaVersion = 2
		return entry
	})
	s.reconcile()
	rounds := s.Lines("every audit chain was verified")
	if len(s.broken()) != 0 || len(rounds) != 1 || rounds[0]["level"] != "WARN" || rounds[0]["newer"] != 1.0 {
		t.Errorf("broken are %q, the round is %v", s.broken(), rounds)
	}
}

// TestALongChainCountsForSeveral, so that what a run costs does not grow with the data.
func TestALongChainCountsForSeveral(t *testing.T) {
	s := scrubStand(t, 3)
	long := governance.Head{ID: strings.Repeat("0", 36)} // the first of the subjects
	var operations []store.Operation
	create := func(one governance.Document) {
		body, err := json.Marshal(one)
		s.Must(err)
		operations = append(operations, store.Operation{Verb: store.Create, Document: store.Document{
			ID: governance.StoredID(one.DocumentKind(), one.DocumentID()), Kind: one.DocumentKind(), SchemaVersion: ledger.SchemaVersion, Body: body,
		}})
	}
	for range 2*store.MaxPageSize + 1 {
		entry := []governance.AuditEntry{{Activity: governance.ActivityApprove, Result: "success"}}
		long.Chain(entry, "command", "salt")
		create(entry[0])
	}
	create(long)
	for some := range slices.Chunk(operations, store.MaxOperations) {
		_, err := s.Store.Commit(t.Context(), store.Subjects, long.ID, some)
		s.Must(err)
	}
	// The long one counts for 3: none is left for the catalog.
	if found := s.reconcile(); found != 1 || len(s.broken()) != 0 {
		t.Errorf("%d chains, broken are %q", found, s.broken())
	}
	if found := s.reconcile(); found != 1 {
		t.Errorf("then %d chains", found)
	}
}
