package servicebus

import (
	"context"
	"errors"
	"fmt"

	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
)

// session is one AMQP session; the mutex of its connection guards it. A handle has the same number on both sides.
type session struct {
	connection   *connection
	channel      uint16
	nextIncoming uint32 // the id of the next transfer that comes in
	nextOutgoing uint32 // and of the next that goes out
	remoteWindow uint32 // how many transfers the peer takes
	nextDelivery uint32
	links        map[uint32]link
	unsettled    map[uint32]unsettled // what was delivered, by delivery id

	settleFirst, settleLast uint32 // deliveries that came in and are accepted, and the peer does not know yet
	settling                bool
}

// link is an inlet or an outlet.
type link interface {
	flow(amqp.Flow)
	end() // it is gone: nothing is sent on it any more
}

// unsettled is a delivery that a peer has in hand.
type unsettled struct {
	queue *memory.Queue
	token memory.LockToken
}

// end takes leave of all links.
func (s *session) end() {
	for handle, l := range s.links {
		l.end()
		delete(s.links, handle)
	}
}

func (s *session) attach(ctx context.Context, r *amqp.Reader) error {
	attach, err := amqp.ReadAttach(r)
	if err != nil {
		return err
	}
	if s.links[attach.Handle] != nil || attach.Handle >= maxLinks {
		return fmt.Errorf("%w: handle %d is in use or too large", amqp.ErrMalformed, attach.Handle)
	}
	var refused *amqp.Error
	if attach.Receiver {
		refused = s.attachOutlet(ctx, &attach)
	} else {
		refused = s.attachInlet(&attach)
	}
	if refused != nil {
		return s.refuse(&attach, refused)
	}
	return nil
}

// refuse answers an Attach with a link that has no terminus, and ends it.
func (s *session) refuse(attach *amqp.Attach, reason *amqp.Error) error {
	delete(s.links, attach.Handle)
	answer := amqp.Attach{
		Name: attach.Name, Handle: attach.Handle, Receiver: !attach.Receiver,
		SenderSettleMode: attach.SenderSettleMode, ReceiverSettleMode: attach.ReceiverSettleMode,
	}
	if err := s.connection.tryFrame(s.channel, answer.Append); err != nil {
		return err
	}
	return s.detachWith(attach.Handle, reason)
}

func (s *session) detachWith(handle uint32, reason *amqp.Error) error {
	detach := amqp.Detach{Handle: handle, Closed: true, Error: reason}
	return s.connection.tryFrame(s.channel, detach.Append)
}

func (s *session) detach(r *amqp.Reader) error {
	detach, err := amqp.ReadDetach(r)
	if err != nil {
		return err
	}
	l := s.links[detach.Handle]
	if l == nil {
		return nil // it answers one of ours
	}
	s.settleNow()
	l.end()
	delete(s.links, detach.Handle)
	return s.detachWith(detach.Handle, nil)
}

func (s *session) flow(r *amqp.Reader) error {
	flow, err := amqp.ReadFlow(r)
	if err != nil {
		return err
	}
	s.remoteWindow = remaining(flow.IncomingWindow, s.nextOutgoing, flow.NextIncomingID) // which is 0, as ours was at first, if the peer does not know it
	if !flow.HasHandle {
		s.wake()
		if flow.Echo {
			s.tell(nil)
		}
		return nil
	}
	if l := s.links[flow.Handle]; l != nil {
		l.flow(flow)
	}
	return nil
}

// remaining is what is left of what a peer granted when it had seen so many of those that were sent. It may have granted less than what is on its way.
func remaining(granted, sent, seen uint32) uint32 {
	return uint32(max(int64(granted)-int64(sent-seen), 0))
}

// wake lets the pumps see that the peer takes more.
func (s *session) wake() {
	for _, l := range s.links {
		if o, ok := l.(*outlet); ok {
			o.wake()
		}
	}
}

// tell sends a flow of the session, or of a link of it.
func (s *session) tell(of *amqp.Flow) {
	flow := amqp.Flow{}
	if of != nil {
		flow = *of
		flow.HasHandle = true
	}
	flow.NextIncomingID, flow.IncomingWindow = s.nextIncoming, incomingWindow
	flow.NextOutgoingID, flow.OutgoingWindow = s.nextOutgoing, incomingWindow
	s.connection.frame(s.channel, flow.Append)
}

func (s *session) transfer(r *amqp.Reader) error {
	transfer, err := amqp.ReadTransfer(r)
	if err != nil {
		return err
	}
	s.nextIncoming++
	switch l := s.links[transfer.Handle].(type) {
	case *inlet:
		return l.transfer(&transfer)
	case *outlet:
		return fmt.Errorf("%w: a transfer on a link that goes the other way", amqp.ErrMalformed)
	default:
		return nil // the link was ended, and the peer did not know yet
	}
}

// accepted settles a delivery that came in. Neighbours are settled with one frame, when there is nothing more to read.
func (s *session) accepted(id uint32) {
	if s.settling && id == s.settleLast+1 {
		s.settleLast = id
		return
	}
	s.settleNow()
	s.settleFirst, s.settleLast, s.settling = id, id, true
	s.connection.settling = append(s.connection.settling, s)
}

