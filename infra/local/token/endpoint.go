package token

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// maxFormBytes bounds a token request.
const maxFormBytes = 64 << 10

// failure is an error as Entra writes it.
type failure struct {
	status  int
	code    string // of OAuth
	number  int    // of AADSTS
	message string
}

func (s *Server) refuse(w http.ResponseWriter, f failure) {
	now := s.clock.Now().Format("2006-01-02 15:04:05Z")
	trace, correlation := uuid.NewString(), uuid.NewString()
	answer(w, f.status, map[string]any{
		"error": f.code,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			f.number, f.message, trace, correlation, now),
		"error_codes":    []int{f.number},
		"timestamp":      now,
		"trace_id":       trace,
		"correlation_id": correlation,
		"error_uri":      fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", f.number),
	})
}

// The refusals, with Entra's numbers.

func missing(parameter string) *failure {
	return &failure{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '" + parameter + "'."}
}

func unknownResource() *failure {
	return &failure{http.StatusBadRequest, "invalid_resource", 500011, "The resource principal was not found in the tenant. Check the scope or the resource."}
}

func badScope(why string) *failure {
	return &failure{http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid. " + why}
}

// token is the token endpoint of a version.
func (s *Server) token(endpoint int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
		if err := r.ParseForm(); err != nil {
			s.refuse(w, failure{http.StatusBadRequest, "invalid_request", 90014, "The request body is not a form of at most 64 KB."})
			return
		}
		form := r.PostForm // the URL's query is no place for a secret
		for name, values := range form {
			if len(values) > 1 {
				s.refuse(w, failure{http.StatusBadRequest, "invalid_request", 90100, "A parameter is there more than once: '" + printable(name) + "'."})
				return
			}
		}
		if id, secret, ok := r.BasicAuth(); ok { // RFC 6749, section 2.3.1: both are form-encoded within
			id, idErr := url.QueryUnescape(id)
			secret, secretErr := url.QueryUnescape(secret)
			if idErr == nil && secretErr == nil {
				form.Set("client_id", id)
				form.Set("client_secret", secret)
			}
		}
		version := s.version(endpoint)
		g, of, refused := s.grantFor(form, endpoint, version)
		if refused != nil {
			s.refuse(w, *refused)
			return
		}
		made, err := s.issue(g)
		if err != nil {
			s.refuse(w, failure{http.StatusInternalServerError, "server_error", 90033, "The token could not be signed."})
			return
		}
		left := int(made.until.Sub(s.clock.Now()).Seconds())
		body := map[string]any{"token_type": "Bearer", "access_token": made.token}
		if endpoint == 1 { // its numbers are strings
			body["expires_in"], body["ext_expires_in"] = strconv.Itoa(left), strconv.Itoa(left)
			body["expires_on"], body["not_before"] = strconv.FormatInt(made.until.Unix(), 10), strconv.FormatInt(made.at.Unix(), 10)
			body["resource"] = form.Get("resource")
		} else {
			body["expires_in"], body["ext_expires_in"] = left, left
		}
		if g.person {
			scopes := strings.Fields(g.scopes)
			if endpoint == 2 {
				for i, name := range scopes {
					scopes[i] = of.uri + "/" + name
				}
			}
			body["scope"] = strings.Join(scopes, " ")
		}
		answer(w, http.StatusOK, body)
	}
}

// grantFor decides what a request gets.
func (s *Server) grantFor(form url.Values, endpoint, version int) (grant, resource, *failure) {
	kind := form.Get("grant_type")
	switch {
	case kind == "":
		return grant{}, resource{}, missing("grant_type")
	case kind != "client_credentials" && kind != "password":
		return grant{}, resource{}, &failure{http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type. This service knows client_credentials and password."}
	case form.Get("client_id") == "":
		return grant{}, resource{}, missing("client_id")
	}
	asked, names, refused := askedFor(form, endpoint)
	if refused != nil {
		return grant{}, resource{}, refused
	}
	of, ok := s.resources[resourceName(asked)]
	if kind == "password" {
		if !ok {
			return grant{}, resource{}, unknownResource()
		}
		g, refused := s.signIn(form, of, version, audience(of, version, asked), names)
		return g, of, refused
	}

	application, known := s.options.Tenant.Application(form.Get("client_id"))
	switch {
	case !known:
		return grant{}, resource{}, &failure{http.StatusBadRequest, "unauthorized_client", 700016, "The application with this identifier was not found in the directory. Check client_id."}
	case form.Get("client_assertion") != "":
		return grant{}, resource{}, &failure{http.StatusUnauthorized, "invalid_client", 700027, "Client assertions are not accepted by this local service; send client_secret."}
	case form.Get("client_secret") == "":
		return grant{}, resource{}, &failure{http.StatusUnauthorized, "invalid_client", 7000216, "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."}
	case !sameSecret(form.Get("client_secret"), application.ClientSecret):
		return grant{}, resource{}, &failure{http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value."}
	case !ok:
		return grant{}, resource{}, unknownResource()
	case len(names) > 0:
		return grant{}, resource{}, &failure{http.StatusBadRequest, "invalid_scope", 1002012, "Client credential flows must have a scope value with /.default suffixed to the resource identifier."}
	}
	return applicationGrant(application, of, version, audience(of, version, asked)), of, nil
}

func (s *Server) signIn(form url.Values, of resource, version int, audience string, names []string) (grant, *failure) {
	name := form.Get("username")
	switch {
	case name == "":
		return grant{}, missing("username")
	case form.Get("password") == "":
		return grant{}, missing("password")
	}
	person, ok := s.findUser(name)
	switch {
	case !ok:
		return grant{}, &failure{http.StatusBadRequest, "invalid_grant", 50034, "The user account does not exist in the directory. Sign in as one of GET /tenant."}
	case !person.AccountEnabled:
		return grant{}, &failure{http.StatusBadRequest, "invalid_grant", 50057, "The user account is disabled."}
	}
	g, err := s.personGrant(person, form.Get("client_id"), of, version, audience, names)
	if err != nil {
		return grant{}, badScope("A scope does not exist on the resource or is not for this user.")
	}
	return g, nil
}

// askedFor reads what a token is asked for: the resource, and the scopes that are named, if it is not /.default.
func askedFor(form url.Values, endpoint int) (asked string, names []string, refused *failure) {
	if endpoint == 1 {
		if asked = form.Get("resource"); asked == "" {
			return "", nil, missing("resource")
		}
		return asked, nil, nil
	}
	all := strings.Fields(form.Get("scope"))
	if len(all) == 0 {
		return "", nil, missing("scope")
	}
	wanted, everything := false, false
	for _, scope := range all {
		switch scope {
		case "openid", "profile", "email", "offline_access":
			continue // for ID tokens and refresh tokens, which are not issued
		}
		slash := strings.LastIndexByte(scope, '/')
		if slash <= 0 || slash == len(scope)-1 {
			return "", nil, badScope("It must be a resource and a scope of it, such as <audience>/.default.")
		}
		of, name := scope[:slash], scope[slash+1:]
		if wanted && resourceName(of) != resourceName(asked) {
			return "", nil, &failure{http.StatusBadRequest, "invalid_request", 28000, "Provided value for the input parameter scope is not valid because it contains more than one resource."}
		}
		asked, wanted = of, true
		if name == ".default" {
			everything = true
		} else {
			names = append(names, name)
		}
	}
	switch {
	case !wanted:
		return "", nil, badScope("It names no resource.")
	case everything && len(names) > 0:
		return "", nil, badScope("/.default cannot be combined with other scopes of the resource.")
	}
	return asked, names, nil
}

// managedIdentity is the endpoint that App Service gives to its apps, version 2019-08-01.
func (s *Server) managedIdentity(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, message string) {
		answer(w, status, map[string]any{"statusCode": status, "message": message})
	}
	query := r.URL.Query()
	identity := s.options.Tenant.ManagedIdentity
	of, known := s.resources[resourceName(query.Get("resource"))]
	switch {
	case !sameSecret(r.Header.Get("X-IDENTITY-HEADER"), s.options.IdentityHeader):
		refuse(http.StatusUnauthorized, "The header X-IDENTITY-HEADER is missing or wrong.")
		return
	case query.Get("api-version") != "2019-08-01":
		refuse(http.StatusBadRequest, "api-version must be 2019-08-01.")
		return
	case query.Get("resource") == "":
		refuse(http.StatusBadRequest, "resource is required.")
		return
	case query.Get("client_id") != "" && !strings.EqualFold(query.Get("client_id"), identity.AppID),
		query.Get("principal_id") != "" && !strings.EqualFold(query.Get("principal_id"), identity.ID),
		query.Get("object_id") != "" && !strings.EqualFold(query.Get("object_id"), identity.ID),
		query.Get("mi_res_id") != "":
		refuse(http.StatusBadRequest, "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.")
		return
	case !known:
		refuse(http.StatusBadRequest, "The resource principal was not found in the tenant.")
		return
	}
	version := s.version(2)
	g := applicationGrant(identity, of, version, audience(of, version, query.Get("resource")))
	g.lifetime = cmp.Or(s.options.IdentityLifetime, identityLifetime)
	made, err := s.issue(g)
	if err != nil {
		refuse(http.StatusInternalServerError, "The token could not be signed.")
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": made.token,
		"expires_on":   strconv.FormatInt(made.until.Unix(), 10),
		"resource":     query.Get("resource"),
		"token_type":   "Bearer",
		"client_id":    identity.AppID,
	})
}

// printable keeps what a client wrote from filling an error.
func printable(name string) string {
	if len(name) > 40 {
		return name[:40] + "..."
	}
	return name
}
