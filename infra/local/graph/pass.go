package graph

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"
)

// passPolicy is the tenant's policy of Temporary Access Passes.
type passPolicy struct {
	State    string `json:"state"`
	Default  int    `json:"defaultLifetimeInMinutes"`
	Length   int    `json:"defaultLength"`
	Minimum  int    `json:"minimumLifetimeInMinutes"`
	Maximum  int    `json:"maximumLifetimeInMinutes"`
	OnlyOnce bool   `json:"isUsableOnce"`
}

// defaultPassPolicy is a new tenant's, but enabled.
func defaultPassPolicy() passPolicy {
	return passPolicy{State: "enabled", Default: 60, Length: 8, Minimum: 60, Maximum: 480}
}

// pass is a Temporary Access Pass without its value.
type pass struct {
	ID       string    `json:"id"`
	Created  time.Time `json:"createdDateTime"`
	Start    time.Time `json:"startDateTime"`
	Lifetime int       `json:"lifetimeInMinutes"`
	Once     bool      `json:"isUsableOnce"`
}

func (p pass) end() time.Time { return p.Start.Add(time.Duration(p.Lifetime) * time.Minute) }

func (p pass) append(b []byte, value any, policy passPolicy, now time.Time) []byte {
	reason := "EnabledByPolicy"
	switch {
	case policy.State != "enabled":
		reason = "DisabledByPolicy"
	case now.Before(p.Start):
		reason = "NotYetValid"
	case !now.Before(p.end()):
		reason = "Expired"
	}
	b = appendProperty(b, "id", p.ID)
	b = appendProperty(b, "temporaryAccessPass", value)
	b = appendProperty(b, "createdDateTime", p.Created)
	b = appendProperty(b, "startDateTime", p.Start)
	b = appendProperty(b, "lifetimeInMinutes", p.Lifetime)
	b = appendProperty(b, "isUsableOnce", p.Once)
	b = appendProperty(b, "isUsable", reason == "EnabledByPolicy")
	return appendProperty(b, "methodUsabilityReason", reason)
}

const passSegment = "users/authentication/temporaryAccessPassMethods"

func (c *call) listPasses() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	s := c.server
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, ok := s.state.Passes[stateKey(o.ID())]
	length := 0
	if ok {
		length = 1
	}
	return c.page(passSegment, length, -1, 0, func(b []byte, _ int) []byte {
		return append(p.append(append(b, '{'), nil, s.state.PassPolicy, s.clock.Now()), '}')
	}), nil
}

func (c *call) getPass() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	s := c.server
	s.mu.RLock()
	defer s.mu.RUnlock()
	p, ok := s.state.Passes[stateKey(o.ID())]
	if !ok || !strings.EqualFold(p.ID, c.request.PathValue("other")) {
		return reply{}, noSuch(c.request.PathValue("other"))
	}
	return c.passReply(http.StatusOK, p, nil), nil
}

func (c *call) passReply(status int, p pass, value any) reply {
	b := append([]byte(nil), '{')
	b = appendProperty(b, "@odata.context", c.root+"/$metadata#"+passSegment+"/$entity")
	b = p.append(b, value, c.server.state.PassPolicy, c.server.clock.Now())
	return reply{status: status, body: append(b, '}')}
}

