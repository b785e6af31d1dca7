package simulation

import (
	"crypto/sha256"
	"encoding/hex"

	"latchkey/handlers"
	"latchkey/shared/app/access"
	"latchkey/shared/app/catalog"
	"latchkey/shared/app/companion"
	"latchkey/shared/app/evidence"
	"latchkey/shared/app/lifecycle"
	"latchkey/shared/app/operate"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// process is one instance of the product: all use cases at once.
type process struct {
	*ledger.Ledger
	*catalog.Catalogs
	*catalog.Packages
	*catalog.Policies
	*catalog.Resources
	*access.Requests
	*access.Approvals
	companion.Tasks
	companion.Actions
	*evidence.Trail
	*operate.Worker
	*lifecycle.Sweeper
}

func start(ports handlers.Ports) *process {
	u := handlers.Wire(ports)
	return &process{u.Ledger, u.Catalogs, u.Packages, u.Policies, u.Resources, u.Requests, u.Approvals, u.Tasks, u.Actions, u.Trail, u.Worker, u.Sweeper}
}

// firstID is the id of the first thing that is made under a key.
func firstID(caller governance.Caller, key, body string) string {
	place := governance.NameID("idempotency:" + caller.TenantID + ":" + caller.ObjectID + ":" + caller.AppID + ":" + key)
	sum := sha256.Sum256([]byte(body))
	return governance.NameID(place + ":" + hex.EncodeToString(sum[:]) + ":1")
}
