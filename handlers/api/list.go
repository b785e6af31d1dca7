package api

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/app/access"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// Limits of lists.
const (
	defaultTop = 100
	maxTop     = 999
	// maxCollected bounds what $orderby and $skip hold in memory: they need the whole answer, and the store gives none in order.
	maxCollected      = 2000
	maxCollectedBytes = 32 << 20
	// fullAnswer is how many bytes end a page of a list, before it has as many resources as asked for; maxAnswer is how many it has at most, if it has more than one.
	fullAnswer = 1 << 20
	maxAnswer  = 8 << 20
	// maxLists is how many lists are read at once; each takes a few milliseconds, and may take the memory of a page of the store a few times over.
	maxLists = 2
	// maxCounted bounds what $count counts.
	maxCounted = 100_000
	// maxEmptyPages bounds how many pages of the store one page of ours may take.
	maxEmptyPages = 50
)

// options are the query options of a request.
type options struct {
	query     url.Values // as they were given, each by its canonical name
	hosts     url.Values // those of the Functions host, which are nobody's here
	shape     *shape
	filter    ledger.Filter
	top       int
	skip      int
	count     bool
	orderBy   []ordering
	skipToken string
}

type ordering struct {
	path       []string
	descending bool
}

// parseOptions reads the options that a route supports; those of the Functions host are nobody's here. OData separates options inside
// $expand with semicolons, which clients need not encode and net/url refuses. Errors: CodeInvalid naming the option.
func (c *call) parseOptions(k *kind, supported []string) error {
	given, err := url.ParseQuery(strings.ReplaceAll(c.r.URL.RawQuery, ";", "%3B"))
	if err != nil {
		return governance.Invalid("query", "The query string cannot be read.")
	}
	c.options = options{shape: plain(k), top: defaultTop, query: url.Values{}, hosts: url.Values{}}
	for name := range given {
		if _, ok := known([]string{"code", "clientId"}, name); ok {
			if strings.Contains(strings.Join(given[name], ""), ";") {
				return governance.Invalid(shorten(name), "Options are separated by &, not by a semicolon.")
			}
			c.hosts[name] = given[name]
			delete(given, name)
		}
	}
	return c.read(given, supported)
}

// read reads options in any letter case and with or without the dollar sign. Any that is not supported is refused by name.
func (o *options) read(given url.Values, supported []string) error {
	for _, name := range sortedKeys(given) {
		option, ok := known(supported, "$"+strings.TrimPrefix(name, "$"))
		if !ok {
			return governance.Invalid(cmp.Or(shorten(name), "query"), "The query option %q is not supported here; there are %s.", shorten(name),
				listed(supported))
		}
		o.query[option] = append(o.query[option], given[name]...)
	}
	for _, name := range supported {
		switch values := o.query[name]; len(values) {
		case 0:
		case 1:
			if err := o.parse(name, values[0]); err != nil {
				return err
			}
		default:
			return governance.Invalid(name, "The query option %s is given twice.", name)
		}
	}
	return nil
}

func (o *options) parse(name, value string) (err error) {
	switch name {
	case "$filter":
		o.filter, err = parseFilter(value, o.shape.kind)
	case "$expand":
		err = o.shape.expand(value)
	case "$select":
		err = o.shape.choose(value)
	case "$top":
		if o.top, err = whole(value); err != nil || o.top < 0 || o.top > maxTop {
			return governance.Invalid(name, "$top must be a whole number from 0 to %d.", maxTop)
		}
	case "$skip":
		if o.skip, err = whole(value); err != nil || o.skip < 0 || o.skip > maxCollected {
			return governance.Invalid(name, "$skip must be a whole number from 0 to %d; to read on, follow @odata.nextLink.", maxCollected)
		}
	case "$count":
		if o.count = value == "true"; !o.count && value != "false" {
			return governance.Invalid(name, "$count must be true or false.")
		}
	case "$skiptoken": // read last
		if o.skipToken = value; value == "" || len(o.orderBy) > 0 || len(o.query["$skip"]) > 0 {
			return governance.Invalid(name,
				"$skiptoken is that of an @odata.nextLink, which has neither $orderby nor $skip beside it; follow it as it is.")
		}
	case "$orderby":
		o.orderBy, err = parseOrderBy(value, o.shape.kind)
	}
	return err
}

// whole reads a whole number as it is written plainly: no sign, no zeros before it.
func whole(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err == nil && strconv.Itoa(n) != text {
		err = strconv.ErrSyntax
	}
	return n, err
}

// maxOrderings bounds $orderby.
const maxOrderings = 3

