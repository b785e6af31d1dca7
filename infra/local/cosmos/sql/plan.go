package sql

import (
	"encoding/json"
	"fmt"
	"strings"

	"latchkey/shared/store/memory/rawjson"
)

// Constraint is something that the WHERE says of every row: a comparison of a property of the document's root with a constant.
type Constraint struct {
	Property string
	Operator string // = < <= > >=, or "in"
	Values   []rawjson.Value
}

// Constraints are those that can choose an index. There may be more in the query; all rows satisfy these.
func (q *Query) Constraints(parameters Parameters) []Constraint {
	if len(q.sources) == 0 || q.sources[0].path != nil || q.where == nil {
		return nil
	}
	parts := []expression{q.where}
	if all, ok := q.where.(and); ok {
		parts = all
	}
	root := q.sources[0].name
	s := &scope{parameters: parameters}
	var found []Constraint
	for _, part := range parts {
		switch e := part.(type) {
		case comparison:
			if property, ok := rootProperty(e.left, root); ok && isConstant(e.right) && e.operator != "!=" {
				found = append(found, Constraint{property, e.operator, []rawjson.Value{e.right.evaluate(s)}})
			}
		case in:
			property, ok := rootProperty(e.left, root)
			c := Constraint{property, "in", nil}
			for _, v := range e.list {
				ok = ok && isConstant(v)
				c.Values = append(c.Values, v.evaluate(s))
			}
			if ok {
				found = append(found, c)
			}
		}
	}
	return found
}

func rootProperty(e expression, root string) (string, bool) {
	p, ok := e.(properties)
	if !ok || len(p.path) != 1 {
		return "", false
	}
	of, ok := p.of.(name)
	return p.path[0], ok && string(of) == root
}

func isConstant(e expression) bool {
	switch e.(type) {
	case literal, parameter:
		return true
	}
	return false
}

// Beyond says what keeps a gateway from serving this query across partitions for a client that brings no plan of its own; empty: nothing does.
func (q *Query) Beyond() string {
	switch {
	case len(q.order) > 0:
		return "OrderBy"
	case len(q.aggregates) > 0:
		return "Aggregate"
	case q.distinct:
		return "Distinct"
	case q.offset != nil:
		return "OffsetAndLimit"
	case q.top != nil:
		return "Top"
	}
	return ""
}

// Plan is what a client needs to run the query partition by partition and merge the answers itself.
type Plan struct {
	Version   int         `json:"partitionedQueryExecutionInfoVersion"`
	QueryInfo QueryInfo   `json:"queryInfo"`
	Ranges    []PlanRange `json:"queryRanges"`
}

// QueryInfo is the query's part of a Plan.
type QueryInfo struct {
	DistinctType           string         `json:"distinctType"`
	Top                    *int           `json:"top"`
	Offset                 *int           `json:"offset"`
	Limit                  *int           `json:"limit"`
	OrderBy                []string       `json:"orderBy"`
	OrderByExpressions     []string       `json:"orderByExpressions"`
	GroupByExpressions     []string       `json:"groupByExpressions"`
	GroupByAliases         []string       `json:"groupByAliases"`
	Aggregates             []string       `json:"aggregates"`
	GroupByAliasAggregates map[string]any `json:"groupByAliasToAggregateType"`
	RewrittenQuery         string         `json:"rewrittenQuery"`
	HasSelectValue         bool           `json:"hasSelectValue"`
	HasNonStreamingOrderBy bool           `json:"hasNonStreamingOrderBy"`
}

// PlanRange is a range of hashed partition keys.
type PlanRange struct {
	Min          string `json:"min"`
	Max          string `json:"max"`
	MinInclusive bool   `json:"isMinInclusive"`
	MaxInclusive bool   `json:"isMaxInclusive"`
}

