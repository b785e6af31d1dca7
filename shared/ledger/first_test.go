package ledger_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
)

// A name is first once, of many who name it at once, until its time is over.
func TestANameIsFirstOnce(t *testing.T) {
	s := ledgertest.New(t)
	var firsts atomic.Int32
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			first, err := s.Ledger.First(context.Background(), "a", time.Minute)
			if err != nil {
				t.Error(err)
			}
			if first {
				firsts.Add(1)
			}
		})
	}
	group.Wait()
	if firsts.Load() != 1 {
		t.Errorf("%d were first", firsts.Load())
	}
	if first, err := s.Ledger.First(t.Context(), "b", time.Minute); err != nil || !first {
		t.Errorf("another name: %v, %v", first, err)
	}
	s.Clock.Advance(2 * time.Minute)
	if first, err := s.Ledger.First(t.Context(), "a", time.Minute); err != nil || !first {
		t.Errorf("after its time: %v, %v", first, err)
	}
}
