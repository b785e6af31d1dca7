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
	// maxJoined bounds the rows that one document can make.
	maxJoined = 10_000
)

// Parameters are the values of a query's parameters, by name with the @.
type Parameters map[string]rawjson.Value

// Streams says whether rows can be answered as they are found, document by document. If not, the query needs Execute.
func (q *Query) Streams() bool {
	return !q.distinct && q.top == nil && len(q.order) == 0 && q.offset == nil && len(q.aggregates) == 0
}

// Rows answers the rows that one document makes, until emit says that it is enough.
func (q *Query) Rows(document rawjson.Value, parameters Parameters, emit func(rawjson.Value)) {
	s := &scope{parameters: parameters}
	q.rowsOf(s, document, func(s *scope) bool {
		if v := q.project(s); v != nil {
			emit(v)
		}
		return true
	})
}

// Execute answers all rows of a query that does not stream.
func (q *Query) Execute(documents iter.Seq[rawjson.Value], parameters Parameters) ([]rawjson.Value, error) {
	window, err := q.window(parameters)
	if err != nil {
		return nil, err
	}
	if len(q.aggregates) > 0 {
		rows := []rawjson.Value{q.aggregate(documents, parameters)}
		if rows[0] == nil {
			rows = nil
		}
		return window.cut(rows), nil
	}
	var found []sortable
	seen := map[string]bool{}
	s := &scope{parameters: parameters}
	full := false
	for document := range documents {
		q.rowsOf(s, document, func(s *scope) bool {
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
func (q *Query) rowsOf(s *scope, document rawjson.Value, visit func(*scope) bool) {
	s.bindings = s.bindings[:0]
	if len(q.sources) == 0 {
		if q.accepts(s) {
			visit(s)
		}
		return
	}
	first := q.sources[0]
	if first.path != nil {
		// FROM x IN c.path: what the path starts with is the document, whatever it is called.
		s.bindings = append(s.bindings, binding{rootOf(first.path), document})
	}
	rows := 0
	q.bind(s, 0, document, &rows, visit)
}

// rows calls emit for what a subquery selects in the scope around it.
func (q *Query) rows(outer *scope, emit func(rawjson.Value) bool) {
	s := &scope{parameters: outer.parameters, bindings: append(outer.bindings[:len(outer.bindings):len(outer.bindings)], binding{})[:len(outer.bindings)]}
	visit := func(s *scope) bool {
		if v := q.project(s); v != nil {
			return emit(v)
		}
		return true
	}
	if len(q.aggregates) > 0 {
		totals := newTotals(q)
		all := 0
		q.bind(s, 0, nil, &all, func(s *scope) bool { totals.add(q, s); return true })
		s.totals = totals
		if v := q.project(s); v != nil {
			emit(v)
		}
		return
	}
	if len(q.sources) == 0 {
		if q.accepts(s) {
			visit(s)
		}
		return
	}
	rows := 0
	q.bind(s, 0, nil, &rows, visit)
}

// bind gives the sources from number on their values, one after another, and visits what the WHERE accepts.
func (q *Query) bind(s *scope, number int, document rawjson.Value, rows *int, visit func(*scope) bool) bool {
	if number == len(q.sources) {
		if *rows++; *rows > maxJoined {
			return false
		}
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
		return q.bind(s, number+1, document, rows, visit)
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
