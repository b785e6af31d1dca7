package companion

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"

	"latchkey/shared/governance"
)

// A mail from a template.
var _ = declare(ActionKind{
	Kind:        "sendMail",
	DisplayName: "Send a mail",
	Description: "Sends a mail from a template to the person, their manager or the person who asked.",
	Schema: json.RawMessage(`{"type":"object","additionalProperties":false,"required":["subject","lines"],"properties":{
		"to":{"enum":["target","manager","requestor"],"default":"target"},
		"subject":{"type":"string","maxLength":200},
		"lines":{"type":"array","minItems":1,"maxItems":50,"items":{"type":"string","maxLength":2000},"description":"Paragraphs of plain text; {{target.displayName}} and the like are filled in."}}}`),
	Permissions: [][]string{{"Mail.Send"}, {"User.Read.All", "User.ReadWrite.All", "Directory.Read.All"}},
}, func() plan { return &mailPlan{} })

type mailPlan struct {
	To      string   `json:"to"`
	Subject string   `json:"subject"`
	Lines   []string `json:"lines"`
}

func (p *mailPlan) validate() error {
	p.To = cmp.Or(p.To, toTarget)
	switch {
	case !slices.Contains([]string{toTarget, toManager, toRequestor}, p.To):
		return governance.Invalid("to", "to is target, manager or requestor.")
	case !governance.Says(p.Subject) || len(p.Subject) > 200 || strings.ContainsFunc(p.Subject, func(c rune) bool { return c < ' ' }):
		return governance.Invalid("subject", "subject is one line of at most 200 bytes.")
	case len(p.Lines) == 0 || len(p.Lines) > 50:
		return governance.Invalid("lines", "lines has 1 to 50 paragraphs.")
	}
	if err := checkTemplate("subject", p.Subject, noTask); err != nil {
		return err
	}
	for _, line := range p.Lines {
		if len(line) > 2000 {
			return governance.Invalid("lines", "A paragraph has at most 2000 bytes.")
		}
		if err := checkTemplate("lines", line, noTask); err != nil {
			return err
		}
	}
	return nil
}

func (p *mailPlan) preflight(_ context.Context, c *checkup) { c.sender() }

func (p *mailPlan) compose(w *work) governance.Mail {
	values := placeholders(w.task)
	lines := make([]string, len(p.Lines))
	body := ""
	for i, line := range p.Lines {
		lines[i] = governance.OneLine(fill(line, values))
		body += "<p>" + html.EscapeString(lines[i]) + "</p>"
	}
	return governance.Mail{Subject: governance.OneLine(fill(p.Subject, values)), Text: strings.Join(lines, "\n"), HTML: body}
}

func (p *mailPlan) run(ctx context.Context, w *work) (outcome, error) {
	err := w.once(ctx, "sent", func() (string, error) {
		to, err := w.addressee(ctx, p.To)
		if err != nil {
			return "", err
		}
		mail := p.compose(w)
		mail.To = []string{to.Mail}
		return "", inWords(w.Directory.SendMail(ctx, mail), "Sending the mail")
	})
	return outcome{detail: "The mail was sent."}, err
}

func (p *mailPlan) rehearse(ctx context.Context, w *work) ([]string, error) {
	to, err := w.addressee(ctx, p.To)
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("It would send %q to %s.", p.compose(w).Subject, nameOf(to))}, nil
}
