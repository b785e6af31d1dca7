package memory

import (
	stdheap "container/heap"
	"slices"
)

// heap keeps the least item on top. Its items know where they are, so that any of them can be taken out.
type heap[T any] struct {
	items []T
	less  func(a, b T) bool
	place func(item T, index int) // tells an item its index; -1 when it leaves
}

// Len implements heap.Interface.
func (h *heap[T]) Len() int { return len(h.items) }

// Less implements heap.Interface.
func (h *heap[T]) Less(i, j int) bool { return h.less(h.items[i], h.items[j]) }

// Swap implements heap.Interface.
func (h *heap[T]) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.place(h.items[i], i)
	h.place(h.items[j], j)
}

// Push implements heap.Interface.
func (h *heap[T]) Push(item any) {
	h.items = append(h.items, item.(T))
	h.place(item.(T), len(h.items)-1)
}

// Pop implements heap.Interface.
func (h *heap[T]) Pop() any {
	last := len(h.items) - 1
	item := h.items[last]
	h.items = slices.Delete(h.items, last, last+1)
	h.place(item, -1)
	return item
}

// top is the least item; the heap must not be empty.
func (h *heap[T]) top() T { return h.items[0] }

func (h *heap[T]) push(item T) { stdheap.Push(h, item) }

// remove takes the item at index out.
func (h *heap[T]) remove(index int) T { return stdheap.Remove(h, index).(T) }

// fix restores the order after the item at index has changed.
func (h *heap[T]) fix(index int) { stdheap.Fix(h, index) }
