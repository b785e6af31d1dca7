package sql

import (
	"strconv"
	"strings"

	"latchkey/shared/store/memory/rawjson"
)

const (
	// maxDepth bounds how deep expressions and subqueries nest.
	maxDepth = 100
	// maxNodes bounds the size of a query's tree.
	maxNodes = 20_000
)

// Query is a parsed query.
type Query struct {
	text string

	distinct bool
	top      expression
	star     bool
	value    expression
	columns  []column

	sources    []source
	where      expression
	order      []ordering
	offset     expression
	limit      expression
	aggregates []*aggregate

	from, condition, selected span
}

// span is a part of the text.
type span struct{ start, end int }

type column struct {
	name string
	expression
	span
}

// source is one binding of FROM: the root, or each element of a path.
type source struct {
	name string
	path expression // nil: the document
	each bool
}

type ordering struct {
	expression
	descending bool
	span
}

type parser struct {
	text   string
	tokens []token
	at     int
	depth  int
	nodes  int
	query  *Query // the one being parsed: aggregates belong to it
}

// Parse reads a query.
func Parse(text string) (*Query, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, tokens: tokens}
	q, err := p.parseQuery()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, syntaxError(t.start, "unexpected %q", t.text)
	}
	return q, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

// keyword takes the next token if it is this word.
func (p *parser) keyword(words ...string) bool {
	for i, word := range words {
		if p.at+i >= len(p.tokens) {
			return false
		}
		if t := p.tokens[p.at+i]; t.kind != tokenName || !strings.EqualFold(t.text, word) {
			return false
		}
	}
	p.at += len(words)
	return true
}

func (p *parser) symbol(s string) bool {
	if t := p.peek(); t.kind != tokenSymbol || t.text != s {
		return false
	}
	p.at++
	return true
}

func (p *parser) expect(s string) error {
	if !p.symbol(s) {
		return syntaxError(p.peek().start, "want %q, not %q", s, p.peek().text)
	}
	return nil
}

func (p *parser) expectKeyword(word string) error {
	if !p.keyword(word) {
		return syntaxError(p.peek().start, "want %s, not %q", word, p.peek().text)
	}
	return nil
}

