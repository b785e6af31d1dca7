package api

import (
	"net/http"
	"reflect"

	"latchkey/shared/app"
	"latchkey/shared/governance"
)

// calloutActionKinds are what actions can do.
var calloutActionKinds = &descriptor{
	kind: &kind{set: "calloutActionKinds", of: reflect.TypeFor[app.ActionKind]()},
	verbs: func(s *Server) []verb {
		return []verb{list("/operations/calloutActionKinds", func(c *call, o app.ListOptions) (app.Page[app.ActionKind], error) {
			kinds, err := s.app.ActionKinds(c.caller)
			if err != nil {
				return app.Page[app.ActionKind]{}, err
			}
			return few(kinds, o)
		})}
	},
}

// calloutActions are the actions of custom extensions, as they are configured.
var calloutActions = &descriptor{
	kind: &kind{set: "calloutActions", of: reflect.TypeFor[governance.CalloutAction](), fields: map[string]field{"name": text, "kind": text}},
	// Another member is refused: "caller" for "callers" would let every application call. Those that only answers have may come back.
	members: []string{"name", "displayName", "kind", "isEnabled", "settings", "callers", "stages", "onFailure", "modifiedDateTime", "findings"},
	verbs: func(s *Server) []verb {
		const all, one = "/operations/calloutActions", "/operations/calloutActions/{name}"
		put := change(http.MethodPut, one, func(c *call, e edit[governance.CalloutAction]) (app.Versioned[app.ConfiguredAction], error) {
			var draft governance.CalloutAction
			if err := e.apply(&draft); err != nil {
				return app.Versioned[app.ConfiguredAction]{}, err
			}
			return s.app.PutAction(c.ctx(), c.caller, c.ids[0], draft, e.ifMatch)
		})
		put.upsert = true
		rehearse := answering(http.MethodPost, one+"/rehearse", http.StatusOK, func(c *call) (any, error) {
			payload, err := c.body()
			if err != nil {
				return nil, err
			}
			lines, err := s.app.RehearseAction(c.ctx(), c.caller, c.ids[0], payload)
			return map[string]any{"would": lines}, err
		})
		rehearse.body = carrying
		return []verb{
			list(all, use(s.app.ListActions)),
			read(one, use(s.app.CalloutAction)),
			put,
			remove(one, s.app.DeleteAction),
			answering(http.MethodPost, one+"/check", http.StatusOK, func(c *call) (any, error) { return s.app.CheckAction(c.ctx(), c.caller, c.ids[0]) }),
			rehearse,
		}
	},
}
