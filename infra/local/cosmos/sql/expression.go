package sql

import (
	"math"
	"strings"

	"latchkey/shared/store/memory/rawjson"
)

// expression is a node of the tree. Its value may be undefined.
type expression interface {
	evaluate(*scope) rawjson.Value
}

// scope is what names mean while one row is looked at.
type scope struct {
	parameters map[string]rawjson.Value
	bindings   []binding
	totals     []total // of the query whose aggregates are being written out
	budget     *int    // rows that may still be looked at, in all subqueries together
}

type binding struct {
	name  string
	value rawjson.Value
}

func (s *scope) lookup(name string) rawjson.Value {
	for i := len(s.bindings) - 1; i >= 0; i-- {
		if s.bindings[i].name == name {
			return s.bindings[i].value
		}
	}
	return nil
}

type (
	literal    struct{ value rawjson.Value }
	parameter  string
	name       string
	properties struct {
		of   expression
		path []string
	}
	element    struct{ of, index expression }
	and        []expression
	or         []expression
	not        struct{ part expression }
	comparison struct {
		operator    string
		left, right expression
	}
	in struct {
		left expression
		list []expression
	}
	between struct {
		of, low, high expression
	}
	arithmetic struct {
		operator    string
		left, right expression
	}
	call struct {
		name string
		function
		arguments []expression
	}
	arrayOf  []expression
	objectOf []column
	exists   struct{ query *Query }
	collect  struct{ query *Query }
	subquery struct{ query *Query }
)

// property is a step down from an expression; steps are gathered into one path.
func property(of expression, step string) expression {
	if p, ok := of.(properties); ok {
		return properties{p.of, append(p.path, step)} // the parser has no other use for p
	}
	return properties{of, []string{step}}
}

func lastName(e expression) string {
	switch e := e.(type) {
	case name:
		return string(e)
	case properties:
		return e.path[len(e.path)-1]
	}
	return ""
}

func (e literal) evaluate(*scope) rawjson.Value      { return e.value }
func (e parameter) evaluate(s *scope) rawjson.Value  { return s.parameters[string(e)] }
func (e name) evaluate(s *scope) rawjson.Value       { return s.lookup(string(e)) }
func (e properties) evaluate(s *scope) rawjson.Value { return e.of.evaluate(s).At(e.path) }

func (e element) evaluate(s *scope) rawjson.Value {
	of, index := e.of.evaluate(s), e.index.evaluate(s)
	if index.Kind() == rawjson.String {
		return of.Get(index.Text())
	}
	if index.Kind() != rawjson.Number {
		return nil
	}
	var found rawjson.Value
	n := 0.0
	of.Elements(func(v rawjson.Value) bool {
		if n == index.Number() {
			found = v
		}
		n++
		return found == nil
	})
	return found
}

func (e and) evaluate(s *scope) rawjson.Value {
	unknown := false
	for _, part := range e {
		v := part.evaluate(s)
		if v.Kind() != rawjson.Bool {
			unknown = true
		} else if !v.Bool() {
			return rawjson.False
		}
	}
	if unknown {
		return nil
	}
	return rawjson.True
}

func (e or) evaluate(s *scope) rawjson.Value {
	unknown := false
	for _, part := range e {
		v := part.evaluate(s)
		if v.Kind() != rawjson.Bool {
			unknown = true
		} else if v.Bool() {
			return rawjson.True
		}
	}
	if unknown {
		return nil
	}
	return rawjson.False
}

func (e not) evaluate(s *scope) rawjson.Value {
	v := e.part.evaluate(s)
	if v.Kind() != rawjson.Bool {
		return nil
	}
	return rawjson.OfBool(!v.Bool())
}

func (e comparison) evaluate(s *scope) rawjson.Value {
	return compare(e.operator, e.left.evaluate(s), e.right.evaluate(s))
}

func compare(operator string, left, right rawjson.Value) rawjson.Value {
	kind := left.Kind()
	if kind == rawjson.Undefined || kind != right.Kind() {
		return nil
	}
	switch operator {
	case "=":
		return rawjson.OfBool(rawjson.Equal(left, right))
	case "!=":
		return rawjson.OfBool(!rawjson.Equal(left, right))
	}
	if kind == rawjson.Array || kind == rawjson.Object {
		return nil
	}
	order := rawjson.Compare(left, right)
	switch operator {
	case "<":
		return rawjson.OfBool(order < 0)
	case "<=":
		return rawjson.OfBool(order <= 0)
	case ">":
		return rawjson.OfBool(order > 0)
	default:
		return rawjson.OfBool(order >= 0)
	}
}

