package servicebus

import (
	"fmt"
	"time"

	"latchkey/infra/local/fault"
	"latchkey/infra/local/servicebus/amqp"
	"latchkey/shared/bus"
	"latchkey/shared/bus/memory"
)

// response is the answer to a request of $management or $cbs.
type response struct {
	code        int32
	description string
	condition   string   // of an error
	body        amqp.Map // nil: none
}

func ok(body amqp.Map) response { return response{code: 200, description: "OK", body: body} }

var nothingFound = response{code: 204, description: "There is nothing."}

func refused(code int32, condition, format string, args ...any) response {
	return response{code: code, condition: condition, description: fmt.Sprintf(format, args...)}
}

// failed is an error of the core as $management tells it.
func failed(err error, q *memory.Queue) response {
	e := describe(err, q)
	code := int32(500)
	switch e.Condition {
	case condMessageLockLost, condSessionLockLost, condSessionNotLocked:
		code = 410
	case condMessageNotFound, condNotFound:
		code = 404
	case condNotAllowed, condArgument:
		code = 400
	case condTooLarge:
		code = 403
	}
	return response{code: code, condition: e.Condition, description: e.Description}
}

// request answers a request that came in on an inlet. A request that says not where to answer is dropped.
func (c *connection) request(in *inlet, payload []byte) error {
	message, err := amqp.ReadMessage(payload)
	if err != nil {
		return err
	}
	to := c.replyOutlet(in, message.Properties.ReplyTo)
	if to == nil {
		return nil
	}
	operation := text(message.ApplicationProperties.Get("operation"))
	var answer response
	struck := fault.Kind("")
	if in.node.claims {
		answer = c.claim(operation, &message)
	} else {
		struck = c.server.faults.Strike(fault.ServiceBus)
		switch struck {
		case fault.Throttle:
			answer = refused(503, condServerBusy, "%s", busy.Description)
		case fault.Error:
			answer = refused(500, "amqp:internal-error", "A fault wants it so.")
		default:
			answer = c.manage(in.node.queue, operation, &message)
		}
	}
	encoded, err := answer.encode(&message, in.node.claims)
	if err != nil {
		return err
	}
	switch struck {
	case fault.LostResponse:
		c.lose()
		return errLost
	case fault.Delay:
		time.AfterFunc(fault.DelayTime, func() {
			c.mu.Lock()
			if !c.ended && !to.ended {
				err = to.reply(encoded)
			}
			c.mu.Unlock()
			if flushed := c.flush(); flushed != nil || err != nil {
				c.drop()
			}
		})
		return nil
	default:
		return to.reply(encoded)
	}
}

// replyOutlet is the link on which an answer goes out: the one with that address or name, or else the one beside the inlet.
func (c *connection) replyOutlet(in *inlet, replyTo string) *outlet {
	var beside *outlet
	for _, s := range c.sessions {
		for _, l := range s.links {
			o, ok := l.(*outlet)
			if !ok || o.source != nil || o.node.claims != in.node.claims || o.node.queue != in.node.queue {
				continue
			}
			if replyTo != "" && (o.replyTo == replyTo || o.name == replyTo) {
				return o
			}
			if s == in.session {
				beside = o
			}
		}
	}
	return beside
}

func (a *response) encode(request *amqp.Message, claims bool) ([]byte, error) {
	properties := amqp.Properties{CorrelationID: request.Properties.MessageID, To: request.Properties.ReplyTo}
	b, err := properties.AppendProperties(nil)
	if err != nil {
		return nil, err
	}
	code, description, condition := "statusCode", "statusDescription", "errorCondition"
	if claims {
		code, description, condition = "status-code", "status-description", "error-condition"
	}
	b, m := amqp.BeginApplicationProperties(b)
	b = amqp.AppendString(b, code)
	if b, err = amqp.AppendValue(b, a.code); err != nil {
		return nil, err
	}
	b = amqp.AppendString(amqp.AppendString(b, description), a.description)
	count := 4
	if a.condition != "" {
		b = amqp.AppendSymbol(amqp.AppendString(b, condition), a.condition)
		count += 2
	}
	b = m.End(b, count)
	if a.body == nil {
		return amqp.AppendNull(amqp.BeginValue(b)), nil
	}
	return amqp.AppendValue(amqp.BeginValue(b), a.body)
}

