package stack_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/shared/governance"
)

// All types of requests, in the forms that clients use, from submission to the end of access.
//
// rules: REQ-01 REQ-02 REQ-03 REQ-10 REQ-11 REQ-12 REQ-17 REQ-22 OBJ-03 OBJ-08 RES-10 BEY-03
func TestRequests(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	requestor := hire(t, "")
	self := person(t, requestor.UserPrincipalName)

	// userAdd, with the type in another case and the package by reference.
	made := self.post("/assignmentRequests", object{"requestType": "UserAdd", "accessPackage": object{"id": o.pack}, "assignment": object{}, "justification": "mine"})
	id := text(t, made, "id")
	same(t, made, "requestType", "userAdd")
	same(t, made, "justification", "mine")
	same(t, made, "answers", list{})
	same(t, made, "customExtensionCalloutInstances", list{})
	self.call("POST", "/assignmentRequests", add("userAdd", o.pack, nil)).refused(http.StatusConflict)
	drain(t)
	self.call("POST", "/assignmentRequests", add("userAdd", o.pack, nil)).refused(http.StatusConflict, "already has this access package")
	done := self.get("/assignmentRequests/" + id + "?$expand=assignment($expand=target,assignmentPolicy),accessPackage,requestor")
	same(t, done, "state", "delivered")
	same(t, done, "status", "Fulfilled")
	same(t, done, "accessPackage/id", o.pack)
	same(t, done, "requestor/objectId", requestor.ID)
	same(t, done, "assignment/target/objectId", requestor.ID)
	same(t, done, "assignment/assignmentPolicy/id", o.policy)
	for _, hidden := range []string{"policy", "approval", "schemaVersion", "subjectId"} {
		if done[hidden] != nil {
			t.Errorf("%s is shown: %v", hidden, done)
		}
	}
	if !slices.Equal(members(t, o.group), []string{requestor.ID}) {
		t.Fatalf("members: %v", members(t, o.group))
	}
	assignment := text(t, done, "assignment/id")
	held := self.get("/assignments/" + assignment + "?$expand=target,accessPackage,assignmentPolicy,@latchkey.deliveries")
	same(t, held, "state", "delivered")
	same(t, held, "status", "Delivered")
	shown := object{"id": assignment, "state": "delivered", "status": "Delivered", "schedule": held["schedule"]}
	same(t, self.get("/assignmentRequests/"+id+"?$expand=assignment"), "assignment", shown)
	for _, path := range []string{"/assignmentRequests/filterByCurrentUser(on='target')?$expand=assignment", query("/assignmentRequests", "filter", "assignmentPolicy/id eq '"+o.policy+"'", "expand", "assignment")} {
		who := ida
		if strings.Contains(path, "Current") {
			who = self
		}
		same(t, who.values(path)[0], "assignment", shown)
	}
	withStatus := func(status string) int {
		return len(ida.values(query("/assignments", "filter", "accessPackage/id eq '"+o.pack+"' and status eq '"+status+"'")))
	}
	if withStatus("delivered") != 1 || withStatus("NearExpiry1DayNotificationTriggered") != 0 {
		t.Errorf("by status %d are found", withStatus("delivered"))
	}
	ida.call("GET", query("/assignments", "filter", "status eq 'Fulfilled'"), nil).refused(http.StatusBadRequest, "status", "Delivered")
	same(t, held, "target/objectId", requestor.ID)
	same(t, held, "accessPackage/id", o.pack)
	same(t, held, "@latchkey.deliveries/0/state", "delivered")
	for _, hidden := range []string{"requestId", "removing", "attempt", "nextAttemptDateTime"} {
		if _, shown := held[hidden]; shown {
			t.Errorf("%s is shown: %v", hidden, held)
		}
	}
	ida.call("POST", "/assignments", object{}).refused(http.StatusMethodNotAllowed)
	ida.call("DELETE", "/assignments/"+assignment, nil).refused(http.StatusMethodNotAllowed, "GET", "adminRemove", "userRemove")
	ida.call("DELETE", "/assignmentRequests/"+assignment, nil).refused(http.StatusMethodNotAllowed, "/cancel", "adminRemove")

	// As msgraph-sdk-go asks.
	listed := ida.values("/assignments?$expand=target,assignmentPolicy&$filter=accessPackage%2Fid%20eq%20%27" + o.pack + "%27%20and%20state%20eq%20%27Delivered%27")
	if len(listed) != 1 || text(t, listed[0], "target/objectId") != requestor.ID {
		t.Fatalf("assignments of the package: %v", listed)
	}

	// userRemove.
	gone := self.post("/assignmentRequests", object{"requestType": "userRemove", "assignment": object{"id": assignment}})
	self.call("POST", "/assignmentRequests", object{"requestType": "userRemove", "assignment": object{"id": assignment}}).refused(http.StatusConflict)
	drain(t)
	same(t, self.get("/assignmentRequests/"+text(t, gone, "id")), "state", "delivered")
	ended := self.get("/assignments/" + assignment)
	same(t, ended, "state", "expired")
	same(t, ended, "status", "ExpiredNotificationTriggered")
	same(t, self.get("/assignmentRequests/"+id+"?$expand=assignment"), "assignment/expiredDateTime", ended["expiredDateTime"])
	if withStatus("ExpiredNotificationTriggered") != 1 || withStatus("Delivered") != 0 {
		t.Errorf("an expired one: %d and %d are found", withStatus("ExpiredNotificationTriggered"), withStatus("Delivered"))
	}
	self.call("POST", "/assignmentRequests", object{"requestType": "userRemove", "assignment": object{"id": assignment}}).refused(http.StatusConflict, "already ended")
	if len(members(t, o.group)) != 0 {
		t.Fatalf("members: %v", members(t, o.group))
	}

	// adminAdd in the SDK's form, and adminRemove; by an application.
	automation := application(t, "Automation")
	other := hire(t, "")
	made = automation.post("/assignmentRequests", object{
		"assignment": object{"targetId": other.ID, "accessPackageId": o.pack, "assignmentPolicyId": o.policy}, "justification": "sdk", "requestType": "adminAdd",
		"schedule": object{"expiration": object{"type": "noExpiration"}, "startDateTime": "2026-11-20T18:10:17Z"},
	})
	drain(t)
	done = automation.get("/assignmentRequests/" + text(t, made, "id") + "?$expand=assignment")
	same(t, done, "state", "delivered")
	automation.post("/assignmentRequests", object{"requestType": "AdminRemove", "assignment": object{"id": text(t, done, "assignment/id")}})
	drain(t)
	if len(members(t, o.group)) != 0 {
		t.Fatalf("members: %v", members(t, o.group))
	}
	self.call("POST", "/assignmentRequests", object{"requestType": "systemRemove", "assignment": object{"id": assignment}}).refused(http.StatusBadRequest, "requestType", "systemRemove")
}

