package api

import (
	"net/http"

	"latchkey/handlers/api/strict"
	"latchkey/shared/governance"
)

// recurrences tells the dates of a patternedRecurrence.
var recurrences = &descriptor{
	kind: &kind{set: "recurrences"},
	verbs: func(s *Server) []verb {
		expand := answering(http.MethodPost, "/operations/recurrences/expand", http.StatusOK, func(c *call) (any, error) {
			var asked struct {
				Recurrence *governance.Recurrence
				Count      int
			}
			if err := c.parameters(&asked); err != nil {
				return nil, err
			}
			dates, err := s.use.Recurrences.ExpandRecurrence(c.ctx(), c.caller, asked.Recurrence, asked.Count)
			return map[string]any{"dates": dates}, err
		})
		expand.takes = strict.RecurrenceQuestion
		return []verb{expand}
	},
}
