package rule

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
)

var rules = flag.Int("rules", 2_000, "how many random rules, each with a random person, are asked both of the package and of the naive evaluator")

// Random rules select the random people whom a second evaluator selects, which was written for this alone: it knows no parser, no folded text and no slots, but looks at the JSON of the person
// each time.
//
// rules: AUT-02
func TestRandomRules(t *testing.T) {
	t.Parallel()
	const lot = 10_000
	for first := 0; first < *rules; first += lot {
		t.Run(fmt.Sprintf("from %d", first), func(t *testing.T) {
			t.Parallel()
			tryRandom(t, first, min(first+lot, *rules))
		})
	}
}

// tryRandom tries the rules and people of some seeds.
func tryRandom(t *testing.T, first, end int) {
	selected := 0
	for seed := first; seed < end; seed++ {
		g := generator{rand.New(rand.NewPCG(uint64(seed), 16))}
		text, naive := g.rule()
		user := g.person()
		data, err := json.Marshal(user)
		if err != nil {
			t.Fatal(err)
		}
		r, err := parse(text, now)
		if err != nil {
			t.Fatalf("seed %d: %s\n%v", seed, text, err)
		}
		is := r.Matches(person(t, string(data)), now)
		if is != naive(user, nil) {
			t.Fatalf("seed %d: %s\nselects %s: %t", seed, text, data, is)
		}
		if again(t, r, text); is {
			selected++
		}
	}
	if n := end - first; selected < n/5 || selected > n-n/5 {
		t.Errorf("%d of %d are selected, so that this shows little", selected, n)
	}
}

// condition is the naive meaning of a part of a rule: of a user, inside a quantifier of an item.
type condition func(user map[string]any, item any) bool

type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// blank is what may stand between any two words.
func (g generator) blank() string { return pick(g, " ", " ", " ", "  ", "\n", "\t", "\r\n") }

// operator is a word with or without its dash, in some letter case.
func (g generator) operator(name string) string {
	return pick(g, "-", "-", "–", "") + g.letters(name)
}

func (g generator) letters(name string) string {
	return pick(g, name, name, strings.ToLower(name), strings.ToUpper(name))
}

