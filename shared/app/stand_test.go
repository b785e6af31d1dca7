package app_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"latchkey/handlers"
	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/access"
	"latchkey/shared/app/catalog"
	"latchkey/shared/app/evidence"
	"latchkey/shared/app/lifecycle"
	"latchkey/shared/app/operate"
	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// stand is all use cases on the memory adapters, with a small tenant and a clock that stands still.
type stand struct {
	*ledgertest.Stand
	app       *everything
	options   handlers.Ports
	directory *directorymemory.Directory
}

// everything is all use cases at once, as tests call them.
type everything struct {
	ledger *ledger.Ledger
	*catalog.Catalogs
	*catalog.Packages
	*catalog.Policies
	*catalog.Resources
	*access.Requests
	*access.Approvals
	*access.Assignments
	*access.Offers
	*evidence.Trail
	*operate.Worker
	*lifecycle.Sweeper
}

// wired are the use cases as a process has them.
func wired(ports handlers.Ports) *everything {
	u := handlers.Wire(ports)
	return &everything{u.Ledger, u.Catalogs, u.Packages, u.Policies, u.Resources, u.Requests, u.Approvals, u.Assignments, u.Offers, u.Trail, u.Worker, u.Sweeper}
}

// The people of the tenant: alice and bob report to mia, mia to max; carl and max report to nobody; dora is a guest; hanna and henk are the help desk.
var (
	alice, bob, carl, dora = id("alice"), id("bob"), id("carl"), id("dora")
	mia, max, hanna, henk  = id("mia"), id("max"), id("hanna"), id("henk")
	eve, ada, root         = id("eve"), id("ada"), id("root")
	g1, g2, helpdesk       = id("g1"), id("g2"), id("helpdesk")
	dynamic, synced        = id("dynamic"), id("synced")
)

func id(name string) string { return ledgertest.ID(name) }

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{Stand: ledgertest.New(t)}
	s.directory = directorymemory.New(directorymemory.Options{Clock: s.Clock})
	s.directory.PutGranted("User.Read.All", "GroupMember.ReadWrite.All", "Application.Read.All")
	for name, manager := range map[string]string{"alice": mia, "bob": mia, "carl": "", "dora": mia, "mia": max, "max": "", "hanna": max, "henk": "", "eve": "", "ada": "", "root": ""} {
		user := governance.User{ID: id(name), DisplayName: strings.ToUpper(name[:1]) + name[1:], UserPrincipalName: name + "@example.com", Mail: name + "@example.com",
			UserType: governance.UserTypeMember, AccountEnabled: true, ManagerID: manager}
		if name == "dora" {
			user.UserType = governance.UserTypeGuest
		}
		s.directory.PutUser(user)
	}
	s.directory.PutServicePrincipal(directorymemory.ServicePrincipal{ID: robot().ObjectID, AppID: robot().AppID})
	for _, name := range []string{"g1", "g2", "helpdesk"} {
		s.directory.PutGroup(governance.Group{ID: id(name), DisplayName: name, SecurityEnabled: true})
		s.must(s.directory.PutOwner(id(name), root))
	}
	s.directory.PutGroup(governance.Group{ID: dynamic, DisplayName: "dynamic", SecurityEnabled: true, GroupTypes: []string{"DynamicMembership"}})
	s.directory.PutGroup(governance.Group{ID: synced, DisplayName: "synced", SecurityEnabled: true, OnPremisesSync: true})
	s.must(s.directory.PutMember(helpdesk, hanna))
	s.must(s.directory.PutMember(helpdesk, henk))
	with := s.Options(s.Store)
	s.options = handlers.Ports{
		Store: s.Store, Bus: s.Broker, Directory: s.directory, Clock: s.Clock, NewID: with.NewID, Salt: with.Salt, Logger: s.Logger, Sleep: with.Sleep, Jitter: with.Jitter,
	}
	s.app = wired(s.options)
	return s
}

func (s *stand) must(err error) {
	s.Helper()
	s.Must(err)
}

func (s *stand) refused(err error, code governance.Code, words ...string) {
	s.Helper()
	s.Refused(err, code, words...)
}

// user is a person who is signed in with the least permission.
func user(objectID string) governance.Caller {
	return governance.Caller{Kind: governance.CallerUser, TenantID: "tenant", ObjectID: objectID, DisplayName: "somebody", Scopes: []string{governance.PermissionSubjectAccess}}
}

// admin is an administrator who is signed in with a client that may write.
func admin() governance.Caller {
	return governance.Caller{Kind: governance.CallerUser, TenantID: "tenant", ObjectID: ada, DisplayName: "Ada", Scopes: []string{governance.PermissionReadWriteAll}, DirectoryRoles: []string{governance.RoleIdentityGovernanceAdministrator}}
}

// robot is an application that may write.
func robot() governance.Caller {
	return governance.Caller{Kind: governance.CallerApplication, TenantID: "tenant", ObjectID: id("robot"), AppID: id("robotApp"), Permissions: []string{governance.PermissionReadWriteAll}}
}

