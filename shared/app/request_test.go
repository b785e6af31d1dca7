package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/access"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// TestWhoMayRequest: whom a policy is for, if it is enabled, in a catalog that is published. rules: POL-02 POL-05 POL-06 POL-07 POL-08 POL-11 CAT-02 CAT-03 REQ-21.
func TestWhoMayRequest(t *testing.T) {
	for _, c := range []struct {
		name   string
		edit   func(*governance.AssignmentPolicy)
		may    []string
		mayNot []string
	}{
		{"all members", func(*governance.AssignmentPolicy) {}, []string{alice, carl}, []string{dora}},
		{"all users", func(p *governance.AssignmentPolicy) { p.AllowedTargetScope = governance.ScopeAllDirectoryUsers }, []string{alice, dora}, nil},
		{"a group and a person", func(p *governance.AssignmentPolicy) {
			p.AllowedTargetScope, p.SpecificAllowed = governance.ScopeSpecificDirectoryUsers, append(members(helpdesk), people(carl)...)
		}, []string{hanna, carl}, []string{alice, dora}},
		{"nobody", func(p *governance.AssignmentPolicy) { p.AllowedTargetScope = governance.ScopeNotSpecified }, nil, []string{alice, dora}},
		{"all members, switched off", func(p *governance.AssignmentPolicy) { p.RequestorSettings = nil }, nil, []string{alice}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			packageID := s.pack(s.catalog("catalog"), "package", member(g1))
			policy := openPolicy(packageID)
			c.edit(&policy)
			s.policy(policy)
			for _, who := range c.may {
				s.submit(user(who), request(packageID))
			}
			for _, who := range c.mayNot {
				_, err := s.app.SubmitRequest(t.Context(), user(who), request(packageID))
				s.refused(err, governance.CodeInvalid, "There is no access package")
			}
			if s.requests() != len(c.may) {
				t.Errorf("%d requests", s.requests())
			}
		})
	}
	t.Run("who leaves the scope keeps what they have", func(t *testing.T) {
		s := newStand(t)
		packageID, _ := s.openPackage("package", member(g1))
		made := s.submit(user(alice), request(packageID))
		s.drain()
		s.put(alice, func(u *governance.User) { u.UserType = governance.UserTypeGuest })
		s.pass(48 * time.Hour)
		s.drain()
		s.is(made.ID, governance.StateDelivered)
		s.isMember(g1, alice, true)
		_, err := s.app.SubmitRequest(t.Context(), user(alice), request(s.pack(s.catalog("another"), "another", member(g1))))
		s.refused(err, governance.CodeInvalid, "There is no access package")
	})
	t.Run("a catalog that is not published", func(t *testing.T) {
		s := newStand(t)
		packageID, policyID := s.openPackage("package", member(g1))
		s.editCatalog(func(c *governance.Catalog) { c.State = governance.CatalogUnpublished })
		_, err := s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
		s.refused(err, governance.CodeInvalid, "There is no access package")
		_, err = s.app.SubmitRequest(t.Context(), admin(), request(packageID)) // who may read it learns why
		s.refused(err, governance.CodeForbidden, "not published")
		s.submit(admin(), assign(packageID, policyID, alice)) // an administrator still may
	})
	t.Run("a catalog that is not for guests", func(t *testing.T) {
		s := newStand(t)
		packageID := s.pack(s.catalog("catalog"), "package", member(g1))
		policy := openPolicy(packageID)
		policy.AllowedTargetScope = governance.ScopeAllDirectoryUsers
		s.policy(policy)
		no := false
		s.editCatalog(func(c *governance.Catalog) { c.IsExternallyVisible = &no })
		_, err := s.app.SubmitRequest(t.Context(), user(dora), request(packageID))
		s.refused(err, governance.CodeInvalid, "There is no access package")
		s.submit(user(alice), request(packageID))
	})
	t.Run("somebody whose account is blocked", func(t *testing.T) {
		s := newStand(t)
		packageID, policyID := s.openPackage("package", member(g1))
		s.directory.PutUser(governance.User{ID: alice, UserPrincipalName: "alice@example.com", UserType: governance.UserTypeMember})
		_, err := s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
		s.refused(err, governance.CodeForbidden, "blocked")
		_, err = s.app.SubmitRequest(t.Context(), admin(), assign(packageID, policyID, alice))
		s.refused(err, governance.CodeForbidden, "blocked")
	})
	t.Run("several policies", func(t *testing.T) {
		s := newStand(t)
		packageID, first := s.openPackage("package", member(g1))
		second := s.policy(openPolicy(packageID))
		_, err := s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
		s.refused(err, governance.CodeInvalid, "choose one", first, second)
		draft := request(packageID)
		draft.Assignment.AssignmentPolicyID = second
		if made := s.submit(user(alice), draft); made.Policy.ID != second {
			t.Errorf("made under %s", made.Policy.ID)
		}
		special := openPolicy(packageID)
		special.AllowedTargetScope, special.SpecificAllowed = governance.ScopeSpecificDirectoryUsers, people(bob)
		most := s.policy(special)
		if made := s.submit(user(bob), request(packageID)); made.Policy.ID != most {
			t.Errorf("bob's was made under %s", made.Policy.ID)
		}
		draft = request(packageID)
		draft.Assignment.AssignmentPolicyID = most
		_, err = s.app.SubmitRequest(t.Context(), user(carl), draft)
		s.refused(err, governance.CodeInvalid, "no policy")
	})
}

