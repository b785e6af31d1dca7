package memory

import (
	"fmt"
	"slices"
	"time"

	"latchkey/shared/directory"
)

// KeptFor is how long the directory keeps what was deleted.
const KeptFor = 30 * 24 * time.Hour

// deletedItem is an object among the directory's deleted items, with what comes back when it is restored.
type deletedItem struct {
	object  *Object
	ties    []tie
	reports []string // keys of the users whose manager it was
}

// tie is an edge that an end of it has taken along.
type tie struct {
	Edge      edge   `json:"edge"`
	Group     string `json:"group"` // keys
	Principal string `json:"principal"`
}

// item is what lies there under a key, nil for nothing. The caller holds the lock.
func (d *Directory) item(k string) *deletedItem {
	if item := d.items[k]; item != nil && d.clock.Now().Before(item.object.Deleted.Add(KeptFor)) {
		return item
	}
	return nil
}

// discard puts an object with its edges among the deleted items, and clears away what lay there for too long.
func (d *Directory) discard(r *record) {
	gone := *r.object
	gone.Deleted = d.clock.Now()
	k := key(gone.ID())
	item := &deletedItem{object: &gone, reports: slices.Clone(d.reports[k])}
	for e := range edges {
		for _, group := range slices.Clone(r.in[e]) {
			part(e, d.records[group], r)
			item.ties = append(item.ties, tie{e, group, k})
		}
		if gone.Kind == KindGroup {
			for principal := range r.has[e].keys {
				d.records[principal].in[e] = without(d.records[principal].in[e], k)
				item.ties = append(item.ties, tie{e, k, principal})
			}
		}
	}
	for _, report := range item.reports {
		orphan := *d.records[report].object
		orphan.User.ManagerID = ""
		d.store(&orphan)
	}
	d.items[k] = item
	d.itemOrder.add(k)
	var stale []string
	for oldest := range d.itemOrder.keys {
		if d.item(oldest) != nil && d.itemOrder.len()-len(stale) <= maxDeleted {
			break
		}
		stale = append(stale, oldest)
	}
	for _, oldest := range stale {
		d.clearAway(oldest)
	}
}

func (d *Directory) clearAway(k string) {
	delete(d.items, k)
	d.itemOrder.remove(k)
}

// Restore brings back a deleted object with its memberships and ownerships in both directions, its manager and its reports. What is tied to another deleted object comes back when that is restored.
// Errors: directory.ErrNotFound, ErrExists if somebody has its name by now.
func (d *Directory) Restore(id string) (*Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := key(id)
	item := d.item(k)
	if item == nil {
		return nil, notFound("deleted item", id)
	}
	if err := d.nameIsFree(item.object); err != nil {
		return nil, err
	}
	d.clearAway(k)
	object, created := *item.object, item.object.Created
	object.Deleted = time.Time{}
	if manager := key(object.User.ManagerID); manager != "" && d.records[manager] == nil {
		object.User.ManagerID = ""
		if above := d.item(manager); above != nil {
			above.reports = append(above.reports, k)
		}
	}
	d.store(&object).Created = created
	for _, tie := range item.ties {
		group, principal := d.records[tie.Group], d.records[tie.Principal]
		if group != nil && principal != nil {
			join(tie.Edge, group, principal)
			continue
		}
		for _, end := range []string{tie.Group, tie.Principal} {
			if other := d.item(end); other != nil {
				other.ties = append(other.ties, tie)
			}
		}
	}
	for _, report := range item.reports {
		if r := d.records[report]; r != nil && r.object.User.ManagerID == "" {
			below := *r.object
			below.User.ManagerID = object.ID()
			d.store(&below)
		} else if other := d.item(report); other != nil && other.object.User.ManagerID == "" {
			other.object.User.ManagerID = object.ID()
		}
	}
	return d.records[k].object, nil
}

// Purge deletes a deleted object for good. Errors: directory.ErrNotFound.
func (d *Directory) Purge(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.item(key(id)) == nil {
		return notFound("deleted item", id)
	}
	d.clearAway(key(id))
	return nil
}

// DeletedItem is the deleted object of an id.
func (d *Directory) DeletedItem(id string) (*Object, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if item := d.item(key(id)); item != nil {
		return item.object, true
	}
	return nil, false
}

// DeletedItems are the deleted objects of a kind, oldest first.
func (d *Directory) DeletedItems(kind Kind) []*Object {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var list []*Object
	for k := range d.itemOrder.keys {
		if item := d.item(k); item != nil && item.object.Kind == kind {
			list = append(list, item.object)
		}
	}
	return list
}

// mayReturn says of a group and a principal, one of which does not exist, whether what ties them may come back.
func (d *Directory) mayReturn(groupID, principalID string) error {
	for _, id := range []string{groupID, principalID} {
		if d.item(key(id)) != nil {
			return fmt.Errorf("%w: %q", directory.ErrDeleted, id)
		}
	}
	return nil
}
