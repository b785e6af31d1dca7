package endurance

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/azcosmos"

	"latchkey/infra/local/client"
	"latchkey/infra/local/cosmos"
	"latchkey/infra/local/fault"
	"latchkey/infra/local/stack"
	"latchkey/shared/bus"
	"latchkey/shared/governance"
	"latchkey/shared/store"
	storecosmos "latchkey/shared/store/cosmos"
)

var (
	kills    = flag.Int("kills", 8, "how often TestKill kills the handler")
	realtime = flag.Bool("realtime", false, "TestKill waits by the machine's clock for what a crash left in the outbox, instead of letting time pass in a second stack")
)

const (
	killClients  = 8
	killPackages = 4
	// peoplePerKill is enough for what the clients do between two kills.
	peoplePerKill = 30
	// maxCalm is the longest time between two kills.
	maxCalm = 300 * time.Millisecond
	// answerPatience is how long a client goes on asking.
	answerPatience = 60 * time.Second
)

// siege is the load under which the handler is killed, and what of it was accepted.
type siege struct {
	*stand
	bosses []governance.User
	people []governance.User
	offers []offer
	next   atomic.Int64
	over   chan struct{}
	errors chan error

	mu      sync.Mutex
	grants  []*grant
	changed edges        // what Graph did for a stack that has ended
	retries atomic.Int64 // calls that were repeated since nobody answered
}

// edges counts the calls that change who is in a group.
type edges struct {
	adds, removals, refused int // refused: what was done before, 400 and 404 as Graph has it
}

// edges adds those of the present stack.
func (s *siege) edges() edges {
	const add, remove = "POST /groups/{id}/members/$ref", "DELETE /groups/{id}/members/{other}/$ref"
	stats := s.Graph.Stats()
	return edges{
		adds: s.changed.adds + int(stats.Calls[add]), removals: s.changed.removals + int(stats.Calls[remove]),
		refused: s.changed.refused + int(stats.Refusals[add]+stats.Refusals[remove]),
	}
}

// grant is a request that was accepted and approved, and its end, if that was accepted too.
type grant struct {
	person    governance.User
	boss      governance.User
	offer     offer
	requestID string
	removalID string
	removing  bool // somebody tries to
}

// Kill -9 at random moments under load: every request that was accepted ends delivered, once; every removal that was accepted has happened; nothing is parked, dead, or left behind.
//
// rules: REQ-06 REQ-07
func TestKill(t *testing.T) {
	data := t.TempDir()
	s := &siege{stand: launch(t, stack.Options{HandlerPath: handlerBinary(t), DataDir: data}), over: make(chan struct{}), errors: make(chan error, killClients)}
	s.prepare(*kills * peoplePerKill)
	var clients sync.WaitGroup
	for n := range killClients {
		clients.Go(func() {
			if err := s.load(rand.New(rand.NewPCG(uint64(n), 1))); err != nil {
				s.errors <- err
			}
		})
	}
	s.kill(*kills)
	close(s.over)
	clients.Wait()
	select {
	case err := <-s.errors:
		t.Fatal(err)
	default:
	}
	lives := s.Host.Metrics()
	left := s.documents("outbox")
	t.Logf("%d kills; %d requests accepted, %d of them removed; %d calls repeated by clients; %d effects left in the outbox", lives.Crashes, len(s.grants), s.removals(), s.retries.Load(), len(left))
	if len(s.grants) < *kills || s.removals() == 0 {
		t.Fatal("that is no load")
	}
	if *realtime {
		s.wait()
	} else {
		s.handOver(data)
	}
	s.verify()
}

func (s *siege) prepare(people int) {
	for i := range 5 {
		s.bosses = append(s.bosses, s.hire(fmt.Sprintf("boss%d", i), ""))
	}
	for i := range people {
		s.people = append(s.people, s.hire(fmt.Sprintf("person%d", i), s.bosses[i%len(s.bosses)].ID))
	}
	s.offers = s.stand.offer(killPackages, byManager("P30D"))
}

