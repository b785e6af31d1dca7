package stack_test

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/shared/governance"
)

// Two stages, one after the other, each decided once.
//
// rules: APR-01 APR-03 APR-04 APR-05 APR-07 APR-13 APR-14
func TestApprovalStages(t *testing.T) {
	boss, second, stranger := hire(t, ""), hire(t, ""), hire(t, "")
	requestor := hire(t, boss.ID)
	o := newOffer(t, func(policy object) {
		stage := func(approver object) object {
			return object{"durationBeforeAutomaticDenial": "P2W", "isApproverJustificationRequired": true, "primaryApprovers": list{approver}}
		}
		policy["requestApprovalSettings"] = object{"isApprovalRequiredForAdd": true, "isRequestorJustificationRequired": true, "stages": list{stage(manager()), stage(user(second.ID))}}
	})
	self, chief, next := person(t, requestor.UserPrincipalName), person(t, boss.UserPrincipalName), person(t, second.UserPrincipalName)
	self.call("POST", "/assignmentRequests", add("userAdd", o.pack, nil)).refused(http.StatusBadRequest, "justification")
	made := self.post("/assignmentRequests", add("userAdd", o.pack, object{"justification": "work"}))
	same(t, made, "state", "pendingApproval")
	id := text(t, made, "id")

	approval := chief.get("/accessPackageAssignmentApprovals/" + id + "?$expand=stages")
	same(t, approval, "id", id)
	same(t, approval, "stages/0/status", "InProgress")
	same(t, approval, "stages/0/assignedToMe", true)
	same(t, approval, "stages/0/reviewResult", "NotReviewed")
	same(t, approval, "stages/1/status", "Initializing")
	same(t, approval, "stages/1/assignedToMe", false)
	for _, hidden := range []string{"approverUserIds", "approverGroupIds", "endsDateTime"} {
		if _, shown := at[object](t, approval, "stages/0")[hidden]; shown {
			t.Errorf("%s is shown: %v", hidden, approval)
		}
	}
	if plain := chief.get("/accessPackageAssignmentApprovals/" + id); plain["stages"] != nil {
		t.Errorf("not expanded, and there all the same: %v", plain)
	}
	operator := administrator(t) // docs/operate/stuck-request.md: which stage waits, and by which policy
	same(t, operator.values("/accessPackageAssignmentApprovals/" + id + "/stages")[0], "status", "InProgress")
	policy := text(t, operator.get("/assignmentRequests/"+id+"?$expand=assignment($expand=assignmentPolicy)"), "assignment/assignmentPolicy/id")
	same(t, operator.get("/assignmentPolicies/"+policy), "requestApprovalSettings/stages/0/durationBeforeAutomaticDenial", "P14D")
	first, last := stageOf(t, chief, id, 0), stageOf(t, chief, id, 1)
	same(t, chief.get(first), "status", "InProgress")
	same(t, self.get(first), "assignedToMe", false)

	approve := object{"reviewResult": "approve", "justification": "fine"}
	next.call("PATCH", last, approve).refused(http.StatusConflict, "has not begun")
	chief.call("PATCH", last, approve).refused(http.StatusForbidden, "no approver of this stage")
	self.call("PATCH", first, approve).refused(http.StatusForbidden, "of their own")
	administrator(t).call("PATCH", first, approve).refused(http.StatusForbidden, "no approver")
	person(t, stranger.UserPrincipalName).call("PATCH", first, approve).refused(http.StatusNotFound, "no approval")
	chief.call("PATCH", first, object{"reviewResult": "Approve"}).refused(http.StatusBadRequest, "justification")
	chief.call("PATCH", first, object{"reviewResult": "NotReviewed", "justification": "x"}).refused(http.StatusBadRequest, "reviewResult")
	chief.call("PATCH", first, object{"justification": "x"}).refused(http.StatusBadRequest, "reviewResult")
	if answer := chief.call("PATCH", first, approve).want(http.StatusNoContent); len(answer.body) != 0 {
		t.Errorf("a decision answered %s", answer.body)
	}
	chief.call("PATCH", first, object{"reviewResult": "Deny", "justification": "second thoughts"}).refused(http.StatusConflict, "already decided: Approve by "+boss.DisplayName)
	decided := chief.get(first)
	same(t, decided, "status", "Completed")
	same(t, decided, "reviewResult", "Approve")
	same(t, decided, "reviewedBy/id", boss.ID)
	same(t, decided, "justification", "fine")
	same(t, self.get("/assignmentRequests/"+id), "state", "pendingApproval")
	next.call("PATCH", last, object{"reviewResult": "Approved", "justification": "also fine"}).want(http.StatusNoContent)
	drain(t)
	same(t, self.get("/assignmentRequests/"+id), "state", "delivered")
	if have := members(t, o.group); len(have) != 1 {
		t.Errorf("members: %v", have)
	}
}

