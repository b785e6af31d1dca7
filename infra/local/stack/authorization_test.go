package stack_test

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/shared/governance"
)

// access is a row of the table of authorization over HTTP: who may call a route. Whoever is not allowed gets 403, or 404 where even that would tell of what is not theirs.
type access struct {
	route   string
	path    string // with {catalog}, {pack} and so on for what the test made
	body    any
	allowed string // letters of actors
	hidden  string // letters of actors for whom it does not exist
}

// Every route of the handler against everybody.
//
// rules: ROL-01 ROL-09 REQ-15 PRV-27 PRV-28
func TestAuthorization(t *testing.T) {
	ida := administrator(t)
	boss := hire(t, "")
	requestor := hire(t, boss.ID)
	o := newOffer(t, approvedBy(manager()))
	direct := newOffer(t, nil)
	stranger := hire(t, "")
	request := text(t, person(t, requestor.UserPrincipalName).post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	given := text(t, ida.post("/assignmentRequests", assign(direct, requestor.ID)), "id")
	drain(t)
	assignment := text(t, ida.get("/assignmentRequests/"+given+"?$expand=assignment"), "assignment/id")
	subject := text(t, ida.get("/assignments/"+assignment+"?$expand=target"), "target/id")
	resource := text(t, ida.values("/resourceRequests?$filter=catalog/id%20eq%20'" + o.catalog + "'")[0], "id")
	scope := text(t, ida.get("/accessPackages/"+o.pack+"/resourceRoleScopes"), "value/0/id")
	stage := text(t, person(t, boss.UserPrincipalName).get("/accessPackageAssignmentApprovals/"+request+"/stages"), "value/0/id")
	name := strings.NewReplacer("{catalog}", o.catalog, "{pack}", o.pack, "{policy}", o.policy, "{request}", request, "{assignment}", assignment, "{resource}", resource, "{scope}", scope,
		"{stage}", stage, "{subject}", subject)

	actors := map[rune]*actor{
		'A': ida,                                                  // administrator
		'R': person(t, "ida", governance.PermissionReadAll),       // administrator whose client may only read
		'S': person(t, "ida", governance.PermissionSubjectAccess), // administrator whose client may only act for her
		'W': application(t, "Automation"), 'r': application(t, "Reader"), 'P': application(t, "Powerless"),
		'U': person(t, stranger.UserPrincipalName),                               // a member
		'V': person(t, stranger.UserPrincipalName, governance.PermissionReadAll), // a member whose client may only read
		'G': guest(t), 'N': nobody(t),
	}
	const reading, writing, people = "ARWr", "AW", "ASUG"
	table := []access{
		{"GET /catalogs", "/catalogs", nil, reading, ""},
		{"POST /catalogs", "/catalogs", object{}, writing, ""},
		{"GET /catalogs/{id}", "/catalogs/{catalog}", nil, reading, ""},
		{"PATCH /catalogs/{id}", "/catalogs/{catalog}", object{"displayName": ""}, writing, ""},
		{"DELETE /catalogs/{id}", "/catalogs/{catalog}", nil, writing, ""},
		{"GET /catalogs/{id}/accessPackages", "/catalogs/{catalog}/accessPackages", nil, reading, ""},
		{"GET /catalogs/{id}/resources", "/catalogs/{catalog}/resources", nil, reading, ""},
		{"GET /catalogs/{id}/resourceRoles", "/catalogs/{catalog}/resourceRoles", nil, reading, ""},
		{"GET /catalogs/{id}/resourceScopes", "/catalogs/{catalog}/resourceScopes", nil, reading, ""},
		{"GET /resourceRequests", "/resourceRequests", nil, reading, ""},
		{"POST /resourceRequests", "/resourceRequests", object{}, writing, ""},
		{"GET /resourceRequests/{id}", "/resourceRequests/{resource}", nil, reading, ""},
		{"GET /accessPackages", "/accessPackages", nil, reading, ""},
		{"POST /accessPackages", "/accessPackages", object{}, writing, ""},
		{"GET /accessPackages/{id}", "/accessPackages/{pack}", nil, reading + "SU", "G"},
		{"PATCH /accessPackages/{id}", "/accessPackages/{pack}", object{"displayName": ""}, writing, ""},
		{"DELETE /accessPackages/{id}", "/accessPackages/{pack}", nil, writing, ""},
		{"GET /accessPackages/{id}/resourceRoleScopes", "/accessPackages/{pack}/resourceRoleScopes", nil, reading + "SU", "G"},
		{"POST /accessPackages/{id}/resourceRoleScopes", "/accessPackages/{pack}/resourceRoleScopes", object{}, writing, ""},
		{"GET /accessPackages/{id}/resourceRoleScopes/{roleScope}", "/accessPackages/{pack}/resourceRoleScopes/{scope}", nil, reading + "SU", "G"},
		{"DELETE /accessPackages/{id}/resourceRoleScopes/{roleScope}", "/accessPackages/{pack}/resourceRoleScopes/none", nil, writing, ""},
		{"GET /accessPackages/{id}/assignmentPolicies", "/accessPackages/{pack}/assignmentPolicies", nil, reading, ""},
		{"POST /accessPackages/{id}/getApplicablePolicyRequirements", "/accessPackages/{pack}/getApplicablePolicyRequirements", nil, people, ""},
		{"GET /accessPackages.filterByCurrentUser/{on}", "/accessPackages/filterByCurrentUser(on='allowedRequestor')", nil, people, ""},
		{"GET /assignmentPolicies", "/assignmentPolicies", nil, reading, ""},
		{"POST /assignmentPolicies", "/assignmentPolicies", object{}, writing, ""},
		{"GET /assignmentPolicies/{id}", "/assignmentPolicies/{policy}", nil, reading, ""},
		{"PATCH /assignmentPolicies/{id}", "/assignmentPolicies/{policy}", object{"displayName": ""}, writing, ""},
		{"PUT /assignmentPolicies/{id}", "/assignmentPolicies/{policy}", object{}, writing, ""},
		{"DELETE /assignmentPolicies/{id}", "/assignmentPolicies/{policy}", nil, writing, ""},
		{"GET /assignmentRequests", "/assignmentRequests", nil, reading, ""},
		{"POST /assignmentRequests", "/assignmentRequests", object{"requestType": "userAdd"}, people, ""},
		{"POST /assignmentRequests", "/assignmentRequests", object{"requestType": "userRemove"}, people, ""},
		{"POST /assignmentRequests", "/assignmentRequests", object{"requestType": "adminAdd"}, writing, ""},
		{"POST /assignmentRequests", "/assignmentRequests", object{"requestType": "adminRemove"}, writing, ""},
		{"GET /assignmentRequests/{id}", "/assignmentRequests/{request}", nil, reading, "SUG"},
		{"POST /assignmentRequests/{id}/reprocess", "/assignmentRequests/{request}/reprocess", nil, writing, ""},
		{"GET /assignmentRequests.filterByCurrentUser/{on}", "/assignmentRequests/filterByCurrentUser(on='target')", nil, people, ""},
		{"GET /assignments", "/assignments", nil, reading, ""},
		{"GET /assignments/{id}", "/assignments/{assignment}", nil, reading, "SUG"},
		{"GET /assignments.filterByCurrentUser/{on}", "/assignments/filterByCurrentUser(on='target')", nil, people, ""},
		{"GET /accessPackageAssignmentApprovals/{id}", "/accessPackageAssignmentApprovals/{request}", nil, "AR", "SUG"},
		{"GET /accessPackageAssignmentApprovals/{id}/stages", "/accessPackageAssignmentApprovals/{request}/stages", nil, "AR", "SUG"},
		{"GET /accessPackageAssignmentApprovals/{id}/stages/{stage}", "/accessPackageAssignmentApprovals/{request}/stages/{stage}", nil, "AR", "SUG"},
		{"PATCH /accessPackageAssignmentApprovals/{id}/stages/{stage}", "/accessPackageAssignmentApprovals/{request}/stages/{stage}", object{"reviewResult": "Approve"}, "", "SUG"},
		{"GET /accessPackageAssignmentApprovals.filterByCurrentUser/{on}", "/accessPackageAssignmentApprovals/filterByCurrentUser(on='approver')", nil, people, ""},
		{"GET /operations/health", "/operations/health", nil, "ARSWrPUVGN", ""},
		{"GET /operations/audit/subjects", "/operations/audit/subjects?$top=1", nil, reading, ""},
		{"GET /operations/audit/subjects/{partition}/verify", "/operations/audit/subjects/{subject}/verify", nil, reading, ""},
		{"GET /operations/audit/catalogs", "/operations/audit/catalogs?$top=1", nil, reading, ""},
		{"GET /operations/audit/catalogs/{partition}/verify", "/operations/audit/catalogs/{catalog}/verify", nil, reading, ""},
		{"POST /operations/rules/evaluate", "/operations/rules/evaluate", object{"rule": `user.city -eq "x"`}, "AR", ""},
		{"POST /operations/recurrences/expand", "/operations/recurrences/expand", object{}, reading, ""},
		{"GET /operations/calloutActionKinds", "/operations/calloutActionKinds", nil, reading, ""},
		{"GET /operations/calloutActions", "/operations/calloutActions", nil, reading, ""},
		{"GET /operations/calloutActions/{name}", "/operations/calloutActions/none", nil, reading, ""},
		{"PUT /operations/calloutActions/{name}", "/operations/calloutActions/none", object{}, writing, ""},
		{"DELETE /operations/calloutActions/{name}", "/operations/calloutActions/none", nil, writing, ""},
		{"POST /operations/calloutActions/{name}/check", "/operations/calloutActions/none/check", nil, reading, ""},
		{"POST /operations/calloutActions/{name}/rehearse", "/operations/calloutActions/none/rehearse", object{}, reading, ""},
		{"GET /operations/callouts", "/operations/callouts", nil, reading, ""},
		{"GET /operations/callouts/{id}", "/operations/callouts/{request}", nil, reading, ""},
		{"POST /operations/callouts/{id}/showPass", "/operations/callouts/{request}/showPass", nil, people, ""},
		// The last one: it takes the request back.
		{"POST /assignmentRequests/{id}/cancel", "/assignmentRequests/{request}/cancel", nil, "A", "SUG"},
	}
	ida.get("/catalogs") // makes General
	before := documents(t)
	known := map[string]bool{}
	for _, row := range table {
		known[row.route] = true
		for letter, who := range actors {
			if row.route == "POST /assignmentRequests/{id}/cancel" && letter == 'A' {
				continue
			}
			answer := who.call(strings.Fields(row.route)[0], name.Replace(row.path), row.body)
			is := func(letters string) bool { return strings.ContainsRune(letters, letter) }
			switch {
			case is(row.allowed):
				if answer.status == http.StatusUnauthorized || answer.status == http.StatusForbidden || answer.status >= http.StatusInternalServerError {
					t.Errorf("%c %s: %d %s", letter, row.route, answer.status, answer.body)
				}
			case letter == 'N':
				answer.refused(http.StatusUnauthorized)
			case is(row.hidden):
				answer.refused(http.StatusNotFound)
			default:
				answer.refused(http.StatusForbidden)
			}
		}
	}
	unchanged(t, before)
	ida.call("POST", "/assignmentRequests/"+request+"/cancel", nil).want(http.StatusOK)
	for _, route := range start(t).Handler.Routes {
		route = strings.Replace(route, "/identityGovernance/entitlementManagement", "", 1)
		if known[route] {
			continue
		}
		above, path := "", "" // what follows from a route is open to those to whom that is
		for _, row := range table {
			if strings.HasPrefix(route, row.route+"/") && strings.HasPrefix(row.route, "GET ") && len(row.route) > len(above) {
				above = row.route
				path, _, _ = strings.Cut(name.Replace(row.path), "?")
			}
		}
		if above == "" {
			t.Errorf("the table does not say who may call %s", route)
			continue
		}
		for letter, who := range actors {
			is := who.call("GET", path, nil)
			below := who.call("GET", path+placeholder.ReplaceAllString(strings.TrimPrefix(route, above), "11111111-1111-4111-8111-111111111111"), nil)
			if is.status >= http.StatusBadRequest && below.status != is.status || below.status == http.StatusForbidden && is.status != below.status {
				t.Errorf("%c %s: %d, and %d above it", letter, route, below.status, is.status)
			}
		}
	}
}

// Whoever has nothing to do with something gets the same answer as if it were not there.
//
// rules: APR-07 REQ-15
func TestNobodyLearnsOfOthers(t *testing.T) {
	ida := administrator(t)
	boss := hire(t, "")
	requestor := hire(t, boss.ID)
	o := newOffer(t, approvedBy(manager()))
	direct := newOffer(t, nil)
	request := text(t, person(t, requestor.UserPrincipalName).post("/assignmentRequests", add("userAdd", o.pack, nil)), "id")
	given := text(t, ida.post("/assignmentRequests", assign(direct, requestor.ID)), "id")
	drain(t)
	assignment := text(t, ida.get("/assignmentRequests/"+given+"?$expand=assignment"), "assignment/id")
	const absent = "44444444-4444-4444-8444-444444444444"
	stages := "/accessPackageAssignmentApprovals/{id}/stages/"
	stage := strings.Replace(stageOf(t, person(t, boss.UserPrincipalName), request, 0), request, "{id}", 1)
	before := documents(t)
	for _, who := range []*actor{person(t, hire(t, "").UserPrincipalName), guest(t)} {
		for _, one := range []struct {
			method, path, id string
			body             any
		}{
			{"GET", "/assignmentRequests/{id}", request, nil},
			{"GET", "/assignmentRequests/{id}?$expand=requestor", request, nil},
			{"POST", "/assignmentRequests/{id}/cancel", request, nil},
			{"GET", "/assignments/{id}", assignment, nil},
			{"GET", "/accessPackageAssignmentApprovals/{id}", request, nil},
			{"GET", "/accessPackageAssignmentApprovals/{id}/stages", request, nil},
			{"GET", stage, request, nil},
			{"GET", stages + absent, request, nil},
			{"PATCH", stage, request, object{"reviewResult": "Approve", "justification": "x"}},
			{"PATCH", stage, strings.ToUpper(request), object{"reviewResult": "Deny"}},
			{"PATCH", stage, request, object{"justification": "no decision"}},
			{"PATCH", stage, request, object{"reviewResult": "Approve", "status": "Completed"}},
			{"PATCH", stages + absent, request, object{"reviewResult": "Approve"}},
			{"PATCH", stages + "nonsense", request, object{"reviewResult": "Approve"}},
			{"GET", "/assignmentRequests/{id}", strings.ToUpper(request), nil},
			{"GET", "/assignments/{id}", strings.ToUpper(assignment), nil},
			{"GET", "/accessPackageAssignmentApprovals/{id}", strings.ToUpper(request), nil},
			{"POST", "/operations/callouts/{id}/showPass", request, nil},
			{"POST", "/assignmentRequests", assignment, object{"requestType": "userRemove", "assignment": object{"id": "{id}"}}},
		} {
			say := func(id string) (int, string) {
				body := one.body
				if one.id == assignment && body != nil {
					body = object{"requestType": "userRemove", "assignment": object{"id": id}}
				}
				answer := who.call(one.method, strings.Replace(one.path, "{id}", id, 1), body)
				return answer.status, strings.ReplaceAll(text(t, answer.object(), "error/message"), strings.ToLower(id), "{id}")
			}
			status, message := say(one.id)
			if missing, same := say(absent); status != missing || message != same {
				t.Errorf("%s: %s %s: %d %q, and if there were none %d %q", who.name, one.method, one.path, status, message, missing, same)
			}
		}
		for _, path := range []string{"/assignmentRequests/filterByCurrentUser(on='target')", "/assignmentRequests/filterByCurrentUser(on='createdBy')", "/assignmentRequests/filterByCurrentUser(on='approver')",
			"/assignments/filterByCurrentUser(on='target')", "/accessPackageAssignmentApprovals/filterByCurrentUser(on='approver')", "/accessPackageAssignmentApprovals/filterByCurrentUser(on='target')",
			"/assignmentRequests/filterByCurrentUser(on='target')?$filter=id%20eq%20'" + request + "'%20or%20id%20ne%20'x'"} {
			if found := who.values(path); len(found) != 0 {
				t.Errorf("%s sees at %s: %v", who.name, path, found)
			}
		}
	}
	unchanged(t, before)
}