func (s *stand) editCatalog(edit func(*governance.Catalog)) {
	s.Helper()
	_, err := s.app.UpdateCatalog(s.Context(), admin(), s.Documents("catalogs", "catalog")[0].Partition, "", func(c *governance.Catalog) error {
		edit(c)
		return nil
	})
	s.must(err)
}

// TestRequestsThatAreNone: what is missing or wrong is named, and nothing is kept. rules: REQ-10 REQ-11 REQ-12 OBJ-08.
func TestRequestsThatAreNone(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	other := request(packageID)
	other.Assignment.TargetID = bob
	unknownPolicy := request(packageID)
	unknownPolicy.Assignment.AssignmentPolicyID = id("none")
	for _, c := range []struct {
		name   string
		caller governance.Caller
		draft  governance.AssignmentRequest
		code   governance.Code
		words  string
	}{
		{"no type", user(alice), governance.AssignmentRequest{Assignment: &governance.Assignment{}}, governance.CodeInvalid, "requestType"},
		{"the service's own type", user(alice), removal(governance.RequestSystemRemove, id("x")), governance.CodeInvalid, "systemRemove"},
		{"the other one", user(alice), removal(governance.RequestSystemUpdate, id("x")), governance.CodeInvalid, "systemUpdate"},
		{"no assignment", user(alice), governance.AssignmentRequest{RequestType: governance.RequestUserAdd}, governance.CodeInvalid, "assignment"},
		{"no package", user(alice), request(""), governance.CodeInvalid, "accessPackageId"},
		{"an unknown package", user(alice), request(id("none")), governance.CodeInvalid, "accessPackageId"},
		{"an unknown policy", user(alice), unknownPolicy, governance.CodeInvalid, "assignmentPolicyId"},
		{"for somebody else", user(alice), other, governance.CodeInvalid, "targetId"},
		{"by somebody the directory does not know", user(id("stranger")), request(packageID), governance.CodeForbidden, "deleted"},
		{"a direct assignment of nobody", admin(), assign(packageID, policyID, ""), governance.CodeInvalid, "targetId"},
		{"a direct assignment of a name", admin(), assign(packageID, policyID, "alice"), governance.CodeInvalid, "targetId"},
		{"a direct assignment under no policy", admin(), assign(packageID, "", alice), governance.CodeInvalid, "assignmentPolicyId"},
		{"a direct assignment by who is no administrator", user(alice), assign(packageID, policyID, alice), governance.CodeForbidden, ""},
		{"a removal of nothing", user(alice), removal(governance.RequestUserRemove, ""), governance.CodeInvalid, "assignment/id"},
		{"a removal of what is not there", admin(), removal(governance.RequestAdminRemove, id("none")), governance.CodeInvalid, "assignment/id"},
	} {
		_, err := s.app.SubmitRequest(t.Context(), c.caller, c.draft)
		t.Run(c.name, func(t *testing.T) {
			if err == nil || ledger.CodeOf(err) != c.code {
				t.Fatalf("wanted %s, got %v", c.code, err)
			}
			s.refused(err, c.code, c.words)
		})
	}
	if s.requests() != 0 {
		t.Errorf("%d requests", s.requests())
	}
}

