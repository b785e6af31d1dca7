package simulation

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"latchkey/shared/governance"
)

// called is what the ledger knows of a callout: the document as it is, and what was done for it.
type called struct {
	governance.Task
	read      *settings
	partition string
	wait      *wait
	number    int             // in the order in which they were accepted
	struck    bool            // a fault befell somebody who worked on it: what is done once without faults may have been done again
	forbidden bool            // the directory did not let go of a pass or a member, for want of a permission
	did       map[string]int  // what reached the world, by kind
	bodies    map[string]bool // of what was sent
	pass      *pass           // that it has succeeded with; one that comes later and is taken away at once is nobody's
	aimed     int             // how often a crash was aimed at it
	shown     int             // how often its pass was shown
}

// lastCall is how long before the end of a wait the last answer is sent.
const lastCall = 10 * time.Second

// afterwards says which states may follow which in a callout: the simulation's own copy.
var afterwards = map[governance.TaskState][]governance.TaskState{
	"":                        {governance.TaskAccepted},
	governance.TaskAccepted:   {governance.TaskWorking, governance.TaskFailed, governance.TaskTimedOut},
	governance.TaskWorking:    {governance.TaskWorking, governance.TaskWaiting, governance.TaskSucceeded, governance.TaskFailed, governance.TaskTimedOut},
	governance.TaskWaiting:    {governance.TaskWaiting, governance.TaskSucceeded, governance.TaskFailed, governance.TaskTimedOut},
	governance.TaskSucceeded:  {governance.TaskSucceeded, governance.TaskResumed, governance.TaskNotResumed},
	governance.TaskFailed:     {governance.TaskFailed, governance.TaskResumed, governance.TaskNotResumed},
	governance.TaskTimedOut:   {governance.TaskTimedOut}, // followed up
	governance.TaskResumed:    {governance.TaskResumed},
	governance.TaskNotResumed: {governance.TaskNotResumed},
}

// settings is what the simulation reads of an action's settings.
type settings struct {
	DeliverTo string `json:"deliverTo"`
	GroupID   string `json:"groupId"`
	AppID     string `json:"mobileAppId"`
	Install   string `json:"installGroupId"`
	Uninstall string `json:"uninstallGroupId"`
	Direction string `json:"direction"`
	Wait      bool   `json:"waitForAnswer"`
	To        string `json:"to"`
}

func (c *called) settings() settings {
	if c.read == nil {
		c.read = &settings{}
		_ = json.Unmarshal(c.Settings, c.read) // what the app has normalised
	}
	return *c.read
}

// gives says whether it gives or takes away.
func (c *called) gives() bool {
	direction := c.settings().Direction
	return direction == "add" || direction != "remove" && c.Stage != governance.StageRequestRemoved
}

// work is what it is, as crash points are counted by.
func (c *called) work() string {
	s := c.settings()
	switch c.Kind {
	case kindPass:
		return map[string]string{"teams": "pass by teams", "show": "pass shown"}[s.DeliverTo] + map[bool]string{true: "pass by mail"}[s.DeliverTo == "manager" || s.DeliverTo == "requestor"]
	case kindGroup:
		return map[bool]string{true: "group add", false: "group remove"}[c.gives()]
	case kindApp:
		return map[bool]string{true: "app install", false: "app uninstall"}[c.gives()]
	case kindTicket:
		return map[bool]string{true: "ticket with answer", false: "ticket"}[s.Wait]
	default:
		return map[string]string{kindSessions: "sessions", kindMail: "mail", kindWebhook: "webhook"}[c.Kind]
	}
}

// wants says which groups the person is to be in when it is done, and which not.
func (c *called) wants() map[string]bool {
	switch give := c.gives(); c.Kind {
	case kindGroup:
		return map[string]bool{c.settings().GroupID: give}
	case kindApp:
		return map[string]bool{c.settings().Install: give, c.settings().Uninstall: !give && c.FollowUpDateTime != nil}
	default:
		return nil
	}
}

