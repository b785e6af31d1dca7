package automatic_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/app/automatic"
	"latchkey/shared/governance"
)

var (
	now   = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	rules = &automatic.Rules{Authz: authz.New(nil, nil), Now: func() time.Time { return now }}

	administrator = governance.Caller{Kind: governance.CallerUser, ObjectID: "11111111-1111-4111-8111-111111111111",
		DirectoryRoles: []string{governance.RoleIdentityGovernanceAdministrator}, Scopes: []string{governance.PermissionReadAll}}
)

func question(rule, now string, people ...string) automatic.Question {
	asked := automatic.Question{Rule: &rule, Now: now}
	for _, one := range people {
		asked.People = append(asked.People, json.RawMessage(one))
	}
	return asked
}

// A rule is tried on people at the moment that is given, or else at the present.
//
// rules: AUT-02
func TestEvaluateRule(t *testing.T) {
	t.Parallel()
	const hired = `user.employeeHireDate -ge system.now`
	for name, test := range map[string]struct {
		asked automatic.Question
		want  []bool
	}{
		"people":         {question(`user.department -eq "Sales"`, "", `{"department":"sales"}`, `{}`, `{"department":"HR"}`), []bool{true, false, false}},
		"nobody":         {question(`user.department -eq "Sales"`, ""), []bool{}},
		"now":            {question(hired, "", `{"employeeHireDate":"2026-12-01T00:00:00Z"}`, `{"employeeHireDate":"2026-11-30T00:00:00Z"}`), []bool{true, false}},
		"another moment": {question(hired, "2026-12-02", `{"employeeHireDate":"2026-12-01T00:00:00Z"}`, `{"employeeHireDate":"2026-12-02T00:00:00Z"}`), []bool{false, true}},
	} {
		got, err := rules.EvaluateRule(t.Context(), administrator, test.asked)
		if err != nil || !got.Valid || got.Error != nil || !slices.Equal(got.Verdicts, test.want) || got.Verdicts == nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	got, err := rules.EvaluateRule(t.Context(), administrator, question("user.city -eq \"x\" -and\n user.town -eq \"x\"", "", `{}`))
	if err != nil || got.Valid || got.Error == nil || got.Error.Line != 2 || got.Error.Column != 2 || got.Verdicts == nil || len(got.Verdicts) != 0 {
		t.Errorf("a rule that is none: %+v, %v", got, err)
	}
}

// What cannot be asked is refused by name, and of whom may not ask nothing is looked at.
func TestEvaluateRuleRefuses(t *testing.T) {
	t.Parallel()
	const rule = `user.city -eq "x"`
	reader := governance.Caller{Kind: governance.CallerApplication, AppID: "22222222-2222-4222-8222-222222222222", Permissions: []string{governance.PermissionReadAll, governance.PermissionReadWriteAll}}
	for name, test := range map[string]struct {
		caller governance.Caller
		asked  automatic.Question
		code   governance.Code
		target string
	}{
		"an application":     {reader, automatic.Question{}, governance.CodeForbidden, ""},
		"Latchkey itself":    {governance.System(), automatic.Question{}, governance.CodeForbidden, ""},
		"no rule":            {administrator, automatic.Question{}, governance.CodeInvalid, "rule"},
		"no date":            {administrator, question(rule, "soon"), governance.CodeInvalid, "now"},
		"no person":          {administrator, question(rule, "", `{}`, `7`), governance.CodeInvalid, "people/1"},
		"no city":            {administrator, question(rule, "", `{"city":7}`), governance.CodeInvalid, "people/0/city"},
		"a name of rules":    {administrator, question(rule, "", `{"mobile":"1"}`), governance.CodeInvalid, "people/0/mobile"},
		"too many people":    {administrator, question(rule, "", slices.Repeat([]string{`{}`}, 5001)...), governance.CodeTooLarge, "people"},
		"too much of one":    {administrator, question(rule, "", `{}`, `{"city":"`+strings.Repeat("x", 128<<10)+`"}`), governance.CodeTooLarge, "people/1"},
		"a person no object": {administrator, question(rule, "", `null`), governance.CodeInvalid, "people/0"},
	} {
		got, err := rules.EvaluateRule(t.Context(), test.caller, test.asked)
		var wrong *governance.Error
		if !errors.As(err, &wrong) || wrong.Code != test.code || wrong.Target != test.target || got.Valid || got.Verdicts != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// What patterns take over long texts is counted before anything is looked through, wherever the texts are; what a tenant has is far below.
//
// rules: AUT-02
func TestPatternsTakeBoundedSteps(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 120<<10)
	for name, test := range map[string]struct {
		rule, person, target string
		people               int
	}{
		"a text":         {`user.department -match "(.?){1000}(.?){1000}c"`, `{"department":"` + long + `"}`, "people/0", 7},
		"not":            {`-not (user.department -match "(.?){1000}c")`, `{"department":"` + long + `"}`, "people/0", 1},
		"a list":         {`user.otherMails -any (_ -match "(.?){1000}c")`, `{"otherMails":["x","` + long + `"]}`, "people/0", 1},
		"many people":    {`user.department -match "(.?){100}c"`, `{"department":"` + long[:200] + `"}`, "people/", 5000},
		"a usual one":    {`user.department -match "^Sales( [A-Z]{2})?$"`, `{"department":"Sales DK"}`, "", 5000},
		"a text, untold": {`user.city -match "(.?){1000}c"`, `{"department":"` + long + `"}`, "", 7},
	} {
		_, err := rules.EvaluateRule(t.Context(), administrator, question(test.rule, "", slices.Repeat([]string{test.person}, test.people)...))
		var wrong *governance.Error
		if refused := errors.As(err, &wrong) && wrong.Code == governance.CodeInvalid && strings.HasPrefix(wrong.Target, "people/") && strings.HasPrefix(wrong.Target, test.target); refused != (test.target != "") || !refused && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
