package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// mutationSeeds is within how many seeds a broken promise must show.
const mutationSeeds = 400

// mutation is a promise that is broken.
type mutation struct {
	name     string
	rule     string // that has to see it; empty: any
	sabotage Sabotage
}

// TestMutations breaks one promise of a port at a time, and wants the simulation to see it: a simulation that cannot fail proves nothing.
func TestMutations(t *testing.T) {
	t.Parallel()
	testMutations(t, []mutation{
		{"the store ignores ETags", "", Sabotage{Store: func(inner store.Store) store.Store { return forgetfulOfETags{inner} }}},
		{"the store keeps half of a batch", "", Sabotage{Store: func(inner store.Store) store.Store { return &tearing{Store: inner} }}},
		{"the store loses audit entries", "", Sabotage{Store: func(inner store.Store) store.Store { return without{inner, "audit"} }}},
		{"the store loses effects", "", Sabotage{Store: func(inner store.Store) store.Store { return without{inner, "outbox"} }}},
		{"the store answers from before", "", Sabotage{Store: func(inner store.Store) store.Store { return &stale{Store: inner, seen: map[string]store.Document{}} }}},
		{"the store forgets when documents are due", "deadline", Sabotage{Store: func(inner store.Store) store.Store { return timeless{inner} }}},
		{"the bus drops messages", "", Sabotage{Bus: func(inner bus.Bus) bus.Bus { return &dropping{Bus: inner} }}},
		{"the directory forgets removals", "", Sabotage{Directory: func(inner directory.Directory) directory.Directory {
			return &forgetful{Directory: inner, removals: true}
		}}},
		{"the directory forgets grants", "", Sabotage{Directory: func(inner directory.Directory) directory.Directory { return &forgetful{Directory: inner} }}},
		{"the directory says that everybody is in every group", "", Sabotage{Directory: func(inner directory.Directory) directory.Directory { return generous{inner} }}},
		{"the directory confuses people", "", Sabotage{Directory: func(inner directory.Directory) directory.Directory { return confused{inner} }}},
		{"the store finds nobody who asks for a package", "used", Sabotage{Store: func(inner store.Store) store.Store { return blind{inner} }}},
		{"the store forgets what is being deleted", "used", Sabotage{Store: func(inner store.Store) store.Store {
			return &reopened{Store: inner, gets: map[string]int{}}
		}}},
		{"anybody may ask as often as they like", "often", Sabotage{NoLimit: true}},
		{"access never expires", "", Sabotage{NoExpiry: true}},
		{"the store hides who has a package", "roles", Sabotage{Store: func(inner store.Store) store.Store { return hiding{inner} }}},
		{"the store forgets that a mail was begun", "toldTwice", Sabotage{Store: func(inner store.Store) store.Store { return unbegun{inner} }}},
		{"the directory loses mails", "untold", Sabotage{Directory: func(inner directory.Directory) directory.Directory { return unread{inner} }}},
	})
}

// unbegun keeps of no effect how far it has come.
type unbegun struct{ store.Store }

func (s unbegun) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	if operations[0].Verb == store.Replace && operations[0].Document.Kind == (governance.Effect{}).DocumentKind() {
		return []string{operations[0].IfMatch}, nil
	}
	return s.Store.Commit(ctx, container, partition, operations)
}

// unread takes mails and sends none.
type unread struct{ directory.Directory }

func (unread) SendMail(context.Context, governance.Mail) error { return nil }

// TestMutationsOfHazards: what the product looks at again because the world around it changes, it is lied to about.
func TestMutationsOfHazards(t *testing.T) {
	t.Parallel()
	see := func(lie func(directory.Directory) directory.Directory) Sabotage { return Sabotage{Directory: lie} }
	testMutations(t, []mutation{
		{"the directory says that nobody is blocked", "blocked", see(func(inner directory.Directory) directory.Directory { return welcoming{inner} })},
		{"the directory takes what is deleted for gone", "leak", see(func(inner directory.Directory) directory.Directory { return final{inner} })},
		{"the directory names people by their addresses", "", see(func(inner directory.Directory) directory.Directory { return byAddress{inner} })},
		{"the store tells of catalogs as they were", "overtaken", Sabotage{Store: func(inner store.Store) store.Store {
			return &yesterday{Store: inner, gets: map[string]int{}, heads: map[string]store.Document{}}
		}}},
	})
}

// welcoming says of everybody that they are let in.
type welcoming struct{ directory.Directory }

