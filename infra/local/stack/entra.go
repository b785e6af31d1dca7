package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"latchkey/infra/local/tenant"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// The applications of Entra that call custom extensions (EXT-20), and the audience of their tokens (EXT-19).
const (
	EntitlementAppID = "810dcf14-1858-4bf2-8134-4c369fa3235b"
	LifecycleAppID   = "ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7"
	calloutAudience  = "https://management.azure.com"
)

// calloutSettings are what the handler needs to be called by the stand-in for Entra.
func (s *Stack) calloutSettings(settings map[string]string) map[string]string {
	settings["CalloutCallers"] = EntitlementAppID + "," + LifecycleAppID
	settings["CalloutAudience"] = calloutAudience + ",797f4846-ba00-4fd7-ba43-dac1f8f63013"
	secrets, hosts := maps.Clone(s.options.CalloutSecrets), slices.Clone(s.options.CalloutHosts)
	if s.options.Desk {
		here := strings.TrimPrefix(s.Endpoints.Control, "http://")
		secrets, hosts = localSecrets(here, secrets), append(hosts, here)
	}
	if len(secrets) > 0 {
		data, _ := json.Marshal(secrets) // it can be
		settings["CalloutSecrets"] = string(data)
	}
	settings["CalloutPrivateHosts"] = strings.Join(hosts, ",")
	return settings
}

// assignRoles gives the people of the tenant their directory roles in Graph, and those that they are eligible for.
func (s *Stack) assignRoles() {
	for _, user := range s.Tenant.Users {
		for _, role := range user.RoleTemplateIDs() {
			s.Graph.AssignRole(user.ID, role)
		}
		for _, role := range user.EligibleRoleTemplateIDs() {
			s.Graph.MakeEligible(user.ID, role)
		}
	}
}

// Callout is what the stand-in for Entra sends: as entitlement management does (EXT-11), for a sample person.
type Callout struct {
	Action    string `json:"action"`
	Stage     string `json:"stage"`     // default: assignmentRequestGranted
	Target    string `json:"target"`    // who gets access: a sign-in name, or the part before the @
	Requestor string `json:"requestor"` // who asked; default: the target
	Package   string `json:"package"`   // the access package's name
	Wait      string `json:"wait"`      // how long it waits, such as PT1H; empty: it launches and goes on
	// RequestID and StageInstanceID name an earlier callout, to repeat it or to send a later stage; empty: new ones.
	RequestID       string `json:"requestId"`
	StageInstanceID string `json:"stageInstanceId"`
}

// CalledOut is what came of it.
type CalledOut struct {
	RequestID       string          `json:"requestId"`
	StageInstanceID string          `json:"stageInstanceId"`
	Payload         map[string]any  `json:"payload"` // what was sent
	Status          int             `json:"status"`
	Answer          json.RawMessage `json:"answer"`
	Resume          json.RawMessage `json:"resume,omitempty"` // what came back, if it waited
}

// NativePayload is a payload as entitlement management sends it: flat, in PascalCase.
func (c Callout) NativePayload(target, requestor tenant.User) map[string]any {
	requestType, status := "UserAdd", "Delivering"
	if c.Stage == string(governance.StageRequestRemoved) {
		requestType = "UserRemove"
	}
	if c.Wait != "" {
		status = "WaitingForCallback"
	}
	payload := map[string]any{
		"AccessPackageAssignmentRequestId": c.RequestID,
		"CallbackUriPath":                  "/identityGovernance/entitlementManagement/accessPackageAssignmentRequests/" + c.RequestID + "/resume",
		"CustomExtensionStageInstanceId":   c.StageInstanceID,
		"Stage":                            c.Stage, "RequestType": requestType, "Answers": []any{}, "State": "Delivering", "Status": status,
		"CallbackConfiguration": nil,
		"AccessPackage":         map[string]any{"Id": "90000000-0000-4000-8000-000000000001", "DisplayName": c.Package, "Description": ""},
		"AccessPackageCatalog":  map[string]any{"Id": "90000000-0000-4000-8000-000000000002", "DisplayName": "General", "Description": ""},
		"Assignment": map[string]any{
			"Id": "90000000-0000-4000-8000-000000000003", "State": "Delivering", "Status": "",
			"Target":           map[string]any{"Id": target.ID, "ObjectId": target.ID, "DisplayName": target.DisplayName, "PrincipalName": target.UserPrincipalName, "ConnectedOrganization": nil},
			"AssignmentPolicy": map[string]any{"Id": "90000000-0000-4000-8000-000000000004", "DisplayName": "Policy"},
		},
		"Requestor": map[string]any{"Id": requestor.ID, "ObjectId": requestor.ID, "DisplayName": requestor.DisplayName},
	}
	if c.Wait != "" {
		payload["CallbackConfiguration"] = map[string]any{"DurationBeforeTimeout": c.Wait}
	}
	return payload
}

