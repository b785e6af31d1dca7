package api

import (
	"reflect"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
)

var resourceRequests = &descriptor{
	kind: (&kind{
		set: "resourceRequests", beta: "accessPackageResourceRequests", of: reflect.TypeFor[governance.ResourceRequest](),
		navigation: []string{"catalog", "resource"},
		fields: map[string]field{
			"id": identifier, "createdDateTime": instant, "catalog/id": identifier, "state": named(governance.RequestStates()...),
			"resource/originId": identifier,
			"requestType":       named(governance.ResourceAdminAdd, governance.ResourceAdminUpdate, governance.ResourceAdminRemove),
		},
	}).expanding(map[string]*kind{"catalog": namedCatalog, "resource": catalogResources.kind}),
	body: strict.ResourceRequest,
	verbs: func(s *Server) []verb {
		one := read("/resourceRequests/{id}", use(s.use.Resources.ResourceRequest))
		one.stands = func(*call, any) (bool, error) { return false, nil } // it is kept, whatever has become of the resource since: asking for the same again tells
		return []verb{
			list("/resourceRequests", use(s.use.Resources.ListResourceRequests)),
			create("/resourceRequests", unversioned(s.use.Resources.RequestResource)),
			one,
		}
	},
}