// createPass issues a pass (PRV-19). Its value is in this answer and nowhere else. Somebody who has a pass that is not over gets no second one.
func (c *call) createPass() (reply, error) {
	var body struct {
		Start    *time.Time `json:"startDateTime"`
		Lifetime *int       `json:"lifetimeInMinutes"`
		Once     *bool      `json:"isUsableOnce"`
	}
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	s := c.server
	now := s.clock.Now().UTC().Truncate(time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	policy := s.state.PassPolicy
	p := pass{ID: s.ids(), Created: now, Start: now, Lifetime: policy.Default, Once: policy.OnlyOnce}
	if body.Start != nil {
		p.Start = body.Start.UTC()
	}
	if body.Lifetime != nil {
		p.Lifetime = *body.Lifetime
	}
	if body.Once != nil {
		p.Once = *body.Once
	}
	existing, has := s.state.Passes[stateKey(o.ID())]
	switch {
	case policy.State != "enabled":
		return reply{}, badRequest("The Temporary Access Pass policy is not enabled for the user.")
	case strings.Contains(o.User.UserPrincipalName, "#EXT#"):
		return reply{}, badRequest("Temporary Access Pass cannot be added to an external guest user.")
	case p.Start.Before(now):
		return reply{}, badRequest("The startDateTime is in the past.")
	case p.Lifetime < policy.Minimum || p.Lifetime > policy.Maximum:
		return reply{}, badRequest("The lifetimeInMinutes is not within the limits of the Temporary Access Pass policy.")
	case policy.OnlyOnce && !p.Once:
		return reply{}, badRequest("The Temporary Access Pass policy allows passes that are usable once only.")
	case has && now.Before(existing.end()):
		return reply{}, badRequest("A Temporary Access Pass already exists for the user.")
	}
	s.state.Passes[stateKey(o.ID())] = p
	answer := c.passReply(http.StatusCreated, p, passValue(policy.Length))
	answer.location = c.root + "/users/" + o.ID() + "/authentication/temporaryAccessPassMethods/" + p.ID
	return answer, nil
}

// passAlphabet leaves out what people mistake for something else.
const passAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789+*&#@"

func passValue(length int) string {
	value := make([]byte, length)
	for n := range value {
		for {
			var one [1]byte
			_, _ = rand.Read(one[:]) // never fails
			if limit := 256 - 256%len(passAlphabet); int(one[0]) < limit {
				value[n] = passAlphabet[int(one[0])%len(passAlphabet)]
				break
			}
		}
	}
	return string(value)
}

func (c *call) deletePass() (reply, error) {
	o, err := c.user()
	if err != nil {
		return reply{}, err
	}
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.state.Passes[stateKey(o.ID())]
	if !ok || !strings.EqualFold(p.ID, c.request.PathValue("other")) {
		return reply{}, noSuch(c.request.PathValue("other"))
	}
	delete(s.state.Passes, stateKey(o.ID()))
	return noContent()
}

const passPolicyID = "TemporaryAccessPass"

func (c *call) getPassPolicy() (reply, error) {
	if !strings.EqualFold(c.id(), passPolicyID) {
		return reply{}, noSuch(c.id())
	}
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	policy := c.server.state.PassPolicy
	b := append([]byte(nil), '{')
	b = appendProperty(b, "@odata.context", c.root+"/$metadata#authenticationMethodConfigurations/$entity")
	b = appendProperty(b, "@odata.type", "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration")
	b = appendProperty(b, "id", passPolicyID)
	b = appendProperty(b, "state", policy.State)
	b = appendProperty(b, "defaultLifetimeInMinutes", policy.Default)
	b = appendProperty(b, "defaultLength", policy.Length)
	b = appendProperty(b, "minimumLifetimeInMinutes", policy.Minimum)
	b = appendProperty(b, "maximumLifetimeInMinutes", policy.Maximum)
	b = appendProperty(b, "isUsableOnce", policy.OnlyOnce)
	b = append(appendName(b, "includeTargets"), `[{"targetType":"group","id":"all_users","isRegistrationRequired":false}]`...)
	b = append(appendName(b, "excludeTargets"), "[]"...)
	return reply{status: http.StatusOK, body: append(b, '}')}, nil
}

// patchPassPolicy changes what the body names, if all of it together makes a policy that Entra would take.
func (c *call) patchPassPolicy() (reply, error) {
	if !strings.EqualFold(c.id(), passPolicyID) {
		return reply{}, noSuch(c.id())
	}
	c.server.mu.RLock()
	changed := c.server.state.PassPolicy
	c.server.mu.RUnlock()
	if err := c.decode(&changed); err != nil {
		return reply{}, err
	}
	const shortest, longest, shortestValue, longestValue = 10, 43200, 8, 48
	switch {
	case changed.State != "enabled" && changed.State != "disabled",
		changed.Minimum < shortest, changed.Maximum > longest, changed.Minimum > changed.Maximum,
		changed.Default < changed.Minimum, changed.Default > changed.Maximum,
		changed.Length < shortestValue, changed.Length > longestValue:
		return reply{}, badRequest("The Temporary Access Pass policy is not valid.")
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.state.PassPolicy = changed
	return noContent()
}

// badRequest and noSuch are the errors of the services beside the directory, which have codes of their own.
func badRequest(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "badRequest", message: message}
}

func noSuch(id string) *problem {
	return &problem{status: http.StatusNotFound, code: "ResourceNotFound", message: "The resource '" + id + "' was not found."}
}
