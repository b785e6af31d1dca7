package identity

import (
	"encoding/binary"
	"testing"
	"time"

	"latchkey/shared/governance"
)

// A full memory of tokens forgets: it neither grows nor refuses the newest, and what is of no use goes first.
func TestCacheIsBounded(t *testing.T) {
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	digest := func(n int) (d [32]byte) {
		binary.LittleEndian.PutUint64(d[:], uint64(n))
		return d
	}
	fresh := func(n int, generation uint64) entry {
		return entry{caller: governance.Caller{ObjectID: "x"}, generation: generation, from: start, until: start.Add(time.Hour)}
	}
	var c cache
	for n := range 3 * maxCached {
		c.put(digest(n), fresh(n, 1), start)
		if _, ok := c.get(digest(n), 1, start); !ok {
			t.Fatalf("the newest token (%d) is not remembered", n)
		}
		if len(c.entries) > maxCached {
			t.Fatalf("%d tokens are remembered", len(c.entries))
		}
	}
	for n := range maxCached { // fills it with those of the next generation
		c.put(digest(n), fresh(n, 2), start)
	}
	for n := range maxCached {
		if _, ok := c.get(digest(n), 2, start); !ok && n > maxCached/2 {
			t.Fatalf("token %d of the new generation was forgotten before those of the old", n)
		}
	}
	if _, ok := c.get(digest(maxCached-1), 1, start); ok {
		t.Error("a token is served for keys that it was not verified with")
	}
	if _, ok := c.get(digest(maxCached-1), 2, start.Add(-1)); ok {
		t.Error("a token is served before it begins")
	}
	if _, ok := c.get(digest(maxCached-1), 2, start.Add(time.Hour)); ok {
		t.Error("a token is served after it ended")
	}
}
