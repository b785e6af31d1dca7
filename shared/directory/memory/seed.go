package memory

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// The methods of this file prepare a tenant and serve the emulator's writes. They pass the fault hook by.

// PutUser adds or replaces a user; attributes, memberships and reports stay. ManagerID becomes the manager, who may be put later.
// A user principal name that another user has moves to this one.
func (d *Directory) PutUser(user governance.User) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.store(&Object{Kind: KindUser, User: user})
}

// PutGroup adds or replaces a group; members and owners stay.
func (d *Directory) PutGroup(group governance.Group) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.store(&Object{Kind: KindGroup, Group: group})
}

// PutServicePrincipal adds or replaces an application.
func (d *Directory) PutServicePrincipal(principal ServicePrincipal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.store(&Object{Kind: KindServicePrincipal, ServicePrincipal: principal})
}

// PutMember makes a principal a direct member of any group, dynamic and synchronised ones too: a rule or a synchronisation put it there.
// Errors: directory.ErrNotFound.
func (d *Directory) PutMember(groupID, principalID string) error {
	return d.put(membership, groupID, principalID)
}

// PutOwner makes a principal an owner of a group. Errors: directory.ErrNotFound.
func (d *Directory) PutOwner(groupID, principalID string) error {
	return d.put(ownership, groupID, principalID)
}

func (d *Directory) put(e edge, groupID, principalID string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	group, principal, err := d.ends(groupID, principalID)
	if err == nil {
		join(e, group, principal)
	}
	return err
}

// SetManager sets or, with an empty managerID, removes a user's manager. Errors: directory.ErrNotFound.
func (d *Directory) SetManager(userID, managerID string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.user(userID)
	if r == nil {
		return notFound(KindUser, userID)
	}
	if managerID != "" {
		manager := d.user(managerID)
		if manager == nil {
			return notFound(KindUser, managerID)
		}
		managerID = manager.object.User.ID
	}
	changed := *r.object
	changed.User.ManagerID = managerID
	d.store(&changed)
	return nil
}

// Create adds a user or a group with attributes. Errors: ErrExists.
func (d *Directory) Create(object Object) (*Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.records[key(object.ID())] != nil {
		return nil, fmt.Errorf("%w: id %q", ErrExists, object.ID())
	}
	if err := d.nameIsFree(&object); err != nil {
		return nil, err
	}
	return d.store(&object), nil
}

// nameIsFree says whether no other object has the name of this one. Errors: ErrExists.
func (d *Directory) nameIsFree(object *Object) error {
	if taken, ok := d.byName[key(object.User.UserPrincipalName)]; ok && taken != key(object.ID()) {
		return fmt.Errorf("%w: userPrincipalName %q", ErrExists, object.User.UserPrincipalName)
	}
	if taken, ok := d.byApp[key(object.ServicePrincipal.AppID)]; ok && taken != key(object.ID()) {
		return fmt.Errorf("%w: appId %q", ErrExists, object.ServicePrincipal.AppID)
	}
	return nil
}

// Update changes an object. The function gets a copy that it may write to, its attributes too; when it fails, nothing changes.
// The id and the kind stay. Errors: directory.ErrNotFound, ErrExists, and the function's own.
func (d *Directory) Update(id string, change func(*Object) error) (*Object, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.find(id)
	if r == nil {
		return nil, fmt.Errorf("%w: %q", directory.ErrNotFound, id)
	}
	changed := *r.object
	changed.Attributes = maps.Clone(changed.Attributes)
	if changed.Attributes == nil {
		changed.Attributes = map[string]any{}
	}
	if err := change(&changed); err != nil {
		return nil, err
	}
	if changed.Kind != r.object.Kind || changed.ID() != r.object.ID() {
		return nil, fmt.Errorf("%w: the id and the kind of %q stay", directory.ErrRefused, id)
	}
	if err := d.nameIsFree(&changed); err != nil {
		return nil, err
	}
	return d.store(&changed), nil
}

// Delete moves an object with all its edges to the deleted items. Errors: directory.ErrNotFound.
func (d *Directory) Delete(kind Kind, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.find(id)
	if r == nil || r.object.Kind != kind {
		return notFound(kind, id)
	}
	d.remove(r)
	return nil
}

func (d *Directory) remove(r *record) {
	kind, k := r.object.Kind, key(r.object.ID())
	d.discard(r)
	d.reindex(k, r.object, &Object{})
	d.kinds[kind].remove(k)
	delete(d.records, k)
	d.changes++
	d.tombstones = append(d.tombstones, Deleted{Kind: kind, ID: r.object.ID(), Changed: d.changes})
	if len(d.tombstones) > 2*maxDeleted {
		d.tombstones = slices.Clone(d.tombstones[len(d.tombstones)-maxDeleted:])
	}
}

// store puts an object in place of the one with its id and keeps every index. The caller holds the lock, and gives the object away.
func (d *Directory) store(object *Object) *Object {
	k := key(object.ID())
	d.changes++
	object.Changed = d.changes
	object.Group.GroupTypes = slices.Clone(object.Group.GroupTypes)
	r := d.records[k]
	if r != nil && r.object.Kind != object.Kind {
		d.remove(r) // an id belongs to one kind: the latest put wins
		r = nil
	}
	before := &Object{}
	if r == nil {
		d.clearAway(k)
		object.Created = d.clock.Now()
		r = &record{settled: object.Created.Add(time.Duration(d.lag.Load()))}
		if object.Kind == KindGroup {
			r.has = [edges]*series{newSeries(), newSeries()}
		}
		d.records[k] = r
		d.kinds[object.Kind].add(k)
	} else {
		before = r.object
		object.Created = before.Created
		if object.Attributes == nil {
			object.Attributes = before.Attributes
		}
	}
	r.object = object
	d.reindex(k, before, object)
	return object
}

// reindex moves an object in the indexes from the names that it had to those that it has. Where a name stays, so does its place.
func (d *Directory) reindex(k string, from, to *Object) {
	moveOne(d.byName, from.User.UserPrincipalName, to.User.UserPrincipalName, k)
	moveOne(d.byApp, from.ServicePrincipal.AppID, to.ServicePrincipal.AppID, k)
	move(d.byMail, from.User.Mail, to.User.Mail, k)
	move(d.reports, from.User.ManagerID, to.User.ManagerID, k)
}

// moveOne keeps an index in which a name has one key, the latest.
func moveOne(index map[string]string, from, to, k string) {
	if index[key(from)] == k {
		delete(index, key(from))
	}
	if to != "" {
		index[key(to)] = k
	}
}

// move keeps an index in which a name may have several keys.
func move(index map[string][]string, from, to, k string) {
	if from, to = key(from), key(to); from == to {
		return
	}
	if index[from] = without(index[from], k); len(index[from]) == 0 {
		delete(index, from)
	}
	if to != "" {
		index[to] = append(index[to], k)
	}
}
