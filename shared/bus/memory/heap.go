package memory

// heap is a binary heap whose items know where they are, so that any of them can be taken out. The least item is on top.
type heap[T any] struct {
	items []T
	less  func(a, b T) bool
	place func(item T, index int) // tells an item its index; -1 when it leaves
}

func (h *heap[T]) len() int { return len(h.items) }

// top is the least item; the heap must not be empty.
func (h *heap[T]) top() T { return h.items[0] }

func (h *heap[T]) push(item T) {
	h.items = append(h.items, item)
	h.up(len(h.items) - 1)
}

func (h *heap[T]) pop() T { return h.remove(0) }

// remove takes the item at index out.
func (h *heap[T]) remove(index int) T {
	removed := h.items[index]
	last := len(h.items) - 1
	moved := h.items[last]
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	if index != last {
		h.items[index] = moved
		h.place(moved, index)
		h.fix(index)
	}
	h.place(removed, -1)
	return removed
}

// fix restores the order after the item at index has changed.
func (h *heap[T]) fix(index int) {
	if !h.down(index) {
		h.up(index)
	}
}

func (h *heap[T]) up(index int) {
	item := h.items[index]
	for index > 0 {
		parent := (index - 1) / 2
		if !h.less(item, h.items[parent]) {
			break
		}
		h.items[index] = h.items[parent]
		h.place(h.items[index], index)
		index = parent
	}
	h.items[index] = item
	h.place(item, index)
}

func (h *heap[T]) down(index int) bool {
	start, item := index, h.items[index]
	for {
		child := 2*index + 1
		if child >= len(h.items) {
			break
		}
		if right := child + 1; right < len(h.items) && h.less(h.items[right], h.items[child]) {
			child = right
		}
		if !h.less(h.items[child], item) {
			break
		}
		h.items[index] = h.items[child]
		h.place(h.items[index], index)
		index = child
	}
	h.items[index] = item
	h.place(item, index)
	return index != start
}
