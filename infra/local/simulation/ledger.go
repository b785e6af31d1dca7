package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"latchkey/shared/bus"
	busmemory "latchkey/shared/bus/memory"
	"latchkey/shared/directory"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// subject is what the ledger knows of a subject's partition: the decoded documents as they are.
type subject struct {
	person      *person
	head        governance.Head
	requests    map[string]governance.AssignmentRequest
	assignments map[string]governance.Assignment
	changed     int // the step in which anything in it last did
}

// key names a document.
type key struct {
	container store.Container
	partition string
	id        string
}

// kept is a document as it was committed.
type kept struct {
	body string
	due  time.Time
}

// chain is how far the audit chain of a partition is.
type chain struct {
	sequence int64
	hash     string
}

// effect is an effect that was committed, and what became of it.
type effect struct {
	governance.Effect
	sent      bool           // a queue has accepted it
	handled   bool           // an invocation has carried it out; of a kept one: it is over
	struck    bool           // a fault has befallen an invocation that was carrying it out
	doubted   bool           // an operator was told that it may have come to nothing
	mails     map[string]int // by address: how many went out for it
	committed int            // the step in which it was
}

// decision is that a person said something about a stage.
type decision struct {
	stage  string
	person string
	result governance.ReviewResult
}

// issued is a submission that somebody sent, and what the app answered to it.
type issued struct {
	caller  governance.Caller
	kind    governance.RequestType
	pack    string
	target  *person
	removes string // assignment
}

// ledger sees what really happens below the faults and holds it against the rules.
type book struct {
	world     *world
	trace     []string
	documents map[key]kept
	chains    map[string]chain // by container and partition
	subjects  map[string]*subject
	order     []string // ids of requests as they came
	held      []string // ids of assignments as they came
	where     map[string]string
	policies  map[string]map[string]governance.AssignmentPolicy // by id: each version that ever was, by its JSON
	packages  map[string]governance.AccessPackage
	catalogs  map[string]string // names by id
	effects   map[string]*effect
	sequence  []string // ids of effects as they came
	issued    map[string]*issued
	decisions map[decision]bool          // that were sent
	taken     map[string]int             // by stage: decisions that were answered with success
	hits      map[int64]int              // by sequence number: deliveries that a fault ended
	waits     []*wait                    // what sources have sent
	callouts  map[string]*called         // by id
	accepted  []string                   // ids of callouts as they came
	actions   map[string]map[string]bool // by name: as they ever were when switched on
	tickets   []*ticket
	passes    []*pass
	born      map[string]int // by id of a request or assignment: the step in which it was made

	partitions      []string                               // of subjects, as they came
	entitled        map[string]string                      // by id of a person: the partition of what they have and ask for
	policy          map[string]governance.AssignmentPolicy // by id: as it is
	lastGranted     map[string]int                         // when a person was given a grant last
	left            map[string]int                         // when a grant that its package has no more was gone from an assignment of a person
	facts           map[string]*fact                       // that decisions about subjects rest on
	catalogsChanged int                                    // the step in which a catalog last did
	opened          map[string]*opening                    // by id of a stage
	told            map[string]time.Time                   // by id of a request or assignment: when an administrator was last told of it
	foreign         map[key]bool                           // documents that somebody wrote by hand
	tampered        []string                               // ids of assignments whose document somebody changed by hand
	promised        map[string]bool                        // by id of a request: that it is made was answered
	closing         map[string][]governance.Closing        // by catalog: the deletions that are under way
}

func newBook(w *world) *book {
	return &book{
		world: w, documents: map[key]kept{}, chains: map[string]chain{}, subjects: map[string]*subject{}, where: map[string]string{}, policies: map[string]map[string]governance.AssignmentPolicy{},
		packages: map[string]governance.AccessPackage{}, catalogs: map[string]string{}, effects: map[string]*effect{}, issued: map[string]*issued{}, decisions: map[decision]bool{}, taken: map[string]int{},
		callouts: map[string]*called{}, actions: map[string]map[string]bool{},
		hits: map[int64]int{}, born: map[string]int{}, entitled: map[string]string{}, policy: map[string]governance.AssignmentPolicy{}, facts: map[string]*fact{}, lastGranted: map[string]int{}, left: map[string]int{}, opened: map[string]*opening{},
		told: map[string]time.Time{}, foreign: map[key]bool{}, promised: map[string]bool{}, closing: map[string][]governance.Closing{},
	}
}