// quote writes a text in one of the ways there are.
func (g generator) quote(says string) string {
	if g.IntN(2) == 0 {
		return "'" + strings.ReplaceAll(says, "'", "''") + "'"
	}
	var b strings.Builder
	for i, r := range says {
		switch {
		case r == '"':
			b.WriteString(pick(g, "`\"", `\"`))
		case r == '\'':
			b.WriteString(pick(g, "''", "`'"))
		case r == '`':
			b.WriteString("``")
		case r == '\\' && (i+1 == len(says) || strings.ContainsAny(says[i+1:i+2], `\"`)):
			return "'" + strings.ReplaceAll(says, "'", "''") + "'" // it would escape what follows
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

var vocabulary = []string{"Sales", "SALES", "sales", "Sale", "les", "", "null", "Århus", "åRHUS", "Kø", "it's", `say "x"`, `a\b`, "`", "0042", "42", "K\u212a", "x@kiln.example", "@KILN.example", "SMTP:x@kiln.example", "smtp:x", " ", "ſale"}

var patterns = []string{"^s", "s$", "^sales$", "a.e", ".*", "", `\d+`, `^\d{2}$`, "[a-l]+s", "å", "(x|@)kiln", `\\`, `[^s]`, "(?-i)Sales"}

const custom = "extension_c272a57b722d4eb29bfe327874ae79cb_Shoe"

// stringsOf are the string properties, with how the naive evaluator finds them.
var stringsOf = map[string]func(map[string]any) any{
	"department": member("department"), "city": member("city"), "mailNickName": member("mailNickname"), "mobile": member("mobilePhone"), "objectId": member("id"), "physicalDeliveryOfficeName": member("officeLocation"),
	"telephoneNumber": first("businessPhones"), "sipProxyAddress": first("imAddresses"), custom: member(custom),
	"extensionAttribute7": func(user map[string]any) any {
		inner, _ := user["onPremisesExtensionAttributes"].(map[string]any)
		return inner["extensionAttribute7"]
	},
}

func member(name string) func(map[string]any) any {
	return func(user map[string]any) any { return user[name] }
}

func first(name string) func(map[string]any) any {
	return func(user map[string]any) any {
		if list, _ := user[name].([]any); len(list) > 0 {
			return list[0]
		}
		return nil
	}
}

func (g generator) text() any {
	if g.IntN(6) == 0 {
		return nil
	}
	return pick(g, vocabulary...)
}

func (g generator) list() any {
	if g.IntN(5) == 0 {
		return nil
	}
	all := make([]any, g.IntN(4))
	for i := range all {
		all[i] = g.text()
	}
	return all
}

func (g generator) person() map[string]any {
	user := map[string]any{"skills": []any{"not read"}}
	set := func(name string, value any) {
		if g.IntN(8) > 0 {
			user[name] = value
		}
	}
	for _, name := range []string{"department", "city", "mailNickname", "mobilePhone", "id", "officeLocation"} {
		set(name, g.text())
	}
	for _, name := range []string{"businessPhones", "imAddresses", "otherMails", "proxyAddresses"} {
		set(name, g.list())
	}
	set(custom, pick(g, g.text(), any(json.Number("4.20")), any(true), any([]any{"x"})))
	set("onPremisesExtensionAttributes", map[string]any{"extensionAttribute7": g.text()})
	for _, name := range []string{"accountEnabled", "onPremisesSyncEnabled"} {
		set(name, pick(g, any(true), any(false), nil))
	}
	set("employeeHireDate", pick(g, any(now.Add(time.Duration(g.IntN(9)-4)*day).Format(time.RFC3339)), any(now.Format(time.RFC3339)), nil))
	plans := make([]any, g.IntN(4))
	for i := range plans {
		plans[i] = map[string]any{"service": g.text(), "servicePlanId": pick(g, "p", "q"), "capabilityStatus": pick(g, "Enabled", "Deleted")}
	}
	set("assignedPlans", plans)
	groups := make([]any, g.IntN(4))
	for i := range groups {
		groups[i] = map[string]any{"id": pick(g, "a", "B", "c")}
	}
	set("memberOf", groups)
	set("manager", pick(g, any(map[string]any{"id": "M"}), any(map[string]any{"id": "n"}), nil))
	return user
}

const day = 24 * time.Hour

func (g generator) rule() (string, condition) {
	if g.IntN(60) == 0 {
		id := pick(g, "m", "N", "o")
		return g.letters("Direct") + g.blank() + g.letters("reports") + g.blank() + g.letters("for") + g.blank() + g.quote(id), func(user map[string]any, _ any) bool {
			manager, _ := user["manager"].(map[string]any)
			return manager != nil && sameText(manager["id"].(string), id)
		}
	}
	return g.or(1+g.IntN(3), g.compare)
}

func (g generator) or(depth int, leaf func() (string, condition)) (string, condition) {
	return g.joined("or", depth, leaf, func(depth int, leaf func() (string, condition)) (string, condition) {
		return g.joined("and", depth, leaf, g.not)
	})
}

func (g generator) joined(joiner string, depth int, leaf func() (string, condition), inner func(int, func() (string, condition)) (string, condition)) (string, condition) {
	text, is := inner(depth, leaf)
	for range g.IntN(3) {
		more, other := inner(depth, leaf)
		one := is
		text += g.blank() + g.operator(joiner) + g.blank() + more
		is = func(user map[string]any, item any) bool {
			if joiner == "or" {
				return one(user, item) || other(user, item)
			}
			return one(user, item) && other(user, item)
		}
	}
	return text, is
}

func (g generator) not(depth int, leaf func() (string, condition)) (string, condition) {
	switch n := g.IntN(8); {
	case n == 0:
		text, is := g.not(depth, leaf)
		return g.operator("not") + g.blank() + text, func(user map[string]any, item any) bool { return !is(user, item) }
	case n < 4 && depth > 0:
		text, is := g.or(depth-1, leaf)
		return "(" + pick(g, "", " ") + text + pick(g, "", "\n") + ")", is
	}
	return leaf()
}

func (g generator) compare() (string, condition) {
	switch g.IntN(12) {
	case 0:
		return g.flag()
	case 1:
		return g.date()
	case 2, 3:
		return g.quantified()
	case 4:
		ids := []string{pick(g, "A", "b"), pick(g, "c", "d")}
		text := g.letters("user.memberOf") + g.blank() + g.operator("any") + g.blank() + "(" + g.letters("group.objectId") + g.blank() + g.operator("in") + g.blank() + "[" + g.quote(ids[0]) + "," + g.quote(ids[1]) + "])"
		return text, func(user map[string]any, _ any) bool {
			groups, _ := user["memberOf"].([]any)
			for _, one := range groups {
				if id := one.(map[string]any)["id"].(string); sameText(id, ids[0]) || sameText(id, ids[1]) {
					return true
				}
			}
			return false
		}
	case 5:
		name := pick(g, "otherMails", "proxyAddresses")
		test, text, negated, isNull := g.test()
		return g.letters("user."+name) + g.blank() + text, func(user map[string]any, _ any) bool {
			items, _ := user[name].([]any)
			holds := false
			for _, item := range items {
				holds = holds || test(textOf(item))
			}
			if isNull {
				holds = len(items) == 0
			}
			return holds != negated
		}
	}
	names := make([]string, 0, len(stringsOf))
	for _, p := range properties {
		if stringsOf[p.name] != nil {
			names = append(names, p.name)
		}
	}
	name := pick(g, append(names, custom)...)
	test, text, negated, _ := g.test()
	return g.letters("user."+name) + g.blank() + text, func(user map[string]any, _ any) bool { return test(textOf(stringsOf[name](user))) != negated }
}

// textOf is the text of a value of JSON; empty: it is null.
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case bool, json.Number:
		return fmt.Sprint(value)
	}
	return ""
}

// test is an operator with its value: what it says of a text if it is not negated.
func (g generator) test() (test func(string) bool, text string, negated, isNull bool) {
	negated = g.IntN(2) == 0
	name := func(plain string) string {
		switch {
		case !negated:
			return g.operator(plain)
		case plain == "eq":
			return g.operator("ne")
		}
		return g.operator("not" + strings.ToUpper(plain[:1]) + plain[1:])
	}
	value := pick(g, vocabulary...)
	written := g.quote(value)
	if value == "42" || value == "0042" {
		written = pick(g, written, value)
	}
	with := func(plain string, is func(string, string) bool) (func(string) bool, string, bool, bool) {
		return func(of string) bool { return of != "" && is(of, value) }, name(plain) + g.blank() + written, negated, false
	}
	switch g.IntN(9) {
	case 0:
		return func(of string) bool { return of == "" }, name("eq") + g.blank() + pick(g, "null", "$null", "NULL"), negated, true
	case 1:
		return with("startsWith", func(of, value string) bool {
			return len([]rune(of)) >= len([]rune(value)) && sameText(string([]rune(of)[:len([]rune(value))]), value)
		})
	case 2:
		return with("endsWith", func(of, value string) bool {
			skip := len([]rune(of)) - len([]rune(value))
			return skip >= 0 && sameText(string([]rune(of)[skip:]), value)
		})
	case 3:
		return with("contains", func(of, value string) bool {
			for skip := 0; skip+len([]rune(value)) <= len([]rune(of)); skip++ {
				if sameText(string([]rune(of)[skip:skip+len([]rune(value))]), value) {
					return true
				}
			}
			return false
		})
	case 4:
		pattern := pick(g, patterns...)
		return func(of string) bool { return of != "" && regexp.MustCompile("(?i)"+pattern).MatchString(of) }, name("match") + g.blank() + g.quote(pattern), negated, false
	case 5, 6:
		values := make([]string, 1+g.IntN(12))
		written := make([]string, len(values))
		for i := range values {
			values[i] = pick(g, vocabulary...)
			written[i] = g.quote(values[i])
		}
		return func(of string) bool {
			for _, one := range values {
				if of != "" && sameText(of, one) {
					return true
				}
			}
			return false
		}, name("in") + g.blank() + "[" + strings.Join(written, pick(g, ",", ", ", " ,\n")) + "]", negated, false
	}
	return with("eq", sameText)
}

// sameText says whether two texts differ by letter case alone, rune by rune.
func sameText(a, b string) bool {
	one, other := []rune(a), []rune(b)
	if len(one) != len(other) {
		return false
	}
	for i, r := range one {
		same := r == other[i]
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			same = same || next == other[i]
		}
		if !same {
			return false
		}
	}
	return true
}

