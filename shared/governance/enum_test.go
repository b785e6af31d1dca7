package governance_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"latchkey/shared/governance"
)

// rules: OBJ-03 CAT-02 CAT-04 POL-02 REQ-01 REQ-02 REQ-17 LIF-01 APR-14
func TestEnumsAreReadInAnyCaseAndWrittenInOne(t *testing.T) {
	t.Parallel()
	enum[governance.CatalogState](t, "state", "published", "unpublished")
	enum[governance.CatalogType](t, "catalogType", "userManaged", "serviceDefault", "serviceManaged")
	enum[governance.ResourceRequestType](t, "requestType", "adminAdd", "adminUpdate", "adminRemove")
	enum[governance.TargetScope](t, "allowedTargetScope", "notSpecified", "specificDirectoryUsers", "allMemberUsers", "allDirectoryUsers")
	enum[governance.ExpirationType](t, "expiration/type", "notSpecified", "noExpiration", "afterDateTime", "afterDuration")
	enum[governance.RequestType](t, "requestType", "userAdd", "userRemove", "adminAdd", "adminRemove", "systemRemove")
	enum[governance.RequestState](t, "state", "submitted", "pendingApproval", "scheduled", "delivering", "delivered", "partiallyDelivered", "deliveryFailed", "denied", "canceled")
	enum[governance.AssignmentState](t, "state", "delivering", "partiallyDelivered", "delivered", "expired", "deliveryFailed")
	enum[governance.ReviewResult](t, "reviewResult", "Approve", "Deny", "NotReviewed")
	for text, want := range map[string]governance.ReviewResult{`"approved"`: governance.ResultApprove, `"Denied"`: governance.ResultDeny} {
		if got := decode[governance.ReviewResult](t, text); got != want {
			t.Errorf("%s reads as %s", text, got)
		}
	}
	for _, scope := range []string{"allExternalUsers", "specificConnectedOrganizationUsers", "allConfiguredConnectedOrganizationUsers", "allDirectoryServicePrincipals"} {
		var read governance.TargetScope
		refuses(t, json.Unmarshal([]byte(`"`+scope+`"`), &read), "allowedTargetScope", "cannot be")
	}
}

// A text says something where there is a character in it that can be seen.
func TestTextsThatSayNothing(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", " \t\n", "\u200b", "\u2060", "\ufeff", "\u3164", "\uffa0", "\u115f\u1160", "\u2800", "\u0001", "\u00ad", "\u202e", "\u0301", "\ufe0f", "\ufffc", "\U000e0041", "\U0001d159"} {
		if governance.Says(text) {
			t.Errorf("%q says something", text)
		}
	}
	for _, text := range []string{"x", "\u200bä", "7", "?", "👍", "理由", "e\u0301", "עברית", "한"} {
		if !governance.Says(text) {
			t.Errorf("%q says nothing", text)
		}
	}
	catalog := governance.Catalog{DisplayName: "\u3164"}
	refuses(t, catalog.Validate(nil), "displayName", "is missing")
}

func enum[T ~string](t *testing.T, property string, values ...T) {
	t.Helper()
	for _, value := range values {
		text := string(value)
		for _, form := range []string{text, strings.ToUpper(text), strings.ToLower(text), strings.ToUpper(text[:1]) + text[1:]} {
			if got := decode[T](t, `"`+form+`"`); got != value {
				t.Errorf("%s %q reads as %q, want %q", property, form, got, value)
			}
		}
	}
	kept := values[0]
	if err := json.Unmarshal([]byte(`null`), &kept); err != nil || kept != values[0] {
		t.Errorf("null makes %q of the %s %q: %v", kept, property, values[0], err)
	}
	for _, text := range []string{`""`, `"unknownFutureValue"`, `"` + string(values[0]) + ` "`, `1`, `true`, `{}`, `[]`, `"` + strings.Repeat("é", 100) + `"`} {
		var read T
		err := json.Unmarshal([]byte(text), &read)
		refuses(t, err, property, string(values[0]))
		if err != nil && len(err.Error()) > 400 {
			t.Errorf("the message repeats all of a long value: %v", err)
		}
	}
}

// rules: REQ-02
func TestWhatIsInFlightAndWhatRemoves(t *testing.T) {
	t.Parallel()
	flying := map[governance.RequestState]bool{"submitted": true, "pendingApproval": true, "scheduled": true, "delivering": true}
	for _, state := range governance.RequestStates() {
		if state.IsInFlight() != flying[state] {
			t.Errorf("%s in flight: %t", state, state.IsInFlight())
		}
	}
	removals := map[governance.RequestType]bool{"userRemove": true, "adminRemove": true, "systemRemove": true}
	for _, kind := range []governance.RequestType{"userAdd", "userRemove", "adminAdd", "adminRemove", "systemRemove", "systemUpdate"} {
		if kind.IsRemoval() != removals[kind] {
			t.Errorf("%s removes: %t", kind, kind.IsRemoval())
		}
		if adds := !removals[kind] && kind != "systemUpdate"; kind.IsAddition() != adds {
			t.Errorf("%s adds: %t", kind, kind.IsAddition())
		}
	}
}

func TestErrorsKeepTheirCodeWhenWrapped(t *testing.T) {
	t.Parallel()
	cause := errors.New("socket closed")
	for want, err := range map[governance.Code]error{
		governance.CodeInvalid:     governance.Invalid("a/b", "%s is wrong.", "a"),
		governance.CodeNotFound:    governance.NotFound("no %d", 1),
		governance.CodeConflict:    governance.Conflict("no"),
		governance.CodeForbidden:   governance.Forbidden("no"),
		governance.CodeInternal:    cause,
		governance.CodeUnavailable: &governance.Error{Code: governance.CodeUnavailable, Message: "later", Target: "x", Err: cause},
	} {
		if got := governance.CodeOf(fmt.Errorf("around: %w", err)); got != want {
			t.Errorf("CodeOf(%v) = %s, want %s", err, got, want)
		}
	}
	err := &governance.Error{Code: governance.CodeUnavailable, Message: "later", Target: "x", Err: cause}
	if !errors.Is(err, cause) || err.Error() != "serviceNotAvailable: later (x): socket closed" {
		t.Errorf("%v", err)
	}
}
