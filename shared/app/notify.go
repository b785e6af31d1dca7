package app

import (
	"context"
	"errors"
	"fmt"
	"html"
	"slices"
	"strings"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/store"
)

// maxRecipients bounds one mail.
const maxRecipients = 50

// announced is a request without its policy, which no mail tells of and which is most of the document.
type announced struct {
	governance.AssignmentRequest
	Policy unread `json:"policy"`
}

type unread struct{}

// UnmarshalJSON reads nothing.
func (*unread) UnmarshalJSON([]byte) error { return nil }

// notify sends the mail of one notification (RULES NOT-01 to NOT-08). Whoever has no address is left out; a mail to nobody is not sent.
func (a *App) notify(ctx context.Context, effect governance.Effect) error {
	id := documentID(kindRequest, effect.RequestID)
	found, err := a.store.Get(ctx, store.Subjects, effect.SubjectID, id)
	if err != nil {
		return fmt.Errorf("read the request of a notification: %w", err)
	}
	if found[0].ID == "" {
		return nil
	}
	read, err := decode[announced](found[0])
	if err != nil {
		return err
	}
	request := read.AssignmentRequest
	var to []string
	toApprovers := effect.Notification == governance.NotifyApprovers || effect.Notification == governance.NotifyAlternates
	if toApprovers {
		if request.State != governance.StatePendingApproval || request.Approval == nil || effect.Stage >= len(request.Approval.Stages) ||
			request.Approval.Stages[effect.Stage].Status != governance.StageInProgress {
			return nil // decided meanwhile: nobody needs to act any more
		}
		if to, err = a.approverAddresses(ctx, request, request.Approval.Stages[effect.Stage], effect.Notification == governance.NotifyAlternates); err != nil {
			return err
		}
	} else if address := request.Assignment.Target.Email; address != "" {
		to = []string{address}
	}
	if len(to) == 0 {
		a.log.InfoContext(ctx, "a notification has nobody to go to", "requestId", request.ID, "notification", effect.Notification)
		return nil
	}
	mail := a.compose(request, effect)
	mail.To = to
	err = a.directory.SendMail(ctx, mail)
	if errors.Is(err, directory.ErrRefused) || isNotFound(err) { // waiting mends neither a bad address nor a missing sender
		a.log.ErrorContext(ctx, "a notification was refused", "alert", true, "requestId", request.ID, "notification", effect.Notification, "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("send the mail %q: %w", effect.Notification, err)
	}
	return nil
}

func (a *App) approverAddresses(ctx context.Context, request governance.AssignmentRequest, stage governance.ApprovalStage, alternates bool) ([]string, error) {
	users, groups := stage.ApproverUserIDs, stage.ApproverGroupIDs
	if alternates {
		users, groups = stage.AlternateUserIDs, stage.AlternateGroupIDs
	}
	return a.addresses(ctx, users, groups, request.Requestor.ObjectID)
}

// addresses are the mail addresses of users and of the members of groups, without one person.
func (a *App) addresses(ctx context.Context, userIDs, groupIDs []string, without string) ([]string, error) {
	var addresses []string
	add := func(user governance.User) {
		address := strings.ToLower(user.Mail)
		if user.AccountEnabled && address != "" && !strings.EqualFold(user.ID, without) && !slices.Contains(addresses, address) && len(addresses) < maxRecipients {
			addresses = append(addresses, address)
		}
	}
	for _, id := range userIDs {
		user, err := a.directory.User(ctx, id)
		if err != nil && !isNotFound(err) {
			return nil, fmt.Errorf("look up whom to notify: %w", err)
		}
		add(user)
	}
	for _, id := range groupIDs {
		members, err := a.directory.GroupMembers(ctx, id)
		if err != nil && !isNotFound(err) {
			return nil, fmt.Errorf("look up whom to notify: %w", err)
		}
		for _, member := range members {
			add(member)
		}
	}
	return addresses, nil
}

// compose writes a mail. It is put together by hand, because template packages keep every exported method of the linked SDKs alive (LIBRARIES).
func (a *App) compose(request governance.AssignmentRequest, effect governance.Effect) governance.Mail {
	pack := request.AccessPackage.DisplayName
	requestor := request.Requestor.DisplayName
	if requestor == "" {
		requestor = request.Requestor.PrincipalName
	}
	var subject string
	var lines []string
	link := ""
	switch effect.Notification {
	case governance.NotifyApprovers, governance.NotifyAlternates:
		until := request.Approval.Stages[effect.Stage].EndsDateTime.Instant().Format("2 January 2006 15:04 UTC")
		subject = fmt.Sprintf("Action required: approve or deny the request of %s by %s", requestor, until)
		lines = []string{
			fmt.Sprintf("%s asks for access to %s.", requestor, pack),
			"Justification: " + orNone(request.Justification),
			"Requested on " + request.CreatedDateTime.Instant().Format("2 January 2006 15:04 UTC") + ".",
			"Without a decision the request is denied on " + until + ".",
		}
		if effect.Notification == governance.NotifyAlternates {
			lines = append(lines, "It comes to you because nobody has decided it so far.")
		}
		link = "#/approvals/" + request.ID
	case governance.NotifyDenied:
		subject = "Your request for " + pack + " was denied"
		lines = []string{"Your request for access to " + pack + " was denied."}
		if request.Approval != nil && effect.Stage < len(request.Approval.Stages) {
			lines = append(lines, "Reason: "+orNone(request.Approval.Stages[effect.Stage].Justification))
		}
	case governance.NotifyApprovalTimedOut:
		subject = "Your request for " + pack + " has expired"
		lines = []string{"Nobody decided your request for access to " + pack + " in time. You may ask again."}
	case governance.NotifyDelivered:
		subject = "You now have access to " + pack
		lines = []string{"You now have access to " + pack + "."}
	case governance.NotifyEnded:
		subject = "Your access to " + pack + " has ended"
		lines = []string{"Your access to " + pack + " has ended."}
	case governance.NotifyDeliveryFailed:
		subject = "Your access to " + pack + " could not be set up"
		lines = []string{"Your access to " + pack + " could not be set up completely. Those who look after it have been told."}
	}
	mail := governance.Mail{Subject: oneLine(subject), Text: strings.Join(lines, "\n")}
	var body strings.Builder
	for _, line := range lines {
		body.WriteString("<p>" + html.EscapeString(line) + "</p>")
	}
	if a.portalURL != "" && link != "" {
		url := strings.TrimRight(a.portalURL, "/") + "/" + link
		mail.Text += "\n" + url
		body.WriteString(`<p><a href="` + html.EscapeString(url) + `">Open the request</a></p>`)
	}
	mail.HTML = body.String()
	return mail
}

func orNone(text string) string {
	if strings.TrimSpace(text) == "" {
		return "none given"
	}
	return text
}

// oneLine keeps what a person typed from adding lines to a mail's header.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
