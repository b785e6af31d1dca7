package api

import (
	"reflect"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

var (
	assignmentKind = &kind{
		set: "assignments", beta: "accessPackageAssignments", of: reflect.TypeFor[governance.Assignment](),
		navigation: []string{"accessPackage", "assignmentPolicy", "target", "@latchkey.deliveries"},
		internal:   []string{"requestId", "removing", "attempt", "nextAttemptDateTime", "targetId", "accessPackageId", "assignmentPolicyId"},
		fields: map[string]field{
			"id": identifier, "state": named(governance.AssignmentStates()...), "status": saidOf("state", governance.AssignmentStatuses()),
			"expiredDateTime":          instant,
			"accessPackage/id":         identifier,
			"accessPackage/catalog/id": identifier, "assignmentPolicy/id": identifier, "target/id": identifier, "target/objectId": identifier,
		},
	}
	subjectKind  = &kind{set: "subjects", beta: "accessPackageSubjects", of: reflect.TypeFor[governance.Subject]()}
	deliveryKind = &kind{set: "deliveries", of: reflect.TypeFor[governance.Delivery]()}
	namedPolicy  = policyKind.showing("id", "displayName") // what is stored of it with an assignment
)

var assignments = &descriptor{
	kind:    assignmentKind.expanding(map[string]*kind{"accessPackage": namedPackage, "assignmentPolicy": namedPolicy, "target": subjectKind, "@latchkey.deliveries": deliveryKind}),
	instead: " An assignment is removed by a request: POST assignmentRequests with the requestType adminRemove, or userRemove for one's own.",
	verbs: func(s *Server) []verb {
		// resolve shows assignments with what they only refer to, where that is asked for.
		resolve := func(c *call, o ledger.ListOptions, items ...ledger.Versioned[governance.Assignment]) error {
			if !c.shape.has("accessPackage", "assignmentPolicy") {
				return nil
			}
			return s.use.Assignments.Resolve(c.ctx(), c.caller, items, o)
		}
		return []verb{
			list("/assignments", func(c *call, o ledger.ListOptions) (ledger.Page[governance.Assignment], error) {
				page, err := s.use.Assignments.ListAssignments(c.ctx(), c.caller, o)
				if err == nil {
					err = resolve(c, o, page.Items...)
				}
				return page, err
			}),
			list("/assignments.filterByCurrentUser/{on}", mine(s.use.Assignments.AssignmentsByCurrentUser)),
			read("/assignments/{id}", func(c *call, id string) (ledger.Versioned[governance.Assignment], error) {
				found, err := s.use.Assignments.Assignment(c.ctx(), c.caller, id)
				if err != nil {
					return found, err
				}
				items := []ledger.Versioned[governance.Assignment]{found}
				err = resolve(c, ledger.ListOptions{}, items...)
				return items[0], err
			}),
		}
	},
}
