package cosmos

import (
	"time"

	"latchkey/shared/store"
	"latchkey/shared/store/memory"
)

// NextDue is the earliest dueAt of an item after an instant, in whatever container; false if there is none.
func (s *Server) NextDue(after time.Time) (next time.Time, ok bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, d := range s.databases {
		for _, c := range d.collections {
			c.items.Scan(memory.Scan{Index: byDue, From: store.FormatInstant(after), Limit: 1}, func(i *item) memory.Verdict {
				at, err := time.Parse(time.RFC3339, i.Keys[byDue-memory.FirstKey])
				if err != nil || !at.After(after) {
					return memory.Skip
				}
				if !ok || at.Before(next) {
					next, ok = at, true
				}
				return memory.Take
			})
		}
	}
	return next, ok
}