func (d welcoming) User(ctx context.Context, id string) (governance.User, error) {
	user, err := d.Directory.User(ctx, id)
	user.AccountEnabled = true
	return user, err
}

func (d welcoming) GroupMembers(ctx context.Context, id string, take func(governance.User) bool) error {
	return d.Directory.GroupMembers(ctx, id, func(user governance.User) bool {
		user.AccountEnabled = true
		return take(user)
	})
}

// final says of what may be restored that it has gone for good.
type final struct{ directory.Directory }

func gone(err error) error {
	if errors.Is(err, directory.ErrDeleted) {
		return nil
	}
	return err
}

func (d final) RemoveMember(ctx context.Context, groupID, principalID string) error {
	return gone(d.Directory.RemoveMember(ctx, groupID, principalID))
}

func (d final) RemoveOwner(ctx context.Context, groupID, principalID string) error {
	return gone(d.Directory.RemoveOwner(ctx, groupID, principalID))
}

// byAddress tells of people under an id that is made from what may change.
type byAddress struct{ directory.Directory }

func (d byAddress) User(ctx context.Context, id string) (governance.User, error) {
	user, err := d.Directory.User(ctx, id)
	if user.UserType == governance.UserTypeGuest {
		user.ID = governance.NameID(user.Mail)
	}
	return user, err
}

// yesterday answers with an older head of a catalog, again and again before it looks, once it has been asked often.
type yesterday struct {
	store.Store
	gets  map[string]int
	heads map[string]store.Document
}

func (s *yesterday) Get(ctx context.Context, container store.Container, partition string, ids ...string) ([]store.Document, error) {
	documents, err := s.Store.Get(ctx, container, partition, ids...)
	if err != nil || container != store.Catalogs || len(documents) != 1 {
		return documents, err
	}
	s.gets[partition]++
	if before, ok := s.heads[partition]; ok && s.gets[partition] > 60 && s.gets[partition]%10 != 0 { // not while it is made
		return []store.Document{before}, nil
	}
	s.heads[partition] = documents[0]
	return documents, nil
}

func testMutations(t *testing.T, mutations []mutation) {
	for _, mutation := range mutations {
		t.Run(mutation.name, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= mutationSeeds; seed++ {
				var failure *Failure
				if _, err := Run(Options{Seed: seed, Sabotage: mutation.sabotage}); errors.As(err, &failure) && (mutation.rule == "" || failure.Rule == mutation.rule) {
					t.Logf("seen with %v", failure)
					return
				}
			}
			t.Errorf("%d seeds did not see it", mutationSeeds)
		})
	}
}

// TestShrink: a failing run is made smaller and still fails in the same way.
func TestShrink(t *testing.T) {
	options := Options{Sabotage: Sabotage{Directory: func(inner directory.Directory) directory.Directory {
		return &forgetful{Directory: inner, removals: true}
	}}}
	for options.Seed = 1; options.Seed <= mutationSeeds; options.Seed++ {
		report, err := Run(options)
		var failure *Failure
		if !errors.As(err, &failure) {
			continue
		}
		small, smaller := Shrink(options, failure)
		if smaller.Rule != failure.Rule || len(smaller.Trace) == 0 {
			t.Fatalf("it failed with %v, smaller with %v and %d lines", failure, smaller, len(smaller.Trace))
		}
		if left := report.Count - len(small.Skip); left > report.Count/2 {
			t.Errorf("%d of %d operations are left", left, report.Count)
		}
		t.Log(Explain(small, smaller))
		return
	}
	t.Fatal("no seed failed")
}

// forgetfulOfETags does as it is told, whoever was faster.
type forgetfulOfETags struct{ store.Store }

func (s forgetfulOfETags) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	blind := make([]store.Operation, len(operations))
	for i, operation := range operations {
		operation.IfMatch = ""
		if found, err := s.Get(ctx, container, partition, operation.Document.ID); err == nil && operation.Verb != store.Delete {
			if operation.Verb = store.Replace; found[0].ID == "" {
				operation.Verb = store.Create
			}
		}
		blind[i] = operation
	}
	return s.Store.Commit(ctx, container, partition, blind)
}

// tearing keeps only the first half of a batch now and then, and says that it failed.
type tearing struct {
	store.Store
	commits int
}

func (s *tearing) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	if s.commits++; s.commits%23 == 0 && container == store.Subjects && len(operations) > 1 {
		if _, err := s.Store.Commit(ctx, container, partition, operations[:len(operations)/2]); err != nil {
			return nil, err
		}
		return nil, store.ErrUnavailable
	}
	return s.Store.Commit(ctx, container, partition, operations)
}

