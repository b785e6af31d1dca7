package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// exposePeople picks whom hazards befall, and has callouts be about others: what becomes of a callout about somebody who goes and comes is not known here.
func (w *world) exposePeople(add func(name, manager string, guest bool, groups ...string) *person) {
	t := &w.tenant
	t.victims = t.members[:3]
	for _, name := range []string{"hanna", "henk", "max", "mia"} {
		t.deciders = append(t.deciders, t.byID[personID(name)])
	}
	if !w.hazardous(Identity, Blocking, Approvers, Restoring) {
		return
	}
	exposed := func(p *person) bool { return slices.Contains(t.victims, p) || slices.Contains(t.deciders, p) }
	t.hires = append(slices.DeleteFunc(t.hires, exposed), add("rex", "root", false))
	t.requestors = append(slices.DeleteFunc(t.requestors, exposed), add("tom", "root", false))
	for _, p := range t.leavers {
		w.edit(p, func(u *governance.User) { u.ManagerID = personID("root") })
		p.ManagerID = personID("root")
	}
}

// overtake has an administrator change what a command of somebody else rests on, while that command waits for the directory.
func (w *world) overtake(t *task) {
	at := slices.IndexFunc(w.tenant.packages, func(p place) bool { return p.id == t.pack })
	if w.calm || at < 0 || !t.luck.odds(0.25) {
		return
	}
	pack := w.tenant.packages[at]
	policies := w.policiesOf(pack.name)
	policy := one(&t.luck, policies)
	var do func(context.Context, *process) error
	admin := w.tenant.admin.caller
	what := ""
	switch t.luck.below(8) {
	case 0:
		what = "deletes " + policy.name
		do = func(ctx context.Context, a *process) error { return a.DeletePolicy(ctx, admin, policy.id, "") }
	case 1:
		what = "withdraws the catalog of " + pack.name
		do = func(ctx context.Context, a *process) error {
			_, err := a.UpdateCatalog(ctx, admin, pack.catalog, "", func(c *governance.Catalog) error {
				c.State = governance.CatalogUnpublished
				return nil
			})
			return err
		}
	case 2:
		what = "takes a role out of " + pack.name
		if scopes := w.ledger.packages[pack.id].ResourceRoleScopes; len(scopes) > 0 {
			id := one(&t.luck, scopes).ID
			do = func(ctx context.Context, a *process) error { return a.RemoveRoleScope(ctx, admin, pack.id, id) }
			break
		}
		fallthrough
	case 3:
		what = "adds a role to " + pack.name
		role := one(&t.luck, pack.roles)
		do = func(ctx context.Context, a *process) error {
			_, err := a.AddRoleScope(ctx, admin, pack.id, governance.ResourceRoleScope{Role: &governance.ResourceRole{OriginID: role}})
			return err
		}
	default:
		what = "closes " + policy.name
		do = func(ctx context.Context, a *process) error {
			_, err := a.UpdatePolicy(ctx, admin, policy.id, "", func(p *governance.AssignmentPolicy) error {
				p.RequestorSettings = &governance.RequestorSettings{}
				return nil
			})
			return err
		}
	}
	w.note(t, "", "while the directory takes its time, ada %s", what)
	w.call(op{number: w.operation, name: "overtake", done: &done{}, partial: true}, fmt.Sprintf("ada.%d.in.%s", w.report.Steps, t.name), 1, do, nil)
	t.pause(w.clock.Now().Add(time.Duration(250+t.luck.below(2000)) * time.Millisecond))
}

// askShort asks for access that is over before long, often before anybody decides, or before it starts.
func (w *world) askShort(o op) {
	p := one(o.luck, w.tenant.members)
	schedule := &governance.Schedule{}
	start := w.clock.Now()
	if o.luck.odds(0.4) {
		start = w.later(o.luck, 5*24*time.Hour)
		schedule.StartDateTime = governance.At(start)
	}
	schedule.Expiration = &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: governance.At(start.Add(time.Duration(1+o.luck.below(72)) * time.Hour))}
	w.ask(o, p, governance.RequestUserAdd, schedule, nil)
}

