package api

import (
	"net/http"
	"reflect"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
)

var stages = &descriptor{
	kind: &kind{
		set: "stages", beta: "steps", of: reflect.TypeFor[governance.ApprovalStage](),
		internal: []string{"approverUserIds", "approverGroupIds", "alternateUserIds", "alternateGroupIds", "askedDateTime", "remindsDateTime", "escalatesDateTime",
			"lookDateTime", "endsDateTime", "escalated"},
	},
	body: strict.Stage,
	verbs: func(s *Server) []verb {
		const all, one = "/accessPackageAssignmentApprovals/{id}/stages", "/accessPackageAssignmentApprovals/{id}/stages/{stage}"
		id := func(stage governance.ApprovalStage) string { return stage.ID }
		return append(parts(all, one, "The approval has no stage", id, func(c *call) ([]governance.ApprovalStage, error) {
			approval, err := s.use.Approvals.Approval(c.ctx(), c.caller, c.ids[0])
			return approval.Stages, err
		}),
			verb{method: http.MethodPatch, path: one, partOf: ofRequest, run: func(c *call) (response, error) {
				decision, err := draftOf[governance.ApprovalStage](c)
				if err != nil {
					return response{}, err
				}
				return response{status: http.StatusNoContent}, s.use.Approvals.DecideApproval(c.ctx(), c.caller, c.ids[0], c.ids[1], decision)
			}})
	},
}
