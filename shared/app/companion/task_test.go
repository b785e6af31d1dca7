package companion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/shared/app/companion"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// kinds is every kind of action with settings that work, settings that do not, and what must be so when it is done.
var kinds = map[string]struct {
	good  string
	bad   []string
	stage string
	done  func(w *taskWorld) error
}{
	"temporaryAccessPass": {
		good:  `{"lifetimeInMinutes":1440,"deliverTo":"manager"}`,
		bad:   []string{`{"lifetimeInMinutes":5}`, `{"deliverTo":"everybody"}`, `{"deliverTo":"teams"}`, `{"teamsSecret":"x"}`, `{"startsAfter":"P400D"}`, `{"startsAfter":"soon"}`, `{"allowedRoles":["admin"]}`, `{"allowPrivileged":true}`, `{"allowPrivileged":false}`, `{"unknown":1}`, `[]`},
		stage: "assignmentRequestGranted",
		done: func(w *taskWorld) error {
			var live []directorymemory.IssuedPass
			for _, one := range w.directory.Issued() {
				if one.Live {
					live = append(live, one)
				}
			}
			sent := w.directory.SentTo("marta@contoso.example")
			switch {
			case len(live) != 1:
				return fmt.Errorf("there are %d live passes", len(live))
			case len(sent) == 0 || !strings.Contains(sent[len(sent)-1].Text, live[0].Value):
				return errors.New("the live pass was not delivered")
			case live[0].Pass.LifetimeMinutes != 480 || len(w.directory.SentTo("rui@contoso.example")) > 0:
				return fmt.Errorf("the pass is for %d minutes, or somebody else has it", live[0].Pass.LifetimeMinutes)
			}
			return nil
		},
	},
	"intuneApp": {
		good: `{"mobileAppId":"` + taskApp + `","installGroupId":"` + taskIn + `","uninstallGroupId":"` + taskOut + `"}`,
		bad: []string{`{}`, `{"mobileAppId":"x","installGroupId":"` + taskIn + `","uninstallGroupId":"` + taskOut + `"}`,
			`{"mobileAppId":"` + taskApp + `","installGroupId":"` + taskIn + `","uninstallGroupId":"` + taskIn + `"}`,
			`{"mobileAppId":"` + taskApp + `","installGroupId":"` + taskIn + `","uninstallGroupId":"` + taskOut + `","uninstallFor":"P2Y"}`,
			`{"mobileAppId":"` + taskApp + `","installGroupId":"` + taskIn + `","uninstallGroupId":"` + taskOut + `","direction":"up"}`},
		stage: "assignmentRequestRemoved",
		done: func(w *taskWorld) error {
			found, err := w.directory.App(context.Background(), taskApp)
			if err != nil || len(found.Assignments) != 1 || found.Assignments[0].Intent != governance.IntentUninstall {
				return fmt.Errorf("the app is assigned as %+v, %w", found, err)
			}
			if w.directory.IsMember(taskIn, taskHire) || !w.directory.IsMember(taskOut, taskHire) {
				return errors.New("the person is in the wrong group")
			}
			return nil
		},
	},
	"groupMembership": {
		good: `{"groupId":"` + taskIn + `"}`, bad: []string{`{}`, `{"groupId":"x"}`, `{"groupId":"` + taskIn + `","direction":"both"}`}, stage: "assignmentRequestGranted",
		done: func(w *taskWorld) error {
			if !w.directory.IsMember(taskIn, taskHire) {
				return errors.New("the person is not in the group")
			}
			return nil
		},
	},
	"revokeSessions": {
		good: `{}`, bad: []string{`{"for":"all"}`}, stage: "assignmentRequestRemoved",
		done: func(w *taskWorld) error {
			if !slices.Contains(w.directory.Revoked(), taskHire) {
				return errors.New("nobody was signed out")
			}
			return nil
		},
	},
	"sendMail": {
		good: `{"to":"target","subject":"Welcome {{target.displayName}}","lines":["<b>{{accessPackage.displayName}}</b>"]}`,
		bad: []string{`{"subject":"x"}`, `{"subject":"\u200b","lines":["x"]}`, `{"subject":"a\nBcc: x@y.example","lines":["x"]}`, `{"subject":"{{secret}}","lines":["x"]}`, `{"subject":"x","lines":["{{"]}`, `{"subject":"x","lines":["${env}"]}`, `{"subject":"<%= env %>","lines":["x"]}`,
			`{"to":"ceo","subject":"x","lines":["x"]}`},
		stage: "assignmentRequestGranted",
		done: func(w *taskWorld) error {
			sent := w.directory.SentTo("rui@contoso.example")
			// What came with the payload looks like a placeholder, and stays as it is.
			if len(sent) == 0 || sent[0].Subject != "Welcome Rui {{action}}" || strings.Contains(sent[0].HTML, "<b>") {
				return fmt.Errorf("sent was %+v", sent)
			}
			return nil
		},
	},
	"webhook": {
		good: `{"url":"https://hooks.example/x","secret":"key","headers":{"X-Kind":"a"},"body":{"who":"{{target.displayName}}"}}`,
		bad: []string{`{"url":"https://hooks.example/x"}`, `{"url":"ftp://x","secret":"key"}`, `{"url":"https://u:p@hooks.example/","secret":"key"}`, `{"url":"https://hooks.example/x","secret":"../key"}`,
			`{"url":"https://hooks.example/x","secret":"key","headers":{"X-A":"b\r\nX-C: d"}}`, `{"url":"https://hooks.example/x","secret":"key","headers":{"X-A":null}}`, `{"url":"https://hooks.example/x","secret":"key","headers":{"X-A\r\nX-B":"b"}}`,
			`{"url":"https://hooks.example/x","secret":"key","headers":{"Host":"inside"}}`, `{"url":"https://hooks.example/x","secret":"key","headers":{"Authorization":"Bearer x"}}`,
			`{"url":"https://hooks.example/x","secret":"key","headers":{"X-A":"{{target.displayName}}"}}`, `{"url":"https://hooks.example/x","secret":"key","body":{"a":"{{constructor}}"}}`,
			`{"url":"https://hooks.example/x","secret":"key","headers":{"Latchkey-Signature":"x"}}`},
		stage: "assignmentRequestApproved",
		done: func(w *taskWorld) error {
			if len(w.posts) == 0 {
				return errors.New("nothing was posted")
			}
			for _, post := range w.posts {
				if string(post.Body) != `{"who":"Rui {{action}}"}` || !strings.HasPrefix(post.Header.Get("Latchkey-Signature"), "sha256=") || post.Header.Get("Latchkey-Delivery") != w.posts[0].Header.Get("Latchkey-Delivery") {
					return fmt.Errorf("posted was %s with %v", post.Body, post.Header)
				}
			}
			return nil
		},
	},
	"ticket": {
		good: `{"url":"https://desk.example/x","authorizationSecret":"desk","waitForAnswer":false,"numberPath":"result.number","body":{"short_description":"For {{target.displayName}} {{ticket.id}}"},
			"find":{"url":"https://desk.example/x?q=correlation_id={{ticket.id}}","numberPath":"result.0.number"}}`,
		bad: []string{`{"url":"https://desk.example/x","waitForAnswer":false,"numberPath":"n","body":{},"find":{"url":"https://desk.example/x?q={{ticket.id}}"}}`,
			`{"url":"https://desk.example/x","waitForAnswer":false,"numberPath":"n","body":{},"find":{"url":"https://other.example/x?q={{ticket.id}}","numberPath":"a"}}`,
			`{"url":"https://desk.example/x","waitForAnswer":false,"numberPath":"n","body":{},"find":{"url":"https://desk.example.{{ticket.id}}/","numberPath":"a"}}`,
			`{"url":"https://desk.example/x","waitForAnswer":false,"numberPath":"n","body":{},"find":{"url":"http://desk.example/x?q={{ticket.id}}","numberPath":"a"}}`,
			`{"url":"https://desk.example/x","waitForAnswer":false,"numberPath":"n","body":{},"find":{"url":"https://desk.example/x?q=all","numberPath":"a"}}`,
			`{"url":"https://desk.example/x","waitForAnswer":false,"numberPath":"n","body":{},"find":{"url":"https://desk.example/x?q={{ticket.id}}{{ticket.key}}","numberPath":"a"}}`,
			`{"url":"https://desk.example/x","waitForAnswer":false,"numberPath":"n","body":{},"find":{"url":"https://u:p@desk.example/x?q={{ticket.id}}","numberPath":"a"}}`,
			`{"url":"https://desk.example/x","numberPath":"n","body":{}}`, `{"url":"https://desk.example/x","numberPath":"n","waitForAnswer":false}`, `{"url":"https://desk.example/x","numberPath":"n","waitForAnswer":false,"body":{"a":"{{ticket.secret}}"}}`,
			`{"url":"https://desk.example/x","waitForAnswer":false,"body":{},"numberPath":"a[0]"}`},
		stage: "assignmentRequestGranted",
		done: func(w *taskWorld) error {
			if len(w.posts) != 1 || w.posts[0].Header.Get("Authorization") != deskSecret { // one ticket, wherever the process died
				return fmt.Errorf("%d tickets", len(w.posts))
			}
			return nil
		},
	},
}