// A role that is added to a package is given to who has it, and one that is removed is taken from them; the request of the service that does it can be seen.
//
// rules: RES-09 RES-12 REQ-18
func TestRolesReachWhoHasThePackage(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	requestor := hire(t, "")
	self := person(t, requestor.UserPrincipalName)
	made := self.post("/assignmentRequests", add("userAdd", o.pack, nil))
	drain(t)
	roles := "/accessPackages/" + o.pack + "/resourceRoleScopes"
	first, second := text(t, ida.get(roles), "value/0/id"), newGroup(t)
	ida.call("POST", "/resourceRequests", object{"requestType": "adminAdd", "catalog": object{"id": o.catalog}, "resource": object{"originId": second, "originSystem": "AadGroup"}})
	ida.post(roles, roleScope(second))
	drain(t)
	if !slices.Equal(members(t, second), []string{requestor.ID}) || !slices.Equal(members(t, o.group), []string{requestor.ID}) {
		t.Fatalf("members: of the first %v, of the second %v", members(t, o.group), members(t, second))
	}
	ida.call("DELETE", roles+"/"+first, nil).want(http.StatusNoContent)
	drain(t)
	if len(members(t, o.group)) != 0 || !slices.Equal(members(t, second), []string{requestor.ID}) {
		t.Fatalf("members: of the first %v, of the second %v", members(t, o.group), members(t, second))
	}
	assignment := text(t, self.get("/assignmentRequests/"+text(t, made, "id")+"?$expand=assignment"), "assignment/id")
	held := self.get("/assignments/" + assignment + "?$expand=@latchkey.deliveries")
	same(t, held, "state", "delivered")
	same(t, held, "@latchkey.deliveries/0/grant/resourceOriginId", second)
	if _, more := held["@latchkey.deliveries"].([]any); !more || len(held["@latchkey.deliveries"].([]any)) != 1 {
		t.Errorf("the assignment has %v", held["@latchkey.deliveries"])
	}
	updates := ida.values("/assignmentRequests?$filter=requestType%20eq%20%27systemUpdate%27%20and%20accessPackage%2Fid%20eq%20%27" + o.pack + "%27")
	if len(updates) != 2 || text(t, updates[0], "state") != "delivered" {
		t.Errorf("the service made %v", updates)
	}
	self.call("POST", "/assignmentRequests", object{"requestType": "systemUpdate", "assignment": object{"id": assignment}}).refused(http.StatusBadRequest, "requestType", "systemUpdate")
	ida.post("/assignmentRequests", object{"requestType": "adminRemove", "assignment": object{"id": assignment}})
	drain(t)
	if len(members(t, second)) != 0 {
		t.Errorf("members: %v", members(t, second))
	}
}

