package governance_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
)

const questionsJSON = `[
	{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","id":"why","sequence":0,"text":"Why?","localizations":[],"isRequired":true,"isAnswerEditable":false,"isSingleLineQuestion":true},
	{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","id":"cost","sequence":1,"text":"Cost centre","localizations":[{"languageCode":"de-DE","text":"Kostenstelle"}],"isRequired":false,"isAnswerEditable":true,"isSingleLineQuestion":true,"regexPattern":"^[0-9]{4}$"},
	{"@odata.type":"#microsoft.graph.accessPackageMultipleChoiceQuestion","id":"site","sequence":2,"text":"Site","localizations":[],"isRequired":false,"isAnswerEditable":false,"choices":[{"actualValue":"B","text":"Berlin","localizations":[]},{"actualValue":"P","text":"Paris","localizations":[]}],"isMultipleSelectionAllowed":false},
	{"@odata.type":"#microsoft.graph.accessPackageMultipleChoiceQuestion","id":"tools","sequence":3,"text":"Tools","localizations":[],"isRequired":false,"isAnswerEditable":false,"choices":[{"actualValue":"A","text":"Axe","localizations":[]},{"actualValue":"S","text":"Saw","localizations":[]}],"isMultipleSelectionAllowed":true}
]`

// rules: QUE-01 QUE-02 QUE-04
func TestCheckHoldsAnswersAgainstQuestions(t *testing.T) {
	t.Parallel()
	questions := decode[governance.Questions](t, questionsJSON)
	why := answer("why", "because")
	for name, test := range map[string]struct {
		answers []governance.Answer
		refused string // a part of the message; empty: accepted
	}{
		"all answered":                {[]governance.Answer{why, answer("cost", "4711"), answer("site", "P"), answer("tools", "A,S")}, ""},
		"only what is required":       {[]governance.Answer{why}, ""},
		"several with spaces":         {[]governance.Answer{why, answer("tools", "S, A")}, ""},
		"optional left blank":         {[]governance.Answer{why, answer("cost", " ")}, ""},
		"nothing":                     {nil, `"Why?" (why) must be answered`},
		"blank":                       {[]governance.Answer{answer("why", " \t")}, "must be answered"},
		"what nobody sees":            {[]governance.Answer{answer("why", "\u2003\n")}, "must be answered"},
		"what turns the direction":    {[]governance.Answer{answer("why", "a\u202eb")}, "U+202E"},
		"form not kept":               {[]governance.Answer{why, answer("cost", "47110")}, `does not have the form "^[0-9]{4}$"`},
		"no choice":                   {[]governance.Answer{why, answer("site", "Berlin")}, `"Berlin" is no choice`},
		"two choices where one":       {[]governance.Answer{why, answer("site", "B,P")}, `"B,P" is no choice`},
		"one of several is no choice": {[]governance.Answer{why, answer("tools", "A,Z")}, `"Z" is no choice`},
		"question that is not asked":  {[]governance.Answer{why, answer("else", "x")}, `no question with the id "else"`},
		"twice":                       {[]governance.Answer{why, why}, "answered twice"},
		"to nothing":                  {[]governance.Answer{{Value: "x"}}, "needs answeredQuestion"},
		"to no id":                    {[]governance.Answer{answer("", "x")}, "needs answeredQuestion"},
		"longest":                     {[]governance.Answer{answer("why", strings.Repeat("ß", governance.MaxAnswer))}, ""},
		"too long":                    {[]governance.Answer{answer("why", strings.Repeat("x", governance.MaxAnswer+1))}, "longer than 4000 characters"},
		"too many":                    {make([]governance.Answer, governance.MaxQuestions+1), "at most 50 answers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refuses(t, questions.Check(test.answers, true), "answers", test.refused)
		})
	}
}