func (g generator) flag() (string, condition) {
	name, graph := "accountEnabled", "accountEnabled"
	if g.IntN(2) == 0 {
		name, graph = "dirSyncEnabled", "onPremisesSyncEnabled"
	}
	negated, value := g.IntN(2) == 0, pick(g, "true", "false", "null")
	return g.letters("user."+name) + g.blank() + g.operator(map[bool]string{false: "eq", true: "ne"}[negated]) + g.blank() + g.letters(value), func(user map[string]any, _ any) bool {
		is := "null"
		if set, ok := user[graph].(bool); ok {
			is = fmt.Sprint(set)
		}
		return (is == value) != negated
	}
}

func (g generator) date() (string, condition) {
	op, days := pick(g, "eq", "ne", "le", "ge"), g.IntN(9)-4
	at, written := now.Add(time.Duration(days)*day), ""
	switch computed := op == "le" || op == "ge"; {
	case computed && g.IntN(2) == 0:
		sign, n := "plus", days
		if days < 0 {
			sign, n = "minus", -days
		}
		written = g.letters("system.now") + g.blank() + g.operator(sign) + g.blank() + g.letters(pick(g, fmt.Sprintf("P%dD", n), fmt.Sprintf("PT%dH", 24*n), fmt.Sprintf("P%dDT0H0M0S", n)))
		written = pick(g, written, "("+written+")", "(( "+written+") )")
	case g.IntN(3) == 0:
		at, written = now, g.letters("system.now")
	default:
		written = pick(g, at.Format(time.RFC3339), at.Format("2006-01-02T15:04:05"), at.In(time.FixedZone("", -5*3600)).Format(time.RFC3339Nano), g.quote(at.Format("2006-01-02T15:04")))
	}
	return "user.employeeHireDate" + g.blank() + g.operator(op) + g.blank() + written, func(user map[string]any, _ any) bool {
		text, _ := user["employeeHireDate"].(string)
		hired, err := time.Parse(time.RFC3339, text)
		switch known := err == nil; op {
		case "eq":
			return known && hired.Equal(at)
		case "ne":
			return !known || !hired.Equal(at)
		case "le":
			return known && !hired.After(at)
		default:
			return known && !hired.Before(at)
		}
	}
}

func (g generator) quantified() (string, condition) {
	name, all := pick(g, "otherMails", "proxyAddresses", "assignedPlans"), g.IntN(2) == 0
	leaf := func() (string, condition) {
		item, find := "_", func(item any) any { return item }
		if name == "assignedPlans" {
			field := pick(g, "service", "servicePlanId", "capabilityStatus")
			item, find = g.letters("assignedPlan."+field), func(item any) any { return item.(map[string]any)[field] }
		}
		test, text, negated, _ := g.test()
		return item + g.blank() + text, func(_ map[string]any, item any) bool { return test(textOf(find(item))) != negated }
	}
	text, is := g.or(1, leaf)
	if text = "(" + text + ")"; g.IntN(4) == 0 {
		text, is = leaf()
	}
	return g.letters("user."+name) + g.blank() + g.operator(map[bool]string{false: "any", true: "all"}[all]) + g.blank() + text, func(user map[string]any, _ any) bool {
		items, _ := user[name].([]any)
		for _, item := range items {
			if is(user, item) != all {
				return !all
			}
		}
		return all
	}
}
