package stack_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// The conditions of a policy hold in whichever names they come, and no change takes them away by silence.
//
// rules: OBJ-02 OBJ-05 APR-01 BEY-01
func TestConditionsHold(t *testing.T) {
	ida := administrator(t)
	boss := hire(t, "")
	catalog := newCatalog(t)
	pack := newPackage(t, catalog, newGroup(t))
	asked := func() {
		t.Helper()
		request := person(t, hire(t, boss.ID).UserPrincipalName).post("/assignmentRequests", add("userAdd", pack, nil))
		same(t, request, "state", "pendingApproval")
	}
	// As Terraform writes it.
	created := ida.post("/assignmentPolicies", `{"@odata.type":"#microsoft.graph.accessPackageAssignmentPolicy","accessPackageId":"`+pack+`","canExtend":false,"description":"d","displayName":"full","durationInDays":0,
		"expirationDateTime":"2030-01-01T00:00:00Z","questions":[{"@odata.type":"#microsoft.graph.accessPackageTextInputQuestion","isRequired":false,"sequence":1,"text":{"defaultText":"hello?","localizedTexts":[{"languageCode":"de","text":"hallo?"}]}}],
		"requestApprovalSettings":{"approvalStages":[{"approvalStageTimeOutInDays":14,"escalationApprovers":[],"escalationTimeInMinutes":null,"isApproverJustificationRequired":null,"isEscalationEnabled":null,
		"primaryApprovers":[{"@odata.type":"#microsoft.graph.requestorManager","isBackup":false},{"@odata.type":"#microsoft.graph.singleUser","id":"`+boss.ID+`","isBackup":true}]}],"isApprovalRequired":true,"isApprovalRequiredForExtension":false,
		"isRequestorJustificationRequired":false},"requestorSettings":{"acceptRequests":true,"allowedRequestors":[],"scopeType":"AllExistingDirectoryMemberUsers"}}`)
	policy := "/assignmentPolicies/" + text(t, created, "id")
	same(t, created, "expiration", object{"type": "afterDateTime", "endDateTime": "2030-01-01T00:00:00Z"})
	same(t, created, "allowedTargetScope", "allMemberUsers")
	same(t, created, "questions/0/localizations/0/text", "hallo?")
	same(t, created, "requestApprovalSettings/stages/0/durationBeforeAutomaticDenial", "P14D")
	same(t, created, "requestApprovalSettings/stages/0/primaryApprovers", list{manager()})
	same(t, created, "requestApprovalSettings/stages/0/fallbackPrimaryApprovers/0/userId", boss.ID)
	asked()
	ida.call("PATCH", policy, object{"requestApprovalSettings": object{"isRequestorJustificationRequired": false}}).want(http.StatusNoContent)
	asked()
	ida.call("PUT", policy, object{"@odata.etag": "x", "displayName": "renamed"}).refused(http.StatusBadRequest, "requestApprovalSettings/stages", "expiration/endDateTime", "allowedTargetScope", "requestorSettings/enableTargetsToSelfAddAccess", "questions")
	ida.call("PUT", policy, object{"displayName": "renamed", "requestApprovalSettings": object{}}).refused(http.StatusBadRequest, "requestApprovalSettings/isApprovalRequiredForAdd")
	ida.call("PATCH", policy, `{"requestApprovalSettings":{"isApprovalRequiredForAdd":true,"IsApprovalRequiredForAdd":false}}`).refused(http.StatusBadRequest, "requestApprovalSettings/IsApprovalRequiredForAdd", "twice")
	asked()
	// What was read goes back, in PUT and PATCH alike.
	whole := ida.get(policy + "?$expand=accessPackage,catalog")
	ida.call("PUT", policy, whole).want(http.StatusOK)
	ida.call("PATCH", policy, whole).want(http.StatusNoContent)
	asked()
	other := newCatalog(t)
	for _, change := range []object{
		{"catalog": object{"id": other}}, {"catalogId": other}, {"accessPackage": object{"id": newPackage(t, catalog)}}, {"id": other}, {"accessPackage": object{"displayName": "x"}},
	} {
		for name := range change {
			ida.call("PATCH", policy, change).refused(http.StatusBadRequest, name)
		}
	}
	ida.call("POST", "/assignmentPolicies", policyFor(pack, func(policy object) { policy["catalog"] = object{"id": other} })).refused(http.StatusBadRequest, "catalog/id")
	ida.call("PATCH", "/catalogs/"+other, object{"state": nil}).refused(http.StatusBadRequest, "state")
	same(t, ida.get("/catalogs/"+other), "state", "published")
	// A package with everything that was expanded, as Python's client sends it.
	full := ida.get("/accessPackages/" + pack + "?$expand=catalog,resourceRoleScopes($expand=role($expand=resource),scope),assignmentPolicies")
	full["description"] = "sent back"
	ida.call("PATCH", "/accessPackages/"+pack, full).want(http.StatusNoContent)
	same(t, ida.get("/accessPackages/"+pack), "description", "sent back")
	ida.call("PATCH", "/accessPackages/"+pack, object{"resourceRoleScopes": list{}}).refused(http.StatusBadRequest, "resourceRoleScopes")
	full["assignmentPolicies"] = list{object{"id": other}}
	ida.call("PATCH", "/accessPackages/"+pack, full).refused(http.StatusBadRequest, "assignmentPolicies")
	shelf := ida.get("/catalogs/" + catalog + "?$expand=accessPackages,resources")
	ida.call("PATCH", "/catalogs/"+catalog, shelf).want(http.StatusNoContent)
	shelf["resources"] = list{object{"id": other}}
	ida.call("PATCH", "/catalogs/"+catalog, shelf).refused(http.StatusBadRequest, "resources")
}

