package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// parser reads a rule. After its first error everything looks like the end of the rule, so that nothing more is read or said.
type parser struct {
	rule     string
	now      time.Time
	tokens   []token
	nested   int       // parentheses that are open
	items    *property // the collection whose items a part is about
	program  int       // steps of the patterns so far
	searches []search
	err      *SyntaxError
}

// parse is Parse for a text of any length, as printing may make one.
func parse(text string, now time.Time) (*Rule, error) {
	if !utf8.ValidString(text) {
		at := strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError })
		return nil, errorAt(text, at, "This is no character; rules are UTF-8.")
	}
	p := parser{rule: text, now: now, tokens: tokens(text)}
	root := p.whole()
	if p.err != nil {
		return nil, p.err
	}
	return &Rule{root, p.searches}, nil
}

// next is the token that is to be read.
func (p *parser) next() token {
	t := p.tokens[0]
	if t.sign == bad {
		p.fail(t, "%s", t.text)
		return p.tokens[0]
	}
	return t
}

// take is next, read.
func (p *parser) take() token {
	t := p.next()
	if t.sign != ended {
		p.tokens = p.tokens[1:]
	}
	return t
}

// fail refuses the rule for something at a token; what ends too early, for what is missing behind its last word.
func (p *parser) fail(t token, format string, args ...any) {
	if p.err == nil {
		at := t.at
		if t.sign == ended {
			at = len(strings.TrimRight(p.rule[:at], " \t\r\n"))
		}
		p.err = errorAt(p.rule, at, format, args...)
	}
	p.tokens = []token{{sign: ended, at: len(p.rule)}}
}

// isWord says whether the next token is a word.
func (p *parser) isWord(lowered string) bool {
	t := p.next()
	return t.sign == word && t.text == lowered
}

// written is a token as it is written, short enough for a message.
func (p *parser) written(t token) string {
	const most = 60
	if t.sign == ended {
		return "the end of the rule"
	}
	shown, _ := cutRunes(p.rule[t.at:t.end], most)
	if t.at+len(shown) < t.end {
		shown += "…"
	}
	return strings.Join(strings.Fields(shown), " ")
}

func (p *parser) whole() node {
	first := p.next()
	switch {
	case first.sign == ended:
		p.fail(first, `The rule is empty; write for example user.department -eq "Sales".`)
		return nil
	case first.sign == text && (p.tokens[1].sign == ended || strings.Contains(strings.ToLower(first.text), "user.")):
		p.fail(first, "The whole rule is in quotes; take it out of them.")
		return nil
	case p.isWord("direct") || p.isWord("directreports"):
		return p.reports()
	}
	root := p.or()
	if t := p.next(); t.sign != ended {
		p.after(t)
	}
	return root
}

// after refuses what follows a whole expression.
func (p *parser) after(t token) {
	switch {
	case t.sign == closing:
		p.fail(t, "This ) closes nothing; take it away, or open one before it.")
	case t.sign == listCloses:
		p.fail(t, "This ] closes nothing; a list begins with [, behind -in or -notIn.")
	case t.sign == word && spellingOf[t.text] != nil:
		p.fail(t, "A comparison has one operator: property, operator, value; -and or -or joins it to another.")
	case t.sign == word && (t.text == plus || t.text == minus):
		p.fail(t, "-%s stands once, behind system.now: (system.now -%s P1D).", t.text, t.text)
	case t.sign == word && t.text == notWord:
		p.fail(t, "-and or -or is missing before -not.")
	case t.sign == word && t.dashed:
		p.fail(t, "%s is no joiner; -and or -or joins two comparisons.", p.written(t))
	case t.sign == word && t.text == "for" || p.isWord("direct"):
		p.fail(t, "Direct Reports for stands alone; nothing else is in its rule.")
	default:
		p.fail(t, "-and or -or is missing before %s.", p.written(t))
	}
}

