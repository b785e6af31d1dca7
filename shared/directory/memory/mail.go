package memory

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/governance"
)

// Sent is a mail with the time at which it was sent.
type Sent struct {
	governance.Mail
	SentDateTime time.Time `json:"sentDateTime"`
}

// maxRecipients is Exchange Online's limit of recipients of one message.
const maxRecipients = 500

// SendMail records the mail as sent now.
func (d *Directory) SendMail(ctx Context, message governance.Mail) error {
	return strikeChange(ctx, d, OperationSendMail, func() error {
		if len(message.To) == 0 || len(message.To) > maxRecipients {
			return fmt.Errorf("%w: a mail has 1 to %d recipients, this one has %d", directory.ErrRefused, maxRecipients, len(message.To))
		}
		for _, to := range message.To {
			if address, err := mail.ParseAddress(to); err != nil || address.Address != to {
				return fmt.Errorf("%w: a recipient is no mail address", directory.ErrRefused)
			}
		}
		d.record(message)
		return nil
	})
}

// RecordMail adds a mail to what was sent, past the fault hook and the checks.
func (d *Directory) RecordMail(message governance.Mail) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.record(message)
}

func (d *Directory) record(message governance.Mail) {
	message.To = slices.Clone(message.To)
	d.sent = append(d.sent, Sent{Mail: message, SentDateTime: d.clock.Now()})
	if len(d.sent) > 2*d.maxSent { // dropping in halves keeps each mail's cost constant
		d.sent = slices.Clone(d.sent[len(d.sent)-d.maxSent:])
	}
}

// Sent returns the mail that was sent, oldest first, at most Options.MaxSent.
func (d *Directory) Sent() []Sent { return d.SentTo("") }

// SentTo returns the mail that was sent to an address, without regard to case; all of it when the address is empty.
func (d *Directory) SentTo(address string) []Sent {
	d.mu.RLock()
	defer d.mu.RUnlock()
	kept := d.sent[max(0, len(d.sent)-d.maxSent):]
	if address == "" {
		return slices.Clone(kept)
	}
	var list []Sent
	for _, m := range kept {
		if slices.ContainsFunc(m.To, func(to string) bool { return strings.EqualFold(to, address) }) {
			list = append(list, m)
		}
	}
	return list
}
