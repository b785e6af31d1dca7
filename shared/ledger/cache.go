package ledger

import "sync"

const (
	maxPlaces = 100_000
	maxWholes = 200
)

// cache is bounded, and forgets at random.
type cache[T any] struct {
	mu     sync.RWMutex
	most   int
	values map[string]T
}

func newCache[T any](most int) *cache[T] { return &cache[T]{most: most, values: map[string]T{}} }

func (c *cache[T]) get(key string) (T, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	value, ok := c.values[key]
	return value, ok
}

func (c *cache[T]) put(key string, value T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.values[key]; !known && len(c.values) >= c.most {
		for one := range c.values {
			delete(c.values, one)
			break
		}
	}
	c.values[key] = value
}