// Every kind that declares itself goes through the same contract. rules: BEY-24.
func TestEveryKindOfActionHasItsContract(t *testing.T) {
	t.Parallel()
	found, err := newTaskWorld(t).actions.ActionKinds(t.Context(), taskAdministrator)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range found {
		if _, ok := kinds[kind.Kind]; !ok {
			t.Errorf("the action %s is not in the table of these tests", kind.Kind)
		}
		if !json.Valid(kind.Schema) || kind.Description == "" {
			t.Errorf("%s has no schema or description", kind.Kind)
		}
	}
	if len(found) != len(kinds) {
		t.Errorf("%d kinds, %d in the table", len(found), len(kinds))
	}
}

// What is wrong with settings is named, and in words of JSON.
func TestWrongSettingsAreNamed(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	for _, test := range []struct{ kind, settings, target string }{
		{"groupMembership", `{"groupId":5}`, "settings/groupId"},
		{"groupMembership", `{"groupId":"` + taskIn + `","group":1}`, "settings/group"},
		{"groupMembership", `[]`, "settings"},
		{"groupMembership", `"x"`, "settings"},
		{"temporaryAccessPass", `{"lifetimeInMinutes":60.5}`, "settings/lifetimeInMinutes"},
		{"temporaryAccessPass", `{"deliverTo":"manager","startsAfter":"soon"}`, "settings/startsAfter"},
		{"temporaryAccessPass", `{"isUsableOnce":"yes"}`, "settings/isUsableOnce"},
		{"intuneApp", `{"uninstallFor":7}`, "settings/uninstallFor"},
		{"ticket", `{"find":{"url":5}}`, "settings/find/url"},
		{"webhook", `{"url":"https://hooks.example/{{target.objectId}}","secret":"hook"}`, "settings/url"},
		{"webhook", `{"url":"https://hooks.example:99999/","secret":"hook"}`, "settings/url"},
		{"webhook", `{"url":"https://hooks.example/","secret":"hook","body":"x"}`, "settings/body"},
		{"webhook", `{"url":"https://hooks.example/","secret":"hook","headers":{"X-Count":5}}`, "settings/headers"},
		{"webhook", `{"url":"https://hooks.example/","secret":"hook","headers":{"X-Count":null}}`, "settings/headers/X-Count"},
		{"temporaryAccessPass", `{"allowedRoles":["` + taskApp + `"]}`, "settings/allowedRoles"},
		{"temporaryAccessPass", `{"allowPrivileged":"true"}`, "settings/allowPrivileged"},
		{"ticket", `{"find":{"url":"x","number_path":"n"}}`, "settings/find/number_path"},
		{"ticket", `{"waitForAnswer":2}`, "settings/waitForAnswer"},
		{"groupMembership", `{"groupId":"` + taskIn + `","GROUPID":"` + taskOut + `"}`, "settings/GROUPID"},
		{"groupMembership", `{"groupId":"` + taskIn + `","direction":"sideways"}`, "settings/direction"},
		{"revokeSessions", `{"all":true}`, "settings/all"},
	} {
		_, err := w.actions.PutAction(t.Context(), taskAdministrator, "bad", "", sent(`{"kind":"`+test.kind+`","settings":`+test.settings+`}`))
		var coded *governance.Error
		if !errors.As(err, &coded) || coded.Code != governance.CodeInvalid || coded.Target != test.target || strings.Contains(coded.Message, "Go ") || strings.Contains(coded.Message, "Plan") {
			t.Errorf("%s %s: %v, want %s to be named", test.kind, test.settings, err, test.target)
		}
	}
}

// TestSettingsAreSpelledAsAllMembersAre: names and values of a set in any letter case, booleans and numbers as text and digits. rules: OBJ-02 QUE-06.
func TestSettingsAreSpelledAsAllMembersAre(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	for i, test := range []struct{ body, want string }{
		{`{"KIND":"TemporaryAccessPass","Settings":{"LifetimeInMinutes":"480","isUsableOnce":"False","DELIVERTO":"Requestor"}}`, `{"lifetimeInMinutes":480,"isUsableOnce":false,"deliverTo":"requestor"}`},
		{`{"settings":{"groupID":"` + strings.ToUpper(taskIn) + `","direction":"Add"},"kind":"groupMembership"}`, `{"groupId":"` + taskIn + `","direction":"add"}`},
		{`{"kind":"ticket","settings":{"url":"https://desk.example/","WaitForAnswer":"0","NumberPath":"result.number","Body":{"Group":null,"open":"true"}}}`, `{"url":"https://desk.example/","body":{"Group":null,"open":"true"},"numberPath":"result.number","waitForAnswer":false}`},
	} {
		made, err := w.actions.PutAction(t.Context(), taskAdministrator, fmt.Sprint("act-", i), "", sent(test.body))
		if w.must(err); string(made.Value.Settings) != test.want {
			t.Errorf("%s is %s", test.body, made.Value.Settings)
		}
	}
}

