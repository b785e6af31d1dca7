package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// The people of these tests. Mo reports to Meg, and she to Sam; Nina has no manager; Hugo and Hedda are the help desk; Vera is a guest; Dora's account is disabled;
// Solo is her own manager, by a mistake in the directory; Ann administers.
const (
	mo    = "00000000-0000-4000-8000-000000000001"
	meg   = "00000000-0000-4000-8000-000000000002"
	sam   = "00000000-0000-4000-8000-000000000003"
	nina  = "00000000-0000-4000-8000-000000000004"
	hugo  = "00000000-0000-4000-8000-000000000005"
	hedda = "00000000-0000-4000-8000-000000000006"
	vera  = "00000000-0000-4000-8000-000000000007"
	dora  = "00000000-0000-4000-8000-000000000008"
	solo  = "00000000-0000-4000-8000-000000000009"
	ann   = "00000000-0000-4000-8000-00000000000a"

	helpDesk = "00000000-0000-4000-8000-0000000000f1"
	staff    = "00000000-0000-4000-8000-0000000000f2"
	cloud    = "00000000-0000-4000-8000-0000000000f3" // what Cloud PC grants
	printers = "00000000-0000-4000-8000-0000000000f4"
)

var start = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

var people = map[string]governance.Person{
	mo:    person(mo, "Mo", meg, sam, staff),
	meg:   person(meg, "Meg", sam, "", staff),
	sam:   person(sam, "Sam", "", ""),
	nina:  person(nina, "Nina", "", ""),
	hugo:  person(hugo, "Hugo", meg, sam, helpDesk),
	hedda: person(hedda, "Hedda", meg, sam, helpDesk),
	vera:  guest(person(vera, "Vera", meg, sam)),
	dora:  disabled(person(dora, "Dora", meg, sam)),
	solo:  person(solo, "Solo", solo, solo),
	ann:   person(ann, "Ann", sam, ""),
}

func person(id, name, manager, second string, groups ...string) governance.Person {
	address := strings.ToLower(name) + "@contoso.example"
	return governance.Person{
		User:     governance.User{ID: id, DisplayName: name, UserPrincipalName: address, Mail: address, UserType: governance.UserTypeMember, AccountEnabled: true, ManagerID: manager},
		GroupIDs: groups, ManagerIDs: slices.DeleteFunc([]string{manager, second}, func(id string) bool { return id == "" }),
	}
}

func guest(p governance.Person) governance.Person {
	p.User.UserType = governance.UserTypeGuest
	return p
}

func disabled(p governance.Person) governance.Person {
	p.User.AccountEnabled = false
	return p
}

func caller(id string) governance.Caller {
	return governance.Caller{Kind: governance.CallerUser, ObjectID: id, DisplayName: people[id].User.DisplayName}
}

// pack is a package that grants membership of groups.
func pack(id string, groups ...string) governance.AccessPackage {
	p := governance.AccessPackage{ID: id, DisplayName: "Package " + id, Catalog: &governance.Catalog{ID: "catalog"}}
	for _, group := range groups {
		p.ResourceRoleScopes = append(p.ResourceRoleScopes, governance.ResourceRoleScope{
			ID:    "role-" + group + "_root",
			Role:  &governance.ResourceRole{OriginID: "Member_" + group, OriginSystem: governance.OriginGroup},
			Scope: &governance.ResourceScope{OriginID: group, OriginSystem: governance.OriginGroup, IsRootScope: true},
		})
	}
	return p
}

func cloudPC() governance.AccessPackage { return pack("cloud-pc", cloud) }

func catalog(edit ...func(*governance.Catalog)) governance.Catalog {
	visible := true
	c := governance.Catalog{ID: "catalog", DisplayName: "Workplace", State: governance.CatalogPublished, IsExternallyVisible: &visible}
	for _, edit := range edit {
		edit(&c)
	}
	return c
}

type policyEdit func(*governance.AssignmentPolicy)

// policy is that of story 1: all members may request, their manager approves, the help desk stands in for managers that are not there,
// justification both ways, 180 days or fewer.
func policy(t tester, id string, edits ...policyEdit) governance.AssignmentPolicy {
	t.Helper()
	days := governance.Days(180)
	p := governance.AssignmentPolicy{
		ID: id, DisplayName: "Policy " + id, AllowedTargetScope: governance.ScopeAllMemberUsers,
		Expiration:        &governance.Expiration{Type: governance.ExpirationAfterDuration, Duration: &days},
		RequestorSettings: &governance.RequestorSettings{EnableTargetsToSelfAddAccess: true, EnableTargetsToSelfRemoveAccess: true, AllowCustomAssignmentSchedule: true},
		RequestApprovalSettings: &governance.ApprovalSettings{
			IsApprovalRequiredForAdd: true, IsRequestorJustificationRequired: true,
			Stages: []governance.ApprovalStageSettings{{
				IsApproverJustificationRequired: true,
				PrimaryApprovers:                governance.SubjectSets{governance.RequestorManager{ManagerLevel: 1}},
				FallbackPrimaryApprovers:        governance.SubjectSets{governance.GroupMembers{GroupID: helpDesk}},
			}},
		},
	}
	for _, edit := range edits {
		edit(&p)
	}
	if err := p.Validate(start, p.Expiration.End(start), func() string { return "question" }); err != nil {
		t.Fatalf("the policy of a test: %v", err)
	}
	return p
}

