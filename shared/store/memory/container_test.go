package memory

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// TestIndexAgainstModel: the index holds what a sorted list would.
func TestIndexAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var x index[int]
	type known struct {
		key  string
		slot *slot[int]
	}
	var model []known
	less := func(a, b known) int {
		if a.key != b.key {
			if a.key < b.key {
				return -1
			}
			return 1
		}
		return int(a.slot.sequence) - int(b.slot.sequence)
	}
	for n := range 20_000 {
		if len(model) > 0 && random.IntN(5) < 2 || n > 15_000 && len(model) > 0 {
			at := random.IntN(len(model))
			x.remove(model[at].key, model[at].slot)
			model = slices.Delete(model, at, at+1)
		} else {
			k := known{fmt.Sprint(random.IntN(50)), &slot[int]{sequence: uint64(n + 1)}}
			x.insert(k.key, k.slot)
			at, _ := slices.BinarySearchFunc(model, k, less)
			model = slices.Insert(model, at, k)
		}
		if n%997 != 0 {
			continue
		}
		from := fmt.Sprint(random.IntN(50))
		var got []known
		x.walk(from, 0, func(key string, s *slot[int]) bool { got = append(got, known{key, s}); return true })
		at, _ := slices.BinarySearchFunc(model, known{from, &slot[int]{}}, less)
		if !slices.Equal(got, model[at:]) {
			t.Fatalf("after %d steps the index has %d entries from %s, the model %d", n, len(got), from, len(model)-at)
		}
	}
	x.remove("absent", &slot[int]{sequence: 1})
	for _, k := range model {
		x.remove(k.key, k.slot)
	}
	if len(x.runs) != 0 {
		t.Fatalf("%d runs of nothing", len(x.runs))
	}
}

func TestExpiredItemsAreSweptOut(t *testing.T) {
	clock := platform.NewManualClock(time.Unix(1_000_000, 0))
	c := NewContainer[int](clock, 0, false)
	for n := range 200 {
		_ = c.Update("p", func(tx *Tx[int]) error {
			tx.Put(Item[int]{ID: fmt.Sprint(n), TTL: time.Minute})
			return nil
		})
	}
	clock.Advance(time.Hour)
	for range 4 {
		_ = c.Update("q", func(*Tx[int]) error { return nil })
	}
	if c.Len() != 0 || len(c.byPartition.runs)+len(c.byID.runs)+len(c.byExpiry.runs) != 0 {
		t.Fatalf("%d items are left", c.Len())
	}
}

func TestChanges(t *testing.T) {
	c := NewContainer[int](platform.NewManualClock(time.Unix(1_000_000, 0)), 0, true)
	put := func(partition, id string, value int) {
		_ = c.Update(partition, func(tx *Tx[int]) error {
			tx.Put(Item[int]{ID: id, Value: value})
			return nil
		})
	}
	put("p", "a", 1)
	put("q", "b", 2)
	put("p", "a", 3)
	values := func(items []*Item[int]) (all []int) {
		for _, i := range items {
			all = append(all, i.Value)
		}
		return all
	}
	page, last := c.Changes("", 0, 10)
	if got := values(page); !slices.Equal(got, []int{2, 3}) || last != 3 {
		t.Fatalf("%v up to %d", got, last)
	}
	if page, _ = c.Changes("p", 0, 10); !slices.Equal(values(page), []int{3}) {
		t.Fatalf("%v", values(page))
	}
	put("q", "c", 4)
	if page, last = c.Changes("", last, 10); !slices.Equal(values(page), []int{4}) || last != 4 {
		t.Fatalf("%v up to %d", values(page), last)
	}
	if page, last = c.Changes("", last, 10); len(page) != 0 || last != 4 {
		t.Fatalf("%v up to %d", values(page), last)
	}
}

func TestFaults(t *testing.T) {
	s := New(platform.NewManualClock(time.Unix(1_000_000, 0)))
	var fault Fault
	var asked []string
	s.SetFault(func(operation string) Fault {
		asked = append(asked, operation)
		return fault
	})
	commit := func(id string) error {
		_, err := s.Commit(t.Context(), store.Subjects, "p", []store.Operation{{Verb: store.Create, Document: store.Document{ID: id, Body: []byte(`{}`)}}})
		return err
	}
	for _, c := range []struct {
		fault   Fault
		err     error
		written bool
	}{{NoFault, nil, true}, {Conflict, store.ErrConflict, false}, {Throttle, store.ErrThrottled, false}, {Unavailable, store.ErrUnavailable, false}, {LostResponse, store.ErrUnavailable, true}} {
		fault = c.fault
		id := fmt.Sprint("doc", c.fault)
		if err := commit(id); !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Fatalf("fault %d: %v", c.fault, err)
		}
		fault = NoFault
		documents, err := s.Get(t.Context(), store.Subjects, "p", id)
		if err != nil || (documents[0].ID != "") != c.written {
			t.Fatalf("fault %d: %+v, %v", c.fault, documents, err)
		}
	}
	fault = Throttle
	_, err := s.Get(t.Context(), store.Subjects, "p", "a")
	if store.RetryAfter(err) != ThrottleTime {
		t.Fatalf("get: %v", err)
	}
	fault = LostResponse
	if _, err := s.Query(t.Context(), store.Subjects, store.Query{}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("query: %v", err)
	}
	if !slices.Contains(asked, OpGet) || !slices.Contains(asked, OpCommit) || !slices.Contains(asked, OpQuery) {
		t.Fatalf("asked about %q", asked)
	}
	s.SetFault(nil)
	if err := commit("last"); err != nil {
		t.Fatal(err)
	}
}

