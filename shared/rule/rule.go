// Package rule is the language of membership rules, such as user.department -eq "Sales": that of Entra's dynamic groups, for users (AUT-02). A rule is parsed once, and refused with the
// place and the cause if something is wrong with it; after that it says of everybody yes or no, and cannot fail. Rules see people as Graph answers them, prepared by ReadPerson, and the
// moment that they are told.
package rule

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of a rule.
const (
	MaxLength  = 3072   // code points of the whole text
	maxNesting = 200    // parentheses
	maxGroups  = 50     // groups of one memberOf
	maxProgram = 10_000 // steps of the patterns of a rule, as they are compiled
)

// Rule is a membership rule. It is never changed, and may be used by many at a time.
type Rule struct {
	root     node
	searches []search
}

// search is a -match: what it looks through, and in how many steps for each byte at most.
type search struct {
	source
	steps int
}

// SyntaxError says what is wrong with a rule, and where that is written.
type SyntaxError struct {
	Line    int    `json:"line"`    // 1 is the first
	Column  int    `json:"column"`  // in code points; 1 is the first of its line
	Message string `json:"message"` // a sentence or two: what is wrong and what to write instead
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Parse reads a rule. It is written at now: that is when what is reckoned from system.now must lie in the years 1 to 9999. Errors: SyntaxError.
func Parse(text string, now time.Time) (*Rule, error) {
	if length := utf8.RuneCountInString(text); length > MaxLength {
		_, at := cutRunes(text, MaxLength)
		return nil, errorAt(text, at, "The rule has %d characters, and may have %d with all its blanks; -in takes many values in one comparison.", length, MaxLength)
	}
	return parse(text, now)
}

// Matches says whether a rule selects a person at a moment.
func (r *Rule) Matches(p *Person, now time.Time) bool { return r.root.holds(p, now, 0) }

// Effort is how many steps the patterns of a rule take at most to be held against a person: those of each, for each byte that it looks through.
func (r *Rule) Effort(p *Person) (steps int) {
	for _, s := range r.searches {
		switch s.of {
		case ofText:
			steps += s.steps * len(p.texts[s.slot].stored)
		case ofExtension:
			steps += s.steps * len(p.extensions[s.key].stored)
		case ofPlan:
			for _, plan := range p.plans {
				steps += s.steps * len(plan[s.slot].stored)
			}
		default:
			for _, item := range p.lists[s.slot] {
				steps += s.steps * len(item.stored)
			}
		}
	}
	return steps
}

// String is the rule in the one form that each rule is printed in; it parses to the same rule.
func (r *Rule) String() string {
	var b strings.Builder
	r.root.print(&b)
	return b.String()
}

// errorAt is an error at a byte of the text. CR, LF and both together end a line.
func errorAt(text string, at int, format string, args ...any) *SyntaxError {
	before := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text[:at])
	line := strings.LastIndexByte(before, '\n') + 1
	return &SyntaxError{Line: 1 + strings.Count(before, "\n"), Column: 1 + utf8.RuneCountInString(before[line:]), Message: fmt.Sprintf(format, args...)}
}

// cutRunes is the first n code points of a text, and how many bytes they are.
func cutRunes(text string, n int) (string, int) {
	for at := range text {
		if n == 0 {
			return text[:at], at
		}
		n--
	}
	return text, len(text)
}