func (p *parser) enter() error {
	p.depth++
	p.nodes++
	if p.depth > maxDepth || p.nodes > maxNodes {
		return syntaxError(p.peek().start, "the query is too deep or too large")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) parseQuery() (*Query, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	q := &Query{text: p.text}
	outer := p.query
	p.query = q
	defer func() { p.query = outer }()

	if err := p.expectKeyword("SELECT"); err != nil {
		return nil, err
	}
	q.distinct = p.keyword("DISTINCT")
	if p.keyword("TOP") {
		top, err := p.parsePrimary()
		if err != nil {
			return nil, err
		}
		q.top = top
	}
	if err := p.parseSelection(q); err != nil {
		return nil, err
	}
	if p.keyword("FROM") {
		if err := p.parseFrom(q); err != nil {
			return nil, err
		}
	}
	if p.keyword("WHERE") {
		aggregates := len(q.aggregates)
		start := p.peek().start
		where, err := p.parseExpression()
		if err != nil {
			return nil, err
		}
		if len(q.aggregates) > aggregates {
			return nil, syntaxError(start, "a WHERE has no aggregates")
		}
		q.where, q.condition = where, span{start, p.before()}
	}
	if t := p.peek(); p.keyword("GROUP") {
		return nil, syntaxError(t.start, "GROUP BY is not supported")
	}
	if p.keyword("ORDER", "BY") {
		if err := p.parseOrder(q); err != nil {
			return nil, err
		}
	}
	if p.keyword("OFFSET") {
		var err error
		if q.offset, err = p.parsePrimary(); err != nil {
			return nil, err
		}
		if err := p.expectKeyword("LIMIT"); err != nil {
			return nil, err
		}
		if q.limit, err = p.parsePrimary(); err != nil {
			return nil, err
		}
	}
	if q.star && len(q.sources) != 1 {
		return nil, syntaxError(q.selected.start, "SELECT * needs one source")
	}
	return q, nil
}

// before is where the last token that was taken ends.
func (p *parser) before() int {
	if p.at == 0 {
		return 0
	}
	return p.tokens[p.at-1].end
}

func (p *parser) parseSelection(q *Query) error {
	q.selected.start = p.peek().start
	defer func() { q.selected.end = p.before() }()
	if p.symbol("*") {
		q.star = true
		return nil
	}
	if p.keyword("VALUE") {
		value, err := p.parseExpression()
		q.value = value
		return err
	}
	for {
		start := p.peek().start
		e, err := p.parseExpression()
		if err != nil {
			return err
		}
		c := column{expression: e, span: span{start, p.before()}}
		if p.keyword("AS") {
			t := p.next()
			if t.kind != tokenName {
				return syntaxError(t.start, "want a name after AS")
			}
			c.name = t.text
		} else if c.name = lastName(e); c.name == "" {
			c.name = "$" + strconv.Itoa(len(q.columns)+1)
		}
		q.columns = append(q.columns, c)
		if !p.symbol(",") {
			return nil
		}
	}
}

func (p *parser) parseFrom(q *Query) error {
	q.from.start = p.peek().start
	for {
		s, err := p.parseSource(len(q.sources) == 0)
		if err != nil {
			return err
		}
		q.sources = append(q.sources, s)
		if len(q.sources) > 10 {
			return syntaxError(p.peek().start, "too many sources")
		}
		if !p.keyword("JOIN") {
			q.from.end = p.before()
			return nil
		}
	}
}

func (p *parser) parseSource(first bool) (source, error) {
	t := p.next()
	if t.kind != tokenName || reserved[strings.ToUpper(t.text)] {
		return source{}, syntaxError(t.start, "want a name in FROM, not %q", t.text)
	}
	if p.keyword("IN") {
		path, err := p.parsePostfix()
		return source{name: t.text, path: path, each: true}, err
	}
	if !first {
		return source{}, syntaxError(t.start, "a JOIN goes over an array: JOIN x IN path")
	}
	s := source{name: t.text}
	if next := p.peek(); next.kind == tokenSymbol && (next.text == "." || next.text == "[") {
		p.at--
		path, err := p.parsePostfix()
		if err != nil {
			return source{}, err
		}
		s.path, s.name = path, lastName(path)
	}
	p.keyword("AS")
	if next := p.peek(); next.kind == tokenName && !reserved[strings.ToUpper(next.text)] {
		s.name = p.next().text
	}
	return s, nil
}

func (p *parser) parseOrder(q *Query) error {
	for {
		aggregates := len(q.aggregates)
		start := p.peek().start
		e, err := p.parseExpression()
		if err != nil {
			return err
		}
		if len(q.aggregates) > aggregates {
			return syntaxError(start, "an ORDER BY has no aggregates")
		}
		o := ordering{expression: e, span: span{start, p.before()}}
		if p.keyword("DESC") {
			o.descending = true
		} else {
			p.keyword("ASC")
		}
		q.order = append(q.order, o)
		if !p.symbol(",") {
			return nil
		}
	}
}

var reserved = map[string]bool{
	"SELECT": true, "FROM": true, "WHERE": true, "ORDER": true, "BY": true, "OFFSET": true, "LIMIT": true, "JOIN": true, "IN": true, "AS": true, "AND": true,
	"OR": true, "NOT": true, "TOP": true, "DISTINCT": true, "GROUP": true, "EXISTS": true, "BETWEEN": true, "LIKE": true, "ASC": true, "DESC": true,
}

func (p *parser) parseExpression() (expression, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.parseOr()
}

func (p *parser) parseOr() (expression, error) {
	first, err := p.parseAnd()
	if err != nil {
		return nil, err
	}
	parts := []expression{first}
	for p.keyword("OR") {
		part, err := p.parseAnd()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 {
		return first, nil
	}
	return or(parts), nil
}

func (p *parser) parseAnd() (expression, error) {
	first, err := p.parseNot()
	if err != nil {
		return nil, err
	}
	parts := []expression{first}
	for p.keyword("AND") {
		part, err := p.parseNot()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) == 1 {
		return first, nil
	}
	return and(parts), nil
}

func (p *parser) parseNot() (expression, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if p.keyword("NOT") {
		part, err := p.parseNot()
		return not{part}, err
	}
	return p.parseComparison()
}

func (p *parser) parseComparison() (expression, error) {
	left, err := p.parseSum()
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind == tokenSymbol {
		switch t.text {
		case "=", "!=", "<>", "<", "<=", ">", ">=":
			p.at++
			right, err := p.parseSum()
			return comparison{strings.Replace(t.text, "<>", "!=", 1), left, right}, err
		}
	}
	negated := p.keyword("NOT")
	var e expression
	switch {
	case p.keyword("IN"):
		e, err = p.parseIn(left)
	case p.keyword("BETWEEN"):
		e, err = p.parseBetween(left)
	case p.keyword("LIKE"):
		var pattern expression
		pattern, err = p.parseSum()
		e = call{"LIKE", functions["LIKE"], []expression{left, pattern}}
	case negated:
		return nil, syntaxError(p.peek().start, "want IN, BETWEEN or LIKE after NOT")
	default:
		return left, nil
	}
	if negated {
		e = not{e}
	}
	return e, err
}

func (p *parser) parseIn(left expression) (expression, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	list, err := p.parseList(")")
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, syntaxError(p.peek().start, "an IN has values")
	}
	return in{left, list}, nil
}

func (p *parser) parseBetween(left expression) (expression, error) {
	low, err := p.parseSum()
	if err != nil {
		return nil, err
	}
	if err := p.expectKeyword("AND"); err != nil {
		return nil, err
	}
	high, err := p.parseSum()
	return between{left, low, high}, err
}

func (p *parser) parseSum() (expression, error) {
	left, err := p.parseProduct()
	for err == nil {
		t := p.peek()
		if t.kind != tokenSymbol || t.text != "+" && t.text != "-" && t.text != "||" && t.text != "??" {
			return left, nil
		}
		p.at++
		if p.nodes++; p.nodes > maxNodes {
			return nil, syntaxError(t.start, "the query is too large")
		}
		var right expression
		right, err = p.parseProduct()
		left = arithmetic{t.text, left, right}
	}
	return nil, err
}

func (p *parser) parseProduct() (expression, error) {
	left, err := p.parseUnary()
	for err == nil {
		t := p.peek()
		if t.kind != tokenSymbol || t.text != "*" && t.text != "/" && t.text != "%" {
			return left, nil
		}
		p.at++
		if p.nodes++; p.nodes > maxNodes {
			return nil, syntaxError(t.start, "the query is too large")
		}
		var right expression
		right, err = p.parseUnary()
		left = arithmetic{t.text, left, right}
	}
	return nil, err
}

func (p *parser) parseUnary() (expression, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	if p.symbol("-") {
		part, err := p.parseUnary()
		return arithmetic{"-", literal{rawjson.Value("0")}, part}, err
	}
	if p.symbol("+") {
		return p.parseUnary()
	}
	return p.parsePostfix()
}

func (p *parser) parsePostfix() (expression, error) {
	e, err := p.parsePrimary()
	for err == nil {
		if p.nodes++; p.nodes > maxNodes {
			return nil, syntaxError(p.peek().start, "the query is too large")
		}
		switch {
		case p.symbol("."):
			t := p.next()
			if t.kind != tokenName {
				return nil, syntaxError(t.start, "want a property name, not %q", t.text)
			}
			e = property(e, t.text)
		case p.symbol("["):
			if t := p.peek(); t.kind == tokenString {
				p.at++
				e = property(e, t.text)
			} else {
				var index expression
				if index, err = p.parseExpression(); err != nil {
					return nil, err
				}
				e = element{e, index}
			}
			err = p.expect("]")
		default:
			return e, nil
		}
	}
	return nil, err
}

func (p *parser) parsePrimary() (expression, error) {
	t := p.next()
	switch t.kind {
	case tokenNumber:
		n, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, syntaxError(t.start, "number %s", t.text)
		}
		return literal{rawjson.OfNumber(n)}, nil
	case tokenString:
		return literal{rawjson.OfString(t.text)}, nil
	case tokenParameter:
		return parameter(t.text), nil
	case tokenName:
		return p.parseName(t)
	case tokenSymbol:
		switch t.text {
		case "(":
			return p.parseParenthesis()
		case "[":
			list, err := p.parseList("]")
			return arrayOf(list), err
		case "{":
			return p.parseObject()
		}
	case tokenEnd:
	}
	return nil, syntaxError(t.start, "unexpected %q", t.text)
}

