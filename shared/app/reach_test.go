package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/bus"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// addRole and takeRole change the resource roles of a package.
func (s *stand) addRole(packageID, role string) {
	s.Helper()
	_, err := s.app.AddRoleScope(s.Context(), admin(), packageID, governance.ResourceRoleScope{Role: &governance.ResourceRole{OriginID: role}})
	s.must(err)
}

func (s *stand) takeRole(packageID, role string) {
	s.Helper()
	pack, err := s.app.Package(s.Context(), admin(), packageID)
	s.must(err)
	at := slices.IndexFunc(pack.Value.ResourceRoleScopes, func(scope governance.ResourceRoleScope) bool { return scope.Role.OriginID == role })
	s.must(s.app.RemoveRoleScope(s.Context(), admin(), packageID, pack.Value.ResourceRoleScopes[at].ID))
}

// held gives a package to people, directly.
func (s *stand) held(packageID, policyID string, people ...string) {
	s.Helper()
	for _, person := range people {
		s.submit(admin(), assign(packageID, policyID, person))
	}
	s.drain()
}

// reachIs wants a package's change of roles to be still on its way, or not.
func (s *stand) reachIs(onItsWay bool) {
	s.Helper()
	if is := len(s.Documents(store.Catalogs, "reach")) > 0; is != onItsWay {
		s.Errorf("a change of roles is on its way: %t", is)
	}
}

// TestRolesReachWhoHasThePackage: a role that is added is given to all who have the package, and one that is removed is taken from all of them to whom nothing else grants it. Nobody else is touched.
//
// rules: RES-10 RES-12 RES-13 AUD-01
func TestRolesReachWhoHasThePackage(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	other, otherPolicy := s.openPackage("other", member(g1))
	s.must(s.directory.PutMember(g1, carl)) // by hand
	s.held(packageID, policyID, alice, bob)
	s.held(other, otherPolicy, bob)
	s.reachIs(false)
	mails := len(s.mails("alice"))

	s.addRole(packageID, member(g2))
	s.reachIs(true)
	s.isMember(g2, alice, false) // the command answers before
	s.drain()
	s.isMember(g2, alice, true)
	s.isMember(g2, bob, true)
	s.isMember(g2, carl, false)
	s.reachIs(false)

	s.takeRole(packageID, member(g1))
	s.drain()
	s.isMember(g1, alice, false)
	s.isMember(g1, bob, true) // by the other package
	s.isMember(g1, carl, true)
	s.isMember(g2, alice, true)
	s.reachIs(false)

	told := s.activities(alice)
	if want := []governance.Activity{
		governance.ActivitySystemUpdates, governance.ActivityFulfillRole, governance.ActivityFulfill, governance.ActivitySystemUpdates, governance.ActivityRemoveRole, governance.ActivityFulfill,
	}; !slices.Equal(told[len(told)-len(want):], want) {
		t.Errorf("the audit trail tells %v", told)
	}
	if now := s.mails("alice"); len(now) != mails {
		t.Errorf("alice got %q", now[mails:])
	}
	found, err := s.app.ListRequests(t.Context(), admin(), ledger.ListOptions{})
	s.must(err)
	updates := 0
	for _, one := range found.Items {
		if one.Value.RequestType == governance.RequestSystemUpdate {
			updates++
			if one.Value.State != governance.StateDelivered {
				t.Errorf("a request of the service is %s", one.Value.State)
			}
		}
	}
	if updates != 4 {
		t.Errorf("the service made %d requests", updates)
	}
}

// TestAReachOfMany goes in pages, a message each, and a message that comes twice or gets lost on the way does no harm.
//
// rules: RES-12
func TestAReachOfMany(t *testing.T) {
	const many = 120
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	var all []string
	for i := range many {
		person := id(fmt.Sprint("person", i))
		s.directory.PutUser(governance.User{ID: person, DisplayName: "Person", UserPrincipalName: fmt.Sprintf("p%d@example.com", i), UserType: governance.UserTypeMember, AccountEnabled: true})
		all = append(all, person)
	}
	s.held(packageID, policyID, all...)
	s.addRole(packageID, member(g2))
	effect := s.Effects(bus.Provisioning)[0]
	if effect.What != governance.WorkReach || effect.About != packageID {
		t.Fatalf("sent is %+v", effect)
	}
	s.must(s.app.HandleEffect(t.Context(), system(), effect)) // the first page, and once more by the message itself
	if updates := s.requests() - many; updates < 1 || updates >= many {
		t.Errorf("the first message reached %d of %d", updates, many)
	}
	s.drain()
	for _, person := range all {
		s.isMember(g2, person, true)
	}
	if updates := s.requests() - many; updates != many {
		t.Errorf("%d requests for %d people", updates, many)
	}
	s.reachIs(false)
	s.must(s.app.HandleEffect(t.Context(), system(), effect)) // long after
	s.drain()

	s.takeRole(packageID, member(g1))
	for _, queue := range []string{bus.Provisioning} { // every message of it is lost
		q, err := s.Broker.Queue(queue)
		s.must(err)
		session, ok, err := q.AcceptNext()
		s.must(err)
		if delivery, got, err := session.Receive(); err != nil || !ok || !got || q.Complete(delivery.LockToken) != nil {
			t.Fatal("nothing was sent")
		}
		s.must(session.Release())
	}
	s.drain()
	s.isMember(g1, all[0], true)
	s.pass(16 * time.Minute)
	for _, person := range all {
		s.isMember(g1, person, false)
	}
	s.reachIs(false)
}

