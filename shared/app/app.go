package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// Options are what an App is made of. Store, Bus and Directory are needed; the rest has defaults.
type Options struct {
	Store     store.Store
	Bus       bus.Bus
	Directory directory.Directory
	// Actions is what custom extensions have done in the directory; nil: Directory, if it can do that.
	Actions directory.Actions
	// Outbound sends what webhooks and tickets send; nil: nothing is sent.
	Outbound Outbound
	// Secret is a secret that settings name, such as a webhook's key; nil: there are none.
	Secret func(name string) governance.Secret
	// PublicURL is where the API is found from outside; tickets are told it for their answers.
	PublicURL string
	Clock     platform.Clock
	NewID     platform.IDSource
	Logger    *slog.Logger
	// Sleep waits between tries of a commit; it returns early with the context's error. Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Jitter picks a wait below most, so that rivals do not meet again. Default: random.
	Jitter func(most time.Duration) time.Duration
	// PortalURL is where the links in mails lead; empty: no links.
	PortalURL string
	// AuditChains is how many audit chains a run of Reconcile verifies at most; 0: none.
	AuditChains int
	// Dependencies are what health asks after beside the ports.
	Dependencies []Dependency
}

// App is all use cases. It is safe for concurrent use.
type App struct {
	store     store.Store
	bus       bus.Bus
	directory directory.Directory
	actions   directory.Actions
	outbound  Outbound
	secret    func(name string) governance.Secret
	clock     platform.Clock
	newID     platform.IDSource
	log       *slog.Logger
	sleep     func(ctx context.Context, d time.Duration) error
	jitter    func(most time.Duration) time.Duration
	portalURL string
	publicURL string

	others      []Dependency
	auditChains int // that Reconcile verifies in a run

	places   *placeCache   // which partition a document is in
	catalogs *catalogCache // catalogs as of a head's ETag
	features *features     // that are configured
}

// New makes an App.
func New(o Options) *App {
	a := &App{
		store: o.Store, bus: o.Bus, directory: o.Directory, clock: o.Clock, newID: o.NewID, log: o.Logger, sleep: o.Sleep, jitter: o.Jitter,
		portalURL: o.PortalURL, auditChains: o.AuditChains, others: o.Dependencies, places: newPlaceCache(), catalogs: newCatalogCache(), features: &features{},
	}
	if a.actions = o.Actions; a.actions == nil {
		a.actions, _ = o.Directory.(directory.Actions) // a directory without them has no custom extensions
	}
	a.outbound, a.secret, a.publicURL = o.Outbound, o.Secret, o.PublicURL
	if a.outbound == nil {
		a.outbound = platform.NoOutbound{}
	}
	if a.secret == nil {
		a.secret = func(string) governance.Secret { return governance.Secret{} }
	}
	if a.clock == nil {
		a.clock = platform.SystemClock{}
	}
	if a.newID == nil {
		a.newID = platform.RandomIDs
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.sleep == nil {
		a.sleep = sleep
	}
	if a.jitter == nil {
		a.jitter = func(most time.Duration) time.Duration { return rand.N(most) }
	}
	return a
}

// Under is the App for one command under an idempotency key: its commit is named by ids, those of Once, so that a repetition that finds it done does not do it again. It is for commands
// that make nothing with an id of its own.
func (a *App) Under(ids platform.IDSource) *App {
	named := *a
	named.newID = ids
	return &named
}

// Now is the present by the app's clock.
func (a *App) Now() time.Time { return a.clock.Now() }

// now is the present, as it is stored: to the millisecond.
func (a *App) now() time.Time { return a.clock.Now().UTC().Truncate(time.Millisecond) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ListOptions are what every list takes.
type ListOptions struct {
	Filter       Filter // nil: all
	PageSize     int    // 0: the default
	Continuation string // from the page before

	partition string // only this one
}

// Filter is a condition on a resource, in its Graph property names.
type Filter = store.Filter

// The parts that a filter is made of; see shared/store.
type (
	Compare    = store.Compare
	Comparison = store.Comparison
	Match      = store.Match
	Matching   = store.Matching
	In         = store.In
	Any        = store.Any
	And        = store.And
	Or         = store.Or
	Not        = store.Not
)

// The operators of filters.
const (
	Equal          = store.Equal
	NotEqual       = store.NotEqual
	Less           = store.Less
	LessOrEqual    = store.LessOrEqual
	Greater        = store.Greater
	GreaterOrEqual = store.GreaterOrEqual
	Contains       = store.Contains
	StartsWith     = store.StartsWith
	EndsWith       = store.EndsWith
)

// MaxPageSize bounds the PageSize of a list.
const MaxPageSize = store.MaxPageSize

// Versioned is a resource with the ETag of its present version.
type Versioned[T any] struct {
	Value T
	ETag  string
}

// Page is a part of a list. It may be empty and still have a Continuation; an empty Continuation ends the list.
type Page[T any] struct {
	Items        []Versioned[T]
	Continuation string
}
