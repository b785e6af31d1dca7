package api

import (
	"reflect"

	"latchkey/shared/governance"
)

var approvals = &descriptor{
	kind: (&kind{
		set: "accessPackageAssignmentApprovals", of: reflect.TypeFor[governance.Approval](), navigation: []string{"stages"},
	}).expanding(map[string]*kind{"stages": stages.kind}),
	verbs: func(s *Server) []verb {
		return []verb{
			list("/accessPackageAssignmentApprovals.filterByCurrentUser/{on}", mine(s.use.Approvals.ApprovalsByCurrentUser)),
			read("/accessPackageAssignmentApprovals/{id}", unversioned(s.use.Approvals.Approval)),
		}
	},
}