// By the stage nothing is given before somebody has approved it, and nothing is given or taken away where the stage does not tell which.
func TestTheStageSaysWhatIsGiven(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"groupMembership", "intuneApp"} {
		for stage, gives := range map[string]bool{"assignmentRequestCreated": false, "assignmentRequestApproved": true, "assignmentRequestGranted": true, "assignmentFourteenDaysBeforeExpiration": false, "assignmentOneDayBeforeExpiration": false} {
			w := newTaskWorld(t)
			w.configure("act", kind, kinds[kind].good)
			change := map[string]any{"State": "Submitted"}
			if strings.HasSuffix(stage, "Expiration") {
				change["CallbackConfiguration"] = nil
			}
			before := w.directory.IsMember(taskIn, taskHire)
			id := w.accept("act", payload(stage, taskHire, change))
			w.settle(0)
			if got := w.task(id); got.Succeeded != gives || !gives && (w.directory.IsMember(taskIn, taskHire) != before || w.directory.IsMember(taskOut, taskHire) || !strings.Contains(got.Detail, "settings must say so")) {
				t.Errorf("%s at %s: %+v", kind, stage, got)
			}
		}
	}
}

// Settings that are left out, or null, are those that an action has by itself.
func TestSettingsMayBeLeftOut(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	for i, settings := range []string{"", "null", "{}"} {
		if _, err := w.actions.PutAction(t.Context(), taskAdministrator, fmt.Sprint("act-", i), "", as(governance.CalloutAction{Kind: "temporaryAccessPass", Settings: json.RawMessage(settings)})); err != nil {
			t.Errorf("%q: %v", settings, err)
		}
	}
}

// Bad settings, templates and headers among them, are refused before anything is kept.
func TestBadSettingsAreRefused(t *testing.T) {
	t.Parallel()
	for name, kind := range kinds {
		w := newTaskWorld(t)
		before := w.everywhere()
		for _, settings := range kind.bad {
			_, err := w.actions.PutAction(t.Context(), taskAdministrator, "bad", "", as(governance.CalloutAction{Kind: name, Settings: json.RawMessage(settings)}))
			if governance.CodeOf(err) != governance.CodeInvalid {
				t.Errorf("%s takes %s: %v", name, settings, err)
			}
		}
		if w.everywhere() != before || len(w.every) > 0 {
			t.Errorf("%s: bad settings have changed something", name)
		}
	}
}

// A process that dies before or after any call of any port, for every kind: the work is done once, the source is told once, and nothing lies about.
// rules: EXT-13 EXT-14 EXT-17
func TestACrashAnywhereIsSurvived(t *testing.T) {
	t.Parallel()
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points := 0
			for _, after := range []bool{false, true} {
				for at := 1; ; at++ {
					w := newTaskWorld(t)
					w.configure("act", name, kind.good)
					w.calls, w.dieAt, w.after = 0, at, after
					id := w.accept("act", payload(kind.stage, taskHire, nil))
					w.settle(10 * time.Minute)
					crashed := w.calls >= at
					w.dieAt = 0
					task := w.task(id)
					if task.State != governance.TaskResumed || !task.Succeeded {
						t.Fatalf("call %d, after %v: the callout is %s: %s\n%s", at, after, task.State, task.Detail, w.logs.String())
					}
					if err := kind.done(w); err != nil {
						t.Fatalf("call %d, after %v: %v", at, after, err)
					}
					w.checkToldOnce(task)
					w.checkNoLeak()
					w.checkChain(ledger.SubjectPlace(task.Target.ID))
					if !crashed {
						break
					}
					points++
				}
			}
			if points < 20 {
				t.Errorf("only %d points to die at", points)
			}
		})
	}
}

// The same, and the source has stopped waiting when the process is back: it is answered or timed out, never both.
// rules: EXT-05
func TestACrashUntilTheWaitIsOver(t *testing.T) {
	t.Parallel()
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, after := range []bool{false, true} {
				for at := 1; ; at++ {
					w := newTaskWorld(t)
					w.configure("act", name, kind.good)
					w.calls, w.dieAt, w.after = 0, 0, after
					id := w.accept("act", payload(kind.stage, taskHire, nil))
					w.calls, w.dieAt = 0, at
					w.handleNext()
					crashed := w.calls >= at
					if crashed {
						w.clock.Advance(3 * time.Hour)
					}
					w.settle(20 * time.Minute)
					w.dieAt = 0
					task := w.task(id)
					told := len(w.directory.Resumes())
					switch task.State {
					case governance.TaskResumed:
						if told == 0 {
							t.Fatalf("call %d, after %v: resumed, and nobody was told", at, after)
						}
					case governance.TaskTimedOut:
						if told > 0 {
							t.Fatalf("call %d, after %v: timed out and told", at, after)
						}
					case governance.TaskNotResumed:
					default:
						t.Fatalf("call %d, after %v: the callout is %s: %s", at, after, task.State, task.Detail)
					}
					live := 0
					for _, one := range w.directory.Issued() {
						if one.Live {
							live++
						}
					}
					if _, delivered := task.Done("delivered"); task.State == governance.TaskTimedOut && live > 0 && !delivered {
						t.Fatalf("call %d, after %v: a pass is left behind that nobody was given", at, after)
					}
					w.checkNoLeak()
					if !crashed {
						break
					}
				}
			}
		})
	}
}

// A failure denies the request where the action says so and the stage is before the grant; everywhere else the source is only told what became of the work.
// rules: EXT-15 EXT-25
func TestAFailureMayDeny(t *testing.T) {
	t.Parallel()
	const gone = "20000000-0000-4000-8000-0000000000ff"
	for _, test := range []struct {
		group     string
		onFailure governance.OnFailure
		stage     string
		want      string
	}{
		{gone, governance.FailureDenies, "assignmentRequestCreated", "Denied"},
		{gone, governance.FailureDenies, "assignmentRequestApproved", "Denied"},
		{gone, governance.FailureDenies, "assignmentRequestGranted", ""}, // too late to deny
		{gone, governance.FailureReports, "assignmentRequestApproved", ""},
		{gone, "", "assignmentRequestApproved", ""},
		{taskIn, governance.FailureDenies, "assignmentRequestApproved", ""},
	} {
		w := newTaskWorld(t)
		draft := governance.CalloutAction{Kind: "groupMembership", Settings: json.RawMessage(`{"groupId":"` + test.group + `","direction":"add"}`), OnFailure: test.onFailure}
		if _, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "", as(draft)); err != nil {
			t.Fatal(err)
		}
		task := w.accept("act", payload(test.stage, taskHire, map[string]any{"State": "Submitted"}))
		w.settle(0)
		w.checkToldOnce(w.task(task))
		var told struct{ Data struct{ State string } }
		if err := json.Unmarshal([]byte(w.directory.Resumes()[0].Body), &told); err != nil || told.Data.State != test.want {
			t.Errorf("%+v: the source was told the state %q, %v", test, told.Data.State, err)
		}
		entries := w.audit(store.Subjects, "")
		if len(entries) != 3 { // accepted, ended, told
			t.Fatalf("%d entries", len(entries))
		}
		for _, entry := range entries {
			if entry.Activity != "Execute custom extension" {
				t.Errorf("the trail has %q", entry.Activity)
			}
		}
	}
}

