package governance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Question is Graph's accessPackageQuestion: a policy asks it of who requests. It is sealed: TextInputQuestion and MultipleChoiceQuestion.
type Question interface {
	odataType() string
	base() *QuestionBase
}

// LocalizedText is Graph's accessPackageLocalizedText.
type LocalizedText struct {
	LanguageCode string `json:"languageCode"`
	Text         string `json:"text"`
}

// QuestionBase is what all questions have (QUE-01).
type QuestionBase struct {
	ID               string                    `json:"id,omitempty"`
	Sequence         int                       `json:"sequence"`
	Text             string                    `json:"text"`
	Localizations    collection[LocalizedText] `json:"localizations"`
	IsRequired       bool                      `json:"isRequired"`
	IsAnswerEditable bool                      `json:"isAnswerEditable"`
}

// TextInputQuestion is answered in words, which RegexPattern may restrict (QUE-02).
type TextInputQuestion struct {
	QuestionBase
	IsSingleLineQuestion bool   `json:"isSingleLineQuestion"`
	RegexPattern         string `json:"regexPattern,omitempty"`
}

// AnswerChoice is one choice of a MultipleChoiceQuestion.
type AnswerChoice struct {
	ActualValue   string                    `json:"actualValue"`
	Text          string                    `json:"text"`
	Localizations collection[LocalizedText] `json:"localizations"`
}

// MultipleChoiceQuestion is answered with the actualValue of a choice, or of several, separated by commas.
type MultipleChoiceQuestion struct {
	QuestionBase
	Choices                    collection[AnswerChoice] `json:"choices"`
	IsMultipleSelectionAllowed bool                     `json:"isMultipleSelectionAllowed"`
}

func (TextInputQuestion) odataType() string { return "#microsoft.graph.accessPackageTextInputQuestion" }
func (MultipleChoiceQuestion) odataType() string {
	return "#microsoft.graph.accessPackageMultipleChoiceQuestion"
}
func (q *TextInputQuestion) base() *QuestionBase      { return &q.QuestionBase }
func (q *MultipleChoiceQuestion) base() *QuestionBase { return &q.QuestionBase }

// Questions is a list of questions in JSON, each with its @odata.type.
type Questions []Question

// Limits of questions and answers.
const (
	MaxQuestions = 50
	MaxChoices   = 100
	MaxAnswer    = 4000
)

