// Package identity says who calls: it validates the access tokens that Microsoft Entra issues, version 1.0 and 2.0, and makes a governance.Caller of one.
//
// It serves authentication only. What a caller may do is decided in shared/app; a valid token without any right is a Caller all the same.
// It validates neither ID tokens nor tokens for other APIs, and it never trusts a header that merely names a user.
//
// What is accepted, and what is deliberately not:
//   - RS256 only, with a key that the tenant publishes for signing and that has at least 2048 bits. The token cannot bring or point to a key.
//   - The issuer is the one tenant, in its v1 or v2 form, and fits the claims ver and tid.
//   - A token with scp is delegated. Its roles claim (app roles of the person) is ignored, for Permissions are application permissions only.
//   - A token without scp is an application's only if it says so (idtyp app) or if its subject is its own service principal (oid equals sub).
//     Such a token without roles is an application that may do nothing. Everything else without scp, an ID token above all, is refused.
//   - wids becomes DirectoryRoles for people only: an application is granted application permissions, never a person's directory role.
package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// MaxTokenBytes bounds a token. Entra keeps its tokens below what a header line may hold: past 200 groups it sends a link instead.
const MaxTokenBytes = 16 << 10

// Leeway is how far the clocks of the issuer and of this machine may differ.
const Leeway = 60 * time.Second

// DefaultAuthority is the global cloud's.
const DefaultAuthority = "https://login.microsoftonline.com"

// Options say whose tokens are accepted. TenantID and Audiences are required.
type Options struct {
	TenantID  string   // the tenant's GUID
	Audiences []string // every form of the API's identifier: a v2 token has the application's GUID, a v1 token what the client asked for (api://GUID)
	Authority string   // where tokens come from; empty means DefaultAuthority
	JWKSURL   string   // where the keys are; empty means what the authority's OpenID configuration says

	AllowInsecureLoopback bool              // lets Authority and JWKSURL be plain http on this machine (infra/local)
	Transport             http.RoundTripper // fetches keys; nil means one of its own. Redirects are never followed
	Clock                 platform.Clock    // nil means the machine's
}

// Validator validates tokens. It may be used by many goroutines at once.
type Validator struct {
	tenantID  string
	issuers   map[string]string // by the claim ver
	audiences []string
	clock     platform.Clock
	keys      *keySource
	keyfunc   keyfunc.Keyfunc
	parser    *jwt.Parser
	times     *jwt.Validator
	cache     cache
}

