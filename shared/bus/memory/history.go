package memory

import "time"

// history remembers the IDs of messages for the duplicate detection window. A duplicate does not prolong it.
type history struct {
	window time.Duration
	seen   map[string]seen
	order  []string // as they came; those before head are forgotten
	head   int
}

type seen struct {
	at       time.Time
	sequence int64
}

// find is the sequence number of the first message with this ID within the window.
func (h *history) find(id string, now time.Time) (int64, bool) {
	if h.window < 0 {
		return 0, false
	}
	for h.head < len(h.order) {
		oldest := h.order[h.head]
		if now.Sub(h.seen[oldest].at) < h.window {
			break
		}
		delete(h.seen, oldest)
		h.order[h.head] = ""
		h.head++
	}
	if h.head > len(h.order)/2 {
		h.order = append(h.order[:0], h.order[h.head:]...)
		h.head = 0
	}
	first, ok := h.seen[id]
	return first.sequence, ok
}

// add remembers an ID that find did not find.
func (h *history) add(id string, sequence int64, now time.Time) {
	if h.window < 0 {
		return
	}
	h.seen[id] = seen{at: now, sequence: sequence}
	h.order = append(h.order, id)
}
