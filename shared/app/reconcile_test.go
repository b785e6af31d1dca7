package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/app"
	"latchkey/shared/governance"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// scrubStand is a stand on which each run of the timer verifies so many chains. Beside the subjects' there is the chain of one catalog.
func scrubStand(t *testing.T, chains int, people ...string) *stand {
	t.Helper()
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	for _, one := range people {
		s.submit(user(one), request(packageID))
	}
	s.drain()
	s.restart(func(o *app.Options) { o.AuditChains = chains })
	return s
}

// restart makes the app anew, with other options.
func (s *stand) restart(change func(*app.Options)) {
	change(&s.options)
	s.app = app.New(s.options)
}

// reconcile runs the timer and answers with how many chains it looked at.
func (s *stand) reconcile() int {
	s.Helper()
	sweep, err := s.app.Reconcile(s.Context(), system())
	s.must(err)
	return sweep.Found
}

// broken are the partitions that the log calls broken, in order.
func (s *stand) broken() []string {
	s.Helper()
	var found []string
	for _, line := range s.lines("an audit chain is broken") {
		found = append(found, fmt.Sprintf("%s@%v", line["partitionId"], line["brokenAt"]))
	}
	slices.Sort(found)
	return found
}

// lines are the log lines with a message.
func (s *stand) lines(message string) []map[string]any {
	s.Helper()
	var found []map[string]any
	for line := range strings.Lines(s.log.String()) {
		var members map[string]any
		s.must(json.Unmarshal([]byte(line), &members))
		if members["msg"] == message {
			found = append(found, members)
		}
	}
	return found
}

// tamper changes an entry of a subject's chain past Latchkey; change gets the document and its entry.
func (s *stand) tamper(person string, sequence int64, change func(*store.Document, *governance.AuditEntry)) {
	s.Helper()
	for _, document := range s.documents(store.Subjects, "audit") {
		var entry governance.AuditEntry
		if document.Partition != subjectID(person) {
			continue
		}
		s.must(json.Unmarshal(document.Body, &entry))
		if entry.Sequence == sequence {
			document.ETag = ""
			document = rewritten(s, document, entry)
			change(&document, &entry)
			_, err := s.store.Commit(s.Context(), store.Subjects, document.Partition, []store.Operation{{Verb: store.Upsert, Document: document}})
			s.must(err)
			return
		}
	}
	s.Fatalf("there is no entry %d", sequence)
}

func (s *stand) spoil(person string, sequence int64) {
	s.Helper()
	s.tamper(person, sequence, func(document *store.Document, entry *governance.AuditEntry) {
		entry.Result = "nothing happened"
		*document = rewritten(s, *document, *entry)
	})
}

// TestBrokenChainsAreFoundWithoutAnybodyAsking: each broken chain is told once a round, with what to do, and stops neither the others nor the timer. rules: AUD-01.
func TestBrokenChainsAreFoundWithoutAnybodyAsking(t *testing.T) {
	s := scrubStand(t, 100, alice, bob, carl, mia, max)
	s.spoil(alice, 2)
	s.tamper(bob, 3, func(document *store.Document, _ *governance.AuditEntry) {
		document.Body = []byte(`{"sequence":"three"}`)
	})
	s.tamper(carl, 5, func(document *store.Document, entry *governance.AuditEntry) { // one that was put in
		entry.Seal(entry.PartitionID, 6, entry.Hash)
		*document = rewritten(s, *document, *entry)
		document.ID = "audit:000000000006"
	})
	if found := s.reconcile(); found != 6 {
		t.Errorf("%d chains were verified, there are 6", found)
	}
	want := []string{subjectID(alice) + "@2", subjectID(bob) + "@3", subjectID(carl) + "@6"}
	slices.Sort(want)
	if !slices.Equal(s.broken(), want) {
		t.Errorf("broken are %q, want %q", s.broken(), want)
	}
	for _, line := range s.lines("an audit chain is broken") {
		if line["level"] != "ERROR" || line["alert"] != true || line["metric"] != "latchkey.audit.broken" || line["value"] != 1.0 || line["container"] != "subjects" ||
			!strings.Contains(line["mend"].(string), "docs/operate/broken-audit-chain.md") {
			t.Errorf("the line is %v", line)
		}
	}
	if rounds := s.lines("every audit chain was verified"); len(rounds) != 1 || rounds[0]["chains"] != 6.0 || rounds[0]["broken"] != 3.0 {
		t.Errorf("the round is told as %v", rounds)
	}
	s.reconcile()
	if len(s.broken()) != 6 {
		t.Errorf("the next round tells %q", s.broken())
	}
}