// storeLedger shows each commit to the ledger.
type storeLedger struct {
	store.Store
	ledger *book
}

func (s storeLedger) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	etags, err := s.Store.Commit(ctx, container, partition, operations)
	if err == nil {
		s.ledger.committed(container, partition, operations)
	}
	return etags, err
}

// busLedger shows each message that was accepted.
type busLedger struct {
	bus.Bus
	ledger *book
}

func (b busLedger) Send(ctx context.Context, queue string, messages ...bus.Message) error {
	err := b.Bus.Send(ctx, queue, messages...)
	if err == nil {
		clear(b.ledger.world.blocked)
		for _, m := range messages {
			b.ledger.world.leaks("a message", string(m.Body))
			if effect := b.ledger.effects[original(m.ID)]; effect != nil {
				effect.sent = true
			}
		}
	}
	return err
}

// original is the id of an effect before it was put off, or done in part.
func original(id string) string {
	first, _, _ := strings.Cut(id, "-again-")
	first, _, _ = strings.Cut(first, "-part-")
	return first
}

// directoryLedger shows each grant.
type directoryLedger struct {
	*directorymemory.Directory
	ledger *book
}

var _ directory.Directory = directoryLedger{}

func (d directoryLedger) AddMember(ctx context.Context, groupID, principalID string) error {
	had := d.IsMember(groupID, principalID)
	err := d.Directory.AddMember(ctx, groupID, principalID)
	switch {
	case err != nil || had:
	case isOfActions(groupID):
		d.ledger.moved(groupID, principalID, true)
	default:
		d.ledger.granted(governance.Grant{OriginSystem: governance.OriginGroup, ResourceID: groupID, Role: governance.GrantMember}, principalID)
	}
	return err
}

func (d directoryLedger) RemoveMember(ctx context.Context, groupID, principalID string) error {
	had := d.IsMember(groupID, principalID)
	err := d.Directory.RemoveMember(ctx, groupID, principalID)
	if err == nil && had && isOfActions(groupID) {
		d.ledger.moved(groupID, principalID, false)
	}
	return err
}

func (d directoryLedger) SendMail(ctx context.Context, mail governance.Mail) error {
	err := d.Directory.SendMail(ctx, mail)
	if err == nil {
		d.ledger.mailed(mail)
	}
	return err
}

func (d directoryLedger) AddOwner(ctx context.Context, groupID, principalID string) error {
	had := d.IsOwner(groupID, principalID)
	err := d.Directory.AddOwner(ctx, groupID, principalID)
	if err == nil && !had {
		d.ledger.granted(governance.Grant{OriginSystem: governance.OriginGroup, ResourceID: groupID, Role: governance.GrantOwner}, principalID)
	}
	return err
}

// granted: nobody gets anything but by an assignment that has begun. That an assignment begins only with its approval is checked where it begins.
func (l *book) granted(grant governance.Grant, principalID string) {
	p := l.world.tenant.byID[principalID]
	if p == nil {
		l.world.fail("grant", "", "%v was given to %s, whom nobody asked about", grant, principalID)
		return
	}
	l.mayBeGranted(p, grant)
	for _, s := range l.subjectsOf(p) {
		for _, assignment := range s.assignments {
			if slices.ContainsFunc(assignment.Deliveries, func(d governance.Delivery) bool { return d.Grant == grant }) &&
				!assignment.Schedule.StartDateTime.Instant().After(l.world.clock.Now()) {
				return
			}
		}
	}
	if gone, ok := l.left[p.ID+grant.Key()]; ok && gone >= l.world.current.began {
		return // by a call that has lost its lock, and will find out
	}
	l.world.fail("grant", p.subject, "%s became %s of %s without an assignment that has begun", p.name, grant.Role, l.world.groupName(grant.ResourceID))
}