func TestPolicyChecksItsQuestions(t *testing.T) {
	t.Parallel()
	many := func(n int, each string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(each+",", n), ",") + "]"
	}
	for name, test := range map[string]struct{ questions, refused string }{
		"none":                  {`[]`, ""},
		"all kinds":             {questionsJSON, ""},
		"no text":               {`[{"text":"  "}]`, "needs a text"},
		"long text":             {`[{"text":"` + strings.Repeat("ü", governance.MaxDescription) + `"}]`, ""},
		"text too long":         {`[{"text":"` + strings.Repeat("x", governance.MaxDescription+1) + `"}]`, "needs a text of at most"},
		"same id":               {`[{"id":"1","text":"a"},{"id":"1","text":"b"}]`, `Two questions have the id "1"`},
		"no expression":         {`[{"text":"a","regexPattern":"(["}]`, "no regular expression"},
		"expression of others":  {`[{"text":"a","regexPattern":"(?=x)"}]`, "RE2"},
		"expression too long":   {`[{"text":"a","regexPattern":"` + strings.Repeat("x", 501) + `"}]`, "longer than 500"},
		"no choices":            {`[{"@odata.type":"#microsoft.graph.accessPackageMultipleChoiceQuestion","text":"a"}]`, "1 to 100 choices"},
		"too many choices":      {`[{"text":"a","choices":` + many(101, `{"actualValue":"x","text":"x"}`) + `}]`, "1 to 100 choices"},
		"choice without value":  {`[{"text":"a","choices":[{"text":"x"}]}]`, "could never be chosen"},
		"choice with comma":     {`[{"text":"a","choices":[{"actualValue":"Paris, France","text":"Paris"}]}]`, ""},
		"same id in capitals":   {`[{"id":"q","text":"a"},{"id":"Q","text":"b"}]`, `Two questions have the id "Q"`},
		"a text turned around":  {`[{"text":"why\u202egnp"}]`, "U+202E"},
		"a value not seen":      {`[{"text":"a","choices":[{"actualValue":"a","text":"x"},{"actualValue":"a\u200b","text":"y"}]}]`, "U+200B"},
		"a choice not seen":     {`[{"text":"a","choices":[{"actualValue":"a","text":"x"},{"actualValue":"b","text":"x\u2066"}]}]`, "U+2066"},
		"values but for blanks": {`[{"text":"a","choices":[{"actualValue":"a b","text":"x"},{"actualValue":"a\u00a0 B","text":"y"}]}]`, "Two choices"},
		"a translation turned":  {`[{"text":"a","localizations":[{"languageCode":"de","text":"w\u202e"}]}]`, "U+202E"},
		"text nobody sees":      {`[{"text":"\u2800"}]`, "needs a text"},
		"value nobody sees":     {`[{"text":"a","choices":[{"actualValue":"\u200b","text":"x"}]}]`, "could never be chosen"},
		"one value twice":       {`[{"text":"a","choices":[{"actualValue":"x","text":"Yes"},{"actualValue":"x","text":"No"}]}]`, `Two choices have the actualValue "x"`},
		"choice without text":   {`[{"text":"a","choices":[{"actualValue":"x"}]}]`, "A choice needs a text"},
		"one language twice":    {`[{"text":"a","localizations":[{"languageCode":"de","text":"b"},{"languageCode":"DE","text":"c"}]}]`, "one translation"},
		"no language":           {`[{"text":"a","localizations":[{}]}]`, "tag of a language"},
		"nothing translated":    {`[{"text":"a","choices":[{"actualValue":"x","text":"x","localizations":[{"languageCode":"de"}]}]}]`, "A translation needs a text"},
		"commas and several":    {`[{"text":"a","isMultipleSelectionAllowed":true,"choices":[{"actualValue":"Paris, France"}]}]`, "could never be chosen"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := governance.AssignmentPolicy{DisplayName: "p", Questions: decode[governance.Questions](t, test.questions)}
			refuses(t, policy.Validate(time.Time{}, time.Time{}, counter()), "questions", test.refused)
		})
	}
	var questions governance.Questions
	refuses(t, json.Unmarshal([]byte(many(51, `{"text":"a"}`)), &questions), "questions", "at most 50 questions")
}

func TestPolicyNamesQuestionsThatHaveNoID(t *testing.T) {
	t.Parallel()
	policy := governance.AssignmentPolicy{DisplayName: "p", Questions: decode[governance.Questions](t, `[{"text":"a"},{"id":"mine","text":"b"},{"text":"c"}]`)}
	if err := policy.Validate(time.Time{}, time.Time{}, counter()); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, question := range policy.Questions {
		ids = append(ids, question.(*governance.TextInputQuestion).ID)
	}
	if fmt.Sprint(ids) != "[id-1 mine id-2]" {
		t.Errorf("the questions are called %v", ids)
	}
}

func TestQuestionsAreReadByTheirMembers(t *testing.T) {
	t.Parallel()
	got := decode[governance.Questions](t, `[
		{"@odata.type":"microsoft.graph.AccessPackageTextInputQuestion","sequence":1,"text":"a","isRequired":true,"isAnswerEditable":true,"isSingleLineQuestion":false,"localizations":null},
		{"sequence":2,"text":"b","isRequired":false,"choices":[{"actualValue":"x","text":"X"}],"isMultipleSelectionAllowed":true}]`)
	text, choice := got[0].(*governance.TextInputQuestion), got[1].(*governance.MultipleChoiceQuestion)
	if text.Sequence != 1 || !text.IsRequired || !text.IsAnswerEditable || text.IsSingleLineQuestion {
		t.Errorf("a text question reads as %+v", text)
	}
	if choice.Sequence != 2 || choice.IsRequired || !choice.IsMultipleSelectionAllowed || len(choice.Choices) != 1 {
		t.Errorf("a choice without @odata.type reads as %+v", choice)
	}
}

func TestQuestionsRefuseOtherShapes(t *testing.T) {
	t.Parallel()
	for text, refused := range map[string]string{
		`{}`:    "a list of questions",
		`[1]`:   "a list of objects",
		`[[]]`:  "a list of objects",
		`"why"`: "a list of questions",
		`[{"@odata.type":"#microsoft.graph.accessPackageQuestion","text":"a"}]`: "are not supported",
		`[{"@odata.type":"#microsoft.graph.somethingElse","text":"a"}]`:         `"#microsoft.graph.somethingElse" are not supported`,
		`[{"text":{"en":"a"}}]`:        "a list of questions",
		`[{"text":"a","choices":"x"}]`: "a list of questions",
	} {
		var questions governance.Questions
		refuses(t, json.Unmarshal([]byte(text), &questions), "", refused)
	}
}

func answer(question, value string) governance.Answer {
	return governance.Answer{Value: value, AnsweredQuestion: &governance.AnsweredRefers{ID: question}}
}

// counter names things id-1, id-2 and so on.
func counter() func() string {
	n := 0
	return func() string {
		n++
		return fmt.Sprintf("id-%d", n)
	}
}

func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

// refuses checks that err is a CodeInvalid about something below target that says so in words, or none if there are no words.
func refuses(t *testing.T, err error, target, words string) {
	t.Helper()
	if words == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if governance.CodeOf(err) != governance.CodeInvalid || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "("+target) {
		t.Errorf("got %v, want it refused with %q about %q", err, words, target)
	}
}
