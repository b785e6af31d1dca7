package sql

import (
	"iter"

	"latchkey/shared/store/memory/rawjson"
)

// aggregate is COUNT(…) and the like: a node whose value is known when all rows have been seen.
type aggregate struct {
	function     string
	argument     expression
	argumentText string
	number       int
}

func isAggregate(word string) bool {
	switch word {
	case "COUNT", "SUM", "MIN", "MAX", "AVG":
		return true
	}
	return false
}

func (e *aggregate) evaluate(s *scope) rawjson.Value {
	if e.number >= len(s.totals) {
		return nil
	}
	t := s.totals[e.number]
	switch e.function {
	case "COUNT":
		return rawjson.OfNumber(float64(t.count))
	case "SUM":
		if t.mixed {
			return nil
		}
		return rawjson.OfNumber(t.sum)
	case "AVG":
		if t.mixed || t.count == 0 {
			return nil
		}
		return rawjson.OfNumber(t.sum / float64(t.count))
	default:
		return t.best
	}
}

// total is what one aggregate has seen.
type total struct {
	count int
	sum   float64
	mixed bool // something that is no number
	best  rawjson.Value
}

type totals []total

func newTotals(q *Query) totals { return make(totals, len(q.aggregates)) }

func (t totals) add(q *Query, s *scope) {
	for i, a := range q.aggregates {
		v := a.argument.evaluate(s)
		if v == nil {
			continue
		}
		t[i].count++
		if v.Kind() == rawjson.Number {
			t[i].sum += v.Number()
		} else {
			t[i].mixed = true
		}
		order := int(v.Kind()) - int(t[i].best.Kind())
		if order == 0 {
			order = rawjson.Compare(v, t[i].best)
		}
		if t[i].best == nil || order < 0 == (a.function == "MIN") {
			t[i].best = v
		}
	}
}

func (q *Query) aggregate(documents iter.Seq[rawjson.Value], parameters Parameters) (rawjson.Value, error) {
	all := newTotals(q)
	s := newScope(parameters)
	for document := range documents {
		if err := q.rowsOf(s, document, func(s *scope) bool {
			all.add(q, s)
			return true
		}); err != nil {
			return nil, err
		}
	}
	s.bindings, s.totals = s.bindings[:0], all
	return q.project(s), nil
}
