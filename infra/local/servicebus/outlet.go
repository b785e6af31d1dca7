package servicebus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus/memory"
)

// outlet is a link on which a client receives: from a queue, or the answers of $cbs or $management. The mutex of the connection guards it; a
// goroutine of its own, the pump, delivers what comes from a queue.
type outlet struct {
	session *session
	handle  uint32
	name    string
	node    node
	replyTo string // the address that requests name to be answered here
	settled bool   // deliveries are settled as they are sent: receive and delete

	credit        uint32
	deliveryCount uint32
	drain         bool
	ended         bool
	kick          chan struct{} // has a value when credit, drain, the window or ended has changed

	cancel  func()   // ends the wait for a session
	replies [][]byte // answers that wait for credit

	held   *memory.Session // the session of the queue, if it has sessions
	source source
	buffer []byte // of the pump
}

// source is where a pump gets its deliveries: a queue or a session of one.
type source interface {
	ReceiveOrWait(*memory.Waiter) (memory.Delivery, bool, error)
	Leave(*memory.Waiter)
}

func (s *session) attachOutlet(ctx context.Context, attach *amqp.Attach) *amqp.Error {
	if attach.Source == nil {
		return &amqp.Error{Condition: condNotImplemented, Description: "A link needs an address."}
	}
	c := s.connection
	node, refused := c.server.resolve(attach.Source.Address)
	if refused == nil {
		refused = c.mayUse(node)
	}
	if refused != nil {
		return refused
	}
	o := &outlet{session: s, handle: attach.Handle, name: attach.Name, node: node, settled: attach.SenderSettleMode == amqp.SenderSettled, kick: make(chan struct{}, 1)}
	if node.claims || node.management {
		o.settled = true
		if attach.Target != nil {
			o.replyTo = attach.Target.Address
		}
		return o.open(attach)
	}
	filter, wanted := sessionOf(attach.Source.Filter)
	switch {
	case wanted && !node.queue.Options().RequiresSession:
		return &amqp.Error{Condition: condNotAllowed, Description: "A receiver of a session is for queues with sessions."}
	case !wanted && node.queue.Options().RequiresSession:
		return &amqp.Error{Condition: condNotAllowed, Description: "It is not possible for an entity that requires sessions to create a non-sessionful message receiver."}
	case !wanted:
		o.source = node.queue
		if refused := o.open(attach); refused != nil {
			return refused
		}
		c.pumps.Go(o.pump)
		return nil
	case filter != nil:
		held, err := node.queue.AcceptSession(*filter)
		if err != nil {
			return describe(err, node.queue)
		}
		if refused := o.openSession(attach, held); refused != nil {
			return refused
		}
		c.pumps.Go(o.pump)
		return nil
	default:
		s.links[attach.Handle] = o // it is not open yet, but may be ended
		c.pumps.Go(func() { o.awaitSession(ctx, attach) })
		return nil
	}
}

// sessionOf finds the session filter: whether there is one, and the session that it names, or nil if it takes any.
func sessionOf(filter amqp.Map) (*string, bool) {
	for _, entry := range filter {
		if text(entry.Key) != sessionFilter {
			continue
		}
		value := entry.Value
		if described, ok := value.(amqp.Described); ok {
			value = described.Value
		}
		if id, ok := value.(string); ok {
			return &id, true
		}
		return nil, true
	}
	return nil, false
}

// open answers the Attach.
func (o *outlet) open(attach *amqp.Attach) *amqp.Error {
	answer := amqp.Attach{
		Name: attach.Name, Handle: attach.Handle, SenderSettleMode: attach.SenderSettleMode, ReceiverSettleMode: attach.ReceiverSettleMode,
		Source: attach.Source, Target: attach.Target,
	}
	if answer.Target == nil {
		answer.Target = &amqp.Target{}
	}
	if o.held != nil {
		answer.Properties = amqp.Map{{Key: amqp.Symbol(lockedUntilProperty), Value: ticks(o.held.LockedUntil())}}
	}
	s := o.session
	if err := s.connection.tryFrame(s.channel, answer.Append); err != nil {
		return &amqp.Error{Condition: condNotAllowed, Description: err.Error()}
	}
	s.links[attach.Handle] = o
	return nil
}

// ticks is an instant as .NET counts it.
func ticks(at time.Time) int64 {
	const epoch = 621355968000000000
	return at.UnixMilli()*10_000 + epoch
}

