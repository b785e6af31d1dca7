package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// operation is one thing that somebody does, or that time or an operator does to the app.
type operation struct {
	name   string
	weight int
	do     func(w *world, o op)
}

// op is an operation that is being started.
type op struct {
	number int
	name   string
	luck   *luck
	keyed  bool  // it is sent with an Idempotency-Key of its own
	done   *done // what its attempts have done so far

	callout string // that it is about, if it is about one
	work    string // what crash points on its way are counted by
	partial bool   // it commits something before it is through

	target *person // whom it is about, if that is given
	pack   string  // that it asks for
	caller string  // whose Idempotency-Key it is, by object id
	own    bool    // its Idempotency-Key was never used before

	undone func() bool // what it commits may be taken back, and is; nil: never
}

func (o op) tookBack() bool { return o.undone != nil && o.undone() }

// done is what the attempts of an operation have committed, and when.
type done struct {
	wrote bool
	at    time.Time
}

// operations are all there are, with how often they happen.
func operations() []operation {
	return []operation{
		{"userAdd", 22, (*world).userAdd},
		{"userRemove", 7, (*world).userRemove},
		{"adminAdd", 5, (*world).adminAdd},
		{"adminRemove", 4, (*world).adminRemove},
		{"cancel", 6, (*world).cancel},
		{"decide", 22, (*world).decide},
		{"decideTogether", 6, (*world).decideTogether},
		{"reprocess", 4, (*world).reprocess},
		{"editPolicy", 3, (*world).editPolicy},
		{"editRoles", 7, (*world).editRoles},
		{"publish", 2, (*world).publish},
		{"rename", 2, (*world).rename},
		{"delete", 1, (*world).deleteOne},
		{"insist", 1, (*world).insist},
		{"deleteWanted", 9, (*world).deleteWanted},
		{"callOut", 32, (*world).callOut},
		{"repeatCallout", 4, (*world).repeatCallout},
		{"answerTicket", 9, (*world).answerTicket},
		{"look", 10, (*world).look},
		{"withdraw", 2, (*world).withdraw},
		{"editAction", 4, (*world).editAction},
		{"tenantChanges", 3, (*world).tenantChanges},
		{"expire", 7, func(w *world, _ op) { w.startTimer("expire") }},
		{"flush", 6, func(w *world, _ op) { w.startTimer("flush") }},
		{"pass", 14, (*world).pass},
		{"restart", 1, (*world).restart},
		{"outage", 2, (*world).outage},
	}
}

// countOperations is how many operations a run has.
func (w *world) countOperations() int {
	luck := luck{chance: w.chance.about(named("count"))}
	return 70 + luck.below(70)
}

// startOperation starts the next operation.
func (w *world) startOperation() {
	number := w.operation
	w.operation++
	if w.options.Skip[number] {
		return
	}
	if hazard, l, ok := w.hazardOf(number); ok {
		hazard.do(w, op{number: number, name: hazard.name, luck: l, done: &done{}})
		return
	}
	l := &luck{chance: w.chance.about(named("operation"), uint64(number))}
	total, all := 0, operations()
	for _, operation := range all {
		total += operation.weight
	}
	draw := l.below(total)
	for _, operation := range all {
		if draw -= operation.weight; draw < 0 {
			operation.do(w, op{number: number, name: operation.name, luck: l, done: &done{}})
			return
		}
	}
}

// maxAttempts is how often a caller tries who gets no answer, or one that says to try again.
const maxAttempts = 3

