package engine_test

import (
	"fmt"
	"testing"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// rules: POL-02 POL-03
func TestInScope(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		scope policyEdit
		in    []string
	}{
		"direct only":       {scope(governance.ScopeNotSpecified), nil},
		"all members":       {scope(governance.ScopeAllMemberUsers), []string{mo, meg, nina}},
		"all users":         {scope(governance.ScopeAllDirectoryUsers), []string{mo, meg, nina, vera}},
		"one person":        {scope(governance.ScopeSpecificDirectoryUsers, user("00000000-0000-4000-8000-00000000000A")), nil},
		"two people":        {scope(governance.ScopeSpecificDirectoryUsers, user(mo), user(vera)), []string{mo, vera}},
		"a group":           {scope(governance.ScopeSpecificDirectoryUsers, group(staff)), []string{mo, meg}},
		"a group or Nina":   {scope(governance.ScopeSpecificDirectoryUsers, group(staff), user(nina)), []string{mo, meg, nina}},
		"a group of others": {scope(governance.ScopeSpecificDirectoryUsers, group(helpDesk)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := policy(t, "p", test.scope)
			var in []string
			for _, id := range []string{mo, meg, nina, vera} {
				if engine.InScope(p, people[id]) {
					in = append(in, id)
				}
			}
			if fmt.Sprint(in) != fmt.Sprint(test.in) {
				t.Errorf("in scope are %v, want %v", in, test.in)
			}
		})
	}
	p := policy(t, "p", scope(governance.ScopeSpecificDirectoryUsers, user("00000000-0000-4000-8000-00000000000A")))
	if !engine.InScope(p, people[ann]) {
		t.Error("an id in other letters is another person")
	}
	for _, unknown := range []governance.TargetScope{governance.ScopeAllMemberUsers, governance.ScopeAllDirectoryUsers, "allExternalUsers", ""} {
		if engine.InScope(governance.AssignmentPolicy{AllowedTargetScope: unknown}, governance.Person{}) {
			t.Errorf("nobody is in the scope %q", unknown)
		}
	}
	if engine.InScope(governance.AssignmentPolicy{AllowedTargetScope: "allExternalUsers"}, people[vera]) {
		t.Error("a scope that is not evaluated lets somebody in")
	}
}

// rules: POL-05 POL-07 POL-08 POL-09
func TestApplicableIsTheMostSpecificClass(t *testing.T) {
	t.Parallel()
	specific := policy(t, "specific", scope(governance.ScopeSpecificDirectoryUsers, user(mo)))
	byGroup := policy(t, "group", scope(governance.ScopeSpecificDirectoryUsers, group(staff)))
	members := policy(t, "members", scope(governance.ScopeAllMemberUsers))
	members2 := policy(t, "members2", scope(governance.ScopeAllMemberUsers))
	everybody := policy(t, "everybody", scope(governance.ScopeAllDirectoryUsers))
	forever := policy(t, "forever", scope(governance.ScopeAllDirectoryUsers), expires(never()))
	direct := policy(t, "direct", scope(governance.ScopeNotSpecified))
	off := policy(t, "off", scope(governance.ScopeSpecificDirectoryUsers, user(mo)), switchedOff)
	all := []governance.AssignmentPolicy{everybody, members, byGroup, off, direct, specific, members2}
	for name, test := range map[string]struct {
		policies []governance.AssignmentPolicy
		who      string
		want     string
	}{
		"specific before all members":      {all, mo, "[group specific]"},
		"group before all members":         {all, meg, "[group]"},
		"all members before everybody":     {all, nina, "[members members2]"},
		"a guest is everybody":             {all, vera, "[everybody]"},
		"switched off hides nothing":       {[]governance.AssignmentPolicy{off, members}, mo, "[members]"},
		"direct assignment is no request":  {[]governance.AssignmentPolicy{direct}, mo, "[]"},
		"the longest time is nothing":      {[]governance.AssignmentPolicy{forever, members}, mo, "[members]"},
		"none":                             {nil, mo, "[]"},
		"the order of policies is nothing": {[]governance.AssignmentPolicy{specific, everybody}, mo, "[specific]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids := []string{}
			for _, p := range engine.Applicable(test.policies, people[test.who]) {
				ids = append(ids, p.ID)
			}
			if fmt.Sprint(ids) != test.want {
				t.Errorf("applicable are %v, want %s", ids, test.want)
			}
		})
	}
}

