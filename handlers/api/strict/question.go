package strict

import "slices"

var localizedText = &Type{Name: "accessPackageLocalizedText",
	Members: []Member{{Name: "languageCode", Kind: Text}, {Name: "text", Kind: Text}}}

// localizedContent is how beta writes a text and its translations.
var localizedContent = &Type{Name: "accessPackageLocalizedContent",
	Members: []Member{{Name: "defaultText", Kind: Text}, {Name: "localizedTexts", Kind: List, Of: localizedText}}}

var localizations = Member{Name: "localizations", Beta: []string{"localizedTexts"}, Kind: List, Of: localizedText}

// question is accessPackageQuestion (QUE-01).
var question = &Type{Name: "accessPackageQuestion", Derived: []*Type{textQuestion, choiceQuestion}, Untyped: func(n *node) *Type {
	if n.find("choices") != nil {
		return choiceQuestion
	}
	return textQuestion
}}

var (
	questionMembers = []Member{
		{Name: "id", Kind: Text},
		{Name: "sequence", Kind: Int},
		{Name: "text", Kind: Text, Is: localizedContent.Name},
		localizations,
		{Name: "isRequired", Kind: Bool},
		{Name: "isAnswerEditable", Kind: Bool, Waits: waitsUpdates},
	}
	textQuestion = &Type{Name: "accessPackageTextInputQuestion", Synonyms: []string{"textInputQuestion"}, Adapt: translated("text"),
		Members: append([]Member{
			{Name: "isSingleLineQuestion", Kind: Bool},
			{Name: "regexPattern", Kind: Text},
		}, questionMembers...)}
	choiceQuestion = &Type{Name: "accessPackageMultipleChoiceQuestion", Synonyms: []string{"multipleChoiceQuestion"},
		Adapt: translated("text"), Members: append([]Member{
			{Name: "isMultipleSelectionAllowed", Beta: []string{"allowsMultipleSelection"}, Kind: Bool},
			{Name: "choices", Kind: List, Of: &Type{Name: "accessPackageAnswerChoice", Adapt: translated("displayValue"), Members: []Member{
				{Name: "actualValue", Kind: Text}, {Name: "text", Beta: []string{"displayValue"}, Kind: Text, Is: localizedContent.Name}, localizations,
			}}},
		}, questionMembers...)}
)

// translated splits beta's text with its translations into the two members of v1.0.
func translated(name string) func(*reading, *node) error {
	return func(r *reading, n *node) error {
		content := n.find(name)
		if content == nil || content.kind != isObject {
			return nil
		}
		if _, err := r.object(localizedContent, content); err != nil { // for what it refuses
			return err
		}
		n.take(name)
		for _, names := range [][2]string{{"defaultText", "text"}, {"localizedTexts", "localizations"}} {
			if part := content.take(names[0]); part != nil {
				if err := n.put(names[1], part); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// answered is the question that an answer is to. Clients send all of it; the policy knows what it says.
var answered = &Type{Name: question.Name, Derived: []*Type{
	repeated(textQuestion.Name, textQuestion.Synonyms, textQuestion.Members),
	repeated(choiceQuestion.Name, choiceQuestion.Synonyms, choiceQuestion.Members),
}, Untyped: func(*node) *Type { return answeredUntyped }}

var answeredUntyped = repeated(question.Name, nil, append(slices.Clone(textQuestion.Members[:2]), choiceQuestion.Members...))

// repeated is a question whose id counts, and nothing else.
func repeated(name string, synonyms []string, of []Member) *Type {
	members := slices.Clone(of)
	for i := range members {
		m := &members[i]
		m.Decided, m.Waits = m.Name != "id", ""
	}
	return &Type{Name: name, Synonyms: synonyms, Members: members, Adapt: translated("text")}
}

// answer is accessPackageAnswer (QUE-04).
var answer = &Type{Name: "accessPackageAnswer", Derived: []*Type{answerString}, Untyped: func(*node) *Type { return answerString }}

var answerString = &Type{Name: "accessPackageAnswerString", Synonyms: []string{"answerString"}, Members: []Member{
	{Name: "value", Kind: Text},
	{Name: "displayValue", Kind: Text},
	{Name: "answeredQuestion", Kind: Object, Of: answered},
}}
