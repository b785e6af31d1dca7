package identity

import (
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"latchkey/shared/governance"
)

// maxCached bounds the remembered tokens, at about a kilobyte each.
const maxCached = 4096

// cache remembers tokens that were valid, by their digest: a client sends the same token for an hour. It holds no token. Its zero value is empty.
type cache struct {
	mu      sync.RWMutex
	entries map[[sha256.Size]byte]entry
}

type entry struct {
	caller      governance.Caller
	generation  uint64 // of the keys that it was verified with
	from, until time.Time
}

// get returns the caller of a token that is valid now and was verified with the keys of this generation.
func (c *cache) get(digest [sha256.Size]byte, generation uint64, now time.Time) (governance.Caller, bool) {
	c.mu.RLock()
	found, ok := c.entries[digest]
	c.mu.RUnlock()
	if !ok || found.generation != generation || now.Before(found.from) || !now.Before(found.until) {
		return governance.Caller{}, false
	}
	return copyOf(found.caller), true
}

// put remembers a token. A full cache first forgets what can never be served again, then anything.
func (c *cache) put(digest [sha256.Size]byte, fresh entry, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = make(map[[sha256.Size]byte]entry)
	}
	if len(c.entries) >= maxCached {
		for key, old := range c.entries {
			if old.generation != fresh.generation || !now.Before(old.until) {
				delete(c.entries, key)
			}
		}
		for key := range c.entries { // an eighth at once, so that a full cache is not searched at every put
			if len(c.entries) <= maxCached*7/8 {
				break
			}
			delete(c.entries, key)
		}
	}
	c.entries[digest] = fresh
}

// copyOf shares no slice with what is remembered: callers may do with theirs what they like.
func copyOf(caller governance.Caller) governance.Caller {
	caller.Scopes = slices.Clone(caller.Scopes)
	caller.Permissions = slices.Clone(caller.Permissions)
	caller.DirectoryRoles = slices.Clone(caller.DirectoryRoles)
	return caller
}
