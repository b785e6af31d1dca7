package rule

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"latchkey/shared/governance"
)

// compile makes a pattern of -match: RE2, found anywhere, in any letter case. It answers with how many steps it has, or why it is none. What .NET's patterns have beyond RE2 is refused by name,
// for it would mean something else here, or nothing.
func compile(pattern string) (compiled *regexp.Regexp, steps int, why string) {
	if why := beyond(pattern); why != "" {
		return nil, 0, "The pattern has " + why
	}
	for _, text := range []string{pattern, "(?i)" + pattern} { // alone first, so that nothing that is put before it makes sense of what has none
		parsed, err := syntax.Parse(text, syntax.Perl)
		if err != nil {
			return nil, 0, wrongPattern(err)
		}
		if steps = stepsOf(parsed); steps > maxProgram {
			return nil, 0, fmt.Sprintf("The pattern takes %d steps or more, and may take %d; repeat less in it.", steps, maxProgram)
		}
	}
	compiled, err := regexp.Compile("(?i)" + pattern)
	if err != nil {
		return nil, 0, wrongPattern(err)
	}
	return compiled, steps, ""
}

func wrongPattern(err error) string {
	var wrong *syntax.Error
	if !errors.As(err, &wrong) {
		return "The pattern cannot be read."
	}
	hint := ""
	if wrong.Code == syntax.ErrMissingRepeatArgument {
		hint = "; any text is .*"
	}
	return fmt.Sprintf("The pattern cannot be read: %s in %s%s.", wrong.Code, governance.Clip(wrong.Expr), hint)
}

// stepsOf is how long the program of a pattern is at most; when it is more than is allowed, no more than that is counted.
func stepsOf(re *syntax.Regexp) int {
	inside := 0
	for _, sub := range re.Sub {
		inside = min(inside+stepsOf(sub), maxProgram+1)
	}
	switch re.Op {
	case syntax.OpLiteral:
		inside = len(re.Rune)
	case syntax.OpRepeat:
		inside = min((inside+1)*max(re.Min, re.Max, 1), maxProgram+1)
	default:
	}
	return inside + 1
}

// beyond is what a pattern has that .NET reads and RE2 does not, or reads in another way; empty: nothing.
func beyond(pattern string) string {
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, `\Q`): // literally, up to \E
			end := strings.Index(rest, `\E`)
			if end < 0 {
				return ""
			}
			i += end + 1
		case rest[0] == '\\':
			if len(rest) > 1 && (rest[1] >= '1' && rest[1] <= '9' || rest[1] == 'k') {
				return fmt.Sprintf("a back-reference (%s), which cannot be checked in linear time; write the alternatives out.", rest[:2])
			}
			i++
		case rest[0] == '[':
			n, subtracts := class(rest)
			if subtracts {
				return "a character class from which another is subtracted ([a-z-[x]]); write the ranges that are left, such as [a-wyz]. A [ of its own is written \\[."
			}
			i += n - 1
		case rest[0] == '(':
			for begin, what := range constructs {
				if strings.HasPrefix(rest, begin) {
					return fmt.Sprintf("%s (%s), which cannot be checked in linear time; join two conditions by -and, -or and -not.", what, begin)
				}
			}
		}
	}
	return ""
}

// constructs are groups of .NET that RE2 does without.
var constructs = map[string]string{"(?=": "a lookahead", "(?!": "a negative lookahead", "(?<=": "a lookbehind", "(?<!": "a negative lookbehind", "(?>": "an atomic group", "(?(": "a condition"}

// class is how many bytes a character class is written in, and whether .NET would subtract another from it.
func class(text string) (n int, subtracts bool) {
	i := 1
	if strings.HasPrefix(text[i:], "^") {
		i++
	}
	first := i
	for i < len(text) {
		rest := text[i:]
		switch {
		case rest[0] == ']' && i > first:
			return i + 1, false
		case strings.HasPrefix(rest, "-[") && i > first:
			return i, true
		case rest[0] == '\\':
			i++
		case strings.HasPrefix(rest, "[:"):
			if end := strings.Index(rest, ":]"); end > 0 {
				i += end + 1
			}
		}
		i++
	}
	return len(text), false
}