// claims is what no other callout about the same person may work on.
func (c *called) claims() string {
	switch c.Kind {
	case kindPass:
		return "pass"
	case kindGroup:
		return c.settings().GroupID
	case kindApp:
		return c.settings().AppID
	default:
		return ""
	}
}

// newest is the callout that was accepted last among those about the same.
func (l *book) newest(c *called) *called {
	newest := c
	for _, id := range l.accepted[c.number:] {
		if other := l.callouts[id]; c.claims() != "" && other.claims() == c.claims() && other.partition == c.partition {
			newest = other
		}
	}
	return newest
}

func (l *book) struck(id string) {
	if c := l.callouts[id]; c != nil {
		c.struck = true
	}
}

func (l *book) forbade(t *task) {
	if c := l.callouts[t.callout]; c != nil {
		c.forbidden = true
	}
}

// working is the callout that the present invocation works on.
func (l *book) working() *called {
	if t := l.world.current; t != nil {
		return l.callouts[t.callout]
	}
	return nil
}

// did: something that cannot be taken back was done, for a callout of that kind, about that person, once.
func (l *book) did(kind, target string) {
	c := l.working()
	if c == nil || c.Kind != kind || target != "" && c.Target.ObjectID != target || c.State == governance.TaskAccepted {
		l.world.fail("effect", "", "%s was done for %s, and no callout wants it", kind, l.world.nameOf(target))
		return
	}
	if c.did[kind]++; c.did[kind] > 1 && !c.struck {
		l.world.fail("twice", c.partition, "%s was done twice for the callout %s, although nothing went wrong", kind, c.ID)
	}
}

// delivered: a receiver got something. At least once, but then the same.
func (l *book) delivered(delivery, body string) {
	l.world.leaks("a webhook or a ticket", body)
	c := l.working()
	if c == nil || c.ID != delivery {
		l.world.fail("effect", "", "a delivery has the id %s, which is not that of the callout it is for", delivery)
		return
	}
	l.did(c.Kind, "")
	l.sentBody(c, body)
}

func (l *book) sentBody(c *called, body string) {
	if c.bodies[body] = true; len(c.bodies) > 1 {
		l.world.fail("twice", c.partition, "two different things were sent for the callout %s", c.ID)
	}
}

// mailed: a mail for a callout goes to whom it is for.
func (l *book) mailed(mail governance.Mail) {
	c := l.working()
	if c == nil {
		l.world.leaks("a mail", mail.Text+mail.HTML+mail.Subject)
		l.notified(mail)
		return
	}
	to := map[string]string{"": c.wait.target.ManagerID, "manager": c.wait.target.ManagerID, "requestor": c.wait.requestor.ID, "target": c.wait.target.ID}[c.settings().To+c.settings().DeliverTo]
	p := l.world.tenant.byID[to]
	for _, was := range c.wait.target.versions(l.world.current.began) { // the manager may have changed since they were looked up
		if manager := l.world.tenant.byID[was.ManagerID]; to == c.wait.target.ManagerID && manager != nil && len(mail.To) == 1 && mail.To[0] == manager.Mail {
			p = manager
		}
	}
	if p == nil || len(mail.To) != 1 || mail.To[0] != p.Mail {
		l.world.fail("effect", c.partition, "the mail for the callout %s went to %v, not to %s", c.ID, mail.To, l.world.nameOf(to))
	}
	switch c.Kind {
	case kindMail:
		l.world.leaks("a mail", mail.Text+mail.HTML+mail.Subject)
		l.did(kindMail, "")
		l.sentBody(c, text(mail))
	case kindPass:
		l.world.leaks("the subject of a mail", mail.Subject)
		l.handed(mail.Text)
	}
}

// handed: a pass is on its way to whom it is for.
func (l *book) handed(message string) {
	c := l.working()
	for _, one := range l.passes {
		if strings.Contains(message, one.value) {
			if one.delivered = true; c == nil || one.callout != c.ID {
				l.world.fail("effect", "", "a pass was sent for another callout than its own")
			}
			return
		}
	}
	l.world.fail("effect", "", "a message that should have a pass has none")
}

