package companion_test

import (
	"strings"
	"testing"
	"time"

	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// These tests play, one at a time, what infra/local/simulation found by the thousand: workers that come late, and tasks that are overtaken.

// at runs something once, just before the directory does an operation for the first time.
func (w *taskWorld) at(operation directorymemory.Operation, do func()) {
	done := false
	w.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
		if one == operation && !done {
			done = true
			do()
		}
		return directorymemory.Fault{}
	})
}

// livePass is the value of the one pass that is there; empty: there is none.
func (w *taskWorld) livePass() string {
	w.t.Helper()
	value := ""
	for _, one := range w.directory.Issued() {
		if one.Live {
			if value != "" {
				w.t.Error("there are two passes")
			}
			value = one.Value
		}
	}
	return value
}

// mailedPass says whether the last mail to the manager has the pass that is there.
func (w *taskWorld) mailedPass() bool {
	sent := w.directory.SentTo("marta@contoso.example")
	return len(sent) > 0 && w.livePass() != "" && strings.Contains(sent[len(sent)-1].Text, w.livePass())
}

var taskLooker = governance.Caller{Kind: governance.CallerUser, TenantID: taskTenant, ObjectID: taskManager, Scopes: []string{governance.PermissionSubjectAccess}}

// A pass that was delivered for a newer task is not taken away by who looks at the older one, nor when its time is over.
func TestAnOlderTaskLeavesTheNewerPass(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]bool{"the older one was never looked at": false, "a process died while it was shown": true} {
		w := newTaskWorld(t)
		w.configure("show", "temporaryAccessPass", `{"deliverTo":"show","lifetimeInMinutes":480}`)
		w.configure("mail", "temporaryAccessPass", `{"deliverTo":"manager","lifetimeInMinutes":480}`)
		older := w.accept("show", payload("assignmentRequestGranted", taskHire, nil))
		w.settle(0)
		if crash {
			w.at(directorymemory.OperationIssuePass, func() { panic(died{}) })
			if dead, _ := w.live(func() error { _, err := w.tasks.ShowPass(t.Context(), taskLooker, older); return err }); !dead {
				t.Fatal("it did not die")
			}
			w.directory.SetFault(nil)
		}
		w.accept("mail", payload("assignmentRequestGranted", taskHire, map[string]any{"AccessPackageAssignmentRequestId": taskApp, "CallbackUriPath": nil}))
		w.settle(0)
		if _, err := w.tasks.ShowPass(t.Context(), taskLooker, older); governance.CodeOf(err) != governance.CodeConflict || !w.mailedPass() {
			t.Errorf("%s: after the look (%v) the newer pass is there: %v", name, err, w.mailedPass())
		}
		w.settle(3 * time.Hour)
		if state := w.task(older).State; state != governance.TaskTimedOut || !w.mailedPass() {
			t.Errorf("%s: the older one is %s, the newer pass is there: %v", name, state, w.mailedPass())
		}
	}
}

// Two workers at once, one of which has lost its lock: whatever is recorded as delivered is there.
func TestADeliveredPassIsNotTakenAwayByALateWorker(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("mail", "temporaryAccessPass", `{"lifetimeInMinutes":480}`)
	id := w.accept("mail", payload("assignmentRequestGranted", taskHire, nil))
	effect := w.effect(id)
	stalled, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	w.at(directorymemory.OperationSendMail, func() { // the first worker has issued a pass
		w.at(directorymemory.OperationDeletePass, func() { // the second has seen it
			close(stalled)
			<-goOn
		})
		go func() { ended <- w.handle(effect) }()
		<-stalled
	})
	w.settle(0)
	close(goOn)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	w.settle(10 * time.Minute)
	if task := w.task(id); task.State != governance.TaskResumed || !task.Succeeded || !w.mailedPass() {
		t.Errorf("%s: %s; the pass is there: %v", task.State, task.Detail, w.mailedPass())
	}
}