// kill ends the handler's life so many times: at any moment, or just after an invocation has begun.
func (s *siege) kill(times int) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for n := range times {
		pause.Reset(rand.N(maxCalm))
		<-pause.C
		before := s.Host.Metrics().Crashes
		if n%2 == 0 {
			wait(s.t, answerPatience, "the handler does not come back", func() bool { s.Host.Kill(); return s.Host.Metrics().Crashes > before })
			continue
		}
		s.Faults.Add(fault.Fault{Target: fault.Handler, Kind: fault.Kill, Count: 1})
		wait(s.t, answerPatience, "no invocation was struck", func() bool { return s.Host.Metrics().Crashes > before })
	}
}

// load is one client: it requests and approves, and now and then ends what was granted, until the siege is over.
func (s *siege) load(random *rand.Rand) error {
	for {
		select {
		case <-s.over:
			return nil
		default:
		}
		if random.IntN(3) == 0 {
			if one := s.pick(random); one != nil {
				if err := s.end(one, random.IntN(2) == 0); err != nil {
					return fmt.Errorf("end request %s: %w", one.requestID, err)
				}
				continue
			}
		}
		number := int(s.next.Add(1) - 1)
		if number >= len(s.people)*killPackages {
			return errors.New("there are not enough people for so much load")
		}
		person := number/(2*killPackages)*2 + number%2 // the clients meet at the same two people
		one := &grant{person: s.people[person], boss: s.bosses[person%len(s.bosses)], offer: s.offers[number/2%killPackages]}
		if err := s.begin(one); err != nil {
			return fmt.Errorf("request of %s: %w", one.person.DisplayName, err)
		}
		s.mu.Lock()
		s.grants = append(s.grants, one)
		s.mu.Unlock()
	}
}

// keyed adds an Idempotency-Key to what it sends.
type keyed struct {
	http.RoundTripper
	key string
}

// RoundTrip implements http.RoundTripper.
func (k keyed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Idempotency-Key", k.key)
	return k.RoundTripper.RoundTrip(r)
}

// client is one of somebody, for what is done under this key.
func (s *siege) client(who governance.User, key string) (*client.Client, error) {
	token, err := s.Tokens.UserToken(who.UserPrincipalName, s.Endpoints.Audience)
	if err != nil {
		return nil, err
	}
	return &client.Client{Base: s.Endpoints.Host + client.EntitlementManagement, Token: token, HTTP: &http.Client{Transport: keyed{s.http.Transport, key}}}, nil
}

// insist calls as often as it takes to get an answer, as a client does that was cut off.
func (s *siege) insist(call func() error) error {
	for began := time.Now(); ; {
		err := call()
		refused := (*client.Error)(nil)
		if err == nil || errors.As(err, &refused) && refused.Status < http.StatusInternalServerError && refused.Status != http.StatusTooManyRequests {
			return err
		}
		if time.Since(began) > answerPatience {
			return fmt.Errorf("no answer for %v: %w", answerPatience, err)
		}
		s.retries.Add(1)
		timer := time.NewTimer(50 * time.Millisecond)
		<-timer.C
	}
}

// begin requests, and has the manager approve.
func (s *siege) begin(one *grant) error {
	self, err := s.client(one.person, "request "+one.person.ID+one.offer.pack)
	if err != nil {
		return err
	}
	var made client.Made
	if err := s.insist(func() error {
		return self.Do(context.Background(), http.MethodPost, "/assignmentRequests", map[string]any{
			"requestType": "userAdd", "assignment": map[string]any{"accessPackageId": one.offer.pack}, "justification": "siege",
		}, &made)
	}); err != nil {
		return err
	}
	one.requestID = made.ID
	boss, err := s.client(one.boss, "decision of "+made.ID)
	if err != nil {
		return err
	}
	path := "/accessPackageAssignmentApprovals/" + made.ID + "/stages/" + governance.NameID(fmt.Sprintf("stage:%s:0", made.ID))
	return s.insist(func() error {
		return boss.Do(context.Background(), http.MethodPatch, path, map[string]any{"reviewResult": "Approve", "justification": "siege"}, nil)
	})
}