// What waiting does not mend ends at once, with a clear detail, and is told.
func TestWhatCannotBeDoneIsSaid(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind, settings, stage, target string
		prepare                       func(*taskWorld)
		want                          string
	}{
		"a person who is gone":         {"groupMembership", kinds["groupMembership"].good, "assignmentRequestGranted", "10000000-0000-4000-8000-0000000000ff", nil, "no longer exists"},
		"a group that is gone":         {"groupMembership", `{"groupId":"20000000-0000-4000-8000-0000000000ff"}`, "assignmentRequestGranted", taskHire, nil, "The group no longer exists"},
		"a policy that forbids passes": {"temporaryAccessPass", `{}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) { w.directory.PutPassPolicy(governance.PassPolicy{}) }, "policy does not allow"},
		"a guest": {"temporaryAccessPass", `{"deliverTo":"requestor"}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) {
			w.directory.PutUser(governance.User{ID: taskHire, DisplayName: "Gwen", UserPrincipalName: "gwen_fabrikam.example#EXT#@contoso.example", UserType: governance.UserTypeGuest, AccountEnabled: true})
		}, "signs in at another organisation"},
		"a holder of a role": {"temporaryAccessPass", `{}`, "assignmentRequestGranted", taskAdmin, nil, "holds a directory role"},
		"somebody who may activate a role": {"temporaryAccessPass", `{}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) {
			w.directory.PutEligibleRole(taskHire, governance.RoleGlobalAdministrator)
		}, "may activate a directory role"},
		"a member of a group that may": {"temporaryAccessPass", `{}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) {
			w.rights.Roles = []string{"f2ef992c-3afb-46b9-b7cf-a126ee74c451"}
			w.start()
			w.directory.PutRole(taskHire, "f2ef992c-3afb-46b9-b7cf-a126ee74c451")
			w.directory.PutEligibleRole(taskIn, governance.RoleGlobalAdministrator)
			_ = w.directory.PutMember(taskIn, taskHire)
		}, "may activate a directory role"},
		"roles that may not be read": {"temporaryAccessPass", `{}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) {
			w.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
				return directorymemory.Fault{Kind: map[bool]directorymemory.FaultKind{true: directorymemory.FaultForbidden}[operation == directorymemory.OperationDirectoryRoles]}
			})
		}, "lacks a permission"},
		"a role that cannot be told": {"temporaryAccessPass", `{}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) {
			w.directory.PutRole(taskHire, directory.UnknownRole)
		}, "holds a directory role"},
		"nobody to deliver to":  {"temporaryAccessPass", `{}`, "assignmentRequestGranted", taskManager, nil, "has no manager"},
		"a secret that is gone": {"webhook", `{"url":"https://hooks.example/","secret":"other"}`, "assignmentRequestGranted", taskHire, nil, "secret other is not set"},
		"a webhook that says no": {"webhook", `{"url":"https://hooks.example/","secret":"key"}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) {
			w.replies = []platform.OutboundReply{{Status: 404}}
		}, "refused the request (404)"},
		"a webhook that leads elsewhere": {"webhook", `{"url":"https://hooks.example/","secret":"key"}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) {
			w.replies = []platform.OutboundReply{{Status: 302}}
		}, "redirects, which is not followed (302)"},
		"a webhook that switches protocols": {"webhook", `{"url":"https://hooks.example/","secret":"key"}`, "assignmentRequestGranted", taskHire, func(w *taskWorld) {
			w.replies = []platform.OutboundReply{{Status: 101}}
		}, "refused the request (101)"},
		"a webhook within": {"webhook", `{"url":"https://10.0.0.1/","secret":"key"}`, "assignmentRequestGranted", taskHire, nil, "may not be called"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTaskWorld(t)
			if test.prepare != nil {
				test.prepare(w)
			}
			w.configure("act", test.kind, test.settings)
			id := w.accept("act", payload(test.stage, test.target, nil))
			w.settle(0)
			task := w.task(id)
			if task.State != governance.TaskResumed || task.Succeeded || !strings.Contains(task.Detail, test.want) {
				t.Errorf("%s, succeeded %v: %s", task.State, task.Succeeded, task.Detail)
			}
			if told := w.directory.Resumes(); len(told) != 1 || !strings.Contains(told[0].Body, test.want) {
				t.Errorf("told was %+v", told)
			}
			if !strings.Contains(w.logs.String(), `"alert":true`) || !strings.Contains(w.logs.String(), `"error":"`) || strings.Contains(w.logs.String(), "PANIC") || len(w.directory.Issued()) > 0 {
				t.Errorf("no alert with its cause, or a pass: %s", w.logs.String())
			}
			w.checkChain(ledger.SubjectPlace(task.Target.ID))
			w.checkNoLeak()
		})
	}
}

// No action calls an address within, however it is written: it is refused when it is set, or when it is called, and is said to be wrong by the check.
func TestActionsCallNothingWithin(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0177.0.0.1/", "https://0x7f000001/", "https://0.0.0.0/", "https://localhost/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/",
		"https://[2002:7f00:1::]/", "https://[fc00::1]/", "https://169.254.169.254/metadata/identity/oauth2/token", "https://100.64.0.1/", "https://10.0.0.1/", "https://server/", "http://hooks.example/", "https://user@hooks.example/", "file:///etc/passwd",
	} {
		for kind, settings := range map[string]map[string]any{
			"webhook": {"url": address, "secret": "key"},
			"ticket":  {"url": address, "waitForAnswer": false, "numberPath": "result.number", "body": map[string]any{"id": "{{ticket.id}}"}},
		} {
			w := newTaskWorld(t)
			before := w.everywhere()
			data, _ := json.Marshal(settings)
			made, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "", as(governance.CalloutAction{Kind: kind, Settings: data}))
			if governance.CodeOf(err) == governance.CodeInvalid {
				if w.everywhere() != before {
					t.Errorf("%s to %s: what was refused is kept", kind, address)
				}
				continue
			}
			if err != nil || !slices.ContainsFunc(made.Value.Findings, func(f governance.Finding) bool { return f.Severity == "error" && f.Target == "url" }) {
				t.Errorf("%s to %s: the check finds %v, %v", kind, address, made.Value.Findings, err)
			}
			id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
			w.settle(0)
			if task := w.task(id); len(w.posts) > 0 || task.Succeeded || !strings.Contains(task.Detail, "may not be called") {
				t.Errorf("%s to %s: %d posts, %s", kind, address, len(w.posts), task.Detail)
			}
		}
	}
}

