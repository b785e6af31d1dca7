// Package operate holds what keeps Latchkey running: health, the worker of effects, and where messages go that nothing can be done with.
package operate

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/bus"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// Health says whether a dependency can do its work, and if not, what that stops and the command that mends it. It holds no address and no id: everybody may read it.
type Health struct {
	Dependency string `json:"dependency"`       // store/subjects, queue/provisioning, directory, permission/Mail.Send, …
	Status     string `json:"status"`           // ok, failing, or limited: only a feature that is configured does not work
	Detail     string `json:"detail,omitempty"` // missing, forbidden, throttled or unavailable; of a permission: not granted
	Stops      string `json:"stops,omitempty"`
	Mend       string `json:"mend,omitempty"`
	// DeadLetters says whether messages of a queue need an operator: dead letters, or parked ones. It is nil where that was not asked for, or could not be answered.
	DeadLetters *bool `json:"deadLetters,omitempty"`
}

// The statuses.
const (
	statusOK      = "ok"
	statusFailing = "failing"
	statusLimited = "limited"
)

// What an adapter may have beside its port: a question that changes nothing, and whose answer says what an operator can mend.
type (
	containerChecker interface {
		Check(ctx context.Context, container store.Container) error
	}
	queueChecker interface {
		Check(ctx context.Context, queue string) error
	}
	deadLetterChecker interface {
		HasDeadLetters(ctx context.Context, queue string) (bool, error)
	}
	directoryChecker interface {
		Health(ctx context.Context) error
	}
)

// Checker asks what Latchkey depends on whether it can do its work.
type Checker struct {
	Ledger    *ledger.Ledger
	Authz     *authz.Authorizer
	Store     store.Reader
	Bus       bus.Bus
	Directory directory.Directory
	Actions   directory.Actions // that the identity's permissions are asked of; nil: they are not looked at
	Needs     ActionNeeds
	Others    []Dependency // what to ask after beside the ports
	Log       *slog.Logger

	features features // that are configured
}

// CheckDeadLetters adds to reports whether each queue has dead letters. Errors: CodeForbidden.
func (c *Checker) CheckDeadLetters(ctx context.Context, caller governance.Caller, reports []Health) ([]Health, error) {
	if err := c.Authz.Require(ctx, caller, authz.OpReadAudit); err != nil {
		return nil, err
	}
	checker, ok := c.Bus.(deadLetterChecker)
	if !ok {
		return reports, nil
	}
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	reports = slices.Clone(reports)
	var asked sync.WaitGroup
	for i := range reports {
		queue, isQueue := strings.CutPrefix(reports[i].Dependency, "queue/")
		if !isQueue || reports[i].Status != statusOK {
			continue
		}
		asked.Go(func() {
			has, err := checker.HasDeadLetters(ctx, queue)
			if err != nil {
				c.Log.WarnContext(ctx, "whether a queue has dead letters is not known", "queue", queue, "error", err)
				return
			}
			reports[i].DeadLetters = &has
		})
	}
	asked.Wait()
	return reports, nil
}

// Dependency is one thing to ask after.
type Dependency struct {
	Name  string
	Stops string // what does not happen without it
	Ask   func(context.Context) error
}

// healthPatience bounds each question.
const healthPatience = 10 * time.Second

// CheckHealth asks every container, queue and the directory, all at the same time, and looks at the permissions that what is configured needs. It logs one line for each that fails, and for each
// permission that is missing when that is news.
func (c *Checker) CheckHealth(ctx context.Context) []Health {
	patient, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	all := c.dependencies()
	reports, failures := make([]Health, len(all)), make([]error, len(all))
	var asked sync.WaitGroup
	for i, one := range all {
		asked.Go(func() { failures[i] = one.Ask(patient) })
	}
	var grants []Health
	asked.Go(func() { grants = c.checkGrants(patient) })
	asked.Wait()
	for i, one := range all {
		reports[i] = Health{Dependency: one.Name, Status: statusOK}
		if err := failures[i]; err != nil {
			detail := ailment(err)
			reports[i] = Health{Dependency: one.Name, Status: statusFailing, Detail: detail, Stops: one.Stops, Mend: cure(one.Name, detail)}
			attributes := []any{"dependency", one.Name, "detail", detail, "stops", one.Stops, "mend", reports[i].Mend, "error", err}
			if detail == "missing" || detail == "forbidden" { // it does not pass by itself
				attributes = append(attributes, "alert", true)
			}
			if ctx.Err() == nil { // else it was not asked to the end: the process stops
				c.Log.ErrorContext(ctx, "a dependency fails", attributes...)
			}
		}
	}
	if untold, err := c.Ledger.SomebodyIsUntold(patient); err == nil && untold {
		reports = append(reports, Health{
			Dependency: "approvers", Status: statusLimited, Detail: "somebody cannot be told", Stops: "their mail: within a day, somebody who has to decide had no address that takes mail",
			Mend: "docs/operate/stuck-request.md#somebody-cannot-be-told",
		})
	}
	return append(reports, grants...)
}