// A pass that is in the mail stays when nobody knows whether that was recorded, and the record holds.
func TestAPassStaysWhenItsRecordIsUncertain(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("mail", "temporaryAccessPass", `{"lifetimeInMinutes":480}`)
	id := w.accept("mail", payload("assignmentRequestGranted", taskHire, nil))
	w.at(directorymemory.OperationSendMail, func() {
		w.documents.SetFault(func(operation string) storememory.Fault {
			if operation == storememory.OpCommit { // it is done, the answer is lost; and then the store is away
				w.documents.SetFault(func(string) storememory.Fault { return storememory.Unavailable })
				return storememory.LostResponse
			}
			return storememory.NoFault
		})
	})
	w.handleNext()
	w.documents.SetFault(nil)
	w.settle(10 * time.Minute)
	if task := w.task(id); !task.Succeeded || !w.mailedPass() || len(w.directory.Issued()) != 1 {
		t.Errorf("%s: %s; the pass that was mailed is there: %v", task.State, task.Detail, w.mailedPass())
	}
}

// TestATaskRestsOnItsAction as it is when the task is committed: what changes meanwhile counts, and nothing of the first look is left. rules: EXT-26.
func TestATaskRestsOnItsAction(t *testing.T) {
	t.Parallel()
	off := false
	for name, c := range map[string]struct {
		becomes governance.CalloutAction // without a kind: it is deleted
		code    governance.Code
	}{
		"switched off":      {governance.CalloutAction{Kind: "groupMembership", IsEnabled: &off}, governance.CodeForbidden},
		"for others":        {governance.CalloutAction{Kind: "groupMembership", Callers: []string{taskApp}}, governance.CodeForbidden},
		"for another stage": {governance.CalloutAction{Kind: "groupMembership", Stages: []governance.TaskStage{governance.StageRequestRemoved}}, governance.CodeInvalid},
		"deleted":           {code: governance.CodeNotFound},
		"another group":     {becomes: governance.CalloutAction{Kind: "groupMembership"}},
	} {
		w := newTaskWorld(t)
		w.configure("act", "groupMembership", kinds["groupMembership"].good)
		reads := 0
		w.documents.SetFault(func(string) storememory.Fault {
			if reads++; reads < 2 { // the action is read, the person is not
				return storememory.NoFault
			}
			w.documents.SetFault(nil)
			if c.becomes.Kind == "" {
				w.must(w.actions.DeleteAction(t.Context(), taskAdministrator, "act", ""))
				return storememory.NoFault
			}
			c.becomes.Settings = []byte(`{"groupId":"` + taskOut + `"}`)
			_, err := w.actions.PutAction(t.Context(), taskAdministrator, "act", "*", as(c.becomes))
			w.must(err)
			return storememory.NoFault
		})
		made, err := w.tasks.AcceptTask(t.Context(), taskCaller, "act", payload("assignmentRequestGranted", taskHire, nil))
		if c.code == "" {
			if w.must(err); !strings.Contains(string(w.task(made.ID).Settings), taskOut) {
				t.Errorf("%s: it is accepted with %s", name, w.task(made.ID).Settings)
			}
			continue
		}
		w.refused(err, c.code, "")
		if len(w.every) > 0 {
			t.Errorf("%s: something was sent", name)
		}
	}
}

// TestAFailedTaskLeavesNoPass: of two workers one dies with a pass issued, which nobody has, and the other finds that there is to be none. rules: BEY-26.
func TestAFailedTaskLeavesNoPass(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(w *taskWorld, dies func()){
		"the person was blocked": func(w *taskWorld, dies func()) {
			w.at(directorymemory.OperationUser, func() {
				dies()
				user, err := w.directory.User(t.Context(), taskHire)
				w.must(err)
				user.AccountEnabled = false
				w.directory.PutUser(user)
			})
		},
		"it may not issue any, and the other does while it looks for what is left": func(w *taskWorld, dies func()) {
			w.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
				if operation != directorymemory.OperationIssuePass {
					return directorymemory.Fault{}
				}
				w.at(directorymemory.OperationPasses, func() {
					w.documents.SetFault(func(string) storememory.Fault { // it has looked
						w.documents.SetFault(nil)
						dies()
						return storememory.NoFault
					})
				})
				return directorymemory.Fault{Kind: directorymemory.FaultForbidden}
			})
		},
	} {
		w := newTaskWorld(t)
		w.configure("mail", "temporaryAccessPass", `{"lifetimeInMinutes":480}`)
		id := w.accept("mail", payload("assignmentRequestGranted", taskHire, nil))
		effect, died := w.effect(id), false
		fails(w, func() {
			w.at(directorymemory.OperationIssuePass, func() { w.dieAt = w.calls + 1 })
			died, _ = w.live(func() error { return w.handle(effect) })
			w.dieAt = 0
			w.directory.SetFault(nil)
			if !died || w.livePass() == "" {
				t.Fatalf("%s: it did not die with a pass issued", name)
			}
		})
		w.settle(0)
		w.directory.SetFault(nil)
		w.settle(3 * time.Hour)
		if task := w.task(id); !died || (w.livePass() != "") != task.Succeeded {
			t.Errorf("%s: it is %s (%s), and a pass is there: %v", name, task.State, task.Detail, w.livePass() != "")
		}
	}
}

