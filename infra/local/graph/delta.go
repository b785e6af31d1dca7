package graph

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/directory/memory"
)

// change is an object that changed or one that went, with the number of its change.
type change struct {
	number  uint64
	object  *memory.Object
	deleted string
}

// usersDelta answers the users that changed since a token, page by page in the order of their changes (PRV-17). A token is the number of a change, so that
// what changes while a client pages comes once more at the end, and nothing is missed.
func (c *call) usersDelta() (reply, error) {
	since, initial := uint64(0), true
	for _, name := range []string{"$deltatoken", "$skiptoken"} {
		text := c.query.Get(name)
		if text == "" {
			continue
		}
		if text == "latest" {
			_, _, since = c.server.directory.Changes(memory.KindUser, 0)
			initial = false
			continue
		}
		number, _ := strings.CutPrefix(text, "i")
		var err error
		if since, err = strconv.ParseUint(number, 36, 64); err != nil {
			return reply{}, &problem{status: http.StatusGone, code: "SyncStateNotFound", message: "The sync state generation is not found; a full synchronization is needed."}
		}
		initial = name == "$skiptoken" && number != text // the first round does not tell of the deleted
	}
	for name := range c.query {
		if strings.HasPrefix(name, "$") && name != "$select" && name != "$top" && name != "$deltatoken" && name != "$skiptoken" {
			return reply{}, bad("The query option '" + name + "' is not supported.")
		}
	}
	selected, err := parseSelect(memory.KindUser, c.query.Get("$select"))
	if err != nil {
		return reply{}, err
	}
	top := defaultPage
	if text := c.query.Get("$top"); text != "" {
		if top, err = strconv.Atoi(text); err != nil || top < 1 || top > maxPage {
			return reply{}, bad("Invalid page size specified: '" + text + "'.")
		}
	}
	changed, deleted, latest := c.server.directory.Changes(memory.KindUser, since)
	changes := make([]change, 0, len(changed)+len(deleted))
	for _, o := range changed {
		changes = append(changes, change{number: o.Changed, object: o})
	}
	if !initial {
		for _, gone := range deleted {
			changes = append(changes, change{number: gone.Changed, deleted: gone.ID})
		}
		slices.SortFunc(changes, func(a, b change) int {
			if a.number < b.number {
				return -1
			}
			return 1
		})
	}
	link, token := "@odata.deltaLink", "$deltatoken="+strconv.FormatUint(latest, 36)
	if len(changes) > top {
		changes = changes[:top]
		mark := ""
		if initial {
			mark = "i"
		}
		link, token = "@odata.nextLink", "$skiptoken="+mark+strconv.FormatUint(changes[top-1].number, 36)
	}
	address := c.root + "/users/delta?"
	for _, name := range []string{"$select", "$top"} {
		if text := c.query.Get(name); text != "" {
			address += name + "=" + text + "&"
		}
	}
	b := []byte(`{"@odata.context":`)
	b = appendString(b, c.root+"/$metadata#users")
	b = appendProperty(b, link, address+token)
	b = append(appendName(b, "value"), '[')
	for n, one := range changes {
		if n > 0 {
			b = append(b, ',')
		}
		if one.object == nil {
			b = append(b, `{"id":`...)
			b = appendString(b, one.deleted)
			b = append(b, `,"@removed":{"reason":"changed"}}`...) // soft-deleted: Entra keeps a user for 30 days
			continue
		}
		b = append(b, '{')
		if selected != nil && !slices.Contains(selected, "id") {
			b = appendProperty(b, "id", one.object.ID())
		}
		b = append(appendProperties(b, one.object, selected, false), '}')
	}
	return reply{status: http.StatusOK, body: append(b, "]}"...)}, nil
}
