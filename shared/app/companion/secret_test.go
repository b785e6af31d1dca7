package companion_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"latchkey/shared/app/companion"
	"latchkey/shared/governance"
)

// An action that names a secret for another use, or sends it to another host, is refused when it is saved, and does nothing when what the secret is for was changed after that.
// rules: BEY-24 BEY-28
func TestASecretServesNothingElse(t *testing.T) {
	t.Parallel()
	const ticket = `"waitForAnswer":false,"numberPath":"result.number","body":{}}`
	for _, test := range []struct{ kind, settings, target string }{
		{"ticket", `{"url":"https://desk.example/","authorizationSecret":"answers",` + ticket, "settings/authorizationSecret"}, // the key that all answers prove themselves with
		{"ticket", `{"url":"https://desk.example/","authorizationSecret":"key",` + ticket, "settings/authorizationSecret"},
		{"ticket", `{"url":"https://desk.example/","authorizationSecret":"teams",` + ticket, "settings/authorizationSecret"},
		{"ticket", `{"url":"https://evil.example/","authorizationSecret":"desk",` + ticket, "settings/authorizationSecret"},
		{"ticket", `{"url":"https://desk.example:8443/","authorizationSecret":"desk",` + ticket, "settings/authorizationSecret"},
		{"ticket", `{"url":"http://desk.example/","authorizationSecret":"desk",` + ticket, "settings/authorizationSecret"},
		{"ticket", `{"url":"https://desk.example.evil.example/","authorizationSecret":"desk",` + ticket, "settings/authorizationSecret"},
		{"ticket", `{"url":"https://desk.example/","answerSecret":"desk","numberPath":"result.number","body":{}}`, "settings/answerSecret"},
		{"ticket", `{"url":"https://evil.example/","answerSecret":"answers","numberPath":"result.number","body":{}}`, "settings/answerSecret"},
		{"webhook", `{"url":"https://evil.example/","secret":"key"}`, "settings/secret"},
		{"webhook", `{"url":"https://desk.example/","secret":"answers"}`, "settings/secret"},
		{"webhook", `{"url":"https://hooks.example/","secret":"teams"}`, "settings/secret"},
		{"temporaryAccessPass", `{"deliverTo":"teams","teamsSecret":"key"}`, "settings/teamsSecret"},
		{"temporaryAccessPass", `{"deliverTo":"teams","teamsSecret":"desk"}`, "settings/teamsSecret"},
	} {
		w := newTaskWorld(t)
		before := w.everywhere()
		var coded *governance.Error
		_, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "", as(governance.CalloutAction{Kind: test.kind, Settings: json.RawMessage(test.settings)}))
		if !errors.As(err, &coded) || coded.Code != governance.CodeInvalid || coded.Target != test.target || strings.Contains(err.Error(), taskSecret) || w.everywhere() != before {
			t.Errorf("%s: %v", test.settings, err)
		}
	}
	for kind, settings := range map[string]string{
		"ticket":              `{"url":"https://desk.example/","authorizationSecret":"desk","answerSecret":"answers","numberPath":"result.number","body":{"key":"{{ticket.key}}"}}`,
		"webhook":             kinds["webhook"].good,
		"temporaryAccessPass": `{"deliverTo":"teams","teamsSecret":"teams"}`,
	} {
		for change, replaced := range map[string]*strings.Replacer{
			"other hosts": strings.NewReplacer("desk.example", "other.example", "hooks.example", "other.example"),
			"another use": strings.NewReplacer(`"signature"`, `"answerKey"`, `"answerKey"`, `"signature"`, `"authorization"`, `"signature"`, `"use":"address"`, `"use":"signature","hosts":["teams.example"]`),
		} {
			if change == "other hosts" && kind == "temporaryAccessPass" {
				continue // an address has its own
			}
			w := newTaskWorld(t)
			w.configure("act", kind, settings)
			id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
			w.bind(replaced.Replace(boundSecrets))
			w.settle(0)
			task := w.task(id)
			if len(w.posts) > 0 || task.Succeeded || !strings.Contains(task.Detail+w.logs.String(), "is not for this") {
				t.Errorf("%s, %s: %d posts, %s: %s", kind, change, len(w.posts), task.State, task.Detail)
			}
			for _, one := range w.directory.Issued() {
				if one.Live {
					t.Errorf("%s, %s: a pass is left that nobody has", kind, change)
				}
			}
			checked, err := w.actions.CheckAction(t.Context(), taskAdministrator, "act")
			if err != nil || !strings.Contains(fmt.Sprint(checked.Findings), "is not for this") {
				t.Errorf("%s, %s: the check finds %v, %v", kind, change, checked.Findings, err)
			}
			w.checkNoLeak()
		}
	}
}

