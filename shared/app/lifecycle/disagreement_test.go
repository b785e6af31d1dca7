package lifecycle_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// held gives somebody an assignment that ends, and a request that waits, and answers with the assignment.
func (s *stand) held(name string) governance.Assignment {
	s.Helper()
	target := &governance.Subject{ID: person(name).Partition}
	pack := &governance.AccessPackage{ID: ledgertest.ID("package"), Catalog: &governance.Catalog{ID: ledgertest.ID("catalog")}}
	assignment := governance.Assignment{
		ID: ledgertest.ID("of " + name), State: governance.AssignmentDelivered, AccessPackage: pack, AssignmentPolicy: &governance.AssignmentPolicy{}, Target: target,
		Schedule: &governance.Schedule{Expiration: &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(ledgertest.Noon.AddDate(1, 0, 0))}},
	}
	over := assignment
	over.ID, over.State = ledgertest.ID("before, of "+name), governance.AssignmentExpired
	request := governance.AssignmentRequest{
		ID: ledgertest.ID("request of " + name), RequestType: governance.RequestUserAdd, State: governance.StateDelivering, AccessPackage: pack, Requestor: target,
		Assignment: &governance.Assignment{ID: ledgertest.ID("new"), Target: target},
	}
	s.Put(person(name), assignment, over, request)
	return assignment
}

// document is a stored document of somebody.
func (s *stand) document(name, id string) store.Document {
	s.Helper()
	found, err := s.Store.Get(context.Background(), store.Subjects, person(name).Partition, id)
	s.Must(err)
	return found[0]
}

// disagreeing are what the log calls so, in order.
func (s *stand) disagreeing() []string {
	s.Helper()
	var found []string
	for _, line := range s.Lines("a document and its head disagree") {
		found = append(found, fmt.Sprintf("%s: %s", line["document"], line["differs"]))
	}
	slices.Sort(found)
	return found
}

// TestDisagreementsAreFoundWithoutAnybodyAsking: each is told once a round, with what to do, and nothing is changed; neither a chain nor another subject is held up. rules: LIF-06.
func TestDisagreementsAreFoundWithoutAnybodyAsking(t *testing.T) {
	s := scrubStand(t, 100, "alice", "bob", "carl", "dora")
	assignments := map[string]governance.Assignment{}
	for _, name := range []string{"alice", "bob", "carl", "dora"} {
		assignments[name] = s.held(name)
	}
	s.reconcile()
	if found := s.disagreeing(); len(found) > 0 {
		t.Fatalf("without anything amiss, told are %q", found)
	}
	endless := assignments["alice"]
	endless.Schedule = nil
	alices := s.document("alice", "assignment:"+endless.ID)
	s.Rewrite(store.Subjects, alices, endless) // it stays due
	bobs := s.document("bob", "assignment:"+assignments["bob"].ID)
	bobs.DueAt = bobs.DueAt.AddDate(1, 0, 0)
	s.Rewrite(store.Subjects, bobs, assignments["bob"])
	s.Rewrite(store.Subjects, s.document("carl", "request:"+ledgertest.ID("request of carl")), `{"state":"delivering"}`)
	before := s.document("alice", "assignment:"+endless.ID)
	if found := s.reconcile(); found != 5 {
		t.Errorf("%d chains were verified", found)
	}
	want := []string{
		"assignment:" + endless.ID + `: endDateTime is "2027-11-20T12:00:00.000Z" in the head and none in the document`,
		"assignment:" + endless.ID + ": dueAt is 2027-11-20T12:00:00.000Z, and by what the document says none",
		"assignment:" + assignments["bob"].ID + ": dueAt is 2028-11-20T12:00:00.000Z, and by what the document says 2027-11-20T12:00:00.000Z",
		"request:" + ledgertest.ID("request of carl") + ": the head has it as live, and it cannot be read",
	}
	slices.Sort(want)
	if found := s.disagreeing(); !slices.Equal(found, want) {
		t.Errorf("told are\n%s\nwanted\n%s", strings.Join(found, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range s.Lines("a document and its head disagree") {
		if line["level"] != "ERROR" || line["alert"] != true || line["metric"] != "latchkey.document.disagrees" || line["value"] != 1.0 || line["container"] != "subjects" ||
			!strings.Contains(line["mend"].(string), "docs/operate/bad-documents.md") {
			t.Errorf("the line is %v", line)
		}
	}
	if rounds := s.Lines("every audit chain was verified"); len(rounds) != 2 || rounds[1]["disagreeing"] != 4.0 || rounds[1]["broken"] != 0.0 {
		t.Errorf("the rounds are told as %v", rounds)
	}
	if after := s.document("alice", "assignment:"+endless.ID); after.ETag != before.ETag {
		t.Error("the document was changed")
	}
}

// moving is a store in which a subject changes between the reading of its head and of its documents, so many times.
type moving struct {
	store.Store
	times  *int
	change func()
}

func (m moving) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	if query.Kind == "assignment" && query.Partition != "" && *m.times > 0 {
		*m.times--
		m.change()
	}
	return m.Store.Query(ctx, container, query)
}

// TestWhatChangesMeanwhileIsNoDisagreement: documents that are younger than the head that was read say otherwise than it, and rightly.
func TestWhatChangesMeanwhileIsNoDisagreement(t *testing.T) {
	for _, times := range []int{1, 2, 100} {
		s := scrubStand(t, 100, "alice")
		assignment := s.held("alice")
		left := times
		s.restart(moving{s.Store, &left, func() {
			assignment.Schedule = &governance.Schedule{Expiration: &governance.Expiration{
				Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(assignment.End().Instant().AddDate(0, 0, 1)),
			}}
			s.Put(person("alice"), assignment)
		}}, 100)
		s.reconcile()
		if found := s.disagreeing(); len(found) > 0 || left == times {
			t.Errorf("after %d changes told are %q", times-left, found)
		}
	}
}

// TestAnUnreadableHeadIsPassedOver: its chain is told as broken, and the others are looked at.
func TestAnUnreadableHeadIsPassedOver(t *testing.T) {
	s := scrubStand(t, 100, "alice", "bob")
	endless := s.held("bob")
	endless.Schedule = nil
	s.Rewrite(store.Subjects, s.document("bob", "assignment:"+endless.ID), endless)
	s.Rewrite(store.Subjects, s.document("alice", "head"), `{"id":5}`)
	if found := s.reconcile(); found != 3 {
		t.Errorf("%d chains were verified", found)
	}
	if !slices.Equal(s.broken(), []string{at("alice", 1)}) || len(s.disagreeing()) != 2 {
		t.Errorf("told are %q and %q", s.broken(), s.disagreeing())
	}
}