// committed takes in one commit and checks it.
func (l *book) committed(container store.Container, partition string, operations []store.Operation) {
	c := commit{ledger: l, container: container, partition: partition, states: map[string]bool{}}
	for _, operation := range operations {
		c.take(operation)
	}
	c.check()
}

// commit is one commit as it is being taken in.
type commit struct {
	ledger      *book
	container   store.Container
	partition   string
	head        *governance.Head
	entries     []governance.AuditEntry
	requests    []governance.AssignmentRequest
	assignments []governance.Assignment
	callouts    []governance.Task
	effects     []governance.Effect
	states      map[string]bool
	changes     int // of documents that a head guards
}

func (c *commit) broken(rule, format string, args ...any) {
	c.ledger.world.fail(rule, c.partition, format, args...)
}

func decode[T any](c *commit, document store.Document) (value T) {
	if err := json.Unmarshal(document.Body, &value); err != nil {
		c.broken("document", "%s cannot be read: %v", document.ID, err)
	}
	return value
}

// take notes one write.
func (c *commit) take(operation store.Operation) {
	l := c.ledger
	document := operation.Document
	at := key{c.container, c.partition, document.ID}
	kind, _, _ := strings.Cut(document.ID, ":")
	if operation.Verb == store.Delete {
		delete(l.documents, at)
		switch kind {
		case "outbox":
			effect := l.effects[strings.TrimPrefix(document.ID, "outbox:")]
			if effect == nil || !effect.sent {
				c.broken("outbox", "the effect %s was forgotten before any queue had it", document.ID)
			} else if effect.IsKept() {
				effect.handled = true
				c.allTold(effect)
			}
		case "package":
			id := strings.TrimPrefix(document.ID, "package:")
			delete(l.packages, id)
			l.learn(document.ID, "")
			c.changes++
			c.unused(id)
		case "policy":
			id := strings.TrimPrefix(document.ID, "policy:")
			delete(l.policy, id)
			c.unused(id)
			l.learn(document.ID, "")
			c.changes++
		case "idempotency", "nameClaim", "scrub":
		default:
			c.changes++
		}
		return
	}
	if isNote(kind) {
		return
	}
	l.world.leaks("the document "+document.ID, string(document.Body))
	delete(l.foreign, at) // whatever it was before
	l.documents[at] = kept{body: string(document.Body), due: document.DueAt}
	if kind == "outbox" && operation.Verb == store.Replace {
		return // how far a kept effect has come
	}
	c.changes++
	switch kind {
	case "head":
		head := decode[governance.Head](c, document)
		c.head = &head
	case "audit":
		c.entries = append(c.entries, decode[governance.AuditEntry](c, document))
	case "request":
		c.requests = append(c.requests, decode[governance.AssignmentRequest](c, document))
	case "assignment":
		c.assignments = append(c.assignments, decode[governance.Assignment](c, document))
	case "task":
		c.callouts = append(c.callouts, decode[governance.Task](c, document))
	case "action":
		l.actionChanged(decode[governance.CalloutAction](c, document))
	case "outbox":
		c.effects = append(c.effects, decode[governance.Effect](c, document))
	case "catalog":
		catalog := decode[governance.Catalog](c, document)
		l.catalogs[c.partition] = catalog.DisplayName
		l.learn("catalog:"+c.partition, string(catalog.State))
		for _, other := range l.world.tenant.catalogs {
			if other != c.partition && strings.EqualFold(l.catalogs[other], catalog.DisplayName) {
				c.broken("name", "two catalogs have the name %q", catalog.DisplayName) // CAT-01
			}
		}
	case "policy":
		policy := decode[governance.AssignmentPolicy](c, document)
		if l.policies[policy.ID] == nil {
			l.policies[policy.ID] = map[string]governance.AssignmentPolicy{}
		}
		l.policies[policy.ID][text(policy)] = policy
		l.policy[policy.ID] = policy
		l.learn(document.ID, text(policy))
	case "package":
		pack := decode[governance.AccessPackage](c, document)
		l.packages[pack.ID] = pack
		l.learn(document.ID, rolesOf(pack))
	}
}

