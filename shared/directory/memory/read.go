package memory

import (
	"cmp"
	"iter"
	"slices"
)

// The methods of this file are what the emulator and tests read by. They pass the fault hook by.

// Deleted remembers an object that is gone.
type Deleted struct {
	Kind    Kind   `json:"kind"`
	ID      string `json:"id"`
	Changed uint64 `json:"changed"`
}

// Object is the object of an id, or of a user principal name.
func (d *Directory) Object(id string) (*Object, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if r := d.find(id); r != nil {
		return r.object, true
	}
	return nil, false
}

// UserByMail is the user with a mail address; of several, the one who has it longest.
func (d *Directory) UserByMail(address string) (*Object, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if keys := d.byMail[key(address)]; len(keys) > 0 {
		return d.records[keys[0]].object, true
	}
	return nil, false
}

// ServicePrincipalByApp is the service principal of an application id.
func (d *Directory) ServicePrincipalByApp(appID string) (*Object, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if k, ok := d.byApp[key(appID)]; ok {
		return d.records[k].object, true
	}
	return nil, false
}

// scanChunk is how many objects a list looks at under one lock: a scan of a large tenant must not hold up its writers.
const scanChunk = 2048

// List returns at most limit objects of a kind that match, in the order in which they were made, and the number to go on after; 0 says that there are no more.
func (d *Directory) List(kind Kind, after uint64, limit int, match func(*Object) bool) (page []*Object, next uint64) {
	for {
		looked := 0
		d.mu.RLock()
		for number, k := range d.kinds[kind].after(after) {
			if object := d.records[k].object; match == nil || match(object) {
				if len(page) == limit { // there is one more
					d.mu.RUnlock()
					return page, after
				}
				page = append(page, object)
			}
			after = number
			if looked++; looked == scanChunk {
				break
			}
		}
		d.mu.RUnlock()
		if looked < scanChunk {
			return page, 0
		}
	}
}

// Count is how many objects of a kind there are.
func (d *Directory) Count(kind Kind) int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.kinds[kind].len()
}

// Members returns at most limit direct members of a group and the number to go on after; false if there is no such group.
func (d *Directory) Members(groupID string, after uint64, limit int) (page []*Object, next uint64, ok bool) {
	return d.edges(groupID, after, limit, membership)
}

// Owners returns at most limit owners of a group and the number to go on after; false if there is no such group.
func (d *Directory) Owners(groupID string, after uint64, limit int) (page []*Object, next uint64, ok bool) {
	return d.edges(groupID, after, limit, ownership)
}

func (d *Directory) edges(groupID string, after uint64, limit int, e edge) (page []*Object, next uint64, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	r := d.group(groupID)
	if r == nil {
		return nil, 0, false
	}
	for number, k := range r.has[e].after(after) {
		if len(page) == limit {
			return page, after, true
		}
		page = append(page, d.records[k].object)
		after = number
	}
	return page, 0, true
}

// IsMember says whether a principal is a direct member of a group.
func (d *Directory) IsMember(groupID, principalID string) bool {
	return d.joined(membership, groupID, principalID)
}

// IsOwner says whether a principal owns a group.
func (d *Directory) IsOwner(groupID, principalID string) bool {
	return d.joined(ownership, groupID, principalID)
}

func (d *Directory) joined(e edge, groupID, principalID string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	r := d.group(groupID)
	return r != nil && r.has[e].has(key(principalID))
}

// MemberIDs returns the ids of the direct members of a group.
func (d *Directory) MemberIDs(groupID string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	r := d.group(groupID)
	if r == nil {
		return nil
	}
	ids := make([]string, 0, r.has[membership].len())
	for k := range r.has[membership].keys {
		ids = append(ids, d.records[k].object.ID())
	}
	return ids
}

// DirectMemberOf returns the groups that an object is directly in; false if there is no such object.
func (d *Directory) DirectMemberOf(id string) ([]*Object, bool) {
	return d.around(d.find, id, func(r *record) []*Object { return d.objects(r.in[membership]) })
}

// OwnedGroups returns the groups that an object owns; false if there is no such object.
func (d *Directory) OwnedGroups(id string) ([]*Object, bool) {
	return d.around(d.find, id, func(r *record) []*Object { return d.objects(r.in[ownership]) })
}

// TransitiveMemberOf returns the groups that an object is in, nested membership included; false if there is no such object.
func (d *Directory) TransitiveMemberOf(id string) ([]*Object, bool) {
	return d.around(d.find, id, d.transitiveMemberOf)
}

// TransitiveMembers returns what is in a group, nested membership included, that of hidden ones if asked for; false if there is no such group.
func (d *Directory) TransitiveMembers(groupID string, hidden bool) ([]*Object, bool) {
	return d.around(d.group, groupID, func(r *record) []*Object { return slices.Collect(d.transitiveMembers(r, hidden)) })
}

// Reports returns the users whose manager a user is; false if there is no such user.
func (d *Directory) Reports(userID string) ([]*Object, bool) {
	return d.around(d.user, userID, func(r *record) []*Object { return d.objects(d.reports[key(r.object.ID())]) })
}

// around reads what is around an object; false if it is not found.
func (d *Directory) around(find func(id string) *record, id string, read func(*record) []*Object) ([]*Object, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	r := find(id)
	if r == nil {
		return nil, false
	}
	return read(r), true
}

// Changes returns the users or groups that changed after a number, and those that went, oldest change first, with the number of the latest change.
func (d *Directory) Changes(kind Kind, after uint64) (changed []*Object, deleted []Deleted, latest uint64) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for k := range d.kinds[kind].keys {
		if object := d.records[k].object; object.Changed > after {
			changed = append(changed, object)
		}
	}
	slices.SortFunc(changed, func(a, b *Object) int { return cmp.Compare(a.Changed, b.Changed) })
	for _, gone := range d.tombstones {
		if gone.Kind == kind && gone.Changed > after {
			deleted = append(deleted, gone)
		}
	}
	return changed, deleted, d.changes
}

func (d *Directory) objects(keys []string) []*Object {
	list := make([]*Object, len(keys))
	for n, k := range keys {
		list[n] = d.records[k].object
	}
	return list
}

// transitiveMemberOf walks up. Groups may be nested in circles; each is visited once.
func (d *Directory) transitiveMemberOf(r *record) []*Object {
	var found []*Object
	visited := make(map[string]struct{}, len(r.in[membership]))
	queue := r.in[membership]
	for len(queue) > 0 {
		var above []string
		for _, k := range queue {
			if _, seen := visited[k]; seen {
				continue
			}
			visited[k] = struct{}{}
			group := d.records[k]
			found = append(found, group.object)
			above = append(above, group.in[membership]...)
		}
		queue = above
	}
	return found
}

// transitiveMembers walks down, each object once, into hidden memberships if asked to.
func (d *Directory) transitiveMembers(group *record, hidden bool) iter.Seq[*Object] {
	return func(yield func(*Object) bool) {
		visited := map[string]struct{}{}
		queue := []*record{group}
		for len(queue) > 0 {
			next := queue[0]
			queue = queue[1:]
			if hides(next.object) && !hidden {
				continue
			}
			for k := range next.has[membership].keys {
				if _, seen := visited[k]; seen {
					continue
				}
				visited[k] = struct{}{}
				member := d.records[k]
				if !yield(member.object) {
					return
				}
				if member.object.Kind == KindGroup {
					queue = append(queue, member)
				}
			}
		}
	}
}