// The door for answers refuses a key by computing alone: nothing is read for a stranger's, nor for one of another ticket or of a secret that is for something else. While the secret is rotated tickets of
// before are answered, and new ones carry the new value's key.
// rules: EXT-26
func TestATicketsKeyProvesItself(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "ticket", `{"url":"https://desk.example/","answerSecret":"answers","numberPath":"result.number","body":{"id":"{{ticket.id}}","key":"{{ticket.key}}"}}`)
	open := func(request string) (ticket struct{ ID, Key string }) {
		w.accept("act", payload("assignmentRequestApproved", taskHire, map[string]any{"AccessPackageAssignmentRequestId": request, "CallbackUriPath": nil}))
		w.settle(0)
		if err := json.Unmarshal(w.posts[len(w.posts)-1].Body, &ticket); err != nil {
			t.Fatal(err)
		}
		return ticket
	}
	answer := func(id, key string) (int, error) {
		before := w.calls
		_, err := w.tasks.AnswerTicket(t.Context(), id, key, companion.TicketAnswer{Status: "completed"})
		return w.calls - before, err
	}
	first, other := open(taskRequest), open(taskStage)
	elsewhere := governance.NameID("nobody") + "." + governance.NameID("nothing")
	for name, test := range map[string]struct{ id, key string }{
		"a stranger's":            {first.ID, strings.Repeat("A", 43)},
		"another ticket's":        {first.ID, other.Key},
		"one of nothing":          {elsewhere, first.Key},
		"one of another secret":   {first.ID, keyOf(taskSecret, first.ID)},
		"one of no secret":        {first.ID, keyOf("", first.ID)},
		"one that is too long":    {first.ID, first.Key + "A"},
		"none":                    {first.ID, ""},
		"one of an id of no form": {"x." + first.ID, keyOf(answersSecret, "x."+first.ID)},
	} {
		calls, err := answer(test.id, test.key)
		if governance.CodeOf(err) != governance.CodeUnauthorized || calls != 0 || governance.CodeOf(w.tasks.CheckTicketKey(test.id, test.key)) != governance.CodeUnauthorized {
			t.Errorf("%s: %v, %d calls of the store", name, err, calls)
		}
	}
	if calls, err := answer(elsewhere, keyOf(answersSecret, elsewhere)); governance.CodeOf(err) != governance.CodeUnauthorized || calls == 0 {
		t.Errorf("a key of ours for a ticket that is not there: %v, %d calls", err, calls)
	}

	const next = "the-value-that-comes-next"
	w.bind(strings.Replace(boundSecrets, `"value":"`+answersSecret+`"`, `"value":"`+next+`","alsoValid":"`+answersSecret+`"`, 1))
	if err := w.tasks.CheckTicketKey(strings.ToUpper(first.ID), first.Key); err != nil {
		t.Errorf("a ticket of before: %v", err)
	}
	if _, err := answer(first.ID, first.Key); err != nil {
		t.Errorf("a ticket of before: %v", err)
	}
	if third := open(taskApp); third.Key != keyOf(next, third.ID) {
		t.Error("a new ticket has a key of the old value")
	}
	w.bind(strings.Replace(boundSecrets, answersSecret, next, 1))
	if calls, err := answer(other.ID, other.Key); governance.CodeOf(err) != governance.CodeUnauthorized || calls != 0 {
		t.Errorf("a key of the old value, after all: %v, %d calls", err, calls)
	}
	w.bind(strings.NewReplacer(answersSecret, next, "desk.example", "other.example").Replace(boundSecrets))
	if _, err := answer(other.ID, keyOf(next, other.ID)); governance.CodeOf(err) != governance.CodeUnauthorized {
		t.Errorf("a ticket of a desk that the secret is not for any more: %v", err)
	}
}