// TestDirectAssignment passes approval by, for whom the policy is meant, and tells nobody. rules: REQ-10 APR-19 LIF-11 NOT-07 PRV-28.
func TestDirectAssignment(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.approvedPackage(manager())
	made := s.submit(robot(), assign(packageID, policyID, alice))
	if made.State != governance.StateDelivering || made.Requestor.SubjectType != governance.SubjectServicePrincipal || made.Assignment.Target.ObjectID != alice {
		t.Errorf("it begins as %s by %+v", made.State, made.Requestor)
	}
	s.drain()
	s.is(made.ID, governance.StateDelivered)
	s.isMember(g1, alice, true)
	if sent := s.directory.Sent(); len(sent) != 0 {
		t.Errorf("%d mails went out", len(sent))
	}
	_, err := s.app.SubmitRequest(t.Context(), admin(), assign(packageID, policyID, dora))
	s.refused(err, governance.CodeInvalid, "not for this person")
}

// TestOnePackageOnce: who has a package, gets it or waits for it cannot ask for it again. rules: REQ-22 REQ-13.
func TestOnePackageOnce(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.approvedPackage(manager())
	made := s.submit(user(alice), request(packageID))
	again := func(words string) {
		t.Helper()
		_, err := s.app.SubmitRequest(t.Context(), user(alice), request(packageID))
		s.refused(err, governance.CodeConflict, words)
		_, err = s.app.SubmitRequest(t.Context(), admin(), assign(packageID, policyID, alice))
		s.refused(err, governance.CodeConflict, words)
	}
	again(made.ID)
	s.must(s.decide(made.ID, mia, governance.ResultApprove, ""))
	again("in flight")
	s.drain()
	again("already has")
	s.submit(user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	again("in flight")
	s.drain()
	s.submit(user(alice), request(packageID))
}

// TestGivingBack: oneself if the policy lets one; administrators in any case; nobody else. rules: REQ-11 LIF-13 POL-04 LIF-12.
func TestGivingBack(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	made := s.submit(user(alice), request(packageID))
	s.drain()
	_, err := s.app.SubmitRequest(t.Context(), user(bob), removal(governance.RequestUserRemove, made.Assignment.ID))
	s.refused(err, governance.CodeInvalid, "There is no assignment") // he does not learn that she has it
	_, err = s.app.SubmitRequest(t.Context(), user(alice), removal(governance.RequestAdminRemove, made.Assignment.ID))
	s.refused(err, governance.CodeForbidden)
	_, err = s.app.UpdatePolicy(t.Context(), admin(), policyID, "", func(p *governance.AssignmentPolicy) error {
		p.RequestorSettings.EnableTargetsToSelfRemoveAccess = false
		return nil
	})
	s.must(err)
	_, err = s.app.SubmitRequest(t.Context(), user(alice), removal(governance.RequestUserRemove, made.Assignment.ID))
	s.refused(err, governance.CodeForbidden, "does not let people give the access back")
	s.isMember(g1, alice, true)
	back := s.submit(admin(), removal(governance.RequestAdminRemove, made.Assignment.ID))
	s.drain()
	s.is(back.ID, governance.StateDelivered)
	s.isMember(g1, alice, false)
	if ended := s.assignment(made.Assignment.ID); ended.State != governance.AssignmentExpired || ended.ExpiredDateTime == nil {
		t.Errorf("the assignment is %+v", ended)
	}
	_, err = s.app.SubmitRequest(t.Context(), admin(), removal(governance.RequestAdminRemove, made.Assignment.ID))
	s.refused(err, governance.CodeConflict, "already ended")
}

// TestAScheduleOfOnesOwn waits for its start, within what the policy allows. rules: LIF-01 LIF-03 LIF-04 LIF-05 REQ-04.
func TestAScheduleOfOnesOwn(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1))
	policy := openPolicy(packageID)
	policy.Expiration = after(governance.Days(30))
	policyID := s.policy(policy)
	ask := func(start time.Time, expiration *governance.Expiration) (governance.AssignmentRequest, error) {
		draft := request(packageID)
		draft.Schedule = &governance.Schedule{StartDateTime: governance.At(start), Expiration: expiration}
		return s.app.SubmitRequest(t.Context(), user(alice), draft)
	}
	_, err := ask(ledgertest.Noon, after(governance.Days(31)))
	s.refused(err, governance.CodeInvalid, "schedule/expiration")
	start := ledgertest.Noon.Add(48 * time.Hour)
	_, err = ask(start, &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(start)})
	s.refused(err, governance.CodeInvalid, "before it starts")

	made, err := ask(start, after(governance.Days(1)))
	s.must(err)
	if made.State != governance.StateScheduled || made.Status != governance.StatusPendingNotBefore {
		t.Fatalf("it begins as %s (%s)", made.State, made.Status)
	}
	s.pass(47 * time.Hour)
	s.is(made.ID, governance.StateScheduled)
	s.isMember(g1, alice, false)
	s.pass(2 * time.Hour)
	s.is(made.ID, governance.StateDelivered)
	s.isMember(g1, alice, true)
	s.pass(25 * time.Hour)
	s.isMember(g1, alice, false)

	canceled, err := ask(s.Clock.Now().Add(time.Hour), nil)
	s.must(err)
	s.must(s.app.CancelRequest(t.Context(), user(alice), canceled.ID))
	s.pass(2 * time.Hour)
	s.isMember(g1, alice, false)

	_, err = s.app.UpdatePolicy(t.Context(), admin(), policyID, "", func(p *governance.AssignmentPolicy) error {
		p.RequestorSettings.AllowCustomAssignmentSchedule = false
		return nil
	})
	s.must(err)
	_, err = ask(s.Clock.Now().Add(time.Hour), nil)
	s.refused(err, governance.CodeInvalid, "schedule")
}

