package stack_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/shared/governance"
)

// insist sends a request as a patient client does: again after a broken connection, 429 and 5xx, with the same Idempotency-Key.
func (a *actor) insist(method, path string, body any, key string) answer {
	var result answer
	for range 100 {
		if result = a.try(method, path, body, "Idempotency-Key", key); result.err == nil && result.status < http.StatusInternalServerError && result.status != http.StatusTooManyRequests {
			return result
		}
	}
	return result
}

// lifecycle is one request for a package from its submission to its decision, by patient people. It answers with the request's id.
func lifecycle(t *testing.T, o offer, requestor, approver *actor, key string) (string, error) {
	made := requestor.insist("POST", "/assignmentRequests", add("userAdd", o.pack, nil), key)
	if made.err != nil || made.status != http.StatusCreated {
		return "", fmt.Errorf("%s: %d %s %w", made.what, made.status, made.body, made.err)
	}
	id := text(t, made.object(), "id")
	read := approver.insist("GET", "/accessPackageAssignmentApprovals/"+id+"/stages", nil, "")
	if read.err != nil || read.status != http.StatusOK {
		return id, fmt.Errorf("%s: %d %s %w", read.what, read.status, read.body, read.err)
	}
	decided := approver.insist("PATCH", "/accessPackageAssignmentApprovals/"+id+"/stages/"+text(t, read.object(), "value/0/id"), object{"reviewResult": "Approve"}, key+" decision")
	if decided.err != nil || decided.status != http.StatusNoContent {
		return id, fmt.Errorf("%s: %d %s %w", decided.what, decided.status, decided.body, decided.err)
	}
	return id, nil
}

// Whatever fails on the way, every accepted request ends delivered exactly once, and every removal removed.
//
// rules: REQ-07 PRV-01 PRV-02
func TestLifecyclesUnderFaults(t *testing.T) {
	s, ida := fresh(t), administrator(t)
	const people, many = 12, 1_000_000
	for _, one := range []fault.Fault{
		{Target: fault.Cosmos, Kind: fault.Throttle, Rate: 0.02},
		{Target: fault.Cosmos, Kind: fault.Error, Rate: 0.1},
		{Target: fault.Cosmos, Kind: fault.LostResponse, Rate: 0.1},
		{Target: fault.ServiceBus, Kind: fault.Error, Rate: 0.2},
		{Target: fault.ServiceBus, Kind: fault.LostResponse, Rate: 0.2},
		{Target: fault.Graph, Kind: fault.Throttle, Rate: 0.2},
		{Target: fault.Graph, Kind: fault.Error, Rate: 0.2},
		{Target: fault.Graph, Kind: fault.LostResponse, Rate: 0.2},
		{Target: fault.Handler, Kind: fault.Error, Rate: 0.1},
		{Target: fault.Handler, Kind: fault.LostResponse, Rate: 0.1},
	} {
		t.Run(string(one.Target)+" "+string(one.Kind), func(t *testing.T) {
			began := time.Now()
			boss := hire(t, "")
			o := newOffer(t, approvedBy(manager()))
			requestors := make([]governance.User, people)
			for i := range requestors {
				requestors[i] = hire(t, boss.ID)
			}
			drain(t)
			one.Count = many
			s.Faults.Add(one)
			ids, errs := make([]string, people), make([]error, people)
			var all sync.WaitGroup
			for i := range people {
				key := unique("fault")
				all.Go(func() {
					ids[i], errs[i] = lifecycle(t, o, person(t, requestors[i].UserPrincipalName), person(t, boss.UserPrincipalName), key)
				})
			}
			all.Wait()
			for _, err := range errs {
				if err != nil {
					t.Error(err)
				}
			}
			heal(t)
			have := members(t, o.group)
			assignments := make([]string, people)
			for i, id := range ids {
				if !slices.Contains(have, requestors[i].ID) {
					t.Errorf("%s is no member: %v", requestors[i].DisplayName, ida.get("/assignmentRequests/"+id))
				}
				request := ida.get("/assignmentRequests/" + id + "?$expand=assignment($expand=target)")
				same(t, request, "state", "delivered")
				assignments[i] = text(t, request, "assignment/id")
				once(t, text(t, request, "assignment/target/id"), governance.ActivityFulfillRole, 1)
				if mine := ida.values("/assignmentRequests?$filter=accessPackage/id%20eq%20'" + o.pack + "'%20and%20requestor/objectId%20eq%20'" + requestors[i].ID + "'"); len(mine) != 1 {
					t.Errorf("%d requests were made of one: %v", len(mine), mine)
				}
			}

			s.Faults.Add(one)
			for i := range people {
				key := unique("fault")
				all.Go(func() {
					removed := ida.insist("POST", "/assignmentRequests", object{"requestType": "adminRemove", "assignment": object{"id": assignments[i]}}, key)
					if removed.err != nil || removed.status != http.StatusCreated {
						t.Errorf("%s: %d %s %v", removed.what, removed.status, removed.body, removed.err)
					}
				})
			}
			all.Wait()
			heal(t)
			if have := members(t, o.group); len(have) != 0 {
				t.Errorf("members after all removals: %v", have)
			}
			for _, id := range assignments {
				assignment := ida.get("/assignments/" + id + "?$expand=target")
				same(t, assignment, "state", "expired")
				subject := text(t, assignment, "target/id")
				once(t, subject, governance.ActivityRemoveRole, 1)
				same(t, ida.get("/operations/audit/subjects/"+subject+"/verify"), "verified", true)
			}
			t.Logf("%d lifecycles and removals with %s %s at %.0f %%: %v", people, one.Target, one.Kind, 100*one.Rate, time.Since(began).Round(time.Millisecond))
		})
	}
}

// heal ends the faults and lets a day pass, in which everything that was put off is done.
func heal(t *testing.T) {
	t.Helper()
	start(t).Faults.Clear()
	drain(t)
	advance(t, governance.Days(1))
	drain(t)
}

// once checks how many audit entries of one activity a subject has.
func once(t *testing.T, subject string, activity governance.Activity, want int) {
	t.Helper()
	entries := administrator(t).values(query("/operations/audit/subjects", "filter", "partitionId eq '"+subject+"' and activityDisplayName eq '"+string(activity)+"'"))
	if len(entries) != want {
		t.Errorf("%q is %d times in the audit trail of %s, want %d: %v", activity, len(entries), subject, want, entries)
	}
}