// Plan makes the plan. It covers all partitions.
func (q *Query) Plan(parameters Parameters) (Plan, error) {
	info := QueryInfo{
		DistinctType: "None", OrderBy: []string{}, OrderByExpressions: []string{}, GroupByExpressions: []string{}, GroupByAliases: []string{}, Aggregates: []string{},
		GroupByAliasAggregates: map[string]any{}, HasSelectValue: q.value != nil,
	}
	if q.distinct {
		info.DistinctType = "Unordered"
	}
	w, err := q.window(parameters)
	if err != nil {
		return Plan{}, err
	}
	size := w.end - w.start
	switch {
	case q.offset != nil:
		info.Offset, info.Limit = &w.start, &size
	case q.top != nil:
		info.Top = &size
	}
	for _, o := range q.order {
		direction := "Ascending"
		if o.descending {
			direction = "Descending"
		}
		info.OrderBy = append(info.OrderBy, direction)
		info.OrderByExpressions = append(info.OrderByExpressions, q.part(o.span))
	}
	for _, a := range q.aggregates {
		info.Aggregates = append(info.Aggregates, map[string]string{"COUNT": "Count", "SUM": "Sum", "MIN": "Min", "MAX": "Max", "AVG": "Average"}[a.function])
	}
	if info.RewrittenQuery, err = q.rewrite(w); err != nil {
		return Plan{}, err
	}
	return Plan{Version: 2, QueryInfo: info, Ranges: []PlanRange{{Min: "", Max: "FF", MinInclusive: true}}}, nil
}

func (q *Query) part(s span) string { return q.text[s.start:s.end] }

// rewrite is the query as each partition is to answer it.
func (q *Query) rewrite(w window) (string, error) {
	if len(q.sources) == 0 {
		return "", nil
	}
	from := " FROM " + q.part(q.from)
	where := ""
	if q.where != nil {
		where = " WHERE (" + q.part(q.condition) + ")"
	}
	switch {
	case len(q.aggregates) > 0:
		a, ok := q.value.(*aggregate)
		if !ok {
			return "", fmt.Errorf("%w: across partitions an aggregate is SELECT VALUE %s(…)", ErrSyntax, q.aggregates[0].function)
		}
		return "SELECT VALUE [{" + a.partial() + "}]" + from + where, nil
	case len(q.order) > 0:
		return q.rewriteOrder(from, where), nil
	case q.offset != nil:
		return "SELECT " + q.part(q.selected) + from + where + fmt.Sprintf(" OFFSET 0 LIMIT %d", w.end), nil
	}
	return "", nil
}

// partial is what a partition answers of an aggregate, so that the client can go on with it.
func (e *aggregate) partial() string {
	x := "(" + e.argumentText + ")"
	switch e.function {
	case "AVG":
		return `"item": {"sum": SUM` + x + `, "count": COUNT` + x + `}`
	case "MIN":
		return `"item": MIN` + x + `, "item2": {"min": MIN` + x + `, "count": COUNT` + x + `}`
	case "MAX":
		return `"item": MAX` + x + `, "item2": {"max": MAX` + x + `, "count": COUNT` + x + `}`
	default:
		return `"item": ` + e.function + x
	}
}

func (q *Query) rewriteOrder(from, where string) string {
	root := q.sources[0].name
	var items, order []string
	for _, o := range q.order {
		items = append(items, "{\"item\": "+q.part(o.span)+"}")
		direction := " ASC"
		if o.descending {
			direction = " DESC"
		}
		order = append(order, q.part(o.span)+direction)
	}
	payload := root
	switch {
	case q.value != nil:
		payload = strings.TrimSpace(q.part(q.selected)[len("VALUE"):])
	case !q.star:
		var members []string
		for _, c := range q.columns {
			name, err := json.Marshal(c.name)
			if err != nil { // a string always marshals
				continue
			}
			members = append(members, string(name)+": "+q.part(c.span))
		}
		payload = "{" + strings.Join(members, ", ") + "}"
	}
	const filter = "({documentdb-formattableorderbyquery-filter})"
	if where == "" {
		where = " WHERE " + filter
	} else {
		where += " AND " + filter
	}
	return "SELECT " + root + "._rid, [" + strings.Join(items, ", ") + "] AS orderByItems, " + payload + " AS payload" + from + where + " ORDER BY " + strings.Join(order, ", ")
}

// HasSource says whether the query has a FROM: without one it answers once, whatever there is.
func (q *Query) HasSource() bool { return len(q.sources) > 0 }
