package companion_test

import (
	"encoding/json"
	"strings"
	"testing"

	"latchkey/shared/governance"
	storememory "latchkey/shared/store/memory"
)

// Whoever changes an action names it and its version as it is; nothing is made by an attempt to change what is not there.
func TestActionsHaveVersions(t *testing.T) {
	s := newStand(t)
	put := func(draft governance.CalloutAction, ifMatch string) (string, error) {
		draft.Kind = "revokeSessions"
		made, err := s.app.PutAction(t.Context(), admin(), "act", draft, ifMatch)
		return made.ETag, err
	}
	_, err := put(governance.CalloutAction{}, "*")
	s.refused(err, governance.CodeNotFound, "act")
	_, err = put(governance.CalloutAction{Name: "other"}, "")
	s.refused(err, governance.CodeInvalid, "in the path")
	first, err := put(governance.CalloutAction{Name: "act"}, "")
	s.must(err)
	second, err := put(governance.CalloutAction{DisplayName: "second"}, first)
	s.must(err)
	_, err = put(governance.CalloutAction{}, first)
	s.refused(err, governance.CodePrecondition)
	s.refused(s.app.DeleteAction(t.Context(), admin(), "act", first), governance.CodePrecondition)
	s.must(s.app.DeleteAction(t.Context(), admin(), "act", second))
	s.refused(s.app.DeleteAction(t.Context(), admin(), "act", ""), governance.CodeNotFound)
}

// A change whose answer is lost is made once, and answered with the version that it made.
func TestActionsAreChangedOnce(t *testing.T) {
	s := newStand(t)
	for _, display := range []string{"first", "second"} {
		ifMatch := "*"
		if display == "first" {
			ifMatch = ""
		}
		s.faults(storememory.OpCommit, storememory.Conflict, storememory.LostResponse)
		made, err := s.app.PutAction(t.Context(), admin(), "act", governance.CalloutAction{Kind: "revokeSessions", DisplayName: display}, ifMatch)
		s.must(err)
		found, err := s.app.CalloutAction(t.Context(), admin(), "act")
		s.must(err)
		if found.Value.DisplayName != display || found.ETag != made.ETag {
			t.Errorf("%q is %q with %s, the answer was %s", display, found.Value.DisplayName, found.ETag, made.ETag)
		}
	}
	s.faults(storememory.OpCommit, storememory.LostResponse)
	s.must(s.app.DeleteAction(t.Context(), admin(), "act", ""))
	report, err := s.app.VerifyAudit(t.Context(), admin(), true, "tenant")
	s.must(err)
	if !report.Verified || report.Entries != 3 {
		t.Errorf("the chain: %+v", report)
	}
}

// Where all is there, the check of an action finds nothing; of several permissions that would do, the least is named first.
func TestAnActionThatLacksNothing(t *testing.T) {
	t.Parallel()
	w := newCalloutWorld(t)
	w.directory.PutPassPolicy(governance.PassPolicy{Enabled: true, MinimumMinutes: 10, MaximumMinutes: 480})
	for name, kind := range kinds {
		made, err := w.app.PutAction(t.Context(), calloutAdministrator, "a-"+strings.ToLower(name), governance.CalloutAction{Kind: name, Settings: json.RawMessage(kind.good)}, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range made.Value.Findings {
			if finding.Target == "permissions" || finding.Severity == "error" {
				t.Errorf("%s: %+v", name, finding)
			}
		}
	}
	w.directory.PutGranted()
	checked, err := w.app.CheckAction(t.Context(), calloutAdministrator, "a-temporaryaccesspass")
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, finding := range checked.Findings {
		text += finding.Message + "\n"
	}
	if !strings.Contains(text, "lacks the application permission UserAuthMethod-TAP.ReadWrite.All in Microsoft Graph (UserAuthenticationMethod.ReadWrite.All would do, too).") {
		t.Error(text)
	}
}