// reports reads Direct Reports for "id", which is all of its rule.
func (p *parser) reports() node {
	const form = `Direct Reports for "id of the manager"`
	for _, want := range []string{"direct", "reports", "for"} {
		if t := p.next(); t.sign != word || t.text != want || t.dashed {
			p.fail(t, "Write %s, for here stands %s.", form, p.written(t))
			return nil
		}
		p.take()
	}
	id := p.take()
	switch end := p.next(); {
	case id.sign != text:
		p.fail(id, "Write %s; the id is in quotes.", form)
	case id.text == "":
		p.fail(id, "The id of the manager is empty; it is in their profile, as the object id.")
	case end.sign != ended:
		p.fail(end, "%s stands alone; nothing else is in its rule.", form)
	}
	return reportsTo{newValue(id.text)}
}

func (p *parser) or() node  { return joined[oneOf](p.parts(orWord, p.and)) }
func (p *parser) and() node { return joined[allOf](p.parts(andWord, p.not)) }

// parts reads what has a joiner between it.
func (p *parser) parts(joiner string, part func() node) []node {
	all := []node{part()}
	for p.isWord(joiner) {
		p.take()
		all = append(all, part())
	}
	return all
}

// joined makes one of several parts. One that was joined by the same, in parentheses, becomes several.
func joined[T interface {
	~[]node
	node
}](parts []node) node {
	if len(parts) == 1 {
		return parts[0]
	}
	var all T
	for _, part := range parts {
		if same, ok := part.(T); ok {
			all = append(all, same...)
		} else {
			all = append(all, part)
		}
	}
	return all
}

func (p *parser) not() node {
	count := 0
	for ; p.isWord(notWord); count++ {
		p.take()
	}
	part := p.primary()
	for range count {
		part = not{part}
	}
	return part
}

// open reads a ( if it is next.
func (p *parser) open() (token, bool) {
	t := p.next()
	if t.sign != opening {
		return t, false
	}
	p.take()
	if p.nested++; p.nested > maxNesting {
		p.fail(t, "Parentheses are nested deeper than %d.", maxNesting)
	}
	return t, true
}

// close reads the ) of a (; what is said of anything else in its place, where it is not that a joiner is missing.
func (p *parser) close(opened token, what string) {
	t := p.next()
	if t.sign != closing {
		switch {
		case t.sign == ended:
			p.fail(opened, "This ( is not closed; a ) is missing.")
		case what != "":
			p.fail(t, "%s", what)
		default:
			p.after(t)
		}
		return
	}
	p.take()
	p.nested--
}

// primary reads an expression in parentheses, or a comparison.
func (p *parser) primary() node {
	if p.isWord("direct") {
		p.fail(p.next(), "Direct Reports for stands alone, without parentheses or anything else in its rule.")
		return nil
	}
	opened, ok := p.open()
	if !ok {
		return p.compare()
	}
	if t := p.next(); t.sign == closing {
		p.fail(t, "There is nothing between these parentheses.")
		return nil
	}
	inner := p.or()
	p.close(opened, "")
	return inner
}

// operand is the left side of a comparison.
type operand struct {
	source
	kind kind
}

func (p *parser) compare() node {
	t := p.next()
	left, ok := p.operand(t)
	if !ok {
		return nil
	}
	s := p.operatorFor(p.take(), left)
	if s == nil {
		return nil
	}
	switch {
	case s.operator == some || s.operator == every:
		return p.quantified(left, s.operator == every)
	case left.kind == flags:
		return p.flag(left, s)
	case left.kind == dates:
		return p.date(left, s)
	}
	return p.text(left, s)
}

// operand reads a property.
func (p *parser) operand(t token) (operand, bool) {
	p.take()
	switch t.sign {
	case path:
		return p.property(t)
	case word:
		return p.itemOrNone(t)
	case ended:
		p.fail(t, "A comparison is missing here, such as user.department -eq \"Sales\".")
	case text, number, date:
		p.fail(t, "A comparison begins with its property: property, operator, value.")
	case closing:
		p.fail(t, "A comparison is missing before this ).")
	case listOpens, listCloses, comma:
		p.fail(t, "A comparison is expected here, such as user.department -eq \"Sales\"; lists are values of -in and -notIn.")
	default:
	}
	return operand{}, false
}

