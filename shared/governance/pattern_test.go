package governance

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A pattern is held against the whole of an answer.
//
// rules: QUE-02
func TestAPatternMatchesTheWhole(t *testing.T) {
	for text, cases := range map[string]map[string]bool{
		"":             {"anything": true, "": true},
		`\d{4}`:        {"1234": true, "12345": false, "x1234": false, "1234\n": false, "12\n34": false},
		`a|ab`:         {"a": true, "ab": true, "b": false, "abb": false},
		`^a$`:          {"a": true, "a\n": false},
		`(?m)^a$`:      {"a": true, "a\nb": false, "b\na": false},
		`(?i)ops|x`:    {"OPS": true, "X": true, "OPSx": false},
		`\Qa.b`:        {"a.b": true, "aXb": false, "a.b)": false},
		`a.*b`:         {"a b": true, "a\nb": false, "xa b": false},
		`[)]`:          {")": true, "))": false},
		`(?s:.{0,10})`: {"a\nb": true, strings.Repeat("x", 11): false},
	} {
		for value, want := range cases {
			var m matching
			if got := m.check(&TextInputQuestion{RegexPattern: text}, value, "x") == nil; got != want {
				t.Errorf("%q takes %q: %t", text, value, got)
			}
		}
	}
	for _, bad := range []string{`a)(b`, `(`, `)`, `[`, `a**`, `(?=x)`, `(?P<a>`, `\`, "\xff"} {
		if _, err := compilePattern(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// What a pattern may cost is bounded where it is written and where it is used, whatever it is written as.
func TestPatternsAreBounded(t *testing.T) {
	costly := strings.Repeat("a{0,1000}", 54) // 486 characters
	for _, text := range []string{costly, costly + "aa", `(a{0,50}){0,20}b{0,900}c{0,900}`, `(?:(?:a?b?c?d?){10}){100}`, strings.Repeat(`\pL{1000}`, 4), `(a|b|cd|ef){1000}`, strings.Repeat(`.{0,500}`, 10)} {
		if _, err := compilePattern(text); err == nil || !strings.Contains(err.Error(), fmt.Sprint(maxPatternSize)) {
			t.Errorf("%q: %v", text, err)
		}
		answer := Answer{Value: "aaaa", AnsweredQuestion: &AnsweredRefers{ID: "q"}}
		err := Questions{&TextInputQuestion{QuestionBase: QuestionBase{ID: "q", Text: "Why?"}, RegexPattern: text}}.Check([]Answer{answer}, true) // stored before there was a bound
		if CodeOf(err) != CodeInvalid || !strings.Contains(err.Error(), "Why?") || !strings.Contains(err.Error(), "steps") {
			t.Errorf("%q, stored: %v", text, err)
		}
	}
	var many Questions
	var answers []Answer
	for i := range 6 {
		id := fmt.Sprint("q", i)
		many = append(many, &TextInputQuestion{QuestionBase: QuestionBase{ID: id, Text: "What is " + id + "?"}, RegexPattern: ".{1,450}"})
		answers = append(answers, Answer{Value: "x", AnsweredQuestion: &AnsweredRefers{ID: id}})
	}
	newID := func() string { return "" }
	if err := many[:4].validate(newID); err != nil {
		t.Error(err)
	}
	if err := many.validate(newID); CodeOf(err) != CodeInvalid || !strings.Contains(err.Error(), "questions/5/regexPattern") || !strings.Contains(err.Error(), fmt.Sprint(maxPatternSizes)) {
		t.Error(err)
	}
	if err := many.Check(answers, true); CodeOf(err) != CodeInvalid || !strings.Contains(err.Error(), "What is q5?") {
		t.Error(err)
	}
	for _, usual := range []string{`[A-Za-z0-9._%+-]+@[a-z0-9.-]+\.[a-z]{2,}`, `.{10,1000}`, `[A-Z]{3}-\d{1,200}`, `(?s).{1,1000}`, `(\w+ ?){1,100}`} {
		if _, err := compilePattern(usual); err != nil {
			t.Errorf("%q: %v", usual, err)
		}
	}
}

// A pattern that is taken is compiled, is bounded, and takes no text that it would not find itself in.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{`\d{4}`, `a|ab`, `\Qa`, `(?i)x`, `(a{1,9}){2,}`, `[^]]`, `(?P<n>x)`, `x{0}`, `()`, `\b`} {
		f.Add(seed, "ab")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		compiled, err := compilePattern(text)
		if err != nil || compiled.whole == nil {
			return
		}
		if compiled.size > maxPatternSize+maxPattern { // those that begin and end it, and what empty parts become
			t.Fatalf("%q takes %d steps", text, compiled.size)
		}
		alone, err := regexp.Compile(text)
		if err != nil {
			t.Fatalf("%q is taken: %v", text, err)
		}
		if compiled.whole.MatchString(value) && !alone.MatchString(value) {
			t.Errorf("%q takes %q as a whole, and not at all", text, value)
		}
		if at := alone.FindStringIndex(value); at != nil && at[0] == 0 && at[1] == len(value) && !compiled.whole.MatchString(value) {
			t.Errorf("%q does not take %q, all of which it finds", text, value)
		}
	})
}

// What all answers of a request may cost: the largest patterns, against the longest answers.
func BenchmarkPatterns(b *testing.B) {
	value := strings.Repeat("a", MaxAnswer)
	for b.Loop() {
		var m matching
		for _, text := range []string{`(?:a?){1000}a{0,230}`, `(?:.*a){600}.{0,20}`} {
			if err := m.check(&TextInputQuestion{RegexPattern: text}, value, "x"); err != nil && strings.Contains(err.Error(), "Nothing") {
				b.Fatal(err)
			}
		}
	}
}
