package graph

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"latchkey/shared/directory/memory"
)

// mobileApp is an Intune app.
type mobileApp struct {
	ID          string         `json:"id"`
	Type        string         `json:"@odata.type"`
	DisplayName string         `json:"displayName"`
	Assignments []appTargeting `json:"assignments"`
}

// appTargeting assigns an app to a group, to everybody or to every device.
type appTargeting struct {
	ID       string          `json:"id"`
	Intent   string          `json:"intent"`
	Target   appTarget       `json:"target"`
	Settings json.RawMessage `json:"settings"`
}

type appTarget struct {
	Type    string `json:"@odata.type"`
	GroupID string `json:"groupId,omitempty"`
}

// intents are Intune's, in the order of their numbers in an assignment's id.
var intents = []string{"available", "required", "uninstall", "availableWithoutEnrollment"}

var targetsWithGroup = []string{"#microsoft.graph.groupAssignmentTarget", "#microsoft.graph.exclusionGroupAssignmentTarget"}

var targetsOfAll = []string{"#microsoft.graph.allLicensedUsersAssignmentTarget", "#microsoft.graph.allDevicesAssignmentTarget"}

// PutApp adds an Intune app, when a tenant is seeded, or renames it.
func (s *Server) PutApp(id, displayName string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if app := s.app(id); app != nil {
		app.DisplayName = displayName
		return
	}
	s.state.Apps = append(s.state.Apps, mobileApp{ID: id, Type: "#microsoft.graph.win32LobApp", DisplayName: displayName})
}

// app is the app of an id. The caller holds the lock.
func (s *Server) app(id string) *mobileApp {
	for n := range s.state.Apps {
		if strings.EqualFold(s.state.Apps[n].ID, id) {
			return &s.state.Apps[n]
		}
	}
	return nil
}

func (a *mobileApp) append(b []byte, withAssignments bool) []byte {
	b = appendProperty(b, "@odata.type", a.Type)
	b = appendProperty(b, "id", a.ID)
	b = appendProperty(b, "displayName", a.DisplayName)
	if withAssignments {
		b = appendProperty(b, "assignments", append([]appTargeting{}, a.Assignments...))
	}
	return b
}

// expandsAssignments reads $expand, of which apps take one.
func (c *call) expandsAssignments() (bool, error) {
	for name := range c.query {
		if strings.HasPrefix(name, "$") && name != "$expand" && name != "$select" && name != "$filter" {
			return false, badRequest("The query option '" + name + "' is not supported.")
		}
	}
	switch c.query.Get("$expand") {
	case "":
		return false, nil
	case "assignments":
		return true, nil
	}
	return false, badRequest("The $expand '" + c.query.Get("$expand") + "' is not supported.")
}

func (c *call) listApps() (reply, error) {
	expand, err := c.expandsAssignments()
	if err != nil {
		return reply{}, err
	}
	name, filtered := "", false
	if filter := c.query.Get("$filter"); filter != "" {
		var ok bool
		if name, ok = strings.CutPrefix(filter, "displayName eq '"); !ok || !strings.HasSuffix(name, "'") {
			return reply{}, badRequest("The $filter '" + filter + "' is not supported.")
		}
		name, filtered = strings.ReplaceAll(strings.TrimSuffix(name, "'"), "''", "'"), true
	}
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	var apps []*mobileApp
	for n := range c.server.state.Apps {
		if app := &c.server.state.Apps[n]; !filtered || strings.EqualFold(app.DisplayName, name) {
			apps = append(apps, app)
		}
	}
	return c.page("deviceAppManagement/mobileApps", len(apps), -1, 0, func(b []byte, n int) []byte {
		return append(apps[n].append(append(b, '{'), expand), '}')
	}), nil
}

func (c *call) createApp() (reply, error) {
	app := mobileApp{}
	if err := c.decode(&app); err != nil {
		return reply{}, err
	}
	if app.DisplayName == "" || !strings.HasPrefix(app.Type, "#microsoft.graph.") {
		return reply{}, badRequest("An app has a displayName and an @odata.type.")
	}
	app.ID, app.Assignments = c.server.ids(), nil
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.state.Apps = append(c.server.state.Apps, app)
	return c.appReply(http.StatusCreated, &app, false), nil
}

