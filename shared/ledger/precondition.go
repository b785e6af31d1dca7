package ledger

import (
	"context"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
)

type expectationKey struct{}

// expectation is the version of a document that the caller saw.
type expectation struct {
	document governance.Document
	ifMatch  string
}

// Expecting has every command under ctx that finds a document commit only if that is still of the version that ifMatch names: for what is changed as a part of another resource. Errors of those
// commands: CodePrecondition, which goes before a refusal for the state of things, but not before one for who asks.
func Expecting(ctx context.Context, document governance.Document, ifMatch string) context.Context {
	return context.WithValue(ctx, expectationKey{}, expectation{document, ifMatch})
}

// unexpected is what became of a command, or that what it changes is not what the caller saw.
func unexpected(ctx context.Context, state engine.State, err error) error {
	expects, ok := ctx.Value(expectationKey{}).(expectation)
	if code := governance.CodeOf(err); !ok || err != nil && code != governance.CodeConflict && code != governance.CodeInvalid {
		return err
	}
	if etag := state.ETag(expects.document); etag != "" {
		if changed := Matches(expects.ifMatch, etag); changed != nil {
			return changed
		}
	}
	return err
}