// What a body says of other resources, and of what has a path of its own, is what they are, at every depth, or the body is refused.
//
// rules: OBJ-02 BEY-01
func TestReferencesAreTrue(t *testing.T) {
	ida := administrator(t)
	o, other := newOffer(t, approvedBy(user(hire(t, "").ID))), newOffer(t, nil)
	const everything = "?$expand=catalog,resourceRoleScopes($expand=role($expand=resource),scope),assignmentPolicies"
	pack, policy := ida.get("/accessPackages/"+o.pack+everything), ida.get("/assignmentPolicies/"+o.policy+"?$expand=accessPackage,catalog")
	catalog := ida.get("/catalogs/" + o.catalog + "?$expand=accessPackages($expand=resourceRoleScopes),resources")
	bogus, owner := list{object{"id": "bogus"}}, "Owner_"+o.group
	for _, one := range []struct {
		body  object // as it is right
		verb  string
		path  string
		wrong map[string]any // by path
	}{
		{policy, "PATCH", "/assignmentPolicies/" + o.policy, map[string]any{
			"accessPackage/resourceRoleScopes": bogus, "accessPackage/assignmentPolicies": list{object{"id": other.policy}}, "accessPackage/isHidden": true, "catalog/resources": bogus,
			"accessPackage/catalog": object{"id": o.catalog, "accessPackages": list{object{"id": o.pack, "catalog": object{"id": other.catalog}}}},
		}},
		{object{"accessPackage": object{"id": o.pack, "displayName": "old", "catalog": object{"id": o.catalog}}}, "PATCH", "/assignmentPolicies/" + o.policy, nil},
		{pack, "PATCH", "/accessPackages/" + o.pack, map[string]any{
			"resourceRoleScopes/0/role/displayName": "Owner", "resourceRoleScopes/0/role": nil, "resourceRoleScopes": nil, "assignmentPolicies/0/expiration": nil, "assignmentPolicies/0/accessPackage": object{"id": o.pack, "resourceRoleScopes": bogus},
			"catalog/resources": list{object{"originId": "x"}}, "catalog/state": "unpublished", "resourceRoleScopes/0/role/resource/roles": list{object{"originId": owner}},
		}},
		{catalog, "PATCH", "/catalogs/" + o.catalog, map[string]any{"resources": nil, "accessPackages/0/resourceRoleScopes/0/role/originId": owner}},
		{object{"displayName": unique("Package"), "description": "d", "catalog": catalog}, "POST", "/accessPackages", map[string]any{"catalog/resources": list{object{"originId": newGroup(t), "originSystem": "AadGroup"}}, "catalog/resources/0/originId": other.group}},
		{policyFor(o.pack, func(policy object) { policy["accessPackage"] = pack }), "POST", "/assignmentPolicies", map[string]any{
			"accessPackage/resourceRoleScopes": bogus, "accessPackage/assignmentPolicies/0/requestApprovalSettings/isApprovalRequiredForAdd": false, "accessPackage/assignmentPolicies": list{object{"displayName": "x"}},
			"accessPackage/catalog/accessPackages": list{object{"id": o.pack, "catalog": object{"id": other.catalog}}}, "accessPackage/isHidden": true,
		}},
	} {
		for path, value := range one.wrong {
			ida.call(one.verb, one.path, put(one.body, strings.Split(path, "/"), value)).refused(http.StatusBadRequest, path)
		}
		if answer := ida.call(one.verb, one.path, one.body); answer.status >= 300 { // all that is true
			t.Errorf("%s %s: %d %s", one.verb, one.path, answer.status, answer.body)
		}
	}
	// In a request it would be a condition.
	pack = ida.get("/accessPackages/" + o.pack + everything)
	me := hire(t, "")
	self := person(t, me.UserPrincipalName)
	hour := object{"id": o.policy, "expiration": object{"type": "afterDuration", "duration": "PT1H"}}
	before := documents(t)
	for path, value := range map[string]any{
		"accessPackage/assignmentPolicies": list{hour}, "accessPackage/resourceRoleScopes": list{object{"id": "bogus", "role": object{"originId": owner}}}, "accessPackage/isHidden": true, "accessPackage/catalog": object{"id": o.catalog, "resources": bogus},
		"assignmentPolicy": hour, "assignmentPolicy/accessPackage": object{"id": o.pack, "isHidden": true}, "@latchkey.deliveries": list{object{"grant": object{"role": "Owner"}, "endDateTime": "2027-01-01T00:00:00Z"}},
	} {
		for kind, who := range map[string]*actor{"userAdd": self, "adminAdd": ida} {
			body := object{"requestType": kind, "assignment": object{"target": object{"objectId": me.ID}, "accessPackage": object{"id": o.pack}, "assignmentPolicy": object{"id": o.policy}}}
			who.call("POST", "/assignmentRequests", put(body, append([]string{"assignment"}, strings.Split(path, "/")...), value)).refused(http.StatusBadRequest, "assignment/"+path)
		}
	}
	unchanged(t, before)
	// Who may request a package has read what is in it, and can send that back.
	mine := at[object](t, self.get("/accessPackages/filterByCurrentUser(on='allowedRequestor')?$expand=catalog,resourceRoleScopes($expand=role,scope)&$filter=id%20eq%20'"+o.pack+"'"), "value/0")
	asked := self.post("/assignmentRequests", object{"requestType": "userAdd", "assignment": object{"accessPackage": mine, "assignmentPolicyId": o.policy}})
	self.call("POST", "/assignmentRequests/"+text(t, asked, "id")+"/cancel", nil).want(http.StatusOK)
	self.call("POST", "/assignmentRequests", object{"requestType": "userAdd", "assignment": object{"accessPackage": put(mine, []string{"resourceRoleScopes", "0", "role", "originId"}, owner)}}).refused(http.StatusBadRequest, "assignment/accessPackage/resourceRoleScopes/0/role/originId")
	ida.post("/assignmentRequests", object{"requestType": "adminAdd", "assignment": object{"targetId": " " + me.ID + " ", "accessPackage": pack, "assignmentPolicy": policy}})
	drain(t)
	held := at[object](t, ida.get("/assignments?$expand=target,accessPackage,assignmentPolicy,@latchkey.deliveries&$filter=target/objectId%20eq%20'"+me.ID+"'"), "value/0")
	for path, value := range map[string]any{
		"@latchkey.deliveries": list{object{"grant": object{"originSystem": "AadGroup", "resourceOriginId": other.group, "role": "Owner"}}}, "@latchkey.deliveries/0/grant/role": "Owner", "@latchkey.deliveries/0/endDateTime": "2027-01-01T00:00:00Z",
		"assignmentPolicy/requestApprovalSettings/isApprovalRequiredForAdd": false, "accessPackage/resourceRoleScopes": bogus,
	} {
		ida.call("POST", "/assignmentRequests", object{"requestType": "adminRemove", "assignment": put(held, strings.Split(path, "/"), value)}).refused(http.StatusBadRequest, "assignment/"+path)
	}
	ida.post("/assignmentRequests", object{"requestType": "adminRemove", "assignment": held})
}

