package servicebus

import (
	"fmt"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
)

// inlet is a link on which a client sends: to a queue, or requests to $cbs or $management.
type inlet struct {
	session *session
	handle  uint32
	node    node
	limit   int // of the bytes of a delivery

	deliveryCount uint32
	credit        uint32

	// the delivery that is coming in
	begun    bool
	delivery uint32
	format   uint32
	settled  bool
	oversize bool // it is larger than limit: its payload is dropped
	payload  []byte
}

func (s *session) attachInlet(attach *amqp.Attach) *amqp.Error {
	if attach.Target == nil || attach.Target.Coordinator {
		return &amqp.Error{Condition: condNotImplemented, Description: "A link needs an address; transactions are not supported."}
	}
	node, refused := s.connection.server.resolve(attach.Target.Address)
	if refused == nil {
		refused = s.connection.mayUse(node)
	}
	if refused != nil {
		return refused
	}
	limit := bus.MaxMessageBytes
	if node.queue != nil && !node.management {
		if node.queue.DeadLetters() == nil {
			return &amqp.Error{Condition: condNotAllowed, Description: "Nothing is sent to a dead-letter queue."}
		}
		limit = node.queue.Options().MaxMessageBytes
	} else if node.management {
		limit *= 4 // a request to schedule carries many messages
	}
	in := &inlet{session: s, handle: attach.Handle, node: node, limit: limit, deliveryCount: attach.InitialDeliveryCount, credit: inletCredit}
	answer := amqp.Attach{
		Name: attach.Name, Handle: attach.Handle, Receiver: true, SenderSettleMode: attach.SenderSettleMode, ReceiverSettleMode: amqp.ReceiverFirst,
		Source: attach.Source, Target: attach.Target, MaxMessageSize: uint64(limit),
	}
	if answer.Source == nil {
		answer.Source = &amqp.Source{}
	}
	if err := s.connection.tryFrame(s.channel, answer.Append); err != nil {
		return &amqp.Error{Condition: condNotAllowed, Description: err.Error()}
	}
	s.links[attach.Handle] = in
	in.tell()
	return nil
}

func (in *inlet) end() {}

func (in *inlet) flow(flow amqp.Flow) {
	if flow.Echo {
		in.tell()
	}
}

// tell renews the credit of the peer.
func (in *inlet) tell() {
	in.session.tell(&amqp.Flow{Handle: in.handle, DeliveryCount: in.deliveryCount, LinkCredit: in.credit})
}

// transfer takes a delivery or a part of one.
func (in *inlet) transfer(t *amqp.Transfer) error {
	if !in.begun {
		if !t.HasDeliveryID {
			return fmt.Errorf("%w: a delivery without an id", amqp.ErrMalformed)
		}
		in.begun, in.delivery, in.format, in.settled, in.oversize, in.payload = true, t.DeliveryID, t.Format, false, false, nil
	}
	in.settled = in.settled || t.Settled
	if t.Aborted {
		in.begun, in.payload = false, nil
		return nil
	}
	if len(in.payload)+len(t.Payload) > in.limit {
		in.oversize, in.payload = true, nil
	}
	if !in.oversize {
		in.payload = append(in.payload, t.Payload...) // a copy: the frame is overwritten by the next
	}
	if t.More {
		return nil
	}
	payload, oversize := in.payload, in.oversize
	in.begun, in.payload = false, nil
	in.deliveryCount++
	if in.credit--; in.credit < inletCredit/2 {
		in.credit = inletCredit
		in.tell()
	}
	if oversize {
		in.settle(&amqp.Error{Condition: condTooLarge, Description: fmt.Sprintf("The received message exceeds the limit of %d bytes currently allowed on the link.", in.limit)})
		return nil
	}
	if in.node.claims || in.node.management {
		in.settle(nil)
		return in.session.connection.request(in, payload)
	}
	return in.send(payload)
}

// settle answers the delivery that has just come in.
func (in *inlet) settle(reason *amqp.Error) {
	switch {
	case in.settled:
	case reason == nil:
		in.session.accepted(in.delivery)
	default:
		in.session.rejected(in.delivery, reason)
	}
}

// send puts the message, or the messages of a batch, on the queue.
func (in *inlet) send(payload []byte) error {
	s, c := in.session, in.session.connection
	struck := c.server.faults.Strike(fault.ServiceBus)
	switch struck {
	case fault.LostResponse, fault.Delay, fault.Kill: // struck below, or none of ours
	case fault.Throttle:
		in.settle(busy)
		return nil
	case fault.Error:
		s.settleNow()
		delete(s.links, in.handle)
		return s.detachWith(in.handle, &amqp.Error{Condition: condDetachForced, Description: "A fault wants it so."})
	}
	envelopes, err := decode(payload, in.format)
	if err == nil {
		_, err = in.node.queue.Enqueue(envelopes...)
	}
	if err != nil {
		in.settle(describe(err, in.node.queue))
		return nil
	}
	switch struck {
	case fault.LostResponse:
		c.lose()
		return errLost
	case fault.Delay:
		delivery, settled := in.delivery, in.settled
		time.AfterFunc(fault.DelayTime, func() {
			c.mu.Lock()
			if !c.ended && !settled {
				s.accepted(delivery)
				s.settleNow()
			}
			c.mu.Unlock()
			if c.flush() != nil {
				c.drop()
			}
		})
	default:
		in.settle(nil)
	}
	return nil
}

var busy = &amqp.Error{Condition: condServerBusy, Description: "The request was terminated because the namespace is being throttled."}

// lose forgets what was to be said and breaks the connection.
func (c *connection) lose() {
	c.out = c.out[:0]
	for _, s := range c.settling {
		s.settling = false
	}
	c.drop()
}

// decode makes messages of a delivery: of one, or of a batch whose data sections are messages.
func decode(payload []byte, format uint32) ([]memory.Envelope, error) {
	message, err := amqp.ReadMessage(payload)
	if err != nil {
		return nil, err
	}
	if format != amqp.BatchFormat {
		return []memory.Envelope{envelope(&message, payload)}, nil
	}
	envelopes := make([]memory.Envelope, len(message.Data))
	for i, data := range message.Data {
		part, err := amqp.ReadMessage(data)
		if err != nil {
			return nil, err
		}
		envelopes[i] = envelope(&part, data)
	}
	return envelopes, nil
}
