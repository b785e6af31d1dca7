package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"latchkey/shared/app/companion"
	directorymemory "latchkey/shared/directory/memory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

// The kinds of actions.
const (
	kindPass     = "temporaryAccessPass"
	kindGroup    = "groupMembership"
	kindApp      = "intuneApp"
	kindSessions = "revokeSessions"
	kindMail     = "sendMail"
	kindWebhook  = "webhook"
	kindTicket   = "ticket"
)

// The groups and the app that actions are about; no access package knows of them.
var (
	teamID, clubID, goneID    = groupID("team"), groupID("club"), groupID("gone")
	installID, uninstallID    = groupID("install"), groupID("uninstall")
	editorID, goneAppID       = governance.NameID("app:editor"), governance.NameID("app:gone")
	entitlement, workflows    = "810dcf14-1858-4bf2-8134-4c369fa3235b", "ce79fdc4-cd1d-4ea5-8139-e74d7dbe0bb7"
	catalogOfAll, workflowOne = governance.NameID("catalog:all"), governance.NameID("workflow:one")
)

// editor is settings about an app; that which is gone has groups of its own, which are gone with it: of two apps with the same groups none would know of the other's callouts.
func editor(app, days, direction string) string {
	install, uninstall := installID, uninstallID
	if app == goneAppID {
		install, uninstall = goneID, groupID("gone, too")
	}
	return `{"mobileAppId":"` + app + `","installGroupId":"` + install + `","uninstallGroupId":"` + uninstall + `","uninstallFor":"` + days + `","direction":"` + direction + `"}`
}

// configured is what each action may be set to; the first is how it begins.
var configured = []struct {
	name, kind string
	work       []string // that come of it
	settings   []string
}{
	{"pass-mail", kindPass, []string{"pass by mail"}, []string{`{"deliverTo":"manager"}`, `{"deliverTo":"requestor","lifetimeInMinutes":1440}`, `{"startsAfter":"PT5H","isUsableOnce":false}`}},
	{"pass-teams", kindPass, []string{"pass by teams"}, []string{`{"deliverTo":"teams","teamsSecret":"teams"}`}},
	{"pass-show", kindPass, []string{"pass shown", "look"}, []string{`{"deliverTo":"show"}`}},
	{"pass-show-soon", kindPass, []string{"pass shown", "look"}, []string{`{"deliverTo":"show","lifetimeInMinutes":240}`}},
	{"team", kindGroup, []string{"group add", "group remove"}, []string{`{"groupId":"` + teamID + `"}`, `{"groupId":"` + clubID + `"}`, `{"groupId":"` + goneID + `"}`}},
	{"team-again", kindGroup, []string{"group add", "group remove"}, []string{`{"groupId":"` + teamID + `"}`, `{"groupId":"` + teamID + `","direction":"add"}`, `{"groupId":"` + teamID + `","direction":"remove"}`}},
	{"editor", kindApp, []string{"app install", "app uninstall"}, []string{editor(editorID, "P1D", "byStage"), editor(editorID, "P30D", "byStage"), editor(goneAppID, "P2D", "byStage")}},
	{"editor-out", kindApp, []string{"app uninstall"}, []string{editor(editorID, "P3D", "remove")}},
	{"sign-out", kindSessions, []string{"sessions"}, []string{`{}`}},
	{"mail", kindMail, []string{"mail"}, []string{`{"subject":"{{calloutId}}","lines":["{{target.displayName}}"]}`, `{"to":"requestor","subject":"{{calloutId}}","lines":["x"]}`}},
	{"hook", kindWebhook, []string{"webhook"}, []string{`{"url":"` + hookURL + `","secret":"key"}`}},
	{"hook-gone", kindWebhook, []string{"webhook"}, []string{`{"url":"` + brokenURL + `","secret":"key"}`}},
	{"ticket", kindTicket, []string{"ticket with answer", "answer"}, []string{`{"url":"` + deskURL + `","answerSecret":"answers","numberPath":"result.number","body":{"id":"{{ticket.id}}","key":"{{ticket.key}}"},"find":{"url":"` + deskURL + `?id={{ticket.id}}","numberPath":"result.0.number"}}`, `{"url":"` + brokenURL + `","answerSecret":"answers","numberPath":"result.number","body":{}}`}},
	{"ticket-lost", kindTicket, []string{"ticket with answer"}, []string{`{"url":"` + brokenURL + `","answerSecret":"answers","numberPath":"result.number","body":{}}`}},
	{"ticket-gone", kindTicket, []string{"ticket"}, []string{`{"url":"` + brokenURL + `","waitForAnswer":false,"numberPath":"result.number","body":{}}`}},
	{"ticket-only", kindTicket, []string{"ticket"}, []string{`{"url":"` + deskURL + `","waitForAnswer":false,"numberPath":"result.number","body":{"id":"{{ticket.id}}","key":"{{ticket.key}}"}}`}},
}