func (c *call) appReply(status int, app *mobileApp, expand bool) reply {
	b := append([]byte(nil), '{')
	b = appendProperty(b, "@odata.context", c.root+"/$metadata#deviceAppManagement/mobileApps/$entity")
	return reply{status: status, body: append(app.append(b, expand), '}')}
}

func (c *call) getApp() (reply, error) {
	expand, err := c.expandsAssignments()
	if err != nil {
		return reply{}, err
	}
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	app := c.server.app(c.id())
	if app == nil {
		return reply{}, noSuch(c.id())
	}
	return c.appReply(http.StatusOK, app, expand), nil
}

func (c *call) listAppAssignments() (reply, error) {
	c.server.mu.RLock()
	defer c.server.mu.RUnlock()
	app := c.server.app(c.id())
	if app == nil {
		return reply{}, noSuch(c.id())
	}
	return c.page("deviceAppManagement/mobileApps/assignments", len(app.Assignments), -1, 0, func(b []byte, n int) []byte {
		return appendValue(b, app.Assignments[n])
	}), nil
}

// targeting checks an assignment and gives it Intune's id: the target and the intent's number.
func (c *call) targeting(a appTargeting) (appTargeting, error) {
	intent := slices.Index(intents, a.Intent)
	switch {
	case intent < 0:
		return a, badRequest("The intent '" + a.Intent + "' is not known.")
	case slices.Contains(targetsWithGroup, a.Target.Type):
		if o, ok := c.server.directory.Object(a.Target.GroupID); !ok || o.Kind != memory.KindGroup {
			return a, badRequest("The group '" + a.Target.GroupID + "' does not exist.")
		}
		a.ID = fmt.Sprintf("%s_%d_0", a.Target.GroupID, intent)
	case slices.Contains(targetsOfAll, a.Target.Type):
		a.ID = fmt.Sprintf("%s_%d_0", strings.TrimSuffix(strings.TrimPrefix(a.Target.Type, "#microsoft.graph."), "AssignmentTarget"), intent)
	default:
		return a, badRequest("The target '" + a.Target.Type + "' is not known.")
	}
	if len(a.Settings) == 0 {
		a.Settings = json.RawMessage("null")
	}
	return a, nil
}

func sameTarget(a, b appTarget) bool {
	return strings.EqualFold(a.GroupID, b.GroupID) && (a.GroupID != "" || a.Type == b.Type)
}

func (c *call) addAppAssignment() (reply, error) {
	var body appTargeting
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	added, err := c.targeting(body)
	if err != nil {
		return reply{}, err
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	app := c.server.app(c.id())
	if app == nil {
		return reply{}, noSuch(c.id())
	}
	if slices.ContainsFunc(app.Assignments, func(a appTargeting) bool { return sameTarget(a.Target, added.Target) }) {
		return reply{}, badRequest("The app is assigned to this target already.")
	}
	app.Assignments = append(app.Assignments, added)
	return reply{status: http.StatusCreated, body: appendValue(nil, added)}, nil
}

func (c *call) deleteAppAssignment() (reply, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	app := c.server.app(c.id())
	if app == nil {
		return reply{}, noSuch(c.id())
	}
	other := c.request.PathValue("other")
	n := slices.IndexFunc(app.Assignments, func(a appTargeting) bool { return strings.EqualFold(a.ID, other) })
	if n < 0 {
		return reply{}, noSuch(other)
	}
	app.Assignments = slices.Delete(app.Assignments, n, n+1)
	return noContent()
}

// assignApp replaces the whole list (PRV-21).
func (c *call) assignApp() (reply, error) {
	var body struct {
		Assignments *[]appTargeting `json:"mobileAppAssignments"`
	}
	if err := c.decode(&body); err != nil {
		return reply{}, err
	}
	if body.Assignments == nil {
		return reply{}, badRequest("The parameter 'mobileAppAssignments' is required.")
	}
	list := make([]appTargeting, 0, len(*body.Assignments))
	for _, one := range *body.Assignments {
		a, err := c.targeting(one)
		if err != nil {
			return reply{}, err
		}
		if slices.ContainsFunc(list, func(b appTargeting) bool { return sameTarget(a.Target, b.Target) }) {
			return reply{}, badRequest("Two assignments have the same target.")
		}
		list = append(list, a)
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	app := c.server.app(c.id())
	if app == nil {
		return reply{}, noSuch(c.id())
	}
	app.Assignments = list
	return noContent()
}
