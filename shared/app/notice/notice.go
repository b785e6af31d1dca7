// Package notice tells people what has happened to what concerns them. Who is told what, and when not, is a table of shared/engine; the words are apart, a set for each language.
package notice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"latchkey/shared/directory"
	"latchkey/shared/engine"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	"latchkey/shared/store"
)

const (
	// perMail is how many people one mail goes to at most.
	perMail = 50
	// lease is how long who has begun a mail has it for themselves: longer than an invocation lives.
	lease = 6 * time.Minute
	// maxNamed is how many who cannot be told an alert names.
	maxNamed = 50
	// maxBegun is how often a mail is begun of which nobody knows whether it went out.
	maxBegun = 2
)

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

// Notify tells of one notification (NOT-01 to NOT-08). The message only says that there is something to look at: what is told is what was committed, if it still is so, and once, however many messages there
// are. That a mail is begun is noted before it is sent; one that was begun and has no outcome is sent once more, and not again: nobody gets three, and those it went to count as untold. What fails for now is put off, and others are told
// meanwhile. Errors: CodeInvalid for a notification that there is not, or that could not be told for want of its request; those after which the message may be dropped, since the timer sends another.
func (n *Notifier) Notify(ctx context.Context, message governance.Effect) error {
	kept, waits, err := n.Ledger.Kept(ctx, message)
	if err != nil {
		return fmt.Errorf("look at a notification: %w", err)
	}
	if _, known := engine.NoticeOf(message.Notification); !known {
		return governance.Invalid("notification", "There is no notification %q.", governance.Clip(string(message.Notification)))
	}
	notice, known := engine.NoticeOf(kept.Notification)
	switch {
	case !waits:
		n.Log.InfoContext(ctx, "a message tells of what was told, or never was", "effectId", governance.Clip(message.ID), "notification", message.Notification)
		return nil
	case !known:
		return governance.Invalid("notification", "There is no notification %q.", governance.Clip(string(kept.Notification)))
	case kept.NotBefore.After(n.Ledger.Now()): // it is put off, or somebody is at it
		return nil
	}
	err = n.tell(ctx, notice, &kept)
	switch {
	case errors.Is(err, store.ErrConflict): // somebody else is at it
		return nil
	case err != nil && ctx.Err() == nil:
		return n.putOff(ctx, notice, kept, err)
	}
	return err
}