// call is an API call of somebody, who may repeat it when it dies or is told to come again.
func (w *world) call(o op, who string, attempt int, do func(context.Context, *process) error, answered func(error)) {
	name := fmt.Sprintf("op%d.%s.%s", o.number, o.name, who)
	if attempt > 1 {
		name = fmt.Sprintf("%s.try%d", name, attempt)
	}
	var err error
	t := w.spawn(name, callDeadline, func(ctx context.Context, t *task) {
		instance := w.apps[t.luck.below(2)]
		t.work, t.callout, t.target, t.pack = o.work, o.callout, o.target, o.pack
		err = do(ctx, instance)
		if err != nil {
			w.leaks("an error", err.Error())
		}
		w.note(t, "", "answered%s", outcome(err))
		switch {
		case err == nil:
			w.report.Operations[o.name]++
		case ledger.CodeOf(err) == governance.CodeInternal:
			w.fail("internal", "", "%s was answered with an internal error: %v", t.name, err)
		case !passing(err):
			w.report.Refused[o.name]++
			if t.wrote && !o.partial && !o.tookBack() {
				w.fail("answer", "", "%s was refused although its change was committed: %v", t.name, err)
			}
			if o.keyed && o.done.wrote && !o.tookBack() && !w.tenant.isBarred(o.caller) && w.clock.Now().Sub(o.done.at) < 23*time.Hour {
				w.fail("idempotency", "", "%s was refused although an attempt before, with the same key, had committed it: %v", t.name, err)
			}
		case !t.struck && w.calm:
			w.fail("unavailable", "", "%s was refused although nothing was wrong: %v", t.name, err)
		}
		if answered != nil {
			answered(err)
		}
	})
	t.after = func(t *task) {
		clear(w.blocked)
		if o.keyed && t.wrote && !o.done.wrote {
			o.done.wrote, o.done.at = true, t.wroteAt
		}
		if (t.crashed || passing(err) && err != nil) && attempt < maxAttempts && !w.calm && t.luck.odds(map[bool]float64{false: 0.7, true: 0.2}[o.partial]) {
			delay := time.Duration(1+t.luck.below(40)) * time.Second
			w.call(o, who, attempt+1, do, answered)
			last := w.tasks[len(w.tasks)-1]
			last.wakeAt = w.clock.Now().Add(delay)
			last.deadline = last.wakeAt.Add(callDeadline)
		}
	}
}

// submit sends a request with an Idempotency-Key, as a client that wants no second one.
func (w *world) submit(o op, who string, caller governance.Caller, asked issued, draft governance.AssignmentRequest) {
	asked.caller, asked.kind = caller, draft.RequestType
	body := text(draft)
	number := w.keyOf(o)
	o.keyed = number == o.number
	o.own, o.target, o.pack = o.keyed, asked.target, asked.pack
	if o.caller = caller.ObjectID; w.tenant.isBarred(o.caller) {
		return // who is deleted or blocked cannot sign in
	}
	sum := fmt.Sprintf("key-%d-%d", w.options.Seed, number)
	id := ""
	o.undone = func() bool { return w.takenBack(firstID(caller, sum, body)) }
	w.call(o, who, 1, func(ctx context.Context, a *process) error {
		answer, err := a.Once(ctx, caller, sum, []byte(body), func(ctx context.Context) (ledger.Answer, error) {
			made := firstID(caller, sum, body)
			if known := w.ledger.issued[made]; known == nil {
				mine := asked
				w.ledger.issued[made] = &mine
			} else if known.kind != asked.kind || known.pack != asked.pack || known.target != asked.target || known.removes != asked.removes {
				w.fail("idempotency", "", "two different requests with the key %s have the id %s", sum, made)
			}
			answer, err := a.SubmitRequest(ctx, caller, draft)
			if err != nil {
				return ledger.Answer{}, err
			}
			data, err := json.Marshal(answer)
			return ledger.Answer{Status: 201, Body: data}, err
		})
		if err != nil {
			return err
		}
		var made governance.AssignmentRequest
		if err := json.Unmarshal(answer.Body, &made); err != nil {
			return err
		}
		w.submitted(asked, made)
		if id != "" && id != made.ID {
			w.fail("idempotency", "", "the key %s was answered with %s, then with %s", sum, id, made.ID)
		}
		id = made.ID
		return nil
	}, func(err error) { w.mayAsk(o, asked, w.current.began, err) })
}