func (p *parser) parseParenthesis() (expression, error) {
	if t := p.peek(); t.kind == tokenName && strings.EqualFold(t.text, "SELECT") {
		q, err := p.parseQuery()
		if err != nil {
			return nil, err
		}
		return subquery{q}, p.expect(")")
	}
	e, err := p.parseExpression()
	if err != nil {
		return nil, err
	}
	return e, p.expect(")")
}

// parseList reads expressions up to the closing symbol, which it takes.
func (p *parser) parseList(end string) ([]expression, error) {
	var list []expression
	if p.symbol(end) {
		return list, nil
	}
	for {
		e, err := p.parseExpression()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.symbol(",") {
			return list, p.expect(end)
		}
	}
}

func (p *parser) parseObject() (expression, error) {
	var object objectOf
	if p.symbol("}") {
		return object, nil
	}
	for {
		t := p.next()
		if t.kind != tokenString && t.kind != tokenName {
			return nil, syntaxError(t.start, "want a property name, not %q", t.text)
		}
		if err := p.expect(":"); err != nil {
			return nil, err
		}
		e, err := p.parseExpression()
		if err != nil {
			return nil, err
		}
		object = append(object, column{name: t.text, expression: e})
		if !p.symbol(",") {
			return object, p.expect("}")
		}
	}
}

