package api

import (
	"net/http"
	"reflect"
	"slices"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
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
		"assignment": assignmentKind.showing("id", "state", "status", "schedule", "expiredDateTime").expanding(map[string]*kind{"assignmentPolicy": namedPolicy, "target": subjectKind}),
	}),
	body:    strict.Request,
	instead: " A request is kept: POST …/cancel ends one that waits; a request of the type adminRemove, or userRemove for one's own, takes away what it gave.",
	verbs: func(s *Server) []verb {
		// resolve shows requests with what was asked beside what was answered, and with their assignments as they are now, where that is asked for.
		resolve := func(c *call, items ...ledger.Versioned[governance.AssignmentRequest]) error {
			for i := range items {
				if request := &items[i].Value; request.Policy != nil {
					request.Answers = request.Policy.Questions.Told(request.Answers)
				}
			}
			if !c.shape.has("assignment") {
				return nil
			}
			return s.use.Requests.Resolve(c.ctx(), items)
		}
		resolved := func(page using[ledger.ListOptions, ledger.Page[governance.AssignmentRequest]]) using[ledger.ListOptions, ledger.Page[governance.AssignmentRequest]] {
			return func(c *call, o ledger.ListOptions) (ledger.Page[governance.AssignmentRequest], error) {
				found, err := page(c, o)
				if err == nil {
					err = resolve(c, found.Items...)
				}
				return found, err
			}
		}
		one := read("/assignmentRequests/{id}", func(c *call, id string) (ledger.Versioned[governance.AssignmentRequest], error) {
			found, err := s.use.Requests.Request(c.ctx(), c.caller, id)
			if err != nil {
				return found, err
			}
			items := []ledger.Versioned[governance.AssignmentRequest]{found}
			err = resolve(c, items...)
			return items[0], err
		})
		// What was asked for stands while the request waits, and then while what it brought about is so.
		one.stands = func(c *call, value any) (bool, error) {
			asked, ok := value.(governance.AssignmentRequest)
			if !ok || asked.State.IsInFlight() {
				return ok, nil
			}
			items := []ledger.Versioned[governance.AssignmentRequest]{{Value: asked}}
			if err := s.use.Requests.Resolve(c.ctx(), items); err != nil {
				return false, err
			}
			request := items[0].Value
			tried := []governance.RequestState{governance.StateDelivered, governance.StatePartiallyDelivered, governance.StateDeliveryFailed}
			lives := request.Assignment.State != "" && request.Assignment.State != governance.AssignmentExpired
			if slices.Contains(tried, request.State) && lives != request.RequestType.IsRemoval() {
				return true, nil
			}
			return false, governance.NotFound("The request %s is over.", request.ID)
		}
		return []verb{
			list("/assignmentRequests", resolved(use(s.use.Requests.ListRequests))),
			list("/assignmentRequests.filterByCurrentUser/{on}", resolved(mine(s.use.Requests.RequestsByCurrentUser))),
			create("/assignmentRequests", func(c *call, draft governance.AssignmentRequest) (ledger.Versioned[governance.AssignmentRequest], error) {
				made, err := s.use.Requests.SubmitRequest(c.ctx(), c.caller, draft)
				if err != nil {
					return ledger.Versioned[governance.AssignmentRequest]{}, err
				}
				items := []ledger.Versioned[governance.AssignmentRequest]{{Value: made}}
				err = resolve(c, items...)
				return items[0], err
			}),
			one,
			answering(http.MethodPost, "/assignmentRequests/{id}/cancel", http.StatusOK,
				func(c *call) (any, error) { return nil, s.use.Requests.CancelRequest(c.ctx(), c.caller, c.ids[0]) }).within(ofRequest),
			answering(http.MethodPost, "/assignmentRequests/{id}/reprocess", http.StatusAccepted,
				func(c *call) (any, error) { return nil, s.use.Requests.ReprocessRequest(c.ctx(), c.caller, c.ids[0]) }).within(ofRequest),
		}
	},
}