// ask submits an add of a package under one of its policies, with what an operation makes of it.
func (w *world) ask(o op, p *person, kind governance.RequestType, schedule *governance.Schedule, of *place) {
	pack := one(o.luck, w.tenant.packages)
	if of != nil {
		pack = *of
	}
	draft := governance.AssignmentRequest{RequestType: kind, Schedule: schedule, Justification: "because", Assignment: &governance.Assignment{AccessPackageID: pack.id}}
	caller, who := p.caller, p.name
	if kind == governance.RequestAdminAdd {
		caller, who = w.tenant.admin.caller, "ada"
		draft.Assignment.TargetID, draft.Assignment.AssignmentPolicyID = p.ID, one(o.luck, w.policiesOf(pack.name)).id
	}
	w.submit(o, who, caller, issued{pack: pack.id, target: p}, draft)
}

// askAgain has a person ask for what they have, or what is on its way: whoever they are by now, they have it.
func (w *world) askAgain(o op, p *person) {
	for _, s := range w.ledger.subjectsOf(p) {
		for _, holding := range s.head.Holdings {
			at := slices.IndexFunc(w.tenant.packages, func(p place) bool { return p.id == holding.PackageID })
			if at >= 0 && !holding.Removing {
				w.ask(o, p, one(o.luck, []governance.RequestType{governance.RequestUserAdd, governance.RequestAdminAdd}), nil, &w.tenant.packages[at])
				return
			}
		}
	}
}

// askAnew asks for a package again whose delivery has failed.
func (w *world) askAnew(o op) {
	for _, id := range w.ledger.held {
		s := w.ledger.subjects[w.ledger.where[id]]
		assignment := s.assignments[id]
		failed := assignment.State == governance.AssignmentDeliveryFailed || assignment.State == governance.AssignmentPartiallyDelivered
		at := slices.IndexFunc(w.tenant.packages, func(p place) bool { return p.id == assignment.AccessPackage.ID })
		if failed && !assignment.Removing && at >= 0 && o.luck.odds(0.7) {
			w.ask(o, s.person, one(o.luck, []governance.RequestType{governance.RequestUserAdd, governance.RequestAdminAdd}), nil, &w.tenant.packages[at])
			return
		}
	}
}

// farDate is a date as a client writes it.
func farDate(luck *luck) *governance.DateTime {
	var date governance.DateTime
	texts := []string{"9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9999999Z", "9999-01-01T00:00:00+14:00", "2999-12-31T23:59:59Z", "2026-11-20T10:00:00.0000001Z", "0001-01-01T00:00:00Z"}
	_ = json.Unmarshal([]byte(`"`+one(luck, texts)+`"`), &date) // one that cannot be read is the zero time
	return &date
}

// farDates asks for access until a date at the limits, or sets a policy to one.
func (w *world) farDates(o op) {
	expiration := &governance.Expiration{Type: governance.ExpirationAfterDateTime, EndDateTime: farDate(o.luck)}
	if o.luck.odds(0.4) {
		policy := one(o.luck, w.tenant.policies)
		w.managed(o, func(ctx context.Context, a *process, caller governance.Caller) error {
			_, err := a.UpdatePolicy(ctx, caller, policy.id, "", func(p *governance.AssignmentPolicy) error {
				p.Expiration = expiration
				return nil
			})
			return err
		})
		return
	}
	schedule := &governance.Schedule{Expiration: expiration}
	if o.luck.odds(0.2) {
		schedule.StartDateTime = farDate(o.luck)
	}
	w.ask(o, one(o.luck, w.tenant.members), one(o.luck, []governance.RequestType{governance.RequestUserAdd, governance.RequestAdminAdd}), schedule, nil)
}

// largestAnswer is where the search for the largest answer that is taken begins: a little above what a submission has room for. When the product bounds what it stores of a request, it is a little above that.
const largestAnswer = governance.MaxAnswersSize + 500

// fullSizes asks with an answer that is as large as is taken: it begins with too much, and takes off a little until it is.
func (w *world) fullSizes(o op) {
	p, pack := one(o.luck, w.tenant.members), one(o.luck, w.tenant.packages)
	policy := one(o.luck, w.policiesOf(pack.name))
	w.tryLarge(o, p, pack, policy, largestAnswer, 100+o.luck.below(200), 40)
}

