package simulation

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// person is somebody who uses the app.
type person struct {
	governance.User
	name    string
	subject string // the partition of what they have and ask for; empty: nothing yet
	caller  governance.Caller
	groups  []string // those that no package grants: approvers and scopes
	gone    bool     // from the directory, for good
	away    bool     // from the directory, maybe for a time
	past    []version
	since   time.Time // when anything about them last changed
}

// place is a package or policy that was made, as the operations pick from.
type place struct {
	id      string
	name    string
	catalog string
	roles   []string // originIds that it may have
}

// tenant is who and what there is.
type tenant struct {
	people   []*person
	byID     map[string]*person
	members  []*person // who requests
	admin    *person
	robot    governance.Caller // an application
	managed  []string          // ids of the groups that packages grant
	helpdesk string
	sales    string
	catalogs []string
	packages []place
	policies []place
	names    map[string]string // of ids, for traces

	hires      []*person // whom callouts are about
	requestors []*person // who ask for what is called out
	leavers    []*person // who may leave the directory
	victims    []*person // whom hazards befall
	deciders   []*person // approvers whom hazards befall
	clubGone   bool
}

func personID(name string) string { return governance.NameID("person:" + name) }
func groupID(name string) string  { return governance.NameID("group:" + name) }

// makeTenant fills the directory and makes catalogs, packages and policies through the app.
func (w *world) makeTenant() {
	t := &w.tenant
	t.byID, t.names = map[string]*person{}, map[string]string{}
	t.helpdesk, t.sales = groupID("helpdesk"), groupID("sales")
	group := func(id, name string) {
		t.names[id] = name
		w.directory.PutGroup(governance.Group{ID: id, DisplayName: name, SecurityEnabled: true})
	}
	group(t.helpdesk, "helpdesk")
	group(t.sales, "sales")
	add := func(name, manager string, guest bool, groups ...string) *person {
		p := &person{name: name, groups: groups, User: governance.User{
			ID: personID(name), DisplayName: name, UserPrincipalName: name + "@example.com", Mail: name + "@example.com", UserType: governance.UserTypeMember, AccountEnabled: true,
		}}
		if manager != "" {
			p.ManagerID = personID(manager)
		}
		if guest {
			p.UserType = governance.UserTypeGuest
		}
		p.caller = governance.Caller{Kind: governance.CallerUser, TenantID: "tenant", ObjectID: p.ID, DisplayName: name, Scopes: []string{governance.PermissionSubjectAccess}}
		w.directory.PutUser(p.User)
		for _, id := range groups {
			if err := w.directory.PutMember(id, p.ID); err != nil {
				w.fail("setup", "", "%v", err)
			}
		}
		t.people = append(t.people, p)
		t.byID[p.ID] = p
		t.names[p.ID] = name
		return p
	}
	max := add("max", "", false)
	mia := add("mia", "max", false)
	t.members = []*person{add("alice", "mia", false, t.sales), add("bob", "mia", false, t.sales), add("carl", "", false), add("dora", "mia", true), mia}
	add("hanna", "max", false, t.helpdesk)
	henk := add("henk", "", false, t.helpdesk)
	add("eve", "", false)
	root := add("root", "", false)
	t.members = append(t.members, henk)
	t.admin = add("ada", max.name, false)
	t.admin.caller.Scopes = []string{governance.PermissionReadWriteAll}
	t.admin.caller.DirectoryRoles = []string{governance.RoleIdentityGovernanceAdministrator}
	t.robot = governance.Caller{Kind: governance.CallerApplication, TenantID: "tenant", ObjectID: personID("robot"), AppID: personID("robotApp"), Permissions: []string{governance.PermissionReadWriteAll}}
	for _, name := range []string{"robot", "entra"} {
		w.directory.PutServicePrincipal(directorymemory.ServicePrincipal{ID: personID(name), AppID: personID(name + "App")})
	}

	rui, tess := add("rui", "max", false), add("tess", "max", false)
	t.leavers = []*person{rui, tess}

	luck := &luck{chance: w.chance.about(named("tenant"))}
	for len(t.members) > 4 { // few, so that much happens to each
		at := luck.below(len(t.members))
		t.members = slices.Delete(t.members, at, at+1)
	}
	t.hires = append([]*person{rui}, t.members...)
	t.requestors = []*person{mia, max, tess}
	w.exposePeople(add)
	groups := 4
	if w.on(FullSizes) {
		groups = governance.MaxRoleScopes / 2 // each has members and owners
	}
	for i := range groups {
		id := groupID(fmt.Sprintf("g%d", i))
		group(id, fmt.Sprintf("g%d", i))
		if err := w.directory.PutOwner(id, root.ID); err != nil { // so that nobody else is ever the last
			w.fail("setup", "", "%v", err)
		}
		t.managed = append(t.managed, id)
	}
	for i := range 1 + luck.below(2) {
		w.makeCatalog(luck, fmt.Sprintf("catalog%d", i))
	}
	for i := range 2 + luck.below(3) {
		w.makePackage(luck, fmt.Sprintf("pack%d", i))
	}
}

