package ledger

import (
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// Register adds a kind of documents for the tests.
func Register[T governance.Document](container store.Container, work governance.Work) {
	one := row[T](container, work, false)
	all = append(all, one)
	kinds[one.name] = one
}

// WithCommand is withCommand.
var WithCommand = withCommand
