package token

import (
	"strings"

	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
)

// Graph is Microsoft Graph as a resource.
const Graph = "https://graph.microsoft.com"

const graphAppID = "00000003-0000-0000-c000-000000000000"

// resource is an API that tokens are for.
type resource struct {
	uri   string // the audience of a v1 token
	appID string // the audience of a v2 token
	kind  resourceKind
}

type resourceKind int

const (
	otherResource resourceKind = iota // Azure's own: who may do what is not in the token
	apiResource
	graphResource
)

// resourcesOf are the resources by every name that a client may ask for, in lower case and without a slash at the end.
func resourcesOf(options Options) map[string]resource {
	known := map[string]resource{}
	add := func(kind resourceKind, appID string, uri string) {
		r := resource{uri: uri, appID: appID, kind: kind}
		known[resourceName(uri)], known[resourceName(appID)] = r, r
	}
	add(apiResource, options.Tenant.APIAppID(), options.Tenant.Audience)
	add(graphResource, graphAppID, Graph)
	add(otherResource, "a232010e-820c-4083-83bb-3ace5fc29d0b", "https://cosmos.azure.com")
	add(otherResource, "80a10ef9-8168-493d-abf9-3297c4ef6e3c", "https://servicebus.azure.net")
	add(otherResource, "797f4846-ba00-4fd7-ba43-dac1f8f63013", "https://management.azure.com")
	for alias, name := range options.Aliases {
		if r, ok := known[resourceName(name)]; ok {
			known[resourceName(alias)] = r
		}
	}
	return known
}

func resourceName(name string) string { return strings.ToLower(strings.TrimRight(name, "/")) }

// delegatedScopes are what a person's token for a resource carries. See the package comment.
func delegatedScopes(of resource, person governance.User) []string {
	switch of.kind {
	case apiResource:
		if person.UserType == governance.UserTypeGuest {
			return []string{"AccessReview.ReadWrite.All", governance.PermissionSubjectAccess}
		}
		return []string{"AccessReview.ReadWrite.All", governance.PermissionReadAll, governance.PermissionReadWriteAll, governance.PermissionSubjectAccess}
	case graphResource:
		return []string{"User.Read"}
	default:
		return []string{"user_impersonation"}
	}
}

// applicationRoles are what an application's token for a resource carries.
func applicationRoles(of resource, application tenant.Application) []string {
	switch of.kind {
	case apiResource:
		return application.Permissions
	case graphResource:
		return application.GraphPermissions
	default:
		return nil
	}
}