// MarshalJSON writes each with its @odata.type, and an empty list as [].
func (q Questions) MarshalJSON() ([]byte, error) {
	list := make([]json.RawMessage, len(q))
	for i, question := range q {
		data, err := withType(question.odataType(), question)
		if err != nil {
			return nil, err
		}
		list[i] = data
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a list. A question without @odata.type is known by its members; an unknown type is refused.
func (q *Questions) UnmarshalJSON(data []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return wrongShape(err, "questions", "a list of questions, each with @odata.type")
	}
	if len(raw) > MaxQuestions {
		return Invalid("questions", "A policy has at most %d questions.", MaxQuestions)
	}
	if raw == nil {
		*q = nil
		return nil
	}
	questions := make(Questions, 0, len(raw))
	for _, entry := range raw {
		var kind struct {
			Type    string          `json:"@odata.type"`
			Choices json.RawMessage `json:"choices"`
		}
		if err := json.Unmarshal(entry, &kind); err != nil {
			return wrongShape(err, "questions", "a list of objects")
		}
		var question Question
		switch name := odataName(kind.Type); {
		case strings.EqualFold(name, "accessPackageMultipleChoiceQuestion"), name == "" && kind.Choices != nil:
			question = &MultipleChoiceQuestion{}
		case strings.EqualFold(name, "accessPackageTextInputQuestion"), name == "":
			question = &TextInputQuestion{}
		default:
			return Invalid("questions/@odata.type", "Questions of type %q are not supported; use accessPackageTextInputQuestion or accessPackageMultipleChoiceQuestion.", Clip(kind.Type))
		}
		if err := json.Unmarshal(entry, question); err != nil {
			return wrongShape(err, "questions", "a list of questions")
		}
		questions = append(questions, question)
	}
	*q = questions
	return nil
}

// validate checks the questions of a policy and gives those an id that have none.
func (q Questions) validate(newID func() string) error {
	seen, all := map[string]bool{}, 0
	for i, question := range q {
		at := fmt.Sprintf("questions/%d/", i)
		base := question.base()
		if !Says(base.Text) || utf8.RuneCountInString(base.Text) > MaxDescription {
			return Invalid(at+"text", "A question needs a text of at most %d characters.", MaxDescription)
		}
		if err := ValidateText(at+"text", base.Text, MaxDescription); err != nil {
			return err
		}
		if base.ID == "" {
			base.ID = newID()
		}
		if seen[Fold(base.ID)] {
			return Invalid(at+"id", "Two questions have the id %q, whether in capitals or not.", Clip(base.ID))
		}
		seen[Fold(base.ID)] = true
		if err := validateTranslations(at, base.Localizations); err != nil {
			return err
		}
		switch question := question.(type) {
		case *TextInputQuestion:
			compiled, err := compilePattern(question.RegexPattern)
			if err != nil {
				return Invalid(at+"regexPattern", "regexPattern %v.", err)
			}
			if all += compiled.size; all > maxPatternSizes {
				return Invalid(at+"regexPattern", "The patterns of a policy take at most %d steps together, and with this one they are %d; ask for less with {n,m}.", maxPatternSizes, all)
			}
		case *MultipleChoiceQuestion:
			if len(question.Choices) == 0 || len(question.Choices) > MaxChoices {
				return Invalid(at+"choices", "A multiple choice question has 1 to %d choices.", MaxChoices)
			}
			for j, choice := range question.Choices {
				at := fmt.Sprintf("%schoices/%d/", at, j)
				if strings.TrimSpace(choice.ActualValue) != choice.ActualValue || !Says(choice.ActualValue) || question.IsMultipleSelectionAllowed && strings.Contains(choice.ActualValue, ",") {
					return Invalid(at+"actualValue", "The actualValue %q could never be chosen: it must not be empty, begin or end with a space, or hold a comma where several may be selected.", Clip(choice.ActualValue))
				}
				if !Says(choice.Text) {
					return Invalid(at+"text", "A choice needs a text that says what is chosen.")
				}
				if err := cmp.Or(visible(at+"actualValue", choice.ActualValue), visible(at+"text", choice.Text)); err != nil { // so none looks like another
					return err
				}
				for _, other := range question.Choices[:j] {
					if NameKey(other.ActualValue) == NameKey(choice.ActualValue) {
						return Invalid(at+"actualValue", "Two choices have the actualValue %q, whether in capitals or not.", Clip(choice.ActualValue))
					}
					if NameKey(other.Text) == NameKey(choice.Text) {
						return Invalid(at+"text", "Two choices have the text %q; nobody could tell them apart.", Clip(choice.Text))
					}
				}
				if err := validateTranslations(at, choice.Localizations); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// languageForm is that of a language tag: RFC 5646, section 2.1, without what nobody writes.
var languageForm = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// validateTranslations checks the translations of a text: each says something in a language of its own.
func validateTranslations(at string, translations []LocalizedText) error {
	for i, one := range translations {
		at := fmt.Sprintf("%slocalizations/%d/", at, i)
		same := func(other LocalizedText) bool { return Fold(other.LanguageCode) == Fold(one.LanguageCode) }
		switch {
		case !languageForm.MatchString(one.LanguageCode):
			return Invalid(at+"languageCode", "languageCode is the tag of a language, such as en or nb-NO.")
		case slices.ContainsFunc(translations[:i], same):
			return Invalid(at+"languageCode", "A language has one translation, and %q has two.", Clip(one.LanguageCode))
		case !Says(one.Text):
			return Invalid(at+"text", "A translation needs a text.")
		}
		if err := ValidateText(at+"text", one.Text, len(one.Text)); err != nil {
			return err
		}
	}
	return nil
}

// Answer is Graph's accessPackageAnswerString.
type Answer struct {
	Type             string          `json:"@odata.type,omitempty"`
	Value            string          `json:"value"`
	DisplayValue     string          `json:"displayValue,omitempty"`
	AnsweredQuestion *AnsweredRefers `json:"answeredQuestion,omitempty"`
}

// answerType is the @odata.type of an Answer.
const answerType = "#microsoft.graph.accessPackageAnswerString"

// AnsweredRefers says which question an answer is to.
type AnsweredRefers struct {
	Type string `json:"@odata.type,omitempty"`
	ID   string `json:"id"`
	Text string `json:"text,omitempty"` // never stored: filled in where answers are shown
}

// Told is answers as they are shown: each with its question's text, and a choice with the text of what was chosen.
func (q Questions) Told(answers []Answer) []Answer {
	told := slices.Clone(answers)
	for i := range told {
		answer := &told[i]
		at := slices.IndexFunc(q, func(question Question) bool {
			return answer.AnsweredQuestion != nil && question.base().ID == answer.AnsweredQuestion.ID
		})
		if at < 0 {
			continue
		}
		answer.Type, answer.AnsweredQuestion = answerType, &AnsweredRefers{Type: q[at].odataType(), ID: q[at].base().ID, Text: q[at].base().Text}
		if _, isChoice := q[at].(*MultipleChoiceQuestion); isChoice && answer.DisplayValue == "" {
			said := *answer
			said.DisplayValue = answer.Value
			answer.DisplayValue, _ = words(q[at], said)
		}
	}
	return told
}

// Check holds answers against the questions: each required one answered, if all are asked for, each answer to a question that exists, syntax and choices kept to
// (QUE-01, QUE-02, QUE-04). Errors: CodeInvalid naming the question.
func (q Questions) Check(answers []Answer, all bool) error {
	if len(answers) > MaxQuestions {
		return Invalid("answers", "There are at most %d answers.", MaxQuestions)
	}
	given, places := map[string]Answer{}, map[string]string{}
	for i, answer := range answers {
		at := fmt.Sprintf("answers/%d", i)
		if answer.AnsweredQuestion == nil || answer.AnsweredQuestion.ID == "" {
			return Invalid(at+"/answeredQuestion", "Each answer needs answeredQuestion with the id of its question.")
		}
		if err := cmp.Or(ValidateText(at+"/value", answer.Value, MaxAnswer), ValidateText(at+"/displayValue", answer.DisplayValue, MaxAnswersSize)); err != nil {
			return err
		}
		id := answer.AnsweredQuestion.ID
		if !slices.ContainsFunc(q, func(question Question) bool { return question.base().ID == id }) {
			return Invalid(at+"/answeredQuestion", "The policy asks no question with the id %q.", Clip(id))
		}
		if _, twice := given[id]; twice {
			return Invalid(at+"/answeredQuestion", "The question %q is answered twice.", Clip(id))
		}
		given[id], places[id] = answer, at
	}
	if size, err := sizeOf(q.Kept(answers)); err != nil || size > MaxAnswersSize {
		return Invalid("answers", "The answers take %d bytes as they are stored, and may take %d; shorten value or displayValue of some.", size, MaxAnswersSize)
	}
	var matching matching
	for _, question := range q {
		base := question.base()
		answer, at := given[base.ID], places[base.ID]
		if _, honest := words(question, answer); !honest {
			return Invalid(at+"/displayValue", "%s/displayValue is not what the answer to %q shows: the text of what is chosen, or the value itself; leave it out.", at, Clip(base.Text))
		}
		if !Says(answer.Value) {
			if all && base.IsRequired {
				return Invalid("answers", "The question %q (%s) must be answered.", Clip(base.Text), base.ID)
			}
			continue
		}
		if err := checkAnswer(question, answer.Value, at+"/value", &matching); err != nil {
			return err
		}
	}
	return nil
}

// Kept is answers as they are stored: each @odata.type and displayValue that a client gave is the true one.
func (q Questions) Kept(answers []Answer) []Answer {
	kept := slices.Clone(answers)
	for i := range kept {
		if answer := &kept[i]; answer.Type != "" {
			answer.Type = answerType
		}
		refers := *kept[i].AnsweredQuestion
		refers.Text = ""
		if at := slices.IndexFunc(q, func(question Question) bool { return question.base().ID == refers.ID }); at >= 0 {
			if refers.Type != "" {
				refers.Type = q[at].odataType()
			}
			kept[i].DisplayValue, _ = words(q[at], kept[i])
		}
		kept[i].AnsweredQuestion = &refers
	}
	return kept
}

func checkAnswer(question Question, value, at string, matching *matching) error {
	switch question := question.(type) {
	case *TextInputQuestion:
		if question.IsSingleLineQuestion && strings.ContainsAny(value, "\n\r\v\f\u0085\u2028\u2029") {
			return Invalid(at, "The answer to %q must be one line.", Clip(question.Text))
		}
		return matching.check(question, value, at)
	case *MultipleChoiceQuestion:
		_, err := question.chosen(value, at)
		return err
	}
	return nil
}

// chosen are the choices that a value names. Errors: CodeInvalid for one that there is not.
func (q *MultipleChoiceQuestion) chosen(value, at string) (chosen []AnswerChoice, err error) {
	names := []string{value}
	if q.IsMultipleSelectionAllowed {
		names = strings.Split(value, ",")
	}
	for _, name := range names {
		name = strings.TrimSpace(name)
		i := slices.IndexFunc(q.Choices, func(choice AnswerChoice) bool { return choice.ActualValue == name })
		if i < 0 || len(names) > len(q.Choices) {
			return chosen, Invalid(at, "%q is no choice of the question %q.", Clip(name), Clip(q.Text))
		}
		chosen = append(chosen, q.Choices[i])
	}
	return chosen, nil
}

// words is the displayValue that is true of an answer, and whether the one that a client gave may stand for it: of a choice, the texts of what is chosen, in whatever language, or the value. What answers in
// words of one's own may be shown in others: both are the requestor's.
func words(question Question, answer Answer) (is string, honest bool) {
	choices, isChoice := question.(*MultipleChoiceQuestion)
	if answer.DisplayValue == "" || !isChoice {
		return answer.DisplayValue, true
	}
	chosen, err := choices.chosen(answer.Value, "")
	if answer.DisplayValue == answer.Value {
		for _, choice := range chosen {
			is = is + ", " + choice.Text
		}
		return strings.TrimPrefix(is, ", "), err == nil
	}
	texts, rest := make([]string, len(chosen)), answer.DisplayValue
	for i, choice := range chosen {
		said := ""
		for _, text := range append([]LocalizedText{{Text: choice.Text}}, choice.Localizations...) {
			if strings.HasPrefix(rest, text.Text) && len(text.Text) > len(said) {
				said = text.Text
			}
		}
		if said == "" {
			return "", false
		}
		texts[i], rest = choice.Text, strings.TrimLeft(rest[len(said):], ", ")
	}
	return strings.Join(texts, ", "), err == nil && rest == ""
}
