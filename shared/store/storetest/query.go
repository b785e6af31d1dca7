package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"latchkey/shared/store"
)

// corpus is what filters are tried on: id and body.
var corpus = map[string]string{
	"anna": `{"name":"Anna","age":30,"active":true,"address":{"city":"Köln","lines":["Dom 1","2nd floor"]},"tags":["a","b"],
		"stages":[{"reviewer":"r1","order":1},{"reviewer":"r2","order":2}],"when":"2026-11-20T10:00:00Z","@odata.type":"#user","odd \"key\"":1,"note":"it's 50% \"off\" \\o/"}`,
	"bert":   `{"name":"bert","age":30.5,"active":false,"address":{"city":"köln"},"tags":[],"stages":[],"when":"2026-11-21T10:00:00Z","note":null}`,
	"cem":    `{"name":"Cem ÖZ","age":-1,"address":null,"tags":["B",1,null],"stages":[{"reviewer":"r1","order":2}],"note":"100_%"}`,
	"dora":   `{"name":null,"age":"30","active":"true","address":"Köln","tags":"a","nested":[["x","y"],["z"]]}`,
	"empty":  `{}`,
	"shouty": `{"name":"ANNA","age":100,"active":true,"tags":["ab"],"address":{"city":{"name":"deep"}},"note":"","when":"2026-11-20T09:59:59Z"}`,
}