// A worker that has lost its lock and changes a group too late puts it right.
func TestALateRemovalIsPutRight(t *testing.T) {
	t.Parallel()
	for kind, operation := range map[string]directorymemory.Operation{"groupMembership": directorymemory.OperationRemoveMember, "intuneApp": directorymemory.OperationAddMember} {
		w := newTaskWorld(t)
		w.configure("act", kind, kinds[kind].good)
		w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
		w.at(operation, func() {
			w.accept("act", payload("assignmentRequestGranted", taskHire, map[string]any{"AccessPackageAssignmentRequestId": taskApp, "CallbackConfiguration": nil}))
			w.settle(0) // by somebody else
		})
		w.settle(0)
		if !w.directory.IsMember(taskIn, taskHire) || w.directory.IsMember(taskOut, taskHire) {
			t.Errorf("%s: the late removal has undone the newer grant", kind)
		}
		if strings.Contains(w.logs.String(), notPutRight) {
			t.Errorf("%s: %s", kind, w.logs.String())
		}
	}
}

const notPutRight = "could not be put right"

// another is the change of a payload that makes it one of another request, which nobody waits for.
var another = map[string]any{"AccessPackageAssignmentRequestId": taskApp, "CallbackConfiguration": nil}

// carryOut has a task worked on by somebody else.
func (w *taskWorld) carryOut(id string) {
	w.t.Helper()
	effect := w.effect(id)
	if err := w.handle(effect); err != nil {
		w.t.Fatal(err)
	}
}

// fails has an operation of the directory fail.
func (w *taskWorld) fails(operation directorymemory.Operation, kind directorymemory.FaultKind) {
	w.directory.SetFault(func(one directorymemory.Operation) directorymemory.Fault {
		if one != operation {
			kind = directorymemory.FaultNone
		}
		return directorymemory.Fault{Kind: kind}
	})
}

// What cannot be put right at once is put right later; the same when the late worker has died over it.
func TestALateRemovalIsPutRightLater(t *testing.T) {
	t.Parallel()
	for name, dies := range map[string]bool{"the directory is away": false, "the late worker dies": true} {
		w := newTaskWorld(t)
		w.configure("act", "groupMembership", kinds["groupMembership"].good)
		removed := w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
		w.at(directorymemory.OperationRemoveMember, func() {
			w.carryOut(w.accept("act", payload("assignmentRequestGranted", taskHire, another)))
			if dies {
				w.dieAt = w.calls + 1
			}
			w.fails(directorymemory.OperationAddMember, directorymemory.FaultUnavailable)
		})
		w.handleNext()
		if w.directory.IsMember(taskIn, taskHire) || w.task(removed).State != governance.TaskWorking || strings.Contains(w.logs.String(), notPutRight) == dies {
			t.Fatalf("%s: the removal was not late, or is over: %s", name, w.logs.String())
		}
		w.dieAt = 0
		w.directory.SetFault(nil)
		w.settle(time.Hour)
		if !w.directory.IsMember(taskIn, taskHire) || w.task(removed).Succeeded {
			t.Errorf("%s: the late removal has undone the newer grant", name)
		}
	}
}