// rules: CAT-02 CAT-03 POL-14 POL-15
func TestVisible(t *testing.T) {
	t.Parallel()
	open := []governance.AssignmentPolicy{policy(t, "everybody", scope(governance.ScopeAllDirectoryUsers))}
	inside := func(c *governance.Catalog) { no := false; c.IsExternallyVisible = &no }
	unsaid := func(c *governance.Catalog) { c.IsExternallyVisible = nil }
	unpublished := func(c *governance.Catalog) { c.State = governance.CatalogUnpublished }
	hidden := cloudPC()
	hidden.IsHidden = true
	for name, test := range map[string]struct {
		catalog  governance.Catalog
		pack     governance.AccessPackage
		policies []governance.AssignmentPolicy
		who      string
		want     bool
	}{
		"a member":                       {catalog(), cloudPC(), open, mo, true},
		"a guest":                        {catalog(), cloudPC(), open, vera, true},
		"a guest, not for guests":        {catalog(inside), cloudPC(), open, vera, false},
		"a guest, not said to be":        {catalog(unsaid), cloudPC(), open, vera, false},
		"a member, not for guests":       {catalog(inside), cloudPC(), open, mo, true},
		"an unpublished catalog":         {catalog(unpublished), cloudPC(), open, mo, false},
		"a hidden package":               {catalog(), hidden, open, mo, false},
		"no policy":                      {catalog(), cloudPC(), nil, mo, false},
		"a policy for others":            {catalog(), cloudPC(), []governance.AssignmentPolicy{policy(t, "p", scope(governance.ScopeSpecificDirectoryUsers, user(nina)))}, mo, false},
		"a policy that is off":           {catalog(), cloudPC(), []governance.AssignmentPolicy{policy(t, "p", switchedOff)}, mo, false},
		"a policy for direct assignment": {catalog(), cloudPC(), []governance.AssignmentPolicy{policy(t, "p", scope(governance.ScopeNotSpecified))}, mo, false},
	} {
		if got := engine.Visible(test.catalog, test.pack, test.policies, people[test.who]); got != test.want {
			t.Errorf("%s: visible is %t", name, got)
		}
	}
}

func TestNeedsOf(t *testing.T) {
	t.Parallel()
	escalating := asks(manager(1))
	escalating.EscalationApprovers = governance.SubjectSets{manager(2)}
	for name, test := range map[string]struct {
		policies []governance.AssignmentPolicy
		want     governance.Needs
	}{
		"nothing":                          {nil, governance.Needs{}},
		"manager and group of approvers":   {[]governance.AssignmentPolicy{policy(t, "p")}, governance.Needs{Managers: 1}},
		"a group may request":              {[]governance.AssignmentPolicy{policy(t, "p"), policy(t, "q", scope(governance.ScopeSpecificDirectoryUsers, user(mo), group(staff)))}, governance.Needs{Groups: true, Managers: 1}},
		"second manager":                   {[]governance.AssignmentPolicy{policy(t, "p", stages(asks(manager(2))))}, governance.Needs{Managers: 2}},
		"second manager, second stage":     {[]governance.AssignmentPolicy{policy(t, "p", stages(asks(manager(1)), asks(user(ann), manager(2))))}, governance.Needs{Managers: 2}},
		"second manager when it is silent": {[]governance.AssignmentPolicy{policy(t, "p", stages(escalating))}, governance.Needs{Managers: 2}},
	} {
		if got := engine.NeedsOf(test.policies); got != test.want {
			t.Errorf("%s: needs %+v, want %+v", name, got, test.want)
		}
	}
}
