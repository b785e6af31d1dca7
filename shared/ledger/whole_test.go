package ledger_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// queries is a store that counts its queries.
type queries struct {
	store.Store
	n *int
}

func (s queries) Query(ctx context.Context, container store.Container, query store.Query) (store.Page, error) {
	*s.n++
	return s.Store.Query(ctx, container, query)
}

// TestAPlaceIsCaughtUp: what another instance changed is read, and nothing else, as long as the head names it; what is read is what is there. No rule of Microsoft's: issue 11.
func TestAPlaceIsCaughtUp(t *testing.T) {
	s := newStand(t)
	n := 0
	reader := s.On(queries{s.Store, &n})
	pack := func(i int, name string) governance.AccessPackage {
		return governance.AccessPackage{ID: ledgertest.ID(fmt.Sprintf("package %d", i)), DisplayName: name, Catalog: &governance.Catalog{ID: other.Partition}}
	}
	same := func(what string, anew bool) {
		t.Helper()
		before := n
		got, err := ledger.Whole(t.Context(), reader, other)
		s.Must(err)
		want, err := ledger.Whole(t.Context(), s.On(s.Store), other)
		s.Must(err)
		if !reflect.DeepEqual(got.State, want.State) {
			t.Errorf("%s: it is read as %+v, and is %+v", what, got.State, want.State)
		}
		if (n > before) != anew {
			t.Errorf("%s: it is read anew: %t", what, n > before)
		}
	}
	s.Put(other, governance.Catalog{ID: other.Partition, DisplayName: "catalog"}, pack(0, "zero"))
	same("at first", true)
	same("unchanged", false)
	s.Put(other, pack(1, "one"))
	s.Put(other, pack(0, "nil"))
	same("after a few changes", false)
	_, err := s.Ledger.Update(t.Context(), other, ledger.Whole, func(state engine.State) (engine.Change, error) {
		return engine.Change{Delete: []governance.Document{pack(1, "")}, Write: []governance.Document{pack(2, "two")}}, nil
	})
	s.Must(err)
	same("after a deletion", false)
	_, err = s.Ledger.Update(t.Context(), other, ledger.Documents(), ledgertest.Entry("noted"))
	s.Must(err)
	same("after a commit that changes nothing of it", false)
	for i := range governance.MaxChanged {
		s.Put(other, pack(i%5, fmt.Sprint(i)))
	}
	same("after as many changes as the head names", false)
	for i := range governance.MaxChanged + 1 {
		s.Put(other, pack(i%5, fmt.Sprint(i)))
	}
	same("after more", true)
	s.Put(other, pack(7, "seven"))
	document := s.Documents(store.Catalogs, "package")[0]
	s.Rewrite(store.Catalogs, document, `{"id":5}`)
	s.Put(other, pack(8, "eight"))
	s.Clock.Advance(ledger.ReadAnew)
	same("after a while, when somebody has spoiled one", true)
}
