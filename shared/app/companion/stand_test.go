package companion_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/handlers/api/strict"
	"latchkey/infra/local/ledgertest"
	"latchkey/shared/app/authz"
	"latchkey/shared/app/companion"
	"latchkey/shared/bus"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
	"latchkey/shared/store"
	storememory "latchkey/shared/store/memory"
)

// The people and things of these tests.
const (
	taskTenant  = "7a1c3f60-52d1-4c6e-8f0b-3d0e6a9b1c20"
	taskHire    = "10000000-0000-4000-8000-0000000000a1"
	taskManager = "10000000-0000-4000-8000-0000000000a2"
	taskAdmin   = "10000000-0000-4000-8000-0000000000a3"
	taskIn      = "20000000-0000-4000-8000-0000000000b1"
	taskOut     = "20000000-0000-4000-8000-0000000000b2"
	taskApp     = "50000000-0000-4000-8000-0000000000c1"
	taskRequest = "60000000-0000-4000-8000-0000000000d1"
	taskStage   = "60000000-0000-4000-8000-0000000000e1"
	taskSecret  = "a-secret-that-nobody-may-read-anywhere"
)

// died is the panic of a process that is killed.
type died struct{}

// taskWorld is the area on memory that can be killed before or after any call of a port.
type taskWorld struct {
	t         *testing.T
	ledger    *ledger.Ledger
	tasks     companion.Tasks
	actions   companion.Actions
	clock     *platform.ManualClock
	documents *storememory.Store
	directory *directorymemory.Directory
	logs      bytes.Buffer
	failures  []string // errors as they were seen

	mu      sync.Mutex
	calls   int
	dieAt   int // the number of the call after or before which the process dies; 0: never
	after   bool
	queue   []bus.Message
	sent    map[string]bool
	every   []bus.Message // ever sent
	posts   []platform.OutboundCall
	look    func() (platform.OutboundReply, error) // answers instead of the service desk
	looks   int                                    // how often the service desk was asked for a ticket
	replies []platform.OutboundReply               // of posts, one after the other; then 200
	ids     int
	odd     error // of whom is signed out
	secrets platform.Secrets
	rights  companion.PassRights
}

// The values of the secrets, and what they are bound to.
const (
	answersSecret = taskSecret + "-of-answers"
	deskSecret    = taskSecret + "-of-the-desk"
	boundSecrets  = `{"key":{"use":"signature","hosts":["hooks.example","10.0.0.1"],"value":"` + taskSecret + `"},"teams":{"use":"address","value":"https://teams.example/` + taskSecret + `"},
		"answers":{"use":"answerKey","hosts":["desk.example"],"value":"` + answersSecret + `"},"desk":{"use":"authorization","hosts":["desk.example"],"value":"` + deskSecret + `"}}`
)

// bind sets the app's secrets, and starts the process anew, as a change of a setting does.
func (w *taskWorld) bind(secrets string) {
	w.t.Helper()
	var err error
	if w.secrets, err = platform.ReadSecrets(secrets); err != nil {
		w.t.Fatal(err)
	}
	w.start()
}

func newTaskWorld(t *testing.T) *taskWorld {
	w := &taskWorld{t: t, clock: platform.NewManualClock(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)), sent: map[string]bool{}}
	w.documents = storememory.New(w.clock)
	w.directory = directorymemory.New(directorymemory.Options{Clock: w.clock})
	person := func(id, name, manager string) governance.User {
		return governance.User{ID: id, UserPrincipalName: strings.ToLower(name) + "@contoso.example", DisplayName: name, Mail: strings.ToLower(name) + "@contoso.example", UserType: governance.UserTypeMember, AccountEnabled: true, ManagerID: manager}
	}
	w.directory.PutUser(person(taskManager, "Marta", ""))
	w.directory.PutUser(person(taskHire, "Rui", taskManager))
	w.directory.PutUser(person(taskAdmin, "Ida", taskManager))
	for _, id := range []string{taskIn, taskOut} {
		w.directory.PutGroup(governance.Group{ID: id, DisplayName: id[:8], SecurityEnabled: true, GroupTypes: []string{}})
	}
	for _, caller := range []governance.Caller{taskCaller, taskAdministrator} {
		w.directory.PutServicePrincipal(directorymemory.ServicePrincipal{ID: caller.ObjectID, AppID: caller.AppID})
	}
	w.directory.PutApp(governance.MobileApp{ID: taskApp, DisplayName: "Editor"})
	w.directory.PutRole(taskAdmin, governance.RoleGlobalAdministrator)
	w.directory.PutGranted("UserAuthMethod-TAP.ReadWrite.All", "Policy.Read.AuthenticationMethod", "RoleManagement.Read.Directory", "PrivilegedEligibilitySchedule.Read.AzureADGroup", "User.Read.All", "Mail.Send", "GroupMember.ReadWrite.All",
		"DeviceManagementApps.ReadWrite.All", "User.RevokeSessions.All")
	w.bind(boundSecrets)
	return w
}

