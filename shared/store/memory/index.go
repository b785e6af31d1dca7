package memory

import (
	"slices"
	"sort"
)

// index keeps slots sorted by a key, and by sequence where keys are equal. It is a list of short sorted runs: finding a place is two binary searches,
// inserting moves at most one run, and walking is a loop over slices.
type index[T any] struct {
	runs [][]entry[T]
}

type entry[T any] struct {
	key  string
	slot *slot[T]
}

// runLength is how long a run grows before it is split.
const runLength = 256

func (e entry[T]) before(key string, sequence uint64) bool {
	return e.key < key || e.key == key && e.slot.sequence < sequence
}

// find is the run and the place in it of the first entry that is not before (key, sequence).
func (x *index[T]) find(key string, sequence uint64) (run, at int) {
	run = sort.Search(len(x.runs), func(i int) bool {
		last := x.runs[i][len(x.runs[i])-1]
		return !last.before(key, sequence)
	})
	if run == len(x.runs) {
		return run, 0
	}
	entries := x.runs[run]
	return run, sort.Search(len(entries), func(i int) bool { return !entries[i].before(key, sequence) })
}

func (x *index[T]) insert(key string, s *slot[T]) {
	run, at := x.find(key, s.sequence)
	added := entry[T]{key, s}
	if run == len(x.runs) {
		if run > 0 && len(x.runs[run-1]) < runLength {
			x.runs[run-1] = append(x.runs[run-1], added)
			return
		}
		x.runs = append(x.runs, []entry[T]{added})
		return
	}
	entries := slices.Insert(x.runs[run], at, added)
	x.runs[run] = entries
	if len(entries) > runLength {
		half := len(entries) / 2
		upper := append(make([]entry[T], 0, runLength), entries[half:]...)
		clear(entries[half:])
		x.runs[run] = entries[:half]
		x.runs = slices.Insert(x.runs, run+1, upper)
	}
}

func (x *index[T]) remove(key string, s *slot[T]) {
	run, at := x.find(key, s.sequence)
	if run == len(x.runs) || at == len(x.runs[run]) || x.runs[run][at].slot != s {
		return
	}
	if x.runs[run] = slices.Delete(x.runs[run], at, at+1); len(x.runs[run]) == 0 {
		x.runs = slices.Delete(x.runs, run, run+1)
	}
}

// walk visits entries from (key, sequence) on until visit answers false.
func (x *index[T]) walk(key string, sequence uint64, visit func(key string, s *slot[T]) bool) {
	run, at := x.find(key, sequence)
	for ; run < len(x.runs); run, at = run+1, 0 {
		for _, e := range x.runs[run][at:] {
			if !visit(e.key, e.slot) {
				return
			}
		}
	}
}
