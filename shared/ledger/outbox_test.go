package ledger_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// outbox counts what is in the outboxes of all containers.
func (s stand) outbox() int {
	s.Helper()
	count := 0
	for _, container := range store.Containers() {
		count += len(s.Documents(container, "outbox"))
	}
	return count
}

// add has one thing done for a probe, whatever goes wrong after its commit.
func (s stand) add() {
	s.Helper()
	_, err := s.update(s.Context(), probe{ID: ledgertest.ID("probe")})
	s.Must(err)
}

// sweep sweeps the outboxes after so long, and wants so many found and sent.
func (s stand) sweep(after time.Duration, found, sent int) error {
	s.Helper()
	s.Clock.Advance(after)
	sweep, err := s.Ledger.FlushOutbox(s.Context())
	if sweep.Found != found || sweep.Sent != sent {
		s.Errorf("swept %+v, wanted %d found and %d sent", sweep, found, sent)
	}
	return err
}

// TestEffectsGoOutAtOnce: after the commit the effects are on the bus and the outbox is empty; nothing waits for a timer.
func TestEffectsGoOutAtOnce(t *testing.T) {
	s := newStand(t)
	s.add()
	if s.outbox() != 0 || s.Counts(bus.Provisioning).Active != 1 {
		t.Errorf("%d in the outbox, %+v on the queue", s.outbox(), s.Counts(bus.Provisioning))
	}
}

// TestACrashBetweenCommitAndBus: what a crash, or a bus that is away, leaves in the outbox is sent by the timer, not before a minute has passed.
func TestACrashBetweenCommitAndBus(t *testing.T) {
	s := newStand(t)
	s.DownBus(true)
	s.add() // it is accepted all the same
	if s.outbox() != 1 || s.Counts(bus.Provisioning).Active != 0 {
		t.Fatalf("%d in the outbox, %+v on the queue", s.outbox(), s.Counts(bus.Provisioning))
	}
	s.Must(s.sweep(59*time.Second, 0, 0))
	if err := s.sweep(2*time.Second, 1, 0); err == nil {
		t.Error("the bus is away, and nobody says so")
	}
	s.DownBus(false)
	s.Must(s.sweep(0, 1, 1))
	if s.outbox() != 0 || s.Counts(bus.Provisioning).Active != 1 {
		t.Errorf("%d in the outbox, %+v on the queue", s.outbox(), s.Counts(bus.Provisioning))
	}
}

// TestSentButNotForgotten: an effect whose document could not be deleted is sent again under the same id, which the queue drops while it remembers it.
func TestSentButNotForgotten(t *testing.T) {
	for later, messages := range map[time.Duration]int{2 * time.Minute: 1, time.Hour: 2} { // within and after the window of duplicate detection
		s := newStand(t)
		s.Faults(storememory.OpCommit, storememory.NoFault, storememory.Unavailable)
		s.add()
		if s.outbox() != 1 || s.Counts(bus.Provisioning).Active != 1 {
			t.Fatalf("%d in the outbox, %+v on the queue", s.outbox(), s.Counts(bus.Provisioning))
		}
		s.Must(s.sweep(later, 1, 1))
		sent := s.Effects(bus.Provisioning)
		if s.outbox() != 0 || len(sent) != messages || sent[0].ID != sent[len(sent)-1].ID {
			t.Errorf("%d in the outbox, sent are %+v", s.outbox(), sent)
		}
	}
}

// TestATornSend: of a send that fails half way all is sent again; what arrived twice is dropped.
func TestATornSend(t *testing.T) {
	for _, fault := range []busmemory.SendFault{busmemory.SendThrottled, busmemory.SendTorn, busmemory.SendUnanswered} {
		s := newStand(t)
		s.Broker.SetFaults(&busmemory.Faults{Send: func(string, int) busmemory.SendFault { return fault }})
		s.add()
		s.DownBus(false)
		if s.outbox() != 1 {
			t.Fatalf("%d in the outbox", s.outbox())
		}
		s.Must(s.sweep(2*time.Minute, 1, 1))
		if counts := s.Counts(bus.Provisioning); counts.Active != 1 || counts.Scheduled+counts.DeadLettered+s.outbox() != 0 {
			t.Errorf("%+v on the queue, %d in the outbox", counts, s.outbox())
		}
	}
}

