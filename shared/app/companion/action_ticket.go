package companion

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/platform"
)

// A ticket in a service desk (BEY-28, EXT-26).
var _ = declare(ActionKind{
	Kind:        "ticket",
	DisplayName: "Open a ticket",
	Description: "Opens a ticket by REST and, if set, waits for its answer at /api/callouts/tickets/{id}, which the request then goes " +
		"on with. docs/companion/ticket.md has templates for ServiceNow and Jira.",
	Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["url","body","numberPath"],"properties":{
		"url":{"type":"string","format":"uri"},
		"authorizationSecret":{"type":"string","description":"The name of the secret that holds the Authorization header, such as Basic … or Bearer …, one for authorization at this host."},
		"headers":{"type":"object","additionalProperties":{"type":"string"}},
		"body":{"type":"object","description":"JSON whose texts may hold placeholders, among them {{ticket.id}}, {{ticket.url}} and {{ticket.key}} for the answer."},
		"numberPath":{"type":"string","description":"Where the answer has the ticket's number, such as result.number; without it there no ticket was opened."},
		"find":{"type":"object","additionalProperties":false,"required":["url","numberPath"],"description":"How to look for the ticket before it is opened again, when it is not known whether an earlier attempt has arrived.","properties":{
			"url":{"type":"string","format":"uri","description":"An address of the same host that lists the tickets with {{ticket.id}}."},
			"numberPath":{"type":"string","description":"Where the answer has the number of the first, such as result.0.number. What it is in must hold {{ticket.id}} in one of its texts; nothing there, and nothing with that id, means that there is none."}}},
		"waitForAnswer":{"type":"boolean","default":true},
		"answerSecret":{"type":"string","description":"The name of the secret that the key for the answer is made with, one for answer keys at this host; needed to wait."}}}`),
}, func() plan { return &ticketPlan{Wait: true} })

type ticketPlan struct {
	URL           string            `json:"url"`
	Authorization string            `json:"authorizationSecret,omitempty"`
	Headers       map[string]string `json:"headers,omitempty"`
	Body          json.RawMessage   `json:"body"`
	NumberPath    string            `json:"numberPath,omitempty"`
	Find          *ticketSearch     `json:"find,omitempty"`
	Wait          bool              `json:"waitForAnswer"`
	AnswerSecret  string            `json:"answerSecret,omitempty"`
}

// ticketSearch looks whether a ticket is there already.
type ticketSearch struct {
	URL        string `json:"url"`
	NumberPath string `json:"numberPath"`
}

// address is where the ticket with an id would be found. An id is made of GUIDs: nothing in it needs escaping.
func (s *ticketSearch) address(id string) string {
	return strings.ReplaceAll(s.URL, "{{ticket.id}}", id)
}

// validate takes an address of the service desk's own host only: the Authorization header goes with it.
func (s *ticketSearch) validate(desk *url.URL) error {
	filled := s.address(ticketID(governance.NameID("subject"), governance.NameID("callout")))
	found, err := checkURL(filled)
	if err != nil || filled == s.URL {
		return governance.Invalid("find/url", "find.url must be an https address without credentials, with {{ticket.id}} and no other placeholder.")
	}
	if !strings.EqualFold(found.Host, desk.Host) || found.Scheme != desk.Scheme {
		return governance.Invalid("find/url", "find.url must begin as url does: https:// and the same host.")
	}
	if !jsonPath().MatchString(s.NumberPath) {
		return governance.Invalid("find/numberPath", "find.numberPath is names and positions with full stops between them, such as result.0.number.")
	}
	return nil
}

// jsonPath is a path of textAt.
var jsonPath = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_]{1,40}(\.[A-Za-z0-9_]{1,40}){0,5}$`) }) // 0.1 MB that few need

func (p *ticketPlan) validate() error {
	desk, err := checkURL(p.URL)
	if err != nil {
		return err
	}
	switch {
	case p.Authorization != "" && !platform.IsSecretName(p.Authorization):
		return governance.Invalid("authorizationSecret", "authorizationSecret is the name of a secret: letters, digits and _.")
	case p.Wait && !platform.IsSecretName(p.AnswerSecret):
		return governance.Invalid("answerSecret", "answerSecret names the secret that the key for the answer is made with; without it, set waitForAnswer to false.")
	case p.NumberPath != "" && !jsonPath().MatchString(p.NumberPath):
		return governance.Invalid("numberPath", "numberPath is names with full stops between them, such as result.number.")
	case len(p.Body) == 0:
		return governance.Invalid("body", "body is the ticket, as JSON.")
	}
	if p.Find != nil {
		if err := p.Find.validate(desk); err != nil {
			return err
		}
	}
	if err := checkHeaders(p.Headers); err != nil {
		return err
	}
	return checkJSONTemplate("body", p.Body, ticketPlaceholders(governance.Task{}, "", "", ""))
}

// whole refuses settings without what tells a ticket from another answer. What was stored before that was asked for is read all the same: its open tickets are answered.
func (p *ticketPlan) whole() error {
	if p.NumberPath == "" {
		return governance.Invalid("numberPath", "numberPath is missing: where the service desk's answer has the ticket's number, such as result.number; nothing else proves that a ticket was opened.")
	}
	return nil
}