func (p *parser) parseName(t token) (expression, error) {
	word := strings.ToUpper(t.text)
	switch word {
	case "TRUE":
		return literal{rawjson.True}, nil
	case "FALSE":
		return literal{rawjson.False}, nil
	case "NULL":
		return literal{rawjson.Value("null")}, nil
	case "UNDEFINED":
		return literal{}, nil
	case "EXISTS", "ARRAY":
		if next := p.peek(); next.kind == tokenSymbol && next.text == "(" {
			p.at++
			q, err := p.parseQuery()
			if err != nil {
				return nil, err
			}
			if word == "ARRAY" {
				return collect{q}, p.expect(")")
			}
			return exists{q}, p.expect(")")
		}
	}
	if reserved[word] {
		return nil, syntaxError(t.start, "unexpected %s", word)
	}
	if !p.symbol("(") {
		return name(t.text), nil
	}
	arguments, err := p.parseList(")")
	if err != nil {
		return nil, err
	}
	if isAggregate(word) {
		if len(arguments) != 1 {
			return nil, syntaxError(t.start, "%s has one argument", word)
		}
		a := &aggregate{function: word, argument: arguments[0], argumentText: strings.TrimSpace(p.text[t.end+1 : p.before()-1]), number: len(p.query.aggregates)}
		p.query.aggregates = append(p.query.aggregates, a)
		return a, nil
	}
	f, ok := functions[word]
	if !ok {
		return nil, syntaxError(t.start, "no function %s", word)
	}
	if len(arguments) < f.least || len(arguments) > f.most {
		return nil, syntaxError(t.start, "%s has %d to %d arguments", word, f.least, f.most)
	}
	return call{word, f, arguments}, nil
}