var filterCases = []struct {
	name   string
	filter store.Filter
	want   []string
}{
	{"equal text", store.Compare{Path: p("name"), Comparison: store.Equal, Value: "Anna"}, w("anna")},
	{"equal text folded", store.Compare{Path: p("name"), Comparison: store.Equal, Value: "aNNa", FoldCase: true}, w("anna", "shouty")},
	{"equal beyond ASCII folded", store.Compare{Path: p("name"), Comparison: store.Equal, Value: "cem öz", FoldCase: true}, w("cem")},
	{"not equal text", store.Compare{Path: p("name"), Comparison: store.NotEqual, Value: "Anna"}, w("bert", "cem", "shouty")},
	{"not equal text folded", store.Compare{Path: p("name"), Comparison: store.NotEqual, Value: "anna", FoldCase: true}, w("bert", "cem")},
	{"equal of another type", store.Compare{Path: p("age"), Comparison: store.Equal, Value: "30"}, w("dora")},
	{"equal whole number", store.Compare{Path: p("age"), Comparison: store.Equal, Value: int64(30)}, w("anna")},
	{"equal number", store.Compare{Path: p("age"), Comparison: store.Equal, Value: 30.5}, w("bert")},
	{"not equal number", store.Compare{Path: p("age"), Comparison: store.NotEqual, Value: int64(30)}, w("bert", "cem", "shouty")},
	{"less", store.Compare{Path: p("age"), Comparison: store.Less, Value: int64(30)}, w("cem")},
	{"less or equal", store.Compare{Path: p("age"), Comparison: store.LessOrEqual, Value: 30.0}, w("anna", "cem")},
	{"greater", store.Compare{Path: p("age"), Comparison: store.Greater, Value: 30.0}, w("bert", "shouty")},
	{"greater or equal", store.Compare{Path: p("age"), Comparison: store.GreaterOrEqual, Value: 30.5}, w("bert", "shouty")},
	{"instants", store.Compare{Path: p("when"), Comparison: store.Less, Value: "2026-11-20T10:00:00Z"}, w("shouty")},
	{"instants inclusive", store.Compare{Path: p("when"), Comparison: store.LessOrEqual, Value: "2026-11-20T10:00:00Z"}, w("anna", "shouty")},
	{"true", store.Compare{Path: p("active"), Comparison: store.Equal, Value: true}, w("anna", "shouty")},
	{"not true", store.Compare{Path: p("active"), Comparison: store.NotEqual, Value: true}, w("bert")},
	{"null or absent", store.Compare{Path: p("note"), Comparison: store.Equal}, w("bert", "dora", "empty")},
	{"neither null nor absent", store.Compare{Path: p("note"), Comparison: store.NotEqual}, w("anna", "cem", "shouty")},
	{"negated null", store.Not{Filter: store.Compare{Path: p("note"), Comparison: store.Equal}}, w("anna", "cem", "shouty")},
	{"negated not null", store.Not{Filter: store.Compare{Path: p("note"), Comparison: store.NotEqual}}, w("bert", "dora", "empty")},
	{"nested", store.Compare{Path: p("address", "city"), Comparison: store.Equal, Value: "Köln"}, w("anna")},
	{"nested folded", store.Compare{Path: p("address", "city"), Comparison: store.Equal, Value: "KÖLN", FoldCase: true}, w("anna", "bert")},
	{"deeper", store.Compare{Path: p("address", "city", "name"), Comparison: store.Equal, Value: "deep"}, w("shouty")},
	{"nested null or absent", store.Compare{Path: p("address", "city"), Comparison: store.Equal}, w("cem", "dora", "empty")},
	{"odd names", store.Compare{Path: p("@odata.type"), Comparison: store.Equal, Value: "#user"}, w("anna")},
	{"quoted names", store.Compare{Path: p(`odd "key"`), Comparison: store.Equal, Value: int64(1)}, w("anna")},
	{"quotes in values", store.Compare{Path: p("note"), Comparison: store.Equal, Value: `it's 50% "off" \o/`}, w("anna")},
	{"an injection is a value", store.Compare{Path: p("note"), Comparison: store.Equal, Value: `' OR 1=1 --`}, w()},
	{"an injection is a name", store.Compare{Path: p(`x"] = 1 OR true OR c["y`), Comparison: store.Equal, Value: true}, w()},
	{"contains", store.Match{Path: p("name"), Matching: store.Contains, Text: "nn"}, w("anna")},
	{"contains folded", store.Match{Path: p("name"), Matching: store.Contains, Text: "nN", FoldCase: true}, w("anna", "shouty")},
	{"contains no pattern", store.Match{Path: p("note"), Matching: store.Contains, Text: "_%"}, w("cem")},
	{"contains nothing", store.Match{Path: p("note"), Matching: store.Contains, Text: ""}, w("anna", "cem", "shouty")},
	{"starts with", store.Match{Path: p("name"), Matching: store.StartsWith, Text: "An"}, w("anna")},
	{"starts with folded", store.Match{Path: p("name"), Matching: store.StartsWith, Text: "an", FoldCase: true}, w("anna", "shouty")},
	{"ends with", store.Match{Path: p("name"), Matching: store.EndsWith, Text: "t"}, w("bert")},
	{"ends with folded", store.Match{Path: p("name"), Matching: store.EndsWith, Text: "öz", FoldCase: true}, w("cem")},
	{"negated match", store.Not{Filter: store.Match{Path: p("name"), Matching: store.StartsWith, Text: "An"}}, w("bert", "cem", "dora", "empty", "shouty")},
	{"in", store.In{Path: p("name"), Values: w("Anna", "bert", "30")}, w("anna", "bert")},
	{"in nothing", store.In{Path: p("name")}, w()},
	{"negated in", store.Not{Filter: store.In{Path: p("name"), Values: w("Anna", "bert")}}, w("cem", "dora", "empty", "shouty")},
	{"negated in nothing", store.Not{Filter: store.In{Path: p("name")}}, w("anna", "bert", "cem", "dora", "empty", "shouty")},
	{"any text", any1("tags", store.Compare{Comparison: store.Equal, Value: "a"}), w("anna")},
	{"any text folded", any1("tags", store.Compare{Comparison: store.Equal, Value: "b", FoldCase: true}), w("anna", "cem")},
	{"any number", any1("tags", store.Compare{Comparison: store.Greater, Value: 0.5}), w("cem")},
	{"any null", any1("tags", store.Compare{Comparison: store.Equal}), w("cem")},
	{"any match", any1("tags", store.Match{Matching: store.StartsWith, Text: "a"}), w("anna", "shouty")},
	{"any in", any1("tags", store.In{Values: w("ab", "B")}), w("cem", "shouty")},
	{"any at all", any1("tags", store.And{}), w("anna", "cem", "shouty")},
	{"any nested path", store.Any{Path: p("address", "lines"), Filter: store.Match{Matching: store.Contains, Text: "floor"}}, w("anna")},
	{"any of objects", any1("stages", store.And{
		store.Compare{Path: p("reviewer"), Comparison: store.Equal, Value: "r1"},
		store.Compare{Path: p("order"), Comparison: store.Equal, Value: int64(2)},
	}), w("cem")},
	{"any negated within", any1("stages", store.Not{Filter: store.Compare{Path: p("reviewer"), Comparison: store.Equal, Value: "r1"}}), w("anna")},
	{"any of the absent within", any1("stages", store.Not{Filter: store.Compare{Path: p("nobody"), Comparison: store.Equal, Value: "r1"}}), w("anna", "cem")},
	{"none of them", store.Not{Filter: any1("tags", store.Compare{Comparison: store.Equal, Value: "a"})}, w("bert", "cem", "dora", "empty", "shouty")},
	{"any in any", any1("nested", store.Any{Filter: store.Compare{Comparison: store.Equal, Value: "z"}}), w("dora")},
	{"negated absent", store.Not{Filter: store.Compare{Path: p("active"), Comparison: store.Equal, Value: true}}, w("bert", "cem", "dora", "empty")},
	{"negated not equal", store.Not{Filter: store.Compare{Path: p("active"), Comparison: store.NotEqual, Value: true}}, w("anna", "cem", "dora", "empty", "shouty")},
	{"negated order", store.Not{Filter: store.Compare{Path: p("age"), Comparison: store.Less, Value: int64(30)}}, w("anna", "bert", "dora", "empty", "shouty")},
	{"negated folded", store.Not{Filter: store.Compare{Path: p("name"), Comparison: store.Equal, Value: "anna", FoldCase: true}}, w("bert", "cem", "dora", "empty")},
	{"negated twice", store.Not{Filter: store.Not{Filter: store.Compare{Path: p("name"), Comparison: store.Equal, Value: "Anna"}}}, w("anna")},
	{"negated and", store.Not{Filter: store.And{
		store.Compare{Path: p("active"), Comparison: store.Equal, Value: true},
		store.Compare{Path: p("age"), Comparison: store.Equal, Value: int64(30)},
	}}, w("bert", "cem", "dora", "empty", "shouty")},
	{"negated or", store.Not{Filter: store.Or{
		store.Compare{Path: p("active"), Comparison: store.Equal, Value: true},
		store.Compare{Path: p("age"), Comparison: store.Less, Value: int64(0)},
	}}, w("bert", "dora", "empty")},
	{"and", store.And{
		store.Compare{Path: p("active"), Comparison: store.Equal, Value: true},
		store.Compare{Path: p("age"), Comparison: store.Greater, Value: int64(30)},
	}, w("shouty")},
	{"or", store.Or{
		store.Compare{Path: p("name"), Comparison: store.Equal, Value: "bert"},
		store.Compare{Path: p("nobody"), Comparison: store.Equal, Value: "x"},
		store.Compare{Path: p("age"), Comparison: store.Equal, Value: "30"},
	}, w("bert", "dora")},
	{"empty and", store.And{}, w("anna", "bert", "cem", "dora", "empty", "shouty")},
	{"empty or", store.Or{}, w()},
	{"negated empty and", store.Not{Filter: store.And{}}, w()},
	{"absent everywhere", store.Compare{Path: p("no", "where"), Comparison: store.NotEqual, Value: "x"}, w()},
}