// stops says what does not happen without a container or a queue.
var stops = map[string]string{
	string(store.Subjects): "requests, approvals and assignments", string(store.Catalogs): "catalogs, packages and policies", string(store.Reviews): "reviews",
	bus.Provisioning: "granting and removing access, deadlines", bus.Extensions: "custom extensions", bus.Notifications: "mail", bus.Parked: "putting unreadable messages aside",
}

// dependencies are those whose adapter can be asked. A bus that cannot be asked is left out: sending is what it does, and what it does not take is in the outbox.
func (c *Checker) dependencies() []Dependency {
	var all []Dependency
	for _, container := range store.Containers() {
		all = append(all, Dependency{"store/" + string(container), stops[string(container)], func(ctx context.Context) error {
			if checker, ok := c.Store.(containerChecker); ok {
				return checker.Check(ctx, container)
			}
			_, err := c.Store.Get(ctx, container, governance.NobodyID, governance.Head{}.DocumentKind())
			return err
		}})
	}
	if checker, ok := c.Bus.(queueChecker); ok {
		for _, queue := range bus.Queues() {
			all = append(all, Dependency{"queue/" + queue, stops[queue], func(ctx context.Context) error { return checker.Check(ctx, queue) }})
		}
	}
	all = append(all, c.Others...)
	return append(all, Dependency{"directory", "looking people up, granting and removing access", func(ctx context.Context) error {
		if checker, ok := c.Directory.(directoryChecker); ok {
			return checker.Health(ctx)
		}
		if _, err := c.Directory.User(ctx, governance.NobodyID); !errors.Is(err, directory.ErrNotFound) {
			return err
		}
		return nil
	}})
}

// ailment is the kind of a failure, without the words of whoever failed.
func ailment(err error) string {
	switch {
	case errors.Is(err, store.ErrMissing), errors.Is(err, bus.ErrNotFound):
		return "missing"
	case errors.Is(err, store.ErrForbidden), errors.Is(err, bus.ErrForbidden), errors.Is(err, directory.ErrForbidden):
		return "forbidden"
	case errors.Is(err, store.ErrThrottled), errors.Is(err, bus.ErrThrottled), errors.Is(err, directory.ErrThrottled):
		return "throttled"
	}
	return "unavailable"
}

// cure is the command that mends a failure.
func cure(dependency, detail string) string {
	switch {
	case detail == "throttled":
		return "wait; if it stays: docs/operate/graph-throttling.md"
	case detail == "forbidden" && dependency == "directory":
		return `infra/entra/setup.sh --identity "$(azd env get-value AZURE_IDENTITY_PRINCIPAL_ID)", then restart the app`
	case detail == "forbidden":
		return "azd provision assigns the role; it takes up to 10 minutes to work"
	case detail == "missing":
		return "azd provision creates it"
	}
	return "azd provision sets its address and the network right; if that changes nothing, wait until it answers"
}

// Healthy says whether all of them are, as far as that is needed to serve: what is limited does not count. Errors: CodeUnavailable.
func Healthy(reports []Health) error {
	for _, one := range reports {
		if one.Status == statusFailing {
			return ledger.Unavailable("A dependency", errors.New(one.Dependency))
		}
	}
	return nil
}

// HealthStatus is the worst status of all reports.
func HealthStatus(reports []Health) string {
	worst := statusOK
	for _, one := range reports {
		if one.Status == statusFailing || one.Status == statusLimited && worst == statusOK {
			worst = one.Status
		}
	}
	return worst
}
