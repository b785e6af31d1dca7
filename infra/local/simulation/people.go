package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
)

// version is a person as they were until a step of the scheduler.
type version struct {
	governance.User
	groups []string
	away   bool
	until  int
}

// versions are all that a person was at or after a step: an invocation that has run since then may go by any of them.
func (p *person) versions(since int) []version {
	list := []version{{p.User, p.groups, p.away, 0}}
	for _, before := range p.past {
		if before.until >= since {
			list = append(list, before)
		}
	}
	return list
}

// changed is the step in which something about the person last changed.
func (p *person) changed() int {
	if len(p.past) == 0 {
		return -1
	}
	return p.past[len(p.past)-1].until
}

// active says whether a person can sign in.
func (p *person) active() bool { return !p.away && !p.gone && p.AccountEnabled }

// isBarred says whether a caller, by object id, is somebody who may not sign in now.
func (t *tenant) isBarred(id string) bool {
	p := t.byID[id]
	return p != nil && !p.active()
}

// observe takes in what has become of people in the directory, which is what the app sees.
func (w *world) observe(o op, format string, args ...any) {
	w.report.Operations[o.name]++
	w.note(nil, "", "op%d: %s", o.number, fmt.Sprintf(format, args...))
	for _, p := range w.tenant.people {
		now := version{User: p.User, away: true}
		if object, ok := w.directory.Object(p.ID); ok {
			now = version{User: object.User}
		}
		for _, group := range []string{w.tenant.helpdesk, w.tenant.sales} {
			if w.directory.IsMember(group, p.ID) {
				now.groups = append(now.groups, group)
			}
		}
		if now.User != p.User || now.away != p.away || !slices.Equal(now.groups, p.groups) {
			p.past = append(p.past, version{p.User, p.groups, p.away, w.report.Steps})
			p.User, p.groups, p.away, p.since = now.User, now.groups, now.away, w.clock.Now()
			w.peopleChanged = w.report.Steps
		}
	}
	w.watchStages()
}

// edit changes a person in the directory; one who is away cannot be changed.
func (w *world) edit(p *person, change func(*governance.User)) {
	_, _ = w.directory.Update(p.ID, func(object *directorymemory.Object) error { // absent: nothing to change
		change(&object.User)
		return nil
	})
}

// changeIdentity changes what a person is called, is, and is reached by.
func (w *world) changeIdentity(o op) {
	p := one(o.luck, w.tenant.victims)
	switch o.luck.below(6) {
	case 0, 1:
		kind := one(o.luck, []governance.UserType{governance.UserTypeMember, governance.UserTypeGuest, governance.UserTypeGuest, "", ""})
		w.edit(p, func(u *governance.User) { u.UserType = kind })
		w.observe(o, "%s is a %q", p.name, kind)
	case 2:
		address := fmt.Sprintf("%s%d@example.com", p.name, o.number)
		w.edit(p, func(u *governance.User) { u.Mail = address })
		w.observe(o, "%s has the address %s", p.name, address)
	case 3, 4:
		other := one(o.luck, w.tenant.victims)
		address := other.Mail
		for _, guest := range []*person{p, other} {
			w.edit(guest, func(u *governance.User) { u.UserType, u.Mail = governance.UserTypeGuest, address })
		}
		w.observe(o, "%s and %s are guests with one address", p.name, other.name)
	default:
		name := fmt.Sprintf("%s %d", p.name, o.number)
		w.edit(p, func(u *governance.User) { u.DisplayName = name })
		w.observe(o, "%s is called %s", p.name, name)
	}
	if o.luck.odds(0.5) {
		w.askAgain(o, p)
	}
}

// block blocks an account, for hours or for days, or lets it in again.
func (w *world) block(o op) {
	p := o.target
	if p == nil {
		p = one(o.luck, w.tenant.victims)
	}
	if !p.AccountEnabled {
		w.enable(o, p)
		return
	}
	w.edit(p, func(u *governance.User) { u.AccountEnabled = false })
	w.observe(o, "%s is blocked", p.name)
	if o.luck.odds(0.8) {
		w.comes(w.within(o.luck, one(o.luck, []time.Duration{time.Hour, 2 * 24 * time.Hour, 20 * 24 * time.Hour})), func() { w.enable(o, p) })
	}
}

func (w *world) enable(o op, p *person) {
	w.edit(p, func(u *governance.User) { u.AccountEnabled = true })
	w.observe(o, "%s is let in again", p.name)
}