// TestAWindowThatHasPassed before anybody's timer ran cannot be granted any more; the request is closed as expired and says so. rules: REQ-06 LIF-05 NOT-06.
func TestAWindowThatHasPassed(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	draft := request(packageID)
	draft.Schedule = &governance.Schedule{StartDateTime: governance.At(ledgertest.Noon.Add(48 * time.Hour)), Expiration: &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(ledgertest.Noon.Add(72 * time.Hour))}}
	made := s.submit(user(alice), draft)
	s.pass(96 * time.Hour)
	if closed := s.is(made.ID, governance.StateDenied); closed.Status != governance.StatusExpired {
		t.Errorf("it is %s", closed.Status)
	}
	s.isMember(g1, alice, false)
	if mails := s.mails("alice"); len(mails) != 1 {
		t.Errorf("alice got %q", mails)
	}
	s.refused(s.app.ReprocessRequest(t.Context(), admin(), made.ID), governance.CodeConflict)
}

// TestListsOfOnesOwn: everybody sees what is theirs, page by page, and nothing else. rules: OBJ-16 APR-07 OBJ-15.
func TestListsOfOnesOwn(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.approvedPackage(manager())
	groupPackage := s.pack(s.catalog("second"), "for the help desk", member(g2))
	s.policy(approvedPolicy(groupPackage, members(helpdesk)))
	byAlice := s.submit(user(alice), request(packageID)).ID
	byBob := s.submit(user(bob), request(packageID)).ID
	byMia := s.submit(user(mia), request(packageID)).ID // max decides
	byHanna := s.submit(user(hanna), request(groupPackage)).ID
	forCarl := s.submit(admin(), assign(packageID, policyID, carl)).ID
	s.drain()
	for _, c := range []struct {
		who    string
		by     access.By
		wanted []string
	}{
		{alice, access.ByCreatedBy, []string{byAlice}},
		{alice, access.ByTarget, []string{byAlice}},
		{alice, access.ByApprover, nil},
		{mia, access.ByApprover, []string{byAlice, byBob}},
		{mia, access.ByCreatedBy, []string{byMia}},
		{max, access.ByApprover, []string{byMia}},
		{henk, access.ByApprover, []string{byHanna}},
		{hanna, access.ByApprover, nil}, // never one's own
		{carl, access.ByTarget, []string{forCarl}},
		{carl, access.ByCreatedBy, nil},
		{ada, access.ByCreatedBy, []string{forCarl}},
		{eve, access.ByTarget, nil},
	} {
		caller := user(c.who)
		var found, approvals []string
		options := ledger.ListOptions{PageSize: 1}
		for range 50 {
			page, err := s.app.RequestsByCurrentUser(t.Context(), caller, c.by, options)
			s.must(err)
			for _, item := range page.Items {
				found = append(found, item.Value.ID)
			}
			if options.Continuation = page.Continuation; options.Continuation == "" {
				break
			}
		}
		options = ledger.ListOptions{}
		page, err := s.app.ApprovalsByCurrentUser(t.Context(), caller, c.by, options)
		s.must(err)
		for _, item := range page.Items {
			approvals = append(approvals, item.Value.ID)
			for _, stage := range item.Value.Stages {
				if stage.AssignedToMe != (c.by == access.ByApprover) {
					t.Errorf("%s by %s: assigned to me: %t", c.by, c.who, stage.AssignedToMe)
				}
			}
		}
		slices.Sort(found)
		slices.Sort(approvals)
		wanted := slices.Sorted(slices.Values(c.wanted))
		if !slices.Equal(found, wanted) {
			t.Errorf("%s by %s: %v, wanted %v", c.by, c.who, found, wanted)
		}
		if wanted = slices.DeleteFunc(wanted, func(one string) bool { return one == forCarl }); !slices.Equal(approvals, wanted) { // which has no approval
			t.Errorf("approvals %s by %s: %v, wanted %v", c.by, c.who, approvals, wanted)
		}
	}
	mine, err := s.app.AssignmentsByCurrentUser(t.Context(), user(carl), access.ByTarget, ledger.ListOptions{})
	s.must(err)
	if len(mine.Items) != 1 || mine.Items[0].Value.Target.ObjectID != carl {
		t.Errorf("carl has %+v", mine.Items)
	}
	if _, err := s.app.Assignment(t.Context(), user(carl), mine.Items[0].Value.ID); err != nil {
		t.Error(err)
	}
	_, err = s.app.Assignment(t.Context(), user(bob), mine.Items[0].Value.ID)
	s.refused(err, governance.CodeNotFound)
	for _, by := range []access.By{"", "targetManager", access.ByAllowedRequestor} {
		_, err := s.app.RequestsByCurrentUser(t.Context(), user(alice), by, ledger.ListOptions{})
		s.refused(err, governance.CodeInvalid, "on=")
		_, err = s.app.AssignmentsByCurrentUser(t.Context(), user(alice), by, ledger.ListOptions{})
		s.refused(err, governance.CodeInvalid, "on=")
	}
	_, err = s.app.PackagesByCurrentUser(t.Context(), user(alice), access.ByTarget, ledger.ListOptions{})
	s.refused(err, governance.CodeInvalid, "on=")
	_, err = s.app.RequestsByCurrentUser(t.Context(), user(alice), access.ByTarget, ledger.ListOptions{Continuation: "made up"})
	s.refused(err, governance.CodeInvalid, "$skiptoken")
}

