package app

import (
	"context"
	"fmt"
	"sync"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// placeCache remembers which partition a document is in. Documents never move, so an entry is never wrong about one that exists; it is bounded, and forgets at random.
type placeCache struct {
	mu     sync.RWMutex
	places map[string]string
}

const maxPlaces = 100_000

func newPlaceCache() *placeCache { return &placeCache{places: map[string]string{}} }

func (c *placeCache) get(document string) (string, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	partition, ok := c.places[document]
	return partition, ok
}

func (c *placeCache) put(document, partition string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.places) >= maxPlaces {
		for one := range c.places {
			delete(c.places, one)
			break
		}
	}
	c.places[document] = partition
}

// locate finds the partition of a document by its id, across partitions. Errors: CodeNotFound in the words of what.
func (a *App) locate(ctx context.Context, container store.Container, kind, id, what string) (string, error) {
	if !governance.IsGUID(id) {
		return "", governance.NotFound("There is no %s %q.", what, shorten(id))
	}
	document := documentID(kind, lower(id))
	if partition, ok := a.places.get(document); ok {
		return partition, nil
	}
	query := store.Query{ID: document, PageSize: 1}
	for {
		page, err := a.store.Query(ctx, container, query)
		if err != nil {
			return "", fmt.Errorf("locate %s: %w", document, err)
		}
		if len(page.Documents) > 0 {
			partition := page.Documents[0].Partition
			a.places.put(document, partition)
			return partition, nil
		}
		if page.Continuation == "" {
			return "", governance.NotFound("There is no %s %s.", what, id)
		}
		query.Continuation = page.Continuation
	}
}

// shorten cuts a client's text for a message.
func shorten(text string) string {
	const most = 60
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
