package rule

import (
	"regexp"
	"strings"
	"time"
)

// node is a part of a rule that is true or false of a person, at a moment; inside -any and -all, of the person's item of that number.
type node interface {
	holds(p *Person, now time.Time, item int) bool
	print(b *strings.Builder)
}

// oneOf holds if one of its parts does, allOf if each does. Neither is ever directly in its like.
type (
	oneOf []node
	allOf []node
)

func (n oneOf) holds(p *Person, now time.Time, item int) bool {
	for _, part := range n {
		if part.holds(p, now, item) {
			return true
		}
	}
	return false
}

func (n allOf) holds(p *Person, now time.Time, item int) bool {
	for _, part := range n {
		if !part.holds(p, now, item) {
			return false
		}
	}
	return true
}

type not struct{ part node }

func (n not) holds(p *Person, now time.Time, item int) bool { return !n.part.holds(p, now, item) }

// source is where the text of a comparison is found.
type source struct {
	name string // as it is printed
	of   origin
	slot int    // of a text or list, or of a plan's field
	key  string // of a custom extension property
}

type origin int

const (
	ofText      origin = iota + 1 // a text of the person
	ofExtension                   // a custom extension property
	ofList                        // each item of a list: without -any and -all
	ofItem                        // the item of a list that -any and -all are at
	ofPlan                        // the same of assignedPlans
)

// comparison compares a text.
type comparison struct {
	source
	operator operator
	negated  bool
	null     bool           // instead of a value
	value    value          // but of -in
	values   set            // of -in
	pattern  *regexp.Regexp // of -match
}

func (c *comparison) holds(p *Person, _ time.Time, item int) bool {
	switch c.of {
	case ofText:
		return c.test(&p.texts[c.slot]) != c.negated
	case ofExtension:
		v := p.extensions[c.key]
		return c.test(&v) != c.negated
	case ofItem:
		return c.test(&p.lists[c.slot][item]) != c.negated
	case ofPlan:
		return c.test(&p.plans[item][c.slot]) != c.negated
	default:
		return c.some(p.lists[c.slot]) != c.negated
	}
}

// some says whether an item satisfies the comparison as if it were not negated, or of -eq null whether there is none.
func (c *comparison) some(items []value) bool {
	if c.null {
		return len(items) == 0
	}
	for i := range items {
		if c.test(&items[i]) {
			return true
		}
	}
	return false
}

// test is the comparison as if it were not negated.
func (c *comparison) test(v *value) bool {
	switch {
	case c.null:
		return v.folded == ""
	case v.folded == "":
		return false
	}
	switch c.operator {
	case equals:
		return v.folded == c.value.folded
	case startsWith:
		return strings.HasPrefix(v.folded, c.value.folded)
	case endsWith:
		return strings.HasSuffix(v.folded, c.value.folded)
	case contains:
		return strings.Contains(v.folded, c.value.folded)
	case isIn:
		return c.values.has(v.folded)
	default:
		return c.pattern.MatchString(v.stored)
	}
}

// flagComparison compares a boolean; both may be null.
type flagComparison struct {
	name    string
	slot    int
	value   truth
	negated bool
}

func (c *flagComparison) holds(p *Person, _ time.Time, _ int) bool {
	return (p.flags[c.slot] == c.value) != c.negated
}

// dateComparison compares a date and time with a moment.
type dateComparison struct {
	name     string
	slot     int
	operator operator
	negated  bool
	moment   moment
}

func (c *dateComparison) holds(p *Person, now time.Time, _ int) bool {
	is := p.dates[c.slot]
	switch {
	case c.moment.null:
		return (is == nil) != c.negated
	case is == nil:
		return c.negated
	}
	order := is.Compare(c.moment.at(now))
	switch c.operator {
	case atMost:
		return order <= 0
	case atLeast:
		return order >= 0
	default:
		return (order == 0) != c.negated
	}
}

// quantified holds if the part does of some item of a collection, or of all.
type quantified struct {
	name string
	kind kind // lists, or plans
	slot int
	all  bool
	part node
}

func (q *quantified) holds(p *Person, now time.Time, _ int) bool {
	n := len(p.plans)
	if q.kind == lists {
		n = len(p.lists[q.slot])
	}
	for i := range n {
		if q.part.holds(p, now, i) != q.all {
			return !q.all
		}
	}
	return q.all
}

// inGroups holds of direct members of a group.
type inGroups struct{ ids set }

func (g *inGroups) holds(p *Person, _ time.Time, _ int) bool {
	for _, id := range p.groups {
		if g.ids.has(id) {
			return true
		}
	}
	return false
}

// reportsTo holds of the direct reports of a manager.
type reportsTo struct{ id value }

func (r reportsTo) holds(p *Person, _ time.Time, _ int) bool {
	return p.manager != "" && p.manager == r.id.folded
}