func (w *world) makeCatalog(luck *luck, name string) {
	t := &w.tenant
	w.do(name, func(ctx context.Context, a *process) error {
		visible := luck.odds(0.7)
		catalog, err := a.CreateCatalog(ctx, t.admin.caller, governance.Catalog{DisplayName: name, Description: "simulated", IsExternallyVisible: &visible})
		if err != nil {
			return err
		}
		t.catalogs = append(t.catalogs, catalog.Value.ID)
		t.names[catalog.Value.ID] = name
		for _, id := range t.managed {
			if _, err := a.RequestResource(ctx, t.robot, governance.ResourceRequest{
				RequestType: governance.ResourceAdminAdd, Catalog: &governance.Catalog{ID: catalog.Value.ID}, Resource: &governance.Resource{OriginID: id, OriginSystem: governance.OriginGroup},
			}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) makePackage(luck *luck, name string) {
	t := &w.tenant
	w.do(name, func(ctx context.Context, a *process) error {
		catalog := one(luck, t.catalogs)
		made, err := a.CreatePackage(ctx, t.admin.caller, governance.AccessPackage{DisplayName: name, Description: "simulated", Catalog: &governance.Catalog{ID: catalog}})
		if err != nil {
			return err
		}
		pack := place{id: made.Value.ID, name: name, catalog: catalog}
		for _, id := range t.managed {
			role := governance.GrantMember
			if luck.odds(0.2) {
				role = governance.GrantOwner
			}
			pack.roles = append(pack.roles, role+"_"+id)
		}
		t.names[pack.id] = name
		for _, role := range pack.roles {
			if luck.odds(0.5) || len(t.managed) > 4 && len(t.packages) == 0 {
				if _, err := a.AddRoleScope(ctx, t.admin.caller, pack.id, governance.ResourceRoleScope{Role: &governance.ResourceRole{OriginID: role}}); err != nil {
					return err
				}
			}
		}
		t.packages = append(t.packages, pack)
		for i := range 1 + luck.below(2) {
			policy := w.policy(luck, fmt.Sprintf("%s.policy%d", name, i))
			policy.AccessPackage = &governance.AccessPackage{ID: pack.id}
			created, err := a.CreatePolicy(ctx, t.admin.caller, policy)
			if err != nil {
				return err
			}
			t.policies = append(t.policies, place{id: created.Value.ID, name: policy.DisplayName, catalog: catalog})
			t.names[created.Value.ID] = policy.DisplayName
		}
		return nil
	})
}

func days(n int) *governance.Duration {
	d := governance.Days(n)
	return &d
}

// policy invents a policy.
func (w *world) policy(luck *luck, name string) governance.AssignmentPolicy {
	policy := governance.AssignmentPolicy{DisplayName: name}
	if w.on(FullSizes) {
		policy.Questions = governance.Questions{&governance.TextInputQuestion{QuestionBase: governance.QuestionBase{ID: questionOf(name), Text: "what for?"}}}
	}
	switch draw := luck.below(20); {
	case draw < 10:
		policy.AllowedTargetScope = governance.ScopeAllMemberUsers
	case draw < 14:
		policy.AllowedTargetScope = governance.ScopeAllDirectoryUsers
	case draw < 16:
		policy.AllowedTargetScope = governance.ScopeSpecificDirectoryUsers
		policy.SpecificAllowed = governance.SubjectSets{governance.GroupMembers{GroupID: w.tenant.sales}}
	case draw < 18:
		policy.AllowedTargetScope = governance.ScopeSpecificDirectoryUsers
		policy.SpecificAllowed = governance.SubjectSets{governance.SingleUser{UserID: one(luck, w.tenant.members).ID}, governance.SingleUser{UserID: one(luck, w.tenant.members).ID}}
	default:
		policy.AllowedTargetScope = governance.ScopeNotSpecified
	}
	policy.RequestorSettings = &governance.RequestorSettings{
		EnableTargetsToSelfAddAccess: policy.AllowedTargetScope != governance.ScopeNotSpecified && luck.odds(0.92), EnableTargetsToSelfRemoveAccess: luck.odds(0.7),
		AllowCustomAssignmentSchedule: luck.odds(0.6),
	}
	policy.NotificationSettings = &governance.NotificationSettings{IsAssignmentNotificationDisabled: luck.odds(0.2)}
	policy.Expiration = w.expiration(luck)
	approval := governance.ApprovalSettings{IsRequestorJustificationRequired: luck.odds(0.3)}
	if approval.IsApprovalRequiredForAdd = luck.odds(0.6); approval.IsApprovalRequiredForAdd {
		for range 1 + luck.below(3) {
			approval.Stages = append(approval.Stages, w.stage(luck))
		}
	}
	policy.RequestApprovalSettings = &approval
	return policy
}

func (w *world) expiration(luck *luck) *governance.Expiration {
	switch luck.below(10) {
	case 0:
		return &governance.Expiration{Type: governance.ExpirationNone}
	case 1:
		return &governance.Expiration{Type: governance.ExpirationNotSpecified}
	case 2, 3:
		return &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(w.clock.Now().AddDate(0, 0, 5+luck.below(150)))}
	default:
		durations := []governance.Duration{{Time: 8 * time.Hour}, governance.Days(1), governance.Days(30), {Months: 2}, governance.Days(180)}
		d := one(luck, durations)
		return &governance.Expiration{Type: governance.ExpirationAfterDuration, Duration: &d}
	}
}

func (w *world) stage(luck *luck) governance.ApprovalStageSettings {
	stage := governance.ApprovalStageSettings{DurationBeforeAutomaticDenial: days(4 + luck.below(11)), IsApproverJustificationRequired: luck.odds(0.3)}
	stage.PrimaryApprovers = w.approvers(luck)
	if luck.odds(0.85) {
		stage.FallbackPrimaryApprovers = governance.SubjectSets{governance.GroupMembers{GroupID: w.tenant.helpdesk}}
		if luck.odds(0.4) {
			stage.FallbackPrimaryApprovers = governance.SubjectSets{governance.SingleUser{UserID: personID("henk")}, governance.SingleUser{UserID: personID("max")}}
		}
	}
	if stage.IsEscalationEnabled = luck.odds(0.5); stage.IsEscalationEnabled {
		stage.DurationBeforeEscalation = days(1 + luck.below(3))
		stage.EscalationApprovers = w.approvers(luck)
		stage.FallbackEscalationApprovers = governance.SubjectSets{governance.SingleUser{UserID: personID("max")}}
	}
	return stage
}

func (w *world) approvers(luck *luck) governance.SubjectSets {
	switch luck.below(7) {
	case 0, 1:
		return governance.SubjectSets{governance.RequestorManager{ManagerLevel: 1}}
	case 6:
		return governance.SubjectSets{governance.SingleUser{UserID: one(luck, w.tenant.members).ID}}
	case 2:
		return governance.SubjectSets{governance.RequestorManager{ManagerLevel: 2}}
	case 3:
		return governance.SubjectSets{governance.GroupMembers{GroupID: w.tenant.helpdesk}}
	case 4:
		return governance.SubjectSets{governance.SingleUser{UserID: personID("hanna")}, governance.SingleUser{UserID: personID("mia")}}
	default:
		return governance.SubjectSets{governance.SingleUser{UserID: personID("max")}, governance.GroupMembers{GroupID: w.tenant.sales}}
	}
}

// The simulation's own reading of who is who. It shares nothing with shared/engine but the words of a policy.

// inScope says whether a policy is for a person (POL-02), as they are or were since a step.
func (w *world) inScope(policy governance.AssignmentPolicy, p *person, since int) bool {
	return slices.ContainsFunc(p.versions(since), func(as version) bool { return isFor(policy, p.ID, as) })
}

func isFor(policy governance.AssignmentPolicy, id string, as version) bool {
	switch policy.AllowedTargetScope {
	case governance.ScopeAllDirectoryUsers:
		return true
	case governance.ScopeAllMemberUsers:
		return as.UserType != governance.UserTypeGuest // an old account has no type, and is a member
	case governance.ScopeSpecificDirectoryUsers:
		return slices.ContainsFunc(policy.SpecificAllowed, func(set governance.SubjectSet) bool {
			switch set := set.(type) {
			case governance.SingleUser:
				return set.UserID == id
			case governance.GroupMembers:
				return slices.Contains(as.groups, set.GroupID)
			}
			return false
		})
	default:
		return false
	}
}

// meant says whether a person is in one of the sets, as seen by a requestor when a stage opened; nil: as of now.
func (w *world) meant(sets governance.SubjectSets, p, requestor *person, o *opening) bool {
	return slices.ContainsFunc(sets, func(set governance.SubjectSet) bool {
		switch set := set.(type) {
		case governance.SingleUser:
			return set.UserID == p.ID
		case governance.GroupMembers:
			since := -1
			if w.current != nil {
				since = w.current.began
			}
			return slices.ContainsFunc(p.versions(max(since, 0)), func(as version) bool { return slices.Contains(as.groups, set.GroupID) })
		case governance.RequestorManager:
			return slices.Contains(w.managers(requestor, int(set.ManagerLevel), o), p.ID)
		}
		return false
	})
}

// managers are whom a person may have had as manager, or manager's manager, when a stage opened (APR-05); nil: as of now.
func (w *world) managers(p *person, level int, o *opening) []string {
	if o != nil {
		return o.managers[level]
	}
	if level == 2 {
		manager := w.tenant.byID[p.ManagerID]
		if manager == nil {
			return nil
		}
		return []string{manager.ManagerID}
	}
	return []string{p.ManagerID}
}

// anybody says whether the sets name anyone who could decide a request: only if they do not, the fallback is asked (APR-10).
func (w *world) anybody(sets governance.SubjectSets, requestor *person, o *opening) bool {
	return slices.ContainsFunc(w.tenant.people, func(p *person) bool { return eligible(p, requestor) && w.meant(sets, p, requestor, o) })
}

// mayDecide says whether a person may decide a stage (APR-03, APR-07, APR-08, APR-10, APR-11); o: what it opened on, nil if it has not.
func (w *world) mayDecide(o *opening, stage governance.ApprovalStageSettings, p, requestor *person, escalated bool) bool {
	if p == requestor {
		return false
	}
	if w.meant(stage.PrimaryApprovers, p, requestor, o) {
		return true
	}
	if (o != nil && o.fallback || !w.anybody(stage.PrimaryApprovers, requestor, o)) && w.meant(stage.FallbackPrimaryApprovers, p, requestor, o) {
		return true
	}
	if !escalated || !stage.IsEscalationEnabled {
		return false
	}
	return w.meant(stage.EscalationApprovers, p, requestor, o) ||
		(o != nil && o.fallback || !w.anybody(stage.EscalationApprovers, requestor, o)) && w.meant(stage.FallbackEscalationApprovers, p, requestor, o)
}

// Names, for traces.

func (w *world) groupName(id string) string     { return w.nameOf(id) }
func (w *world) personName(id string) string    { return w.nameOf(id) }
func (w *world) partitionName(id string) string { return w.nameOf(id) }

func (w *world) nameOf(id string) string {
	if name := w.tenant.names[id]; name != "" {
		return name
	}
	return id
}

var guids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// legible puts names for the ids that have one, and the beginning of all others.
func (w *world) legible(text string) string {
	return guids.ReplaceAllStringFunc(text, func(id string) string {
		if name := w.tenant.names[id]; name != "" {
			return name
		}
		return id[:8]
	})
}

// instant is a moment in the tenant's first days or months.
func (w *world) later(luck *luck, most time.Duration) time.Time {
	return w.clock.Now().Add(time.Duration(luck.next().share() * float64(most))).Truncate(time.Minute)
}