// itemOrNone reads _, or says what a word does not stand for.
func (p *parser) itemOrNone(t token) (operand, bool) {
	switch {
	case t.text == "_" && p.items != nil && p.items.kind == lists:
		return operand{source{name: "_", of: ofItem, slot: p.items.slot}, texts}, true
	case t.text == "_" && p.items == nil:
		p.fail(t, "_ is an item of a collection of strings, inside -any or -all: user.proxyAddresses -any (_ -startsWith \"smtp:\").")
	case t.text == "_":
		p.fail(t, "The items of user.%s are no strings; write %s.", p.items.name, insteadOf(p.items))
	case t.text == andWord || t.text == orWord:
		p.fail(t, "A comparison is missing before %s.", p.written(t))
	case t.dashed || isReserved(t.text):
		p.fail(t, "A comparison begins with its property, and %s is none.", p.written(t))
	case t.text == null || t.text == "true" || t.text == "false":
		p.fail(t, "A comparison begins with its property: property, operator, value.")
	default:
		name := meantProperty(t.parts[0])
		if name == "" {
			p.fail(t, "%s is no property; one is written user.department, say, and a text in quotes.", p.written(t))
		} else {
			p.fail(t, "%s is no property; did you mean user.%s?", p.written(t), name)
		}
	}
	return operand{}, false
}

// insteadOf is what leads an item of a collection.
func insteadOf(items *property) string {
	switch items.kind {
	case lists:
		return "_"
	case plans:
		return "assignedPlan.servicePlanId, assignedPlan.service or assignedPlan.capabilityStatus"
	default:
		return "group.objectId"
	}
}

// property reads a path.
func (p *parser) property(t token) (operand, bool) {
	object := t.text
	if len(t.parts) != 2 || slices.Contains(t.parts, "") {
		p.fail(t, "%s is no property: one has two parts, such as user.department.", p.written(t))
		return operand{}, false
	}
	name := t.parts[1]
	switch {
	case object == "user" && p.items != nil:
		p.fail(t, "Inside -any and -all are conditions on the item; write %s, and what is said of the user outside of the parentheses.", insteadOf(p.items))
	case object == "user":
		return p.userProperty(t, name)
	case object == "assignedplan" && p.items != nil && p.items.kind == plans:
		for slot, field := range planFields {
			if strings.EqualFold(field, name) {
				return operand{source{name: "assignedPlan." + field, of: ofPlan, slot: slot}, texts}, true
			}
		}
		p.unknown(t, "assignedPlan.", meant(name, planFields), "a plan has servicePlanId, service and capabilityStatus")
	case object == "assignedplan":
		p.fail(t, "assignedPlan. is read inside user.assignedPlans -any ( ) or -all ( ) alone.")
	case object == "group" && p.items != nil && p.items.kind == groups:
		if strings.EqualFold(name, "objectId") {
			return operand{source{name: "group.objectId"}, groups}, true
		}
		p.fail(t, "Of a group its objectId alone is read: user.memberOf -any (group.objectId -in ['…']).")
	case object == "group":
		p.fail(t, "group. is read inside user.memberOf -any (group.objectId -in ['…']) alone.")
	case object == "device":
		p.fail(t, "Rules select users; devices are not in them.")
	case object == "system":
		p.fail(t, "A date is compared with system.now, which stands on the right: user.employeeHireDate -le system.now.")
	default:
		if is := meant(t.parts[0], []string{"user", "assignedPlan", "group"}); is != "" {
			p.fail(t, "%s is no property; did you mean %s.%s?", p.written(t), is, name)
		} else {
			p.fail(t, "%s is no property; they are those of user, such as user.department.", p.written(t))
		}
	}
	return operand{}, false
}

// unknown refuses a property that is none, with the one that was meant if that can be told.
func (p *parser) unknown(t token, object, meant, otherwise string) {
	if meant != "" {
		otherwise = "did you mean " + object + meant + "?"
	} else {
		otherwise += "."
	}
	p.fail(t, "There is no property %s; %s", p.written(t), otherwise)
}

