package graph

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	abstractions "github.com/microsoft/kiota-abstractions-go"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// SendMail sends one mail from Options.Sender (PRV-18).
//
// Graph takes one body in JSON, and Exchange makes the other from it: the HTML is sent, or the text when there is none. Nothing is kept in the sender's sent
// items, because a mail may carry a secret that must not rest anywhere.
func (d *Directory) SendMail(ctx context.Context, message governance.Mail) error {
	if !isUserID(d.sender) {
		return fmt.Errorf("%w: no mailbox is set to send mail from", directory.ErrRefused)
	}
	body, err := mailBody(message)
	if err != nil {
		return err
	}
	err = d.raw(ctx, OperationSendMail, ifNotDone, abstractions.POST, "/users/{id}/sendMail", map[string]string{"id": d.sender}, body, nil)
	a, ok := answered(err)
	switch {
	case ok && a.status == http.StatusNotFound && a.code != "":
		return fmt.Errorf("%w: the mailbox to send mail from does not exist: %w", directory.ErrRefused, err)
	case ok && a.status == http.StatusBadRequest && a.code == codeInvalidRecipients: // its words hold the address, which belongs in no log
		return fmt.Errorf("%w: Graph answered %s [request %s]", directory.ErrRecipient, a.code, a.requestID)
	case ok && a.status == http.StatusServiceUnavailable && a.code != "", neverLeft(err):
		return fmt.Errorf("%w: %w", directory.ErrUndone, err)
	}
	return err
}

// codeInvalidRecipients is Exchange's word for an address that it does not take.
const codeInvalidRecipients = "ErrorInvalidRecipients"

// neverLeft says whether a failure is that no connection came about, so that Graph has never heard of it.
func neverLeft(err error) bool {
	failed, ok := errors.AsType[*net.OpError](err)
	return ok && failed.Op == "dial"
}

// letter is the body of a mail to be sent.
type letter struct {
	Message struct {
		Subject string `json:"subject"`
		Body    struct {
			ContentType string `json:"contentType"`
			Content     string `json:"content"`
		} `json:"body"`
		To []recipient `json:"toRecipients"`
	} `json:"Message"`
	Keep bool `json:"SaveToSentItems"`
}

type recipient struct {
	EmailAddress struct {
		Address string `json:"address"`
	} `json:"emailAddress"`
}

func mailBody(message governance.Mail) (letter, error) {
	var body letter
	if len(message.To) == 0 || len(message.To) > directory.MaxRecipients {
		return body, fmt.Errorf("%w: a mail has 1 to %d recipients, this one has %d", directory.ErrRefused, directory.MaxRecipients, len(message.To))
	}
	body.Message.To = make([]recipient, len(message.To))
	for n, to := range message.To {
		if !directory.IsMailAddress(to) {
			return body, directory.ErrRecipient
		}
		body.Message.To[n].EmailAddress.Address = to
	}
	body.Message.Subject = message.Subject
	body.Message.Body.ContentType, body.Message.Body.Content = "html", message.HTML
	if message.HTML == "" {
		body.Message.Body.ContentType, body.Message.Body.Content = "text", message.Text
	}
	return body, nil
}
