package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	abstractions "github.com/microsoft/kiota-abstractions-go"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// The operations of directory.Actions.
const (
	operationGranted         Operation = "Granted"
	operationPassPolicy      Operation = "PassPolicy"
	operationPasses          Operation = "Passes"
	operationIssuePass       Operation = "IssuePass"
	operationDeletePass      Operation = "DeletePass"
	operationDirectoryRoles  Operation = "DirectoryRoles"
	operationRoleAssignments Operation = "RoleAssignments"
	operationEligibleRoles   Operation = "EligibleRoles"
	operationEligibleGroups  Operation = "EligibleGroups"
	operationRevokeSessions  Operation = "RevokeSessions"
	operationApp             Operation = "App"
	operationAssignApp       Operation = "AssignApp"
	operationResumeRequest   Operation = "ResumeRequest"
	operationResumeLifecycle Operation = "ResumeLifecycle"
)

// ActionPermissions lists the calls that the actions of custom extensions make with the permission that each needs (PRV-13, PRV-19 to
// PRV-21, EXT-22). A tenant grants those of the actions that it uses. To resume a request it takes the role access package assignment
// manager on the catalog, and no permission.
func ActionPermissions() []Permission {
	const passWrite, apps, roles = "UserAuthMethod-TAP.ReadWrite.All", "DeviceManagementApps.ReadWrite.All", "RoleManagement.Read.Directory"
	return []Permission{
		{operationPassPolicy, "Policy.Read.AuthenticationMethod", http.MethodGet, passPolicyPath},
		{operationPasses, passWrite, http.MethodGet, passesPath},
		{operationIssuePass, passWrite, http.MethodPost, passesPath},
		{operationDeletePass, passWrite, http.MethodDelete, passesPath + "/{other}"},
		{operationDirectoryRoles, roles, http.MethodGet, membershipsPath},
		{operationDirectoryRoles, permissionUserRead, http.MethodGet, membershipsPath},
		{operationRoleAssignments, roles, http.MethodGet, assignedRolesPath},
		{operationEligibleRoles, roles, http.MethodGet, eligibleRolesPath},
		{operationEligibleGroups, "PrivilegedEligibilitySchedule.Read.AzureADGroup", http.MethodGet, eligibleGroupsPath},
		{operationRevokeSessions, "User.RevokeSessions.All", http.MethodPost, revokePath},
		{operationApp, apps, http.MethodGet, appPath},
		{operationAssignApp, apps, http.MethodPost, assignmentsPath},
		{operationResumeLifecycle, "LifecycleWorkflows.ReadWrite.All", http.MethodPost, "/identityGovernance/lifecycleWorkflows/workflows/{id}/tasks/{other}/taskProcessingResults/{third}/resume"},
	}
}

const (
	passPolicyPath     = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass"
	passesPath         = "/users/{id}/authentication/temporaryAccessPassMethods"
	membershipsPath    = "/users/{id}/transitiveMemberOf"
	assignedRolesPath  = "/roleManagement/directory/roleAssignments"
	eligibleRolesPath  = "/roleManagement/directory/roleEligibilityScheduleInstances"
	eligibleGroupsPath = "/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances"
	revokePath         = "/users/{id}/revokeSignInSessions"
	appPath            = "/deviceAppManagement/mobileApps/{id}"
	assignmentsPath    = "/deviceAppManagement/mobileApps/{id}/assignments"
)

var _ directory.Actions = (*Directory)(nil)

// HasSender says whether there is a mailbox to send mail from.
func (d *Directory) HasSender() bool { return isUserID(d.sender) }

