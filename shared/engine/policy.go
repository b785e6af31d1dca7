package engine

import (
	"slices"
	"strings"

	"latchkey/shared/governance"
)

// NeedsOf is what policies need to know of who asks.
func NeedsOf(policies []governance.AssignmentPolicy) governance.Needs {
	var needs governance.Needs
	for _, policy := range policies {
		needs = needs.And(policy.SpecificAllowed.Needs())
		for _, stage := range policy.Approval().Stages {
			needs.Managers = max(needs.Managers, stage.Managers()) // approvers' groups are looked at when they decide
		}
	}
	return needs
}

// InScope says whether a person is one of those a policy is for (POL-02, POL-03).
func InScope(policy governance.AssignmentPolicy, person governance.Person) bool {
	switch policy.AllowedTargetScope {
	case governance.ScopeAllMemberUsers:
		return person.User.ID != "" && person.User.UserType != governance.UserTypeGuest // accounts from before there were guests have no type
	case governance.ScopeAllDirectoryUsers:
		return person.User.ID != ""
	case governance.ScopeSpecificDirectoryUsers:
		return policy.SpecificAllowed.Contains(person)
	case governance.ScopeNotSpecified:
	}
	return false
}

// class is the priority of a policy among those that match (POL-07): the lowest class that matches hides the others.
func class(policy governance.AssignmentPolicy) int {
	switch policy.AllowedTargetScope {
	case governance.ScopeSpecificDirectoryUsers:
		return 1
	case governance.ScopeAllMemberUsers:
		return 2
	case governance.ScopeAllDirectoryUsers, governance.ScopeNotSpecified:
	}
	return 3
}

// Applicable are the policies under which a person may request for themselves: those that are enabled, have the person in scope, and are of the most specific
// class that does (POL-05, POL-07).
func Applicable(policies []governance.AssignmentPolicy, person governance.Person) []governance.AssignmentPolicy {
	var matching []governance.AssignmentPolicy
	best := 0
	for _, policy := range policies {
		if !policy.Requestor().EnableTargetsToSelfAddAccess || !InScope(policy, person) {
			continue
		}
		switch c := class(policy); {
		case best == 0 || c < best:
			best, matching = c, []governance.AssignmentPolicy{policy}
		case c == best:
			matching = append(matching, policy)
		}
	}
	return matching
}

// Visible says whether a person sees a package in a list of what can be requested (CAT-02, POL-14, POL-15).
func Visible(catalog governance.Catalog, pack governance.AccessPackage, policies []governance.AssignmentPolicy, person governance.Person) bool {
	return !pack.IsHidden && Requestable(catalog, policies, person)
}

// Requestable says whether a policy of a package in a catalog lets a person ask for it, as far as that does not depend on what they have: whoever knows the id of a hidden package may, too.
func Requestable(catalog governance.Catalog, policies []governance.AssignmentPolicy, person governance.Person) bool {
	return Opens(catalog, person) == nil && len(Applicable(policies, person)) > 0
}

// Opens is nil if a person may request anything of what is in a catalog, as far as the catalog goes (CAT-02). Errors: CodeForbidden.
func Opens(catalog governance.Catalog, person governance.Person) error {
	switch {
	case catalog.State != governance.CatalogPublished:
		return governance.Forbidden("The catalog of this access package is not published, so nothing in it can be requested.")
	case person.User.UserType == governance.UserTypeGuest && (catalog.IsExternallyVisible == nil || !*catalog.IsExternallyVisible):
		return governance.Forbidden("The catalog of this access package is not enabled for external users.")
	}
	return nil
}

func containsFold(ids []string, id string) bool {
	return slices.ContainsFunc(ids, func(one string) bool { return strings.EqualFold(one, id) })
}
