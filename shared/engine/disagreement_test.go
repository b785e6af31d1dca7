package engine_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

// TestDisagreements: what a head says of documents is held against each of them, member by member, in both directions. rules: LIF-06 REQ-22.
func TestDisagreements(t *testing.T) {
	noon := time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)
	pack := &governance.AccessPackage{ID: "package", Catalog: &governance.Catalog{ID: "catalog"}}
	assignment := func(id string) governance.Assignment {
		return governance.Assignment{
			ID: id, State: governance.AssignmentDelivered, AccessPackage: pack, AssignmentPolicy: &governance.AssignmentPolicy{ID: "policy"},
			Schedule:   &governance.Schedule{Expiration: &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(noon)}},
			Deliveries: []governance.Delivery{{Grant: governance.Grant{OriginSystem: governance.OriginGroup, ResourceID: "group", Role: governance.GrantMember}}},
		}
	}
	request := governance.AssignmentRequest{ID: "r", RequestType: governance.RequestUserAdd, State: governance.StatePendingApproval, AccessPackage: pack, Assignment: &governance.Assignment{ID: "new"}}
	for name, c := range map[string]struct {
		change func(a *governance.Assignment, r *governance.AssignmentRequest, s *engine.State)
		want   []string // document: words of what differs
	}{
		"nothing": {func(*governance.Assignment, *governance.AssignmentRequest, *engine.State) {}, nil},
		"an end that was taken out": {func(a *governance.Assignment, _ *governance.AssignmentRequest, _ *engine.State) {
			a.Schedule = nil
		}, []string{`assignment:a: endDateTime is "2026-11-20T12:00:00.000Z" in the head and none in the document`}},
		"an end that was moved": {func(a *governance.Assignment, _ *governance.AssignmentRequest, _ *engine.State) {
			a.Schedule = &governance.Schedule{Expiration: &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(noon.AddDate(1, 0, 0))}}
		}, []string{"assignment:a: endDateTime"}},
		"another policy and package": {func(a *governance.Assignment, _ *governance.AssignmentRequest, _ *engine.State) {
			a.AccessPackage, a.AssignmentPolicy = &governance.AccessPackage{ID: "p2"}, &governance.AssignmentPolicy{ID: "q2"}
		}, []string{`assignment:a: packageId is "package" in the head and "p2" in the document; policyId`}},
		"another state": {func(a *governance.Assignment, _ *governance.AssignmentRequest, _ *engine.State) {
			a.State, a.Removing = governance.AssignmentDelivering, true
		}, []string{`assignment:a: removing is none in the head and true in the document; state is "delivered" in the head and "delivering"`}},
		"a grant more": {func(a *governance.Assignment, _ *governance.AssignmentRequest, _ *engine.State) {
			a.Deliveries = append(slices.Clone(a.Deliveries), governance.Delivery{Grant: governance.Grant{ResourceID: "other"}})
		}, []string{"assignment:a: grants"}},
		"an assignment that is over": {func(a *governance.Assignment, _ *governance.AssignmentRequest, _ *engine.State) {
			a.State = governance.AssignmentExpired
		}, []string{"assignment:a: the head has it as live, and it is over or not there"}},
		"a holding without an assignment": {func(_ *governance.Assignment, _ *governance.AssignmentRequest, s *engine.State) {
			s.Head.Holdings = append(s.Head.Holdings, governance.Holding{AssignmentID: "gone"})
		}, []string{"assignment:gone: the head has it as live, and it is over or not there"}},
		"one that cannot be read": {func(_ *governance.Assignment, _ *governance.AssignmentRequest, s *engine.State) {
			s.Head.Holdings = append(s.Head.Holdings, governance.Holding{AssignmentID: "bad"})
			s.Unread = map[string]string{"assignment:bad": ""}
		}, []string{"assignment:bad: the head has it as live, and it cannot be read"}},
		"an assignment without a holding": {func(_ *governance.Assignment, _ *governance.AssignmentRequest, s *engine.State) {
			s.Documents["assignment:put in"] = assignment("put in")
		}, []string{"assignment:put in: it is live, and the head does not know it"}},
		"a request that the head does not have": {func(_ *governance.Assignment, _ *governance.AssignmentRequest, s *engine.State) {
			s.Head.InFlight = nil
		}, []string{"request:r: it is live, and the head does not know it"}},
		"a request that is decided": {func(_ *governance.Assignment, r *governance.AssignmentRequest, _ *engine.State) {
			r.State = governance.StateDelivered
		}, []string{"request:r: the head has it as live, and it is over or not there"}},
		"a request for something else": {func(_ *governance.Assignment, r *governance.AssignmentRequest, _ *engine.State) {
			r.RequestType, r.Assignment = governance.RequestAdminAdd, &governance.Assignment{ID: "newer"}
		}, []string{`request:r: assignmentId is "new" in the head and "newer" in the document; requestType`}},
	} {
		t.Run(name, func(t *testing.T) {
			a, r := assignment("a"), request
			s := engine.State{Documents: map[string]governance.Document{}}
			a.Enter(&s.Head)
			r.Enter(&s.Head)
			data, err := json.Marshal(s.Head) // as it is read again
			if err != nil {
				t.Fatal(err)
			}
			s.Head = governance.Head{}
			if err := json.Unmarshal(data, &s.Head); err != nil {
				t.Fatal(err)
			}
			c.change(&a, &r, &s)
			s.Documents["assignment:a"], s.Documents["request:r"] = a, r
			found := engine.Disagreements(s)
			if len(found) != len(c.want) {
				t.Fatalf("found are %+v", found)
			}
			for i, one := range found {
				if !strings.HasPrefix(one.Document+": "+one.Differs, c.want[i]) {
					t.Errorf("found is %+v, want %s", one, c.want[i])
				}
			}
		})
	}
}