// makeActions puts groups, an app and people for the actions into the directory, and configures them.
func (w *world) makeActions() {
	t := &w.tenant
	for _, name := range []string{"team", "club", "install", "uninstall"} {
		id := groupID(name)
		t.names[id] = name
		w.directory.PutGroup(governance.Group{ID: id, DisplayName: name, SecurityEnabled: true})
	}
	w.directory.PutApp(governance.MobileApp{ID: editorID, DisplayName: "Editor"})
	w.directory.PutRole(t.admin.ID, governance.RoleGlobalAdministrator)
	for _, one := range configured {
		w.do("action "+one.name, func(ctx context.Context, a *process) error {
			draft := governance.CalloutAction{Kind: one.kind, Settings: json.RawMessage(one.settings[0]), OnFailure: governance.FailureDenies}
			_, err := a.PutAction(ctx, t.admin.caller, one.name, "", as(draft))
			return err
		})
	}
}

// as makes an action what draft says.
func as(draft governance.CalloutAction) func(*governance.CalloutAction) error {
	return func(action *governance.CalloutAction) error {
		*action = draft
		return nil
	}
}

// callOut has a source send a callout, often about somebody and something that another is about.
func (w *world) callOut(o op) {
	l := o.luck
	which := one(l, configured)
	if w.favoured >= 0 && l.odds(0.7) {
		which = configured[w.favoured]
		if next := map[string]func(op){"pass-show": w.look, "pass-show-soon": w.look, "ticket": w.answerTicket}[which.name]; next != nil && l.odds(0.5) {
			next(o)
			return
		}
	}
	s := &wait{action: which.name, target: one(l, w.tenant.hires), requestor: one(l, w.tenant.requestors), waits: l.odds(0.75)}
	if l.odds(0.06) {
		s.target = w.tenant.admin
	}
	s.request, s.instance = governance.NameID(fmt.Sprint("request:", o.number)), governance.NameID(fmt.Sprint("instance:", o.number))
	switch draw := l.below(20); {
	case draw < 8:
		s.stage = governance.StageRequestGranted
	case draw < 14:
		s.stage = governance.StageRequestRemoved
	case draw < 16:
		s.stage = governance.StageRequestApproved
	case draw < 17:
		s.stage = governance.StageRequestCreated
	case draw < 18:
		s.stage, s.waits = governance.StageOneDayBefore, false
	default:
		s.stage = governance.StageLifecycleTask
	}
	if earlier := w.ledger.waits; len(earlier) > 0 && s.stage != governance.StageLifecycleTask && l.odds(0.12) { // another stage of a request of before
		before := one(l, earlier)
		s.request, s.target = before.request, before.target
	}
	w.compose(s, l)
	w.ledger.waits = append(w.ledger.waits, s)
	w.sendCallout(o, s)
}