// TestRolesThatChangeOnTheWay: what changes while a delivery or another change is under way is neither missed nor done twice.
//
// rules: RES-09 RES-12
func TestRolesThatChangeOnTheWay(t *testing.T) {
	s := newStand(t)
	packageID, _ := s.openPackage("package", member(g1))
	s.failing(directorymemory.OperationAddMember, directorymemory.FaultUnavailable)
	made := s.submit(user(alice), request(packageID))
	s.drain()
	s.addRole(packageID, member(g2))
	s.takeRole(packageID, member(g1))
	s.drain()
	s.directory.SetFault(nil)
	s.retries()
	s.is(made.ID, governance.StateDelivered)
	s.isMember(g1, alice, false)
	s.isMember(g2, alice, true)
	if s.requests() != 1 {
		t.Errorf("%d requests: the delivery under way takes it along", s.requests())
	}

	for range 3 { // there and back, before anybody has looked
		s.addRole(packageID, member(g1))
		s.takeRole(packageID, member(g1))
	}
	s.drain()
	s.isMember(g1, alice, false)
	s.reachIs(false)
	if s.requests() != 1 {
		t.Errorf("%d requests for what has not changed", s.requests())
	}

	// An assignment that the change did not see, since it was committed just after: its delivery does.
	late := s.submit(user(bob), request(packageID))
	s.addRole(packageID, member(g1))
	for _, document := range s.Documents(store.Catalogs, "reach") {
		_, err := s.Store.Commit(t.Context(), store.Catalogs, document.Partition, []store.Operation{{Verb: store.Delete, Document: document}})
		s.must(err)
	}
	s.drain()
	s.is(late.ID, governance.StateDelivered)
	s.isMember(g1, bob, true)
	s.isMember(g1, alice, false) // whom nobody has told
}

// TestRolesThatDoNotReach: who may not be given anything is not, and is told of; what cannot be taken away is tried again each day, and so is whatever could not be changed.
//
// rules: RES-12 REQ-07 REQ-08 REQ-21
func TestRolesThatDoNotReach(t *testing.T) {
	s := newStand(t)
	packageID, policyID := s.openPackage("package", member(g1))
	s.held(packageID, policyID, alice, bob)
	s.block(alice, true)
	s.addRole(packageID, member(g2))
	s.drain()
	s.retries()
	s.isMember(g2, alice, false)
	s.isMember(g2, bob, true)
	var failed string
	found, err := s.app.ListRequests(t.Context(), admin(), ledger.ListOptions{})
	s.must(err)
	for _, one := range found.Items {
		if one.Value.State == governance.StatePartiallyDelivered {
			failed = one.Value.ID
		}
	}
	if failed == "" || !strings.Contains(s.Log(), "a delivery has failed") {
		t.Fatal("nobody is told who was not reached")
	}
	s.block(alice, false)
	s.must(s.app.ReprocessRequest(t.Context(), admin(), failed))
	s.drain()
	s.isMember(g2, alice, true)
	s.is(failed, governance.StateDelivered)

	s.failing(directorymemory.OperationRemoveMember, directorymemory.FaultForbidden)
	s.takeRole(packageID, member(g2))
	s.drain()
	s.isMember(g2, bob, true)
	s.pass(25 * time.Hour)
	s.isMember(g2, bob, true)
	s.directory.SetFault(nil)
	s.pass(25 * time.Hour)
	s.isMember(g2, bob, false)
	s.isMember(g2, alice, false)
	s.isMember(g1, alice, true)

	assignment := s.Documents(store.Subjects, "assignment")[0]
	spoilt := assignment
	spoilt.Body = []byte(strings.Replace(string(assignment.Body), `"state":"delivered"`, `"state":7`, 1))
	_, err = s.Store.Commit(t.Context(), store.Subjects, assignment.Partition, []store.Operation{{Verb: store.Replace, Document: spoilt}})
	s.must(err)
	s.addRole(packageID, member(g2))
	s.drain()
	both := 0
	for _, person := range []string{alice, bob} {
		if s.directory.IsMember(g2, person) {
			both++
		}
	}
	if both != 1 {
		t.Errorf("one that cannot be read keeps the others from what is theirs, or not itself: %d have it", both)
	}
}

// TestARequestBesideAReach: an assignment whose delivery has failed is only taken from while another is asked for in its place, and is given the rest when that is denied.
//
// rules: RES-12 REQ-22
func TestARequestBesideAReach(t *testing.T) {
	s := newStand(t)
	packageID := s.pack(s.catalog("catalog"), "package", member(g1), owner(g2))
	direct := s.policy(openPolicy(packageID))
	asked := s.policy(approvedPolicy(packageID, manager()))
	s.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
		if operation == directorymemory.OperationAddOwner {
			return directorymemory.Fault{Kind: directorymemory.FaultForbidden}
		}
		return directorymemory.Fault{}
	})
	s.held(packageID, direct, alice)
	draft := request(packageID)
	draft.Assignment.AssignmentPolicyID = asked
	made := s.submit(user(alice), draft)
	s.directory.SetFault(nil)

	s.takeRole(packageID, member(g1))
	s.addRole(packageID, member(g2))
	s.drain()
	s.isMember(g1, alice, false)
	s.isMember(g2, alice, false)
	s.is(made.ID, governance.StatePendingApproval)
	s.reachIs(true)
	s.must(s.decide(made.ID, mia, governance.ResultDeny, "no"))
	s.pass(25 * time.Hour)
	s.isMember(g2, alice, true)
	if !s.directory.IsOwner(g2, alice) {
		t.Error("what had failed is not tried anew")
	}
	s.reachIs(false)
}