func parseOrderBy(text string, k *kind) ([]ordering, error) {
	var orderings []ordering
	for _, part := range strings.Split(text, ",") {
		words := strings.Fields(part)
		if len(words) == 0 || len(words) > 2 || len(words) == 2 && !strings.EqualFold(words[1], "asc") && !strings.EqualFold(words[1], "desc") {
			return nil, governance.Invalid("$orderby", "$orderby takes properties, each with asc or desc behind it, separated by commas.")
		}
		p := filterParser{fields: k.fields}
		path, _ := p.field(token{kind: wordToken, text: words[0]})
		if p.err != nil {
			return nil, governance.Invalid("$orderby", "$orderby cannot order by %q here.", shorten(words[0]))
		}
		orderings = append(orderings, ordering{path: path, descending: len(words) == 2 && strings.EqualFold(words[1], "desc")})
	}
	if len(orderings) > maxOrderings {
		return nil, governance.Invalid("$orderby", "$orderby takes at most %d properties.", maxOrderings)
	}
	return orderings, nil
}

// What lists and single resources support. $expand stands before $select, which may name what is expanded.
var (
	listOptions = []string{"$filter", "$expand", "$select", "$top", "$skip", "$count", "$orderby", "$skiptoken"}
	readOptions = []string{"$expand", "$select"}
)

// list answers with a part of all resources: pages of the store made into one of the API, with @odata.nextLink and @odata.count.
func list[T any](path string, page using[ledger.ListOptions, ledger.Page[T]]) verb {
	return listing(path, func(c *call, o ledger.ListOptions) (ledger.Page[any], error) {
		found, err := page(c, o)
		of := ledger.Page[any]{Continuation: found.Continuation}
		for _, item := range found.Items {
			of.Items = append(of.Items, anything(item))
		}
		return of, err
	})
}

// listing is list for resources of whatever type: the rest is the same code for all.
func listing(path string, page using[ledger.ListOptions, ledger.Page[any]]) verb {
	return verb{method: http.MethodGet, path: path, options: listOptions, page: page, run: func(c *call) (response, error) {
		c.preferPages()
		l := c.reads(page)
		read := l.streamed
		if len(c.orderBy) > 0 || c.skip > 0 {
			read = l.collected
		}
		if err := c.server.lists.Acquire(c.ctx(), 1); err != nil {
			return response{}, err
		}
		defer c.server.lists.Release(1)
		if err := read(); err != nil {
			return response{}, err
		}
		encoded, err := l.encode()
		return response{status: http.StatusOK, encoded: encoded}, err
	}}
}

// preferPages keeps pages as small as the client prefers.
func (c *call) preferPages() {
	const name = "odata.maxpagesize"
	if most, err := whole(cmp.Or(c.preference(name), c.preference("maxpagesize"))); err == nil && most > 0 {
		c.top = min(c.top, most)
		c.applied = append(c.applied, name+"="+strconv.Itoa(c.top))
	}
}

// mine is a list of what is the caller's, in the sense that the path says.
func mine[T any](list func(context.Context, governance.Caller, access.By, ledger.ListOptions) (ledger.Page[T], error)) using[ledger.ListOptions, ledger.Page[T]] {
	return func(c *call, o ledger.ListOptions) (ledger.Page[T], error) {
		by, _ := known([]string{string(access.ByTarget), string(access.ByCreatedBy), string(access.ByApprover), string(access.ByAllowedRequestor)}, c.ids[0])
		return list(c.ctx(), c.caller, access.By(cmp.Or(by, c.ids[0])), o)
	}
}

// inside is a list narrowed to what belongs to the resource that the path names, which must be there.
func inside[P, T any](property string, parent func(context.Context, governance.Caller, string) (P, error), page func(*call, ledger.ListOptions) (ledger.Page[T], error)) using[ledger.ListOptions, ledger.Page[T]] {
	return func(c *call, o ledger.ListOptions) (ledger.Page[T], error) {
		if _, err := parent(c.ctx(), c.caller, c.ids[0]); err != nil {
			return ledger.Page[T]{}, err
		}
		o.Filter = ledger.Both(ledger.Compare{Path: []string{property, "id"}, Comparison: ledger.Equal, Value: strings.ToLower(c.ids[0])}, o.Filter)
		return page(c, o)
	}
}

