package api

import (
	"errors"
	"net/http"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

func routeRequests(s *Server) {
	s.handle("GET /assignmentRequests", listed(requestKind, func(c *call) lister[governance.AssignmentRequest] {
		return func(o app.ListOptions, _ options) (app.Page[governance.AssignmentRequest], error) {
			return s.app.ListRequests(c.ctx(), c.caller, o)
		}
	}))
	s.handle("GET /assignmentRequests.filterByCurrentUser/{on}", listed(requestKind, func(c *call) lister[governance.AssignmentRequest] {
		return func(o app.ListOptions, _ options) (app.Page[governance.AssignmentRequest], error) {
			return s.app.RequestsByCurrentUser(c.ctx(), c.caller, app.By(c.id("on")), o)
		}
	}))
	s.handle("POST /assignmentRequests", func(c *call) (response, error) {
		draft, err := decode[governance.AssignmentRequest](c, strict.Request)
		if err != nil {
			return response{}, err
		}
		draft.ID = c.madeID()
		made, err := s.app.SubmitRequest(c.ctx(), c.caller, draft)
		return response{status: http.StatusCreated, value: made, shape: plain(requestKind)}, err
	})
	s.handle("GET /assignmentRequests/{id}", func(c *call) (response, error) {
		o, err := c.parseOptions(requestKind, readOptions...)
		if err != nil {
			return response{}, err
		}
		found, err := s.app.Request(c.ctx(), c.caller, c.id("id"))
		return response{status: http.StatusOK, value: found.Value, etag: found.ETag, shape: o.shape}, err
	})
	s.handle("POST /assignmentRequests/{id}/cancel", func(c *call) (response, error) {
		if err := c.parameters(strict.Nothing); err != nil {
			return response{}, err
		}
		return response{status: http.StatusOK}, c.app().CancelRequest(c.ctx(), c.caller, c.id("id"))
	})
	s.handle("POST /assignmentRequests/{id}/reprocess", func(c *call) (response, error) {
		if err := c.parameters(strict.Nothing); err != nil {
			return response{}, err
		}
		return response{status: http.StatusAccepted}, c.app().ReprocessRequest(c.ctx(), c.caller, c.id("id"))
	})
}

func routeAssignments(s *Server) {
	s.handle("GET /assignments", listed(assignmentKind, func(c *call) lister[governance.Assignment] {
		return func(o app.ListOptions, options options) (app.Page[governance.Assignment], error) {
			page, err := s.app.ListAssignments(c.ctx(), c.caller, o)
			if err == nil && refers(options.shape) {
				for i := range page.Items {
					err = errors.Join(err, s.app.Resolve(c.ctx(), c.caller, &page.Items[i].Value))
				}
			}
			return page, err
		}
	}))
	s.handle("GET /assignments.filterByCurrentUser/{on}", listed(assignmentKind, func(c *call) lister[governance.Assignment] {
		return func(o app.ListOptions, _ options) (app.Page[governance.Assignment], error) {
			return s.app.AssignmentsByCurrentUser(c.ctx(), c.caller, app.By(c.id("on")), o)
		}
	}))
	s.handle("GET /assignments/{id}", func(c *call) (response, error) {
		o, err := c.parseOptions(assignmentKind, readOptions...)
		if err != nil {
			return response{}, err
		}
		found, err := s.app.Assignment(c.ctx(), c.caller, c.id("id"))
		if err == nil && refers(o.shape) {
			err = s.app.Resolve(c.ctx(), c.caller, &found.Value)
		}
		return response{status: http.StatusOK, value: found.Value, etag: found.ETag, shape: o.shape}, err
	})
}

// refers says whether an assignment is to be shown with what it only refers to.
func refers(s *shape) bool { return s.has("accessPackage") || s.has("assignmentPolicy") }