// New makes a Validator. It touches no network: the keys are fetched when the first token arrives. ctx bounds the fetches of the Validator's whole life.
func New(ctx context.Context, options Options) (*Validator, error) {
	tenantID := strings.ToLower(options.TenantID)
	if !governance.IsGUID(tenantID) {
		return nil, errors.New("identity: TenantID must be the tenant's GUID")
	}
	if len(options.Audiences) == 0 {
		return nil, errors.New("identity: Audiences must name this API at least once")
	}
	for _, audience := range options.Audiences {
		if strings.TrimSpace(audience) == "" {
			return nil, errors.New("identity: Audiences must not hold an empty name")
		}
	}
	authority := cmp.Or(strings.TrimRight(options.Authority, "/"), DefaultAuthority)
	host, err := endpoint(authority, options.AllowInsecureLoopback)
	if err != nil {
		return nil, fmt.Errorf("identity: Authority %w", err)
	}
	if _, err := endpoint(cmp.Or(options.JWKSURL, authority), options.AllowInsecureLoopback); err != nil {
		return nil, fmt.Errorf("identity: JWKSURL %w", err)
	}
	clock := cmp.Or[platform.Clock](options.Clock, platform.SystemClock{})
	issuer := authority + "/" + tenantID + "/v2.0"
	keys := newKeySource(ctx, clock, &publisher{
		client:        platform.HTTPClient(options.Transport, 0),
		configuration: issuer + "/.well-known/openid-configuration",
		issuer:        issuer,
		authority:     host,
		jwksURL:       options.JWKSURL,
		allowLoopback: options.AllowInsecureLoopback,
	})
	byKid, err := keyfunc.New(keyfunc.Options{Ctx: ctx, Storage: keys, UseWhitelist: []jwkset.USE{jwkset.UseSig, ""}})
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return &Validator{
		tenantID:  tenantID,
		issuers:   map[string]string{version1: "https://sts.windows.net/" + tenantID + "/", version2: issuer},
		audiences: options.Audiences,
		clock:     clock,
		keys:      keys,
		keyfunc:   byKid,
		parser:    jwt.NewParser(jwt.WithValidMethods([]string{algorithm}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()),
		times: jwt.NewValidator(jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(Leeway),
			jwt.WithTimeFunc(clock.Now)),
	}, nil
}

// Check says whether tokens can be checked: whether the tenant's signing keys are there, or can be fetched. Errors: CodeUnavailable.
func (v *Validator) Check(ctx context.Context) error { return v.keys.check(ctx) }

// Validate makes the Caller of a token. With an error it is nobody, or the ids of whom a well signed token is about that is not valid here or now, for the log alone. Errors: CodeUnauthorized with a message that says which check failed, CodeUnavailable when the keys that would
// decide cannot be had; then the token may be good, and the caller may retry.
func (v *Validator) Validate(ctx context.Context, token string) (governance.Caller, error) {
	if token == "" {
		return governance.Caller{}, refuse(ErrNoToken, "The access token is missing.")
	}
	if len(token) > MaxTokenBytes {
		return governance.Caller{}, refuse(nil, "The access token is longer than %d bytes.", MaxTokenBytes)
	}
	now := v.clock.Now()
	digest := sha256.Sum256([]byte(token))
	// The generation is read before the keys are used: if they change in between, what is remembered below is of an older generation and never served.
	generation := v.keys.generation(ctx)
	if caller, ok := v.cache.get(digest, generation, now); ok {
		return caller, nil
	}

	if err := accessToken.checkHeader(token); err != nil {
		return governance.Caller{}, err
	}
	var claimed claims
	var unfit bool
	// The claims are checked before the key is looked up, so that a token that is not for this API cannot make it fetch keys. Nothing of them is used
	// unless the signature is good.
	_, err := v.parser.ParseWithClaims(token, &claimed, func(parsed *jwt.Token) (any, error) {
		if err := v.checkClaims(&claimed); err != nil {
			unfit = true
			return nil, err
		}
		return v.keyfunc.KeyfuncCtx(ctx)(parsed)
	})
	if unfit {
		return v.named(token), explain(err)
	}
	if err != nil {
		return governance.Caller{}, explain(err)
	}
	caller, err := claimed.caller(v.tenantID)
	if err != nil {
		return governance.Caller{}, err
	}
	if generation > 0 {
		v.cache.put(digest, entry{
			caller:     caller,
			generation: generation,
			from:       claimed.NotBefore.Add(-Leeway),
			until:      claimed.ExpiresAt.Add(Leeway),
		}, now)
	}
	return copyOf(caller), nil
}

// named is who a token that is refused for its claims is about, by ids alone, if its signature is good by a key that is here already; nothing is fetched for it.
func (v *Validator) named(token string) governance.Caller {
	var signed claims
	_, err := v.parser.ParseWithClaims(token, &signed, func(parsed *jwt.Token) (any, error) {
		kid, _ := parsed.Header["kid"].(string)
		key, found, err := v.keys.set.Load().find(kid)
		if err != nil || !found {
			return nil, cmp.Or(err, jwt.ErrTokenUnverifiable)
		}
		return key.Key(), nil
	})
	if err != nil {
		return governance.Caller{}
	}
	caller, err := signed.caller("")
	if err != nil {
		return governance.Caller{}
	}
	return governance.Caller{ObjectID: caller.ObjectID, AppID: caller.AppID}
}

// refuse is a CodeUnauthorized error. Its message never holds a part of the token.
func refuse(cause error, format string, args ...any) error {
	return &governance.Error{Code: governance.CodeUnauthorized, Message: fmt.Sprintf(format, args...), Err: cause}
}

// orRefuse is an error that says what it is to say to the client, as it is; any other is refused in these words.
func orRefuse(words string, err error) error {
	if _, coded := errors.AsType[*governance.Error](err); coded || err == nil {
		return err
	}
	return refuse(err, "%s", words)
}

// explain makes the error for the client of what the jwt library found. A check of this package has said it already.
func explain(err error) error {
	if coded, ok := errors.AsType[*governance.Error](err); ok {
		return coded
	}
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return refuse(err, "The access token's signature is not valid.")
	case errors.Is(err, jwt.ErrTokenMalformed):
		return refuse(err, "The access token is not a well-formed JSON Web Token.")
	default:
		return refuse(err, "The access token cannot be verified.")
	}
}
