package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/infra/local/ledgertest"
	"latchkey/shared/governance"
	"latchkey/shared/ledger"
	storememory "latchkey/shared/store/memory"
)

// user is a person with a client.
func user(name string) governance.Caller {
	return governance.Caller{Kind: governance.CallerUser, TenantID: "tenant", ObjectID: ledgertest.ID(name)}
}

// once writes a probe with a text under a key; body stands for the whole of the request. It answers with the id of the probe.
func (s stand) once(caller governance.Caller, key, body, text string) (string, error) {
	answer, err := s.Ledger.Once(context.Background(), caller, key, []byte(body), func(ctx context.Context) (ledger.Answer, error) {
		id, err := s.make(ctx, text)
		if err != nil {
			return ledger.Answer{}, err
		}
		data, err := json.Marshal(id)
		return ledger.Answer{Status: 201, ETag: "tag", Body: data}, err
	})
	id := ""
	if err == nil {
		err = json.Unmarshal(answer.Body, &id)
		if answer.Status != 201 || answer.ETag != "tag" {
			s.Errorf("the answer is %d %q", answer.Status, answer.ETag)
		}
	}
	return id, err
}

// make writes a probe; one without a text is refused.
func (s stand) make(ctx context.Context, text string) (string, error) {
	id := s.Ledger.NewID(ctx)
	if text == "" {
		return "", governance.Invalid("text", "The text is missing.")
	}
	done, err := s.update(ctx, probe{ID: id, Text: text})
	made, _ := ledger.Made[probe](done, id)
	return made.ID, err
}

// TestTheSameKeyAndBody: the command is done once and answered twice, with the same.
func TestTheSameKeyAndBody(t *testing.T) {
	s := newStand(t)
	first, err := s.once(user("alice"), "key", "body", "text")
	s.Must(err)
	s.Clock.Advance(23 * time.Hour)
	second, err := s.once(user("alice"), "key", "body", "text")
	s.Must(err)
	if first != second || s.probes() != 1 {
		t.Errorf("%s and %s, %d probes", first, second, s.probes())
	}
}

// TestTheSameKeyAndAnotherBody: a key stands for one request; another one with it is refused, and does nothing.
func TestTheSameKeyAndAnotherBody(t *testing.T) {
	s := newStand(t)
	_, err := s.once(user("alice"), "key", "body", "text")
	s.Must(err)
	_, err = s.once(user("alice"), "key", "other body", "other")
	s.Refused(err, governance.CodeConflict, "Idempotency-Key")
	if s.probes() != 1 {
		t.Errorf("%d probes", s.probes())
	}
}

// TestKeysAreOnesOwn: two callers may use the same key for different things.
func TestKeysAreOnesOwn(t *testing.T) {
	s := newStand(t)
	first, err := s.once(user("alice"), "key", "body", "text")
	s.Must(err)
	second, err := s.once(user("bob"), "key", "body", "text")
	s.Must(err)
	other := user("alice")
	other.AppID = ledgertest.ID("another client")
	third, err := s.once(other, "key", "body", "text")
	s.Must(err)
	if first == second || first == third || s.probes() != 3 {
		t.Errorf("%s, %s and %s, %d probes", first, second, third, s.probes())
	}
}

// TestACommandThatFailsFreesItsKey: after a mistake the same key serves the corrected request.
func TestACommandThatFailsFreesItsKey(t *testing.T) {
	s := newStand(t)
	_, err := s.once(user("alice"), "key", "wrong", "")
	s.Refused(err, governance.CodeInvalid)
	_, err = s.once(user("alice"), "key", "right", "text")
	s.Must(err)
	if s.probes() != 1 {
		t.Errorf("%d probes", s.probes())
	}
}

// TestACrashWithinACommand: a repetition after a crash, wherever it was, finds what was made and makes no second one.
func TestACrashWithinACommand(t *testing.T) {
	crash := errors.New("the process ends here")
	for _, c := range []struct {
		name   string
		before bool // the command was reached, but did nothing
		after  bool // the command was done, its answer was not kept
	}{{name: "after the claim", before: true}, {name: "after the command", after: true}} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			first := ""
			func() {
				defer func() {
					if recover() == nil {
						t.Fatal("it did not crash")
					}
				}()
				_, _ = s.Ledger.Once(t.Context(), user("alice"), "key", []byte("body"), func(ctx context.Context) (ledger.Answer, error) {
					if c.after {
						var err error
						first, err = s.make(ctx, "text")
						s.Must(err)
					}
					panic(crash)
				})
			}()
			again, err := s.once(user("alice"), "key", "body", "text")
			s.Must(err)
			if s.probes() != 1 || c.after && again != first {
				t.Errorf("%d probes: %s and %s", s.probes(), first, again)
			}
			_, err = s.once(user("alice"), "key", "other body", "text")
			s.Refused(err, governance.CodeConflict, "Idempotency-Key")
		})
	}
}