// What a newer task has not done, or what has become impossible, nobody does for it.
func TestPuttingRightDoesNoMoreThanWasDone(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
	w.at(directorymemory.OperationRemoveMember, func() {
		w.fails(directorymemory.OperationAddMember, directorymemory.FaultForbidden)
		w.carryOut(w.accept("act", payload("assignmentRequestGranted", taskHire, another)))
		w.directory.SetFault(nil)
	})
	w.settle(0)
	if w.directory.IsMember(taskIn, taskHire) {
		t.Error("a grant that has failed is carried out")
	}
	w = newTaskWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
	w.at(directorymemory.OperationRemoveMember, func() {
		w.carryOut(w.accept("act", payload("assignmentRequestGranted", taskHire, another)))
		w.fails(directorymemory.OperationAddMember, directorymemory.FaultForbidden)
	})
	w.settle(0)
	if strings.Contains(w.logs.String(), notPutRight) {
		t.Error("what waiting does not mend is tried again")
	}
}

// uninstallForADay is settings of an intuneApp.
var uninstallForADay = strings.Replace(kinds["intuneApp"].good, "}", `,"uninstallFor":"P1D"}`, 1)

// What is put right is looked at once more: its time may have ended meanwhile.
func TestWhatIsPutRightMayEndMeanwhile(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "intuneApp", uninstallForADay)
	w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
	w.at(directorymemory.OperationRemoveMember, func() { // the grant comes late
		removed := w.accept("act", payload("assignmentRequestRemoved", taskHire, another))
		w.carryOut(removed)
		w.at(directorymemory.OperationAddMember, func() { // the removal is put right
			w.clock.Advance(25 * time.Hour)
			w.carryOut(removed)
		})
	})
	w.handleNext()
	if w.directory.IsMember(taskOut, taskHire) {
		t.Error("the person stays in the uninstall group")
	}
}

// uninstalled is a world in which an app is uninstalled for a day, which is almost over.
func uninstalled(t *testing.T) (w *taskWorld, id string) {
	w = newTaskWorld(t)
	w.configure("act", "intuneApp", uninstallForADay)
	id = w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
	w.settle(23 * time.Hour)
	if !w.directory.IsMember(taskOut, taskHire) {
		t.Fatal("the person is not in the uninstall group")
	}
	return w, id
}

// The time of a newer removal counts, whenever it comes, and however late the worker of the older one is.
func TestAFollowUpLeavesANewerRemoval(t *testing.T) {
	t.Parallel()
	newer := payload("assignmentRequestRemoved", taskHire, another)
	for name, come := range map[string]func(w *taskWorld, older string){
		"before": func(w *taskWorld, _ string) {
			w.carryOut(w.accept("act", newer))
		},
		"accepted before, carried out meanwhile": func(w *taskWorld, _ string) {
			id := w.accept("act", newer)
			w.at(directorymemory.OperationRemoveMember, func() { w.carryOut(id) })
		},
		"meanwhile": func(w *taskWorld, _ string) {
			w.at(directorymemory.OperationRemoveMember, func() { w.carryOut(w.accept("act", newer)) })
		},
		"after somebody else has followed it up": func(w *taskWorld, older string) {
			w.at(directorymemory.OperationRemoveMember, func() {
				w.carryOut(older)
				w.carryOut(w.accept("act", newer))
			})
		},
	} {
		w, older := uninstalled(t)
		w.clock.Advance(61 * time.Minute)
		come(w, older)
		w.carryOut(older)
		if !w.directory.IsMember(taskOut, taskHire) || strings.Contains(w.logs.String(), notPutRight) {
			t.Errorf("%s: the older removal's end has ended the newer one: %s", name, w.logs.String())
		}
		task := w.task(older)
		if note, done := task.Done("followUp"); !done || strings.HasPrefix(note, "A newer request") != (name == "before") {
			t.Errorf("%s: followed up: %v, %s", name, done, note)
		}
		w.settle(26 * time.Hour)
		if w.directory.IsMember(taskOut, taskHire) {
			t.Errorf("%s: the person stays in the uninstall group", name)
		}
	}
}

