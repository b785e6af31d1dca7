package ledger

import (
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Register adds a kind of documents for the tests.
func Register[T governance.Document](container store.Container, work governance.Work, due func(T) time.Time) {
	one := row(container, work, false, due)
	all = append(all, one)
	kinds[one.name] = one
}

// WithCommand is withCommand.
var WithCommand = withCommand
