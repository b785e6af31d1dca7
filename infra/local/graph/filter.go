package graph

import (
	"fmt"
	"slices"
	"strings"

	"latchkey/shared/directory/memory"
)

// predicate is a compiled $filter.
type predicate func(*memory.Object) bool

// Bounds of a filter.
const (
	maxFilter      = 2048
	maxFilterTerms = 64
	maxFilterDepth = 16
)

// filterParser reads the part of OData's filter language that clients here use: eq, ne, in, startswith, endswith, any(x:x eq ...) on collections, and, or, not, parentheses.
type filterParser struct {
	kind     memory.Kind
	rest     string
	terms    int
	advanced string // an operator of those that make a query advanced
}

// parseFilter compiles a filter, and names an operator that makes it an advanced query, if one does.
func parseFilter(kind memory.Kind, text string) (match predicate, advanced string, err error) {
	if len(text) > maxFilter {
		return nil, "", bad("The filter is too long.")
	}
	p := &filterParser{kind: kind, rest: text}
	if match, err = p.or(0); err != nil {
		return nil, "", err
	}
	if p.skip(); p.rest != "" {
		return nil, "", p.wrong()
	}
	return match, p.advanced, nil
}

func (p *filterParser) wrong() error {
	return bad(fmt.Sprintf("Invalid filter clause: syntax error at '%.40s'.", p.rest))
}

func (p *filterParser) skip() { p.rest = strings.TrimLeft(p.rest, " ") }

// word takes a keyword if it comes next.
func (p *filterParser) word(word string) bool {
	p.skip()
	if len(p.rest) >= len(word) && strings.EqualFold(p.rest[:len(word)], word) {
		after := p.rest[len(word):]
		if after == "" || after[0] == ' ' || after[0] == '(' {
			p.rest = after
			return true
		}
	}
	return false
}

func (p *filterParser) symbol(symbol string) bool {
	p.skip()
	if strings.HasPrefix(p.rest, symbol) {
		p.rest = p.rest[len(symbol):]
		return true
	}
	return false
}

func (p *filterParser) or(depth int) (predicate, error) {
	left, err := p.and(depth)
	for err == nil && p.word("or") {
		var right predicate
		if right, err = p.and(depth); err == nil {
			first := left
			left = func(o *memory.Object) bool { return first(o) || right(o) }
		}
	}
	return left, err
}

func (p *filterParser) and(depth int) (predicate, error) {
	left, err := p.unary(depth)
	for err == nil && p.word("and") {
		var right predicate
		if right, err = p.unary(depth); err == nil {
			first := left
			left = func(o *memory.Object) bool { return first(o) && right(o) }
		}
	}
	return left, err
}

func (p *filterParser) unary(depth int) (predicate, error) {
	if p.terms++; p.terms > maxFilterTerms || depth > maxFilterDepth {
		return nil, bad("The filter is too complex.")
	}
	switch {
	case p.word("not"):
		p.advanced = "not"
		inner, err := p.unary(depth + 1)
		return func(o *memory.Object) bool { return !inner(o) }, err
	case p.symbol("("):
		inner, err := p.or(depth + 1)
		if err == nil && !p.symbol(")") {
			err = p.wrong()
		}
		return inner, err
	case p.word("startswith"):
		return p.function(strings.HasPrefix)
	case p.word("endswith"):
		p.advanced = "endswith"
		return p.function(strings.HasSuffix)
	}
	return p.comparison()
}

func (p *filterParser) function(holds func(s, part string) bool) (predicate, error) {
	if !p.symbol("(") {
		return nil, p.wrong()
	}
	value, err := p.property()
	if err != nil {
		return nil, err
	}
	if !p.symbol(",") {
		return nil, p.wrong()
	}
	literal, err := p.literal()
	if err != nil {
		return nil, err
	}
	part, ok := literal.(string)
	if !ok || !p.symbol(")") {
		return nil, p.wrong()
	}
	part = strings.ToLower(part)
	return func(o *memory.Object) bool {
		s, ok := value(o).(string)
		return ok && holds(strings.ToLower(s), part)
	}, nil
}