// pick takes a grant that the directory has and nobody has ended.
func (s *siege) pick(random *rand.Rand) *grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range min(len(s.grants), 8) {
		one := s.grants[random.IntN(len(s.grants))]
		if !one.removing && s.Graph.Directory().IsMember(one.offer.group, one.person.ID) {
			one.removing = true
			return one
		}
	}
	return nil
}

// end asks for the end of a grant, by the person or by an administrator. One that is not wholly delivered is left alone.
func (s *siege) end(one *grant, byAdministrator bool) error {
	who, kind := one.person, "userRemove"
	if byAdministrator {
		user := s.user("ida")
		who, kind = governance.User{UserPrincipalName: user.UserPrincipalName}, "adminRemove"
	}
	caller, err := s.client(who, "removal "+one.requestID)
	if err != nil {
		return err
	}
	var present request
	if err := s.insist(func() error {
		return caller.Do(context.Background(), http.MethodGet, "/assignmentRequests/"+one.requestID+"?$expand=assignment", nil, &present)
	}); err != nil {
		return err
	}
	if present.State != string(governance.StateDelivered) {
		s.mu.Lock()
		one.removing = false
		s.mu.Unlock()
		return nil
	}
	var made client.Made
	if err := s.insist(func() error {
		return caller.Do(context.Background(), http.MethodPost, "/assignmentRequests", map[string]any{
			"requestType": kind, "assignment": map[string]any{"id": present.Assignment.ID},
		}, &made)
	}); err != nil {
		return err
	}
	s.mu.Lock()
	one.removalID = made.ID
	s.mu.Unlock()
	return nil
}

func (s *siege) removals() (count int) {
	for _, one := range s.grants {
		if one.removalID != "" {
			count++
		}
	}
	return count
}

