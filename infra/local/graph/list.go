package graph

import (
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"

	"latchkey/shared/directory/memory"
)

// list answers a page of the directory's objects of a kind.
func (c *call) list(kind memory.Kind, segment string) (reply, error) {
	o, err := c.options(kind)
	if err != nil {
		return reply{}, err
	}
	dir := c.server.directory
	if o.orderBy != "" {
		all, _ := dir.List(kind, 0, dir.Count(kind)+1, o.filter)
		order(all, o)
		return c.slicePage(all, segment, o, func(b []byte, object *memory.Object) []byte { return c.appendExpanded(b, object, o, false) })
	}
	count := -1
	if o.count {
		if count = dir.Count(kind); o.filter != nil {
			all, _ := dir.List(kind, 0, count+1, o.filter)
			count = len(all)
		}
	}
	page, next := dir.List(kind, o.after, o.top, o.filter)
	return c.page(segment, len(page), count, next, func(b []byte, n int) []byte { return c.appendExpanded(b, page[n], o, false) }), nil
}

func order(list []*memory.Object, o options) {
	keyOf := func(object *memory.Object) string {
		text, _ := propertyOf(object.Kind, o.orderBy).value(object).(string)
		return strings.ToLower(text)
	}
	sort.SliceStable(list, func(a, b int) bool {
		if o.descend {
			a, b = b, a
		}
		return keyOf(list[a]) < keyOf(list[b])
	})
}

// slicePage answers a page of a list that is known as a whole; the page's token is an offset.
func (c *call) slicePage(all []*memory.Object, segment string, o options, appendOne func([]byte, *memory.Object) []byte) (reply, error) {
	if o.filter != nil {
		all = slices.DeleteFunc(slices.Clone(all), func(object *memory.Object) bool { return !o.filter(object) })
	}
	count := -1
	if o.count {
		count = len(all)
	}
	start := min(int(min(o.after, uint64(len(all)))), len(all))
	end := min(start+o.top, len(all))
	next := uint64(0)
	if end < len(all) {
		next = uint64(end)
	}
	return c.page(segment, end-start, count, next, func(b []byte, n int) []byte { return appendOne(b, all[start+n]) }), nil
}

// page writes a list's envelope. A count below 0 is left out; a next of 0 says that there is no more.
func (c *call) page(segment string, length, count int, next uint64, appendItem func(b []byte, n int) []byte) reply {
	b := make([]byte, 0, 256+length*192)
	b = append(b, `{"@odata.context":`...)
	b = appendString(b, c.root+"/$metadata#"+segment)
	if count >= 0 {
		b = appendProperty(b, "@odata.count", count)
	}
	if next > 0 {
		b = appendProperty(b, "@odata.nextLink", c.nextLink(next))
	}
	b = append(b, `,"value":[`...)
	for n := range length {
		if n > 0 {
			b = append(b, ',')
		}
		b = appendItem(b, n)
	}
	return reply{status: http.StatusOK, body: append(b, "]}"...)}
}

// nextLink is the request's own address with another token.
func (c *call) nextLink(next uint64) string {
	query := make([]string, 0, len(c.query))
	for part := range strings.SplitSeq(c.request.URL.RawQuery, "&") {
		if part != "" && !strings.HasPrefix(part, "$skiptoken=") && !strings.HasPrefix(part, "%24skiptoken=") {
			query = append(query, part)
		}
	}
	query = append(query, "$skiptoken="+strconv.FormatUint(next, 36))
	_, below, _ := strings.Cut(c.request.URL.EscapedPath()[1:], "/")
	return c.root + "/" + below + "?" + strings.Join(query, "&")
}

// number answers a $count segment: a bare number as text.
func (c *call) number(kind memory.Kind) (reply, error) {
	if !c.eventual() {
		return reply{}, bad("$count is not currently supported.")
	}
	o, err := c.options(kind)
	if err != nil {
		return reply{}, err
	}
	count := c.server.directory.Count(kind)
	if o.filter != nil {
		all, _ := c.server.directory.List(kind, 0, count+1, o.filter)
		count = len(all)
	}
	return reply{status: http.StatusOK, text: true, body: strconv.AppendInt(nil, int64(count), 10)}, nil
}

