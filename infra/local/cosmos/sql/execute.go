package sql

import (
	"fmt"
	"iter"
	"math"
	"sort"

	"latchkey/shared/store/memory/rawjson"
)

// Limits of one execution.
const (
	// maxRows bounds what a query that must see everything before it answers keeps.
	maxRows = 200_000
	// maxLooked bounds the rows that are looked at for one document, in joins and subqueries together: they multiply when they nest.
	maxLooked = 10_000
)

// Parameters are the values of a query's parameters, by name with the @.
type Parameters map[string]rawjson.Value

// Streams says whether rows can be answered as they are found, document by document. If not, the query needs Execute.
func (q *Query) Streams() bool {
	return !q.distinct && q.top == nil && len(q.order) == 0 && q.offset == nil && len(q.aggregates) == 0
}

// Rows answers the rows that one document makes. It fails if they take too much looking for.
func (q *Query) Rows(document rawjson.Value, parameters Parameters, emit func(rawjson.Value)) error {
	return q.rowsOf(newScope(parameters), document, func(s *scope) bool {
		if v := q.project(s); v != nil {
			emit(v)
		}
		return true
	})
}

func newScope(parameters Parameters) *scope { return &scope{parameters: parameters, budget: new(int)} }

// Execute answers all rows of a query that does not stream.
func (q *Query) Execute(documents iter.Seq[rawjson.Value], parameters Parameters) ([]rawjson.Value, error) {
	window, err := q.window(parameters)
	if err != nil {
		return nil, err
	}
	if len(q.aggregates) > 0 {
		row, err := q.aggregate(documents, parameters)
		if err != nil || row == nil {
			return nil, err
		}
		return window.cut([]rawjson.Value{row}), nil
	}
	var found []sortable
	seen := map[string]bool{}
	s := newScope(parameters)
	full := false
	for document := range documents {
		err := q.rowsOf(s, document, func(s *scope) bool {
			v := q.project(s)
			if v == nil {
				return true
			}
			if q.distinct {
				if seen[string(v)] {
					return true
				}
				seen[string(v)] = true
			}
			row := sortable{value: v}
			for _, o := range q.order {
				row.keys = append(row.keys, o.evaluate(s))
			}
			found = append(found, row)
			full = len(q.order) == 0 && len(found) >= window.end
			return !full && len(found) <= maxRows
		})
		if err != nil {
			return nil, err
		}
		if full {
			break
		}
		if len(found) > maxRows {
			return nil, fmt.Errorf("%w: the query keeps more than %d rows", ErrSyntax, maxRows)
		}
	}
	q.sort(found)
	rows := make([]rawjson.Value, len(found))
	for i := range found {
		rows[i] = found[i].value
	}
	return window.cut(rows), nil
}

type sortable struct {
	value rawjson.Value
	keys  []rawjson.Value
}

func (q *Query) sort(rows []sortable) {
	if len(q.order) == 0 {
		return
	}
	sort.SliceStable(rows, func(i, j int) bool {
		for n, o := range q.order {
			a, b := rows[i].keys[n], rows[j].keys[n]
			order := int(a.Kind()) - int(b.Kind())
			if order == 0 {
				order = rawjson.Compare(a, b)
			}
			if order != 0 {
				return (order < 0) != o.descending
			}
		}
		return false
	})
}

// window is which rows of all are wanted.
type window struct{ start, end int }

func (w window) cut(rows []rawjson.Value) []rawjson.Value {
	end := min(w.end, len(rows))
	return rows[min(w.start, end):end]
}

func (q *Query) window(parameters Parameters) (window, error) {
	w := window{0, math.MaxInt}
	count := func(e expression) (int, error) {
		v := e.evaluate(&scope{parameters: parameters})
		n := v.Number()
		if v.Kind() != rawjson.Number || n < 0 || n != math.Trunc(n) || n > math.MaxInt32 {
			return 0, fmt.Errorf("%w: TOP, OFFSET and LIMIT are whole numbers", ErrSyntax)
		}
		return int(n), nil
	}
	if q.offset != nil {
		offset, err := count(q.offset)
		if err != nil {
			return w, err
		}
		limit, err := count(q.limit)
		if err != nil {
			return w, err
		}
		w = window{offset, offset + limit}
	}
	if q.top != nil {
		top, err := count(q.top)
		if err != nil {
			return w, err
		}
		w.end = min(w.end, w.start+top)
	}
	return w, nil
}

// rowsOf calls visit for each combination of the sources over one document that the WHERE accepts.
func (q *Query) rowsOf(s *scope, document rawjson.Value, visit func(*scope) bool) error {
	s.bindings = s.bindings[:0]
	*s.budget = maxLooked
	if len(q.sources) > 0 && q.sources[0].path != nil {
		// FROM x IN c.path: what the path starts with is the document, whatever it is called.
		s.bindings = append(s.bindings, binding{rootOf(q.sources[0].path), document})
	}
	q.bind(s, 0, document, visit)
	if *s.budget < 0 {
		return fmt.Errorf("%w: the query looks at more than %d rows of one document", ErrSyntax, maxLooked)
	}
	return nil
}

// rows calls emit for what a subquery selects in the scope around it.
func (q *Query) rows(outer *scope, emit func(rawjson.Value) bool) {
	s := &scope{parameters: outer.parameters, budget: outer.budget, bindings: append(outer.bindings[:len(outer.bindings):len(outer.bindings)], binding{})[:len(outer.bindings)]}
	visit := func(s *scope) bool {
		if v := q.project(s); v != nil {
			return emit(v)
		}
		return true
	}
	if len(q.aggregates) > 0 {
		totals := newTotals(q)
		q.bind(s, 0, nil, func(s *scope) bool { totals.add(q, s); return true })
		s.totals = totals
		if v := q.project(s); v != nil {
			emit(v)
		}
		return
	}
	q.bind(s, 0, nil, visit)
}

// bind gives the sources from number on their values, one after another, and visits what the WHERE accepts.
func (q *Query) bind(s *scope, number int, document rawjson.Value, visit func(*scope) bool) bool {
	if *s.budget--; *s.budget < 0 {
		return false
	}
	if number == len(q.sources) {
		return !q.accepts(s) || visit(s)
	}
	from := q.sources[number]
	value := document
	if from.path != nil {
		value = from.path.evaluate(s)
	} else if document == nil {
		value = s.lookup(from.name) // a subquery over a name of the query around it
	}
	depth := len(s.bindings)
	with := func(v rawjson.Value) bool {
		s.bindings = append(s.bindings[:depth], binding{from.name, v})
		return q.bind(s, number+1, document, visit)
	}
	defer func() { s.bindings = s.bindings[:depth] }()
	if !from.each {
		return value == nil || with(value)
	}
	more := true
	value.Elements(func(v rawjson.Value) bool {
		more = with(v)
		return more
	})
	return more
}

func rootOf(e expression) string {
	switch e := e.(type) {
	case name:
		return string(e)
	case properties:
		return rootOf(e.of)
	case element:
		return rootOf(e.of)
	}
	return ""
}

func (q *Query) accepts(s *scope) bool {
	return q.where == nil || q.where.evaluate(s).Bool()
}

// project is the row that the SELECT makes; undefined: none.
func (q *Query) project(s *scope) rawjson.Value {
	switch {
	case q.star:
		return s.bindings[len(s.bindings)-1].value
	case q.value != nil:
		return q.value.evaluate(s)
	default:
		return objectOf(q.columns).evaluate(s)
	}
}
