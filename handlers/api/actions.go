package api

import (
	"encoding/json"
	"net/http"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app"
	"latchkey/shared/governance"
)

var (
	actionKind  = &kind{set: "calloutActions", fields: map[string]field{"name": text, "kind": text}}
	calloutKind = &kind{set: "callouts", fields: calloutFields, internal: []string{"settings", "resumePath", "claim"}}

	calloutFields = map[string]field{
		"id": identifier, "action": text, "kind": text, "state": text, "stage": text, "requestId": identifier, "target/objectId": identifier, "acceptedDateTime": instant,
	}
)

// routeActions are the actions of custom extensions, and the callouts that came for them.
func routeActions(s *Server) {
	const actions, callouts = "/operations/calloutActions", "/operations/callouts"
	s.route(http.MethodGet, "/operations/calloutActionKinds", func(c *call) (response, error) {
		kinds, err := s.app.ActionKinds(c.caller)
		return response{status: http.StatusOK, value: map[string]any{"value": kinds}}, err
	})
	s.route(http.MethodGet, actions, listed(actionKind, func(c *call) lister[governance.CalloutAction] {
		return func(o app.ListOptions, _ options) (app.Page[governance.CalloutAction], error) {
			return s.app.ListActions(c.ctx(), c.caller, o)
		}
	}))
	s.route(http.MethodGet, actions+"/{name}", func(c *call) (response, error) {
		found, err := s.app.CalloutAction(c.ctx(), c.caller, c.id("name"))
		return response{status: http.StatusOK, value: found.Value, etag: found.ETag}, err
	})
	s.route(http.MethodPut, actions+"/{name}", func(c *call) (response, error) {
		draft, err := decode[governance.CalloutAction](c, strict.Action)
		if err != nil {
			return response{}, err
		}
		ifMatch, err := c.ifMatch()
		if err != nil {
			return response{}, err
		}
		made, err := s.app.PutAction(c.ctx(), c.caller, c.id("name"), draft, ifMatch)
		status := http.StatusOK
		if ifMatch == "" {
			status = http.StatusCreated
		}
		return response{status: status, value: made.Value, etag: made.ETag}, err
	})
	s.route(http.MethodDelete, actions+"/{name}", func(c *call) (response, error) {
		ifMatch, err := c.ifMatch()
		if err != nil {
			return response{}, err
		}
		return response{status: http.StatusNoContent}, s.app.DeleteAction(c.ctx(), c.caller, c.id("name"), ifMatch)
	})
	s.route(http.MethodPost, actions+"/{name}/check", func(c *call) (response, error) {
		if err := c.parameters(strict.Nothing); err != nil {
			return response{}, err
		}
		checked, err := s.app.CheckAction(c.ctx(), c.caller, c.id("name"))
		return response{status: http.StatusOK, value: checked}, err
	})
	s.route(http.MethodPost, actions+"/{name}/rehearse", func(c *call) (response, error) {
		payload, err := c.body()
		if err != nil {
			return response{}, err
		}
		lines, err := s.app.RehearseAction(c.ctx(), c.caller, c.id("name"), payload)
		return response{status: http.StatusOK, value: map[string]any{"would": lines}}, err
	})
	s.route(http.MethodGet, callouts, listed(calloutKind, func(c *call) lister[governance.Callout] {
		return func(o app.ListOptions, _ options) (app.Page[governance.Callout], error) {
			return s.app.ListCallouts(c.ctx(), c.caller, o)
		}
	}))
	s.route(http.MethodGet, callouts+"/{id}", func(c *call) (response, error) {
		found, err := s.app.Callout(c.ctx(), c.caller, c.id("id"))
		return response{status: http.StatusOK, value: found.Value, etag: found.ETag, shape: plain(calloutKind)}, err
	})
	// Not by s.route: what a POST with an Idempotency-Key answers is kept for its repetition, and a pass is kept nowhere.
	s.open(http.MethodPost, callouts+"/{id}/showPass", func(c *call) (response, error) {
		if err := c.authenticate(); err != nil {
			return response{}, err
		}
		if len(c.r.Header.Values("Idempotency-Key")) > 0 {
			return response{}, governance.Invalid("Idempotency-Key", "A pass is shown once; it cannot be asked for with an Idempotency-Key.")
		}
		if err := c.parameters(strict.Nothing); err != nil {
			return response{}, err
		}
		shown, err := s.app.ShowPass(c.ctx(), c.caller, c.id("id"))
		if err != nil {
			return response{}, err
		}
		body, err := json.Marshal(map[string]any{
			"temporaryAccessPass": shown.Value.Reveal(), "startDateTime": shown.StartDateTime, "lifetimeInMinutes": shown.Minutes, "isUsableOnce": shown.UsableOnce,
		})
		return response{status: http.StatusOK, encoded: body}, err
	})
}
