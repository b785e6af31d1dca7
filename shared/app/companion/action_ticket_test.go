package companion_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
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
		"another kind of work":          {"webhook", kinds["webhook"].good, taskSecret},
		"a ticket that nobody waits on": {"ticket", `{"url":"https://desk.example/","answerSecret":"key","waitForAnswer":false,"body":{}}`, taskSecret},
		"a secret that is gone":         {"ticket", `{"url":"https://desk.example/","answerSecret":"other","body":{}}`, ""},
		"another secret":                {"ticket", `{"url":"https://desk.example/","answerSecret":"key","body":{}}`, "guessed"},
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
		if _, err := w.tasks.AnswerTicket(t.Context(), id, keyOf(taskSecret, id), companion.TicketAnswer{Status: "completed"}); governance.CodeOf(err) != governance.CodeUnauthorized {
			t.Errorf("the ticket %q: %v", id, err)
		}
	}
}

// Not every ticket is completed: who looks after them is told, and so is the source, in the desk's words.
func TestATicketThatIsNotCompleted(t *testing.T) {
	t.Parallel()
	for status, failed := range map[string]bool{"completed": false, "failed": true} {
		w := newTaskWorld(t)
		w.configure("act", "ticket", `{"url":"https://desk.example/","answerSecret":"key","body":{}}`)
		task := w.task(w.accept("act", payload("assignmentRequestApproved", taskHire, nil)))
		w.settle(0)
		id := task.Target.ID + "." + task.ID
		if _, err := w.tasks.AnswerTicket(t.Context(), id, keyOf(taskSecret, id), companion.TicketAnswer{Status: status, Detail: "No device is left."}); err != nil {
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

// A rehearsal says whether it would wait, and a check which of the secrets are missing.
func TestTicketsAreCheckedAndRehearsed(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	for name, test := range map[string]struct {
		settings string
		waits    bool
		missing  []string
	}{
		"waits":     {`{"url":"https://desk.example/","authorizationSecret":"desk","answerSecret":"answers","body":{}}`, true, []string{"desk", "answers"}},
		"goes on":   {`{"url":"https://desk.example/","authorizationSecret":"desk","waitForAnswer":false,"body":{}}`, false, []string{"desk"}},
		"unguarded": {`{"url":"https://desk.example/","waitForAnswer":false,"body":{}}`, false, nil},
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
