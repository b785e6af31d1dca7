package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"latchkey/shared/store"
)

func (s *suite) transactional(t *testing.T) {
	t.Run("all or nothing", s.allOrNothing)
	t.Run("preconditions", s.preconditions)
	t.Run("limits", s.limits)
	t.Run("order within a batch", s.batchOrder)
	t.Run("snapshot of several documents", s.snapshot)
}

func (s *suite) allOrNothing(t *testing.T) {
	f := s.fixture(t)
	etags := f.commit(f.create("head", `{"n":1}`), f.create("victim", `{"n":1}`))
	stale := etags[0]
	fresh := f.commit(store.Operation{Verb: store.Replace, Document: f.document("head", `{"n":2}`), IfMatch: stale})[0]
	for name, failing := range map[string]store.Operation{
		"create of existing":   f.create("victim", `{}`),
		"stale replace":        {Verb: store.Replace, Document: f.document("head", `{"n":3}`), IfMatch: stale},
		"stale delete":         {Verb: store.Delete, Document: store.Document{ID: "head"}, IfMatch: stale},
		"replace of missing":   {Verb: store.Replace, Document: f.document("missing", `{}`)},
		"delete of missing":    {Verb: store.Delete, Document: store.Document{ID: "missing"}},
		"guarded but missing":  {Verb: store.Replace, Document: f.document("missing", `{}`), IfMatch: fresh},
		"guarded delete of no": {Verb: store.Delete, Document: store.Document{ID: "missing"}, IfMatch: fresh},
	} {
		good := []store.Operation{
			f.create("new", `{}`),
			{Verb: store.Delete, Document: store.Document{ID: "victim"}},
			f.create("other", `{}`),
			{Verb: store.Replace, Document: f.document("head", `{"n":9}`), IfMatch: fresh},
		}
		// The failing operation comes first, last and alone: it touches other documents than those before it, save for the head.
		if failing.Document.ID == "head" {
			good = good[:3]
		}
		if failing.Document.ID == "victim" {
			good = slices.Delete(good, 1, 2)
		}
		f.commitFails(store.ErrConflict, append([]store.Operation{failing}, good...)...)
		f.commitFails(store.ErrConflict, append(slices.Clone(good), failing)...)
		f.commitFails(store.ErrConflict, failing)
		f.absent("new", "other", "missing")
		f.has("victim", `{"n":1}`)
		if head := f.has("head", `{"n":2}`); head.ETag != fresh {
			t.Fatalf("%s: the head has another ETag", name)
		}
	}
	f.answers(store.Query{Kind: f.kind}, "head", "victim")
}

func (s *suite) preconditions(t *testing.T) {
	f := s.fixture(t)
	first := f.commit(f.create("a", `{"n":1}`))[0]
	if got := f.get("a")[0].ETag; got != first {
		t.Fatalf("a commit answers ETag %s, a read %s", first, got)
	}
	second := f.commit(store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":2}`), IfMatch: first})[0]
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":3}`), IfMatch: first})
	third := f.commit(store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":3}`), IfMatch: second})[0]
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Delete, Document: store.Document{ID: "a"}, IfMatch: second})
	f.has("a", `{"n":3}`)
	// The same content is another version.
	fourth := f.commit(store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":3}`), IfMatch: third})[0]
	if fourth == third {
		t.Fatal("a write left the ETag as it was")
	}
	f.commit(store.Operation{Verb: store.Delete, Document: store.Document{ID: "a"}, IfMatch: fourth})
	f.absent("a")
	// A document that is made again is another document.
	f.commit(f.create("a", `{"n":3}`))
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":5}`), IfMatch: fourth})
	// The document's own ETag field has no meaning in a write.
	d := f.document("a", `{"n":6}`)
	d.ETag = fourth
	f.commit(store.Operation{Verb: store.Replace, Document: d})
	f.has("a", `{"n":6}`)
	// An invented ETag matches nothing.
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Replace, Document: d, IfMatch: "invented"})
	// ETags of other documents neither.
	other := f.commit(f.create("b", `{}`))[0]
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Replace, Document: d, IfMatch: other})
}

func (s *suite) limits(t *testing.T) {
	f := s.fixture(t)
	many := make([]store.Operation, 0, store.MaxOperations+1)
	ids := make([]string, 0, store.MaxOperations)
	for i := range store.MaxOperations + 1 {
		id := fmt.Sprintf("%03d", i)
		many = append(many, f.create(id, `{}`))
		ids = append(ids, id)
	}
	f.commitFails(store.ErrInvalid, many...)
	f.absent("000")
	f.commit(many[:store.MaxOperations]...)
	for i, d := range f.get(ids[:store.MaxOperations]...) {
		if d.ID != ids[i] {
			t.Fatalf("document %d is %q", i, d.ID)
		}
	}
	huge := `{"x":"` + strings.Repeat("x", store.MaxBatchBytes) + `"}`
	f.commitFails(store.ErrTooLarge, f.create("huge", huge))
	half := `{"x":"` + strings.Repeat("x", store.MaxBatchBytes/2) + `"}`
	f.commitFails(store.ErrTooLarge, f.create("half1", half), f.create("half2", half))
	f.absent("huge", "half1", "half2")
	f.commit(f.create("half1", half))
	f.has("half1", half)
}

func (s *suite) batchOrder(t *testing.T) {
	f := s.fixture(t)
	etags := f.commit(
		f.create("a", `{"n":1}`),
		store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":2}`)},
		f.create("b", `{}`),
		store.Operation{Verb: store.Delete, Document: store.Document{ID: "b"}},
	)
	if d := f.has("a", `{"n":2}`); d.ETag != etags[1] {
		t.Fatalf("ETag %s of %q", d.ETag, etags)
	}
	f.absent("b")
	f.commit(store.Operation{Verb: store.Delete, Document: store.Document{ID: "a"}}, f.create("a", `{"n":3}`))
	f.has("a", `{"n":3}`)
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Delete, Document: store.Document{ID: "a"}}, store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":4}`)})
	f.has("a", `{"n":3}`)
	f.answers(store.Query{Kind: f.kind}, "a")
}

func (s *suite) snapshot(t *testing.T) {
	f := s.fixture(t)
	f.commit(f.create("a", `{"n":1}`), f.create("b", `{"n":2}`), f.create("c", `{"n":3}`))
	for _, ids := range [][]string{{"c", "a", "b"}, {"x", "a"}, {"a", "x", "b", "y"}, {"x", "y"}, {"a", "a", "x", "a"}} {
		for i, d := range f.get(ids...) {
			want := ids[i]
			if strings.ContainsAny(want, "xy") {
				want = ""
			}
			if d.ID != want {
				t.Fatalf("get %q: %+v at %d", ids, d, i)
			}
		}
	}
}