func p(path ...string) []string { return path }
func w(ids ...string) []string  { return ids }

func any1(property string, filter store.Filter) store.Filter {
	return store.Any{Path: p(property), Filter: filter}
}

func (s *suite) query(t *testing.T) {
	t.Run("filters", s.filters)
	t.Run("by kind, id and instant", s.selection)
	t.Run("paging", s.paging)
	t.Run("continuations that are none", s.badContinuations)
	t.Run("wrong queries", s.badQueries)
}

func (s *suite) filters(t *testing.T) {
	f := s.fixture(t)
	// Half of it in one partition, half in another: filters work across both.
	n := 0
	for id, body := range corpus {
		f.commitTo(f.partition+string(rune('a'+n%2)), f.create(id, body))
		n++
	}
	for _, c := range filterCases {
		t.Run(c.name, func(t *testing.T) {
			one := *f
			one.T = t
			one.answers(store.Query{Kind: f.kind, Filter: c.filter}, slices.Clone(c.want)...)
		})
	}
}

func (s *suite) selection(t *testing.T) {
	f := s.fixture(t)
	other := f.partition + "-other"
	otherKind := f.kind + "-other"
	at := func(id string, due time.Time, kind string) store.Operation {
		o := f.create(id, `{"id":"`+id+`"}`)
		o.Document.DueAt, o.Document.Kind = due, kind
		return o
	}
	unique := "only-" + f.partition
	f.commit(at("now", start, f.kind), at("soon", start.Add(time.Millisecond), f.kind), at("never", time.Time{}, f.kind), at("past", start.Add(-24*365*time.Hour), otherKind))
	f.commitTo(other, at("now", start, f.kind), at(unique, start.Add(time.Hour), otherKind))

	f.answers(store.Query{Kind: f.kind}, "never", "now", "now", "soon")
	f.answers(store.Query{Kind: otherKind}, "past", unique)
	f.answers(store.Query{Partition: f.partition}, "never", "now", "past", "soon")
	f.answers(store.Query{Partition: f.partition, Kind: f.kind}, "never", "now", "soon")
	f.answers(store.Query{ID: unique}, unique)
	f.answers(store.Query{ID: unique, Partition: f.partition})
	f.answers(store.Query{ID: unique, Partition: other}, unique)
	f.answers(store.Query{ID: unique, Kind: f.kind})
	f.answers(store.Query{ID: "now", Kind: f.kind}, "now", "now")
	for _, d := range f.all(store.Query{ID: unique}) {
		if d.Partition != other {
			t.Fatalf("%+v is not in %s", d, other)
		}
	}
	f.answers(store.Query{Kind: f.kind, DueBefore: start}, "now", "now")
	f.answers(store.Query{Kind: f.kind, DueBefore: start.Add(-time.Nanosecond)})
	f.answers(store.Query{Kind: f.kind, DueBefore: start.Add(999 * time.Microsecond)}, "now", "now")
	f.answers(store.Query{Kind: f.kind, DueBefore: start.Add(time.Millisecond).In(time.FixedZone("", -7200))}, "now", "now", "soon")
	f.answers(store.Query{Kind: f.kind, DueBefore: start, Partition: other}, "now")
	f.answers(store.Query{Kind: otherKind, DueBefore: start}, "past")
	f.answers(store.Query{Kind: otherKind, DueBefore: start.Add(time.Hour), ID: unique}, unique)
	f.answers(store.Query{Kind: f.kind, DueBefore: start.Add(time.Hour), Filter: store.Compare{Path: p("id"), Comparison: store.Equal, Value: "soon"}}, "soon")

	// What was done is no longer due; what was moved is due when it was moved to.
	f.commit(at2(at("now", time.Time{}, f.kind), store.Replace), at2(at("never", start, f.kind), store.Replace), at2(at("soon", start, f.kind), store.Delete))
	f.answers(store.Query{Kind: f.kind, DueBefore: start, Partition: f.partition}, "never")
	f.answers(store.Query{Kind: f.kind, DueBefore: start.Add(time.Hour)}, "never", "now")
	f.commit(at2(at("never", start, otherKind), store.Replace))
	f.answers(store.Query{Kind: otherKind, DueBefore: start}, "never", "past")
	f.answers(store.Query{Kind: f.kind}, "now", "now")
}