// What only beta has is taken where it asks for nothing, and is no member of an answer; whose names they are the directory says.
func TestWhatOnlyBetaHasIsNotAnswered(t *testing.T) {
	ida := administrator(t)
	pack := text(t, ida.post("/accessPackages", object{"displayName": unique("Package"), "description": "d", "catalog": object{"id": newCatalog(t)}, "isRoleScopesVisible": false}), "id")
	ida.call("PATCH", "/accessPackages/"+pack, object{"description": "d"}).want(http.StatusNoContent)
	ida.get("/accessPackages/" + pack)
	policy := "/assignmentPolicies/" + text(t, ida.post("/assignmentPolicies", policyFor(pack, func(policy object) {
		policy["verifiableCredentialSettings"], policy["isDenied"], policy["canExtend"] = object{"credentialTypes": list{}}, false, "false"
		policy["requestApprovalSettings"] = object{"isApprovalRequiredForAdd": true, "stages": list{object{"primaryApprovers": list{put(user(hire(t, "").ID), []string{"description"}, "the board")}}}}
	})), "id")
	read := ida.get(policy)
	if name := pick(read, strings.Split("requestApprovalSettings/stages/0/primaryApprovers/0/description", "/")); name != nil {
		t.Errorf("the approver is called %v", name)
	}
	ida.call("PUT", policy, read).want(http.StatusOK)
}