// A service that is away is asked again for hours, and then given up.
func TestWhatMayPassIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "webhook", kinds["webhook"].good)
	w.replies = []platform.OutboundReply{{Status: 503}, {Status: 408}, {Status: 429, After: 3 * time.Minute}, {Status: 200}}
	id := w.accept("act", payload("assignmentRequestApproved", taskHire, nil))
	w.settle(30 * time.Minute)
	if task := w.task(id); task.State != governance.TaskResumed || !task.Succeeded || len(w.posts) != 4 {
		t.Errorf("%s after %d posts: %s", task.State, len(w.posts), task.Detail)
	}
	for _, post := range w.posts { // so that the receiver can tell a repetition
		if post.Header.Get("Latchkey-Delivery") != id {
			t.Errorf("a repetition has the delivery %q, not %q", post.Header.Get("Latchkey-Delivery"), id)
		}
	}
	away := newTaskWorld(t)
	away.configure("act", "webhook", kinds["webhook"].good)
	for range 20 {
		away.replies = append(away.replies, platform.OutboundReply{Status: 500})
	}
	id = away.accept("act", payload("assignmentRequestApproved", taskHire, map[string]any{"CallbackConfiguration": nil}))
	away.settle(30 * time.Hour)
	if task := away.task(id); task.State != governance.TaskFailed || len(away.posts) != 6 || len(away.directory.Resumes()) != 0 {
		t.Errorf("%s after %d posts: %s", task.State, len(away.posts), task.Detail)
	}
}

// Launch and continue gets no call; a repetition is one piece of work; a stage that is over is refused and changes nothing.
// rules: EXT-03
func TestRepetitionsAndStages(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	id := w.accept("act", payload("assignmentRequestGranted", taskHire, map[string]any{"CallbackConfiguration": nil}))
	w.settle(0)
	before := w.everywhere()
	if task := w.task(id); task.State != governance.TaskSucceeded || len(w.directory.Resumes()) != 0 {
		t.Errorf("%s, %d resumes", task.State, len(w.directory.Resumes()))
	}
	if again := w.accept("act", payload("assignmentRequestGranted", taskHire, map[string]any{"CallbackConfiguration": nil})); again != id {
		t.Error("a repetition is another piece of work")
	}
	for name, body := range map[string][]byte{
		"an earlier stage":       payload("assignmentRequestApproved", taskHire, map[string]any{"CustomExtensionStageInstanceId": taskApp}),
		"a request that is over": payload("assignmentRequestGranted", taskHire, map[string]any{"CustomExtensionStageInstanceId": taskApp, "State": "Canceled"}),
		"a task from long ago":   []byte(`{"data":{"subject":{"id":"` + taskHire + `"},"callbackUriPath":"/identityGovernance/lifecycleWorkflows/workflows/` + taskApp + `/tasks/` + taskApp + `/taskProcessingResults/` + taskStage + `/resume","taskProcessingResult":{"id":"` + taskStage + `","createdDateTime":"2026-11-19T10:00:00Z"}}}`),
	} {
		caller := taskCaller
		if strings.Contains(string(body), "taskProcessingResult") {
			caller.AppID = "ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7"
		}
		if _, err := w.tasks.AcceptTask(t.Context(), caller, "act", body); governance.CodeOf(err) != governance.CodeConflict {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := w.everywhere(); after != before {
		t.Errorf("what was refused or repeated has changed something:\n%s", after[len(before):])
	}
}

// A body that is wrong, or disagrees with its token, is refused before anything is queued.
func TestWrongTasksAreRefused(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	before := w.everywhere()
	lifecycle := taskCaller
	lifecycle.AppID = "ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7"
	person := governance.Caller{Kind: governance.CallerUser, TenantID: taskTenant, ObjectID: taskHire, AppID: taskCaller.AppID, Scopes: []string{governance.PermissionReadWriteAll}}
	for name, test := range map[string]struct {
		caller governance.Caller
		action string
		body   []byte
		code   governance.Code
	}{
		"a person's token":      {person, "act", payload("assignmentRequestGranted", taskHire, nil), governance.CodeForbidden},
		"an administrator's":    {taskAdministrator, "act", payload("assignmentRequestGranted", taskHire, nil), governance.CodeForbidden},
		"an unknown action":     {taskCaller, "other", payload("assignmentRequestGranted", taskHire, nil), governance.CodeNotFound},
		"an odd action":         {taskCaller, "../act", payload("assignmentRequestGranted", taskHire, nil), governance.CodeNotFound},
		"another tenant":        {taskCaller, "act", payload("assignmentRequestGranted", taskHire, map[string]any{"TenantId": taskApp}), governance.CodeForbidden},
		"another source":        {lifecycle, "act", payload("assignmentRequestGranted", taskHire, nil), governance.CodeForbidden},
		"an unknown stage":      {taskCaller, "act", payload("assignmentRequestForgotten", taskHire, nil), governance.CodeInvalid},
		"no stage":              {taskCaller, "act", payload("", taskHire, nil), governance.CodeInvalid},
		"no person":             {taskCaller, "act", payload("assignmentRequestGranted", "", nil), governance.CodeInvalid},
		"a path to elsewhere":   {taskCaller, "act", payload("assignmentRequestGranted", taskHire, map[string]any{"CallbackUriPath": "/users/" + taskHire + "/resume"}), governance.CodeInvalid},
		"another request's":     {taskCaller, "act", payload("assignmentRequestGranted", taskHire, map[string]any{"CallbackUriPath": "/identityGovernance/entitlementManagement/assignmentRequests/" + taskApp + "/resume"}), governance.CodeInvalid},
		"a wait that is none":   {taskCaller, "act", payload("assignmentOneDayBeforeExpiration", taskHire, nil), governance.CodeInvalid},
		"an odd duration":       {taskCaller, "act", payload("assignmentRequestGranted", taskHire, map[string]any{"CallbackConfiguration": map[string]any{"DurationBeforeTimeout": "soon"}}), governance.CodeInvalid},
		"a member twice":        {taskCaller, "act", []byte(`{"Stage":"assignmentRequestGranted","stage":"assignmentRequestRemoved"}`), governance.CodeInvalid},
		"a list":                {taskCaller, "act", []byte(`[]`), governance.CodeInvalid},
		"a text":                {taskCaller, "act", []byte(`"x"`), governance.CodeInvalid},
		"nothing":               {taskCaller, "act", nil, governance.CodeInvalid},
		"half of it":            {taskCaller, "act", payload("assignmentRequestGranted", taskHire, nil)[:100], governance.CodeInvalid},
		"too deep":              {taskCaller, "act", []byte(strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)), governance.CodeInvalid},
		"a number for a person": {taskCaller, "act", payload("assignmentRequestGranted", taskHire, map[string]any{"Assignment": 7}), governance.CodeInvalid},
	} {
		if _, err := w.tasks.AcceptTask(t.Context(), test.caller, test.action, test.body); governance.CodeOf(err) != test.code {
			t.Errorf("%s: %v, want %s", name, err, test.code)
		}
	}
	if w.everywhere() != before || len(w.queue) > 0 {
		t.Error("what was refused has changed something")
	}
}

// The connection test is answered, and nothing is done for it; the documented envelope and a lifecycle workflow's task are read as the native payload is.
// rules: EXT-10 EXT-11 EXT-12
func TestThePayloadsThatSourcesSend(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "groupMembership", `{"groupId":"`+taskIn+`","direction":"add"}`)
	accepted, err := w.tasks.AcceptTask(t.Context(), taskCaller, "act", []byte(`{"Stage":"CustomExtensionConnectionTest","AccessPackageAssignmentRequestId":null}`))
	if err != nil || !accepted.Test || len(w.queue) > 0 {
		t.Errorf("the connection test: %+v, %v", accepted, err)
	}
	asLifecycle := taskCaller
	asLifecycle.AppID = "ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7"
	if accepted, err := w.tasks.AcceptTask(t.Context(), asLifecycle, "act", []byte(`{"Stage":"CustomExtensionConnectionTest"}`)); err != nil || !accepted.Test {
		t.Errorf("the connection test of a workflow: %+v, %v", accepted, err)
	}
	envelope := `{"type":"microsoft.graph.accessPackageCustomExtensionStage.assignmentRequestCreated","source":"x","data":{"@odata.type":"microsoft.graph.accessPackageAssignmentRequestCalloutData",
		"requestId":"` + taskRequest + `","stage":"assignmentRequestCreated","state":"delivering","customExtensionStageInstanceId":"` + taskStage + `","callbackConfiguration":{"timeoutDuration":"PT1H"},
		"assignment":{"target":{"objectId":"` + taskHire + `"}},"requestor":{"objectId":"` + taskManager + `"}}}`
	w.accept("act", []byte(envelope))
	w.settle(0)
	task := `{"type":"lifecycleEvent","source":"x","data":{"subject":{"id":"` + taskHire + `","displayName":"Rui"},"task":{"id":"` + taskApp + `"},"workflow":{"id":"` + taskApp + `","displayName":"Onboard"},
		"callbackUriPath":"/identityGovernance/lifecycleWorkflows/workflows/` + taskApp + `/tasks/` + taskApp + `/taskProcessingResults/` + taskStage + `/resume",
		"taskProcessingResult":{"id":"` + taskStage + `","createdDateTime":"2026-11-20T10:00:00Z"}}}`
	if _, err := w.tasks.AcceptTask(t.Context(), asLifecycle, "act", []byte(task)); err != nil {
		t.Fatal(err)
	}
	w.settle(0)
	told := w.directory.Resumes()
	if len(told) != 2 || !strings.Contains(told[0].Body, `"stage":"assignmentRequestCreated"`) || !strings.HasPrefix(told[1].Path, "/identityGovernance/lifecycleWorkflows/workflows/") || !strings.Contains(told[1].Body, `"operationStatus":"Completed"`) {
		t.Errorf("told was %+v", told)
	}
}

