package companion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"latchkey/shared/directory"
)

// Signing out (PRV-13).
var _ = declare(ActionKind{
	Kind:        "revokeSessions",
	DisplayName: "Revoke sign-in sessions",
	Description: "Signs the person out everywhere: refresh tokens and browser sessions end, access tokens run out within the hour.",
	Schema:      json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{}}`),
	Permissions: [][]string{{"User.RevokeSessions.All", "User.ReadWrite.All", "Directory.ReadWrite.All"}, {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}},
}, func() plan { return &sessionsPlan{} })

type sessionsPlan struct{}

func (*sessionsPlan) validate() error                     { return nil }
func (*sessionsPlan) preflight(context.Context, *checkup) {}

func (*sessionsPlan) run(ctx context.Context, w *work) (outcome, error) {
	err := w.once(ctx, "revoked", func() (string, error) {
		err := w.Actions.RevokeSessions(ctx, w.task.Target.ObjectID)
		if errors.Is(err, directory.ErrNotFound) {
			return "", giveUpf(err, "The person whom this is for no longer exists in the directory.")
		}
		return "", inWords(err, "Revoking the sign-in sessions")
	})
	return outcome{detail: "The person was signed out everywhere."}, err
}

func (*sessionsPlan) rehearse(ctx context.Context, w *work) ([]string, error) {
	user, err := w.target(ctx)
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("It would sign %s out everywhere.", nameOf(user))}, nil
}