// A request that names one person by its words and another by what would be done is nobody's; nor is one that asks for what nobody looks at.
//
// rules: REQ-10 REQ-11 REQ-12 REQ-14 QUE-01 QUE-02
func TestRequestsMeanOneThing(t *testing.T) {
	ida := administrator(t)
	mia, bob := hire(t, ""), hire(t, "")
	self := person(t, mia.UserPrincipalName)
	o := newOffer(t, func(policy object) {
		policy["questions"] = list{object{"@odata.type": "#microsoft.graph.accessPackageTextInputQuestion", "text": "why?", "isSingleLineQuestion": true}}
	})
	question := text(t, ida.get("/assignmentPolicies/"+o.policy), "questions/0/id")
	drain(t)
	before := documents(t)
	for name, one := range map[string]struct {
		who   *actor
		body  object
		names string
	}{
		"by somebody else":       {self, add("userAdd", o.pack, object{"requestor": object{"objectId": bob.ID}}), "requestor/objectId"},
		"by another's address":   {self, add("userAdd", o.pack, object{"requestor": object{"email": bob.Mail}}), "requestor/email"},
		"by a name":              {self, add("userAdd", o.pack, object{"requestor": object{"displayName": bob.DisplayName}}), "requestor/displayName"},
		"for a name":             {ida, object{"requestType": "adminAdd", "assignment": object{"target": object{"displayName": mia.DisplayName}, "accessPackageId": o.pack, "assignmentPolicyId": o.policy}}, "assignment/target/displayName"},
		"by a name elsewhere":    {self, add("userAdd", o.pack, object{"requestor": object{"onPremisesSecurityIdentifier": "S-1-5-21"}}), "requestor/onPremisesSecurityIdentifier"},
		"by another subject":     {self, add("userAdd", o.pack, object{"requestor": object{"id": bob.ID}}), "requestor/id"},
		"by an administrator":    {ida, object{"requestType": "adminAdd", "requestor": object{"objectId": bob.ID}, "assignment": assign(o, mia.ID)["assignment"]}, "requestor/objectId"},
		"for two people":         {ida, object{"requestType": "adminAdd", "assignment": object{"targetId": mia.ID, "target": object{"objectId": bob.ID}, "accessPackageId": o.pack, "assignmentPolicyId": o.policy}}, "assignment/targetId"},
		"with another's address": {ida, object{"requestType": "adminAdd", "assignment": object{"target": object{"objectId": mia.ID, "email": bob.Mail}, "accessPackageId": o.pack, "assignmentPolicyId": o.policy}}, "assignment/target/email"},
		"of two packages":        {self, add("userAdd", o.pack, object{"accessPackage": object{"id": bob.ID}}), "accessPackage/id"},
		"only validated":         {self, add("userAdd", o.pack, object{"isValidationOnly": true}), "isValidationOnly"},
		"with parameters":        {ida, object{"requestType": "adminAdd", "parameters": list{object{"name": "IsApprovalRequired", "value": "true"}}, "assignment": assign(o, mia.ID)["assignment"]}, "parameters"},
		"for an hour":            {self, object{"requestType": "userAdd", "assignment": object{"accessPackageId": o.pack, "schedule": object{"expiration": object{"duration": "PT1H", "type": "afterDuration"}}}}, "assignment/schedule"},
		"in two lines":           {self, add("userAdd", o.pack, object{"answers": list{object{"value": "a\nb", "answeredQuestion": object{"id": question}}}}), "one line"},
	} {
		t.Run(name, func(t *testing.T) {
			who := *one.who
			who.t = t
			who.call("POST", "/assignmentRequests", one.body).refused(http.StatusBadRequest, one.names)
		})
	}
	unchanged(t, before)
	made := self.post("/assignmentRequests", add("userAdd", o.pack, object{"requestor": object{"objectId": strings.ToUpper(mia.ID), "email": mia.Mail}, "answers": list{object{"value": "a b", "answeredQuestion": object{"id": question}}}}))
	for _, body := range []string{"{", `{"reason":"x"}`, "[]"} {
		self.call("POST", "/assignmentRequests/"+text(t, made, "id")+"/cancel", body).refused(http.StatusBadRequest)
		ida.call("POST", "/assignmentRequests/"+text(t, made, "id")+"/reprocess", body).refused(http.StatusBadRequest)
	}
	drain(t)
	assignment := at[object](t, ida.get("/assignments?$expand=target,accessPackage,assignmentPolicy&$filter=target/objectId%20eq%20'"+mia.ID+"'"), "value/0")
	removal := func(path string, value any) object {
		return object{"requestType": "adminRemove", "assignment": put(assignment, strings.Split(path, "/"), value)}
	}
	for path, value := range map[string]any{
		"target/objectId": bob.ID, "accessPackage/id": bob.ID, "assignmentPolicy/id": bob.ID, "targetId": bob.ID, "schedule/startDateTime": "2031-01-01T00:00:00Z", "schedule/expiration": object{"type": "noExpiration"},
	} {
		name, _, _ := strings.Cut(path, "/")
		ida.call("POST", "/assignmentRequests", removal(path, value)).refused(http.StatusBadRequest, name)
	}
	// A start that was sent comes back as it was sent, in the past too; the access begins now.
	past := put(assign(o, bob.ID), []string{"schedule"}, object{"startDateTime": "2020-05-05T00:00:00+02:00"})
	same(t, ida.get("/assignmentRequests/"+text(t, ida.post("/assignmentRequests", past), "id")), "schedule/startDateTime", "2020-05-05T00:00:00+02:00")
	drain(t)
	if began := at[string](t, ida.get("/assignments?$filter=target/objectId%20eq%20'"+bob.ID+"'"), "value/0/schedule/startDateTime"); began < "2026" {
		t.Errorf("the access began at %s", began)
	}
	late := removal("status", "Fulfilled")
	late["schedule"] = object{"startDateTime": "2031-01-01T00:00:00Z"}
	ida.call("POST", "/assignmentRequests", late).refused(http.StatusBadRequest, "schedule")
	ida.post("/assignmentRequests", removal("status", "old")) // all that was read
}

