package companion_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	storememory "latchkey/shared/store/memory"
)

// Whoever changes an action names it and its version as it is; nothing is made by an attempt to change what is not there.
func TestActionsHaveVersions(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	etag := ""
	put := func(draft governance.CalloutAction, ifMatch string) error {
		draft.Kind = "revokeSessions"
		made, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", ifMatch, as(draft))
		etag = made.ETag
		return err
	}
	w.refused(put(governance.CalloutAction{}, "*"), governance.CodeNotFound, "act")
	_, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "", sent(`{"kind":"revokeSessions","name":"other"}`))
	w.refused(err, governance.CodeInvalid, "name contradicts")
	w.must(put(governance.CalloutAction{Name: "act"}, ""))
	first := etag
	w.must(put(governance.CalloutAction{DisplayName: "second"}, first))
	second := etag
	w.refused(put(governance.CalloutAction{}, first), governance.CodePrecondition, "")
	w.refused(w.actions.DeleteAction(t.Context(), taskAdministrator, "act", first), governance.CodePrecondition, "")
	w.must(w.actions.DeleteAction(t.Context(), taskAdministrator, "act", second))
	w.refused(w.actions.DeleteAction(t.Context(), taskAdministrator, "act", ""), governance.CodeNotFound, "act")
}

// TestAnActionLosesNothingBySilence: what is set and a PUT says nothing of is named, at every depth; null takes it away. rules: OBJ-05.
func TestAnActionLosesNothingBySilence(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	put := func(ifMatch, body string) (governance.CalloutAction, error) {
		made, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", ifMatch, sent(body))
		return made.Value.CalloutAction, err
	}
	whole := `{"kind":"temporaryAccessPass","isEnabled":false,"onFailure":"deny","displayName":"Pass","callers":["` + taskApp + `"],"stages":["assignmentRequestGranted"],` +
		`"settings":{"lifetimeInMinutes":480,"isUsableOnce":false,"startsAfter":"PT1H","deliverTo":"requestor"}}`
	first, err := put("", whole)
	w.must(err)
	_, err = put("*", `{"kind":"temporaryAccessPass","settings":{"deliverTo":"show"}}`)
	w.refused(err, governance.CodeInvalid, "callers, displayName, isEnabled, onFailure, settings/isUsableOnce, settings/lifetimeInMinutes, settings/startsAfter, stages.")
	_, err = put("*", `{"displayName":"Pass","isEnabled":false,"onFailure":"deny","callers":null,"stages":null}`)
	w.refused(err, governance.CodeInvalid, "kind, settings.")
	again, err := put("*", whole)
	w.must(err)
	if first.ModifiedDateTime, again.ModifiedDateTime = nil, nil; !reflect.DeepEqual(first, again) {
		t.Errorf("the same once more is %+v, was %+v", again, first)
	}
	bare, err := put("*", `{"kind":"temporaryAccessPass","isEnabled":null,"onFailure":null,"displayName":null,"callers":null,"stages":null,"settings":{"lifetimeInMinutes":null,"isUsableOnce":null,"startsAfter":null,"deliverTo":null}}`)
	w.must(err)
	if string(bare.Settings) != `{"lifetimeInMinutes":60,"isUsableOnce":true,"deliverTo":"manager"}` || !bare.Enabled() || bare.OnFailure != governance.FailureReports || bare.DisplayName+fmt.Sprint(bare.Callers, bare.Stages) != "[] []" {
		t.Errorf("after null it is %+v, %s", bare, bare.Settings)
	}
	_, err = put("*", `{"kind":"temporaryAccessPass"}`) // all else is its default
	w.must(err)
}

// A change whose answer is lost is made once, and answered with the version that it made.
func TestActionsAreChangedOnce(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	for _, display := range []string{"first", "second"} {
		ifMatch := ledger.AnyETag
		if display == "first" {
			ifMatch = ""
		}
		w.faults(storememory.Conflict, storememory.LostResponse)
		made, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", ifMatch, as(governance.CalloutAction{Kind: "revokeSessions", DisplayName: display}))
		w.must(err)
		found, err := w.actions.CalloutAction(t.Context(), taskAdministrator, "act")
		w.must(err)
		if found.Value.DisplayName != display || found.ETag != made.ETag || made.Value.DisplayName != display {
			t.Errorf("%q is %q with %s, the answer was %q with %s", display, found.Value.DisplayName, found.ETag, made.Value.DisplayName, made.ETag)
		}
	}
	w.faults(storememory.LostResponse)
	w.must(w.actions.DeleteAction(t.Context(), taskAdministrator, "act", ""))
	if entries := w.checkChain(ledger.TenantPlace()); entries != 3 {
		t.Errorf("%d entries in the trail", entries)
	}
}

func (w *taskWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// refused wants an error of a code, with a word in it.
func (w *taskWorld) refused(err error, code governance.Code, word string) {
	w.t.Helper()
	if err == nil || governance.CodeOf(err) != code || !strings.Contains(err.Error(), word) {
		w.t.Errorf("wanted %s and %q, got %v", code, word, err)
	}
}

// faults has commits go wrong as listed, one after the other; the rest goes well.
func (w *taskWorld) faults(faults ...storememory.Fault) {
	w.documents.SetFault(func(operation string) storememory.Fault {
		if operation != storememory.OpCommit || len(faults) == 0 {
			return storememory.NoFault
		}
		next := faults[0]
		faults = faults[1:]
		return next
	})
}

// Where all is there, the check of an action finds nothing; of several permissions that would do, the least is named first.
func TestAnActionThatLacksNothing(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.directory.PutPassPolicy(governance.PassPolicy{Enabled: true, MinimumMinutes: 10, MaximumMinutes: 480})
	for name, kind := range kinds {
		made, err := w.actions.PutAction(t.Context(), taskAdministrator, "a-"+strings.ToLower(name), "", as(governance.CalloutAction{Kind: name, Settings: json.RawMessage(kind.good)}))
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
	checked, err := w.actions.CheckAction(t.Context(), taskAdministrator, "a-temporaryaccesspass")
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