// property takes a property's name.
func (p *filterParser) property() (func(*memory.Object) any, error) {
	p.skip()
	end := strings.IndexAny(p.rest, " ,()")
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	if cut := strings.Index(name, "/any"); cut > 0 {
		name, end = name[:cut], cut
	}
	if !isProperty(p.kind, name) {
		return nil, bad(fmt.Sprintf("Invalid filter clause: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, p.kind))
	}
	p.rest = p.rest[end:]
	if known := propertyOf(p.kind, name); known != nil {
		return known.value, nil
	}
	return func(o *memory.Object) any { return o.Attributes[name] }, nil
}

func (p *filterParser) comparison() (predicate, error) {
	value, err := p.property()
	if err != nil {
		return nil, err
	}
	if p.symbol("/any(") {
		return p.any(value)
	}
	switch {
	case p.word("eq"):
		want, err := p.literal()
		return func(o *memory.Object) bool { return equal(value(o), want) }, err
	case p.word("ne"):
		p.advanced = "ne"
		want, err := p.literal()
		return func(o *memory.Object) bool { return !equal(value(o), want) }, err
	case p.word("in"):
		if !p.symbol("(") {
			return nil, p.wrong()
		}
		var list []any
		for {
			want, err := p.literal()
			if err != nil {
				return nil, err
			}
			if list = append(list, want); len(list) > maxFilterTerms {
				return nil, bad("The filter is too complex.")
			}
			if p.symbol(")") {
				break
			}
			if !p.symbol(",") {
				return nil, p.wrong()
			}
		}
		return func(o *memory.Object) bool {
			got := value(o)
			return slices.ContainsFunc(list, func(want any) bool { return equal(got, want) })
		}, nil
	}
	return nil, p.wrong()
}

// any reads the rest of collection/any(x:x eq 'value').
func (p *filterParser) any(value func(*memory.Object) any) (predicate, error) {
	variable, rest, ok := strings.Cut(p.rest, ":")
	if !ok || len(variable) > 16 || !strings.HasPrefix(rest, variable+" eq ") {
		return nil, p.wrong()
	}
	p.rest = rest[len(variable)+len(" eq "):]
	want, err := p.literal()
	if err != nil {
		return nil, err
	}
	if !p.symbol(")") {
		return nil, p.wrong()
	}
	return func(o *memory.Object) bool {
		switch list := value(o).(type) {
		case []string:
			return slices.ContainsFunc(list, func(got string) bool { return equal(got, want) })
		case []any:
			return slices.ContainsFunc(list, func(got any) bool { return equal(got, want) })
		}
		return false
	}, nil
}

// literal takes a string in quotes, true, false or null.
func (p *filterParser) literal() (any, error) {
	p.skip()
	if strings.HasPrefix(p.rest, "'") {
		var b strings.Builder
		for n := 1; n < len(p.rest); n++ {
			if p.rest[n] != '\'' {
				b.WriteByte(p.rest[n])
				continue
			}
			if n+1 < len(p.rest) && p.rest[n+1] == '\'' {
				b.WriteByte('\'')
				n++
				continue
			}
			p.rest = p.rest[n+1:]
			return b.String(), nil
		}
		return nil, p.wrong()
	}
	for word, value := range map[string]any{"true": true, "false": false, "null": nil} {
		if strings.HasPrefix(p.rest, word) {
			p.rest = p.rest[len(word):]
			return value, nil
		}
	}
	return nil, p.wrong()
}

// equal compares as Graph does: strings without regard to case.
func equal(got, want any) bool {
	a, aIsString := got.(string)
	b, bIsString := want.(string)
	if aIsString && bIsString {
		return strings.EqualFold(a, b)
	}
	if list, ok := got.([]string); ok {
		return want == nil && len(list) == 0
	}
	switch got.(type) {
	case nil, bool:
		return got == want
	}
	return false
}
