package directory

import (
	"context"

	"latchkey/shared/governance"
)

// PassOrder is what a Temporary Access Pass is to be like.
type PassOrder struct {
	Start      *governance.DateTime // nil: at once; one in the past is refused
	Minutes    int
	UsableOnce bool
}

// Actions is the part of the port that the actions of custom extensions need. It is kept apart from Directory, because a tenant that has none of them grants none of its permissions.
type Actions interface {
	// Granted lists the application permissions that the identity has in Graph, as its own token says. Errors: ErrUnavailable, also for a token that does not say.
	Granted(ctx context.Context) ([]string, error)

	// PassPolicy reads the tenant's policy of Temporary Access Passes.
	PassPolicy(ctx context.Context) (governance.PassPolicy, error)
	// Passes lists the Temporary Access Passes of a person, without their values; there is one at most. Errors: ErrNotFound.
	Passes(ctx context.Context, userID string) ([]governance.AccessPass, error)
	// IssuePass makes a Temporary Access Pass. Its value is in this answer only: it can never be read again. Somebody who has one already, or an order that the policy does not allow, is ErrRefused.
	// It is not safe to repeat without a look at Passes: after ErrUnavailable there may be a pass that nobody knows. Errors: ErrNotFound, ErrRefused.
	IssuePass(ctx context.Context, userID string, order PassOrder) (governance.AccessPass, governance.Secret, error)
	// DeletePass takes a pass away. One that is gone, or whose owner is, is a success.
	DeletePass(ctx context.Context, userID, passID string) error

	// DirectoryRoles lists the directory roles that a person holds or is eligible for, themselves or through groups, those among them that the person may yet join in Privileged Identity Management.
	// A role may be listed twice. Errors: ErrNotFound.
	DirectoryRoles(ctx context.Context, userID string) ([]Role, error)
	// RevokeSessions signs a person out everywhere. Errors: ErrNotFound.
	RevokeSessions(ctx context.Context, userID string) error

	// App reads an Intune app with its assignments. Errors: ErrNotFound.
	App(ctx context.Context, appID string) (governance.MobileApp, error)
	// AssignApp adds one assignment to an Intune app and leaves its others alone. One that is there already is a success. Errors: ErrNotFound, ErrRefused if the group has another intent.
	AssignApp(ctx context.Context, appID, groupID string, intent governance.AppIntent) error

	// Resume ends the wait of a custom extension: path is below the version of Graph, body is JSON. Errors: ErrNotFound, ErrRefused when nothing waits any more.
	Resume(ctx context.Context, path string, body []byte) error
}

// Role is a directory role of a person.
type Role struct {
	TemplateID string // or the id of a custom role; UnknownRole: one that cannot be told
	Eligible   bool   // it is not held, but whoever signs in as the person may activate it
}

// UnknownRole stands for a directory role that cannot be told.
const UnknownRole = "unknown"
