package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

// field is a property that $filter may compare.
type field struct {
	path []string // where it is stored; nil: as it is named
	kind fieldKind
	enum []string // the values of an enumeration, in their canonical spelling
}

type fieldKind int

const (
	textField    fieldKind = iota + 1 // compared without regard to case
	idField                           // an id in lower case
	instantField                      // an instant as Latchkey stores it
	boolField
	enumField
)

var (
	text       = field{kind: textField}
	identifier = field{kind: idField}
	instant    = field{kind: instantField}
	boolean    = field{kind: boolField}
)

// named is an enumeration.
func named[S ~string](values ...S) field {
	f := field{kind: enumField}
	for _, value := range values {
		f.enum = append(f.enum, string(value))
	}
	return f
}

// Limits of $filter.
const (
	maxFilter      = 2000 // bytes
	maxFilterDepth = 16
	maxFilterTerms = 50
)

// parseFilter reads $filter over the fields of a kind. Errors: CodeInvalid saying what is wrong and where.
func parseFilter(source string, k *kind) (app.Filter, error) {
	if len(source) > maxFilter {
		return nil, governance.Invalid("$filter", "$filter is longer than %d characters.", maxFilter)
	}
	tokens, err := lex(source)
	if err != nil {
		return nil, err
	}
	p := &filterParser{tokens: tokens, fields: k.fields}
	filter, err := p.or(1)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != endToken {
		return nil, governance.Invalid("$filter", "$filter is not understood at character %d: %q.", t.at+1, shorten(t.text))
	}
	return filter, nil
}

type tokenKind int

const (
	endToken tokenKind = iota
	wordToken
	stringToken
	symbolToken // ( ) ,
)

type token struct {
	kind tokenKind
	text string
	at   int
}

// lex splits $filter into words, strings and symbols.
func lex(source string) ([]token, error) {
	var tokens []token
	for i := 0; i < len(source); {
		switch c := source[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '(' || c == ')' || c == ',':
			tokens = append(tokens, token{symbolToken, source[i : i+1], i})
			i++
		case c == '\'':
			var text strings.Builder
			j := i + 1
			for {
				if j >= len(source) {
					return nil, governance.Invalid("$filter", "The string that begins at character %d of $filter is not closed.", i+1)
				}
				if source[j] == '\'' {
					if j+1 < len(source) && source[j+1] == '\'' {
						text.WriteByte('\'')
						j += 2
						continue
					}
					break
				}
				text.WriteByte(source[j])
				j++
			}
			if !utf8.ValidString(text.String()) {
				return nil, governance.Invalid("$filter", "The string that begins at character %d of $filter is no valid text.", i+1)
			}
			tokens = append(tokens, token{stringToken, text.String(), i})
			i = j + 1
		default:
			j := i
			for j < len(source) && !strings.ContainsRune(" \t(),'", rune(source[j])) {
				j++
			}
			tokens = append(tokens, token{wordToken, source[i:j], i})
			i = j
		}
	}
	return append(tokens, token{endToken, "its end", len(source)}), nil
}

type filterParser struct {
	tokens []token
	next   int
	terms  int
	fields map[string]field
}

func (p *filterParser) peek() token { return p.tokens[p.next] }

func (p *filterParser) take() token {
	t := p.tokens[p.next]
	if t.kind != endToken {
		p.next++
	}
	return t
}

func (p *filterParser) word(text string) bool {
	if t := p.peek(); t.kind == wordToken && strings.EqualFold(t.text, text) {
		p.next++
		return true
	}
	return false
}

func (p *filterParser) symbol(text string) error {
	if t := p.take(); t.kind != symbolToken || t.text != text {
		return governance.Invalid("$filter", "$filter needs %q at character %d, not %q.", text, t.at+1, shorten(t.text))
	}
	return nil
}

func (p *filterParser) or(depth int) (app.Filter, error) {
	return p.chain(depth, "or", p.and, func(parts []app.Filter) app.Filter { return app.Or(parts) })
}

