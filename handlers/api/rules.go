package api

import (
	"net/http"

	"latchkey/handlers/api/strict"
	"latchkey/shared/app/automatic"
)

// rules tries membership rules on people who are sent with them.
var rules = &descriptor{
	kind: &kind{set: "rules"},
	verbs: func(s *Server) []verb {
		evaluate := answering(http.MethodPost, "/operations/rules/evaluate", http.StatusOK, func(c *call) (any, error) {
			var asked automatic.Question
			if err := c.parameters(&asked); err != nil {
				return nil, err
			}
			return s.use.Rules.EvaluateRule(c.ctx(), c.caller, asked)
		})
		evaluate.takes = strict.RuleQuestion
		return []verb{evaluate}
	},
}
