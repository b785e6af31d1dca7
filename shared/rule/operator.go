package rule

import "strings"

// operator is a comparison, as if it were not negated.
type operator int

const (
	equals operator = iota + 1
	startsWith
	endsWith
	contains
	matches
	isIn
	atMost
	atLeast
	some  // -any
	every // -all
)

// Words that are no operators.
const (
	null    = "null"
	andWord = "and"
	orWord  = "or"
	notWord = "not"
	plus    = "plus"
	minus   = "minus"
)

// spelled is an operator as it is written.
type spelled struct {
	name     string
	operator operator
	negated  bool
	kinds    []kind // that it is for
}

var (
	stringly  = []kind{texts, lists}
	spellings = []spelled{
		{"eq", equals, false, []kind{texts, lists, flags, dates}}, {"ne", equals, true, []kind{texts, lists, flags, dates}},
		{"startsWith", startsWith, false, stringly}, {"notStartsWith", startsWith, true, stringly},
		{"endsWith", endsWith, false, stringly}, {"notEndsWith", endsWith, true, stringly},
		{"contains", contains, false, stringly}, {"notContains", contains, true, stringly},
		{"match", matches, false, stringly}, {"notMatch", matches, true, stringly},
		{"in", isIn, false, stringly}, {"notIn", isIn, true, stringly},
		{"le", atMost, false, []kind{dates}}, {"ge", atLeast, false, []kind{dates}},
		{"any", some, false, []kind{lists, plans, groups}}, {"all", every, false, []kind{lists, plans}},
	}
	spellingOf = func() map[string]*spelled {
		all := map[string]*spelled{}
		for i := range spellings {
			all[strings.ToLower(spellings[i].name)] = &spellings[i]
		}
		return all
	}()
)

// otherOperators are signs of other languages, with what is written here instead.
var otherOperators = map[string]string{
	"equals": "-eq", "is": "-eq", "isnot": "-ne", "neq": "-ne", "noteq": "-ne", "like": "-contains or -match", "notlike": "-notContains or -notMatch", "ceq": "-eq", "ieq": "-eq", "cne": "-ne",
	"ine": "-ne", "gt": "-ge, which is for dates alone", "lt": "-le, which is for dates alone", "gte": "-ge", "lte": "-le", "xor": "-and, -or and -not", "regex": "-match", "matches": "-match", "includes": "-contains",
	"startwith": "-startsWith", "endwith": "-endsWith", "beginswith": "-startsWith", "memberof": "user.memberOf -any (group.objectId -in ['…'])", "some": "-any", "every": "-all", "nor": "-not and -or", "nand": "-not and -and",
}

// spellingFor is how an operator is printed.
func spellingFor(o operator, negated bool) string {
	for _, s := range spellings {
		if s.operator == o && s.negated == negated {
			return "-" + s.name
		}
	}
	return ""
}

// namesFor are the operators that a property of a kind has.
func namesFor(of kind) string {
	var names []string
	for _, s := range spellings {
		for _, k := range s.kinds {
			if k == of {
				names = append(names, "-"+s.name)
			}
		}
	}
	return strings.Join(names, " ")
}

// isReserved says whether a word means something in rules, so that it is no value that somebody forgot to quote.
func isReserved(lowered string) bool {
	switch lowered {
	case andWord, orWord, notWord, plus, minus:
		return true
	}
	return spellingOf[lowered] != nil
}
