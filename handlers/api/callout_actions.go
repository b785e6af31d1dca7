package api

import (
	"net/http"
	"reflect"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app/companion"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// calloutActionKinds are what actions can do.
var calloutActionKinds = &descriptor{
	kind: &kind{set: "calloutActionKinds", of: reflect.TypeFor[companion.ActionKind]()},
	verbs: func(s *Server) []verb {
		return []verb{list("/operations/calloutActionKinds", func(c *call, o ledger.ListOptions) (ledger.Page[companion.ActionKind], error) {
			kinds, err := s.use.Actions.ActionKinds(c.ctx(), c.caller)
			if err != nil {
				return ledger.Page[companion.ActionKind]{}, err
			}
			return few(kinds, o)
		})}
	},
}

// calloutActions are the actions of custom extensions, as they are configured.
var calloutActions = &descriptor{
	kind: &kind{set: "calloutActions", of: reflect.TypeFor[governance.CalloutAction](), fields: map[string]field{"name": text, "kind": text}},
	body: strict.Actions(companion.Schemas()),
	verbs: func(s *Server) []verb {
		const all, one = "/operations/calloutActions", "/operations/calloutActions/{name}"
		put := change(http.MethodPut, one, editing(s.use.Actions.PutAction))
		put.upsert = true
		rehearse := answering(http.MethodPost, one+"/rehearse", http.StatusOK, func(c *call) (any, error) {
			payload, err := c.body()
			if err != nil {
				return nil, err
			}
			lines, err := s.use.Actions.RehearseAction(c.ctx(), c.caller, c.ids[0], payload)
			return map[string]any{"would": lines}, err
		})
		rehearse.body, rehearse.reads = carrying, true
		check := answering(http.MethodPost, one+"/check", http.StatusOK, func(c *call) (any, error) { return s.use.Actions.CheckAction(c.ctx(), c.caller, c.ids[0]) })
		check.reads = true
		return []verb{
			list(all, use(s.use.Actions.ListActions)),
			read(one, use(s.use.Actions.CalloutAction)),
			put,
			remove(one, s.use.Actions.DeleteAction),
			check, rehearse,
		}
	},
}
