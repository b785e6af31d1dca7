package graph

import (
	"net/http"

	"latchkey/shared/directory/memory"
)

// Who may do what with deleted items depends on the kind of each: the application permissions, the least privileged first.
var (
	canReadDeleted    = map[memory.Kind][]string{memory.KindUser: canReadUsers, memory.KindGroup: canReadDeletedGroups, memory.KindServicePrincipal: canReadApps}
	canRestoreDeleted = map[memory.Kind][]string{memory.KindUser: canDeleteUsers, memory.KindGroup: canWriteGroups, memory.KindServicePrincipal: canWriteApps}
	canPurgeDeleted   = canRestoreDeleted
)

// deletedItem is the deleted item of the path, if its kind is within the caller's permissions.
func (c *call) deletedItem(permissions map[memory.Kind][]string) (*memory.Object, error) {
	o, ok := c.server.directory.DeletedItem(c.id())
	if !ok {
		return nil, absent(c.id())
	}
	if !c.may(permissions[o.Kind]) {
		return nil, denied()
	}
	return o, nil
}

func (c *call) getDeletedItem() (reply, error) {
	o, err := c.deletedItem(canReadDeleted)
	if err != nil {
		return reply{}, err
	}
	opts, err := c.options(o.Kind)
	if err != nil {
		return reply{}, err
	}
	return c.entity(http.StatusOK, "directoryObjects", o, opts, true), nil
}

// listDeletedItems answers those of the kind that the path's cast names. Without one, Graph does not list them.
func (c *call) listDeletedItems(kind memory.Kind) (reply, error) {
	opts, err := c.options(kind)
	if err != nil {
		return reply{}, err
	}
	items := c.server.directory.DeletedItems(kind)
	if opts.orderBy != "" {
		order(items, opts)
	}
	return c.slicePage(items, string(kind)+"s", opts, func(b []byte, o *memory.Object) []byte { return c.appendExpanded(b, o, opts, false) })
}

func (c *call) listDeletedUsers() (reply, error)  { return c.listDeletedItems(memory.KindUser) }
func (c *call) listDeletedGroups() (reply, error) { return c.listDeletedItems(memory.KindGroup) }

func (c *call) restoreDeletedItem() (reply, error) {
	if _, err := c.deletedItem(canRestoreDeleted); err != nil {
		return reply{}, err
	}
	o, err := c.server.directory.Restore(c.id())
	if err != nil {
		return reply{}, err
	}
	return c.entity(http.StatusOK, "directoryObjects", o, options{}, true), nil
}

func (c *call) purgeDeletedItem() (reply, error) {
	if _, err := c.deletedItem(canPurgeDeleted); err != nil {
		return reply{}, err
	}
	if err := c.server.directory.Purge(c.id()); err != nil {
		return reply{}, err
	}
	return noContent()
}