func at2(operation store.Operation, verb store.Verb) store.Operation {
	operation.Verb = verb
	return operation
}

func (s *suite) paging(t *testing.T) {
	f := s.fixture(t)
	var want []string
	for n := range 3 {
		var operations []store.Operation
		for i := range 11 {
			id := fmt.Sprintf("%d-%02d", n, i)
			o := f.create(id, fmt.Sprintf(`{"even":%t}`, i%2 == 0))
			o.Document.DueAt = start.Add(time.Duration(i/3) * time.Minute)
			operations = append(operations, o)
			want = append(want, id)
		}
		f.commitTo(fmt.Sprintf("%s-%d", f.partition, n), operations...)
	}
	for _, size := range []int{1, 2, 7, 33, 100, store.MaxPageSize} {
		f.answers(store.Query{Kind: f.kind, PageSize: size}, want...)
		f.answers(store.Query{Kind: f.kind, PageSize: size, DueBefore: start.Add(time.Hour)}, want...)
		f.answers(store.Query{Partition: f.partition + "-1", PageSize: size}, want[11:22]...)
		even := f.ids(store.Query{Kind: f.kind, PageSize: size, Filter: store.Compare{Path: p("even"), Comparison: store.Equal, Value: true}})
		if len(even) != 18 {
			t.Fatalf("%d documents of 18 with pages of %d", len(even), size)
		}
	}

	// Documents that stay as they are come once, whatever happens to others between the pages.
	query := store.Query{Kind: f.kind, PageSize: 5}
	seen := map[string]int{}
	for n := 0; ; n++ {
		page, err := f.store.Query(t.Context(), f.container, query)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page.Documents {
			seen[d.ID]++
		}
		if n == 1 {
			f.commitTo(f.partition+"-0", store.Operation{Verb: store.Delete, Document: store.Document{ID: "0-00"}}, store.Operation{Verb: store.Delete, Document: store.Document{ID: "0-10"}})
			f.commitTo(f.partition+"-2", f.create("2-new", `{}`), store.Operation{Verb: store.Replace, Document: f.document("2-00", `{}`)})
		}
		if page.Continuation == "" {
			break
		}
		query.Continuation = page.Continuation
	}
	for _, id := range want {
		if times := seen[id]; times != 1 && id != "0-00" && id != "0-10" && id != "2-00" {
			t.Fatalf("%s came %d times", id, times)
		}
	}
}