// What is described by several ids is one thing.
//
// rules: OBJ-09 OBJ-10 RES-02
func TestIDsAgree(t *testing.T) {
	ida := administrator(t)
	catalog, one, two := newCatalog(t), newGroup(t), newGroup(t)
	pack := newPackage(t, catalog, one, two)
	resources := map[string]object{}
	for _, resource := range ida.values("/catalogs/" + catalog + "/resources?$expand=roles,scopes") {
		resources[text(t, resource, "originId")] = resource
	}
	id := func(group, path string) string { return text(t, resources[group], path) }
	for path, value := range map[string]string{
		"role/id": id(two, "roles/0/id"), "role/resource/id": id(two, "id"), "scope/id": id(two, "scopes/0/id"), "scope/originId": two, "role/originSystem": "SharePointOnline", "id": id(one, "id"),
		"role/displayName": "Owner", "scope/displayName": "Site", "scope/roleOriginId": "Owner_" + one, "role/resource/catalog/id": newCatalog(t),
	} {
		ida.call("POST", "/accessPackages/"+pack+"/resourceRoleScopes", put(roleScope(one), strings.Split(path, "/"), value)).refused(http.StatusBadRequest, path)
	}
	for at, value := range map[string]any{"roles": list{object{"originId": "Member_" + two}, object{}}, "scopes": list{object{}, object{}}} {
		ida.call("POST", "/accessPackages/"+pack+"/resourceRoleScopes", put(roleScope(one), []string{"role", "resource", at}, value)).refused(http.StatusBadRequest, "role/resource/"+at)
	}
	// An id that repeats the originId contradicts nothing, nor does all that is true.
	ida.post("/accessPackages/"+pack+"/resourceRoleScopes", put(roleScope(one), []string{"role", "resource", "id"}, one))
	whole := roleScope(one)
	for path, value := range map[string]any{
		"role/displayName": "member", "role/resource": put(resources[one], []string{"catalog"}, object{"id": catalog}), "scope/displayName": "Root", "scope/roleOriginId": "Member_" + one, "scope/isRootScope": true,
	} {
		whole = put(whole, strings.Split(path, "/"), value).(object)
	}
	ida.post("/accessPackages/"+pack+"/resourceRoleScopes", whole)
	order := func(kind string, resource object) object {
		return object{"requestType": kind, "catalog": object{"id": catalog}, "resource": resource}
	}
	for range 5 {
		ida.call("POST", "/resourceRequests", order("adminRemove", object{"id": id(one, "id"), "originId": two})).refused(http.StatusBadRequest, "resource/")
	}
	ida.call("POST", "/resourceRequests", order("adminAdd", object{"id": id(one, "id"), "originId": newGroup(t), "originSystem": "AadGroup"})).refused(http.StatusBadRequest, "resource/id")
	// A resource that was fetched, with its roles and scopes, can be sent back: to the catalog where it was, and to another.
	other := newCatalog(t)
	into := func(kind string, resource object) object {
		return object{"requestType": kind, "catalog": object{"id": other}, "resource": resource}
	}
	for path, value := range map[string]any{
		"roles/0/displayName": "x", "roles/1/originId": "Owner_" + one, "scopes/0/id": id(one, "scopes/0/id"), "roles": list{at[object](t, resources[two], "roles/0")}, "catalog": object{"id": catalog},
	} {
		ida.call("POST", "/resourceRequests", into("adminAdd", put(resources[two], strings.Split(path, "/"), value).(object))).refused(http.StatusBadRequest, "resource/"+strings.TrimSuffix(path, "/displayName")[:5])
	}
	ida.post("/resourceRequests", into("adminAdd", resources[two]))
	there := ida.values("/catalogs/" + other + "/resources?$expand=roles,scopes")[0]
	ida.call("POST", "/resourceRequests", into("adminRemove", put(there, []string{"scopes"}, list{object{"originId": one}}).(object))).refused(http.StatusBadRequest, "resource/scopes/0")
	ida.post("/resourceRequests", into("adminRemove", there))
	ida.post("/resourceRequests", into("adminAdd", there))
	both := order("adminAdd", object{"originId": newGroup(t), "originSystem": "AadGroup"})
	both["catalogId"] = newCatalog(t)
	ida.call("POST", "/resourceRequests", both).refused(http.StatusBadRequest, "catalogId")
}

