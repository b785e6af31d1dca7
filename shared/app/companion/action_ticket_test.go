package companion_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/shared/app/companion"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// keyOf is the key of a ticket, made with a secret as the service desk would get it.
func keyOf(secret, ticketID string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("ticket:" + ticketID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Only a ticket that waits takes an answer, and only with the key that its secret makes: not with one of a secret that is gone, which anybody could make.
func TestWhoMayAnswerATicket(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ kind, settings, secret string }{
		"another kind of work":          {"webhook", kinds["webhook"].good, answersSecret},
		"a ticket that nobody waits on": {"ticket", `{"url":"https://desk.example/","answerSecret":"answers","waitForAnswer":false,"numberPath":"result.number","body":{}}`, answersSecret},
		"a secret that is gone":         {"ticket", `{"url":"https://desk.example/","answerSecret":"other","numberPath":"result.number","body":{}}`, ""},
		"another secret":                {"ticket", `{"url":"https://desk.example/","answerSecret":"answers","numberPath":"result.number","body":{}}`, "guessed"},
	} {
		w := newTaskWorld(t)
		w.configure("act", test.kind, test.settings)
		task := w.task(w.accept("act", payload("assignmentRequestApproved", taskHire, nil)))
		before := w.everywhere()
		id := task.Target.ID + "." + task.ID
		if _, err := w.tasks.AnswerTicket(t.Context(), id, keyOf(test.secret, id), companion.TicketAnswer{Status: "completed"}); governance.CodeOf(err) != governance.CodeUnauthorized {
			t.Errorf("%s: %v", name, err)
		}
		if w.everywhere() != before {
			t.Errorf("%s: something changed", name)
		}
	}
	w := newTaskWorld(t)
	for _, id := range []string{"", ".", "x", governance.NameID("x"), "x." + governance.NameID("y"), governance.NameID("x") + ".y", governance.NameID("x") + "." + governance.NameID("y") + ".z"} {
		if _, err := w.tasks.AnswerTicket(t.Context(), id, keyOf(answersSecret, id), companion.TicketAnswer{Status: "completed"}); governance.CodeOf(err) != governance.CodeUnauthorized {
			t.Errorf("the ticket %q: %v", id, err)
		}
	}
}

// Not every ticket is completed: who looks after them is told, and so is the source, in the desk's words.
func TestATicketThatIsNotCompleted(t *testing.T) {
	t.Parallel()
	for status, failed := range map[string]bool{"completed": false, "failed": true} {
		w := newTaskWorld(t)
		w.configure("act", "ticket", `{"url":"https://desk.example/","answerSecret":"answers","numberPath":"result.number","body":{}}`)
		task := w.task(w.accept("act", payload("assignmentRequestApproved", taskHire, nil)))
		w.settle(0)
		id := task.Target.ID + "." + task.ID
		if _, err := w.tasks.AnswerTicket(t.Context(), id, keyOf(answersSecret, id), companion.TicketAnswer{Status: status, Detail: "No device is left."}); err != nil {
			t.Fatal(err)
		}
		if told := strings.Contains(w.logs.String(), "a ticket was not completed"); told != failed {
			t.Errorf("%s: an alert: %v", status, told)
		}
		w.settle(0)
		if task = w.task(task.ID); task.Succeeded == failed || !strings.HasSuffix(task.Detail, "No device is left.") {
			t.Errorf("%s: %v, %s", status, task.Succeeded, task.Detail)
		}
	}
}

// odd are answers with a status of success that are none: of a desk that sleeps, that nobody is signed in to, that has failed, or that says nothing.
var odd = map[string]platform.OutboundReply{
	"a page":                       {Status: 200, Body: []byte("\n<!DOCTYPE html><html><title>Your instance is hibernating</title></html>")},
	"a page, after a mark":         {Status: 201, Body: []byte("\ufeff<html>")},
	"a failure in JSON":            {Status: 200, Body: []byte(`{"error":{"message":"Operation Failed","detail":"ACL"},"status":"failure"}`)},
	"a failure beside a number":    {Status: 201, Body: []byte(`{"success":false,"result":{"number":"INC0000001"}}`)},
	"errors as Jira has them":      {Status: 200, Body: []byte(`{"errorMessages":["Login required"],"errors":{}}`)},
	"a failure that is wrapped":    {Status: 200, Body: []byte(`{"result":{"status":"error","number":"INC0000001"}}`)},
	"a problem in JSON":            {Status: 200, Body: []byte(`{"title":"Unauthorized","status":401}`)},
	"nothing":                      {Status: 200},
	"no content":                   {Status: 204},
	"a word":                       {Status: 200, Body: []byte("OK")},
	"a list":                       {Status: 201, Body: []byte(`[]`)},
	"null":                         {Status: 201, Body: []byte(`null`)},
	"an object that holds nothing": {Status: 201, Body: []byte(`{}`)},
	"half of an answer":            {Status: 201, Body: []byte(`{"result":{"number":"INC0000001"`)},
	"two answers":                  {Status: 201, Body: []byte(`{"result":{"number":"INC0000001"}}{"error":"x"}`)},
}

// numberless are answers that would be a ticket if nobody had said where its number is.
var numberless = map[string]platform.OutboundReply{
	"no number":         {Status: 201, Body: []byte(`{"result":{"sys_id":"x"}}`)},
	"an empty number":   {Status: 201, Body: []byte(`{"result":{"number":" "}}`)},
	"an unseen number":  {Status: 201, Body: []byte(`{"result":{"number":"\u200b\u3164"}}`)},
	"null for a number": {Status: 201, Body: []byte(`{"result":{"number":null}}`)},
	"the number 0":      {Status: 201, Body: []byte(`{"result":{"number":0}}`)},
	"an object":         {Status: 201, Body: []byte(`{"result":{"number":{"value":"INC1"}}}`)},
	"another place":     {Status: 201, Body: []byte(`{"number":"INC1"}`)},
}

// A ticket is opened when the desk's answer is one, and not because of a status: without that it may have been, is looked for, and else the work has failed, with an alert, and nobody waits for an
// answer. It is never opened again.
// rules: BEY-28 EXT-26
func TestATicketIsOpenedOnlyWhenItWas(t *testing.T) {
	t.Parallel()
	const find = `,"find":{"url":"https://desk.example/x?q={{ticket.id}}","numberPath":"result.0.number"}`
	replies := maps.Clone(odd)
	maps.Copy(replies, numberless)
	for _, number := range []string{`-1`, `"-1"`, `"null"`, `"undefined"`, `0`, `0.0`, `"0.0"`, `"00000000-0000-0000-0000-000000000000"`, `"  "`, `"N/A"`, `"None"`, `"ERROR"`, `false`, `[]`} {
		replies["the number "+number] = platform.OutboundReply{Status: 201, Body: []byte(`{"result":{"number":` + number + `}}`)}
	}
	for _, beside := range []string{`"success":0`, `"success":"0"`, `"success":"no"`, `"success":null`, `"Success":"False"`, `"ok":"N"`, `"failed":true`, `"isError":true`, `"is_error":1`, `"hasErrors":true`, `"error_message":"x"`,
		`"status":"FAILED_VALIDATION"`, `"status":"failedValidation"`, `"response":{"status_code":401}`, `"response":[{"http_status":"503"}]`, `"meta":{"a":{"b":{"c":{"error":"x"}}}}`, `"status":"HTTP/1.1 403 No"`,
		`"message":"User Not Authenticated"`, `"message":"Unauthorized"`, `"code":"Forbidden"`, `"errors":{"a":{"b":["x"]}}`, `"fault_string":"x"`, `"data":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)} {
		replies["beside a number: "+beside] = platform.OutboundReply{Status: 201, Body: []byte(`{"result":{"number":"INC1"},` + beside + `}`)}
		replies["below, beside a number: "+beside] = platform.OutboundReply{Status: 201, Body: []byte(`{"result":{"number":"INC1",` + beside + `}}`)}
	}
	for name, reply := range replies {
		for _, wait := range []string{"true", "false"} {
			for _, found := range []string{"", `{"result":[]}`, `{"result":[{"number":"INC7","correlation_id":"ID"}]}`} {
				w := newTaskWorld(t)
				settings := `{"url":"https://desk.example/","answerSecret":"answers","waitForAnswer":` + wait + `,"numberPath":"result.number","body":{"id":"{{ticket.id}}","key":"{{ticket.key}}"}`
				if found != "" {
					settings += find
				}
				w.configure("act", "ticket", settings+"}")
				w.replies = []platform.OutboundReply{reply}
				id := w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
				w.look = w.listing(found, id)
				w.settle(30 * time.Minute)
				task := w.task(id)
				isThere := strings.Contains(found, "INC7")
				want := map[bool]governance.TaskState{true: governance.TaskResumed, false: governance.TaskWaiting}[!isThere || wait == "false"]
				if len(w.posts) != 1 || task.State != want || isThere != strings.Contains(task.Detail, "The ticket INC7 was opened.") || isThere == strings.Contains(task.Detail, "may have been opened") ||
					isThere == strings.Contains(w.logs.String(), `"alert":true`) || task.Succeeded != (isThere && wait == "false") {
					t.Errorf("%s, %s, wait %s: %d posts, %s, %v: %s", name, found, wait, len(w.posts), task.State, task.Succeeded, task.Detail)
				}
			}
		}
	}
	for name, reply := range map[string]platform.OutboundReply{ // and these are tickets
		"ServiceNow": {Status: 201, Body: []byte(`{"result":{"number":"INC0010023","state":"1","active":"true","error":"","status":"new"}}`)},
		"a number":   {Status: 200, Body: []byte(`{"result":{"number":10010023},"errors":[],"success":true,"status":"success"}`)},
		"Jira":       {Status: 201, Body: []byte(`{"result":{"number":"NO-1"},"id":"10000","transition":{"status":204,"errorCollection":{"errorMessages":[],"errors":{}}},"message":"Created without errors."}`)},
		"a title":    {Status: 201, Body: []byte(`{"result":{"number":"7","title":"Error tracking for Rui","description":"Access was denied before.","failed":false,"error_code":0,"close_code":""}}`)},
		"taken on":   {Status: 202, Body: []byte("\ufeff{\"result\":{\"number\":\"7\"}}\n")},
	} {
		w := newTaskWorld(t)
		w.configure("act", "ticket", `{"url":"https://desk.example/","waitForAnswer":false,"numberPath":"result.number","body":{}}`)
		w.replies = []platform.OutboundReply{reply}
		id := w.accept("act", payload("assignmentRequestApproved", taskHire, nil))
		w.settle(0)
		if task := w.task(id); !task.Succeeded || strings.Contains(task.Detail, "e+") || strings.HasPrefix(task.Detail, "A ticket") {
			t.Errorf("%s: %s", name, task.Detail)
		}
	}
}

// listing is a service desk that lists what is found, with the id of a task's ticket for ID.
func (w *taskWorld) listing(found, id string) func() (platform.OutboundReply, error) {
	task := w.task(id)
	body := strings.ReplaceAll(found, "ID", task.Target.ID+"."+task.ID)
	return func() (platform.OutboundReply, error) {
		return platform.OutboundReply{Status: 200, Body: []byte(body)}, nil
	}
}

// What a look finds is the ticket when it has the ticket's id and was not taken back: a desk that does not know a member of the query lists what it likes.
// rules: BEY-28 EXT-26
func TestWhatIsFoundIsHeldAgainstTheTicket(t *testing.T) {
	t.Parallel()
	for found, isThere := range map[string]bool{
		`{"result":[{"number":"INC7","correlation_id":"ID"}]}`:                              true,
		`{"result":[{"number":"INC7","fields":{"labels":["a","ID"]}}]}`:                     true,
		`{"result":[{"number":"INC7","description":"Please (ID)."}]}`:                       true,
		`{"result":[{"number":"INC7","at":"https://app.example/api/callouts/tickets/ID"}]}`: true,
		`{"result":[{"number":"INC7","correlation_id":"ID","active":"false","state":"7"}]}`: true,
		`{"result":[{"number":"INC7"}]}`:                                                    false,
		`{"result":[{"number":"INC7","correlation_id":"IDx"}]}`:                             false,
		`{"result":[{"number":"INC7","correlation_id":"x.ID"}]}`:                            false,
		`{"result":[{"number":"INC7","link":"https://desk.example/x?q=ID"}]}`:               false,
		`{"query":"ID","result":[{"number":"INC7"}]}`:                                       false,
		`{"result":[{"number":"INC7"},{"number":"INC8","correlation_id":"ID"}]}`:            false,
		`{"result":[{"number":"INC7","correlation_id":"ID","state":"Deleted"}]}`:            false,
		`{"result":[{"number":"INC7","correlation_id":"ID","is_deleted":true}]}`:            false,
		`{"result":[{"number":"INC7","correlation_id":"ID","status":{"name":"Canceled"}}]}`: false,
		`{"result":[{"number":"INC7","correlation_id":"ID","deletedAt":"2026-01-01"}]}`:     false,
		`{"result":[{"number":"undefined","correlation_id":"ID"}]}`:                         false,
	} {
		w := newTaskWorld(t)
		w.configure("act", "ticket", `{"url":"https://desk.example/","waitForAnswer":false,"numberPath":"result.number","body":{},"find":{"url":"https://desk.example/x?q={{ticket.id}}","numberPath":"result.0.number"}}`)
		w.replies = []platform.OutboundReply{{Status: 200}}
		id := w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
		w.look = w.listing(found, id)
		w.settle(30 * time.Minute)
		if task := w.task(id); w.looks == 0 || len(w.posts) != 1 || task.Succeeded != isThere || isThere == strings.Contains(w.logs.String(), `"alert":true`) {
			t.Errorf("%s: %d posts, %v: %s", found, len(w.posts), task.Succeeded, task.Detail)
		}
	}
}

// Without the number's place nothing proves that a ticket was opened: such an action is not saved; one that was before opens none, and says what to set.
// rules: BEY-28
func TestATicketNeedsAProof(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	var coded *governance.Error
	const settings = `{"url":"https://desk.example/","waitForAnswer":false,"body":{}}`
	_, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "", as(governance.CalloutAction{Kind: "ticket", Settings: []byte(settings)}))
	if !errors.As(err, &coded) || coded.Code != governance.CodeInvalid || coded.Target != "settings/numberPath" {
		t.Errorf("%v", err)
	}
	w.configure("act", "ticket", strings.Replace(settings, `"body"`, `"numberPath":"result.number","body"`, 1))
	id := w.accept("act", payload("assignmentRequestApproved", taskHire, nil))
	w.rewrite("task", `"numberPath":"result.number",`, "")
	w.settle(30 * time.Minute)
	if task := w.task(id); len(w.posts) != 0 || task.Succeeded || !strings.Contains(task.Detail, "Set numberPath") || !strings.Contains(w.logs.String(), `"alert":true`) {
		t.Errorf("%d posts, %v: %s", len(w.posts), task.Succeeded, task.Detail)
	}
}

// A webhook or a channel that answers with a page or tells of a failure was not told, whatever its status; where the answer is declared, it must be there.
// rules: BEY-24 BEY-26
func TestASuccessIsNotAStatusAlone(t *testing.T) {
	t.Parallel()
	const hook, teams = `{"url":"https://hooks.example/x","secret":"key"}`, `{"deliverTo":"teams","teamsSecret":"teams"}`
	const declared = `{"url":"https://hooks.example/x","secret":"key","answerPath":"result.id"}`
	said := func(status int, body string) platform.OutboundReply {
		return platform.OutboundReply{Status: status, Body: []byte(body)}
	}
	type told struct {
		kind, settings string
		reply          platform.OutboundReply
		well           bool
	}
	tests := []told{
		{"webhook", hook, odd["a page"], false}, {"webhook", hook, odd["a failure in JSON"], false}, {"webhook", hook, odd["a failure that is wrapped"], false},
		{"webhook", hook, said(204, ""), true}, {"webhook", hook, said(200, "ok"), true}, {"webhook", hook, said(202, `{"id":1,"status":"accepted"}`), true},
		{"webhook", declared, said(204, ""), false}, {"webhook", declared, said(200, "ok"), false}, {"webhook", declared, said(200, `{"result":{"id":""}}`), false},
		{"webhook", declared, odd["a page"], false}, {"webhook", declared, said(200, `{"result":{"id":7}}`), true},
		{"temporaryAccessPass", teams, odd["a page"], false}, {"temporaryAccessPass", teams, odd["a failure in JSON"], false},
		{"temporaryAccessPass", teams, said(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"), false},
		{"temporaryAccessPass", teams, said(202, "not now"), false}, {"temporaryAccessPass", teams, said(206, ""), false}, {"temporaryAccessPass", teams, said(200, `{"id":7}`), false},
		{"temporaryAccessPass", teams, said(200, `{"ok":true,"error":"x"}`), false},
		{"temporaryAccessPass", teams, said(200, "1"), true}, {"temporaryAccessPass", teams, said(202, ""), true}, {"temporaryAccessPass", teams, said(200, `{"ok":true}`), true},
	}
	for _, body := range []string{"false", "0", "null", `"error"`, `["error"]`, "Please sign in", "ERROR", `{"id":`, "\ufeff\ufeff<html>", "\x1f\x8b\x08\x00\x00", "[", `{"message":"User Not Authenticated"}`,
		`{"session":"expired"}`, `{"redirect":"/login.do"}`, `{"hasErrors":true}`, `{"code":"Forbidden"}`, `{"a":{"b":{"status_code":401}}}`} {
		tests = append(tests, told{"webhook", hook, said(200, body), false}, told{"temporaryAccessPass", teams, said(200, body), false}, told{"temporaryAccessPass", teams, said(202, body), false})
	}
	for _, test := range tests {
		w := newTaskWorld(t)
		w.configure("act", test.kind, test.settings)
		w.replies = []platform.OutboundReply{test.reply}
		id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
		w.settle(0)
		task := w.task(id)
		if task.Succeeded != test.well || test.well == strings.Contains(w.logs.String(), `"alert":true`) {
			t.Errorf("%s %s: %d %q: %v, %s", test.kind, test.settings, test.reply.Status, test.reply.Body, task.Succeeded, task.Detail)
		}
		for _, one := range w.directory.Issued() {
			if one.Live != test.well {
				t.Errorf("%q: a pass is left that nobody has, or is taken from who has it", test.reply.Body)
			}
		}
		w.checkNoLeak()
	}
}

// A rehearsal says whether it would wait, and a check which of the secrets are missing.
func TestTicketsAreCheckedAndRehearsed(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	for name, test := range map[string]struct {
		settings string
		waits    bool
		missing  []string
	}{
		"waits":     {`{"url":"https://desk.example/","authorizationSecret":"none","answerSecret":"neither","numberPath":"result.number","body":{}}`, true, []string{"none", "neither"}},
		"goes on":   {`{"url":"https://desk.example/","authorizationSecret":"none","waitForAnswer":false,"numberPath":"result.number","body":{}}`, false, []string{"none"}},
		"unguarded": {`{"url":"https://desk.example/","waitForAnswer":false,"numberPath":"result.number","body":{}}`, false, nil},
	} {
		name = strings.ReplaceAll(name, " ", "-")
		w.configure(name, "ticket", test.settings)
		checked, err := w.actions.CheckAction(t.Context(), taskAdministrator, name)
		if err != nil || len(checked.Findings) != len(test.missing) {
			t.Errorf("%s: %+v, %v", name, checked.Findings, err)
		}
		for _, secret := range test.missing {
			if !strings.Contains(fmt.Sprint(checked.Findings), "The secret "+secret+" is not set") {
				t.Errorf("%s: nothing of %s in %+v", name, secret, checked.Findings)
			}
		}
		lines, err := w.actions.RehearseAction(t.Context(), taskAdministrator, name, payload("assignmentRequestApproved", taskHire, nil))
		if err != nil || strings.Contains(strings.Join(lines, "\n"), "would wait") != test.waits {
			t.Errorf("%s: %q, %v", name, lines, err)
		}
	}
}

// What a called service answers says whether waiting may mend it.
func TestWhatACalledServiceAnswers(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		again bool
		words string
	}{
		http.StatusContinue: {false, "refused the request (100)"}, http.StatusOK: {}, http.StatusIMUsed: {}, http.StatusMultipleChoices: {false, "redirects"},
		http.StatusPermanentRedirect: {false, "redirects"}, http.StatusBadRequest: {false, "refused the request (400)"}, http.StatusGone: {false, "refused the request (410)"},
		http.StatusRequestTimeout: {true, ""}, http.StatusTooManyRequests: {true, ""}, http.StatusInternalServerError: {true, ""}, http.StatusServiceUnavailable: {true, ""},
	} {
		w := newTaskWorld(t)
		w.configure("act", "webhook", kinds["webhook"].good)
		w.replies = []platform.OutboundReply{{Status: status}}
		id := w.accept("act", payload("assignmentRequestApproved", taskHire, nil))
		w.settle(10 * time.Minute)
		task := w.task(id)
		if again := len(w.posts) == 2; again != want.again || task.Succeeded != (want.words == "") || !strings.Contains(task.Detail, want.words) {
			t.Errorf("%d: %d posts, %v: %s", status, len(w.posts), task.Succeeded, task.Detail)
		}
	}
}

// Templates of other engines and headers that are too long are refused when they are configured, not when they are sent.
func TestForeignTemplatesAreRefused(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	for _, settings := range []string{
		`{"url":"https://hooks.example/x","secret":"key","body":{"a":"<%= 1 %>"}}`, `{"url":"https://hooks.example/x","secret":"key","body":{"a":"${1}"}}`,
		`{"url":"https://hooks.example/x","secret":"key","body":{"a":"}}"}}`, `{"url":"https://hooks.example/x","secret":"key","body":{"a":"{{"}}`,
		`{"url":"https://hooks.example/x","secret":"key","headers":{"X-A":"` + strings.Repeat("a", 1001) + `"}}`,
	} {
		_, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "", as(governance.CalloutAction{Kind: "webhook", Settings: []byte(settings)}))
		if governance.CodeOf(err) != governance.CodeInvalid {
			t.Errorf("%.90s: %v", settings, err)
		}
	}
}
