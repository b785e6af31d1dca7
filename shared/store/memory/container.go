package memory

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"latchkey/shared/platform"
)

// Item is one version of one stored item. It never changes once it is stored: a write makes another one.
type Item[T any] struct {
	Partition string
	ID        string
	Keys      []string      // one for each secondary index of the container, in its order; empty: not in that index
	TTL       time.Duration // zero: never expires
	Value     T

	// Set by the container.
	Sequence uint64    // which item, in the order of creation; all versions of it have the same
	Version  uint64    // which write of the container made this version
	ETag     string    // the version as text, quoted as HTTP wants it
	Modified time.Time // when it was written
}

// expires is the key of its expiry; empty if there is none.
func (i *Item[T]) expires() string {
	if i == nil || i.TTL <= 0 {
		return ""
	}
	return numberKey(uint64(i.Modified.Add(i.TTL).UnixNano()))
}

func (i *Item[T]) expired(now time.Time) bool {
	return i.TTL > 0 && !i.Modified.Add(i.TTL).After(now)
}

// slot is the place of an item; its current version changes, the slot does not. A slot without a current version has been deleted.
type slot[T any] struct {
	sequence uint64
	current  *Item[T]
}

type place struct{ partition, id string }

// Container keeps items of any shape by partition and id, with Cosmos DB's semantics: ids are unique within a partition, every version has its own ETag,
// changes to one partition are atomic, items expire by the clock. It does not look into the values: whoever writes an item says what its index keys are.
type Container[T any] struct {
	clock   platform.Clock
	changes bool

	mu          sync.RWMutex
	version     uint64
	sequence    uint64
	items       map[place]*slot[T]
	byPartition index[T]
	byID        index[T]
	byKey       []index[T]
	byVersion   index[T]
	byExpiry    index[T]
}

// The indexes that every container has; its own follow from FirstKey on.
const (
	ByPartition = 0
	ByID        = 1
	FirstKey    = 2
)

const (
	// scanLimit is how many entries one Scan looks at before it ends the page: no query holds up a writer for long.
	scanLimit = 10_000
	// purgeLimit is how many expired items one Update sweeps out at most.
	purgeLimit = 64
)

// NewContainer makes an empty one with so many secondary indexes. With changes it also keeps the order of writes, for Changes.
func NewContainer[T any](clock platform.Clock, keys int, changes bool) *Container[T] {
	if clock == nil {
		clock = platform.SystemClock{}
	}
	return &Container[T]{clock: clock, changes: changes, items: map[place]*slot[T]{}, byKey: make([]index[T], keys)}
}

// Len is how many items there are, those included that have expired and are not yet swept out.
func (c *Container[T]) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.items)
}

// Version is the number of the last write.
func (c *Container[T]) Version() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.version
}

// Get reads items of one partition as one snapshot; what does not exist is nil.
func (c *Container[T]) Get(partition string, ids ...string) []*Item[T] {
	now := c.clock.Now()
	found := make([]*Item[T], len(ids))
	c.mu.RLock()
	defer c.mu.RUnlock()
	for i, id := range ids {
		if s := c.items[place{partition, id}]; s != nil && !s.current.expired(now) {
			found[i] = s.current
		}
	}
	return found
}

// Tx is a change to one partition that is being made. It lives only within the function given to Update.
type Tx[T any] struct {
	container *Container[T]
	partition string
	now       time.Time
	version   uint64
	staged    []staged[T]
}

type staged[T any] struct {
	id   string
	item *Item[T] // nil: deleted
}

// Update lets apply change a partition and keeps all of its changes if it returns nil, none otherwise. It holds the container's lock: apply must be quick.
func (c *Container[T]) Update(partition string, apply func(*Tx[T]) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	tx := Tx[T]{container: c, partition: partition, now: c.clock.Now(), version: c.version}
	c.purge(tx.now)
	if err := apply(&tx); err != nil {
		return err
	}
	for _, change := range tx.staged {
		c.store(place{partition, change.id}, change.item)
	}
	c.version = tx.version
	return nil
}

