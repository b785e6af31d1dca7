package graph

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"latchkey/shared/directory/memory"
)

// Sizes of pages, Graph's.
const (
	defaultPage = 100
	maxPage     = 999
)

// options are the OData options of a request for a list or an object.
type options struct {
	selected []string // nil selects the type's default properties
	filter   predicate
	expand   []expansion
	top      int
	count    bool
	after    uint64 // from $skiptoken
	orderBy  string
	descend  bool
}

type expansion struct {
	name     string
	selected []string
	levels   int // how far up; 0 and 1 are the same
}

// knownOptions are the options that options reads; another one that begins with $ is refused by name.
var knownOptions = []string{"$select", "$filter", "$expand", "$top", "$count", "$skiptoken", "$orderby", "$format"}

// options reads the query for objects of a kind.
func (c *call) options(kind memory.Kind) (options, error) {
	o := options{top: defaultPage}
	for name, values := range c.query {
		if !strings.HasPrefix(name, "$") {
			continue
		}
		if !slices.Contains(knownOptions, name) {
			return o, bad("The query option '" + name + "' is not supported.")
		}
		if len(values) > 1 {
			return o, bad("Query option '" + name + "' was specified more than once, but it must be specified at most once.")
		}
	}
	var err error
	if o.selected, err = parseSelect(kind, c.query.Get("$select")); err != nil {
		return o, err
	}
	if o.expand, err = parseExpand(c.query.Get("$expand")); err != nil {
		return o, err
	}
	for _, e := range o.expand {
		if e.levels > 0 && (kind != memory.KindUser || c.id() == "" || !c.eventual()) {
			return o, bad("The option '$levels' is supported for a single user, with the header ConsistencyLevel: eventual.")
		}
	}
	operator := ""
	if text := c.query.Get("$filter"); text != "" {
		if o.filter, operator, err = parseFilter(kind, text); err != nil {
			return o, err
		}
		if c.query.Has("$orderby") {
			operator = "$orderby"
		}
	}
	if text := c.query.Get("$top"); text != "" {
		if o.top, err = strconv.Atoi(text); err != nil || o.top < 1 || o.top > maxPage {
			return o, bad("Invalid page size specified: '" + text + "'. Must be between 1 and 999 inclusive.")
		}
	}
	if text := c.query.Get("$count"); text != "" {
		if o.count, err = strconv.ParseBool(text); err != nil {
			return o, bad("Invalid value for $count: '" + text + "'.")
		}
		o.count = o.count && c.eventual() // else it is left out, without a word
	}
	if operator != "" && !o.count {
		return o, unsupported("Operator '" + operator + "' is not supported because the 'ConsistencyLevel:eventual' header or '$count=true' is missing.")
	}
	if text := c.query.Get("$skiptoken"); text != "" {
		if o.after, err = strconv.ParseUint(text, 36, 64); err != nil {
			return o, &problem{status: 400, code: "Directory_ExpiredPageToken", message: "The specified page token value has expired and can no longer be included in your request."}
		}
	}
	if text := c.query.Get("$orderby"); text != "" {
		name, direction, _ := strings.Cut(text, " ")
		if propertyOf(kind, name) == nil || direction != "" && direction != "asc" && direction != "desc" {
			return o, bad("The $orderby '" + text + "' is not supported.")
		}
		o.orderBy, o.descend = name, direction == "desc"
	}
	return o, nil
}

// eventual says whether the caller puts up with an answer that is late, without which Graph answers no advanced query.
func (c *call) eventual() bool {
	return strings.EqualFold(c.request.Header.Get("ConsistencyLevel"), "eventual")
}

func parseSelect(kind memory.Kind, text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name == "*" {
			return nil, nil
		}
		if kind != "" && !isProperty(kind, name) {
			return nil, bad(fmt.Sprintf("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, kind))
		}
		names = append(names, name)
	}
	return names, nil
}

// parseExpand reads such as manager($select=id),members. Options within the parentheses other than $select and the $levels of managers are refused.
func parseExpand(text string) ([]expansion, error) {
	var list []expansion
	for text != "" {
		end := strings.IndexAny(text, ",(")
		one := expansion{}
		switch {
		case end < 0:
			one.name, text = text, ""
		case text[end] == ',':
			one.name, text = text[:end], text[end+1:]
		default:
			shut := strings.IndexByte(text, ')')
			if shut < end {
				return nil, bad("Parsing OData Select and Expand failed: a parenthesis is not closed.")
			}
			one.name = text[:end]
			for option := range strings.SplitSeq(text[end+1:shut], ";") {
				name, value, _ := strings.Cut(option, "=")
				switch {
				case name == "$select":
					one.selected = strings.Split(value, ",")
				case name == "$levels" && one.name == "manager" && levelsOf(value) > 0:
					one.levels = levelsOf(value)
				default:
					return nil, bad("Parsing OData Select and Expand failed: the option '" + option + "' is not supported.")
				}
			}
			text = strings.TrimPrefix(text[shut+1:], ",")
		}
		list = append(list, one)
	}
	return list, nil
}

// maxLevels is Graph's bound of $levels.
const maxLevels = 1000

// levelsOf reads the value of $levels; 0 if it is none.
func levelsOf(value string) int {
	if value == "max" {
		return maxLevels
	}
	if levels, err := strconv.Atoi(value); err == nil && levels <= maxLevels {
		return max(levels, 0)
	}
	return 0
}