// Two packages that grant the same role are counted: it goes with the last.
//
// rules: RES-10 RES-11
func TestSharedRoleGoesWithTheLastPackage(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	second := offer{catalog: o.catalog, group: o.group, pack: newPackage(t, o.catalog, o.group)}
	second.policy = text(t, ida.post("/assignmentPolicies", policyFor(second.pack, nil)), "id")
	someone := hire(t, "")
	var assignments []string
	for _, one := range []offer{o, second} {
		request := text(t, ida.post("/assignmentRequests", assign(one, someone.ID)), "id")
		drain(t)
		assignments = append(assignments, text(t, ida.get("/assignmentRequests/"+request+"?$expand=assignment"), "assignment/id"))
	}
	for i, want := range []int{1, 0} {
		ida.post("/assignmentRequests", object{"requestType": "adminRemove", "assignment": object{"id": assignments[i]}})
		drain(t)
		if have := members(t, o.group); len(have) != want {
			t.Errorf("after %d removals the members are %v", i+1, have)
		}
	}
}

// rules: REQ-04 REQ-06
func TestCancel(t *testing.T) {
	boss := hire(t, "")
	o := newOffer(t, approvedBy(manager()))
	requestor := hire(t, boss.ID)
	self := person(t, requestor.UserPrincipalName)
	id := text(t, self.post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	person(t, boss.UserPrincipalName).call("POST", "/assignmentRequests/"+id+"/cancel", nil).refused(http.StatusNotFound)
	if answer := self.call("POST", "/assignmentRequests/"+id+"/cancel", nil).want(http.StatusOK); len(answer.body) != 0 {
		t.Errorf("cancel answered %s", answer.body)
	}
	same(t, self.get("/assignmentRequests/"+id), "state", "canceled")
	self.call("POST", "/assignmentRequests/"+id+"/cancel", nil).refused(http.StatusConflict, "canceled")
	stage := stageOf(t, person(t, boss.UserPrincipalName), id, 0)
	person(t, boss.UserPrincipalName).call("PATCH", stage, object{"reviewResult": "Approve"}).refused(http.StatusConflict, "canceled")

	// An administrator cancels anybody's; a delivered one is past it.
	id = text(t, self.post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	administrator(t).call("POST", "/assignmentRequests/"+id+"/cancel", object{}).want(http.StatusOK)
	id = text(t, self.post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	person(t, boss.UserPrincipalName).call("PATCH", stageOf(t, person(t, boss.UserPrincipalName), id, 0), object{"reviewResult": "Approve"}).want(http.StatusNoContent)
	drain(t)
	self.call("POST", "/assignmentRequests/"+id+"/cancel", nil).refused(http.StatusConflict, "delivered")
}

// A delivery that fails for good is reprocessed when its cause is mended.
//
// rules: REQ-07 REQ-08 OBJ-20
func TestReprocess(t *testing.T) {
	s, ida := start(t), administrator(t)
	o := newOffer(t, nil)
	someone := hire(t, "")
	s.Graph.Directory().PutGroup(governance.Group{ID: o.group, DisplayName: "By rule", SecurityEnabled: true, GroupTypes: []string{"DynamicMembership"}}) // nobody is put into one
	id := text(t, ida.post("/assignmentRequests", assign(o, someone.ID)), "id")
	drain(t)
	failed := ida.get("/assignmentRequests/" + id + "?$expand=assignment")
	same(t, failed, "state", "deliveryFailed")
	if len(shared.log.alerts(id)) == 0 {
		t.Error("no alert tells of the delivery that failed")
	}
	deliveries := ida.get("/assignments/" + text(t, failed, "assignment/id") + "?$expand=@latchkey.deliveries")
	same(t, deliveries, "@latchkey.deliveries/0/state", "failed")
	text(t, deliveries, "@latchkey.deliveries/0/reason")
	s.Graph.Directory().PutGroup(governance.Group{ID: o.group, DisplayName: "By hand again", SecurityEnabled: true})
	ida.call("POST", "/assignmentRequests/"+id+"/reprocess", nil).want(http.StatusAccepted)
	drain(t)
	same(t, ida.get("/assignmentRequests/"+id), "state", "delivered")
	if !slices.Equal(members(t, o.group), []string{someone.ID}) {
		t.Errorf("members: %v", members(t, o.group))
	}
	ida.call("POST", "/assignmentRequests/"+id+"/reprocess", nil).refused(http.StatusConflict, "delivered")
	ida.call("POST", "/assignmentRequests/"+strings.Repeat("1", 8)+"-0000-4000-8000-000000000000/reprocess", nil).refused(http.StatusNotFound)
}

// A schedule of one's own: it starts later, it ends when it was asked to, and its date comes back to the letter.
//
// rules: LIF-01 LIF-02 LIF-03 LIF-04 LIF-05
func TestScheduledRequest(t *testing.T) {
	o := newOffer(t, func(policy object) {
		policy["requestorSettings"] = object{"enableTargetsToSelfAddAccess": true, "allowCustomAssignmentSchedule": true}
	})
	requestor := hire(t, "")
	self := person(t, requestor.UserPrincipalName)
	now := start(t).Clock.Now()
	begins, ends := now.Add(48*time.Hour).Format("2006-01-02T15:04:05.0000000Z"), now.Add(96*time.Hour).Format("2006-01-02T15:04:05.00+00:00")
	made := self.post("/assignmentRequests", add("userAdd", o.pack, object{"schedule": object{"startDateTime": begins, "expiration": object{"type": "afterDateTime", "endDateTime": ends}}}))
	same(t, made, "state", "scheduled")
	same(t, made, "schedule/startDateTime", begins)
	same(t, made, "schedule/expiration/endDateTime", ends)
	advance(t, governance.Days(1))
	if have := members(t, o.group); len(have) != 0 {
		t.Fatalf("before the start the members are %v", have)
	}
	advance(t, governance.Days(2))
	if have := members(t, o.group); len(have) != 1 {
		t.Fatalf("after the start the members are %v", have)
	}
	held := self.values("/assignments/filterByCurrentUser(on='target')")
	if len(held) != 1 {
		t.Fatalf("assignments: %v", held)
	}
	same(t, held[0], "schedule/expiration/endDateTime", ends)
	advance(t, governance.Days(2))
	if have := members(t, o.group); len(have) != 0 {
		t.Fatalf("after the end the members are %v", have)
	}
	strict := newOffer(t, nil)
	self.call("POST", "/assignmentRequests", add("userAdd", strict.pack, object{"schedule": object{"startDateTime": start(t).Clock.Now().Add(time.Hour)}})).refused(http.StatusBadRequest, "schedule")
	self.call("POST", "/assignmentRequests", add("userAdd", o.pack, object{"schedule": object{"expiration": object{"type": "afterDuration", "duration": "P31D"}}})).refused(http.StatusBadRequest, "schedule/expiration")
}

// What a policy asks has to be answered; the answers come back.
//
// rules: QUE-01 POL-08
func TestQuestionsAndRequirements(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, func(policy object) {
		policy["questions"] = list{
			object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "isRequired": true, "sequence": 1, "text": "why?"},
			object{"@odata.type": "#microsoft.graph.accessPackageMultipleChoiceQuestion", "sequence": 2, "text": "which?", "isMultipleSelectionAllowed": true, "choices": list{
				object{"actualValue": "A", "text": "Option A", "localizations": list{object{"languageCode": "de", "text": "Wahl A"}}}, object{"actualValue": "B", "text": "Option B"},
			}},
		}
	})
	requestor := hire(t, "")
	self := person(t, requestor.UserPrincipalName)
	requirements := self.call("POST", "/accessPackages/"+o.pack+"/getApplicablePolicyRequirements", nil).want(http.StatusOK).object()
	same(t, requirements, "value/0/policyId", o.policy)
	same(t, requirements, "value/0/isApprovalRequiredForAdd", false)
	same(t, requirements, "value/0/questions/0/text", "why?")
	same(t, requirements, "value/0/schedule/expiration/duration", "P30D")
	for _, unknown := range []string{"22222222-2222-4222-8222-222222222222", newOffer(t, func(p object) { p["allowedTargetScope"] = "notSpecified" }).pack} {
		self.call("POST", "/accessPackages/"+unknown+"/getApplicablePolicyRequirements", object{}).refused(http.StatusNotFound, "There is no access package")
		self.call("POST", "/assignmentRequests", add("userAdd", unknown, nil)).refused(http.StatusBadRequest, "There is no access package")
	}

	why := text(t, requirements, "value/0/questions/0/id")
	which := text(t, requirements, "value/0/questions/1/id")
	self.call("POST", "/assignmentRequests", add("userAdd", o.pack, nil)).refused(http.StatusBadRequest, "answers")
	answer := func(kind, value, question string) object {
		return object{"@odata.type": "#microsoft.graph.accessPackageAnswerString", "value": value, "answeredQuestion": object{"@odata.type": kind, "id": question}}
	}
	// What an approver is shown of an answer is what the policy says, or what was written (the kind of finding: a choice shown as another).
	shown := func(value, displayValue string) object {
		return add("userAdd", o.pack, object{"answers": list{
			object{"value": "because", "displayValue": "because", "answeredQuestion": object{"id": why}}, object{"value": value, "displayValue": displayValue, "answeredQuestion": object{"id": which}},
		}})
	}
	for _, wrong := range [][2]string{{"B", "Option A"}, {"A", "A, really"}, {"A,B", "Option A"}, {"A,B", "Option B, Option A"}, {"", "Option A"}} {
		self.call("POST", "/assignmentRequests", shown(wrong[0], wrong[1])).refused(http.StatusBadRequest, "answers/1/displayValue")
	}
	written := person(t, hire(t, "").UserPrincipalName).post("/assignmentRequests", put(shown("A", "A"), []string{"answers", "0", "displayValue"}, "for the board"))
	same(t, ida.get("/assignmentRequests/"+text(t, written, "id")), "answers/0/displayValue", "for the board") // as in Graph's own example
	for said, want := range map[[2]string]string{{"A", "Option A"}: "Option A", {"B", "B"}: "Option B", {"A", "Wahl A"}: "Option A", {"A, B", "Wahl A, Option B"}: "Option A, Option B"} {
		made := person(t, hire(t, "").UserPrincipalName).post("/assignmentRequests", shown(said[0], said[1]))
		same(t, ida.get("/assignmentRequests/"+text(t, made, "id")), "answers/1/displayValue", want)
	}
	made := self.post("/assignmentRequests", add("userAdd", o.pack, object{"answers": list{
		answer("#microsoft.graph.accessPackageTextInputQuestion", "because", why), answer("#microsoft.graph.accessPackageMultipleChoiceQuestion", "A", which),
	}}))
	same(t, ida.get("/assignmentRequests/"+text(t, made, "id")), "answers/0/value", "because")
}

// rules: OBJ-16 CAT-02 POL-14
func TestFilterByCurrentUser(t *testing.T) {
	ida := administrator(t)
	boss := hire(t, "")
	requestor := hire(t, boss.ID)
	desk := hire(t, "")
	self, chief, helper := person(t, requestor.UserPrincipalName), person(t, boss.UserPrincipalName), person(t, desk.UserPrincipalName)
	o := newOffer(t, approvedBy(manager()))
	byGroup := newOffer(t, approvedBy(groupOf(newGroup(t, desk.ID))))
	direct := newOffer(t, nil)
	mine := text(t, self.post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	groups := text(t, self.post("/assignmentRequests", add("userAdd", byGroup.pack, nil)), "id")
	given := text(t, ida.post("/assignmentRequests", assign(direct, requestor.ID)), "id")
	drain(t)

	ids := func(who *actor, path string) []string {
		t.Helper()
		var all []string
		for _, one := range who.values(path) {
			all = append(all, text(t, one, "id"))
		}
		slices.Sort(all)
		return all
	}
	check := func(what string, have []string, want ...string) {
		t.Helper()
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("%s: %v, want %v", what, have, want)
		}
	}
	requests := "/assignmentRequests/filterByCurrentUser"
	check("requests for me", ids(self, requests+"(on='target')"), mine, groups, given)
	check("requests for me, encoded", ids(self, requests+"%28on%3D%27target%27%29"), mine, groups, given)
	check("requests for me, in full", ids(self, "/assignmentRequests/microsoft.graph.filterByCurrentUser(on='target')?$filter=state%20eq%20'Delivered'"), given)
	check("requests by me", ids(self, requests+"(on='createdBy')"), mine, groups)
	check("requests to decide", ids(chief, requests+"(on='approver')"), mine)
	check("requests to decide, of a group", ids(helper, requests+"(on='approver')?$top=1"), groups)
	check("requests to decide, one's own", ids(self, requests+"(on='approver')"))
	approvals := "/accessPackageAssignmentApprovals/filterByCurrentUser"
	check("approvals to decide", ids(chief, approvals+"(on='approver')"), mine)
	check("approvals of a group", ids(helper, approvals+"(on='approver')"), groups)
	check("approvals for me", ids(self, approvals+"(on='target')"), mine, groups)
	check("approvals I made", ids(self, approvals+"(on='createdBy')"), mine, groups)
	assignment := text(t, ida.get("/assignmentRequests/"+given+"?$expand=assignment"), "assignment/id")
	check("assignments of mine", ids(self, "/assignments/filterByCurrentUser(on='target')"), assignment)
	check("assignments of nobody", ids(chief, "/assignments/filterByCurrentUser(on='target')"))

	hidden := newOffer(t, nil)
	ida.call("PATCH", "/accessPackages/"+hidden.pack, object{"isHidden": true}).want(http.StatusNoContent)
	unpublished := newOffer(t, nil)
	ida.call("PATCH", "/catalogs/"+unpublished.catalog, object{"state": "unpublished"}).want(http.StatusNoContent)
	visible := ids(self, "/accessPackages/filterByCurrentUser(on='allowedRequestor')")
	for pack, want := range map[string]bool{o.pack: true, direct.pack: true, hidden.pack: false, unpublished.pack: false} {
		if slices.Contains(visible, pack) != want {
			t.Errorf("the package %s is visible: %v", pack, !want)
		}
	}
	if packs := ids(guest(t), "/accessPackages/filterByCurrentUser(on='allowedRequestor')"); slices.Contains(packs, direct.pack) {
		t.Error("a guest sees a package for members")
	}
	shown := self.get("/accessPackages/filterByCurrentUser(on='allowedRequestor')?$filter=id%20eq%20'" + direct.pack + "'&$expand=catalog,resourceRoleScopes($expand=role,scope)")
	same(t, shown, "value/0/catalog/id", direct.catalog)
	same(t, shown, "value/0/resourceRoleScopes/0/role/originId", "Member_"+direct.group)
	self.call("GET", "/accessPackages/filterByCurrentUser(on='allowedRequestor')?$expand=assignmentPolicies", nil).refused(http.StatusBadRequest, "assignmentPolicies")

	for path, on := range map[string]string{
		"/accessPackages/filterByCurrentUser(on='target')": "target", requests + "(on='targetManager')": "targetManager", requests + "(on='x')": "x",
		"/assignments/filterByCurrentUser(on='approver')": "approver", approvals + "(on='Nobody')": "Nobody",
	} {
		self.call("GET", path, nil).refused(http.StatusBadRequest, on)
	}
	for _, wrong := range []string{requests + "(on=target)", requests + "()", requests, "/assignments/microsoft.graph.filterByCurrentUser()"} {
		self.call("GET", wrong, nil).refused(http.StatusBadRequest, "on='target'")
	}
}

// The eleventh request for a package within an hour is refused as Graph refuses what comes too often. No rule of Microsoft's: issue 11.
func TestRequestsTooOften(t *testing.T) {
	boss := hire(t, "")
	o := newOffer(t, approvedBy(user(boss.ID)))
	self := person(t, hire(t, "").UserPrincipalName)
	for range 10 {
		id := text(t, self.post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
		self.call("POST", "/assignmentRequests/"+id+"/cancel", nil).want(http.StatusOK)
	}
	r := self.call("POST", "/assignmentRequests", add("userAdd", o.pack, nil))
	r.refused(http.StatusTooManyRequests, "RequestsPerHour")
	if wait, err := strconv.Atoi(r.header.Get("Retry-After")); err != nil || wait < 3000 || wait > 3600 {
		t.Errorf("Retry-After is %q", r.header.Get("Retry-After"))
	}
}

// Who reads an answer reads what was asked, and what was chosen in words: the approver too. The start that was asked for comes back as it was sent, though it is past.
//
// rules: QUE-01 QUE-04 LIF-02
func TestAnswersSayWhatWasAsked(t *testing.T) {
	boss := hire(t, "")
	o := newOffer(t, func(policy object) {
		approvedBy(user(boss.ID))(policy)
		policy["questions"] = list{
			object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": "Why?"},
			object{"@odata.type": "#microsoft.graph.accessPackageMultipleChoiceQuestion", "text": "Where?", "isMultipleSelectionAllowed": true, "choices": list{object{"actualValue": "a", "text": "Athens"}, object{"actualValue": "b", "text": "Berlin"}}},
		}
	})
	questions := at[list](t, administrator(t).get("/assignmentPolicies/"+o.policy), "questions")
	why, where := text(t, questions[0], "id"), text(t, questions[1], "id")
	const past = "2020-02-29T12:00:00.1234567+02:00"
	self := person(t, hire(t, "").UserPrincipalName)
	made := self.post("/assignmentRequests", add("userAdd", o.pack, object{"schedule": object{"startDateTime": past}, "answers": list{
		object{"value": "because", "answeredQuestion": object{"id": why, "text": "Something else?"}}, object{"value": "b,a", "answeredQuestion": object{"id": where}},
	}}))
	path := "/assignmentRequests/" + text(t, made, "id")
	approver := person(t, boss.UserPrincipalName)
	for who, shown := range map[string]object{
		"its answer": made, "requestor": self.get(path), "approver": approver.get(path), "list": approver.values("/assignmentRequests/filterByCurrentUser(on='approver')")[0],
		"administrator": administrator(t).values(query("/assignmentRequests", "filter", "assignmentPolicy/id eq '"+o.policy+"'"))[0],
	} {
		t.Log(who)
		same(t, shown, "schedule/startDateTime", past)
		same(t, shown, "answers", list{
			object{"@odata.type": "#microsoft.graph.accessPackageAnswerString", "value": "because", "answeredQuestion": object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "id": why, "text": "Why?"}},
			object{"@odata.type": "#microsoft.graph.accessPackageAnswerString", "value": "b,a", "displayValue": "Berlin, Athens", "answeredQuestion": object{"@odata.type": "#microsoft.graph.accessPackageMultipleChoiceQuestion", "id": where, "text": "Where?"}},
		})
	}
}