func (e in) evaluate(s *scope) rawjson.Value {
	left := e.left.evaluate(s)
	unknown := false
	for _, part := range e.list {
		v := compare("=", left, part.evaluate(s))
		if v == nil {
			unknown = true
		} else if v.Bool() {
			return v
		}
	}
	if unknown {
		return nil
	}
	return rawjson.False
}

func (e between) evaluate(s *scope) rawjson.Value {
	of := literal{e.of.evaluate(s)}
	return and{comparison{">=", of, e.low}, comparison{"<=", of, e.high}}.evaluate(s)
}

func (e arithmetic) evaluate(s *scope) rawjson.Value {
	left := e.left.evaluate(s)
	if e.operator == "??" {
		if left != nil {
			return left
		}
		return e.right.evaluate(s)
	}
	right := e.right.evaluate(s)
	if e.operator == "||" {
		if left.Kind() != rawjson.String || right.Kind() != rawjson.String {
			return nil
		}
		return bounded(rawjson.OfString(left.Text() + right.Text()))
	}
	if left.Kind() != rawjson.Number || right.Kind() != rawjson.Number {
		return nil
	}
	a, b := left.Number(), right.Number()
	var n float64
	switch e.operator {
	case "+":
		n = a + b
	case "-":
		n = a - b
	case "*":
		n = a * b
	case "/":
		n = a / b
	case "%":
		n = math.Mod(a, b)
	}
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return nil
	}
	return rawjson.OfNumber(n)
}

func (e arrayOf) evaluate(s *scope) rawjson.Value {
	text := []byte{'['}
	for _, part := range e {
		if v := part.evaluate(s); v != nil {
			text = append(separate(text), v...)
		}
	}
	return bounded(append(text, ']'))
}

func (e objectOf) evaluate(s *scope) rawjson.Value {
	text := []byte{'{'}
	for _, c := range e {
		if v := c.evaluate(s); v != nil {
			text = append(rawjson.AppendString(separate(text), c.name), ':')
			text = append(text, v...)
		}
	}
	return bounded(append(text, '}'))
}

// maxValueBytes bounds what an expression can build: a query cannot grow a value without end by nesting.
const maxValueBytes = 4 << 20

func bounded(v rawjson.Value) rawjson.Value {
	if len(v) > maxValueBytes {
		return nil
	}
	return v
}

// separate writes a comma unless it is the first member.
func separate(text []byte) []byte {
	if len(text) > 1 {
		return append(text, ',')
	}
	return text
}

func (e exists) evaluate(s *scope) rawjson.Value {
	found := false
	e.query.rows(s, func(rawjson.Value) bool {
		found = true
		return false
	})
	return rawjson.OfBool(found)
}

func (e collect) evaluate(s *scope) rawjson.Value {
	text := []byte{'['}
	e.query.rows(s, func(v rawjson.Value) bool {
		text = append(separate(text), v...)
		return len(text) <= maxValueBytes
	})
	return bounded(append(text, ']'))
}

func (e subquery) evaluate(s *scope) rawjson.Value {
	var first rawjson.Value
	e.query.rows(s, func(v rawjson.Value) bool {
		first = v
		return false
	})
	return first
}

type function struct {
	least, most int
	apply       func(arguments []rawjson.Value) rawjson.Value
}

func (e call) evaluate(s *scope) rawjson.Value {
	var room [3]rawjson.Value
	arguments := room[:0]
	for _, a := range e.arguments {
		arguments = append(arguments, a.evaluate(s))
	}
	return e.apply(arguments)
}