// TestAFreedKeyFindsNothingOfAnother: a command that was committed although its caller was told to come again frees its key; used for another request, the key does not
// answer with what the first one made.
func TestAFreedKeyFindsNothingOfAnother(t *testing.T) {
	s := newStand(t)
	_, err := s.Ledger.Once(t.Context(), user("alice"), "key", []byte("body"), func(ctx context.Context) (ledger.Answer, error) {
		_, err := s.make(ctx, "text")
		s.Must(err)
		return ledger.Answer{}, &governance.Error{Code: governance.CodeUnavailable, Message: "its answer was lost for good"}
	})
	s.Refused(err, governance.CodeUnavailable)
	second, err := s.once(user("alice"), "key", "other body", "other")
	s.Must(err)
	if found := s.stored(second); found.Value.Text != "other" || s.probes() != 2 {
		t.Errorf("answered with %+v; %d probes", found.Value, s.probes())
	}
}

// TestLostAnswersOfTheStore: a claim or an answer whose writing is unsure does not make a command run for two.
func TestLostAnswersOfTheStore(t *testing.T) {
	for name, faults := range map[string][]storememory.Fault{
		"the claim's answer":   {storememory.LostResponse},
		"the request's":        {storememory.NoFault, storememory.LostResponse},
		"the kept answer's":    {storememory.NoFault, storememory.NoFault, storememory.NoFault, storememory.LostResponse},
		"the kept answer":      {storememory.NoFault, storememory.NoFault, storememory.NoFault, storememory.Unavailable},
		"the claim, throttled": {storememory.Throttle},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t)
			s.Faults(storememory.OpCommit, faults...)
			first, err := s.once(user("alice"), "key", "body", "text")
			if err != nil {
				s.Refused(err, governance.CodeThrottled)
			}
			second, err := s.once(user("alice"), "key", "body", "text")
			s.Must(err)
			if first != "" && first != second || s.probes() != 1 {
				t.Errorf("%s and %s, %d probes", first, second, s.probes())
			}
		})
	}
}

// again writes a probe without a key, as the first attempt or a later one; texts may repeat. It answers with the id of the probe.
func (s stand) again(later bool) (string, error) {
	answer, err := s.Ledger.Again(context.Background(), user("alice"), ledger.Repeatable{What: []byte("body"), Again: later,
		Do: func(ctx context.Context) (ledger.Answer, error) {
			id, err := s.make(ctx, "text")
			return ledger.Answer{Status: 201, Body: json.RawMessage(`"` + id + `"`)}, err
		},
		Found: func(context.Context, ledger.Answer) (bool, error) { return true, nil },
	})
	return strings.Trim(string(answer.Body), `"`), err
}

// TestANewSeriesOfAttempts: what fails before or while it is committed is done when it is sent again, and does not hear of an earlier command of the same content; what cannot be remembered is not done.
func TestANewSeriesOfAttempts(t *testing.T) {
	const tries = 12
	for name, c := range map[string]struct{ good, bad int }{"it cannot be remembered": {0, tries}, "it cannot be committed": {1, tries}} {
		for _, repeated := range []bool{false, true} { // the same was done before
			t.Run(fmt.Sprintf("%s, repeated %t", name, repeated), func(t *testing.T) {
				s := newStand(t)
				before, earlier := 0, ""
				if repeated {
					var err error
					earlier, err = s.again(false)
					s.Must(err)
					before = 1
				}
				s.Faults(storememory.OpCommit, slices.Concat(slices.Repeat([]storememory.Fault{storememory.NoFault}, c.good), slices.Repeat([]storememory.Fault{storememory.Unavailable}, c.bad))...)
				_, err := s.again(false)
				s.Refused(err, governance.CodeUnavailable)
				if s.probes() != before {
					t.Fatalf("%d probes after what failed", s.probes())
				}
				if c.good == 0 && repeated { // nothing can tell this from an earlier attempt that was heard
					return
				}
				made, err := s.again(true)
				s.Must(err)
				same, err := s.again(true)
				s.Must(err)
				if made == earlier || same != made || s.probes() != before+1 {
					t.Errorf("%q before, then %q and %q; %d probes", earlier, made, same, s.probes())
				}
			})
		}
	}
}

// TestTheSameKeyAtOnce: a client that sends the same twice at the same time gets the same answer twice.
func TestTheSameKeyAtOnce(t *testing.T) {
	s := newStand(t)
	const clients = 8
	answers := make([]string, clients)
	errs := make([]error, clients)
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			for range 20 {
				if answers[i], errs[i] = s.once(user("alice"), "key", "body", "text"); ledger.CodeOf(errs[i]) != governance.CodeUnavailable {
					return
				}
			}
		})
	}
	wait.Wait()
	s.Must(errors.Join(errs...))
	for _, answer := range answers {
		if answer != answers[0] {
			t.Errorf("answered with %v", answers)
			break
		}
	}
	if s.probes() != 1 {
		t.Errorf("%d probes", s.probes())
	}
}

// TestKeysHaveALimit: a key that is longer than any client needs is refused.
func TestKeysHaveALimit(t *testing.T) {
	s := newStand(t)
	_, err := s.once(user("alice"), strings.Repeat("k", ledger.MaxIdempotencyKey+1), "body", "text")
	s.Refused(err, governance.CodeInvalid, "Idempotency-Key")
	_, err = s.once(user("alice"), strings.Repeat("k", ledger.MaxIdempotencyKey), "body", "text")
	s.Must(err)
}