func (p *parser) userProperty(t token, name string) (operand, bool) {
	is, ok := propertyOf[fold(name)]
	if ok {
		from := source{name: "user." + is.name, of: ofText, slot: is.slot}
		if is.kind == lists {
			from.of = ofList
		}
		return operand{from, is.kind}, true
	}
	if key, ok := extensionName(name); ok {
		return operand{source{name: "user." + name, of: ofExtension, key: key}, texts}, true
	}
	switch folded := fold(name); {
	case folded == "MANAGER":
		p.fail(t, "A manager is compared by a rule of its own: Direct Reports for \"id of the manager\".")
	case strings.HasPrefix(folded, fold(extensionPrefix)):
		p.fail(t, "A custom extension property is written user.extension_, the 32 digits of its application's id without dashes, _ and its name.")
	case strings.HasPrefix(folded, fold(extensionAttribute)):
		p.fail(t, "Extension attributes are extensionAttribute1 to extensionAttribute%d.", extensionAttributes)
	default:
		p.unknown(t, "user.", meantProperty(name), "docs/rule-language.md lists those that rules may name")
	}
	return operand{}, false
}

// operatorFor is the operator that a token is, if the property has it.
func (p *parser) operatorFor(t token, left operand) *spelled {
	s := spellingOf[t.text]
	switch {
	case t.sign != word || s == nil:
		p.noOperator(t, left)
		return nil
	case !slices.Contains(s.kinds, left.kind):
		p.fail(t, "%s is %s, which -%s is not for; it has %s.", left.name, kindNames[left.kind], s.name, namesFor(left.kind))
		return nil
	}
	return s
}

// noOperator refuses what stands where an operator should.
func (p *parser) noOperator(t token, left operand) {
	switch {
	case t.sign == closing:
		p.fail(t, "%s is compared with nothing; parentheses go round whole comparisons, never round a property.", left.name)
	case t.sign == word && t.text == notWord:
		p.fail(t, "-not is no comparison: it stands before one. Write %s -ne null, say, or -not (%s -eq null).", left.name, left.name)
	case t.sign == word && otherOperators[t.text] != "":
		p.fail(t, "%s is no operator; write %s.", p.written(t), otherOperators[t.text])
	case t.sign == word && !isReserved(t.text):
		names := make([]string, 0, len(spellings))
		for _, s := range spellings {
			names = append(names, s.name)
		}
		if is := meant(t.text, names); is != "" {
			p.fail(t, "%s is no operator; did you mean -%s?", p.written(t), is)
			return
		}
		p.fail(t, "%s is no operator; %s has %s.", p.written(t), left.name, namesFor(left.kind))
	default:
		p.fail(t, "An operator is missing between %s and %s; %s has %s.", left.name, p.written(t), left.name, namesFor(left.kind))
	}
}

// quantified reads what stands behind -any or -all.
func (p *parser) quantified(left operand, all bool) node {
	of := propertyOf[fold(strings.TrimPrefix(left.name, "user."))]
	p.items = &of
	defer func() { p.items = nil }()
	if of.kind == groups {
		return p.memberOf()
	}
	q := &quantified{name: left.name, kind: of.kind, slot: of.slot, all: all}
	opened, ok := p.open()
	switch {
	case !ok && p.isWord(notWord):
		p.fail(p.next(), "Behind -any and -all stands one comparison, or more in parentheses: (-not (%s …)).", insteadOf(&of))
	case !ok:
		q.part = p.compare()
	default:
		if t := p.next(); t.sign == closing {
			p.fail(t, "There is nothing between these parentheses; write a condition on the item, which is %s.", insteadOf(&of))
			return nil
		}
		q.part = p.or()
		p.close(opened, "")
	}
	return q
}

