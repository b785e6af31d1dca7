package handlers

import (
	"context"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

var _ directory.Actions = tracedDirectory{} // what actions ask for has its spans too; a span names the call, and nothing of what it is about

// Granted implements directory.Actions.
func (d tracedDirectory) Granted(ctx context.Context) (_ []string, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph Granted")
	defer func() { span.End(err) }()
	return d.Directory.Granted(ctx)
}

// PassPolicy implements directory.Actions.
func (d tracedDirectory) PassPolicy(ctx context.Context) (_ governance.PassPolicy, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph PassPolicy")
	defer func() { span.End(err) }()
	return d.Directory.PassPolicy(ctx)
}

// Passes implements directory.Actions.
func (d tracedDirectory) Passes(ctx context.Context, userID string) (_ []governance.AccessPass, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph Passes")
	defer func() { span.End(err) }()
	return d.Directory.Passes(ctx, userID)
}

// IssuePass implements directory.Actions.
func (d tracedDirectory) IssuePass(ctx context.Context, userID string, order directory.PassOrder) (_ governance.AccessPass, _ governance.Secret, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph IssuePass")
	defer func() { span.End(err) }()
	return d.Directory.IssuePass(ctx, userID, order)
}

// DeletePass implements directory.Actions.
func (d tracedDirectory) DeletePass(ctx context.Context, userID, passID string) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph DeletePass")
	defer func() { span.End(err) }()
	return d.Directory.DeletePass(ctx, userID, passID)
}

// DirectoryRoles implements directory.Actions.
func (d tracedDirectory) DirectoryRoles(ctx context.Context, userID string) (_ []directory.Role, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph DirectoryRoles")
	defer func() { span.End(err) }()
	return d.Directory.DirectoryRoles(ctx, userID)
}

// RevokeSessions implements directory.Actions.
func (d tracedDirectory) RevokeSessions(ctx context.Context, userID string) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph RevokeSessions")
	defer func() { span.End(err) }()
	return d.Directory.RevokeSessions(ctx, userID)
}

// App implements directory.Actions.
func (d tracedDirectory) App(ctx context.Context, appID string) (_ governance.MobileApp, err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph App")
	defer func() { span.End(err) }()
	return d.Directory.App(ctx, appID)
}

// AssignApp implements directory.Actions.
func (d tracedDirectory) AssignApp(ctx context.Context, appID, groupID string, intent governance.AppIntent) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph AssignApp")
	defer func() { span.End(err) }()
	return d.Directory.AssignApp(ctx, appID, groupID, intent)
}

// Resume implements directory.Actions.
func (d tracedDirectory) Resume(ctx context.Context, path string, body []byte) (err error) {
	ctx, span := platform.Start(ctx, platform.Client, "graph Resume")
	defer func() { span.End(err) }()
	return d.Directory.Resume(ctx, path, body)
}
