package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/shared/store"
)

const (
	writers    = 8
	increments = 10
)

func (s *suite) concurrent(t *testing.T) {
	t.Run("no lost update", s.noLostUpdate)
	t.Run("one winner", s.oneWinner)
	t.Run("one creator", s.oneCreator)
	t.Run("a reader never sees half a commit", s.noHalfCommit)
}

type counter struct {
	N int `json:"n"`
}

func (f *fixture) together(n int, run func(worker int) error) {
	f.Helper()
	var wg sync.WaitGroup
	failures := make(chan error, n)
	for worker := range n {
		wg.Go(func() {
			if err := run(worker); err != nil {
				failures <- err
			}
		})
	}
	wg.Wait()
	close(failures)
	for err := range failures {
		f.Error(err)
	}
	if f.Failed() {
		f.FailNow()
	}
}

// increment is compare-and-swap until it succeeds.
func (f *fixture) increment(extra func(n int) []store.Operation) error {
	for range 100_000 {
		documents, err := f.store.Get(f.Context(), f.container, f.partition, "head")
		if err != nil {
			return err
		}
		var c counter
		if err := json.Unmarshal(documents[0].Body, &c); err != nil {
			return err
		}
		operations := []store.Operation{{
			Verb: store.Replace, Document: f.document("head", fmt.Sprintf(`{"n":%d}`, c.N+1)), IfMatch: documents[0].ETag,
		}}
		_, err = f.store.Commit(f.Context(), f.container, f.partition, append(operations, extra(c.N)...))
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return errors.New("an increment never succeeded")
}

func (s *suite) noLostUpdate(t *testing.T) {
	f := s.fixture(t)
	f.commit(f.create("head", `{"n":0}`))
	f.together(writers, func(int) error {
		for range increments {
			// The audit entry of each step goes with it: two of the same number would be a lost update.
			if err := f.increment(func(n int) []store.Operation {
				return []store.Operation{f.create(fmt.Sprintf("audit:%d", n), `{}`)}
			}); err != nil {
				return err
			}
		}
		return nil
	})
	f.has("head", fmt.Sprintf(`{"n":%d}`, writers*increments))
	if n := len(f.ids(store.Query{Partition: f.partition})); n != writers*increments+1 {
		t.Fatalf("%d documents", n)
	}

	// The same without a batch: a single conditional write.
	f.together(writers, func(int) error {
		for range increments {
			if err := f.increment(func(int) []store.Operation { return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	f.has("head", fmt.Sprintf(`{"n":%d}`, 2*writers*increments))
}

func (s *suite) oneWinner(t *testing.T) {
	f := s.fixture(t)
	etag := f.commit(f.create("head", `{"n":0}`))[0]
	for round := range 5 {
		var winners, losers atomic.Int32
		var won atomic.Value
		f.together(writers, func(worker int) error {
			etags, err := f.store.Commit(f.Context(), f.container, f.partition, []store.Operation{
				f.create(fmt.Sprintf("grant:%d:%d", round, worker), `{}`),
				{Verb: store.Replace, Document: f.document("head", fmt.Sprintf(`{"n":%d}`, worker)), IfMatch: etag},
			})
			switch {
			case err == nil:
				winners.Add(1)
				won.Store(etags[1])
			case errors.Is(err, store.ErrConflict):
				losers.Add(1)
			default:
				return err
			}
			return nil
		})
		if winners.Load() != 1 || losers.Load() != writers-1 {
			t.Fatalf("%d winners, %d losers", winners.Load(), losers.Load())
		}
		head := f.get("head")[0]
		if head.ETag != won.Load() {
			t.Fatalf("the head has ETag %s, the winner's is %s", head.ETag, won.Load())
		}
		etag = head.ETag
		if n := len(f.ids(store.Query{Partition: f.partition})); n != round+2 {
			t.Fatalf("%d documents after round %d: a loser left something", n, round)
		}
	}
}

func (s *suite) oneCreator(t *testing.T) {
	f := s.fixture(t)
	var winners atomic.Int32
	f.together(writers, func(worker int) error {
		_, err := f.store.Commit(f.Context(), f.container, f.partition, []store.Operation{f.create("only", fmt.Sprintf(`{"n":%d}`, worker))})
		switch {
		case err == nil:
			winners.Add(1)
		case !errors.Is(err, store.ErrConflict):
			return err
		}
		return nil
	})
	if winners.Load() != 1 {
		t.Fatalf("%d creators", winners.Load())
	}
}

func (s *suite) noHalfCommit(t *testing.T) {
	f := s.fixture(t)
	f.commit(f.create("left", `{"n":0}`), f.create("right", `{"n":0}`))
	var done atomic.Bool
	f.together(4, func(worker int) error {
		if worker == 0 {
			defer done.Store(true)
			for n := range 50 {
				body := fmt.Sprintf(`{"n":%d}`, n)
				if _, err := f.store.Commit(f.Context(), f.container, f.partition, []store.Operation{
					{Verb: store.Replace, Document: f.document("left", body)},
					{Verb: store.Replace, Document: f.document("right", body)},
				}); err != nil {
					return err
				}
			}
			return nil
		}
		for !done.Load() {
			documents, err := f.store.Get(f.Context(), f.container, f.partition, "left", "right")
			if err != nil {
				return err
			}
			if string(documents[0].Body) != string(documents[1].Body) {
				return fmt.Errorf("left is %s, right is %s", documents[0].Body, documents[1].Body)
			}
		}
		return nil
	})
}