// openSession answers the Attach of a receiver of this session; the filter of the answer names it.
func (o *outlet) openSession(attach *amqp.Attach, held *memory.Session) *amqp.Error {
	o.held, o.source = held, held
	named := make(amqp.Map, len(attach.Source.Filter))
	copy(named, attach.Source.Filter)
	for i := range named {
		if text(named[i].Key) != sessionFilter {
			continue
		}
		named[i].Key = amqp.Symbol(sessionFilter)
		if described, ok := named[i].Value.(amqp.Described); ok {
			named[i].Value = amqp.Described{Descriptor: described.Descriptor, Value: held.ID()}
		} else {
			named[i].Value = held.ID()
		}
	}
	attach.Source.Filter = named
	refused := o.open(attach)
	if refused != nil {
		o.letGo()
	}
	return refused
}

// awaitSession waits for the next session, answers the Attach, and goes on as its pump.
func (o *outlet) awaitSession(ctx context.Context, attach *amqp.Attach) {
	s, c := o.session, o.session.connection
	timeout := c.server.options.AcceptTimeout
	if wanted := milliseconds(attach.Properties.Get(acceptTimeoutProperty)); wanted > 0 {
		timeout = min(timeout, wanted)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c.mu.Lock()
	o.cancel = cancel
	ended := o.ended
	c.mu.Unlock()
	if ended {
		return
	}
	held, err := o.node.queue.AcceptNextWait(ctx)

	c.mu.Lock()
	if o.ended {
		c.mu.Unlock()
		if err == nil {
			_ = held.Release() // it is lost already if it fails
		}
		return
	}
	var refused *amqp.Error
	switch {
	case err == nil:
		refused = o.openSession(attach, held)
	case errors.Is(err, context.DeadlineExceeded):
		refused = &amqp.Error{Condition: condTimeout, Description: "The operation did not complete within the allotted timeout: there is no session to accept."}
	default:
		refused = describe(err, o.node.queue)
	}
	if refused != nil {
		err = s.refuse(attach, refused)
	}
	c.mu.Unlock()
	if flushed := c.flush(); flushed != nil || err != nil {
		c.drop()
	}
	if refused == nil {
		o.pump()
	}
}

func milliseconds(value any) time.Duration {
	switch v := value.(type) {
	case uint32:
		return time.Duration(v) * time.Millisecond
	case int32:
		return time.Duration(v) * time.Millisecond
	case uint64:
		return time.Duration(min(v, uint64(time.Hour/time.Millisecond))) * time.Millisecond
	case int64:
		return time.Duration(min(v, int64(time.Hour/time.Millisecond))) * time.Millisecond
	case uint16:
		return time.Duration(v) * time.Millisecond
	case uint8:
		return time.Duration(v) * time.Millisecond
	case float64:
		return time.Duration(min(v, float64(time.Hour/time.Millisecond))) * time.Millisecond
	default:
		return 0
	}
}

func (o *outlet) wake() {
	select {
	case o.kick <- struct{}{}:
	default:
	}
}

func (o *outlet) end() {
	o.ended = true
	if o.cancel != nil {
		o.cancel()
	}
	o.letGo() // at once: the peer may want the session again
	o.wake()
}

// letGo releases the session.
func (o *outlet) letGo() {
	if o.held != nil {
		_ = o.held.Release() // it is lost already if it fails
	}
}

func (o *outlet) flow(flow amqp.Flow) {
	if flow.HasCredit {
		o.credit = remaining(flow.LinkCredit, o.deliveryCount, flow.DeliveryCount)
	}
	o.drain = flow.Drain
	if o.source == nil {
		o.sendReplies()
		if o.drain {
			o.drained()
		}
	}
	if flow.Echo && !o.drain {
		o.tell()
	}
	o.wake()
}

func (o *outlet) tell() {
	o.session.tell(&amqp.Flow{Handle: o.handle, DeliveryCount: o.deliveryCount, LinkCredit: o.credit})
}

// drained uses up the credit, because there is nothing to deliver.
func (o *outlet) drained() {
	o.deliveryCount += o.credit
	o.credit = 0
	o.drain = false
	o.session.tell(&amqp.Flow{Handle: o.handle, DeliveryCount: o.deliveryCount, Drain: true})
}

// pump delivers messages as long as there is credit and the link stands.
func (o *outlet) pump() {
	c := o.session.connection
	waiter := memory.NewWaiter()
	for {
		c.mu.Lock()
		ended, able, drain, full := o.ended, o.credit > 0 && o.session.takes(), o.drain, len(c.out) >= flushAt
		c.mu.Unlock()
		if ended {
			o.source.Leave(waiter)
			return
		}
		if full {
			o.flush()
		}
		if able {
			delivery, ok, err := o.source.ReceiveOrWait(waiter)
			if err != nil {
				o.fail(describe(err, o.node.queue))
				return
			}
			if ok {
				able = o.deliver(&delivery)
				if able {
					continue
				}
			}
		}
		if !able { // not now: somebody else may have what there is
			o.source.Leave(waiter)
		}
		if drain {
			c.mu.Lock()
			if o.drain && !o.ended && (able || o.credit == 0) {
				o.drained()
			}
			c.mu.Unlock()
		}
		o.flush()
		select {
		case <-waiter.C:
		case <-o.kick:
		}
	}
}

func (o *outlet) flush() {
	if o.session.connection.flush() != nil {
		o.session.connection.drop()
	}
}

// fail ends the link with an error.
func (o *outlet) fail(reason *amqp.Error) {
	s, c := o.session, o.session.connection
	c.mu.Lock()
	var err error
	if !o.ended {
		o.ended = true
		delete(s.links, o.handle)
		err = s.detachWith(o.handle, reason)
	}
	c.mu.Unlock()
	if flushed := c.flush(); flushed != nil || err != nil {
		c.drop()
	}
}

// deliver sends one delivery. If the peer does not take it now the message goes back, and the pump has to wait until that has changed: it answers false.
func (o *outlet) deliver(d *memory.Delivery) bool {
	q := o.node.queue
	payload, err := appendDelivery(o.buffer[:0], d, false)
	if err != nil {
		_ = q.DeadLetter(d.LockToken, "Undeliverable", err.Error()) // if the lock is lost it comes again, and fails again
		return true
	}
	o.buffer = payload
	s, c := o.session, o.session.connection
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.ended || o.credit == 0 || s.remoteWindow < s.frames(len(payload)) {
		_ = q.Release(d.LockToken) // it is visible already if it fails
		return false
	}
	if o.settled {
		if q.Complete(d.LockToken) != nil {
			return true // the lock is lost: somebody else gets it
		}
	} else {
		s.unsettled[s.nextDelivery] = unsettled{queue: q, token: d.LockToken}
	}
	o.credit--
	o.deliveryCount++
	s.deliver(o.handle, tag(d.LockToken), payload, o.settled)
	return true
}

// takes says whether the peer takes another transfer: its window is open, and it has settled enough of what it has.
func (s *session) takes() bool { return s.remoteWindow > 0 && len(s.unsettled) < maxUnsettled }

// overhead is what a transfer takes in a frame besides its payload, and more.
const overhead = 96

// frames is the number of transfers that a payload needs.
func (s *session) frames(payload int) uint32 {
	room := s.connection.peerMax - overhead
	return uint32(max((payload+room-1)/room, 1))
}

// deliver adds the transfers of a message.
func (s *session) deliver(handle uint32, tag, payload []byte, settled bool) {
	c := s.connection
	transfer := amqp.Transfer{Handle: handle, DeliveryID: s.nextDelivery, HasDeliveryID: true, Tag: tag, Settled: settled}
	s.nextDelivery++
	room := c.peerMax - overhead
	for {
		part := payload[:min(len(payload), room)]
		payload = payload[len(part):]
		transfer.More = len(payload) > 0
		c.frame(s.channel, func(b []byte) []byte { return append(transfer.Append(b), part...) })
		s.nextOutgoing++
		s.remoteWindow--
		if !transfer.More {
			return
		}
		transfer.HasDeliveryID = false
	}
}

// reply sends an answer, when there is credit for it.
func (o *outlet) reply(payload []byte) error {
	if len(o.replies) >= maxReplies {
		return fmt.Errorf("%w: %d answers that nobody takes", amqp.ErrMalformed, maxReplies)
	}
	o.replies = append(o.replies, payload)
	o.sendReplies()
	return nil
}

func (o *outlet) sendReplies() {
	s := o.session
	for len(o.replies) > 0 && o.credit > 0 && s.remoteWindow >= s.frames(len(o.replies[0])) {
		payload := o.replies[0]
		o.replies = o.replies[1:]
		o.credit--
		o.deliveryCount++
		s.deliver(o.handle, []byte{byte(s.nextDelivery >> 24), byte(s.nextDelivery >> 16), byte(s.nextDelivery >> 8), byte(s.nextDelivery)}, payload, o.settled)
	}
}