func system() governance.Caller { return governance.System() }

// catalog makes a catalog with g1 and g2 in it.
func (s *stand) catalog(name string) string {
	s.Helper()
	catalog, err := s.app.CreateCatalog(s.Context(), admin(), governance.Catalog{DisplayName: name, Description: "d"})
	s.must(err)
	for _, group := range []string{g1, g2} {
		s.must(s.addResource(catalog.Value.ID, group))
	}
	return catalog.Value.ID
}

func (s *stand) addResource(catalogID, group string) error {
	_, err := s.app.RequestResource(s.Context(), admin(), governance.ResourceRequest{
		RequestType: governance.ResourceAdminAdd, Catalog: &governance.Catalog{ID: catalogID}, Resource: &governance.Resource{OriginID: group, OriginSystem: governance.OriginGroup},
	})
	return err
}

// pack makes a package that grants these roles, such as Member_{group}.
func (s *stand) pack(catalogID, name string, roles ...string) string {
	s.Helper()
	pack, err := s.app.CreatePackage(s.Context(), admin(), governance.AccessPackage{DisplayName: name, Description: "d", Catalog: &governance.Catalog{ID: catalogID}})
	s.must(err)
	for _, role := range roles {
		_, err := s.app.AddRoleScope(s.Context(), admin(), pack.Value.ID, governance.ResourceRoleScope{Role: &governance.ResourceRole{OriginID: role}})
		s.must(err)
	}
	return pack.Value.ID
}

func member(group string) string { return governance.GrantMember + "_" + group }
func owner(group string) string  { return governance.GrantOwner + "_" + group }

// openPolicy lets every member request without approval, and give back.
func openPolicy(packageID string) governance.AssignmentPolicy {
	return governance.AssignmentPolicy{
		DisplayName: "open", AllowedTargetScope: governance.ScopeAllMemberUsers, AccessPackage: &governance.AccessPackage{ID: packageID},
		RequestorSettings: &governance.RequestorSettings{EnableTargetsToSelfAddAccess: true, EnableTargetsToSelfRemoveAccess: true, AllowCustomAssignmentSchedule: true},
	}
}

// approvedPolicy is openPolicy with a stage for each list of approvers, and the help desk as the fallback.
func approvedPolicy(packageID string, stages ...governance.SubjectSets) governance.AssignmentPolicy {
	policy := openPolicy(packageID)
	policy.DisplayName = "approved"
	approval := governance.ApprovalSettings{IsApprovalRequiredForAdd: true}
	for _, approvers := range stages {
		approval.Stages = append(approval.Stages, governance.ApprovalStageSettings{
			DurationBeforeAutomaticDenial: days(14), PrimaryApprovers: approvers, FallbackPrimaryApprovers: governance.SubjectSets{governance.GroupMembers{GroupID: helpdesk}},
		})
	}
	policy.RequestApprovalSettings = &approval
	return policy
}

func manager() governance.SubjectSets {
	return governance.SubjectSets{governance.RequestorManager{ManagerLevel: 1}}
}

func people(ids ...string) governance.SubjectSets {
	var sets governance.SubjectSets
	for _, one := range ids {
		sets = append(sets, governance.SingleUser{UserID: one})
	}
	return sets
}

func members(groupID string) governance.SubjectSets {
	return governance.SubjectSets{governance.GroupMembers{GroupID: groupID}}
}

func days(n int) *governance.Duration {
	d := governance.Days(n)
	return &d
}

func after(d governance.Duration) *governance.Expiration {
	return &governance.Expiration{Type: governance.ExpirationAfterDuration, Duration: &d}
}

func (s *stand) policy(policy governance.AssignmentPolicy) string {
	s.Helper()
	made, err := s.app.CreatePolicy(s.Context(), admin(), policy)
	s.must(err)
	return made.Value.ID
}

// openPackage is a catalog with a package that every member may have without approval.
func (s *stand) openPackage(name string, roles ...string) (packageID, policyID string) {
	s.Helper()
	packageID = s.pack(s.catalog("catalog of "+name), name, roles...)
	return packageID, s.policy(openPolicy(packageID))
}

// approvedPackage is a catalog with a package whose policy has these stages.
func (s *stand) approvedPackage(stages ...governance.SubjectSets) (packageID, policyID string) {
	s.Helper()
	packageID = s.pack(s.catalog("catalog"), "package", member(g1))
	return packageID, s.policy(approvedPolicy(packageID, stages...))
}

// request is what a person sends to get a package.
func request(packageID string) governance.AssignmentRequest {
	return governance.AssignmentRequest{RequestType: governance.RequestUserAdd, Justification: "because", Assignment: &governance.Assignment{AccessPackageID: packageID}}
}

func removal(kind governance.RequestType, assignmentID string) governance.AssignmentRequest {
	return governance.AssignmentRequest{RequestType: kind, Assignment: &governance.Assignment{ID: assignmentID}}
}

