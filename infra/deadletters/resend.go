package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus"

	"latchkey/shared/governance"
)

// patience is how long a queue may take to hand over its next dead letters; then there are none.
const patience = 5 * time.Second

// resend sends each message once more and then takes it from the dead letters. Broken off in between, it leaves the message there, and the next run sends the same copy again.
func resend(ctx context.Context, client *azservicebus.Client, queue string, o options, out io.Writer) error {
	receiver, err := open(client, queue)
	if err != nil {
		return err
	}
	defer func() { _ = receiver.Close(context.WithoutCancel(ctx)) }()
	sender, err := client.NewSender(queue, nil)
	if err != nil {
		return err
	}
	defer func() { _ = sender.Close(context.WithoutCancel(ctx)) }()
	there, err := peek(ctx, receiver, o.Max) // to ask for more than there are would hold what is given back below
	if err != nil {
		return err
	}
	sent, seen := 0, 0
	var others []*azservicebus.ReceivedMessage // stay locked until the end, so that they do not come again
	for seen < len(there) {
		messages, err := receive(ctx, receiver, len(there)-seen)
		if err != nil {
			return err
		}
		if len(messages) == 0 {
			break // somebody else was here
		}
		for _, m := range messages {
			seen++
			if !o.wanted(m) {
				others = append(others, m)
				continue
			}
			if err := sender.SendMessage(ctx, again(queue, m), nil); err != nil {
				return fmt.Errorf("send %s again: %w", m.MessageID, err)
			}
			if err := receiver.CompleteMessage(ctx, m, nil); err != nil {
				return fmt.Errorf("%s was sent again and is still a dead letter; run this once more: %w", m.MessageID, err)
			}
			describe(out, queue, m)
			sent++
		}
	}
	for _, m := range others {
		if err := receiver.AbandonMessage(ctx, m, nil); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(out, "%s: %d sent again, %d left%s\n", queue, sent, len(others), more(seen, o.Max))
	return err
}

func receive(ctx context.Context, receiver *azservicebus.Receiver, most int) ([]*azservicebus.ReceivedMessage, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	messages, err := receiver.ReceiveMessages(waiting, most, nil)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, nil
	}
	return messages, err
}

// again is a message to be sent once more. Its id is another one, since the queue drops for ten minutes what has the id of a message that it has seen; and it is the same one each time that
// this dead letter is sent. What is done twice does no harm: effects know themselves by what is in the message.
func again(queue string, m *azservicebus.ReceivedMessage) *azservicebus.Message {
	sequence := int64(0)
	if m.SequenceNumber != nil {
		sequence = *m.SequenceNumber
	}
	id := "resent-" + governance.NameID(queue+" "+m.MessageID+" "+strconv.FormatInt(sequence, 10))
	properties := map[string]any{}
	for name, value := range m.ApplicationProperties {
		if name != "DeadLetterReason" && name != "DeadLetterErrorDescription" {
			properties[name] = value
		}
	}
	return &azservicebus.Message{
		MessageID: &id, SessionID: sessionOf(queue, m), Subject: m.Subject, CorrelationID: m.CorrelationID, ContentType: m.ContentType, ApplicationProperties: properties, Body: m.Body,
	}
}
