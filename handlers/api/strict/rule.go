package strict

// RecurrenceQuestion is the body of recurrences/expand.
var RecurrenceQuestion = &Type{Words: "a question about a recurrence", Members: []Member{{Name: "recurrence", Kind: Object, Of: recurrence}, {Name: "count", Kind: Int}}}

// RuleQuestion is the body of rules/evaluate. People are Graph's users, of whom the rules read what they name: package rule checks that.
var RuleQuestion = &Type{Words: "a question about a rule", Members: []Member{{Name: "rule", Kind: Text}, {Name: "now", Kind: Text}, {Name: "people", Kind: Open}}}