// start begins a process anew on the same world.
func (w *taskWorld) start() {
	log := slog.New(slog.NewJSONHandler(&w.logs, nil))
	w.ledger = ledger.New(ledger.Options{
		Store: dyingStore{w.documents, w}, Bus: dyingBus{w}, Clock: w.clock, Logger: log,
		NewID: func() string {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.ids++
			return governance.NameID(fmt.Sprint("callout-test:", w.ids))
		},
		Sleep:  func(context.Context, time.Duration) error { return nil },
		Jitter: func(time.Duration) time.Duration { return 0 },
	})
	ports := &companion.Ports{
		Ledger: w.ledger, Authz: authz.New(nil, directory.NewRecent(w.directory, w.clock.Now)), Directory: dyingDirectory{w.directory, w}, Actions: dyingActions{w.directory, w}, Outbound: dyingOutbound{w}, PublicURL: "https://latchkey.example", Log: log,
		Secrets: w.secrets, PassRights: w.rights,
	}
	w.tasks, w.actions = companion.Tasks{Ports: ports}, companion.Actions{Ports: ports}
}

// call is a call of a port: the process may die before it, or after it.
func (w *taskWorld) call(do func()) {
	w.mu.Lock()
	w.calls++
	dies := w.calls == w.dieAt
	w.mu.Unlock()
	if dies && !w.after {
		panic(died{})
	}
	do()
	if dies {
		panic(died{})
	}
}

// live runs a part of a process. It says whether it died.
func (w *taskWorld) live(do func() error) (dead bool, err error) {
	defer func() {
		if value := recover(); value != nil {
			if _, ok := value.(died); !ok {
				panic(value)
			}
			dead = true
			w.start()
		}
	}()
	err = do()
	if err != nil {
		w.failures = append(w.failures, err.Error())
	}
	return false, err
}

var (
	taskCaller        = governance.Caller{Kind: governance.CallerExtension, TenantID: taskTenant, ObjectID: "3a000000-0000-4000-8000-000000000001", AppID: "810dcf14-1858-4bf2-8134-4c369fa3235b"}
	taskAdministrator = governance.Caller{Kind: governance.CallerApplication, TenantID: taskTenant, ObjectID: "3a000000-0000-4000-8000-000000000002", AppID: "40000000-0000-4000-8000-000000000001", Permissions: []string{governance.PermissionReadWriteAll}}
)

// configure makes an action.
func (w *taskWorld) configure(name, kind, settings string) {
	w.t.Helper()
	draft := governance.CalloutAction{Kind: kind, Settings: json.RawMessage(settings)}
	if _, err := w.actions.PutAction(w.t.Context(), taskAdministrator, name, "", as(draft)); err != nil {
		w.t.Fatal(err)
	}
}

// as makes an action what draft says.
func as(draft governance.CalloutAction) func(*governance.CalloutAction) error {
	return func(action *governance.CalloutAction) error {
		*action = draft
		return nil
	}
}

// sent makes an action what a body says that comes in at the door.
func sent(body string) func(*governance.CalloutAction) error {
	return func(action *governance.CalloutAction) error {
		read, err := strict.Actions(companion.Schemas()).Change([]byte(body))
		if err != nil {
			return err
		}
		stored, _ := json.Marshal(action)
		data, err := read.Replace(stored)
		if err != nil {
			return err
		}
		var next governance.CalloutAction
		err = json.Unmarshal(data, &next)
		*action = next
		return err
	}
}