// keyOf is the Idempotency-Key of an operation: sometimes that of one before, by a careless client.
func (w *world) keyOf(o op) int {
	if o.number > 0 && o.luck.odds(0.04) {
		return o.luck.below(o.number)
	}
	return o.number
}

// keyed is a command without an id of its own, sent with an Idempotency-Key as handlers/api does it.
func (w *world) keyed(o *op, caller governance.Caller, do func(context.Context, *process) error) func(context.Context, *process) error {
	if !o.luck.odds(0.6) {
		return do
	}
	o.keyed, o.caller = true, caller.ObjectID
	key := fmt.Sprintf("key-%d-%d", w.options.Seed, o.number)
	return func(ctx context.Context, a *process) error {
		_, err := a.Once(ctx, caller, key, []byte(o.name), func(ctx context.Context) (ledger.Answer, error) {
			return ledger.Answer{Status: 204}, do(ctx, a)
		})
		return err
	}
}

// submitted: what was answered is what was asked for, and it is there.
func (w *world) submitted(asked issued, made governance.AssignmentRequest) {
	partition := w.ledger.where[made.ID]
	s := w.ledger.subjects[partition]
	if s == nil {
		w.fail("answer", "", "the request %s was accepted, but is not there", made.ID)
		return
	}
	present, ok := s.requests[made.ID]
	switch {
	case !ok:
		w.fail("answer", partition, "the request %s was accepted, but is not there", made.ID)
	case present.RequestType != asked.kind || asked.removes != "" && present.Assignment.ID != asked.removes || asked.removes == "" && (present.AccessPackage.ID != asked.pack || s.person != asked.target):
		w.fail("answer", partition, "the answer is the request %s, which is another than the one that was sent", made.ID)
	}
	w.promise(s, present)
}

// scheduleOf invents a schedule of one's own, mostly none.
func (w *world) scheduleOf(luck *luck) *governance.Schedule {
	if !luck.odds(0.35) {
		return nil
	}
	schedule := &governance.Schedule{}
	if luck.odds(0.5) {
		schedule.StartDateTime = governance.At(w.later(luck, 20*24*time.Hour))
	}
	switch luck.below(4) {
	case 0:
		d := one(luck, []governance.Duration{{Time: 4 * time.Hour}, governance.Days(2), governance.Days(20)})
		schedule.Expiration = &governance.Expiration{Type: governance.ExpirationAfterDuration, Duration: &d}
	case 1:
		start := schedule.StartDateTime.Instant()
		if start.IsZero() {
			start = w.clock.Now()
		}
		schedule.Expiration = &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(start.Add(time.Duration(1+luck.below(24*20)) * time.Hour))}
	case 2:
		schedule.Expiration = &governance.Expiration{Type: governance.ExpirationNone}
	}
	return schedule
}

func (w *world) add(o op, kind governance.RequestType, caller governance.Caller, target *person, who string) {
	pack := one(o.luck, w.tenant.packages)
	draft := governance.AssignmentRequest{RequestType: kind, Schedule: w.scheduleOf(o.luck), Assignment: &governance.Assignment{AccessPackageID: pack.id}}
	if o.luck.odds(0.8) {
		draft.Justification = "because"
	}
	policies := w.policiesOf(pack.name)
	if kind == governance.RequestAdminAdd || len(policies) > 1 && o.luck.odds(0.7) {
		draft.Assignment.AssignmentPolicyID = one(o.luck, policies).id
	}
	if kind == governance.RequestAdminAdd {
		draft.Assignment.TargetID = target.ID
	}
	w.submit(o, who, caller, issued{pack: pack.id, target: target}, draft)
}

func (w *world) policiesOf(pack string) []place {
	var list []place
	for _, policy := range w.tenant.policies {
		if len(policy.name) > len(pack) && policy.name[:len(pack)+1] == pack+"." {
			list = append(list, policy)
		}
	}
	return list
}