// few is a page of a list that is small and whole; a continuation is how many there were before it.
func few[T any](items []T, o ledger.ListOptions) (ledger.Page[T], error) {
	begin, page := 0, ledger.Page[T]{}
	if o.Continuation != "" {
		var err error
		if begin, err = whole(o.Continuation); err != nil || begin < 0 || begin > len(items) {
			return page, governance.Invalid("$skiptoken", "$skiptoken is not one of this list; follow @odata.nextLink.")
		}
	}
	end := min(begin+o.PageSize, len(items))
	for _, item := range items[begin:end] {
		page.Items = append(page.Items, ledger.Versioned[T]{Value: item})
	}
	if end < len(items) {
		page.Continuation = strconv.Itoa(end)
	}
	return page, nil
}

// reads begins to read a list.
func (c *call) reads(page using[ledger.ListOptions, ledger.Page[any]]) *pages {
	return &pages{call: c, page: page, catalogs: c.server.use.Ledger.Catalogs(ledger.ListOptions{}), answer: collection{Context: c.context(), Value: []json.RawMessage{}}}
}

// pages are those of a list, while it is read.
type pages struct {
	*call
	page     using[ledger.ListOptions, ledger.Page[any]]
	catalogs *ledger.Catalogs // of all pages
	answer   collection
	bytes    int // of what is in the answer
}

// collection is Graph's answer to a list.
type collection struct {
	Context  string            `json:"@odata.context"`
	Count    *int              `json:"@odata.count,omitempty"`
	NextLink string            `json:"@odata.nextLink,omitempty"`
	Value    []json.RawMessage `json:"-"` // in JSON already; it is the last member
}

// encode is the answer, without another copy of what is in it.
func (l *pages) encode() (json.RawMessage, error) {
	head, err := json.Marshal(l.answer)
	if err != nil {
		return nil, err
	}
	const before, after = `,"value":[`, "]}"
	text := make([]byte, 0, len(head)+len(before)+l.bytes+len(l.answer.Value)+len(after))
	text = append(append(text, head[:len(head)-1]...), before...)
	for i, one := range l.answer.Value {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, one...)
		l.answer.Value[i] = nil
	}
	return append(text, after...), nil
}

// read is a page of the store.
func (l *pages) read(continuation string, size int) (ledger.Page[any], error) {
	return l.page(l.call, ledger.ListOptions{Filter: l.filter, PageSize: size, Continuation: continuation, Catalogs: l.catalogs})
}

// each reads the store's pages from a continuation on, so many at most, until take wants no more or there are none.
func (l *pages) each(continuation string, most int, take func([]ledger.Versioned[any]) (more bool, err error)) error {
	for ; most > 0; most-- {
		page, err := l.read(continuation, ledger.MaxPageSize)
		if err != nil {
			return err
		}
		more, err := take(page.Items)
		if continuation = page.Continuation; err != nil || !more || continuation == "" {
			return err
		}
	}
	return nil
}

// streamed follows the store's continuation until the page is full: of resources, or of bytes.
func (l *pages) streamed() error {
	continuation := l.skipToken
	if l.top == 0 { // nothing is to be shown, of what must be there
		if _, err := l.read(continuation, 1); err != nil {
			return err
		}
	}
	for pages := 0; pages < maxEmptyPages && len(l.answer.Value) < l.top && l.bytes < fullAnswer; pages++ {
		size := l.top - len(l.answer.Value)
		page, err := l.read(continuation, size)
		if err != nil {
			return err
		}
		fits, err := l.fits(page.Items)
		if err == nil && len(fits) < len(page.Items) { // $expand has made more of them: read as many as there is room for, so that the next page begins with the one after
			if size = len(fits); size == 0 {
				break
			}
			if page, err = l.read(continuation, size); err == nil {
				fits, err = l.fits(page.Items)
			}
		}
		if err != nil {
			return err
		}
		for _, one := range fits {
			l.show(one)
		}
		if continuation = page.Continuation; continuation == "" {
			break
		}
	}
	if continuation != "" && l.top > 0 {
		l.answer.NextLink = l.link("$skiptoken", continuation)
	}
	if !l.count {
		return nil
	}
	var err error
	// The whole list is counted: what is on this page, if it is the first, and all that follows; else from the beginning.
	count := len(l.answer.Value)
	if l.skipToken != "" || l.top == 0 {
		count, err = l.counted(0, "")
	} else if continuation != "" {
		count, err = l.counted(count, continuation)
	}
	l.answer.Count = &count
	return err
}

// counted is how many there are, of which some have been read up to a continuation.
func (l *pages) counted(count int, continuation string) (int, error) {
	err := l.each(continuation, math.MaxInt, func(items []ledger.Versioned[any]) (bool, error) {
		if count += len(items); count > maxCounted {
			return false, governance.Invalid("$count", "There are more than %d; narrow $filter to count them.", maxCounted)
		}
		return true, nil
	})
	return count, err
}

