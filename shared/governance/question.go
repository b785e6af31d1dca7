package governance

import (
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

// QuestionBase is what all questions have (RULES QUE-01).
type QuestionBase struct {
	ID               string                    `json:"id,omitempty"`
	Sequence         int                       `json:"sequence"`
	Text             string                    `json:"text"`
	Localizations    collection[LocalizedText] `json:"localizations"`
	IsRequired       bool                      `json:"isRequired"`
	IsAnswerEditable bool                      `json:"isAnswerEditable"`
}

// TextInputQuestion is answered in words, which RegexPattern may restrict (RULES QUE-02).
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
	maxPattern   = 500
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
	seen := map[string]bool{}
	for i, question := range q {
		at := fmt.Sprintf("questions/%d/", i)
		base := question.base()
		if strings.TrimSpace(base.Text) == "" || utf8.RuneCountInString(base.Text) > MaxDescription {
			return Invalid(at+"text", "A question needs a text of at most %d characters.", MaxDescription)
		}
		if base.ID == "" {
			base.ID = newID()
		}
		if seen[base.ID] {
			return Invalid(at+"id", "Two questions have the id %q.", Clip(base.ID))
		}
		seen[base.ID] = true
		switch question := question.(type) {
		case *TextInputQuestion:
			if len(question.RegexPattern) > maxPattern {
				return Invalid(at+"regexPattern", "regexPattern is longer than %d characters.", maxPattern)
			}
			if _, err := regexp.Compile(question.RegexPattern); err != nil {
				return Invalid(at+"regexPattern", "regexPattern is no regular expression in RE2 syntax: %v.", err)
			}
		case *MultipleChoiceQuestion:
			if len(question.Choices) == 0 || len(question.Choices) > MaxChoices {
				return Invalid(at+"choices", "A multiple choice question has 1 to %d choices.", MaxChoices)
			}
			for j, choice := range question.Choices {
				if strings.TrimSpace(choice.ActualValue) != choice.ActualValue || choice.ActualValue == "" || question.IsMultipleSelectionAllowed && strings.Contains(choice.ActualValue, ",") {
					return Invalid(fmt.Sprintf("%schoices/%d/actualValue", at, j),
						"The actualValue %q could never be chosen: it must not be empty, begin or end with a space, or hold a comma where several may be selected.", Clip(choice.ActualValue))
				}
			}
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
}

// Check holds answers against the questions: each required one answered, if all are asked for, each answer to a question that exists, syntax and choices kept to
// (RULES QUE-01, QUE-02, QUE-04). Errors: CodeInvalid naming the question.
func (q Questions) Check(answers []Answer, all bool) error {
	if len(answers) > MaxQuestions {
		return Invalid("answers", "There are at most %d answers.", MaxQuestions)
	}
	given, places := map[string]string{}, map[string]string{}
	for i, answer := range answers {
		at := fmt.Sprintf("answers/%d", i)
		if answer.AnsweredQuestion == nil || answer.AnsweredQuestion.ID == "" {
			return Invalid(at+"/answeredQuestion", "Each answer needs answeredQuestion with the id of its question.")
		}
		if utf8.RuneCountInString(answer.Value) > MaxAnswer {
			return Invalid(at+"/value", "An answer has at most %d characters.", MaxAnswer)
		}
		id := answer.AnsweredQuestion.ID
		if !slices.ContainsFunc(q, func(question Question) bool { return question.base().ID == id }) {
			return Invalid(at+"/answeredQuestion", "The policy asks no question with the id %q.", Clip(id))
		}
		if _, twice := given[id]; twice {
			return Invalid(at+"/answeredQuestion", "The question %q is answered twice.", Clip(id))
		}
		given[id], places[id] = answer.Value, at+"/value"
	}
	if size, err := sizeOf(q.Kept(answers)); err != nil || size > MaxAnswersSize {
		return Invalid("answers", "The answers take %d bytes as they are stored, and may take %d; shorten value or displayValue of some.", size, MaxAnswersSize)
	}
	for _, question := range q {
		base := question.base()
		value := given[base.ID]
		if strings.TrimSpace(value) == "" {
			if all && base.IsRequired {
				return Invalid("answers", "The question %q (%s) must be answered.", Clip(base.Text), base.ID)
			}
			continue
		}
		if err := checkAnswer(question, value, places[base.ID]); err != nil {
			return err
		}
	}
	return nil
}

// Kept is answers as they are stored: each @odata.type that a client gave is the true one.
func (q Questions) Kept(answers []Answer) []Answer {
	kept := slices.Clone(answers)
	for i := range kept {
		if answer := &kept[i]; answer.Type != "" {
			answer.Type = answerType
		}
		refers := *kept[i].AnsweredQuestion
		if at := slices.IndexFunc(q, func(question Question) bool { return question.base().ID == refers.ID }); refers.Type != "" && at >= 0 {
			refers.Type = q[at].odataType()
		}
		kept[i].AnsweredQuestion = &refers
	}
	return kept
}

func checkAnswer(question Question, value, at string) error {
	switch question := question.(type) {
	case *TextInputQuestion:
		if question.IsSingleLineQuestion && strings.ContainsAny(value, "\n\r\v\f\u0085\u2028\u2029") {
			return Invalid(at, "The answer to %q must be one line.", Clip(question.Text))
		}
		pattern, err := regexp.Compile(question.RegexPattern)
		if err != nil {
			return Invalid(at, "The pattern of the question %q cannot be read; ask the owner of the policy.", Clip(question.Text))
		}
		if !pattern.MatchString(value) {
			return Invalid(at, "The answer to %q does not have the form %q.", Clip(question.Text), question.RegexPattern)
		}
	case *MultipleChoiceQuestion:
		chosen := []string{value}
		if question.IsMultipleSelectionAllowed {
			chosen = strings.Split(value, ",")
		}
		for _, one := range chosen {
			one = strings.TrimSpace(one)
			if !slices.ContainsFunc(question.Choices, func(choice AnswerChoice) bool { return choice.ActualValue == one }) {
				return Invalid(at, "%q is no choice of the question %q.", Clip(one), Clip(question.Text))
			}
		}
	}
	return nil
}