func (w *world) userAdd(o op) {
	p := one(o.luck, w.tenant.members)
	w.add(o, governance.RequestUserAdd, p.caller, p, p.name)
}

func (w *world) adminAdd(o op) {
	caller, who := w.tenant.admin.caller, "ada"
	switch o.luck.below(6) {
	case 0, 1:
		caller, who = w.tenant.robot, "robot"
	case 2:
		p := one(o.luck, w.tenant.members)
		caller, who = p.caller, p.name // who may not
	}
	w.add(o, governance.RequestAdminAdd, caller, one(o.luck, w.tenant.members), who)
}

// assignment picks an assignment that has not ended, mostly.
func (w *world) assignment(luck *luck) (governance.Assignment, *subject, bool) {
	var live []string
	for _, id := range w.ledger.held {
		if w.ledger.subjects[w.ledger.where[id]].assignments[id].State != governance.AssignmentExpired || luck.odds(0.05) {
			live = append(live, id)
		}
	}
	if len(live) == 0 {
		return governance.Assignment{}, nil, false
	}
	id := one(luck, live)
	s := w.ledger.subjects[w.ledger.where[id]]
	return s.assignments[id], s, true
}

// request picks a request in one of these states.
func (w *world) request(luck *luck, states ...governance.RequestState) (governance.AssignmentRequest, *subject, bool) {
	var fitting []string
	for _, id := range w.ledger.order {
		if slices.Contains(states, w.ledger.subjects[w.ledger.where[id]].requests[id].State) {
			fitting = append(fitting, id)
		}
	}
	if len(fitting) == 0 {
		return governance.AssignmentRequest{}, nil, false
	}
	id := one(luck, fitting)
	s := w.ledger.subjects[w.ledger.where[id]]
	return s.requests[id], s, true
}

func (w *world) userRemove(o op) {
	assignment, s, ok := w.assignment(o.luck)
	if !ok {
		return
	}
	p := s.person
	if o.luck.odds(0.1) {
		p = one(o.luck, w.tenant.people)
	}
	w.submit(o, p.name, p.caller, issued{removes: assignment.ID}, governance.AssignmentRequest{RequestType: governance.RequestUserRemove, Assignment: &governance.Assignment{ID: assignment.ID}})
}

func (w *world) adminRemove(o op) {
	if assignment, _, ok := w.assignment(o.luck); ok {
		w.submit(o, "ada", w.tenant.admin.caller, issued{removes: assignment.ID}, governance.AssignmentRequest{RequestType: governance.RequestAdminRemove, Assignment: &governance.Assignment{ID: assignment.ID}})
	}
}

func (w *world) cancel(o op) {
	request, s, ok := w.request(o.luck, governance.StatePendingApproval, governance.StateScheduled, governance.StateDelivering)
	if !ok {
		return
	}
	p := s.person
	switch o.luck.below(6) {
	case 0:
		p = w.tenant.admin
	case 1:
		p = one(o.luck, w.tenant.people)
	}
	if !p.active() {
		return
	}
	command := w.keyed(&o, p.caller, func(ctx context.Context, a *process) error { return a.CancelRequest(ctx, p.caller, request.ID) })
	w.call(o, p.name, 1, command, func(err error) {
		if err != nil {
			return
		}
		if state := s.requests[request.ID].State; state != governance.StateCanceled {
			w.fail("answer", s.person.subject, "canceling the request %s succeeded, it is %s", request.ID, state)
		}
		if made := w.ledger.issued[request.ID]; p != w.tenant.admin && made != nil && made.caller.ObjectID != p.ID {
			w.fail("forbidden", s.person.subject, "%s canceled the request %s of another", p.name, request.ID)
		}
	})
}

