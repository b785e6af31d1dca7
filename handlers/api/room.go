package api

import (
	"context"
	"slices"
	"sync"
)

// room bounds how much of something there is at once; who comes first is let in first.
type room struct {
	mu    sync.Mutex
	left  int
	queue []*entry
}

type entry struct {
	size int
	in   chan struct{} // closed once there is room
}

// enter waits for room; leave gives it back, once. Errors: the context's. What is larger than the whole room never gets in.
func (r *room) enter(ctx context.Context, size int) (leave func(), err error) {
	leave = sync.OnceFunc(func() { r.give(size) })
	r.mu.Lock()
	if len(r.queue) == 0 && size <= r.left {
		r.left -= size
		r.mu.Unlock()
		return leave, nil
	}
	mine := &entry{size, make(chan struct{})}
	r.queue = append(r.queue, mine)
	r.mu.Unlock()
	select {
	case <-mine.in:
		return leave, nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	select {
	case <-mine.in: // at the same instant
		r.mu.Unlock()
		leave()
	default:
		r.queue = slices.DeleteFunc(r.queue, func(one *entry) bool { return one == mine })
		r.mu.Unlock()
		r.give(0) // those behind may be smaller
	}
	return nil, ctx.Err()
}

// give gives room back, and lets in those who have waited for it.
func (r *room) give(size int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left += size
	for len(r.queue) > 0 && r.queue[0].size <= r.left {
		next := r.queue[0]
		r.queue = slices.Delete(r.queue, 0, 1)
		r.left -= next.size
		close(next.in)
	}
}
