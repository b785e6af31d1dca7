package companion

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
	"time"

	"latchkey/shared/app/authz"
	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
)

// The Temporary Access Pass (BEY-26, BEY-27).
var _ = declare(ActionKind{
	Kind:        "temporaryAccessPass",
	DisplayName: "Temporary Access Pass",
	Description: "Issues a Temporary Access Pass to the person whom the request is for, within the tenant's policy, and delivers it to the manager, to the person who asked, by Teams, or shows it once.",
	Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{
		"lifetimeInMinutes":{"type":"integer","minimum":10,"maximum":43200,"default":60},
		"isUsableOnce":{"type":"boolean","default":true},
		"startsAfter":{"type":"string","format":"duration","description":"How long after the callout the pass becomes valid, such as PT8H."},
		"deliverTo":{"enum":["manager","requestor","teams","show"],"default":"manager"},
		"teamsSecret":{"type":"string","description":"With teams: the name of the secret that holds the address of the webhook."},
		"allowPrivileged":{"not":{},"description":"is the app setting PassAllowPrivileged now, and none of an action: who configures actions does not say who may have a pass"},
		"allowedRoles":{"not":{},"description":"is the app setting PassAllowedRoles now, and none of an action: who configures actions does not say who may have a pass"}}}`),
	Permissions: [][]string{
		{"UserAuthMethod-TAP.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All"},
		{"Policy.Read.AuthenticationMethod", "Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"},
		{"RoleManagement.Read.Directory", "RoleManagement.Read.All", "RoleManagement.ReadWrite.Directory"},
		{"PrivilegedEligibilitySchedule.Read.AzureADGroup", "PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup"},
		{"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"},
	},
}, func() plan { return &passPlan{UsableOnce: true} })

// The ways to deliver a pass beside those of an addressee.
const (
	byTeams  = "teams"
	byShow   = "show"
	maxStart = 30 * 24 * time.Hour

	// startMargin is how far ahead a start must be not to be past by Graph's clock when it gets there.
	startMargin = time.Minute
)

type passPlan struct {
	Minutes     int                 `json:"lifetimeInMinutes"`
	UsableOnce  bool                `json:"isUsableOnce"`
	StartsAfter governance.Duration `json:"startsAfter,omitzero"`
	DeliverTo   string              `json:"deliverTo"`
	TeamsSecret string              `json:"teamsSecret,omitempty"`

	// Who configures an action does not say for whom of those with directory roles there are passes; these are refused by name.
	AllowPrivileged json.RawMessage `json:"allowPrivileged,omitempty"`
	AllowedRoles    json.RawMessage `json:"allowedRoles,omitempty"`
}

func (p *passPlan) validate() error {
	p.Minutes, p.DeliverTo = cmp.Or(p.Minutes, 60), cmp.Or(p.DeliverTo, toManager)
	epoch := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	switch {
	case p.Minutes < 10 || p.Minutes > 43200:
		return governance.Invalid("lifetimeInMinutes", "lifetimeInMinutes is from 10 to 43200.")
	case !slices.Contains([]string{toManager, toRequestor, byTeams, byShow}, p.DeliverTo):
		return governance.Invalid("deliverTo", "deliverTo is manager, requestor, teams or show.")
	case p.DeliverTo == byTeams && !platform.IsSecretName(p.TeamsSecret):
		return governance.Invalid("teamsSecret", "teamsSecret names the secret that holds the webhook's address: letters, digits and _.")
	case p.DeliverTo != byTeams && p.TeamsSecret != "":
		return governance.Invalid("teamsSecret", "teamsSecret is for deliverTo teams.")
	case p.StartsAfter.AddTo(epoch).Before(epoch) || p.StartsAfter.AddTo(epoch).After(epoch.Add(maxStart)):
		return governance.Invalid("startsAfter", "startsAfter is at most P30D.")
	case len(p.AllowPrivileged) > 0:
		return governance.Invalid("allowPrivileged", "allowPrivileged is the app setting PassAllowPrivileged now, and none of an action; leave it out.")
	case len(p.AllowedRoles) > 0:
		return governance.Invalid("allowedRoles", "allowedRoles is the app setting PassAllowedRoles now, and none of an action; leave it out.")
	}
	return nil
}

// address is the need of the address of a channel.
func (p *passPlan) address() need {
	return need{"teamsSecret", p.TeamsSecret, platform.SecretAddress, ""}
}

func (p *passPlan) needs() []need {
	if p.DeliverTo != byTeams {
		return nil
	}
	return []need{p.address()}
}

func (p *passPlan) claim() string { return "temporaryAccessPass" }

func (p *passPlan) preflight(ctx context.Context, c *checkup) {
	policy, err := c.Actions.PassPolicy(ctx)
	switch {
	case err != nil:
		c.wrong("policy", "The policy of Temporary Access Passes cannot be read: "+classOf(err)+".")
	case !policy.Enabled:
		c.wrong("policy", "The authentication methods policy does not allow Temporary Access Passes; enable them in Entra.")
	default:
		if minutes, cut := within(p.Minutes, policy); cut != "" {
			c.warn("lifetimeInMinutes", fmt.Sprintf("The policy allows from %d to %d minutes: passes will be valid for %d.", policy.MinimumMinutes, policy.MaximumMinutes, minutes))
		}
		if policy.OnlyOnce && !p.UsableOnce {
			c.warn("isUsableOnce", "The policy allows passes that are usable once only: they will be.")
		}
	}
	switch p.DeliverTo {
	case byTeams:
		if address, err := p.address().of(c.Secrets); err == nil && c.Outbound.Allowed(address.Reveal()) != nil {
			c.wrong("teamsSecret", "The secret "+p.TeamsSecret+" is no address that may be called.")
		}
	case toManager, toRequestor:
		c.permission("Mail.Send")
		c.sender()
	}
}

// within cuts a lifetime to the policy, and says so.
func within(minutes int, policy governance.PassPolicy) (int, string) {
	switch {
	case minutes > policy.MaximumMinutes:
		return policy.MaximumMinutes, fmt.Sprintf(" The lifetime was cut from %d to %d minutes, the most that the tenant's policy allows.", minutes, policy.MaximumMinutes)
	case minutes < policy.MinimumMinutes:
		return policy.MinimumMinutes, fmt.Sprintf(" The lifetime was raised from %d to %d minutes, the least that the tenant's policy allows.", minutes, policy.MinimumMinutes)
	}
	return minutes, ""
}

// passOrder is everything about a pass but its value.
type passOrder struct {
	user  governance.User
	to    governance.User // whom it is sent to; empty for Teams and for showing
	order directory.PassOrder
	note  string // what became different from the settings
}

// prepare looks whether a pass may be issued, and how.
func (p *passPlan) prepare(ctx context.Context, w *work) (passOrder, error) {
	user, err := w.target(ctx)
	if err != nil {
		return passOrder{}, err
	}
	if !user.AccountEnabled {
		return passOrder{}, giveUpf(nil, "No pass was issued: the account of %s is disabled.", nameOf(user))
	}
	if strings.Contains(user.UserPrincipalName, "#EXT#") {
		return passOrder{}, giveUpf(nil, "No pass was issued: %s is a guest and signs in at another organisation, where a pass of this one is worth nothing.", nameOf(user))
	}
	if err := p.unprivileged(ctx, w, user); err != nil {
		return passOrder{}, err
	}
	policy, err := w.Actions.PassPolicy(ctx)
	if err != nil {
		return passOrder{}, inWords(err, "Reading the policy of Temporary Access Passes")
	}
	if !policy.Enabled {
		return passOrder{}, giveUpf(nil, "No pass was issued: the tenant's policy does not allow Temporary Access Passes.")
	}
	ordered := passOrder{user: user, order: directory.PassOrder{UsableOnce: p.UsableOnce}}
	ordered.order.Minutes, ordered.note = within(p.Minutes, policy)
	if policy.OnlyOnce && !p.UsableOnce {
		ordered.order.UsableOnce = true
		ordered.note += " It is usable once only, as the tenant's policy wants."
	}
	if start := p.StartsAfter.AddTo(w.task.AcceptedDateTime.Instant()); start.After(w.Ledger.Now().Add(startMargin)) { // else it begins at once: Graph refuses a start in the past
		ordered.order.Start = governance.At(start)
	}
	if p.DeliverTo == toManager || p.DeliverTo == toRequestor {
		if ordered.to, err = w.addressee(ctx, p.DeliverTo); err != nil {
			return passOrder{}, err
		}
		if ordered.to.UserType == governance.UserTypeGuest { // who can name a guest as manager could sign in as anybody
			return passOrder{}, giveUpf(nil, "No pass was issued: %s is a guest, and passes are delivered to members only.", nameOf(ordered.to))
		}
	}
	return ordered, nil
}

// unprivileged refuses who holds a directory role or is eligible for one: whoever got their pass would have it, too. A role that cannot be told counts as one. Where the app's settings let somebody have
// a pass all the same, it goes to whom the directory names, or to themselves, and not to whoever asks or is in a channel: to whom, who configures an action chooses.
func (p *passPlan) unprivileged(ctx context.Context, w *work, user governance.User) error {
	roles, err := w.Actions.DirectoryRoles(ctx, user.ID)
	if err != nil {
		return inWords(err, "Reading the directory roles")
	}
	for _, role := range roles {
		how := "holds a directory role"
		if role.Eligible {
			how = "may activate a directory role"
		}
		if !w.PassRights.Privileged && !has(w.PassRights.Roles, role.TemplateID) {
			return giveUpf(nil, "No pass was issued: %s "+how+", and the app's settings do not allow a pass for those.", nameOf(user))
		}
		own := w.task.Requestor.ObjectID != "" && strings.EqualFold(w.task.Requestor.ObjectID, user.ID)
		if p.DeliverTo != toManager && (p.DeliverTo == byTeams || !own) {
			return giveUpf(nil, "No pass was issued: %s "+how+", and such a pass goes to the manager or to themselves alone.", nameOf(user))
		}
	}
	return nil
}

// The steps of a pass.
const (
	stepClear   = "cleared"   // somebody has taken a turn, which the note names, and takes away what was there and issues a pass
	stepDeliver = "delivered" // the pass is with whom it is for
	stepGiven   = "givenBack" // who took the turn that the note names could not show the pass, and has left
)

// showing is how long whoever was the first to ask has a pass that is to be shown to themselves: longer than a call may last, so that another takes over only from one that has died.
const showing = 90 * time.Second

// isShown says whether somebody is being shown the pass just now.
func isShown(task governance.Task, now time.Time) bool {
	at := slices.IndexFunc(task.Steps, func(one governance.TaskStep) bool { return one.Name == stepClear })
	if at < 0 || !now.Before(task.Steps[at].DateTime.Instant().Add(showing)) {
		return false
	}
	given, _ := task.Done(stepGiven)
	return given != task.Steps[at].Note
}

func (p *passPlan) run(ctx context.Context, w *work) (outcome, error) {
	if w.again { // a pass is not issued twice, and none is ever deleted that was delivered
		return outcome{}, nil
	}
	if note, done := w.task.Done(stepDeliver); done {
		return outcome{detail: note}, nil
	}
	ordered, err := p.prepare(ctx, w)
	if err != nil {
		return outcome{}, err
	}
	if p.DeliverTo == byShow {
		who, err := w.person(ctx, w.task.Requestor.ObjectID, "The person who asked")
		if err != nil {
			return outcome{}, err
		}
		return outcome{waits: true, detail: fmt.Sprintf("A Temporary Access Pass for %s is ready; it is issued when %s asks to see it.", nameOf(ordered.user), nameOf(who))}, nil
	}
	var text string
	err = p.issue(ctx, w, ordered, func(pass governance.AccessPass, value governance.Secret) (bool, error) {
		if err := p.deliver(ctx, w, ordered, pass, value); err != nil {
			return false, err
		}
		text = describePass(ordered, pass) + " It was sent " + p.way(ordered) + "."
		return true, w.update(ctx, w.inTurn(func(s engine.State) (engine.Change, error) {
			return engine.RecordTaskStep(s, w.task.ID, stepDeliver, text+ordered.note, w.Ledger.Now())
		}))
	})
	return outcome{detail: text + ordered.note}, err
}

// way says how a pass is sent.
func (p *passPlan) way(ordered passOrder) string {
	if p.DeliverTo == byTeams {
		return "by Teams"
	}
	return fmt.Sprintf("to %s alone", nameOf(ordered.to))
}

// issue makes a pass and hands it on. Its value is in one variable from the call to its end. A pass of before is replaced: its value cannot
// be read again, so after a crash nobody has it. If the pass cannot be handed on it is taken away again, so that none lies about that
// nobody has. hand commits in turn, and says whether the pass has left: then, if it is not known whether the commit went through, the pass
// stays, and whoever goes on finds it recorded or replaces it.
func (p *passPlan) issue(ctx context.Context, w *work, ordered passOrder, hand func(governance.AccessPass, governance.Secret) (bool, error)) error {
	if err := clearPasses(ctx, w, ordered.user.ID); err != nil {
		return err
	}
	pass, value, err := w.Actions.IssuePass(ctx, ordered.user.ID, ordered.order)
	if errors.Is(err, directory.ErrRefused) {
		if left, listErr := w.Actions.Passes(ctx, ordered.user.ID); listErr == nil && len(left) > 0 { // somebody else was in between: again, later
			return ledger.Unavailable("The person's Temporary Access Pass", err)
		}
	}
	if err != nil {
		return inWords(err, "Issuing the Temporary Access Pass")
	}
	left, err := hand(pass, value)
	if err == nil || left && isPassing(err) {
		return err
	}
	if undo := w.Actions.DeletePass(context.WithoutCancel(ctx), ordered.user.ID, pass.ID); undo != nil {
		w.Log.WarnContext(ctx, "a pass that was not delivered stays until it is replaced or over", "calloutId", w.task.ID, "passId", pass.ID, "error", undo)
	}
	return err
}

// clearPasses takes away the passes that a person has. A lock may be lost without its holder's knowing, so it looks first, then takes its
// turn, if nobody has taken one that it does not know of, and only then deletes what it saw: whoever is issuing a pass that it saw cannot
// record it as delivered any more, a pass that is recorded is never deleted by who looked before, and one that was issued since it looked
// is not overlooked.
func clearPasses(ctx context.Context, w *work, userID string) error {
	passes, err := w.Actions.Passes(ctx, userID)
	if err != nil {
		return inWords(err, "Looking for an existing Temporary Access Pass")
	}
	turn := w.Ledger.NewID(ctx)
	if err := w.update(ctx, w.inTurn(func(s engine.State) (engine.Change, error) {
		task, _ := engine.Find[governance.Task](s, w.task.ID)
		if _, delivered := task.Done(stepDeliver); delivered {
			return engine.Change{}, governance.Conflict("The pass is delivered.")
		}
		if w.shows && isShown(task, w.Ledger.Now()) {
			return engine.Change{}, governance.Conflict("The pass is being shown just now, to another call; if that fails, ask again in two minutes.")
		}
		return engine.RecordTaskStep(s, w.task.ID, stepClear, turn, w.Ledger.Now())
	})); err != nil {
		return err
	}
	for _, pass := range passes {
		if err := w.Actions.DeletePass(ctx, userID, pass.ID); err != nil {
			return inWords(err, "Replacing the existing Temporary Access Pass")
		}
	}
	return nil
}

// inTurn has a decision made only as long as nobody else has taken a turn: else there may be a pass that who decides does not know of.
func (w *work) inTurn(decide ledger.Decide) ledger.Decide {
	return func(s engine.State) (engine.Change, error) {
		known, _ := w.task.Done(stepClear)
		task, _ := engine.Find[governance.Task](s, w.task.ID)
		if now, _ := task.Done(stepClear); now != known {
			return engine.Change{}, governance.Conflict("The pass is issued by somebody else.")
		}
		return decide(s)
	}
}

// abandon takes away a pass that may have been issued and was not delivered.
func (p *passPlan) abandon(ctx context.Context, w *work) error {
	_, cleared := w.task.Done(stepClear)
	_, delivered := w.task.Done(stepDeliver)
	if !cleared || delivered {
		return nil
	}
	err := clearPasses(ctx, w, w.task.Target.ObjectID)
	if _, ok := errors.AsType[*giveUpError](err); ok {
		w.Log.WarnContext(ctx, "a pass that was not delivered stays until it is replaced or over", "calloutId", w.task.ID, "error", err)
		return nil
	}
	return err
}

// deliver sends the pass on its way. What it answers never holds a word of what was sent: the other side's complaint might quote it.
func (p *passPlan) deliver(ctx context.Context, w *work, ordered passOrder, pass governance.AccessPass, value governance.Secret) error {
	if p.DeliverTo == byTeams {
		address, err := p.address().inWork(w)
		if err != nil {
			return err
		}
		card, err := json.Marshal(teamsCard(ordered, pass, value))
		if err != nil {
			return blandly(err, "Sending the pass by Teams")
		}
		reply, err := post(ctx, w.Outbound, address.Reveal(), http.Header{}, card)
		if err == nil && !postedInTeams(reply) {
			err = giveUpf(nil, "Teams did not take it.")
		}
		return blandly(err, "Sending the pass by Teams")
	}
	err := w.Directory.SendMail(ctx, passMail(ordered, pass, value))
	return blandly(err, "Sending the pass by mail")
}

// postedInTeams says whether an answer is one of success: a connector says 1, and puts its errors into words with the status 200; a workflow says nothing, with 202, or what it was made to answer,
// which is nothing or an object whose ok or success is true.
func postedInTeams(reply platform.OutboundReply) bool {
	switch string(answerText(reply)) {
	case "":
		return reply.Status == http.StatusOK || reply.Status == http.StatusAccepted || reply.Status == http.StatusNoContent
	case "1":
		return true
	}
	object, _ := answerOf(reply).(map[string]any)
	return (object["ok"] == true || object["success"] == true) && wrongUnproven(reply) == ""
}

// blandly keeps of an error only its kind.
func blandly(err error, what string) error {
	_, gaveUp := errors.AsType[*giveUpError](inWords(err, what))
	switch {
	case err == nil:
		return nil
	case gaveUp:
		return giveUpf(nil, "%s failed; the pass was taken away again.", what)
	case errors.Is(err, directory.ErrThrottled):
		return ledger.Unavailable(what, &directory.ThrottledError{After: directory.RetryAfter(err)})
	}
	return ledger.Unavailable(what, nil)
}

func describePass(ordered passOrder, pass governance.AccessPass) string {
	from := pass.StartDateTime.Instant()
	many := "usable many times"
	if pass.UsableOnce {
		many = "usable once"
	}
	return fmt.Sprintf("A Temporary Access Pass for %s was issued, %s, valid from %s for %d minutes.", nameOf(ordered.user), many, from.Format("2 January 2006 15:04 UTC"), pass.LifetimeMinutes)
}

func passLines(ordered passOrder, pass governance.AccessPass) []string {
	from := pass.StartDateTime.Instant()
	until := from.Add(time.Duration(pass.LifetimeMinutes) * time.Minute)
	lines := []string{
		fmt.Sprintf("This is a Temporary Access Pass for %s (%s).", nameOf(ordered.user), ordered.user.UserPrincipalName),
		fmt.Sprintf("It is valid from %s until %s.", from.Format("2 January 2006 15:04 UTC"), until.Format("2 January 2006 15:04 UTC")),
	}
	if pass.UsableOnce {
		lines = append(lines, "It can be used once.")
	}
	return append(lines, "Hand it over in person or by a call, after you have made sure whom you talk to. Do not forward this message; delete it afterwards.")
}

func passMail(ordered passOrder, pass governance.AccessPass, value governance.Secret) governance.Mail {
	lines := passLines(ordered, pass)
	body := "<p>" + html.EscapeString(lines[0]) + "</p><p><code>" + html.EscapeString(value.Reveal()) + "</code></p>"
	for _, line := range lines[1:] {
		body += "<p>" + html.EscapeString(line) + "</p>"
	}
	return governance.Mail{
		To: []string{ordered.to.Mail}, Subject: governance.OneLine("Temporary Access Pass for " + string(nameOf(ordered.user))),
		Text: lines[0] + "\n" + value.Reveal() + "\n" + strings.Join(lines[1:], "\n"), HTML: body,
	}
}

func teamsCard(ordered passOrder, pass governance.AccessPass, value governance.Secret) any {
	blocks := []any{map[string]any{"type": "TextBlock", "text": value.Reveal(), "fontType": "Monospace", "wrap": true}}
	for _, line := range passLines(ordered, pass) {
		blocks = append(blocks, map[string]any{"type": "TextBlock", "text": line, "wrap": true})
	}
	return map[string]any{"type": "message", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content":     map[string]any{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": blocks},
	}}}
}

func (p *passPlan) rehearse(ctx context.Context, w *work) ([]string, error) {
	w.task.AcceptedDateTime = governance.At(w.Ledger.Now())
	ordered, err := p.prepare(ctx, w)
	if err != nil {
		return nil, err
	}
	lines := []string{fmt.Sprintf("It would issue a Temporary Access Pass for %s, valid for %d minutes.%s", nameOf(ordered.user), ordered.order.Minutes, ordered.note)}
	existing, err := w.Actions.Passes(ctx, ordered.user.ID)
	if err != nil {
		return lines, inWords(err, "Looking for an existing Temporary Access Pass")
	}
	if len(existing) > 0 {
		lines = append(lines, "The pass that the person has would be replaced.")
	}
	if p.DeliverTo == byShow {
		return append(lines, "It would be issued when the person who asked asks to see it."), nil
	}
	return append(lines, "It would be sent "+p.way(ordered)+"."), nil
}

// ShownPass is a pass in front of the person who asked for it. Nothing keeps it.
type ShownPass struct {
	Value         governance.Secret
	StartDateTime *governance.DateTime
	Minutes       int
	UsableOnce    bool
}

// ShowPass issues the pass of a task that is to be shown, and shows it: once, to the person who asked. Errors: CodeForbidden, CodeNotFound, CodeConflict when it was shown before or cannot be issued.
func (t Tasks) ShowPass(ctx context.Context, caller governance.Caller, id string) (ShownPass, error) {
	if err := t.Authz.Require(ctx, caller, authz.OpSeeOwnPass); err != nil {
		return ShownPass{}, err
	}
	place, err := ledger.Locate[governance.Task](ctx, t.Ledger, id, "callout")
	if err != nil {
		return ShownPass{}, err
	}
	w, err := openTask(ctx, t.Ports, place, governance.Fold(id))
	if err != nil {
		return ShownPass{}, err
	}
	if !strings.EqualFold(w.task.Requestor.ObjectID, caller.ObjectID) {
		return ShownPass{}, governance.Missing("callout", id)
	}
	if w.unreadable != nil {
		return ShownPass{}, w.unreadable
	}
	p, ok := w.plan.(*passPlan)
	if !ok || p.DeliverTo != byShow {
		return ShownPass{}, governance.NotFound("The callout %s has no pass to show.", id)
	}
	if w.task.State != governance.TaskWaiting || !engine.MayTell(w.task, t.Ledger.Now()) {
		return ShownPass{}, governance.Conflict("The pass is not there to be seen: it was shown before, or its time is over.")
	}
	ordered, err := p.prepare(ctx, w)
	var shown ShownPass
	w.shows = true
	before, _ := w.task.Done(stepClear)
	if err == nil {
		err = p.issue(ctx, w, ordered, func(pass governance.AccessPass, value governance.Secret) (bool, error) {
			result := engine.TaskResult{Detail: describePass(ordered, pass) + " It was shown once to the person who asked." + ordered.note}
			shown = ShownPass{Value: value, StartDateTime: pass.StartDateTime, Minutes: pass.LifetimeMinutes, UsableOnce: pass.UsableOnce}
			return false, w.update(ctx, w.inTurn(func(s engine.State) (engine.Change, error) {
				if engine.IsSuperseded(s, w.task) {
					return engine.Change{}, governance.Conflict("A newer request has taken over.")
				}
				return engine.EndTask(s, w.task.ID, result, caller, t.Ledger.Now())
			}))
		})
	}
	if turn, _ := w.task.Done(stepClear); err != nil && turn != before { // it was ours
		if left := w.update(context.WithoutCancel(ctx), w.inTurn(func(s engine.State) (engine.Change, error) {
			return engine.RecordTaskStep(s, w.task.ID, stepGiven, turn, t.Ledger.Now())
		})); left != nil {
			w.Log.WarnContext(ctx, "a pass that could not be shown can be asked for again only in a while", "calloutId", w.task.ID, "error", left)
		}
	}
	if final, ok := errors.AsType[*giveUpError](err); ok {
		return ShownPass{}, &governance.Error{Code: governance.CodeConflict, Message: final.detail, Err: final.cause}
	}
	if err != nil {
		return ShownPass{}, err
	}
	return shown, nil
}