// openStage is the stage of a request that waits for a decision.
func openStage(request governance.AssignmentRequest) (int, bool) {
	if request.Approval == nil {
		return 0, false
	}
	at := slices.IndexFunc(request.Approval.Stages, func(s governance.ApprovalStage) bool { return s.Status == governance.StageInProgress })
	return at, at >= 0
}

func (w *world) decide(o op) {
	request, s, ok := w.request(o.luck, governance.StatePendingApproval)
	if !ok {
		if request, s, ok = w.request(o.luck, governance.StateDenied, governance.StateCanceled, governance.StateDelivered); !ok || request.Approval == nil {
			return
		}
	}
	index, open := openStage(request)
	if !open || o.luck.odds(0.05) {
		index = o.luck.below(len(request.Approval.Stages)) // one that is not the one
	}
	p := one(o.luck, w.tenant.people)
	if o.luck.odds(0.8) {
		p = w.approver(o.luck, request, s, index)
	}
	if w.on(Approvers) && o.luck.odds(0.5) {
		p = w.outdated(o.luck, request, s, index, p)
	}
	w.decides(o, p, request, s, index, o.luck.odds(0.8))
}

// approver picks somebody who may decide a stage, as far as there is somebody.
func (w *world) approver(luck *luck, request governance.AssignmentRequest, s *subject, index int) *person {
	stage := request.Approval.Stages[index]
	var fitting []*person
	for _, p := range w.tenant.people {
		if w.mayDecide(w.ledger.opened[stage.ID], request.Policy.Approval().Stages[index], p, s.person, stage.Escalated) {
			fitting = append(fitting, p)
		}
	}
	if len(fitting) == 0 {
		return one(luck, w.tenant.people)
	}
	return one(luck, fitting)
}

// outdated picks somebody whom a stage names and who should not decide it any more, as far as there is somebody.
func (w *world) outdated(luck *luck, request governance.AssignmentRequest, s *subject, index int, otherwise *person) *person {
	stage := request.Approval.Stages[index]
	var fitting []*person
	for _, id := range stage.ApproverUserIDs {
		if p := w.tenant.byID[id]; p != nil && p.active() && !w.mayDecide(w.ledger.opened[stage.ID], request.Policy.Approval().Stages[index], p, s.person, stage.Escalated) {
			fitting = append(fitting, p)
		}
	}
	if len(fitting) == 0 {
		return otherwise
	}
	return one(luck, fitting)
}

func (w *world) decideTogether(o op) {
	request, s, ok := w.request(o.luck, governance.StatePendingApproval)
	if !ok {
		return
	}
	index, open := openStage(request)
	if !open {
		return
	}
	first := w.approver(o.luck, request, s, index)
	w.decides(o, first, request, s, index, true)
	if second := w.approver(o.luck, request, s, index); second != first {
		w.decides(o, second, request, s, index, o.luck.odds(0.5))
	}
}

// decides has a person decide a stage.
func (w *world) decides(o op, p *person, request governance.AssignmentRequest, s *subject, index int, approve bool) {
	stage := request.Approval.Stages[index]
	result := governance.ResultDeny
	if approve {
		result = governance.ResultApprove
	}
	justification := "fine"
	if o.luck.odds(0.1) {
		justification = ""
	}
	w.ledger.decisions[decision{stage.ID, p.ID, result}] = true
	barred := false // who decides was blocked or gone for longer than that is remembered
	w.call(o, p.name, 1, func(ctx context.Context, a *process) error {
		barred = !p.active() && w.clock.Now().Sub(p.since) >= time.Minute
		return a.DecideApproval(ctx, p.caller, request.ID, stage.ID, governance.ApprovalStage{ReviewResult: result, Justification: justification})
	}, func(err error) {
		present := s.requests[request.ID].Approval.Stages[index]
		if w.peopleChanged < 0 && governance.CodeOf(err) == governance.CodeForbidden && w.mayDecide(w.ledger.opened[stage.ID], request.Policy.Approval().Stages[index], p, s.person, false) {
			w.fail("refused", s.person.subject, "%s may decide stage %d of the request %s, and was told not to: %v", p.name, index+1, request.ID, err)
		}
		if err != nil {
			return
		}
		if barred && !p.active() {
			w.fail("token", s.person.subject, "%s was blocked or deleted at %v and decided stage %d of the request %s with a token from before", p.name, p.since, index+1, request.ID)
		}
		if present.Status != governance.StageCompleted || present.ReviewedBy.ID != p.ID || present.ReviewResult != result {
			w.fail("answer", s.person.subject, "%s was told to have decided stage %d of the request %s, but it is %s %s by %s", p.name, index+1, request.ID, present.Status, present.ReviewResult, w.nameOf(present.ReviewedBy.ID))
		}
		if w.ledger.taken[stage.ID]++; w.ledger.taken[stage.ID] > 1 {
			w.fail("decision", s.person.subject, "%d people were told to have decided stage %d of the request %s", w.ledger.taken[stage.ID], index+1, request.ID)
		}
	})
}

