package api

import (
	"net/http"
	"reflect"

	"latchkey/shared/governance"
)

// callouts are what custom extensions called for.
var callouts = &descriptor{
	kind: &kind{
		set: "callouts", of: reflect.TypeFor[governance.Task](), internal: []string{"settings", "resumePath", "claim"},
		fields: map[string]field{
			"id": identifier, "action": text, "kind": text, "state": text, "stage": text, "requestId": identifier, "target/objectId": identifier,
			"acceptedDateTime": instant,
		},
	},
	verbs: func(s *Server) []verb {
		show := answering(http.MethodPost, "/operations/callouts/{id}/showPass", http.StatusOK, func(c *call) (any, error) {
			shown, err := s.use.Tasks.ShowPass(c.ctx(), c.caller, c.ids[0])
			if err != nil {
				return nil, err
			}
			return map[string]any{
				"temporaryAccessPass": shown.Value.Reveal(), "startDateTime": shown.StartDateTime, "lifetimeInMinutes": shown.Minutes,
				"isUsableOnce": shown.UsableOnce,
			}, nil
		})
		show.unkept = true // a pass is kept nowhere
		return []verb{list("/operations/callouts", use(s.use.Tasks.ListTasks)), read("/operations/callouts/{id}", use(s.use.Tasks.Task)), show}
	},
}
