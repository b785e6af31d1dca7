package graph

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	abstractions "github.com/microsoft/kiota-abstractions-go"
)

// errForeign: a link in an answer leads away from Graph.
var errForeign = errors.New("graph: the address is not under the base URL: no token goes there")

// tokenError is a credential that gave no token.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "graph: no token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// bearer puts the credential's token on a request, for one origin only. Graph's pages carry links, and a link is input.
type bearer struct {
	credential azcore.TokenCredential
	scopes     []string
	origin     string
}

// AuthenticateRequest is Kiota's authentication provider. claims in extra is the challenge of continuous access evaluation.
func (b *bearer) AuthenticateRequest(ctx context.Context, request *abstractions.RequestInformation, extra map[string]any) error {
	at, err := request.GetUri()
	if err != nil {
		return fmt.Errorf("graph: address: %w", err)
	}
	if at.Scheme+"://"+at.Host != b.origin {
		return errForeign
	}
	options := policy.TokenRequestOptions{Scopes: b.scopes, EnableCAE: true}
	if challenge, ok := extra["claims"].(string); ok && challenge != "" {
		claims, err := base64.StdEncoding.DecodeString(challenge)
		if err != nil {
			return fmt.Errorf("graph: the challenge is not base64: %w", err)
		}
		options.Claims = string(claims)
	}
	token, err := b.credential.GetToken(ctx, options)
	if err != nil {
		return &tokenError{err}
	}
	request.Headers.Remove("Authorization") // of an earlier try
	request.Headers.Add("Authorization", "Bearer "+token.Token)
	return nil
}