// tell tells those who have not been told yet.
func (n *Notifier) tell(ctx context.Context, notice engine.Notice, kept *ledger.Kept) error {
	read, err := ledger.About[announced](ctx, n.Ledger, kept.Effect)
	if err != nil {
		return fmt.Errorf("read the request of a notification: %w", err)
	}
	request, stage := read.AssignmentRequest, governance.ApprovalStage{}
	if request.Approval != nil && kept.Stage >= 0 && kept.Stage < len(request.Approval.Stages) {
		stage = request.Approval.Stages[kept.Stage]
	}
	holds := notice.Holds(request, stage)
	if holds && notice.Lives {
		if holds, err = n.lives(ctx, *kept, request.Assignment.ID); err != nil {
			return err
		}
	}
	if !holds {
		n.Log.InfoContext(ctx, "a notification is not so any more", "effectId", kept.ID, "requestId", request.ID, "notification", kept.Notification)
		return n.Ledger.Over(ctx, *kept)
	}
	all, err := n.readers(ctx, notice.To(request, stage))
	if err != nil {
		return err
	}
	post := &post{Notifier: n, kept: kept, mail: english.compose(kept.Notification, request, stage, n.PortalURL)}
	if err := post.send(ctx, all.after(kept.Told)); err != nil {
		if notice.Asks && isRefused(err) { // it is given up
			rest := all.after(kept.Told)
			post.untold(rest, rest)
			if err := n.note(ctx, *kept, slices.Concat(all.unreached, kept.Untold), !kept.Heard); err != nil {
				return err
			}
		}
		return err
	}
	for id, count := range all.leftOut {
		n.Log.ErrorContext(ctx, "a group has more members than are told", "alert", true, "requestId", request.ID, "notification", kept.Notification, "groupId", id, "told", maxTold, "leftOut", count,
			"stops", "the mail to those who are left out", "mend", "docs/operate/stuck-request.md#somebody-cannot-be-told")
	}
	nobody := notice.Asks && !kept.Heard
	if all.unreached = append(all.unreached, kept.Untold...); nobody || len(all.unreached) > 0 && notice.Asks || len(kept.Untold) > 0 {
		attributes := []any{"alert", true, "requestId", request.ID, "notification", kept.Notification, "objectIds", all.unreached[:min(len(all.unreached), maxNamed)],
			"count", len(all.unreached), "mend", "docs/operate/stuck-request.md#somebody-cannot-be-told"}
		if nobody {
			n.Log.ErrorContext(ctx, "nobody can be told: there is no address, or none that takes mail", append(attributes, "stops", "the decision, until the others who may decide it are told, if there are any")...)
		} else {
			n.Log.ErrorContext(ctx, "somebody cannot be told: there is no address, or none that takes mail", append(attributes, "stops", "their mail, and nobody else's")...)
		}
	}
	if nobody || notice.Asks && len(all.unreached) > 0 {
		if err := n.note(ctx, *kept, all.unreached, nobody); err != nil {
			return err
		}
	}
	if len(all.readers) == 0 && !notice.Asks {
		n.Log.InfoContext(ctx, "a notification has nobody to go to", "requestId", request.ID, "notification", kept.Notification)
	}
	return n.Ledger.Over(ctx, *kept)
}

// note keeps with a stage who of those who may decide cannot be told, and in the tenant's place that there are some; nobody: no one else was.
func (n *Notifier) note(ctx context.Context, kept ledger.Kept, ids []string, nobody bool) error {
	_, err := n.Ledger.Update(ctx, kept.Place, ledger.Documents(governance.StoredID(kept.Kind, kept.About)), func(s engine.State) (engine.Change, error) {
		return engine.Unreached(s, kept.About, kept.Stage, ids, nobody, n.Ledger.Now())
	})
	if err != nil {
		return fmt.Errorf("note who cannot be told: %w", err)
	}
	return n.Ledger.NoteUntold(ctx)
}

// lives says whether an assignment of the place of an effect is there, and not being taken away.
func (n *Notifier) lives(ctx context.Context, kept ledger.Kept, assignmentID string) (bool, error) {
	found, err := ledger.GetAt[governance.Assignment](ctx, n.Ledger, kept.Place, assignmentID, "assignment")
	if governance.CodeOf(err) == governance.CodeNotFound && err != nil {
		return false, nil
	}
	return found.Value.State != governance.AssignmentExpired && !found.Value.Removing, err
}

// post is the mails of one notification on their way.
type post struct {
	*Notifier
	kept *ledger.Kept
	mail governance.Mail
}

// send sends the mail to these, some at a time. What was sent to some, and what became of it, is noted with the beginning of the next; a mail that was refused for one of its addresses goes to half of them
// first, until the one is found.
func (p *post) send(ctx context.Context, to []reader) error {
	for size := perMail; len(to) > 0; {
		some := to[:min(size, len(to))]
		if p.kept.Begun >= maxBegun { // by somebody who died before the outcome
			to = p.doubtful(ctx, to, some, nil)
			continue
		}
		p.kept.Begun++
		p.kept.NotBefore = p.Ledger.Now().Add(lease)
		if err := p.Ledger.Keep(ctx, p.kept); err != nil {
			p.kept.Begun--
			return err
		}
		p.mail.To = nil
		for _, one := range some {
			p.mail.To = append(p.mail.To, one.address)
		}
		err := p.Directory.SendMail(ctx, p.mail)
		switch {
		case err == nil:
			p.kept.Heard = true
			to = p.told(to, len(some))
		case errors.Is(err, directory.ErrRecipient) && len(some) > 1:
			p.kept.Begun, size = p.kept.Begun-1, (len(some)+1)/2
		case errors.Is(err, directory.ErrRecipient):
			size = perMail
			to = p.untold(to, some)
		case errors.Is(err, directory.ErrUnavailable) && !errors.Is(err, directory.ErrUndone):
			if p.kept.Begun < maxBegun || ctx.Err() != nil {
				return fmt.Errorf("send the mail %q: %w", p.kept.Notification, err)
			}
			to = p.doubtful(ctx, to, some, err)
		default:
			p.kept.Begun--
			return fmt.Errorf("send the mail %q: %w", p.kept.Notification, err)
		}
	}
	return nil
}