// passIssued: for a callout that is being worked on, and never a second one.
func (l *book) passIssued(userID string, made governance.AccessPass, value string) {
	c := l.working()
	if c == nil || c.Kind != kindPass || c.Target.ObjectID != userID {
		l.world.fail("effect", "", "a pass was issued for %s, and no callout wants it", l.world.nameOf(userID))
		return
	}
	for _, one := range l.passes {
		if one.holder.ID == userID && one.valid(l.world.clock.Now()) {
			l.world.fail("passes", c.partition, "%s has two passes", one.holder.name)
		}
	}
	l.passes = append(l.passes, &pass{AccessPass: made, value: value, holder: l.world.tenant.byID[userID], callout: c.ID, live: true})
}

// passDeleted: what was delivered is replaced by a newer callout only.
func (l *book) passDeleted(id string) {
	for _, one := range l.passes {
		if one.ID != id {
			continue
		}
		c := l.callouts[one.callout]
		unseen := c.work() == "pass shown" && c.shown == 0 // who looked was told of a failure, and nobody has it
		if one == c.pass && !unseen && one.valid(l.world.clock.Now()) && l.newest(c) == c {
			l.world.fail("passes", c.partition, "the pass of %s, which the callout %s has delivered, was taken away", one.holder.name, c.ID)
		}
		one.live = false
	}
}

// moved: nobody is put into a group of the actions, or out of it, but for a callout that wants it.
func (l *book) moved(group, userID string, in bool) {
	if l.world.tenant.byID[userID] != nil {
		for _, c := range l.callouts {
			wants, touches := c.wants()[group]
			if touches && c.Target.ObjectID == userID && c.State != governance.TaskAccepted && (wants == in || group == uninstallID) {
				return
			}
		}
	}
	l.world.fail("effect", "", "%s was put into %s (%t), and no callout wants it", l.world.nameOf(userID), l.world.groupName(group), in)
}

// isOfActions says whether a group is one that actions are about.
func isOfActions(group string) bool {
	return slices.Contains([]string{teamID, clubID, goneID, installID, uninstallID}, group)
}

// actionChanged keeps each version of an action.
func (l *book) actionChanged(action governance.CalloutAction) {
	if l.actions[action.Name] == nil {
		l.actions[action.Name] = map[string]bool{}
	}
	if action.Enabled() {
		l.actions[action.Name][string(action.Settings)+string(action.OnFailure)] = true
	}
}

// calloutChanged checks what happened to a callout.
func (c *commit) calloutChanged(next governance.Task) {
	l := c.ledger
	w := l.world
	now := w.clock.Now()
	w.report.States["callout "+string(next.State)]++
	known := l.callouts[next.ID]
	if known == nil {
		if known = c.calloutAccepted(next); known == nil {
			return
		}
	}
	before := known.Task
	known.Task = next
	if !slices.Contains(afterwards[before.State], next.State) {
		c.broken("transition", "the callout %s went from %q to %s", next.ID, before.State, next.State)
	}
	if before.State != "" && (text(before.Settings) != text(next.Settings) || before.Target != next.Target || before.Waits != next.Waits || before.Claim != next.Claim || before.DeadlineTime.Instant() != next.DeadlineTime.Instant()) {
		c.broken("transition", "the callout %s is about something else than it was", next.ID)
	}
	undone := before.FollowUpDateTime != nil && next.FollowUpDateTime == nil
	if (before.State != next.State && next.State != governance.TaskWorking || undone) &&
		!slices.ContainsFunc(c.entries, func(e governance.AuditEntry) bool {
			return e.TargetID == next.ID && e.Activity == governance.ActivityTask
		}) {
		c.broken("audit", "the callout %s went from %q to %s without an audit entry", next.ID, before.State, next.State)
	}
	if undone && now.Before(before.FollowUpDateTime.Instant()) {
		c.broken("followUp", "the callout %s was followed up before its time", next.ID)
	}
	if before.State == next.State {
		return
	}
	s := known.wait
	switch next.State {
	case governance.TaskSucceeded:
		c.calloutSucceeded(known)
	case governance.TaskTimedOut:
		if s.answered() || now.Before(next.DeadlineTime.Instant()) {
			c.broken("answers", "the callout %s has timed out at %s, its time was over at %s, and it was answered: %t", next.ID, now, next.DeadlineTime, s.answered())
		}
	case governance.TaskResumed:
		if !s.waits || !s.answered() && !known.struck {
			c.broken("answers", "the callout %s is said to be answered, but its source has no answer", next.ID)
		}
	case governance.TaskNotResumed:
		if !s.waits || s.answered() && !known.struck {
			c.broken("answers", "the callout %s is said not to be answered, but its source has an answer", next.ID)
		}
	case governance.TaskAccepted, governance.TaskWorking, governance.TaskWaiting, governance.TaskFailed:
	}
	if next.State == governance.TaskFailed || next.State == governance.TaskTimedOut {
		for _, one := range l.passes {
			if one.callout == next.ID && one.valid(now) && !one.delivered && l.newest(known) == known && !known.forbidden && !one.holder.away && !one.holder.gone { // of who is deleted nothing can be taken
				c.broken("passes", "the callout %s is %s, and its pass for %s is still there, which nobody has", next.ID, next.State, one.holder.name)
			}
		}
	}
}

