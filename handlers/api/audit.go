package api

import (
	"net/http"
	"reflect"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

var audit = &descriptor{
	kind: &kind{
		set: "audit", of: reflect.TypeFor[governance.AuditEntry](),
		fields: map[string]field{
			"id": text, "activityDisplayName": text, "activityDateTime": instant, "correlationId": identifier, "targetId": text, "partitionId": identifier, "result": text,
			"initiatedBy/objectId": identifier,
		},
	},
	verbs: func(s *Server) []verb {
		of := func(path string, catalogs bool) []verb {
			return []verb{
				list(path, func(c *call, o app.ListOptions) (app.Page[governance.AuditEntry], error) {
					return s.app.ListAudit(c.ctx(), c.caller, catalogs, o)
				}),
				answering(http.MethodGet, path+"/{partition}/verify", http.StatusOK, func(c *call) (any, error) { return s.app.VerifyAudit(c.ctx(), c.caller, catalogs, c.ids[0]) }),
			}
		}
		return append(of("/operations/audit/subjects", false), of("/operations/audit/catalogs", true)...)
	},
}