func (w *world) tryLarge(o op, p *person, pack, policy place, size, step, left int) {
	key := fmt.Sprint("large:", o.number, ":", left)
	asked := issued{caller: w.tenant.admin.caller, kind: governance.RequestAdminAdd, pack: pack.id, target: p}
	draft := governance.AssignmentRequest{
		RequestType: governance.RequestAdminAdd, Assignment: &governance.Assignment{AccessPackageID: pack.id, AssignmentPolicyID: policy.id, TargetID: p.ID},
		Answers: []governance.Answer{{Value: "x", DisplayValue: strings.Repeat("x", size), AnsweredQuestion: &governance.AnsweredRefers{ID: questionOf(policy.name)}}},
	}
	if left%2 == 0 {
		draft.RequestType, draft.Assignment.TargetID = governance.RequestUserAdd, ""
		asked.caller, asked.kind = p.caller, draft.RequestType
	}
	w.ledger.issued[firstID(asked.caller, key, "")] = &asked
	w.call(o, fmt.Sprint("size", size), 1, func(ctx context.Context, a *process) error {
		_, err := a.Once(ctx, asked.caller, key, nil, func(ctx context.Context) (ledger.Answer, error) {
			_, err := a.SubmitRequest(ctx, asked.caller, draft)
			return ledger.Answer{Status: 201}, err
		})
		return err
	}, func(err error) {
		var refused *governance.Error
		if errors.As(err, &refused) && (refused.Code == governance.CodeTooLarge || strings.HasPrefix(refused.Target, "answers")) && left > 0 {
			w.tryLarge(o, p, pack, policy, size-step, step, left-1)
		}
	})
}

func questionOf(policy string) string { return governance.NameID("question:" + policy) }

// tamper writes a document by hand: one that cannot be read, one that is not what it says, or one that disagrees with its head.
func (w *world) tamper(o op) {
	now := w.clock.Now()
	partition, id, kind := governance.NameID(fmt.Sprint("nobody:", o.number)), governance.NameID(fmt.Sprint("by hand:", o.number)), "assignment"
	document := store.Document{SchemaVersion: 1, DueAt: now.Add(-time.Minute)}
	body := map[string]any{"id": id, "state": "delivered"}
	if len(w.ledger.partitions) > 0 && o.luck.odds(0.6) {
		partition = one(o.luck, w.ledger.partitions)
	}
	what := ""
	switch o.luck.below(8) {
	case 0:
		what, document.ID = "an id that is shorter than its kind", "bad"
	case 1:
		what, partition = "a partition that no session can be named after", strings.Repeat("x", 200)
	case 2:
		what, body["id"] = "an id that is no text", 5
	case 3:
		what, body["schedule"] = "no target", map[string]any{"expiration": map[string]any{"type": "afterDateTime", "endDateTime": "2020-01-01T00:00:00Z"}}
	case 4:
		what, kind, body["state"] = "a scheduled request without a schedule", "request", "scheduled"
	case 5:
		what, document.SchemaVersion = "a version of a later release", 99
	default:
		w.takeEndOut(o)
		return
	}
	if document.ID == "" {
		document.ID = kind + ":" + id
	}
	document.Kind, document.Body = kind, json.RawMessage(text(body))
	w.upsert(o, partition, document, what)
}

// takeEndOut takes the end out of an assignment's document; the head still knows it.
func (w *world) takeEndOut(o op) {
	assignment, s, ok := w.assignment(o.luck)
	if !ok || endOf(assignment).IsZero() || assignment.Removing || assignment.State != governance.AssignmentDelivered || s.person == nil {
		return
	}
	partition := w.ledger.where[assignment.ID]
	found, err := w.store.Get(context.Background(), store.Subjects, partition, "assignment:"+assignment.ID)
	if err != nil || found[0].ID == "" {
		return
	}
	document := found[0]
	schedule := *assignment.Schedule
	schedule.Expiration = &governance.Expiration{Type: governance.ExpirationNone}
	assignment.Schedule = &schedule
	document.DueAt, document.Body = time.Time{}, json.RawMessage(text(assignment))
	w.ledger.tampered = append(w.ledger.tampered, assignment.ID)
	w.upsert(o, partition, document, "no end")
}

func (w *world) upsert(o op, partition string, document store.Document, what string) {
	document.ETag, document.Partition = "", ""
	_, err := w.store.Commit(context.Background(), store.Subjects, partition, []store.Operation{{Verb: store.Create, Document: document}})
	if errors.Is(err, store.ErrConflict) {
		_, err = w.store.Commit(context.Background(), store.Subjects, partition, []store.Operation{{Verb: store.Replace, Document: document}})
	}
	if err != nil {
		w.fail("setup", "", "write %s by hand: %v", document.ID, err)
		return
	}
	w.ledger.foreign[key{store.Subjects, partition, document.ID}] = true
	w.report.Operations[o.name]++
	w.note(nil, partition, "op%d: somebody writes %s by hand, with %s", o.number, document.ID, what)
}
