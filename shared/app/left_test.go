package app_test

import (
	"context"
	"encoding/json"
	"testing"

	"latchkey/shared/bus"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
)

// away is a bus that is away.
type away struct{ bus.Bus }

func (away) Send(context.Context, string, ...bus.Message) error { return bus.ErrUnavailable }

// TestARepetitionSendsWhatTheFirstLeft: the first call committed and died before its effects were on the bus; who sends it again, with a key or with Retry-Attempt, does not wait for the timer. No rule of Microsoft's: issue 11.
func TestARepetitionSendsWhatTheFirstLeft(t *testing.T) {
	for _, keyed := range []bool{true, false} {
		s := newStand(t)
		packageID := s.pack(s.catalog("catalog"), "package", member(g1))
		s.policy(openPolicy(packageID))
		s.drain()
		dead := s.options
		dead.Bus = away{s.Broker}
		send := func(app *everything, again bool) {
			t.Helper()
			do := func(ctx context.Context) (ledger.Answer, error) {
				made, err := app.SubmitRequest(ctx, user(alice), request(packageID))
				body, _ := json.Marshal(made)
				return ledger.Answer{Status: 201, Body: body}, err
			}
			var err error
			if keyed {
				_, err = app.ledger.Once(t.Context(), user(alice), "key", []byte("request"), do)
			} else {
				_, err = app.ledger.Again(t.Context(), user(alice), ledger.Repeatable{What: []byte("request"), Again: again, Do: do, Found: func(context.Context, ledger.Answer) (bool, error) { return true, nil }})
			}
			s.must(err)
		}
		queued := func() int64 {
			counts, err := s.Broker.Counts(bus.Provisioning)
			s.must(err)
			return int64(counts.Active)
		}
		send(wired(dead), false)
		if n := queued(); n != 0 {
			t.Fatalf("keyed %t: %d effects are on the bus that is away", keyed, n)
		}
		send(s.app, true)
		if n := queued(); n != 1 {
			t.Errorf("keyed %t: %d effects are on the bus after the repetition", keyed, n)
		}
		s.drain()
		if !s.directory.IsMember(g1, alice) {
			t.Errorf("keyed %t: nothing was delivered", keyed)
		}
		page, err := s.app.ListRequests(t.Context(), admin(), ledger.ListOptions{})
		s.must(err)
		if len(page.Items) != 1 || page.Items[0].Value.State != governance.StateDelivered {
			t.Errorf("keyed %t: the requests are %+v", keyed, page.Items)
		}
	}
}
