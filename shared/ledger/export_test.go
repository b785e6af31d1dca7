package ledger

import (
	"context"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Register adds a kind of documents for the tests.
func Register[T governance.Document](container store.Container, work governance.Work, at func(T) time.Time) {
	one := due(container, work, at)
	all = append(all, one)
	kinds[one.name] = one
}

// Works are the kinds of documents that something is done for when they are due, each with what.
func Works() map[string]governance.Work {
	works := map[string]governance.Work{}
	for _, of := range all {
		if of.work != "" {
			works[of.name] = of.work
		}
	}
	return works
}

// WithCommand is the context of a command by its name, which may have been carried out before.
func WithCommand(ctx context.Context, name string) context.Context {
	return withCommand(ctx, command{name: name})
}

// ReadAnew is readAnew.
const ReadAnew = readAnew