// Whatever the settings of the app and of the action are: the pass of somebody with a directory role goes to whom the directory names as their manager, or to themselves, and only where the app allows it.
// rules: BEY-26 BEY-27
func TestNobodyGetsAnAdministratorsPassByAnAction(t *testing.T) {
	t.Parallel()
	const reader = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b"
	for name, rights := range map[string]companion.PassRights{
		"nobody": {}, "all": {Privileged: true}, "this role": {Roles: []string{strings.ToUpper(governance.RoleGlobalAdministrator)}}, "another role": {Roles: []string{reader}},
	} {
		for _, deliverTo := range []string{"manager", "requestor", "teams", "show"} {
			for asks, requestor := range map[string]string{"the manager": taskManager, "themselves": taskAdmin, "somebody": taskHire, "nobody": ""} {
				for _, eligible := range []bool{false, true} {
					w := newTaskWorld(t)
					target := taskAdmin
					if eligible {
						target = taskHire
						w.directory.PutEligibleRole(taskHire, governance.RoleGlobalAdministrator)
						requestor = map[string]string{taskAdmin: taskHire, taskHire: taskAdmin}[requestor] + map[bool]string{true: requestor}[requestor == taskManager]
					}
					w.rights = rights
					w.start()
					settings := map[string]string{"deliverTo": deliverTo}
					if deliverTo == "teams" {
						settings["teamsSecret"] = "teams"
					}
					data, _ := json.Marshal(settings)
					w.configure("act", "temporaryAccessPass", string(data))
					id := w.accept("act", payload("assignmentRequestGranted", target, map[string]any{"Requestor": map[string]any{"ObjectId": requestor}}))
					w.settle(0)
					caller := governance.Caller{Kind: governance.CallerUser, TenantID: taskTenant, ObjectID: requestor, Scopes: []string{governance.PermissionSubjectAccess}}
					_, _ = w.tasks.ShowPass(t.Context(), caller, id)
					allowed := (name == "all" || name == "this role") && (deliverTo == "manager" || deliverTo != "teams" && asks == "themselves")
					if issued := len(w.directory.Issued()); (issued == 1) != allowed {
						t.Errorf("allowed are %s, to %s, %s asks, eligible %v: %d passes: %s", name, deliverTo, asks, eligible, issued, w.task(id).Detail)
					}
					for _, mail := range w.directory.Sent() {
						if want := map[string]string{"manager": "marta", "requestor": map[bool]string{false: "ida", true: "rui"}[eligible]}[deliverTo]; mail.To[0] != want+"@contoso.example" {
							t.Errorf("allowed are %s, to %s, %s asks: it went to %s", name, deliverTo, asks, mail.To)
						}
					}
				}
			}
		}
	}
}

// While the secret of a webhook is rotated its calls carry the signatures of both values; else one.
// rules: BEY-24
func TestAWebhookIsSignedWithBothValues(t *testing.T) {
	t.Parallel()
	for _, also := range []string{"", "the value that comes next"} {
		w := newTaskWorld(t)
		w.bind(`{"key":{"use":"signature","hosts":["hooks.example"],"value":"the value of now and here","alsoValid":"` + also + `"}}`)
		w.configure("act", "webhook", `{"url":"https://hooks.example/x","secret":"key"}`)
		w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
		w.settle(0)
		if len(w.posts) != 1 {
			t.Fatalf("%d posts", len(w.posts))
		}
		want := []string{}
		for _, value := range []string{"the value of now and here", also} {
			if value != "" {
				mac := hmac.New(sha256.New, []byte(value))
				mac.Write([]byte(w.posts[0].Header.Get("Latchkey-Timestamp") + "." + string(w.posts[0].Body)))
				want = append(want, "sha256="+hex.EncodeToString(mac.Sum(nil)))
			}
		}
		if got := w.posts[0].Header.Get("Latchkey-Signature"); got != strings.Join(want, " ") {
			t.Errorf("%q: signed is %s, want %s", also, got, want)
		}
	}
}