func (s *session) settleNow() {
	if !s.settling {
		return
	}
	s.settling = false
	s.say(amqp.Disposition{Receiver: true, First: s.settleFirst, Last: s.settleLast, Settled: true, State: amqp.State{Code: amqp.CodeAccepted}})
}

// rejected settles a delivery that came in and was not taken.
func (s *session) rejected(id uint32, reason *amqp.Error) {
	s.settleNow()
	s.say(amqp.Disposition{Receiver: true, First: id, Last: id, Settled: true, State: amqp.State{Code: amqp.CodeRejected, Error: reason}})
}

func (s *session) say(d amqp.Disposition) {
	_ = s.connection.tryFrame(s.channel, d.Append) // the info of an error is never set here, so nothing can fail
}

// disposition settles deliveries that went out.
func (s *session) disposition(r *amqp.Reader) error {
	d, err := amqp.ReadDisposition(r)
	if err != nil || !d.Receiver {
		return err
	}
	if d.First != d.Last && int(d.Last-d.First) >= len(s.unsettled) { // a range that is wider than what there is
		for id := range s.unsettled {
			if id-d.First <= d.Last-d.First {
				s.settle(id, &d)
			}
		}
		return nil
	}
	for id := d.First; ; id++ {
		s.settle(id, &d)
		if id == d.Last {
			return nil
		}
	}
}

func (s *session) settle(id uint32, d *amqp.Disposition) {
	u, ok := s.unsettled[id]
	if d.State.Code == 0 && !d.Settled || d.State.Code == amqp.CodeReceived {
		return
	}
	if !ok {
		if !d.Settled && d.First == d.Last { // the peer waits for an answer
			s.say(amqp.Disposition{First: id, Last: id, Settled: true, State: amqp.State{Code: amqp.CodeRejected, Error: describe(memory.ErrLockLost, nil)}})
		}
		return
	}
	delete(s.unsettled, id)
	if len(s.unsettled) == maxUnsettled-1 {
		s.wake()
	}
	err := settle(u.queue, u.token, &d.State)
	if d.Settled && err == nil {
		return
	}
	answer := amqp.Disposition{First: id, Last: id, Settled: true, State: amqp.State{Code: d.State.Code}}
	if d.State.Code == 0 {
		answer.State.Code = amqp.CodeReleased
	}
	if err != nil {
		answer.State = amqp.State{Code: amqp.CodeRejected, Error: describe(err, u.queue)}
	}
	s.say(answer)
}

// settle does with a message what its receiver decided.
func settle(q *memory.Queue, token memory.LockToken, state *amqp.State) error {
	switch state.Code {
	case amqp.CodeAccepted:
		return q.Complete(token)
	case amqp.CodeRejected:
		var reason, description string
		if e := state.Error; e != nil {
			reason, _ = e.Info.Get("DeadLetterReason").(string)
			description, _ = e.Info.Get("DeadLetterErrorDescription").(string)
		}
		return q.DeadLetter(token, reason, description)
	case amqp.CodeModified:
		if state.UndeliverableHere {
			return q.Defer(token)
		}
		return q.Abandon(token)
	default:
		return q.Release(token)
	}
}

// The error conditions of Service Bus.
const (
	condNotFound          = "amqp:not-found"
	condNotAllowed        = "amqp:not-allowed"
	condNotImplemented    = "amqp:not-implemented"
	condUnauthorized      = "amqp:unauthorized-access"
	condDetachForced      = "amqp:link:detach-forced"
	condTooLarge          = "amqp:link:message-size-exceeded"
	condServerBusy        = "com.microsoft:server-busy"
	condTimeout           = "com.microsoft:timeout"
	condMessageLockLost   = "com.microsoft:message-lock-lost"
	condSessionLockLost   = "com.microsoft:session-lock-lost"
	condSessionNotLocked  = "com.microsoft:session-cannot-be-locked"
	condMessageNotFound   = "com.microsoft:message-not-found"
	condArgument          = "com.microsoft:argument-error"
	condDeadLetter        = "com.microsoft:dead-letter"
	sessionFilter         = "com.microsoft:session-filter"
	acceptTimeoutProperty = "com.microsoft:timeout"
	lockedUntilProperty   = "com.microsoft:locked-until-utc"
)

// describe is an error of the core as Service Bus tells it.
func describe(err error, q *memory.Queue) *amqp.Error {
	condition := "amqp:internal-error"
	switch {
	case errors.Is(err, memory.ErrLockLost):
		condition = condMessageLockLost
		if q != nil && q.Options().RequiresSession {
			condition = condSessionLockLost
		}
	case errors.Is(err, memory.ErrSessionLockLost):
		condition = condSessionLockLost
	case errors.Is(err, memory.ErrSessionLocked):
		condition = condSessionNotLocked
	case errors.Is(err, memory.ErrNoMessage):
		condition = condMessageNotFound
	case errors.Is(err, bus.ErrNotFound):
		condition = condNotFound
	case errors.Is(err, bus.ErrTooLarge):
		condition = condTooLarge
	case errors.Is(err, bus.ErrInvalid):
		condition = condNotAllowed
	case errors.Is(err, amqp.ErrMalformed):
		condition = condArgument
	}
	return &amqp.Error{Condition: condition, Description: err.Error()}
}
