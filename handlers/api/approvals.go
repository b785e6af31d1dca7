package api

import (
	"net/http"
	"strings"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

func routeApprovals(s *Server) {
	s.handle("GET /accessPackageAssignmentApprovals.filterByCurrentUser/{on}", listed(approvalKind, func(c *call) lister[governance.Approval] {
		return func(o app.ListOptions, _ options) (app.Page[governance.Approval], error) {
			return s.app.ApprovalsByCurrentUser(c.ctx(), c.caller, app.By(c.id("on")), o)
		}
	}))
	s.handle("GET /accessPackageAssignmentApprovals/{id}", func(c *call) (response, error) {
		o, err := c.parseOptions(approvalKind, readOptions...)
		if err != nil {
			return response{}, err
		}
		approval, err := s.app.Approval(c.ctx(), c.caller, c.id("id"))
		return response{status: http.StatusOK, value: approval, shape: o.shape}, err
	})
	s.handle("GET /accessPackageAssignmentApprovals/{id}/stages", func(c *call) (response, error) {
		o, err := c.parseOptions(stageKind, "$select")
		if err != nil {
			return response{}, err
		}
		approval, err := s.app.Approval(c.ctx(), c.caller, c.id("id"))
		if err != nil {
			return response{}, err
		}
		return collected(c, o.shape, approval.Stages)
	})
	s.handle("GET /accessPackageAssignmentApprovals/{id}/stages/{stage}", func(c *call) (response, error) {
		o, err := c.parseOptions(stageKind, "$select")
		if err != nil {
			return response{}, err
		}
		approval, err := s.app.Approval(c.ctx(), c.caller, c.id("id"))
		if err != nil {
			return response{}, err
		}
		for _, stage := range approval.Stages {
			if strings.EqualFold(stage.ID, c.id("stage")) {
				return response{status: http.StatusOK, value: stage, shape: o.shape}, nil
			}
		}
		return response{}, governance.NotFound("The approval has no stage %q.", shorten(c.id("stage")))
	})
	s.handle("PATCH /accessPackageAssignmentApprovals/{id}/stages/{stage}", func(c *call) (response, error) {
		decided, err := decode[governance.ApprovalStage](c, strict.Stage)
		if err != nil {
			return response{}, err
		}
		err = s.app.DecideApproval(c.ctx(), c.caller, c.id("id"), c.id("stage"), decided)
		return response{status: http.StatusNoContent}, err
	})
}
