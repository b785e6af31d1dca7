package api

import (
	"net/http"
	"reflect"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

var audit = &descriptor{
	kind: &kind{
		set: "audit", of: reflect.TypeFor[governance.AuditEntry](),
		fields: map[string]field{
			"id": text, "activityDisplayName": text, "activityDateTime": instant, "correlationId": identifier, "targetId": text,
			"partitionId": identifier, "result": text,
			"initiatedBy/objectId": identifier,
		},
	},
	verbs: func(s *Server) []verb {
		of := func(container string) []verb {
			path := "/operations/audit/" + container
			return []verb{
				list(path, func(c *call, o ledger.ListOptions) (ledger.Page[governance.AuditEntry], error) {
					return s.use.Trail.ListAudit(c.ctx(), c.caller, container, o)
				}),
				answering(http.MethodGet, path+"/{partition}/verify", http.StatusOK, func(c *call) (any, error) {
					return s.use.Trail.VerifyAudit(c.ctx(), c.caller, governance.Place{Container: container, Partition: c.ids[0]})
				}),
			}
		}
		return append(of("subjects"), of("catalogs")...)
	},
}
