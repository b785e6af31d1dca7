package memory

import (
	"fmt"
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

// SendMail records the mail as sent now, as Exchange takes it: to all, or to nobody if one of the addresses takes no mail.
func (d *Directory) SendMail(ctx Context, message governance.Mail) error {
	return strikeChange(ctx, d, OperationSendMail, func() error {
		if len(message.To) == 0 || len(message.To) > directory.MaxRecipients {
			return fmt.Errorf("%w: a mail has 1 to %d recipients, this one has %d", directory.ErrRefused, directory.MaxRecipients, len(message.To))
		}
		if slices.ContainsFunc(message.To, func(to string) bool { return !directory.IsMailAddress(to) || d.refusing[strings.ToLower(to)] }) {
			return directory.ErrRecipient
		}
		d.record(message)
		return nil
	})
}

// PutRefused has an address take no mail from now on, as one that Exchange cannot resolve.
func (d *Directory) PutRefused(address string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusing[strings.ToLower(address)] = true
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
