package stack_test

import (
	"net/http"
	"testing"
)

// sdkPolicy is the policy that msgraph-sdk-go was recorded to send, with people of the sample tenant.
func sdkPolicy(packageID, userID, groupID string) object {
	someone := user(userID)
	return object{
		"accessPackage": object{"id": packageID}, "allowedTargetScope": "specificDirectoryUsers", "description": "d", "displayName": unique("SDK policy"),
		"expiration": object{"duration": "P4W2D", "type": "afterDuration"},
		"questions": list{
			object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "isRequired": true, "sequence": 0, "text": "why?", "isSingleLineQuestion": true},
			object{"@odata.type": "#microsoft.graph.accessPackageMultipleChoiceQuestion", "sequence": 1, "text": "pick", "choices": list{object{"actualValue": "A", "text": "Option A"}}, "isMultipleSelectionAllowed": false},
		},
		"requestApprovalSettings": object{
			"isApprovalRequiredForAdd": true, "isApprovalRequiredForUpdate": false, "isRequestorJustificationRequired": true,
			"stages": list{object{
				"durationBeforeAutomaticDenial": "P2W", "durationBeforeEscalation": "P1W", "escalationApprovers": list{someone}, "fallbackPrimaryApprovers": list{someone},
				"isApproverJustificationRequired": true, "isEscalationEnabled": true, "primaryApprovers": list{manager(), someone},
			}},
		},
		"requestorSettings": object{
			"allowCustomAssignmentSchedule": true, "enableTargetsToSelfAddAccess": true, "enableTargetsToSelfRemoveAccess": true, "enableTargetsToSelfUpdateAccess": false, "onBehalfRequestors": list{},
		},
		"reviewSettings": object{
			"expirationBehavior": "keepAccess", "fallbackReviewers": list{}, "isEnabled": false, "isRecommendationEnabled": true, "isReviewerJustificationRequired": true, "isSelfReview": false,
			"primaryReviewers": list{someone},
			"schedule": object{
				"expiration": object{"duration": "P2W", "type": "afterDuration"}, "startDateTime": "2026-11-22T18:10:17Z",
				"recurrence": object{"pattern": object{"interval": 3, "type": "absoluteMonthly"}, "range": object{"type": "noEnd"}},
			},
		},
		"specificAllowedTargets": list{object{"@odata.type": "#microsoft.graph.groupMembers", "description": "g", "groupId": groupID}, someone},
	}
}

// rules: OBJ-03 OBJ-05 OBJ-11 POL-01 POL-02 APR-01 APR-02 QUE-01 BEY-01
func TestPolicies(t *testing.T) {
	ida := administrator(t)
	catalog := newCatalog(t)
	pack := newPackage(t, catalog, newGroup(t))
	boss, group := hire(t, ""), newGroup(t)
	body := sdkPolicy(pack, boss.ID, group)
	created := ida.call("POST", "/assignmentPolicies", body).want(http.StatusCreated)
	policy := created.object()
	id := text(t, policy, "id")
	check := func(policy object) {
		t.Helper()
		// Durations are answered in days: the SDK reads P4W2D as 28 days.
		same(t, policy, "expiration/duration", "P30D")
		same(t, policy, "requestApprovalSettings/stages/0/durationBeforeAutomaticDenial", "P14D")
		same(t, policy, "requestApprovalSettings/stages/0/durationBeforeEscalation", "P7D")
		same(t, policy, "requestApprovalSettings/stages/0/fallbackEscalationApprovers", list{})
		same(t, policy, "requestApprovalSettings/stages/0/primaryApprovers/0/@odata.type", "#microsoft.graph.requestorManager")
		same(t, policy, "requestApprovalSettings/stages/0/primaryApprovers/1/userId", boss.ID)
		same(t, policy, "reviewSettings/schedule/startDateTime", "2026-11-22T18:10:17Z")
		same(t, policy, "reviewSettings/schedule/recurrence/pattern/type", "absoluteMonthly")
		same(t, policy, "questions/0/text", "why?")
		same(t, policy, "questions/1/choices/0/actualValue", "A")
		same(t, policy, "specificAllowedTargets/0/groupId", group)
		same(t, policy, "requestorSettings/onBehalfRequestors", list{})
	}
	check(policy)
	whole := ida.get("/assignmentPolicies/" + id + "?$expand=accessPackage,catalog")
	check(whole)
	same(t, whole, "accessPackage/id", pack)
	same(t, whole, "catalog/id", catalog)
	listed := ida.values("/assignmentPolicies?$expand=accessPackage&$filter=accessPackage/id%20eq%20'" + pack + "'")
	if len(listed) != 1 {
		t.Fatalf("policies of the package: %v", listed)
	}
	same(t, listed[0], "accessPackage/id", pack)

	// PATCH merges: what is not in the body stays.
	etag := created.header.Get("ETag")
	patched := ida.call("PATCH", "/assignmentPolicies/"+id, object{"description": "patched"}, "If-Match", etag).want(http.StatusNoContent)
	merged := ida.get("/assignmentPolicies/" + id)
	same(t, merged, "description", "patched")
	check(merged)
	ida.call("PATCH", "/assignmentPolicies/"+id, object{"description": "lost"}, "If-Match", etag).refused(http.StatusPreconditionFailed, "If-Match")
	ida.call("PUT", "/assignmentPolicies/"+id, body, "If-Match", etag).refused(http.StatusPreconditionFailed, "If-Match")

	// What was answered can be sent back, and comes back as it is.
	put := ida.call("PUT", "/assignmentPolicies/"+id, merged, "If-Match", patched.header.Get("ETag")).want(http.StatusOK).object()
	check(put)
	same(t, put, "description", "patched")
	same(t, put, "questions/0/id", text(t, merged, "questions/0/id"))

	// PUT replaces, but what the body says nothing of is not taken away by that; an explicit null takes it away.
	bare := object{"displayName": "Bare", "allowedTargetScope": "ALLMEMBERUSERS"}
	ida.call("PUT", "/assignmentPolicies/"+id, bare).refused(http.StatusBadRequest, "description", "expiration/duration", "questions", "specificAllowedTargets", "requestApprovalSettings/isApprovalRequiredForAdd",
		"requestApprovalSettings/stages", "requestorSettings/enableTargetsToSelfAddAccess", "reviewSettings/expirationBehavior")
	same(t, ida.get("/assignmentPolicies/"+id), "displayName", text(t, merged, "displayName"))
	for _, name := range []string{"description", "expiration", "questions", "specificAllowedTargets", "requestApprovalSettings", "requestorSettings", "reviewSettings"} {
		bare[name] = nil
	}
	replaced := ida.call("PUT", "/assignmentPolicies/"+id, bare).want(http.StatusOK).object()
	same(t, replaced, "displayName", "Bare")
	same(t, replaced, "allowedTargetScope", "allMemberUsers")
	same(t, replaced, "questions", list{})
	same(t, replaced, "specificAllowedTargets", list{})
	same(t, replaced, "requestApprovalSettings/isApprovalRequiredForAdd", false)
	same(t, replaced, "requestApprovalSettings/stages", list{})
	same(t, replaced, "expiration/type", "notSpecified")
	if replaced["description"] != nil || replaced["reviewSettings"] != nil {
		t.Errorf("PUT left behind %v", replaced)
	}
	ida.call("PUT", "/assignmentPolicies/"+id, object{"displayName": "Bare", "allowedTargetScope": "allMemberUsers"}).want(http.StatusOK) // all else is its default
	same(t, ida.get("/assignmentPolicies/"+id+"?$expand=accessPackage"), "accessPackage/id", pack)                                        // it stays the package's

	// Dates come back to the letter.
	for _, date := range []string{"2031-01-31T00:00:00Z", "2031-02-01T00:00:00.0000000Z", "2031-01-31T01:00:00.5+01:00"} {
		ida.call("PATCH", "/assignmentPolicies/"+id, object{"expiration": object{"type": "AfterDateTime", "endDateTime": date}}).want(http.StatusNoContent)
		same(t, ida.get("/assignmentPolicies/"+id), "expiration", object{"type": "afterDateTime", "endDateTime": date})
	}
	ida.call("DELETE", "/assignmentPolicies/"+id, nil, "If-Match", etag).refused(http.StatusPreconditionFailed, "If-Match")
	ida.call("DELETE", "/assignmentPolicies/"+id, nil).want(http.StatusNoContent)
	ida.call("GET", "/assignmentPolicies/"+id, nil).refused(http.StatusNotFound)
}