func (w *world) reprocess(o op) {
	request, s, ok := w.request(o.luck, governance.StateDeliveryFailed, governance.StatePartiallyDelivered)
	if !ok {
		return
	}
	p := w.tenant.admin
	if o.luck.odds(0.1) {
		p = s.person
	}
	command := w.keyed(&o, p.caller, func(ctx context.Context, a *process) error { return a.ReprocessRequest(ctx, p.caller, request.ID) })
	w.call(o, p.name, 1, command, func(err error) {
		if err == nil && p != w.tenant.admin {
			w.fail("forbidden", s.person.subject, "%s reprocessed a request", p.name)
		}
	})
}

// managed is an operation of an administrator, sometimes tried by somebody who is none.
func (w *world) managed(o op, do func(context.Context, *process, governance.Caller) error) {
	p := w.tenant.admin
	if o.luck.odds(0.05) {
		p = one(o.luck, w.tenant.members)
	}
	w.call(o, p.name, 1, func(ctx context.Context, a *process) error { return do(ctx, a, p.caller) }, func(err error) {
		if err == nil && p != w.tenant.admin {
			w.fail("forbidden", "", "%s did what an administrator may: %s", p.name, o.name)
		}
	})
}

func (w *world) editPolicy(o op) {
	policy := one(o.luck, w.tenant.policies)
	next := w.policy(o.luck, policy.name)
	w.managed(o, func(ctx context.Context, a *process, caller governance.Caller) error {
		_, err := a.UpdatePolicy(ctx, caller, policy.id, "", func(p *governance.AssignmentPolicy) error {
			*p = next
			return nil
		})
		return err
	})
}

func (w *world) editRoles(o op) {
	pack := one(o.luck, w.tenant.packages)
	role := one(o.luck, pack.roles)
	present := w.ledger.packages[pack.id]
	if len(present.ResourceRoleScopes) > 0 && o.luck.odds(0.5) {
		id := one(o.luck, present.ResourceRoleScopes).ID
		w.managed(o, func(ctx context.Context, a *process, caller governance.Caller) error {
			return a.RemoveRoleScope(ctx, caller, pack.id, id)
		})
		return
	}
	w.managed(o, func(ctx context.Context, a *process, caller governance.Caller) error {
		_, err := a.AddRoleScope(ctx, caller, pack.id, governance.ResourceRoleScope{Role: &governance.ResourceRole{OriginID: role}})
		return err
	})
}

func (w *world) publish(o op) {
	catalog := one(o.luck, w.tenant.catalogs)
	state := governance.CatalogPublished
	if o.luck.odds(0.3) {
		state = governance.CatalogUnpublished
	}
	w.managed(o, func(ctx context.Context, a *process, caller governance.Caller) error {
		_, err := a.UpdateCatalog(ctx, caller, catalog, "", func(c *governance.Catalog) error {
			c.State = state
			return nil
		})
		return err
	})
}