// TestAHeadThatWasChanged is a broken chain, too: set back, or made unreadable. rules: AUD-01.
func TestAHeadThatWasChanged(t *testing.T) {
	s := scrubStand(t, 100, alice, bob, carl)
	for _, document := range s.documents(store.Subjects, "head") {
		var head governance.Head
		s.must(json.Unmarshal(document.Body, &head))
		switch document.Partition {
		case subjectID(alice): // what came after the third entry is to be forgotten
			head.AuditSequence, head.AuditHash = 3, s.audit(alice)[2].Hash
			body, err := json.Marshal(head)
			s.must(err)
			document.Body = body
		case subjectID(bob):
			document.Body = []byte(`{"auditSequence":"many"}`)
		default:
			continue
		}
		document.ETag = ""
		_, err := s.store.Commit(t.Context(), store.Subjects, document.Partition, []store.Operation{{Verb: store.Replace, Document: document}})
		s.must(err)
	}
	s.reconcile()
	want := []string{subjectID(alice) + "@4", subjectID(bob) + "@1"}
	slices.Sort(want)
	if !slices.Equal(s.broken(), want) {
		t.Errorf("broken are %q, want %q", s.broken(), want)
	}
}

// TestARunVerifiesNoMoreThanItMay and the next ones go on, until all chains were looked at; then it begins anew. Off, it reads nothing.
func TestARunVerifiesNoMoreThanItMay(t *testing.T) {
	s := scrubStand(t, 2, alice, bob, carl, mia) // and a catalog
	for _, person := range []string{alice, bob, carl, mia} {
		s.spoil(person, 1)
	}
	var runs []int
	for len(s.lines("every audit chain was verified")) == 0 && len(runs) < 10 {
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

	off := scrubStand(t, 0, alice)
	off.downStore(true)
	if off.reconcile() != 0 {
		t.Error("it verifies though it is off")
	}
	_, err := s.app.Reconcile(t.Context(), admin())
	s.refused(err, governance.CodeForbidden)
}

// TestAnInterruptedRunGoesOnWhereItWas: what was noted is not verified again, and nothing is left out.
func TestAnInterruptedRunGoesOnWhereItWas(t *testing.T) {
	s := scrubStand(t, 1, alice, bob, carl)
	for _, person := range []string{alice, bob, carl} {
		s.spoil(person, 1)
	}
	s.reconcile() // the catalog's
	s.reconcile()
	first := s.broken()
	s.restart(func(o *app.Options) { o.AuditChains = 100 })
	asked := 0
	s.store.SetFault(func(operation string) storememory.Fault {
		if asked++; operation == storememory.OpQuery && asked > 2 { // the heads are read, the chains are not
			return storememory.Unavailable
		}
		return storememory.NoFault
	})
	if _, err := s.app.Reconcile(t.Context(), system()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a store that is away: %v", err)
	}
	s.store.SetFault(nil)
	s.restart(func(*app.Options) {})
	if found := s.reconcile(); found != 2 || len(first) != 1 || len(s.broken()) != 3 || len(slices.Compact(s.broken())) != 3 {
		t.Errorf("first %q; then %d chains, together %q", first, found, s.broken())
	}
}

// TestANoteThatNobodyCanUse: a continuation of another release, or a note that somebody spoiled, costs a round and nothing else.
func TestANoteThatNobodyCanUse(t *testing.T) {
	for _, note := range []string{`{"container":"subjects","continuation":"of another release"}`, `{"container":"elsewhere"}`, `{"chains":"many"}`} {
		s := scrubStand(t, 100, alice, bob)
		s.spoil(bob, 1)
		_, err := s.store.Commit(t.Context(), store.Catalogs, "tenant", []store.Operation{{Verb: store.Create, Document: store.Document{ID: "scrub", Kind: "scrub", SchemaVersion: 1, Body: []byte(note)}}})
		s.must(err)
		s.reconcile()
		if want := []string{subjectID(bob) + "@1"}; !slices.Equal(s.broken(), want) || len(s.lines("every audit chain was verified")) != 1 {
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
	s := scrubStand(t, 100, alice, bob)
	writer := s.app
	packageID, _ := s.openPackage("another", member(g2))
	asked := 0
	s.restart(func(o *app.Options) {
		o.Store = meanwhile{s.store, func(partition string) {
			if asked++; partition == subjectID(alice) {
				if _, err := writer.SubmitRequest(t.Context(), user(alice), request(packageID)); err != nil && asked < 3 {
					t.Error(err)
				}
			}
		}}
	})
	before := len(s.audit(alice))
	s.reconcile()
	if len(s.broken()) != 0 || len(s.audit(alice)) == before {
		t.Errorf("broken are %q; %d entries before, %d after", s.broken(), before, len(s.audit(alice)))
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
	s := scrubStand(t, 100, alice, bob)
	s.spoil(bob, 1)
	s.restart(func(o *app.Options) { o.Store = lagging{s.store, map[string]bool{}} })
	s.reconcile()
	if want := []string{subjectID(bob) + "@1"}; !slices.Equal(s.broken(), want) {
		t.Errorf("broken are %q, want %q", s.broken(), want)
	}
}

// TestAnotherInstanceIsAtIt: of two runs at a time one goes on, and the other ends without a word.
func TestAnotherInstanceIsAtIt(t *testing.T) {
	s := scrubStand(t, 100, alice, bob)
	other := s.app
	once := false
	s.restart(func(o *app.Options) {
		o.Store = meanwhile{s.store, func(string) {
			if !once {
				once = true
				if sweep, err := other.Reconcile(t.Context(), system()); err != nil || sweep.Found != 3 {
					t.Errorf("the other verified %d: %v", sweep.Found, err)
				}
			}
		}}
	})
	s.reconcile()
	if rounds := s.lines("every audit chain was verified"); len(rounds) != 1 || len(s.documents(store.Catalogs, "scrub")) != 1 {
		t.Errorf("rounds are told as %v", rounds)
	}
}

// TestChainsOfALaterRelease: what this release does not know, it does not call broken; but somebody is told that there is such a thing.
func TestChainsOfALaterRelease(t *testing.T) {
	s := scrubStand(t, 100, alice, bob)
	s.tamper(alice, 2, func(document *store.Document, entry *governance.AuditEntry) {
		entry.Detail = "a member that this release does not know"
		*document = rewritten(s, *document, *entry)
		document.SchemaVersion = 2
	})
	s.reconcile()
	rounds := s.lines("every audit chain was verified")
	if len(s.broken()) != 0 || len(rounds) != 1 || rounds[0]["level"] != "WARN" || rounds[0]["newer"] != 1.0 {
		t.Errorf("broken are %q, the round is %v", s.broken(), rounds)
	}
	_, err := s.app.VerifyAudit(t.Context(), callerWith('p'), false, subjectID(alice))
	s.refused(err, governance.CodeConflict, "later release")
}

// TestALongChainCountsForSeveral, so that what a run costs does not grow with the data.
func TestALongChainCountsForSeveral(t *testing.T) {
	s := scrubStand(t, 3, alice, bob, carl)
	head := governance.Head{ID: id("long")}
	var operations []store.Operation
	const entries = 2*store.MaxPageSize + 1
	for n := int64(1); n <= entries; n++ {
		entry := governance.AuditEntry{Activity: governance.ActivityApprove, Result: "success"}
		entry.Seal(head.ID, n, head.AuditHash)
		head.AuditSequence, head.AuditHash = n, entry.Hash
		body, err := json.Marshal(entry)
		s.must(err)
		operations = append(operations, store.Operation{Verb: store.Create, Document: store.Document{ID: fmt.Sprintf("audit:%012d", n), Kind: "audit", SchemaVersion: 1, Body: body}})
	}
	body, err := json.Marshal(head)
	s.must(err)
	operations = append(operations, store.Operation{Verb: store.Create, Document: store.Document{ID: "head", Kind: "head", SchemaVersion: 1, Body: body}})
	for some := range slices.Chunk(operations, store.MaxOperations) {
		_, err := s.store.Commit(t.Context(), store.Catalogs, head.ID, some)
		s.must(err)
	}
	// The catalog counts for 1, the long one for 3: none is left for the subjects.
	if found := s.reconcile(); found != 2 || len(s.broken()) != 0 {
		t.Errorf("%d chains, broken are %q", found, s.broken())
	}
	if found := s.reconcile(); found != 3 {
		t.Errorf("then %d chains", found)
	}
}
