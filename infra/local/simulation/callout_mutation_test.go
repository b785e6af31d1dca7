package simulation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"latchkey/shared/app/companion"
	"latchkey/shared/bus"
	"latchkey/shared/directory"
	"latchkey/shared/governance"
	"latchkey/shared/platform"
	"latchkey/shared/store"
)

// TestCalloutMutations breaks what callouts rest on, one thing at a time, and wants the very rule that forbids it to see it.
func TestCalloutMutations(t *testing.T) {
	t.Parallel()
	onActions := func(do func(directory.Actions) directory.Actions) Sabotage { return Sabotage{Actions: do} }
	stripped := func(kind, property string) Sabotage {
		return Sabotage{Store: func(inner store.Store) store.Store { return stripping{inner, kind, property} }}
	}
	testMutations(t, []mutation{
		{"the source is told twice, with two answers", "answers", onActions(func(inner directory.Actions) directory.Actions { return talkative{inner} })},
		{"the source is told when its time is over", "late", onActions(func(inner directory.Actions) directory.Actions { return &nagging{Actions: inner} })},
		{"a pass is issued beside another", "passes", Sabotage{Passes: true}},
		{"passes that were taken away stay", "passes", onActions(func(inner directory.Actions) directory.Actions { return keeping{inner} })},
		{"an error quotes the pass", "leak", onActions(func(inner directory.Actions) directory.Actions { return quoting{inner} })},
		{"nobody is signed out", "effect", onActions(func(inner directory.Actions) directory.Actions { return lazy{inner} })},
		{"what is done for a time is not undone", "followUp", stripped("task", "followUpDateTime")},
		{"the newest callout is forgotten", "claims", stripped("head", "taskClaims")},
		{"the effects of callouts are lost", "effect", Sabotage{Store: func(inner store.Store) store.Store { return withoutWork{inner} }}},
		{"messages for callouts are lost", "effect", Sabotage{Bus: func(inner bus.Bus) bus.Bus { return &losing{Bus: inner} }}},
		{"changes of the groups are forgotten", "newest", Sabotage{Directory: func(inner directory.Directory) directory.Directory {
			return &forgetful{Directory: inner, removals: true}
		}}},
		{"a delivery that is repeated is another", "effect", Sabotage{Outbound: func(inner companion.Outbound) companion.Outbound { return &renaming{Outbound: inner} }}},
		{"a delivery that is repeated says something else", "twice", Sabotage{Outbound: func(inner companion.Outbound) companion.Outbound { return &counting{Outbound: inner} }}},
	})
}

// talkative tells the source what it is told, and then something else.
type talkative struct{ directory.Actions }

func (a talkative) Resume(ctx context.Context, path string, body []byte) error {
	if err := a.Actions.Resume(ctx, path, body); err != nil {
		return err
	}
	_ = a.Actions.Resume(ctx, path, bytes.Replace(body, []byte(`"source":"Latchkey"`), []byte(`"source":"Latchkey again"`), 1)) // it is refused, and should never have been sent
	return nil
}

// nagging tells each source again whenever it tells one.
type nagging struct {
	directory.Actions
	told []struct {
		path string
		body []byte
	}
}

func (a *nagging) Resume(ctx context.Context, path string, body []byte) error {
	for _, one := range a.told {
		_ = a.Actions.Resume(ctx, one.path, one.body)
	}
	a.told = append(a.told, struct {
		path string
		body []byte
	}{path, body})
	return a.Actions.Resume(ctx, path, body)
}

// keeping keeps every pass.
type keeping struct{ directory.Actions }

func (keeping) DeletePass(context.Context, string, string) error { return nil }

// quoting says in its error what it should not.
type quoting struct{ directory.Actions }

func (a quoting) IssuePass(ctx context.Context, userID string, order directory.PassOrder) (governance.AccessPass, governance.Secret, error) {
	pass, value, err := a.Actions.IssuePass(ctx, userID, order)
	if err != nil {
		return pass, value, err
	}
	return pass, value, fmt.Errorf("%w: the answer %q was cut off", directory.ErrUnavailable, value.Reveal())
}

// lazy signs nobody out.
type lazy struct{ directory.Actions }

func (lazy) RevokeSessions(context.Context, string) error { return nil }

// stripping loses a property of all documents of a kind.
type stripping struct {
	store.Store
	kind, property string
}

func (s stripping) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	operations = slices.Clone(operations)
	for i, operation := range operations {
		var body map[string]json.RawMessage
		if operation.Document.Kind != s.kind || json.Unmarshal(operation.Document.Body, &body) != nil || body[s.property] == nil {
			continue
		}
		delete(body, s.property)
		operations[i].Document.Body, _ = json.Marshal(body)
	}
	return s.Store.Commit(ctx, container, partition, operations)
}

// withoutWork loses the effects that callouts are worked on by.
type withoutWork struct{ store.Store }

func (s withoutWork) Commit(ctx context.Context, container store.Container, partition string, operations []store.Operation) ([]string, error) {
	kept := slices.DeleteFunc(slices.Clone(operations), func(o store.Operation) bool { return bytes.Contains(o.Document.Body, []byte(`"kind":"task"`)) })
	etags, err := s.Store.Commit(ctx, container, partition, kept)
	for len(etags) < len(operations) && err == nil {
		etags = append(etags, "")
	}
	return etags, err
}

// losing loses every third message for callouts.
type losing struct {
	bus.Bus
	sends int
}

func (b *losing) Send(ctx context.Context, queue string, messages ...bus.Message) error {
	if queue == bus.Extensions {
		if b.sends++; b.sends%3 == 0 {
			return nil
		}
	}
	return b.Bus.Send(ctx, queue, messages...)
}

// renaming gives every third delivery an id of its own.
type renaming struct {
	companion.Outbound
	sends int
}

func (o *renaming) Send(ctx context.Context, call platform.OutboundCall) (platform.OutboundReply, error) {
	if o.sends++; o.sends%3 == 0 && call.Header.Get("Latchkey-Delivery") != "" {
		call.Header.Set("Latchkey-Delivery", governance.NameID(fmt.Sprint("delivery", o.sends)))
	}
	return o.Outbound.Send(ctx, call)
}

// counting puts a number into every delivery.
type counting struct {
	companion.Outbound
	sends int
}

func (o *counting) Send(ctx context.Context, call platform.OutboundCall) (platform.OutboundReply, error) {
	o.sends++
	call.Body = fmt.Appendf(nil, `{"n":%d,%s`, o.sends, bytes.TrimPrefix(call.Body, []byte("{")))
	return o.Outbound.Send(ctx, call)
}