// What cannot be undone now is undone later; what never can is told, is a failure in the audit trail, once, and is over.
func TestAFollowUpThatFails(t *testing.T) {
	t.Parallel()
	for kind, want := range map[directorymemory.FaultKind]string{directorymemory.FaultUnavailable: "left the uninstall group", directorymemory.FaultForbidden: "lacks a permission"} {
		w, id := uninstalled(t)
		w.fails(directorymemory.OperationRemoveMember, kind)
		w.clock.Advance(61 * time.Minute)
		w.carryOut(id)
		w.directory.SetFault(nil)
		w.settle(time.Hour)
		task := w.task(id)
		final := kind == directorymemory.FaultForbidden
		if note, _ := task.Done("followUp"); !strings.Contains(note, want) || strings.Contains(w.logs.String(), "could not be undone") != final || w.directory.IsMember(taskOut, taskHire) != final {
			t.Errorf("%s, in the group: %v; %s", note, w.directory.IsMember(taskOut, taskHire), w.logs.String())
		}
		failures := 0
		for _, entry := range w.audit(store.Subjects, "") {
			if entry.Result == "failure" {
				failures++
			}
		}
		if want := map[bool]int{true: 1}[final]; failures != want || !task.Succeeded || task.FollowUpDateTime != nil {
			t.Errorf("%d failures in the trail, want %d: %+v", failures, want, task)
		}
	}
}

// A follow-up comes when so much has happened since that nobody knows which task is the newest.
func TestAFollowUpAfterItsClaimIsForgotten(t *testing.T) {
	t.Parallel()
	w, id := uninstalled(t)
	w.rewrite("head", `"taskClaims"`, `"forgotten"`)
	w.settle(2 * time.Hour)
	task := w.task(id)
	if _, done := task.Done("followUp"); !done || w.directory.IsMember(taskOut, taskHire) {
		t.Error("the person stays in the uninstall group")
	}
}

// The time for uninstalling runs from the first attempt.
func TestAPromiseIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "intuneApp", uninstallForADay)
	w.fails(directorymemory.OperationAddMember, directorymemory.FaultUnavailable)
	id := w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
	w.settle(0)
	promised := w.task(id).FollowUpDateTime
	w.directory.SetFault(nil)
	w.settle(time.Hour)
	if task := w.task(id); promised == nil || !task.Succeeded || !task.FollowUpDateTime.Instant().Equal(promised.Instant()) {
		t.Errorf("promised for %v, then for %v", promised, task.FollowUpDateTime)
	}
}

// rewrite replaces a text in the documents of a kind, as another release may have left them.
func (w *taskWorld) rewrite(kind, before, after string) {
	w.t.Helper()
	page, err := w.documents.Query(w.t.Context(), store.Subjects, store.Query{Kind: kind})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, document := range page.Documents {
		body := strings.ReplaceAll(string(document.Body), before, after)
		if body == string(document.Body) {
			w.t.Fatalf("there is no %s in %s", before, body)
		}
		document.Body = []byte(body)
		if _, err := w.documents.Commit(w.t.Context(), store.Subjects, document.Partition, []store.Operation{{Verb: store.Replace, Document: document}}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// The same, and the newer grant has changed the group and not recorded it yet.
func TestALateRemovalIsPutRightBeforeTheRecord(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("act", "groupMembership", kinds["groupMembership"].good)
	w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
	stalled, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	w.at(directorymemory.OperationRemoveMember, func() {
		id := w.accept("act", payload("assignmentRequestGranted", taskHire, map[string]any{"AccessPackageAssignmentRequestId": taskApp, "CallbackConfiguration": nil}))
		effect := w.effect(id)
		w.documents.SetFault(func(operation string) storememory.Fault {
			if operation == storememory.OpCommit && w.directory.IsMember(taskIn, taskHire) {
				w.documents.SetFault(nil)
				close(stalled)
				<-goOn
			}
			return storememory.NoFault
		})
		go func() { ended <- w.handle(effect) }()
		<-stalled
	})
	w.handleNext()
	close(goOn)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	w.settle(10 * time.Minute)
	if !w.directory.IsMember(taskIn, taskHire) {
		t.Error("the late removal has undone the newer grant")
	}
}

// Whoever was put into the uninstall group leaves it, wherever the process died, and whatever became of a newer grant.
func TestAFollowUpComesWhateverHappens(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		w := newTaskWorld(t)
		w.configure("act", "intuneApp", uninstallForADay)
		w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
		w.calls, w.dieAt, w.after = 0, at, true
		w.handleNext()
		crashed := w.calls >= at
		w.dieAt = 0
		w.clock.Advance(3 * time.Hour) // the source has stopped waiting
		w.settle(27 * time.Hour)
		if w.directory.IsMember(taskOut, taskHire) {
			t.Errorf("call %d: the person stays in the uninstall group", at)
		}
		if !crashed {
			break
		}
	}
	w := newTaskWorld(t)
	w.configure("act", "intuneApp", uninstallForADay)
	w.accept("act", payload("assignmentRequestRemoved", taskHire, nil))
	w.settle(0)
	w.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
		return directorymemory.Fault{Kind: map[bool]directorymemory.FaultKind{true: directorymemory.FaultForbidden}[operation == directorymemory.OperationRemoveMember]}
	})
	granted := w.accept("act", payload("assignmentRequestGranted", taskHire, map[string]any{"AccessPackageAssignmentRequestId": taskApp, "CallbackUriPath": nil}))
	w.settle(0)
	w.directory.SetFault(nil)
	w.settle(27 * time.Hour)
	if w.task(granted).Succeeded || w.directory.IsMember(taskOut, taskHire) {
		t.Error("after a newer grant that has failed the person stays in the uninstall group")
	}
}

