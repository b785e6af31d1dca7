package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/shared/app/companion"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
)

// wait is a callout as its source knows it: sent, perhaps waited for, answered at most once.
type wait struct {
	action    string
	stage     governance.TaskStage
	request   string
	instance  string
	path      string // of the resume
	target    *person
	requestor *person
	caller    governance.Caller
	payload   []byte
	waits     bool
	ends      time.Time // when the source stops waiting by itself
	withdrawn bool      // somebody has ended the request at the source
	answer    string    // the body of the resume that the source took
	id        string    // of the callout, as the source was answered
	made      *called   // what the app has committed for it
}

// answered says whether the source has taken a resume.
func (s *wait) answered() bool { return s.answer != "" }

// ticket is a ticket at the service desk.
type ticket struct {
	id, key string
	callout string
	taken   int // answers that were answered with success
}

// pass is a Temporary Access Pass with all that is known of it.
type pass struct {
	governance.AccessPass
	value     string
	holder    *person
	callout   string
	live      bool
	delivered bool
}

// valid says whether somebody could sign in with it, now or later.
func (p *pass) valid(now time.Time) bool {
	return p.live && now.Before(p.StartDateTime.Add(time.Duration(p.LifetimeMinutes)*time.Minute))
}

// passMark is how the value of every pass of the directory in memory begins: wherever it turns up, a pass has leaked.
const passMark = "Pass*"

// leaks looks for a pass in what is kept or told.
func (w *world) leaks(where, text string) {
	if strings.Contains(text, passMark) {
		w.fail("leak", "", "a pass is in %s", where)
	}
}

// actionLedger shows what is done for callouts, and is the source that waits for them.
type actionLedger struct {
	directoryLedger
}

var _ directory.Actions = actionLedger{}

// Passes hides what is there if that is the sabotage.
func (d actionLedger) Passes(ctx context.Context, userID string) ([]governance.AccessPass, error) {
	if d.ledger.world.options.Sabotage.Passes {
		return nil, nil
	}
	return d.Directory.Passes(ctx, userID)
}

func (d actionLedger) IssuePass(ctx context.Context, userID string, order directory.PassOrder) (governance.AccessPass, governance.Secret, error) {
	l, holder := d.ledger, userID
	if l.world.options.Sabotage.Passes {
		holder = personID("root") // has no other, so nothing is in the way
		for _, one := range l.passes {
			_ = d.DeletePass(ctx, holder, one.ID)
		}
	}
	made, value, err := d.Directory.IssuePass(ctx, holder, order)
	if err == nil {
		l.passIssued(userID, made, value.Reveal())
	}
	return made, value, err
}

func (d actionLedger) DeletePass(ctx context.Context, userID, passID string) error {
	err := d.Directory.DeletePass(ctx, userID, passID)
	if err == nil && !d.ledger.world.options.Sabotage.Passes {
		d.ledger.passDeleted(passID)
	}
	return err
}

func (d actionLedger) RevokeSessions(ctx context.Context, userID string) error {
	err := d.Directory.RevokeSessions(ctx, userID)
	if err == nil {
		d.ledger.did(kindSessions, userID)
	}
	return err
}

// Resume is the source: it takes one answer to what it waits for.
func (d actionLedger) Resume(ctx context.Context, path string, body []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", directory.ErrUnavailable, err)
	}
	return d.ledger.resumed(path, string(body))
}

