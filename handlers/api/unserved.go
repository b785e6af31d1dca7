package api

import (
	"regexp"
	"strings"

	"latchkey/shared/governance"
)

// unserved are the paths of Microsoft Graph v1.0 that this release does not serve, each with what it waits for, or where else to ask. {} is any
// id, | stands between names of which one is there, and * is at the end of what all begins so.
var unserved = []struct{ path, why string }{
	{root, "there is nothing to show of it but what is below it"},
	{root + "/accessPackages(uniqueName)|catalogs(uniqueName)*", "it waits for names as alternate keys; ask by id, or $filter by displayName"},
	{root + "/accessPackages/{}/accessPackagesIncompatibleWith|incompatibleAccessPackages|incompatibleGroups*", waitsSeparation},
	{root + "/assignments/additionalAccess()|additionalAccess(accessPackageId)", waitsSeparation},
	{root + "/accessPackages/{}/assignmentPolicies/{}/customExtensionStageSettings*", waitsExtensions},
	{root + "/assignmentPolicies/{}/customExtensionStageSettings*", waitsExtensions},
	{root + "/catalogs/{}/customWorkflowExtensions*", waitsExtensions},
	{root + "/assignmentRequests/{}/resume", waitsExtensions},
	{root + "/assignments/{}/reprocess", "a request is processed again, by POST assignmentRequests/{id}/reprocess"},
	{root + "/accessPackageAssignmentApprovals", asApprover},
	{root + "/accessPackageAssignmentApprovals/$count", asApprover},
	{root + "/accessPackageSuggestions|availableAccessPackages*", "accessPackages/filterByCurrentUser(on='allowedRequestor') lists what one may request"},
	{root + "/connectedOrganizations|settings|subjects|subjects(objectId)*", "it waits for people from outside and their organisations"},
	{root + "/controlConfigurations*", "it waits for configurations of controls"},
	{root + "/resourceEnvironments*", waitsResources},
	{root + "/catalogs/{}/resources/{}/environment|refresh", waitsResources},
	{root + "/catalogs/{}/resourceRoles|resourceScopes/{}/resource/environment|refresh", waitsResources},
	{root + "/catalogs/{}/resourceRoles|resourceScopes/{}/resource/roles|scopes", "it is at catalogs/{id}/resources/{id}"},
	{root + "/resourceRoleScopes*", "it is at accessPackages/{id}/resourceRoleScopes"},
	{root + "/resources*", "it is at catalogs/{id}/resources"},
	{"/identityGovernance/accessReviews*", "it waits for access reviews"},
	{"/roleManagement/entitlementManagement*", "it waits for roles in catalogs"},
	{"/auditLogs/directoryAudits*", "the audit is at operations/audit/subjects and operations/audit/catalogs"},
	{"/$batch", "it waits for batches; send the requests one by one"},
	{"/$metadata", "it waits for a description of its own; what it says is as Microsoft Graph's says it"},
	{"/identityGovernance", elsewhere},
	{"/identityGovernance/appConsent|lifecycleWorkflows|privilegedAccess|termsOfUse*", elsewhere},
	{"/applications|auditLogs|directory|directoryObjects|groups|me|organization|roleManagement|servicePrincipals|users*", elsewhere},
}

const (
	waitsSeparation = "it waits for incompatible access packages and groups"
	waitsExtensions = "it waits for custom extensions that Latchkey calls"
	asApprover      = "approvals are listed by accessPackageAssignmentApprovals/filterByCurrentUser(on='approver')"
	waitsResources  = "it waits for resources other than groups"
	elsewhere       = "it is Microsoft Graph's own; ask https://graph.microsoft.com"
)

// betaPrefix is where Graph's beta would be.
const betaPrefix = "/api/beta/"

// absent is the error of a path that leads nowhere: 501 for one that Graph has, else CodeNotFound.
func absent(at string) error {
	notServed := func(why string) error {
		return &governance.Error{Code: codeNotServed, Message: "Microsoft Graph has this path and this release does not: " + why + "."}
	}
	for _, prefix := range []string{Prefix, betaPrefix} {
		if len(at) > maxPath || len(at) < len(prefix) || !strings.EqualFold(at[:len(prefix)], prefix) {
			continue
		}
		path := parameters.ReplaceAllString(canonical(at[len(prefix)-1:]), "($1)")
		segments := strings.Split(strings.ReplaceAll(path, ".filterByCurrentUser", "/filterByCurrentUser"), "/")
		below := len(segments) > 2 && strings.EqualFold("/"+segments[1]+"/"+segments[2], root)
		for _, one := range unserved {
			switch {
			case prefix == betaPrefix && (below || covers(one.path, segments)):
				return notServed("beta is not served; the same is below " + Prefix + ", by its names there")
			case covers(one.path, segments):
				return notServed(one.why)
			}
		}
	}
	return governance.NotFound("There is nothing at this path; the API begins with %s.", Prefix+strings.TrimPrefix(root, "/"))
}

// parameters are those of a function, and alternate keys: the first names which it is.
var parameters = regexp.MustCompile(`\(([A-Za-z]+)=[^/]*\)`)

// covers says whether a path of unserved is that of some segments, in any letter case.
func covers(path string, segments []string) bool {
	path, more := strings.CutSuffix(path, "*")
	wanted := strings.Split(path, "/")
	if len(segments) < len(wanted) || len(segments) > len(wanted) && !more {
		return false
	}
	for i, want := range wanted {
		is := segments[i]
		_, isOne := known(strings.Split(want, "|"), is)
		if isID := want == "{}" && is != "" && is[0] != '$'; !isID && !isOne {
			return false
		}
	}
	return true
}
