package api

import (
	"errors"
	"reflect"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

var (
	assignmentKind = &kind{
		set: "assignments", beta: "accessPackageAssignments", of: reflect.TypeFor[governance.Assignment](), navigation: []string{"accessPackage", "assignmentPolicy", "target", "deliveries"},
		internal: []string{"requestId", "removing", "attempt", "nextAttemptDateTime", "targetId", "accessPackageId", "assignmentPolicyId"},
		fields: map[string]field{
			"id": identifier, "state": named(governance.AssignmentStates()...), "status": text, "expiredDateTime": instant, "accessPackage/id": identifier,
			"assignmentPolicy/id": identifier, "target/id": identifier, "target/objectId": identifier,
		},
	}
	subjectKind  = &kind{set: "subjects", beta: "accessPackageSubjects", of: reflect.TypeFor[governance.Subject]()}
	deliveryKind = &kind{set: "deliveries", of: reflect.TypeFor[governance.Delivery]()}
	namedPolicy  = policyKind.showing("id", "displayName") // what is stored of it with an assignment
)

var assignments = &descriptor{
	kind: assignmentKind.expanding(map[string]*kind{"accessPackage": namedPackage, "assignmentPolicy": namedPolicy, "target": subjectKind, "deliveries": deliveryKind}),
	verbs: func(s *Server) []verb {
		// resolve shows an assignment with what it only refers to, where that is asked for.
		resolve := func(c *call, one *app.Versioned[governance.Assignment], err error) error {
			if err != nil || !c.shape.has("accessPackage", "assignmentPolicy") {
				return err
			}
			return s.app.Resolve(c.ctx(), c.caller, &one.Value)
		}
		return []verb{
			list("/assignments", func(c *call, o app.ListOptions) (app.Page[governance.Assignment], error) {
				page, err := s.app.ListAssignments(c.ctx(), c.caller, o)
				for i := range page.Items {
					err = errors.Join(err, resolve(c, &page.Items[i], nil))
				}
				return page, err
			}),
			list("/assignments.filterByCurrentUser/{on}", mine(s.app.AssignmentsByCurrentUser)),
			read("/assignments/{id}", func(c *call, id string) (app.Versioned[governance.Assignment], error) {
				found, err := s.app.Assignment(c.ctx(), c.caller, id)
				return found, resolve(c, &found, err)
			}),
		}
	},
}
