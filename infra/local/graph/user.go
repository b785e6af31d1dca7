package graph

import (
	"net/http"
	"strings"

	"latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// user is the user of the path, by id or user principal name.
func (c *call) user() (*memory.Object, error) { return c.userOf(c.id()) }

func (c *call) userOf(id string) (*memory.Object, error) {
	if o, ok := c.server.directory.Object(id); ok && o.Kind == memory.KindUser {
		return o, nil
	}
	return nil, absent(id)
}

func (c *call) listUsers() (reply, error)  { return c.list(memory.KindUser, "users") }
func (c *call) countUsers() (reply, error) { return c.number(memory.KindUser) }

func (c *call) getUser() (reply, error) {
	opts, err := c.options(memory.KindUser)
	if err != nil {
		return reply{}, err
	}
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	return c.entity(http.StatusOK, "users", o, opts, false), nil
}

func (c *call) createUser() (reply, error) {
	var body map[string]any
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	for _, name := range []string{"accountEnabled", "displayName", "mailNickname", "passwordProfile", "userPrincipalName"} {
		if body[name] == nil {
			return reply{}, bad("A value is required for property '" + name + "' of resource 'User'.")
		}
	}
	user := memory.Object{Kind: memory.KindUser, User: governance.User{ID: c.server.ids(), UserType: governance.UserTypeMember}, Attributes: map[string]any{}}
	if err := assign(&user, body, "passwordProfile"); err != nil { // a password is never kept
		return reply{}, err
	}
	if !strings.Contains(user.User.UserPrincipalName, "@") {
		return reply{}, bad("Property userPrincipalName is invalid.")
	}
	o, err := c.server.directory.Create(user)
	if err != nil {
		return reply{}, err
	}
	answer := c.entity(http.StatusCreated, "users", o, options{}, false)
	answer.location = c.root + "/users/" + o.ID()
	return answer, nil
}

func (c *call) patchUser() (reply, error) {
	var body map[string]any
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	if _, err := c.user(); err != nil {
		return reply{}, err
	}
	if _, err := c.server.directory.Update(c.id(), func(o *memory.Object) error { return assign(o, body, "passwordProfile") }); err != nil {
		return reply{}, err
	}
	return noContent()
}

func (c *call) deleteUser() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	if err := c.server.directory.Delete(memory.KindUser, o.ID()); err != nil {
		return reply{}, err
	}
	c.server.forget(o.ID())
	return noContent()
}

func (c *call) getManager() (reply, error) {
	opts, err := c.options(memory.KindUser)
	if err != nil {
		return reply{}, err
	}
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	manager, ok := c.server.directory.Object(o.User.ManagerID)
	if o.User.ManagerID == "" || !ok {
		return reply{}, absent("manager")
	}
	return c.entity(http.StatusOK, "directoryObjects", manager, opts, true), nil
}

func (c *call) putManager() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	id, err := c.reference()
	if err != nil {
		return reply{}, err
	}
	if err := c.server.directory.SetManager(o.ID(), id); err != nil {
		return reply{}, problemOf(err, id)
	}
	return noContent()
}

func (c *call) deleteManager() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	if o.User.ManagerID == "" {
		return reply{}, absent("manager")
	}
	if err := c.server.directory.SetManager(o.ID(), ""); err != nil {
		return reply{}, err
	}
	return noContent()
}

func (c *call) directReports() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	reports, _ := c.server.directory.Reports(o.ID())
	return c.mixed(reports)
}

func (c *call) listSponsors() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	c.server.mu.RLock()
	ids := c.server.state.Sponsors[stateKey(o.ID())]
	c.server.mu.RUnlock()
	return c.mixed(c.server.objects(ids))
}

func (c *call) addSponsor() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	id, err := c.reference()
	if err != nil {
		return reply{}, err
	}
	sponsor, ok := c.server.directory.Object(id)
	if !ok || sponsor.Kind == memory.KindServicePrincipal {
		return reply{}, absent(id)
	}
	if !c.server.addSponsor(o.ID(), sponsor.ID()) {
		return reply{}, alreadyExists("sponsors")
	}
	return noContent()
}

func (c *call) removeSponsor() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	other := c.request.PathValue("other")
	if !c.server.removeSponsor(o.ID(), other) {
		return reply{}, absent(other)
	}
	return noContent()
}

// revokeSessions notes the time: Graph's own trace of a revocation is this property.
func (c *call) revokeSessions() (reply, error) {
	if _, err := c.user(); err != nil {
		return reply{}, err
	}
	now := c.server.clock.Now().UTC().Format(timeFormat)
	if _, err := c.server.directory.Update(c.id(), func(o *memory.Object) error {
		o.Attributes["signInSessionsValidFromDateTime"] = now
		return nil
	}); err != nil {
		return reply{}, err
	}
	return c.value("Edm.Boolean", true), nil
}

// value answers a bare value in OData's envelope.
func (c *call) value(kind string, value any) reply {
	b := append([]byte(nil), '{')
	b = appendProperty(b, "@odata.context", c.root+"/$metadata#"+kind)
	b = appendProperty(b, "value", value)
	return reply{status: http.StatusOK, body: append(b, '}')}
}