// request makes a request without the SDK's builders.
func (d *Directory) request(method abstractions.HttpMethod, path string, ids map[string]string, body any) (*abstractions.RequestInformation, error) {
	for name, id := range ids {
		if !isUserID(id) {
			return nil, noSuch("object", id)
		}
		path = strings.ReplaceAll(path, "{"+name+"}", strings.ReplaceAll(id, "#", "%23"))
	}
	at, err := url.Parse(d.base + path)
	if err != nil {
		return nil, fmt.Errorf("graph: address: %w", err)
	}
	request := &abstractions.RequestInformation{Method: method, Headers: abstractions.NewRequestHeaders(), PathParameters: map[string]string{}}
	request.SetUri(*at) // no template is expanded, and no span names what it is about
	request.Headers.Add("Accept", "application/json")
	if strings.Contains(path, "$levels=") || strings.Contains(path, "$count=true") { // Graph's advanced queries need this
		request.Headers.Add("ConsistencyLevel", "eventual")
	}
	if body != nil {
		data, ok := body.([]byte)
		if !ok {
			if data, err = json.Marshal(body); err != nil {
				return nil, fmt.Errorf("graph: encode the body: %w", err)
			}
		}
		request.SetStreamContentAndContentType(data, "application/json")
	}
	return request, nil
}

// raw makes a request and sends it.
func (d *Directory) raw(ctx context.Context, operation Operation, again repeatable, method abstractions.HttpMethod, path string, ids map[string]string, body, result any) error {
	request, err := d.request(method, path, ids, body)
	if err != nil {
		return err
	}
	return d.call(ctx, operation, again, request, result)
}

// Granted reads the roles in the identity's own token. It is not checked: it is ours, and nothing is let in by it. What a developer's own sign-in may do is not told in roles.
func (d *Directory) Granted(ctx context.Context) ([]string, error) {
	token, err := d.tokens.credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: d.tokens.scopes, EnableCAE: true})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", directory.ErrUnavailable, operationGranted, &tokenError{err})
	}
	roles, delegated, ok := rolesOf(token.Token)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %s: the token cannot be read", directory.ErrUnavailable, operationGranted)
	case delegated:
		return nil, fmt.Errorf("%w: %s: the token is a person's", directory.ErrUnavailable, operationGranted)
	}
	return roles, nil
}

// PassPolicy reads the policy of Temporary Access Passes (PRV-20).
func (d *Directory) PassPolicy(ctx context.Context) (governance.PassPolicy, error) {
	var found struct {
		State   string `json:"state"`
		Minimum int    `json:"minimumLifetimeInMinutes"`
		Maximum int    `json:"maximumLifetimeInMinutes"`
		Once    bool   `json:"isUsableOnce"`
	}
	err := d.raw(ctx, operationPassPolicy, ifIdempotent, abstractions.GET, passPolicyPath, nil, nil, &found)
	return governance.PassPolicy{Enabled: found.State == "enabled", MinimumMinutes: found.Minimum, MaximumMinutes: found.Maximum, OnlyOnce: found.Once}, err
}

// passAnswer is a pass as Graph answers; the value is there once, when it is made.
type passAnswer struct {
	governance.AccessPass
	Value string `json:"temporaryAccessPass"`
}

// Passes lists the passes of a person.
func (d *Directory) Passes(ctx context.Context, userID string) ([]governance.AccessPass, error) {
	var found page[governance.AccessPass]
	err := d.raw(ctx, operationPasses, ifIdempotent, abstractions.GET, passesPath, map[string]string{"id": userID}, nil, &found)
	return found.Value, err
}

// IssuePass makes a pass (PRV-19).
func (d *Directory) IssuePass(ctx context.Context, userID string, order directory.PassOrder) (governance.AccessPass, governance.Secret, error) {
	body := map[string]any{"lifetimeInMinutes": order.Minutes, "isUsableOnce": order.UsableOnce}
	if order.Start != nil {
		body["startDateTime"] = governance.FormatInstant(order.Start.Time)
	}
	var made passAnswer
	if err := d.raw(ctx, operationIssuePass, ifNotDone, abstractions.POST, passesPath, map[string]string{"id": userID}, body, &made); err != nil {
		return governance.AccessPass{}, governance.Secret{}, err
	}
	if made.Value == "" || made.ID == "" {
		return governance.AccessPass{}, governance.Secret{}, fmt.Errorf("%w: %s: the answer has no pass", directory.ErrUnavailable, operationIssuePass)
	}
	return made.AccessPass, governance.Hide(made.Value), nil
}

// DeletePass takes a pass away.
func (d *Directory) DeletePass(ctx context.Context, userID, passID string) error {
	if !governance.IsGUID(passID) || !isUserID(userID) {
		return nil // there is no such pass
	}
	return gone(d.raw(ctx, operationDeletePass, ifIdempotent, abstractions.DELETE, passesPath+"/{other}", map[string]string{"id": userID, "other": passID}, nil, nil))
}