// compose writes the payload: native, within the envelope, or that of a task.
func (w *world) compose(s *wait, l *luck) {
	now := w.clock.Now()
	s.caller = governance.Caller{Kind: governance.CallerExtension, TenantID: "tenant", ObjectID: personID("entra"), AppID: entitlement}
	if s.stage == governance.StageLifecycleTask {
		s.caller.AppID = workflows
		s.path = "/identityGovernance/lifecycleWorkflows/workflows/" + workflowOne + "/tasks/" + workflowOne + "/taskProcessingResults/" + s.request + "/resume"
		s.instance = ""
		s.ends = now.Add(3 * time.Hour)
		data := map[string]any{
			"subject": map[string]any{"id": s.target.ID, "displayName": s.target.name}, "workflow": map[string]any{"id": workflowOne}, "task": map[string]any{"id": workflowOne},
			"taskProcessingResult": map[string]any{"id": s.request, "createdDateTime": now},
		}
		if s.waits {
			data["callbackUriPath"] = s.path
		}
		s.payload = []byte(text(map[string]any{"source": "x", "type": "lifecycleEvent", "data": data}))
		return
	}
	s.path = "/identityGovernance/entitlementManagement/assignmentRequests/" + s.request + "/resume"
	wait := one(l, []string{"PT10M", "PT1H", "PT8H", "P1D", "P14D", ""})
	switch s.action {
	case "pass-show", "ticket": // people take their time
		wait = one(l, []string{"P14D", wait})
	case "pass-show-soon":
		wait = one(l, []string{"PT10M", "PT1H"})
	}
	s.ends = now.Add(map[string]time.Duration{"PT10M": 10 * time.Minute, "PT1H": time.Hour, "PT8H": 8 * time.Hour, "P1D": 24 * time.Hour}[wait])
	if s.ends.Equal(now) {
		s.ends = now.Add(14 * 24 * time.Hour)
	}
	var callback any
	if s.waits {
		callback = map[string]any{"durationBeforeTimeout": wait}
	}
	body := map[string]any{
		"accessPackageAssignmentRequestId": s.request, "customExtensionStageInstanceId": s.instance, "stage": s.stage, "callbackConfiguration": callback,
		"accessPackageCatalog": map[string]any{"id": catalogOfAll}, "assignment": map[string]any{"id": s.request, "target": map[string]any{"objectId": s.target.ID, "displayName": s.target.name}},
		"requestor": map[string]any{"objectId": s.requestor.ID, "displayName": s.requestor.name},
	}
	if l.odds(0.3) {
		body = map[string]any{"source": "x", "data": body}
	}
	s.payload = []byte(text(body))
}

func (w *world) sendCallout(o op, s *wait) {
	o.work = "accept"
	w.call(o, "entra", 1, func(ctx context.Context, a *process) error {
		answer, err := a.AcceptTask(ctx, s.caller, s.action, s.payload)
		if err != nil {
			return err
		}
		c := w.ledger.callouts[answer.ID]
		switch {
		case c == nil || c.wait != s:
			w.fail("answer", s.target.subject, "the callout %s was accepted, but is not there", answer.ID)
		case s.id != "" && s.id != answer.ID:
			w.fail("answer", s.target.subject, "one callout was accepted as %s and as %s", s.id, answer.ID)
		}
		s.id = answer.ID
		return nil
	}, nil)
}

// repeatCallout has a source send again what it sent.
func (w *world) repeatCallout(o op) {
	if len(w.ledger.waits) > 0 {
		w.sendCallout(o, one(o.luck, w.ledger.waits[max(0, len(w.ledger.waits)-6):]))
	}
}

// withdraw ends a request at the source: it waits no more.
func (w *world) withdraw(o op) {
	var open []*wait
	for _, s := range w.ledger.waits {
		if s.waits && !s.answered() && !s.withdrawn {
			open = append(open, s)
		}
	}
	if len(open) > 0 {
		s := one(o.luck, open)
		s.withdrawn = true
		w.note(nil, s.target.subject, "op%d: the source withdraws %s", o.number, s.request)
		w.report.Operations[o.name]++
	}
}

// answerTicket has the service desk answer a ticket: sometimes twice, sometimes two at once, sometimes late.
func (w *world) answerTicket(o op) {
	var open []*ticket
	for _, t := range w.ledger.tickets {
		if c := w.ledger.callouts[t.callout]; c != nil && t.key != "" && (c.State.IsOpen() || o.luck.odds(0.1)) {
			open = append(open, t)
		}
	}
	if len(open) == 0 {
		return
	}
	t := one(o.luck, open)
	o.work, o.callout = "answer", t.callout
	for at := range 1 + o.luck.below(2) {
		status := one(o.luck, []string{"completed", "completed", "failed"})
		key := t.key
		if o.luck.odds(0.05) {
			key = t.key[:len(t.key)-1] + "!"
		}
		w.call(o, fmt.Sprint("desk", at), 1, func(ctx context.Context, a *process) error {
			_, err := a.AnswerTicket(ctx, t.id, key, companion.TicketAnswer{Status: status, Detail: fmt.Sprint("by ", at)})
			return err
		}, func(err error) {
			if err != nil {
				return
			}
			c := w.ledger.callouts[t.callout]
			if t.taken++; t.taken > 1 || key != t.key || c.State.IsOpen() || c.State == governance.TaskTimedOut || c.Succeeded != (status == "completed") {
				w.fail("ticket", c.partition, "answer %d to the ticket of the callout %s was taken as %s; the callout is %s", t.taken, c.ID, status, c.State)
			}
		})
	}
}