// TestALongOutbox: more effects of one place than fit into one commit are all sent and forgotten, those of other containers too.
func TestALongOutbox(t *testing.T) {
	s := newStand(t)
	s.DownBus(true)
	const effects = 150
	places := []governance.Place{alice, ledger.SubjectPlace(ledgertest.ID("somebody else")), review, other}
	for _, place := range places {
		for range 3 {
			_, err := s.Ledger.Update(t.Context(), place, ledger.Documents(), func(state engine.State) (engine.Change, error) {
				change, err := ledgertest.Entry("")(state)
				for range effects / 3 {
					change.Effects = append(change.Effects, governance.EffectOf(probe{ID: ledgertest.ID("none")}, governance.WorkProvision))
				}
				return change, err
			})
			s.Must(err)
		}
	}
	s.DownBus(false)
	s.Must(s.sweep(2*time.Minute, 4*effects, 4*effects))
	sent := map[governance.Place]int{}
	for _, effect := range s.Effects(bus.Provisioning) {
		sent[effect.Place]++
	}
	for _, place := range places {
		if sent[place] != effects {
			t.Errorf("%d of %v went out", sent[place], place)
		}
	}
	if s.outbox() != 0 {
		t.Errorf("%d left", s.outbox())
	}
	nowhere := governance.Place{Container: "nowhere", Partition: ledgertest.ID("place")}
	unread := func(context.Context, *ledger.Ledger, governance.Place) (*ledger.State, error) {
		return &ledger.State{Place: nowhere}, nil
	}
	_, err := s.Ledger.Update(t.Context(), nowhere, unread, func(state engine.State) (engine.Change, error) {
		change, err := ledgertest.Entry("")(state)
		change.Effects = append(change.Effects, governance.EffectOf(probe{ID: ledgertest.ID("none")}, governance.WorkProvision))
		return change, err
	})
	if err == nil || !strings.Contains(err.Error(), "nobody looks for effects in nowhere") {
		t.Errorf("an effect that nobody would find was committed: %v", err)
	}
}

// TestAnOutboxThatCannotBeRead holds nothing else up, and is told.
func TestAnOutboxThatCannotBeRead(t *testing.T) {
	s := newStand(t)
	s.DownBus(true)
	s.add()
	s.Rewrite(store.Reviews, s.Documents(store.Reviews, "outbox")[0], `{"stage":"spoilt"}`)
	s.add()
	s.DownBus(false)
	s.Must(s.sweep(2*time.Minute, 2, 1))
	if told := s.Lines("a document cannot be read"); len(told) != 1 || told[0]["alert"] != true {
		t.Errorf("told: %v", told)
	}
}

// access is an assignment that is taken up again at a time.
func access(id string, at *governance.DateTime) governance.Assignment {
	return governance.Assignment{
		ID: ledgertest.ID(id), State: governance.AssignmentDelivering, AccessPackage: &governance.AccessPackage{ID: ledgertest.ID("package"), Catalog: &governance.Catalog{ID: ledgertest.ID("catalog")}},
		AssignmentPolicy: &governance.AssignmentPolicy{}, Target: &governance.Subject{ID: alice.Partition}, NextAttempt: at,
	}
}

// due puts one document of each kind that anything happens to by itself, due at noon, and one that is not.
func (s stand) due() (ids []string) {
	s.Helper()
	at := governance.At(ledgertest.Noon)
	assignment, request := access("assignment", at), governance.AssignmentRequest{ID: ledgertest.ID("request"), RequestType: governance.RequestUserAdd, State: governance.StateScheduled, Status: governance.StatusPendingNotBefore}
	request.AccessPackage, request.Assignment, request.Requestor = assignment.AccessPackage, &assignment, assignment.Target
	request.Policy, request.Schedule = assignment.AssignmentPolicy, &governance.Schedule{StartDateTime: at}
	task := governance.Task{ID: ledgertest.ID("task"), Kind: "mail", State: governance.TaskWorking, Settings: []byte(`{}`), Target: *assignment.Target, DeadlineTime: at}
	s.Put(alice, assignment, request, task)
	s.Put(review, probe{ID: ledgertest.ID("probe"), At: ledgertest.Noon}, probe{ID: ledgertest.ID("later"), At: ledgertest.Noon.Add(time.Hour)}, probe{ID: ledgertest.ID("never")})
	return []string{"assignment", "request", "task", "probe"}
}