// RevokeSessions signs a person out everywhere (PRV-13).
func (d *Directory) RevokeSessions(ctx context.Context, userID string) error {
	return d.raw(ctx, operationRevokeSessions, ifIdempotent, abstractions.POST, revokePath, map[string]string{"id": userID}, nil, nil)
}

// The types of an app's targets.
const (
	groupTarget     = "#microsoft.graph.groupAssignmentTarget"
	exclusionTarget = "#microsoft.graph.exclusionGroupAssignmentTarget"
)

type assignmentAnswer struct {
	Type   string `json:"@odata.type,omitempty"`
	Intent string `json:"intent"`
	Target struct {
		Type    string `json:"@odata.type"`
		GroupID string `json:"groupId,omitempty"`
	} `json:"target"`
}

// App reads an Intune app with its assignments.
func (d *Directory) App(ctx context.Context, appID string) (governance.MobileApp, error) {
	if !governance.IsGUID(appID) {
		return governance.MobileApp{}, noSuch("mobileApp", appID)
	}
	var found struct {
		ID          string             `json:"id"`
		DisplayName string             `json:"displayName"`
		Assignments []assignmentAnswer `json:"assignments"`
	}
	if err := d.raw(ctx, operationApp, ifIdempotent, abstractions.GET, appPath+"?$expand=assignments", map[string]string{"id": appID}, nil, &found); err != nil {
		return governance.MobileApp{}, err
	}
	app := governance.MobileApp{ID: found.ID, DisplayName: found.DisplayName}
	for _, one := range found.Assignments {
		app.Assignments = append(app.Assignments, governance.AppAssignment{Intent: governance.AppIntent(one.Intent), GroupID: one.Target.GroupID, Exclude: one.Target.Type == exclusionTarget})
	}
	return app, nil
}

// AssignApp adds one assignment (PRV-21). The action assign would replace all of them, so it is never used.
func (d *Directory) AssignApp(ctx context.Context, appID, groupID string, intent governance.AppIntent) error {
	app, err := d.App(ctx, appID)
	if err != nil {
		return err
	}
	if at := slices.IndexFunc(app.Assignments, func(a governance.AppAssignment) bool { return strings.EqualFold(a.GroupID, groupID) }); at >= 0 {
		if app.Assignments[at].Intent == intent && !app.Assignments[at].Exclude {
			return nil
		}
		return fmt.Errorf("%w: %s: the app is assigned to this group with another intent", directory.ErrRefused, operationAssignApp)
	}
	body := assignmentAnswer{Type: "#microsoft.graph.mobileAppAssignment", Intent: string(intent)}
	body.Target.Type, body.Target.GroupID = groupTarget, groupID
	var made assignmentAnswer
	err = d.raw(ctx, operationAssignApp, ifNotDone, abstractions.POST, assignmentsPath, map[string]string{"id": appID}, body, &made)
	if err == nil && (made.Intent != body.Intent || !strings.EqualFold(made.Target.GroupID, groupID)) {
		return fmt.Errorf("%w: %s: the answer has no such assignment", directory.ErrUnavailable, operationAssignApp)
	}
	if a, ok := answered(err); ok && a.status == http.StatusBadRequest && strings.Contains(strings.ToLower(a.message), "already") {
		return nil // somebody else was as quick
	}
	return err
}

// Resume ends a wait. A path is made of ids by whoever calls; one that is not below identity governance goes nowhere.
func (d *Directory) Resume(ctx context.Context, path string, body []byte) error {
	operation := operationResumeRequest
	if strings.Contains(path, "/lifecycleWorkflows/") {
		operation = operationResumeLifecycle
	}
	if !strings.HasPrefix(path, "/identityGovernance/") || !strings.HasSuffix(path, "/resume") || strings.ContainsAny(path, "{}?#%\\") || strings.Contains(path, "..") {
		return fmt.Errorf("%w: %s: the path is not one of a wait", directory.ErrRefused, operation)
	}
	return d.raw(ctx, operation, ifIdempotent, abstractions.POST, path, nil, body, nil)
}