// memberOf reads (group.objectId -in ['…', '…']), the one thing that is said of groups.
func (p *parser) memberOf() node {
	const form = "Write user.memberOf -any (group.objectId -in ['…', '…']); conditions beside it go outside of the parentheses, and a -not before user.memberOf."
	var opened []token
	for {
		t, ok := p.open()
		if !ok {
			break
		}
		opened = append(opened, t)
	}
	t := p.take()
	if t.sign != path {
		p.fail(t, form)
		return nil
	}
	if _, ok := p.property(t); !ok {
		return nil
	}
	if in := p.take(); in.sign != word || in.text != "in" {
		p.fail(in, "group.objectId has one operator, -in: group.objectId -in ['…']; to exclude a group, write -not before user.memberOf.")
		return nil
	}
	at := p.next()
	ids := p.list("-in")
	if len(ids) > maxGroups {
		p.fail(at, "There are %d groups, and may be %d; -or joins two user.memberOf.", len(ids), maxGroups)
	}
	for _, one := range slices.Backward(opened) {
		if t := p.next(); t.sign == word && p.err == nil {
			p.fail(t, form)
		}
		p.close(one, "")
	}
	return &inGroups{newSet(ids)}
}

func (p *parser) flag(left operand, s *spelled) node {
	t := p.take()
	c := &flagComparison{name: left.name, slot: left.slot, negated: s.negated}
	switch {
	case t.sign == word && !t.dashed && t.text == "true":
		c.value = isTrue
	case t.sign == word && !t.dashed && t.text == "false":
		c.value = isFalse
	case t.sign == word && !t.dashed && t.text == null:
	case t.sign == text && (strings.EqualFold(t.text, "true") || strings.EqualFold(t.text, "false")):
		p.fail(t, "true and false are written without quotes.")
	default:
		p.noValue(t, left, "true, false or null")
	}
	return c
}

func (p *parser) date(left operand, s *spelled) node {
	c := &dateComparison{name: left.name, slot: left.slot, operator: s.operator, negated: s.negated}
	t := p.next()
	c.moment = p.moment(left)
	switch {
	case p.err != nil:
	case c.moment.null && s.operator != equals:
		p.fail(t, "null goes with -eq and -ne alone; null is neither before nor after a date.")
	case c.moment.text != "" && c.moment.now && s.operator == equals:
		p.fail(t, "A moment reckoned from system.now goes with -le and -ge alone; nobody is hired to the very instant.")
	}
	return c
}

// moment reads the right side of a comparison of dates.
func (p *parser) moment(left operand) moment {
	const form = "a date such as 2026-01-31T08:00:00Z, system.now, or (system.now -plus P1D)"
	if opened, ok := p.open(); ok {
		if t := p.next(); t.sign != path && t.sign != opening {
			p.fail(t, "Parentheses go round whole comparisons, and round system.now; no other value has them.")
			return moment{}
		}
		m := p.moment(left)
		p.close(opened, "system.now is reckoned with once: (system.now -plus P1D).")
		return m
	}
	t := p.take()
	switch {
	case t.sign == path && len(t.parts) == 2 && t.text == "system" && strings.EqualFold(t.parts[1], "now"):
		return p.fromNow()
	case t.sign == date || t.sign == text:
		is, ok := ParseDate(t.text)
		if !ok {
			p.fail(t, "%s is no date and time in the years 1 to 9999; write for example 2026-01-31T08:00:00Z.", p.written(t))
		}
		return moment{date: is, text: strings.ToUpper(t.text)}
	case t.sign == word && !t.dashed && t.text == null:
		return moment{null: true}
	}
	p.noValue(t, left, form)
	return moment{}
}

// fromNow reads what is added to system.now.
func (p *parser) fromNow() moment {
	m := moment{now: true}
	step := p.next()
	if !p.isWord(plus) && !p.isWord(minus) {
		return m
	}
	p.take()
	t := p.take()
	if t.sign != word || t.dashed {
		p.fail(t, "Behind -%s stands a duration without quotes, such as P1D, P2W or PT8H.", step.text)
		return m
	}
	seconds, ok := parseDuration(t.parts[0])
	switch {
	case !ok && strings.ContainsAny(strings.Split(t.text, "t")[0], "my"):
		p.fail(t, "%s has months or years, which are of no fixed length; write days, such as P30D or P365D.", p.written(t))
		return m
	case !ok:
		p.fail(t, "%s is no duration; write PnW, or PnDTnHnMnS with the parts that are needed: P2W, P30D, PT8H.", p.written(t))
		return m
	}
	if m.step = seconds; step.text == minus {
		m.step = -seconds
	}
	m.text = "-" + step.text + " " + strings.ToUpper(t.parts[0])
	if moved := time.Unix(p.now.Unix()+m.step, 0); moved.Before(firstMoment) || moved.After(lastMoment) {
		p.fail(t, "%s from now is outside of the years 1 to 9999.", p.written(t))
	}
	return m
}

