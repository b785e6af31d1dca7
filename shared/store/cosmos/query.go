package cosmos

import (
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"latchkey/shared/store"
)

// statement is a query in Cosmos SQL. Values are always parameters; property names are always quoted.
type statement struct {
	text       strings.Builder
	parameters []azcosmos.QueryParameter
	elements   int
}

// compile writes a query as SQL: filters only, because that is all that the gateway does across partitions.
func compile(query store.Query) *statement {
	q := &statement{}
	q.text.WriteString("SELECT * FROM c")
	joint := " WHERE "
	clause := func(text string) {
		q.text.WriteString(joint + text)
		joint = " AND "
	}
	if query.ID != "" {
		clause("c.id = ")
		q.parameter(query.ID)
	}
	if query.Kind != "" {
		clause("c.kind = ")
		q.parameter(query.Kind)
	}
	if !query.DueBefore.IsZero() {
		clause("c.dueAt <= ")
		q.parameter(store.FormatInstant(query.DueBefore))
	}
	if query.Filter != nil {
		clause("")
		q.filter(query.Filter, `c["body"]`, false)
	}
	return q
}

// parameter writes a parameter and remembers its value.
func (q *statement) parameter(value any) {
	name := "@p" + strconv.Itoa(len(q.parameters))
	q.parameters = append(q.parameters, azcosmos.QueryParameter{Name: name, Value: value})
	q.text.WriteString(name)
}

// filter writes one condition on the value that root names.
//
// In Cosmos SQL a comparison with an absent property, or with one of another type, is neither true nor false but undefined, and so is its negation. Where nothing is
// negated, undefined is as good as false, and the plain comparison uses the index best. Under a Not (total) each comparison says first that the type is right, which
// makes it true or false.
func (q *statement) filter(filter store.Filter, root string, total bool) {
	switch f := filter.(type) {
	case store.Compare:
		q.compare(f, at(root, f.Path), total)
	case store.Match:
		path := at(root, f.Path)
		q.typed("IS_STRING", path, total, func() {
			function := map[store.Matching]string{store.Contains: "CONTAINS", store.StartsWith: "STARTSWITH", store.EndsWith: "ENDSWITH"}[f.Matching]
			q.text.WriteString(function + "(" + path + ", ")
			q.parameter(f.Text)
			if f.FoldCase {
				q.text.WriteString(", true")
			}
			q.text.WriteString(")")
		})
	case store.In:
		q.in(f, at(root, f.Path), total)
	case store.Any:
		q.elements++
		element := "e" + strconv.Itoa(q.elements)
		// What is undefined within does not select an element, and EXISTS itself is always true or false.
		q.text.WriteString("EXISTS(SELECT VALUE " + element + " FROM " + element + " IN " + at(root, f.Path) + " WHERE ")
		q.filter(f.Filter, element, false)
		q.text.WriteString(")")
	case store.And:
		q.join(f, " AND ", "true", root, total)
	case store.Or:
		q.join(f, " OR ", "false", root, total)
	case store.Not:
		q.text.WriteString("(NOT ")
		q.filter(f.Filter, root, true)
		q.text.WriteString(")")
	}
}

func (q *statement) join(filters []store.Filter, operator, empty, root string, total bool) {
	if len(filters) == 0 {
		q.text.WriteString(empty)
		return
	}
	q.text.WriteString("(")
	for i, filter := range filters {
		if i > 0 {
			q.text.WriteString(operator)
		}
		q.filter(filter, root, total)
	}
	q.text.WriteString(")")
}

func (q *statement) in(f store.In, path string, total bool) {
	if len(f.Values) == 0 {
		q.text.WriteString("false")
		return
	}
	q.typed("IS_STRING", path, total, func() {
		q.text.WriteString("(" + path + " IN (")
		for i, value := range f.Values {
			if i > 0 {
				q.text.WriteString(", ")
			}
			q.parameter(value)
		}
		q.text.WriteString("))")
	})
}

func (q *statement) compare(f store.Compare, path string, total bool) {
	if f.Value == nil {
		if f.Comparison == store.Equal {
			q.text.WriteString("(NOT IS_DEFINED(" + path + ") OR IS_NULL(" + path + "))")
		} else {
			q.text.WriteString("(IS_DEFINED(" + path + ") AND NOT IS_NULL(" + path + "))")
		}
		return
	}
	kind := "IS_NUMBER"
	switch f.Value.(type) {
	case string:
		kind = "IS_STRING"
		if f.FoldCase && (f.Comparison == store.Equal || f.Comparison == store.NotEqual) {
			q.typed(kind, path, total, func() {
				if f.Comparison == store.NotEqual {
					q.text.WriteString("NOT ")
				}
				q.text.WriteString("STRINGEQUALS(" + path + ", ")
				q.parameter(f.Value)
				q.text.WriteString(", true)")
			})
			return
		}
	case bool:
		kind = "IS_BOOL"
	}
	// An inequality is guarded everywhere: that it is undefined between types is documented less well than for the others.
	q.typed(kind, path, total || f.Comparison == store.NotEqual, func() {
		operators := map[store.Comparison]string{
			store.Equal: " = ", store.NotEqual: " != ", store.Less: " < ", store.LessOrEqual: " <= ", store.Greater: " > ", store.GreaterOrEqual: " >= ",
		}
		q.text.WriteString(path + operators[f.Comparison])
		q.parameter(f.Value)
	})
}

// typed writes a condition, guarded by a check of the type if it must be true or false.
func (q *statement) typed(check, path string, total bool, condition func()) {
	q.text.WriteString("(")
	if total {
		q.text.WriteString(check + "(" + path + ") AND ")
	}
	condition()
	q.text.WriteString(")")
}

// at is a path in bracket notation, in which any property name can be said.
func at(root string, path []string) string {
	text := []byte(root)
	for _, name := range path {
		text = append(appendString(append(text, '['), name), ']')
	}
	return string(text)
}