// calloutAccepted: a source has sent it, for an action that is configured so, and something will work on it.
func (c *commit) calloutAccepted(next governance.Task) *called {
	l := c.ledger
	at := slices.IndexFunc(l.waits, func(s *wait) bool {
		return s.action == next.Action && s.request == next.RequestID && s.instance == next.StageInstanceID && s.stage == next.Stage
	})
	if at < 0 {
		c.broken("callout", "nobody has sent the callout %s", next.ID)
		return nil
	}
	s := l.waits[at]
	known := &called{partition: c.partition, wait: s, number: len(l.accepted), did: map[string]int{}, bodies: map[string]bool{}}
	if s.made != nil {
		c.broken("callout", "one callout is accepted as %s and as %s", s.made.ID, next.ID)
	}
	s.made = known
	if next.Target.ObjectID != s.target.ID || next.Waits != s.waits || s.waits && next.ResumePath != s.path {
		c.broken("callout", "the callout %s is not what its source has sent", next.ID)
	}
	if !l.actions[next.Action][string(next.Settings)+string(next.OnFailure)] {
		c.broken("callout", "the action %s never was like the callout %s has it, and switched on", next.Action, next.ID)
	}
	if !slices.ContainsFunc(c.effects, func(e governance.Effect) bool { return e.What == governance.WorkTask && e.About == next.ID }) {
		c.broken("effect", "the callout %s is accepted, but nothing will work on it", next.ID)
	}
	stages := governance.TaskStages()
	for _, other := range l.callouts {
		if other.RequestID == next.RequestID && other.partition == c.partition && slices.Index(stages, other.Stage) > slices.Index(stages, next.Stage) {
			c.broken("callout", "the callout %s for the stage %s is accepted after one for %s", next.ID, next.Stage, other.Stage)
		}
	}
	l.callouts[next.ID] = known
	l.accepted = append(l.accepted, next.ID)
	l.world.tenant.names[next.ID] = "c" + next.ID[:7]
	return known
}