// without loses all documents of a kind.
type without struct {
	store.Store
	kind string
}

func (s without) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	var kept []store.Operation
	for _, operation := range operations {
		if operation.Document.Kind != s.kind || container != store.Subjects {
			kept = append(kept, operation)
		}
	}
	etags, err := s.Store.Commit(ctx, container, partition, kept)
	for len(etags) < len(operations) && err == nil {
		etags = append(etags, "")
	}
	return etags, err
}

// blind finds no request, wherever it lies.
type blind struct{ store.Store }

func (s blind) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	if query.Kind == (governance.AssignmentRequest{}).DocumentKind() && query.Partition == "" && query.PageSize == 1 {
		return store.Page{}, nil
	}
	return s.Store.Query(ctx, container, query)
}

// reopened tells of heads of catalogs, mostly, as if nothing in them were being deleted.
type reopened struct {
	store.Store
	gets map[string]int
}

func (s *reopened) Get(ctx context.Context, container store.Container, partition string, ids ...string) ([]store.Document, error) {
	documents, err := s.Store.Get(ctx, container, partition, ids...)
	if err != nil || container != store.Catalogs || documents[0].Kind != (governance.Head{}).DocumentKind() {
		return documents, err
	}
	var head governance.Head
	if s.gets[partition]++; s.gets[partition]%3 > 0 && json.Unmarshal(documents[0].Body, &head) == nil {
		head.Closing = nil
		documents[0].Body, err = json.Marshal(head)
	}
	return documents, err
}

// timeless keeps no instant at which something is due.
type timeless struct{ store.Store }

func (s timeless) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	kept := slices.Clone(operations)
	for i := range kept {
		kept[i].Document.DueAt = time.Time{}
	}
	return s.Store.Commit(ctx, container, partition, kept)
}

// hiding leaves out those who have a package.
type hiding struct{ store.Store }

func (s hiding) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	page, err := s.Store.Query(ctx, container, query)
	if query.Partition == "" && query.Kind == "assignment" && query.Filter != nil {
		page.Documents = nil
	}
	return page, err
}

// stale answers with an old version now and then, and lets it be written over.
type stale struct {
	store.Store
	gets int
	seen map[string]store.Document
}

func (s *stale) Get(ctx context.Context, container store.Container, partition string, ids ...string) ([]store.Document, error) {
	documents, err := s.Store.Get(ctx, container, partition, ids...)
	if err != nil || container != store.Subjects {
		return documents, err
	}
	s.gets++
	for i, document := range documents {
		if document.ID == "" {
			continue
		}
		at := partition + document.ID
		if before, ok := s.seen[at]; ok && s.gets%7 == 0 {
			before.ETag = document.ETag
			documents[i] = before
		}
		s.seen[at] = document
	}
	return documents, nil
}

// dropping accepts messages now and then and loses them.
type dropping struct {
	bus.Bus
	sends int
}

func (b *dropping) Send(ctx context.Context, queue string, messages ...bus.Message) error {
	if b.sends++; b.sends%19 == 0 {
		return nil
	}
	return b.Bus.Send(ctx, queue, messages...)
}

// forgetful says that a change is done now and then, and does nothing.
type forgetful struct {
	directory.Directory
	removals bool
	changes  int
}

func (d *forgetful) forgets(removal bool) bool {
	if removal != d.removals {
		return false
	}
	d.changes++
	return d.changes%5 == 0
}

func (d *forgetful) AddMember(ctx context.Context, groupID, principalID string) error {
	if d.forgets(false) {
		return nil
	}
	return d.Directory.AddMember(ctx, groupID, principalID)
}

func (d *forgetful) RemoveMember(ctx context.Context, groupID, principalID string) error {
	if d.forgets(true) {
		return nil
	}
	return d.Directory.RemoveMember(ctx, groupID, principalID)
}

// generous says that everybody is in the help desk and in sales.
type generous struct{ directory.Directory }

func (generous) MemberOf(context.Context, string) ([]string, error) {
	return []string{groupID("helpdesk"), groupID("sales")}, nil
}

// confused grants to somebody else.
type confused struct{ directory.Directory }

func (d confused) AddMember(ctx context.Context, groupID, _ string) error {
	return d.Directory.AddMember(ctx, groupID, personID("eve"))
}
