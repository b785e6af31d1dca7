package memory

import (
	"iter"
	"slices"
	"sort"
)

// series is a set that remembers the order of arrival and can be read in pages: a page starts after a number, and numbers never change, so that a reader
// who pages while others add and remove sees each one that stays exactly once.
type series struct {
	items []item
	at    map[string]int // key -> position in items
	next  uint64
}

type item struct {
	number uint64
	key    string // empty when it was removed
}

func newSeries() *series { return &series{at: map[string]int{}} }

func (s *series) len() int {
	if s == nil {
		return 0
	}
	return len(s.at)
}

func (s *series) has(key string) bool {
	_, ok := s.at[key]
	return ok
}

func (s *series) add(key string) bool {
	if s.has(key) {
		return false
	}
	s.next++
	s.at[key] = len(s.items)
	s.items = append(s.items, item{number: s.next, key: key})
	return true
}

func (s *series) remove(key string) bool {
	position, ok := s.at[key]
	if !ok {
		return false
	}
	delete(s.at, key)
	s.items[position].key = ""
	if len(s.items) > 2*len(s.at)+16 {
		s.compact()
	}
	return true
}

func (s *series) compact() {
	s.items = slices.DeleteFunc(s.items, func(it item) bool { return it.key == "" })
	for n, it := range s.items {
		s.at[it.key] = n
	}
}

// keys calls yield for every key in order until it returns false.
func (s *series) keys(yield func(key string) bool) {
	for _, it := range s.items {
		if it.key != "" && !yield(it.key) {
			return
		}
	}
}

// after are the numbers and keys that came after a number, in order.
func (s *series) after(number uint64) iter.Seq2[uint64, string] {
	return func(yield func(uint64, string) bool) {
		start := sort.Search(len(s.items), func(n int) bool { return s.items[n].number > number })
		for _, it := range s.items[start:] {
			if it.key != "" && !yield(it.number, it.key) {
				return
			}
		}
	}
}