// changeApprovers takes away who decides: their account, their group, or the person whose manager they were.
func (w *world) changeApprovers(o op) {
	p := one(o.luck, w.tenant.deciders)
	switch o.luck.below(6) {
	case 0:
		w.block(op{number: o.number, name: o.name, luck: o.luck, target: p})
	case 1:
		if slices.Contains(w.tenant.members, p) { // who has access and is deleted is the matter of leave
			return
		}
		w.takeAway(o, p, one(o.luck, []time.Duration{2 * 24 * time.Hour, 20 * 24 * time.Hour, 60 * 24 * time.Hour}))
	case 2:
		if w.directory.IsMember(w.tenant.helpdesk, p.ID) {
			_ = w.directory.RemoveMember(context.Background(), w.tenant.helpdesk, p.ID)
		} else {
			_ = w.directory.PutMember(w.tenant.helpdesk, p.ID) // absent: nobody to add
		}
		w.observe(o, "%s in the help desk: %t", p.name, w.directory.IsMember(w.tenant.helpdesk, p.ID))
	default:
		report, manager := one(o.luck, w.tenant.members), ""
		if _, s, waits := w.request(o.luck, governance.StatePendingApproval); waits && o.luck.odds(0.7) {
			report = s.person
		}
		if p != report && !p.away && o.luck.odds(0.8) {
			manager = p.ID
		}
		w.edit(report, func(u *governance.User) { u.ManagerID = manager })
		w.observe(o, "the manager of %s is %q", report.name, w.nameOf(manager))
	}
}

// leave has a person or a group leave the directory, mostly to come back with all memberships. After purgedAfter nobody comes back.
func (w *world) leave(o op) {
	if o.luck.odds(0.3) {
		w.takeAwayGroup(o, one(o.luck, w.tenant.managed))
		return
	}
	p := one(o.luck, w.tenant.victims)
	if o.luck.odds(0.5) { // somebody who is being asked for right now
		for _, t := range w.tasks {
			if t.target != nil && slices.Contains(w.tenant.victims, t.target) {
				p = t.target
			}
		}
	}
	w.takeAway(o, p, 40*24*time.Hour)
}

// purgedAfter is how long the directory keeps what was deleted.
const purgedAfter = 30 * 24 * time.Hour

// absent is what the directory keeps of what was deleted. The simulation keeps it itself: it knows no more of the directory than what restoring it is to bring back.
type absent struct {
	since, until time.Time // until: it has come back; zero: it has not
}

// recently says whether something was away lately, or still is and may come back: what is to be taken away then is, patience later.
func (w *world) recently(id string) bool {
	a, now := w.absent[id], w.clock.Now()
	switch {
	case a == nil:
		return false
	case a.until.IsZero():
		return now.Sub(a.since) < purgedAfter+patience
	default:
		return now.Sub(a.until) < patience
	}
}

// takeAway deletes a person, who comes back within some time if it is not too late by then.
func (w *world) takeAway(o op, p *person, most time.Duration) {
	object, ok := w.directory.Object(p.ID)
	if !ok {
		return
	}
	user := object.User
	var member, owner []string
	for _, group := range slices.Concat(w.tenant.managed, []string{w.tenant.helpdesk, w.tenant.sales}) {
		if w.directory.IsMember(group, p.ID) {
			member = append(member, group)
		}
		if w.directory.IsOwner(group, p.ID) {
			owner = append(owner, group)
		}
	}
	var reports []string
	for _, report := range w.tenant.people {
		if report.ManagerID == p.ID {
			reports = append(reports, report.ID)
		}
	}
	_ = w.directory.Delete(directorymemory.KindUser, p.ID) // was there a moment ago
	w.departs(o, p.ID, p.name, most, func() {
		w.directory.PutUser(user)
		for _, group := range member {
			_ = w.directory.PutMember(group, p.ID) // the group may be gone
		}
		for _, group := range owner {
			_ = w.directory.PutOwner(group, p.ID)
		}
		for _, report := range reports {
			if object, ok := w.directory.Object(report); ok && object.User.ManagerID == "" {
				_ = w.directory.SetManager(report, p.ID)
			}
		}
	})
}

// takeAwayGroup deletes a group, as takeAway does a person.
func (w *world) takeAwayGroup(o op, id string) {
	object, ok := w.directory.Object(id)
	if !ok {
		return
	}
	group := object.Group
	var member, owner []string
	for _, p := range w.tenant.people {
		if w.directory.IsMember(id, p.ID) {
			member = append(member, p.ID)
		}
		if w.directory.IsOwner(id, p.ID) {
			owner = append(owner, p.ID)
		}
	}
	_ = w.directory.Delete(directorymemory.KindGroup, id) // was there a moment ago
	w.departs(o, id, w.nameOf(id), 40*24*time.Hour, func() {
		w.directory.PutGroup(group)
		for _, p := range member {
			_ = w.directory.PutMember(id, p) // the person may be gone
		}
		for _, p := range owner {
			_ = w.directory.PutOwner(id, p)
		}
	})
}