func (p *filterParser) and(depth int) (app.Filter, error) {
	return p.chain(depth, "and", p.unary, func(parts []app.Filter) app.Filter { return app.And(parts) })
}

func (p *filterParser) chain(depth int, operator string, part func(int) (app.Filter, error), join func([]app.Filter) app.Filter) (app.Filter, error) {
	if depth > maxFilterDepth {
		return nil, governance.Invalid("$filter", "$filter is nested deeper than %d levels.", maxFilterDepth)
	}
	first, err := part(depth)
	if err != nil {
		return nil, err
	}
	parts := []app.Filter{first}
	for p.word(operator) {
		next, err := part(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, next)
	}
	if len(parts) == 1 {
		return first, nil
	}
	return join(parts), nil
}

func (p *filterParser) unary(depth int) (app.Filter, error) {
	if p.word("not") {
		if depth+1 > maxFilterDepth {
			return nil, governance.Invalid("$filter", "$filter is nested deeper than %d levels.", maxFilterDepth)
		}
		inner, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return app.Not{Filter: inner}, nil
	}
	if t := p.peek(); t.kind == symbolToken && t.text == "(" {
		p.take()
		inner, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return inner, p.symbol(")")
	}
	if p.terms++; p.terms > maxFilterTerms {
		return nil, governance.Invalid("$filter", "$filter has more than %d conditions.", maxFilterTerms)
	}
	t := p.take()
	if t.kind != wordToken {
		return nil, governance.Invalid("$filter", "$filter needs a property at character %d, not %q.", t.at+1, shorten(t.text))
	}
	if following := p.peek(); following.kind == symbolToken && following.text == "(" {
		return p.function(t)
	}
	return p.comparison(t)
}

var matchings = map[string]app.Matching{"contains": app.Contains, "startswith": app.StartsWith, "endswith": app.EndsWith}

// function is contains(displayName,'x') and its kin, and a comparison of tolower(displayName).
func (p *filterParser) function(name token) (app.Filter, error) {
	lowered := strings.ToLower(name.text)
	if err := p.symbol("("); err != nil {
		return nil, err
	}
	if lowered == "tolower" || lowered == "toupper" {
		property := p.take()
		if err := p.symbol(")"); err != nil {
			return nil, err
		}
		return p.comparison(property)
	}
	matching, ok := matchings[lowered]
	if !ok {
		return nil, governance.Invalid("$filter", "$filter does not know the function %q; use contains, startswith, endswith or tolower.", shorten(name.text))
	}
	property := p.take()
	if following := p.peek(); following.kind == symbolToken && following.text == "(" && (strings.EqualFold(property.text, "tolower") || strings.EqualFold(property.text, "toupper")) {
		p.take()
		property = p.take()
		if err := p.symbol(")"); err != nil {
			return nil, err
		}
	}
	path, f, err := p.field(property)
	if err != nil {
		return nil, err
	}
	if f.kind != textField && f.kind != idField {
		return nil, governance.Invalid("$filter", "%s takes a text, and %s is none.", lowered, property.text)
	}
	if err := p.symbol(","); err != nil {
		return nil, err
	}
	value := p.take()
	if value.kind != stringToken {
		return nil, governance.Invalid("$filter", "%s needs a string in quotes at character %d of $filter.", lowered, value.at+1)
	}
	return app.Match{Path: path, Matching: matching, Text: value.text, FoldCase: true}, p.symbol(")")
}

var comparisons = map[string]app.Comparison{
	"eq": app.Equal, "ne": app.NotEqual, "lt": app.Less, "le": app.LessOrEqual, "gt": app.Greater, "ge": app.GreaterOrEqual,
}