// payload is a native one (EXT-11).
func payload(stage, target string, change map[string]any) []byte {
	body := map[string]any{
		"AccessPackageAssignmentRequestId": taskRequest, "CallbackUriPath": "/identityGovernance/entitlementManagement/accessPackageAssignmentRequests/" + taskRequest + "/resume",
		"CustomExtensionStageInstanceId": taskStage, "Stage": stage, "RequestType": "UserAdd", "Answers": []any{}, "State": "Delivering", "Status": "WaitingForCallback",
		"CallbackConfiguration": map[string]any{"DurationBeforeTimeout": "PT2H"},
		"AccessPackage":         map[string]any{"Id": "x", "DisplayName": "Package", "Description": ""},
		"Assignment":            map[string]any{"Id": "y", "Target": map[string]any{"Id": "z", "ObjectId": target, "DisplayName": "Rui {{action}}"}},
		"Requestor":             map[string]any{"Id": "r", "ObjectId": taskManager, "DisplayName": "Marta"},
	}
	for name, value := range change {
		if value == nil {
			delete(body, name)
			continue
		}
		body[name] = value
	}
	data, _ := json.Marshal(body)
	return data
}

// accept sends a task until it is taken, as a source does whose call is broken off.
func (w *taskWorld) accept(name string, body []byte) string {
	w.t.Helper()
	for range 3 {
		var accepted companion.Accepted
		dead, err := w.live(func() (err error) {
			accepted, err = w.tasks.AcceptTask(w.t.Context(), taskCaller, name, body)
			return err
		})
		if err != nil {
			w.t.Fatal(err)
		}
		if !dead {
			return accepted.ID
		}
	}
	w.t.Fatal("the callout was never taken")
	return ""
}

// settle handles messages and runs timers until nothing is left to do now, or within a span of time.
func (w *taskWorld) settle(within time.Duration) {
	w.t.Helper()
	until := w.clock.Now().Add(within)
	for range 1000 {
		if w.handleNext() {
			continue
		}
		if !w.clock.Now().Before(until) {
			return
		}
		w.clock.Advance(5 * time.Minute)
		w.live(func() error { _, err := w.ledger.FlushOutbox(w.t.Context()); return err })
		w.live(func() error { _, err := w.ledger.SendDue(w.t.Context()); return err })
	}
	w.t.Fatal("there is no end to it")
}

// handleNext handles the next message that is visible; one whose handler dies or fails comes back.
func (w *taskWorld) handleNext() bool {
	at := slices.IndexFunc(w.queue, func(m bus.Message) bool { return !m.NotBefore.After(w.clock.Now()) })
	if at < 0 {
		return false
	}
	m := w.queue[at]
	var effect governance.Effect
	if err := json.Unmarshal(m.Body, &effect); err != nil {
		w.t.Fatal(err)
	}
	dead, err := w.live(func() error { return w.handle(effect) })
	if !dead && err == nil {
		w.queue = slices.DeleteFunc(w.queue, func(one bus.Message) bool { return one.ID == m.ID })
	}
	return true
}

// handle carries out an effect; what waiting may mend is put off, as it is where all effects come in.
func (w *taskWorld) handle(effect governance.Effect) error {
	err := w.tasks.WorkTask(w.t.Context(), effect)
	if code := ledger.CodeOf(err); err == nil || code != governance.CodeThrottled && code != governance.CodeUnavailable {
		return err
	}
	w.failures = append(w.failures, err.Error())
	delay := engine.RetryDelays[min(effect.Attempt, len(engine.RetryDelays)-1)]
	original, _, _ := strings.Cut(effect.ID, "-again-")
	effect.Attempt++
	effect.ID, effect.NotBefore = fmt.Sprintf("%s-again-%d", original, effect.Attempt), w.clock.Now().Add(max(delay, ledger.RetryAfter(err)))
	m, err := ledger.Message(effect)
	if err != nil {
		return err
	}
	return dyingBus{w}.Send(w.t.Context(), bus.Extensions, m)
}

// effect is that of working on a task.
func (w *taskWorld) effect(id string) governance.Effect {
	task := w.task(id)
	effect := governance.EffectOf(task, governance.WorkTask)
	effect.ID, effect.Place = "e", ledger.SubjectPlace(task.Target.ID)
	return effect
}

