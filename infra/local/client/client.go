// Package client calls Latchkey's API as somebody: a thin HTTP client for the demo, the benchmark and tests. It knows tokens, JSON and Graph's errors, and nothing of what is called.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Client calls as one person or application. It is safe for concurrent use.
type Client struct {
	Base  string // of entitlement management, such as http://127.0.0.1:7071/api/v1.0/identityGovernance/entitlementManagement
	Token string
	HTTP  *http.Client
}

// EntitlementManagement is the path of the API below the address of the host.
const EntitlementManagement = "/api/v1.0/identityGovernance/entitlementManagement"

// Error is an answer that was no success.
type Error struct {
	Status  int
	Code    string
	Message string
	Target  string
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Message) }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 20

// Do sends a request with a JSON body, if there is one, and reads the JSON answer into into, if there is one. Errors: *Error for an answer of 400 and above.
func (c *Client) Do(ctx context.Context, method, path string, body, into any) error {
	var payload io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		payload = bytes.NewReader(data)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.Base+path, payload)
	if err != nil {
		return err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		var failure struct {
			Error struct{ Code, Message, Target string }
		}
		_ = json.Unmarshal(data, &failure) // an answer in another shape has its status
		return &Error{Status: response.StatusCode, Code: failure.Error.Code, Message: failure.Error.Message, Target: failure.Error.Target}
	}
	if into == nil || len(data) == 0 {
		return nil
	}
	return json.Unmarshal(data, into)
}

// Made is what most answers have.
type Made struct {
	ID    string `json:"id"`
	State string `json:"state"`
}

// SignIn gets a token for a person from the token service, with the password grant of infra/local.
func SignIn(ctx context.Context, tokenService, tenantID, audience, signInName string) (string, error) {
	return grant(ctx, tokenService, tenantID, url.Values{
		"grant_type": {"password"}, "username": {signInName}, "password": {"any"}, "client_id": {"any"}, "scope": {audience + "/.default"},
	})
}

func grant(ctx context.Context, tokenService, tenantID string, form url.Values) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, tokenService+"/"+tenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return "", err
	}
	if answer.AccessToken == "" {
		return "", fmt.Errorf("sign in: %s: %s", response.Status, answer.Description)
	}
	return answer.AccessToken, nil
}
