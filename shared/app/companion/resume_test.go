package companion_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	storememory "latchkey/shared/store/memory"
)

// resumes has the attempts to tell a source go wrong as listed, one after the other; the rest goes well.
func (w *calloutWorld) resumes(faults ...directorymemory.FaultKind) {
	w.directory.SetFault(func(operation directorymemory.Operation) (fault directorymemory.Fault) {
		if operation == directorymemory.OperationResume && len(faults) > 0 {
			fault.Kind, faults = faults[0], faults[1:]
		}
		return fault
	})
}

const notAnswered = "a callout could not be answered"

// Whether a source was told is said as far as it is known, and those who look after it hear when it could not be.
// rules: EXT-13 EXT-17
func TestWhetherTheSourceWasTold(t *testing.T) {
	t.Parallel()
	const lost, away = directorymemory.FaultLostResponse, directorymemory.FaultUnavailable
	for name, test := range map[string]struct {
		faults []directorymemory.FaultKind
		then   func(*calloutWorld) // after the first attempt
		told   int
		state  governance.CalloutState
		detail string
	}{
		"at once":                         {nil, nil, 1, governance.CalloutResumed, "was signed out everywhere."},
		"away for a while":                {[]directorymemory.FaultKind{away, away, away}, nil, 1, governance.CalloutResumed, "was signed out everywhere."},
		"refused at first":                {nil, nil, 0, governance.CalloutNotResumed, "does not wait for an answer any more"},
		"refused after a lost answer":     {[]directorymemory.FaultKind{lost}, func(w *calloutWorld) { w.directory.RefuseResumes("over") }, 1, governance.CalloutResumed, "was signed out everywhere."},
		"too late after an attempt":       {[]directorymemory.FaultKind{lost}, func(w *calloutWorld) { w.clock.Advance(3 * time.Hour) }, 1, governance.CalloutNotResumed, "has arrived is not known"},
		"no permission":                   {[]directorymemory.FaultKind{directorymemory.FaultForbidden}, nil, 0, governance.CalloutNotResumed, "access package assignment manager"},
		"no permission, after an attempt": {[]directorymemory.FaultKind{away, directorymemory.FaultForbidden}, nil, 0, governance.CalloutNotResumed, "access package assignment manager"},
	} {
		w := newCalloutWorld(t)
		w.configure("act", "revokeSessions", `{}`)
		id := w.accept("act", payload("assignmentRequestGranted", calloutHire, nil))
		if name == "refused at first" {
			w.directory.RefuseResumes("over")
		}
		w.resumes(test.faults...)
		w.handleNext()
		if test.then != nil {
			test.then(w)
		}
		w.settle(30 * time.Minute)
		callout := w.callout(id)
		if callout.State != test.state || len(w.directory.Resumes()) != test.told || !strings.Contains(callout.Detail, test.detail) {
			t.Errorf("%s: %s, told %d times: %s", name, callout.State, len(w.directory.Resumes()), callout.Detail)
		}
		if alerted := strings.Contains(w.logs.String(), notAnswered); alerted != (test.state == governance.CalloutNotResumed) {
			t.Errorf("%s: alerted: %v", name, alerted)
		}
	}
}

// Who ends the work when there is no time left to say so has sent nothing, and says that.
func TestAnAnswerThatWouldBeTooLate(t *testing.T) {
	t.Parallel()
	w := newCalloutWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	id := w.accept("act", payload("assignmentRequestGranted", calloutHire, nil))
	w.at(directorymemory.OperationAddMember, func() { w.clock.Advance(2*time.Hour - time.Second) })
	w.settle(0)
	if callout := w.callout(id); callout.State != governance.CalloutNotResumed || !strings.Contains(callout.Detail, "was not sent") || len(w.directory.Resumes()) != 0 {
		t.Errorf("%s: %s", callout.State, callout.Detail)
	}
}

