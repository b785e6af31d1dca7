package api

import (
	"latchkey/shared/app/access"
	"latchkey/shared/app/automatic"
	"latchkey/shared/app/catalog"
	"latchkey/shared/app/companion"
	"latchkey/shared/app/evidence"
	"latchkey/shared/app/operate"
	"latchkey/shared/app/review"
	"latchkey/shared/ledger"
)

// UseCases are what the API calls.
type UseCases struct {
	Ledger      *ledger.Ledger // for commands under an Idempotency-Key
	Catalogs    *catalog.Catalogs
	Packages    *catalog.Packages
	Policies    *catalog.Policies
	Resources   *catalog.Resources
	Requests    *access.Requests
	Approvals   *access.Approvals
	Assignments *access.Assignments
	Offers      *access.Offers
	Rules       *automatic.Rules
	Recurrences *review.Recurrences
	Tasks       companion.Tasks
	Actions     companion.Actions
	Trail       *evidence.Trail
	Health      *operate.Checker
}