// TestWhatIsDue of every kind, in every container, is sent on once for each time that it comes due.
func TestWhatIsDue(t *testing.T) {
	s := newStand(t)
	kinds := s.due()
	s.Clock.Advance(time.Minute)
	for range 2 { // the second run finds them again, and the queue drops its messages
		sweep, err := s.Ledger.SendDue(t.Context())
		s.Must(err)
		if sweep.Found != len(kinds) || sweep.Sent != len(kinds) || sweep.Lag < time.Minute {
			t.Errorf("swept %+v", sweep)
		}
	}
	work := map[string]governance.Effect{}
	for _, queue := range bus.Queues() {
		for _, effect := range s.Effects(queue) {
			if work[effect.Kind].ID != "" || ledger.QueueOf(effect) != queue {
				t.Errorf("on %s is %+v, beside %+v", queue, effect, work[effect.Kind])
			}
			work[effect.Kind] = effect
		}
	}
	for _, kind := range kinds {
		place, what := alice, governance.WorkDue
		switch kind {
		case "probe":
			place = review
		case "task":
			what = governance.WorkTask
		}
		if effect := work[kind]; effect.About != ledgertest.ID(kind) || effect.Place != place || effect.What != what {
			t.Errorf("for the %s is sent %+v", kind, effect)
		}
	}
	if len(work) != len(kinds) {
		t.Errorf("sent are %+v", work)
	}
	s.Put(review, probe{ID: ledgertest.ID("probe"), At: ledgertest.Noon, Text: "changed"}) // another version is another message
	_, err := s.Ledger.SendDue(t.Context())
	s.Must(err)
	if sent := s.Counts(bus.Provisioning).Active; sent != len(kinds) {
		t.Errorf("%d are sent", sent)
	}
}

// TestAQueueThatIsAway holds up what is due for no other.
func TestAQueueThatIsAway(t *testing.T) {
	s := newStand(t)
	kinds := s.due()
	s.Broker.SetFaults(&busmemory.Faults{Send: func(queue string, _ int) busmemory.SendFault {
		if queue == bus.Extensions {
			return busmemory.SendLost
		}
		return busmemory.SendWorks
	}})
	sweep, err := s.Ledger.SendDue(t.Context())
	s.Refused(err, governance.CodeUnavailable)
	if sweep.Found != len(kinds) || sweep.Sent != len(kinds)-1 {
		t.Errorf("swept %+v", sweep)
	}
	sent := s.Effects(bus.Provisioning)
	if !slices.ContainsFunc(sent, func(e governance.Effect) bool { return e.Kind == "probe" }) {
		t.Errorf("sent are %+v", sent)
	}
}