func assign(packageID, policyID, target string) governance.AssignmentRequest {
	return governance.AssignmentRequest{RequestType: governance.RequestAdminAdd, Assignment: &governance.Assignment{AccessPackageID: packageID, AssignmentPolicyID: policyID, TargetID: target}}
}

func (s *stand) submit(caller governance.Caller, draft governance.AssignmentRequest) governance.AssignmentRequest {
	s.Helper()
	made, err := s.app.SubmitRequest(s.Context(), caller, draft)
	s.must(err)
	return made
}

// present is a request as it is now.
func (s *stand) present(requestID string) governance.AssignmentRequest {
	s.Helper()
	found, err := s.app.Request(s.Context(), admin(), requestID)
	s.must(err)
	return found.Value
}

func (s *stand) assignment(assignmentID string) governance.Assignment {
	s.Helper()
	found, err := s.app.Assignment(s.Context(), admin(), assignmentID)
	s.must(err)
	return found.Value
}

// is wants a request in a state.
func (s *stand) is(requestID string, state governance.RequestState) governance.AssignmentRequest {
	s.Helper()
	present := s.present(requestID)
	if present.State != state {
		s.Errorf("the request is %s (%s), wanted %s", present.State, present.Status, state)
	}
	return present
}

// decide decides the stage of a request that is open.
func (s *stand) decide(requestID, approver string, result governance.ReviewResult, justification string) error {
	s.Helper()
	for _, stage := range s.present(requestID).Approval.Stages {
		if stage.Status == governance.StageInProgress {
			return s.app.DecideApproval(s.Context(), user(approver), requestID, stage.ID, governance.ApprovalStage{ReviewResult: result, Justification: justification})
		}
	}
	s.Fatal("no stage is open")
	return nil
}

// deliver hands the next visible message of a queue to the app, and says whether there was one.
func (s *stand) deliver(name string) (bool, error) {
	s.Helper()
	queue, err := s.Broker.Queue(name)
	s.must(err)
	var delivery busmemory.Delivery
	var session *busmemory.Session
	var ok bool
	if bus.UsesSessions(name) {
		if session, ok, err = queue.AcceptNext(); ok {
			delivery, ok, err = session.Receive()
		}
	} else {
		delivery, ok, err = queue.Receive()
	}
	s.must(err)
	if !ok {
		return false, nil
	}
	var effect governance.Effect
	s.must(json.Unmarshal(delivery.Message.Body, &effect))
	handled := s.app.HandleEffect(s.Context(), system(), effect)
	if handled == nil {
		s.must(queue.Complete(delivery.LockToken))
	} else {
		s.must(queue.Abandon(delivery.LockToken))
	}
	if session != nil {
		s.must(session.Release())
	}
	return true, handled
}

// drain handles all messages that are visible.
func (s *stand) drain() {
	s.Helper()
	for {
		some := false
		for _, queue := range []string{bus.Provisioning, bus.Notifications} {
			delivered, err := s.deliver(queue)
			s.must(err)
			some = some || delivered
		}
		if !some {
			return
		}
	}
}

// pass moves the clock, runs the timers and drains the queues.
func (s *stand) pass(d time.Duration) {
	s.Helper()
	s.Clock.Advance(d)
	_, err := s.app.ExpireDue(s.Context(), system())
	s.must(err)
	_, err = s.app.FlushOutbox(s.Context(), system())
	s.must(err)
	s.drain()
}

// retries lets all retries of a delivery happen.
func (s *stand) retries() {
	s.Helper()
	for _, delay := range engine.RetryDelays {
		s.pass(delay)
	}
}

// isMember wants somebody to be, or not to be, a member of a group.
func (s *stand) isMember(group, person string, wanted bool) {
	s.Helper()
	if s.directory.IsMember(group, person) != wanted {
		s.Errorf("member of the group: %t, wanted %t", !wanted, wanted)
	}
}

// activities are what the audit trail of a subject tells, in order.
func (s *stand) activities(objectID string) []governance.Activity {
	s.Helper()
	var list []governance.Activity
	for _, entry := range s.audit(objectID) {
		list = append(list, entry.Activity)
	}
	return list
}

func (s *stand) audit(objectID string) []governance.AuditEntry {
	s.Helper()
	page, err := s.Store.Query(context.Background(), store.Subjects, store.Query{Partition: subjectID(objectID), Kind: "audit", PageSize: store.MaxPageSize})
	s.must(err)
	entries := make([]governance.AuditEntry, len(page.Documents))
	for _, document := range page.Documents {
		var entry governance.AuditEntry
		s.must(json.Unmarshal(document.Body, &entry))
		entries[entry.Sequence-1] = entry
	}
	return entries
}

// subjectID is the partition of a member.
func subjectID(objectID string) string {
	return governance.SubjectOf(governance.User{ID: objectID}).ID
}

// mails are the subjects of the mails that somebody got.
func (s *stand) mails(name string) []string {
	var list []string
	for _, sent := range s.directory.SentTo(name + "@example.com") {
		list = append(list, sent.Subject)
	}
	return list
}

// requests is how many there are.
func (s *stand) requests() int { return len(s.Documents(store.Subjects, "request")) }
