package rule

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sign is what a token is.
type sign int

const (
	ended      sign = iota // the end of the rule
	opening                // (
	closing                // )
	listOpens              // [
	listCloses             // ]
	comma                  // ,
	text                   // in quotes; what it says is in the token's text
	number                 // digits
	date                   // begins like a date
	word                   // an operator, a joiner, true: whatever is letters, with or without a dash before it
	path                   // words with dots between them, such as user.department
	bad                    // none; why is in the token's text
)

// token is a part of a rule.
type token struct {
	sign   sign
	at     int    // byte at which it begins
	end    int    // byte behind it
	text   string // of a word in lower case, without its dash; of a text, what it says
	dashed bool
	parts  []string // of a path
}

// tokens are the parts of a rule, up to the first that is none.
func tokens(rule string) []token {
	l := lexer{rule: rule}
	all := make([]token, 0, 4+len(rule)/8)
	for {
		t := l.token()
		if n := len(all); n > 0 && t.sign != bad && t.sign != ended && all[n-1].end == t.at && needsBlank(all[n-1], t) {
			t = token{sign: bad, at: t.at, end: t.end, text: "A blank is missing here."}
		}
		if all = append(all, t); t.sign == ended || t.sign == bad {
			return all
		}
	}
}

// needsBlank says whether two tokens that touch must not.
func needsBlank(one, next token) bool {
	alone := func(t token) bool { return t.sign >= opening && t.sign <= comma }
	return !alone(one) && !alone(next) && next.sign != text && !next.dashed
}

type lexer struct {
	rule string
	at   int
}

func isLetter(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsMark(r) }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isWord(r rune) bool   { return isLetter(r) || unicode.IsDigit(r) }

// rest is what is still to be read.
func (l *lexer) rest() string { return l.rule[l.at:] }

// run reads on as long as runes are of a kind.
func (l *lexer) run(of func(rune) bool) string {
	rest := l.rest()
	n := strings.IndexFunc(rest, func(r rune) bool { return !of(r) })
	if n < 0 {
		n = len(rest)
	}
	l.at += n
	return rest[:n]
}

