package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/mail"

	"github.com/microsoftgraph/msgraph-sdk-go/models"
	"github.com/microsoftgraph/msgraph-sdk-go/users"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// maxRecipients is Exchange Online's limit of recipients of one message.
const maxRecipients = 500

// SendMail sends one mail from Options.Sender (RULES PRV-18).
//
// Graph takes one body in JSON, and Exchange makes the other from it: the HTML is sent, or the text when there is none. Nothing is kept in the sender's sent
// items, because a mail may carry a secret that must not rest anywhere (DESIGN 2.9).
func (d *Directory) SendMail(ctx context.Context, message governance.Mail) error {
	if !isUserID(d.sender) {
		return fmt.Errorf("%w: no mailbox is set to send mail from", directory.ErrRefused)
	}
	body, err := mailBody(message)
	if err != nil {
		return err
	}
	request, err := d.users.ByUserId(d.sender).SendMail().ToPostRequestInformation(ctx, body, nil)
	if err != nil {
		return fmt.Errorf("graph: send a mail: %w", err)
	}
	err = d.call(ctx, OperationSendMail, ifNotDone, request, nil)
	if a, ok := answered(err); ok && a.status == http.StatusNotFound && a.code != "" {
		return fmt.Errorf("%w: the mailbox to send mail from does not exist: %w", directory.ErrRefused, err)
	}
	return err
}

func mailBody(message governance.Mail) (users.ItemSendMailPostRequestBodyable, error) {
	if len(message.To) == 0 || len(message.To) > maxRecipients {
		return nil, fmt.Errorf("%w: a mail has 1 to %d recipients, this one has %d", directory.ErrRefused, maxRecipients, len(message.To))
	}
	recipients := make([]models.Recipientable, len(message.To))
	for n, to := range message.To {
		if address, err := mail.ParseAddress(to); err != nil || address.Address != to {
			return nil, fmt.Errorf("%w: a recipient is no mail address", directory.ErrRefused)
		}
		address := models.NewEmailAddress()
		address.SetAddress(&to)
		recipients[n] = models.NewRecipient()
		recipients[n].SetEmailAddress(address)
	}
	content, kind := message.HTML, models.HTML_BODYTYPE
	if content == "" {
		content, kind = message.Text, models.TEXT_BODYTYPE
	}
	text := models.NewItemBody()
	text.SetContent(&content)
	text.SetContentType(&kind)
	letter := models.NewMessage()
	letter.SetSubject(&message.Subject)
	letter.SetBody(text)
	letter.SetToRecipients(recipients)
	body := users.NewItemSendMailPostRequestBody()
	body.SetMessage(letter)
	keep := false
	body.SetSaveToSentItems(&keep)
	return body, nil
}
