package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"latchkey/shared/store"
)

func (s *suite) crud(t *testing.T) {
	t.Run("a document comes back as it was written", func(t *testing.T) {
		f := s.fixture(t)
		body := `{"name":"Zoë \"the\" O'Brien \\ 😀 \u0007","nested":{"list":[1,2.5,null,true,{"a":"ü"}]},"@odata.type":"#x","big":9007199254740991,"id":"inner","ttl":5}`
		d := f.document("request:1", body)
		d.SchemaVersion, d.DueAt, d.TTL = 3, start.Add(time.Hour), 48*time.Hour
		etag := f.commit(store.Operation{Verb: store.Create, Document: d})[0]
		got := f.has("request:1", body)
		if got.Partition != f.partition || got.Kind != f.kind || got.SchemaVersion != 3 || !got.DueAt.Equal(d.DueAt) || got.TTL != d.TTL || got.ETag != etag {
			t.Fatalf("got %+v, ETag %s", got, etag)
		}
		if got.DueAt.Location() != time.UTC {
			t.Fatalf("DueAt is in %v", got.DueAt.Location())
		}
		queried := f.all(store.Query{Partition: f.partition, ID: "request:1"})
		if len(queried) != 1 || queried[0].ETag != etag || !queried[0].DueAt.Equal(d.DueAt) || queried[0].Kind != f.kind || queried[0].TTL != d.TTL ||
			queried[0].SchemaVersion != 3 || queried[0].Partition != f.partition {
			t.Fatalf("the query answers %+v", queried)
		}
		sameJSON(t, queried[0].Body, body)
	})
	t.Run("zero values come back as zero values", func(t *testing.T) {
		f := s.fixture(t)
		f.commit(store.Operation{Verb: store.Create, Document: store.Document{ID: "bare", Body: []byte(`{}`)}})
		d := f.has("bare", `{}`)
		if d.Kind != "" || d.SchemaVersion != 0 || !d.DueAt.IsZero() || d.TTL != 0 {
			t.Fatalf("got %+v", d)
		}
	})
	t.Run("instants are rounded up", func(t *testing.T) {
		f := s.fixture(t)
		d := f.document("late", `{}`)
		d.DueAt, d.TTL = start.Add(time.Nanosecond).In(time.FixedZone("", 3600)), time.Hour+time.Millisecond
		f.commit(store.Operation{Verb: store.Create, Document: d})
		got := f.has("late", `{}`)
		if !got.DueAt.Equal(start.Add(time.Millisecond)) || got.TTL != time.Hour+time.Second {
			t.Fatalf("due %v, TTL %v", got.DueAt, got.TTL)
		}
	})
	t.Run("replace delete create", func(t *testing.T) {
		f := s.fixture(t)
		first := f.commit(f.create("a", `{"n":1}`))[0]
		second := f.commit(store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":2}`)})[0]
		f.has("a", `{"n":2}`)
		third := f.commit(store.Operation{Verb: store.Replace, Document: f.document("a", `{"n":3}`)})[0]
		f.has("a", `{"n":3}`)
		if first == second || second == third || first == third {
			t.Fatalf("ETags %s %s %s", first, second, third)
		}
		f.commit(store.Operation{Verb: store.Delete, Document: store.Document{ID: "a"}})
		f.absent("a")
		f.commit(f.create("a", `{"n":4}`))
		f.has("a", `{"n":4}`)
	})
	t.Run("replace drops what the new version does not say", func(t *testing.T) {
		f := s.fixture(t)
		d := f.document("a", `{"old":1}`)
		d.DueAt, d.TTL = start, time.Hour
		f.commit(store.Operation{Verb: store.Create, Document: d})
		f.commit(store.Operation{Verb: store.Replace, Document: f.document("a", `{"new":1}`)})
		if got := f.has("a", `{"new":1}`); !got.DueAt.IsZero() || got.TTL != 0 {
			t.Fatalf("got %+v", got)
		}
		f.answers(store.Query{Kind: f.kind, DueBefore: start.Add(time.Hour)})
	})
	t.Run("ids belong to their partition and container", func(t *testing.T) {
		f := s.fixture(t)
		other := f.partition + "-other"
		f.commit(f.create("head", `{"of":"one"}`))
		f.commitTo(other, f.create("head", `{"of":"two"}`))
		f.has("head", `{"of":"one"}`)
		sameJSON(t, f.getFrom(other, "head")[0].Body, `{"of":"two"}`)
		for _, container := range []store.Container{store.Catalogs, store.Reviews} {
			documents, err := f.store.Get(t.Context(), container, f.partition, "head")
			if err != nil || documents[0].ID != "" {
				t.Fatalf("%s: %+v, %v", container, documents, err)
			}
			if _, err := f.store.Commit(t.Context(), container, f.partition, []store.Operation{f.create("head", `{"of":"three"}`)}); err != nil {
				t.Fatal(err)
			}
		}
		f.has("head", `{"of":"one"}`)
		f.commit(store.Operation{Verb: store.Delete, Document: store.Document{ID: "head"}})
		if f.getFrom(other, "head")[0].ID != "head" {
			t.Fatal("a delete reached into another partition")
		}
	})
	t.Run("odd ids and partitions", func(t *testing.T) {
		f := s.fixture(t)
		for _, id := range []string{"request:1", `quo"te`, "apo'strophe", "per%20cent%", "a+b c", "ünï-çødé", "&=;,", "😀", "{}", "..."} {
			f.commit(f.create(id, `{"n":1}`), f.create(id+".2", `{"n":2}`))
			f.has(id, `{"n":1}`)
			documents := f.get(id, id+".2", id+".3")
			if documents[0].ID != id || documents[1].ID != id+".2" || documents[2].ID != "" {
				t.Fatalf("%q: %+v", id, documents)
			}
			f.answers(store.Query{Partition: f.partition, ID: id}, id)
			f.commit(store.Operation{Verb: store.Delete, Document: store.Document{ID: id}}, store.Operation{Verb: store.Delete, Document: store.Document{ID: id + ".2"}})
			f.absent(id)
		}
		for _, suffix := range []string{`quo"te`, "apo'strophe", "ünï", `back\slash`, "a/b?c#d", "%41"} {
			partition := f.partition + suffix
			f.commitTo(partition, f.create("x", `{"n":1}`))
			if got := f.getFrom(partition, "x")[0]; got.Partition != partition {
				t.Fatalf("partition %q: %+v", partition, got)
			}
		}
	})
	t.Run("a caller's buffer is its own", func(t *testing.T) {
		f := s.fixture(t)
		d := f.document("a", `{"n":1}`)
		f.commit(store.Operation{Verb: store.Create, Document: d})
		copy(d.Body, `{"n":9}`)
		got := f.has("a", `{"n":1}`)
		copy(got.Body, `{"n":8}`)
		f.has("a", `{"n":1}`)
	})
	t.Run("wrong calls", func(t *testing.T) {
		f := s.fixture(t)
		for _, id := range []string{"", "a/b", `a\b`, "a?b", "a#b", strings.Repeat("x", 256), "a\x00b", "\xff"} {
			f.commitFails(store.ErrInvalid, f.create(id, `{}`))
			if _, err := f.store.Get(t.Context(), f.container, f.partition, id); !errors.Is(err, store.ErrInvalid) {
				t.Fatalf("get of %q: %v", id, err)
			}
		}
		longest := strings.Repeat("x", 255)
		f.commit(f.create(longest, `{}`))
		f.has(longest, `{}`)
		for _, body := range []string{"", "nonsense", `{"a":`, `[1]`, `"text"`} {
			f.commitFails(store.ErrInvalid, f.create("bad", body))
		}
		elsewhere := f.create("bad", `{}`)
		elsewhere.Document.Partition = "elsewhere"
		f.commitFails(store.ErrInvalid, elsewhere)
		f.commitFails(store.ErrInvalid, store.Operation{Document: f.document("bad", `{}`)})
		f.commitFails(store.ErrInvalid)
		f.absent("bad")
		_, err := f.store.Commit(t.Context(), f.container, "", []store.Operation{f.create("bad", `{}`)})
		if !errors.Is(err, store.ErrInvalid) {
			t.Fatalf("commit without a partition: %v", err)
		}
		if _, err := f.store.Get(t.Context(), "elsewhere", f.partition, "a"); !errors.Is(err, store.ErrInvalid) {
			t.Fatalf("get from an unknown container: %v", err)
		}
		if _, err := f.store.Get(t.Context(), f.container, f.partition); !errors.Is(err, store.ErrInvalid) {
			t.Fatalf("get of nothing: %v", err)
		}
		if _, err := f.store.Get(t.Context(), f.container, f.partition, make([]string, store.MaxOperations+1)...); !errors.Is(err, store.ErrInvalid) {
			t.Fatalf("get of too much: %v", err)
		}
	})
	t.Run("a canceled context", func(t *testing.T) {
		f := s.fixture(t)
		ctx := canceled(t.Context())
		if _, err := f.store.Get(ctx, f.container, f.partition, "a"); !errors.Is(err, context.Canceled) {
			t.Fatalf("get: %v", err)
		}
		if _, err := f.store.Commit(ctx, f.container, f.partition, []store.Operation{f.create("a", `{}`)}); !errors.Is(err, context.Canceled) {
			t.Fatalf("commit: %v", err)
		}
		if _, err := f.store.Query(ctx, f.container, store.Query{Kind: f.kind}); !errors.Is(err, context.Canceled) {
			t.Fatalf("query: %v", err)
		}
		f.absent("a")
	})
	t.Run("documents expire", s.expiry)
}

func (s *suite) expiry(t *testing.T) {
	if s.realTime {
		t.Skip("this store lives by its own clock: expiry cannot be proved without waiting for it")
	}
	f := s.fixture(t)
	d := f.document("brief", `{"n":1}`)
	d.TTL = time.Minute
	etag := f.commit(store.Operation{Verb: store.Create, Document: d}, f.create("lasting", `{}`))[0]
	f.clock.Advance(59 * time.Second)
	f.has("brief", `{"n":1}`)
	f.clock.Advance(time.Second)
	f.absent("brief")
	f.answers(store.Query{Kind: f.kind}, "lasting")
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Replace, Document: d})
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Replace, Document: d, IfMatch: etag})
	f.commitFails(store.ErrConflict, store.Operation{Verb: store.Delete, Document: d})
	// The id is free again, and a write starts the time anew.
	f.commit(store.Operation{Verb: store.Create, Document: d})
	f.clock.Advance(40 * time.Second)
	f.commit(store.Operation{Verb: store.Replace, Document: d})
	f.clock.Advance(40 * time.Second)
	f.has("brief", `{"n":1}`)
	d.TTL = 0
	f.commit(store.Operation{Verb: store.Replace, Document: d})
	f.clock.Advance(1000 * time.Hour)
	f.has("brief", `{"n":1}`)
}