// For a guest who is not in the directory yet a ticket is opened and a webhook called; what needs the person says that it does, and does nothing to anybody.
// rules: EXT-11
func TestAGuestToBe(t *testing.T) {
	t.Parallel()
	for name, kind := range kinds {
		for _, objectID := range []any{nil, "00000000-0000-0000-0000-000000000000"} {
			w := newTaskWorld(t)
			w.configure("act", name, kind.good)
			body := payload(kind.stage, "", map[string]any{"Assignment": map[string]any{"Target": map[string]any{"Id": taskApp, "ObjectId": objectID, "DisplayName": "Gwen"}}})
			id := w.accept("act", body)
			if again := w.accept("act", body); again != id {
				t.Errorf("%s: a repetition is another callout", name)
			}
			w.settle(0)
			got := w.task(id)
			if name == "ticket" || name == "webhook" {
				if len(w.posts) != 1 || got.State == governance.TaskFailed {
					t.Errorf("%s: %+v after %d posts", name, got, len(w.posts))
				}
				continue
			}
			if got.Succeeded || got.State != governance.TaskResumed || got.Detail != "The person whom this is for is not in the directory yet." || len(w.directory.Sent())+len(w.directory.Issued())+len(w.directory.Revoked()) > 0 {
				t.Errorf("%s: %+v", name, got)
			}
			lines, err := w.actions.RehearseAction(t.Context(), taskAdministrator, "act", body)
			if err != nil || len(lines) != 1 || !strings.Contains(lines[0], "not in the directory yet") {
				t.Errorf("%s: %q, %v", name, lines, err)
			}
		}
	}
}

// A pass that is shown is shown once, to the person who asked, and its value is nowhere else.
func TestAPassIsShownOnce(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "temporaryAccessPass", `{"deliverTo":"show"}`)
	id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
	w.settle(0)
	if len(w.directory.Issued()) != 0 || w.task(id).State != governance.TaskWaiting {
		t.Fatalf("%s, %d passes before anybody looks", w.task(id).State, len(w.directory.Issued()))
	}
	manager := governance.Caller{Kind: governance.CallerUser, TenantID: taskTenant, ObjectID: taskManager, Scopes: []string{governance.PermissionSubjectAccess}}
	stranger := manager
	stranger.ObjectID = taskHire
	if _, err := w.tasks.ShowPass(t.Context(), stranger, id); governance.CodeOf(err) != governance.CodeNotFound {
		t.Errorf("a stranger: %v", err)
	}
	shown, err := w.tasks.ShowPass(t.Context(), manager, id)
	if issued := w.directory.Issued(); err != nil || len(issued) != 1 || shown.Value.Reveal() != issued[0].Value || strings.Contains(fmt.Sprintf("%v %+v %#v %s", shown, shown, shown, shown.Value), issued[0].Value) {
		t.Errorf("shown: %v", err)
	}
	if _, err := w.tasks.ShowPass(t.Context(), manager, id); governance.CodeOf(err) != governance.CodeConflict {
		t.Errorf("a second look: %v", err)
	}
	w.settle(0)
	if task := w.task(id); task.State != governance.TaskResumed || len(w.directory.Issued()) != 1 {
		t.Errorf("%s", task.State)
	}
	w.checkNoLeak()
}

