package api

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

// Limits of lists.
const (
	defaultTop = 100
	maxTop     = 999
	// maxCollected bounds what $orderby and $skip hold in memory: they need the whole answer, and the store gives none in order.
	maxCollected = 2000
	// maxCounted bounds what $count counts.
	maxCounted = 100_000
	// maxEmptyPages bounds how many pages of the store one page of ours may take.
	maxEmptyPages = 50
)

// options are the system query options of a request.
type options struct {
	shape     *shape
	filter    app.Filter
	top       int
	skip      int
	count     bool
	orderBy   []ordering
	skipToken string
}

// query reads the query string. OData separates options inside $expand with semicolons, which clients need not encode and net/url refuses.
func (c *call) query() (url.Values, error) {
	query, err := url.ParseQuery(strings.ReplaceAll(c.r.URL.RawQuery, ";", "%3B"))
	if err != nil {
		return nil, governance.Invalid("query", "The query string cannot be read.")
	}
	return query, nil
}

type ordering struct {
	path       []string
	descending bool
}

// parseOptions reads the options that a route supports; any other that begins with $ is refused by name.
func (c *call) parseOptions(k *kind, supported ...string) (options, error) {
	o := options{shape: plain(k), top: defaultTop}
	query, err := c.query()
	if err != nil {
		return o, err
	}
	for name, values := range query {
		if !strings.HasPrefix(name, "$") {
			continue
		}
		if !slices.Contains(supported, name) {
			use := "no system query options"
			if len(supported) > 0 {
				use = strings.Join(supported, ", ")
			}
			return o, governance.Invalid(shorten(name), "The query option %q is not supported here; use %s.", shorten(name), use)
		}
		if len(values) > 1 {
			return o, governance.Invalid(name, "The query option %s is given %d times.", name, len(values))
		}
		if err := o.parse(name, values[0]); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (o *options) parse(name, value string) (err error) {
	switch name {
	case "$filter":
		o.filter, err = parseFilter(value, o.shape.kind)
	case "$expand":
		err = parseExpand(value, o.shape, 1)
	case "$select":
		o.shape.selected, err = parseSelect(value)
	case "$top":
		if o.top, err = strconv.Atoi(value); err != nil || o.top < 1 || o.top > maxTop {
			return governance.Invalid(name, "$top must be a whole number from 1 to %d.", maxTop)
		}
	case "$skip":
		if o.skip, err = strconv.Atoi(value); err != nil || o.skip < 0 || o.skip > maxCollected {
			return governance.Invalid(name, "$skip must be a whole number from 0 to %d; to read on, follow @odata.nextLink.", maxCollected)
		}
	case "$count":
		if o.count, err = strconv.ParseBool(value); err != nil {
			return governance.Invalid(name, "$count must be true or false.")
		}
	case "$skiptoken":
		o.skipToken = value
	case "$orderby":
		o.orderBy, err = parseOrderBy(value, o.shape.kind)
	}
	return err
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
		path, _, err := p.field(token{kind: wordToken, text: words[0]})
		if err != nil {
			return nil, governance.Invalid("$orderby", "$orderby cannot order by %q here.", shorten(words[0]))
		}
		orderings = append(orderings, ordering{path: path, descending: len(words) == 2 && strings.EqualFold(words[1], "desc")})
	}
	if len(orderings) > maxOrderings {
		return nil, governance.Invalid("$orderby", "$orderby takes at most %d properties.", maxOrderings)
	}
	return orderings, nil
}

var (
	listOptions = []string{"$filter", "$expand", "$select", "$top", "$skip", "$count", "$orderby", "$skiptoken"}
	readOptions = []string{"$expand", "$select"}
)

// lister answers one page of a list.
type lister[T any] func(app.ListOptions, options) (app.Page[T], error)

// listed is the endpoint of a list: pages of the store made into one of the API, with @odata.nextLink and @odata.count.
func listed[T any](k *kind, get func(*call) lister[T]) endpoint {
	return func(c *call) (response, error) {
		o, err := c.parseOptions(k, listOptions...)
		if err != nil {
			return response{}, err
		}
		l := &listing[T]{call: c, options: o, get: get(c)}
		if len(o.orderBy) > 0 || o.skip > 0 {
			return l.collected()
		}
		return l.streamed()
	}
}

type listing[T any] struct {
	*call
	options
	get lister[T]
}

// collection is Graph's answer to a list.
type collection struct {
	Context  string           `json:"@odata.context"`
	Count    *int             `json:"@odata.count,omitempty"`
	NextLink string           `json:"@odata.nextLink,omitempty"`
	Value    []map[string]any `json:"value"`
}

// streamed follows the store's continuation until the page is full.
func (l *listing[T]) streamed() (response, error) {
	answer := collection{Context: l.context(l.shape), Value: []map[string]any{}}
	continuation := l.skipToken
	for range maxEmptyPages {
		page, err := l.get(app.ListOptions{Filter: l.filter, PageSize: l.top - len(answer.Value), Continuation: continuation}, l.options)
		if err != nil {
			return response{}, err
		}
		for _, item := range page.Items {
			resource, err := l.cut(item)
			if err != nil {
				return response{}, err
			}
			answer.Value = append(answer.Value, resource)
		}
		continuation = page.Continuation
		if continuation == "" || len(answer.Value) >= l.top {
			break
		}
	}
	if continuation != "" {
		answer.NextLink = l.link(func(query url.Values) { query.Set("$skiptoken", continuation) })
	}
	if l.count {
		count, err := l.counted(len(answer.Value), continuation)
		if err != nil {
			return response{}, err
		}
		answer.Count = &count
	}
	return response{status: 200, value: answer}, nil
}

// counted counts the whole list: what is on this page, if it is the first and all there is, else from the beginning.
func (l *listing[T]) counted(here int, continuation string) (int, error) {
	count := 0
	if l.skipToken == "" {
		count = here
		if continuation == "" {
			return count, nil
		}
	} else {
		continuation = ""
	}
	for {
		page, err := l.get(app.ListOptions{Filter: l.filter, PageSize: app.MaxPageSize, Continuation: continuation}, l.options)
		if err != nil {
			return 0, err
		}
		count += len(page.Items)
		if continuation = page.Continuation; continuation == "" {
			return count, nil
		}
		if count > maxCounted {
			return 0, governance.Invalid("$count", "There are more than %d; narrow $filter to count them.", maxCounted)
		}
	}
}

// collected reads the whole list, orders it, and answers a part of it.
func (l *listing[T]) collected() (response, error) {
	type entry struct{ whole, shown map[string]any }
	var entries []entry
	continuation := ""
	for {
		page, err := l.get(app.ListOptions{Filter: l.filter, PageSize: app.MaxPageSize, Continuation: continuation}, l.options)
		if err != nil {
			return response{}, err
		}
		for _, item := range page.Items {
			whole, err := asObject(item.Value)
			if err != nil {
				return response{}, err
			}
			shown, err := l.cut(item)
			if err != nil {
				return response{}, err
			}
			entries = append(entries, entry{whole, shown})
		}
		if len(entries) > maxCollected {
			option := "$orderby"
			if len(l.orderBy) == 0 {
				option = "$skip"
			}
			return response{}, governance.Invalid(option, "%s cannot be honoured for more than %d resources; narrow $filter, or leave it out and follow @odata.nextLink.", option, maxCollected)
		}
		if continuation = page.Continuation; continuation == "" {
			break
		}
	}
	slices.SortStableFunc(entries, func(x, y entry) int {
		for _, by := range l.orderBy {
			order := less(x.whole, y.whole, by.path)
			if by.descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return less(x.whole, y.whole, []string{"id"})
	})
	answer := collection{Context: l.context(l.shape), Value: []map[string]any{}}
	for i := l.skip; i < len(entries) && i < l.skip+l.top; i++ {
		answer.Value = append(answer.Value, entries[i].shown)
	}
	if next := l.skip + l.top; next < len(entries) {
		answer.NextLink = l.link(func(query url.Values) { query.Set("$skip", strconv.Itoa(next)) })
	}
	if l.count {
		count := len(entries)
		answer.Count = &count
	}
	return response{status: 200, value: answer}, nil
}

func (l *listing[T]) cut(item app.Versioned[T]) (map[string]any, error) {
	resource, err := l.shape.cut(item.Value)
	if err == nil && item.ETag != "" {
		resource["@odata.etag"] = quoted(item.ETag)
	}
	return resource, err
}

func asObject(value any) (map[string]any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var object map[string]any
	return object, json.Unmarshal(data, &object)
}

// link is the address of another part of the same list.
func (c *call) link(change func(url.Values)) string {
	query, _ := c.query() // it was read before
	change(query)
	return c.base() + c.original.EscapedPath() + "?" + strings.ReplaceAll(query.Encode(), "%24", "$")
}
