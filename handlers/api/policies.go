package api

import (
	"net/http"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

func routePolicies(s *Server) {
	s.handle("GET /assignmentPolicies", listed(policyKind, func(c *call) lister[governance.AssignmentPolicy] {
		return func(o app.ListOptions, options options) (app.Page[governance.AssignmentPolicy], error) {
			return s.app.ListPolicies(c.ctx(), c.caller, o, len(options.shape.expanded) > 0)
		}
	}))
	s.handle("POST /assignmentPolicies", createPolicy)
	s.handle("GET /assignmentPolicies/{id}", readPolicy)
	s.handle("PATCH /assignmentPolicies/{id}", mergePolicy)
	s.handle("PUT /assignmentPolicies/{id}", replacePolicy)
	s.handle("DELETE /assignmentPolicies/{id}", func(c *call) (response, error) {
		return c.deleted(func(ifMatch string) error { return s.app.DeletePolicy(c.ctx(), c.caller, c.id("id"), ifMatch) })
	})
}

func createPolicy(c *call) (response, error) {
	draft, err := decode[governance.AssignmentPolicy](c, strict.Policy)
	if err != nil {
		return response{}, err
	}
	draft.ID = c.madeID()
	made, err := c.server.app.CreatePolicy(c.ctx(), c.caller, draft)
	return response{status: http.StatusCreated, value: made.Value, etag: made.ETag, shape: plain(policyKind)}, err
}

func readPolicy(c *call) (response, error) {
	o, err := c.parseOptions(policyKind, readOptions...)
	if err != nil {
		return response{}, err
	}
	found, err := c.server.app.Policy(c.ctx(), c.caller, c.id("id"))
	return response{status: http.StatusOK, value: found.Value, etag: found.ETag, shape: o.shape}, err
}

// replacePolicy is PUT: what the body does not name must be at its default (RULES OBJ-05, as WIRE corrects it).
func replacePolicy(c *call) (response, error) {
	body, ifMatch, err := c.edit(strict.Policy)
	if err != nil {
		return response{}, err
	}
	made, err := c.server.app.UpdatePolicy(c.ctx(), c.caller, c.id("id"), ifMatch, func(policy *governance.AssignmentPolicy) error {
		return apply(policy, body.Replace)
	})
	return response{status: http.StatusOK, value: made.Value, etag: made.ETag, shape: plain(policyKind)}, err
}

// mergePolicy is PATCH: what the body does not have stays as it is (BEYOND BEY-01).
func mergePolicy(c *call) (response, error) {
	body, ifMatch, err := c.edit(strict.Policy)
	if err != nil {
		return response{}, err
	}
	made, err := c.server.app.UpdatePolicy(c.ctx(), c.caller, c.id("id"), ifMatch, func(policy *governance.AssignmentPolicy) error {
		return apply(policy, body.Merge)
	})
	return c.changed(made.Value, made.ETag, policyKind, err)
}
