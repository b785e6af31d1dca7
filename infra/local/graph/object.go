package graph

import (
	"net/http"
	"slices"
	"strings"

	"latchkey/shared/directory/memory"
)

// objects are those of the ids that exist.
func (s *Server) objects(ids []string) []*memory.Object {
	var list []*memory.Object
	for _, id := range ids {
		if o, ok := s.directory.Object(id); ok {
			list = append(list, o)
		}
	}
	return list
}

func (c *call) memberOf() (reply, error) {
	groups, ok := c.server.directory.DirectMemberOf(c.id())
	if !ok {
		return reply{}, absent(c.id())
	}
	return c.mixed(append(c.seen(groups), c.roles(nil)...))
}

func (c *call) transitiveMemberOf() (reply, error) {
	groups, ok := c.server.directory.TransitiveMemberOf(c.id())
	if !ok {
		return reply{}, absent(c.id())
	}
	return c.mixed(append(c.seen(groups), c.roles(groups)...))
}

// roles are the directory roles of the path's object, and of the groups that it is in: Graph lists them among memberships.
func (c *call) roles(groups []*memory.Object) []*memory.Object {
	o, ok := c.server.directory.Object(c.id())
	if !ok {
		return nil
	}
	return c.server.rolesHeld(o.ID(), groups)
}

func (c *call) ownedObjects() (reply, error) {
	groups, ok := c.server.directory.OwnedGroups(c.id())
	if !ok {
		return reply{}, absent(c.id())
	}
	return c.mixed(groups)
}

// maxCheckedGroups is Graph's bound of checkMemberGroups.
const maxCheckedGroups = 20

func (c *call) checkMemberGroups() (reply, error) {
	var body struct {
		GroupIDs []string `json:"groupIds"`
	}
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	if len(body.GroupIDs) == 0 || len(body.GroupIDs) > maxCheckedGroups {
		return reply{}, bad("The number of values in 'groupIds' is not between 1 and 20.")
	}
	groups, ok := c.server.directory.TransitiveMemberOf(c.id())
	if !ok {
		return reply{}, absent(c.id())
	}
	found := []string{}
	for _, group := range c.seen(groups) {
		if slices.ContainsFunc(body.GroupIDs, func(id string) bool { return strings.EqualFold(id, group.ID()) }) {
			found = append(found, group.ID())
		}
	}
	return c.value("Collection(Edm.String)", found), nil
}

func (c *call) getMemberGroups() (reply, error) {
	var body struct {
		SecurityEnabledOnly bool `json:"securityEnabledOnly"`
	}
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	groups, ok := c.server.directory.TransitiveMemberOf(c.id())
	if !ok {
		return reply{}, absent(c.id())
	}
	found := []string{}
	for _, group := range c.seen(groups) {
		if group.Group.SecurityEnabled || !body.SecurityEnabledOnly {
			found = append(found, group.ID())
		}
	}
	return c.value("Collection(Edm.String)", found), nil
}

func (c *call) getObject() (reply, error) {
	opts, err := c.options("")
	if err != nil {
		return reply{}, err
	}
	o, ok := c.server.directory.Object(c.id())
	if !ok || !strings.EqualFold(o.ID(), c.id()) { // here a name is no key
		return reply{}, absent(c.id())
	}
	return c.entity(http.StatusOK, "directoryObjects", o, opts, true), nil
}

// maxIDs is Graph's bound of getByIds.
const maxIDs = 1000

func (c *call) getByIDs() (reply, error) {
	var body struct {
		IDs   []string `json:"ids"`
		Types []string `json:"types"`
	}
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	if len(body.IDs) > maxIDs {
		return reply{}, bad("Too many identifiers.")
	}
	objects := c.server.objects(body.IDs)
	if len(body.Types) > 0 {
		objects = slices.DeleteFunc(objects, func(o *memory.Object) bool { return !slices.Contains(body.Types, string(o.Kind)) })
	}
	return c.page("directoryObjects", len(objects), -1, 0, func(b []byte, n int) []byte { return appendObject(b, objects[n], nil, true) }), nil
}

func (c *call) listServicePrincipals() (reply, error) {
	return c.list(memory.KindServicePrincipal, "servicePrincipals")
}

// servicePrincipal is the one of the path, by id or, as servicePrincipals(appId='…'), by application.
func (c *call) servicePrincipal() (*memory.Object, error) {
	if app, ok := strings.CutPrefix(c.id(), "appId='"); ok {
		if o, ok := c.server.directory.ServicePrincipalByApp(strings.TrimSuffix(app, "'")); ok {
			return o, nil
		}
		return nil, absent(c.id())
	}
	if o, ok := c.server.directory.Object(c.id()); ok && o.Kind == memory.KindServicePrincipal {
		return o, nil
	}
	return nil, absent(c.id())
}

func (c *call) getServicePrincipal() (reply, error) {
	opts, err := c.options(memory.KindServicePrincipal)
	if err != nil {
		return reply{}, err
	}
	o, err := c.servicePrincipal()
	if err != nil {
		return reply{}, err
	}
	return c.entity(http.StatusOK, "servicePrincipals", o, opts, false), nil
}

func (c *call) patchServicePrincipal() (reply, error) {
	var body map[string]any
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	o, err := c.servicePrincipal()
	if err != nil {
		return reply{}, err
	}
	if _, err := c.server.directory.Update(o.ID(), func(o *memory.Object) error { return assign(o, body) }); err != nil {
		return reply{}, err
	}
	return noContent()
}

func (c *call) deleteServicePrincipal() (reply, error) {
	o, err := c.servicePrincipal()
	if err != nil {
		return reply{}, err
	}
	if err := c.server.directory.Delete(memory.KindServicePrincipal, o.ID()); err != nil {
		return reply{}, err
	}
	c.server.forget(o.ID())
	return noContent()
}
