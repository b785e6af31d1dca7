package api

import (
	"net/http"
	"reflect"
	"strings"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

var stages = &descriptor{
	kind: &kind{
		set: "stages", beta: "steps", of: reflect.TypeFor[governance.ApprovalStage](),
		internal: []string{"approverUserIds", "approverGroupIds", "alternateUserIds", "alternateGroupIds", "escalatesDateTime", "endsDateTime", "escalated"},
	},
	editable: []string{"reviewResult", "justification"},
	verbs: func(s *Server) []verb {
		const all, one = "/accessPackageAssignmentApprovals/{id}/stages", "/accessPackageAssignmentApprovals/{id}/stages/{stage}"
		return []verb{
			list(all, func(c *call, o app.ListOptions) (app.Page[governance.ApprovalStage], error) {
				approval, err := s.app.Approval(c.ctx(), c.caller, c.ids[0])
				if err != nil {
					return app.Page[governance.ApprovalStage]{}, err
				}
				return few(approval.Stages, o)
			}),
			read(one, func(c *call, id string) (found app.Versioned[governance.ApprovalStage], err error) {
				approval, err := s.app.Approval(c.ctx(), c.caller, id)
				for _, found.Value = range approval.Stages {
					if strings.EqualFold(found.Value.ID, c.ids[1]) {
						return found, err
					}
				}
				if err == nil {
					err = governance.NotFound("The approval has no stage %q.", shorten(c.ids[1]))
				}
				return found, err
			}),
			{method: http.MethodPatch, path: one, body: merging, run: func(c *call) (response, error) {
				decision, err := draftOf[governance.ApprovalStage](c)
				if err != nil {
					return response{}, err
				}
				return response{status: http.StatusNoContent}, s.app.DecideApproval(c.ctx(), c.caller, c.ids[0], c.ids[1], decision.ReviewResult, decision.Justification)
			}},
		}
	},
}
