package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// field is a property that $filter may compare.
type field struct {
	path []string // where it is stored; nil: as it is named
	kind fieldKind
	enum []string // the values of an enumeration, in their canonical spelling
	is   []string // what is stored of each, where it is not they
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

// saidOf is an enumeration of words for another property, which is stored.
func saidOf[S ~string](property string, words map[string]S) field {
	f := named(sortedKeys(words)...)
	f.path = []string{property}
	for _, word := range f.enum {
		f.is = append(f.is, string(words[word]))
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
func parseFilter(source string, k *kind) (ledger.Filter, error) {
	if len(source) > maxFilter {
		return nil, governance.Invalid("$filter", "$filter is longer than %d characters.", maxFilter)
	}
	p := &filterParser{fields: k.fields}
	p.lex(source)
	filter := p.or(1)
	if t := p.peek(); t.kind != endToken {
		p.fail("$filter is not understood at character %d: %q.", t.at+1, shorten(t.text))
	}
	return filter, p.err
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

type filterParser struct {
	tokens []token
	next   int
	terms  int
	fields map[string]field
	err    error // the first: what is read after it means nothing
}

// fail says what is wrong, and ends the reading.
func (p *filterParser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = governance.Invalid("$filter", format, args...)
	}
	p.tokens, p.next = []token{{kind: endToken}}, 0
}

var tokenForm = regexp.MustCompile(`[(),]|'(?:[^']|'')*'?|[^ \t(),']+`)

// lex splits $filter into words, strings and symbols.
func (p *filterParser) lex(source string) {
	for _, at := range tokenForm.FindAllStringIndex(source, -1) {
		t := token{wordToken, source[at[0]:at[1]], at[0]}
		switch {
		case strings.Contains("(),", t.text):
			t.kind = symbolToken
		case t.text[0] != '\'':
		case strings.Count(t.text, "'")%2 != 0: // a quote in a string is doubled
			p.fail("The string that begins at character %d of $filter is not closed.", t.at+1)
			return
		case !utf8.ValidString(t.text):
			p.fail("The string that begins at character %d of $filter is no valid text.", t.at+1)
			return
		default:
			t.kind, t.text = stringToken, strings.ReplaceAll(t.text[1:len(t.text)-1], "''", "'")
		}
		p.tokens = append(p.tokens, t)
	}
	p.tokens = append(p.tokens, token{endToken, "its end", len(source)})
}

func (p *filterParser) peek() token { return p.tokens[p.next] }

func (p *filterParser) take() token {
	t := p.tokens[p.next]
	if t.kind != endToken {
		p.next++
	}
	return t
}

// word takes a word if it is the next.
func (p *filterParser) word(text string) bool { return p.has(wordToken, text) }

func (p *filterParser) has(kind tokenKind, text string) bool {
	if t := p.peek(); t.kind != kind || !strings.EqualFold(t.text, text) {
		return false
	}
	p.next++
	return true
}

// symbol takes a symbol, which must be the next.
func (p *filterParser) symbol(text string) {
	if t := p.peek(); !p.has(symbolToken, text) {
		p.fail("$filter needs %q at character %d, not %q.", text, t.at+1, shorten(t.text))
	}
}

// term counts a condition.
func (p *filterParser) term() {
	if p.terms++; p.terms > maxFilterTerms {
		p.fail("$filter has more than %d conditions.", maxFilterTerms)
	}
}

func (p *filterParser) or(depth int) ledger.Filter {
	parts := ledger.Or{p.and(depth)}
	for p.word("or") {
		parts = append(parts, p.and(depth))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func (p *filterParser) and(depth int) ledger.Filter {
	parts := ledger.And{p.unary(depth)}
	for p.word("and") {
		parts = append(parts, p.unary(depth))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return parts
}

func (p *filterParser) unary(depth int) ledger.Filter {
	switch {
	case depth > maxFilterDepth:
		p.fail("$filter is nested deeper than %d levels.", maxFilterDepth)
		return nil
	case p.word("not"):
		return ledger.Not{Filter: p.unary(depth + 1)}
	case p.has(symbolToken, "("):
		inner := p.or(depth + 1)
		p.symbol(")")
		return inner
	}
	p.term()
	t := p.take()
	if t.kind != wordToken {
		p.fail("$filter needs a property at character %d, not %q.", t.at+1, shorten(t.text))
	}
	if p.has(symbolToken, "(") {
		return p.function(t)
	}
	return p.comparison(t)
}

var matchings = map[string]ledger.Matching{"contains": ledger.Contains, "startswith": ledger.StartsWith, "endswith": ledger.EndsWith}

// isCase says whether a function changes the letter case, which nothing is compared by.
func isCase(t token) bool {
	return strings.EqualFold(t.text, "tolower") || strings.EqualFold(t.text, "toupper")
}

// function is contains(displayName,'x') and its kin, and a comparison of tolower(displayName), behind the parenthesis.
func (p *filterParser) function(name token) ledger.Filter {
	if isCase(name) {
		property := p.take()
		p.symbol(")")
		return p.comparison(property)
	}
	lowered := strings.ToLower(name.text)
	matching, ok := matchings[lowered]
	if !ok {
		p.fail("$filter does not know the function %q; use contains, startswith, endswith or tolower.", shorten(name.text))
	}
	property := p.take()
	if isCase(property) && p.has(symbolToken, "(") {
		property = p.take()
		p.symbol(")")
	}
	path, f := p.field(property)
	if f.kind != textField && f.kind != idField {
		p.fail("%s takes a text, and %s is none.", lowered, property.text)
	}
	p.symbol(",")
	value := p.take()
	if value.kind != stringToken {
		p.fail("%s needs a string in quotes at character %d of $filter.", lowered, value.at+1)
	}
	p.symbol(")")
	return ledger.Match{Path: path, Matching: matching, Text: value.text, FoldCase: true}
}

var comparisons = map[string]ledger.Comparison{
	"eq": ledger.Equal, "ne": ledger.NotEqual, "lt": ledger.Less, "le": ledger.LessOrEqual, "gt": ledger.Greater, "ge": ledger.GreaterOrEqual,
}

func (p *filterParser) comparison(property token) ledger.Filter {
	path, f := p.field(property)
	compare := func(how ledger.Comparison) ledger.Filter {
		return ledger.Compare{Path: path, Comparison: how, Value: p.literal(f, property.text), FoldCase: f.kind == textField}
	}
	if p.word("in") {
		p.symbol("(")
		either := ledger.Or{compare(ledger.Equal)}
		for p.term(); p.has(symbolToken, ","); p.term() {
			either = append(either, compare(ledger.Equal))
		}
		p.symbol(")")
		return either
	}
	operator := p.take()
	comparison, ok := comparisons[strings.ToLower(operator.text)]
	if operator.kind != wordToken || !ok {
		p.fail("$filter does not know the operator %q at character %d; use eq, ne, lt, le, gt, ge or in.", shorten(operator.text), operator.at+1)
	}
	made := compare(comparison)
	if f.kind != instantField && comparison != ledger.Equal && comparison != ledger.NotEqual {
		p.fail("%s can be compared with eq and ne only.", property.text)
	}
	return made
}

// field finds a property by its name, in any letter case.
func (p *filterParser) field(t token) ([]string, field) {
	name, ok := known(sortedKeys(p.fields), t.text)
	if !ok || t.kind != wordToken {
		p.fail("$filter cannot compare %q here; it can compare %s.", shorten(t.text), listed(sortedKeys(p.fields)))
		return nil, field{}
	}
	f := p.fields[name]
	if f.path != nil {
		return f.path, f
	}
	return strings.Split(name, "/"), f
}

// literal reads a value of the field's type.
func (p *filterParser) literal(f field, property string) (value any) {
	t := p.take()
	if t.kind == wordToken && t.text == "null" {
		return nil
	}
	ok, want := t.kind == stringToken, ""
	switch f.kind {
	case textField:
		value, want = t.text, "a string in quotes"
	case idField:
		ok = ok || t.kind == wordToken && governance.IsGUID(t.text)
		value, want = strings.ToLower(t.text), "an id in quotes"
	case instantField:
		var at governance.DateTime
		err := at.UnmarshalJSON([]byte(strconv.Quote(t.text)))
		ok, value, want = err == nil, governance.FormatInstant(at.Time), "a date and time such as 2026-11-20T00:00:00Z"
	case boolField:
		ok, value, want = t.kind == wordToken && (t.text == "true" || t.text == "false"), t.text == "true", "true or false"
	case enumField:
		name, isOne := known(f.enum, t.text)
		if isOne && f.is != nil {
			name = f.is[slices.Index(f.enum, name)]
		}
		ok, value, want = ok && isOne, name, "one of '"+strings.Join(f.enum, "', '")+"'"
	}
	if !ok {
		p.fail("%s is compared with %s, not with %q.", property, want, shorten(t.text))
	}
	return value
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
