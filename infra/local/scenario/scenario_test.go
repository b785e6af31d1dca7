package scenario_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"latchkey/infra/local/scenario"
	"latchkey/shared/governance"
)

const good = `{"tells":"t","rules":[],"start":"2026-11-20T10:00:00Z","people":[{"name":"mo","manager":"meg"},{"name":"meg"}],"groups":[{"name":"desk","members":["meg"]}],
	"packages":[{"name":"p","grants":["desk"],"policies":[{"displayName":"All","allowedTargetScope":"specificDirectoryUsers","specificAllowedTargets":[{"@odata.type":"#microsoft.graph.groupMembers","groupId":"{desk}"}]}]}],
	"steps":[{"who":"mo","do":"request","request":"r","package":"p","expect":{"requests":{"r":"delivered/Fulfilled"},"members":{"desk":["mo","meg"]},"mail":[{"to":"mo","kind":"delivered"}]}},
		{"at":"P1D","do":"wait","expect":{"assignments":{"mo/p":"delivered"}}}]}`

func TestParse(t *testing.T) {
	t.Parallel()
	s, err := scenario.Parse("x", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	policy := s.Packages[0].Policies[0]
	if set := policy.SpecificAllowed[0].(governance.GroupMembers); set.GroupID != scenario.GroupID("desk") || policy.ID == "" || policy.Expiration == nil {
		t.Errorf("the policy is %+v", policy)
	}
	if s.Steps[0].Target() != "mo" || s.Steps[1].At.Days != 1 {
		t.Errorf("the steps are %+v", s.Steps)
	}
	for name, change := range map[string][2]string{
		"an unknown member":           {`"tells"`, `"says"`},
		"no start":                    {`"start":"2026-11-20T10:00:00Z",`, ``},
		"a manager who is not there":  {`"manager":"meg"`, `"manager":"max"`},
		"a member who is not there":   {`"members":["meg"]`, `"members":["max"]`},
		"a grant that is not there":   {`"grants":["desk"]`, `"grants":["chair"]`},
		"a reference to nobody":       {`{desk}`, `{chair}`},
		"a policy that is none":       {`"displayName":"All",`, ``},
		"a person who is not there":   {`"who":"mo"`, `"who":"max"`},
		"nobody does it":              {`"who":"mo",`, ``},
		"a package that is not there": {`"package":"p"`, `"package":"q"`},
		"a deed that is none":         {`"do":"request"`, `"do":"steal"`},
		"a request that is not there": {`"do":"request"`, `"do":"approve"`},
		"a request without name":      {`"request":"r",`, ``},
		"waiting for nothing":         {`"at":"P1D",`, ``},
		"a duration that is none":     {`"at":"P1D"`, `"at":"soon"`},
		"JSON that is none":           {`]}`, `]`},
	} {
		if _, err := scenario.Parse("x", []byte(strings.Replace(good, change[0], change[1], 1))); err == nil {
			t.Errorf("%s is read", name)
		}
	}
	if _, err := scenario.Load(fstest.MapFS{"b.json": {Data: []byte(good)}, "a.json": {Data: []byte(`{}`)}}); err == nil || !strings.HasPrefix(err.Error(), "a.json: ") {
		t.Errorf("a bad file: %v", err)
	}
}

// script is a Runner that answers what it is told to.
type script struct {
	states []scenario.State
	err    error
	now    time.Time
	did    []scenario.Deed
}

func (s *script) Advance(_ context.Context, now time.Time) error { s.now = now; return nil }

func (s *script) Do(_ context.Context, step scenario.Step) error {
	s.did = append(s.did, step.Do)
	return s.err
}

func (s *script) State(context.Context) (scenario.State, error) {
	if len(s.states) == 0 {
		return scenario.State{}, errors.New("no more states")
	}
	state := s.states[0]
	s.states = s.states[1:]
	return state, nil
}

// Play fails where the runner differs, and says where: a scenario that could not fail would prove nothing at any depth.
func TestPlayFindsDifferences(t *testing.T) {
	t.Parallel()
	right := func() []scenario.State {
		return []scenario.State{
			{Requests: map[string]string{"r": "delivered/Fulfilled"}, Members: map[string][]string{"desk": {"meg", "mo"}}, Mail: []scenario.Mail{{To: "mo", Kind: governance.NotifyDelivered}}},
			{Assignments: map[string]string{"mo/p": "delivered"}},
		}
	}
	for name, test := range map[string]struct {
		change func(*script)
		text   string
		says   string
	}{
		"nothing":              {func(*script) {}, good, ""},
		"a request":            {func(s *script) { s.states[0].Requests["r"] = "denied/Denied" }, good, `x, step 1 (mo request): the request r is "denied/Denied", want "delivered/Fulfilled"`},
		"members":              {func(s *script) { s.states[0].Members["desk"] = nil }, good, `in desk are [], want [meg, mo]`},
		"a mail too few":       {func(s *script) { s.states[0].Mail = nil }, good, `the mail is [], want [delivered to mo]`},
		"a mail too many":      {func(s *script) { s.states[1].Mail = s.states[0].Mail }, good, `step 2 ( wait): the mail is [delivered to mo], want []`},
		"an assignment":        {func(s *script) { s.states[1].Assignments = nil }, good, `the assignment of mo/p is "", want "delivered"`},
		"refused":              {func(s *script) { s.err = governance.Conflict("no") }, good, `refused: conflict: no`},
		"no state":             {func(s *script) { s.states = nil }, good, `no more states`},
		"not refused":          {func(*script) {}, strings.Replace(good, `"expect":{"r`, `"refused":"conflict","expect":{"r`, 1), `not refused; want conflict`},
		"refused otherwise":    {func(s *script) { s.err = governance.Forbidden("no") }, strings.Replace(good, `"expect":{"r`, `"refused":"conflict","expect":{"r`, 1), `refused as accessDenied, want conflict`},
		"refused, and changed": {func(s *script) { s.err = governance.Conflict("no") }, strings.Replace(good, `"expect":{"r`, `"refused":"conflict","expect":{"r`, 1), `it was refused, and yet`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := scenario.Parse("x", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			runner := &script{states: right()}
			test.change(runner)
			err = scenario.Play(t.Context(), parsed, runner)
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("it says %v, want %q", err, test.says)
			}
			if test.says == "" && (!runner.now.Equal(parsed.Start.AddDate(0, 0, 1)) || len(runner.did) != 1) {
				t.Errorf("at %v it has done %v", runner.now, runner.did)
			}
		})
	}
}