// TestAPolicyThatCannotBeReadOpensNothing: it may be the more specific one, under which somebody is asked. rules: POL-07.
func TestAPolicyThatCannotBeReadOpensNothing(t *testing.T) {
	for _, test := range []struct {
		id, of string
		read   bool
	}{{"policy:bad", "", false}, {"policy:bad", "P", false}, {"policy:bad", "other", true}, {"resource:bad", "", true}} {
		catalog := engine.CatalogOf(engine.State{Unread: map[string]string{test.id: test.of}})
		if read := catalog.PoliciesRead("p"); read != test.read {
			t.Errorf("%s of %q: %t", test.id, test.of, read)
		}
	}
	l := newLedger(t, mo)
	doubtful := func(c *engine.Submission) { c.Doubtful = true }
	_, err := l.submit(submission(t, under(policy(t, "everybody", noApproval)), doubtful))
	refused(t, err, governance.CodeConflict, "cannot be read")
	if _, err := l.submit(submission(t, direct("everybody"), doubtful)); err != nil {
		t.Errorf("an administrator names the policy: %v", err)
	}
}

// TestNothingIsDecidedByWhatCannotBeRead: a catalog with a document that cannot be read may hold a package, and that package the resource. rules: OBJ-18 OBJ-19.
func TestNothingIsDecidedByWhatCannotBeRead(t *testing.T) {
	resource := governance.Resource{ID: "resource", OriginID: "group", Catalog: &governance.Catalog{ID: "catalog"}}
	s := engine.State{Documents: map[string]governance.Document{"catalog": governance.Catalog{ID: "catalog"}, "resource:resource": resource}}
	remove := governance.ResourceRequest{Resource: &resource}
	for _, unread := range []map[string]string{nil, {"package:bad": ""}} {
		s.Unread = unread
		_, deleted := engine.DeleteCatalog(s, engine.Edit{})
		_, removed := engine.RemoveResource(s, remove, engine.Edit{})
		for _, err := range []error{deleted, removed} {
			if (err == nil) != (unread == nil) || err != nil && !strings.Contains(err.Error(), "package:bad cannot be read") {
				t.Errorf("with %v: %v", unread, err)
			}
		}
	}
}