// calloutSucceeded: what it says is done was done.
func (c *commit) calloutSucceeded(known *called) {
	l := c.ledger
	now := l.world.clock.Now()
	switch known.Kind {
	case kindSessions, kindMail, kindWebhook, kindTicket:
		if known.did[known.Kind] == 0 {
			c.broken("effect", "the callout %s has succeeded, and nothing was done", known.ID)
		}
	case kindPass:
		if l.newest(known) != known {
			return
		}
		at := slices.IndexFunc(l.passes, func(one *pass) bool { return one.callout == known.ID && one.live })
		if at < 0 {
			c.broken("passes", "the callout %s has succeeded, and there is no pass", known.ID)
			return
		}
		if known.settings().DeliverTo == "show" {
			l.passes[at].delivered = true
		}
		known.pass = l.passes[at]
		if one := known.pass; !one.delivered && one.valid(now) {
			c.broken("passes", "the callout %s has succeeded, and nobody has the pass of %s", known.ID, one.holder.name)
		}
	case kindApp:
		if !known.gives() && known.FollowUpDateTime == nil {
			c.broken("followUp", "the callout %s has put %s into the group for uninstalling for ever", known.ID, known.wait.target.name)
		}
	}
}

// checkClaims: who was accepted last has what it is about, as long as something is left to do.
func (c *commit) checkClaims(s *subject) {
	l := c.ledger
	for _, next := range c.callouts {
		known := l.callouts[next.ID]
		if known == nil || next.Claim == "" || l.newest(known) != known || !next.State.IsOpen() && next.FollowUpDateTime == nil {
			continue
		}
		if !slices.Contains(s.head.Claims, governance.TaskClaim{Key: next.Claim, TaskID: next.ID}) {
			c.broken("claims", "the callout %s is the newest about %s, and the head does not know", next.ID, next.Claim)
		}
	}
}

// verifyCallouts: what was accepted has come to its end, or waits for somebody with time left; people are in the groups that the newest callouts want; and nothing that was for a time lasts.
func (w *world) verifyCallouts(when string, allTimeIsUp bool) {
	l := w.ledger
	now := w.clock.Now()
	for _, s := range w.ledger.waits {
		if s.id != "" && l.callouts[s.id] == nil {
			w.fail("answer", s.target.subject, "%s: the callout %s was accepted, and is not there", when, s.id)
		}
	}
	for _, id := range l.accepted {
		c := l.callouts[id]
		untold := c.Waits && (c.State == governance.TaskSucceeded || c.State == governance.TaskFailed)
		if (c.State.IsOpen() || untold) && (allTimeIsUp || !now.Before(c.DeadlineTime.Instant()) || !c.struck && c.State != governance.TaskWaiting) {
			w.fail("stuck", c.partition, "%s: the callout %s (%s) is still %s, its time is over at %s", when, id, c.work(), c.State, c.DeadlineTime)
		}
		if c.FollowUpDateTime != nil && (allTimeIsUp || !now.Before(c.FollowUpDateTime.Instant()) && !c.State.IsOpen()) {
			w.fail("followUp", c.partition, "%s: the callout %s is not followed up", when, id)
		}
	}
	for _, p := range w.tenant.people {
		for _, group := range []string{teamID, clubID, installID, uninstallID} {
			if !p.gone && (group != clubID || !w.tenant.clubGone) {
				w.verifyMember(when, p, group)
			}
		}
	}
}

// verifyMember holds a membership against what the newest callout about it wants.
func (w *world) verifyMember(when string, p *person, group string) {
	var newest *called
	pending := false // somebody will still take the person out
	for _, id := range w.ledger.accepted {
		c := w.ledger.callouts[id]
		if _, touches := c.wants()[group]; touches && c.Target.ObjectID == p.ID {
			newest = c
			pending = pending || c.State.IsOpen() || c.FollowUpDateTime != nil || c.forbidden
		}
	}
	has := w.directory.IsMember(group, p.ID)
	switch {
	case newest == nil:
		if has {
			w.fail("leak", p.subject, "%s: %s is in %s, and no callout wants it", when, p.name, w.groupName(group))
		}
	case newest.Succeeded && has != newest.wants()[group] && !(newest.forbidden && group == uninstallID):
		w.fail("newest", newest.partition, "%s: %s is in %s: %t, and the newest callout about it, %s, has made it otherwise", when, p.name, w.groupName(group), has, newest.ID)
	case !newest.Succeeded && group == uninstallID && has && !pending:
		w.fail("followUp", newest.partition, "%s: %s stays in %s for ever", when, p.name, w.groupName(group))
	}
}
