package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/identity"
	"latchkey/shared/ledger"
)

// identified answers every token with what it is told to.
type identified struct{ err error }

// Validate implements Validator.
func (i identified) Validate(context.Context, string) (governance.Caller, error) {
	return governance.Caller{}, i.err
}

// broken has a bug.
type broken struct{}

// Validate implements Validator.
func (broken) Validate(context.Context, string) (governance.Caller, error) {
	var caller *governance.Caller
	return *caller, nil
}

func serve(t *testing.T, validator Validator, log *bytes.Buffer) (answer *httptest.ResponseRecorder, body errorBody) {
	t.Helper()
	s := New(Options{Use: UseCases{Ledger: ledger.New(ledger.Options{})}, Identity: validator, TokenFrom: func(http.Header) (string, error) { return "token", nil }, Logger: slog.New(slog.NewJSONHandler(log, nil))})
	answer = httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/api/v1.0/identityGovernance/entitlementManagement/catalogs", nil)
	r.Header.Set("Client-Request-Id", "mine")
	s.ServeHTTP(answer, r)
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		t.Fatalf("%v: %s", err, answer.Body)
	}
	if body.Error.InnerError.RequestID != answer.Header().Get("Request-Id") || body.Error.InnerError.ClientRequestID != "mine" || body.Error.Message == "" {
		t.Errorf("the error is not complete: %s", answer.Body)
	}
	return answer, body
}

// A failure has Graph's shape, tells the outside nothing of its cause, and leaves the cause in the log under the request's id.
func TestFailures(t *testing.T) {
	t.Parallel()
	const secret = "AccountKey=hunter2"
	for name, one := range map[string]struct {
		err       error
		status    int
		code      governance.Code
		wait      string
		logged    bool
		challenge string
	}{
		"a token that is none": {&governance.Error{Code: governance.CodeUnauthorized, Message: "no", Err: errors.New(secret)}, 401, governance.CodeUnauthorized, "", true, `Bearer error="invalid_token"`},
		"no token":             {&governance.Error{Code: governance.CodeUnauthorized, Message: "no", Err: identity.ErrNoToken}, 401, governance.CodeUnauthorized, "", true, "Bearer"},
		"a token for less":     {authz.Rights{}.Require("", authz.OpReadCatalogs), 403, governance.CodeForbidden, "", true, `Bearer error="insufficient_scope"`},
		"what no token mends":  {governance.Forbidden("no"), 403, governance.CodeForbidden, "", true, ""},
		"keys that are away":   {&governance.Error{Code: governance.CodeUnavailable, Message: "The keys cannot be read.", Err: errors.New(secret)}, 503, governance.CodeUnavailable, "1", true, ""},
		"a throttled directory": {
			errors.Join(errors.New(secret), &directory.ThrottledError{After: 90 * time.Second}), 429, governance.CodeThrottled, "90", false, "",
		},
		"anything else":        {errors.New(secret), 500, governance.CodeInternal, "", true, ""},
		"an internal one":      {&governance.Error{Code: governance.CodeInternal, Message: secret}, 500, governance.CodeInternal, "", true, ""},
		"a code of the future": {&governance.Error{Code: "brandNew", Message: secret}, 500, governance.CodeInternal, "", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			answer, body := serve(t, identified{one.err}, &log)
			if answer.Code != one.status || body.Error.Code != string(one.code) || answer.Header().Get("Retry-After") != one.wait {
				t.Errorf("%d %s, Retry-After %q", answer.Code, answer.Body, answer.Header().Get("Retry-After"))
			}
			if strings.Contains(answer.Body.String(), secret) {
				t.Errorf("the cause is told: %s", answer.Body)
			}
			if logged := strings.Contains(log.String(), answer.Header().Get("Request-Id")); logged != one.logged {
				t.Errorf("logged: %s", &log)
			}
			if strings.Contains(log.String(), secret) && one.status == 401 {
				t.Errorf("the line of a refusal has its cause: %s", &log)
			}
			if authenticate := answer.Header().Get("WWW-Authenticate"); authenticate != one.challenge {
				t.Errorf("WWW-Authenticate is %q", authenticate)
			}
		})
	}
}

// A panic is one request's end, not the process's.
func TestPanic(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	answer, body := serve(t, broken{}, &log)
	if answer.Code != http.StatusInternalServerError || body.Error.Code != string(governance.CodeInternal) || strings.Contains(answer.Body.String(), "nil pointer") {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if !strings.Contains(log.String(), `"alert":true`) || !strings.Contains(log.String(), "nil pointer") || !strings.Contains(log.String(), answer.Header().Get("Request-Id")) {
		t.Errorf("logged: %s", &log)
	}
}

func TestClientRequestID(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{"a-1": "a-1", strings.Repeat("x", 64): strings.Repeat("x", 64), strings.Repeat("x", 65): "", "a\x01b": "", "ü": "", "": ""} {
		if got := clientRequestID(http.Header{"Client-Request-Id": {value}}); got != want {
			t.Errorf("%q is %q", value, got)
		}
	}
}