func (p *filterParser) comparison(property token) (app.Filter, error) {
	path, f, err := p.field(property)
	if err != nil {
		return nil, err
	}
	operator := p.take()
	if operator.kind == wordToken && strings.EqualFold(operator.text, "in") {
		return p.in(path, f, property)
	}
	comparison, ok := comparisons[strings.ToLower(operator.text)]
	if operator.kind != wordToken || !ok {
		return nil, governance.Invalid("$filter", "$filter does not know the operator %q at character %d; use eq, ne, lt, le, gt, ge or in.", shorten(operator.text), operator.at+1)
	}
	value, err := f.literal(p.take(), property.text)
	if err != nil {
		return nil, err
	}
	if f.kind != instantField && comparison != app.Equal && comparison != app.NotEqual {
		return nil, governance.Invalid("$filter", "%s can be compared with eq and ne only.", property.text)
	}
	return app.Compare{Path: path, Comparison: comparison, Value: value, FoldCase: f.kind == textField}, nil
}

func (p *filterParser) in(path []string, f field, property token) (app.Filter, error) {
	if err := p.symbol("("); err != nil {
		return nil, err
	}
	either := app.Or{}
	for {
		value, err := f.literal(p.take(), property.text)
		if err != nil {
			return nil, err
		}
		if p.terms++; p.terms > maxFilterTerms {
			return nil, governance.Invalid("$filter", "$filter has more than %d conditions.", maxFilterTerms)
		}
		either = append(either, app.Compare{Path: path, Comparison: app.Equal, Value: value, FoldCase: f.kind == textField})
		t := p.take()
		if t.kind == symbolToken && t.text == ")" {
			return either, nil
		}
		if t.kind != symbolToken || t.text != "," {
			return nil, governance.Invalid("$filter", "The list of in is not closed at character %d of $filter.", t.at+1)
		}
	}
}

// field finds a property by its name, in any letter case.
func (p *filterParser) field(t token) ([]string, field, error) {
	if t.kind == wordToken {
		for name, f := range p.fields {
			if strings.EqualFold(name, t.text) {
				path := f.path
				if path == nil {
					path = strings.Split(name, "/")
				}
				return path, f, nil
			}
		}
	}
	return nil, field{}, governance.Invalid("$filter", "$filter cannot compare %q here; it can compare %s.", shorten(t.text), listed(sortedKeys(p.fields)))
}

// literal reads a value as the field's type.
func (f field) literal(t token, property string) (any, error) {
	if t.kind == wordToken && t.text == "null" {
		return nil, nil
	}
	wrong := func(want string) error {
		return governance.Invalid("$filter", "%s is compared with %s, not with %q.", property, want, shorten(t.text))
	}
	switch f.kind {
	case textField:
		if t.kind == stringToken {
			return t.text, nil
		}
		return nil, wrong("a string in quotes")
	case idField:
		if t.kind == stringToken || t.kind == wordToken && governance.IsGUID(t.text) {
			return strings.ToLower(t.text), nil
		}
		return nil, wrong("an id in quotes")
	case instantField:
		if at, err := time.Parse(time.RFC3339Nano, t.text); err == nil {
			return governance.FormatInstant(at), nil
		}
		return nil, wrong("a date and time such as 2026-11-20T00:00:00Z")
	case boolField:
		if value, err := strconv.ParseBool(t.text); err == nil && t.kind == wordToken {
			return value, nil
		}
		return nil, wrong("true or false")
	case enumField:
		for _, value := range f.enum {
			if strings.EqualFold(value, t.text) && t.kind == stringToken {
				return value, nil
			}
		}
		return nil, wrong("one of '" + strings.Join(f.enum, "', '") + "'")
	}
	return nil, wrong("nothing")
}

// less orders two resources by a property, for $orderby.
func less(x, y map[string]any, path []string) int {
	return strings.Compare(ordinal(x, path), ordinal(y, path))
}

// ordinal is a property as a text that sorts as its values do.
func ordinal(resource map[string]any, path []string) string {
	var value any = resource
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	if text, ok := value.(string); ok {
		return strings.ToLower(text)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(data)
}