func text(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// check holds a commit against the rules.
func (c *commit) check() {
	if c.changes == 0 {
		return
	}
	if c.head == nil {
		c.broken("head", "a commit that changes documents does not hold the head")
		return
	}
	if t := c.ledger.world.current; !t.wrote {
		t.wrote, t.wroteAt = true, c.ledger.world.clock.Now()
	}
	c.checkChain()
	for _, sent := range c.effects {
		c.ledger.effects[sent.ID] = &effect{Effect: sent, committed: c.ledger.world.report.Steps}
		c.ledger.sequence = append(c.ledger.sequence, sent.ID)
	}
	if c.container != store.Subjects {
		c.ledger.catalogsChanged = c.ledger.world.report.Steps
		return
	}
	l := c.ledger
	p := c.personOf()
	s := l.subjects[c.partition]
	if s == nil {
		s = &subject{person: p, requests: map[string]governance.AssignmentRequest{}, assignments: map[string]governance.Assignment{}}
		if s.person == nil {
			c.broken("subject", "nobody has the partition %s", c.partition)
			return
		}
		l.subjects[c.partition] = s
		l.partitions = append(l.partitions, c.partition)
	}
	s.changed = l.world.report.Steps
	for _, next := range c.assignments {
		before, known := s.assignments[next.ID]
		if !known {
			l.held = append(l.held, next.ID)
			l.born[next.ID] = l.world.report.Steps
			l.where[next.ID] = c.partition
		}
		s.assignments[next.ID] = next
		c.assignmentChanged(s, before, known, next)
	}
	for _, next := range c.requests {
		before, known := s.requests[next.ID]
		if !known {
			l.order = append(l.order, next.ID)
			l.born[next.ID] = l.world.report.Steps
			l.where[next.ID] = c.partition
		}
		s.requests[next.ID] = next
		l.world.report.States[string(next.State)]++
		c.requestChanged(s, before, next)
	}
	for _, next := range c.callouts {
		c.calloutChanged(next)
	}
	s.head = *c.head
	c.checkHead(s)
	c.checkPerson(s)
	c.checkClaims(s)
}

// unused: a package or policy is not deleted while somebody has it or waits for it (OBJ-17): since before, or because that was promised meanwhile.
func (c *commit) unused(id string) {
	l := c.ledger
	began := l.world.current.began
	for _, held := range l.held {
		s := l.subjects[l.where[held]]
		assignment := s.assignments[held]
		if is := assignment.AccessPackage.ID == id || assignment.AssignmentPolicy.ID == id; is && assignment.State != governance.AssignmentExpired && (l.born[held] < began || l.promised[assignment.RequestID]) {
			c.broken("used", "%s was deleted while %s has it", l.world.nameOf(id), s.person.name)
		}
	}
	for _, asked := range l.order {
		s := l.subjects[l.where[asked]]
		request := s.requests[asked]
		if is := request.AccessPackage.ID == id || request.Policy != nil && request.Policy.ID == id; is && request.State.IsInFlight() && (l.born[asked] < began || l.promised[asked]) {
			c.broken("used", "%s was deleted while %s waits for it", l.world.nameOf(id), s.person.name)
		}
	}
}

// promise: whoever is told that a request is made, asked for what is there. What was deleted before, nobody can wait for.
func (w *world) promise(s *subject, request governance.AssignmentRequest) {
	_, pack := w.ledger.packages[request.AccessPackage.ID]
	if !request.RequestType.IsRemoval() && request.State.IsInFlight() && !w.ledger.promised[request.ID] {
		if _, policy := w.ledger.policy[request.Policy.ID]; !pack || !policy {
			w.fail("used", s.person.subject, "the request %s of %s for %s was accepted, which was deleted before", request.ID, s.person.name, w.nameOf(request.AccessPackage.ID))
		}
	}
	w.ledger.promised[request.ID] = true
}

// isDeleted says whether what an assignment is of is not there any more, or is being deleted.
func (l *book) isDeleted(assignment governance.Assignment) bool {
	pack, there := l.packages[assignment.AccessPackage.ID]
	policy, stands := l.policy[assignment.AssignmentPolicy.ID]
	if !there || !stands {
		return true
	}
	head := governance.Head{Closing: l.closing[pack.Catalog.ID]}
	return head.IsClosing(pack, l.world.clock.Now()) || head.IsClosing(policy, l.world.clock.Now())
}

// isClosing says whether a deletion of something in a catalog may have been in the way of a call.
func (l *book) isClosing(began time.Time) bool {
	for _, closing := range l.closing {
		if slices.ContainsFunc(closing, func(c governance.Closing) bool { return c.Until.Instant().After(began) }) {
			return true
		}
	}
	return false
}

// checkChain: each entry continues the chain of its partition, and the head knows its end.
func (c *commit) checkChain() {
	l := c.ledger
	id := string(c.container) + "/" + c.partition
	end := l.chains[id]
	progress := len(c.callouts) > 0 && c.changes == len(c.callouts)+1 // of the work for a callout, see calloutChanged
	closing := c.container == store.Catalogs && c.changes == 1 && text(c.head.Closing) != text(l.closing[c.partition])
	l.closing[c.partition] = c.head.Closing
	if len(c.entries) == 0 && !progress && !closing {
		c.broken("audit", "documents changed without an audit entry")
	}
	for _, entry := range c.entries {
		if link := entry.Link(); !link.Sound || link.PreviousHash != end.hash || link.Sequence != end.sequence+1 || entry.PartitionID != c.partition {
			c.broken("audit", "the audit entry %d does not continue the chain, which ends at %d", entry.Sequence, end.sequence)
		}
		end = chain{entry.Sequence, entry.Hash}
		if entry.ActivityDateTime.Instant().After(l.world.clock.Now()) {
			c.broken("audit", "the audit entry %d is from the future", entry.Sequence)
		}
	}
	if c.head.AuditSequence != end.sequence || c.head.AuditHash != end.hash {
		c.broken("audit", "the head says that the chain ends at %d, it ends at %d", c.head.AuditSequence, end.sequence)
	}
	l.chains[id] = end
}

// audited says whether an entry of this commit belongs to a request.
func (c *commit) audited(requestID string) bool {
	return slices.ContainsFunc(c.entries, func(e governance.AuditEntry) bool { return e.CorrelationID == requestID || e.TargetID == requestID })
}

// checkHead: what the head says is what the documents say, and no package is held or asked for twice.
func (c *commit) checkHead(s *subject) {
	holdings, flights := map[string]governance.Holding{}, map[string]governance.InFlight{}
	live, open := map[string]int{}, map[string]int{}
	for _, holding := range s.head.Holdings {
		holdings[holding.AssignmentID] = holding
	}
	for _, flight := range s.head.InFlight {
		flights[flight.RequestID] = flight
	}
	if len(holdings) != len(s.head.Holdings) || len(flights) != len(s.head.InFlight) {
		c.broken("head", "the head names a holding or a request twice")
	}
	for id, assignment := range s.assignments {
		holding, held := holdings[id]
		if alive := assignment.State != governance.AssignmentExpired; alive != held {
			c.broken("head", "the assignment %s is %s, but in the holdings: %t", id, assignment.State, held)
		}
		delete(holdings, id)
		if !held {
			continue
		}
		if !assignment.Removing { // what failed may be taken away beside what takes its place
			live[assignment.AccessPackage.ID]++
		}
		if holding.State != assignment.State || holding.Removing != assignment.Removing || holding.PackageID != assignment.AccessPackage.ID || !slices.Equal(holding.Grants, grantsOf(assignment)) {
			c.broken("head", "the holding of the assignment %s is not what the assignment says", id)
		}
	}
	for id, request := range s.requests {
		flight, flies := flights[id]
		if flies != request.State.IsInFlight() {
			c.broken("head", "the request %s is %s, but among those in flight: %t", id, request.State, flies)
		}
		delete(flights, id)
		if flies {
			if request.RequestType.IsAddition() { // what failed may be taken away while it is asked for anew
				open[request.AccessPackage.ID]++
			}
			if flight.State != request.State || flight.PackageID != request.AccessPackage.ID {
				c.broken("head", "the head has the request %s as %s, it is %s", id, flight.State, request.State)
			}
		}
	}
	if len(holdings)+len(flights) > 0 {
		c.broken("head", "the head names what does not exist")
	}
	for _, id := range slices.Sorted(maps.Keys(live)) {
		if live[id] > 1 {
			c.broken("twice", "%s has %s %d times", s.person.name, c.ledger.world.nameOf(id), live[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(open)) {
		if open[id] > 1 {
			c.broken("twice", "%s has %d requests for %s in flight", s.person.name, open[id], c.ledger.world.nameOf(id))
		}
	}
}

func grantsOf(assignment governance.Assignment) []string {
	var grants []string
	for _, delivery := range assignment.Deliveries {
		grants = append(grants, delivery.Grant.Key())
	}
	return grants
}

// handled notes how the handling of a message went.
func (l *book) handled(t *task, delivery busmemory.Delivery, message governance.Effect, err error) {
	w := l.world
	if err != nil && l.byHand(message) {
		l.killed(delivery) // it cannot be handled, and may end among the dead letters
		return
	}
	if err != nil {
		if !t.struck && !passing(err) {
			w.fail("effect", message.Partition, "handling %s failed although nothing was wrong: %v", delivery.Message.ID, err)
		}
		if passing(err) {
			l.hit(delivery)
		}
		return
	}
	w.report.Operations["effect "+string(message.What)]++
	first := original(delivery.Message.ID)
	if slices.ContainsFunc(t.sent, func(id string) bool { return original(id) == first }) {
		return // put off: it comes again
	}
	if effect := l.effects[first]; effect != nil && !effect.IsKept() {
		effect.handled = true
	}
}

// hit notes that a delivery came to nothing because of a fault: the message may be dead in the end.
func (l *book) hit(delivery busmemory.Delivery) { l.hits[delivery.SequenceNumber]++ }

// killed notes that a fault has made a message a dead letter.
func (l *book) killed(delivery busmemory.Delivery) { l.hits[delivery.SequenceNumber] += 1000 }

// nextDue is when the next document is due.
func (l *book) nextDue() time.Time {
	var next time.Time
	for at, document := range l.documents {
		if !l.foreign[at] && !document.due.IsZero() && (next.IsZero() || document.due.Before(next)) {
			next = document.due
		}
	}
	return next
}

func (l *book) overdue(now time.Time) string {
	var texts []string
	for at, document := range l.documents {
		if !document.due.IsZero() && !document.due.After(now) {
			texts = append(texts, fmt.Sprintf("%s of %s since %s", at.id, l.world.nameOf(at.partition), document.due.Format(time.RFC3339)))
		}
	}
	for _, name := range bus.Queues() {
		if counts, err := l.world.broker.Counts(name); err == nil && counts.Active+counts.Locked > 0 {
			texts = append(texts, fmt.Sprintf("%+v in %s", counts, name))
		}
	}
	slices.Sort(texts)
	return l.world.legible(strings.Join(texts, ", "))
}

// isNote says whether documents of a kind are no part of the state that heads guard: they stand for one command each, or say how far reconciliation or a change of roles is.
func isNote(kind string) bool {
	return kind == "idempotency" || kind == "nameClaim" || kind == "scrub" || kind == "reached" || kind == "untold"
}