// rules: APR-05 APR-06 NOT-01
func TestDenialAndSilence(t *testing.T) {
	s := start(t)
	boss := hire(t, "")
	o := newOffer(t, approvedBy(manager()))
	denied, forgotten := hire(t, boss.ID), hire(t, boss.ID)
	chief := person(t, boss.UserPrincipalName)
	id := text(t, person(t, denied.UserPrincipalName).post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	chief.call("PATCH", stageOf(t, chief, id, 0), object{"reviewResult": "Deny", "justification": "not now"}).want(http.StatusNoContent)
	same(t, person(t, denied.UserPrincipalName).get("/assignmentRequests/"+id), "state", "denied")
	silent := text(t, person(t, forgotten.UserPrincipalName).post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	stage := stageOf(t, chief, silent, 0)
	advance(t, governance.Days(14))
	ended := person(t, forgotten.UserPrincipalName).get("/assignmentRequests/" + silent)
	same(t, ended, "state", "denied")
	same(t, ended, "status", "Expired")
	chief.call("PATCH", stage, object{"reviewResult": "Approve"}).refused(http.StatusConflict, "over")
	if have := members(t, o.group); len(have) != 0 {
		t.Errorf("members: %v", have)
	}
	for mail, part := range map[string]string{denied.Mail: "was denied", forgotten.Mail: "has expired"} {
		found := false
		for _, letter := range s.Graph.Mail(mail) {
			found = found || strings.Contains(letter.Subject, part)
		}
		if !found {
			t.Errorf("%s got no mail that says %q", mail, part)
		}
	}
}

// rules: APR-11 APR-12
func TestEscalation(t *testing.T) {
	boss, alternate := hire(t, ""), hire(t, "")
	requestor := hire(t, boss.ID)
	o := newOffer(t, func(policy object) {
		policy["requestApprovalSettings"] = object{"isApprovalRequiredForAdd": true, "stages": list{object{
			"durationBeforeAutomaticDenial": "P14D", "isEscalationEnabled": true, "durationBeforeEscalation": "P7D", "primaryApprovers": list{manager()}, "escalationApprovers": list{user(alternate.ID)},
		}}}
	})
	id := text(t, person(t, requestor.UserPrincipalName).post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	stage := stageOf(t, person(t, boss.UserPrincipalName), id, 0)
	other := person(t, alternate.UserPrincipalName)
	other.call("PATCH", stage, object{"reviewResult": "Approve"}).refused(http.StatusNotFound, "no approval")
	advance(t, governance.Days(7))
	if waiting := other.values("/accessPackageAssignmentApprovals/filterByCurrentUser(on='approver')"); len(waiting) != 1 {
		t.Fatalf("the alternate sees %v", waiting)
	}
	other.call("PATCH", stage, object{"reviewResult": "Approve"}).want(http.StatusNoContent)
	drain(t)
	same(t, other.get("/assignmentRequests/"+id), "state", "delivered")
}