// mixed answers a list of objects of several kinds, or of the one that the path's cast names. Without a cast $select holds for each that has the property, and $filter for
// what all have.
func (c *call) mixed(objects []*memory.Object) (reply, error) {
	kind, err := c.cast()
	if err != nil {
		return reply{}, err
	}
	if kind != "" && strings.Contains(c.request.URL.Path, "/transitive") && (!c.eventual() || c.query.Get("$count") != "true") {
		return reply{}, unsupported("A cast of what is transitive needs the header ConsistencyLevel: eventual and $count=true.")
	}
	if kind != "" {
		objects = slices.DeleteFunc(slices.Clone(objects), func(o *memory.Object) bool { return o.Kind != kind })
	}
	o, err := c.options(kind)
	if err != nil {
		return reply{}, err
	}
	if o.orderBy != "" {
		objects = slices.Clone(objects)
		order(objects, o)
	}
	return c.slicePage(objects, "directoryObjects", o, func(b []byte, object *memory.Object) []byte { return c.appendExpanded(b, object, o, true) })
}

// cast reads a path such as …/members/microsoft.graph.user; msgraph-sdk-go writes graph.user.
func (c *call) cast() (memory.Kind, error) {
	text := c.request.PathValue("cast")
	name := strings.TrimPrefix(strings.TrimPrefix(text, "microsoft."), "graph.")
	switch kind := memory.Kind(name); {
	case text == "":
		return "", nil
	case name != text && (kind == memory.KindUser || kind == memory.KindGroup || kind == memory.KindServicePrincipal):
		return kind, nil
	case name != text && (name == "directoryRole" || name == "administrativeUnit" || name == "device" || name == "orgContact"):
		return memory.Kind(name), nil // there are none among the directory's objects
	}
	return "", &problem{status: http.StatusBadRequest, code: "BadRequest", message: "Resource not found for the segment '" + text + "'."}
}

// entity answers one object.
func (c *call) entity(status int, segment string, o *memory.Object, opts options, withType bool) reply {
	b := make([]byte, 0, 768)
	b = append(b, `{"@odata.context":`...)
	b = appendString(b, c.root+"/$metadata#"+segment+"/$entity")
	b = appendProperties(b, o, opts.selected, withType)
	b = c.appendExpansions(b, o, opts)
	return reply{status: status, body: append(b, '}')}
}

func (c *call) appendExpanded(b []byte, o *memory.Object, opts options, withType bool) []byte {
	b = append(b, '{')
	if withType && !c.may(canReadKind[o.Kind]) {
		return append(appendLimited(b, o, opts.selected), '}')
	}
	b = appendProperties(b, o, opts.selected, withType)
	b = c.appendExpansions(b, o, opts)
	return append(b, '}')
}

// maxExpanded is how many objects Graph expands of a collection.
const maxExpanded = 20

func (c *call) appendExpansions(b []byte, o *memory.Object, opts options) []byte {
	dir := c.server.directory
	for _, e := range opts.expand {
		var objects []*memory.Object
		switch e.name {
		case "manager":
			b = c.appendManagers(b, o, e, max(e.levels, 1))
			continue
		case "directReports":
			objects, _ = dir.Reports(o.ID())
		case "memberOf":
			objects, _ = dir.DirectMemberOf(o.ID())
			objects = c.seen(objects)
		case "members":
			objects, _, _ = c.members(o.ID(), 0, maxExpanded)
		case "owners":
			objects, _, _ = dir.Owners(o.ID(), 0, maxExpanded)
		}
		b = appendName(b, e.name)
		b = append(b, '[')
		for n, object := range objects[:min(len(objects), maxExpanded)] {
			if n > 0 {
				b = append(b, ',')
			}
			b = appendObject(b, object, e.selected, true)
		}
		b = append(b, ']')
	}
	return b
}

// appendManagers appends a user's manager with the managers above, in each other; a circle goes round until levels are over.
func (c *call) appendManagers(b []byte, o *memory.Object, e expansion, levels int) []byte {
	manager, ok := c.server.directory.Object(o.User.ManagerID)
	if !ok || o.User.ManagerID == "" || levels == 0 {
		return b
	}
	b = append(appendName(b, "manager"), '{')
	b = appendProperties(b, manager, e.selected, true)
	return append(c.appendManagers(b, manager, e, levels-1), '}')
}