// rename gives two catalogs the same new name at once, or one of them.
func (w *world) rename(o op) {
	name := fmt.Sprintf("name%d", o.luck.below(3))
	for i, catalog := range w.tenant.catalogs {
		if i > 0 && o.luck.odds(0.4) {
			return
		}
		w.call(o, fmt.Sprintf("ada%d", i), 1, func(ctx context.Context, a *process) error {
			_, err := a.UpdateCatalog(ctx, w.tenant.admin.caller, catalog, "", func(c *governance.Catalog) error {
				c.DisplayName = name
				return nil
			})
			return err
		}, nil)
	}
}

func (w *world) deleteOne(o op) {
	if o.luck.odds(0.5) {
		w.deletePolicy(o)
	} else {
		w.deletePackage(o)
	}
}

// requestsPerHour is how many requests for one package somebody may make for themselves in an hour.
const requestsPerHour = 10

// insist has somebody ask for a package and take it back, again and again, from two places at once.
func (w *world) insist(o op) {
	p, pack := one(o.luck, w.tenant.members), one(o.luck, w.tenant.packages)
	if !p.active() {
		return
	}
	for place := range 2 {
		number, left := 0, requestsPerHour
		var again func()
		again = func() {
			if left--; left < 0 || w.calm {
				return
			}
			draft := governance.AssignmentRequest{RequestType: governance.RequestUserAdd, Justification: "because", Assignment: &governance.Assignment{AccessPackageID: pack.id}}
			key := fmt.Sprintf("insist-%d-%d-%d-%d", w.options.Seed, o.number, place, number)
			number++
			made := firstID(p.caller, key, text(draft))
			w.ledger.issued[made] = &issued{caller: p.caller, kind: draft.RequestType, pack: pack.id, target: p}
			w.call(op{number: o.number, name: o.name, luck: o.luck, done: &done{}, partial: true}, fmt.Sprintf("%s.%d.%d", p.name, place, number), 1, func(ctx context.Context, a *process) error {
				_, err := a.Once(ctx, p.caller, key, []byte(text(draft)), func(ctx context.Context) (ledger.Answer, error) {
					answer, err := a.SubmitRequest(ctx, p.caller, draft)
					if err != nil {
						return ledger.Answer{}, err
					}
					return ledger.Answer{Status: 201}, a.CancelRequest(ledger.Beside(ctx), p.caller, answer.ID)
				})
				return err
			}, func(error) { again() })
		}
		again()
	}
}

// takenBack says whether the service itself took a request back, because what it asks for was being deleted.
func (w *world) takenBack(id string) bool {
	s := w.ledger.subjects[w.ledger.where[id]]
	if s == nil {
		return false
	}
	request := s.requests[id]
	assignment := s.assignments[request.Assignment.ID]
	return request.State == governance.StateCanceled || request.State == governance.StateDeliveryFailed || assignment.Removing || assignment.State == governance.AssignmentExpired
}