var functions = map[string]function{
	"CONTAINS":       text(strings.Contains),
	"STARTSWITH":     text(strings.HasPrefix),
	"ENDSWITH":       text(strings.HasSuffix),
	"STRINGEQUALS":   text(func(a, b string) bool { return a == b }),
	"LIKE":           {2, 2, like},
	"LOWER":          {1, 1, changed(strings.ToLower)},
	"UPPER":          {1, 1, changed(strings.ToUpper)},
	"LENGTH":         {1, 1, length},
	"CONCAT":         {2, 100, concat},
	"IS_DEFINED":     {1, 1, func(a []rawjson.Value) rawjson.Value { return rawjson.OfBool(a[0] != nil) }},
	"IS_NULL":        is(rawjson.Null),
	"IS_BOOL":        is(rawjson.Bool),
	"IS_NUMBER":      is(rawjson.Number),
	"IS_STRING":      is(rawjson.String),
	"IS_ARRAY":       is(rawjson.Array),
	"IS_OBJECT":      is(rawjson.Object),
	"IS_PRIMITIVE":   is(rawjson.Null, rawjson.Bool, rawjson.Number, rawjson.String),
	"ARRAY_CONTAINS": {2, 3, arrayContains},
	"ARRAY_LENGTH":   {1, 1, arrayLength},
}

// text is a function of two strings and, in all of them, a third argument that says whether case does not count.
func text(holds func(a, b string) bool) function {
	return function{2, 3, func(a []rawjson.Value) rawjson.Value {
		if a[0].Kind() != rawjson.String || a[1].Kind() != rawjson.String {
			return nil
		}
		left, right := a[0].Text(), a[1].Text()
		if len(a) == 3 {
			if a[2].Kind() != rawjson.Bool {
				return nil
			}
			if a[2].Bool() {
				left, right = rawjson.Fold(left), rawjson.Fold(right)
			}
		}
		return rawjson.OfBool(holds(left, right))
	}}
}

func is(kinds ...rawjson.Kind) function {
	return function{1, 1, func(a []rawjson.Value) rawjson.Value {
		for _, kind := range kinds {
			if a[0].Kind() == kind {
				return rawjson.True
			}
		}
		return rawjson.False
	}}
}

func changed(change func(string) string) func([]rawjson.Value) rawjson.Value {
	return func(a []rawjson.Value) rawjson.Value {
		if a[0].Kind() != rawjson.String {
			return nil
		}
		return rawjson.OfString(change(a[0].Text()))
	}
}

func length(a []rawjson.Value) rawjson.Value {
	if a[0].Kind() != rawjson.String {
		return nil
	}
	return rawjson.OfNumber(float64(len([]rune(a[0].Text()))))
}

func concat(a []rawjson.Value) rawjson.Value {
	var all strings.Builder
	for _, v := range a {
		if v.Kind() != rawjson.String {
			return nil
		}
		all.WriteString(v.Text())
	}
	return bounded(rawjson.OfString(all.String()))
}

func arrayLength(a []rawjson.Value) rawjson.Value {
	if a[0].Kind() != rawjson.Array {
		return nil
	}
	n := 0
	a[0].Elements(func(rawjson.Value) bool { n++; return true })
	return rawjson.OfNumber(float64(n))
}

// arrayContains looks for a value, or, with a true third argument, for an object that has at least the properties of the value.
func arrayContains(a []rawjson.Value) rawjson.Value {
	if a[0].Kind() != rawjson.Array || a[1] == nil {
		return nil
	}
	partial := len(a) == 3 && a[2].Bool()
	found := false
	a[0].Elements(func(v rawjson.Value) bool {
		found = rawjson.Equal(v, a[1])
		if !found && partial && v.Kind() == rawjson.Object && a[1].Kind() == rawjson.Object {
			found = true
			a[1].Members(func(key []byte, want rawjson.Value) bool {
				found = rawjson.Equal(v.Get(rawjson.Unquote(key)), want)
				return found
			})
		}
		return !found
	})
	return rawjson.OfBool(found)
}

// like matches % (anything) and _ (one character).
func like(a []rawjson.Value) rawjson.Value {
	if a[0].Kind() != rawjson.String || a[1].Kind() != rawjson.String {
		return nil
	}
	text, pattern := []rune(a[0].Text()), []rune(a[1].Text())
	i, j, star, mark := 0, 0, -1, 0
	for i < len(text) {
		switch {
		case j < len(pattern) && pattern[j] == '%':
			star, mark = j, i
			j++
		case j < len(pattern) && (pattern[j] == '_' || pattern[j] == text[i]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = mark, star+1
		default:
			return rawjson.False
		}
	}
	for j < len(pattern) && pattern[j] == '%' {
		j++
	}
	return rawjson.OfBool(j == len(pattern))
}
