package api

import (
	"net/http"
	"reflect"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
)

var assignmentRequests = &descriptor{
	kind: (&kind{
		set: "assignmentRequests", beta: "accessPackageAssignmentRequests", of: reflect.TypeFor[governance.AssignmentRequest](),
		navigation: []string{"accessPackage", "assignment", "requestor"}, internal: []string{"policy", "approval"},
		fields: map[string]field{
			"id": identifier, "createdDateTime": instant, "completedDateTime": instant, "state": named(governance.RequestStates()...),
			"status":           text,
			"accessPackage/id": identifier, "accessPackage/catalog/id": identifier, "assignment/id": identifier,
			"assignmentPolicy/id":            {path: []string{"assignment", "assignmentPolicy", "id"}, kind: idField},
			"assignment/target/objectId":     identifier,
			"assignment/assignmentPolicy/id": identifier, "requestor/id": identifier, "requestor/objectId": identifier,
			"requestType": named(governance.RequestUserAdd, governance.RequestUserRemove, governance.RequestAdminAdd,
				governance.RequestAdminRemove, governance.RequestSystemRemove, governance.RequestSystemUpdate),
		},
	}).expanding(map[string]*kind{
		"accessPackage": namedPackage, "requestor": subjectKind,
		"assignment": assignmentKind.showing("id").expanding(map[string]*kind{"assignmentPolicy": namedPolicy, "target": subjectKind}),
	}),
	body:    strict.Request,
	instead: " A request is kept: POST …/cancel ends one that waits; a request of the type adminRemove, or userRemove for one's own, takes away what it gave.",
	verbs: func(s *Server) []verb {
		return []verb{
			list("/assignmentRequests", use(s.use.Requests.ListRequests)),
			list("/assignmentRequests.filterByCurrentUser/{on}", mine(s.use.Requests.RequestsByCurrentUser)),
			create("/assignmentRequests", unversioned(s.use.Requests.SubmitRequest)),
			read("/assignmentRequests/{id}", use(s.use.Requests.Request)),
			answering(http.MethodPost, "/assignmentRequests/{id}/cancel", http.StatusOK,
				func(c *call) (any, error) { return nil, s.use.Requests.CancelRequest(c.ctx(), c.caller, c.ids[0]) }).within(ofRequest),
			answering(http.MethodPost, "/assignmentRequests/{id}/reprocess", http.StatusAccepted,
				func(c *call) (any, error) { return nil, s.use.Requests.ReprocessRequest(c.ctx(), c.caller, c.ids[0]) }).within(ofRequest),
		}
	},
}