// deleteWanted has somebody ask for a package, or two people, at the moment at which it or its policy is deleted.
func (w *world) deleteWanted(o op) {
	catalog, name := one(o.luck, w.tenant.catalogs), fmt.Sprintf("wanted%d", o.number)
	policy := w.policy(o.luck, name+".policy")
	policy.AllowedTargetScope, policy.SpecificAllowed, policy.RequestorSettings.EnableTargetsToSelfAddAccess = governance.ScopeAllDirectoryUsers, nil, true
	admin, pack := w.tenant.admin.caller, place{name: name, catalog: catalog}
	o.partial = true
	w.call(o, "ada", 1, func(ctx context.Context, a *process) error {
		made, err := a.CreatePackage(ctx, admin, governance.AccessPackage{DisplayName: name, Description: "simulated", Catalog: &governance.Catalog{ID: catalog}})
		if err != nil {
			return err
		}
		pack.id, w.tenant.names[made.Value.ID] = made.Value.ID, name
		policy.AccessPackage = &governance.AccessPackage{ID: pack.id}
		created, err := a.CreatePolicy(ctx, admin, policy)
		policy.ID = created.Value.ID
		return err
	}, func(err error) {
		if err != nil {
			return
		}
		for range 1 + o.luck.below(2) {
			p := one(o.luck, w.tenant.members)
			draft := governance.AssignmentRequest{RequestType: governance.RequestUserAdd, Justification: "because", Assignment: &governance.Assignment{AccessPackageID: pack.id}}
			ask := op{number: o.number, name: o.name, luck: o.luck, done: &done{}, partial: true}
			w.submit(ask, p.name, p.caller, issued{pack: pack.id, target: p}, draft)
		}
		w.call(op{number: o.number, name: o.name, luck: o.luck, done: &done{}, partial: true}, "ada.deletes", 1, func(ctx context.Context, a *process) error {
			if policy.ID != "" && o.number%3 == 0 {
				return a.DeletePolicy(ctx, admin, policy.ID, "")
			}
			return a.DeletePackage(ctx, admin, pack.id, "")
		}, nil)
	})
}

func (w *world) deletePackage(o op) {
	pack := one(o.luck, w.tenant.packages)
	o.partial = true // it is closed first
	w.managed(o, func(ctx context.Context, a *process, caller governance.Caller) error {
		return a.DeletePackage(ctx, caller, pack.id, "")
	})
}

func (w *world) deletePolicy(o op) {
	policy := one(o.luck, w.tenant.policies)
	o.partial = true
	w.managed(o, func(ctx context.Context, a *process, caller governance.Caller) error {
		return a.DeletePolicy(ctx, caller, policy.id, "")
	})
}

// pass lets time go by: seconds, minutes, hours, days or months.
func (w *world) pass(o op) {
	var most time.Duration
	switch draw := o.luck.below(20); {
	case draw < 7:
		most = 20 * time.Second
	case draw < 12:
		most = 12 * time.Minute
	case draw < 15:
		most = 6 * time.Hour
	case draw < 19:
		most = 6 * 24 * time.Hour
	default:
		most = 120 * 24 * time.Hour
	}
	until := w.clock.Now().Add(time.Duration(o.luck.next().share() * float64(most)).Truncate(time.Millisecond))
	if o.luck.odds(0.6) {
		w.drift(until)
	}
	w.advanceTo(until)
	w.note(nil, "", "op%d: time passes", o.number)
}

// maxDrift is in how many steps time goes by at most.
const maxDrift = 10

// drift lets time go by as it does where everything runs: what is due is seen to when it is, a while long.
func (w *world) drift(until time.Time) {
	for range maxDrift {
		w.schedule(false)
		next, documents := w.nextDue()
		now := w.clock.Now()
		if next.IsZero() || !documents.IsZero() && documents.Before(next) {
			next = documents
		}
		if w.failure != nil || next.IsZero() || !next.Before(until) {
			return
		}
		w.advanceTo(later(next, now.Add(time.Minute)))
		w.startTimer("expire")
		w.startTimer("flush")
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// restart ends the process of one instance: what it was doing is lost, and its caches are empty.
func (w *world) restart(o op) {
	at := o.luck.below(2)
	w.apps[at] = start(w.ports)
	w.note(nil, "", "op%d: instance %d starts again", o.number, at)
}

// outage has a dependency stop answering for a while.
func (w *world) outage(o op) {
	of := one(o.luck, []dependency{ofStore, ofBus, ofDirectory, ofDirectory, ofOutbound})
	until := w.clock.Now().Add(time.Duration(o.luck.next().share() * float64(12*time.Hour)))
	if !w.options.Without[Outage] && w.intensity > 0 {
		w.outages[of] = until
		w.note(nil, "", "op%d: the %s is down until %s", o.number, of, until.Format(time.RFC3339))
	}
}
