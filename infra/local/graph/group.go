package graph

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

func (c *call) group() (*memory.Object, error) {
	if !governance.IsGUID(c.id()) { // a group has no name that is a key
		return nil, bad("Invalid object identifier '" + c.id() + "'.")
	}
	if o, ok := c.server.directory.Object(c.id()); ok && o.Kind == memory.KindGroup {
		return o, nil
	}
	return nil, absent(c.id())
}

func (c *call) listGroups() (reply, error)  { return c.list(memory.KindGroup, "groups") }
func (c *call) countGroups() (reply, error) { return c.number(memory.KindGroup) }

func (c *call) getGroup() (reply, error) {
	opts, err := c.options(memory.KindGroup)
	if err != nil {
		return reply{}, err
	}
	o, err := c.group()
	if err != nil {
		return reply{}, err
	}
	return c.entity(http.StatusOK, "groups", o, opts, false), nil
}

const (
	bindMembers = "members@odata.bind"
	bindOwners  = "owners@odata.bind"
	maxBind     = 20 // references in one request
)

func (c *call) createGroup() (reply, error) {
	var body map[string]any
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	for _, name := range []string{"displayName", "mailEnabled", "mailNickname", "securityEnabled"} {
		if body[name] == nil {
			return reply{}, bad("A value is required for property '" + name + "' of resource 'Group'.")
		}
	}
	group := memory.Object{Kind: memory.KindGroup, Group: governance.Group{ID: c.server.ids(), GroupTypes: []string{}}, Attributes: map[string]any{}}
	if err := assign(&group, body, bindMembers, bindOwners); err != nil {
		return reply{}, err
	}
	members, err := c.bound(body, bindMembers)
	if err != nil {
		return reply{}, err
	}
	owners, err := c.bound(body, bindOwners)
	if err != nil {
		return reply{}, err
	}
	o, err := c.server.directory.Create(group)
	if err != nil {
		return reply{}, err
	}
	for _, id := range members {
		if err := c.server.directory.PutMember(o.ID(), id); err != nil {
			return reply{}, err
		}
	}
	for _, id := range owners {
		if err := c.server.directory.PutOwner(o.ID(), id); err != nil {
			return reply{}, err
		}
	}
	answer := c.entity(http.StatusCreated, "groups", o, options{}, false)
	answer.location = c.root + "/groups/" + o.ID()
	return answer, nil
}

func (c *call) patchGroup() (reply, error) {
	var body map[string]any
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	o, err := c.group()
	if err != nil {
		return reply{}, err
	}
	members, err := c.bound(body, bindMembers)
	if err != nil {
		return reply{}, err
	}
	if slices.ContainsFunc(members, func(id string) bool { return c.server.directory.IsMember(o.ID(), id) }) {
		return reply{}, alreadyExists("members") // and nothing of the request is done
	}
	if _, err := c.server.directory.Update(o.ID(), func(o *memory.Object) error { return assign(o, body, bindMembers) }); err != nil {
		return reply{}, err
	}
	for _, id := range members {
		if err := c.server.directory.AddMember(c.request.Context(), o.ID(), id); err != nil {
			return reply{}, problemOf(err, id)
		}
	}
	return noContent()
}

// bound reads a list of references and makes sure that each exists.
func (c *call) bound(body map[string]any, name string) ([]string, error) {
	value, ok := body[name]
	if !ok {
		return nil, nil
	}
	list, ok := value.([]any)
	if !ok || len(list) > maxBind {
		return nil, bad(fmt.Sprintf("'%s' is a list of at most %d references.", name, maxBind))
	}
	ids := make([]string, len(list))
	for n, entry := range list {
		text, _ := entry.(string)
		id, err := referenced(text)
		if err != nil {
			return nil, err
		}
		if _, ok := c.server.directory.Object(id); !ok {
			return nil, absent(id)
		}
		ids[n] = id
	}
	return ids, nil
}

func (c *call) deleteGroup() (reply, error) {
	if err := c.server.directory.Delete(memory.KindGroup, c.id()); err != nil {
		return reply{}, err
	}
	return noContent()
}

func (c *call) listMembers() (reply, error) { return c.listEdge(c.members) }

// members are the directory's, but for those of a group with hidden membership: without the permission it looks empty.
func (c *call) members(groupID string, after uint64, limit int) ([]*memory.Object, uint64, bool) {
	if o, ok := c.server.directory.Object(groupID); ok && !c.sees(o) {
		return nil, 0, true
	}
	return c.server.directory.Members(groupID, after, limit)
}

// sees says whether the caller may know who is in a group.
func (c *call) sees(group *memory.Object) bool {
	return group.Group.Visibility != governance.VisibilityHidden || c.may(canReadHidden)
}

// seen are the groups that the caller may know the members of.
func (c *call) seen(groups []*memory.Object) []*memory.Object {
	return slices.DeleteFunc(slices.Clone(groups), func(o *memory.Object) bool { return !c.sees(o) })
}
func (c *call) listOwners() (reply, error) { return c.listEdge(c.server.directory.Owners) }