// TestActionsAreStrict: what an action is set to is read as all bodies are, and a PUT of one that is there takes nothing away by silence. rules: OBJ-05 QUE-06.
func TestActionsAreStrict(t *testing.T) {
	ida, path := administrator(t), "/operations/calloutActions/"+action(t, "temporaryAccessPass", object{"LifetimeInMinutes": "480", "isUsableOnce": "false"})
	for target, body := range map[string]object{
		"settings/lifetimeInMinutes":   {"kind": "temporaryAccessPass", "settings": object{"isUsableOnce": false}},
		"settings/lifetime_in_minutes": {"kind": "temporaryAccessPass", "settings": object{"lifetime_in_minutes": 480}},
		"settings/allowPrivileged":     {"kind": "temporaryAccessPass", "settings": object{"allowPrivileged": true}},
		"settings/allowedRoles":        {"kind": "temporaryAccessPass", "settings": object{"allowedRoles": list{newCatalog(t)}}},
		"name":                         {"kind": "temporaryAccessPass", "name": "other"},
		"callers/1":                    {"kind": "temporaryAccessPass", "callers": list{newCatalog(t), "nope"}, "settings": object{"lifetimeInMinutes": 480, "isUsableOnce": false}},
		"stages/1":                     {"kind": "temporaryAccessPass", "stages": list{"ASSIGNMENTREQUESTGRANTED", "nope"}},
	} {
		ida.call("PUT", path, body, "If-Match", "*").refused(http.StatusBadRequest, target)
	}
	read := ida.get(path)
	if settings, _ := json.Marshal(read["settings"]); string(settings) != `{"deliverTo":"manager","isUsableOnce":false,"lifetimeInMinutes":480}` {
		t.Errorf("it is set to %s", settings)
	}
	ida.call("PUT", path, read).refused(http.StatusConflict)
	ida.call("PUT", path, read, "If-Match", "*").want(http.StatusOK)
	ida.call("PUT", path, object{"kind": "revokeSessions", "settings": object{}}, "If-Match", "*").want(http.StatusOK)
}