func (p *parser) text(left operand, s *spelled) node {
	c := &comparison{source: left.source, operator: s.operator, negated: s.negated}
	if s.operator == isIn {
		c.values = newSet(p.list("-" + s.name))
		return c
	}
	t := p.take()
	switch {
	case t.sign == text || t.sign == number:
		c.value = newValue(t.text)
		if s.operator == matches {
			steps := p.program
			c.pattern = p.pattern(t)
			p.searches = append(p.searches, search{c.source, p.program - steps})
		}
	case t.sign == word && !t.dashed && t.text == null && s.operator == equals:
		c.null = true
	case t.sign == word && !t.dashed && t.text == null:
		p.fail(t, "null goes with -eq and -ne alone; in quotes it is a text.")
	case t.sign == listOpens:
		p.fail(t, "-%s takes one value; -in and -notIn take a list.", s.name)
	case t.sign == opening:
		p.fail(t, "Parentheses go round whole comparisons, never round a value; a list is in brackets, behind -in or -notIn.")
	default:
		p.noValue(t, left, "a text in quotes")
	}
	return c
}

// list reads the values of -in and -notIn.
func (p *parser) list(operator string) []string {
	opened := p.take()
	if opened.sign != listOpens {
		p.fail(opened, "%s takes a list in brackets: %s [\"DK\", \"SE\"].", operator, operator)
		return nil
	}
	var values []string
	for {
		t := p.take()
		switch {
		case t.sign == text || t.sign == number:
			values = append(values, t.text)
		case t.sign == ended:
			p.fail(opened, "This [ is not closed; a ] is missing.")
			return nil
		case t.sign == listCloses && len(values) == 0:
			p.fail(t, "The list is empty, so that %s would say nothing; give a value.", operator)
			return nil
		case t.sign == listCloses:
			p.fail(t, "A value is missing between the last comma and this ].")
			return nil
		case t.sign == word && !t.dashed && (t.text == null || t.text == "true" || t.text == "false"):
			p.fail(t, "A list holds texts and numbers; %s is none. Compare with null by -eq or -ne.", t.text)
			return nil
		default:
			p.fail(t, "A list holds texts in quotes and numbers, and %s is neither.", p.written(t))
			return nil
		}
		switch t := p.take(); t.sign {
		case comma:
		case listCloses:
			return values
		case ended:
			p.fail(opened, "This [ is not closed; a ] is missing.")
			return nil
		default:
			p.fail(t, "Between the values of a list are commas; one is missing before %s.", p.written(t))
			return nil
		}
	}
}

// noValue refuses what is no value of the kind that a property has.
func (p *parser) noValue(t token, left operand, wanted string) {
	is := fmt.Sprintf("%s is %s, which is compared with %s", left.name, kindNames[left.kind], wanted)
	switch {
	case t.sign == ended || t.sign == closing || t.sign == word && (t.dashed || isReserved(t.text)):
		p.fail(t, "The value of the comparison is missing: %s.", is)
	case t.sign == path && t.text != "system":
		p.fail(t, "A property stands on the left alone: %s.", is)
	case t.sign == word && t.text != null && t.text != "true" && t.text != "false" && left.kind == texts:
		p.fail(t, "A text is in quotes: \"%s\".", p.written(t))
	case t.sign == listOpens:
		p.fail(t, "-in and -notIn alone take a list: %s.", is)
	default:
		p.fail(t, "%s cannot be the value here: %s.", p.written(t), is)
	}
}

// pattern compiles the value of -match.
func (p *parser) pattern(t token) *regexp.Regexp {
	compiled, steps, why := compile(t.text)
	if why != "" {
		p.fail(t, "%s", why)
		return nil
	}
	if p.program += steps; p.program > maxProgram {
		p.fail(t, "The patterns of the rule take %d steps together, and may take %d; repeat less in them.", p.program, maxProgram)
	}
	return compiled
}