// listEdge pages within the directory where it can, so that a group of a hundred thousand does not cost each page the whole list.
func (c *call) listEdge(page func(groupID string, after uint64, limit int) ([]*memory.Object, uint64, bool)) (reply, error) {
	o, err := c.group()
	if err != nil {
		return reply{}, err
	}
	if c.request.PathValue("cast") != "" || c.query.Has("$filter") || c.query.Has("$orderby") || c.query.Has("$count") {
		all, _, _ := page(o.ID(), 0, c.server.directory.Count(memory.KindUser)+c.server.directory.Count(memory.KindGroup)+c.server.directory.Count(memory.KindServicePrincipal))
		return c.mixed(all)
	}
	opts, err := c.options("")
	if err != nil {
		return reply{}, err
	}
	objects, next, _ := page(o.ID(), opts.after, opts.top)
	return c.page("directoryObjects", len(objects), -1, next, func(b []byte, n int) []byte { return c.appendExpanded(b, objects[n], opts, true) }), nil
}

func (c *call) transitiveMembers() (reply, error) {
	o, err := c.group()
	if err != nil {
		return reply{}, err
	}
	members, _ := c.server.directory.TransitiveMembers(o.ID(), c.may(canReadHidden))
	return c.mixed(members)
}

// alreadyExists is Graph's answer to adding what is there. It has no code of its own: clients go by the words.
func alreadyExists(edge string) *problem {
	return bad("One or more added object references already exist for the following modified properties: '" + edge + "'.")
}

func (c *call) addMember() (reply, error) {
	return c.addEdge("members", c.server.directory.IsMember, c.server.directory.AddMember)
}

func (c *call) addOwner() (reply, error) {
	return c.addEdge("owners", c.server.directory.IsOwner, c.server.directory.AddOwner)
}

func (c *call) addEdge(name string, is func(groupID, principalID string) bool, add func(ctx memory.Context, groupID, principalID string) error) (reply, error) {
	id, err := c.reference()
	if err == nil {
		err = c.mayChangeEdges()
	}
	if err != nil {
		return reply{}, err
	}
	if is(c.id(), id) {
		return reply{}, alreadyExists(name)
	}
	group, err := c.group()
	if err != nil {
		return reply{}, err
	}
	if added, ok := c.server.directory.Object(id); ok && added.Kind == memory.KindGroup && group.Attributes["isAssignableToRole"] == true {
		return reply{}, bad("Groups cannot be members of a group that may hold directory roles.")
	}
	if err := add(c.request.Context(), c.id(), id); err != nil {
		return reply{}, problemOf(err, id)
	}
	return noContent()
}

func (c *call) removeMember() (reply, error) {
	return c.removeEdge(c.server.directory.IsMember, c.server.directory.RemoveMember)
}

func (c *call) removeOwner() (reply, error) {
	return c.removeEdge(c.server.directory.IsOwner, c.server.directory.RemoveOwner)
}

func (c *call) removeEdge(is func(groupID, principalID string) bool, remove func(ctx memory.Context, groupID, principalID string) error) (reply, error) {
	id := c.request.PathValue("other")
	if err := c.mayChangeEdges(); err != nil {
		return reply{}, err
	}
	if !is(c.id(), id) {
		return reply{}, absent(id)
	}
	if err := remove(c.request.Context(), c.id(), id); err != nil {
		return reply{}, problemOf(err, id)
	}
	return noContent()
}

// mayChangeEdges refuses to change the members and owners of a group that may hold directory roles, but to who may assign roles.
func (c *call) mayChangeEdges() error {
	if o, ok := c.server.directory.Object(c.id()); ok && o.Attributes["isAssignableToRole"] == true && !c.may(canWriteRoles) {
		return denied()
	}
	return nil
}

// reference reads a body that names an object: {"@odata.id": "https://graph.microsoft.com/v1.0/directoryObjects/{id}"}.
func (c *call) reference() (string, error) {
	var body struct {
		ID string `json:"@odata.id"`
	}
	if err := c.decode(&body); err != nil {
		return "", err
	}
	return referenced(body.ID)
}

func referenced(address string) (string, error) {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "https" && at.Scheme != "http" {
		return "", bad("The '@odata.id' is not the address of an object.")
	}
	segments := strings.Split(strings.Trim(at.Path, "/"), "/")
	last := segments[len(segments)-1]
	collection := ""
	if open := strings.Index(last, "('"); open > 0 && strings.HasSuffix(last, "')") {
		collection, last = last[:open], last[open+2:len(last)-2]
	} else if len(segments) > 1 {
		collection = segments[len(segments)-2]
	}
	if last == "" || !slices.Contains([]string{"directoryObjects", "users", "groups", "servicePrincipals"}, collection) {
		return "", bad("The '@odata.id' is not the address of an object.")
	}
	return last, nil
}