// A stage that is not as the approver read it any more is a conflict, as a late decision is.
//
// rules: APR-03 APR-14
func TestStaleStage(t *testing.T) {
	boss := hire(t, "")
	chief := person(t, boss.UserPrincipalName)
	o := newOffer(t, approvedBy(manager()))
	path := stageOf(t, chief, text(t, person(t, hire(t, boss.ID).UserPrincipalName).post("/assignmentRequests", add("userAdd", o.pack, nil)), "id"), 0)
	read := chief.get(path)
	for name, value := range map[string]any{"status": "Completed", "reviewedBy": object{"id": o.pack, "displayName": "somebody"}} {
		stale := put(read, []string{name}, value).(object)
		stale["reviewResult"] = "Approve"
		chief.call("PATCH", path, stale).refused(http.StatusConflict)
	}
	chief.call("PATCH", path, object{"id": o.pack, "reviewResult": "Approve"}).refused(http.StatusBadRequest, "id")
	chief.call("PATCH", path, `{"reviewResult":"Deny","reviewResult":"Approve"}`).refused(http.StatusBadRequest, "reviewResult")
	chief.call("PATCH", path, object{"reviewResult": "Approve", "jusstification": "x"}).refused(http.StatusBadRequest, "justification")
	read["reviewResult"] = "Approve"
	chief.call("PATCH", path, read).want(http.StatusNoContent)
	chief.call("PATCH", path, read).refused(http.StatusConflict)
}
