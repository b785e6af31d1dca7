package governance

import (
	"fmt"
	"regexp"
	"regexp/syntax"
)

// Limits of the patterns that answers are held against. What a match takes grows with the steps of the compiled pattern times the characters of the answer, so both are bounded: with these, all
// answers of a request take less than a second (BenchmarkPatterns).
const (
	maxPattern      = 500  // characters, as it is written
	maxPatternSize  = 2500 // steps of one pattern: instructions of RE2
	maxPatternSizes = 5000 // of all patterns of a policy together
)

// pattern is a regular expression in RE2 syntax that the whole of a text is held against.
type pattern struct {
	whole *regexp.Regexp // nil: anything
	size  int            // its steps
}

// compilePattern reads a pattern; an empty one asks for nothing. Errors: the rest of a sentence that begins with the pattern.
func compilePattern(text string) (pattern, error) {
	if text == "" {
		return pattern{}, nil
	}
	if len(text) > maxPattern {
		return pattern{}, fmt.Errorf("is longer than %d characters", maxPattern)
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return pattern{}, fmt.Errorf("is no regular expression in RE2 syntax: %w", err)
	}
	if size := stepsOf(parsed); size > maxPatternSize {
		return pattern{}, fmt.Errorf("takes %d steps as it is compiled, and may take %d; ask for less with {n,m}", size, maxPatternSize)
	}
	compiled, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return pattern{}, fmt.Errorf("cannot be compiled: %w", err)
	}
	whole, err := regexp.Compile(`\A(?:` + parsed.String() + `)\z`) // of what was read, in which all is closed
	if err != nil {
		return pattern{}, fmt.Errorf("cannot be compiled: %w", err)
	}
	return pattern{whole, len(compiled.Inst)}, nil
}

// stepsOf is about how many instructions a pattern becomes, counted without making them: a repetition is written out as often as it may be.
func stepsOf(of *syntax.Regexp) int {
	inside := 0
	for _, sub := range of.Sub {
		inside += stepsOf(sub)
	}
	switch of.Op {
	case syntax.OpLiteral:
		return len(of.Rune)
	case syntax.OpConcat:
		return inside
	case syntax.OpAlternate:
		return inside + len(of.Sub) - 1
	case syntax.OpCapture:
		return inside + 2
	case syntax.OpRepeat: // written out: as often as it must be, and each time more that it may be behind a choice
		return of.Min*inside + max(of.Max-of.Min, 0)*(inside+1) + 1
	default:
		return inside + 1
	}
}

// matching holds the answers of one request against patterns, as long as what that takes is bounded: patterns that were stored before there were bounds do not hold anybody up.
type matching struct{ sizes int }

// check refuses an answer that is not, as a whole, what the pattern of its question asks for. Errors: CodeInvalid naming the question.
func (m *matching) check(question *TextInputQuestion, value, at string) error {
	compiled, err := compilePattern(question.RegexPattern)
	if m.sizes += compiled.size; err == nil && m.sizes > maxPatternSizes {
		err = fmt.Errorf("takes, with those before it, more than %d steps", maxPatternSizes)
	}
	switch {
	case err != nil:
		return Invalid(at, "Nothing can be held against the pattern of the question %q, which %v; ask the owner of the policy to mend it.", Clip(question.Text), err)
	case compiled.whole != nil && !compiled.whole.MatchString(value):
		return Invalid(at, "The answer to %q does not have the form %q, as a whole.", Clip(question.Text), question.RegexPattern)
	}
	return nil
}