func (w *taskWorld) task(id string) governance.Task {
	w.t.Helper()
	found, err := w.tasks.Task(w.t.Context(), taskAdministrator, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return found.Value
}

// everywhere is all that is kept or told of: documents, messages, log lines, errors, and what the sources were answered.
func (w *taskWorld) everywhere() string {
	var all strings.Builder
	for _, container := range store.Containers() {
		query := store.Query{PageSize: store.MaxPageSize}
		for {
			page, err := w.documents.Query(context.Background(), container, query)
			if err != nil {
				w.t.Fatal(err)
			}
			for _, document := range page.Documents {
				fmt.Fprintln(&all, document.ID, string(document.Body))
			}
			if query.Continuation = page.Continuation; page.Continuation == "" {
				break
			}
		}
	}
	for _, m := range w.every {
		fmt.Fprintln(&all, m.ID, string(m.Body), m.Properties)
	}
	for _, resumed := range w.directory.Resumes() {
		fmt.Fprintln(&all, resumed.Path, resumed.Body)
	}
	return all.String() + w.logs.String() + strings.Join(w.failures, "\n")
}

// checkNoLeak looks for passes and secrets wherever they must not be.
func (w *taskWorld) checkNoLeak() {
	w.t.Helper()
	all := w.everywhere()
	if strings.Contains(all, taskSecret) {
		w.t.Error("a secret lies about")
	}
	for _, issued := range w.directory.Issued() {
		if strings.Contains(all, issued.Value) || strings.Contains(all, strings.ReplaceAll(issued.Value, "#", `\u0023`)) {
			w.t.Errorf("the pass %s lies about", issued.Value)
		}
	}
	for line := range strings.Lines(w.logs.String()) {
		for _, name := range []string{"Marta", "Rui", "Ida"} {
			if strings.Contains(line, name) {
				w.t.Errorf("the log names %s: %s", name, line)
			}
		}
	}
}

func (w *taskWorld) checkToldOnce(task governance.Task) {
	w.t.Helper()
	bodies := map[string]bool{}
	for _, resumed := range w.directory.Resumes() {
		bodies[resumed.Path+resumed.Body] = true
		if resumed.Path != "/identityGovernance/entitlementManagement/assignmentRequests/"+taskRequest+"/resume" || !strings.Contains(resumed.Body, string(task.Stage)) || !strings.Contains(resumed.Body, taskStage) {
			w.t.Errorf("resumed was %+v", resumed)
		}
	}
	if len(bodies) != 1 {
		w.t.Errorf("the source got %d different answers", len(bodies))
	}
}

// audit is the trail of a partition, in order.
func (w *taskWorld) audit(container store.Container, partition string) []governance.AuditEntry {
	w.t.Helper()
	page, err := ledger.ListIn[governance.AuditEntry](w.t.Context(), w.ledger, container, ledger.ListOptions{Partition: partition, PageSize: store.MaxPageSize})
	if err != nil {
		w.t.Fatal(err)
	}
	entries := make([]governance.AuditEntry, len(page.Items))
	for _, item := range page.Items {
		entries[item.Value.Sequence-1] = item.Value
	}
	return entries
}

// checkChain verifies the trail of a partition, and answers with its length.
func (w *taskWorld) checkChain(place governance.Place) int {
	w.t.Helper()
	entries := w.audit(store.Container(place.Container), place.Partition)
	state, err := w.ledger.Load(w.t.Context(), place, ledger.Documents())
	if err != nil {
		w.t.Fatal(err)
	}
	if broken := governance.VerifyChain(ledgertest.Links(entries)); broken != 0 || state.Head.AuditSequence != int64(len(entries)) || state.Head.AuditHash != entries[len(entries)-1].Hash {
		w.t.Errorf("the audit chain of %s is broken at %d", place.Partition, broken)
	}
	return len(entries)
}

// The ports of a process that may die.

type dyingStore struct {
	store.Store
	w *taskWorld
}

func (s dyingStore) Get(ctx context.Context, container store.Container, partition string, ids ...string) (found []store.Document, err error) {
	s.w.call(func() { found, err = s.Store.Get(ctx, container, partition, ids...) })
	return found, err
}

func (s dyingStore) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) (etags []string, err error) {
	s.w.call(func() { etags, err = s.Store.Commit(ctx, container, partition, operations) })
	return etags, err
}