// A source that has gone on before anybody told it anything is not said to have an answer.
func TestAnAnswerIsNotMadeUp(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("show", "temporaryAccessPass", `{"deliverTo":"show"}`)
	id := w.accept("show", payload("assignmentRequestGranted", taskHire, nil))
	w.settle(0)
	if _, err := w.tasks.ShowPass(t.Context(), taskLooker, id); err != nil {
		t.Fatal(err)
	}
	w.directory.RefuseResumes("the request was canceled")
	w.settle(0)
	if task := w.task(id); task.State != governance.TaskNotResumed || !strings.Contains(task.Detail, "does not wait") {
		t.Errorf("%s: %s", task.State, task.Detail)
	}
}

// A pass that may not be taken away does not keep a task from its end.
func TestATaskEndsWithoutPermissions(t *testing.T) {
	t.Parallel()
	w := newTaskWorld(t)
	w.configure("show", "temporaryAccessPass", `{"deliverTo":"show"}`)
	id := w.accept("show", payload("assignmentRequestGranted", taskHire, nil))
	w.settle(0)
	w.after = false
	w.at(directorymemory.OperationIssuePass, func() { w.dieAt = w.calls + 1 })
	if dead, _ := w.live(func() error { _, err := w.tasks.ShowPass(t.Context(), taskLooker, id); return err }); !dead || w.livePass() == "" {
		t.Fatal("it did not die with a pass issued")
	}
	w.directory.SetFault(func(operation directorymemory.Operation) directorymemory.Fault {
		return directorymemory.Fault{Kind: map[bool]directorymemory.FaultKind{true: directorymemory.FaultForbidden}[operation == directorymemory.OperationDeletePass]}
	})
	w.settle(3 * time.Hour)
	if task := w.task(id); task.State != governance.TaskTimedOut {
		t.Errorf("%s: %s", task.State, task.Detail)
	}
}

// TestAStartThatIsPastIsNow: a pass that is made later than it was to begin begins when it is made, as one does whose start would be past by the time Graph sees it; an earlier one waits. rules: PRV-19.
func TestAStartThatIsPastIsNow(t *testing.T) {
	for late, waits := range map[time.Duration]time.Duration{0: time.Hour, 59*time.Minute + 30*time.Second: 0, 90 * time.Minute: 0} {
		w := newTaskWorld(t)
		w.configure("act", "temporaryAccessPass", `{"deliverTo":"manager","startsAfter":"PT1H"}`)
		w.accept("act", payload("assignmentRequestGranted", taskHire, nil))
		w.clock.Advance(late)
		w.settle(0)
		issued := w.directory.Issued()
		if len(issued) != 1 || issued[0].Pass.StartDateTime.Sub(w.clock.Now()) != waits {
			t.Errorf("made %v after the callout: %+v at %v", late, issued, w.clock.Now())
		}
	}
}