// Get reads an item as this change sees it, or nil.
func (tx *Tx[T]) Get(id string) *Item[T] {
	for i := len(tx.staged) - 1; i >= 0; i-- {
		if tx.staged[i].id == id {
			return tx.staged[i].item
		}
	}
	s := tx.container.items[place{tx.partition, id}]
	if s == nil || s.current.expired(tx.now) {
		return nil
	}
	return s.current
}

// Put writes an item and returns its new version. Its Value may still be set until the function given to Update returns.
func (tx *Tx[T]) Put(item Item[T]) *Item[T] {
	tx.version++
	item.Partition = tx.partition
	item.Version = tx.version
	item.ETag = etag(tx.version)
	item.Modified = tx.now
	stored := &item
	tx.staged = append(tx.staged, staged[T]{item.ID, stored})
	return stored
}

// Delete removes an item, and says whether there was one.
func (tx *Tx[T]) Delete(id string) bool {
	if tx.Get(id) == nil {
		return false
	}
	tx.version++
	tx.staged = append(tx.staged, staged[T]{id: id})
	return true
}

// Scan selects items by one index.
type Scan struct {
	Index int    // ByPartition, ByID, or FirstKey plus the number of a secondary index
	From  string // the least key
	To    string // the greatest key, inclusive; empty: no end
	After Cursor // where the page before ended
	Limit int    // how many items at most
}

// Cursor is a place in an index: everything up to and including this key and sequence has been seen. Its zero value is the beginning.
type Cursor struct {
	Key      string
	Sequence uint64
}

// Verdict is what a Scan does with an item.
type Verdict int

// The verdicts: leave it out, take it, take it and end the page.
const (
	Skip Verdict = iota
	Take
	TakeLast
)

// Scan returns a page of the items that judge takes (all, if it is nil), and, unless it reached the end, the cursor of the next one. A page may be empty and not
// the last.
func (c *Container[T]) Scan(scan Scan, judge func(*Item[T]) Verdict) (page []*Item[T], next Cursor, more bool) {
	const batchSize = 512
	now := c.clock.Now()
	batch := make([]*Item[T], 0, min(batchSize, max(scan.Limit, 16)))
	keys := make([]string, 0, cap(batch))
	cursor, seen := scan.After, 0
	for {
		batch, keys = batch[:0], keys[:0]
		end := c.collect(scan, cursor, now, &batch, &keys)
		for i, item := range batch {
			seen++
			cursor = Cursor{keys[i], item.Sequence}
			verdict := Take
			if judge != nil {
				verdict = judge(item)
			}
			if verdict != Skip {
				page = append(page, item)
			}
			if verdict == TakeLast || len(page) >= scan.Limit || seen >= scanLimit {
				if end && i == len(batch)-1 {
					return page, Cursor{}, false
				}
				return page, cursor, true
			}
		}
		if end {
			return page, Cursor{}, false
		}
	}
}

// collect fills a batch with the living items after the cursor and says whether it reached the end of the scan.
func (c *Container[T]) collect(scan Scan, cursor Cursor, now time.Time, batch *[]*Item[T], keys *[]string) (end bool) {
	key, sequence := scan.From, uint64(0)
	if cursor.Sequence > 0 && cursor.Key >= scan.From {
		key, sequence = cursor.Key, cursor.Sequence+1
	}
	end = true
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.index(scan.Index).walk(key, sequence, func(at string, s *slot[T]) bool {
		if scan.To != "" && at > scan.To {
			return false
		}
		if len(*batch) == cap(*batch) {
			end = false
			return false
		}
		if !s.current.expired(now) {
			*batch = append(*batch, s.current)
			*keys = append(*keys, at)
		}
		return true
	})
	return end
}

// Changes returns the items whose last write came after the given version, in the order of those writes, up to limit, and the last write seen.
func (c *Container[T]) Changes(partition string, after uint64, limit int) (page []*Item[T], last uint64) {
	now := c.clock.Now()
	last = after
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.byVersion.walk(numberKey(after+1), 0, func(_ string, s *slot[T]) bool {
		if len(page) >= limit {
			return false
		}
		last = s.current.Version
		if !s.current.expired(now) && (partition == "" || s.current.Partition == partition) {
			page = append(page, s.current)
		}
		return true
	})
	return page, last
}