// rules: LIF-01 OBJ-20
func TestDurationsAreAnsweredInDays(t *testing.T) {
	ida := administrator(t)
	o := newOffer(t, nil)
	for sent, want := range map[string]string{"P4W2D": "P30D", "P30D": "P30D", "P52W1D": "P365D", "P2W": "P14D", "P1W": "P7D", "PT8H": "PT8H", "P1DT12H": "P1DT12H"} {
		ida.call("PATCH", "/assignmentPolicies/"+o.policy, object{"expiration": object{"type": "afterDuration", "duration": sent}}).want(http.StatusNoContent)
		same(t, ida.get("/assignmentPolicies/"+o.policy), "expiration/duration", want)
	}
}

// What was written is read back as it was written: no time at all, and an instant that a client repeats in a spelling of its own.
//
// rules: BEY-01 LIF-01
func TestSpellingsAreKept(t *testing.T) {
	ida := administrator(t)
	boss := hire(t, "")
	o := newOffer(t, func(policy object) {
		approvedBy(user(boss.ID))(policy)
		at[object](t, policy, "requestApprovalSettings/stages/0")["durationBeforeEscalation"] = "PT0S"
		policy["expiration"] = object{"type": "afterDateTime", "endDateTime": "2031-01-31T00:00:00.5Z"}
	})
	path := "/assignmentPolicies/" + o.policy
	read := func() (string, object) {
		t.Helper()
		whole := ida.get(path)
		same(t, whole, "requestApprovalSettings/stages/0/durationBeforeEscalation", "PT0S")
		return text(t, whole, "expiration/endDateTime"), whole
	}
	if kept, _ := read(); kept != "2031-01-31T00:00:00.5Z" {
		t.Errorf("it is made with %s", kept)
	}
	for _, again := range []string{"2031-01-31T00:00:00.500000+00:00", "2031-01-31T01:00:00.50+01:00"} {
		_, whole := read()
		whole["expiration"] = object{"type": "afterDateTime", "endDateTime": again}
		ida.call("PUT", path, whole).want(http.StatusOK)
		ida.call("PATCH", path, object{"expiration": object{"endDateTime": again}}).want(http.StatusNoContent)
		if kept, _ := read(); kept != "2031-01-31T00:00:00.5Z" {
			t.Errorf("%s is kept as %s", again, kept)
		}
	}
	ida.call("PATCH", path, object{"expiration": object{"endDateTime": "2031-01-31T00:00:00.6+00:00"}}).want(http.StatusNoContent)
	if kept, _ := read(); kept != "2031-01-31T00:00:00.6+00:00" {
		t.Errorf("another instant is kept as %s", kept)
	}
}
