package api

import (
	"net/http"
	"reflect"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

var policyKind = &kind{
	set: "assignmentPolicies", beta: "accessPackageAssignmentPolicies", of: reflect.TypeFor[governance.AssignmentPolicy](),
	navigation: []string{"accessPackage", "catalog"},
	fields: map[string]field{
		"id": identifier, "displayName": text, "description": text, "createdDateTime": instant, "modifiedDateTime": instant,
		"accessPackage/id": identifier, "catalog/id": identifier,
		"allowedTargetScope": named(governance.ScopeNotSpecified, governance.ScopeSpecificDirectoryUsers, governance.ScopeAllMemberUsers,
			governance.ScopeAllDirectoryUsers),
	},
}

// questionKind is of two types, whose members are all of these.
var questionKind = (&kind{set: "questions"}).showing("id", "sequence", "text", "localizations", "isRequired", "isAnswerEditable", "isSingleLineQuestion",
	"regexPattern", "choices", "isMultipleSelectionAllowed")

var assignmentPolicies = &descriptor{
	kind:  policyKind.expanding(map[string]*kind{"accessPackage": packageKind, "catalog": catalogKind, "questions": questionKind}),
	body:  strict.Policy,
	unfit: governance.GraphInvalidModel,
	verbs: func(s *Server) []verb {
		page := func(c *call, o ledger.ListOptions) (ledger.Page[governance.AssignmentPolicy], error) {
			return s.use.Policies.ListPolicies(c.ctx(), c.caller, o, len(c.shape.expanded) > 0)
		}
		return []verb{
			list("/assignmentPolicies", page),
			list("/accessPackages/{id}/assignmentPolicies", inside("accessPackage", s.use.Packages.Package, page)),
			create("/assignmentPolicies", use(s.use.Policies.CreatePolicy)),
			read("/assignmentPolicies/{id}", use(s.use.Policies.Policy)),
			change(http.MethodPatch, "/assignmentPolicies/{id}", editing(s.use.Policies.UpdatePolicy)),
			change(http.MethodPut, "/assignmentPolicies/{id}", editing(s.use.Policies.UpdatePolicy)),
			remove("/assignmentPolicies/{id}", s.use.Policies.DeletePolicy),
		}
	},
}