func (w *world) departs(o op, id, name string, most time.Duration, restore func()) {
	a := &absent{since: w.clock.Now()}
	w.absent[id] = a
	w.observe(o, "%s is deleted", name)
	if returns := w.within(o.luck, most); o.luck.odds(0.85) && returns.Sub(a.since) < purgedAfter {
		w.comes(returns, func() {
			restore()
			a.until = w.clock.Now()
			w.observe(o, "%s is restored", name)
		})
	}
}

func (w *world) within(luck *luck, most time.Duration) time.Time {
	return w.clock.Now().Add(time.Duration(luck.next().share() * float64(most)))
}

// appointment is something that the world will do by itself.
type appointment struct {
	at time.Time
	do func()
}

// comes has something happen at a time.
func (w *world) comes(at time.Time, do func()) {
	w.appointments = append(w.appointments, appointment{at, do})
	slices.SortStableFunc(w.appointments, func(x, y appointment) int { return x.at.Compare(y.at) })
}

// The simulation's own reading of who can decide. It asks the directory that it runs on, never the app.

// eligible says whether a person may be asked about a request of another.
func eligible(p, requestor *person) bool { return p != requestor && p.active() }

// anybodyOf says whether there is anybody among these people and the members of these groups who may be asked.
func (w *world) anybodyOf(users, groups []string, requestor *person) bool {
	return slices.ContainsFunc(w.tenant.people, func(p *person) bool {
		return eligible(p, requestor) && (slices.Contains(users, p.ID) || slices.ContainsFunc(groups, func(id string) bool { return slices.Contains(p.groups, id) }))
	})
}

// decidable says whether anybody may decide a stage that waits, by what is stored of it.
func (w *world) decidable(stage governance.ApprovalStage, requestor *person) bool {
	users, groups := stage.ApproverUserIDs, stage.ApproverGroupIDs
	if stage.Escalated {
		users, groups = slices.Concat(users, stage.AlternateUserIDs), slices.Concat(groups, stage.AlternateGroupIDs)
	}
	return w.anybodyOf(users, groups, requestor)
}

// opening is what a stage that waits was opened on.
type opening struct {
	managers map[int][]string // by level: whom the requestor may have had then
	fallback bool             // nobody of those who are asked first could decide, then or at some time since
	orphaned time.Time        // since when nobody could; zero: somebody can
}

// watchStages notes which of the stages that wait have nobody left.
func (w *world) watchStages() {
	for _, id := range w.ledger.order {
		s := w.ledger.subjects[w.ledger.where[id]]
		request := s.requests[id]
		index, open := openStage(request)
		if !open || request.State != governance.StatePendingApproval {
			continue
		}
		w.watch(s.person, request, index)
	}
}

func (w *world) watch(requestor *person, request governance.AssignmentRequest, index int) {
	stage := request.Approval.Stages[index]
	o := w.ledger.opened[stage.ID]
	if o == nil {
		return
	}
	if !w.anybody(request.Policy.Approval().Stages[index].PrimaryApprovers, requestor, o) {
		o.fallback = true
	}
	switch can := w.decidable(stage, requestor); {
	case can:
		o.orphaned = time.Time{}
	case o.orphaned.IsZero():
		o.orphaned = w.clock.Now()
	}
}

// knows notes the managers of a person since a step: whoever is asked is one of them.
func (o *opening) knows(w *world, p *person, since int) {
	for _, as := range p.versions(since) {
		o.managers[1] = append(o.managers[1], as.ManagerID)
		if manager := w.tenant.byID[as.ManagerID]; manager != nil {
			for _, was := range manager.versions(since) {
				o.managers[2] = append(o.managers[2], was.ManagerID)
			}
		}
	}
}

// opens notes on what a stage opens.
func (c *commit) opens(s *subject, request governance.AssignmentRequest, index int) {
	w := c.ledger.world
	o := &opening{managers: map[int][]string{}}
	since := w.current.began
	o.knows(w, s.person, since)
	stage := request.Approval.Stages[index]
	w.ledger.opened[stage.ID] = o
	steady := w.peopleChanged < since                      // nobody changed while this was decided
	o.fallback = !steady || s.person.away || s.person.gone // of who is deleted the directory tells no manager
	w.watch(s.person, request, index)
	if w.on(Approvers) && index == 0 && steady && !o.orphaned.IsZero() {
		c.broken("nobody", "the request %s of %s waits for a decision, and nobody can make it", request.ID, s.person.name)
	}
}