// Of many calls at once for a pass that is to be shown exactly one sees it, and that pass is the one there is; a call that fails leaves the way free at once, and one that dies after a while.
func TestAPassIsShownToOneOfMany(t *testing.T) {
	t.Parallel()
	manager := governance.Caller{Kind: governance.CallerUser, TenantID: taskTenant, ObjectID: taskManager, Scopes: []string{governance.PermissionSubjectAccess}}
	ready := func() (*taskWorld, string) {
		w := newTaskWorld(t)
		w.configure("act", "temporaryAccessPass", `{"deliverTo":"show"}`)
		id := w.accept("act", payload("assignmentRequestGranted", taskHire, map[string]any{"CallbackConfiguration": map[string]any{"DurationBeforeTimeout": "P1D"}}))
		w.settle(0)
		return w, id
	}
	for range 30 {
		w, id := ready()
		var group sync.WaitGroup
		values := make(chan string, 4)
		for range cap(values) {
			group.Go(func() {
				shown, err := w.tasks.ShowPass(context.Background(), manager, id)
				if err == nil {
					values <- shown.Value.Reveal()
				} else if governance.CodeOf(err) != governance.CodeConflict {
					t.Errorf("a call that came second: %v", err)
				}
			})
		}
		group.Wait()
		live := ""
		for _, one := range w.directory.Issued() {
			if one.Live {
				live += one.Value
			}
		}
		if len(values) != 1 || live != <-values {
			t.Fatalf("%d of %d calls were shown the pass", len(values), cap(values))
		}
	}
	w, id := ready()
	w.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
		return directorymemory.Fault{Kind: map[bool]directorymemory.FaultKind{true: directorymemory.FaultUnavailable}[operation == directorymemory.OperationIssuePass]}
	})
	if _, err := w.tasks.ShowPass(t.Context(), manager, id); err == nil {
		t.Fatal("a pass was shown that could not be issued")
	}
	w.directory.SetFault(nil)
	if _, err := w.tasks.ShowPass(t.Context(), manager, id); err != nil {
		t.Errorf("after a call that failed: %v", err)
	}
	for at := 1; ; at++ {
		w, id := ready()
		w.calls, w.dieAt = 0, at
		dead, _ := w.live(func() error { _, err := w.tasks.ShowPass(t.Context(), manager, id); return err })
		w.dieAt = 0
		if !dead {
			break
		}
		w.clock.Advance(2 * time.Minute)
		if w.task(id).State == governance.TaskWaiting {
			if _, err := w.tasks.ShowPass(t.Context(), manager, id); err != nil {
				t.Errorf("two minutes after one that died at %d: %v", at, err)
			}
		}
	}
}

// A pass that goes by Teams is in what is posted and nowhere else; when it cannot be delivered it is taken away again.
func TestAPassByTeams(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		replies []platform.OutboundReply
		live    int
	}{
		"delivered": {nil, 1}, "refused": {[]platform.OutboundReply{{Status: 400}}, 0}, "away, then there": {[]platform.OutboundReply{{Status: 502}, {Status: 200}}, 1},
	} {
		w := newTaskWorld(t)
		w.configure("act", "temporaryAccessPass", `{"deliverTo":"teams","teamsSecret":"teams"}`)
		w.replies = test.replies
		id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
		w.settle(20 * time.Minute)
		live := 0
		for _, one := range w.directory.Issued() {
			if one.Live {
				live++
				if last := w.posts[len(w.posts)-1]; !strings.Contains(string(last.Body), one.Value) {
					t.Errorf("%s: the live pass is not the one that was posted", name)
				}
			}
		}
		if task := w.task(id); live != test.live || task.Succeeded != (test.live == 1) || task.State != governance.TaskResumed {
			t.Errorf("%s: %d live passes, %s: %s", name, live, task.State, task.Detail)
		}
		w.checkNoLeak()
	}
}

