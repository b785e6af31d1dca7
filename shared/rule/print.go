package rule

import "strings"

func (n oneOf) print(b *strings.Builder) { printJoined(b, n, " -or ") }

func (n allOf) print(b *strings.Builder) { printJoined(b, n, " -and ") }

func printJoined(b *strings.Builder, parts []node, joiner string) {
	for i, part := range parts {
		if i > 0 {
			b.WriteString(joiner)
		}
		if _, loose := part.(oneOf); loose { // it is inside -and
			printInside(b, part)
		} else {
			part.print(b)
		}
	}
}

func printInside(b *strings.Builder, part node) {
	b.WriteByte('(')
	part.print(b)
	b.WriteByte(')')
}

func (n not) print(b *strings.Builder) {
	b.WriteString("-not ")
	if _, again := n.part.(not); again {
		n.part.print(b)
	} else {
		printInside(b, n.part)
	}
}

func printOperator(b *strings.Builder, name string, o operator, negated bool) {
	b.WriteString(name + " " + spellingFor(o, negated) + " ")
}

func (c *comparison) print(b *strings.Builder) {
	printOperator(b, c.name, c.operator, c.negated)
	switch {
	case c.null:
		b.WriteString(null)
	case c.operator == isIn:
		printList(b, c.values.stored)
	default:
		b.WriteString(quoted(c.value.stored))
	}
}

func (c *flagComparison) print(b *strings.Builder) {
	printOperator(b, c.name, equals, c.negated)
	b.WriteString(c.value.String())
}

func (c *dateComparison) print(b *strings.Builder) {
	printOperator(b, c.name, c.operator, c.negated)
	b.WriteString(c.moment.String())
}

func (q *quantified) print(b *strings.Builder) {
	o := some
	if q.all {
		o = every
	}
	printOperator(b, q.name, o, false)
	printInside(b, q.part)
}

func (g *inGroups) print(b *strings.Builder) {
	b.WriteString("user.memberOf -any (group.objectId -in ")
	printList(b, g.ids.stored)
	b.WriteByte(')')
}

func (r reportsTo) print(b *strings.Builder) {
	b.WriteString("Direct Reports for " + quoted(r.id.stored))
}

func printList(b *strings.Builder, values []string) {
	b.WriteByte('[')
	for i, one := range values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoted(one))
	}
	b.WriteByte(']')
}

// quoted is a text as a rule has it: in single quotes where anything in it would have to be escaped in double ones.
func quoted(says string) string {
	if strings.ContainsAny(says, "\"'`") || strings.HasSuffix(says, `\`) {
		return "'" + strings.ReplaceAll(says, "'", "''") + "'"
	}
	return `"` + says + `"`
}