func (l *lexer) token() token {
	l.run(func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
	t := token{at: l.at}
	r, size := utf8.DecodeRuneInString(l.rest())
	simple := strings.IndexRune("()[],", r)
	switch {
	case size == 0:
		t.sign = ended
	case simple >= 0:
		t.sign = opening + sign(simple)
		l.at += size
	case r == '"', r == '\'', strings.HasPrefix(l.rest(), "`\""):
		l.quoted(&t)
	case r >= '0' && r <= '9':
		l.digits(&t)
	case isLetter(r):
		l.words(&t)
	case r == '-', r == '–':
		l.at += size
		if next, _ := utf8.DecodeRuneInString(l.rest()); !isLetter(next) {
			l.at -= size
			return token{sign: bad, at: t.at, text: whyNot(r, next)}
		}
		t.dashed = true
		l.words(&t)
		if t.sign == path {
			return token{sign: bad, at: t.at, text: "Only operators such as -eq have a dash."}
		}
	case r == '$':
		l.at += size
		if l.words(&t); t.sign != word || t.text != null {
			return token{sign: bad, at: t.at, text: "There are no variables; $ is read in $null alone."}
		}
	default:
		return token{sign: bad, at: t.at, text: whyNot(r, 0)}
	}
	t.end = l.at
	return t
}

// words reads a word, or several with dots between them.
func (l *lexer) words(t *token) {
	t.sign = word
	t.parts = []string{l.run(isWord)}
	for strings.HasPrefix(l.rest(), ".") {
		t.sign = path
		l.at++
		t.parts = append(t.parts, l.run(isWord))
	}
	t.text = strings.ToLower(t.parts[0])
}

// digits reads a number or a date.
func (l *lexer) digits(t *token) {
	const day = "0000-00-00"
	rest := l.rest()
	isDay := len(rest) >= len(day)
	for i := 0; isDay && i < len(day); i++ {
		isDay = isDigit(rest[i]) == (day[i] == '0') && (day[i] == '0' || rest[i] == day[i])
	}
	if isDay {
		t.sign = date
		l.at += len(day)
		clock := func(r rune) bool { return r >= '0' && r <= '9' || r == ':' || r == '.' }
		if c := l.rest(); c != "" && (c[0] == 'T' || c[0] == 't') {
			l.at++
			l.run(clock)
			switch c := l.rest(); {
			case c != "" && (c[0] == 'Z' || c[0] == 'z'):
				l.at++
			case len(c) > 1 && (c[0] == '+' || c[0] == '-') && isDigit(c[1]):
				l.at++
				l.run(clock)
			}
		}
	} else {
		t.sign = number
		l.run(func(r rune) bool { return r >= '0' && r <= '9' })
	}
	t.text = l.rule[t.at:l.at]
	c := l.rest()
	if next, _ := utf8.DecodeRuneInString(c); isWord(next) || next == '.' || len(c) > 1 && next == '-' && isDigit(c[1]) {
		t.sign, t.text = bad, "What begins here is neither a number, which is digits alone, nor a date such as 2026-01-31T08:00:00Z; write a text in quotes."
	}
}

// quoted reads a text.
func (l *lexer) quoted(t *token) {
	t.sign = bad
	rest := l.rest()
	var says strings.Builder
	switch {
	case rest[0] == '\'':
		for i := 1; i < len(rest); i++ {
			if rest[i] == '\'' {
				if i++; i == len(rest) || rest[i] != '\'' {
					t.sign, t.text = text, says.String()
					l.at += i
					return
				}
			}
			says.WriteByte(rest[i])
		}
		t.text = "The quote that opens here is not closed; a ' inside is written twice."
	case rest[0] == '"':
		for i := 1; i < len(rest); i++ {
			if rest[i] == '"' {
				t.sign, t.text = text, says.String()
				l.at += i + 1
				return
			}
			i += escape(&says, rest[i:]) - 1
		}
		t.text = "The quote that opens here is not closed; a \" inside is written `\"."
	default: // what is between the two is in quotes, and they are part of it
		says.WriteByte('"')
		for i := 2; i < len(rest) && rest[i] != '"'; {
			if strings.HasPrefix(rest[i:], "`\"") {
				t.sign, t.text = text, says.String()+`"`
				l.at += i + 2
				return
			}
			i += escape(&says, rest[i:])
		}
		t.text = "The text that `\" opens here is not closed by `\"."
	}
}

// escape reads one character of a text in double quotes, and says how many bytes it is written in.
func escape(to *strings.Builder, rest string) int {
	if len(rest) > 1 {
		switch rest[:2] {
		case "`\"", "`'", "``", `\"`, "''":
			to.WriteByte(rest[1])
			return 2
		case `\\`:
			to.WriteString(`\\`) // so that the second is before no quote; patterns read it
			return 2
		}
	}
	to.WriteByte(rest[0])
	return 1
}

// whyNot says why nothing begins with a character, and what to write instead.
func whyNot(r, next rune) string {
	switch {
	case (r == '-' || r == '–') && (next == ' ' || next == '\t' || next == '\r' || next == '\n'):
		return "A dash touches its word: -eq, not - eq."
	case r == '-' || r == '–':
		return "A dash stands before an operator such as -eq, and touches it; a text with a dash, or a negative number, goes in quotes."
	case strings.ContainsRune("“”„‟«»‘’‚‛′″＂＇", r):
		return "Quotes are straight ones: \" or '."
	case r == '`':
		return "A backtick is read inside quotes, and in `\" alone outside of them."
	case unicode.In(r, unicode.Pd) || r == '−' || r == '‑':
		return "Operators begin with a plain dash: -eq."
	case strings.ContainsRune("=!<>&|", r):
		return "Operators are words: -eq and -ne for = and !=, -and, -or and -not for &&, || and !, -le and -ge for dates."
	case r == '#' || r == '/':
		return "There are no comments in a rule; a text goes in quotes."
	case r == '\\':
		return "A backslash is read inside quotes alone; outside of them quotes have none before them."
	case r == '.':
		return "A property is written in one piece, such as user.department."
	case unicode.IsSpace(r), r == '\uFEFF', r == '\u200B', r == '\u2060':
		return "Between the words of a rule are blanks, tabs and line ends; this is another kind of space, which was perhaps copied with the text: write a blank."
	case r == utf8.RuneError:
		return "This is no character; rules are UTF-8."
	case unicode.IsControl(r), !unicode.IsPrint(r):
		return "This is a control character, or one that cannot be seen, which was perhaps copied with the text; leave it out."
	}
	return "Nothing in a rule begins with " + string(r) + "; a text goes in quotes."
}