// The answer to a ticket resumes the request, once, and only from whom the ticket went to.
// rules: EXT-26
func TestATicketsAnswer(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "ticket", `{"url":"https://desk.example/","answerSecret":"answers","numberPath":"result.number","body":{"id":"{{ticket.id}}","key":"{{ticket.key}}","at":"{{ticket.url}}"}}`)
	w.replies = []platform.OutboundReply{{Status: 201, Body: []byte(`{"result":{"number":"INC0010023"}}`)}}
	id := w.accept("act", payload("assignmentRequestApproved", taskHire, nil))
	w.settle(0)
	if w.task(id).State != governance.TaskWaiting || len(w.posts) != 1 {
		t.Fatalf("%s after %d posts", w.task(id).State, len(w.posts))
	}
	var ticket struct{ ID, Key, At string }
	if err := json.Unmarshal(w.posts[0].Body, &ticket); err != nil || ticket.At != "https://latchkey.example/api/callouts/tickets/"+ticket.ID {
		t.Fatalf("%+v, %v", ticket, err)
	}
	for _, wrong := range []string{"", "x", strings.Repeat("A", 43), ticket.Key[:42] + "?"} {
		if _, err := w.tasks.AnswerTicket(t.Context(), ticket.ID, wrong, companion.TicketAnswer{Status: "completed"}); governance.CodeOf(err) != governance.CodeUnauthorized {
			t.Errorf("the key %q: %v", wrong, err)
		}
	}
	if _, err := w.tasks.AnswerTicket(t.Context(), governance.NameID("x")+"."+id, ticket.Key, companion.TicketAnswer{Status: "completed"}); governance.CodeOf(err) != governance.CodeUnauthorized {
		t.Errorf("another ticket: %v", err)
	}
	if _, err := w.tasks.AnswerTicket(t.Context(), ticket.ID, ticket.Key, companion.TicketAnswer{Status: "completed", Detail: "Device is\nready"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.tasks.AnswerTicket(t.Context(), ticket.ID, ticket.Key, companion.TicketAnswer{Status: "failed"}); governance.CodeOf(err) != governance.CodeConflict {
		t.Errorf("a second answer: %v", err)
	}
	w.settle(0)
	if told := w.directory.Resumes(); len(told) != 1 || !strings.Contains(told[0].Body, "The ticket INC0010023 was completed. Device is ready") {
		t.Errorf("told was %+v", told)
	}
	late := newTaskWorld(t)
	late.configure("act", "ticket", `{"url":"https://desk.example/","answerSecret":"answers","numberPath":"result.number","body":{"id":"{{ticket.id}}","key":"{{ticket.key}}"}}`)
	id = late.accept("act", payload("assignmentRequestApproved", taskHire, nil))
	late.settle(3 * time.Hour)
	if task := late.task(id); task.State != governance.TaskTimedOut || len(late.directory.Resumes()) != 0 {
		t.Errorf("%s", task.State)
	}
	_ = json.Unmarshal(late.posts[0].Body, &ticket)
	if _, err := late.tasks.AnswerTicket(t.Context(), ticket.ID, ticket.Key, companion.TicketAnswer{Status: "completed"}); governance.CodeOf(err) != governance.CodeConflict {
		t.Errorf("a late answer: %v", err)
	}
}

// A ticket is looked for before it is opened again, and only then; without a way to look, it is opened again.
func TestATicketIsLookedFor(t *testing.T) {
	t.Parallel()
	const find = `,"find":{"url":"https://desk.example/x?q={{ticket.id}}","numberPath":"result.0.number"}`
	for name, test := range map[string]struct {
		find    string
		replies []platform.OutboundReply               // of posts
		answer  func() (platform.OutboundReply, error) // to a look; nil: the desk's own
		posts   int
		looks   int
		want    string
	}{
		"taken at once":                 {find: find, posts: 1, want: "The ticket INC1 was opened."},
		"taken, and the answer is lost": {find: find, replies: []platform.OutboundReply{{Status: 504}}, posts: 1, looks: 1, want: "The ticket INC1 was opened."},
		"without a way to look":         {replies: []platform.OutboundReply{{Status: 504}}, posts: 2, want: "The ticket INC2 was opened."},
		"an empty list is not found": {find: find, replies: []platform.OutboundReply{{Status: 504}}, posts: 2, looks: 1, want: "The ticket INC2 was opened.",
			answer: func() (platform.OutboundReply, error) { return platform.OutboundReply{Status: 404}, nil }},
		"a page to sign in": {find: find, replies: []platform.OutboundReply{{Status: 504}}, posts: 1, looks: 1, want: "may have been opened",
			answer: func() (platform.OutboundReply, error) {
				return platform.OutboundReply{Status: 200, Body: []byte("<html>")}, nil
			}},
		"more than is read": {find: find, replies: []platform.OutboundReply{{Status: 504}}, posts: 1, looks: 1, want: "may have been opened",
			answer: func() (platform.OutboundReply, error) {
				return platform.OutboundReply{Status: 200, Body: []byte(`{"result":[`)}, nil
			}},
		"JSON that tells of a failure": {find: find, replies: []platform.OutboundReply{{Status: 504}}, posts: 1, looks: 1, want: "may have been opened",
			answer: func() (platform.OutboundReply, error) {
				return platform.OutboundReply{Status: 200, Body: []byte(`{"error":{"message":"Transaction cancelled"},"result":[]}`)}, nil
			}},
		"a ticket of somebody else": {find: find, replies: []platform.OutboundReply{{Status: 504}}, posts: 2, looks: 1, want: "The ticket INC2 was opened.",
			answer: func() (platform.OutboundReply, error) {
				return platform.OutboundReply{Status: 200, Body: []byte(`{"result":[{"number":"INC1","correlation_id":"another"}]}`)}, nil
			}},
		"a redirect": {find: find, replies: []platform.OutboundReply{{Status: 504}}, posts: 1, looks: 1, want: "redirects",
			answer: func() (platform.OutboundReply, error) { return platform.OutboundReply{Status: 302}, nil }},
		"a name that leads within now": {find: find, replies: []platform.OutboundReply{{Status: 504}}, posts: 1, looks: 1, want: "may not be called",
			answer: func() (platform.OutboundReply, error) {
				return platform.OutboundReply{}, fmt.Errorf("%w: 10.0.0.1 is not public", platform.ErrNotAllowed)
			}},
	} {
		w := newTaskWorld(t)
		w.configure("act", "ticket", `{"url":"https://desk.example/x","waitForAnswer":false,"numberPath":"result.number","body":{"correlation_id":"{{ticket.id}}"}`+test.find+`}`)
		w.replies, w.look = test.replies, test.answer
		id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
		w.settle(10 * time.Minute)
		if task := w.task(id); len(w.posts) != test.posts || w.looks != test.looks || !strings.Contains(task.Detail, test.want) {
			t.Errorf("%s: %d posts, %d looks, %s: %s", name, len(w.posts), w.looks, task.State, task.Detail)
		}
		w.checkNoLeak()
	}
}

// A newer task takes over what an older one still works on.
func TestTheNewerGrantWins(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "intuneApp", kinds["intuneApp"].good)
	w.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
		return directorymemory.Fault{Kind: map[bool]directorymemory.FaultKind{true: directorymemory.FaultUnavailable}[operation == directorymemory.OperationAddMember]}
	})
	removed := w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
	w.settle(0) // put off: the directory is away
	w.directory.SetFault(nil)
	granted := w.accept("act", payload("assignmentRequestGranted", taskHire, map[string]any{"AccessPackageAssignmentRequestId": taskApp, "CallbackConfiguration": nil}))
	w.settle(time.Hour)
	if !w.directory.IsMember(taskIn, taskHire) || w.directory.IsMember(taskOut, taskHire) {
		t.Error("the older removal has undone the newer grant")
	}
	if older, newer := w.task(removed), w.task(granted); older.Succeeded || !newer.Succeeded || !strings.Contains(older.Detail, "newer") {
		t.Errorf("older: %s; newer: %s", older.Detail, newer.Detail)
	}
}

// A pre-flight check says in words what is missing, and a rehearsal changes nothing.
func TestChecksAndRehearsals(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.directory.PutGranted("User.Read.All")
	w.directory.PutPassPolicy(governance.PassPolicy{})
	made, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "", as(governance.CalloutAction{Kind: "temporaryAccessPass"}))
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(made.Value.Findings)
	for _, want := range []string{"UserAuthMethod-TAP.ReadWrite.All", "PrivilegedEligibilitySchedule.Read.AzureADGroup", "Policy.Read.AuthenticationMethod", "does not allow Temporary Access Passes", "Mail.Send"} {
		if !strings.Contains(text, want) {
			t.Errorf("the check does not say %q: %s", want, text)
		}
	}
	if _, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "", as(governance.CalloutAction{Kind: "revokeSessions"})); governance.CodeOf(err) != governance.CodeConflict {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "other", as(governance.CalloutAction{Kind: "revokeSessions"})); governance.CodeOf(err) != governance.CodePrecondition {
		t.Errorf("another version: %v", err)
	}
	w.directory.PutPassPolicy(governance.PassPolicy{Enabled: true, MinimumMinutes: 60, MaximumMinutes: 480})
	for name, kind := range kinds {
		if name != "temporaryAccessPass" {
			w.configure("a-"+strings.ToLower(name), name, kind.good)
		}
	}
	before := w.everywhere()
	for name, kind := range kinds {
		action := "a-" + strings.ToLower(name)
		if name == "temporaryAccessPass" {
			action = "act"
		}
		lines, err := w.actions.RehearseAction(t.Context(), taskAdministrator, action, payload(kind.stage, taskHire, nil))
		if err != nil || len(lines) == 0 || !strings.HasPrefix(lines[0], "It would ") {
			t.Errorf("%s: %q, %v", name, lines, err)
		}
	}
	if w.everywhere() != before || len(w.directory.Issued())+len(w.directory.Sent())+len(w.posts) > 0 {
		t.Error("a rehearsal has changed something")
	}
	if _, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", made.ETag, as(governance.CalloutAction{Kind: "revokeSessions", Stages: []governance.TaskStage{governance.StageRequestRemoved}})); err != nil {
		t.Fatal(err)
	}
	if lines, err := w.actions.RehearseAction(t.Context(), taskAdministrator, "act", payload("assignmentRequestGranted", taskHire, nil)); err != nil || len(lines) != 1 || !strings.HasPrefix(lines[0], "It would be refused") {
		t.Errorf("a stage that the action is not for: %q, %v", lines, err)
	}
	if err := w.actions.DeleteAction(t.Context(), taskAdministrator, "act", ledger.AnyETag); err != nil {
		t.Error(err)
	}
	if entries := w.checkChain(ledger.TenantPlace()); entries != len(kinds)+2 {
		t.Errorf("%d entries in the trail of the actions", entries)
	}
}
