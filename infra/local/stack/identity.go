package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"latchkey/shared/platform"
)

// identity is the managed identity of a handler in this process, over the same endpoint that a child asks. azidentity finds that endpoint in the environment and keeps tokens for the whole
// process: two stacks in one process would get each other's.
type identity struct {
	endpoint, header string
	clock            platform.Clock

	mu     sync.Mutex
	tokens map[string]azcore.AccessToken // by resource
}

func newIdentity(clock platform.Clock, settings map[string]string) *identity {
	return &identity{endpoint: settings["IDENTITY_ENDPOINT"], header: settings["IDENTITY_HEADER"], clock: clock, tokens: map[string]azcore.AccessToken{}}
}

const (
	maxIdentityAnswer = 64 << 10
	// renewBefore is how long before its end a token is replaced.
	renewBefore = 5 * time.Minute
)

// GetToken implements azcore.TokenCredential.
func (i *identity) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if len(options.Scopes) != 1 {
		return azcore.AccessToken{}, fmt.Errorf("managed identity: %d scopes", len(options.Scopes))
	}
	resource := strings.TrimSuffix(options.Scopes[0], "/.default")
	i.mu.Lock()
	token, ok := i.tokens[resource]
	i.mu.Unlock()
	if ok && i.clock.Now().Add(renewBefore).Before(token.ExpiresOn) {
		return token, nil
	}
	token, err := i.fetch(ctx, resource)
	if err != nil {
		return azcore.AccessToken{}, fmt.Errorf("managed identity: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens[resource] = token
	return token, nil
}

// forget drops the tokens, when time goes back to before they were made.
func (i *identity) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.tokens)
}

func (i *identity) fetch(ctx context.Context, resource string) (azcore.AccessToken, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, i.endpoint+"?api-version=2019-08-01&resource="+url.QueryEscape(resource), nil)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	request.Header.Set("X-IDENTITY-HEADER", i.header)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresOn   string `json:"expires_on"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxIdentityAnswer)).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		return azcore.AccessToken{}, fmt.Errorf("the endpoint answered %s", response.Status)
	}
	expires, err := strconv.ParseInt(answer.ExpiresOn, 10, 64)
	if err != nil {
		return azcore.AccessToken{}, errors.New("the endpoint does not say until when")
	}
	return azcore.AccessToken{Token: answer.AccessToken, ExpiresOn: time.Unix(expires, 0)}, nil
}
