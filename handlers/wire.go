package handlers

import (
	"context"
	"log/slog"
	"time"

	"latchkey/handlers/api"
	"latchkey/shared/app/access"
	"latchkey/shared/app/authz"
	"latchkey/shared/app/automatic"
	"latchkey/shared/app/catalog"
	"latchkey/shared/app/companion"
	"latchkey/shared/app/evidence"
	"latchkey/shared/app/lifecycle"
	"latchkey/shared/app/notice"
	"latchkey/shared/app/operate"
	"latchkey/shared/app/review"
	"latchkey/shared/bus"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// Ports are what use cases reach, and the little that is set for them. Store, Bus and Directory are needed; the rest has defaults.
type Ports struct {
	Store     store.Store
	Bus       bus.Bus
	Directory directory.Directory
	// Actions is what custom extensions have done in the directory; nil: Directory, if it can do that.
	Actions directory.Actions
	// CatalogRoles tells who has roles in catalogs; nil: nobody.
	CatalogRoles authz.CatalogRoles
	// Outbound sends what webhooks and tickets send; nil: nothing is sent.
	Outbound companion.Outbound
	// Secrets are those that settings name, such as a webhook's key.
	Secrets platform.Secrets
	// PassRights says for whom a pass is issued beside those without a directory role; the zero value: for nobody.
	PassRights companion.PassRights
	PublicURL  string // where the API is found from outside; tickets are told it for their answers
	PortalURL  string // where the links in mails lead; empty: no links
	Clock      platform.Clock
	NewID      platform.IDSource
	Salt       func() string
	Logger     *slog.Logger
	Sleep      func(ctx context.Context, d time.Duration) error
	Jitter     func(most time.Duration) time.Duration
	// AuditChains is how many audit chains a run of Reconcile verifies at most; 0: none.
	AuditChains int
	// RequestsPerHour is how many requests for one package somebody may make for themselves within an hour; 0: any number.
	RequestsPerHour int
	// Dependencies are what health asks after beside the ports.
	Dependencies []operate.Dependency
}

// UseCases are all there are: those that the API calls, and those of queues and timers.
type UseCases struct {
	api.UseCases
	Worker  *operate.Worker
	Sweeper *lifecycle.Sweeper
}

// Wire makes the use cases, each with what it needs. No area knows another: what one needs of another, it is given here.
func Wire(p Ports) UseCases {
	if p.Actions == nil {
		p.Actions, _ = p.Directory.(directory.Actions) // a directory without them has no custom extensions
	}
	if p.Outbound == nil {
		p.Outbound = platform.NoOutbound{}
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	l := ledger.New(ledger.Options{Store: p.Store, Bus: p.Bus, Clock: p.Clock, NewID: p.NewID, Salt: p.Salt, Logger: p.Logger, Sleep: p.Sleep, Jitter: p.Jitter})
	people := directory.NewRecent(p.Directory, l.Now)
	a := authz.New(p.CatalogRoles, people)
	setup := &catalog.Ports{Ledger: l, Authz: a, Directory: p.Directory}
	tasks := &companion.Ports{Ledger: l, Authz: a, Directory: p.Directory, Actions: p.Actions, Outbound: p.Outbound, Secrets: p.Secrets, PassRights: p.PassRights, PublicURL: p.PublicURL, Log: p.Logger}
	trail := &evidence.Trail{Ledger: l, Authz: a, Store: p.Store, Log: p.Logger}
	delivery := &access.Delivery{Ledger: l, Directory: people, Log: p.Logger}
	notifier := &notice.Notifier{Ledger: l, Directory: people, Log: p.Logger, PortalURL: p.PortalURL}
	companion := companion.Tasks{Ports: tasks}
	return UseCases{
		UseCases: api.UseCases{
			Ledger:      l,
			Catalogs:    &catalog.Catalogs{Ports: setup},
			Packages:    &catalog.Packages{Ports: setup},
			Policies:    &catalog.Policies{Ports: setup},
			Resources:   &catalog.Resources{Ports: setup},
			Requests:    &access.Requests{Ledger: l, Authz: a, Directory: people, MostPerHour: p.RequestsPerHour},
			Approvals:   &access.Approvals{Ledger: l, Authz: a, Directory: people},
			Assignments: &access.Assignments{Ledger: l, Authz: a},
			Offers:      &access.Offers{Ledger: l, Authz: a, Directory: people},
			Rules:       &automatic.Rules{Authz: a, Now: l.Now},
			Recurrences: &review.Recurrences{Authz: a},
			Tasks:       companion,
			Actions:     actionsOf(tasks),
			Trail:       trail,
			Health: &operate.Checker{
				Ledger: l, Authz: a, Store: p.Store, Bus: p.Bus, Directory: p.Directory, Actions: p.Actions, Needs: actionsOf(tasks), Others: p.Dependencies, Log: p.Logger,
			},
		},
		Worker: &operate.Worker{Ledger: l, Authz: a, Bus: p.Bus, Log: p.Logger, Handlers: map[operate.Key]func(context.Context, governance.Effect) error{
			{What: governance.WorkProvision, Kind: governance.Assignment{}.DocumentKind()}:     delivery.Provision,
			{What: governance.WorkDue, Kind: governance.Assignment{}.DocumentKind()}:           delivery.AssignmentIsDue,
			{What: governance.WorkDue, Kind: governance.AssignmentRequest{}.DocumentKind()}:    delivery.RequestIsDue,
			{What: governance.WorkReach, Kind: governance.Reach{}.DocumentKind()}:              delivery.Reach,
			{What: governance.WorkNotify, Kind: governance.AssignmentRequest{}.DocumentKind()}: notifier.Notify,
			{What: governance.WorkTask, Kind: governance.Task{}.DocumentKind()}:                companion.WorkTask,
		}},
		Sweeper: &lifecycle.Sweeper{Ledger: l, Authz: a, Store: p.Store, Chains: trail, Log: p.Logger, AuditChains: p.AuditChains},
	}
}

func actionsOf(tasks *companion.Ports) companion.Actions { return companion.Actions{Ports: tasks} }
