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
func (w *taskWorld) resumes(faults ...directorymemory.FaultKind) {
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
		then   func(*taskWorld) // after the first attempt
		told   int
		state  governance.TaskState
		detail string
	}{
		"at once":                         {nil, nil, 1, governance.TaskResumed, "was signed out everywhere."},
		"away for a while":                {[]directorymemory.FaultKind{away, away, away}, nil, 1, governance.TaskResumed, "was signed out everywhere."},
		"refused at first":                {nil, nil, 0, governance.TaskNotResumed, "does not wait for an answer any more"},
		"refused after a lost answer":     {[]directorymemory.FaultKind{lost}, func(w *taskWorld) { w.directory.RefuseResumes("over") }, 1, governance.TaskResumed, "was signed out everywhere."},
		"too late after an attempt":       {[]directorymemory.FaultKind{lost}, func(w *taskWorld) { w.clock.Advance(3 * time.Hour) }, 1, governance.TaskNotResumed, "has arrived is not known"},
		"no permission":                   {[]directorymemory.FaultKind{directorymemory.FaultForbidden}, nil, 0, governance.TaskNotResumed, "access package assignment manager"},
		"no permission, after an attempt": {[]directorymemory.FaultKind{away, directorymemory.FaultForbidden}, nil, 0, governance.TaskNotResumed, "access package assignment manager"},
	} {
		w := newTaskWorld(t)
		w.configure("act", "revokeSessions", `{}`)
		id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
		if name == "refused at first" {
			w.directory.RefuseResumes("over")
		}
		w.resumes(test.faults...)
		w.handleNext()
		if test.then != nil {
			test.then(w)
		}
		w.settle(30 * time.Minute)
		task := w.task(id)
		if task.State != test.state || len(w.directory.Resumes()) != test.told || !strings.Contains(task.Detail, test.detail) {
			t.Errorf("%s: %s, told %d times: %s", name, task.State, len(w.directory.Resumes()), task.Detail)
		}
		if alerted := strings.Contains(w.logs.String(), notAnswered); alerted != (test.state == governance.TaskNotResumed) {
			t.Errorf("%s: alerted: %v", name, alerted)
		}
	}
}

// Who ends the work when there is no time left to say so has sent nothing, and says that.
func TestAnAnswerThatWouldBeTooLate(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
	w.at(directorymemory.OperationAddMember, func() { w.clock.Advance(2*time.Hour - time.Second) })
	w.settle(0)
	if task := w.task(id); task.State != governance.TaskNotResumed || !strings.Contains(task.Detail, "was not sent") || len(w.directory.Resumes()) != 0 {
		t.Errorf("%s: %s", task.State, task.Detail)
	}
}

// A task that this release cannot read fails, and its source hears of it.
func TestATaskOfAnotherRelease(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
	w.rewrite("task", `"groupId"`, `"groupIds"`)
	w.settle(0)
	const want = "This release cannot read the settings of the action."
	if task := w.task(id); task.State != governance.TaskResumed || task.Succeeded || task.Detail != want || !strings.Contains(w.logs.String(), `"alert":true`) {
		t.Errorf("%s: %s", task.State, task.Detail)
	}
	if told := w.directory.Resumes(); len(told) != 1 || !strings.Contains(told[0].Body, want) {
		t.Errorf("told was %+v", told)
	}
}

// An effect whose task is not there is a fault: it is put off, not taken for done.
func TestAnEffectWithoutItsTask(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	effect := governance.EffectOf(governance.Task{ID: governance.NameID("nothing")}, governance.WorkTask)
	effect.Place = ledger.SubjectPlace(governance.NameID("nobody"))
	if err := w.tasks.WorkTask(t.Context(), effect); ledger.CodeOf(err) != governance.CodeUnavailable {
		t.Errorf("it is answered with %v", err)
	}
}

// What nobody foresaw ends the work at once.
func TestAnErrorThatNobodyForesaw(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.odd = errors.New("odd")
	w.configure("act", "revokeSessions", `{}`)
	id := w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
	w.settle(0)
	if task := w.task(id); task.State != governance.TaskResumed || task.Succeeded || !strings.Contains(task.Detail, "nobody foresaw") || !strings.Contains(w.logs.String(), `"error":"odd"`) {
		t.Errorf("%s: %s", task.State, task.Detail)
	}
}

// What is recorded as done is not done again.
func TestAStepIsDoneOnce(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "sendMail", kinds["sendMail"].good)
	id := w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
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
	if sent := w.directory.SentTo("rui@contoso.example"); len(sent) != 1 || !w.task(id).Succeeded {
		t.Errorf("%d mails: %s", len(sent), w.task(id).Detail)
	}
}

// Whom a mail goes to, and who cannot be reached.
func TestTheAddressee(t *testing.T) {
	t.Parallel()
	person := governance.User{ID: taskHire, UserPrincipalName: "rui@contoso.example", Mail: "rui@contoso.example", UserType: governance.UserTypeMember, AccountEnabled: true, ManagerID: strings.ToUpper(taskHire)}
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
		w := newTaskWorld(t)
		w.directory.PutUser(person)
		w.configure("act", "sendMail", `{"to":"`+test.to+`","subject":"x","lines":["x"]}`)
		id := w.accept("act", payload("assignmentRequestGranted", taskHire, test.change))
		w.settle(0)
		sent := w.directory.Sent()
		if task := w.task(id); task.Detail != test.want || (len(sent) == 1) != (test.mailed != "") || len(sent) == 1 && sent[0].To[0] != test.mailed {
			t.Errorf("%s: %s, sent was %+v", name, task.Detail, sent)
		}
	}
}