func scope(scope governance.TargetScope, sets ...governance.SubjectSet) policyEdit {
	return func(p *governance.AssignmentPolicy) { p.AllowedTargetScope, p.SpecificAllowed = scope, sets }
}

func noApproval(p *governance.AssignmentPolicy) {
	p.RequestApprovalSettings = &governance.ApprovalSettings{}
}

func switchedOff(p *governance.AssignmentPolicy) {
	p.RequestorSettings = &governance.RequestorSettings{}
}

func muted(p *governance.AssignmentPolicy) {
	p.NotificationSettings = &governance.NotificationSettings{IsAssignmentNotificationDisabled: true}
}

func ownSchedule(allowed bool) policyEdit {
	return func(p *governance.AssignmentPolicy) { p.RequestorSettings.AllowCustomAssignmentSchedule = allowed }
}

func expires(e *governance.Expiration) policyEdit {
	return func(p *governance.AssignmentPolicy) { p.Expiration = e }
}

func stages(stages ...governance.ApprovalStageSettings) policyEdit {
	return func(p *governance.AssignmentPolicy) { p.RequestApprovalSettings.Stages = stages }
}

// asks is a stage that is decided by the people of sets, without further ado.
func asks(sets ...governance.SubjectSet) governance.ApprovalStageSettings {
	return governance.ApprovalStageSettings{PrimaryApprovers: sets}
}

func never() *governance.Expiration { return &governance.Expiration{Type: governance.ExpirationNone} }

func after(t tester, duration string) *governance.Expiration {
	t.Helper()
	d, err := governance.ParseDuration(duration)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &governance.Expiration{Type: governance.ExpirationAfterDuration, Duration: &d}
}

func on(instant time.Time) *governance.Expiration {
	return &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(instant)}
}

func user(id string) governance.SubjectSet  { return governance.SingleUser{UserID: id} }
func group(id string) governance.SubjectSet { return governance.GroupMembers{GroupID: id} }
func manager(level int) governance.SubjectSet {
	return governance.RequestorManager{ManagerLevel: governance.Int(level)}
}

type submissionEdit func(*engine.Submission)

// submission is Mo's request for Cloud PC under the policy of story 1.
func submission(t tester, edits ...submissionEdit) engine.Submission {
	t.Helper()
	cmd := engine.Submission{
		RequestID: "request-1", AssignmentID: "assignment-1", Type: governance.RequestUserAdd, Justification: "I travel", Catalog: catalog(), Package: cloudPC(),
		Policies: []governance.AssignmentPolicy{policy(t, "everybody")},
	}
	by(mo)(&cmd)
	for _, edit := range edits {
		edit(&cmd)
	}
	return cmd
}

// asking fills in who is asked, as where everybody who is named can decide.
func asking(cmd engine.Submission) engine.Submission {
	policy, err := engine.PolicyOf(cmd)
	if err != nil {
		return cmd
	}
	cmd.Asked = nil
	for _, stage := range policy.Approval().Stages {
		asked, _ := engine.Ask(stage, cmd.Target, anybody)
		cmd.Asked = append(cmd.Asked, asked)
	}
	return cmd
}

func anybody(users, groups []string) (engine.Able, error) {
	some := len(users)+len(groups) > 0
	return engine.Able{Decide: some, Hear: some}, nil
}

// by makes a request somebody's own.
func by(id string) submissionEdit {
	return func(cmd *engine.Submission) {
		cmd.Caller, cmd.Requestor, cmd.Target = caller(id), governance.SubjectOf(people[id].User), people[id]
	}
}

// direct makes a request Ann's direct assignment of a policy to its target.
func direct(policyID string) submissionEdit {
	return func(cmd *engine.Submission) {
		cmd.Type, cmd.Caller, cmd.Requestor, cmd.PolicyID = governance.RequestAdminAdd, caller(ann), governance.SubjectOf(people[ann].User), policyID
	}
}

func under(policies ...governance.AssignmentPolicy) submissionEdit {
	return func(cmd *engine.Submission) { cmd.Policies = policies }
}

func named(id string) submissionEdit {
	return func(cmd *engine.Submission) { cmd.PolicyID = id }
}

func scheduled(starts time.Time, expiration *governance.Expiration) submissionEdit {
	return func(cmd *engine.Submission) {
		cmd.Schedule = &governance.Schedule{Expiration: expiration}
		if !starts.IsZero() {
			cmd.Schedule.StartDateTime = governance.At(starts)
		}
	}
}

func numbered(n string, p governance.AccessPackage) submissionEdit {
	return func(cmd *engine.Submission) {
		cmd.RequestID, cmd.AssignmentID, cmd.Package = "request-"+n, "assignment-"+n, p
	}
}

// delivered is a ledger in which Mo has Cloud PC.
func delivered(t *testing.T, edits ...submissionEdit) *ledger {
	t.Helper()
	l := newLedger(t, mo)
	if _, err := l.submit(submission(t, edits...)); err != nil {
		t.Fatal(err)
	}
	if one[governance.AssignmentRequest](l.State, "request-1").State == governance.StatePendingApproval {
		if _, err := l.decideStage(0, meg, governance.ResultApprove); err != nil {
			t.Fatal(err)
		}
	}
	l.record("assignment-1", nil)
	l.expect("request-1", governance.StateDelivered, "assignment-1", governance.AssignmentDelivered)
	return l
}

// refused checks that err has a code and says something.
func refused(t *testing.T, err error, code governance.Code, words string) {
	t.Helper()
	if err == nil || governance.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %s with %q", err, code, words)
	}
}
