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
	maxCollected = 2000
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
		err := read()
		return response{status: http.StatusOK, value: l.answer}, err
	}}
}

// preferPages keeps pages as small as the client prefers.
func (c *call) preferPages() {
	const name = "odata.maxpagesize"
	if most, err := whole(cmp.Or(c.preference(name), c.preference("maxpagesize"))); err == nil && most > 0 {
		c.top, c.applied = min(c.top, most), append(c.applied, name+"="+strconv.Itoa(most))
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
	return &pages{call: c, page: page, catalogs: c.server.use.Ledger.Catalogs(ledger.ListOptions{}), answer: collection{Value: []map[string]any{}}}
}

// pages are those of a list, while it is read.
type pages struct {
	*call
	page     using[ledger.ListOptions, ledger.Page[any]]
	catalogs *ledger.Catalogs // of all pages
	answer   collection
}

// collection is Graph's answer to a list.
type collection struct {
	Count    *int             `json:"@odata.count,omitempty"`
	NextLink string           `json:"@odata.nextLink,omitempty"`
	Value    []map[string]any `json:"value"`
}

// each reads the store's pages from a continuation on, the first of a size, until take wants none or there are no more, and says where it
// stopped.
func (l *pages) each(continuation string, size, most int, take func([]ledger.Versioned[any]) (next int, err error)) (string, error) {
	for ; size > 0 && most > 0; most-- {
		page, err := l.page(l.call, ledger.ListOptions{Filter: l.filter, PageSize: size, Continuation: continuation, Catalogs: l.catalogs})
		if err != nil {
			return "", err
		}
		if size, err = take(page.Items); err != nil || page.Continuation == "" {
			return "", err
		}
		continuation = page.Continuation
	}
	return continuation, nil
}

// streamed follows the store's continuation until the page is full.
func (l *pages) streamed() error {
	continuation, err := l.each(l.skipToken, max(l.top, 1), maxEmptyPages, func(items []ledger.Versioned[any]) (int, error) {
		if l.top == 0 { // nothing is to be shown, of what must be there
			return 0, nil
		}
		for _, item := range items {
			if err := l.show(item); err != nil {
				return 0, err
			}
		}
		return l.top - len(l.answer.Value), nil
	})
	if err != nil {
		return err
	}
	if continuation != "" && l.top > 0 {
		l.answer.NextLink = l.link("$skiptoken", continuation)
	}
	if !l.count {
		return nil
	}
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
	_, err := l.each(continuation, ledger.MaxPageSize, math.MaxInt, func(items []ledger.Versioned[any]) (int, error) {
		if count += len(items); count > maxCounted {
			return 0, governance.Invalid("$count", "There are more than %d; narrow $filter to count them.", maxCounted)
		}
		return ledger.MaxPageSize, nil
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

// collected reads the whole list, orders it, and answers a part of it.
func (l *pages) collected() error {
	type entry struct {
		item  ledger.Versioned[any]
		whole map[string]any
	}
	var entries []entry
	_, err := l.each("", ledger.MaxPageSize, math.MaxInt, func(items []ledger.Versioned[any]) (int, error) {
		for _, item := range items {
			var whole map[string]any
			if err := copied(item.Value, &whole); err != nil {
				return 0, err
			}
			entries = append(entries, entry{item, whole})
		}
		if len(entries) > maxCollected {
			option := "$orderby"
			if len(l.orderBy) == 0 {
				option = "$skip"
			}
			return 0, governance.Invalid(option,
				"%s cannot be honoured for more than %d resources; narrow $filter, or leave it out and follow @odata.nextLink.", option, maxCollected)
		}
		return ledger.MaxPageSize, nil
	})
	if err != nil {
		return err
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
	next := min(l.skip+l.top, len(entries))
	for _, one := range entries[min(l.skip, next):next] {
		if err := l.show(one.item); err != nil {
			return err
		}
	}
	count := len(entries)
	if next < count && l.top > 0 {
		l.answer.NextLink = l.link("$skip", strconv.Itoa(next))
	}
	if l.count {
		l.answer.Count = &count
	}
	return nil
}

// show puts one more into the answer.
func (l *pages) show(item ledger.Versioned[any]) error {
	resource, err := l.shape.cut(item.Value, item.ETag)
	l.answer.Value = append(l.answer.Value, resource)
	return err
}

// link is the address of another part of the same list.
func (c *call) link(option, value string) string {
	query := maps.Clone(c.query)
	maps.Copy(query, c.hosts)
	query.Set(option, value)
	return c.base() + c.r.URL.EscapedPath() + "?" + strings.ReplaceAll(query.Encode(), "%24", "$")
}