// look has who asked for a pass look at it: sometimes from two windows at once, and sometimes it is somebody else.
func (w *world) look(o op) {
	var ready []*called
	for _, id := range w.ledger.accepted {
		if c := w.ledger.callouts[id]; c.work() == "pass shown" && (c.State == governance.TaskWaiting && (w.ledger.newest(c) == c && c.aimed == 0 || o.luck.odds(0.1)) || o.luck.odds(0.05)) { // who saw it fail may give up
			ready = append(ready, c)
		}
	}
	if len(ready) == 0 {
		return
	}
	c := one(o.luck, ready)
	o.work, o.callout, o.partial = "look", c.ID, true
	for at := range 1 + o.luck.below(2) {
		p := c.wait.requestor
		if o.luck.odds(0.05) {
			p = one(o.luck, w.tenant.people)
		}
		var shown companion.ShownPass
		w.call(o, fmt.Sprint(p.name, at), 1, func(ctx context.Context, a *process) (err error) {
			shown, err = a.ShowPass(ctx, p.caller, c.ID)
			return err
		}, func(err error) {
			if err != nil {
				return
			}
			if c.shown++; c.shown > 1 || p != c.wait.requestor {
				w.fail("shown", c.partition, "the pass of the callout %s was shown %d times, the last to %s", c.ID, c.shown, p.name)
			}
			if !slices.ContainsFunc(w.ledger.passes, func(one *pass) bool { return one.value == shown.Value.Reveal() && one.callout == c.ID }) {
				w.fail("shown", c.partition, "what was shown for the callout %s is no pass of its own", c.ID)
			}
		})
	}
}

// editAction changes an action, switches it off or on, deletes it or makes it anew.
func (w *world) editAction(o op) {
	which := one(o.luck, configured)
	enabled := o.luck.odds(0.85)
	draft := governance.CalloutAction{Kind: which.kind, Settings: json.RawMessage(one(o.luck, which.settings)), IsEnabled: &enabled}
	if o.luck.odds(0.5) {
		draft.OnFailure = governance.FailureDenies
	}
	remove := o.luck.odds(0.1)
	w.managed(o, func(ctx context.Context, a *process, caller governance.Caller) error {
		if remove {
			return a.DeleteAction(ctx, caller, which.name, ledger.AnyETag)
		}
		match := ledger.AnyETag
		if _, there := w.ledger.documents[key{store.Catalogs, "tenant", "action:" + which.name}]; !there {
			match = ""
		}
		_, err := a.PutAction(ctx, caller, which.name, match, as(draft))
		return err
	})
}

// tenantChanges is what an administrator of the tenant does without a word: people go, groups go, policies change.
func (w *world) tenantChanges(o op) {
	what := ""
	switch o.luck.below(8) {
	case 0:
		p := one(o.luck, w.tenant.leavers)
		p.gone = true
		_ = w.directory.Delete(directorymemory.KindUser, p.ID) // may have gone before
		what = p.name + " is gone"
	case 1:
		_ = w.directory.Delete(directorymemory.KindGroup, clubID)
		w.tenant.clubGone = true
		what = "the club is gone"
	case 2:
		w.directory.PutPassPolicy(governance.PassPolicy{})
		what = "passes are forbidden"
	case 3:
		w.directory.PutPassPolicy(governance.PassPolicy{Enabled: true, MinimumMinutes: 10, MaximumMinutes: 43200, OnlyOnce: true})
		what = "passes may be long"
	default:
		w.directory.PutPassPolicy(governance.PassPolicy{Enabled: true, MinimumMinutes: 60, MaximumMinutes: 480})
		what = "passes are allowed"
	}
	w.report.Operations[o.name]++
	w.note(nil, "", "op%d: %s", o.number, what)
}