// claim answers $cbs.
func (c *connection) claim(operation string, m *amqp.Message) response {
	if operation != "put-token" {
		return refused(400, condArgument, "The operation %q is not supported.", operation)
	}
	token, _ := m.Value.(string)
	if !c.putToken(text(m.ApplicationProperties.Get("name")), token) {
		return refused(401, condUnauthorized, "The token is invalid, has expired or is not for this audience.")
	}
	return response{code: 202, description: "Accepted"}
}

// manage answers the $management of a queue.
func (c *connection) manage(q *memory.Queue, operation string, m *amqp.Message) response {
	body, _ := m.Value.(amqp.Map)
	switch operation {
	case "com.microsoft:renew-lock":
		return renewLocks(q, body)
	case "com.microsoft:update-disposition":
		return updateDispositions(q, body)
	case "com.microsoft:schedule-message":
		return schedule(q, body)
	case "com.microsoft:cancel-scheduled-message":
		if err := q.CancelScheduled(numbers(body.Get("sequence-numbers"))...); err != nil {
			return failed(err, q)
		}
		return ok(nil)
	case "com.microsoft:peek-message":
		return peek(q, body)
	case "com.microsoft:receive-by-sequence-number":
		return c.receiveDeferred(q, body)
	case "com.microsoft:get-message-sessions":
		return listSessions(q, body)
	case "com.microsoft:renew-session-lock", "com.microsoft:get-session-state", "com.microsoft:set-session-state":
		id, _ := body.Get("session-id").(string)
		held := c.held(q, id)
		if held == nil {
			return failed(memory.ErrSessionLockLost, q)
		}
		return sessionRequest(held, operation, body)
	default:
		return refused(501, condNotImplemented, "The operation %q is not supported.", operation)
	}
}

// held is the session that a link of this connection holds.
func (c *connection) held(q *memory.Queue, id string) *memory.Session {
	for _, s := range c.sessions {
		for _, l := range s.links {
			if o, ok := l.(*outlet); ok && o.held != nil && o.node.queue == q && o.held.ID() == id && !o.held.LockedUntil().IsZero() {
				return o.held
			}
		}
	}
	return nil
}

func sessionRequest(held *memory.Session, operation string, body amqp.Map) response {
	switch operation {
	case "com.microsoft:renew-session-lock":
		until, err := held.Renew()
		if err != nil {
			return failed(err, held.Queue())
		}
		return ok(amqp.Map{{Key: "expiration", Value: until}})
	case "com.microsoft:get-session-state":
		state, err := held.State()
		if err != nil {
			return failed(err, held.Queue())
		}
		if state == nil {
			return ok(amqp.Map{{Key: "session-state", Value: nil}})
		}
		return ok(amqp.Map{{Key: "session-state", Value: state}})
	default:
		state, _ := body.Get("session-state").([]byte)
		if len(state) == 0 {
			state = nil // the Go SDK cannot say nothing
		}
		if len(state) > bus.MaxMessageBytes {
			return refused(403, condTooLarge, "The state is larger than %d bytes.", bus.MaxMessageBytes)
		}
		if err := held.SetState(state); err != nil {
			return failed(err, held.Queue())
		}
		return ok(nil)
	}
}

// elements are those of a list or an array.
func elements(value any) []any {
	switch v := value.(type) {
	case []any:
		return v
	case amqp.Array:
		return v
	default:
		return nil
	}
}

func tokens(value any) []memory.LockToken {
	var list []memory.LockToken
	for _, element := range elements(value) {
		if id, ok := element.(amqp.UUID); ok {
			list = append(list, memory.LockToken(id))
		}
	}
	return list
}

func numbers(value any) []int64 {
	var list []int64
	for _, element := range elements(value) {
		list = append(list, number(element, 0))
	}
	return list
}

func number(value any, absent int64) int64 {
	switch v := value.(type) {
	case int64:
		return v
	case int32:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		return int64(v)
	default:
		return absent
	}
}

func renewLocks(q *memory.Queue, body amqp.Map) response {
	expirations := amqp.Array{}
	for _, token := range tokens(body.Get("lock-tokens")) {
		until, err := q.Renew(token)
		if err != nil {
			return failed(err, q)
		}
		expirations = append(expirations, until)
	}
	if len(expirations) == 0 {
		return refused(400, condArgument, "There are no lock tokens.")
	}
	return ok(amqp.Map{{Key: "expirations", Value: expirations}})
}