// A callout that this release cannot read fails, and its source hears of it.
func TestACalloutOfAnotherRelease(t *testing.T) {
	t.Parallel()
	w := newCalloutWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	id := w.accept("act", payload("assignmentRequestGranted", calloutHire, nil))
	w.rewrite("task", `"groupId"`, `"groupIds"`)
	w.settle(0)
	const want = "This release cannot read the settings of the action."
	if callout := w.callout(id); callout.State != governance.CalloutResumed || callout.Succeeded || callout.Detail != want || !strings.Contains(w.logs.String(), `"alert":true`) {
		t.Errorf("%s: %s", callout.State, callout.Detail)
	}
	if told := w.directory.Resumes(); len(told) != 1 || !strings.Contains(told[0].Body, want) {
		t.Errorf("told was %+v", told)
	}
}

// An effect whose callout is not there is a fault: it is put off, not taken for done.
func TestAnEffectWithoutItsCallout(t *testing.T) {
	t.Parallel()
	w := newCalloutWorld(t)
	effect := governance.EffectOf(governance.Callout{ID: governance.NameID("nothing")}, governance.WorkTask)
	effect.Place = ledger.SubjectPlace(governance.NameID("nobody"))
	if err := w.tasks.WorkTask(t.Context(), effect); ledger.CodeOf(err) != governance.CodeUnavailable {
		t.Errorf("it is answered with %v", err)
	}
}

// What nobody foresaw ends the work at once.
func TestAnErrorThatNobodyForesaw(t *testing.T) {
	t.Parallel()
	w := newCalloutWorld(t)
	w.odd = errors.New("odd")
	w.configure("act", "revokeSessions", `{}`)
	id := w.accept("act", payload("assignmentRequestRemoved", calloutHire, nil))
	w.settle(0)
	if callout := w.callout(id); callout.State != governance.CalloutResumed || callout.Succeeded || !strings.Contains(callout.Detail, "nobody foresaw") || !strings.Contains(w.logs.String(), `"error":"odd"`) {
		t.Errorf("%s: %s", callout.State, callout.Detail)
	}
}

// What is recorded as done is not done again.
func TestAStepIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := newCalloutWorld(t)
	w.configure("act", "sendMail", kinds["sendMail"].good)
	id := w.accept("act", payload("assignmentRequestGranted", calloutHire, nil))
	w.at(directorymemory.OperationSendMail, func() {
		commits := 0
		w.documents.SetFault(func(operation string) storememory.Fault {
			if operation == storememory.OpCommit {
				commits++
			}
			if commits > 1 { // the step is recorded, its end is not
				return storememory.Unavailable
			}
			return storememory.NoFault
		})
	})
	w.handleNext()
	w.documents.SetFault(nil)
	w.settle(10 * time.Minute)
	if sent := w.directory.SentTo("rui@contoso.example"); len(sent) != 1 || !w.callout(id).Succeeded {
		t.Errorf("%d mails: %s", len(sent), w.callout(id).Detail)
	}
}

// Whom a mail goes to, and who cannot be reached.
func TestTheAddressee(t *testing.T) {
	t.Parallel()
	person := governance.User{ID: calloutHire, UserPrincipalName: "rui@contoso.example", Mail: "rui@contoso.example", UserType: governance.UserTypeMember, AccountEnabled: true, ManagerID: strings.ToUpper(calloutHire)}
	for name, test := range map[string]struct {
		to     string
		change map[string]any
		mailed string
		want   string
	}{
		"who asked":                {"requestor", nil, "marta@contoso.example", "The mail was sent."},
		"nobody asked":             {"requestor", map[string]any{"Requestor": nil}, "", "The person who asked is not named."},
		"who is their own manager": {"manager", nil, "", "rui@contoso.example has no manager in the directory."},
		"a person without a name":  {"target", nil, "rui@contoso.example", "The mail was sent."},
	} {
		w := newCalloutWorld(t)
		w.directory.PutUser(person)
		w.configure("act", "sendMail", `{"to":"`+test.to+`","subject":"x","lines":["x"]}`)
		id := w.accept("act", payload("assignmentRequestGranted", calloutHire, test.change))
		w.settle(0)
		sent := w.directory.Sent()
		if callout := w.callout(id); callout.Detail != test.want || (len(sent) == 1) != (test.mailed != "") || len(sent) == 1 && sent[0].To[0] != test.mailed {
			t.Errorf("%s: %s, sent was %+v", name, callout.Detail, sent)
		}
	}
}
