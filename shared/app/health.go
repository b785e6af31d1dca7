package app

import (
	"context"
	"errors"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Health says whether a dependency answers, without an address or an id.
type Health struct {
	Dependency string `json:"dependency"`
	Status     string `json:"status"` // ok or failing
	Detail     string `json:"detail,omitempty"`
}

// CheckHealth asks the store and the directory the cheapest thing they answer. The bus is not asked: sending is what it does, and what it does not take is in the outbox.
func (a *App) CheckHealth(ctx context.Context) []Health {
	report := func(dependency string, err error) Health {
		if err == nil {
			return Health{Dependency: dependency, Status: "ok"}
		}
		a.log.ErrorContext(ctx, "a dependency fails its health check", "dependency", dependency, "error", err)
		return Health{Dependency: dependency, Status: "failing", Detail: string(CodeOf(err))}
	}
	_, storeErr := a.store.Get(ctx, store.Subjects, governance.NobodyID, kindHead)
	_, directoryErr := a.directory.User(ctx, governance.NobodyID)
	if isNotFound(directoryErr) {
		directoryErr = nil
	}
	return []Health{report("store", storeErr), report("directory", directoryErr)}
}

// Healthy says whether all of them are.
func Healthy(reports []Health) error {
	for _, one := range reports {
		if one.Status != "ok" {
			return unavailable("A dependency", errors.New(one.Dependency))
		}
	}
	return nil
}
