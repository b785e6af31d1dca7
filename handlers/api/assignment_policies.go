package api

import (
	"net/http"
	"reflect"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

var policyKind = &kind{
	set: "assignmentPolicies", beta: "accessPackageAssignmentPolicies", of: reflect.TypeFor[governance.AssignmentPolicy](), navigation: []string{"accessPackage", "catalog"},
	fields: map[string]field{
		"id": identifier, "displayName": text, "description": text, "createdDateTime": instant, "modifiedDateTime": instant, "accessPackage/id": identifier, "catalog/id": identifier,
		"allowedTargetScope": named(governance.ScopeNotSpecified, governance.ScopeSpecificDirectoryUsers, governance.ScopeAllMemberUsers, governance.ScopeAllDirectoryUsers),
	},
}

var assignmentPolicies = &descriptor{
	kind: policyKind.expanding(map[string]*kind{"accessPackage": packageKind, "catalog": catalogKind}),
	editable: []string{
		"displayName", "description", "allowedTargetScope", "specificAllowedTargets", "expiration", "questions", "requestorSettings", "requestApprovalSettings", "reviewSettings",
		"notificationSettings", "automaticRequestSettings", "customExtensionStageSettings",
	},
	verbs: func(s *Server) []verb {
		page := func(c *call, o app.ListOptions) (app.Page[governance.AssignmentPolicy], error) {
			return s.app.ListPolicies(c.ctx(), c.caller, o, len(c.shape.expanded) > 0)
		}
		return []verb{
			list("/assignmentPolicies", page),
			list("/accessPackages/{id}/assignmentPolicies", inside("accessPackage", page)),
			create("/assignmentPolicies", use(s.app.CreatePolicy)),
			read("/assignmentPolicies/{id}", use(s.app.Policy)),
			change(http.MethodPatch, "/assignmentPolicies/{id}", editing(s.app.UpdatePolicy)),
			change(http.MethodPut, "/assignmentPolicies/{id}", editing(s.app.UpdatePolicy)),
			remove("/assignmentPolicies/{id}", s.app.DeletePolicy),
		}
	},
}