func (l *book) resumed(path, body string) error {
	w := l.world
	w.leaks("a resume", body)
	var answer struct {
		Data struct {
			Stage    governance.TaskStage `json:"stage"`
			Instance string               `json:"customExtensionStageInstanceId"`
			Detail   string               `json:"customExtensionStageInstanceDetail"`
			State    string               `json:"state"`
			Status   string               `json:"operationStatus"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		w.fail("resume", "", "a resume cannot be read: %v", err)
		return nil
	}
	at := slices.IndexFunc(l.waits, func(s *wait) bool {
		return s.waits && s.path == path && s.instance == answer.Data.Instance && (answer.Data.Stage == "" || s.stage == answer.Data.Stage)
	})
	if at < 0 {
		w.fail("resume", "", "nobody waits for the resume %s", path)
		return nil
	}
	s := l.waits[at]
	c := s.made
	switch {
	case c == nil:
		w.fail("resume", "", "%s was resumed although no callout was accepted", path)
	case !w.current.looked.Add(lastCall).Before(c.DeadlineTime.Instant()):
		w.fail("late", c.partition, "the callout %s was answered at %s, its time was over at %s", c.ID, w.current.looked, c.DeadlineTime)
	case c.State != governance.TaskSucceeded && c.State != governance.TaskFailed && !c.struck:
		w.fail("resume", c.partition, "the callout %s was answered when it was %s", c.ID, c.State)
	case s.source() == governance.SourceLifecycle && (answer.Data.Status == "Completed") != c.Succeeded,
		s.source() == governance.SourceEntitlement && !strings.HasPrefix(c.Detail, answer.Data.Detail),
		answer.Data.State == "Denied" && (c.Succeeded || c.OnFailure != governance.FailureDenies):
		w.fail("resume", c.partition, "the callout %s was answered with something else than what came of it: %s", c.ID, body)
	case s.answered() && s.answer != body:
		w.fail("answers", c.partition, "the callout %s has two answers: %s and %s", c.ID, s.answer, body)
	}
	if s.answered() || s.withdrawn || !w.clock.Now().Before(s.ends) {
		return fmt.Errorf("%w: nothing waits", directory.ErrRefused)
	}
	s.answer = body
	return nil
}

func (s *wait) source() governance.TaskSource {
	if s.stage == governance.StageLifecycleTask {
		return governance.SourceLifecycle
	}
	return governance.SourceEntitlement
}

// The addresses of the others.
const (
	hookURL   = "https://hooks.example/in"
	brokenURL = "https://hooks.example/gone"
	deskURL   = "https://desk.example/tickets"
	teamsURL  = "https://teams.example/hook#secret"
)

// secrets are those that settings name.
var secrets = sync.OnceValue(func() platform.Secrets {
	read, err := platform.ReadSecrets(`{"key":{"use":"signature","hosts":["hooks.example"],"value":"the key of the webhooks"},"teams":{"use":"address","value":"` + teamsURL + `"},
		"answers":{"use":"answerKey","hosts":["desk.example","hooks.example"],"value":"the key of the answers"}}`)
	if err != nil {
		panic(err) // they are written here
	}
	return read
})

// receiver is who gets webhooks, tickets and messages by Teams.
type receiver struct{ ledger *book }

var _ companion.Outbound = receiver{}

func (receiver) Allowed(string) error { return nil }

func (r receiver) Send(ctx context.Context, call platform.OutboundCall) (platform.OutboundReply, error) {
	if err := ctx.Err(); err != nil {
		return platform.OutboundReply{}, err
	}
	l := r.ledger
	delivery := call.Header.Get("Latchkey-Delivery")
	if id, asked := strings.CutPrefix(call.URL, deskURL+"?id="); asked {
		found := []map[string]string{}
		if slices.ContainsFunc(l.tickets, func(t *ticket) bool { return t.id == id }) {
			found = append(found, map[string]string{"number": "INC1", "correlation_id": id})
		}
		return platform.OutboundReply{Status: http.StatusOK, Body: []byte(text(map[string]any{"result": found}))}, nil
	}
	switch call.URL {
	case teamsURL:
		l.handed(string(call.Body))
		return platform.OutboundReply{Status: http.StatusOK}, nil
	case brokenURL:
		return platform.OutboundReply{Status: http.StatusGone}, nil
	case deskURL:
		var opened struct{ ID, Key string }
		if err := json.Unmarshal(call.Body, &opened); err != nil {
			l.world.fail("effect", "", "the desk cannot read a ticket: %v", err)
		}
		if !slices.ContainsFunc(l.tickets, func(t *ticket) bool { return t.id == opened.ID }) {
			l.tickets = append(l.tickets, &ticket{id: opened.ID, key: opened.Key, callout: delivery})
		}
	}
	l.delivered(delivery, string(call.Body))
	return platform.OutboundReply{Status: http.StatusCreated, Body: []byte(`{"result":{"number":"INC1"}}`)}, nil
}