// TestABadDocumentStopsNobodyElse: what is due or in an outbox and cannot be sent, for whatever reason, is told and passed over. The others go, the run has not failed, and how late it is says nothing of
// what will never go. rules: REQ-18.
func TestABadDocumentStopsNobodyElse(t *testing.T) {
	s := newStand(t)
	kinds := s.due()
	long := ledger.SubjectPlace(strings.Repeat("x", bus.MaxIDLength+1)) // the store takes it, a session does not
	far := access("far", governance.At(ledgertest.Noon.AddDate(-9, 0, 0)))
	s.Put(long, far)
	bodiless := access("bodiless", governance.At(ledgertest.Noon.AddDate(-9, 0, 0)))
	s.Put(alice, bodiless)
	for _, document := range s.Documents(store.Subjects, "assignment") {
		if document.ID == "assignment:"+bodiless.ID {
			s.Rewrite(store.Subjects, document, `{"id":"`+bodiless.ID+`"}`)
		}
	}
	sweep, err := s.Ledger.SendDue(t.Context())
	s.Must(err)
	if sweep.Found != len(kinds)+2 || sweep.Sent != len(kinds) || sweep.Lag > time.Hour {
		t.Errorf("swept %+v", sweep)
	}
	s.told("assignment:"+far.ID, "SessionID")
	s.told("assignment:"+bodiless.ID, "accessPackage/id")

	s.DownBus(true)
	s.add()
	good := s.Documents(store.Reviews, "outbox")[0]
	for id, change := range map[string]func(*governance.Effect){
		"no queue":                         func(e *governance.Effect) { e.What = "nothing" },
		"no document":                      func(e *governance.Effect) { e.About = "" },
		"a long session":                   func(e *governance.Effect) { e.Partition = long.Partition },
		strings.Repeat("a long id", 20):    func(*governance.Effect) {},
		"another id than the document has": func(e *governance.Effect) { e.ID = "other" },
	} {
		effect, err := ledger.Decode[governance.Effect](good)
		s.Must(err)
		effect.ID = id
		change(&effect)
		bad := good
		bad.ID = "outbox:" + id
		s.Rewrite(store.Reviews, bad, effect)
	}
	s.DownBus(false)
	for range 2 { // they stay where they are, for who mends them
		sweep, err = s.Ledger.FlushOutbox(t.Context())
		s.Must(err)
		s.Clock.Advance(2 * time.Minute)
	}
	if sweep, err = s.Ledger.FlushOutbox(t.Context()); err != nil || s.outbox() != 5 {
		t.Errorf("swept %+v, %d are left: %v", sweep, s.outbox(), err)
	}
	if sent := s.Effects(bus.Provisioning); !slices.ContainsFunc(sent, func(e governance.Effect) bool {
		return e.About == ledgertest.ID("probe") && e.What == governance.WorkProvision
	}) {
		t.Errorf("sent are %+v", sent)
	}
	for document, words := range map[string]string{"outbox:no queue": "no such queue", "outbox:no document": "documentId", "outbox:a long session": "SessionID", "outbox:another id than the document has": "another name"} {
		s.told(document, words)
	}
}

// told wants an alert about a document, with what is wrong with it.
func (s stand) told(document, words string) {
	s.Helper()
	for _, line := range s.Lines("a document cannot be read") {
		if line["document"] == document && line["alert"] == true && strings.Contains(line["error"].(string), words) {
			return
		}
	}
	s.Errorf("that %s is wrong with %q is not told", document, words)
}

// TestABadDocumentIsNamed where it is asked for itself, and hides no other in what is read as a whole.
func TestABadDocumentIsNamed(t *testing.T) {
	s := newStand(t)
	catalog := &governance.Catalog{ID: other.Partition}
	resource := func(id string) governance.Resource {
		return governance.Resource{ID: ledgertest.ID(id), OriginID: "group", Catalog: catalog}
	}
	s.Put(other, *catalog, resource("good"), resource("bad"))
	stored := governance.StoredID("resource", ledgertest.ID("bad"))
	for _, document := range s.Documents(store.Catalogs, "resource") {
		if document.ID == stored {
			s.Rewrite(store.Catalogs, document, `{"id":"`+ledgertest.ID("bad")+`"}`)
		}
	}
	afresh := s.On(s.Store)
	_, err := ledger.Get[governance.Resource](t.Context(), afresh, ledgertest.ID("bad"), "resource")
	if !errors.Is(err, ledger.ErrUnreadable) || !strings.Contains(err.Error(), stored) {
		t.Errorf("it is read: %v", err)
	}
	if _, err := afresh.Load(t.Context(), other, ledger.Documents(stored)); !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("it is loaded: %v", err)
	}
	whole, state, err := afresh.Catalog(t.Context(), other.Partition)
	s.Must(err)
	if len(whole.Resources) != 1 || !maps.Equal(state.Unread, map[string]string{stored: ""}) {
		t.Errorf("the catalog has %+v, unread are %q", whole.Resources, state.Unread)
	}
	if page, err := ledger.List[governance.Resource](t.Context(), afresh, ledger.ListOptions{}); err != nil || len(page.Items) != 1 {
		t.Errorf("listed are %+v: %v", page.Items, err)
	}
	s.told(stored, "originId")

	s.Rewrite(store.Catalogs, s.Documents(store.Catalogs, "head")[0], `{"id":7}`)
	if _, _, err := afresh.Catalog(t.Context(), other.Partition); !errors.Is(err, ledger.ErrUnreadable) {
		t.Errorf("with a bad head: %v", err)
	}
	if _, _, err := afresh.Catalogs(ledger.ListOptions{}).At(t.Context(), other.Partition); governance.CodeOf(err) != governance.CodeNotFound {
		t.Errorf("a list sees: %v", err)
	}
}