// copied is a value read as another type.
func copied(value, as any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, as)
}

// place is a resource of a list that is ordered: what it is ordered by, and how large it is.
type place struct {
	id   string
	by   []string
	size int
}

// collected reads the whole list, orders it, and answers a part of it. It keeps of each resource what it is ordered by, and reads those of the part a second time.
func (l *pages) collected() error {
	var places []place
	bytes := 0
	err := l.each("", math.MaxInt, func(items []ledger.Versioned[any]) (bool, error) {
		for _, item := range items {
			one, err := placeOf(item.Value, l.orderBy)
			if err != nil {
				return false, err
			}
			places, bytes = append(places, one), bytes+one.size
		}
		if len(places) > maxCollected || bytes > maxCollectedBytes {
			option := "$orderby"
			if len(l.orderBy) == 0 {
				option = "$skip"
			}
			return false, governance.Invalid(option,
				"%s cannot be honoured for more than %d resources, or %d MB of them; narrow $filter, or leave it out and follow @odata.nextLink.", option, maxCollected, maxCollectedBytes>>20)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(places, func(x, y place) int {
		for i, by := range l.orderBy {
			order := strings.Compare(x.by[i], y.by[i])
			if by.descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return strings.Compare(x.id, y.id)
	})
	next, err := l.part(places)
	if next < len(places) && l.top > 0 {
		l.answer.NextLink = l.link("$skip", strconv.Itoa(next))
	}
	if count := len(places); l.count {
		l.answer.Count = &count
	}
	return err
}

// part shows those of an ordered list that are asked for, as many as there is room for, and says where the next ones begin. One that has been deleted meanwhile is left out.
func (l *pages) part(places []place) (int, error) {
	begin := min(l.skip, len(places))
	end, bytes := begin, 0
	wanted := map[string]int{}
	for ; end < min(l.skip+l.top, len(places)) && bytes < fullAnswer; end++ {
		wanted[places[end].id], bytes = end-begin, bytes+places[end].size
	}
	if end == begin {
		return end, nil
	}
	parts := make([]json.RawMessage, end-begin)
	err := l.each("", math.MaxInt, func(items []ledger.Versioned[any]) (bool, error) {
		for _, item := range items {
			one, err := placeOf(item.Value, nil)
			if err != nil {
				return false, err
			}
			at, is := wanted[one.id]
			if !is {
				continue
			}
			delete(wanted, one.id)
			if parts[at], err = l.encoded(item); err != nil {
				return false, err
			}
		}
		return len(wanted) > 0, nil
	})
	for at, one := range parts {
		if one == nil {
			continue
		}
		if len(l.answer.Value) > 0 && l.bytes+len(one) > maxAnswer { // by $expand
			return begin + at, err
		}
		l.show(one)
	}
	return end, err
}

// placeOf keeps of a resource what it is ordered by.
func placeOf(value any, orderBy []ordering) (place, error) {
	data, err := json.Marshal(value)
	var whole map[string]any
	if err == nil {
		err = json.Unmarshal(data, &whole)
	}
	one := place{id: string(data), size: len(data)}
	if id, ok := whole["id"].(string); ok {
		one.id = strings.Clone(id)
	}
	for _, by := range orderBy {
		one.by = append(one.by, strings.Clone(ordinal(whole, by.path)))
	}
	return one, err
}

// encoded is a resource as the answer has it.
func (l *pages) encoded(item ledger.Versioned[any]) (json.RawMessage, error) {
	resource, err := l.shape.cut(item.Value, item.ETag)
	if err != nil {
		return nil, err
	}
	return json.Marshal(resource)
}

// fits are the first of some resources, those that there is room for: at least one in every answer.
func (l *pages) fits(items []ledger.Versioned[any]) ([]json.RawMessage, error) {
	var all []json.RawMessage
	bytes := l.bytes
	for _, item := range items {
		one, err := l.encoded(item)
		if err != nil {
			return nil, err
		}
		if bytes += len(one); bytes > maxAnswer && bytes > len(one) {
			break
		}
		all = append(all, one)
	}
	return all, nil
}

// show puts one more into the answer.
func (l *pages) show(resource json.RawMessage) {
	l.answer.Value = append(l.answer.Value, resource)
	l.bytes += len(resource)
}

// link is the address of another part of the same list.
func (c *call) link(option, value string) string {
	query := maps.Clone(c.query)
	maps.Copy(query, c.hosts)
	query.Set(option, value)
	return c.base() + c.r.URL.EscapedPath() + "?" + strings.ReplaceAll(query.Encode(), "%24", "$")
}