func updateDispositions(q *memory.Queue, body amqp.Map) response {
	var state amqp.State
	switch status := text(body.Get("disposition-status")); status {
	case "completed":
		state.Code = amqp.CodeAccepted
	case "abandoned":
		state.Code = amqp.CodeModified
	case "defered":
		state.Code, state.UndeliverableHere = amqp.CodeModified, true
	case "suspended":
		state.Code = amqp.CodeRejected
		state.Error = &amqp.Error{Condition: condDeadLetter, Info: amqp.Map{
			{Key: "DeadLetterReason", Value: body.Get("deadletter-reason")},
			{Key: "DeadLetterErrorDescription", Value: body.Get("deadletter-description")},
		}}
	default:
		return refused(400, condArgument, "There is no disposition %q.", status)
	}
	for _, token := range tokens(body.Get("lock-tokens")) {
		if err := settle(q, token, &state); err != nil {
			return failed(err, q)
		}
	}
	return ok(nil)
}

func schedule(q *memory.Queue, body amqp.Map) response {
	var envelopes []memory.Envelope
	for _, element := range elements(body.Get("messages")) {
		entry, _ := element.(amqp.Map)
		wire, _ := entry.Get("message").([]byte)
		message, err := amqp.ReadMessage(wire)
		if err != nil {
			return failed(err, q)
		}
		envelopes = append(envelopes, envelope(&message, wire))
	}
	sequence, err := q.Enqueue(envelopes...)
	if err != nil {
		return failed(err, q)
	}
	array := make(amqp.Array, len(sequence))
	for i, n := range sequence {
		array[i] = n
	}
	return ok(amqp.Map{{Key: "sequence-numbers", Value: array}})
}

func peek(q *memory.Queue, body amqp.Map) response {
	var session *string
	if id, ok := body.Get("session-id").(string); ok {
		session = &id
	}
	found := q.Peek(number(body.Get("from-sequence-number"), 0), int(number(body.Get("message-count"), 1)), session)
	if len(found) == 0 {
		return nothingFound
	}
	messages := make([]any, 0, len(found))
	size := 0
	for i := range found {
		encoded, err := appendDelivery(nil, &found[i], false)
		if err != nil {
			return failed(err, q)
		}
		if size += len(encoded); size > bus.MaxMessageBytes && len(messages) > 0 {
			break // the rest is for the next request
		}
		messages = append(messages, amqp.Map{{Key: "message", Value: encoded}})
	}
	return ok(amqp.Map{{Key: "messages", Value: messages}})
}

func (c *connection) receiveDeferred(q *memory.Queue, body amqp.Map) response {
	var messages []any
	for _, n := range numbers(body.Get("sequence-numbers")) {
		delivery, err := q.ReceiveDeferred(n)
		if err != nil {
			return failed(err, q)
		}
		encoded, err := appendDelivery(nil, &delivery, true)
		if err != nil {
			return failed(err, q)
		}
		if number(body.Get("receiver-settle-mode"), amqp.ReceiverSecond) == amqp.ReceiverFirst { // receive and delete
			if err := q.Complete(delivery.LockToken); err != nil {
				return failed(err, q)
			}
		}
		messages = append(messages, amqp.Map{{Key: "message", Value: encoded}, {Key: "lock-token", Value: amqp.UUID(delivery.LockToken)}})
	}
	if len(messages) == 0 {
		return nothingFound
	}
	return ok(amqp.Map{{Key: "messages", Value: messages}})
}

func listSessions(q *memory.Queue, body amqp.Map) response {
	skip, top := number(body.Get("skip"), 0), number(body.Get("top"), 100)
	all := q.Sessions()
	all = all[min(max(int(skip), 0), len(all)):]
	all = all[:min(max(int(top), 0), len(all))]
	if len(all) == 0 {
		return nothingFound
	}
	ids := make(amqp.Array, len(all))
	for i, id := range all {
		ids[i] = id
	}
	return ok(amqp.Map{{Key: "skip", Value: int32(skip)}, {Key: "sessions-ids", Value: ids}})
}