// sampleUser finds a person of the tenant by sign-in name, or the part of it before the @.
func (s *Stack) sampleUser(name string) (tenant.User, bool) {
	for _, user := range s.Tenant.Users {
		if local, _, _ := strings.Cut(user.UserPrincipalName, "@"); strings.EqualFold(local, name) || strings.EqualFold(user.UserPrincipalName, name) {
			return user, true
		}
	}
	return tenant.User{}, false
}

// errCallout says that a callout cannot be sent as it was asked for.
var errCallout = errors.New("the callout cannot be sent")

// CallOut plays Entra: it sends a callout with a real token, waits until everything that follows is done, and answers with what came back.
func (s *Stack) CallOut(ctx context.Context, c Callout) (CalledOut, error) {
	if c.Action == "" || c.Target == "" {
		return CalledOut{}, fmt.Errorf(`%w: it needs an action and a target: {"action":"new-hire-pass","target":"rui"}`, errCallout)
	}
	target, ok := s.sampleUser(c.Target)
	if !ok {
		return CalledOut{}, fmt.Errorf("%w: target: the tenant has no %q", errCallout, c.Target)
	}
	requestor := target
	if c.Requestor != "" {
		if requestor, ok = s.sampleUser(c.Requestor); !ok {
			return CalledOut{}, fmt.Errorf("%w: requestor: the tenant has no %q", errCallout, c.Requestor)
		}
	}
	if c.Stage == "" {
		c.Stage = "assignmentRequestGranted"
	}
	if c.RequestID == "" {
		c.RequestID = platform.RandomIDs()
	}
	if c.StageInstanceID == "" {
		c.StageInstanceID = platform.RandomIDs()
	}
	token, err := s.Tokens.ApplicationToken(EntitlementAppID, calloutAudience)
	if err != nil {
		return CalledOut{}, err
	}
	sent := CalledOut{RequestID: c.RequestID, StageInstanceID: c.StageInstanceID, Payload: c.NativePayload(target, requestor)}
	sent.Status, sent.Answer, err = s.PostCallout(ctx, c.Action, "Bearer "+token, sent.Payload)
	if err != nil {
		return sent, err
	}
	if err := s.Drain(ctx); err != nil {
		return sent, err
	}
	sent.Resume = s.resumeOf(c.RequestID, c.StageInstanceID)
	return sent, nil
}

// maxCalloutAnswer bounds what is read of an answer.
const maxCalloutAnswer = 64 << 10

// PostCallout posts a payload to an action, through the host.
func (s *Stack) PostCallout(ctx context.Context, action, authorization string, payload any) (int, json.RawMessage, error) {
	data, err := json.Marshal(payload)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoints.Host+"/api/callouts/"+action, bytes.NewReader(data))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxCalloutAnswer))
	if !json.Valid(answer) {
		answer, _ = json.Marshal(string(answer)) // a string always can be
	}
	return response.StatusCode, answer, err
}

// resumeOf is the last resume of a request that names a stage instance; nil: there is none.
func (s *Stack) resumeOf(requestID, stageInstanceID string) json.RawMessage {
	var last json.RawMessage
	for _, resume := range s.Graph.Resumes() {
		var body struct {
			Data struct {
				Instance string `json:"customExtensionStageInstanceId"`
			} `json:"data"`
		}
		if strings.Contains(resume.Path, "/"+requestID+"/") && json.Unmarshal(resume.Body, &body) == nil && body.Data.Instance == stageInstanceID {
			last = resume.Body
		}
	}
	return last
}

// postCallout is POST /entra/callout of the control port.
func (s *Stack) postCallout(w http.ResponseWriter, r *http.Request) {
	var body Callout
	if err := read(w, r, &body); err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	sent, err := s.CallOut(r.Context(), body)
	switch {
	case errors.Is(err, errCallout):
		refuse(w, http.StatusBadRequest, err)
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err)
	default:
		answer(w, http.StatusOK, sent)
	}
}