// TestWhatOneMayRequest: packages of published catalogs, not hidden, with a policy for whoever asks. rules: CAT-02 POL-14 POL-15 POL-08 OBJ-24.
func TestWhatOneMayRequest(t *testing.T) {
	s := newStand(t)
	catalogID := s.catalog("catalog")
	everybody := s.pack(catalogID, "everybody")
	s.policy(openPolicy(everybody))
	hidden, err := s.app.CreatePackage(t.Context(), admin(), governance.AccessPackage{DisplayName: "hidden", Description: "d", IsHidden: true, Catalog: &governance.Catalog{ID: catalogID}})
	s.must(err)
	s.policy(openPolicy(hidden.Value.ID))
	desk := s.pack(catalogID, "desk")
	special := openPolicy(desk)
	special.AllowedTargetScope, special.SpecificAllowed = governance.ScopeSpecificDirectoryUsers, members(helpdesk)
	s.policy(special)
	s.pack(catalogID, "no policy")
	guests := s.pack(catalogID, "guests")
	forAll := openPolicy(guests)
	forAll.AllowedTargetScope = governance.ScopeAllDirectoryUsers
	s.policy(forAll)
	visible := func(who string) string {
		page, err := s.app.PackagesByCurrentUser(t.Context(), user(who), access.ByAllowedRequestor, ledger.ListOptions{})
		s.must(err)
		var names []string
		for _, item := range page.Items {
			names = append(names, item.Value.DisplayName)
			if item.Value.Catalog == nil || item.Value.Catalog.DisplayName != "catalog" || len(item.Value.AssignmentPolicies) != 0 {
				t.Errorf("it is shown with %+v", item.Value)
			}
		}
		slices.Sort(names)
		return fmt.Sprint(names)
	}
	for who, wanted := range map[string]string{alice: "[everybody guests]", hanna: "[desk everybody guests]", dora: "[guests]"} {
		if got := visible(who); got != wanted {
			t.Errorf("%s, wanted %s", got, wanted)
		}
	}
	requirements, err := s.app.ApplicableRequirements(t.Context(), user(alice), hidden.Value.ID) // hiding is no access control
	s.must(err)
	if len(requirements) != 1 || requirements[0].PolicyDisplayName != "open" || requirements[0].IsApprovalRequiredForAdd {
		t.Errorf("the requirements are %+v", requirements)
	}
	s.submit(user(alice), request(hidden.Value.ID))
	if requirements, err = s.app.ApplicableRequirements(t.Context(), admin(), desk); err != nil || len(requirements) != 0 { // who may read it is told that nothing is asked
		t.Errorf("%v %v", requirements, err)
	}
	required := func(who string, wanted int) {
		t.Helper()
		requirements, err := s.app.ApplicableRequirements(t.Context(), user(who), guests)
		if wanted == 0 { // it is not there for them, in the words of what is not there at all
			_, none := s.app.ApplicableRequirements(t.Context(), user(who), id("none"))
			if s.refused(err, governance.CodeNotFound); strings.Replace(err.Error(), guests, id("none"), 1) != none.Error() {
				t.Errorf("%s learns of it: %v, %v", who, err, none)
			}
			_, err = s.app.SubmitRequest(t.Context(), user(who), request(guests))
			_, none = s.app.SubmitRequest(t.Context(), user(who), request(id("none")))
			if s.refused(err, governance.CodeInvalid); strings.Replace(err.Error(), guests, id("none"), 1) != none.Error() {
				t.Errorf("%s learns of it: %v, %v", who, err, none)
			}
			return
		}
		if err != nil || len(requirements) != wanted {
			t.Errorf("%s is shown %v, %v", who, requirements, err)
		}
	}
	required(dora, 1)
	s.editCatalog(func(c *governance.Catalog) { no := false; c.IsExternallyVisible = &no })
	required(dora, 0)
	required(alice, 1)
	s.editCatalog(func(c *governance.Catalog) { c.IsExternallyVisible = nil })
	required(dora, 0)
	s.editCatalog(func(c *governance.Catalog) { c.State = governance.CatalogUnpublished })
	required(alice, 0)
	if got := visible(hanna); got != "[]" {
		t.Errorf("of a catalog that is not published: %s", got)
	}
}
