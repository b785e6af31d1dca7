// Package automatic answers for access that follows what people are: membership rules, tried on people before anything is done by them.
package automatic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/governance"
	"latchkey/shared/rule"
)

// Limits of what a rule is tried on at once.
const (
	maxPeople = 5000
	maxEffort = 100_000_000 // steps of patterns over the texts of all people: a second or so
	maxPerson = 128 << 10   // bytes of JSON: what Graph tells of one user is far less
)

// Rules tries membership rules.
type Rules struct {
	Authz *authz.Authorizer
	Now   func() time.Time
}

// Question is a rule, with whom it is tried on.
type Question struct {
	Rule   *string           `json:"rule"`
	Now    string            `json:"now"`    // what system.now is, in ISO 8601; empty: the present
	People []json.RawMessage `json:"people"` // users as Graph answers them, with memberOf and manager
}

// Evaluation is what a rule says of some people, or what is wrong with the rule.
type Evaluation struct {
	Valid    bool              `json:"valid"`
	Error    *rule.SyntaxError `json:"error"`    // nil: it is valid
	Verdicts []bool            `json:"verdicts"` // one a person, in their order; none of a rule that is not valid
}

// EvaluateRule says whom of some people a rule selects (AUT-02). Nothing is read from the directory, and nothing is stored. A rule that cannot be read is an answer, not an error. Errors:
// CodeForbidden; CodeInvalid naming what is missing, is no person, or takes the patterns too many steps; CodeTooLarge for too many people or too much of one.
func (r *Rules) EvaluateRule(ctx context.Context, caller governance.Caller, asked Question) (Evaluation, error) {
	if err := r.Authz.Require(ctx, caller, authz.OpTryRules); err != nil {
		return Evaluation{}, err
	}
	switch {
	case asked.Rule == nil:
		return Evaluation{}, governance.Invalid("rule", `rule is missing; send for example {"rule":"user.department -eq \"Sales\"","people":[{"department":"Sales"}]}.`)
	case len(asked.People) > maxPeople:
		return Evaluation{}, tooLarge("people", "people has %d entries, and may have %d; ask of the rest in a request of their own.", len(asked.People), maxPeople)
	}
	people := make([]*rule.Person, len(asked.People))
	for i, data := range asked.People {
		at := fmt.Sprintf("people/%d", i)
		if len(data) > maxPerson {
			return Evaluation{}, tooLarge(at, "%s has %d bytes, and may have %d; leave out what the rule does not name.", at, len(data), maxPerson)
		}
		var err error
		if people[i], err = rule.ReadPerson(data); err != nil {
			return Evaluation{}, governance.Within(at, err)
		}
	}
	now, ok := rule.ParseDate(asked.Now)
	switch {
	case asked.Now == "":
		now = r.Now()
	case !ok:
		return Evaluation{}, governance.Invalid("now", "now must be a date and time such as 2026-01-31T08:00:00Z, not %q.", governance.Clip(asked.Now))
	}
	parsed, err := rule.Parse(*asked.Rule, now)
	if wrong := (*rule.SyntaxError)(nil); errors.As(err, &wrong) {
		return Evaluation{Error: wrong, Verdicts: []bool{}}, nil
	}
	effort := 0
	for i, person := range people {
		if effort += parsed.Effort(person); effort > maxEffort {
			return Evaluation{}, governance.Invalid(fmt.Sprintf("people/%d", i), "The patterns of the rule take more than %d steps over the texts of people/0 to people/%d; ask of fewer people, shorten their texts, or repeat less in the patterns.", maxEffort, i)
		}
	}
	verdicts := make([]bool, len(people))
	for i, person := range people {
		if err := ctx.Err(); err != nil { // patterns over long texts take their time
			return Evaluation{}, fmt.Errorf("try the rule: %w", err)
		}
		verdicts[i] = parsed.Matches(person, now)
	}
	return Evaluation{Valid: true, Verdicts: verdicts}, nil
}

func tooLarge(target, format string, args ...any) error {
	return &governance.Error{Code: governance.CodeTooLarge, Target: target, Message: fmt.Sprintf(format, args...)}
}
