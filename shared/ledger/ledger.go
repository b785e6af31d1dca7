// Package ledger is the one way to change anything that is stored: read a place (a partition of a container), have a pure function decide, seal, commit state, audit and outbox together, flush.
// It knows where documents lie, what of them is due, and which command was carried out before; what the documents mean, it does not know.
//
// One invariant carries it: every commit replaces the head of its place by ETag, so all decisions about a place are made one after the other.
package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"latchkey/shared/bus"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// Options are what a Ledger is made of. Store and Bus are needed; the rest has defaults.
type Options struct {
	Store  store.Store
	Bus    bus.Bus
	Clock  platform.Clock
	NewID  platform.IDSource
	Salt   func() string // what nobody can guess, for the personal part of audit entries
	Logger *slog.Logger
	// Sleep waits between tries of a commit; it returns early with the context's error. Default: a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Jitter picks a wait below most, so that rivals do not meet again. Default: random.
	Jitter func(most time.Duration) time.Duration
}

// Ledger is safe for concurrent use.
type Ledger struct {
	options Options
	places  *cache[string]   // which partition a document is in: documents never move
	wholes  *cache[*wholeAt] // places as of a version of their heads
}

// New makes a Ledger.
func New(o Options) *Ledger {
	if o.Clock == nil {
		o.Clock = platform.SystemClock{}
	}
	if o.NewID == nil {
		o.NewID = platform.RandomIDs
	}
	if o.Salt == nil {
		o.Salt = rand.Text
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Jitter == nil {
		o.Jitter = func(most time.Duration) time.Duration { return mathrand.N(most) }
	}
	return &Ledger{options: o, places: newCache[string](maxPlaces), wholes: newCache[*wholeAt](maxWholes)}
}

// Now is the present, as it is stored: to the millisecond.
func (l *Ledger) Now() time.Time { return l.options.Clock.Now().UTC().Truncate(time.Millisecond) }

// command is one command under a name of its own, such as that of an idempotency key: whatever it makes and commits is named after the key, so that a repetition finds what was made. It is used by one goroutine at a time.
type command struct {
	name         string
	ids, commits int
	begin        func(context.Context) error // before the first commit; nil: nothing
	first        bool                        // nothing can have been made under the name before
	replayed     bool                        // it is over: whoever sends it again is only to be let through to its answer, and nothing is changed
}

type commandKey struct{}

// withCommand is the context of one command.
func withCommand(ctx context.Context, c command) context.Context {
	return context.WithValue(ctx, commandKey{}, &c)
}

func commandOf(ctx context.Context) *command {
	c, _ := ctx.Value(commandKey{}).(*command)
	return c
}

// Beside is the context of what is done beside a command and is no part of what its key names, such as taking back what it began; it outlives the call.
func Beside(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), commandKey{}, (*command)(nil))
}

// repeats says whether what is done may have been done before, under the same name.
func repeats(ctx context.Context) bool {
	c := commandOf(ctx)
	return c != nil && !c.first
}

// NewID is the id for something new.
func (l *Ledger) NewID(ctx context.Context) string {
	c := commandOf(ctx)
	if c == nil {
		return l.options.NewID()
	}
	c.ids++
	return governance.NameID(fmt.Sprintf("%s:%d", c.name, c.ids))
}

// commitID is the name of a commit, and whether it may have been made before.
func (l *Ledger) commitID(ctx context.Context) (id string, repeats bool) {
	c := commandOf(ctx)
	if c == nil {
		return l.options.NewID(), false
	}
	c.commits++
	return governance.NameID(fmt.Sprintf("%s:commit:%d", c.name, c.commits)), !c.first
}

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