// documents are those of a kind in the partitions of subjects, as the database has them.
func (s *stand) documents(kind string) []store.Document {
	s.t.Helper()
	azure, err := azcosmos.NewClientFromConnectionString("AccountEndpoint="+s.Endpoints.Cosmos+";AccountKey="+s.Endpoints.CosmosKey+";", storecosmos.ClientOptions())
	if err != nil {
		s.t.Fatal(err)
	}
	database, err := storecosmos.New(azure, cosmos.DefaultDatabase, storecosmos.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	var found []store.Document
	for query := (store.Query{Kind: kind, PageSize: store.MaxPageSize}); ; {
		page, err := database.Query(context.Background(), store.Subjects, query)
		if err != nil {
			s.t.Fatal(err)
		}
		found = append(found, page.Documents...)
		if query.Continuation = page.Continuation; query.Continuation == "" {
			return found
		}
	}
}

// wait has the handler that was killed so often finish by the machine's clock: the outbox is looked after a minute after a commit.
func (s *siege) wait() {
	began := time.Now()
	wait(s.t, 4*time.Minute, "effects are left in the outbox", func() bool { return len(s.documents("outbox")) == 0 && s.Bus.Core().Idle() })
	s.t.Logf("quiet after %v", time.Since(began).Round(time.Second))
}

// handOver ends the stack, takes its state up in another one, and lets the time pass there after which the outbox, and each mail in it, is looked after.
func (s *siege) handOver(data string) {
	ctx, cancel := context.WithTimeout(context.Background(), answerPatience)
	defer cancel()
	if err := s.Host.Drain(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.Close(ctx)
	s.changed = s.edges()
	s.stand = launch(s.t, stack.Options{DataDir: data, ManualTimers: true})
	s.pass("PT1H") // and a mail that may not have arrived is looked after again
}

// verify holds everything that can be seen from outside against what was accepted.
func (s *siege) verify() {
	t := s.t
	wanted := map[string]map[string]bool{} // group, person
	requests := map[string]*grant{}
	removals := map[string]*grant{}
	for _, offer := range s.offers {
		wanted[offer.group] = map[string]bool{}
	}
	for _, one := range s.grants {
		requests[one.requestID] = one
		if one.removalID != "" {
			removals[one.removalID] = one
		} else {
			wanted[one.offer.group][one.person.ID] = true
		}
	}
	for group, people := range wanted {
		members := s.Graph.Directory().MemberIDs(group)
		slices.Sort(members)
		if want := slices.Sorted(maps.Keys(people)); !slices.Equal(members, want) {
			t.Errorf("group %s has %d members, and should have %d", group, len(members), len(want))
		}
	}
	graph := s.edges()
	if done, want := graph.adds+graph.removals-graph.refused, len(requests)+len(removals); done != want {
		t.Errorf("Graph was asked for %d adds and %d removals, of which %d had been done before: that is %d changes, and should be %d", graph.adds, graph.removals, graph.refused, done, want)
	}
	t.Logf("Graph: %d adds and %d removals asked, %d of them done before", graph.adds, graph.removals, graph.refused)

	admin := s.as("ida")
	found := 0
	for _, one := range all[request](s.stand, admin, "/assignmentRequests?$top=100") {
		if requests[one.ID] == nil && removals[one.ID] == nil {
			t.Errorf("request %s (%s, %s) was never accepted", one.ID, one.RequestType, one.State)
			continue
		}
		found++
		if one.State != string(governance.StateDelivered) {
			t.Errorf("request %s (%s) is %s", one.ID, one.RequestType, one.State)
		}
	}
	if want := len(requests) + len(removals); found != want {
		t.Errorf("%d requests are found, %d were accepted", found, want)
	}
	s.verifyAudit(requests, removals)
	for _, queue := range bus.Queues() {
		counts, err := s.Bus.Core().Counts(queue)
		if err != nil {
			t.Fatal(err)
		}
		if counts.DeadLettered != 0 || counts.Active != 0 || counts.Locked != 0 || counts.Deferred != 0 || queue == bus.Parked && counts.Scheduled != 0 {
			t.Errorf("queue %s is not empty: %+v", queue, counts)
		}
	}
	if left := s.documents("outbox"); len(left) != 0 {
		t.Errorf("%d effects are left in the outbox", len(left))
	}
	for _, line := range s.log.holding("alert") {
		t.Errorf("an alert: %s", line)
	}
	mails := map[string]int{}
	for _, sent := range s.Graph.Mail("") {
		for _, to := range sent.To {
			mails[to]++
		}
	}
	for _, one := range s.grants {
		if mails[one.person.Mail] == 0 {
			t.Errorf("%s heard nothing of their access", one.person.DisplayName)
		}
	}
}

// verifyAudit looks for one approval and one delivery of each request, in chains that are whole.
func (s *siege) verifyAudit(requests, removals map[string]*grant) {
	t := s.t
	auditor := s.as("ida")
	auditor.Base = s.Endpoints.Host + "/api/v1.0/operations"
	chains := map[string]bool{}
	count := map[governance.Activity]map[string]int{}
	for _, entry := range all[governance.AuditEntry](s.stand, auditor, "/audit/subjects?$top=500") {
		chains[entry.PartitionID] = true
		if count[entry.Activity] == nil {
			count[entry.Activity] = map[string]int{}
		}
		count[entry.Activity][entry.CorrelationID]++
	}
	for id := range requests {
		for _, activity := range []governance.Activity{governance.ActivityUserRequests, governance.ActivityApprove, governance.ActivityReady, governance.ActivityFulfillRole, governance.ActivityFulfill} {
			if n := count[activity][id]; n != 1 {
				t.Errorf("request %s: the audit trail says %d times %q", id, n, activity)
			}
		}
	}
	for id := range removals {
		for _, activity := range []governance.Activity{governance.ActivityRemoveRole, governance.ActivityRemoveAssignment} {
			if n := count[activity][id]; n != 1 {
				t.Errorf("removal %s: the audit trail says %d times %q", id, n, activity)
			}
		}
	}
	for chain := range chains {
		var report struct{ Verified bool }
		s.do(auditor, http.MethodGet, "/audit/subjects/"+chain+"/verify", nil, &report)
		if !report.Verified {
			t.Errorf("the audit chain %s does not verify", chain)
		}
	}
	t.Logf("%d audit chains verify", len(chains))
}