// told goes on after the first so many, of whom there is nothing more to find out.
func (p *post) told(to []reader, count int) []reader {
	p.kept.Told, p.kept.Begun = to[count-1].id, 0
	return to[count:]
}

// untold goes on after those first, who have not been told.
func (p *post) untold(to, some []reader) []reader {
	for _, one := range some[:min(len(some), engine.MaxUnreached-len(p.kept.Untold))] {
		p.kept.Untold = append(p.kept.Untold, one.id)
	}
	return p.told(to, len(some))
}

// doubtful counts those first as untold: a mail to them was begun often enough, and each time nobody knows what became of it.
func (p *post) doubtful(ctx context.Context, to, some []reader, err error) []reader {
	p.Log.ErrorContext(ctx, "a notification may not have arrived", "alert", true, "effectId", p.kept.ID, "requestId", p.kept.RequestID, "notification", p.kept.Notification, "error", err,
		"stops", "this mail, if neither of the two was sent", "mend", "docs/operate/dead-letters.md#mail")
	return p.untold(to, some)
}

// isRefused: waiting does not mend a missing sender.
func isRefused(err error) bool {
	return errors.Is(err, directory.ErrRefused) || errors.Is(err, directory.ErrNotFound)
}

// putOff has a notification tried again later. What waiting does not mend is given up, loudly, and so is what has been waited for long enough; but somebody who has to decide is told whenever it becomes possible.
func (n *Notifier) putOff(ctx context.Context, notice engine.Notice, kept ledger.Kept, cause error) error {
	last := len(engine.RetryDelays) - 1
	code := ledger.CodeOf(cause)
	refused := isRefused(cause)
	exhausted := kept.Attempt > last
	attributes := []any{"alert", true, "effectId", kept.ID, "requestId", kept.RequestID, "notification", kept.Notification, "error", cause, "stops", "this mail", "mend", "docs/operate/dead-letters.md#mail"}
	switch {
	case refused:
		n.Log.ErrorContext(ctx, "a notification was refused", attributes...)
	case kept.Attempt == last+1:
		n.Log.ErrorContext(ctx, "a notification could not be sent", attributes...)
	}
	passing := code == governance.CodeThrottled || code == governance.CodeUnavailable
	if refused || exhausted && !(notice.Asks && passing && !errors.Is(cause, ledger.ErrNoDocument)) {
		if err := n.Ledger.Over(ctx, kept); err != nil {
			return err
		}
		if errors.Is(cause, ledger.ErrNoDocument) {
			return &governance.Error{Code: governance.CodeInvalid, Target: "documentId", Message: "What the effect is about is not there, and has not come.", Err: cause}
		}
		return nil
	}
	kept.NotBefore = n.Ledger.Now().Add(max(engine.RetryDelays[min(kept.Attempt, last)], ledger.RetryAfter(cause)))
	kept.Attempt++
	err := n.Ledger.Keep(ctx, &kept)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	if err == nil {
		n.Log.WarnContext(ctx, "an effect is put off", "effectId", kept.ID, "what", kept.What, "kind", kept.Kind, "requestId", kept.RequestID, "until", kept.NotBefore, "attempt", kept.Attempt, "error", cause)
	}
	return err
}