// filled has n documents of one kind in partitions of ten, of which the last few are due.
func filled(b testing.TB, n, due int) *Store {
	b.Helper()
	s := New(platform.NewManualClock(time.Unix(1_000_000, 0)))
	body := []byte(`{"state":"delivered","accessPackage":{"id":"4f1d7a62-9f0e-4a4c-8a54-0c6f1b7b3d11"},"target":{"objectId":"0d6c7a62-9f0e-4a4c-8a54-0c6f1b7b3d11"}}`)
	for p := range n / 10 {
		operations := make([]store.Operation, 10)
		for i := range operations {
			number := p*10 + i
			d := store.Document{ID: fmt.Sprint("assignment:", number), Kind: "assignment", Body: body, DueAt: time.Unix(2_000_000, 0)}
			if number >= n-due {
				d.DueAt = time.Unix(500_000, 0)
			}
			operations[i] = store.Operation{Verb: store.Create, Document: d}
		}
		if _, err := s.Commit(b.Context(), store.Subjects, fmt.Sprint("subject-", p), operations); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// TestDueQueryCostsWhatIsDue: among many documents it looks only at those that are due.
func TestDueQueryCostsWhatIsDue(t *testing.T) {
	s := filled(t, 50_000, 7)
	page, err := s.Query(t.Context(), store.Subjects, store.Query{Kind: "assignment", DueBefore: time.Unix(1_000_000, 0)})
	// A scan over everything would end the first page after scanLimit documents, before the due ones, which are the last.
	if err != nil || len(page.Documents) != 7 || page.Continuation != "" {
		t.Fatalf("%d documents, continuation %q, %v", len(page.Documents), page.Continuation, err)
	}
	page, err = s.Query(t.Context(), store.Subjects, store.Query{ID: "assignment:49999"})
	if err != nil || len(page.Documents) != 1 || page.Continuation != "" {
		t.Fatalf("%d documents, continuation %q, %v", len(page.Documents), page.Continuation, err)
	}
	// A filter that selects nothing goes through everything, in empty pages that end.
	query := store.Query{Filter: store.Compare{Path: []string{"state"}, Comparison: store.Equal, Value: "nothing"}}
	pages := 1
	for ; ; pages++ {
		page, err := s.Query(t.Context(), store.Subjects, query)
		if err != nil || len(page.Documents) != 0 {
			t.Fatalf("%d documents, %v", len(page.Documents), err)
		}
		if query.Continuation = page.Continuation; query.Continuation == "" {
			break
		}
	}
	if pages < 50_000/scanLimit {
		t.Fatalf("%d pages", pages)
	}
}

func BenchmarkCommit(b *testing.B) {
	s := New(platform.NewManualClock(time.Unix(1_000_000, 0)))
	body := []byte(`{"state":"delivered","accessPackage":{"id":"4f1d7a62-9f0e-4a4c-8a54-0c6f1b7b3d11"}}`)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		partition := fmt.Sprint("subject-", n)
		if _, err := s.Commit(b.Context(), store.Subjects, partition, []store.Operation{
			{Verb: store.Create, Document: store.Document{ID: "head", Kind: "head", Body: body}},
			{Verb: store.Create, Document: store.Document{ID: "request:1", Kind: "request", Body: body, DueAt: time.Unix(int64(n), 0)}},
			{Verb: store.Create, Document: store.Document{ID: "audit:1", Kind: "audit", Body: body}},
		}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s := filled(b, 100_000, 0)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		p := n % 10_000
		if _, err := s.Get(b.Context(), store.Subjects, fmt.Sprint("subject-", p), fmt.Sprint("assignment:", p*10), fmt.Sprint("assignment:", p*10+1)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDueInAMillion(b *testing.B) {
	s := filled(b, 1_000_000, 20)
	b.ReportAllocs()
	for b.Loop() {
		page, err := s.Query(b.Context(), store.Subjects, store.Query{Kind: "assignment", DueBefore: time.Unix(1_000_000, 0)})
		if err != nil || len(page.Documents) != 20 {
			b.Fatal(len(page.Documents), err)
		}
	}
}

func BenchmarkFilterTenThousand(b *testing.B) {
	s := filled(b, 10_000, 0)
	query := store.Query{Kind: "assignment", Filter: store.Compare{Path: []string{"target", "objectId"}, Comparison: store.Equal, Value: "nobody"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Query(b.Context(), store.Subjects, query); err != nil {
			b.Fatal(err)
		}
	}
}