type dyingBus struct{ w *taskWorld }

func (b dyingBus) Send(_ context.Context, queue string, messages ...bus.Message) error {
	b.w.call(func() {
		for _, m := range messages {
			if err := m.Validate(bus.UsesSessions(queue)); err != nil || queue != bus.Extensions {
				b.w.t.Errorf("%s: %v", queue, err)
			}
			b.w.every = append(b.w.every, m)
			if !b.w.sent[m.ID] {
				b.w.sent[m.ID] = true
				b.w.queue = append(b.w.queue, m)
			}
		}
	})
	return nil
}

type dyingDirectory struct {
	directory.Directory
	w *taskWorld
}

func (d dyingDirectory) AddMember(ctx context.Context, groupID, principalID string) (err error) {
	d.w.call(func() { err = d.Directory.AddMember(ctx, groupID, principalID) })
	return err
}

func (d dyingDirectory) RemoveMember(ctx context.Context, groupID, principalID string) (err error) {
	d.w.call(func() { err = d.Directory.RemoveMember(ctx, groupID, principalID) })
	return err
}

func (d dyingDirectory) SendMail(ctx context.Context, mail governance.Mail) (err error) {
	d.w.call(func() { err = d.Directory.SendMail(ctx, mail) })
	return err
}

type dyingActions struct {
	directory.Actions
	w *taskWorld
}

func (d dyingActions) IssuePass(ctx context.Context, userID string, order directory.PassOrder) (pass governance.AccessPass, value governance.Secret, err error) {
	d.w.call(func() { pass, value, err = d.Actions.IssuePass(ctx, userID, order) })
	return pass, value, err
}

func (d dyingActions) DeletePass(ctx context.Context, userID, passID string) (err error) {
	d.w.call(func() { err = d.Actions.DeletePass(ctx, userID, passID) })
	return err
}

func (d dyingActions) RevokeSessions(ctx context.Context, userID string) (err error) {
	d.w.call(func() { err = cmp.Or(d.w.odd, d.Actions.RevokeSessions(ctx, userID)) })
	return err
}

func (d dyingActions) AssignApp(ctx context.Context, appID, groupID string, intent governance.AppIntent) (err error) {
	d.w.call(func() { err = d.Actions.AssignApp(ctx, appID, groupID, intent) })
	return err
}

func (d dyingActions) Resume(ctx context.Context, path string, body []byte) (err error) {
	d.w.call(func() { err = d.Actions.Resume(ctx, path, body) })
	return err
}

// dyingOutbound answers instead of the network; which addresses may be called is the real one's to say.
type dyingOutbound struct{ w *taskWorld }

func (o dyingOutbound) Allowed(address string) error {
	return platform.NewOutbound(nil).Allowed(address)
}

func (o dyingOutbound) Send(_ context.Context, call platform.OutboundCall) (reply platform.OutboundReply, err error) {
	if err := o.Allowed(call.URL); err != nil {
		return reply, err
	}
	reply = platform.OutboundReply{Status: http.StatusOK}
	o.w.call(func() {
		if call.Method == http.MethodGet {
			o.w.looks++
			if reply.Body = o.w.ticketsWith(call.URL); o.w.look != nil {
				reply, err = o.w.look()
			}
			return
		}
		o.w.posts = append(o.w.posts, call)
		if strings.HasPrefix(call.URL, "https://desk.example/") {
			reply.Body = fmt.Appendf(nil, `{"result":{"number":"INC%d"}}`, len(o.w.posts))
		}
		if len(o.w.replies) > 0 {
			reply, o.w.replies = o.w.replies[0], o.w.replies[1:]
		}
	})
	return reply, err
}

// ticketsWith is a service desk that lists the tickets with the id at the end of an address.
func (w *taskWorld) ticketsWith(address string) []byte {
	id := address[strings.LastIndexByte(address, '=')+1:]
	list := []string{}
	for n, post := range w.posts {
		if strings.Contains(string(post.Body), id) {
			list = append(list, fmt.Sprintf(`{"number":"INC%d","correlation_id":%q}`, n+1, id))
		}
	}
	return []byte(`{"result":[` + strings.Join(list, ",") + `]}`)
}