// Each calls visit for every living item, partition by partition, without holding the lock while it does.
func (c *Container[T]) Each(visit func(*Item[T]) error) error {
	scan := Scan{Index: ByPartition, Limit: scanLimit}
	for {
		page, next, more := c.Scan(scan, nil)
		for _, item := range page {
			if err := visit(item); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		scan.After = next
	}
}

// Clear removes everything and goes on counting versions, so that no ETag comes back.
func (c *Container[T]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items = map[place]*slot[T]{}
	c.byPartition, c.byID, c.byVersion, c.byExpiry = index[T]{}, index[T]{}, index[T]{}, index[T]{}
	c.byKey = make([]index[T], len(c.byKey))
}

// Load puts back an item that Each saw, with its version, ETag and time. It replaces what is there.
func (c *Container[T]) Load(item Item[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	item.ETag = etag(item.Version)
	c.store(place{item.Partition, item.ID}, &item)
	c.version = max(c.version, item.Version)
}

// Advance makes the next write's version greater than this one.
func (c *Container[T]) Advance(version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version = max(c.version, version)
}

func (c *Container[T]) index(number int) *index[T] {
	switch number {
	case ByPartition:
		return &c.byPartition
	case ByID:
		return &c.byID
	default:
		return &c.byKey[number-FirstKey]
	}
}

// purge sweeps out some of what has expired.
func (c *Container[T]) purge(now time.Time) {
	if len(c.byExpiry.runs) == 0 {
		return
	}
	var gone []*Item[T]
	c.byExpiry.walk("", 0, func(_ string, s *slot[T]) bool {
		if !s.current.expired(now) || len(gone) == purgeLimit {
			return false
		}
		gone = append(gone, s.current)
		return true
	})
	for _, item := range gone {
		c.store(place{item.Partition, item.ID}, nil)
	}
}

// store makes item the current version at a place; nil deletes. It keeps every index in step.
func (c *Container[T]) store(at place, item *Item[T]) {
	s := c.items[at]
	var old *Item[T]
	if s != nil {
		old = s.current
		if item == nil {
			delete(c.items, at)
			c.byPartition.remove(at.partition, s)
			c.byID.remove(at.id, s)
		}
	} else {
		if item == nil {
			return
		}
		c.sequence++
		s = &slot[T]{sequence: c.sequence}
		c.items[at] = s
		s.current = item
		c.byPartition.insert(at.partition, s)
		c.byID.insert(at.id, s)
	}
	if item != nil {
		item.Sequence = s.sequence
	}
	for i := range c.byKey {
		move(&c.byKey[i], s, keyOf(old, i), keyOf(item, i))
	}
	if c.changes {
		move(&c.byVersion, s, versionOf(old), versionOf(item))
	}
	move(&c.byExpiry, s, old.expires(), item.expires())
	if item != nil {
		s.current = item
	}
}

func move[T any](x *index[T], s *slot[T], from, to string) {
	if from == to {
		return
	}
	if from != "" {
		x.remove(from, s)
	}
	if to != "" {
		x.insert(to, s)
	}
}

func keyOf[T any](item *Item[T], number int) string {
	if item == nil || number >= len(item.Keys) {
		return ""
	}
	return item.Keys[number]
}

func versionOf[T any](item *Item[T]) string {
	if item == nil {
		return ""
	}
	return numberKey(item.Version)
}

// numberKey sorts as the number does.
func numberKey(n uint64) string {
	return string(binary.BigEndian.AppendUint64(nil, n))
}

// etag writes a version the way Cosmos DB does: a quoted GUID-like text.
func etag(version uint64) string {
	return fmt.Sprintf(`"%08x-%04x-0000-0000-000000000000"`, version>>16, version&0xffff)
}
