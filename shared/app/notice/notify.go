// Package notice tells people what has happened to what concerns them.
package notice

import (
	"context"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"os"
	"slices"
	"strings"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// maxRecipients bounds one mail.
const maxRecipients = 50

// Notifier tells people, by mail.
type Notifier struct {
	Ledger    *ledger.Ledger
	Directory *directory.Recent
	Log       *slog.Logger
	PortalURL string // where the links lead; empty: no links
}

// announced is a request without its policy, which no mail tells of and which is most of the document.
type announced struct {
	governance.AssignmentRequest
	Policy unread `json:"policy"`
}

// Check implements governance.Whole: as of a request that is over, which needs its policy no more.
func (a announced) Check() error {
	a.State = governance.StateDelivered
	return a.AssignmentRequest.Check()
}

type unread struct{}

// UnmarshalJSON reads nothing.
func (*unread) UnmarshalJSON([]byte) error { return nil }

// Notify sends the mail of one notification (NOT-01 to NOT-08). Whoever has no address is left out; a mail to nobody is not sent. Errors: ledger.ErrNoDocument, CodeInvalid for a notification
// that there is not, and the directory's.
func (n *Notifier) Notify(ctx context.Context, effect governance.Effect) error {
	row, ok := notices[effect.Notification]
	if !ok {
		return governance.Invalid("notification", "There is no notification %q.", governance.Clip(string(effect.Notification)))
	}
	read, err := ledger.About[announced](ctx, n.Ledger, effect)
	if err != nil {
		return fmt.Errorf("read the request of a notification: %w", err)
	}
	request, stage := read.AssignmentRequest, governance.ApprovalStage{}
	if request.Approval != nil && effect.Stage >= 0 && effect.Stage < len(request.Approval.Stages) {
		stage = request.Approval.Stages[effect.Stage]
	}
	if row.moot != nil && row.moot(request, stage) {
		return nil
	}
	mail := n.compose(row, facts(request, stage))
	if mail.To, err = n.addresses(ctx, row.to(request, stage)); err != nil {
		return err
	}
	if len(mail.To) == 0 {
		n.Log.InfoContext(ctx, "a notification has nobody to go to", "requestId", request.ID, "notification", effect.Notification)
		return nil
	}
	err = n.Directory.SendMail(ctx, mail)
	if errors.Is(err, directory.ErrRefused) || errors.Is(err, directory.ErrNotFound) { // waiting mends neither a bad address nor a missing sender
		n.Log.ErrorContext(ctx, "a notification was refused", "alert", true, "requestId", request.ID, "notification", effect.Notification, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("send the mail %q: %w", effect.Notification, err)
	}
	return nil
}

// addresses are the mail addresses of an audience.
func (n *Notifier) addresses(ctx context.Context, to audience) ([]string, error) {
	var addresses []string
	add := func(users []governance.User, err error) error {
		if err != nil && !errors.Is(err, directory.ErrNotFound) {
			return fmt.Errorf("look up whom to notify: %w", err)
		}
		for _, user := range users {
			address := strings.ToLower(user.Mail)
			if user.AccountEnabled && address != "" && !strings.EqualFold(user.ID, to.without) && !slices.Contains(addresses, address) && len(addresses) < maxRecipients {
				addresses = append(addresses, address)
			}
		}
		return nil
	}
	for _, id := range to.userIDs {
		user, err := n.Directory.RecentUser(ctx, id)
		if err := add([]governance.User{user}, err); err != nil {
			return nil, err
		}
	}
	for _, id := range to.groupIDs {
		if err := add(n.Directory.GroupMembers(ctx, id)); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

// compose writes a mail. It is put together by hand, because template packages keep every exported method of the linked SDKs alive.
func (n *Notifier) compose(row notice, facts func(string) string) governance.Mail {
	var text []string
	var body strings.Builder
	for _, line := range row.lines {
		if line = os.Expand(line, facts); line != "" {
			text = append(text, line)
			body.WriteString("<p>" + html.EscapeString(line) + "</p>")
		}
	}
	if n.PortalURL != "" && row.link != "" {
		url := strings.TrimRight(n.PortalURL, "/") + "/" + os.Expand(row.link, facts)
		text = append(text, url)
		body.WriteString(`<p><a href="` + html.EscapeString(url) + `">Open the request</a></p>`)
	}
	// What a person typed adds no lines to a mail's header.
	return governance.Mail{Subject: strings.Join(strings.Fields(os.Expand(row.subject, facts)), " "), Text: strings.Join(text, "\n"), HTML: body.String()}
}