func (s *suite) badContinuations(t *testing.T) {
	f := s.fixture(t)
	for n := range 3 {
		f.commit(f.create(fmt.Sprint(n), `{}`))
	}
	query := store.Query{Kind: f.kind, PageSize: 1}
	page, err := f.store.Query(t.Context(), f.container, query)
	if err != nil || page.Continuation == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	for _, token := range []string{"x", "null", "eyJhIjoxfQ", "e30", "\x00", "+RID:~abc#RT:1#TRC:1", page.Continuation + "x", page.Continuation[1:], "a" + page.Continuation} {
		bad := query
		bad.Continuation = token
		if _, err := f.store.Query(t.Context(), f.container, bad); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("continuation %q: %v", token, err)
		}
	}
	for name, other := range map[string]store.Query{
		"kind":      {Kind: f.kind + "x"},
		"partition": {Kind: f.kind, Partition: f.partition},
		"filter":    {Kind: f.kind, Filter: store.Compare{Path: p("a"), Comparison: store.Equal, Value: "b"}},
	} {
		other.Continuation = page.Continuation
		if _, err := f.store.Query(t.Context(), f.container, other); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("the continuation of a query with another %s: %v", name, err)
		}
	}
}

func (s *suite) badQueries(t *testing.T) {
	f := s.fixture(t)
	deep := store.Filter(store.And{})
	for range store.MaxFilterDepth {
		deep = store.Not{Filter: deep}
	}
	for name, query := range map[string]store.Query{
		"page size":     {PageSize: store.MaxPageSize + 1},
		"negative page": {PageSize: -1},
		"no comparison": {Filter: store.Compare{Path: p("a"), Value: "b"}},
		"odd value":     {Filter: store.Compare{Path: p("a"), Comparison: store.Equal, Value: []string{"b"}}},
		"ordered null":  {Filter: store.Compare{Path: p("a"), Comparison: store.Less}},
		"no filter":     {Filter: store.Not{}},
		"nothing in or": {Filter: store.Or{nil}},
		"no matching":   {Filter: store.Match{Path: p("a"), Text: "b"}},
		"empty name":    {Filter: store.Compare{Path: p("a", ""), Comparison: store.Equal, Value: "b"}},
		"too deep":      {Filter: deep},
		"too wide":      {Filter: store.In{Path: p("a"), Values: make([]string, store.MaxFilterNodes)}},
		"bad id":        {ID: "a/b"},
	} {
		if _, err := f.store.Query(t.Context(), f.container, query); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.store.Query(t.Context(), "elsewhere", store.Query{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("unknown container: %v", err)
	}
}
