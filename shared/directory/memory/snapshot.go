package memory

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"latchkey/shared/governance"
)

// snapshotVersion is raised when the shape of a snapshot changes.
const snapshotVersion = 2

type snapshot struct {
	SchemaVersion     int          `json:"schemaVersion"`
	Changes           uint64       `json:"changes"`
	Users             []savedUser  `json:"users"`
	Groups            []savedGroup `json:"groups"`
	ServicePrincipals []savedApp   `json:"servicePrincipals"`
	Deleted           []Deleted    `json:"deleted,omitempty"`
	Items             []savedItem  `json:"deletedItems,omitempty"`
	Sent              []Sent       `json:"sent,omitempty"`
}

type savedItem struct {
	Object  Object   `json:"object"`
	Ties    []tie    `json:"ties"`
	Reports []string `json:"reports"`
}

type saved struct {
	Attributes map[string]any `json:"attributes,omitempty"`
	Created    time.Time      `json:"createdDateTime"`
	Changed    uint64         `json:"changed"`
}

type savedUser struct {
	governance.User
	saved
}

type savedGroup struct {
	governance.Group
	saved
	Members []string `json:"members"`
	Owners  []string `json:"owners"`
}

type savedApp struct {
	ServicePrincipal
	saved
}

// Snapshot writes everything as JSON.
func (d *Directory) Snapshot(w io.Writer) error {
	d.mu.RLock()
	image := snapshot{SchemaVersion: snapshotVersion, Changes: d.changes, Deleted: slices.Clone(d.tombstones), Sent: slices.Clone(d.sent)}
	for k := range d.kinds[KindUser].keys {
		object := d.records[k].object
		image.Users = append(image.Users, savedUser{object.User, savedOf(object)})
	}
	for k := range d.kinds[KindGroup].keys {
		r := d.records[k]
		image.Groups = append(image.Groups, savedGroup{r.object.Group, savedOf(r.object), slices.Collect(r.has[membership].keys), slices.Collect(r.has[ownership].keys)})
	}
	for k := range d.kinds[KindServicePrincipal].keys {
		object := d.records[k].object
		image.ServicePrincipals = append(image.ServicePrincipals, savedApp{object.ServicePrincipal, savedOf(object)})
	}
	for k := range d.itemOrder.keys {
		item := d.items[k]
		image.Items = append(image.Items, savedItem{*item.object, slices.Clone(item.ties), slices.Clone(item.reports)})
	}
	d.mu.RUnlock()
	if err := json.NewEncoder(w).Encode(image); err != nil {
		return fmt.Errorf("memory: write the snapshot: %w", err)
	}
	return nil
}

func savedOf(object *Object) saved { return saved{object.Attributes, object.Created, object.Changed} }

// Load replaces everything by a snapshot. When it fails, nothing has changed.
func (d *Directory) Load(r io.Reader) error {
	var image snapshot
	if err := json.NewDecoder(r).Decode(&image); err != nil {
		return fmt.Errorf("memory: read the snapshot: %w", err)
	}
	if image.SchemaVersion != snapshotVersion {
		return fmt.Errorf("memory: the snapshot has version %d, this program reads %d", image.SchemaVersion, snapshotVersion)
	}
	fresh := New(Options{Clock: d.clock, MaxSent: d.maxSent})
	put := func(object *Object, s saved) {
		object.Attributes = s.Attributes
		fresh.store(object)
		object.Created, object.Changed = s.Created, s.Changed
	}
	for _, user := range image.Users {
		put(&Object{Kind: KindUser, User: user.User}, user.saved)
	}
	for _, group := range image.Groups {
		put(&Object{Kind: KindGroup, Group: group.Group}, group.saved)
	}
	for _, app := range image.ServicePrincipals {
		put(&Object{Kind: KindServicePrincipal, ServicePrincipal: app.ServicePrincipal}, app.saved)
	}
	for _, group := range image.Groups {
		for _, member := range group.Members {
			if err := fresh.PutMember(group.Group.ID, member); err != nil {
				return fmt.Errorf("memory: the snapshot has a member who is not in it: %w", err)
			}
		}
		for _, owner := range group.Owners {
			if err := fresh.PutOwner(group.Group.ID, owner); err != nil {
				return fmt.Errorf("memory: the snapshot has an owner who is not in it: %w", err)
			}
		}
	}
	for _, item := range image.Items {
		k := key(item.Object.ID())
		fresh.items[k] = &deletedItem{&item.Object, item.Ties, item.Reports}
		fresh.itemOrder.add(k)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.items, d.itemOrder = fresh.items, fresh.itemOrder
	d.records, d.byName, d.byMail, d.byApp, d.reports, d.kinds = fresh.records, fresh.byName, fresh.byMail, fresh.byApp, fresh.reports, fresh.kinds
	d.tombstones, d.sent = image.Deleted, image.Sent
	d.changes = max(d.changes, image.Changes) + 1
	return nil
}