func (p *ticketPlan) withoutPerson() {}

func (p *ticketPlan) preflight(_ context.Context, c *checkup) {
	c.address(p.URL)
	if p.NumberPath == "" {
		c.wrong("numberPath", "numberPath is not set, so no ticket is opened.")
	}
}

func (p *ticketPlan) authorization() need {
	return need{"authorizationSecret", p.Authorization, platform.SecretAuthorization, p.URL}
}

func (p *ticketPlan) answers() need {
	return need{"answerSecret", p.AnswerSecret, platform.SecretAnswerKey, p.URL}
}

func (p *ticketPlan) needs() (needs []need) {
	if p.Authorization != "" {
		needs = append(needs, p.authorization())
	}
	if p.Wait {
		needs = append(needs, p.answers())
	}
	return needs
}

// ticketID is what a ticket knows a task by: the partition and the task, so that no list has to be searched for it.
func ticketID(subjectID, taskID string) string { return subjectID + "." + taskID }

// ticketKey is what the answer to a ticket proves itself with. It is made anew each time, and kept nowhere.
func ticketKey(secret, id string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("ticket:" + id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// ticketPlaceholders are those of a task, and those of its ticket.
func ticketPlaceholders(task governance.Task, id, address, key string) map[string]string {
	values := placeholders(task)
	values["ticket.id"], values["ticket.url"], values["ticket.key"] = id, address, key
	return values
}

// The steps of a ticket.
const (
	stepTried  = "tried"    // from here on the ticket may be there; recorded if it can be looked for, or if it was answered without proof
	unproven   = "unproven" // the note of stepTried when the desk has answered, and not that the ticket is there: it is not opened again
	stepOpened = "opened"   // it is there; the note is its number
)

func (p *ticketPlan) run(ctx context.Context, w *work) (outcome, error) {
	err := w.once(ctx, stepOpened, func() (string, error) {
		if p.NumberPath == "" {
			return "", giveUpf(nil, "No ticket was opened: the action does not say where the service desk's answer has its number. Set numberPath in the action's settings.")
		}
		header := headerOf(w.task.ID, p.Headers)
		if p.Authorization != "" {
			secret, err := p.authorization().inWork(w)
			if err != nil {
				return "", err
			}
			header.Set("Authorization", secret.Reveal())
		}
		id, key := ticketID(w.place.Partition, w.task.ID), ""
		if p.Wait {
			secret, err := p.answers().inWork(w)
			if err != nil {
				return "", err
			}
			key = ticketKey(secret.Reveal(), id)
		}
		body, err := fillJSON(p.Body, ticketPlaceholders(w.task, id, strings.TrimRight(w.PublicURL, "/")+"/api/callouts/tickets/"+id, key))
		if err != nil {
			return "", err
		}
		return p.open(ctx, w, header, body)
	})
	if err != nil {
		return outcome{}, err
	}
	detail := "A ticket was opened."
	if number, _ := w.task.Done(stepOpened); number != "" {
		detail = "The ticket " + number + " was opened."
	}
	if p.Wait {
		return outcome{waits: true, detail: detail + " Its answer is awaited."}, nil
	}
	return outcome{detail: detail}, nil
}

// open opens the ticket, unless an earlier attempt has, and answers with its number. It is opened when the desk's answer says so; without that it may have been, and is looked for, never opened
// again. Errors: those of post, a giveUp for a ticket that may have been opened and is not found.
func (p *ticketPlan) open(ctx context.Context, w *work, header http.Header, body json.RawMessage) (string, error) {
	how, tried := w.task.Done(stepTried)
	if tried && p.Find != nil {
		if number, found, err := p.look(ctx, w, header); err != nil || found {
			return number, err
		}
	}
	if how == unproven {
		return "", giveUpf(nil, "The ticket may have been opened: the service desk did not answer with a ticket, and none was found.")
	}
	if !tried && p.Find != nil {
		if err := w.record(ctx, stepTried, ""); err != nil {
			return "", err
		}
	}
	reply, err := post(ctx, w.Outbound, p.URL, header, body)
	if err != nil {
		return "", err
	}
	if number, opened := p.opened(reply); opened {
		return number, nil
	}
	if err := w.record(ctx, stepTried, unproven); err != nil {
		return "", err
	}
	return p.open(ctx, w, header, body) // which only looks for it now
}

// opened says whether an answer is a ticket: JSON that tells of no failure, with the number where it is said to be.
func (p *ticketPlan) opened(reply platform.OutboundReply) (number string, opened bool) {
	ticket := answerOf(reply)
	if !isObject(ticket) || wrongWith(reply) != "" {
		return "", false
	}
	return textAt(ticket, p.NumberPath)
}

// look asks for the ticket. It is there when what was found has its id and was not taken back: a desk that does not know what it is asked for lists any. Errors: those of post, a giveUp for an answer that says neither that it is there nor that it is not.
func (p *ticketPlan) look(ctx context.Context, w *work, header http.Header) (number string, found bool, err error) {
	header = header.Clone()
	header.Set("Accept", "application/json")
	reply, err := exchange(ctx, w.Outbound, platform.OutboundCall{Method: http.MethodGet, URL: p.Find.address(ticketID(w.place.Partition, w.task.ID)), Header: header})
	switch {
	case reply.Status == http.StatusNotFound: // ServiceNow's first version of the call says so of an empty list
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	list := answerOf(reply)
	if list == nil || wrongWith(reply) != "" { // a page to sign in, or more than is read
		return "", false, giveUpf(nil, "The ticket may have been opened: looking for it was answered with something else than a short JSON of what was found.")
	}
	row := rowAt(list, p.Find.NumberPath)
	number, found = textAt(list, p.Find.NumberPath)
	return number, found && holdsText(row, ticketID(w.place.Partition, w.task.ID), 0) && !isGone(row, false, 0), nil
}

func (p *ticketPlan) rehearse(_ context.Context, w *work) ([]string, error) {
	body, err := fillJSON(p.Body, ticketPlaceholders(w.task, "…", "…", "…"))
	if err != nil {
		return nil, err
	}
	lines := []string{"It would open a ticket at " + p.URL + ": " + string(body)}
	if p.Wait {
		lines = append(lines, "It would wait for the ticket's answer.")
	}
	return lines, nil
}

// TicketAnswer is what a service desk says of a ticket.
type TicketAnswer struct {
	Status string `json:"status"` // completed or failed
	Detail string `json:"detail"`
}

// ticketEnds are what a ticket's status means.
var ticketEnds = map[string]engine.TaskResult{"completed": {Detail: "was completed."}, "failed": {Failed: true, Detail: "was not completed."}}

var errTicketKey = &governance.Error{Code: governance.CodeUnauthorized, Message: "The key is not the ticket's. Send the one that the ticket was opened with as: Latchkey-Ticket-Key: <key>."}

// CheckTicketKey says whether a key proves itself for the id of a ticket, by computing alone: a stranger's costs nothing but that. Errors: CodeUnauthorized.
func (t Tasks) CheckTicketKey(id, key string) error {
	if t.madeWith(id, key) == "" {
		return errTicketKey
	}
	return nil
}

// madeWith is the name of the secret that a ticket's key was made with, in either of the values that it may have while it is rotated; empty: with none.
func (t Tasks) madeWith(id, key string) string {
	subjectID, taskID, ok := strings.Cut(id, ".")
	if !ok || !governance.IsGUID(subjectID) || !governance.IsGUID(taskID) || len(key) != 43 {
		return ""
	}
	return t.Secrets.Which(platform.SecretAnswerKey, func(value string) bool {
		return subtle.ConstantTimeCompare([]byte(key), []byte(ticketKey(value, governance.Fold(id)))) == 1
	})
}

// AnswerTicket ends the wait for a ticket. key proves that the answer is from whom the ticket went to. Errors: CodeUnauthorized for a key that is not the ticket's, also when there is no such ticket;
// CodeInvalid; CodeConflict when another answer came before, or the time is over.
func (t Tasks) AnswerTicket(ctx context.Context, id, key string, answer TicketAnswer) (governance.Task, error) {
	madeWith := t.madeWith(id, key)
	if madeWith == "" {
		return governance.Task{}, errTicketKey
	}
	subjectID, taskID, _ := strings.Cut(governance.Fold(id), ".")
	w, err := openTask(ctx, t.Ports, ledger.SubjectPlace(subjectID), taskID)
	if governance.CodeOf(err) == governance.CodeNotFound {
		return governance.Task{}, errTicketKey
	}
	if err != nil {
		return governance.Task{}, err
	}
	p, isTicket := w.plan.(*ticketPlan)
	if w.unreadable != nil || !isTicket || !p.Wait || p.AnswerSecret != madeWith {
		return governance.Task{}, errTicketKey
	}
	if _, err := p.answers().of(t.Secrets); err != nil { // it is not for this desk any more
		return governance.Task{}, errTicketKey
	}
	ended, known := ticketEnds[strings.ToLower(answer.Status)]
	if !known {
		return governance.Task{}, governance.Invalid("status", "status is completed or failed.")
	}
	if len(answer.Detail) > 2000 {
		return governance.Task{}, governance.Invalid("detail", "detail has at most 2000 bytes.")
	}
	number, _ := w.task.Done(stepOpened)
	ended.Detail = governance.OneLine(fmt.Sprintf("The ticket %s %s %s", number, ended.Detail, answer.Detail))
	if !engine.MayTell(w.task, t.Ledger.Now()) {
		return governance.Task{}, governance.Conflict("The time for an answer is over.")
	}
	desk := governance.Caller{Kind: governance.CallerExtension, DisplayName: "service desk"}
	err = w.update(ctx, func(s engine.State) (engine.Change, error) {
		return engine.EndTask(s, w.task.ID, ended, desk, t.Ledger.Now())
	})
	if err != nil {
		return governance.Task{}, err
	}
	if ended.Failed {
		w.alert(ctx, "a ticket was not completed", "The service desk says so; its words are in the callout.", nil) // what people typed there names people
	}
	return w.task, nil
}
